/*
 * record.h: what the journal says about a request: intent, settle, void.
 *
 *     intent (attempt 1)  [intent (attempt 2) …]  settle | void
 *
 * No request leaves without a committed intent: every attempt, the first and each failover, writes
 * its own intent before it connects, all with the id of the request and a number that counts from
 * 1. The id ends once: settled when a provider was reached, void when nothing of it ever reached
 * one. A settle names the route that answered, so it can be booked without its intents, and an
 * intent names all that is known before, so it can be booked without its settle.
 *
 * Payloads are little-endian and describe themselves:
 *
 *     version u8 | id 16 | at_us u64 | (tag u8, length u16, value)*
 *
 * Tags ascend, a tag that is not known is skipped, text is UTF-8, a number is as short as it can
 * be. What is zero or empty is left out, token counts excepted: a count that is there was reported,
 * be it 0. There is one way to write a record: decode takes nothing else, so the same record always
 * has the same bytes and the same checksum.
 *
 * Disadvantage: texts that many records share (model, route) are written out every time, some 200
 * bytes a request. The journal must be readable on its own, whatever the configuration became.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "chat/usage.h"

enum {
    FH_REQUEST_ID_LEN = 16,
    FH_REQUEST_ID_RANDOM_LEN = 10,
    FH_REQUEST_ID_TEXT_LEN = 30, /* req_ and 26 characters */
    FH_RECORD_TEXT_MAX = 255,    /* bytes of a name; longer ones are cut */
    FH_RECORD_LOSSES_MAX = 1023, /* bytes of the printed loss list; likewise */
    FH_RECORD_MAX = 4096,        /* no payload is longer */
};

/* Sorts by time: 48 bits of calendar milliseconds, big-endian, then random ones. One that was made
 * of a provider's own id has no time in it, and sorts behind all that have. */
struct fh_request_id {
    uint8_t bytes[FH_REQUEST_ID_LEN];
};

/* fh_request_id makes an id of a calendar time and ten random bytes. */
struct fh_request_id fh_request_id(uint64_t calendar_us,
                                   const uint8_t random[FH_REQUEST_ID_RANDOM_LEN]);

/* fh_request_id_of makes the id of what a provider calls `theirs`: always the same of the same, so
 * that what is read twice is booked once. `provider` is our name for the place. */
struct fh_request_id fh_request_id_of(struct fh_slice provider, struct fh_slice theirs);

/* fh_request_id_has_time says whether an id was made of a time. */
bool fh_request_id_has_time(const struct fh_request_id *id);

/* fh_request_id_us is the calendar time in an id that has one, whole milliseconds. */
uint64_t fh_request_id_us(const struct fh_request_id *id);

/* fh_request_id_print writes `req_` and Crockford's base 32, lower case, and a NUL. */
void fh_request_id_print(const struct fh_request_id *id, char out[FH_REQUEST_ID_TEXT_LEN + 1]);

/* fh_request_id_parse reads what fh_request_id_print writes, in either case. */
FH_NODISCARD bool fh_request_id_parse(struct fh_slice text, struct fh_request_id *out);

/* Numbers are part of the file format: add, never change. */
enum fh_record_type {
    FH_RECORD_INTENT = 1,
    FH_RECORD_SETTLE = 2,
    FH_RECORD_VOID = 3,
};

/* What a request was served as, where that makes a price of its own. Numbers are part of the file
 * format. */
enum fh_service {
    FH_SERVICE_STANDARD,
    FH_SERVICE_BATCH, /* a part of a batch; intent and settle were written when its result passed */
    FH_SERVICES,
};

/* About to be sent to a provider. */
struct fh_intent {
    struct fh_request_id id;
    uint64_t at_us;   /* calendar */
    uint32_t attempt; /* from 1 */
    bool streamed;
    struct fh_slice key_id, key_name;
    struct fh_slice model; /* as the client named it */
    struct fh_slice route; /* such as local/SmolLM2-135M-Instruct */
    struct fh_slice provider, upstream_model;
    struct fh_slice client_dialect, provider_dialect;
    uint64_t body_bytes; /* of the client's request */
    enum fh_service service;
};

/* How a request that reached a provider ended. */
enum fh_outcome {
    FH_OUTCOME_OK,          /* the client has all of the answer */
    FH_OUTCOME_REFUSED,     /* the provider answered with an error of its own */
    FH_OUTCOME_FAILED,      /* the provider gave no usable answer: silence, garbage, a reset */
    FH_OUTCOME_CUT,         /* the provider failed after the client had the first byte */
    FH_OUTCOME_CLIENT_GONE, /* the client left before the end; usage is what was read after */
    FH_OUTCOMES,
};

struct fh_settle {
    struct fh_request_id id;
    uint64_t at_us; /* calendar */
    enum fh_outcome outcome;
    uint32_t status;   /* HTTP status the client saw; 0: it saw none */
    uint32_t attempts; /* how many were made */
    struct fh_slice route, provider,
        upstream_model; /* of the attempt that answered, else the last */
    struct fh_usage usage;
    uint64_t first_byte_us, duration_us; /* since the request came; 0: no first byte */
    uint64_t bytes_in, bytes_out;        /* from the provider, to the client */
    uint32_t finish;                     /* enum fh_finish */
    uint32_t loss_count;                 /* fields that the translation could not carry */
    struct fh_slice losses;              /* as fh_loss_print gives them */
    uint32_t unmetered;                  /* results of a batch that passed unbooked */
};

/* Why nothing of a request reached a provider. */
enum fh_void_reason {
    FH_VOID_UNREACHABLE, /* no attempt got a connection */
    FH_VOID_CLIENT_GONE, /* the client left first */
    FH_VOID_REFUSED,     /* we refused it after all */
    FH_VOID_STOPPED,     /* the gateway was going down */
    FH_VOID_REASONS,
};

struct fh_void {
    struct fh_request_id id;
    uint64_t at_us; /* calendar */
    enum fh_void_reason reason;
};

/* Words for the enums, as tables and JSON show them: "client_gone". */
struct fh_slice fh_outcome_name(enum fh_outcome outcome);
struct fh_slice fh_void_reason_name(enum fh_void_reason reason);
struct fh_slice fh_service_name(enum fh_service service);

/* fh_encode_intent and its kin append a payload. Text that is not UTF-8 becomes "?".
 *
 * Limits   FH_RECORD_MAX bytes; a fuller `out` latches out->failed.
 */
void fh_encode_intent(struct fh_buf *out, const struct fh_intent *intent);
void fh_encode_settle(struct fh_buf *out, const struct fh_settle *settle);
void fh_encode_void(struct fh_buf *out, const struct fh_void *voided);

/* A record of any type, as fh_decode_record fills it. */
struct fh_record {
    enum fh_record_type type;
    union {
        struct fh_intent intent;
        struct fh_settle settle;
        struct fh_void voided;
    };
};

/* fh_decode_record reads a payload of the given type.
 *
 * Borrows  texts from `payload`.
 * Returns  FH_OK; FH_E_SUPPORT for a type or version that is not known; FH_E_SYNTAX for anything
 *          that the encoder would not have written.
 */
enum fh_rc fh_decode_record(uint16_t type, struct fh_slice payload, struct fh_record *out);

/* fh_intent_is_first says whether an encoded intent is of the first attempt, without decoding it:
 * who keeps room for settles counts requests, not attempts. */
bool fh_intent_is_first(struct fh_slice payload);

/* fh_record_id is the id of a decoded record. */
const struct fh_request_id *fh_record_id(const struct fh_record *record);
