/* bedrock_request_in.c: a client's body, member by member: tables say which member goes where, what
 * no table knows is kept as an extra. The model's name and whether to stream are in the path.
 *
 * Members that have a form of their own here, and more ways to be said than one, are understood and
 * also kept whole as extras that repeat: so they go back as they came.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "dialect/bedrock/bedrock.h"

/* keep_whole keeps a member that is understood as well. */
static void keep_whole(struct fh_reader *r, const struct fh_path *at, yyjson_val *value)
{
    fh_read_keep(r, &r->req->extras, at, value)->repeats = true;
}

/* only gives the one member of a union; false when there are more or none. */
static bool only(yyjson_val *value, struct fh_slice *key, yyjson_val **member)
{
    yyjson_obj_iter iter = yyjson_obj_iter_with(value);
    yyjson_val *first = yyjson_obj_iter_next(&iter);

    if (!yyjson_is_obj(value) || yyjson_obj_size(value) != 1) {
        return false;
    }
    *key = fh_json_text(first);
    *member = yyjson_obj_iter_get_val(first);
    return true;
}

/* ---- messages ---- */

static enum fh_rc read_role(struct fh_reader *r, void *into, const struct fh_path *at,
                            yyjson_val *value)
{
    static const struct fh_slice words[] = {FH_LIT_INIT("user"), FH_LIT_INIT("assistant"),
                                            FH_LIT_INIT("system")};
    static const enum fh_role roles[] = {FH_ROLE_USER, FH_ROLE_ASSISTANT, FH_ROLE_SYSTEM};
    size_t i = fh_read_word(words, FH_LEN(words), fh_json_text(value));
    struct fh_message *message = into;

    if (i == FH_LEN(words)) {
        return fh_read_refuse(r, at, "must be \"user\", \"assistant\" or \"system\"");
    }
    message->role = roles[i];
    return FH_OK;
}

static enum fh_rc read_content(struct fh_reader *r, void *into, const struct fh_path *at,
                               yyjson_val *value)
{
    struct fh_message *message = into;

    return fh_read_list(r, &message->content, at, value, fh_bedrock_read_block);
}

static const struct fh_member message_members[] = {
    FH_MEMBER_NEEDED_BY("role", read_role),
    FH_MEMBER_NEEDED_BY("content", read_content),
};

static enum fh_rc read_message(struct fh_reader *r, void *into, const struct fh_path *at,
                               yyjson_val *value)
{
    const struct fh_shape shape = FH_SHAPE(message_members);
    struct fh_message *message = fh_message_add(r->req, r->arena, FH_ROLE_USER);

    FH_UNUSED(into);
    message->pointer = fh_path_print(at, FH_NONE, r->arena);
    return fh_read_object(r, &shape, message, &message->extras, at, value);
}

static enum fh_rc read_messages(struct fh_reader *r, void *into, const struct fh_path *at,
                                yyjson_val *value)
{
    return fh_read_list(r, into, at, value, read_message);
}

static enum fh_rc read_system(struct fh_reader *r, void *into, const struct fh_path *at,
                              yyjson_val *value)
{
    struct fh_chat_request *req = into;

    return fh_read_list(r, &req->system, at, value, fh_bedrock_read_block);
}

/* ---- tools ---- */

static enum fh_rc read_schema(struct fh_reader *r, void *into, const struct fh_path *at,
                              yyjson_val *value)
{
    static const struct fh_member members[] = {
        FH_MEMBER("json", OBJECT, struct fh_tool, schema),
    };
    const struct fh_shape shape = FH_SHAPE(members);
    struct fh_tool *tool = into;

    return fh_read_object(r, &shape, tool, &tool->extras, at, value);
}

static const struct fh_member spec_members[] = {
    FH_MEMBER_NEEDED("name", TEXT, struct fh_tool, name),
    FH_MEMBER("description", TEXT, struct fh_tool, description),
    FH_MEMBER_BY("inputSchema", read_schema),
    FH_MEMBER("strict", FLAG, struct fh_tool, strict),
};

/* read_tool reads a function, or keeps a tool of another kind whole. A cache point is the
 * breakpoint of the tool before it. */
static enum fh_rc read_tool(struct fh_reader *r, void *into, const struct fh_path *at,
                            yyjson_val *value)
{
    const struct fh_shape shape = FH_SHAPE(spec_members);
    struct fh_tool *before = r->req->last_tool;
    struct fh_path inside = {.up = at, .key = FH_LIT("toolSpec")};
    struct fh_slice key = FH_NONE;
    yyjson_val *member = NULL;

    FH_UNUSED(into);
    if (!yyjson_is_obj(value)) {
        return fh_read_wrong(r, at, "an object", value);
    }
    bool one = only(value, &key, &member);

    if (one && fh_eq(key, FH_LIT("cachePoint")) && before != NULL &&
        before->cache == FH_CACHE_NONE && fh_bedrock_read_cache(member, &before->cache)) {
        before->cache_at = fh_path_print(at, key, r->arena);
        return FH_OK;
    }
    struct fh_tool *tool = fh_tool_add(r->req, r->arena);

    tool->pointer = fh_path_print(at, FH_NONE, r->arena);
    if (one && fh_eq(key, inside.key)) {
        return fh_read_object(r, &shape, tool, &tool->extras, &inside, member);
    }
    tool->name = fh_json_text(fh_json_get(member, FH_LIT("name")));
    tool->raw = value;
    return FH_OK;
}

static enum fh_rc read_tools(struct fh_reader *r, void *into, const struct fh_path *at,
                             yyjson_val *value)
{
    return fh_read_list(r, into, at, value, read_tool);
}

static enum fh_rc read_choice(struct fh_reader *r, void *into, const struct fh_path *at,
                              yyjson_val *value)
{
    static const struct fh_slice words[] = {FH_LIT_INIT("auto"), FH_LIT_INIT("any"),
                                            FH_LIT_INIT("tool")};
    static const enum fh_tool_choice choices[] = {FH_CHOICE_AUTO, FH_CHOICE_ANY,
                                                  FH_CHOICE_NAMED};
    struct fh_chat_request *req = into;
    struct fh_slice key = FH_NONE;
    yyjson_val *member = NULL;

    keep_whole(r, at, value);
    req->tool_choice = FH_CHOICE_OPAQUE;
    req->tool_choice_raw = value;
    if (!only(value, &key, &member) || !yyjson_is_obj(member)) {
        return FH_OK;
    }
    size_t i = fh_read_word(words, FH_LEN(words), key);
    yyjson_val *name = fh_json_get(member, FH_LIT("name"));
    bool named = i < FH_LEN(words) && choices[i] == FH_CHOICE_NAMED;

    if (i == FH_LEN(words) || yyjson_obj_size(member) != (named ? 1 : 0) ||
        (named && !yyjson_is_str(name))) {
        return FH_OK;
    }
    req->tool_choice = choices[i];
    req->tool_choice_name = fh_json_text(name);
    return FH_OK;
}

static const struct fh_member tool_config_members[] = {
    FH_MEMBER_BY("tools", read_tools),
    FH_MEMBER_BY("toolChoice", read_choice),
};

static enum fh_rc read_tool_config(struct fh_reader *r, void *into, const struct fh_path *at,
                                   yyjson_val *value)
{
    const struct fh_shape shape = FH_SHAPE(tool_config_members);

    return fh_read_object(r, &shape, into, &r->req->extras, at, value);
}

/* ---- the rest ---- */

static enum fh_rc read_stop(struct fh_reader *r, void *into, const struct fh_path *at,
                            yyjson_val *value)
{
    struct fh_chat_request *req = into;

    if (!yyjson_is_str(value)) {
        return fh_read_wrong(r, at, "a string", value);
    }
    req->stop[req->stop_count++] = fh_json_text(value);
    return FH_OK;
}

static enum fh_rc read_stops(struct fh_reader *r, void *into, const struct fh_path *at,
                             yyjson_val *value)
{
    struct fh_chat_request *req = into;

    req->stop = fh_arena_try(r->arena, yyjson_arr_size(value) * sizeof(*req->stop));
    if (req->stop == NULL) {
        return fh_read_refuse(r, at, "has more in it than is accepted");
    }
    return fh_read_list(r, req, at, value, read_stop);
}

/* read_top_k: not in Amazon's model, but one SDK sends it. */
static enum fh_rc read_top_k(struct fh_reader *r, void *into, const struct fh_path *at,
                             yyjson_val *value)
{
    struct fh_chat_request *req = into;

    if (!yyjson_is_raw(value)) {
        return fh_read_wrong(r, at, "a number", value);
    }
    keep_whole(r, at, value);
    req->value[FH_FIELD_TOP_K] = value;
    return FH_OK;
}

static const struct fh_member inference_members[] = {
    FH_MEMBER_BY("stopSequences", read_stops),
    FH_MEMBER_BY("topK", read_top_k),
};

static enum fh_rc read_inference(struct fh_reader *r, void *into, const struct fh_path *at,
                                 yyjson_val *value)
{
    const struct fh_shape shape = FH_SHAPE(inference_members);

    return fh_read_object(r, &shape, into, &r->req->extras, at, value);
}

static enum fh_rc read_tier(struct fh_reader *r, void *into, const struct fh_path *at,
                            yyjson_val *value)
{
    static const struct fh_member members[] = {
        FH_MEMBER_NEEDED("type", TEXT, struct fh_chat_request, service_tier),
    };
    const struct fh_shape shape = FH_SHAPE(members);

    return fh_read_object(r, &shape, into, &r->req->extras, at, value);
}

struct format {
    struct fh_slice schema, name, description;
};

static const struct fh_member schema_members[] = {
    FH_MEMBER_NEEDED("schema", TEXT, struct format, schema),
    FH_MEMBER("name", TEXT, struct format, name),
    FH_MEMBER("description", TEXT, struct format, description),
};

/* read_format reads a schema, which is a string here. */
static enum fh_rc read_format(struct fh_reader *r, void *into, const struct fh_path *at,
                              yyjson_val *value)
{
    static const struct fh_bedrock_known in_structure[] = {FH_BEDROCK_KNOWN("jsonSchema")};
    static const struct fh_bedrock_known known[] = {
        FH_BEDROCK_KNOWN("type"), FH_BEDROCK_KNOWN_IN("structure", in_structure)};
    const struct fh_shape shape = FH_SHAPE(schema_members);
    yyjson_val *structure = fh_json_get(value, FH_LIT("structure"));
    struct fh_path up = {.up = at, .key = FH_LIT("structure")};
    struct fh_path inside = {.up = &up, .key = FH_LIT("jsonSchema")};
    struct fh_path text = {.up = &inside, .key = FH_LIT("schema")};
    struct fh_chat_request *req = into;
    struct format format = {FH_NONE, FH_NONE, FH_NONE};
    yyjson_val *schema = NULL;
    struct fh_error error;

    if (!fh_eq(fh_json_text(fh_json_get(value, FH_LIT("type"))), FH_LIT("json_schema"))) {
        (void)fh_read_keep(r, &req->extras, at, value);
        return FH_OK;
    }
    fh_bedrock_keep(&req->extras, r->arena, at, value, known, FH_LEN(known));
    FH_TRY(fh_read_object(r, &shape, &format, &req->extras, &inside,
                          fh_json_get(structure, inside.key)));
    if (fh_json_parse(r->arena, format.schema, &schema, &error) != FH_OK ||
        !yyjson_is_obj(schema)) {
        return fh_read_refuse(r, &text, "must be the text of a JSON object");
    }
    req->format = FH_FORMAT_JSON_SCHEMA;
    req->format_schema = schema;
    req->format_name = format.name;
    req->format_description = format.description;
    return FH_OK;
}

static enum fh_rc read_effort(struct fh_reader *r, void *into, const struct fh_path *at,
                              yyjson_val *value)
{
    enum fh_effort effort = fh_bedrock_effort(fh_json_text(value));
    struct fh_chat_request *req = into;

    if (effort == FH_EFFORT_UNSET) {
        (void)fh_read_keep(r, &req->extras, at, value);
    } else {
        req->effort = effort;
    }
    return FH_OK;
}

static const struct fh_member output_members[] = {
    FH_MEMBER_BY("textFormat", read_format),
    FH_MEMBER_BY("effort", read_effort),
};

static enum fh_rc read_output(struct fh_reader *r, void *into, const struct fh_path *at,
                              yyjson_val *value)
{
    const struct fh_shape shape = FH_SHAPE(output_members);

    keep_whole(r, at, value);
    return fh_read_object(r, &shape, into, &r->req->extras, at, value);
}

/* read_paths: one SDK always asks which stop text was hit, which every answer says. */
static enum fh_rc read_paths(struct fh_reader *r, void *into, const struct fh_path *at,
                             yyjson_val *value)
{
    static const struct fh_slice told[] = {FH_LIT_INIT("/stop_sequence"),
                                           FH_LIT_INIT("/delta/stop_sequence")};
    yyjson_arr_iter iter = yyjson_arr_iter_with(value);
    struct fh_chat_request *req = into;
    bool all = yyjson_is_arr(value);

    for (yyjson_val *path = NULL; all && (path = yyjson_arr_iter_next(&iter)) != NULL;) {
        all = fh_read_word(told, FH_LEN(told), fh_json_text(path)) < FH_LEN(told);
    }
    if (all) {
        keep_whole(r, at, value);
    } else if (yyjson_is_arr(value)) {
        req->value[FH_FIELD_RESPONSE_PATHS] = value;
    } else {
        return fh_read_wrong(r, at, "a list", value);
    }
    return FH_OK;
}

/* A prompt that Amazon keeps needs no messages; but nobody else has it. */
static const struct fh_member top_members[] = {
    FH_MEMBER_NEEDED_BY("messages", read_messages),
    FH_MEMBER_BY("system", read_system),
    FH_MEMBER_BY("inferenceConfig", read_inference),
    FH_MEMBER_BY("toolConfig", read_tool_config),
    FH_MEMBER_BY("outputConfig", read_output),
    FH_MEMBER_BY("serviceTier", read_tier),
    FH_MEMBER_BY("additionalModelRequestFields", fh_bedrock_read_native),
    FH_MEMBER_BY("additionalModelResponseFieldPaths", read_paths),
};

enum fh_rc fh_bedrock_decode_request(struct fh_chat_request *req, struct fh_arena *arena,
                                     struct fh_slice body, struct fh_complaint *why)
{
    const struct fh_shape shape = FH_SHAPE(top_members);
    struct fh_reader r = {.arena = arena, .req = req, .cells = fh_bedrock_cells, .why = why};
    yyjson_val *root = NULL;

    fh_chat_request_init(req, FH_DIALECT_BEDROCK);
    FH_TRY(fh_read_document(&r, body, &root));
    return fh_read_object(&r, &shape, req, &req->extras, NULL, root);
}
