/* test_cmd_usage.c: what programs rely on: the JSON of `usage` and `journal`, and exit statuses.
 * The frame of the commands is played by this file.
 * SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include "gateway/journal_file.h"
#include "tap.h"

#include <fcntl.h>
#include <unistd.h>

static char dir[64];
static struct fh_buf printed;
static const char *by, *since;

const char *fh_cli_option(const struct fh_cli *cli, const char *name)
{
    FH_UNUSED(cli);
    if (strcmp(name, "by") == 0) {
        return by;
    }
    return strcmp(name, "since") == 0 ? since : NULL;
}

int fh_cli_wrong(const struct fh_cli *cli, const char *fmt, ...)
{
    FH_UNUSED(cli);
    FH_UNUSED(fmt);
    return FH_EXIT_WRONG;
}

int fh_cli_failed(const struct fh_cli *cli, const char *fmt, ...)
{
    FH_UNUSED(cli);
    FH_UNUSED(fmt);
    return FH_EXIT_FAILED;
}

int fh_cli_print_json(const struct fh_cli *cli, const yyjson_mut_val *root)
{
    fh_json_append(&printed, cli->arena, root);
    fh_buf_byte(&printed, '\n');
    return FH_EXIT_OK;
}

static int setup(void **state)
{
    FH_UNUSED(state);
    by = since = NULL;
    printed = fh_buf_on_heap(1 << 20);
    (void)snprintf(dir, sizeof(dir), "/tmp/freehold-usage-XXXXXX");
    return mkdtemp(dir) == NULL;
}

static int teardown(void **state)
{
    char command[128];

    FH_UNUSED(state);
    fh_buf_fini(&printed);
    (void)snprintf(command, sizeof(command), "rm -r %s", dir);
    return system(command); /* NOLINT(cert-env33-c,concurrency-mt-unsafe): a name of ours */
}

/* run gives the exit status; what was printed as JSON is in `printed`. */
static int run(const struct fh_command *command)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 26);
    struct fh_cli cli = {.command = command,
                         .arena = arena,
                         .config_path = "/nonexistent/freehold.yaml",
                         .state_dir = dir,
                         .json = true};

    fh_buf_clear(&printed);
    return command->run(&cli, 0, NULL);
}

/* write_journal writes two requests: one settled, one pending. */
static void write_journal(void)
{
    FH_AUTO(fh_buf_fini) struct fh_buf out = fh_buf_on_heap(FH_RECORD_MAX);
    struct fh_journal_file *j = NULL;

    assert_int_equal(fh_journal_file_open(&j, dir, 0, 1), FH_OK);
    for (uint8_t i = 0; i < 2; i++) {
        const uint8_t random[FH_REQUEST_ID_RANDOM_LEN] = {i};
        /* far ahead, so that no deadline passes */
        const uint64_t at_us = UINT64_C(4102444800000000);
        struct fh_intent intent = {.id = fh_request_id(at_us, random),
                                   .at_us = at_us,
                                   .attempt = 1,
                                   .key_id = FH_LIT("key_1"),
                                   .key_name = FH_LIT("Anna \"A\""),
                                   .model = FH_LIT("small"),
                                   .route = FH_LIT("local/m"),
                                   .provider = FH_LIT("local")};
        struct fh_settle settle = {.id = intent.id,
                                   .at_us = at_us + 9,
                                   .status = 200,
                                   .attempts = 1,
                                   .route = FH_LIT("local/m"),
                                   .provider = FH_LIT("local")};

        fh_buf_clear(&out);
        fh_encode_intent(&out, &intent);
        assert_int_equal(fh_journal_file_append(j, FH_RECORD_INTENT, fh_buf_slice(&out)),
                         FH_OK);
        if (i > 0) {
            break;
        }
        fh_usage_set(&settle.usage, FH_TOKENS_INPUT, 5);
        fh_usage_set(&settle.usage, FH_TOKENS_OUTPUT, 7);
        fh_usage_set(&settle.usage, FH_TOKENS_CACHE_READ, 11);
        fh_usage_set(&settle.usage, FH_TOKENS_CACHE_WRITE_5M, 13);
        fh_usage_set(&settle.usage, FH_TOKENS_CACHE_WRITE_1H, 17);
        fh_buf_clear(&out);
        fh_encode_settle(&out, &settle);
        assert_int_equal(fh_journal_file_append(j, FH_RECORD_SETTLE, fh_buf_slice(&out)),
                         FH_OK);
    }
    fh_journal_file_close(&j);
}

#define NUMBERS                                                                             \
    "\"requests\":1,\"input_tokens\":5,\"cache_read_tokens\":11,\"cache_write_tokens\":30," \
    "\"output_tokens\":7,\"estimated\":0,\"unreported\":0,\"pending\":1,\"unknown\":0,"     \
    "\"void\":0,"                                                                           \
    "\"conflicts\":0,\"cost\":null}"
#define TOTAL "\"total\":{" NUMBERS "}\n"

static void test_usage(void **state)
{
    FH_UNUSED(state);
    assert_int_equal(run(&fh_command_usage), FH_EXIT_OK);
    assert_true(
        fh_starts(fh_buf_slice(&printed), FH_LIT("{\"rows\":[],\"total\":{\"requests\":0")));
    write_journal();
    for (int i = 0; i < 2; i++) { /* booking it again changes nothing */
        assert_int_equal(run(&fh_command_usage), FH_EXIT_OK);
        assert_text(
            fh_buf_slice(&printed),
            "{\"rows\":[{\"key\":\"Anna \\\"A\\\"\",\"model\":\"small\",\"route\":\"local/m\","
            "\"provider\":\"local\",\"key_id\":\"key_1\"," NUMBERS "]," TOTAL);
    }
    by = "day,model";
    assert_int_equal(run(&fh_command_usage), FH_EXIT_OK);
    assert_text(
        fh_buf_slice(&printed),
        "{\"rows\":[{\"day\":\"2100-01-01\",\"key\":null,\"model\":\"small\",\"route\":null,"
        "\"provider\":null," NUMBERS "]," TOTAL);
    since = "2100-01-02";
    assert_int_equal(run(&fh_command_usage), FH_EXIT_OK);
    assert_true(fh_starts(fh_buf_slice(&printed), FH_LIT("{\"rows\":[],")));
}

static void test_wrong_use(void **state)
{
    static const char *const bad[] = {"", "nonsense", "key,", "key,nonsense", "Key", ",key"};

    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(bad); i++) {
        by = bad[i];
        tap_context("--by \"%s\"", by);
        assert_int_equal(run(&fh_command_usage),
                         strcmp(by, "key,") == 0 ? FH_EXIT_OK : FH_EXIT_WRONG);
    }
    by = NULL;
    since = "never";
    assert_int_equal(run(&fh_command_usage), FH_EXIT_WRONG);
}

static void test_journal(void **state)
{
    char path[128];

    FH_UNUSED(state);
    write_journal();
    assert_int_equal(run(&fh_command_journal_verify), FH_EXIT_OK);
    assert_true(fh_starts(fh_buf_slice(&printed),
                          FH_LIT("{\"ok\":true,\"records\":3,\"segments\":[{\"file\":"
                                 "\"w00-0000000001.seg\",\"records\":3,\"bytes\":")));
    assert_int_equal(run(&fh_command_journal_cat), FH_EXIT_OK);
    assert_true(
        fh_starts(fh_buf_slice(&printed),
                  FH_LIT("{\"type\":\"intent\",\"at\":\"2100-01-01T00:00:00.000000Z\",\"id\":"
                         "\"req_")));
    (void)snprintf(path, sizeof(path), "%s/journal/w00-0000000001.seg", dir);
    int fd = open(path, O_RDWR | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, "x", 1, 150), 1);
    (void)close(fd);
    assert_int_equal(run(&fh_command_journal_cat), FH_EXIT_NO);
    assert_int_equal(run(&fh_command_journal_verify), FH_EXIT_NO);
    assert_true(
        fh_contains(fh_buf_slice(&printed),
                    FH_LIT("\"findings\":[{\"file\":\"w00-0000000001.seg\",\"offset\":128,"
                           "\"wrong\":true,\"what\":")));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_usage),
        TEST(test_wrong_use),
        TEST(test_journal),
    };
    return cmocka_run_group_tests_name("cmd_usage", tests, NULL, NULL);
}
