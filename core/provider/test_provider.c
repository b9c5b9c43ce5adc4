/* test_provider.c: the table says of each kind all that a request needs.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include "provider/provider.h"
#include "wire/url.h"

static void test_every_row_is_usable(void **state)
{
    FH_UNUSED(state);
    for (unsigned i = 0; i < FH_PROVIDER_KINDS; i++) {
        const struct fh_provider_preset *row = fh_provider_preset((enum fh_provider_kind)i);
        enum fh_provider_kind kind = FH_PROVIDER_KINDS;
        struct fh_error why;
        struct fh_url url;

        tap_context("%.*s", FH_ARG(row->name));
        assert_true(fh_provider_kind_by_name(row->name, &kind));
        assert_int_equal(kind, i);
        assert_true(row->doc.len > 0);
        assert_true(fh_starts(row->path[FH_OPERATION_CHAT], FH_LIT("/")));
        if (row->url.len > 0) {
            assert_int_equal(fh_url_parse(&url, row->url, &why), FH_OK);
            /* a place on the network is asked in clear only when somebody wrote so */
            assert_true(url.tls || i == FH_PROVIDER_LOCAL);
        }
    }
}

static void test_no_such_kind(void **state)
{
    enum fh_provider_kind kind = FH_PROVIDER_KINDS;

    FH_UNUSED(state);
    assert_false(fh_provider_kind_by_name(FH_LIT("bedrok"), &kind));
    assert_false(fh_provider_kind_by_name(FH_NONE, &kind));
    assert_int_equal(kind, FH_PROVIDER_KINDS);
}

static void test_paths(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 12);
    struct fh_buf out = fh_buf_in_arena(arena, 256);
    struct fh_provider claude = {.kind = FH_PROVIDER_ANTHROPIC};
    struct fh_provider gpt = {.kind = FH_PROVIDER_OPENAI, .base_path = FH_LIT("/v1")};

    FH_UNUSED(state);
    fh_provider_path(&claude, FH_OPERATION_COUNT_TOKENS, &out);
    assert_text(fh_buf_slice(&out), "/v1/messages/count_tokens");
    fh_buf_clear(&out);
    fh_provider_path(&gpt, FH_OPERATION_CHAT, &out);
    assert_text(fh_buf_slice(&out), "/v1/chat/completions");
    assert_false(fh_provider_can(&gpt, FH_OPERATION_COUNT_TOKENS));
    assert_true(fh_provider_can(&gpt, FH_OPERATION_MODELS));
    assert_text(fh_provider_state_name(FH_PROVIDER_STARTING), "starting");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_row_is_usable),
        cmocka_unit_test(test_no_such_kind),
        cmocka_unit_test(test_paths),
    };
    return cmocka_run_group_tests_name("provider", tests, NULL, NULL);
}
