/*
 * engine_log.h: the log of llama-server: a file that the child writes and we keep short.
 *
 *     engine.log      what it says now, up to 4 MiB
 *     engine.log.1    the 4 MiB before
 *
 * The child holds the file open, so it cannot be renamed under it: what is too long is copied and
 * cut. Lines written between the two are lost.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "base/base.h"

#include <sys/types.h>

struct fh_engine_log {
    const char *path; /* borrowed */
    int fd;           /* -1: closed */
    off_t run_start;  /* where the present run begins */
};

#define FH_ENGINE_NO_LOG ((struct fh_engine_log){.fd = -1})

/* fh_engine_log_begin opens the file, if it is not yet, and marks the beginning of a run.
 *
 * Borrows  `path` until fh_engine_log_close.
 * Returns  FH_E_SYSTEM, with errno.
 */
enum fh_rc fh_engine_log_begin(struct fh_engine_log *log, const char *path);

/* fh_engine_log_trim keeps to the bound. */
void fh_engine_log_trim(struct fh_engine_log *log);

/* fh_engine_log_reason gives the line that says best why the present run ended: the first that
 * speaks of an error among its last ones; without one the last with `or_last`, else nothing.
 * Borrows from `scratch`. */
struct fh_slice fh_engine_log_reason(const struct fh_engine_log *log, struct fh_arena *scratch,
                                     bool or_last);

void fh_engine_log_close(struct fh_engine_log *log);
