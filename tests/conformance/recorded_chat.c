/* recorded_chat.c: the fold of streams with `choices`.
 * SPDX-License-Identifier: Apache-2.0 */
#include "recorded_chat.h"

static void fold_calls(struct recorded_fold *f, yyjson_mut_val *said, yyjson_val *calls)
{
    yyjson_arr_iter iter = yyjson_arr_iter_with(calls);
    yyjson_mut_val *list = recorded_list_of(f, said, FH_LIT("tool_calls"));

    for (yyjson_val *call = NULL; (call = yyjson_arr_iter_next(&iter)) != NULL;) {
        yyjson_mut_val *sum = recorded_numbered(f, list, fh_json_get(call, FH_LIT("index")));
        yyjson_val *function = fh_json_get(call, FH_LIT("function"));

        if (recorded_text(call, "id").len > 0) {
            (void)recorded_put(f, sum, FH_LIT("id"), fh_json_get(call, FH_LIT("id")));
        }
        if (recorded_text(function, "name").len > 0) {
            (void)recorded_put(f, sum, FH_LIT("name"), fh_json_get(function, FH_LIT("name")));
        }
        recorded_join(f, sum, FH_LIT("arguments"), recorded_text(function, "arguments"));
    }
}

static void fold_delta(struct recorded_fold *f, yyjson_mut_val *sum, yyjson_val *delta)
{
    static const struct fh_slice texts[] = {FH_LIT_INIT("content"), FH_LIT_INIT("refusal"),
                                            FH_LIT_INIT("reasoning"),
                                            FH_LIT_INIT("reasoning_content")};
    yyjson_obj_iter iter = yyjson_obj_iter_with(delta);

    for (yyjson_val *key = NULL; (key = yyjson_obj_iter_next(&iter)) != NULL;) {
        yyjson_val *val = yyjson_obj_iter_get_val(key);
        struct fh_slice name = fh_json_text(key);
        bool text = false;

        for (size_t i = 0; i < FH_LEN(texts); i++) {
            text = text || fh_eq(name, texts[i]);
        }
        if (yyjson_is_null(val)) {
            continue;
        }
        if (fh_eq(name, FH_LIT("tool_calls"))) {
            fold_calls(f, sum, val);
        } else if (fh_eq(name, FH_LIT("role"))) {
            (void)recorded_put(f, sum, name, val);
        } else if (text) {
            recorded_join(f, sum, name, fh_json_text(val));
        } else {
            recorded_push(f, sum, name, val);
        }
    }
}

static void fold_choice(struct recorded_fold *f, yyjson_val *choice)
{
    yyjson_mut_val *sum = recorded_numbered(f, recorded_list_of(f, f->root, FH_LIT("choices")),
                                            fh_json_get(choice, FH_LIT("index")));
    yyjson_obj_iter iter = yyjson_obj_iter_with(choice);

    for (yyjson_val *key = NULL; (key = yyjson_obj_iter_next(&iter)) != NULL;) {
        yyjson_val *val = yyjson_obj_iter_get_val(key);
        struct fh_slice name = fh_json_text(key);

        if (fh_eq(name, FH_LIT("delta"))) {
            fold_delta(f, sum, val);
        } else if (fh_eq(name, FH_LIT("finish_reason")) && !yyjson_is_null(val)) {
            (void)recorded_put(f, sum, name, val);
            f->finished = f->finished || yyjson_get_len(val) > 0;
        } else if (!fh_eq(name, FH_LIT("index")) && !yyjson_is_null(val)) {
            recorded_push(f, sum, name, val);
        }
    }
}

/* Some change these from chunk to chunk: the first one names the reply. */
static bool is_first_kept(struct fh_slice name)
{
    return fh_eq(name, FH_LIT("id")) || fh_eq(name, FH_LIT("created"));
}

static bool is_kept(struct recorded_fold *f, struct fh_slice name, yyjson_val *val)
{
    return !yyjson_is_null(val) && !fh_eq(name, FH_LIT("obfuscation")) &&
           !(yyjson_is_str(val) && yyjson_get_len(val) == 0) &&
           !(is_first_kept(name) &&
             yyjson_mut_obj_getn(f->root, (const char *)name.ptr, name.len) != NULL);
}

static const char *take(struct recorded_fold *f, const struct fh_frame *wire)
{
    yyjson_obj_iter iter = yyjson_obj_iter_with(recorded_json(f->arena, wire->data));

    for (yyjson_val *key = NULL; (key = yyjson_obj_iter_next(&iter)) != NULL;) {
        yyjson_val *val = yyjson_obj_iter_get_val(key);
        yyjson_arr_iter choices = yyjson_arr_iter_with(val);
        struct fh_slice name = fh_json_text(key);

        if (fh_eq(name, FH_LIT("error")) && !yyjson_is_null(val)) {
            f->failure = recorded_text(val, "message");
        } else if (!fh_eq(name, FH_LIT("choices")) && is_kept(f, name, val)) {
            (void)recorded_put(f, f->root, name, val);
        }
        for (yyjson_val *one = NULL; fh_eq(name, FH_LIT("choices")) &&
                                     (one = yyjson_arr_iter_next(&choices)) != NULL;) {
            fold_choice(f, one);
        }
    }
    return NULL;
}

/* What a failed stream used is for the books; its client is told of the error alone. */
static const char *drop_usage(struct recorded_fold *f)
{
    if (f->failure.len > 0) {
        (void)yyjson_mut_obj_remove_key(f->root, "usage");
    }
    return NULL;
}

struct recorded_dialect recorded_chat(const struct fh_dialect *dialect)
{
    return (struct recorded_dialect){
        .dialect = dialect,
        .excuses =
            {
                {"/stream_options/include_usage", "false",
                 "the books need the usage of every stream"},
                {"/id", "\"\"", "clients need an id, so an empty one is replaced"},
                {"/model", "\"\"", "so is an empty model"},
                {"/created", "0", "so is the year 1970"},
                {"/choices/*/tool_calls/*/id", "\"\"",
                 "a call without an id could not be answered"},
                {"/choices/*/finish_reason", "\"\"", "an empty word is no reason"},
                {"/choices/*/tool_calls/*/#", NULL, "calls of a stream are numbered from 0"},
            },
        .flaws = {{"test_snowflake_thinking_streaming", RECORDED_UNFINISHED,
                   "Snowflake never says it"}},
        .take = take,
        .close = drop_usage,
        .done = FH_LIT("[DONE]"),
    };
}
