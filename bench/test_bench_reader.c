/* test_bench_reader.c: a wrong answer must never pass for a right one, however it was cut.
 * SPDX-License-Identifier: Apache-2.0 */
#include "bench_reader.h"
#include "tap.h"

struct row {
    const char *name;
    struct fh_slice wire;
    struct fh_bench_expect expect;
    enum fh_bench_verdict want;
};

#define OK "HTTP/1.1 200 OK\r\n"
#define ANYTHING    \
    {               \
        .events = 0 \
    }

static const struct row rows[] = {
    {"by length", FH_LIT_INIT(OK "Content-Length: 2\r\n\r\nhi"), ANYTHING, FH_BENCH_GOOD},
    {"empty body", FH_LIT_INIT(OK "content-length:0\r\n\r\n"), ANYTHING, FH_BENCH_GOOD},
    {"in chunks",
     FH_LIT_INIT(OK "Transfer-Encoding: chunked\r\n\r\n1\r\nh\r\n1;x=y\r\ni\r\n0\r\n\r\n"),
     {.same = FH_LIT_INIT("hi")},
     FH_BENCH_GOOD},
    {"a trailer",
     FH_LIT_INIT(OK "transfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\na: b\r\n\r\n"),
     {.same = FH_LIT_INIT("hi")},
     FH_BENCH_GOOD},
    {"other status", FH_LIT_INIT("HTTP/1.1 503 Busy\r\nContent-Length: 2\r\n\r\nhi"), ANYTHING,
     FH_BENCH_BAD_STATUS},
    {"not all there", FH_LIT_INIT(OK "Content-Length: 3\r\n\r\nhi"), ANYTHING, FH_BENCH_MORE},
    {"no last chunk", FH_LIT_INIT(OK "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n"), ANYTHING,
     FH_BENCH_MORE},
    {"no end given", FH_LIT_INIT(OK "Server: x\r\n\r\nhi"), ANYTHING, FH_BENCH_BAD_FRAMING},
    {"no chunk size", FH_LIT_INIT(OK "Transfer-Encoding: chunked\r\n\r\nhi\r\n"), ANYTHING,
     FH_BENCH_BAD_FRAMING},
    {"chunk longer than it says",
     FH_LIT_INIT(OK "Transfer-Encoding: chunked\r\n\r\n1\r\nhi\r\n"), ANYTHING,
     FH_BENCH_BAD_FRAMING},
    {"other bytes",
     FH_LIT_INIT(OK "Content-Length: 2\r\n\r\nho"),
     {.same = FH_LIT_INIT("hi")},
     FH_BENCH_BAD_CONTENT},
    {"shorter",
     FH_LIT_INIT(OK "Content-Length: 1\r\n\r\nh"),
     {.same = FH_LIT_INIT("hi")},
     FH_BENCH_BAD_CONTENT},
    {"longer",
     FH_LIT_INIT(OK "Content-Length: 3\r\n\r\nhi!"),
     {.same = FH_LIT_INIT("hi")},
     FH_BENCH_BAD_CONTENT},
    {"the right end",
     FH_LIT_INIT(OK "Content-Length: 9\r\n\r\nand [end]"),
     {.ends = FH_LIT_INIT("[end]")},
     FH_BENCH_GOOD},
    {"another end",
     FH_LIT_INIT(OK "Content-Length: 9\r\n\r\nand so on"),
     {.ends = FH_LIT_INIT("[end]")},
     FH_BENCH_BAD_CONTENT},
    {"as many events",
     FH_LIT_INIT(OK "Content-Length: 39\r\n\r\n@0000000000000001 a @00000000000000ff b"),
     {.events = 2},
     FH_BENCH_GOOD},
    {"more than the length says", FH_LIT_INIT(OK "Content-Length: 1\r\n\r\nhi"), ANYTHING,
     FH_BENCH_BAD_FRAMING},
    {"one event less",
     FH_LIT_INIT(OK "Content-Length: 19\r\n\r\n@0000000000000001 a"),
     {.events = 2},
     FH_BENCH_BAD_EVENTS},
};

/* verdict feeds `wire` in pieces of `step` bytes, as a client would, up to the first verdict. */
static enum fh_bench_verdict verdict(struct fh_bench_reader *r, struct fh_slice wire,
                                     size_t step, struct fh_bench_histogram *age)
{
    enum fh_bench_verdict got = FH_BENCH_MORE;

    fh_bench_reader_start(r);
    while (wire.len > 0 && got == FH_BENCH_MORE) {
        size_t n = fh_min(step, wire.len);

        got = fh_bench_reader_feed(r, fh_head(wire, n), 256, age);
        wire = fh_tail(wire, n);
    }
    return wire.len > 0 && got == FH_BENCH_GOOD ? FH_BENCH_BAD_FRAMING : got;
}

static void test_every_cut(void **state)
{
    static struct fh_bench_histogram age;

    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(rows); i++) {
        struct fh_bench_reader r = fh_bench_reader_init(&rows[i].expect);

        for (size_t step = 1; step <= rows[i].wire.len; step++) {
            tap_context("%s, in pieces of %zu", rows[i].name, step);
            assert_string_equal(fh_bench_verdict_name(verdict(&r, rows[i].wire, step, &age)),
                                fh_bench_verdict_name(rows[i].want));
        }
        fh_buf_fini(&r.line);
        fh_buf_fini(&r.tail);
    }
}

static void test_ages(void **state)
{
    static struct fh_bench_histogram age;
    const struct fh_bench_expect expect = {.events = 1};
    struct fh_bench_reader r = fh_bench_reader_init(&expect);

    FH_UNUSED(state);
    assert_int_equal(verdict(&r,
                             FH_LIT(OK "Content-Length: 17\r\n\r\n"
                                       "@0000000000000080"),
                             7, &age),
                     FH_BENCH_GOOD);
    assert_int_equal(age.count, 1);
    assert_int_equal(age.max_ns, 128);
    fh_buf_fini(&r.line);
    fh_buf_fini(&r.tail);
}

static void test_histogram_is_exact_to_one_part_in_128(void **state)
{
    FH_UNUSED(state);
    for (uint64_t value = 1; value < UINT64_MAX / 3; value += value / 3 + 1) {
        static struct fh_bench_histogram h;

        h = (struct fh_bench_histogram){0};
        fh_bench_histogram_add(&h, value);
        fh_bench_histogram_add(&h, UINT64_MAX);

        uint64_t got = fh_bench_histogram_at(&h, 500);
        uint64_t off = got > value ? got - value : value - got;

        assert_true(off <= value / 128);
    }
}

static void test_histogram_ranks(void **state)
{
    static struct fh_bench_histogram h;

    FH_UNUSED(state);
    assert_int_equal(fh_bench_histogram_at(&h, 500), 0);
    for (uint64_t i = 1; i <= 100; i++) {
        fh_bench_histogram_add(&h, i);
    }
    assert_int_equal(fh_bench_histogram_at(&h, 500), 50);
    assert_int_equal(fh_bench_histogram_at(&h, 990), 99);
    assert_int_equal(fh_bench_histogram_at(&h, 1000), 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_cut),
        cmocka_unit_test(test_ages),
        cmocka_unit_test(test_histogram_is_exact_to_one_part_in_128),
        cmocka_unit_test(test_histogram_ranks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
