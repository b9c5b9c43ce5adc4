/* openai_responses_request_in.c: the top level of a client's body becomes a request.
 * SPDX-License-Identifier: Apache-2.0 */
#include "dialect/openai_responses/openai_responses.h"

static enum fh_rc read_instructions(struct fh_reader *r, void *into, const struct fh_path *at,
                                    yyjson_val *value)
{
    struct fh_chat_request *req = into;

    if (!yyjson_is_str(value)) {
        return fh_read_wrong(r, at, "a string", value);
    }
    struct fh_block *block = fh_block_add(&req->system, r->arena, FH_BLOCK_TEXT);

    block->text = fh_json_text(value);
    block->from_string = true;
    block->pointer = fh_path_print(at, FH_NONE, r->arena);
    return FH_OK;
}

/* ---- tools ---- */

/* The schema of a function may be null: it takes no arguments then. */
static const struct fh_member tool_members[] = {
    FH_MEMBER_IGNORED("type"),
    FH_MEMBER_NEEDED("name", TEXT, struct fh_tool, name),
    FH_MEMBER("description", TEXT, struct fh_tool, description),
    FH_MEMBER("parameters", OBJECT, struct fh_tool, schema),
    FH_MEMBER("strict", FLAG, struct fh_tool, strict),
};

static enum fh_rc read_tool(struct fh_reader *r, void *into, const struct fh_path *at,
                            yyjson_val *value)
{
    struct fh_chat_request *req = into;
    yyjson_val *type = fh_json_get(value, FH_LIT("type"));

    if (!yyjson_is_obj(value)) {
        return fh_read_wrong(r, at, "an object with a type", value);
    }
    if (!yyjson_is_str(type)) {
        return fh_read_missing(r, at, "a type, such as \"function\"");
    }
    struct fh_tool *tool = fh_tool_add(req, r->arena);

    tool->pointer = fh_path_print(at, FH_NONE, r->arena);
    if (!fh_eq(fh_json_text(type), FH_LIT("function"))) {
        tool->raw = value;
        return FH_OK;
    }
    return fh_read_object(r, &FH_SHAPE(tool_members), tool, &tool->extras, at, value);
}

static enum fh_rc read_tools(struct fh_reader *r, void *into, const struct fh_path *at,
                             yyjson_val *value)
{
    struct fh_chat_request *req = into;

    if (yyjson_is_arr(value) && yyjson_arr_size(value) == 0) {
        fh_read_keep(r, &req->extras, at, value);
    }
    return fh_read_list(r, into, at, value, read_tool);
}

static enum fh_rc read_tool_choice(struct fh_reader *r, void *into, const struct fh_path *at,
                                   yyjson_val *value)
{
    static const struct fh_slice words[] = {FH_LIT_INIT("auto"), FH_LIT_INIT("none"),
                                            FH_LIT_INIT("required")};
    static const enum fh_tool_choice meant[] = {FH_CHOICE_AUTO, FH_CHOICE_NONE, FH_CHOICE_ANY,
                                                FH_CHOICE_OPAQUE};
    struct fh_chat_request *req = into;
    static const struct fh_slice known[] = {FH_LIT_INIT("type"), FH_LIT_INIT("name")};
    struct fh_slice type = fh_json_text(fh_json_get(value, FH_LIT("type")));
    yyjson_val *name = fh_json_get(value, FH_LIT("name"));

    if (!yyjson_is_str(value) && !yyjson_is_obj(value)) {
        return fh_read_wrong(r, at, "auto, none, required or an object with a type", value);
    }
    req->tool_choice_raw = value;
    if (yyjson_is_str(value)) {
        req->tool_choice = meant[fh_read_word(words, FH_LEN(words), fh_json_text(value))];
    } else if (fh_eq(type, FH_LIT("function")) && yyjson_is_str(name)) {
        req->tool_choice = FH_CHOICE_NAMED;
        req->tool_choice_name = fh_json_text(name);
        fh_extras_keep(&req->extras, r->arena, at, value, known, FH_LEN(known));
    } else {
        req->tool_choice = FH_CHOICE_OPAQUE;
    }
    return FH_OK;
}

/* ---- text, reasoning ---- */

static const struct fh_member format_members[] = {
    FH_MEMBER_IGNORED("type"),
    FH_MEMBER("name", TEXT, struct fh_chat_request, format_name),
    FH_MEMBER("description", TEXT, struct fh_chat_request, format_description),
    FH_MEMBER("schema", OBJECT, struct fh_chat_request, format_schema),
    FH_MEMBER("strict", FLAG, struct fh_chat_request, format_strict),
};

static enum fh_rc read_format(struct fh_reader *r, void *into, const struct fh_path *at,
                              yyjson_val *value)
{
    static const struct fh_slice words[] = {FH_LIT_INIT("text"), FH_LIT_INIT("json_object"),
                                            FH_LIT_INIT("json_schema")};
    static const enum fh_format meant[] = {FH_FORMAT_TEXT, FH_FORMAT_JSON,
                                           FH_FORMAT_JSON_SCHEMA, FH_FORMAT_UNSET};
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
        fh_read_keep(r, &req->extras, at, value); /* what other servers offer */
        return FH_OK;
    }
    FH_TRY(fh_read_object(r, &FH_SHAPE(format_members), req, &req->extras, at, value));
    if (req->format == FH_FORMAT_JSON_SCHEMA && req->format_schema == NULL) {
        return fh_read_missing(r, at, "a schema");
    }
    return FH_OK;
}

/* The member "verbosity" is found by the ledger. */
static const struct fh_member text_members[] = {FH_MEMBER_BY("format", read_format)};

static enum fh_rc read_text(struct fh_reader *r, void *into, const struct fh_path *at,
                            yyjson_val *value)
{
    struct fh_chat_request *req = into;

    return fh_read_object(r, &FH_SHAPE(text_members), req, &req->extras, at, value);
}

static enum fh_rc read_effort(struct fh_reader *r, void *into, const struct fh_path *at,
                              yyjson_val *value)
{
    struct fh_chat_request *req = into;
    size_t effort = fh_read_word(fh_responses_efforts, FH_EFFORTS, fh_json_text(value));

    if (!yyjson_is_str(value)) {
        return fh_read_wrong(r, at, "a string, such as \"low\"", value);
    }
    if (effort == FH_EFFORTS || effort == FH_EFFORT_UNSET) {
        fh_read_keep(r, &req->extras, at, value);
        return FH_OK;
    }
    req->effort = (enum fh_effort)effort;
    return FH_OK;
}

/* read_summary: in which form is this dialect's own affair; that there is one is not. */
static enum fh_rc read_summary(struct fh_reader *r, void *into, const struct fh_path *at,
                               yyjson_val *value)
{
    struct fh_chat_request *req = into;

    if (!yyjson_is_str(value)) {
        return fh_read_wrong(r, at, "a string, such as \"auto\"", value);
    }
    req->thinking_shown = 1;
    return FH_OK;
}

static const struct fh_member reasoning_members[] = {
    FH_MEMBER_BY("effort", read_effort),
    FH_MEMBER_BY("summary", read_summary),
};

static enum fh_rc read_reasoning(struct fh_reader *r, void *into, const struct fh_path *at,
                                 yyjson_val *value)
{
    struct fh_chat_request *req = into;

    return fh_read_object(r, &FH_SHAPE(reasoning_members), req, &req->extras, at, value);
}

/* ---- the rest ---- */

/* read_included: encrypted reasoning always comes back; the others are reported where they
 * stand. */
static enum fh_rc read_included(struct fh_reader *r, void *into, const struct fh_path *at,
                                yyjson_val *value)
{
    struct fh_chat_request *req = into;
    struct fh_slice word = fh_json_text(value);

    if (!yyjson_is_str(value)) {
        return fh_read_wrong(r, at, "a string", value);
    }
    if (fh_eq(word, FH_LIT("message.output_text.logprobs"))) {
        struct fh_error never;

        FH_TRY(fh_json_parse(r->arena, FH_LIT("true"), &req->value[FH_FIELD_LOGPROBS], &never));
    } else if (!fh_eq(word, FH_LIT("reasoning.encrypted_content"))) {
        fh_extra_add(&req->extras, r->arena, at, FH_NONE, value);
    }
    return FH_OK;
}

static enum fh_rc read_include(struct fh_reader *r, void *into, const struct fh_path *at,
                               yyjson_val *value)
{
    return fh_read_list(r, into, at, value, read_included);
}

/* read_padding: not to pad its stream is what any other provider does anyway. */
static enum fh_rc read_padding(struct fh_reader *r, void *into, const struct fh_path *at,
                               yyjson_val *value)
{
    struct fh_chat_request *req = into;

    if (!yyjson_is_false(value)) {
        fh_read_keep(r, &req->extras, at, value);
    }
    return FH_OK;
}

static const struct fh_member stream_members[] = {
    FH_MEMBER_BY("include_obfuscation", read_padding),
};

static enum fh_rc read_stream_options(struct fh_reader *r, void *into, const struct fh_path *at,
                                      yyjson_val *value)
{
    struct fh_chat_request *req = into;

    return fh_read_object(r, &FH_SHAPE(stream_members), req, &req->extras, at, value);
}

/* What is neither here nor a value of the ledger is an extra. */
static const struct fh_member request_members[] = {
    FH_MEMBER_NEEDED("model", TEXT, struct fh_chat_request, model),
    FH_MEMBER_BY("input", fh_responses_read_input),
    FH_MEMBER_BY("instructions", read_instructions),
    FH_MEMBER("stream", BOOL, struct fh_chat_request, stream),
    FH_MEMBER_BY("stream_options", read_stream_options),
    FH_MEMBER_BY("tools", read_tools),
    FH_MEMBER_BY("tool_choice", read_tool_choice),
    FH_MEMBER("parallel_tool_calls", FLAG, struct fh_chat_request, parallel_tools),
    FH_MEMBER_BY("text", read_text),
    FH_MEMBER_BY("reasoning", read_reasoning),
    FH_MEMBER_BY("include", read_include),
    FH_MEMBER("user", TEXT, struct fh_chat_request, user),
    FH_MEMBER("service_tier", TEXT, struct fh_chat_request, service_tier),
};

/* has_input says whether there is something to answer, here or at the provider. */
static bool has_input(const struct fh_chat_request *req)
{
    yyjson_val *input = fh_json_get(req->body, FH_LIT("input"));

    return (input != NULL && !yyjson_is_null(input)) || req->system.first != NULL ||
           req->value[FH_FIELD_PREVIOUS_RESPONSE] != NULL ||
           req->value[FH_FIELD_CONVERSATION] != NULL ||
           req->value[FH_FIELD_PROMPT_TEMPLATE] != NULL;
}

enum fh_rc fh_responses_decode_request(struct fh_chat_request *req, struct fh_arena *arena,
                                       struct fh_slice body, struct fh_complaint *why)
{
    struct fh_reader r = {.arena = arena, .req = req, .cells = fh_responses_cells, .why = why};

    fh_chat_request_init(req, FH_DIALECT_OPENAI_RESPONSES);
    FH_TRY(fh_read_document(&r, body, &req->body));
    r.own = fh_responses_input_new(arena);
    FH_TRY(fh_read_object(&r, &FH_SHAPE(request_members), req, &req->extras, NULL, req->body));
    if (!has_input(req)) {
        return fh_read_missing(&r, NULL, "an input, a string or a list of items");
    }
    return FH_OK;
}
