/* chain_google.c: Google's "application default credentials": a file, or the metadata server.
 * SPDX-License-Identifier: Apache-2.0 */
#include "control/credentials/jwt.h"
#include "control/credentials/oauth.h"

#define SCOPE         "https://www.googleapis.com/auth/cloud-platform"
#define TOKEN_URL     "https://oauth2.googleapis.com/token"
#define METADATA_HOST "metadata.google.internal"
#define TOKEN_PATH    "/computeMetadata/v1/instance/service-accounts/default/token?scopes=" SCOPE

enum {
    CLAIMS_MAX_LEN = 4096,
    ASSERTION_MAX_LEN = 1 << 14,
    ASSERTION_S = 3600, /* the most that Google takes */
    METADATA_CONNECT_MS = 1000,
    METADATA_MS = 5000,
};

/* ---- a file with credentials in it ---- */

struct file {
    struct fh_slice path;
    yyjson_val *root;
};

/* needs gets a member that the file must have. */
static enum fh_rc needs(struct fh_chain_work *work, const struct file *file, const char *name,
                        struct fh_slice *value)
{
    *value = fh_chain_member(file->root, name);
    return value->len > 0 ? FH_OK
                          : fh_chain_fail(work, FH_E_SYNTAX, "%.*s has no \"%s\" in it",
                                          FH_ARG(file->path), name);
}

static const char *token_url(struct fh_chain_work *work, const struct file *file)
{
    struct fh_slice url = fh_chain_member(file->root, "token_uri");

    return fh_dup_cstr(work->arena, url.len > 0 ? url : FH_LIT(TOKEN_URL));
}

static struct fh_slice claims_of(struct fh_chain_work *work, struct fh_slice email,
                                 const char *url)
{
    struct fh_buf claims = fh_buf_in_arena(work->arena, CLAIMS_MAX_LEN);
    yyjson_mut_doc *doc = fh_json_new(work->arena);
    yyjson_mut_val *root = yyjson_mut_obj(doc);
    uint64_t now_s = work->now_us / 1000000;

    fh_json_add_text(doc, root, "iss", email);
    fh_json_add_text(doc, root, "scope", FH_LIT(SCOPE));
    fh_json_add_text(doc, root, "aud", fh_cstr(url));
    (void)yyjson_mut_obj_add_uint(doc, root, "iat", now_s);
    (void)yyjson_mut_obj_add_uint(doc, root, "exp", now_s + ASSERTION_S);
    fh_json_append(&claims, work->arena, root);
    return fh_buf_slice(&claims); /* one that did not fit is refused by whoever reads it */
}

/* service_account proves with its private key who it is (RFC 7523). */
static enum fh_rc service_account(struct fh_chain_work *work, const struct file *file,
                                  struct fh_credential *out)
{
    struct fh_buf form = fh_buf_in_arena(work->arena, FH_OAUTH_FORM_MAX);
    struct fh_buf assertion = fh_buf_in_arena(work->arena, ASSERTION_MAX_LEN);
    const char *url = token_url(work, file);
    struct fh_slice email = FH_NONE;
    struct fh_slice key = FH_NONE;

    FH_TRY(needs(work, file, "client_email", &email));
    FH_TRY(needs(work, file, "private_key", &key));
    enum fh_rc rc =
        fh_jwt_sign(&assertion, claims_of(work, email, url),
                    fh_chain_member(file->root, "private_key_id"), key, work->arena);

    if (rc != FH_OK) {
        return fh_chain_fail(work, rc, "the private_key in %.*s is no RSA key in PEM",
                             FH_ARG(file->path));
    }
    fh_http_form_add(&form, FH_LIT("grant_type"),
                     FH_LIT("urn:ietf:params:oauth:grant-type:jwt-bearer"));
    fh_http_form_add(&form, FH_LIT("assertion"), fh_buf_slice(&assertion));
    FH_TRY(fh_oauth_ask(work, url, &form,
                        "does the service account still have this key, and is this machine's "
                        "clock right?",
                        out));
    out->from =
        fh_chain_print(work, "service account %.*s in %.*s", FH_ARG(email), FH_ARG(file->path));
    return FH_OK;
}

/* authorized_user is somebody who logged in with gcloud. */
static enum fh_rc authorized_user(struct fh_chain_work *work, const struct file *file,
                                  struct fh_credential *out)
{
    static const char *const names[] = {"client_id", "client_secret", "refresh_token"};
    struct fh_buf form = fh_buf_in_arena(work->arena, FH_OAUTH_FORM_MAX);

    fh_http_form_add(&form, FH_LIT("grant_type"), FH_LIT("refresh_token"));
    for (size_t i = 0; i < FH_LEN(names); i++) {
        struct fh_slice value = FH_NONE;

        FH_TRY(needs(work, file, names[i], &value));
        fh_http_form_add(&form, fh_cstr(names[i]), value);
    }
    FH_TRY(fh_oauth_ask(work, token_url(work, file), &form,
                        "`gcloud auth application-default login` makes a new one", out));
    out->from = fh_chain_print(work, "the user in %.*s", FH_ARG(file->path));
    return FH_OK;
}

/* from_file goes by the type that the file says it has. */
static enum fh_rc from_file(struct fh_chain_work *work, struct fh_slice path,
                            struct fh_credential *out)
{
    static const struct {
        struct fh_slice type;
        enum fh_rc (*fetch)(struct fh_chain_work *, const struct file *,
                            struct fh_credential *);
    } types[] = {
        {FH_LIT_INIT("service_account"), service_account},
        {FH_LIT_INIT("authorized_user"), authorized_user},
    };
    struct file file = {.path = path};
    struct fh_slice text = FH_NONE;
    struct fh_slice type = FH_NONE;

    FH_TRY(fh_chain_file(work, path, &text));
    FH_TRY(fh_chain_json(work, path, text, &file.root));
    FH_TRY(needs(work, &file, "type", &type));
    for (size_t i = 0; i < FH_LEN(types); i++) {
        if (fh_eq(types[i].type, type)) {
            return types[i].fetch(work, &file, out);
        }
    }
    return fh_chain_fail(work, FH_E_SUPPORT,
                         "%.*s is of a type that is not supported: \"%.*s\"; service_account "
                         "and authorized_user are",
                         FH_ARG(path), FH_ARG(type));
}

/* must_be_there is for a file that somebody named. */
static enum fh_rc must_be_there(enum fh_rc rc)
{
    return rc == FH_E_MISSING ? FH_E_SYSTEM : rc;
}

static enum fh_rc from_named_file(struct fh_chain_work *work, struct fh_credential *out)
{
    struct fh_slice path = work->settings->file;

    if (path.len > 0) {
        return must_be_there(from_file(work, path, out));
    }
    path = fh_chain_env(work, "GOOGLE_APPLICATION_CREDENTIALS");
    if (path.len > 0) {
        return must_be_there(from_file(work, path, out));
    }
    return fh_chain_fail(work, FH_E_MISSING, "GOOGLE_APPLICATION_CREDENTIALS is not set");
}

static enum fh_rc from_gcloud(struct fh_chain_work *work, struct fh_credential *out)
{
    struct fh_slice dir = fh_chain_env(work, "CLOUDSDK_CONFIG");

    dir = fh_chain_home(work, dir, ".config/gcloud");
    return from_file(
        work, fh_chain_print(work, "%.*s/application_default_credentials.json", FH_ARG(dir)),
        out);
}

/* ---- a machine of Google's ---- */

static enum fh_rc from_metadata(struct fh_chain_work *work, struct fh_credential *out)
{
    struct fh_slice host = fh_chain_env(work, "GCE_METADATA_HOST");
    struct fh_http_call call = {
        .method = "GET",
        .wanted = FH_LIT("Metadata-Flavor"),
        .connect_timeout_ms = METADATA_CONNECT_MS,
        .timeout_ms = METADATA_MS,
    };
    struct fh_http_answer answer;

    host = host.len > 0 ? host : FH_LIT(METADATA_HOST);
    call.url = (const char *)fh_chain_print(work, "http://%.*s" TOKEN_PATH, FH_ARG(host)).ptr;
    fh_http_call_field(&call, FH_LIT("Metadata-Flavor"), FH_LIT("Google"));
    enum fh_rc rc = fh_chain_call(work, &call, &answer);

    if (rc != FH_OK) {
        return rc == FH_E_SYSTEM ? FH_E_MISSING : rc; /* it is no machine of Google's */
    }
    if (!fh_eq(answer.field, FH_LIT("Google"))) {
        return fh_chain_fail(work, FH_E_SYNTAX,
                             "%.*s answered, but it is no metadata server of Google's",
                             FH_ARG(fh_http_call_place(call.url)));
    }
    FH_TRY(fh_oauth_read(work, call.url, &answer,
                         "does this machine have a service account, with the scope "
                         "cloud-platform?",
                         out));
    out->from = fh_chain_print(work, "the metadata server %.*s", FH_ARG(host));
    return FH_OK;
}

static const struct fh_chain_link links[] = {
    {"the credentials file", from_named_file},
    {"gcloud's own file", from_gcloud},
    {"the metadata server", from_metadata},
};

const struct fh_chain fh_chain_google = {links, FH_LEN(links), NULL};
