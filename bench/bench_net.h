/*
 * bench_net.h: what the scripted provider and the load generator share: a clock, sockets, stamps.
 *
 * Both are one thread around one epoll, on loopback only. They are in C because they often share
 * a core with each other: what they spend is time that the gateway waits. They use core/base and
 * nothing else of Freehold, so that a mistake in its decoders cannot hide itself here.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "base/base.h"

#include <sys/epoll.h>

/* A stamp is '@' and 16 hexadecimal digits: fh_bench_now_ns when the provider wrote the event. It
 * is part of the model's text, so it also survives a translation, and counting stamps counts
 * events whatever the dialect. */
enum { FH_BENCH_STAMP_DIGITS = 16 };

/* fh_bench_now_ns reads CLOCK_MONOTONIC, which is the same in every process. */
uint64_t fh_bench_now_ns(void);

/* fh_bench_die prints why and ends the program; fh_bench_die_errno adds what the system said. */
FH_PRINTF(1, 2) _Noreturn void fh_bench_die(const char *fmt, ...);
_Noreturn void fh_bench_die_errno(const char *what);

/* fh_bench_setup lifts the limit of open files to the hard one, makes timers exact and broken pipes
 * an error code. */
void fh_bench_setup(void);

/* Sockets on 127.0.0.1, non-blocking, without delay. A listener may have port 0 and is told which
 * one it got. fh_bench_connect returns -1 when nobody answers. */
int fh_bench_listen(uint16_t *port);
int fh_bench_accept(int listener);
int fh_bench_connect(uint16_t port);

/* fh_bench_watch adds `fd`, edge-triggered, for both directions; `who` comes back with events. */
void fh_bench_watch(int epoll, int fd, void *who);

/* fh_bench_wait waits for events until `until_ns`; UINT64_MAX is for ever, 0 not at all. */
size_t fh_bench_wait(int epoll, struct epoll_event *events, size_t room, uint64_t until_ns);

/* fh_bench_cut takes everything up to the first `mark` off the front of `s`, and the mark with it.
 *
 * Returns  false, with nothing changed, when the mark is not there.
 */
FH_NODISCARD bool fh_bench_cut(struct fh_slice *s, struct fh_slice mark,
                               struct fh_slice *before);

/* fh_bench_field finds a field of an HTTP head, the first line of which is skipped. */
FH_NODISCARD bool fh_bench_field(struct fh_slice head, struct fh_slice name,
                                 struct fh_slice *value);
