/*
 * loss.h: what a translation could not carry. Nothing is lost silently.
 *
 * Each entry names the field by its JSON pointer (RFC 6901) in the source body. The list is what
 * the header x-freehold-dropped, the journal and the trace are made of; strict mode turns the first
 * entry into a refusal. The list is bounded; past FH_LOSS_MAX entries only `count` goes on.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "base/base.h"

enum { FH_LOSS_MAX = 64 };

struct fh_loss_entry {
    struct fh_slice pointer; /* such as /messages/3/content/0/cache_control */
    const char *why;         /* static: "has no counterpart in openai_chat" */
};

struct fh_loss {
    struct fh_arena *arena; /* pointers are copied here */
    struct fh_loss_entry entry[FH_LOSS_MAX];
    uint32_t count; /* of all losses, also those past the bound */
};

/* fh_loss_add notes one field; one that is in the list is not noted again, since every chunk of
 * a stream may have it: who spoke last knows best why. Copies `pointer`. */
void fh_loss_add(struct fh_loss *loss, struct fh_slice pointer, const char *why);

/* fh_loss_listed is how many entries are in the list. */
static inline uint32_t fh_loss_listed(const struct fh_loss *loss)
{
    return loss->count < FH_LOSS_MAX ? loss->count : FH_LOSS_MAX;
}

/* fh_loss_print appends the pointers from number `from` on, comma and space between them, as the
 * header has them; ", and 7 more" at the end when not all fit. ASCII: other bytes are
 * percent-encoded, and those that would end it in a list or a string. */
void fh_loss_print(const struct fh_loss *loss, uint32_t from, struct fh_buf *out);

/* A place in a body, as links from the inside out, on the stack of who walks it: costs nothing
 * until somebody asks for its text. */
struct fh_path {
    const struct fh_path *up; /* NULL at the top */
    struct fh_slice key;      /* member name; when empty, `index` counts */
    size_t index;
};

/* fh_path_print gives the JSON pointer of `name` under `path` (of `path` itself if empty). */
struct fh_slice fh_path_print(const struct fh_path *path, struct fh_slice name,
                              struct fh_arena *arena);
