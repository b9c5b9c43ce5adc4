/*
 * base64.h: bytes as text, in both alphabets of RFC 4648.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "base/base.h"

enum fh_base64 {
    FH_BASE64,     /* section 4: + and /, padded with = */
    FH_BASE64_URL, /* section 5: - and _, without padding, as in JSON web tokens */
};

/* fh_base64_encode appends `bytes` in the given form.
 *
 * Cost     less than 2 cycles a byte.
 */
void fh_base64_encode(struct fh_buf *out, struct fh_slice bytes, enum fh_base64 form);

/* fh_base64_decode appends the bytes that `text`, in the form FH_BASE64, stands for. It is strict:
 * no character of another alphabet, no blank, no line end, all of the padding, and the bits that
 * the last character has too many are zero. So no two texts give the same bytes.
 *
 * Returns  FH_E_SYNTAX, or FH_E_LIMIT when `out` has no room for all of it (then out->failed, too).
 *          Neither changes the content of `out`.
 * Cost     less than 2 cycles a byte, and 4 KiB of tables.
 */
enum fh_rc fh_base64_decode(struct fh_buf *out, struct fh_slice text);
