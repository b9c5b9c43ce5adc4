/*
 * keys.h: the keys of freehold.yaml, as tables. The reader, the bounds, the hints and the manual
 * all read these rows.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "base/base.h"

enum fh_config_kind {
    FH_CONFIG_BYTES,     /* uint64_t */
    FH_CONFIG_MILLIS,    /* uint32_t */
    FH_CONFIG_COUNT,     /* uint32_t */
    FH_CONFIG_WORKERS,   /* uint32_t, 0 for "auto" */
    FH_CONFIG_TEXT,      /* struct fh_slice */
    FH_CONFIG_FILE,      /* struct fh_slice: a path */
    FH_CONFIG_SECRET,    /* struct fh_slice: a reference to a secret */
    FH_CONFIG_URL,       /* struct fh_slice */
    FH_CONFIG_PROVIDER,  /* struct fh_slice: a provider's kind */
    FH_CONFIG_LISTENS,   /* struct fh_config_listens */
    FH_CONFIG_RESOLVER,  /* struct fh_config_texts, none for "system" */
    FH_CONFIG_SECTION,   /* a mapping with the keys of `table`, into the same struct */
    FH_CONFIG_PROVIDERS, /* a mapping of names to mappings with the keys of `table` */
    FH_CONFIG_MODELS,
    FH_CONFIG_CREDENTIALS, /* a word, or a mapping with the keys of `table` */
    FH_CONFIG_ROUTES,      /* a list of mappings with the keys of `table` */
    FH_CONFIG_KINDS,
};

struct fh_config_table;

struct fh_config_key {
    const char *name;
    enum fh_config_kind kind;
    size_t offset; /* of the field in the struct that the table is about */
    const char *min, *max;
    const char *normal; /* NULL: none */
    const char *doc;    /* one sentence */
    const struct fh_config_table *table;
};

enum { FH_CONFIG_KEYS_MAX = 24 };

struct fh_config_table {
    const char *title; /* in the manual */
    const struct fh_config_key *keys;
    size_t count;
};

/* What the rows of a provider and of a route are read into before they are checked. */
struct fh_config_raw_provider {
    struct fh_slice kind, url, dialect, region, project, key, tls_name, ca;
    uint32_t connect_timeout_ms, first_byte_timeout_ms, idle_timeout_ms;
};

struct fh_config_raw_credentials {
    struct fh_slice source, profile, role_arn, file, tenant, client_id, client_secret;
};

struct fh_config_raw_route {
    struct fh_slice provider, model;
};

extern const struct fh_config_table fh_config_root;
extern const struct fh_config_table fh_config_providers;
extern const struct fh_config_table fh_config_credentials;
extern const struct fh_config_table fh_config_models;
extern const struct fh_config_table fh_config_routes;

/* fh_config_kind_doc says what a value of that kind looks like. */
const char *fh_config_kind_doc(enum fh_config_kind kind);
