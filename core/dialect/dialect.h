/*
 * dialect.h: what a message schema can do, as a table of functions.
 *
 * A dialect is a message schema, spoken by clients and by providers alike; a place with its URL
 * and keys is a provider. Each dialect is a folder with its wire notes, vectors, tests and fuzz
 * target, and exports one `struct fh_dialect`. All calls are pure: bytes in, bytes out.
 *
 *     client body ──decode_request──▶ request ──encode_request──▶ provider body
 *     client reply ◀──encode_reply─── events ◀──decode_reply──── provider reply
 *     client SSE  ◀──encode_stream─── events ◀──decode_stream─── provider SSE
 *
 * When both ends speak the same dialect nothing of this runs: the bytes travel, and scan_reply or
 * scan_stream only look at them for what the books need.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "chat/event.h"
#include "chat/request.h"
#include "wire/sse.h"

/* What a reply to this client has to say beside the model's words. Borrowed for the exchange. */
struct fh_reply_frame {
    struct fh_slice request_id; /* of the exchange, as the client sees it */
    struct fh_slice model;      /* for replies whose provider does not name one */
    uint64_t created_s;         /* calendar time of the request */
    bool include_usage;         /* OpenAI: the client asked for a usage chunk */
};

/* What scanning a reply that passes byte for byte found for the books. Start it zeroed. */
struct fh_watch {
    struct fh_usage usage;
    enum fh_finish finish; /* FH_FINISH_UNKNOWN until seen */
    bool ended;            /* the protocol's own end was seen; nothing of meaning follows */
    bool usage_only; /* the event scanned last holds usage and nothing else: an OpenAI client
                                that did not ask for it (include_usage) must not see the event */
    bool failed;     /* an error event, or an error object in a 200 */
    enum fh_refusal failure; /* its kind, when `failed` */
};

struct fh_dialect {
    enum fh_dialect_id id;
    struct fh_slice name; /* "anthropic": in configs, journals, loss reports */

    /* decode_request reads a client's body (JSON already scanned: wire/json_scan.h).
     *
     * Returns  FH_OK; else `why` says what is wrong where, for the client.
     * Limits   what `arena` may take.
     */
    enum fh_rc (*decode_request)(struct fh_chat_request *req, struct fh_arena *arena,
                                 struct fh_slice body, struct fh_complaint *why);

    /* encode_request writes the body for a provider of this dialect; `req->model` is already the
     * provider's name for it. Fields that it cannot carry are added to `loss`.
     *
     * Returns  FH_OK; FH_E_SUPPORT, with `why`, when leaving a field out would change the meaning
     *          (n > 1, an image for a dialect without images): then the request is refused.
     */
    enum fh_rc (*encode_request)(struct fh_buf *out, struct fh_arena *scratch,
                                 const struct fh_chat_request *req, struct fh_loss *loss,
                                 struct fh_complaint *why);

    /* decode_reply reads a provider's whole answer (status 200) into events, the last of them
     * FH_EVENT_END, or FH_EVENT_ERROR if it is an error in disguise.
     *
     * Returns  FH_E_SYNTAX or FH_E_TYPE when it is no answer at all (HTML, half a body, …).
     */
    enum fh_rc (*decode_reply)(struct fh_events *out, struct fh_slice body,
                               struct fh_complaint *why);

    /* A decoder of one stream: fed one SSE event at a time, gives any number of events. */
    void *(*stream_decoder_new)(struct fh_arena *arena);
    enum fh_rc (*decode_stream)(void *decoder, struct fh_events *out,
                                const struct fh_sse_event *wire, struct fh_complaint *why);

    /* encode_reply writes the whole answer for a client. What it cannot say goes to `loss`, with
     * pointers into the provider's reply. */
    void (*encode_reply)(struct fh_buf *out, struct fh_arena *scratch,
                         const struct fh_reply_frame *frame, const struct fh_events *events,
                         struct fh_loss *loss);

    /* An encoder of one stream: each event gives whole SSE events, or none. State and what it
     * holds back live in the arena it was made in. */
    void *(*stream_encoder_new)(struct fh_arena *arena, const struct fh_reply_frame *frame);
    void (*encode_stream)(void *encoder, struct fh_buf *out, struct fh_arena *scratch,
                          const struct fh_event *event, struct fh_loss *loss);

    /* encode_fault writes the JSON body of an error, or the stream's error event (whole, with
     * its framing) when `stream`. fault_status gives the HTTP status that goes with the body. */
    void (*encode_fault)(struct fh_buf *out, struct fh_arena *scratch,
                         struct fh_slice request_id, const struct fh_fault *fault, bool stream);
    uint16_t (*fault_status)(const struct fh_fault *fault);

    /* decode_fault reads a provider's error body (any status but 200, any content). It always
     * finds something to say: of a body it cannot read it keeps the first line. Slices of `fault`
     * live in `arena`. */
    void (*decode_fault)(struct fh_fault *fault, struct fh_arena *arena, uint16_t status,
                         struct fh_slice body);

    /* encode_models writes the list of models that a client may use, or, if `one`, the answer to a
     * question for a single one. */
    void (*encode_models)(struct fh_buf *out, struct fh_arena *scratch,
                          const struct fh_slice *names, size_t count, bool one);

    /* Pass-through: look for usage, finish, error and end. Neither needs the bytes to be right;
     * a whole reply that is well-formed JSON has `ended` or `failed` afterwards, any other
     * neither. */
    void (*scan_reply)(struct fh_watch *watch, struct fh_arena *scratch, struct fh_slice body);
    void (*scan_stream)(struct fh_watch *watch, struct fh_arena *scratch,
                        const struct fh_sse_event *wire);
};

extern const struct fh_dialect fh_dialect_anthropic;
extern const struct fh_dialect fh_dialect_openai_chat;

/* fh_dialect gives the table of an id. */
const struct fh_dialect *fh_dialect(enum fh_dialect_id id);

/* fh_dialect_by_name finds one by its name in configs; NULL when there is none. */
const struct fh_dialect *fh_dialect_by_name(struct fh_slice name);
