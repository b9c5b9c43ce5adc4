/* recorded_usage.c: usage objects of real answers, and what a price list's own extractor makes of
 * them: our token classes have to add up to the same counts.
 * SPDX-License-Identifier: Apache-2.0 */
#include "recorded.h"
#include "tap.h"

#include "dialect/dialect.h"

enum { ARENA_MAX = 1 << 28, SCRATCH_MAX = 1 << 22 };

/* How a usage object shows which dialect it is of, and whose count is ours; the first row that fits
 * counts. */
static const struct kind {
    const char *holder; /* the member that the usage is in */
    const char *member; /* of it */
    enum fh_dialect_id dialect;
    const char *provider, *flavor;
} kinds[] = {
    {"usageMetadata", "promptTokenCount", FH_DIALECT_GEMINI, "google", "default"},
    {"usageMetadata", "totalTokenCount", FH_DIALECT_GEMINI, "google", "default"},
    {"usage", "inputTokens", FH_DIALECT_BEDROCK, "aws", "default"},
    {"usage", "num_cached_tokens", FH_DIALECT_MISTRAL, "mistral", "default"},
    {"usage", "prompt_tokens", FH_DIALECT_OPENAI_CHAT, "openai", "chat"},
    {"usage", "input_tokens_details", FH_DIALECT_OPENAI_RESPONSES, "openai", "responses"},
    {"usage", "input_tokens", FH_DIALECT_ANTHROPIC, "anthropic", "default"},
};

/* What their names count in our classes. */
static uint64_t ours(const struct fh_usage *usage, struct fh_slice name, bool *known)
{
    const uint64_t *n = usage->count;

    *known = true;
    if (fh_eq(name, FH_LIT("input_tokens"))) {
        return fh_usage_input(usage);
    }
    if (fh_eq(name, FH_LIT("output_tokens"))) {
        return n[FH_TOKENS_OUTPUT];
    }
    if (fh_eq(name, FH_LIT("cache_read_tokens"))) {
        return n[FH_TOKENS_CACHE_READ];
    }
    if (fh_eq(name, FH_LIT("cache_write_tokens"))) {
        return n[FH_TOKENS_CACHE_WRITE_5M] + n[FH_TOKENS_CACHE_WRITE_1H];
    }
    if (fh_eq(name, FH_LIT("cache_write_5m_tokens"))) {
        return n[FH_TOKENS_CACHE_WRITE_5M];
    }
    if (fh_eq(name, FH_LIT("output_reasoning_tokens"))) {
        return n[FH_TOKENS_REASONING];
    }
    if (fh_eq(name, FH_LIT("input_audio_tokens"))) {
        return n[FH_TOKENS_AUDIO_IN];
    }
    *known = false; /* text, images, video, tools: no classes of ours */
    return 0;
}

static const struct kind *kind_of(yyjson_val *body)
{
    for (size_t i = 0; i < FH_LEN(kinds); i++) {
        yyjson_val *usage = fh_json_get(body, fh_cstr(kinds[i].holder));

        if (fh_json_get(usage, fh_cstr(kinds[i].member)) != NULL) {
            return &kinds[i];
        }
    }
    return NULL;
}

static bool is_by(yyjson_val *extracted, const struct kind *kind)
{
    yyjson_arr_iter iter = yyjson_arr_iter_with(fh_json_get(extracted, FH_LIT("extractors")));

    for (yyjson_val *by = NULL; (by = yyjson_arr_iter_next(&iter)) != NULL;) {
        if (fh_eq(fh_json_text(fh_json_get(by, FH_LIT("provider_id"))),
                  fh_cstr(kind->provider)) &&
            fh_eq(fh_json_text(fh_json_get(by, FH_LIT("api_flavor"))), fh_cstr(kind->flavor))) {
            return true;
        }
    }
    return false;
}

/* theirs finds what the extractor of that kind made of a case. */
static yyjson_val *theirs(yyjson_val *row, const struct kind *kind)
{
    yyjson_arr_iter iter = yyjson_arr_iter_with(fh_json_get(row, FH_LIT("extracted")));

    for (yyjson_val *e = NULL; (e = yyjson_arr_iter_next(&iter)) != NULL;) {
        if (is_by(e, kind)) {
            return fh_json_get(e, FH_LIT("usage"));
        }
    }
    return NULL;
}

/* agree compares all counts; the first that differs is told. */
static bool agree(const struct fh_usage *usage, yyjson_val *want, struct fh_slice body)
{
    yyjson_obj_iter iter = yyjson_obj_iter_with(want);

    for (yyjson_val *key = NULL; (key = yyjson_obj_iter_next(&iter)) != NULL;) {
        uint64_t count = 0;
        bool known = false;
        uint64_t got = ours(usage, fh_json_text(key), &known);

        assert_true(fh_json_u64(yyjson_obj_iter_get_val(key), &count));
        if (known && got != count) {
            (void)printf("# %.*s is %llu, not %llu, in %.*s\n", FH_ARG(fh_json_text(key)),
                         (unsigned long long)got, (unsigned long long)count, FH_ARG(body));
            return false;
        }
    }
    return true;
}

static void check(yyjson_val *row, struct fh_arena *scratch, struct recorded_tally *tally)
{
    yyjson_val *body = fh_json_get(row, FH_LIT("body"));
    const struct kind *kind = kind_of(body);
    yyjson_val *want = kind == NULL ? NULL : theirs(row, kind);
    struct fh_buf text = fh_buf_in_arena(scratch, SCRATCH_MAX);
    struct fh_watch watch = {0};

    fh_json_append_val(&text, scratch, body);
    if (want == NULL) { /* Cohere's chat: no dialect of ours */
        recorded_count(tally, FH_LIT("genai-prices"), "no dialect of ours", true);
        return;
    }
    const struct fh_dialect *dialect = fh_dialect(kind->dialect);

    dialect->scan_reply(&watch, scratch, fh_buf_slice(&text));
    recorded_count(tally, dialect->name, "usage",
                   agree(&watch.usage, want, fh_buf_slice(&text)));
}

static void test_counts_agree(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    FH_AUTO(fh_arena_free) struct fh_arena *scratch = fh_arena_new(SCRATCH_MAX);
    struct recorded_tally tally = {0};
    struct fh_slice text = FH_NONE;
    yyjson_val *root = NULL;
    struct fh_error why;

    FH_UNUSED(state);
    if (!tap_read_file("../shared/fixtures/pricing/genai-prices/usages.json", arena, &text)) {
        (void)printf("# no recorded usage beside this tree: nothing to compare with\n");
        return;
    }
    assert_int_equal(fh_json_parse(arena, text, &root, &why), FH_OK);
    yyjson_arr_iter iter = yyjson_arr_iter_with(root);

    for (yyjson_val *row = NULL; (row = yyjson_arr_iter_next(&iter)) != NULL;) {
        check(row, scratch, &tally);
        fh_arena_reset(scratch);
    }
    assert_true(recorded_print(&tally));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts_agree),
    };
    return cmocka_run_group_tests_name("recorded_usage", tests, NULL, NULL);
}
