/* gemini_contents_in.c: contents and their parts become messages and blocks.
 *
 * A signature stands beside any part. Of a thought or a call it is a field of the block; of any
 * other part it becomes a block of its own behind it, thinking without words, since that is what
 * other dialects have a place for. The two have one pointer: so it is known where it goes back
 * to.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "dialect/gemini/gemini.h"

struct part {
    struct fh_slice text, signature;
    yyjson_val *thought, *call, *response, *inline_data, *file_data;
};

static const struct fh_member part_members[] = {
    FH_MEMBER("text", TEXT, struct part, text),
    FH_MEMBER("thought", ANY, struct part, thought),
    FH_MEMBER("thoughtSignature", TEXT, struct part, signature),
    FH_MEMBER("functionCall", OBJECT, struct part, call),
    FH_MEMBER("functionResponse", OBJECT, struct part, response),
    FH_MEMBER("inlineData", OBJECT, struct part, inline_data),
    FH_MEMBER("fileData", OBJECT, struct part, file_data),
};

static size_t kinds_in(const struct part *part)
{
    return (size_t)(part->text.ptr != NULL) + (size_t)(part->call != NULL) +
           (size_t)(part->response != NULL) + (size_t)(part->inline_data != NULL) +
           (size_t)(part->file_data != NULL);
}

/* sign takes a signature off its seal. Thinking that only its provider can read is marked in it. */
static void sign(struct fh_reader *r, struct fh_block *block, struct fh_slice signature)
{
    if (signature.len == 0) {
        return;
    }
    struct fh_slice data = fh_seal_read(r->arena, FH_SIGNER_GEMINI, signature, &block->signer);
    bool redacted =
        block->signer != FH_SIGNER_GEMINI && fh_take(&data, FH_LIT(FH_GEMINI_REDACTED));

    if (redacted && block->kind == FH_BLOCK_THINKING) {
        block->kind = FH_BLOCK_REDACTED;
        block->data = data;
        return;
    }
    block->signature = data;
}

static struct fh_block *add_block(struct fh_reader *r, struct fh_blocks *list,
                                  enum fh_block_kind kind, const struct fh_path *at)
{
    struct fh_block *block = fh_block_add(list, r->arena, kind);

    block->pointer = fh_path_print(at, FH_NONE, r->arena);
    return block;
}

static enum fh_rc add_data(struct fh_reader *r, struct fh_blocks *list,
                           const struct fh_path *at, const struct part *part, yyjson_val *value)
{
    struct fh_path call = {.up = at, .key = FH_LIT("functionCall")};
    struct fh_path response = {.up = at, .key = FH_LIT("functionResponse")};

    if (part->call != NULL) {
        struct fh_block *block = add_block(r, list, FH_BLOCK_TOOL_CALL, at);

        sign(r, block, part->signature);
        return fh_gemini_read_call(r, block, &call, part->call);
    }
    if (part->response != NULL) {
        return fh_gemini_read_response(r, add_block(r, list, FH_BLOCK_TOOL_RESULT, at),
                                       &response, part->response);
    }
    yyjson_val *data = part->inline_data != NULL ? part->inline_data : part->file_data;
    struct fh_path place = {
        .up = at, .key = part->inline_data != NULL ? FH_LIT("inlineData") : FH_LIT("fileData")};

    return fh_gemini_add_media(r, list, &place, data, value);
}

static void add_opaque(struct fh_reader *r, struct fh_blocks *list, const struct fh_path *at,
                       yyjson_val *value)
{
    add_block(r, list, FH_BLOCK_OPAQUE, at)->raw = value;
}

/* add_extras puts what the part has beside its content to the block that it became. */
static void add_extras(struct fh_reader *r, struct fh_block *block, const struct fh_path *at,
                       const struct part *part, const struct fh_extras *extras)
{
    struct fh_path thought = {.up = at, .key = FH_LIT("thought")};
    bool thinks = block->kind == FH_BLOCK_THINKING || block->kind == FH_BLOCK_REDACTED;

    fh_extras_append(&block->extras, extras);
    if (part->thought != NULL && !(thinks && yyjson_is_true(part->thought))) {
        (void)fh_read_keep(r, &block->extras, &thought, part->thought);
    }
}

static enum fh_rc read_part(struct fh_reader *r, void *into, const struct fh_path *at,
                            yyjson_val *value)
{
    struct fh_blocks *list = into;
    struct fh_extras extras = {0};
    struct part part = {0};
    bool thought = false;

    FH_TRY(fh_gemini_read_object(r, &FH_SHAPE(part_members), &part, &extras, at, value));
    thought = yyjson_is_true(part.thought);
    if (kinds_in(&part) > 1) {
        return fh_read_refuse(r, at, "has more than one kind of content; one is right");
    }
    if (kinds_in(&part) == 0 && (extras.first != NULL || part.signature.len == 0)) {
        add_opaque(r, list, at, value); /* with all that stands beside it */
        return FH_OK;
    }
    if (thought && (part.text.ptr != NULL || kinds_in(&part) == 0)) {
        struct fh_block *block = add_block(r, list, FH_BLOCK_THINKING, at);

        block->text = part.text.ptr != NULL ? part.text : FH_LIT("");
        sign(r, block, part.signature);
        add_extras(r, block, at, &part, &extras);
        return FH_OK;
    }
    if (part.text.ptr != NULL) {
        add_block(r, list, FH_BLOCK_TEXT, at)->text = part.text;
    } else if (kinds_in(&part) > 0) {
        FH_TRY(add_data(r, list, at, &part, value));
        if (list->last->kind == FH_BLOCK_OPAQUE) {
            return FH_OK;
        }
    }
    if (kinds_in(&part) > 0) {
        add_extras(r, list->last, at, &part, &extras);
    }
    if (part.signature.len > 0 && part.call == NULL) {
        sign(r, add_block(r, list, FH_BLOCK_THINKING, at), part.signature);
    }
    return FH_OK;
}

/* ---- contents ---- */

struct content {
    struct fh_slice role;
    yyjson_val *parts;
};

static const struct fh_member content_members[] = {
    FH_MEMBER("role", TEXT, struct content, role),
    FH_MEMBER("parts", ANY, struct content, parts),
};

/* role_of: a content without a role is the user's; "function" is how answers of tools were said
 * before they were the user's. */
static bool role_of(struct fh_slice word, enum fh_role *role)
{
    static const struct {
        struct fh_slice word;
        enum fh_role role;
    } roles[] = {
        {FH_LIT_INIT("user"), FH_ROLE_USER},
        {FH_LIT_INIT("model"), FH_ROLE_ASSISTANT},
        {FH_LIT_INIT("function"), FH_ROLE_TOOL},
        {FH_LIT_INIT(""), FH_ROLE_USER},
    };

    for (size_t i = 0; i < FH_LEN(roles); i++) {
        if (fh_eq(roles[i].word, word)) {
            *role = roles[i].role;
            return true;
        }
    }
    return false;
}

static enum fh_rc read_content(struct fh_reader *r, void *into, const struct fh_path *at,
                               yyjson_val *value)
{
    struct fh_path parts = {.up = at, .key = FH_LIT("parts")};
    struct fh_path place = {.up = at, .key = FH_LIT("role")};
    const struct fh_message *before = r->req->last_message;
    struct content content = {0};
    struct fh_extras extras = {0};
    enum fh_role role = FH_ROLE_USER;

    FH_UNUSED(into);
    FH_TRY(fh_gemini_read_object(r, &FH_SHAPE(content_members), &content, &extras, at, value));
    if (!role_of(content.role, &role)) {
        struct fh_slice shown = fh_read_shown(content.role);

        return fh_read_refuse(r, &place, "must be user or model, not \"%.*s\"", FH_ARG(shown));
    }
    struct fh_message *message = fh_message_add(r->req, r->arena, role);

    message->pointer = fh_path_print(at, FH_NONE, r->arena);
    message->extras = extras;
    message->goes_on =
        role == FH_ROLE_ASSISTANT && before != NULL && before->role == FH_ROLE_ASSISTANT;
    return content.parts == NULL
               ? FH_OK
               : fh_gemini_read_many(r, &message->content, &parts, content.parts, read_part);
}

enum fh_rc fh_gemini_read_contents(struct fh_reader *r, void *into, const struct fh_path *at,
                                   yyjson_val *value)
{
    return fh_gemini_read_many(r, into, at, value, read_content);
}

enum fh_rc fh_gemini_read_system(struct fh_reader *r, void *into, const struct fh_path *at,
                                 yyjson_val *value)
{
    static const struct fh_member members[] = {
        FH_MEMBER("parts", ANY, struct content, parts),
    };
    struct fh_path parts = {.up = at, .key = FH_LIT("parts")};
    struct fh_chat_request *req = into;
    struct content content = {0};

    if (yyjson_is_str(value)) {
        struct fh_block *text = add_block(r, &req->system, FH_BLOCK_TEXT, at);

        text->text = fh_json_text(value);
        text->from_string = true;
        return FH_OK;
    }
    if (yyjson_is_obj(value) && yyjson_obj_size(value) == 0) {
        (void)fh_read_keep(r, &req->extras, at, value);
    }
    FH_TRY(fh_gemini_read_object(r, &FH_SHAPE(members), &content, &req->extras, at, value));
    for (struct fh_extra *e = req->extras.first; e != NULL; e = e->next) {
        e->repeats = e->repeats || (fh_eq(e->key, FH_LIT("role")) &&
                                    fh_starts(e->pointer, FH_LIT("/systemInstruction/")));
    }
    return content.parts == NULL
               ? FH_OK
               : fh_gemini_read_many(r, &req->system, &parts, content.parts, read_part);
}
