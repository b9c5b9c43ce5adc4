/* openai_chat_chunk.c: one chunk of a stream, written. This is the hot path of translated streams:
 * what all chunks of an answer have in common is printed once, and no tree is built.
 * SPDX-License-Identifier: Apache-2.0 */
#include "openai_chat_chunk.h"

#include "wire/frames.h"

enum {
    CHUNK_MAX = 1 << 26, /* bytes of a chunk */
    USAGE_MAX = 1 << 14,
};

void *fh_openai_chat_encoder_new(const struct fh_openai_chat_flavour *flavour,
                                 struct fh_arena *arena, const struct fh_reply_frame *frame)
{
    struct fh_openai_chat_encoder *enc = fh_new(arena, struct fh_openai_chat_encoder);

    enc->flavour = flavour;
    enc->arena = arena;
    enc->frame = *frame;
    enc->prefix = fh_openai_chat_prefix_new(arena);
    enc->held = fh_openai_chat_held_new(arena);
    enc->calls = fh_openai_chat_calls_new(arena);
    enc->last = fh_buf_in_arena(arena, CHUNK_MAX);
    enc->line = fh_buf_in_arena(arena, CHUNK_MAX);
    enc->usage = fh_buf_in_arena(arena, USAGE_MAX);
    return enc;
}

void fh_openai_chat_add_extras(struct fh_openai_chat_telling *t, struct fh_slice object)
{
    const struct fh_extra *extra = t->ours ? t->event->extras.first : NULL;

    for (; extra != NULL; extra = extra->next) {
        if (fh_extra_stands_in(extra, object)) {
            fh_openai_chat_add_member(&t->enc->line, t->scratch, extra);
        }
    }
}

void fh_openai_chat_open_chunk(struct fh_openai_chat_telling *t)
{
    struct fh_openai_chat_encoder *enc = t->enc;
    uint32_t which = t->event->choice < FH_OPENAI_CHAT_CHOICES ? t->event->choice
                                                               : FH_OPENAI_CHAT_CHOICES - 1;
    uint64_t bit = (uint64_t)1 << which % 64;

    fh_buf_clear(&enc->line);
    fh_openai_chat_add_prefix(&enc->line, enc->prefix);
    fh_buf_append(&enc->line, FH_LIT("{\"index\":"));
    fh_buf_u64(&enc->line, t->event->choice);
    fh_buf_append(&enc->line, FH_LIT(",\"delta\":{"));
    if ((enc->greeted[which / 64] & bit) == 0) {
        /* openai "stream()": the first delta of a choice has its role */
        enc->greeted[which / 64] |= bit;
        fh_buf_append(&enc->line, FH_LIT("\"role\":\"assistant\""));
    }
}

void fh_openai_chat_add_key(struct fh_openai_chat_telling *t, struct fh_slice key)
{
    struct fh_buf *line = &t->enc->line;

    fh_buf_append(line,
                  line->len > 0 && line->ptr[line->len - 1] != '{' ? FH_LIT(",") : FH_NONE);
    fh_buf_append(line, key);
}

void fh_openai_chat_send(struct fh_openai_chat_encoder *enc, struct fh_buf *out,
                         const struct fh_buf *chunk)
{
    if (chunk->failed) {
        out->failed = true;
    } else {
        fh_frame_write(out, enc->frame.framing, FH_NONE, fh_buf_slice(chunk));
    }
}

void fh_openai_chat_send_last(struct fh_openai_chat_encoder *enc, struct fh_buf *out)
{
    if (enc->last.len > 0) {
        fh_buf_byte(&enc->last, '}');
        fh_openai_chat_send(enc, out, &enc->last);
        fh_buf_clear(&enc->last);
    }
}

void fh_openai_chat_close_chunk(struct fh_openai_chat_telling *t, struct fh_slice finish)
{
    struct fh_buf *line = &t->enc->line;
    bool more = t->event->extras.first != NULL && t->ours;

    if (more) {
        fh_openai_chat_add_extras(t, FH_LIT("/choices/#/delta"));
        fh_openai_chat_add_extras(t, FH_LIT("/choices/#/message"));
    }
    if (finish.len > 0) {
        fh_buf_append(line, FH_LIT("},\"finish_reason\":"));
        fh_json_quote(line, finish);
    } else {
        fh_buf_append(line, FH_LIT("},\"finish_reason\":null"));
    }
    if (more) {
        fh_openai_chat_add_extras(t, FH_LIT("/choices/#"));
    }
    fh_buf_append(line, FH_LIT("}]"));
    if (more && t->event->kind == FH_EVENT_START) {
        fh_openai_chat_add_start_extras(t->enc->prefix, line, t->scratch, t->event);
    } else if (more) {
        fh_openai_chat_add_top_extras(t->enc->prefix, line, t->scratch, t->event);
    }
    if (finish.len > 0 && t->enc->flavour->always_usage) {
        fh_openai_chat_send_last(t->enc, t->out);
        fh_buf_append(&t->enc->last, fh_buf_slice(line));
        return;
    }
    fh_buf_byte(line, '}');
    fh_openai_chat_send(t->enc, t->out, line);
}

void fh_openai_chat_tell(struct fh_openai_chat_telling *t, struct fh_slice key)
{
    fh_openai_chat_open_chunk(t);
    fh_openai_chat_add_key(t, key);
    fh_json_quote(&t->enc->line, t->event->text);
    fh_openai_chat_close_chunk(t, FH_NONE);
}
