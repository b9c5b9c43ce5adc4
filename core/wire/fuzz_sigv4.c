/* fuzz_sigv4.c: what we sign, we accept; with a byte changed on its way only when it still means
 * the same; and no value breaks out of its line of the canonical request.
 * SPDX-License-Identifier: Apache-2.0 */
#include "wire/sigv4_canonical.h"
#include "wire/trace_sigv4.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW_US UINT64_C(1769862605000000) /* 20260131T123005Z, as in the seeds */

enum { ARENA_MAX = 1 << 26 };

static const struct fh_slice secret = FH_LIT_INIT("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
static const struct fh_slice region = FH_LIT_INIT("us-east-1");
static const struct fh_slice service = FH_LIT_INIT("bedrock");

static enum fh_sigv4_verdict judge(const struct fh_sigv4_request *req, uint64_t now_us,
                                   struct fh_sigv4_claim *claim, struct fh_arena *arena)
{
    struct fh_sigv4_terms terms = {.service = &service, .service_count = 1, .now_us = now_us};
    enum fh_sigv4_verdict verdict = fh_sigv4_parse(claim, req, &terms, arena);

    if (verdict == FH_SIGV4_VALID) {
        struct fh_sigv4_key key =
            fh_sigv4_key(secret, claim->at_us, claim->region, claim->service);

        verdict = fh_sigv4_verify(claim, req, &key, arena);
    }
    if (verdict != FH_SIGV4_VALID) {
        struct fh_sigv4_refusal why = fh_sigv4_explain(verdict, claim, &terms, arena);

        FH_ASSERT(why.error.len > 0 && why.message.len > 0);
        FH_ASSERT(!fh_ends(why.message, FH_LIT(":")));
    }
    return verdict;
}

/* ---- as it came ---- */

static void check_as_it_came(const struct fh_sigv4_request *req, struct fh_arena *arena)
{
    struct fh_sigv4_claim claim;
    struct fh_sigv4_claim again;
    enum fh_sigv4_verdict verdict = judge(req, NOW_US, &claim, arena);

    if (verdict == FH_SIGV4_EXPIRED || verdict == FH_SIGV4_EARLY) {
        verdict = judge(req, claim.at_us, &again, arena);
        FH_ASSERT(verdict != FH_SIGV4_EXPIRED && verdict != FH_SIGV4_EARLY);
    }
}

/* A canonical query is its own: nothing in it is encoded or sorted otherwise a second time. */
static void check_query(struct fh_slice query, struct fh_arena *arena)
{
    struct fh_buf text = fh_buf_in_arena(arena, SIZE_MAX / 2);
    struct fh_sigv4_params params;
    struct fh_sigv4_params again;

    if (fh_sigv4_params_read(&params, query, arena) != FH_OK) {
        return;
    }
    for (size_t i = 0; i < params.count; i++) {
        fh_buf_append(&text, params.param[i].name);
        fh_buf_byte(&text, '=');
        fh_buf_append(&text, params.param[i].value);
        fh_buf_byte(&text, '&');
    }
    if (fh_sigv4_params_read(&again, fh_buf_slice(&text), arena) != FH_OK) {
        FH_ASSERT(text.len > FH_SIGV4_CANONICAL_MAX / 3);
        return;
    }
    FH_ASSERT(again.count == params.count);
    for (size_t i = 0; i < params.count; i++) {
        FH_ASSERT(fh_eq(again.param[i].name, params.param[i].name));
        FH_ASSERT(fh_eq(again.param[i].value, params.param[i].value));
    }
}

/* ---- signed by us ---- */

static bool is_token(struct fh_slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.ptr[i];

        if (c <= ' ' || c > '~' || fh_find(FH_LIT("\"(),/:;<=>?@[\\]{}"), c) < 17) {
            return false;
        }
    }
    return name.len > 0;
}

/* ours takes the fields that a request of ours can have, and gives it an authority. */
static void ours(struct trace_request *trace)
{
    size_t kept = 0;

    for (size_t i = 0; i < trace->req.field_count; i++) {
        struct fh_slice name = trace->field[i].name;

        if (is_token(name) && !fh_eq_nocase(name, FH_LIT("x-amz-date")) &&
            !fh_eq_nocase(name, FH_LIT("x-amz-content-sha256")) &&
            !fh_eq_nocase(name, FH_LIT("x-amz-security-token")) &&
            !fh_eq_nocase(name, FH_LIT("authorization"))) {
            trace->field[kept++] = trace->field[i];
        }
    }
    trace->req.field_count = kept;
    if (trace->req.authority.len == 0) {
        trace->req.authority = FH_LIT("gw.example");
    }
}

static struct fh_slice canonical(const struct fh_sigv4_request *req, struct fh_slice names,
                                 struct fh_arena *arena)
{
    struct fh_buf out = fh_buf_in_arena(arena, FH_SIGV4_CANONICAL_MAX);

    return fh_sigv4_canonical(&out, req, names, arena) == FH_OK ? fh_buf_slice(&out) : FH_NONE;
}

static size_t count_of(struct fh_slice s, uint8_t c)
{
    size_t count = 0;

    for (size_t i = 0; i < s.len; i++) {
        count += s.ptr[i] == c;
    }
    return count;
}

/* is_strict says whether a byte stands where every bit counts. */
static bool is_strict(const struct trace_request *trace, const uint8_t *text, size_t len,
                      size_t at)
{
    size_t path = (size_t)(trace->req.path.ptr - text);

    return at < trace->req.method.len || at >= len - trace->body.len ||
           (!trace->req.normalize && at >= path && at - path < trace->req.path.len);
}

/* change_a_byte changes one byte of the text that the request was read from, and looks whether that
 * is noticed. Blanks and escapes have several forms: there the canonical request tells. */
static void change_a_byte(struct trace_request *trace, struct fh_slice names, uint8_t *text,
                          size_t len, struct fh_arena *arena)
{
    struct fh_slice before = canonical(&trace->req, names, arena);
    uint32_t chance = fh_crc32c(0, fh_slice(text, len));
    size_t at = chance % len;
    uint8_t was = text[at];
    struct fh_sigv4_claim claim;

    text[at] = (uint8_t)(was ^ (1U << (chance >> 29)));
    trace->req.body = fh_sha256(trace->body);

    bool valid = judge(&trace->req, NOW_US, &claim, arena) == FH_SIGV4_VALID;

    FH_ASSERT(!valid || fh_eq(before, canonical(&trace->req, names, arena)));
    FH_ASSERT(!valid || !is_strict(trace, text, len, at));
    text[at] = was;
    trace->req.body = fh_sha256(trace->body);
}

static void check_signed(struct trace_request *trace, uint8_t *text, size_t len,
                         struct fh_arena *arena)
{
    struct fh_sigv4_key key = fh_sigv4_key(secret, NOW_US, region, service);
    struct fh_sigv4_signer signer = {
        .access_key = FH_LIT("AKIDEXAMPLE"),
        .token = len % 2 == 0 ? FH_NONE : FH_LIT("tok+/="),
        .region = region,
        .service = service,
        .key = &key,
        .with_body_hash = len % 3 == 0,
    };
    struct fh_sigv4_signed added;
    struct fh_sigv4_claim claim;

    ours(trace);
    if (fh_sigv4_sign(&added, &signer, &trace->req, NOW_US, arena) != FH_OK) {
        return;
    }
    for (size_t i = 0; i < added.field_count; i++) {
        trace->field[trace->req.field_count++] = added.field[i];
    }
    enum fh_sigv4_verdict verdict = judge(&trace->req, NOW_US, &claim, arena);

    if (verdict == FH_SIGV4_TWICE) {
        return; /* a signature in the query, too */
    }
    FH_ASSERT(verdict == FH_SIGV4_VALID);
    FH_ASSERT(fh_eq(claim.access_key, signer.access_key) && fh_eq(claim.token, signer.token));

    size_t lines = 6 + count_of(claim.signed_names, ';');

    FH_ASSERT(count_of(canonical(&trace->req, claim.signed_names, arena), '\n') == lines);
    change_a_byte(trace, claim.signed_names, text, len, arena);
    FH_ASSERT(judge(&trace->req, NOW_US, &claim, arena) == FH_SIGV4_VALID);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    struct trace_request *trace = fh_new(arena, struct trace_request);
    uint8_t *text = fh_arena_raw(arena, fh_max(size, 1));

    for (size_t i = 0; i < size; i++) {
        text[i] = data[i];
    }
    if (!trace_request(trace, fh_slice(text, size))) {
        return 0;
    }
    check_as_it_came(&trace->req, arena);
    check_query(trace->req.query, arena);
    trace->req.normalize = size % 2 == 0;
    check_signed(trace, text, size, arena);
    return 0;
}
