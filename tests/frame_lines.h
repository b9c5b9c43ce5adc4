/*
 * frame_lines.h: an event stream as lines of text, as vectors and tests have it.
 *
 *     messageStart {"role":"assistant"}          an event and its payload
 *     !throttlingException {"message":"slow"}    an exception
 *     !!500 it broke                             an error: code and message
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "tap.h"

#include "wire/eventstream.h"
#include "wire/frames.h"

enum { FRAME_LINES_MAX = 1 << 24 };

/* frame_lines_wire makes the bytes of a stream from lines; empty ones are for the reader. */
static inline struct fh_slice frame_lines_wire(struct fh_arena *arena, struct fh_slice text)
{
    struct fh_buf out = fh_buf_in_arena(arena, FRAME_LINES_MAX);
    struct fh_slice line = FH_NONE;

    while (fh_split(&text, '\n', &line)) {
        struct fh_slice name = FH_NONE;
        bool error = fh_take(&line, FH_LIT("!!"));
        bool exception = !error && fh_take(&line, FH_LIT("!"));

        if (!fh_split(&line, ' ', &name)) {
            continue;
        }
        if (error) {
            fh_es_write_error(&out, name, line);
        } else if (exception) {
            fh_es_write_exception(&out, name, line);
        } else {
            fh_es_write_event(&out, name, line);
        }
    }
    assert_false(out.failed);
    return fh_buf_slice(&out);
}

/* frame_lines_add appends one frame as its line. Of an error it shows an exception's. */
static inline void frame_lines_add(struct fh_buf *out, const struct fh_frame *frame)
{
    fh_buf_append(out, frame->fault ? FH_LIT("!") : FH_NONE);
    fh_buf_append(out, frame->name);
    fh_buf_byte(out, ' ');
    fh_buf_append(out, frame->data);
    fh_buf_byte(out, '\n');
}

/* frame_lines_shown is the way back, from whole bytes. */
static inline struct fh_slice frame_lines_shown(struct fh_arena *arena, struct fh_slice wire)
{
    struct fh_buf out = fh_buf_in_arena(arena, FRAME_LINES_MAX);
    struct fh_frames *frames = fh_frames_new(arena, FH_FRAMING_EVENTSTREAM, FRAME_LINES_MAX);
    struct fh_frame frame;

    fh_frames_feed(frames, wire);
    while (fh_frames_next(frames, &frame) == FH_STEP_EVENT) {
        frame_lines_add(&out, &frame);
    }
    assert_true(fh_frames_at_boundary(frames));
    fh_frames_fini(frames);
    return fh_buf_slice(&out);
}
