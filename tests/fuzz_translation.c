/* fuzz_translation.c: what one dialect decodes and the ledgers settle, another one can write,
 * and what it wrote it can read again. The first byte picks the source, the second the target,
 * the third the cut; the rest is a request, an answer and a stream of the source.
 * SPDX-License-Identifier: Apache-2.0 */
#include "fuzz_dialect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CHOICES_MAX = 8 }; /* Gemini's; OpenAI has more of them */

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

/* says_something: a request in which nothing is said may be none for the target. */
static bool says_something(const struct fh_chat_request *req)
{
    for (const struct fh_message *m = req->first_message; m != NULL; m = m->next) {
        if (m->content.first != NULL && m->content.first->text.len > 0) {
            return true;
        }
    }
    return false;
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
    req->model = FH_LIT("a-model"); /* the target's name for it, as an exchange has it */
    if (fh_settle(&s, req, &why) != FH_OK ||
        way->to->encode_request(&out, way->arena, req, way->loss, &why) != FH_OK) {
        FH_ASSERT(why.message.len > 0);
        return;
    }
    FH_ASSERT(!out.failed && fh_utf8_ok(fh_buf_slice(&out)));
    FH_ASSERT(way->to->decode_request(again, way->arena, fh_buf_slice(&out), &why) == FH_OK ||
              !says_something(req));
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
        if (events.list[i].choice >= CHOICES_MAX) {
            return; /* more than any request of the target asks for */
        }
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

/* A stream while it is translated. */
struct passage {
    const struct way *way;
    struct fh_settled *seen;
    void *decoder, *encoder;
    struct fh_buf out;
    bool finished, ended, failed;
};

static void tell(struct passage *p, struct fh_event *event)
{
    const struct fh_settling s = settling(p->way);

    p->finished = p->finished || event->kind == FH_EVENT_FINISH;
    p->ended = event->kind == FH_EVENT_END;
    p->failed = event->kind == FH_EVENT_ERROR;
    if (fh_settle_event(&s, p->seen, event)) {
        p->way->to->encode_stream(p->encoder, &p->out, p->way->arena, event, p->way->loss);
    }
}

static void pass(struct passage *p, const struct fh_frame *wire)
{
    struct fh_events events = {.arena = p->way->arena, .dialect = p->way->from->id};
    struct fh_complaint why = {0};
    bool broken = p->way->from->decode_stream(p->decoder, &events, wire, &why) != FH_OK;

    for (size_t i = 0; i < events.count && !p->ended && !p->failed; i++) {
        tell(p, &events.list[i]);
    }
    p->failed = p->failed || (broken && !p->ended);
}

/* translated is the target's stream, up to the end of the source's or to where it broke. What
 * follows the end is nobody's. */
static struct passage translated(const struct way *way, struct fh_slice wire, size_t step)
{
    const struct fh_reply_frame frame = fuzz_frame(way->to);
    struct fh_frames *frames = fh_frames_new(way->arena, way->from->framing, FUZZ_FRAME_MAX);
    struct passage p = {.way = way,
                        .seen = fh_new(way->arena, struct fh_settled),
                        .decoder = way->from->stream_decoder_new(way->arena),
                        .encoder = way->to->stream_encoder_new(way->arena, &frame),
                        .out = fh_buf_in_arena(way->arena, FUZZ_TEXT_MAX)};
    enum fh_step got = FH_STEP_MORE;
    struct fh_frame event;

    while (wire.len > 0 && got != FH_STEP_ERROR && !p.ended && !p.failed) {
        size_t n = fh_min(step, wire.len);

        fh_frames_feed(frames, fh_head(wire, n));
        wire = fh_tail(wire, n);
        while (!p.ended && !p.failed &&
               (got = fh_frames_next(frames, &event)) == FH_STEP_EVENT) {
            pass(&p, &event);
        }
    }
    if (way->from->ends_with_bytes && p.finished && !p.ended && !p.failed &&
        got != FH_STEP_ERROR && fh_frames_at_boundary(frames)) {
        tell(&p, &(struct fh_event){.kind = FH_EVENT_END, .dialect = way->from->id});
    }
    if (!p.ended) {
        fuzz_break_off(way->to, &p.out, way->arena);
    }
    fh_frames_fini(frames);
    FH_ASSERT(!p.out.failed);
    return p;
}

static void try_stream(const struct way *way, struct fh_slice wire, size_t step)
{
    struct passage whole = translated(way, wire, SIZE_MAX);
    struct passage cut = translated(way, wire, step);
    struct fuzz_stream told = fuzz_run(way->to, way->arena, fh_buf_slice(&whole.out), SIZE_MAX);

    FH_ASSERT(fh_eq(fh_buf_slice(&whole.out), fh_buf_slice(&cut.out)));
    FH_ASSERT(whole.ended || way->to->no_error_event || !told.ended);
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
