/*
 * capture.h: runs another program to its end and keeps what it says.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "base/base.h"

/* fh_capture runs argv[0] (a path) without a shell and appends its standard output and error to
 * `out`, as far as they fit.
 *
 * Returns  its exit status; -1 when it could not be run or was killed.
 */
int fh_capture(const char *const *argv, struct fh_buf *out);

/* fh_capture_find looks for a program along PATH and in `dir`, which may be NULL. NULL when it is
 * nowhere. */
const char *fh_capture_find(struct fh_arena *arena, const char *name, const char *dir);
