/* anthropic_request_out.c: a request of any dialect as a body for Anthropic's API.
 *
 * Of our own dialect everything goes back where it was. Of another one the ledger has taken out
 * what cannot be said; here instructions at the start become the top-level `system`, and tool
 * messages become blocks of a user message.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "chat/breakpoint.h"
#include "dialect/anthropic/anthropic.h"
#include "dialect/anthropic/anthropic_names.def"

/* ---- messages ---- */

static bool is_instruction(const struct fh_message *message)
{
    return message->role == FH_ROLE_SYSTEM || message->role == FH_ROLE_DEVELOPER;
}

/* add_system joins the top-level field with the instructions at the start of another dialect's
 * messages, and gives the first message after them. */
static enum fh_rc add_system(struct fh_writer *w, yyjson_mut_val *root,
                             const struct fh_message **rest)
{
    const struct fh_message *message = w->req->first_message;

    *rest = message;
    if ((w->ours || message == NULL || !is_instruction(message)) &&
        fh_anthropic_is_bare(w, &w->req->system)) {
        fh_write_text(w, root, "system", w->req->system.first->text);
        return FH_OK;
    }
    yyjson_mut_val *list = yyjson_mut_arr(w->doc);

    FH_TRY(fh_anthropic_add_blocks(w, list, &w->req->system));
    while (!w->ours && message != NULL && is_instruction(message)) {
        FH_TRY(fh_anthropic_add_blocks(w, list, &message->content));
        message = message->next;
    }
    *rest = message;
    if (yyjson_mut_arr_size(list) > 0) {
        (void)yyjson_mut_obj_add_val(w->doc, root, "system", list);
    }
    return FH_OK;
}

static enum fh_rc add_message(struct fh_writer *w, yyjson_mut_val *messages,
                              const struct fh_message *message)
{
    static const char *const roles[] = {
        [FH_ROLE_SYSTEM] = "system", [FH_ROLE_DEVELOPER] = "system",    [FH_ROLE_USER] = "user",
        [FH_ROLE_TOOL] = "user",     [FH_ROLE_ASSISTANT] = "assistant",
    };
    const struct fh_block *first = message->content.first;
    yyjson_mut_val *obj = yyjson_mut_obj(w->doc);

    fh_write_word(w, obj, "role", roles[message->role]);
    if (fh_anthropic_is_bare(w, &message->content) &&
        (w->ours || message->role != FH_ROLE_ASSISTANT || first->text.len > 0)) {
        fh_write_text(w, obj, "content", first->text);
    } else {
        yyjson_mut_val *list = yyjson_mut_obj_add_arr(w->doc, obj, "content");

        FH_TRY(fh_anthropic_add_blocks(w, list, &message->content));
        if (yyjson_mut_arr_size(list) == 0 && (!w->ours || first != NULL)) {
            return FH_OK; /* a turn in which nothing was said: the API would refuse it */
        }
    }
    if (w->ours) {
        fh_extras_write(&message->extras, w->doc, obj);
    }
    (void)yyjson_mut_arr_append(messages, obj);
    return FH_OK;
}

/* add_results begins or goes on with the user message that holds results. */
static enum fh_rc add_results(struct fh_writer *w, yyjson_mut_val *messages,
                              yyjson_mut_val **results, const struct fh_message *message)
{
    if (*results == NULL) {
        yyjson_mut_val *obj = yyjson_mut_arr_add_obj(w->doc, messages);

        fh_write_word(w, obj, "role", "user");
        *results = yyjson_mut_obj_add_arr(w->doc, obj, "content");
    }
    return fh_anthropic_add_blocks(w, *results, &message->content);
}

/* add_messages: tool results that follow one another, and what the user says right after them, are
 * one user message; results come first in it, as the API demands. */
static enum fh_rc add_messages(struct fh_writer *w, yyjson_mut_val *root,
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

/* ---- tools ---- */

/* add_schema: it is required here, and so is its type. Elsewhere a tool without one takes no
 * arguments. */
static void add_schema(struct fh_writer *w, yyjson_mut_val *obj, const struct fh_tool *tool)
{
    fh_write_val(w, obj, "input_schema", tool->schema);
    if (!w->ours) {
        yyjson_mut_val *schema = fh_write_in(w, obj, "input_schema");

        if (yyjson_mut_obj_get(schema, "type") == NULL) {
            fh_write_word(w, schema, "type", "object");
        }
    }
}

static void add_tools(struct fh_writer *w, yyjson_mut_val *root)
{
    const struct fh_tool *tool = w->req->first_tool;
    yyjson_mut_val *list = tool == NULL ? NULL : yyjson_mut_obj_add_arr(w->doc, root, "tools");

    for (; tool != NULL; tool = tool->next) {
        if (tool->raw != NULL) {
            (void)yyjson_mut_arr_append(list, yyjson_val_mut_copy(w->doc, tool->raw));
            continue;
        }
        yyjson_mut_val *obj = yyjson_mut_arr_add_obj(w->doc, list);

        fh_write_text(w, obj, "name", tool->name);
        fh_write_given(w, obj, "description", tool->description);
        add_schema(w, obj, tool);
        fh_write_flag(w, obj, "strict", tool->strict);
        fh_breakpoint_write(w, obj, "cache_control", tool->cache);
        if (w->ours) {
            fh_extras_write(&tool->extras, w->doc, obj);
        }
    }
}

static void add_tool_choice(struct fh_writer *w, yyjson_mut_val *root)
{
    static const char *const types[] = {
        [FH_CHOICE_UNSET] = "auto", [FH_CHOICE_AUTO] = "auto",  [FH_CHOICE_NONE] = "none",
        [FH_CHOICE_ANY] = "any",    [FH_CHOICE_NAMED] = "tool",
    };
    const struct fh_chat_request *req = w->req;
    enum fh_tool_choice choice = req->tool_choice;

    if (choice == FH_CHOICE_OPAQUE) {
        fh_write_val(w, root, "tool_choice", req->tool_choice_raw);
        return;
    }
    bool idle =
        choice == FH_CHOICE_UNSET || choice == FH_CHOICE_AUTO || choice == FH_CHOICE_NONE;

    if ((choice == FH_CHOICE_UNSET && req->parallel_tools != 0) ||
        (req->first_tool == NULL && idle && !w->ours)) {
        return; /* without tools there is nothing to choose, and the API refuses to */
    }
    yyjson_mut_val *obj = yyjson_mut_obj_add_obj(w->doc, root, "tool_choice");

    fh_write_word(w, obj, "type", types[choice]);
    if (choice == FH_CHOICE_NAMED) {
        fh_write_text(w, obj, "name", req->tool_choice_name);
    }
    if (req->parallel_tools >= 0 && choice != FH_CHOICE_NONE &&
        (w->ours || req->parallel_tools == 0)) {
        fh_write_bool(w, obj, "disable_parallel_tool_use", req->parallel_tools == 0);
    }
}

/* ---- the rest of the body ---- */

static void add_output_config(struct fh_writer *w, yyjson_mut_val *root)
{
    static const char *const words[FH_EFFORTS] = {
#define X(what, text, own) [FH_EFFORT_##what] = (text),
        FH_ANTHROPIC_EFFORTS(X)
#undef X
    };
    const struct fh_chat_request *req = w->req;
    yyjson_mut_val *config = yyjson_mut_obj(w->doc);
    const char *effort = words[req->effort];

    if (effort != NULL && effort[0] != '\0') {
        fh_write_word(w, config, "effort", effort);
    }
    if (req->format == FH_FORMAT_JSON_SCHEMA) {
        yyjson_mut_val *format = yyjson_mut_obj_add_obj(w->doc, config, "format");

        fh_write_word(w, format, "type", "json_schema");
        fh_write_val(w, format, "schema", req->format_schema);
        fh_write_extras(w, &req->extras, "/output_config/format", format);
        fh_write_extras(w, &req->extras, "/output_format", format);
    }
    fh_write_extras(w, &req->extras, "/output_config", config);
    if (yyjson_mut_obj_size(config) > 0) {
        (void)yyjson_mut_obj_add_val(w->doc, root, "output_config", config);
    }
}

static void add_metadata(struct fh_writer *w, yyjson_mut_val *root)
{
    yyjson_mut_val *metadata = yyjson_mut_obj(w->doc);
    yyjson_val *identifier = w->req->value[FH_FIELD_SAFETY_IDENTIFIER];

    if (w->req->user.ptr != NULL) {
        fh_write_text(w, metadata, "user_id", w->req->user);
        if (identifier != NULL) {
            fh_dialect_lose(w->req, w->loss, FH_FIELD_SAFETY_IDENTIFIER,
                            "one id of a user is taken, and another was given");
        }
    } else {
        fh_write_val(w, metadata, "user_id", identifier);
    }
    fh_write_extras(w, &w->req->extras, "/metadata", metadata);
    if (yyjson_mut_obj_size(metadata) > 0) {
        (void)yyjson_mut_obj_add_val(w->doc, root, "metadata", metadata);
    }
}

/* auto is auto; default, OpenAI's word for "no priority", is standard_only; the rest are other
 * services. */
static void add_service_tier(struct fh_writer *w, yyjson_mut_val *root)
{
    struct fh_slice tier = w->req->service_tier;

    if (w->ours || fh_eq(tier, FH_LIT("auto"))) {
        fh_write_given(w, root, "service_tier", tier);
    } else if (fh_eq(tier, FH_LIT("default"))) {
        fh_write_word(w, root, "service_tier", "standard_only");
    } else if (tier.len > 0) {
        fh_dialect_lose(w->req, w->loss, FH_FIELD_SERVICE_TIER, "anthropic has no such tier");
    }
}

static void add_stops(struct fh_writer *w, yyjson_mut_val *root)
{
    yyjson_mut_val *list = yyjson_mut_arr(w->doc);

    for (size_t i = 0; i < w->req->stop_count; i++) {
        struct fh_slice stop = w->req->stop[i];

        if (!w->ours && !fh_claude_stops_at(stop)) { /* others are asked for it */
            fh_dialect_lose(w->req, w->loss, FH_FIELD_STOP,
                            "a text to stop at must have more in it than white space");
        } else {
            (void)yyjson_mut_arr_add_strn(w->doc, list, (const char *)stop.ptr, stop.len);
        }
    }
    if (yyjson_mut_arr_size(list) > 0) {
        (void)yyjson_mut_obj_add_val(w->doc, root, "stop_sequences", list);
    }
}

/* add_envelope writes what some places have in the body and others in path and headers. */
static void add_envelope(struct fh_writer *w, yyjson_mut_val *root)
{
    const struct fh_envelope *envelope = &w->req->envelope;
    struct fh_slice betas = w->req->betas;
    struct fh_slice beta = FH_NONE;

    if (!envelope->without_model) {
        fh_write_given(w, root, "model", w->req->model);
    }
    if (envelope->version.len == 0) {
        return;
    }
    fh_write_text(w, root, "anthropic_version", envelope->version);
    yyjson_mut_val *list =
        betas.len == 0 ? NULL : yyjson_mut_obj_add_arr(w->doc, root, "anthropic_beta");

    while (fh_split(&betas, ',', &beta)) {
        beta = fh_trim(beta);
        (void)yyjson_mut_arr_add_strn(w->doc, list, (const char *)beta.ptr, beta.len);
    }
}

static void add_values(struct fh_writer *w, yyjson_mut_val *root,
                       const struct fh_anthropic_measure *m)
{
    yyjson_val *const *value = w->req->value;

    if (m->max_tokens > 0) {
        (void)yyjson_mut_obj_add_uint(w->doc, root, "max_tokens", m->max_tokens);
    } else {
        fh_write_val(w, root, "max_tokens", value[FH_FIELD_MAX_TOKENS]);
    }
    fh_write_values(w, fh_anthropic_cells, root);
    fh_write_val(w, root, "context_management", value[FH_FIELD_CONTEXT_MANAGEMENT]);
    add_stops(w, root);
    if (w->req->stream && !w->req->envelope.without_stream) {
        fh_write_bool(w, root, "stream", true);
    }
}

enum fh_rc fh_anthropic_encode_request(struct fh_buf *out, struct fh_arena *scratch,
                                       const struct fh_chat_request *req, struct fh_loss *loss,
                                       struct fh_complaint *why)
{
    struct fh_writer w = {
        .doc = fh_json_new(scratch),
        .scratch = scratch,
        .loss = loss,
        .why = why,
        .req = req,
        .ours = req->dialect == FH_DIALECT_ANTHROPIC,
    };
    yyjson_mut_val *root = yyjson_mut_obj(w.doc);
    const struct fh_block *marked = fh_anthropic_last_cacheable(req);
    const struct fh_message *rest = NULL;
    const struct fh_anthropic_measure m = fh_anthropic_measure(&w);

    add_envelope(&w, root);
    add_values(&w, root, &m);
    FH_TRY(add_system(&w, root, &rest));
    FH_TRY(add_messages(&w, root, rest));
    add_tools(&w, root);
    add_tool_choice(&w, root);
    fh_anthropic_add_thinking(&w, root, &m);
    add_output_config(&w, root);
    add_metadata(&w, root);
    add_service_tier(&w, root);
    if (w.ours && marked != NULL && marked->cache_at.ptr != NULL) {
        fh_breakpoint_write(&w, root, FH_ANTHROPIC_AUTOMATIC, marked->cache);
    }
    fh_write_extras(&w, &req->extras, "", root);
    fh_json_append(out, scratch, root);
    return FH_OK;
}
