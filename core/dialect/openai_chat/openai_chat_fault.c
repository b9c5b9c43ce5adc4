/* openai_chat_fault.c: errors, both ways. Which kind an error is, its code says best, then its
 * type, then the status.
 * SPDX-License-Identifier: Apache-2.0 */
#include "openai_chat.h"

#include "wire/frames.h"

enum { WHERE_MAX = 1024 };

/* Words in `code` or `type` that say more than a status does. */
static const struct {
    struct fh_slice word;
    enum fh_refusal kind;
} words[] = {
    {FH_LIT_INIT("insufficient_quota"), FH_REFUSE_OVER_BUDGET},
    {FH_LIT_INIT("billing_hard_limit_reached"), FH_REFUSE_OVER_BUDGET},
    {FH_LIT_INIT("rate_limit_exceeded"), FH_REFUSE_RATE_LIMITED},
    {FH_LIT_INIT("model_not_found"), FH_REFUSE_NO_SUCH_MODEL},
    {FH_LIT_INIT("DeploymentNotFound"), FH_REFUSE_NO_SUCH_MODEL}, /* Azure */
    {FH_LIT_INIT("invalid_model"), FH_REFUSE_NO_SUCH_MODEL},      /* Mistral */
    {FH_LIT_INIT("invalid_api_key"), FH_REFUSE_UPSTREAM_DENIED},
    {FH_LIT_INIT("authentication_error"), FH_REFUSE_UPSTREAM_DENIED},
    {FH_LIT_INIT("permission_error"), FH_REFUSE_UPSTREAM_DENIED},
    {FH_LIT_INIT("context_length_exceeded"), FH_REFUSE_BAD_REQUEST},
    {FH_LIT_INIT("exceed_context_size_error"), FH_REFUSE_BAD_REQUEST}, /* llama-server */
    {FH_LIT_INIT("not_supported_error"), FH_REFUSE_UNSUPPORTED},       /* llama-server */
    {FH_LIT_INIT("unavailable_error"), FH_REFUSE_STARTING}, /* llama-server: it still loads */
    {FH_LIT_INIT("overloaded_error"), FH_REFUSE_OVERLOADED},
    {FH_LIT_INIT("unsupported_value"), FH_REFUSE_UNSUPPORTED},
    {FH_LIT_INIT("unsupported_parameter"), FH_REFUSE_UNSUPPORTED},
    {FH_LIT_INIT("invalid_request_error"), FH_REFUSE_BAD_REQUEST},
    {FH_LIT_INIT("server_error"), FH_REFUSE_UPSTREAM_FAILED},
    {FH_LIT_INIT("rate_limit_error"), FH_REFUSE_RATE_LIMITED},
};

static bool kind_of_word(struct fh_slice word, enum fh_refusal *kind)
{
    for (size_t i = 0; i < FH_LEN(words) && word.len > 0; i++) {
        if (fh_eq(words[i].word, word)) {
            *kind = words[i].kind;
            return true;
        }
    }
    for (enum fh_refusal row = 0; row < FH_REFUSAL_COUNT && word.len > 0; row++) {
        if (fh_eq(fh_refusal_row(row)->openai.code, word)) { /* a Freehold behind this one */
            *kind = row;
            return true;
        }
    }
    return false;
}

/* judge finds the kind. A status of its own beats the general words "invalid_request_error" and
 * "server_error", which come with any. */
static enum fh_refusal judge(uint16_t status, struct fh_slice code, struct fh_slice type)
{
    enum fh_refusal kind = FH_REFUSE_UPSTREAM_FAILED;
    bool general =
        fh_eq(type, FH_LIT("invalid_request_error")) || fh_eq(type, FH_LIT("server_error"));

    if (kind_of_word(code, &kind) || (!(general && status > 0) && kind_of_word(type, &kind))) {
        return kind;
    }
    return status > 0 ? fh_refusal_of_status(status) : FH_REFUSE_UPSTREAM_FAILED;
}

void fh_openai_chat_read_fault(struct fh_fault *fault, uint16_t status, yyjson_val *error)
{
    yyjson_val *code = fh_json_get(error, FH_LIT("code"));
    struct fh_slice type = fh_json_text(fh_json_get(error, FH_LIT("type")));
    struct fh_slice message = fh_json_text(fh_json_get(error, FH_LIT("message")));
    uint64_t number = 0;

    /* llama-server and vLLM put the status into `code`, which counts where there is no other */
    if (status == 0 && fh_json_u64(code, &number) && number >= 400 && number < 600) {
        status = (uint16_t)number;
    }
    *fault = (struct fh_fault){
        .kind = judge(status, fh_json_text(code), type),
        .message = yyjson_is_str(error) ? fh_json_text(error) : message,
        .param = fh_json_text(fh_json_get(error, FH_LIT("param"))),
        .type = fh_json_text(code).len > 0 ? fh_json_text(code) : type,
        .status = status,
    };
    if (fault->message.len == 0) {
        fault->message = FH_LIT("the provider reported an error and did not say which");
    }
}

yyjson_val *fh_openai_chat_error_in(yyjson_val *obj)
{
    yyjson_val *error = fh_json_get(obj, FH_LIT("error"));

    if (yyjson_is_obj(error) || yyjson_get_len(error) > 0) {
        return error;
    }
    return fh_eq(fh_json_text(fh_json_get(obj, FH_LIT("object"))), FH_LIT("error")) ? obj
                                                                                    : NULL;
}

/* read_detail: what FastAPI says, and Mistral and vLLM with it: a sentence, or the first thing that
 * was wrong and where, [{"loc": ["body", "messages"], "msg": …}]. */
static void read_detail(struct fh_fault *fault, struct fh_arena *arena, yyjson_val *detail)
{
    yyjson_val *first = yyjson_arr_get_first(detail);
    struct fh_slice message = fh_json_text(fh_json_get(first, FH_LIT("msg")));
    yyjson_arr_iter iter = yyjson_arr_iter_with(fh_json_get(first, FH_LIT("loc")));
    struct fh_buf where = fh_buf_in_arena(arena, WHERE_MAX);

    if (yyjson_is_str(detail)) {
        fault->message = fh_json_text(detail);
        return;
    }
    for (yyjson_val *v = NULL; (v = yyjson_arr_iter_next(&iter)) != NULL;) {
        fh_buf_append(&where, where.len > 0 ? FH_LIT("/") : FH_NONE);
        fh_buf_append(&where, yyjson_is_str(v) ? fh_json_text(v) : fh_json_number(v));
    }
    if (message.len > 0) {
        fault->message = message;
        fault->param = where.failed ? FH_NONE : fh_buf_slice(&where);
    }
}

void fh_openai_chat_decode_fault(struct fh_fault *fault, struct fh_arena *arena,
                                 uint16_t status, struct fh_slice body)
{
    yyjson_val *root = NULL;
    struct fh_error why;

    if (fh_json_parse(arena, body, &root, &why) != FH_OK) {
        *fault = (struct fh_fault){.kind = judge(status, FH_NONE, FH_NONE),
                                   .message = fh_fault_line(arena, body),
                                   .status = status};
        return;
    }
    yyjson_val *error = fh_openai_chat_error_in(root);

    fh_openai_chat_read_fault(fault, status, error == NULL ? root : error);
    if (error == NULL) {
        read_detail(fault, arena, fh_json_get(root, FH_LIT("detail")));
    }
}

uint16_t fh_openai_chat_fault_status(const struct fh_fault *fault)
{
    return fh_refusal_row(fault->kind)->openai.status;
}

void fh_openai_chat_encode_fault(struct fh_buf *out, struct fh_arena *scratch,
                                 struct fh_slice request_id, const struct fh_fault *fault,
                                 enum fh_framing framing)
{
    const struct fh_refusal_shape *shape = &fh_refusal_row(fault->kind)->openai;
    yyjson_mut_doc *doc = fh_json_new(scratch);
    yyjson_mut_val *root = yyjson_mut_obj(doc);
    yyjson_mut_val *error = yyjson_mut_obj_add_obj(doc, root, "error");
    struct fh_slice code = shape->code;

    FH_UNUSED(request_id); /* this dialect has it in a header alone */
    if (code.len == 0 && !fh_eq(fault->type, shape->type)) {
        code = fault->type; /* such as context_length_exceeded: clients look for it */
    }
    fh_json_add_text(doc, error, "message", fault->message);
    fh_json_add_text(doc, error, "type", shape->type);
    if (fault->param.len > 0) {
        fh_json_add_text(doc, error, "param", fault->param);
    } else {
        (void)yyjson_mut_obj_add_null(doc, error, "param");
    }
    if (code.len > 0) {
        fh_json_add_text(doc, error, "code", code);
    } else {
        (void)yyjson_mut_obj_add_null(doc, error, "code");
    }
    if (framing == FH_FRAMING_NONE) {
        fh_json_append(out, scratch, root);
        return;
    }
    struct fh_buf line = fh_buf_in_arena(scratch, SIZE_MAX / 4);

    fh_json_append(&line, scratch, root);
    fh_frame_write(out, framing, FH_NONE, fh_buf_slice(&line));
}
