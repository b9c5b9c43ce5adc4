/*
 * engine.h: the local model: llama-server and its weights, obtained, started and watched.
 *
 *     new ──▶ obtaining ──▶ starting ──▶ ready ──▶ stopped
 *                 ▲ │          │           │
 *                 │ └──────────┼───────────┼──▶ failed      after some quick failures
 *                 └─ a pause ──┴───────────┘                when the child ended
 *
 * A piece of a poll loop, without threads and without blocking: the loop asks what to wait for
 * (fh_engine_fds, fh_engine_due_us), and calls fh_engine_poll when something came or the time did.
 * Two kinds of children: the script `obtain`, which finds or brings the files, and llama-server
 * itself, on a unix socket. Both end with the process that calls, however that ends.
 *
 * llama-server listens before it can answer; ready means that its own /health said 200.
 *
 * It is not asked again after that: its /health shares its threads with the requests, so a busy
 * server looks like a dead one. One that hangs later is found by the time-outs of requests.
 *
 * Thread   all calls from one thread, which must live as long as the process: a child gets its
 *          parent-death signal when the thread that started it ends.
 * Requires nobody else waits for these children (no waitpid(-1)), and SIGCHLD is not ignored.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "base/base.h"

#include <poll.h>
#include <sys/types.h>

enum fh_engine_state {
    FH_ENGINE_OBTAINING, /* looking for the files, or bringing them */
    FH_ENGINE_STARTING,  /* llama-server loads the weights, or is about to be started again */
    FH_ENGINE_READY,     /* it answers on the socket */
    FH_ENGINE_FAILED,    /* given up; the line says why */
    FH_ENGINE_STOPPED,
};

/* Zero takes the value in brackets. All strings are copied. */
struct fh_engine_options {
    const char *obtain;      /* path of the script engine/obtain; NULL: not found */
    const char *socket_path; /* absolute, ends in ".sock": llama-server insists */
    const char *key_path;    /* where a fresh key is put, for its owner alone */
    const char *log_path;    /* of llama-server; kept below 2 × 4 MiB */
    const char *model_name;  /* what its answers call the model ["local"] */
    uint32_t context_tokens; /* of all slots together, equal parts [16384: 380 MB of memory] */
    uint32_t slots;          /* requests at a time; others wait [2] */
    uint32_t threads;        /* [one for each processor we may use but one, at most 8] */
    uint32_t tries;          /* failures in a row before it gives up [5] */
    uint32_t start_timeout_ms; /* from start to ready [10 min] */
    uint32_t stop_timeout_ms;  /* from SIGTERM to SIGKILL [3 s] */
    uint32_t pause_ms;  /* after the first failure, doubled each time, up to 30 s [500 ms] */
    uint32_t steady_ms; /* ready for so long: earlier failures are forgotten [60 s] */
    void (*progress)(void *user, struct fh_slice line); /* what `obtain` says; may be NULL */
    void *user;
};

struct fh_engine;

/* fh_engine_new writes the key and makes an engine that will start at the next fh_engine_poll.
 * What is wrong with the options shows as FH_ENGINE_FAILED. */
struct fh_engine *fh_engine_new(const struct fh_engine_options *options);

/* fh_engine_free ends a child that still runs, at once, and removes socket and key. */
void fh_engine_free(struct fh_engine **engine);

enum { FH_ENGINE_FDS_MAX = 3 };

/* fh_engine_fds fills in what to wait for.
 *
 * Returns  how many, at most FH_ENGINE_FDS_MAX. They hold until the next fh_engine_poll.
 */
size_t fh_engine_fds(const struct fh_engine *engine, struct pollfd *fds);

/* fh_engine_due_us is when fh_engine_poll wants to be called at the latest; UINT64_MAX: only when
 * one of the descriptors has something. */
uint64_t fh_engine_due_us(const struct fh_engine *engine);

/* fh_engine_poll does what can be done now. It never blocks; calling it too often does no harm. */
void fh_engine_poll(struct fh_engine *engine, uint64_t now_us);

/* fh_engine_state says how it stands; `line` says it for people, and may be NULL. Borrows until
 * the next call that takes the engine non-const. */
enum fh_engine_state fh_engine_state(const struct fh_engine *engine, struct fh_slice *line);

/* fh_engine_state_name gives "obtaining", "starting", "ready", "failed" or "stopped". */
const char *fh_engine_state_name(enum fh_engine_state state);

/* fh_engine_changes counts changes of state and line, so that a loop sees that there was one. */
uint64_t fh_engine_changes(const struct fh_engine *engine);

/* fh_engine_stop asks llama-server (or `obtain`) to end; go on polling until FH_ENGINE_STOPPED or
 * FH_ENGINE_FAILED. */
void fh_engine_stop(struct fh_engine *engine, uint64_t now_us);

/* fh_engine_pid is the child that runs now; 0: none. */
pid_t fh_engine_pid(const struct fh_engine *engine);

/* fh_engine_call_prefix is what the model's answer begins with when it is a tool call; empty: not
 * known. llama-server (0.7) lets a model talk for as long as it likes before a call that
 * `tool_choice` requires. A last message of the assistant with this content ends that; only with
 * "required", see README.md. */
struct fh_slice fh_engine_call_prefix(const struct fh_engine *engine);
