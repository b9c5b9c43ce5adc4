/*
 * event.h: a reply, streamed or whole, as a sequence of events.
 *
 *     START  (BLOCK_START  (TEXT | ARGUMENTS | THINKING | SIGNATURE | …)*  BLOCK_STOP)*
 *            USAGE*  FINISH  USAGE*  END              and ERROR at any point, which ends it
 *
 * A whole reply is decoded into the same events that its stream would have given, and encoded from
 * them: so both have the same usage by construction. Blocks of one choice do not overlap in
 * Anthropic's dialect; in OpenAI's, fragments of parallel tool calls may interleave, so fragments
 * carry the index of their block and an encoder that cannot interleave holds back the later ones.
 *
 * Slices borrow from the decoder until its next call. Events of one decoder call lie in an
 * fh_events list in the scratch arena, which the caller resets after it has used them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "chat/refusal.h"
#include "chat/request.h"
#include "chat/usage.h"

enum fh_event_kind {
    FH_EVENT_START,       /* id, model, created_s */
    FH_EVENT_BLOCK_START, /* index, block kind; tool call: id, name; redacted: data in text, signer;
                             image, audio: media_type */
    FH_EVENT_TEXT,        /* index, text */
    FH_EVENT_THINKING,  /* index, text */
    FH_EVENT_SIGNATURE, /* index, text: opaque; signer. Of thinking or of a tool call */
    FH_EVENT_ARGUMENTS, /* index, text: a fragment of the JSON text */
    FH_EVENT_REFUSAL,   /* index, text: what the model says when it declines */
    FH_EVENT_DATA,      /* index, text: a fragment of base64 (image, audio) */
    FH_EVENT_CITATIONS, /* index; citations of the text so far, in the source's form: in
                             `extras` */
    FH_EVENT_EXTRA,     /* index; a part that only the source dialect knows (a log probability):
                             in `extras` */
    FH_EVENT_BLOCK_STOP, /* index */
    FH_EVENT_FINISH,     /* finish, stop_sequence */
    FH_EVENT_USAGE,      /* usage: merge it */
    FH_EVENT_ERROR,      /* fault */
    FH_EVENT_PING,       /* the provider is alive */
    FH_EVENT_END,        /* the protocol's own end was seen */
};

/* Why generation ended. */
enum fh_finish {
    FH_FINISH_UNKNOWN, /* a word we do not know: `finish_word` */
    FH_FINISH_STOP,
    FH_FINISH_STOP_SEQUENCE,
    FH_FINISH_LENGTH,
    FH_FINISH_CONTEXT, /* the context window is full */
    FH_FINISH_TOOLS,
    FH_FINISH_REFUSAL,   /* declined or filtered */
    FH_FINISH_PAUSE,     /* a server tool wants to be continued */
    FH_FINISH_MALFORMED, /* the model's tool call was broken */
    FH_FINISHES,
};

struct fh_event {
    enum fh_event_kind kind;
    enum fh_dialect_id dialect; /* of the provider: who understands `extras` and `raw` */
    enum fh_block_kind block; /* of the block that the event is about, in each of its events */
    enum fh_signer signer;
    uint32_t choice; /* 0 unless the client asked for several */
    uint32_t index;  /* of the block within its choice, dense from 0 */
    uint32_t item;   /* Responses: of the item of the answer that the block is part of */
    struct fh_slice id, name, model, text, media_type;
    uint64_t created_s; /* 0: not said */
    enum fh_finish finish;
    struct fh_slice finish_word; /* the provider's own word */
    struct fh_slice stop_sequence;
    struct fh_usage usage;
    struct fh_fault fault;
    /* BLOCK_START of an opaque block: the whole of it; in other events, what an encoder of the same
     * dialect wants to know beside what they say */
    yyjson_val *raw;
    struct fh_extras extras;
};

struct fh_events {
    struct fh_arena *arena;     /* holds the list and what the events point to */
    enum fh_dialect_id dialect; /* the decoder's own; each event says so */
    struct fh_event *list;
    size_t count, room;
};

/* fh_event_push appends an event of `kind` and of the list's dialect, zeroed otherwise; the pointer
 * holds until the next push. */
struct fh_event *fh_event_push(struct fh_events *events, enum fh_event_kind kind);
