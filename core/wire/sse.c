/* sse.c: finds whole events, then reads their lines. What straddles feeds is gathered in `held`,
 * so an event is parsed once, from contiguous bytes.
 * SPDX-License-Identifier: Apache-2.0 */
#include "wire/sse.h"

struct fh_sse_decoder {
    struct fh_slice in;   /* unread input, borrowed since the last feed */
    struct fh_buf held;   /* the start of an event that straddles feeds */
    struct fh_buf joined; /* data of several lines */
    size_t scanned;       /* bytes of the current event known to hold no end of it */
    uint64_t offset;      /* of the current event in the stream */
    uint32_t event_max;
    bool lent; /* the last event points into held */
    bool failed;
    struct fh_error error;
};

static const uint8_t byte_order_mark[] = {0xef, 0xbb, 0xbf};

struct fh_sse_decoder *fh_sse_decoder_new(struct fh_arena *arena, uint32_t event_max_bytes)
{
    struct fh_sse_decoder *dec = fh_new(arena, struct fh_sse_decoder);

    dec->event_max = event_max_bytes;
    dec->held = fh_buf_on_heap((size_t)event_max_bytes + 1); /* the byte behind a lone CR */
    dec->joined = fh_buf_on_heap(event_max_bytes);
    return dec;
}

void fh_sse_decoder_fini(struct fh_sse_decoder *dec)
{
    fh_buf_fini(&dec->held);
    fh_buf_fini(&dec->joined);
}

void fh_sse_feed(struct fh_sse_decoder *dec, struct fh_slice in)
{
    FH_ASSERT(dec->in.len == 0);
    dec->in = in;
}

static enum fh_step fail(struct fh_sse_decoder *dec, enum fh_rc code, const char *what)
{
    dec->failed = true;
    dec->error = (struct fh_error){.code = code, .what = what, .at = dec->offset};
    return FH_STEP_ERROR;
}

/* line_end gives the length of the first line of `s` in `line`, and of its terminator in `eol`.
 *
 * Returns  false when the line does not end in `s`, or ends with a CR that may be half of a CRLF.
 */
static bool line_end(struct fh_slice s, size_t *line, size_t *eol)
{
    /* Streams end their lines with LF; look for that first, it is one memchr. */
    size_t lf = fh_find(s, '\n');
    size_t cr = fh_find(fh_head(s, lf), '\r');

    if (cr < lf) {
        *line = cr;
        *eol = cr + 1 < s.len && s.ptr[cr + 1] == '\n' ? 2 : 1;
        return cr + 1 < s.len;
    }
    *line = lf;
    *eol = 1;
    return lf < s.len;
}

/* event_len finds where the first event of `s` ends: behind its first empty line. `from` is how
 * much of it was searched before; it is moved to the start of the line where the search stopped.
 *
 * Returns  false when the event is not complete.
 */
static bool event_len(struct fh_slice s, size_t *from, size_t *len)
{
    size_t line = 0;
    size_t eol = 0;

    while (*from < s.len && line_end(fh_tail(s, *from), &line, &eol)) {
        *from += line + eol;
        if (line == 0) {
            *len = *from;
            return true;
        }
    }
    return false;
}

/* add_data joins the values of several data lines with LF. The first is only lent. */
static void add_data(struct fh_sse_decoder *dec, struct fh_frame *event, struct fh_slice value)
{
    if (event->data.ptr == NULL) {
        event->data = value.ptr == NULL ? FH_LIT("") : value;
        return;
    }
    if (dec->joined.len == 0) {
        fh_buf_append(&dec->joined, event->data);
    }
    fh_buf_byte(&dec->joined, '\n');
    fh_buf_append(&dec->joined, value);
    event->data = fh_buf_slice(&dec->joined);
}

static void read_lines(struct fh_sse_decoder *dec, struct fh_slice raw, struct fh_frame *event)
{
    size_t line = 0;
    size_t eol = 0;

    *event = (struct fh_frame){.raw = raw};
    fh_buf_clear(&dec->joined);
    if (dec->offset == 0) {
        (void)!fh_take(&raw, fh_slice(byte_order_mark, sizeof(byte_order_mark)));
    }
    while (raw.len > 0) {
        struct fh_slice field;
        struct fh_slice value;

        (void)!line_end(raw, &line, &eol); /* raw is whole lines: a CR at its end ends one */
        value = fh_head(raw, line);
        raw = fh_tail(raw, line + eol);
        if (!fh_split(&value, ':', &field)) {
            continue; /* the empty line */
        }
        (void)!fh_take(&value, FH_LIT(" "));
        if (fh_eq(field, FH_LIT("data"))) {
            add_data(dec, event, value);
        } else if (fh_eq(field, FH_LIT("event"))) {
            event->name = value;
        }
    }
}

/* hand_out makes an event of `raw`. */
static enum fh_step hand_out(struct fh_sse_decoder *dec, struct fh_slice raw,
                             struct fh_frame *event)
{
    if (raw.len > dec->event_max) {
        return fail(dec, FH_E_LIMIT, "event longer than event_max");
    }
    read_lines(dec, raw, event);
    dec->offset += raw.len;
    dec->scanned = 0;
    return FH_STEP_EVENT;
}

/* piece_len is how much of the input may be gathered before looking for the end again: a line, or
 * the one byte that shows whether a CR stands alone. */
static size_t piece_len(const struct fh_sse_decoder *dec)
{
    struct fh_slice held = fh_buf_slice(&dec->held);

    if (held.len > 0 && held.ptr[held.len - 1] == '\r') {
        return 1;
    }
    size_t lf = fh_find(dec->in, '\n');
    size_t cr = fh_find(fh_head(dec->in, lf), '\r');

    return fh_min(fh_min(lf, cr) + 1, dec->in.len);
}

/* gather completes the event that straddles feeds. */
static enum fh_step gather(struct fh_sse_decoder *dec, struct fh_frame *event)
{
    size_t len = 0;

    while (dec->in.len > 0) {
        size_t n = piece_len(dec);

        fh_buf_append(&dec->held, fh_head(dec->in, n));
        if (dec->held.failed) {
            return fail(dec, FH_E_LIMIT, "event longer than event_max");
        }
        if (event_len(fh_buf_slice(&dec->held), &dec->scanned, &len)) {
            size_t beyond = dec->held.len - len; /* the byte that showed a lone CR, or none */

            dec->in = fh_tail(dec->in, n - beyond);
            dec->lent = true;
            return hand_out(dec, fh_head(fh_buf_slice(&dec->held), len), event);
        }
        dec->in = fh_tail(dec->in, n);
    }
    return FH_STEP_MORE;
}

enum fh_step fh_sse_next(struct fh_sse_decoder *dec, struct fh_frame *event)
{
    size_t len = 0;

    if (dec->failed) {
        return FH_STEP_ERROR;
    }
    if (dec->lent) {
        fh_buf_fini(&dec->held); /* few events straddle reads: an idle stream holds nothing */
        dec->lent = false;
    }
    if (dec->held.len > 0) {
        return gather(dec, event);
    }
    if (event_len(dec->in, &dec->scanned, &len)) {
        struct fh_slice raw = fh_head(dec->in, len);

        dec->in = fh_tail(dec->in, len);
        return hand_out(dec, raw, event);
    }
    fh_buf_append(&dec->held, dec->in);
    if (dec->held.failed) {
        return fail(dec, FH_E_LIMIT, "event longer than event_max");
    }
    dec->in = FH_NONE;
    return FH_STEP_MORE;
}

bool fh_sse_at_boundary(const struct fh_sse_decoder *dec)
{
    return !dec->failed && dec->in.len == 0 && (dec->held.len == 0 || dec->lent);
}

struct fh_error fh_sse_error(const struct fh_sse_decoder *dec)
{
    return dec->error;
}

void fh_sse_write(struct fh_buf *out, struct fh_slice name, struct fh_slice data)
{
    if (name.len > 0) {
        fh_buf_append(out, FH_LIT("event: "));
        fh_buf_append(out, name);
        fh_buf_byte(out, '\n');
    }
    fh_buf_append(out, FH_LIT("data: "));
    fh_buf_append(out, data);
    fh_buf_append(out, FH_LIT("\n\n"));
}
