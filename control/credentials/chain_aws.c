/* chain_aws.c: AWS's chain, and its first link: the environment.
 * SPDX-License-Identifier: Apache-2.0 */
#include "control/credentials/aws.h"

struct fh_slice fh_aws_region(struct fh_chain_work *work)
{
    static const char *const names[] = {"AWS_REGION", "AWS_DEFAULT_REGION"};
    struct fh_slice region = work->settings->region;

    for (size_t i = 0; i < FH_LEN(names) && region.len == 0; i++) {
        region = fh_chain_env(work, names[i]);
    }
    return region.len > 0 ? region : fh_aws_profile_region(work);
}

enum fh_rc fh_aws_read_keys(struct fh_chain_work *work, struct fh_slice what, yyjson_val *root,
                            const char *token, struct fh_credential *out)
{
    struct fh_slice expires = fh_chain_member(root, "Expiration");

    out->kind = FH_CREDENTIAL_AWS;
    out->access_key_id = fh_chain_member(root, "AccessKeyId");
    out->secret_access_key = fh_chain_member(root, "SecretAccessKey");
    out->session_token = fh_chain_member(root, token);
    if (out->access_key_id.len == 0 || out->secret_access_key.len == 0) {
        return fh_chain_fail(work, FH_E_SYNTAX, "%.*s has no %s in it", FH_ARG(what),
                             out->access_key_id.len == 0 ? "AccessKeyId" : "SecretAccessKey");
    }
    if (expires.len > 0 && !fh_chain_time(expires, &out->expires_s)) {
        return fh_chain_fail(work, FH_E_SYNTAX,
                             "%.*s has an Expiration that is no time, such as "
                             "2026-01-31T12:30:05Z",
                             FH_ARG(what));
    }
    return FH_OK;
}

enum fh_rc fh_aws_environment_keys(struct fh_chain_work *work, struct fh_credential *out)
{
    struct fh_slice expires = fh_chain_env(work, "AWS_CREDENTIAL_EXPIRATION");

    out->kind = FH_CREDENTIAL_AWS;
    out->access_key_id = fh_chain_env(work, "AWS_ACCESS_KEY_ID");
    out->secret_access_key = fh_chain_env(work, "AWS_SECRET_ACCESS_KEY");
    out->session_token = fh_chain_env(work, "AWS_SESSION_TOKEN");
    if (out->access_key_id.len == 0 && out->secret_access_key.len == 0) {
        return fh_chain_fail(work, FH_E_MISSING, "AWS_ACCESS_KEY_ID is not set");
    }
    if (out->access_key_id.len == 0 || out->secret_access_key.len == 0) {
        return fh_chain_fail(work, FH_E_SYNTAX,
                             "of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY only one is set");
    }
    if (expires.len > 0 && !fh_chain_time(expires, &out->expires_s)) {
        return fh_chain_fail(work, FH_E_SYNTAX,
                             "AWS_CREDENTIAL_EXPIRATION is no time, such as "
                             "2026-01-31T12:30:05Z");
    }
    out->from = FH_LIT("AWS_ACCESS_KEY_ID in the environment");
    return FH_OK;
}

enum fh_rc fh_aws_from_environment(struct fh_chain_work *work, struct fh_credential *out)
{
    /* AWS's SDKs let this win over every other way to sign a request to Bedrock */
    struct fh_slice token = fh_chain_env(work, "AWS_BEARER_TOKEN_BEDROCK");

    if (token.len == 0) {
        return fh_aws_environment_keys(work, out);
    }
    out->kind = FH_CREDENTIAL_TOKEN;
    out->token = token;
    out->from = FH_LIT("AWS_BEARER_TOKEN_BEDROCK in the environment");
    return FH_OK;
}

/* unless_named is for what does not count when the config names a profile. */
static enum fh_rc unless_named(struct fh_chain_work *work, struct fh_credential *out,
                               enum fh_rc (*fetch)(struct fh_chain_work *,
                                                   struct fh_credential *))
{
    return work->settings->profile.len == 0
               ? fetch(work, out)
               : fh_chain_fail(work, FH_E_MISSING, "the config names a profile instead");
}

static enum fh_rc environment(struct fh_chain_work *work, struct fh_credential *out)
{
    return unless_named(work, out, fh_aws_from_environment);
}

static enum fh_rc web_identity(struct fh_chain_work *work, struct fh_credential *out)
{
    return unless_named(work, out, fh_aws_from_web_identity);
}

static enum fh_rc container(struct fh_chain_work *work, struct fh_credential *out)
{
    return unless_named(work, out, fh_aws_container_keys);
}

static enum fh_rc instance(struct fh_chain_work *work, struct fh_credential *out)
{
    return unless_named(work, out, fh_aws_instance_keys);
}

/* finish assumes the role that the config names, whatever the keys came from. */
static enum fh_rc finish(struct fh_chain_work *work, struct fh_credential *out)
{
    const struct fh_aws_role role = {.arn = work->settings->role_arn};
    struct fh_slice region = out->region;

    if (role.arn.len > 0) {
        if (out->kind != FH_CREDENTIAL_AWS) {
            return fh_chain_fail(work, FH_E_SUPPORT,
                                 "a token of Bedrock cannot assume the role in the config");
        }
        FH_TRY(fh_aws_assume(work, &role, out, out));
    }
    if (out->kind == FH_CREDENTIAL_AWS) {
        out->region = region.len > 0 ? region : fh_aws_region(work);
    }
    return FH_OK;
}

static const struct fh_chain_link links[] = {
    {"the environment", environment},     {"web identity", web_identity},
    {"the profile", fh_aws_from_profile}, {"the container", container},
    {"the instance", instance},
};

const struct fh_chain fh_chain_aws = {links, FH_LEN(links), finish};
