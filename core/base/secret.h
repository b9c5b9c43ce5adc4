/*
 * secret.h: bytes that must not get around.
 *
 * They lie on pages of their own that are left out of core dumps, are wiped when they go, and are
 * no string and no slice: whoever wants to print one has to go out of their way.
 *
 * Cost     a page each: for the few secrets of providers, not for those of many clients.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "base/base.h"

struct fh_secret {
    uint8_t *page; /* NULL: no secret */
    size_t len;
};

#define FH_SECRET_NONE ((struct fh_secret){NULL, 0})

/* fh_secret_copy makes a secret of the bytes. Whoever lent them wipes them: fh_wipe. */
struct fh_secret fh_secret_copy(struct fh_slice bytes);

/* fh_secret_fini wipes and releases; the secret is FH_SECRET_NONE afterwards. */
void fh_secret_fini(struct fh_secret *secret);

/* fh_secret_lend gives the bytes to write on a wire or to compute with. Borrows until fini. */
static inline struct fh_slice fh_secret_lend(const struct fh_secret *secret)
{
    return fh_slice(secret->page, secret->len);
}

/* fh_wipe overwrites memory, whatever the compiler thinks of it. */
void fh_wipe(void *ptr, size_t len);

/* fh_secret_eq is fh_eq that takes the same time wherever the bytes differ: for what a peer sends
 * to prove that it knows a secret. It does show whether the lengths are the same. */
FH_NODISCARD bool fh_secret_eq(struct fh_slice a, struct fh_slice b);
