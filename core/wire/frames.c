/* frames.c: one decoder in front of those of the framings.
 * SPDX-License-Identifier: Apache-2.0 */
#include "wire/frames.h"

#include "wire/sse.h"

struct fh_frames {
    enum fh_framing framing;
    struct fh_sse_decoder *sse;
};

struct fh_frames *fh_frames_new(struct fh_arena *arena, enum fh_framing framing,
                                uint32_t frame_max_bytes)
{
    struct fh_frames *frames = fh_new(arena, struct fh_frames);

    frames->framing = framing;
    FH_ASSERT(framing == FH_FRAMING_SSE);
    frames->sse = fh_sse_decoder_new(arena, frame_max_bytes);
    return frames;
}

void fh_frames_fini(struct fh_frames *frames)
{
    fh_sse_decoder_fini(frames->sse);
}

void fh_frames_feed(struct fh_frames *frames, struct fh_slice in)
{
    fh_sse_feed(frames->sse, in);
}

enum fh_step fh_frames_next(struct fh_frames *frames, struct fh_frame *frame)
{
    return fh_sse_next(frames->sse, frame);
}

bool fh_frames_at_boundary(const struct fh_frames *frames)
{
    return fh_sse_at_boundary(frames->sse);
}

struct fh_error fh_frames_error(const struct fh_frames *frames)
{
    return fh_sse_error(frames->sse);
}

void fh_frame_write(struct fh_buf *out, enum fh_framing framing, struct fh_slice name,
                    struct fh_slice data)
{
    FH_ASSERT(framing == FH_FRAMING_SSE);
    fh_sse_write(out, name, data);
}
