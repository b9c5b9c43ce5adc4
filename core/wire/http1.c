/* http1.c: the head is gathered and read whole, from contiguous bytes; what frames the body is read
 * byte by byte, since it is a few bytes between large pieces and may be cut anywhere.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"
#include "wire/http1_head.h"

enum {
    INTERIM_MAX = 16,     /* answers with 1xx before the one that counts */
    EXTENSION_MAX = 256,  /* bytes of a chunk's extensions, which we have no use for */
    SIZE_DIGITS_MAX = 16, /* of a chunk's size; more do not fit 64 bits */
};

/* Where the decoder is, in the words of RFC 9112, 6 and 7. */
enum state {
    HEAD,       /* status-line and field-lines, up to the empty line */
    LENGTH,     /* content of which `left` bytes are to come */
    CLOSE,      /* content until the connection closes */
    SIZE,       /* chunk-size */
    EXTENSION,  /* chunk-ext, skipped */
    SIZE_LF,    /* the LF behind them */
    DATA,       /* chunk-data of which `left` bytes are to come */
    DATA_CR,    /* the CR behind it */
    DATA_LF,    /* and its LF */
    TRAILER,    /* the start of a line of the trailer-section, or of the line that ends it */
    FIELD,      /* inside a field-line of it, skipped */
    FIELD_LF,   /* the LF behind that */
    TRAILER_LF, /* the LF that ends the message */
    END,        /* END is to be handed out */
    DONE,       /* and was; nothing may come */
    FAILED,
};

struct fh_http1_decoder {
    struct fh_slice in; /* unread input, borrowed since the last feed */
    uint64_t offset;    /* of `in` in all that was fed */
    enum state state;
    uint32_t head_max;
    struct fh_buf held;         /* the head */
    uint64_t head_at;           /* its offset in all that was fed */
    size_t line_at;             /* where its last line starts */
    size_t line_count;          /* of whole lines in it, the empty one not counted */
    struct fh_http_field *room; /* for the fields */
    size_t room_count;
    struct fh_arena *arena;
    struct fh_http1_head head;
    uint64_t left;     /* bytes of the content, or of the chunk */
    uint32_t skipped;  /* bytes of the chunk's extensions, or of the trailers */
    uint32_t digits;   /* of the chunk's size */
    uint32_t interims; /* answers skipped */
    struct fh_error error;
};

struct fh_http1_decoder *fh_http1_decoder_new(struct fh_arena *arena, uint32_t head_max_bytes)
{
    struct fh_http1_decoder *dec = fh_new(arena, struct fh_http1_decoder);

    dec->arena = arena;
    dec->head_max = head_max_bytes;
    dec->held = fh_buf_in_arena(arena, head_max_bytes);
    return dec;
}

void fh_http1_feed(struct fh_http1_decoder *dec, struct fh_slice in)
{
    FH_ASSERT(dec->in.len == 0);
    dec->in = in;
}

static enum fh_step fail(struct fh_http1_decoder *dec, enum fh_rc code, uint64_t at,
                         const char *what)
{
    dec->state = FAILED;
    dec->error = (struct fh_error){.code = code, .what = what, .at = at};
    dec->in = FH_NONE;
    return FH_STEP_ERROR;
}

static struct fh_slice take(struct fh_http1_decoder *dec, size_t n)
{
    struct fh_slice bytes = fh_head(dec->in, n);

    dec->in = fh_tail(dec->in, n);
    dec->offset += n;
    return bytes;
}

/* ---- the head ---- */

static uint8_t head_byte(const struct fh_http1_decoder *dec, size_t at)
{
    return at < dec->held.len ? dec->held.ptr[at] : dec->in.ptr[at - dec->held.len];
}

/* head_ends finds the empty line, and says how much of the input belongs to the head. It goes on
 * where it stopped in the input before. */
static bool head_ends(struct fh_http1_decoder *dec, size_t *len)
{
    struct fh_slice rest = dec->in;
    size_t lf = fh_find(rest, '\n');

    for (; lf < rest.len; lf = fh_find(rest, '\n')) {
        rest = fh_tail(rest, lf + 1);
        size_t next = dec->held.len + (dec->in.len - rest.len);
        size_t line = next - dec->line_at; /* its LF included */

        if (line == 1 || (line == 2 && head_byte(dec, dec->line_at) == '\r')) {
            *len = dec->in.len - rest.len;
            return true;
        }
        dec->line_at = next;
        dec->line_count++;
    }
    *len = dec->in.len;
    return false;
}

/* gather copies what there is of the head into `held`; true when that is all of it. */
static bool gather(struct fh_http1_decoder *dec)
{
    size_t len = 0;
    bool whole = head_ends(dec, &len);

    fh_buf_append(&dec->held, take(dec, len));
    if (dec->held.failed) {
        (void)!fail(dec, FH_E_LIMIT, dec->head_at, "head longer than head_max_bytes");
        return false;
    }
    return whole;
}

static struct fh_http_field *room_for(struct fh_http1_decoder *dec, size_t count)
{
    if (count > dec->room_count) {
        /* by doubling, as the arena does not take the old ones back */
        dec->room_count = fh_min(fh_max(count, dec->room_count * 2), FH_HTTP1_FIELDS_MAX);
        dec->room = fh_arena_raw(dec->arena, dec->room_count * sizeof(*dec->room));
    }
    return dec->room;
}

static void expect_head(struct fh_http1_decoder *dec)
{
    fh_buf_clear(&dec->held);
    dec->line_at = 0;
    dec->line_count = 0;
    dec->head_at = dec->offset;
    dec->state = HEAD;
}

static void expect_body(struct fh_http1_decoder *dec)
{
    dec->left = dec->head.content_length;
    if (dec->head.chunked) {
        dec->state = SIZE;
        dec->digits = 0;
        dec->skipped = 0;
    } else if (dec->head.until_close) {
        dec->state = CLOSE;
    } else {
        dec->state = dec->left > 0 ? LENGTH : END;
    }
}

/* next_head reads heads until one is not interim. */
static enum fh_step next_head(struct fh_http1_decoder *dec, struct fh_http1_event *event)
{
    while (gather(dec)) {
        size_t count = dec->line_count - (dec->line_count > 0 ? 1 : 0);
        struct fh_error why;

        if (count > FH_HTTP1_FIELDS_MAX) {
            return fail(dec, FH_E_LIMIT, dec->head_at, "more fields than FH_HTTP1_FIELDS_MAX");
        }
        struct fh_http_field *fields = room_for(dec, count);

        dec->head.field_count = count;
        if (!fh_http1_read_head(fh_buf_slice(&dec->held), &dec->head, fields, &why)) {
            return fail(dec, why.code, dec->head_at + why.at, why.what);
        }
        if (dec->head.status >= 200) {
            expect_body(dec);
            event->kind = FH_HTTP1_HEAD;
            return FH_STEP_EVENT;
        }
        if (dec->head.status == 101) {
            return fail(dec, FH_E_SYNTAX, dec->head_at, "protocols switched, and nobody asked");
        }
        if (++dec->interims > INTERIM_MAX) {
            return fail(dec, FH_E_LIMIT, dec->head_at, "too many interim answers");
        }
        expect_head(dec);
    }
    return dec->state == FAILED ? FH_STEP_ERROR : FH_STEP_MORE;
}

/* ---- what frames the body ---- */

static bool wrong(struct fh_http1_decoder *dec, enum fh_rc code, const char *what)
{
    (void)!fail(dec, code, dec->offset, what);
    return false;
}

/* want goes on to `next` when `c` is the byte that must come. Nothing but CR LF will do between
 * chunks: who takes a bare LF there finds other chunks than who does not. */
static bool want(struct fh_http1_decoder *dec, uint8_t c, uint8_t must, enum state next)
{
    if (c != must) {
        return wrong(dec, FH_E_SYNTAX, "expected CR LF in the chunked framing");
    }
    dec->state = next;
    return true;
}

/* read_size reads a byte of a chunk's size. Blanks behind it are refused as well: RFC 9112, 7.1.1
 * wants them read only in front of an extension, and nobody sends any. */
static bool read_size(struct fh_http1_decoder *dec, uint8_t c)
{
    uint64_t digit = 0;

    if (fh_parse_hex_u64(fh_slice(&c, 1), &digit)) {
        if (dec->digits == SIZE_DIGITS_MAX) {
            return wrong(dec, FH_E_LIMIT, "chunk size out of range");
        }
        dec->left = dec->left << 4 | digit;
        dec->digits++;
        return true;
    }
    if (dec->digits == 0) {
        return wrong(dec, FH_E_SYNTAX, "expected a chunk size");
    }
    if (c == ';') {
        dec->state = EXTENSION;
        return true;
    }
    return want(dec, c, '\r', SIZE_LF);
}

/* skip_text skips a byte of something that nobody reads, up to the CR, and bounds it. */
static bool skip_text(struct fh_http1_decoder *dec, uint8_t c, uint32_t max, enum state next)
{
    if (c == '\r') {
        dec->state = next;
        return true;
    }
    if (!fh_http1_is_text(c)) {
        return wrong(dec, FH_E_SYNTAX, "control character in the chunked framing");
    }
    if (dec->skipped == max) {
        return wrong(dec, FH_E_LIMIT, "chunk extensions or trailers too long");
    }
    dec->skipped++;
    return true;
}

static bool read_trailer(struct fh_http1_decoder *dec, uint8_t c)
{
    if (c == '\r') {
        dec->state = TRAILER_LF;
        return true;
    }
    dec->state = FIELD;
    return skip_text(dec, c, dec->head_max, FIELD_LF);
}

static bool end_size(struct fh_http1_decoder *dec, uint8_t c)
{
    if (!want(dec, c, '\n', dec->left > 0 ? DATA : TRAILER)) {
        return false;
    }
    dec->skipped = dec->left > 0 ? 0 : (uint32_t)dec->held.len; /* trailers count as head */
    return true;
}

static bool end_data(struct fh_http1_decoder *dec, uint8_t c)
{
    dec->digits = 0;
    dec->left = 0;
    return want(dec, c, '\n', SIZE);
}

/* read_frame reads a byte of what frames the body; false when it must not be there. */
static bool read_frame(struct fh_http1_decoder *dec, uint8_t c)
{
    switch (dec->state) {
    case SIZE:
        return read_size(dec, c);
    case EXTENSION:
        return skip_text(dec, c, EXTENSION_MAX, SIZE_LF);
    case SIZE_LF:
        return end_size(dec, c);
    case DATA_CR:
        return want(dec, c, '\r', DATA_LF);
    case DATA_LF:
        return end_data(dec, c);
    case TRAILER:
        return read_trailer(dec, c);
    case FIELD:
        return skip_text(dec, c, dec->head_max, FIELD_LF);
    case FIELD_LF:
        return want(dec, c, '\n', TRAILER);
    case TRAILER_LF:
        return want(dec, c, '\n', END);
    case DONE:
        return wrong(dec, FH_E_SYNTAX, "bytes behind the message that nobody asked for");
    case HEAD:
    case LENGTH:
    case CLOSE:
    case DATA:
    case END:
    case FAILED:
        break;
    }
    fh_assert_failed("a state between pieces", __FILE__, __LINE__);
}

/* next_piece hands out what the input has of the content. */
static enum fh_step next_piece(struct fh_http1_decoder *dec, struct fh_http1_event *event)
{
    size_t n = dec->in.len;

    if (n == 0) {
        return FH_STEP_MORE;
    }
    if (dec->state != CLOSE) {
        n = dec->left < n ? (size_t)dec->left : n;
        dec->left -= n;
    }
    if (dec->state != CLOSE && dec->left == 0) {
        dec->state = dec->state == DATA ? DATA_CR : END;
    }
    event->kind = FH_HTTP1_BODY;
    event->body = take(dec, n);
    return FH_STEP_EVENT;
}

enum fh_step fh_http1_next(struct fh_http1_decoder *dec, struct fh_http1_event *event)
{
    *event = (struct fh_http1_event){.head = &dec->head};
    for (;;) {
        switch (dec->state) {
        case HEAD:
            return next_head(dec, event);
        case LENGTH:
        case CLOSE:
        case DATA:
            return next_piece(dec, event);
        case END:
            dec->state = DONE;
            event->kind = FH_HTTP1_END;
            return FH_STEP_EVENT;
        case FAILED:
            return FH_STEP_ERROR;
        case SIZE:
        case EXTENSION:
        case SIZE_LF:
        case DATA_CR:
        case DATA_LF:
        case TRAILER:
        case FIELD:
        case FIELD_LF:
        case TRAILER_LF:
        case DONE:
            if (dec->in.len == 0) {
                return FH_STEP_MORE;
            }
            if (read_frame(dec, dec->in.ptr[0])) {
                (void)take(dec, 1);
            }
            break;
        }
    }
}

bool fh_http1_reset(struct fh_http1_decoder *dec)
{
    if (dec->state != DONE || !dec->head.keep_alive || dec->in.len > 0) {
        return false;
    }
    dec->interims = 0;
    expect_head(dec);
    return true;
}

bool fh_http1_eof(struct fh_http1_decoder *dec)
{
    const char *what = "closed inside the content";

    switch (dec->state) {
    case CLOSE:
        FH_ASSERT(dec->in.len == 0); /* all of it was handed out */
        dec->state = DONE;
        return true;
    case END:
    case DONE:
        return true;
    case FAILED:
        return false;
    case HEAD:
        what = dec->held.len == 0 ? "closed before the answer" : "closed inside the head";
        break;
    case LENGTH:
    case SIZE:
    case EXTENSION:
    case SIZE_LF:
    case DATA:
    case DATA_CR:
    case DATA_LF:
    case TRAILER:
    case FIELD:
    case FIELD_LF:
    case TRAILER_LF:
        break;
    }
    (void)!fail(dec, FH_E_MISSING, dec->offset, what);
    return false;
}

struct fh_error fh_http1_error(const struct fh_http1_decoder *dec)
{
    return dec->error;
}

bool fh_http_field(const struct fh_http1_head *head, struct fh_slice name,
                   struct fh_slice *value)
{
    for (size_t i = 0; i < head->field_count; i++) {
        if (fh_eq_nocase(head->field[i].name, name)) {
            *value = head->field[i].value;
            return true;
        }
    }
    return false;
}
