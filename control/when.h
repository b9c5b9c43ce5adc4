/*
 * when.h: points in time as people write them, and as we print them. UTC throughout.
 *
 *     today  yesterday  2026-01-31  2026-01-31T12:30Z  2026-01-31T12:30:05Z  90min  24h  7d  4w
 *
 * A span means that long ago.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "base/base.h"

/* fh_when_parse reads a point in time, seen from `now_us` (calendar). Dates are from 1970 to
 * 9999. */
FH_NODISCARD bool fh_when_parse(struct fh_slice text, uint64_t now_us, uint64_t *out_us);

/* fh_when_print writes 2026-01-31T12:30:05.123456Z. */
void fh_when_print(struct fh_buf *out, uint64_t us);
