/* anthropic.c: the dialect's table of functions, its words, and sentences about what is wrong.
 * SPDX-License-Identifier: Apache-2.0 */
#include "dialect/anthropic/anthropic.h"

#include "dialect/anthropic/anthropic_names.def"
#include "wire/frames.h"

enum { SENTENCE_MAX = 2048 };

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

enum fh_rc fh_anthropic_complain(struct fh_complaint *why, struct fh_arena *arena,
                                 const struct fh_path *at, enum fh_rc rc, const char *fmt, ...)
{
    struct fh_buf sentence = fh_buf_in_arena(arena, SENTENCE_MAX);
    va_list args;

    why->kind = FH_REFUSE_UPSTREAM_FAILED;
    why->pointer = fh_path_print(at, FH_NONE, arena);
    if (why->pointer.len > 0) {
        fh_buf_printf(&sentence, "%.*s: ", FH_ARG(why->pointer));
    }
    va_start(args, fmt);
    fh_buf_vprintf(&sentence, fmt, args);
    va_end(args);
    why->message = fh_buf_slice(&sentence);
    return rc;
}

void fh_anthropic_encode_ping(struct fh_buf *out, enum fh_framing framing)
{
    fh_frame_write(out, framing, FH_LIT("ping"), FH_LIT("{\"type\":\"ping\"}"));
}

static struct fh_block *last_of(const struct fh_blocks *list)
{
    static const bool cacheable[FH_BLOCK_KINDS] = {
        [FH_BLOCK_TEXT] = true,      [FH_BLOCK_IMAGE] = true,       [FH_BLOCK_DOCUMENT] = true,
        [FH_BLOCK_TOOL_CALL] = true, [FH_BLOCK_TOOL_RESULT] = true,
    };
    struct fh_block *last = NULL;

    for (struct fh_block *block = list->first; block != NULL; block = block->next) {
        last = cacheable[block->kind] ? block : last;
    }
    return last;
}

struct fh_block *fh_anthropic_last_cacheable(const struct fh_chat_request *req)
{
    struct fh_block *last = last_of(&req->system);

    for (const struct fh_message *m = req->first_message; m != NULL; m = m->next) {
        struct fh_block *block = last_of(&m->content);

        last = block == NULL ? last : block;
    }
    return last;
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
    .wrap_count = fh_anthropic_wrap_count,
    .decode_count = fh_anthropic_decode_count,
    .encode_count = fh_anthropic_encode_count,
    .encode_ping = fh_anthropic_encode_ping,
    .scan_reply = fh_anthropic_scan_reply,
    .scan_stream = fh_anthropic_scan_stream,
};
