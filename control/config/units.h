/*
 * units.h: sizes and times as people write them: 32MiB, 2min.
 *
 * A unit is always written: nobody has to remember whether a bare 60 was seconds.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "base/base.h"

/* fh_units_parse_bytes reads "4096B", "64KiB", "32MiB", "1GiB". */
FH_NODISCARD bool fh_units_parse_bytes(struct fh_slice text, uint64_t *bytes);

/* fh_units_parse_ms reads "50ms", "5s", "2min", "1h". */
FH_NODISCARD bool fh_units_parse_ms(struct fh_slice text, uint64_t *ms);

/* fh_units_print_bytes and fh_units_print_ms write with the largest unit that keeps it whole. */
void fh_units_print_bytes(struct fh_buf *out, uint64_t bytes);
void fh_units_print_ms(struct fh_buf *out, uint64_t ms);
