/* anthropic_fault.c: errors, both ways.
 * SPDX-License-Identifier: Apache-2.0 */
#include "dialect/anthropic/anthropic.h"
#include "dialect/anthropic/anthropic_names.def"
#include "wire/eventstream.h"
#include "wire/frames.h"

enum { QUOTE_MAX = 300 }; /* bytes of a body that we cannot read and quote */

static const struct {
    struct fh_slice type;
    enum fh_refusal kind;
} errors[] = {
#define X(text, what) {FH_LIT_INIT(text), FH_REFUSE_##what},
    FH_ANTHROPIC_ERRORS(X)
#undef X
};

static const struct {
    struct fh_slice name;
    enum fh_refusal kind;
} exceptions[] = {
#define X(text, what) {FH_LIT_INIT(text), FH_REFUSE_##what},
    FH_ANTHROPIC_EXCEPTIONS(X)
#undef X
};

bool fh_anthropic_error_kind(struct fh_slice type, enum fh_refusal *kind)
{
    for (size_t i = 0; i < FH_LEN(errors); i++) {
        if (fh_eq(errors[i].type, type)) {
            *kind = errors[i].kind;
            return true;
        }
    }
    return false;
}

bool fh_anthropic_read_fault(struct fh_fault *fault, yyjson_val *root)
{
    yyjson_val *error = fh_json_get(root, FH_LIT("error"));
    struct fh_slice message = fh_json_text(fh_json_get(error, FH_LIT("message")));

    if (!yyjson_is_obj(error)) {
        return false;
    }
    fault->kind = FH_REFUSE_UPSTREAM_FAILED;
    fault->type = fh_json_text(fh_json_get(error, FH_LIT("type")));
    (void)!fh_anthropic_error_kind(fault->type, &fault->kind);
    fault->message = message.len > 0 ? message : FH_LIT("the provider gave no reason");
    return true;
}

/* first_line keeps what can be shown of a body that is no JSON. Bytes that are no ASCII text
 * become question marks: the body may be anything. */
static struct fh_slice first_line(struct fh_arena *arena, struct fh_slice body)
{
    struct fh_buf line = fh_buf_in_arena(arena, QUOTE_MAX);

    while (body.len > 0 && (body.ptr[0] == '\n' || body.ptr[0] == '\r')) {
        body = fh_tail(body, 1);
    }
    body = fh_head(body, fh_min(fh_find(body, '\n'), QUOTE_MAX));
    for (size_t i = 0; i < body.len; i++) {
        bool plain = body.ptr[i] >= ' ' && body.ptr[i] < 0x7f;

        fh_buf_byte(&line, plain ? body.ptr[i] : body.ptr[i] == '\r' ? ' ' : '?');
    }
    return fh_trim(fh_buf_slice(&line));
}

/* find_message looks where other senders of JSON put theirs: AWS, Google, web frameworks. */
static struct fh_slice find_message(yyjson_val *root)
{
    static const struct fh_slice names[] = {FH_LIT_INIT("message"), FH_LIT_INIT("Message"),
                                            FH_LIT_INIT("error"), FH_LIT_INIT("detail")};
    struct fh_slice found = FH_NONE;

    for (size_t i = 0; i < FH_LEN(names) && found.len == 0; i++) {
        found = fh_json_text(fh_json_get(root, names[i]));
    }
    return found;
}

void fh_anthropic_read_exception(struct fh_fault *fault, struct fh_arena *arena,
                                 const struct fh_frame *wire)
{
    fh_anthropic_decode_fault(fault, arena, 0, wire->data);
    fault->kind = FH_REFUSE_UPSTREAM_FAILED;
    fault->type = wire->name;
    for (size_t i = 0; i < FH_LEN(exceptions); i++) {
        if (fh_eq(exceptions[i].name, wire->name)) {
            fault->kind = exceptions[i].kind;
            return;
        }
    }
}

void fh_anthropic_decode_fault(struct fh_fault *fault, struct fh_arena *arena, uint16_t status,
                               struct fh_slice body)
{
    yyjson_val *root = NULL;
    struct fh_error error;
    enum fh_refusal kind = fh_refusal_of_status(status);

    *fault = (struct fh_fault){.kind = kind, .status = status};
    if (fh_json_parse(arena, body, &root, &error) == FH_OK) {
        if (fh_anthropic_read_fault(fault, root) &&
            !fh_anthropic_error_kind(fault->type, &fault->kind)) {
            fault->kind = kind;
        }
        fault->message = fault->message.len > 0 ? fault->message : find_message(root);
    }
    if (fault->message.len == 0) {
        fault->message = first_line(arena, body);
    }
    if (fault->message.len == 0) {
        struct fh_buf sentence = fh_buf_in_arena(arena, QUOTE_MAX);

        fh_buf_printf(&sentence, "the provider answered with status %u and no body", status);
        fault->message = fh_buf_slice(&sentence);
    }
}

uint16_t fh_anthropic_fault_status(const struct fh_fault *fault)
{
    return fh_refusal_row(fault->kind)->anthropic.status;
}

static struct fh_slice exception_for(enum fh_refusal kind)
{
    for (size_t i = 0; i < FH_LEN(exceptions); i++) {
        if (exceptions[i].kind == kind) {
            return exceptions[i].name;
        }
    }
    return fh_refusal_row(kind)->retry ? FH_LIT("internalServerException")
                                       : FH_LIT("validationException");
}

/* An error among chunks is what Bedrock makes of it: its clients raise an exception of that name,
 * and would hand out a chunk like any other. */
static void write_exception(struct fh_buf *out, const struct fh_buf *message,
                            enum fh_refusal kind)
{
    FH_AUTO(fh_buf_fini) struct fh_buf body = fh_buf_on_heap(SIZE_MAX / 4);

    fh_buf_append(&body, FH_LIT("{\"message\":"));
    fh_buf_append(&body, fh_buf_slice(message));
    fh_buf_append(&body, FH_LIT("}"));
    fh_es_write_exception(out, exception_for(kind), fh_buf_slice(&body));
}

static void write_error(struct fh_buf *out, const struct fh_buf *message,
                        struct fh_slice request_id, enum fh_refusal kind)
{
    fh_buf_append(out, FH_LIT("{\"type\":\"error\",\"error\":{\"type\":"));
    fh_json_quote(out, fh_refusal_row(kind)->anthropic.type);
    fh_buf_append(out, FH_LIT(",\"message\":"));
    fh_buf_append(out, fh_buf_slice(message));
    fh_buf_append(out, FH_LIT("},\"request_id\":"));
    fh_json_quote(out, request_id);
    fh_buf_append(out, FH_LIT("}"));
}

void fh_anthropic_encode_fault(struct fh_buf *out, struct fh_arena *scratch,
                               struct fh_slice request_id, const struct fh_fault *fault,
                               enum fh_framing framing)
{
    struct fh_buf message = fh_buf_in_arena(scratch, SIZE_MAX / 4);
    struct fh_buf body = fh_buf_in_arena(scratch, SIZE_MAX / 4);

    fh_json_quote(&message, fault->message);
    if (framing == FH_FRAMING_CHUNKS) {
        write_exception(out, &message, fault->kind);
    } else if (framing == FH_FRAMING_NONE) {
        write_error(out, &message, request_id, fault->kind);
    } else {
        write_error(&body, &message, request_id, fault->kind);
        fh_frame_write(out, framing, FH_LIT("error"), fh_buf_slice(&body));
    }
}
