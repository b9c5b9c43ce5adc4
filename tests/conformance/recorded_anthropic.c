/* recorded_anthropic.c: what Anthropic's API and its clients really said, there and at Bedrock,
 * Vertex and Foundry.
 * SPDX-License-Identifier: Apache-2.0 */
#include "recorded_dialect.h"
#include "tap.h"

/* assign puts the members of `from` into `to`, nulls last of all choices. */
static void assign(struct recorded_fold *f, yyjson_mut_val *to, yyjson_val *from)
{
    yyjson_obj_iter iter = yyjson_obj_iter_with(from);

    for (yyjson_val *key = NULL; (key = yyjson_obj_iter_next(&iter)) != NULL;) {
        yyjson_val *val = yyjson_obj_iter_get_val(key);

        if (yyjson_mut_obj_get(to, yyjson_get_str(key)) == NULL || !yyjson_is_null(val)) {
            (void)recorded_put(f, to, fh_json_text(key), val);
        }
    }
}

/* What deltas of a block gather, beside what it began with until the end. */
static const struct {
    const char *delta, *gathered, *whole;
} texts[] = {
    {"text", "+text", "text"},
    {"thinking", "+thinking", "thinking"},
    {"signature", "+signature", "signature"},
    {"partial_json", "+json", "input"},
};

static const char *take_delta(struct recorded_fold *f, yyjson_val *delta)
{
    yyjson_mut_val *block = yyjson_mut_arr_get_last(yyjson_mut_obj_get(f->root, "content"));

    if (block == NULL) {
        return "a delta of no block";
    }
    if (fh_eq(recorded_text(delta, "type"), FH_LIT("citations_delta"))) {
        recorded_push(f, block, FH_LIT("citations"), fh_json_get(delta, FH_LIT("citation")));
    }
    for (size_t i = 0; i < FH_LEN(texts); i++) {
        recorded_join(f, block, fh_cstr(texts[i].gathered),
                      recorded_text(delta, texts[i].delta));
    }
    return NULL;
}

static void take_message_delta(struct recorded_fold *f, yyjson_val *root)
{
    yyjson_mut_val *beside = yyjson_val_mut_copy(f->doc, root);

    assign(f, yyjson_mut_obj_get(f->root, "usage"), fh_json_get(root, FH_LIT("usage")));
    assign(f, f->root, fh_json_get(root, FH_LIT("delta")));
    (void)yyjson_mut_obj_remove_key(beside, "usage");
    (void)yyjson_mut_obj_remove_key(beside, "delta");
    (void)yyjson_mut_obj_remove_key(beside, "type");
    if (yyjson_mut_obj_size(beside) > 0) {
        (void)yyjson_mut_obj_add_val(f->doc, f->root, "beside", beside);
    }
}

static const char *take(struct recorded_fold *f, const struct fh_frame *wire)
{
    yyjson_val *root = recorded_json(f->arena, wire->data);
    struct fh_slice type = recorded_text(root, "type");

    if (f->ours && !fh_eq(type, wire->name)) {
        return "an event without its name: SDKs drop it";
    }
    if (fh_eq(type, FH_LIT("message_start"))) {
        assign(f, f->root, fh_json_get(root, FH_LIT("message")));
        return yyjson_mut_obj_get(f->root, "content") == NULL ? "a message without content"
                                                              : NULL;
    }
    if (fh_eq(type, FH_LIT("content_block_start"))) {
        recorded_push(f, f->root, FH_LIT("content"),
                      fh_json_get(root, FH_LIT("content_block")));
    } else if (fh_eq(type, FH_LIT("content_block_delta"))) {
        return take_delta(f, fh_json_get(root, FH_LIT("delta")));
    } else if (fh_eq(type, FH_LIT("message_delta"))) {
        take_message_delta(f, root);
    } else if (fh_eq(type, FH_LIT("message_stop"))) {
        f->over = true;
    }
    return NULL;
}

/* join adds what was gathered to what the block began with. */
static const char *join(struct recorded_fold *f, yyjson_mut_val *block)
{
    for (size_t i = 0; i < FH_LEN(texts); i++) {
        bool json = fh_eq(fh_cstr(texts[i].whole), FH_LIT("input"));
        yyjson_mut_val *more = yyjson_mut_obj_remove_key(block, texts[i].gathered);
        struct fh_slice text = fh_slice(yyjson_mut_get_str(more), yyjson_mut_get_len(more));
        yyjson_mut_val *was =
            more == NULL ? NULL : yyjson_mut_obj_remove_key(block, texts[i].whole);

        if (!json && yyjson_mut_get_len(was) > 0) {
            return "something was said twice";
        }
        if (more != NULL && json) {
            fh_json_add_raw(f->doc, block, texts[i].whole, text);
        } else if (more != NULL) {
            fh_json_add_text(f->doc, block, texts[i].whole, text);
        }
    }
    return NULL;
}

static const char *join_all(struct recorded_fold *f)
{
    yyjson_mut_arr_iter iter = yyjson_mut_arr_iter_with(yyjson_mut_obj_get(f->root, "content"));
    const char *wrong = NULL;

    for (yyjson_mut_val *block = NULL;
         wrong == NULL && (block = yyjson_mut_arr_iter_next(&iter)) != NULL;) {
        wrong = join(f, block);
    }
    f->finished = yyjson_mut_is_str(yyjson_mut_obj_get(f->root, "stop_reason"));
    return wrong;
}

/* What Bedrock and Vertex have in the body is the envelope's. */
static void place(struct fh_chat_request *req, yyjson_val *body)
{
    req->envelope.version = recorded_text(body, "anthropic_version");
    req->envelope.without_model = fh_json_get(body, FH_LIT("model")) == NULL;
}

static bool understood(const struct fh_fault *fault)
{
    return fault->kind == FH_REFUSE_NO_SUCH_MODEL;
}

static const struct recorded_dialect anthropic = {
    .dialect = &fh_dialect_anthropic,
    .excuses =
        {
            {"/stream", "false", "the default"},
            {"/tools", "[]", "the default"},
            {"/system", "[]", "the default"},
            {"/stop_sequences", "[]", "the default"},
            {"/tools/*/type", "\"custom\"", "what a tool without a type is"},
            {"/messages/*/content/*/content", "[]", "a result without content"},
            {"/content/*/citations", "null", "left out when empty: some clients refuse null"},
            {"/content/*/citations", "[]", "left out when empty"},
        },
    .flaws = {{"spliced-message-start", RECORDED_BROKEN, "two messages are one stream"}},
    .take = take,
    .close = join_all,
    .place = place,
    .understood = understood,
};

static void test_recorded_messages_lose_nothing(void **state)
{
    FH_UNUSED(state);
    recorded_traffic(&anthropic,
                     &(struct recorded_apis){{"anthropic-messages"}, .additions = true});
}

/* Claude's messages in Amazon's envelope and framing; other models have another schema. */
static void test_recorded_invocations_lose_nothing(void **state)
{
    FH_UNUSED(state);
    recorded_traffic(&anthropic,
                     &(struct recorded_apis){{"bedrock-invoke", "bedrock-invoke-stream"},
                                             .only = "\"anthropic_version\""});
}

static void test_recorded_counts_lose_nothing(void **state)
{
    FH_UNUSED(state);
    recorded_count_calls(&anthropic,
                         &(struct recorded_counts){.api = "anthropic-count-tokens"});
}

static void test_requests_of_sdks_lose_nothing(void **state)
{
    FH_UNUSED(state);
    recorded_requests(&anthropic, &(struct recorded_sdks){
                                      {"anthropic-sdk", "anthropic-bedrock-sdk",
                                       "anthropic-vertex-sdk", "anthropic-foundry-sdk",
                                       "ai-sdk-anthropic", "ai-sdk-bedrock-anthropic"},
                                      .but = "/batches"}); /* those are lists of requests */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorded_messages_lose_nothing),
        cmocka_unit_test(test_recorded_invocations_lose_nothing),
        cmocka_unit_test(test_recorded_counts_lose_nothing),
        cmocka_unit_test(test_requests_of_sdks_lose_nothing),
    };
    return cmocka_run_group_tests_name("recorded_anthropic", tests, NULL, NULL);
}
