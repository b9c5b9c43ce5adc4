/*
 * openai_responses_tell.h: the encoder of answers, in its parts.
 *
 *     stream_out   an event ──▶ what becomes of the answer
 *     own          the same, of what only our own dialect says
 *     tell         what became of it ──▶ an event of the stream
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "dialect/openai_responses/openai_responses_answer.h"

struct fh_responses_encoder {
    struct fh_responses_answer answer;
    struct fh_buf data;   /* of the event that is being written */
    struct fh_slice name; /* its type */
    uint64_t number;      /* of the next event */
    bool started, over;
    bool failed; /* a whole answer, with `fault` */
    struct fh_fault fault;
};

/* One call: the encoder and where its bytes go. */
struct fh_responses_pen {
    struct fh_responses_encoder *enc;
    struct fh_buf *out; /* NULL: a whole answer, no stream */
    struct fh_arena *scratch;
};

/* ---- tell: nothing happens where there is no stream ---- */

/* fh_responses_begin_at starts an event about an item; more members may be added, then it is ended.
 *
 * Returns  false when there is no stream.
 */
FH_NODISCARD bool fh_responses_begin_at(struct fh_responses_pen *pen, struct fh_slice name,
                                        const struct fh_responses_out *item);
void fh_responses_add_json(struct fh_responses_pen *pen, struct fh_slice json);
void fh_responses_add_number(struct fh_responses_pen *pen, struct fh_slice member,
                             uint64_t number);
void fh_responses_end_event(struct fh_responses_pen *pen);

/* The response, an item, and the last piece of an item, as they begin or `full`. */
void fh_responses_tell_response(struct fh_responses_pen *pen, struct fh_slice name, bool full);
void fh_responses_tell_item(struct fh_responses_pen *pen, const struct fh_responses_out *item,
                            bool full);
void fh_responses_tell_piece(struct fh_responses_pen *pen, const struct fh_responses_out *item,
                             bool full);

/* What was added to the last piece, and all of what it said. */
void fh_responses_tell_delta(struct fh_responses_pen *pen, const struct fh_responses_out *item,
                             struct fh_slice escaped);
void fh_responses_tell_said(struct fh_responses_pen *pen, const struct fh_responses_out *item);

/* ---- stream_out ---- */

/* fh_responses_fail_long ends a stream that would have to say too much again. */
void fh_responses_fail_long(struct fh_responses_pen *pen);

/* fh_responses_new_item makes an item; NULL, and the stream has failed, when there are too many. */
struct fh_responses_out *fh_responses_new_item(struct fh_responses_pen *pen,
                                               enum fh_responses_kind kind);
void fh_responses_end_item(struct fh_responses_pen *pen, struct fh_responses_out *item);

/* fh_responses_find_open finds the item that has a block; NULL when none is being told. */
struct fh_responses_out *fh_responses_find_open(struct fh_responses_pen *pen, uint32_t block);

/* ---- own ---- */

/* fh_responses_find_announced finds an item by its number; NULL when it is not being told. */
struct fh_responses_out *fh_responses_find_announced(struct fh_responses_pen *pen,
                                                     uint32_t ordinal);

void fh_responses_on_extra(struct fh_responses_pen *pen, const struct fh_event *event);
void fh_responses_on_citation(struct fh_responses_pen *pen, const struct fh_event *event);
