/*
 * bench_script.h: what the scripted provider answers, made once and sent many times.
 *
 * The model's name in a request is the script:
 *
 *     bench-reply                   one whole reply of about 1.5 KB
 *     bench-stream-N                N events of text, one write each, as fast as they are taken
 *     bench-stream-N-US             … one write every US microseconds
 *     bench-stream-N-US-BY          … BY events with each write (BY divides N)
 *     bench-idle                    the first event, then silence until the client leaves
 *
 * The texts are files of bench/answers/, shaped as the real providers shape theirs:
 *
 *     D.fields   the head's fields, but for content type and framing
 *     D.json     the whole reply
 *     D.sse      a stream; the event with {{text}} is the one that is repeated, {{tokens}} and
 *                {{total}} become the usage that goes with N
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "base/base.h"

enum fh_bench_dialect {
    FH_BENCH_ANTHROPIC,
    FH_BENCH_OPENAI,
    FH_BENCH_DIALECTS,
};

enum {
    FH_BENCH_WORDS = 16,  /* writes that differ from one another, in turn */
    FH_BENCH_BY_MAX = 64, /* events in one write */
};

/* The files of one dialect. */
struct fh_bench_answer {
    struct fh_buf fields, reply, stream;
};

/* One write of a stream: BY events, each a chunk of its own. */
struct fh_bench_unit {
    struct fh_buf bytes;
    size_t stamp_at[FH_BENCH_BY_MAX]; /* offsets of the digits */
};

struct fh_bench_script {
    struct fh_buf open; /* the whole reply; or a stream's head and what comes before its text */
    struct fh_buf close; /* what ends a stream; empty: silence */
    struct fh_bench_unit units[FH_BENCH_WORDS];
    uint32_t writes; /* of units; 0: not a stream */
    uint32_t by;     /* events in a unit */
    uint64_t every_ns;
};

/* fh_bench_answer_read reads the files of one dialect from the folder `path`. */
void fh_bench_answer_read(struct fh_bench_answer *answer, const char *path,
                          enum fh_bench_dialect dialect);

/* fh_bench_script_init makes the answer to requests for `model`.
 *
 * Returns  false when that is not the name of a script.
 */
FH_NODISCARD bool fh_bench_script_init(struct fh_bench_script *script,
                                       const struct fh_bench_answer *answer,
                                       struct fh_slice model);

/* fh_bench_script_write gives the `n`th write of a stream, its events stamped with the time.
 *
 * Borrows  until the next call: all streams of a script share these bytes.
 */
struct fh_slice fh_bench_script_write(struct fh_bench_script *script, uint32_t n,
                                      uint64_t now_ns);
