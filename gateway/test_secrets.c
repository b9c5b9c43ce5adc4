/* test_secrets.c: references to secrets, and what is said when one leads nowhere.
 * SPDX-License-Identifier: Apache-2.0 */
#include "gateway/secrets.h"
#include "tap.h"

#include <sys/stat.h>
#include <unistd.h>

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

/* story resolves "KIND:NAME" ("file:" with the directory put in) and tells how that went. */
static struct fh_slice story(struct fh_arena *arena, const char *ref)
{
    struct fh_buf whole = fh_buf_in_arena(arena, 16384);
    struct fh_buf why = fh_buf_in_arena(arena, 16384);
    struct fh_secret secret = FH_SECRET_NONE;
    struct fh_slice rest = fh_cstr(ref);
    enum fh_rc rc;

    if (fh_take(&rest, FH_LIT("file:")) && rest.len > 0) {
        fh_buf_printf(&whole, "file:%s/%.*s", dir, FH_ARG(rest));
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
    static char long_text[9000];
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
        {"sk-6", "syntax: a secret is referred to as env:NAME or file:PATH"},
        {"env:", "syntax: a reference to a secret needs a name, and not an endless one"},
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
    write_file("long", long_text, sizeof(long_text), 0600);
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

static void test_memory_lasts_a_generation(void **state)
{
    FH_AUTO(fh_secrets_free) struct fh_secrets *secrets = fh_secrets_new();
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 20);
    struct fh_buf ref = fh_buf_in_arena(arena, 256);
    struct fh_buf why = fh_buf_in_arena(arena, 256);
    struct fh_slice got = FH_NONE;

    FH_UNUSED(state);
    tap_context("memory of secrets");
    fh_buf_printf(&ref, "file:%s/kept", dir);
    assert_int_equal(fh_secrets_get(secrets, 1, fh_buf_slice(&ref), &got, &why), FH_E_MISSING);
    write_file("kept", "one\n", 4, 0600);
    assert_int_equal(fh_secrets_get(secrets, 1, fh_buf_slice(&ref), &got, &why), FH_OK);
    assert_text(got, "one");
    write_file("kept", "two\n", 4, 0600);
    assert_int_equal(fh_secrets_get(secrets, 1, fh_buf_slice(&ref), &got, &why), FH_OK);
    assert_text(got, "one");
    assert_int_equal(fh_secrets_get(secrets, 2, fh_buf_slice(&ref), &got, &why), FH_OK);
    assert_text(got, "two");
}

static int make_dir(void **state)
{
    FH_UNUSED(state);
    (void)snprintf(dir, sizeof(dir), "/tmp/fh-secrets-XXXXXX");
    return mkdtemp(dir) == NULL ? -1 : 0;
}

static int remove_dir(void **state)
{
    static const char *const names[] = {"plain",     "line",     "crlf",  "group",
                                        "two-lines", "two-ends", "empty", "only-end",
                                        "open",      "long",     "kept"};
    char path[128];

    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(names); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        (void)unlink(path);
    }
    return rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_references),
        cmocka_unit_test(test_memory_lasts_a_generation),
    };
    return cmocka_run_group_tests_name("secrets", tests, make_dir, remove_dir);
}
