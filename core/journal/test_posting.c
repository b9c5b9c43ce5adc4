/* test_posting.c: every order of every handful of events ends where the card says.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include "journal/posting.h"

static void test_the_card(void **state)
{
    /* columns: intent settle void deadline; n p s v u as in the enum, . for a conflict */
    static const char *const card[FH_POSTINGS] = {
        [FH_POSTING_NONE] = "psv.",    [FH_POSTING_PENDING] = "psvu",
        [FH_POSTING_UNKNOWN] = "usvu", [FH_POSTING_SETTLED] = "ss.s",
        [FH_POSTING_VOID] = "v.vv",
    };
    static const char letters[] = "npsvu";

    FH_UNUSED(state);
    for (enum fh_posting from = 0; from < FH_POSTINGS; from++) {
        for (enum fh_posting_event event = 0; event < FH_POSTING_EVENTS; event++) {
            enum fh_posting got = from;
            enum fh_rc rc = fh_posting_next(&got, event);

            tap_context("%c on event %d", letters[from], (int)event);
            if (card[from][event] == '.') {
                assert_int_equal(rc, FH_E_CONFLICT);
                assert_int_equal(got, from);
            } else {
                assert_int_equal(rc, FH_OK);
                assert_int_equal(letters[got], card[from][event]);
            }
        }
    }
}

/* walk plays every sequence of `left` more events of those in `allowed` and demands the state that
 * the set of events alone decides. The deadline cannot come before the intent. */
static void walk(enum fh_posting from, unsigned seen, unsigned allowed, unsigned left)
{
    enum fh_posting want = FH_POSTING_NONE;

    if ((seen & 1U << FH_POSTING_ON_SETTLE) != 0) {
        want = FH_POSTING_SETTLED;
    } else if ((seen & 1U << FH_POSTING_ON_VOID) != 0) {
        want = FH_POSTING_VOID;
    } else if ((seen & 1U << FH_POSTING_ON_DEADLINE) != 0) {
        want = FH_POSTING_UNKNOWN;
    } else if (seen != 0) {
        want = FH_POSTING_PENDING;
    }
    assert_int_equal(from, want);
    for (enum fh_posting_event event = 0; left > 0 && event < FH_POSTING_EVENTS; event++) {
        enum fh_posting to = from;

        if ((allowed & 1U << event) == 0 || (event == FH_POSTING_ON_DEADLINE && seen == 0)) {
            continue;
        }
        assert_int_equal(fh_posting_next(&to, event), FH_OK);
        walk(to, seen | 1U << event, allowed, left - 1);
    }
}

static void test_order_and_repetition_do_not_show(void **state)
{
    unsigned all = (1U << FH_POSTING_EVENTS) - 1;

    FH_UNUSED(state);
    walk(FH_POSTING_NONE, 0, all & ~(1U << FH_POSTING_ON_VOID), 7);
    walk(FH_POSTING_NONE, 0, all & ~(1U << FH_POSTING_ON_SETTLE), 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_card),
        cmocka_unit_test(test_order_and_repetition_do_not_show),
    };
    return cmocka_run_group_tests_name("posting", tests, NULL, NULL);
}
