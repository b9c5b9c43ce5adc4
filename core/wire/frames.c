/* frames.c: one decoder in front of those of the framings, and what is in a chunk's envelope.
 * SPDX-License-Identifier: Apache-2.0 */
#include "wire/frames.h"

#include "base/base64.h"
#include "wire/eventstream.h"
#include "wire/json_scan.h"
#include "wire/sse.h"

enum { DEPTH_MAX = 256 }; /* of a chunk and of the event in it */

struct fh_frames {
    enum fh_framing framing;
    struct fh_sse_decoder *sse; /* one of the two */
    struct fh_es_decoder *es;
    struct fh_buf native;     /* the event of the last chunk */
    struct fh_arena *scratch; /* what of a chunk had escapes in it; NULL: no chunks */
    uint64_t offset;          /* behind the last frame */
    struct fh_error error;    /* of a chunk; sticky */
};

struct fh_frames *fh_frames_new(struct fh_arena *arena, enum fh_framing framing,
                                uint32_t frame_max_bytes)
{
    struct fh_frames *frames = fh_new(arena, struct fh_frames);

    frames->framing = framing;
    if (framing == FH_FRAMING_SSE) {
        frames->sse = fh_sse_decoder_new(arena, frame_max_bytes);
        return frames;
    }
    FH_ASSERT(framing == FH_FRAMING_EVENTSTREAM || framing == FH_FRAMING_CHUNKS);
    frames->es = fh_es_decoder_new(arena, frame_max_bytes);
    if (framing == FH_FRAMING_CHUNKS) {
        frames->native = fh_buf_on_heap(frame_max_bytes);
        frames->scratch = fh_arena_new(frame_max_bytes);
    }
    return frames;
}

/* release gives back what the last chunk took: an idle stream holds next to nothing. */
static void release(struct fh_frames *frames)
{
    fh_buf_fini(&frames->native);
    fh_arena_trim(frames->scratch);
}

void fh_frames_fini(struct fh_frames *frames)
{
    if (frames->sse != NULL) {
        fh_sse_decoder_fini(frames->sse);
        return;
    }
    fh_es_decoder_fini(frames->es);
    if (frames->scratch != NULL) {
        fh_buf_fini(&frames->native);
        fh_arena_free(&frames->scratch);
    }
}

void fh_frames_feed(struct fh_frames *frames, struct fh_slice in)
{
    if (frames->sse != NULL) {
        fh_sse_feed(frames->sse, in);
    } else {
        fh_es_feed(frames->es, in);
    }
}

/* member finds a string of a JSON object. False when there is none. */
static bool member(struct fh_frames *frames, struct fh_slice json, struct fh_slice name,
                   struct fh_slice *text)
{
    struct fh_json_member at = {0};
    struct fh_error ignored;

    if (fh_json_scan(json, &name, &at, 1, DEPTH_MAX, &ignored) != FH_OK ||
        !fh_starts(at.value, FH_LIT("\""))) {
        return false;
    }
    *text = fh_json_unescape(at.value, frames->scratch);
    return true;
}

/* open_chunk puts the event in a chunk's place. */
static enum fh_step open_chunk(struct fh_frames *frames, struct fh_frame *frame)
{
    struct fh_slice digits = FH_NONE;
    struct fh_slice type = FH_NONE;

    fh_buf_clear(&frames->native);
    fh_arena_reset(frames->scratch);
    if (!member(frames, frame->data, FH_LIT("bytes"), &digits) ||
        fh_base64_decode(&frames->native, digits) != FH_OK) {
        frames->error = (struct fh_error){FH_E_SYNTAX, "chunk without an event in base64",
                                          frames->offset - frame->raw.len};
        return FH_STEP_ERROR;
    }
    frame->data = fh_buf_slice(&frames->native);
    /* what is no JSON has no name: the dialect will say so */
    frame->name = member(frames, frame->data, FH_LIT("type"), &type) ? type : FH_NONE;
    return FH_STEP_EVENT;
}

/* fill says what a message means. One without a type that we know means nothing. */
static void fill(struct fh_frame *frame, const struct fh_es_message *msg)
{
    struct fh_slice type = FH_LIT("event");

    *frame = (struct fh_frame){.raw = msg->raw};
    (void)!fh_es_header_text(msg->headers, FH_LIT(":message-type"), &type);
    if (fh_eq(type, FH_LIT("event"))) {
        (void)!fh_es_header_text(msg->headers, FH_LIT(":event-type"), &frame->name);
        frame->data = msg->payload;
    } else if (fh_eq(type, FH_LIT("exception"))) {
        (void)!fh_es_header_text(msg->headers, FH_LIT(":exception-type"), &frame->name);
        frame->data = msg->payload;
        frame->fault = true;
    } else if (fh_eq(type, FH_LIT("error"))) {
        (void)!fh_es_header_text(msg->headers, FH_LIT(":error-code"), &frame->name);
        (void)!fh_es_header_text(msg->headers, FH_LIT(":error-message"), &frame->data);
        frame->fault = true;
    }
}

enum fh_step fh_frames_next(struct fh_frames *frames, struct fh_frame *frame)
{
    struct fh_es_message msg;

    if (frames->sse != NULL) {
        return fh_sse_next(frames->sse, frame);
    }
    enum fh_step step =
        frames->error.code == FH_OK ? fh_es_next(frames->es, &msg) : FH_STEP_ERROR;

    if (step == FH_STEP_EVENT) {
        struct fh_frame got;

        fill(&got, &msg);
        frames->offset += got.raw.len;
        if (frames->framing == FH_FRAMING_CHUNKS && !got.fault &&
            fh_eq(got.name, FH_LIT("chunk"))) {
            step = open_chunk(frames, &got);
        }
        *frame = got;
    } else if (frames->scratch != NULL) {
        release(frames);
    }
    return step;
}

bool fh_frames_at_boundary(const struct fh_frames *frames)
{
    if (frames->sse != NULL) {
        return fh_sse_at_boundary(frames->sse);
    }
    return frames->error.code == FH_OK && fh_es_at_boundary(frames->es);
}

struct fh_error fh_frames_error(const struct fh_frames *frames)
{
    if (frames->sse != NULL) {
        return fh_sse_error(frames->sse);
    }
    return frames->error.code != FH_OK ? frames->error : fh_es_error(frames->es);
}

static void write_chunk(struct fh_buf *out, struct fh_slice data)
{
    FH_AUTO(fh_buf_fini) struct fh_buf payload = fh_buf_on_heap(SIZE_MAX / 4);

    fh_buf_append(&payload, FH_LIT("{\"bytes\":\""));
    fh_base64_encode(&payload, data, FH_BASE64);
    fh_buf_append(&payload, FH_LIT("\"}"));
    fh_es_write_event(out, FH_LIT("chunk"), fh_buf_slice(&payload));
}

void fh_frame_write(struct fh_buf *out, enum fh_framing framing, struct fh_slice name,
                    struct fh_slice data)
{
    FH_ASSERT(framing != FH_FRAMING_NONE && framing != FH_FRAMING_LIST);
    switch (framing) {
    case FH_FRAMING_SSE:
        fh_sse_write(out, name, data);
        return;
    case FH_FRAMING_EVENTSTREAM:
        fh_es_write_event(out, name, data);
        return;
    case FH_FRAMING_CHUNKS:
        write_chunk(out, data);
        return;
    case FH_FRAMING_NONE:
    case FH_FRAMING_LIST:
        break;
    }
}

void fh_frame_remark(struct fh_buf *out, enum fh_framing framing, struct fh_slice name,
                     struct fh_slice text)
{
    FH_AUTO(fh_buf_fini) struct fh_buf payload = fh_buf_on_heap(SIZE_MAX / 4);

    switch (framing) {
    case FH_FRAMING_SSE:
        fh_buf_printf(out, ": %.*s: %.*s\n\n", FH_ARG(name), FH_ARG(text));
        return;
    case FH_FRAMING_EVENTSTREAM:
    case FH_FRAMING_CHUNKS:
        fh_buf_printf(&payload, "{\"%.*s\":\"%.*s\"}", FH_ARG(name), FH_ARG(text));
        fh_es_write_event(out, name, fh_buf_slice(&payload));
        return;
    case FH_FRAMING_NONE:
    case FH_FRAMING_LIST:
        return;
    }
}
