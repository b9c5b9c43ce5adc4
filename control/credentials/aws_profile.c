/* aws_profile.c: ~/.aws/config and ~/.aws/credentials: keys, programs that print keys, and
 * roles that one profile assumes with the keys of another.
 * SPDX-License-Identifier: Apache-2.0 */
#include "control/credentials/aws.h"
#include "control/credentials/aws_ini.h"

enum { ROLES_MAX = 5 }; /* one behind the other */

/* Both files, either of which may be missing (empty) and of which the second counts more. */
struct files {
    struct fh_slice config_path, credentials_path;
    struct fh_slice config, credentials;
};

/* A profile that is being followed. */
struct profile {
    struct fh_chain_work *work;
    const struct files *files;
    struct fh_slice name;
};

static struct fh_slice get(const struct profile *p, const char *key)
{
    struct fh_slice value = FH_NONE;

    if (!fh_aws_ini_get(p->files->credentials, FH_AWS_FILE_CREDENTIALS, p->name, fh_cstr(key),
                        &value)) {
        (void)!fh_aws_ini_get(p->files->config, FH_AWS_FILE_CONFIG, p->name, fh_cstr(key),
                              &value);
    }
    return value;
}

static bool is_there(const struct profile *p)
{
    return fh_aws_ini_has(p->files->credentials, FH_AWS_FILE_CREDENTIALS, p->name) ||
           fh_aws_ini_has(p->files->config, FH_AWS_FILE_CONFIG, p->name);
}

static enum fh_rc load(struct fh_chain_work *work, struct files *files)
{
    const struct {
        const char *variable, *below;
        struct fh_slice *path, *text;
    } both[] = {
        {"AWS_CONFIG_FILE", ".aws/config", &files->config_path, &files->config},
        {"AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials", &files->credentials_path,
         &files->credentials},
    };

    *files = (struct files){0};
    for (size_t i = 0; i < FH_LEN(both); i++) {
        size_t said = work->why->len;

        *both[i].path =
            fh_chain_home(work, fh_chain_env(work, both[i].variable), both[i].below);
        enum fh_rc rc = fh_chain_file(work, *both[i].path, both[i].text);

        if (rc != FH_OK && rc != FH_E_MISSING) {
            return rc;
        }
        work->why->len = said; /* one of the two is enough */
    }
    return FH_OK;
}

/* name_of is the profile that is meant; `is_named` says that somebody named it. */
static struct fh_slice name_of(const struct fh_chain_work *work, bool *is_named)
{
    struct fh_slice name = work->settings->profile;

    if (name.len == 0) {
        name = fh_chain_env(work, "AWS_PROFILE");
    }
    *is_named = name.len > 0;
    return *is_named ? name : FH_LIT("default");
}

struct fh_slice fh_aws_profile_region(struct fh_chain_work *work)
{
    struct files files;
    size_t said = work->why->len;
    bool is_named = false;
    struct profile p = {work, &files, name_of(work, &is_named)};
    bool loaded = load(work, &files) == FH_OK;

    work->why->len = said;
    return loaded ? get(&p, "region") : FH_NONE;
}

/* ---- what a profile can have ---- */

static struct fh_slice describe(const struct profile *p, const char *what)
{
    bool in_credentials =
        fh_aws_ini_has(p->files->credentials, FH_AWS_FILE_CREDENTIALS, p->name);

    return fh_chain_print(p->work, "%sprofile \"%.*s\" in %.*s", what, FH_ARG(p->name),
                          FH_ARG(in_credentials ? p->files->credentials_path
                                                : p->files->config_path));
}

static enum fh_rc static_keys(const struct profile *p, struct fh_credential *out)
{
    out->kind = FH_CREDENTIAL_AWS;
    out->access_key_id = get(p, "aws_access_key_id");
    out->secret_access_key = get(p, "aws_secret_access_key");
    out->session_token = get(p, "aws_session_token");
    if (out->access_key_id.len == 0 || out->secret_access_key.len == 0) {
        return fh_chain_fail(
            p->work, FH_E_SYNTAX, "profile \"%.*s\" has %s without the other", FH_ARG(p->name),
            out->access_key_id.len > 0 ? "aws_access_key_id" : "aws_secret_access_key");
    }
    out->from = describe(p, "");
    return FH_OK;
}

/* own_keys gets the keys that the profile has without assuming a role. */
static enum fh_rc own_keys(const struct profile *p, struct fh_credential *out)
{
    struct fh_slice process = get(p, "credential_process");

    if (get(p, "aws_access_key_id").len > 0 || get(p, "aws_secret_access_key").len > 0) {
        return static_keys(p, out);
    }
    if (process.len > 0) {
        FH_TRY(fh_aws_from_process(p->work, process, out));
        out->from = describe(p, "credential_process of ");
        return FH_OK;
    }
    if (get(p, "sso_session").len > 0 || get(p, "sso_start_url").len > 0) {
        return fh_chain_fail(
            p->work, FH_E_SUPPORT,
            "profile \"%.*s\" logs in by IAM Identity Center, which is left to AWS's own tool: "
            "in another profile, credential_process = aws configure export-credentials "
            "--profile %.*s --format process",
            FH_ARG(p->name), FH_ARG(p->name));
    }
    return fh_chain_fail(p->work, FH_E_MISSING, "profile \"%.*s\" has no credentials in it",
                         FH_ARG(p->name));
}

/* hosted_keys gets those that a profile's credential_source names. */
static enum fh_rc hosted_keys(const struct profile *p, struct fh_credential *out)
{
    static const struct {
        struct fh_slice name;
        enum fh_rc (*fetch)(struct fh_chain_work *, struct fh_credential *);
    } hosts[] = {
        {FH_LIT_INIT("Environment"), fh_aws_environment_keys},
        {FH_LIT_INIT("EcsContainer"), fh_aws_container_keys},
        {FH_LIT_INIT("Ec2InstanceMetadata"), fh_aws_instance_keys},
    };
    struct fh_slice name = get(p, "credential_source");

    for (size_t i = 0; i < FH_LEN(hosts); i++) {
        if (fh_eq(hosts[i].name, name)) {
            return hosts[i].fetch(p->work, out);
        }
    }
    return fh_chain_fail(p->work, FH_E_SYNTAX,
                         "credential_source of profile \"%.*s\" is none of Environment, "
                         "EcsContainer, Ec2InstanceMetadata",
                         FH_ARG(p->name));
}

static struct fh_aws_role role_of(const struct profile *p)
{
    return (struct fh_aws_role){
        .arn = get(p, "role_arn"),
        .session_name = get(p, "role_session_name"),
        .external_id = get(p, "external_id"),
        .duration_s = get(p, "duration_seconds"),
    };
}

/* ---- roles ---- */

/* The roles on the way to the first keys: the last one is assumed first. */
struct way {
    struct fh_aws_role role[ROLES_MAX];
    size_t count;
};

/* follow walks from profile to profile until there are keys. */
static enum fh_rc follow(struct profile *p, struct way *way, struct fh_credential *out)
{
    while (get(p, "role_arn").len > 0) {
        struct fh_slice token_file = get(p, "web_identity_token_file");
        struct fh_slice next = get(p, "source_profile");
        const struct fh_aws_role role = role_of(p);

        if (token_file.len > 0) {
            return fh_aws_assume_with_token(p->work, &role, token_file, out);
        }
        if (get(p, "mfa_serial").len > 0) {
            return fh_chain_fail(
                p->work, FH_E_SUPPORT,
                "profile \"%.*s\" wants a code from a device (mfa_serial), and "
                "nobody is there to type one",
                FH_ARG(p->name));
        }
        if (way->count == ROLES_MAX) {
            return fh_chain_fail(p->work, FH_E_LIMIT,
                                 "more than %d roles one behind the other; does a "
                                 "source_profile lead back?",
                                 ROLES_MAX);
        }
        way->role[way->count++] = role;
        if (next.len == 0) {
            return get(p, "credential_source").len > 0
                       ? hosted_keys(p, out)
                       : fh_chain_fail(p->work, FH_E_SYNTAX,
                                       "profile \"%.*s\" has a role_arn, but neither "
                                       "source_profile nor credential_source",
                                       FH_ARG(p->name));
        }
        if (fh_eq(next, p->name)) {
            break; /* it assumes the role with keys of its own */
        }
        p->name = next;
        if (!is_there(p)) {
            return fh_chain_fail(p->work, FH_E_SYNTAX, "there is no source_profile \"%.*s\"",
                                 FH_ARG(next));
        }
    }
    return own_keys(p, out);
}

enum fh_rc fh_aws_from_profile(struct fh_chain_work *work, struct fh_credential *out)
{
    struct files files;
    struct way way = {.count = 0};
    bool is_named = false;
    struct profile p = {work, &files, name_of(work, &is_named)};

    FH_TRY(load(work, &files));
    if (!is_there(&p)) {
        return fh_chain_fail(work, is_named ? FH_E_SYNTAX : FH_E_MISSING,
                             "there is no profile \"%.*s\" in %.*s and %.*s", FH_ARG(p.name),
                             FH_ARG(files.credentials_path), FH_ARG(files.config_path));
    }
    enum fh_rc rc = follow(&p, &way, out);

    if (rc == FH_E_MISSING && (is_named || way.count > 0)) {
        return FH_E_SYNTAX; /* somebody meant it to be there */
    }
    FH_TRY(rc);
    while (way.count > 0) {
        FH_TRY(fh_aws_assume(work, &way.role[--way.count], out, out));
    }
    return FH_OK;
}
