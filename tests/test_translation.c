/* test_translation.c: the pairs of dialects, both ways: what becomes of a request, an answer, a
 * stream and an error, and what is reported as lost. The cases are in tests/pairs.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"
#include "vector.h"

#include "dialect/dialect.h"
#include "wire/sse.h"

#include <dirent.h>

enum {
    ARENA_MAX = 1 << 26,
    TEXT_MAX = 1 << 20,
    EVENT_MAX = 1 << 16,
};

static const struct fh_reply_frame frame = {
    .request_id = FH_LIT_INIT("req_1"),
    .model = FH_LIT_INIT("a-model"),
    .created_s = 1700000000,
    .include_usage = true,
};

static void append_losses(struct fh_buf *out, const struct fh_loss *loss)
{
    for (uint32_t i = 0; i < fh_loss_listed(loss); i++) {
        fh_buf_printf(out, "lost %.*s: %s\n", FH_ARG(loss->entry[i].pointer),
                      loss->entry[i].why);
    }
}

static void append_refusal(struct fh_buf *out, const struct fh_complaint *why)
{
    fh_buf_printf(out, "%.*s %.*s: %.*s\n", FH_ARG(fh_refusal_row(why->kind)->name),
                  FH_ARG(why->pointer), FH_ARG(why->message));
}

/* translate_request gives false when the request is refused; then `out` says why. */
static bool translate_request(struct fh_buf *out, struct fh_arena *arena,
                              const struct fh_dialect *from, const struct fh_dialect *to,
                              struct fh_slice body, struct fh_loss *loss)
{
    struct fh_complaint why = {0};
    struct fh_chat_request req;

    if (from->decode_request(&req, arena, body, &why) != FH_OK ||
        to->encode_request(out, arena, &req, loss, &why) != FH_OK) {
        append_refusal(out, &why);
        return false;
    }
    return true;
}

static void on_request(struct fh_buf *out, struct fh_arena *arena,
                       const struct fh_dialect *from, const struct fh_dialect *to,
                       struct fh_slice body)
{
    struct fh_loss loss = {.arena = arena};

    if (translate_request(out, arena, from, to, body, &loss)) {
        fh_buf_byte(out, '\n');
        append_losses(out, &loss);
    }
}

/* on_way_back sends a request to the other dialect and back again. */
static void on_way_back(struct fh_buf *out, struct fh_arena *arena,
                        const struct fh_dialect *from, const struct fh_dialect *to,
                        struct fh_slice body)
{
    struct fh_buf middle = fh_buf_in_arena(arena, TEXT_MAX);
    struct fh_loss loss = {.arena = arena};

    if (translate_request(&middle, arena, from, to, body, &loss) &&
        translate_request(out, arena, to, from, fh_buf_slice(&middle), &loss)) {
        fh_buf_byte(out, '\n');
        append_losses(out, &loss);
    }
}

static void on_reply(struct fh_buf *out, struct fh_arena *arena, const struct fh_dialect *from,
                     const struct fh_dialect *to, struct fh_slice body)
{
    struct fh_events events = {.arena = arena};
    struct fh_loss loss = {.arena = arena};
    struct fh_complaint why = {0};

    if (from->decode_reply(&events, body, &why) != FH_OK) {
        append_refusal(out, &why);
        return;
    }
    if (events.list[0].kind == FH_EVENT_ERROR) {
        to->encode_fault(out, arena, frame.request_id, &events.list[0].fault, FH_FRAMING_NONE);
    } else {
        to->encode_reply(out, arena, &frame, &events, &loss);
    }
    fh_buf_byte(out, '\n');
    append_losses(out, &loss);
}

static void on_stream(struct fh_buf *out, struct fh_arena *arena, const struct fh_dialect *from,
                      const struct fh_dialect *to, struct fh_slice body)
{
    FH_AUTO(fh_arena_free) struct fh_arena *scratch = fh_arena_new(ARENA_MAX);
    struct fh_sse_decoder *sse = fh_sse_decoder_new(arena, EVENT_MAX);
    void *decoder = from->stream_decoder_new(arena);
    void *encoder = to->stream_encoder_new(arena, &frame);
    struct fh_loss loss = {.arena = arena};
    struct fh_complaint why = {0};
    struct fh_frame wire;

    fh_sse_feed(sse, body);
    while (fh_sse_next(sse, &wire) == FH_STEP_EVENT) {
        struct fh_events events = {.arena = scratch};

        fh_arena_reset(scratch);
        if (from->decode_stream(decoder, &events, &wire, &why) != FH_OK) {
            append_refusal(out, &why);
            break;
        }
        for (size_t i = 0; i < events.count; i++) {
            to->encode_stream(encoder, out, scratch, &events.list[i], &loss);
        }
    }
    fh_sse_decoder_fini(sse);
    append_losses(out, &loss);
}

/* The first line of a fault's wire is the provider's status. */
static void on_fault(struct fh_buf *out, struct fh_arena *arena, const struct fh_dialect *from,
                     const struct fh_dialect *to, struct fh_slice wire)
{
    struct fh_slice status = FH_NONE;
    struct fh_fault fault;

    assert_true(fh_split(&wire, '\n', &status));
    from->decode_fault(&fault, arena, (uint16_t)strtoul((const char *)status.ptr, NULL, 10),
                       wire);
    fh_buf_printf(out, "%u\n", to->fault_status(&fault));
    to->encode_fault(out, arena, frame.request_id, &fault, FH_FRAMING_NONE);
    fh_buf_byte(out, '\n');
}

typedef void (*pair_fn)(struct fh_buf *out, struct fh_arena *arena,
                        const struct fh_dialect *from, const struct fh_dialect *to,
                        struct fh_slice wire);

static struct fh_slice translated(struct fh_arena *arena, const struct vector *v)
{
    static const struct {
        const char *kind;
        pair_fn fn;
        const struct fh_dialect *from, *to;
    } kinds[] = {
        {"request to openai_chat", on_request, &fh_dialect_anthropic, &fh_dialect_openai_chat},
        {"request to anthropic", on_request, &fh_dialect_openai_chat, &fh_dialect_anthropic},
        {"anthropic and back", on_way_back, &fh_dialect_openai_chat, &fh_dialect_anthropic},
        {"openai_chat and back", on_way_back, &fh_dialect_anthropic, &fh_dialect_openai_chat},
        {"reply to openai_chat", on_reply, &fh_dialect_anthropic, &fh_dialect_openai_chat},
        {"reply to anthropic", on_reply, &fh_dialect_openai_chat, &fh_dialect_anthropic},
        {"stream to openai_chat", on_stream, &fh_dialect_anthropic, &fh_dialect_openai_chat},
        {"stream to anthropic", on_stream, &fh_dialect_openai_chat, &fh_dialect_anthropic},
        {"fault to openai_chat", on_fault, &fh_dialect_anthropic, &fh_dialect_openai_chat},
        {"fault to anthropic", on_fault, &fh_dialect_openai_chat, &fh_dialect_anthropic},
    };
    struct fh_buf out = fh_buf_in_arena(arena, TEXT_MAX);

    for (size_t i = 0; i < FH_LEN(kinds); i++) {
        if (fh_eq(v->kind, fh_cstr(kinds[i].kind))) {
            kinds[i].fn(&out, arena, kinds[i].from, kinds[i].to, v->wire);
            return fh_buf_slice(&out);
        }
    }
    fail_msg("no such kind of pair: %.*s", FH_ARG(v->kind));
    return FH_NONE;
}

/* without_end_lines: an empty line ends a stream, and one parts the cases of a file. */
static struct fh_slice without_end_lines(struct fh_slice s)
{
    while (fh_ends(s, FH_LIT("\n"))) {
        s = fh_head(s, s.len - 1);
    }
    return s;
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
        (void)snprintf(want, sizeof(want), "%.*s", FH_ARG(without_end_lines(v.want)));
        assert_text(without_end_lines(translated(each, &v)), want);
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
                                     struct fh_slice body)
{
    struct fh_sse_decoder *sse = fh_sse_decoder_new(arena, EVENT_MAX);
    void *decoder = d->stream_decoder_new(arena);
    struct fh_events events = {.arena = arena};
    struct fh_usage usage = {0};
    struct fh_complaint why;
    struct fh_frame wire;

    fh_sse_feed(sse, body);
    while (fh_sse_next(sse, &wire) == FH_STEP_EVENT) {
        assert_int_equal(d->decode_stream(decoder, &events, &wire, &why), FH_OK);
    }
    for (size_t i = 0; i < events.count; i++) {
        fh_usage_merge(&usage, &events.list[i].usage);
    }
    fh_sse_decoder_fini(sse);
    return usage;
}

/* Invariant 5 of the design, for each dialect and through each translation. */
static void test_streamed_and_whole_use_the_same(void **state)
{
    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(twins); i++) {
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
        const struct fh_dialect *from = twins[i].dialect;
        const struct fh_dialect *to = twins[1 - i].dialect;
        struct fh_slice whole = fh_cstr(twins[i].whole);
        struct fh_slice stream = fh_cstr(twins[i].stream);
        struct fh_buf whole_out = fh_buf_in_arena(arena, TEXT_MAX);
        struct fh_buf stream_out = whole_out;
        struct fh_usage a = used_whole(arena, from, whole);
        struct fh_usage b = used_streamed(arena, from, stream);

        tap_context("%s", twins[i].name);
        assert_int_equal(fh_usage_input(&a), 17);
        assert_memory_equal(&a, &b, sizeof(a));
        on_reply(&whole_out, arena, from, to, whole);
        on_stream(&stream_out, arena, from, to, stream);
        struct fh_slice told = fh_buf_slice(&whole_out);

        told = fh_head(told, fh_find(told, '\n')); /* without the losses */
        a = used_whole(arena, to, told);
        b = used_streamed(arena, to, fh_buf_slice(&stream_out));
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
