/*
 * jwt.h: a JSON web token, signed with a private RSA key: RS256 of RFC 7518, 3.3.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "base/base.h"

/* fh_jwt_sign appends header.claims.signature.
 *
 * `claims` is a JSON object; `key_id` may be empty;
 * `pem` is a private key, PKCS #8 or PKCS #1.
 *
 * Returns  FH_E_SYNTAX when `pem` is no RSA key of 2048 bits or more; FH_E_LIMIT when it does
 *          not fit.
 */
enum fh_rc fh_jwt_sign(struct fh_buf *out, struct fh_slice claims, struct fh_slice key_id,
                       struct fh_slice pem, struct fh_arena *arena);
