/* read.c: walks the members of an object and asks, for each, the table, the ledger, and nobody.
 * SPDX-License-Identifier: Apache-2.0 */
#include "chat/read.h"

#include <stdarg.h>

enum { SENTENCE_MAX = 2048, SHOWN_MAX = 48 };

const char *fh_json_kind(yyjson_val *val)
{
    switch (yyjson_get_type(val)) {
    case YYJSON_TYPE_NULL:
        return "null";
    case YYJSON_TYPE_BOOL:
        return yyjson_is_true(val) ? "true" : "false";
    case YYJSON_TYPE_RAW:
    case YYJSON_TYPE_NUM:
        return "a number";
    case YYJSON_TYPE_STR:
        return "a string";
    case YYJSON_TYPE_ARR:
        return "a list";
    case YYJSON_TYPE_OBJ:
        return "an object";
    default:
        return "nothing";
    }
}

/* complain fills r->why; `say` is what is said of the place. */
FH_PRINTF(5, 0)
static enum fh_rc complain(struct fh_reader *r, const struct fh_path *at, enum fh_refusal kind,
                           enum fh_rc rc, const char *fmt, va_list args)
{
    struct fh_buf text = fh_buf_in_arena(r->arena, SENTENCE_MAX);
    struct fh_slice pointer = fh_path_print(at, FH_NONE, r->arena);

    fh_buf_append(&text, pointer.len == 0 ? FH_LIT("the body") : pointer);
    fh_buf_byte(&text, ' ');
    fh_buf_vprintf(&text, fmt, args);
    *r->why = (struct fh_complaint){kind, fh_buf_slice(&text), pointer};
    return rc;
}

FH_PRINTF(5, 6)
static enum fh_rc say(struct fh_reader *r, const struct fh_path *at, enum fh_refusal kind,
                      enum fh_rc rc, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    rc = complain(r, at, kind, rc, fmt, args);
    va_end(args);
    return rc;
}

enum fh_rc fh_read_wrong(struct fh_reader *r, const struct fh_path *at, const char *right,
                         yyjson_val *got)
{
    return say(r, at, FH_REFUSE_BAD_REQUEST, FH_E_TYPE, "must be %s, not %s", right,
               fh_json_kind(got));
}

enum fh_rc fh_read_want_object(struct fh_reader *r, const struct fh_path *at, yyjson_val *got)
{
    return yyjson_is_obj(got) ? FH_OK : fh_read_wrong(r, at, "an object", got);
}

enum fh_rc fh_read_missing(struct fh_reader *r, const struct fh_path *object, const char *what)
{
    return say(r, object, FH_REFUSE_BAD_REQUEST, FH_E_MISSING, "must have %s", what);
}

enum fh_rc fh_read_refuse(struct fh_reader *r, const struct fh_path *at, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    enum fh_rc rc = complain(r, at, FH_REFUSE_BAD_REQUEST, FH_E_TYPE, fmt, args);
    va_end(args);
    return rc;
}

enum fh_rc fh_read_too_much(struct fh_reader *r, const struct fh_path *at)
{
    return say(r, at, FH_REFUSE_TOO_LARGE, FH_E_LIMIT, "has more in it than is accepted");
}

enum fh_rc fh_read_document(struct fh_reader *r, struct fh_slice body, yyjson_val **root)
{
    struct fh_error error;
    enum fh_rc rc = fh_json_parse(r->arena, body, root, &error);

    if (rc == FH_E_LIMIT) {
        return fh_read_too_much(r, NULL);
    }
    if (rc != FH_OK) {
        return say(r, NULL, FH_REFUSE_BAD_REQUEST, rc, "must be JSON: %s at byte %llu",
                   error.what, (unsigned long long)error.at);
    }
    return fh_read_want_object(r, NULL, *root);
}

size_t fh_read_word(const struct fh_slice *words, size_t count, struct fh_slice word)
{
    size_t i = 0;

    while (i < count && !fh_eq(words[i], word)) {
        i++;
    }
    return i;
}

bool fh_json_says(yyjson_val *obj, struct fh_slice key, struct fh_slice word)
{
    return fh_eq(fh_json_text(fh_json_get(obj, key)), word);
}

struct fh_slice fh_read_shown(struct fh_slice text)
{
    return fh_utf8_head(text, SHOWN_MAX);
}

/* take_last parts the last token off a pointer. */
static struct fh_slice take_last(struct fh_slice *pointer)
{
    size_t at = pointer->len;

    while (at > 0 && pointer->ptr[at - 1] != '/') {
        at--;
    }
    struct fh_slice token = fh_tail(*pointer, at);

    *pointer = fh_head(*pointer, at > 0 ? at - 1 : 0);
    return token;
}

bool fh_path_is(const struct fh_path *path, struct fh_slice pointer)
{
    for (; path != NULL && pointer.len > 0; path = path->up) {
        struct fh_slice token = take_last(&pointer);
        bool index = path->key.ptr == NULL;

        if (index ? !fh_eq(token, FH_LIT("#")) : !fh_eq(token, path->key)) {
            return false;
        }
    }
    return path == NULL && pointer.len == 0;
}

struct fh_extra *fh_read_keep(struct fh_reader *r, struct fh_extras *extras,
                              const struct fh_path *at, yyjson_val *value)
{
    return fh_extra_add(extras, r->arena, at->up, at->key, value);
}

static enum fh_rc read_val(struct fh_reader *r, const struct fh_path *at, yyjson_val *value,
                           bool right, const char *what, void *field)
{
    if (!right) {
        return fh_read_wrong(r, at, what, value);
    }
    *(yyjson_val **)field = value;
    return FH_OK;
}

static enum fh_rc read_member(struct fh_reader *r, const struct fh_member *m, void *into,
                              const struct fh_path *at, yyjson_val *value)
{
    void *field = (uint8_t *)into + m->offset;

    switch (m->kind) {
    case FH_MEMBER_TEXT:
        if (!yyjson_is_str(value)) {
            return fh_read_wrong(r, at, "a string", value);
        }
        *(struct fh_slice *)field = fh_json_text(value);
        return FH_OK;
    case FH_MEMBER_NUMBER:
        return read_val(r, at, value, yyjson_is_raw(value), "a number", field);
    case FH_MEMBER_OBJECT:
        return read_val(r, at, value, yyjson_is_obj(value), "an object", field);
    case FH_MEMBER_LIST:
        return read_val(r, at, value, yyjson_is_arr(value), "a list", field);
    case FH_MEMBER_ANY:
        return read_val(r, at, value, true, "anything", field);
    case FH_MEMBER_FLAG:
    case FH_MEMBER_BOOL:
        if (!yyjson_is_bool(value)) {
            return fh_read_wrong(r, at, "true or false", value);
        }
        if (m->kind == FH_MEMBER_BOOL) {
            *(bool *)field = yyjson_is_true(value);
        } else {
            *(int8_t *)field = yyjson_is_true(value) ? 1 : 0;
        }
        return FH_OK;
    case FH_MEMBER_READ:
        return m->read(r, into, at, value);
    case FH_MEMBER_SKIP:
        break;
    }
    return FH_OK;
}

/* value_at finds the value of the ledger that stands at a path; FH_VALUES when none does. */
static enum fh_field value_at(const struct fh_reader *r, const struct fh_path *at)
{
    enum fh_field field = 0;

    if (r->cells == NULL) {
        return (enum fh_field)FH_VALUES;
    }
    while ((int)field < FH_VALUES &&
           (r->cells[field].pointer.len == 0 || !fh_path_is(at, r->cells[field].pointer))) {
        field++;
    }
    return field;
}

static enum fh_rc read_value(struct fh_reader *r, enum fh_field field, const struct fh_path *at,
                             yyjson_val *value)
{
    static const enum fh_member_kind kinds[] = {
        [FH_TYPE_NUMBER] = FH_MEMBER_NUMBER, [FH_TYPE_TEXT] = FH_MEMBER_ANY,
        [FH_TYPE_FLAG] = FH_MEMBER_ANY,      [FH_TYPE_LIST] = FH_MEMBER_LIST,
        [FH_TYPE_OBJECT] = FH_MEMBER_OBJECT, [FH_TYPE_ANY] = FH_MEMBER_ANY,
    };
    enum fh_value_type type = fh_field_row(field)->type;
    const struct fh_member member = {.kind = kinds[type]};

    if (r->req->value[field] != NULL) {
        return fh_read_refuse(r, at, "stands twice in its object; once would be right");
    }
    if (type == FH_TYPE_TEXT && !yyjson_is_str(value)) {
        return fh_read_wrong(r, at, "a string", value);
    }
    if (type == FH_TYPE_FLAG && !yyjson_is_bool(value)) {
        return fh_read_wrong(r, at, "true or false", value);
    }
    return read_member(r, &member, &r->req->value[field], at, value);
}

static enum fh_rc read_one(struct fh_reader *r, const struct fh_shape *shape, void *into,
                           struct fh_extras *extras, const struct fh_path *at,
                           yyjson_val *value, uint64_t *seen)
{
    size_t i = 0;

    if (yyjson_is_null(value)) {
        (void)fh_read_keep(r, extras, at, value);
        return FH_OK;
    }
    while (i < shape->count && !fh_eq(shape->members[i].key, at->key)) {
        i++;
    }
    if (i < shape->count && (*seen >> i & 1U) != 0) {
        return fh_read_refuse(r, at, "stands twice in its object; once would be right");
    }
    if (i < shape->count) {
        *seen |= (uint64_t)1 << i;
        return read_member(r, &shape->members[i], into, at, value);
    }
    enum fh_field field = value_at(r, at);

    if ((int)field < FH_VALUES) {
        return read_value(r, field, at, value);
    }
    enum fh_rc rc = r->beside == NULL ? FH_E_SUPPORT : r->beside(r, into, at, value);

    if (rc != FH_E_SUPPORT) {
        return rc;
    }
    (void)fh_read_keep(r, extras, at, value);
    return FH_OK;
}

enum fh_rc fh_read_object(struct fh_reader *r, const struct fh_shape *shape, void *into,
                          struct fh_extras *extras, const struct fh_path *at, yyjson_val *obj)
{
    yyjson_obj_iter iter = yyjson_obj_iter_with(obj);
    uint64_t seen = 0;

    FH_ASSERT(shape->count <= FH_MEMBERS_MAX);
    FH_TRY(fh_read_want_object(r, at, obj));
    for (yyjson_val *key = NULL; (key = yyjson_obj_iter_next(&iter)) != NULL;) {
        struct fh_path member = {.up = at, .key = fh_json_text(key)};

        if (fh_arena_try(r->arena, 1) == NULL) {
            return fh_read_too_much(r, &member);
        }
        FH_TRY(read_one(r, shape, into, extras, &member, yyjson_obj_iter_get_val(key), &seen));
    }
    for (size_t i = 0; i < shape->count; i++) {
        if (shape->members[i].needed && (seen >> i & 1U) == 0) {
            struct fh_path member = {.up = at, .key = shape->members[i].key};

            return say(r, &member, FH_REFUSE_BAD_REQUEST, FH_E_MISSING,
                       "is required and is not there");
        }
    }
    return FH_OK;
}

enum fh_rc fh_read_list(struct fh_reader *r, void *into, const struct fh_path *at,
                        yyjson_val *list, fh_member_fn *read)
{
    yyjson_arr_iter iter = yyjson_arr_iter_with(list);
    struct fh_path item = {.up = at};

    if (!yyjson_is_arr(list)) {
        return fh_read_wrong(r, at, "a list", list);
    }
    for (yyjson_val *value = NULL; (value = yyjson_arr_iter_next(&iter)) != NULL;
         item.index++) {
        if (fh_arena_try(r->arena, 1) == NULL) {
            return fh_read_too_much(r, &item);
        }
        FH_TRY(read(r, into, &item, value));
    }
    return FH_OK;
}
