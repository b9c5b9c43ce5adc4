/*
 * http1.h: the answer of an HTTP/1.1 upstream (RFC 9112), from its bytes.
 *
 *     feed(bytes) ──▶ next() ──▶ HEAD, BODY, BODY, … END, reset, HEAD, …
 *
 * Pull, not callbacks. The head is gathered whole and handed out with its fields; the body is
 * handed out as slices of the input, its framing (content-length, chunked, until the connection
 * closes) undone, nothing copied. Interim answers (1xx, at most 16), chunk extensions and trailers
 * are skipped. It is strict where leniency lets two parsers disagree about where a message ends
 * (RFC 9112, 11): both content-length and transfer-encoding, several different lengths, a coding
 * other than chunked, a bare CR, an obsolete line fold, blanks before the colon are errors, and so
 * is a control character in a value. A bare LF ends a line of the head, but none between chunks.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "base/base.h"

enum { FH_HTTP1_FIELDS_MAX = 100 };

struct fh_http_field {
    struct fh_slice name;  /* as sent; compare with fh_eq_nocase */
    struct fh_slice value; /* without blanks around it; bytes as sent */
};

struct fh_http1_head {
    uint16_t status; /* 200–599 */
    bool keep_alive; /* the connection may carry another message after this one */
    bool chunked;
    bool until_close;        /* no length given: the body ends with the connection */
    uint64_t content_length; /* when neither of the two above */
    size_t field_count;
    const struct fh_http_field *field; /* in the order sent; room for as many as there are */
};

enum fh_http1_kind {
    FH_HTTP1_HEAD, /* `head` is filled in */
    FH_HTTP1_BODY, /* `body` is a part of the content */
    FH_HTTP1_END,  /* the message ends here */
};

struct fh_http1_event {
    enum fh_http1_kind kind;
    const struct fh_http1_head *head; /* borrowed until END of the message */
    struct fh_slice body;             /* borrows from what was fed */
};

struct fh_http1_decoder;

/* fh_http1_decoder_new makes a decoder for the answers on one connection.
 *
 * Limits   a head longer than `head_max_bytes`, trailers among them, fails with FH_E_LIMIT, so does
 *          one with more than FH_HTTP1_FIELDS_MAX fields.
 * Returns  the decoder, owned by `arena`; the head's bytes are gathered there as well.
 * Cost     some 200 bytes; with a head of 1 KB and 24 fields, 2 KB until the arena goes.
 */
struct fh_http1_decoder *fh_http1_decoder_new(struct fh_arena *arena, uint32_t head_max_bytes);

/* fh_http1_feed lends `in` to the decoder.
 *
 * Requires the previous fh_http1_next returned FH_STEP_MORE.
 * Borrows  `in` until fh_http1_next returns FH_STEP_MORE again.
 */
void fh_http1_feed(struct fh_http1_decoder *dec, struct fh_slice in);

/* fh_http1_next produces the next part of the message.
 *
 * Returns  FH_STEP_EVENT and fills `event`; FH_STEP_MORE when it wants another feed; FH_STEP_ERROR,
 *          now and for ever after, with the reason in fh_http1_error. Bytes behind the END of a
 *          message that nobody asked for are an error as well.
 */
enum fh_step fh_http1_next(struct fh_http1_decoder *dec, struct fh_http1_event *event);

/* fh_http1_reset makes the decoder ready for the answer to the next request on the connection. The
 * memory of the old head is used again.
 *
 * Returns  false when there can be no next one: END was not handed out, the connection is not kept
 *          alive, bytes that nobody asked for are waiting, or there was an error. Close it then.
 */
FH_NODISCARD bool fh_http1_reset(struct fh_http1_decoder *dec);

/* fh_http1_eof tells that the connection was closed by its peer. After until_close this is the end;
 * there is no END event then.
 *
 * Requires the previous fh_http1_next did not return FH_STEP_EVENT, but for END.
 * Returns  true when that is a proper end of the message (until_close, or END was seen); false
 *          when the message was cut, where and at which byte is then in fh_http1_error.
 */
FH_NODISCARD bool fh_http1_eof(struct fh_http1_decoder *dec);

/* fh_http1_error returns the sticky error; `at` is its byte offset in all that was fed. */
struct fh_error fh_http1_error(const struct fh_http1_decoder *dec);

/* fh_http_field finds the first field of that name; false when there is none. */
FH_NODISCARD bool fh_http_field(const struct fh_http1_head *head, struct fh_slice name,
                                struct fh_slice *value);
