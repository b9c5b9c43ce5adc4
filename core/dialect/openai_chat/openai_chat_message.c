/* openai_chat_message.c: a client's messages become messages of blocks.
 * SPDX-License-Identifier: Apache-2.0 */
#include "openai_chat.h"

/* A message while it is read. Its blocks are joined in the order in which a model works: thinks,
 * says, calls. */
struct draft {
    struct fh_message *message;
    bool detailed; /* what was thought, reasoning_details say */
    struct fh_blocks thinking, content, refusal, calls;
    struct fh_slice tool_call_id;
};

/* Only an assistant thinks, declines and calls; in other messages such members mean nothing to us
 * and are extras. */
static bool by_assistant(const struct draft *draft)
{
    return draft->message->role == FH_ROLE_ASSISTANT;
}

static struct fh_block *add(struct fh_reader *r, struct fh_blocks *list,
                            enum fh_block_kind kind, const struct fh_path *at)
{
    struct fh_block *block = fh_block_add(list, r->arena, kind);

    block->pointer = fh_path_print(at, FH_NONE, r->arena);
    return block;
}

static enum fh_rc read_content(struct fh_reader *r, void *into, const struct fh_path *at,
                               yyjson_val *value)
{
    struct draft *draft = into;

    if (yyjson_is_str(value)) {
        struct fh_block *block = add(r, &draft->content, FH_BLOCK_TEXT, at);

        block->text = fh_json_text(value);
        block->from_string = true;
        return FH_OK;
    }
    if (!yyjson_is_arr(value)) {
        return fh_read_wrong(r, at, "a string, a list of parts or null", value);
    }
    if (yyjson_arr_size(value) == 0) {
        (void)fh_read_keep(r, &draft->message->extras, at, value);
    }
    FH_TRY(fh_read_list(r, &draft->content, at, value, fh_openai_chat_read_part));
    fh_openai_chat_join_thoughts(r->arena, &draft->content);
    return FH_OK;
}

/* Compatible providers name it either way, some say both: then the second repeats the first. What
 * the details say is not said twice. */
static enum fh_rc read_thinking(struct fh_reader *r, void *into, const struct fh_path *at,
                                yyjson_val *value)
{
    struct draft *draft = into;

    if (!yyjson_is_str(value) || draft->thinking.first != NULL || draft->detailed ||
        !by_assistant(draft)) {
        fh_read_keep(r, &draft->message->extras, at, value)->repeats =
            yyjson_is_str(value) && by_assistant(draft);
        return FH_OK;
    }
    struct fh_block *block = add(r, &draft->thinking, FH_BLOCK_THINKING, at);

    block->text = fh_json_text(value);
    block->name = at->key;
    return FH_OK;
}

static enum fh_rc read_detail(struct fh_reader *r, void *into, const struct fh_path *at,
                              yyjson_val *value)
{
    struct fh_openai_chat_detail detail;
    bool known = fh_openai_chat_read_detail(&detail, r->arena, value);
    struct fh_block *block = add(r, into, known ? detail.kind : FH_BLOCK_OPAQUE, at);

    if (known) {
        fh_openai_chat_keep_others(&block->extras, r->arena, at, value, detail.form);
    }
    block->raw = value;
    block->text = detail.text;
    block->signature = detail.signature;
    block->data = detail.data;
    block->signer = detail.signer;
    return FH_OK;
}

static enum fh_rc read_details(struct fh_reader *r, void *into, const struct fh_path *at,
                               yyjson_val *value)
{
    struct draft *draft = into;

    if (!draft->detailed) {
        (void)fh_read_keep(r, &draft->message->extras, at, value);
        return FH_OK;
    }
    return fh_read_list(r, &draft->thinking, at, value, read_detail);
}

static enum fh_rc read_refusal(struct fh_reader *r, void *into, const struct fh_path *at,
                               yyjson_val *value)
{
    struct draft *draft = into;

    if (!by_assistant(draft)) {
        (void)fh_read_keep(r, &draft->message->extras, at, value);
        return FH_OK;
    }
    if (!yyjson_is_str(value)) {
        return fh_read_wrong(r, at, "a string or null", value);
    }
    struct fh_block *block = add(r, &draft->refusal, FH_BLOCK_REFUSAL, at);

    block->text = fh_json_text(value);
    block->from_string = true;
    return FH_OK;
}

/* What an SDK adds to the answers that its clients send back says nothing new: the number that a
 * call had in the stream, arguments and content as objects, Mistral's `prefix` (where it is true
 * the message is the last one). */
static enum fh_rc read_repeated(struct fh_reader *r, void *into, const struct fh_path *at,
                                yyjson_val *value)
{
    struct fh_block *block = into;

    fh_read_keep(r, &block->extras, at, value)->repeats = true;
    return FH_OK;
}

static enum fh_rc read_added(struct fh_reader *r, void *into, const struct fh_path *at,
                             yyjson_val *value)
{
    struct draft *draft = into;

    fh_read_keep(r, &draft->message->extras, at, value)->repeats = by_assistant(draft);
    return FH_OK;
}

static enum fh_rc read_function(struct fh_reader *r, void *into, const struct fh_path *at,
                                yyjson_val *value)
{
    static const struct fh_member members[] = {
        FH_MEMBER_NEEDED("name", TEXT, struct fh_block, name),
        FH_MEMBER("arguments", TEXT, struct fh_block, arguments),
        FH_MEMBER_BY("parsed_arguments", read_repeated),
    };
    struct fh_block *block = into;

    return fh_read_object(r, &FH_SHAPE(members), block, &block->extras, at, value);
}

/* Google's place for the signature of a call. */
static enum fh_rc read_extra_content(struct fh_reader *r, void *into, const struct fh_path *at,
                                     yyjson_val *value)
{
    struct fh_block *block = into;
    bool alone = false;

    block->signature = fh_openai_chat_call_signature(r->arena, value, &block->signer, &alone);
    fh_read_keep(r, &block->extras, at, value)->repeats = alone;
    return FH_OK;
}

static enum fh_rc read_call(struct fh_reader *r, void *into, const struct fh_path *at,
                            yyjson_val *value)
{
    static const struct fh_member members[] = {
        FH_MEMBER("id", TEXT, struct fh_block, id),
        FH_MEMBER_IGNORED("type"),
        FH_MEMBER_NEEDED_BY("function", read_function),
        FH_MEMBER_BY("extra_content", read_extra_content),
        FH_MEMBER_BY("index", read_repeated),
    };
    yyjson_val *type = fh_json_get(value, FH_LIT("type"));
    struct fh_block *block = add(r, into, FH_BLOCK_TOOL_CALL, at);

    if (yyjson_is_str(type) && !fh_eq(fh_json_text(type), FH_LIT("function"))) {
        block->kind = FH_BLOCK_OPAQUE; /* "custom", and whatever follows it */
        block->raw = value;
        return FH_OK;
    }
    return fh_read_object(r, &FH_SHAPE(members), block, &block->extras, at, value);
}

static enum fh_rc read_calls(struct fh_reader *r, void *into, const struct fh_path *at,
                             yyjson_val *value)
{
    struct draft *draft = into;

    if (yyjson_is_arr(value) && (yyjson_arr_size(value) == 0 || !by_assistant(draft))) {
        (void)fh_read_keep(r, &draft->message->extras, at, value);
        return FH_OK;
    }
    return fh_read_list(r, &draft->calls, at, value, read_call);
}

static enum fh_rc read_call_id(struct fh_reader *r, void *into, const struct fh_path *at,
                               yyjson_val *value)
{
    struct draft *draft = into;

    if (draft->message->role != FH_ROLE_TOOL) {
        (void)fh_read_keep(r, &draft->message->extras, at, value);
        return FH_OK;
    }
    if (!yyjson_is_str(value)) {
        return fh_read_wrong(r, at, "a string", value);
    }
    draft->tool_call_id = fh_json_text(value);
    return FH_OK;
}

/* A tool's answer names the tool, which the call it answers does as well. */
static enum fh_rc read_name(struct fh_reader *r, void *into, const struct fh_path *at,
                            yyjson_val *value)
{
    struct draft *draft = into;

    if (!yyjson_is_str(value)) {
        return fh_read_wrong(r, at, "a string", value);
    }
    if (draft->message->role == FH_ROLE_TOOL) {
        fh_read_keep(r, &draft->message->extras, at, value)->repeats = true;
    } else {
        draft->message->name = fh_json_text(value);
    }
    return FH_OK;
}

static const struct fh_member message_members[] = {
    FH_MEMBER_IGNORED("role"),
    FH_MEMBER_BY("content", read_content),
    FH_MEMBER_BY("refusal", read_refusal),
    FH_MEMBER_BY("reasoning_content", read_thinking),
    FH_MEMBER_BY("reasoning", read_thinking),
    FH_MEMBER_BY("reasoning_details", read_details),
    FH_MEMBER_BY("tool_calls", read_calls),
    FH_MEMBER_BY("tool_call_id", read_call_id),
    FH_MEMBER_BY("name", read_name),
    FH_MEMBER_BY("parsed", read_added),
    FH_MEMBER_BY("prefix", read_added),
};

static void join(struct fh_blocks *list, const struct fh_blocks *more)
{
    if (more->first == NULL) {
        return;
    }
    if (list->last == NULL) {
        list->first = more->first;
    } else {
        list->last->next = more->first;
    }
    list->last = more->last;
}

/* put_together makes the message's blocks of its parts. A tool's message is one result block. */
static void put_together(struct fh_reader *r, struct draft *draft)
{
    struct fh_blocks *list = &draft->message->content;

    if (draft->message->role == FH_ROLE_TOOL) {
        struct fh_block *result = fh_block_add(list, r->arena, FH_BLOCK_TOOL_RESULT);

        result->id = draft->tool_call_id;
        result->pointer = draft->message->pointer;
        list = &result->content;
    }
    join(list, &draft->thinking);
    join(list, &draft->content);
    join(list, &draft->refusal);
    join(list, &draft->calls);
}

/* read_old keeps a message of the form before tools, which only this dialect has. */
static enum fh_rc read_old(struct fh_reader *r, const struct fh_path *at, yyjson_val *value)
{
    struct fh_message *message = fh_message_add(r->req, r->arena, FH_ROLE_USER);
    struct fh_block *block = add(r, &message->content, FH_BLOCK_OPAQUE, at);

    message->pointer = block->pointer;
    block->raw = value;
    return FH_OK;
}

enum fh_rc fh_openai_chat_read_message(struct fh_reader *r, void *into,
                                       const struct fh_path *at, yyjson_val *value)
{
    yyjson_val *word = fh_json_get(value, FH_LIT("role"));
    struct fh_path role_at = {.up = at, .key = FH_LIT("role")};
    size_t role = fh_read_word(fh_openai_chat_roles, FH_OPENAI_CHAT_ROLES, fh_json_text(word));

    FH_UNUSED(into);
    if (!yyjson_is_obj(value)) {
        return fh_read_wrong(r, at, "an object with role and content", value);
    }
    if (!yyjson_is_str(word)) {
        return word == NULL ? fh_read_missing(r, at, "a role")
                            : fh_read_wrong(r, &role_at, "a string", word);
    }
    if (fh_eq(fh_json_text(word), FH_LIT("function"))) {
        return read_old(r, at, value);
    }
    if (role == FH_OPENAI_CHAT_ROLES) {
        return fh_read_wrong(r, &role_at, "one of developer, system, user, assistant and tool",
                             word);
    }
    struct draft draft = {
        .message = fh_message_add(r->req, r->arena, (enum fh_role)role),
        .detailed = role == FH_ROLE_ASSISTANT &&
                    fh_openai_chat_has_details(fh_json_get(value, FH_LIT("reasoning_details"))),
    };

    draft.message->pointer = fh_path_print(at, FH_NONE, r->arena);
    draft.message->content_null = yyjson_is_null(fh_json_get(value, FH_LIT("content")));
    FH_TRY(fh_read_object(r, &FH_SHAPE(message_members), &draft, &draft.message->extras, at,
                          value));
    if (draft.message->role == FH_ROLE_TOOL && draft.tool_call_id.ptr == NULL) {
        return fh_read_missing(r, at, "a tool_call_id, the id of the call that it answers");
    }
    put_together(r, &draft);
    return FH_OK;
}
