/* openai_chat_body.c: a request becomes a body for a provider of this dialect. What the dialect has
 * no place for is in two tables: fields, and kinds of blocks.
 * SPDX-License-Identifier: Apache-2.0 */
#include "openai_chat.h"

struct writer {
    const struct fh_chat_request *req;
    yyjson_mut_doc *doc;
    struct fh_arena *scratch;
    struct fh_loss *loss;
    struct fh_complaint *why;
    bool same; /* the request came in this dialect: extras go back to where they stood */
};

#define NO_COUNTERPART "has no counterpart in openai_chat"

/* Fields of the top level that this dialect has no place for. */
static const struct {
    struct fh_slice pointer;
    const char *why;
    size_t offset; /* of a yyjson_val *, not NULL when the field was given */
} no_place[] = {
    {FH_LIT_INIT("/top_k"), NO_COUNTERPART,
     offsetof(struct fh_chat_request, value[FH_FIELD_TOP_K])},
    {FH_LIT_INIT("/thinking/budget_tokens"), "reasoning is set by effort, not by tokens",
     offsetof(struct fh_chat_request, thinking_budget)},
};

/* Kinds of blocks from another dialect that this one has no place for, and why. */
static const char *const no_place_for[] = {
    [FH_BLOCK_THINKING] = "earlier thinking is not sent back to this provider",
    [FH_BLOCK_REDACTED] = "only the provider that wrote it can read it",
    [FH_BLOCK_OPAQUE] = NO_COUNTERPART,
};
static_assert(FH_LEN(no_place_for) == FH_BLOCK_KINDS, "a place for each kind");

#define CACHING "caching is the provider's own affair here"

static const struct fh_slice message_at = FH_LIT_INIT("/messages/#");
static const struct fh_slice part_at = FH_LIT_INIT("/messages/#/content/#");
static const struct fh_slice call_at = FH_LIT_INIT("/messages/#/tool_calls/#");

static void lose(struct writer *w, struct fh_slice pointer, const char *member, const char *why)
{
    struct fh_slice parts[] = {pointer, fh_cstr(member)};

    fh_loss_add(w->loss, fh_concat(w->scratch, parts, FH_LEN(parts)), why);
}

static enum fh_rc refuse(struct writer *w, struct fh_slice pointer, const char *sentence)
{
    struct fh_slice parts[] = {pointer, FH_LIT(": "), fh_cstr(sentence)};

    *w->why = (struct fh_complaint){FH_REFUSE_UNSUPPORTED,
                                    fh_concat(w->scratch, parts, FH_LEN(parts)),
                                    fh_dup(w->scratch, pointer)};
    return FH_E_SUPPORT;
}

/* put_extras writes back what stood in `object`; from another dialect all of the list is lost. */
static void put_extras(struct writer *w, const struct fh_extras *list, struct fh_slice object,
                       yyjson_mut_val *obj)
{
    if (w->same) {
        fh_openai_chat_put(list, object, w->doc, obj);
    }
}

static void lose_extras(struct writer *w, const struct fh_extras *list)
{
    if (!w->same) {
        fh_extras_lose(list, w->loss, NO_COUNTERPART);
    }
}

/* said_elsewhere: a member stands among the extras, which will write it. */
static bool said_elsewhere(struct writer *w, const struct fh_extras *list,
                           struct fh_slice object, const char *key)
{
    return w->same && list->first != NULL &&
           fh_openai_chat_find(list, object, fh_cstr(key)) != NULL;
}

static void add_val(struct writer *w, yyjson_mut_val *obj, const char *key, yyjson_val *val)
{
    if (val != NULL) {
        (void)yyjson_mut_obj_add_val(w->doc, obj, key, yyjson_val_mut_copy(w->doc, val));
    }
}

static void add_given(struct writer *w, yyjson_mut_val *obj, const char *key,
                      struct fh_slice text)
{
    if (text.ptr != NULL) {
        fh_json_add_text(w->doc, obj, key, text);
    }
}

static void add_flag(struct writer *w, yyjson_mut_val *obj, const char *key, int flag)
{
    if (flag >= 0) {
        (void)yyjson_mut_obj_add_bool(w->doc, obj, key, flag > 0);
    }
}

/* ---- parts ---- */

static const char *const cache_ttl[] = {
    [FH_CACHE_5M] = "5m",
    [FH_CACHE_1H] = "1h",
};

static void add_cache(struct writer *w, const struct fh_block *block, yyjson_mut_val *part)
{
    if (block->cache == FH_CACHE_NONE) {
        return;
    }
    if (!w->same) {
        lose(w, block->pointer, "/cache_control", CACHING);
        return;
    }
    yyjson_mut_val *control = yyjson_mut_obj_add_obj(w->doc, part, "cache_control");

    (void)yyjson_mut_obj_add_str(w->doc, control, "type", "ephemeral");
    if (block->cache != FH_CACHE_DEFAULT) {
        (void)yyjson_mut_obj_add_str(w->doc, control, "ttl", cache_ttl[block->cache]);
    }
}

/* data_url puts base64 data into a URL; data that came without a type goes back without one. */
static struct fh_slice data_url(struct writer *w, const struct fh_block *block)
{
    struct fh_slice parts[] = {FH_LIT("data:"), block->media_type, FH_LIT(";base64,"),
                               block->data};

    return block->media_type.len == 0 ? block->data
                                      : fh_concat(w->scratch, parts, FH_LEN(parts));
}

static enum fh_rc image_part(struct writer *w, const struct fh_block *block,
                             yyjson_mut_val *part)
{
    struct fh_slice url = block->source == FH_SOURCE_BASE64 ? data_url(w, block) : block->data;

    if (block->source == FH_SOURCE_FILE) {
        return refuse(w, block->pointer,
                      "an image by file id is known to its own provider alone: send its bytes");
    }
    (void)yyjson_mut_obj_add_str(w->doc, part, "type", "image_url");
    if (w->same && block->from_string) {
        fh_json_add_text(w->doc, part, "image_url", url);
        return FH_OK;
    }
    yyjson_mut_val *image = yyjson_mut_obj_add_obj(w->doc, part, "image_url");

    fh_json_add_text(w->doc, image, "url", url);
    put_extras(w, &block->extras, FH_LIT("/messages/#/content/#/image_url"), image);
    return FH_OK;
}

static void audio_part(struct writer *w, const struct fh_block *block, yyjson_mut_val *part)
{
    struct fh_slice format = block->media_type;

    (void)!fh_take(&format, FH_LIT("audio/"));
    (void)yyjson_mut_obj_add_str(w->doc, part, "type", "input_audio");
    yyjson_mut_val *audio = yyjson_mut_obj_add_obj(w->doc, part, "input_audio");

    fh_json_add_text(w->doc, audio, "data", block->data);
    fh_json_add_text(w->doc, audio, "format", format);
    put_extras(w, &block->extras, FH_LIT("/messages/#/content/#/input_audio"), audio);
}

static enum fh_rc file_part(struct writer *w, const struct fh_block *block,
                            yyjson_mut_val *part)
{
    if (block->source == FH_SOURCE_TEXT) { /* files are PDFs here; plain text is just text */
        (void)yyjson_mut_obj_add_str(w->doc, part, "type", "text");
        fh_json_add_text(w->doc, part, "text", block->data);
        if (block->name.ptr != NULL) {
            lose(w, block->pointer, "/title", "a plain text document becomes a text part");
        }
        return FH_OK;
    }
    if (block->source == FH_SOURCE_URL || (block->source == FH_SOURCE_FILE && !w->same)) {
        return refuse(w, block->pointer,
                      "a document by URL or file id cannot be carried to this provider: "
                      "send its bytes");
    }
    (void)yyjson_mut_obj_add_str(w->doc, part, "type", "file");
    yyjson_mut_val *file = yyjson_mut_obj_add_obj(w->doc, part, "file");

    if (block->source == FH_SOURCE_FILE) {
        fh_json_add_text(w->doc, file, "file_id", block->data);
    } else {
        fh_json_add_text(w->doc, file, "file_data", data_url(w, block));
    }
    /* openai/chat "file": bytes without a name are refused */
    add_given(w, file, "filename",
              block->name.ptr == NULL && !w->same ? FH_LIT("document.pdf") : block->name);
    put_extras(w, &block->extras, FH_LIT("/messages/#/content/#/file"), file);
    return FH_OK;
}

static enum fh_rc add_part(struct writer *w, const struct fh_block *block,
                           yyjson_mut_val *parts)
{
    yyjson_mut_val *part = yyjson_mut_obj(w->doc);

    if (block->kind == FH_BLOCK_OPAQUE) {
        (void)yyjson_mut_arr_append(parts, yyjson_val_mut_copy(w->doc, block->raw));
        return FH_OK;
    }
    (void)yyjson_mut_arr_append(parts, part);
    if (block->kind == FH_BLOCK_IMAGE) {
        FH_TRY(image_part(w, block, part));
    } else if (block->kind == FH_BLOCK_DOCUMENT) {
        FH_TRY(file_part(w, block, part));
    } else if (block->kind == FH_BLOCK_AUDIO) {
        audio_part(w, block, part);
    } else {
        bool refusal = block->kind == FH_BLOCK_REFUSAL;

        (void)yyjson_mut_obj_add_str(w->doc, part, "type", refusal ? "refusal" : "text");
        fh_json_add_text(w->doc, part, refusal ? "refusal" : "text", block->text);
    }
    add_cache(w, block, part);
    put_extras(w, &block->extras, part_at, part);
    lose_extras(w, &block->extras);
    return FH_OK;
}

/* ---- messages ---- */

static bool is_call(const struct fh_block *block)
{
    struct fh_extra here = {.pointer = block->pointer};

    return block->kind == FH_BLOCK_TOOL_CALL ||
           (block->kind == FH_BLOCK_OPAQUE &&
            fh_openai_chat_stands_in(&here, FH_LIT("/messages/#/tool_calls")));
}

static bool is_member(const struct fh_block *block) /* of the message itself */
{
    return (block->kind == FH_BLOCK_REFUSAL && block->from_string) ||
           block->kind == FH_BLOCK_THINKING;
}

/* member_of names the member that it was in. Providers differ for thinking. */
static const char *member_of(const struct fh_block *block)
{
    if (block->kind == FH_BLOCK_REFUSAL) {
        return "refusal";
    }
    return fh_eq(block->name, FH_LIT("reasoning")) ? "reasoning" : "reasoning_content";
}

/* add_content writes the member `content`: a string where it was one, or where one text is all
 * there is (every compatible server reads that), else a list of parts. */
static void add_content(struct writer *w, yyjson_mut_val *message, yyjson_mut_val *parts,
                        bool string)
{
    yyjson_mut_val *only = yyjson_mut_arr_get_first(parts);
    yyjson_mut_val *text = yyjson_mut_obj_get(only, "text");

    if (yyjson_mut_arr_size(parts) == 1 && string && text != NULL) {
        /* the value moves: the part that held it is left out */
        (void)yyjson_mut_obj_add_val(w->doc, message, "content", text);
    } else if (yyjson_mut_arr_size(parts) > 0) {
        (void)yyjson_mut_obj_add_val(w->doc, message, "content", parts);
    }
}

static bool wants_string(const struct writer *w, const struct fh_blocks *content)
{
    return !w->same || (content->first != NULL && content->first->from_string);
}

static yyjson_mut_val *add_message(struct writer *w, yyjson_mut_val *messages,
                                   struct fh_slice role)
{
    yyjson_mut_val *message = yyjson_mut_arr_add_obj(w->doc, messages);

    fh_json_add_text(w->doc, message, "role", role);
    return message;
}

/* drop reports a block that has no place. */
static void drop(struct writer *w, const struct fh_block *block)
{
    lose(w, block->pointer, NULL, no_place_for[block->kind]);
}

static bool is_dropped(const struct writer *w, const struct fh_block *block)
{
    return !w->same && no_place_for[block->kind] != NULL;
}

/* leave_out drops what may go from what the model is told. A block of a kind that only its own
 * provider knows may not: the model would answer without having seen it. (In what an assistant
 * said before it may: it is the trace of a tool that the provider ran.) */
static enum fh_rc leave_out(struct writer *w, const struct fh_block *block)
{
    if (block->kind == FH_BLOCK_OPAQUE) {
        return refuse(w, block->pointer, "content of this kind " NO_COUNTERPART);
    }
    drop(w, block);
    return FH_OK;
}

static void add_call(struct writer *w, const struct fh_block *block, yyjson_mut_val *calls)
{
    if (block->kind == FH_BLOCK_OPAQUE) {
        (void)yyjson_mut_arr_append(calls, yyjson_val_mut_copy(w->doc, block->raw));
        return;
    }
    yyjson_mut_val *call = yyjson_mut_arr_add_obj(w->doc, calls);

    add_given(w, call, "id", block->id);
    (void)yyjson_mut_obj_add_str(w->doc, call, "type", "function");
    yyjson_mut_val *function = yyjson_mut_obj_add_obj(w->doc, call, "function");

    fh_json_add_text(w->doc, function, "name", block->name);
    if (!said_elsewhere(w, &block->extras, FH_LIT("/messages/#/tool_calls/#/function"),
                        "arguments")) {
        fh_json_add_text(w->doc, function, "arguments", block->arguments);
    }
    put_extras(w, &block->extras, FH_LIT("/messages/#/tool_calls/#/function"), function);
    put_extras(w, &block->extras, call_at, call);
    lose_extras(w, &block->extras);
    if (!w->same && block->cache != FH_CACHE_NONE) {
        lose(w, block->pointer, "/cache_control", CACHING);
    }
}

/* add_result writes a tool's answer as a message of its own. What is no text cannot stand in it
 * and follows in the user's message, `beside`. */
static enum fh_rc add_result(struct writer *w, const struct fh_block *block,
                             yyjson_mut_val *messages, yyjson_mut_val *beside,
                             const struct fh_extras *extras)
{
    yyjson_mut_val *message = add_message(w, messages, fh_openai_chat_roles[FH_ROLE_TOOL]);
    yyjson_mut_val *parts = yyjson_mut_arr(w->doc);

    fh_json_add_text(w->doc, message, "tool_call_id", block->id);
    for (const struct fh_block *b = block->content.first; b != NULL; b = b->next) {
        if (is_dropped(w, b)) {
            FH_TRY(leave_out(w, b));
        } else {
            FH_TRY(add_part(w, b, b->kind == FH_BLOCK_TEXT || w->same ? parts : beside));
        }
    }
    add_content(w, message, parts, wants_string(w, &block->content));
    if (!w->same && yyjson_mut_arr_size(parts) == 0) {
        (void)yyjson_mut_obj_add_str(w->doc, message, "content", "");
    }
    if (!w->same && block->is_error) {
        lose(w, block->pointer, "/is_error", NO_COUNTERPART);
    }
    if (!w->same && block->cache != FH_CACHE_NONE) {
        lose(w, block->pointer, "/cache_control", CACHING);
    }
    put_extras(w, extras, message_at, message);
    lose_extras(w, &block->extras);
    return FH_OK;
}

static enum fh_rc encode_assistant(struct writer *w, const struct fh_message *m,
                                   yyjson_mut_val *messages)
{
    yyjson_mut_val *parts = yyjson_mut_arr(w->doc);
    yyjson_mut_val *calls = yyjson_mut_arr(w->doc);
    yyjson_mut_val *message = yyjson_mut_obj(w->doc);
    bool string = !w->same;

    fh_json_add_text(w->doc, message, "role", fh_openai_chat_roles[m->role]);
    for (const struct fh_block *b = m->content.first; b != NULL; b = b->next) {
        if (is_dropped(w, b)) {
            drop(w, b);
        } else if (is_call(b)) {
            add_call(w, b, calls);
        } else if (is_member(b)) {
            fh_json_add_text(w->doc, message, member_of(b), b->text);
        } else {
            string = string || b->from_string;
            FH_TRY(add_part(w, b, parts));
        }
    }
    bool silent = yyjson_mut_arr_size(parts) == 0, calling = yyjson_mut_arr_size(calls) > 0;

    if (!w->same && silent && !calling && m->content.first != NULL) {
        return FH_OK; /* nothing is left of it, and each block was reported */
    }
    (void)yyjson_mut_arr_append(messages, message);
    add_content(w, message, parts, string);
    if (silent && !w->same) {
        (void)yyjson_mut_obj_add_val(w->doc, message, "content",
                                     calling ? yyjson_mut_null(w->doc)
                                             : yyjson_mut_str(w->doc, ""));
    }
    if (calling) {
        (void)yyjson_mut_obj_add_val(w->doc, message, "tool_calls", calls);
    }
    put_extras(w, &m->extras, message_at, message);
    return FH_OK;
}

/* encode_others is for system, developer, user and tool. Answers of tools come first: they must
 * follow the calls directly. */
static enum fh_rc encode_others(struct writer *w, const struct fh_message *m,
                                yyjson_mut_val *messages)
{
    yyjson_mut_val *parts = yyjson_mut_arr(w->doc);
    bool results = false;

    for (const struct fh_block *b = m->content.first; b != NULL; b = b->next) {
        if (b->kind == FH_BLOCK_TOOL_RESULT) {
            results = true;
            FH_TRY(add_result(w, b, messages, parts, &m->extras));
        }
    }
    for (const struct fh_block *b = m->content.first; b != NULL; b = b->next) {
        if (is_dropped(w, b)) {
            FH_TRY(leave_out(w, b));
        } else if (b->kind == FH_BLOCK_TOOL_CALL) {
            lose(w, b->pointer, NULL, "only an assistant calls tools");
        } else if (b->kind != FH_BLOCK_TOOL_RESULT) {
            FH_TRY(add_part(w, b, parts));
        }
    }
    bool nothing = yyjson_mut_arr_size(parts) == 0;

    if (nothing && (results || (!w->same && m->content.first != NULL))) {
        return FH_OK;
    }
    yyjson_mut_val *message = add_message(w, messages, fh_openai_chat_roles[m->role]);

    add_content(w, message, parts, wants_string(w, &m->content));
    if (nothing && !w->same) {
        (void)yyjson_mut_obj_add_str(w->doc, message, "content", "");
    }
    put_extras(w, &m->extras, message_at, message);
    return FH_OK;
}

static enum fh_rc encode_message(struct writer *w, const struct fh_message *m,
                                 yyjson_mut_val *messages)
{
    const struct fh_block *first = m->content.first;

    lose_extras(w, &m->extras);
    if (w->same && first != NULL && first->kind == FH_BLOCK_OPAQUE &&
        fh_eq(first->pointer, m->pointer)) { /* a message of a kind that only we know */
        (void)yyjson_mut_arr_append(messages, yyjson_val_mut_copy(w->doc, first->raw));
        return FH_OK;
    }
    return m->role == FH_ROLE_ASSISTANT ? encode_assistant(w, m, messages)
                                        : encode_others(w, m, messages);
}

static enum fh_rc encode_messages(struct writer *w, yyjson_mut_val *root)
{
    yyjson_mut_val *messages = yyjson_mut_obj_add_arr(w->doc, root, "messages");

    if (w->req->system.first != NULL) {
        const struct fh_message system = {.role = FH_ROLE_SYSTEM, .content = w->req->system};

        FH_TRY(encode_message(w, &system, messages));
    }
    for (const struct fh_message *m = w->req->first_message; m != NULL; m = m->next) {
        FH_TRY(encode_message(w, m, messages));
    }
    return FH_OK;
}

/* ---- tools and the rest ---- */

static void encode_tools(struct writer *w, yyjson_mut_val *root)
{
    yyjson_mut_val *tools = yyjson_mut_arr(w->doc);

    for (const struct fh_tool *t = w->req->first_tool; t != NULL; t = t->next) {
        if (t->raw != NULL && !w->same) {
            lose(w, t->pointer, NULL, "a tool that only its own provider can run");
            continue;
        }
        if (t->raw != NULL) {
            (void)yyjson_mut_arr_append(tools, yyjson_val_mut_copy(w->doc, t->raw));
            continue;
        }
        yyjson_mut_val *tool = yyjson_mut_arr_add_obj(w->doc, tools);

        (void)yyjson_mut_obj_add_str(w->doc, tool, "type", "function");
        yyjson_mut_val *function = yyjson_mut_obj_add_obj(w->doc, tool, "function");

        fh_json_add_text(w->doc, function, "name", t->name);
        add_given(w, function, "description", t->description);
        add_val(w, function, "parameters", t->schema);
        add_flag(w, function, "strict", t->strict);
        put_extras(w, &t->extras, FH_LIT("/tools/#/function"), function);
        put_extras(w, &t->extras, FH_LIT("/tools/#"), tool);
        lose_extras(w, &t->extras);
        if (t->cache != FH_CACHE_NONE) {
            lose(w, t->pointer, "/cache_control", CACHING);
        }
    }
    if (yyjson_mut_arr_size(tools) > 0) {
        (void)yyjson_mut_obj_add_val(w->doc, root, "tools", tools);
    }
}

static void encode_tool_choice(struct writer *w, yyjson_mut_val *root)
{
    static const char *const words[] = {
        [FH_CHOICE_AUTO] = "auto",
        [FH_CHOICE_NONE] = "none",
        [FH_CHOICE_ANY] = "required",
    };

    switch (w->req->tool_choice) {
    case FH_CHOICE_UNSET:
        break;
    case FH_CHOICE_AUTO:
    case FH_CHOICE_NONE:
    case FH_CHOICE_ANY:
        (void)yyjson_mut_obj_add_str(w->doc, root, "tool_choice", words[w->req->tool_choice]);
        break;
    case FH_CHOICE_NAMED: {
        yyjson_mut_val *choice = yyjson_mut_obj_add_obj(w->doc, root, "tool_choice");

        (void)yyjson_mut_obj_add_str(w->doc, choice, "type", "function");
        yyjson_mut_val *function = yyjson_mut_obj_add_obj(w->doc, choice, "function");

        fh_json_add_text(w->doc, function, "name", w->req->tool_choice_name);
        break;
    }
    case FH_CHOICE_OPAQUE:
        if (w->same) {
            add_val(w, root, "tool_choice", w->req->tool_choice_raw);
        } else {
            lose(w, FH_LIT("/tool_choice"), NULL, NO_COUNTERPART);
        }
        break;
    }
}

static void encode_stop(struct writer *w, yyjson_mut_val *root)
{
    if (w->req->stop_count == 0) {
        return;
    }
    if (w->req->stop_was_string) {
        fh_json_add_text(w->doc, root, "stop", w->req->stop[0]);
        return;
    }
    /* OpenAI takes four and says so itself; compatible servers take more */
    yyjson_mut_val *stop = yyjson_mut_obj_add_arr(w->doc, root, "stop");

    for (size_t i = 0; i < w->req->stop_count; i++) {
        (void)yyjson_mut_arr_add_strn(w->doc, stop, (const char *)w->req->stop[i].ptr,
                                      w->req->stop[i].len);
    }
}

static void encode_format(struct writer *w, yyjson_mut_val *root)
{
    static const char *const words[] = {
        [FH_FORMAT_TEXT] = "text",
        [FH_FORMAT_JSON] = "json_object",
        [FH_FORMAT_JSON_SCHEMA] = "json_schema",
    };
    const struct fh_chat_request *req = w->req;

    if (req->format == FH_FORMAT_UNSET) {
        return;
    }
    yyjson_mut_val *format = yyjson_mut_obj_add_obj(w->doc, root, "response_format");

    (void)yyjson_mut_obj_add_str(w->doc, format, "type", words[req->format]);
    put_extras(w, &req->extras, FH_LIT("/response_format"), format);
    if (req->format != FH_FORMAT_JSON_SCHEMA ||
        said_elsewhere(w, &req->extras, FH_LIT("/response_format"), "json_schema")) {
        return;
    }
    yyjson_mut_val *schema = yyjson_mut_obj_add_obj(w->doc, format, "json_schema");

    add_given(w, schema, "name",
              req->format_name.ptr == NULL && !w->same ? FH_LIT("response") : req->format_name);
    add_given(w, schema, "description", req->format_description);
    add_val(w, schema, "schema", req->format_schema);
    /* elsewhere a schema always binds; here it only does when told so */
    add_flag(w, schema, "strict", req->format_strict < 0 && !w->same ? 1 : req->format_strict);
    put_extras(w, &req->extras, FH_LIT("/response_format/json_schema"), schema);
}

/* The books need the usage of every stream, so it is always asked for. Whether the client gets to
 * see it is the business of its own encoder. */
static void encode_stream_options(struct writer *w, yyjson_mut_val *root)
{
    const struct fh_extras *extras = &w->req->extras;
    bool any = w->same && fh_openai_chat_any(extras, FH_LIT("/stream_options"));

    (void)yyjson_mut_obj_add_bool(w->doc, root, "stream", w->req->stream);
    if (!w->req->stream && w->req->include_usage < 0 && !any) {
        return;
    }
    yyjson_mut_val *options = yyjson_mut_obj_add_obj(w->doc, root, "stream_options");

    add_flag(w, options, "include_usage", w->req->stream ? 1 : w->req->include_usage);
    put_extras(w, extras, FH_LIT("/stream_options"), options);
}

static void encode_service_tier(struct writer *w, yyjson_mut_val *root)
{
    static const struct {
        struct fh_slice theirs, ours;
    } tiers[] = {{FH_LIT_INIT("auto"), FH_LIT_INIT("auto")},
                 {FH_LIT_INIT("standard_only"), FH_LIT_INIT("default")}};
    struct fh_slice tier = w->req->service_tier;

    if (tier.ptr == NULL || w->same) {
        add_given(w, root, "service_tier", tier);
        return;
    }
    for (size_t i = 0; i < FH_LEN(tiers); i++) {
        if (fh_eq(tiers[i].theirs, tier)) {
            fh_json_add_text(w->doc, root, "service_tier", tiers[i].ours);
            return;
        }
    }
    lose(w, FH_LIT("/service_tier"), NULL, NO_COUNTERPART);
}

static void lose_fields(struct writer *w)
{
    for (size_t i = 0; i < FH_LEN(no_place); i++) {
        yyjson_val *const *field =
            (yyjson_val *const *)(const void *)((const uint8_t *)w->req + no_place[i].offset);

        if (*field != NULL) {
            lose(w, no_place[i].pointer, NULL, no_place[i].why);
        }
    }
    /* adaptive is what models of this dialect do anyway; how much, reasoning_effort says */
    if (w->req->thinking == FH_THINKING_OFF || w->req->thinking == FH_THINKING_OPAQUE) {
        lose(w, FH_LIT("/thinking"), NULL, "reasoning is set by effort alone");
    }
    fh_extras_lose(&w->req->extras, w->loss, NO_COUNTERPART);
}

enum fh_rc fh_openai_chat_encode_request(struct fh_buf *out, struct fh_arena *scratch,
                                         const struct fh_chat_request *req,
                                         struct fh_loss *loss, struct fh_complaint *why)
{
    yyjson_mut_doc *doc = fh_json_new(scratch);
    struct writer w = {.req = req,
                       .doc = doc,
                       .scratch = scratch,
                       .loss = loss,
                       .why = why,
                       .same = req->dialect == FH_DIALECT_OPENAI_CHAT};
    yyjson_mut_val *root = yyjson_mut_obj(doc);

    fh_json_add_text(doc, root, "model", req->model);
    FH_TRY(encode_messages(&w, root));
    encode_tools(&w, root);
    encode_tool_choice(&w, root);
    add_flag(&w, root, "parallel_tool_calls", req->parallel_tools);
    add_val(&w, root, req->max_tokens_is_old ? "max_tokens" : "max_completion_tokens",
            req->value[FH_FIELD_MAX_TOKENS]);
    add_val(&w, root, "temperature", req->value[FH_FIELD_TEMPERATURE]);
    add_val(&w, root, "top_p", req->value[FH_FIELD_TOP_P]);
    add_val(&w, root, "top_k", w.same ? req->value[FH_FIELD_TOP_K] : NULL);
    add_val(&w, root, "seed", req->value[FH_FIELD_SEED]);
    encode_stop(&w, root);
    encode_stream_options(&w, root);
    encode_format(&w, root);
    add_given(&w, root, "reasoning_effort", fh_openai_chat_efforts[req->effort]);
    add_given(&w, root, req->user_is_safety ? "safety_identifier" : "user", req->user);
    encode_service_tier(&w, root);
    if (w.same) {
        fh_openai_chat_put(&req->extras, FH_NONE, doc, root);
    } else {
        lose_fields(&w);
    }
    fh_json_append(out, scratch, root);
    return FH_OK;
}
