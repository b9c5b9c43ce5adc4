/*
 * exchange.h: one client request and all it causes, from its first byte to its settled record.
 *
 *                    ┌────────────── fh_exchange_next ──────────────┐
 *     events ───────▶│ recognise, authenticate, route, translate,   │──────▶ wants
 *     (bytes, time,  │ fail over, stream, count, settle             │  (look up, journal, connect,
 *      answers)      └──────────────────────────────────────────────┘   send, release, …)
 *
 * The exchange never acts. A shell feeds it what happened and carries out what it wants:
 *
 *     while (fh_exchange_next(x, &want)) {
 *         switch (want.kind) { … }
 *     }
 *
 * nginx is one shell (gateway/), the scripted shell of the tests is another. Wants that ask a
 * question (KEY, BODY, ROUTE, PLACES, JOURNAL, CONNECT) are answered by the call named beside
 * them, at once or later; until then fh_exchange_next gives nothing more. After every call the
 * shell runs the loop above and then looks at fh_exchange_deadline.
 *
 * What it promises, and the tests hold it to:
 *   - No request leaves without its committed intent; every intent is settled or void, once.
 *   - It settles before the last byte of an answer is handed to the shell.
 *   - A body is sent to one provider at a time; on to the next only while the client has not got a
 *     byte of an answer.
 *   - A stream that failed never ends cleanly: it ends with its dialect's error event.
 *   - A client that leaves does not stop the count: the answer is read on, within bounds.
 *   - Results of a batch that pass are booked one by one, each the same however often it passes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "chat/refusal.h"
#include "journal/record.h"
#include "policy/policy.h"
#include "provider/provider.h"
#include "wire/http1.h"
#include "wire/json_edit.h"

struct fh_exchange;

/* What the client asked, as the shell's HTTP parser saw it. Slices must outlive the exchange; a
 * header that was not sent is empty. */
struct fh_client_head {
    struct fh_slice method;
    struct fh_slice path;          /* raw, without the query */
    struct fh_slice query;         /* without the question mark */
    struct fh_slice authorization; /* the three places where SDKs put the key */
    struct fh_slice x_api_key;
    struct fh_slice api_key;
    struct fh_slice x_goog_api_key;
    struct fh_slice anthropic_version;
    struct fh_slice anthropic_beta;
    struct fh_slice content_type;
    struct fh_slice translation; /* x-freehold-translation */
    struct fh_slice provider;    /* x-freehold-provider */
    struct fh_slice authority;   /* HTTP/2's :authority, else the host */
    const struct fh_http_field
        *field;         /* all of them, where `authorization` is a signature; … */
    size_t field_count; /* … else they need not be given */
};

struct fh_exchange_setup {
    struct fh_request_id id;
    uint64_t now_us;      /* monotonic */
    uint64_t calendar_us; /* since 1970, at the same moment */
    const struct fh_policy_limits *limits;
    struct fh_client_head head;
};

/* One place a request may go to. Provider and secret are borrowed until the exchange ends. */
struct fh_target {
    const struct fh_provider
        *provider;            /* NULL: the route names one that is not there (any more) */
    struct fh_slice model;    /* its name for the model */
    struct fh_slice secret;   /* a key or a credential: provider/credential.h; empty: none */
    const char *secret_error; /* why the key could not be had; NULL: it could */
};

enum fh_want_kind {
    FH_WANT_KEY,     /* look up `key_hash` or `access_key`: fh_exchange_key */
    FH_WANT_BODY,    /* read the client's body, up to `body_max`: fh_exchange_body */
    FH_WANT_ROUTE,   /* look up `model`: fh_exchange_route */
    FH_WANT_MODELS,  /* list all models: fh_exchange_models */
    FH_WANT_PLACES,  /* list the providers that keep things: fh_exchange_places */
    FH_WANT_JOURNAL, /* append `record` of `record_type`: fh_exchange_journaled */
    FH_WANT_CONNECT, /* connect to `target`, or take a kept connection: fh_exchange_connected or
                        fh_exchange_connect_failed */
    FH_WANT_SEND,    /* send `pieces` upstream, in order; they hold until RELEASE. When a kept
                        connection turns out dead before a byte was written the shell takes
                        another; once something was written it must not */
    FH_WANT_RELEASE, /* the upstream connection is done with: keep it if `keep`, else close it */
    FH_WANT_HEAD, /* send `status` and `fields` to the client; content_length < 0: not known */
    FH_WANT_CLIENT, /* send `bytes` to the client; copy them, they hold until the next call */
    FH_WANT_END,    /* the client's answer is complete (`clean`), or has to be broken off */
    FH_WANT_DONE,   /* nothing more will come; free it */
};

enum {
    FH_EXCHANGE_PIECES_MAX = FH_JSON_PIECES_MAX + 1,
    FH_EXCHANGE_FIELDS_MAX = 14,
};

/* Only the members of the want's own kind mean something. */
struct fh_want {
    enum fh_want_kind kind;
    union {
        struct { /* KEY */
            struct fh_sha256 key_hash;
            struct fh_slice access_key; /* not empty: look this AWS-style id up instead */
        };
        uint64_t body_max;     /* BODY */
        struct fh_slice model; /* ROUTE */
        struct {               /* JOURNAL */
            enum fh_record_type record_type;
            struct fh_slice record;
        };
        const struct fh_target *target; /* CONNECT */
        struct {                        /* SEND */
            const struct fh_slice *pieces;
            size_t piece_count;
        };
        bool keep;  /* RELEASE */
        bool clean; /* END */
        struct {    /* HEAD */
            uint16_t status;
            int64_t content_length;
            const struct fh_http_field *fields;
            size_t field_count;
        };
        struct fh_slice bytes; /* CLIENT */
    };
};

/* fh_exchange_is_signed says whether a client shows a signature instead of a key: then the exchange
 * needs all of its fields. */
FH_NODISCARD bool fh_exchange_is_signed(const struct fh_client_head *head);

/* fh_exchange_dialect is the one in which a request is answered, even if there is no such call. */
enum fh_dialect_id fh_exchange_dialect(const struct fh_client_head *head);

/* fh_exchange_new starts an exchange.
 *
 * Returns  the exchange; fh_exchange_free releases it and everything that came from it.
 * Borrows  `setup->limits` and the slices of `setup->head` until then.
 * Cost     one block of about 1.5 KiB until the body has come.
 */
struct fh_exchange *fh_exchange_new(const struct fh_exchange_setup *setup);

void fh_exchange_free(struct fh_exchange **x);

/* fh_exchange_next gives the next thing to do; false when there is nothing to do for now. */
FH_NODISCARD bool fh_exchange_next(struct fh_exchange *x, struct fh_want *want);

/* fh_exchange_deadline is the moment at which fh_exchange_timeout wants to be called unless
 * something happens before; 0 when it waits for nothing. It may move at every call. */
uint64_t fh_exchange_deadline(const struct fh_exchange *x);

/* Answers to KEY: NULL when the store has none. Borrowed for the call. */
void fh_exchange_key(struct fh_exchange *x, const struct fh_policy_key *key);

/* Answers to BODY: all of it, borrowed until the exchange ends; or the refusal that says why there
 * is none (TOO_LARGE, CLIENT_TIMEOUT, INTERNAL). */
void fh_exchange_body(struct fh_exchange *x, struct fh_slice body, uint64_t now_us);
void fh_exchange_body_failed(struct fh_exchange *x, enum fh_refusal why);

/* Answers to ROUTE: where the model may be had, in order; `count` 0 when nobody knows it. The array
 * is copied. */
void fh_exchange_route(struct fh_exchange *x, const struct fh_target *targets, size_t count);

/* Answers to MODELS: their names, sorted. Borrowed for the call. */
void fh_exchange_models(struct fh_exchange *x, const struct fh_slice *names, size_t count);

/* Answers to PLACES: each provider that fh_provider_keeps, in the order of the config. Borrowed for
 * the call, but for what the targets themselves borrow. */
void fh_exchange_places(struct fh_exchange *x, const struct fh_target *places, size_t count);

/* Answers to JOURNAL: whether the record is in the journal. */
void fh_exchange_journaled(struct fh_exchange *x, bool ok);

/* Answers to CONNECT. `why` is for people: "connection refused". */
void fh_exchange_connected(struct fh_exchange *x, uint64_t now_us);
void fh_exchange_connect_failed(struct fh_exchange *x, const char *why, uint64_t now_us);

/* fh_exchange_upstream_bytes lends what arrived; all of it is used up when fh_exchange_next has
 * nothing more to give. */
void fh_exchange_upstream_bytes(struct fh_exchange *x, struct fh_slice bytes, uint64_t now_us);

/* fh_exchange_upstream_closed: the far end closed (`why` NULL) or the connection broke. */
void fh_exchange_upstream_closed(struct fh_exchange *x, const char *why, uint64_t now_us);

/* fh_exchange_timeout: the deadline has passed. A call that comes early does nothing. */
void fh_exchange_timeout(struct fh_exchange *x, uint64_t now_us);

/* fh_exchange_client_gone: the client closed its side or broke off. Nothing more is sent to it. */
void fh_exchange_client_gone(struct fh_exchange *x, uint64_t now_us);
