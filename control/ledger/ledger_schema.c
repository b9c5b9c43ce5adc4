/* ledger_schema.c: the schema as steps, each from one version to the next. A step that was released
 * is never changed; there is no way back.
 * SPDX-License-Identifier: Apache-2.0 */
#include "control/ledger/ledger_sqlite.h"

static const char *const steps[] = {
    /* to version 1 */
    "CREATE TABLE schema_version ("
    "  version INTEGER PRIMARY KEY,"
    "  at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))) STRICT;"

    /* names that many requests share */
    "CREATE TABLE asker ("
    "  asker INTEGER PRIMARY KEY,"
    "  key_id TEXT NOT NULL, key_name TEXT NOT NULL, model TEXT NOT NULL, dialect TEXT NOT "
    "NULL,"
    "  UNIQUE (key_id, key_name, model, dialect)) STRICT;"
    "CREATE TABLE route ("
    "  route INTEGER PRIMARY KEY,"
    "  name TEXT NOT NULL, provider TEXT NOT NULL, upstream_model TEXT NOT NULL,"
    "  dialect TEXT NOT NULL,"
    "  UNIQUE (name, provider, upstream_model, dialect)) STRICT;"

    /* a row per request: struct fh_ledger_row. NULL is: not known, not reported. */
    "CREATE TABLE usage ("
    "  id BLOB PRIMARY KEY,"    /* sorts by time */
    "  at_ms INTEGER NOT NULL," /* when it began, calendar; also in the id */
    "  state INTEGER NOT NULL," /* enum fh_posting */
    "  marks INTEGER NOT NULL,"
    "  intent_at_us INTEGER, intent_crc INTEGER, attempt INTEGER,"
    "  asker INTEGER REFERENCES asker, tried INTEGER REFERENCES route,"
    "  streamed INTEGER, body_bytes INTEGER,"
    "  settle_at_us INTEGER, settle_crc INTEGER, answered INTEGER REFERENCES route,"
    "  outcome INTEGER, status INTEGER, attempts INTEGER, finish INTEGER,"
    "  first_byte_us INTEGER, duration_us INTEGER, bytes_in INTEGER, bytes_out INTEGER,"
    "  loss_count INTEGER, losses TEXT, estimated INTEGER,"
    "  input INTEGER, cache_read INTEGER, cache_write_5m INTEGER, cache_write_1h INTEGER,"
    "  output INTEGER, reasoning INTEGER, audio_in INTEGER, audio_out INTEGER,"
    "  void_at_us INTEGER, void_crc INTEGER, void_reason INTEGER) STRICT, WITHOUT ROWID;"
    "CREATE INDEX usage_pending ON usage (id) WHERE state = 1;"

    /* how far each segment was applied: struct fh_ledger_position */
    "CREATE TABLE segment ("
    "  worker INTEGER NOT NULL, sequence INTEGER NOT NULL, created_us INTEGER NOT NULL,"
    "  at INTEGER NOT NULL, finished INTEGER NOT NULL, hash BLOB,"
    "  PRIMARY KEY (worker, sequence)) STRICT, WITHOUT ROWID;",

    /* to version 2: parts of batches, whose ids have no time */
    "ALTER TABLE usage ADD COLUMN service INTEGER;" /* enum fh_service */
    "CREATE INDEX usage_timeless ON usage (at_ms) WHERE id >= " FH_LEDGER_TIMELESS ";",
};

int fh_ledger_schema_version(void)
{
    return (int)FH_LEN(steps);
}

/* number runs a query that gives one number. */
static enum fh_rc number(sqlite3 *db, const char *sql, int *out)
{
    sqlite3_stmt *s = NULL;
    enum fh_rc rc = FH_E_STORE;

    if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) == SQLITE_OK &&
        sqlite3_step(s) == SQLITE_ROW) {
        *out = sqlite3_column_int(s, 0);
        rc = FH_OK;
    }
    (void)sqlite3_finalize(s);
    return rc;
}

enum fh_rc fh_ledger_schema_found(sqlite3 *db, int *version)
{
    int there = 0;

    *version = 0;
    FH_TRY(
        number(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'schema_version'", &there));
    return there == 0 ? FH_OK : number(db, "SELECT max(version) FROM schema_version", version);
}

static enum fh_rc run(sqlite3 *db, const char *sql)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? FH_OK : FH_E_STORE;
}

static enum fh_rc step_to(sqlite3 *db, int version)
{
    char note[80];

    (void)sqlite3_snprintf(sizeof(note), note,
                           "INSERT INTO schema_version (version) VALUES (%d)", version);
    FH_TRY(run(db, steps[version - 1]));
    return run(db, note);
}

enum fh_rc fh_ledger_migrate(sqlite3 *db, int *found)
{
    FH_TRY(fh_ledger_schema_found(db, found));
    if (*found > fh_ledger_schema_version()) {
        return FH_E_SUPPORT;
    }
    for (int version = *found + 1; version <= fh_ledger_schema_version(); version++) {
        FH_TRY(run(db, "BEGIN IMMEDIATE"));
        if (step_to(db, version) != FH_OK || run(db, "COMMIT") != FH_OK) {
            (void)!run(db, "ROLLBACK");
            return FH_E_STORE;
        }
    }
    return FH_OK;
}
