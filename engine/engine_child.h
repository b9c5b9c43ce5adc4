/*
 * engine_child.h: one child process that ends with us.
 *
 * It leads a process group of its own, so that an interrupt typed at a terminal reaches us alone
 * and stopping it stops what it started; it is signalled when we die; no descriptor of ours
 * stays open in it; signals are as after login; what it makes is for its owner alone.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "base/base.h"

#include <sys/types.h>

struct fh_engine_child {
    pid_t pid; /* 0: none */
    int pidfd; /* readable when it ended; -1: the kernel has none (before 5.3) */
    int out;   /* its standard output; -1: goes to the log */
    int err;
};

#define FH_ENGINE_NO_CHILD ((struct fh_engine_child){.pidfd = -1, .out = -1, .err = -1})

struct fh_engine_command {
    char *const *argv; /* NULL behind the last */
    char *const *env;  /* the same; fh_engine_environment makes one */
    int log;           /* where both outputs go; -1: pipes */
    bool is_server;    /* SIGKILL when we die, no core dump, first to go when memory is short;
                          else SIGTERM, so that it can clear up */
};

/* fh_engine_environment gives our own environment without what is not the child's business, and
 * with `set`, a NULL-ended list of NAME=VALUE, in its place.
 *
 * With `is_server`, settings of llama-server (LLAMA_*) and whatever sounds like a secret stay out:
 * it needs none. `obtain` keeps them: the settings of pip and apt may hold a password.
 */
char *const *fh_engine_environment(struct fh_arena *arena, bool is_server,
                                   const char *const *set);

/* fh_engine_child_start starts it.
 *
 * Requires `child` has none.
 * Returns  FH_E_SYSTEM, with errno. A program that is not there shows as one that ended with 127.
 */
enum fh_rc fh_engine_child_start(struct fh_engine_child *child,
                                 const struct fh_engine_command *command);

/* fh_engine_child_ended says whether it ended, and then forgets it, after killing what is left of
 * its group. Its pipes stay open for the last words: fh_engine_child_close.
 *
 * `status` is as of waitpid; -1 when somebody else took it.
 */
FH_NODISCARD bool fh_engine_child_ended(struct fh_engine_child *child, int *status);

/* fh_engine_child_signal sends a signal to the child and all of its group. */
void fh_engine_child_signal(const struct fh_engine_child *child, int signo);

/* fh_engine_child_kill ends it now and waits for that, which takes no time. */
void fh_engine_child_kill(struct fh_engine_child *child);

/* fh_engine_child_close closes its pipes. */
void fh_engine_child_close(struct fh_engine_child *child);

/* fh_engine_close closes a descriptor, if there is one, and makes it -1. */
void fh_engine_close(int *fd);
