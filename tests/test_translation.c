/* test_translation.c: pairs of dialects: what becomes of a request, an answer, a stream and an
 * error, and what is reported as lost. The cases are in tests/pairs:
 *
 *     == request from A to B: title              the provider's body
 *     == request from A to B and back: title     the body that a client of A would have sent
 *     == reply from A to B, == stream from A to B, == fault from A to B: what the client gets
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "story.h"

enum { ARENA_MAX = STORY_ARENA_MAX, TEXT_MAX = 1 << 20 };

/* What a case is about. */
struct pair {
    struct fh_slice what; /* "request", … */
    const struct fh_dialect *from, *to;
    bool back;
};

static struct pair pair_of(struct fh_slice kind)
{
    struct pair p = {0};
    struct fh_slice word[7] = {{0}};

    for (size_t i = 0; i < FH_LEN(word) && fh_split(&kind, ' ', &word[i]); i++) {
    }
    p.what = word[0];
    p.from = fh_dialect_by_name(word[2]);
    p.to = fh_dialect_by_name(word[4]);
    p.back = fh_eq(word[6], FH_LIT("back"));
    assert_true(p.from != NULL && p.to != NULL && p.from != p.to);
    return p;
}

static void on_request(struct fh_buf *out, struct fh_arena *arena, const struct pair *p,
                       struct fh_slice body)
{
    struct fh_loss *loss = fh_new(arena, struct fh_loss);
    struct fh_buf there = fh_buf_in_arena(arena, TEXT_MAX);
    bool done = false;

    if (!p->back) {
        done = story_translate(out, arena, p->from, p->to, body, loss);
    } else if (story_translate(&there, arena, p->from, p->to, body, loss)) {
        done = story_translate(out, arena, p->to, p->from, fh_buf_slice(&there), loss);
    }
    if (done) {
        story_losses(out, loss);
    }
}

static void on_reply(struct fh_buf *out, struct fh_arena *arena, const struct pair *p,
                     struct fh_slice body)
{
    struct fh_loss *loss = fh_new(arena, struct fh_loss);

    story_reply(out, arena, p->from, p->to, body, loss);
    story_losses(out, loss);
}

static void on_stream(struct fh_buf *out, struct fh_arena *arena, const struct pair *p,
                      struct fh_slice lines)
{
    struct fh_loss *loss = fh_new(arena, struct fh_loss);
    struct story_stream t =
        story_run(arena, p->from, p->to, story_wire(p->from, arena, lines), SIZE_MAX, loss);

    fh_buf_append(out, story_shown(p->to, arena, fh_buf_slice(&t.wire)));
    story_losses(out, loss);
}

/* The first line of a fault's wire is the provider's status. */
static void on_fault(struct fh_buf *out, struct fh_arena *arena, const struct pair *p,
                     struct fh_slice wire)
{
    struct fh_slice status = FH_NONE;
    struct fh_fault fault;

    assert_true(fh_split(&wire, '\n', &status));
    p->from->decode_fault(&fault, arena, (uint16_t)strtoul((const char *)status.ptr, NULL, 10),
                          wire);
    fh_buf_printf(out, "%u\n", p->to->fault_status(&fault));
    p->to->encode_fault(out, arena, story_frame.request_id, &fault, FH_FRAMING_NONE);
}

static struct fh_slice translated(struct fh_arena *arena, const struct vector *v)
{
    static const struct {
        struct fh_slice what;
        void (*on)(struct fh_buf *out, struct fh_arena *arena, const struct pair *p,
                   struct fh_slice wire);
    } kinds[] = {
        {FH_LIT_INIT("request"), on_request},
        {FH_LIT_INIT("reply"), on_reply},
        {FH_LIT_INIT("stream"), on_stream},
        {FH_LIT_INIT("fault"), on_fault},
    };
    struct fh_buf out = fh_buf_in_arena(arena, TEXT_MAX);
    struct pair p = pair_of(v->kind);

    for (size_t i = 0; i < FH_LEN(kinds); i++) {
        if (fh_eq(kinds[i].what, p.what)) {
            kinds[i].on(&out, arena, &p, v->wire);
            return vector_stripped(fh_buf_slice(&out));
        }
    }
    fail_msg("no such kind of pair: %.*s", FH_ARG(v->kind));
    return FH_NONE;
}

static size_t try_file(const char *name)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    static char want[TEXT_MAX];
    struct fh_slice text = FH_NONE;
    struct vector v;
    char path[512];
    size_t count = 0;

    (void)snprintf(path, sizeof(path), "tests/pairs/%s", name);
    assert_true(tap_read_file(path, arena, &text));
    for (; take_case(&text, &v); count++) {
        FH_AUTO(fh_arena_free) struct fh_arena *each = fh_arena_new(ARENA_MAX);

        tap_context("%s: %.*s", name, FH_ARG(v.name));
        (void)snprintf(want, sizeof(want), "%.*s", FH_ARG(vector_stripped(v.want)));
        assert_text(translated(each, &v), want);
    }
    return count;
}

static void test_the_pairs(void **state)
{
    const char *root = getenv("FREEHOLD_SOURCE_ROOT");
    char path[1024];
    size_t count = 0;

    FH_UNUSED(state);
    (void)snprintf(path, sizeof(path), "%s/tests/pairs", root == NULL ? "." : root);
    DIR *dir = opendir(path);

    assert_non_null(dir);
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (fh_ends(fh_cstr(entry->d_name), FH_LIT(".tv"))) {
            count += try_file(entry->d_name);
        }
    }
    (void)closedir(dir);
    assert_true(count > 30);
}

/* ---- streamed and whole: the same usage ---- */

struct twin {
    const char *name;
    const struct fh_dialect *dialect;
    const char *whole, *stream;
};

static const struct twin twins[] = {
    {"anthropic", &fh_dialect_anthropic,
     "{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"c\","
     "\"content\":"
     "[{\"type\":\"text\",\"text\":\"hi\"}],\"stop_reason\":\"end_turn\",\"stop_sequence\":"
     "null,"
     "\"usage\":{\"input_tokens\":5,\"cache_read_input_tokens\":3,"
     "\"cache_creation_input_tokens\":9,\"cache_creation\":{\"ephemeral_5m_input_tokens\":2,"
     "\"ephemeral_1h_input_tokens\":7},\"output_tokens\":4}}",
     "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\","
     "\"type\":\"message\",\"role\":\"assistant\",\"model\":\"c\",\"content\":[],"
     "\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":5,"
     "\"cache_read_input_tokens\":3,\"cache_creation_input_tokens\":9,\"cache_creation\":"
     "{\"ephemeral_5m_input_tokens\":2,\"ephemeral_1h_input_tokens\":7},\"output_tokens\":1}}}"
     "\n\n"
     "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,"
     "\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n"
     "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,"
     "\"delta\":{\"type\":\"text_delta\",\"text\":\"hi\"}}\n\n"
     "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n"
     "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":"
     "\"end_turn\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":4}}\n\n"
     "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"},
    {"openai_chat", &fh_dialect_openai_chat,
     "{\"id\":\"c\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"m\",\"choices\":"
     "[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"hi\"},"
     "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":17,\"completion_tokens\":4,"
     "\"total_tokens\":21,\"prompt_tokens_details\":{\"cached_tokens\":3,"
     "\"cache_write_tokens\":9},\"completion_tokens_details\":{\"reasoning_tokens\":2}}}",
     "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\","
     "\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"hi\"},"
     "\"finish_reason\":null}],\"usage\":null}\n\n"
     "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\","
     "\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":null}\n\n"
     "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\","
     "\"choices\":[],\"usage\":{\"prompt_tokens\":17,\"completion_tokens\":4,"
     "\"total_tokens\":21,\"prompt_tokens_details\":{\"cached_tokens\":3,"
     "\"cache_write_tokens\":9},\"completion_tokens_details\":{\"reasoning_tokens\":2}}}\n\n"
     "data: [DONE]\n\n"},
};

static struct fh_usage used_whole(struct fh_arena *arena, const struct fh_dialect *d,
                                  struct fh_slice body)
{
    struct fh_events events = {.arena = arena};
    struct fh_usage usage = {0};
    struct fh_complaint why;

    assert_int_equal(d->decode_reply(&events, body, &why), FH_OK);
    for (size_t i = 0; i < events.count; i++) {
        fh_usage_merge(&usage, &events.list[i].usage);
    }
    return usage;
}

static struct fh_usage used_streamed(struct fh_arena *arena, const struct fh_dialect *d,
                                     struct fh_slice wire)
{
    struct fh_loss *loss = fh_new(arena, struct fh_loss);
    struct story_stream t = story_run(arena, d, d, wire, SIZE_MAX, loss);

    assert_true(t.ended && !t.failed);
    return t.usage;
}

/* Invariant 5 of the design, for each dialect and through each translation. */
static void test_streamed_and_whole_use_the_same(void **state)
{
    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(twins); i++) {
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
        struct pair p = {.from = twins[i].dialect, .to = twins[1 - i].dialect};
        struct fh_slice whole = fh_cstr(twins[i].whole);
        struct fh_slice stream = fh_cstr(twins[i].stream);
        struct fh_buf whole_out = fh_buf_in_arena(arena, TEXT_MAX);
        struct fh_buf stream_out = whole_out;
        struct fh_usage a = used_whole(arena, p.from, whole);
        struct fh_usage b = used_streamed(arena, p.from, stream);

        tap_context("%s", twins[i].name);
        assert_int_equal(fh_usage_input(&a), 17);
        assert_memory_equal(&a, &b, sizeof(a));
        on_reply(&whole_out, arena, &p, whole);
        on_stream(&stream_out, arena, &p, stream);
        struct fh_slice told = fh_buf_slice(&whole_out);

        told = fh_head(told, fh_find(told, '\n')); /* without the losses */
        a = used_whole(arena, p.to, told);
        b = used_streamed(arena, p.to, fh_buf_slice(&stream_out));
        assert_int_equal(fh_usage_input(&a), 17);
        assert_int_equal(a.count[FH_TOKENS_CACHE_READ], 3);
        assert_memory_equal(&a, &b, sizeof(a));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_pairs),
        cmocka_unit_test(test_streamed_and_whole_use_the_same),
    };
    return cmocka_run_group_tests_name("translation", tests, NULL, NULL);
}
