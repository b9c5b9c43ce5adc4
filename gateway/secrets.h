/*
 * secrets.h: from a reference to the secret itself.
 *
 *     env:NAME    a variable of this process's environment
 *     file:PATH   a file that others cannot read; one line end behind the secret is not part of it
 *     state:PATH  a credential that control obtains and renews: provider/credential.h
 *
 * The policy store holds references, never secrets: each worker fetches them itself, once per
 * generation of the policy, so that a new key in an old file is taken over when control publishes.
 * A credential behind state: is renewed many times within a generation; a worker that asks
 * fh_secrets_are_old now and then makes a new set and takes all of them anew.
 *
 *     new ──▶ get, get, … ──▶ are_old, are_old, … ──▶ another set; this one goes with the last
 *                                                     exchange that borrows from it
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

/* A set of secrets that belong to one generation. */
struct fh_secrets;

struct fh_secrets *fh_secrets_new(void);
void fh_secrets_free(struct fh_secrets **secrets);

/* fh_secrets_get is fh_secrets_resolve with a memory. What failed is tried again at the next call.
 *
 * Borrows  `out` holds until the set is freed, whatever becomes of the file meanwhile.
 */
enum fh_rc fh_secrets_get(struct fh_secrets *secrets, struct fh_slice ref, struct fh_slice *out,
                          struct fh_buf *why);

/* fh_secrets_are_old says whether a file behind a state: reference that was asked for has been
 * replaced since, has gone, or has come.
 *
 * Cost     a look at the files once a second of `now_us` (monotonic), nothing in between; nothing
 *          at all when there is no such reference.
 */
FH_NODISCARD bool fh_secrets_are_old(struct fh_secrets *secrets, uint64_t now_us);
