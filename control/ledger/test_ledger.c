/* test_ledger.c: any order, any repetition, any death: the same books.
 * SPDX-License-Identifier: Apache-2.0 */
#include "control/ledger/ledger.h"
#include "tap.h"

#include "journal/record.h"

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { DUMP_MAX = 1 << 26 };

static char dir[64], path[96];

static int setup(void **state)
{
    FH_UNUSED(state);
    (void)snprintf(dir, sizeof(dir), "/tmp/freehold-ledger-XXXXXX");
    if (mkdtemp(dir) == NULL) {
        return 1;
    }
    (void)snprintf(path, sizeof(path), "%s/ledger.db", dir);
    return 0;
}

static void wipe(void)
{
    static const char *const ends[] = {"", "-wal", "-shm", "-journal", ".lock"};
    char name[128];

    for (size_t i = 0; i < FH_LEN(ends); i++) {
        (void)snprintf(name, sizeof(name), "%s%s", path, ends[i]);
        (void)unlink(name);
    }
}

static int teardown(void **state)
{
    FH_UNUSED(state);
    wipe();
    return rmdir(dir);
}

static struct fh_ledger *opened(enum fh_ledger_mode mode)
{
    FH_AUTO(fh_buf_fini) struct fh_buf why = fh_buf_on_heap(1024);
    struct fh_ledger *led = NULL;

    if (fh_ledger_open(&led, path, mode, &why) != FH_OK) {
        fail_msg("%.*s", FH_ARG(fh_buf_slice(&why)));
    }
    return led;
}

static struct fh_request_id id_of(uint32_t number)
{
    uint8_t random[FH_REQUEST_ID_RANDOM_LEN] = {0};

    memcpy(random, &number, sizeof(number));
    return fh_request_id(UINT64_C(1767225600000000) + number * UINT64_C(1000), random);
}

/* record wraps an encoded payload as a segment would give it. */
static struct fh_segment_record record(uint16_t type, struct fh_buf *payload)
{
    assert_false(payload->failed);
    return (struct fh_segment_record){.type = type,
                                      .crc = fh_crc32c(type, fh_buf_slice(payload)),
                                      .payload = fh_buf_slice(payload)};
}

static struct fh_segment_record an_intent(struct fh_arena *arena, uint32_t number,
                                          uint32_t attempt)
{
    struct fh_buf out = fh_buf_in_arena(arena, FH_RECORD_MAX);
    struct fh_intent intent = {
        .id = id_of(number),
        .at_us = 1767225600000000 + number,
        .attempt = attempt,
        .streamed = number % 2 == 0,
        .key_id = number % 3 == 0 ? FH_LIT("key_a") : FH_LIT("key_b"),
        .key_name = number % 3 == 0 ? FH_LIT("Anna") : FH_LIT("Bob"),
        .model = FH_LIT("small"),
        .route = attempt == 1 ? FH_LIT("local/m") : FH_LIT("cloud/m"),
        .provider = attempt == 1 ? FH_LIT("local") : FH_LIT("cloud"),
        .upstream_model = FH_LIT("m-1"),
        .client_dialect = FH_LIT("anthropic"),
        .provider_dialect = FH_LIT("openai_chat"),
        .body_bytes = 100,
    };

    fh_encode_intent(&out, &intent);
    return record(FH_RECORD_INTENT, &out);
}

static struct fh_segment_record a_settle(struct fh_arena *arena, uint32_t number,
                                         uint64_t tokens)
{
    struct fh_buf out = fh_buf_in_arena(arena, FH_RECORD_MAX);
    struct fh_settle settle = {
        .id = id_of(number),
        .at_us = 1767225600500000 + number,
        .status = 200,
        .attempts = 2,
        .route = FH_LIT("cloud/m"),
        .provider = FH_LIT("cloud"),
        .upstream_model = FH_LIT("m-1"),
        .duration_us = 5000,
        .loss_count = 1,
        .losses = FH_LIT("/messages/0"),
    };

    fh_usage_set(&settle.usage, FH_TOKENS_INPUT, tokens);
    fh_usage_set(&settle.usage, FH_TOKENS_OUTPUT, 10);
    fh_usage_set(&settle.usage, FH_TOKENS_CACHE_READ, 3);
    settle.usage.estimated = number % 2 == 1;
    fh_encode_settle(&out, &settle);
    return record(FH_RECORD_SETTLE, &out);
}

static struct fh_segment_record a_void(struct fh_arena *arena, uint32_t number)
{
    struct fh_buf out = fh_buf_in_arena(arena, FH_RECORD_MAX);
    struct fh_void voided = {.id = id_of(number), .at_us = 9, .reason = FH_VOID_STOPPED};

    fh_encode_void(&out, &voided);
    return record(FH_RECORD_VOID, &out);
}

/* a_result is the pair of records that a part of a batch gets when it is fetched, at that time. */
static void a_result(struct fh_arena *arena, const char *theirs, uint64_t at_us,
                     const char *key_id, struct fh_segment_record out[2])
{
    struct fh_buf first = fh_buf_in_arena(arena, FH_RECORD_MAX);
    struct fh_buf second = fh_buf_in_arena(arena, FH_RECORD_MAX);
    struct fh_request_id id = fh_request_id_of(FH_LIT("cloud"), fh_cstr(theirs));
    struct fh_intent intent = {.id = id,
                               .at_us = at_us,
                               .attempt = 1,
                               .key_id = fh_cstr(key_id),
                               .model = FH_LIT("m-1"),
                               .route = FH_LIT("cloud/m-1"),
                               .service = FH_SERVICE_BATCH};
    struct fh_settle settle = {
        .id = id, .at_us = at_us, .status = 200, .attempts = 1, .route = FH_LIT("cloud/m-1")};

    fh_usage_set(&settle.usage, FH_TOKENS_INPUT, 100);
    fh_usage_set(&settle.usage, FH_TOKENS_OUTPUT, 10);
    fh_encode_intent(&first, &intent);
    fh_encode_settle(&second, &settle);
    out[0] = record(FH_RECORD_INTENT, &first);
    out[1] = record(FH_RECORD_SETTLE, &second);
}

static void apply(struct fh_ledger *led, const struct fh_segment_record *records, size_t count)
{
    struct fh_ledger_applied applied = {0};

    if (fh_ledger_apply(led, records, count, NULL, 0, &applied) != FH_OK) {
        fail_msg("%s", fh_ledger_why(led));
    }
    assert_int_equal(applied.records, count);
}

static struct fh_slice dump(struct fh_ledger *led, struct fh_arena *arena)
{
    struct fh_buf out = fh_buf_in_arena(arena, DUMP_MAX);

    assert_int_equal(fh_ledger_dump(led, &out), FH_OK);
    assert_false(out.failed);
    return fh_buf_slice(&out);
}

/* permute books every order of `records` into a new ledger each, and demands the same dump. */
static void permute(struct fh_segment_record *records, size_t count, size_t fixed,
                    struct fh_slice *want, struct fh_arena *arena)
{
    if (fixed < count) {
        for (size_t i = fixed; i < count; i++) {
            struct fh_segment_record held = records[fixed];

            records[fixed] = records[i];
            records[i] = held;
            permute(records, count, fixed + 1, want, arena);
            records[i] = records[fixed];
            records[fixed] = held;
        }
        return;
    }
    struct fh_ledger *led = opened(FH_LEDGER_WRITE);
    FH_AUTO(fh_arena_free) struct fh_arena *scratch = fh_arena_new(1 << 20);

    for (size_t i = 0; i < count; i++) {
        apply(led, &records[i], 1); /* each again, with all before it */
        apply(led, records, i + 1);
    }
    struct fh_slice got = dump(led, scratch);

    if (want->ptr == NULL) {
        *want = fh_dup(arena, got);
    }
    if (!fh_eq(got, *want)) {
        fail_msg("%s\ngot\n%.*s\nwant\n%.*s", tap_where, FH_ARG(got), FH_ARG(*want));
    }
    fh_ledger_close(&led);
    wipe();
}

static void test_order_and_repetition_do_not_show(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 24);
    struct fh_segment_record intent = an_intent(arena, 1, 1);
    struct fh_segment_record again = an_intent(arena, 1, 2);
    struct fh_segment_record settle = a_settle(arena, 1, 7);
    struct fh_segment_record voided = a_void(arena, 1);
    struct fh_segment_record sets[][4] = {
        {intent, settle, again, a_void(arena, 2)},
        {intent, again, voided, an_intent(arena, 2, 1)},
        {intent, settle, voided, again},                 /* contradicts itself */
        {intent, settle, a_settle(arena, 1, 8), again},  /* so does this */
        {voided, settle, a_settle(arena, 1, 8), intent}, /* and how */
    };

    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(sets); i++) {
        struct fh_slice want = FH_NONE;

        tap_context("set %zu", i);
        permute(sets[i], FH_LEN(sets[i]), 0, &want, arena);
    }
}

static struct fh_usage_report report(struct fh_ledger *led, struct fh_arena *arena,
                                     struct fh_usage_query query)
{
    struct fh_usage_report r;

    if (fh_ledger_usage(led, arena, &query, &r) != FH_OK) {
        fail_msg("%s", fh_ledger_why(led));
    }
    return r;
}

/* fill books 30 requests: of ten, seven are settled, one void, one pending and one contradicts
 * itself. */
static void fill(struct fh_ledger *led, struct fh_arena *arena)
{
    for (uint32_t i = 0; i < 30; i++) {
        struct fh_segment_record records[3] = {an_intent(arena, i, 1)};
        size_t count = 1;

        if (i % 10 != 8) {
            records[count++] = i % 10 == 7 ? a_void(arena, i) : a_settle(arena, i, 100);
        }
        if (i % 10 == 9) {
            records[count++] = a_void(arena, i);
        }
        apply(led, records, count);
    }
}

static void test_usage(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 24);
    struct fh_ledger *led = opened(FH_LEDGER_WRITE);
    struct fh_usage_report r;

    FH_UNUSED(state);
    r = report(led, arena, (struct fh_usage_query){.by = FH_USAGE_BY_KEY});
    assert_int_equal(r.count, 0);
    fill(led, arena);
    r = report(led, arena, (struct fh_usage_query){.by = FH_USAGE_BY_KEY | FH_USAGE_BY_ROUTE});
    assert_int_equal(r.count, 4);
    assert_text(r.line[0].key, "Anna");
    assert_text(r.line[0].key_id, "key_a");
    assert_text(r.line[0].route, "cloud/m");
    assert_text(r.line[0].model, "");
    assert_text(r.line[1].route, "local/m"); /* tried, and not answered: void and pending */
    assert_int_equal(r.line[1].requests, 0);
    assert_int_equal(r.line[1].voided + r.line[1].pending, 2);
    assert_text(r.line[2].key, "Bob");
    assert_int_equal(r.total.requests, 24);
    assert_int_equal(r.total.input, 2400);
    assert_int_equal(r.total.output, 240);
    assert_int_equal(r.total.cache_read, 72);
    assert_int_equal(r.total.cache_write, 0);
    assert_int_equal(r.total.estimated, 12);
    assert_int_equal(r.total.unreported, 0);
    assert_int_equal(r.total.pending, 3);
    assert_int_equal(r.total.voided, 3);
    assert_int_equal(r.total.unknown, 0);
    assert_int_equal(r.total.conflicts, 3);

    r = report(led, arena,
               (struct fh_usage_query){.by = FH_USAGE_BY_DAY | FH_USAGE_BY_MODEL |
                                             FH_USAGE_BY_PROVIDER});
    assert_int_equal(r.count, 2);
    assert_text(r.line[0].day, "2026-01-01");
    assert_text(r.line[0].model, "small");
    assert_text(r.line[0].provider, "cloud");

    r = report(led, arena,
               (struct fh_usage_query){.since_us = 1767225600010000,
                                       .until_us = 1767225600020000}); /* ten of thirty */
    assert_int_equal(r.total.requests, 8);
    fh_ledger_close(&led);
}

enum { DAY_MS = 86400000 };
#define FETCHED_US UINT64_C(1767225600000000) /* 2026-01-01 */
#define LATER_US   (FETCHED_US + 3 * UINT64_C(1000) * DAY_MS)

/* A batch's results may be fetched again, by another key, and in the journal of another worker the
 * later fetch may come first: each counts once, as it was the first time. */
static void test_results_fetched_twice_count_once(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 24);
    struct fh_segment_record set[4];
    struct fh_slice want = FH_NONE;

    FH_UNUSED(state);
    a_result(arena, "msg_1", FETCHED_US, "key_a", &set[0]);
    a_result(arena, "msg_1", LATER_US, "key_b", &set[2]);
    tap_context("two fetches");
    permute(set, FH_LEN(set), 0, &want, arena);

    struct fh_ledger *led = opened(FH_LEDGER_WRITE);

    apply(led, &set[2], 2);
    apply(led, &set[0], 2);
    a_result(arena, "msg_2", LATER_US, "key_b", set);
    apply(led, set, 2);
    struct fh_usage_report r =
        report(led, arena, (struct fh_usage_query){.by = FH_USAGE_BY_KEY | FH_USAGE_BY_DAY});

    assert_int_equal(r.count, 2);
    assert_text(r.line[0].day, "2026-01-01");
    assert_text(r.line[0].key_id, "key_a");
    assert_text(r.line[1].day, "2026-01-04");
    assert_int_equal(r.total.requests, 2);
    assert_int_equal(r.total.input, 200);
    assert_int_equal(r.total.conflicts, 0);
    r = report(led, arena, (struct fh_usage_query){.since_us = FETCHED_US + 1000000});
    assert_int_equal(r.total.requests, 1);
    r = report(led, arena, (struct fh_usage_query){.until_us = FETCHED_US + 1000000});
    assert_int_equal(r.total.requests, 1);
    r = report(led, arena,
               (struct fh_usage_query){.since_us = FETCHED_US + 1000000, .until_us = LATER_US});
    assert_int_equal(r.total.requests, 0);
    fh_ledger_close(&led);
}

/* A worker may die between the two records. The next fetch makes it good. */
static void test_half_a_result_expires(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 24);
    struct fh_ledger *led = opened(FH_LEDGER_WRITE);
    struct fh_segment_record set[2];
    uint64_t expired = 0;

    FH_UNUSED(state);
    a_result(arena, "msg_1", FETCHED_US, "key_a", set);
    apply(led, set, 1);
    assert_int_equal(fh_ledger_expire(led, FETCHED_US, &expired), FH_OK);
    assert_int_equal(expired, 0);
    assert_int_equal(fh_ledger_expire(led, LATER_US, &expired), FH_OK);
    assert_int_equal(expired, 1);
    a_result(arena, "msg_1", LATER_US, "key_a", set);
    apply(led, set, 2);
    struct fh_usage_report r = report(led, arena, (struct fh_usage_query){0});

    assert_int_equal(r.total.unknown, 0);
    assert_int_equal(r.total.requests, 1);
    fh_ledger_close(&led);
}

static void test_deadline(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 24);
    struct fh_ledger *led = opened(FH_LEDGER_WRITE);
    uint64_t expired = 0;

    FH_UNUSED(state);
    fill(led, arena);
    assert_int_equal(fh_ledger_expire(led, 1767225600018000, &expired), FH_OK);
    assert_int_equal(expired, 1); /* 8 is before that, 18 is not */
    assert_int_equal(fh_ledger_expire(led, 1767225600018000, &expired), FH_OK);
    assert_int_equal(expired, 1);
    struct fh_usage_report r = report(led, arena, (struct fh_usage_query){0});

    assert_int_equal(r.total.unknown, 1);
    assert_int_equal(r.total.pending, 2);
    struct fh_segment_record late = a_settle(arena, 8, 100);

    apply(led, &late, 1);
    r = report(led, arena, (struct fh_usage_query){0});
    assert_int_equal(r.total.unknown, 0);
    assert_int_equal(r.total.requests, 25);
    fh_ledger_close(&led);
}

/* What a provider claims cannot break the sums. */
static void test_absurd_counts_are_cut(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 24);
    struct fh_ledger *led = opened(FH_LEDGER_WRITE);

    FH_UNUSED(state);
    for (uint32_t i = 0; i < 100; i++) {
        struct fh_segment_record settle = a_settle(arena, i, UINT64_MAX - i);

        apply(led, &settle, 1);
    }
    struct fh_usage_report r = report(led, arena, (struct fh_usage_query){0});

    assert_int_equal(r.total.input, 100 * (UINT64_C(1) << 40));
    fh_ledger_close(&led);
}

static void test_unreadable_records_are_counted(void **state)
{
    struct fh_ledger *led = opened(FH_LEDGER_WRITE);
    struct fh_segment_record records[] = {
        {.type = 77, .payload = FH_LIT("of a later version")},
        {.type = FH_RECORD_SETTLE, .payload = FH_LIT("nonsense")},
    };
    struct fh_ledger_applied applied = {0};

    FH_UNUSED(state);
    assert_int_equal(fh_ledger_apply(led, records, 2, NULL, 0, &applied), FH_OK);
    assert_int_equal(applied.records, 2);
    assert_int_equal(applied.skipped, 2);
    assert_int_equal(applied.changed, 0);
    fh_ledger_close(&led);
}

static void test_positions(void **state)
{
    struct fh_ledger *led = opened(FH_LEDGER_WRITE);
    struct fh_ledger_applied applied = {0};
    struct fh_ledger_position got;
    struct fh_ledger_position p[] = {
        {.worker = 1, .sequence = 1, .created_us = 5, .at = 128},
        {.worker = 1, .sequence = 2, .created_us = 6, .at = 256},
    };

    FH_UNUSED(state);
    assert_int_equal(fh_ledger_position(led, 1, 1, &got), FH_E_MISSING);
    assert_int_equal(fh_ledger_before(led, 1, 2, &got), FH_E_MISSING);
    assert_int_equal(fh_ledger_apply(led, NULL, 0, p, 2, &applied), FH_OK);
    p[0].finished = true;
    p[0].hash = fh_sha256(FH_LIT("x"));
    p[0].at = 512;
    assert_int_equal(fh_ledger_apply(led, NULL, 0, p, 1, &applied), FH_OK);
    fh_ledger_close(&led);
    led = opened(FH_LEDGER_READ);
    assert_int_equal(fh_ledger_position(led, 1, 2, &got), FH_OK);
    assert_int_equal(got.at, 256);
    assert_int_equal(got.created_us, 6);
    assert_false(got.finished);
    assert_int_equal(fh_ledger_before(led, 1, 1, &got), FH_E_MISSING);
    assert_int_equal(fh_ledger_before(led, 2, 9, &got), FH_E_MISSING);
    assert_int_equal(fh_ledger_before(led, 1, 3, &got), FH_OK); /* 2 is not finished */
    assert_int_equal(got.sequence, 1);
    assert_int_equal(got.at, 512);
    assert_memory_equal(got.hash.bytes, p[0].hash.bytes, FH_SHA256_LEN);
    fh_ledger_close(&led);
}

/* refused tries to open the ledger and gives the sentence that says why it is not. */
static struct fh_slice refused(struct fh_arena *arena, enum fh_ledger_mode mode,
                               enum fh_rc want)
{
    struct fh_buf why = fh_buf_in_arena(arena, 1024);
    struct fh_ledger *led = NULL;

    assert_int_equal(fh_ledger_open(&led, path, mode, &why), want);
    assert_null(led);
    return fh_buf_slice(&why);
}

static void test_one_writer(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 20);
    struct fh_ledger *writer = NULL;
    struct fh_ledger *reader = NULL;

    FH_UNUSED(state);
    assert_true(fh_contains(refused(arena, FH_LEDGER_READ, FH_E_MISSING), fh_cstr(path)));
    writer = opened(FH_LEDGER_WRITE);
    struct stat st;

    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & (S_IRWXG | S_IRWXO), 0);
    assert_true(fh_ends(refused(arena, FH_LEDGER_WRITE, FH_E_CONFLICT),
                        FH_LIT("another process writes this ledger")));
    reader = opened(FH_LEDGER_READ);
    fill(writer, arena);
    assert_int_equal(report(reader, arena, (struct fh_usage_query){0}).total.requests, 24);
    fh_ledger_close(&writer);
    pid_t patient = fork(); /* before the lock is taken, or it would share it */

    assert_true(patient >= 0);
    if (patient == 0) {
        FH_AUTO(fh_buf_fini) struct fh_buf why = fh_buf_on_heap(1024);
        struct fh_ledger *led = NULL;

        (void)usleep(100000);
        _exit(fh_ledger_open(&led, path, FH_LEDGER_WRITE_SOON, &why) == FH_OK ? 0 : 1);
    }
    writer = opened(FH_LEDGER_WRITE);
    (void)usleep(250000);
    fh_ledger_close(&writer);
    int status = 1;

    assert_int_equal(waitpid(patient, &status, 0), patient);
    assert_int_equal(status, 0);
    fh_ledger_close(&reader);
}

/* A ledger of a later version, and a file that is none: a clear refusal, and nothing changed. */
static void test_refuses_what_it_does_not_know(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 20);
    struct fh_ledger *led = opened(FH_LEDGER_WRITE);
    struct fh_slice before = FH_NONE;
    struct fh_slice after = FH_NONE;
    sqlite3 *db = NULL;

    FH_UNUSED(state);
    fh_ledger_close(&led);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "INSERT INTO schema_version (version) VALUES (99)", NULL,
                                  NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    assert_true(tap_read_path(path, arena, &before));
    assert_true(fh_contains(refused(arena, FH_LEDGER_WRITE, FH_E_SUPPORT),
                            FH_LIT("schema version 99, and this program knows version 2")));
    assert_true(
        fh_contains(refused(arena, FH_LEDGER_READ, FH_E_SUPPORT), FH_LIT("schema version 99")));
    assert_true(tap_read_path(path, arena, &after));
    assert_true(fh_eq(before, after));
    wipe();

    FILE *file = fopen(path, "we");

    assert_non_null(file);
    for (int i = 0; i < 1000; i++) {
        (void)fputs("this is no database\n", file);
    }
    (void)fclose(file);
    assert_true(fh_contains(refused(arena, FH_LEDGER_WRITE, FH_E_STORE), fh_cstr(path)));
    assert_true(fh_contains(refused(arena, FH_LEDGER_READ, FH_E_STORE), fh_cstr(path)));
}

enum { MANY = 4000, BATCH = 50 };

/* All records of MANY requests, in the order of a journal. */
static struct fh_segment_record *many(struct fh_arena *arena)
{
    struct fh_segment_record *records =
        fh_arena_alloc(arena, 2 * (size_t)MANY * sizeof(*records));

    for (uint32_t i = 0; i < MANY; i++) {
        records[(size_t)2 * i] = an_intent(arena, i, 1);
        records[(size_t)2 * i + 1] = a_settle(arena, i, i);
    }
    return records;
}

/* go_on books from where the ledger's position says, as a restart does. */
static void go_on(const struct fh_segment_record *records)
{
    struct fh_ledger *led = opened(FH_LEDGER_WRITE);
    struct fh_ledger_position p = {.worker = 1, .sequence = 1};

    (void)!fh_ledger_position(led, 1, 1, &p);
    while (p.at < 2 * (uint64_t)MANY) {
        struct fh_ledger_applied applied = {0};
        const struct fh_segment_record *from = &records[p.at];

        p.at += BATCH;
        assert_int_equal(fh_ledger_apply(led, from, BATCH, &p, 1, &applied), FH_OK);
        assert_int_equal(applied.changed, BATCH); /* none was booked before its position was */
    }
    fh_ledger_close(&led);
}

static void test_killed_in_the_middle(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 26);
    struct fh_segment_record *records = many(arena);
    int deaths = 0;

    FH_UNUSED(state);
    for (bool done = false; !done;) {
        /* longer each time, so that a slow machine gets through as well */
        long pause_ms = 4 + deaths * 7919 % 11 + deaths / 4;
        struct timespec pause = {.tv_nsec = (pause_ms < 900 ? pause_ms : 900) * 1000000};
        int status = 0;
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0) {
            go_on(records);
            _exit(0);
        }
        (void)nanosleep(&pause, NULL);
        (void)kill(pid, SIGKILL);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        done = WIFEXITED(status);
        assert_true(!done || WEXITSTATUS(status) == 0);
        assert_true(++deaths < 2000);
    }
    struct fh_ledger *led = opened(FH_LEDGER_WRITE);
    struct fh_slice got = dump(led, arena);

    fh_ledger_close(&led);
    wipe();
    go_on(records); /* without being killed */
    led = opened(FH_LEDGER_READ);
    assert_true(fh_eq(got, dump(led, arena)));
    assert_int_equal(report(led, arena, (struct fh_usage_query){0}).total.requests, MANY);
    fh_ledger_close(&led);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_order_and_repetition_do_not_show),
        TEST(test_usage),
        TEST(test_results_fetched_twice_count_once),
        TEST(test_half_a_result_expires),
        TEST(test_deadline),
        TEST(test_absurd_counts_are_cut),
        TEST(test_unreadable_records_are_counted),
        TEST(test_positions),
        TEST(test_one_writer),
        TEST(test_refuses_what_it_does_not_know),
        TEST(test_killed_in_the_middle),
    };
    return cmocka_run_group_tests_name("ledger", tests, NULL, NULL);
}
