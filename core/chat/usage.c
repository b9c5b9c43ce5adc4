/* usage.c: merging and adding up.
 * SPDX-License-Identifier: Apache-2.0 */
#include "chat/usage.h"

void fh_usage_merge(struct fh_usage *sum, const struct fh_usage *news)
{
    for (enum fh_tokens kind = 0; kind < FH_TOKENS_KINDS; kind++) {
        if (fh_usage_has(news, kind)) {
            fh_usage_set(sum, kind, news->count[kind]);
        }
    }
    sum->estimated = sum->estimated || news->estimated;
}

uint64_t fh_usage_input(const struct fh_usage *u)
{
    static const enum fh_tokens parts[] = {FH_TOKENS_INPUT, FH_TOKENS_CACHE_READ,
                                           FH_TOKENS_CACHE_WRITE_5M, FH_TOKENS_CACHE_WRITE_1H};
    uint64_t sum = 0;

    for (size_t i = 0; i < FH_LEN(parts); i++) {
        if (__builtin_add_overflow(sum, u->count[parts[i]], &sum)) {
            return UINT64_MAX;
        }
    }
    return sum;
}
