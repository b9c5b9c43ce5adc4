/* bedrock_count.c: counting tokens: {"input": {"converse": {…}}} and {"inputTokens": n}.
 *
 * A count is asked of a whole Converse request or of a model's native body. The second is no
 * request of this dialect, and is refused with a sentence that says what would be right.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "dialect/bedrock/bedrock.h"
#include "wire/json_scan.h"

enum { DEPTH_MAX = 256 };

static enum fh_rc refuse(struct fh_complaint *why, const char *pointer, const char *sentence)
{
    *why = (struct fh_complaint){.kind = FH_REFUSE_BAD_REQUEST,
                                 .message = fh_cstr(sentence),
                                 .pointer = fh_cstr(pointer)};
    return FH_E_MISSING;
}

enum fh_rc fh_bedrock_unwrap_count(struct fh_slice *chat, struct fh_arena *arena,
                                   struct fh_slice body, struct fh_complaint *why)
{
    static const struct fh_slice outer[] = {FH_LIT_INIT("input")};
    static const struct fh_slice inner[] = {FH_LIT_INIT("converse"),
                                            FH_LIT_INIT("invokeModel")};
    struct fh_json_member input = {0};
    struct fh_json_member of[FH_LEN(inner)] = {0};
    struct fh_error ignored;

    FH_UNUSED(arena);
    if (fh_json_scan(body, outer, &input, 1, DEPTH_MAX, &ignored) != FH_OK ||
        fh_json_scan(input.value, inner, of, FH_LEN(inner), DEPTH_MAX, &ignored) != FH_OK) {
        return refuse(why, "/input", "/input must be an object that says what to count");
    }
    if (of[0].value.ptr == NULL && of[1].value.ptr != NULL) {
        return refuse(why, "/input/invokeModel",
                      "/input/invokeModel: tokens of a native body are not counted here; "
                      "ask with /input/converse");
    }
    if (of[0].value.ptr == NULL || !fh_starts(of[0].value, FH_LIT("{"))) {
        return refuse(why, "/input/converse", "/input/converse must be an object");
    }
    *chat = of[0].value;
    return FH_OK;
}

/* What of a request counts; the API refuses anything else. */
static const struct fh_slice counted[] = {FH_LIT_INIT("messages"), FH_LIT_INIT("system"),
                                          FH_LIT_INIT("toolConfig"),
                                          FH_LIT_INIT("additionalModelRequestFields")};

void fh_bedrock_wrap_count(struct fh_buf *out, struct fh_arena *scratch, struct fh_slice chat)
{
    struct fh_json_member of[FH_LEN(counted)] = {0};
    struct fh_error ignored;
    bool any = false;

    FH_UNUSED(scratch);
    fh_buf_append(out, FH_LIT("{\"input\":{\"converse\":"));
    /* arguments of a call may be nested deeper than is scanned: then the API has to judge */
    if (fh_json_scan(chat, counted, of, FH_LEN(counted), FH_JSON_DEPTH_MAX, &ignored) !=
        FH_OK) {
        fh_buf_append(out, chat);
        fh_buf_append(out, FH_LIT("}}"));
        return;
    }
    fh_buf_byte(out, '{');
    for (size_t i = 0; i < FH_LEN(counted); i++) {
        if (of[i].value.ptr != NULL) {
            fh_buf_append(out, any ? FH_LIT(",") : FH_NONE);
            fh_json_quote(out, counted[i]);
            fh_buf_byte(out, ':');
            fh_buf_append(out, of[i].value);
            any = true;
        }
    }
    fh_buf_append(out, FH_LIT("}}}"));
}

bool fh_bedrock_decode_count(struct fh_slice body, struct fh_arena *scratch, uint64_t *tokens)
{
    yyjson_val *root = NULL;
    struct fh_error error;

    return fh_json_parse(scratch, body, &root, &error) == FH_OK &&
           fh_json_u64(fh_json_get(root, FH_LIT("inputTokens")), tokens);
}

void fh_bedrock_encode_count(struct fh_buf *out, uint64_t tokens)
{
    fh_buf_append(out, FH_LIT("{\"inputTokens\":"));
    fh_buf_u64(out, tokens);
    fh_buf_byte(out, '}');
}
