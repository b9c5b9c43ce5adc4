/* test_follow.c: the journal comes into the ledger, through deaths on both sides.
 * SPDX-License-Identifier: Apache-2.0 */
#include "control/follow.h"
#include "gateway/journal_file.h"
#include "tap.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { DUMP_MAX = 1 << 26, DEADLINE_US = 60000000 };

#define START_US UINT64_C(1767225600000000)

static char dir[64], journal[96];

static const char *path_of(const char *name)
{
    static char path[512];

    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    return path;
}

static int setup(void **state)
{
    FH_UNUSED(state);
    (void)snprintf(dir, sizeof(dir), "/tmp/freehold-follow-XXXXXX");
    if (mkdtemp(dir) == NULL) {
        return 1;
    }
    (void)snprintf(journal, sizeof(journal), "%s/journal", dir);
    return 0;
}

/* each calls `visit` for the files of a directory and counts them. */
static size_t each(const char *in, void (*visit)(const char *path))
{
    DIR *list = opendir(in);
    char path[1024];
    size_t count = 0;

    /* NOLINTNEXTLINE(concurrency-mt-unsafe): a stream that no other thread has */
    for (struct dirent *entry = list == NULL ? NULL : readdir(list); entry != NULL;
         entry = readdir(list)) { /* NOLINT(concurrency-mt-unsafe): as above */
        if (entry->d_type == DT_REG) {
            (void)snprintf(path, sizeof(path), "%s/%s", in, entry->d_name);
            visit(path);
            count++;
        }
    }
    if (list != NULL) {
        (void)closedir(list);
    }
    return count;
}

static void remove_it(const char *path)
{
    assert_int_equal(unlink(path), 0);
}

static int teardown(void **state)
{
    FH_UNUSED(state);
    (void)each(journal, remove_it);
    (void)rmdir(journal);
    (void)each(dir, remove_it);
    return rmdir(dir);
}

static struct fh_ledger *ledger(const char *name)
{
    FH_AUTO(fh_buf_fini) struct fh_buf why = fh_buf_on_heap(1024);
    struct fh_ledger *led = NULL;

    if (fh_ledger_open(&led, path_of(name), FH_LEDGER_WRITE, &why) != FH_OK) {
        fail_msg("%.*s", FH_ARG(fh_buf_slice(&why)));
    }
    return led;
}

static struct fh_follow *follow(struct fh_ledger *led, bool seals)
{
    const struct fh_follow_options options = {
        .journal_dir = journal, .deadline_us = DEADLINE_US, .seals = seals};

    return fh_follow_open(led, &options);
}

/* tick ticks once, ten seconds after the start. */
static void tick(struct fh_follow *f)
{
    static uint64_t now_us = 10000000;

    now_us += 50000;
    if (fh_follow_tick(f, now_us, START_US + 10000000) != FH_OK) {
        fail_msg("%.*s", FH_ARG(fh_follow_trouble(f)));
    }
}

static void catch_up(struct fh_follow *f)
{
    if (fh_follow_catch_up(f, 10000000, START_US + 10000000) != FH_OK) {
        fail_msg("%.*s", FH_ARG(fh_follow_trouble(f)));
    }
}

static struct fh_journal_file *writer(uint32_t worker)
{
    struct fh_journal_file *j = NULL;

    assert_int_equal(fh_journal_file_open(&j, dir, worker, 1), FH_OK);
    return j;
}

static struct fh_request_id id_of(uint64_t number)
{
    uint8_t random[FH_REQUEST_ID_RANDOM_LEN] = {0};

    memcpy(random, &number, sizeof(number));
    return fh_request_id(START_US, random);
}

static bool write_intent(struct fh_journal_file *j, uint64_t number)
{
    FH_AUTO(fh_buf_fini) struct fh_buf out = fh_buf_on_heap(FH_RECORD_MAX);
    struct fh_intent intent = {.id = id_of(number),
                               .at_us = START_US,
                               .attempt = 1,
                               .key_id = FH_LIT("key_a"),
                               .model = FH_LIT("small"),
                               .route = FH_LIT("local/m")};

    fh_encode_intent(&out, &intent);
    return fh_journal_file_append(j, FH_RECORD_INTENT, fh_buf_slice(&out)) == FH_OK;
}

static bool write_settle(struct fh_journal_file *j, uint64_t number)
{
    FH_AUTO(fh_buf_fini) struct fh_buf out = fh_buf_on_heap(FH_RECORD_MAX);
    struct fh_settle settle = {.id = id_of(number),
                               .at_us = START_US + 5,
                               .status = 200,
                               .attempts = 1,
                               .route = FH_LIT("local/m")};

    fh_usage_set(&settle.usage, FH_TOKENS_INPUT, 1);
    fh_usage_set(&settle.usage, FH_TOKENS_OUTPUT, 2);
    fh_encode_settle(&out, &settle);
    return fh_journal_file_append(j, FH_RECORD_SETTLE, fh_buf_slice(&out)) == FH_OK;
}

static void write_requests(struct fh_journal_file *j, uint64_t from, uint64_t to)
{
    for (uint64_t i = from; i < to; i++) {
        assert_true(write_intent(j, i));
        assert_true(write_settle(j, i));
    }
}

static struct fh_usage_line total(struct fh_ledger *led)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 20);
    struct fh_usage_report report;

    assert_int_equal(fh_ledger_usage(led, arena, &(struct fh_usage_query){0}, &report), FH_OK);
    return report.total;
}

static void test_follows(void **state)
{
    struct fh_ledger *led = ledger("ledger.db");
    struct fh_follow *f = follow(led, true);

    FH_UNUSED(state);
    tick(f); /* no directory yet */
    struct fh_journal_file *a = writer(0);
    struct fh_journal_file *b = writer(1);

    tick(f);
    assert_int_equal(fh_follow_stats(f)->following, 2);
    write_requests(a, 0, 10);
    write_requests(b, 10, 15);
    tick(f);
    assert_int_equal(total(led).requests, 15);
    assert_int_equal(fh_follow_stats(f)->syncs, 2);
    for (int i = 0; i < 10; i++) {
        tick(f);
    }
    assert_int_equal(fh_follow_stats(f)->syncs, 2); /* nothing new, nothing synced */
    assert_int_equal(fh_follow_stats(f)->applied.records, 30);
    write_requests(b, 15, 16);
    assert_true(write_intent(b, 16));
    tick(f);
    assert_int_equal(fh_follow_stats(f)->syncs, 3); /* only the one that changed */
    assert_int_equal(total(led).requests, 16);
    assert_int_equal(total(led).pending, 1);
    fh_journal_file_close(&a);
    fh_journal_file_close(&b);
    fh_follow_close(&f);
    assert_null(f);
    fh_ledger_close(&led);
}

static void test_waits_for_its_interval(void **state)
{
    struct fh_ledger *led = ledger("ledger.db");
    const struct fh_follow_options options = {.journal_dir = journal, .sync_us = 50000};
    struct fh_follow *f = fh_follow_open(led, &options);
    struct fh_journal_file *a = writer(0);
    uint64_t now_us = 1000000;

    FH_UNUSED(state);
    for (uint64_t i = 0; i < 100; i++, now_us += 10000) { /* a second, a record each 10 ms */
        assert_true(write_intent(a, i));
        assert_int_equal(fh_follow_tick(f, now_us, START_US), FH_OK);
    }
    assert_int_equal(fh_follow_stats(f)->syncs, 20);
    fh_journal_file_close(&a);
    fh_follow_close(&f);
    fh_ledger_close(&led);
}

static void test_goes_on_after_a_restart(void **state)
{
    struct fh_ledger *led = ledger("ledger.db");
    struct fh_follow *f = follow(led, false);
    struct fh_journal_file *a = writer(0);

    FH_UNUSED(state);
    write_requests(a, 0, 500); /* more than a segment */
    catch_up(f);
    assert_int_equal(total(led).requests, 500);
    fh_follow_close(&f);
    fh_ledger_close(&led);
    write_requests(a, 500, 510);
    led = ledger("ledger.db");
    f = follow(led, false);
    catch_up(f);
    assert_int_equal(fh_follow_stats(f)->applied.records, 20); /* and not all of them again */
    assert_int_equal(total(led).requests, 510);
    fh_journal_file_close(&a);
    fh_follow_close(&f);
    fh_ledger_close(&led);
}

static void test_a_deadline_makes_unknown(void **state)
{
    struct fh_ledger *led = ledger("ledger.db");
    struct fh_follow *f = follow(led, false);
    struct fh_journal_file *a = writer(0);

    FH_UNUSED(state);
    assert_true(write_intent(a, 1));
    tick(f);
    assert_int_equal(total(led).pending, 1);
    assert_int_equal(fh_follow_tick(f, 99000000, START_US + DEADLINE_US), FH_OK);
    assert_int_equal(total(led).pending, 1);
    assert_int_equal(fh_follow_tick(f, 100100000, START_US + DEADLINE_US + 1000), FH_OK);
    assert_int_equal(total(led).unknown, 1);
    assert_true(write_settle(a, 1));
    assert_int_equal(fh_follow_tick(f, 100200000, START_US + DEADLINE_US + 2000), FH_OK);
    assert_int_equal(total(led).requests, 1);
    assert_int_equal(total(led).unknown, 0);
    fh_journal_file_close(&a);
    fh_follow_close(&f);
    fh_ledger_close(&led);
}

static struct fh_slice read_segment(struct fh_arena *arena, uint32_t worker, uint64_t sequence,
                                    struct fh_segment_info *info)
{
    char name[FH_SEGMENT_NAME_MAX];
    char path[256];
    struct fh_slice bytes = FH_NONE;
    struct fh_error why;

    fh_segment_print_name(name, worker, sequence);
    (void)snprintf(path, sizeof(path), "%s/%s", journal, name);
    assert_true(tap_read_path(path, arena, &bytes));
    assert_int_equal(fh_segment_read(bytes, info, &why), FH_OK);
    return bytes;
}

/* Finished segments are sealed in their order, cut to their content, and chained; the one that is
 * being written is not. */
static void test_seals(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 26);
    struct fh_ledger *led = ledger("ledger.db");
    struct fh_follow *f = follow(led, true);
    struct fh_journal_file *old = writer(0);
    struct fh_journal_file *young = writer(0);
    struct fh_segment_info info;
    struct fh_sha256 previous = {0};

    FH_UNUSED(state);
    write_requests(old, 0, 10);
    write_requests(young, 10, 1500); /* segments 2 and on, while 1 is still open */
    catch_up(f);
    assert_int_equal(fh_follow_stats(f)->sealed, 0);
    fh_journal_file_close(&old);
    tick(f);
    size_t sealed = (size_t)fh_follow_stats(f)->sealed;

    assert_true(sealed >= 3);
    for (uint64_t sequence = 1; sequence <= sealed; sequence++) {
        struct fh_slice bytes = read_segment(arena, 0, sequence, &info);

        assert_true(info.sealed);
        assert_int_equal(bytes.len, info.used);
        assert_true(fh_segment_seal_holds(bytes, &info));
        assert_memory_equal(info.previous.bytes, previous.bytes, FH_SHA256_LEN);
        previous = info.hash;
    }
    (void)read_segment(arena, 0, sealed + 1, &info);
    assert_false(info.sealed);
    fh_journal_file_close(&young);
    fh_follow_close(&f);
    fh_ledger_close(&led);

    led = ledger("ledger.db"); /* the chain goes on after a restart */
    f = follow(led, true);
    tick(f);
    (void)read_segment(arena, 0, sealed + 1, &info);
    assert_true(info.sealed);
    assert_memory_equal(info.previous.bytes, previous.bytes, FH_SHA256_LEN);
    fh_follow_close(&f);
    fh_ledger_close(&led);

    led = ledger("again.db"); /* sealed segments make the same ledger again */
    f = follow(led, true);
    catch_up(f);
    assert_int_equal(total(led).requests, 1500);
    assert_int_equal(fh_follow_stats(f)->sealed, 0);
    fh_follow_close(&f);
    fh_ledger_close(&led);
}

static void flip(const char *name, off_t at)
{
    char path[256];
    uint8_t byte = 0;

    (void)snprintf(path, sizeof(path), "%s/%s", journal, name);
    int fd = open(path, O_RDWR | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 1;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    (void)close(fd);
}

/* A damaged record is named and does not keep the others; a damaged file does not either. */
static void test_damage(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 24);
    struct fh_ledger *led = ledger("ledger.db");
    struct fh_follow *f = follow(led, true);
    struct fh_journal_file *a = writer(0);
    struct fh_journal_file *b = writer(1);
    struct fh_segment_info info;

    FH_UNUSED(state);
    write_requests(a, 0, 10);
    write_requests(b, 10, 20);
    flip("w00-0000000001.seg", FH_SEGMENT_HEADER_LEN + FH_SEGMENT_RECORD_HEAD_LEN + 20);
    flip("w01-0000000001.seg", 0);
    FILE *other = fopen(path_of("journal/w02-0000000001.seg"), "we");

    assert_non_null(other);
    (void)fputs("not a segment at all", other);
    (void)fclose(other);
    catch_up(f);
    assert_int_equal(fh_follow_stats(f)->damaged, 3);
    assert_int_equal(fh_follow_stats(f)->applied.records, 19);
    assert_int_equal(total(led).requests, 10);
    assert_text(fh_follow_trouble(f),
                "w00-0000000001.seg:128: record and its checksum disagree");
    fh_journal_file_close(&a);
    tick(f);
    struct fh_slice bytes = read_segment(arena, 0, 1, &info);

    assert_true(info.sealed);
    assert_int_equal(bytes.len, FH_JOURNAL_SEGMENT_BYTES_MIN); /* kept whole, as evidence */
    assert_true(fh_segment_seal_holds(bytes, &info));
    fh_journal_file_close(&b);
    fh_follow_close(&f);
    fh_ledger_close(&led);
}

/* Cut by somebody, below what was booked of it: said, and survived. */
static void test_cut_short(void **state)
{
    struct fh_ledger *led = ledger("ledger.db");
    struct fh_follow *f = follow(led, false);
    struct fh_journal_file *a = writer(0);

    FH_UNUSED(state);
    write_requests(a, 0, 10);
    catch_up(f);
    fh_journal_file_close(&a);
    fh_follow_close(&f);
    assert_int_equal(truncate(path_of("journal/w00-0000000001.seg"), 301), 0);
    f = follow(led, true);
    catch_up(f);
    assert_text(fh_follow_trouble(f), "w00-0000000001.seg:301: the segment was cut short");
    assert_int_equal(fh_follow_stats(f)->sealed, 1);
    assert_int_equal(total(led).requests, 10);
    fh_follow_close(&f);
    fh_ledger_close(&led);
}

/* The journal was taken away and began anew with the same names. */
static void test_a_new_file_under_an_old_name(void **state)
{
    struct fh_ledger *led = ledger("ledger.db");
    struct fh_follow *f = follow(led, true);

    FH_UNUSED(state);
    for (uint64_t round = 0; round < 6; round++) {
        struct fh_journal_file *a = writer(0);

        write_requests(a, round * 10, round * 10 + 10);
        fh_journal_file_close(&a);
        tick(f);
        tick(f); /* it may have come within one step of the directory's clock */
        assert_int_equal(total(led).requests, (round + 1) * 10);
        (void)each(journal, remove_it);
        if (round % 2 == 1) { /* nobody is looking when it changes */
            fh_follow_close(&f);
            f = follow(led, true);
        }
    }
    fh_follow_close(&f);
    fh_ledger_close(&led);
}

/* shared counts what the writer was told is in the journal. */
struct shared {
    uint64_t settled;
};

static void write_for_ever(struct shared *shared)
{
    struct fh_journal_file *j = NULL;

    if (fh_journal_file_open(&j, dir, 0, 1) != FH_OK) {
        _exit(1);
    }
    for (;;) {
        uint64_t number = __atomic_load_n(&shared->settled, __ATOMIC_ACQUIRE);

        if (!write_intent(j, number) || !write_settle(j, number)) {
            _exit(1);
        }
        __atomic_store_n(&shared->settled, number + 1, __ATOMIC_RELEASE);
        if (number % 64 == 0) {
            (void)usleep(500);
        }
    }
}

static void follow_for_ever(void)
{
    struct fh_ledger *led = ledger("ledger.db");
    struct fh_follow *f = follow(led, true);

    for (;;) {
        tick(f);
        (void)usleep(1000);
    }
}

static pid_t start(struct shared *shared, bool writes)
{
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        if (writes) {
            write_for_ever(shared);
        }
        follow_for_ever();
    }
    return pid;
}

static void stop(pid_t pid)
{
    int status = 0;

    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* Both sides die over and over. In the end every request that the journal took is in the ledger,
 * once, and a ledger made anew from the journal is the same. */
static void test_deaths_on_both_sides(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 26);
    struct shared *shared =
        mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct fh_buf dumps[2];

    FH_UNUSED(state);
    assert_ptr_not_equal(shared, MAP_FAILED);
    pid_t writes = start(shared, true);
    pid_t follows = start(shared, false);

    for (int round = 0; round < 30 || (shared->settled <= 100 && round < 2000); round++) {
        struct timespec pause = {.tv_nsec = 5000000 + (long)(round * 7919 % 17) * 1000000};

        (void)nanosleep(&pause, NULL);
        if (round % 3 != 0) {
            stop(writes);
            writes = start(shared, true);
        }
        if (round % 3 != 1) {
            stop(follows);
            follows = start(shared, false);
        }
    }
    stop(writes);
    stop(follows);
    for (int i = 0; i < 2; i++) {
        struct fh_ledger *led = ledger(i == 0 ? "ledger.db" : "again.db");
        struct fh_follow *f = follow(led, true);

        catch_up(f);
        assert_int_equal(fh_follow_stats(f)->damaged, 0);
        assert_true(total(led).requests >=
                    shared->settled); /* the last may not have been told */
        assert_true(total(led).requests + total(led).pending <= shared->settled + 1);
        dumps[i] = fh_buf_in_arena(arena, DUMP_MAX);
        assert_int_equal(fh_ledger_dump(led, &dumps[i]), FH_OK);
        fh_follow_close(&f);
        fh_ledger_close(&led);
    }
    assert_true(shared->settled > 100);
    assert_true(fh_eq(fh_buf_slice(&dumps[0]), fh_buf_slice(&dumps[1])));
    (void)munmap(shared, sizeof(*shared));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_follows),
        TEST(test_waits_for_its_interval),
        TEST(test_goes_on_after_a_restart),
        TEST(test_a_deadline_makes_unknown),
        TEST(test_seals),
        TEST(test_damage),
        TEST(test_cut_short),
        TEST(test_a_new_file_under_an_old_name),
        TEST(test_deaths_on_both_sides),
    };
    return cmocka_run_group_tests_name("follow", tests, NULL, NULL);
}
