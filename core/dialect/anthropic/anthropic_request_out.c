/* anthropic_request_out.c: a request of any dialect as a body for Anthropic's API.
 *
 * Of our own dialect everything goes back where it was. Of another one, instructions at the start
 * become the top-level `system`, tool messages become blocks of a user message, and what has no
 * counterpart is reported or, where leaving it out would change the meaning, refused.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "dialect/anthropic/anthropic.h"
#include "dialect/anthropic/anthropic_names.def"

/* max_tokens is required here and optional elsewhere. Every model of the API gives as much. */
#define MAX_TOKENS_DEFAULT 4096

static const char no_counterpart[] = "has no counterpart in anthropic";

struct writer {
    const struct fh_chat_request *req;
    struct fh_arena *scratch;
    struct fh_loss *loss;
    struct fh_complaint *why;
    yyjson_mut_doc *doc;
    bool ours; /* the request is of our own dialect */
};

static enum fh_rc refuse(struct writer *w, struct fh_slice pointer, const char *what)
{
    struct fh_slice parts[] = {pointer, FH_LIT(": "), fh_cstr(what)};

    *w->why = (struct fh_complaint){.kind = FH_REFUSE_UNSUPPORTED,
                                    .message = fh_concat(w->scratch, parts, FH_LEN(parts)),
                                    .pointer = fh_dup(w->scratch, pointer)};
    return FH_E_SUPPORT;
}

static void add_extras(struct writer *w, yyjson_mut_val *obj, const struct fh_extras *extras)
{
    if (w->ours) {
        fh_extras_write(extras, w->doc, obj);
    } else {
        fh_extras_lose(extras, w->loss, no_counterpart);
    }
}

static void add_word(struct writer *w, yyjson_mut_val *obj, const char *key, const char *word)
{
    (void)yyjson_mut_obj_add_str(w->doc, obj, key, word);
}

static void add_number(struct writer *w, yyjson_mut_val *obj, const char *key,
                       yyjson_val *number)
{
    if (number != NULL) {
        fh_json_add_raw(w->doc, obj, key, fh_json_number(number));
    }
}

static void add_copy(struct writer *w, yyjson_mut_val *obj, const char *key, yyjson_val *val)
{
    (void)yyjson_mut_obj_add_val(w->doc, obj, key, yyjson_val_mut_copy(w->doc, val));
}

static void add_cache(struct writer *w, yyjson_mut_val *obj, enum fh_cache cache)
{
    if (cache != FH_CACHE_NONE) {
        yyjson_mut_val *control = yyjson_mut_obj_add_obj(w->doc, obj, "cache_control");

        add_word(w, control, "type", "ephemeral");
        if (cache != FH_CACHE_DEFAULT) {
            add_word(w, control, "ttl", cache == FH_CACHE_1H ? "1h" : "5m");
        }
    }
}

/* take_data_url parts data:image/png;base64,iVBOR… into its type and its bytes. */
static bool take_data_url(struct fh_slice url, struct fh_slice *media_type,
                          struct fh_slice *data)
{
    struct fh_slice head = FH_NONE;

    if (!fh_take(&url, FH_LIT("data:")) || fh_find(url, ',') == url.len ||
        !fh_split(&url, ',', &head) || !fh_ends(head, FH_LIT(";base64"))) {
        return false;
    }
    *media_type = fh_head(head, fh_find(head, ';'));
    *data = url;
    return true;
}

static enum fh_rc add_source(struct writer *w, yyjson_mut_val *obj,
                             const struct fh_block *block)
{
    yyjson_mut_val *source = yyjson_mut_obj_add_obj(w->doc, obj, "source");
    struct fh_slice media_type = block->media_type;
    struct fh_slice data = block->data;
    enum fh_source kind = block->source;

    if (kind == FH_SOURCE_URL && fh_starts(data, FH_LIT("data:"))) {
        if (!take_data_url(block->data, &media_type, &data)) {
            return refuse(w, block->pointer, "a data: URL must be base64 and name its type");
        }
        kind = FH_SOURCE_BASE64;
    }
    switch (kind) {
    case FH_SOURCE_BASE64:
        add_word(w, source, "type", "base64");
        fh_json_add_text(w->doc, source, "media_type", media_type);
        fh_json_add_text(w->doc, source, "data", data);
        return FH_OK;
    case FH_SOURCE_TEXT:
        add_word(w, source, "type", "text");
        fh_json_add_text(w->doc, source, "media_type",
                         media_type.len > 0 ? media_type : FH_LIT("text/plain"));
        fh_json_add_text(w->doc, source, "data", data);
        return FH_OK;
    case FH_SOURCE_URL:
        add_word(w, source, "type", "url");
        fh_json_add_text(w->doc, source, "url", data);
        return FH_OK;
    case FH_SOURCE_FILE:
        if (!w->ours) {
            return refuse(w, block->pointer, "a file of one provider is not known to another");
        }
        add_word(w, source, "type", "file");
        fh_json_add_text(w->doc, source, "file_id", data);
        return FH_OK;
    case FH_SOURCE_NONE:
        break;
    }
    return refuse(w, block->pointer, "has no content");
}

/* add_input puts a call's arguments in as the object that they are. */
static enum fh_rc add_input(struct writer *w, yyjson_mut_val *obj, const struct fh_block *block)
{
    struct fh_slice text = fh_trim(block->arguments);
    yyjson_val *input = NULL;
    struct fh_error error;

    if (text.len == 0) {
        (void)yyjson_mut_obj_add_obj(w->doc, obj, "input");
        return FH_OK;
    }
    if (fh_json_parse(w->scratch, text, &input, &error) != FH_OK || !yyjson_is_obj(input)) {
        enum fh_rc rc = refuse(w, block->pointer, "arguments of a call must be a JSON object");

        w->why->kind = FH_REFUSE_BAD_REQUEST;
        return rc;
    }
    add_copy(w, obj, "input", input);
    return FH_OK;
}

static bool is_bare_string(const struct fh_blocks *list)
{
    return list->first != NULL && list->first->next == NULL && list->first->from_string &&
           list->first->kind == FH_BLOCK_TEXT && list->first->extras.first == NULL;
}

static enum fh_rc add_simple_block(struct writer *w, yyjson_mut_val *arr,
                                   const struct fh_block *block);

/* add_result_content: a string stays one, a list has no lists in it. */
static enum fh_rc add_result_content(struct writer *w, yyjson_mut_val *obj,
                                     const struct fh_block *result)
{
    const struct fh_block *first = result->content.first;

    if (first == NULL) {
        return FH_OK;
    }
    if (is_bare_string(&result->content)) {
        fh_json_add_text(w->doc, obj, "content", first->text);
        return FH_OK;
    }
    yyjson_mut_val *list = yyjson_mut_obj_add_arr(w->doc, obj, "content");

    for (const struct fh_block *block = first; block != NULL; block = block->next) {
        FH_TRY(add_simple_block(w, list, block));
    }
    return FH_OK;
}

static void add_text_block(struct writer *w, yyjson_mut_val *arr, struct fh_slice text,
                           enum fh_cache cache, const struct fh_extras *extras)
{
    if (text.len == 0 && !w->ours) {
        return; /* the API refuses empty text, other dialects are full of it */
    }
    yyjson_mut_val *obj = yyjson_mut_arr_add_obj(w->doc, arr);

    add_word(w, obj, "type", "text");
    fh_json_add_text(w->doc, obj, "text", text);
    add_cache(w, obj, cache);
    add_extras(w, obj, extras);
}

static enum fh_rc add_media(struct writer *w, yyjson_mut_val *arr, const struct fh_block *block)
{
    yyjson_mut_val *obj = yyjson_mut_arr_add_obj(w->doc, arr);

    add_word(w, obj, "type", block->kind == FH_BLOCK_IMAGE ? "image" : "document");
    FH_TRY(add_source(w, obj, block));
    if (block->kind == FH_BLOCK_DOCUMENT && block->name.ptr != NULL) {
        fh_json_add_text(w->doc, obj, "title", block->name);
    }
    add_cache(w, obj, block->cache);
    add_extras(w, obj, &block->extras);
    return FH_OK;
}

static void add_thinking(struct writer *w, yyjson_mut_val *arr, const struct fh_block *block)
{
    if (!w->ours && block->signature.len == 0) {
        fh_loss_add(w->loss, block->pointer, "thinking without a signature is not accepted");
        return;
    }
    yyjson_mut_val *obj = yyjson_mut_arr_add_obj(w->doc, arr);

    add_word(w, obj, "type", "thinking");
    fh_json_add_text(w->doc, obj, "thinking", block->text);
    if (block->signature.ptr != NULL) {
        fh_json_add_text(w->doc, obj, "signature", block->signature);
    }
    add_extras(w, obj, &block->extras);
}

/* add_simple_block writes the blocks that may stand anywhere, tool results included. */
static enum fh_rc add_simple_block(struct writer *w, yyjson_mut_val *arr,
                                   const struct fh_block *block)
{
    switch (block->kind) {
    case FH_BLOCK_TEXT:
        add_text_block(w, arr, block->text, block->cache, &block->extras);
        return FH_OK;
    case FH_BLOCK_REFUSAL:
        fh_loss_add(w->loss, block->pointer, "a refusal is said as plain text");
        add_text_block(w, arr, block->text, block->cache, &block->extras);
        return FH_OK;
    case FH_BLOCK_IMAGE:
    case FH_BLOCK_DOCUMENT:
        return add_media(w, arr, block);
    case FH_BLOCK_THINKING:
        add_thinking(w, arr, block);
        return FH_OK;
    case FH_BLOCK_AUDIO:
    case FH_BLOCK_VIDEO:
    case FH_BLOCK_KINDS:
        return refuse(w, block->pointer, "anthropic takes no audio");
    case FH_BLOCK_OPAQUE:
        if (w->ours) {
            (void)yyjson_mut_arr_append(arr, yyjson_val_mut_copy(w->doc, block->raw));
            return FH_OK;
        }
        return refuse(w, block->pointer,
                      "content of this kind has no counterpart in anthropic");
    case FH_BLOCK_REDACTED:
    case FH_BLOCK_TOOL_CALL:
    case FH_BLOCK_TOOL_RESULT:
        break;
    }
    return refuse(w, block->pointer, "cannot stand inside a tool result");
}

static enum fh_rc add_block(struct writer *w, yyjson_mut_val *arr, const struct fh_block *block)
{
    if (block->kind != FH_BLOCK_REDACTED && block->kind != FH_BLOCK_TOOL_CALL &&
        block->kind != FH_BLOCK_TOOL_RESULT) {
        return add_simple_block(w, arr, block);
    }
    yyjson_mut_val *obj = yyjson_mut_arr_add_obj(w->doc, arr);

    if (block->kind == FH_BLOCK_REDACTED) {
        add_word(w, obj, "type", "redacted_thinking");
        fh_json_add_text(w->doc, obj, "data", block->data);
    } else if (block->kind == FH_BLOCK_TOOL_CALL) {
        add_word(w, obj, "type", "tool_use");
        fh_json_add_text(w->doc, obj, "id", block->id);
        fh_json_add_text(w->doc, obj, "name", block->name);
        FH_TRY(add_input(w, obj, block));
        add_cache(w, obj, block->cache);
    } else {
        add_word(w, obj, "type", "tool_result");
        fh_json_add_text(w->doc, obj, "tool_use_id", block->id);
        FH_TRY(add_result_content(w, obj, block));
        (void)yyjson_mut_obj_add_bool(w->doc, obj, "is_error", block->is_error);
        add_cache(w, obj, block->cache);
    }
    add_extras(w, obj, &block->extras);
    return FH_OK;
}

static enum fh_rc add_blocks(struct writer *w, yyjson_mut_val *arr,
                             const struct fh_blocks *list)
{
    for (const struct fh_block *block = list->first; block != NULL; block = block->next) {
        FH_TRY(add_block(w, arr, block));
    }
    return FH_OK;
}

static bool is_instruction(const struct fh_message *message)
{
    return message->role == FH_ROLE_SYSTEM || message->role == FH_ROLE_DEVELOPER;
}

/* add_system joins the top-level field with the instructions at the start of another dialect's
 * messages, and gives the first message after them. */
static enum fh_rc add_system(struct writer *w, yyjson_mut_val *root,
                             const struct fh_message **rest)
{
    const struct fh_message *message = w->req->first_message;
    bool bare = is_bare_string(&w->req->system);

    *rest = message;
    if (w->ours || message == NULL || !is_instruction(message)) {
        if (bare) {
            fh_json_add_text(w->doc, root, "system", w->req->system.first->text);
            return FH_OK;
        }
    }
    yyjson_mut_val *list = yyjson_mut_arr(w->doc);

    FH_TRY(add_blocks(w, list, &w->req->system));
    while (!w->ours && message != NULL && is_instruction(message)) {
        FH_TRY(add_blocks(w, list, &message->content));
        fh_extras_lose(&message->extras, w->loss, no_counterpart);
        message = message->next;
    }
    *rest = message;
    if (yyjson_mut_arr_size(list) > 0) {
        (void)yyjson_mut_obj_add_val(w->doc, root, "system", list);
    }
    return FH_OK;
}

static enum fh_rc add_message(struct writer *w, yyjson_mut_val *messages,
                              const struct fh_message *message)
{
    static const char *const roles[] = {
        [FH_ROLE_SYSTEM] = "system", [FH_ROLE_DEVELOPER] = "system",    [FH_ROLE_USER] = "user",
        [FH_ROLE_TOOL] = "user",     [FH_ROLE_ASSISTANT] = "assistant",
    };
    yyjson_mut_val *obj = yyjson_mut_obj(w->doc);

    add_word(w, obj, "role", roles[message->role]);
    if (is_bare_string(&message->content) && (w->ours || message->role != FH_ROLE_ASSISTANT ||
                                              message->content.first->text.len > 0)) {
        fh_json_add_text(w->doc, obj, "content", message->content.first->text);
    } else {
        yyjson_mut_val *list = yyjson_mut_obj_add_arr(w->doc, obj, "content");

        FH_TRY(add_blocks(w, list, &message->content));
        if (yyjson_mut_arr_size(list) == 0 && !w->ours) {
            fh_extras_lose(&message->extras, w->loss, no_counterpart);
            return FH_OK; /* a turn in which nothing was said: the API would refuse it */
        }
    }
    add_extras(w, obj, &message->extras);
    (void)yyjson_mut_arr_append(messages, obj);
    return FH_OK;
}

/* add_results begins or goes on with the user message that holds results. */
static enum fh_rc add_results(struct writer *w, yyjson_mut_val *messages,
                              yyjson_mut_val **results, const struct fh_message *message)
{
    if (*results == NULL) {
        yyjson_mut_val *obj = yyjson_mut_arr_add_obj(w->doc, messages);

        add_word(w, obj, "role", "user");
        *results = yyjson_mut_obj_add_arr(w->doc, obj, "content");
    }
    fh_extras_lose(&message->extras, w->loss, no_counterpart);
    return add_blocks(w, *results, &message->content);
}

/* add_messages: tool results that follow one another, and what the user says right after them, are
 * one user message; results come first in it, as the API demands. */
static enum fh_rc add_messages(struct writer *w, yyjson_mut_val *root,
                               const struct fh_message *message)
{
    yyjson_mut_val *messages = yyjson_mut_obj_add_arr(w->doc, root, "messages");
    yyjson_mut_val *results = NULL; /* the content of the message that is being joined */

    for (; message != NULL; message = message->next) {
        bool joins = message->role == FH_ROLE_USER && results != NULL;

        if (message->role == FH_ROLE_TOOL || joins) {
            FH_TRY(add_results(w, messages, &results, message));
        } else {
            FH_TRY(add_message(w, messages, message));
        }
        results = message->role == FH_ROLE_TOOL ? results : NULL;
    }
    return FH_OK;
}

static enum fh_rc add_tools(struct writer *w, yyjson_mut_val *root)
{
    yyjson_mut_val *list = NULL;

    for (const struct fh_tool *tool = w->req->first_tool; tool != NULL; tool = tool->next) {
        if (list == NULL) {
            list = yyjson_mut_obj_add_arr(w->doc, root, "tools");
        }
        if (tool->raw != NULL && !w->ours) {
            return refuse(w, tool->pointer,
                          "a tool of this kind has no counterpart in anthropic");
        }
        if (tool->raw != NULL) {
            (void)yyjson_mut_arr_append(list, yyjson_val_mut_copy(w->doc, tool->raw));
            continue;
        }
        yyjson_mut_val *obj = yyjson_mut_arr_add_obj(w->doc, list);

        fh_json_add_text(w->doc, obj, "name", tool->name);
        if (tool->description.ptr != NULL) {
            fh_json_add_text(w->doc, obj, "description", tool->description);
        }
        if (tool->schema != NULL) {
            add_copy(w, obj, "input_schema", tool->schema);
        } else if (!w->ours) { /* elsewhere: takes no arguments; here it is required */
            add_word(w, yyjson_mut_obj_add_obj(w->doc, obj, "input_schema"), "type", "object");
        }
        if (tool->strict >= 0) {
            (void)yyjson_mut_obj_add_bool(w->doc, obj, "strict", tool->strict == 1);
        }
        add_cache(w, obj, tool->cache);
        add_extras(w, obj, &tool->extras);
    }
    return FH_OK;
}

static enum fh_rc add_tool_choice(struct writer *w, yyjson_mut_val *root)
{
    static const char *const types[] = {
        [FH_CHOICE_UNSET] = "auto", [FH_CHOICE_AUTO] = "auto",  [FH_CHOICE_NONE] = "none",
        [FH_CHOICE_ANY] = "any",    [FH_CHOICE_NAMED] = "tool", [FH_CHOICE_OPAQUE] = NULL,
    };
    const struct fh_chat_request *req = w->req;
    enum fh_tool_choice choice = req->tool_choice;

    if (choice == FH_CHOICE_OPAQUE) {
        if (!w->ours) {
            return refuse(w, FH_LIT("/tool_choice"), "has no counterpart in anthropic");
        }
        add_copy(w, root, "tool_choice", req->tool_choice_raw);
        return FH_OK;
    }
    bool idle =
        choice == FH_CHOICE_UNSET || choice == FH_CHOICE_AUTO || choice == FH_CHOICE_NONE;

    if ((choice == FH_CHOICE_UNSET && req->parallel_tools != 0) ||
        (req->first_tool == NULL && idle && !w->ours)) {
        return FH_OK; /* without tools there is nothing to choose, and the API refuses to */
    }
    yyjson_mut_val *obj = yyjson_mut_obj_add_obj(w->doc, root, "tool_choice");

    add_word(w, obj, "type", types[choice]);
    if (choice == FH_CHOICE_NAMED) {
        fh_json_add_text(w->doc, obj, "name", req->tool_choice_name);
    }
    if (req->parallel_tools >= 0 && choice != FH_CHOICE_NONE &&
        (w->ours || req->parallel_tools == 0)) {
        (void)yyjson_mut_obj_add_bool(w->doc, obj, "disable_parallel_tool_use",
                                      req->parallel_tools == 0);
    }
    return FH_OK;
}

/* may_think says whether the API takes `thinking` beside the rest: not when a call is forced, and
 * not with sampling of one's own ("thinking is not compatible with temperature, top_p or top_k
 * modifications as well as forced tool use"). */
static bool may_think(const struct fh_chat_request *req)
{
    return req->tool_choice != FH_CHOICE_ANY && req->tool_choice != FH_CHOICE_NAMED &&
           req->value[FH_FIELD_TEMPERATURE] == NULL && req->value[FH_FIELD_TOP_P] == NULL &&
           req->value[FH_FIELD_TOP_K] == NULL;
}

static void add_thinking_field(struct writer *w, yyjson_mut_val *root)
{
    const struct fh_chat_request *req = w->req;
    enum fh_thinking thinking = req->thinking;

    if (thinking == FH_THINKING_OPAQUE && w->ours) {
        add_copy(w, root, "thinking", req->thinking_raw);
        return;
    }
    if (thinking == FH_THINKING_OPAQUE) {
        fh_loss_add(w->loss, FH_LIT("/thinking"), no_counterpart);
        return;
    }
    if (thinking == FH_THINKING_UNSET && !w->ours && req->effort == FH_EFFORT_NONE) {
        thinking = FH_THINKING_OFF;
    } else if (thinking == FH_THINKING_UNSET && !w->ours && req->effort >= FH_EFFORT_LOW &&
               may_think(req)) {
        thinking = FH_THINKING_ADAPTIVE;
    }
    if (thinking == FH_THINKING_UNSET) {
        return;
    }
    yyjson_mut_val *obj = yyjson_mut_obj_add_obj(w->doc, root, "thinking");

    if (thinking == FH_THINKING_BUDGET) {
        add_word(w, obj, "type", "enabled");
        add_number(w, obj, "budget_tokens", req->thinking_budget);
    } else {
        add_word(w, obj, "type", thinking == FH_THINKING_ADAPTIVE ? "adaptive" : "disabled");
    }
    if (w->ours) {
        fh_anthropic_extras_under(&req->extras, "/thinking", w->doc, obj);
    }
}

static void add_format(struct writer *w, yyjson_mut_val *config)
{
    const struct fh_chat_request *req = w->req;

    if (req->format == FH_FORMAT_JSON) {
        fh_loss_add(w->loss, FH_LIT("/response_format"),
                    "anthropic promises JSON only by a schema");
        return;
    }
    if (req->format != FH_FORMAT_JSON_SCHEMA || req->format_schema == NULL) {
        return;
    }
    yyjson_mut_val *format = yyjson_mut_obj_add_obj(w->doc, config, "format");

    add_word(w, format, "type", "json_schema");
    add_copy(w, format, "schema", req->format_schema);
    if (req->format_description.len > 0) {
        fh_loss_add(w->loss, FH_LIT("/response_format/json_schema/description"),
                    no_counterpart);
    }
    if (w->ours) {
        fh_anthropic_extras_under(&req->extras, "/output_config/format", w->doc, format);
        fh_anthropic_extras_under(&req->extras, "/output_format", w->doc, format);
    }
}

static void add_output_config(struct writer *w, yyjson_mut_val *root)
{
    static const char *const words[FH_EFFORTS] = {
#define X(what, text, own) [FH_EFFORT_##what] = (text),
        FH_ANTHROPIC_EFFORTS(X)
#undef X
    };
    yyjson_mut_val *config = yyjson_mut_obj(w->doc);
    const char *effort = words[w->req->effort];

    if (effort != NULL && effort[0] != '\0') {
        add_word(w, config, "effort", effort);
    }
    add_format(w, config);
    if (w->ours) {
        fh_anthropic_extras_under(&w->req->extras, "/output_config", w->doc, config);
    }
    if (yyjson_mut_obj_size(config) > 0) {
        (void)yyjson_mut_obj_add_val(w->doc, root, "output_config", config);
    }
}

static void add_metadata(struct writer *w, yyjson_mut_val *root)
{
    yyjson_mut_val *metadata = yyjson_mut_obj(w->doc);

    if (w->req->user.ptr != NULL) {
        fh_json_add_text(w->doc, metadata, "user_id", w->req->user);
    }
    if (w->ours) {
        fh_anthropic_extras_under(&w->req->extras, "/metadata", w->doc, metadata);
    }
    if (yyjson_mut_obj_size(metadata) > 0) {
        (void)yyjson_mut_obj_add_val(w->doc, root, "metadata", metadata);
    }
}

/* auto is auto; default, OpenAI's word for "no priority", is standard_only; the rest are other
 * services. */
static void add_service_tier(struct writer *w, yyjson_mut_val *root)
{
    struct fh_slice tier = w->req->service_tier;

    if (w->ours && tier.ptr != NULL) {
        fh_json_add_text(w->doc, root, "service_tier", tier);
    } else if (fh_eq(tier, FH_LIT("auto"))) {
        add_word(w, root, "service_tier", "auto");
    } else if (fh_eq(tier, FH_LIT("default"))) {
        add_word(w, root, "service_tier", "standard_only");
    } else if (tier.len > 0) {
        fh_loss_add(w->loss, FH_LIT("/service_tier"), "anthropic has no such tier");
    }
}

enum disposition { LOSE, REFUSE };

static const struct foreign {
    struct fh_slice key;
    enum disposition what;
    struct fh_slice harmless; /* JSON text of the value that asks for nothing */
    const char *why;
} foreigners[] = {
#define X(key, what, harmless, why) {FH_LIT_INIT(key), what, FH_LIT_INIT(harmless), (why)},
    FH_ANTHROPIC_FOREIGN(X)
#undef X
};

static const struct foreign *foreign_of(const struct fh_extra *extra)
{
    for (size_t i = 0; i < FH_LEN(foreigners); i++) {
        /* at the top level only: "/n", but not "/stream_options/n" */
        if (fh_eq(foreigners[i].key, extra->key) && extra->pointer.len == extra->key.len + 1) {
            return &foreigners[i];
        }
    }
    return NULL;
}

static bool is_text(struct writer *w, yyjson_val *val, struct fh_slice json)
{
    struct fh_buf printed = fh_buf_in_arena(w->scratch, SIZE_MAX / 4);

    fh_json_append_val(&printed, w->scratch, val);
    return fh_eq(fh_buf_slice(&printed), json);
}

/* settle_foreigners decides about each member that only the source's dialect knows. */
static enum fh_rc settle_foreigners(struct writer *w)
{
    for (const struct fh_extra *e = w->req->extras.first; e != NULL; e = e->next) {
        const struct foreign *row = foreign_of(e);

        if (yyjson_is_null(e->value) || (row != NULL && is_text(w, e->value, row->harmless))) {
            continue;
        }
        if (row != NULL && row->what == REFUSE) {
            return refuse(w, e->pointer, row->why);
        }
        fh_loss_add(w->loss, e->pointer, row != NULL ? row->why : no_counterpart);
    }
    if (w->req->value[FH_FIELD_SEED] != NULL) {
        fh_loss_add(w->loss, FH_LIT("/seed"), "anthropic takes no seed");
    }
    return FH_OK;
}

static void add_stops(struct writer *w, yyjson_mut_val *root)
{
    if (w->req->stop_count == 0) {
        return;
    }
    yyjson_mut_val *list = yyjson_mut_obj_add_arr(w->doc, root, "stop_sequences");

    for (size_t i = 0; i < w->req->stop_count; i++) {
        struct fh_slice stop = w->req->stop[i];

        (void)yyjson_mut_arr_add_strn(w->doc, list, (const char *)stop.ptr, stop.len);
    }
}

static void add_sampling(struct writer *w, yyjson_mut_val *root)
{
    if (w->req->value[FH_FIELD_MAX_TOKENS] != NULL) {
        add_number(w, root, "max_tokens", w->req->value[FH_FIELD_MAX_TOKENS]);
    } else if (!w->ours) {
        (void)yyjson_mut_obj_add_uint(w->doc, root, "max_tokens", MAX_TOKENS_DEFAULT);
    }
    add_number(w, root, "temperature", w->req->value[FH_FIELD_TEMPERATURE]);
    add_number(w, root, "top_p", w->req->value[FH_FIELD_TOP_P]);
    add_number(w, root, "top_k", w->req->value[FH_FIELD_TOP_K]);
    add_stops(w, root);
    if (w->req->stream) {
        (void)yyjson_mut_obj_add_bool(w->doc, root, "stream", true);
    }
}

enum fh_rc fh_anthropic_encode_request(struct fh_buf *out, struct fh_arena *scratch,
                                       const struct fh_chat_request *req, struct fh_loss *loss,
                                       struct fh_complaint *why)
{
    struct writer w = {
        req, scratch, loss, why, fh_json_new(scratch), req->dialect == FH_DIALECT_ANTHROPIC};
    yyjson_mut_val *root = yyjson_mut_obj(w.doc);
    const struct fh_message *rest = NULL;

    if (!w.ours) {
        FH_TRY(settle_foreigners(&w));
    }
    fh_json_add_text(w.doc, root, "model", req->model);
    add_sampling(&w, root);
    FH_TRY(add_system(&w, root, &rest));
    FH_TRY(add_messages(&w, root, rest));
    FH_TRY(add_tools(&w, root));
    FH_TRY(add_tool_choice(&w, root));
    add_thinking_field(&w, root);
    add_output_config(&w, root);
    add_metadata(&w, root);
    add_service_tier(&w, root);
    if (w.ours) {
        fh_anthropic_extras_under(&req->extras, "", w.doc, root);
    }
    fh_json_append(out, scratch, root);
    return FH_OK;
}
