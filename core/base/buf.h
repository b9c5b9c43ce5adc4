/*
 * buf.h: a byte string that grows up to a stated end.
 *
 * A buffer is born with a `max`. The first append that would pass it sets `failed` and changes
 * nothing, later ones do nothing: an encoder returns void and its caller looks at `failed` once,
 * at the end. Memory comes from an arena when one is given, else from the heap (then fh_buf_fini
 * releases it). `max` is the only bound: an arena's cap is for what is not written through a
 * buffer, else a text could end early without anybody having chosen where.
 *
 *     FH_AUTO(fh_buf_fini) struct fh_buf out = fh_buf_on_heap(4096);
 *     fh_buf_append(&out, FH_LIT("data: "));
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "base/arena.h"

#include <stdarg.h>

struct fh_buf {
    uint8_t *ptr;
    size_t len;
    size_t room; /* bytes at ptr */
    size_t max;  /* bytes ever */
    struct fh_arena *arena;
    bool failed; /* sticky: an append did not fit */
};

struct fh_buf fh_buf_on_heap(size_t max);
struct fh_buf fh_buf_in_arena(struct fh_arena *arena, size_t max);

/* fh_buf_over fills memory that the caller has, such as an array on the stack: nothing to free. */
static inline struct fh_buf fh_buf_over(uint8_t *room, size_t size)
{
    return (struct fh_buf){.ptr = room, .room = size, .max = size};
}

/* fh_buf_fini gives heap memory back; the buffer may be used again afterwards. */
void fh_buf_fini(struct fh_buf *buf);

/* fh_buf_clear forgets content and failure and keeps the memory. */
void fh_buf_clear(struct fh_buf *buf);

/* fh_buf_append and fh_buf_byte add bytes. What fits into the room at hand is copied in place. */
void fh_buf_append_slow(struct fh_buf *buf, struct fh_slice s);

static inline void fh_buf_append(struct fh_buf *buf, struct fh_slice s)
{
    if (s.len <= buf->room - buf->len && s.len > 0 && !buf->failed) {
        memcpy(buf->ptr + buf->len, s.ptr, s.len);
        buf->len += s.len;
    } else {
        fh_buf_append_slow(buf, s);
    }
}

static inline void fh_buf_byte(struct fh_buf *buf, uint8_t byte)
{
    fh_buf_append(buf, (struct fh_slice){&byte, 1});
}

void fh_buf_u64(struct fh_buf *buf, uint64_t number); /* in decimal */
void fh_buf_hex(struct fh_buf *buf, struct fh_slice bytes);

/* Big-endian numbers, as most wires want them, and little-endian ones, as our own files have
 * them. */
void fh_buf_u16be(struct fh_buf *buf, uint16_t number);
void fh_buf_u32be(struct fh_buf *buf, uint32_t number);
void fh_buf_u16le(struct fh_buf *buf, uint16_t number);
void fh_buf_u32le(struct fh_buf *buf, uint32_t number);
void fh_buf_u64le(struct fh_buf *buf, uint64_t number);

FH_PRINTF(2, 3) void fh_buf_printf(struct fh_buf *buf, const char *fmt, ...);
FH_PRINTF(2, 0) void fh_buf_vprintf(struct fh_buf *buf, const char *fmt, va_list args);

/* fh_buf_cut drops the first `n` bytes. */
void fh_buf_cut(struct fh_buf *buf, size_t n);

/* fh_buf_reserve makes room for `n` more bytes and returns where they go, or NULL (and `failed`)
 * when they would not fit; fh_buf_commit then counts what was written. */
FH_NODISCARD uint8_t *fh_buf_reserve(struct fh_buf *buf, size_t n);
void fh_buf_commit(struct fh_buf *buf, size_t n);

/* fh_buf_slice borrows the content until the next append, cut, clear or fini. */
static inline struct fh_slice fh_buf_slice(const struct fh_buf *buf)
{
    return fh_slice(buf->ptr, buf->len);
}
