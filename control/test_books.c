/* test_books.c: the ledger comes when it can be had, and trouble is said once.
 * SPDX-License-Identifier: Apache-2.0 */
#include "control/books.h"
#include "control/state.h"
#include "gateway/journal_file.h"
#include "tap.h"

#include <unistd.h>

static char dir[64];
static char last_line[1024];
static int lines;

static void say(const char *line)
{
    (void)snprintf(last_line, sizeof(last_line), "%s", line);
    lines++;
}

static int setup(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 20);
    const char *why = NULL;

    FH_UNUSED(state);
    (void)snprintf(dir, sizeof(dir), "/tmp/freehold-books-XXXXXX");
    lines = 0;
    return mkdtemp(dir) == NULL || fh_state_make(arena, dir, &why) != FH_OK;
}

static int teardown(void **state)
{
    char command[128];

    FH_UNUSED(state);
    (void)snprintf(command, sizeof(command), "rm -r %s", dir);
    return system(command); /* NOLINT(cert-env33-c,concurrency-mt-unsafe): a name of ours */
}

static void test_waits_for_the_ledger(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 20);
    FH_AUTO(fh_buf_fini) struct fh_buf out = fh_buf_on_heap(FH_RECORD_MAX);
    const char *path = fh_state_path(arena, dir, FH_STATE_LEDGER);
    struct fh_journal_file *j = NULL;
    struct fh_ledger *other = NULL;
    struct fh_void voided = {.at_us = 1};

    FH_UNUSED(state);
    assert_int_equal(fh_ledger_open(&other, path, FH_LEDGER_WRITE, &out), FH_OK);
    assert_int_equal(fh_journal_file_open(&j, dir, 0, 1), FH_OK);
    fh_encode_void(&out, &voided);
    assert_int_equal(fh_journal_file_append(j, FH_RECORD_VOID, fh_buf_slice(&out)), FH_OK);
    struct fh_books *books = fh_books_new(dir, say);

    assert_false(fh_books_tick(books, 1000000, 0));
    assert_null(fh_books_stats(books));
    fh_ledger_close(&other);
    assert_false(fh_books_tick(books, 1100000, 0)); /* not yet */
    assert_null(fh_books_stats(books));
    assert_false(fh_books_tick(books, 1500000, 0));
    assert_int_equal(fh_books_stats(books)->applied.changed, 1);
    assert_int_equal(lines, 0);
    fh_journal_file_close(&j);
    fh_books_free(&books);
    assert_null(books);
    fh_books_free(&books);
}

static void test_says_trouble_once(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 20);
    FILE *file = fopen(fh_state_path(arena, dir, FH_STATE_LEDGER), "we");
    struct fh_books *books = fh_books_new(dir, say);

    FH_UNUSED(state);
    assert_non_null(file);
    (void)fputs("this is no database, however often one looks; and it is longer than a header, "
                "which is a hundred bytes",
                file);
    (void)fclose(file);
    for (uint64_t i = 0; i < 10; i++) {
        assert_false(fh_books_tick(books, i * 1000000, 0));
    }
    assert_int_equal(lines, 1);
    assert_true(fh_contains(fh_cstr(last_line), FH_LIT("ledger.db: file is not a database")));
    fh_books_free(&books);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_waits_for_the_ledger),
        TEST(test_says_trouble_once),
    };
    return cmocka_run_group_tests_name("books", tests, NULL, NULL);
}
