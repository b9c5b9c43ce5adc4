/* openai_chat_request.c: a client's body becomes a request. Members are rows of tables; what no row
 * names, and every null, is kept as an extra.
 * SPDX-License-Identifier: Apache-2.0 */
#include "openai_chat.h"

struct reader {
    struct fh_arena *arena;
    struct fh_chat_request *req;
    yyjson_val *root;
    struct fh_complaint *why;
};

enum kind {
    TEXT,   /* a string, into a struct fh_slice */
    NUMBER, /* as it was written, into a yyjson_val * */
    FLAG,   /* true or false, into an int8_t */
    READ,   /* `read` sees to it */
    SKIP,   /* read elsewhere */
};

struct member {
    struct fh_slice key;
    enum kind kind;
    size_t offset;
    enum fh_rc (*read)(struct reader *r, void *into, const struct fh_path *at,
                       yyjson_val *value);
};

/* An object of the schema: its members, and where those go that it does not have. */
struct shape {
    const struct member *members;
    size_t count;
};

#define SHAPE(rows) ((struct shape){(rows), FH_LEN(rows)})

static enum fh_rc wrong(struct reader *r, const struct fh_path *at, const char *right,
                        yyjson_val *got)
{
    return fh_openai_chat_wrong(r->why, r->arena, at, right, got);
}

static enum fh_rc missing(struct reader *r, const struct fh_path *object, const char *what)
{
    return fh_openai_chat_missing(r->why, r->arena, object, what);
}

static enum fh_rc read_member(struct reader *r, const struct member *m, void *into,
                              const struct fh_path *at, yyjson_val *value)
{
    uint8_t *field = (uint8_t *)into + m->offset;

    switch (m->kind) {
    case TEXT:
        if (!yyjson_is_str(value)) {
            return wrong(r, at, "a string", value);
        }
        *(struct fh_slice *)(void *)field = fh_json_text(value);
        return FH_OK;
    case NUMBER:
        if (!yyjson_is_raw(value)) {
            return wrong(r, at, "a number", value);
        }
        *(yyjson_val **)(void *)field = value;
        return FH_OK;
    case FLAG:
        if (!yyjson_is_bool(value)) {
            return wrong(r, at, "true or false", value);
        }
        *(int8_t *)field = yyjson_is_true(value) ? 1 : 0;
        return FH_OK;
    case READ:
        return m->read(r, into, at, value);
    case SKIP:
        break;
    }
    return FH_OK;
}

/* read_object reads the members that `shape` has and keeps the others in `extras`. */
static enum fh_rc read_object(struct reader *r, const struct shape *shape, void *into,
                              struct fh_extras *extras, const struct fh_path *path,
                              yyjson_val *obj)
{
    yyjson_obj_iter iter = yyjson_obj_iter_with(obj);

    for (yyjson_val *key = yyjson_obj_iter_next(&iter); key != NULL;
         key = yyjson_obj_iter_next(&iter)) {
        yyjson_val *value = yyjson_obj_iter_get_val(key);
        struct fh_path at = {.up = path, .key = fh_json_text(key)};
        const struct member *known = NULL;

        for (size_t i = 0; i < shape->count && !yyjson_is_null(value); i++) {
            if (fh_eq(shape->members[i].key, at.key)) {
                known = &shape->members[i];
                break;
            }
        }
        if (known == NULL) {
            fh_extra_add(extras, r->arena, path, at.key, value);
        } else {
            FH_TRY(read_member(r, known, into, &at, value));
        }
    }
    return FH_OK;
}

/* keep puts a member that was understood, but has no field, among the extras. */
static void keep(struct reader *r, struct fh_extras *extras, const struct fh_path *at,
                 yyjson_val *value)
{
    fh_extra_add(extras, r->arena, at->up, at->key, value);
}

/* word_of finds a word's number in a list of words; the list's length when it has none. */
static size_t word_of(const struct fh_slice *words, size_t count, struct fh_slice word)
{
    size_t i = 0;

    while (i < count && !fh_eq(words[i], word)) {
        i++;
    }
    return i;
}

/* ---- parts of a message's content ---- */

/* take_data_url reads `data:image/png;base64,…`. Any other form stays a URL, whole. */
static bool take_data_url(struct fh_slice url, struct fh_block *block)
{
    struct fh_slice rest = url;

    if (!fh_take(&rest, FH_LIT("data:"))) {
        return false;
    }
    struct fh_slice type = fh_head(rest, fh_min(fh_find(rest, ';'), fh_find(rest, ',')));

    rest = fh_tail(rest, type.len);
    if (type.len == 0 || !fh_take(&rest, FH_LIT(";base64,"))) {
        return false;
    }
    block->source = FH_SOURCE_BASE64;
    block->media_type = type;
    block->data = rest;
    return true;
}

static enum fh_rc read_cache(struct reader *r, void *into, const struct fh_path *at,
                             yyjson_val *value)
{
    static const struct {
        struct fh_slice ttl;
        enum fh_cache cache;
    } known[] = {{FH_LIT_INIT("5m"), FH_CACHE_5M}, {FH_LIT_INIT("1h"), FH_CACHE_1H}};
    struct fh_block *block = into;
    struct fh_slice ttl = fh_json_text(fh_json_get(value, FH_LIT("ttl")));
    bool plain = fh_eq(fh_json_text(fh_json_get(value, FH_LIT("type"))), FH_LIT("ephemeral"));

    if (plain && yyjson_obj_size(value) == 1) {
        block->cache = FH_CACHE_DEFAULT;
        return FH_OK;
    }
    for (size_t i = 0; i < FH_LEN(known) && plain && yyjson_obj_size(value) == 2; i++) {
        if (fh_eq(known[i].ttl, ttl)) {
            block->cache = known[i].cache;
            return FH_OK;
        }
    }
    keep(r, &block->extras, at, value);
    return FH_OK;
}

static enum fh_rc read_image_url(struct reader *r, void *into, const struct fh_path *at,
                                 yyjson_val *value)
{
    static const struct member members[] = {
        {FH_LIT_INIT("url"), TEXT, offsetof(struct fh_block, data), NULL},
    };
    struct fh_block *block = into;

    block->from_string = yyjson_is_str(value); /* Mistral's clients */
    if (block->from_string) {
        block->data = fh_json_text(value);
    } else if (yyjson_is_obj(value)) {
        FH_TRY(read_object(r, &SHAPE(members), block, &block->extras, at, value));
    } else {
        return wrong(r, at, "an object with a url", value);
    }
    if (block->data.ptr == NULL) {
        return missing(r, at, "a url");
    }
    block->source = FH_SOURCE_URL;
    (void)take_data_url(block->data, block);
    return FH_OK;
}

static enum fh_rc read_input_audio(struct reader *r, void *into, const struct fh_path *at,
                                   yyjson_val *value)
{
    static const struct member members[] = {
        {FH_LIT_INIT("data"), TEXT, offsetof(struct fh_block, data), NULL},
        {FH_LIT_INIT("format"), TEXT, offsetof(struct fh_block, media_type), NULL},
    };
    struct fh_block *block = into;

    if (!yyjson_is_obj(value)) {
        return wrong(r, at, "an object with data and format", value);
    }
    FH_TRY(read_object(r, &SHAPE(members), block, &block->extras, at, value));
    if (block->data.ptr == NULL || block->media_type.ptr == NULL) {
        return missing(r, at, "data and format");
    }
    struct fh_slice parts[] = {FH_LIT("audio/"), block->media_type};

    block->media_type = fh_concat(r->arena, parts, FH_LEN(parts));
    block->source = FH_SOURCE_BASE64;
    return FH_OK;
}

static enum fh_rc read_file(struct reader *r, void *into, const struct fh_path *at,
                            yyjson_val *value)
{
    static const struct member members[] = {
        {FH_LIT_INIT("file_data"), TEXT, offsetof(struct fh_block, data), NULL},
        {FH_LIT_INIT("filename"), TEXT, offsetof(struct fh_block, name), NULL},
    };
    static const struct member by_id[] = {
        {FH_LIT_INIT("file_id"), TEXT, offsetof(struct fh_block, data), NULL},
        {FH_LIT_INIT("filename"), TEXT, offsetof(struct fh_block, name), NULL},
    };
    struct fh_block *block = into;
    bool has_data = yyjson_is_str(fh_json_get(value, FH_LIT("file_data")));

    if (!yyjson_is_obj(value)) {
        return wrong(r, at, "an object with file_data or file_id", value);
    }
    FH_TRY(read_object(r, has_data ? &SHAPE(members) : &SHAPE(by_id), block, &block->extras, at,
                       value));
    if (block->data.ptr == NULL) {
        return missing(r, at, "file_data or file_id");
    }
    block->source = has_data ? FH_SOURCE_BASE64 : FH_SOURCE_FILE;
    if (has_data) {
        (void)take_data_url(block->data, block);
    }
    return FH_OK;
}

static const struct member text_part[] = {
    {FH_LIT_INIT("type"), SKIP, 0, NULL},
    {FH_LIT_INIT("text"), TEXT, offsetof(struct fh_block, text), NULL},
    {FH_LIT_INIT("cache_control"), READ, 0, read_cache},
};
static const struct member image_part[] = {
    {FH_LIT_INIT("type"), SKIP, 0, NULL},
    {FH_LIT_INIT("image_url"), READ, 0, read_image_url},
    {FH_LIT_INIT("cache_control"), READ, 0, read_cache},
};
static const struct member audio_part[] = {
    {FH_LIT_INIT("type"), SKIP, 0, NULL},
    {FH_LIT_INIT("input_audio"), READ, 0, read_input_audio},
    {FH_LIT_INIT("cache_control"), READ, 0, read_cache},
};
static const struct member file_part[] = {
    {FH_LIT_INIT("type"), SKIP, 0, NULL},
    {FH_LIT_INIT("file"), READ, 0, read_file},
    {FH_LIT_INIT("cache_control"), READ, 0, read_cache},
};
static const struct member refusal_part[] = {
    {FH_LIT_INIT("type"), SKIP, 0, NULL},
    {FH_LIT_INIT("refusal"), TEXT, offsetof(struct fh_block, text), NULL},
};

/* The kinds of parts that have a counterpart elsewhere; any other is kept whole. */
static const struct part {
    struct fh_slice type;
    enum fh_block_kind kind;
    struct shape shape;
    const char *needs;
} parts[] = {
    {FH_LIT_INIT("text"), FH_BLOCK_TEXT, {text_part, FH_LEN(text_part)}, "text"},
    {FH_LIT_INIT("image_url"), FH_BLOCK_IMAGE, {image_part, FH_LEN(image_part)}, "image_url"},
    {FH_LIT_INIT("input_audio"),
     FH_BLOCK_AUDIO,
     {audio_part, FH_LEN(audio_part)},
     "input_audio"},
    {FH_LIT_INIT("file"), FH_BLOCK_DOCUMENT, {file_part, FH_LEN(file_part)}, "file"},
    {FH_LIT_INIT("refusal"), FH_BLOCK_REFUSAL, {refusal_part, FH_LEN(refusal_part)}, "refusal"},
};

static enum fh_rc read_part(struct reader *r, struct fh_blocks *list, const struct fh_path *at,
                            yyjson_val *value)
{
    yyjson_val *type = fh_json_get(value, FH_LIT("type"));
    const struct part *part = NULL;

    if (!yyjson_is_obj(value)) {
        return wrong(r, at, "an object with a type", value);
    }
    if (!yyjson_is_str(type)) {
        return missing(r, at, "a type, such as \"text\"");
    }
    for (size_t i = 0; i < FH_LEN(parts) && part == NULL; i++) {
        part = fh_eq(parts[i].type, fh_json_text(type)) ? &parts[i] : NULL;
    }
    struct fh_block *block =
        fh_block_add(list, r->arena, part == NULL ? FH_BLOCK_OPAQUE : part->kind);

    block->pointer = fh_path_print(at, FH_NONE, r->arena);
    if (part == NULL) {
        block->raw = value;
        return FH_OK;
    }
    FH_TRY(read_object(r, &part->shape, block, &block->extras, at, value));
    if (block->text.ptr == NULL && block->data.ptr == NULL) {
        return missing(r, at, part->needs);
    }
    return FH_OK;
}

/* ---- messages ---- */

/* A message while it is read. Its blocks are joined in the order in which a model works: thinks,
 * says, calls. */
struct draft {
    struct fh_message *message;
    struct fh_blocks thinking, content, refusal, calls;
    struct fh_slice tool_call_id;
};

static enum fh_rc read_content(struct reader *r, void *into, const struct fh_path *at,
                               yyjson_val *value)
{
    struct draft *draft = into;

    if (yyjson_is_str(value)) {
        struct fh_block *block = fh_block_add(&draft->content, r->arena, FH_BLOCK_TEXT);

        block->text = fh_json_text(value);
        block->from_string = true;
        block->pointer = fh_path_print(at, FH_NONE, r->arena);
        return FH_OK;
    }
    if (!yyjson_is_arr(value)) {
        return wrong(r, at, "a string, a list of parts or null", value);
    }
    if (yyjson_arr_size(value) == 0) {
        keep(r, &draft->message->extras, at, value);
    }
    yyjson_arr_iter iter = yyjson_arr_iter_with(value);
    struct fh_path item = {.up = at};

    for (yyjson_val *v = yyjson_arr_iter_next(&iter); v != NULL;
         v = yyjson_arr_iter_next(&iter)) {
        FH_TRY(read_part(r, &draft->content, &item, v));
        item.index++;
    }
    return FH_OK;
}

/* Only an assistant thinks, declines and calls; in other messages such members mean nothing to us
 * and are extras. */
static bool by_assistant(const struct draft *draft)
{
    return draft->message->role == FH_ROLE_ASSISTANT;
}

/* Compatible providers name it either way, some say both: then the second is an extra. */
static enum fh_rc read_thinking(struct reader *r, void *into, const struct fh_path *at,
                                yyjson_val *value)
{
    struct draft *draft = into;

    if (!yyjson_is_str(value) || draft->thinking.first != NULL || !by_assistant(draft)) {
        keep(r, &draft->message->extras, at, value);
        return FH_OK;
    }
    struct fh_block *block = fh_block_add(&draft->thinking, r->arena, FH_BLOCK_THINKING);

    block->text = fh_json_text(value);
    block->name = at->key;
    block->pointer = fh_path_print(at, FH_NONE, r->arena);
    return FH_OK;
}

static enum fh_rc read_refusal(struct reader *r, void *into, const struct fh_path *at,
                               yyjson_val *value)
{
    struct draft *draft = into;

    if (!by_assistant(draft)) {
        keep(r, &draft->message->extras, at, value);
        return FH_OK;
    }
    if (!yyjson_is_str(value)) {
        return wrong(r, at, "a string or null", value);
    }
    struct fh_block *block = fh_block_add(&draft->refusal, r->arena, FH_BLOCK_REFUSAL);

    block->text = fh_json_text(value);
    block->from_string = true;
    block->pointer = fh_path_print(at, FH_NONE, r->arena);
    return FH_OK;
}

static enum fh_rc read_function(struct reader *r, void *into, const struct fh_path *at,
                                yyjson_val *value)
{
    static const struct member members[] = {
        {FH_LIT_INIT("name"), TEXT, offsetof(struct fh_block, name), NULL},
        {FH_LIT_INIT("arguments"), TEXT, offsetof(struct fh_block, arguments), NULL},
    };
    struct fh_block *block = into;

    if (!yyjson_is_obj(value)) {
        return wrong(r, at, "an object with name and arguments", value);
    }
    FH_TRY(read_object(r, &SHAPE(members), block, &block->extras, at, value));
    return block->name.ptr == NULL ? missing(r, at, "a name") : FH_OK;
}

static enum fh_rc read_call(struct reader *r, struct draft *draft, const struct fh_path *at,
                            yyjson_val *value)
{
    static const struct member members[] = {
        {FH_LIT_INIT("id"), TEXT, offsetof(struct fh_block, id), NULL},
        {FH_LIT_INIT("type"), SKIP, 0, NULL},
        {FH_LIT_INIT("function"), READ, 0, read_function},
    };
    yyjson_val *type = fh_json_get(value, FH_LIT("type"));
    struct fh_block *block = fh_block_add(&draft->calls, r->arena, FH_BLOCK_TOOL_CALL);

    block->pointer = fh_path_print(at, FH_NONE, r->arena);
    if (!yyjson_is_obj(value)) {
        return wrong(r, at, "an object with id, type and function", value);
    }
    if (yyjson_is_str(type) && !fh_eq(fh_json_text(type), FH_LIT("function"))) {
        block->kind = FH_BLOCK_OPAQUE; /* "custom", and whatever follows it */
        block->raw = value;
        return FH_OK;
    }
    FH_TRY(read_object(r, &SHAPE(members), block, &block->extras, at, value));
    return block->name.ptr == NULL ? missing(r, at, "a function with a name") : FH_OK;
}

static enum fh_rc read_calls(struct reader *r, void *into, const struct fh_path *at,
                             yyjson_val *value)
{
    struct draft *draft = into;

    if (!yyjson_is_arr(value)) {
        return wrong(r, at, "a list of tool calls", value);
    }
    if (yyjson_arr_size(value) == 0 || !by_assistant(draft)) {
        keep(r, &draft->message->extras, at, value);
        return FH_OK;
    }
    yyjson_arr_iter iter = yyjson_arr_iter_with(value);
    struct fh_path item = {.up = at};

    for (yyjson_val *v = yyjson_arr_iter_next(&iter); v != NULL;
         v = yyjson_arr_iter_next(&iter)) {
        FH_TRY(read_call(r, draft, &item, v));
        item.index++;
    }
    return FH_OK;
}

static enum fh_rc read_call_id(struct reader *r, void *into, const struct fh_path *at,
                               yyjson_val *value)
{
    struct draft *draft = into;

    if (draft->message->role != FH_ROLE_TOOL) {
        keep(r, &draft->message->extras, at, value);
        return FH_OK;
    }
    if (!yyjson_is_str(value)) {
        return wrong(r, at, "a string", value);
    }
    draft->tool_call_id = fh_json_text(value);
    return FH_OK;
}

static const struct member message_members[] = {
    {FH_LIT_INIT("role"), SKIP, 0, NULL},
    {FH_LIT_INIT("content"), READ, 0, read_content},
    {FH_LIT_INIT("refusal"), READ, 0, read_refusal},
    {FH_LIT_INIT("reasoning_content"), READ, 0, read_thinking},
    {FH_LIT_INIT("reasoning"), READ, 0, read_thinking},
    {FH_LIT_INIT("tool_calls"), READ, 0, read_calls},
    {FH_LIT_INIT("tool_call_id"), READ, 0, read_call_id},
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
static void put_together(struct reader *r, struct draft *draft)
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

static enum fh_rc read_message(struct reader *r, const struct fh_path *at, yyjson_val *value)
{
    yyjson_val *word = fh_json_get(value, FH_LIT("role"));
    struct fh_path role_at = {.up = at, .key = FH_LIT("role")};

    if (!yyjson_is_obj(value)) {
        return wrong(r, at, "an object with role and content", value);
    }
    if (!yyjson_is_str(word)) {
        return word == NULL ? missing(r, at, "a role") : wrong(r, &role_at, "a string", word);
    }
    size_t role = word_of(fh_openai_chat_roles, FH_OPENAI_CHAT_ROLES, fh_json_text(word));
    bool old = fh_eq(fh_json_text(word), FH_LIT("function"));

    if (role == FH_OPENAI_CHAT_ROLES && !old) {
        return wrong(r, &role_at, "one of developer, system, user, assistant and tool", word);
    }
    struct draft draft = {
        .message = fh_message_add(r->req, r->arena, old ? FH_ROLE_USER : (enum fh_role)role)};

    draft.message->pointer = fh_path_print(at, FH_NONE, r->arena);
    if (old) { /* the form before tools: only this dialect has it */
        struct fh_block *block =
            fh_block_add(&draft.message->content, r->arena, FH_BLOCK_OPAQUE);

        block->raw = value;
        block->pointer = draft.message->pointer;
        return FH_OK;
    }
    draft.message->content_null = yyjson_is_null(fh_json_get(value, FH_LIT("content")));
    FH_TRY(read_object(r, &SHAPE(message_members), &draft, &draft.message->extras, at, value));
    if (draft.message->role == FH_ROLE_TOOL && draft.tool_call_id.ptr == NULL) {
        return missing(r, at, "a tool_call_id, the id of the call that it answers");
    }
    put_together(r, &draft);
    return FH_OK;
}

static enum fh_rc read_messages(struct reader *r, void *into, const struct fh_path *at,
                                yyjson_val *value)
{
    FH_UNUSED(into);
    if (!yyjson_is_arr(value)) {
        return wrong(r, at, "a list of messages", value);
    }
    yyjson_arr_iter iter = yyjson_arr_iter_with(value);
    struct fh_path item = {.up = at};

    for (yyjson_val *v = yyjson_arr_iter_next(&iter); v != NULL;
         v = yyjson_arr_iter_next(&iter)) {
        FH_TRY(read_message(r, &item, v));
        item.index++;
    }
    return FH_OK;
}

/* ---- tools ---- */

static enum fh_rc read_parameters(struct reader *r, void *into, const struct fh_path *at,
                                  yyjson_val *value)
{
    struct fh_tool *tool = into;

    if (!yyjson_is_obj(value)) {
        return wrong(r, at, "a JSON schema, an object", value);
    }
    tool->schema = value;
    return FH_OK;
}

static enum fh_rc read_tool_function(struct reader *r, void *into, const struct fh_path *at,
                                     yyjson_val *value)
{
    static const struct member members[] = {
        {FH_LIT_INIT("name"), TEXT, offsetof(struct fh_tool, name), NULL},
        {FH_LIT_INIT("description"), TEXT, offsetof(struct fh_tool, description), NULL},
        {FH_LIT_INIT("parameters"), READ, 0, read_parameters},
        {FH_LIT_INIT("strict"), FLAG, offsetof(struct fh_tool, strict), NULL},
    };
    struct fh_tool *tool = into;

    if (!yyjson_is_obj(value)) {
        return wrong(r, at, "an object with a name", value);
    }
    return read_object(r, &SHAPE(members), tool, &tool->extras, at, value);
}

static enum fh_rc read_tool(struct reader *r, const struct fh_path *at, yyjson_val *value)
{
    static const struct member members[] = {
        {FH_LIT_INIT("type"), SKIP, 0, NULL},
        {FH_LIT_INIT("function"), READ, 0, read_tool_function},
    };
    yyjson_val *type = fh_json_get(value, FH_LIT("type"));
    struct fh_tool *tool = fh_tool_add(r->req, r->arena);

    tool->pointer = fh_path_print(at, FH_NONE, r->arena);
    if (!yyjson_is_obj(value)) {
        return wrong(r, at, "an object with type and function", value);
    }
    if (yyjson_is_str(type) && !fh_eq(fh_json_text(type), FH_LIT("function"))) {
        tool->raw = value;
        return FH_OK;
    }
    FH_TRY(read_object(r, &SHAPE(members), tool, &tool->extras, at, value));
    return tool->name.ptr == NULL ? missing(r, at, "a function with a name") : FH_OK;
}

static enum fh_rc read_tools(struct reader *r, void *into, const struct fh_path *at,
                             yyjson_val *value)
{
    FH_UNUSED(into);
    if (!yyjson_is_arr(value)) {
        return wrong(r, at, "a list of tools", value);
    }
    if (yyjson_arr_size(value) == 0) {
        keep(r, &r->req->extras, at, value);
    }
    yyjson_arr_iter iter = yyjson_arr_iter_with(value);
    struct fh_path item = {.up = at};

    for (yyjson_val *v = yyjson_arr_iter_next(&iter); v != NULL;
         v = yyjson_arr_iter_next(&iter)) {
        FH_TRY(read_tool(r, &item, v));
        item.index++;
    }
    return FH_OK;
}

static enum fh_rc read_tool_choice(struct reader *r, void *into, const struct fh_path *at,
                                   yyjson_val *value)
{
    static const struct fh_slice words[] = {FH_LIT_INIT("auto"), FH_LIT_INIT("none"),
                                            FH_LIT_INIT("required")};
    static const enum fh_tool_choice meant[] = {FH_CHOICE_AUTO, FH_CHOICE_NONE, FH_CHOICE_ANY,
                                                FH_CHOICE_OPAQUE};
    struct fh_chat_request *req = into;
    yyjson_val *function = fh_json_get(value, FH_LIT("function"));
    struct fh_slice name = fh_json_text(fh_json_get(function, FH_LIT("name")));
    struct fh_slice type = fh_json_text(fh_json_get(value, FH_LIT("type")));

    if (!yyjson_is_str(value) && !yyjson_is_obj(value)) {
        return wrong(r, at, "\"auto\", \"none\", \"required\" or an object", value);
    }
    req->tool_choice_raw = value;
    if (yyjson_is_str(value)) {
        req->tool_choice = meant[word_of(words, FH_LEN(words), fh_json_text(value))];
        return FH_OK;
    }
    bool plain = yyjson_obj_size(value) == 2 && yyjson_obj_size(function) == 1;

    req->tool_choice = plain && name.ptr != NULL && fh_eq(type, FH_LIT("function"))
                           ? FH_CHOICE_NAMED
                           : FH_CHOICE_OPAQUE;
    req->tool_choice_name = name;
    return FH_OK;
}

/* ---- the top level ---- */

static enum fh_rc read_stream(struct reader *r, void *into, const struct fh_path *at,
                              yyjson_val *value)
{
    struct fh_chat_request *req = into;

    if (!yyjson_is_bool(value)) {
        return wrong(r, at, "true or false", value);
    }
    req->stream = yyjson_is_true(value);
    return FH_OK;
}

static enum fh_rc read_stream_options(struct reader *r, void *into, const struct fh_path *at,
                                      yyjson_val *value)
{
    static const struct member members[] = {
        {FH_LIT_INIT("include_usage"), FLAG, offsetof(struct fh_chat_request, include_usage),
         NULL},
    };
    struct fh_chat_request *req = into;

    if (!yyjson_is_obj(value)) {
        return wrong(r, at, "an object", value);
    }
    if (yyjson_obj_size(value) == 0) {
        keep(r, &req->extras, at, value);
    }
    return read_object(r, &SHAPE(members), req, &req->extras, at, value);
}

/* The new name counts when both are there. */
static enum fh_rc read_max_tokens(struct reader *r, void *into, const struct fh_path *at,
                                  yyjson_val *value)
{
    struct fh_chat_request *req = into;

    if (!yyjson_is_raw(value)) {
        return wrong(r, at, "a number", value);
    }
    if (yyjson_is_raw(fh_json_get(r->root, FH_LIT("max_completion_tokens")))) {
        keep(r, &req->extras, at, value);
        return FH_OK;
    }
    req->value[FH_FIELD_MAX_TOKENS] = value;
    req->max_tokens_is_old = true;
    return FH_OK;
}

static enum fh_rc read_stop(struct reader *r, void *into, const struct fh_path *at,
                            yyjson_val *value)
{
    struct fh_chat_request *req = into;
    size_t count = yyjson_is_str(value) ? 1 : yyjson_arr_size(value);

    if (!yyjson_is_str(value) && !yyjson_is_arr(value)) {
        return wrong(r, at, "a string or a list of strings", value);
    }
    if (count == 0) {
        keep(r, &req->extras, at, value);
        return FH_OK;
    }
    req->stop = fh_arena_alloc(r->arena, count * sizeof(*req->stop));
    req->stop_count = 0; /* a body may say it twice */
    req->stop_was_string = yyjson_is_str(value);
    if (req->stop_was_string) {
        req->stop[req->stop_count++] = fh_json_text(value);
        return FH_OK;
    }
    yyjson_arr_iter iter = yyjson_arr_iter_with(value);
    struct fh_path item = {.up = at};

    for (yyjson_val *v = yyjson_arr_iter_next(&iter); v != NULL;
         v = yyjson_arr_iter_next(&iter)) {
        if (!yyjson_is_str(v)) {
            return wrong(r, &item, "a string", v);
        }
        req->stop[req->stop_count++] = fh_json_text(v);
        item.index++;
    }
    return FH_OK;
}

static enum fh_rc read_format_schema(struct reader *r, void *into, const struct fh_path *at,
                                     yyjson_val *value)
{
    struct fh_chat_request *req = into;

    if (!yyjson_is_obj(value)) {
        return wrong(r, at, "a JSON schema, an object", value);
    }
    req->format_schema = value;
    return FH_OK;
}

static enum fh_rc read_json_schema(struct reader *r, void *into, const struct fh_path *at,
                                   yyjson_val *value)
{
    static const struct member members[] = {
        {FH_LIT_INIT("name"), TEXT, offsetof(struct fh_chat_request, format_name), NULL},
        {FH_LIT_INIT("description"), TEXT, offsetof(struct fh_chat_request, format_description),
         NULL},
        {FH_LIT_INIT("strict"), FLAG, offsetof(struct fh_chat_request, format_strict), NULL},
        {FH_LIT_INIT("schema"), READ, 0, read_format_schema},
    };
    struct fh_chat_request *req = into;

    if (!yyjson_is_obj(value)) {
        return wrong(r, at, "an object with name and schema", value);
    }
    return read_object(r, &SHAPE(members), req, &req->extras, at, value);
}

static enum fh_rc read_format(struct reader *r, void *into, const struct fh_path *at,
                              yyjson_val *value)
{
    static const struct fh_slice words[] = {FH_LIT_INIT("text"), FH_LIT_INIT("json_object"),
                                            FH_LIT_INIT("json_schema")};
    static const enum fh_format meant[] = {FH_FORMAT_TEXT, FH_FORMAT_JSON,
                                           FH_FORMAT_JSON_SCHEMA, FH_FORMAT_UNSET};
    static const struct member members[] = {
        {FH_LIT_INIT("type"), SKIP, 0, NULL},
        {FH_LIT_INIT("json_schema"), READ, 0, read_json_schema},
    };
    struct fh_chat_request *req = into;
    yyjson_val *type = fh_json_get(value, FH_LIT("type"));

    if (!yyjson_is_obj(value)) {
        return wrong(r, at, "an object with a type", value);
    }
    if (!yyjson_is_str(type)) {
        return missing(r, at, "a type: text, json_object or json_schema");
    }
    req->format = meant[word_of(words, FH_LEN(words), fh_json_text(type))];
    if (req->format == FH_FORMAT_UNSET) {
        keep(r, &req->extras, at, value); /* a grammar, and whatever else servers offer */
        return FH_OK;
    }
    return read_object(r, &SHAPE(members), req, &req->extras, at, value);
}

static enum fh_rc read_effort(struct reader *r, void *into, const struct fh_path *at,
                              yyjson_val *value)
{
    struct fh_chat_request *req = into;
    size_t effort = word_of(fh_openai_chat_efforts, FH_EFFORTS, fh_json_text(value));

    if (!yyjson_is_str(value)) {
        return wrong(r, at, "a string, such as \"low\"", value);
    }
    if (effort == FH_EFFORTS || effort == FH_EFFORT_UNSET) {
        keep(r, &req->extras, at, value);
        return FH_OK;
    }
    req->effort = (enum fh_effort)effort;
    return FH_OK;
}

/* `user` is what safety_identifier was called before; when both are there, it is the one kept. */
static enum fh_rc read_safety_identifier(struct reader *r, void *into, const struct fh_path *at,
                                         yyjson_val *value)
{
    struct fh_chat_request *req = into;

    if (!yyjson_is_str(value)) {
        return wrong(r, at, "a string", value);
    }
    if (yyjson_is_str(fh_json_get(r->root, FH_LIT("user")))) {
        keep(r, &req->extras, at, value);
        return FH_OK;
    }
    req->user = fh_json_text(value);
    req->user_is_safety = true;
    return FH_OK;
}

#define FIELD(name) offsetof(struct fh_chat_request, name)

static const struct member request_members[] = {
    {FH_LIT_INIT("model"), TEXT, FIELD(model), NULL},
    {FH_LIT_INIT("messages"), READ, 0, read_messages},
    {FH_LIT_INIT("max_completion_tokens"), NUMBER, FIELD(value[FH_FIELD_MAX_TOKENS]), NULL},
    {FH_LIT_INIT("max_tokens"), READ, 0, read_max_tokens},
    {FH_LIT_INIT("temperature"), NUMBER, FIELD(value[FH_FIELD_TEMPERATURE]), NULL},
    {FH_LIT_INIT("top_p"), NUMBER, FIELD(value[FH_FIELD_TOP_P]), NULL},
    {FH_LIT_INIT("top_k"), NUMBER, FIELD(value[FH_FIELD_TOP_K]),
     NULL}, /* not OpenAI's, but of most others */
    {FH_LIT_INIT("seed"), NUMBER, FIELD(value[FH_FIELD_SEED]), NULL},
    {FH_LIT_INIT("stop"), READ, 0, read_stop},
    {FH_LIT_INIT("stream"), READ, 0, read_stream},
    {FH_LIT_INIT("stream_options"), READ, 0, read_stream_options},
    {FH_LIT_INIT("tools"), READ, 0, read_tools},
    {FH_LIT_INIT("tool_choice"), READ, 0, read_tool_choice},
    {FH_LIT_INIT("parallel_tool_calls"), FLAG, FIELD(parallel_tools), NULL},
    {FH_LIT_INIT("response_format"), READ, 0, read_format},
    {FH_LIT_INIT("reasoning_effort"), READ, 0, read_effort},
    {FH_LIT_INIT("user"), TEXT, FIELD(user), NULL},
    {FH_LIT_INIT("safety_identifier"), READ, 0, read_safety_identifier},
    {FH_LIT_INIT("service_tier"), TEXT, FIELD(service_tier), NULL},
};

enum fh_rc fh_openai_chat_decode_request(struct fh_chat_request *req, struct fh_arena *arena,
                                         struct fh_slice body, struct fh_complaint *why)
{
    struct reader r = {.arena = arena, .req = req, .why = why};
    struct fh_error error = {0};

    fh_chat_request_init(req, FH_DIALECT_OPENAI_CHAT);
    if (fh_json_parse(arena, body, &r.root, &error) != FH_OK) {
        return fh_openai_chat_bad_json(why, arena, &error);
    }
    if (!yyjson_is_obj(r.root)) {
        return wrong(&r, NULL, "an object with model and messages", r.root);
    }
    FH_TRY(read_object(&r, &SHAPE(request_members), req, &req->extras, NULL, r.root));
    if (req->model.ptr == NULL) {
        return missing(&r, NULL, "a model, such as \"gpt-5\"");
    }
    if (!yyjson_is_arr(fh_json_get(r.root, FH_LIT("messages")))) {
        return missing(&r, NULL, "messages, a list");
    }
    return FH_OK;
}
