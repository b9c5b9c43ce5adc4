/* buf.c: growth by doubling, failure that latches.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>

enum { ROOM_MIN = 256 };

struct fh_buf fh_buf_on_heap(size_t max)
{
    return (struct fh_buf){.max = max};
}

struct fh_buf fh_buf_in_arena(struct fh_arena *arena, size_t max)
{
    return (struct fh_buf){.max = max, .arena = arena};
}

void fh_buf_fini(struct fh_buf *buf)
{
    if (buf->arena == NULL) {
        free(buf->ptr);
    }
    *buf = (struct fh_buf){.max = buf->max, .arena = buf->arena};
}

void fh_buf_clear(struct fh_buf *buf)
{
    buf->len = 0;
    buf->failed = false;
}

static uint8_t *resize(struct fh_buf *buf, size_t room)
{
    if (buf->arena != NULL) {
        return fh_arena_grow(buf->arena, buf->ptr, buf->room, room);
    }
    uint8_t *ptr = realloc(buf->ptr, room);

    FH_ASSERT(ptr != NULL);
    return ptr;
}

uint8_t *fh_buf_reserve(struct fh_buf *buf, size_t n)
{
    size_t want = 0;

    if (buf->failed || !fh_add_ok(buf->len, n, &want) || want > buf->max) {
        buf->failed = true;
        return NULL;
    }
    if (want > buf->room || buf->ptr == NULL) {
        size_t room = fh_min(fh_max(fh_max(buf->room * 2, want), ROOM_MIN), buf->max);
        uint8_t *ptr = resize(buf, fh_max(room, 1));

        buf->ptr = ptr;
        buf->room = fh_max(room, 1);
    }
    return buf->ptr + buf->len;
}

void fh_buf_commit(struct fh_buf *buf, size_t n)
{
    FH_ASSERT(n <= buf->room - buf->len);
    buf->len += n;
}

void fh_buf_append_slow(struct fh_buf *buf, struct fh_slice s)
{
    if (s.len == 0) {
        return;
    }
    uint8_t *to = fh_buf_reserve(buf, s.len);

    if (to != NULL) {
        memcpy(to, s.ptr, s.len);
        buf->len += s.len;
    }
}

void fh_buf_u64(struct fh_buf *buf, uint64_t number)
{
    uint8_t digits[20];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (uint8_t)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    fh_buf_append(buf, fh_slice(digits + at, sizeof(digits) - at));
}

void fh_buf_hex(struct fh_buf *buf, struct fh_slice bytes)
{
    static const char digits[] = "0123456789abcdef";
    size_t want = 0;

    if (!fh_mul_ok(bytes.len, 2, &want)) {
        buf->failed = true;
        return;
    }
    uint8_t *to = fh_buf_reserve(buf, want);

    if (to == NULL) {
        return;
    }
    for (size_t i = 0; i < bytes.len; i++) {
        to[2 * i] = (uint8_t)digits[bytes.ptr[i] >> 4];
        to[2 * i + 1] = (uint8_t)digits[bytes.ptr[i] & 15];
    }
    buf->len += want;
}

static void append_be(struct fh_buf *buf, uint64_t number, size_t n)
{
    uint8_t bytes[8];

    for (size_t i = n; i > 0; i--) {
        bytes[i - 1] = (uint8_t)number;
        number >>= 8;
    }
    fh_buf_append(buf, fh_slice(bytes, n));
}

void fh_buf_u16be(struct fh_buf *buf, uint16_t number)
{
    append_be(buf, number, 2);
}

void fh_buf_u32be(struct fh_buf *buf, uint32_t number)
{
    append_be(buf, number, 4);
}

static void append_le(struct fh_buf *buf, uint64_t number, size_t n)
{
    uint8_t bytes[8];

    for (size_t i = 0; i < n; i++) {
        bytes[i] = (uint8_t)(number >> (8 * i));
    }
    fh_buf_append(buf, fh_slice(bytes, n));
}

void fh_buf_u16le(struct fh_buf *buf, uint16_t number)
{
    append_le(buf, number, 2);
}

void fh_buf_u32le(struct fh_buf *buf, uint32_t number)
{
    append_le(buf, number, 4);
}

void fh_buf_u64le(struct fh_buf *buf, uint64_t number)
{
    append_le(buf, number, 8);
}

void fh_buf_vprintf(struct fh_buf *buf, const char *fmt, va_list args)
{
    va_list again;

    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    FH_ASSERT(n >= 0);

    uint8_t *to = fh_buf_reserve(buf, (size_t)n + 1); /* vsnprintf wants room for its NUL */
    if (to != NULL) {
        (void)vsnprintf((char *)to, (size_t)n + 1, fmt, args);
        buf->len += (size_t)n;
    }
}

void fh_buf_printf(struct fh_buf *buf, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    fh_buf_vprintf(buf, fmt, args);
    va_end(args);
}

void fh_buf_cut(struct fh_buf *buf, size_t n)
{
    FH_ASSERT(n <= buf->len);
    buf->len -= n;
    if (n > 0 && buf->len > 0) {
        memmove(buf->ptr, buf->ptr + n, buf->len);
    }
}
