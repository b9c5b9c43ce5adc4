/* test_mistral.c: Mistral's dialect against its vectors, and what is its own: ids of calls, calls
 * told whole, thoughts that are parts of the content.
 * SPDX-License-Identifier: Apache-2.0 */
#include "fields.h"

#include "dialect/mistral/mistral.h"

/* ---- ids of calls ---- */

static void test_ids_of_calls_are_nine_letters_and_digits(void **state)
{
    static const struct {
        const char *id;
        bool stays;
    } rows[] = {
        {"abcdefghi", true}, {"A1b2C3d4E", true},   {"012345678", true},
        {"abcdefgh", false}, {"abcdefghij", false}, {"abc_efghi", false},
        {"", false},         {"toolu_01", false},   {"call_0_0_chatcmpl-1", false},
    };

    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(rows); i++) {
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(STORY_ARENA_MAX);
        struct fh_slice id = fh_cstr(rows[i].id);
        struct fh_slice made = fh_mistral_call_id(arena, id);

        tap_context("%s", rows[i].id);
        assert_int_equal(fh_eq(made, id), rows[i].stays);
        assert_true(fh_eq(made, fh_mistral_call_id(arena, made))); /* it fits */
        assert_true(fh_eq(made, fh_mistral_call_id(arena, id)));   /* the same each time */
    }
}

static void test_ids_that_differ_stay_different(void **state)
{
    enum { IDS = 512 };
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(STORY_ARENA_MAX);
    static struct fh_slice made[IDS];

    FH_UNUSED(state);
    for (unsigned i = 0; i < IDS; i++) {
        struct fh_buf id = fh_buf_in_arena(arena, 32);

        fh_buf_printf(&id, "toolu_%u", i);
        made[i] = fh_mistral_call_id(arena, fh_buf_slice(&id));
        for (unsigned k = 0; k < i; k++) {
            assert_false(fh_eq(made[k], made[i]));
        }
    }
}

/* ---- signatures ---- */

static const char claude[] =
    "{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"claude\","
    "\"content\":[{\"type\":\"thinking\",\"thinking\":\"hm\",\"signature\":\"EpgB\"},"
    "{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"EpgC\"},"
    "{\"type\":\"redacted_thinking\",\"data\":\"eHh4\"},"
    "{\"type\":\"text\",\"text\":\"42\"}],\"stop_reason\":\"end_turn\",\"stop_sequence\":null,"
    "\"usage\":{\"input_tokens\":5,\"output_tokens\":4}}";

#define EVENT(name, data) "event: " name "\ndata: {\"type\":\"" name "\"," data "}\n\n"
#define START(n, block) \
    EVENT("content_block_start", "\"index\":" n ",\"content_block\":{" block "}")
#define DELTA(n, delta) EVENT("content_block_delta", "\"index\":" n ",\"delta\":{" delta "}")
#define STOP(n)         EVENT("content_block_stop", "\"index\":" n)
#define THINKING        "\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\""

static const char claude_streams[] = EVENT(
    "message_start",
    "\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":"
    "\"claude\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":"
    "{\"input_tokens\":5,\"output_tokens\":1}}") START("0", THINKING)
    DELTA("0", "\"type\":\"thinking_delta\",\"thinking\":\"h\"") DELTA(
        "0", "\"type\":\"thinking_delta\",\"thinking\":\"m\"")
        DELTA("0", "\"type\":\"signature_delta\",\"signature\":\"EpgB\"") STOP("0") START(
            "1", THINKING) DELTA("1", "\"type\":\"signature_delta\",\"signature\":\"EpgC\"")
            STOP("1") START("2", "\"type\":\"redacted_thinking\",\"data\":\"eHh4\"") STOP(
                "2") START("3", "\"type\":\"text\",\"text\":\"\"")
                DELTA("3", "\"type\":\"text_delta\",\"text\":\"42\"") STOP("3") EVENT(
                    "message_delta",
                    "\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":null},\"usage\":"
                    "{\"output_tokens\":4}") "event: message_stop\ndata: "
                                             "{\"type\":\"message_stop\"}\n\n";

/* gathered is the content that a client has when the stream is over: parts one behind the other. */
static struct fh_slice gathered(struct fh_arena *arena, struct fh_slice wire)
{
    struct fh_buf out = fh_buf_in_arena(arena, STORY_TEXT_MAX);
    struct fh_slice line = FH_NONE;
    struct fh_error why;

    fh_buf_byte(&out, '[');
    while (fh_split(&wire, '\n', &line)) {
        yyjson_val *chunk = NULL;

        if (!fh_take(&line, FH_LIT("data: ")) || fh_eq(line, FH_LIT("[DONE]"))) {
            continue;
        }
        assert_int_equal(fh_json_parse(arena, line, &chunk, &why), FH_OK);
        yyjson_val *choice = yyjson_arr_get_first(fh_json_get(chunk, FH_LIT("choices")));
        yyjson_val *content =
            fh_json_get(fh_json_get(choice, FH_LIT("delta")), FH_LIT("content"));

        if (yyjson_get_len(content) == 0) {
            continue;
        }
        fh_buf_append(&out, out.len > 1 ? FH_LIT(",") : FH_NONE);
        if (yyjson_is_arr(content)) {
            fh_json_append_val(&out, arena, yyjson_arr_get_first(content));
        } else {
            fh_buf_append(&out, FH_LIT("{\"type\":\"text\",\"text\":"));
            fh_json_append_val(&out, arena, content);
            fh_buf_byte(&out, '}');
        }
    }
    fh_buf_byte(&out, ']');
    return fh_buf_slice(&out);
}

static void assert_comes_back(struct fh_arena *arena, struct fh_slice content)
{
    static const struct fh_slice turn = FH_LIT_INIT(
        "\"content\":[{\"type\":\"thinking\",\"thinking\":\"hm\",\"signature\":\"EpgB\"},"
        "{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"EpgC\"},"
        "{\"type\":\"redacted_thinking\",\"data\":\"eHh4\"},"
        "{\"type\":\"text\",\"text\":\"42\"}]");
    struct fh_slice parts[] = {
        FH_LIT("{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":"
               "\"q\"},{\"role\":\"assistant\",\"content\":"),
        content, FH_LIT("},{\"role\":\"user\",\"content\":\"and?\"}]}")};
    struct fh_buf out = fh_buf_in_arena(arena, STORY_TEXT_MAX);
    struct fh_loss *loss = fh_new(arena, struct fh_loss);

    assert_true(story_translate(&out, arena, &fh_dialect_mistral, &fh_dialect_anthropic,
                                fh_concat(arena, parts, FH_LEN(parts)), loss));
    tap_context("%.*s", FH_ARG(fh_buf_slice(&out)));
    assert_int_equal(loss->count, 0);
    assert_true(fh_contains(fh_buf_slice(&out), turn));
}

static void test_what_claude_signed_comes_back(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(STORY_ARENA_MAX);
    struct fh_buf out = fh_buf_in_arena(arena, STORY_TEXT_MAX);
    struct fh_buf content = fh_buf_in_arena(arena, STORY_TEXT_MAX);
    struct fh_loss *loss = fh_new(arena, struct fh_loss);
    yyjson_val *root = NULL;
    struct fh_error why;

    FH_UNUSED(state);
    story_reply(&out, arena, &fh_dialect_anthropic, &fh_dialect_mistral, fh_cstr(claude), loss);
    assert_int_equal(fh_json_parse(arena, fh_buf_slice(&out), &root, &why), FH_OK);
    yyjson_val *choice = yyjson_arr_get_first(fh_json_get(root, FH_LIT("choices")));

    fh_json_append_val(&content, arena,
                       fh_json_get(fh_json_get(choice, FH_LIT("message")), FH_LIT("content")));
    assert_comes_back(arena, fh_buf_slice(&content));

    struct story_stream told = story_run(arena, &fh_dialect_anthropic, &fh_dialect_mistral,
                                         fh_cstr(claude_streams), SIZE_MAX, loss);

    assert_true(told.ended);
    assert_comes_back(arena, gathered(arena, fh_buf_slice(&told.wire)));
    assert_int_equal(loss->count, 0);
}

/* ---- what the SDK demands ---- */

/* The SDK checks each answer against a schema: without these members it throws. */
static void test_answers_have_what_the_sdk_demands(void **state)
{
    static const char *const whole[] = {"\"id\":\"",
                                        "\"object\":\"chat.completion\"",
                                        "\"created\":",
                                        "\"model\":\"",
                                        "\"usage\":{",
                                        "\"index\":0",
                                        "\"finish_reason\":\"stop\""};
    static const char nothing[] =
        "{\"choices\":[{\"message\":{\"content\":\"x\"},\"finish_reason\":\"stop\"}]}";
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(STORY_ARENA_MAX);
    struct fh_buf out = fh_buf_in_arena(arena, STORY_TEXT_MAX);
    struct fh_loss *loss = fh_new(arena, struct fh_loss);

    FH_UNUSED(state);
    story_reply(&out, arena, &fh_dialect_openai_chat, &fh_dialect_mistral, fh_cstr(nothing),
                loss);
    for (size_t i = 0; i < FH_LEN(whole); i++) {
        tap_context("%s", whole[i]);
        assert_true(fh_contains(fh_buf_slice(&out), fh_cstr(whole[i])));
    }
}

static void test_models_have_cards(void **state)
{
    static const struct fh_slice names[] = {FH_LIT_INIT("a"), FH_LIT_INIT("b/c")};
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(STORY_ARENA_MAX);
    struct fh_listing list = {.names = names, .count = FH_LEN(names), .created_s = 7};
    struct fh_buf out = fh_buf_in_arena(arena, STORY_TEXT_MAX);

    FH_UNUSED(state);
    story_dialect->encode_models(&out, arena, &list);
    assert_true(
        fh_starts(fh_buf_slice(&out), FH_LIT("{\"object\":\"list\",\"data\":[{\"id\":"
                                             "\"a\",\"object\":\"model\",\"created\":7,")));
    assert_true(fh_contains(fh_buf_slice(&out), FH_LIT("\"completion_chat\":true")));
    fh_buf_clear(&out);
    list = (struct fh_listing){.names = names, .count = 1, .one = true};
    story_dialect->encode_models(&out, arena, &list);
    assert_true(fh_starts(fh_buf_slice(&out), FH_LIT("{\"id\":\"a\",")));
    assert_true(fh_ends(fh_buf_slice(&out), FH_LIT("\"type\":\"base\"}")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY_TESTS,
        cmocka_unit_test(test_fields_are_said),
        cmocka_unit_test(test_ids_of_calls_are_nine_letters_and_digits),
        cmocka_unit_test(test_ids_that_differ_stay_different),
        cmocka_unit_test(test_what_claude_signed_comes_back),
        cmocka_unit_test(test_answers_have_what_the_sdk_demands),
        cmocka_unit_test(test_models_have_cards),
    };
    story_dialect = &fh_dialect_mistral;
    story_folder = "core/dialect/mistral/vectors";
    return cmocka_run_group_tests_name("mistral", tests, NULL, NULL);
}
