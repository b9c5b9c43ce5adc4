/* gemini.c: the dialect's table of functions, and its words.
 * SPDX-License-Identifier: Apache-2.0 */
#include "dialect/gemini/gemini.h"

#include "dialect/gemini/gemini_names.def"

enum { ID_OWN_MAX = 80, ID_MAX = ID_OWN_MAX + 32 };

static struct fh_slice enum_said(yyjson_val *value, const struct fh_slice *words, size_t count)
{
    uint64_t number = 0;

    if (!fh_json_u64(value, &number)) {
        return fh_json_text(value);
    }
    return words[number < count ? number : 0];
}

/* Numbers are those of google.cloud.aiplatform.v1, Candidate.FinishReason and Modality. */
struct fh_slice fh_gemini_finish_said(yyjson_val *value)
{
    static const struct fh_slice words[] = {
        FH_LIT_INIT("FINISH_REASON_UNSPECIFIED"),
        FH_LIT_INIT("STOP"),
        FH_LIT_INIT("MAX_TOKENS"),
        FH_LIT_INIT("SAFETY"),
        FH_LIT_INIT("RECITATION"),
        FH_LIT_INIT("OTHER"),
        FH_LIT_INIT("BLOCKLIST"),
        FH_LIT_INIT("PROHIBITED_CONTENT"),
        FH_LIT_INIT("SPII"),
        FH_LIT_INIT("MALFORMED_FUNCTION_CALL"),
        FH_LIT_INIT("MODEL_ARMOR"),
    };

    return enum_said(value, words, FH_LEN(words));
}

struct fh_slice fh_gemini_modality_said(yyjson_val *value)
{
    static const struct fh_slice words[] = {
        FH_LIT_INIT("MODALITY_UNSPECIFIED"),
        FH_LIT_INIT("TEXT"),
        FH_LIT_INIT("IMAGE"),
        FH_LIT_INIT("VIDEO"),
        FH_LIT_INIT("AUDIO"),
        FH_LIT_INIT("DOCUMENT"),
    };

    return enum_said(value, words, FH_LEN(words));
}

enum fh_finish fh_gemini_finish(struct fh_slice word)
{
    static const struct {
        struct fh_slice word;
        enum fh_finish finish;
    } finishes[] = {
#define X(text, what) {FH_LIT_INIT(text), FH_FINISH_##what},
        FH_GEMINI_FINISHES(X)
#undef X
    };

    for (size_t i = 0; i < FH_LEN(finishes); i++) {
        if (fh_eq(finishes[i].word, word)) {
            return finishes[i].finish;
        }
    }
    return FH_FINISH_UNKNOWN;
}

struct fh_slice fh_gemini_finish_word(const struct fh_event *event)
{
    static const struct fh_slice words[FH_FINISHES] = {
#define X(what, text) [FH_FINISH_##what] = FH_LIT_INIT(text),
        FH_GEMINI_FINISH_WORDS(X)
#undef X
    };

    return event->dialect == FH_DIALECT_GEMINI ? event->finish_word : words[event->finish];
}

struct fh_slice fh_gemini_call_id(struct fh_arena *arena, struct fh_slice own, uint64_t number)
{
    struct fh_buf id = fh_buf_in_arena(arena, ID_MAX);

    fh_buf_append(&id, FH_LIT("call_"));
    own = fh_head(own, fh_min(own.len, ID_OWN_MAX));
    for (size_t i = 0; i < own.len;
         i++) { /* names may have dots and colons, ids elsewhere not */
        bool plain = (own.ptr[i] >= 'a' && own.ptr[i] <= 'z') ||
                     (own.ptr[i] >= 'A' && own.ptr[i] <= 'Z') ||
                     (own.ptr[i] >= '0' && own.ptr[i] <= '9') || own.ptr[i] == '-';

        fh_buf_byte(&id, plain ? own.ptr[i] : '_');
    }
    fh_buf_byte(&id, '_');
    fh_buf_u64(&id, number);
    return fh_buf_slice(&id);
}

/* Empty lines: Python's client takes a comment for JSON, and all skip events without data. Between
 * the elements of a list, blanks mean nothing. */
void fh_gemini_encode_ping(struct fh_buf *out, enum fh_framing framing)
{
    fh_buf_append(out, framing == FH_FRAMING_LIST ? FH_LIT("\r\n") : FH_LIT("\n\n"));
}

const struct fh_dialect fh_dialect_gemini = {
    .id = FH_DIALECT_GEMINI,
    .name = FH_LIT_INIT("gemini"),
    .cells = fh_gemini_cells,
    .home = FH_SIGNER_GEMINI,
    .framing = FH_FRAMING_SSE,
    .ends_with_bytes = true,
    .decode_request = fh_gemini_decode_request,
    .encode_request = fh_gemini_encode_request,
    .decode_reply = fh_gemini_decode_reply,
    .stream_decoder_new = fh_gemini_stream_decoder_new,
    .decode_stream = fh_gemini_decode_stream,
    .encode_reply = fh_gemini_encode_reply,
    .stream_encoder_new = fh_gemini_stream_encoder_new,
    .encode_stream = fh_gemini_encode_stream,
    .encode_fault = fh_gemini_encode_fault,
    .fault_status = fh_gemini_fault_status,
    .decode_fault = fh_gemini_decode_fault,
    .encode_models = fh_gemini_encode_models,
    .unwrap_count = fh_gemini_unwrap_count,
    .wrap_count = fh_gemini_wrap_count,
    .decode_count = fh_gemini_decode_count,
    .encode_count = fh_gemini_encode_count,
    .encode_ping = fh_gemini_encode_ping,
    .scan_reply = fh_gemini_scan_reply,
    .scan_stream = fh_gemini_scan_stream,
};
