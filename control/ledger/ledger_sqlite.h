/*
 * ledger_sqlite.h: what the parts of the SQLite ledger share. Not for others: see ledger.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "control/ledger/ledger.h"

#include <sqlite3.h>

enum fh_ledger_statement {
    STMT_BEGIN,
    STMT_COMMIT,
    STMT_ROLLBACK,
    STMT_READ_ROW,
    STMT_WRITE_ROW,
    STMT_ADD_ASKER,
    STMT_FIND_ASKER,
    STMT_ADD_ROUTE,
    STMT_FIND_ROUTE,
    STMT_WRITE_POSITION,
    STMT_READ_POSITION,
    STMT_READ_BEFORE,
    STMT_EXPIRE,
    STMT_DUMP,
    STMT_COUNT,
};

struct fh_ledger {
    sqlite3 *db;
    int lock; /* fd, or -1 */
    sqlite3_stmt *stmt[STMT_COUNT];
    struct fh_ledger_names *asker_ids, *route_ids; /* caches: names -> number */
};

/* Where the ids that have no time begin (fh_request_id_has_time). */
#define FH_LEDGER_TIMELESS "x'ff'"

/* fh_ledger_migrate brings the schema to this version.
 *
 * Returns  FH_E_SUPPORT, with nothing changed, when it is of a later one.
 */
enum fh_rc fh_ledger_migrate(sqlite3 *db, int *found);

/* fh_ledger_schema_version is the version that this program writes. */
int fh_ledger_schema_version(void);

/* fh_ledger_schema_found reads the version of a database; 0 when it is empty. */
enum fh_rc fh_ledger_schema_found(sqlite3 *db, int *version);

/* A small map from up to four names to a number, forgotten as a whole when it is full. */
struct fh_ledger_names;

struct fh_ledger_names *fh_ledger_names_new(void);
void fh_ledger_names_free(struct fh_ledger_names **names);
void fh_ledger_names_clear(struct fh_ledger_names *names);

enum { FH_LEDGER_NAMES = 4 };

/* fh_ledger_names_find gives the number of these names, 0 when it is not in the map. */
int64_t fh_ledger_names_find(const struct fh_ledger_names *names,
                             const struct fh_slice name[FH_LEDGER_NAMES]);
void fh_ledger_names_add(struct fh_ledger_names *names,
                         const struct fh_slice name[FH_LEDGER_NAMES], int64_t number);
