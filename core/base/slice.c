/* slice.c: the parts of slice.h that are more than one expression.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/slice.h"

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

bool fh_eq_nocase(struct fh_slice a, struct fh_slice b)
{
    if (a.len != b.len) {
        return false;
    }
    for (size_t i = 0; i < a.len; i++) {
        if (lower(a.ptr[i]) != lower(b.ptr[i])) {
            return false;
        }
    }
    return true;
}

int fh_compare(struct fh_slice a, struct fh_slice b)
{
    size_t n = fh_min(a.len, b.len);
    int order = n == 0 ? 0 : memcmp(a.ptr, b.ptr, n);

    if (order != 0) {
        return order;
    }
    return (a.len > b.len) - (a.len < b.len);
}

size_t fh_search(struct fh_slice s, struct fh_slice needle)
{
    /* memmem would read the pointer of an empty slice */
    const uint8_t *hit =
        s.len < needle.len || s.len == 0 ? NULL : memmem(s.ptr, s.len, needle.ptr, needle.len);

    return hit == NULL ? s.len : (size_t)(hit - s.ptr);
}

bool fh_contains(struct fh_slice s, struct fh_slice needle)
{
    return needle.len == 0 || fh_search(s, needle) < s.len;
}

bool fh_take(struct fh_slice *s, struct fh_slice prefix)
{
    if (!fh_starts(*s, prefix)) {
        return false;
    }
    *s = fh_tail(*s, prefix.len);
    return true;
}

bool fh_split(struct fh_slice *s, uint8_t sep, struct fh_slice *word)
{
    if (s->len == 0) {
        return false;
    }
    size_t at = fh_find(*s, sep);

    *word = fh_head(*s, at);
    *s = fh_tail(*s, at == s->len ? at : at + 1);
    return true;
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

struct fh_slice fh_trim(struct fh_slice s)
{
    while (s.len > 0 && is_blank(s.ptr[0])) {
        s = fh_tail(s, 1);
    }
    while (s.len > 0 && is_blank(s.ptr[s.len - 1])) {
        s = fh_head(s, s.len - 1);
    }
    return s;
}

bool fh_read_bytes(struct fh_slice *s, size_t n, struct fh_slice *out)
{
    if (s->len < n) {
        return false;
    }
    *out = fh_head(*s, n);
    *s = fh_tail(*s, n);
    return true;
}

/* read_be and read_le gather `n` bytes, at most 8, into one number. */
static bool read_be(struct fh_slice *s, size_t n, uint64_t *out)
{
    struct fh_slice bytes;
    uint64_t value = 0;

    if (!fh_read_bytes(s, n, &bytes)) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        value = value << 8 | bytes.ptr[i];
    }
    *out = value;
    return true;
}

static bool read_le(struct fh_slice *s, size_t n, uint64_t *out)
{
    struct fh_slice bytes;
    uint64_t value = 0;

    if (!fh_read_bytes(s, n, &bytes)) {
        return false;
    }
    for (size_t i = n; i > 0; i--) {
        value = value << 8 | bytes.ptr[i - 1];
    }
    *out = value;
    return true;
}

bool fh_read_u8(struct fh_slice *s, uint8_t *out)
{
    uint64_t value = 0;

    if (!read_be(s, 1, &value)) {
        return false;
    }
    *out = (uint8_t)value;
    return true;
}

bool fh_read_u16be(struct fh_slice *s, uint16_t *out)
{
    uint64_t value = 0;

    if (!read_be(s, 2, &value)) {
        return false;
    }
    *out = (uint16_t)value;
    return true;
}

bool fh_read_u32be(struct fh_slice *s, uint32_t *out)
{
    uint64_t value = 0;

    if (!read_be(s, 4, &value)) {
        return false;
    }
    *out = (uint32_t)value;
    return true;
}

bool fh_read_u16le(struct fh_slice *s, uint16_t *out)
{
    uint64_t value = 0;

    if (!read_le(s, 2, &value)) {
        return false;
    }
    *out = (uint16_t)value;
    return true;
}

bool fh_read_u32le(struct fh_slice *s, uint32_t *out)
{
    uint64_t value = 0;

    if (!read_le(s, 4, &value)) {
        return false;
    }
    *out = (uint32_t)value;
    return true;
}

bool fh_read_u64le(struct fh_slice *s, uint64_t *out)
{
    return read_le(s, 8, out);
}

/* sequence_len gives the length of the well-formed sequence that starts at `p`, of which `left`
 * bytes are there, or 0. */
static size_t sequence_len(const uint8_t *p, size_t left)
{
    uint8_t lead = p[0];
    uint8_t low = 0x80; /* low and high bound the second byte; narrower after four leads */
    uint8_t high = 0xbf;
    size_t len = 0;

    if (lead < 0x80) {
        return 1;
    }
    if (lead >= 0xc2 && lead <= 0xdf) {
        len = 2;
    } else if (lead >= 0xe0 && lead <= 0xef) {
        len = 3;
        low = lead == 0xe0 ? 0xa0 : low;
        high = lead == 0xed ? 0x9f : high;
    } else if (lead >= 0xf0 && lead <= 0xf4) {
        len = 4;
        low = lead == 0xf0 ? 0x90 : low;
        high = lead == 0xf4 ? 0x8f : high;
    }
    if (len == 0 || left < len || p[1] < low || p[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return len;
}

bool fh_utf8_ok(struct fh_slice s)
{
    size_t at = 0;

    while (at < s.len) {
        uint64_t eight = 0;

        if (s.len - at >= sizeof(eight)) {
            memcpy(&eight, s.ptr + at, sizeof(eight));
            if ((eight & 0x8080808080808080U) == 0) {
                at += sizeof(eight);
                continue;
            }
        }
        size_t len = sequence_len(s.ptr + at, s.len - at);
        if (len == 0) {
            return false;
        }
        at += len;
    }
    return true;
}

struct fh_slice fh_utf8_head(struct fh_slice s, size_t max)
{
    size_t len = fh_min(s.len, max);

    while (len > 0 && len < s.len && (s.ptr[len] & 0xc0) == 0x80) {
        len--;
    }
    return fh_head(s, len);
}
