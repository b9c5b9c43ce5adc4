/* anthropic_request_in.c: a client's body, member by member: tables say which member goes where,
 * what no table knows is kept as an extra.
 *
 * Members that are null count as not given. Blocks of an unknown type, and known ones in a shape
 * that has no field, are kept whole.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "dialect/anthropic/anthropic.h"
#include "dialect/anthropic/anthropic_names.def"

struct reader {
    struct fh_chat_request *req;
    struct fh_arena *arena;
    struct fh_complaint *why;
};

/* The object that is being read. */
struct scope {
    void *base; /* the struct that its members fill */
    struct fh_extras *extras;
    const struct fh_path *at;
};

typedef enum fh_rc read_fn(struct reader *r, const struct scope *in, const struct fh_path *at,
                           yyjson_val *val, void *field);

/* A member that there is a field for. */
struct member {
    struct fh_slice key;
    read_fn *read;
    size_t offset; /* of the field in the scope's struct */
    bool needed;
};

enum { MEMBERS_MAX = 64 }; /* of one table: a bit each */

#define MEMBER(name, fn, type, field)                         \
    {                                                         \
        FH_LIT_INIT(name), (fn), offsetof(type, field), false \
    }
#define NEEDED(name, fn, type, field)                        \
    {                                                        \
        FH_LIT_INIT(name), (fn), offsetof(type, field), true \
    }

#define WRONG(r, at, ...)                                                               \
    fh_anthropic_complain((r)->why, (r)->arena, (at), FH_REFUSE_BAD_REQUEST, FH_E_TYPE, \
                          __VA_ARGS__)

static enum fh_rc too_much(struct reader *r, const struct fh_path *at)
{
    return fh_anthropic_complain(r->why, r->arena, at, FH_REFUSE_TOO_LARGE, FH_E_LIMIT,
                                 "the body has more in it than is accepted");
}

/* room says whether the arena has not reached its cap. What we allocate for a member, a block or a
 * message has a size of our own, but a peer says how many there are. */
static enum fh_rc room(struct reader *r, const struct fh_path *at)
{
    return fh_arena_try(r->arena, 1) != NULL ? FH_OK : too_much(r, at);
}

/* keep notes a member that has no field. */
static enum fh_rc keep(struct reader *r, const struct scope *in, const struct fh_path *at,
                       yyjson_val *val)
{
    FH_TRY(room(r, at));
    fh_extra_add(in->extras, r->arena, in->at, at->key, val);
    return FH_OK;
}

static size_t find_member(const struct member *table, size_t count, struct fh_slice key)
{
    size_t i = 0;

    while (i < count && !fh_eq(table[i].key, key)) {
        i++;
    }
    return i;
}

/* all_needed looks for the members of `table` that must have been `seen`. */
static enum fh_rc all_needed(struct reader *r, const struct scope *in,
                             const struct member *table, size_t count, uint64_t seen)
{
    for (size_t i = 0; i < count; i++) {
        if (table[i].needed && (seen >> i & 1U) == 0) {
            struct fh_path at = {in->at, table[i].key, 0};

            return fh_anthropic_complain(r->why, r->arena, &at, FH_REFUSE_BAD_REQUEST,
                                         FH_E_MISSING, "is required and is not there");
        }
    }
    return FH_OK;
}

static enum fh_rc read_members(struct reader *r, const struct scope *in,
                               const struct member *table, size_t count, yyjson_val *obj)
{
    yyjson_obj_iter iter = yyjson_obj_iter_with(obj);
    uint64_t seen = 0;

    FH_ASSERT(count <= MEMBERS_MAX);
    for (yyjson_val *key = NULL; (key = yyjson_obj_iter_next(&iter)) != NULL;) {
        struct fh_path at = {in->at, fh_json_text(key), 0};
        yyjson_val *val = yyjson_obj_iter_get_val(key);
        size_t i = find_member(table, count, at.key);

        if (i == count) {
            FH_TRY(keep(r, in, &at, val));
            continue;
        }
        if ((seen >> i & 1U) != 0) {
            return WRONG(r, &at, "stands twice in its object; once would be right");
        }
        if (!yyjson_is_null(val)) {
            seen |= (uint64_t)1 << i;
            FH_TRY(table[i].read(r, in, &at, val, (uint8_t *)in->base + table[i].offset));
        }
    }
    return all_needed(r, in, table, count, seen);
}

static enum fh_rc read_text(struct reader *r, const struct scope *in, const struct fh_path *at,
                            yyjson_val *val, void *field)
{
    FH_UNUSED(in);
    if (!yyjson_is_str(val)) {
        return WRONG(r, at, "is %s; a string would be right", fh_anthropic_kind(val));
    }
    *(struct fh_slice *)field = fh_json_text(val);
    return FH_OK;
}

static enum fh_rc read_number(struct reader *r, const struct scope *in,
                              const struct fh_path *at, yyjson_val *val, void *field)
{
    FH_UNUSED(in);
    if (!yyjson_is_raw(val)) {
        return WRONG(r, at, "is %s; a number would be right", fh_anthropic_kind(val));
    }
    *(yyjson_val **)field = val;
    return FH_OK;
}

static enum fh_rc read_bool(struct reader *r, const struct scope *in, const struct fh_path *at,
                            yyjson_val *val, void *field)
{
    FH_UNUSED(in);
    if (!yyjson_is_bool(val)) {
        return WRONG(r, at, "is %s; true or false would be right", fh_anthropic_kind(val));
    }
    *(bool *)field = yyjson_get_bool(val);
    return FH_OK;
}

static enum fh_rc read_tristate(struct reader *r, const struct scope *in,
                                const struct fh_path *at, yyjson_val *val, void *field)
{
    bool set = false;

    FH_TRY(read_bool(r, in, at, val, &set));
    *(int8_t *)field = set ? 1 : 0;
    return FH_OK;
}

/* skip reads a member whose value was looked at before. */
static enum fh_rc skip(struct reader *r, const struct scope *in, const struct fh_path *at,
                       yyjson_val *val, void *field)
{
    FH_UNUSED(r);
    FH_UNUSED(in);
    FH_UNUSED(at);
    FH_UNUSED(val);
    FH_UNUSED(field);
    return FH_OK;
}

static enum fh_rc want_object(struct reader *r, const struct fh_path *at, yyjson_val *val)
{
    if (!yyjson_is_obj(val)) {
        return WRONG(r, at, "is %s; an object would be right", fh_anthropic_kind(val));
    }
    return FH_OK;
}

static bool word_is(yyjson_val *obj, const char *key, const char *word)
{
    return fh_eq(fh_json_text(fh_json_get(obj, fh_cstr(key))), fh_cstr(word));
}

/* {"type": "ephemeral", "ttl": "5m" | "1h"}, and nothing else has a field. */
static enum fh_rc read_cache(struct reader *r, const struct scope *in, const struct fh_path *at,
                             yyjson_val *val, void *field)
{
    enum fh_cache *cache = field;
    size_t size = yyjson_obj_size(val);

    FH_TRY(want_object(r, at, val));
    if (word_is(val, "type", "ephemeral") && size == 1) {
        *cache = FH_CACHE_DEFAULT;
    } else if (word_is(val, "type", "ephemeral") && size == 2 && word_is(val, "ttl", "5m")) {
        *cache = FH_CACHE_5M;
    } else if (word_is(val, "type", "ephemeral") && size == 2 && word_is(val, "ttl", "1h")) {
        *cache = FH_CACHE_1H;
    } else {
        return keep(r, in, at, val);
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
static enum fh_rc read_source(struct reader *r, const struct scope *in,
                              const struct fh_path *at, yyjson_val *val, void *field)
{
    struct fh_block *block = in->base;
    size_t i = 0;

    FH_UNUSED(field);
    FH_TRY(want_object(r, at, val));
    while (i < FH_LEN(sources) &&
           !fh_eq(fh_json_text(fh_json_get(val, FH_LIT("type"))), sources[i].type)) {
        i++;
    }
    if (i == FH_LEN(sources) || yyjson_obj_size(val) != (sources[i].typed ? 3 : 2)) {
        return FH_OK;
    }
    yyjson_val *data = fh_json_get(val, sources[i].holder);
    yyjson_val *media_type = fh_json_get(val, FH_LIT("media_type"));

    if (!yyjson_is_str(data) || (sources[i].typed && !yyjson_is_str(media_type))) {
        return WRONG(r, at, "of type \"%.*s\" needs the string%s \"%.*s\"%s",
                     FH_ARG(sources[i].type), sources[i].typed ? "s" : "",
                     FH_ARG(sources[i].holder), sources[i].typed ? " and \"media_type\"" : "");
    }
    block->source = sources[i].source;
    block->data = fh_json_text(data);
    block->media_type = fh_json_text(media_type);
    return FH_OK;
}

static enum fh_rc read_input(struct reader *r, const struct scope *in, const struct fh_path *at,
                             yyjson_val *val, void *field)
{
    struct fh_buf text = fh_buf_in_arena(r->arena, SIZE_MAX / 4);

    FH_UNUSED(in);
    FH_TRY(want_object(r, at, val));
    fh_json_append_val(&text, r->arena, val);
    *(struct fh_slice *)field = fh_buf_slice(&text);
    return FH_OK;
}

static enum fh_rc read_result(struct reader *r, const struct scope *in,
                              const struct fh_path *at, yyjson_val *val, void *field);

#define BLOCK(name, fn, field)        MEMBER(name, fn, struct fh_block, field)
#define NEEDED_BLOCK(name, fn, field) NEEDED(name, fn, struct fh_block, field)

static const struct member text_members[] = {
    BLOCK("type", skip, kind),
    NEEDED_BLOCK("text", read_text, text),
    BLOCK("cache_control", read_cache, cache),
};
static const struct member image_members[] = {
    BLOCK("type", skip, kind),
    NEEDED_BLOCK("source", read_source, source),
    BLOCK("cache_control", read_cache, cache),
};
static const struct member document_members[] = {
    BLOCK("type", skip, kind),
    NEEDED_BLOCK("source", read_source, source),
    BLOCK("title", read_text, name),
    BLOCK("cache_control", read_cache, cache),
};
static const struct member thinking_members[] = {
    BLOCK("type", skip, kind),
    NEEDED_BLOCK("thinking", read_text, text),
    BLOCK("signature", read_text, signature),
};
static const struct member redacted_members[] = {
    BLOCK("type", skip, kind),
    NEEDED_BLOCK("data", read_text, data),
};
static const struct member call_members[] = {
    BLOCK("type", skip, kind),
    NEEDED_BLOCK("id", read_text, id),
    NEEDED_BLOCK("name", read_text, name),
    NEEDED_BLOCK("input", read_input, arguments),
    BLOCK("cache_control", read_cache, cache),
};
static const struct member result_members[] = {
    BLOCK("type", skip, kind),
    NEEDED_BLOCK("tool_use_id", read_text, id),
    BLOCK("content", read_result, content),
    BLOCK("is_error", read_bool, is_error),
    BLOCK("cache_control", read_cache, cache),
};

/* Blocks that there are fields for. */
static const struct shape {
    struct fh_slice type;
    const struct member *members;
    size_t count;
    enum fh_block_kind kind;
    bool in_result; /* may stand inside a tool_result */
} shapes[] = {
    {FH_LIT_INIT("text"), text_members, FH_LEN(text_members), FH_BLOCK_TEXT, true},
    {FH_LIT_INIT("image"), image_members, FH_LEN(image_members), FH_BLOCK_IMAGE, true},
    {FH_LIT_INIT("document"), document_members, FH_LEN(document_members), FH_BLOCK_DOCUMENT,
     true},
    {FH_LIT_INIT("thinking"), thinking_members, FH_LEN(thinking_members), FH_BLOCK_THINKING,
     false},
    {FH_LIT_INIT("redacted_thinking"), redacted_members, FH_LEN(redacted_members),
     FH_BLOCK_REDACTED, false},
    {FH_LIT_INIT("tool_use"), call_members, FH_LEN(call_members), FH_BLOCK_TOOL_CALL, false},
    {FH_LIT_INIT("tool_result"), result_members, FH_LEN(result_members), FH_BLOCK_TOOL_RESULT,
     false},
};

static const struct shape *shape_of(struct fh_slice type, bool in_result)
{
    for (size_t i = 0; i < FH_LEN(shapes); i++) {
        if (fh_eq(shapes[i].type, type) && (shapes[i].in_result || !in_result)) {
            return &shapes[i];
        }
    }
    return NULL;
}

static enum fh_rc read_block(struct reader *r, struct fh_blocks *list, const struct fh_path *at,
                             yyjson_val *val, bool in_result)
{
    yyjson_val *type = fh_json_get(val, FH_LIT("type"));

    FH_TRY(want_object(r, at, val));
    if (!yyjson_is_str(type)) {
        return WRONG(r, at,
                     "\"type\" is %s; \"text\", \"image\", \"document\", \"tool_use\" or "
                     "\"tool_result\" would be right",
                     type == NULL ? "not there" : fh_anthropic_kind(type));
    }
    const struct shape *shape = shape_of(fh_json_text(type), in_result);
    struct fh_block *block =
        fh_block_add(list, r->arena, shape == NULL ? FH_BLOCK_OPAQUE : shape->kind);

    block->pointer = fh_path_print(at, FH_NONE, r->arena);
    if (shape == NULL) {
        block->raw = val;
        return FH_OK;
    }
    struct scope in = {block, &block->extras, at};

    FH_TRY(read_members(r, &in, shape->members, shape->count, val));
    if ((block->kind == FH_BLOCK_IMAGE || block->kind == FH_BLOCK_DOCUMENT) &&
        block->source == FH_SOURCE_NONE) {
        *block =
            (struct fh_block){.kind = FH_BLOCK_OPAQUE, .raw = val, .pointer = block->pointer};
    }
    return FH_OK;
}

/* read_blocks reads what is a string or a list of blocks wherever it stands. */
static enum fh_rc read_blocks(struct reader *r, struct fh_blocks *list,
                              const struct fh_path *at, yyjson_val *val, bool in_result)
{
    yyjson_arr_iter iter = yyjson_arr_iter_with(val);
    struct fh_path item = {at, FH_NONE, 0};

    if (yyjson_is_str(val)) {
        struct fh_block *block = fh_block_add(list, r->arena, FH_BLOCK_TEXT);

        block->text = fh_json_text(val);
        block->from_string = true;
        block->pointer = fh_path_print(at, FH_NONE, r->arena);
        return FH_OK;
    }
    if (!yyjson_is_arr(val)) {
        return WRONG(r, at, "is %s; a string or a list of blocks would be right",
                     fh_anthropic_kind(val));
    }
    for (yyjson_val *block = NULL; (block = yyjson_arr_iter_next(&iter)) != NULL;
         item.index++) {
        FH_TRY(room(r, &item));
        FH_TRY(read_block(r, list, &item, block, in_result));
    }
    return FH_OK;
}

static enum fh_rc read_result(struct reader *r, const struct scope *in,
                              const struct fh_path *at, yyjson_val *val, void *field)
{
    FH_UNUSED(in);
    return read_blocks(r, field, at, val, true);
}

static enum fh_rc read_content(struct reader *r, const struct scope *in,
                               const struct fh_path *at, yyjson_val *val, void *field)
{
    FH_UNUSED(in);
    return read_blocks(r, field, at, val, false);
}

static enum fh_rc read_role(struct reader *r, const struct scope *in, const struct fh_path *at,
                            yyjson_val *val, void *field)
{
    static const struct {
        struct fh_slice word;
        enum fh_role role;
    } roles[] = {
        {FH_LIT_INIT("user"), FH_ROLE_USER},
        {FH_LIT_INIT("assistant"), FH_ROLE_ASSISTANT},
        {FH_LIT_INIT("system"), FH_ROLE_SYSTEM},
    };
    struct fh_slice word = FH_NONE;

    FH_TRY(read_text(r, in, at, val, &word));
    for (size_t i = 0; i < FH_LEN(roles); i++) {
        if (fh_eq(roles[i].word, word)) {
            *(enum fh_role *)field = roles[i].role;
            return FH_OK;
        }
    }
    return WRONG(r, at,
                 "is \"%.*s\"; \"user\", \"assistant\" or \"system\" would be right (tool "
                 "results are blocks of a user message)",
                 FH_ARG(fh_anthropic_shown(word)));
}

static const struct member message_members[] = {
    NEEDED("role", read_role, struct fh_message, role),
    NEEDED("content", read_content, struct fh_message, content),
};

static enum fh_rc read_messages(struct reader *r, const struct scope *in,
                                const struct fh_path *at, yyjson_val *val, void *field)
{
    yyjson_arr_iter iter = yyjson_arr_iter_with(val);
    struct fh_path item = {at, FH_NONE, 0};

    FH_UNUSED(in);
    FH_UNUSED(field);
    if (!yyjson_is_arr(val)) {
        return WRONG(r, at, "is %s; a list of messages would be right", fh_anthropic_kind(val));
    }
    for (yyjson_val *one = NULL; (one = yyjson_arr_iter_next(&iter)) != NULL; item.index++) {
        FH_TRY(room(r, &item));
        FH_TRY(want_object(r, &item, one));
        struct fh_message *message = fh_message_add(r->req, r->arena, FH_ROLE_USER);
        struct scope inside = {message, &message->extras, &item};

        message->pointer = fh_path_print(&item, FH_NONE, r->arena);
        FH_TRY(read_members(r, &inside, message_members, FH_LEN(message_members), one));
    }
    return FH_OK;
}

static enum fh_rc read_schema(struct reader *r, const struct scope *in,
                              const struct fh_path *at, yyjson_val *val, void *field)
{
    FH_UNUSED(in);
    FH_TRY(want_object(r, at, val));
    *(yyjson_val **)field = val;
    return FH_OK;
}

static const struct member tool_members[] = {
    MEMBER("type", skip, struct fh_tool, raw), /* "custom", what a tool without one is */
    NEEDED("name", read_text, struct fh_tool, name),
    MEMBER("description", read_text, struct fh_tool, description),
    MEMBER("input_schema", read_schema, struct fh_tool, schema),
    MEMBER("strict", read_tristate, struct fh_tool, strict),
    MEMBER("cache_control", read_cache, struct fh_tool, cache),
};

static enum fh_rc read_tool(struct reader *r, const struct fh_path *at, yyjson_val *val)
{
    yyjson_val *type = fh_json_get(val, FH_LIT("type"));
    struct fh_tool *tool = fh_tool_add(r->req, r->arena);
    struct scope inside = {tool, &tool->extras, at};

    FH_TRY(want_object(r, at, val));
    tool->pointer = fh_path_print(at, FH_NONE, r->arena);
    if (type == NULL || yyjson_is_null(type) || word_is(val, "type", "custom")) {
        return read_members(r, &inside, tool_members, FH_LEN(tool_members), val);
    }
    if (!yyjson_is_str(type)) {
        return WRONG(r, at, "\"type\" is %s; a string would be right", fh_anthropic_kind(type));
    }
    tool->name = fh_json_text(fh_json_get(val, FH_LIT("name")));
    tool->raw = val; /* a tool of the provider's own: told apart by `type` */
    return FH_OK;
}

static enum fh_rc read_tools(struct reader *r, const struct scope *in, const struct fh_path *at,
                             yyjson_val *val, void *field)
{
    yyjson_arr_iter iter = yyjson_arr_iter_with(val);
    struct fh_path item = {at, FH_NONE, 0};

    FH_UNUSED(in);
    FH_UNUSED(field);
    if (!yyjson_is_arr(val)) {
        return WRONG(r, at, "is %s; a list of tools would be right", fh_anthropic_kind(val));
    }
    for (yyjson_val *one = NULL; (one = yyjson_arr_iter_next(&iter)) != NULL; item.index++) {
        FH_TRY(room(r, &item));
        FH_TRY(read_tool(r, &item, one));
    }
    return FH_OK;
}

static enum fh_rc read_tool_choice(struct reader *r, const struct scope *in,
                                   const struct fh_path *at, yyjson_val *val, void *field)
{
    static const struct {
        struct fh_slice type;
        enum fh_tool_choice choice;
        uint8_t size; /* members beside disable_parallel_tool_use */
    } forms[] = {
        {FH_LIT_INIT("auto"), FH_CHOICE_AUTO, 1},
        {FH_LIT_INIT("any"), FH_CHOICE_ANY, 1},
        {FH_LIT_INIT("none"), FH_CHOICE_NONE, 1},
        {FH_LIT_INIT("tool"), FH_CHOICE_NAMED, 2},
    };
    struct fh_chat_request *req = r->req;
    yyjson_val *serial = fh_json_get(val, FH_LIT("disable_parallel_tool_use"));
    yyjson_val *name = fh_json_get(val, FH_LIT("name"));

    FH_UNUSED(in);
    FH_UNUSED(field);
    FH_TRY(want_object(r, at, val));
    req->tool_choice = FH_CHOICE_OPAQUE;
    req->tool_choice_raw = val;
    for (size_t i = 0; i < FH_LEN(forms); i++) {
        size_t size = (size_t)forms[i].size + (serial == NULL ? 0 : 1);

        if (!word_is(val, "type", (const char *)forms[i].type.ptr) ||
            yyjson_obj_size(val) != size || (serial != NULL && !yyjson_is_bool(serial)) ||
            (forms[i].choice == FH_CHOICE_NONE && serial != NULL)) {
            continue;
        }
        if (forms[i].choice == FH_CHOICE_NAMED && !yyjson_is_str(name)) {
            return WRONG(r, at, "of type \"tool\" needs the string \"name\"");
        }
        req->tool_choice = forms[i].choice;
        req->tool_choice_name = fh_json_text(name);
        req->parallel_tools = (int8_t)(serial == NULL ? -1 : !yyjson_get_bool(serial));
    }
    return FH_OK;
}

static const struct member budget_members[] = {
    MEMBER("type", skip, struct fh_chat_request, thinking),
    NEEDED("budget_tokens", read_number, struct fh_chat_request, thinking_budget),
};

static enum fh_rc read_thinking(struct reader *r, const struct scope *in,
                                const struct fh_path *at, yyjson_val *val, void *field)
{
    struct scope inside = {r->req, in->extras, at};

    FH_UNUSED(field);
    FH_TRY(want_object(r, at, val));
    if (word_is(val, "type", "enabled")) {
        r->req->thinking = FH_THINKING_BUDGET;
        return read_members(r, &inside, budget_members, FH_LEN(budget_members), val);
    }
    if (word_is(val, "type", "adaptive")) {
        r->req->thinking = FH_THINKING_ADAPTIVE;
        return read_members(r, &inside, budget_members, 1, val);
    }
    if (word_is(val, "type", "disabled")) {
        r->req->thinking = FH_THINKING_OFF;
        return read_members(r, &inside, budget_members, 1, val);
    }
    r->req->thinking = FH_THINKING_OPAQUE;
    r->req->thinking_raw = val;
    return FH_OK;
}

static enum fh_rc read_effort(struct reader *r, const struct scope *in,
                              const struct fh_path *at, yyjson_val *val, void *field)
{
    static const struct {
        struct fh_slice word;
        enum fh_effort effort;
        bool ours;
    } efforts[] = {
#define X(what, text, own) {FH_LIT_INIT(text), FH_EFFORT_##what, (own)},
        FH_ANTHROPIC_EFFORTS(X)
#undef X
    };
    struct fh_slice word = FH_NONE;

    FH_TRY(read_text(r, in, at, val, &word));
    for (size_t i = 0; i < FH_LEN(efforts); i++) {
        if (efforts[i].ours && fh_eq(efforts[i].word, word)) {
            *(enum fh_effort *)field = efforts[i].effort;
            return FH_OK;
        }
    }
    return keep(r, in, at, val);
}

static const struct member format_members[] = {
    MEMBER("type", skip, struct fh_chat_request, format),
    NEEDED("schema", read_schema, struct fh_chat_request, format_schema),
};

/* read_format also reads the older output_format of the beta, which is the same object. */
static enum fh_rc read_format(struct reader *r, const struct scope *in,
                              const struct fh_path *at, yyjson_val *val, void *field)
{
    struct scope inside = {r->req, in->extras, at};

    FH_UNUSED(field);
    FH_TRY(want_object(r, at, val));
    if (!word_is(val, "type", "json_schema") || r->req->format != FH_FORMAT_UNSET) {
        return keep(r, in, at, val);
    }
    r->req->format = FH_FORMAT_JSON_SCHEMA;
    return read_members(r, &inside, format_members, FH_LEN(format_members), val);
}

static const struct member output_members[] = {
    MEMBER("effort", read_effort, struct fh_chat_request, effort),
    MEMBER("format", read_format, struct fh_chat_request, format),
};

static enum fh_rc read_output(struct reader *r, const struct scope *in,
                              const struct fh_path *at, yyjson_val *val, void *field)
{
    struct scope inside = {r->req, in->extras, at};

    FH_UNUSED(field);
    FH_TRY(want_object(r, at, val));
    return read_members(r, &inside, output_members, FH_LEN(output_members), val);
}

static const struct member metadata_members[] = {
    MEMBER("user_id", read_text, struct fh_chat_request, user),
};

static enum fh_rc read_metadata(struct reader *r, const struct scope *in,
                                const struct fh_path *at, yyjson_val *val, void *field)
{
    struct scope inside = {r->req, in->extras, at};

    FH_UNUSED(field);
    FH_TRY(want_object(r, at, val));
    return read_members(r, &inside, metadata_members, FH_LEN(metadata_members), val);
}

static enum fh_rc read_stops(struct reader *r, const struct scope *in, const struct fh_path *at,
                             yyjson_val *val, void *field)
{
    yyjson_arr_iter iter = yyjson_arr_iter_with(val);
    struct fh_path item = {at, FH_NONE, 0};

    FH_UNUSED(field);
    if (!yyjson_is_arr(val)) {
        return WRONG(r, at, "is %s; a list of strings would be right", fh_anthropic_kind(val));
    }
    r->req->stop = fh_arena_try(r->arena, yyjson_arr_size(val) * sizeof(*r->req->stop));
    if (r->req->stop == NULL) {
        return too_much(r, at);
    }
    for (yyjson_val *one = NULL; (one = yyjson_arr_iter_next(&iter)) != NULL; item.index++) {
        FH_TRY(read_text(r, in, &item, one, &r->req->stop[r->req->stop_count]));
        r->req->stop_count++;
    }
    return FH_OK;
}

#define TOP(name, fn, field) MEMBER(name, fn, struct fh_chat_request, field)

/* The body. max_tokens is the provider's to demand: counting tokens goes without. */
static const struct member top_members[] = {
    NEEDED("model", read_text, struct fh_chat_request, model),
    NEEDED("messages", read_messages, struct fh_chat_request, first_message),
    TOP("max_tokens", read_number, value[FH_FIELD_MAX_TOKENS]),
    TOP("system", read_content, system),
    TOP("stream", read_bool, stream),
    TOP("stop_sequences", read_stops, stop),
    TOP("temperature", read_number, value[FH_FIELD_TEMPERATURE]),
    TOP("top_p", read_number, value[FH_FIELD_TOP_P]),
    TOP("top_k", read_number, value[FH_FIELD_TOP_K]),
    TOP("tools", read_tools, first_tool),
    TOP("tool_choice", read_tool_choice, tool_choice),
    TOP("thinking", read_thinking, thinking),
    TOP("output_config", read_output, effort),
    TOP("output_format", read_format, format),
    TOP("metadata", read_metadata, user),
    TOP("service_tier", read_text, service_tier),
};

enum fh_rc fh_anthropic_decode_request(struct fh_chat_request *req, struct fh_arena *arena,
                                       struct fh_slice body, struct fh_complaint *why)
{
    struct reader r = {req, arena, why};
    struct scope top = {req, &req->extras, NULL};
    yyjson_val *root = NULL;
    struct fh_error error;

    fh_chat_request_init(req, FH_DIALECT_ANTHROPIC);
    if (fh_json_parse(arena, body, &root, &error) == FH_E_LIMIT) {
        return too_much(&r, NULL);
    }
    if (root == NULL) {
        return fh_anthropic_complain(why, arena, NULL, FH_REFUSE_BAD_REQUEST, FH_E_SYNTAX,
                                     "the body is not JSON: %s at byte %llu", error.what,
                                     (unsigned long long)error.at);
    }
    FH_TRY(want_object(&r, NULL, root));
    return read_members(&r, &top, top_members, FH_LEN(top_members), root);
}
