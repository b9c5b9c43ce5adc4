/* test_openai_chat_thoughts.c: what a model signed reaches a client of this dialect, whole or
 * streamed, is gathered as official SDKs gather it, and comes back to the byte.
 * SPDX-License-Identifier: Apache-2.0 */
#include "story.h"

/* ---- how clients gather a stream: openai-node 7.57 and openai-python 3.57 ---- */

typedef void gather_fn(yyjson_mut_doc *doc, yyjson_mut_val *sum, yyjson_mut_val *delta);

static void put(yyjson_mut_doc *doc, yyjson_mut_val *obj, yyjson_mut_val *key,
                yyjson_mut_val *val)
{
    (void)yyjson_mut_obj_put(obj, yyjson_mut_val_mut_copy(doc, key),
                             yyjson_mut_val_mut_copy(doc, val));
}

static void join(yyjson_mut_doc *doc, yyjson_mut_val *obj, yyjson_mut_val *key,
                 yyjson_mut_val *more)
{
    char both[1024];
    yyjson_mut_val *old = yyjson_mut_obj_get(obj, yyjson_mut_get_str(key));

    (void)snprintf(both, sizeof(both), "%s%s",
                   yyjson_mut_is_str(old) ? yyjson_mut_get_str(old) : "",
                   yyjson_mut_get_str(more));
    put(doc, obj, key, yyjson_mut_strcpy(doc, both));
}

static yyjson_mut_val *list_in(yyjson_mut_doc *doc, yyjson_mut_val *obj, yyjson_mut_val *key)
{
    yyjson_mut_val *list = yyjson_mut_obj_get(obj, yyjson_mut_get_str(key));

    if (list == NULL) {
        list = yyjson_mut_arr(doc);
        (void)yyjson_mut_obj_put(obj, yyjson_mut_val_mut_copy(doc, key), list);
    }
    return list;
}

static size_t place_of(yyjson_mut_val *entry)
{
    yyjson_mut_val *index = yyjson_mut_obj_get(entry, "index");

    assert_true(yyjson_mut_is_raw(index));
    return strtoul(yyjson_mut_get_raw(index), NULL, 10);
}

/* entry_at gives the element of that number, which is begun when it is the next one. */
static yyjson_mut_val *entry_at(yyjson_mut_doc *doc, yyjson_mut_val *list, size_t place)
{
    assert_true(place <= yyjson_mut_arr_size(list));
    return place < yyjson_mut_arr_size(list) ? yyjson_mut_arr_get(list, place)
                                             : yyjson_mut_arr_add_obj(doc, list);
}

/* ChatCompletionStream of openai-node: words grow, calls grow by their index, of any other member
 * the last value stands. */
static void gather_as_node(yyjson_mut_doc *doc, yyjson_mut_val *sum, yyjson_mut_val *delta)
{
    yyjson_mut_obj_iter iter = yyjson_mut_obj_iter_with(delta);

    for (yyjson_mut_val *key = NULL; (key = yyjson_mut_obj_iter_next(&iter)) != NULL;) {
        yyjson_mut_val *val = yyjson_mut_obj_iter_get_val(key);
        const char *name = yyjson_mut_get_str(key);

        if (strcmp(name, "content") == 0 || strcmp(name, "refusal") == 0 ||
            strcmp(name, "arguments") == 0) {
            join(doc, sum, key, val);
        } else if (strcmp(name, "tool_calls") == 0) {
            yyjson_mut_val *call = yyjson_mut_arr_get_first(val);

            gather_as_node(doc, entry_at(doc, list_in(doc, sum, key), place_of(call)), call);
        } else if (strcmp(name, "function") == 0) {
            if (yyjson_mut_obj_get(sum, name) == NULL) {
                put(doc, sum, key, yyjson_mut_obj(doc));
            }
            gather_as_node(doc, yyjson_mut_obj_get(sum, name), val);
        } else {
            put(doc, sum, key, val);
        }
    }
}

/* accumulate_delta of openai-python: strings grow, but for `type`; lists are joined by `index`. */
static void gather_as_python(yyjson_mut_doc *doc, yyjson_mut_val *sum, yyjson_mut_val *delta)
{
    yyjson_mut_obj_iter iter = yyjson_mut_obj_iter_with(delta);

    for (yyjson_mut_val *key = NULL; (key = yyjson_mut_obj_iter_next(&iter)) != NULL;) {
        yyjson_mut_val *val = yyjson_mut_obj_iter_get_val(key);
        yyjson_mut_val *old = yyjson_mut_obj_get(sum, yyjson_mut_get_str(key));
        size_t at = 0;
        size_t max = 0;
        yyjson_mut_val *entry = NULL;

        if (yyjson_mut_is_arr(val)) {
            yyjson_mut_arr_foreach(val, at, max, entry)
            {
                gather_as_python(doc, entry_at(doc, list_in(doc, sum, key), place_of(entry)),
                                 entry);
            }
        } else if (yyjson_mut_is_str(old) && strcmp(yyjson_mut_get_str(key), "type") != 0) {
            join(doc, sum, key, val);
        } else if (yyjson_mut_is_obj(old)) {
            gather_as_python(doc, old, val);
        } else {
            put(doc, sum, key, val);
        }
    }
}

/* gathered is the message that a client has when the stream is over. */
static struct fh_slice gathered(struct fh_arena *arena, struct fh_slice wire, gather_fn *gather)
{
    yyjson_mut_doc *doc = fh_json_new(arena);
    yyjson_mut_val *sum = yyjson_mut_obj(doc);
    struct fh_buf out = fh_buf_in_arena(arena, STORY_TEXT_MAX);
    struct fh_slice line = FH_NONE;
    struct fh_error why;

    while (fh_split(&wire, '\n', &line)) {
        yyjson_val *chunk = NULL;

        if (!fh_take(&line, FH_LIT("data: {"))) {
            continue;
        }
        struct fh_slice parts[] = {FH_LIT("{"), line};

        assert_int_equal(
            fh_json_parse(arena, fh_concat(arena, parts, FH_LEN(parts)), &chunk, &why), FH_OK);
        yyjson_val *choice = yyjson_arr_get_first(fh_json_get(chunk, FH_LIT("choices")));

        if (choice != NULL) {
            gather(doc, sum, yyjson_val_mut_copy(doc, fh_json_get(choice, FH_LIT("delta"))));
        }
    }
    fh_json_append(&out, arena, sum);
    return fh_buf_slice(&out);
}

/* ---- there and back ---- */

#define BLOCK_START \
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":"
#define BLOCK_DELTA \
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":"
#define BLOCK_STOP \
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":"

/* A turn of Claude's with two thoughts, one that cannot be read, words and a call. */
static const char whole[] =
    "{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"claude\","
    "\"content\":[{\"type\":\"thinking\",\"thinking\":\"hm\",\"signature\":\"c2ln\"},"
    "{\"type\":\"redacted_thinking\",\"data\":\"eHh4\"},"
    "{\"type\":\"thinking\",\"thinking\":\"so\",\"signature\":\"c2lh\"},"
    "{\"type\":\"text\",\"text\":\"Calling.\"},"
    "{\"type\":\"tool_use\",\"id\":\"toolu_1\",\"name\":\"f\",\"input\":{\"x\":1}}],"
    "\"stop_reason\":\"tool_use\",\"stop_sequence\":null,"
    "\"usage\":{\"input_tokens\":5,\"output_tokens\":4}}";

static const char stream[] =
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\","
    "\"type\":\"message\",\"role\":\"assistant\",\"model\":\"claude\",\"content\":[],"
    "\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":5,"
    "\"output_tokens\":1}}}\n\n" BLOCK_START
    "0,\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}}"
    "\n\n" BLOCK_DELTA
    "0,\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"h\"}}\n\n" BLOCK_DELTA
    "0,\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"m\"}}\n\n" BLOCK_DELTA
    "0,\"delta\":{\"type\":\"signature_delta\",\"signature\":\"c2ln\"}}\n\n" BLOCK_STOP
    "0}\n\n" BLOCK_START
    "1,\"content_block\":{\"type\":\"redacted_thinking\",\"data\":\"eHh4\"}}\n\n" BLOCK_STOP
    "1}\n\n" BLOCK_START "2,\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\","
    "\"signature\":\"\"}}\n\n" BLOCK_DELTA
    "2,\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"so\"}}\n\n" BLOCK_DELTA
    "2,\"delta\":{\"type\":\"signature_delta\",\"signature\":\"c2lh\"}}\n\n" BLOCK_STOP
    "2}\n\n" BLOCK_START
    "3,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n" BLOCK_DELTA
    "3,\"delta\":{\"type\":\"text_delta\",\"text\":\"Call\"}}\n\n" BLOCK_DELTA
    "3,\"delta\":{\"type\":\"text_delta\",\"text\":\"ing.\"}}\n\n" BLOCK_STOP
    "3}\n\n" BLOCK_START "4,\"content_block\":{\"type\":\"tool_use\",\"id\":\"toolu_1\","
    "\"name\":\"f\",\"input\":{}}}\n\n" BLOCK_DELTA
    "4,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"x\\\":\"}}"
    "\n\n" BLOCK_DELTA
    "4,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"1}\"}}\n\n" BLOCK_STOP
    "4}\n\nevent: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":"
    "\"tool_use\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":4}}\n\n"
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

/* sent_back is the request with which the client goes on, as Anthropic gets it. */
static struct fh_slice sent_back(struct fh_arena *arena, struct fh_slice message)
{
    struct fh_slice parts[] = {
        FH_LIT(
            "{\"model\":\"m\",\"max_tokens\":64,\"messages\":[{\"role\":\"user\",\"content\":"
            "\"q\"},"),
        message,
        FH_LIT(",{\"role\":\"tool\",\"tool_call_id\":\"toolu_1\",\"content\":\"7\"}]}")};
    struct fh_buf out = fh_buf_in_arena(arena, STORY_TEXT_MAX);
    struct fh_loss *loss = fh_new(arena, struct fh_loss);

    assert_true(story_translate(&out, arena, &fh_dialect_openai_chat, &fh_dialect_anthropic,
                                fh_concat(arena, parts, FH_LEN(parts)), loss));
    assert_int_equal(loss->count, 0);
    return fh_buf_slice(&out);
}

static void assert_came_back(struct fh_slice body)
{
    static const struct fh_slice turn = FH_LIT_INIT(
        "{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"hm\","
        "\"signature\":\"c2ln\"},{\"type\":\"redacted_thinking\",\"data\":\"eHh4\"},"
        "{\"type\":\"thinking\",\"thinking\":\"so\",\"signature\":\"c2lh\"},"
        "{\"type\":\"text\",\"text\":\"Calling.\"},"
        "{\"type\":\"tool_use\",\"id\":\"toolu_1\",\"name\":\"f\",\"input\":{\"x\":1}}]}");

    tap_context("%.*s", FH_ARG(body));
    assert_true(fh_contains(body, turn));
}

static void test_a_whole_answer_comes_back_signed(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(STORY_ARENA_MAX);
    struct fh_buf out = fh_buf_in_arena(arena, STORY_TEXT_MAX);
    struct fh_buf message = fh_buf_in_arena(arena, STORY_TEXT_MAX);
    struct fh_loss *loss = fh_new(arena, struct fh_loss);
    yyjson_val *root = NULL;
    struct fh_error why;

    FH_UNUSED(state);
    story_reply(&out, arena, &fh_dialect_anthropic, &fh_dialect_openai_chat, fh_cstr(whole),
                loss);
    assert_int_equal(loss->count, 0);
    assert_int_equal(fh_json_parse(arena, fh_buf_slice(&out), &root, &why), FH_OK);
    yyjson_val *choice = yyjson_arr_get_first(fh_json_get(root, FH_LIT("choices")));

    fh_json_append_val(&message, arena, fh_json_get(choice, FH_LIT("message")));
    assert_came_back(sent_back(arena, fh_buf_slice(&message)));
}

static void test_a_stream_comes_back_signed(void **state)
{
    static gather_fn *const clients[] = {gather_as_node, gather_as_python};

    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(clients); i++) {
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(STORY_ARENA_MAX);
        struct fh_loss *loss = fh_new(arena, struct fh_loss);
        struct story_stream told =
            story_run(arena, &fh_dialect_anthropic, &fh_dialect_openai_chat, fh_cstr(stream),
                      SIZE_MAX, loss);

        assert_true(told.ended);
        assert_int_equal(loss->count, 0);
        assert_came_back(
            sent_back(arena, gathered(arena, fh_buf_slice(&told.wire), clients[i])));
    }
}

/* A signature of a call, and of a signer that nobody knows, there and back within the dialect. */
static void test_a_seal_hides_whose_it_is_and_nothing_else(void **state)
{
    static const struct {
        enum fh_signer signer;
        const char *format;
    } rows[] = {
        {FH_SIGNER_CLAUDE, "anthropic-claude-v1"},
        {FH_SIGNER_GEMINI, "google-gemini-v1"},
        {FH_SIGNER_OPENAI, "openai-responses-v1"},
        {FH_SIGNER_UNKNOWN, "unknown"},
    };

    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(rows); i++) {
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(STORY_ARENA_MAX);
        const struct fh_dialect *chat = &fh_dialect_openai_chat;
        const struct fh_event events[] = {
            {.kind = FH_EVENT_START, .dialect = FH_DIALECT_ANTHROPIC},
            {.kind = FH_EVENT_BLOCK_START,
             .dialect = FH_DIALECT_ANTHROPIC,
             .block = FH_BLOCK_THINKING},
            {.kind = FH_EVENT_SIGNATURE,
             .dialect = FH_DIALECT_ANTHROPIC,
             .block = FH_BLOCK_THINKING,
             .text = FH_LIT_INIT("c2ln"),
             .signer = rows[i].signer},
            {.kind = FH_EVENT_BLOCK_START,
             .dialect = FH_DIALECT_ANTHROPIC,
             .index = 1,
             .block = FH_BLOCK_TOOL_CALL,
             .id = FH_LIT_INIT("c"),
             .name = FH_LIT_INIT("f")},
            {.kind = FH_EVENT_SIGNATURE,
             .dialect = FH_DIALECT_ANTHROPIC,
             .index = 1,
             .block = FH_BLOCK_TOOL_CALL,
             .text = FH_LIT_INIT("Z29v"),
             .signer = rows[i].signer},
            {.kind = FH_EVENT_FINISH, .dialect = FH_DIALECT_ANTHROPIC},
        };
        struct fh_events told = {.arena = arena};
        struct fh_reply_frame frame = story_frame_of(chat);
        struct fh_buf out = fh_buf_in_arena(arena, STORY_TEXT_MAX);
        struct fh_loss *loss = fh_new(arena, struct fh_loss);
        struct fh_events again = {.arena = arena};
        struct fh_complaint why;

        for (size_t e = 0; e < FH_LEN(events); e++) {
            *fh_event_push(&told, events[e].kind) = events[e];
        }
        loss->arena = arena;
        chat->encode_reply(&out, arena, &frame, &told, loss);
        tap_context("%.*s", FH_ARG(fh_buf_slice(&out)));
        assert_true(fh_contains(fh_buf_slice(&out), fh_cstr(rows[i].format)));
        assert_int_equal(chat->decode_reply(&again, fh_buf_slice(&out), &why), FH_OK);
        size_t seen = 0;

        for (size_t e = 0; e < again.count; e++) {
            if (again.list[e].kind == FH_EVENT_SIGNATURE) {
                assert_int_equal(again.list[e].signer, rows[i].signer);
                assert_true(
                    fh_eq(again.list[e].text, seen == 0 ? FH_LIT("c2ln") : FH_LIT("Z29v")));
                seen++;
            }
        }
        assert_int_equal(seen, 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_whole_answer_comes_back_signed),
        cmocka_unit_test(test_a_stream_comes_back_signed),
        cmocka_unit_test(test_a_seal_hides_whose_it_is_and_nothing_else),
    };
    return cmocka_run_group_tests_name("openai_chat_thoughts", tests, NULL, NULL);
}
