/* bedrock_request_out.c: a request of any dialect as a body for Converse.
 *
 * Of our own dialect everything goes back where it was. Of another one, instructions at the start
 * become the top-level `system`, and since roles have to alternate, messages of one role that
 * follow one another are one message, tools' answers first in it.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "dialect/bedrock/bedrock.h"
#include "dialect/bedrock/bedrock_names.def"

enum { METADATA_MAX = 16, METADATA_TEXT_MAX = 256 }; /* entries; bytes of a key, of a value */

static bool instructs(const struct fh_message *message)
{
    return message->role == FH_ROLE_SYSTEM || message->role == FH_ROLE_DEVELOPER;
}

/* ---- system ---- */

static enum fh_rc write_instructions(struct fh_bedrock_pen *pen, yyjson_mut_val *list,
                                     const struct fh_blocks *blocks)
{
    for (const struct fh_block *b = blocks->first; b != NULL; b = b->next) {
        if (!pen->w.ours && b->kind != FH_BLOCK_TEXT) {
            return fh_write_refuse(&pen->w, b->pointer, "instructions are text alone here");
        }
        FH_TRY(fh_bedrock_write_block(pen, list, b));
    }
    return FH_OK;
}

/* write_system joins the top-level field with the instructions at the start of another dialect's
 * messages, and gives the first message after them. */
static enum fh_rc write_system(struct fh_bedrock_pen *pen, yyjson_mut_val *root,
                               const struct fh_message **rest)
{
    const struct fh_chat_request *req = pen->w.req;
    yyjson_mut_val *list = yyjson_mut_arr(pen->w.doc);
    const struct fh_message *message = req->first_message;

    FH_TRY(write_instructions(pen, list, &req->system));
    while (!pen->w.ours && message != NULL && instructs(message)) {
        FH_TRY(write_instructions(pen, list, &message->content));
        message = message->next;
    }
    if (yyjson_mut_arr_size(list) > 0) {
        (void)yyjson_mut_obj_add_val(pen->w.doc, root, "system", list);
    }
    *rest = message;
    return FH_OK;
}

/* ---- messages ---- */

static const char *role_of(const struct fh_message *message)
{
    static const char *const roles[] = {
        [FH_ROLE_SYSTEM] = "system", [FH_ROLE_DEVELOPER] = "system",    [FH_ROLE_USER] = "user",
        [FH_ROLE_TOOL] = "user",     [FH_ROLE_ASSISTANT] = "assistant",
    };

    return roles[message->role];
}

/* write_own writes a message of our own dialect as it came. */
static enum fh_rc write_own(struct fh_bedrock_pen *pen, yyjson_mut_val *messages,
                            const struct fh_message *message)
{
    yyjson_mut_val *obj = yyjson_mut_arr_add_obj(pen->w.doc, messages);
    yyjson_mut_val *content = NULL;

    fh_write_word(&pen->w, obj, "role", role_of(message));
    content = yyjson_mut_obj_add_arr(pen->w.doc, obj, "content");
    for (const struct fh_block *b = message->content.first; b != NULL; b = b->next) {
        FH_TRY(fh_bedrock_write_block(pen, content, b));
    }
    fh_write_extras(&pen->w, &message->extras, "/messages/#", obj);
    return FH_OK;
}

/* write_blocks writes those blocks of messages from `first` up to `end` that are answers of tools,
 * or all the others. */
static enum fh_rc write_blocks(struct fh_bedrock_pen *pen, yyjson_mut_val *content,
                               const struct fh_message *first, const struct fh_message *end,
                               bool results)
{
    for (const struct fh_message *m = first; m != end; m = m->next) {
        for (const struct fh_block *b = m->content.first; b != NULL; b = b->next) {
            if ((b->kind == FH_BLOCK_TOOL_RESULT) == results) {
                FH_TRY(fh_bedrock_write_block(pen, content, b));
            }
        }
    }
    return FH_OK;
}

/* says_nothing: a turn in which nothing was said is left out, and parts no neighbours. */
static bool says_nothing(const struct fh_message *message)
{
    for (const struct fh_block *b = message->content.first; b != NULL; b = b->next) {
        if ((b->kind != FH_BLOCK_TEXT && b->kind != FH_BLOCK_REFUSAL) || b->text.len > 0) {
            return false;
        }
    }
    return true;
}

/* write_turn writes messages of one role as one; `*rest` is what comes behind them. */
static enum fh_rc write_turn(struct fh_bedrock_pen *pen, yyjson_mut_val *messages,
                             const struct fh_message **rest)
{
    const struct fh_message *first = *rest;
    const struct fh_message *end = first->next;
    yyjson_mut_val *content = yyjson_mut_arr(pen->w.doc);

    while (end != NULL && (role_of(end) == role_of(first) || says_nothing(end))) {
        end = end->next;
    }
    *rest = end;
    FH_TRY(write_blocks(pen, content, first, end, true));
    FH_TRY(write_blocks(pen, content, first, end, false));
    if (yyjson_mut_arr_size(content) > 0) {
        yyjson_mut_val *obj = yyjson_mut_arr_add_obj(pen->w.doc, messages);

        fh_write_word(&pen->w, obj, "role", role_of(first));
        (void)yyjson_mut_obj_add_val(pen->w.doc, obj, "content", content);
    }
    return FH_OK;
}

static enum fh_rc write_messages(struct fh_bedrock_pen *pen, yyjson_mut_val *root,
                                 const struct fh_message *message)
{
    yyjson_mut_val *messages = yyjson_mut_obj_add_arr(pen->w.doc, root, "messages");

    for (; pen->w.ours && message != NULL; message = message->next) {
        FH_TRY(write_own(pen, messages, message));
    }
    while (message != NULL) {
        if (says_nothing(message)) {
            message = message->next;
        } else {
            FH_TRY(write_turn(pen, messages, &message));
        }
    }
    return FH_OK;
}

/* ---- the rest ---- */

static void write_stop(struct fh_bedrock_pen *pen, yyjson_mut_val *list, struct fh_slice stop)
{
    if (!pen->w.ours && pen->family->claude && !fh_claude_stops_at(stop)) {
        fh_dialect_lose(pen->w.req, pen->w.loss, FH_FIELD_STOP,
                        "a text to stop at must have more in it than white space");
        return;
    }
    (void)yyjson_mut_arr_add_strn(pen->w.doc, list, stop.len == 0 ? "" : (const char *)stop.ptr,
                                  stop.len);
}

static void write_inference(struct fh_bedrock_pen *pen, yyjson_mut_val *root)
{
    const struct fh_chat_request *req = pen->w.req;
    yyjson_mut_val *config = fh_write_in(&pen->w, root, "inferenceConfig");
    yyjson_mut_val *stops = yyjson_mut_arr(pen->w.doc);

    for (size_t i = 0; i < req->stop_count; i++) {
        write_stop(pen, stops, req->stop[i]);
    }
    if (yyjson_mut_arr_size(stops) > 0) {
        (void)yyjson_mut_obj_add_val(pen->w.doc, config, "stopSequences", stops);
    }
    fh_write_extras(&pen->w, &req->extras, "/inferenceConfig", config);
    if (yyjson_mut_obj_size(config) == 0) {
        (void)yyjson_mut_obj_remove_key(root, "inferenceConfig");
    }
}

/* write_format writes the schema as the string that it is here. */
static void write_format(struct fh_bedrock_pen *pen, yyjson_mut_val *root)
{
    const struct fh_chat_request *req = pen->w.req;
    struct fh_buf schema = fh_buf_in_arena(pen->w.scratch, SIZE_MAX / 4);

    if (req->format != FH_FORMAT_JSON_SCHEMA) {
        return;
    }
    if (!yyjson_is_obj(req->format_schema)) {
        fh_dialect_lose(pen->w.req, pen->w.loss, FH_FIELD_FORMAT_SCHEMA,
                        "the schema itself was not given");
        return;
    }
    yyjson_mut_val *config = fh_write_in(&pen->w, root, "outputConfig");
    yyjson_mut_val *format = yyjson_mut_obj_add_obj(pen->w.doc, config, "textFormat");
    yyjson_mut_val *structure = NULL;
    yyjson_mut_val *json = NULL;

    fh_write_word(&pen->w, format, "type", "json_schema");
    structure = yyjson_mut_obj_add_obj(pen->w.doc, format, "structure");
    json = yyjson_mut_obj_add_obj(pen->w.doc, structure, "jsonSchema");
    fh_json_append_val(&schema, pen->w.scratch, req->format_schema);
    fh_write_text(&pen->w, json, "schema", fh_buf_slice(&schema));
    if (req->format_name.len > 0) {
        fh_write_text(&pen->w, json, "name", req->format_name);
    }
    if (req->format_description.len > 0) {
        fh_write_text(&pen->w, json, "description", req->format_description);
    }
}

static void write_tier(struct fh_bedrock_pen *pen, yyjson_mut_val *root)
{
    static const struct {
        struct fh_slice theirs, ours;
    } tiers[] = {
#define X(word, own) {FH_LIT_INIT(word), FH_LIT_INIT(own)},
        FH_BEDROCK_TIERS(X)
#undef X
    };
    struct fh_slice tier = pen->w.req->service_tier;
    size_t i = 0;

    if (tier.len == 0) {
        return;
    }
    while (!pen->w.ours && i < FH_LEN(tiers) && !fh_eq_nocase(tiers[i].theirs, tier)) {
        i++;
    }
    if (i == FH_LEN(tiers)) {
        fh_dialect_lose(pen->w.req, pen->w.loss, FH_FIELD_SERVICE_TIER,
                        "bedrock has no such tier");
        return;
    }
    tier = pen->w.ours ? tier : tiers[i].ours;
    if (tier.len > 0) {
        yyjson_mut_val *obj = yyjson_mut_obj_add_obj(pen->w.doc, root, "serviceTier");

        fh_write_text(&pen->w, obj, "type", tier);
        fh_write_extras(&pen->w, &pen->w.req->extras, "/serviceTier", obj);
    }
}

/* is_label says whether Converse takes a text as a key or value of its metadata. */
static bool is_label(struct fh_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');

        if (!plain && fh_find(FH_LIT(" \t\n\r:_@$#=/+,-."), c) == 15) {
            return false;
        }
    }
    return text.len <= METADATA_TEXT_MAX;
}

static void lose_label(struct fh_bedrock_pen *pen, struct fh_slice key)
{
    struct fh_path at = {.key = key};
    const struct fh_cell *cells = fh_dialect(pen->w.req->dialect)->cells;
    struct fh_slice parts[] = {cells[FH_FIELD_METADATA].pointer,
                               fh_path_print(&at, FH_NONE, pen->w.scratch)};

    fh_loss_add(pen->w.loss, fh_concat(pen->w.scratch, parts, FH_LEN(parts)),
                "bedrock takes 16 labels, short ones of letters, digits and few signs");
}

static void write_metadata(struct fh_bedrock_pen *pen, yyjson_mut_val *root)
{
    yyjson_val *labels = pen->w.req->value[FH_FIELD_METADATA];
    yyjson_obj_iter iter = yyjson_obj_iter_with(labels);
    yyjson_mut_val *kept = yyjson_mut_obj(pen->w.doc);

    if (pen->w.ours) {
        fh_write_val(&pen->w, root, "requestMetadata", labels);
        return;
    }
    for (yyjson_val *key = NULL; (key = yyjson_obj_iter_next(&iter)) != NULL;) {
        yyjson_val *value = yyjson_obj_iter_get_val(key);

        if (yyjson_mut_obj_size(kept) < METADATA_MAX && yyjson_is_str(value) &&
            yyjson_get_len(key) > 0 && is_label(fh_json_text(key)) &&
            is_label(fh_json_text(value))) {
            (void)yyjson_mut_obj_add(kept, yyjson_val_mut_copy(pen->w.doc, key),
                                     yyjson_val_mut_copy(pen->w.doc, value));
        } else {
            lose_label(pen, fh_json_text(key));
        }
    }
    if (yyjson_mut_obj_size(kept) > 0) {
        (void)yyjson_mut_obj_add_val(pen->w.doc, root, "requestMetadata", kept);
    }
}

/* write_foreign writes what of our own dialect is kept as extras. */
static void write_foreign(struct fh_bedrock_pen *pen, yyjson_mut_val *root)
{
    write_format(pen, root);
    fh_bedrock_write_native(pen, root);
    if (yyjson_mut_obj_size(pen->native) > 0) {
        (void)yyjson_mut_obj_add_val(pen->w.doc, root, "additionalModelRequestFields",
                                     pen->native);
    }
    if (pen->w.req->stop_count > 0 && pen->family->claude) { /* for the reply's stop text */
        yyjson_mut_val *paths =
            yyjson_mut_obj_add_arr(pen->w.doc, root, "additionalModelResponseFieldPaths");

        (void)yyjson_mut_arr_add_str(
            pen->w.doc, paths, pen->w.req->stream ? "/delta/stop_sequence" : "/stop_sequence");
    }
}

enum fh_rc fh_bedrock_encode_request(struct fh_buf *out, struct fh_arena *scratch,
                                     const struct fh_chat_request *req, struct fh_loss *loss,
                                     struct fh_complaint *why)
{
    struct fh_bedrock_pen pen = {
        .w = {.doc = fh_json_new(scratch),
              .scratch = scratch,
              .loss = loss,
              .why = why,
              .req = req,
              .ours = req->dialect == FH_DIALECT_BEDROCK},
        .family = fh_bedrock_family(req->model),
    };
    yyjson_mut_val *root = yyjson_mut_obj(pen.w.doc);
    const struct fh_message *rest = NULL;

    pen.native = yyjson_mut_obj(pen.w.doc);
    FH_TRY(write_system(&pen, root, &rest));
    FH_TRY(write_messages(&pen, root, rest));
    fh_write_values(&pen.w, fh_bedrock_cells, root);
    write_inference(&pen, root);
    fh_bedrock_write_tools(&pen, root);
    write_tier(&pen, root);
    write_metadata(&pen, root);
    if (pen.w.ours) {
        fh_write_val(&pen.w, root, "guardrailConfig", req->value[FH_FIELD_GUARDRAIL]);
        fh_write_val(&pen.w, root, "promptVariables", req->value[FH_FIELD_PROMPT_TEMPLATE]);
        fh_write_extras(&pen.w, &req->extras, "", root);
    } else {
        write_foreign(&pen, root);
    }
    fh_json_append(out, scratch, root);
    return FH_OK;
}
