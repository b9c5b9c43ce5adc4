/* test_calendar.c: every day is where the C library has it, and what is no date is none.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include "base/calendar.h"

#include <time.h>

/* Every day of 400 years is what the C library says it is. */
static void test_every_day(void **state)
{
    FH_UNUSED(state);
    for (uint64_t day = 0; day < 146097; day++) {
        FH_AUTO(fh_buf_fini) struct fh_buf out = fh_buf_on_heap(64);
        char want[64];
        time_t seconds = (time_t)(day * 86400 + 86399 - day % 3600);
        struct tm tm;
        uint64_t back = 0;

        assert_non_null(gmtime_r(&seconds, &tm));
        assert_true(strftime(want, sizeof(want), "%Y%m%dT%H%M%SZ", &tm) > 0);
        fh_date_time_print_basic(&out, (uint64_t)seconds * FH_SECOND_US + 999999);
        assert_text(fh_buf_slice(&out), want);
        assert_true(fh_date_time_parse_basic(fh_buf_slice(&out), &back));
        assert_true(back == (uint64_t)seconds * FH_SECOND_US);

        assert_true(strftime(want, sizeof(want), "%a, %d %b %Y %H:%M:%S GMT", &tm) > 0);
        assert_true(fh_date_time_parse_http(fh_cstr(want), &back));
        assert_true(back == (uint64_t)seconds * FH_SECOND_US);
    }
}

static void test_what_is_no_time(void **state)
{
    static const char *const basic[] = {
        "",
        "20150830",
        "20150830T123600",
        "20150830T123600z",
        "20150830t123600Z",
        "20150830T123600Z ",
        " 20150830T123600Z",
        "20150830T1236000Z",
        "2015-08-30T12:36:00Z",
        "20150830T123600.5Z",
        "20151330T123600Z",
        "20150030T123600Z",
        "20150800T123600Z",
        "20150832T123600Z",
        "20150431T123600Z",
        "20150229T123600Z",
        "21000229T000000Z",
        "20150830T243600Z",
        "20150830T126000Z",
        "20150830T123660Z",
        "19691231T235959Z",
        "00000101T000000Z",
        "+2150830T123600Z",
    };
    static const char *const http[] = {
        "",
        "Sun, 30 Aug 2015 12:36:00",
        "Sun, 30 Aug 2015 12:36:00 UTC",
        "Sun, 30 Aug 2015 12:36:00 GMT ",
        "Sun 30 Aug 2015 12:36:00 GMT",
        "sun, 30 Aug 2015 12:36:00 GMT",
        "Sun, 30 aug 2015 12:36:00 GMT",
        "Sun, 30 unA 2015 12:36:00 GMT",
        "Xyz, 30 Aug 2015 12:36:00 GMT",
        "Sun, 3 Aug 2015 12:36:00 GMT",
        "Sun, 31 Apr 2015 12:36:00 GMT",
        "Sunday, 30-Aug-15 12:36:00 GMT",
        "Sun Aug 30 12:36:00 2015",
    };
    uint64_t us = 42;

    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(basic); i++) {
        if (fh_date_time_parse_basic(fh_cstr(basic[i]), &us) || us != 42) {
            fail_msg("\"%s\" was taken", basic[i]);
        }
    }
    for (size_t i = 0; i < FH_LEN(http); i++) {
        if (fh_date_time_parse_http(fh_cstr(http[i]), &us) || us != 42) {
            fail_msg("\"%s\" was taken", http[i]);
        }
    }
}

static void test_the_ends(void **state)
{
    FH_AUTO(fh_buf_fini) struct fh_buf out = fh_buf_on_heap(64);
    struct fh_date_time last = {{9999, 12, 31}, 23, 59, 59};
    uint64_t us = 0;

    FH_UNUSED(state);
    assert_true(fh_date_time_us(&last, &us));
    fh_date_time_print_basic(&out, us);
    assert_text(fh_buf_slice(&out), "99991231T235959Z");
    last.date.year++;
    assert_false(fh_date_time_us(&last, &us));
    assert_true(fh_date_time_parse_basic(FH_LIT("19700101T000000Z"), &us));
    assert_true(us == 0);
}

static void test_a_number_is_taken_whole_or_not(void **state)
{
    struct fh_slice s = FH_LIT("12-3");
    uint32_t number = 42;

    FH_UNUSED(state);
    assert_false(fh_take_number(&s, 2, FH_LIT(":"), &number));
    assert_false(fh_take_number(&s, 5, FH_NONE, &number));
    assert_int_equal(number, 42);
    assert_text(s, "12-3");
    assert_true(fh_take_number(&s, 2, FH_LIT("-"), &number));
    assert_int_equal(number, 12);
    assert_text(s, "3");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_day),
        cmocka_unit_test(test_what_is_no_time),
        cmocka_unit_test(test_the_ends),
        cmocka_unit_test(test_a_number_is_taken_whole_or_not),
    };
    return cmocka_run_group_tests_name("calendar", tests, NULL, NULL);
}
