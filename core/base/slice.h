/*
 * slice.h: a run of bytes somebody else owns, passed by value; also its own cursor.
 *
 * The readers (fh_read_*, fh_split, fh_take) advance the slice past what they read, or leave it
 * untouched and return false. Pointer arithmetic on bytes happens in core/base/ only.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "base/outcome.h"

#include <string.h>

struct fh_slice {
    const uint8_t *ptr;
    size_t len;
};

/* The bytes of a string literal, NUL not counted; the first as a value, the second for static
 * initialisers. */
#define FH_LIT(s) ((struct fh_slice){(const uint8_t *)("" s), sizeof(s) - 1})
#define FH_LIT_INIT(s)                         \
    {                                          \
        (const uint8_t *)("" s), sizeof(s) - 1 \
    }

#define FH_NONE ((struct fh_slice){NULL, 0})

/* For printf: "%.*s". */
#define FH_ARG(s) (int)(s).len, (const char *)(s).ptr

static inline struct fh_slice fh_slice(const void *ptr, size_t len)
{
    return (struct fh_slice){(const uint8_t *)ptr, len};
}

/* fh_cstr takes a C string from the edge of libc or another library. */
static inline struct fh_slice fh_cstr(const char *text)
{
    return text == NULL ? FH_NONE : fh_slice(text, strlen(text));
}

/* fh_head and fh_tail part a slice at `n`, which must not lie beyond its end. */
static inline struct fh_slice fh_head(struct fh_slice s, size_t n)
{
    FH_ASSERT(n <= s.len);
    return (struct fh_slice){s.ptr, n};
}

static inline struct fh_slice fh_tail(struct fh_slice s, size_t n)
{
    FH_ASSERT(n <= s.len);
    if (n == s.len) {
        return FH_NONE;
    }
    return (struct fh_slice){s.ptr + n, s.len - n};
}

/* fh_sub is the `len` bytes from `at`. */
static inline struct fh_slice fh_sub(struct fh_slice s, size_t at, size_t len)
{
    return fh_head(fh_tail(s, at), len);
}

/* fh_between is what lies from the start of `a` to the start of `b`, a later part of it. */
static inline struct fh_slice fh_between(struct fh_slice a, struct fh_slice b)
{
    FH_ASSERT(b.len <= a.len);
    return fh_head(a, a.len - b.len);
}

static inline bool fh_eq(struct fh_slice a, struct fh_slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* fh_eq_nocase folds ASCII letters only, as HTTP does. */
FH_NODISCARD bool fh_eq_nocase(struct fh_slice a, struct fh_slice b);

/* fh_compare orders by bytes, shorter first when one begins the other: <0, 0, >0. */
FH_NODISCARD int fh_compare(struct fh_slice a, struct fh_slice b);

static inline bool fh_starts(struct fh_slice s, struct fh_slice prefix)
{
    return s.len >= prefix.len && fh_eq(fh_head(s, prefix.len), prefix);
}

static inline bool fh_ends(struct fh_slice s, struct fh_slice suffix)
{
    return s.len >= suffix.len && fh_eq(fh_tail(s, s.len - suffix.len), suffix);
}

/* fh_find gives the offset of the first `c`, or s.len. */
static inline size_t fh_find(struct fh_slice s, uint8_t c)
{
    const uint8_t *hit = s.len == 0 ? NULL : memchr(s.ptr, c, s.len);

    return hit == NULL ? s.len : (size_t)(hit - s.ptr);
}

/* fh_search gives the offset of the first `needle`, or s.len. */
FH_NODISCARD size_t fh_search(struct fh_slice s, struct fh_slice needle);

/* fh_contains says whether `needle` occurs in `s`. */
FH_NODISCARD bool fh_contains(struct fh_slice s, struct fh_slice needle);

/* fh_take drops `prefix` from the front of `s`. */
FH_NODISCARD bool fh_take(struct fh_slice *s, struct fh_slice prefix);

/* fh_split moves everything up to the next `sep` into `word` and drops the separator; the last
 * word ends with the slice.
 *
 * Returns  false when `s` is empty.
 */
FH_NODISCARD bool fh_split(struct fh_slice *s, uint8_t sep, struct fh_slice *word);

/* fh_trim drops spaces and tabs from both ends. */
FH_NODISCARD struct fh_slice fh_trim(struct fh_slice s);

/* Big-endian reads, as most wires want them, and little-endian ones, as our own files have them. */
FH_NODISCARD bool fh_read_u8(struct fh_slice *s, uint8_t *out);
FH_NODISCARD bool fh_read_u16be(struct fh_slice *s, uint16_t *out);
FH_NODISCARD bool fh_read_u32be(struct fh_slice *s, uint32_t *out);
FH_NODISCARD bool fh_read_u16le(struct fh_slice *s, uint16_t *out);
FH_NODISCARD bool fh_read_u32le(struct fh_slice *s, uint32_t *out);
FH_NODISCARD bool fh_read_u64le(struct fh_slice *s, uint64_t *out);

/* fh_read_bytes takes the next `n` bytes. */
FH_NODISCARD bool fh_read_bytes(struct fh_slice *s, size_t n, struct fh_slice *out);

/* fh_utf8_ok says whether the bytes are UTF-8 (Unicode 15, table 3-7): no overlong forms, no
 * surrogates, nothing above U+10FFFF. */
FH_NODISCARD bool fh_utf8_ok(struct fh_slice s);

/* fh_utf8_head is as much from the start of `s` as fits into `max` bytes, no character parted. */
FH_NODISCARD struct fh_slice fh_utf8_head(struct fh_slice s, size_t max);
