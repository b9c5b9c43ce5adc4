/* arena.c: chunks on a list, a bump pointer into the newest.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <stdlib.h>
#include <string.h>

/* GCC says it with a macro, clang with a feature test that GCC cannot even parse. */
#if defined(__SANITIZE_ADDRESS__)
#    define FH_ASAN 1
#elif defined(__has_feature)
#    if __has_feature(address_sanitizer)
#        define FH_ASAN 1
#    endif
#endif

#ifdef FH_ASAN
#    include <sanitizer/asan_interface.h>
#    define POISON(ptr, len)   ASAN_POISON_MEMORY_REGION(ptr, len)
#    define UNPOISON(ptr, len) ASAN_UNPOISON_MEMORY_REGION(ptr, len)
#else
#    define POISON(ptr, len)   ((void)(ptr), (void)(len))
#    define UNPOISON(ptr, len) ((void)(ptr), (void)(len))
#endif

enum {
    ALIGN = 16,
    CHUNK_MIN = 1024, /* the first chunk, its header included */
    CHUNK_SECOND = 2 * CHUNK_MIN,
    CHUNK_MAX = 65536,
};

struct chunk {
    struct chunk *next;
    size_t size; /* of `bytes` */
    _Alignas(ALIGN) uint8_t bytes[];
};

/* The arena itself lies at the start of its first chunk's heap block: one malloc for both. */
struct fh_arena {
    struct chunk *newest;
    uint8_t *at; /* next free byte of the newest chunk */
    size_t left; /* bytes free behind it */
    size_t used; /* asked for since the last reset */
    size_t cap;  /* fh_arena_try stops here */
    size_t next_size;
    struct chunk *first;
};

static size_t round_up(size_t size)
{
    FH_ASSERT(size <= SIZE_MAX / 2);
    return (size + (ALIGN - 1)) & ~(size_t)(ALIGN - 1);
}

static void *heap(size_t size)
{
    void *ptr = malloc(size);

    FH_ASSERT(ptr != NULL); /* out of memory: the worker dies and is restarted */
    return ptr;
}

static void open_chunk(struct fh_arena *arena, struct chunk *chunk)
{
    arena->newest = chunk;
    arena->at = chunk->bytes;
    arena->left = chunk->size;
    POISON(chunk->bytes, chunk->size);
}

static struct chunk *first_chunk(struct fh_arena *arena)
{
    return (struct chunk *)((uint8_t *)arena + round_up(sizeof(struct fh_arena)));
}

struct fh_arena *fh_arena_new(size_t cap)
{
    return fh_arena_new_sized(CHUNK_MIN, cap);
}

struct fh_arena *fh_arena_new_sized(size_t first, size_t cap)
{
    struct fh_arena *arena = heap(fh_max(first, CHUNK_MIN));
    size_t overhead = round_up(sizeof(struct fh_arena)) + sizeof(struct chunk);

    *arena = (struct fh_arena){.cap = cap, .next_size = CHUNK_SECOND};
    arena->first = first_chunk(arena);
    arena->first->next = NULL;
    arena->first->size = fh_max(first, CHUNK_MIN) - overhead;
    open_chunk(arena, arena->first);
    return arena;
}

/* drop frees every chunk but the first and `keep`. */
static void drop(struct fh_arena *arena, struct chunk *keep)
{
    struct chunk *chunk = arena->newest;

    while (chunk != arena->first) {
        struct chunk *next = chunk->next;

        if (chunk != keep) {
            UNPOISON(chunk->bytes, chunk->size);
            free(chunk);
        }
        chunk = next;
    }
}

void fh_arena_free(struct fh_arena **arena)
{
    if (*arena == NULL) {
        return;
    }
    drop(*arena, NULL);
    UNPOISON((*arena)->first->bytes, (*arena)->first->size);
    free(*arena);
    *arena = NULL;
}

void fh_arena_reset(struct fh_arena *arena)
{
    struct chunk *keep = arena->newest; /* chunks only grow, so the newest is the largest */

    if (keep != arena->first) {
        drop(arena, keep);
        keep->next = arena->first;
    }
    open_chunk(arena, keep);
    arena->used = 0;
}

void fh_arena_trim(struct fh_arena *arena)
{
    drop(arena, NULL);
    open_chunk(arena, arena->first);
    arena->next_size = CHUNK_SECOND;
    arena->used = 0;
}

void fh_arena_wipe(struct fh_arena *arena)
{
    struct chunk *chunk = arena->newest;

    for (; chunk != arena->first; chunk = chunk->next) {
        UNPOISON(chunk->bytes, chunk->size);
        explicit_bzero(chunk->bytes, chunk->size);
    }
    UNPOISON(chunk->bytes, chunk->size);
    explicit_bzero(chunk->bytes, chunk->size);
    fh_arena_trim(arena);
}

static void grow(struct fh_arena *arena, size_t size)
{
    size_t want = fh_max(arena->next_size, size + sizeof(struct chunk));
    struct chunk *chunk = heap(want);

    chunk->size = want - sizeof(struct chunk);
    chunk->next = arena->newest;
    open_chunk(arena, chunk);
    arena->next_size = fh_min(arena->next_size * 2, CHUNK_MAX);
}

void *fh_arena_raw(struct fh_arena *arena, size_t size)
{
    size_t room = round_up(fh_max(size, 1));

    if (arena->left < room) {
        grow(arena, room);
    }
    uint8_t *ptr = arena->at;

    arena->at += room;
    arena->left -= room;
    arena->used += room;
    UNPOISON(ptr, size);
    return ptr;
}

void *fh_arena_alloc(struct fh_arena *arena, size_t size)
{
    return memset(fh_arena_raw(arena, size), 0, size);
}

void *fh_arena_try(struct fh_arena *arena, size_t size)
{
    size_t after = 0;

    if (size > arena->cap || !fh_add_ok(arena->used, round_up(size), &after) ||
        after > arena->cap) {
        return NULL;
    }
    return fh_arena_raw(arena, size);
}

/* extension is by how much the last piece has to move the end of what is given out to become `size`
 * long; false when `old` is not the last, or the chunk has not that much left. */
static bool extension(const struct fh_arena *arena, const void *old, size_t old_size,
                      size_t size, size_t *more)
{
    size_t old_room = round_up(fh_max(old_size, 1));

    if (old == NULL || (const uint8_t *)old + old_room != arena->at) {
        return false;
    }
    *more = round_up(size) - fh_min(old_room, round_up(size));
    return *more <= arena->left;
}

void *fh_arena_grow(struct fh_arena *arena, void *old, size_t old_size, size_t size)
{
    size_t more = 0;

    if (old != NULL && size <= old_size) {
        return old;
    }
    if (extension(arena, old, old_size, size, &more)) {
        arena->at += more;
        arena->left -= more;
        arena->used += more;
        UNPOISON(old, size);
        return old;
    }
    void *fresh = fh_arena_raw(arena, size);

    return old == NULL ? fresh : memcpy(fresh, old, old_size);
}

void *fh_arena_resize(struct fh_arena *arena, void *old, size_t old_size, size_t size)
{
    size_t more = 0;
    size_t after = 0;

    if (size > arena->cap) {
        return NULL;
    }
    if (!extension(arena, old, old_size, size, &more)) {
        more = size > old_size ? round_up(size) : 0;
    }
    if (!fh_add_ok(arena->used, more, &after) || after > arena->cap) {
        return NULL;
    }
    return fh_arena_grow(arena, old, old_size, size);
}

void fh_arena_shrink(struct fh_arena *arena, void *piece, size_t size, size_t kept)
{
    size_t room = round_up(fh_max(size, 1));
    size_t less = room - round_up(fh_max(kept, 1));

    FH_ASSERT(kept <= size);
    if ((uint8_t *)piece + room == arena->at) {
        arena->at -= less;
        arena->left += less;
        arena->used -= less;
        POISON(arena->at, less);
    }
}

size_t fh_arena_used(const struct fh_arena *arena)
{
    return arena->used;
}

struct fh_slice fh_dup(struct fh_arena *arena, struct fh_slice s)
{
    return fh_concat(arena, &s, 1);
}

char *fh_dup_cstr(struct fh_arena *arena, struct fh_slice s)
{
    char *copy = fh_arena_raw(arena, s.len + 1);

    if (s.len > 0) {
        memcpy(copy, s.ptr, s.len);
    }
    copy[s.len] = '\0';
    return copy;
}

struct fh_slice fh_concat(struct fh_arena *arena, const struct fh_slice *parts, size_t n)
{
    size_t total = 0;
    size_t at = 0;

    for (size_t i = 0; i < n; i++) {
        FH_ASSERT(fh_add_ok(total, parts[i].len, &total));
    }
    uint8_t *copy = fh_arena_raw(arena, total);

    for (size_t i = 0; i < n; i++) {
        if (parts[i].len > 0) {
            memcpy(copy + at, parts[i].ptr, parts[i].len);
            at += parts[i].len;
        }
    }
    return fh_slice(copy, total);
}
