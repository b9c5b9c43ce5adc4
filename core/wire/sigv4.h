/*
 * sigv4.h: AWS Signature Version 4: made for what we send to Bedrock, checked on what AWS's clients
 * send to us.
 *
 *     fh_sigv4_key ──▶ fh_sigv4_sign ──▶ x-amz-date, authorization, …   to be sent along
 *
 *     the head ──▶ fh_sigv4_parse ──▶ a claim: who, when, for which service
 *                      whose secret is that? ──▶ fh_sigv4_key
 *     the body's hash ──▶ fh_sigv4_verify ──▶ VALID, or a verdict ──▶ fh_sigv4_explain
 *
 * Signed are: method, path, query, the fields that the claim lists, and the hash of the body.
 *
 * The path    is taken as it stands in the request line and percent-encoded once more, so `%3A`
 *             counts as `%253A`; whoever decodes or cleans a path first breaks its signature. (S3
 *             does otherwise and is not served here.)
 * The query   is decoded, encoded strictly and sorted: its order does not matter. A plus is a plus.
 * Fields      lose blanks around their value and runs of blanks in it; several of one name are
 *             joined by commas. Over HTTP/2 clients sign `:authority`, over HTTP/1.1 `host`; each
 *             stands in for the other where a hop between has turned one into the other.
 * The body    is hashed by us in any case. Some clients send no x-amz-content-sha256; one that is
 *             sent must be that hash. `UNSIGNED-PAYLOAD` and the chunked forms, which are S3's,
 *             are therefore refused, over TLS, too.
 *
 * What the claim does not list is not protected: fh_sigv4_signs tells. Who copies a signed request
 * on its way can send it again until FH_SIGV4_SKEW_US after its date, as with AWS itself.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "base/calendar.h"
#include "base/hash.h"
#include "wire/http1.h"
#include "wire/sigv4.def"

#define FH_SIGV4_SKEW_US (UINT64_C(5) * FH_MINUTE_US) /* how far AWS lets clocks be apart */

enum {
    FH_SIGV4_STATUS = 403, /* of the answer to whatever is not VALID */

    FH_SIGV4_SECRET_MAX = 256,         /* bytes; AWS's have 40 */
    FH_SIGV4_ACCESS_KEY_MAX = 128,     /* bytes; AWS's bound, its own have 20 */
    FH_SIGV4_NAME_MAX = 64,            /* bytes of a region or a service */
    FH_SIGV4_FIELDS_MAX = 256,         /* in a request */
    FH_SIGV4_SIGNED_MAX = 100,         /* of them, signed */
    FH_SIGV4_PARAMS_MAX = 256,         /* in a query */
    FH_SIGV4_CANONICAL_MAX = 1 << 17,  /* bytes of what is hashed in the end */
    FH_SIGV4_EXPIRES_MAX_S = 7 * 86400 /* of a signature in the query */
};

struct fh_sigv4_request {
    struct fh_slice method;    /* a token: the HTTP parser has seen to that */
    struct fh_slice path;      /* as in the request line; empty is "/" */
    struct fh_slice query;     /* as in the request line, behind the "?" */
    struct fh_slice authority; /* HTTP/2's; empty where there is a host among the fields */
    const struct fh_http_field *field;
    size_t field_count;
    struct fh_sha256
        body; /* of the content as it is sent; fh_sigv4_parse does not look at it */

    /* Also drop empty and dot segments of the path. AWS's SDKs do so for what they sign, not for
     * what they send; as long as they send none it makes no difference. When checking, leave it
     * false: else a path that was not signed is served. */
    bool normalize;
};

/* A key that is good for one day, region and service: derive it once, keep it for a day. It is as
 * secret as what it comes from; fh_wipe it. */
struct fh_sigv4_key {
    uint64_t day; /* since 1970 */
    struct fh_sha256 bytes;
};

/* fh_sigv4_key derives the key for the day in which `at_us` (calendar) lies.
 *
 * Requires a secret of at most FH_SIGV4_SECRET_MAX bytes.
 * Cost     some 40,000 instructions, 30,000 of them SHA-256.
 */
struct fh_sigv4_key fh_sigv4_key(struct fh_slice secret, uint64_t at_us, struct fh_slice region,
                                 struct fh_slice service);

static inline bool fh_sigv4_key_is_of(const struct fh_sigv4_key *key, uint64_t us)
{
    return key->day == us / FH_DAY_US;
}

/* ---- signing ---- */

struct fh_sigv4_signer {
    struct fh_slice access_key;
    struct fh_slice token; /* of temporary credentials; empty: none */
    struct fh_slice region, service;
    const struct fh_sigv4_key *key; /* of the day on which it signs */
    bool with_body_hash; /* send x-amz-content-sha256, too; Bedrock does not need it */
};

enum { FH_SIGV4_ADDED_MAX = 4 };

/* The fields that a signature adds: x-amz-date, x-amz-content-sha256, x-amz-security-token,
 * authorization, those that there are, in this order. */
struct fh_sigv4_signed {
    struct fh_http_field field[FH_SIGV4_ADDED_MAX];
    size_t field_count;
};

/* fh_sigv4_sign signs all fields of the request but those that hops and proxies may change, such as
 * user-agent; a host field is among them, or made of `authority`.
 *
 * Requires a key of the day of `now_us` (calendar).
 * Borrows  the signer's token.
 * Owns     `arena` holds what is made.
 * Returns  FH_E_CONFLICT when the request has one of the fields that are to be added;
 *          FH_E_MISSING without host and authority; FH_E_SYNTAX when the query has a "%" without
 *          its two digits; FH_E_LIMIT.
 * Cost     some 50,000 instructions with 8 fields, 28,000 of them SHA-256; the hash of a body of
 *          2 KB, which the caller has made, is 60,000 more. (Without the processor's instructions
 *          for SHA-256; with them, signing takes 4 us and the hash 2.)
 */
enum fh_rc fh_sigv4_sign(struct fh_sigv4_signed *out, const struct fh_sigv4_signer *signer,
                         const struct fh_sigv4_request *req, uint64_t now_us,
                         struct fh_arena *arena);

/* ---- checking ---- */

/* What was found, in the order in which it is looked for: a row of sigv4.def each. UNKNOWN_KEY is
 * for the caller to find. */
enum FH_NODISCARD_TYPE fh_sigv4_verdict {
    FH_SIGV4_VALID = 0,
#define X(what, ...) FH_SIGV4_##what,
    FH_SIGV4_VERDICTS(X)
#undef X
        FH_SIGV4_VERDICT_COUNT
};

/* What a request says about itself; nothing of it is proven yet. The slices borrow from the request
 * or lie in the arena. */
struct fh_sigv4_claim {
    struct fh_slice access_key;
    struct fh_slice date, region, service; /* the scope; the date as in 20260131 */
    struct fh_slice signed_names;          /* in order: "host;x-amz-date" */
    struct fh_slice token;                 /* x-amz-security-token; empty: none */
    struct fh_sha256 signature;
    uint64_t at_us;     /* calendar, a whole second */
    uint64_t expires_s; /* of a signature in the query; 0: it is in the field */
};

/* What the one who checks accepts. */
struct fh_sigv4_terms {
    const struct fh_slice *service; /* at least one; such as "bedrock", "bedrock-mantle" */
    size_t service_count;
    struct fh_slice region; /* empty: any */
    uint64_t now_us;        /* calendar */
};

/* fh_sigv4_parse reads the claim in a request's Authorization field, or, in a query, in its
 * X-Amz-* parameters, and checks whatever can be checked without the secret: grammar, limits, that
 * host and date are signed, scope, time.
 *
 * Between the parts of the field blanks, a comma or both may stand, as AWS has it; all else is
 * strict.
 *
 * Returns  FH_SIGV4_VALID when only the signature is left to check; FH_SIGV4_MISSING when it is not
 *          signed at all, or its Authorization has another scheme; else what is wrong. The claim is
 *          filled in as far as it was read.
 * Cost     some 10,000 instructions with 11 fields.
 */
enum fh_sigv4_verdict fh_sigv4_parse(struct fh_sigv4_claim *claim,
                                     const struct fh_sigv4_request *req,
                                     const struct fh_sigv4_terms *terms,
                                     struct fh_arena *arena);

/* fh_sigv4_signs says whether the claim covers a field; `name` in lower case. */
FH_NODISCARD bool fh_sigv4_signs(const struct fh_sigv4_claim *claim, struct fh_slice name);

/* fh_sigv4_verify checks the signature, in constant time.
 *
 * Requires a claim that fh_sigv4_parse found VALID in the same request; a key derived for the
 *          claim's `at_us`, region and service.
 * Returns  FH_SIGV4_VALID; FH_SIGV4_BODY when x-amz-content-sha256 is not `req->body`;
 *          FH_SIGV4_MISMATCH; FH_SIGV4_LIMIT.
 * Limits   FH_SIGV4_CANONICAL_MAX and the counts above, hence 1 MiB of `arena` at the utmost.
 * Cost     some 40,000 instructions with 11 fields, of which the same holds as of signing.
 */
enum fh_sigv4_verdict fh_sigv4_verify(const struct fh_sigv4_claim *claim,
                                      const struct fh_sigv4_request *req,
                                      const struct fh_sigv4_key *key, struct fh_arena *arena);

/* How AWS would put it: the error's name and a sentence. It quotes no part of a secret, a token or
 * a signature. */
struct fh_sigv4_refusal {
    struct fh_slice error; /* "InvalidSignatureException" */
    struct fh_slice message;
};

/* fh_sigv4_explain says why a claim was not VALID. The message may lie in `arena`. */
struct fh_sigv4_refusal fh_sigv4_explain(enum fh_sigv4_verdict verdict,
                                         const struct fh_sigv4_claim *claim,
                                         const struct fh_sigv4_terms *terms,
                                         struct fh_arena *arena);
