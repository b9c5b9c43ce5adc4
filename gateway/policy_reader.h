/*
 * policy_reader.h: the policy store, as a worker of the gateway reads it.
 *
 *     open (once, after the fork) ──▶ begin ──▶ key, model, provider, limits … ──▶ end ──▶ begin …
 *
 * The store is an LMDB environment that `freehold control` and `freehold key` write. Between begin
 * and end a worker sees one state of it, whatever is written meanwhile; what it read points into
 * the store's pages and is gone at end. begin and end belong into one turn of the event loop: an
 * old reader keeps old pages alive. A lookup takes no lock and copies nothing.
 *
 * Plain C: knows nothing of nginx.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "policy/policy.h"

/* What readers and the writer must agree on (control/store). */
enum {
    FH_POLICY_READERS_MAX = 1022, /* workers, old workers of reloads, commands */
    FH_POLICY_DATABASES = 5,
};
#define FH_POLICY_MAP_BYTES    ((size_t)256 << 20) /* address space, not memory */
#define FH_POLICY_DB_KEYS      "keys"              /* SHA-256 of the key's text -> key */
#define FH_POLICY_DB_AWS       "aws" /* AWS-style access key id -> SHA-256 of the key's text */
#define FH_POLICY_DB_MODELS    "models"    /* name -> model */
#define FH_POLICY_DB_PROVIDERS "providers" /* name -> provider */
#define FH_POLICY_DB_META      "meta"      /* "limits" -> limits, "providers" -> their names */

struct fh_policy_reader;

/* fh_policy_reader_new notes where the store is. It is opened at the first begin that finds it,
 * so a gateway may start before its store is there.
 *
 * Requires to be called after the fork: LMDB's handles must not cross one. One per process.
 */
struct fh_policy_reader *fh_policy_reader_new(const char *dir);
void fh_policy_reader_free(struct fh_policy_reader **reader);

/* fh_policy_reader_begin opens a view.
 *
 * Returns  FH_E_MISSING when there is no store yet, FH_E_STORE otherwise: see _error.
 */
enum fh_rc fh_policy_reader_begin(struct fh_policy_reader *reader);
void fh_policy_reader_end(struct fh_policy_reader *reader);

/* fh_policy_reader_generation is a number that changes with each change of the store. */
uint64_t fh_policy_reader_generation(const struct fh_policy_reader *reader);

/* Each of these looks one record up, between begin and end.
 *
 * Borrows  until end.
 * Returns  FH_E_MISSING when there is none; FH_E_SYNTAX, FH_E_SUPPORT when it cannot be decoded;
 *          FH_E_STORE.
 */
enum fh_rc fh_policy_reader_key(struct fh_policy_reader *reader, const struct fh_sha256 *hash,
                                struct fh_policy_key *out);
enum fh_rc fh_policy_reader_aws(struct fh_policy_reader *reader, struct fh_slice access_key_id,
                                struct fh_policy_key *out);
enum fh_rc fh_policy_reader_model(struct fh_policy_reader *reader, struct fh_slice name,
                                  struct fh_policy_model *out);
enum fh_rc fh_policy_reader_provider(struct fh_policy_reader *reader, struct fh_slice name,
                                     struct fh_provider *out);
enum fh_rc fh_policy_reader_limits(struct fh_policy_reader *reader,
                                   struct fh_policy_limits *out);

/* fh_policy_reader_next_model gives the model whose name follows `after` (empty: the first), in
 * the order of names. FH_E_MISSING at the end. */
enum fh_rc fh_policy_reader_next_model(struct fh_policy_reader *reader, struct fh_slice after,
                                       struct fh_policy_model *out);

/* fh_policy_reader_providers lends the names of all providers, in the order of the config: take
 * them off by fh_policy_next_name. */
enum fh_rc fh_policy_reader_providers(struct fh_policy_reader *reader, struct fh_slice *names);

/* fh_policy_reader_error says what the last failure was, for a log. */
const char *fh_policy_reader_error(const struct fh_policy_reader *reader);
