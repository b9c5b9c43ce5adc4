/*
 * aws_ini.h: ~/.aws/config and ~/.aws/credentials, in the dialect that AWS's own tools read.
 *
 *     [profile dev]            in config; [dev] in credentials; [default] in both
 *     region = eu-central-1    # a comment, with a blank before it
 *     s3 =
 *         max_concurrent = 20  deeper than its key: a part of it, of no use here
 *     ; a comment
 *
 * Names of profiles are compared as they stand, names of keys without regard to case. A profile
 * that stands twice is one; of a key that stands twice the last counts. What is no section and
 * no key is passed over, as AWS's tools do: the files belong to other programs, too.
 *
 * Not libinih: as Debian builds it, it cuts lines at 200 bytes, and a session token has a thousand;
 * it also hands out nested keys as if they were none.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "base/base.h"

enum fh_aws_file {
    FH_AWS_FILE_CONFIG,
    FH_AWS_FILE_CREDENTIALS,
};

/* fh_aws_ini_get finds a key of a profile.
 *
 * Borrows  `value` points into `text`.
 * Returns  false when it is not there, or nothing stands behind it.
 */
FH_NODISCARD bool fh_aws_ini_get(struct fh_slice text, enum fh_aws_file file,
                                 struct fh_slice profile, struct fh_slice key,
                                 struct fh_slice *value);

/* fh_aws_ini_has says whether there is such a profile. */
FH_NODISCARD bool fh_aws_ini_has(struct fh_slice text, enum fh_aws_file file,
                                 struct fh_slice profile);
