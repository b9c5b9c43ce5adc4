/*
 * tap.h: cmocka with the headers it wants, and what our tables of cases need beside it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

/* cmocka.h needs these before it */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "base/base.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

/* tap_context says which row of a table is being tested; a failing test prints the last one. */
static char tap_where[256];

FH_PRINTF(1, 2) static inline void tap_context(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(tap_where, sizeof(tap_where), fmt, args);
    va_end(args);
}

/* assert_text compares bytes with a C string, and says in which row they differed. */
static inline void tap_assert_text(struct fh_slice got, const char *want, const char *file,
                                   int line)
{
    if (!fh_eq(got, fh_cstr(want))) {
        print_error("%s\n  got  \"%.*s\"\n  want \"%s\"\n", tap_where, FH_ARG(got), want);
        _fail(file, line);
    }
}
#define assert_text(got, want) tap_assert_text((got), (want), __FILE__, __LINE__)

/* tap_read_file reads a whole file of the source tree into `arena`; the path is relative to its
 * root. False when it is not there. */
static inline bool tap_read_path(const char *path, struct fh_arena *arena, struct fh_slice *out)
{
    FILE *file = fopen(path, "rb");
    size_t room = 1 << 16, len = 0;
    uint8_t *bytes = fh_arena_raw(arena, room);

    if (file == NULL) {
        return false;
    }
    for (size_t n = 1; n > 0; len += n) {
        if (len == room) {
            uint8_t *more = fh_arena_raw(arena, room * 2);
            memcpy(more, bytes, len);
            bytes = more;
            room *= 2;
        }
        n = fread(bytes + len, 1, room - len, file);
    }
    (void)fclose(file);
    *out = fh_slice(bytes, len);
    return true;
}

static inline bool tap_read_file(const char *relative, struct fh_arena *arena,
                                 struct fh_slice *out)
{
    const char *root = getenv("FREEHOLD_SOURCE_ROOT");
    struct fh_buf path = fh_buf_in_arena(arena, PATH_MAX);

    fh_buf_printf(&path, "%s/%s%c", root == NULL ? "." : root, relative, 0);
    return tap_read_path((const char *)path.ptr, arena, out);
}
