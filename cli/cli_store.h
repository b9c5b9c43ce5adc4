/*
 * cli_store.h: the policy store, for commands.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "cli/cli.h"
#include "control/store/store.h"

/* fh_cli_store opens the policy store of the state directory, and makes both if `makes`.
 *
 * Returns  FH_EXIT_OK; else the complaint is printed.
 */
int fh_cli_store(struct fh_cli *cli, bool makes, struct fh_store **out);

/* fh_cli_time prints microseconds of calendar time as 2026-01-31T12:00:00Z. */
void fh_cli_time(struct fh_buf *out, uint64_t time_us);
