/* float32.c: decimals by way of doubles, which have 29 bits to spare.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/float32.h"

#include <float.h>

enum {
    POWER_MAX = 22,          /* 10^22 is the last power of ten that a double holds exactly */
    DIGITS_MAX = 9,          /* so many tell any two float32 apart */
    SPARE_BITS = 29,         /* of a double's fraction, beyond a float32's */
    EXPONENT_FAR = 1000,     /* beyond it everything is zero or too large */
    EXPONENT_HUGE = 1 << 30, /* more than a text has digits that could make up for it */
    PLAIN_LOW = -5,          /* numbers between 1e-5 and 1e16 are written without an exponent */
    PLAIN_HIGH = 15,
};

static const double power[POWER_MAX + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                            1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                            1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* Digits are read until there are so many; one more fits into 64 bits. */
static const uint64_t digits_full = 100000000000000000;

/* scaled multiplies by a power of ten: rounded once while |by| <= POWER_MAX, else once a step. */
static double scaled(double x, int by)
{
    for (; by > POWER_MAX; by -= POWER_MAX) {
        x *= power[POWER_MAX];
    }
    for (; by < -POWER_MAX; by += POWER_MAX) {
        x /= power[POWER_MAX];
    }
    return by >= 0 ? x * power[by] : x / power[-by];
}

static uint64_t bits_of(double x)
{
    uint64_t bits = 0;

    memcpy(&bits, &x, sizeof(bits));
    return bits;
}

/* magnitude is the exponent of the first decimal digit of x > 0. */
static int magnitude(double x)
{
    int two = (int)(bits_of(x) >> 52 & 0x7ff) - 1023;
    int ten = two * 1233 >> 12; /* log10(2) is 1233/4096, and a little */

    return scaled(x, -(ten + 1)) >= 1 ? ten + 1 : ten;
}

/* is_sure says whether every parser rounds to the same float32 what is nearest to `x`: not in the
 * middle between two, give or take the error of scaled(). */
static bool is_sure(double x)
{
    const uint64_t middle = (uint64_t)1 << (SPARE_BITS - 1);
    uint64_t spare = bits_of(x) & (2 * middle - 1);

    return spare + 8 < middle || spare > middle + 8;
}

/* A decimal: digits * 10^exponent. */
struct decimal {
    uint64_t digits;
    int64_t exponent;
};

/* shortest finds the fewest digits that are nearer to x > 0, a float32, than to any other. Nine
 * always are: they err by less than a third of what lies between x and the middle to its
 * neighbour. Below FLT_MIN a float32 has fewer bits and its middles lie elsewhere: nine, then. */
static struct decimal shortest(double x)
{
    int high = magnitude(x);
    int count = x < (double)FLT_MIN ? DIGITS_MAX : 1;
    struct decimal d;

    for (;; count++) {
        int by = count - 1 - high;

        d.exponent = -by;
        d.digits = (uint64_t)(scaled(x, by) + 0.5);
        double back = scaled((double)d.digits, -by);

        if (count == DIGITS_MAX || ((double)(float)back == x && is_sure(back))) {
            break;
        }
    }
    while (d.digits % 10 == 0) {
        d.digits /= 10;
        d.exponent++;
    }
    return d;
}

static void append_zeros(struct fh_buf *out, int count)
{
    for (; count > 0; count--) {
        fh_buf_byte(out, '0');
    }
}

/* append_decimal writes the digits `text` with the point where it belongs. */
static void append_decimal(struct fh_buf *out, struct fh_slice text, int exponent)
{
    int high = exponent + (int)text.len - 1;
    size_t whole = 1;

    if (high < 0 && high >= PLAIN_LOW) {
        fh_buf_append(out, FH_LIT("0."));
        append_zeros(out, -high - 1);
        fh_buf_append(out, text);
        return;
    }
    if (high >= 0 && high <= PLAIN_HIGH) {
        whole = fh_min((size_t)high + 1, text.len);
    }
    fh_buf_append(out, fh_head(text, whole));
    if (whole < text.len) {
        fh_buf_byte(out, '.');
        fh_buf_append(out, fh_tail(text, whole));
    }
    if (high < PLAIN_LOW || high > PLAIN_HIGH) {
        fh_buf_append(out, high < 0 ? FH_LIT("e-") : FH_LIT("e"));
        fh_buf_u64(out, (uint64_t)(high < 0 ? -high : high));
    } else {
        append_zeros(out, exponent);
    }
}

bool fh_float32_print(struct fh_buf *out, float value)
{
    uint32_t bits = fh_float32_bits(value);
    uint8_t text[DIGITS_MAX + 1];
    size_t at = sizeof(text);

    if ((bits >> 23 & 0xff) == 0xff) {
        return false;
    }
    fh_buf_append(out, bits >> 31 != 0 ? FH_LIT("-") : FH_NONE);
    if (bits << 1 == 0) {
        fh_buf_byte(out, '0');
        return true;
    }
    struct decimal d = shortest((double)fh_float32_of_bits(bits & 0x7fffffffU));

    for (; d.digits > 0; d.digits /= 10) {
        text[--at] = (uint8_t)('0' + d.digits % 10);
    }
    append_decimal(out, fh_slice(text + at, sizeof(text) - at), (int)d.exponent);
    return true;
}

/* ---- reading ---- */

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* take_digits reads digits, the first ones of value into `d`; what they are worth beyond those is
 * left to the exponent. `fraction`: they stand behind the point.
 *
 * Returns  how many there were.
 */
static size_t take_digits(struct fh_slice *text, struct decimal *d, bool fraction)
{
    struct decimal sum = *d;
    size_t n = 0;

    for (; n < text->len && is_digit(text->ptr[n]); n++) {
        bool taken = sum.digits < digits_full;

        sum.digits = taken ? sum.digits * 10 + (uint64_t)(text->ptr[n] - '0') : sum.digits;
        sum.exponent += (taken ? 0 : 1) - (fraction ? 1 : 0);
    }
    *text = fh_tail(*text, n);
    *d = sum;
    return n;
}

/* take_exponent reads what stands behind an `e`. */
static bool take_exponent(struct fh_slice *text, int64_t *exponent)
{
    bool minus = fh_take(text, FH_LIT("-"));
    int64_t value = 0;
    size_t n = 0;

    if (!minus) {
        (void)!fh_take(text, FH_LIT("+"));
    }
    for (; n < text->len && is_digit(text->ptr[n]); n++) {
        value = value < EXPONENT_HUGE ? value * 10 + (text->ptr[n] - '0') : value;
    }
    *text = fh_tail(*text, n);
    *exponent += minus ? -value : value;
    return n > 0;
}

/* take_decimal reads a number without its sign. */
static bool take_decimal(struct fh_slice *text, struct decimal *d)
{
    bool zero = fh_starts(*text, FH_LIT("0"));
    size_t n = take_digits(text, d, false);

    if (n == 0 || (zero && n > 1)) {
        return false;
    }
    if (fh_take(text, FH_LIT(".")) && take_digits(text, d, true) == 0) {
        return false;
    }
    return (!fh_take(text, FH_LIT("e")) && !fh_take(text, FH_LIT("E"))) ||
           take_exponent(text, &d->exponent);
}

bool fh_float32_parse(struct fh_slice text, float *out)
{
    bool minus = fh_take(&text, FH_LIT("-"));
    struct decimal d = {0};

    if (!take_decimal(&text, &d) || text.len > 0) {
        return false;
    }
    int by = d.exponent > EXPONENT_FAR    ? EXPONENT_FAR
             : d.exponent < -EXPONENT_FAR ? -EXPONENT_FAR
                                          : (int)d.exponent;
    double x = d.digits == 0 ? 0 : scaled((double)d.digits, by);
    float value = (float)x; /* what is too large becomes infinity */

    if (value > FLT_MAX) {
        return false;
    }
    *out = minus ? -value : value;
    return true;
}
