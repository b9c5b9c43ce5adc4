/* aws_sts.c: roles, by AWS's security token service: a form in, XML out.
 * SPDX-License-Identifier: Apache-2.0 */
#include "control/credentials/aws.h"

#include "base/secret.h"
#include "wire/sigv4.h"
#include "wire/url.h"

#define SESSION_NAME  "freehold"
#define VERSION       "2011-06-15"
#define GLOBAL_REGION "us-east-1" /* of sts.amazonaws.com */

enum { FORM_MAX_LEN = 1 << 16, XML_NAME_MAX_LEN = 64, WORDS_MAX_LEN = 1 << 16 };

/* ---- XML ---- */

/* element borrows what stands between <name> and </name>; the answers have each name once. */
static struct fh_slice element(struct fh_slice xml, const char *name)
{
    FH_AUTO(fh_buf_fini) struct fh_buf tag = fh_buf_on_heap(XML_NAME_MAX_LEN);

    fh_buf_printf(&tag, "<%s>", name);
    size_t start = fh_search(xml, fh_buf_slice(&tag)) + tag.len;

    fh_buf_clear(&tag);
    fh_buf_printf(&tag, "</%s>", name);
    size_t end = fh_search(xml, fh_buf_slice(&tag));

    return end == xml.len || start > end ? FH_NONE : fh_sub(xml, start, end - start);
}

/* unescape resolves the five entities that XML itself has; AWS writes no others. */
static struct fh_slice unescape(struct fh_chain_work *work, struct fh_slice text)
{
    static const struct {
        struct fh_slice name;
        uint8_t meaning;
    } entities[] = {
        {FH_LIT_INIT("&amp;"), '&'},  {FH_LIT_INIT("&lt;"), '<'},    {FH_LIT_INIT("&gt;"), '>'},
        {FH_LIT_INIT("&quot;"), '"'}, {FH_LIT_INIT("&apos;"), '\''},
    };
    struct fh_buf out = fh_buf_in_arena(work->arena, WORDS_MAX_LEN);

    while (text.len > 0) {
        size_t i = 0;

        while (i < FH_LEN(entities) && !fh_take(&text, entities[i].name)) {
            i++;
        }
        if (i < FH_LEN(entities)) {
            fh_buf_byte(&out, entities[i].meaning);
        } else {
            fh_buf_byte(&out, text.ptr[0]);
            text = fh_tail(text, 1);
        }
    }
    return fh_buf_slice(&out);
}

/* ---- the service ---- */

static bool is_region(struct fh_slice region)
{
    for (size_t i = 0; i < region.len; i++) {
        uint8_t c = region.ptr[i];

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-')) {
            return false;
        }
    }
    return region.len > 0;
}

/* find_service gives the URL of STS for the region in use. */
static enum fh_rc find_service(struct fh_chain_work *work, const char **url)
{
    static const char *const names[] = {"AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL"};
    struct fh_slice region = fh_aws_region(work);

    for (size_t i = 0; i < FH_LEN(names); i++) {
        struct fh_slice set = fh_chain_env(work, names[i]);

        if (set.len > 0) {
            *url = (const char *)set.ptr;
            return FH_OK;
        }
    }
    if (region.len == 0) {
        *url = "https://sts.amazonaws.com/";
        return FH_OK;
    }
    if (!is_region(region)) {
        return fh_chain_fail(work, FH_E_SYNTAX, "the region is none, such as eu-central-1");
    }
    *url =
        (const char *)fh_chain_print(work, "https://sts.%.*s.amazonaws.com%s/", FH_ARG(region),
                                     fh_starts(region, FH_LIT("cn-")) ? ".cn" : "")
            .ptr;
    return FH_OK;
}

static void begin_form(struct fh_buf *form, struct fh_slice action,
                       const struct fh_aws_role *role)
{
    fh_http_form_add(form, FH_LIT("Action"), action);
    fh_http_form_add(form, FH_LIT("Version"), FH_LIT(VERSION));
    fh_http_form_add(form, FH_LIT("RoleArn"), role->arn);
    fh_http_form_add(form, FH_LIT("RoleSessionName"),
                     role->session_name.len > 0 ? role->session_name : FH_LIT(SESSION_NAME));
    if (role->duration_s.len > 0) {
        fh_http_form_add(form, FH_LIT("DurationSeconds"), role->duration_s);
    }
}

static enum fh_rc read_answer(struct fh_chain_work *work, const char *url,
                              const struct fh_http_answer *answer, const char *advice,
                              struct fh_credential *out)
{
    struct fh_slice xml = answer->body;
    struct fh_slice place = fh_http_call_place(url);

    if (answer->status != 200) {
        return fh_chain_refused(work, url, answer->status, element(xml, "Code"),
                                unescape(work, element(xml, "Message")), advice);
    }
    out->kind = FH_CREDENTIAL_AWS;
    out->access_key_id = unescape(work, element(xml, "AccessKeyId"));
    out->secret_access_key = unescape(work, element(xml, "SecretAccessKey"));
    out->session_token = unescape(work, element(xml, "SessionToken"));
    if (out->access_key_id.len == 0 || out->secret_access_key.len == 0 ||
        out->session_token.len == 0) {
        return fh_chain_fail(work, FH_E_SYNTAX, "the answer of %.*s has no keys in it",
                             FH_ARG(place));
    }
    if (!fh_chain_time(element(xml, "Expiration"), &out->expires_s)) {
        return fh_chain_fail(work, FH_E_SYNTAX, "the answer of %.*s has no Expiration in it",
                             FH_ARG(place));
    }
    return FH_OK;
}

enum fh_rc fh_aws_assume_with_token(struct fh_chain_work *work, const struct fh_aws_role *role,
                                    struct fh_slice token_file, struct fh_credential *out)
{
    struct fh_buf form = fh_buf_in_arena(work->arena, FORM_MAX_LEN);
    struct fh_http_call call = {.method = "POST"};
    struct fh_http_answer answer;
    struct fh_slice token = FH_NONE;

    FH_TRY(fh_chain_token_file(work, token_file, &token));
    FH_TRY(find_service(work, &call.url));
    begin_form(&form, FH_LIT("AssumeRoleWithWebIdentity"), role);
    fh_http_form_add(&form, FH_LIT("WebIdentityToken"), token);
    if (form.failed) {
        return fh_chain_fail(work, FH_E_LIMIT, "the token in %.*s is too long",
                             FH_ARG(token_file));
    }
    call.body = fh_buf_slice(&form);
    fh_http_call_field(&call, FH_LIT("Content-Type"),
                       FH_LIT("application/x-www-form-urlencoded"));
    FH_TRY(fh_chain_call(work, &call, &answer));
    FH_TRY(read_answer(work, call.url, &answer,
                       "does the role trust this cluster's provider and this subject?", out));
    out->from = fh_chain_print(work, "role %.*s, by the token in %.*s", FH_ARG(role->arn),
                               FH_ARG(token_file));
    return FH_OK;
}

/* sign adds what proves that the request is made with the keys. */
static enum fh_rc sign(struct fh_chain_work *work, struct fh_http_call *call,
                       const struct fh_credential *with)
{
    struct fh_slice region = fh_aws_region(work);
    struct fh_url url;
    struct fh_error why;

    if (fh_url_parse(&url, fh_cstr(call->url), &why) != FH_OK ||
        with->secret_access_key.len > FH_SIGV4_SECRET_MAX) {
        return FH_E_SYNTAX;
    }
    region = region.len > 0 ? region : FH_LIT(GLOBAL_REGION);
    const struct fh_http_field host = {FH_LIT("host"), url.authority};
    struct fh_sigv4_key key =
        fh_sigv4_key(with->secret_access_key, work->now_us, region, FH_LIT("sts"));
    const struct fh_sigv4_signer signer = {.access_key = with->access_key_id,
                                           .token = with->session_token,
                                           .region = region,
                                           .service = FH_LIT("sts"),
                                           .key = &key};
    const struct fh_sigv4_request request = {
        .method = FH_LIT("POST"),
        .path = url.path.len > 0 ? url.path : FH_LIT("/"),
        .field = &host,
        .field_count = 1,
        .body = fh_sha256(call->body),
    };
    struct fh_sigv4_signed added;
    enum fh_rc rc = fh_sigv4_sign(&added, &signer, &request, work->now_us, work->arena);

    fh_wipe(&key, sizeof(key));
    for (size_t i = 0; rc == FH_OK && i < added.field_count; i++) {
        fh_http_call_field(call, added.field[i].name, added.field[i].value);
    }
    return rc;
}

enum fh_rc fh_aws_assume(struct fh_chain_work *work, const struct fh_aws_role *role,
                         const struct fh_credential *with, struct fh_credential *out)
{
    struct fh_buf form = fh_buf_in_arena(work->arena, FORM_MAX_LEN);
    struct fh_http_call call = {.method = "POST"};
    struct fh_http_answer answer;
    struct fh_credential got = {.kind = FH_CREDENTIAL_AWS};

    FH_TRY(find_service(work, &call.url));
    begin_form(&form, FH_LIT("AssumeRole"), role);
    if (role->external_id.len > 0) {
        fh_http_form_add(&form, FH_LIT("ExternalId"), role->external_id);
    }
    if (form.failed) {
        return fh_chain_fail(work, FH_E_LIMIT, "the names of the role are too long");
    }
    call.body = fh_buf_slice(&form);
    fh_http_call_field(&call, FH_LIT("Content-Type"),
                       FH_LIT("application/x-www-form-urlencoded"));
    enum fh_rc rc = sign(work, &call, with);

    if (rc != FH_OK) {
        return fh_chain_fail(work, rc, "a request to %.*s cannot be signed (%s)",
                             FH_ARG(fh_http_call_place(call.url)), fh_rc_name(rc));
    }
    FH_TRY(fh_chain_call(work, &call, &answer));
    FH_TRY(read_answer(work, call.url, &answer,
                       "does the role trust who asks, and may they sts:AssumeRole?", &got));
    got.from =
        fh_chain_print(work, "role %.*s, by %.*s", FH_ARG(role->arn), FH_ARG(with->from));
    *out = got;
    return FH_OK;
}

enum fh_rc fh_aws_from_web_identity(struct fh_chain_work *work, struct fh_credential *out)
{
    struct fh_slice file = fh_chain_env(work, "AWS_WEB_IDENTITY_TOKEN_FILE");
    const struct fh_aws_role role = {
        .arn = fh_chain_env(work, "AWS_ROLE_ARN"),
        .session_name = fh_chain_env(work, "AWS_ROLE_SESSION_NAME"),
    };

    if (file.len == 0) {
        return fh_chain_fail(work, FH_E_MISSING, "AWS_WEB_IDENTITY_TOKEN_FILE is not set");
    }
    if (role.arn.len == 0) {
        return fh_chain_fail(work, FH_E_SYNTAX,
                             "AWS_WEB_IDENTITY_TOKEN_FILE is set, but AWS_ROLE_ARN is not");
    }
    return fh_aws_assume_with_token(work, &role, file, out);
}
