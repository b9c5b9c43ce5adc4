/*
 * story.h: the vectors of one dialect, and the tests that all dialects share.
 *
 *     == request: title              the body written again in the same dialect, losses below, or
 *                                    its refusal
 *     == reply: title                the events of a whole reply, one a line
 *     == stream: title               the events of a stream
 *     == fault: title                first line the status; gives kind, status, sentence, our body
 *     == count: title                a client's body of a count: gives the chat request in it
 *     == request from NAME: title    a request of dialect NAME as a body of ours, losses below
 *     == reply from NAME: title      a reply of NAME as a client of ours gets it, losses below
 *     == stream from NAME: title     the same, streamed
 *     == request to NAME: title      a request of ours as a body of NAME, and so on
 *     == gives
 *
 * Streams of event-stream framing are written as lines `type JSON`, `!type JSON` for exceptions, in
 * vectors and in what they give: frame_lines.h. Files named fields*.tv are read by others.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "frame_lines.h"
#include "tap.h"
#include "trace.h"
#include "vector.h"

enum { STORY_ARENA_MAX = 1 << 26, STORY_TEXT_MAX = 1 << 24, STORY_FRAME_MAX = 1 << 20 };

static const struct fh_dialect *story_dialect;
static const char *story_folder;

static const struct fh_reply_frame story_frame = {
    .request_id = FH_LIT_INIT("req_1"),
    .model = FH_LIT_INIT("a-model"),
    .created_s = 1700000000,
    .include_usage = true,
};

static inline struct fh_reply_frame story_frame_of(const struct fh_dialect *client)
{
    struct fh_reply_frame frame = story_frame;

    frame.framing = client->framing;
    return frame;
}

static inline void story_losses(struct fh_buf *out, const struct fh_loss *loss)
{
    for (uint32_t i = 0; i < fh_loss_listed(loss); i++) {
        fh_buf_printf(out, "\nlost %.*s: %s", FH_ARG(loss->entry[i].pointer),
                      loss->entry[i].why);
    }
}

static inline struct fh_settling story_settling(const struct fh_dialect *from,
                                                const struct fh_dialect *to,
                                                struct fh_arena *arena, struct fh_loss *loss)
{
    return (struct fh_settling){.from = from->cells,
                                .to = to->cells,
                                .to_name = to->name,
                                .home = to->home,
                                .arena = arena,
                                .loss = loss};
}

/* story_translate reads a client's request of `from` and writes it for a provider of `to`. */
static inline bool story_translate(struct fh_buf *out, struct fh_arena *arena,
                                   const struct fh_dialect *from, const struct fh_dialect *to,
                                   struct fh_slice body, struct fh_loss *loss)
{
    struct fh_chat_request *req = fh_new(arena, struct fh_chat_request);
    struct fh_settling s = story_settling(from, to, arena, loss);
    struct fh_complaint why = {0};

    loss->arena = arena;
    if (from->decode_request(req, arena, body, &why) != FH_OK ||
        (from != to && fh_settle(&s, req, &why) != FH_OK) ||
        to->encode_request(out, arena, req, loss, &why) != FH_OK) {
        fh_buf_clear(out);
        fh_buf_printf(out, "%.*s %.*s", FH_ARG(fh_refusal_row(why.kind)->name),
                      FH_ARG(why.message));
        return false;
    }
    return true;
}

/* story_reply turns a whole reply of `from` into a whole reply for a client of `to`. */
static inline void story_reply(struct fh_buf *out, struct fh_arena *arena,
                               const struct fh_dialect *from, const struct fh_dialect *to,
                               struct fh_slice body, struct fh_loss *loss)
{
    struct fh_reply_frame frame = story_frame_of(to);
    struct fh_settling s = story_settling(from, to, arena, loss);
    struct fh_settled *seen = fh_new(arena, struct fh_settled);
    struct fh_events events = {.arena = arena, .dialect = from->id};
    struct fh_events told = {.arena = arena, .dialect = from->id};
    struct fh_complaint why = {0};

    loss->arena = arena;
    if (from->decode_reply(&events, body, &why) != FH_OK) {
        fh_buf_printf(out, "refused: %.*s", FH_ARG(why.message));
        return;
    }
    for (size_t i = 0; i < events.count; i++) {
        if (from == to || fh_settle_event(&s, seen, &events.list[i])) {
            *fh_event_push(&told, events.list[i].kind) = events.list[i];
        }
    }
    if (told.count > 0 && told.list[0].kind == FH_EVENT_ERROR) {
        to->encode_fault(out, arena, frame.request_id, &told.list[0].fault, FH_FRAMING_NONE);
        return;
    }
    to->encode_reply(out, arena, &frame, &told, loss);
}

/* What a stream came to. */
struct story_stream {
    struct fh_buf trace; /* one line an event; the last is "refused: …" when it was no stream */
    struct fh_buf wire; /* what a client gets */
    struct fh_usage usage;
    struct fh_watch watch;
    bool finished, ended, failed;
};

static inline void story_event(struct story_stream *t, const struct fh_dialect *from,
                               const struct fh_dialect *to, void *encoder,
                               struct fh_settled *seen, const struct fh_settling *s,
                               struct fh_event *event)
{
    trace_event(&t->trace, s->arena, event);
    fh_usage_merge(&t->usage, &event->usage);
    t->finished = t->finished || event->kind == FH_EVENT_FINISH;
    t->ended = t->ended || event->kind == FH_EVENT_END;
    t->failed = t->failed || event->kind == FH_EVENT_ERROR;
    if (from == to || fh_settle_event(s, seen, event)) {
        to->encode_stream(encoder, &t->wire, s->arena, event, s->loss);
    }
}

/* story_over: behind a finish, the end of the bytes is an end where the dialect has it so. */
static inline void story_over(struct story_stream *t, const struct fh_dialect *from,
                              const struct fh_dialect *to, void *encoder,
                              struct fh_settled *seen, const struct fh_settling *s)
{
    struct fh_event end = {.kind = FH_EVENT_END};

    if (from->ends_with_bytes && t->finished && !t->ended && !t->failed) {
        story_event(t, from, to, encoder, seen, s, &end);
        t->watch.ended = true;
    }
}

/* story_run feeds a stream in pieces of `step` bytes through frames, decoder, ledger, encoder and
 * scan. */
static inline struct story_stream story_run(struct fh_arena *arena,
                                            const struct fh_dialect *from,
                                            const struct fh_dialect *to, struct fh_slice wire,
                                            size_t step, struct fh_loss *loss)
{
    FH_AUTO(fh_arena_free) struct fh_arena *scratch = fh_arena_new(STORY_ARENA_MAX);
    struct story_stream t = {.trace = fh_buf_in_arena(arena, STORY_TEXT_MAX),
                             .wire = fh_buf_in_arena(arena, STORY_TEXT_MAX)};
    struct fh_reply_frame frame = story_frame_of(to);
    struct fh_frames *frames = fh_frames_new(arena, from->framing, STORY_FRAME_MAX);
    struct fh_settling s = story_settling(from, to, scratch, loss);
    struct fh_settled *seen = fh_new(arena, struct fh_settled);
    void *decoder = from->stream_decoder_new(arena);
    void *encoder = to->stream_encoder_new(arena, &frame);
    enum fh_step got = FH_STEP_MORE;
    struct fh_frame event;

    loss->arena = arena;
    while (wire.len > 0 && got != FH_STEP_ERROR && !t.failed) {
        size_t n = fh_min(step, wire.len);

        fh_frames_feed(frames, fh_head(wire, n));
        wire = fh_tail(wire, n);
        while (!t.failed && (got = fh_frames_next(frames, &event)) == FH_STEP_EVENT) {
            struct fh_events events = {.arena = scratch, .dialect = from->id};
            struct fh_complaint why = {0};
            enum fh_rc rc = from->decode_stream(decoder, &events, &event, &why);

            for (size_t i = 0; i < events.count && !t.failed; i++) {
                story_event(&t, from, to, encoder, seen, &s, &events.list[i]);
            }
            if (rc != FH_OK) {
                fh_buf_printf(&t.trace, "refused: %.*s\n", FH_ARG(why.message));
                t.failed = true;
            }
            from->scan_stream(&t.watch, scratch, &event);
            fh_arena_reset(scratch);
        }
    }
    if (got != FH_STEP_ERROR && fh_frames_at_boundary(frames)) {
        story_over(&t, from, to, encoder, seen, &s);
    }
    fh_frames_fini(frames);
    assert_false(t.trace.failed || t.wire.failed);
    return t;
}

/* ---- the kinds of vectors ---- */

/* story_wire makes the bytes of a stream from how vectors write it. */
static inline struct fh_slice story_wire(const struct fh_dialect *dialect,
                                         struct fh_arena *arena, struct fh_slice text)
{
    return dialect->framing == FH_FRAMING_EVENTSTREAM ? frame_lines_wire(arena, text) : text;
}

/* story_shown is the way back. */
static inline struct fh_slice story_shown(const struct fh_dialect *dialect,
                                          struct fh_arena *arena, struct fh_slice wire)
{
    return dialect->framing == FH_FRAMING_EVENTSTREAM ? frame_lines_shown(arena, wire) : wire;
}

static inline void story_on_fault(struct fh_buf *out, struct fh_arena *arena,
                                  struct fh_slice body)
{
    struct fh_slice status = FH_NONE;
    struct fh_fault fault = {0};
    char digits[8];

    assert_true(fh_split(&body, '\n', &status));
    (void)snprintf(digits, sizeof(digits), "%.*s", FH_ARG(status));
    story_dialect->decode_fault(&fault, arena, (uint16_t)strtoul(digits, NULL, 10), body);
    fh_buf_printf(out, "%.*s %u %.*s\n", FH_ARG(fh_refusal_row(fault.kind)->name),
                  story_dialect->fault_status(&fault), FH_ARG(fault.message));
    story_dialect->encode_fault(out, arena, FH_LIT("req_1"), &fault, FH_FRAMING_NONE);
}

static inline void story_on_own(struct fh_buf *out, struct fh_arena *arena,
                                const struct vector *v)
{
    struct fh_loss *loss = fh_new(arena, struct fh_loss);
    struct fh_complaint why = {0};
    struct fh_slice chat = FH_NONE;

    if (fh_eq(v->kind, FH_LIT("request"))) {
        if (story_translate(out, arena, story_dialect, story_dialect, v->wire, loss)) {
            story_losses(out, loss);
        }
    } else if (fh_eq(v->kind, FH_LIT("reply"))) {
        struct fh_events events = {.arena = arena, .dialect = story_dialect->id};

        enum fh_rc rc = story_dialect->decode_reply(&events, v->wire, &why);

        for (size_t i = 0; i < events.count; i++) {
            trace_event(out, arena, &events.list[i]);
        }
        if (rc != FH_OK) {
            fh_buf_printf(out, "refused: %.*s", FH_ARG(why.message));
        }
    } else if (fh_eq(v->kind, FH_LIT("stream"))) {
        struct story_stream t =
            story_run(arena, story_dialect, story_dialect,
                      story_wire(story_dialect, arena, v->wire), SIZE_MAX, loss);

        fh_buf_append(out, fh_buf_slice(&t.trace));
        fh_buf_append(out, t.ended || t.failed ? FH_NONE : FH_LIT("cut"));
    } else if (fh_eq(v->kind, FH_LIT("fault"))) {
        story_on_fault(out, arena, v->wire);
    } else if (fh_eq(v->kind, FH_LIT("count"))) {
        if (story_dialect->unwrap_count(&chat, arena, v->wire, &why) != FH_OK) {
            fh_buf_printf(out, "refused: %.*s", FH_ARG(why.message));
        }
        fh_buf_append(out, chat);
    } else {
        fail_msg("no such section: %.*s", FH_ARG(v->kind));
    }
}

static inline void story_on_pair(struct fh_buf *out, struct fh_arena *arena,
                                 const struct vector *v, struct fh_slice what,
                                 const struct fh_dialect *from, const struct fh_dialect *to)
{
    struct fh_loss *loss = fh_new(arena, struct fh_loss);

    if (fh_eq(what, FH_LIT("request"))) {
        if (!story_translate(out, arena, from, to, v->wire, loss)) {
            return;
        }
    } else if (fh_eq(what, FH_LIT("reply"))) {
        story_reply(out, arena, from, to, v->wire, loss);
    } else {
        struct story_stream t =
            story_run(arena, from, to, story_wire(from, arena, v->wire), SIZE_MAX, loss);

        assert_true(fh_eq(what, FH_LIT("stream")));
        fh_buf_append(out, story_shown(to, arena, fh_buf_slice(&t.wire)));
    }
    story_losses(out, loss);
}

/* story_other finds the dialect that a section names behind `word`, which is " from " or " to ". */
static inline const struct fh_dialect *story_other(struct fh_slice *what, struct fh_slice word)
{
    size_t at = fh_search(*what, word);

    if (at == what->len) {
        return NULL;
    }
    const struct fh_dialect *other = fh_dialect_by_name(fh_tail(*what, at + word.len));

    assert_non_null(other);
    *what = fh_head(*what, at);
    return other;
}

static inline void story_case(struct fh_buf *out, struct fh_arena *arena,
                              const struct vector *v)
{
    struct fh_slice what = v->kind;
    const struct fh_dialect *from = story_other(&what, FH_LIT(" from "));
    const struct fh_dialect *to = story_other(&what, FH_LIT(" to "));

    if (from != NULL) {
        story_on_pair(out, arena, v, what, from, story_dialect);
    } else if (to != NULL) {
        story_on_pair(out, arena, v, what, story_dialect, to);
    } else {
        story_on_own(out, arena, v);
    }
}

static inline void story_check(struct fh_arena *arena, const struct vector *v)
{
    struct fh_buf out = fh_buf_in_arena(arena, STORY_TEXT_MAX);
    struct fh_slice want[] = {vector_stripped(v->want), FH_LIT("\0")};

    story_case(&out, arena, v);
    assert_text(vector_stripped(fh_buf_slice(&out)),
                (const char *)fh_concat(arena, want, FH_LEN(want)).ptr);
}

/* A stream in pieces of any size tells what it tells in one. */
static inline void story_cut(struct fh_arena *arena, const struct vector *v)
{
    if (!fh_eq(v->kind, FH_LIT("stream"))) {
        return;
    }
    struct fh_slice wire = story_wire(story_dialect, arena, v->wire);
    struct fh_loss *loss = fh_new(arena, struct fh_loss);
    struct story_stream whole =
        story_run(arena, story_dialect, story_dialect, wire, SIZE_MAX, loss);

    for (size_t step = 1; step < wire.len; step++) {
        FH_AUTO(fh_arena_free) struct fh_arena *again = fh_arena_new(STORY_ARENA_MAX);
        struct fh_loss *lost = fh_new(again, struct fh_loss);
        struct story_stream pieces =
            story_run(again, story_dialect, story_dialect, wire, step, lost);

        if (!fh_eq(fh_buf_slice(&pieces.trace), fh_buf_slice(&whole.trace)) ||
            !fh_eq(fh_buf_slice(&pieces.wire), fh_buf_slice(&whole.wire))) {
            fail_msg("%s: in pieces of %zu", tap_where, step);
        }
    }
}

/* A scan of bytes that pass counts what the decoder counts. */
static inline void story_scan(struct fh_arena *arena, const struct vector *v)
{
    if (fh_eq(v->kind, FH_LIT("stream"))) {
        struct fh_loss *loss = fh_new(arena, struct fh_loss);
        struct story_stream t =
            story_run(arena, story_dialect, story_dialect,
                      story_wire(story_dialect, arena, v->wire), SIZE_MAX, loss);

        if (!t.failed) { /* what comes after a fault is not decoded, but may count */
            assert_memory_equal(t.watch.usage.count, t.usage.count, sizeof(t.usage.count));
            assert_int_equal(t.watch.usage.seen, t.usage.seen);
        }
        if (t.failed) {
            assert_false(t.watch.ended && !t.watch.failed);
        }
    } else if (fh_eq(v->kind, FH_LIT("reply"))) {
        struct fh_events events = {.arena = arena, .dialect = story_dialect->id};
        struct fh_complaint why = {0};
        struct fh_usage usage = {0};
        struct fh_watch watch = {0};

        story_dialect->scan_reply(&watch, arena, v->wire);
        if (story_dialect->decode_reply(&events, v->wire, &why) != FH_OK) {
            return;
        }
        for (size_t i = 0; i < events.count; i++) {
            fh_usage_merge(&usage, &events.list[i].usage);
            if (events.list[i].kind == FH_EVENT_ERROR) {
                assert_true(watch.failed);
            }
        }
        assert_memory_equal(watch.usage.count, usage.count, sizeof(usage.count));
        assert_int_equal(watch.ended, !watch.failed);
    }
}

/* story_each runs `fn` on all vectors of the dialect; how many there were. */
static inline size_t story_each(vector_fn *fn)
{
    return vector_each(story_folder, fn);
}

static inline void test_vectors(void **state)
{
    FH_UNUSED(state);
    size_t count = story_each(story_check);

    (void)printf("# %zu vectors\n", count);
    assert_true(count > 20);
}

static inline void test_every_cut_tells_the_same_story(void **state)
{
    FH_UNUSED(state);
    assert_true(story_each(story_cut) > 0);
}

static inline void test_scans_see_what_decoders_see(void **state)
{
    FH_UNUSED(state);
    assert_true(story_each(story_scan) > 0);
}

/* For the table of a dialect's test program. */
#define STORY_TESTS                                                                        \
    cmocka_unit_test(test_vectors), cmocka_unit_test(test_every_cut_tells_the_same_story), \
        cmocka_unit_test(test_scans_see_what_decoders_see)
