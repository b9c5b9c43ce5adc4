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
 * Between decode and encode stands fh_settle (chat/settle.h): it takes out what the target cannot
 * say, as the two ledgers have it, and reports it. When both ends speak the same dialect nothing of
 * this runs: the bytes travel, and scan_reply or scan_stream only look at them for what the books
 * need.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "chat/settle.h"
#include "wire/frame.h"

/* Bedrock has two lists of one thing. */
enum fh_list_kind {
    FH_LIST_MODELS,
    FH_LIST_PROFILES,  /* Bedrock: inference profiles */
    FH_LIST_PUBLISHED, /* Gemini: as Vertex lists the models of a publisher */
};

/* What a reply to this client has to say beside the model's words. Borrowed for the exchange. */
struct fh_reply_frame {
    struct fh_slice request_id; /* of the exchange, as the client sees it */
    struct fh_slice model;      /* for replies whose provider does not name one */
    uint64_t created_s;         /* calendar time of the request */
    bool include_usage;         /* OpenAI: the client asked for a usage chunk */
    enum fh_framing framing;    /* of the client's stream */
    const struct fh_chat_request
        *request; /* what was asked, for dialects whose answers repeat it
                                              (Responses); NULL: not at hand */
};

/* What is listed to a client that asks for models. */
struct fh_listing {
    const struct fh_slice *names; /* sorted */
    size_t count;
    bool one; /* the answer is about names[0] alone */
    enum fh_list_kind kind;
    uint64_t created_s;     /* for members that must hold a time */
    struct fh_slice region; /* for names of Amazon's resources: the client's; may be empty */
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
    struct fh_slice name;        /* "anthropic": in configs, journals, loss reports */
    const struct fh_cell *cells; /* its ledger */
    enum fh_signer home;         /* whose signatures its providers take */
    enum fh_framing framing;     /* of its streams, unless the place says otherwise */
    bool ends_with_bytes; /* the end of the message after FINISH is the end of the stream */
    bool no_error_event;  /* its SDKs know no error in a stream: it has to be broken off */
    bool repeats_request; /* its answers say again what was asked (fh_reply_frame) */

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
     * Requires fh_settle, unless the request came in this dialect.
     * Returns  FH_OK; FH_E_SUPPORT, with `why`, when a value does not fit (arguments of a call that
     *          are no JSON object): then the request is refused.
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
                                const struct fh_frame *wire, struct fh_complaint *why);

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

    /* encode_fault writes the JSON body of an error (FH_FRAMING_NONE), or the stream's error event,
     * whole, with its framing. fault_status gives the HTTP status that goes with the body,
     * fault_name what goes into x-amzn-errortype (NULL: this dialect has no such thing). */
    void (*encode_fault)(struct fh_buf *out, struct fh_arena *scratch,
                         struct fh_slice request_id, const struct fh_fault *fault,
                         enum fh_framing framing);
    struct fh_slice (*fault_name)(const struct fh_fault *fault);
    uint16_t (*fault_status)(const struct fh_fault *fault);

    /* decode_fault reads a provider's error body (any status but 200, any content). It always
     * finds something to say: of a body it cannot read it keeps the first line. Slices of `fault`
     * live in `arena`. */
    void (*decode_fault)(struct fh_fault *fault, struct fh_arena *arena, uint16_t status,
                         struct fh_slice body);

    /* encode_models writes the list of models that a client may use, or, if `one`, the answer to a
     * question for a single one. */
    void (*encode_models)(struct fh_buf *out, struct fh_arena *scratch,
                          const struct fh_listing *list);

    /* Counting tokens. unwrap_count finds the chat request in the body of a client's count,
     * wrap_count makes the body of a count of one that encode_request wrote (NULL: it is the body
     * itself). decode_count reads the answer of a provider (NULL: none of this dialect counts),
     * encode_count writes it for a client (NULL: its clients cannot ask). */
    enum fh_rc (*unwrap_count)(struct fh_slice *chat, struct fh_arena *arena,
                               struct fh_slice body, struct fh_complaint *why);
    void (*wrap_count)(struct fh_buf *out, struct fh_arena *scratch, struct fh_slice chat);
    FH_NODISCARD bool (*decode_count)(struct fh_slice body, struct fh_arena *scratch,
                                      uint64_t *tokens);
    void (*encode_count)(struct fh_buf *out, uint64_t tokens);

    /* encode_ping writes what keeps a quiet stream alive, with its framing: an event or a comment
     * that every client of the dialect skips. */
    void (*encode_ping)(struct fh_buf *out, enum fh_framing framing);

    /* Pass-through: look for usage, finish, error and end. Neither needs the bytes to be right;
     * a whole reply that is well-formed JSON has `ended` or `failed` afterwards, any other
     * neither. */
    void (*scan_reply)(struct fh_watch *watch, struct fh_arena *scratch, struct fh_slice body);
    void (*scan_stream)(struct fh_watch *watch, struct fh_arena *scratch,
                        const struct fh_frame *wire);
};

extern const struct fh_dialect fh_dialect_anthropic;
extern const struct fh_dialect fh_dialect_openai_chat;
extern const struct fh_dialect fh_dialect_openai_responses;
extern const struct fh_dialect fh_dialect_bedrock;
extern const struct fh_dialect fh_dialect_gemini;
extern const struct fh_dialect fh_dialect_mistral;

/* fh_dialect gives the table of an id. */
const struct fh_dialect *fh_dialect(enum fh_dialect_id id);

/* fh_dialect_by_name finds one by its name in configs; NULL when there is none. */
const struct fh_dialect *fh_dialect_by_name(struct fh_slice name);

/* fh_dialect_lose reports a field of a request by the place where its own dialect says it: for
 * encoders, which find values that do not fit. */
void fh_dialect_lose(const struct fh_chat_request *req, struct fh_loss *loss,
                     enum fh_field field, const char *why);
