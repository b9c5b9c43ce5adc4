/*
 * credential.h: what shows a provider who asks: a key, or what a cloud lends for a while.
 *
 *     freehold-credential 1
 *     kind aws
 *     from profile "dev" in /home/ann/.aws/credentials
 *     settings 5e1c0a7d90b2f314
 *     expires 1769862605
 *     region eu-central-1
 *     session_token IQoJb3JpZ2luX2Vj…
 *     access_key_id ASIA…
 *     secret_access_key …
 *
 * Control obtains such a credential, writes it in this form and renews it ahead of time; workers
 * hand the text over as a secret, and the core takes it apart where it is used. Lines end with a
 * line feed and stand in any order behind the first; what a kind cannot do without is printed last,
 * so that a text that was cut off is none. A plain key, one word, is a credential, too: a token
 * about which nothing else is known.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "base/base.h"
#include "provider/credential.def"

/* Which cloud lends it: how control obtains one. */
enum fh_credential_source {
#define X(source, ...) FH_CREDENTIALS_##source,
    FH_CREDENTIAL_SOURCES(X)
#undef X
        FH_CREDENTIAL_SOURCE_COUNT
};

/* fh_credential_source_name gives the config's word, fh_credential_source_by_name its inverse,
 * fh_credential_source_doc a sentence. */
struct fh_slice fh_credential_source_name(enum fh_credential_source source);
struct fh_slice fh_credential_source_doc(enum fh_credential_source source);
FH_NODISCARD bool fh_credential_source_by_name(struct fh_slice name,
                                               enum fh_credential_source *out);

enum fh_credential_kind {
    FH_CREDENTIAL_TOKEN, /* sent along as it is */
    FH_CREDENTIAL_AWS,   /* requests are signed with it */
    FH_CREDENTIAL_KINDS,
};

enum { FH_CREDENTIAL_MAX_BYTES = 32768 }; /* of the whole text */

struct fh_credential {
    enum fh_credential_kind kind;
    struct fh_slice token;         /* TOKEN */
    struct fh_slice access_key_id; /* AWS, as the next three */
    struct fh_slice secret_access_key;
    struct fh_slice session_token; /* empty: a lasting pair */
    struct fh_slice region;        /* empty: not known */
    struct fh_slice from;          /* for people; empty of a plain key */
    struct fh_slice settings;      /* a fingerprint of what was to be obtained; control's */
    uint64_t expires_s;            /* calendar, since 1970; 0: not known, or never */
};

/* fh_credential_parse takes a credential apart, or a plain key.
 *
 * Borrows  the slices of `out` point into `text`.
 * Returns  FH_E_SYNTAX; FH_E_MISSING when its kind needs more than is there; FH_E_SUPPORT for
 *          another version or kind; FH_E_LIMIT when it is longer than FH_CREDENTIAL_MAX_BYTES.
 */
enum fh_rc fh_credential_parse(struct fh_credential *out, struct fh_slice text);

/* fh_credential_print appends the text. Control characters in `from` become blanks.
 *
 * Returns  FH_E_SYNTAX when another field is none that fh_credential_parse would read, so that
 *          nothing odd gets into a request; FH_E_MISSING as above; FH_E_LIMIT when it does not fit.
 */
enum fh_rc fh_credential_print(struct fh_buf *out, const struct fh_credential *credential);
