/*
 * trace_anthropic.h: what a decoder said, one line an event, for the vectors, tests and fuzz
 * target.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "dialect/dialect.h"
#include "wire/sse.h"

static const char *const trace_blocks[] = {
    [FH_BLOCK_TEXT] = "text",         [FH_BLOCK_IMAGE] = "image",
    [FH_BLOCK_DOCUMENT] = "document", [FH_BLOCK_AUDIO] = "audio",
    [FH_BLOCK_THINKING] = "thinking", [FH_BLOCK_REDACTED] = "redacted",
    [FH_BLOCK_TOOL_CALL] = "call",    [FH_BLOCK_TOOL_RESULT] = "result",
    [FH_BLOCK_REFUSAL] = "refusal",   [FH_BLOCK_OPAQUE] = "opaque",
};

static const char *const trace_finishes[FH_FINISHES] = {
    "unknown", "stop", "stop_sequence", "length", "context", "tools", "refusal", "pause",
};

static inline void trace_text(struct fh_buf *out, const char *word, const struct fh_event *e)
{
    fh_buf_printf(out, "%s %u ", word, e->index);
    fh_json_quote(out, e->text);
}

static inline void trace_usage(struct fh_buf *out, const struct fh_usage *u)
{
    static const char *const names[FH_TOKENS_KINDS] = {
        "input", "read", "write5m", "write1h", "output", "reasoning", "audio_in", "audio_out",
    };

    for (enum fh_tokens kind = 0; kind < FH_TOKENS_KINDS; kind++) {
        if (fh_usage_has(u, kind)) {
            fh_buf_printf(out, " %s=%llu", names[kind], (unsigned long long)u->count[kind]);
        }
    }
}

static inline void trace_extras(struct fh_buf *out, struct fh_arena *scratch,
                                const struct fh_extras *extras)
{
    for (const struct fh_extra *x = extras->first; x != NULL; x = x->next) {
        fh_buf_append(out, FH_LIT(" "));
        fh_buf_append(out, x->pointer);
        fh_buf_append(out, FH_LIT("="));
        fh_json_append_val(out, scratch, x->value);
    }
}

/* trace_event appends the line of one event. */
static inline void trace_event(struct fh_buf *out, struct fh_arena *scratch,
                               const struct fh_event *e)
{
    switch (e->kind) {
    case FH_EVENT_START:
        fh_buf_printf(out, "start %.*s %.*s", FH_ARG(e->id), FH_ARG(e->model));
        break;
    case FH_EVENT_BLOCK_START:
        fh_buf_printf(out, "block %u %s", e->index, trace_blocks[e->block]);
        if (e->block == FH_BLOCK_TOOL_CALL) {
            fh_buf_printf(out, " %.*s %.*s", FH_ARG(e->id), FH_ARG(e->name));
        } else if (e->block == FH_BLOCK_REDACTED) {
            fh_buf_printf(out, " %.*s", FH_ARG(e->text));
        } else if (e->raw != NULL) {
            fh_buf_append(out, FH_LIT(" "));
            fh_json_append_val(out, scratch, e->raw);
        }
        break;
    case FH_EVENT_TEXT:
        trace_text(out, "text", e);
        break;
    case FH_EVENT_THINKING:
        trace_text(out, "thinking", e);
        break;
    case FH_EVENT_SIGNATURE:
        trace_text(out, "signature", e);
        break;
    case FH_EVENT_ARGUMENTS:
        trace_text(out, "arguments", e);
        break;
    case FH_EVENT_REFUSAL:
        trace_text(out, "refusal", e);
        break;
    case FH_EVENT_EXTRA:
        fh_buf_printf(out, "extra %u", e->index);
        break;
    case FH_EVENT_BLOCK_STOP:
        fh_buf_printf(out, "stop %u", e->index);
        break;
    case FH_EVENT_FINISH:
        fh_buf_printf(out, "finish %s %.*s", trace_finishes[e->finish], FH_ARG(e->finish_word));
        if (e->stop_sequence.ptr != NULL) {
            fh_json_quote(out, e->stop_sequence);
        }
        break;
    case FH_EVENT_USAGE:
        fh_buf_append(out, FH_LIT("usage"));
        trace_usage(out, &e->usage);
        break;
    case FH_EVENT_ERROR:
        fh_buf_printf(out, "error %.*s: %.*s", FH_ARG(fh_refusal_row(e->fault.kind)->name),
                      FH_ARG(e->fault.message));
        break;
    case FH_EVENT_PING:
        fh_buf_append(out, FH_LIT("ping"));
        break;
    case FH_EVENT_END:
        fh_buf_append(out, FH_LIT("end"));
        break;
    }
    trace_extras(out, scratch, &e->extras);
    fh_buf_byte(out, '\n');
}

/* What a whole stream came to. */
struct trace_stream {
    struct fh_buf trace; /* one line an event; the last is "refused: …" when it was no stream */
    struct fh_buf wire; /* what a client of the same dialect would get */
    struct fh_usage usage;
    struct fh_watch watch;
    bool ended, failed;
};

/* trace_sse feeds a stream in pieces of `step` bytes through decoder, encoder and scan. */
static inline struct trace_stream trace_sse(struct fh_arena *arena, struct fh_slice wire,
                                            size_t step)
{
    static const struct fh_reply_frame frame = {.request_id = FH_LIT_INIT("req_1"),
                                                .model = FH_LIT_INIT("a-model")};
    const struct fh_dialect *d = &fh_dialect_anthropic;
    struct trace_stream t = {.trace = fh_buf_in_arena(arena, 1 << 26),
                             .wire = fh_buf_in_arena(arena, 1 << 26)};
    struct fh_sse_decoder *sse = fh_sse_decoder_new(arena, 1 << 20);
    struct fh_loss *loss = fh_new(arena, struct fh_loss);
    void *decoder = d->stream_decoder_new(arena);
    void *encoder = d->stream_encoder_new(arena, &frame);
    FH_AUTO(fh_arena_free) struct fh_arena *scratch = fh_arena_new(1 << 24);
    enum fh_step got = FH_STEP_MORE;
    struct fh_frame event;

    loss->arena = arena;
    while (wire.len > 0 && got != FH_STEP_ERROR && !t.failed) {
        size_t n = fh_min(step, wire.len);

        fh_sse_feed(sse, fh_head(wire, n));
        wire = fh_tail(wire, n);
        while ((got = fh_sse_next(sse, &event)) == FH_STEP_EVENT && !t.failed) {
            struct fh_events events = {.arena = scratch};
            struct fh_complaint why = {0};
            enum fh_rc rc = d->decode_stream(decoder, &events, &event, &why);

            for (size_t i = 0; i < events.count; i++) {
                trace_event(&t.trace, scratch, &events.list[i]);
                d->encode_stream(encoder, &t.wire, scratch, &events.list[i], loss);
                fh_usage_merge(&t.usage, &events.list[i].usage);
                t.ended = t.ended || events.list[i].kind == FH_EVENT_END;
                t.failed = t.failed || events.list[i].kind == FH_EVENT_ERROR;
            }
            if (rc != FH_OK) {
                fh_buf_printf(&t.trace, "refused: %.*s\n", FH_ARG(why.message));
                t.failed = true;
            }
            d->scan_stream(&t.watch, scratch, &event);
            fh_arena_reset(scratch);
        }
    }
    fh_sse_decoder_fini(sse);
    FH_ASSERT(!t.trace.failed && !t.wire.failed);
    return t;
}

/* trace_reply decodes a whole reply and appends its lines. False when it was none. */
static inline bool trace_reply(struct fh_buf *out, struct fh_arena *arena, struct fh_slice body,
                               struct fh_events *events)
{
    struct fh_complaint why = {0};

    *events = (struct fh_events){.arena = arena};
    if (fh_dialect_anthropic.decode_reply(events, body, &why) != FH_OK) {
        fh_buf_printf(out, "refused: %.*s\n", FH_ARG(why.message));
        return false;
    }
    for (size_t i = 0; i < events->count; i++) {
        trace_event(out, arena, &events->list[i]);
    }
    return true;
}
