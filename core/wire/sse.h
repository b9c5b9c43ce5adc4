/*
 * sse.h: server-sent events, the framing of every streaming dialect but Amazon's.
 *
 *     feed(bytes) ──▶ [ held | in ] ──▶ next() ──▶ event, event, … MORE
 *
 * Pull, not callbacks: feed lends the decoder some bytes, next is then called until it returns
 * FH_STEP_MORE. Follows the event stream grammar of the HTML standard, section 9.2.6: lines end
 * with LF, CRLF or CR; a byte order mark at the start is dropped; comments and fields other than
 * `event` and `data` are skipped. Differences, on purpose: an event is handed out for comments-only
 * blocks as well (with neither name nor data), since `raw` must cover every byte for those who pass
 * the stream on; `id` and `retry` are not kept, no dialect uses them; and a stream that stops right
 * behind a bare CR counts as cut, since nobody can tell whether an LF was to follow.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "wire/frame.h"

struct fh_sse_decoder;

/* fh_sse_decoder_new makes a decoder for one response body.
 *
 * Limits   an event longer than `event_max_bytes` fails with FH_E_LIMIT.
 * Returns  the decoder, owned by `arena`. What it gathers of an event that straddles feeds is heap
 *          memory, released by fh_sse_decoder_fini and while nothing is held.
 */
struct fh_sse_decoder *fh_sse_decoder_new(struct fh_arena *arena, uint32_t event_max_bytes);

/* fh_sse_decoder_fini releases what is held. */
void fh_sse_decoder_fini(struct fh_sse_decoder *dec);

/* fh_sse_feed lends `in` to the decoder.
 *
 * Requires the previous fh_sse_next returned FH_STEP_MORE.
 * Borrows  `in` until fh_sse_next returns FH_STEP_MORE again.
 */
void fh_sse_feed(struct fh_sse_decoder *dec, struct fh_slice in);

/* fh_sse_next produces the next event, if the bytes fed so far complete one.
 *
 * Returns  FH_STEP_EVENT and fills `event`; FH_STEP_MORE when it wants another feed; or
 *          FH_STEP_ERROR, now and for ever after, with the reason in fh_sse_error.
 */
enum fh_step fh_sse_next(struct fh_sse_decoder *dec, struct fh_frame *event);

/* fh_sse_at_boundary says whether the stream may end here without losing an event. */
bool fh_sse_at_boundary(const struct fh_sse_decoder *dec);

/* fh_sse_error returns the sticky error; `at` is its byte offset in the whole stream. */
struct fh_error fh_sse_error(const struct fh_sse_decoder *dec);

/* fh_sse_write appends one event: `event: name` unless `name` is empty, then `data: data`, of
 * which no line may be longer than one line. */
void fh_sse_write(struct fh_buf *out, struct fh_slice name, struct fh_slice data);
