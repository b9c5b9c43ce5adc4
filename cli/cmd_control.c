/* cmd_control.c: `freehold control`: the control plane in the foreground.
 * SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include "control/daemon.h"
#include "control/state.h"

#include <stdio.h>
#include <sys/resource.h>

enum {
    NICENESS = 5
}; /* it works behind the requests: where all processors are busy, they go first */

static void say(const char *line)
{
    (void)fprintf(stderr, "control: %s\n", line);
}

static int control(struct fh_cli *cli, int argc, char **argv)
{
    const struct fh_daemon_options options = {
        .config_path = fh_state_absolute(cli->arena, cli->config_path),
        .state_dir = fh_state_absolute(cli->arena, cli->state_dir),
        .with_parent = fh_cli_option(cli, "with-parent") != NULL,
        .fresh = fh_cli_option(cli, "fresh") != NULL,
        .say = say,
    };

    FH_UNUSED(argc);
    FH_UNUSED(argv);
    (void)setpriority(PRIO_PROCESS, 0, NICENESS);
    switch (fh_daemon_run(&options)) {
    case FH_OK:
        return FH_EXIT_OK;
    case FH_E_SYNTAX:
        return FH_EXIT_NO;
    case FH_E_LIMIT:
    case FH_E_TYPE:
    case FH_E_MISSING:
    case FH_E_CHECKSUM:
    case FH_E_CONFLICT:
    case FH_E_OVERFLOW:
    case FH_E_SUPPORT:
    case FH_E_STORE:
    case FH_E_SYSTEM:
        break;
    }
    return FH_EXIT_FAILED;
}

static const struct fh_option options[] = {
    {"with-parent", NULL, "End when the process that started this one ends."},
    {"fresh", NULL, "Take the local engine for starting, whatever an earlier run recorded."},
};

const struct fh_command fh_command_control = {
    .name = "control",
    .options = options,
    .option_count = FH_LEN(options),
    .doc = "Run the control plane: config to policy, journal to ledger.",
    .help =
        "`freehold up` runs it, too; this is for running it as a service of its own. A config\n"
        "that changes is taken over at once, and so it is on SIGHUP; one with errors changes\n"
        "nothing and is reported. SIGTERM and SIGINT end it.\n",
    .run = control,
};
