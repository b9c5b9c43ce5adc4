/* test_gemini.c: the vectors, every stream of them at every cut, and what no text file can say.
 * SPDX-License-Identifier: Apache-2.0 */
#include "fields.h"

enum { ARENA_MAX = STORY_ARENA_MAX, TEXT_MAX = STORY_TEXT_MAX };

static const struct fh_dialect *const dialect = &fh_dialect_gemini;

/* A provider of another dialect, and a client of ours. */
struct speaker {
    struct fh_arena *arena;
    struct fh_loss *loss;
    struct fh_buf out;
    void *encoder;
};

static struct speaker new_speaker(struct fh_arena *arena, enum fh_framing framing)
{
    struct speaker s = {arena, fh_new(arena, struct fh_loss), fh_buf_in_arena(arena, TEXT_MAX),
                        NULL};
    struct fh_reply_frame *frame = fh_new(arena, struct fh_reply_frame);

    *frame = story_frame_of(dialect);
    frame->framing = framing;
    s.loss->arena = arena;
    s.encoder = dialect->stream_encoder_new(arena, frame);
    return s;
}

static void say(struct speaker *s, const struct fh_event *event)
{
    FH_AUTO(fh_arena_free) struct fh_arena *scratch = fh_arena_new(ARENA_MAX);
    struct fh_event copy = *event;

    copy.dialect = FH_DIALECT_OPENAI_CHAT;
    dialect->encode_stream(s->encoder, &s->out, scratch, &copy, s->loss);
}

static void say_text(struct speaker *s, struct fh_slice text)
{
    say(s, &(struct fh_event){
               .kind = FH_EVENT_TEXT, .block = FH_BLOCK_TEXT, .index = 0, .text = text});
}

static void say_end(struct speaker *s)
{
    say(s, &(struct fh_event){.kind = FH_EVENT_FINISH, .finish = FH_FINISH_STOP});
    say(s, &(struct fh_event){.kind = FH_EVENT_END});
}

/* ---- the array ---- */

#define CHUNK(parts, rest)                             \
    "{\"candidates\":[{\"content\":{\"parts\":[" parts \
    "],\"role\":\"model\"},\"index\":0" rest           \
    "}],\"modelVersion\":\"a-model\",\"responseId\":\"req_1\"}"
#define SLOW                                                                           \
    "{\"error\":{\"code\":429,\"message\":\"slow\",\"status\":\"RESOURCE_EXHAUSTED\"," \
    "\"details\":[{\"@type\":\"type.googleapis.com/google.rpc.RequestInfo\","          \
    "\"requestId\":\"req_1\"}]}}"

static const struct fh_fault slow = {.kind = FH_REFUSE_RATE_LIMITED,
                                     .message = FH_LIT_INIT("slow")};

static void test_an_array_has_its_brackets(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    struct speaker s = new_speaker(arena, FH_FRAMING_LIST);

    FH_UNUSED(state);
    say(&s, &(struct fh_event){.kind = FH_EVENT_START});
    say_text(&s, FH_LIT("a"));
    say(&s, &(struct fh_event){.kind = FH_EVENT_PING});
    say_text(&s, FH_LIT("b"));
    say_end(&s);
    say_text(&s, FH_LIT("behind the end"));
    assert_text(fh_buf_slice(&s.out),
                "[" CHUNK("{\"text\":\"a\"}", "") "\r\n,\r\n" CHUNK(
                    "{\"text\":\"b\"}", "") ",\r\n" CHUNK("{\"text\":\"\"}",
                                                          ",\"finishReason\":\"STOP\"") "]");
}

static void test_an_array_that_failed_says_so(void **state)
{
    FH_UNUSED(state);
    for (int texts = 0; texts < 2; texts++) {
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
        struct speaker s = new_speaker(arena, FH_FRAMING_LIST);

        say(&s, &(struct fh_event){.kind = FH_EVENT_START});
        if (texts > 0) {
            say_text(&s, FH_LIT("a"));
        }
        say(&s, &(struct fh_event){.kind = FH_EVENT_ERROR, .fault = slow});
        say_end(&s);
        assert_text(fh_buf_slice(&s.out),
                    texts == 0 ? "[" SLOW "]"
                               : "[" CHUNK("{\"text\":\"a\"}", "") ",\r\n" SLOW "]");
    }
}

static void test_an_array_of_nothing_is_one(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    struct speaker s = new_speaker(arena, FH_FRAMING_LIST);

    FH_UNUSED(state);
    say(&s, &(struct fh_event){.kind = FH_EVENT_END});
    assert_text(fh_buf_slice(&s.out), "[]");
}

/* A client without alt=sse gets Google's own stream as an array: all of it, since its decoder tells
 * the same story of both. */
static struct fh_slice as_array(struct fh_arena *arena, struct fh_slice stream)
{
    FH_AUTO(fh_arena_free) struct fh_arena *scratch = fh_arena_new(ARENA_MAX);
    struct fh_frames *frames = fh_frames_new(arena, FH_FRAMING_SSE, STORY_FRAME_MAX);
    struct fh_reply_frame frame = story_frame_of(dialect);
    struct fh_buf out = fh_buf_in_arena(arena, TEXT_MAX);
    const struct fh_event end = {.kind = FH_EVENT_END};
    struct fh_loss *loss = fh_new(arena, struct fh_loss);
    void *decoder = dialect->stream_decoder_new(arena);
    struct fh_frame chunk;

    frame.framing = FH_FRAMING_LIST;
    void *encoder = dialect->stream_encoder_new(arena, &frame);

    fh_frames_feed(frames, stream);
    while (fh_frames_next(frames, &chunk) == FH_STEP_EVENT) {
        struct fh_events events = {.arena = scratch, .dialect = dialect->id};
        struct fh_complaint why = {0};

        assert_int_equal(dialect->decode_stream(decoder, &events, &chunk, &why), FH_OK);
        for (size_t i = 0; i < events.count; i++) {
            dialect->encode_stream(encoder, &out, scratch, &events.list[i], loss);
        }
        fh_arena_reset(scratch);
    }
    dialect->encode_stream(encoder, &out, scratch, &end, loss);
    fh_frames_fini(frames);
    return fh_buf_slice(&out);
}

static size_t arrays;

static void check_array(struct fh_arena *arena, const struct vector *v)
{
    struct fh_events events = {.arena = arena, .dialect = dialect->id};
    struct fh_complaint why = {0};
    struct fh_usage usage = {0};
    struct fh_watch watch = {0};
    struct story_stream t;

    if (!fh_eq(v->kind, FH_LIT("stream"))) {
        return;
    }
    t = story_run(arena, dialect, dialect, v->wire, SIZE_MAX, fh_new(arena, struct fh_loss));
    if (!t.ended || t.failed) {
        return;
    }
    struct fh_slice array = as_array(arena, v->wire);

    assert_int_equal(dialect->decode_reply(&events, array, &why), FH_OK);
    for (size_t i = 0; i < events.count; i++) {
        fh_usage_merge(&usage, &events.list[i].usage);
    }
    dialect->scan_reply(&watch, arena, array);
    assert_true(watch.ended && !watch.failed);
    assert_memory_equal(usage.count, t.usage.count, sizeof(usage.count));
    assert_memory_equal(watch.usage.count, t.usage.count, sizeof(usage.count));
    assert_int_equal(events.list[events.count - 1].kind, FH_EVENT_END);
    arrays++;
}

static void test_an_array_counts_what_its_stream_counts(void **state)
{
    FH_UNUSED(state);
    (void)story_each(check_array);
    assert_true(arrays >= 10);
}

/* ---- bounds ---- */

static void test_what_waits_is_bounded(void **state)
{
    static uint8_t page[1 << 16];

    FH_UNUSED(state);
    memset(page, 'x', sizeof(page));
    for (size_t pages = 15; pages <= 17; pages++) {
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
        struct speaker s = new_speaker(arena, FH_FRAMING_SSE);

        say(&s, &(struct fh_event){.kind = FH_EVENT_START});
        say(&s, &(struct fh_event){.kind = FH_EVENT_BLOCK_START,
                                   .block = FH_BLOCK_TOOL_CALL,
                                   .id = FH_LIT("c"),
                                   .name = FH_LIT("f")});
        for (size_t i = 0; i < pages; i++) {
            say(&s, &(struct fh_event){.kind = FH_EVENT_ARGUMENTS,
                                       .block = FH_BLOCK_TOOL_CALL,
                                       .text = fh_slice(page, sizeof(page))});
        }
        say(&s, &(struct fh_event){.kind = FH_EVENT_BLOCK_STOP, .block = FH_BLOCK_TOOL_CALL});
        say_end(&s);
        bool failed = fh_contains(fh_buf_slice(&s.out), FH_LIT("data: {\"error\":"));
        bool ended = fh_contains(fh_buf_slice(&s.out), FH_LIT("\"finishReason\""));

        assert_int_equal(failed, pages == 17);
        assert_int_equal(ended, pages != 17);
    }
}

/* A body of very many parts stops at the arena's cap, whatever its parts are. */
static void test_the_arena_bounds_a_request(void **state)
{
    static const struct {
        struct fh_slice head, part, tail;
    } rows[] = {
        {FH_LIT_INIT("{\"contents\":[]"), FH_LIT_INIT(",\"x\":1"), FH_LIT_INIT("}")},
        {FH_LIT_INIT("{\"contents\":[{}"), FH_LIT_INIT(",{}"), FH_LIT_INIT("]}")},
        {FH_LIT_INIT("{\"contents\":[{\"parts\":[{}"), FH_LIT_INIT(",{}"), FH_LIT_INIT("]}]}")},
        {FH_LIT_INIT("{\"contents\":[],\"tools\":[{\"a\":1}"), FH_LIT_INIT(",{\"a\":1}"),
         FH_LIT_INIT("]}")},
        {FH_LIT_INIT("{\"contents\":[],\"generationConfig\":{\"stopSequences\":[\"x\""),
         FH_LIT_INIT(",\"x\""), FH_LIT_INIT("]}}")},
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

/* Answers without ids find their calls, however many calls there are: beyond the bound the oldest
 * is not waited for any longer. */
static void test_calls_that_wait_are_bounded(void **state)
{
    enum { CALLS = 300, BOUND = 256 };
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    struct fh_buf body = fh_buf_in_arena(arena, TEXT_MAX);
    struct fh_chat_request *req = fh_new(arena, struct fh_chat_request);
    struct fh_complaint why = {0};

    FH_UNUSED(state);
    fh_buf_append(&body, FH_LIT("{\"contents\":[{\"role\":\"model\",\"parts\":["));
    for (int i = 0; i < CALLS; i++) {
        fh_buf_printf(&body, "%s{\"functionCall\":{\"name\":\"f\"}}", i > 0 ? "," : "");
    }
    fh_buf_append(&body, FH_LIT("]},{\"parts\":[{\"functionResponse\":{\"name\":\"f\","
                                "\"response\":{}}}]}]}"));
    assert_int_equal(dialect->decode_request(req, arena, fh_buf_slice(&body), &why), FH_OK);
    const struct fh_block *answer = req->first_message->next->content.first;
    char want[32];

    (void)snprintf(want, sizeof(want), "call_f_%d", CALLS - BOUND);
    assert_text(answer->id, want);
}

/* ---- counts, models, faults ---- */

static void test_counts_take_what_both_of_googles_apis_take(void **state)
{
    static const struct {
        const char *chat, *count;
    } rows[] = {
        {"{\"contents\":[{\"parts\":[]}]}", "{\"contents\":[{\"parts\":[]}]}"},
        {"{\"contents\":[]}", "{\"contents\":[]}"},
        {"{\"contents\":[1,2],\"systemInstruction\":{\"parts\":[]},\"generationConfig\":{}}",
         "{\"contents\":[{\"parts\":[]},1,2]}"},
        {"{\"contents\":[1],\"tools\":[{\"a\":\"b\"}],\"systemInstruction\":{\"parts\":[]}}",
         "{\"contents\":[{\"parts\":[]},{\"role\":\"user\",\"parts\":[{\"text\":\"[{\\\"a\\\":"
         "\\\"b\\\"}]\"}]},1]}"},
        {"{\"contents\":[],\"tools\":[]}",
         "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"[]\"}]}]}"},
    };
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    struct fh_buf out = fh_buf_in_arena(arena, TEXT_MAX);
    uint64_t tokens = 0;

    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(rows); i++) {
        fh_buf_clear(&out);
        dialect->wrap_count(&out, arena, fh_cstr(rows[i].chat));
        assert_text(fh_buf_slice(&out), rows[i].count);
    }
    fh_buf_clear(&out);
    dialect->encode_count(&out, 31);
    assert_text(fh_buf_slice(&out), "{\"totalTokens\":31}");
    assert_true(dialect->decode_count(fh_buf_slice(&out), arena, &tokens));
    assert_int_equal(tokens, 31);
    assert_false(dialect->decode_count(FH_LIT("{\"totalTokens\":-1}"), arena, &tokens));
    assert_false(dialect->decode_count(FH_LIT("[]"), arena, &tokens));
}

static void test_models_are_listed(void **state)
{
    static const struct fh_slice names[] = {FH_LIT_INIT("a/b"), FH_LIT_INIT("c")};
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    struct fh_listing list = {.names = names, .count = FH_LEN(names)};
    struct fh_buf out = fh_buf_in_arena(arena, TEXT_MAX);

#define MODEL(name)                                         \
    "{\"name\":\"models/" name "\",\"displayName\":\"" name \
    "\",\"supportedGenerationMethods\":[\"generateContent\",\"streamGenerateContent\"]}"
    FH_UNUSED(state);
    dialect->encode_models(&out, arena, &list);
    assert_text(fh_buf_slice(&out), "{\"models\":[" MODEL("a/b") "," MODEL("c") "]}");
    fh_buf_clear(&out);
    list.count = 1;
    list.one = true;
    dialect->encode_models(&out, arena, &list);
    assert_text(fh_buf_slice(&out), MODEL("a/b"));
    fh_buf_clear(&out);
    list.count = 0;
    list.one = false;
    dialect->encode_models(&out, arena, &list);
    assert_text(fh_buf_slice(&out), "{\"models\":[]}");
}

static void test_faults_fit_their_framing(void **state)
{
    static const struct {
        enum fh_framing framing;
        const char *fault, *ping;
    } rows[] = {
        {FH_FRAMING_NONE, SLOW, NULL},
        {FH_FRAMING_SSE, "data: " SLOW "\n\n", "\n\n"},
        {FH_FRAMING_LIST, ",\r\n" SLOW "]", "\r\n"},
    };
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    struct fh_buf out = fh_buf_in_arena(arena, TEXT_MAX);

    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(rows); i++) {
        fh_buf_clear(&out);
        dialect->encode_fault(&out, arena, FH_LIT("req_1"), &slow, rows[i].framing);
        assert_text(fh_buf_slice(&out), rows[i].fault);
        if (rows[i].ping != NULL) {
            fh_buf_clear(&out);
            dialect->encode_ping(&out, rows[i].framing);
            assert_text(fh_buf_slice(&out), rows[i].ping);
        }
    }
}

/* ---- a conversation with Claude, by Google's SDKs ---- */

static const char claude[] =
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\","
    "\"type\":\"message\",\"role\":\"assistant\",\"model\":\"c\",\"content\":[],\"usage\":"
    "{\"input_tokens\":1,\"output_tokens\":1}}}\n\n"
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,"
    "\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}}\n\n"
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":"
    "{\"type\":\"thinking_delta\",\"thinking\":\"Let me\"}}\n\n"
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":"
    "{\"type\":\"thinking_delta\",\"thinking\":\" see.\"}}\n\n"
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":"
    "{\"type\":\"signature_delta\",\"signature\":\"Epg+/x==\"}}\n\n"
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n"
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":1,"
    "\"content_block\":{\"type\":\"redacted_thinking\",\"data\":\"QU+/QUFB\"}}\n\n"
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":1}\n\n"
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":2,"
    "\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}}\n\n"
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":2,\"delta\":"
    "{\"type\":\"signature_delta\",\"signature\":\"EpgC\"}}\n\n"
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":2}\n\n"
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":3,"
    "\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n"
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":3,\"delta\":"
    "{\"type\":\"text_delta\",\"text\":\"Hel\"}}\n\n"
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":3,\"delta\":"
    "{\"type\":\"text_delta\",\"text\":\"lo\"}}\n\n"
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":3}\n\n"
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":4,"
    "\"content_block\":{\"type\":\"tool_use\",\"id\":\"toolu_1\",\"name\":\"f\",\"input\":{}}}"
    "\n\n"
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":4,\"delta\":"
    "{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"a\\\":1}\"}}\n\n"
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":4}\n\n"
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":"
    "\"tool_use\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":9}}\n\n"
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

/* What of it the next request to Claude has to have, to the byte. */
static const char claude_again[] =
    "[{\"type\":\"thinking\",\"thinking\":\"Let me see.\",\"signature\":\"Epg+/x==\"},"
    "{\"type\":\"redacted_thinking\",\"data\":\"QU+/QUFB\"},"
    "{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"EpgC\"},"
    "{\"type\":\"text\",\"text\":\"Hello\"},"
    "{\"type\":\"tool_use\",\"id\":\"toolu_1\",\"name\":\"f\",\"input\":{\"a\":1}}]";

/* check_signature: Google's Python SDK decodes signatures, and encodes them in the other
 * alphabet. */
static void check_signature(yyjson_val *content)
{
    yyjson_val *part = yyjson_arr_get_first(fh_json_get(content, FH_LIT("parts")));
    struct fh_slice text = fh_json_text(fh_json_get(part, FH_LIT("thoughtSignature")));

    for (size_t i = 0; i < text.len; i++) {
        assert_true(text.ptr[i] != '+' && text.ptr[i] != '/');
    }
}

/* remembered makes a conversation of a stream as both SDKs do: a content for each chunk. */
static struct fh_slice remembered(struct fh_arena *arena, struct fh_slice stream)
{
    struct fh_frames *frames = fh_frames_new(arena, FH_FRAMING_SSE, STORY_FRAME_MAX);
    struct fh_buf body = fh_buf_in_arena(arena, TEXT_MAX);
    struct fh_frame chunk;

    fh_buf_append(&body,
                  FH_LIT("{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"?\"}]}"));
    fh_frames_feed(frames, stream);
    while (fh_frames_next(frames, &chunk) == FH_STEP_EVENT) {
        yyjson_val *root = NULL;
        struct fh_error error;

        assert_int_equal(fh_json_parse(arena, chunk.data, &root, &error), FH_OK);
        yyjson_val *first = yyjson_arr_get_first(fh_json_get(root, FH_LIT("candidates")));
        yyjson_val *content = fh_json_get(first, FH_LIT("content"));

        /* what they take for a broken turn, and forget all of it */
        assert_true(yyjson_arr_size(fh_json_get(content, FH_LIT("parts"))) > 0);
        check_signature(content);
        fh_buf_byte(&body, ',');
        fh_json_append_val(&body, arena, content);
    }
    fh_frames_fini(frames);
    fh_buf_append(&body,
                  FH_LIT(",{\"role\":\"user\",\"parts\":[{\"functionResponse\":{\"id\":"
                         "\"toolu_1\",\"name\":\"f\",\"response\":{\"result\":\"ok\"}}}]}"
                         "],\"generationConfig\":{\"maxOutputTokens\":9}}"));
    return fh_buf_slice(&body);
}

static void test_what_claude_thought_survives_googles_sdks(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    struct fh_loss *loss = fh_new(arena, struct fh_loss);
    struct fh_buf again = fh_buf_in_arena(arena, TEXT_MAX);
    struct story_stream t =
        story_run(arena, &fh_dialect_anthropic, dialect, fh_cstr(claude), SIZE_MAX, loss);

    FH_UNUSED(state);
    assert_true(t.ended && !t.failed);
    assert_int_equal(loss->count, 0);
    assert_true(story_translate(&again, arena, dialect, &fh_dialect_anthropic,
                                remembered(arena, fh_buf_slice(&t.wire)), loss));
    assert_int_equal(loss->count, 0);
    if (!fh_contains(fh_buf_slice(&again), fh_cstr(claude_again))) {
        fail_msg("%.*s", FH_ARG(fh_buf_slice(&again)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY_TESTS,
        cmocka_unit_test(test_fields_are_said),
        cmocka_unit_test(test_an_array_has_its_brackets),
        cmocka_unit_test(test_an_array_that_failed_says_so),
        cmocka_unit_test(test_an_array_of_nothing_is_one),
        cmocka_unit_test(test_an_array_counts_what_its_stream_counts),
        cmocka_unit_test(test_what_waits_is_bounded),
        cmocka_unit_test(test_the_arena_bounds_a_request),
        cmocka_unit_test(test_calls_that_wait_are_bounded),
        cmocka_unit_test(test_counts_take_what_both_of_googles_apis_take),
        cmocka_unit_test(test_models_are_listed),
        cmocka_unit_test(test_faults_fit_their_framing),
        cmocka_unit_test(test_what_claude_thought_survives_googles_sdks),
    };
    story_dialect = dialect;
    story_folder = "core/dialect/gemini/vectors";
    return cmocka_run_group_tests_name("gemini", tests, NULL, NULL);
}
