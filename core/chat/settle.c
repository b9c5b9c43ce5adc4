/* settle.c: walks a request and asks the two ledgers about what is there.
 * SPDX-License-Identifier: Apache-2.0 */
#include "chat/settle.h"

#include "chat/openapi.h"
#include "chat/turn.h"

struct walk {
    const struct fh_settling *s;
    struct fh_complaint *why;
    struct fh_chat_request *req;
    const char *no_counterpart;
};

/* suffix is what stands behind the last "#" of a pointer. */
static struct fh_slice suffix(struct fh_slice pointer)
{
    size_t at = pointer.len;

    while (at > 0 && pointer.ptr[at - 1] != '#') {
        at--;
    }
    return fh_tail(pointer, at);
}

/* place gives the pointer of a field: that of its block with what the ledger has behind it, or the
 * ledger's own. */
static struct fh_slice place(const struct fh_settling *s, enum fh_field field,
                             struct fh_slice block)
{
    struct fh_slice pointer = s->from[field].pointer;

    if (block.ptr == NULL) {
        return pointer;
    }
    struct fh_slice parts[] = {block, suffix(pointer)};

    return fh_concat(s->arena, parts, FH_LEN(parts));
}

/* decide looks a field up that is there. `block` is the pointer of the block or tool it is part of,
 * or empty. Gives whether it is dropped. */
static enum fh_rc decide(struct walk *w, enum fh_field field, struct fh_slice block, bool *drop)
{
    const struct fh_cell *to = &w->s->to[field];

    *drop = to->fate == FH_FATE_DROPPED;
    if (to->fate == FH_FATE_MAPPED) {
        return FH_OK;
    }
    struct fh_slice pointer = place(w->s, field, block);

    if (to->fate == FH_FATE_REFUSED) {
        struct fh_slice parts[] = {pointer, FH_LIT(": "), fh_cstr(to->why)};

        *w->why = (struct fh_complaint){.kind = FH_REFUSE_UNSUPPORTED,
                                        .message = fh_concat(w->s->arena, parts, FH_LEN(parts)),
                                        .pointer = pointer};
        return FH_E_SUPPORT;
    }
    fh_loss_add(w->s->loss, pointer, to->why);
    return FH_OK;
}

static void lose_extras(struct walk *w, const struct fh_extras *list)
{
    fh_extras_lose(list, w->s->loss, w->no_counterpart);
}

/* is_text says whether a value reads `json`. */
static bool is_text(struct walk *w, yyjson_val *val, struct fh_slice json)
{
    struct fh_buf printed = fh_buf_in_arena(w->s->arena, SIZE_MAX / 4);

    if (json.len == 0 || (yyjson_is_ctn(val) && yyjson_get_len(val) > 1)) {
        return false;
    }
    fh_json_append_val(&printed, w->s->arena, val);
    return fh_eq(fh_buf_slice(&printed), json);
}

static enum fh_rc settle_values(struct walk *w)
{
    for (int field = 0; field < FH_VALUES; field++) {
        yyjson_val **value = &w->req->value[field];
        bool drop = false;

        if (*value == NULL || w->s->to[field].fate == FH_FATE_MAPPED) {
            continue;
        }
        if (is_text(w, *value, fh_field_row((enum fh_field)field)->for_nothing)) {
            *value = NULL;
            continue;
        }
        FH_TRY(decide(w, (enum fh_field)field, FH_NONE, &drop));
        *value = drop ? NULL : *value;
    }
    return FH_OK;
}

/* settle_cache looks at a breakpoint of a block or a tool. */
static enum fh_rc settle_cache(struct walk *w, enum fh_field field, struct fh_slice block,
                               struct fh_slice at, enum fh_cache *cache)
{
    bool drop = false;

    if (*cache == FH_CACHE_NONE) {
        return FH_OK;
    }
    if (at.ptr != NULL && w->s->to[field].fate == FH_FATE_DROPPED) { /* a block of its own */
        fh_loss_add(w->s->loss, at, w->s->to[field].why);
        *cache = FH_CACHE_NONE;
        return FH_OK;
    }
    FH_TRY(decide(w, field, block, &drop));
    if (!drop && *cache == FH_CACHE_1H) {
        bool shorter = w->s->to[FH_FIELD_CACHE_1H].fate != FH_FATE_MAPPED;

        FH_TRY(decide(w, FH_FIELD_CACHE_1H, block, &shorter));
        *cache = w->s->to[FH_FIELD_CACHE_1H].fate == FH_FATE_MAPPED ? *cache : FH_CACHE_DEFAULT;
    }
    *cache = drop ? FH_CACHE_NONE : *cache;
    return FH_OK;
}

/* ---- blocks ---- */

static const enum fh_field image_fields[] = {
    [FH_SOURCE_NONE] = FH_FIELD_IMAGE_BYTES, [FH_SOURCE_BASE64] = FH_FIELD_IMAGE_BYTES,
    [FH_SOURCE_URL] = FH_FIELD_IMAGE_URL,    [FH_SOURCE_FILE] = FH_FIELD_IMAGE_FILE,
    [FH_SOURCE_TEXT] = FH_FIELD_IMAGE_BYTES,
};
static const enum fh_field document_fields[] = {
    [FH_SOURCE_NONE] = FH_FIELD_DOCUMENT_BYTES, [FH_SOURCE_BASE64] = FH_FIELD_DOCUMENT_BYTES,
    [FH_SOURCE_URL] = FH_FIELD_DOCUMENT_URL,    [FH_SOURCE_FILE] = FH_FIELD_DOCUMENT_FILE,
    [FH_SOURCE_TEXT] = FH_FIELD_DOCUMENT_TEXT,
};

static enum fh_rc settle_image(struct walk *w, struct fh_block *block, bool in_result,
                               bool *drop)
{
    bool vague = false;

    if (in_result) {
        FH_TRY(decide(w, FH_FIELD_RESULT_IMAGE, block->pointer, drop));
    }
    if (!*drop) {
        FH_TRY(decide(w, image_fields[block->source], block->pointer, drop));
    }
    if (!*drop && block->detail.len > 0 && !fh_eq(block->detail, FH_LIT("auto"))) {
        FH_TRY(decide(w, FH_FIELD_IMAGE_DETAIL, block->pointer, &vague));
        block->detail = vague ? FH_NONE : block->detail;
    }
    return FH_OK;
}

static enum fh_rc settle_document(struct walk *w, struct fh_block *block, bool in_result,
                                  bool *drop)
{
    bool without = false;

    if (in_result) {
        FH_TRY(decide(w, FH_FIELD_RESULT_DOCUMENT, block->pointer, drop));
    }
    if (!*drop) {
        FH_TRY(decide(w, document_fields[block->source], block->pointer, drop));
    }
    if (!*drop && block->name.len > 0) {
        FH_TRY(decide(w, FH_FIELD_DOCUMENT_TITLE, block->pointer, &without));
        block->name = without ? FH_NONE : block->name;
    }
    if (!*drop && block->cited) {
        FH_TRY(decide(w, FH_FIELD_CITATIONS_WANTED, block->pointer, &without));
        block->cited = !without;
    }
    return FH_OK;
}

static enum fh_rc settle_thinking(struct walk *w, struct fh_block *block, bool *drop)
{
    bool redacted = block->kind == FH_BLOCK_REDACTED;

    if ((w->req->envelope.quirks & FH_QUIRK_REASONING_DETAILS) != 0) {
        return FH_OK; /* the dialect has no place for it, this server has */
    }
    if (!redacted && block->signature.len == 0) {
        return decide(w, FH_FIELD_THINKING_UNSIGNED, block->pointer, drop);
    }
    if (w->s->home != FH_SIGNER_UNKNOWN && block->signer != w->s->home) {
        return decide(w, FH_FIELD_SIGNATURE_FOREIGN, block->pointer, drop);
    }
    return decide(w, redacted ? FH_FIELD_THINKING_REDACTED : FH_FIELD_THINKING_SIGNED,
                  block->pointer, drop);
}

static enum fh_rc settle_call(struct walk *w, struct fh_block *block, bool *drop)
{
    bool unsign = false;

    FH_TRY(decide(w, FH_FIELD_CALL, block->pointer, drop));
    if (!*drop && block->signature.len > 0) {
        bool foreign = w->s->home != FH_SIGNER_UNKNOWN && block->signer != w->s->home;

        FH_TRY(decide(w, foreign ? FH_FIELD_SIGNATURE_FOREIGN : FH_FIELD_CALL_SIGNATURE,
                      block->pointer, &unsign));
        block->signature = unsign ? FH_NONE : block->signature;
    }
    return FH_OK;
}

static enum fh_rc settle_opaque(struct walk *w, const struct fh_block *block, enum fh_role role,
                                bool *drop)
{
    if (block->source == FH_SOURCE_FILE) {
        return decide(w, FH_FIELD_KEPT_ITEM, block->pointer, drop);
    }
    return decide(w, role == FH_ROLE_ASSISTANT ? FH_FIELD_OPAQUE_SAID : FH_FIELD_OPAQUE_ASKED,
                  block->pointer, drop);
}

/* settle_kind decides about what a block is, but for a tool's answer. */
static enum fh_rc settle_kind(struct walk *w, struct fh_block *block, enum fh_role role,
                              bool in_result, bool *drop)
{
    bool uncited = false;

    switch (block->kind) {
    case FH_BLOCK_TEXT:
        if (block->citations != NULL) {
            FH_TRY(decide(w, FH_FIELD_CITATIONS, block->pointer, &uncited));
            block->citations = uncited ? NULL : block->citations;
        }
        return FH_OK;
    case FH_BLOCK_IMAGE:
        return settle_image(w, block, in_result, drop);
    case FH_BLOCK_DOCUMENT:
        return settle_document(w, block, in_result, drop);
    case FH_BLOCK_AUDIO:
        return decide(w, FH_FIELD_AUDIO, block->pointer, drop);
    case FH_BLOCK_VIDEO:
        return decide(w, FH_FIELD_VIDEO, block->pointer, drop);
    case FH_BLOCK_THINKING:
    case FH_BLOCK_REDACTED:
        return settle_thinking(w, block, drop);
    case FH_BLOCK_TOOL_CALL:
        return settle_call(w, block, drop);
    case FH_BLOCK_REFUSAL:
        return decide(w, FH_FIELD_REFUSAL, block->pointer, drop);
    case FH_BLOCK_OPAQUE:
        return settle_opaque(w, block, role, drop);
    case FH_BLOCK_TOOL_RESULT:
    case FH_BLOCK_KINDS:
        break;
    }
    return FH_OK;
}

static enum fh_rc settle_block(struct walk *w, struct fh_block *block, enum fh_role role,
                               bool in_result, bool *drop)
{
    FH_TRY(settle_kind(w, block, role, in_result, drop));
    if (!*drop) {
        FH_TRY(settle_cache(w, FH_FIELD_CACHE, block->pointer, block->cache_at, &block->cache));
        lose_extras(w, &block->extras);
    }
    return FH_OK;
}

/* unlink_from takes `*link` out of its list. */
static void take_out(struct fh_blocks *list, struct fh_block **link, struct fh_block *before)
{
    if (list->last == *link) {
        list->last = before;
    }
    *link = (*link)->next;
}

static enum fh_rc settle_result(struct walk *w, struct fh_block *result)
{
    struct fh_block *before = NULL;
    bool drop = false;

    FH_TRY(decide(w, FH_FIELD_RESULT, result->pointer, &drop));
    if (result->is_error) {
        FH_TRY(decide(w, FH_FIELD_RESULT_ERROR, result->pointer, &drop));
        result->is_error = !drop;
    }
    if (result->is_json) {
        FH_TRY(decide(w, FH_FIELD_RESULT_JSON, result->pointer, &drop));
        result->is_json = w->s->to[FH_FIELD_RESULT_JSON].fate == FH_FATE_MAPPED;
    }
    for (struct fh_block **link = &result->content.first; *link != NULL;) {
        bool out = false;

        FH_TRY(settle_block(w, *link, FH_ROLE_TOOL, true, &out));
        if (out) {
            take_out(&result->content, link, before);
        } else {
            before = *link;
            link = &(*link)->next;
        }
    }
    return FH_OK;
}

static enum fh_rc settle_blocks(struct walk *w, struct fh_blocks *list, enum fh_role role)
{
    struct fh_block *before = NULL;

    for (struct fh_block **link = &list->first; *link != NULL;) {
        bool out = false;

        if ((*link)->kind == FH_BLOCK_TOOL_RESULT) {
            FH_TRY(settle_result(w, *link));
        }
        FH_TRY(settle_block(w, *link, role, false, &out));
        if (out) {
            take_out(list, link, before);
        } else {
            before = *link;
            link = &(*link)->next;
        }
    }
    return FH_OK;
}

/* ---- messages, tools and the rest ---- */

static bool instructs(const struct fh_message *message)
{
    return message->role == FH_ROLE_SYSTEM || message->role == FH_ROLE_DEVELOPER;
}

static enum fh_rc settle_message(struct walk *w, struct fh_message *message, bool first)
{
    bool drop = false;

    if (instructs(message)) {
        FH_TRY(decide(w, first ? FH_FIELD_SYSTEM : FH_FIELD_SYSTEM_MIDWAY, message->pointer,
                      &drop));
    }
    if (message->name.len > 0) {
        FH_TRY(decide(w, FH_FIELD_MESSAGE_NAME, message->pointer, &drop));
        message->name = drop ? FH_NONE : message->name;
    }
    if (message->next == NULL && message->role == FH_ROLE_ASSISTANT) {
        FH_TRY(decide(w, FH_FIELD_PREFILL, message->pointer, &drop));
    }
    lose_extras(w, &message->extras);
    return settle_blocks(w, &message->content, message->role);
}

static enum fh_rc settle_messages(struct walk *w)
{
    bool first = true;
    bool drop = false;

    if (w->req->system.first != NULL) {
        FH_TRY(decide(w, FH_FIELD_SYSTEM, FH_NONE, &drop));
        FH_TRY(settle_blocks(w, &w->req->system, FH_ROLE_SYSTEM));
    }
    for (struct fh_message *m = w->req->first_message; m != NULL; m = m->next) {
        first = first && instructs(m);
        FH_TRY(settle_message(w, m, first));
    }
    return FH_OK;
}

/* settle_schema makes JSON Schema of what is in OpenAPI's words. */
static enum fh_rc settle_schema(struct walk *w, yyjson_val **schema, bool *is_openapi)
{
    if (*schema != NULL && *is_openapi) {
        *schema = fh_openapi_schema(w->s->arena, *schema);
        *is_openapi = false;
        if (*schema == NULL) {
            *w->why = (struct fh_complaint){
                .kind = FH_REFUSE_TOO_LARGE,
                .message = FH_LIT("a schema has more in it than is accepted"),
            };
            return FH_E_LIMIT;
        }
    }
    return FH_OK;
}

static enum fh_rc settle_tools(struct walk *w)
{
    struct fh_tool *before = NULL;

    for (struct fh_tool **link = &w->req->first_tool; *link != NULL;) {
        struct fh_tool *tool = *link;
        bool drop = false;

        FH_TRY(decide(w, tool->raw != NULL ? FH_FIELD_TOOL_NATIVE : FH_FIELD_TOOL,
                      tool->pointer, &drop));
        if (drop) {
            w->req->last_tool = w->req->last_tool == tool ? before : w->req->last_tool;
            *link = tool->next;
            continue;
        }
        FH_TRY(settle_schema(w, &tool->schema, &tool->schema_is_openapi));
        if (tool->strict == 1) {
            FH_TRY(decide(w, FH_FIELD_TOOL_STRICT, tool->pointer, &drop));
            tool->strict = (int8_t)(drop ? -1 : tool->strict);
        }
        FH_TRY(
            settle_cache(w, FH_FIELD_TOOL_CACHE, tool->pointer, tool->cache_at, &tool->cache));
        lose_extras(w, &tool->extras);
        before = tool;
        link = &tool->next;
    }
    return FH_OK;
}

static enum fh_rc settle_choice(struct walk *w)
{
    static const enum fh_field fields[] = {
        [FH_CHOICE_AUTO] = FH_FIELD_CHOICE_AUTO,     [FH_CHOICE_NONE] = FH_FIELD_CHOICE_NONE,
        [FH_CHOICE_ANY] = FH_FIELD_CHOICE_ANY,       [FH_CHOICE_NAMED] = FH_FIELD_CHOICE_NAMED,
        [FH_CHOICE_OPAQUE] = FH_FIELD_CHOICE_OPAQUE,
    };
    struct fh_chat_request *req = w->req;
    bool drop = false;

    if (req->tool_choice != FH_CHOICE_UNSET) {
        FH_TRY(decide(w, fields[req->tool_choice], FH_NONE, &drop));
        req->tool_choice = drop ? FH_CHOICE_UNSET : req->tool_choice;
    }
    if (req->parallel_tools == 0) {
        FH_TRY(decide(w, FH_FIELD_PARALLEL_OFF, FH_NONE, &drop));
        req->parallel_tools = (int8_t)(drop ? -1 : 0);
    }
    return FH_OK;
}

static enum fh_rc settle_effort(struct walk *w)
{
    static const enum fh_field thinking[] = {
        [FH_THINKING_OFF] = FH_FIELD_THINKING_OFF,
        [FH_THINKING_BUDGET] = FH_FIELD_THINKING_BUDGET,
        [FH_THINKING_ADAPTIVE] = FH_FIELD_THINKING_ADAPTIVE,
        [FH_THINKING_OPAQUE] = FH_FIELD_THINKING_OPAQUE,
    };
    static const enum fh_field effort[FH_EFFORTS] = {
        [FH_EFFORT_NONE] = FH_FIELD_EFFORT_NONE, [FH_EFFORT_MINIMAL] = FH_FIELD_EFFORT_MINIMAL,
        [FH_EFFORT_LOW] = FH_FIELD_EFFORT,       [FH_EFFORT_MEDIUM] = FH_FIELD_EFFORT,
        [FH_EFFORT_HIGH] = FH_FIELD_EFFORT,      [FH_EFFORT_XHIGH] = FH_FIELD_EFFORT_XHIGH,
        [FH_EFFORT_MAX] = FH_FIELD_EFFORT_XHIGH,
    };
    struct fh_chat_request *req = w->req;
    bool drop = false;

    if (req->thinking != FH_THINKING_UNSET) {
        FH_TRY(decide(w, thinking[req->thinking], FH_NONE, &drop));
        req->thinking = drop ? FH_THINKING_UNSET : req->thinking;
    }
    if (req->thinking_shown >= 0) {
        FH_TRY(decide(w, FH_FIELD_THINKING_SHOWN, FH_NONE, &drop));
        req->thinking_shown = (int8_t)(drop ? -1 : req->thinking_shown);
    }
    if (req->effort != FH_EFFORT_UNSET) {
        FH_TRY(decide(w, effort[req->effort], FH_NONE, &drop));
        req->effort = drop ? FH_EFFORT_UNSET : req->effort;
    }
    return FH_OK;
}

static enum fh_rc settle_format(struct walk *w)
{
    struct fh_chat_request *req = w->req;
    bool drop = false;

    if (req->format != FH_FORMAT_JSON && req->format != FH_FORMAT_JSON_SCHEMA) {
        return FH_OK;
    }
    if (req->format == FH_FORMAT_JSON_SCHEMA && req->format_schema == NULL) {
        fh_loss_add(w->s->loss, place(w->s, FH_FIELD_FORMAT_SCHEMA, FH_NONE),
                    "the schema itself was not given");
        req->format = FH_FORMAT_UNSET;
        return FH_OK;
    }
    FH_TRY(decide(w,
                  req->format == FH_FORMAT_JSON ? FH_FIELD_FORMAT_JSON : FH_FIELD_FORMAT_SCHEMA,
                  FH_NONE, &drop));
    if (drop) {
        req->format = FH_FORMAT_UNSET;
        return FH_OK;
    }
    FH_TRY(settle_schema(w, &req->format_schema, &req->format_schema_is_openapi));
    if (req->format_description.len > 0) {
        FH_TRY(decide(w, FH_FIELD_FORMAT_DESCRIPTION, FH_NONE, &drop));
        req->format_description = drop ? FH_NONE : req->format_description;
    }
    if (req->format == FH_FORMAT_JSON_SCHEMA && req->format_strict == 0) {
        FH_TRY(decide(w, FH_FIELD_FORMAT_LOOSE, FH_NONE, &drop));
        req->format_strict = (int8_t)(drop ? -1 : 0);
    }
    return FH_OK;
}

static enum fh_rc settle_rest(struct walk *w)
{
    struct fh_chat_request *req = w->req;
    bool drop = false;

    if (req->stop_count > 0) {
        FH_TRY(decide(w, FH_FIELD_STOP, FH_NONE, &drop));
        req->stop_count = drop ? 0 : req->stop_count;
    }
    if (req->user.len > 0) {
        FH_TRY(decide(w, FH_FIELD_USER, FH_NONE, &drop));
        req->user = drop ? FH_NONE : req->user;
    }
    if (req->service_tier.len > 0) {
        FH_TRY(decide(w, FH_FIELD_SERVICE_TIER, FH_NONE, &drop));
        req->service_tier = drop ? FH_NONE : req->service_tier;
    }
    return FH_OK;
}

enum fh_rc fh_settle(const struct fh_settling *s, struct fh_chat_request *req,
                     struct fh_complaint *why)
{
    struct walk w = {s, why, req, fh_no_counterpart(s)};

    fh_turns_join(req, s->arena);
    FH_TRY(settle_values(&w));
    FH_TRY(settle_messages(&w));
    FH_TRY(settle_tools(&w));
    FH_TRY(settle_choice(&w));
    FH_TRY(settle_effort(&w));
    FH_TRY(settle_format(&w));
    FH_TRY(settle_rest(&w));
    lose_extras(&w, &req->extras);
    return FH_OK;
}
