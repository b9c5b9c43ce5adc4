/* test_json_scan.c: exactly RFC 8259, and where the members are.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include "wire/json_scan.h"

#include <dirent.h>

static const struct fh_slice names[] = {FH_LIT_INIT("model"), FH_LIT_INIT("stream")};

enum { DEPTH_MAX = 4 };

struct row {
    const char *name;
    struct fh_slice text;
    const char *want; /* the members found, or the complaint */
};

/* What is valid has no members to be found unless it is said. */
static const struct row rows[] = {
    /* structure */
    {"empty object", FH_LIT_INIT("{}"), "ok"},
    {"blanks everywhere", FH_LIT_INIT(" \t\r\n{ \"a\" : [ 1 , 2 ] , \"b\" : { } }\n"), "ok"},
    {"members", FH_LIT_INIT("{\"model\":\"m\",\"stream\":true}"), "model=\"m\" stream=true ok"},
    {"one of them", FH_LIT_INIT("{\"a\":1,\"stream\": false }"), "stream=false ok"},
    {"a value is its text alone", FH_LIT_INIT("{\"model\" :  [1, {}] ,\"a\":0}"),
     "model=[1, {}] ok"},
    {"an object as a value", FH_LIT_INIT("{\"model\":{\"stream\":1,\"model\":[]}}"),
     "model={\"stream\":1,\"model\":[]} ok"},
    {"only the top level counts", FH_LIT_INIT("{\"a\":{\"model\":1},\"b\":[{\"stream\":1}]}"),
     "ok"},
    {"a number up to the brace", FH_LIT_INIT("{\"model\":-1.5e+3}"), "model=-1.5e+3 ok"},
    {"an escaped name", FH_LIT_INIT("{\"m\\u006fdel\":1}"), "model=1 ok"},
    {"a name escaped whole", FH_LIT_INIT("{\"\\u006d\\u006F\\u0064\\u0065\\u006c\":1}"),
     "model=1 ok"},
    {"a name that only begins so", FH_LIT_INIT("{\"model\\u0000\":1,\"mode\":2,\"models\":3}"),
     "ok"},
    {"a name in other letters", FH_LIT_INIT("{\"Model\":1}"), "ok"},
    {"names of two escapes", FH_LIT_INIT("{\"\\\"\":1,\"\\\\\":2,\"\":3}"), "ok"},

    /* members twice */
    {"twice", FH_LIT_INIT("{\"model\":1,\"a\":2,\"model\":1}"),
     "conflict: a member that we decide by stands twice@17"},
    {"twice, once escaped", FH_LIT_INIT("{\"model\":1,\"mod\\u0065l\":2}"),
     "conflict: a member that we decide by stands twice@11"},
    {"another one twice", FH_LIT_INIT("{\"a\":1,\"a\":2,\"model\":3}"), "model=3 ok"},
    {"null is there as well", FH_LIT_INIT("{\"model\":null,\"model\":null}"),
     "conflict: a member that we decide by stands twice@14"},

    /* no object */
    {"an array", FH_LIT_INIT(" [{\"model\":1}]"), "type: the value must be an object@1"},
    {"a string", FH_LIT_INIT("\"model\""), "type: the value must be an object@0"},
    {"a number", FH_LIT_INIT("0"), "type: the value must be an object@0"},
    {"syntax first", FH_LIT_INIT("[1"), "syntax: the text ends before its value does@2"},

    /* what is missing or too much */
    {"nothing", FH_LIT_INIT(""), "syntax: there is no value@0"},
    {"only blanks", FH_LIT_INIT(" \n"), "syntax: there is no value@2"},
    {"two values", FH_LIT_INIT("{} {}"), "syntax: something stands behind the value@3"},
    {"nul behind", FH_LIT_INIT("{}\0"), "syntax: something stands behind the value@2"},
    {"comma at the end", FH_LIT_INIT("{\"a\":1,}"), "syntax: a comma before }@7"},
    {"comma at the end of an array", FH_LIT_INIT("{\"a\":[1,]}"), "syntax: a comma before ]@8"},
    {"comma alone", FH_LIT_INIT("{,}"), "syntax: expected a name in quotes@1"},
    {"two commas", FH_LIT_INIT("[1,,2]"), "syntax: expected a value@3"},
    {"no comma", FH_LIT_INIT("{\"a\":1 \"b\":2}"),
     "syntax: expected a comma or } behind a member@7"},
    {"no comma in an array", FH_LIT_INIT("[1 2]"),
     "syntax: expected a comma or ] behind an element@3"},
    {"wrong bracket", FH_LIT_INIT("{\"a\":[1}"),
     "syntax: expected a comma or ] behind an element@7"},
    {"wrong brace", FH_LIT_INIT("{\"a\":1]"),
     "syntax: expected a comma or } behind a member@6"},
    {"bracket where a value should be", FH_LIT_INIT("{\"a\":]"), "syntax: expected a value@5"},
    {"no colon", FH_LIT_INIT("{\"a\" 1}"), "syntax: expected a colon behind a name@5"},
    {"no value", FH_LIT_INIT("{\"a\":}"), "syntax: expected a value@5"},
    {"a name without quotes", FH_LIT_INIT("{a:1}"), "syntax: expected a name in quotes@1"},
    {"single quotes", FH_LIT_INIT("{\"a\":'b'}"),
     "syntax: a string must stand in double quotes@5"},
    {"a comment", FH_LIT_INIT("{/**/}"), "syntax: expected a name in quotes@1"},
    {"a form feed is no blank", FH_LIT_INIT("{\f}"), "syntax: expected a name in quotes@1"},
    {"nan", FH_LIT_INIT("{\"a\":NaN}"), "syntax: expected a value@5"},
    {"byte order mark",
     FH_LIT_INIT("\xef\xbb\xbf"
                 "{}"),
     "syntax: a byte order mark must not stand before the value@0"},

    /* literals */
    {"in upper case", FH_LIT_INIT("[True]"), "syntax: expected a value@1"},
    {"misspelt", FH_LIT_INIT("[nul]"), "syntax: expected true, false or null@1"},
    {"longer", FH_LIT_INIT("[truey]"), "syntax: expected a comma or ] behind an element@5"},
    {"cut", FH_LIT_INIT("[fals"), "syntax: the text ends inside true, false or null@5"},

    /* numbers */
    {"numbers",
     FH_LIT_INIT("{\"model\":[0,-0,10,0.0,1.50,1e9,1E-09,0e+0,9999999999999999999999]}"),
     "model=[0,-0,10,0.0,1.50,1e9,1E-09,0e+0,9999999999999999999999] ok"},
    {"a zero in front", FH_LIT_INIT("[01]"),
     "syntax: a number must not start with a zero and more digits@2"},
    {"and behind a sign", FH_LIT_INIT("[-00]"),
     "syntax: a number must not start with a zero and more digits@3"},
    {"plus", FH_LIT_INIT("[+1]"), "syntax: expected a value@1"},
    {"a point in front", FH_LIT_INIT("[.5]"), "syntax: expected a value@1"},
    {"a point behind", FH_LIT_INIT("[5.]"), "syntax: expected a digit@3"},
    {"minus alone", FH_LIT_INIT("[-]"), "syntax: expected a digit@2"},
    {"minus infinity", FH_LIT_INIT("[-Infinity]"), "syntax: expected a digit@2"},
    {"no exponent", FH_LIT_INIT("[1e]"), "syntax: expected a digit@3"},
    {"no exponent behind its sign", FH_LIT_INIT("[1e+]"), "syntax: expected a digit@4"},
    {"hexadecimal", FH_LIT_INIT("[0x1]"), "syntax: expected a comma or ] behind an element@2"},
    {"cut behind the point", FH_LIT_INIT("1."), "syntax: the text ends inside a number@2"},

    /* strings */
    {"every escape", FH_LIT_INIT("{\"model\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00Af\"}"),
     "model=\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00Af\" ok"},
    {"no such escape", FH_LIT_INIT("[\"\\x41\"]"),
     "syntax: no such escape in a string; \\\" \\\\ \\/ \\b \\f \\n \\r \\t and \\u0000 are "
     "the "
     "ones@3"},
    {"an escaped line end", FH_LIT_INIT("[\"\\\n\"]"),
     "syntax: no such escape in a string; \\\" \\\\ \\/ \\b \\f \\n \\r \\t and \\u0000 are "
     "the "
     "ones@3"},
    {"three digits", FH_LIT_INIT("[\"\\u012\"]"),
     "syntax: expected four hexadecimal digits behind \\u@7"},
    {"no digit", FH_LIT_INIT("[\"\\u00g0\"]"),
     "syntax: expected four hexadecimal digits behind \\u@6"},
    {"a lone surrogate", FH_LIT_INIT("{\"model\":\"\\ud800\"}"), "model=\"\\ud800\" ok"},
    {"a line end", FH_LIT_INIT("[\"a\nb\"]"),
     "syntax: control character in a string, must be escaped@3"},
    {"nul", FH_LIT_INIT("[\"a\0b\"]"),
     "syntax: control character in a string, must be escaped@3"},
    {"delete is allowed", FH_LIT_INIT("{\"model\":\"\x7f\"}"), "model=\"\x7f\" ok"},
    {"not closed", FH_LIT_INIT("[\"abc]"), "syntax: the text ends inside a string@6"},
    {"cut behind a backslash", FH_LIT_INIT("[\"abc\\"),
     "syntax: the text ends inside a string@6"},
    {"cut inside an escape", FH_LIT_INIT("[\"\\u00"),
     "syntax: the text ends inside a string@6"},

    /* UTF-8 */
    {"two, three, four bytes",
     FH_LIT_INIT("{\"model\":\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"}"),
     "model=\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\" ok"},
    {"in a name", FH_LIT_INIT("{\"\xc3\xa9\":1}"), "ok"},
    {"latin-1", FH_LIT_INIT("[\"abc\", \"\xe9\"]"),
     "syntax: a string that is not UTF-8 starts here@8"},
    {"latin-1 in a name", FH_LIT_INIT("{\"\xe9\":1}"),
     "syntax: a string that is not UTF-8 starts here@1"},
    {"overlong", FH_LIT_INIT("[\"\xc0\xaf\"]"),
     "syntax: a string that is not UTF-8 starts here@1"},
    {"a surrogate in bytes", FH_LIT_INIT("[\"\xed\xa0\x80\"]"),
     "syntax: a string that is not UTF-8 starts here@1"},
    {"above the last", FH_LIT_INIT("[\"\xf4\x90\x80\x80\"]"),
     "syntax: a string that is not UTF-8 starts here@1"},
    {"cut by the quote", FH_LIT_INIT("[\"\xe2\x82\"]"),
     "syntax: a string that is not UTF-8 starts here@1"},
    {"outside of strings", FH_LIT_INIT("[\xc3\xa9]"), "syntax: expected a value@1"},

    /* depth, of which 4 are allowed here */
    {"as deep as allowed", FH_LIT_INIT("{\"model\":[{\"a\":[]}]}"), "model=[{\"a\":[]}] ok"},
    {"deeper", FH_LIT_INIT("{\"a\":[{\"a\":[[]]}]}"), "limit: nested deeper than the limit@12"},
    {"wide is not deep", FH_LIT_INIT("{\"a\":[[],[],[],[],[],{}],\"model\":1}"), "model=1 ok"},
};

/* story writes down what the scan said. The text is copied to where a read beyond it shows. */
static struct fh_slice story(struct fh_arena *arena, struct fh_slice text)
{
    struct fh_buf out = fh_buf_in_arena(arena, 4096);
    struct fh_json_member at[FH_LEN(names)];
    struct fh_error why;

    text = fh_dup(arena, text);
    if (fh_json_scan(text, names, at, FH_LEN(names), DEPTH_MAX, &why) != FH_OK) {
        for (size_t i = 0; i < FH_LEN(names); i++) {
            assert_null(at[i].value.ptr);
        }
        fh_buf_printf(&out, "%s: %s@%llu", fh_rc_name(why.code), why.what,
                      (unsigned long long)why.at);
        return fh_buf_slice(&out);
    }
    for (size_t i = 0; i < FH_LEN(names); i++) {
        if (at[i].value.ptr != NULL) {
            fh_buf_printf(&out, "%.*s=%.*s ", FH_ARG(names[i]), FH_ARG(at[i].value));
        }
    }
    fh_buf_append(&out, FH_LIT("ok"));
    return fh_buf_slice(&out);
}

static void test_rows(void **state)
{
    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(rows); i++) {
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 20);

        tap_context("%s", rows[i].name);
        assert_text(story(arena, rows[i].text), rows[i].want);
    }
}

/* check scans without looking for members. */
static enum fh_rc check(struct fh_slice text, uint32_t depth_max)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 20);
    struct fh_error why;

    return fh_json_scan(fh_dup(arena, text), NULL, NULL, 0, depth_max, &why);
}

static void test_any_value_when_nothing_is_asked_for(void **state)
{
    static const char *const values[] = {"0", "\"\"", "null", " true ", "[]", "{}", "-1e1"};

    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(values); i++) {
        tap_context("%s", values[i]);
        assert_int_equal(check(fh_cstr(values[i]), 1), FH_OK);
    }
}

static void test_depth(void **state)
{
    static const uint32_t limits[] = {0, 1, 2, 63, 64, 65, 127, 128, FH_JSON_DEPTH_MAX};
    char text[2 * (FH_JSON_DEPTH_MAX + 1)];

    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(limits); i++) {
        for (uint32_t depth = limits[i] == 0 ? 1 : limits[i]; depth <= limits[i] + 1; depth++) {
            tap_context("%u deep, %u allowed", depth, limits[i]);
            memset(text, '[', depth);
            memset(text + depth, ']', depth);
            assert_int_equal(check(fh_slice(text, (size_t)depth * 2), limits[i]),
                             depth > limits[i] ? FH_E_LIMIT : FH_OK);
        }
    }
    assert_int_equal(check(FH_LIT("0"), 0), FH_OK);
}

/* Levels of both kinds, alternating, must close in the right order at any depth. */
static void test_each_level_closes_as_it_opened(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 20);
    struct fh_buf text = fh_buf_in_arena(arena, 1 << 16);
    enum { LEVELS = 300 };

    FH_UNUSED(state);
    for (int i = 0; i < LEVELS; i++) {
        fh_buf_append(&text, i % 3 == 0 ? FH_LIT("{\"a\":") : FH_LIT("["));
    }
    fh_buf_byte(&text, '0');
    for (int i = LEVELS - 1; i >= 0; i--) {
        fh_buf_byte(&text, i % 3 == 0 ? '}' : ']');
    }
    assert_int_equal(check(fh_buf_slice(&text), LEVELS), FH_OK);
    for (size_t at = text.len - LEVELS; at < text.len; at++) {
        uint8_t right = text.ptr[at];

        text.ptr[at] = right == '}' ? ']' : '}';
        tap_context("level %zu from the inside", at - (text.len - LEVELS));
        assert_int_equal(check(fh_buf_slice(&text), LEVELS), FH_E_SYNTAX);
        text.ptr[at] = right;
    }
}

/* Strings are read many bytes at a time: whatever stands anywhere in one, of any length, must be
 * seen all the same. */
static void test_every_place_in_a_string(void **state)
{
    static const struct {
        struct fh_slice bytes;
        enum fh_rc want;
    } things[] = {
        {FH_LIT_INIT("x"), FH_OK},
        {FH_LIT_INIT("\x7f"), FH_OK},
        {FH_LIT_INIT("\\n"), FH_OK},
        {FH_LIT_INIT("\\\\"), FH_OK},
        {FH_LIT_INIT("\\\""), FH_OK},
        {FH_LIT_INIT("\\u00e9"), FH_OK},
        {FH_LIT_INIT("\\n\\\\\\n"), FH_OK},
        {FH_LIT_INIT("\xc3\xa9"), FH_OK},
        {FH_LIT_INIT("\xf0\x9f\x98\x80"), FH_OK},
        {FH_LIT_INIT("\\"), FH_E_SYNTAX},
        {FH_LIT_INIT("\\\\\\"), FH_E_SYNTAX},
        {FH_LIT_INIT("\\v"), FH_E_SYNTAX},
        {FH_LIT_INIT("\\n\\v"), FH_E_SYNTAX},
        {FH_LIT_INIT("\""), FH_E_SYNTAX},
        {FH_LIT_INIT("\0"), FH_E_SYNTAX},
        {FH_LIT_INIT("\n"), FH_E_SYNTAX},
        {FH_LIT_INIT("\x1f"), FH_E_SYNTAX},
        {FH_LIT_INIT("\x80"), FH_E_SYNTAX},
        {FH_LIT_INIT("\xff"), FH_E_SYNTAX},
        {FH_LIT_INIT("\\n\xe9"), FH_E_SYNTAX},
        {FH_LIT_INIT("\xe9\\n"), FH_E_SYNTAX},
    };
    enum { LEN_MAX = 50 };

    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(things); i++) {
        for (size_t len = 0; len <= LEN_MAX; len++) {
            for (size_t at = 0; at <= len; at++) {
                uint8_t bytes[LEN_MAX + 16];
                struct fh_buf text = fh_buf_over(bytes, sizeof(bytes));

                fh_buf_byte(&text, '"');
                for (size_t j = 0; j <= len; j++) {
                    fh_buf_append(&text, j == at ? things[i].bytes : FH_LIT("a"));
                }
                fh_buf_byte(&text, '"');
                tap_context("thing %zu at %zu of %zu", i, at, len);
                assert_int_equal(check(fh_buf_slice(&text), 1), things[i].want);
            }
        }
    }
}

static const char sample[] =
    "{\"model\": \"claude\\u002dsonnet\", \"max_tokens\": 1024, \"temperature\": 0.25e0,\n"
    " \"stream\": true, \"stop\": null, \"tools\": [], \"metadata\": {},\n"
    " \"messages\": [{\"role\": \"user\", \"content\": [{\"type\": \"text\",\n"
    "  \"text\": \"Say \\\"h\xc3\xa9llo\\\" and then some more words, of which there are "
    "many.\\n\"}]},\n"
    "  {\"role\": \"assistant\", \"content\": \"\xf0\x9f\x98\x80\"}]}";

static void test_cut_anywhere_it_is_no_json(void **state)
{
    struct fh_slice whole = fh_slice(sample, sizeof(sample) - 1);

    FH_UNUSED(state);
    assert_int_equal(check(whole, 8), FH_OK);
    for (size_t len = 0; len < whole.len; len++) {
        tap_context("cut behind %zu bytes", len);
        assert_int_equal(check(fh_head(whole, len), 8), FH_E_SYNTAX);
    }
}

/* ---- JSONTestSuite ---- */

#define SUITE "../shared/fixtures/json/JSONTestSuite/test_parsing"

/* What RFC 8259 leaves to us, which the suite calls i_. Numbers are never converted here, so
 * none is too large; a lone surrogate is in the grammar, and what JSON.stringify makes of a
 * text that was cut inside an emoji; whatever is not UTF-8 is refused, a byte order mark too. */
static const struct {
    const char *start; /* of the name of a file */
    bool accepted;
} decisions[] = {
    {"i_number_", true},
    {"i_object_key_lone_2nd_surrogate", true},
    {"i_string_1st_surrogate_but_2nd_missing", true},
    {"i_string_1st_valid_surrogate_2nd_invalid", true},
    {"i_string_incomplete_surrogate", true},
    {"i_string_invalid_lonely_surrogate", true},
    {"i_string_invalid_surrogate", true},
    {"i_string_inverted_surrogates_U+1D11E", true},
    {"i_string_lone_second_surrogate", true},
    {"i_structure_500_nested_arrays", true}, /* the depth is an argument; here it is the most */
    {"i_string_UTF-16LE_with_BOM", false},
    {"i_string_utf16", false},
    {"i_string_UTF-8_invalid_sequence", false},
    {"i_string_UTF8_surrogate_U+D800", false},
    {"i_string_invalid_utf-8", false},
    {"i_string_iso_latin_1", false},
    {"i_string_lone_utf8_continuation_byte", false},
    {"i_string_not_in_unicode_range", false},
    {"i_string_overlong_sequence", false},
    {"i_string_truncated-utf-8", false},
    {"i_structure_UTF-8_BOM_empty_object", false},
};

/* wanted says whether a file of the suite is to be accepted; false when nobody has decided. */
static bool wanted(struct fh_slice name, bool *accepted)
{
    if (fh_starts(name, FH_LIT("y_")) || fh_starts(name, FH_LIT("n_"))) {
        *accepted = name.ptr[0] == 'y';
        return true;
    }
    for (size_t i = 0; i < FH_LEN(decisions); i++) {
        if (fh_starts(name, fh_cstr(decisions[i].start))) {
            *accepted = decisions[i].accepted;
            return true;
        }
    }
    return false;
}

static bool suite_file_passes(const char *name)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 24);
    struct fh_slice text = FH_NONE;
    char path[512];
    bool accepted = false;

    (void)snprintf(path, sizeof(path), "%s/%s", SUITE, name);
    assert_true(tap_read_file(path, arena, &text));
    enum fh_rc rc = check(text, FH_JSON_DEPTH_MAX);

    if (!wanted(fh_cstr(name), &accepted)) {
        print_message("# %s: not decided, got %s\n", name, fh_rc_name(rc));
        return false;
    }
    if (accepted != (rc == FH_OK)) {
        print_message("# %s: got %s\n", name, fh_rc_name(rc));
        return false;
    }
    return true;
}

static void test_suite(void **state)
{
    const char *root =
        getenv("FREEHOLD_SOURCE_ROOT"); /* NOLINT(concurrency-mt-unsafe): one thread */
    char path[1024];
    size_t passed = 0;
    size_t total = 0;

    FH_UNUSED(state);
    (void)snprintf(path, sizeof(path), "%s/%s", root == NULL ? "." : root, SUITE);
    DIR *dir = opendir(path);

    if (dir == NULL) {
        print_message("# JSONTestSuite is not here; the rows of this file stand alone\n");
        return;
    }
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (fh_ends(fh_cstr(entry->d_name), FH_LIT(".json"))) {
            total++;
            passed += suite_file_passes(entry->d_name) ? 1 : 0;
        }
    }
    (void)closedir(dir);
    print_message("# JSONTestSuite: %zu/%zu\n", passed, total);
    assert_int_equal(passed, total);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_any_value_when_nothing_is_asked_for),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_each_level_closes_as_it_opened),
        cmocka_unit_test(test_every_place_in_a_string),
        cmocka_unit_test(test_cut_anywhere_it_is_no_json),
        cmocka_unit_test(test_suite),
    };
    return cmocka_run_group_tests_name("json_scan", tests, NULL, NULL);
}
