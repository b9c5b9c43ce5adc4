/* fuzz_frames.c: the same bytes whole and cut up must give the same frames, in each framing, and a
 * chunk's event written again must be read as what it was. The low bits of the first byte pick the
 * framing, the others the cut. An input for CHUNKS may be the events themselves, a line each: no
 * mutation would find checksums that agree.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"
#include "wire/eventstream.h"
#include "wire/frames.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FRAME_MAX = 1 << 12, ARENA_MAX = 1 << 20 };

static uint32_t digest(enum fh_framing framing, struct fh_slice wire, size_t step,
                       struct fh_buf *events)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    struct fh_frames *frames = fh_frames_new(arena, framing, FRAME_MAX);
    enum fh_step got = FH_STEP_MORE;
    struct fh_frame frame;
    uint32_t sum = 0;

    while (wire.len > 0 && got != FH_STEP_ERROR) {
        size_t n = fh_min(step, wire.len);

        fh_frames_feed(frames, fh_head(wire, n));
        wire = fh_tail(wire, n);
        while ((got = fh_frames_next(frames, &frame)) == FH_STEP_EVENT) {
            sum = fh_crc32c(sum, frame.name) ^ (uint32_t)frame.fault;
            sum = fh_crc32c(sum, frame.data);
            sum = fh_crc32c(sum, frame.raw);
            fh_buf_append(events, frame.data);
            fh_buf_byte(events, '\n');
        }
    }
    struct fh_error error = fh_frames_error(frames);

    FH_ASSERT((got == FH_STEP_ERROR) == (error.code != FH_OK));
    sum ^= (uint32_t)error.code << 24 ^ (uint32_t)error.at << 1 ^
           (uint32_t)fh_frames_at_boundary(frames);
    fh_frames_fini(frames);
    return sum;
}

/* try_written has each line written as a chunk, or, behind a '!', as the payload of one. */
static void try_written(struct fh_slice lines, size_t step)
{
    FH_AUTO(fh_buf_fini) struct fh_buf wire = fh_buf_on_heap(1 << 24);
    FH_AUTO(fh_buf_fini) struct fh_buf want = fh_buf_on_heap(1 << 24);
    FH_AUTO(fh_buf_fini) struct fh_buf got = fh_buf_on_heap(1 << 24);
    FH_AUTO(fh_buf_fini) struct fh_buf again = fh_buf_on_heap(1 << 24);
    struct fh_slice line = FH_NONE;
    bool plain = true;

    while (fh_split(&lines, '\n', &line)) {
        if (fh_take(&line, FH_LIT("!"))) {
            fh_es_write_event(&wire, FH_LIT("chunk"), line);
            plain = false;
        } else if (line.len < FRAME_MAX / 2) {
            fh_frame_write(&wire, FH_FRAMING_CHUNKS, FH_NONE, line);
            fh_buf_append(&want, line);
            fh_buf_byte(&want, '\n');
        }
    }
    struct fh_slice bytes = fh_buf_slice(&wire);

    FH_ASSERT(digest(FH_FRAMING_CHUNKS, bytes, fh_max(bytes.len, 1), &got) ==
              digest(FH_FRAMING_CHUNKS, bytes, step, &again));
    FH_ASSERT(!plain || fh_eq(fh_buf_slice(&got), fh_buf_slice(&want)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum fh_framing framings[] = {FH_FRAMING_SSE, FH_FRAMING_EVENTSTREAM,
                                               FH_FRAMING_CHUNKS};

    if (size < 2 || size > 1 << 16) {
        return 0;
    }
    FH_AUTO(fh_buf_fini) struct fh_buf events = fh_buf_on_heap(1 << 24);
    struct fh_slice wire = {data + 1, size - 1};
    size_t step = 1 + (size_t)data[0] / 4;

    if (data[0] % 4 == 3) {
        try_written(wire, step);
        return 0;
    }
    enum fh_framing framing = framings[data[0] % 4];

    FH_ASSERT(digest(framing, wire, step, &events) == digest(framing, wire, wire.len, &events));
    return 0;
}
