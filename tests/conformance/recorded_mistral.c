/* recorded_mistral.c: what Mistral and its clients really said.
 * SPDX-License-Identifier: Apache-2.0 */
#include "recorded_chat.h"
#include "tap.h"

static void test_everything_recorded_comes_back(void **state)
{
    const struct recorded_dialect mistral = recorded_chat(&fh_dialect_mistral);

    FH_UNUSED(state);
    recorded_traffic(&mistral, &(struct recorded_apis){{"mistral-chat"}, .by_api = true});
}

static void test_what_sdks_send_comes_back(void **state)
{
    const struct recorded_dialect mistral = recorded_chat(&fh_dialect_mistral);

    FH_UNUSED(state);
    recorded_requests(&mistral, &(struct recorded_sdks){{"mistral-sdk", "ai-sdk-mistral"},
                                                        .target = "/chat/completions"});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything_recorded_comes_back),
        cmocka_unit_test(test_what_sdks_send_comes_back),
    };
    return cmocka_run_group_tests_name("recorded_mistral", tests, NULL, NULL);
}
