/* where.c: a table of places, relative to the program.
 * SPDX-License-Identifier: Apache-2.0 */
#include "cli/where.h"

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

enum { PLACES_MAX = 4 };

static const char *const places[FH_FILES][PLACES_MAX] = {
    [FH_FILE_PROGRAM] = {"freehold"},
    [FH_FILE_MODULE] = {"gateway/ngx_http_freehold_module.so",
                        "../lib/nginx/modules/ngx_http_freehold_module.so",
                        "../../lib/nginx/modules/ngx_http_freehold_module.so"},
    [FH_FILE_OBTAIN] = {"../engine/obtain", "../libexec/freehold/obtain"},
};

/* directory_of_program gives it without the slash behind. */
static struct fh_slice directory_of_program(struct fh_arena *arena)
{
    char path[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", path, sizeof(path));

    if (len <= 0 || (size_t)len == sizeof(path)) {
        return FH_NONE;
    }
    while (len > 0 && path[len - 1] != '/') {
        len--;
    }
    return fh_dup(arena, fh_slice(path, len > 0 ? (size_t)len - 1 : 0));
}

const char *fh_where(struct fh_arena *arena, enum fh_file file, struct fh_buf *tried)
{
    struct fh_slice dir = directory_of_program(arena);

    for (size_t i = 0; i < PLACES_MAX && places[file][i] != NULL; i++) {
        struct fh_buf path = fh_buf_in_arena(arena, PATH_MAX);

        fh_buf_printf(&path, "%.*s/%s", FH_ARG(dir), places[file][i]);
        fh_buf_byte(&path, '\0');

        char *whole = realpath((const char *)path.ptr, NULL);
        if (whole != NULL) {
            const char *found = fh_dup_cstr(arena, fh_cstr(whole));

            free(whole);
            return found;
        }
        if (tried != NULL) {
            fh_buf_printf(tried, "  %s\n", (const char *)path.ptr);
        }
    }
    return NULL;
}
