/* test_segment.c: cut anywhere, torn, flipped, sealed, and read while it is written.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include "journal/segment.h"

#include <stdalign.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SIZE = 512 };

static alignas(8) uint8_t memory[SIZE];

static const struct fh_segment_info birth = {.worker = 3, .sequence = 7, .created_us = 42};

static struct fh_segment fresh(void)
{
    struct fh_segment seg;

    memset(memory, 0, sizeof(memory));
    fh_segment_init(&seg, memory, sizeof(memory), &birth);
    return seg;
}

/* filled has records of 0 to 9 bytes. */
static struct fh_segment filled(void)
{
    struct fh_segment seg = fresh();

    for (size_t n = 0; n < 10; n++) {
        assert_int_equal(fh_segment_append(&seg, (uint16_t)(n + 1),
                                           fh_head(FH_LIT("abcdefghij"), n)),
                         FH_OK);
    }
    return seg;
}

/* story scans `bytes` and writes down what came out. */
static struct fh_slice story(struct fh_buf *out, struct fh_slice bytes)
{
    struct fh_segment_scan scan = fh_segment_scan(bytes, 0);
    struct fh_segment_record record;
    enum fh_step step = FH_STEP_MORE;

    fh_buf_clear(out);
    while ((step = fh_segment_next(&scan, &record)) != FH_STEP_MORE) {
        if (step == FH_STEP_ERROR) {
            fh_buf_printf(out, "!%s@%llu ", scan.error.what, (unsigned long long)scan.error.at);
            if (scan.stuck) {
                break;
            }
        } else {
            fh_buf_printf(out, "%u=%.*s ", record.type, FH_ARG(record.payload));
        }
    }
    return fh_buf_slice(out);
}

#define ALL "1= 2=a 3=ab 4=abc 5=abcd 6=abcde 7=abcdef 8=abcdefg 9=abcdefgh 10=abcdefghi "

static void test_reads_what_was_appended(void **state)
{
    FH_AUTO(fh_buf_fini) struct fh_buf out = fh_buf_on_heap(4096);
    struct fh_segment seg = filled();

    FH_UNUSED(state);
    assert_text(story(&out, fh_slice(memory, SIZE)), ALL);
    assert_int_equal(seg.used, 128 + 16 + 8 * 24 + 32);
}

static void test_header(void **state)
{
    struct fh_segment_info info;
    struct fh_error why;

    FH_UNUSED(state);
    (void)filled();
    assert_int_equal(fh_segment_read(fh_slice(memory, SIZE), &info, &why), FH_OK);
    assert_int_equal(info.worker, 3);
    assert_int_equal(info.sequence, 7);
    assert_int_equal(info.created_us, 42);
    assert_int_equal(info.size, SIZE);
    assert_false(info.sealed);
    memory[100] ^= 1;
    assert_int_equal(fh_segment_read(fh_slice(memory, SIZE), &info, &why), FH_E_CHECKSUM);
    memory[0] ^= 1;
    assert_int_equal(fh_segment_read(fh_slice(memory, SIZE), &info, &why), FH_E_SYNTAX);
    memset(memory, 0, SIZE);
    assert_int_equal(fh_segment_read(fh_slice(memory, SIZE), &info, &why), FH_E_MISSING);
    assert_int_equal(fh_segment_read(fh_slice(memory, 0), &info, &why), FH_E_MISSING);
}

/* A segment that ends early gives the records that lie whole in it, and says if one does not. */
static void test_every_cut(void **state)
{
    FH_AUTO(fh_buf_fini) struct fh_buf out = fh_buf_on_heap(4096);
    struct fh_segment seg = filled();

    FH_UNUSED(state);
    for (size_t n = 0; n <= seg.used; n++) {
        /* exactly as long as the cut, so that a sanitizer sees a read behind it */
        uint8_t *exact = malloc(fh_max(n, 1));
        struct fh_segment_info info;
        struct fh_error why;

        assert_non_null(exact);
        memcpy(exact, memory, n);
        tap_context("cut at %zu", n);
        enum fh_rc rc = fh_segment_read(fh_slice(exact, n), &info, &why);
        assert_int_equal(rc == FH_OK, n >= FH_SEGMENT_HEADER_LEN);
        struct fh_slice got = story(&out, fh_slice(exact, n));
        size_t good = fh_find(got, '!');

        assert_true(fh_starts(FH_LIT(ALL), fh_head(got, good)));
        if (good < got.len) {
            assert_true(
                fh_starts(fh_tail(got, good), FH_LIT("!the segment ends within a record@")));
        }
        free(exact);
    }
}

static void test_full(void **state)
{
    struct fh_segment seg = fresh();
    static const uint8_t zeros[SIZE];
    size_t left = seg.size - seg.used;

    FH_UNUSED(state);
    assert_int_equal(fh_segment_append(&seg, 1, fh_slice(zeros, left - 16 + 1)), FH_E_LIMIT);
    assert_int_equal(seg.used, FH_SEGMENT_HEADER_LEN);
    assert_int_equal(fh_segment_append(&seg, 1, fh_slice(zeros, left - 16)), FH_OK);
    assert_int_equal(seg.used, SIZE);
    assert_int_equal(fh_segment_append(&seg, 1, FH_NONE), FH_E_LIMIT);
}

/* Killed within an append: whatever of the record is there, it does not count. */
static void test_torn_record(void **state)
{
    FH_AUTO(fh_buf_fini) struct fh_buf out = fh_buf_on_heap(4096);
    struct fh_segment seg = filled();
    size_t before = seg.used;
    uint8_t whole[32];

    FH_UNUSED(state);
    assert_int_equal(fh_segment_append(&seg, 11, FH_LIT("0123456789")), FH_OK);
    memcpy(whole, memory + before, sizeof(whole));
    for (size_t n = 0; n < sizeof(whole); n++) {
        memset(memory + before, 0, sizeof(whole));
        memcpy(memory + before, whole, n);
        memset(memory + before + 12, 0, 4); /* the commit word comes last */
        tap_context("torn after %zu", n);
        assert_text(story(&out, fh_slice(memory, SIZE)), ALL);
        assert_int_equal(fh_segment_torn(fh_slice(memory, SIZE), before) > 0, n > 0);
    }
    assert_int_equal(fh_segment_torn(fh_slice(memory, SIZE), SIZE), 0);
}

/* A flipped bit is found, and hides no more than its record unless it hits the length. */
static void test_every_flipped_bit(void **state)
{
    FH_AUTO(fh_buf_fini) struct fh_buf out = fh_buf_on_heap(4096);
    struct fh_segment seg = filled();

    FH_UNUSED(state);
    for (size_t bit = FH_SEGMENT_HEADER_LEN * (size_t)8; bit < 8 * seg.used; bit++) {
        memory[bit / 8] ^= (uint8_t)(1U << bit % 8);
        struct fh_slice got = story(&out, fh_slice(memory, SIZE));
        bool padding = fh_eq(got, FH_LIT(ALL));

        tap_context("bit %zu", bit);
        assert_true(padding || fh_find(got, '!') < got.len);
        memory[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    memory[128 + 16 + 16] ^= 1; /* the only byte of the second record */
    assert_text(story(&out, fh_slice(memory, SIZE)),
                "1= !record and its checksum disagree@144 "
                "3=ab 4=abc 5=abcd 6=abcde 7=abcdef 8=abcdefg 9=abcdefgh 10=abcdefghi ");
    memory[128 + 16 + 2] = 0xff; /* its length */
    assert_text(story(&out, fh_slice(memory, SIZE)), "1= !no record starts here@144 ");
}

static void test_goes_on_where_it_was(void **state)
{
    struct fh_segment seg = fresh();
    struct fh_segment_scan scan = fh_segment_scan(fh_slice(memory, SIZE), 0);
    struct fh_segment_record record;

    FH_UNUSED(state);
    for (uint16_t type = 1; type < 10; type++) {
        assert_false(fh_segment_has_more(&scan));
        assert_int_equal(fh_segment_next(&scan, &record), FH_STEP_MORE);
        assert_int_equal(fh_segment_append(&seg, type, FH_LIT("hello")), FH_OK);
        assert_true(fh_segment_has_more(&scan));
        assert_int_equal(fh_segment_next(&scan, &record), FH_STEP_EVENT);
        assert_int_equal(record.type, type);
        assert_text(record.payload, "hello");
        assert_int_equal(scan.at, seg.used);
        scan = fh_segment_scan(fh_slice(memory, SIZE), scan.at); /* as after a restart */
    }
    scan = fh_segment_scan(fh_slice(memory, SIZE), UINT64_MAX & ~(uint64_t)7);
    assert_int_equal(fh_segment_next(&scan, &record), FH_STEP_MORE);
}

static void test_seal(void **state)
{
    struct fh_segment seg = filled();
    struct fh_segment_info info;
    struct fh_error why;
    struct fh_sha256 previous = fh_sha256(FH_LIT("the one before"));
    struct fh_sha256 hash = fh_segment_seal(&seg, &previous);

    FH_UNUSED(state);
    assert_int_equal(fh_segment_read(fh_slice(memory, SIZE), &info, &why), FH_OK);
    assert_true(info.sealed);
    assert_int_equal(info.used, seg.used);
    assert_memory_equal(info.hash.bytes, hash.bytes, sizeof(hash.bytes));
    assert_memory_equal(info.previous.bytes, previous.bytes, sizeof(previous.bytes));
    assert_true(fh_segment_seal_holds(fh_slice(memory, SIZE), &info));
    assert_true(fh_segment_seal_holds(fh_slice(memory, seg.used), &info));
    assert_false(fh_segment_seal_holds(fh_slice(memory, seg.used - 1), &info));
    for (size_t at = 56; at < seg.used; at++) {
        memory[at] ^= 1;
        tap_context("byte %zu", at);
        assert_false(fh_segment_seal_holds(fh_slice(memory, SIZE), &info));
        memory[at] ^= 1;
    }
    for (size_t at = 8; at < 56; at++) {
        memory[at] ^= 1;
        assert_int_equal(fh_segment_read(fh_slice(memory, SIZE), &info, &why), FH_E_CHECKSUM);
        memory[at] ^= 1;
    }
}

static void test_names(void **state)
{
    static const char *const bad[] = {"w3-0000000017.seg",
                                      "w03-17.seg",
                                      "w03-0000000017.se",
                                      "w03-0000000017.seg.new",
                                      "w-0000000017.seg",
                                      "03-0000000017.seg",
                                      "w03-0000000017seg",
                                      "w4294967296-0000000017.seg",
                                      "",
                                      "w03-.seg",
                                      "w03",
                                      "w03-0000000017.seg "};
    char name[FH_SEGMENT_NAME_MAX];
    uint32_t worker = 0;
    uint64_t sequence = 0;

    FH_UNUSED(state);
    fh_segment_print_name(name, 3, 17);
    assert_text(fh_cstr(name), "w03-0000000017.seg");
    assert_true(fh_segment_parse_name(fh_cstr(name), &worker, &sequence));
    assert_int_equal(worker, 3);
    assert_int_equal(sequence, 17);
    fh_segment_print_name(name, UINT32_MAX, UINT64_MAX);
    assert_true(fh_segment_parse_name(fh_cstr(name), &worker, &sequence));
    assert_int_equal(sequence, UINT64_MAX);
    for (size_t i = 0; i < FH_LEN(bad); i++) {
        tap_context("%s", bad[i]);
        assert_false(fh_segment_parse_name(fh_cstr(bad[i]), &worker, &sequence));
    }
}

/* One process appends while another scans: it sees every record, once, whole, in order. */
static void test_concurrent_reader(void **state)
{
    enum { MANY = 200000 };
    size_t size = FH_SEGMENT_HEADER_LEN + MANY * fh_segment_room(60);
    void *base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    FH_UNUSED(state);
    assert_ptr_not_equal(base, MAP_FAILED);
    pid_t writer = fork();

    assert_true(writer >= 0);
    if (writer == 0) {
        struct fh_segment seg;
        uint8_t payload[60];

        fh_segment_init(&seg, base, size, &birth);
        for (uint32_t i = 0; i < MANY; i++) {
            memset(payload, (int)(i & 0xff), sizeof(payload));
            if (fh_segment_append(&seg, 1, fh_slice(payload, i % sizeof(payload))) != FH_OK) {
                _exit(1);
            }
        }
        _exit(0);
    }
    struct fh_segment_scan scan = fh_segment_scan(fh_slice(base, size), 0);
    uint32_t seen = 0;

    while (seen < MANY) {
        struct fh_segment_record record;
        enum fh_step step = fh_segment_next(&scan, &record);

        if (step != FH_STEP_EVENT) {
            assert_int_equal(step, FH_STEP_MORE);
            continue;
        }
        assert_int_equal(record.payload.len, seen % 60);
        for (size_t i = 0; i < record.payload.len; i++) {
            assert_int_equal(record.payload.ptr[i], seen & 0xff);
        }
        seen++;
    }
    int status = 1;

    assert_int_equal(waitpid(writer, &status, 0), writer);
    assert_int_equal(status, 0);
    assert_int_equal(munmap(base, size), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_what_was_appended),
        cmocka_unit_test(test_header),
        cmocka_unit_test(test_every_cut),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_torn_record),
        cmocka_unit_test(test_every_flipped_bit),
        cmocka_unit_test(test_goes_on_where_it_was),
        cmocka_unit_test(test_seal),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_concurrent_reader),
    };
    return cmocka_run_group_tests_name("segment", tests, NULL, NULL);
}
