/*
 * usage.h: what one exchange used, in token classes.
 *
 * Classes do not overlap, except those named "of which": the input is INPUT + CACHE_READ +
 * CACHE_WRITE_5M + CACHE_WRITE_1H, the output is OUTPUT. (Anthropic counts that way; an OpenAI
 * prompt_tokens is the sum of the four, see the dialects.)
 *
 * Zero is a value and missing is not zero: a class counts only once it was `seen`. Partial reports
 * are merged, never replaced as a whole: a stream names its input in the first event and its output
 * in the last.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "base/base.h"

enum fh_tokens {
    FH_TOKENS_INPUT,          /* read for the first time */
    FH_TOKENS_CACHE_READ,     /* input that was in the provider's cache */
    FH_TOKENS_CACHE_WRITE_5M, /* input written to the cache; also where no lifetime is named */
    FH_TOKENS_CACHE_WRITE_1H,
    FH_TOKENS_OUTPUT,    /* all of it, reasoning included */
    FH_TOKENS_REASONING, /* of which: thought, not said */
    FH_TOKENS_AUDIO_IN,  /* of which input */
    FH_TOKENS_AUDIO_OUT, /* of which output */
    FH_TOKENS_KINDS,
};

struct fh_usage {
    uint64_t count[FH_TOKENS_KINDS];
    uint8_t seen;   /* bit 1 << class */
    bool estimated; /* counted by us, not reported by the provider */
};

static_assert(FH_TOKENS_KINDS <= 8, "one bit each in `seen`");

static inline bool fh_usage_has(const struct fh_usage *u, enum fh_tokens kind)
{
    return (u->seen >> kind & 1U) != 0;
}

static inline void fh_usage_set(struct fh_usage *u, enum fh_tokens kind, uint64_t count)
{
    u->count[kind] = count;
    u->seen = (uint8_t)(u->seen | 1U << kind);
}

/* fh_usage_merge lets what `news` has seen replace the same classes of `sum`. */
void fh_usage_merge(struct fh_usage *sum, const struct fh_usage *news);

/* fh_usage_input is all input tokens, whatever their class. Saturates. */
uint64_t fh_usage_input(const struct fh_usage *u);
