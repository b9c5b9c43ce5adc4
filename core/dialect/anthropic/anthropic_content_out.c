/* anthropic_content_out.c: blocks of any dialect as ours. Of our own everything goes back where it
 * was; of another one the ledger has left what can be said here.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"
#include "chat/breakpoint.h"
#include "chat/media.h"
#include "dialect/anthropic/anthropic.h"

/* ---- media ---- */

/* What others call by another name, or know by its first bytes. */
static struct fh_slice named_type(const struct fh_block *block, struct fh_slice media_type,
                                  struct fh_slice data)
{
    if (fh_eq(media_type, FH_LIT("image/jpg"))) {
        return FH_LIT("image/jpeg");
    }
    if (media_type.len == 0 && block->kind == FH_BLOCK_DOCUMENT &&
        fh_starts(data, FH_LIT("JVBERi0"))) { /* %PDF- */
        return FH_LIT("application/pdf");
    }
    return media_type;
}

static void add_typed(struct fh_writer *w, yyjson_mut_val *source, const char *type,
                      struct fh_slice media_type, struct fh_slice data)
{
    fh_write_word(w, source, "type", type);
    fh_write_text(w, source, "media_type", media_type);
    fh_write_text(w, source, "data", data);
}

/* add_bytes: a document is a PDF or plain text here. Text in base64 becomes text again. */
static enum fh_rc add_bytes(struct fh_writer *w, yyjson_mut_val *source,
                            const struct fh_block *block, struct fh_slice media_type,
                            struct fh_slice data)
{
    struct fh_slice type = named_type(block, media_type, data);
    struct fh_buf text = fh_buf_in_arena(w->scratch, data.len);

    if (w->ours || block->kind == FH_BLOCK_IMAGE || fh_eq(type, FH_LIT("application/pdf"))) {
        add_typed(w, source, "base64", w->ours ? media_type : type, data);
        return FH_OK;
    }
    if (fh_starts(type, FH_LIT("text/")) && fh_base64_decode(&text, data) == FH_OK &&
        fh_utf8_ok(fh_buf_slice(&text))) {
        add_typed(w, source, "text", FH_LIT("text/plain"), fh_buf_slice(&text));
        return FH_OK;
    }
    return fh_write_refuse(w, block->pointer, "a document must be a PDF or text in UTF-8");
}

static enum fh_rc add_source(struct fh_writer *w, yyjson_mut_val *obj,
                             const struct fh_block *block)
{
    yyjson_mut_val *source = yyjson_mut_obj_add_obj(w->doc, obj, "source");
    struct fh_slice media_type = block->media_type;
    struct fh_slice data = block->data;
    enum fh_source kind = block->source;

    if (kind == FH_SOURCE_URL && !w->ours && fh_starts(data, FH_LIT("data:"))) {
        if (!fh_data_url_split(block->data, &media_type, &data)) {
            return fh_write_refuse(w, block->pointer,
                                   "a data: URL must be base64 and name its type");
        }
        kind = FH_SOURCE_BASE64;
    }
    switch (kind) {
    case FH_SOURCE_BASE64:
        return add_bytes(w, source, block, media_type, data);
    case FH_SOURCE_TEXT:
        add_typed(w, source, "text", w->ours ? media_type : FH_LIT("text/plain"), data);
        return FH_OK;
    case FH_SOURCE_URL:
        fh_write_word(w, source, "type", "url");
        fh_write_text(w, source, "url", data);
        return FH_OK;
    case FH_SOURCE_FILE:
        fh_write_word(w, source, "type", "file");
        fh_write_text(w, source, "file_id", data);
        return FH_OK;
    case FH_SOURCE_NONE:
        break;
    }
    return fh_write_refuse(w, block->pointer, "has no content");
}

/* ---- what all blocks have ---- */

static yyjson_mut_val *new_block(struct fh_writer *w, yyjson_mut_val *list, const char *type)
{
    yyjson_mut_val *obj = yyjson_mut_arr_add_obj(w->doc, list);

    fh_write_word(w, obj, "type", type);
    return obj;
}

/* end_block adds what may stand in any block. A breakpoint that our client did not put there is put
 * where it was, elsewhere. */
static void end_block(struct fh_writer *w, yyjson_mut_val *obj, const struct fh_block *block)
{
    if (!w->ours || block->cache_at.ptr == NULL) {
        fh_breakpoint_write(w, obj, "cache_control", block->cache);
    }
    if (w->ours) {
        fh_extras_write(&block->extras, w->doc, obj);
    }
}

/* is_foreign: the API does not take what another provider's model signed; the ledger has seen
 * to it, but for a conversation in our own dialect that was with such a model before. */
static bool is_foreign(struct fh_writer *w, const struct fh_block *block)
{
    bool foreign = (block->signature.len > 0 || block->kind == FH_BLOCK_REDACTED) &&
                   block->signer != FH_SIGNER_CLAUDE;

    if (foreign) {
        fh_loss_add(w->loss, block->pointer,
                    fh_anthropic_cells[FH_FIELD_SIGNATURE_FOREIGN].why);
    }
    return foreign;
}

/* sane_id makes an id of letters, digits, _ and -, as the API demands; a call and its result become
 * the same again. */
static struct fh_slice sane_id(struct fh_writer *w, struct fh_slice id)
{
    static const struct fh_slice plain =
        FH_LIT_INIT("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-");
    struct fh_buf out = fh_buf_in_arena(w->scratch, id.len);
    bool sane = true;

    for (size_t i = 0; i < id.len && !w->ours; i++) {
        bool fits = fh_find(plain, id.ptr[i]) < plain.len;

        sane = sane && fits;
        fh_buf_byte(&out, fits ? id.ptr[i] : '_');
    }
    return sane ? id : fh_buf_slice(&out);
}

/* ---- blocks ---- */

static void add_text(struct fh_writer *w, yyjson_mut_val *list, const struct fh_block *block)
{
    if (block->text.len == 0 && !w->ours) {
        return; /* the API refuses empty text, other dialects are full of it */
    }
    yyjson_mut_val *obj = new_block(w, list, "text");

    fh_write_text(w, obj, "text", block->text);
    fh_write_val(w, obj, "citations", block->citations);
    end_block(w, obj, block);
}

static enum fh_rc add_media(struct fh_writer *w, yyjson_mut_val *list,
                            const struct fh_block *block)
{
    yyjson_mut_val *obj =
        new_block(w, list, block->kind == FH_BLOCK_IMAGE ? "image" : "document");

    FH_TRY(add_source(w, obj, block));
    if (block->kind == FH_BLOCK_DOCUMENT) {
        fh_write_given(w, obj, "title", block->name);
    }
    if (block->cited) {
        fh_write_bool(w, fh_write_in(w, obj, "citations"), "enabled", true);
    }
    end_block(w, obj, block);
    return FH_OK;
}

static void add_thinking(struct fh_writer *w, yyjson_mut_val *list,
                         const struct fh_block *block)
{
    if (is_foreign(w, block)) {
        return;
    }
    bool redacted = block->kind == FH_BLOCK_REDACTED;
    yyjson_mut_val *obj = new_block(w, list, redacted ? "redacted_thinking" : "thinking");

    if (redacted) {
        fh_write_text(w, obj, "data", block->data);
    } else {
        fh_write_text(w, obj, "thinking", block->text);
        fh_write_given(w, obj, "signature", block->signature);
    }
    end_block(w, obj, block);
}

static enum fh_rc add_call(struct fh_writer *w, yyjson_mut_val *list,
                           const struct fh_block *block)
{
    yyjson_mut_val *obj = new_block(w, list, "tool_use");

    (void)is_foreign(w, block);
    fh_write_text(w, obj, "id", sane_id(w, block->id));
    fh_write_text(w, obj, "name", block->name);
    if (!fh_write_json(w, obj, "input", block->arguments)) {
        return fh_write_refuse(w, block->pointer, "arguments of a call must be a JSON object");
    }
    end_block(w, obj, block);
    return FH_OK;
}

static enum fh_rc add_simple(struct fh_writer *w, yyjson_mut_val *list,
                             const struct fh_block *block);

/* add_result: a string stays one, a list has no lists in it. */
static enum fh_rc add_result(struct fh_writer *w, yyjson_mut_val *list,
                             const struct fh_block *block)
{
    yyjson_mut_val *obj = new_block(w, list, "tool_result");
    const struct fh_block *part = block->content.first;

    fh_write_text(w, obj, "tool_use_id", sane_id(w, block->id));
    if (fh_anthropic_is_bare(w, &block->content)) {
        fh_write_text(w, obj, "content", part->text);
    } else if (part != NULL) {
        yyjson_mut_val *parts = yyjson_mut_obj_add_arr(w->doc, obj, "content");

        for (; part != NULL; part = part->next) {
            FH_TRY(add_simple(w, parts, part));
        }
    }
    fh_write_bool(w, obj, "is_error", block->is_error);
    end_block(w, obj, block);
    return FH_OK;
}

/* add_simple writes the blocks that may stand anywhere, tool results included. */
static enum fh_rc add_simple(struct fh_writer *w, yyjson_mut_val *list,
                             const struct fh_block *block)
{
    switch (block->kind) {
    case FH_BLOCK_TEXT:
    case FH_BLOCK_REFUSAL:
        add_text(w, list, block);
        return FH_OK;
    case FH_BLOCK_IMAGE:
    case FH_BLOCK_DOCUMENT:
        return add_media(w, list, block);
    case FH_BLOCK_OPAQUE:
        (void)yyjson_mut_arr_append(list, yyjson_val_mut_copy(w->doc, block->raw));
        return FH_OK;
    case FH_BLOCK_AUDIO:
    case FH_BLOCK_VIDEO:
    case FH_BLOCK_THINKING:
    case FH_BLOCK_REDACTED:
    case FH_BLOCK_TOOL_CALL:
    case FH_BLOCK_TOOL_RESULT:
    case FH_BLOCK_KINDS:
        break;
    }
    return fh_write_refuse(w, block->pointer, "cannot stand inside a tool result");
}

static enum fh_rc add_block(struct fh_writer *w, yyjson_mut_val *list,
                            const struct fh_block *block)
{
    switch ((int)block->kind) {
    case FH_BLOCK_THINKING:
    case FH_BLOCK_REDACTED:
        add_thinking(w, list, block);
        return FH_OK;
    case FH_BLOCK_TOOL_CALL:
        return add_call(w, list, block);
    case FH_BLOCK_TOOL_RESULT:
        return add_result(w, list, block);
    default:
        return add_simple(w, list, block);
    }
}

bool fh_anthropic_is_bare(const struct fh_writer *w, const struct fh_blocks *list)
{
    const struct fh_block *first = list->first;

    return first != NULL && first->next == NULL && first->from_string &&
           first->kind == FH_BLOCK_TEXT && first->extras.first == NULL &&
           (first->cache == FH_CACHE_NONE || (w->ours && first->cache_at.ptr != NULL));
}

enum fh_rc fh_anthropic_add_blocks(struct fh_writer *w, yyjson_mut_val *list,
                                   const struct fh_blocks *blocks)
{
    const struct fh_block *block = blocks->first;

    /* the API wants results before what the user says to them; others do not care */
    for (; block != NULL && !w->ours; block = block->next) {
        if (block->kind == FH_BLOCK_TOOL_RESULT) {
            FH_TRY(add_block(w, list, block));
        }
    }
    for (block = blocks->first; block != NULL; block = block->next) {
        if (block->kind != FH_BLOCK_TOOL_RESULT || w->ours) {
            FH_TRY(add_block(w, list, block));
        }
    }
    return FH_OK;
}
