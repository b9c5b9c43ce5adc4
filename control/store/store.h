/*
 * store.h: the policy store, as control and the commands write it.
 *
 *     freehold.yaml ──publish──▶ models, providers, limits ─┐
 *     freehold key ──create, revoke──▶ keys ────────────────┼─▶ LMDB ──▶ workers (policy_reader.h)
 *     engine, credentials ──provider_state──▶ providers ────┘
 *
 * Each call is one transaction: workers see all of it or nothing, at their next request, without
 * a reload. Several processes may write; LMDB's lock puts them in order. What is already so is
 * not written again, so the workers' caches live on.
 *
 * The directory is its owner's alone: there are AWS-style secrets in it, which have to be in clear
 * to verify signatures, and which nobody gets out of it but by reading these files.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "control/config/config.h"
#include "control/store/key_text.h"

#include "policy/policy.h"

struct fh_store;

/* fh_store_open opens the store in `dir`, which exists, and makes it if need be.
 *
 * Requires the process has it open only once (LMDB's condition).
 * Returns  FH_E_STORE, and `why` is LMDB's reason (static text).
 */
enum fh_rc fh_store_open(struct fh_store **out, const char *dir, const char **why);

/* fh_store_close ends with all that was borrowed. Takes NULL. */
void fh_store_close(struct fh_store **store);

/* fh_store_error says why the last call ended in FH_E_STORE. */
const char *fh_store_error(const struct fh_store *store);

/* fh_store_publish makes models, providers and limits those of the config, all at once.
 *
 * What has a state of its own keeps the one that is recorded for it, unless `fresh`: then it is
 * starting. That is a local engine, and what needs credentials of a cloud.
 */
enum fh_rc fh_store_publish(struct fh_store *store, const struct fh_config *cfg, bool fresh);

/* fh_store_provider_state records how a provider fares; see struct fh_provider. Of `how` it takes
 * state, state_line, retry_after_s and call_prefix.
 *
 * Returns  FH_E_MISSING: no provider has that name.
 */
enum fh_rc fh_store_provider_state(struct fh_store *store, struct fh_slice name,
                                   const struct fh_provider *how);

/* fh_store_key_create makes a key for the name and the plan (may be empty); `models` are those it
 * may use, none for all.
 *
 * Owns     the caller wipes `text` when it has shown it.
 * Returns  FH_E_CONFLICT: a key of that name is in use.
 */
enum fh_rc fh_store_key_create(struct fh_store *store, struct fh_slice name,
                               struct fh_slice plan, struct fh_config_texts models,
                               uint64_t created_us, struct fh_key_text *text);

/* fh_store_key_revoke ends a key, by its id or its name. Its record stays, for the books.
 *
 * Returns  FH_E_MISSING: there is no such key; FH_E_CONFLICT: it was revoked before.
 */
enum fh_rc fh_store_key_revoke(struct fh_store *store, struct fh_slice id_or_name);

struct fh_store_keys {
    struct fh_policy_key *list; /* in order of creation */
    size_t count;
};

/* fh_store_keys lists all keys, revoked ones too. Copies into `arena`, without AWS-style
 * secrets. */
enum fh_rc fh_store_keys(struct fh_store *store, struct fh_arena *arena,
                         struct fh_store_keys *out);

/* fh_store_sweep frees the places of readers that died. Returns how many there were. */
int fh_store_sweep(struct fh_store *store);

/* fh_store_generation is the number that workers see. */
uint64_t fh_store_generation(const struct fh_store *store);
