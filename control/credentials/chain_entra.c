/* chain_entra.c: Microsoft Entra ID: an application's secret, a workload's token, or a machine.
 * SPDX-License-Identifier: Apache-2.0 */
#include "control/credentials/oauth.h"
#include "gateway/secrets.h"

#define RESOURCE      "https://cognitiveservices.azure.com"
#define SCOPE         RESOURCE "/.default"
#define AUTHORITY     "https://login.microsoftonline.com"
#define METADATA      "http://169.254.169.254"
#define METADATA_PATH "/metadata/identity/oauth2/token?api-version=2018-02-01"
#define SERVICE_QUERY "?api-version=2019-08-01"
#define JWT_BEARER    "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

enum { METADATA_CONNECT_MS = 1000, METADATA_MS = 5000 };

/* or_env is what the config says, else the variable. */
static struct fh_slice or_env(const struct fh_chain_work *work, struct fh_slice setting,
                              const char *name)
{
    return setting.len > 0 ? setting : fh_chain_env(work, name);
}

/* ---- an application of a tenant ---- */

struct application {
    struct fh_slice tenant, client_id;
    const char *url;
};

/* is_plain says whether the text can stand in a path as it is: a GUID, or a domain. */
static bool is_plain(struct fh_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];

        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              c == '-' || c == '.')) {
            return false;
        }
    }
    return true;
}

static enum fh_rc read_application(struct fh_chain_work *work, struct application *app)
{
    struct fh_slice authority = fh_chain_env(work, "AZURE_AUTHORITY_HOST");

    app->tenant = or_env(work, work->settings->tenant, "AZURE_TENANT_ID");
    app->client_id = or_env(work, work->settings->client_id, "AZURE_CLIENT_ID");
    if (app->tenant.len == 0 || app->client_id.len == 0) {
        return fh_chain_fail(work, FH_E_SYNTAX,
                             "there is no %s; `credentials` in the config or %s gives it",
                             app->tenant.len == 0 ? "tenant" : "client_id",
                             app->tenant.len == 0 ? "AZURE_TENANT_ID" : "AZURE_CLIENT_ID");
    }
    if (!is_plain(app->tenant)) {
        return fh_chain_fail(work, FH_E_SYNTAX, "the tenant is no id and no domain");
    }
    authority = authority.len > 0 ? authority : FH_LIT(AUTHORITY);
    while (fh_ends(authority, FH_LIT("/"))) {
        authority = fh_head(authority, authority.len - 1);
    }
    app->url = (const char *)fh_chain_print(work, "%.*s/%.*s/oauth2/v2.0/token",
                                            FH_ARG(authority), FH_ARG(app->tenant))
                   .ptr;
    return FH_OK;
}

static void begin_form(struct fh_buf *form, const struct application *app)
{
    fh_http_form_add(form, FH_LIT("grant_type"), FH_LIT("client_credentials"));
    fh_http_form_add(form, FH_LIT("client_id"), app->client_id);
    fh_http_form_add(form, FH_LIT("scope"), FH_LIT(SCOPE));
}

/* read_secret resolves the config's reference, else takes the variable. */
static enum fh_rc read_secret(struct fh_chain_work *work, struct fh_slice *text)
{
    struct fh_slice ref = work->settings->client_secret;
    struct fh_secret secret = FH_SECRET_NONE;

    if (ref.len == 0) {
        *text = fh_chain_env(work, "AZURE_CLIENT_SECRET");
        return text->len > 0 ? FH_OK
                             : fh_chain_fail(work, FH_E_MISSING,
                                             "there is no client_secret in the config, and "
                                             "AZURE_CLIENT_SECRET is not set");
    }
    enum fh_rc rc = fh_secrets_resolve(&secret, ref, work->why);

    if (rc == FH_E_MISSING) {
        return FH_E_SYSTEM; /* somebody named it */
    }
    FH_TRY(rc);
    *text = fh_dup(work->arena, fh_secret_lend(&secret));
    fh_secret_fini(&secret);
    return FH_OK;
}

static enum fh_rc from_client_secret(struct fh_chain_work *work, struct fh_credential *out)
{
    struct fh_buf form = fh_buf_in_arena(work->arena, FH_OAUTH_FORM_MAX);
    struct application app = {0};
    struct fh_slice secret = FH_NONE;

    FH_TRY(read_secret(work, &secret));
    FH_TRY(read_application(work, &app));
    begin_form(&form, &app);
    fh_http_form_add(&form, FH_LIT("client_secret"), secret);
    FH_TRY(
        fh_oauth_ask(work, app.url, &form,
                     "are tenant and client_id right, and is the secret its value rather than "
                     "its id, and not expired?",
                     out));
    out->from = fh_chain_print(work, "application %.*s of tenant %.*s", FH_ARG(app.client_id),
                               FH_ARG(app.tenant));
    return FH_OK;
}

static enum fh_rc from_workload(struct fh_chain_work *work, struct fh_credential *out)
{
    struct fh_slice path = fh_chain_env(work, "AZURE_FEDERATED_TOKEN_FILE");
    struct fh_buf form = fh_buf_in_arena(work->arena, FH_OAUTH_FORM_MAX);
    struct application app = {0};
    struct fh_slice token = FH_NONE;

    if (path.len == 0) {
        return fh_chain_fail(work, FH_E_MISSING, "AZURE_FEDERATED_TOKEN_FILE is not set");
    }
    FH_TRY(fh_chain_token_file(work, path, &token));
    FH_TRY(read_application(work, &app));
    begin_form(&form, &app);
    fh_http_form_add(&form, FH_LIT("client_assertion_type"), FH_LIT(JWT_BEARER));
    fh_http_form_add(&form, FH_LIT("client_assertion"), token);
    FH_TRY(fh_oauth_ask(work, app.url, &form,
                        "does the application trust this cluster's issuer and this subject?",
                        out));
    out->from = fh_chain_print(work, "application %.*s of tenant %.*s, by workload identity",
                               FH_ARG(app.client_id), FH_ARG(app.tenant));
    return FH_OK;
}

/* ---- a machine or a service of Azure's ---- */

/* machine_url is the metadata service's, or the one that App Service and Container Apps have. */
static const char *machine_url(struct fh_chain_work *work, struct fh_http_call *call)
{
    struct fh_slice endpoint = fh_chain_env(work, "IDENTITY_ENDPOINT");
    struct fh_slice header = fh_chain_env(work, "IDENTITY_HEADER");
    struct fh_slice authority = fh_chain_env(work, "AZURE_POD_IDENTITY_AUTHORITY_HOST");
    struct fh_slice client_id = or_env(work, work->settings->client_id, "AZURE_CLIENT_ID");
    struct fh_buf query = fh_buf_in_arena(work->arena, FH_OAUTH_FORM_MAX);
    struct fh_slice start;

    if (endpoint.len > 0 && header.len > 0) {
        start = fh_chain_print(work, "%.*s" SERVICE_QUERY, FH_ARG(endpoint));
        fh_http_call_field(call, FH_LIT("X-IDENTITY-HEADER"), header);
    } else {
        authority = authority.len > 0 ? authority : FH_LIT(METADATA);
        start = fh_chain_print(work, "%.*s" METADATA_PATH, FH_ARG(authority));
        fh_http_call_field(call, FH_LIT("Metadata"), FH_LIT("true"));
    }
    fh_http_form_add(&query, FH_LIT("resource"), FH_LIT(RESOURCE));
    if (client_id.len > 0) {
        fh_http_form_add(&query, FH_LIT("client_id"), client_id);
    }
    return (const char *)fh_chain_print(work, "%.*s&%.*s", FH_ARG(start),
                                        FH_ARG(fh_buf_slice(&query)))
        .ptr;
}

static enum fh_rc from_machine(struct fh_chain_work *work, struct fh_credential *out)
{
    struct fh_http_call call = {
        .method = "GET",
        .connect_timeout_ms = METADATA_CONNECT_MS,
        .timeout_ms = METADATA_MS,
    };
    struct fh_http_answer answer;

    call.url = machine_url(work, &call);
    enum fh_rc rc = fh_chain_call(work, &call, &answer);

    if (rc != FH_OK) {
        return rc == FH_E_SYSTEM ? FH_E_MISSING : rc; /* it is no machine of Azure's */
    }
    FH_TRY(fh_oauth_read(work, call.url, &answer,
                         "is a managed identity assigned here, and if there are several, which "
                         "client_id?",
                         out));
    out->from = fh_chain_print(work, "the managed identity at %.*s",
                               FH_ARG(fh_http_call_place(call.url)));
    return FH_OK;
}

static const struct fh_chain_link links[] = {
    {"the client secret", from_client_secret},
    {"workload identity", from_workload},
    {"managed identity", from_machine},
};

const struct fh_chain fh_chain_entra = {links, FH_LEN(links), NULL};
