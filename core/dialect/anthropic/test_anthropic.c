/* test_anthropic.c: the vectors, every stream of them at every cut, and what no text file can say.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"
#include "trace_anthropic.h"

#include <dirent.h>

enum { ARENA_MAX = 1 << 26, TEXT_MAX = 1 << 24, FILES_MAX = 64 };

static const struct fh_dialect *const dialect = &fh_dialect_anthropic;

static const struct fh_reply_frame frame = {.request_id = FH_LIT_INIT("req_1"),
                                            .model = FH_LIT_INIT("a-model")};

/* ---- what becomes of an input ---- */

static void append_losses(struct fh_buf *out, const struct fh_loss *loss)
{
    for (uint32_t i = 0; i < fh_loss_listed(loss); i++) {
        fh_buf_printf(out, "\nlost %.*s: %s", FH_ARG(loss->entry[i].pointer),
                      loss->entry[i].why);
    }
}

/* translate reads a client's request of `from` and writes it in our dialect. */
static void translate(struct fh_buf *out, struct fh_arena *arena, const struct fh_dialect *from,
                      struct fh_slice body)
{
    struct fh_chat_request *req = fh_new(arena, struct fh_chat_request);
    struct fh_loss *loss = fh_new(arena, struct fh_loss);
    struct fh_buf json = fh_buf_in_arena(arena, TEXT_MAX);
    struct fh_complaint why = {0};

    loss->arena = arena;
    if (from->decode_request(req, arena, body, &why) != FH_OK ||
        dialect->encode_request(&json, arena, req, loss, &why) != FH_OK) {
        fh_buf_printf(out, "%.*s %.*s", FH_ARG(fh_refusal_row(why.kind)->name),
                      FH_ARG(why.message));
        return;
    }
    fh_buf_append(out, fh_buf_slice(&json));
    append_losses(out, loss);
}

static void on_request(struct fh_buf *out, struct fh_arena *arena, struct fh_slice body)
{
    translate(out, arena, dialect, body);
}

static void on_openai(struct fh_buf *out, struct fh_arena *arena, struct fh_slice body)
{
    translate(out, arena, &fh_dialect_openai_chat, body);
}

static void on_reply(struct fh_buf *out, struct fh_arena *arena, struct fh_slice body)
{
    struct fh_events events;

    (void)trace_reply(out, arena, body, &events);
}

static void on_stream(struct fh_buf *out, struct fh_arena *arena, struct fh_slice body)
{
    struct trace_stream t = trace_sse(arena, body, fh_max(body.len, 1));

    fh_buf_append(out, fh_buf_slice(&t.trace));
    if (!t.ended && !t.failed) {
        fh_buf_append(out, FH_LIT("cut"));
    }
}

/* on_openai_stream shows what a client of ours reads of another dialect's stream. */
static void on_openai_stream(struct fh_buf *out, struct fh_arena *arena, struct fh_slice body)
{
    const struct fh_dialect *from = &fh_dialect_openai_chat;
    struct fh_sse_decoder *sse = fh_sse_decoder_new(arena, 1 << 20);
    struct fh_loss *loss = fh_new(arena, struct fh_loss);
    struct fh_buf wire = fh_buf_in_arena(arena, TEXT_MAX);
    void *decoder = from->stream_decoder_new(arena);
    void *encoder = dialect->stream_encoder_new(arena, &frame);
    struct fh_frame event;

    loss->arena = arena;
    fh_sse_feed(sse, body);
    while (fh_sse_next(sse, &event) == FH_STEP_EVENT) {
        FH_AUTO(fh_arena_free) struct fh_arena *scratch = fh_arena_new(ARENA_MAX);
        struct fh_events events = {.arena = scratch};
        struct fh_complaint why = {0};

        assert_int_equal(from->decode_stream(decoder, &events, &event, &why), FH_OK);
        for (size_t i = 0; i < events.count; i++) {
            dialect->encode_stream(encoder, &wire, scratch, &events.list[i], loss);
        }
    }
    fh_sse_decoder_fini(sse);
    on_stream(out, arena, fh_buf_slice(&wire));
    append_losses(out, loss);
}

/* on_openai_reply shows the whole reply that a client of ours gets of another dialect's. */
static void on_openai_reply(struct fh_buf *out, struct fh_arena *arena, struct fh_slice body)
{
    struct fh_events events = {.arena = arena};
    struct fh_loss *loss = fh_new(arena, struct fh_loss);
    struct fh_complaint why = {0};

    loss->arena = arena;
    assert_int_equal(fh_dialect_openai_chat.decode_reply(&events, body, &why), FH_OK);
    dialect->encode_reply(out, arena, &frame, &events, loss);
    append_losses(out, loss);
}

/* on_fault: the first line is the status. */
static void on_fault(struct fh_buf *out, struct fh_arena *arena, struct fh_slice body)
{
    struct fh_slice status = FH_NONE;
    struct fh_fault fault = {0};
    char digits[8];

    assert_true(fh_split(&body, '\n', &status));
    (void)snprintf(digits, sizeof(digits), "%.*s", FH_ARG(status));
    dialect->decode_fault(&fault, arena, (uint16_t)strtoul(digits, NULL, 10), body);
    fh_buf_printf(out, "%.*s %u %.*s\n", FH_ARG(fh_refusal_row(fault.kind)->name),
                  dialect->fault_status(&fault), FH_ARG(fault.message));
    dialect->encode_fault(out, arena, FH_LIT("req_1"), &fault, FH_FRAMING_NONE);
}

/* The kinds of input that a vector may have. */
static const struct kind {
    struct fh_slice name;
    void (*on)(struct fh_buf *out, struct fh_arena *arena, struct fh_slice body);
} kinds[] = {
    {FH_LIT_INIT("request"), on_request}, {FH_LIT_INIT("openai request"), on_openai},
    {FH_LIT_INIT("reply"), on_reply},     {FH_LIT_INIT("openai reply"), on_openai_reply},
    {FH_LIT_INIT("stream"), on_stream},   {FH_LIT_INIT("openai stream"), on_openai_stream},
    {FH_LIT_INIT("fault"), on_fault},
};

/* ---- vectors ---- */

struct vector {
    const struct kind *kind;
    struct fh_slice title, input, want;
};

static const struct kind *kind_of(struct fh_slice name)
{
    for (size_t i = 0; i < FH_LEN(kinds); i++) {
        if (fh_eq(kinds[i].name, name)) {
            return &kinds[i];
        }
    }
    fail_msg("no such section: %.*s", FH_ARG(name));
    return NULL;
}

/* take_section takes "== head\nbody" off the front; the body ends where the next one starts. */
static bool take_section(struct fh_slice *file, struct fh_slice *head, struct fh_slice *body)
{
    while (!fh_starts(*file, FH_LIT("== "))) {
        if (!fh_split(file, '\n', head)) {
            return false; /* nothing but comments left */
        }
    }
    assert_true(fh_split(file, '\n', head));
    *head = fh_tail(*head, 3);
    *body = fh_head(*file, fh_min(fh_search(*file, FH_LIT("\n== ")) + 1, file->len));
    *file = fh_tail(*file, body->len);
    return true;
}

/* next_vector reads `== KIND: title`, the input, `== gives` and what is wanted. */
static bool next_vector(struct fh_slice *file, struct vector *v)
{
    struct fh_slice head = FH_NONE;
    struct fh_slice name = FH_NONE;

    if (!take_section(file, &head, &v->input)) {
        return false;
    }
    assert_true(fh_split(&head, ':', &name));
    v->kind = kind_of(name);
    v->title = fh_trim(head);
    assert_true(take_section(file, &head, &v->want));
    assert_true(fh_eq(head, FH_LIT("gives")));
    return true;
}

/* stripped drops empty lines at the end: they are there for the reader. */
static struct fh_slice stripped(struct fh_slice s)
{
    while (s.len > 0 && s.ptr[s.len - 1] == '\n') {
        s = fh_head(s, s.len - 1);
    }
    return s;
}

typedef void vector_fn(struct fh_arena *arena, const struct vector *v);

/* each_vector runs `fn` on all vectors of the folder; how many there were. */
static size_t each_vector(vector_fn *fn)
{
    FH_AUTO(fh_arena_free) struct fh_arena *files = fh_arena_new(ARENA_MAX);
    struct fh_slice folder = FH_LIT("core/dialect/anthropic/vectors/");
    const char *root = getenv("FREEHOLD_SOURCE_ROOT");
    struct fh_slice path[] = {fh_cstr(root == NULL ? "." : root), FH_LIT("/"), folder,
                              FH_LIT("\0")};
    DIR *dir = opendir((const char *)fh_concat(files, path, FH_LEN(path)).ptr);
    size_t count = 0;

    assert_non_null(dir);
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        struct fh_slice parts[] = {folder, fh_cstr(e->d_name), FH_LIT("\0")};
        struct fh_slice text = FH_NONE;
        struct vector v;

        if (!fh_ends(fh_cstr(e->d_name), FH_LIT(".tv"))) {
            continue;
        }
        assert_true(tap_read_file((const char *)fh_concat(files, parts, FH_LEN(parts)).ptr,
                                  files, &text));
        while (next_vector(&text, &v)) {
            FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);

            tap_context("%s: %.*s: %.*s", e->d_name, FH_ARG(v.kind->name), FH_ARG(v.title));
            fn(arena, &v);
            count++;
        }
    }
    (void)closedir(dir);
    return count;
}

static void check(struct fh_arena *arena, const struct vector *v)
{
    struct fh_buf out = fh_buf_in_arena(arena, TEXT_MAX);
    struct fh_slice want[] = {stripped(v->want), FH_LIT("\0")};

    v->kind->on(&out, arena, v->input);
    assert_text(stripped(fh_buf_slice(&out)),
                (const char *)fh_concat(arena, want, FH_LEN(want)).ptr);
}

static void test_vectors(void **state)
{
    FH_UNUSED(state);
    size_t count = each_vector(check);

    (void)printf("# %zu vectors\n", count);
    assert_true(count > 40);
}

static void cut(struct fh_arena *arena, const struct vector *v)
{
    if (!fh_eq(v->kind->name, FH_LIT("stream"))) {
        return;
    }
    struct trace_stream whole = trace_sse(arena, v->input, fh_max(v->input.len, 1));

    for (size_t step = 1; step < v->input.len; step++) {
        FH_AUTO(fh_arena_free) struct fh_arena *again = fh_arena_new(ARENA_MAX);
        struct trace_stream pieces = trace_sse(again, v->input, step);

        if (!fh_eq(fh_buf_slice(&pieces.trace), fh_buf_slice(&whole.trace)) ||
            !fh_eq(fh_buf_slice(&pieces.wire), fh_buf_slice(&whole.wire))) {
            fail_msg("%s: in pieces of %zu", tap_where, step);
        }
    }
}

static void test_every_cut_tells_the_same_story(void **state)
{
    FH_UNUSED(state);
    assert_true(each_vector(cut) > 0);
}

/* A scan of bytes that pass must count what the decoder counts, and a stream that failed must not
 * look as if it had ended. */
static void scan(struct fh_arena *arena, const struct vector *v)
{
    if (fh_eq(v->kind->name, FH_LIT("stream"))) {
        struct trace_stream t = trace_sse(arena, v->input, fh_max(v->input.len, 1));

        if (!t.failed) { /* what comes after a fault is not decoded, but may count */
            assert_memory_equal(t.watch.usage.count, t.usage.count, sizeof(t.usage.count));
            assert_int_equal(t.watch.usage.seen, t.usage.seen);
        }
        if (!t.ended) {
            assert_false(fh_contains(fh_buf_slice(&t.wire), FH_LIT("event: message_stop")));
        }
    } else if (fh_eq(v->kind->name, FH_LIT("reply"))) {
        struct fh_buf out = fh_buf_in_arena(arena, TEXT_MAX);
        struct fh_events events;
        struct fh_usage usage = {0};
        struct fh_watch watch = {0};

        dialect->scan_reply(&watch, arena, v->input);
        if (!trace_reply(&out, arena, v->input, &events)) {
            return;
        }
        for (size_t i = 0; i < events.count; i++) {
            fh_usage_merge(&usage, &events.list[i].usage);
            if (events.list[i].kind == FH_EVENT_ERROR) {
                assert_true(watch.failed);
                assert_int_equal(watch.failure, events.list[i].fault.kind);
            }
        }
        assert_memory_equal(watch.usage.count, usage.count, sizeof(usage.count));
        assert_int_equal(watch.ended, !watch.failed);
    }
}

static void test_scans_see_what_decoders_see(void **state)
{
    FH_UNUSED(state);
    assert_true(each_vector(scan) > 0);
}

/* ---- what no text file can say ---- */

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

    struct trace_stream t = trace_sse(arena, fh_buf_slice(&s.out), 1 << 20);

    assert_text(fh_buf_slice(&t.trace), "start msg_req_1 a-model\n"
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
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_every_cut_tells_the_same_story),
        cmocka_unit_test(test_scans_see_what_decoders_see),
        cmocka_unit_test(test_interleaved_blocks_are_put_in_order),
        cmocka_unit_test(test_what_waits_is_bounded),
        cmocka_unit_test(test_a_stream_without_its_end_does_not_look_ended),
        cmocka_unit_test(test_the_arena_bounds_a_request),
    };
    return cmocka_run_group_tests_name("anthropic", tests, NULL, NULL);
}
