/* fuzz_openai_chat.c: whatever can be decoded and encoded decodes again to what encodes the same: a
 * difference is a bug even when nothing crashes. Streams whole and cut up must say the same, and
 * the scan must agree with the decoder. The first byte picks what the rest is, the second the cut.
 * SPDX-License-Identifier: Apache-2.0 */
#include "dialect/dialect.h"
#include "wire/sse.h"

enum {
    ARENA_MAX = 1 << 22,
    EVENT_MAX = 1 << 14,
    OUT_MAX = 1 << 22,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct fh_dialect *const chat = &fh_dialect_openai_chat;

static const struct fh_reply_frame frame = {
    .request_id = FH_LIT_INIT("req_1"),
    .model = FH_LIT_INIT("m"),
    .created_s = 1,
    .include_usage = true,
    .framing = FH_FRAMING_SSE,
};

/* Each of these gives what the wire becomes, or nothing when it is refused. */
typedef struct fh_slice (*again_fn)(struct fh_arena *arena, struct fh_slice wire, size_t step);

static struct fh_slice request_again(struct fh_arena *arena, struct fh_slice wire, size_t step)
{
    struct fh_buf out = fh_buf_in_arena(arena, OUT_MAX);
    struct fh_loss loss = {.arena = arena};
    struct fh_complaint why = {0};
    struct fh_chat_request req;

    FH_UNUSED(step);
    if (chat->decode_request(&req, arena, wire, &why) != FH_OK) {
        FH_ASSERT(why.message.len > 0);
        return FH_NONE;
    }
    if (chat->encode_request(&out, arena, &req, &loss, &why) != FH_OK) {
        return FH_NONE;
    }
    FH_ASSERT(loss.count == 0);
    return out.failed ? FH_NONE : fh_buf_slice(&out);
}

static struct fh_slice reply_again(struct fh_arena *arena, struct fh_slice wire, size_t step)
{
    struct fh_buf out = fh_buf_in_arena(arena, OUT_MAX);
    struct fh_events events = {.arena = arena};
    struct fh_loss loss = {.arena = arena};
    struct fh_complaint why = {0};

    FH_UNUSED(step);
    if (chat->decode_reply(&events, wire, &why) != FH_OK) {
        FH_ASSERT(why.message.len > 0);
        return FH_NONE;
    }
    if (events.list[0].kind == FH_EVENT_ERROR) {
        chat->encode_fault(&out, arena, frame.request_id, &events.list[0].fault,
                           FH_FRAMING_NONE);
        return FH_NONE; /* a fault is told in our words, not again */
    }
    chat->encode_reply(&out, arena, &frame, &events, &loss);
    FH_ASSERT(loss.count == 0);
    return out.failed ? FH_NONE : fh_buf_slice(&out);
}

struct passage {
    struct fh_arena *scratch;
    void *decoder, *encoder;
    struct fh_buf *out;
    struct fh_loss loss;
    struct fh_usage usage;
    struct fh_watch watch;
    bool over; /* nothing is read behind an error or the end */
};

static bool pass(struct passage *p, const struct fh_frame *wire)
{
    struct fh_events events = {.arena = p->scratch};
    struct fh_complaint why = {0};

    fh_arena_reset(p->scratch);
    if (p->over) {
        return true;
    }
    if (chat->decode_stream(p->decoder, &events, wire, &why) != FH_OK) {
        FH_ASSERT(why.message.len > 0);
        return false;
    }
    for (size_t i = 0; i < events.count; i++) {
        fh_usage_merge(&p->usage, &events.list[i].usage);
        p->over = p->over || events.list[i].kind == FH_EVENT_ERROR ||
                  events.list[i].kind == FH_EVENT_END;
        chat->encode_stream(p->encoder, p->out, p->scratch, &events.list[i], &p->loss);
    }
    fh_arena_reset(p->scratch);
    chat->scan_stream(&p->watch, p->scratch, wire);
    return true;
}

static struct fh_slice stream_again(struct fh_arena *arena, struct fh_slice wire, size_t step)
{
    FH_AUTO(fh_arena_free) struct fh_arena *scratch = fh_arena_new(ARENA_MAX);
    struct fh_buf out = fh_buf_in_arena(arena, OUT_MAX);
    struct fh_sse_decoder *sse = fh_sse_decoder_new(arena, EVENT_MAX);
    struct passage p = {.scratch = scratch,
                        .decoder = chat->stream_decoder_new(arena),
                        .encoder = chat->stream_encoder_new(arena, &frame),
                        .out = &out,
                        .loss = {.arena = arena}};
    bool good = true;

    while (wire.len > 0 && good) {
        size_t n = fh_min(step, wire.len);
        struct fh_frame event;
        enum fh_step got = FH_STEP_MORE;

        fh_sse_feed(sse, fh_head(wire, n));
        wire = fh_tail(wire, n);
        while (good && (got = fh_sse_next(sse, &event)) == FH_STEP_EVENT) {
            good = pass(&p, &event);
        }
        good = good && got != FH_STEP_ERROR;
    }
    fh_sse_decoder_fini(sse);
    if (!good || out.failed) {
        return FH_NONE;
    }
    FH_ASSERT(p.loss.count == 0);
    FH_ASSERT(p.usage.seen == p.watch.usage.seen);
    FH_ASSERT(memcmp(p.usage.count, p.watch.usage.count, sizeof(p.usage.count)) == 0);
    return fh_buf_slice(&out);
}

static struct fh_slice fault_again(struct fh_arena *arena, struct fh_slice wire, size_t step)
{
    struct fh_buf out = fh_buf_in_arena(arena, OUT_MAX);
    struct fh_fault fault;

    chat->decode_fault(&fault, arena, (uint16_t)(step * 2), wire);
    FH_ASSERT(fault.message.len > 0 && fh_utf8_ok(fault.message));
    FH_ASSERT(chat->fault_status(&fault) >= 400);
    chat->encode_fault(&out, arena, frame.request_id, &fault, FH_FRAMING_NONE);
    return FH_NONE;
}

static void try(again_fn again, struct fh_slice wire, size_t step)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    struct fh_slice once = again(arena, wire, fh_max(wire.len, 1));

    if (again == stream_again) {
        FH_ASSERT(fh_eq(once, again(arena, wire, step)));
    } else if (again == fault_again) {
        (void)again(arena, wire, step);
    }
    if (once.len > 0 && once.len < ARENA_MAX / 64) {
        struct fh_slice twice = again(arena, once, once.len);

        /* a tree of our own may be larger than its arena */
        FH_ASSERT(twice.len == 0 ? fh_arena_used(arena) > ARENA_MAX / 4 : fh_eq(once, twice));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const again_fn kinds[] = {request_again, reply_again, stream_again, fault_again};
    struct fh_slice in = fh_slice(data, size);
    uint8_t kind = 0;
    uint8_t cut = 0;

    if (!fh_read_u8(&in, &kind) || !fh_read_u8(&in, &cut)) {
        return 0;
    }
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    struct fh_watch watch = {0};

    chat->scan_reply(&watch, arena, in); /* of anything */
    try(kinds[kind % FH_LEN(kinds)], in, 1 + (size_t)cut);
    return 0;
}
