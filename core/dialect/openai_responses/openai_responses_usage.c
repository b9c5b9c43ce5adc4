/* openai_responses_usage.c: token counts, both ways.
 *
 * input_tokens counts all input, whatever its class: what was cached and what was written to
 * the cache is part of it. So the first class is what is left, at least nothing. What the
 * classes would not give back as it was is kept as an extra, and so are members that no class
 * is for.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "dialect/openai_responses/openai_responses.h"

static const struct fh_slice input_details = FH_LIT_INIT("input_tokens_details");
static const struct fh_slice output_details = FH_LIT_INIT("output_tokens_details");

static bool number(yyjson_val *obj, struct fh_slice key, uint64_t *out)
{
    return fh_json_u64(fh_json_get(obj, key), out);
}

/* What a usage object counts, in its own terms. */
struct counts {
    uint64_t input, cached, written, output, reasoning, total;
};

/* counts_of gives the object that the classes stand for. */
static struct counts counts_of(const struct fh_usage *u)
{
    struct counts c = {
        .input = fh_usage_input(u),
        .cached = u->count[FH_TOKENS_CACHE_READ],
        .output = u->count[FH_TOKENS_OUTPUT],
        .reasoning = u->count[FH_TOKENS_REASONING],
    };

    if (__builtin_add_overflow(u->count[FH_TOKENS_CACHE_WRITE_5M],
                               u->count[FH_TOKENS_CACHE_WRITE_1H], &c.written)) {
        c.written = UINT64_MAX;
    }
    if (__builtin_add_overflow(c.input, c.output, &c.total)) {
        c.total = UINT64_MAX;
    }
    return c;
}

static uint64_t minus(uint64_t all, uint64_t part)
{
    return all > part ? all - part : 0;
}

/* keep_unless keeps a member whose number is not the one that would be printed for it. */
static void keep_unless(struct fh_extras *extras, struct fh_arena *arena,
                        const struct fh_path *at, yyjson_val *obj, struct fh_slice key,
                        uint64_t printed)
{
    yyjson_val *val = fh_json_get(obj, key);
    uint64_t said = 0;

    if (val != NULL && (!fh_json_u64(val, &said) || said != printed)) {
        fh_extra_add(extras, arena, at, key, val);
    }
}

static void keep_others(struct fh_extras *extras, struct fh_arena *arena,
                        const struct fh_path *at, yyjson_val *obj,
                        const struct fh_slice known[3])
{
    yyjson_obj_iter iter = yyjson_obj_iter_with(obj);

    for (yyjson_val *key = NULL; (key = yyjson_obj_iter_next(&iter)) != NULL;) {
        struct fh_slice name = fh_json_text(key);

        if (fh_read_word(known, 3, name) == 3 && !fh_eq(name, input_details) &&
            !fh_eq(name, output_details)) {
            fh_extra_add(extras, arena, at, name, yyjson_obj_iter_get_val(key));
        }
    }
}

static void keep_rest(struct fh_extras *extras, struct fh_arena *arena, yyjson_val *obj,
                      const struct fh_usage *usage)
{
    static const struct fh_slice top[] = {
        FH_LIT_INIT("input_tokens"), FH_LIT_INIT("output_tokens"), FH_LIT_INIT("total_tokens")};
    static const struct fh_slice in[] = {FH_LIT_INIT("cached_tokens"),
                                         FH_LIT_INIT("cache_write_tokens"), FH_LIT_INIT("")};
    static const struct fh_slice from[] = {FH_LIT_INIT("reasoning_tokens"), FH_LIT_INIT(""),
                                           FH_LIT_INIT("")};
    struct fh_path at = {.key = FH_LIT("usage")};
    struct fh_path in_at = {.up = &at, .key = input_details};
    struct fh_path out_at = {.up = &at, .key = output_details};
    struct counts c = counts_of(usage);

    keep_unless(extras, arena, &at, obj, top[0], c.input);
    keep_unless(extras, arena, &at, obj, top[1], c.output);
    keep_unless(extras, arena, &at, obj, top[2], c.total);
    keep_others(extras, arena, &at, obj, top);
    keep_others(extras, arena, &in_at, fh_json_get(obj, input_details), in);
    keep_others(extras, arena, &out_at, fh_json_get(obj, output_details), from);
}

void fh_responses_read_usage(struct fh_usage *usage, yyjson_val *obj, struct fh_arena *arena,
                             struct fh_extras *extras)
{
    yyjson_val *in = fh_json_get(obj, input_details);
    yyjson_val *out = fh_json_get(obj, output_details);
    struct fh_usage news = {0};
    struct counts c = {0};

    if (number(in, FH_LIT("cached_tokens"), &c.cached)) {
        fh_usage_set(&news, FH_TOKENS_CACHE_READ, c.cached);
    }
    if (number(in, FH_LIT("cache_write_tokens"), &c.written)) {
        fh_usage_set(&news, FH_TOKENS_CACHE_WRITE_5M, c.written);
    }
    if (number(obj, FH_LIT("input_tokens"), &c.input)) {
        fh_usage_set(&news, FH_TOKENS_INPUT, minus(minus(c.input, c.cached), c.written));
    }
    if (number(obj, FH_LIT("output_tokens"), &c.output)) {
        fh_usage_set(&news, FH_TOKENS_OUTPUT, c.output);
    }
    if (number(out, FH_LIT("reasoning_tokens"), &c.reasoning)) {
        fh_usage_set(&news, FH_TOKENS_REASONING, c.reasoning);
    }
    if (extras != NULL) {
        keep_rest(extras, arena, obj, &news);
    }
    fh_usage_merge(usage, &news);
}

static void add(yyjson_mut_doc *doc, yyjson_mut_val *obj, const char *key, uint64_t count)
{
    if (yyjson_mut_obj_get(obj, key) == NULL) { /* an extra says otherwise */
        (void)yyjson_mut_obj_add_uint(doc, obj, key, count);
    }
}

void fh_responses_print_usage(struct fh_buf *out, struct fh_arena *scratch,
                              const struct fh_usage *usage, const struct fh_extras *extras)
{
    struct fh_writer w = {.doc = fh_json_new(scratch), .scratch = scratch, .ours = true};
    yyjson_mut_val *obj = yyjson_mut_obj(w.doc);
    yyjson_mut_val *in = yyjson_mut_obj(w.doc);
    yyjson_mut_val *from = yyjson_mut_obj(w.doc);
    struct counts c = counts_of(usage);

    if (extras != NULL) {
        fh_write_extras(&w, extras, "/usage", obj);
        fh_write_extras(&w, extras, "/usage/input_tokens_details", in);
        fh_write_extras(&w, extras, "/usage/output_tokens_details", from);
    }
    add(w.doc, obj, "input_tokens", c.input);
    add(w.doc, in, "cached_tokens", c.cached);
    add(w.doc, in, "cache_write_tokens", c.written);
    (void)yyjson_mut_obj_add_val(w.doc, obj, "input_tokens_details", in);
    add(w.doc, obj, "output_tokens", c.output);
    add(w.doc, from, "reasoning_tokens", c.reasoning);
    (void)yyjson_mut_obj_add_val(w.doc, obj, "output_tokens_details", from);
    add(w.doc, obj, "total_tokens", c.total);
    fh_json_append(out, scratch, obj);
}
