/*
 * chain.h: where credentials come from: for each cloud a chain of places, asked in order.
 *
 *     fh_chain_obtain ──▶ environment ──▶ web identity ──▶ profile ──▶ … ──▶ a credential
 *                           not set up      not set up       ▲
 *                                                            └─ set up, but fails: the end
 *
 * A link that is set up and fails ends the search: what comes behind it would be another identity
 * than the one that was meant. What was tried, and why it gave nothing, is said in one sentence
 * that names the place asked, its status, its own words, and what would be right; never a
 * secret.
 *
 * All of it is read anew each time: variables, files, and what services answer.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "control/http_call.h"

#include "base/json.h"
#include "provider/credential.h"

/* What the config says of one provider's credentials. Empty: what the cloud's own variables say. */
struct fh_credential_settings {
    enum fh_credential_source source;
    struct fh_slice profile, region, role_arn;        /* AWS */
    struct fh_slice file;                             /* Google; a path */
    struct fh_slice tenant, client_id, client_secret; /* Entra ID; the last is a reference */
};

/* One search. */
struct fh_chain_work {
    const struct fh_credential_settings *settings;
    const char *const *environment; /* "NAME=value", NULL behind the last */
    struct fh_arena *arena;         /* holds what is found, and secrets: wipe it */
    uint64_t now_us;                /* calendar */
    struct fh_buf *why;             /* one line, when it fails */
    const atomic_bool *stop;        /* true: give up; may be NULL */
    uint32_t timeout_ms;            /* of one call; 0: the normal ones, see chain.c */
    const char *container_host;     /* NULL: where ECS has it; tests have it elsewhere */
};

struct fh_chain_link {
    const char *name; /* for people */

    /* Returns FH_E_MISSING when it is not set up here. `out` has its `from`. */
    enum fh_rc (*fetch)(struct fh_chain_work *work, struct fh_credential *out);
};

struct fh_chain {
    const struct fh_chain_link *list;
    size_t count;

    /* Does what is left to do, whichever it came from; may be NULL. */
    enum fh_rc (*finish)(struct fh_chain_work *work, struct fh_credential *out);
};

extern const struct fh_chain fh_chain_aws;
extern const struct fh_chain fh_chain_google;
extern const struct fh_chain fh_chain_entra;

/* fh_chain_obtain searches, in the order of the cloud's table.
 *
 * Requires a source other than none in the settings.
 * Owns     `work->arena` holds what `out` points to.
 * Returns  FH_E_MISSING when nothing is set up here; FH_E_SYSTEM when a service or a file could
 *          not be had, FH_E_SYNTAX when it made no sense, FH_E_SUPPORT when it is something
 *          that we cannot do, FH_E_LIMIT: then `work->why` says all.
 */
enum fh_rc fh_chain_obtain(struct fh_chain_work *work, struct fh_credential *out);

/* ---- for the links ---- */

/* fh_chain_fail adds to the reason, and returns `rc`. */
FH_PRINTF(3, 4)
enum fh_rc fh_chain_fail(struct fh_chain_work *work, enum fh_rc rc, const char *fmt, ...);

/* fh_chain_print gives text in the arena, with a NUL behind it that does not count. */
FH_PRINTF(2, 3)
struct fh_slice fh_chain_print(struct fh_chain_work *work, const char *fmt, ...);

/* fh_chain_env gives the value of a variable; empty when it is not set. A NUL follows it. */
struct fh_slice fh_chain_env(const struct fh_chain_work *work, const char *name);

/* fh_chain_home gives "$HOME/below", or `path` itself, its "~/" resolved, when it is not empty. */
struct fh_slice fh_chain_home(struct fh_chain_work *work, struct fh_slice path,
                              const char *below);

/* fh_chain_file reads a file; FH_E_MISSING when there is none. */
enum fh_rc fh_chain_file(struct fh_chain_work *work, struct fh_slice path,
                         struct fh_slice *text);

/* fh_chain_token_file reads a file with one word in it; when it is not there, that is a failure: a
 * variable named it. */
enum fh_rc fh_chain_token_file(struct fh_chain_work *work, struct fh_slice path,
                               struct fh_slice *token);

/* fh_chain_call is fh_http_call with the bounds that fit. */
enum fh_rc fh_chain_call(struct fh_chain_work *work, struct fh_http_call *call,
                         struct fh_http_answer *answer);

/* fh_chain_refused tells what a service said that gave nothing; `code` and `message` are its words,
 * `advice` ours; each may be empty. Returns FH_E_SYSTEM. */
enum fh_rc fh_chain_refused(struct fh_chain_work *work, const char *url, unsigned status,
                            struct fh_slice code, struct fh_slice message, const char *advice);

/* fh_chain_json reads an object that `what` gave. */
enum fh_rc fh_chain_json(struct fh_chain_work *work, struct fh_slice what, struct fh_slice text,
                         yyjson_val **root);

/* fh_chain_member gives a text member of an object; empty when there is none. */
struct fh_slice fh_chain_member(yyjson_val *object, const char *name);

/* fh_chain_time reads 2026-01-31T12:30:05Z, also with parts of a second and an offset: seconds
 * since 1970. */
FH_NODISCARD bool fh_chain_time(struct fh_slice text, uint64_t *seconds);
