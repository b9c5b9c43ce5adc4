/*
 * provider.h: a place that serves models: where it is, how it wants to be asked, how it fares.
 *
 * A dialect is a message schema, a provider is a place. What kinds of places there are is a table
 * (provider.def); one place of such a kind, as the config names it, is a struct fh_provider. It
 * holds a reference to its secret and never the secret.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "chat/request.h"
#include "provider/credential.h"
#include "provider/provider.def"

enum fh_provider_kind {
#define X(kind, ...) FH_PROVIDER_##kind,
    FH_PROVIDERS(X)
#undef X
        FH_PROVIDER_KINDS
};

/* How a request carries the secret. */
enum fh_auth {
    FH_AUTH_NONE,
    FH_AUTH_BEARER,    /* authorization: Bearer … */
    FH_AUTH_X_API_KEY, /* x-api-key: … and anthropic-version */
};

/* Whether the config has to give one. */
enum fh_key_need {
    FH_KEY_NONE, /* it must not: Freehold makes its own */
    FH_KEY_OPTIONAL,
    FH_KEY_REQUIRED,
};

enum fh_operation {
    FH_OPERATION_CHAT,
    FH_OPERATION_COUNT_TOKENS,
    FH_OPERATION_MODELS,
    FH_OPERATIONS,
};

/* What all places of a kind have in common: a row of provider.def. */
struct fh_provider_preset {
    struct fh_slice name; /* as in the config, such as "openai_compatible" */
    enum fh_dialect_id dialect;
    struct fh_slice url; /* empty: the config must give one */
    enum fh_auth auth;
    enum fh_key_need key;
    enum fh_credential_source credentials; /* unless the config says otherwise */
    struct fh_slice path[FH_OPERATIONS];   /* empty: there is no such call */
    struct fh_slice doc;                   /* one sentence */
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
    enum fh_dialect_id dialect;
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
    struct fh_slice key_ref;  /* env:NAME, file:PATH or state:PATH (a credential that control
                                   renews), never the secret; empty: none */
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

/* fh_provider_can says whether the place has such a call. */
bool fh_provider_can(const struct fh_provider *provider, enum fh_operation operation);

/* fh_provider_path appends the whole path of a call, as it stands in the request line.
 *
 * Requires fh_provider_can.
 */
void fh_provider_path(const struct fh_provider *provider, enum fh_operation operation,
                      struct fh_buf *out);

/* fh_provider_state_name gives "ready", "starting" or "failed". */
struct fh_slice fh_provider_state_name(enum fh_provider_state state);
