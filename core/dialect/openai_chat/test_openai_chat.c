/* test_openai_chat.c: the dialect against its vectors, at every cut, and at its limits.
 * SPDX-License-Identifier: Apache-2.0 */
#include "fields.h"

enum {
    ARENA_MAX = 1 << 24,
    TRACE_MAX = 1 << 20,
};

static const struct fh_dialect *const chat = &fh_dialect_openai_chat;

static const struct fh_reply_frame frame = {
    .request_id = FH_LIT_INIT("req_7"),
    .model = FH_LIT_INIT("fallback"),
    .created_s = 1700000000,
    .include_usage = true,
    .framing = FH_FRAMING_SSE,
};

/* ---- requests that are wrong ---- */

static void test_wrong_requests_are_told_what_would_be_right(void **state)
{
    static const struct {
        const char *body;
        enum fh_rc rc;
        const char *sentence;
    } rows[] = {
        {"", FH_E_SYNTAX, "the body must be JSON: input length is 0 at byte 0"},
        {"{\"model\":", FH_E_SYNTAX, "the body must be JSON: unexpected end of data at byte 9"},
        {"[]", FH_E_TYPE, "the body must be an object, not a list"},
        {"{\"messages\":[]}", FH_E_MISSING, "/model is required and is not there"},
        {"{\"model\":7,\"messages\":[]}", FH_E_TYPE, "/model must be a string, not a number"},
        {"{\"model\":\"m\"}", FH_E_MISSING, "/messages is required and is not there"},
        {"{\"model\":\"m\",\"messages\":{}}", FH_E_TYPE,
         "/messages must be a list, not an object"},
        {"{\"model\":\"m\",\"messages\":[7]}", FH_E_TYPE,
         "/messages/0 must be an object with role and content, not a number"},
        {"{\"model\":\"m\",\"messages\":[{\"content\":\"x\"}]}", FH_E_MISSING,
         "/messages/0 must have a role"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"wizard\"}]}", FH_E_TYPE,
         "/messages/0/role must be one of developer, system, user, assistant and tool, not a "
         "string"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":7}]}", FH_E_TYPE,
         "/messages/0/content must be a string, a list of parts or null, not a number"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[\"x\"]}]}", FH_E_TYPE,
         "/messages/0/content/0 must be an object with a type, not a string"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_"
         "url\","
         "\"image_url\":{\"detail\":\"low\"}}]}]}",
         FH_E_MISSING, "/messages/0/content/0/image_url/url is required and is not there"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"tool\",\"content\":\"x\"}]}", FH_E_MISSING,
         "/messages/0 must have a tool_call_id, the id of the call that it answers"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"c\","
         "\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":{}}}]}]}",
         FH_E_TYPE,
         "/messages/0/tool_calls/0/function/arguments must be a string, not an object"},
        {"{\"model\":\"m\",\"messages\":[],\"temperature\":\"hot\"}", FH_E_TYPE,
         "/temperature must be a number, not a string"},
        {"{\"model\":\"m\",\"messages\":[],\"stream\":\"yes\"}", FH_E_TYPE,
         "/stream must be true or false, not a string"},
        {"{\"model\":\"m\",\"messages\":[],\"stop\":[\"a\",1]}", FH_E_TYPE,
         "/stop/1 must be a string, not a number"},
        {"{\"model\":\"m\",\"messages\":[],\"tools\":[{\"type\":\"function\"}]}", FH_E_MISSING,
         "/tools/0/function is required and is not there"},
        {"{\"model\":\"m\",\"messages\":[],\"tools\":[{\"type\":\"function\",\"function\":"
         "{\"name\":\"f\",\"parameters\":[]}}]}",
         FH_E_TYPE, "/tools/0/function/parameters must be an object, not a list"},
        {"{\"model\":\"m\",\"messages\":[],\"tool_choice\":1}", FH_E_TYPE,
         "/tool_choice must be \"auto\", \"none\", \"required\" or an object, not a number"},
        {"{\"model\":\"m\",\"messages\":[],\"response_format\":{}}", FH_E_MISSING,
         "/response_format must have a type: text, json_object or json_schema"},
    };

    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(rows); i++) {
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
        struct fh_complaint why = {0};
        struct fh_chat_request req;

        tap_context("%s", rows[i].body);
        enum fh_rc rc = chat->decode_request(&req, arena, fh_cstr(rows[i].body), &why);

        assert_text(why.message, rows[i].sentence);
        assert_int_equal(rc, rows[i].rc);
        assert_int_equal(why.kind, FH_REFUSE_BAD_REQUEST);
    }
}

static void test_a_body_too_large_is_refused(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(64);
    struct fh_complaint why = {0};
    struct fh_chat_request req;
    enum fh_rc rc = chat->decode_request(
        &req, arena, FH_LIT("{\"model\":\"m\",\"messages\":[\"01234567890123456789\"]}"), &why);

    FH_UNUSED(state);
    assert_int_equal(rc, FH_E_LIMIT);
    assert_int_equal(why.kind, FH_REFUSE_TOO_LARGE);
}

/* ---- servers that do not take what is documented ---- */

static void test_servers_get_what_they_take(void **state)
{
    static const struct {
        uint32_t quirks;
        const char *has, *lacks; /* of the body, NULL: nothing to look for */
        uint32_t losses;
    } rows[] = {
        {0, "\"max_completion_tokens\":5", "\"max_tokens\"", 1},
        {FH_QUIRK_OLD_MAX_TOKENS, "\"max_tokens\":5", "max_completion_tokens", 1},
        {0, "\"role\":\"developer\"", NULL, 1},
        {FH_QUIRK_NO_DEVELOPER, "\"role\":\"system\"", "developer", 1},
        {0, "\"type\":\"json_schema\"", NULL, 1},
        {FH_QUIRK_NO_JSON_SCHEMA, "\"response_format\":{\"type\":\"json_object\"}",
         "json_schema", 2},
        {0, "\"stream_options\":{\"include_usage\":true}", NULL, 1},
        {FH_QUIRK_NO_STREAM_OPTIONS, "\"stream\":true", "stream_options", 1},
        {0, NULL, "reasoning_details", 1},
        {FH_QUIRK_REASONING_DETAILS,
         "\"reasoning_details\":[{\"type\":\"reasoning.text\",\"text\":\"hm\",\"signature\":"
         "\"c2ln\",\"format\":\"anthropic-claude-v1\",\"index\":0}]",
         NULL, 0},
    };
    /* the thinking is reported where it is not taken back */
    static const char body[] =
        "{\"model\":\"m\",\"max_tokens\":5,\"stream\":true,\"messages\":[{\"role\":\"user\","
        "\"content\":\"q\"},{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\","
        "\"thinking\":\"hm\",\"signature\":\"c2ln\"},{\"type\":\"text\",\"text\":\"x\"}]},"
        "{\"role\":\"user\",\"content\":\"q\"}],\"output_config\":{\"format\":{\"type\":"
        "\"json_schema\",\"schema\":{\"type\":\"object\"}}}}";

    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(rows); i++) {
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
        struct fh_buf out = fh_buf_in_arena(arena, TRACE_MAX);
        struct fh_loss *loss = fh_new(arena, struct fh_loss);
        struct fh_settling s = story_settling(&fh_dialect_anthropic, chat, arena, loss);
        struct fh_complaint why;
        struct fh_chat_request req;

        loss->arena = arena;
        assert_int_equal(fh_dialect_anthropic.decode_request(&req, arena, fh_cstr(body), &why),
                         FH_OK);
        req.first_message->role = FH_ROLE_DEVELOPER;
        req.envelope.quirks = rows[i].quirks;
        assert_int_equal(fh_settle(&s, &req, &why), FH_OK);
        assert_int_equal(chat->encode_request(&out, arena, &req, loss, &why), FH_OK);
        tap_context("%.*s", FH_ARG(fh_buf_slice(&out)));
        assert_true(rows[i].has == NULL ||
                    fh_contains(fh_buf_slice(&out), fh_cstr(rows[i].has)));
        assert_false(rows[i].lacks != NULL &&
                     fh_contains(fh_buf_slice(&out), fh_cstr(rows[i].lacks)));
        assert_int_equal(loss->count, rows[i].losses);
    }
}

/* ---- limits of what a provider may send ---- */

static void test_indices_have_an_end(void **state)
{
    static const struct {
        const char *choice; /* one element of `choices` */
        enum fh_rc rc;
    } rows[] = {
        {"{\"index\":127,\"delta\":{}}", FH_OK},
        {"{\"index\":128,\"delta\":{}}", FH_E_LIMIT},
        {"{\"index\":1000000000,\"delta\":{}}", FH_E_LIMIT},
        {"{\"index\":-1,\"delta\":{}}", FH_E_TYPE},
        {"{\"index\":\"0\",\"delta\":{}}", FH_E_TYPE},
        {"{\"index\":0,\"delta\":7}", FH_E_TYPE},
        {"{\"delta\":{\"tool_calls\":[{\"index\":4096,\"function\":{\"name\":\"f\"}}]}}",
         FH_OK},
        {"{\"delta\":{\"tool_calls\":[{\"index\":4097,\"function\":{\"name\":\"f\"}}]}}",
         FH_E_LIMIT},
        {"{\"delta\":{\"tool_calls\":[{\"index\":1000000000,\"function\":{}}]}}", FH_E_LIMIT},
        {"{\"delta\":{\"tool_calls\":[{\"index\":-1,\"function\":{}}]}}", FH_E_LIMIT},
        {"{\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{}\"}}]}}",
         FH_E_MISSING},
        {"{\"delta\":{\"tool_calls\":[7]}}", FH_E_TYPE},
        {"{\"delta\":{\"tool_calls\":{}}}", FH_E_TYPE},
        {"{\"delta\":{\"content\":7}}", FH_E_TYPE},
        {"7", FH_E_TYPE},
    };

    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(rows); i++) {
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
        struct fh_buf data = fh_buf_in_arena(arena, 4096);
        struct fh_events events = {.arena = arena};
        struct fh_complaint why = {0};

        tap_context("%s", rows[i].choice);
        fh_buf_printf(&data, "{\"id\":\"x\",\"choices\":[%s]}", rows[i].choice);
        struct fh_frame wire = {.data = fh_buf_slice(&data)};
        size_t before = fh_arena_used(arena);
        enum fh_rc rc =
            chat->decode_stream(chat->stream_decoder_new(arena), &events, &wire, &why);

        assert_int_equal(rc, rows[i].rc);
        assert_true(fh_arena_used(arena) - before < 65536);
        assert_int_equal(why.message.len > 0, rc != FH_OK);
    }
}

static void test_calls_have_an_end(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    void *decoder = chat->stream_decoder_new(arena);
    struct fh_complaint why = {0};

    FH_UNUSED(state);
    for (unsigned i = 0; i <= 128; i++) {
        struct fh_buf data = fh_buf_in_arena(arena, 4096);
        struct fh_events events = {.arena = arena};

        fh_buf_printf(&data,
                      "{\"id\":\"x\",\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":%u,"
                      "\"id\":\"c\",\"function\":{\"name\":\"f\"}}]}}]}",
                      i);
        struct fh_frame wire = {.data = fh_buf_slice(&data)};

        assert_int_equal(chat->decode_stream(decoder, &events, &wire, &why),
                         i < 128 ? FH_OK : FH_E_LIMIT);
    }
}

/* ---- usage ---- */

static void test_usage_is_parted_into_classes(void **state)
{
    static const struct {
        const char *wire, *classes, *back;
    } rows[] = {
        {"{\"prompt_tokens\":10,\"completion_tokens\":3,\"total_tokens\":13}",
         " input=10 output=3",
         "{\"prompt_tokens\":10,\"completion_tokens\":3,\"total_tokens\":13}"},
        {"{\"prompt_tokens\":10,\"completion_tokens\":3,\"total_tokens\":13,"
         "\"prompt_tokens_details\":{\"cached_tokens\":4,\"cache_write_tokens\":5}}",
         " input=1 read=4 write5m=5 output=3",
         "{\"prompt_tokens\":10,\"completion_tokens\":3,\"total_tokens\":13,"
         "\"prompt_tokens_details\":{\"cached_tokens\":4,\"cache_write_tokens\":5}}"},
        {"{\"prompt_tokens\":10,\"completion_tokens\":3,\"total_tokens\":13,"
         "\"completion_tokens_details\":{\"reasoning_tokens\":2,\"audio_tokens\":0}}",
         " input=10 output=3 reasoning=2 audio_out=0",
         "{\"prompt_tokens\":10,\"completion_tokens\":3,\"total_tokens\":13,"
         "\"completion_tokens_details\":{\"reasoning_tokens\":2,\"audio_tokens\":0}}"},
        /* more cached than read: clamped, and written back as it was */
        {"{\"prompt_tokens\":3,\"completion_tokens\":1,\"total_tokens\":4,"
         "\"prompt_tokens_details\":{\"cached_tokens\":5}}",
         " input=0 read=5 output=1",
         "{\"prompt_tokens\":3,\"completion_tokens\":1,\"total_tokens\":4,"
         "\"prompt_tokens_details\":{\"cached_tokens\":5}}"},
        /* DeepSeek, Moonshot */
        {"{\"prompt_tokens\":9,\"completion_tokens\":1,\"total_tokens\":10,"
         "\"prompt_cache_hit_tokens\":8}",
         " input=1 read=8 output=1",
         "{\"prompt_tokens\":9,\"completion_tokens\":1,\"total_tokens\":10,"
         "\"prompt_tokens_details\":{\"cached_tokens\":8},\"prompt_cache_hit_tokens\":8}"},
        /* a total that is no sum, counts that are none */
        {"{\"prompt_tokens\":1,\"completion_tokens\":\"x\",\"total_tokens\":99}", " input=1",
         "{\"prompt_tokens\":1,\"completion_tokens\":\"x\",\"total_tokens\":99}"},
        {"{\"prompt_tokens\":18446744073709551615,\"completion_tokens\":1,\"total_tokens\":2}",
         " input=18446744073709551615 output=1",
         "{\"prompt_tokens\":18446744073709551615,\"completion_tokens\":1,\"total_tokens\":2}"},
    };

    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(rows); i++) {
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
        struct fh_buf body = fh_buf_in_arena(arena, 4096);
        struct fh_buf got = body;
        struct fh_buf back = body;
        struct fh_events events = {.arena = arena};
        struct fh_loss loss = {.arena = arena};
        struct fh_complaint why;
        struct fh_watch watch = {0};

        tap_context("%s", rows[i].wire);
        fh_buf_printf(&body, "{\"choices\":[],\"usage\":%s}", rows[i].wire);
        assert_int_equal(chat->decode_reply(&events, fh_buf_slice(&body), &why), FH_OK);
        assert_int_equal(events.list[1].kind, FH_EVENT_USAGE);
        trace_usage(&got, &events.list[1].usage);
        assert_text(fh_buf_slice(&got), rows[i].classes);
        chat->scan_reply(&watch, arena, fh_buf_slice(&body));
        assert_memory_equal(&watch.usage, &events.list[1].usage, sizeof(watch.usage));
        chat->encode_reply(&back, arena, &frame, &events, &loss);
        assert_true(fh_contains(fh_buf_slice(&back), fh_cstr(rows[i].back)));
    }
}

/* ---- the scan ---- */

static void test_the_scan_is_not_fooled_by_text(void **state)
{
    static const struct {
        const char *data;
        bool usage, usage_only, failed, ended;
        enum fh_finish finish;
    } rows[] = {
        {"{\"choices\":[{\"delta\":{\"content\":\"\\\"usage\\\":{\\\"prompt_tokens\\\":9}\"},"
         "\"finish_reason\":null}],\"usage\":null}",
         false, false, false, false, FH_FINISH_UNKNOWN},
        {"{\"choices\":[{\"delta\":{\"content\":\"usage\"},\"finish_reason\":null}],"
         "\"usage\":{\"prompt_tokens\":1}}",
         true, false, false, false, FH_FINISH_UNKNOWN},
        {"{\"choices\":[{\"delta\":{\"tool_calls\":[{\"usage\":{\"prompt_tokens\":9}}]}}]}",
         false, false, false, false, FH_FINISH_UNKNOWN},
        {"{\"choices\":[],\"usage\" : {\"prompt_tokens\":1}}", true, true, false, false,
         FH_FINISH_UNKNOWN},
        {"{\"choices\":[{\"delta\":{},\"finish_reason\": \"length\"}]}", false, false, false,
         false, FH_FINISH_LENGTH},
        {"{\"choices\":[{\"delta\":{\"content\":\"error\"}}]}", false, false, false, false,
         FH_FINISH_UNKNOWN},
        {"{\"error\":{\"message\":\"m\",\"code\":429}}", false, false, true, false,
         FH_FINISH_UNKNOWN},
        {"{\"object\":\"error\",\"message\":\"m\"}", false, false, true, false,
         FH_FINISH_UNKNOWN},
        {"{\"error\":null,\"choices\":[]}", false, false, false, false, FH_FINISH_UNKNOWN},
        {"[DONE]", false, false, false, true, FH_FINISH_UNKNOWN},
        {"{\"usage\":", false, false, false, false, FH_FINISH_UNKNOWN},
        {"", false, false, false, false, FH_FINISH_UNKNOWN},
    };

    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(rows); i++) {
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
        struct fh_watch watch = {.usage_only = true}; /* of an event before */
        struct fh_frame wire = {.data = fh_cstr(rows[i].data)};

        tap_context("%s", rows[i].data);
        chat->scan_stream(&watch, arena, &wire);
        assert_int_equal(watch.usage.seen != 0, rows[i].usage);
        assert_int_equal(watch.usage_only, rows[i].usage_only);
        assert_int_equal(watch.failed, rows[i].failed);
        assert_int_equal(watch.ended, rows[i].ended);
        assert_int_equal(watch.finish, rows[i].finish);
    }
}

/* ---- streams for a client, from another dialect's events ---- */

static struct fh_slice encoded(struct fh_arena *arena, const struct fh_event *events,
                               size_t count, bool include_usage, struct fh_loss *loss)
{
    FH_AUTO(fh_arena_free) struct fh_arena *scratch = fh_arena_new(ARENA_MAX);
    struct fh_buf out = fh_buf_in_arena(arena, TRACE_MAX);
    struct fh_reply_frame asked = frame;

    asked.include_usage = include_usage;
    void *encoder = chat->stream_encoder_new(arena, &asked);

    for (size_t i = 0; i < count; i++) {
        fh_arena_reset(scratch);
        chat->encode_stream(encoder, &out, scratch, &events[i], loss);
    }
    assert_false(out.failed);
    return fh_buf_slice(&out);
}

static const struct fh_event thinking_and_tools[] = {
    {.kind = FH_EVENT_START, .id = FH_LIT_INIT("msg_1"), .model = FH_LIT_INIT("claude")},
    {.kind = FH_EVENT_USAGE, .usage = {.count = {[FH_TOKENS_INPUT] = 5}, .seen = 1}},
    {.kind = FH_EVENT_BLOCK_START, .block = FH_BLOCK_THINKING},
    {.kind = FH_EVENT_THINKING, .text = FH_LIT_INIT("hm")},
    {.kind = FH_EVENT_SIGNATURE, .text = FH_LIT_INIT("c2ln")},
    {.kind = FH_EVENT_BLOCK_STOP},
    {.kind = FH_EVENT_PING},
    {.kind = FH_EVENT_BLOCK_START,
     .index = 1,
     .block = FH_BLOCK_TOOL_CALL,
     .id = FH_LIT_INIT("toolu_1"),
     .name = FH_LIT_INIT("f")},
    {.kind = FH_EVENT_ARGUMENTS, .index = 1, .text = FH_LIT_INIT("{\"a\":1}")},
    {.kind = FH_EVENT_BLOCK_STOP, .index = 1},
    {.kind = FH_EVENT_BLOCK_START,
     .index = 2,
     .block = FH_BLOCK_TOOL_CALL,
     .id = FH_LIT_INIT("toolu_2"),
     .name = FH_LIT_INIT("g")},
    {.kind = FH_EVENT_BLOCK_STOP, .index = 2},
    {.kind = FH_EVENT_FINISH, .finish = FH_FINISH_TOOLS},
    {.kind = FH_EVENT_USAGE,
     .usage = {.count = {[FH_TOKENS_OUTPUT] = 7}, .seen = 1 << FH_TOKENS_OUTPUT}},
    {.kind = FH_EVENT_END},
};

static void test_usage_is_shown_to_those_who_asked(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    struct fh_loss loss = {.arena = arena};
    struct fh_slice got =
        encoded(arena, thinking_and_tools, FH_LEN(thinking_and_tools), false, &loss);

    FH_UNUSED(state);
    assert_false(fh_contains(got, FH_LIT("usage")));
    assert_true(fh_ends(got, FH_LIT("data: [DONE]\n\n")));
}

static void test_a_stream_that_failed_does_not_look_ended(void **state)
{
    static const struct fh_event events[] = {
        {.kind = FH_EVENT_START, .id = FH_LIT_INIT("msg_1"), .model = FH_LIT_INIT("claude")},
        {.kind = FH_EVENT_BLOCK_START, .block = FH_BLOCK_TEXT},
        {.kind = FH_EVENT_TEXT, .text = FH_LIT_INIT("Hel")},
        {.kind = FH_EVENT_ERROR,
         .fault = {.kind = FH_REFUSE_OVERLOADED, .message = FH_LIT_INIT("busy")}},
    };
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    struct fh_loss loss = {.arena = arena};
    struct fh_slice got = encoded(arena, events, FH_LEN(events), true, &loss);

    FH_UNUSED(state);
    assert_true(fh_ends(got, FH_LIT("data: {\"error\":{\"message\":\"busy\",\"type\":"
                                    "\"server_error\",\"param\":null,\"code\":\"overloaded\"}}"
                                    "\n\n")));
    assert_false(fh_contains(got, FH_LIT("[DONE]")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY_TESTS,
        cmocka_unit_test(test_fields_are_said),
        cmocka_unit_test(test_wrong_requests_are_told_what_would_be_right),
        cmocka_unit_test(test_a_body_too_large_is_refused),
        cmocka_unit_test(test_servers_get_what_they_take),
        cmocka_unit_test(test_indices_have_an_end),
        cmocka_unit_test(test_calls_have_an_end),
        cmocka_unit_test(test_usage_is_parted_into_classes),
        cmocka_unit_test(test_the_scan_is_not_fooled_by_text),
        cmocka_unit_test(test_usage_is_shown_to_those_who_asked),
        cmocka_unit_test(test_a_stream_that_failed_does_not_look_ended),
    };
    story_dialect = chat;
    story_folder = "core/dialect/openai_chat/vectors";
    return cmocka_run_group_tests_name("openai_chat", tests, NULL, NULL);
}
