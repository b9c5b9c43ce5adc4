/*
 * recorded_chat.h: what was really said in a dialect with `choices`, decoded and re-encoded: every
 * leaf must come back.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "dialect/dialect.h"

struct recorded_chat {
    const struct fh_dialect *dialect;
    const char *const *sets; /* of recorded traffic, of which each member must pass */
    size_t set_count;
    const char *const *sdks; /* whose requests must */
    size_t sdk_count;
};

/* recorded_chat_traffic and recorded_chat_requests are tests: they count what passed, and fail
 * unless all did. */
void recorded_chat_traffic(const struct recorded_chat *all);
void recorded_chat_requests(const struct recorded_chat *all);
