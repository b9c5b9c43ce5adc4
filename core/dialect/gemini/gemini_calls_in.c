/* gemini_calls_in.c: function calls, their answers, and data in parts.
 *
 * Ids are optional here and needed elsewhere. A call without one gets one from its name and how
 * many were made up before; an answer without one is that of the oldest call of its name that
 * waits.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"
#include "dialect/gemini/gemini.h"

/* ---- ids ---- */

static struct fh_slice make_up(struct fh_reader *r, struct fh_slice name)
{
    struct fh_gemini_reading *reading = r->own;

    return fh_gemini_call_id(r->arena, name, reading->made_up++);
}

static void wait_for_answer(struct fh_reader *r, const struct fh_block *call)
{
    struct fh_gemini_reading *reading = r->own;
    struct fh_gemini_call *one = fh_new(r->arena, struct fh_gemini_call);

    if (reading->count == FH_GEMINI_CALLS_MAX) { /* the oldest is not waited for any longer */
        reading->first = reading->first->next;
        reading->count--;
    }
    *one = (struct fh_gemini_call){.name = call->name, .id = call->id};
    if (reading->first == NULL) {
        reading->first = one;
    } else {
        reading->last->next = one;
    }
    reading->last = one;
    reading->count++;
}

/* take_call takes the call that an answer is of off the list: by id, if it has one, else by name.
 * */
static bool take_call(struct fh_reader *r, const struct fh_block *answer, struct fh_slice *id)
{
    struct fh_gemini_reading *reading = r->own;
    struct fh_gemini_call *before = NULL;
    bool by_id = answer->id.len > 0;

    for (struct fh_gemini_call *one = reading->first; one != NULL; one = one->next) {
        if (by_id ? fh_eq(one->id, answer->id) : fh_eq(one->name, answer->name)) {
            *id = one->id;
            *(before == NULL ? &reading->first : &before->next) = one->next;
            reading->last = reading->last == one ? before : reading->last;
            reading->count--;
            return true;
        }
        before = one;
    }
    return false;
}

/* ---- calls ---- */

static enum fh_rc read_args(struct fh_reader *r, void *into, const struct fh_path *at,
                            yyjson_val *value)
{
    struct fh_block *block = into;
    struct fh_buf text = fh_buf_in_arena(r->arena, SIZE_MAX / 4);

    if (!yyjson_is_obj(value)) {
        return fh_read_wrong(r, at, "an object", value);
    }
    fh_json_append_val(&text, r->arena, value);
    block->arguments = fh_buf_slice(&text);
    return FH_OK;
}

enum fh_rc fh_gemini_read_call(struct fh_reader *r, struct fh_block *block,
                               const struct fh_path *at, yyjson_val *value)
{
    static const struct fh_member members[] = {
        FH_MEMBER("id", TEXT, struct fh_block, id),
        FH_MEMBER_NEEDED("name", TEXT, struct fh_block, name),
        FH_MEMBER_BY("args", read_args),
    };

    FH_TRY(fh_gemini_read_object(r, &FH_SHAPE(members), block, &block->extras, at, value));
    if (block->id.len == 0) {
        block->id_made_up = true;
        block->id = make_up(r, block->name);
    }
    wait_for_answer(r, block);
    return FH_OK;
}

/* ---- answers ---- */

struct response {
    struct fh_block *block;
    yyjson_val *object, *parts;
};

/* add_answer says what a response object holds. Google's clients write {"result": …}, and
 * {"error": …} when the tool failed; what has any other form is JSON as it is. */
static void add_answer(struct fh_reader *r, struct fh_block *block, const struct fh_path *at,
                       yyjson_val *object)
{
    struct fh_block *text = fh_block_add(&block->content, r->arena, FH_BLOCK_TEXT);
    bool only = yyjson_obj_size(object) == 1;
    yyjson_val *result = only ? fh_json_get(object, FH_LIT("result")) : NULL;
    yyjson_val *error = only ? fh_json_get(object, FH_LIT("error")) : NULL;

    error = yyjson_is_null(error) ? NULL : error;
    yyjson_val *said = error != NULL ? error : yyjson_is_obj(result) ? NULL : result;

    text->pointer = fh_path_print(at, FH_LIT("response"), r->arena);
    block->is_error = error != NULL;
    if (said != NULL && yyjson_is_str(said)) {
        text->text = fh_json_text(said);
        return;
    }
    struct fh_buf json = fh_buf_in_arena(r->arena, SIZE_MAX / 4);

    fh_json_append_val(&json, r->arena, said != NULL ? said : object);
    text->text = fh_buf_slice(&json);
    block->is_json = true;
}

/* read_piece reads one of a response's own parts: an image or a document that the tool gave. */
static enum fh_rc read_piece(struct fh_reader *r, void *into, const struct fh_path *at,
                             yyjson_val *value)
{
    struct fh_block *block = into;
    yyjson_val *data = NULL;
    struct fh_path place = {.up = at, .key = FH_LIT("inlineData")};

    if (!yyjson_is_obj(value)) {
        return fh_read_wrong(r, at, "an object", value);
    }
    fh_gemini_camel(value);
    data = fh_json_get(value, place.key);
    if (data == NULL) {
        place.key = FH_LIT("fileData");
        data = fh_json_get(value, place.key);
    }
    if (yyjson_is_obj(data) && yyjson_obj_size(value) == 1) {
        return fh_gemini_add_media(r, &block->content, &place, data, value);
    }
    struct fh_block *opaque = fh_block_add(&block->content, r->arena, FH_BLOCK_OPAQUE);

    opaque->raw = value;
    opaque->pointer = fh_path_print(at, FH_NONE, r->arena);
    return FH_OK;
}

static enum fh_rc read_object(struct fh_reader *r, void *into, const struct fh_path *at,
                              yyjson_val *value)
{
    if (!yyjson_is_obj(value)) {
        return fh_read_wrong(r, at, "an object", value);
    }
    add_answer(r, into, at->up, value);
    return FH_OK;
}

static enum fh_rc read_pieces(struct fh_reader *r, void *into, const struct fh_path *at,
                              yyjson_val *value)
{
    return fh_gemini_read_many(r, into, at, value, read_piece);
}

enum fh_rc fh_gemini_read_response(struct fh_reader *r, struct fh_block *block,
                                   const struct fh_path *at, yyjson_val *value)
{
    static const struct fh_member members[] = {
        FH_MEMBER("id", TEXT, struct fh_block, id),
        FH_MEMBER_NEEDED("name", TEXT, struct fh_block, name),
        FH_MEMBER_BY("response", read_object),
        FH_MEMBER_BY("parts", read_pieces),
    };
    struct fh_slice id = FH_NONE;

    FH_TRY(fh_gemini_read_object(r, &FH_SHAPE(members), block, &block->extras, at, value));
    bool found = take_call(r, block, &id);

    if (block->id.len == 0) {
        block->id_made_up = true;
        block->id = found ? id : make_up(r, block->name);
    }
    return FH_OK;
}

/* ---- data ---- */

static enum fh_block_kind kind_of(struct fh_slice media_type)
{
    static const struct {
        struct fh_slice prefix;
        enum fh_block_kind kind;
    } kinds[] = {
        {FH_LIT_INIT("image/"), FH_BLOCK_IMAGE},
        {FH_LIT_INIT("audio/"), FH_BLOCK_AUDIO},
        {FH_LIT_INIT("video/"), FH_BLOCK_VIDEO},
    };

    for (size_t i = 0; i < FH_LEN(kinds); i++) {
        if (fh_starts(media_type, kinds[i].prefix)) {
            return kinds[i].kind;
        }
    }
    return FH_BLOCK_DOCUMENT;
}

/* source_of: what Google keeps is at its own hosts; YouTube, and any other URL, is not kept. */
static enum fh_source source_of(struct fh_slice uri)
{
    bool web = fh_starts(uri, FH_LIT("https://")) || fh_starts(uri, FH_LIT("http://"));

    return !web || fh_starts(uri, FH_LIT("https://generativelanguage.googleapis.com/"))
               ? FH_SOURCE_FILE
               : FH_SOURCE_URL;
}

/* as_text reads a plain text document, which others take as text. Only one that is the same again
 * when it is written as base64. */
static void as_text(struct fh_reader *r, struct fh_block *block)
{
    struct fh_buf text = fh_buf_in_arena(r->arena, block->data.len);

    if (fh_starts(block->media_type, FH_LIT("text/plain")) &&
        fh_base64_decode(&text, block->data) == FH_OK && fh_utf8_ok(fh_buf_slice(&text))) {
        block->source = FH_SOURCE_TEXT;
        block->data = fh_buf_slice(&text);
    }
}

enum fh_rc fh_gemini_add_media(struct fh_reader *r, struct fh_blocks *list,
                               const struct fh_path *at, yyjson_val *data, yyjson_val *part)
{
    static const struct fh_member members[] = {
        FH_MEMBER("mimeType", TEXT, struct fh_block, media_type),
        FH_MEMBER("data", TEXT, struct fh_block, data),
        FH_MEMBER("fileUri", TEXT, struct fh_block, data),
        FH_MEMBER("displayName", TEXT, struct fh_block, name),
    };
    bool is_file = fh_eq(at->key, FH_LIT("fileData"));
    struct fh_block *block = fh_block_add(list, r->arena, FH_BLOCK_DOCUMENT);

    block->pointer = fh_path_print(at->up, FH_NONE, r->arena);
    FH_TRY(fh_gemini_read_object(r, &FH_SHAPE(members), block, &block->extras, at, data));
    block->kind = kind_of(block->media_type);
    block->source = is_file ? source_of(block->data) : FH_SOURCE_BASE64;
    if (block->kind == FH_BLOCK_DOCUMENT && !is_file) {
        as_text(r, block);
    }
    if (block->data.ptr == NULL || (block->media_type.ptr == NULL && !is_file) ||
        (block->kind == FH_BLOCK_AUDIO && is_file)) {
        /* nobody else would know what to make of it */
        *block =
            (struct fh_block){.kind = FH_BLOCK_OPAQUE, .raw = part, .pointer = block->pointer};
    }
    return FH_OK;
}
