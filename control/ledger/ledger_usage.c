/* ledger_usage.c: sums of the rows. One pass adds up by the numbers of names, which is all that
 * millions of rows see of them; the names are joined to the few sums.
 * SPDX-License-Identifier: Apache-2.0 */
#include "control/ledger/ledger_row.h"
#include "control/ledger/ledger_sqlite.h"

enum { SQL_LEN_MAX = 4096, LINES_MIN = 16 };

/* What a report can be by, and the column of a joined sum that tells its lines apart. */
static const struct group {
    unsigned by;
    const char *column;
} groups[] = {
    {FH_USAGE_BY_DAY, "date(s.day * 86400, 'unixepoch')"},
    {FH_USAGE_BY_KEY, "a.key_id"},
    {FH_USAGE_BY_MODEL, "a.model"},
    {FH_USAGE_BY_ROUTE, "r.name"},
    {FH_USAGE_BY_PROVIDER, "r.provider"},
};

/* Names in the order in which they are selected: those of `groups`, then the key's. */
enum { KEY_NAME_AT = FH_LEN(groups), SUMS_AT };

/* Members of struct fh_usage_line that are sums over usage rows. */
#define SUMS(X)                                                                             \
    X(requests, "state = 2")                                                                \
    X(input, "coalesce(input, 0)")                                                          \
    X(output, "coalesce(output, 0)")                                                        \
    X(cache_read, "coalesce(cache_read, 0)")                                                \
    X(cache_write, "coalesce(cache_write_5m, 0) + coalesce(cache_write_1h, 0)")             \
    X(estimated, "coalesce(estimated, 0)")                                                  \
    X(unreported, "state = 2 AND outcome IN (0, 3, 4) AND coalesce(input, output) IS NULL") \
    X(pending, "state = 1")                                                                 \
    X(unknown, "state = 4")                                                                 \
    X(voided, "state = 3")                                                                  \
    X(conflicts, "marks & 1")

static_assert(FH_POSTING_PENDING == 1 && FH_POSTING_SETTLED == 2 && FH_POSTING_VOID == 3 &&
                  FH_POSTING_UNKNOWN == 4 && FH_OUTCOME_OK == 0 && FH_OUTCOME_CUT == 3 &&
                  FH_OUTCOME_CLIENT_GONE == 4 && FH_ROW_CONFLICT == 1,
              "the SQL above spells them");

#define INNER_SUM(name, expression) ", sum(" expression ") AS " #name
#define OUTER_SUM(name, expression) ", sum(s." #name ")"

static void write_sql(struct fh_buf *out, unsigned by)
{
    const char *separator = "SELECT ";

    for (size_t i = 0; i < FH_LEN(groups); i++, separator = ", ") {
        fh_buf_printf(out, "%s%s", separator,
                      (by & groups[i].by) != 0 ? groups[i].column : "''");
    }
    /* a key can be renamed: its id tells lines apart */
    fh_buf_printf(out, ", %s", (by & FH_USAGE_BY_KEY) != 0 ? "max(a.key_name)" : "''");
    fh_buf_append(out, FH_LIT(SUMS(OUTER_SUM)));
    fh_buf_append(out, FH_LIT(" FROM (SELECT asker, coalesce(answered, tried) AS route"
                              ", at_ms / 86400000 AS day" SUMS(INNER_SUM)));
    fh_buf_append(out, FH_LIT(" FROM usage WHERE (id >= ?1 AND id < ?2) OR"
                              " (id >= " FH_LEDGER_TIMELESS " AND at_ms >= ?3 AND at_ms < ?4)"
                              " GROUP BY 1, 2, 3) AS s"
                              " LEFT JOIN asker AS a ON a.asker = s.asker"
                              " LEFT JOIN route AS r ON r.route = s.route"));
    separator = " GROUP BY ";
    for (size_t i = 0; i < FH_LEN(groups); i++) {
        if ((by & groups[i].by) != 0) {
            fh_buf_printf(out, "%s%s", separator, groups[i].column);
            separator = ", ";
        }
    }
    fh_buf_append(out, FH_LIT(" ORDER BY 1, 6, 2, 3, 4, 5"));
}

static uint64_t sum_at(sqlite3_stmt *s, int at)
{
    int64_t value = sqlite3_column_int64(s, at);

    return value < 0 ? 0 : (uint64_t)value;
}

static struct fh_slice name_at(sqlite3_stmt *s, int at, struct fh_arena *arena)
{
    const unsigned char *text = sqlite3_column_text(s, at);

    return text == NULL ? FH_NONE
                        : fh_dup(arena, fh_slice(text, (size_t)sqlite3_column_bytes(s, at)));
}

static struct fh_usage_line read_line(sqlite3_stmt *s, struct fh_arena *arena)
{
    int at = (int)SUMS_AT;
    struct fh_usage_line line = {
        .day = name_at(s, 0, arena),
        .key_id = name_at(s, 1, arena),
        .model = name_at(s, 2, arena),
        .route = name_at(s, 3, arena),
        .provider = name_at(s, 4, arena),
        .key = name_at(s, KEY_NAME_AT, arena),
    };

    if (line.key.len == 0) {
        line.key = line.key_id;
    }
#define X(name, expression) line.name = sum_at(s, at++);
    SUMS(X)
#undef X
    return line;
}

static void add(struct fh_usage_line *total, const struct fh_usage_line *line)
{
#define X(name, expression)                                              \
    if (__builtin_add_overflow(total->name, line->name, &total->name)) { \
        total->name = UINT64_MAX;                                        \
    }
    SUMS(X)
#undef X
}

static void push(struct fh_usage_report *report, size_t *room, struct fh_arena *arena,
                 struct fh_usage_line line)
{
    if (report->count == *room) {
        size_t more = fh_max(*room * 2, LINES_MIN);
        struct fh_usage_line *lines = fh_arena_alloc(arena, more * sizeof(line));

        if (report->count > 0) {
            memcpy(lines, report->line, report->count * sizeof(line));
        }
        report->line = lines;
        *room = more;
    }
    report->line[report->count++] = line;
    add(&report->total, &line);
}

/* since gives the least id of a time. */
static struct fh_request_id since(uint64_t us)
{
    static const uint8_t zeros[FH_REQUEST_ID_RANDOM_LEN];

    return fh_request_id(us, zeros);
}

/* bind_times gives the span to both kinds of ids: those that have a time, and those that do not. */
static bool bind_times(sqlite3_stmt *s, const struct fh_usage_query *query,
                       const struct fh_request_id *from, const struct fh_request_id *to)
{
    uint64_t until_ms = query->until_us == 0 ? INT64_MAX : query->until_us / 1000;

    return sqlite3_bind_blob64(s, 1, from->bytes, sizeof(from->bytes), SQLITE_STATIC) ==
               SQLITE_OK &&
           sqlite3_bind_blob64(s, 2, to->bytes, sizeof(to->bytes), SQLITE_STATIC) ==
               SQLITE_OK &&
           sqlite3_bind_int64(s, 3, (int64_t)(query->since_us / 1000)) == SQLITE_OK &&
           sqlite3_bind_int64(s, 4, (int64_t)until_ms) == SQLITE_OK;
}

static enum fh_rc query_lines(sqlite3_stmt *s, struct fh_arena *arena,
                              struct fh_usage_report *report)
{
    size_t room = 0;
    int step = SQLITE_DONE;

    *report = (struct fh_usage_report){0};
    while ((step = sqlite3_step(s)) == SQLITE_ROW) {
        push(report, &room, arena, read_line(s, arena));
    }
    return step == SQLITE_DONE ? FH_OK : FH_E_STORE;
}

enum fh_rc fh_ledger_usage(struct fh_ledger *led, struct fh_arena *arena,
                           const struct fh_usage_query *query, struct fh_usage_report *report)
{
    FH_AUTO(fh_buf_fini) struct fh_buf sql = fh_buf_on_heap(SQL_LEN_MAX);
    struct fh_request_id from = since(query->since_us);
    struct fh_request_id to = since(query->until_us);
    sqlite3_stmt *s = NULL;

    if (query->until_us == 0) {
        to = (struct fh_request_id){.bytes = {0xff}}; /* behind all times */
    }
    write_sql(&sql, query->by);
    FH_ASSERT(!sql.failed);
    enum fh_rc rc = FH_E_STORE;

    if (sqlite3_prepare_v2(led->db, (const char *)sql.ptr, (int)sql.len, &s, NULL) ==
            SQLITE_OK &&
        bind_times(s, query, &from, &to)) {
        rc = query_lines(s, arena, report);
    }
    (void)sqlite3_finalize(s);
    return rc;
}
