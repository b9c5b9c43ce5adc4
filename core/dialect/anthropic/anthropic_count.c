/* anthropic_count.c: questions for how many tokens a request would be. A client's is the request
 * itself; a provider refuses those members of it that do not make it longer.
 * SPDX-License-Identifier: Apache-2.0 */
#include "dialect/anthropic/anthropic.h"

void fh_anthropic_wrap_count(struct fh_buf *out, struct fh_arena *scratch, struct fh_slice chat)
{
    static const struct fh_slice refused[] = {
        FH_LIT_INIT("max_tokens"), FH_LIT_INIT("stream"),         FH_LIT_INIT("temperature"),
        FH_LIT_INIT("top_p"),      FH_LIT_INIT("top_k"),          FH_LIT_INIT("metadata"),
        FH_LIT_INIT("container"),  FH_LIT_INIT("stop_sequences"), FH_LIT_INIT("service_tier"),
    };
    yyjson_mut_doc *doc = fh_json_new(scratch);
    yyjson_mut_val *root = yyjson_mut_obj(doc);
    struct fh_extras rest = {0};
    yyjson_val *whole = NULL;
    struct fh_error error;

    if (fh_json_parse(scratch, chat, &whole, &error) != FH_OK) {
        out->failed = true; /* what our own encoder wrote: only a bound can be in the way */
        return;
    }
    fh_extras_keep(&rest, scratch, NULL, whole, refused, FH_LEN(refused));
    fh_extras_write(&rest, doc, root);
    fh_json_append(out, scratch, root);
}

bool fh_anthropic_decode_count(struct fh_slice body, struct fh_arena *scratch, uint64_t *tokens)
{
    yyjson_val *root = NULL;
    struct fh_error error;

    return fh_json_parse(scratch, body, &root, &error) == FH_OK &&
           fh_json_u64(fh_json_get(root, FH_LIT("input_tokens")), tokens);
}

void fh_anthropic_encode_count(struct fh_buf *out, uint64_t tokens)
{
    fh_buf_append(out, FH_LIT("{\"input_tokens\":"));
    fh_buf_u64(out, tokens);
    fh_buf_append(out, FH_LIT("}"));
}
