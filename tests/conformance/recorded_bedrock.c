/* recorded_bedrock.c: what Bedrock and its clients really said in Converse.
 * SPDX-License-Identifier: Apache-2.0 */
#include "recorded_dialect.h"
#include "tap.h"

static const char *take_block(struct recorded_fold *f, yyjson_val *root)
{
    yyjson_val *number = fh_json_get(root, FH_LIT("contentBlockIndex"));
    yyjson_val *start = fh_json_get(root, FH_LIT("start"));
    yyjson_val *delta = fh_json_get(root, FH_LIT("delta"));
    yyjson_val *call = fh_json_get(delta, FH_LIT("toolUse"));
    yyjson_val *thought = fh_json_get(delta, FH_LIT("reasoningContent"));
    uint64_t index = 0;

    if (!fh_json_u64(number, &index)) {
        return "a block without an index";
    }
    yyjson_mut_val *block =
        recorded_numbered(f, recorded_list_of(f, f->root, FH_LIT("content")), number);

    if (yyjson_obj_size(start) > 0) {
        (void)recorded_put(f, block, FH_LIT("start"), start);
    }
    recorded_join(f, block, FH_LIT("text"), recorded_text(delta, "text"));
    recorded_join(f, block, FH_LIT("input"), recorded_text(call, "input"));
    recorded_join(f, block, FH_LIT("thought"), recorded_text(thought, "text"));
    recorded_join(f, block, FH_LIT("signature"), recorded_text(thought, "signature"));
    recorded_join(f, block, FH_LIT("redacted"), recorded_text(thought, "redactedContent"));
    return NULL;
}

static const char *take(struct recorded_fold *f, const struct fh_frame *wire)
{
    yyjson_val *root = recorded_json(f->arena, wire->data);

    if (f->ours && wire->fault) {
        return "an exception";
    }
    if (fh_starts(wire->name, FH_LIT("contentBlock"))) {
        return take_block(f, root);
    }
    yyjson_mut_val *all = recorded_put(f, f->root, fh_dup(f->arena, wire->name), root);

    (void)yyjson_mut_obj_remove_key(all, "p"); /* padding */
    f->finished = f->finished || fh_eq(wire->name, FH_LIT("messageStop"));
    return NULL;
}

/* A call without arguments says {} or nothing. */
static const char *drop_empty_input(struct recorded_fold *f)
{
    yyjson_mut_arr_iter iter =
        yyjson_mut_arr_iter_with(recorded_list_of(f, f->root, FH_LIT("content")));

    for (yyjson_mut_val *block = NULL; (block = yyjson_mut_arr_iter_next(&iter)) != NULL;) {
        if (yyjson_mut_equals_str(yyjson_mut_obj_get(block, "input"), "{}")) {
            (void)yyjson_mut_obj_remove_key(block, "input");
        }
    }
    return NULL;
}

/* Without framing a line is an object with one member, the event's name. */
static void unline(struct fh_arena *arena, struct fh_frame *wire)
{
    yyjson_obj_iter iter = yyjson_obj_iter_with(recorded_json(arena, wire->data));
    yyjson_val *key = yyjson_obj_iter_next(&iter);

    assert_non_null(key);
    wire->name = fh_json_text(key);
    wire->data = fh_json_printed(arena, yyjson_obj_iter_get_val(key));
}

static bool understood(const struct fh_fault *fault)
{
    return fault->kind == FH_REFUSE_BAD_REQUEST && !fh_starts(fault->message, FH_LIT("{"));
}

static const struct recorded_dialect bedrock = {
    .dialect = &fh_dialect_bedrock,
    .excuses =
        {
            {"/system", "[]", "the default"},
            {"/inferenceConfig", "{}", "the default"},
        },
    .flaws = {{"test_bedrock_model_other_parameters", RECORDED_NO_REQUEST,
               "the recorder broke the JSON"}},
    .take = take,
    .close = drop_empty_input,
    .unline = unline,
    .usage = "usage",
    .total = "totalTokens",
    .understood = understood,
};

static void test_recorded_conversations_lose_nothing(void **state)
{
    FH_UNUSED(state);
    recorded_traffic(&bedrock,
                     &(struct recorded_apis){{"bedrock-converse", "bedrock-converse-stream"},
                                             .additions = true});
}

static void test_recorded_counts_are_understood(void **state)
{
    FH_UNUSED(state);
    recorded_count_calls(&bedrock,
                         &(struct recorded_counts){"bedrock-count-tokens", "/input/invokeModel",
                                                   .errors = true});
}

static void test_requests_of_sdks_lose_nothing(void **state)
{
    FH_UNUSED(state);
    recorded_requests(&bedrock,
                      &(struct recorded_sdks){{"aws-bedrock-runtime", "ai-sdk-bedrock"},
                                              .target = "/converse"});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorded_conversations_lose_nothing),
        cmocka_unit_test(test_recorded_counts_are_understood),
        cmocka_unit_test(test_requests_of_sdks_lose_nothing),
    };
    return cmocka_run_group_tests_name("recorded_bedrock", tests, NULL, NULL);
}
