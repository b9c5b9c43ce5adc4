/* cmd_check.c: `freehold check`: is the config right, and what will run with it?
 * SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

static int check(struct fh_cli *cli, int argc, char **argv)
{
    FH_UNUSED(argc);
    FH_UNUSED(argv);
    return fh_cli_failed(cli, "the config is not read yet");
}

const struct fh_command fh_command_check = {
    .name = "check",
    .args = "[FILE]",
    .args_max = 1,
    .doc = "Validate the config and explain what will run.",
    .run = check,
};
