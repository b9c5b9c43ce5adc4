/* anthropic.c: the dialect's table of functions, its words, and sentences about what is wrong.
 * SPDX-License-Identifier: Apache-2.0 */
#include "dialect/anthropic/anthropic.h"

#include "dialect/anthropic/anthropic_names.def"

enum { SHOWN_MAX = 48, SENTENCE_MAX = 2048 };

static const struct {
    enum fh_finish finish;
    struct fh_slice word;
} stops[] = {
#define X(what, text) {FH_FINISH_##what, FH_LIT_INIT(text)},
    FH_ANTHROPIC_STOPS(X)
#undef X
};
static_assert(FH_LEN(stops) == FH_FINISHES - 1, "every meaning but the unknown one has a word");

enum fh_finish fh_anthropic_finish(struct fh_slice word)
{
    for (size_t i = 0; i < FH_LEN(stops); i++) {
        if (fh_eq(stops[i].word, word)) {
            return stops[i].finish;
        }
    }
    return FH_FINISH_UNKNOWN;
}

struct fh_slice fh_anthropic_stop_reason(enum fh_finish finish, struct fh_slice own_word)
{
    for (size_t i = 0; i < FH_LEN(stops); i++) {
        if (stops[i].finish == finish) {
            return stops[i].word;
        }
    }
    return own_word.len > 0 ? own_word : stops[0].word;
}

struct fh_slice fh_anthropic_shown(struct fh_slice text)
{
    return fh_utf8_head(text, SHOWN_MAX);
}

const char *fh_anthropic_kind(yyjson_val *val)
{
    switch (yyjson_get_type(val)) {
    case YYJSON_TYPE_NULL:
        return "null";
    case YYJSON_TYPE_BOOL:
        return "a boolean";
    case YYJSON_TYPE_RAW:
    case YYJSON_TYPE_NUM:
        return "a number";
    case YYJSON_TYPE_STR:
        return "a string";
    case YYJSON_TYPE_ARR:
        return "a list";
    case YYJSON_TYPE_OBJ:
        return "an object";
    default:
        return "nothing";
    }
}

enum fh_rc fh_anthropic_complain(struct fh_complaint *why, struct fh_arena *arena,
                                 const struct fh_path *at, enum fh_refusal kind, enum fh_rc rc,
                                 const char *fmt, ...)
{
    struct fh_buf sentence = fh_buf_in_arena(arena, SENTENCE_MAX);
    va_list args;

    why->kind = kind;
    why->pointer = fh_path_print(at, FH_NONE, arena);
    if (why->pointer.len > 0) {
        fh_buf_printf(&sentence, "%.*s: ", FH_ARG(why->pointer));
    } else if (rc == FH_E_TYPE) {
        fh_buf_append(&sentence, FH_LIT("the body "));
    }
    va_start(args, fmt);
    fh_buf_vprintf(&sentence, fmt, args);
    va_end(args);
    why->message = fh_buf_slice(&sentence);
    return rc;
}

void fh_anthropic_extras_under(const struct fh_extras *extras, const char *parent,
                               yyjson_mut_doc *doc, yyjson_mut_val *obj)
{
    for (const struct fh_extra *e = extras->first; e != NULL; e = e->next) {
        struct fh_slice rest = e->pointer;

        /* a slash in a name is written ~1, so what follows the last one is the name */
        if (fh_take(&rest, fh_cstr(parent)) && fh_take(&rest, FH_LIT("/")) &&
            fh_find(rest, '/') == rest.len) {
            struct fh_extra alone = *e;
            struct fh_extras one = {&alone, &alone};

            alone.next = NULL;
            fh_extras_write(&one, doc, obj);
        }
    }
}

const struct fh_dialect fh_dialect_anthropic = {
    .id = FH_DIALECT_ANTHROPIC,
    .name = FH_LIT_INIT("anthropic"),
    .cells = fh_anthropic_cells,
    .home = FH_SIGNER_CLAUDE,
    .framing = FH_FRAMING_SSE,
    .decode_request = fh_anthropic_decode_request,
    .encode_request = fh_anthropic_encode_request,
    .decode_reply = fh_anthropic_decode_reply,
    .stream_decoder_new = fh_anthropic_stream_decoder_new,
    .decode_stream = fh_anthropic_decode_stream,
    .encode_reply = fh_anthropic_encode_reply,
    .stream_encoder_new = fh_anthropic_stream_encoder_new,
    .encode_stream = fh_anthropic_encode_stream,
    .encode_fault = fh_anthropic_encode_fault,
    .fault_status = fh_anthropic_fault_status,
    .decode_fault = fh_anthropic_decode_fault,
    .encode_models = fh_anthropic_encode_models,
    .scan_reply = fh_anthropic_scan_reply,
    .scan_stream = fh_anthropic_scan_stream,
};
