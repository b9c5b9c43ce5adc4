/* fuzz_anthropic.c: looks for wrong answers. Each input is taken as a request, as a whole reply, as
 * a stream and as an error body; what decodes must encode to something that decodes to the same,
 * whole and cut streams must tell the same story, and a scan must see what the decoder saw. An
 * input may be a vector: then the first section of it is taken.
 * SPDX-License-Identifier: Apache-2.0 */
#include "trace_anthropic.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ARENA_MAX = 1 << 24, TEXT_MAX = 1 << 26 };

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

/* again decodes a request and encodes it. False when it is refused. */
static bool again(struct fh_arena *arena, struct fh_slice body, struct fh_buf *out)
{
    struct fh_chat_request *req = fh_new(arena, struct fh_chat_request);
    struct fh_loss *loss = fh_new(arena, struct fh_loss);
    struct fh_complaint why = {0};

    loss->arena = arena;
    *out = fh_buf_in_arena(arena, TEXT_MAX);
    if (fh_dialect_anthropic.decode_request(req, arena, body, &why) != FH_OK) {
        FH_ASSERT(why.message.len > 0);
        return false;
    }
    FH_ASSERT(fh_dialect_anthropic.encode_request(out, arena, req, loss, &why) == FH_OK);
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

/* retell decodes a reply, writes down what it said, and encodes it. */
static bool retell(struct fh_arena *arena, struct fh_slice body, struct fh_buf *trace,
                   struct fh_buf *out)
{
    static const struct fh_reply_frame frame = {.request_id = FH_LIT_INIT("req_1"),
                                                .model = FH_LIT_INIT("a-model")};
    struct fh_loss *loss = fh_new(arena, struct fh_loss);
    struct fh_events events;

    loss->arena = arena;
    *trace = fh_buf_in_arena(arena, TEXT_MAX);
    *out = fh_buf_in_arena(arena, TEXT_MAX);
    if (!trace_reply(trace, arena, body, &events)) {
        return false;
    }
    fh_dialect_anthropic.encode_reply(out, arena, &frame, &events, loss);
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

    fh_dialect_anthropic.scan_reply(&watch, arena, body);
    if (!retell(arena, body, &trace[0], &out[0])) {
        return;
    }
    /* the first round may say what was unsaid: an id, a stop reason */
    FH_ASSERT(retell(arena, fh_buf_slice(&out[0]), &trace[1], &out[1]));
    FH_ASSERT(retell(arena, fh_buf_slice(&out[1]), &trace[2], &out[2]));
    FH_ASSERT(fh_eq(fh_buf_slice(&trace[1]), fh_buf_slice(&trace[2])));
    fh_dialect_anthropic.scan_reply(&watch_again, arena, fh_buf_slice(&out[0]));
    if (watch.ended && watch_again.ended) {
        FH_ASSERT(watch.finish == FH_FINISH_UNKNOWN || watch.finish == watch_again.finish);
    }
}

static void try_stream(struct fh_slice wire, size_t step)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    struct trace_stream whole = trace_sse(arena, wire, fh_max(wire.len, 1));
    struct trace_stream cut = trace_sse(arena, wire, step);

    FH_ASSERT(fh_eq(fh_buf_slice(&whole.trace), fh_buf_slice(&cut.trace)));
    FH_ASSERT(fh_eq(fh_buf_slice(&whole.wire), fh_buf_slice(&cut.wire)));
    FH_ASSERT(!whole.failed ||
              !fh_contains(fh_buf_slice(&whole.wire), FH_LIT("\n\nevent: message_stop\n")));
    if (!whole.ended || whole.failed) {
        return;
    }
    FH_ASSERT(whole.watch.ended && !whole.watch.failed);
    FH_ASSERT(memcmp(whole.watch.usage.count, whole.usage.count, sizeof(whole.usage.count)) ==
              0);
    struct trace_stream once = trace_sse(arena, fh_buf_slice(&whole.wire), 1 << 20);
    struct trace_stream twice = trace_sse(arena, fh_buf_slice(&once.wire), 1 << 20);

    FH_ASSERT(once.ended && !once.failed);
    FH_ASSERT(fh_eq(fh_buf_slice(&once.trace), fh_buf_slice(&twice.trace)));
    FH_ASSERT(memcmp(once.usage.count, whole.usage.count, sizeof(whole.usage.count)) == 0);
}

static void try_fault(struct fh_slice body, uint16_t status)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    struct fh_buf out = fh_buf_in_arena(arena, TEXT_MAX);
    struct fh_fault fault;
    struct fh_error error;
    yyjson_val *root = NULL;

    fh_dialect_anthropic.decode_fault(&fault, arena, status, body);
    FH_ASSERT(fault.message.len > 0 && fault.kind < FH_REFUSAL_COUNT);
    fh_dialect_anthropic.encode_fault(&out, arena, FH_LIT("req_1"), &fault, FH_FRAMING_NONE);
    FH_ASSERT(fh_json_parse(arena, fh_buf_slice(&out), &root, &error) == FH_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fh_slice in = section(fh_slice(data, size));

    if (size == 0 || size > 1 << 16) {
        return 0;
    }
    try_request(in);
    try_reply(in);
    try_stream(in, 1 + (size_t)data[size - 1] % 32);
    try_fault(in, (uint16_t)(400 + data[0]));
    return 0;
}
