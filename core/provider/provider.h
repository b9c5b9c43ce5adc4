/*
 * provider.h: a place that serves models: where it is, how it wants to be asked, how it fares.
 *
 * A dialect is a message schema, a provider is a place. What kinds of places there are, and which
 * calls in which dialects they take, are tables (provider.def); one place of such a kind, as the
 * config names it, is a struct fh_provider. It holds a reference to its secret and never the
 * secret.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "dialect/embeddings/embeddings.h"
#include "provider/credential.h"
#include "provider/provider.def"
#include "wire/frame.h"

enum fh_provider_kind {
#define X(kind, ...) FH_PROVIDER_##kind,
    FH_PROVIDERS(X)
#undef X
        FH_PROVIDER_KINDS
};

/* How a request carries a key. What is obtained instead of one goes as its source has it: a token
 * as bearer, AWS's credentials as a signature. */
enum fh_auth {
    FH_AUTH_BEARER,    /* authorization: Bearer … */
    FH_AUTH_X_API_KEY, /* x-api-key: … */
    FH_AUTH_API_KEY,   /* api-key: … */
    FH_AUTH_GOOG_KEY,  /* x-goog-api-key: … */
};

/* Whether the config has to give one. */
enum fh_key_need {
    FH_KEY_NONE, /* it must not: Freehold makes its own */
    FH_KEY_OPTIONAL,
    FH_KEY_REQUIRED,
};

/* What a place of a kind cannot be found without. */
enum fh_provider_need {
    FH_PROVIDER_NEEDS_NOTHING,
    FH_PROVIDER_NEEDS_REGION,
    FH_PROVIDER_NEEDS_PROJECT, /* and a region */
};

/* What all places of a kind have in common. */
struct fh_provider_preset {
    struct fh_slice name; /* as in the config, such as "openai_compatible" */
    struct fh_slice url;  /* empty: the config must give one */
    enum fh_auth auth;
    enum fh_key_need key;
    enum fh_credential_source source; /* where no key is given */
    enum fh_provider_need need;
    struct fh_slice doc; /* one sentence */
};

enum fh_operation {
    FH_OPERATION_CHAT,
    FH_OPERATION_STREAM,
    FH_OPERATION_COUNT,
    FH_OPERATIONS,
};

/* What a provider says beside the body that its dialect has in it. */
enum fh_provider_envelope {
    FH_ENVELOPE_PLAIN,
    FH_ENVELOPE_BEDROCK, /* Claude by InvokeModel: model and stream in the path, version in body */
    FH_ENVELOPE_VERTEX, /* Claude by rawPredict: the same, but stream stays in the body */
};

/* One dialect that a kind of place speaks. */
struct fh_provider_chat {
    enum fh_provider_kind kind;
    enum fh_dialect_id dialect;
    struct fh_slice path[FH_OPERATIONS]; /* empty: there is no such call */
    enum fh_framing framing;             /* of its streams */
    enum fh_provider_envelope envelope;
    uint32_t quirks;        /* FH_QUIRK_… */
    struct fh_slice models; /* a part of the names of models that are asked so; empty: all */
};

struct fh_provider_embedding {
    enum fh_provider_kind kind;
    enum fh_embed_shape shape;
    struct fh_slice path;
    struct fh_slice models;
};

/* A place that keeps batches, files or stored answers for clients of a dialect. */
struct fh_provider_native {
    enum fh_provider_kind kind;
    enum fh_dialect_id dialect;
    struct fh_slice path; /* in place of the "/v1" with which clients begin */
};

enum fh_provider_state {
    FH_PROVIDER_READY,
    FH_PROVIDER_STARTING, /* requests get 503 with retry-after, for now */
    FH_PROVIDER_FAILED,   /* requests get 503; `state_line` says why */
    FH_PROVIDER_STATES,
};

struct fh_provider {
    struct fh_slice name; /* as in the config: "claude" */
    enum fh_provider_kind kind;
    enum fh_credential_source source; /* NONE: `key_ref` is a key, or there is none */
    enum fh_dialect_id
        only; /* asked in this dialect alone; FH_DIALECTS: in any that it speaks */
    bool tls;
    uint16_t port;
    struct fh_slice host;    /* for the Host header: with brackets, with the port unless it is
                                  the scheme's own */
    struct fh_slice address; /* to connect to: a name or an IP literal, no brackets, no port */
    struct fh_slice unix_path; /* not empty: connect to this socket instead */
    struct fh_slice
        base_path; /* comes before the call's path; empty or "/…" without a "/" behind */
    struct fh_slice tls_name; /* sent as SNI and verified */
    struct fh_slice ca_file;  /* empty: the system's */
    struct fh_slice
        key_ref; /* env:NAME, file:PATH or state:PATH, never the secret; empty: none */
    struct fh_slice region;  /* of a cloud; may be empty */
    struct fh_slice project; /* Google's */
    uint32_t connect_timeout_ms;
    uint32_t first_byte_timeout_ms; /* from the request's last byte to the answer's first */
    uint32_t idle_timeout_ms;       /* silence in the middle of an answer */
    enum fh_provider_state state;
    struct fh_slice state_line; /* for people: "downloading the model, 34 %" */
    uint32_t retry_after_s;     /* while not ready; 0: not known */
    struct fh_slice
        call_prefix; /* what a tool call of this model begins with, when its server has
                                    to be helped to one that was demanded; empty: it has not */
};

/* fh_provider_preset gives the row of a kind. */
const struct fh_provider_preset *fh_provider_preset(enum fh_provider_kind kind);

/* fh_provider_kind_by_name finds a kind by its name in the config. */
FH_NODISCARD bool fh_provider_kind_by_name(struct fh_slice name, enum fh_provider_kind *out);

/* fh_provider_chat gives how a place is asked for a model by a client of `client`: in that dialect
 * if it speaks it, else in the one of its own choice; in `only`, if that is set. NULL: no. */
const struct fh_provider_chat *fh_provider_chat(const struct fh_provider *provider,
                                                enum fh_dialect_id client,
                                                struct fh_slice model);

/* fh_provider_speaks says whether places of a kind speak a dialect, whatever the model. */
FH_NODISCARD bool fh_provider_speaks(enum fh_provider_kind kind, enum fh_dialect_id dialect);

/* fh_provider_embedding gives how a place is asked for embeddings; NULL: not at all. */
const struct fh_provider_embedding *fh_provider_embedding(const struct fh_provider *provider,
                                                          struct fh_slice model);

/* fh_provider_native gives how places of a kind are asked for what they keep for clients of a
 * dialect; NULL: they keep nothing. */
const struct fh_provider_native *fh_provider_native(enum fh_provider_kind kind,
                                                    enum fh_dialect_id dialect);

/* fh_provider_keeps says whether they keep something for clients of any dialect. */
FH_NODISCARD bool fh_provider_keeps(enum fh_provider_kind kind);

/* fh_provider_fill appends a template with its {region}, {project} and {model} filled in:
 * percent-encoded, but for '@', which Google wants raw. */
void fh_provider_fill(struct fh_buf *out, struct fh_slice text,
                      const struct fh_provider *provider, struct fh_slice model);

/* fh_provider_path appends the whole path of a call, as it stands in the request line: what comes
 * before all calls, and the call's own with the model filled in. */
void fh_provider_path(struct fh_buf *out, const struct fh_provider *provider,
                      struct fh_slice call, struct fh_slice model);

/* fh_provider_state_name gives "ready", "starting" or "failed". */
struct fh_slice fh_provider_state_name(enum fh_provider_state state);
