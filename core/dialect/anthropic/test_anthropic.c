/* test_anthropic.c: the vectors, every stream of them at every cut, and what no text file can say.
 * SPDX-License-Identifier: Apache-2.0 */
#include "fields.h"

enum { ARENA_MAX = STORY_ARENA_MAX, TEXT_MAX = STORY_TEXT_MAX };

static const struct fh_dialect *const dialect = &fh_dialect_anthropic;

/* retold is what a client of ours understands of a stream. */
static struct fh_slice retold(struct fh_arena *arena, struct fh_slice wire)
{
    struct fh_loss *loss = fh_new(arena, struct fh_loss);
    struct story_stream t = story_run(arena, dialect, dialect, wire, SIZE_MAX, loss);

    return fh_buf_slice(&t.trace);
}

/* A provider that interleaves its blocks, and a client that must not see it. */
struct speaker {
    struct fh_arena *arena;
    struct fh_loss *loss;
    struct fh_buf out;
    void *encoder;
};

static struct speaker new_speaker(struct fh_arena *arena)
{
    struct speaker s = {arena, fh_new(arena, struct fh_loss), fh_buf_in_arena(arena, TEXT_MAX),
                        NULL};
    static struct fh_reply_frame frame;

    frame = story_frame_of(dialect);
    s.loss->arena = arena;
    s.encoder = dialect->stream_encoder_new(arena, &frame);
    return s;
}

static void say(struct speaker *s, const struct fh_event *event)
{
    FH_AUTO(fh_arena_free) struct fh_arena *scratch = fh_arena_new(ARENA_MAX);
    struct fh_event copy = *event;

    copy.dialect = FH_DIALECT_OPENAI_CHAT;
    dialect->encode_stream(s->encoder, &s->out, scratch, &copy, s->loss);
}

static void say_block(struct speaker *s, uint32_t index)
{
    say(s, &(struct fh_event){.kind = FH_EVENT_BLOCK_START,
                              .block = FH_BLOCK_TOOL_CALL,
                              .index = index,
                              .id = FH_LIT("call"),
                              .name = FH_LIT("f")});
}

static void say_arguments(struct speaker *s, uint32_t index, struct fh_slice text)
{
    say(s, &(struct fh_event){.kind = FH_EVENT_ARGUMENTS, .index = index, .text = text});
}

static void test_interleaved_blocks_are_put_in_order(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    struct speaker s = new_speaker(arena);
    struct fh_usage usage = {0};

    FH_UNUSED(state);
    fh_usage_set(&usage, FH_TOKENS_INPUT, 12);
    fh_usage_set(&usage, FH_TOKENS_OUTPUT, 7);
    say(&s, &(struct fh_event){.kind = FH_EVENT_START});
    say_block(&s, 0);
    say_block(&s, 1);
    say_arguments(&s, 1, FH_LIT("{\"b\":"));
    say_arguments(&s, 0, FH_LIT("{\"a\":"));
    say_arguments(&s, 1, FH_LIT("2}"));
    say(&s, &(struct fh_event){.kind = FH_EVENT_BLOCK_STOP, .index = 1});
    say_block(&s, 2);
    say_arguments(&s, 0, FH_LIT("1}"));
    say(&s, &(struct fh_event){.kind = FH_EVENT_FINISH, .finish = FH_FINISH_TOOLS});
    say(&s, &(struct fh_event){.kind = FH_EVENT_USAGE, .usage = usage});
    say(&s, &(struct fh_event){.kind = FH_EVENT_END});

    assert_text(retold(arena, fh_buf_slice(&s.out)), "start msg_req_1 a-model\n"
                                                     "usage input=0 output=0\n"
                                                     "block 0 call call f\n"
                                                     "arguments 0 \"{\\\"a\\\":\"\n"
                                                     "arguments 0 \"1}\"\n"
                                                     "stop 0\n"
                                                     "block 1 call call f\n"
                                                     "arguments 1 \"{\\\"b\\\":2}\"\n"
                                                     "stop 1\n"
                                                     "block 2 call call f\n"
                                                     "arguments 2 \"{}\"\n"
                                                     "stop 2\n"
                                                     "usage input=12 output=7\n"
                                                     "finish tools tool_use\n"
                                                     "end\n");
}

/* What waits is bounded: one byte below the bound it waits, at the bound the stream fails. */
static void test_what_waits_is_bounded(void **state)
{
    static uint8_t page[1 << 16];

    FH_UNUSED(state);
    memset(page, 'x', sizeof(page));
    for (size_t pages = 14; pages <= 16; pages++) {
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
        struct speaker s = new_speaker(arena);

        say(&s, &(struct fh_event){.kind = FH_EVENT_START});
        say_block(&s, 0);
        say_block(&s, 1);
        for (size_t i = 0; i < pages; i++) {
            say_arguments(&s, 1, fh_slice(page, sizeof(page)));
        }
        say(&s, &(struct fh_event){.kind = FH_EVENT_FINISH, .finish = FH_FINISH_TOOLS});
        say(&s, &(struct fh_event){.kind = FH_EVENT_END});
        bool failed = fh_contains(fh_buf_slice(&s.out), FH_LIT("event: error"));
        bool ended = fh_contains(fh_buf_slice(&s.out), FH_LIT("event: message_stop"));

        assert_int_equal(failed, pages == 16);
        assert_int_equal(ended, pages != 16);
    }
}

static void test_a_stream_without_its_end_does_not_look_ended(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    struct speaker s = new_speaker(arena);

    FH_UNUSED(state);
    say(&s, &(struct fh_event){.kind = FH_EVENT_START});
    say(&s, &(struct fh_event){.kind = FH_EVENT_END}); /* and no reason */
    assert_true(fh_contains(fh_buf_slice(&s.out), FH_LIT("event: error")));
    assert_false(fh_contains(fh_buf_slice(&s.out), FH_LIT("message_stop")));
}

/* ---- framings ---- */

/* reframed is what a client gets of one of our streams in a framing. */
static struct fh_slice reframed(struct fh_arena *arena, struct fh_slice wire,
                                enum fh_framing framing)
{
    struct fh_frames *frames = fh_frames_new(arena, dialect->framing, STORY_FRAME_MAX);
    struct fh_buf out = fh_buf_in_arena(arena, TEXT_MAX);
    struct fh_loss *loss = fh_new(arena, struct fh_loss);
    struct fh_reply_frame frame = story_frame;
    void *decoder = dialect->stream_decoder_new(arena);
    struct fh_frame event;

    frame.framing = framing;
    loss->arena = arena;
    void *encoder = dialect->stream_encoder_new(arena, &frame);

    fh_frames_feed(frames, wire);
    while (fh_frames_next(frames, &event) == FH_STEP_EVENT) {
        struct fh_events events = {.arena = arena, .dialect = dialect->id};
        struct fh_complaint why = {0};

        if (dialect->decode_stream(decoder, &events, &event, &why) != FH_OK) {
            break;
        }
        for (size_t i = 0; i < events.count; i++) {
            dialect->encode_stream(encoder, &out, arena, &events.list[i], loss);
        }
    }
    fh_frames_fini(frames);
    return fh_buf_slice(&out);
}

/* understood is what our decoder and our scan make of a stream in a framing. */
static struct fh_buf understood(struct fh_arena *arena, struct fh_slice wire,
                                enum fh_framing framing, struct fh_watch *watch)
{
    struct fh_frames *frames = fh_frames_new(arena, framing, STORY_FRAME_MAX);
    struct fh_buf trace = fh_buf_in_arena(arena, TEXT_MAX);
    void *decoder = dialect->stream_decoder_new(arena);
    struct fh_frame event;

    fh_frames_feed(frames, wire);
    while (fh_frames_next(frames, &event) == FH_STEP_EVENT) {
        struct fh_events events = {.arena = arena, .dialect = dialect->id};
        struct fh_complaint why = {0};

        assert_int_equal(dialect->decode_stream(decoder, &events, &event, &why), FH_OK);
        for (size_t i = 0; i < events.count; i++) {
            trace_event(&trace, arena, &events.list[i]);
        }
        dialect->scan_stream(watch, arena, &event);
    }
    fh_frames_fini(frames);
    return trace;
}

static void compare_framings(struct fh_arena *arena, const struct vector *v)
{
    if (!fh_eq(v->kind, FH_LIT("stream"))) {
        return;
    }
    struct fh_slice sse = reframed(arena, v->wire, FH_FRAMING_SSE);
    struct fh_slice chunks = reframed(arena, v->wire, FH_FRAMING_CHUNKS);
    struct fh_watch by_sse = {0};
    struct fh_watch by_chunks = {0};
    struct fh_buf a = understood(arena, sse, FH_FRAMING_SSE, &by_sse);
    struct fh_buf b = understood(arena, chunks, FH_FRAMING_CHUNKS, &by_chunks);

    assert_int_equal(by_sse.failed, by_chunks.failed);
    assert_int_equal(by_sse.ended, by_chunks.ended);
    assert_memory_equal(&by_sse.usage, &by_chunks.usage, sizeof(by_sse.usage));
    if (!by_sse.failed) { /* an exception has another name than the error that it stands for */
        fh_buf_byte(&b, '\0');
        assert_text(fh_buf_slice(&a), (const char *)b.ptr);
    }
}

static void test_every_framing_tells_the_same_story(void **state)
{
    FH_UNUSED(state);
    assert_true(story_each(compare_framings) > 0);
}

static void test_errors_among_chunks_are_exceptions(void **state)
{
    static const struct {
        enum fh_refusal kind;
        const char *shown;
        enum fh_refusal understood;
    } rows[] = {
        {FH_REFUSE_RATE_LIMITED, "!throttlingException {\"message\":\"no\"}",
         FH_REFUSE_RATE_LIMITED},
        {FH_REFUSE_OVERLOADED, "!serviceUnavailableException {\"message\":\"no\"}",
         FH_REFUSE_OVERLOADED},
        {FH_REFUSE_STARTING, "!serviceUnavailableException {\"message\":\"no\"}",
         FH_REFUSE_OVERLOADED},
        {FH_REFUSE_UPSTREAM_FAILED, "!modelStreamErrorException {\"message\":\"no\"}",
         FH_REFUSE_UPSTREAM_FAILED},
        {FH_REFUSE_UPSTREAM_TIMEOUT, "!modelTimeoutException {\"message\":\"no\"}",
         FH_REFUSE_UPSTREAM_TIMEOUT},
        {FH_REFUSE_CLIENT_TIMEOUT, "!internalServerException {\"message\":\"no\"}",
         FH_REFUSE_INTERNAL},
        {FH_REFUSE_TOO_LARGE, "!validationException {\"message\":\"no\"}",
         FH_REFUSE_BAD_REQUEST},
    };

    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(rows); i++) {
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
        const struct fh_fault fault = {.kind = rows[i].kind, .message = FH_LIT("no")};
        struct fh_buf out = fh_buf_in_arena(arena, TEXT_MAX);
        struct fh_buf want = fh_buf_in_arena(arena, TEXT_MAX);
        struct fh_watch watch = {0};

        tap_context("row %zu", i);
        dialect->encode_fault(&out, arena, FH_LIT("req_1"), &fault, FH_FRAMING_CHUNKS);
        assert_text(vector_stripped(frame_lines_shown(arena, fh_buf_slice(&out))),
                    rows[i].shown);
        fh_buf_printf(&want, "error %.*s: no\n%c",
                      FH_ARG(fh_refusal_row(rows[i].understood)->name), 0);
        struct fh_buf told = understood(arena, fh_buf_slice(&out), FH_FRAMING_CHUNKS, &watch);

        assert_text(fh_buf_slice(&told), (const char *)want.ptr);
        assert_true(watch.failed && !watch.ended);
        assert_int_equal(watch.failure, rows[i].understood);
    }
}

static void test_a_ping_says_nothing(void **state)
{
    static const enum fh_framing framings[] = {FH_FRAMING_SSE, FH_FRAMING_CHUNKS};

    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(framings); i++) {
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
        struct fh_buf out = fh_buf_in_arena(arena, TEXT_MAX);
        struct fh_watch watch = {0};

        dialect->encode_ping(&out, framings[i]);
        struct fh_buf told = understood(arena, fh_buf_slice(&out), framings[i], &watch);

        assert_text(fh_buf_slice(&told), "ping\n");
        assert_false(watch.ended || watch.failed);
    }
}

/* ---- signatures of other providers' models ---- */

#define SIGNED "CpwBAa/sig=="

/* What a model of Gemini's says, thinks and signs. */
static const struct fh_event signed_answer[] = {
    {.kind = FH_EVENT_START, .id = FH_LIT_INIT("r1"), .model = FH_LIT_INIT("g")},
    {.kind = FH_EVENT_BLOCK_START, .block = FH_BLOCK_THINKING},
    {.kind = FH_EVENT_THINKING, .block = FH_BLOCK_THINKING, .text = FH_LIT_INIT("hm")},
    {.kind = FH_EVENT_SIGNATURE,
     .block = FH_BLOCK_THINKING,
     .signer = FH_SIGNER_GEMINI,
     .text = FH_LIT_INIT(SIGNED)},
    {.kind = FH_EVENT_BLOCK_STOP, .block = FH_BLOCK_THINKING},
    {.kind = FH_EVENT_BLOCK_START,
     .block = FH_BLOCK_REDACTED,
     .index = 1,
     .signer = FH_SIGNER_OPENAI,
     .text = FH_LIT_INIT("gAAA")},
    {.kind = FH_EVENT_BLOCK_STOP, .block = FH_BLOCK_REDACTED, .index = 1},
    {.kind = FH_EVENT_BLOCK_START,
     .block = FH_BLOCK_TOOL_CALL,
     .index = 2,
     .id = FH_LIT_INIT("c1"),
     .name = FH_LIT_INIT("f")},
    {.kind = FH_EVENT_SIGNATURE,
     .block = FH_BLOCK_TOOL_CALL,
     .index = 2,
     .signer = FH_SIGNER_GEMINI,
     .text = FH_LIT_INIT(SIGNED)},
    {.kind = FH_EVENT_ARGUMENTS,
     .block = FH_BLOCK_TOOL_CALL,
     .index = 2,
     .text = FH_LIT_INIT("{\"a\":1}")},
    {.kind = FH_EVENT_BLOCK_STOP, .block = FH_BLOCK_TOOL_CALL, .index = 2},
    {.kind = FH_EVENT_FINISH, .finish = FH_FINISH_STOP},
    {.kind = FH_EVENT_END},
};

static struct fh_events signed_events(struct fh_arena *arena)
{
    struct fh_events events = {.arena = arena, .dialect = FH_DIALECT_GEMINI};

    for (size_t i = 0; i < FH_LEN(signed_answer); i++) {
        struct fh_event *event = fh_event_push(&events, signed_answer[i].kind);

        *event = signed_answer[i];
        event->dialect = FH_DIALECT_GEMINI;
    }
    return events;
}

/* sent_back is a request with the answer in it, as SDKs make one of the answer that they got. */
static struct fh_slice sent_back(struct fh_arena *arena, struct fh_slice reply)
{
    struct fh_slice parts[] = {FH_LIT("{\"model\":\"m\",\"messages\":["), reply, FH_LIT("]}")};

    return fh_concat(arena, parts, FH_LEN(parts));
}

static void check_sent_back(struct fh_arena *arena, struct fh_slice body)
{
    struct fh_chat_request *req = fh_new(arena, struct fh_chat_request);
    struct fh_complaint why = {0};

    assert_int_equal(dialect->decode_request(req, arena, body, &why), FH_OK);
    const struct fh_block *block = req->first_message->content.first;

    assert_int_equal(block->kind, FH_BLOCK_THINKING);
    assert_int_equal(block->signer, FH_SIGNER_GEMINI);
    assert_text(block->signature, SIGNED);
    assert_text(block->text, "hm");
    block = block->next;
    assert_int_equal(block->kind, FH_BLOCK_REDACTED);
    assert_int_equal(block->signer, FH_SIGNER_OPENAI);
    assert_text(block->data, "gAAA");
    block = block->next;
    assert_int_equal(block->kind, FH_BLOCK_TOOL_CALL);
    assert_int_equal(block->signer, FH_SIGNER_GEMINI);
    assert_text(block->signature, SIGNED);
    assert_text(block->arguments, "{\"a\":1}");
    assert_null(block->next);
}

static void test_a_signature_comes_back_from_clients(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    const struct fh_reply_frame frame = story_frame_of(dialect);
    struct fh_events events = signed_events(arena);
    struct fh_loss *loss = fh_new(arena, struct fh_loss);
    struct fh_buf out = fh_buf_in_arena(arena, TEXT_MAX);

    FH_UNUSED(state);
    dialect->encode_reply(&out, arena, &frame, &events, loss);
    check_sent_back(arena, sent_back(arena, fh_buf_slice(&out)));
    assert_true(fh_contains(fh_buf_slice(&out), FH_LIT("\"stop_reason\":\"tool_use\"")));
    assert_int_equal(loss->count, 0);
}

/* Streamed, an SDK starts with the block of content_block_start; of a signature_delta it takes the
 * whole signature. So does our decoder: its events make a whole reply again. */
static void test_a_signature_comes_back_from_streams(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    const struct fh_reply_frame frame = story_frame_of(dialect);
    struct fh_events events = signed_events(arena);
    struct fh_events told = {.arena = arena, .dialect = dialect->id};
    struct speaker s = new_speaker(arena);
    struct fh_buf out = fh_buf_in_arena(arena, TEXT_MAX);
    struct fh_frames *frames = fh_frames_new(arena, FH_FRAMING_SSE, STORY_FRAME_MAX);
    void *decoder = dialect->stream_decoder_new(arena);
    struct fh_complaint why = {0};
    struct fh_frame event;

    FH_UNUSED(state);
    for (size_t i = 0; i < events.count; i++) {
        say(&s, &events.list[i]);
    }
    fh_frames_feed(frames, fh_buf_slice(&s.out));
    while (fh_frames_next(frames, &event) == FH_STEP_EVENT) {
        assert_int_equal(dialect->decode_stream(decoder, &told, &event, &why), FH_OK);
    }
    fh_frames_fini(frames);
    dialect->encode_reply(&out, arena, &frame, &told, s.loss);
    check_sent_back(arena, sent_back(arena, fh_buf_slice(&out)));
    assert_int_equal(s.loss->count, 0);
}

/* A signature that comes when its call has begun is too late, and reported. */
static void test_a_late_signature_is_reported(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    struct speaker s = new_speaker(arena);

    FH_UNUSED(state);
    say_block(&s, 0);
    say_arguments(&s, 0, FH_LIT("{"));
    say(&s, &(struct fh_event){.kind = FH_EVENT_SIGNATURE,
                               .block = FH_BLOCK_TOOL_CALL,
                               .signer = FH_SIGNER_GEMINI,
                               .text = FH_LIT(SIGNED)});
    assert_int_equal(s.loss->count, 1);
}

/* A call that the model broke so badly that there is none must not wait for its result. */
static void test_a_broken_call_waits_for_nothing(void **state)
{
    static const char *const reasons[] = {"\"end_turn\"", "\"tool_use\""};

    FH_UNUSED(state);
    for (size_t calls = 0; calls < FH_LEN(reasons); calls++) {
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
        struct speaker s = new_speaker(arena);

        say(&s, &(struct fh_event){.kind = FH_EVENT_START});
        if (calls > 0) {
            say_block(&s, 0);
        }
        say(&s, &(struct fh_event){.kind = FH_EVENT_FINISH, .finish = FH_FINISH_MALFORMED});
        say(&s, &(struct fh_event){.kind = FH_EVENT_END});
        assert_true(fh_contains(fh_buf_slice(&s.out), fh_cstr(reasons[calls])));
    }
}

/* ---- envelopes, counts, models ---- */

static void test_a_place_has_its_own_envelope(void **state)
{
    static const struct {
        struct fh_envelope envelope;
        struct fh_slice betas;
        const char *want;
    } rows[] = {
        {{0}, FH_LIT_INIT("a"), "{\"model\":\"m\",\"stream\":true,\"messages\":[]}"},
        {{.version = FH_LIT_INIT("bedrock-2023-05-31"),
          .without_model = true,
          .without_stream = true},
         FH_LIT_INIT("a, b"),
         "{\"anthropic_version\":\"bedrock-2023-05-31\",\"anthropic_beta\":[\"a\",\"b\"],"
         "\"messages\":[]}"},
        {{.version = FH_LIT_INIT("vertex-2023-10-16"), .without_model = true},
         FH_LIT_INIT(""),
         "{\"anthropic_version\":\"vertex-2023-10-16\",\"stream\":true,\"messages\":[]}"},
    };
    struct fh_slice body = FH_LIT("{\"model\":\"m\",\"stream\":true,\"messages\":[]}");

    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(rows); i++) {
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
        struct fh_chat_request *req = fh_new(arena, struct fh_chat_request);
        struct fh_loss *loss = fh_new(arena, struct fh_loss);
        struct fh_buf out = fh_buf_in_arena(arena, TEXT_MAX);
        struct fh_complaint why = {0};

        tap_context("row %zu", i);
        assert_int_equal(dialect->decode_request(req, arena, body, &why), FH_OK);
        req->envelope = rows[i].envelope;
        req->betas = rows[i].betas;
        assert_int_equal(dialect->encode_request(&out, arena, req, loss, &why), FH_OK);
        assert_text(fh_buf_slice(&out), rows[i].want);
    }
}

static void test_betas_in_a_body_are_those_of_a_header(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    struct fh_slice body = FH_LIT("{\"anthropic_beta\":[\"a\",\"b\"],\"messages\":[]}");
    struct fh_chat_request *req = fh_new(arena, struct fh_chat_request);
    struct fh_complaint why = {0};

    FH_UNUSED(state);
    assert_int_equal(dialect->decode_request(req, arena, body, &why), FH_OK);
    assert_text(req->betas, "a,b");
    assert_null(req->model.ptr);
}

static void test_counts(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    struct fh_buf out = fh_buf_in_arena(arena, TEXT_MAX);
    uint64_t tokens = 0;

    FH_UNUSED(state);
    dialect->wrap_count(&out, arena,
                        FH_LIT("{\"model\":\"m\",\"max_tokens\":9,\"temperature\":0.5,"
                               "\"stop_sequences\":[\"x\"],\"stream\":true,"
                               "\"messages\":[],\"tools\":[],\"thinking\":{}}"));
    assert_text(fh_buf_slice(&out),
                "{\"model\":\"m\",\"messages\":[],\"tools\":[],\"thinking\":{}}");
    fh_buf_clear(&out);
    dialect->encode_count(&out, 2095);
    assert_text(fh_buf_slice(&out), "{\"input_tokens\":2095}");
    assert_true(dialect->decode_count(fh_buf_slice(&out), arena, &tokens));
    assert_int_equal(tokens, 2095);
    assert_false(dialect->decode_count(FH_LIT("{\"input_tokens\":-1}"), arena, &tokens));
    assert_false(dialect->decode_count(FH_LIT("<html>"), arena, &tokens));
}

static void test_models_are_listed(void **state)
{
    static const struct fh_slice names[] = {FH_LIT_INIT("a"), FH_LIT_INIT("b")};
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    struct fh_buf out = fh_buf_in_arena(arena, TEXT_MAX);
    struct fh_listing list = {.names = names, .count = 2, .created_s = 1700000000};

    FH_UNUSED(state);
    dialect->encode_models(&out, arena, &list);
    assert_text(fh_buf_slice(&out),
                "{\"data\":[{\"type\":\"model\",\"id\":\"a\",\"display_name\":\"a\","
                "\"created_at\":\"2023-11-14T22:13:20Z\"},{\"type\":\"model\",\"id\":\"b\","
                "\"display_name\":\"b\",\"created_at\":\"2023-11-14T22:13:20Z\"}],"
                "\"has_more\":false,\"first_id\":\"a\",\"last_id\":\"b\"}");
    fh_buf_clear(&out);
    list.one = true;
    list.count = 1;
    dialect->encode_models(&out, arena, &list);
    assert_text(fh_buf_slice(&out), "{\"type\":\"model\",\"id\":\"a\",\"display_name\":\"a\","
                                    "\"created_at\":\"2023-11-14T22:13:20Z\"}");
    fh_buf_clear(&out);
    list = (struct fh_listing){0};
    dialect->encode_models(&out, arena, &list);
    assert_text(fh_buf_slice(&out),
                "{\"data\":[],\"has_more\":false,\"first_id\":null,\"last_id\":null}");
}

/* ---- limits ---- */

/* A body of very many parts stops at the arena's cap, whatever its parts are. */
static void test_the_arena_bounds_a_request(void **state)
{
    static const struct {
        struct fh_slice head, part, tail;
    } rows[] = {
        {FH_LIT_INIT("{\"model\":\"m\",\"messages\":[]"), FH_LIT_INIT(",\"x\":1"),
         FH_LIT_INIT("}")},
        {FH_LIT_INIT("{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"\"}"),
         FH_LIT_INIT(",{\"role\":\"user\",\"content\":[]}"), FH_LIT_INIT("]}")},
        {FH_LIT_INIT("{\"model\":\"m\",\"messages\":[],\"system\":[{\"type\":\"x\"}"),
         FH_LIT_INIT(",{\"type\":\"x\"}"), FH_LIT_INIT("]}")},
        {FH_LIT_INIT("{\"model\":\"m\",\"messages\":[],\"stop_sequences\":[\"x\""),
         FH_LIT_INIT(",\"x\""), FH_LIT_INIT("]}")},
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
        cmocka_unit_test(test_interleaved_blocks_are_put_in_order),
        cmocka_unit_test(test_what_waits_is_bounded),
        cmocka_unit_test(test_a_stream_without_its_end_does_not_look_ended),
        cmocka_unit_test(test_every_framing_tells_the_same_story),
        cmocka_unit_test(test_errors_among_chunks_are_exceptions),
        cmocka_unit_test(test_a_ping_says_nothing),
        cmocka_unit_test(test_a_signature_comes_back_from_clients),
        cmocka_unit_test(test_a_signature_comes_back_from_streams),
        cmocka_unit_test(test_a_late_signature_is_reported),
        cmocka_unit_test(test_a_broken_call_waits_for_nothing),
        cmocka_unit_test(test_a_place_has_its_own_envelope),
        cmocka_unit_test(test_betas_in_a_body_are_those_of_a_header),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_models_are_listed),
        cmocka_unit_test(test_the_arena_bounds_a_request),
    };
    story_dialect = dialect;
    story_folder = "core/dialect/anthropic/vectors";
    return cmocka_run_group_tests_name("anthropic", tests, NULL, NULL);
}
