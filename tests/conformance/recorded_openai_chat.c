/* recorded_openai_chat.c: what OpenAI and those compatible with it really said.
 * SPDX-License-Identifier: Apache-2.0 */
#include "recorded_chat.h"
#include "tap.h"

static const struct recorded_apis apis = {
    {
        "openai-chat",
        "azure-chat",
        "gemini-openai-chat",
        "compat-alibaba-chat",
        "compat-cerebras-chat",
        "compat-crusoe-chat",
        "compat-deepseek-chat",
        "compat-groq-chat",
        "compat-huggingface-chat",
        "compat-moonshotai-chat",
        "compat-ollama-chat",
        "compat-openrouter-chat",
        "compat-snowflake-chat",
        "compat-together-chat",
        "compat-xai-chat",
        "compat-zai-chat",
    },
    .by_api = true,
};
static const struct recorded_sdks sdks = {
    {"openai-sdk", "ai-sdk-openai", "azure-openai-sdk", "openai-bedrock-sdk", "ai-sdk-azure"},
    .target = "/chat/completions",
};

static void test_everything_recorded_comes_back(void **state)
{
    const struct recorded_dialect chat = recorded_chat(&fh_dialect_openai_chat);

    FH_UNUSED(state);
    recorded_traffic(&chat, &apis);
}

static void test_what_sdks_send_comes_back(void **state)
{
    const struct recorded_dialect chat = recorded_chat(&fh_dialect_openai_chat);

    FH_UNUSED(state);
    recorded_requests(&chat, &sdks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything_recorded_comes_back),
        cmocka_unit_test(test_what_sdks_send_comes_back),
    };
    return cmocka_run_group_tests_name("recorded_openai_chat", tests, NULL, NULL);
}
