/*
 * ledger.h: the books as a database: what the journal said, one row per request.
 *
 *     journal ──▶ apply(records, positions) ──▶ usage rows ──▶ fh_ledger_usage ──▶ people, programs
 *
 * The journal is the truth and the ledger a projection of it: applying a record again changes
 * nothing, in whatever order (ledger_row.h). Records and the positions up to which segments were
 * read are written in one transaction, so a restart goes on exactly where it was; a ledger that is
 * lost is made again from the journal.
 *
 * One process writes at a time (it holds PATH.lock); any number read meanwhile. Every call answers
 * done, not done, or unknown (FH_E_STORE): then do it again.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "journal/segment.h"

struct fh_ledger;

enum fh_ledger_mode {
    FH_LEDGER_READ,
    FH_LEDGER_WRITE, /* makes the ledger if it is not there, and brings it to this schema */
    FH_LEDGER_WRITE_SOON, /* the same, and waits some seconds for one who writes for a moment */
};

/* fh_ledger_open opens the ledger at `path`.
 *
 * Returns  FH_E_CONFLICT when another process writes; FH_E_MISSING when there is none to read;
 *          FH_E_SYSTEM when the path cannot be used;
 *          FH_E_SUPPORT when it was written by a later version: nothing is changed then;
 *          FH_E_STORE. `why` then has a sentence that names the file.
 */
enum fh_rc fh_ledger_open(struct fh_ledger **ledger, const char *path, enum fh_ledger_mode mode,
                          struct fh_buf *why);

/* fh_ledger_close ends it and gives up the lock. Takes NULL. */
void fh_ledger_close(struct fh_ledger **ledger);

/* fh_ledger_why is what the database said last; after FH_E_STORE, the reason. */
const char *fh_ledger_why(const struct fh_ledger *ledger);

/* How far a segment was applied. */
struct fh_ledger_position {
    uint32_t worker;
    uint64_t sequence;
    uint64_t created_us;   /* of the segment: another file of that name starts at 0 */
    uint64_t at;           /* where its scan goes on */
    bool finished;         /* sealed, and applied to the end */
    struct fh_sha256 hash; /* of a finished one */
};

/* What a batch did. */
struct fh_ledger_applied {
    uint64_t records;
    uint64_t changed; /* rows written */
    uint64_t skipped; /* records that this version cannot read */
};

/* fh_ledger_apply books records and moves positions, all of it or nothing.
 *
 * Adds to  `applied`, after the commit.
 * Cost     grows with the records alone; thousands a call are best.
 */
enum fh_rc fh_ledger_apply(struct fh_ledger *ledger, const struct fh_segment_record *records,
                           size_t record_count, const struct fh_ledger_position *positions,
                           size_t position_count, struct fh_ledger_applied *applied);

/* fh_ledger_position finds the position of a segment; FH_E_MISSING when nothing is known. */
enum fh_rc fh_ledger_position(struct fh_ledger *ledger, uint32_t worker, uint64_t sequence,
                              struct fh_ledger_position *out);

/* fh_ledger_before finds the position of the last finished segment of a slot before `sequence`: its
 * predecessor in the chain. FH_E_MISSING when there is none. */
enum fh_rc fh_ledger_before(struct fh_ledger *ledger, uint32_t worker, uint64_t sequence,
                            struct fh_ledger_position *out);

/* fh_ledger_expire marks requests that began before `before_us` (calendar) and were neither settled
 * nor void as unknown. A late settle still settles them. */
enum fh_rc fh_ledger_expire(struct fh_ledger *ledger, uint64_t before_us, uint64_t *expired);

/* What rows of a usage report stand for: any of these together. */
enum {
    FH_USAGE_BY_KEY = 1,
    FH_USAGE_BY_MODEL = 2,
    FH_USAGE_BY_ROUTE = 4,
    FH_USAGE_BY_PROVIDER = 8,
    FH_USAGE_BY_DAY = 16, /* UTC */
};

struct fh_usage_query {
    unsigned by;
    uint64_t since_us, until_us; /* calendar; when the request began: since <= t < until */
};

/* One line. Names are empty unless the report is by them. Sums are of what was reported; how many
 * requests reported nothing is `unreported`. */
struct fh_usage_line {
    struct fh_slice key_id, key; /* its name (of several the greatest), else its id */
    struct fh_slice model, route, provider, day;
    uint64_t requests;                               /* settled */
    uint64_t input, output, cache_read, cache_write; /* tokens; input is what no cache held */
    uint64_t estimated;  /* of requests: counted by us, not reported */
    uint64_t unreported; /* of requests: something was said, and no usage of it is known */
    uint64_t pending, unknown, voided;
    uint64_t conflicts;
};

struct fh_usage_report {
    struct fh_usage_line *line;
    size_t count;
    struct fh_usage_line total;
};

/* fh_ledger_usage sums up. The report lives in `arena`. */
enum fh_rc fh_ledger_usage(struct fh_ledger *ledger, struct fh_arena *arena,
                           const struct fh_usage_query *query, struct fh_usage_report *report);

/* fh_ledger_dump appends all rows as text, sorted by id, a line each: two ledgers that booked the
 * same records have the same dump, whatever order they booked them in. */
enum fh_rc fh_ledger_dump(struct fh_ledger *ledger, struct fh_buf *out);
