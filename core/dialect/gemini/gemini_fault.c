/* gemini_fault.c: errors, both ways.
 *
 *     {"error":{"code":429,"message":"…","status":"RESOURCE_EXHAUSTED",
 *               "details":[{"@type":"…RetryInfo","retryDelay":"34.4s"}]}}
 *
 * A stream without alt=sse, and some faults of Google's front ends, have it in a list.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"
#include "dialect/gemini/gemini.h"
#include "dialect/gemini/gemini_names.def"

#define TYPE_URL "type.googleapis.com/google.rpc."

static const struct {
    struct fh_slice word;
    enum fh_refusal kind;
} errors[] = {
#define X(text, what) {FH_LIT_INIT(text), FH_REFUSE_##what},
    FH_GEMINI_ERRORS(X)
#undef X
};

static bool kind_of(struct fh_slice word, enum fh_refusal *kind)
{
    for (size_t i = 0; i < FH_LEN(errors); i++) {
        if (fh_eq(errors[i].word, word)) {
            *kind = errors[i].kind;
            return true;
        }
    }
    return false;
}

yyjson_val *fh_gemini_error_in(yyjson_val *root)
{
    yyjson_val *one = yyjson_is_arr(root) ? yyjson_arr_get_first(root) : root;
    yyjson_val *error = fh_json_get(one, FH_LIT("error"));

    return yyjson_is_obj(error) ? error : NULL;
}

/* read_delay reads a protobuf Duration, such as "34.4s", in whole seconds, up. */
static uint32_t read_delay(struct fh_slice text)
{
    struct fh_slice whole = fh_head(text, fh_min(fh_find(text, '.'), fh_find(text, 's')));
    uint64_t seconds = 0;

    if (!fh_ends(text, FH_LIT("s")) || !fh_parse_u64(whole, &seconds) ||
        seconds >= UINT32_MAX) {
        return 0;
    }
    return (uint32_t)(seconds + (fh_find(text, '.') < text.len ? 1 : 0));
}

static void read_details(struct fh_fault *fault, yyjson_val *details)
{
    yyjson_arr_iter iter = yyjson_arr_iter_with(details);

    for (yyjson_val *one = NULL; (one = yyjson_arr_iter_next(&iter)) != NULL;) {
        struct fh_slice delay = fh_json_text(fh_json_get(one, FH_LIT("retryDelay")));
        struct fh_slice reason = fh_json_text(fh_json_get(one, FH_LIT("reason")));

        (void)!kind_of(reason, &fault->kind);
        if (delay.len > 0) {
            fault->retry_after_s = read_delay(delay);
        }
    }
}

void fh_gemini_read_fault(struct fh_fault *fault, yyjson_val *error)
{
    struct fh_slice status = fh_json_text(fh_json_get(error, FH_LIT("status")));
    struct fh_slice message = fh_json_text(fh_json_get(error, FH_LIT("message")));
    uint64_t code = 0;

    if (fh_json_u64(fh_json_get(error, FH_LIT("code")), &code) && code >= 400 && code < 600 &&
        fault->status == 0) {
        fault->status = (uint16_t)code;
    }
    fault->kind =
        fault->status == 0 ? FH_REFUSE_UPSTREAM_FAILED : fh_refusal_of_status(fault->status);
    (void)!kind_of(status, &fault->kind);
    fault->type = status;
    fault->message = message.len > 0 ? message : FH_LIT("the provider gave no reason");
    read_details(fault, fh_json_get(error, FH_LIT("details")));
}

void fh_gemini_decode_fault(struct fh_fault *fault, struct fh_arena *arena, uint16_t status,
                            struct fh_slice body)
{
    yyjson_val *root = NULL;
    struct fh_error error;

    *fault = (struct fh_fault){.kind = fh_refusal_of_status(status), .status = status};
    if (fh_json_parse(arena, body, &root, &error) == FH_OK &&
        fh_gemini_error_in(root) != NULL) {
        fh_gemini_read_fault(fault, fh_gemini_error_in(root));
        return;
    }
    fault->message = fh_json_text(fh_json_get(root, FH_LIT("message")));
    if (fault->message.len == 0) {
        fault->message = fh_fault_line(arena, body);
    }
}

uint16_t fh_gemini_fault_status(const struct fh_fault *fault)
{
    return fh_refusal_row(fault->kind)->gemini.status;
}

/* write_details: Google's clients read when to come back here, and not in a header. */
static void write_details(struct fh_writer *w, yyjson_mut_val *error,
                          struct fh_slice request_id, const struct fh_fault *fault)
{
    yyjson_mut_val *list = yyjson_mut_arr(w->doc);

    if (fault->retry_after_s > 0) {
        yyjson_mut_val *one = yyjson_mut_arr_add_obj(w->doc, list);
        struct fh_buf delay = fh_buf_in_arena(w->scratch, 16);

        fh_buf_printf(&delay, "%us", fault->retry_after_s);
        fh_write_word(w, one, "@type", TYPE_URL "RetryInfo");
        fh_write_text(w, one, "retryDelay", fh_buf_slice(&delay));
    }
    if (request_id.len > 0) {
        yyjson_mut_val *one = yyjson_mut_arr_add_obj(w->doc, list);

        fh_write_word(w, one, "@type", TYPE_URL "RequestInfo");
        fh_write_text(w, one, "requestId", request_id);
    }
    if (yyjson_mut_arr_size(list) > 0) {
        (void)yyjson_mut_obj_add_val(w->doc, error, "details", list);
    }
}

void fh_gemini_encode_fault(struct fh_buf *out, struct fh_arena *scratch,
                            struct fh_slice request_id, const struct fh_fault *fault,
                            enum fh_framing framing)
{
    struct fh_writer w = {.doc = fh_json_new(scratch), .scratch = scratch};
    yyjson_mut_val *root = yyjson_mut_obj(w.doc);
    yyjson_mut_val *error = yyjson_mut_obj_add_obj(w.doc, root, "error");

    (void)yyjson_mut_obj_add_uint(w.doc, error, "code", fh_gemini_fault_status(fault));
    fh_write_text(&w, error, "message", fault->message);
    fh_write_text(&w, error, "status", fh_refusal_row(fault->kind)->gemini.type);
    write_details(&w, error, request_id, fault);

    /* of a list, some elements are out already: what made none answers with a status */
    fh_buf_append(out, framing == FH_FRAMING_SSE    ? FH_LIT("data: ")
                       : framing == FH_FRAMING_LIST ? FH_LIT(",\r\n")
                                                    : FH_NONE);
    fh_json_append(out, scratch, root);
    fh_buf_append(out, framing == FH_FRAMING_SSE    ? FH_LIT("\n\n")
                       : framing == FH_FRAMING_LIST ? FH_LIT("]")
                                                    : FH_NONE);
}
