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

/* clang-format off */
#define DIGITS(X, place) \
    X(place, 'A', 0), X(place, 'B', 1), X(place, 'C', 2), X(place, 'D', 3), X(place, 'E', 4), \
    X(place, 'F', 5), X(place, 'G', 6), X(place, 'H', 7), X(place, 'I', 8), X(place, 'J', 9), \
    X(place, 'K', 10), X(place, 'L', 11), X(place, 'M', 12), X(place, 'N', 13), \
    X(place, 'O', 14), X(place, 'P', 15), X(place, 'Q', 16), X(place, 'R', 17), \
    X(place, 'S', 18), X(place, 'T', 19), X(place, 'U', 20), X(place, 'V', 21), \
    X(place, 'W', 22), X(place, 'X', 23), X(place, 'Y', 24), X(place, 'Z', 25), \
    X(place, 'a', 26), X(place, 'b', 27), X(place, 'c', 28), X(place, 'd', 29), \
    X(place, 'e', 30), X(place, 'f', 31), X(place, 'g', 32), X(place, 'h', 33), \
    X(place, 'i', 34), X(place, 'j', 35), X(place, 'k', 36), X(place, 'l', 37), \
    X(place, 'm', 38), X(place, 'n', 39), X(place, 'o', 40), X(place, 'p', 41), \
    X(place, 'q', 42), X(place, 'r', 43), X(place, 's', 44), X(place, 't', 45), \
    X(place, 'u', 46), X(place, 'v', 47), X(place, 'w', 48), X(place, 'x', 49), \
    X(place, 'y', 50), X(place, 'z', 51), X(place, '0', 52), X(place, '1', 53), \
    X(place, '2', 54), X(place, '3', 55), X(place, '4', 56), X(place, '5', 57), \
    X(place, '6', 58), X(place, '7', 59), X(place, '8', 60), X(place, '9', 61), \
    X(place, '+', 62), X(place, '/', 63)
/* clang-format on */

#define WORTH(place, digit, value) \
    [digit] = (uint32_t)(value) << (18 - 6 * (place)) | 1U << (PLACE_SHIFT + (place))

static const uint32_t worth[4][256] = {
    {DIGITS(WORTH, 0)},
    {DIGITS(WORTH, 1)},
    {DIGITS(WORTH, 2)},
    {DIGITS(WORTH, 3)},
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
