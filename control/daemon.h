/*
 * daemon.h: the control plane as a process: what `freehold control` runs.
 *
 *     freehold.yaml ──check──▶ policy store          at the start, on SIGHUP, when the file changes
 *     journal ──follow──▶ ledger
 *     clouds ──credentials──▶ files for workers, ahead of time; in a thread of its own
 *
 * A config with errors changes nothing: it is reported, and what was published goes on. One such
 * process per state directory.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "base/base.h"

struct fh_daemon_options {
    const char *config_path;
    const char *state_dir;
    bool with_parent; /* end when the process that started this one ends */
    bool fresh; /* what is recorded of the local engine is from an earlier run: forget it */
    void (*say)(const char *line); /* one line for people, now and then */
};

/* fh_daemon_run runs until SIGTERM or SIGINT.
 *
 * Returns  FH_OK after such an end; else it could not start, and said why: FH_E_SYNTAX for errors
 *          in the config, FH_E_CONFLICT when another one runs, FH_E_SYSTEM, FH_E_STORE.
 */
enum fh_rc fh_daemon_run(const struct fh_daemon_options *options);
