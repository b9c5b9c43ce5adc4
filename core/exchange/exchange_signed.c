/* exchange_signed.c: requests that are signed as AWS's are: on their way in, and on their way out.
 * SPDX-License-Identifier: Apache-2.0 */
#include "exchange/exchange_state.h"

/* What clients of Bedrock sign for: the runtime and the lists of models; Mantle. */
static const struct fh_slice services[] = {FH_LIT_INIT("bedrock"),
                                           FH_LIT_INIT("bedrock-mantle")};

bool fh_exchange_is_signed(const struct fh_client_head *head)
{
    return fh_starts(head->authorization, FH_LIT("AWS4-HMAC-SHA256")) ||
           fh_contains(head->query, FH_LIT("X-Amz-Signature="));
}

static struct fh_sigv4_terms terms_of(const struct fh_exchange *x)
{
    return (struct fh_sigv4_terms){
        .service = services, .service_count = FH_LEN(services), .now_us = x->setup.calendar_us};
}

static struct fh_sigv4_request signed_request(const struct fh_exchange *x)
{
    const struct fh_client_head *head = &x->setup.head;

    return (struct fh_sigv4_request){.method = head->method,
                                     .path = head->path,
                                     .query = head->query,
                                     .authority = head->authority,
                                     .field = head->field,
                                     .field_count = head->field_count,
                                     .body = fh_sha256(x->body)};
}

/* deny makes the client's fault of a verdict, in AWS's words. */
static void deny(struct fh_exchange *x, enum fh_sigv4_verdict verdict)
{
    static const struct {
        struct fh_slice error;
        enum fh_refusal kind;
    } kinds[] = {
        {FH_LIT_INIT("InvalidSignatureException"), FH_REFUSE_BAD_SIGNATURE},
        {FH_LIT_INIT("IncompleteSignatureException"), FH_REFUSE_HALF_SIGNATURE},
        {FH_LIT_INIT("MissingAuthenticationTokenException"), FH_REFUSE_NO_KEY},
    };
    const struct fh_sigv4_terms terms = terms_of(x);
    struct fh_sigv4_refusal refusal =
        fh_sigv4_explain(verdict, &x->claim->claim, &terms, x->arena);
    enum fh_refusal kind = FH_REFUSE_BAD_KEY;

    for (size_t i = 0; i < FH_LEN(kinds); i++) {
        kind = fh_eq(kinds[i].error, refusal.error) ? kinds[i].kind : kind;
    }
    fh_x_fault(x, kind, "%.*s", FH_ARG(refusal.message));
}

/* fh_x_read_claim reads who a signed request says it is from.
 *
 * Returns  false when it cannot be right, and why in `fault`.
 */
bool fh_x_read_claim(struct fh_exchange *x)
{
    const struct fh_sigv4_terms terms = terms_of(x);
    const struct fh_sigv4_request request = signed_request(x);

    x->claim = fh_new(x->arena, struct fh_x_claim);
    enum fh_sigv4_verdict verdict =
        fh_sigv4_parse(&x->claim->claim, &request, &terms, x->arena);

    if (verdict != FH_SIGV4_VALID) {
        deny(x, verdict);
        return false;
    }
    return true;
}

/* fh_x_take_secret derives what the signature is checked with; the secret itself is not kept. */
void fh_x_take_secret(struct fh_exchange *x, const struct fh_policy_key *key)
{
    const struct fh_sigv4_claim *claim = &x->claim->claim;

    x->claim->key = fh_sigv4_key(key->aws_secret, claim->at_us, claim->region, claim->service);
}

/* fh_x_verify checks the signature, once the body is there; `fault` says what is wrong. */
bool fh_x_verify(struct fh_exchange *x)
{
    const struct fh_sigv4_request request = signed_request(x);
    enum fh_sigv4_verdict verdict =
        fh_sigv4_verify(&x->claim->claim, &request, &x->claim->key, x->arena);

    fh_wipe(&x->claim->key, sizeof(x->claim->key));
    if (verdict != FH_SIGV4_VALID) {
        deny(x, verdict);
        return false;
    }
    return true;
}

static struct fh_sha256 hash_of_body(const struct fh_exchange *x)
{
    struct fh_sha256_run run;

    fh_sha256_begin(&run);
    for (size_t i = 1; i < x->piece_count; i++) {
        fh_sha256_add(&run, x->piece[i]);
    }
    return fh_sha256_end(&run);
}

/* fh_x_sign appends to the head of a request, of which `path` is the target, the fields that sign
 * it for Bedrock. */
enum fh_rc fh_x_sign(struct fh_exchange *x, const struct fh_credential *aws,
                     struct fh_slice path, struct fh_buf *head)
{
    const struct fh_provider *provider = fh_x_target(x)->provider;
    struct fh_slice region = provider->region.len > 0 ? provider->region : aws->region;
    uint64_t now_us = x->setup.calendar_us + (x->now_us - x->setup.now_us);
    const struct fh_slice service = FH_LIT("bedrock");
    const struct fh_http_field fields[] = {
        {FH_LIT("host"), provider->host},
        {FH_LIT("content-type"), FH_LIT("application/json")},
    };
    struct fh_sigv4_key key = fh_sigv4_key(aws->secret_access_key, now_us, region, service);
    const struct fh_sigv4_signer signer = {.access_key = aws->access_key_id,
                                           .token = aws->session_token,
                                           .region = region,
                                           .service = service,
                                           .key = &key};
    const struct fh_sigv4_request request = {.method = FH_LIT("POST"),
                                             .path = path,
                                             .field = fields,
                                             .field_count = FH_LEN(fields),
                                             .body = hash_of_body(x)};
    struct fh_sigv4_signed added;
    enum fh_rc rc = fh_sigv4_sign(&added, &signer, &request, now_us, x->arena);

    fh_wipe(&key, sizeof(key));
    for (size_t i = 0; rc == FH_OK && i < added.field_count; i++) {
        fh_buf_append(head, added.field[i].name);
        fh_buf_append(head, FH_LIT(": "));
        fh_buf_append(head, added.field[i].value);
        fh_buf_append(head, FH_LIT("\r\n"));
    }
    return rc;
}
