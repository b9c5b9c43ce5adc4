/* test_record.c: one way to write a record, and nothing else is read.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include "journal/record.h"

static const uint8_t random_bytes[FH_REQUEST_ID_RANDOM_LEN] = {0xde, 0xad, 0xbe, 0xef, 1,
                                                               2,    3,    4,    5,    6};

static struct fh_intent an_intent(void)
{
    return (struct fh_intent){
        .id = fh_request_id(1767225600123456, random_bytes),
        .at_us = 1767225600123456,
        .attempt = 1,
        .streamed = true,
        .key_id = FH_LIT("key_1"),
        .key_name = FH_LIT("build farm"),
        .model = FH_LIT("small"),
        .route = FH_LIT("local/SmolLM2-135M-Instruct"),
        .provider = FH_LIT("local"),
        .upstream_model = FH_LIT("SmolLM2-135M-Instruct"),
        .client_dialect = FH_LIT("anthropic"),
        .provider_dialect = FH_LIT("openai_chat"),
        .body_bytes = 1536,
        .service = FH_SERVICE_BATCH,
    };
}

static struct fh_settle a_settle(void)
{
    struct fh_settle s = {
        .id = fh_request_id(1767225600123456, random_bytes),
        .at_us = 1767225601000000,
        .outcome = FH_OUTCOME_CLIENT_GONE,
        .status = 200,
        .attempts = 2,
        .route = FH_LIT("cloud/m"),
        .provider = FH_LIT("cloud"),
        .upstream_model = FH_LIT("m"),
        .first_byte_us = 300000,
        .duration_us = 876544,
        .bytes_in = 4096,
        .bytes_out = 5000,
        .finish = 3,
        .loss_count = 1,
        .losses = FH_LIT("/messages/0/cache_control"),
        .unmetered = 2,
    };

    fh_usage_set(&s.usage, FH_TOKENS_INPUT, 0); /* zero is a value */
    fh_usage_set(&s.usage, FH_TOKENS_OUTPUT, UINT64_MAX);
    s.usage.estimated = true;
    return s;
}

static struct fh_slice encoded(struct fh_arena *arena, const struct fh_record *r)
{
    struct fh_buf out = fh_buf_in_arena(arena, FH_RECORD_MAX);

    switch (r->type) {
    case FH_RECORD_INTENT:
        fh_encode_intent(&out, &r->intent);
        break;
    case FH_RECORD_SETTLE:
        fh_encode_settle(&out, &r->settle);
        break;
    case FH_RECORD_VOID:
        fh_encode_void(&out, &r->voided);
        break;
    }
    assert_false(out.failed);
    return fh_buf_slice(&out);
}

static void test_id_text(void **state)
{
    static const struct {
        uint8_t fill;
        const char *want;
    } rows[] = {
        {0x00, "req_00000000000000000000000000"},
        {0xff, "req_7zzzzzzzzzzzzzzzzzzzzzzzzz"},
    };

    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(rows); i++) {
        struct fh_request_id id;
        struct fh_request_id back;
        char text[FH_REQUEST_ID_TEXT_LEN + 1];

        memset(id.bytes, rows[i].fill, sizeof(id.bytes));
        fh_request_id_print(&id, text);
        assert_text(fh_cstr(text), rows[i].want);
        assert_true(fh_request_id_parse(fh_cstr(text), &back));
        assert_memory_equal(id.bytes, back.bytes, sizeof(id.bytes));
    }
}

static void test_id_sorts_by_time(void **state)
{
    char older[FH_REQUEST_ID_TEXT_LEN + 1];
    char newer[FH_REQUEST_ID_TEXT_LEN + 1];
    struct fh_request_id id = fh_request_id(1767225600123999, random_bytes);
    struct fh_request_id back;

    FH_UNUSED(state);
    assert_int_equal(fh_request_id_us(&id), 1767225600123000);
    fh_request_id_print(&id, older);
    assert_text(fh_cstr(older), "req_01kdvdna3vvtpvxvr1081g8186");
    id = fh_request_id(1767225600124000, random_bytes);
    fh_request_id_print(&id, newer);
    assert_true(fh_compare(fh_cstr(older), fh_cstr(newer)) < 0);
    assert_true(fh_request_id_parse(FH_LIT("req_01KDVDNA3VVTPVXVR1081G8186"), &back));
    fh_request_id_print(&back, newer);
    assert_text(fh_cstr(newer), older);
}

static void test_id_of_a_provider_has_no_time(void **state)
{
    struct fh_request_id id = fh_request_id_of(FH_LIT("claude"), FH_LIT("msg_1"));
    struct fh_request_id again = fh_request_id_of(FH_LIT("claude"), FH_LIT("msg_1"));
    struct fh_request_id other = fh_request_id_of(FH_LIT("claudem"), FH_LIT("sg_1"));
    struct fh_request_id late = fh_request_id(UINT64_C(250000000000000000), random_bytes);
    char text[FH_REQUEST_ID_TEXT_LEN + 1];

    FH_UNUSED(state);
    assert_memory_equal(id.bytes, again.bytes, sizeof(id.bytes));
    assert_memory_not_equal(id.bytes, other.bytes, sizeof(id.bytes));
    assert_false(fh_request_id_has_time(&id));
    assert_true(fh_request_id_has_time(&late));
    assert_true(fh_compare(fh_slice(late.bytes, FH_REQUEST_ID_LEN),
                           fh_slice(id.bytes, FH_REQUEST_ID_LEN)) < 0);
    fh_request_id_print(&id, text); /* stands in journals: it must never change */
    assert_text(fh_cstr(text), "req_7zyncd4kzjc68psmd0evbmdkfd");
}

static void test_id_refuses(void **state)
{
    static const char *const rows[] = {
        "",
        "req_",
        "01kdvdna3vvtpvxvr1081g8186",
        "req_01kdvdna3vvtpvxvr1081g818",
        "req_01kdvdna3vvtpvxvr1081g81866",
        "req_81kdvdna3vvtpvxvr1081g8186",
        "req_01kdvdna3vvtpvxvr1081g818u",
        "req_01kdvdna3vvtpvxvr1081g818-",
        "REQ_01kdvdna3vvtpvxvr1081g8186",
    };
    struct fh_request_id id;

    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(rows); i++) {
        tap_context("%s", rows[i]);
        assert_false(fh_request_id_parse(fh_cstr(rows[i]), &id));
    }
    assert_false(fh_request_id_parse(FH_LIT("req_01kdvdna3vvtpvxvr1081g818\0"), &id));
}

static void test_intent_comes_back(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 20);
    struct fh_record r = {.type = FH_RECORD_INTENT, .intent = an_intent()};
    struct fh_record got;
    struct fh_slice bytes = encoded(arena, &r);

    FH_UNUSED(state);
    assert_int_equal(fh_decode_record(FH_RECORD_INTENT, bytes, &got), FH_OK);
    assert_memory_equal(got.intent.id.bytes, r.intent.id.bytes, FH_REQUEST_ID_LEN);
    assert_int_equal(got.intent.at_us, r.intent.at_us);
    assert_int_equal(got.intent.attempt, 1);
    assert_true(got.intent.streamed);
    assert_text(got.intent.key_id, "key_1");
    assert_text(got.intent.key_name, "build farm");
    assert_text(got.intent.model, "small");
    assert_text(got.intent.route, "local/SmolLM2-135M-Instruct");
    assert_text(got.intent.provider, "local");
    assert_text(got.intent.upstream_model, "SmolLM2-135M-Instruct");
    assert_text(got.intent.client_dialect, "anthropic");
    assert_text(got.intent.provider_dialect, "openai_chat");
    assert_int_equal(got.intent.body_bytes, 1536);
    assert_text(fh_service_name(got.intent.service), "batch");
    assert_true(fh_intent_is_first(bytes));
    r.intent.attempt = 257;
    assert_false(fh_intent_is_first(encoded(arena, &r)));
}

static void test_settle_comes_back(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 20);
    struct fh_record r = {.type = FH_RECORD_SETTLE, .settle = a_settle()};
    struct fh_record got;
    struct fh_slice bytes = encoded(arena, &r);

    FH_UNUSED(state);
    assert_int_equal(fh_decode_record(FH_RECORD_SETTLE, bytes, &got), FH_OK);
    assert_int_equal(got.settle.outcome, FH_OUTCOME_CLIENT_GONE);
    assert_int_equal(got.settle.status, 200);
    assert_int_equal(got.settle.attempts, 2);
    assert_text(got.settle.route, "cloud/m");
    assert_int_equal(got.settle.first_byte_us, 300000);
    assert_int_equal(got.settle.duration_us, 876544);
    assert_int_equal(got.settle.bytes_in, 4096);
    assert_int_equal(got.settle.bytes_out, 5000);
    assert_int_equal(got.settle.finish, 3);
    assert_int_equal(got.settle.loss_count, 1);
    assert_text(got.settle.losses, "/messages/0/cache_control");
    assert_int_equal(got.settle.unmetered, 2);
    assert_true(got.settle.usage.estimated);
    assert_true(fh_usage_has(&got.settle.usage, FH_TOKENS_INPUT));
    assert_int_equal(got.settle.usage.count[FH_TOKENS_INPUT], 0);
    assert_int_equal(got.settle.usage.count[FH_TOKENS_OUTPUT], UINT64_MAX);
    assert_false(fh_usage_has(&got.settle.usage, FH_TOKENS_CACHE_READ));
}

/* Every truncation is refused, save at the end of a field: there it is a shorter record. What is
 * accepted is written again with the same bytes. */
static void test_every_cut(void **state)
{
    const struct fh_record records[] = {
        {.type = FH_RECORD_INTENT, .intent = an_intent()},
        {.type = FH_RECORD_SETTLE, .settle = a_settle()},
        {.type = FH_RECORD_VOID,
         .voided = {.id = an_intent().id, .at_us = 7, .reason = FH_VOID_STOPPED}},
    };

    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(records); i++) {
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 20);
        struct fh_slice bytes = encoded(arena, &records[i]);
        size_t accepted = 0;

        for (size_t n = 0; n < bytes.len; n++) {
            struct fh_record got;

            tap_context("record %zu cut at %zu", i, n);
            if (fh_decode_record((uint16_t)records[i].type, fh_head(bytes, n), &got) == FH_OK) {
                assert_true(n >= 25);
                assert_true(fh_eq(encoded(arena, &got), fh_head(bytes, n)));
                accepted++;
            }
        }
        assert_true(accepted < 25);
    }
}

static void test_text_limits(void **state)
{
    static uint8_t longest[FH_RECORD_TEXT_MAX + 2];
    static const uint8_t euro[] = {0xe2, 0x82, 0xac};
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 20);
    struct fh_record r = {.type = FH_RECORD_INTENT, .intent = an_intent()};
    struct fh_record got;

    FH_UNUSED(state);
    memset(longest, 'x', sizeof(longest));
    for (size_t len = FH_RECORD_TEXT_MAX - 1; len <= FH_RECORD_TEXT_MAX + 1; len++) {
        r.intent.model = fh_slice(longest, len);
        assert_int_equal(fh_decode_record(FH_RECORD_INTENT, encoded(arena, &r), &got), FH_OK);
        assert_int_equal(got.intent.model.len, fh_min(len, FH_RECORD_TEXT_MAX));
    }
    memcpy(longest + FH_RECORD_TEXT_MAX - 1, euro, sizeof(euro)); /* cut before it, not in it */
    r.intent.model = fh_slice(longest, sizeof(longest));
    assert_int_equal(fh_decode_record(FH_RECORD_INTENT, encoded(arena, &r), &got), FH_OK);
    assert_int_equal(got.intent.model.len, FH_RECORD_TEXT_MAX - 1);
    r.intent.model = FH_LIT("caf\xe9");
    assert_int_equal(fh_decode_record(FH_RECORD_INTENT, encoded(arena, &r), &got), FH_OK);
    assert_text(got.intent.model, "?");
}

static void test_the_longest_record_fits(void **state)
{
    static uint8_t longest[FH_RECORD_LOSSES_MAX];
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 20);
    struct fh_record intent = {.type = FH_RECORD_INTENT, .intent = an_intent()};
    struct fh_record settle = {.type = FH_RECORD_SETTLE, .settle = a_settle()};
    struct fh_slice text = fh_slice(longest, sizeof(longest));

    FH_UNUSED(state);
    memset(longest, 'x', sizeof(longest));
    intent.intent.key_id = intent.intent.key_name = intent.intent.model = text;
    intent.intent.route = intent.intent.provider = intent.intent.upstream_model = text;
    intent.intent.client_dialect = intent.intent.provider_dialect = text;
    intent.intent.body_bytes = UINT64_MAX;
    assert_true(encoded(arena, &intent).len <= FH_RECORD_MAX);
    settle.settle.route = settle.settle.provider = settle.settle.upstream_model = text;
    settle.settle.losses = text;
    for (enum fh_tokens kind = 0; kind < FH_TOKENS_KINDS; kind++) {
        fh_usage_set(&settle.settle.usage, kind, UINT64_MAX);
    }
    assert_true(encoded(arena, &settle).len <= FH_RECORD_MAX);
}

#define HEAD           \
    "\1"               \
    "0123456789abcdef" \
    "\1\0\0\0\0\0\0\0"

static void test_decodes_only_what_it_would_write(void **state)
{
    static const struct {
        const char *name;
        enum fh_record_type type;
        enum fh_rc want;
        struct fh_slice payload;
    } rows[] = {
        {"bare void", FH_RECORD_VOID, FH_OK, FH_LIT_INIT(HEAD)},
        {"void with a reason", FH_RECORD_VOID, FH_OK, FH_LIT_INIT(HEAD "\1\1\0\1")},
        {"a later field", FH_RECORD_VOID, FH_OK, FH_LIT_INIT(HEAD "\1\1\0\1\x09\2\0ab")},
        {"a later field alone", FH_RECORD_VOID, FH_OK, FH_LIT_INIT(HEAD "\xff\0\0")},
        {"later field cut", FH_RECORD_VOID, FH_E_SYNTAX, FH_LIT_INIT(HEAD "\x09\2\0a")},
        {"nothing", FH_RECORD_VOID, FH_E_SYNTAX, FH_LIT_INIT("")},
        {"later version", FH_RECORD_VOID, FH_E_SUPPORT, FH_LIT_INIT("\2")},
        {"type 0", 0, FH_E_SUPPORT, FH_LIT_INIT(HEAD)},
        {"later type", 77, FH_E_SUPPORT, FH_LIT_INIT(HEAD)},
        {"twice the same tag", FH_RECORD_VOID, FH_E_SYNTAX,
         FH_LIT_INIT(HEAD "\1\1\0\1\1\1\0\1")},
        {"tags descend", FH_RECORD_VOID, FH_E_SYNTAX, FH_LIT_INIT(HEAD "\x09\0\0\1\1\0\1")},
        {"tag 0", FH_RECORD_VOID, FH_E_SYNTAX, FH_LIT_INIT(HEAD "\0\0\0")},
        {"zero written out", FH_RECORD_VOID, FH_E_SYNTAX, FH_LIT_INIT(HEAD "\1\0\0")},
        {"number too long", FH_RECORD_VOID, FH_E_SYNTAX, FH_LIT_INIT(HEAD "\1\2\0\1\0")},
        {"no such reason", FH_RECORD_VOID, FH_E_SYNTAX, FH_LIT_INIT(HEAD "\1\1\0\4")},
        {"no such outcome", FH_RECORD_SETTLE, FH_E_SYNTAX, FH_LIT_INIT(HEAD "\1\1\0\5")},
        {"status too large", FH_RECORD_SETTLE, FH_E_SYNTAX,
         FH_LIT_INIT(HEAD "\2\5\0\0\0\0\0\1")},
        {"bare settle", FH_RECORD_SETTLE, FH_OK, FH_LIT_INIT(HEAD)},
        {"nine bytes of tokens", FH_RECORD_SETTLE, FH_E_SYNTAX,
         FH_LIT_INIT(HEAD "\x20\x09\0\1\1\1\1\1\1\1\1\1")},
        {"zero tokens", FH_RECORD_SETTLE, FH_OK, FH_LIT_INIT(HEAD "\x20\0\0")},
        {"flag with a value", FH_RECORD_SETTLE, FH_E_SYNTAX, FH_LIT_INIT(HEAD "\x0e\1\0\1")},
        {"text not utf-8", FH_RECORD_SETTLE, FH_E_SYNTAX, FH_LIT_INIT(HEAD "\4\1\0\xff")},
        {"empty text", FH_RECORD_SETTLE, FH_E_SYNTAX, FH_LIT_INIT(HEAD "\4\0\0")},
        {"intent without attempt", FH_RECORD_INTENT, FH_E_SYNTAX, FH_LIT_INIT(HEAD)},
        {"bare intent", FH_RECORD_INTENT, FH_OK, FH_LIT_INIT(HEAD "\1\1\0\1")},
        {"no such service", FH_RECORD_INTENT, FH_E_SYNTAX,
         FH_LIT_INIT(HEAD "\1\1\0\1\x0c\1\0\2")},
    };

    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(rows); i++) {
        struct fh_record got;

        tap_context("%s", rows[i].name);
        if (fh_decode_record((uint16_t)rows[i].type, rows[i].payload, &got) != rows[i].want) {
            fail_msg("%s", rows[i].name);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_id_text),
        cmocka_unit_test(test_id_sorts_by_time),
        cmocka_unit_test(test_id_of_a_provider_has_no_time),
        cmocka_unit_test(test_id_refuses),
        cmocka_unit_test(test_intent_comes_back),
        cmocka_unit_test(test_settle_comes_back),
        cmocka_unit_test(test_every_cut),
        cmocka_unit_test(test_text_limits),
        cmocka_unit_test(test_the_longest_record_fits),
        cmocka_unit_test(test_decodes_only_what_it_would_write),
    };
    return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
