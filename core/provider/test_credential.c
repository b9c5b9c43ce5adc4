/* test_credential.c: what is read of a credential, and what is none.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include "provider/credential.h"

#define HEAD "freehold-credential 1\n"
#define PAIR "access_key_id AKIDEXAMPLE\nsecret_access_key wJalr/K7+x=\n"

static void print_field(struct fh_buf *out, const char *name, struct fh_slice value)
{
    if (value.len > 0) {
        fh_buf_printf(out, " %s=%.*s", name, FH_ARG(value));
    }
}

/* story tells what was read. */
static struct fh_slice story(struct fh_arena *arena, struct fh_slice text)
{
    struct fh_buf out = fh_buf_in_arena(arena, 1 << 17);
    struct fh_credential c = {.kind = FH_CREDENTIAL_KINDS};
    enum fh_rc rc = fh_credential_parse(&c, text);

    if (rc != FH_OK) {
        assert_int_equal(c.kind, FH_CREDENTIAL_KINDS); /* untouched */
        return fh_cstr(fh_rc_name(rc));
    }
    fh_buf_append(&out, c.kind == FH_CREDENTIAL_AWS ? FH_LIT("aws") : FH_LIT("token"));
    print_field(&out, "token", c.token);
    print_field(&out, "id", c.access_key_id);
    print_field(&out, "secret", c.secret_access_key);
    print_field(&out, "session", c.session_token);
    print_field(&out, "region", c.region);
    print_field(&out, "from", c.from);
    print_field(&out, "settings", c.settings);
    if (c.expires_s > 0) {
        fh_buf_printf(&out, " expires=%llu", (unsigned long long)c.expires_s);
    }
    return fh_buf_slice(&out);
}

static const struct {
    const char *text, *want;
} rows[] = {
    /* plain keys */
    {"sk-ant-1", "token token=sk-ant-1"},
    {"", "syntax"},
    {"two words", "syntax"},
    {"two\nlines", "syntax"},
    {"sk\n", "syntax"},
    {"k\xc3\xa9y", "syntax"},

    /* what control writes */
    {HEAD "kind token\ntoken ya29.a\n", "token token=ya29.a"},
    {HEAD "kind aws\n" PAIR, "aws id=AKIDEXAMPLE secret=wJalr/K7+x="},
    {HEAD "kind aws\nfrom profile \"d\xc3\xa9v\" in /x\nsettings 5e1c\nexpires 1769862605\n"
          "region eu-central-1\nsession_token IQ==\n" PAIR,
     "aws id=AKIDEXAMPLE secret=wJalr/K7+x= session=IQ== region=eu-central-1 "
     "from=profile \"d\xc3\xa9v\" in /x settings=5e1c expires=1769862605"},
    {HEAD "token ya29.a\nkind token\n", "token token=ya29.a"},

    /* what it never does */
    {HEAD, "missing"},
    {HEAD "token ya29.a\n", "missing"},
    {HEAD "kind token\n", "missing"},
    {HEAD "kind aws\naccess_key_id A\n", "missing"},
    {HEAD "kind aws\nsecret_access_key A\n", "missing"},
    {HEAD "kind aws\n" PAIR "token t\n", "syntax"},
    {HEAD "kind token\ntoken t\nregion r\n", "syntax"},
    {HEAD "kind token\ntoken t", "syntax"},
    {HEAD "kind token\n\ntoken t\n", "syntax"},
    {HEAD "kind token\ntoken\n", "syntax"},
    {HEAD "kind token\ntoken \n", "syntax"},
    {HEAD "kind token\ntoken a b\n", "syntax"},
    {HEAD "kind token\ntoken a\r\n", "syntax"},
    {HEAD "kind token\ntoken a\ntoken a\n", "syntax"},
    {HEAD "kind token\nkind token\ntoken a\n", "syntax"},
    {HEAD "kind token\ntoken a\nfrom \x01\n", "syntax"},
    {HEAD "kind token\ntoken a\nfrom \xff\n", "syntax"},
    {HEAD "kind token\ntoken a\nexpires 0\n", "syntax"},
    {HEAD "kind token\ntoken a\nexpires 01\n", "syntax"},
    {HEAD "kind token\ntoken a\nexpires -1\n", "syntax"},
    {HEAD "kind token\ntoken a\nexpires 99999999999\n", "token token=a expires=99999999999"},
    {HEAD "kind token\ntoken a\nexpires 100000000000\n", "syntax"},
    {HEAD "kind token\ntoken a\nexpires 1\nexpires 2\n", "syntax"},
    {HEAD "kind token\ntoken a\nscope b\n", "syntax"},
    {HEAD "kind kerberos\ntoken a\n", "unsupported"},
    {"freehold-credential 2\nkind token\ntoken a\n", "unsupported"},
    {"freehold-credential 1", "unsupported"},
};

static void test_parse(void **state)
{
    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(rows); i++) {
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 20);

        tap_context("%s", rows[i].text);
        assert_text(story(arena, fh_cstr(rows[i].text)), rows[i].want);
    }
}

static void test_what_was_cut_off_is_no_credential(void **state)
{
    static const char *const whole[] = {
        HEAD "kind aws\nfrom x\nexpires 17\nregion r\nsession_token s\n" PAIR,
        HEAD "kind token\nfrom x\nexpires 17\ntoken t\n",
    };

    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(whole); i++) {
        struct fh_slice text = fh_cstr(whole[i]);

        for (size_t cut = FH_LIT("freehold-credential ").len; cut < text.len; cut++) {
            struct fh_credential c;

            tap_context("%s cut at %zu", whole[i], cut);
            assert_int_not_equal(fh_credential_parse(&c, fh_head(text, cut)), FH_OK);
        }
    }
}

static void test_print(void **state)
{
    static const struct {
        struct fh_credential credential;
        const char *want;
    } cases[] = {
        {{.kind = FH_CREDENTIAL_AWS,
          .access_key_id = FH_LIT_INIT("A"),
          .secret_access_key = FH_LIT_INIT("S"),
          .session_token = FH_LIT_INIT("T"),
          .region = FH_LIT_INIT("r"),
          .from = FH_LIT_INIT("two\nlines"),
          .settings = FH_LIT_INIT("f"),
          .expires_s = 17},
         HEAD "kind aws\nexpires 17\nfrom two lines\nsettings f\nregion r\nsession_token T\n"
              "access_key_id A\nsecret_access_key S\n"},
        {{.kind = FH_CREDENTIAL_TOKEN, .token = FH_LIT_INIT("t")},
         HEAD "kind token\ntoken t\n"},
        {{.kind = FH_CREDENTIAL_TOKEN}, "missing"},
        {{.kind = FH_CREDENTIAL_AWS, .access_key_id = FH_LIT_INIT("A")}, "missing"},
        {{.kind = FH_CREDENTIAL_TOKEN, .token = FH_LIT_INIT("t\r\nx-evil: 1")}, "syntax"},
        {{.kind = FH_CREDENTIAL_TOKEN, .token = FH_LIT_INIT("t"), .from = FH_LIT_INIT("\xff")},
         "syntax"},
        {{.kind = FH_CREDENTIAL_TOKEN, .token = FH_LIT_INIT("t"), .region = FH_LIT_INIT("r")},
         "syntax"},
    };

    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(cases); i++) {
        FH_AUTO(fh_buf_fini) struct fh_buf out = fh_buf_on_heap(4096);
        enum fh_rc rc = fh_credential_print(&out, &cases[i].credential);

        tap_context("case %zu", i);
        assert_text(rc == FH_OK ? fh_buf_slice(&out) : fh_cstr(fh_rc_name(rc)), cases[i].want);
    }
}

/* A token of any length goes through up to the bound, and not beyond. */
static void test_limit(void **state)
{
    static uint8_t bytes[FH_CREDENTIAL_MAX_BYTES + 1];
    const size_t around = sizeof(HEAD "kind token\ntoken \n") - 1;
    struct fh_credential c;

    FH_UNUSED(state);
    tap_context("limit");
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = 'x';
    }
    assert_int_equal(fh_credential_parse(&c, fh_slice(bytes, sizeof(bytes) - 1)), FH_OK);
    assert_int_equal(fh_credential_parse(&c, fh_slice(bytes, sizeof(bytes))), FH_E_LIMIT);
    for (size_t more = 0; more < 2; more++) {
        FH_AUTO(fh_buf_fini) struct fh_buf out = fh_buf_on_heap(SIZE_MAX);

        c = (struct fh_credential){.kind = FH_CREDENTIAL_TOKEN,
                                   .token = fh_slice(bytes,
                                                     FH_CREDENTIAL_MAX_BYTES - around + more)};
        assert_int_equal(fh_credential_print(&out, &c), more == 0 ? FH_OK : FH_E_LIMIT);
    }
}

static void test_sources_have_names(void **state)
{
    FH_UNUSED(state);
    for (unsigned i = 0; i < FH_CREDENTIAL_SOURCE_COUNT; i++) {
        enum fh_credential_source source = FH_CREDENTIAL_SOURCE_COUNT;
        struct fh_slice name = fh_credential_source_name((enum fh_credential_source)i);

        tap_context("%.*s", FH_ARG(name));
        assert_true(fh_credential_source_by_name(name, &source));
        assert_int_equal(source, i);
        assert_true(fh_credential_source_doc(source).len > 0);
    }
    enum fh_credential_source none = FH_CREDENTIAL_SOURCE_COUNT;

    assert_false(fh_credential_source_by_name(FH_LIT("azure"), &none));
    assert_int_equal(none, FH_CREDENTIAL_SOURCE_COUNT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_what_was_cut_off_is_no_credential),
        cmocka_unit_test(test_print),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_sources_have_names),
    };
    return cmocka_run_group_tests_name("credential", tests, NULL, NULL);
}
