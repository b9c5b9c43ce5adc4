/* test_journal_file.c: rotation, a full disk, and kill -9 in the middle of everything.
 * SPDX-License-Identifier: Apache-2.0 */
#include "gateway/journal_file.h"
#include "tap.h"

#include "journal/segment.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SEGMENT = FH_JOURNAL_SEGMENT_BYTES_MIN };

static char state_dir[64];

static int setup(void **state)
{
    FH_UNUSED(state);
    (void)snprintf(state_dir, sizeof(state_dir), "/tmp/freehold-journal-XXXXXX");
    return mkdtemp(state_dir) == NULL;
}

static const char *journal_path(const char *name)
{
    static char path[512];

    (void)snprintf(path, sizeof(path), "%s/journal/%s", state_dir, name);
    return path;
}

/* each calls `visit` for the files of the journal, in no order, and counts them. */
static size_t each(void (*visit)(const char *name, void *with), void *with)
{
    DIR *dir = opendir(journal_path(""));
    size_t count = 0;

    assert_non_null(dir);
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): a stream that no other thread has */
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (entry->d_name[0] != '.') {
            visit(entry->d_name, with);
            count++;
        }
    }
    (void)closedir(dir);
    return count;
}

static void remove_it(const char *name, void *with)
{
    FH_UNUSED(with);
    assert_int_equal(unlink(journal_path(name)), 0);
}

static int teardown(void **state)
{
    FH_UNUSED(state);
    if (access(journal_path(""), F_OK) == 0) {
        (void)each(remove_it, NULL);
        (void)rmdir(journal_path(""));
    }
    return rmdir(state_dir);
}

/* What is in the journal: records carry their number in at_us. */
struct census {
    uint8_t *seen; /* by number */
    size_t room, count, torn, files;
};

static void count_records(const char *name, void *with)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 20);
    struct census *census = with;
    struct fh_slice bytes = FH_NONE;
    struct fh_segment_record at;
    struct fh_record record;
    uint32_t worker = 0;
    uint64_t sequence = 0;
    struct fh_segment_info info;
    struct fh_error why;
    enum fh_step step = FH_STEP_MORE;

    assert_true(fh_segment_parse_name(fh_cstr(name), &worker, &sequence));
    assert_true(tap_read_path(journal_path(name), arena, &bytes));
    assert_int_equal(fh_segment_read(bytes, &info, &why), FH_OK);
    assert_int_equal(info.worker, worker);
    assert_int_equal(info.sequence, sequence);
    assert_int_equal(info.size, bytes.len);
    struct fh_segment_scan scan = fh_segment_scan(bytes, 0);

    while ((step = fh_segment_next(&scan, &at)) == FH_STEP_EVENT) {
        assert_int_equal(fh_decode_record(at.type, at.payload, &record), FH_OK);
        uint64_t number =
            record.type == FH_RECORD_INTENT ? record.intent.at_us : record.voided.at_us;

        assert_true(number < census->room);
        assert_int_equal(census->seen[number], 0); /* once */
        census->seen[number] = 1;
        census->count++;
    }
    assert_int_equal(step, FH_STEP_MORE);
    census->torn += fh_segment_torn(bytes, scan.at) > 0;
    census->files++;
}

static enum fh_rc append_void(struct fh_journal_file *j, uint64_t number)
{
    FH_AUTO(fh_buf_fini) struct fh_buf out = fh_buf_on_heap(FH_RECORD_MAX);
    struct fh_void voided = {.at_us = number};

    fh_encode_void(&out, &voided);
    return fh_journal_file_append(j, FH_RECORD_VOID, fh_buf_slice(&out));
}

static enum fh_rc append_intent(struct fh_journal_file *j, uint64_t number, uint32_t attempt)
{
    FH_AUTO(fh_buf_fini) struct fh_buf out = fh_buf_on_heap(FH_RECORD_MAX);
    struct fh_intent intent = {.at_us = number, .attempt = attempt};

    fh_encode_intent(&out, &intent);
    return fh_journal_file_append(j, FH_RECORD_INTENT, fh_buf_slice(&out));
}

static struct fh_journal_file *opened(uint32_t worker)
{
    struct fh_journal_file *j = NULL;

    assert_int_equal(fh_journal_file_open(&j, state_dir, worker, 1), FH_OK);
    return j;
}

static void test_rotates(void **state)
{
    enum { MANY = 5000 };
    static uint8_t seen[MANY];
    struct census census = {.seen = seen, .room = MANY};
    struct fh_journal_file *j = opened(3);

    FH_UNUSED(state);
    for (uint64_t i = 0; i < MANY; i++) {
        assert_int_equal(append_void(j, i), FH_OK);
    }
    fh_journal_file_close(&j);
    assert_null(j);
    (void)each(count_records, &census);
    assert_int_equal(census.count, MANY);
    assert_int_equal(census.files, 4); /* 48 bytes a record, 64 KiB a file */
    assert_int_equal(access(journal_path("w03-0000000001.seg"), F_OK), 0);
    assert_int_equal(access(journal_path("w03-0000000004.seg"), F_OK), 0);
}

/* A successor goes on with the next number, and slots do not see each other. */
static void test_goes_on_with_the_next_number(void **state)
{
    struct fh_journal_file *old = opened(3);
    struct fh_journal_file *young = opened(3);
    struct fh_journal_file *other = opened(4);

    FH_UNUSED(state);
    assert_int_equal(access(journal_path("w03-0000000001.seg"), F_OK), 0);
    assert_int_equal(access(journal_path("w03-0000000002.seg"), F_OK), 0);
    assert_int_equal(access(journal_path("w04-0000000001.seg"), F_OK), 0);
    fh_journal_file_close(&old);
    fh_journal_file_close(&young);
    fh_journal_file_close(&other);
    old = opened(3);
    assert_int_equal(access(journal_path("w03-0000000003.seg"), F_OK), 0);
    fh_journal_file_close(&old);
}

static bool can_lock(const char *name)
{
    int fd = open(journal_path(name), O_RDONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    bool locked = flock(fd, LOCK_EX | LOCK_NB) == 0;

    (void)close(fd);
    return locked;
}

static void test_the_lock_says_that_the_writer_lives(void **state)
{
    struct fh_journal_file *j = opened(3);

    FH_UNUSED(state);
    assert_false(can_lock("w03-0000000001.seg"));
    for (uint64_t i = 0; i < 2000; i++) {
        assert_int_equal(append_void(j, i), FH_OK);
    }
    assert_true(can_lock("w03-0000000001.seg"));
    assert_false(can_lock("w03-0000000002.seg"));
    fh_journal_file_close(&j);
    assert_true(can_lock("w03-0000000002.seg"));
}

static void test_sweeps_what_a_killed_process_was_making(void **state)
{
    struct fh_journal_file *j = opened(3);
    const char *const left[] = {"w03-1.new", "w04-1.new"};

    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(left); i++) {
        int fd = open(journal_path(left[i]), O_CREAT | O_RDWR | O_CLOEXEC, S_IRUSR | S_IWUSR);

        assert_true(fd >= 0);
        (void)close(fd);
    }
    fh_journal_file_close(&j);
    j = opened(3);
    assert_int_not_equal(access(journal_path("w03-1.new"), F_OK), 0);
    assert_int_equal(access(journal_path("w04-1.new"), F_OK), 0); /* not our slot */
    fh_journal_file_close(&j);
}

static void limit_files(rlim_t bytes)
{
    struct rlimit limit = {.rlim_cur = bytes, .rlim_max = RLIM_INFINITY};

    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* Nothing larger than a byte can be written: new work is refused, what is open is settled. */
static void test_full_disk_refuses_new_work_and_settles_the_old(void **state)
{
    enum { MANY = 20000 };
    static uint8_t seen[MANY];
    struct census census = {.seen = seen, .room = MANY};
    struct fh_journal_file *j = opened(3);
    uint64_t number = 0;
    uint64_t open = 0;

    FH_UNUSED(state);
    assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    limit_files(1);
    while (append_intent(j, number, 1) == FH_OK) {
        number++;
        open++;
        assert_true(number < 1000);
    }
    assert_int_equal(append_intent(j, number, 1), FH_E_SYSTEM);
    assert_int_equal(errno, EFBIG);
    assert_true(open > 50);
    for (; open > 0; open--) {
        assert_int_equal(append_void(j, number), FH_OK);
        number++;
    }
    while (append_void(j, number) == FH_OK) { /* to the last byte */
        number++;
    }
    assert_int_equal(errno, EFBIG);
    limit_files(RLIM_INFINITY);
    (void)usleep(150000); /* the retry interval */
    assert_int_equal(append_intent(j, number++, 1), FH_OK);
    fh_journal_file_close(&j);
    (void)each(count_records, &census);
    assert_int_equal(census.count, number);
    assert_int_equal(census.files, 2);
    assert_int_equal(census.torn, 0);
}

/* Failover writes more intents, and is still one open request. */
static void test_room_is_kept_per_request(void **state)
{
    struct fh_journal_file *j = opened(3);
    uint64_t number = 0;

    FH_UNUSED(state);
    for (uint32_t i = 0; i < 1000; i++) {
        assert_int_equal(append_intent(j, number++, i + 1), FH_OK);
    }
    assert_int_equal(append_void(j, number++), FH_OK);
    while (append_intent(j, number, 1) == FH_OK) {
        number++;
        assert_true(number < 2000);
    }
    assert_int_equal(append_intent(j, number, 1), FH_E_LIMIT); /* two segments are in hand */
    fh_journal_file_close(&j);
}

static void test_no_place_to_write(void **state)
{
    struct fh_journal_file *j = NULL;

    FH_UNUSED(state);
    assert_int_equal(fh_journal_file_open(&j, "/nonexistent/freehold", 0, 1), FH_E_SYSTEM);
    assert_int_equal(errno, ENOENT);
    assert_null(j);
    fh_journal_file_close(&j);
}

/* child appends numbers from `from` and says each one that was accepted. */
static void child(int pipe_end, uint64_t from)
{
    struct fh_journal_file *j = NULL;

    if (fh_journal_file_open(&j, state_dir, 3, 1) != FH_OK) {
        _exit(1);
    }
    for (uint64_t number = from;; number++) {
        if (append_void(j, number) != FH_OK ||
            write(pipe_end, &number, sizeof(number)) != sizeof(number)) {
            _exit(1);
        }
    }
}

static void test_killed_writers_lose_nothing(void **state)
{
    enum { ROUNDS = 40, MANY = 8000000 };
    struct census census = {.seen = calloc(MANY, 1), .room = MANY};
    uint8_t *accepted = calloc(MANY, 1);
    uint64_t from = 0;

    FH_UNUSED(state);
    assert_non_null(census.seen);
    assert_non_null(accepted);
    for (int round = 0; round < ROUNDS; round++) {
        struct timespec pause = {.tv_nsec = 1000000 + (long)(round * 7919 % 13) * 1000000};
        int ends[2];
        uint64_t number = from;
        int status = 0;

        assert_int_equal(pipe(ends), 0);
        (void)fcntl(ends[1], F_SETPIPE_SZ, 1 << 20);
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0) {
            (void)close(ends[0]);
            child(ends[1], from);
        }
        (void)close(ends[1]);
        (void)nanosleep(&pause, NULL);
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
        while (read(ends[0], &number, sizeof(number)) == sizeof(number)) {
            assert_true(number < MANY);
            accepted[number] = 1;
        }
        (void)close(ends[0]);
        from = number + 2; /* one may be in the journal and was not said */
    }
    struct fh_journal_file *successor = opened(3); /* sweeps what was just being made */

    fh_journal_file_close(&successor);
    (void)each(count_records, &census);
    for (size_t i = 0; i < MANY; i++) {
        assert_true(census.seen[i] >= accepted[i]);
    }
    assert_true(census.count > 0);
    free(census.seen);
    free(accepted);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_rotates),
        TEST(test_goes_on_with_the_next_number),
        TEST(test_the_lock_says_that_the_writer_lives),
        TEST(test_sweeps_what_a_killed_process_was_making),
        TEST(test_full_disk_refuses_new_work_and_settles_the_old),
        TEST(test_room_is_kept_per_request),
        TEST(test_no_place_to_write),
        TEST(test_killed_writers_lose_nothing),
    };
    return cmocka_run_group_tests_name("journal_file", tests, NULL, NULL);
}
