/* test_anthropic.c: the vectors, every stream of them at every cut, and what no text file can say.
 * SPDX-License-Identifier: Apache-2.0 */
#include "story.h"

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
    struct fh_reply_frame frame = story_frame_of(dialect);

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
        cmocka_unit_test(test_interleaved_blocks_are_put_in_order),
        cmocka_unit_test(test_what_waits_is_bounded),
        cmocka_unit_test(test_a_stream_without_its_end_does_not_look_ended),
        cmocka_unit_test(test_the_arena_bounds_a_request),
    };
    story_dialect = dialect;
    story_folder = "core/dialect/anthropic/vectors";
    return cmocka_run_group_tests_name("anthropic", tests, NULL, NULL);
}
