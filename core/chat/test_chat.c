/* test_chat.c: usage merges, losses are listed, places have their JSON pointer.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include "chat/event.h"

static void test_usage_merges_class_by_class(void **state)
{
    struct fh_usage sum = {0};
    struct fh_usage first = {0};
    struct fh_usage last = {0};

    FH_UNUSED(state);
    fh_usage_set(&first, FH_TOKENS_INPUT, 12);
    fh_usage_set(&first, FH_TOKENS_CACHE_READ, 0);
    fh_usage_set(&first, FH_TOKENS_OUTPUT, 1);
    fh_usage_set(&last, FH_TOKENS_OUTPUT, 7);
    fh_usage_merge(&sum, &first);
    fh_usage_merge(&sum, &last);
    assert_int_equal(sum.count[FH_TOKENS_INPUT], 12);
    assert_int_equal(sum.count[FH_TOKENS_OUTPUT], 7);
    assert_true(fh_usage_has(&sum, FH_TOKENS_CACHE_READ));      /* zero is a value */
    assert_false(fh_usage_has(&sum, FH_TOKENS_CACHE_WRITE_1H)); /* missing is not zero */
    fh_usage_set(&sum, FH_TOKENS_CACHE_WRITE_1H, UINT64_MAX);
    assert_true(fh_usage_input(&sum) == UINT64_MAX);
}

static void test_places_have_their_pointer(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 16);
    struct fh_path messages = {NULL, FH_LIT_INIT("messages"), 0};
    struct fh_path third = {&messages, FH_LIT_INIT(""), 3};

    FH_UNUSED(state);
    third.key = FH_NONE;
    assert_text(fh_path_print(&third, FH_LIT("a/b~c"), arena), "/messages/3/a~1b~0c");
    assert_text(fh_path_print(&third, FH_NONE, arena), "/messages/3");
    assert_text(fh_path_print(NULL, FH_LIT("n"), arena), "/n");
}

static void test_losses_are_listed_and_counted(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 16);
    struct fh_loss *loss = fh_new(arena, struct fh_loss);
    struct fh_buf out = fh_buf_in_arena(arena, 8192);

    FH_UNUSED(state);
    loss->arena = arena;
    fh_loss_add(loss, FH_LIT("/a"), "why");
    fh_loss_add(loss, FH_LIT("/b,c \xc3\xa9"), "why");
    fh_loss_print(loss, &out);
    assert_text(fh_buf_slice(&out), "/a, /b%2Cc%20%C3%A9");
    for (int i = 0; i < FH_LOSS_MAX; i++) {
        fh_loss_add(loss, FH_LIT("/x"), "why");
    }
    assert_int_equal(loss->count, FH_LOSS_MAX + 2);
    fh_buf_clear(&out);
    fh_loss_print(loss, &out);
    assert_true(fh_ends(fh_buf_slice(&out), FH_LIT("/x, and 2 more")));
}

static void test_every_status_means_something(void **state)
{
    FH_UNUSED(state);
    for (uint16_t status = 300; status < 600; status++) {
        assert_true(fh_refusal_of_status(status) < FH_REFUSAL_COUNT);
    }
    assert_int_equal(fh_refusal_of_status(401), FH_REFUSE_UPSTREAM_DENIED);
    assert_int_equal(fh_refusal_of_status(418), FH_REFUSE_BAD_REQUEST);
    assert_int_equal(fh_refusal_of_status(599), FH_REFUSE_UPSTREAM_FAILED);
    assert_text(fh_refusal_row(FH_REFUSE_BAD_KEY)->openai.code, "invalid_api_key");
}

static void test_events_keep_their_order(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 16);
    struct fh_events events = {.arena = arena};

    FH_UNUSED(state);
    for (uint32_t i = 0; i < 100; i++) {
        fh_event_push(&events, FH_EVENT_TEXT)->index = i;
    }
    for (uint32_t i = 0; i < 100; i++) {
        assert_int_equal(events.list[i].index, i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_usage_merges_class_by_class),
        cmocka_unit_test(test_places_have_their_pointer),
        cmocka_unit_test(test_losses_are_listed_and_counted),
        cmocka_unit_test(test_every_status_means_something),
        cmocka_unit_test(test_events_keep_their_order),
    };
    return cmocka_run_group_tests_name("chat", tests, NULL, NULL);
}
