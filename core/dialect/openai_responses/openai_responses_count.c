/* openai_responses_count.c: counting tokens: POST …/responses/input_tokens.
 *
 * A client asks with a request of which it may leave out much; a provider takes the members that
 * bear on the input, and refuses all others.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "dialect/openai_responses/openai_responses.h"
#include "wire/json_scan.h"

static const struct fh_slice counted[] = {
#define X(name) FH_LIT_INIT(name),
    FH_RESPONSES_COUNTED(X)
#undef X
};

enum fh_rc fh_responses_unwrap_count(struct fh_slice *chat, struct fh_arena *arena,
                                     struct fh_slice body, struct fh_complaint *why)
{
    FH_UNUSED(arena);
    FH_UNUSED(why);
    *chat = body;
    return FH_OK;
}

void fh_responses_wrap_count(struct fh_buf *out, struct fh_arena *scratch, struct fh_slice chat)
{
    struct fh_json_member at[FH_LEN(counted)];
    struct fh_error ignored;
    bool first = true;

    FH_UNUSED(scratch);
    if (fh_json_scan(chat, counted, at, FH_LEN(counted), FH_JSON_DEPTH_MAX, &ignored) !=
        FH_OK) { /* a client said something twice: the provider shall say so */
        fh_buf_append(out, chat);
        return;
    }
    fh_buf_byte(out, '{');
    for (size_t i = 0; i < FH_LEN(counted); i++) {
        if (at[i].value.len > 0) {
            fh_buf_append(out, first ? FH_NONE : FH_LIT(","));
            fh_json_quote(out, counted[i]);
            fh_buf_byte(out, ':');
            fh_buf_append(out, at[i].value);
            first = false;
        }
    }
    fh_buf_byte(out, '}');
}

bool fh_responses_decode_count(struct fh_slice body, struct fh_arena *scratch, uint64_t *tokens)
{
    yyjson_val *root = NULL;
    struct fh_error ignored;

    return fh_json_parse(scratch, body, &root, &ignored) == FH_OK &&
           fh_json_u64(fh_json_get(root, FH_LIT("input_tokens")), tokens);
}

void fh_responses_encode_count(struct fh_buf *out, uint64_t tokens)
{
    fh_buf_append(out, FH_LIT("{\"object\":\"response.input_tokens\",\"input_tokens\":"));
    fh_buf_u64(out, tokens);
    fh_buf_byte(out, '}');
}
