/*
 * trace_sigv4.h: a request written as text, for tests and fuzzing.
 *
 *     POST /model/m/converse?a=b HTTP/1.1
 *     Host: example.com
 *     X-Long: begins here
 *       and goes on here
 *
 *     the body
 *
 * Line ends are LF or CRLF. `:authority: example.com` stands among the fields; other pseudo-fields
 * are skipped.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "wire/sigv4.h"

enum { TRACE_FIELDS_MAX = FH_SIGV4_FIELDS_MAX + 1 };

/* Borrows from the text. */
struct trace_request {
    struct fh_sigv4_request req;
    struct fh_http_field field[TRACE_FIELDS_MAX];
    struct fh_slice body;
};

/* trace_line takes a line, without its end. */
FH_NODISCARD static inline bool trace_line(struct fh_slice *text, struct fh_slice *line)
{
    if (!fh_split(text, '\n', line)) {
        return false;
    }
    if (fh_ends(*line, FH_LIT("\r"))) {
        *line = fh_head(*line, line->len - 1);
    }
    return true;
}

/* trace_target parts "/path?query HTTP/1.1"; the path may have blanks in it. */
static inline void trace_target(struct fh_sigv4_request *req, struct fh_slice target)
{
    for (size_t at = target.len; at > 0; at--) {
        if (fh_starts(fh_tail(target, at - 1), FH_LIT(" HTTP/"))) {
            target = fh_head(target, at - 1);
            break;
        }
    }
    size_t mark = fh_find(target, '?');

    req->path = fh_head(target, mark);
    req->query = fh_tail(target, fh_min(mark + 1, target.len));
}

/* trace_field reads one line among the fields; false when it is none. */
FH_NODISCARD static inline bool trace_field(struct trace_request *out, struct fh_slice line)
{
    size_t count = out->req.field_count;

    if (count > 0 && (line.ptr[0] == ' ' || line.ptr[0] == '\t')) {
        struct fh_slice *value = &out->field[count - 1].value;

        *value = value->len == 0
                     ? fh_trim(line)
                     : fh_slice(value->ptr, (size_t)(line.ptr - value->ptr) + line.len);
        return true;
    }
    size_t colon = line.len > 0 ? 1 + fh_find(fh_tail(line, 1), ':') : 0;

    if (colon >= line.len) {
        return false;
    }
    struct fh_slice name = fh_head(line, colon);
    struct fh_slice value = fh_tail(line, colon);

    value = fh_trim(fh_sub(value, 1, value.len - 1));
    if (fh_eq(name, FH_LIT(":authority"))) {
        out->req.authority = value;
    } else if (name.ptr[0] != ':') {
        if (count == TRACE_FIELDS_MAX) {
            return false;
        }
        out->field[count] = (struct fh_http_field){name, value};
        out->req.field_count++;
    }
    return true;
}

/* trace_request reads a request; false when it is none. */
FH_NODISCARD static inline bool trace_request(struct trace_request *out, struct fh_slice text)
{
    struct fh_slice line = FH_NONE;

    *out = (struct trace_request){.body = FH_NONE};
    if (!trace_line(&text, &line) || !fh_split(&line, ' ', &out->req.method)) {
        return false;
    }
    trace_target(&out->req, line);
    while (trace_line(&text, &line) && line.len > 0) {
        if (!trace_field(out, line)) {
            return false;
        }
    }
    out->body = text;
    out->req.field = out->field;
    out->req.body = fh_sha256(text);
    return true;
}
