/* test_base.c: slices, buffers, arenas, numbers and hashes.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include "base/hash.h"
#include "base/json.h"
#include "base/secret.h"
#include "base/text.h"

static void test_slices_read_and_split(void **state)
{
    struct fh_slice s = FH_LIT("a,b,,c");
    struct fh_slice word = FH_NONE;
    uint32_t number = 0;

    FH_UNUSED(state);
    assert_true(fh_split(&s, ',', &word));
    assert_text(word, "a");
    assert_true(fh_split(&s, ',', &word));
    assert_true(fh_split(&s, ',', &word));
    assert_text(word, "");
    assert_true(fh_split(&s, ',', &word));
    assert_text(word, "c");
    assert_false(fh_split(&s, ',', &word));

    s = FH_LIT("\x01\x02\x03\x04\x05");
    assert_true(fh_read_u32be(&s, &number));
    assert_int_equal(number, 0x01020304);
    assert_false(fh_read_u32be(&s, &number)); /* untouched: one byte is left */
    assert_int_equal(s.len, 1);

    assert_text(fh_trim(FH_LIT(" \t x y \t")), "x y");
    assert_true(fh_eq_nocase(FH_LIT("BeArer"), FH_LIT("bearer")));
    assert_false(fh_eq_nocase(FH_LIT("@"), FH_LIT("`"))); /* differ in bit 5, are no letters */
    assert_true(fh_contains(FH_LIT("abcabd"), FH_LIT("abd")));
    assert_false(fh_contains(FH_LIT("abcab"), FH_LIT("abd")));
    assert_true(fh_compare(FH_LIT("ab"), FH_LIT("b")) < 0);
    assert_true(fh_compare(FH_LIT("ab"), FH_LIT("abc")) < 0);
}

static void test_utf8_follows_table_3_7(void **state)
{
    static const struct {
        struct fh_slice text;
        bool ok;
    } rows[] = {
        {FH_LIT_INIT(""), true},
        {FH_LIT_INIT("plain, and longer than eight bytes"), true},
        {FH_LIT_INIT("\xc3\xa9"), true},
        {FH_LIT_INIT("\xe2\x82\xac and \xf0\x9f\x98\x80"), true},
        {FH_LIT_INIT("\xf4\x8f\xbf\xbf"), true},  /* U+10FFFF */
        {FH_LIT_INIT("\xf4\x90\x80\x80"), false}, /* one above */
        {FH_LIT_INIT("\xc0\xaf"), false},         /* overlong */
        {FH_LIT_INIT("\xe0\x9f\xbf"), false},     /* overlong */
        {FH_LIT_INIT("\xed\xa0\x80"), false},     /* surrogate */
        {FH_LIT_INIT("12345678\xff"), false},
        {FH_LIT_INIT("1234567\xe2\x82"), false}, /* cut */
        {FH_LIT_INIT("\x80"), false},
    };

    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(rows); i++) {
        tap_context("row %zu", i);
        assert_int_equal(fh_utf8_ok(rows[i].text), rows[i].ok);
    }
}

static void test_text_is_cut_between_characters(void **state)
{
    static const struct {
        const char *text;
        size_t max;
        const char *want;
    } rows[] = {
        {"", 0, ""},
        {"abc", 2, "ab"},
        {"abc", 3, "abc"},
        {"abc", 4, "abc"},
        {"a\xe2\x82\xac", 3, "a"},
        {"a\xe2\x82\xac", 4, "a\xe2\x82\xac"},
        {"\xf0\x9f\x98\x80", 3, ""},
        {"\xc3\xa9\xc3\xa9", 2, "\xc3\xa9"},
        {"\x80\x80\x80", 2, ""}, /* no UTF-8, no harm */
    };

    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(rows); i++) {
        tap_context("row %zu", i);
        assert_text(fh_utf8_head(fh_cstr(rows[i].text), rows[i].max), rows[i].want);
    }
}

static void test_a_buffer_latches_its_failure(void **state)
{
    FH_AUTO(fh_buf_fini) struct fh_buf buf = fh_buf_on_heap(5);

    FH_UNUSED(state);
    fh_buf_append(&buf, FH_LIT("1234"));
    fh_buf_append(&buf, FH_LIT("5"));
    assert_false(buf.failed);
    fh_buf_append(&buf, FH_LIT("6"));
    assert_true(buf.failed);
    fh_buf_append(&buf, FH_LIT("")); /* later ones do nothing */
    assert_text(fh_buf_slice(&buf), "12345");
    fh_buf_clear(&buf);
    fh_buf_u64(&buf, 0);
    fh_buf_hex(&buf, FH_LIT("\xa5"));
    assert_text(fh_buf_slice(&buf), "0a5");
    fh_buf_cut(&buf, 1);
    assert_text(fh_buf_slice(&buf), "a5");
}

static void test_numbers_are_appended_in_either_order(void **state)
{
    FH_AUTO(fh_buf_fini) struct fh_buf buf = fh_buf_on_heap(64);

    FH_UNUSED(state);
    fh_buf_u16be(&buf, 0x6162);
    fh_buf_u32be(&buf, 0x63646566);
    fh_buf_u16le(&buf, 0x6867);
    fh_buf_u32le(&buf, 0x6c6b6a69);
    fh_buf_u64le(&buf, 0x74737271706f6e6d);
    assert_text(fh_buf_slice(&buf), "abcdefghijklmnopqrst");
}

static void test_a_copy_for_libc_ends_with_nul(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 16);

    FH_UNUSED(state);
    assert_string_equal(fh_dup_cstr(arena, FH_LIT("path")), "path");
    assert_string_equal(fh_dup_cstr(arena, FH_NONE), "");
}

static void test_an_arena_keeps_to_its_cap(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 16);
    struct fh_buf buf = fh_buf_in_arena(arena, 1 << 17);
    void *piece = NULL;

    FH_UNUSED(state);
    assert_null(fh_arena_try(arena, (1 << 16) + 1));
    assert_null(fh_arena_try(arena, SIZE_MAX - 3));
    assert_non_null(fh_arena_try(arena, 1 << 15));
    piece = fh_arena_try(arena, 64);
    assert_ptr_equal(fh_arena_resize(arena, piece, 64, 128),
                     piece); /* the last one, in place */
    assert_null(fh_arena_resize(arena, piece, 128, 1 << 15));
    while (!buf.failed) {
        fh_buf_append(&buf, FH_LIT("0123456789abcdef"));
    }
    assert_int_equal(buf.len, 1 << 17); /* a buffer has its own bound, and gets there */
    fh_arena_reset(arena);
    assert_int_equal(fh_arena_used(arena), 0);
    for (int i = 0; i < 100; i++) {
        uint8_t *bytes = fh_arena_alloc(arena, 100);

        assert_int_equal((uintptr_t)bytes % 16, 0);
        memset(bytes, i, 100);
    }
    fh_arena_trim(arena);
    struct fh_slice parts[] = {FH_LIT("a"), FH_NONE, FH_LIT("bc")};
    assert_text(fh_concat(arena, parts, FH_LEN(parts)), "abc");
}

static void test_the_end_of_the_last_piece_can_be_given_back(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 16);
    uint8_t *first = fh_arena_raw(arena, 100);
    uint8_t *second = fh_arena_raw(arena, 100);
    size_t used = fh_arena_used(arena);

    FH_UNUSED(state);
    fh_arena_shrink(arena, first, 100, 10); /* not the last */
    assert_int_equal(fh_arena_used(arena), used);
    fh_arena_shrink(arena, second, 100, 20);
    assert_true(fh_arena_used(arena) < used - 60);
    memset(second, 1, 20);
    uint8_t *third = fh_arena_raw(arena, 8);

    assert_true(third >= second + 20 && third < second + 100);
    fh_arena_shrink(arena, third, 8, 8);
    fh_arena_shrink(arena, third, 8, 0);
}

/* A text ends up in a buffer whole or not at all, whatever the printer asked for on the way. */
static void test_json_is_printed_up_to_the_very_end(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 22);
    struct fh_buf text = fh_buf_in_arena(arena, 1 << 16);
    struct fh_error why;
    yyjson_val *root = NULL;

    FH_UNUSED(state);
    fh_buf_append(&text, FH_LIT("{\"a\":[\""));
    for (int i = 0; i < 3000; i++) {
        fh_buf_byte(&text, 'x');
    }
    fh_buf_append(&text, FH_LIT("\",1.50,null,{}]}"));
    assert_int_equal(fh_json_parse(arena, fh_buf_slice(&text), &root, &why), FH_OK);
    assert_true(fh_eq(fh_json_printed(arena, root), fh_buf_slice(&text)));
    for (size_t max = text.len; max < text.len + 8; max++) {
        FH_AUTO(fh_buf_fini) struct fh_buf heap = fh_buf_on_heap(max);
        struct fh_buf bumped = fh_buf_in_arena(arena, max);
        yyjson_mut_doc *doc = fh_json_new(arena);
        bool fits = max >= text.len + 4;

        fh_buf_append(&heap, FH_LIT("1234"));
        fh_json_append(&heap, arena, yyjson_val_mut_copy(doc, root));
        fh_buf_append(&bumped, FH_LIT("1234"));
        fh_json_append_val(&bumped, arena, root);
        assert_int_equal(heap.failed, !fits);
        assert_int_equal(bumped.failed, !fits);
        assert_int_equal(heap.len, fits ? text.len + 4 : 4);
        assert_true(fh_eq(fh_buf_slice(&heap), fh_buf_slice(&bumped)));
        assert_true(!fits || fh_eq(fh_tail(fh_buf_slice(&heap), 4), fh_buf_slice(&text)));
    }
}

static void test_a_wiped_arena_holds_nothing(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(SIZE_MAX);
    uint8_t *secret = fh_arena_raw(arena, 100);

    FH_UNUSED(state);
    memset(secret, 'x', 100);
    for (size_t size = 1; size < 100000; size *= 3) {
        (void)fh_arena_alloc(arena, size); /* more chunks */
    }
    fh_arena_wipe(arena);
    assert_int_equal(fh_arena_used(arena), 0);
    assert_ptr_equal(fh_arena_raw(arena, 100), secret);
    for (size_t i = 0; i < 100; i++) {
        assert_int_equal(secret[i], 0);
    }
}

static void test_numbers_are_whole_input_or_nothing(void **state)
{
    uint64_t n = 7;
    uint8_t bytes[2];

    FH_UNUSED(state);
    assert_true(fh_parse_u64(FH_LIT("18446744073709551615"), &n));
    assert_true(n == UINT64_MAX);
    assert_false(fh_parse_u64(FH_LIT("18446744073709551616"), &n));
    assert_false(fh_parse_u64(FH_LIT(""), &n));
    assert_false(fh_parse_u64(FH_LIT("1 "), &n));
    assert_false(fh_parse_u64(FH_LIT("-1"), &n));
    assert_true(fh_parse_hex_u64(FH_LIT("fF"), &n));
    assert_int_equal(n, 255);
    assert_false(fh_parse_hex_u64(FH_LIT("0x1"), &n));
    assert_false(fh_parse_hex_u64(FH_LIT("11111111111111111"), &n));
    assert_true(fh_parse_unhex(FH_LIT("a50F"), bytes, 2));
    assert_int_equal(bytes[0], 0xa5);
    assert_false(fh_parse_unhex(FH_LIT("a5"), bytes, 2));
}

static void test_hashes_give_the_published_values(void **state)
{
    FH_AUTO(fh_buf_fini) struct fh_buf hex = fh_buf_on_heap(64);
    struct fh_sha256 digest = fh_sha256(FH_LIT("abc")); /* FIPS 180-4, example B.1 */
    uint8_t zeros[32] = {0};

    FH_UNUSED(state);
    fh_buf_hex(&hex, fh_slice(digest.bytes, sizeof(digest.bytes)));
    assert_text(fh_buf_slice(&hex),
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    /* RFC 3720, B.4 */
    assert_int_equal(fh_crc32c(0, fh_slice(zeros, sizeof(zeros))), 0x8a9136aa);
    assert_int_equal(fh_crc32c(0, FH_LIT("123456789")), 0xe3069283);
    assert_int_equal(fh_crc32c(fh_crc32c(0, FH_LIT("1234")), FH_LIT("56789")), 0xe3069283);
}

/* crc32_by_bits is the definition, to compare the tables with. */
static uint32_t crc32_by_bits(uint32_t crc, struct fh_slice s)
{
    crc = ~crc;
    for (size_t i = 0; i < s.len; i++) {
        crc ^= s.ptr[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (0xedb88320U & (0U - (crc & 1U)));
        }
    }
    return ~crc;
}

static void test_crc32_is_that_of_zlib_at_every_cut(void **state)
{
    uint8_t bytes[256] = {0};
    struct fh_slice all = fh_slice(bytes, sizeof(bytes));

    FH_UNUSED(state);
    assert_int_equal(fh_crc32(0, FH_NONE), 0);
    assert_int_equal(fh_crc32(0, FH_LIT("123456789")), 0xcbf43926); /* the usual check value */
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)(i * 167 + 13); /* each value once: 167 is odd */
    }
    for (size_t n = 0; n <= all.len; n++) {
        uint32_t first = fh_crc32(0, fh_head(all, n));

        assert_int_equal(first, crc32_by_bits(0, fh_head(all, n)));
        assert_int_equal(fh_crc32(first, fh_tail(all, n)), crc32_by_bits(0, all));
    }
    for (unsigned value = 0; value < 256; value++) { /* every entry of every row */
        memset(bytes, (int)value, 8);
        assert_int_equal(fh_crc32(~0U, fh_head(all, 8)), crc32_by_bits(~0U, fh_head(all, 8)));
    }
}

/* However the bytes were cut, the hash is the same; a copy of a run goes on by itself. */
static void test_a_hash_of_pieces_is_the_hash_of_the_whole(void **state)
{
    uint8_t bytes[200];
    struct fh_sha256_run run;
    struct fh_sha256_run other;

    FH_UNUSED(state);
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)(i * 7);
    }
    for (size_t cut = 0; cut <= sizeof(bytes); cut++) {
        struct fh_slice all = fh_slice(bytes, sizeof(bytes));
        struct fh_sha256 whole = fh_sha256(all);
        struct fh_sha256 head = fh_sha256(fh_head(all, cut));
        struct fh_sha256 digest;

        fh_sha256_begin(&run);
        fh_sha256_add(&run, fh_head(all, cut));
        other = run;
        fh_sha256_add(&run, FH_NONE);
        fh_sha256_add(&run, fh_tail(all, cut));
        digest = fh_sha256_end(&run);
        assert_memory_equal(digest.bytes, whole.bytes, sizeof(whole.bytes));
        digest = fh_sha256_end(&other);
        assert_memory_equal(digest.bytes, head.bytes, sizeof(head.bytes));
    }
}

#define TEN(s) s s s s s s s s s s

/* RFC 4231, 4.2 to 4.8; the fifth is truncated there. */
static void test_hmac_gives_the_published_values(void **state)
{
    static const struct {
        struct fh_slice key, text;
        const char *want;
    } rows[] = {
        {FH_LIT_INIT(TEN("\x0b\x0b")), FH_LIT_INIT("Hi There"),
         "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
        {FH_LIT_INIT("Jefe"), FH_LIT_INIT("what do ya want for nothing?"),
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        {FH_LIT_INIT(TEN("\xaa\xaa")), FH_LIT_INIT(TEN("\xdd\xdd\xdd\xdd\xdd")),
         "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
        {FH_LIT_INIT("\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11"
                     "\x12\x13\x14\x15\x16\x17\x18\x19"),
         FH_LIT_INIT(TEN("\xcd\xcd\xcd\xcd\xcd")),
         "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
        {FH_LIT_INIT(TEN("\x0c\x0c")), FH_LIT_INIT("Test With Truncation"),
         "a3b6167473100ee06e0c796c2955552b"},
        {FH_LIT_INIT(TEN(TEN("\xaa")) TEN("\xaa\xaa\xaa") "\xaa"),
         FH_LIT_INIT("Test Using Larger Than Block-Size Key - Hash Key First"),
         "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
        {FH_LIT_INIT(TEN(TEN("\xaa")) TEN("\xaa\xaa\xaa") "\xaa"),
         FH_LIT_INIT(
             "This is a test using a larger than block-size key and a larger than "
             "block-size data. The key needs to be hashed before being used by the HMAC "
             "algorithm."),
         "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
        /* and the empty key and text, which no RFC has: computed with `openssl dgst` */
        {FH_LIT_INIT(""), FH_LIT_INIT(""),
         "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"},
    };

    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(rows); i++) {
        FH_AUTO(fh_buf_fini) struct fh_buf hex = fh_buf_on_heap(64);
        struct fh_sha256 digest = fh_hmac_sha256(rows[i].key, rows[i].text);

        tap_context("row %zu", i);
        fh_buf_hex(&hex, fh_slice(digest.bytes, sizeof(digest.bytes)));
        assert_text(fh_head(fh_buf_slice(&hex), fh_cstr(rows[i].want).len), rows[i].want);
    }
}

static void test_secrets_are_equal_or_not(void **state)
{
    FH_UNUSED(state);
    assert_true(fh_secret_eq(FH_NONE, FH_LIT("")));
    assert_true(fh_secret_eq(FH_LIT("abc"), FH_LIT("abc")));
    assert_false(fh_secret_eq(FH_LIT("abc"), FH_LIT("abd")));
    assert_false(fh_secret_eq(FH_LIT("abc"), FH_LIT("bbc")));
    assert_false(fh_secret_eq(FH_LIT("abc"), FH_LIT("ab")));
    assert_false(fh_secret_eq(FH_LIT("a"), FH_NONE));
}

static void test_json_numbers_come_out_as_they_went_in(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 20);
    struct fh_buf out = fh_buf_in_arena(arena, 1024);
    struct fh_slice text =
        FH_LIT("{\"a\":[1.10e+2,12345678901234567890123],\"b\":7,\"c\":7.0}");
    struct fh_error why;
    yyjson_val *root = NULL;
    uint64_t n = 0;

    FH_UNUSED(state);
    assert_int_equal(fh_json_parse(arena, text, &root, &why), FH_OK);
    fh_json_append_val(&out, arena, root);
    assert_text(fh_buf_slice(&out), (const char *)text.ptr);
    assert_true(fh_json_u64(fh_json_get(root, FH_LIT("b")), &n));
    assert_int_equal(n, 7);
    assert_true(fh_json_u64(fh_json_get(root, FH_LIT("c")), &n));
    assert_false(fh_json_u64(fh_json_get(root, FH_LIT("a")), &n));
    assert_false(fh_json_u64(NULL, &n));

    struct fh_buf quoted = fh_buf_in_arena(arena, 64);

    fh_json_quote(&quoted, FH_LIT("a\"\\\n\x01\xc3\xa9"));
    assert_text(fh_buf_slice(&quoted), "\"a\\\"\\\\\\n\\u0001\xc3\xa9\"");

    assert_int_equal(fh_json_parse(arena, FH_LIT("{\"a\":}"), &root, &why), FH_E_SYNTAX);
    assert_int_equal(why.at, 5);

    FH_AUTO(fh_arena_free) struct fh_arena *small = fh_arena_new(64);
    assert_int_equal(fh_json_parse(small, text, &root, &why), FH_E_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slices_read_and_split),
        cmocka_unit_test(test_utf8_follows_table_3_7),
        cmocka_unit_test(test_text_is_cut_between_characters),
        cmocka_unit_test(test_a_buffer_latches_its_failure),
        cmocka_unit_test(test_numbers_are_appended_in_either_order),
        cmocka_unit_test(test_a_copy_for_libc_ends_with_nul),
        cmocka_unit_test(test_an_arena_keeps_to_its_cap),
        cmocka_unit_test(test_the_end_of_the_last_piece_can_be_given_back),
        cmocka_unit_test(test_json_is_printed_up_to_the_very_end),
        cmocka_unit_test(test_a_wiped_arena_holds_nothing),
        cmocka_unit_test(test_numbers_are_whole_input_or_nothing),
        cmocka_unit_test(test_hashes_give_the_published_values),
        cmocka_unit_test(test_crc32_is_that_of_zlib_at_every_cut),
        cmocka_unit_test(test_a_hash_of_pieces_is_the_hash_of_the_whole),
        cmocka_unit_test(test_hmac_gives_the_published_values),
        cmocka_unit_test(test_secrets_are_equal_or_not),
        cmocka_unit_test(test_json_numbers_come_out_as_they_went_in),
    };
    return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
