/*
 * arena.h: memory that goes all at once.
 *
 *     fh_arena_new ──▶ alloc, alloc, … ──▶ fh_arena_reset ──▶ alloc, … ──▶ fh_arena_free
 *
 * One arena per exchange, and a small one as scratch that is reset after each event of a stream.
 * Nothing in an arena is freed by itself. An allocation of a size that we chose cannot fail; one
 * whose size a peer chose goes through fh_arena_try, which keeps to the arena's cap.
 *
 * Cost     a bump of a pointer; chunks start at 1 KiB and double up to 64 KiB, so an arena that
 *          stays small stays cheap (an idle stream holds one).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "base/slice.h"

struct fh_arena;

/* fh_arena_new makes an arena that fh_arena_try will not let grow beyond `cap` bytes. */
struct fh_arena *fh_arena_new(size_t cap);

/* fh_arena_new_sized makes its first chunk `first` bytes long, for an owner that knows. */
struct fh_arena *fh_arena_new_sized(size_t first, size_t cap);

/* fh_arena_free releases the arena and all that came from it, and sets `*arena` NULL. */
void fh_arena_free(struct fh_arena **arena);

/* fh_arena_reset forgets everything allocated; the largest chunk is kept for what comes next. */
void fh_arena_reset(struct fh_arena *arena);

/* fh_arena_trim is a reset that gives all but a first small chunk back to the heap. */
void fh_arena_trim(struct fh_arena *arena);

/* fh_arena_wipe is a trim that overwrites all that the arena held, for one that secrets were in.
 *
 * Requires no reset and no trim before, which give chunks back as they are.
 */
void fh_arena_wipe(struct fh_arena *arena);

/* fh_arena_alloc gives `size` zeroed bytes, aligned for any type. */
void *fh_arena_alloc(struct fh_arena *arena, size_t size);

/* fh_arena_raw is fh_arena_alloc without the zeroing. */
void *fh_arena_raw(struct fh_arena *arena, size_t size);

/* fh_arena_try gives `size` bytes, not zeroed, or NULL when that would pass the cap. */
FH_NODISCARD void *fh_arena_try(struct fh_arena *arena, size_t size);

/* fh_arena_grow makes the piece `old` of `old_size` bytes `size` long, in place when it is the
 * last one given out and fits, else by copying. fh_arena_resize does so within the cap. */
void *fh_arena_grow(struct fh_arena *arena, void *old, size_t old_size, size_t size);
FH_NODISCARD void *fh_arena_resize(struct fh_arena *arena, void *old, size_t old_size,
                                   size_t size);

/* fh_arena_shrink gives back the end of the last piece given out, of which `kept` bytes stay.
 * It does nothing when `piece` is not the last. */
void fh_arena_shrink(struct fh_arena *arena, void *piece, size_t size, size_t kept);

/* fh_arena_used is the sum of what was asked for since the last reset. */
size_t fh_arena_used(const struct fh_arena *arena);

/* fh_new allocates one zeroed `type`. */
#define fh_new(arena, type) ((type *)fh_arena_alloc((arena), sizeof(type)))

/* fh_dup copies the bytes into the arena. */
struct fh_slice fh_dup(struct fh_arena *arena, struct fh_slice s);

/* fh_dup_cstr copies the bytes and puts a NUL behind them, for the edge of libc. */
char *fh_dup_cstr(struct fh_arena *arena, struct fh_slice s);

/* fh_concat joins `n` slices in the arena. */
struct fh_slice fh_concat(struct fh_arena *arena, const struct fh_slice *parts, size_t n);
