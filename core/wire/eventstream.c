/* eventstream.c: waits for whole frames, then checks and parts them. One primitive, peek, hides how
 * the bytes were cut; a frame that straddles feeds is gathered in `held`.
 * SPDX-License-Identifier: Apache-2.0 */
#include "wire/eventstream.h"

#include "base/hash.h"

enum { ES_PRELUDE_LEN = 12, ES_CRC_LEN = 4, ES_AROUND_LEN = ES_PRELUDE_LEN + ES_CRC_LEN };

enum es_state {
    ES_PRELUDE, /* waiting for 12 bytes that size the frame */
    ES_FRAME,   /* waiting for all of a frame whose size is known */
    ES_FAILED,  /* sticky */
};

struct fh_es_decoder {
    struct fh_slice in; /* unread input, borrowed since the last feed */
    struct fh_buf held; /* a frame that straddles feeds */
    uint64_t offset;    /* of the current frame in the stream */
    uint32_t frame_max;
    uint32_t total; /* of the current frame, once ES_FRAME */
    uint32_t headers_len;
    bool lent; /* the last message points into held */
    enum es_state state;
    struct fh_error error;
};

/* ---- headers ---- */

/* How long a value of each type is; VARIES: a length stands before it. */
enum { VARIES = -1 };

static const int8_t value_len[] = {
    [FH_ES_TRUE] = 0,      [FH_ES_FALSE] = 0, [FH_ES_INT8] = 1,       [FH_ES_INT16] = 2,
    [FH_ES_INT32] = 4,     [FH_ES_INT64] = 8, [FH_ES_BYTES] = VARIES, [FH_ES_STRING] = VARIES,
    [FH_ES_TIMESTAMP] = 8, [FH_ES_UUID] = 16,
};
static_assert(FH_LEN(value_len) == FH_ES_TYPES, "table and enum agree");

/* read_header takes a header off the front of `headers`, which is left alone if it is none.
 *
 * Returns  NULL, or what is wrong with it.
 */
static const char *read_header(struct fh_slice *headers, struct fh_es_header *header)
{
    struct fh_es_header h = {.type = FH_ES_TRUE};
    struct fh_slice rest = *headers;
    uint8_t name_len = 0;
    uint8_t type = 0;
    uint16_t len = 0;

    if (!fh_read_u8(&rest, &name_len) || !fh_read_bytes(&rest, name_len, &h.name) ||
        !fh_read_u8(&rest, &type)) {
        return "header goes beyond the headers";
    }
    if (name_len == 0) {
        return "header without a name";
    }
    if (type >= FH_ES_TYPES) {
        return "header of an unknown type";
    }
    h.type = (enum fh_es_type)type;
    if (value_len[type] != VARIES) {
        len = (uint16_t)value_len[type];
    } else if (!fh_read_u16be(&rest, &len)) {
        return "header goes beyond the headers";
    }
    if (!fh_read_bytes(&rest, len, &h.value)) {
        return "header goes beyond the headers";
    }
    if (len > FH_ES_VALUE_MAX) {
        return "header value longer than 32767 bytes";
    }
    if (!fh_utf8_ok(h.name) || (h.type == FH_ES_STRING && !fh_utf8_ok(h.value))) {
        return "header is not UTF-8";
    }
    *headers = rest;
    *header = h;
    return NULL;
}

bool fh_es_header_next(struct fh_slice *headers, struct fh_es_header *header)
{
    return headers->len > 0 && read_header(headers, header) == NULL;
}

bool fh_es_header_text(struct fh_slice headers, struct fh_slice name, struct fh_slice *value)
{
    struct fh_es_header h;

    while (fh_es_header_next(&headers, &h)) {
        if (fh_eq(h.name, name)) {
            if (h.type == FH_ES_STRING) {
                *value = h.value;
            }
            return h.type == FH_ES_STRING;
        }
    }
    return false;
}

/* ---- decoder ---- */

struct fh_es_decoder *fh_es_decoder_new(struct fh_arena *arena, uint32_t frame_max_bytes)
{
    struct fh_es_decoder *dec = fh_new(arena, struct fh_es_decoder);

    dec->frame_max = frame_max_bytes;
    dec->held = fh_buf_on_heap(fh_max(frame_max_bytes, ES_PRELUDE_LEN));
    return dec;
}

void fh_es_decoder_fini(struct fh_es_decoder *dec)
{
    fh_buf_fini(&dec->held);
}

void fh_es_feed(struct fh_es_decoder *dec, struct fh_slice in)
{
    FH_ASSERT(dec->in.len == 0);
    dec->in = in;
}

/* fail says what is wrong, `within` bytes into the current frame. */
static enum fh_step fail(struct fh_es_decoder *dec, enum fh_rc code, const char *what,
                         size_t within)
{
    dec->state = ES_FAILED;
    dec->error = (struct fh_error){.code = code, .what = what, .at = dec->offset + within};
    return FH_STEP_ERROR;
}

/* peek makes the first `n` bytes of the current frame contiguous without consuming them: straight
 * from the input when it holds them all, gathered in `held` when they straddle feeds. */
static bool peek(struct fh_es_decoder *dec, size_t n, struct fh_slice *out)
{
    if (dec->held.len == 0 && dec->in.len >= n) {
        *out = fh_head(dec->in, n);
        return true;
    }
    if (dec->held.len < n) {
        size_t take = fh_min(n - dec->held.len, dec->in.len);

        fh_buf_append(&dec->held, fh_head(dec->in, take));
        FH_ASSERT(!dec->held.failed); /* it may grow to frame_max, and no total is above that */
        dec->in = fh_tail(dec->in, take);
    }
    if (dec->held.len < n) {
        return false;
    }
    *out = fh_head(fh_buf_slice(&dec->held), n);
    return true;
}

/* read_prelude learns how long the frame is. Nothing of it is believed before its checksum. */
static enum fh_step read_prelude(struct fh_es_decoder *dec, struct fh_slice prelude)
{
    struct fh_slice covered = fh_head(prelude, ES_PRELUDE_LEN - ES_CRC_LEN);
    uint32_t crc = 0;

    if (!fh_read_u32be(&prelude, &dec->total) || !fh_read_u32be(&prelude, &dec->headers_len) ||
        !fh_read_u32be(&prelude, &crc) || crc != fh_crc32(0, covered)) {
        return fail(dec, FH_E_CHECKSUM, "prelude and its checksum disagree", 0);
    }
    if (dec->total < ES_AROUND_LEN || dec->headers_len > dec->total - ES_AROUND_LEN) {
        return fail(dec, FH_E_SYNTAX, "frame shorter than what it says is in it", 0);
    }
    if (dec->total > dec->frame_max) {
        return fail(dec, FH_E_LIMIT, "frame longer than frame_max_bytes", 0);
    }
    dec->state = ES_FRAME;
    return FH_STEP_EVENT;
}

static enum fh_step check_headers(struct fh_es_decoder *dec, struct fh_slice headers)
{
    struct fh_slice name[FH_ES_HEADERS_MAX];
    size_t count = 0;

    for (struct fh_slice rest = headers; rest.len > 0; count++) {
        size_t at = ES_PRELUDE_LEN + fh_between(headers, rest).len;
        struct fh_es_header h;
        const char *wrong = read_header(&rest, &h);

        if (wrong != NULL) {
            return fail(dec, FH_E_SYNTAX, wrong, at);
        }
        if (count == FH_ES_HEADERS_MAX) {
            return fail(dec, FH_E_LIMIT, "more than 64 headers", at);
        }
        for (size_t i = 0; i < count; i++) {
            if (fh_eq(name[i], h.name)) {
                return fail(dec, FH_E_SYNTAX, "header stands twice", at);
            }
        }
        name[count] = h.name;
    }
    return FH_STEP_EVENT;
}

/* finish checks a whole frame and hands out its parts. */
static enum fh_step finish(struct fh_es_decoder *dec, struct fh_slice frame,
                           struct fh_es_message *msg)
{
    struct fh_slice covered = fh_head(frame, frame.len - ES_CRC_LEN);
    struct fh_slice tail = fh_tail(frame, covered.len);
    struct fh_slice headers = fh_sub(covered, ES_PRELUDE_LEN, dec->headers_len);
    uint32_t crc = 0;

    if (!fh_read_u32be(&tail, &crc) || crc != fh_crc32(0, covered)) {
        return fail(dec, FH_E_CHECKSUM, "message and its checksum disagree", 0);
    }
    if (check_headers(dec, headers) == FH_STEP_ERROR) {
        return FH_STEP_ERROR;
    }
    *msg = (struct fh_es_message){
        .headers = headers,
        .payload = fh_tail(covered, ES_PRELUDE_LEN + dec->headers_len),
        .raw = frame,
    };
    dec->lent = dec->held.len > 0;
    if (!dec->lent) {
        dec->in = fh_tail(dec->in, frame.len);
    }
    dec->offset += frame.len;
    dec->state = ES_PRELUDE;
    return FH_STEP_EVENT;
}

enum fh_step fh_es_next(struct fh_es_decoder *dec, struct fh_es_message *msg)
{
    struct fh_slice bytes;

    if (dec->lent) {
        fh_buf_fini(&dec->held); /* few frames straddle reads: an idle stream holds nothing */
        dec->lent = false;
    }
    switch (dec->state) {
    case ES_PRELUDE:
        if (!peek(dec, ES_PRELUDE_LEN, &bytes)) {
            return FH_STEP_MORE;
        }
        if (read_prelude(dec, bytes) == FH_STEP_ERROR) {
            return FH_STEP_ERROR;
        }
        [[fallthrough]];
    case ES_FRAME:
        return peek(dec, dec->total, &bytes) ? finish(dec, bytes, msg) : FH_STEP_MORE;
    case ES_FAILED:
        break;
    }
    return FH_STEP_ERROR;
}

bool fh_es_at_boundary(const struct fh_es_decoder *dec)
{
    return dec->state == ES_PRELUDE && dec->in.len == 0 && (dec->held.len == 0 || dec->lent);
}

struct fh_error fh_es_error(const struct fh_es_decoder *dec)
{
    return dec->error;
}

/* ---- encoder ---- */

/* header_len is how many bytes a header takes on the wire; 0: it is longer than it may be. */
static size_t header_len(const struct fh_es_header *h)
{
    FH_ASSERT(h->type < FH_ES_TYPES);
    FH_ASSERT(h->name.len > 0 && h->name.len <= UINT8_MAX);
    if (value_len[h->type] != VARIES) {
        FH_ASSERT(h->value.len == (size_t)value_len[h->type]);
        return 1 + h->name.len + 1 + h->value.len;
    }
    return h->value.len > FH_ES_VALUE_MAX ? 0 : 1 + h->name.len + 1 + 2 + h->value.len;
}

static void write_header(struct fh_buf *out, const struct fh_es_header *h)
{
    fh_buf_byte(out, (uint8_t)h->name.len);
    fh_buf_append(out, h->name);
    fh_buf_byte(out, (uint8_t)h->type);
    if (value_len[h->type] == VARIES) {
        fh_buf_u16be(out, (uint16_t)h->value.len);
    }
    fh_buf_append(out, h->value);
}

void fh_es_write(struct fh_buf *out, const struct fh_es_header *headers, size_t count,
                 struct fh_slice payload)
{
    size_t start = out->len;
    size_t headers_len = 0;
    bool fits = payload.len <= FH_ES_PAYLOAD_MAX_BYTES;

    FH_ASSERT(count <= FH_ES_HEADERS_MAX);
    for (size_t i = 0; i < count; i++) {
        size_t len = header_len(&headers[i]);

        fits = fits && len > 0;
        headers_len += len;
    }
    if (!fits || headers_len > FH_ES_HEADERS_MAX_BYTES) {
        out->failed = true;
        return;
    }
    size_t total = ES_AROUND_LEN + headers_len + payload.len;

    if (fh_buf_reserve(out, total) == NULL) {
        return;
    }
    fh_buf_u32be(out, (uint32_t)total);
    fh_buf_u32be(out, (uint32_t)headers_len);
    fh_buf_u32be(out, fh_crc32(0, fh_tail(fh_buf_slice(out), start)));
    for (size_t i = 0; i < count; i++) {
        write_header(out, &headers[i]);
    }
    fh_buf_append(out, payload);
    fh_buf_u32be(out, fh_crc32(0, fh_tail(fh_buf_slice(out), start)));
}

#define TEXT(name, value) ((struct fh_es_header){FH_LIT(name), FH_ES_STRING, (value)})

void fh_es_write_event(struct fh_buf *out, struct fh_slice event_type, struct fh_slice payload)
{
    const struct fh_es_header headers[] = {
        TEXT(":event-type", event_type),
        TEXT(":content-type", FH_LIT("application/json")),
        TEXT(":message-type", FH_LIT("event")),
    };

    fh_es_write(out, headers, FH_LEN(headers), payload);
}

void fh_es_write_exception(struct fh_buf *out, struct fh_slice exception_type,
                           struct fh_slice payload)
{
    const struct fh_es_header headers[] = {
        TEXT(":exception-type", exception_type),
        TEXT(":content-type", FH_LIT("application/json")),
        TEXT(":message-type", FH_LIT("exception")),
    };

    fh_es_write(out, headers, FH_LEN(headers), payload);
}

void fh_es_write_error(struct fh_buf *out, struct fh_slice code, struct fh_slice message)
{
    const struct fh_es_header headers[] = {
        TEXT(":message-type", FH_LIT("error")),
        TEXT(":error-code", code),
        TEXT(":error-message", fh_utf8_head(message, FH_ES_VALUE_MAX)),
    };

    fh_es_write(out, headers, FH_LEN(headers), FH_NONE);
}
