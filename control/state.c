/* state.c: paths from one table, directories that only their owner can enter.
 * SPDX-License-Identifier: Apache-2.0 */
#include "control/state.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_MAX_LEN = 4096, TEXT_MAX_LEN = 8192 };

static const struct {
    const char *path;
    bool is_dir;
} places[] = {
#define X(place, path, is_dir) {(path), (is_dir)},
    FH_STATE_PLACES(X)
#undef X
};
static_assert(FH_LEN(places) == FH_STATE_PLACE_COUNT, "table and enum agree");

FH_PRINTF(2, 3) static const char *print(struct fh_arena *arena, const char *fmt, ...)
{
    struct fh_buf text = fh_buf_in_arena(arena, TEXT_MAX_LEN);
    va_list args;

    va_start(args, fmt);
    fh_buf_vprintf(&text, fmt, args);
    va_end(args);
    fh_buf_byte(&text, '\0');
    return text.failed ? "" : (const char *)text.ptr;
}

const char *fh_state_path(struct fh_arena *arena, const char *state_dir,
                          enum fh_state_place place)
{
    FH_ASSERT(place < FH_STATE_PLACE_COUNT);
    if (place == FH_STATE_ROOT) {
        return print(arena, "%s", state_dir);
    }
    return print(arena, "%s/%s", state_dir, places[place].path);
}

const char *fh_state_credential(struct fh_arena *arena, const char *state_dir,
                                struct fh_slice provider)
{
    struct fh_buf name = fh_buf_in_arena(arena, TEXT_MAX_LEN);

    /* "," and "=" are in no provider's name, so two of them never have one file */
    for (size_t i = 0; i < provider.len; i++) {
        uint8_t c = provider.ptr[i];

        fh_buf_byte(&name, c == '/' ? ',' : c == '.' && i == 0 ? '=' : c);
    }
    return print(arena, "%s/%.*s", fh_state_path(arena, state_dir, FH_STATE_CREDENTIALS),
                 FH_ARG(fh_buf_slice(&name)));
}

/* make_dir also makes the directories above it, with the permissions they usually have. */
static enum fh_rc make_dir(struct fh_arena *arena, const char *path)
{
    struct fh_slice rest = fh_cstr(path);
    struct fh_slice part = FH_NONE;
    const char *above = path[0] == '/' ? "/" : "";

    while (fh_split(&rest, '/', &part)) {
        mode_t mode = rest.len == 0 ? S_IRWXU : S_IRWXU | S_IRGRP | S_IXGRP | S_IROTH | S_IXOTH;

        if (part.len == 0) {
            continue;
        }
        above = print(arena, "%s%.*s%s", above, FH_ARG(part), rest.len == 0 ? "" : "/");
        if (mkdir(above, mode) != 0 && errno != EEXIST) {
            return FH_E_SYSTEM;
        }
    }
    return FH_OK;
}

enum fh_rc fh_state_make(struct fh_arena *arena, const char *state_dir, const char **why)
{
    for (unsigned i = 0; i < FH_STATE_PLACE_COUNT; i++) {
        const char *path = fh_state_path(arena, state_dir, (enum fh_state_place)i);
        struct stat st;

        if (!places[i].is_dir) {
            continue;
        }
        if (make_dir(arena, path) != FH_OK || stat(path, &st) != 0) {
            *why = print(arena, "%s cannot be created: %s", path,
                         strerror(errno)); /* NOLINT(concurrency-mt-unsafe) */
            return FH_E_SYSTEM;
        }
        if (!S_ISDIR(st.st_mode)) {
            *why = print(arena, "%s is in the way: it is no directory", path);
            return FH_E_SYSTEM;
        }
        /* an old directory may be open to others, and there are secrets in it */
        if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0 && chmod(path, S_IRWXU) != 0) {
            *why =
                print(arena, "%s is open to others and not ours to close: chmod 700 it", path);
            return FH_E_SYSTEM;
        }
    }
    return FH_OK;
}

const char *fh_state_absolute(struct fh_arena *arena, const char *path)
{
    char here[PATH_MAX_LEN];

    if (path[0] == '/' || getcwd(here, sizeof(here)) == NULL) {
        return print(arena, "%s", path);
    }
    return print(arena, "%s/%s", here, path);
}
