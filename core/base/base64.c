/* base64.c: three bytes are four digits, looked up.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"

static const char alphabet[][65] = {
    [FH_BASE64] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    [FH_BASE64_URL] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
};

/* What a character is worth at each of the four places, and above the 24 bits of the value a bit
 * for the place. Zero is no digit; so four characters are digits when all four bits are there. */
enum { PLACE_SHIFT = 24, ALL_PLACES = 0xf };

#define WORTH(place, value) \
    ((uint32_t)(value) << (18 - 6 * (place)) | 1U << (PLACE_SHIFT + (place)))

/* clang-format off */
#define DIGITS(place) \
    ['A'] = WORTH(place, 0), ['B'] = WORTH(place, 1), ['C'] = WORTH(place, 2), \
    ['D'] = WORTH(place, 3), ['E'] = WORTH(place, 4), ['F'] = WORTH(place, 5), \
    ['G'] = WORTH(place, 6), ['H'] = WORTH(place, 7), ['I'] = WORTH(place, 8), \
    ['J'] = WORTH(place, 9), ['K'] = WORTH(place, 10), ['L'] = WORTH(place, 11), \
    ['M'] = WORTH(place, 12), ['N'] = WORTH(place, 13), ['O'] = WORTH(place, 14), \
    ['P'] = WORTH(place, 15), ['Q'] = WORTH(place, 16), ['R'] = WORTH(place, 17), \
    ['S'] = WORTH(place, 18), ['T'] = WORTH(place, 19), ['U'] = WORTH(place, 20), \
    ['V'] = WORTH(place, 21), ['W'] = WORTH(place, 22), ['X'] = WORTH(place, 23), \
    ['Y'] = WORTH(place, 24), ['Z'] = WORTH(place, 25), ['a'] = WORTH(place, 26), \
    ['b'] = WORTH(place, 27), ['c'] = WORTH(place, 28), ['d'] = WORTH(place, 29), \
    ['e'] = WORTH(place, 30), ['f'] = WORTH(place, 31), ['g'] = WORTH(place, 32), \
    ['h'] = WORTH(place, 33), ['i'] = WORTH(place, 34), ['j'] = WORTH(place, 35), \
    ['k'] = WORTH(place, 36), ['l'] = WORTH(place, 37), ['m'] = WORTH(place, 38), \
    ['n'] = WORTH(place, 39), ['o'] = WORTH(place, 40), ['p'] = WORTH(place, 41), \
    ['q'] = WORTH(place, 42), ['r'] = WORTH(place, 43), ['s'] = WORTH(place, 44), \
    ['t'] = WORTH(place, 45), ['u'] = WORTH(place, 46), ['v'] = WORTH(place, 47), \
    ['w'] = WORTH(place, 48), ['x'] = WORTH(place, 49), ['y'] = WORTH(place, 50), \
    ['z'] = WORTH(place, 51), ['0'] = WORTH(place, 52), ['1'] = WORTH(place, 53), \
    ['2'] = WORTH(place, 54), ['3'] = WORTH(place, 55), ['4'] = WORTH(place, 56), \
    ['5'] = WORTH(place, 57), ['6'] = WORTH(place, 58), ['7'] = WORTH(place, 59), \
    ['8'] = WORTH(place, 60), ['9'] = WORTH(place, 61), ['+'] = WORTH(place, 62), \
    ['/'] = WORTH(place, 63)
/* clang-format on */

static const uint32_t worth[4][256] = {
    {DIGITS(0)},
    {DIGITS(1)},
    {DIGITS(2)},
    {DIGITS(3)},
};

/* put_four writes the digits of 24 bits. */
static void put_four(uint8_t *to, uint32_t bits, const char *digits)
{
    to[0] = (uint8_t)digits[bits >> 18];
    to[1] = (uint8_t)digits[bits >> 12 & 63U];
    to[2] = (uint8_t)digits[bits >> 6 & 63U];
    to[3] = (uint8_t)digits[bits & 63U];
}

static uint32_t bits_of(const uint8_t *three)
{
    return (uint32_t)three[0] << 16 | (uint32_t)three[1] << 8 | three[2];
}

void fh_base64_encode(struct fh_buf *out, struct fh_slice bytes, enum fh_base64 form)
{
    const char *digits = alphabet[form];
    size_t rest = bytes.len % 3;
    size_t whole = bytes.len - rest;
    size_t last = rest == 0 ? 0 : form == FH_BASE64 ? 4 : rest + 1;
    uint8_t *to = fh_buf_reserve(out, whole / 3 * 4 + last); /* bytes in memory: no overflow */

    if (to == NULL) {
        return;
    }
    for (size_t i = 0; i < whole; i += 3, to += 4) {
        put_four(to, bits_of(bytes.ptr + i), digits);
    }
    fh_buf_commit(out, whole / 3 * 4);
    if (rest > 0) {
        uint8_t three[3] = {bytes.ptr[whole], rest == 2 ? bytes.ptr[whole + 1] : 0, 0};
        uint8_t four[4];

        put_four(four, bits_of(three), digits);
        four[2] = rest == 2 ? four[2] : '=';
        four[3] = '=';
        fh_buf_append(out, fh_slice(four, last));
    }
}

/* put_three writes the bytes of 24 bits. */
static void put_three(uint8_t *to, uint32_t bits)
{
    to[0] = (uint8_t)(bits >> 16);
    to[1] = (uint8_t)(bits >> 8);
    to[2] = (uint8_t)bits;
}

static uint32_t worth_of(const uint8_t *four)
{
    return worth[0][four[0]] | worth[1][four[1]] | worth[2][four[2]] | worth[3][four[3]];
}

/* worth_padded is worth_of four characters of which the last `pads` are padding, or 0 when they
 * have bits beyond the bytes that they stand for. */
static uint32_t worth_padded(const uint8_t *four, size_t pads)
{
    uint8_t filled[4] = {four[0], four[1], pads == 1 ? four[2] : (uint8_t)'A', 'A'};
    uint32_t bits = worth_of(filled);

    return (bits & (pads == 1 ? 0xffU : 0xffffU)) == 0 ? bits : 0;
}

enum fh_rc fh_base64_decode(struct fh_buf *out, struct fh_slice text)
{
    uint32_t all = (uint32_t)ALL_PLACES << PLACE_SHIFT;
    uint32_t last = all;

    if (text.len % 4 != 0) {
        return FH_E_SYNTAX;
    }
    size_t pads = fh_ends(text, FH_LIT("==")) ? 2 : fh_ends(text, FH_LIT("=")) ? 1 : 0;
    size_t whole = pads == 0 ? text.len : text.len - 4;
    uint8_t *to = fh_buf_reserve(out, text.len / 4 * 3 - pads);

    if (to == NULL) {
        return FH_E_LIMIT;
    }
    for (size_t i = 0; i < whole; i += 4, to += 3) {
        uint32_t bits = worth_of(text.ptr + i);

        put_three(to, bits);
        all &= bits; /* looked at once, at the end */
    }
    if (pads > 0) {
        last = worth_padded(text.ptr + whole, pads);
    }
    if ((all & last) >> PLACE_SHIFT != ALL_PLACES) {
        return FH_E_SYNTAX;
    }
    fh_buf_commit(out, whole / 4 * 3);
    if (pads > 0) {
        uint8_t three[3];

        put_three(three, last);
        fh_buf_append(out, fh_slice(three, 3 - pads));
    }
    return FH_OK;
}
