/* engine_log.c: keeps llama-server's log short, and finds in it why a run ended.
 * SPDX-License-Identifier: Apache-2.0 */
#include "engine/engine_log.h"

#include "engine/engine_child.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    LOG_MAX = 4 << 20,
    TAIL = 4096, /* of a run's end, where its reason is looked for */
    OLD_PATH_MAX = 4096,
};

static off_t size_of(const struct fh_engine_log *log)
{
    struct stat st;

    return fstat(log->fd, &st) == 0 ? st.st_size : 0;
}

enum fh_rc fh_engine_log_begin(struct fh_engine_log *log, const char *path)
{
    if (log->fd < 0) {
        log->fd =
            open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
        if (log->fd < 0) {
            return FH_E_SYSTEM;
        }
        log->path = path;
    }
    fh_engine_log_trim(log);
    log->run_start = size_of(log);
    return FH_OK;
}

void fh_engine_log_trim(struct fh_engine_log *log)
{
    char old[OLD_PATH_MAX];
    off_t size = size_of(log);
    off_t at = 0;
    int len = snprintf(old, sizeof(old), "%s.1", log->path);
    int to = -1;

    if (size <= LOG_MAX || len < 0 || (size_t)len >= sizeof(old)) {
        return;
    }
    to = open(old, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
    while (to >= 0 && at < size) {
        if (sendfile(to, log->fd, &at, (size_t)(size - at)) <= 0) {
            break; /* a full disk: then there is less of the past, but the bound holds */
        }
    }
    fh_engine_close(&to);
    if (ftruncate(log->fd, 0) == 0) {
        log->run_start = 0;
    }
}

static bool is_error(struct fh_slice line)
{
    return fh_contains(line, FH_LIT(" E ")) || fh_contains(line, FH_LIT("rror")) ||
           fh_contains(line, FH_LIT("ailed"));
}

/* plain drops what stands before the text: time and level, " E ", of newer versions. */
static struct fh_slice plain(struct fh_slice line)
{
    for (struct fh_slice rest = line; rest.len > 0; rest = fh_tail(rest, 1)) {
        if (fh_starts(rest, FH_LIT(" E "))) {
            return fh_trim(fh_tail(rest, FH_LIT(" E ").len));
        }
    }
    return fh_trim(line);
}

struct fh_slice fh_engine_log_reason(const struct fh_engine_log *log, struct fh_arena *scratch,
                                     bool or_last)
{
    off_t size = size_of(log);
    off_t from = size - log->run_start > TAIL ? size - TAIL : log->run_start;
    uint8_t *bytes = fh_arena_raw(scratch, TAIL);
    ssize_t n = pread(log->fd, bytes, TAIL, from);
    struct fh_slice rest = fh_slice(bytes, n > 0 ? (size_t)n : 0);
    struct fh_slice line;
    struct fh_slice best = FH_NONE;

    while (fh_split(&rest, '\n', &line)) {
        if (is_error(line)) {
            return plain(line);
        }
        if (or_last && line.len > 0) {
            best = line;
        }
    }
    return plain(best);
}

void fh_engine_log_close(struct fh_engine_log *log)
{
    fh_engine_close(&log->fd);
}
