/*
 * url.h: the URL of a provider in parts, and one path segment in clear (RFC 3986).
 *
 * What a provider's URL may be is narrower than the RFC: http or https, a name or an address, a
 * port, a path. A user name, a query and a fragment are refused, each with its reason, since
 * somebody who writes one means something that would not happen.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "base/base.h"

/* All slices borrow from the text that was parsed. */
struct fh_url {
    bool tls; /* https */
    uint16_t port;
    struct fh_slice host; /* name or address; an IPv6 address without its brackets */
    struct fh_slice
        authority;        /* as in the Host header: brackets; port unless the scheme's own */
    struct fh_slice path; /* empty, or "/…" with no "/" at its end */
};

/* fh_url_parse reads a URL.
 *
 * Returns  FH_OK; FH_E_SYNTAX or FH_E_SUPPORT, and `why` says what is wrong at which byte.
 */
enum fh_rc fh_url_parse(struct fh_url *url, struct fh_slice text, struct fh_error *why);

/* fh_url_is_address says whether `host` is an IPv4 or IPv6 address rather than a name. */
bool fh_url_is_address(struct fh_slice host);

/* fh_url_decode_segment undoes the percent-encoding of one path segment ("+" stays a plus).
 *
 * Owns     `arena` holds the result, at most as long as `segment`.
 * Returns  FH_E_SYNTAX when a "%" lacks its two digits, or when what comes out is not UTF-8 or
 *          holds a NUL; FH_E_LIMIT when the arena is full.
 */
enum fh_rc fh_url_decode_segment(struct fh_slice segment, struct fh_arena *arena,
                                 struct fh_slice *out);

/* fh_url_encode_segment appends a path segment with everything percent-encoded but the unreserved
 * characters of RFC 3986 and those in `also`. */
void fh_url_encode_segment(struct fh_buf *out, struct fh_slice segment, struct fh_slice also);
