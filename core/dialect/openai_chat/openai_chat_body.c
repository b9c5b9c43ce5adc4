/* openai_chat_body.c: a request becomes a body for a provider of this dialect. What the dialect
 * cannot be told is gone already (fh_settle).
 * SPDX-License-Identifier: Apache-2.0 */
#include "openai_chat.h"

#include "chat/breakpoint.h"

static void write_tool(struct fh_writer *w, const struct fh_tool *t, yyjson_mut_val *tools)
{
    yyjson_mut_val *tool = yyjson_mut_arr_add_obj(w->doc, tools);

    fh_write_word(w, tool, "type", "function");
    yyjson_mut_val *function = fh_write_in(w, tool, "function");

    fh_write_text(w, function, "name", t->name);
    fh_write_given(w, function, "description", t->description);
    fh_write_val(w, function, "parameters", t->schema);
    fh_write_flag(w, function, "strict", t->strict);
    fh_write_extras(w, &t->extras, "/tools/#/function", function);
    fh_breakpoint_write(w, tool, "cache_control", t->cache);
    fh_write_extras(w, &t->extras, "/tools/#", tool);
}

static void write_tools(struct fh_writer *w, yyjson_mut_val *root)
{
    yyjson_mut_val *tools = yyjson_mut_arr(w->doc);

    for (const struct fh_tool *t = w->req->first_tool; t != NULL; t = t->next) {
        if (t->raw == NULL) {
            write_tool(w, t, tools);
        } else if (w->ours) {
            (void)yyjson_mut_arr_append(tools, yyjson_val_mut_copy(w->doc, t->raw));
        }
    }
    if (yyjson_mut_arr_size(tools) > 0) {
        (void)yyjson_mut_obj_add_val(w->doc, root, "tools", tools);
    }
}

static void write_tool_choice(struct fh_writer *w, yyjson_mut_val *root)
{
    yyjson_val *raw = w->ours ? w->req->tool_choice_raw : NULL;

    switch (w->req->tool_choice) {
    case FH_CHOICE_AUTO:
        fh_write_word(w, root, "tool_choice", "auto");
        break;
    case FH_CHOICE_NONE:
        fh_write_word(w, root, "tool_choice", "none");
        break;
    case FH_CHOICE_ANY:
        if (yyjson_is_str(raw)) { /* the client's word for it */
            fh_write_val(w, root, "tool_choice", raw);
        } else {
            fh_write_word(w, root, "tool_choice", fh_openai_chat_flavour_in(w)->any);
        }
        break;
    case FH_CHOICE_NAMED: {
        yyjson_mut_val *choice = fh_write_in(w, root, "tool_choice");

        fh_write_word(w, choice, "type", "function");
        fh_write_text(w, fh_write_in(w, choice, "function"), "name", w->req->tool_choice_name);
        break;
    }
    case FH_CHOICE_OPAQUE:
        fh_write_val(w, root, "tool_choice", raw);
        break;
    case FH_CHOICE_UNSET:
        break;
    }
}

static void write_stop(struct fh_writer *w, yyjson_mut_val *root)
{
    if (w->req->stop_count == 0) {
        return;
    }
    if (w->req->stop_was_string) {
        fh_write_text(w, root, "stop", w->req->stop[0]);
        return;
    }
    /* OpenAI takes four and says so itself; compatible servers take more */
    yyjson_mut_val *stop = yyjson_mut_obj_add_arr(w->doc, root, "stop");

    for (size_t i = 0; i < w->req->stop_count; i++) {
        (void)yyjson_mut_arr_add_strn(w->doc, stop, (const char *)w->req->stop[i].ptr,
                                      w->req->stop[i].len);
    }
}

static void write_format(struct fh_writer *w, yyjson_mut_val *root)
{
    static const char *const words[] = {
        [FH_FORMAT_TEXT] = "text",
        [FH_FORMAT_JSON] = "json_object",
        [FH_FORMAT_JSON_SCHEMA] = "json_schema",
    };
    const struct fh_chat_request *req = w->req;
    enum fh_format form = req->format;
    const struct fh_extra *elsewhere =
        fh_openai_chat_find(&req->extras, FH_LIT("/response_format"), FH_LIT("json_schema"));

    if (req->format == FH_FORMAT_UNSET) {
        return;
    }
    if (form == FH_FORMAT_JSON_SCHEMA && fh_openai_chat_quirk(w, FH_QUIRK_NO_JSON_SCHEMA)) {
        form = FH_FORMAT_JSON;
        fh_dialect_lose(w->req, w->loss, FH_FIELD_FORMAT_SCHEMA,
                        "this server promises JSON, but no schema");
    }
    yyjson_mut_val *format = fh_write_in(w, root, "response_format");

    fh_write_word(w, format, "type", words[form]);
    fh_write_extras(w, &req->extras, "/response_format", format);
    if (form != FH_FORMAT_JSON_SCHEMA || (w->ours && elsewhere != NULL)) {
        return;
    }
    yyjson_mut_val *schema = fh_write_in(w, format, "json_schema");

    fh_write_given(w, schema, "name",
                   req->format_name.ptr == NULL && !w->ours ? FH_LIT("response")
                                                            : req->format_name);
    fh_write_given(w, schema, "description", req->format_description);
    fh_write_val(w, schema, "schema", req->format_schema);
    /* elsewhere a schema always binds; here it only does when told so */
    fh_write_flag(w, schema, "strict",
                  req->format_strict < 0 && !w->ours ? 1 : req->format_strict);
    fh_write_extras(w, &req->extras, "/response_format/json_schema", schema);
}

/* The books need the usage of every stream, so it is always asked for. Whether the client gets to
 * see it is the business of its own encoder. */
static void write_stream(struct fh_writer *w, yyjson_mut_val *root)
{
    const struct fh_extras *extras = &w->req->extras;
    bool any = w->ours && fh_openai_chat_any(extras, FH_LIT("/stream_options"));

    fh_write_bool(w, root, "stream", w->req->stream);
    if ((!w->req->stream && w->req->include_usage < 0 && !any) ||
        fh_openai_chat_flavour_in(w)->no_stream_options ||
        fh_openai_chat_quirk(w, FH_QUIRK_NO_STREAM_OPTIONS)) {
        return;
    }
    yyjson_mut_val *options = fh_write_in(w, root, "stream_options");

    fh_write_flag(w, options, "include_usage", w->req->stream ? 1 : w->req->include_usage);
    fh_write_extras(w, extras, "/stream_options", options);
}

/* write_service_tier: tiers have names of their provider's own, but for a few. */
static void write_service_tier(struct fh_writer *w, yyjson_mut_val *root)
{
    const struct fh_openai_chat_flavour *flavour = fh_openai_chat_flavour_in(w);
    struct fh_slice tier = w->req->service_tier;

    if (tier.ptr == NULL || w->ours) {
        fh_write_given(w, root, "service_tier", tier);
        return;
    }
    for (size_t i = 0; i < flavour->tier_count; i++) {
        if (fh_eq(flavour->tiers[i].theirs, tier)) {
            fh_write_text(w, root, "service_tier", flavour->tiers[i].ours);
            return;
        }
    }
    fh_dialect_lose(w->req, w->loss, FH_FIELD_SERVICE_TIER,
                    "there is no tier of that name here");
}

/* write_effort: what stood in OpenRouter's `reasoning` goes back there, with the extras. */
static void write_effort(struct fh_writer *w, yyjson_mut_val *root)
{
    const struct fh_extra *reasoning =
        w->ours ? fh_openai_chat_find(&w->req->extras, FH_NONE, FH_LIT("reasoning")) : NULL;

    if (reasoning == NULL || !reasoning->repeats) {
        fh_write_given(w, root, "reasoning_effort", fh_openai_chat_efforts[w->req->effort]);
    }
}

/* write_said puts back what only clients say: providers are not told it from elsewhere. */
static void write_said(struct fh_writer *w, yyjson_mut_val *root)
{
    const struct fh_openai_chat_flavour *flavour = fh_openai_chat_flavour_in(w);

    if (!w->ours) {
        return;
    }
    fh_write_val(w, root, flavour->thinking, w->req->thinking_raw);
    for (int field = 0; field < FH_VALUES; field++) {
        const struct fh_cell *cell = &flavour->cells[field];

        if (w->req->value[field] != NULL && cell->pointer.len > 0 &&
            (cell->fate == FH_FATE_DROPPED || cell->fate == FH_FATE_REFUSED)) {
            fh_write_at(w, root, cell->pointer,
                        yyjson_val_mut_copy(w->doc, w->req->value[field]));
        }
    }
}

/* OpenAI's two names of one value. Elsewhere it has one, and the ledger knows it. */
static void write_max_tokens(struct fh_writer *w, yyjson_mut_val *root)
{
    bool old = w->req->max_tokens_is_old || fh_openai_chat_quirk(w, FH_QUIRK_OLD_MAX_TOKENS);

    if (fh_openai_chat_flavour_in(w)->cells[FH_FIELD_MAX_TOKENS].by_code) {
        fh_write_val(w, root, old ? "max_tokens" : "max_completion_tokens",
                     w->req->value[FH_FIELD_MAX_TOKENS]);
    }
}

enum fh_rc fh_openai_chat_write_request(const struct fh_openai_chat_flavour *flavour,
                                        struct fh_buf *out, struct fh_arena *scratch,
                                        const struct fh_chat_request *req, struct fh_loss *loss,
                                        struct fh_complaint *why)
{
    struct fh_writer w = {.doc = fh_json_new(scratch),
                          .scratch = scratch,
                          .loss = loss,
                          .why = why,
                          .req = req,
                          .ours = req->dialect == flavour->id,
                          .own = flavour};
    yyjson_mut_val *root = yyjson_mut_obj(w.doc);

    fh_write_text(&w, root, "model", req->model);
    fh_openai_chat_write_messages(&w, root);
    write_tools(&w, root);
    write_tool_choice(&w, root);
    fh_write_flag(&w, root, "parallel_tool_calls", req->parallel_tools);
    write_max_tokens(&w, root);
    fh_write_values(&w, flavour->cells, root);
    write_stop(&w, root);
    write_stream(&w, root);
    write_format(&w, root);
    write_effort(&w, root);
    fh_write_given(&w, root, "user", req->user);
    write_service_tier(&w, root);
    write_said(&w, root);
    fh_write_extras(&w, &req->extras, "", root);
    fh_json_append(out, scratch, root);
    return FH_OK;
}
