/*
 * engine_key.h: the key between gateway and llama-server, fresh for each start of Freehold.
 *
 * It lies in a file: an argument would show in the list of processes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "base/base.h"

/* fh_engine_key_write makes a key of 256 random bits and puts it at `path`, for its owner alone, as
 * 64 hexadecimal digits without a line end; whoever reads sees the old one or all of the new one.
 *
 * Returns  FH_E_SYSTEM, with errno.
 */
enum fh_rc fh_engine_key_write(const char *path, struct fh_arena *scratch);
