/* json_string.c: strings many bytes at a time, escapes one by one.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/json_string.h"

#include "base/text.h"

#if defined(__SSE2__)
#    include <emmintrin.h>
#elif defined(__ARM_NEON) && defined(__aarch64__)
#    include <arm_neon.h>
#endif

/* A few bytes seen at once: which of them end plain text (a quote, a backslash, a control
 * character), and which are not ASCII. Some bits a byte, the first byte lowest. */
struct look {
    uint64_t stops;
    uint64_t high;
};

#define EACH(byte) (0x0101010101010101U * (byte))

static inline struct look look_at_8(const uint8_t *ptr)
{
    uint64_t v = 0;

    memcpy(&v, ptr, sizeof(v));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    v = __builtin_bswap64(v);
#endif
    /* With the top bits out of the way no sum carries into the next byte. */
    uint64_t not_control = (v & EACH(0x7fU)) + EACH(0x60U);
    uint64_t not_quote = ((v ^ EACH('"')) & EACH(0x7fU)) + EACH(0x7fU);
    uint64_t not_backslash = ((v ^ EACH('\\')) & EACH(0x7fU)) + EACH(0x7fU);
    uint64_t plain = (not_control & not_quote & not_backslash) | v;

    return (struct look){~plain & EACH(0x80U), v & EACH(0x80U)};
}

#if defined(__SSE2__)
enum { WIDE = 16, WIDE_BITS = 1 };

static inline struct look look_wide(const uint8_t *ptr)
{
    __m128i v = _mm_loadu_si128((const __m128i *)ptr);
    __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1f)), v);
    __m128i quote = _mm_cmpeq_epi8(v, _mm_set1_epi8('"'));
    __m128i backslash = _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'));
    __m128i stops = _mm_or_si128(control, _mm_or_si128(quote, backslash));

    return (struct look){(uint32_t)_mm_movemask_epi8(stops), (uint32_t)_mm_movemask_epi8(v)};
}
#elif defined(__ARM_NEON) && defined(__aarch64__)
enum { WIDE = 16, WIDE_BITS = 4 };

/* four_bits makes each byte of a mask four bits, since NEON has no movemask. */
static inline uint64_t four_bits(uint8x16_t mask)
{
    return vget_lane_u64(vreinterpret_u64_u8(vshrn_n_u16(vreinterpretq_u16_u8(mask), 4)), 0);
}

static inline struct look look_wide(const uint8_t *ptr)
{
    uint8x16_t v = vld1q_u8(ptr);
    uint8x16_t control = vcltq_u8(v, vdupq_n_u8(0x20));
    uint8x16_t quote = vceqq_u8(v, vdupq_n_u8('"'));
    uint8x16_t backslash = vceqq_u8(v, vdupq_n_u8('\\'));
    uint8x16_t stops = vorrq_u8(control, vorrq_u8(quote, backslash));

    return (struct look){four_bits(stops), four_bits(vcgeq_u8(v, vdupq_n_u8(0x80)))};
}
#else
enum { WIDE = 8, WIDE_BITS = 8 };

static inline struct look look_wide(const uint8_t *ptr)
{
    return look_at_8(ptr);
}
#endif

/* short_escape says whether `s` has an escape of two bytes at `at`. */
static inline bool short_escape(struct fh_slice s, size_t at)
{
    if (s.len - at < 2 || s.ptr[at] != '\\') {
        return false;
    }
    uint8_t c = s.ptr[at + 1];

    return c == 'n' || c == '"' || c == '\\' || c == 't' || c == 'r' || c == '/' || c == 'b' ||
           c == 'f';
}

/* skip_by_byte is skip from `at` on, slowly. */
static size_t skip_by_byte(struct fh_slice s, size_t at, bool escapes, bool *high)
{
    while (at < s.len) {
        uint8_t c = s.ptr[at];

        if (c >= 0x20 && c != '"' && c != '\\') {
            *high |= c >= 0x80;
            at++;
        } else if (escapes && short_escape(s, at)) {
            at += 2;
        } else {
            break;
        }
    }
    return at;
}

/* skip_block is skip for the bytes of one look, `wide` of them from `at` on. Prose and code have a
 * short escape in every line, so it goes on behind one without looking again.
 *
 * Returns  how many it passed: fewer than `wide` when there was a stop.
 */
static inline size_t skip_block(struct fh_slice s, size_t at, struct look look, size_t wide,
                                bool escapes, bool *high)
{
    size_t bits = wide == WIDE ? WIDE_BITS : 8;

    while (look.stops != 0) {
        size_t stop = (size_t)__builtin_ctzll(look.stops) / bits;

        if (!escapes || !short_escape(s, at + stop)) {
            *high |= (look.high & (((uint64_t)1 << stop * bits) - 1)) != 0;
            return stop;
        }
        if (stop + 2 >= wide) {
            *high |= look.high != 0;
            return stop + 2;
        }
        look.stops &= ~(uint64_t)0 << (stop + 2) * bits;
    }
    *high |= look.high != 0;
    return wide;
}

/* skip counts the bytes at the start of `s` that may stand in a string as they are, short escapes
 * among them if `escapes`, and sets `high` when some of them are not ASCII. */
static inline size_t skip(struct fh_slice s, bool escapes, bool *high)
{
    size_t at = 0;

    while (s.len - at >= WIDE) {
        size_t n = skip_block(s, at, look_wide(&s.ptr[at]), WIDE, escapes, high);

        at += n;
        if (n < WIDE) {
            return at;
        }
    }
    while (s.len - at >= 8) {
        size_t n = skip_block(s, at, look_at_8(&s.ptr[at]), 8, escapes, high);

        at += n;
        if (n < 8) {
            return at;
        }
    }
    return skip_by_byte(s, at, escapes, high);
}

#ifdef FH_SLOW_CHECKS
static bool skipped_right(struct fh_slice s, bool escapes, size_t len, bool high)
{
    bool any = false;

    return skip_by_byte(s, 0, escapes, &any) == len && (high || !any);
}
#endif

static size_t utf8_of(uint32_t code, uint8_t out[4])
{
    if (code < 0x80) {
        out[0] = (uint8_t)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (uint8_t)(0xc0 | code >> 6);
        out[1] = (uint8_t)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (uint8_t)(0xe0 | code >> 12);
        out[1] = (uint8_t)(0x80 | (code >> 6 & 0x3f));
        out[2] = (uint8_t)(0x80 | (code & 0x3f));
        return 3;
    }
    out[0] = (uint8_t)(0xf0 | code >> 18);
    out[1] = (uint8_t)(0x80 | (code >> 12 & 0x3f));
    out[2] = (uint8_t)(0x80 | (code >> 6 & 0x3f));
    out[3] = (uint8_t)(0x80 | (code & 0x3f));
    return 4;
}

/* take_u16 takes `\uXXXX` off the front of `s`. */
static bool take_u16(struct fh_slice *s, uint32_t *unit)
{
    uint8_t pair[2];

    if (s->len < 6 || !fh_starts(*s, FH_LIT("\\u")) ||
        !fh_parse_unhex(fh_sub(*s, 2, 4), pair, 2)) {
        return false;
    }
    *s = fh_tail(*s, 6);
    *unit = (uint32_t)pair[0] << 8 | pair[1];
    return true;
}

/* take_escaped takes one escape off the front of `s`, or two that are a surrogate pair. */
static struct fh_slice take_escaped(struct fh_slice *s, uint8_t out[4])
{
    static const char letters[] = "\"\\/bfnrt";
    static const char bytes[] = "\"\\/\b\f\n\r\t";
    uint32_t unit = 0;
    uint32_t low = 0;

    if (!take_u16(s, &unit)) {
        out[0] = (uint8_t)bytes[fh_find(fh_cstr(letters), s->ptr[1])];
        *s = fh_tail(*s, 2);
        return fh_slice(out, 1);
    }
    struct fh_slice behind = *s;

    if (unit >= 0xd800 && unit <= 0xdbff && take_u16(&behind, &low) && low >= 0xdc00 &&
        low <= 0xdfff) {
        *s = behind;
        unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
    } else if (unit >= 0xd800 && unit <= 0xdfff) {
        unit = 0xfffd;
    }
    return fh_slice(out, utf8_of(unit, out));
}

/* take_piece takes the next few bytes of a string's content, with the quotes gone: those up to the
 * next escape, or what an escape means, which is then in `out`. */
static struct fh_slice take_piece(struct fh_slice *s, uint8_t out[4])
{
    size_t plain = fh_find(*s, '\\');
    struct fh_slice piece = fh_head(*s, plain);

    if (plain == 0) {
        return take_escaped(s, out);
    }
    *s = fh_tail(*s, plain);
    return piece;
}

struct fh_slice fh_json_unescape(struct fh_slice text, struct fh_arena *arena)
{
    FH_ASSERT(text.len >= 2 && text.ptr[0] == '"' && text.ptr[text.len - 1] == '"');

    struct fh_slice rest = fh_sub(text, 1, text.len - 2);

    if (fh_find(rest, '\\') == rest.len) {
        return rest;
    }
    /* what an escape means is never longer than the escape, and `text` was bounded as a body */
    uint8_t *bytes = fh_arena_raw(arena, rest.len);
    uint8_t out[4];
    size_t len = 0;

    while (rest.len > 0) {
        struct fh_slice piece = take_piece(&rest, out);

        memcpy(&bytes[len], piece.ptr, piece.len);
        len += piece.len;
    }
    return fh_slice(bytes, len);
}

static void append_escape(struct fh_buf *out, uint8_t c)
{
    static const char bytes[] = "\"\\\b\f\n\r\t";
    static const char letters[] = "\"\\bfnrt";
    size_t which = fh_find(fh_cstr(bytes), c);

    fh_buf_byte(out, '\\');
    if (letters[which] != '\0') {
        fh_buf_byte(out, (uint8_t)letters[which]);
    } else {
        fh_buf_append(out, FH_LIT("u00"));
        fh_buf_hex(out, fh_slice(&c, 1));
    }
}

void fh_json_quote(struct fh_buf *out, struct fh_slice bytes)
{
    bool high = false;

    fh_buf_byte(out, '"');
    for (uint8_t c = 0; bytes.len > 0;) {
        size_t plain = skip(bytes, false, &high);

        FH_CHECK_SLOW(skipped_right(bytes, false, plain, high));
        fh_buf_append(out, fh_head(bytes, plain));
        bytes = fh_tail(bytes, plain);
        if (fh_read_u8(&bytes, &c)) {
            append_escape(out, c);
        }
    }
    fh_buf_byte(out, '"');
}

size_t fh_json_string_skip(struct fh_slice rest, bool *high)
{
    size_t len = skip(rest, true, high);

    FH_CHECK_SLOW(skipped_right(rest, true, len, *high));
    return len;
}

/* zeros marks the top bit of bytes that are zero. Above the first of them it may mark too many. */
static inline uint64_t zeros(uint64_t v)
{
    return (v - EACH(1U)) & ~v & EACH(0x80U);
}

static bool is_structure(uint8_t c)
{
    return c == '"' || c == '[' || c == ']' || c == '{' || c == '}';
}

size_t fh_json_flat_skip(struct fh_slice rest)
{
    size_t at = 0;

    for (; rest.len - at >= 8; at += 8) {
        uint64_t v = 0;

        memcpy(&v, &rest.ptr[at], sizeof(v));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        v = __builtin_bswap64(v);
#endif
        /* one bit makes a bracket a brace */
        uint64_t braces = v | EACH(0x20U);
        uint64_t hits =
            zeros(v ^ EACH('"')) | zeros(braces ^ EACH('{')) | zeros(braces ^ EACH('}'));

        if (hits != 0) {
            return at + (size_t)__builtin_ctzll(hits) / 8;
        }
    }
    while (at < rest.len && !is_structure(rest.ptr[at])) {
        at++;
    }
    return at;
}

bool fh_json_string_is(struct fh_slice escaped, struct fh_slice bytes)
{
    uint8_t out[4];

    while (escaped.len > 0) {
        if (!fh_take(&bytes, take_piece(&escaped, out))) {
            return false;
        }
    }
    return bytes.len == 0;
}
