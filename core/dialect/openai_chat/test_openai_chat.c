/* test_openai_chat.c: the dialect against its vectors, at every cut, and at its limits.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"
#include "vector.h"

#include "dialect/dialect.h"
#include "wire/sse.h"

#include <dirent.h>

enum {
    ARENA_MAX = 1 << 24,
    TRACE_MAX = 1 << 20,
    EVENT_MAX = 1 << 16,
};

static const struct fh_dialect *const chat = &fh_dialect_openai_chat;

static const struct fh_reply_frame frame = {
    .request_id = FH_LIT_INIT("req_7"),
    .model = FH_LIT_INIT("fallback"),
    .created_s = 1700000000,
    .include_usage = true,
};

/* ---- traces: what came out, one event a line ---- */

static const char *const block_names[] = {
    [FH_BLOCK_TEXT] = "text",           [FH_BLOCK_IMAGE] = "image",
    [FH_BLOCK_DOCUMENT] = "document",   [FH_BLOCK_AUDIO] = "audio",
    [FH_BLOCK_THINKING] = "thinking",   [FH_BLOCK_REDACTED] = "redacted",
    [FH_BLOCK_TOOL_CALL] = "tool_call", [FH_BLOCK_TOOL_RESULT] = "tool_result",
    [FH_BLOCK_REFUSAL] = "refusal",     [FH_BLOCK_OPAQUE] = "opaque",
};

static const char *const finish_names[] = {
    [FH_FINISH_UNKNOWN] = "unknown", [FH_FINISH_STOP] = "stop",
    [FH_FINISH_LENGTH] = "length",   [FH_FINISH_STOP_SEQUENCE] = "stop_sequence",
    [FH_FINISH_CONTEXT] = "context", [FH_FINISH_TOOLS] = "tools",
    [FH_FINISH_REFUSAL] = "refusal", [FH_FINISH_PAUSE] = "pause",
};

static const char *const token_names[] = {
    [FH_TOKENS_INPUT] = "input",
    [FH_TOKENS_CACHE_READ] = "cache_read",
    [FH_TOKENS_CACHE_WRITE_5M] = "cache_write",
    [FH_TOKENS_CACHE_WRITE_1H] = "cache_write_1h",
    [FH_TOKENS_OUTPUT] = "output",
    [FH_TOKENS_REASONING] = "reasoning",
    [FH_TOKENS_AUDIO_IN] = "audio_in",
    [FH_TOKENS_AUDIO_OUT] = "audio_out",
};

static void trace_usage(struct fh_buf *out, const struct fh_usage *usage)
{
    for (enum fh_tokens kind = 0; kind < FH_TOKENS_KINDS; kind++) {
        if (fh_usage_has(usage, kind)) {
            fh_buf_printf(out, " %s=%llu", token_names[kind],
                          (unsigned long long)usage->count[kind]);
        }
    }
}

static void trace_extras(struct fh_buf *out, struct fh_arena *arena,
                         const struct fh_extras *extras)
{
    for (const struct fh_extra *e = extras->first; e != NULL; e = e->next) {
        fh_buf_printf(out, " %.*s=", FH_ARG(e->pointer));
        fh_json_append_val(out, arena, e->value);
    }
}

static void trace_place(struct fh_buf *out, const char *what, const struct fh_event *e)
{
    if (e->choice > 0) {
        fh_buf_printf(out, "(%u) ", e->choice);
    }
    fh_buf_printf(out, "%s %u", what, e->index);
}

static void trace_said(struct fh_buf *out, const char *what, const struct fh_event *e)
{
    trace_place(out, what, e);
    fh_buf_byte(out, ' ');
    fh_json_quote(out, e->text);
}

static void trace_event(struct fh_buf *out, struct fh_arena *arena, const struct fh_event *e)
{
    switch (e->kind) {
    case FH_EVENT_START:
        fh_buf_printf(out, "start id=%.*s model=%.*s created=%llu", FH_ARG(e->id),
                      FH_ARG(e->model), (unsigned long long)e->created_s);
        break;
    case FH_EVENT_BLOCK_START:
        trace_place(out, "block", e);
        fh_buf_printf(out, " %s", block_names[e->block]);
        if (e->block == FH_BLOCK_TOOL_CALL) {
            fh_buf_printf(out, " id=%.*s name=%.*s", FH_ARG(e->id), FH_ARG(e->name));
        }
        if (e->raw != NULL) {
            fh_buf_byte(out, ' ');
            fh_json_append_val(out, arena, e->raw);
        }
        break;
    case FH_EVENT_TEXT:
        trace_said(out, "text", e);
        break;
    case FH_EVENT_THINKING:
        trace_said(out, "thinking", e);
        break;
    case FH_EVENT_SIGNATURE:
        trace_said(out, "signature", e);
        break;
    case FH_EVENT_ARGUMENTS:
        trace_said(out, "arguments", e);
        break;
    case FH_EVENT_REFUSAL:
        trace_said(out, "refusal", e);
        break;
    case FH_EVENT_EXTRA:
        trace_place(out, "extra", e);
        break;
    case FH_EVENT_BLOCK_STOP:
        trace_place(out, "stop", e);
        break;
    case FH_EVENT_FINISH:
        if (e->choice > 0) {
            fh_buf_printf(out, "(%u) ", e->choice);
        }
        fh_buf_printf(out, "finish %s \"%.*s\"", finish_names[e->finish],
                      FH_ARG(e->finish_word));
        break;
    case FH_EVENT_USAGE:
        fh_buf_append(out, FH_LIT("usage"));
        trace_usage(out, &e->usage);
        break;
    case FH_EVENT_ERROR:
        fh_buf_printf(out, "error %.*s %.*s: %.*s", FH_ARG(fh_refusal_row(e->fault.kind)->name),
                      FH_ARG(e->fault.type), FH_ARG(e->fault.message));
        break;
    case FH_EVENT_PING:
        fh_buf_append(out, FH_LIT("ping"));
        break;
    case FH_EVENT_END:
        fh_buf_append(out, FH_LIT("end"));
        break;
    }
    trace_extras(out, arena, &e->extras);
    fh_buf_byte(out, '\n');
}

static void trace_complaint(struct fh_buf *out, enum fh_rc rc, const struct fh_complaint *why)
{
    fh_buf_printf(out, "refused %s %.*s: %.*s\n", fh_rc_name(rc), FH_ARG(why->pointer),
                  FH_ARG(why->message));
}

static void trace_events(struct fh_buf *out, const struct fh_events *events)
{
    for (size_t i = 0; i < events->count; i++) {
        trace_event(out, events->arena, &events->list[i]);
    }
}

/* ---- what a vector's wire becomes ---- */

/* trace_stream decodes a stream that arrives in pieces of `step` bytes. The scan must see the same
 * usage, finish and end. */
static struct fh_slice trace_stream(struct fh_arena *arena, struct fh_slice wire, size_t step)
{
    FH_AUTO(fh_arena_free) struct fh_arena *scratch = fh_arena_new(ARENA_MAX);
    struct fh_sse_decoder *sse = fh_sse_decoder_new(arena, EVENT_MAX);
    void *decoder = chat->stream_decoder_new(arena);
    struct fh_buf out = fh_buf_in_arena(arena, TRACE_MAX);
    struct fh_complaint why = {0};
    struct fh_watch watch = {0};
    struct fh_usage usage = {0};
    enum fh_finish finish = FH_FINISH_UNKNOWN;
    bool ended = false, failed = false;
    enum fh_rc rc = FH_OK;
    struct fh_frame event;

    while (wire.len > 0 && rc == FH_OK) {
        size_t n = fh_min(step, wire.len);

        fh_sse_feed(sse, fh_head(wire, n));
        wire = fh_tail(wire, n);
        while (rc == FH_OK && fh_sse_next(sse, &event) == FH_STEP_EVENT) {
            struct fh_events events = {.arena = scratch};

            fh_arena_reset(scratch); /* nothing may be left that a later event points to */
            rc = chat->decode_stream(decoder, &events, &event, &why);
            chat->scan_stream(&watch, scratch, &event);
            for (size_t i = 0; i < events.count; i++) {
                const struct fh_event *e = &events.list[i];

                trace_event(&out, scratch, e);
                fh_usage_merge(&usage, &e->usage);
                ended = ended || e->kind == FH_EVENT_END;
                failed = failed || e->kind == FH_EVENT_ERROR;
                finish = finish == FH_FINISH_UNKNOWN ? e->finish : finish;
            }
        }
    }
    if (rc != FH_OK) {
        trace_complaint(&out, rc, &why);
    } else {
        assert_memory_equal(&watch.usage, &usage, sizeof(usage));
        assert_int_equal(watch.finish, finish);
        assert_int_equal(watch.ended, ended);
        assert_int_equal(watch.failed, failed);
    }
    fh_sse_decoder_fini(sse);
    return fh_buf_slice(&out);
}

static struct fh_slice trace_reply(struct fh_arena *arena, struct fh_slice wire)
{
    struct fh_buf out = fh_buf_in_arena(arena, TRACE_MAX);
    struct fh_events events = {.arena = arena};
    struct fh_complaint why = {0};
    enum fh_rc rc = chat->decode_reply(&events, wire, &why);

    trace_events(&out, &events);
    if (rc != FH_OK) {
        trace_complaint(&out, rc, &why);
    }
    return fh_buf_slice(&out);
}

/* trace_request gives the body as it is sent on to a provider of this dialect. */
static struct fh_slice trace_request(struct fh_arena *arena, struct fh_slice wire)
{
    struct fh_buf out = fh_buf_in_arena(arena, TRACE_MAX);
    struct fh_loss loss = {.arena = arena};
    struct fh_complaint why = {0};
    struct fh_chat_request req;
    enum fh_rc rc = chat->decode_request(&req, arena, wire, &why);

    if (rc == FH_OK) {
        rc = chat->encode_request(&out, arena, &req, &loss, &why);
        fh_buf_byte(&out, '\n');
        assert_int_equal(loss.count, 0);
    }
    if (rc != FH_OK) {
        trace_complaint(&out, rc, &why);
    }
    return fh_buf_slice(&out);
}

static struct fh_slice trace_fault(struct fh_arena *arena, struct fh_slice wire)
{
    struct fh_buf out = fh_buf_in_arena(arena, TRACE_MAX);
    struct fh_slice status = FH_NONE;
    struct fh_fault fault;

    assert_true(fh_split(&wire, '\n', &status)); /* the first line is the status */
    chat->decode_fault(&fault, arena, (uint16_t)strtoul((const char *)status.ptr, NULL, 10),
                       wire);
    fh_buf_printf(&out, "%.*s\n%u ", FH_ARG(fh_refusal_row(fault.kind)->name),
                  chat->fault_status(&fault));
    chat->encode_fault(&out, arena, FH_LIT("req_7"), &fault, FH_FRAMING_NONE);
    fh_buf_byte(&out, '\n');
    return fh_buf_slice(&out);
}

/* ---- vectors ---- */

static struct fh_slice trace_vector(struct fh_arena *arena, const struct vector *v, size_t step)
{
    if (fh_eq(v->kind, FH_LIT("stream"))) {
        return trace_stream(arena, v->wire, step);
    }
    if (fh_eq(v->kind, FH_LIT("reply"))) {
        return trace_reply(arena, v->wire);
    }
    if (fh_eq(v->kind, FH_LIT("fault"))) {
        return trace_fault(arena, v->wire);
    }
    assert_true(fh_eq(v->kind, FH_LIT("request")));
    return trace_request(arena, v->wire);
}

static void try_case(const char *file, const struct vector *v)
{
    static char want[EVENT_MAX];
    bool cut = fh_eq(v->kind, FH_LIT("stream"));

    (void)snprintf(want, sizeof(want), "%.*s", FH_ARG(v->want));
    for (size_t step = cut ? 1 : v->wire.len; step <= v->wire.len; step++) {
        FH_AUTO(fh_arena_free) struct fh_arena *each = fh_arena_new(ARENA_MAX);

        tap_context("%s: %.*s, in pieces of %zu", file, FH_ARG(v->name), step);
        assert_text(trace_vector(each, v, step), want);
    }
}

static size_t try_file(const char *name)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    struct fh_slice text = FH_NONE;
    struct vector v;
    char path[512];
    size_t count = 0;

    (void)snprintf(path, sizeof(path), "core/dialect/openai_chat/vectors/%s", name);
    assert_true(tap_read_file(path, arena, &text));
    while (take_case(&text, &v)) {
        try_case(name, &v);
        count++;
    }
    return count;
}

static void test_vectors_at_every_cut(void **state)
{
    const char *root = getenv("FREEHOLD_SOURCE_ROOT");
    char path[1024];
    size_t count = 0;

    FH_UNUSED(state);
    (void)snprintf(path, sizeof(path), "%s/core/dialect/openai_chat/vectors",
                   root == NULL ? "." : root);
    DIR *dir = opendir(path);

    assert_non_null(dir);
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (fh_ends(fh_cstr(entry->d_name), FH_LIT(".tv"))) {
            count += try_file(entry->d_name);
        }
    }
    (void)closedir(dir);
    assert_true(count > 50);
}

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
        {"[]", FH_E_TYPE, "the body must be an object with model and messages, not a list"},
        {"{\"messages\":[]}", FH_E_MISSING, "the body must have a model, such as \"gpt-5\""},
        {"{\"model\":7,\"messages\":[]}", FH_E_TYPE, "/model must be a string, not a number"},
        {"{\"model\":\"m\"}", FH_E_MISSING, "the body must have messages, a list"},
        {"{\"model\":\"m\",\"messages\":{}}", FH_E_TYPE,
         "/messages must be a list of messages, not an object"},
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
         FH_E_MISSING, "/messages/0/content/0/image_url must have a url"},
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
         "/tools/0 must have a function with a name"},
        {"{\"model\":\"m\",\"messages\":[],\"tools\":[{\"type\":\"function\",\"function\":"
         "{\"name\":\"f\",\"parameters\":[]}}]}",
         FH_E_TYPE,
         "/tools/0/function/parameters must be a JSON schema, an object, not a list"},
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
         " input=1 cache_read=4 cache_write=5 output=3",
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
         " input=0 cache_read=5 output=1",
         "{\"prompt_tokens\":3,\"completion_tokens\":1,\"total_tokens\":4,"
         "\"prompt_tokens_details\":{\"cached_tokens\":5}}"},
        /* DeepSeek, Moonshot */
        {"{\"prompt_tokens\":9,\"completion_tokens\":1,\"total_tokens\":10,"
         "\"prompt_cache_hit_tokens\":8}",
         " input=1 cache_read=8 output=1",
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

#define HEAD                                                                    \
    "data: {\"id\":\"msg_1\",\"object\":\"chat.completion.chunk\",\"created\":" \
    "1700000000,\"model\":\"claude\",\"choices\":["

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

static void test_a_stream_of_another_dialect(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    struct fh_loss loss = {.arena = arena};

    FH_UNUSED(state);
    assert_text(
        encoded(arena, thinking_and_tools, FH_LEN(thinking_and_tools), true, &loss),
        HEAD "{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},"
             "\"finish_reason\":null}]}\n\n" HEAD
             "{\"index\":0,\"delta\":{\"reasoning_content\":\"hm\"},\"finish_reason\":null}]}"
             "\n\n: ping\n\n" HEAD
             "{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"toolu_1\",\"type\":"
             "\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]},"
             "\"finish_reason\":null}]}\n\n" HEAD
             "{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":"
             "\"{\\\"a\\\":1}\"}}]},\"finish_reason\":null}]}\n\n" HEAD
             "{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":1,\"id\":\"toolu_2\",\"type\":"
             "\"function\",\"function\":{\"name\":\"g\",\"arguments\":\"\"}}]},"
             "\"finish_reason\":null}]}\n\n" HEAD
             "{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\n" HEAD
             "],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":7,\"total_tokens\":12}}"
             "\n\ndata: [DONE]\n\n");
    assert_int_equal(loss.count, 1);
    assert_text(loss.entry[0].pointer, "/content/0/signature");
}

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
        cmocka_unit_test(test_vectors_at_every_cut),
        cmocka_unit_test(test_wrong_requests_are_told_what_would_be_right),
        cmocka_unit_test(test_a_body_too_large_is_refused),
        cmocka_unit_test(test_indices_have_an_end),
        cmocka_unit_test(test_calls_have_an_end),
        cmocka_unit_test(test_usage_is_parted_into_classes),
        cmocka_unit_test(test_the_scan_is_not_fooled_by_text),
        cmocka_unit_test(test_a_stream_of_another_dialect),
        cmocka_unit_test(test_usage_is_shown_to_those_who_asked),
        cmocka_unit_test(test_a_stream_that_failed_does_not_look_ended),
    };
    return cmocka_run_group_tests_name("openai_chat", tests, NULL, NULL);
}
