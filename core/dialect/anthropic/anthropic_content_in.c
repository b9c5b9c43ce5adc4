/* anthropic_content_in.c: what stands in a `content` or `system`, block by block. A table for
 * each type says which member goes where.
 * SPDX-License-Identifier: Apache-2.0 */
#include "chat/breakpoint.h"
#include "chat/read.h"
#include "dialect/anthropic/anthropic.h"

static enum fh_rc read_cache(struct fh_reader *r, void *into, const struct fh_path *at,
                             yyjson_val *val)
{
    struct fh_block *block = into;

    FH_TRY(fh_read_want_object(r, at, val));
    if (!fh_breakpoint_read(val, &block->cache)) {
        (void)fh_read_keep(r, &block->extras, at, val);
    }
    return FH_OK;
}

/* Where the bytes of an image or a document are. */
static const struct {
    struct fh_slice type;
    struct fh_slice holder; /* the member that has them */
    bool typed;             /* media_type beside it */
    enum fh_source source;
} sources[] = {
    {FH_LIT_INIT("base64"), FH_LIT_INIT("data"), true, FH_SOURCE_BASE64},
    {FH_LIT_INIT("url"), FH_LIT_INIT("url"), false, FH_SOURCE_URL},
    {FH_LIT_INIT("file"), FH_LIT_INIT("file_id"), false, FH_SOURCE_FILE},
    {FH_LIT_INIT("text"), FH_LIT_INIT("data"), true, FH_SOURCE_TEXT},
};

/* read_source leaves FH_SOURCE_NONE where the source has a shape that has no field: then the whole
 * block is kept. */
static enum fh_rc read_source(struct fh_reader *r, void *into, const struct fh_path *at,
                              yyjson_val *val)
{
    struct fh_block *block = into;
    size_t i = 0;

    FH_TRY(fh_read_want_object(r, at, val));
    while (i < FH_LEN(sources) && !fh_json_says(val, FH_LIT("type"), sources[i].type)) {
        i++;
    }
    if (i == FH_LEN(sources) || yyjson_obj_size(val) != (sources[i].typed ? 3 : 2)) {
        return FH_OK;
    }
    yyjson_val *data = fh_json_get(val, sources[i].holder);
    yyjson_val *media_type = fh_json_get(val, FH_LIT("media_type"));

    if (!yyjson_is_str(data) || (sources[i].typed && !yyjson_is_str(media_type))) {
        return fh_read_refuse(r, at, "of type \"%.*s\" must have the string%s \"%.*s\"%s",
                              FH_ARG(sources[i].type), sources[i].typed ? "s" : "",
                              FH_ARG(sources[i].holder),
                              sources[i].typed ? " and \"media_type\"" : "");
    }
    block->source = sources[i].source;
    block->data = fh_json_text(data);
    block->media_type = fh_json_text(media_type);
    return FH_OK;
}

/* read_wish reads a document's {"enabled": true}. */
static enum fh_rc read_wish(struct fh_reader *r, void *into, const struct fh_path *at,
                            yyjson_val *val)
{
    struct fh_block *block = into;
    yyjson_val *enabled = fh_json_get(val, FH_LIT("enabled"));

    FH_TRY(fh_read_want_object(r, at, val));
    block->cited = yyjson_obj_size(val) == 1 && yyjson_is_true(enabled);
    if (!block->cited) { /* `false` asks for nothing, and is no loss elsewhere */
        fh_read_keep(r, &block->extras, at, val)->repeats =
            yyjson_obj_size(val) == 1 && yyjson_is_false(enabled);
    }
    return FH_OK;
}

/* read_citations reads those of an earlier answer. */
static enum fh_rc read_citations(struct fh_reader *r, void *into, const struct fh_path *at,
                                 yyjson_val *val)
{
    struct fh_block *block = into;

    if (!yyjson_is_arr(val)) {
        return fh_read_wrong(r, at, "a list", val);
    }
    if (yyjson_arr_size(val) > 0) {
        block->citations = val;
    } else {
        (void)fh_read_keep(r, &block->extras, at, val);
    }
    return FH_OK;
}

static enum fh_rc read_sealed(struct fh_reader *r, const struct fh_path *at, yyjson_val *val,
                              struct fh_slice *signature, enum fh_signer *signer)
{
    if (!yyjson_is_str(val)) {
        return fh_read_wrong(r, at, "a string", val);
    }
    *signature = fh_seal_read(r->arena, FH_SIGNER_CLAUDE, fh_json_text(val), signer);
    return FH_OK;
}

static enum fh_rc read_signature(struct fh_reader *r, void *into, const struct fh_path *at,
                                 yyjson_val *val)
{
    struct fh_block *block = into;

    return read_sealed(r, at, val, &block->signature, &block->signer);
}

static enum fh_rc read_redacted(struct fh_reader *r, void *into, const struct fh_path *at,
                                yyjson_val *val)
{
    struct fh_block *block = into;

    return read_sealed(r, at, val, &block->data, &block->signer);
}

/* A call's signature is ours to put there: Claude signs none. */
static enum fh_rc read_call_signature(struct fh_reader *r, void *into, const struct fh_path *at,
                                      yyjson_val *val)
{
    struct fh_block *block = into;

    if (yyjson_is_str(val)) {
        FH_TRY(read_sealed(r, at, val, &block->signature, &block->signer));
    }
    if (block->signature.len == 0 || block->signer == FH_SIGNER_CLAUDE) {
        block->signature = FH_NONE;
        (void)fh_read_keep(r, &block->extras, at, val);
    }
    return FH_OK;
}

static enum fh_rc read_input(struct fh_reader *r, void *into, const struct fh_path *at,
                             yyjson_val *val)
{
    struct fh_block *block = into;

    FH_TRY(fh_read_want_object(r, at, val));
    block->arguments = fh_json_printed(r->arena, val);
    return FH_OK;
}

static enum fh_rc read_result(struct fh_reader *r, void *into, const struct fh_path *at,
                              yyjson_val *val);

#define BLOCK(name, kind, field)        FH_MEMBER(name, kind, struct fh_block, field)
#define BLOCK_NEEDED(name, kind, field) FH_MEMBER_NEEDED(name, kind, struct fh_block, field)

static const struct fh_member text_members[] = {
    FH_MEMBER_IGNORED("type"),
    BLOCK_NEEDED("text", TEXT, text),
    FH_MEMBER_BY("citations", read_citations),
    FH_MEMBER_BY("cache_control", read_cache),
};
static const struct fh_member image_members[] = {
    FH_MEMBER_IGNORED("type"),
    FH_MEMBER_NEEDED_BY("source", read_source),
    FH_MEMBER_BY("cache_control", read_cache),
};
static const struct fh_member document_members[] = {
    FH_MEMBER_IGNORED("type"),
    FH_MEMBER_NEEDED_BY("source", read_source),
    BLOCK("title", TEXT, name),
    FH_MEMBER_BY("citations", read_wish),
    FH_MEMBER_BY("cache_control", read_cache),
};
static const struct fh_member thinking_members[] = {
    FH_MEMBER_IGNORED("type"),
    BLOCK_NEEDED("thinking", TEXT, text),
    FH_MEMBER_BY("signature", read_signature),
};
static const struct fh_member redacted_members[] = {
    FH_MEMBER_IGNORED("type"),
    FH_MEMBER_NEEDED_BY("data", read_redacted),
};
static const struct fh_member call_members[] = {
    FH_MEMBER_IGNORED("type"),
    BLOCK_NEEDED("id", TEXT, id),
    BLOCK_NEEDED("name", TEXT, name),
    FH_MEMBER_NEEDED_BY("input", read_input),
    FH_MEMBER_BY("signature", read_call_signature),
    FH_MEMBER_BY("cache_control", read_cache),
};
static const struct fh_member result_members[] = {
    FH_MEMBER_IGNORED("type"),
    BLOCK_NEEDED("tool_use_id", TEXT, id),
    FH_MEMBER_BY("content", read_result),
    BLOCK("is_error", BOOL, is_error),
    FH_MEMBER_BY("cache_control", read_cache),
};

#define TABLE(rows)          \
    {                        \
        (rows), FH_LEN(rows) \
    }

/* Blocks that there are fields for. */
static const struct form {
    struct fh_slice type;
    struct fh_shape shape;
    enum fh_block_kind kind;
    bool in_result; /* may stand inside a tool_result */
} forms[] = {
    {FH_LIT_INIT("text"), TABLE(text_members), FH_BLOCK_TEXT, true},
    {FH_LIT_INIT("image"), TABLE(image_members), FH_BLOCK_IMAGE, true},
    {FH_LIT_INIT("document"), TABLE(document_members), FH_BLOCK_DOCUMENT, true},
    {FH_LIT_INIT("thinking"), TABLE(thinking_members), FH_BLOCK_THINKING, false},
    {FH_LIT_INIT("redacted_thinking"), TABLE(redacted_members), FH_BLOCK_REDACTED, false},
    {FH_LIT_INIT("tool_use"), TABLE(call_members), FH_BLOCK_TOOL_CALL, false},
    {FH_LIT_INIT("tool_result"), TABLE(result_members), FH_BLOCK_TOOL_RESULT, false},
};

static const struct form *form_of(struct fh_slice type, bool in_result)
{
    for (size_t i = 0; i < FH_LEN(forms); i++) {
        if (fh_eq(forms[i].type, type) && (forms[i].in_result || !in_result)) {
            return &forms[i];
        }
    }
    return NULL;
}

/* Where blocks go. */
struct place {
    struct fh_blocks *list;
    bool in_result;
};

static enum fh_rc read_block(struct fh_reader *r, void *into, const struct fh_path *at,
                             yyjson_val *val)
{
    const struct place *place = into;
    yyjson_val *type = fh_json_get(val, FH_LIT("type"));

    FH_TRY(fh_read_want_object(r, at, val));
    if (!yyjson_is_str(type)) {
        return fh_read_missing(r, at, "the string \"type\", such as \"text\" or \"tool_use\"");
    }
    const struct form *form = form_of(fh_json_text(type), place->in_result);
    struct fh_block *block =
        fh_block_add(place->list, r->arena, form == NULL ? FH_BLOCK_OPAQUE : form->kind);

    block->pointer = fh_path_print(at, FH_NONE, r->arena);
    if (form == NULL) {
        block->raw = val;
        return FH_OK;
    }
    FH_TRY(fh_read_object(r, &form->shape, block, &block->extras, at, val));
    if ((block->kind == FH_BLOCK_IMAGE || block->kind == FH_BLOCK_DOCUMENT) &&
        block->source == FH_SOURCE_NONE) {
        *block =
            (struct fh_block){.kind = FH_BLOCK_OPAQUE, .raw = val, .pointer = block->pointer};
    }
    return FH_OK;
}

/* read_blocks reads what is a string or a list of blocks wherever it stands. */
static enum fh_rc read_blocks(struct fh_reader *r, struct fh_blocks *list,
                              const struct fh_path *at, yyjson_val *val, bool in_result)
{
    struct place place = {list, in_result};

    if (yyjson_is_str(val)) {
        struct fh_block *block = fh_block_add(list, r->arena, FH_BLOCK_TEXT);

        block->text = fh_json_text(val);
        block->from_string = true;
        block->pointer = fh_path_print(at, FH_NONE, r->arena);
        return FH_OK;
    }
    if (!yyjson_is_arr(val)) {
        return fh_read_wrong(r, at, "a string or a list of blocks", val);
    }
    return fh_read_list(r, &place, at, val, read_block);
}

static enum fh_rc read_result(struct fh_reader *r, void *into, const struct fh_path *at,
                              yyjson_val *val)
{
    struct fh_block *block = into;

    return read_blocks(r, &block->content, at, val, true);
}

enum fh_rc fh_anthropic_read_content(struct fh_reader *r, struct fh_blocks *list,
                                     const struct fh_path *at, yyjson_val *val)
{
    return read_blocks(r, list, at, val, false);
}
