/*
 * sigv4_canonical.h: the texts that a signature of version 4 is made of; inside sigv4, and for
 * those who compare them with somebody else's.
 *
 *     request ──▶ canonical ──hash──▶ string to sign ──HMAC with the key──▶ signature
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "wire/sigv4.h"

#define FH_SIGV4_ALGORITHM "AWS4-HMAC-SHA256"
#define FH_SIGV4_TERM      "aws4_request"

/* A parameter of a query, name and value decoded and encoded strictly. */
struct fh_sigv4_param {
    struct fh_slice name, value;
};

struct fh_sigv4_params {
    struct fh_sigv4_param *param; /* sorted by name, then by value */
    size_t count;
};

/* fh_sigv4_params_read takes a raw query apart. Empty parameters are dropped, one without "=" has
 * an empty value.
 *
 * Returns  FH_E_SYNTAX when a "%" lacks its two digits; FH_E_LIMIT.
 */
enum fh_rc fh_sigv4_params_read(struct fh_sigv4_params *out, struct fh_slice query,
                                struct fh_arena *arena);

/* fh_sigv4_field counts the fields of that name; `value` is that of the first. */
size_t fh_sigv4_field(const struct fh_sigv4_request *req, struct fh_slice name,
                      struct fh_slice *value);

/* fh_sigv4_canonical writes the canonical request. The parameter X-Amz-Signature is no part of it.
 *
 * Requires `signed_names` in lower case and in ascending order, parted by semicolons.
 * Returns  FH_E_MISSING when one of the fields is not there; FH_E_SYNTAX, FH_E_LIMIT as
 *          fh_sigv4_params_read, and when `out` is full.
 */
enum fh_rc fh_sigv4_canonical(struct fh_buf *out, const struct fh_sigv4_request *req,
                              struct fh_slice signed_names, struct fh_arena *arena);

/* fh_sigv4_scope appends 20260131/region/service/aws4_request. */
void fh_sigv4_scope(struct fh_buf *out, uint64_t at_us, struct fh_slice region,
                    struct fh_slice service);

/* fh_sigv4_string_to_sign appends the string to sign. */
void fh_sigv4_string_to_sign(struct fh_buf *out, uint64_t at_us, struct fh_slice region,
                             struct fh_slice service, struct fh_slice canonical);
