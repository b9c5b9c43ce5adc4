/* text.c: digits to numbers.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

bool fh_parse_u64(struct fh_slice s, uint64_t *out)
{
    uint64_t value = 0;

    if (s.len == 0) {
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9' || __builtin_mul_overflow(value, 10U, &value) ||
            __builtin_add_overflow(value, (uint64_t)(s.ptr[i] - '0'), &value)) {
            return false;
        }
    }
    *out = value;
    return true;
}

static int nibble(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool fh_parse_hex_u64(struct fh_slice s, uint64_t *out)
{
    uint64_t value = 0;

    if (s.len == 0 || s.len > 16) {
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        int digit = nibble(s.ptr[i]);

        if (digit < 0) {
            return false;
        }
        value = value << 4 | (uint64_t)digit;
    }
    *out = value;
    return true;
}

bool fh_parse_unhex(struct fh_slice s, uint8_t *out, size_t n)
{
    if (s.len != 2 * n) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        int high = nibble(s.ptr[2 * i]);
        int low = nibble(s.ptr[2 * i + 1]);

        if (high < 0 || low < 0) {
            return false;
        }
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}
