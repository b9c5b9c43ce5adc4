/* file.c: read to the end; write beside, sync, rename.
 * SPDX-License-Identifier: Apache-2.0 */
#include "control/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_LEN = 4096 };

struct file {
    int fd; /* -1: none */
};

static void close_file(struct file *file)
{
    if (file->fd >= 0) {
        int why = errno;

        (void)close(file->fd);
        errno = why;
    }
}

enum fh_rc fh_file_read(const char *path, struct fh_arena *arena, size_t max,
                        struct fh_slice *text)
{
    FH_AUTO(close_file) struct file file = {open(path, O_RDONLY | O_CLOEXEC)};
    struct fh_buf bytes = fh_buf_in_arena(arena, SIZE_MAX);

    for (ssize_t n = 1; n > 0 && bytes.len <= max;) {
        uint8_t *to = fh_buf_reserve(&bytes, READ_LEN);

        n = file.fd < 0 ? -1 : TEMP_FAILURE_RETRY(read(file.fd, to, READ_LEN));
        if (n < 0) {
            return FH_E_SYSTEM;
        }
        fh_buf_commit(&bytes, (size_t)n);
    }
    if (bytes.len > max) {
        errno = EFBIG;
        return FH_E_SYSTEM;
    }
    fh_buf_byte(&bytes, '\0');
    *text = fh_head(fh_buf_slice(&bytes), bytes.len - 1);
    return FH_OK;
}

static bool write_all(int fd, struct fh_slice text)
{
    while (text.len > 0) {
        ssize_t n = TEMP_FAILURE_RETRY(write(fd, text.ptr, text.len));

        if (n <= 0) {
            return false;
        }
        text = fh_tail(text, (size_t)n);
    }
    return fsync(fd) == 0;
}

enum fh_rc fh_file_replace(const char *path, struct fh_slice text, struct fh_arena *scratch)
{
    struct fh_buf name = fh_buf_in_arena(scratch, SIZE_MAX);

    fh_buf_printf(&name, "%s~", path);
    fh_buf_byte(&name, '\0');
    const char *beside = (const char *)name.ptr;

    (void)unlink(beside); /* of one who was killed before the rename */
    FH_AUTO(close_file)
    struct file file = {
        open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR)};

    if (file.fd < 0) {
        return FH_E_SYSTEM;
    }
    if (!write_all(file.fd, text) || rename(beside, path) != 0) {
        int why = errno;

        (void)unlink(beside);
        errno = why;
        return FH_E_SYSTEM;
    }
    return FH_OK;
}
