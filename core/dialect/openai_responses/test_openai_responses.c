/* test_openai_responses.c: the vectors, every stream of them at every cut, and what no text
 * file can say.
 * SPDX-License-Identifier: Apache-2.0 */
#include "fields.h"

#include "dialect/openai_responses/openai_responses_answer.h"

enum { ARENA_MAX = 1 << 26, TEXT_MAX = 1 << 28 };

static const struct fh_dialect *const dialect = &fh_dialect_openai_responses;

/* A provider of another dialect, and a client of ours who hears it. */
struct speaker {
    struct fh_arena *arena;
    struct fh_loss *loss;
    struct fh_buf out;
    struct fh_reply_frame frame;
    void *encoder;
};

static struct speaker *new_speaker(struct fh_arena *arena)
{
    struct speaker *s = fh_new(arena, struct speaker);

    *s = (struct speaker){.arena = arena,
                          .loss = fh_new(arena, struct fh_loss),
                          .out = fh_buf_in_arena(arena, TEXT_MAX),
                          .frame = story_frame_of(dialect)};
    s->loss->arena = arena;
    s->encoder = dialect->stream_encoder_new(arena, &s->frame);
    return s;
}

static void say(struct speaker *s, const struct fh_event *event)
{
    FH_AUTO(fh_arena_free) struct fh_arena *scratch = fh_arena_new(ARENA_MAX);
    struct fh_event copy = *event;

    copy.dialect = FH_DIALECT_GEMINI;
    dialect->encode_stream(s->encoder, &s->out, scratch, &copy, s->loss);
}

static void say_block(struct speaker *s, uint32_t index, enum fh_block_kind kind,
                      enum fh_event_kind what, struct fh_slice text)
{
    say(s, &(struct fh_event){.kind = FH_EVENT_BLOCK_START,
                              .block = kind,
                              .index = index,
                              .id = FH_LIT("tool"),
                              .name = FH_LIT("f"),
                              .media_type = FH_LIT("image/webp")});
    say(s, &(struct fh_event){.kind = what, .block = kind, .index = index, .text = text});
}

static void stop_block(struct speaker *s, uint32_t index, enum fh_block_kind kind)
{
    say(s, &(struct fh_event){.kind = FH_EVENT_BLOCK_STOP, .block = kind, .index = index});
}

static void finish(struct speaker *s, enum fh_finish why)
{
    say(s, &(struct fh_event){.kind = FH_EVENT_FINISH, .finish = why});
    say(s, &(struct fh_event){.kind = FH_EVENT_END});
}

/* last_response gives the response at the end of what was heard. */
static yyjson_val *last_response(struct speaker *s)
{
    struct fh_frames *frames = fh_frames_new(s->arena, FH_FRAMING_SSE, TEXT_MAX);
    yyjson_val *root = NULL;
    struct fh_frame frame;
    struct fh_error why;

    fh_frames_feed(frames, fh_buf_slice(&s->out));
    while (fh_frames_next(frames, &frame) == FH_STEP_EVENT) {
        assert_int_equal(fh_json_parse(s->arena, frame.data, &root, &why), FH_OK);
    }
    fh_frames_fini(frames);
    return fh_json_get(root, FH_LIT("response"));
}

static struct fh_slice printed(struct fh_arena *arena, yyjson_val *val)
{
    struct fh_buf out = fh_buf_in_arena(arena, TEXT_MAX);

    fh_json_append_val(&out, arena, val);
    return fh_buf_slice(&out);
}

/* ---- there and back ---- */

/* turn makes the next request of a client that sends back what it got. */
static struct fh_slice next_request(struct fh_arena *arena, yyjson_val *response)
{
    struct fh_slice output = printed(arena, fh_json_get(response, FH_LIT("output")));
    struct fh_slice parts[] = {
        FH_LIT("{\"model\":\"m\",\"input\":[{\"role\":\"user\",\"content\":\"hi\"},"),
        fh_sub(output, 1, output.len - 2),
        FH_LIT(
            ",{\"type\":\"function_call_output\",\"call_id\":\"tool\",\"output\":\"ok\"}]}")};

    return fh_concat(arena, parts, FH_LEN(parts));
}

/* What Claude thought comes back to it to the byte, whole or streamed, shown or not. */
static void test_thinking_goes_there_and_back(void **state)
{
    static const char content[] =
        "[{\"type\":\"thinking\",\"thinking\":\"A \\\"b\\\"\\n\\nc \xc3\xa9\","
        "\"signature\":\"EpgBCkYIBBgC+/==\"},"
        "{\"type\":\"redacted_thinking\",\"data\":\"EmwKAhgB\"},"
        "{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"EsgBCk\"},"
        "{\"type\":\"text\",\"text\":\"So.\"},"
        "{\"type\":\"tool_use\",\"id\":\"tool\",\"name\":\"f\",\"input\":{\"a\":1}}]";
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    struct fh_loss *loss = fh_new(arena, struct fh_loss);
    struct fh_buf reply = fh_buf_in_arena(arena, TEXT_MAX);
    struct fh_buf request = fh_buf_in_arena(arena, TEXT_MAX);
    struct fh_slice answer[] = {
        FH_LIT(
            "{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"c\","
            "\"stop_reason\":\"tool_use\",\"usage\":{\"input_tokens\":1,\"output_tokens\":1},"
            "\"content\":"),
        fh_cstr(content), FH_LIT("}")};
    yyjson_val *root = NULL;
    struct fh_error why;

    FH_UNUSED(state);
    story_reply(&reply, arena, &fh_dialect_anthropic, dialect,
                fh_concat(arena, answer, FH_LEN(answer)), loss);
    assert_int_equal(fh_json_parse(arena, fh_buf_slice(&reply), &root, &why), FH_OK);
    assert_true(story_translate(&request, arena, dialect, &fh_dialect_anthropic,
                                next_request(arena, root), loss));
    assert_int_equal(loss->count, 0);
    assert_true(fh_contains(fh_buf_slice(&request), fh_cstr(content)));
}

/* The signature of a call is in an item of its own, and is found again wherever clients put it. */
static void test_signatures_of_calls_go_there_and_back(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    struct speaker *s = new_speaker(arena);

    FH_UNUSED(state);
    say(s, &(struct fh_event){.kind = FH_EVENT_START, .id = FH_LIT("g")});
    say_block(s, 0, FH_BLOCK_TOOL_CALL, FH_EVENT_ARGUMENTS, FH_LIT("{}"));
    say(s, &(struct fh_event){.kind = FH_EVENT_SIGNATURE,
                              .block = FH_BLOCK_TOOL_CALL,
                              .text = FH_LIT("c2ln"),
                              .signer = FH_SIGNER_GEMINI});
    stop_block(s, 0, FH_BLOCK_TOOL_CALL);
    finish(s, FH_FINISH_TOOLS);
    yyjson_val *output = fh_json_get(last_response(s), FH_LIT("output"));

    assert_int_equal(yyjson_arr_size(output), 2);
    for (size_t first = 0; first < 2; first++) {
        struct fh_chat_request *req = fh_new(arena, struct fh_chat_request);
        struct fh_complaint why = {0};
        struct fh_slice body[] = {FH_LIT("{\"model\":\"m\",\"input\":["),
                                  printed(arena, yyjson_arr_get(output, first)), FH_LIT(","),
                                  printed(arena, yyjson_arr_get(output, 1 - first)),
                                  FH_LIT("]}")};

        tap_context("item %zu first", first);
        assert_int_equal(dialect->decode_request(req, arena,
                                                 fh_concat(arena, body, FH_LEN(body)), &why),
                         FH_OK);
        const struct fh_block *block = req->first_message->content.first;

        assert_int_equal(block->kind, FH_BLOCK_TOOL_CALL);
        assert_null(block->next);
        assert_text(block->signature, "c2ln");
        assert_int_equal(block->signer, FH_SIGNER_GEMINI);
    }
}

/* A seal is no secret: whoever makes one with bytes in it that are no text gets it back as it
 * is. */
static void test_a_seal_of_no_text_is_none(void **state)
{
    static const char body[] =
        "{\"model\":\"m\",\"input\":[{\"type\":\"reasoning\",\"summary\":[],"
        "\"encrypted_content\":\"ZmgxOmNsYXVkZTr/\"}]}";
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    struct fh_chat_request *req = fh_new(arena, struct fh_chat_request);
    struct fh_complaint why = {0};

    FH_UNUSED(state);
    assert_int_equal(dialect->decode_request(req, arena, fh_cstr(body), &why), FH_OK);
    assert_text(req->first_message->content.first->data, "ZmgxOmNsYXVkZTr/");
    assert_int_equal(req->first_message->content.first->signer, FH_SIGNER_OPENAI);
}

/* ---- answers ---- */

/* What was asked is said again, in every event that has a response. */
static void test_answers_repeat_what_was_asked(void **state)
{
    static const char body[] =
        "{\"model\":\"m\",\"input\":\"hi\",\"instructions\":\"Be kind\",\"temperature\":0.20,"
        "\"tools\":[{\"type\":\"function\",\"name\":\"f\",\"x\":1}],\"tool_choice\":"
        "\"required\","
        "\"metadata\":{\"a\":\"b\"},\"top_p\":null,\"store\":true,"
        "\"previous_response_id\":null}";
    static const struct {
        const char *name, *json;
    } rows[] = {
        {"instructions", "\"Be kind\""},
        {"temperature", "0.20"},
        {"tools", "[{\"type\":\"function\",\"name\":\"f\",\"x\":1}]"},
        {"tool_choice", "\"required\""},
        {"metadata", "{\"a\":\"b\"}"},
        {"top_p", "1.0"},
        {"store", "false"}, /* nothing is */
        {"truncation", "\"disabled\""},
    };
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    struct speaker *s = new_speaker(arena);
    struct fh_chat_request *req = fh_new(arena, struct fh_chat_request);
    struct fh_complaint why = {0};

    FH_UNUSED(state);
    assert_true(dialect->repeats_request);
    assert_int_equal(dialect->decode_request(req, arena, fh_cstr(body), &why), FH_OK);
    s->frame.request = req;
    say(s, &(struct fh_event){.kind = FH_EVENT_START});
    finish(s, FH_FINISH_STOP);
    yyjson_val *response = last_response(s);

    for (size_t i = 0; i < FH_LEN(rows); i++) {
        tap_context("%s", rows[i].name);
        assert_text(printed(arena, fh_json_get(response, fh_cstr(rows[i].name))), rows[i].json);
    }
}

static void test_images_are_items(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    struct speaker *s = new_speaker(arena);

    FH_UNUSED(state);
    say_block(s, 0, FH_BLOCK_IMAGE, FH_EVENT_DATA, FH_LIT("iVBO"));
    stop_block(s, 0, FH_BLOCK_IMAGE);
    finish(s, FH_FINISH_STOP);
    assert_text(printed(arena, fh_json_get(last_response(s), FH_LIT("output"))),
                "[{\"id\":\"ig_req_1_0\",\"type\":\"image_generation_call\","
                "\"status\":\"completed\",\"output_format\":\"webp\",\"result\":\"iVBO\"}]");
}

/* OpenAI takes ids of 64 of its own characters back, and looks at how they begin. */
static void test_ids_are_such_as_openai_takes(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    struct speaker *s = new_speaker(arena);
    char id[256];

    FH_UNUSED(state);
    (void)memset(id, '/', sizeof(id));
    say(s, &(struct fh_event){.kind = FH_EVENT_START, .id = fh_slice(id, sizeof(id))});
    for (uint32_t i = 0; i < 12; i++) {
        say_block(s, i, FH_BLOCK_TOOL_CALL, FH_EVENT_ARGUMENTS, FH_NONE);
        stop_block(s, i, FH_BLOCK_TOOL_CALL);
    }
    finish(s, FH_FINISH_TOOLS);
    yyjson_val *output = fh_json_get(last_response(s), FH_LIT("output"));
    struct fh_slice first = fh_json_text(fh_json_get(yyjson_arr_get(output, 1), FH_LIT("id")));
    struct fh_slice last = fh_json_text(fh_json_get(yyjson_arr_get(output, 11), FH_LIT("id")));

    assert_true(last.len <= 64 && fh_starts(last, FH_LIT("fc_____")));
    assert_false(fh_eq(first, last));
}

/* ---- what a stream must not do ---- */

/* All of an answer is said again at its end. Up to the bound it is; beyond, the stream fails. */
static void test_what_is_held_is_bounded(void **state)
{
    static uint8_t page[1 << 20];

    FH_UNUSED(state);
    memset(page, 'x', sizeof(page));
    for (size_t more = 0; more < 2; more++) {
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
        struct speaker *s = new_speaker(arena);

        say_block(s, 0, FH_BLOCK_TEXT, FH_EVENT_TEXT, FH_LIT("x"));
        for (size_t held = 1; held < FH_RESPONSES_HELD_MAX + more;) {
            size_t n = fh_min(sizeof(page), FH_RESPONSES_HELD_MAX + more - held);

            fh_buf_clear(&s->out);
            say(s, &(struct fh_event){.kind = FH_EVENT_TEXT, .text = fh_slice(page, n)});
            held += n;
        }
        stop_block(s, 0, FH_BLOCK_TEXT);
        finish(s, FH_FINISH_STOP);
        assert_int_equal(fh_contains(fh_buf_slice(&s->out), FH_LIT("response.completed")),
                         more == 0);
        assert_int_equal(fh_contains(fh_buf_slice(&s->out), FH_LIT("\"error\":{\"message\"")),
                         more == 1);
    }
}

static void test_items_are_bounded(void **state)
{
    FH_UNUSED(state);
    for (uint32_t more = 0; more < 2; more++) {
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
        struct speaker *s = new_speaker(arena);

        for (uint32_t i = 0; i < FH_RESPONSES_ITEMS_MAX + more; i++) {
            say_block(s, i, FH_BLOCK_THINKING, FH_EVENT_THINKING, FH_LIT("x"));
            stop_block(s, i, FH_BLOCK_THINKING);
        }
        fh_buf_clear(&s->out);
        finish(s, FH_FINISH_STOP);
        assert_int_equal(fh_contains(fh_buf_slice(&s->out), FH_LIT("response.completed")),
                         more == 0);
    }
}

/* A provider may not number its items as it likes. */
static void test_indices_are_bounded(void **state)
{
    static const struct {
        const char *index;
        bool good;
    } rows[] = {
        {"4095", true}, {"4096", false}, {"18446744073709551615", false}, {"-1", false}};

    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(rows); i++) {
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
        struct fh_buf wire = fh_buf_in_arena(arena, TEXT_MAX);
        struct fh_loss *loss = fh_new(arena, struct fh_loss);

        fh_buf_printf(&wire,
                      "data: {\"type\":\"response.created\",\"response\":{}}\n\n"
                      "data: {\"type\":\"response.output_item.added\",\"output_index\":%s,"
                      "\"item\":{\"type\":\"message\"}}\n\n",
                      rows[i].index);
        struct story_stream t =
            story_run(arena, dialect, dialect, fh_buf_slice(&wire), SIZE_MAX, loss);

        tap_context("%s", rows[i].index);
        assert_int_equal(t.failed, !rows[i].good);
    }
}

static void test_nothing_follows_an_error(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    struct speaker *s = new_speaker(arena);
    const struct fh_fault fault = {.kind = FH_REFUSE_OVERLOADED, .message = FH_LIT("Busy")};

    FH_UNUSED(state);
    say_block(s, 0, FH_BLOCK_TEXT, FH_EVENT_TEXT, FH_LIT("x"));
    fh_buf_clear(&s->out);
    say(s, &(struct fh_event){.kind = FH_EVENT_ERROR, .fault = fault});
    stop_block(s, 0, FH_BLOCK_TEXT);
    finish(s, FH_FINISH_STOP);
    assert_text(fh_buf_slice(&s->out),
                "event: error\n"
                "data: {\"type\":\"error\",\"sequence_number\":5,\"code\":\"overloaded\","
                "\"message\":\"Busy\",\"param\":null,\"error\":{\"message\":\"Busy\","
                "\"type\":\"server_error\",\"param\":null,\"code\":\"overloaded\"}}\n\n");
    fh_buf_clear(&s->out);
    dialect->encode_fault(&s->out, arena, FH_LIT("req_1"), &fault, FH_FRAMING_SSE);
    assert_true(fh_contains(fh_buf_slice(&s->out), FH_LIT("\"sequence_number\":0")));
}

static void test_a_stream_without_its_end_does_not_look_ended(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    struct speaker *s = new_speaker(arena);

    FH_UNUSED(state);
    say(s, &(struct fh_event){.kind = FH_EVENT_START});
    say(s, &(struct fh_event){.kind = FH_EVENT_END}); /* and no reason */
    assert_true(fh_contains(fh_buf_slice(&s->out), FH_LIT("event: error")));
    assert_false(fh_contains(fh_buf_slice(&s->out), FH_LIT("response.completed")));
}

/* A client may ask for an answer later; who translates cannot wait for it. */
static void test_an_answer_that_is_not_there_yet(void **state)
{
    static const char body[] =
        "{\"id\":\"resp_1\",\"object\":\"response\",\"status\":\"queued\","
        "\"error\":null,\"output\":[],\"usage\":null}";
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    struct fh_events events = {.arena = arena, .dialect = dialect->id};
    struct fh_complaint why = {0};
    struct fh_watch watch = {0};

    FH_UNUSED(state);
    dialect->scan_reply(&watch, arena, fh_cstr(body));
    assert_true(watch.ended && !watch.failed && watch.finish == FH_FINISH_UNKNOWN);
    assert_int_equal(dialect->decode_reply(&events, fh_cstr(body), &why), FH_OK);
    assert_int_equal(events.count, 1);
    assert_int_equal(events.list[0].kind, FH_EVENT_ERROR);
}

/* ---- the small ones ---- */

static void test_counts_have_the_members_that_count(void **state)
{
    static const char chat[] = "{\"model\":\"m\",\"stream\":false,\"store\":false,"
                               "\"input\":[{\"a\":\"}\"}],\"max_output_tokens\":5,"
                               "\"tools\":[],\"instructions\":\"x\"}";
    static const char twice[] = "{\"model\":\"m\",\"model\":\"n\"}";
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    struct fh_buf out = fh_buf_in_arena(arena, TEXT_MAX);
    uint64_t tokens = 0;

    FH_UNUSED(state);
    dialect->wrap_count(&out, arena, fh_cstr(chat));
    assert_text(fh_buf_slice(&out), "{\"model\":\"m\",\"input\":[{\"a\":\"}\"}],\"tools\":[],"
                                    "\"instructions\":\"x\"}");
    fh_buf_clear(&out);
    dialect->wrap_count(&out, arena, fh_cstr(twice));
    assert_text(fh_buf_slice(&out), twice);
    fh_buf_clear(&out);
    dialect->encode_count(&out, 12);
    assert_text(fh_buf_slice(&out),
                "{\"object\":\"response.input_tokens\",\"input_tokens\":12}");
    assert_true(dialect->decode_count(fh_buf_slice(&out), arena, &tokens));
    assert_int_equal(tokens, 12);
    assert_false(dialect->decode_count(FH_LIT("{\"input_tokens\":\"12\"}"), arena, &tokens));
    assert_false(dialect->decode_count(FH_LIT("12"), arena, &tokens));
}

static void test_pings_are_comments(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    struct speaker *s = new_speaker(arena);

    FH_UNUSED(state);
    say(s, &(struct fh_event){.kind = FH_EVENT_PING});
    assert_text(fh_buf_slice(&s->out), ": ping\n\n");
}

/* A body of very many parts stops at the arena's cap, whatever its parts are. */
static void test_the_arena_bounds_a_request(void **state)
{
    static const struct {
        struct fh_slice head, part, tail;
    } rows[] = {
        {FH_LIT_INIT("{\"model\":\"m\",\"input\":\"\""), FH_LIT_INIT(",\"x\":1"),
         FH_LIT_INIT("}")},
        {FH_LIT_INIT("{\"model\":\"m\",\"input\":[{\"role\":\"user\",\"content\":\"\"}"),
         FH_LIT_INIT(",{\"role\":\"user\",\"content\":[]}"), FH_LIT_INIT("]}")},
        {FH_LIT_INIT("{\"model\":\"m\",\"input\":[{\"type\":\"x_call\"}"),
         FH_LIT_INIT(",{\"type\":\"x_call\"}"), FH_LIT_INIT("]}")},
        {FH_LIT_INIT("{\"model\":\"m\",\"input\":\"\",\"include\":[\"x\""),
         FH_LIT_INIT(",\"x\""), FH_LIT_INIT("]}")},
        {FH_LIT_INIT("{\"model\":\"m\",\"input\":[{\"type\":\"reasoning\",\"summary\":[{}"),
         FH_LIT_INIT(",{\"text\":\"x\"}"), FH_LIT_INIT("]}]}")},
    };

    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(rows); i++) {
        FH_AUTO(fh_arena_free) struct fh_arena *text = fh_arena_new(ARENA_MAX);
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 20);
        struct fh_buf body = fh_buf_in_arena(text, TEXT_MAX);
        struct fh_chat_request req;
        struct fh_complaint why = {0};

        tap_context("row %zu", i);
        fh_buf_append(&body, rows[i].head);
        for (size_t n = 0; n < 60000; n++) {
            fh_buf_append(&body, rows[i].part);
        }
        fh_buf_append(&body, rows[i].tail);
        assert_int_equal(dialect->decode_request(&req, arena, fh_buf_slice(&body), &why),
                         FH_E_LIMIT);
        assert_int_equal(why.kind, FH_REFUSE_TOO_LARGE);
        assert_true(fh_arena_used(arena) < 2 << 20);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY_TESTS,
        cmocka_unit_test(test_fields_are_said),
        cmocka_unit_test(test_thinking_goes_there_and_back),
        cmocka_unit_test(test_signatures_of_calls_go_there_and_back),
        cmocka_unit_test(test_a_seal_of_no_text_is_none),
        cmocka_unit_test(test_answers_repeat_what_was_asked),
        cmocka_unit_test(test_images_are_items),
        cmocka_unit_test(test_ids_are_such_as_openai_takes),
        cmocka_unit_test(test_what_is_held_is_bounded),
        cmocka_unit_test(test_items_are_bounded),
        cmocka_unit_test(test_indices_are_bounded),
        cmocka_unit_test(test_nothing_follows_an_error),
        cmocka_unit_test(test_a_stream_without_its_end_does_not_look_ended),
        cmocka_unit_test(test_an_answer_that_is_not_there_yet),
        cmocka_unit_test(test_counts_have_the_members_that_count),
        cmocka_unit_test(test_pings_are_comments),
        cmocka_unit_test(test_the_arena_bounds_a_request),
    };

    story_dialect = dialect;
    story_folder = "core/dialect/openai_responses/vectors";
    return cmocka_run_group_tests_name("openai_responses", tests, NULL, NULL);
}
