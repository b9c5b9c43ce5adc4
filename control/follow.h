/*
 * follow.h: carries the journal into the ledger, while workers write it and after they died.
 *
 *     DIR/w00-….seg ─┐
 *     DIR/w01-….seg ─┼─▶ new records ──▶ fdatasync ──▶ ledger: rows and positions ──▶ seal
 *
 * Segments are mapped, so a look for news is one load per segment; the directory is read again when
 * its modification time moved. What is booked was synced before: nothing is in the ledger that a
 * power cut could take out of the journal, and the interval between syncs is what one can cost.
 *
 * A segment is finished when its lock can be had, which its writer holds while it lives. Finished
 * segments are sealed in the order of their sequence, each with its predecessor's hash, and cut to
 * their content. The tail that a killed writer left is cut off with the rest: it was never
 * acknowledged. A damaged one keeps its size and is sealed as it is, as evidence.
 *
 * Disadvantage: whoever cuts a segment that is being followed short makes its reader fault. Only
 * the follower cuts any.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "control/ledger/ledger.h"

enum {
    FH_FOLLOW_SYNC_US = 50000, /* the usual interval */
};
#define FH_FOLLOW_DEADLINE_US UINT64_C(3600000000) /* an hour: longer than any answer takes */

struct fh_follow_options {
    const char *journal_dir;
    uint64_t sync_us;     /* least time between two syncs; what a power cut can cost */
    uint64_t deadline_us; /* a request without an end is unknown after that; 0: never */
    bool seals;           /* seal finished segments; one process at a time may */
};

struct fh_follow;

/* fh_follow_open starts to follow a directory, which need not be there yet.
 *
 * Borrows  `ledger` (to write) until fh_follow_close; `journal_dir` for the call.
 */
struct fh_follow *fh_follow_open(struct fh_ledger *ledger,
                                 const struct fh_follow_options *options);

/* fh_follow_close stops. Takes NULL. */
void fh_follow_close(struct fh_follow **follow);

/* fh_follow_tick books what is new: at most some thousand records, so that the caller's loop goes
 * on turning. Call it every 50 ms or so; `now_us` is monotonic.
 *
 * Returns  FH_OK; FH_E_STORE when the ledger refused, FH_E_SYSTEM when the file system did: nothing
 *          is lost, the next call tries again. The sentence is in fh_follow_trouble.
 */
enum fh_rc fh_follow_tick(struct fh_follow *follow, uint64_t now_us, uint64_t calendar_us);

/* fh_follow_is_behind says whether there was more than one tick takes: tick again at once. */
bool fh_follow_is_behind(const struct fh_follow *follow);

/* fh_follow_catch_up ticks until all that is committed now is booked, whatever the interval. */
enum fh_rc fh_follow_catch_up(struct fh_follow *follow, uint64_t now_us, uint64_t calendar_us);

struct fh_follow_stats {
    struct fh_ledger_applied applied;
    uint64_t syncs, sealed, expired;
    uint64_t damaged;   /* records whose checksum is wrong, segments that cannot be read */
    uint32_t following; /* segments that are not finished */
};

const struct fh_follow_stats *fh_follow_stats(const struct fh_follow *follow);

/* fh_follow_trouble is the last thing that was wrong, with file and offset: empty if nothing
 * was. */
struct fh_slice fh_follow_trouble(const struct fh_follow *follow);
