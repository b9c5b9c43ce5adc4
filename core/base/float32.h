/*
 * float32.h: numbers of 32 bits, as bits and as decimal text.
 *
 *     0x3cbc6a7f  ──▶  0.023  ──▶  0x3cbc6a7f
 *
 * Vectors of embeddings travel as JSON numbers or packed, four bytes a number; who asked for the
 * one may get the other from a provider. No locale and nothing of libc is involved.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "base/base.h"

enum { FH_FLOAT32_TEXT_MAX = 24 }; /* the longest that fh_float32_print appends is shorter */

static inline uint32_t fh_float32_bits(float value)
{
    uint32_t bits = 0;

    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

static inline float fh_float32_of_bits(uint32_t bits)
{
    float value = 0;

    memcpy(&value, &bits, sizeof(value));
    return value;
}

/* fh_float32_print appends the shortest JSON number that lies nearer to `value` than to any other
 * float32: every parser reads it as `value`. (Numbers below 1.2e-38 get nine digits, needed or
 * not.)
 *
 * Returns  false, and appends nothing, for what JSON has no number for: infinities and NaN.
 * Cost     about 70 ns.
 */
FH_NODISCARD bool fh_float32_print(struct fh_buf *out, float value);

/* fh_float32_parse reads a JSON number of any length and gives the float32 next to it. When the
 * number lies within 1e-15 of its size from the middle between two, it may be either: no number is
 * that was printed from a float32, whatever the number of its digits.
 *
 * Returns  false when the text is no JSON number, or is too large for a float32.
 * Cost     about 30 ns.
 */
FH_NODISCARD bool fh_float32_parse(struct fh_slice text, float *out);
