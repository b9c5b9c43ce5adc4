/* bedrock_native_in.c: additionalModelRequestFields: members of the model's own request, which
 * Converse hands on. Clients say there what Converse has no member for, or had none for once: how
 * to think, how hard, top_k. What of it has a field is understood, so that it works elsewhere, too.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "dialect/bedrock/bedrock.h"

static bool word_is(yyjson_val *val, const char *word)
{
    return fh_eq(fh_json_text(val), fh_cstr(word));
}

/* Each returns whether the member was understood. Members inside it that have no field are
 * extras. */
typedef bool native_fn(struct fh_reader *r, const struct fh_path *at, yyjson_val *value);

static void keep_rest(struct fh_reader *r, const struct fh_path *at, yyjson_val *value,
                      const struct fh_slice *known, size_t count)
{
    fh_extras_keep(&r->req->extras, r->arena, at, value, known, count);
}

static bool take_effort(struct fh_reader *r, yyjson_val *value)
{
    enum fh_effort effort = fh_bedrock_effort(fh_json_text(value));

    if (effort != FH_EFFORT_UNSET && r->req->effort == FH_EFFORT_UNSET) {
        r->req->effort = effort;
    }
    return effort != FH_EFFORT_UNSET;
}

/* Claude's thinking; it was called reasoning_config in Amazon's manuals. */
static bool read_thinking(struct fh_reader *r, const struct fh_path *at, yyjson_val *value)
{
    static const struct fh_slice known[] = {FH_LIT_INIT("type"), FH_LIT_INIT("budget_tokens"),
                                            FH_LIT_INIT("display")};
    yyjson_val *type = fh_json_get(value, known[0]);
    yyjson_val *budget = fh_json_get(value, known[1]);
    yyjson_val *display = fh_json_get(value, known[2]);
    struct fh_chat_request *req = r->req;

    if (!yyjson_is_str(type) || req->thinking != FH_THINKING_UNSET) {
        return false;
    }
    if (word_is(type, "enabled") && yyjson_is_raw(budget)) {
        req->thinking = FH_THINKING_BUDGET;
        req->thinking_budget = budget;
    } else if (word_is(type, "adaptive") && budget == NULL) {
        req->thinking = FH_THINKING_ADAPTIVE;
    } else if (word_is(type, "disabled") && budget == NULL) {
        req->thinking = FH_THINKING_OFF;
    } else {
        req->thinking = FH_THINKING_OPAQUE;
        req->thinking_raw = value;
        return true;
    }
    bool shown = word_is(display, "summarized");

    if (shown || word_is(display, "omitted")) {
        req->thinking_shown = shown ? 1 : 0;
    }
    keep_rest(r, at, value, known, req->thinking_shown >= 0 ? 3 : 2);
    return true;
}

static bool read_reasoning(struct fh_reader *r, const struct fh_path *at, yyjson_val *value)
{
    return yyjson_is_str(value) ? take_effort(r, value) : read_thinking(r, at, value);
}

/* Amazon's Nova. */
static bool read_nova(struct fh_reader *r, const struct fh_path *at, yyjson_val *value)
{
    static const struct fh_slice known[] = {FH_LIT_INIT("type"),
                                            FH_LIT_INIT("maxReasoningEffort")};
    yyjson_val *type = fh_json_get(value, known[0]);
    struct fh_chat_request *req = r->req;

    if (req->thinking != FH_THINKING_UNSET) {
        return false;
    }
    if (word_is(type, "disabled")) {
        req->thinking = FH_THINKING_OFF;
    } else if (!word_is(type, "enabled") || !take_effort(r, fh_json_get(value, known[1]))) {
        return false;
    }
    keep_rest(r, at, value, known, FH_LEN(known));
    return true;
}

static bool read_effort(struct fh_reader *r, const struct fh_path *at, yyjson_val *value)
{
    FH_UNUSED(at);
    return take_effort(r, value);
}

/* Claude's effort and format. */
static bool read_output(struct fh_reader *r, const struct fh_path *at, yyjson_val *value)
{
    static const struct fh_slice known[] = {FH_LIT_INIT("effort"), FH_LIT_INIT("format")};
    yyjson_val *effort = fh_json_get(value, known[0]);
    yyjson_val *format = fh_json_get(value, known[1]);
    yyjson_val *schema = fh_json_get(format, FH_LIT("schema"));
    bool has_schema = yyjson_is_obj(schema) && yyjson_obj_size(format) == 2 &&
                      word_is(fh_json_get(format, FH_LIT("type")), "json_schema");

    if ((format != NULL && !has_schema) || (effort != NULL && !take_effort(r, effort)) ||
        !yyjson_is_obj(value)) {
        return false;
    }
    if (has_schema && r->req->format == FH_FORMAT_UNSET) {
        r->req->format = FH_FORMAT_JSON_SCHEMA;
        r->req->format_schema = schema;
    }
    keep_rest(r, at, value, known, FH_LEN(known));
    return true;
}

static bool read_top_k(struct fh_reader *r, const struct fh_path *at, yyjson_val *value)
{
    yyjson_val **top_k = &r->req->value[FH_FIELD_TOP_K];

    FH_UNUSED(at);
    if (!yyjson_is_raw(value)) {
        return false;
    }
    *top_k = *top_k == NULL ? value : *top_k;
    return true;
}

/* Nova's native inferenceConfig. */
static bool read_inference(struct fh_reader *r, const struct fh_path *at, yyjson_val *value)
{
    static const struct fh_slice known[] = {FH_LIT_INIT("topK")};

    if (!read_top_k(r, at, fh_json_get(value, known[0]))) {
        return false;
    }
    keep_rest(r, at, value, known, FH_LEN(known));
    return true;
}

/* Betas change nothing that another dialect would understand, so nobody else hears of them. */
static bool read_betas(struct fh_reader *r, const struct fh_path *at, yyjson_val *value)
{
    yyjson_arr_iter iter = yyjson_arr_iter_with(value);
    struct fh_buf names = fh_buf_in_arena(r->arena, SIZE_MAX / 4);

    FH_UNUSED(at);
    for (yyjson_val *name = NULL; (name = yyjson_arr_iter_next(&iter)) != NULL;) {
        fh_buf_append(&names, names.len > 0 ? FH_LIT(",") : FH_NONE);
        fh_buf_append(&names, fh_json_text(name));
    }
    r->req->betas = fh_buf_slice(&names);
    return yyjson_is_arr(value);
}

static bool read_choice(struct fh_reader *r, const struct fh_path *at, yyjson_val *value)
{
    static const struct fh_slice words[] = {FH_LIT_INIT("auto"), FH_LIT_INIT("any"),
                                            FH_LIT_INIT("tool"), FH_LIT_INIT("none")};
    static const enum fh_tool_choice choices[] = {FH_CHOICE_AUTO, FH_CHOICE_ANY,
                                                  FH_CHOICE_NAMED, FH_CHOICE_NONE};
    static const struct fh_slice known[] = {FH_LIT_INIT("type"), FH_LIT_INIT("name"),
                                            FH_LIT_INIT("disable_parallel_tool_use")};
    size_t i = fh_read_word(words, FH_LEN(words), fh_json_text(fh_json_get(value, known[0])));
    yyjson_val *name = fh_json_get(value, known[1]);
    yyjson_val *serial = fh_json_get(value, known[2]);
    struct fh_chat_request *req = r->req;

    if (i == FH_LEN(words) || (choices[i] == FH_CHOICE_NAMED && !yyjson_is_str(name)) ||
        (serial != NULL && !yyjson_is_bool(serial))) {
        return false;
    }
    if (req->tool_choice == FH_CHOICE_UNSET) {
        req->tool_choice = choices[i];
        req->tool_choice_name = fh_json_text(name);
    }
    if (serial != NULL) {
        req->parallel_tools = yyjson_is_true(serial) ? 0 : 1;
    }
    keep_rest(r, at, value, known, FH_LEN(known));
    return true;
}

static const struct native {
    struct fh_slice key;
    native_fn *read;
} natives[] = {
    {FH_LIT_INIT("thinking"), read_thinking},
    {FH_LIT_INIT("output_config"), read_output},
    {FH_LIT_INIT("top_k"), read_top_k},
    {FH_LIT_INIT("tool_choice"), read_choice},
    {FH_LIT_INIT("anthropic_beta"), read_betas},
    {FH_LIT_INIT("reasoning_config"), read_reasoning},
    {FH_LIT_INIT("reasoning_effort"), read_effort},
    {FH_LIT_INIT("reasoningConfig"), read_nova},
    {FH_LIT_INIT("inferenceConfig"), read_inference},
};

static bool understand(struct fh_reader *r, const struct fh_path *at, yyjson_val *value)
{
    for (size_t i = 0; i < FH_LEN(natives); i++) {
        if (fh_eq(natives[i].key, at->key)) {
            return natives[i].read(r, at, value);
        }
    }
    return false;
}

/* keep_unknown makes MODEL_FIELDS of the members that were not understood: printed and read again,
 * since values that were read cannot be put together anew. */
static enum fh_rc keep_unknown(struct fh_reader *r, const struct fh_path *at,
                               yyjson_mut_val *rest)
{
    struct fh_buf text = fh_buf_in_arena(r->arena, SIZE_MAX / 4);
    struct fh_error error;

    fh_json_append(&text, r->arena, rest);
    if (fh_json_parse(r->arena, fh_buf_slice(&text), &r->req->value[FH_FIELD_MODEL_FIELDS],
                      &error) != FH_OK) {
        return fh_read_refuse(r, at, "has more in it than is accepted");
    }
    return FH_OK;
}

enum fh_rc fh_bedrock_read_native(struct fh_reader *r, void *into, const struct fh_path *at,
                                  yyjson_val *value)
{
    yyjson_obj_iter iter = yyjson_obj_iter_with(value);
    yyjson_mut_doc *doc = fh_json_new(r->arena);
    yyjson_mut_val *rest = yyjson_mut_obj(doc);

    FH_UNUSED(into);
    if (!yyjson_is_obj(value)) {
        (void)fh_read_keep(r, &r->req->extras, at, value);
        return FH_OK;
    }
    fh_read_keep(r, &r->req->extras, at, value)->repeats = true;
    for (yyjson_val *key = NULL; (key = yyjson_obj_iter_next(&iter)) != NULL;) {
        struct fh_path member = {.up = at, .key = fh_json_text(key)};
        yyjson_val *what = yyjson_obj_iter_get_val(key);

        if (!understand(r, &member, what)) {
            (void)yyjson_mut_obj_add(rest, yyjson_val_mut_copy(doc, key),
                                     yyjson_val_mut_copy(doc, what));
        }
    }
    return yyjson_mut_obj_size(rest) == 0 ? FH_OK : keep_unknown(r, at, rest);
}
