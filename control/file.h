/*
 * file.h: small files as a whole: read at once, replaced at once.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "base/base.h"

/* fh_file_read reads the file at `path` into `arena`, with a NUL behind its text that does not
 * count.
 *
 * Returns  FH_E_SYSTEM, and errno says why: EFBIG when it is longer than `max` bytes.
 */
enum fh_rc fh_file_read(const char *path, struct fh_arena *arena, size_t max,
                        struct fh_slice *text);

/* fh_file_replace makes `text` the content of the file at `path`, for its owner alone. Whoever
 * opens it gets the old content or the new, never a part; a crash leaves one of them.
 *
 * Returns  FH_E_SYSTEM, and errno says why; then the old file is as it was.
 */
enum fh_rc fh_file_replace(const char *path, struct fh_slice text, struct fh_arena *scratch);
