/*
 * http1_head.h: a head, from its bytes. For http1.c, which gathers them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "wire/http1.h"

/* fh_http1_is_text says whether `c` may stand in a field's value, a reason, a chunk's extension:
 * no control character but the tab. */
static inline bool fh_http1_is_text(uint8_t c)
{
    return (c >= ' ' && c != 0x7f) || c == '\t';
}

/* fh_http1_read_head reads all of a head, the empty line that ends it included, and decides what
 * frames the body. The status may be interim, too.
 *
 * Requires head->field_count: the lines of it but the first and the last; as much room at `field`.
 * Borrows  from `bytes` and `field` for as long as `head` is used.
 * Returns  false when something is wrong: what, and where in `bytes`, is then in `why`.
 */
FH_NODISCARD bool fh_http1_read_head(struct fh_slice bytes, struct fh_http1_head *head,
                                     struct fh_http_field *field, struct fh_error *why);
