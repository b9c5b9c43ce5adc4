/* gemini_request_in.c: a client's body becomes a request: tables of members, and generationConfig.
 * SPDX-License-Identifier: Apache-2.0 */
#include "dialect/gemini/gemini.h"
#include "dialect/gemini/gemini_names.def"

static const struct {
    struct fh_slice snake, camel;
} names[] = {
#define X(theirs, ours) {FH_LIT_INIT(theirs), FH_LIT_INIT(ours)},
    FH_GEMINI_NAMES(X)
#undef X
};

void fh_gemini_camel(yyjson_val *obj)
{
    yyjson_obj_iter iter = yyjson_obj_iter_with(obj);

    for (yyjson_val *key = NULL; (key = yyjson_obj_iter_next(&iter)) != NULL;) {
        struct fh_slice name = fh_json_text(key);

        for (size_t i = 0; fh_find(name, '_') < name.len && i < FH_LEN(names); i++) {
            if (fh_eq(names[i].snake, name)) {
                (void)yyjson_set_strn(key, (const char *)names[i].camel.ptr,
                                      names[i].camel.len);
                break;
            }
        }
    }
}

enum fh_rc fh_gemini_read_object(struct fh_reader *r, const struct fh_shape *shape, void *into,
                                 struct fh_extras *extras, const struct fh_path *at,
                                 yyjson_val *obj)
{
    fh_gemini_camel(obj);
    return fh_read_object(r, shape, into, extras, at, obj);
}

enum fh_rc fh_gemini_read_many(struct fh_reader *r, void *into, const struct fh_path *at,
                               yyjson_val *value, fh_member_fn *read)
{
    struct fh_path first = {.up = at};

    return yyjson_is_obj(value) ? read(r, into, &first, value)
                                : fh_read_list(r, into, at, value, read);
}

/* ---- generationConfig ---- */

/* What of it is understood only once all of it was read. */
struct config {
    struct fh_slice mime_type;
    yyjson_val *mime_type_val, *schema, *json_schema;
};

static enum fh_rc read_stop(struct fh_reader *r, void *into, const struct fh_path *at,
                            yyjson_val *value)
{
    size_t count = yyjson_arr_size(value);
    yyjson_arr_iter iter = yyjson_arr_iter_with(value);

    FH_UNUSED(into);
    if (!yyjson_is_arr(value)) {
        return fh_read_wrong(r, at, "a list", value);
    }
    if (count == 0) {
        (void)fh_read_keep(r, &r->req->extras, at, value);
        return FH_OK;
    }
    r->req->stop = fh_arena_alloc(r->arena, count * sizeof(*r->req->stop));
    for (yyjson_val *text = NULL; (text = yyjson_arr_iter_next(&iter)) != NULL;) {
        struct fh_path item = {.up = at, .index = r->req->stop_count};

        if (!yyjson_is_str(text)) {
            return fh_read_wrong(r, &item, "a string", text);
        }
        r->req->stop[r->req->stop_count++] = fh_json_text(text);
    }
    return FH_OK;
}

/* lowered makes an upper-case word the lower-case one that other dialects have, in place. */
static void lowered(struct fh_arena *arena, yyjson_val *word)
{
    struct fh_slice text = fh_json_text(word);
    char *lower = fh_dup_cstr(arena, text);

    for (size_t i = 0; i < text.len; i++) {
        lower[i] =
            (char)(lower[i] >= 'A' && lower[i] <= 'Z' ? lower[i] + ('a' - 'A') : lower[i]);
    }
    (void)yyjson_set_strn(word, lower, text.len);
}

static enum fh_rc read_modalities(struct fh_reader *r, void *into, const struct fh_path *at,
                                  yyjson_val *value)
{
    yyjson_arr_iter iter = yyjson_arr_iter_with(value);

    FH_UNUSED(into);
    if (!yyjson_is_arr(value)) {
        return fh_read_wrong(r, at, "a list", value);
    }
    for (yyjson_val *word = NULL; (word = yyjson_arr_iter_next(&iter)) != NULL;) {
        if (yyjson_is_str(word)) {
            lowered(r->arena, word);
        }
    }
    r->req->value[FH_FIELD_MODALITIES] = value;
    return FH_OK;
}

static enum fh_rc read_mime_type(struct fh_reader *r, void *into, const struct fh_path *at,
                                 yyjson_val *value)
{
    struct config *config = into;

    if (!yyjson_is_str(value)) {
        return fh_read_wrong(r, at, "a string", value);
    }
    config->mime_type = fh_json_text(value);
    config->mime_type_val = value;
    return FH_OK;
}

static enum fh_rc read_budget(struct fh_reader *r, void *into, const struct fh_path *at,
                              yyjson_val *value)
{
    struct fh_slice number = fh_json_number(value);
    struct fh_chat_request *req = into;

    if (!yyjson_is_raw(value)) {
        return fh_read_wrong(r, at, "a number", value);
    }
    req->thinking_budget = value;
    req->thinking = fh_eq(number, FH_LIT("0"))    ? FH_THINKING_OFF
                    : fh_eq(number, FH_LIT("-1")) ? FH_THINKING_ADAPTIVE
                                                  : FH_THINKING_BUDGET;
    return FH_OK;
}

static enum fh_rc read_level(struct fh_reader *r, void *into, const struct fh_path *at,
                             yyjson_val *value)
{
    static const struct {
        enum fh_effort effort;
        struct fh_slice word;
    } levels[] = {
#define X(what, word, budget) {FH_EFFORT_##what, FH_LIT_INIT(word)},
        FH_GEMINI_LEVELS(X)
#undef X
    };
    struct fh_chat_request *req = into;

    for (size_t i = 0; i < FH_LEN(levels); i++) {
        if (fh_eq_nocase(levels[i].word, fh_json_text(value))) {
            req->effort = levels[i].effort;
            return FH_OK;
        }
    }
    (void)fh_read_keep(r, &req->extras, at, value);
    return FH_OK;
}

static enum fh_rc read_thinking(struct fh_reader *r, void *into, const struct fh_path *at,
                                yyjson_val *value)
{
    static const struct fh_member members[] = {
        FH_MEMBER("includeThoughts", FLAG, struct fh_chat_request, thinking_shown),
        FH_MEMBER_BY("thinkingBudget", read_budget),
        FH_MEMBER_BY("thinkingLevel", read_level),
    };

    FH_UNUSED(into);
    if (yyjson_is_obj(value) && yyjson_obj_size(value) == 0) {
        (void)fh_read_keep(r, &r->req->extras, at, value);
    }
    return fh_gemini_read_object(r, &FH_SHAPE(members), r->req, &r->req->extras, at, value);
}

/* read_format: a schema makes the answer follow it, the media type alone makes it JSON. Other types
 * are kept: text/plain asks for nothing, text/x.enum is a wish that nobody else knows. */
static void read_format(struct fh_reader *r, const struct config *config,
                        const struct fh_path *at)
{
    struct fh_path place = {.up = at, .key = FH_LIT("responseMimeType")};
    struct fh_path schema = {.up = at, .key = FH_LIT("responseSchema")};
    struct fh_path json_schema = {.up = at, .key = FH_LIT("responseJsonSchema")};
    struct fh_chat_request *req = r->req;
    bool is_json =
        config->mime_type.ptr == NULL || fh_eq(config->mime_type, FH_LIT("application/json"));

    if (!is_json) {
        struct fh_extra *kept = fh_read_keep(r, &req->extras, &place, config->mime_type_val);

        kept->repeats = fh_eq(config->mime_type, FH_LIT("text/plain"));
        if (config->schema != NULL) {
            (void)fh_read_keep(r, &req->extras, &schema, config->schema);
        }
        if (config->json_schema != NULL) {
            (void)fh_read_keep(r, &req->extras, &json_schema, config->json_schema);
        }
    } else if (config->json_schema != NULL || config->schema != NULL) {
        req->format = FH_FORMAT_JSON_SCHEMA;
        req->format_schema_is_openapi = config->json_schema == NULL;
        req->format_schema = config->json_schema != NULL ? config->json_schema : config->schema;
    } else if (config->mime_type.ptr != NULL) {
        req->format = FH_FORMAT_JSON;
    }
}

static enum fh_rc read_config(struct fh_reader *r, void *into, const struct fh_path *at,
                              yyjson_val *value)
{
    static const struct fh_member members[] = {
        FH_MEMBER_BY("stopSequences", read_stop),
        FH_MEMBER_BY("responseModalities", read_modalities),
        FH_MEMBER_BY("responseMimeType", read_mime_type),
        FH_MEMBER("responseSchema", OBJECT, struct config, schema),
        FH_MEMBER("responseJsonSchema", ANY, struct config, json_schema),
        FH_MEMBER_BY("thinkingConfig", read_thinking),
    };
    struct config config = {0};

    FH_UNUSED(into);
    if (yyjson_is_obj(value) && yyjson_obj_size(value) == 0) {
        (void)fh_read_keep(r, &r->req->extras, at, value);
    }
    FH_TRY(fh_gemini_read_object(r, &FH_SHAPE(members), &config, &r->req->extras, at, value));
    if (config.schema != NULL && config.json_schema != NULL) {
        return fh_read_refuse(r, at,
                              "has both responseSchema and responseJsonSchema; one is right");
    }
    read_format(r, &config, at);
    return FH_OK;
}

/* ---- the body ---- */

/* read_tier says a tier by the word that other dialects know it by. */
static enum fh_rc read_tier(struct fh_reader *r, void *into, const struct fh_path *at,
                            yyjson_val *value)
{
    static const struct {
        struct fh_slice ours, theirs;
    } tiers[] = {
#define X(word, known, also) {FH_LIT_INIT(word), FH_LIT_INIT(known)},
        FH_GEMINI_TIERS(X)
#undef X
    };
    struct fh_chat_request *req = into;

    if (!yyjson_is_str(value)) {
        return fh_read_wrong(r, at, "a string", value);
    }
    for (size_t i = 0; i < FH_LEN(tiers); i++) {
        if (fh_eq_nocase(tiers[i].ours, fh_json_text(value))) {
            req->service_tier = tiers[i].theirs;
            return FH_OK;
        }
    }
    (void)fh_read_keep(r, &req->extras, at, value);
    return FH_OK;
}

enum fh_rc fh_gemini_decode_request(struct fh_chat_request *req, struct fh_arena *arena,
                                    struct fh_slice body, struct fh_complaint *why)
{
    static const struct fh_member members[] = {
        FH_MEMBER_NEEDED_BY("contents", fh_gemini_read_contents),
        FH_MEMBER_BY("systemInstruction", fh_gemini_read_system),
        FH_MEMBER_BY("tools", fh_gemini_read_tools),
        FH_MEMBER_BY("toolConfig", fh_gemini_read_tool_config),
        FH_MEMBER_BY("generationConfig", read_config),
        FH_MEMBER_BY("serviceTier", read_tier),
        FH_MEMBER("model", TEXT, struct fh_chat_request, model), /* in batches and counts */
    };
    struct fh_gemini_reading reading = {0};
    struct fh_reader r = {
        .arena = arena, .req = req, .cells = fh_gemini_cells, .why = why, .own = &reading};
    yyjson_val *root = NULL;

    fh_chat_request_init(req, FH_DIALECT_GEMINI);
    FH_TRY(fh_read_document(&r, body, &root));
    FH_TRY(fh_gemini_read_object(&r, &FH_SHAPE(members), req, &req->extras, NULL, root));
    (void)!fh_take(&req->model, FH_LIT("models/"));
    return FH_OK;
}
