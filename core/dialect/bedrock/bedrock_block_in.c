/* bedrock_block_in.c: one element of a list of content: an object with one member, whose name says
 * what it is. What no table knows, and what is known in a form that has no field, is kept whole.
 * SPDX-License-Identifier: Apache-2.0 */
#include "dialect/bedrock/bedrock.h"

/* begin notes what an element is. Until then it is opaque, and stays so if its content has no
 * field. */
static enum fh_rc begin(struct fh_reader *r, struct fh_block *block, const struct fh_path *at,
                        enum fh_block_kind kind)
{
    if (block->kind != FH_BLOCK_OPAQUE) {
        return fh_read_refuse(r, at, "stands beside another kind; one alone would be right");
    }
    block->kind = kind;
    return FH_OK;
}

static bool word_is(yyjson_val *obj, const char *key, const char *word)
{
    return fh_eq(fh_json_text(fh_json_get(obj, fh_cstr(key))), fh_cstr(word));
}

/* give_up leaves an element opaque. */
static enum fh_rc give_up(struct fh_block *block)
{
    block->kind = FH_BLOCK_OPAQUE;
    return FH_OK;
}

static enum fh_rc read_text(struct fh_reader *r, void *into, const struct fh_path *at,
                            yyjson_val *value)
{
    struct fh_block *block = into;

    FH_TRY(begin(r, block, at, FH_BLOCK_TEXT));
    if (!yyjson_is_str(value)) {
        return fh_read_wrong(r, at, "a string", value);
    }
    block->text = fh_json_text(value);
    return FH_OK;
}

/* read_json reads what a tool gave as JSON: its text, marked as such. */
static enum fh_rc read_json(struct fh_reader *r, void *into, const struct fh_path *at,
                            yyjson_val *value)
{
    struct fh_buf text = fh_buf_in_arena(r->arena, SIZE_MAX / 4);
    struct fh_block *block = into;

    FH_TRY(begin(r, block, at, FH_BLOCK_TEXT));
    fh_json_append_val(&text, r->arena, value);
    block->text = fh_buf_slice(&text);
    block->is_json = true;
    return FH_OK;
}

/* ---- media ---- */

struct media {
    struct fh_block *block;
    struct fh_slice format, bytes, text, uri;
};

static const struct fh_member s3_members[] = {
    FH_MEMBER_NEEDED("uri", TEXT, struct media, uri),
};

static enum fh_rc read_s3(struct fh_reader *r, void *into, const struct fh_path *at,
                          yyjson_val *value)
{
    struct media *m = into;
    const struct fh_shape shape = FH_SHAPE(s3_members);

    return fh_read_object(r, &shape, m, &m->block->extras, at, value);
}

static const struct fh_member source_members[] = {
    FH_MEMBER("bytes", TEXT, struct media, bytes),
    FH_MEMBER("text", TEXT, struct media, text),
    FH_MEMBER_BY("s3Location", read_s3),
};

static enum fh_rc read_source(struct fh_reader *r, void *into, const struct fh_path *at,
                              yyjson_val *value)
{
    struct media *m = into;
    const struct fh_shape shape = FH_SHAPE(source_members);

    return fh_read_object(r, &shape, m, &m->block->extras, at, value);
}

static enum fh_rc read_name(struct fh_reader *r, void *into, const struct fh_path *at,
                            yyjson_val *value)
{
    struct media *m = into;

    if (!yyjson_is_str(value)) {
        return fh_read_wrong(r, at, "a string", value);
    }
    m->block->name = fh_json_text(value);
    return FH_OK;
}

static enum fh_rc read_cited(struct fh_reader *r, void *into, const struct fh_path *at,
                             yyjson_val *value)
{
    yyjson_val *enabled = fh_json_get(value, FH_LIT("enabled"));
    struct media *m = into;

    if (!yyjson_is_bool(enabled) || yyjson_obj_size(value) != 1) {
        (void)fh_read_keep(r, &m->block->extras, at, value);
    } else if (yyjson_is_true(enabled)) {
        m->block->cited = true;
    } else {
        fh_read_keep(r, &m->block->extras, at, value)->repeats = true; /* the default */
    }
    return FH_OK;
}

static const struct fh_member media_members[] = {
    FH_MEMBER_NEEDED("format", TEXT, struct media, format),
    FH_MEMBER_NEEDED_BY("source", read_source),
};

static const struct fh_member document_members[] = {
    FH_MEMBER("format", TEXT, struct media, format),
    FH_MEMBER_NEEDED_BY("source", read_source),
    FH_MEMBER_BY("name", read_name),
    FH_MEMBER_BY("citations", read_cited),
};

/* take_source moves what was read into the block. A document in pieces, a format that we do not
 * know, a source of two kinds: opaque. Sound and films in S3 are, too: they have no field. */
static enum fh_rc take_source(struct media *m)
{
    struct fh_block *block = m->block;
    bool plain = block->kind == FH_BLOCK_DOCUMENT && m->format.ptr == NULL;
    bool filed = block->kind == FH_BLOCK_IMAGE || block->kind == FH_BLOCK_DOCUMENT;
    int sources = (m->bytes.ptr != NULL) + (m->text.ptr != NULL) + (m->uri.ptr != NULL);

    block->media_type =
        plain ? FH_LIT("text/plain") : fh_bedrock_media_type(block->kind, m->format);
    if (sources != 1 || block->media_type.ptr == NULL || (m->uri.ptr != NULL && !filed) ||
        (m->text.ptr != NULL && block->kind != FH_BLOCK_DOCUMENT) ||
        (plain && m->text.ptr == NULL)) {
        return give_up(block);
    }
    if (m->bytes.ptr != NULL) {
        block->source = FH_SOURCE_BASE64;
        block->data = m->bytes;
    } else if (m->text.ptr != NULL) {
        block->source = FH_SOURCE_TEXT;
        block->data = m->text;
    } else {
        block->source = FH_SOURCE_FILE;
        block->data = m->uri;
    }
    return FH_OK;
}

static enum fh_rc read_media(struct fh_reader *r, struct fh_block *block,
                             const struct fh_path *at, yyjson_val *value,
                             enum fh_block_kind kind)
{
    const struct fh_shape shape =
        kind == FH_BLOCK_DOCUMENT ? FH_SHAPE(document_members) : FH_SHAPE(media_members);
    struct media m = {.block = block};

    FH_TRY(begin(r, block, at, kind));
    FH_TRY(fh_read_object(r, &shape, &m, &block->extras, at, value));
    return take_source(&m);
}

static enum fh_rc read_image(struct fh_reader *r, void *into, const struct fh_path *at,
                             yyjson_val *value)
{
    return read_media(r, into, at, value, FH_BLOCK_IMAGE);
}

static enum fh_rc read_document(struct fh_reader *r, void *into, const struct fh_path *at,
                                yyjson_val *value)
{
    return read_media(r, into, at, value, FH_BLOCK_DOCUMENT);
}

static enum fh_rc read_video(struct fh_reader *r, void *into, const struct fh_path *at,
                             yyjson_val *value)
{
    return read_media(r, into, at, value, FH_BLOCK_VIDEO);
}

static enum fh_rc read_audio(struct fh_reader *r, void *into, const struct fh_path *at,
                             yyjson_val *value)
{
    return read_media(r, into, at, value, FH_BLOCK_AUDIO);
}

/* ---- tools ---- */

static enum fh_rc read_input(struct fh_reader *r, void *into, const struct fh_path *at,
                             yyjson_val *value)
{
    struct fh_buf text = fh_buf_in_arena(r->arena, SIZE_MAX / 4);
    struct fh_block *block = into;

    FH_UNUSED(at);
    fh_json_append_val(&text, r->arena, value);
    block->arguments = fh_buf_slice(&text);
    return FH_OK;
}

/* read_call_type: "tool_use", which some models write, is what every call is. */
static enum fh_rc read_call_type(struct fh_reader *r, void *into, const struct fh_path *at,
                                 yyjson_val *value)
{
    struct fh_block *block = into;

    fh_read_keep(r, &block->extras, at, value)->repeats = true;
    return FH_OK;
}

static const struct fh_member call_members[] = {
    FH_MEMBER_NEEDED("toolUseId", TEXT, struct fh_block, id),
    FH_MEMBER_NEEDED("name", TEXT, struct fh_block, name),
    FH_MEMBER_BY("input", read_input),
    FH_MEMBER_BY("type", read_call_type),
};

static enum fh_rc read_call(struct fh_reader *r, void *into, const struct fh_path *at,
                            yyjson_val *value)
{
    const struct fh_shape shape = FH_SHAPE(call_members);
    struct fh_block *block = into;
    yyjson_val *type = fh_json_get(value, FH_LIT("type"));

    FH_TRY(begin(r, block, at, FH_BLOCK_TOOL_CALL));
    if (type != NULL && !yyjson_is_null(type) && !word_is(value, "type", "tool_use")) {
        return give_up(block); /* a call that the provider runs itself */
    }
    return fh_read_object(r, &shape, block, &block->extras, at, value);
}

static enum fh_rc read_in_result(struct fh_reader *r, void *into, const struct fh_path *at,
                                 yyjson_val *value);

static enum fh_rc read_content(struct fh_reader *r, void *into, const struct fh_path *at,
                               yyjson_val *value)
{
    struct fh_block *block = into;

    return fh_read_list(r, &block->content, at, value, read_in_result);
}

static enum fh_rc read_status(struct fh_reader *r, void *into, const struct fh_path *at,
                              yyjson_val *value)
{
    struct fh_block *block = into;
    struct fh_slice word = fh_json_text(value);

    if (fh_eq(word, FH_LIT("error"))) {
        block->is_error = true;
    } else {
        fh_read_keep(r, &block->extras, at, value)->repeats = fh_eq(word, FH_LIT("success"));
    }
    return FH_OK;
}

static const struct fh_member result_members[] = {
    FH_MEMBER_NEEDED("toolUseId", TEXT, struct fh_block, id),
    FH_MEMBER_BY("content", read_content),
    FH_MEMBER_BY("status", read_status),
};

static enum fh_rc read_result(struct fh_reader *r, void *into, const struct fh_path *at,
                              yyjson_val *value)
{
    const struct fh_shape shape = FH_SHAPE(result_members);
    struct fh_block *block = into;
    yyjson_val *type = fh_json_get(value, FH_LIT("type"));

    FH_TRY(begin(r, block, at, FH_BLOCK_TOOL_RESULT));
    if (type != NULL && !yyjson_is_null(type)) {
        return give_up(block); /* of a tool of the provider */
    }
    FH_TRY(fh_read_object(r, &shape, block, &block->extras, at, value));
    struct fh_block *only = block->content.first;

    block->is_json = only != NULL && only->next == NULL && only->is_json;
    return FH_OK;
}

/* ---- thinking, citations ---- */

static const struct fh_member thought_members[] = {
    FH_MEMBER_NEEDED("text", TEXT, struct fh_block, text),
    FH_MEMBER("signature", TEXT, struct fh_block, signature),
};

static enum fh_rc read_thought(struct fh_reader *r, void *into, const struct fh_path *at,
                               yyjson_val *value)
{
    const struct fh_shape shape = FH_SHAPE(thought_members);
    struct fh_block *block = into;

    FH_TRY(begin(r, block, at, FH_BLOCK_THINKING));
    FH_TRY(fh_read_object(r, &shape, block, &block->extras, at, value));
    block->signature =
        fh_seal_read(r->arena, FH_SIGNER_CLAUDE, block->signature, &block->signer);
    return FH_OK;
}

static enum fh_rc read_redacted(struct fh_reader *r, void *into, const struct fh_path *at,
                                yyjson_val *value)
{
    struct fh_block *block = into;

    FH_TRY(begin(r, block, at, FH_BLOCK_REDACTED));
    if (!fh_bedrock_read_redacted(r->arena, fh_json_text(value), &block->data,
                                  &block->signer)) {
        return give_up(block);
    }
    return FH_OK;
}

static const struct fh_member reasoning_members[] = {
    FH_MEMBER_BY("reasoningText", read_thought),
    FH_MEMBER_BY("redactedContent", read_redacted),
};

static enum fh_rc read_reasoning(struct fh_reader *r, void *into, const struct fh_path *at,
                                 yyjson_val *value)
{
    const struct fh_shape shape = FH_SHAPE(reasoning_members);
    struct fh_block *block = into;

    return fh_read_object(r, &shape, block, &block->extras, at, value);
}

/* read_cited_text reads generated text with citations as text; it is also kept whole, since the
 * text may be in several pieces. */
static enum fh_rc read_cited_text(struct fh_reader *r, void *into, const struct fh_path *at,
                                  yyjson_val *value)
{
    static const struct fh_bedrock_known in_piece[] = {FH_BEDROCK_KNOWN("text")};
    static const struct fh_bedrock_known known[] = {FH_BEDROCK_KNOWN_IN("content", in_piece),
                                                    FH_BEDROCK_KNOWN("citations")};
    yyjson_val *content = fh_json_get(value, FH_LIT("content"));
    yyjson_val *citations = fh_json_get(value, FH_LIT("citations"));
    struct fh_buf text = fh_buf_in_arena(r->arena, SIZE_MAX / 4);
    yyjson_arr_iter iter = yyjson_arr_iter_with(content);
    struct fh_block *block = into;

    FH_TRY(begin(r, block, at, FH_BLOCK_TEXT));
    if (!yyjson_is_arr(content)) {
        return give_up(block);
    }
    for (yyjson_val *piece = NULL; (piece = yyjson_arr_iter_next(&iter)) != NULL;) {
        fh_buf_append(&text, fh_json_text(fh_json_get(piece, FH_LIT("text"))));
    }
    fh_read_keep(r, &block->extras, at, value)->repeats = true;
    fh_bedrock_keep(&block->extras, r->arena, at, value, known, FH_LEN(known));
    block->text = fh_buf_slice(&text);
    block->citations = yyjson_arr_size(citations) > 0 ? citations : NULL;
    return FH_OK;
}

/* ---- elements ---- */

static const struct fh_member block_members[] = {
    FH_MEMBER_BY("text", read_text),
    FH_MEMBER_BY("toolUse", read_call),
    FH_MEMBER_BY("toolResult", read_result),
    FH_MEMBER_BY("reasoningContent", read_reasoning),
    FH_MEMBER_BY("image", read_image),
    FH_MEMBER_BY("document", read_document),
    FH_MEMBER_BY("video", read_video),
    FH_MEMBER_BY("audio", read_audio),
    FH_MEMBER_BY("citationsContent", read_cited_text),
};

static const struct fh_member inner_members[] = {
    FH_MEMBER_BY("text", read_text),   FH_MEMBER_BY("json", read_json),
    FH_MEMBER_BY("image", read_image), FH_MEMBER_BY("document", read_document),
    FH_MEMBER_BY("video", read_video),
};

static enum fh_rc read_element(struct fh_reader *r, struct fh_blocks *list,
                               const struct fh_shape *shape, const struct fh_path *at,
                               yyjson_val *value)
{
    struct fh_block *block = fh_block_add(list, r->arena, FH_BLOCK_OPAQUE);

    block->pointer = fh_path_print(at, FH_NONE, r->arena);
    FH_TRY(fh_read_object(r, shape, block, &block->extras, at, value));
    if (block->kind == FH_BLOCK_OPAQUE) {
        *block =
            (struct fh_block){.kind = FH_BLOCK_OPAQUE, .raw = value, .pointer = block->pointer};
    }
    return FH_OK;
}

static enum fh_rc read_in_result(struct fh_reader *r, void *into, const struct fh_path *at,
                                 yyjson_val *value)
{
    const struct fh_shape shape = FH_SHAPE(inner_members);

    return read_element(r, into, &shape, at, value);
}

bool fh_bedrock_read_cache(yyjson_val *point, enum fh_cache *cache)
{
    size_t size = yyjson_obj_size(point);

    if (!word_is(point, "type", "default")) {
        return false;
    }
    if (size == 2 && word_is(point, "ttl", "5m")) {
        *cache = FH_CACHE_5M;
    } else if (size == 2 && word_is(point, "ttl", "1h")) {
        *cache = FH_CACHE_1H;
    } else if (size == 1) {
        *cache = FH_CACHE_DEFAULT;
    } else {
        return false;
    }
    return true;
}

/* take_call_signature: a thought without words that Gemini signed, right behind a call, is what we
 * made of the call's own signature, for a client that has no place for one. Others sign no
 * calls. */
static bool take_call_signature(struct fh_block *call, const struct fh_block *thought)
{
    if (call == NULL || call->kind != FH_BLOCK_TOOL_CALL || call->signature.len > 0 ||
        thought->kind != FH_BLOCK_THINKING || thought->text.len > 0 ||
        thought->signer != FH_SIGNER_GEMINI || thought->extras.first != NULL) {
        return false;
    }
    call->signature = thought->signature;
    call->signer = thought->signer;
    return true;
}

enum fh_rc fh_bedrock_read_block(struct fh_reader *r, void *into, const struct fh_path *at,
                                 yyjson_val *value)
{
    const struct fh_shape shape = FH_SHAPE(block_members);
    struct fh_blocks *list = into;
    struct fh_block *before = list->last;
    yyjson_val *point = fh_json_get(value, FH_LIT("cachePoint"));

    if (point != NULL && yyjson_obj_size(value) == 1 && before != NULL &&
        before->cache == FH_CACHE_NONE && fh_bedrock_read_cache(point, &before->cache)) {
        before->cache_at = fh_path_print(at, FH_LIT("cachePoint"), r->arena);
        return FH_OK;
    }
    FH_TRY(read_element(r, list, &shape, at, value));
    if (take_call_signature(before, list->last)) {
        before->next = NULL;
        list->last = before;
    }
    return FH_OK;
}
