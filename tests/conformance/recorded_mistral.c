/* recorded_mistral.c: what Mistral really said.
 * SPDX-License-Identifier: Apache-2.0 */
#include "recorded_chat.h"
#include "tap.h"

static const char *const sets[] = {
    "mistral-chat",
};
static const char *const sdks[] = {"mistral-sdk", "ai-sdk-mistral"};

static const struct recorded_chat all = {
    .dialect = &fh_dialect_mistral,
    .sets = sets,
    .set_count = FH_LEN(sets),
    .sdks = sdks,
    .sdk_count = FH_LEN(sdks),
};

static void test_everything_recorded_comes_back(void **state)
{
    FH_UNUSED(state);
    recorded_chat_traffic(&all);
}

static void test_what_sdks_send_comes_back(void **state)
{
    FH_UNUSED(state);
    recorded_chat_requests(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything_recorded_comes_back),
        cmocka_unit_test(test_what_sdks_send_comes_back),
    };
    return cmocka_run_group_tests_name("recorded_mistral", tests, NULL, NULL);
}
