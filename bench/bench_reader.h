/*
 * bench_reader.h: reads one HTTP answer after another and says whether each was what it had to be.
 *
 *     start ──▶ feed(bytes), feed(bytes), … ──▶ GOOD or what was wrong
 *
 * A gateway that fails fast has splendid figures. So every byte is looked at: framing and status of
 * every answer, its bytes or its end, the number of its events.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "bench_histogram.h"

#include "base/base.h"

enum fh_bench_verdict {
    FH_BENCH_MORE,        /* the answer is not complete */
    FH_BENCH_GOOD,        /* it is, and as expected */
    FH_BENCH_BAD_STATUS,  /* not 200 */
    FH_BENCH_BAD_SHORT,   /* the connection ended before the answer did */
    FH_BENCH_BAD_FRAMING, /* it cannot be told where the answer ends */
    FH_BENCH_BAD_CONTENT, /* other bytes, or another end, than expected */
    FH_BENCH_BAD_EVENTS,  /* more or fewer events */
    FH_BENCH_VERDICTS,
};

struct fh_bench_expect {
    struct fh_slice same; /* the whole body; empty: not compared */
    struct fh_slice ends; /* stands in the last 256 bytes of the body; empty: not looked for */
    uint64_t events;      /* stamps in the body; 0: not counted */
};

enum fh_bench_phase {
    FH_BENCH_AT_HEAD,
    FH_BENCH_AT_BODY, /* `left` bytes of it */
    FH_BENCH_AT_CHUNK_SIZE,
    FH_BENCH_AT_CHUNK, /* `left` bytes of it, then CRLF */
    FH_BENCH_AT_CHUNK_END,
    FH_BENCH_AT_TRAILER,
    FH_BENCH_AT_END,
};

struct fh_bench_reader {
    const struct fh_bench_expect *expect;
    enum fh_bench_phase phase;
    struct fh_buf line; /* head, chunk size or trailer that straddles reads */
    struct fh_buf tail; /* the last bytes of the body, at least 256 */
    uint64_t left;
    uint64_t body_bytes;
    uint64_t events;
    uint64_t stamp;
    uint16_t status;
    uint8_t stamp_digits; /* still to come */
    bool close;           /* the server will close the connection */
    bool differs;
};

struct fh_bench_reader fh_bench_reader_init(const struct fh_bench_expect *expect);

/* fh_bench_reader_start gets ready for the next answer on the connection. */
void fh_bench_reader_start(struct fh_bench_reader *r);

/* fh_bench_reader_feed takes all of `in`, read at `now_ns`, and adds the age of every stamp in it
 * to `age`. Bytes behind the end of the answer are FH_BENCH_BAD_FRAMING. */
enum fh_bench_verdict fh_bench_reader_feed(struct fh_bench_reader *r, struct fh_slice in,
                                           uint64_t now_ns, struct fh_bench_histogram *age);

/* fh_bench_verdict_name is a word such as "status". */
const char *fh_bench_verdict_name(enum fh_bench_verdict verdict);
