/* test_secrets.c: references to secrets, and what is said when one leads nowhere.
 * SPDX-License-Identifier: Apache-2.0 */
#include "gateway/secrets.h"
#include "tap.h"

#include <sys/stat.h>
#include <unistd.h>

#define TOKEN(token) "freehold-credential 1\nkind token\ntoken " token "\n"

static char dir[64];

static void write_file(const char *name, const char *text, size_t len, mode_t mode)
{
    char path[128];

    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    (void)unlink(path);
    FILE *file = fopen(path, "wbe");

    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static void rename_file(const char *from, const char *to)
{
    char old[128];
    char new[128];

    (void)snprintf(old, sizeof(old), "%s/%s", dir, from);
    (void)snprintf(new, sizeof(new), "%s/%s", dir, to);
    assert_int_equal(rename(old, new), 0);
}

static void remove_file(const char *name)
{
    char path[128];

    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    (void)unlink(path);
}

/* story resolves "KIND:NAME", a file in the directory, and tells how that went. */
static struct fh_slice story(struct fh_arena *arena, const char *ref)
{
    struct fh_buf whole = fh_buf_in_arena(arena, 16384);
    struct fh_buf why = fh_buf_in_arena(arena, 16384);
    struct fh_secret secret = FH_SECRET_NONE;
    struct fh_slice rest = fh_cstr(ref);
    enum fh_rc rc;

    if ((fh_take(&rest, FH_LIT("file:")) || fh_take(&rest, FH_LIT("state:"))) && rest.len > 0) {
        fh_buf_append(&whole, fh_between(fh_cstr(ref), rest));
        fh_buf_printf(&whole, "%s/%.*s", dir, FH_ARG(rest));
    } else {
        fh_buf_append(&whole, fh_cstr(ref));
    }
    rc = fh_secrets_resolve(&secret, fh_buf_slice(&whole), &why);
    if (rc == FH_OK) {
        assert_int_equal(why.len, 0);
        fh_buf_append(&why, fh_secret_lend(&secret));
        fh_secret_fini(&secret);
        return fh_buf_slice(&why);
    }
    assert_null(secret.page);

    /* the directory has another name each time */
    struct fh_buf out = fh_buf_in_arena(arena, 16384);
    struct fh_slice text = fh_buf_slice(&why);
    struct fh_slice at = fh_cstr(dir);

    fh_buf_printf(&out, "%s: ", fh_rc_name(rc));
    while (text.len > 0) {
        if (fh_take(&text, at)) {
            fh_buf_append(&out, FH_LIT("DIR"));
        } else {
            fh_buf_byte(&out, text.ptr[0]);
            text = fh_tail(text, 1);
        }
    }
    return fh_buf_slice(&out);
}

static void test_references(void **state)
{
    static char long_text[40000];
    static const struct {
        const char *ref, *want;
    } rows[] = {
        {"file:plain", "sk-1"},
        {"file:line", "sk-2"},
        {"file:crlf", "sk-3"},
        {"file:group", "sk-4"},
        {"env:FH_TEST_SECRET", "sk-5"},
        {"file:two-lines", "syntax: file:DIR/two-lines holds something that is no key: it must "
                           "be one line, without "
                           "blanks"},
        {"file:two-ends", "syntax: file:DIR/two-ends holds something that is no key: it must "
                          "be one line, without "
                          "blanks"},
        {"file:empty", "missing: file:DIR/empty is empty"},
        {"file:only-end", "missing: file:DIR/only-end is empty"},
        {"file:nowhere",
         "missing: file:DIR/nowhere cannot be opened: No such file or directory"},
        {"file:open",
         "system: file:DIR/open can be read by everybody on this machine: chmod 600 DIR/open"},
        {"file:.", "system: file:DIR/. is no file"},
        {"file:long", "limit: file:DIR/long is too long for a key (8192 bytes or more)"},
        {"env:FH_TEST_UNSET", "missing: env:FH_TEST_UNSET is not set in the environment"},
        {"env:FH_TEST_EMPTY", "missing: env:FH_TEST_EMPTY is empty"},
        {"state:token", "freehold-credential 1\nkind token\ntoken ya29.a\n"},
        {"state:plain", "sk-1"},
        {"state:line",
         "syntax: state:DIR/line holds no credential (syntax); control writes it"},
        {"state:half",
         "missing: state:DIR/half holds no credential (missing); control writes it"},
        {"state:endless",
         "limit: state:DIR/endless holds no credential (limit); control writes it"},
        {"state:nowhere",
         "missing: state:DIR/nowhere cannot be opened: No such file or directory"},
        {"state:open",
         "system: state:DIR/open can be read by everybody on this machine: chmod 600 DIR/open"},
        {"sk-6", "syntax: a secret is referred to as env:NAME or file:PATH"},
        {"env:", "syntax: a reference to a secret needs a name, and not an endless one"},
        {"state:", "syntax: a reference to a secret needs a name, and not an endless one"},
        {"file:", "syntax: a reference to a secret needs a name, and not an endless one"},
    };

    FH_UNUSED(state);
    memset(long_text, 'x', sizeof(long_text));
    write_file("plain", "sk-1", 4, 0600);
    write_file("line", "sk-2\n", 5, 0400);
    write_file("crlf", "sk-3\r\n", 6, 0600);
    write_file("group", "sk-4\n", 5, 0640);
    write_file("two-lines", "a\nb\n", 4, 0600);
    write_file("two-ends", "a\n\n", 3, 0600);
    write_file("empty", "", 0, 0600);
    write_file("only-end", "\n", 1, 0600);
    write_file("open", "sk\n", 3, 0644);
    write_file("long", long_text, 9000, 0600);
    write_file("endless", long_text, sizeof(long_text), 0600);
    write_file("token", TOKEN("ya29.a"), sizeof(TOKEN("ya29.a")) - 1, 0600);
    write_file("half", "freehold-credential 1\nkind token\n", 33, 0600);
    /* NOLINTBEGIN(concurrency-mt-unsafe): there is one thread */
    assert_int_equal(setenv("FH_TEST_SECRET", "sk-5", 1), 0);
    assert_int_equal(setenv("FH_TEST_EMPTY", "", 1), 0);
    /* NOLINTEND(concurrency-mt-unsafe) */
    for (size_t i = 0; i < FH_LEN(rows); i++) {
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 20);

        tap_context("%s", rows[i].ref);
        assert_text(story(arena, rows[i].ref), rows[i].want);
    }
}

static void test_a_set_keeps_what_it_lent(void **state)
{
    FH_AUTO(fh_secrets_free) struct fh_secrets *secrets = fh_secrets_new();
    FH_AUTO(fh_secrets_free) struct fh_secrets *next = fh_secrets_new();
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 20);
    struct fh_buf ref = fh_buf_in_arena(arena, 256);
    struct fh_buf why = fh_buf_in_arena(arena, 256);
    struct fh_slice got = FH_NONE;

    FH_UNUSED(state);
    tap_context("memory of secrets");
    fh_buf_printf(&ref, "file:%s/kept", dir);
    assert_int_equal(fh_secrets_get(secrets, fh_buf_slice(&ref), &got, &why), FH_E_MISSING);
    write_file("kept", "one\n", 4, 0600);
    assert_int_equal(fh_secrets_get(secrets, fh_buf_slice(&ref), &got, &why), FH_OK);
    assert_text(got, "one");
    write_file("kept", "two\n", 4, 0600);
    assert_int_equal(fh_secrets_get(secrets, fh_buf_slice(&ref), &got, &why), FH_OK);
    assert_text(got, "one");
    assert_false(fh_secrets_are_old(secrets, 5000000)); /* of those, the policy says when */
    assert_int_equal(fh_secrets_get(next, fh_buf_slice(&ref), &got, &why), FH_OK);
    assert_text(got, "two");
}

static void test_a_renewed_credential_is_noticed(void **state)
{
    FH_AUTO(fh_secrets_free) struct fh_secrets *secrets = fh_secrets_new();
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 20);
    struct fh_buf ref = fh_buf_in_arena(arena, 256);
    struct fh_buf why = fh_buf_in_arena(arena, 256);
    struct fh_slice got = FH_NONE;
    uint64_t now_us = 1;

    FH_UNUSED(state);
    tap_context("a renewed credential");
    fh_buf_printf(&ref, "state:%s/renewed", dir);
    assert_false(fh_secrets_are_old(secrets, now_us));

    /* it is not there yet, then it comes */
    assert_int_equal(fh_secrets_get(secrets, fh_buf_slice(&ref), &got, &why), FH_E_MISSING);
    assert_false(fh_secrets_are_old(secrets, now_us));
    write_file("renewed", TOKEN("one"), sizeof(TOKEN("one")) - 1, 0600);
    assert_false(fh_secrets_are_old(secrets, now_us + 999999)); /* the files were looked at */
    assert_true(fh_secrets_are_old(secrets, now_us += 1000000));

    fh_secrets_free(&secrets);
    secrets = fh_secrets_new();
    assert_int_equal(fh_secrets_get(secrets, fh_buf_slice(&ref), &got, &why), FH_OK);
    assert_false(fh_secrets_are_old(secrets, now_us += 1000000));

    /* renewed in the way of control, by another file of that name */
    write_file("kept", TOKEN("two"), sizeof(TOKEN("two")) - 1, 0600);
    rename_file("kept", "renewed");
    assert_true(fh_secrets_are_old(secrets, now_us += 1000000));
    assert_text(got, TOKEN("one")); /* exchanges under way keep theirs */

    fh_secrets_free(&secrets);
    secrets = fh_secrets_new();
    assert_int_equal(fh_secrets_get(secrets, fh_buf_slice(&ref), &got, &why), FH_OK);
    assert_text(got, TOKEN("two"));

    /* it expired, and control took it away */
    remove_file("renewed");
    assert_true(fh_secrets_are_old(secrets, now_us += 1000000));
}

static int make_dir(void **state)
{
    FH_UNUSED(state);
    (void)snprintf(dir, sizeof(dir), "/tmp/fh-secrets-XXXXXX");
    return mkdtemp(dir) == NULL ? -1 : 0;
}

static int remove_dir(void **state)
{
    static const char *const names[] = {"plain",    "line",    "crlf",     "group", "two-lines",
                                        "two-ends", "empty",   "only-end", "open",  "long",
                                        "kept",     "endless", "token",    "half",  "renewed"};

    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(names); i++) {
        remove_file(names[i]);
    }
    return rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_references),
        cmocka_unit_test(test_a_set_keeps_what_it_lent),
        cmocka_unit_test(test_a_renewed_credential_is_noticed),
    };
    return cmocka_run_group_tests_name("secrets", tests, make_dir, remove_dir);
}
