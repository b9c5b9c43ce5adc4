/*
 * secrets.h: from a reference to the secret itself.
 *
 *     env:NAME    a variable of this process's environment
 *     file:PATH   a file that others cannot read; one line end behind the secret is not part of it
 *
 * The policy store holds references, never secrets: each worker fetches them itself, once per
 * generation of the policy, so that a new key in an old file is taken over when control publishes.
 *
 * Plain C: knows nothing of nginx.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "base/secret.h"

/* fh_secrets_resolve fetches one secret.
 *
 * Owns     the caller ends `out` with fh_secret_fini.
 * Returns  FH_E_MISSING, FH_E_SYSTEM, FH_E_SYNTAX, FH_E_LIMIT: then `why` says in one line what is
 *          wrong and what would be right, without the secret.
 */
enum fh_rc fh_secrets_resolve(struct fh_secret *out, struct fh_slice ref, struct fh_buf *why);

/* What was fetched for one generation. */
struct fh_secrets;

struct fh_secrets *fh_secrets_new(void);
void fh_secrets_free(struct fh_secrets **secrets);

/* fh_secrets_get is fh_secrets_resolve with a memory: another `generation` than the last forgets
 * everything. What failed is tried again at the next call.
 *
 * Borrows  `out` holds until the generation changes.
 */
enum fh_rc fh_secrets_get(struct fh_secrets *secrets, uint64_t generation, struct fh_slice ref,
                          struct fh_slice *out, struct fh_buf *why);
