/* http1_head.c: the lines of a head, and what they say about the body.
 * SPDX-License-Identifier: Apache-2.0 */
#include "wire/http1_head.h"

#include "base/text.h"

/* A cursor over the lines of a head. */
struct reader {
    struct fh_slice bytes;
    size_t line_at; /* where the line that was read last starts */
    size_t next_at; /* and the next one */
    struct fh_error *why;
};

static bool refuse_as(struct reader *r, enum fh_rc code, size_t at, const char *what)
{
    *r->why = (struct fh_error){.code = code, .what = what, .at = at};
    return false;
}

static bool refuse(struct reader *r, size_t at, const char *what)
{
    return refuse_as(r, FH_E_SYNTAX, at, what);
}

/* next_line gives the next line without its end. A bare LF ends one, too
 * (RFC 9112, 2.2): a head ends at the same place for those who want a CR and those who do not. */
static struct fh_slice next_line(struct reader *r)
{
    struct fh_slice rest = fh_tail(r->bytes, r->next_at);
    size_t len = fh_find(rest, '\n');

    r->line_at = r->next_at;
    r->next_at += len + 1;
    return fh_head(rest, len > 0 && rest.ptr[len - 1] == '\r' ? len - 1 : len);
}

/* is_token says whether `c` is a tchar of RFC 9110, 5.6.2: a bit for each of 128. */
static bool is_token(uint8_t c)
{
    static const uint64_t tchars[] = {0x03ff6cfa00000000U, 0x57ffffffc7fffffeU};

    return c < 128 && (tchars[c / 64] >> c % 64 & 1) != 0;
}

#define EACH(byte) (0x0101010101010101U * (byte))

/* has_control says whether one of eight bytes is a control character, the tab among them. With the
 * top bits out of the way no sum carries into the next byte. */
static bool has_control(const uint8_t *ptr)
{
    uint64_t v = 0;

    memcpy(&v, ptr, sizeof(v));
    uint64_t not_control = (v & EACH(0x7fU)) + EACH(0x60U);
    uint64_t not_delete = ((v & EACH(0x7fU)) ^ EACH(0x7fU)) + EACH(0x7fU);

    return (((not_control & not_delete) | v) & EACH(0x80U)) != EACH(0x80U);
}

/* text_len counts the bytes up to the first that is no text. */
static size_t text_len(struct fh_slice s)
{
    size_t len = 0;

    while (s.len - len >= 8 && !has_control(&s.ptr[len])) {
        len += 8;
    }
    while (len < s.len && fh_http1_is_text(s.ptr[len])) {
        len++;
    }
    return len;
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* read_status reads `HTTP/1.1 200 OK`. Many servers leave out the reason, and the blank in front of
 * it with it. */
static bool read_status(struct reader *r, uint8_t *minor, uint16_t *status)
{
    struct fh_slice line = next_line(r);
    size_t at = r->line_at;
    uint64_t code = 0;

    if (line.len < 12 || !fh_starts(line, FH_LIT("HTTP/1.")) || !is_digit(line.ptr[7]) ||
        line.ptr[8] != ' ' || !fh_parse_u64(fh_sub(line, 9, 3), &code) ||
        (line.len > 12 && line.ptr[12] != ' ')) {
        return refuse(r, at, "not an HTTP/1 status line");
    }
    if (code < 100 || code > 599) {
        return refuse(r, at + 9, "a status outside of 100 to 599");
    }
    if (text_len(line) < line.len) {
        return refuse(r, at + text_len(line), "control character in the status line");
    }
    *minor = (uint8_t)(line.ptr[7] - '0');
    *status = (uint16_t)code;
    return true;
}

static bool read_field(struct reader *r, struct fh_http_field *field)
{
    struct fh_slice line = next_line(r);
    size_t at = r->line_at;
    size_t name = 0;

    while (name < line.len && is_token(line.ptr[name])) {
        name++;
    }
    if (name == line.len) {
        return refuse(r, at + name, "a field without a colon");
    }
    if (line.ptr[name] != ':' || name == 0) {
        uint8_t c = line.ptr[name];

        if (c == ' ' || c == '\t') {
            return refuse(r, at + name,
                          name == 0 ? "a field folded over lines"
                                    : "a blank in a field's name");
        }
        return refuse(r, at + name,
                      c == ':' ? "a field without a name" : "bad character in a field's name");
    }
    struct fh_slice value = fh_tail(line, name + 1);
    size_t text = text_len(value);

    if (text < value.len) {
        return refuse(r, at + name + 1 + text, "control character in a field's value");
    }
    field->name = fh_head(line, name);
    field->value = fh_trim(value);
    return true;
}

/* What the fields say about framing, before it is known whether there is a body at all. */
struct framing {
    bool sized; /* there was a content-length */
    bool chunked;
    bool close;
    bool keep_alive;
    uint64_t length;
};

/* read_length reads a number, or the same number several times (RFC 9110, 8.6). */
static bool read_length(struct reader *r, struct fh_slice value, struct framing *f)
{
    bool more = true;

    while (more) {
        struct fh_slice item = FH_NONE;
        uint64_t length = 0;

        more = fh_find(value, ',') < value.len;
        (void)!fh_split(&value, ',', &item);
        if (!fh_parse_u64(fh_trim(item), &length)) {
            return refuse(r, r->line_at, "content-length is not a number");
        }
        if (f->sized && f->length != length) {
            return refuse(r, r->line_at, "several content-lengths that differ");
        }
        f->sized = true;
        f->length = length;
    }
    return true;
}

/* read_coding wants `chunked` alone. We ask for no other coding (TE is not sent), and a list is
 * where two parsers come to see different messages. */
static bool read_coding(struct reader *r, struct fh_slice value, struct framing *f)
{
    if (f->chunked) {
        return refuse(r, r->line_at, "transfer-encoding stands twice");
    }
    if (!fh_eq_nocase(value, FH_LIT("chunked"))) {
        return refuse_as(r, FH_E_SUPPORT, r->line_at,
                         "a transfer-encoding that is not chunked");
    }
    f->chunked = true;
    return true;
}

static void read_connection(struct fh_slice value, struct framing *f)
{
    struct fh_slice option;

    while (fh_split(&value, ',', &option)) {
        option = fh_trim(option);
        f->close = f->close || fh_eq_nocase(option, FH_LIT("close"));
        f->keep_alive = f->keep_alive || fh_eq_nocase(option, FH_LIT("keep-alive"));
    }
}

static bool read_framing(struct reader *r, const struct fh_http_field *field, struct framing *f)
{
    if (fh_eq_nocase(field->name, FH_LIT("content-length"))) {
        return read_length(r, field->value, f);
    }
    if (fh_eq_nocase(field->name, FH_LIT("transfer-encoding"))) {
        return read_coding(r, field->value, f);
    }
    if (fh_eq_nocase(field->name, FH_LIT("connection"))) {
        read_connection(field->value, f);
    }
    return true;
}

bool fh_http1_read_head(struct fh_slice bytes, struct fh_http1_head *head,
                        struct fh_http_field *field, struct fh_error *why)
{
    struct reader r = {.bytes = bytes, .why = why};
    struct framing f = {.sized = false};
    uint8_t minor = 0;

    if (!read_status(&r, &minor, &head->status)) {
        return false;
    }
    for (size_t i = 0; i < head->field_count; i++) {
        if (!read_field(&r, &field[i]) || !read_framing(&r, &field[i], &f)) {
            return false;
        }
    }
    if (f.chunked && f.sized) { /* RFC 9112, 6.3: may be an attempt at response splitting */
        return refuse(&r, 0, "both content-length and transfer-encoding");
    }
    if (f.chunked && minor == 0) { /* RFC 9112, 6.1: faulty framing */
        return refuse(&r, 0, "transfer-encoding in HTTP/1.0");
    }
    bool empty = head->status < 200 || head->status == 204 || head->status == 304;

    head->field = field;
    head->chunked = f.chunked && !empty;
    head->content_length = empty ? 0 : f.length;
    head->until_close = !empty && !f.chunked && !f.sized;
    head->keep_alive = !head->until_close && !f.close && (minor > 0 || f.keep_alive);
    return true;
}
