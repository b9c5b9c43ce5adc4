/* fuzz_translation.c: what one dialect decodes and the ledgers settle, another one can write, and
 * what it wrote it can read again. The first byte picks the source, the second the target, the
 * third the cut; the rest is a request, an answer and a stream of the source.
 * SPDX-License-Identifier: Apache-2.0 */
#include "fuzz_dialect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct way {
    const struct fh_dialect *from, *to;
    struct fh_arena *arena;
    struct fh_loss *loss;
};

static struct fh_settling settling(const struct way *way)
{
    return (struct fh_settling){.from = way->from->cells,
                                .to = way->to->cells,
                                .to_name = way->to->name,
                                .home = way->to->home,
                                .arena = way->arena,
                                .loss = way->loss};
}

static void try_request(const struct way *way, struct fh_slice body)
{
    struct fh_chat_request *req = fh_new(way->arena, struct fh_chat_request);
    struct fh_chat_request *again = fh_new(way->arena, struct fh_chat_request);
    struct fh_buf out = fh_buf_in_arena(way->arena, FUZZ_TEXT_MAX);
    const struct fh_settling s = settling(way);
    struct fh_complaint why = {0};

    if (way->from->decode_request(req, way->arena, body, &why) != FH_OK) {
        return;
    }
    if (fh_settle(&s, req, &why) != FH_OK ||
        way->to->encode_request(&out, way->arena, req, way->loss, &why) != FH_OK) {
        FH_ASSERT(why.message.len > 0);
        return;
    }
    FH_ASSERT(!out.failed && fh_utf8_ok(fh_buf_slice(&out)));
    FH_ASSERT(way->to->decode_request(again, way->arena, fh_buf_slice(&out), &why) == FH_OK);
}

static void try_reply(const struct way *way, struct fh_slice body)
{
    const struct fh_reply_frame frame = fuzz_frame(way->to);
    struct fh_settled *seen = fh_new(way->arena, struct fh_settled);
    struct fh_events events = {.arena = way->arena, .dialect = way->from->id};
    struct fh_events again = {.arena = way->arena, .dialect = way->to->id};
    struct fh_buf out = fh_buf_in_arena(way->arena, FUZZ_TEXT_MAX);
    const struct fh_settling s = settling(way);
    struct fh_complaint why = {0};
    size_t kept = 0;

    if (way->from->decode_reply(&events, body, &why) != FH_OK ||
        events.list[events.count - 1].kind != FH_EVENT_END) {
        return;
    }
    for (size_t i = 0; i < events.count; i++) {
        if (fh_settle_event(&s, seen, &events.list[i])) {
            events.list[kept++] = events.list[i];
        }
    }
    events.count = kept;
    way->to->encode_reply(&out, way->arena, &frame, &events, way->loss);
    FH_ASSERT(!out.failed && fh_utf8_ok(fh_buf_slice(&out)));
    FH_ASSERT(way->to->decode_reply(&again, fh_buf_slice(&out), &why) == FH_OK);
    FH_ASSERT(again.list[again.count - 1].kind == FH_EVENT_END);
}

/* translated is the target's stream; `failed` when the source's broke or never ended. What follows
 * the end is nobody's. */
static struct fh_slice translated(const struct way *way, struct fh_slice wire, size_t step,
                                  bool *failed)
{
    const struct fh_reply_frame frame = fuzz_frame(way->to);
    struct fh_frames *frames = fh_frames_new(way->arena, way->from->framing, FUZZ_FRAME_MAX);
    struct fh_settled *seen = fh_new(way->arena, struct fh_settled);
    struct fh_buf out = fh_buf_in_arena(way->arena, FUZZ_TEXT_MAX);
    void *decoder = way->from->stream_decoder_new(way->arena);
    void *encoder = way->to->stream_encoder_new(way->arena, &frame);
    const struct fh_settling s = settling(way);
    enum fh_step got = FH_STEP_MORE;
    bool over = false;
    bool finished = false;
    struct fh_frame event;

    *failed = true;
    while (wire.len > 0 && got != FH_STEP_ERROR && !over) {
        size_t n = fh_min(step, wire.len);

        fh_frames_feed(frames, fh_head(wire, n));
        wire = fh_tail(wire, n);
        while (!over && (got = fh_frames_next(frames, &event)) == FH_STEP_EVENT) {
            struct fh_events events = {.arena = way->arena, .dialect = way->from->id};
            struct fh_complaint why = {0};

            over = way->from->decode_stream(decoder, &events, &event, &why) != FH_OK;
            for (size_t i = 0; i < events.count && !over; i++) {
                *failed = events.list[i].kind != FH_EVENT_END;
                finished = finished || events.list[i].kind == FH_EVENT_FINISH;
                over = !*failed || events.list[i].kind == FH_EVENT_ERROR;
                if (fh_settle_event(&s, seen, &events.list[i])) {
                    way->to->encode_stream(encoder, &out, way->arena, &events.list[i],
                                           way->loss);
                }
            }
        }
    }
    bool last = !over && finished && way->from->ends_with_bytes && got != FH_STEP_ERROR &&
                fh_frames_at_boundary(frames);
    /* what tells a client: the end of the bytes is one, or it broke off */
    struct fh_event end = {.kind = last ? FH_EVENT_END : FH_EVENT_ERROR,
                           .fault = {.message = FH_LIT("it broke off")}};

    if (*failed) {
        way->to->encode_stream(encoder, &out, way->arena, &end, way->loss);
        *failed = !last;
    }
    fh_frames_fini(frames);
    FH_ASSERT(!out.failed);
    return fh_buf_slice(&out);
}

static void try_stream(const struct way *way, struct fh_slice wire, size_t step)
{
    bool failed = false;
    bool cut_failed = false;
    struct fh_slice whole = translated(way, wire, SIZE_MAX, &failed);
    struct fh_slice cut = translated(way, wire, step, &cut_failed);

    FH_ASSERT(fh_eq(whole, cut) && failed == cut_failed);
    struct fuzz_stream t = fuzz_run(way->to, way->arena, whole, SIZE_MAX);

    FH_ASSERT(!failed || !t.ended);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(FUZZ_ARENA_MAX);
    struct way way = {.arena = arena};

    if (size < 3 || size > FUZZ_INPUT_MAX) {
        return 0;
    }
    way.from = fh_dialect((enum fh_dialect_id)(data[0] % FH_DIALECTS));
    way.to = fh_dialect((enum fh_dialect_id)(data[1] % FH_DIALECTS));
    if (way.from == NULL || way.to == NULL || way.from == way.to) {
        return 0;
    }
    way.loss = fh_new(arena, struct fh_loss);
    way.loss->arena = arena;
    struct fh_slice in = fuzz_section(fh_tail(fh_slice(data, size), 3));

    try_request(&way, in);
    try_reply(&way, in);
    try_stream(&way, in, 1 + (size_t)data[2] % 32);
    return 0;
}
