/* aws_process.c: a program of the user's that prints credentials.
 * SPDX-License-Identifier: Apache-2.0 */
#include "control/credentials/aws.h"

#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    OUTPUT_MAX_LEN = 1 << 16,
    READ_LEN = 4096,
    TIMEOUT_MS = 30000, /* it may ask a service of its own */
    LOOK_MS = 200,      /* between two looks whether it is to be called off */
    REAP_MS = 10, /* between two looks whether it has ended, once it has closed its output */
};

/* A program that runs, and the pipe from it. */
struct child {
    pid_t pid;
    int out; /* -1: closed */
};

static uint64_t now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* spawn starts the command in a process group of its own, as AWS's tools do: through the shell.
 * What it writes to stderr goes nowhere: nobody knows what is in it. */
static bool spawn(const char *command, const char *const *environment, struct child *child)
{
    const char *const words[] = {"/bin/sh", "-c", command, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) != 0) {
        return false;
    }
    (void)sigemptyset(&none);
    FH_ASSERT(posix_spawn_file_actions_init(&actions) == 0);
    FH_ASSERT(posix_spawnattr_init(&attributes) == 0);
    /* NOLINTBEGIN(performance-no-int-to-ptr): it promises not to write to them */
    bool ok = posix_spawnattr_setflags(&attributes,
                                       POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK) == 0 &&
              posix_spawnattr_setsigmask(&attributes, &none) == 0 &&
              posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY,
                                               0) == 0 &&
              posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY,
                                               0) == 0 &&
              posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO) == 0 &&
              posix_spawn(&child->pid, words[0], &actions, &attributes,
                          (char *const *)(uintptr_t)words,
                          (char *const *)(uintptr_t)environment) == 0;
    /* NOLINTEND(performance-no-int-to-ptr) */

    (void)posix_spawn_file_actions_destroy(&actions);
    (void)posix_spawnattr_destroy(&attributes);
    (void)close(ends[1]);
    if (!ok) {
        (void)close(ends[0]);
        return false;
    }
    child->out = ends[0];
    return true;
}

/* Until when the program may run. */
static bool may_go_on(const struct fh_chain_work *work, uint64_t end_ms)
{
    return now_ms() < end_ms && (work->stop == NULL || !atomic_load(work->stop));
}

/* listen reads what the program prints, to its end. */
static void listen(const struct fh_chain_work *work, const struct child *child, uint64_t end_ms,
                   struct fh_buf *out)
{
    struct pollfd p = {.fd = child->out, .events = POLLIN};

    while (may_go_on(work, end_ms) && !out->failed) {
        if (poll(&p, 1, LOOK_MS) <= 0) {
            continue;
        }
        uint8_t *to = fh_buf_reserve(out, READ_LEN);
        ssize_t n = to == NULL ? 0 : TEMP_FAILURE_RETRY(read(child->out, to, READ_LEN));

        if (n <= 0) {
            return;
        }
        fh_buf_commit(out, (size_t)n);
    }
}

/* reap waits for the program's end, and sees to it when it does not come; then `in_time` is
 * false. */
static int reap(const struct fh_chain_work *work, pid_t pid, uint64_t end_ms, bool *in_time)
{
    int status = 0;

    *in_time = true;
    while (waitpid(pid, &status, WNOHANG) == 0) {
        if (may_go_on(work, end_ms)) {
            (void)poll(NULL, 0, REAP_MS);
            continue;
        }
        *in_time = false;
        (void)kill(-pid, SIGKILL); /* and whatever the shell has started */
        (void)TEMP_FAILURE_RETRY(waitpid(pid, &status, 0));
        break;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* run gives what the command printed. */
static enum fh_rc run(struct fh_chain_work *work, const char *command, struct fh_slice *said)
{
    struct fh_buf out = fh_buf_in_arena(work->arena, OUTPUT_MAX_LEN);
    uint64_t end_ms = now_ms() + (work->timeout_ms > 0 ? work->timeout_ms : TIMEOUT_MS);
    struct child child = {.out = -1};
    bool in_time = false;

    if (!spawn(command, work->environment, &child)) {
        return fh_chain_fail(work, FH_E_SYSTEM, "credential_process cannot be started: %s",
                             strerrordesc_np(errno));
    }
    listen(work, &child, end_ms, &out);
    (void)close(child.out);
    int status = reap(work, child.pid, end_ms, &in_time);

    if (out.failed) {
        return fh_chain_fail(work, FH_E_LIMIT, "credential_process printed more than %d bytes",
                             OUTPUT_MAX_LEN);
    }
    if (!in_time) {
        return fh_chain_fail(work, FH_E_SYSTEM, "credential_process did not end in time");
    }
    if (status != 0) {
        return fh_chain_fail(work, FH_E_SYSTEM,
                             "credential_process ended with status %d; run it by hand to see "
                             "why",
                             status);
    }
    *said = fh_buf_slice(&out);
    return FH_OK;
}

enum fh_rc fh_aws_from_process(struct fh_chain_work *work, struct fh_slice command,
                               struct fh_credential *out)
{
    struct fh_slice what = FH_LIT("what credential_process printed");
    struct fh_slice text = FH_NONE;
    yyjson_val *root = NULL;
    uint64_t version = 0;

    FH_TRY(run(work, fh_dup_cstr(work->arena, command), &text));
    FH_TRY(fh_chain_json(work, what, text, &root));
    if (!fh_json_u64(fh_json_get(root, FH_LIT("Version")), &version) || version != 1) {
        return fh_chain_fail(work, FH_E_SUPPORT, "%.*s is not of \"Version\": 1", FH_ARG(what));
    }
    return fh_aws_read_keys(work, what, root, "SessionToken", out);
}
