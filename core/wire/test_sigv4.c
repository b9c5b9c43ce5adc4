/* test_sigv4.c: the vectors, a request that is tampered with in every way, and the limits.
 * SPDX-License-Identifier: Apache-2.0 */
#include "vector.h"

#include "wire/sigv4_canonical.h"
#include "wire/trace_sigv4.h"

enum { ARENA_MAX = 1 << 22, TEXT_MAX = 1 << 20 };

/* AWS's published example; the vectors are made with it. */
static const struct fh_slice secret = FH_LIT_INIT("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");

static const struct fh_slice services[] = {FH_LIT_INIT("bedrock"),
                                           FH_LIT_INIT("bedrock-mantle")};

#define X(what, ...) [FH_SIGV4_##what] = #what,
static const char *const verdict_names[] = {[FH_SIGV4_VALID] = "VALID", FH_SIGV4_VERDICTS(X)};
#undef X

static uint64_t time_of(struct fh_slice text)
{
    uint64_t us = 0;

    assert_true(fh_date_time_parse_basic(text, &us));
    return us;
}

static struct fh_slice without_newline(struct fh_slice s)
{
    return fh_ends(s, FH_LIT("\n")) ? fh_head(s, s.len - 1) : s;
}

/* read_request reads the request of a vector, whose last line end is the file's. */
static void read_request(struct trace_request *out, struct fh_slice text)
{
    assert_true(trace_request(out, text));
    out->body = without_newline(out->body);
    out->req.body = fh_sha256(out->body);
}

/* ---- the vectors ---- */

static enum fh_sigv4_verdict judge(const struct fh_sigv4_request *req,
                                   const struct fh_sigv4_terms *terms, struct fh_arena *arena,
                                   struct fh_sigv4_claim *claim)
{
    enum fh_sigv4_verdict verdict = fh_sigv4_parse(claim, req, terms, arena);

    if (verdict == FH_SIGV4_VALID) {
        struct fh_sigv4_key key =
            fh_sigv4_key(secret, claim->at_us, claim->region, claim->service);

        verdict = fh_sigv4_verify(claim, req, &key, arena);
    }
    return verdict;
}

static enum fh_sigv4_verdict on_verify(struct fh_buf *out, struct fh_arena *arena,
                                       struct fh_slice wire)
{
    struct trace_request *trace = fh_new(arena, struct trace_request);
    struct fh_sigv4_terms terms = {.service = services, .service_count = FH_LEN(services)};
    struct fh_sigv4_claim claim;
    struct fh_slice line = FH_NONE;
    struct fh_slice now = FH_NONE;

    assert_true(fh_split(&wire, '\n', &line) && fh_split(&line, ' ', &now));
    terms.now_us = time_of(now);
    terms.region = line;
    read_request(trace, wire);

    enum fh_sigv4_verdict verdict = judge(&trace->req, &terms, arena, &claim);

    fh_buf_append(out, fh_cstr(verdict_names[verdict]));
    if (verdict == FH_SIGV4_VALID) {
        fh_buf_printf(out, " %.*s %.*s %.*s%s", FH_ARG(claim.access_key), FH_ARG(claim.region),
                      FH_ARG(claim.service), claim.token.len > 0 ? " token" : "");
    } else {
        struct fh_sigv4_refusal why = fh_sigv4_explain(verdict, &claim, &terms, arena);

        fh_buf_printf(out, " %.*s: %.*s", FH_ARG(why.error), FH_ARG(why.message));
    }
    return verdict;
}

static void on_canonical(struct fh_buf *out, struct fh_arena *arena, struct fh_slice wire,
                         bool normalize)
{
    struct trace_request *trace = fh_new(arena, struct trace_request);
    struct fh_slice names = FH_NONE;

    assert_true(fh_split(&wire, '\n', &names));
    read_request(trace, wire);
    trace->req.normalize = normalize;
    assert_int_equal(fh_sigv4_canonical(out, &trace->req, names, arena), FH_OK);
}

static void on_sign(struct fh_buf *out, struct fh_arena *arena, struct fh_slice wire)
{
    struct trace_request *trace = fh_new(arena, struct trace_request);
    struct fh_sigv4_signer signer = {.key = NULL};
    struct fh_sigv4_signed added = {.field_count = 0};
    struct fh_slice line = FH_NONE;
    struct fh_slice word = FH_NONE;

    assert_true(fh_split(&wire, '\n', &line) && fh_split(&line, ' ', &word));
    assert_true(fh_split(&line, ' ', &signer.access_key) &&
                fh_split(&line, ' ', &signer.region) && fh_split(&line, ' ', &signer.service));

    uint64_t now_us = time_of(word) + 999999;
    struct fh_sigv4_key key = fh_sigv4_key(secret, now_us, signer.region, signer.service);

    while (fh_split(&line, ' ', &word)) {
        signer.with_body_hash = signer.with_body_hash || fh_eq(word, FH_LIT("hash"));
        if (fh_take(&word, FH_LIT("token="))) {
            signer.token = word;
        }
    }
    signer.key = &key;
    read_request(trace, wire);

    enum fh_rc rc = fh_sigv4_sign(&added, &signer, &trace->req, now_us, arena);

    if (rc != FH_OK) {
        assert_int_equal(added.field_count, 0);
        fh_buf_append(out, fh_cstr(fh_rc_name(rc)));
    }
    for (size_t i = 0; i < added.field_count; i++) {
        fh_buf_printf(out, "%s%.*s: %.*s", i == 0 ? "" : "\n", FH_ARG(added.field[i].name),
                      FH_ARG(added.field[i].value));
    }
}

static void test_vectors(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *file = fh_arena_new(TEXT_MAX);
    bool seen[FH_SIGV4_VERDICT_COUNT] = {false};
    struct fh_slice text = FH_NONE;
    struct vector v = {.kind = FH_NONE};

    FH_UNUSED(state);
    assert_true(tap_read_file("core/wire/vectors/sigv4.tv", file, &text));
    while (take_case(&text, &v)) {
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
        struct fh_buf got = fh_buf_in_arena(arena, TEXT_MAX);

        tap_context("%.*s: %.*s", FH_ARG(v.kind), FH_ARG(v.name));
        if (fh_eq(v.kind, FH_LIT("verify"))) {
            seen[on_verify(&got, arena, v.wire)] = true;
        } else if (fh_eq(v.kind, FH_LIT("sign"))) {
            on_sign(&got, arena, v.wire);
        } else {
            bool normalize = fh_eq(v.kind, FH_LIT("normalized"));

            assert_true(normalize || fh_eq(v.kind, FH_LIT("canonical")));
            on_canonical(&got, arena, v.wire, normalize);
        }
        assert_text(fh_buf_slice(&got), fh_dup_cstr(arena, without_newline(v.want)));
    }
    /* a row of the table that nothing leads to would be a lie */
    for (size_t i = 0; i < FH_SIGV4_VERDICT_COUNT; i++) {
        tap_context("%s", verdict_names[i]);
        if (!seen[i] && i != FH_SIGV4_UNKNOWN_KEY && i != FH_SIGV4_LIMIT) {
            fail_msg("no vector is %s", verdict_names[i]);
        }
    }
}

/* ---- attacks ---- */

#define NOW_US UINT64_C(1769862605000000)

static const char victim[] =
    "POST /model/us.a.b%3A0/converse?b=2&a=x%2Fy HTTP/1.1\n"
    "Host: gw.example:8443\n"
    "Content-Type: application/json\n"
    "X-Amzn-Bedrock-Trace: ENABLED\n"
    "X-Two: 1\n"
    "X-Two: 2\n"
    "X-Unsigned: 1\n"
    "X-Amz-Date: 20260131T123005Z\n"
    "Authorization: AWS4-HMAC-SHA256 "
    "Credential=AKIDEXAMPLE/20260131/us-east-1/bedrock/aws4_request, "
    "SignedHeaders=content-type;host;x-amz-date;x-amzn-bedrock-trace;x-two, "
    "Signature=@SIGNATURE@\n"
    "\n"
    "{\"messages\":[]}";

/* What is done to the victim on its way. The first occurrence of `from` becomes `to`. */
static const struct {
    const char *what, *from, *to;
    enum fh_sigv4_verdict want;
} attacks[] = {
    {"nothing", "", "", FH_SIGV4_VALID},

    {"another method", "POST", "PUT", FH_SIGV4_MISMATCH},
    {"a method in lower case", "POST", "post", FH_SIGV4_MISMATCH},
    {"another model", "us.a.b", "us.a.c", FH_SIGV4_MISMATCH},
    {"another call", "/converse", "/converse-stream", FH_SIGV4_MISMATCH},
    {"a path decoded", "%3A", ":", FH_SIGV4_MISMATCH},
    {"a path encoded in lower case", "%3A", "%3a", FH_SIGV4_MISMATCH},
    {"a path encoded needlessly", "us.a", "us%2Ea", FH_SIGV4_MISMATCH},
    {"a path encoded twice", "%3A", "%253A", FH_SIGV4_MISMATCH},
    {"a slash more", "/model", "//model", FH_SIGV4_MISMATCH},
    {"a slash at the end", "/converse", "/converse/", FH_SIGV4_MISMATCH},
    {"a dot", "/model", "/./model", FH_SIGV4_MISMATCH},
    {"up and down again", "/model", "/x/../model", FH_SIGV4_MISMATCH},
    {"a byte at the end of the path", "/converse", "/converse%00", FH_SIGV4_MISMATCH},

    {"a query in another order", "b=2&a=x%2Fy", "a=x%2Fy&b=2", FH_SIGV4_VALID},
    {"a query encoded otherwise", "a=x%2Fy", "%61=x/y", FH_SIGV4_VALID},
    {"an empty parameter", "b=2&", "b=2&&", FH_SIGV4_VALID},
    {"another value", "b=2", "b=3", FH_SIGV4_MISMATCH},
    {"another name", "b=2", "c=2", FH_SIGV4_MISMATCH},
    {"a parameter more", "b=2", "b=2&c=3", FH_SIGV4_MISMATCH},
    {"a parameter without a value", "b=2", "b=2&c", FH_SIGV4_MISMATCH},
    {"a parameter less", "b=2&", "", FH_SIGV4_MISMATCH},
    {"a parameter twice", "b=2", "b=2&b=2", FH_SIGV4_MISMATCH},
    {"a plus for a blank", "b=2", "b=+2", FH_SIGV4_MISMATCH},
    {"no query", "?b=2&a=x%2Fy", "", FH_SIGV4_MISMATCH},
    {"a parameter that signatures leave out", "b=2", "b=2&X-Amz-Signature=", FH_SIGV4_TWICE},
    {"half an escape", "b=2", "b=2&%", FH_SIGV4_ESCAPE},

    {"another host", "gw.example", "gx.example", FH_SIGV4_MISMATCH},
    {"another port", ":8443", ":443", FH_SIGV4_MISMATCH},
    {"a host more", "Host:", "Host: evil.example\nHost:", FH_SIGV4_MISMATCH},
    {"no host", "Host: gw.example:8443\n", "", FH_SIGV4_MISMATCH},
    {"an authority and no host", "Host", ":authority", FH_SIGV4_VALID},
    {"another authority and no host", "Host: gw.", ":authority: gx.", FH_SIGV4_MISMATCH},
    {"another type", "application/json", "text/json", FH_SIGV4_MISMATCH},
    {"a value in upper case", "application/json", "Application/json", FH_SIGV4_MISMATCH},
    {"a name in upper case", "Content-Type", "CONTENT-TYPE", FH_SIGV4_VALID},
    {"blanks around a value", "ENABLED", " \tENABLED  ", FH_SIGV4_VALID},
    {"a blank in a value", "ENABLED", "EN ABLED", FH_SIGV4_MISMATCH},
    {"a signed field gone", "X-Amzn-Bedrock-Trace: ENABLED\n", "", FH_SIGV4_MISMATCH},
    {"a signed field renamed", "Bedrock-Trace: E", "Bedrock-Track: E", FH_SIGV4_MISMATCH},
    {"a value more", "X-Two: 2", "X-Two: 2\nX-Two: 3", FH_SIGV4_MISMATCH},
    {"a value less", "X-Two: 2\n", "", FH_SIGV4_MISMATCH},
    {"values in another order", "X-Two: 1\nX-Two: 2", "X-Two: 2\nX-Two: 1", FH_SIGV4_MISMATCH},
    {"values joined", "X-Two: 1\nX-Two: 2", "X-Two: 1,2", FH_SIGV4_VALID},
    {"a field that is not signed", "X-Unsigned: 1", "X-Unsigned: 2", FH_SIGV4_VALID},
    {"fields in another order", "X-Two: 1\nX-Two: 2\nX-Unsigned: 1\n",
     "X-Unsigned: 1\nX-Two: 1\nX-Two: 2\n", FH_SIGV4_VALID},

    {"a field added to the list", "-trace;x-two", "-trace;x-two;x-unsigned", FH_SIGV4_MISMATCH},
    {"a missing field added to the list", "-trace;x-two", "-trace;x-two;x-un",
     FH_SIGV4_MISMATCH},
    {"a field taken from the list", "x-amzn-bedrock-trace;", "", FH_SIGV4_MISMATCH},
    {"the host taken from the list", "host;", "", FH_SIGV4_HOST_UNSIGNED},
    {"the date taken from the list", "x-amz-date;", "", FH_SIGV4_DATE_UNSIGNED},
    {"the list in another order", "content-type;host", "host;content-type",
     FH_SIGV4_SIGNED_HEADERS},
    {"the authority in the list", "=content", "=:authority;content", FH_SIGV4_MISMATCH},

    {"another second", "123005Z", "123006Z", FH_SIGV4_MISMATCH},
    {"another day", "20260131T", "20260130T", FH_SIGV4_SCOPE_DATE},
    {"another date beside it", "X-Amz-Date", "Date: Sun, 01 Feb 2026 12:30:05 GMT\nX-Amz-Date",
     FH_SIGV4_VALID},
    {"two dates", "X-Amz-Date", "X-Amz-Date: 20260131T123005Z\nX-Amz-Date", FH_SIGV4_DATE},
    {"another key", "AKIDEXAMPLE", "AKIDEXAMPLF",
     FH_SIGV4_VALID}, /* whose secret is the same */
    {"another region", "us-east-1", "us-east-2", FH_SIGV4_MISMATCH},
    {"another service", "/bedrock/", "/bedrock-mantle/", FH_SIGV4_MISMATCH},
    {"a service of others", "/bedrock/", "/s3/", FH_SIGV4_SCOPE_SERVICE},
    {"another signature", "Signature=", "Signature=0", FH_SIGV4_SIGNATURE},
    {"two authorizations", "Authorization", "Authorization: Bearer x\nAuthorization",
     FH_SIGV4_MISSING},
    {"a second authorization", "\n\n", "\nAuthorization: Bearer x\n\n", FH_SIGV4_TWICE},

    {"another body", "[]", "[{}]", FH_SIGV4_MISMATCH},
    {"a body with a byte more", "[]}", "[]} ", FH_SIGV4_MISMATCH},
    {"a body that says it is not signed", "\n\n",
     "\nX-Amz-Content-Sha256: UNSIGNED-PAYLOAD\n\n", FH_SIGV4_BODY},
    {"the hash of nothing", "\n\n",
     "\nX-Amz-Content-Sha256: "
     "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n\n",
     FH_SIGV4_BODY},
};

/* replaced puts `to` where `from` stands first. */
static struct fh_slice replaced(struct fh_arena *arena, struct fh_slice text, const char *from,
                                const char *to)
{
    size_t at = fh_search(text, fh_cstr(from));
    struct fh_slice parts[] = {fh_head(text, at), fh_cstr(to), FH_NONE};

    if (fh_cstr(from).len == 0) {
        return text;
    }
    if (at == text.len) {
        fail_msg("there is no \"%s\"", from);
    }
    parts[2] = fh_tail(text, at + fh_cstr(from).len);
    return fh_concat(arena, parts, FH_LEN(parts));
}

/* signed_victim is the victim with its signature. */
static struct fh_slice signed_victim(struct fh_arena *arena)
{
    struct trace_request *trace = fh_new(arena, struct trace_request);
    struct fh_sigv4_key key = fh_sigv4_key(secret, NOW_US, FH_LIT("us-east-1"), services[0]);
    struct fh_buf canonical = fh_buf_in_arena(arena, TEXT_MAX);
    struct fh_buf to_sign = fh_buf_in_arena(arena, TEXT_MAX);
    struct fh_buf hex = fh_buf_in_arena(arena, TEXT_MAX);

    assert_true(trace_request(trace, fh_cstr(victim)));
    assert_int_equal(
        fh_sigv4_canonical(&canonical, &trace->req,
                           FH_LIT("content-type;host;x-amz-date;x-amzn-bedrock-trace;x-two"),
                           arena),
        FH_OK);
    fh_sigv4_string_to_sign(&to_sign, NOW_US, FH_LIT("us-east-1"), services[0],
                            fh_buf_slice(&canonical));

    struct fh_sha256 mac = fh_hmac_sha256(fh_slice(key.bytes.bytes, sizeof(key.bytes.bytes)),
                                          fh_buf_slice(&to_sign));

    fh_buf_hex(&hex, fh_slice(mac.bytes, sizeof(mac.bytes)));
    fh_buf_byte(&hex, '\0');
    return replaced(arena, fh_cstr(victim), "@SIGNATURE@", (const char *)hex.ptr);
}

static enum fh_sigv4_verdict judge_text(struct fh_arena *arena, struct fh_slice text,
                                        uint64_t now_us)
{
    struct trace_request *trace = fh_new(arena, struct trace_request);
    struct fh_sigv4_terms terms = {
        .service = services, .service_count = FH_LEN(services), .now_us = now_us};
    struct fh_sigv4_claim claim;

    assert_true(trace_request(trace, text));
    return judge(&trace->req, &terms, arena, &claim);
}

static void test_what_was_changed_on_its_way_is_refused(void **state)
{
    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(attacks); i++) {
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
        struct fh_slice text =
            replaced(arena, signed_victim(arena), attacks[i].from, attacks[i].to);
        enum fh_sigv4_verdict got = judge_text(arena, text, NOW_US);

        tap_context("%s", attacks[i].what);
        assert_text(fh_cstr(verdict_names[got]), verdict_names[attacks[i].want]);
    }
}

/* flip_all flips each bit of a part that the request was read from, looks, and flips it back. */
static void flip_all(struct trace_request *trace, struct fh_slice part, uint8_t *text)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    struct fh_sigv4_terms terms = {
        .service = services, .service_count = FH_LEN(services), .now_us = NOW_US};
    size_t from = (size_t)(part.ptr - text);

    for (size_t bit = from * 8; bit < (from + part.len) * 8; bit++) {
        uint8_t mask = (uint8_t)(1U << bit % 8);
        struct fh_sigv4_claim claim;

        fh_arena_reset(arena);
        text[bit / 8] ^= mask;
        trace->req.body = fh_sha256(trace->body);
        tap_context("bit %zu of byte %zu", bit % 8, bit / 8);
        if (judge(&trace->req, &terms, arena, &claim) == FH_SIGV4_VALID) {
            fail_msg("%s passed", tap_where);
        }
        text[bit / 8] ^= mask;
    }
    trace->req.body = fh_sha256(trace->body);
}

static void test_every_flipped_bit_is_refused(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    struct fh_slice whole = signed_victim(arena);
    struct trace_request *trace = fh_new(arena, struct trace_request);
    uint8_t *text = fh_arena_raw(arena, whole.len);
    struct fh_slice authorization = FH_NONE;

    FH_UNUSED(state);
    for (size_t i = 0; i < whole.len; i++) {
        text[i] = whole.ptr[i];
    }
    assert_true(trace_request(trace, fh_slice(text, whole.len)));
    flip_all(trace, trace->req.method, text);
    flip_all(trace, trace->req.path, text);
    flip_all(trace, trace->body, text);
    for (size_t i = 0; i < trace->req.field_count; i++) {
        const struct fh_http_field *field = &trace->req.field[i];

        if (fh_eq(field->name, FH_LIT("Authorization"))) {
            authorization = field->value;
        } else if (!fh_eq(field->name, FH_LIT("X-Unsigned"))) {
            flip_all(trace, field->value, text);
        }
    }
    /* all of it but the name of the key, of which its secret tells, and the blanks */
    size_t scope = fh_search(authorization, FH_LIT("/2026"));

    flip_all(trace, fh_sub(authorization, scope, fh_find(fh_tail(authorization, scope), ',')),
             text);
    flip_all(trace, fh_tail(authorization, fh_search(authorization, FH_LIT("SignedHeaders="))),
             text);
    assert_int_equal(judge_text(arena, fh_slice(text, whole.len), NOW_US), FH_SIGV4_VALID);
}

/* A captured request is good for as long as clocks may be apart, and no longer. */
static void test_a_replay_is_refused_in_time(void **state)
{
    static const struct {
        int64_t later_us;
        enum fh_sigv4_verdict want;
    } rows[] = {
        {0, FH_SIGV4_VALID},
        {999999, FH_SIGV4_VALID},
        {(int64_t)FH_SIGV4_SKEW_US, FH_SIGV4_VALID},
        {(int64_t)FH_SIGV4_SKEW_US + 999999, FH_SIGV4_VALID}, /* seconds are all it can tell */
        {(int64_t)FH_SIGV4_SKEW_US + 1000000, FH_SIGV4_EXPIRED},
        {86400000000, FH_SIGV4_EXPIRED},
        {-(int64_t)FH_SIGV4_SKEW_US, FH_SIGV4_VALID},
        {-(int64_t)FH_SIGV4_SKEW_US - 1, FH_SIGV4_EARLY},
        {-86400000000, FH_SIGV4_EARLY},
        {-(int64_t)NOW_US, FH_SIGV4_EARLY},
    };

    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(rows); i++) {
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
        uint64_t now_us = NOW_US + (uint64_t)rows[i].later_us;
        enum fh_sigv4_verdict got = judge_text(arena, signed_victim(arena), now_us);

        tap_context("row %zu", i);
        assert_text(fh_cstr(verdict_names[got]), verdict_names[rows[i].want]);
    }
}

/* ---- keys ---- */

static void test_a_key_is_of_its_day_region_and_service(void **state)
{
    FH_AUTO(fh_buf_fini) struct fh_buf hex = fh_buf_on_heap(64);
    uint64_t at_us = time_of(FH_LIT("20120215T235959Z"));
    struct fh_sigv4_key key = fh_sigv4_key(secret, at_us, FH_LIT("us-east-1"), FH_LIT("iam"));
    struct fh_sigv4_key other;
    uint8_t longest[FH_SIGV4_SECRET_MAX] = {0};

    FH_UNUSED(state);
    /* AWS's own example ("Deriving a signing key") */
    fh_buf_hex(&hex, fh_slice(key.bytes.bytes, sizeof(key.bytes.bytes)));
    assert_text(fh_buf_slice(&hex),
                "f4780e2d9f65fa895f9c67b32ce1baf0b0d8a43505a000a1a9e090d414db404d");
    assert_true(fh_sigv4_key_is_of(&key, at_us));
    assert_true(fh_sigv4_key_is_of(&key, at_us / FH_DAY_US * FH_DAY_US));
    assert_false(fh_sigv4_key_is_of(&key, at_us + FH_SECOND_US));

    other =
        fh_sigv4_key(secret, at_us / FH_DAY_US * FH_DAY_US, FH_LIT("us-east-1"), FH_LIT("iam"));
    assert_memory_equal(other.bytes.bytes, key.bytes.bytes, sizeof(key.bytes.bytes));
    other = fh_sigv4_key(secret, at_us + FH_SECOND_US, FH_LIT("us-east-1"), FH_LIT("iam"));
    assert_memory_not_equal(other.bytes.bytes, key.bytes.bytes, sizeof(key.bytes.bytes));
    (void)fh_sigv4_key(fh_slice(longest, sizeof(longest)), at_us, FH_LIT("r"), FH_LIT("s"));
}

static void test_what_is_signed_is_what_the_claim_lists(void **state)
{
    struct fh_sigv4_claim claim = {.signed_names = FH_LIT("content-type;host;x-amz-date")};

    FH_UNUSED(state);
    assert_true(fh_sigv4_signs(&claim, FH_LIT("content-type")));
    assert_true(fh_sigv4_signs(&claim, FH_LIT("x-amz-date")));
    assert_false(fh_sigv4_signs(&claim, FH_LIT("content")));
    assert_false(fh_sigv4_signs(&claim, FH_LIT("host;x-amz-date")));
    assert_false(fh_sigv4_signs(&claim, FH_LIT("")));
}

static void test_an_unknown_key_is_explained_as_aws_does(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    struct fh_sigv4_claim claim = {.access_key = FH_LIT("AKIDEXAMPLE")};
    struct fh_sigv4_terms terms = {.service = services, .service_count = 1};
    struct fh_sigv4_refusal why = fh_sigv4_explain(FH_SIGV4_UNKNOWN_KEY, &claim, &terms, arena);

    FH_UNUSED(state);
    assert_text(why.error, "UnrecognizedClientException");
    assert_text(why.message, "The security token included in the request is invalid.");
    why = fh_sigv4_explain(FH_SIGV4_SCOPE_SERVICE, &claim, &terms, arena);
    assert_text(why.message, "Credential should be scoped to correct service: 'bedrock'.");
    why = fh_sigv4_explain(FH_SIGV4_LIMIT, &claim, &terms, arena);
    assert_text(why.error, "IncompleteSignatureException");
}

/* ---- limits ---- */

/* around is a limit, one below or one above it. */
static size_t around(size_t limit, int over)
{
    return limit + (size_t)over;
}

/* A request in the making, of one field, parameter or name after the other. */
struct stuffed {
    struct fh_sigv4_request req;
    struct fh_http_field *field;
    struct fh_arena *arena;
};

static struct stuffed stuffed(struct fh_arena *arena)
{
    struct stuffed s = {.arena = arena};

    s.field = fh_arena_raw(arena, sizeof(*s.field) * FH_SIGV4_FIELDS_MAX * 2);
    s.req = (struct fh_sigv4_request){.method = FH_LIT("GET"), .path = FH_LIT("/")};
    s.req.field = s.field;
    s.field[s.req.field_count++] = (struct fh_http_field){FH_LIT("host"), FH_LIT("gw.example")};
    return s;
}

/* add_fields adds fields a0000, a0001, … */
static void add_fields(struct stuffed *s, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct fh_buf name = fh_buf_in_arena(s->arena, 16);

        fh_buf_printf(&name, "a%04zu", i);
        s->field[s->req.field_count++] =
            (struct fh_http_field){fh_buf_slice(&name), FH_LIT("1")};
    }
}

static struct fh_slice repeated(struct fh_arena *arena, const char *what, size_t count)
{
    struct fh_buf out = fh_buf_in_arena(arena, TEXT_MAX);

    for (size_t i = 0; i < count; i++) {
        fh_buf_append(&out, fh_cstr(what));
    }
    assert_false(out.failed);
    return fh_buf_slice(&out);
}

/* sign_and_judge signs what was stuffed and checks the signature; FH_E_LIMIT from either. */
static enum fh_rc sign_and_judge(struct stuffed *s)
{
    struct fh_sigv4_key key = fh_sigv4_key(secret, NOW_US, FH_LIT("r"), services[0]);
    struct fh_sigv4_signer signer = {.access_key = FH_LIT("AKIDEXAMPLE"),
                                     .region = FH_LIT("r"),
                                     .service = services[0],
                                     .key = &key};
    struct fh_sigv4_terms terms = {
        .service = services, .service_count = FH_LEN(services), .now_us = NOW_US};
    struct fh_sigv4_signed added;
    struct fh_sigv4_claim claim;

    FH_TRY(fh_sigv4_sign(&added, &signer, &s->req, NOW_US, s->arena));
    for (size_t i = 0; i < added.field_count; i++) {
        s->field[s->req.field_count++] = added.field[i];
    }
    enum fh_sigv4_verdict verdict = judge(&s->req, &terms, s->arena, &claim);

    assert_true(verdict == FH_SIGV4_VALID || verdict == FH_SIGV4_LIMIT);
    return verdict == FH_SIGV4_VALID ? FH_OK : FH_E_LIMIT;
}

static void test_limits_of_counts(void **state)
{
    FH_UNUSED(state);
    for (int over = -1; over <= 1; over++) {
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
        enum fh_rc want = over > 0 ? FH_E_LIMIT : FH_OK;
        struct stuffed s = stuffed(arena);

        tap_context("signed fields, %d", over);
        add_fields(&s, around(FH_SIGV4_SIGNED_MAX - 2, over)); /* and host, x-amz-date */
        assert_int_equal(sign_and_judge(&s), want);

        tap_context("parameters, %d", over);
        s = stuffed(arena);
        s.req.query = repeated(arena, "a&", around(FH_SIGV4_PARAMS_MAX, over));
        assert_int_equal(sign_and_judge(&s), want);

        tap_context("fields of a request that is checked, %d", over);
        s = stuffed(arena);
        assert_int_equal(sign_and_judge(&s), FH_OK); /* it has three now */
        add_fields(&s, around(FH_SIGV4_FIELDS_MAX - 3, over));

        struct fh_sigv4_terms terms = {
            .service = services, .service_count = FH_LEN(services), .now_us = NOW_US};
        struct fh_sigv4_claim claim;
        enum fh_sigv4_verdict verdict = judge(&s.req, &terms, arena, &claim);

        assert_int_equal(verdict, over > 0 ? FH_SIGV4_LIMIT : FH_SIGV4_VALID);
    }
}

/* Those who check count names themselves: nobody says that those who signed did. */
static void test_limit_of_a_list_of_others(void **state)
{
    FH_UNUSED(state);
    for (int over = -1; over <= 1; over++) {
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
        struct fh_buf list = fh_buf_in_arena(arena, TEXT_MAX);
        struct stuffed s = stuffed(arena);
        struct fh_sigv4_terms terms = {
            .service = services, .service_count = FH_LEN(services), .now_us = NOW_US};
        struct fh_sigv4_claim claim;

        fh_buf_append(&list, FH_LIT(FH_SIGV4_ALGORITHM
                                    " Credential=A/20260131/r/bedrock/" FH_SIGV4_TERM
                                    ",SignedHeaders="));
        for (int i = 0; i < FH_SIGV4_SIGNED_MAX - 2 + over; i++) {
            fh_buf_printf(&list, "a%04d;", i);
        }
        fh_buf_append(&list, FH_LIT("host;x-amz-date,Signature="));
        fh_buf_append(&list, repeated(arena, "0", 64));
        s.field[s.req.field_count++] =
            (struct fh_http_field){FH_LIT("authorization"), fh_buf_slice(&list)};
        s.field[s.req.field_count++] =
            (struct fh_http_field){FH_LIT("x-amz-date"), FH_LIT("20260131T123005Z")};
        tap_context("%d", over);

        enum fh_sigv4_verdict verdict = fh_sigv4_parse(&claim, &s.req, &terms, arena);

        assert_int_equal(verdict, over > 0 ? FH_SIGV4_LIMIT : FH_SIGV4_VALID);
    }
}

/* size_of is how long the canonical request of an empty GET is. */
static size_t size_of(struct fh_arena *arena)
{
    struct fh_http_field fields[] = {{FH_LIT("host"), FH_LIT("gw.example")},
                                     {FH_LIT("x-amz-date"), FH_LIT("20260131T123005Z")}};
    struct fh_sigv4_request req = {.method = FH_LIT("GET"),
                                   .path = FH_LIT("/"),
                                   .field = fields,
                                   .field_count = FH_LEN(fields)};
    struct fh_buf out = fh_buf_in_arena(arena, FH_SIGV4_CANONICAL_MAX);

    assert_int_equal(fh_sigv4_canonical(&out, &req, FH_LIT("host;x-amz-date"), arena), FH_OK);
    return out.len;
}

static void test_limits_of_sizes(void **state)
{
    FH_UNUSED(state);
    for (int over = -1; over <= 1; over++) {
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
        enum fh_rc want = over > 0 ? FH_E_LIMIT : FH_OK;
        size_t rest = FH_SIGV4_CANONICAL_MAX - size_of(arena);
        struct stuffed s = stuffed(arena);
        struct fh_slice parts[] = {FH_LIT("/"), repeated(arena, "p", around(rest, over))};

        tap_context("a path, %d", over);
        s.req.path = fh_concat(arena, parts, FH_LEN(parts));
        assert_int_equal(sign_and_judge(&s), want);

        tap_context("a path that grows, %d", over);
        s = stuffed(arena);
        parts[1] = repeated(arena, "%", around(rest / 3, over));
        s.req.path = fh_concat(arena, parts, FH_LEN(parts));
        assert_int_equal(sign_and_judge(&s), want);

        tap_context("a query, %d", over);
        s = stuffed(arena);
        s.req.query = repeated(arena, "a", around(FH_SIGV4_CANONICAL_MAX / 3, over));
        assert_int_equal(sign_and_judge(&s), want);
    }
}

/* claim_of reads a credential, at a time that does not matter. */
static enum fh_sigv4_verdict claim_of(struct fh_arena *arena, struct fh_slice access_key,
                                      struct fh_slice region)
{
    struct stuffed s = stuffed(arena);
    struct fh_slice parts[] = {FH_LIT(FH_SIGV4_ALGORITHM " Credential="),
                               access_key,
                               FH_LIT("/20260131/"),
                               region,
                               FH_LIT("/bedrock/" FH_SIGV4_TERM
                                      ",SignedHeaders=host;x-amz-date,Signature="),
                               repeated(arena, "0", 64)};
    struct fh_sigv4_terms terms = {
        .service = services, .service_count = FH_LEN(services), .now_us = NOW_US};
    struct fh_sigv4_claim claim;

    s.field[s.req.field_count++] =
        (struct fh_http_field){FH_LIT("authorization"), fh_concat(arena, parts, FH_LEN(parts))};
    s.field[s.req.field_count++] =
        (struct fh_http_field){FH_LIT("x-amz-date"), FH_LIT("20260131T123005Z")};
    return fh_sigv4_parse(&claim, &s.req, &terms, arena);
}

static void test_limits_of_names(void **state)
{
    FH_UNUSED(state);
    for (int over = -1; over <= 1; over++) {
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
        enum fh_sigv4_verdict want = over > 0 ? FH_SIGV4_CREDENTIAL : FH_SIGV4_VALID;
        enum fh_sigv4_verdict got =
            claim_of(arena, repeated(arena, "A", around(FH_SIGV4_ACCESS_KEY_MAX, over)),
                     FH_LIT("r"));

        tap_context("%d", over);
        assert_int_equal(got, want);
        got =
            claim_of(arena, FH_LIT("A"), repeated(arena, "r", around(FH_SIGV4_NAME_MAX, over)));
        assert_int_equal(got, want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_what_was_changed_on_its_way_is_refused),
        cmocka_unit_test(test_every_flipped_bit_is_refused),
        cmocka_unit_test(test_a_replay_is_refused_in_time),
        cmocka_unit_test(test_a_key_is_of_its_day_region_and_service),
        cmocka_unit_test(test_what_is_signed_is_what_the_claim_lists),
        cmocka_unit_test(test_an_unknown_key_is_explained_as_aws_does),
        cmocka_unit_test(test_limits_of_counts),
        cmocka_unit_test(test_limit_of_a_list_of_others),
        cmocka_unit_test(test_limits_of_sizes),
        cmocka_unit_test(test_limits_of_names),
    };
    return cmocka_run_group_tests_name("sigv4", tests, NULL, NULL);
}
