/* bedrock_block_out.c: one block of a request as an element of a list of content.
 *
 * Of our own dialect everything goes back where it was. Of another one, empty text is left out, a
 * document gets the name that it must have, and ids are made such that the model takes them.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"
#include "dialect/bedrock/bedrock.h"

enum {
    DOCUMENT_NAME_MAX = 200,
    NUMBER_ROOM = 12
}; /* bytes of a document's name; for a number behind it */

/* put_beside puts back what stood beside an element's one member. */
static void put_beside(struct fh_bedrock_pen *pen, yyjson_mut_val *element,
                       const struct fh_block *block)
{
    static const char *const lists[] = {
        "/messages/#/content/#", "/messages/#/content/#/toolResult/content/#", "/system/#"};

    for (size_t i = 0; block->extras.first != NULL && i < FH_LEN(lists); i++) {
        fh_write_extras(&pen->w, &block->extras, lists[i], element);
    }
}

/* put makes {"key": {}} and gives the object inside. */
static yyjson_mut_val *put(struct fh_bedrock_pen *pen, yyjson_mut_val *list, const char *key,
                           const struct fh_block *block)
{
    yyjson_mut_val *element = yyjson_mut_arr_add_obj(pen->w.doc, list);
    yyjson_mut_val *inside = yyjson_mut_obj_add_obj(pen->w.doc, element, key);

    put_beside(pen, element, block);
    return inside;
}

/* put_extras puts back what stood in the object that `put` gave. */
static void put_extras(struct fh_bedrock_pen *pen, yyjson_mut_val *obj, struct fh_slice key,
                       const struct fh_block *block)
{
    static const char *const lists[] = {"/messages/#/content/#/",
                                        "/messages/#/content/#/toolResult/content/#/"};

    for (size_t i = 0; block->extras.first != NULL && i < FH_LEN(lists); i++) {
        struct fh_slice parts[] = {fh_cstr(lists[i]), key};
        struct fh_slice place = fh_concat(pen->w.scratch, parts, FH_LEN(parts));

        fh_write_extras(&pen->w, &block->extras, fh_dup_cstr(pen->w.scratch, place), obj);
    }
}

void fh_bedrock_write_cache(struct fh_bedrock_pen *pen, yyjson_mut_val *list,
                            enum fh_cache cache)
{
    static const char *const lifetimes[] = {[FH_CACHE_5M] = "5m", [FH_CACHE_1H] = "1h"};

    if (cache == FH_CACHE_NONE) {
        return;
    }
    yyjson_mut_val *element = yyjson_mut_arr_add_obj(pen->w.doc, list);
    yyjson_mut_val *point = yyjson_mut_obj_add_obj(pen->w.doc, element, "cachePoint");

    fh_write_word(&pen->w, point, "type", "default");
    if (cache != FH_CACHE_DEFAULT) {
        fh_write_word(&pen->w, point, "ttl", lifetimes[cache]);
    }
}

/* ---- text, thinking ---- */

/* is_cited says whether text came as citationsContent, which is among its extras whole. */
static bool is_cited(const struct fh_bedrock_pen *pen, const struct fh_block *block)
{
    const struct fh_extra *extra = pen->w.ours ? block->extras.first : NULL;

    while (extra != NULL && !fh_eq(extra->key, FH_LIT("citationsContent"))) {
        extra = extra->next;
    }
    return extra != NULL;
}

static void write_text(struct fh_bedrock_pen *pen, yyjson_mut_val *list,
                       const struct fh_block *block)
{
    yyjson_mut_val *element = yyjson_mut_arr_add_obj(pen->w.doc, list);

    if (!is_cited(pen, block)) {
        fh_write_text(&pen->w, element, "text", block->text);
    }
    put_beside(pen, element, block);
}

static void write_thought(struct fh_bedrock_pen *pen, yyjson_mut_val *list,
                          struct fh_slice text, const struct fh_block *block)
{
    yyjson_mut_val *reasoning = put(pen, list, "reasoningContent", block);
    yyjson_mut_val *thought = yyjson_mut_obj_add_obj(pen->w.doc, reasoning, "reasoningText");
    struct fh_slice signature = block->signature;

    fh_write_text(&pen->w, thought, "text", text);
    if (pen->w.ours && signature.len > 0) {
        signature = fh_bedrock_sealed(pen->w.scratch, block->signer, signature);
    }
    fh_write_given(&pen->w, thought, "signature", signature);
    put_extras(pen, reasoning, FH_LIT("reasoningContent"), block);
    put_extras(pen, thought, FH_LIT("reasoningContent/reasoningText"), block);
}

static void write_redacted(struct fh_bedrock_pen *pen, yyjson_mut_val *list,
                           const struct fh_block *block)
{
    yyjson_mut_val *reasoning = put(pen, list, "reasoningContent", block);

    fh_write_text(&pen->w, reasoning, "redactedContent",
                  fh_bedrock_redacted(pen->w.scratch, block->signer, block->data));
    put_extras(pen, reasoning, FH_LIT("reasoningContent"), block);
}

/* ---- media ---- */

static bool is_plain(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* cleaned keeps of a title what a name may have in it: letters, digits, single blanks, hyphens,
 * parentheses and brackets. What is between them becomes one hyphen. */
static struct fh_slice cleaned(struct fh_arena *arena, struct fh_slice title)
{
    struct fh_buf name = fh_buf_in_arena(arena, DOCUMENT_NAME_MAX);
    bool gap = false;

    for (size_t i = 0; i < title.len && name.len < DOCUMENT_NAME_MAX - NUMBER_ROOM; i++) {
        uint8_t c = title.ptr[i];
        bool kept = is_plain(c) || fh_find(FH_LIT("()[]"), c) < 4;

        if (kept && gap && name.len > 0) {
            fh_buf_byte(&name, i > 0 && title.ptr[i - 1] == ' ' ? ' ' : '-');
        }
        if (kept) {
            fh_buf_byte(&name, c);
        }
        gap = !kept;
    }
    return fh_buf_slice(&name);
}

static bool is_taken(const struct fh_bedrock_pen *pen, struct fh_slice name)
{
    for (size_t i = 0; i < fh_min(pen->documents, FH_LEN(pen->name)); i++) {
        if (fh_eq_nocase(pen->name[i], name)) {
            return true;
        }
    }
    return pen->documents >= FH_LEN(pen->name);
}

/* without_ending drops the dot and what is behind it, where that is the format. */
static struct fh_slice without_ending(struct fh_slice title, struct fh_slice format)
{
    size_t at = title.len > format.len ? title.len - format.len - 1 : title.len;

    return at < title.len && title.ptr[at] == '.' &&
                   fh_eq_nocase(fh_tail(title, at + 1), format)
               ? fh_head(title, at)
               : title;
}

/* document_name makes up what Converse demands: names of documents differ within a request. */
static struct fh_slice document_name(struct fh_bedrock_pen *pen, const struct fh_block *block,
                                     struct fh_slice format)
{
    struct fh_slice title = without_ending(block->name, format);
    struct fh_slice name = cleaned(pen->w.scratch, title);

    if (title.len > 0 && !fh_eq(name, title)) {
        fh_loss_add(pen->w.loss, block->pointer,
                    "its name has characters that bedrock does not take");
    }
    name = name.len == 0 ? FH_LIT("document") : name;
    if (is_taken(pen, name)) {
        struct fh_buf numbered = fh_buf_in_arena(pen->w.scratch, DOCUMENT_NAME_MAX);

        fh_buf_printf(&numbered, "%.*s-%zu", FH_ARG(name), pen->documents + 1);
        name = fh_buf_slice(&numbered);
    }
    if (pen->documents < FH_LEN(pen->name)) {
        pen->name[pen->documents] = name;
    }
    pen->documents++;
    return name;
}

static enum fh_rc refuse_media(struct fh_bedrock_pen *pen, const struct fh_block *block)
{
    static const char *const sentences[FH_BLOCK_KINDS] = {
        [FH_BLOCK_IMAGE] = "bedrock takes images as png, jpeg, gif or webp, in base64",
        [FH_BLOCK_DOCUMENT] = "bedrock takes documents as pdf, text or office files, in base64",
        [FH_BLOCK_VIDEO] = "bedrock takes no video of this kind",
        [FH_BLOCK_AUDIO] = "bedrock takes no sound of this kind",
    };

    return fh_write_refuse(&pen->w, block->pointer, sentences[block->kind]);
}

/* write_source writes where the bytes are. `key` is the block's own. */
static void write_source(struct fh_bedrock_pen *pen, yyjson_mut_val *obj,
                         const struct fh_block *block, const char *key)
{
    struct fh_slice place[] = {fh_cstr(key), FH_LIT("/source"), FH_LIT("/s3Location")};
    yyjson_mut_val *source = yyjson_mut_obj_add_obj(pen->w.doc, obj, "source");

    if (block->source == FH_SOURCE_FILE) {
        yyjson_mut_val *s3 = yyjson_mut_obj_add_obj(pen->w.doc, source, "s3Location");

        fh_write_text(&pen->w, s3, "uri", block->data);
        put_extras(pen, s3, fh_concat(pen->w.scratch, place, 3), block);
    } else {
        fh_write_text(&pen->w, source, block->source == FH_SOURCE_TEXT ? "text" : "bytes",
                      block->data);
    }
    put_extras(pen, source, fh_concat(pen->w.scratch, place, 2), block);
}

static enum fh_rc write_media(struct fh_bedrock_pen *pen, yyjson_mut_val *list,
                              const struct fh_block *block, const char *key)
{
    struct fh_slice format = fh_bedrock_format(block->kind, block->media_type);

    if (block->source == FH_SOURCE_TEXT && format.len == 0) {
        format = FH_LIT("txt");
    }
    if (format.len == 0 || block->source == FH_SOURCE_URL || block->source == FH_SOURCE_NONE ||
        (block->source == FH_SOURCE_FILE && !pen->w.ours)) {
        return refuse_media(pen, block);
    }
    yyjson_mut_val *obj = put(pen, list, key, block);

    fh_write_text(&pen->w, obj, "format", format);
    if (block->kind == FH_BLOCK_DOCUMENT) {
        fh_write_given(&pen->w, obj, "name",
                       pen->w.ours ? block->name : document_name(pen, block, format));
    }
    write_source(pen, obj, block, key);
    if (block->cited) {
        fh_write_bool(&pen->w, yyjson_mut_obj_add_obj(pen->w.doc, obj, "citations"), "enabled",
                      true);
    }
    put_extras(pen, obj, fh_cstr(key), block);
    return FH_OK;
}

/* write_simple writes what may stand anywhere, tools' answers included. */
static enum fh_rc write_simple(struct fh_bedrock_pen *pen, yyjson_mut_val *list,
                               const struct fh_block *block)
{
    static const char *const keys[FH_BLOCK_KINDS] = {[FH_BLOCK_IMAGE] = "image",
                                                     [FH_BLOCK_DOCUMENT] = "document",
                                                     [FH_BLOCK_AUDIO] = "audio",
                                                     [FH_BLOCK_VIDEO] = "video"};

    switch (block->kind) {
    case FH_BLOCK_TEXT:
    case FH_BLOCK_REFUSAL:
        write_text(pen, list, block);
        return FH_OK;
    case FH_BLOCK_IMAGE:
    case FH_BLOCK_DOCUMENT:
    case FH_BLOCK_AUDIO:
    case FH_BLOCK_VIDEO:
        return write_media(pen, list, block, keys[block->kind]);
    case FH_BLOCK_OPAQUE:
        if (pen->w.ours) {
            (void)yyjson_mut_arr_append(list, yyjson_val_mut_copy(pen->w.doc, block->raw));
        }
        return FH_OK;
    case FH_BLOCK_THINKING:
    case FH_BLOCK_REDACTED:
    case FH_BLOCK_TOOL_CALL:
    case FH_BLOCK_TOOL_RESULT:
    case FH_BLOCK_KINDS:
        break;
    }
    return fh_write_refuse(&pen->w, block->pointer, "cannot stand inside a tool's answer");
}

/* says_nothing: Converse refuses empty text, other dialects are full of it. */
static bool says_nothing(const struct fh_bedrock_pen *pen, const struct fh_block *block)
{
    return (block->kind == FH_BLOCK_TEXT || block->kind == FH_BLOCK_REFUSAL) &&
           block->text.len == 0 && !pen->w.ours;
}

/* ---- tools ---- */

static bool is_id(struct fh_slice id, uint8_t max)
{
    bool strict = max < 64;

    if (id.len == 0 || id.len > max || (strict && id.len != max)) {
        return false;
    }
    for (size_t i = 0; i < id.len; i++) {
        if (!is_plain(id.ptr[i]) && (strict || fh_find(FH_LIT("_.:-"), id.ptr[i]) == 4)) {
            return false;
        }
    }
    return true;
}

struct fh_slice fh_bedrock_call_id(const struct fh_bedrock_pen *pen, struct fh_slice id)
{
    struct fh_buf made = fh_buf_in_arena(pen->w.scratch, (size_t)2 * FH_SHA256_LEN);

    if (pen->w.ours || is_id(id, pen->family->id_max)) {
        return id;
    }
    struct fh_sha256 hash = fh_sha256(id);

    fh_buf_hex(&made, fh_slice(hash.bytes, sizeof(hash.bytes)));
    return fh_head(fh_buf_slice(&made), fh_min(pen->family->id_max, 32));
}

static enum fh_rc write_call(struct fh_bedrock_pen *pen, yyjson_mut_val *list,
                             const struct fh_block *block)
{
    yyjson_mut_val *call = put(pen, list, "toolUse", block);

    fh_write_text(&pen->w, call, "toolUseId", fh_bedrock_call_id(pen, block->id));
    fh_write_text(&pen->w, call, "name", block->name);
    if (pen->w.ours && block->arguments.ptr != NULL) {
        fh_json_add_raw(pen->w.doc, call, "input", block->arguments);
    } else if (!fh_write_json(&pen->w, call, "input", block->arguments)) {
        return fh_write_refuse(&pen->w, block->pointer,
                               "arguments of a call must be a JSON object");
    }
    put_extras(pen, call, FH_LIT("toolUse"), block);
    if (pen->w.ours && block->signature.len > 0) { /* it was a thought behind the call */
        struct fh_block thought = {
            .kind = FH_BLOCK_THINKING, .signature = block->signature, .signer = block->signer};

        write_thought(pen, list, FH_LIT(""), &thought);
    }
    return FH_OK;
}

static void write_json(struct fh_bedrock_pen *pen, yyjson_mut_val *list,
                       const struct fh_block *block)
{
    yyjson_mut_val *element = yyjson_mut_arr_add_obj(pen->w.doc, list);

    if (pen->w.ours) {
        fh_json_add_raw(pen->w.doc, element, "json", block->text);
        put_beside(pen, element, block);
    } else if (!fh_write_json(&pen->w, element, "json", block->text)) {
        fh_write_text(&pen->w, element, "text", block->text);
    }
}

/* write_result: a breakpoint inside a tool's answer, which Converse has no place for, goes behind
 * it. */
static enum fh_rc write_result(struct fh_bedrock_pen *pen, yyjson_mut_val *list,
                               const struct fh_block *result, enum fh_cache *cache)
{
    yyjson_mut_val *obj = put(pen, list, "toolResult", result);
    yyjson_mut_val *content = NULL;

    fh_write_text(&pen->w, obj, "toolUseId", fh_bedrock_call_id(pen, result->id));
    content = yyjson_mut_obj_add_arr(pen->w.doc, obj, "content");
    for (const struct fh_block *b = result->content.first; b != NULL; b = b->next) {
        *cache = (enum fh_cache)fh_max(*cache, b->cache);
        if (b->kind == FH_BLOCK_TEXT && (b->is_json || result->is_json)) {
            write_json(pen, content, b);
        } else if (!says_nothing(pen, b)) {
            FH_TRY(write_simple(pen, content, b));
        }
    }
    if (result->is_error) { /* only some models take it: not written where it says nothing */
        fh_write_word(&pen->w, obj, "status", "error");
    }
    put_extras(pen, obj, FH_LIT("toolResult"), result);
    return FH_OK;
}

/* ---- any block ---- */

enum fh_rc fh_bedrock_write_block(struct fh_bedrock_pen *pen, yyjson_mut_val *list,
                                  const struct fh_block *block)
{
    enum fh_cache cache = block->cache;

    if (says_nothing(pen, block)) {
        return FH_OK;
    }
    if (block->kind == FH_BLOCK_THINKING) {
        write_thought(pen, list, block->text, block);
    } else if (block->kind == FH_BLOCK_REDACTED) {
        write_redacted(pen, list, block);
    } else if (block->kind == FH_BLOCK_TOOL_CALL) {
        FH_TRY(write_call(pen, list, block));
    } else if (block->kind == FH_BLOCK_TOOL_RESULT) {
        FH_TRY(write_result(pen, list, block, &cache));
    } else {
        FH_TRY(write_simple(pen, list, block));
    }
    fh_bedrock_write_cache(pen, list, cache);
    return FH_OK;
}
