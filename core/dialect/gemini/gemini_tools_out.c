/* gemini_tools_out.c: tools and toolConfig for Google.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"
#include "dialect/gemini/gemini.h"

/* place_of gives the number of the Tool that a tool of our own dialect was in: /tools/N/…. */
static uint64_t place_of(const struct fh_tool *tool)
{
    struct fh_slice rest = tool->pointer;
    struct fh_slice digits = FH_NONE;
    uint64_t place = 0;

    (void)!fh_take(&rest, FH_LIT("/tools/"));
    (void)!fh_split(&rest, '/', &digits);
    (void)!fh_parse_u64(digits, &place);
    return place;
}

/* write_declaration: parametersJsonSchema takes JSON Schema as it is; `parameters` refuses much
 * of it, and is written only for who wrote it. */
static void write_declaration(struct fh_writer *w, yyjson_mut_val *in,
                              const struct fh_tool *tool)
{
    yyjson_mut_val *list = yyjson_mut_obj_get(in, "functionDeclarations");
    yyjson_mut_val *said = NULL;

    if (list == NULL) {
        list = yyjson_mut_obj_add_arr(w->doc, in, "functionDeclarations");
    }
    said = yyjson_mut_arr_add_obj(w->doc, list);
    fh_write_text(w, said, "name", tool->name);
    fh_write_given(w, said, "description", tool->description);
    fh_write_val(w, said, tool->schema_is_openapi ? "parameters" : "parametersJsonSchema",
                 tool->schema);
    fh_write_extras(w, &tool->extras, "/tools/#/functionDeclarations/#", said);
}

void fh_gemini_write_tools(struct fh_writer *w, yyjson_mut_val *root)
{
    bool searches = w->req->value[FH_FIELD_WEB_SEARCH] != NULL;
    yyjson_mut_val *list = NULL;
    yyjson_mut_val *in = NULL;
    uint64_t place = 0;

    if (w->req->first_tool != NULL || searches) {
        list = yyjson_mut_obj_add_arr(w->doc, root, "tools");
    }
    for (const struct fh_tool *tool = w->req->first_tool; tool != NULL; tool = tool->next) {
        uint64_t its = w->ours ? place_of(tool) : 0;

        if (in == NULL || its != place) {
            in = yyjson_mut_arr_add_obj(w->doc, list);
            place = its;
        }
        if (tool->raw == NULL) {
            write_declaration(w, in, tool);
        } else { /* Google's own: those of others did not come this far */
            (void)yyjson_mut_obj_add(
                in, yyjson_mut_strn(w->doc, (const char *)tool->name.ptr, tool->name.len),
                yyjson_val_mut_copy(w->doc, tool->raw));
        }
    }
    if (searches) {
        (void)fh_write_in(w, yyjson_mut_arr_add_obj(w->doc, list), "googleSearch");
    }
}

/* ---- toolConfig ---- */

static void write_calling(struct fh_writer *w, yyjson_mut_val *config)
{
    static const char *const modes[] = {
        [FH_CHOICE_AUTO] = "AUTO",
        [FH_CHOICE_NONE] = "NONE",
        [FH_CHOICE_ANY] = "ANY",
        [FH_CHOICE_NAMED] = "ANY",
    };
    enum fh_tool_choice choice = w->req->tool_choice;
    yyjson_mut_val *calling = yyjson_mut_obj(w->doc);

    if (choice == FH_CHOICE_OPAQUE) {
        calling = yyjson_val_mut_copy(w->doc, w->req->tool_choice_raw);
    }
    if (choice == FH_CHOICE_NAMED) {
        struct fh_slice name = w->req->tool_choice_name;
        yyjson_mut_val *names = yyjson_mut_obj_add_arr(w->doc, calling, "allowedFunctionNames");

        (void)yyjson_mut_arr_add_strn(w->doc, names, (const char *)name.ptr, name.len);
    }
    fh_write_extras(w, &w->req->extras, "/toolConfig/functionCallingConfig", calling);
    if ((size_t)choice < FH_LEN(modes) && modes[choice] != NULL &&
        yyjson_mut_obj_get(calling, "mode") == NULL) { /* VALIDATED is among the extras */
        fh_write_word(w, calling, "mode", modes[choice]);
    }
    if (yyjson_mut_obj_size(calling) > 0) {
        (void)yyjson_mut_obj_add_val(w->doc, config, "functionCallingConfig", calling);
    }
}

void fh_gemini_write_tool_config(struct fh_writer *w, yyjson_mut_val *root)
{
    yyjson_mut_val *config = yyjson_mut_obj(w->doc);

    write_calling(w, config);
    fh_write_extras(w, &w->req->extras, "/toolConfig", config);
    if (yyjson_mut_obj_size(config) > 0) {
        (void)yyjson_mut_obj_add_val(w->doc, root, "toolConfig", config);
    }
}
