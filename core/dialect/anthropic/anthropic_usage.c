/* anthropic_usage.c: token counts, both ways.
 * SPDX-License-Identifier: Apache-2.0 */
#include "dialect/anthropic/anthropic.h"

/* Members of `usage` that are a class by themselves. Others are read by hand or kept. */
static const struct {
    struct fh_slice key;
    enum fh_tokens kind;
} counts[] = {
    {FH_LIT_INIT("input_tokens"), FH_TOKENS_INPUT},
    {FH_LIT_INIT("cache_read_input_tokens"), FH_TOKENS_CACHE_READ},
    {FH_LIT_INIT("output_tokens"), FH_TOKENS_OUTPUT},
};

static bool read_count(struct fh_usage *sum, enum fh_tokens kind, yyjson_val *val)
{
    uint64_t count = 0;

    if (!fh_json_u64(val, &count)) {
        return false;
    }
    fh_usage_set(sum, kind, count);
    return true;
}

/* read_writes: cache_creation_input_tokens is the total, cache_creation the same by lifetime. What
 * of the total is not known to live an hour counts as five minutes. */
static void read_writes(struct fh_usage *sum, yyjson_val *usage)
{
    yyjson_val *parts = fh_json_get(usage, FH_LIT("cache_creation"));
    uint64_t total = 0;
    uint64_t five = 0;
    uint64_t hour = sum->count[FH_TOKENS_CACHE_WRITE_1H];

    if (fh_json_u64(fh_json_get(parts, FH_LIT("ephemeral_1h_input_tokens")), &hour)) {
        fh_usage_set(sum, FH_TOKENS_CACHE_WRITE_1H, hour);
    }
    if (fh_json_u64(fh_json_get(parts, FH_LIT("ephemeral_5m_input_tokens")), &five)) {
        fh_usage_set(sum, FH_TOKENS_CACHE_WRITE_5M, five);
    }
    if (fh_json_u64(fh_json_get(usage, FH_LIT("cache_creation_input_tokens")), &total)) {
        uint64_t rest = total > hour ? total - hour : 0;

        fh_usage_set(sum, FH_TOKENS_CACHE_WRITE_5M, rest > five ? rest : five);
    }
}

/* only_known says whether an object has no members but counts named in `names`. */
static bool only_known(yyjson_val *obj, const struct fh_slice *names, size_t count)
{
    size_t known = 0;

    for (size_t i = 0; i < count; i++) {
        uint64_t n = 0;

        known += fh_json_u64(fh_json_get(obj, names[i]), &n) ? 1 : 0;
    }
    return known == yyjson_obj_size(obj);
}

/* has_class says whether the sum holds all that a member says. A count that is no number says
 * nothing; null is kept, it is what some providers write. */
static bool has_class(struct fh_slice key, yyjson_val *val)
{
    static const struct fh_slice lifetimes[] = {FH_LIT_INIT("ephemeral_5m_input_tokens"),
                                                FH_LIT_INIT("ephemeral_1h_input_tokens")};
    static const struct fh_slice details[] = {FH_LIT_INIT("thinking_tokens")};

    for (size_t i = 0; i < FH_LEN(counts); i++) {
        if (fh_eq(counts[i].key, key)) {
            return !yyjson_is_null(val);
        }
    }
    if (fh_eq(key, FH_LIT("cache_creation_input_tokens"))) {
        return !yyjson_is_null(val);
    }
    if (fh_eq(key, FH_LIT("cache_creation"))) {
        return yyjson_obj_size(val) == FH_LEN(lifetimes) &&
               only_known(val, lifetimes, FH_LEN(lifetimes));
    }
    return fh_eq(key, FH_LIT("output_tokens_details")) && yyjson_obj_size(val) == 1 &&
           only_known(val, details, FH_LEN(details));
}

void fh_anthropic_read_usage(struct fh_usage *sum, yyjson_val *usage, struct fh_arena *arena,
                             const struct fh_path *at, struct fh_extras *extras)
{
    yyjson_val *details = fh_json_get(usage, FH_LIT("output_tokens_details"));
    yyjson_obj_iter iter = yyjson_obj_iter_with(usage);

    for (size_t i = 0; i < FH_LEN(counts); i++) {
        (void)read_count(sum, counts[i].kind, fh_json_get(usage, counts[i].key));
    }
    read_writes(sum, usage);
    (void)read_count(sum, FH_TOKENS_REASONING, fh_json_get(details, FH_LIT("thinking_tokens")));

    for (yyjson_val *key = NULL;
         extras != NULL && (key = yyjson_obj_iter_next(&iter)) != NULL;) {
        yyjson_val *val = yyjson_obj_iter_get_val(key);

        if (!has_class(fh_json_text(key), val)) {
            fh_extra_add(extras, arena, at, fh_json_text(key), val);
        }
    }
}

/* add_count leaves a member alone that an extra has written already. */
static void add_count(yyjson_mut_doc *doc, yyjson_mut_val *obj, const char *key, uint64_t count)
{
    if (yyjson_mut_obj_get(obj, key) == NULL) {
        (void)yyjson_mut_obj_add_uint(doc, obj, key, count);
    }
}

/* add_parts gives the object `key` to write into, or NULL when an extra has written it already. */
static yyjson_mut_val *add_parts(yyjson_mut_doc *doc, yyjson_mut_val *obj, const char *key)
{
    return yyjson_mut_obj_get(obj, key) == NULL ? yyjson_mut_obj_add_obj(doc, obj, key) : NULL;
}

void fh_anthropic_fill_usage(yyjson_mut_doc *doc, yyjson_mut_val *out,
                             const struct fh_usage *usage, bool with_lifetimes)
{
    uint64_t five = usage->count[FH_TOKENS_CACHE_WRITE_5M];
    uint64_t hour = usage->count[FH_TOKENS_CACHE_WRITE_1H];
    yyjson_mut_val *parts = NULL;
    uint64_t both = 0;

    add_count(doc, out, "input_tokens", usage->count[FH_TOKENS_INPUT]);
    if (fh_usage_has(usage, FH_TOKENS_CACHE_WRITE_5M) ||
        fh_usage_has(usage, FH_TOKENS_CACHE_WRITE_1H)) {
        both = __builtin_add_overflow(five, hour, &both) ? UINT64_MAX : both;
        add_count(doc, out, "cache_creation_input_tokens", both);
    }
    if (fh_usage_has(usage, FH_TOKENS_CACHE_READ)) {
        add_count(doc, out, "cache_read_input_tokens", usage->count[FH_TOKENS_CACHE_READ]);
    }
    if (with_lifetimes && fh_usage_has(usage, FH_TOKENS_CACHE_WRITE_1H) &&
        (parts = add_parts(doc, out, "cache_creation")) != NULL) {
        add_count(doc, parts, "ephemeral_5m_input_tokens", five);
        add_count(doc, parts, "ephemeral_1h_input_tokens", hour);
    }
    add_count(doc, out, "output_tokens", usage->count[FH_TOKENS_OUTPUT]);
    if (fh_usage_has(usage, FH_TOKENS_REASONING) &&
        (parts = add_parts(doc, out, "output_tokens_details")) != NULL) {
        add_count(doc, parts, "thinking_tokens", usage->count[FH_TOKENS_REASONING]);
    }
}
