/*
 * bench_histogram.h: many durations in little memory, exact to within one part in 128.
 *
 * Below 256 ns each value has its own bucket, above that each power of two has 128 of them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "base/base.h"

#include <stdio.h>

enum {
    FH_BENCH_SUB_BITS = 7, /* buckets per power of two */
    FH_BENCH_BUCKETS = (64 - FH_BENCH_SUB_BITS + 1) << FH_BENCH_SUB_BITS,
};

struct fh_bench_histogram {
    uint64_t count, max_ns;
    uint64_t bucket[FH_BENCH_BUCKETS];
};

void fh_bench_histogram_add(struct fh_bench_histogram *h, uint64_t value_ns);

/* fh_bench_histogram_at gives the value below which `permille` of 1,000 lie; 0 when it is empty. */
uint64_t fh_bench_histogram_at(const struct fh_bench_histogram *h, unsigned permille);

/* fh_bench_histogram_print writes {"p50", "p90", "p99", "max"} in microseconds, as JSON; null when
 * it is empty. */
void fh_bench_histogram_print(const struct fh_bench_histogram *h, FILE *out);
