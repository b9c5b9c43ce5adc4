/* openai_responses_request_out.c: the top level of a request becomes a body for a provider.
 * SPDX-License-Identifier: Apache-2.0 */
#include "dialect/openai_responses/openai_responses.h"

static void add_instructions(struct fh_writer *w, yyjson_mut_val *root)
{
    const struct fh_block *system = w->req->system.first;

    if (system != NULL && system->next == NULL) { /* more than one goes into the input */
        fh_write_text(w, root, "instructions", system->text);
    }
}

static void add_input(struct fh_writer *w, yyjson_mut_val *root)
{
    yyjson_val *was = w->ours ? fh_json_get(w->req->body, FH_LIT("input")) : NULL;

    if (yyjson_is_str(was)) {
        fh_write_text(w, root, "input", w->req->first_message->content.first->text);
    } else if (!w->ours || yyjson_is_arr(was)) {
        fh_responses_write_input(w, yyjson_mut_obj_add_arr(w->doc, root, "input"));
    }
}

/* ---- tools ---- */

static void add_tool(struct fh_writer *w, yyjson_mut_val *list, const struct fh_tool *tool)
{
    if (tool->raw != NULL) {
        (void)yyjson_mut_arr_append(list, yyjson_val_mut_copy(w->doc, tool->raw));
        return;
    }
    yyjson_mut_val *obj = yyjson_mut_arr_add_obj(w->doc, list);

    fh_write_word(w, obj, "type", "function");
    fh_write_text(w, obj, "name", tool->name);
    fh_write_given(w, obj, "description", tool->description);
    fh_write_val(w, obj, "parameters", tool->schema);
    fh_write_flag(w, obj, "strict", tool->strict);
    fh_write_extras(w, &tool->extras, "/tools/#", obj);
    if (w->ours) {
        return;
    }
    if (tool->schema == NULL) { /* here it is required */
        yyjson_mut_val *schema = yyjson_mut_obj_add_obj(w->doc, obj, "parameters");

        fh_write_word(w, schema, "type", "object");
        (void)yyjson_mut_obj_add_obj(w->doc, schema, "properties");
    }
    if (tool->strict <
        0) { /* elsewhere a schema is a wish where nothing is said, here it binds */
        fh_write_bool(w, obj, "strict", false);
    }
}

static void add_tools(struct fh_writer *w, yyjson_mut_val *root)
{
    yyjson_mut_val *list = NULL;

    for (const struct fh_tool *tool = w->req->first_tool; tool != NULL; tool = tool->next) {
        list = list == NULL ? yyjson_mut_obj_add_arr(w->doc, root, "tools") : list;
        add_tool(w, list, tool);
    }
}

static void add_tool_choice(struct fh_writer *w, yyjson_mut_val *root)
{
    static const char *const words[] = {
        [FH_CHOICE_AUTO] = "auto", [FH_CHOICE_NONE] = "none", [FH_CHOICE_ANY] = "required"};
    const struct fh_chat_request *req = w->req;
    bool idle = req->first_tool == NULL &&
                (req->tool_choice == FH_CHOICE_AUTO || req->tool_choice == FH_CHOICE_NONE);

    if (w->ours) {
        fh_write_val(w, root, "tool_choice", req->tool_choice_raw);
        fh_write_flag(w, root, "parallel_tool_calls", req->parallel_tools);
        return;
    }
    if (req->tool_choice == FH_CHOICE_NAMED) {
        yyjson_mut_val *choice = yyjson_mut_obj_add_obj(w->doc, root, "tool_choice");

        fh_write_word(w, choice, "type", "function");
        fh_write_text(w, choice, "name", req->tool_choice_name);
    } else if (req->tool_choice != FH_CHOICE_UNSET && !idle) {
        fh_write_word(w, root, "tool_choice", words[req->tool_choice]);
    }
    if (req->parallel_tools == 0 && req->first_tool != NULL) {
        fh_write_bool(w, root, "parallel_tool_calls", false);
    }
}

/* ---- text, reasoning ---- */

/* Where a schema that was given always binds, it does so here, too; where nobody said so, it is a
 * wish: a strict one has rules of its own, which a schema for others seldom keeps. */
static int strictness(const struct fh_chat_request *req)
{
    bool binds = req->dialect == FH_DIALECT_ANTHROPIC || req->dialect == FH_DIALECT_BEDROCK;

    return req->format_strict < 0 && binds ? 1 : req->format_strict;
}

static enum fh_rc add_format(struct fh_writer *w, yyjson_mut_val *root)
{
    static const char *const words[] = {[FH_FORMAT_TEXT] = "text",
                                        [FH_FORMAT_JSON] = "json_object",
                                        [FH_FORMAT_JSON_SCHEMA] = "json_schema"};
    const struct fh_chat_request *req = w->req;
    bool schema = req->format == FH_FORMAT_JSON_SCHEMA;

    if (req->format == FH_FORMAT_UNSET || (req->format == FH_FORMAT_TEXT && !w->ours)) {
        return FH_OK;
    }
    if (schema && req->format_schema == NULL) {
        return fh_write_refuse(w, FH_LIT("/text/format/schema"), "a schema is required here");
    }
    yyjson_mut_val *format =
        yyjson_mut_obj_add_obj(w->doc, fh_write_in(w, root, "text"), "format");

    fh_write_word(w, format, "type", words[req->format]);
    if (schema || w->ours) {
        bool nameless = req->format_name.len == 0 && !w->ours;

        fh_write_given(w, format, "name", nameless ? FH_LIT("response") : req->format_name);
        fh_write_given(w, format, "description", req->format_description);
        fh_write_val(w, format, "schema", req->format_schema);
        fh_write_flag(w, format, "strict", w->ours ? req->format_strict : strictness(req));
    }
    fh_write_extras(w, &req->extras, "/text/format", format);
    return FH_OK;
}

static void add_reasoning(struct fh_writer *w, yyjson_mut_val *root)
{
    const struct fh_chat_request *req = w->req;
    yyjson_val *was = w->ours ? fh_json_get(req->body, FH_LIT("reasoning")) : NULL;
    bool any = req->effort != FH_EFFORT_UNSET || req->thinking_shown == 1;

    if (!any && !yyjson_is_obj(was)) {
        return;
    }
    yyjson_mut_val *reasoning = yyjson_mut_obj_add_obj(w->doc, root, "reasoning");

    if (req->effort != FH_EFFORT_UNSET) {
        fh_write_text(w, reasoning, "effort", fh_responses_efforts[req->effort]);
    }
    if (w->ours && req->thinking_shown == 1) {
        fh_write_val(w, reasoning, "summary", fh_json_get(was, FH_LIT("summary")));
    } else if (req->thinking_shown == 1) {
        fh_write_word(w, reasoning, "summary", "auto");
    }
    fh_write_extras(w, &req->extras, "/reasoning", reasoning);
}

/* ---- the rest ---- */

/* Tiers of other dialects, and what comes nearest to them: "no other service than the plain
 * one". */
static void add_service_tier(struct fh_writer *w, yyjson_mut_val *root)
{
    static const struct fh_slice known[] = {FH_LIT_INIT("auto"), FH_LIT_INIT("default"),
                                            FH_LIT_INIT("flex"), FH_LIT_INIT("scale"),
                                            FH_LIT_INIT("priority")};
    struct fh_slice tier = w->req->service_tier;

    if (w->ours || fh_read_word(known, FH_LEN(known), tier) < FH_LEN(known)) {
        fh_write_given(w, root, "service_tier", tier);
    } else if (fh_eq(tier, FH_LIT("standard_only"))) {
        fh_write_word(w, root, "service_tier", "default");
    } else if (tier.len > 0) {
        fh_dialect_lose(w->req, w->loss, FH_FIELD_SERVICE_TIER, "openai has no such tier");
    }
}

/* add_own gives back what our own client said and no other dialect is told. */
static void add_own(struct fh_writer *w, yyjson_mut_val *root)
{
    static const struct fh_slice as_it_was[] = {FH_LIT_INIT("include"),
                                                FH_LIT_INIT("stream_options")};

    for (size_t i = 0; i < FH_LEN(as_it_was); i++) {
        fh_write_val(w, root, (const char *)as_it_was[i].ptr,
                     fh_json_get(w->req->body, as_it_was[i]));
    }
    for (int field = 0; field < FH_VALUES; field++) {
        struct fh_slice name = fh_responses_cells[field].pointer;

        /* those that the ledger does not write; all are of the top level */
        if (fh_responses_cells[field].by_code && fh_take(&name, FH_LIT("/")) &&
            field != FH_FIELD_LOGPROBS) {
            fh_write_val(w, root, (const char *)name.ptr, w->req->value[field]);
        }
    }
    if (yyjson_is_obj(fh_json_get(w->req->body, FH_LIT("text")))) {
        fh_write_extras(w, &w->req->extras, "/text", fh_write_in(w, root, "text"));
    }
    fh_write_extras(w, &w->req->extras, "", root);
}

/* add_stateless: an answer that nobody asked to keep is not kept, and reasoning comes with what it
 * takes to go on from it. */
static void add_stateless(struct fh_writer *w, yyjson_mut_val *root)
{
    if (w->req->value[FH_FIELD_STORE] != NULL) {
        fh_write_val(w, root, "store", w->req->value[FH_FIELD_STORE]);
    } else {
        fh_write_bool(w, root, "store", false);
    }
    (void)yyjson_mut_arr_add_str(w->doc, yyjson_mut_obj_add_arr(w->doc, root, "include"),
                                 "reasoning.encrypted_content");
}

enum fh_rc fh_responses_encode_request(struct fh_buf *out, struct fh_arena *scratch,
                                       const struct fh_chat_request *req, struct fh_loss *loss,
                                       struct fh_complaint *why)
{
    struct fh_writer w = {.doc = fh_json_new(scratch),
                          .scratch = scratch,
                          .loss = loss,
                          .why = why,
                          .req = req,
                          .ours = req->dialect == FH_DIALECT_OPENAI_RESPONSES};
    yyjson_mut_val *root = yyjson_mut_obj(w.doc);

    fh_write_text(&w, root, "model", req->model);
    fh_write_values(&w, fh_responses_cells, root);
    add_instructions(&w, root);
    add_input(&w, root);
    add_tools(&w, root);
    add_tool_choice(&w, root);
    FH_TRY(add_format(&w, root));
    add_reasoning(&w, root);
    fh_write_given(&w, root, "user", req->user);
    add_service_tier(&w, root);
    fh_write_bool(&w, root, "stream", req->stream);
    if (w.ours) {
        add_own(&w, root);
    } else {
        add_stateless(&w, root);
    }
    fh_json_append(out, scratch, root);
    return FH_OK;
}
