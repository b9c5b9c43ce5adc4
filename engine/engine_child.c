/* engine_child.c: starts a process that ends with us, and notices when it ends.
 * SPDX-License-Identifier: Apache-2.0 */
#include "engine/engine_child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EXIT_NOT_FOUND = 127 }; /* as shells have it */

/* What a name ends in that llama-server should not see; */
static const struct fh_slice secret_endings[] = {
    FH_LIT_INIT("KEY"),          FH_LIT_INIT("KEY_ID"),   FH_LIT_INIT("TOKEN"),
    FH_LIT_INIT("SECRET"),       FH_LIT_INIT("PASSWORD"), FH_LIT_INIT("PASSWD"),
    FH_LIT_INIT("_CREDENTIALS"),
};

/* and what it begins with. */
static const struct fh_slice server_beginnings[] = {
    FH_LIT_INIT("LLAMA_"),
    FH_LIT_INIT("FREEHOLD_"),
};

static bool is_for_server(struct fh_slice name)
{
    for (size_t i = 0; i < FH_LEN(secret_endings); i++) {
        if (fh_ends(name, secret_endings[i])) {
            return false;
        }
    }
    for (size_t i = 0; i < FH_LEN(server_beginnings); i++) {
        if (fh_starts(name, server_beginnings[i])) {
            return false;
        }
    }
    return true;
}

static struct fh_slice name_of(const char *setting)
{
    struct fh_slice all = fh_cstr(setting);

    return fh_head(all, fh_find(all, '='));
}

static bool is_set(const char *const *set, struct fh_slice name)
{
    for (; *set != NULL; set++) {
        if (fh_eq(name_of(*set), name)) {
            return true;
        }
    }
    return false;
}

/* copy makes a C string that exec may have: it wants them writable. */
static char *copy(struct fh_arena *arena, const char *text)
{
    struct fh_slice s = fh_cstr(text);
    struct fh_buf all = fh_buf_in_arena(arena, s.len + 1);

    fh_buf_append(&all, s);
    fh_buf_byte(&all, '\0');
    FH_ASSERT(!all.failed);
    return (char *)all.ptr;
}

char *const *fh_engine_environment(struct fh_arena *arena, bool is_server,
                                   const char *const *set)
{
    size_t room = 1;
    size_t used = 0;
    char **env = NULL;

    for (char **e = environ; *e != NULL; e++) {
        room++;
    }
    for (const char *const *s = set; *s != NULL; s++) {
        room++;
    }
    env = fh_arena_alloc(arena, room * sizeof(*env));
    for (char **e = environ; *e != NULL; e++) {
        struct fh_slice name = name_of(*e);

        if (!is_set(set, name) && (!is_server || is_for_server(name))) {
            env[used++] = copy(arena, *e);
        }
    }
    for (const char *const *s = set; *s != NULL; s++) {
        env[used++] = copy(arena, *s);
    }
    FH_ASSERT(used < room);
    return env;
}

void fh_engine_close(int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
        *fd = -1;
    }
}

/* write_word is for a file of /proc, after the fork: nothing to report to. */
static void write_word(const char *path, struct fh_slice word)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    if (fd >= 0) {
        (void)!write(fd, word.ptr, word.len);
        (void)close(fd);
    }
}

/* become runs in the child and does not return. */
_Noreturn static void become(const struct fh_engine_command *command, pid_t parent, int out,
                             int err)
{
    sigset_t none;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    (void)setpgid(0, 0);
    (void)prctl(PR_SET_PDEATHSIG, command->is_server ? SIGKILL : SIGTERM);
    if (getppid() != parent) {
        _exit(EXIT_NOT_FOUND); /* the parent died before it could have told us */
    }
    (void)sigemptyset(&none);
    for (int signo = 1; signo < NSIG; signo++) {
        (void)signal(signo, SIG_DFL);
    }
    (void)pthread_sigmask(SIG_SETMASK, &none, NULL);
    (void)umask(S_IRWXG | S_IRWXO);
    if (command->is_server) {
        struct rlimit no_core = {0, 0}; /* a dump would hold what was asked */

        (void)setrlimit(RLIMIT_CORE, &no_core);
        write_word("/proc/self/oom_score_adj", FH_LIT("500"));
        (void)!chdir("/"); /* llama-server loads code from where it stands; that is root's */
    }
    (void)dup2(null, STDIN_FILENO);
    (void)dup2(out, STDOUT_FILENO);
    (void)dup2(err, STDERR_FILENO);
    (void)close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
    (void)execvpe(command->argv[0], command->argv, command->env);
    (void)dprintf(STDERR_FILENO, "%s: cannot be run: %s\n", command->argv[0],
                  strerrordesc_np(errno));
    _exit(EXIT_NOT_FOUND);
}

/* open_pipe makes a pipe whose reading end, ours, does not block. */
static bool open_pipe(int ends[2])
{
    return pipe2(ends, O_CLOEXEC) == 0 && fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0;
}

enum fh_rc fh_engine_child_start(struct fh_engine_child *child,
                                 const struct fh_engine_command *command)
{
    int out[2] = {-1, -1};
    int err[2] = {-1, -1};
    pid_t self = getpid();
    pid_t pid = -1;
    int failure = 0;

    FH_ASSERT(child->pid == 0);
    FH_ASSERT(child->out < 0 && child->err < 0);
    if (command->log >= 0 || (open_pipe(out) && open_pipe(err))) {
        pid = fork();
    }
    if (pid == 0) {
        become(command, self, command->log >= 0 ? command->log : out[1],
               command->log >= 0 ? command->log : err[1]);
    }
    failure = errno;
    fh_engine_close(&out[1]);
    fh_engine_close(&err[1]);
    if (pid < 0) {
        fh_engine_close(&out[0]);
        fh_engine_close(&err[0]);
        errno = failure;
        return FH_E_SYSTEM;
    }
    (void)setpgid(pid, pid); /* both do: whoever comes first */
    *child = (struct fh_engine_child){
        .pid = pid, .pidfd = pidfd_open(pid, 0), .out = out[0], .err = err[0]};
    return FH_OK;
}

bool fh_engine_child_ended(struct fh_engine_child *child, int *status)
{
    siginfo_t info = {0};
    int got = 0;

    FH_ASSERT(child->pid > 0);
    /* look first: while it has not been reaped, no other process can get its number */
    if (waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0) {
        if (info.si_pid == 0) {
            return false;
        }
        (void)kill(-child->pid, SIGKILL);
    }
    *status = waitpid(child->pid, &got, WNOHANG) == child->pid ? got : -1;
    child->pid = 0;
    fh_engine_close(&child->pidfd);
    return true;
}

void fh_engine_child_signal(const struct fh_engine_child *child, int signo)
{
    FH_ASSERT(child->pid > 0);
    (void)kill(-child->pid, signo);
}

void fh_engine_child_kill(struct fh_engine_child *child)
{
    if (child->pid > 0) {
        fh_engine_child_signal(child, SIGKILL);
        while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR) {
        }
        child->pid = 0;
    }
    fh_engine_close(&child->pidfd);
    fh_engine_child_close(child);
}

void fh_engine_child_close(struct fh_engine_child *child)
{
    fh_engine_close(&child->out);
    fh_engine_close(&child->err);
}
