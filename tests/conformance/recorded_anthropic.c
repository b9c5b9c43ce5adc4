/* recorded_anthropic.c: what Anthropic's API and its clients really said, decoded and re-encoded.
 * SPDX-License-Identifier: Apache-2.0 */
#include "recorded.h"
#include "tap.h"

static void test_the_recordings_are_readable(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 26);
    FH_AUTO(fh_arena_free) struct fh_arena *scratch = fh_arena_new(1 << 28);
    struct recorded *rec = recorded_open(arena);
    struct recorded_call call;
    struct recorded_tally tally = {0};

    FH_UNUSED(state);
    while (rec != NULL && recorded_next(rec, scratch, "anthropic-messages", &call)) {
        size_t count = 0;
        if (call.stream) {
            struct recorded_events ev = recorded_events(scratch, &call, 7);
            struct fh_sse_event e;
            while (recorded_events_next(&ev, &e)) {
                count++;
            }
        }
        recorded_count(&tally, call.source, call.stream ? "streams" : "replies",
                       call.response.len > 0 && (!call.stream || count > 3));
    }
    struct recorded_sdk *sdk = recorded_sdk_open(arena, "anthropic-sdk");
    struct recorded_sdk_request req;
    while (sdk != NULL && recorded_sdk_next(sdk, scratch, &req)) {
        recorded_count(&tally, req.sdk, "requests", req.body.len > 10);
    }
    assert_true(recorded_print(&tally) || rec == NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_recordings_are_readable),
    };
    return cmocka_run_group_tests_name("recorded_anthropic", tests, NULL, NULL);
}
