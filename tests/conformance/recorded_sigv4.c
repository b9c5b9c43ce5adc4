/* recorded_sigv4.c: the vectors that AWS tests its own signers with, and requests that SDKs really
 * signed: our texts and signatures must be theirs; theirs are accepted, and refused once broken.
 * SPDX-License-Identifier: Apache-2.0 */
#include "recorded.h"
#include "tap.h"

#include "wire/sigv4_canonical.h"
#include "wire/trace_sigv4.h"

#include <dirent.h>

#define AWS_C_AUTH "../shared/fixtures/sigv4/aws-c-auth/v4"
#define BOTOCORE   "../shared/fixtures/sigv4/botocore"
#define VECTORS    "../shared/wire-requests/sigv4-vectors.json"

enum { ARENA_MAX = 1 << 26, TEXT_MAX = 1 << 20, CASES_MAX = 256 };

/* Who signs what, and where the results go. */
struct scene {
    struct fh_arena *arena;
    struct fh_slice source, name; /* of the set, of the case */
    struct fh_slice access_key, secret, token, region, service;
    uint64_t at_us;
    bool normalize, with_body_hash;
    bool token_added_later; /* it travels along, unsigned */
    struct recorded_tally *tally;
};

static void count(const struct scene *s, const char *what, bool passed)
{
    recorded_count(s->tally, s->source, what, passed);
    if (!passed) {
        print_error("%.*s, %.*s: %s\n", FH_ARG(s->source), FH_ARG(s->name), what);
    }
}

static void count_text(const struct scene *s, const char *what, struct fh_slice got,
                       struct fh_slice want)
{
    count(s, what, fh_eq(got, want));
    if (!fh_eq(got, want)) {
        print_error("--- got\n%.*s\n--- want\n%.*s\n", FH_ARG(got), FH_ARG(want));
    }
}

/* read_file reads folder/name of the fixtures. */
static bool read_file(struct fh_arena *arena, struct fh_slice folder, const char *name,
                      struct fh_slice *out)
{
    struct fh_slice parts[] = {folder, FH_LIT("/"), fh_cstr(name)};

    return tap_read_file(fh_dup_cstr(arena, fh_concat(arena, parts, FH_LEN(parts))), arena,
                         out);
}

static struct fh_slice file_of(struct fh_arena *arena, struct fh_slice folder, const char *name)
{
    struct fh_slice text = FH_NONE;

    tap_context("%.*s/%s", FH_ARG(folder), name);
    assert_true(read_file(arena, folder, name, &text));
    return text;
}

static int by_name(const void *a, const void *b)
{
    const struct fh_slice *left = a;
    const struct fh_slice *right = b;

    return fh_compare(*left, *right);
}

/* list_folders lists what lies in a folder of the fixtures, each with the path to it; none, and a
 * line that says so, when it is absent. */
static size_t list_folders(struct fh_arena *arena, const char *folder, struct fh_slice *out)
{
    const char *tree = getenv("FREEHOLD_SOURCE_ROOT");
    struct fh_slice root[] = {fh_cstr(tree == NULL ? "." : tree), FH_LIT("/"), fh_cstr(folder)};
    DIR *dir = opendir(fh_dup_cstr(arena, fh_concat(arena, root, FH_LEN(root))));
    size_t listed = 0;

    if (dir == NULL) {
        (void)printf("# no %s beside the source tree: nothing to compare\n", folder);
        return 0;
    }
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        struct fh_slice parts[] = {fh_cstr(folder), FH_LIT("/"), fh_cstr(e->d_name)};

        if (e->d_name[0] != '.' && listed < CASES_MAX) {
            out[listed++] = fh_concat(arena, parts, FH_LEN(parts));
        }
    }
    (void)closedir(dir);
    qsort(out, listed, sizeof(*out), by_name);
    return listed;
}

/* last_part is what stands behind the last slash. */
static struct fh_slice last_part(struct fh_slice path)
{
    struct fh_slice part = FH_NONE;

    while (fh_split(&path, '/', &part)) {
    }
    return part;
}

static yyjson_val *parse(struct fh_arena *arena, struct fh_slice text)
{
    yyjson_val *root = NULL;
    struct fh_error why;

    assert_int_equal(fh_json_parse(arena, text, &root, &why), FH_OK);
    return root;
}

static struct fh_slice text_of(yyjson_val *obj, const char *key)
{
    return fh_json_text(fh_json_get(obj, fh_cstr(key)));
}

/* ---- ours against theirs ---- */

static struct trace_request *request_of(const struct scene *s, struct fh_slice text)
{
    struct trace_request *trace = fh_new(s->arena, struct trace_request);

    assert_true(trace_request(trace, text));
    trace->req.normalize = s->normalize;
    return trace;
}

static struct fh_sigv4_key key_of(const struct scene *s)
{
    return fh_sigv4_key(s->secret, s->at_us, s->region, s->service);
}

/* The three texts of a signature, as somebody else has them. */
struct texts {
    struct fh_slice canonical, to_sign, signature;
};

static void compare_texts(const struct scene *s, const struct fh_sigv4_request *req,
                          struct fh_slice names, const struct texts *want)
{
    struct fh_buf canonical = fh_buf_in_arena(s->arena, TEXT_MAX);
    struct fh_buf to_sign = fh_buf_in_arena(s->arena, TEXT_MAX);
    struct fh_buf hex = fh_buf_in_arena(s->arena, TEXT_MAX);
    struct fh_sigv4_key key = key_of(s);

    count(s, "requests with a canonical form",
          fh_sigv4_canonical(&canonical, req, names, s->arena) == FH_OK);
    count_text(s, "canonical requests", fh_buf_slice(&canonical), want->canonical);
    fh_sigv4_string_to_sign(&to_sign, s->at_us, s->region, s->service,
                            fh_buf_slice(&canonical));
    count_text(s, "strings to sign", fh_buf_slice(&to_sign), want->to_sign);

    struct fh_sha256 mac = fh_hmac_sha256(fh_slice(key.bytes.bytes, sizeof(key.bytes.bytes)),
                                          fh_buf_slice(&to_sign));

    fh_buf_hex(&hex, fh_slice(mac.bytes, sizeof(mac.bytes)));
    count_text(s, "signatures", fh_buf_slice(&hex), want->signature);
}

/* judge_as checks a signature as if it were that time, with that secret. */
static enum fh_sigv4_verdict judge_as(const struct scene *s, const struct fh_sigv4_request *req,
                                      uint64_t now_us, struct fh_slice secret,
                                      struct fh_sigv4_claim *claim)
{
    struct fh_sigv4_terms terms = {
        .service = &s->service, .service_count = 1, .region = s->region, .now_us = now_us};
    enum fh_sigv4_verdict verdict = fh_sigv4_parse(claim, req, &terms, s->arena);

    if (verdict == FH_SIGV4_VALID) {
        struct fh_sigv4_key key =
            fh_sigv4_key(secret, claim->at_us, claim->region, claim->service);

        verdict = fh_sigv4_verify(claim, req, &key, s->arena);
    }
    return verdict;
}

static enum fh_sigv4_verdict judge(const struct scene *s, const struct fh_sigv4_request *req)
{
    struct fh_sigv4_claim claim;

    return judge_as(s, req, s->at_us, s->secret, &claim);
}

/* sign signs a request; `whole` is then the request with what was added, of which the authorization
 * is the last field. False when it cannot be signed. */
static bool sign(const struct scene *s, struct trace_request *whole)
{
    struct fh_sigv4_key key = key_of(s);
    struct fh_sigv4_signer signer = {.access_key = s->access_key,
                                     .token = s->token_added_later ? FH_NONE : s->token,
                                     .region = s->region,
                                     .service = s->service,
                                     .key = &key,
                                     .with_body_hash = s->with_body_hash};
    struct fh_sigv4_signed added;

    if (fh_sigv4_sign(&added, &signer, &whole->req, s->at_us, s->arena) != FH_OK) {
        return false;
    }
    for (size_t i = 0; i < added.field_count; i++) {
        whole->field[whole->req.field_count++] = added.field[i];
    }
    return true;
}

/* names_of is the list of names in an authorization. */
static struct fh_slice names_of(struct fh_slice authorization)
{
    struct fh_slice mark = FH_LIT("SignedHeaders=");
    struct fh_slice rest = fh_tail(authorization, fh_search(authorization, mark));

    assert_true(fh_take(&rest, mark));
    return fh_head(rest, fh_find(rest, ','));
}

/* ---- aws-c-auth ---- */

static void read_context(struct scene *s, struct fh_slice folder)
{
    yyjson_val *root = parse(s->arena, file_of(s->arena, folder, "context.json"));
    yyjson_val *credentials = fh_json_get(root, FH_LIT("credentials"));
    struct fh_slice at = text_of(root, "timestamp");
    struct fh_buf basic = fh_buf_in_arena(s->arena, TEXT_MAX);

    for (size_t i = 0; i < at.len; i++) { /* 2015-08-30T12:36:00Z */
        if (at.ptr[i] != '-' && at.ptr[i] != ':') {
            fh_buf_byte(&basic, at.ptr[i]);
        }
    }
    assert_true(fh_date_time_parse_basic(fh_buf_slice(&basic), &s->at_us));
    s->access_key = text_of(credentials, "access_key_id");
    s->secret = text_of(credentials, "secret_access_key");
    s->token = text_of(credentials, "token");
    s->region = text_of(root, "region");
    s->service = text_of(root, "service");
    s->normalize = yyjson_is_true(fh_json_get(root, FH_LIT("normalize")));
    s->with_body_hash = yyjson_is_true(fh_json_get(root, FH_LIT("sign_body")));
    s->token_added_later = yyjson_is_true(fh_json_get(root, FH_LIT("omit_session_token")));
}

static void check_header(struct scene *s, struct fh_slice folder)
{
    struct texts want = {
        file_of(s->arena, folder, "header-canonical-request.txt"),
        file_of(s->arena, folder, "header-string-to-sign.txt"),
        file_of(s->arena, folder, "header-signature.txt"),
    };
    struct trace_request *ours = request_of(s, file_of(s->arena, folder, "request.txt"));
    struct trace_request *theirs =
        request_of(s, file_of(s->arena, folder, "header-signed-request.txt"));
    struct fh_slice authorization = FH_NONE;

    s->source = FH_LIT("aws-c-auth header:");
    assert_true(fh_sigv4_field(&theirs->req, FH_LIT("authorization"), &authorization) == 1);
    count(s, "requests signed", sign(s, ours));
    count_text(s, "authorizations", ours->field[ours->req.field_count - 1].value,
               authorization);
    compare_texts(s, &ours->req, names_of(authorization), &want);
    count(s, "signed requests accepted", judge(s, &theirs->req) == FH_SIGV4_VALID);
}

/* without_param takes a parameter out of a query. */
static struct fh_slice without_param(struct fh_arena *arena, struct fh_slice query,
                                     struct fh_slice name)
{
    struct fh_buf out = fh_buf_in_arena(arena, TEXT_MAX);
    struct fh_slice param;

    while (fh_split(&query, '&', &param)) {
        if (!fh_starts(param, name)) {
            fh_buf_append(&out, param);
            fh_buf_byte(&out, '&');
        }
    }
    return fh_buf_slice(&out);
}

static void check_query(struct scene *s, struct fh_slice folder)
{
    struct texts want = {
        file_of(s->arena, folder, "query-canonical-request.txt"),
        file_of(s->arena, folder, "query-string-to-sign.txt"),
        file_of(s->arena, folder, "query-signature.txt"),
    };
    struct trace_request *theirs =
        request_of(s, file_of(s->arena, folder, "query-signed-request.txt"));
    struct fh_sigv4_claim claim;

    s->source = FH_LIT("aws-c-auth query:");
    if (s->token_added_later) {
        count(s, "unsigned tokens refused", judge(s, &theirs->req) == FH_SIGV4_MISMATCH);
        theirs->req.query =
            without_param(s->arena, theirs->req.query, FH_LIT("X-Amz-Security-Token="));
    }
    count(s, "signed requests accepted",
          judge_as(s, &theirs->req, s->at_us, s->secret, &claim) == FH_SIGV4_VALID);
    compare_texts(s, &theirs->req, claim.signed_names, &want);
    count(s, "claims read",
          fh_eq(claim.access_key, s->access_key) && claim.at_us == s->at_us &&
              claim.expires_s == 3600 &&
              fh_eq(claim.token, s->token_added_later ? FH_NONE : s->token));
}

static void test_aws_c_auth(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    struct fh_slice *folders = fh_arena_raw(arena, CASES_MAX * sizeof(*folders));
    size_t folder_count = list_folders(arena, AWS_C_AUTH, folders);
    struct recorded_tally tally = {0};

    FH_UNUSED(state);
    for (size_t i = 0; i < folder_count; i++) {
        FH_AUTO(fh_arena_free) struct fh_arena *scratch = fh_arena_new(ARENA_MAX);
        struct scene scene = {.arena = scratch, .tally = &tally, .name = last_part(folders[i])};

        read_context(&scene, folders[i]);
        check_header(&scene, folders[i]);
        check_query(&scene, folders[i]);
    }
    assert_true(folder_count == 0 || recorded_print(&tally));
}

/* ---- botocore ---- */

/* without_field drops the fields of that name. */
static void without_field(struct trace_request *trace, struct fh_slice name)
{
    size_t kept = 0;

    for (size_t i = 0; i < trace->req.field_count; i++) {
        if (!fh_eq_nocase(trace->field[i].name, name)) {
            trace->field[kept++] = trace->field[i];
        }
    }
    trace->req.field_count = kept;
}

static struct fh_slice file_with_suffix(const struct scene *s, struct fh_slice folder,
                                        struct fh_slice suffix)
{
    struct fh_slice parts[] = {s->name, suffix};

    return file_of(s->arena, folder,
                   fh_dup_cstr(s->arena, fh_concat(s->arena, parts, FH_LEN(parts))));
}

static void check_botocore(struct scene *s, struct fh_slice folder)
{
    struct fh_slice authorization = file_with_suffix(s, folder, FH_LIT(".authz"));
    struct texts want = {
        .canonical = file_with_suffix(s, folder, FH_LIT(".creq")),
        .to_sign = file_with_suffix(s, folder, FH_LIT(".sts")),
        .signature = fh_tail(authorization, authorization.len - 64),
    };
    struct trace_request *ours = request_of(s, file_with_suffix(s, folder, FH_LIT(".req")));
    struct trace_request *theirs = request_of(s, file_with_suffix(s, folder, FH_LIT(".sreq")));

    /* their requests bring along what is for us to add */
    (void)fh_sigv4_field(&ours->req, FH_LIT("x-amz-security-token"), &s->token);
    without_field(ours, FH_LIT("x-amz-security-token"));
    without_field(ours, FH_LIT("x-amz-date"));
    count(s, "requests signed", sign(s, ours));
    count_text(s, "authorizations", ours->field[ours->req.field_count - 1].value,
               authorization);
    compare_texts(s, &ours->req, names_of(authorization), &want);
    count(s, "signed requests accepted", judge(s, &theirs->req) == FH_SIGV4_VALID);
}

static void test_botocore(void **state)
{
    static const char *const roots[] = {BOTOCORE, BOTOCORE "/normalize-path",
                                        BOTOCORE "/post-sts-token"};
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    struct fh_slice *folders = fh_arena_raw(arena, CASES_MAX * sizeof(*folders));
    struct recorded_tally tally = {0};
    size_t listed = 0;

    FH_UNUSED(state);
    for (size_t root = 0; root < FH_LEN(roots); root++) {
        size_t folder_count = list_folders(arena, roots[root], folders);

        for (size_t i = 0; i < folder_count; i++) {
            FH_AUTO(fh_arena_free) struct fh_arena *scratch = fh_arena_new(ARENA_MAX);
            struct scene scene = {
                .arena = scratch,
                .source = FH_LIT("botocore:"),
                .name = last_part(folders[i]),
                .access_key = FH_LIT("AKIDEXAMPLE"),
                .secret = FH_LIT("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
                .region = FH_LIT("us-east-1"),
                .service = FH_LIT("service"),
                .normalize = true,
                .tally = &tally,
            };
            struct fh_slice parts[] = {scene.name, FH_LIT(".req")};
            struct fh_slice text;

            assert_true(fh_date_time_parse_basic(FH_LIT("20150830T123600Z"), &scene.at_us));
            if (read_file(scratch, folders[i],
                          fh_dup_cstr(scratch, fh_concat(scratch, parts, FH_LEN(parts))),
                          &text)) {
                check_botocore(&scene, folders[i]);
            }
        }
        listed += folder_count;
    }
    assert_true(listed == 0 || recorded_print(&tally));
}

/* ---- requests of SDKs ---- */

static struct trace_request *request_of_json(const struct scene *s, yyjson_val *vector)
{
    struct trace_request *trace = fh_new(s->arena, struct trace_request);
    yyjson_arr_iter fields = yyjson_arr_iter_with(fh_json_get(vector, FH_LIT("headers")));

    trace->req.method = text_of(vector, "method");
    trace_target(&trace->req, text_of(vector, "target"));
    for (yyjson_val *pair = NULL; (pair = yyjson_arr_iter_next(&fields)) != NULL;) {
        struct fh_slice name = fh_json_text(yyjson_arr_get(pair, 0));
        struct fh_slice value = fh_json_text(yyjson_arr_get(pair, 1));

        if (fh_eq(name, FH_LIT(":authority"))) {
            trace->req.authority = value;
        } else if (!fh_starts(name, FH_LIT(":"))) {
            trace->field[trace->req.field_count++] = (struct fh_http_field){name, value};
        }
    }
    trace->req.field = trace->field;
    trace->body = text_of(vector, "body");
    trace->req.body = fh_sha256(trace->body);
    return trace;
}

/* changed is the text with its middle byte another. */
static struct fh_slice changed(struct fh_arena *arena, struct fh_slice text)
{
    struct fh_slice parts[] = {fh_head(text, text.len / 2), FH_LIT("~"),
                               fh_tail(text, fh_min(text.len / 2 + 1, text.len))};

    return fh_concat(arena, parts, FH_LEN(parts));
}

/* break_fields changes each signed field, then leaves it out; those that are not signed may change
 * as they like. */
static void break_fields(const struct scene *s, const struct fh_sigv4_request *good,
                         const struct fh_sigv4_claim *claim)
{
    for (size_t i = 0; i < good->field_count; i++) {
        struct trace_request *bad = fh_new(s->arena, struct trace_request);
        struct fh_slice name = good->field[i].name;
        bool is_signed = fh_sigv4_signs(claim, name);

        if (fh_eq_nocase(name, FH_LIT("authorization")) ||
            (fh_eq_nocase(name, FH_LIT("x-amz-content-sha256")) && !is_signed)) {
            continue;
        }
        bad->req = *good;
        bad->req.field = bad->field;
        for (size_t k = 0; k < good->field_count; k++) {
            bad->field[k] = good->field[k];
        }
        bad->field[i].value = changed(s->arena, good->field[i].value);
        count(s,
              is_signed ? "signed fields changed, refused" : "other fields changed, accepted",
              (judge(s, &bad->req) == FH_SIGV4_VALID) != is_signed);
        without_field(bad, name);
        count(s, is_signed ? "signed fields gone, refused" : "other fields gone, accepted",
              (judge(s, &bad->req) == FH_SIGV4_VALID) != is_signed);
    }
}

/* break_signature makes each digit of the signature another. */
static void break_signature(const struct scene *s, const struct fh_sigv4_request *good)
{
    struct trace_request *bad = fh_new(s->arena, struct trace_request);
    size_t at = 0;

    bad->req = *good;
    bad->req.field = bad->field;
    for (size_t i = 0; i < good->field_count; i++) {
        bad->field[i] = good->field[i];
        at = fh_eq_nocase(good->field[i].name, FH_LIT("authorization")) ? i : at;
    }
    struct fh_slice value = good->field[at].value;

    for (size_t digit = value.len - 64; digit < value.len; digit++) {
        struct fh_slice parts[] = {fh_head(value, digit),
                                   value.ptr[digit] == '0' ? FH_LIT("1") : FH_LIT("0"),
                                   fh_tail(value, digit + 1)};

        bad->field[at].value = fh_concat(s->arena, parts, FH_LEN(parts));
        count(s, "other signatures refused", judge(s, &bad->req) == FH_SIGV4_MISMATCH);
    }
}

static void break_request(const struct scene *s, const struct fh_sigv4_request *good,
                          struct fh_slice body)
{
    struct fh_slice path[] = {good->path, FH_LIT("/")};
    struct fh_slice query[] = {good->query, FH_LIT("&a=b")};
    struct fh_sigv4_request bad[] = {*good, *good, *good, *good, *good};
    struct fh_sigv4_claim claim;

    bad[0].method = FH_LIT("PUT");
    bad[1].path = changed(s->arena, good->path);
    bad[2].path = fh_concat(s->arena, path, FH_LEN(path));
    bad[3].query = fh_concat(s->arena, query, FH_LEN(query));
    bad[4].body = fh_sha256(changed(s->arena, body));
    for (size_t i = 0; i < FH_LEN(bad); i++) {
        count(s, "changed requests refused", judge(s, &bad[i]) != FH_SIGV4_VALID);
    }
    if (good->authority.len > 0) {
        bad[0] = *good;
        bad[0].authority = changed(s->arena, good->authority);
        count(s, "other authorities refused", judge(s, &bad[0]) == FH_SIGV4_MISMATCH);
    }
    count(s, "other secrets refused",
          judge_as(s, good, s->at_us, changed(s->arena, s->secret), &claim) ==
              FH_SIGV4_MISMATCH);
    count(s, "late replays refused",
          judge_as(s, good, s->at_us + FH_SIGV4_SKEW_US + FH_SECOND_US, s->secret, &claim) ==
              FH_SIGV4_EXPIRED);
    count(s, "early ones refused",
          judge_as(s, good, s->at_us - FH_SIGV4_SKEW_US - FH_SECOND_US, s->secret, &claim) ==
              FH_SIGV4_EARLY);
}

static void compare_with_vector(const struct scene *s, const struct fh_sigv4_request *req,
                                const struct fh_sigv4_claim *claim, struct fh_slice want)
{
    struct fh_buf canonical = fh_buf_in_arena(s->arena, TEXT_MAX);

    count(s, "requests with a canonical form",
          fh_sigv4_canonical(&canonical, req, claim->signed_names, s->arena) == FH_OK);
    count_text(s, "canonical requests", fh_buf_slice(&canonical), want);
}

static void check_vector(struct scene *s, yyjson_val *vector)
{
    struct trace_request *trace = request_of_json(s, vector);
    struct fh_sigv4_terms anything = {.service = &s->service, .service_count = 1};
    struct fh_sigv4_claim claim;

    s->name = text_of(vector, "name");
    s->access_key = text_of(vector, "accessKeyId");
    s->secret = text_of(vector, "secretAccessKey");
    count(s, "claims read", /* as far as it goes: nothing is right for year 0 and no service */
          fh_sigv4_parse(&claim, &trace->req, &anything, s->arena) == FH_SIGV4_SCOPE_SERVICE &&
              fh_eq(claim.access_key, s->access_key));
    s->at_us = claim.at_us;
    s->region = claim.region;
    s->service = claim.service;
    count(s, "accepted", judge(s, &trace->req) == FH_SIGV4_VALID);
    compare_with_vector(s, &trace->req, &claim, text_of(vector, "canonicalRequest"));
    break_request(s, &trace->req, trace->body);
    break_signature(s, &trace->req);
    break_fields(s, &trace->req, &claim);
}

static void test_requests_of_sdks(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    struct recorded_tally tally = {0};
    struct fh_slice text = FH_NONE;

    FH_UNUSED(state);
    if (!tap_read_file(VECTORS, arena, &text)) {
        (void)printf("# no %s beside the source tree: nothing to verify\n", VECTORS);
        return;
    }
    yyjson_arr_iter vectors = yyjson_arr_iter_with(parse(arena, text));

    for (yyjson_val *vector = NULL; (vector = yyjson_arr_iter_next(&vectors)) != NULL;) {
        FH_AUTO(fh_arena_free) struct fh_arena *scratch = fh_arena_new(ARENA_MAX);
        struct scene scene = {.arena = scratch, .source = FH_LIT("SDKs:"), .tally = &tally};

        check_vector(&scene, vector);
    }
    assert_true(recorded_print(&tally));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_aws_c_auth),
        cmocka_unit_test(test_botocore),
        cmocka_unit_test(test_requests_of_sdks),
    };
    return cmocka_run_group_tests_name("recorded_sigv4", tests, NULL, NULL);
}
