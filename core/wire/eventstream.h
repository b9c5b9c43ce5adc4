/*
 * eventstream.h: Amazon's event streams, the framing in which Bedrock streams.
 *
 *     length u32 │ headers' length u32 │ crc u32 │ headers │ payload │ crc u32
 *     └─ the first crc is of these ──┘
 *     └──────────────── the second crc is of these ────────────────┘
 *
 *     header: name length u8 │ name │ type u8 │ value, behind its length u16 where that varies
 *
 *     feed(bytes) ──▶ [ held | in ] ──▶ next() ──▶ message, message, … MORE
 *
 * Follows the "Amazon Event Stream Specification" of Smithy ("Event stream encoding" in AWS's own
 * manuals). `length` counts every byte of the frame, numbers are big-endian, both checksums are
 * gzip's CRC-32. What a message means stands in three headers, all strings:
 *
 *     :message-type  event       :event-type      and :content-type; the payload is the event
 *     :message-type  exception   :exception-type  and :content-type; {"message": …} as payload
 *     :message-type  error       :error-code      and :error-message; no payload
 *
 * Known from the wire: the order of headers means nothing and differs between senders (Bedrock puts
 * :message-type last); :content-type may be missing; values may be empty, although the grammar says
 * they are not; SDKs skip events of a type they do not know. Where SDKs differ, this decoder takes
 * the strict side: a name that stands twice, text that is not UTF-8 and a value longer than 32,767
 * bytes are errors. The specification has services keep to 24 MiB of payload and 128 KiB of headers
 * and forbids clients to check that: so do we when we write, and frames that are read are bounded
 * by the caller alone.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "base/base.h"

enum {
    FH_ES_HEADERS_MAX = 64,              /* headers of a message; Bedrock sends three */
    FH_ES_VALUE_MAX = 32767,             /* bytes of a string or a byte array */
    FH_ES_HEADERS_MAX_BYTES = 128 << 10, /* all headers of a message that we write */
    FH_ES_PAYLOAD_MAX_BYTES = 24 << 20,  /* the payload of a message that we write */
};

/* The types of a header's value, numbered as on the wire. */
enum fh_es_type {
    FH_ES_TRUE, /* this and the next have no value */
    FH_ES_FALSE,
    FH_ES_INT8, /* these four are big-endian, two's complement */
    FH_ES_INT16,
    FH_ES_INT32,
    FH_ES_INT64,
    FH_ES_BYTES,
    FH_ES_STRING,
    FH_ES_TIMESTAMP, /* milliseconds since 1970, as INT64 */
    FH_ES_UUID,      /* 16 bytes */
    FH_ES_TYPES
};

struct fh_es_header {
    struct fh_slice name;
    enum fh_es_type type;
    struct fh_slice value; /* its bytes as on the wire, without their length */
};

/* One message. The slices borrow from the decoder until its next call. */
struct fh_es_message {
    struct fh_slice headers; /* known to be well-formed: for the two functions below */
    struct fh_slice payload;
    struct fh_slice raw; /* every byte of the frame, for those who pass the stream on */
};

struct fh_es_decoder;

/* fh_es_decoder_new makes a decoder for one response body.
 *
 * Limits   a frame longer than `frame_max_bytes` fails with FH_E_LIMIT as soon as its length is
 *          known, and so does one with more than FH_ES_HEADERS_MAX headers.
 * Returns  the decoder, owned by `arena`. What it gathers of a frame that straddles feeds is heap
 *          memory, released by fh_es_decoder_fini and while nothing is held.
 */
struct fh_es_decoder *fh_es_decoder_new(struct fh_arena *arena, uint32_t frame_max_bytes);

/* fh_es_decoder_fini releases what is held. */
void fh_es_decoder_fini(struct fh_es_decoder *dec);

/* fh_es_feed lends `in` to the decoder.
 *
 * Requires the previous fh_es_next returned FH_STEP_MORE.
 * Borrows  `in` until fh_es_next returns FH_STEP_MORE again.
 */
void fh_es_feed(struct fh_es_decoder *dec, struct fh_slice in);

/* fh_es_next produces the next message, if the bytes fed so far complete one. Its checksums, its
 * lengths and all of its headers have been checked then.
 *
 * Returns  FH_STEP_EVENT and fills `msg`; FH_STEP_MORE when it wants another feed; or
 *          FH_STEP_ERROR, now and for ever after, with the reason in fh_es_error.
 */
enum fh_step fh_es_next(struct fh_es_decoder *dec, struct fh_es_message *msg);

/* fh_es_at_boundary says whether the stream may end here without losing a message. */
bool fh_es_at_boundary(const struct fh_es_decoder *dec);

/* fh_es_error returns the sticky error; `at` is the byte offset in the whole stream of the frame,
 * or of the header in it, that is wrong. */
struct fh_error fh_es_error(const struct fh_es_decoder *dec);

/* fh_es_header_next takes the next header off the front of `headers`. False at their end. */
FH_NODISCARD bool fh_es_header_next(struct fh_slice *headers, struct fh_es_header *header);

/* fh_es_header_text finds the string header `name`. False when there is none of that type. */
FH_NODISCARD bool fh_es_header_text(struct fh_slice headers, struct fh_slice name,
                                    struct fh_slice *value);

/* fh_es_write appends one message as a whole frame, or none of it: a message that breaks a limit
 * above sets out->failed, as does one that does not fit.
 *
 * Requires names that differ, at most FH_ES_HEADERS_MAX of them, of 1 to 255 bytes; names and
 *          strings in UTF-8; values as long as their types are. What fh_es_header_next gave is
 *          all of that.
 */
void fh_es_write(struct fh_buf *out, const struct fh_es_header *headers, size_t count,
                 struct fh_slice payload);

/* fh_es_write_event appends an event with a JSON payload, its headers in Bedrock's order. */
void fh_es_write_event(struct fh_buf *out, struct fh_slice event_type, struct fh_slice payload);

/* fh_es_write_exception appends an error that the API's model knows, such as
 * "throttlingException", with a JSON payload. */
void fh_es_write_exception(struct fh_buf *out, struct fh_slice exception_type,
                           struct fh_slice payload);

/* fh_es_write_error appends an error that it does not know. A long `message` is cut. */
void fh_es_write_error(struct fh_buf *out, struct fh_slice code, struct fh_slice message);
