/* test_policy.c: records come back as they went in; damaged ones do not come back.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include "policy/policy.h"

static const struct fh_slice two_models[] = {FH_LIT_INIT("smollm2"), FH_LIT_INIT("claude")};

static const struct fh_provider lab = {
    .name = FH_LIT_INIT("lab"),
    .kind = FH_PROVIDER_OPENAI_COMPATIBLE,
    .source = FH_CREDENTIALS_NONE,
    .only = FH_DIALECTS,
    .region = FH_LIT_INIT("eu-north-1"),
    .project = FH_LIT_INIT("p-1"),
    .tls = true,
    .port = 8443,
    .host = FH_LIT_INIT("[2001:db8::7]:8443"),
    .address = FH_LIT_INIT("2001:db8::7"),
    .base_path = FH_LIT_INIT("/v1"),
    .tls_name = FH_LIT_INIT("lab.example"),
    .ca_file = FH_LIT_INIT("/etc/freehold/lab.pem"),
    .key_ref = FH_LIT_INIT("env:LAB_KEY"),
    .connect_timeout_ms = 5000,
    .first_byte_timeout_ms = 300000,
    .idle_timeout_ms = 120000,
    .state = FH_PROVIDER_STARTING,
    .state_line = FH_LIT_INIT("loading the model, 34 %"),
    .retry_after_s = 7,
    .call_prefix = FH_LIT_INIT("<tool_call>"),
};

static struct fh_policy_key some_key(struct fh_arena *arena)
{
    struct fh_buf models = fh_buf_in_arena(arena, 256);

    fh_policy_encode_names(&models, two_models, FH_LEN(two_models));
    return (struct fh_policy_key){
        .id = FH_LIT("key_1"),
        .name = FH_LIT("ann"),
        .plan = FH_LIT("team"),
        .revoked = true,
        .created_us = 1760000000000000,
        .aws_id = FH_LIT("FHAKAAAABBBBCCCCDDDD"),
        .aws_secret = FH_LIT("abcdefghijklmnopqrstuvwxyzabcdefghijklmn"),
        .models = fh_buf_slice(&models),
        .model_count = FH_LEN(two_models),
    };
}

static struct fh_policy_model some_model(void)
{
    struct fh_policy_model model = {.name = FH_LIT("claude"), .route_count = 2};

    model.routes[0] = (struct fh_policy_route){FH_LIT("claude"), FH_LIT("claude-x")};
    model.routes[1] = (struct fh_policy_route){FH_LIT("lab"), FH_LIT("other")};
    return model;
}

static void test_key_comes_back(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 16);
    struct fh_buf out = fh_buf_in_arena(arena, FH_POLICY_RECORD_MAX);
    struct fh_policy_key in = some_key(arena);
    struct fh_policy_key key = {0};

    FH_UNUSED(state);
    fh_policy_encode_key(&out, &in);
    assert_int_equal(fh_policy_decode_key(&key, fh_buf_slice(&out)), FH_OK);
    assert_text(key.id, "key_1");
    assert_text(key.name, "ann");
    assert_text(key.plan, "team");
    assert_true(key.revoked);
    assert_true(key.created_us == in.created_us);
    assert_true(fh_eq(key.aws_id, in.aws_id) && fh_eq(key.aws_secret, in.aws_secret));
    assert_true(fh_policy_allows(&key, FH_LIT("smollm2")));
    assert_true(fh_policy_allows(&key, FH_LIT("claude")));
    assert_false(fh_policy_allows(&key, FH_LIT("gpt")));
    assert_false(fh_policy_allows(&key, FH_NONE));
}

static void test_no_list_allows_every_model(void **state)
{
    struct fh_policy_key key = {0};

    FH_UNUSED(state);
    assert_true(fh_policy_allows(&key, FH_LIT("anything")));
}

static void test_model_comes_back(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 16);
    struct fh_buf out = fh_buf_in_arena(arena, FH_POLICY_RECORD_MAX);
    struct fh_policy_model in = some_model();
    struct fh_policy_model model;

    FH_UNUSED(state);
    fh_policy_encode_model(&out, &in);
    assert_int_equal(fh_policy_decode_model(&model, fh_buf_slice(&out)), FH_OK);
    assert_text(model.name, "claude");
    assert_int_equal(model.route_count, 2);
    assert_text(model.routes[1].provider, "lab");
    assert_text(model.routes[1].model, "other");
}

static void test_provider_comes_back(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 16);
    struct fh_buf out = fh_buf_in_arena(arena, FH_POLICY_RECORD_MAX);
    struct fh_buf again = fh_buf_in_arena(arena, FH_POLICY_RECORD_MAX);
    struct fh_provider p;

    FH_UNUSED(state);
    fh_policy_encode_provider(&out, &lab);
    assert_int_equal(fh_policy_decode_provider(&p, fh_buf_slice(&out)), FH_OK);
    assert_text(p.name, "lab");
    assert_int_equal(p.kind, FH_PROVIDER_OPENAI_COMPATIBLE);
    assert_int_equal(p.port, 8443);
    assert_text(p.address, "2001:db8::7");
    assert_int_equal(p.idle_timeout_ms, 120000);
    assert_int_equal(p.state, FH_PROVIDER_STARTING);
    assert_text(p.state_line, "loading the model, 34 %");
    assert_text(p.call_prefix, "<tool_call>");
    fh_policy_encode_provider(&again, &p); /* and so do the fields not named here */
    assert_true(fh_eq(fh_buf_slice(&again), fh_buf_slice(&out)));
}

static void test_limits_come_back(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 16);
    struct fh_buf out = fh_buf_in_arena(arena, FH_POLICY_RECORD_MAX);
    struct fh_buf again = fh_buf_in_arena(arena, FH_POLICY_RECORD_MAX);
    struct fh_policy_limits in = fh_policy_limits_normal();
    struct fh_policy_limits got = {0};

    FH_UNUSED(state);
    fh_policy_encode_limits(&out, &in);
    assert_int_equal(fh_policy_decode_limits(&got, fh_buf_slice(&out)), FH_OK);
    assert_int_equal(got.attempts_max, in.attempts_max);
    fh_policy_encode_limits(&again, &got);
    assert_true(fh_eq(fh_buf_slice(&again), fh_buf_slice(&out)));
}

/* decode_any tries the bytes as every record. */
static bool decode_any(struct fh_slice bytes)
{
    struct fh_policy_key key;
    struct fh_policy_model model;
    struct fh_provider provider;
    struct fh_policy_limits limits;

    return fh_policy_decode_key(&key, bytes) == FH_OK ||
           fh_policy_decode_model(&model, bytes) == FH_OK ||
           fh_policy_decode_provider(&provider, bytes) == FH_OK ||
           fh_policy_decode_limits(&limits, bytes) == FH_OK;
}

static void test_damage_is_refused(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 16);
    struct fh_buf records[4];
    struct fh_policy_key key = some_key(arena);
    struct fh_policy_model model = some_model();
    struct fh_policy_limits limits = fh_policy_limits_normal();

    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(records); i++) {
        records[i] = fh_buf_in_arena(arena, FH_POLICY_RECORD_MAX);
    }
    fh_policy_encode_key(&records[0], &key);
    fh_policy_encode_model(&records[1], &model);
    fh_policy_encode_provider(&records[2], &lab);
    fh_policy_encode_limits(&records[3], &limits);

    for (size_t i = 0; i < FH_LEN(records); i++) {
        struct fh_slice whole = fh_buf_slice(&records[i]);

        assert_true(decode_any(whole));
        for (size_t len = 0; len < whole.len; len++) {
            /* a copy of the exact length lets a sanitizer see a read past its end */
            uint8_t *cut = malloc(len == 0 ? 1 : len);

            assert_non_null(cut);
            memcpy(cut, whole.ptr, len);
            tap_context("record %zu cut to %zu of %zu bytes", i, len, whole.len);
            assert_false(decode_any(fh_slice(cut, len)));
            free(cut);
        }
        tap_context("record %zu with a byte too many", i);
        fh_buf_byte(&records[i], 0);
        assert_false(decode_any(fh_buf_slice(&records[i])));
        records[i].len--;
        tap_context("record %zu of a later version", i);
        records[i].ptr[1]++;
        assert_false(decode_any(fh_buf_slice(&records[i])));
    }
}

static void test_values_out_of_range_are_refused(void **state)
{
    static const struct {
        const char *name;
        struct fh_slice bytes;
    } bad[] = {
        {"a model without routes", FH_LIT_INIT("M\1\1\0m\0")},
        {"a model with nine routes",
         FH_LIT_INIT(
             "M\1\1\0m\x09\1\0p\1\0m\1\0p\1\0m\1\0p\1\0m\1\0p\1\0m\1\0p\1\0m\1\0p\1\0m\1\0p"
             "\1\0m\1\0p\1\0m\1\0p\1\0m")},
        {"a model without a name", FH_LIT_INIT("M\1\0\0\1\1\0p\1\0m")},
        {"a route to nowhere", FH_LIT_INIT("M\1\1\0m\1\0\0\1\0m")},
        {"a name that is not UTF-8", FH_LIT_INIT("M\1\1\0\xff\1\1\0p\1\0m")},
        {"a flag that is neither 0 nor 1",
         FH_LIT_INIT("K\1\1\0i\1\0n\0\0\2\0\0\0\0\0\0\0\0\0\0\0\0\0\0")},
        {"another kind", FH_LIT_INIT("X\1")},
    };

    FH_UNUSED(state);
    assert_true(decode_any(FH_LIT("M\1\1\0m\1\1\0p\1\0m")));
    assert_true(decode_any(FH_LIT("K\1\1\0i\1\0n\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0")));
    for (size_t i = 0; i < FH_LEN(bad); i++) {
        tap_context("%s", bad[i].name);
        if (decode_any(bad[i].bytes)) {
            fail_msg("%s was accepted", bad[i].name);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_key_comes_back),
        cmocka_unit_test(test_no_list_allows_every_model),
        cmocka_unit_test(test_model_comes_back),
        cmocka_unit_test(test_provider_comes_back),
        cmocka_unit_test(test_limits_come_back),
        cmocka_unit_test(test_damage_is_refused),
        cmocka_unit_test(test_values_out_of_range_are_refused),
    };
    return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
