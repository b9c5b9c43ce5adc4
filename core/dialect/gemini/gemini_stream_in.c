/* gemini_stream_in.c: chunks of a stream, each an answer to go on with.
 * SPDX-License-Identifier: Apache-2.0 */
#include "dialect/gemini/gemini.h"

void *fh_gemini_stream_decoder_new(struct fh_arena *arena)
{
    struct fh_gemini_answer *a = fh_new(arena, struct fh_gemini_answer);

    a->arena = arena;
    return a;
}

enum fh_rc fh_gemini_decode_stream(void *decoder, struct fh_events *out,
                                   const struct fh_frame *wire, struct fh_complaint *why)
{
    struct fh_gemini_answer *a = decoder;
    yyjson_val *root = NULL;
    struct fh_error error;

    if (wire->data.len == 0) {
        if (fh_starts(wire->raw, FH_LIT(":"))) { /* a comment; empty lines say nothing */
            (void)fh_event_push(out, FH_EVENT_PING);
        }
        return FH_OK;
    }
    if (fh_json_parse(out->arena, wire->data, &root, &error) != FH_OK) {
        *why = (struct fh_complaint){.kind = FH_REFUSE_UPSTREAM_FAILED,
                                     .message = FH_LIT("a chunk of the stream is no JSON")};
        return FH_E_SYNTAX;
    }
    if (fh_gemini_error_in(root) != NULL) {
        fh_gemini_read_fault(&fh_event_push(out, FH_EVENT_ERROR)->fault,
                             fh_gemini_error_in(root));
        return FH_OK;
    }
    return fh_gemini_read_answer(a, out, root, why);
}
