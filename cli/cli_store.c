/* cli_store.c: opens the policy store, and says what to do when that cannot be done.
 * SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli_store.h"

#include "control/state.h"

#include <time.h>
#include <unistd.h>

int fh_cli_store(struct fh_cli *cli, bool makes, struct fh_store **out)
{
    const char *dir = fh_state_path(cli->arena, cli->state_dir, FH_STATE_POLICY);
    const char *why = "";

    if (!makes && access(dir, F_OK) != 0) {
        return fh_cli_failed(cli,
                             "there is no policy store in %s; is --state right? `freehold up`, "
                             "`freehold control` and `freehold key create` make one",
                             cli->state_dir);
    }
    if (makes && fh_state_make(cli->arena, cli->state_dir, &why) != FH_OK) {
        return fh_cli_failed(cli, "%s", why);
    }
    if (fh_store_open(out, dir, &why) != FH_OK) {
        return fh_cli_failed(cli, "the policy store in %s cannot be opened: %s", dir, why);
    }
    return FH_EXIT_OK;
}

void fh_cli_time(struct fh_buf *out, uint64_t time_us)
{
    time_t seconds = (time_t)(time_us / 1000000);
    char text[32];
    struct tm tm;

    if (gmtime_r(&seconds, &tm) == NULL ||
        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm) == 0) {
        return;
    }
    fh_buf_append(out, fh_cstr(text));
}
