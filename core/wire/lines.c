/* lines.c: a line that lies in one piece is lent, one that straddles pieces is gathered.
 * SPDX-License-Identifier: Apache-2.0 */
#include "wire/lines.h"

struct fh_lines {
    struct fh_slice in; /* unread, borrowed since the last feed */
    struct fh_buf held; /* how a line begins whose end has not come */
    bool cut;           /* there is more of it than is held */
    bool lent;          /* the last line was `held` */
};

struct fh_lines *fh_lines_new(struct fh_arena *arena, size_t line_max_bytes)
{
    struct fh_lines *lines = fh_new(arena, struct fh_lines);

    FH_ASSERT(line_max_bytes > 0);
    lines->held = fh_buf_on_heap(line_max_bytes);
    return lines;
}

void fh_lines_fini(struct fh_lines *lines)
{
    fh_buf_fini(&lines->held);
}

void fh_lines_feed(struct fh_lines *lines, struct fh_slice in)
{
    FH_ASSERT(lines->in.len == 0);
    lines->in = in;
}

static void hold(struct fh_lines *lines, struct fh_slice part)
{
    size_t n = fh_min(part.len, lines->held.max - lines->held.len);

    fh_buf_append(&lines->held, fh_head(part, n));
    lines->cut = lines->cut || n < part.len;
}

/* forget drops the line that was lent. */
static void forget(struct fh_lines *lines)
{
    if (lines->lent) {
        fh_buf_fini(&lines->held); /* few lines straddle reads: in between nothing is held */
        lines->lent = false;
        lines->cut = false;
    }
}

static void lend(struct fh_lines *lines, struct fh_line *line)
{
    *line = (struct fh_line){.text = fh_buf_slice(&lines->held), .cut = lines->cut};
    lines->lent = true;
}

bool fh_lines_next(struct fh_lines *lines, struct fh_line *line)
{
    forget(lines);
    size_t len = fh_find(lines->in, '\n');
    struct fh_slice part = fh_head(lines->in, len);
    size_t max = lines->held.max;

    if (len == lines->in.len) {
        hold(lines, part);
        lines->in = FH_NONE;
        return false;
    }
    lines->in = fh_tail(lines->in, len + 1);
    if (lines->held.len > 0) {
        hold(lines, part);
        lend(lines, line);
    } else {
        *line = (struct fh_line){.text = fh_head(part, fh_min(len, max)), .cut = len > max};
    }
    return true;
}

bool fh_lines_last(struct fh_lines *lines, struct fh_line *line)
{
    FH_ASSERT(lines->in.len == 0);
    forget(lines);
    if (lines->held.len == 0) {
        return false;
    }
    lend(lines, line);
    return true;
}
