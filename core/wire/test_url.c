/* test_url.c: what a provider's URL may look like, and what is said of one that may not.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include "wire/url.h"

struct row {
    const char *text;
    const char *want; /* scheme host|authority|port|path, or the complaint */
};

static const struct row rows[] = {
    {"https://api.anthropic.com", "https api.anthropic.com|api.anthropic.com|443|"},
    {"https://api.openai.com/v1", "https api.openai.com|api.openai.com|443|/v1"},
    {"https://api.openai.com/v1//", "https api.openai.com|api.openai.com|443|/v1"},
    {"HTTP://Lab/", "http Lab|Lab|80|"},
    {"http://10.0.0.5:8000/v1", "http 10.0.0.5|10.0.0.5:8000|8000|/v1"},
    {"http://10.0.0.5:80", "http 10.0.0.5|10.0.0.5|80|"},
    {"https://10.0.0.5:80", "https 10.0.0.5|10.0.0.5:80|80|"},
    {"https://a:443/x", "https a|a|443|/x"},
    {"http://[::1]:8000", "http ::1|[::1]:8000|8000|"},
    {"http://[::1]", "http ::1|[::1]|80|"},
    {"http://[2001:db8::7]/v1", "http 2001:db8::7|[2001:db8::7]|80|/v1"},
    {"http://[1:2:3:4:5:6:7:8]", "http 1:2:3:4:5:6:7:8|[1:2:3:4:5:6:7:8]|80|"},
    {"http://[1:2:3:4:5:6:7::]", "http 1:2:3:4:5:6:7::|[1:2:3:4:5:6:7::]|80|"},
    {"http://[::ffff:10.0.0.5]", "http ::ffff:10.0.0.5|[::ffff:10.0.0.5]|80|"},
    {"http://[::]", "http ::|[::]|80|"},
    {"http://my_box.lan", "http my_box.lan|my_box.lan|80|"},
    {"http://h/%7Ea/b-c", "http h|h|80|/%7Ea/b-c"},

    {"", "it must begin with https:// or http:// at 0"},
    {"api.openai.com/v1", "it must begin with https:// or http:// at 0"},
    {"ftp://a", "it must begin with https:// or http:// at 0"},
    {"https:/a", "it must begin with https:// or http:// at 0"},
    {"https://", "the host is missing at 8"},
    {"https:///v1", "the host is missing at 8"},
    {"https://:443", "the host is missing at 8"},
    {"https://a:b@c", "a user name or password does not belong into a URL at 8"},
    {"https://sk-1@c/x", "a user name or password does not belong into a URL at 8"},
    {"https://a b", "this is neither a host name nor an address at 8"},
    {"https://a..b", "this is neither a host name nor an address at 8"},
    {"https://.a", "this is neither a host name nor an address at 8"},
    {"https://10.0.0.500", "this is neither a host name nor an address at 8"},
    {"https://10.0.0.010", "this is neither a host name nor an address at 8"},
    {"https://10.0.5", "this is neither a host name nor an address at 8"},
    {"https://a:0", "a port is a number between 1 and 65535 at 10"},
    {"https://a:65536", "a port is a number between 1 and 65535 at 10"},
    {"https://a:", "a port is a number between 1 and 65535 at 10"},
    {"https://a:8o80", "a port is a number between 1 and 65535 at 10"},
    {"https://::1/v1", "an IPv6 address needs brackets around it at 8"},
    {"https://2001:db8::7/v1", "an IPv6 address needs brackets around it at 8"},
    {"https://[::1", "no IPv6 address between the brackets at 9"},
    {"https://[]", "no IPv6 address between the brackets at 9"},
    {"https://[:::]", "no IPv6 address between the brackets at 9"},
    {"https://[1::2::3]", "no IPv6 address between the brackets at 9"},
    {"https://[1:2:3:4:5:6:7]", "no IPv6 address between the brackets at 9"},
    {"https://[1:2:3:4:5:6:7:8:9]", "no IPv6 address between the brackets at 9"},
    {"https://[1:2:3:4:5:6:7:8::]", "no IPv6 address between the brackets at 9"},
    {"https://[12345::]", "no IPv6 address between the brackets at 9"},
    {"https://[10.0.0.5]", "no IPv6 address between the brackets at 9"},
    {"https://[10.0.0.5::]", "no IPv6 address between the brackets at 9"},
    {"https://[fe80::1%eth0]", "no IPv6 address between the brackets at 9"},
    {"https://[::1]x", "only a port or a path can follow the host at 13"},
    {"https://a/v1?x=1", "a query cannot be part of a provider's URL at 12"},
    {"https://a?x=1", "a query cannot be part of a provider's URL at 9"},
    {"https://a/v1#x", "a fragment never reaches a server at 12"},
    {"https://a/v 1", "this character needs percent-encoding at 11"},
    {"https://a/\xc3\xa4", "this character needs percent-encoding at 10"},
};

static void test_urls(void **state)
{
    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(rows); i++) {
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 12);
        struct fh_buf got = fh_buf_in_arena(arena, 512);
        struct fh_error why = {0};
        struct fh_url url = {0};
        enum fh_rc rc = fh_url_parse(&url, fh_cstr(rows[i].text), &why);

        tap_context("%s", rows[i].text);
        if (rc == FH_OK) {
            fh_buf_printf(&got, "%s %.*s|%.*s|%d|%.*s", url.tls ? "https" : "http",
                          FH_ARG(url.host), FH_ARG(url.authority), url.port, FH_ARG(url.path));
        } else {
            assert_int_equal(rc, why.code);
            fh_buf_printf(&got, "%s at %d", why.what, (int)why.at);
        }
        assert_text(fh_buf_slice(&got), rows[i].want);
    }
}

static void test_addresses(void **state)
{
    FH_UNUSED(state);
    assert_true(fh_url_is_address(FH_LIT("127.0.0.1")));
    assert_true(fh_url_is_address(FH_LIT("::1")));
    assert_false(fh_url_is_address(FH_LIT("localhost")));
    assert_false(fh_url_is_address(FH_LIT("")));
    assert_false(fh_url_is_address(FH_LIT("1.2.3.4.")));
}

static void test_segments(void **state)
{
    static const struct {
        struct fh_slice in;
        const char *want; /* NULL: refused */
    } segments[] = {
        {FH_LIT_INIT("gpt-4.1"), "gpt-4.1"},
        {FH_LIT_INIT("meta-llama%2FLlama-3"), "meta-llama/Llama-3"},
        {FH_LIT_INIT("a+b"), "a+b"},
        {FH_LIT_INIT("%e2%82%aC"), "\xe2\x82\xac"},
        {FH_LIT_INIT("%25"), "%"},
        {FH_LIT_INIT(""), ""},
        {FH_LIT_INIT("%"), NULL},
        {FH_LIT_INIT("%2"), NULL},
        {FH_LIT_INIT("%zz"), NULL},
        {FH_LIT_INIT("a%00"), NULL},
        {FH_LIT_INIT("%e2%82"), NULL},
        {FH_LIT_INIT("%ff"), NULL},
    };

    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(segments); i++) {
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 12);
        struct fh_slice got = FH_NONE;
        enum fh_rc rc = fh_url_decode_segment(segments[i].in, arena, &got);

        tap_context("%.*s", FH_ARG(segments[i].in));
        assert_int_equal(rc, segments[i].want == NULL ? FH_E_SYNTAX : FH_OK);
        if (segments[i].want != NULL) {
            assert_text(got, segments[i].want);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_urls),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_segments),
    };
    return cmocka_run_group_tests_name("url", tests, NULL, NULL);
}
