/* gemini_request_out.c: a request of any dialect as a body for Google: the top, generationConfig.
 *
 * Neither the model nor whether the answer is streamed is in it: both are in the path.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "dialect/gemini/gemini.h"
#include "dialect/gemini/gemini_names.def"

/* ---- thinking ---- */

static const struct level {
    enum fh_effort effort;
    const char *word, *budget;
} levels[] = {
#define X(what, word, budget) {FH_EFFORT_##what, word, budget},
    FH_GEMINI_LEVELS(X)
#undef X
};

static const struct level *level_of(enum fh_effort effort)
{
    for (size_t i = 0; i < FH_LEN(levels); i++) {
        if (levels[i].effort == effort) {
            return &levels[i];
        }
    }
    return NULL;
}

/* knows_levels: models before Gemini 3 refuse thinkingLevel, later ones only like it better. */
static bool knows_levels(struct fh_slice model)
{
    return !fh_contains(model, FH_LIT("gemini-1")) && !fh_contains(model, FH_LIT("gemini-2"));
}

static void write_number(struct fh_writer *w, yyjson_mut_val *obj, const char *key,
                         const char *number)
{
    fh_json_add_raw(w->doc, obj, key, fh_cstr(number));
}

/* write_thought says how to think. Google refuses a level beside a budget; where both were asked
 * for the budget counts, but for "as much as you see fit", which a level says as well. */
static void write_thought(struct fh_writer *w, yyjson_mut_val *thinking)
{
    const struct fh_chat_request *req = w->req;
    const struct level *level = level_of(req->effort);
    bool off = req->thinking == FH_THINKING_OFF ||
               (req->thinking == FH_THINKING_UNSET && req->effort == FH_EFFORT_NONE);
    bool by_level = level != NULL && (w->ours || knows_levels(req->model));

    if (req->thinking == FH_THINKING_BUDGET) {
        fh_write_val(w, thinking, "thinkingBudget", req->thinking_budget);
    } else if (off) {
        write_number(w, thinking, "thinkingBudget", "0");
    } else if (req->thinking == FH_THINKING_ADAPTIVE && (level == NULL || w->ours)) {
        write_number(w, thinking, "thinkingBudget", "-1");
    } else if (level != NULL && !by_level) {
        write_number(w, thinking, "thinkingBudget", level->budget);
        return;
    }
    bool both = yyjson_mut_obj_get(thinking, "thinkingBudget") != NULL;

    if (by_level && (!both || w->ours)) {
        fh_write_word(w, thinking, "thinkingLevel", level->word);
    } else if (level != NULL && both) {
        fh_dialect_lose(w->req, w->loss, FH_FIELD_EFFORT,
                        "gemini takes a budget or an effort, not both");
    }
}

static void write_thinking(struct fh_writer *w, yyjson_mut_val *config)
{
    static const char place[] = "/generationConfig/thinkingConfig";
    const struct fh_chat_request *req = w->req;
    yyjson_mut_val *thinking = yyjson_mut_obj(w->doc);
    bool on = req->thinking == FH_THINKING_BUDGET || req->thinking == FH_THINKING_ADAPTIVE;

    /* who turns thinking on elsewhere sees it, unless told otherwise */
    fh_write_flag(w, thinking, "includeThoughts",
                  !w->ours && on && req->thinking_shown < 0 ? 1 : req->thinking_shown);
    write_thought(w, thinking);
    fh_write_extras(w, &req->extras, place, thinking);
    if (yyjson_mut_obj_size(thinking) > 0) {
        (void)yyjson_mut_obj_add_val(w->doc, config, "thinkingConfig", thinking);
    }
}

/* ---- the rest of generationConfig ---- */

static void write_stop(struct fh_writer *w, yyjson_mut_val *config)
{
    yyjson_mut_val *list = NULL;

    if (w->req->stop_count > 0) {
        list = yyjson_mut_obj_add_arr(w->doc, config, "stopSequences");
    }
    for (size_t i = 0; i < w->req->stop_count; i++) {
        struct fh_slice text = w->req->stop[i];

        (void)yyjson_mut_arr_add_strn(w->doc, list, (const char *)text.ptr, text.len);
    }
}

static void write_modalities(struct fh_writer *w, yyjson_mut_val *config)
{
    yyjson_val *words = w->req->value[FH_FIELD_MODALITIES];
    yyjson_arr_iter iter = yyjson_arr_iter_with(words);
    yyjson_mut_val *list = NULL;

    if (!yyjson_is_arr(words)) {
        fh_write_val(w, config, "responseModalities", words);
        return;
    }
    list = yyjson_mut_obj_add_arr(w->doc, config, "responseModalities");
    for (yyjson_val *word = NULL; (word = yyjson_arr_iter_next(&iter)) != NULL;) {
        struct fh_slice text = fh_json_text(word);
        char *upper = fh_dup_cstr(w->scratch, text);

        for (size_t i = 0; i < text.len; i++) {
            upper[i] =
                (char)(upper[i] >= 'a' && upper[i] <= 'z' ? upper[i] - ('a' - 'A') : upper[i]);
        }
        if (yyjson_is_str(word)) {
            (void)yyjson_mut_arr_add_strn(w->doc, list, upper, text.len);
        } else {
            (void)yyjson_mut_arr_append(list, yyjson_val_mut_copy(w->doc, word));
        }
    }
}

/* write_format: responseJsonSchema takes JSON Schema as it is, and responseSchema refuses much of
 * it. */
static void write_format(struct fh_writer *w, yyjson_mut_val *config)
{
    const struct fh_chat_request *req = w->req;

    if (req->format != FH_FORMAT_JSON && req->format != FH_FORMAT_JSON_SCHEMA) {
        return;
    }
    fh_write_word(w, config, "responseMimeType", "application/json");
    if (req->format == FH_FORMAT_JSON_SCHEMA) {
        fh_write_val(w, config,
                     req->format_schema_is_openapi ? "responseSchema" : "responseJsonSchema",
                     req->format_schema);
    }
}

static void write_config(struct fh_writer *w, yyjson_mut_val *root)
{
    yyjson_mut_val *config = fh_write_in(w, root, "generationConfig");

    write_stop(w, config);
    write_modalities(w, config);
    write_format(w, config);
    write_thinking(w, config);
    fh_write_extras(w, &w->req->extras, "/generationConfig", config);
    if (yyjson_mut_obj_size(config) == 0) {
        (void)yyjson_mut_obj_remove_key(root, "generationConfig");
    }
}

/* ---- the body ---- */

static void write_tier(struct fh_writer *w, yyjson_mut_val *root)
{
    static const struct {
        const char *ours;
        struct fh_slice known, also;
    } tiers[] = {
#define X(word, known, also) {word, FH_LIT_INIT(known), FH_LIT_INIT(also)},
        FH_GEMINI_TIERS(X)
#undef X
    };
    struct fh_slice tier = w->req->service_tier;

    if (tier.len == 0 || fh_eq(tier, FH_LIT("auto"))) {
        return; /* what happens anyway */
    }
    for (size_t i = 0; i < FH_LEN(tiers); i++) {
        if (fh_eq(tiers[i].known, tier) || fh_eq(tiers[i].also, tier)) {
            fh_write_word(w, root, "serviceTier", tiers[i].ours);
            return;
        }
    }
    fh_dialect_lose(w->req, w->loss, FH_FIELD_SERVICE_TIER, "gemini has no such tier");
}

enum fh_rc fh_gemini_encode_request(struct fh_buf *out, struct fh_arena *scratch,
                                    const struct fh_chat_request *req, struct fh_loss *loss,
                                    struct fh_complaint *why)
{
    struct fh_gemini_writer g = {.w = {.doc = fh_json_new(scratch),
                                       .scratch = scratch,
                                       .loss = loss,
                                       .why = why,
                                       .req = req,
                                       .ours = req->dialect == FH_DIALECT_GEMINI}};
    yyjson_mut_val *root = yyjson_mut_obj(g.w.doc);

    FH_TRY(fh_gemini_write_contents(&g, root));
    fh_gemini_write_system(&g, root);
    fh_gemini_write_tools(&g.w, root);
    fh_gemini_write_tool_config(&g.w, root);
    fh_write_values(&g.w, fh_gemini_cells, root);
    if (g.w.ours) { /* what only one of Google's two APIs takes */
        fh_write_val(&g.w, root, "labels", req->value[FH_FIELD_METADATA]);
        fh_write_val(&g.w, root, "store", req->value[FH_FIELD_STORE]);
    }
    write_config(&g.w, root);
    write_tier(&g.w, root);
    fh_write_extras(&g.w, &req->extras, "", root);
    fh_json_append(out, scratch, root);
    return FH_OK;
}
