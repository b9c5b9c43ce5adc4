/*
 * vector.h: text files of cases.
 *
 *     # what the file is about
 *     == kind: what the case shows
 *     the wire, to the line before the next mark
 *     == gives
 *     what it becomes, up to an empty line before the next case
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "tap.h"

#include <dirent.h>

enum { VECTOR_ARENA_MAX = 1 << 26 };

struct vector {
    struct fh_slice kind, name, wire, want;
};

/* take_case takes the next case off the front of a file. */
static inline bool take_case(struct fh_slice *text, struct vector *v)
{
    struct fh_slice gives = FH_LIT("== gives\n"), next = FH_LIT("\n\n== "), head = FH_NONE;
    size_t at = fh_search(*text, FH_LIT("== "));

    *text = fh_tail(*text, at);
    if (!fh_take(text, FH_LIT("== "))) {
        return false;
    }
    assert_true(fh_split(text, '\n', &head));
    assert_true(fh_split(&head, ':', &v->kind));
    v->name = fh_trim(head);
    at = fh_search(*text, gives);
    assert_true(at < text->len);
    v->wire = fh_head(*text, at);
    *text = fh_tail(*text, at + gives.len);
    at = fh_search(*text, next);
    v->want = fh_head(*text, fh_min(at + 1, text->len));
    *text = fh_tail(*text, v->want.len);
    return true;
}

/* vector_stripped drops empty lines at the end: they are there for the reader. */
static inline struct fh_slice vector_stripped(struct fh_slice s)
{
    while (s.len > 0 && s.ptr[s.len - 1] == '\n') {
        s = fh_head(s, s.len - 1);
    }
    return s;
}

typedef void vector_fn(struct fh_arena *arena, const struct vector *v);

/* vector_each runs `fn` on each case of a folder's *.tv, with an arena of its own; how many there
 * were. Files named fields*.tv are written in another way and read by others. */
static inline size_t vector_each(const char *folder, vector_fn *fn)
{
    FH_AUTO(fh_arena_free) struct fh_arena *files = fh_arena_new(VECTOR_ARENA_MAX);
    const char *root = getenv("FREEHOLD_SOURCE_ROOT");
    char path[1024];
    size_t count = 0;

    (void)snprintf(path, sizeof(path), "%s/%s", root == NULL ? "." : root, folder);
    DIR *dir = opendir(path);

    assert_non_null(dir);
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        struct fh_slice text = FH_NONE;
        struct vector v;

        if (!fh_ends(fh_cstr(e->d_name), FH_LIT(".tv")) ||
            fh_starts(fh_cstr(e->d_name), FH_LIT("fields"))) {
            continue;
        }
        (void)snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
        assert_true(tap_read_file(path, files, &text));
        while (take_case(&text, &v)) {
            FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(VECTOR_ARENA_MAX);

            tap_context("%s: %.*s: %.*s", e->d_name, FH_ARG(v.kind), FH_ARG(v.name));
            fn(arena, &v);
            count++;
        }
    }
    (void)closedir(dir);
    return count;
}
