/*
 * exchange_state.h: the inside of an exchange, for the files of this folder.
 *
 *     exchange.c            the machine: what is waited for, what comes next
 *     exchange_recognise.c  which call of which dialect a path is
 *     exchange_embed.c      embeddings
 *     exchange_signed.c     requests signed as AWS's are, in and out
 *     exchange_request.c    what is sent to a provider: passed or translated
 *     exchange_reply.c      what comes back: whole or streamed, passed or translated
 *     exchange_local.c      answers that need no provider
 *     exchange_native.c     batches, files and stored answers, which pass as they are
 *     exchange_results.c    what the results of a batch say of usage, line by line
 *     exchange_books.c      intent, settle and void
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "base/secret.h"
#include "dialect/dialect.h"
#include "exchange/exchange.h"
#include "provider/credential.h"
#include "wire/frames.h"
#include "wire/json_scan.h"
#include "wire/lines.h"
#include "wire/sigv4.h"

enum {
    TARGETS_MAX = 8,   /* as many routes as a model may have */
    WANTS_MAX = 8,     /* the longest row of wants that one step gives, and some */
    LOSSES_MAX = 8192, /* bytes of a list of losses */
};

/* What is waited for. */
enum fh_exchange_state {
    STATE_NEW,
    STATE_KEY,     /* the answer to KEY */
    STATE_BODY,    /* the answer to BODY */
    STATE_ROUTE,   /* the answer to ROUTE */
    STATE_MODELS,  /* the answer to MODELS */
    STATE_PLACES,  /* the answer to PLACES */
    STATE_INTENT,  /* the answer to JOURNAL */
    STATE_CONNECT, /* the answer to CONNECT */
    STATE_HEAD,    /* the provider's first byte */
    STATE_WHOLE,   /* the rest of an answer that is handled as one */
    STATE_STREAM,  /* the next event */
    STATE_PASS,    /* the rest of an answer that is handed on as it comes */
    STATE_RESULT,  /* the answer to JOURNAL, in the middle of PASS */
    STATE_TAIL,    /* the model has ended; the HTTP message has not */
    STATE_DONE,
};

enum fh_call {
    CALL_CHAT,
    CALL_INVOKE, /* CHAT or EMBED: the body tells */
    CALL_COUNT,
    CALL_EMBED,
    CALL_MODELS, /* all of them, or one by name */
    CALL_NATIVE, /* batches, files, stored answers */
};

/* Who says whether an answer is streamed. */
enum fh_streamed {
    STREAMED_NO,
    STREAMED_YES,
    STREAMED_BODY, /* its member `stream` */
};

/* What is done with the answer to a NATIVE call. */
enum fh_x_reading {
    READING_NONE,    /* its bytes pass */
    READING_LINKS,   /* batches: where their results are is told anew */
    READING_RESULTS, /* its bytes pass, and usage is read off its lines */
};

/* What a path says of a request. */
struct fh_recognised {
    enum fh_call call;
    enum fh_dialect_id dialect;
    struct fh_slice model; /* the name in the path; empty: none (all, of CALL_MODELS) */
    enum fh_streamed streamed;
    enum fh_framing framing;            /* of the stream that the client wants */
    enum fh_provider_envelope envelope; /* of its body */
    enum fh_embed_shape shape;          /* EMBED */
    enum fh_list_kind list;             /* MODELS */
    enum fh_x_reading reading;          /* NATIVE */
    struct fh_slice rest;               /* NATIVE: of the path, behind "/v1" */
    bool known; /* false: `fault` says why; `dialect` says how to put it */
    enum fh_refusal fault;
};

/* What a signed request says of itself, and what it is checked with. */
struct fh_x_claim {
    struct fh_sigv4_claim claim;
    struct fh_sigv4_key key;
};

/* What one line of a batch's results says of the request that it answers. */
struct fh_x_result {
    struct fh_request_id id;
    const struct fh_dialect *dialect;
    struct fh_slice model;
    struct fh_watch watch;
};

/* What a NATIVE call has beside the rest. */
struct fh_x_native {
    struct fh_slice held;      /* came, and was not handed to the client yet */
    bool over;                 /* nothing comes any more */
    struct fh_lines *lines;    /* NULL: nothing is read off them */
    struct fh_x_result result; /* whose intent is in question */
    uint32_t unmetered;        /* results that could not be booked */
};

/* What embeddings need beside the rest. */
struct fh_x_embed {
    const struct fh_provider_embedding *how;
    struct fh_embed_request *asked; /* in `work` */
    uint64_t counted; /* tokens, as the head of the answer has it; UINT64_MAX: no */
};

struct fh_exchange {
    struct fh_arena *arena; /* holds the exchange itself */
    enum fh_exchange_state state;
    struct fh_exchange_setup setup;
    uint64_t now_us;         /* of the last call that told the time */
    uint64_t deadline_us;    /* of what is waited for; 0: none */
    uint64_t drain_until_us; /* set once the client is gone */
    uint64_t told_us;        /* when the client of a stream last got something; 0: no stream */

    struct fh_want wants[WANTS_MAX]; /* not handed out yet, a ring */
    size_t want_at, want_count;

    /* the client */
    struct fh_recognised call;
    const struct fh_dialect *client;
    struct fh_policy_key key; /* its slices copied, without the AWS-style secret */
    struct fh_x_claim *claim; /* NULL: not signed */
    struct fh_x_embed *embed; /* NULL: no embeddings */
    struct fh_slice body;
    struct fh_slice model; /* as the client named it */
    struct {               /* members of the body that we look at; not there: empty */
        struct fh_json_member model, stream, options, choice, version, betas;
    } member;
    bool streamed;    /* the client asked for a stream */
    bool usage_asked; /* OpenAI: and for its usage chunk */
    bool strict;      /* x-freehold-translation: strict */
    char id_text[FH_REQUEST_ID_TEXT_LEN + 1];
    bool head_sent;         /* the client has the head of its answer */
    bool gone;              /* the client has left */
    uint16_t client_status; /* what it was answered; 0: nothing yet */
    uint64_t client_bytes;

    /* the attempts */
    struct fh_target target[TARGETS_MAX];
    size_t target_count, target_at; /* target_at: the one in use */
    size_t last_tried;              /* the last that was reached */
    uint16_t attempts;              /* begun so far */
    bool dispatched;                /* something was sent to some provider */
    bool intent_open;               /* journaled, neither settled nor void */
    bool connected;                 /* the shell holds a connection for us */
    struct fh_fault fault;          /* of the last attempt that failed */
    bool fault_seen;

    /* the attempt in use */
    const struct fh_provider_chat *chat; /* how it is asked */
    const struct fh_dialect *provider;   /* in which dialect */
    bool passes;                         /* same dialect on both sides: bytes travel */
    bool named_in_body;                  /* the model's name stands there, not in the path */
    bool betas_in_body;
    struct fh_envelope envelope;
    struct fh_slice version, betas; /* Anthropic's */
    struct fh_arena *work;          /* the translated request; goes when the answer begins */
    struct fh_buf upstream_body;    /* the translated request's bytes */
    struct fh_slice piece[FH_EXCHANGE_PIECES_MAX];
    size_t piece_count;
    struct fh_loss *loss;   /* what the translation could not carry; NULL: nothing */
    struct fh_slice losses; /* the same in print, as far as … */
    uint32_t losses_printed;
    uint32_t losses_told; /* to the client */

    struct fh_x_native *native; /* NULL: another call */

    /* the answer */
    struct fh_http1_decoder *http;
    struct fh_frames *frames;
    struct fh_settled *settled;     /* what was reported of it */
    struct fh_arena *scratch;       /* one event's worth; NULL until needed */
    struct fh_buf whole;            /* an answer gathered over several reads, … */
    struct fh_slice whole_borrowed; /* … or borrowed when it came in one */
    uint64_t whole_len;             /* as its head says; UINT64_MAX: it does not say */
    struct fh_buf out;              /* bytes made for the client in this step */
    void *stream_decoder;           /* translated streams */
    void *stream_encoder;
    struct fh_reply_frame frame;
    struct fh_watch watch;
    uint16_t status; /* the provider's */
    uint32_t retry_after_s;
    bool keep_alive;
    bool finish_seen; /* a translated stream said why the model stopped */
    bool closed;      /* the far end is gone; what was fed before comes first */
    char closed_why[64];
    uint64_t first_byte_us, upstream_bytes;
    uint64_t events;  /* of a stream; about one a token */
    uint64_t drained; /* bytes read since the client is gone */
    struct fh_http_field field[FH_EXCHANGE_FIELDS_MAX];
    size_t field_count;
};

/* exchange_wants.c */
struct fh_want *fh_x_want(struct fh_exchange *x, enum fh_want_kind kind);
struct fh_arena *fh_x_scratch(struct fh_exchange *x);
const struct fh_target *fh_x_target(const struct fh_exchange *x);
void fh_x_client_bytes(struct fh_exchange *x, struct fh_slice bytes);
void fh_x_status(struct fh_exchange *x, uint16_t status);
void fh_x_out(struct fh_exchange *x, size_t max);
void fh_x_release(struct fh_exchange *x, bool keep);
void fh_x_end(struct fh_exchange *x, bool clean);
FH_PRINTF(3, 4)
void fh_x_fault(struct fh_exchange *x, enum fh_refusal kind, const char *fmt, ...);
struct fh_slice fh_x_route(const struct fh_exchange *x, struct fh_slice model,
                           struct fh_arena *arena);
void fh_x_encode_fault(struct fh_exchange *x, bool stream);
uint16_t fh_x_fault_status(const struct fh_exchange *x);
struct fh_slice fh_x_fault_name(const struct fh_exchange *x); /* for x-amzn-errortype */
struct fh_settling fh_x_settling(const struct fh_exchange *x, const struct fh_dialect *from,
                                 const struct fh_dialect *to, struct fh_arena *arena);

/* exchange.c */
bool fh_x_more_targets(const struct fh_exchange *x);
void fh_x_attempt_failed(struct fh_exchange *x, bool another_may_do);

/* exchange_recognise.c */
struct fh_recognised fh_x_recognise(const struct fh_client_head *head);
FH_NODISCARD bool fh_x_client_key(const struct fh_client_head *head, struct fh_slice *key);

/* exchange_request.c */
enum fh_rc fh_x_read_request(struct fh_exchange *x);
bool fh_x_helps_call(const struct fh_exchange *x);
enum fh_rc fh_x_build_request(struct fh_exchange *x);

/* exchange_signed.c */
FH_NODISCARD bool fh_x_read_claim(struct fh_exchange *x);
void fh_x_take_secret(struct fh_exchange *x, const struct fh_policy_key *key);
FH_NODISCARD bool fh_x_verify(struct fh_exchange *x);
enum fh_rc fh_x_sign(struct fh_exchange *x, const struct fh_credential *aws,
                     struct fh_slice path, struct fh_buf *head);

/* exchange_embed.c */
FH_NODISCARD bool fh_x_embed_place(struct fh_exchange *x);
enum fh_rc fh_x_embed_build(struct fh_exchange *x, struct fh_complaint *why);
void fh_x_embed_head(struct fh_exchange *x, const struct fh_http1_head *head);
enum fh_rc fh_x_embed_whole(struct fh_exchange *x, struct fh_slice body,
                            struct fh_complaint *why);

/* exchange_reply.c */
void fh_x_reply_head(struct fh_exchange *x, const struct fh_http1_head *head);
void fh_x_whole_bytes(struct fh_exchange *x, struct fh_slice bytes);
void fh_x_whole(struct fh_exchange *x);
void fh_x_finish_whole(struct fh_exchange *x, uint16_t status, struct fh_slice body);
void fh_x_event(struct fh_exchange *x, const struct fh_frame *event);
void fh_x_stream_over(struct fh_exchange *x, const char *why);
void fh_x_stream_cut(struct fh_exchange *x, const char *why);
void fh_x_ping(struct fh_exchange *x);
void fh_x_send_head(struct fh_exchange *x, uint16_t status, struct fh_slice content_type,
                    int64_t content_length);
void fh_x_field(struct fh_exchange *x, const char *name, struct fh_slice value);

/* exchange_local.c */
FH_NODISCARD bool fh_x_list_models(struct fh_exchange *x, const struct fh_slice *names,
                                   size_t count);
FH_NODISCARD bool fh_x_count_here(struct fh_exchange *x);

/* exchange_native.c */
FH_NODISCARD bool fh_x_native_may(struct fh_exchange *x);
FH_NODISCARD bool fh_x_native_place(struct fh_exchange *x, const struct fh_target *places,
                                    size_t count);
void fh_x_native_path(const struct fh_exchange *x, struct fh_buf *out);
FH_NODISCARD bool fh_x_native_head(struct fh_exchange *x, const struct fh_http1_head *head);
void fh_x_native_whole(struct fh_exchange *x, struct fh_slice body);
void fh_x_native_bytes(struct fh_exchange *x, struct fh_slice bytes);
FH_NODISCARD bool fh_x_native_hand_on(struct fh_exchange *x);
FH_NODISCARD bool fh_x_native_step(struct fh_exchange *x);
void fh_x_native_cut(struct fh_exchange *x);
void fh_x_native_drop(struct fh_exchange *x);

/* exchange_results.c */
void fh_x_result_line(struct fh_exchange *x, const struct fh_line *line);
void fh_x_result_journaled(struct fh_exchange *x, bool ok);

/* exchange_books.c */
void fh_x_intend_result(struct fh_exchange *x);
void fh_x_settle_result(struct fh_exchange *x);
void fh_x_intend(struct fh_exchange *x);
struct fh_slice fh_x_losses(struct fh_exchange *x);
void fh_x_settle(struct fh_exchange *x, enum fh_outcome outcome, struct fh_slice last);
void fh_x_void(struct fh_exchange *x, enum fh_void_reason reason);
