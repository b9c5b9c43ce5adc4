/* gemini_tools_in.c: tools and toolConfig.
 *
 * A Tool is an object with a member for each kind of tool in it: declarations of functions, which
 * the client runs, and any number of Google's own (googleSearch, codeExecution, …), of which each
 * becomes a tool whose name is the member's and whose `raw` is its value.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "dialect/gemini/gemini.h"

struct declaration {
    struct fh_slice name, description;
    yyjson_val *parameters, *json_schema;
};

static enum fh_rc read_declaration(struct fh_reader *r, void *into, const struct fh_path *at,
                                   yyjson_val *value)
{
    static const struct fh_member members[] = {
        FH_MEMBER_NEEDED("name", TEXT, struct declaration, name),
        FH_MEMBER("description", TEXT, struct declaration, description),
        FH_MEMBER("parameters", OBJECT, struct declaration, parameters),
        FH_MEMBER("parametersJsonSchema", OBJECT, struct declaration, json_schema),
    };
    struct fh_chat_request *req = into;
    struct declaration said = {0};
    struct fh_tool *tool = fh_tool_add(req, r->arena);

    FH_TRY(fh_gemini_read_object(r, &FH_SHAPE(members), &said, &tool->extras, at, value));
    if (said.parameters != NULL && said.json_schema != NULL) {
        return fh_read_refuse(r, at,
                              "has both parameters and parametersJsonSchema; one is right");
    }
    tool->name = said.name;
    tool->description = said.description;
    tool->schema = said.json_schema != NULL ? said.json_schema : said.parameters;
    tool->schema_is_openapi = said.json_schema == NULL;
    tool->pointer = fh_path_print(at, FH_NONE, r->arena);
    return FH_OK;
}

static enum fh_rc read_tool(struct fh_reader *r, void *into, const struct fh_path *at,
                            yyjson_val *value)
{
    yyjson_obj_iter iter = yyjson_obj_iter_with(value);

    if (!yyjson_is_obj(value)) {
        return fh_read_wrong(r, at, "an object", value);
    }
    fh_gemini_camel(value);
    for (yyjson_val *key = NULL; (key = yyjson_obj_iter_next(&iter)) != NULL;) {
        struct fh_path place = {.up = at, .key = fh_json_text(key)};
        yyjson_val *member = yyjson_obj_iter_get_val(key);

        if (fh_eq(place.key, FH_LIT("functionDeclarations"))) {
            FH_TRY(fh_gemini_read_many(r, into, &place, member, read_declaration));
        } else if (!yyjson_is_null(member)) {
            struct fh_tool *tool = fh_tool_add(into, r->arena);

            tool->name = place.key;
            tool->raw = member;
            tool->pointer = fh_path_print(&place, FH_NONE, r->arena);
        }
    }
    return FH_OK;
}

enum fh_rc fh_gemini_read_tools(struct fh_reader *r, void *into, const struct fh_path *at,
                                yyjson_val *value)
{
    if (yyjson_is_arr(value) && yyjson_arr_size(value) == 0) {
        (void)fh_read_keep(r, &r->req->extras, at, value);
    }
    return fh_gemini_read_many(r, into, at, value, read_tool);
}

/* ---- toolConfig ---- */

struct calling {
    yyjson_val *mode, *names;
};

/* one_name gives the only name of the list, if there is just one. */
static struct fh_slice one_name(yyjson_val *names)
{
    return yyjson_arr_size(names) == 1 ? fh_json_text(yyjson_arr_get_first(names)) : FH_NONE;
}

/* keep keeps members that no choice was made of. */
static void keep(struct fh_reader *r, const struct fh_path *at, const char *key,
                 yyjson_val *value)
{
    struct fh_path place = {.up = at, .key = fh_cstr(key)};

    if (value != NULL) {
        (void)fh_read_keep(r, &r->req->extras, &place, value);
    }
}

/* choose makes a choice of a mode. VALIDATED is AUTO with a promise that only Google gives. */
static void choose(struct fh_reader *r, const struct fh_path *at, const struct calling *calling,
                   yyjson_val *all)
{
    struct fh_chat_request *req = r->req;
    struct fh_slice mode = fh_json_text(calling->mode);
    bool named = yyjson_arr_size(calling->names) > 0;

    if (fh_eq(mode, FH_LIT("ANY")) && named) {
        req->tool_choice_name = one_name(calling->names);
        req->tool_choice = req->tool_choice_name.len > 0 ? FH_CHOICE_NAMED : FH_CHOICE_OPAQUE;
        req->tool_choice_raw = all;
        return;
    }
    keep(r, at, "allowedFunctionNames", calling->names);
    if (fh_eq(mode, FH_LIT("ANY"))) {
        req->tool_choice = FH_CHOICE_ANY;
    } else if (fh_eq(mode, FH_LIT("NONE"))) {
        req->tool_choice = FH_CHOICE_NONE;
    } else if (fh_eq(mode, FH_LIT("AUTO"))) {
        req->tool_choice = FH_CHOICE_AUTO;
    } else {
        req->tool_choice = fh_eq(mode, FH_LIT("VALIDATED")) ? FH_CHOICE_AUTO : FH_CHOICE_UNSET;
        keep(r, at, "mode", calling->mode);
    }
}

static enum fh_rc read_calling(struct fh_reader *r, void *into, const struct fh_path *at,
                               yyjson_val *value)
{
    static const struct fh_member members[] = {
        FH_MEMBER("mode", ANY, struct calling, mode),
        FH_MEMBER("allowedFunctionNames", LIST, struct calling, names),
    };
    struct calling calling = {0};

    FH_UNUSED(into);
    if (yyjson_is_obj(value) && yyjson_obj_size(value) == 0) {
        (void)fh_read_keep(r, &r->req->extras, at, value);
    }
    FH_TRY(fh_gemini_read_object(r, &FH_SHAPE(members), &calling, &r->req->extras, at, value));
    choose(r, at, &calling, value);
    return FH_OK;
}

enum fh_rc fh_gemini_read_tool_config(struct fh_reader *r, void *into, const struct fh_path *at,
                                      yyjson_val *value)
{
    static const struct fh_member members[] = {
        FH_MEMBER_BY("functionCallingConfig", read_calling),
    };

    FH_UNUSED(into);
    if (yyjson_is_obj(value) && yyjson_obj_size(value) == 0) {
        (void)fh_read_keep(r, &r->req->extras, at, value);
    }
    return fh_gemini_read_object(r, &FH_SHAPE(members), r->req, &r->req->extras, at, value);
}
