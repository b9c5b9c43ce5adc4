/* test_base64.c: the vectors of RFC 4648, and what is none of its texts.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include "base/base64.h"

static const struct row {
    struct fh_slice bytes;
    const char *text;
    const char *url;
} rows[] = {
    /* section 10 */
    {FH_LIT_INIT(""), "", ""},
    {FH_LIT_INIT("f"), "Zg==", "Zg"},
    {FH_LIT_INIT("fo"), "Zm8=", "Zm8"},
    {FH_LIT_INIT("foo"), "Zm9v", "Zm9v"},
    {FH_LIT_INIT("foob"), "Zm9vYg==", "Zm9vYg"},
    {FH_LIT_INIT("fooba"), "Zm9vYmE=", "Zm9vYmE"},
    {FH_LIT_INIT("foobar"), "Zm9vYmFy", "Zm9vYmFy"},
    /* section 9 */
    {FH_LIT_INIT("\x14\xfb\x9c\x03\xd9\x7e"), "FPucA9l+", "FPucA9l-"},
    {FH_LIT_INIT("\x14\xfb\x9c\x03\xd9"), "FPucA9k=", "FPucA9k"},
    {FH_LIT_INIT("\x14\xfb\x9c\x03"), "FPucAw==", "FPucAw"},
    /* every digit, once */
    {FH_LIT_INIT("\x00\x10\x83\x10\x51\x87\x20\x92\x8b\x30\xd3\x8f\x41\x14\x93\x51\x55\x97\x61"
                 "\x96\x9b\x71\xd7\x9f\x82\x18\xa3\x92\x59\xa7\xa2\x9a\xab\xb2\xdb\xaf\xc3\x1c"
                 "\xb3\xd3\x5d\xb7\xe3\x9e\xbb\xf3\xdf\xbf"),
     "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
     "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"},
};

static void test_published_vectors_both_ways(void **state)
{
    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(rows); i++) {
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 20);
        struct fh_buf text = fh_buf_in_arena(arena, 128);
        struct fh_buf url = fh_buf_in_arena(arena, 128);
        struct fh_buf bytes = fh_buf_in_arena(arena, 128);

        tap_context("%s", rows[i].text);
        fh_base64_encode(&text, rows[i].bytes, FH_BASE64);
        assert_text(fh_buf_slice(&text), rows[i].text);
        fh_base64_encode(&url, rows[i].bytes, FH_BASE64_URL);
        assert_text(fh_buf_slice(&url), rows[i].url);
        assert_int_equal(fh_base64_decode(&bytes, fh_cstr(rows[i].text)), FH_OK);
        assert_true(fh_eq(fh_buf_slice(&bytes), rows[i].bytes));
    }
}

static void test_what_is_no_base64_is_refused(void **state)
{
    static const char *const texts[] = {
        "Z",        "Zg",         "Zg=",      "Zm9vY",    /* cut, or not padded */
        "=",        "==",         "===",      "====",     /* nothing but padding */
        "Z===",     "Zg==Zg==",   "Zm=v",     "Zm8=Zm9v", /* padding where none may be */
        "Zm9v====", "Zg==\n",     "Zm9v\r\n", "Zm9\n",    /* blanks, line ends */
        "Zm 9",     "Zm9-",       "Zm9_",     "Zm9.",     /* other characters */
        "Zm9\x80",  "Z\xc3\xa9v", "Zh==",     "Zm9=",     /* not ASCII, bits too many */
    };
    static const uint8_t nul[] = {'Z', 'm', '9', 0};

    FH_UNUSED(state);
    for (size_t i = 0; i <= FH_LEN(texts); i++) {
        FH_AUTO(fh_buf_fini) struct fh_buf out = fh_buf_on_heap(128);
        struct fh_slice text =
            i < FH_LEN(texts) ? fh_cstr(texts[i]) : fh_slice(nul, sizeof(nul));

        fh_buf_append(&out, FH_LIT("kept"));
        if (fh_base64_decode(&out, text) != FH_E_SYNTAX) {
            fail_msg("row %zu, %s", i, i < FH_LEN(texts) ? texts[i] : "with a NUL");
        }
        assert_text(fh_buf_slice(&out), "kept");
        assert_false(out.failed);
    }
}

/* No character but the 64 is a digit, at none of the four places. */
static void test_each_place_has_64_digits(void **state)
{
    FH_UNUSED(state);
    for (size_t place = 0; place < 4; place++) {
        size_t digits = 0;

        for (unsigned c = 0; c < 256; c++) {
            FH_AUTO(fh_buf_fini) struct fh_buf out = fh_buf_on_heap(16);
            FH_AUTO(fh_buf_fini) struct fh_buf back = fh_buf_on_heap(16);
            uint8_t text[8] = "AAAAAAAA";

            text[place] = (uint8_t)c;
            if (fh_base64_decode(&out, fh_slice(text, sizeof(text))) == FH_OK) {
                digits++;
                fh_base64_encode(&back, fh_buf_slice(&out), FH_BASE64);
                assert_true(fh_eq(fh_buf_slice(&back), fh_slice(text, sizeof(text))));
            }
        }
        assert_int_equal(digits, 64);
    }
}

static void test_a_full_buffer_is_a_limit(void **state)
{
    static const struct {
        size_t max;
        enum fh_rc rc;
    } limits[] = {{3, FH_E_LIMIT}, {4, FH_OK}, {5, FH_OK}};
    FH_AUTO(fh_buf_fini) struct fh_buf short_of = fh_buf_on_heap(7);
    FH_AUTO(fh_buf_fini) struct fh_buf enough = fh_buf_on_heap(8);

    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(limits); i++) {
        FH_AUTO(fh_buf_fini) struct fh_buf out = fh_buf_on_heap(limits[i].max);

        assert_int_equal(fh_base64_decode(&out, FH_LIT("Zm9vYg==")), limits[i].rc);
        assert_int_equal(out.len, limits[i].rc == FH_OK ? 4 : 0);
        assert_int_equal(out.failed, limits[i].rc != FH_OK);
    }
    fh_base64_encode(&short_of, FH_LIT("foob"), FH_BASE64);
    assert_true(short_of.failed);
    assert_int_equal(short_of.len, 0);
    fh_base64_encode(&enough, FH_LIT("foob"), FH_BASE64);
    assert_text(fh_buf_slice(&enough), "Zm9vYg==");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published_vectors_both_ways),
        cmocka_unit_test(test_what_is_no_base64_is_refused),
        cmocka_unit_test(test_each_place_has_64_digits),
        cmocka_unit_test(test_a_full_buffer_is_a_limit),
    };
    return cmocka_run_group_tests_name("base64", tests, NULL, NULL);
}
