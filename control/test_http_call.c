/* test_http_call.c: what a call gives, and what is said when it gives nothing.
 * SPDX-License-Identifier: Apache-2.0 */
#include "control/http_call.h"
#include "http_stub.h"
#include "tap.h"

/* story makes the call and tells how that went, with the stub's address taken out. */
static struct fh_slice story(struct fh_arena *arena, const struct fh_http_call *call,
                             const char *url)
{
    struct fh_buf why = fh_buf_in_arena(arena, 4096);
    struct fh_buf out = fh_buf_in_arena(arena, 1 << 17);
    struct fh_http_answer answer = {0};
    enum fh_rc rc = fh_http_call(call, arena, &answer, &why);

    if (rc == FH_OK) {
        assert_int_equal(why.len, 0);
        fh_buf_printf(&out, "%u %.*s %.*s", answer.status, FH_ARG(answer.body),
                      FH_ARG(answer.field));
        return fh_buf_slice(&out);
    }
    struct fh_slice text = fh_buf_slice(&why);

    fh_buf_printf(&out, "%s: ", fh_rc_name(rc));
    while (text.len > 0) {
        if (fh_take(&text, fh_cstr(url))) {
            fh_buf_append(&out, FH_LIT("URL"));
        } else {
            fh_buf_byte(&out, text.ptr[0]);
            text = fh_tail(text, 1);
        }
    }
    return fh_buf_slice(&out);
}

/* assert_story compares, but for what libcurl says in its own words behind a colon. */
static void assert_story(struct fh_slice got, const char *want)
{
    struct fh_slice start = fh_cstr(want);

    assert_text(fh_ends(start, FH_LIT(": ")) ? fh_head(got, fh_min(got.len, start.len)) : got,
                want);
}

static struct fh_http_call call_of(struct fh_arena *arena, const char *base, const char *path)
{
    struct fh_slice parts[] = {fh_cstr(base), fh_cstr(path)};

    return (struct fh_http_call){
        .method = "GET",
        .url = fh_dup_cstr(arena, fh_concat(arena, parts, FH_LEN(parts))),
        .wanted = FH_LIT("metadata-flavor"),
        .connect_timeout_ms = 5000,
        .timeout_ms = 20000,
    };
}

static void test_answers(void **state)
{
    static char big[FH_HTTP_CALL_ANSWER_MAX + 2];
    FH_AUTO(http_stub_stop) struct http_stub *stub = http_stub_start();
    static const struct {
        const char *path, *want;
    } rows[] = {
        {"/good?query=kept", "200 hello Google"},
        {"/denied", "403 no "},
        {"/moved", "302  "},
        {"/empty", "200  "},
        {"/half", "system: URL/half gave no answer: "},
        {"/garbage", "system: URL/garbage gave no answer: "},
        {"/hangup", "system: URL/hangup gave no answer: "},
        {"/big", "limit: URL/big gave an answer of more than 65536 bytes"},
        {"/nothing", "404 there is nothing here "},
    };

    FH_UNUSED(state);
    memset(big, 'x', sizeof(big) - 1);
    http_stub_on(stub, "GET /good",
                 (struct stub_answer){.body = "hello",
                                      .fields = "Metadata-Flavor: Google\r\n"});
    http_stub_on(stub, "GET /denied", (struct stub_answer){.status = 403, .body = "no"});
    http_stub_on(stub, "GET /moved",
                 (struct stub_answer){.status = 302, .fields = "Location: /good\r\n"});
    http_stub_on(stub, "GET /empty", (struct stub_answer){0});
    http_stub_on(stub, "GET /half",
                 (struct stub_answer){.body = "helloworld", .how = STUB_HALF});
    http_stub_on(stub, "GET /garbage",
                 (struct stub_answer){.body = "SSH-2.0-OpenSSH_9.2\r\n", .how = STUB_GARBAGE});
    http_stub_on(stub, "GET /hangup", (struct stub_answer){.how = STUB_HANGUP});
    http_stub_on(stub, "GET /big", (struct stub_answer){.body = big});
    for (size_t i = 0; i < FH_LEN(rows); i++) {
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(SIZE_MAX);
        struct fh_http_call call = call_of(arena, http_stub_url(stub), rows[i].path);

        tap_context("%s", rows[i].path);
        assert_story(story(arena, &call, http_stub_url(stub)), rows[i].want);
        assert_true(fh_contains(http_stub_asked(stub, i), fh_cstr(rows[i].path)));
    }
    assert_int_equal(http_stub_count(stub), FH_LEN(rows)); /* no redirect was followed */
}

static void test_what_is_sent(void **state)
{
    FH_AUTO(http_stub_stop) struct http_stub *stub = http_stub_start();
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(SIZE_MAX);
    struct fh_http_call call = call_of(arena, http_stub_url(stub), "/token");
    struct fh_slice asked;

    FH_UNUSED(state);
    tap_context("what is sent");
    call.method = "PUT";
    fh_http_call_field(&call, FH_LIT("x-ttl"), FH_LIT("60"));
    (void)story(arena, &call, "");
    asked = http_stub_asked(stub, 0);
    assert_true(fh_starts(asked, FH_LIT("PUT /token HTTP/1.1\r\n")));
    assert_true(fh_contains(asked, FH_LIT("\r\nx-ttl: 60\r\n")));
    assert_true(fh_contains(asked, FH_LIT("\r\nUser-Agent: freehold\r\n")));
    assert_true(fh_ends(asked, FH_LIT("\r\n\r\n")));

    call.method = "POST";
    call.body = FH_LIT("a=b");
    (void)story(arena, &call, "");
    asked = http_stub_asked(stub, 1);
    assert_true(fh_starts(asked, FH_LIT("POST /token HTTP/1.1\r\n")));
    assert_true(fh_contains(asked, FH_LIT("\r\nContent-Length: 3\r\n")));
    assert_true(fh_ends(asked, FH_LIT("\r\n\r\na=b")));

    call.field[0].value = FH_LIT("60\r\nx-evil: 1");
    assert_text(story(arena, &call, http_stub_url(stub)),
                "syntax: the field x-ttl for URL/token is too long or not one line");
    assert_int_equal(http_stub_count(stub), 2);
}

/* In clear only to places that are this machine's own. */
static void test_where_secrets_do_not_travel(void **state)
{
    static const struct {
        const char *url, *want;
    } rows[] = {
        {"http://sts.amazonaws.com/?secret", "http://sts.amazonaws.com/ is not asked"},
        {"http://10.0.0.1/", "http://10.0.0.1/ is not asked"},
        {"http://127.0.0.1.example.com/", "http://127.0.0.1.example.com/ is not asked"},
        {"http://169.254.example.com/", "http://169.254.example.com/ is not asked"},
        {"http://127.0.0.1:1@example.com/", "http://127.0.0.1:1@example.com/ is not asked"},
        {"https://me@example.com/", "https://me@example.com/ is not asked"},
        {"file:///etc/passwd", "file:///etc/passwd is not asked"},
        {"ftp://127.0.0.1/", "ftp://127.0.0.1/ is not asked"},
        {"example.com", "\"example.com\" is no URL"},
        {"", "\"\" is no URL"},
    };

    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(rows); i++) {
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(SIZE_MAX);
        struct fh_http_call call = call_of(arena, "", rows[i].url);
        struct fh_slice parts[] = {FH_LIT("unsupported: "), fh_cstr(rows[i].want)};

        tap_context("%s", rows[i].url);
        assert_true(fh_starts(story(arena, &call, "-"), fh_concat(arena, parts, 2)));
    }
}

/* Who never answers, and who is called off; that the bounds are short only saves time. */
static void test_a_call_ends(void **state)
{
    FH_AUTO(http_stub_stop) struct http_stub *stub = http_stub_start();
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(SIZE_MAX);
    struct fh_http_call call = call_of(arena, http_stub_url(stub), "/never");
    const atomic_bool stop = true;
    struct fh_slice said;

    FH_UNUSED(state);
    http_stub_on(stub, "GET /never", (struct stub_answer){.how = STUB_NEVER});
    tap_context("never");
    call.timeout_ms = 100;
    said = story(arena, &call, http_stub_url(stub));
    assert_true(
        fh_starts(said, FH_LIT("system: URL/never gave no answer: Operation timed out")));

    tap_context("called off");
    call.timeout_ms = 60000;
    call.stop = &stop;
    assert_text(story(arena, &call, http_stub_url(stub)),
                "system: URL/never: the call was called off");
}

static void test_form(void **state)
{
    FH_AUTO(fh_buf_fini) struct fh_buf form = fh_buf_on_heap(4096);

    FH_UNUSED(state);
    tap_context("form");
    fh_http_form_add(&form, FH_LIT("a"), FH_LIT("b c&d=e+/%\xc3\xa9"));
    fh_http_form_add(&form, FH_LIT("e"), FH_NONE);
    fh_http_form_add(&form, FH_LIT("f"), FH_LIT("0aZ-._~"));
    assert_text(fh_buf_slice(&form), "a=b%20c%26d%3De%2B%2F%25%C3%A9&e=&f=0aZ-._~");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_what_is_sent),
        cmocka_unit_test(test_where_secrets_do_not_travel),
        cmocka_unit_test(test_a_call_ends),
        cmocka_unit_test(test_form),
    };
    return cmocka_run_group_tests_name("http_call", tests, NULL, NULL);
}
