/* test_float32.c: what is printed is read again to the bit, by us and by libc, and is no longer
 * than it has to be.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include "base/float32.h"

#include <float.h>
#include <math.h>

static const struct {
    float value;
    const char *text;
} rows[] = {
    {0.0F, "0"},
    {-0.0F, "-0"},
    {1.0F, "1"},
    {-0.5F, "-0.5"},
    {0.1F, "0.1"},
    {0.25F, "0.25"},
    {0.023F, "0.023"},
    {-0.006929283F, "-0.006929283"},
    {1.2345e-5F, "0.000012345"},
    {9.9e-6F, "9.9e-6"},
    {123456.0F, "123456"},
    {16777216.0F, "16777216"},
    {16777217.0F, "16777216"},
    {1e15F, "1000000000000000"},
    {1e16F, "1e16"},
    {3e-12F, "3e-12"},
    {FLT_MAX, "3.4028235e38"},
    {FLT_MIN, "1.1754944e-38"},
    {1e-45F, "1.40129846e-45"},
    {9.5367431640625e-7F, "9.536743e-7"},
};

static void test_numbers_have_their_text(void **state)
{
    FH_AUTO(fh_buf_fini) struct fh_buf out = fh_buf_on_heap(64);

    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(rows); i++) {
        float back = 0;

        tap_context("%s", rows[i].text);
        fh_buf_clear(&out);
        assert_true(fh_float32_print(&out, rows[i].value));
        assert_text(fh_buf_slice(&out), rows[i].text);
        assert_true(fh_float32_parse(fh_buf_slice(&out), &back));
        assert_int_equal(fh_float32_bits(back), fh_float32_bits(rows[i].value));
    }
}

static void test_what_is_no_number_has_none(void **state)
{
    FH_AUTO(fh_buf_fini) struct fh_buf out = fh_buf_on_heap(64);

    FH_UNUSED(state);
    assert_false(fh_float32_print(&out, INFINITY));
    assert_false(fh_float32_print(&out, -INFINITY));
    assert_false(fh_float32_print(&out, NAN));
    assert_int_equal(out.len, 0);
}

/* A text in the middle between two numbers is read as the even one. We do not lean on that. */
static bool is_between(double x, float value)
{
    uint32_t bits = fh_float32_bits(value);

    return x == ((double)value + (double)fh_float32_of_bits(bits + 1)) / 2 ||
           x == ((double)value + (double)fh_float32_of_bits(bits - 1)) / 2;
}

/* shortest_by_libc is how many digits the number needs at least. */
static int shortest_by_libc(float value)
{
    char text[64];

    for (int digits = 1; digits < 9; digits++) {
        (void)snprintf(text, sizeof(text), "%.*e", digits - 1, (double)value);
        if (strtof(text, NULL) == value && !is_between(strtod(text, NULL), value)) {
            return digits;
        }
    }
    return 9;
}

static int digits_in(const char *text)
{
    int count = 0;
    int trailing = 0;

    for (; *text != '\0' && *text != 'e'; text++) {
        if (*text >= '0' && *text <= '9' && (*text != '0' || count > 0)) {
            count++;
            trailing = *text == '0' ? trailing + 1 : 0;
        }
    }
    return count - trailing; /* of an integer; behind the point there are none */
}

static void check_bits(uint32_t bits)
{
    FH_AUTO(fh_buf_fini) struct fh_buf out = fh_buf_on_heap(64);
    float value = fh_float32_of_bits(bits);
    float back = 0;

    if (!isfinite(value)) {
        assert_false(fh_float32_print(&out, value));
        return;
    }
    assert_true(fh_float32_print(&out, value));
    assert_true(fh_float32_parse(fh_buf_slice(&out), &back));
    assert_int_equal(fh_float32_bits(back), bits);
    fh_buf_byte(&out, '\0');
    assert_false(out.failed);
    assert_true(out.len < FH_FLOAT32_TEXT_MAX);

    const char *text = (const char *)out.ptr;

    assert_int_equal(fh_float32_bits(strtof(text, NULL)), bits);
    if (fabsf(value) >= FLT_MIN && digits_in(text) > shortest_by_libc(value)) {
        fail_msg("%s has more digits than needed (%08x)", text, bits);
    }
}

static void test_any_bits_come_back(void **state)
{
    uint32_t bits = 1;

    FH_UNUSED(state);
    for (int i = 0; i < 200000; i++) {
        bits = bits * 1664525U + 1013904223U;
        check_bits(bits);
        check_bits((bits & 0x80ffffffU) | 0x3b000000U); /* the sizes that vectors are made of */
    }
    for (uint32_t exponent = 0; exponent < 256; exponent++) {
        check_bits(exponent << 23);
        check_bits(exponent << 23 | 1);
        check_bits(exponent << 23 | 0x7fffff);
    }
}

/* However many digits a provider prints of a float32, it is found again. */
static void test_longer_texts_give_the_same_number(void **state)
{
    uint32_t bits = 7;
    char text[256];

    FH_UNUSED(state);
    for (int i = 0; i < 20000; i++) {
        bits = bits * 1664525U + 1013904223U;
        float value = fh_float32_of_bits(bits);
        float back = 0;

        for (int digits = 8; isfinite(value) && digits < 60; digits += 3) {
            int len = snprintf(text, sizeof(text), "%.*e", digits, (double)value);

            assert_true(fh_float32_parse(fh_slice(text, (size_t)len), &back));
            assert_int_equal(fh_float32_bits(back), bits);
            if (fabsf(value) < 1e20F && fabsf(value) > 1e-20F) {
                len = snprintf(text, sizeof(text), "%.*f", digits + 20, (double)value);
                assert_true(fh_float32_parse(fh_slice(text, (size_t)len), &back));
                assert_int_equal(fh_float32_bits(back), bits);
            }
        }
    }
}

static const struct {
    const char *text;
    bool good;
    float value;
} texts[] = {
    {"0", true, 0},
    {"-0.0e99", true, -0.0F},
    {"1E2", true, 100},
    {"1e+2", true, 100},
    {"10000000000000000000000000000000e-31", true, 1},
    {"0.00000000000000000000000000000000000000000000000000001e53", true, 1},
    {"123456789012345678901234567890", true, 123456789012345678901234567890.0F},
    {"1e-99999999999999", true, 0},
    {"1.000000059604644775390625", true, 1}, /* the middle, as some doubles are */
    {"0e99999999999999", true, 0},
    {"3.4028235e38", true, FLT_MAX},
    {"3.5e38", false, 0},
    {"1e99999999999999", false, 0},
    {"", false, 0},
    {"-", false, 0},
    {"+1", false, 0},
    {"01", false, 0},
    {".5", false, 0},
    {"5.", false, 0},
    {"5.e1", false, 0},
    {"1e", false, 0},
    {"1e-", false, 0},
    {"1 ", false, 0},
    {"0x10", false, 0},
    {"nan", false, 0},
    {"1e5e5", false, 0},
};

static void test_json_numbers_are_read_and_nothing_else(void **state)
{
    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(texts); i++) {
        float value = 42;

        tap_context("%s", texts[i].text);
        if (fh_float32_parse(fh_cstr(texts[i].text), &value) != texts[i].good) {
            fail_msg("%s", texts[i].text);
        }
        assert_int_equal(fh_float32_bits(value),
                         fh_float32_bits(texts[i].good ? texts[i].value : 42));
    }
}

static void test_zeros_and_exponents_make_up_for_each_other(void **state)
{
    FH_AUTO(fh_buf_fini) struct fh_buf text = fh_buf_on_heap(1 << 16);
    float value = 0;

    FH_UNUSED(state);
    fh_buf_append(&text, FH_LIT("0."));
    for (int i = 0; i < 39999; i++) {
        fh_buf_byte(&text, '0');
    }
    fh_buf_append(&text, FH_LIT("25e40000"));
    assert_true(fh_float32_parse(fh_buf_slice(&text), &value));
    assert_int_equal(fh_float32_bits(value), fh_float32_bits(2.5F));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_have_their_text),
        cmocka_unit_test(test_what_is_no_number_has_none),
        cmocka_unit_test(test_any_bits_come_back),
        cmocka_unit_test(test_longer_texts_give_the_same_number),
        cmocka_unit_test(test_json_numbers_are_read_and_nothing_else),
        cmocka_unit_test(test_zeros_and_exponents_make_up_for_each_other),
    };
    return cmocka_run_group_tests_name("float32", tests, NULL, NULL);
}
