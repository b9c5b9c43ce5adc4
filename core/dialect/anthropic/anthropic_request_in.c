/* anthropic_request_in.c: a client's body, member by member: tables say which member goes where,
 * the ledger has the plain values, and what neither knows is kept as an extra.
 * SPDX-License-Identifier: Apache-2.0 */
#include "chat/breakpoint.h"
#include "chat/read.h"
#include "dialect/anthropic/anthropic.h"
#include "dialect/anthropic/anthropic_names.def"

/* ---- messages ---- */

static enum fh_rc read_content(struct fh_reader *r, void *into, const struct fh_path *at,
                               yyjson_val *val)
{
    struct fh_message *message = into;

    return fh_anthropic_read_content(r, &message->content, at, val);
}

static enum fh_rc read_role(struct fh_reader *r, void *into, const struct fh_path *at,
                            yyjson_val *val)
{
    static const struct fh_slice words[] = {FH_LIT_INIT("user"), FH_LIT_INIT("assistant"),
                                            FH_LIT_INIT("system")};
    static const enum fh_role roles[] = {FH_ROLE_USER, FH_ROLE_ASSISTANT, FH_ROLE_SYSTEM};
    struct fh_message *message = into;

    if (!yyjson_is_str(val)) {
        return fh_read_wrong(r, at, "a string", val);
    }
    size_t i = fh_read_word(words, FH_LEN(words), fh_json_text(val));

    if (i == FH_LEN(words)) {
        return fh_read_refuse(r, at,
                              "must be \"user\", \"assistant\" or \"system\", not \"%.*s\" "
                              "(tool results are blocks of a user message)",
                              FH_ARG(fh_read_shown(fh_json_text(val))));
    }
    message->role = roles[i];
    return FH_OK;
}

static enum fh_rc read_message(struct fh_reader *r, void *into, const struct fh_path *at,
                               yyjson_val *val)
{
    static const struct fh_member members[] = {
        FH_MEMBER_NEEDED_BY("role", read_role),
        FH_MEMBER_NEEDED_BY("content", read_content),
    };
    struct fh_message *message = fh_message_add(r->req, r->arena, FH_ROLE_USER);

    FH_UNUSED(into);
    message->pointer = fh_path_print(at, FH_NONE, r->arena);
    return fh_read_object(r, &FH_SHAPE(members), message, &message->extras, at, val);
}

static enum fh_rc read_messages(struct fh_reader *r, void *into, const struct fh_path *at,
                                yyjson_val *val)
{
    return fh_read_list(r, into, at, val, read_message);
}

static enum fh_rc read_system(struct fh_reader *r, void *into, const struct fh_path *at,
                              yyjson_val *val)
{
    struct fh_chat_request *req = into;

    return fh_anthropic_read_content(r, &req->system, at, val);
}

/* ---- tools ---- */

static enum fh_rc read_tool_cache(struct fh_reader *r, void *into, const struct fh_path *at,
                                  yyjson_val *val)
{
    struct fh_tool *tool = into;

    FH_TRY(fh_read_want_object(r, at, val));
    if (!fh_breakpoint_read(val, &tool->cache)) {
        (void)fh_read_keep(r, &tool->extras, at, val);
    }
    return FH_OK;
}

static const struct fh_member tool_members[] = {
    FH_MEMBER_IGNORED("type"), /* "custom", what a tool without one is */
    FH_MEMBER_NEEDED("name", TEXT, struct fh_tool, name),
    FH_MEMBER("description", TEXT, struct fh_tool, description),
    FH_MEMBER("input_schema", OBJECT, struct fh_tool, schema),
    FH_MEMBER("strict", FLAG, struct fh_tool, strict),
    FH_MEMBER_BY("cache_control", read_tool_cache),
};

static enum fh_rc read_tool(struct fh_reader *r, void *into, const struct fh_path *at,
                            yyjson_val *val)
{
    yyjson_val *type = fh_json_get(val, FH_LIT("type"));
    struct fh_tool *tool = fh_tool_add(r->req, r->arena);

    FH_UNUSED(into);
    tool->pointer = fh_path_print(at, FH_NONE, r->arena);
    if (type == NULL || yyjson_is_null(type) ||
        fh_json_says(val, FH_LIT("type"), FH_LIT("custom"))) {
        return fh_read_object(r, &FH_SHAPE(tool_members), tool, &tool->extras, at, val);
    }
    if (!yyjson_is_str(type)) {
        return fh_read_wrong(r, &(struct fh_path){at, FH_LIT_INIT("type"), 0}, "a string",
                             type);
    }
    tool->name = fh_json_text(fh_json_get(val, FH_LIT("name")));
    tool->raw = val; /* a tool of the provider's own: told apart by `type` */
    return FH_OK;
}

static enum fh_rc read_tools(struct fh_reader *r, void *into, const struct fh_path *at,
                             yyjson_val *val)
{
    return fh_read_list(r, into, at, val, read_tool);
}

static enum fh_rc read_tool_choice(struct fh_reader *r, void *into, const struct fh_path *at,
                                   yyjson_val *val)
{
    static const struct {
        struct fh_slice type;
        enum fh_tool_choice choice;
        uint8_t size; /* members beside disable_parallel_tool_use */
        bool parallel;
    } choices[] = {
        {FH_LIT_INIT("auto"), FH_CHOICE_AUTO, 1, true},
        {FH_LIT_INIT("any"), FH_CHOICE_ANY, 1, true},
        {FH_LIT_INIT("none"), FH_CHOICE_NONE, 1, false},
        {FH_LIT_INIT("tool"), FH_CHOICE_NAMED, 2, true},
    };
    struct fh_chat_request *req = into;
    yyjson_val *serial = fh_json_get(val, FH_LIT("disable_parallel_tool_use"));
    yyjson_val *name = fh_json_get(val, FH_LIT("name"));

    FH_TRY(fh_read_want_object(r, at, val));
    req->tool_choice = FH_CHOICE_OPAQUE;
    req->tool_choice_raw = val;
    for (size_t i = 0; i < FH_LEN(choices); i++) {
        size_t size = (size_t)choices[i].size + (serial == NULL ? 0 : 1);

        if (!fh_json_says(val, FH_LIT("type"), choices[i].type) ||
            yyjson_obj_size(val) != size ||
            (serial != NULL && !(choices[i].parallel && yyjson_is_bool(serial)))) {
            continue;
        }
        if (choices[i].choice == FH_CHOICE_NAMED && !yyjson_is_str(name)) {
            return fh_read_missing(r, at, "the string \"name\" where its type is \"tool\"");
        }
        req->tool_choice = choices[i].choice;
        req->tool_choice_name = fh_json_text(name);
        req->parallel_tools = (int8_t)(serial == NULL ? -1 : !yyjson_get_bool(serial));
    }
    return FH_OK;
}

/* ---- thinking, effort, format ---- */

static enum fh_rc read_display(struct fh_reader *r, void *into, const struct fh_path *at,
                               yyjson_val *val)
{
    static const struct fh_slice words[] = {FH_LIT_INIT("omitted"), FH_LIT_INIT("summarized")};
    struct fh_chat_request *req = into;
    size_t i = fh_read_word(words, FH_LEN(words), fh_json_text(val));

    if (i < FH_LEN(words)) {
        req->thinking_shown = (int8_t)i;
    } else {
        (void)fh_read_keep(r, &req->extras, at, val);
    }
    return FH_OK;
}

static enum fh_rc read_thinking(struct fh_reader *r, void *into, const struct fh_path *at,
                                yyjson_val *val)
{
    static const struct fh_member members[] = {
        FH_MEMBER_IGNORED("type"),
        FH_MEMBER_BY("display", read_display),
        FH_MEMBER_NEEDED("budget_tokens", NUMBER, struct fh_chat_request, thinking_budget),
    };
    static const struct fh_slice words[] = {FH_LIT_INIT("enabled"), FH_LIT_INIT("adaptive"),
                                            FH_LIT_INIT("disabled")};
    static const enum fh_thinking kinds[] = {FH_THINKING_BUDGET, FH_THINKING_ADAPTIVE,
                                             FH_THINKING_OFF, FH_THINKING_OPAQUE};
    struct fh_chat_request *req = into;
    size_t i =
        fh_read_word(words, FH_LEN(words), fh_json_text(fh_json_get(val, FH_LIT("type"))));
    struct fh_shape shape = FH_SHAPE(members);

    FH_TRY(fh_read_want_object(r, at, val));
    req->thinking = kinds[i];
    if (req->thinking == FH_THINKING_OPAQUE) {
        req->thinking_raw = val;
        return FH_OK;
    }
    shape.count -= req->thinking == FH_THINKING_BUDGET ? 0 : 1;
    return fh_read_object(r, &shape, req, &req->extras, at, val);
}

static enum fh_rc read_effort(struct fh_reader *r, void *into, const struct fh_path *at,
                              yyjson_val *val)
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
    struct fh_chat_request *req = into;

    if (!yyjson_is_str(val)) {
        return fh_read_wrong(r, at, "a string", val);
    }
    for (size_t i = 0; i < FH_LEN(efforts); i++) {
        if (efforts[i].ours && fh_eq(efforts[i].word, fh_json_text(val))) {
            req->effort = efforts[i].effort;
            return FH_OK;
        }
    }
    (void)fh_read_keep(r, &req->extras, at, val);
    return FH_OK;
}

/* read_format also reads the older output_format of the beta, which is the same object. */
static enum fh_rc read_format(struct fh_reader *r, void *into, const struct fh_path *at,
                              yyjson_val *val)
{
    static const struct fh_member members[] = {
        FH_MEMBER_IGNORED("type"),
        FH_MEMBER_NEEDED("schema", OBJECT, struct fh_chat_request, format_schema),
    };
    struct fh_chat_request *req = into;

    FH_TRY(fh_read_want_object(r, at, val));
    if (!fh_json_says(val, FH_LIT("type"), FH_LIT("json_schema")) ||
        req->format != FH_FORMAT_UNSET) {
        (void)fh_read_keep(r, &req->extras, at, val);
        return FH_OK;
    }
    req->format = FH_FORMAT_JSON_SCHEMA;
    return fh_read_object(r, &FH_SHAPE(members), req, &req->extras, at, val);
}

static enum fh_rc read_output(struct fh_reader *r, void *into, const struct fh_path *at,
                              yyjson_val *val)
{
    static const struct fh_member members[] = {
        FH_MEMBER_BY("effort", read_effort),
        FH_MEMBER_BY("format", read_format),
    };
    struct fh_chat_request *req = into;

    return fh_read_object(r, &FH_SHAPE(members), req, &req->extras, at, val);
}

/* ---- the rest of the body ---- */

static enum fh_rc read_metadata(struct fh_reader *r, void *into, const struct fh_path *at,
                                yyjson_val *val)
{
    static const struct fh_member members[] = {
        FH_MEMBER("user_id", TEXT, struct fh_chat_request, user),
    };
    struct fh_chat_request *req = into;

    return fh_read_object(r, &FH_SHAPE(members), req, &req->extras, at, val);
}

static enum fh_rc read_stop(struct fh_reader *r, void *into, const struct fh_path *at,
                            yyjson_val *val)
{
    struct fh_chat_request *req = into;

    if (!yyjson_is_str(val)) {
        return fh_read_wrong(r, at, "a string", val);
    }
    req->stop[req->stop_count++] = fh_json_text(val);
    return FH_OK;
}

static enum fh_rc read_stops(struct fh_reader *r, void *into, const struct fh_path *at,
                             yyjson_val *val)
{
    struct fh_chat_request *req = into;

    req->stop = fh_arena_alloc(r->arena, yyjson_arr_size(val) * sizeof(*req->stop));
    return fh_read_list(r, into, at, val, read_stop);
}

static enum fh_rc read_beta(struct fh_reader *r, void *into, const struct fh_path *at,
                            yyjson_val *val)
{
    struct fh_buf *betas = into;

    if (!yyjson_is_str(val)) {
        return fh_read_wrong(r, at, "a string", val);
    }
    fh_buf_append(betas, betas->len > 0 ? FH_LIT(",") : FH_NONE);
    fh_buf_append(betas, fh_json_text(val));
    return FH_OK;
}

/* read_betas: what elsewhere is a header. */
static enum fh_rc read_betas(struct fh_reader *r, void *into, const struct fh_path *at,
                             yyjson_val *val)
{
    struct fh_buf betas = fh_buf_in_arena(r->arena, SIZE_MAX / 4);
    struct fh_chat_request *req = into;

    FH_TRY(fh_read_list(r, &betas, at, val, read_beta));
    req->betas = fh_buf_slice(&betas);
    return FH_OK;
}

/* A breakpoint for the whole request, which is put behind its last block. */
static enum fh_rc read_automatic(struct fh_reader *r, void *into, const struct fh_path *at,
                                 yyjson_val *val)
{
    FH_UNUSED(into);
    FH_TRY(fh_read_want_object(r, at, val));
    *(yyjson_val **)r->own = val;
    return FH_OK;
}

#define TOP(name, kind, field) FH_MEMBER(name, kind, struct fh_chat_request, field)

/* The body. Who demands model and max_tokens is the provider: one may have the model in its path,
 * and counting tokens goes without a maximum. */
static const struct fh_member top_members[] = {
    TOP("model", TEXT, model),
    FH_MEMBER_NEEDED_BY("messages", read_messages),
    FH_MEMBER_BY("system", read_system),
    TOP("stream", BOOL, stream),
    FH_MEMBER_BY("stop_sequences", read_stops),
    FH_MEMBER_BY("tools", read_tools),
    FH_MEMBER_BY("tool_choice", read_tool_choice),
    FH_MEMBER_BY("thinking", read_thinking),
    FH_MEMBER_BY("output_config", read_output),
    FH_MEMBER_BY("output_format", read_format),
    FH_MEMBER_BY("metadata", read_metadata),
    TOP("service_tier", TEXT, service_tier),
    FH_MEMBER_BY("cache_control", read_automatic),
    FH_MEMBER_IGNORED("anthropic_version"), /* of the envelope: each place has its own */
    FH_MEMBER_BY("anthropic_beta", read_betas),
};

/* place_automatic marks the block that the provider would. Its `cache_at` says that it was not
 * marked itself. */
static void place_automatic(struct fh_reader *r, yyjson_val *control)
{
    const struct fh_path at = {.key = FH_LIT_INIT(FH_ANTHROPIC_AUTOMATIC)};
    struct fh_block *last = fh_anthropic_last_cacheable(r->req);

    if (last == NULL || last->cache != FH_CACHE_NONE ||
        !fh_breakpoint_read(control, &last->cache)) {
        (void)fh_read_keep(r, &r->req->extras, &at, control);
        return;
    }
    last->cache_at = fh_path_print(&at, FH_NONE, r->arena);
}

enum fh_rc fh_anthropic_decode_request(struct fh_chat_request *req, struct fh_arena *arena,
                                       struct fh_slice body, struct fh_complaint *why)
{
    yyjson_val *automatic = NULL;
    struct fh_reader r = {
        .arena = arena, .req = req, .cells = fh_anthropic_cells, .why = why, .own = &automatic};
    yyjson_val *root = NULL;

    fh_chat_request_init(req, FH_DIALECT_ANTHROPIC);
    FH_TRY(fh_read_document(&r, body, &root));
    FH_TRY(fh_read_object(&r, &FH_SHAPE(top_members), req, &req->extras, NULL, root));
    if (automatic != NULL) {
        place_automatic(&r, automatic);
    }
    return FH_OK;
}
