/* bedrock_usage.c: token counts, both ways. inputTokens is without what came from the cache or went
 * there, totalTokens is with it.
 * SPDX-License-Identifier: Apache-2.0 */
#include "dialect/bedrock/bedrock.h"

/* Members of `usage` that are a class by themselves. */
static const struct {
    struct fh_slice key;
    enum fh_tokens kind;
} counts[] = {
    {FH_LIT_INIT("inputTokens"), FH_TOKENS_INPUT},
    {FH_LIT_INIT("outputTokens"), FH_TOKENS_OUTPUT},
    {FH_LIT_INIT("cacheReadInputTokens"), FH_TOKENS_CACHE_READ},
};

static uint64_t add(uint64_t a, uint64_t b)
{
    uint64_t sum = 0;

    return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

static uint64_t total_of(const struct fh_usage *usage)
{
    return add(fh_usage_input(usage), usage->count[FH_TOKENS_OUTPUT]);
}

/* read_details reads cache writes by how long they live. False when there is more in the list than
 * there are classes for. */
static bool read_details(struct fh_usage *sum, yyjson_val *list)
{
    yyjson_arr_iter iter = yyjson_arr_iter_with(list);
    uint64_t hour = 0;
    uint64_t five = 0;
    bool known = yyjson_is_arr(list);

    for (yyjson_val *v = NULL; known && (v = yyjson_arr_iter_next(&iter)) != NULL;) {
        struct fh_slice ttl = fh_json_text(fh_json_get(v, FH_LIT("ttl")));
        uint64_t count = 0;
        bool long_lived = fh_eq(ttl, FH_LIT("1h"));

        known = fh_json_u64(fh_json_get(v, FH_LIT("inputTokens")), &count) &&
                yyjson_obj_size(v) == 2 && (long_lived || fh_eq(ttl, FH_LIT("5m")));
        hour = long_lived ? add(hour, count) : hour;
        five = long_lived ? five : add(five, count);
    }
    if (known) {
        fh_usage_set(sum, FH_TOKENS_CACHE_WRITE_1H, hour);
        fh_usage_set(sum, FH_TOKENS_CACHE_WRITE_5M, five);
    }
    return known;
}

/* read_writes: what of the total is not known to live an hour counts as five minutes. */
static void read_writes(struct fh_usage *sum, yyjson_val *total)
{
    uint64_t hour = sum->count[FH_TOKENS_CACHE_WRITE_1H];
    uint64_t five = sum->count[FH_TOKENS_CACHE_WRITE_5M];
    uint64_t count = 0;

    if (fh_json_u64(total, &count)) {
        uint64_t rest = count > hour ? count - hour : 0;

        fh_usage_set(sum, FH_TOKENS_CACHE_WRITE_5M, rest > five ? rest : five);
    }
}

/* says_again: totals, and the names that cache counts had before. */
static bool says_again(const struct fh_usage *sum, struct fh_slice key, yyjson_val *value)
{
    uint64_t writes =
        add(sum->count[FH_TOKENS_CACHE_WRITE_5M], sum->count[FH_TOKENS_CACHE_WRITE_1H]);
    uint64_t count = 0;

    if (!fh_json_u64(value, &count)) {
        return false;
    }
    return fh_eq(key, FH_LIT("totalTokens")) ? count == total_of(sum)
           : fh_eq(key, FH_LIT("cacheReadInputTokenCount"))
               ? count == sum->count[FH_TOKENS_CACHE_READ]
               : fh_eq(key, FH_LIT("cacheWriteInputTokenCount")) && count == writes;
}

static bool has_class(struct fh_slice key, yyjson_val *value)
{
    uint64_t count = 0;

    if (!fh_json_u64(value, &count)) {
        return false;
    }
    for (size_t i = 0; i < FH_LEN(counts); i++) {
        if (fh_eq(counts[i].key, key)) {
            return true;
        }
    }
    return fh_eq(key, FH_LIT("cacheWriteInputTokens"));
}

void fh_bedrock_read_usage(struct fh_usage *sum, yyjson_val *usage, struct fh_arena *arena,
                           struct fh_extras *extras)
{
    struct fh_path at = {.key = FH_LIT("usage")};
    yyjson_val *details = fh_json_get(usage, FH_LIT("cacheDetails"));
    yyjson_obj_iter iter = yyjson_obj_iter_with(usage);
    uint64_t count = 0;

    for (size_t i = 0; i < FH_LEN(counts); i++) {
        if (fh_json_u64(fh_json_get(usage, counts[i].key), &count)) {
            fh_usage_set(sum, counts[i].kind, count);
        }
    }
    bool detailed = read_details(sum, details);

    read_writes(sum, fh_json_get(usage, FH_LIT("cacheWriteInputTokens")));
    for (yyjson_val *key = NULL;
         extras != NULL && (key = yyjson_obj_iter_next(&iter)) != NULL;) {
        struct fh_slice name = fh_json_text(key);
        yyjson_val *value = yyjson_obj_iter_get_val(key);

        if (!has_class(name, value) && !(detailed && fh_eq(name, FH_LIT("cacheDetails")))) {
            fh_extra_add(extras, arena, &at, name, value)->repeats =
                says_again(sum, name, value);
        }
    }
}

/* write_count leaves a member alone that an extra has written already. */
static void write_count(struct fh_writer *w, yyjson_mut_val *obj, const char *key,
                        uint64_t count)
{
    if (yyjson_mut_obj_get(obj, key) == NULL) {
        (void)yyjson_mut_obj_add_uint(w->doc, obj, key, count);
    }
}

/* write_details: the longest-lived first, as the API sorts them; none for what was not written. */
static void write_details(struct fh_writer *w, yyjson_mut_val *obj,
                          const struct fh_usage *usage)
{
    static const struct {
        enum fh_tokens kind;
        const char *ttl;
    } lifetimes[] = {{FH_TOKENS_CACHE_WRITE_1H, "1h"}, {FH_TOKENS_CACHE_WRITE_5M, "5m"}};
    yyjson_mut_val *list = yyjson_mut_obj_add_arr(w->doc, obj, "cacheDetails");

    for (size_t i = 0; i < FH_LEN(lifetimes); i++) {
        if (usage->count[lifetimes[i].kind] > 0) {
            yyjson_mut_val *detail = yyjson_mut_arr_add_obj(w->doc, list);

            fh_write_word(w, detail, "ttl", lifetimes[i].ttl);
            write_count(w, detail, "inputTokens", usage->count[lifetimes[i].kind]);
        }
    }
}

void fh_bedrock_write_usage(struct fh_writer *w, yyjson_mut_val *root,
                            const struct fh_usage *usage, const struct fh_extras *extras)
{
    yyjson_mut_val *obj = yyjson_mut_obj_add_obj(w->doc, root, "usage");

    fh_write_extras(w, extras, "/usage", obj);
    write_count(w, obj, "inputTokens", usage->count[FH_TOKENS_INPUT]);
    write_count(w, obj, "outputTokens", usage->count[FH_TOKENS_OUTPUT]);
    write_count(w, obj, "totalTokens", total_of(usage));
    if (fh_usage_has(usage, FH_TOKENS_CACHE_READ)) {
        write_count(w, obj, "cacheReadInputTokens", usage->count[FH_TOKENS_CACHE_READ]);
    }
    if (fh_usage_has(usage, FH_TOKENS_CACHE_WRITE_5M) ||
        fh_usage_has(usage, FH_TOKENS_CACHE_WRITE_1H)) {
        write_count(w, obj, "cacheWriteInputTokens",
                    add(usage->count[FH_TOKENS_CACHE_WRITE_5M],
                        usage->count[FH_TOKENS_CACHE_WRITE_1H]));
    }
    if (fh_usage_has(usage, FH_TOKENS_CACHE_WRITE_1H) &&
        yyjson_mut_obj_get(obj, "cacheDetails") == NULL) {
        write_details(w, obj, usage);
    }
}
