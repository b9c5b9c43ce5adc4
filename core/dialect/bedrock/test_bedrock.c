/* test_bedrock.c: the vectors, every stream of them at every cut, and what no text file can say.
 * SPDX-License-Identifier: Apache-2.0 */
#include "fields.h"
#include "story.h"

#include "dialect/bedrock/bedrock.h"
#include "dialect/bedrock/bedrock_names.def"

enum { ARENA_MAX = STORY_ARENA_MAX, TEXT_MAX = STORY_TEXT_MAX };

static const struct fh_dialect *const dialect = &fh_dialect_bedrock;

/* ---- Claude's thinking, there and back ---- */

static const char reply[] =
    "{\"output\":{\"message\":{\"role\":\"assistant\",\"content\":["
    "{\"reasoningContent\":{\"reasoningText\":{\"text\":\"a\\u0000b \xc3\xa9\","
    "\"signature\":\"EqQBCgIYAhIM/+==\"}}},"
    "{\"reasoningContent\":{\"redactedContent\":\"RXFRQkNnSVlBaElN\"}},"
    "{\"text\":\"I look.\"},"
    "{\"toolUse\":{\"toolUseId\":\"toolu_1\",\"name\":\"f\",\"input\":{\"a\":1.50}}}]}},"
    "\"stopReason\":\"tool_use\",\"usage\":{\"inputTokens\":1,\"outputTokens\":2,"
    "\"totalTokens\":3},\"metrics\":{\"latencyMs\":0}}";

static const char content[] =
    "[{\"reasoningContent\":{\"reasoningText\":{\"text\":\"a\\u0000b \xc3\xa9\","
    "\"signature\":\"EqQBCgIYAhIM/+==\"}}},"
    "{\"reasoningContent\":{\"redactedContent\":\"RXFRQkNnSVlBaElN\"}},"
    "{\"text\":\"I look.\"},"
    "{\"toolUse\":{\"toolUseId\":\"toolu_1\",\"name\":\"f\",\"input\":{\"a\":1.50}}}]";

static struct fh_slice printed(struct fh_arena *arena, yyjson_val *value)
{
    struct fh_buf out = fh_buf_in_arena(arena, TEXT_MAX);

    assert_non_null(value);
    fh_json_append_val(&out, arena, value);
    return fh_buf_slice(&out);
}

static yyjson_val *at(struct fh_arena *arena, struct fh_slice json, const char *pointer)
{
    yyjson_val *root = NULL;
    struct fh_error error;

    assert_int_equal(fh_json_parse(arena, json, &root, &error), FH_OK);
    return yyjson_ptr_get(root, pointer);
}

static struct fh_slice replied(struct fh_arena *arena, const struct fh_dialect *from,
                               const struct fh_dialect *to, struct fh_slice body)
{
    struct fh_loss *loss = fh_new(arena, struct fh_loss);
    struct fh_buf out = fh_buf_in_arena(arena, TEXT_MAX);

    story_reply(&out, arena, from, to, body, loss);
    assert_int_equal(loss->count, 0);
    return fh_buf_slice(&out);
}

static struct fh_slice asked(struct fh_arena *arena, const struct fh_dialect *from,
                             const struct fh_dialect *to, struct fh_slice before,
                             struct fh_slice said, const char *behind)
{
    struct fh_slice parts[] = {before, said, fh_cstr(behind)};
    struct fh_loss *loss = fh_new(arena, struct fh_loss);
    struct fh_buf out = fh_buf_in_arena(arena, TEXT_MAX);

    assert_true(story_translate(&out, arena, from, to, fh_concat(arena, parts, 3), loss));
    assert_int_equal(loss->count, 0);
    return fh_buf_slice(&out);
}

/* A client of another dialect sends back just what it got. */
static void test_thinking_survives_clients_of_other_dialects(void **state)
{
    static const struct {
        const struct fh_dialect *client;
        const char *message; /* what of the answer it keeps */
        const char *before, *behind;
    } rows[] = {
        {&fh_dialect_anthropic, "/content",
         "{\"model\":\"anthropic.claude-x\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\","
         "\"content\":\"go\"},{\"role\":\"assistant\",\"content\":",
         "},{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":"
         "\"toolu_1\",\"content\":\"ok\"}]}],\"tools\":[{\"name\":\"f\",\"input_schema\":"
         "{\"type\":\"object\"}}]}"},
        {&fh_dialect_openai_chat, "/choices/0/message",
         "{\"model\":\"anthropic.claude-x\",\"messages\":[{\"role\":\"user\",\"content\":"
         "\"go\"},",
         ",{\"role\":\"tool\",\"tool_call_id\":\"toolu_1\",\"content\":\"ok\"}],\"tools\":"
         "[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]}"},
    };

    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(rows); i++) {
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
        struct fh_slice got = replied(arena, dialect, rows[i].client, fh_cstr(reply));
        struct fh_slice kept = printed(arena, at(arena, got, rows[i].message));
        struct fh_slice again = asked(arena, rows[i].client, dialect, fh_cstr(rows[i].before),
                                      kept, rows[i].behind);

        tap_context("by way of %.*s", FH_ARG(rows[i].client->name));
        assert_text(printed(arena, at(arena, again, "/messages/1/content")), content);
    }
}

/* And our own client sends back what it got of Claude at home. */
static void test_thinking_survives_a_client_of_ours(void **state)
{
    static const char claude[] =
        "{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\","
        "\"content\":[{\"type\":\"thinking\",\"thinking\":\"a\\u0000b\",\"signature\":"
        "\"EqQB/+==\"},{\"type\":\"redacted_thinking\",\"data\":\"EqQC\"},{\"type\":\"text\","
        "\"text\":\"I look.\"},{\"type\":\"tool_use\",\"id\":\"toolu_1\",\"name\":\"f\","
        "\"input\":{\"a\":1.50}}],\"stop_reason\":\"tool_use\",\"stop_sequence\":null,"
        "\"usage\":{\"input_tokens\":1,\"output_tokens\":2}}";
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    struct fh_slice got = replied(arena, &fh_dialect_anthropic, dialect, fh_cstr(claude));
    struct fh_slice kept = printed(arena, at(arena, got, "/output/message"));
    struct fh_slice again =
        asked(arena, dialect, &fh_dialect_anthropic,
              FH_LIT("{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"go\"}]},"),
              kept,
              ",{\"role\":\"user\",\"content\":[{\"toolResult\":{\"toolUseId\":\"toolu_1\","
              "\"content\":[{\"text\":\"ok\"}]}}]}],\"inferenceConfig\":{\"maxTokens\":9},"
              "\"toolConfig\":{\"tools\":[{\"toolSpec\":{\"name\":\"f\",\"inputSchema\":"
              "{\"json\":{\"type\":\"object\"}}}}]}}");

    FH_UNUSED(state);
    assert_true(fh_eq(printed(arena, at(arena, again, "/messages/1/content")),
                      printed(arena, at(arena, fh_cstr(claude), "/content"))));
}

/* ---- errors ---- */

static struct fh_slice exception_of(struct fh_arena *arena, enum fh_refusal kind)
{
    struct fh_fault fault = {.kind = kind, .message = FH_LIT("m")};
    struct fh_buf out = fh_buf_in_arena(arena, TEXT_MAX);

    dialect->encode_fault(&out, arena, FH_LIT("req_1"), &fault, FH_FRAMING_EVENTSTREAM);
    return frame_lines_shown(arena, fh_buf_slice(&out));
}

/* Clients of a stream have five classes; those that they retry stand for what may succeed. */
static void test_every_error_has_its_exception(void **state)
{
    static const char *const again[] = {"!throttlingException {\"message\":\"m\"}\n",
                                        "!serviceUnavailableException {\"message\":\"m\"}\n",
                                        "!internalServerException {\"message\":\"m\"}\n"};
    static const char *const never[] = {"!validationException {\"message\":\"m\"}\n",
                                        "!modelStreamErrorException {\"message\":\"m\"}\n"};

    FH_UNUSED(state);
    for (int kind = 0; kind < FH_REFUSAL_COUNT; kind++) {
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
        const struct fh_refusal_row *row = fh_refusal_row((enum fh_refusal)kind);
        struct fh_slice got = exception_of(arena, (enum fh_refusal)kind);
        struct fh_fault fault = {.kind = (enum fh_refusal)kind};
        bool retried = false, known = false;

        for (size_t i = 0; i < FH_LEN(again); i++) {
            retried = retried || fh_eq(got, fh_cstr(again[i]));
        }
        for (size_t i = 0; i < FH_LEN(never); i++) {
            known = known || fh_eq(got, fh_cstr(never[i]));
        }
        tap_context("%.*s", FH_ARG(row->name));
        assert_true(retried || known);
        assert_true(row->retry || !retried);
        assert_true(fh_eq(dialect->fault_name(&fault), row->bedrock.type));
        assert_int_equal(dialect->fault_status(&fault), row->bedrock.status);
    }
}

/* ---- lists, counts, pings ---- */

static void assert_listed(enum fh_list_kind kind, bool one, const char *want)
{
    static const struct fh_slice names[] = {FH_LIT_INIT("a.b-v1:0"), FH_LIT_INIT("c")};
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    struct fh_buf out = fh_buf_in_arena(arena, TEXT_MAX);
    struct fh_listing list = {.names = names,
                              .count = one ? 1 : 2,
                              .one = one,
                              .kind = kind,
                              .created_s = 1700000000,
                              .region = one ? FH_LIT("eu-west-1") : FH_NONE};

    dialect->encode_models(&out, arena, &list);
    assert_text(fh_buf_slice(&out), want);
}

#define MODEL(region, name)                                                              \
    "{\"modelArn\":\"arn:aws:bedrock:" region "::foundation-model/" name "\","           \
    "\"modelId\":\"" name "\",\"modelName\":\"" name "\",\"providerName\":\"freehold\"," \
    "\"inputModalities\":[\"TEXT\"],\"outputModalities\":[\"TEXT\"],"                    \
    "\"responseStreamingSupported\":true,\"customizationsSupported\":[],"                \
    "\"inferenceTypesSupported\":[\"ON_DEMAND\"],\"modelLifecycle\":{\"status\":"        \
    "\"ACTIVE\"}}"
#define PROFILE(region, name)                                                            \
    "{\"inferenceProfileName\":\"" name "\",\"inferenceProfileId\":\"" name "\","        \
    "\"inferenceProfileArn\":\"arn:aws:bedrock:" region                                  \
    ":000000000000:inference-profile/" name "\",\"models\":[{\"modelArn\":"              \
    "\"arn:aws:bedrock:" region "::foundation-model/" name "\"}],\"status\":\"ACTIVE\"," \
    "\"type\":\"SYSTEM_DEFINED\",\"createdAt\":\"2023-11-14T22:13:20Z\","                \
    "\"updatedAt\":\"2023-11-14T22:13:20Z\"}"

static void test_models_and_profiles_are_listed(void **state)
{
    FH_UNUSED(state);
    assert_listed(FH_LIST_MODELS, true,
                  "{\"modelDetails\":" MODEL("eu-west-1", "a.b-v1:0") "}");
    assert_listed(FH_LIST_MODELS, false,
                  "{\"modelSummaries\":[" MODEL("us-east-1", "a.b-v1:0") "," MODEL("us-east-1",
                                                                                   "c") "]}");
    assert_listed(FH_LIST_PROFILES, true, PROFILE("eu-west-1", "a.b-v1:0"));
    assert_listed(FH_LIST_PROFILES, false,
                  "{\"inferenceProfileSummaries\":[" PROFILE(
                      "us-east-1", "a.b-v1:0") "," PROFILE("us-east-1", "c") "]}");
}

static void test_counts_ask_for_what_counts(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    struct fh_buf out = fh_buf_in_arena(arena, TEXT_MAX);
    struct fh_buf deep = fh_buf_in_arena(arena, TEXT_MAX);
    uint64_t tokens = 0;

    FH_UNUSED(state);
    dialect->wrap_count(&out, arena,
                        FH_LIT("{\"messages\":[],\"inferenceConfig\":{\"maxTokens\":1},"
                               "\"system\":[{\"text\":\"s\"}],\"toolConfig\":{}}"));
    assert_text(fh_buf_slice(&out), "{\"input\":{\"converse\":{\"messages\":[],\"system\":"
                                    "[{\"text\":\"s\"}],\"toolConfig\":{}}}}");
    fh_buf_append(&deep, FH_LIT("{\"messages\":"));
    for (int i = 0; i < 2000; i++) {
        fh_buf_byte(&deep, '[');
    }
    for (int i = 0; i < 2000; i++) {
        fh_buf_byte(&deep, ']');
    }
    fh_buf_byte(&deep, '}');
    fh_buf_clear(&out);
    dialect->wrap_count(&out, arena, fh_buf_slice(&deep));
    assert_int_equal(out.len, deep.len + FH_LIT("{\"input\":{\"converse\":}}").len);
    assert_true(dialect->decode_count(FH_LIT("{\"inputTokens\":12}"), arena, &tokens));
    assert_int_equal(tokens, 12);
    assert_false(dialect->decode_count(FH_LIT("{\"message\":\"m\"}"), arena, &tokens));
    assert_false(dialect->decode_count(FH_LIT("<html>"), arena, &tokens));
    fh_buf_clear(&out);
    dialect->encode_count(&out, 12);
    assert_text(fh_buf_slice(&out), "{\"inputTokens\":12}");
}

static void test_a_ping_is_an_event_that_nobody_knows(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    struct fh_buf out = fh_buf_in_arena(arena, TEXT_MAX);

    FH_UNUSED(state);
    dialect->encode_ping(&out, FH_FRAMING_EVENTSTREAM);
    assert_text(frame_lines_shown(arena, fh_buf_slice(&out)), "ping {}\n");
}

/* ---- limits ---- */

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
    struct fh_reply_frame *frame = fh_new(arena, struct fh_reply_frame);

    *frame = story_frame_of(dialect);
    s.loss->arena = arena;
    s.encoder = dialect->stream_encoder_new(arena, frame);
    return s;
}

static void say(struct speaker *s, enum fh_event_kind kind, enum fh_block_kind block,
                uint32_t index, struct fh_slice text)
{
    FH_AUTO(fh_arena_free) struct fh_arena *scratch = fh_arena_new(ARENA_MAX);
    struct fh_event event = {.kind = kind,
                             .dialect = FH_DIALECT_OPENAI_CHAT,
                             .block = block,
                             .index = index,
                             .text = text,
                             .id = FH_LIT("id"),
                             .name = FH_LIT("f"),
                             .media_type = FH_LIT("image/png")};

    dialect->encode_stream(s->encoder, &s->out, scratch, &event, s->loss);
}

static struct fh_slice zeros(struct fh_arena *arena, size_t len)
{
    return fh_slice(memset(fh_arena_raw(arena, len), 0x30, len), len); /* digits */
}

static bool failed(struct speaker *s)
{
    struct fh_slice lines = frame_lines_shown(s->arena, fh_buf_slice(&s->out));

    return fh_contains(lines, FH_LIT("!internalServerException"));
}

/* What waits, what a signature and what an image may take. */
static void test_what_is_held_is_bounded(void **state)
{
    static const struct {
        enum fh_block_kind block;
        enum fh_event_kind kind;
        uint32_t index; /* 1: said in a block that waits for block 0 */
        size_t most;
    } rows[] = {
        {FH_BLOCK_TOOL_CALL, FH_EVENT_ARGUMENTS, 1, (1 << 20) - 4096},
        {FH_BLOCK_THINKING, FH_EVENT_SIGNATURE, 0, 1 << 20},
        {FH_BLOCK_IMAGE, FH_EVENT_DATA, 0, 1 << 23},
    };

    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(rows); i++) {
        for (int more = 0; more < 2; more++) {
            FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
            struct speaker s = new_speaker(arena);
            size_t most = rows[i].most;

            tap_context("row %zu, more %d", i, more);
            say(&s, FH_EVENT_START, FH_BLOCK_TEXT, 0, FH_NONE);
            say(&s, FH_EVENT_BLOCK_START, rows[i].block, 0, FH_NONE);
            if (rows[i].index == 1) {
                say(&s, FH_EVENT_BLOCK_START, rows[i].block, 1, FH_NONE);
            }
            say(&s, rows[i].kind, rows[i].block, rows[i].index, zeros(arena, most));
            assert_false(failed(&s));
            for (int n = 0; more == 1 && n < 4; n++) {
                say(&s, rows[i].kind, rows[i].block, rows[i].index, zeros(arena, 1 << 23));
            }
            say(&s, FH_EVENT_FINISH, FH_BLOCK_TEXT, 0, FH_NONE);
            assert_int_equal(failed(&s), more == 1);
        }
    }
}

static struct fh_slice redacted(struct fh_arena *arena, size_t pieces)
{
    struct fh_buf text = fh_buf_in_arena(arena, TEXT_MAX);

    fh_buf_append(&text, FH_LIT("messageStart {\"role\":\"assistant\"}\n"));
    for (size_t i = 0; i < pieces; i++) {
        fh_buf_append(&text, FH_LIT("contentBlockDelta {\"contentBlockIndex\":0,\"delta\":"
                                    "{\"reasoningContent\":{\"redactedContent\":\""));
        for (int n = 0; n < 1 << 18; n++) {
            fh_buf_byte(&text, 'Q');
        }
        fh_buf_append(&text, FH_LIT("\"}}}\n"));
    }
    fh_buf_append(&text, FH_LIT("contentBlockStop {\"contentBlockIndex\":0}\n"));
    return frame_lines_wire(arena, fh_buf_slice(&text));
}

static void test_redacted_thinking_is_bounded(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    struct fh_loss *loss = fh_new(arena, struct fh_loss);
    struct story_stream few =
        story_run(arena, dialect, dialect, redacted(arena, 5), SIZE_MAX, loss);
    struct story_stream many =
        story_run(arena, dialect, dialect, redacted(arena, 6), SIZE_MAX, loss);

    FH_UNUSED(state);
    assert_false(few.failed);
    assert_true(many.failed);
    assert_true(fh_contains(fh_buf_slice(&many.trace), FH_LIT("than can be kept")));
}

/* A body may have more in it than its arena takes; then it is refused, and nothing else happens. */
static void test_a_body_is_bounded_by_its_arena(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    struct fh_buf body = fh_buf_in_arena(arena, TEXT_MAX);
    size_t refused = 0;

    FH_UNUSED(state);
    fh_buf_append(&body, FH_LIT("{\"messages\":[{\"role\":\"user\",\"content\":["));
    for (int i = 0; i < 1000; i++) {
        fh_buf_append(&body, FH_LIT("{\"text\":\"a\"},"));
    }
    fh_buf_append(&body, FH_LIT("{\"text\":\"a\"}]}]}"));
    for (size_t cap = 1 << 10; cap <= 1 << 22; cap *= 2) {
        FH_AUTO(fh_arena_free) struct fh_arena *small = fh_arena_new(cap);
        struct fh_complaint why = {0};
        struct fh_chat_request req;

        if (dialect->decode_request(&req, small, fh_buf_slice(&body), &why) != FH_OK) {
            assert_int_equal(why.kind, FH_REFUSE_TOO_LARGE);
            refused++;
        } else {
            assert_true(cap >= body.len);
        }
    }
    assert_true(refused > 0 && refused < 12);
}

/* Names of documents differ, however many there are. */
static void test_documents_have_names_that_differ(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    struct fh_buf body = fh_buf_in_arena(arena, TEXT_MAX);
    struct fh_buf out = fh_buf_in_arena(arena, TEXT_MAX);
    struct fh_loss *loss = fh_new(arena, struct fh_loss);

    FH_UNUSED(state);
    fh_buf_append(&body, FH_LIT("{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":"
                                "\"user\",\"content\":["));
    for (int i = 0; i < 40; i++) {
        fh_buf_printf(&body,
                      "%s{\"type\":\"document\",\"title\":\"%s\",\"source\":{\"type\":\"text\","
                      "\"media_type\":\"text/plain\",\"data\":\"x\"}}",
                      i == 0 ? "" : ",", i % 2 == 0 ? "Q" : "q");
    }
    fh_buf_append(&body, FH_LIT("]}]}"));
    assert_true(story_translate(&out, arena, &fh_dialect_anthropic, dialect,
                                fh_buf_slice(&body), loss));
    for (int i = 0; i < 40; i++) {
        struct fh_buf name = fh_buf_in_arena(arena, 64);

        fh_buf_printf(&name, i == 0 ? "\"name\":\"Q\"" : "\"name\":\"%s-%d\"",
                      i % 2 == 0 ? "Q" : "q", i + 1);
        assert_true(fh_contains(fh_buf_slice(&out), fh_buf_slice(&name)));
    }
}

/* ---- words ---- */

static void test_formats_say_what_they_are_read_as(void **state)
{
    static const struct {
        enum fh_block_kind kind;
        struct fh_slice format;
    } formats[] = {
#define X(what, word, type) {FH_BLOCK_##what, FH_LIT_INIT(word)},
        FH_BEDROCK_MEDIA(X)
#undef X
    };

    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(formats); i++) {
        struct fh_slice type = fh_bedrock_media_type(formats[i].kind, formats[i].format);

        tap_context("%.*s", FH_ARG(formats[i].format));
        assert_true(type.len > 0);
        assert_true(fh_eq(fh_bedrock_format(formats[i].kind, type), formats[i].format));
    }
    assert_text(fh_bedrock_format(FH_BLOCK_AUDIO, FH_LIT("Audio/WAV; rate=1")), "wav");
    assert_int_equal(fh_bedrock_format(FH_BLOCK_IMAGE, FH_LIT("application/pdf")).len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY_TESTS,
        cmocka_unit_test(test_fields_are_said),
        cmocka_unit_test(test_thinking_survives_clients_of_other_dialects),
        cmocka_unit_test(test_thinking_survives_a_client_of_ours),
        cmocka_unit_test(test_every_error_has_its_exception),
        cmocka_unit_test(test_models_and_profiles_are_listed),
        cmocka_unit_test(test_counts_ask_for_what_counts),
        cmocka_unit_test(test_a_ping_is_an_event_that_nobody_knows),
        cmocka_unit_test(test_what_is_held_is_bounded),
        cmocka_unit_test(test_redacted_thinking_is_bounded),
        cmocka_unit_test(test_a_body_is_bounded_by_its_arena),
        cmocka_unit_test(test_documents_have_names_that_differ),
        cmocka_unit_test(test_formats_say_what_they_are_read_as),
    };

    story_dialect = dialect;
    story_folder = "core/dialect/bedrock/vectors";
    return cmocka_run_group_tests_name("bedrock", tests, NULL, NULL);
}
