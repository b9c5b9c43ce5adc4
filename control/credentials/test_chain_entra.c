/* test_chain_entra.c: tokens of Microsoft Entra ID, from each place that has them.
 * SPDX-License-Identifier: Apache-2.0 */
#include "control/credentials/trace_chain.h"

#define GOOD "{\"token_type\":\"Bearer\",\"expires_in\":3599,\"access_token\":\"eyJ.S3CRET\"}"
#define APP  "AZURE_AUTHORITY_HOST=@URL/", "AZURE_TENANT_ID=t-1", "AZURE_CLIENT_ID=app"
#define IMDS "/metadata/identity/oauth2/token"
#define SCOPE                                                                                  \
    "grant_type=client_credentials&client_id=app&scope=https%3A%2F%2Fcognitiveservices.azure." \
    "com"                                                                                      \
    "%2F.default"
#define RESOURCE "resource=https%3A%2F%2Fcognitiveservices.azure.com"
#define ASK      "POST /t-1/oauth2/v2.0/token"
#define PLACE    "@URL/t-1/oauth2/v2.0/token"
#define SECRET_ADVICE                                                                        \
    "; are tenant and client_id right, and is the secret its value rather than its id, and " \
    "not "                                                                                   \
    "expired?"

static const struct row rows[] = {
    /* an application's secret */
    {.name = "by variables",
     .env = {APP, "AZURE_CLIENT_SECRET=S3CRET~+"},
     .on = {{ASK, {.body = GOOD}}},
     .want = "token token=eyJ.S3CRET expires=+3599 from=application app of tenant t-1",
     .asked = {"\r\n\r\n" SCOPE "&client_secret=S3CRET~%2B"}},
    {.name = "by the config, which counts more",
     .settings = {.tenant = FH_LIT_INIT("contoso.com"),
                  .client_id = FH_LIT_INIT("own"),
                  .client_secret = FH_LIT_INIT("file:@DIR/secret")},
     .env = {APP, "AZURE_CLIENT_SECRET=other"},
     .file = {{"secret", "S3CRET\n"}},
     .on = {{"POST /contoso.com/oauth2/v2.0/token", {.body = GOOD}}},
     .want = "token token=eyJ.S3CRET expires=+3599 from=application own of tenant contoso.com",
     .asked = {"&client_secret=S3CRET"}},
    {.name = "a secret that has expired",
     .env = {APP, "AZURE_CLIENT_SECRET=S3CRET"},
     .on = {{ASK,
             {.status = 401,
              .body =
                  "{\"error\":\"invalid_client\",\"error_description\":\"AADSTS7000222: The "
                  "provided client secret keys are expired.\\r\\nTrace ID: 1\"}"}}},
     .want = "system: the client secret: " PLACE " answered 401 invalid_client: AADSTS7000222: "
             "The provided client secret keys are expired." SECRET_ADVICE},
    {.name = "a secret that is not there",
     .settings = {.client_secret = FH_LIT_INIT("file:@DIR/nowhere")},
     .env = {APP},
     .want = "system: the client secret: file:@DIR/nowhere cannot be opened: No such file or "
             "directory"},
    {.name = "no tenant",
     .env = {"AZURE_CLIENT_ID=app", "AZURE_CLIENT_SECRET=S3CRET"},
     .want = "syntax: the client secret: there is no tenant; `credentials` in the config or "
             "AZURE_TENANT_ID gives it"},
    {.name = "no application",
     .env = {"AZURE_TENANT_ID=t-1", "AZURE_CLIENT_SECRET=S3CRET"},
     .want = "syntax: the client secret: there is no client_id; `credentials` in the config or "
             "AZURE_CLIENT_ID gives it"},
    {.name = "a tenant that is a path",
     .env = {"AZURE_TENANT_ID=../x", "AZURE_CLIENT_ID=app", "AZURE_CLIENT_SECRET=S3CRET"},
     .want = "syntax: the client secret: the tenant is no id and no domain"},
    {.name = "an authority in clear",
     .env = {"AZURE_AUTHORITY_HOST=http://example.com", "AZURE_TENANT_ID=t-1",
             "AZURE_CLIENT_ID=app", "AZURE_CLIENT_SECRET=S3CRET"},
     .want = "unsupported: the client secret: http://example.com/t-1/oauth2/v2.0/token is not "
             "asked: …"},
    {.name = "garbage",
     .env = {APP, "AZURE_CLIENT_SECRET=S3CRET"},
     .on = {{ASK, {.body = "eyJ.S3CRET"}}},
     .want =
         "syntax: the client secret: the answer of " PLACE " is no JSON that can be read (…"},
    {.name = "half an answer",
     .env = {APP, "AZURE_CLIENT_SECRET=S3CRET"},
     .on = {{ASK, {.body = GOOD, .how = STUB_HALF}}},
     .want = "system: the client secret: " PLACE " gave no answer: …"},
    {.name = "no answer",
     .env = {APP, "AZURE_CLIENT_SECRET=S3CRET"},
     .on = {{ASK, {.how = STUB_NEVER}}},
     .want = "system: the client secret: " PLACE " gave no answer: …",
     .timeout_ms = 100},

    /* a workload in a cluster */
    {.name = "workload identity",
     .env = {APP, "AZURE_FEDERATED_TOKEN_FILE=@DIR/token"},
     .file = {{"token", "eyJ.k8s\r\n"}},
     .on = {{ASK, {.body = GOOD}}},
     .want = "token token=eyJ.S3CRET expires=+3599 from=application app of tenant t-1, by "
             "workload identity",
     .asked = {SCOPE
               "&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type"
               "%3Ajwt-bearer&client_assertion=eyJ.k8s"}},
    {.name = "workload identity, nothing in the file",
     .env = {APP, "AZURE_FEDERATED_TOKEN_FILE=@DIR/token"},
     .file = {{"token", "\n"}},
     .want = "syntax: workload identity: @DIR/token is empty"},
    {.name = "workload identity, no file",
     .env = {APP, "AZURE_FEDERATED_TOKEN_FILE=@DIR/token"},
     .want = "system: workload identity: there is no @DIR/token"},
    {.name = "workload identity that is not trusted",
     .env = {APP, "AZURE_FEDERATED_TOKEN_FILE=@DIR/token"},
     .file = {{"token", "eyJ.k8s"}},
     .on = {{ASK, {.status = 400, .body = "{\"error\":\"invalid_request\"}"}}},
     .want = "system: workload identity: " PLACE " answered 400 invalid_request; does the "
             "application trust this cluster's issuer and this subject?"},

    /* a machine */
    {.name = "a virtual machine",
     .env = {"AZURE_POD_IDENTITY_AUTHORITY_HOST=@URL"},
     .on = {{"GET " IMDS,
             {.body = "{\"access_token\":\"eyJ.S3CRET\",\"expires_in\":\"86399\"}"}}},
     .want = "token token=eyJ.S3CRET expires=+86399 from=the managed identity at @URL" IMDS,
     .asked = {"GET " IMDS "?api-version=2018-02-01&" RESOURCE " HTTP/1.1\r\n"}},
    {.name = "one of its identities",
     .settings = {.client_id = FH_LIT_INIT("a b")},
     .env = {"AZURE_POD_IDENTITY_AUTHORITY_HOST=@URL"},
     .on = {{"GET " IMDS, {.body = GOOD}}},
     .want = "token token=eyJ.S3CRET expires=+3599 from=the managed identity at @URL" IMDS,
     .asked = {"&" RESOURCE "&client_id=a%20b HTTP/1.1\r\n"}},
    {.name = "a service",
     .env = {"IDENTITY_ENDPOINT=@URL/msi/token", "IDENTITY_HEADER=h-1"},
     .on = {{"GET /msi/token", {.body = GOOD}}},
     .want = "token token=eyJ.S3CRET expires=+3599 from=the managed identity at @URL/msi/token",
     .asked = {"GET /msi/token?api-version=2019-08-01&" RESOURCE " HTTP/1.1\r\n"}},
    {.name = "a machine without an identity",
     .env = {"AZURE_POD_IDENTITY_AUTHORITY_HOST=@URL"},
     .on = {{"GET " IMDS,
             {.status = 400,
              .body = "{\"error\":\"invalid_request\",\"error_description\":\"Identity not "
                      "found\"}"}}},
     .want =
         "system: managed identity: @URL" IMDS " answered 400 invalid_request: Identity not "
         "found; is a managed identity assigned here, and if there are several, which "
         "client_id?"},
    {.name = "nothing at all",
     .env = {"AZURE_POD_IDENTITY_AUTHORITY_HOST=http://127.0.0.1:1"},
     .want =
         "missing: none are set up here (the client secret: there is no client_secret in the "
         "config, and AZURE_CLIENT_SECRET is not set; workload identity: "
         "AZURE_FEDERATED_TOKEN_FILE is not set; managed identity: http://127.0.0.1:1" IMDS
         " gave no answer: …"},
};

static void test_every_place(void **state)
{
    FH_UNUSED(state);
    try_rows(rows, FH_LEN(rows), FH_CREDENTIALS_ENTRA);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_place),
    };
    return cmocka_run_group_tests_name("chain_entra", tests, NULL, NULL);
}
