/*
 * frames.h: the frames of a stream, whichever framing it has.
 *
 *     feed(bytes) ──▶ [ SSE | event stream | chunks ] ──▶ next() ──▶ frame, frame, … MORE
 *
 * One decoder for all framings, so that who reads streams knows none of them. Rules of feeding,
 * borrowing and limits are those of sse.h and eventstream.h. A chunk's frame is the native event
 * in its envelope: `data` is what the base64 held, `name` its member "type", `raw` still the whole
 * chunk.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "wire/frame.h"

struct fh_frames;

/* fh_frames_new makes a decoder for one body. Requires a framing that providers use: SSE,
 * EVENTSTREAM or CHUNKS. Owned by `arena`; fh_frames_fini releases what is held on the heap. */
struct fh_frames *fh_frames_new(struct fh_arena *arena, enum fh_framing framing,
                                uint32_t frame_max_bytes);
void fh_frames_fini(struct fh_frames *frames);

void fh_frames_feed(struct fh_frames *frames, struct fh_slice in);
enum fh_step fh_frames_next(struct fh_frames *frames, struct fh_frame *frame);
bool fh_frames_at_boundary(const struct fh_frames *frames);
struct fh_error fh_frames_error(const struct fh_frames *frames);

/* fh_frame_write appends one event in a framing: for SSE `event:` unless `name` is empty; for event
 * streams an event of that type; a chunk has `data` in base64. LIST is not written here: the
 * dialect that has it knows where it begins and ends. */
void fh_frame_write(struct fh_buf *out, enum fh_framing framing, struct fh_slice name,
                    struct fh_slice data);

/* fh_frame_remark appends what every client skips, and people and tools can read: for SSE a comment
 * `: name: text`; for event streams an event that no client's model has, `{"name":"text"}`. LIST
 * has no place for it, and nothing is written.
 *
 * Requires `name` and `text` of printable ASCII, without quotes and backslashes. */
void fh_frame_remark(struct fh_buf *out, enum fh_framing framing, struct fh_slice name,
                     struct fh_slice text);
