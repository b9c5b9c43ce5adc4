/* bench_histogram.c: logarithmic buckets, each halved into 128.
 * SPDX-License-Identifier: Apache-2.0 */
#include "bench_histogram.h"

static unsigned shift_of(uint64_t value)
{
    unsigned bits = value == 0 ? 0 : 64 - (unsigned)__builtin_clzll(value);

    return bits > FH_BENCH_SUB_BITS + 1 ? bits - (FH_BENCH_SUB_BITS + 1) : 0;
}

void fh_bench_histogram_add(struct fh_bench_histogram *h, uint64_t value_ns)
{
    unsigned shift = shift_of(value_ns);
    uint64_t at = ((uint64_t)shift << FH_BENCH_SUB_BITS) + (value_ns >> shift);

    FH_ASSERT(at < FH_BENCH_BUCKETS);
    h->bucket[at]++;
    h->count++;
    h->max_ns = value_ns > h->max_ns ? value_ns : h->max_ns;
}

/* middle gives the value in the middle of a bucket. */
static uint64_t middle(uint64_t at)
{
    uint64_t shift = at >> FH_BENCH_SUB_BITS;

    shift = shift > 0 ? shift - 1 : 0;
    return ((at - (shift << FH_BENCH_SUB_BITS)) << shift) + ((1ULL << shift) >> 1);
}

uint64_t fh_bench_histogram_at(const struct fh_bench_histogram *h, unsigned permille)
{
    uint64_t below = 0;
    uint64_t want = (h->count * permille + 999) / 1000;

    for (uint64_t i = 0; i < FH_BENCH_BUCKETS; i++) {
        below += h->bucket[i];
        if (below >= want && below > 0) {
            return fh_min(middle(i), h->max_ns);
        }
    }
    return 0;
}

void fh_bench_histogram_print(const struct fh_bench_histogram *h, FILE *out)
{
    if (h->count == 0) {
        (void)fprintf(out, "null");
        return;
    }
    (void)fprintf(out, "{\"p50\": %.1f, \"p90\": %.1f, \"p99\": %.1f, \"max\": %.1f}",
                  (double)fh_bench_histogram_at(h, 500) / 1e3,
                  (double)fh_bench_histogram_at(h, 900) / 1e3,
                  (double)fh_bench_histogram_at(h, 990) / 1e3, (double)h->max_ns / 1e3);
}
