/* mistral_part.c: documents by URL, files by id, sound as a bare string, thinking as a part of the
 * content.
 * SPDX-License-Identifier: Apache-2.0 */
#include "mistral.h"

#include "chat/media.h"

/* ---- in ---- */

static bool is_url(struct fh_slice text)
{
    return fh_starts(text, FH_LIT("https://")) || fh_starts(text, FH_LIT("http://"));
}

/* sound_type guesses from the first bytes, in base64: the dialect does not say it. */
static struct fh_slice sound_type(struct fh_slice base64)
{
    return fh_starts(base64, FH_LIT("UklG")) ? FH_LIT("audio/wav") : FH_LIT("audio/mp3");
}

static enum fh_rc read_sound(struct fh_reader *r, void *into, const struct fh_path *at,
                             yyjson_val *value)
{
    static const struct fh_member members[] = {
        FH_MEMBER_NEEDED("data", TEXT, struct fh_block, data),
        FH_MEMBER_NEEDED("format", TEXT, struct fh_block, media_type),
    };
    struct fh_block *block = into;

    block->from_string = yyjson_is_str(value);
    block->source = FH_SOURCE_BASE64;
    if (!block->from_string) { /* OpenAI's form, which is taken as well */
        FH_TRY(fh_read_object(r, &FH_SHAPE(members), block, &block->extras, at, value));
        struct fh_slice parts[] = {FH_LIT("audio/"), block->media_type};

        block->media_type = fh_concat(r->arena, parts, FH_LEN(parts));
        return FH_OK;
    }
    block->data = fh_json_text(value);
    if (is_url(block->data)) { /* nobody else takes sound by URL */
        block->kind = FH_BLOCK_OPAQUE;
    } else if (!fh_data_url_split(block->data, &block->media_type, &block->data)) {
        block->media_type = sound_type(block->data);
    }
    return FH_OK;
}

static enum fh_rc read_document(struct fh_reader *r, void *into, const struct fh_path *at,
                                yyjson_val *value)
{
    struct fh_block *block = into;

    if (!yyjson_is_str(value)) {
        return fh_read_wrong(r, at, "a string, the document's URL", value);
    }
    block->data = fh_json_text(value);
    block->source = fh_data_url_split(block->data, &block->media_type, &block->data)
                        ? FH_SOURCE_BASE64
                        : FH_SOURCE_URL;
    return FH_OK;
}

static enum fh_rc read_file_id(struct fh_reader *r, void *into, const struct fh_path *at,
                               yyjson_val *value)
{
    struct fh_block *block = into;

    if (!yyjson_is_str(value)) {
        return fh_read_wrong(r, at, "a string", value);
    }
    block->data = fh_json_text(value);
    block->source = FH_SOURCE_FILE;
    return FH_OK;
}

static const struct fh_member sound_part[] = {
    FH_MEMBER_IGNORED("type"),
    FH_MEMBER_NEEDED_BY("input_audio", read_sound),
};
static const struct fh_member document_part[] = {
    FH_MEMBER_IGNORED("type"),
    FH_MEMBER_NEEDED_BY("document_url", read_document),
    FH_MEMBER("document_name", TEXT, struct fh_block, name),
};
static const struct fh_member file_part[] = {
    FH_MEMBER_IGNORED("type"),
    FH_MEMBER_NEEDED_BY("file_id", read_file_id),
};

const struct fh_openai_chat_part fh_mistral_parts[FH_MISTRAL_PARTS] = {
    {FH_LIT_INIT("thinking"), FH_BLOCK_THINKING, {NULL, 0}}, /* read by openai_chat */
    {FH_LIT_INIT("input_audio"), FH_BLOCK_AUDIO, {sound_part, FH_LEN(sound_part)}},
    {FH_LIT_INIT("document_url"), FH_BLOCK_DOCUMENT, {document_part, FH_LEN(document_part)}},
    {FH_LIT_INIT("file"), FH_BLOCK_DOCUMENT, {file_part, FH_LEN(file_part)}},
};

/* ---- out ---- */

static void write_document(struct fh_writer *w, const struct fh_block *block,
                           yyjson_mut_val *part)
{
    if (block->source == FH_SOURCE_TEXT) {
        fh_openai_chat_write_plain(w, block, part);
    } else if (block->source == FH_SOURCE_FILE) {
        fh_write_word(w, part, "type", "file");
        fh_write_text(w, part, "file_id", block->data);
    } else {
        fh_write_word(w, part, "type", "document_url");
        fh_write_text(w, part, "document_url", fh_openai_chat_url_of(w, block));
        fh_write_given(w, part, "document_name", block->name);
    }
}

static void write_sound(struct fh_writer *w, const struct fh_block *block, yyjson_mut_val *part)
{
    struct fh_slice format = block->media_type;
    bool guessed = w->ours && fh_eq(format, sound_type(block->data)); /* it came bare */

    fh_write_word(w, part, "type", "input_audio");
    if (!w->ours || block->from_string) {
        fh_write_text(w, part, "input_audio",
                      w->ours && !guessed ? fh_openai_chat_url_of(w, block) : block->data);
        return;
    }
    yyjson_mut_val *audio = fh_write_in(w, part, "input_audio");

    (void)!fh_take(&format, FH_LIT("audio/"));
    fh_write_text(w, audio, "data", block->data);
    fh_write_text(w, audio, "format", format);
    fh_write_extras(w, &block->extras, "/messages/#/content/#/input_audio", audio);
}

/* write_thought writes a thought back: within the dialect its pieces as they came. What another
 * provider's model signed is not for this one. */
static void write_thought(struct fh_writer *w, const struct fh_block *block,
                          yyjson_mut_val *parts)
{
    const struct fh_openai_chat_detail detail = {.kind = FH_BLOCK_THINKING,
                                                 .signer = block->signer,
                                                 .text = block->text,
                                                 .signature = block->signature};
    struct fh_buf text = fh_buf_in_arena(w->scratch, SIZE_MAX / 4);

    if (w->ours) {
        for (const struct fh_block *p = block->content.first; p != NULL; p = p->next) {
            (void)yyjson_mut_arr_append(parts, yyjson_val_mut_copy(w->doc, p->raw));
        }
        return;
    }
    if (block->signature.len > 0 && block->signer != FH_SIGNER_UNKNOWN) {
        fh_loss_add(w->loss, block->pointer, "only the provider that wrote it can check it");
        return;
    }
    fh_openai_chat_print_chunk(&text, &detail, true);
    (void)yyjson_mut_arr_append(parts,
                                yyjson_mut_rawn(w->doc, (const char *)text.ptr, text.len));
}

bool fh_mistral_write_part(struct fh_writer *w, const struct fh_block *block,
                           yyjson_mut_val *parts)
{
    yyjson_mut_val *part = NULL;

    switch (block->kind) {
    case FH_BLOCK_THINKING:
    case FH_BLOCK_REDACTED:
        write_thought(w, block, parts);
        return true;
    case FH_BLOCK_DOCUMENT:
        part = yyjson_mut_arr_add_obj(w->doc, parts);
        write_document(w, block, part);
        break;
    case FH_BLOCK_AUDIO:
        part = yyjson_mut_arr_add_obj(w->doc, parts);
        write_sound(w, block, part);
        break;
    case FH_BLOCK_REFUSAL:
        part = yyjson_mut_arr_add_obj(w->doc, parts);
        fh_write_word(w, part, "type", "text");
        fh_write_text(w, part, "text", block->text);
        break;
    case FH_BLOCK_TEXT:
    case FH_BLOCK_IMAGE:
    case FH_BLOCK_VIDEO:
    case FH_BLOCK_TOOL_CALL:
    case FH_BLOCK_TOOL_RESULT:
    case FH_BLOCK_OPAQUE:
    case FH_BLOCK_KINDS:
        return false;
    }
    fh_write_extras(w, &block->extras, "/messages/#/content/#", part);
    return true;
}
