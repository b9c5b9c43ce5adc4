/*
 * policy.h: who may ask for what, where it goes, and within which bounds: the records of the
 * policy store, and their bytes.
 *
 *     freehold.yaml ─┐                              ┌─▶ a worker, for each request
 *                    ├─▶ control ──encode──▶ store ──decode
 *     freehold key ──┘
 *
 * A record's bytes are a kind, a version, then its fields in order: numbers little-endian, text as
 * a length and UTF-8. Decoding copies nothing: the slices point into the bytes, so they live as
 * long as those do (in the store: until the read transaction ends). Bytes that are cut short, too
 * long, out of range or of another version are refused, never half read.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "base/hash.h"
#include "provider/provider.h"

enum {
    FH_POLICY_ROUTES_MAX = 8,
    FH_POLICY_TEXT_MAX = 4096,     /* bytes of one text */
    FH_POLICY_RECORD_MAX = 1 << 16 /* bytes of one record */
};

/* A key that clients authenticate with. The store finds it by the SHA-256 of its text, which is
 * stored nowhere. */
struct fh_policy_key {
    struct fh_slice id;   /* "key_…": in journals and usage; never changes */
    struct fh_slice name; /* for people */
    struct fh_slice plan; /* may be empty */
    bool revoked;
    uint64_t created_us;        /* calendar time */
    struct fh_slice models;     /* encoded list of the models it may use; see model_count */
    uint16_t model_count;       /* 0: every model */
    struct fh_slice aws_id;     /* the pair for clients that sign as AWS's do */
    struct fh_slice aws_secret; /* in clear: a signature can be verified in no other way */
};

struct fh_policy_route {
    struct fh_slice provider; /* its name */
    struct fh_slice model;    /* the provider's name for the model */
};

/* A model as clients name it, and the places that serve it, in order of preference. */
struct fh_policy_model {
    struct fh_slice name;
    struct fh_policy_route routes[FH_POLICY_ROUTES_MAX];
    uint8_t route_count; /* at least 1 */
};

/* Every bound that a peer could run into. */
struct fh_policy_limits {
    uint64_t body_max_bytes;  /* a client's request body */
    uint64_t reply_max_bytes; /* a provider's answer that has to be held as a whole */
    uint64_t event_max_bytes; /* one event of a stream */
    uint64_t head_max_bytes;  /* a provider's status line and header */
    uint64_t
        drain_max_bytes; /* read of an answer after its client has left, to know its price */
    uint32_t drain_ms;
    uint32_t depth_max;    /* nesting of a JSON body */
    uint32_t attempts_max; /* providers asked for one request */
};

/* fh_policy_limits_normal is what applies when the config says nothing. */
struct fh_policy_limits fh_policy_limits_normal(void);

/* Encoders append the record to `out`, whose failure latches. A list of models is encoded first,
 * into a buffer of its own, and lent to the key. */
void fh_policy_encode_names(struct fh_buf *out, const struct fh_slice *names, size_t count);
void fh_policy_encode_key(struct fh_buf *out, const struct fh_policy_key *key);
void fh_policy_encode_model(struct fh_buf *out, const struct fh_policy_model *model);
void fh_policy_encode_provider(struct fh_buf *out, const struct fh_provider *provider);
void fh_policy_encode_limits(struct fh_buf *out, const struct fh_policy_limits *limits);

/* Decoders fill `out` on success only.
 *
 * Borrows  the slices of `out` point into `bytes`.
 * Returns  FH_E_SUPPORT for another kind or version, FH_E_SYNTAX for anything malformed.
 */
enum fh_rc fh_policy_decode_key(struct fh_policy_key *out, struct fh_slice bytes);
enum fh_rc fh_policy_decode_model(struct fh_policy_model *out, struct fh_slice bytes);
enum fh_rc fh_policy_decode_provider(struct fh_provider *out, struct fh_slice bytes);
enum fh_rc fh_policy_decode_limits(struct fh_policy_limits *out, struct fh_slice bytes);

/* fh_policy_next_name takes one name off the front of an encoded list; false at its end. */
FH_NODISCARD bool fh_policy_next_name(struct fh_slice *names, struct fh_slice *name);

/* fh_policy_allows says whether the key may use the model. */
bool fh_policy_allows(const struct fh_policy_key *key, struct fh_slice model);
