/*
 * text.h: numbers between text and value. Whole input or nothing: no leading blanks, no trailing
 * junk, no locale.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "base/base.h"

/* fh_parse_u64 reads decimal digits; an overflow is false. */
FH_NODISCARD bool fh_parse_u64(struct fh_slice s, uint64_t *out);

/* fh_parse_hex_u64 reads hexadecimal digits of either case, as HTTP chunk sizes have them. */
FH_NODISCARD bool fh_parse_hex_u64(struct fh_slice s, uint64_t *out);

/* fh_parse_unhex decodes pairs of hexadecimal digits into exactly `n` bytes at `out`. */
FH_NODISCARD bool fh_parse_unhex(struct fh_slice s, uint8_t *out, size_t n);
