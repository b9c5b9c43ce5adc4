/* test_aws_ini.c: AWS's dialect of INI, one line of it a row.
 * SPDX-License-Identifier: Apache-2.0 */
#include "control/credentials/aws_ini.h"
#include "tap.h"

#define CONFIG      FH_AWS_FILE_CONFIG
#define CREDENTIALS FH_AWS_FILE_CREDENTIALS
#define NONE        "(none)"
#define NO_PROFILE  "(no such profile)"

static const struct {
    enum fh_aws_file file;
    const char *text, *profile, *want; /* of the key "k" */
} rows[] = {
    /* sections */
    {CONFIG, "[default]\nk = v\n", "default", "v"},
    {CONFIG, "[profile dev]\nk = v\n", "dev", "v"},
    {CONFIG, "[profile\tdev ]\nk = v\n", "dev", "v"},
    {CONFIG, "[ profile dev ]\nk = v\n", "dev", "v"},
    {CONFIG, "[profile \"my dev\"]\nk = v\n", "my dev", "v"},
    {CONFIG, "[profile 'my dev'] # mine\nk = v\n", "my dev", "v"},
    {CONFIG, "[dev]\nk = v\n", "dev", NO_PROFILE},
    {CONFIG, "[profiledev]\nk = v\n", "dev", NO_PROFILE},
    {CONFIG, "[profile]\nk = v\n", "profile", NO_PROFILE},
    {CONFIG, "[sso-session dev]\nk = v\n", "dev", NO_PROFILE},
    {CONFIG, "[services dev]\nk = v\n", "services dev", NO_PROFILE},
    {CONFIG, "[Default]\nk = v\n", "default", NO_PROFILE},
    {CREDENTIALS, "[default]\nk = v\n", "default", "v"},
    {CREDENTIALS, "[dev]\nk = v\n", "dev", "v"},
    {CREDENTIALS, "[profile dev]\nk = v\n", "dev", NO_PROFILE},
    {CREDENTIALS, "[profile dev]\nk = v\n", "profile dev", NO_PROFILE},
    {CREDENTIALS, "[]\nk = v\n", "", NO_PROFILE},
    {CREDENTIALS, "[dev\nk = v\n", "dev", NO_PROFILE},
    {CREDENTIALS, "k = v\n", "", NO_PROFILE},
    {CREDENTIALS, "", "dev", NO_PROFILE},

    /* [profile default] counts more than [default], wherever it stands */
    {CONFIG, "[profile default]\nk = v\n[default]\nk = w\n", "default", "v"},
    {CONFIG, "[default]\nk = w\n[profile default]\nk = v\n", "default", "v"},

    /* keys and values */
    {CREDENTIALS, "[p]\nk=v\n", "p", "v"},
    {CREDENTIALS, "[p]\nk=v", "p", "v"},
    {CREDENTIALS, "[p]\r\nk = v\r\n", "p", "v"},
    {CREDENTIALS, "[p]\n\n\nk\t=\t v w \t\n", "p", "v w"},
    {CREDENTIALS, "[p]\nK = v\n", "p", "v"},
    {CREDENTIALS, "[p]\nk = a=b==\n", "p", "a=b=="},
    {CREDENTIALS, "[p]\nk =\n", "p", NONE},
    {CREDENTIALS, "[p]\nk\n= v\n", "p", NONE},
    {CREDENTIALS, "[p]\nkk = v\n", "p", NONE},
    {CREDENTIALS, "[p]\nk = v\nk = w\n", "p", "w"},
    {CREDENTIALS, "[p]\nk = v\n[q]\nk = w\n", "p", "v"},
    {CREDENTIALS, "[p]\nk = v\n[q]\nk = w\n[p]\nl = x\n", "p", "v"},
    {CREDENTIALS, "[p]\nk = v\n[q]\n[p]\nk = w\n", "p", "w"},

    /* comments */
    {CREDENTIALS, "# c\n[p] ; c\n; c\n#k = w\nk = v # c\n", "p", "v"},
    {CREDENTIALS, "[p]\nk = v\t; c\n", "p", "v"},
    {CREDENTIALS, "[p]\nk = v;w#x\n", "p", "v;w#x"},
    {CREDENTIALS, "[p]\nk = # c\n", "p", NONE},
    {CREDENTIALS, "[p]\nk = v\n#k = w\n", "p", "v"},

    /* what lies deeper than its key is a part of it */
    {CONFIG, "[default]\ns3 =\n  k = w\nk = v\n", "default", "v"},
    {CONFIG, "[default]\nk = v\ns3 =\n\tk = w\n", "default", "v"},
    {CONFIG, "[default]\n k = w\n", "default", NONE},
};

static struct fh_slice story(enum fh_aws_file file, struct fh_slice text,
                             struct fh_slice profile)
{
    struct fh_slice value = FH_NONE;

    if (fh_aws_ini_get(text, file, profile, FH_LIT("k"), &value)) {
        assert_true(fh_aws_ini_has(text, file, profile));
        return value;
    }
    return fh_aws_ini_has(text, file, profile) ? FH_LIT(NONE) : FH_LIT(NO_PROFILE);
}

static void test_every_row(void **state)
{
    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(rows); i++) {
        tap_context("%s", rows[i].text);
        assert_text(story(rows[i].file, fh_cstr(rows[i].text), fh_cstr(rows[i].profile)),
                    rows[i].want);
    }
}

/* A file that is just being written is read without harm, whatever is there of it. */
static void test_every_cut(void **state)
{
    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(rows); i++) {
        for (size_t cut = 0; cut < fh_cstr(rows[i].text).len; cut++) {
            FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(SIZE_MAX);
            struct fh_slice text = fh_dup(arena, fh_head(fh_cstr(rows[i].text), cut));

            (void)story(rows[i].file, text, fh_cstr(rows[i].profile));
        }
    }
}

/* The reason for a parser of our own. */
static void test_a_session_token_is_whole(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(SIZE_MAX);
    struct fh_buf text = fh_buf_in_arena(arena, 1 << 16);
    struct fh_slice value = FH_NONE;

    FH_UNUSED(state);
    tap_context("a long line");
    fh_buf_append(&text, FH_LIT("[dev]\naws_session_token = "));
    for (size_t i = 0; i < 12000; i++) {
        fh_buf_byte(&text, 'x');
    }
    fh_buf_append(&text, FH_LIT("\nregion = eu-central-1\n"));
    assert_true(fh_aws_ini_get(fh_buf_slice(&text), CREDENTIALS, FH_LIT("dev"),
                               FH_LIT("aws_session_token"), &value));
    assert_int_equal(value.len, 12000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_row),
        cmocka_unit_test(test_every_cut),
        cmocka_unit_test(test_a_session_token_is_whole),
    };
    return cmocka_run_group_tests_name("aws_ini", tests, NULL, NULL);
}
