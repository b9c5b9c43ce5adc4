/*
 * openai_chat_chunk.h: a stream for a client: its encoder, and how a chunk is written.
 *
 *     open_chunk ──▶ add_key, what the member holds ──▶ … ──▶ close_chunk
 *     {"id":…,"choices":[{"index":0,"delta":{    "content":"Hi"       },"finish_reason":null}]}
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "openai_chat.h"

enum { FH_OPENAI_CHAT_CHOICES = 128 }; /* whose role is kept track of */

struct fh_openai_chat_encoder {
    const struct fh_openai_chat_flavour *flavour;
    struct fh_arena *arena;
    struct fh_reply_frame frame;
    struct fh_openai_chat_prefix *prefix;
    struct fh_buf line;  /* the chunk that is written */
    struct fh_buf usage; /* the usage object as last known, and what stood beside it */
    struct fh_usage counts;
    bool has_usage;
    uint64_t greeted[FH_OPENAI_CHAT_CHOICES / 64]; /* choices whose role was sent */
    struct fh_openai_chat_held *held;
    struct fh_openai_chat_calls *calls;
    struct fh_buf last; /* where usage is told with it: the chunk with a finish, still open */
};

/* One event on its way. */
struct fh_openai_chat_telling {
    struct fh_openai_chat_encoder *enc;
    struct fh_buf *out;
    struct fh_arena *scratch;
    const struct fh_event *event;
    struct fh_loss *loss;
    bool ours; /* it came in the dialect that is written: extras go back to where they stood */
};

/* fh_openai_chat_open_chunk writes everything up to the members of the delta, add_key begins one of
 * them (`key` with its quotes and colon), and close_chunk writes the rest, extras of the event's
 * provider included, and sends it. A chunk with a finish stays open where usage is told with it. */
void fh_openai_chat_open_chunk(struct fh_openai_chat_telling *t);
void fh_openai_chat_add_key(struct fh_openai_chat_telling *t, struct fh_slice key);
void fh_openai_chat_close_chunk(struct fh_openai_chat_telling *t, struct fh_slice finish);

/* fh_openai_chat_tell makes a chunk of the event's text, as the member `key`. */
void fh_openai_chat_tell(struct fh_openai_chat_telling *t, struct fh_slice key);

/* fh_openai_chat_add_extras writes those that stood in `object`, each behind a comma where one is
 * needed. */
void fh_openai_chat_add_extras(struct fh_openai_chat_telling *t, struct fh_slice object);

/* fh_openai_chat_send sends a chunk, fh_openai_chat_send_last closes and sends the one that was
 * kept open. */
void fh_openai_chat_send(struct fh_openai_chat_encoder *enc, struct fh_buf *out,
                         const struct fh_buf *chunk);
void fh_openai_chat_send_last(struct fh_openai_chat_encoder *enc, struct fh_buf *out);
