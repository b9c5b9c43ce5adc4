/* oauth.c: one form, one JSON object.
 * SPDX-License-Identifier: Apache-2.0 */
#include "control/credentials/oauth.h"

#include "base/text.h"

/* read_lifetime reads "expires_in": a number, but Azure's metadata service writes it as a text. */
static bool read_lifetime(yyjson_val *root, uint64_t *seconds)
{
    yyjson_val *value = fh_json_get(root, FH_LIT("expires_in"));

    return fh_json_u64(value, seconds) || fh_parse_u64(fh_json_text(value), seconds);
}

/* refused tells what an error's body says: RFC 6749, 5.2, or Google's metadata server, in plain
 * text. */
static enum fh_rc refused(struct fh_chain_work *work, const char *url,
                          const struct fh_http_answer *answer, const char *advice)
{
    struct fh_error why;
    yyjson_val *root = NULL;

    if (fh_json_parse(work->arena, answer->body, &root, &why) != FH_OK ||
        !yyjson_is_obj(root)) {
        return fh_chain_refused(work, url, answer->status, FH_NONE, answer->body, advice);
    }
    return fh_chain_refused(work, url, answer->status, fh_chain_member(root, "error"),
                            fh_chain_member(root, "error_description"), advice);
}

enum fh_rc fh_oauth_read(struct fh_chain_work *work, const char *url,
                         const struct fh_http_answer *answer, const char *advice,
                         struct fh_credential *out)
{
    struct fh_slice what =
        fh_chain_print(work, "the answer of %.*s", FH_ARG(fh_http_call_place(url)));
    yyjson_val *root = NULL;
    uint64_t lifetime_s = 0;

    if (answer->status != 200) {
        return refused(work, url, answer, advice);
    }
    FH_TRY(fh_chain_json(work, what, answer->body, &root));
    struct fh_slice token = fh_chain_member(root, "access_token");
    struct fh_slice type = fh_chain_member(root, "token_type");

    if (token.len == 0 || !read_lifetime(root, &lifetime_s)) {
        return fh_chain_fail(work, FH_E_SYNTAX, "%.*s has no %s in it", FH_ARG(what),
                             token.len == 0 ? "access_token" : "expires_in");
    }
    if (type.len > 0 && !fh_eq_nocase(type, FH_LIT("bearer"))) {
        return fh_chain_fail(work, FH_E_SUPPORT, "%.*s has a token that is no bearer token",
                             FH_ARG(what));
    }
    out->kind = FH_CREDENTIAL_TOKEN;
    out->token = token;
    out->expires_s = work->now_us / 1000000 + fh_min(lifetime_s, UINT32_MAX);
    return FH_OK;
}

enum fh_rc fh_oauth_ask(struct fh_chain_work *work, const char *url, const struct fh_buf *form,
                        const char *advice, struct fh_credential *out)
{
    struct fh_http_call call = {.method = "POST", .url = url, .body = fh_buf_slice(form)};
    struct fh_http_answer answer;

    if (form->failed) {
        return fh_chain_fail(work, FH_E_LIMIT, "what %.*s would be sent is too long",
                             FH_ARG(fh_http_call_place(url)));
    }
    fh_http_call_field(&call, FH_LIT("Content-Type"),
                       FH_LIT("application/x-www-form-urlencoded"));
    FH_TRY(fh_chain_call(work, &call, &answer));
    return fh_oauth_read(work, url, &answer, advice, out);
}
