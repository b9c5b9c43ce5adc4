/* bedrock_fault.c: errors, both ways, whole and in streams.
 * SPDX-License-Identifier: Apache-2.0 */
#include "dialect/bedrock/bedrock.h"
#include "dialect/bedrock/bedrock_names.def"
#include "wire/eventstream.h"

enum { DEPENDENCY_FAILED = 424 };

static bool kind_of(struct fh_slice name, enum fh_refusal *kind)
{
    static const struct {
        struct fh_slice name;
        enum fh_refusal kind;
    } errors[] = {
#define X(text, what) {FH_LIT_INIT(text), FH_REFUSE_##what},
        FH_BEDROCK_ERRORS(X)
#undef X
    };
    struct fh_slice bare = fh_head(name, fh_find(name, ':'));
    size_t space = fh_find(bare, '#');

    bare = space < bare.len ? fh_tail(bare, space + 1) : bare; /* com.amazon.coral#Name:http… */
    for (size_t i = 0; i < FH_LEN(errors); i++) {
        if (fh_eq_nocase(errors[i].name, bare)) {
            *kind = errors[i].kind;
            return true;
        }
    }
    return false;
}

/* find_message looks where Amazon's services and what stands before them put theirs. */
static struct fh_slice find_message(yyjson_val *root)
{
    static const struct fh_slice names[] = {FH_LIT_INIT("message"), FH_LIT_INIT("Message"),
                                            FH_LIT_INIT("errorMessage"),
                                            FH_LIT_INIT("originalMessage"),
                                            FH_LIT_INIT("detail")};
    struct fh_slice found =
        fh_json_text(fh_json_get(fh_json_get(root, FH_LIT("error")), FH_LIT("message")));

    for (size_t i = 0; i < FH_LEN(names) && found.len == 0; i++) {
        found = fh_json_text(fh_json_get(root, names[i]));
    }
    return found;
}

/* read_body fills in what JSON or a bare text says. */
static void read_body(struct fh_fault *fault, struct fh_arena *arena, struct fh_slice body)
{
    yyjson_val *root = NULL;
    struct fh_error error;
    bool empty = false;

    if (fh_json_parse(arena, body, &root, &error) == FH_OK) {
        struct fh_slice type = fh_json_text(fh_json_get(root, FH_LIT("__type")));

        fault->type = fault->type.len > 0 ? fault->type : type;
        fault->message = find_message(root);
        empty = yyjson_is_obj(root) && yyjson_obj_size(root) == 0;
    }
    if (fault->message.len == 0) {
        fault->message = fh_fault_line(arena, empty ? FH_NONE : body);
    }
}

void fh_bedrock_read_fault(struct fh_fault *fault, struct fh_arena *arena, struct fh_slice name,
                           struct fh_slice payload)
{
    *fault = (struct fh_fault){.kind = FH_REFUSE_UPSTREAM_FAILED, .type = name};
    read_body(fault, arena, payload);
    (void)!kind_of(fault->type, &fault->kind);
}

void fh_bedrock_decode_fault(struct fh_fault *fault, struct fh_arena *arena, uint16_t status,
                             struct fh_slice body)
{
    *fault =
        (struct fh_fault){.kind = status == DEPENDENCY_FAILED ? FH_REFUSE_UPSTREAM_FAILED
                                                              : fh_refusal_of_status(status),
                          .status = status};
    read_body(fault, arena, body);
    (void)!kind_of(fault->type, &fault->kind);
}

uint16_t fh_bedrock_fault_status(const struct fh_fault *fault)
{
    return fh_refusal_row(fault->kind)->bedrock.status;
}

struct fh_slice fh_bedrock_fault_name(const struct fh_fault *fault)
{
    return fh_refusal_row(fault->kind)->bedrock.type;
}

/* stream_name gives the exception that clients of a stream have a class for. */
static struct fh_slice stream_name(const struct fh_fault *fault)
{
    static const struct {
        struct fh_slice name, in_stream;
    } names[] = {
#define X(text, small) {FH_LIT_INIT(text), FH_LIT_INIT(small)},
        FH_BEDROCK_STREAM_ERRORS(X)
#undef X
    };
    struct fh_slice name = fh_bedrock_fault_name(fault);
    size_t i = 0;

    while (i + 1 < FH_LEN(names) && !fh_eq(names[i].name, name)) {
        i++;
    }
    return names[i].in_stream;
}

void fh_bedrock_encode_fault(struct fh_buf *out, struct fh_arena *scratch,
                             struct fh_slice request_id, const struct fh_fault *fault,
                             enum fh_framing framing)
{
    struct fh_buf body = fh_buf_in_arena(scratch, SIZE_MAX / 4);

    FH_UNUSED(request_id); /* a header has it */
    fh_buf_append(&body, FH_LIT("{\"message\":"));
    fh_json_quote(&body, fault->message);
    fh_buf_byte(&body, '}');
    if (framing == FH_FRAMING_NONE) {
        fh_buf_append(out, fh_buf_slice(&body));
    } else {
        fh_es_write_exception(out, stream_name(fault), fh_buf_slice(&body));
    }
}
