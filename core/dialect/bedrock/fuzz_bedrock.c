/* fuzz_bedrock.c: looks for wrong answers. Each input is taken as a request, as a whole reply, as a
 * stream (a line an event: a type, a blank, a payload; `!` before an exception), as an error body and
 * as a count. What decodes must encode to something that decodes to the same, whole and cut streams
 * must tell the same story, a scan must see what the decoder saw, and what goes to another dialect
 * and is accepted there must be something. An input may be a vector: then the first section of it is
 * taken.
 * SPDX-License-Identifier: Apache-2.0 */
#include "trace.h"

#include "wire/eventstream.h"
#include "wire/frames.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ARENA_MAX = 1 << 24, TEXT_MAX = 1 << 26, FRAME_MAX = 1 << 20 };

static const struct fh_dialect *const dialect = &fh_dialect_bedrock;

static const struct fh_reply_frame frame = {.request_id = FH_LIT_INIT("req_1"),
                                            .model = FH_LIT_INIT("a-model"),
                                            .framing = FH_FRAMING_EVENTSTREAM};

/* section gives the body of the first section of a vector, or all of what is none. */
static struct fh_slice section(struct fh_slice in)
{
    struct fh_slice line = FH_NONE;
    struct fh_slice rest = in;

    while (fh_split(&rest, '\n', &line)) {
        if (fh_starts(line, FH_LIT("== "))) {
            return fh_head(rest, fh_min(fh_search(rest, FH_LIT("\n== ")) + 1, rest.len));
        }
        if (!fh_starts(line, FH_LIT("#"))) {
            break;
        }
    }
    return in;
}

/* ---- requests ---- */

/* again decodes a request and encodes it. False when it is refused. */
static bool again(struct fh_arena *arena, struct fh_slice body, struct fh_buf *out)
{
    struct fh_chat_request *req = fh_new(arena, struct fh_chat_request);
    struct fh_loss *loss = fh_new(arena, struct fh_loss);
    struct fh_complaint why = {0};

    loss->arena = arena;
    *out = fh_buf_in_arena(arena, TEXT_MAX);
    if (dialect->decode_request(req, arena, body, &why) != FH_OK) {
        FH_ASSERT(why.message.len > 0);
        return false;
    }
    FH_ASSERT(dialect->encode_request(out, arena, req, loss, &why) == FH_OK);
    FH_ASSERT(loss->count == 0 && !out->failed);
    return true;
}

static void try_request(struct fh_slice body)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    struct fh_buf once;
    struct fh_buf twice;

    if (again(arena, body, &once)) {
        FH_ASSERT(again(arena, fh_buf_slice(&once), &twice));
        FH_ASSERT(fh_eq(fh_buf_slice(&once), fh_buf_slice(&twice)));
    }
}

/* try_elsewhere takes the request to another dialect, or one of another dialect here. */
static void try_elsewhere(struct fh_slice body, const struct fh_dialect *from,
                          const struct fh_dialect *to)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    struct fh_chat_request *req = fh_new(arena, struct fh_chat_request);
    struct fh_loss *loss = fh_new(arena, struct fh_loss);
    struct fh_buf out = fh_buf_in_arena(arena, TEXT_MAX);
    struct fh_complaint why = {0};
    struct fh_error error;
    yyjson_val *root = NULL;
    const struct fh_settling s = {.from = from->cells,
                                  .to = to->cells,
                                  .to_name = to->name,
                                  .home = to->home,
                                  .arena = arena,
                                  .loss = loss};

    loss->arena = arena;
    if (from->decode_request(req, arena, body, &why) != FH_OK ||
        fh_settle(&s, req, &why) != FH_OK ||
        to->encode_request(&out, arena, req, loss, &why) != FH_OK) {
        FH_ASSERT(why.message.len > 0);
        return;
    }
    FH_ASSERT(!out.failed);
    FH_ASSERT(fh_json_parse(arena, fh_buf_slice(&out), &root, &error) == FH_OK);
    if (to == dialect) {
        struct fh_buf once;

        FH_ASSERT(again(arena, fh_buf_slice(&out), &once)); /* Converse has to take it, too */
    }
}

static void try_count(struct fh_slice body)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    struct fh_buf out = fh_buf_in_arena(arena, TEXT_MAX);
    struct fh_slice chat = FH_NONE;
    struct fh_slice once = FH_NONE;
    struct fh_complaint why = {0};

    if (dialect->unwrap_count(&chat, arena, body, &why) != FH_OK) {
        FH_ASSERT(why.message.len > 0);
        return;
    }
    dialect->wrap_count(&out, arena, chat);
    FH_ASSERT(dialect->unwrap_count(&once, arena, fh_buf_slice(&out), &why) == FH_OK);
}

/* ---- replies ---- */

/* retell decodes a reply, writes down what it said, and encodes it. */
static bool retell(struct fh_arena *arena, struct fh_slice body, struct fh_buf *trace,
                   struct fh_buf *out)
{
    struct fh_loss *loss = fh_new(arena, struct fh_loss);
    struct fh_events events = {.arena = arena};
    struct fh_complaint why = {0};

    loss->arena = arena;
    *trace = fh_buf_in_arena(arena, TEXT_MAX);
    *out = fh_buf_in_arena(arena, TEXT_MAX);
    if (dialect->decode_reply(&events, body, &why) != FH_OK) {
        FH_ASSERT(why.message.len > 0);
        return false;
    }
    for (size_t i = 0; i < events.count; i++) {
        trace_event(trace, arena, &events.list[i]);
    }
    dialect->encode_reply(out, arena, &frame, &events, loss);
    FH_ASSERT(!out->failed);
    return events.list[events.count - 1].kind == FH_EVENT_END;
}

static void try_reply(struct fh_slice body)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    struct fh_buf trace[3];
    struct fh_buf out[3];
    struct fh_watch watch = {0};
    struct fh_watch watch_again = {0};

    dialect->scan_reply(&watch, arena, body);
    if (!retell(arena, body, &trace[0], &out[0])) {
        return;
    }
    /* the first round may say what was unsaid: a reason, the arguments of a call */
    FH_ASSERT(retell(arena, fh_buf_slice(&out[0]), &trace[1], &out[1]));
    FH_ASSERT(retell(arena, fh_buf_slice(&out[1]), &trace[2], &out[2]));
    FH_ASSERT(fh_eq(fh_buf_slice(&trace[1]), fh_buf_slice(&trace[2])));
    dialect->scan_reply(&watch_again, arena, fh_buf_slice(&out[0]));
    if (watch.ended && watch_again.ended) {
        FH_ASSERT(watch.finish == FH_FINISH_UNKNOWN || watch.finish == watch_again.finish);
    }
}

/* ---- streams ---- */

static struct fh_slice wire_of(struct fh_arena *arena, struct fh_slice lines)
{
    struct fh_buf out = fh_buf_in_arena(arena, TEXT_MAX);
    struct fh_slice line = FH_NONE;

    while (fh_split(&lines, '\n', &line)) {
        struct fh_slice name = FH_NONE;
        bool exception = fh_take(&line, FH_LIT("!"));

        /* headers are text, and no type is that long */
        if (!fh_split(&line, ' ', &name) || !fh_utf8_ok(name) || name.len > 255) {
            continue;
        }
        if (exception) {
            fh_es_write_exception(&out, name, line);
        } else {
            fh_es_write_event(&out, name, line);
        }
    }
    return fh_buf_slice(&out);
}

/* What a stream came to. */
struct told {
    struct fh_buf trace, wire;
    struct fh_usage usage;
    struct fh_watch watch;
    bool ended, failed;
};

static struct told tell(struct fh_arena *arena, struct fh_slice wire, size_t step)
{
    struct told t = {.trace = fh_buf_in_arena(arena, TEXT_MAX),
                     .wire = fh_buf_in_arena(arena, TEXT_MAX)};
    struct fh_frames *frames = fh_frames_new(arena, FH_FRAMING_EVENTSTREAM, FRAME_MAX);
    struct fh_loss *loss = fh_new(arena, struct fh_loss);
    void *decoder = dialect->stream_decoder_new(arena);
    void *encoder = dialect->stream_encoder_new(arena, &frame);
    struct fh_frame event;

    loss->arena = arena;
    while (wire.len > 0 && !t.failed) {
        size_t n = fh_min(step, wire.len);

        fh_frames_feed(frames, fh_head(wire, n));
        wire = fh_tail(wire, n);
        while (!t.failed && fh_frames_next(frames, &event) == FH_STEP_EVENT) {
            FH_AUTO(fh_arena_free) struct fh_arena *scratch = fh_arena_new(ARENA_MAX);
            struct fh_events events = {.arena = scratch};
            struct fh_complaint why = {0};

            t.failed = dialect->decode_stream(decoder, &events, &event, &why) != FH_OK;
            for (size_t i = 0; i < events.count; i++) {
                FH_ASSERT(!t.ended);
                trace_event(&t.trace, scratch, &events.list[i]);
                fh_usage_merge(&t.usage, &events.list[i].usage);
                t.ended = t.ended || events.list[i].kind == FH_EVENT_END;
                t.failed = t.failed || events.list[i].kind == FH_EVENT_ERROR;
                dialect->encode_stream(encoder, &t.wire, scratch, &events.list[i], loss);
            }
            dialect->scan_stream(&t.watch, scratch, &event);
        }
    }
    fh_frames_fini(frames);
    FH_ASSERT(!t.trace.failed && !t.wire.failed);
    return t;
}

static void try_stream(struct fh_slice lines, size_t step)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    struct fh_slice wire = wire_of(arena, lines);
    struct told whole = tell(arena, wire, fh_max(wire.len, 1));
    struct told cut = tell(arena, wire, step);

    FH_ASSERT(fh_eq(fh_buf_slice(&whole.trace), fh_buf_slice(&cut.trace)));
    FH_ASSERT(fh_eq(fh_buf_slice(&whole.wire), fh_buf_slice(&cut.wire)));
    if (!whole.ended) {
        FH_ASSERT(!fh_contains(fh_buf_slice(&whole.wire), FH_LIT("metadata\r:content-type")));
        return;
    }
    FH_ASSERT(whole.watch.ended && !whole.watch.failed);
    FH_ASSERT(memcmp(whole.watch.usage.count, whole.usage.count, sizeof(whole.usage.count)) ==
              0);
    struct told once = tell(arena, fh_buf_slice(&whole.wire), 1 << 20);
    struct told twice = tell(arena, fh_buf_slice(&once.wire), 1 << 20);

    FH_ASSERT(once.ended && !once.failed);
    FH_ASSERT(fh_eq(fh_buf_slice(&once.trace), fh_buf_slice(&twice.trace)));
    FH_ASSERT(memcmp(once.usage.count, whole.usage.count, sizeof(whole.usage.count)) == 0);
}

/* ---- errors ---- */

static void try_fault(struct fh_slice body, uint16_t status)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    struct fh_buf out = fh_buf_in_arena(arena, TEXT_MAX);
    struct fh_fault fault;
    struct fh_error error;
    yyjson_val *root = NULL;

    dialect->decode_fault(&fault, arena, status, body);
    FH_ASSERT(fault.message.len > 0 && fault.kind < FH_REFUSAL_COUNT);
    dialect->encode_fault(&out, arena, FH_LIT("req_1"), &fault, FH_FRAMING_NONE);
    FH_ASSERT(fh_json_parse(arena, fh_buf_slice(&out), &root, &error) == FH_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct fh_dialect *const others[] = {&fh_dialect_anthropic,
                                                      &fh_dialect_openai_chat};
    struct fh_slice in = section(fh_slice(data, size));

    if (size == 0 || size > 1 << 16) {
        return 0;
    }
    try_request(in);
    for (size_t i = 0; i < FH_LEN(others); i++) {
        try_elsewhere(in, dialect, others[i]);
        try_elsewhere(in, others[i], dialect);
    }
    try_count(in);
    try_reply(in);
    try_stream(in, 1 + (size_t)data[size - 1] % 32);
    try_fault(in, (uint16_t)(400 + data[0]));
    return 0;
}
