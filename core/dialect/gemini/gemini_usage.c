/* gemini_usage.c: token counts, both ways.
 *
 *     promptTokenCount     = input, cached content included
 *     candidatesTokenCount = output without thoughts
 *     totalTokenCount      = prompt + tool use + candidates + thoughts
 *
 * Counts are of all of the answer so far, in every chunk.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "dialect/gemini/gemini.h"

struct counts {
    yyjson_val *prompt, *cached, *tool_use, *candidates, *thoughts, *total;
    yyjson_val *prompt_details, *candidates_details, *cached_details, *tool_use_details;
};

static const struct fh_member members[] = {
    FH_MEMBER("promptTokenCount", ANY, struct counts, prompt),
    FH_MEMBER("cachedContentTokenCount", ANY, struct counts, cached),
    FH_MEMBER("toolUsePromptTokenCount", ANY, struct counts, tool_use),
    FH_MEMBER("candidatesTokenCount", ANY, struct counts, candidates),
    FH_MEMBER("thoughtsTokenCount", ANY, struct counts, thoughts),
    FH_MEMBER("totalTokenCount", ANY, struct counts, total),
    FH_MEMBER("promptTokensDetails", ANY, struct counts, prompt_details),
    FH_MEMBER("candidatesTokensDetails", ANY, struct counts, candidates_details),
    FH_MEMBER("cacheTokensDetails", ANY, struct counts, cached_details),
    FH_MEMBER("toolUsePromptTokensDetails", ANY, struct counts, tool_use_details),
};

static uint64_t plus(uint64_t a, uint64_t b)
{
    return __builtin_add_overflow(a, b, &a) ? UINT64_MAX : a;
}

static uint64_t minus(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

/* sound counts the tokens of sound among some. */
static bool sound(yyjson_val *details, uint64_t *count)
{
    yyjson_arr_iter iter = yyjson_arr_iter_with(details);

    for (yyjson_val *one = NULL; (one = yyjson_arr_iter_next(&iter)) != NULL;) {
        if (fh_eq(fh_gemini_modality_said(fh_json_get(one, FH_LIT("modality"))),
                  FH_LIT("AUDIO"))) {
            return fh_json_u64(fh_json_get(one, FH_LIT("tokenCount")), count);
        }
    }
    return false;
}

static void add_up(struct fh_usage *usage, const struct counts *said)
{
    uint64_t prompt = 0;
    uint64_t cached = 0;
    uint64_t tool_use = 0;
    uint64_t candidates = 0;
    uint64_t thoughts = 0;
    uint64_t audio = 0;
    bool has_prompt = fh_json_u64(said->prompt, &prompt);
    bool has_candidates = fh_json_u64(said->candidates, &candidates);
    bool has_thoughts = fh_json_u64(said->thoughts, &thoughts);

    if (fh_json_u64(said->cached, &cached)) {
        fh_usage_set(usage, FH_TOKENS_CACHE_READ, cached);
    }
    if (fh_json_u64(said->tool_use, &tool_use) || has_prompt) {
        fh_usage_set(usage, FH_TOKENS_INPUT, plus(minus(prompt, cached), tool_use));
    }
    if (has_thoughts) {
        fh_usage_set(usage, FH_TOKENS_REASONING, thoughts);
    }
    if (has_candidates || has_thoughts) {
        fh_usage_set(usage, FH_TOKENS_OUTPUT, plus(candidates, thoughts));
    }
    if (sound(said->prompt_details, &audio)) {
        fh_usage_set(usage, FH_TOKENS_AUDIO_IN, audio);
    }
    if (sound(said->candidates_details, &audio)) {
        fh_usage_set(usage, FH_TOKENS_AUDIO_OUT, audio);
    }
}

/* keep_details notes what else is said where counts are parted by modality. */
static void keep_details(const struct counts *said, struct fh_arena *arena,
                         const struct fh_path *usage, struct fh_extras *extras)
{
    static const struct fh_slice known[] = {FH_LIT_INIT("modality"), FH_LIT_INIT("tokenCount")};
    const struct {
        struct fh_slice key;
        yyjson_val *list;
    } details[] = {
        {FH_LIT("promptTokensDetails"), said->prompt_details},
        {FH_LIT("candidatesTokensDetails"), said->candidates_details},
        {FH_LIT("cacheTokensDetails"), said->cached_details},
        {FH_LIT("toolUsePromptTokensDetails"), said->tool_use_details},
    };

    for (size_t i = 0; i < FH_LEN(details); i++) {
        struct fh_path list = {.up = usage, .key = details[i].key};
        struct fh_path at = {.up = &list};
        yyjson_arr_iter iter = yyjson_arr_iter_with(details[i].list);

        for (yyjson_val *one = NULL; (one = yyjson_arr_iter_next(&iter)) != NULL; at.index++) {
            fh_extras_keep(extras, arena, &at, one, known, FH_LEN(known));
        }
    }
}

void fh_gemini_read_usage(struct fh_usage *usage, yyjson_val *metadata, struct fh_arena *arena,
                          struct fh_extras *extras)
{
    struct fh_complaint ignored = {0};
    struct fh_reader r = {.arena = arena, .why = &ignored};
    struct fh_path at = {.key = FH_LIT("usageMetadata")};
    struct fh_extras beside = {0};
    struct counts said = {0};

    /* what is wrong in it is not counted, and does not spoil the answer */
    if (yyjson_is_obj(metadata) &&
        fh_read_object(&r, &FH_SHAPE(members), &said, extras == NULL ? &beside : extras, &at,
                       metadata) == FH_OK) {
        add_up(usage, &said);
        if (extras != NULL) {
            keep_details(&said, arena, &at, extras);
        }
    }
}

/* ---- out ---- */

static void write_count(struct fh_writer *w, yyjson_mut_val *obj, const char *key,
                        uint64_t count)
{
    (void)yyjson_mut_obj_add_uint(w->doc, obj, key, count);
}

/* write_details parts sound from text. */
static void write_details(struct fh_writer *w, yyjson_mut_val *obj, const char *key,
                          uint64_t all, uint64_t audio)
{
    const struct {
        const char *modality;
        uint64_t count;
    } parts[] = {{"TEXT", minus(all, audio)}, {"AUDIO", audio}};
    yyjson_mut_val *list = NULL;

    if (audio == 0) {
        return;
    }
    list = yyjson_mut_obj_add_arr(w->doc, obj, key);
    for (size_t i = 0; i < FH_LEN(parts); i++) {
        yyjson_mut_val *one = yyjson_mut_arr_add_obj(w->doc, list);

        fh_write_word(w, one, "modality", parts[i].modality);
        write_count(w, one, "tokenCount", parts[i].count);
    }
}

static bool has_input(const struct fh_usage *usage)
{
    return fh_usage_has(usage, FH_TOKENS_INPUT) || fh_usage_has(usage, FH_TOKENS_CACHE_READ) ||
           fh_usage_has(usage, FH_TOKENS_CACHE_WRITE_5M) ||
           fh_usage_has(usage, FH_TOKENS_CACHE_WRITE_1H);
}

void fh_gemini_write_usage(struct fh_writer *w, yyjson_mut_val *root,
                           const struct fh_usage *usage, yyjson_val *own)
{
    uint64_t input = fh_usage_input(usage);
    uint64_t output = usage->count[FH_TOKENS_OUTPUT];
    uint64_t thoughts = usage->count[FH_TOKENS_REASONING];

    if (own != NULL) {
        fh_write_val(w, root, "usageMetadata", own);
        return;
    }
    if (usage->seen == 0) {
        return;
    }
    yyjson_mut_val *out = yyjson_mut_obj_add_obj(w->doc, root, "usageMetadata");

    if (has_input(usage)) {
        write_count(w, out, "promptTokenCount", input);
    }
    if (fh_usage_has(usage, FH_TOKENS_OUTPUT)) {
        write_count(w, out, "candidatesTokenCount", minus(output, thoughts));
    }
    write_count(w, out, "totalTokenCount", plus(input, output));
    if (fh_usage_has(usage, FH_TOKENS_CACHE_READ)) {
        write_count(w, out, "cachedContentTokenCount", usage->count[FH_TOKENS_CACHE_READ]);
    }
    if (fh_usage_has(usage, FH_TOKENS_REASONING)) {
        write_count(w, out, "thoughtsTokenCount", thoughts);
    }
    write_details(w, out, "promptTokensDetails", input, usage->count[FH_TOKENS_AUDIO_IN]);
    write_details(w, out, "candidatesTokensDetails", minus(output, thoughts),
                  usage->count[FH_TOKENS_AUDIO_OUT]);
}
