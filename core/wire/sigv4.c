/* sigv4.c: the key, and signatures of our own.
 * SPDX-License-Identifier: Apache-2.0 */
#include "wire/sigv4.h"

#include "base/secret.h"
#include "wire/sigv4_canonical.h"

#include <stdlib.h>

enum { DATE_LEN = 8, STAMP_LEN = 16 };

static struct fh_slice bytes_of(const struct fh_sha256 *hash)
{
    return fh_slice(hash->bytes, sizeof(hash->bytes));
}

struct fh_sigv4_key fh_sigv4_key(struct fh_slice secret, uint64_t at_us, struct fh_slice region,
                                 struct fh_slice service)
{
    const struct fh_slice chain[] = {region, service, FH_LIT(FH_SIGV4_TERM)};
    struct fh_sigv4_key key = {.day = at_us / FH_DAY_US};
    struct fh_date_time at = fh_date_time(at_us);
    uint8_t first[4 + FH_SIGV4_SECRET_MAX];
    struct fh_buf seed = fh_buf_over(first, sizeof(first));
    uint8_t digits[DATE_LEN];
    struct fh_buf date = fh_buf_over(digits, sizeof(digits));

    FH_ASSERT(secret.len <= FH_SIGV4_SECRET_MAX);
    fh_buf_append(&seed, FH_LIT("AWS4"));
    fh_buf_append(&seed, secret);
    fh_date_print_basic(&date, &at.date);
    key.bytes = fh_hmac_sha256(fh_buf_slice(&seed), fh_buf_slice(&date));
    fh_wipe(first, sizeof(first));
    for (size_t i = 0; i < FH_LEN(chain); i++) {
        key.bytes = fh_hmac_sha256(bytes_of(&key.bytes), chain[i]);
    }
    return key;
}

/* ---- which fields are signed ---- */

/* What a hop may add, drop or change by right (RFC 9110, 7.6.1), and what AWS's SDKs leave out. */
static const struct fh_slice unsigned_names[] = {
    FH_LIT_INIT("authorization"),
    FH_LIT_INIT("connection"),
    FH_LIT_INIT("expect"),
    FH_LIT_INIT("keep-alive"),
    FH_LIT_INIT("proxy-authorization"),
    FH_LIT_INIT("proxy-connection"),
    FH_LIT_INIT("te"),
    FH_LIT_INIT("trailer"),
    FH_LIT_INIT("transfer-encoding"),
    FH_LIT_INIT("upgrade"),
    FH_LIT_INIT("user-agent"),
    FH_LIT_INIT("x-amzn-trace-id"),
};

static bool is_signed(struct fh_slice name)
{
    for (size_t i = 0; i < FH_LEN(unsigned_names); i++) {
        if (fh_eq_nocase(name, unsigned_names[i])) {
            return false;
        }
    }
    return true;
}

static struct fh_slice in_lower_case(struct fh_slice name, struct fh_arena *arena)
{
    uint8_t *to = fh_arena_raw(arena, fh_max(name.len, 1));

    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.ptr[i];

        to[i] = c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
    }
    return fh_slice(to, name.len);
}

static int compare_names(const void *a, const void *b)
{
    const struct fh_slice *left = a;
    const struct fh_slice *right = b;

    return fh_compare(*left, *right);
}

/* list_names makes "content-type;host;x-amz-date" of the fields of a request. */
static enum fh_rc list_names(const struct fh_sigv4_request *req, struct fh_arena *arena,
                             struct fh_slice *out)
{
    struct fh_slice *name = fh_arena_raw(arena, (req->field_count + 1) * sizeof(*name));
    struct fh_buf list = fh_buf_in_arena(arena, FH_SIGV4_CANONICAL_MAX);
    size_t count = 0;

    for (size_t i = 0; i < req->field_count; i++) {
        if (is_signed(req->field[i].name)) {
            name[count++] = in_lower_case(req->field[i].name, arena);
        }
    }
    if (req->authority.len > 0) {
        name[count++] = FH_LIT("host"); /* twice where there is a field as well */
    }
    if (count > FH_SIGV4_SIGNED_MAX) {
        return FH_E_LIMIT;
    }
    qsort(name, count, sizeof(*name), compare_names);
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && fh_eq(name[i], name[i - 1])) {
            continue;
        }
        if (i > 0) {
            fh_buf_byte(&list, ';');
        }
        fh_buf_append(&list, name[i]);
    }
    *out = fh_buf_slice(&list);
    return list.failed ? FH_E_LIMIT : FH_OK;
}

/* ---- signing ---- */

static void add(struct fh_sigv4_signed *out, struct fh_slice name, struct fh_slice value)
{
    FH_ASSERT(out->field_count < FH_SIGV4_ADDED_MAX);
    out->field[out->field_count++] = (struct fh_http_field){name, value};
}

/* add_signed adds what is signed itself: all but the authorization. */
static void add_signed(struct fh_sigv4_signed *out, const struct fh_sigv4_signer *signer,
                       const struct fh_sigv4_request *req, uint64_t now_us,
                       struct fh_arena *arena)
{
    struct fh_buf stamp = fh_buf_in_arena(arena, STAMP_LEN);

    fh_date_time_print_basic(&stamp, now_us);
    add(out, FH_LIT("x-amz-date"), fh_buf_slice(&stamp));
    if (signer->with_body_hash) {
        struct fh_buf hex = fh_buf_in_arena(arena, sizeof(req->body.bytes) * 2);

        fh_buf_hex(&hex, bytes_of(&req->body));
        add(out, FH_LIT("x-amz-content-sha256"), fh_buf_slice(&hex));
    }
    if (signer->token.len > 0) {
        add(out, FH_LIT("x-amz-security-token"), signer->token);
    }
}

/* with_added is the request as it will be sent. */
static struct fh_sigv4_request with_added(const struct fh_sigv4_request *req,
                                          const struct fh_sigv4_signed *added,
                                          struct fh_arena *arena)
{
    size_t count = req->field_count + added->field_count;
    struct fh_http_field *field = fh_arena_raw(arena, count * sizeof(*field));
    struct fh_sigv4_request whole = *req;

    for (size_t i = 0; i < count; i++) {
        field[i] = i < req->field_count ? req->field[i] : added->field[i - req->field_count];
    }
    whole.field = field;
    whole.field_count = count;
    return whole;
}

static enum fh_rc check(const struct fh_sigv4_request *req)
{
    static const struct fh_slice ours[] = {
        FH_LIT_INIT("x-amz-date"),
        FH_LIT_INIT("x-amz-content-sha256"),
        FH_LIT_INIT("x-amz-security-token"),
        FH_LIT_INIT("authorization"),
    };
    struct fh_slice value;

    if (req->field_count > FH_SIGV4_FIELDS_MAX - FH_SIGV4_ADDED_MAX) {
        return FH_E_LIMIT;
    }
    for (size_t i = 0; i < FH_LEN(ours); i++) {
        if (fh_sigv4_field(req, ours[i], &value) > 0) {
            return FH_E_CONFLICT;
        }
    }
    if (req->authority.len == 0 && fh_sigv4_field(req, FH_LIT("host"), &value) == 0) {
        return FH_E_MISSING;
    }
    return FH_OK;
}

enum fh_rc fh_sigv4_sign(struct fh_sigv4_signed *out, const struct fh_sigv4_signer *signer,
                         const struct fh_sigv4_request *req, uint64_t now_us,
                         struct fh_arena *arena)
{
    struct fh_buf canonical = fh_buf_in_arena(arena, FH_SIGV4_CANONICAL_MAX);
    struct fh_buf to_sign = fh_buf_in_arena(arena, FH_SIGV4_CANONICAL_MAX);
    struct fh_buf text = fh_buf_in_arena(arena, FH_SIGV4_CANONICAL_MAX);
    struct fh_sigv4_signed added = {.field_count = 0};
    struct fh_slice names;

    FH_ASSERT(fh_sigv4_key_is_of(signer->key, now_us));
    FH_TRY(check(req));
    add_signed(&added, signer, req, now_us, arena);

    struct fh_sigv4_request whole = with_added(req, &added, arena);

    FH_TRY(list_names(&whole, arena, &names));
    FH_TRY(fh_sigv4_canonical(&canonical, &whole, names, arena));
    fh_sigv4_string_to_sign(&to_sign, now_us, signer->region, signer->service,
                            fh_buf_slice(&canonical));

    struct fh_sha256 signature =
        fh_hmac_sha256(bytes_of(&signer->key->bytes), fh_buf_slice(&to_sign));

    fh_buf_append(&text, FH_LIT(FH_SIGV4_ALGORITHM " Credential="));
    fh_buf_append(&text, signer->access_key);
    fh_buf_byte(&text, '/');
    fh_sigv4_scope(&text, now_us, signer->region, signer->service);
    fh_buf_append(&text, FH_LIT(", SignedHeaders="));
    fh_buf_append(&text, names);
    fh_buf_append(&text, FH_LIT(", Signature="));
    fh_buf_hex(&text, bytes_of(&signature));
    if (to_sign.failed || text.failed) {
        return FH_E_LIMIT;
    }
    add(&added, FH_LIT("authorization"), fh_buf_slice(&text));
    *out = added;
    return FH_OK;
}
