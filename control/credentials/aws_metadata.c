/* aws_metadata.c: keys that a container or an instance of AWS's is given by its host.
 * SPDX-License-Identifier: Apache-2.0 */
#include "control/credentials/aws.h"

#define CONTAINER_HOST  "http://169.254.170.2"
#define INSTANCE_HOST   "http://169.254.169.254"
#define INSTANCE_HOST_6 "http://[fd00:ec2::254]"
#define ROLES_PATH      "/latest/meta-data/iam/security-credentials/"

enum { CONNECT_MS = 1000, CALL_MS = 5000 };

static const char *join(struct fh_chain_work *work, struct fh_slice host, const char *path,
                        struct fh_slice end)
{
    while (fh_ends(host, FH_LIT("/"))) {
        host = fh_head(host, host.len - 1);
    }
    return (const char *)fh_chain_print(work, "%.*s%s%.*s", FH_ARG(host), path, FH_ARG(end))
        .ptr;
}

/* first_of gives the one of two members that is there: some of these services write them small. */
static struct fh_slice first_of(yyjson_val *root, const char *name, const char *other)
{
    struct fh_slice value = fh_chain_member(root, name);

    return value.len > 0 ? value : fh_chain_member(root, other);
}

static enum fh_rc refused(struct fh_chain_work *work, const char *url,
                          const struct fh_http_answer *answer, const char *advice)
{
    struct fh_error why;
    yyjson_val *root = NULL;

    if (fh_json_parse(work->arena, answer->body, &root, &why) == FH_OK && yyjson_is_obj(root)) {
        return fh_chain_refused(work, url, answer->status, first_of(root, "Code", "code"),
                                first_of(root, "Message", "message"), advice);
    }
    return fh_chain_refused(work, url, answer->status, FH_NONE, FH_NONE, advice);
}

/* read_keys reads the JSON that both services answer. */
static enum fh_rc read_keys(struct fh_chain_work *work, const char *url,
                            const struct fh_http_answer *answer, const char *advice,
                            struct fh_credential *out)
{
    struct fh_slice what =
        fh_chain_print(work, "the answer of %.*s", FH_ARG(fh_http_call_place(url)));
    yyjson_val *root = NULL;

    if (answer->status != 200) {
        return refused(work, url, answer, advice);
    }
    FH_TRY(fh_chain_json(work, what, answer->body, &root));
    struct fh_slice code = fh_chain_member(root, "Code");

    if (code.len > 0 && !fh_eq(code, FH_LIT("Success"))) {
        return refused(work, url, answer, advice); /* an error, with status 200 */
    }
    return fh_aws_read_keys(work, what, root, "Token", out);
}

/* ---- ECS, EKS ---- */

static const char *container_url(struct fh_chain_work *work)
{
    struct fh_slice relative = fh_chain_env(work, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    struct fh_slice full = fh_chain_env(work, "AWS_CONTAINER_CREDENTIALS_FULL_URI");
    struct fh_slice host =
        fh_cstr(work->container_host != NULL ? work->container_host : CONTAINER_HOST);

    if (relative.len > 0) {
        return join(work, host, fh_starts(relative, FH_LIT("/")) ? "" : "/", relative);
    }
    return full.len > 0 ? (const char *)full.ptr : NULL;
}

enum fh_rc fh_aws_container_keys(struct fh_chain_work *work, struct fh_credential *out)
{
    struct fh_slice file = fh_chain_env(work, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    struct fh_slice token = fh_chain_env(work, "AWS_CONTAINER_AUTHORIZATION_TOKEN");
    struct fh_http_call call = {.method = "GET", .url = container_url(work)};
    struct fh_http_answer answer;

    if (call.url == NULL) {
        return fh_chain_fail(work, FH_E_MISSING,
                             "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI is not set");
    }
    if (file.len > 0) {
        FH_TRY(fh_chain_token_file(work, file, &token)); /* it is replaced from time to time */
    }
    if (token.len > 0) {
        fh_http_call_field(&call, FH_LIT("Authorization"), token);
    }
    fh_http_call_field(&call, FH_LIT("Accept"), FH_LIT("application/json"));
    FH_TRY(fh_chain_call(work, &call, &answer));
    FH_TRY(read_keys(work, call.url, &answer, "has the task or pod a role?", out));
    out->from =
        fh_chain_print(work, "the container's %.*s", FH_ARG(fh_http_call_place(call.url)));
    return FH_OK;
}

/* ---- EC2: IMDSv2 ---- */

struct instance {
    struct fh_slice host;
    struct fh_slice token; /* of the session; empty: not asked for yet */
};

static enum fh_rc ask(struct fh_chain_work *work, const struct instance *instance,
                      const char *url, struct fh_http_answer *answer)
{
    struct fh_http_call call = {
        .method = instance->token.len > 0 ? "GET" : "PUT",
        .url = url,
        .connect_timeout_ms = CONNECT_MS,
        .timeout_ms = CALL_MS,
    };

    if (instance->token.len > 0) {
        fh_http_call_field(&call, FH_LIT("X-aws-ec2-metadata-token"), instance->token);
    } else {
        fh_http_call_field(&call, FH_LIT("X-aws-ec2-metadata-token-ttl-seconds"), FH_LIT("60"));
    }
    return fh_chain_call(work, &call, answer);
}

static struct fh_slice instance_host(struct fh_chain_work *work)
{
    struct fh_slice host = fh_chain_env(work, "AWS_EC2_METADATA_SERVICE_ENDPOINT");
    struct fh_slice mode = fh_chain_env(work, "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");

    if (host.len > 0) {
        return host;
    }
    return fh_eq_nocase(mode, FH_LIT("IPv6")) ? FH_LIT(INSTANCE_HOST_6) : FH_LIT(INSTANCE_HOST);
}

/* begin_session gets the token that everything else is asked with. */
static enum fh_rc begin_session(struct fh_chain_work *work, struct instance *instance)
{
    const char *url = join(work, instance->host, "/latest/api/token", FH_NONE);
    struct fh_http_answer answer;
    enum fh_rc rc = ask(work, instance, url, &answer);

    if (rc != FH_OK) {
        return rc == FH_E_SYSTEM ? FH_E_MISSING : rc; /* it is no instance of EC2 */
    }
    if (answer.status != 200 || answer.body.len == 0) {
        return fh_chain_refused(
            work, url, answer.status, FH_NONE, FH_NONE,
            "is the metadata service of this instance turned on, for IMDSv2? "
            "In a container it needs a hop limit of 2");
    }
    instance->token = answer.body;
    return FH_OK;
}

/* find_role gets the name of the role that the instance has. */
static enum fh_rc find_role(struct fh_chain_work *work, const struct instance *instance,
                            struct fh_slice *role)
{
    const char *url = join(work, instance->host, ROLES_PATH, FH_NONE);
    struct fh_http_answer answer;

    FH_TRY(ask(work, instance, url, &answer));
    struct fh_slice name = fh_head(answer.body, fh_find(answer.body, '\n'));

    name = fh_trim(fh_head(name, fh_find(name, '\r')));
    if (answer.status == 404 || (answer.status == 200 && name.len == 0)) {
        return fh_chain_fail(work, FH_E_MISSING, "this instance has no role");
    }
    if (answer.status != 200) {
        return refused(work, url, &answer, "");
    }
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] <= 0x20 || name.ptr[i] >= 0x7F ||
            fh_find(FH_LIT("/?#%"), name.ptr[i]) < 4) {
            return fh_chain_fail(work, FH_E_SYNTAX, "%.*s gave no name of a role",
                                 FH_ARG(fh_http_call_place(url)));
        }
    }
    *role = name;
    return FH_OK;
}

/* find_region asks for the one thing that is nowhere else to be had. Not to get it is no
 * failure. */
static struct fh_slice find_region(struct fh_chain_work *work, const struct instance *instance)
{
    const char *url = join(work, instance->host, "/latest/meta-data/placement/region", FH_NONE);
    struct fh_http_answer answer;
    size_t said = work->why->len;

    if (ask(work, instance, url, &answer) != FH_OK || answer.status != 200) {
        work->why->len = said;
        return FH_NONE;
    }
    return fh_trim(answer.body);
}

enum fh_rc fh_aws_instance_keys(struct fh_chain_work *work, struct fh_credential *out)
{
    struct instance instance = {.host = instance_host(work)};
    struct fh_http_answer answer;
    struct fh_slice role = FH_NONE;

    if (fh_eq_nocase(fh_chain_env(work, "AWS_EC2_METADATA_DISABLED"), FH_LIT("true"))) {
        return fh_chain_fail(work, FH_E_MISSING, "AWS_EC2_METADATA_DISABLED is true");
    }
    FH_TRY(begin_session(work, &instance));
    FH_TRY(find_role(work, &instance, &role));
    const char *url = join(work, instance.host, ROLES_PATH, role);

    FH_TRY(ask(work, &instance, url, &answer));
    FH_TRY(read_keys(work, url, &answer, "may EC2 assume this role?", out));
    out->from = fh_chain_print(work, "role %.*s of this instance", FH_ARG(role));
    out->region = fh_aws_region(work);
    if (out->region.len == 0) {
        out->region = find_region(work, &instance);
    }
    return FH_OK;
}
