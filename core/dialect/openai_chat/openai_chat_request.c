/* openai_chat_request.c: a client's body becomes a request. Members are rows of tables; values are
 * found by the ledger; what neither names, and every null, is kept as an extra.
 * SPDX-License-Identifier: Apache-2.0 */
#include "openai_chat.h"

#include "chat/breakpoint.h"

/* What the functions of this dialect want beside the reader. */
struct reading {
    const struct fh_openai_chat_flavour *flavour;
    yyjson_val *root;
};

const struct fh_openai_chat_flavour *fh_openai_chat_flavour_of(const struct fh_reader *r)
{
    const struct reading *reading = r->own;

    return reading->flavour;
}

static yyjson_val *beside(const struct fh_reader *r, const char *key)
{
    const struct reading *reading = r->own;

    return fh_json_get(reading->root, fh_cstr(key));
}

enum fh_rc fh_openai_chat_read_messages(struct fh_reader *r, void *into,
                                        const struct fh_path *at, yyjson_val *value)
{
    return fh_read_list(r, into, at, value, fh_openai_chat_read_message);
}

/* ---- tools ---- */

static enum fh_rc read_function(struct fh_reader *r, void *into, const struct fh_path *at,
                                yyjson_val *value)
{
    static const struct fh_member members[] = {
        FH_MEMBER_NEEDED("name", TEXT, struct fh_tool, name),
        FH_MEMBER("description", TEXT, struct fh_tool, description),
        FH_MEMBER("parameters", OBJECT, struct fh_tool, schema),
        FH_MEMBER("strict", FLAG, struct fh_tool, strict),
    };
    struct fh_tool *tool = into;

    return fh_read_object(r, &FH_SHAPE(members), tool, &tool->extras, at, value);
}

static enum fh_rc read_tool_cache(struct fh_reader *r, void *into, const struct fh_path *at,
                                  yyjson_val *value)
{
    struct fh_tool *tool = into;

    if (!fh_breakpoint_read(value, &tool->cache)) {
        (void)fh_read_keep(r, &tool->extras, at, value);
    }
    return FH_OK;
}

static enum fh_rc read_tool(struct fh_reader *r, void *into, const struct fh_path *at,
                            yyjson_val *value)
{
    static const struct fh_member members[] = {
        FH_MEMBER_IGNORED("type"),
        FH_MEMBER_NEEDED_BY("function", read_function),
        FH_MEMBER_BY("cache_control", read_tool_cache),
    };
    yyjson_val *type = fh_json_get(value, FH_LIT("type"));
    struct fh_tool *tool = fh_tool_add(r->req, r->arena);

    FH_UNUSED(into);
    tool->pointer = fh_path_print(at, FH_NONE, r->arena);
    if (yyjson_is_str(type) && !fh_eq(fh_json_text(type), FH_LIT("function"))) {
        tool->raw = value;
        return FH_OK;
    }
    return fh_read_object(r, &FH_SHAPE(members), tool, &tool->extras, at, value);
}

enum fh_rc fh_openai_chat_read_tools(struct fh_reader *r, void *into, const struct fh_path *at,
                                     yyjson_val *value)
{
    if (yyjson_is_arr(value) && yyjson_arr_size(value) == 0) {
        (void)fh_read_keep(r, &r->req->extras, at, value);
    }
    return fh_read_list(r, into, at, value, read_tool);
}

enum fh_rc fh_openai_chat_read_tool_choice(struct fh_reader *r, void *into,
                                           const struct fh_path *at, yyjson_val *value)
{
    static const struct fh_slice words[] = {FH_LIT_INIT("auto"), FH_LIT_INIT("none"),
                                            FH_LIT_INIT("required"), FH_LIT_INIT("any")};
    static const enum fh_tool_choice meant[] = {FH_CHOICE_AUTO, FH_CHOICE_NONE, FH_CHOICE_ANY,
                                                FH_CHOICE_ANY, FH_CHOICE_OPAQUE};
    struct fh_chat_request *req = into;
    yyjson_val *function = fh_json_get(value, FH_LIT("function"));
    struct fh_slice name = fh_json_text(fh_json_get(function, FH_LIT("name")));
    struct fh_slice type = fh_json_text(fh_json_get(value, FH_LIT("type")));

    if (!yyjson_is_str(value) && !yyjson_is_obj(value)) {
        return fh_read_wrong(r, at, "\"auto\", \"none\", \"required\" or an object", value);
    }
    req->tool_choice_raw = value;
    if (yyjson_is_str(value)) {
        req->tool_choice = meant[fh_read_word(words, FH_LEN(words), fh_json_text(value))];
        return FH_OK;
    }
    bool plain = yyjson_obj_size(value) == 2 && yyjson_obj_size(function) == 1;

    req->tool_choice = plain && name.ptr != NULL && fh_eq(type, FH_LIT("function"))
                           ? FH_CHOICE_NAMED
                           : FH_CHOICE_OPAQUE;
    req->tool_choice_name = name;
    return FH_OK;
}

/* ---- thinking ---- */

enum fh_rc fh_openai_chat_read_effort(struct fh_reader *r, void *into, const struct fh_path *at,
                                      yyjson_val *value)
{
    struct fh_chat_request *req = into;
    size_t effort = fh_read_word(fh_openai_chat_efforts, FH_EFFORTS, fh_json_text(value));

    if (!yyjson_is_str(value)) {
        return fh_read_wrong(r, at, "a string, such as \"low\"", value);
    }
    if (effort == FH_EFFORTS || effort == FH_EFFORT_UNSET) {
        (void)fh_read_keep(r, &req->extras, at, value);
        return FH_OK;
    }
    req->effort = (enum fh_effort)effort;
    return FH_OK;
}

/* Anthropic's form, which its own compatible endpoint and many other servers take: {"type":
 * "enabled", "budget_tokens": n}; most of them have no budget. */
static enum fh_rc read_thinking(struct fh_reader *r, void *into, const struct fh_path *at,
                                yyjson_val *value)
{
    static const struct fh_slice types[] = {FH_LIT_INIT("disabled"), FH_LIT_INIT("adaptive"),
                                            FH_LIT_INIT("enabled")};
    static const enum fh_thinking meant[] = {FH_THINKING_OFF, FH_THINKING_ADAPTIVE,
                                             FH_THINKING_ADAPTIVE, FH_THINKING_OPAQUE};
    struct fh_chat_request *req = into;
    static const struct fh_slice names[] = {FH_LIT_INIT("type"), FH_LIT_INIT("budget_tokens"),
                                            FH_LIT_INIT("display")};
    static const struct fh_openai_chat_form form = {.own = FH_OPENAI_CHAT_NAMES(names)};
    struct fh_slice type = fh_json_text(fh_json_get(value, FH_LIT("type")));
    struct fh_slice display = fh_json_text(fh_json_get(value, FH_LIT("display")));
    yyjson_val *budget = fh_json_get(value, FH_LIT("budget_tokens"));

    if (!yyjson_is_obj(value)) {
        return fh_read_wrong(r, at, "an object with a type", value);
    }
    fh_openai_chat_keep_others(&req->extras, r->arena, at, value, &form);
    req->thinking_raw = value;
    req->thinking = meant[fh_read_word(types, FH_LEN(types), type)];
    if (yyjson_is_raw(budget) && fh_eq(type, FH_LIT("enabled"))) {
        req->thinking = FH_THINKING_BUDGET;
        req->thinking_budget = budget;
    }
    if (display.len > 0) {
        req->thinking_shown = (int8_t)(fh_eq(display, FH_LIT("omitted")) ? 0 : 1);
    }
    return FH_OK;
}

/* OpenRouter's form: {"effort": "high"}, {"max_tokens": n}, {"enabled": true}, {"exclude": true}.
 * Where one of the other forms is there as well, this is an extra. */
static enum fh_rc read_reasoning(struct fh_reader *r, void *into, const struct fh_path *at,
                                 yyjson_val *value)
{
    static const struct fh_slice names[] = {FH_LIT_INIT("effort"), FH_LIT_INIT("max_tokens"),
                                            FH_LIT_INIT("enabled"), FH_LIT_INIT("exclude")};
    static const struct fh_openai_chat_form form = {.own = FH_OPENAI_CHAT_NAMES(names)};
    struct fh_chat_request *req = into;
    yyjson_val *budget = fh_json_get(value, FH_LIT("max_tokens"));
    yyjson_val *enabled = fh_json_get(value, FH_LIT("enabled"));
    yyjson_val *exclude = fh_json_get(value, FH_LIT("exclude"));
    size_t effort = fh_read_word(fh_openai_chat_efforts, FH_EFFORTS,
                                 fh_json_text(fh_json_get(value, FH_LIT("effort"))));
    struct fh_extra *kept = fh_read_keep(r, &req->extras, at, value);

    if (!yyjson_is_obj(value) || beside(r, "reasoning_effort") != NULL ||
        beside(r, "thinking") != NULL) {
        return FH_OK;
    }
    kept->repeats = true;
    fh_openai_chat_keep_others(&req->extras, r->arena, at, value, &form);
    req->effort = effort == FH_EFFORTS ? FH_EFFORT_UNSET : (enum fh_effort)effort;
    if (yyjson_is_raw(budget)) {
        req->thinking = FH_THINKING_BUDGET;
        req->thinking_budget = budget;
    } else if (yyjson_is_bool(enabled)) {
        req->thinking = yyjson_is_true(enabled) ? FH_THINKING_ADAPTIVE : FH_THINKING_OFF;
    }
    if (yyjson_is_bool(exclude)) {
        req->thinking_shown = (int8_t)(yyjson_is_true(exclude) ? 0 : 1);
    }
    return FH_OK;
}

/* ---- the form of the answer ---- */

static enum fh_rc read_json_schema(struct fh_reader *r, void *into, const struct fh_path *at,
                                   yyjson_val *value)
{
    static const struct fh_member members[] = {
        FH_MEMBER("name", TEXT, struct fh_chat_request, format_name),
        FH_MEMBER("description", TEXT, struct fh_chat_request, format_description),
        FH_MEMBER("strict", FLAG, struct fh_chat_request, format_strict),
        FH_MEMBER("schema", OBJECT, struct fh_chat_request, format_schema),
    };
    struct fh_chat_request *req = into;

    return fh_read_object(r, &FH_SHAPE(members), req, &req->extras, at, value);
}

enum fh_rc fh_openai_chat_read_format(struct fh_reader *r, void *into, const struct fh_path *at,
                                      yyjson_val *value)
{
    static const enum fh_format meant[] = {FH_FORMAT_TEXT, FH_FORMAT_JSON,
                                           FH_FORMAT_JSON_SCHEMA, FH_FORMAT_UNSET};
    static const struct fh_slice words[] = {FH_LIT_INIT("text"), FH_LIT_INIT("json_object"),
                                            FH_LIT_INIT("json_schema")};
    static const struct fh_member members[] = {
        FH_MEMBER_IGNORED("type"),
        FH_MEMBER_BY("json_schema", read_json_schema),
    };
    struct fh_chat_request *req = into;
    yyjson_val *type = fh_json_get(value, FH_LIT("type"));

    if (!yyjson_is_obj(value)) {
        return fh_read_wrong(r, at, "an object with a type", value);
    }
    if (!yyjson_is_str(type)) {
        return fh_read_missing(r, at, "a type: text, json_object or json_schema");
    }
    req->format = meant[fh_read_word(words, FH_LEN(words), fh_json_text(type))];
    if (req->format == FH_FORMAT_UNSET) {
        (void)fh_read_keep(r, &req->extras, at,
                           value); /* a grammar, and what else servers offer */
        return FH_OK;
    }
    return fh_read_object(r, &FH_SHAPE(members), req, &req->extras, at, value);
}

/* ---- the top level ---- */

static enum fh_rc read_stream_options(struct fh_reader *r, void *into, const struct fh_path *at,
                                      yyjson_val *value)
{
    static const struct fh_member members[] = {
        FH_MEMBER("include_usage", FLAG, struct fh_chat_request, include_usage),
    };
    struct fh_chat_request *req = into;

    if (yyjson_is_obj(value) && yyjson_obj_size(value) == 0) {
        (void)fh_read_keep(r, &req->extras, at, value);
    }
    return fh_read_object(r, &FH_SHAPE(members), req, &req->extras, at, value);
}

/* The new name counts when both are there. */
static enum fh_rc read_old_max_tokens(struct fh_reader *r, void *into, const struct fh_path *at,
                                      yyjson_val *value)
{
    struct fh_chat_request *req = into;

    if (!yyjson_is_raw(value)) {
        return fh_read_wrong(r, at, "a number", value);
    }
    if (yyjson_is_raw(beside(r, "max_completion_tokens"))) {
        (void)fh_read_keep(r, &req->extras, at, value);
        return FH_OK;
    }
    req->value[FH_FIELD_MAX_TOKENS] = value;
    req->max_tokens_is_old = true;
    return FH_OK;
}

static enum fh_rc read_stop_text(struct fh_reader *r, void *into, const struct fh_path *at,
                                 yyjson_val *value)
{
    struct fh_chat_request *req = into;

    if (!yyjson_is_str(value)) {
        return fh_read_wrong(r, at, "a string", value);
    }
    req->stop[req->stop_count++] = fh_json_text(value);
    return FH_OK;
}

enum fh_rc fh_openai_chat_read_stop(struct fh_reader *r, void *into, const struct fh_path *at,
                                    yyjson_val *value)
{
    struct fh_chat_request *req = into;
    size_t count = yyjson_is_str(value) ? 1 : yyjson_arr_size(value);

    if (!yyjson_is_str(value) && !yyjson_is_arr(value)) {
        return fh_read_wrong(r, at, "a string or a list of strings", value);
    }
    if (count == 0) {
        (void)fh_read_keep(r, &req->extras, at, value);
        return FH_OK;
    }
    req->stop = fh_arena_alloc(r->arena, count * sizeof(*req->stop));
    req->stop_was_string = yyjson_is_str(value);
    return req->stop_was_string ? read_stop_text(r, req, at, value)
                                : fh_read_list(r, req, at, value, read_stop_text);
}

#define FIELD(word, kind, name) FH_MEMBER(word, kind, struct fh_chat_request, name)

static const struct fh_member body_members[] = {
    FH_MEMBER_NEEDED("model", TEXT, struct fh_chat_request, model),
    FH_MEMBER_NEEDED_BY("messages", fh_openai_chat_read_messages),
    FH_MEMBER_BY("max_tokens", read_old_max_tokens),
    FH_MEMBER_BY("stop", fh_openai_chat_read_stop),
    FIELD("stream", BOOL, stream),
    FH_MEMBER_BY("stream_options", read_stream_options),
    FH_MEMBER_BY("tools", fh_openai_chat_read_tools),
    FH_MEMBER_BY("tool_choice", fh_openai_chat_read_tool_choice),
    FIELD("parallel_tool_calls", FLAG, parallel_tools),
    FH_MEMBER_BY("response_format", fh_openai_chat_read_format),
    FH_MEMBER_BY("reasoning_effort", fh_openai_chat_read_effort),
    FH_MEMBER_BY("thinking", read_thinking),
    FH_MEMBER_BY("reasoning", read_reasoning),
    FIELD("user", TEXT, user),
    FIELD("service_tier", TEXT, service_tier),
};
const struct fh_shape fh_openai_chat_body_shape = {body_members, FH_LEN(body_members)};

enum fh_rc fh_openai_chat_read_request(const struct fh_openai_chat_flavour *flavour,
                                       struct fh_chat_request *req, struct fh_arena *arena,
                                       struct fh_slice body, struct fh_complaint *why)
{
    struct reading reading = {.flavour = flavour};
    struct fh_reader r = {
        .arena = arena, .req = req, .cells = flavour->cells, .why = why, .own = &reading};

    fh_chat_request_init(req, flavour->id);
    FH_TRY(fh_read_document(&r, body, &reading.root));
    return fh_read_object(&r, flavour->body, req, &req->extras, NULL, reading.root);
}
