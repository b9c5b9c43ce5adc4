/* capture.c: posix_spawn and one pipe.
 * SPDX-License-Identifier: Apache-2.0 */
#include "cli/capture.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATH_MAX_LEN = 4096, READ_LEN = 4096 };

/* spawn starts the program with both outputs on `to`. */
static bool spawn(const char *const *argv, int to, pid_t *pid)
{
    posix_spawn_file_actions_t actions;

    if (posix_spawn_file_actions_init(&actions) != 0) {
        return false;
    }
    /* NOLINTNEXTLINE(performance-no-int-to-ptr): it promises not to write to them */
    char *const *words = (char *const *)(uintptr_t)argv;
    bool ok = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY,
                                               0) == 0 &&
              posix_spawn_file_actions_adddup2(&actions, to, STDOUT_FILENO) == 0 &&
              posix_spawn_file_actions_adddup2(&actions, to, STDERR_FILENO) == 0 &&
              posix_spawn(pid, argv[0], &actions, NULL, words, environ) == 0;

    (void)posix_spawn_file_actions_destroy(&actions);
    return ok;
}

int fh_capture(const char *const *argv, struct fh_buf *out)
{
    uint8_t bytes[READ_LEN];
    int ends[2];
    int status = 0;
    pid_t pid = 0;

    if (pipe2(ends, O_CLOEXEC) != 0) {
        return -1;
    }
    bool started = spawn(argv, ends[1], &pid);

    (void)close(ends[1]);
    for (ssize_t n = 1; started && n > 0;) {
        n = TEMP_FAILURE_RETRY(read(ends[0], bytes, sizeof(bytes)));
        if (n > 0) {
            fh_buf_append(out, fh_slice(bytes, fh_min((size_t)n, out->max - out->len)));
        }
    }
    (void)close(ends[0]);
    if (!started || TEMP_FAILURE_RETRY(waitpid(pid, &status, 0)) != pid || !WIFEXITED(status)) {
        return -1;
    }
    return WEXITSTATUS(status);
}

const char *fh_capture_find(struct fh_arena *arena, const char *name, const char *dir)
{
    const char *path = getenv("PATH"); /* NOLINT(concurrency-mt-unsafe): there is one thread */
    struct fh_slice rest = fh_cstr(path);
    struct fh_slice part = FH_NONE;
    bool is_last = false;

    while (!is_last) {
        struct fh_buf whole = fh_buf_in_arena(arena, PATH_MAX_LEN);

        is_last = !fh_split(&rest, ':', &part);
        if (is_last && dir == NULL) {
            break;
        }
        fh_buf_append(&whole, is_last ? fh_cstr(dir) : part);
        fh_buf_printf(&whole, "/%s", name);
        fh_buf_byte(&whole, '\0');
        if (!whole.failed && access((const char *)whole.ptr, X_OK) == 0) {
            return (const char *)whole.ptr;
        }
    }
    return NULL;
}
