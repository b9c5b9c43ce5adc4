/*
 * lines.h: lines out of bytes that come in pieces (JSON Lines, mostly).
 *
 *     feed(bytes) ──▶ next() ──▶ line, line, … ──▶ feed … ──▶ last()
 *
 * A line ends with LF, which is not part of it; a CR before that is. One that is too long does not
 * stop those behind it: as much of its beginning as may be is handed out, and that it is cut.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "base/base.h"

struct fh_lines;

struct fh_line {
    struct fh_slice text;
    bool cut; /* the line is longer: this is how it begins */
};

/* fh_lines_new makes a decoder.
 *
 * Limits   of a line no more than `line_max_bytes`, at least 1, are handed out.
 * Returns  the decoder, owned by `arena`. What it gathers of a line that straddles feeds is heap
 *          memory, released by fh_lines_fini and while nothing is held.
 */
struct fh_lines *fh_lines_new(struct fh_arena *arena, size_t line_max_bytes);

/* fh_lines_fini releases what is held. */
void fh_lines_fini(struct fh_lines *lines);

/* fh_lines_feed lends `in` to the decoder.
 *
 * Requires the previous fh_lines_next returned false.
 * Borrows  `in` until fh_lines_next returns false again.
 */
void fh_lines_feed(struct fh_lines *lines, struct fh_slice in);

/* fh_lines_next gives the next whole line; false when it wants another feed. The text holds until
 * the next call. */
FH_NODISCARD bool fh_lines_next(struct fh_lines *lines, struct fh_line *line);

/* fh_lines_last gives what stands behind the last LF, once nothing more comes; false when nothing
 * does.
 *
 * Requires the previous fh_lines_next returned false.
 */
FH_NODISCARD bool fh_lines_last(struct fh_lines *lines, struct fh_line *line);
