/* posting.c: the card of posting.h as a table.
 * SPDX-License-Identifier: Apache-2.0 */
#include "journal/posting.h"

enum {
    NO = -1,
    PENDING = FH_POSTING_PENDING,
    SETTLED = FH_POSTING_SETTLED,
    VOID = FH_POSTING_VOID,
    UNKNOWN = FH_POSTING_UNKNOWN,
};

static const int8_t next_state[FH_POSTINGS][FH_POSTING_EVENTS] = {
    [FH_POSTING_NONE] = {PENDING, SETTLED, VOID, NO},
    [FH_POSTING_PENDING] = {PENDING, SETTLED, VOID, UNKNOWN},
    [FH_POSTING_UNKNOWN] = {UNKNOWN, SETTLED, VOID, UNKNOWN},
    [FH_POSTING_SETTLED] = {SETTLED, SETTLED, NO, SETTLED},
    [FH_POSTING_VOID] = {VOID, NO, VOID, VOID},
};

static const struct fh_slice names[] = {
    [FH_POSTING_NONE] = FH_LIT_INIT("none"),
    [FH_POSTING_PENDING] = FH_LIT_INIT("pending"),
    [FH_POSTING_SETTLED] = FH_LIT_INIT("settled"),
    [FH_POSTING_VOID] = FH_LIT_INIT("void"),
    [FH_POSTING_UNKNOWN] = FH_LIT_INIT("unknown"),
};
static_assert(FH_LEN(names) == FH_POSTINGS, "table and enum agree");

enum fh_rc fh_posting_next(enum fh_posting *state, enum fh_posting_event event)
{
    FH_ASSERT(*state < FH_POSTINGS);
    FH_ASSERT(event < FH_POSTING_EVENTS);

    int8_t to = next_state[*state][event];

    if (to == NO) {
        return FH_E_CONFLICT;
    }
    *state = (enum fh_posting)to;
    return FH_OK;
}

struct fh_slice fh_posting_name(enum fh_posting state)
{
    FH_ASSERT(state < FH_POSTINGS);
    return names[state];
}
