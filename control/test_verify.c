/* test_verify.c: damage is told apart from death, and named by file and place.
 * SPDX-License-Identifier: Apache-2.0 */
#include "control/follow.h"
#include "control/verify.h"
#include "gateway/journal_file.h"
#include "tap.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64], journal[96];

static int setup(void **state)
{
    FH_UNUSED(state);
    (void)snprintf(dir, sizeof(dir), "/tmp/freehold-verify-XXXXXX");
    (void)snprintf(journal, sizeof(journal), "%s/journal", mkdtemp(dir) == NULL ? "" : dir);
    return dir[0] == '\0';
}

static void remove_all(const char *in)
{
    DIR *list = opendir(in);
    char path[1024];

    /* NOLINTNEXTLINE(concurrency-mt-unsafe): a stream that no other thread has */
    for (struct dirent *entry = list == NULL ? NULL : readdir(list); entry != NULL;
         entry = readdir(list)) { /* NOLINT(concurrency-mt-unsafe): as above */
        (void)snprintf(path, sizeof(path), "%s/%s", in, entry->d_name);
        if (entry->d_type == DT_REG) {
            (void)unlink(path);
        }
    }
    if (list != NULL) {
        (void)closedir(list);
    }
}

static int teardown(void **state)
{
    FH_UNUSED(state);
    remove_all(journal);
    (void)rmdir(journal);
    remove_all(dir);
    return rmdir(dir);
}

static const char *path_of(uint64_t sequence)
{
    static char path[256];
    char name[FH_SEGMENT_NAME_MAX];

    fh_segment_print_name(name, 0, sequence);
    (void)snprintf(path, sizeof(path), "%s/%s", journal, name);
    return path;
}

static void change(uint64_t sequence, off_t at, uint8_t flip)
{
    uint8_t byte = 0;
    int fd = open(path_of(sequence), O_RDWR | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= flip;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    (void)close(fd);
}

/* write_journal leaves three segments, all but the last full. */
static void write_journal(void)
{
    FH_AUTO(fh_buf_fini) struct fh_buf out = fh_buf_on_heap(FH_RECORD_MAX);
    struct fh_journal_file *j = NULL;
    struct fh_void voided = {.at_us = 1};

    assert_int_equal(fh_journal_file_open(&j, dir, 0, 1), FH_OK);
    fh_encode_void(&out, &voided);
    for (int i = 0; i < 3000; i++) {
        assert_int_equal(fh_journal_file_append(j, FH_RECORD_VOID, fh_buf_slice(&out)), FH_OK);
    }
    fh_journal_file_close(&j);
}

static void seal(void)
{
    FH_AUTO(fh_buf_fini) struct fh_buf why = fh_buf_on_heap(1024);
    const struct fh_follow_options options = {.journal_dir = journal, .seals = true};
    struct fh_ledger *led = NULL;
    char path[128];

    (void)snprintf(path, sizeof(path), "%s/ledger.db", dir);
    assert_int_equal(fh_ledger_open(&led, path, FH_LEDGER_WRITE, &why), FH_OK);
    struct fh_follow *f = fh_follow_open(led, &options);

    assert_int_equal(fh_follow_catch_up(f, 10000000, 0), FH_OK);
    fh_follow_close(&f);
    fh_ledger_close(&led);
}

/* story verifies and writes down what was found. */
static struct fh_slice story(struct fh_arena *arena)
{
    static const char states[] = "olsd"; /* open left sealed damaged */
    struct fh_buf out = fh_buf_in_arena(arena, 4096);
    struct fh_verify_report report;
    const char *which = NULL;

    assert_int_equal(fh_verify(arena, journal, &report, &which), FH_OK);
    for (size_t i = 0; i < report.segments; i++) {
        fh_buf_byte(&out, (uint8_t)states[report.segment[i].state]);
    }
    for (size_t i = 0; i < report.findings; i++) {
        const struct fh_verify_finding *f = &report.finding[i];

        fh_buf_printf(&out, "; %s%c:%llu %s", f->wrong ? "!" : "", f->name[13],
                      (unsigned long long)f->at, f->what);
    }
    fh_buf_printf(&out, "; %llu", (unsigned long long)report.records);
    return fh_buf_slice(&out);
}

static void test_good(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 24);
    struct fh_journal_file *j = NULL;

    FH_UNUSED(state);
    assert_text(story(arena), "; 0"); /* no journal is no wrong */
    write_journal();
    assert_text(story(arena), "lll; 3000");
    assert_int_equal(fh_journal_file_open(&j, dir, 0, 1), FH_OK);
    assert_text(story(arena), "lllo; 3000");
    seal();
    assert_text(story(arena), "ssso; 3000");
    fh_journal_file_close(&j);
}

static void test_torn_record_is_a_note(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 24);

    FH_UNUSED(state);
    write_journal();
    /* the third segment has 276 records of 48 bytes; here is the length of one more */
    change(3, 128 + 276 * 48, 7);
    assert_text(story(arena),
                "lll; 3:13376 a torn record: its writer was killed within it; it was "
                "never acknowledged; 3000");
}

static void test_damage(void **state)
{
    static const struct {
        const char *name;
        bool sealed;
        uint64_t sequence;
        off_t at;
        const char *want;
    } rows[] = {
        {"a record", false, 2, 128 + 16 + 3,
         "ldl; !2:128 record and its checksum disagree; 2999"},
        {"its length", false, 2, 128 + 3, "ldl; !2:128 no record starts here; 1638"},
        {"the magic", false, 1, 0, "dll; !1:0 not a journal segment; 1638"},
        {"the header", false, 1, 90, "dll; !1:88 header and its checksum disagree; 1638"},
        {"a sealed record", true, 2, 128 + 16 + 3,
         "sds; !2:128 record and its checksum disagree; !2:0 the content is not what was "
         "sealed; "
         "2999"},
        {"padding of a sealed record", true, 2, 128 + 47,
         "sds; !2:0 the content is not what was sealed; 3000"},
        {"the seal", true, 2, 10,
         "sds; !2:8 seal and its checksum disagree; 3:0 its predecessor cannot be read: the "
         "chain is "
         "checked from here on; 1638"},
        {"the link", true, 2, 60,
         "sds; !2:0 the content is not what was sealed; !2:0 the chain is broken: it was "
         "sealed behind another segment; 3000"},
    };

    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(rows); i++) {
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 24);

        write_journal();
        if (rows[i].sealed) {
            seal();
        }
        change(rows[i].sequence, rows[i].at, 0x80);
        tap_context("%s", rows[i].name);
        assert_text(story(arena), rows[i].want);
        remove_all(journal);
        remove_all(dir);
    }
}

static void test_cut_short(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 24);

    FH_UNUSED(state);
    write_journal();
    assert_int_equal(truncate(path_of(2), 1000), 0);
    assert_text(story(arena), "ldl; !2:1000 the segment was cut short; 1656");
    assert_int_equal(truncate(path_of(2), 100), 0);
    assert_text(story(arena), "ldl; !2:100 cut within the header; 1638");
    remove_all(journal);
    write_journal();
    seal();
    assert_int_equal(truncate(path_of(3), 1000), 0);
    assert_text(story(arena), "ssd; !3:0 the content is not what was sealed; 2742");
}

/* The first segments may be archived; one that is taken out of the middle shows. */
static void test_missing(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 24);

    FH_UNUSED(state);
    write_journal();
    seal();
    assert_int_equal(unlink(path_of(2)), 0);
    assert_text(story(arena),
                "sd; !3:0 the chain is broken: it was sealed behind another segment; 1638");
    assert_int_equal(unlink(path_of(1)), 0);
    assert_text(story(arena),
                "s; 3:0 its predecessor is not here: the chain is checked from here "
                "on; 276");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_good),    TEST(test_torn_record_is_a_note),
        TEST(test_damage),  TEST(test_cut_short),
        TEST(test_missing),
    };
    return cmocka_run_group_tests_name("verify", tests, NULL, NULL);
}
