/* test_eventstream.c: the vectors at every cut, written again byte for byte, and the limits.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"
#include "vector.h"

#include "base/hash.h"
#include "base/text.h"
#include "wire/eventstream.h"

enum { FRAME_MAX = 128, ARENA_MAX = 1 << 26 };

/* ---- stories ---- */

/* add_value prints text as it is and other bytes in hexadecimal. */
static void add_value(struct fh_buf *out, struct fh_slice value, bool text)
{
    if (text) {
        fh_buf_printf(out, " \"%.*s\"", FH_ARG(value));
    } else if (value.len > 0) {
        fh_buf_byte(out, ' ');
        fh_buf_hex(out, value);
    }
}

static bool is_text(struct fh_slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < ' ') {
            return false;
        }
    }
    return fh_utf8_ok(s);
}

static void add_message(struct fh_buf *out, const struct fh_es_message *msg)
{
    static const char *const types[] = {"true",  "false", "int8",   "int16",     "int32",
                                        "int64", "bytes", "string", "timestamp", "uuid"};
    struct fh_slice headers = msg->headers;
    struct fh_es_header h;

    fh_buf_printf(out, "%zu bytes\n", msg->raw.len);
    while (fh_es_header_next(&headers, &h)) {
        fh_buf_printf(out, "  %.*s %s", FH_ARG(h.name), types[h.type]);
        add_value(out, h.value, h.type == FH_ES_STRING);
        fh_buf_byte(out, '\n');
    }
    assert_int_equal(headers.len, 0);
    if (msg->payload.len > 0) {
        fh_buf_append(out, FH_LIT("  payload"));
        add_value(out, msg->payload, is_text(msg->payload));
        fh_buf_byte(out, '\n');
    }
}

/* write_again encodes what was decoded. */
static void write_again(struct fh_buf *out, const struct fh_es_message *msg)
{
    struct fh_es_header list[FH_ES_HEADERS_MAX];
    struct fh_slice headers = msg->headers;
    size_t count = 0;

    while (fh_es_header_next(&headers, &list[count])) {
        count++;
    }
    fh_es_write(out, list, count, msg->payload);
}

/* story feeds `wire` in pieces of `step` bytes and writes down what came out. */
static struct fh_slice story(struct fh_arena *arena, struct fh_slice wire, size_t step)
{
    struct fh_buf out = fh_buf_in_arena(arena, 1 << 16);
    struct fh_buf again = fh_buf_in_arena(arena, 1 << 16);
    struct fh_buf raw = fh_buf_in_arena(arena, 1 << 16);
    struct fh_es_decoder *dec = fh_es_decoder_new(arena, FRAME_MAX);
    struct fh_buf piece = fh_buf_in_arena(arena, step);
    enum fh_step got = FH_STEP_MORE;
    struct fh_slice rest = wire;
    struct fh_es_message msg;

    while (rest.len > 0 && got != FH_STEP_ERROR) {
        size_t n = fh_min(step, rest.len);

        fh_buf_clear(&piece);
        fh_buf_append(&piece, fh_head(rest, n));
        rest = fh_tail(rest, n);
        fh_es_feed(dec, fh_buf_slice(&piece));
        while ((got = fh_es_next(dec, &msg)) == FH_STEP_EVENT) {
            add_message(&out, &msg);
            write_again(&again, &msg);
            fh_buf_append(&raw, msg.raw);
            assert_int_equal(fh_es_at_boundary(dec), raw.len == wire.len - rest.len);
        }
        memset(piece.ptr, 0xa5, n); /* it was lent, and is not any more */
    }
    if (got == FH_STEP_ERROR) {
        struct fh_error e = fh_es_error(dec);

        fh_buf_printf(&out, "%s: %s @%llu\n", fh_rc_name(e.code), e.what,
                      (unsigned long long)e.at);
        assert_int_equal(fh_es_next(dec, &msg), FH_STEP_ERROR);
        assert_false(fh_es_at_boundary(dec));
    } else if (fh_es_at_boundary(dec)) {
        fh_buf_append(&out, FH_LIT("end\n"));
        assert_true(fh_eq(fh_buf_slice(&raw), wire)); /* raw covers every byte */
    } else {
        fh_buf_append(&out, FH_LIT("cut\n"));
    }
    assert_true(fh_eq(fh_buf_slice(&again), fh_buf_slice(&raw)));
    fh_es_decoder_fini(dec);
    return fh_buf_slice(&out);
}

/* ---- vectors ---- */

/* token_len is how long the first token of `s` is: a quoted text ends with a quote that a blank or
 * a line end follows, so quotes may stand in it. */
static size_t token_len(struct fh_slice s)
{
    size_t at = 0;

    while (at < s.len && s.ptr[at] != '\n' && (s.ptr[at] != ' ' || s.ptr[0] == '"')) {
        at++;
        if (s.ptr[0] == '"' && at > 1 && s.ptr[at - 1] == '"' &&
            (at == s.len || s.ptr[at] == ' ' || s.ptr[at] == '\n')) {
            break;
        }
    }
    return at;
}

/* wire_of reads the bytes of a vector. */
static struct fh_slice wire_of(struct fh_arena *arena, struct fh_slice text)
{
    struct fh_buf out = fh_buf_in_arena(arena, 1 << 16);

    while (text.len > 0) {
        size_t n = token_len(text);
        struct fh_slice token = fh_head(text, n);

        if (fh_starts(token, FH_LIT("\""))) {
            fh_buf_append(&out, fh_sub(token, 1, n - 2));
        } else {
            uint8_t *to = fh_buf_reserve(&out, n / 2);

            assert_non_null(to);
            assert_true(fh_parse_unhex(token, to, n / 2));
            fh_buf_commit(&out, n / 2);
        }
        text = fh_tail(text, fh_min(n + 1, text.len));
    }
    return fh_buf_slice(&out);
}

/* How the bytes were cut into reads must never show. */
static void test_every_cut_tells_the_same_story(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *file = fh_arena_new(ARENA_MAX);
    struct fh_slice text = FH_NONE;
    struct vector v;
    size_t count = 0;

    FH_UNUSED(state);
    assert_true(tap_read_file("core/wire/vectors/eventstream.tv", file, &text));
    for (; take_case(&text, &v); count++) {
        struct fh_slice wire = wire_of(file, v.wire);
        const char *want = fh_dup_cstr(file, v.want);

        for (size_t step = 1; step <= fh_max(wire.len, 1); step++) {
            FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);

            tap_context("%.*s, in pieces of %zu", FH_ARG(v.name), step);
            assert_text(story(arena, wire, step), want);
        }
    }
    (void)printf("# %zu vectors\n", count);
    assert_true(count > 40);
}

/* ---- limits ---- */

/* framed puts a frame around headers and a payload that the encoder would not write. */
static struct fh_slice framed(struct fh_arena *arena, struct fh_slice headers, size_t payload)
{
    struct fh_buf out = fh_buf_in_arena(arena, ARENA_MAX);
    size_t total = 16 + headers.len + payload;

    fh_buf_u32be(&out, (uint32_t)total);
    fh_buf_u32be(&out, (uint32_t)headers.len);
    fh_buf_u32be(&out, fh_crc32(0, fh_buf_slice(&out)));
    fh_buf_append(&out, headers);
    for (size_t i = 0; i < payload; i++) {
        fh_buf_byte(&out, 'x');
    }
    fh_buf_u32be(&out, fh_crc32(0, fh_buf_slice(&out)));
    assert_int_equal(out.len, total);
    return fh_buf_slice(&out);
}

/* outcome is how the decoder takes one frame. */
static enum fh_rc outcome(struct fh_slice wire, uint32_t frame_max)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    struct fh_es_decoder *dec = fh_es_decoder_new(arena, frame_max);
    struct fh_es_message msg;

    fh_es_feed(dec, wire);
    enum fh_rc rc = fh_es_next(dec, &msg) == FH_STEP_EVENT ? FH_OK : fh_es_error(dec).code;

    assert_true(rc != FH_OK || fh_eq(msg.raw, wire));
    fh_es_decoder_fini(dec);
    return rc;
}

static void test_a_frame_has_a_limit(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    struct fh_slice wire = framed(arena, FH_NONE, 1000);

    FH_UNUSED(state);
    assert_int_equal(outcome(wire, 1015), FH_E_LIMIT);
    assert_int_equal(outcome(wire, 1016), FH_OK);
    assert_int_equal(outcome(wire, 1017), FH_OK);
    assert_int_equal(outcome(framed(arena, FH_NONE, 0), 15), FH_E_LIMIT);
    assert_int_equal(outcome(framed(arena, FH_NONE, 0), 0), FH_E_LIMIT);
}

static void test_headers_have_a_limit(void **state)
{
    static const struct {
        size_t count;
        enum fh_rc rc;
    } rows[] = {
        {FH_ES_HEADERS_MAX - 1, FH_OK},
        {FH_ES_HEADERS_MAX, FH_OK},
        {FH_ES_HEADERS_MAX + 1, FH_E_LIMIT},
    };

    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(rows); i++) {
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
        struct fh_buf headers = fh_buf_in_arena(arena, ARENA_MAX);

        for (size_t n = 0; n < rows[i].count; n++) {
            fh_buf_printf(&headers, "\x02%c%c", (char)('A' + n / 26), (char)('a' + n % 26));
            fh_buf_byte(&headers, FH_ES_TRUE);
        }
        assert_int_equal(outcome(framed(arena, fh_buf_slice(&headers), 1), 1 << 20),
                         rows[i].rc);
    }
}

/* A value at its limit, read and written. */
static void test_values_have_a_limit(void **state)
{
    static const struct {
        size_t len;
        bool ok;
    } rows[] = {{FH_ES_VALUE_MAX - 1, true},
                {FH_ES_VALUE_MAX, true},
                {FH_ES_VALUE_MAX + 1, false},
                {UINT16_MAX, false}};

    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(rows); i++) {
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
        struct fh_buf headers = fh_buf_in_arena(arena, ARENA_MAX);
        struct fh_buf out = fh_buf_in_arena(arena, ARENA_MAX);
        uint8_t *bytes = fh_arena_alloc(arena, rows[i].len);
        struct fh_es_header h = {FH_LIT("n"), FH_ES_BYTES, fh_slice(bytes, rows[i].len)};

        fh_buf_append(&headers, FH_LIT("\x01n\x06"));
        fh_buf_u16be(&headers, (uint16_t)rows[i].len);
        fh_buf_append(&headers, h.value);
        struct fh_slice wire = framed(arena, fh_buf_slice(&headers), 0);

        assert_int_equal(outcome(wire, 1 << 20), rows[i].ok ? FH_OK : FH_E_SYNTAX);
        fh_es_write(&out, &h, 1, FH_NONE);
        assert_int_equal(out.failed, !rows[i].ok);
        assert_true(fh_eq(fh_buf_slice(&out), rows[i].ok ? wire : FH_NONE));
    }
}

static void test_what_is_written_keeps_to_the_specification(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    uint8_t *bytes = fh_arena_alloc(arena, FH_ES_PAYLOAD_MAX_BYTES + 1);
    static const char *const names[] = {"a", "b", "c", "d"};
    struct fh_es_header list[FH_LEN(names)];

    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(names); i++) {
        list[i] = (struct fh_es_header){fh_cstr(names[i]), FH_ES_BYTES,
                                        fh_slice(bytes, FH_ES_VALUE_MAX)};
    }
    for (size_t beyond = 0; beyond < 3;
         beyond++) { /* the limit less one, the limit, one more */
        FH_AUTO(fh_buf_fini) struct fh_buf out = fh_buf_on_heap(SIZE_MAX);
        size_t others = 3 * (size_t)FH_ES_VALUE_MAX;
        size_t around = FH_LEN(names) * 5; /* what stands before each value */

        fh_es_write(&out, NULL, 0, fh_slice(bytes, FH_ES_PAYLOAD_MAX_BYTES - 1 + beyond));
        assert_int_equal(out.failed, beyond == 2);
        fh_buf_clear(&out);
        list[3].value.len = FH_ES_HEADERS_MAX_BYTES - around - others - 1 + beyond;
        fh_es_write(&out, list, FH_LEN(list), FH_NONE);
        assert_int_equal(out.failed, beyond == 2);
    }
}

static void test_a_frame_is_written_whole_or_not_at_all(void **state)
{
    FH_UNUSED(state);
    for (size_t max = 22; max <= 24; max++) {
        FH_AUTO(fh_buf_fini) struct fh_buf out = fh_buf_on_heap(max);

        fh_buf_append(&out, FH_LIT("kept"));
        fh_es_write(&out, NULL, 0, FH_LIT("abc")); /* 19 bytes */
        assert_int_equal(out.failed, max < 23);
        assert_int_equal(out.len, max < 23 ? 4 : 23);
    }
}

/* ---- the three kinds of message ---- */

static void test_writes_what_it_reads(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    struct fh_buf out = fh_buf_in_arena(arena, 1 << 16);

    FH_UNUSED(state);
    tap_context("events, an exception and an error");
    fh_es_write_event(&out, FH_LIT("ping"), FH_LIT("{}"));
    fh_es_write_exception(&out, FH_LIT("throttlingException"), FH_LIT("{\"message\":\"x\"}"));
    fh_es_write_error(&out, FH_LIT("InternalError"), FH_LIT("Oops"));
    assert_false(out.failed);
    assert_text(story(arena, fh_buf_slice(&out), 7),
                "92 bytes\n"
                "  :event-type string \"ping\"\n"
                "  :content-type string \"application/json\"\n"
                "  :message-type string \"event\"\n"
                "  payload \"{}\"\n"
                "128 bytes\n"
                "  :exception-type string \"throttlingException\"\n"
                "  :content-type string \"application/json\"\n"
                "  :message-type string \"exception\"\n"
                "  payload \"{\"message\":\"x\"}\"\n"
                "88 bytes\n"
                "  :message-type string \"error\"\n"
                "  :error-code string \"InternalError\"\n"
                "  :error-message string \"Oops\"\n"
                "end\n");
}

static void test_a_long_error_message_is_cut(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    struct fh_buf out = fh_buf_in_arena(arena, ARENA_MAX);
    struct fh_buf text = fh_buf_in_arena(arena, ARENA_MAX);
    struct fh_slice value = FH_NONE;
    struct fh_es_message msg;

    FH_UNUSED(state);
    while (text.len < 40000) {
        fh_buf_append(&text, FH_LIT("\xc3\xa9"));
    }
    fh_es_write_error(&out, FH_LIT("InternalError"), fh_buf_slice(&text));
    assert_false(out.failed);

    struct fh_es_decoder *dec = fh_es_decoder_new(arena, 1 << 20);

    fh_es_feed(dec, fh_buf_slice(&out));
    assert_int_equal(fh_es_next(dec, &msg), FH_STEP_EVENT);
    assert_true(fh_es_header_text(msg.headers, FH_LIT(":error-message"), &value));
    assert_true(fh_eq(value, fh_head(fh_buf_slice(&text), FH_ES_VALUE_MAX - 1)));
    fh_es_decoder_fini(dec);
}

static void test_a_text_header_is_found_by_name(void **state)
{
    struct fh_slice headers = FH_LIT("\x01n\x04\0\0\0\x07"
                                     "\x05"
                                     "empty\x07\0\0"
                                     "\x05:type\x07\0\x05"
                                     "chunk");
    struct fh_slice value = FH_LIT("untouched");

    FH_UNUSED(state);
    tap_context("by name");
    assert_false(fh_es_header_text(headers, FH_LIT("n"), &value)); /* a number */
    assert_false(fh_es_header_text(headers, FH_LIT(":typ"), &value));
    assert_false(fh_es_header_text(headers, FH_LIT(":TYPE"), &value));
    assert_false(fh_es_header_text(FH_NONE, FH_LIT(":type"), &value));
    assert_text(value, "untouched");
    assert_true(fh_es_header_text(headers, FH_LIT(":type"), &value));
    assert_text(value, "chunk");
    assert_true(fh_es_header_text(headers, FH_LIT("empty"), &value));
    assert_text(value, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_cut_tells_the_same_story),
        cmocka_unit_test(test_a_frame_has_a_limit),
        cmocka_unit_test(test_headers_have_a_limit),
        cmocka_unit_test(test_values_have_a_limit),
        cmocka_unit_test(test_what_is_written_keeps_to_the_specification),
        cmocka_unit_test(test_a_frame_is_written_whole_or_not_at_all),
        cmocka_unit_test(test_writes_what_it_reads),
        cmocka_unit_test(test_a_long_error_message_is_cut),
        cmocka_unit_test(test_a_text_header_is_found_by_name),
    };
    return cmocka_run_group_tests_name("eventstream", tests, NULL, NULL);
}
