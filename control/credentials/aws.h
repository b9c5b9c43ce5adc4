/*
 * aws.h: what the links of AWS's chain have in common. chain_aws.c names them in order.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "control/credentials/chain.h"

/* ---- settings ---- */

/* fh_aws_region is the region that is set: by the config, the environment, or the profile; empty
 * when none is. */
struct fh_slice fh_aws_region(struct fh_chain_work *work);

/* ---- keys in JSON, as containers, instances and processes give them ---- */

/* fh_aws_read_keys takes the keys out of an object that `what` gave; `token` is what the
 * session token is called there. */
enum fh_rc fh_aws_read_keys(struct fh_chain_work *work, struct fh_slice what, yyjson_val *root,
                            const char *token, struct fh_credential *out);

/* ---- STS: aws_sts.c ---- */

struct fh_aws_role {
    struct fh_slice arn;
    struct fh_slice session_name; /* empty: ours */
    struct fh_slice external_id;  /* may be empty */
    struct fh_slice duration_s;   /* empty: STS's own, an hour */
};

/* fh_aws_assume_with_token turns the token of an OpenID provider, in a file, into keys of a
 * role. */
enum fh_rc fh_aws_assume_with_token(struct fh_chain_work *work, const struct fh_aws_role *role,
                                    struct fh_slice token_file, struct fh_credential *out);

/* fh_aws_assume turns keys into those of a role that they may assume; the request is signed with
 * them. `out` may be `with`. */
enum fh_rc fh_aws_assume(struct fh_chain_work *work, const struct fh_aws_role *role,
                         const struct fh_credential *with, struct fh_credential *out);

/* ---- the links, and what they are made of ---- */

/* fh_aws_environment_keys takes the pair of the environment, fh_aws_from_environment whatever
 * is there for Bedrock. */
enum fh_rc fh_aws_environment_keys(struct fh_chain_work *work, struct fh_credential *out);
enum fh_rc fh_aws_from_environment(struct fh_chain_work *work, struct fh_credential *out);
enum fh_rc fh_aws_from_web_identity(struct fh_chain_work *work, struct fh_credential *out);
enum fh_rc fh_aws_from_profile(struct fh_chain_work *work, struct fh_credential *out);

/* fh_aws_container_keys and fh_aws_instance_keys ask the host; a profile may name them as well. */
enum fh_rc fh_aws_container_keys(struct fh_chain_work *work, struct fh_credential *out);
enum fh_rc fh_aws_instance_keys(struct fh_chain_work *work, struct fh_credential *out);

/* fh_aws_from_process runs a profile's credential_process. */
enum fh_rc fh_aws_from_process(struct fh_chain_work *work, struct fh_slice command,
                               struct fh_credential *out);

/* fh_aws_profile_region is the region that the profile in use has; empty when it has none. */
struct fh_slice fh_aws_profile_region(struct fh_chain_work *work);
