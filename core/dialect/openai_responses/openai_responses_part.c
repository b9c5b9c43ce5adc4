/* openai_responses_part.c: what stands in a message or in a tool's answer becomes blocks.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"
#include "chat/media.h"
#include "dialect/openai_responses/openai_responses.h"

struct fh_block *fh_responses_add_block(struct fh_reader *r, struct fh_blocks *list,
                                        enum fh_block_kind kind, const struct fh_path *at)
{
    struct fh_block *block = fh_block_add(list, r->arena, kind);

    block->pointer = fh_path_print(at, FH_NONE, r->arena);
    return block;
}

static enum fh_rc read_annotations(struct fh_reader *r, void *into, const struct fh_path *at,
                                   yyjson_val *value)
{
    struct fh_block *block = into;

    if (yyjson_arr_size(value) == 0) {
        fh_read_keep(r, &block->extras, at, value);
    } else {
        block->citations = value;
    }
    return FH_OK;
}

static enum fh_rc read_breakpoint(struct fh_reader *r, void *into, const struct fh_path *at,
                                  yyjson_val *value)
{
    struct fh_block *block = into;
    struct fh_slice mode = fh_json_text(fh_json_get(value, FH_LIT("mode")));

    if (fh_eq(mode, FH_LIT("explicit")) && yyjson_obj_size(value) == 1) {
        block->cache = FH_CACHE_DEFAULT;
    } else {
        fh_read_keep(r, &block->extras, at, value);
    }
    return FH_OK;
}

/* read_source is for what says where an image or a file is. There is one such member; a second
 * one says nothing that could be told elsewhere. */
static enum fh_rc read_source(struct fh_reader *r, struct fh_block *block,
                              const struct fh_path *at, yyjson_val *value,
                              enum fh_source source)
{
    if (!yyjson_is_str(value)) {
        return fh_read_wrong(r, at, "a string", value);
    }
    if (block->source != FH_SOURCE_NONE) {
        fh_read_keep(r, &block->extras, at, value);
        return FH_OK;
    }
    block->source = source;
    block->data = fh_json_text(value);
    return FH_OK;
}

static enum fh_rc read_url(struct fh_reader *r, void *into, const struct fh_path *at,
                           yyjson_val *value)
{
    struct fh_block *block = into;

    FH_TRY(read_source(r, block, at, value, FH_SOURCE_URL));
    if (block->source == FH_SOURCE_URL &&
        fh_data_url_split(block->data, &block->media_type, &block->data)) {
        block->source = FH_SOURCE_BASE64;
    }
    return FH_OK;
}

static enum fh_rc read_file_id(struct fh_reader *r, void *into, const struct fh_path *at,
                               yyjson_val *value)
{
    return read_source(r, into, at, value, FH_SOURCE_FILE);
}

/* read_as_text turns a plain text file into a text document: other dialects know files of one kind
 * only, and text. */
static void read_as_text(struct fh_reader *r, struct fh_block *block)
{
    struct fh_buf text = fh_buf_in_arena(r->arena, block->data.len);

    if (fh_starts(block->media_type, FH_LIT("text/plain")) &&
        fh_base64_decode(&text, block->data) == FH_OK && fh_utf8_ok(fh_buf_slice(&text))) {
        block->source = FH_SOURCE_TEXT;
        block->data = fh_buf_slice(&text);
    }
}

static enum fh_rc read_file_data(struct fh_reader *r, void *into, const struct fh_path *at,
                                 yyjson_val *value)
{
    struct fh_block *block = into;
    bool first = block->source == FH_SOURCE_NONE;

    FH_TRY(read_source(r, block, at, value, FH_SOURCE_BASE64));
    if (first && fh_data_url_split(block->data, &block->media_type, &block->data)) {
        read_as_text(r, block);
    }
    return FH_OK;
}

static const struct fh_member text_part[] = {
    FH_MEMBER_IGNORED("type"),
    FH_MEMBER_NEEDED("text", TEXT, struct fh_block, text),
    FH_MEMBER_BY("annotations", read_annotations),
    FH_MEMBER_BY("prompt_cache_breakpoint", read_breakpoint),
};
static const struct fh_member refusal_part[] = {
    FH_MEMBER_IGNORED("type"),
    FH_MEMBER_NEEDED("refusal", TEXT, struct fh_block, text),
};
static const struct fh_member image_part[] = {
    FH_MEMBER_IGNORED("type"),
    FH_MEMBER_BY("image_url", read_url),
    FH_MEMBER_BY("file_id", read_file_id),
    FH_MEMBER("detail", TEXT, struct fh_block, detail),
    FH_MEMBER_BY("prompt_cache_breakpoint", read_breakpoint),
};
static const struct fh_member file_part[] = {
    FH_MEMBER_IGNORED("type"),
    FH_MEMBER_BY("file_data", read_file_data),
    FH_MEMBER_BY("file_url", read_url),
    FH_MEMBER_BY("file_id", read_file_id),
    FH_MEMBER("filename", TEXT, struct fh_block, name),
    FH_MEMBER_BY("prompt_cache_breakpoint", read_breakpoint),
};

/* The kinds of parts that have a counterpart elsewhere; any other is kept whole. */
static const struct part {
    struct fh_slice type;
    enum fh_block_kind kind;
    struct fh_shape shape;
    const char *needs; /* where one of several members must be there */
} parts[] = {
    {FH_LIT_INIT("input_text"), FH_BLOCK_TEXT, {text_part, FH_LEN(text_part)}, NULL},
    {FH_LIT_INIT("output_text"), FH_BLOCK_TEXT, {text_part, FH_LEN(text_part)}, NULL},
    {FH_LIT_INIT("text"), FH_BLOCK_TEXT, {text_part, FH_LEN(text_part)}, NULL},
    {FH_LIT_INIT("refusal"), FH_BLOCK_REFUSAL, {refusal_part, FH_LEN(refusal_part)}, NULL},
    {FH_LIT_INIT("input_image"),
     FH_BLOCK_IMAGE,
     {image_part, FH_LEN(image_part)},
     "an image_url or a file_id"},
    {FH_LIT_INIT("input_file"),
     FH_BLOCK_DOCUMENT,
     {file_part, FH_LEN(file_part)},
     "file_data, a file_url or a file_id"},
};

static enum fh_rc read_part(struct fh_reader *r, void *into, const struct fh_path *at,
                            yyjson_val *value)
{
    struct fh_responses_content *content = into;
    yyjson_val *type = fh_json_get(value, FH_LIT("type"));
    const struct part *part = NULL;

    if (!yyjson_is_obj(value)) {
        return fh_read_wrong(r, at, "an object with a type", value);
    }
    if (!yyjson_is_str(type)) {
        return fh_read_missing(r, at, "a type, such as \"input_text\"");
    }
    for (size_t i = 0; i < FH_LEN(parts) && part == NULL; i++) {
        part = fh_eq(parts[i].type, fh_json_text(type)) ? &parts[i] : NULL;
    }
    struct fh_block *block =
        fh_responses_add_block(r, content->blocks, part == NULL ? FH_BLOCK_OPAQUE : part->kind,
                               at);

    block->raw = value;
    if (part == NULL) {
        return FH_OK;
    }
    FH_TRY(fh_read_object(r, &part->shape, block, &block->extras, at, value));
    if (part->needs != NULL && block->source == FH_SOURCE_NONE) {
        return fh_read_missing(r, at, part->needs);
    }
    return FH_OK;
}

enum fh_rc fh_responses_read_content(struct fh_reader *r, struct fh_responses_content *content,
                                     const struct fh_path *at, yyjson_val *value)
{
    if (yyjson_is_str(value)) {
        struct fh_block *block = fh_responses_add_block(r, content->blocks, FH_BLOCK_TEXT, at);

        block->text = fh_json_text(value);
        block->from_string = true;
        return FH_OK;
    }
    if (!yyjson_is_arr(value)) {
        return fh_read_wrong(r, at, "a string or a list of parts", value);
    }
    if (yyjson_arr_size(value) == 0) {
        fh_read_keep(r, &content->extras, at, value);
    }
    return fh_read_list(r, content, at, value, read_part);
}
