/*
 * read.h: objects of a schema, read by tables of members.
 *
 *     object ──▶ its table: a field each ──▶ values of the ledger, by pointer ──▶ extras: the rest
 *
 * Every decoder of a request is made of such tables. A member that is null counts as not given and
 * is kept as an extra. A member that stands twice is refused: two parsers may take different ones.
 * What no table knows is an extra, with its pointer; so nothing is lost by not being thought of.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "chat/request.h"

struct fh_reader;

/* `into` is the struct of the object, `at` the member's own path. */
typedef enum fh_rc fh_member_fn(struct fh_reader *r, void *into, const struct fh_path *at,
                                yyjson_val *value);

struct fh_reader {
    struct fh_arena *arena;
    struct fh_chat_request *req;
    const struct fh_cell *cells; /* of the dialect that is read; NULL: it has no values */
    struct fh_complaint *why;
    void *own;            /* what the dialect's own functions want beside */
    fh_member_fn *beside; /* NULL, or asked about a member that no table and no ledger has;
                             FH_E_SUPPORT makes it an extra */
};

/* What a member is, and where it goes. */
enum fh_member_kind {
    FH_MEMBER_TEXT,   /* a string, into a struct fh_slice */
    FH_MEMBER_NUMBER, /* as it was written, into a yyjson_val * */
    FH_MEMBER_OBJECT, /* into a yyjson_val * */
    FH_MEMBER_LIST,   /* into a yyjson_val * */
    FH_MEMBER_ANY,    /* into a yyjson_val * */
    FH_MEMBER_FLAG,   /* true or false, into an int8_t (-1: not given) */
    FH_MEMBER_BOOL,   /* true or false, into a bool */
    FH_MEMBER_READ,   /* `read` sees to it; `field` is where `offset` points */
    FH_MEMBER_SKIP,   /* read elsewhere */
};

struct fh_member {
    struct fh_slice key;
    enum fh_member_kind kind;
    size_t offset; /* in the struct that is filled */
    fh_member_fn *read;
    bool needed;
};

struct fh_shape {
    const struct fh_member *members;
    size_t count; /* at most FH_MEMBERS_MAX */
};

enum { FH_MEMBERS_MAX = 64 };

#define FH_SHAPE(rows) ((struct fh_shape){(rows), FH_LEN(rows)})

/* Rows of a table. */
#define FH_MEMBER(name, kind, type, field)                                      \
    {                                                                           \
        FH_LIT_INIT(name), FH_MEMBER_##kind, offsetof(type, field), NULL, false \
    }
#define FH_MEMBER_NEEDED(name, kind, type, field)                              \
    {                                                                          \
        FH_LIT_INIT(name), FH_MEMBER_##kind, offsetof(type, field), NULL, true \
    }
#define FH_MEMBER_BY(name, fn)                          \
    {                                                   \
        FH_LIT_INIT(name), FH_MEMBER_READ, 0, fn, false \
    }
#define FH_MEMBER_NEEDED_BY(name, fn)                  \
    {                                                  \
        FH_LIT_INIT(name), FH_MEMBER_READ, 0, fn, true \
    }
#define FH_MEMBER_IGNORED(name)                           \
    {                                                     \
        FH_LIT_INIT(name), FH_MEMBER_SKIP, 0, NULL, false \
    }

/* fh_read_object reads the members of `obj` that `shape` has into `into`, those that are values of
 * the ledger into r->req->value, and keeps the others in `extras`.
 *
 * Returns  FH_OK; else r->why says what is wrong at which pointer. FH_E_LIMIT when the arena is
 *          full: a peer says how many members there are.
 */
enum fh_rc fh_read_object(struct fh_reader *r, const struct fh_shape *shape, void *into,
                          struct fh_extras *extras, const struct fh_path *at, yyjson_val *obj);

/* fh_read_list calls `read` for each element of a list, `at` being the element's path; FH_E_TYPE
 * when `list` is none. */
enum fh_rc fh_read_list(struct fh_reader *r, void *into, const struct fh_path *at,
                        yyjson_val *list, fh_member_fn *read);

/* fh_read_keep puts a member that was understood, but has no field, among the extras. */
struct fh_extra *fh_read_keep(struct fh_reader *r, struct fh_extras *extras,
                              const struct fh_path *at, yyjson_val *value);

/* fh_read_wrong says that something has the wrong type: "/a/b must be a string, not a list". */
enum fh_rc fh_read_wrong(struct fh_reader *r, const struct fh_path *at, const char *right,
                         yyjson_val *got);

/* fh_read_want_object says so unless `got` is an object. */
enum fh_rc fh_read_want_object(struct fh_reader *r, const struct fh_path *at, yyjson_val *got);

/* fh_read_missing says what an object must have and has not: "/a/b must have a name". */
enum fh_rc fh_read_missing(struct fh_reader *r, const struct fh_path *object, const char *what);

/* fh_read_refuse says anything else about a place, as BAD_REQUEST. */
FH_PRINTF(3, 4)
enum fh_rc fh_read_refuse(struct fh_reader *r, const struct fh_path *at, const char *fmt, ...);

/* fh_read_too_much says that the arena is full: TOO_LARGE. */
enum fh_rc fh_read_too_much(struct fh_reader *r, const struct fh_path *at);

/* fh_read_document parses a whole body that has to be an object. */
enum fh_rc fh_read_document(struct fh_reader *r, struct fh_slice body, yyjson_val **root);

/* fh_read_word finds a word's number in a list of words; the list's length when it has none. */
size_t fh_read_word(const struct fh_slice *words, size_t count, struct fh_slice word);

/* fh_json_says says whether a member of an object is this string. */
FH_NODISCARD bool fh_json_says(yyjson_val *obj, struct fh_slice key, struct fh_slice word);

/* fh_read_shown cuts what a peer wrote to a length that fits into a sentence. */
struct fh_slice fh_read_shown(struct fh_slice text);

/* fh_json_kind names the JSON type of a value, for sentences: "a string". */
const char *fh_json_kind(yyjson_val *val);

/* fh_path_is says whether a path is that of `pointer`, in which "#" stands for any index. */
FH_NODISCARD bool fh_path_is(const struct fh_path *path, struct fh_slice pointer);
