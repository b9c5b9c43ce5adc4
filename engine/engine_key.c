/* engine_key.c: a fresh key in a file.
 * SPDX-License-Identifier: Apache-2.0 */
#include "engine/engine_key.h"

#include "engine/engine_child.h"

#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KEY_BYTES = 32, KEY_DIGITS = 64, PATH_MAX_LEN = 4096 };
static_assert(KEY_DIGITS == 2 * KEY_BYTES, "in hexadecimal");

enum fh_rc fh_engine_key_write(const char *path, struct fh_arena *scratch)
{
    uint8_t key[KEY_BYTES];
    struct fh_buf hex = fh_buf_in_arena(scratch, KEY_DIGITS);
    struct fh_buf tmp = fh_buf_in_arena(scratch, PATH_MAX_LEN);
    bool is_written = false;
    int fd = -1;

    fh_buf_printf(&tmp, "%s.tmp", path);
    fh_buf_byte(&tmp, '\0');
    if (tmp.failed) {
        errno = ENAMETOOLONG;
        return FH_E_SYSTEM;
    }
    if (getrandom(key, sizeof(key), 0) != (ssize_t)sizeof(key)) {
        return FH_E_SYSTEM;
    }
    fh_buf_hex(&hex, fh_slice(key, sizeof(key)));
    fh_wipe(key, sizeof(key));
    (void)unlink((const char *)tmp.ptr); /* of a start that was cut short */
    fd =
        open((const char *)tmp.ptr, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
    is_written = fd >= 0 && write(fd, hex.ptr, hex.len) == (ssize_t)hex.len &&
                 rename((const char *)tmp.ptr, path) == 0;
    fh_engine_close(&fd);
    fh_wipe(hex.ptr, hex.len);
    return is_written ? FH_OK : FH_E_SYSTEM;
}
