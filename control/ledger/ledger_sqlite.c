/* ledger_sqlite.c: the ledger in SQLite: open and lock, book batches, keep positions.
 *
 * WAL with synchronous=NORMAL: a power cut may take the last transactions, whole ones, positions
 * and rows together; the journal, which was synced before, brings them back.
 * SPDX-License-Identifier: Apache-2.0 */
#include "control/ledger/ledger_sqlite.h"

#include "control/ledger/ledger_row.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { BUSY_MS = 5000, WAIT_MS = 20, PATH_LEN_MAX = 4096 };

/* The columns of a usage row behind its id, in the order in which they are read and written. */
#define COLUMNS(X)                      \
    X(AT_MS, "at_ms")                   \
    X(STATE, "state")                   \
    X(MARKS, "marks")                   \
    X(INTENT_AT_US, "intent_at_us")     \
    X(INTENT_CRC, "intent_crc")         \
    X(ATTEMPT, "attempt")               \
    X(ASKER, "asker")                   \
    X(TRIED, "tried")                   \
    X(STREAMED, "streamed")             \
    X(BODY_BYTES, "body_bytes")         \
    X(SETTLE_AT_US, "settle_at_us")     \
    X(SETTLE_CRC, "settle_crc")         \
    X(ANSWERED, "answered")             \
    X(OUTCOME, "outcome")               \
    X(STATUS, "status")                 \
    X(ATTEMPTS, "attempts")             \
    X(FINISH, "finish")                 \
    X(FIRST_BYTE_US, "first_byte_us")   \
    X(DURATION_US, "duration_us")       \
    X(BYTES_IN, "bytes_in")             \
    X(BYTES_OUT, "bytes_out")           \
    X(LOSS_COUNT, "loss_count")         \
    X(LOSSES, "losses")                 \
    X(ESTIMATED, "estimated")           \
    X(INPUT, "input")                   \
    X(CACHE_READ, "cache_read")         \
    X(CACHE_WRITE_5M, "cache_write_5m") \
    X(CACHE_WRITE_1H, "cache_write_1h") \
    X(OUTPUT, "output")                 \
    X(REASONING, "reasoning")           \
    X(AUDIO_IN, "audio_in")             \
    X(AUDIO_OUT, "audio_out")           \
    X(VOID_AT_US, "void_at_us")         \
    X(VOID_CRC, "void_crc")             \
    X(VOID_REASON, "void_reason")       \
    X(SERVICE, "service")

enum column {
    COL_ID,
#define X(column, name) COL_##column,
    COLUMNS(X)
#undef X
    /* behind them when a row is read: four names each */
    COL_ASKER_NAMES,
    COL_TRIED_NAMES = COL_ASKER_NAMES + FH_LEDGER_NAMES,
    COL_ANSWERED_NAMES = COL_TRIED_NAMES + FH_LEDGER_NAMES,
    COL_END = COL_ANSWERED_NAMES + FH_LEDGER_NAMES,
};
static_assert(COL_AUDIO_OUT - COL_INPUT + 1 == FH_TOKENS_KINDS, "a column per class, in order");
static_assert(COL_CACHE_READ - COL_INPUT == FH_TOKENS_CACHE_READ, "in order");
static_assert(COL_OUTPUT - COL_INPUT == FH_TOKENS_OUTPUT, "in order");

#define SELECTED(column, name)  ", u." name
#define INSERTED(column, name)  ", " name
#define PARAMETER(column, name) ", ?"

#define SELECT_ROWS                                                                       \
    "SELECT u.id" COLUMNS(SELECTED) ", a.key_id, a.key_name, a.model, a.dialect"          \
                                    ", t.name, t.provider, t.upstream_model, t.dialect"   \
                                    ", n.name, n.provider, n.upstream_model, n.dialect"   \
                                    " FROM usage AS u LEFT JOIN asker AS a USING (asker)" \
                                    " LEFT JOIN route AS t ON t.route = u.tried"          \
                                    " LEFT JOIN route AS n ON n.route = u.answered"

#define SELECT_POSITION "SELECT worker, sequence, created_us, at, finished, hash FROM segment"

static const char *const sql[STMT_COUNT] = {
    [STMT_BEGIN] = "BEGIN IMMEDIATE", /* take the write lock now, or wait */
    [STMT_COMMIT] = "COMMIT",
    [STMT_ROLLBACK] = "ROLLBACK",
    [STMT_READ_ROW] = SELECT_ROWS " WHERE u.id = ?1",
    [STMT_DUMP] = SELECT_ROWS " ORDER BY u.id",
    [STMT_WRITE_ROW] = "INSERT OR REPLACE INTO usage (id" COLUMNS(INSERTED) /* as many as … */
    ") VALUES (?" COLUMNS(PARAMETER) ")",                                   /* … these */
    [STMT_ADD_ASKER] = "INSERT INTO asker (key_id, key_name, model, dialect)"
                       " VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
    [STMT_FIND_ASKER] = "SELECT asker FROM asker WHERE key_id = ?1 AND key_name = ?2"
                        " AND model = ?3 AND dialect = ?4",
    [STMT_ADD_ROUTE] = "INSERT INTO route (name, provider, upstream_model, dialect)"
                       " VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
    [STMT_FIND_ROUTE] = "SELECT route FROM route WHERE name = ?1 AND provider = ?2"
                        " AND upstream_model = ?3 AND dialect = ?4",
    [STMT_WRITE_POSITION] = "INSERT OR REPLACE INTO segment"
                            " (worker, sequence, created_us, at, finished, hash)"
                            " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    [STMT_READ_POSITION] = SELECT_POSITION " WHERE worker = ?1 AND sequence = ?2",
    [STMT_READ_BEFORE] = SELECT_POSITION " WHERE worker = ?1 AND sequence < ?2 AND finished = 1"
                                         " ORDER BY sequence DESC LIMIT 1",
    [STMT_EXPIRE] = "UPDATE usage SET state = 4 WHERE state = 1 AND"
                    " (id < ?1 OR (id >= " FH_LEDGER_TIMELESS " AND at_ms < ?2))",
};
static_assert(FH_POSTING_PENDING == 1 && FH_POSTING_UNKNOWN == 4, "STMT_EXPIRE spells them");

/* Binding asserts: a wrong index is our bug. Only a step can fail. */

static void bind_i64(sqlite3_stmt *s, int at, int64_t value)
{
    int rc = sqlite3_bind_int64(s, at, value);

    FH_ASSERT(rc == SQLITE_OK);
}

/* Numbers that a database cannot hold are as large as it can. */
static void bind_u64(sqlite3_stmt *s, int at, uint64_t value)
{
    bind_i64(s, at, value > INT64_MAX ? INT64_MAX : (int64_t)value);
}

static void bind_null(sqlite3_stmt *s, int at)
{
    int rc = sqlite3_bind_null(s, at);

    FH_ASSERT(rc == SQLITE_OK);
}

static void bind_text(sqlite3_stmt *s, int at, struct fh_slice text)
{
    int rc = sqlite3_bind_text64(s, at, text.len == 0 ? "" : (const char *)text.ptr, text.len,
                                 SQLITE_STATIC, SQLITE_UTF8);

    FH_ASSERT(rc == SQLITE_OK);
}

static void bind_blob(sqlite3_stmt *s, int at, const void *bytes, size_t len)
{
    int rc = sqlite3_bind_blob64(s, at, bytes, len, SQLITE_STATIC);

    FH_ASSERT(rc == SQLITE_OK);
}

static uint64_t column_u64(sqlite3_stmt *s, int at)
{
    int64_t value = sqlite3_column_int64(s, at);

    return value < 0 ? 0 : (uint64_t)value;
}

static struct fh_slice column_text(sqlite3_stmt *s, int at)
{
    const unsigned char *text = sqlite3_column_text(s, at);

    return text == NULL ? FH_NONE : fh_slice(text, (size_t)sqlite3_column_bytes(s, at));
}

static bool column_has(sqlite3_stmt *s, int at)
{
    return sqlite3_column_type(s, at) != SQLITE_NULL;
}

static sqlite3_stmt *prepared(struct fh_ledger *led, enum fh_ledger_statement which)
{
    sqlite3_stmt *s = led->stmt[which];

    FH_ASSERT(s != NULL);
    (void)sqlite3_reset(s); /* what went wrong last time was reported then */
    return s;
}

/* run steps a statement that gives no row. */
static enum fh_rc run(sqlite3_stmt *s)
{
    return sqlite3_step(s) == SQLITE_DONE ? FH_OK : FH_E_STORE;
}

/* Leaving its scope before tx_commit rolls back. */
struct tx {
    struct fh_ledger *open; /* NULL before BEGIN and after COMMIT */
};

static void tx_end(struct tx *tx)
{
    if (tx->open != NULL) {
        /* reading statements would keep the transaction open, and the numbers of names that it
         * added are gone with it */
        (void)sqlite3_reset(tx->open->stmt[STMT_READ_ROW]);
        (void)!run(prepared(tx->open, STMT_ROLLBACK));
        fh_ledger_names_clear(tx->open->asker_ids);
        fh_ledger_names_clear(tx->open->route_ids);
    }
}

static enum fh_rc tx_begin(struct tx *tx, struct fh_ledger *led)
{
    FH_TRY(run(prepared(led, STMT_BEGIN)));
    tx->open = led;
    return FH_OK;
}

static enum fh_rc tx_commit(struct tx *tx)
{
    FH_TRY(run(prepared(tx->open, STMT_COMMIT)));
    tx->open = NULL;
    return FH_OK;
}

/* number_of gives the number of some names, which it adds when they are new. */
static enum fh_rc number_of(struct fh_ledger *led, bool asker,
                            const struct fh_slice name[FH_LEDGER_NAMES], int64_t *number)
{
    struct fh_ledger_names *cache = asker ? led->asker_ids : led->route_ids;
    sqlite3_stmt *add = prepared(led, asker ? STMT_ADD_ASKER : STMT_ADD_ROUTE);
    sqlite3_stmt *find = prepared(led, asker ? STMT_FIND_ASKER : STMT_FIND_ROUTE);

    *number = fh_ledger_names_find(cache, name);
    if (*number != 0) {
        return FH_OK;
    }
    for (int i = 0; i < FH_LEDGER_NAMES; i++) {
        bind_text(add, i + 1, name[i]);
        bind_text(find, i + 1, name[i]);
    }
    FH_TRY(run(add));
    if (sqlite3_step(find) != SQLITE_ROW) {
        return FH_E_STORE;
    }
    *number = sqlite3_column_int64(find, 0);
    (void)sqlite3_reset(find);
    fh_ledger_names_add(cache, name, *number);
    return FH_OK;
}

static void names_of_asker(struct fh_slice name[FH_LEDGER_NAMES], const struct fh_asker *a)
{
    name[0] = a->key_id;
    name[1] = a->key_name;
    name[2] = a->model;
    name[3] = a->dialect;
}

static void names_of_route(struct fh_slice name[FH_LEDGER_NAMES], const struct fh_row_route *r)
{
    name[0] = r->name;
    name[1] = r->provider;
    name[2] = r->upstream_model;
    name[3] = r->dialect;
}

static struct fh_row_route read_route(sqlite3_stmt *s, int at)
{
    return (struct fh_row_route){column_text(s, at), column_text(s, at + 1),
                                 column_text(s, at + 2), column_text(s, at + 3)};
}

static void read_settle(sqlite3_stmt *s, struct fh_ledger_row *row)
{
    row->settle = (struct fh_stamp){column_u64(s, COL_SETTLE_AT_US),
                                    (uint32_t)column_u64(s, COL_SETTLE_CRC)};
    row->answered = read_route(s, COL_ANSWERED_NAMES);
    row->outcome = (enum fh_outcome)column_u64(s, COL_OUTCOME);
    row->status = (uint32_t)column_u64(s, COL_STATUS);
    row->attempts = (uint32_t)column_u64(s, COL_ATTEMPTS);
    row->finish = (uint32_t)column_u64(s, COL_FINISH);
    row->first_byte_us = column_u64(s, COL_FIRST_BYTE_US);
    row->duration_us = column_u64(s, COL_DURATION_US);
    row->bytes_in = column_u64(s, COL_BYTES_IN);
    row->bytes_out = column_u64(s, COL_BYTES_OUT);
    row->loss_count = (uint32_t)column_u64(s, COL_LOSS_COUNT);
    row->losses = column_text(s, COL_LOSSES);
    row->usage.estimated = column_u64(s, COL_ESTIMATED) != 0;
    for (int kind = 0; kind < FH_TOKENS_KINDS; kind++) {
        if (column_has(s, COL_INPUT + kind)) {
            fh_usage_set(&row->usage, (enum fh_tokens)kind, column_u64(s, COL_INPUT + kind));
        }
    }
}

/* read_row finds the row of an id, or starts one. Its texts hold until STMT_READ_ROW is reset. */
static enum fh_rc read_row(struct fh_ledger *led, const struct fh_request_id *id,
                           struct fh_ledger_row *row)
{
    sqlite3_stmt *s = prepared(led, STMT_READ_ROW);

    *row = (struct fh_ledger_row){.id = *id};
    bind_blob(s, 1, id->bytes, sizeof(id->bytes));
    int step = sqlite3_step(s);

    if (step != SQLITE_ROW) {
        return step == SQLITE_DONE ? FH_OK : FH_E_STORE;
    }
    row->state = (enum fh_posting)column_u64(s, COL_STATE);
    row->marks = (unsigned)column_u64(s, COL_MARKS);
    row->has_intent = column_has(s, COL_INTENT_AT_US);
    row->has_settle = column_has(s, COL_SETTLE_AT_US);
    row->has_void = column_has(s, COL_VOID_AT_US);
    if (row->state >= FH_POSTINGS || column_u64(s, COL_OUTCOME) >= FH_OUTCOMES ||
        column_u64(s, COL_VOID_REASON) >= FH_VOID_REASONS ||
        column_u64(s, COL_SERVICE) >= FH_SERVICES) {
        return FH_E_STORE; /* not written by us */
    }
    if (row->has_intent) {
        row->intent = (struct fh_stamp){column_u64(s, COL_INTENT_AT_US),
                                        (uint32_t)column_u64(s, COL_INTENT_CRC)};
        row->attempt = (uint32_t)column_u64(s, COL_ATTEMPT);
        row->asker = (struct fh_asker){column_text(s, COL_ASKER_NAMES),
                                       column_text(s, COL_ASKER_NAMES + 1),
                                       column_text(s, COL_ASKER_NAMES + 2),
                                       column_text(s, COL_ASKER_NAMES + 3)};
        row->tried = read_route(s, COL_TRIED_NAMES);
        row->streamed = column_u64(s, COL_STREAMED) != 0;
        row->body_bytes = column_u64(s, COL_BODY_BYTES);
        row->service = (enum fh_service)column_u64(s, COL_SERVICE);
    }
    if (row->has_settle) {
        read_settle(s, row);
    }
    if (row->has_void) {
        row->voided = (struct fh_stamp){column_u64(s, COL_VOID_AT_US),
                                        (uint32_t)column_u64(s, COL_VOID_CRC)};
        row->reason = (enum fh_void_reason)column_u64(s, COL_VOID_REASON);
    }
    return FH_OK;
}

/* Parameters count from 1, columns from 0. */
static int param(enum column column)
{
    return (int)column + 1;
}

static void write_usage(sqlite3_stmt *s, const struct fh_usage *usage)
{
    bind_i64(s, param(COL_ESTIMATED), usage->estimated);
    for (int kind = 0; kind < FH_TOKENS_KINDS; kind++) {
        if (fh_usage_has(usage, (enum fh_tokens)kind)) {
            bind_u64(s, param(COL_INPUT) + kind, usage->count[kind]);
        }
    }
}

static enum fh_rc write_intent(struct fh_ledger *led, sqlite3_stmt *s,
                               const struct fh_ledger_row *row)
{
    struct fh_slice name[FH_LEDGER_NAMES];
    int64_t number = 0;

    bind_u64(s, param(COL_INTENT_AT_US), row->intent.at_us);
    bind_u64(s, param(COL_INTENT_CRC), row->intent.crc);
    bind_u64(s, param(COL_ATTEMPT), row->attempt);
    names_of_asker(name, &row->asker);
    FH_TRY(number_of(led, true, name, &number));
    bind_i64(s, param(COL_ASKER), number);
    names_of_route(name, &row->tried);
    FH_TRY(number_of(led, false, name, &number));
    bind_i64(s, param(COL_TRIED), number);
    bind_i64(s, param(COL_STREAMED), row->streamed);
    bind_u64(s, param(COL_BODY_BYTES), row->body_bytes);
    bind_i64(s, param(COL_SERVICE), row->service);
    return FH_OK;
}

static enum fh_rc write_settle(struct fh_ledger *led, sqlite3_stmt *s,
                               const struct fh_ledger_row *row)
{
    struct fh_slice name[FH_LEDGER_NAMES];
    int64_t number = 0;

    bind_u64(s, param(COL_SETTLE_AT_US), row->settle.at_us);
    bind_u64(s, param(COL_SETTLE_CRC), row->settle.crc);
    if (row->answered.name.len > 0) {
        names_of_route(name, &row->answered);
        FH_TRY(number_of(led, false, name, &number));
        bind_i64(s, param(COL_ANSWERED), number);
    }
    bind_i64(s, param(COL_OUTCOME), row->outcome);
    bind_u64(s, param(COL_STATUS), row->status);
    bind_u64(s, param(COL_ATTEMPTS), row->attempts);
    bind_u64(s, param(COL_FINISH), row->finish);
    bind_u64(s, param(COL_FIRST_BYTE_US), row->first_byte_us);
    bind_u64(s, param(COL_DURATION_US), row->duration_us);
    bind_u64(s, param(COL_BYTES_IN), row->bytes_in);
    bind_u64(s, param(COL_BYTES_OUT), row->bytes_out);
    bind_u64(s, param(COL_LOSS_COUNT), row->loss_count);
    if (row->losses.len > 0) {
        bind_text(s, param(COL_LOSSES), row->losses);
    }
    write_usage(s, &row->usage);
    return FH_OK;
}

static enum fh_rc write_row(struct fh_ledger *led, const struct fh_ledger_row *row)
{
    sqlite3_stmt *s = prepared(led, STMT_WRITE_ROW);

    (void)sqlite3_clear_bindings(s); /* what is not bound is NULL: not known */
    bind_blob(s, param(COL_ID), row->id.bytes, sizeof(row->id.bytes));
    bind_u64(s, param(COL_AT_MS), fh_ledger_row_at_ms(row));
    bind_i64(s, param(COL_STATE), row->state);
    bind_i64(s, param(COL_MARKS), row->marks);
    if (row->has_intent) {
        FH_TRY(write_intent(led, s, row));
    }
    if (row->has_settle) {
        FH_TRY(write_settle(led, s, row));
    }
    if (row->has_void) {
        bind_u64(s, param(COL_VOID_AT_US), row->voided.at_us);
        bind_u64(s, param(COL_VOID_CRC), row->voided.crc);
        bind_i64(s, param(COL_VOID_REASON), row->reason);
    }
    return run(s);
}

/* book folds one record into its row. What a later version wrote is counted and left to it. */
static enum fh_rc book(struct fh_ledger *led, const struct fh_segment_record *at,
                       struct fh_ledger_applied *applied)
{
    struct fh_record record;
    struct fh_ledger_row row;

    applied->records++;
    if (fh_decode_record(at->type, at->payload, &record) != FH_OK) {
        applied->skipped++;
        return FH_OK;
    }
    FH_TRY(read_row(led, fh_record_id(&record), &row));
    if (!fh_ledger_row_apply(&row, &record, at->crc)) {
        return FH_OK;
    }
    applied->changed++;
    return write_row(led, &row);
}

static enum fh_rc write_position(struct fh_ledger *led, const struct fh_ledger_position *p)
{
    sqlite3_stmt *s = prepared(led, STMT_WRITE_POSITION);

    bind_i64(s, 1, p->worker);
    bind_u64(s, 2, p->sequence);
    bind_u64(s, 3, p->created_us);
    bind_u64(s, 4, p->at);
    bind_i64(s, 5, p->finished);
    if (p->finished) {
        bind_blob(s, 6, p->hash.bytes, sizeof(p->hash.bytes));
    } else {
        bind_null(s, 6);
    }
    return run(s);
}

enum fh_rc fh_ledger_apply(struct fh_ledger *led, const struct fh_segment_record *records,
                           size_t record_count, const struct fh_ledger_position *positions,
                           size_t position_count, struct fh_ledger_applied *applied)
{
    FH_AUTO(tx_end) struct tx tx = {0};
    struct fh_ledger_applied sum = *applied;

    FH_TRY(tx_begin(&tx, led));
    for (size_t i = 0; i < record_count; i++) {
        FH_TRY(book(led, &records[i], &sum));
    }
    for (size_t i = 0; i < position_count; i++) {
        FH_TRY(write_position(led, &positions[i]));
    }
    (void)sqlite3_reset(led->stmt[STMT_READ_ROW]);
    FH_TRY(tx_commit(&tx));
    *applied = sum;
    return FH_OK;
}

static enum fh_rc read_position(struct fh_ledger *led, enum fh_ledger_statement which,
                                uint32_t worker, uint64_t sequence,
                                struct fh_ledger_position *out)
{
    sqlite3_stmt *s = prepared(led, which);

    bind_i64(s, 1, worker);
    bind_u64(s, 2, sequence);
    int step = sqlite3_step(s);

    if (step != SQLITE_ROW) {
        return step == SQLITE_DONE ? FH_E_MISSING : FH_E_STORE;
    }
    *out = (struct fh_ledger_position){
        .worker = (uint32_t)column_u64(s, 0),
        .sequence = column_u64(s, 1),
        .created_us = column_u64(s, 2),
        .at = column_u64(s, 3),
        .finished = column_u64(s, 4) != 0,
    };
    const void *hash = sqlite3_column_blob(s, 5);

    if (hash != NULL && sqlite3_column_bytes(s, 5) == FH_SHA256_LEN) {
        memcpy(out->hash.bytes, hash, FH_SHA256_LEN);
    }
    (void)sqlite3_reset(s);
    return FH_OK;
}

enum fh_rc fh_ledger_position(struct fh_ledger *led, uint32_t worker, uint64_t sequence,
                              struct fh_ledger_position *out)
{
    return read_position(led, STMT_READ_POSITION, worker, sequence, out);
}

enum fh_rc fh_ledger_before(struct fh_ledger *led, uint32_t worker, uint64_t sequence,
                            struct fh_ledger_position *out)
{
    return read_position(led, STMT_READ_BEFORE, worker, sequence, out);
}

enum fh_rc fh_ledger_expire(struct fh_ledger *led, uint64_t before_us, uint64_t *expired)
{
    static const uint8_t zeros[FH_REQUEST_ID_RANDOM_LEN];
    struct fh_request_id id = fh_request_id(before_us, zeros);
    sqlite3_stmt *s = prepared(led, STMT_EXPIRE);

    bind_blob(s, 1, id.bytes, sizeof(id.bytes));
    bind_u64(s, 2, before_us / 1000);
    FH_TRY(run(s));
    *expired += (uint64_t)sqlite3_changes(led->db);
    return FH_OK;
}

enum fh_rc fh_ledger_dump(struct fh_ledger *led, struct fh_buf *out)
{
    sqlite3_stmt *s = prepared(led, STMT_DUMP);
    int step = SQLITE_DONE;

    while ((step = sqlite3_step(s)) == SQLITE_ROW) {
        for (int i = 0; i < COL_END; i++) {
            fh_buf_append(out, i == 0 ? FH_NONE : FH_LIT("|"));
            if (i == COL_ID) {
                fh_buf_hex(out, fh_slice(sqlite3_column_blob(s, i),
                                         (size_t)sqlite3_column_bytes(s, i)));
            } else if (i != COL_ASKER && i != COL_TRIED && i != COL_ANSWERED) {
                fh_buf_append(out, column_has(s, i) ? column_text(s, i) : FH_LIT("-"));
            } /* numbers of names come as the names came: order would show */
        }
        fh_buf_byte(out, '\n');
    }
    (void)sqlite3_reset(s);
    return step == SQLITE_DONE ? FH_OK : FH_E_STORE;
}

const char *fh_ledger_why(const struct fh_ledger *led)
{
    return sqlite3_errmsg(led->db);
}

static void complain_errno(struct fh_buf *why, const char *path)
{
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): control has one thread */
    fh_buf_printf(why, "%s: %s", path, strerror(errno));
}

/* make_private makes the file for its owner alone, before SQLite would for everybody. */
static enum fh_rc make_private(const char *path, struct fh_buf *why)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR);

    if (fd < 0) {
        complain_errno(why, path);
        return FH_E_SYSTEM;
    }
    (void)close(fd);
    return FH_OK;
}

/* lock takes PATH.lock for as long as the ledger is open. */
static enum fh_rc lock(struct fh_ledger *led, const char *path, bool patient,
                       struct fh_buf *why)
{
    char name[PATH_LEN_MAX];
    int n = snprintf(name, sizeof(name), "%s.lock", path);

    if (n < 0 || (size_t)n >= sizeof(name)) {
        fh_buf_printf(why, "%s: the path is too long", path);
        return FH_E_SYSTEM;
    }
    led->lock = open(name, O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (led->lock < 0) {
        complain_errno(why, name);
        return FH_E_SYSTEM;
    }
    bool locked = flock(led->lock, LOCK_EX | LOCK_NB) == 0;

    for (int waited_ms = 0; !locked && patient && waited_ms < BUSY_MS; waited_ms += WAIT_MS) {
        const struct timespec pause = {.tv_nsec = WAIT_MS * 1000000L};

        (void)nanosleep(&pause, NULL);
        locked = flock(led->lock, LOCK_EX | LOCK_NB) == 0;
    }
    if (!locked) {
        fh_buf_printf(why, "%s: another process writes this ledger", path);
        return FH_E_CONFLICT;
    }
    return FH_OK;
}

static enum fh_rc prepare_all(struct fh_ledger *led)
{
    for (size_t i = 0; i < STMT_COUNT; i++) {
        if (sqlite3_prepare_v3(led->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &led->stmt[i],
                               NULL) != SQLITE_OK) {
            return FH_E_STORE;
        }
    }
    return FH_OK;
}

/* set_up makes an open database ready: settings, schema, statements. */
static enum fh_rc set_up(struct fh_ledger *led, enum fh_ledger_mode mode, int *version)
{
    static const char settings[] =
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
        "PRAGMA foreign_keys = OFF"; /* they document; we made them */

    (void)sqlite3_extended_result_codes(led->db, 1);
    (void)sqlite3_busy_timeout(led->db, BUSY_MS);
    if (mode != FH_LEDGER_READ) {
        /* the version first: a ledger of a later one is not touched */
        FH_TRY(fh_ledger_schema_found(led->db, version));
        if (*version > fh_ledger_schema_version()) {
            return FH_E_SUPPORT;
        }
        if (sqlite3_exec(led->db, settings, NULL, NULL, NULL) != SQLITE_OK) {
            return FH_E_STORE;
        }
        FH_TRY(fh_ledger_migrate(led->db, version));
    } else {
        FH_TRY(fh_ledger_schema_found(led->db, version));
        if (*version != fh_ledger_schema_version()) {
            return *version == 0 ? FH_E_MISSING : FH_E_SUPPORT;
        }
    }
    return prepare_all(led);
}

static void complain(struct fh_buf *why, enum fh_rc rc, const char *path, sqlite3 *db,
                     int version)
{
    if (rc == FH_E_SUPPORT) {
        fh_buf_printf(why, "%s: schema version %d, and this program knows version %d", path,
                      version, fh_ledger_schema_version());
    } else if (rc == FH_E_MISSING) {
        fh_buf_printf(why, "%s: no ledger in it yet", path);
    } else {
        fh_buf_printf(why, "%s: %s", path, sqlite3_errmsg(db));
    }
}

static enum fh_rc open_at(struct fh_ledger *led, const char *path, enum fh_ledger_mode mode,
                          struct fh_buf *why)
{
    /* one thread uses it: a lock for every call would be a twentieth of the whole cost */
    int flags = SQLITE_OPEN_NOMUTEX |
                (mode == FH_LEDGER_READ ? SQLITE_OPEN_READONLY
                                        : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    int version = 0;

    if (mode == FH_LEDGER_READ && access(path, F_OK) != 0) {
        bool missing = errno == ENOENT;

        complain_errno(why, path);
        return missing ? FH_E_MISSING : FH_E_SYSTEM;
    }
    if (mode != FH_LEDGER_READ) {
        FH_TRY(lock(led, path, mode == FH_LEDGER_WRITE_SOON, why));
        FH_TRY(make_private(path, why));
    }
    enum fh_rc rc = FH_E_STORE;

    if (sqlite3_open_v2(path, &led->db, flags, NULL) == SQLITE_OK) {
        rc = set_up(led, mode, &version);
    }
    if (rc != FH_OK) {
        complain(why, rc, path, led->db, version);
    }
    return rc;
}

enum fh_rc fh_ledger_open(struct fh_ledger **ledger, const char *path, enum fh_ledger_mode mode,
                          struct fh_buf *why)
{
    struct fh_ledger *led = calloc(1, sizeof(*led));

    FH_ASSERT(led != NULL);
    led->lock = -1;
    led->asker_ids = fh_ledger_names_new();
    led->route_ids = fh_ledger_names_new();
    enum fh_rc rc = open_at(led, path, mode, why);

    if (rc != FH_OK) {
        fh_ledger_close(&led);
        return rc;
    }
    *ledger = led;
    return FH_OK;
}

void fh_ledger_close(struct fh_ledger **ledger)
{
    struct fh_ledger *led = *ledger;

    if (led == NULL) {
        return;
    }
    for (size_t i = 0; i < STMT_COUNT; i++) {
        (void)sqlite3_finalize(led->stmt[i]);
    }
    (void)sqlite3_close(led->db);
    fh_ledger_names_free(&led->asker_ids);
    fh_ledger_names_free(&led->route_ids);
    if (led->lock >= 0) {
        (void)close(led->lock);
    }
    free(led);
    *ledger = NULL;
}
