/*
 * fuzz_dialect.h: what must hold of any input of a dialect, for its fuzz target.
 *
 *     request, reply, stream ──decode, encode──▶ once ──decode, encode──▶ twice, the same as once
 *     stream, whole          ──decode──▶ events ◀──decode──  the same in pieces
 *     scan                   sees the usage, the fault and the end that the decoder sees
 *
 * An input may be a vector: then its first section is taken.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "trace.h"

#include "wire/frames.h"

enum {
    FUZZ_ARENA_MAX = 1 << 24,
    FUZZ_TEXT_MAX = 1 << 26,
    FUZZ_FRAME_MAX = 1 << 20,
    FUZZ_INPUT_MAX = 1 << 16,
};

/* fuzz_section gives the body of the first section of a vector, or all of what is none. */
static inline struct fh_slice fuzz_section(struct fh_slice in)
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

/* fuzz_again decodes a request and encodes it. False when it is refused. What is lost within one
 * dialect is what it cannot take (another model's signature), and is lost once. */
static inline bool fuzz_again(const struct fh_dialect *d, struct fh_arena *arena,
                              struct fh_slice body, struct fh_buf *out, uint32_t *lost)
{
    struct fh_chat_request *req = fh_new(arena, struct fh_chat_request);
    struct fh_loss *loss = fh_new(arena, struct fh_loss);
    struct fh_complaint why = {0};

    loss->arena = arena;
    *out = fh_buf_in_arena(arena, FUZZ_TEXT_MAX);
    if (d->decode_request(req, arena, body, &why) != FH_OK ||
        d->encode_request(out, arena, req, loss, &why) != FH_OK) {
        FH_ASSERT(why.message.len > 0);
        return false;
    }
    FH_ASSERT(!out->failed && fh_utf8_ok(fh_buf_slice(out)));
    *lost = loss->count;
    return true;
}

static inline void fuzz_request(const struct fh_dialect *d, struct fh_slice body)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(FUZZ_ARENA_MAX);
    struct fh_buf once;
    struct fh_buf twice;
    uint32_t lost = 0;

    if (fuzz_again(d, arena, body, &once, &lost)) {
        FH_ASSERT(fuzz_again(d, arena, fh_buf_slice(&once), &twice, &lost) && lost == 0);
        FH_ASSERT(fh_eq(fh_buf_slice(&once), fh_buf_slice(&twice)));
    }
}

static inline struct fh_reply_frame fuzz_frame(const struct fh_dialect *d)
{
    return (struct fh_reply_frame){.request_id = FH_LIT("req_1"),
                                   .model = FH_LIT("a-model"),
                                   .created_s = 1700000000,
                                   .include_usage = true,
                                   .framing = d->framing};
}

/* fuzz_retell decodes a reply, writes down what it said, and encodes it. False when it is none. */
static inline bool fuzz_retell(const struct fh_dialect *d, struct fh_arena *arena,
                               struct fh_slice body, struct fh_buf *trace, struct fh_buf *out)
{
    const struct fh_reply_frame frame = fuzz_frame(d);
    struct fh_loss *loss = fh_new(arena, struct fh_loss);
    struct fh_events events = {.arena = arena, .dialect = d->id};
    struct fh_complaint why = {0};

    loss->arena = arena;
    *trace = fh_buf_in_arena(arena, FUZZ_TEXT_MAX);
    *out = fh_buf_in_arena(arena, FUZZ_TEXT_MAX);
    if (d->decode_reply(&events, body, &why) != FH_OK) {
        FH_ASSERT(why.message.len > 0);
        return false;
    }
    FH_ASSERT(events.count > 0);
    for (size_t i = 0; i < events.count; i++) {
        trace_event(trace, arena, &events.list[i]);
    }
    if (events.list[events.count - 1].kind != FH_EVENT_END) {
        return false; /* an error in disguise */
    }
    d->encode_reply(out, arena, &frame, &events, loss);
    FH_ASSERT(!out->failed && fh_utf8_ok(fh_buf_slice(out)));
    return true;
}

static inline void fuzz_reply(const struct fh_dialect *d, struct fh_slice body)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(FUZZ_ARENA_MAX);
    struct fh_watch watch = {0};
    struct fh_watch again = {0};
    struct fh_buf trace[3];
    struct fh_buf out[3];

    d->scan_reply(&watch, arena, body);
    if (!fuzz_retell(d, arena, body, &trace[0], &out[0])) {
        return;
    }
    /* the first round may say what was unsaid: an id, a reason to stop */
    FH_ASSERT(fuzz_retell(d, arena, fh_buf_slice(&out[0]), &trace[1], &out[1]));
    FH_ASSERT(fuzz_retell(d, arena, fh_buf_slice(&out[1]), &trace[2], &out[2]));
    FH_ASSERT(fh_eq(fh_buf_slice(&trace[1]), fh_buf_slice(&trace[2])));
    d->scan_reply(&again, arena, fh_buf_slice(&out[0]));
    if (watch.ended && again.ended) {
        FH_ASSERT(watch.finish == FH_FINISH_UNKNOWN || watch.finish == again.finish);
    }
}

/* What a stream came to. */
struct fuzz_stream {
    struct fh_buf trace;
    struct fh_buf wire; /* what a client of the same dialect gets */
    struct fh_usage usage;
    struct fh_watch watch;
    bool finished, ended, failed;
};

static inline void fuzz_event(struct fuzz_stream *t, const struct fh_dialect *d, void *encoder,
                              struct fh_arena *scratch, struct fh_loss *loss,
                              const struct fh_event *event)
{
    if (event->kind !=
        FH_EVENT_PING) { /* it may overtake a chunk that is held for what follows */
        trace_event(&t->trace, scratch, event);
    }
    d->encode_stream(encoder, &t->wire, scratch, event, loss);
    fh_usage_merge(&t->usage, &event->usage);
    t->finished = t->finished || event->kind == FH_EVENT_FINISH;
    t->ended = t->ended || event->kind == FH_EVENT_END;
    t->failed = t->failed || event->kind == FH_EVENT_ERROR;
}

/* fuzz_break_off is what is said to a client whose stream does not come to its end. */
static inline void fuzz_break_off(const struct fh_dialect *client, struct fh_buf *wire,
                                  struct fh_arena *scratch)
{
    const struct fh_fault fault = {.kind = FH_REFUSE_UPSTREAM_FAILED,
                                   .message = FH_LIT("broken off")};

    if (!client->no_error_event) {
        client->encode_fault(wire, scratch, FH_LIT("req_1"), &fault, client->framing);
    }
}

/* fuzz_run feeds a stream in pieces of `step` bytes through decoder, encoder and scan, to its
 * end or to where it breaks. */
static inline struct fuzz_stream fuzz_run(const struct fh_dialect *d, struct fh_arena *arena,
                                          struct fh_slice wire, size_t step)
{
    FH_AUTO(fh_arena_free) struct fh_arena *scratch = fh_arena_new(FUZZ_ARENA_MAX);
    struct fuzz_stream t = {.trace = fh_buf_in_arena(arena, FUZZ_TEXT_MAX),
                            .wire = fh_buf_in_arena(arena, FUZZ_TEXT_MAX)};
    const struct fh_reply_frame frame = fuzz_frame(d);
    struct fh_frames *frames = fh_frames_new(arena, d->framing, FUZZ_FRAME_MAX);
    struct fh_loss *loss = fh_new(arena, struct fh_loss);
    void *decoder = d->stream_decoder_new(arena);
    void *encoder = d->stream_encoder_new(arena, &frame);
    enum fh_step got = FH_STEP_MORE;
    struct fh_frame event;

    loss->arena = arena;
    while (wire.len > 0 && got != FH_STEP_ERROR && !t.failed && !t.ended) {
        size_t n = fh_min(step, wire.len);

        fh_frames_feed(frames, fh_head(wire, n));
        wire = fh_tail(wire, n);
        while (!t.failed && !t.ended &&
               (got = fh_frames_next(frames, &event)) == FH_STEP_EVENT) {
            struct fh_events events = {.arena = scratch, .dialect = d->id};
            struct fh_complaint why = {0};
            enum fh_rc rc = d->decode_stream(decoder, &events, &event, &why);

            for (size_t i = 0; i < events.count && !t.failed; i++) {
                fuzz_event(&t, d, encoder, scratch, loss, &events.list[i]);
            }
            FH_ASSERT(rc == FH_OK || why.message.len > 0);
            t.failed = t.failed || rc != FH_OK;
            d->scan_stream(&t.watch, scratch, &event);
            fh_arena_reset(scratch);
        }
    }
    if (d->ends_with_bytes && t.finished && !t.ended && !t.failed && got != FH_STEP_ERROR &&
        fh_frames_at_boundary(frames)) {
        const struct fh_event end = {.kind = FH_EVENT_END};

        fuzz_event(&t, d, encoder, scratch, loss, &end);
        t.watch.ended = true;
    }
    if (!t.ended) {
        fuzz_break_off(d, &t.wire, scratch);
    }
    fh_frames_fini(frames);
    FH_ASSERT(!t.trace.failed && !t.wire.failed);
    return t;
}

static inline void fuzz_stream(const struct fh_dialect *d, struct fh_slice wire, size_t step)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(FUZZ_ARENA_MAX);
    struct fuzz_stream whole = fuzz_run(d, arena, wire, SIZE_MAX);
    struct fuzz_stream cut = fuzz_run(d, arena, wire, step);

    FH_ASSERT(fh_eq(fh_buf_slice(&whole.trace), fh_buf_slice(&cut.trace)));
    FH_ASSERT(fh_eq(fh_buf_slice(&whole.wire), fh_buf_slice(&cut.wire)));
    FH_ASSERT(!whole.failed || !whole.watch.ended || whole.watch.failed);

    struct fuzz_stream once = fuzz_run(d, arena, fh_buf_slice(&whole.wire), SIZE_MAX);

    /* a stream that failed never ends cleanly */
    FH_ASSERT(whole.ended || d->no_error_event || !once.ended);
    if (!whole.ended || whole.failed) {
        return;
    }
    struct fuzz_stream twice = fuzz_run(d, arena, fh_buf_slice(&once.wire), SIZE_MAX);
    size_t counts = sizeof(whole.usage.count);

    FH_ASSERT(whole.watch.ended && !whole.watch.failed && once.ended && !once.failed);
    FH_ASSERT(memcmp(whole.watch.usage.count, whole.usage.count, counts) == 0);
    FH_ASSERT(memcmp(once.usage.count, whole.usage.count, counts) == 0);
    FH_ASSERT(fh_eq(fh_buf_slice(&once.trace), fh_buf_slice(&twice.trace)));
}

static inline void fuzz_fault(const struct fh_dialect *d, struct fh_slice body, uint16_t status)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(FUZZ_ARENA_MAX);
    struct fh_buf out = fh_buf_in_arena(arena, FUZZ_TEXT_MAX);
    struct fh_fault fault;
    struct fh_error error;
    yyjson_val *root = NULL;

    d->decode_fault(&fault, arena, status, body);
    FH_ASSERT(fault.message.len > 0 && fault.kind < FH_REFUSAL_COUNT);
    d->encode_fault(&out, arena, FH_LIT("req_1"), &fault, FH_FRAMING_NONE);
    FH_ASSERT(fh_json_parse(arena, fh_buf_slice(&out), &root, &error) == FH_OK);
}

/* fuzz_dialect takes each input as a request, as a whole reply, as a stream and as an error. */
static inline void fuzz_dialect(const struct fh_dialect *d, const uint8_t *data, size_t size)
{
    struct fh_slice in = fuzz_section(fh_slice(data, size));

    if (size == 0 || size > FUZZ_INPUT_MAX) {
        return;
    }
    fuzz_request(d, in);
    fuzz_reply(d, in);
    fuzz_stream(d, in, 1 + (size_t)data[size - 1] % 32);
    fuzz_fault(d, in, (uint16_t)(400 + data[0]));
}
