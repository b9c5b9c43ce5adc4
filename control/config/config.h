/*
 * config.h: freehold.yaml, read and checked.
 *
 *     text ──libfyaml──▶ nodes with places ──tables of keys (keys.h)──▶ struct fh_config
 *                                                                  └──▶ findings, all at once
 *
 * A config that comes back without errors can run: names are unique, routes lead somewhere, every
 * URL is taken apart, secrets are references. What is missing has its normal value. Whether a
 * referenced secret is there is not asked here: that may differ from machine to machine.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "control/config/findings.h"
#include "control/credentials/chain.h"

#include "policy/policy.h"

struct fh_config_listen {
    struct fh_slice text; /* as nginx takes it: "127.0.0.1:8080", "[::1]:8080", "*:8080" */
    struct fh_slice host; /* "*" for every address; no brackets */
    uint16_t port;
};

struct fh_config_listens {
    struct fh_config_listen *list;
    size_t count;
};

struct fh_config_provider {
    struct fh_provider to;
    struct fh_slice url; /* as it was written, or the kind's own */
    struct fh_place at;  /* of its name */
    struct fh_place key_at;
    struct fh_credential_settings credentials; /* of `to.source` */
    bool used;                                 /* a route leads here */
};

struct fh_config_model {
    struct fh_policy_model serves;
    struct fh_place at;
};

/* A text value that may stand alone or in a list. */
struct fh_config_texts {
    struct fh_slice *list;
    size_t count;
};

struct fh_config {
    struct fh_config_listens listen;
    struct fh_config_listens
        listen_http2;                /* cleartext HTTP/2, where nginx < 1.25.1 needs a port */
    uint32_t workers;                /* 0: as many as there are processors */
    uint32_t connections;            /* of one worker, to clients and to providers */
    struct fh_config_texts resolver; /* none: those of the system */
    struct {
        struct fh_config_provider *list;
        size_t count;
    } providers;
    struct {
        struct fh_config_model *list;
        size_t count;
    } models;
    struct fh_policy_limits limits;
    struct {
        uint64_t segment_bytes;
        uint32_t sync_ms;
    } journal;
    struct {
        struct fh_slice file;
    } ledger;
};

/* fh_config_read checks `text`, which stands in `findings->file`. Relative paths in it start at the
 * directory of that file, those of local engines at `state_dir`.
 *
 * Owns     everything in `cfg` lives in findings->arena.
 * Returns  FH_OK, perhaps with notes; FH_E_SYNTAX when there are errors: then `cfg` is not to be
 *          used.
 */
enum fh_rc fh_config_read(struct fh_config *cfg, struct fh_findings *findings,
                          struct fh_slice text, const char *state_dir);

/* fh_config_load reads the file at `path`. Also FH_E_SYSTEM: it cannot be read, see the finding. */
enum fh_rc fh_config_load(struct fh_config *cfg, struct fh_findings *findings,
                          struct fh_arena *arena, const char *path, const char *state_dir);

/* fh_config_provider finds a provider by name; NULL when there is none. */
struct fh_config_provider *fh_config_provider(const struct fh_config *cfg,
                                              struct fh_slice name);

/* fh_config_local finds the provider that is the local engine; NULL when there is none. */
const struct fh_config_provider *fh_config_local(const struct fh_config *cfg);

/* fh_config_manual appends the reference of all keys as Markdown, made from the tables. */
void fh_config_manual(struct fh_buf *out);
