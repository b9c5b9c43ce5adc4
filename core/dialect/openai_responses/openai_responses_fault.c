/* openai_responses_fault.c: errors, both ways. Their shape and their words are those of all of
 * OpenAI's APIs; what is this one's own is an error in the middle of a stream.
 *
 * A stream's error event is documented as {"type":"error","code","message","param"}, which the
 * official SDK hands to its caller like any other event: a program that looks at the text alone
 * takes what it got for the whole. Only data with a member "error" makes it throw. So ours has
 * both.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "dialect/openai_responses/openai_responses.h"
#include "wire/frames.h"

#define SHARED fh_dialect_openai_chat /* the dialect whose errors these are, too */

void fh_responses_read_fault(struct fh_fault *fault, struct fh_arena *arena, yyjson_val *error)
{
    static const struct {
        struct fh_slice code;
        enum fh_refusal kind;
    } known[] = {
#define X(word, what) {FH_LIT_INIT(word), FH_REFUSE_##what},
        FH_RESPONSES_ERRORS(X)
#undef X
    };
    struct fh_buf body = fh_buf_in_arena(arena, SIZE_MAX / 4);

    if (error != NULL) {
        fh_json_append_val(&body, arena, error);
    }
    SHARED.decode_fault(fault, arena, 0, fh_buf_slice(&body));
    for (size_t i = 0; i < FH_LEN(known); i++) {
        if (fh_eq(known[i].code, fault->type)) {
            fault->kind = known[i].kind;
        }
    }
}

void fh_responses_print_error(struct fh_buf *out, struct fh_arena *scratch, uint64_t number,
                              const struct fh_fault *fault)
{
    struct fh_buf body = fh_buf_in_arena(scratch, SIZE_MAX / 4);
    struct fh_buf data = fh_buf_in_arena(scratch, SIZE_MAX / 4);
    yyjson_val *root = NULL;
    struct fh_error never;

    SHARED.encode_fault(&body, scratch, FH_NONE, fault, FH_FRAMING_NONE);
    FH_ASSERT(fh_json_parse(scratch, fh_buf_slice(&body), &root, &never) == FH_OK);
    yyjson_val *error = fh_json_get(root, FH_LIT("error"));

    fh_buf_append(&data, FH_LIT("{\"type\":\"error\",\"sequence_number\":"));
    fh_buf_u64(&data, number);
    fh_buf_append(&data, FH_LIT(",\"code\":"));
    fh_json_append_val(&data, scratch, fh_json_get(error, FH_LIT("code")));
    fh_buf_append(&data, FH_LIT(",\"message\":"));
    fh_json_append_val(&data, scratch, fh_json_get(error, FH_LIT("message")));
    fh_buf_append(&data, FH_LIT(",\"param\":"));
    fh_json_append_val(&data, scratch, fh_json_get(error, FH_LIT("param")));
    fh_buf_append(&data, FH_LIT(",\"error\":"));
    fh_json_append_val(&data, scratch, error);
    fh_buf_byte(&data, '}');
    fh_frame_write(out, FH_FRAMING_SSE, FH_LIT("error"), fh_buf_slice(&data));
}

void fh_responses_encode_fault(struct fh_buf *out, struct fh_arena *scratch,
                               struct fh_slice request_id, const struct fh_fault *fault,
                               enum fh_framing framing)
{
    if (framing == FH_FRAMING_NONE) {
        SHARED.encode_fault(out, scratch, request_id, fault, framing);
    } else { /* the number is not known here; clients want one, and do not look at it */
        fh_responses_print_error(out, scratch, 0, fault);
    }
}

uint16_t fh_responses_fault_status(const struct fh_fault *fault)
{
    return SHARED.fault_status(fault);
}

void fh_responses_decode_fault(struct fh_fault *fault, struct fh_arena *arena, uint16_t status,
                               struct fh_slice body)
{
    SHARED.decode_fault(fault, arena, status, body);
}

void fh_responses_encode_models(struct fh_buf *out, struct fh_arena *scratch,
                                const struct fh_listing *list)
{
    SHARED.encode_models(out, scratch, list);
}
