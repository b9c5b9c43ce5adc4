/* sigv4_verify.c: signatures of others.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/secret.h"
#include "base/text.h"
#include "wire/sigv4_canonical.h"
#include "wire/url.h"

enum { DATE_LEN = 8, MESSAGE_MAX = 1024 };

/* The parts of a signature before anything is known about them; ptr NULL: not there. */
struct parts {
    struct fh_slice algorithm, credential, signed_names, signature;
    struct fh_slice date, expires, token; /* of a signature in the query */
};

/* ---- the Authorization field ---- */

static bool is_separator(uint8_t c)
{
    return c == ' ' || c == '\t' || c == ',';
}

/* take_pair takes a key=value pair, and what parts it from the next: blanks, a comma or both. */
static bool take_pair(struct fh_slice *rest, struct fh_slice *key, struct fh_slice *value)
{
    size_t end = 0;

    while (end < rest->len && !is_separator(rest->ptr[end])) {
        end++;
    }
    struct fh_slice pair = fh_head(*rest, end);
    size_t equal = fh_find(pair, '=');

    *rest = fh_trim(fh_tail(*rest, end));
    if (fh_take(rest, FH_LIT(","))) {
        *rest = fh_trim(*rest);
        if (rest->len == 0) {
            return false;
        }
    }
    *key = fh_head(pair, equal);
    *value = fh_tail(pair, fh_min(equal + 1, pair.len));
    return value->len > 0;
}

static enum fh_sigv4_verdict read_field(struct parts *parts, struct fh_slice value)
{
    const struct {
        struct fh_slice name;
        struct fh_slice *part;
    } slots[] = {
        {FH_LIT("Credential"), &parts->credential},
        {FH_LIT("SignedHeaders"), &parts->signed_names},
        {FH_LIT("Signature"), &parts->signature},
    };
    struct fh_slice key;
    struct fh_slice text;

    value = fh_trim(value);
    if (!fh_split(&value, ' ', &parts->algorithm)) {
        return FH_SIGV4_PAIRS;
    }
    for (value = fh_trim(value); value.len > 0;) {
        size_t i = 0;

        if (!take_pair(&value, &key, &text)) {
            return FH_SIGV4_PAIRS;
        }
        while (i < FH_LEN(slots) && !fh_eq(slots[i].name, key)) {
            i++;
        }
        if (i == FH_LEN(slots) || slots[i].part->ptr != NULL) {
            return FH_SIGV4_PAIRS;
        }
        *slots[i].part = text;
    }
    if (parts->credential.ptr == NULL) {
        return FH_SIGV4_NO_CREDENTIAL;
    }
    if (parts->signature.ptr == NULL) {
        return FH_SIGV4_NO_SIGNATURE;
    }
    return parts->signed_names.ptr == NULL ? FH_SIGV4_NO_SIGNED_HEADERS : FH_SIGV4_VALID;
}

/* ---- the parameters of a query ---- */

static bool has_param(const struct fh_sigv4_params *params, struct fh_slice name)
{
    for (size_t i = 0; i < params->count; i++) {
        if (fh_eq(params->param[i].name, name)) {
            return true;
        }
    }
    return false;
}

static enum fh_sigv4_verdict read_params(struct parts *parts,
                                         const struct fh_sigv4_params *params,
                                         struct fh_arena *arena)
{
    const struct {
        struct fh_slice name;
        struct fh_slice *part;
        bool optional;
    } slots[] = {
        {FH_LIT("X-Amz-Algorithm"), &parts->algorithm, false},
        {FH_LIT("X-Amz-Credential"), &parts->credential, false},
        {FH_LIT("X-Amz-Date"), &parts->date, false},
        {FH_LIT("X-Amz-Expires"), &parts->expires, false},
        {FH_LIT("X-Amz-SignedHeaders"), &parts->signed_names, false},
        {FH_LIT("X-Amz-Signature"), &parts->signature, false},
        {FH_LIT("X-Amz-Security-Token"), &parts->token, true},
    };

    for (size_t i = 0; i < params->count; i++) {
        const struct fh_sigv4_param *param = &params->param[i];

        for (size_t k = 0; k < FH_LEN(slots); k++) {
            if (fh_eq(slots[k].name, param->name) &&
                (slots[k].part->ptr != NULL || param->value.len == 0 ||
                 fh_url_decode_segment(param->value, arena, slots[k].part) != FH_OK)) {
                return FH_SIGV4_PARAMETERS;
            }
        }
    }
    for (size_t k = 0; k < FH_LEN(slots); k++) {
        if (slots[k].part->ptr == NULL && !slots[k].optional) {
            return FH_SIGV4_PARAMETERS;
        }
    }
    return FH_SIGV4_VALID;
}

/* read_parts finds out where the signature is, and takes it apart. */
static enum fh_sigv4_verdict read_parts(struct parts *parts, const struct fh_sigv4_request *req,
                                        struct fh_arena *arena)
{
    struct fh_slice field = FH_NONE;
    size_t fields = fh_sigv4_field(req, FH_LIT("authorization"), &field);
    bool ours = fh_starts(fh_trim(field), FH_LIT("AWS4-"));
    struct fh_sigv4_params params;
    enum fh_rc rc = fh_sigv4_params_read(&params, req->query, arena);

    if (rc != FH_OK && !ours) {
        return FH_SIGV4_MISSING; /* whatever it is, a signature of ours it is not */
    }
    if (rc != FH_OK) {
        return rc == FH_E_SYNTAX ? FH_SIGV4_ESCAPE : FH_SIGV4_LIMIT;
    }
    if (has_param(&params, FH_LIT("X-Amz-Signature"))) {
        return fields == 0 ? read_params(parts, &params, arena) : FH_SIGV4_TWICE;
    }
    if (!ours) {
        return FH_SIGV4_MISSING;
    }
    return fields == 1 ? read_field(parts, field) : FH_SIGV4_TWICE;
}

/* ---- what the parts say ---- */

static bool is_lower_alnum(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* is_name says whether it can be a region or a service. */
static bool is_name(struct fh_slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!is_lower_alnum(s.ptr[i]) && s.ptr[i] != '-' && s.ptr[i] != '_') {
            return false;
        }
    }
    return s.len > 0 && s.len <= FH_SIGV4_NAME_MAX;
}

static bool is_access_key(struct fh_slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] <= ' ' || s.ptr[i] > '~') {
            return false;
        }
    }
    return s.len > 0 && s.len <= FH_SIGV4_ACCESS_KEY_MAX;
}

static bool is_hex(struct fh_slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!(s.ptr[i] >= '0' && s.ptr[i] <= '9') && !(s.ptr[i] >= 'a' && s.ptr[i] <= 'f')) {
            return false;
        }
    }
    return true;
}

static enum fh_sigv4_verdict read_credential(struct fh_sigv4_claim *claim,
                                             struct fh_slice credential)
{
    struct fh_slice term;

    if (!fh_split(&credential, '/', &claim->access_key) ||
        !fh_split(&credential, '/', &claim->date) ||
        !fh_split(&credential, '/', &claim->region) ||
        !fh_split(&credential, '/', &claim->service)) {
        return FH_SIGV4_CREDENTIAL;
    }
    term = credential; /* with a slash at its end, if there is one */
    if (term.len == 0 || fh_find(term, '/') < term.len || claim->date.len != DATE_LEN ||
        !is_name(claim->date) || !is_name(claim->region) || !is_name(claim->service) ||
        !is_access_key(claim->access_key)) {
        return FH_SIGV4_CREDENTIAL;
    }
    return fh_eq(term, FH_LIT(FH_SIGV4_TERM)) ? FH_SIGV4_VALID : FH_SIGV4_SCOPE_TERM;
}

/* is_field_name takes the characters of RFC 9110, 5.6.2, letters in lower case, and the one
 * pseudo-field that has a meaning here. */
static bool is_field_name(struct fh_slice s)
{
    static const struct fh_slice marks = FH_LIT_INIT("!#$%&'*+-.^_`|~");

    for (size_t i = 0; i < s.len; i++) {
        if (!is_lower_alnum(s.ptr[i]) && fh_find(marks, s.ptr[i]) == marks.len) {
            return fh_eq(s, FH_LIT(":authority"));
        }
    }
    return s.len > 0;
}

/* check_names wants them in ascending order: then none stands twice, and there is one way only to
 * write the list. */
static enum fh_sigv4_verdict check_names(struct fh_slice names)
{
    struct fh_slice last = FH_NONE;
    struct fh_slice name;
    size_t count = 0;

    if (fh_ends(names, FH_LIT(";"))) {
        return FH_SIGV4_SIGNED_HEADERS;
    }
    for (; fh_split(&names, ';', &name); count++) {
        if (!is_field_name(name) || fh_compare(last, name) >= 0) {
            return FH_SIGV4_SIGNED_HEADERS;
        }
        if (count == FH_SIGV4_SIGNED_MAX) {
            return FH_SIGV4_LIMIT;
        }
        last = name;
    }
    return FH_SIGV4_VALID;
}

bool fh_sigv4_signs(const struct fh_sigv4_claim *claim, struct fh_slice name)
{
    struct fh_slice names = claim->signed_names;
    struct fh_slice one;

    while (fh_split(&names, ';', &one)) {
        if (fh_eq(one, name)) {
            return true;
        }
    }
    return false;
}

/* read_time reads when the request was signed: in the query, or in the one field that counts. */
static enum fh_sigv4_verdict read_time(struct fh_sigv4_claim *claim, const struct parts *parts,
                                       const struct fh_sigv4_request *req)
{
    struct fh_slice name = FH_LIT("x-amz-date");
    struct fh_slice value = parts->date;

    if (parts->date.ptr != NULL) {
        if (!fh_parse_u64(parts->expires, &claim->expires_s) || claim->expires_s < 1 ||
            claim->expires_s > FH_SIGV4_EXPIRES_MAX_S) {
            return FH_SIGV4_EXPIRES;
        }
        return fh_date_time_parse_basic(value, &claim->at_us) ? FH_SIGV4_VALID : FH_SIGV4_DATE;
    }
    size_t count = fh_sigv4_field(req, name, &value);

    if (count == 0) {
        name = FH_LIT("date");
        count = fh_sigv4_field(req, name, &value);
    }
    if (count == 0) {
        return FH_SIGV4_NO_DATE;
    }
    value = fh_trim(value);
    if (count > 1 ||
        (!fh_date_time_parse_basic(value, &claim->at_us) &&
         (!fh_eq(name, FH_LIT("date")) || !fh_date_time_parse_http(value, &claim->at_us)))) {
        return FH_SIGV4_DATE;
    }
    return fh_sigv4_signs(claim, name) ? FH_SIGV4_VALID : FH_SIGV4_DATE_UNSIGNED;
}

static enum fh_sigv4_verdict read_claim(struct fh_sigv4_claim *claim, const struct parts *parts,
                                        const struct fh_sigv4_request *req)
{
    enum fh_sigv4_verdict verdict = FH_SIGV4_VALID;

    if (!fh_eq(parts->algorithm, FH_LIT(FH_SIGV4_ALGORITHM))) {
        return FH_SIGV4_OTHER_VERSION;
    }
    claim->token = parts->token;
    if (parts->date.ptr == NULL) {
        (void)fh_sigv4_field(req, FH_LIT("x-amz-security-token"), &claim->token);
    }
    claim->signed_names = parts->signed_names;
    verdict = read_credential(claim, parts->credential);
    if (verdict != FH_SIGV4_VALID) {
        return verdict;
    }
    if (!is_hex(parts->signature) ||
        !fh_parse_unhex(parts->signature, claim->signature.bytes, FH_SHA256_LEN)) {
        return FH_SIGV4_SIGNATURE;
    }
    verdict = check_names(parts->signed_names);
    if (verdict != FH_SIGV4_VALID) {
        return verdict;
    }
    if (!fh_sigv4_signs(claim, FH_LIT("host")) &&
        !fh_sigv4_signs(claim, FH_LIT(":authority"))) {
        return FH_SIGV4_HOST_UNSIGNED;
    }
    return read_time(claim, parts, req);
}

/* ---- whether it is acceptable ---- */

static uint64_t whole_seconds(uint64_t us)
{
    return us / FH_SECOND_US * FH_SECOND_US;
}

/* lifetime_us is how long a signature is good. */
static uint64_t lifetime_us(const struct fh_sigv4_claim *claim)
{
    return claim->expires_s > 0 ? claim->expires_s * FH_SECOND_US : FH_SIGV4_SKEW_US;
}

static enum fh_sigv4_verdict check_scope(const struct fh_sigv4_claim *claim,
                                         const struct fh_sigv4_terms *terms)
{
    uint8_t digits[DATE_LEN];
    struct fh_buf date = fh_buf_over(digits, sizeof(digits));
    struct fh_date_time at = fh_date_time(claim->at_us);
    size_t i = 0;

    fh_date_print_basic(&date, &at.date);
    if (!fh_eq(fh_buf_slice(&date), claim->date)) {
        return FH_SIGV4_SCOPE_DATE;
    }
    while (i < terms->service_count && !fh_eq(terms->service[i], claim->service)) {
        i++;
    }
    if (i == terms->service_count) {
        return FH_SIGV4_SCOPE_SERVICE;
    }
    return terms->region.len == 0 || fh_eq(terms->region, claim->region)
               ? FH_SIGV4_VALID
               : FH_SIGV4_SCOPE_REGION;
}

static enum fh_sigv4_verdict check_time(const struct fh_sigv4_claim *claim, uint64_t now_us)
{
    uint64_t now = whole_seconds(now_us); /* a claim knows no more */

    if (claim->at_us + lifetime_us(claim) < now) {
        return FH_SIGV4_EXPIRED;
    }
    return claim->at_us > now + FH_SIGV4_SKEW_US ? FH_SIGV4_EARLY : FH_SIGV4_VALID;
}

enum fh_sigv4_verdict fh_sigv4_parse(struct fh_sigv4_claim *claim,
                                     const struct fh_sigv4_request *req,
                                     const struct fh_sigv4_terms *terms, struct fh_arena *arena)
{
    struct parts parts = {.algorithm = FH_NONE};
    enum fh_sigv4_verdict verdict = FH_SIGV4_VALID;

    FH_ASSERT(terms->service_count > 0);
    *claim = (struct fh_sigv4_claim){.access_key = FH_NONE};
    verdict = read_parts(&parts, req, arena);
    if (verdict != FH_SIGV4_MISSING && req->field_count > FH_SIGV4_FIELDS_MAX) {
        return FH_SIGV4_LIMIT;
    }
    if (verdict == FH_SIGV4_VALID) {
        verdict = read_claim(claim, &parts, req);
    }
    if (verdict == FH_SIGV4_VALID) {
        verdict = check_scope(claim, terms);
    }
    return verdict == FH_SIGV4_VALID ? check_time(claim, terms->now_us) : verdict;
}

/* ---- whether it is true ---- */

/* body_is_claimed says whether x-amz-content-sha256, where it was sent, is the body's hash. */
static bool body_is_claimed(const struct fh_sigv4_request *req)
{
    struct fh_slice value = FH_NONE;
    size_t count = fh_sigv4_field(req, FH_LIT("x-amz-content-sha256"), &value);
    struct fh_sha256 hash;

    value = fh_trim(value);
    return count == 0 ||
           (count == 1 && is_hex(value) && fh_parse_unhex(value, hash.bytes, FH_SHA256_LEN) &&
            fh_eq(fh_slice(hash.bytes, FH_SHA256_LEN),
                  fh_slice(req->body.bytes, FH_SHA256_LEN)));
}

enum fh_sigv4_verdict fh_sigv4_verify(const struct fh_sigv4_claim *claim,
                                      const struct fh_sigv4_request *req,
                                      const struct fh_sigv4_key *key, struct fh_arena *arena)
{
    struct fh_buf canonical = fh_buf_in_arena(arena, FH_SIGV4_CANONICAL_MAX);
    struct fh_buf to_sign = fh_buf_in_arena(arena, FH_SIGV4_CANONICAL_MAX);
    struct fh_sha256 want;

    FH_ASSERT(fh_sigv4_key_is_of(key, claim->at_us));
    if (!body_is_claimed(req)) {
        return FH_SIGV4_BODY;
    }
    enum fh_rc rc = fh_sigv4_canonical(&canonical, req, claim->signed_names, arena);

    if (rc != FH_OK) {
        return rc == FH_E_LIMIT ? FH_SIGV4_LIMIT : FH_SIGV4_MISMATCH;
    }
    fh_sigv4_string_to_sign(&to_sign, claim->at_us, claim->region, claim->service,
                            fh_buf_slice(&canonical));
    want = fh_hmac_sha256(fh_slice(key->bytes.bytes, FH_SHA256_LEN), fh_buf_slice(&to_sign));
    return fh_secret_eq(fh_slice(want.bytes, FH_SHA256_LEN),
                        fh_slice(claim->signature.bytes, FH_SHA256_LEN))
               ? FH_SIGV4_VALID
               : FH_SIGV4_MISMATCH;
}

/* ---- how to say it ---- */

static const struct fh_sigv4_refusal refusals[] = {
#define X(what, error, sentence) \
    [FH_SIGV4_##what] = {FH_LIT_INIT(error), FH_LIT_INIT(sentence)},
    FH_SIGV4_VERDICTS(X)
#undef X
};
static_assert(FH_LEN(refusals) == FH_SIGV4_VERDICT_COUNT, "table and enum agree");

/* print_bound writes "20260131T122505Z (20260131T123005Z - 5 min.)". */
static void print_bound(struct fh_buf *out, uint64_t now_us, char sign, uint64_t distance_us)
{
    uint64_t bound = now_us + distance_us;
    bool minutes = distance_us % FH_MINUTE_US == 0;

    if (sign == '-') {
        bound = now_us - fh_min(distance_us, now_us);
    }
    fh_date_time_print_basic(out, bound);
    fh_buf_append(out, FH_LIT(" ("));
    fh_date_time_print_basic(out, now_us);
    fh_buf_printf(out, " %c %llu %s.)", sign,
                  (unsigned long long)(distance_us / (minutes ? FH_MINUTE_US : FH_SECOND_US)),
                  minutes ? "min" : "sec");
}

static void print_services(struct fh_buf *out, const struct fh_sigv4_terms *terms)
{
    for (size_t i = 0; i < terms->service_count; i++) {
        fh_buf_printf(out, "%s'%.*s'", i == 0 ? " " : " or ", FH_ARG(terms->service[i]));
    }
}

struct fh_sigv4_refusal fh_sigv4_explain(enum fh_sigv4_verdict verdict,
                                         const struct fh_sigv4_claim *claim,
                                         const struct fh_sigv4_terms *terms,
                                         struct fh_arena *arena)
{
    struct fh_buf out = fh_buf_in_arena(arena, MESSAGE_MAX);
    struct fh_date_time at = fh_date_time(claim->at_us);

    FH_ASSERT(verdict > FH_SIGV4_VALID && verdict < FH_SIGV4_VERDICT_COUNT);
    if (!fh_ends(refusals[verdict].message, FH_LIT(":"))) {
        return refusals[verdict];
    }
    fh_buf_append(&out, refusals[verdict].message);
    if (verdict == FH_SIGV4_SCOPE_SERVICE) {
        print_services(&out, terms);
        fh_buf_byte(&out, '.');
    } else if (verdict == FH_SIGV4_SCOPE_REGION) {
        fh_buf_printf(&out, " '%.*s', not '%.*s'.", FH_ARG(terms->region),
                      FH_ARG(claim->region));
    } else if (verdict == FH_SIGV4_SCOPE_DATE) {
        fh_buf_printf(&out, " '%.*s' != '", FH_ARG(claim->date));
        fh_date_print_basic(&out, &at.date);
        fh_buf_append(&out, FH_LIT("', from '"));
        fh_date_time_print_basic(&out, claim->at_us);
        fh_buf_append(&out, FH_LIT("'."));
    } else {
        bool early = verdict == FH_SIGV4_EARLY;

        fh_buf_byte(&out, ' ');
        fh_date_time_print_basic(&out, claim->at_us);
        fh_buf_append(&out, early ? FH_LIT(" is still later than ")
                                  : FH_LIT(" is now earlier than "));
        print_bound(&out, terms->now_us, early ? '+' : '-',
                    early ? FH_SIGV4_SKEW_US : lifetime_us(claim));
    }
    return (struct fh_sigv4_refusal){refusals[verdict].error, fh_buf_slice(&out)};
}
