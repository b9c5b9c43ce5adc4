/* openai_responses_input.c: the items of the conversation become messages and blocks. What an
 * assistant says, thinks and calls, one item after the other, is one message, as it is everywhere
 * else; each answer of a tool is a message of its own.
 * SPDX-License-Identifier: Apache-2.0 */
#include "dialect/openai_responses/openai_responses.h"

/* A call and its signature are looked for among so many: no model calls more at once. */
enum { CALLS_MAX = 128 };

struct pending {
    struct pending *next;
    struct fh_slice call, signature;
    enum fh_signer signer;
};

struct fh_responses_input {
    struct fh_message
        *turn; /* the assistant's, while its items follow one another; else NULL */
    struct pending *pending; /* of the turn */
    uint32_t pending_count;
};

struct fh_responses_input *fh_responses_input_new(struct fh_arena *arena)
{
    return fh_new(arena, struct fh_responses_input);
}

/* One item while it is read. */
struct draft {
    struct fh_responses_content into;
    struct fh_message *message; /* whose blocks these are */
    struct fh_block *before;    /* the last block that was there before */
    struct fh_slice encrypted;
    yyjson_val *summary, *content;
};

/* ---- items ---- */

/* take_turn gives the message of the assistant's turn, begun if it is not. */
static struct fh_message *take_turn(struct fh_reader *r, const struct fh_path *at)
{
    struct fh_responses_input *input = r->own;

    if (input->turn == NULL) {
        input->turn = fh_message_add(r->req, r->arena, FH_ROLE_ASSISTANT);
        input->turn->pointer = fh_path_print(at, FH_NONE, r->arena);
        input->pending = NULL;
        input->pending_count = 0;
    }
    return input->turn;
}

/* end_turn gives a message of another role. */
static struct fh_message *end_turn(struct fh_reader *r, const struct fh_path *at,
                                   enum fh_role role)
{
    struct fh_responses_input *input = r->own;
    struct fh_message *message = fh_message_add(r->req, r->arena, role);

    input->turn = NULL;
    message->pointer = fh_path_print(at, FH_NONE, r->arena);
    return message;
}

static struct draft new_draft(struct fh_message *message)
{
    return (struct draft){.into = {.blocks = &message->content},
                          .message = message,
                          .before = message->content.last};
}

/* finish hands what the item said of itself to its first block, or to its message. */
static void finish(struct draft *draft, yyjson_val *item)
{
    struct fh_block *first =
        draft->before == NULL ? draft->message->content.first : draft->before->next;
    struct fh_extras *extras = first == NULL ? &draft->message->extras : &first->extras;

    if (first != NULL) {
        first->item = item;
    }
    fh_extras_append(extras, &draft->into.extras);
}

/* read_opaque keeps an item whole: something that the model or the provider did, or something that
 * the model would have to see. */
static enum fh_rc read_opaque(struct fh_reader *r, const struct fh_path *at, yyjson_val *item)
{
    static const struct fh_slice said[] = {
#define X(type) FH_LIT_INIT(type),
        FH_RESPONSES_SAID(X)
#undef X
    };
    struct fh_slice type = fh_json_text(fh_json_get(item, FH_LIT("type")));
    bool by_model =
        fh_ends(type, FH_LIT("_call")) || fh_read_word(said, FH_LEN(said), type) < FH_LEN(said);
    struct fh_message *message = by_model ? take_turn(r, at) : end_turn(r, at, FH_ROLE_USER);
    struct fh_block *block = fh_responses_add_block(r, &message->content, FH_BLOCK_OPAQUE, at);

    block->raw = item;
    block->item = item;
    return FH_OK;
}

static enum fh_rc read_reference(struct fh_reader *r, const struct fh_path *at,
                                 yyjson_val *item)
{
    FH_TRY(read_opaque(r, at, item));
    struct fh_block *block = r->req->last_message->content.last;

    block->source = FH_SOURCE_FILE;
    block->data = fh_json_text(fh_json_get(item, FH_LIT("id")));
    return FH_OK;
}

static enum fh_rc read_content(struct fh_reader *r, void *into, const struct fh_path *at,
                               yyjson_val *value)
{
    struct draft *draft = into;

    return fh_responses_read_content(r, &draft->into, at, value);
}

static const struct fh_member message_members[] = {
    FH_MEMBER_IGNORED("type"),
    FH_MEMBER_IGNORED("id"),
    FH_MEMBER_IGNORED("role"),
    FH_MEMBER_IGNORED("status"),
    FH_MEMBER_NEEDED_BY("content", read_content),
};

static enum fh_rc read_message(struct fh_reader *r, const struct fh_path *at, yyjson_val *item)
{
    yyjson_val *role = fh_json_get(item, FH_LIT("role"));
    size_t known = fh_read_word(fh_responses_roles, FH_RESPONSES_ROLES, fh_json_text(role));
    struct fh_path role_at = {.up = at, .key = FH_LIT("role")};

    if (role == NULL) {
        return fh_read_missing(r, at, "a role: user, assistant, system or developer");
    }
    if (known == FH_RESPONSES_ROLES) {
        return yyjson_is_str(role)
                   ? fh_read_refuse(r, &role_at, "must be user, assistant, system or developer")
                   : fh_read_wrong(r, &role_at, "a string", role);
    }
    struct draft draft = new_draft(
        known == FH_ROLE_ASSISTANT ? take_turn(r, at) : end_turn(r, at, (enum fh_role)known));

    FH_TRY(fh_read_object(r, &FH_SHAPE(message_members), &draft, &draft.into.extras, at, item));
    finish(&draft, item);
    return FH_OK;
}

/* take_pending gives a call its signature, if that came before it. */
static void take_pending(struct fh_reader *r, struct fh_block *call)
{
    struct fh_responses_input *input = r->own;

    for (struct pending **link = &input->pending; *link != NULL; link = &(*link)->next) {
        if (fh_eq((*link)->call, call->id)) {
            call->signature = (*link)->signature;
            call->signer = (*link)->signer;
            *link = (*link)->next;
            input->pending_count--;
            return;
        }
    }
}

static const struct fh_member call_members[] = {
    FH_MEMBER_IGNORED("type"),
    FH_MEMBER_IGNORED("id"),
    FH_MEMBER_IGNORED("status"),
    FH_MEMBER_NEEDED("call_id", TEXT, struct fh_block, id),
    FH_MEMBER_NEEDED("name", TEXT, struct fh_block, name),
    FH_MEMBER("arguments", TEXT, struct fh_block, arguments),
};

static enum fh_rc read_call(struct fh_reader *r, const struct fh_path *at, yyjson_val *item)
{
    struct draft draft = new_draft(take_turn(r, at));
    struct fh_block *block =
        fh_responses_add_block(r, draft.into.blocks, FH_BLOCK_TOOL_CALL, at);

    FH_TRY(fh_read_object(r, &FH_SHAPE(call_members), block, &block->extras, at, item));
    finish(&draft, item);
    take_pending(r, block);
    return FH_OK;
}

static enum fh_rc read_output(struct fh_reader *r, void *into, const struct fh_path *at,
                              yyjson_val *value)
{
    struct fh_block *result = into;
    struct fh_responses_content inner = {.blocks = &result->content};

    FH_TRY(fh_responses_read_content(r, &inner, at, value));
    if (inner.extras.first != NULL) { /* an empty list */
        fh_read_keep(r, &result->extras, at, value);
    }
    return FH_OK;
}

static const struct fh_member output_members[] = {
    FH_MEMBER_IGNORED("type"),
    FH_MEMBER_IGNORED("id"),
    FH_MEMBER_IGNORED("status"),
    FH_MEMBER_NEEDED("call_id", TEXT, struct fh_block, id),
    FH_MEMBER_NEEDED_BY("output", read_output),
};

static enum fh_rc read_answer(struct fh_reader *r, const struct fh_path *at, yyjson_val *item)
{
    struct draft draft = new_draft(end_turn(r, at, FH_ROLE_TOOL));
    struct fh_block *block =
        fh_responses_add_block(r, draft.into.blocks, FH_BLOCK_TOOL_RESULT, at);

    FH_TRY(fh_read_object(r, &FH_SHAPE(output_members), block, &block->extras, at, item));
    finish(&draft, item);
    return FH_OK;
}

/* ---- reasoning ---- */

/* join puts the texts of a list of parts behind one another, a blank line between them. */
static void join(struct fh_buf *out, yyjson_val *list)
{
    yyjson_arr_iter iter = yyjson_arr_iter_with(list);

    for (yyjson_val *part = NULL; (part = yyjson_arr_iter_next(&iter)) != NULL;) {
        fh_buf_append(out, out->len > 0 ? FH_LIT("\n\n") : FH_NONE);
        fh_buf_append(out, fh_json_text(fh_json_get(part, FH_LIT("text"))));
    }
}

/* thoughts gives the text of a reasoning item. One part, as ours always have, is not copied. */
static struct fh_slice thoughts(struct fh_reader *r, const struct draft *draft)
{
    size_t count = yyjson_arr_size(draft->summary) + yyjson_arr_size(draft->content);
    struct fh_buf text = fh_buf_in_arena(r->arena, SIZE_MAX / 4);

    if (count == 1) {
        yyjson_val *part = yyjson_arr_get_first(
            yyjson_arr_size(draft->summary) > 0 ? draft->summary : draft->content);

        return fh_json_text(fh_json_get(part, FH_LIT("text")));
    }
    join(&text, draft->summary);
    join(&text, draft->content);
    return fh_buf_slice(&text);
}

/* sign_call gives the signature to its call: one of this turn that is there, or that will come. We
 * wrote it behind the call; clients that keep calls and reasoning apart put it anywhere. */
static void sign_call(struct fh_reader *r, struct fh_slice call, struct fh_slice signature,
                      enum fh_signer signer)
{
    struct fh_responses_input *input = r->own;
    struct fh_block *block = input->turn->content.first;

    for (uint32_t n = 0; block != NULL && n < CALLS_MAX; n++, block = block->next) {
        if (block->kind == FH_BLOCK_TOOL_CALL && fh_eq(block->id, call)) {
            block->signature = signature;
            block->signer = signer;
            return;
        }
    }
    if (input->pending_count < CALLS_MAX) {
        struct pending *pending = fh_new(r->arena, struct pending);

        *pending = (struct pending){input->pending, call, signature, signer};
        input->pending = pending;
        input->pending_count++;
    }
}

/* keep_parts keeps what the parts of a list have beside their texts. */
static void keep_parts(struct fh_reader *r, struct draft *draft, const struct fh_path *item,
                       struct fh_slice key, yyjson_val *list)
{
    struct fh_path place = {.up = item, .key = key};
    struct fh_path at = {.up = &place};
    yyjson_arr_iter iter = yyjson_arr_iter_with(list);

    for (; yyjson_arr_iter_has_next(&iter); at.index++) {
        fh_responses_note(&draft->into.extras, r->arena, &at, FH_RESPONSES_A_THOUGHT,
                          yyjson_arr_iter_next(&iter));
    }
}

static const struct fh_member reasoning_members[] = {
    FH_MEMBER_IGNORED("type"),
    FH_MEMBER_IGNORED("id"),
    FH_MEMBER_IGNORED("status"),
    FH_MEMBER("summary", LIST, struct draft, summary),
    FH_MEMBER("content", LIST, struct draft, content),
    FH_MEMBER("encrypted_content", TEXT, struct draft, encrypted),
};

/* read_reasoning: with text it is thinking; without, it is thinking that only its provider can
 * read, or the signature of a call. */
static enum fh_rc read_reasoning(struct fh_reader *r, const struct fh_path *at,
                                 yyjson_val *item)
{
    struct draft draft = new_draft(take_turn(r, at));
    enum fh_responses_proof proof = FH_RESPONSES_SIGNATURE;
    enum fh_signer signer = FH_SIGNER_UNKNOWN;
    struct fh_slice call = FH_NONE;

    FH_TRY(
        fh_read_object(r, &FH_SHAPE(reasoning_members), &draft, &draft.into.extras, at, item));
    keep_parts(r, &draft, at, FH_LIT("summary"), draft.summary);
    keep_parts(r, &draft, at, FH_LIT("content"), draft.content);
    struct fh_slice text = thoughts(r, &draft);
    struct fh_slice signature =
        draft.encrypted.len == 0
            ? FH_NONE
            : fh_responses_unseal(r->arena, draft.encrypted, &proof, &call, &signer);

    if (proof == FH_RESPONSES_CALL) {
        sign_call(r, call, signature, signer);
        fh_extras_append(&draft.message->extras, &draft.into.extras);
        return FH_OK;
    }
    if (text.len == 0 && signature.len == 0) {
        return read_opaque(r, at, item); /* it says nothing but its id */
    }
    bool hidden =
        proof == FH_RESPONSES_REDACTED || (signer == FH_SIGNER_OPENAI && text.len == 0);
    struct fh_block *block =
        fh_responses_add_block(r, draft.into.blocks,
                               hidden ? FH_BLOCK_REDACTED : FH_BLOCK_THINKING, at);

    block->text = hidden ? FH_NONE : text;
    block->data = hidden ? signature : FH_NONE;
    block->signature = hidden ? FH_NONE : signature;
    block->signer = signer;
    finish(&draft, item);
    return FH_OK;
}

/* ---- the list ---- */

static const struct {
    struct fh_slice type;
    enum fh_rc (*read)(struct fh_reader *r, const struct fh_path *at, yyjson_val *item);
} kinds[] = {
    {FH_LIT_INIT("message"), read_message},
    {FH_LIT_INIT("function_call"), read_call},
    {FH_LIT_INIT("function_call_output"), read_answer},
    {FH_LIT_INIT("reasoning"), read_reasoning},
    {FH_LIT_INIT("item_reference"), read_reference},
};

static enum fh_rc read_item(struct fh_reader *r, void *into, const struct fh_path *at,
                            yyjson_val *item)
{
    yyjson_val *type = fh_json_get(item, FH_LIT("type"));

    FH_UNUSED(into);
    if (!yyjson_is_obj(item)) {
        return fh_read_wrong(r, at, "an object", item);
    }
    if (type == NULL || yyjson_is_null(type)) {
        /* a message may do without; of all others an item_reference alone */
        bool reference = fh_json_get(item, FH_LIT("role")) == NULL &&
                         yyjson_is_str(fh_json_get(item, FH_LIT("id")));

        return reference ? read_reference(r, at, item) : read_message(r, at, item);
    }
    for (size_t i = 0; i < FH_LEN(kinds); i++) {
        if (fh_eq(kinds[i].type, fh_json_text(type))) {
            return kinds[i].read(r, at, item);
        }
    }
    return read_opaque(r, at, item);
}

enum fh_rc fh_responses_read_input(struct fh_reader *r, void *into, const struct fh_path *at,
                                   yyjson_val *value)
{
    if (!yyjson_is_str(value) && !yyjson_is_arr(value)) {
        return fh_read_wrong(r, at, "a string or a list of items", value);
    }
    if (yyjson_is_arr(value)) {
        return fh_read_list(r, into, at, value, read_item);
    }
    struct fh_message *message = end_turn(r, at, FH_ROLE_USER);
    struct fh_block *block = fh_responses_add_block(r, &message->content, FH_BLOCK_TEXT, at);

    block->text = fh_json_text(value);
    block->from_string = true;
    return FH_OK;
}
