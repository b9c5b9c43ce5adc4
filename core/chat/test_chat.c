/* test_chat.c: usage merges, losses are listed, places have their JSON pointer, media are URLs,
 * schemas are JSON Schema, turns are whole.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include "chat/breakpoint.h"
#include "chat/event.h"
#include "chat/media.h"
#include "chat/openapi.h"
#include "chat/read.h"
#include "chat/turn.h"

static void test_usage_merges_class_by_class(void **state)
{
    struct fh_usage sum = {0};
    struct fh_usage first = {0};
    struct fh_usage last = {0};

    FH_UNUSED(state);
    fh_usage_set(&first, FH_TOKENS_INPUT, 12);
    fh_usage_set(&first, FH_TOKENS_CACHE_READ, 0);
    fh_usage_set(&first, FH_TOKENS_OUTPUT, 1);
    fh_usage_set(&last, FH_TOKENS_OUTPUT, 7);
    fh_usage_merge(&sum, &first);
    fh_usage_merge(&sum, &last);
    assert_int_equal(sum.count[FH_TOKENS_INPUT], 12);
    assert_int_equal(sum.count[FH_TOKENS_OUTPUT], 7);
    assert_true(fh_usage_has(&sum, FH_TOKENS_CACHE_READ));      /* zero is a value */
    assert_false(fh_usage_has(&sum, FH_TOKENS_CACHE_WRITE_1H)); /* missing is not zero */
    fh_usage_set(&sum, FH_TOKENS_CACHE_WRITE_1H, UINT64_MAX);
    assert_true(fh_usage_input(&sum) == UINT64_MAX);
}

static void test_places_have_their_pointer(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 16);
    struct fh_path messages = {NULL, FH_LIT_INIT("messages"), 0};
    struct fh_path third = {&messages, FH_LIT_INIT(""), 3};

    FH_UNUSED(state);
    third.key = FH_NONE;
    assert_text(fh_path_print(&third, FH_LIT("a/b~c"), arena), "/messages/3/a~1b~0c");
    assert_text(fh_path_print(&third, FH_NONE, arena), "/messages/3");
    assert_text(fh_path_print(NULL, FH_LIT("n"), arena), "/n");
}

static void test_losses_are_listed_and_counted(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 16);
    struct fh_loss *loss = fh_new(arena, struct fh_loss);
    struct fh_buf out = fh_buf_in_arena(arena, 8192);

    FH_UNUSED(state);
    loss->arena = arena;
    fh_loss_add(loss, FH_LIT("/a"), "why");
    fh_loss_add(loss, FH_LIT("/b,c \xc3\xa9"), "why");
    fh_loss_print(loss, 0, &out);
    assert_text(fh_buf_slice(&out), "/a, /b%2Cc%20%C3%A9");
    fh_buf_clear(&out);
    fh_loss_print(loss, 1, &out);
    assert_text(fh_buf_slice(&out), "/b%2Cc%20%C3%A9");
    fh_loss_add(loss, FH_LIT("/a"), "another reason");
    assert_int_equal(loss->count, 2);
    for (int i = 0; i < FH_LOSS_MAX; i++) {
        uint8_t pointer[] = {'/', (uint8_t)('0' + i), 'x'};

        fh_loss_add(loss, fh_slice(pointer, sizeof(pointer)), "why");
    }
    assert_int_equal(loss->count, FH_LOSS_MAX + 2);
    fh_buf_clear(&out);
    fh_loss_print(loss, 0, &out);
    assert_true(fh_ends(fh_buf_slice(&out), FH_LIT("mx, and 2 more")));
}

static void test_every_status_means_something(void **state)
{
    FH_UNUSED(state);
    for (uint16_t status = 300; status < 600; status++) {
        assert_true(fh_refusal_of_status(status) < FH_REFUSAL_COUNT);
    }
    assert_int_equal(fh_refusal_of_status(401), FH_REFUSE_UPSTREAM_DENIED);
    assert_int_equal(fh_refusal_of_status(418), FH_REFUSE_BAD_REQUEST);
    assert_int_equal(fh_refusal_of_status(599), FH_REFUSE_UPSTREAM_FAILED);
    assert_text(fh_refusal_row(FH_REFUSE_BAD_KEY)->openai.code, "invalid_api_key");
}

static void test_events_keep_their_order(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 16);
    struct fh_events events = {.arena = arena};

    FH_UNUSED(state);
    for (uint32_t i = 0; i < 100; i++) {
        fh_event_push(&events, FH_EVENT_TEXT)->index = i;
    }
    for (uint32_t i = 0; i < 100; i++) {
        assert_int_equal(events.list[i].index, i);
    }
}

static void test_data_urls_are_parted_and_put_together(void **state)
{
    static const struct {
        const char *url, *media_type, *data; /* media_type NULL: it is left alone */
    } cases[] = {
        {"data:image/png;base64,iVBO", "image/png", "iVBO"},
        {"data:text/plain;charset=utf-8;base64,aA==", "text/plain;charset=utf-8", "aA=="},
        {"data:image/png;base64,", "image/png", ""},
        {"data:image/png;base64,a,b", "image/png", "a,b"},
        {"data:;base64,aA==", NULL, NULL},
        {"data:text/plain,hello", NULL, NULL},
        {"data:image/png;base64", NULL, NULL},
        {"data:", NULL, NULL},
        {"https://example.com/a;base64,b", NULL, NULL},
    };
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 16);

    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(cases); i++) {
        struct fh_slice media_type = FH_NONE;
        struct fh_slice data = FH_NONE;
        bool parted = fh_data_url_split(fh_cstr(cases[i].url), &media_type, &data);

        tap_context("%s", cases[i].url);
        assert_int_equal(parted, cases[i].media_type != NULL);
        if (parted) {
            assert_text(media_type, cases[i].media_type);
            assert_text(data, cases[i].data);
            assert_text(fh_data_url(arena, media_type, data), cases[i].url);
        }
    }
}

static void test_breakpoints_are_what_they_were(void **state)
{
    static const struct {
        const char *json;
        bool known;
    } cases[] = {
        {"{\"type\":\"ephemeral\"}", true},
        {"{\"type\":\"ephemeral\",\"ttl\":\"5m\"}", true},
        {"{\"type\":\"ephemeral\",\"ttl\":\"1h\"}", true},
        {"{\"type\":\"ephemeral\",\"ttl\":\"2h\"}", false},
        {"{\"type\":\"ephemeral\",\"scope\":\"5m\"}", false},
        {"{\"type\":\"ephemeral\",\"ttl\":\"1h\",\"scope\":\"all\"}", false},
        {"{\"type\":\"persistent\"}", false},
        {"{}", false},
        {"\"ephemeral\"", false},
    };
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 20);

    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(cases); i++) {
        struct fh_buf out = fh_buf_in_arena(arena, 1024);
        struct fh_writer w = {.doc = fh_json_new(arena), .scratch = arena};
        yyjson_mut_val *obj = yyjson_mut_obj(w.doc);
        enum fh_cache cache = FH_CACHE_NONE;
        yyjson_val *control = NULL;
        struct fh_error why;

        tap_context("%s", cases[i].json);
        assert_int_equal(fh_json_parse(arena, fh_cstr(cases[i].json), &control, &why), FH_OK);
        assert_int_equal(fh_breakpoint_read(control, &cache), cases[i].known);
        fh_breakpoint_write(&w, obj, "c", cache);
        fh_json_append(&out, arena, obj);
        struct fh_slice parts[] = {FH_LIT("{\"c\":"), fh_cstr(cases[i].json), FH_LIT("}"),
                                   FH_LIT("\0")};

        assert_text(fh_buf_slice(&out),
                    cases[i].known ? (const char *)fh_concat(arena, parts, 4).ptr : "{}");
    }
}

static void test_seals_are_found_in_bodies(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 16);
    struct fh_buf body = fh_buf_in_arena(arena, 1024);

    FH_UNUSED(state);
    for (int signer = 0; signer < FH_SIGNERS; signer++) {
        fh_buf_clear(&body);
        fh_buf_append(&body, FH_LIT("{\"signature\": \""));
        fh_seal_write(&body, FH_SIGNER_CLAUDE, (enum fh_signer)signer, FH_LIT("EqQB"));
        fh_buf_append(&body, FH_LIT("\"}"));
        assert_int_equal(fh_seal_maybe_in(fh_buf_slice(&body)), signer != FH_SIGNER_CLAUDE);
    }
}

static void test_what_is_shown_ends_with_a_character(void **state)
{
    FH_UNUSED(state);
    assert_text(fh_read_shown(FH_LIT("short")), "short");
    for (size_t before = 0; before < 64; before++) {
        char text[128];

        (void)memset(text, 'a', sizeof(text));
        (void)snprintf(text + before, sizeof(text) - before, "\xf0\x9f\x98\x80");
        struct fh_slice shown = fh_read_shown(fh_cstr(text));

        assert_true(shown.len <= 48 && shown.len >= fh_min(before + 4, 45));
        assert_true(fh_utf8_ok(shown));
    }
}

static void test_openapi_is_said_as_json_schema(void **state)
{
    static const struct {
        const char *openapi, *schema; /* NULL: it is left as it is */
    } cases[] = {
        {"{\"type\":\"OBJECT\",\"properties\":{\"type\":{\"type\":\"STRING\"}}}",
         "{\"type\":\"object\",\"properties\":{\"type\":{\"type\":\"string\"}}}"},
        {"{\"type\":\"object\",\"properties\":{\"nullable\":{\"type\":\"string\"}}}", NULL},
        {"{\"type\":[\"string\",\"null\"],\"enum\":[\"STRING\"],\"default\":\"NUMBER\"}", NULL},
        {"{\"type\":\"STRING\",\"nullable\":true,\"enum\":[\"a\"]}",
         "{\"type\":[\"string\",\"null\"],\"enum\":[\"a\",null]}"},
        {"{\"type\":\"STRING\",\"nullable\":false}", "{\"type\":\"string\"}"},
        {"{\"nullable\":true,\"anyOf\":[{\"type\":\"NUMBER\"}]}",
         "{\"anyOf\":[{\"type\":\"number\"},{\"type\":\"null\"}]}"},
        {"{\"type\":\"ARRAY\",\"items\":{\"type\":\"ARRAY\",\"items\":{\"type\":\"INTEGER\"}},"
         "\"minItems\":\"2\",\"maxItems\":3,\"minLength\":\"x\"}",
         "{\"type\":\"array\",\"items\":{\"type\":\"array\",\"items\":{\"type\":\"integer\"}},"
         "\"minItems\":2,\"maxItems\":3,\"minLength\":\"x\"}"},
        {"{\"type\":\"TYPE_UNSPECIFIED\",\"format\":\"enum\",\"example\":{\"type\":\"STRING\"}"
         "}",
         "{\"examples\":[{\"type\":\"STRING\"}]}"},
        {"{\"type\":\"STRING\",\"format\":\"date-time\",\"propertyOrdering\":[\"a\"]}",
         "{\"type\":\"string\",\"format\":\"date-time\"}"},
        {"{\"maximum\":1.50,\"additionalProperties\":{\"type\":\"BOOLEAN\"}}",
         "{\"maximum\":1.50,\"additionalProperties\":{\"type\":\"boolean\"}}"},
        {"{}", NULL},
        {"true", NULL},
    };

    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(cases); i++) {
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 20);
        struct fh_buf out = fh_buf_in_arena(arena, 1024);
        yyjson_val *schema = NULL;
        struct fh_error why;

        tap_context("%s", cases[i].openapi);
        assert_int_equal(fh_json_parse(arena, fh_cstr(cases[i].openapi), &schema, &why), FH_OK);
        yyjson_val *changed = fh_openapi_schema(arena, schema);

        assert_int_equal(changed == schema, cases[i].schema == NULL);
        fh_json_append_val(&out, arena, changed);
        assert_text(fh_buf_slice(&out),
                    cases[i].schema == NULL ? cases[i].openapi : cases[i].schema);
    }
}

/* A schema as deep as bodies may be, each in another. */
static void test_openapi_of_any_depth(void **state)
{
    enum { DEPTH = 1000 };
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 24);
    struct fh_buf text = fh_buf_in_arena(arena, 1 << 20);
    struct fh_buf out = fh_buf_in_arena(arena, 1 << 20);
    yyjson_val *schema = NULL;
    struct fh_error why;

    FH_UNUSED(state);
    for (int i = 0; i < DEPTH; i++) {
        fh_buf_append(&text, FH_LIT("{\"type\":\"ARRAY\",\"items\":"));
    }
    fh_buf_append(&text, FH_LIT("{}"));
    for (int i = 0; i < DEPTH; i++) {
        fh_buf_byte(&text, '}');
    }
    assert_int_equal(fh_json_parse(arena, fh_buf_slice(&text), &schema, &why), FH_OK);
    fh_json_append_val(&out, arena, fh_openapi_schema(arena, schema));
    assert_false(fh_contains(fh_buf_slice(&out), FH_LIT("ARRAY")));
    assert_int_equal(out.len, text.len);
}

static struct fh_block *say(struct fh_chat_request *req, struct fh_arena *arena, bool goes_on,
                            enum fh_block_kind kind, const char *text)
{
    struct fh_message *message = fh_message_add(req, arena, FH_ROLE_ASSISTANT);
    struct fh_block *block = fh_block_add(&message->content, arena, kind);

    message->goes_on = goes_on;
    block->text = fh_cstr(text);
    return block;
}

static void test_turns_in_pieces_are_joined(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 20);
    struct fh_chat_request req;

    FH_UNUSED(state);
    fh_chat_request_init(&req, FH_DIALECT_GEMINI);
    (void)say(&req, arena, false, FH_BLOCK_TEXT, "of its own");
    (void)say(&req, arena, false, FH_BLOCK_THINKING, "Let");
    (void)say(&req, arena, true, FH_BLOCK_THINKING, " me");
    say(&req, arena, true, FH_BLOCK_THINKING, "")->signature = FH_LIT("sig");
    (void)say(&req, arena, true, FH_BLOCK_THINKING, "again");
    (void)say(&req, arena, true, FH_BLOCK_TEXT, "Hel");
    (void)say(&req, arena, true, FH_BLOCK_TEXT, "lo");
    (void)fh_message_add(&req, arena, FH_ROLE_ASSISTANT);
    req.last_message->goes_on = true; /* nothing in it */
    say(&req, arena, true, FH_BLOCK_TEXT, "!")->cache = FH_CACHE_5M;
    (void)say(&req, arena, true, FH_BLOCK_TEXT, "behind a breakpoint");
    (void)fh_message_add(&req, arena, FH_ROLE_USER);
    fh_turns_join(&req, arena);

    const struct fh_message *turn = req.first_message->next;
    const struct fh_block *block = turn->content.first;
    static const char *const texts[] = {"Let me", "again", "Hello!", "behind a breakpoint"};

    assert_text(req.first_message->content.first->text, "of its own");
    assert_true(turn->next == req.last_message && req.last_message->next == NULL);
    assert_text(block->signature, "sig");
    for (size_t i = 0; i < FH_LEN(texts); i++) {
        assert_text(block->text, texts[i]);
        assert_int_equal(block->next == NULL, i + 1 == FH_LEN(texts));
        assert_true(block->next != NULL || block == turn->content.last);
        block = block->next;
    }
}

static void test_thoughts_in_pieces_are_joined(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 20);
    struct fh_chat_request req;
    static const char *const pieces[] = {"Let", " me", " think"};

    FH_UNUSED(state);
    fh_chat_request_init(&req, FH_DIALECT_GEMINI);
    struct fh_blocks *content = &fh_message_add(&req, arena, FH_ROLE_ASSISTANT)->content;

    for (size_t i = 0; i < FH_LEN(pieces); i++) {
        fh_block_add(content, arena, FH_BLOCK_THINKING)->text = fh_cstr(pieces[i]);
    }
    fh_block_add(content, arena, FH_BLOCK_THINKING)->signature = FH_LIT("sig");
    fh_block_add(content, arena, FH_BLOCK_THINKING)->text = FH_LIT("Once more");
    fh_turns_join(&req, arena);

    assert_text(content->first->text, "Let me think");
    assert_text(content->first->signature, "sig");
    assert_true(content->first->next == content->last && content->last->next == NULL);
    assert_text(content->last->text, "Once more");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_usage_merges_class_by_class),
        cmocka_unit_test(test_places_have_their_pointer),
        cmocka_unit_test(test_losses_are_listed_and_counted),
        cmocka_unit_test(test_every_status_means_something),
        cmocka_unit_test(test_events_keep_their_order),
        cmocka_unit_test(test_data_urls_are_parted_and_put_together),
        cmocka_unit_test(test_breakpoints_are_what_they_were),
        cmocka_unit_test(test_what_is_shown_ends_with_a_character),
        cmocka_unit_test(test_seals_are_found_in_bodies),
        cmocka_unit_test(test_openapi_is_said_as_json_schema),
        cmocka_unit_test(test_openapi_of_any_depth),
        cmocka_unit_test(test_turns_in_pieces_are_joined),
        cmocka_unit_test(test_thoughts_in_pieces_are_joined),
    };
    return cmocka_run_group_tests_name("chat", tests, NULL, NULL);
}
