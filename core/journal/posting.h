/*
 * posting.h: the life of a request in the books, on one card.
 *
 * Any order and any repetition of a request's records ends in the same state; what contradicts
 * itself is a conflict, not a guess. A dot is a transition that must not happen; "=" is already so:
 * the same record again, or an earlier one that comes late.
 *
 *              intent     settle     void       deadline
 *   none       pending    settled    void       ·
 *   pending    =          settled    void       unknown
 *   unknown    =          settled    void       =          the late answer corrects the estimate
 *   settled    =          =          ·          =
 *   void       =          ·          =          =
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "base/base.h"

/* Numbers are kept in ledgers: add, never change. */
enum fh_posting {
    FH_POSTING_NONE = 0, /* nothing is known of it */
    FH_POSTING_PENDING = 1,
    FH_POSTING_SETTLED = 2,
    FH_POSTING_VOID = 3,
    FH_POSTING_UNKNOWN = 4, /* its deadline passed without an answer */
    FH_POSTINGS,
};

enum fh_posting_event {
    FH_POSTING_ON_INTENT,
    FH_POSTING_ON_SETTLE,
    FH_POSTING_ON_VOID,
    FH_POSTING_ON_DEADLINE,
    FH_POSTING_EVENTS,
};

/* fh_posting_next moves `state` on.
 *
 * Returns  FH_E_CONFLICT for a dot; the state is then as before.
 */
enum fh_rc fh_posting_next(enum fh_posting *state, enum fh_posting_event event);

/* fh_posting_name is the word for a state: "pending". */
struct fh_slice fh_posting_name(enum fh_posting state);
