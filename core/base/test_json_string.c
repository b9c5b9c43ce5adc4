/* test_json_string.c: what is escaped comes back as it was.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include "base/json.h"
#include "base/json_string.h"

struct unescaped {
    struct fh_slice text, bytes;
};

static const struct unescaped unescaped[] = {
    {FH_LIT_INIT("\"\""), FH_LIT_INIT("")},
    {FH_LIT_INIT("\"abc\""), FH_LIT_INIT("abc")},
    {FH_LIT_INIT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), FH_LIT_INIT("\"\\/\b\f\n\r\t")},
    {FH_LIT_INIT("\"a\\nb\\n\""), FH_LIT_INIT("a\nb\n")},
    {FH_LIT_INIT("\"\\u0000\""), FH_LIT_INIT("\0")},
    {FH_LIT_INIT("\"\\u007f\\u0080\\u07FF\\u0800\\uffff\""),
     FH_LIT_INIT("\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf")},
    {FH_LIT_INIT("\"\\ud83d\\ude00\""), FH_LIT_INIT("\xf0\x9f\x98\x80")},
    {FH_LIT_INIT("\"\\uD800\\uDC00\\uDBFF\\uDFFF\""),
     FH_LIT_INIT("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf")},
    {FH_LIT_INIT("\"\\ud83d\""), FH_LIT_INIT("\xef\xbf\xbd")},
    {FH_LIT_INIT("\"\\ude00\\ud83d\""), FH_LIT_INIT("\xef\xbf\xbd\xef\xbf\xbd")},
    {FH_LIT_INIT("\"\\ud83d\\ud83d\\ude00\""), FH_LIT_INIT("\xef\xbf\xbd\xf0\x9f\x98\x80")},
    {FH_LIT_INIT("\"\\ud83d\\u0041\""), FH_LIT_INIT("\xef\xbf\xbd"
                                                    "A")},
    {FH_LIT_INIT("\"\\ud83dude00\""), FH_LIT_INIT("\xef\xbf\xbdude00")},
    {FH_LIT_INIT("\"\\ud83d\\n\""), FH_LIT_INIT("\xef\xbf\xbd\n")},
    {FH_LIT_INIT("\"\xe2\x82\xac\\t\xe2\x82\xac\""), FH_LIT_INIT("\xe2\x82\xac\t\xe2\x82\xac")},
};

static void test_unescape(void **state)
{
    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(unescaped); i++) {
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 20);
        struct fh_slice text = fh_dup(arena, unescaped[i].text);
        struct fh_slice got = fh_json_unescape(text, arena);

        tap_context("%.*s", FH_ARG(unescaped[i].text));
        assert_true(fh_eq(got, unescaped[i].bytes));
        if (fh_find(text, '\\') == text.len) {
            assert_ptr_equal(got.ptr, text.ptr + 1); /* borrowed, not copied */
        }
    }
}

static struct fh_slice escape(struct fh_arena *arena, struct fh_slice bytes)
{
    struct fh_buf out = fh_buf_in_arena(arena, 1 << 16);

    fh_json_quote(&out, bytes);
    assert_false(out.failed);
    return fh_buf_slice(&out);
}

static void test_escape(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 20);
    struct fh_buf small = fh_buf_in_arena(arena, 4);

    FH_UNUSED(state);
    tap_context("escape");
    assert_text(escape(arena, FH_NONE), "\"\"");
    assert_text(escape(arena, FH_LIT("a/b \x7f \xc3\xa9")), "\"a/b \x7f \xc3\xa9\"");
    assert_text(escape(arena, FH_LIT("\"\\\b\f\n\r\t")), "\"\\\"\\\\\\b\\f\\n\\r\\t\"");
    assert_text(escape(arena, FH_LIT("\0\x01\x1f\x0b")), "\"\\u0000\\u0001\\u001f\\u000b\"");
    fh_json_quote(&small, FH_LIT("abc"));
    assert_true(small.failed);
}

/* What is escaped and unescaped again is what it was, wherever in a string it stands. */
static void test_escape_and_back(void **state)
{
    FH_UNUSED(state);
    for (unsigned c = 0; c < 0x80; c++) {
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 20);
        uint8_t bytes[40];
        yyjson_val *root = NULL;
        struct fh_error why;

        for (size_t at = 0; at < sizeof(bytes); at++) {
            memset(bytes, 'a', sizeof(bytes));
            bytes[at] = (uint8_t)c;
            struct fh_slice text = escape(arena, fh_slice(bytes, sizeof(bytes)));

            tap_context("byte %u at %zu", c, at);
            assert_true(fh_eq(fh_json_unescape(text, arena), fh_slice(bytes, sizeof(bytes))));
            assert_int_equal(fh_json_parse(arena, text, &root, &why), FH_OK);
            assert_true(fh_eq(fh_json_text(root), fh_slice(bytes, sizeof(bytes))));
        }
    }
}

static void test_is(void **state)
{
    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(unescaped); i++) {
        struct fh_slice text = unescaped[i].text;
        struct fh_slice content = fh_sub(text, 1, text.len - 2);
        struct fh_slice bytes = unescaped[i].bytes;

        tap_context("%.*s", FH_ARG(text));
        assert_true(fh_json_string_is(content, bytes));
        assert_int_equal(fh_json_string_is(content, FH_NONE), bytes.len == 0);
        for (size_t len = 0; len < bytes.len; len++) {
            assert_false(fh_json_string_is(content, fh_head(bytes, len)));
        }
    }
    assert_false(fh_json_string_is(FH_LIT("a\\n"), FH_LIT("a\nb")));
}

/* Each byte, at each place of a text that is long enough for whole words. */
static void test_flat_skip_stops_at_structure(void **state)
{
    uint8_t text[40];

    FH_UNUSED(state);
    for (size_t at = 0; at < sizeof(text); at++) {
        for (int c = 0; c < 256; c++) {
            bool stops = c == '"' || c == '[' || c == ']' || c == '{' || c == '}';

            for (size_t i = 0; i < sizeof(text); i++) {
                text[i] = i == at ? (uint8_t)c : i > at ? '}' : ',';
            }
            tap_context("byte %d at %zu", c, at);
            assert_int_equal(fh_json_flat_skip(fh_slice(text, at + 1)), at + !stops);
            assert_int_equal(fh_json_flat_skip(fh_slice(text, sizeof(text))), at + !stops);
        }
    }
    assert_int_equal(fh_json_flat_skip(FH_NONE), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unescape),
        cmocka_unit_test(test_is),
        cmocka_unit_test(test_escape),
        cmocka_unit_test(test_escape_and_back),
        cmocka_unit_test(test_flat_skip_stops_at_structure),
    };
    return cmocka_run_group_tests_name("json_string", tests, NULL, NULL);
}
