/* test_when.c: what people write for a time, and what is none.
 * SPDX-License-Identifier: Apache-2.0 */
#include "control/when.h"
#include "tap.h"

#define NOW_US UINT64_C(1767225600123456) /* 2026-01-01T00:00:00.123456Z */

static void test_reads(void **state)
{
    static const struct {
        const char *text;
        const char *want;
    } rows[] = {
        {"today", "2026-01-01T00:00:00.000000Z"},
        {"yesterday", "2025-12-31T00:00:00.000000Z"},
        {"0s", "2026-01-01T00:00:00.123456Z"},
        {"90min", "2025-12-31T22:30:00.123456Z"},
        {"24h", "2025-12-31T00:00:00.123456Z"},
        {"7d", "2025-12-25T00:00:00.123456Z"},
        {"1w", "2025-12-25T00:00:00.123456Z"},
        {"99999999h", "1970-01-01T00:00:00.000000Z"},
        {"1970-01-01", "1970-01-01T00:00:00.000000Z"},
        {"2024-02-29", "2024-02-29T00:00:00.000000Z"},
        {"2000-02-29T23:59Z", "2000-02-29T23:59:00.000000Z"},
        {"9999-12-31T23:59:59Z", "9999-12-31T23:59:59.000000Z"},
    };

    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(rows); i++) {
        FH_AUTO(fh_buf_fini) struct fh_buf out = fh_buf_on_heap(64);
        uint64_t us = 0;

        tap_context("%s", rows[i].text);
        assert_true(fh_when_parse(fh_cstr(rows[i].text), NOW_US, &us));
        fh_when_print(&out, us);
        assert_text(fh_buf_slice(&out), rows[i].want);
    }
}

static void test_refuses(void **state)
{
    static const char *const rows[] = {
        "",
        "now",
        "7",
        "d",
        "-7d",
        "7 d",
        "1.5h",
        "2026-1-1",
        "2026-13-01",
        "2026-00-01",
        "2026-04-31",
        "2025-02-29",
        "2100-02-29",
        "1969-12-31",
        "2026-01-01T",
        "2026-01-01Z",
        "2026-01-01T12Z",
        "2026-01-01T24:00Z",
        "2026-01-01T12:60Z",
        "2026-01-01T12:00",
        "2026-01-01T12:00:60Z",
        "2026-01-01 12:00Z",
        "20260101",
        "99999999999999999999d",
        "18446744073709551615w",
    };

    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(rows); i++) {
        uint64_t us = 42;

        tap_context("%s", rows[i]);
        if (fh_when_parse(fh_cstr(rows[i]), NOW_US, &us)) {
            fail_msg("\"%s\" was taken", rows[i]);
        }
        assert_int_equal(us, 42);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads),
        cmocka_unit_test(test_refuses),
    };
    return cmocka_run_group_tests_name("when", tests, NULL, NULL);
}
