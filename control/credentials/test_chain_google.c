/* test_chain_google.c: Google's credentials, from each place that has them.
 * SPDX-License-Identifier: Apache-2.0 */
#include "control/credentials/trace_chain.h"

#include "base/base64.h"
#include "base/text.h"

#include <openssl/evp.h>
#include <openssl/pem.h>

#define TOKEN_PATH "/computeMetadata/v1/instance/service-accounts/default/token"
#define GOOGLE     "Metadata-Flavor: Google\r\n"
#define GOOD                                                 \
    "{\"access_token\":\"ya29.S3CRET\",\"expires_in\":3599," \
    "\"token_type\":\"Bearer\"}"
#define USER                                                                            \
    "{\"type\":\"authorized_user\",\"client_id\":\"id\",\"client_secret\":\"S3CRET&\"," \
    "\"refresh_token\":\"1//S3CRET\",\"token_uri\":\"@URL/token\"}"
#define WELL_KNOWN "application_default_credentials.json"
#define NO_FILE    "the credentials file: GOOGLE_APPLICATION_CREDENTIALS is not set; "
#define NO_GCLOUD  "gcloud's own file: there is no @DIR/" WELL_KNOWN "; "

static const struct row rows[] = {
    /* the user of gcloud */
    {.name = "the file that the config names",
     .settings = {.file = FH_LIT_INIT("@DIR/user.json")},
     .env = {"GOOGLE_APPLICATION_CREDENTIALS=@DIR/other.json"},
     .file = {{"user.json", USER}},
     .on = {{"POST /token", {.body = GOOD}}},
     .want = "token token=ya29.S3CRET expires=+3599 from=the user in @DIR/user.json",
     .asked = {"\r\n\r\ngrant_type=refresh_token&client_id=id&client_secret=S3CRET%26&refresh_"
               "token=1%2F%2FS3CRET"}},
    {.name = "the file that the variable names",
     .env = {"GOOGLE_APPLICATION_CREDENTIALS=@DIR/user.json", "CLOUDSDK_CONFIG=@DIR"},
     .file = {{"user.json", USER}, {WELL_KNOWN, "{}"}},
     .on = {{"POST /token", {.body = GOOD}}},
     .want = "token token=ya29.S3CRET expires=+3599 from=the user in @DIR/user.json"},
    {.name = "gcloud's own file",
     .env = {"CLOUDSDK_CONFIG=@DIR"},
     .file = {{WELL_KNOWN, USER}},
     .on = {{"POST /token", {.body = GOOD}}},
     .want = "token token=ya29.S3CRET expires=+3599 from=the user in @DIR/" WELL_KNOWN},
    {.name = "he has logged out",
     .env = {"CLOUDSDK_CONFIG=@DIR"},
     .file = {{WELL_KNOWN, USER}},
     .on = {{"POST /token",
             {.status = 400,
              .body = "{\"error\":\"invalid_grant\",\"error_description\":\"Token has been "
                      "expired or revoked.\"}"}}},
     .want = "system: gcloud's own file: @URL/token answered 400 invalid_grant: Token has been "
             "expired or revoked.; `gcloud auth application-default login` makes a new one"},

    /* files that are of no use */
    {.name = "a file that is not there",
     .settings = {.file = FH_LIT_INIT("@DIR/nowhere.json")},
     .want = "system: the credentials file: there is no @DIR/nowhere.json"},
    {.name = "a file that is a directory",
     .settings = {.file = FH_LIT_INIT("@DIR")},
     .want = "system: the credentials file: @DIR cannot be read: …"},
    {.name = "no JSON",
     .settings = {.file = FH_LIT_INIT("@DIR/f")},
     .file = {{"f", "-----BEGIN PRIVATE S3CRET"}},
     .want = "syntax: the credentials file: @DIR/f is no JSON that can be read (…"},
    {.name = "no object",
     .settings = {.file = FH_LIT_INIT("@DIR/f")},
     .file = {{"f", "[\"S3CRET\"]"}},
     .want = "syntax: the credentials file: @DIR/f is JSON, but no object"},
    {.name = "no type",
     .settings = {.file = FH_LIT_INIT("@DIR/f")},
     .file = {{"f", "{\"client_secret\":\"S3CRET\"}"}},
     .want = "syntax: the credentials file: @DIR/f has no \"type\" in it"},
    {.name = "another type",
     .settings = {.file = FH_LIT_INIT("@DIR/f")},
     .file = {{"f", "{\"type\":\"external_account\"}"}},
     .want = "unsupported: the credentials file: @DIR/f is of a type that is not supported: "
             "\"external_account\"; service_account and authorized_user are"},
    {.name = "half a user",
     .settings = {.file = FH_LIT_INIT("@DIR/f")},
     .file = {{"f", "{\"type\":\"authorized_user\",\"client_id\":\"id\"}"}},
     .want = "syntax: the credentials file: @DIR/f has no \"client_secret\" in it"},
    {.name = "a service account without its key",
     .settings = {.file = FH_LIT_INIT("@DIR/f")},
     .file = {{"f", "{\"type\":\"service_account\",\"client_email\":\"a@b\"}"}},
     .want = "syntax: the credentials file: @DIR/f has no \"private_key\" in it"},
    {.name = "a service account with a key that is none",
     .settings = {.file = FH_LIT_INIT("@DIR/f")},
     .file = {{"f", "{\"type\":\"service_account\",\"client_email\":\"a@b\","
                    "\"private_key\":\"S3CRET\"}"}},
     .want = "syntax: the credentials file: the private_key in @DIR/f is no RSA key in PEM"},
    {.name = "a token endpoint in clear",
     .settings = {.file = FH_LIT_INIT("@DIR/f")},
     .file = {{"f", "{\"type\":\"authorized_user\",\"client_id\":\"id\",\"client_secret\":"
                    "\"S3CRET\",\"refresh_token\":\"S3CRET\",\"token_uri\":\"http://"
                    "example.com/token\"}"}},
     .want = "unsupported: the credentials file: http://example.com/token is not asked: …"},

    /* answers that are of no use */
    {.name = "half an answer",
     .settings = {.file = FH_LIT_INIT("@DIR/f")},
     .file = {{"f", USER}},
     .on = {{"POST /token", {.body = GOOD, .how = STUB_HALF}}},
     .want = "system: the credentials file: @URL/token gave no answer: …"},
    {.name = "an answer that is no JSON",
     .settings = {.file = FH_LIT_INIT("@DIR/f")},
     .file = {{"f", USER}},
     .on = {{"POST /token", {.body = "<html>S3CRET"}}},
     .want = "syntax: the credentials file: the answer of @URL/token is no JSON that can be "
             "read (…"},
    {.name = "an answer without a token",
     .settings = {.file = FH_LIT_INIT("@DIR/f")},
     .file = {{"f", USER}},
     .on = {{"POST /token", {.body = "{\"id_token\":\"S3CRET\",\"expires_in\":1}"}}},
     .want =
         "syntax: the credentials file: the answer of @URL/token has no access_token in it"},
    {.name = "an answer without an end",
     .settings = {.file = FH_LIT_INIT("@DIR/f")},
     .file = {{"f", USER}},
     .on = {{"POST /token", {.body = "{\"access_token\":\"S3CRET\"}"}}},
     .want = "syntax: the credentials file: the answer of @URL/token has no expires_in in it"},
    {.name = "a token of another kind",
     .settings = {.file = FH_LIT_INIT("@DIR/f")},
     .file = {{"f", USER}},
     .on = {{"POST /token",
             {.body =
                  "{\"access_token\":\"S3CRET\",\"expires_in\":9,\"token_type\":\"mac\"}"}}},
     .want = "unsupported: the credentials file: the answer of @URL/token has a token that is "
             "no bearer token"},
    {.name = "a token that has expired",
     .settings = {.file = FH_LIT_INIT("@DIR/f")},
     .file = {{"f", USER}},
     .on = {{"POST /token", {.body = "{\"access_token\":\"S3CRET\",\"expires_in\":0}"}}},
     .want = "system: the credentials file: the user in @DIR/f gave credentials that have "
             "expired, 0 s ago; is this machine's clock right?"},
    {.name = "an error page",
     .settings = {.file = FH_LIT_INIT("@DIR/f")},
     .file = {{"f", USER}},
     .on = {{"POST /token", {.status = 503, .body = "try \x01later\nS3CRET"}}},
     .want = "system: the credentials file: @URL/token answered 503: try  later; `gcloud auth "
             "application-default login` makes a new one"},
    {.name = "no answer",
     .settings = {.file = FH_LIT_INIT("@DIR/f")},
     .file = {{"f", USER}},
     .on = {{"POST /token", {.how = STUB_NEVER}}},
     .want = "system: the credentials file: @URL/token gave no answer: …",
     .timeout_ms = 100},

    /* a machine of Google's */
    {.name = "the metadata server",
     .env = {"GCE_METADATA_HOST=@HOST", "CLOUDSDK_CONFIG=@DIR"},
     .on = {{"GET " TOKEN_PATH, {.body = GOOD, .fields = GOOGLE}}},
     .want = "token token=ya29.S3CRET expires=+3599 from=the metadata server @HOST",
     .asked = {"GET " TOKEN_PATH
               "?scopes=https://www.googleapis.com/auth/cloud-platform HTTP/1.1\r\n"}},
    {.name = "a machine without a service account",
     .env = {"GCE_METADATA_HOST=@HOST", "CLOUDSDK_CONFIG=@DIR"},
     .on = {{"GET " TOKEN_PATH, {.status = 404, .body = "Not Found\n", .fields = GOOGLE}}},
     .want =
         "system: the metadata server: @URL" TOKEN_PATH " answered 404: Not Found; does this "
         "machine have a service account, with the scope cloud-platform?"},
    {.name = "somebody else's server",
     .env = {"GCE_METADATA_HOST=@HOST", "CLOUDSDK_CONFIG=@DIR"},
     .on = {{"GET " TOKEN_PATH, {.body = GOOD}}},
     .want = "syntax: the metadata server: @URL" TOKEN_PATH " answered, but it is no metadata "
             "server of Google's"},
    {.name = "nothing at all",
     .env = {"GCE_METADATA_HOST=127.0.0.1:1", "CLOUDSDK_CONFIG=@DIR"},
     .want = "missing: none are set up here (" NO_FILE NO_GCLOUD
             "the metadata server: http://127.0.0.1:1" TOKEN_PATH " gave no answer: …"},
};

static void test_every_place(void **state)
{
    FH_UNUSED(state);
    try_rows(rows, FH_LEN(rows), FH_CREDENTIALS_GOOGLE);
}

/* ---- the service account ---- */

/* json_key prints a private key as it stands in JSON. */
static struct fh_slice json_key(struct fh_arena *arena, EVP_PKEY *key)
{
    struct fh_buf out = fh_buf_in_arena(arena, 1 << 14);
    BIO *pem = BIO_new(BIO_s_mem());
    char *bytes = NULL;

    assert_int_equal(PEM_write_bio_PrivateKey(pem, key, NULL, NULL, 0, NULL, NULL), 1);
    size_t len = (size_t)BIO_get_mem_data(pem, &bytes);

    fh_json_quote(&out, fh_slice(bytes, len));
    BIO_free(pem);
    return fh_buf_slice(&out);
}

/* from_url undoes base64url. */
static struct fh_slice from_url(struct fh_arena *arena, struct fh_slice text)
{
    struct fh_buf plain = fh_buf_in_arena(arena, 1 << 14);
    struct fh_buf out = fh_buf_in_arena(arena, 1 << 14);

    for (size_t i = 0; i < text.len; i++) {
        fh_buf_byte(&plain, text.ptr[i] == '-' ? '+' : text.ptr[i] == '_' ? '/' : text.ptr[i]);
    }
    while (plain.len % 4 != 0) {
        fh_buf_byte(&plain, '=');
    }
    assert_int_equal(fh_base64_decode(&out, fh_buf_slice(&plain)), FH_OK);
    return fh_buf_slice(&out);
}

/* check_assertion verifies the signature, as Google does, and gives header and claims. */
static void check_assertion(struct fh_arena *arena, struct fh_slice jwt, EVP_PKEY *key,
                            struct fh_slice *header, struct fh_slice *claims)
{
    struct fh_slice rest = jwt;
    struct fh_slice part[3] = {{0}};
    EVP_MD_CTX *md = EVP_MD_CTX_new();

    for (size_t i = 0; i < FH_LEN(part); i++) {
        assert_true(fh_split(&rest, '.', &part[i]));
    }
    assert_int_equal(rest.len, 0);
    struct fh_slice text = fh_head(jwt, jwt.len - part[2].len - 1);
    struct fh_slice signature = from_url(arena, part[2]);

    assert_int_equal(EVP_DigestVerifyInit(md, NULL, EVP_sha256(), NULL, key), 1);
    assert_int_equal(EVP_DigestVerify(md, signature.ptr, signature.len, text.ptr, text.len), 1);
    EVP_MD_CTX_free(md);
    *header = from_url(arena, part[0]);
    *claims = from_url(arena, part[1]);
}

static void test_service_account(void **state)
{
    EVP_PKEY *key = EVP_RSA_gen(2048);
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(SIZE_MAX);
    struct fh_slice parts[] = {
        FH_LIT(
            "{\"type\":\"service_account\",\"private_key_id\":\"k1\",\"client_email\":\"me@p."
            "iam.gserviceaccount.com\",\"token_uri\":\"@URL/token\",\"private_key\":"),
        json_key(arena, key),
        FH_LIT("}"),
    };
    struct row row = {
        .settings = {.source = FH_CREDENTIALS_GOOGLE, .file = FH_LIT_INIT("@DIR/sa.json")},
        .on = {{"POST /token", {.body = GOOD}}},
    };
    struct fh_slice form = FH_LIT(
        "\r\n\r\ngrant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=");
    struct fh_slice header = FH_NONE;
    struct fh_slice claims = FH_NONE;
    struct world w;

    FH_UNUSED(state);
    tap_context("a service account");
    row.file[0] = (struct row_file){"sa.json",
                                    fh_dup_cstr(arena, fh_concat(arena, parts, FH_LEN(parts)))};
    world_begin(&w, &row);
    assert_text(obtain(&w, 0), "token token=ya29.S3CRET expires=+3599 from=service account "
                               "me@p.iam.gserviceaccount.com in @DIR/sa.json");
    struct fh_slice asked = http_stub_asked(w.stub, 0);
    size_t at = fh_search(asked, form);

    assert_true(at < asked.len);
    check_assertion(arena, fh_tail(asked, at + form.len), key, &header, &claims);
    assert_text(header, "{\"alg\":\"RS256\",\"typ\":\"JWT\",\"kid\":\"k1\"}");
    assert_text(
        emptied(&w, claims),
        "{\"iss\":\"me@p.iam.gserviceaccount.com\",\"scope\":\"https://www.googleapis.com/"
        "auth/cloud-platform\",\"aud\":\"@URL/token\",\"iat\":1767225600,\"exp\":"
        "1767229200}");

    /* Google takes the assertion for a forgery, or the clock is wrong */
    http_stub_on(w.stub, "POST /token",
                 (struct stub_answer){.status = 400,
                                      .body =
                                          "{\"error\":\"invalid_grant\","
                                          "\"error_description\":\"Invalid JWT Signature.\"}"});
    assert_text(
        obtain(&w, 0),
        "system: the credentials file: @URL/token answered 400 invalid_grant: Invalid JWT "
        "Signature.; does the service account still have this key, and is this machine's "
        "clock right?");
    world_end(&w, &row);
    EVP_PKEY_free(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_place),
        cmocka_unit_test(test_service_account),
    };
    return cmocka_run_group_tests_name("chain_google", tests, NULL, NULL);
}
