/* test_file.c: whole files, for their owner alone, or the old one.
 * SPDX-License-Identifier: Apache-2.0 */
#include "control/file.h"
#include "tap.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64], path[128], beside[128];

static void test_replace_and_read(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(SIZE_MAX);
    struct fh_slice text = FH_NONE;
    struct stat st;

    FH_UNUSED(state);
    tap_context("replace and read");
    (void)umask(0); /* not this keeps others out */
    assert_int_equal(fh_file_read(path, arena, 10, &text), FH_E_SYSTEM);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(fh_file_replace(path, FH_LIT("0123456789"), arena), FH_OK);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(fh_file_read(path, arena, 10, &text), FH_OK);
    assert_text(text, "0123456789");
    assert_int_equal(text.ptr[text.len], '\0');
    assert_int_equal(fh_file_read(path, arena, 9, &text), FH_E_SYSTEM);
    assert_int_equal(errno, EFBIG);

    assert_int_equal(chmod(path, 0644), 0); /* one that was open before is not afterwards */
    assert_int_equal(fh_file_replace(path, FH_NONE, arena), FH_OK);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(fh_file_read(path, arena, 10, &text), FH_OK);
    assert_text(text, "");
    assert_int_not_equal(access(beside, F_OK), 0);
}

static void test_what_fails_leaves_the_old_one(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(SIZE_MAX);
    struct fh_slice text = FH_NONE;

    FH_UNUSED(state);
    tap_context("what fails");
    assert_int_equal(fh_file_replace(path, FH_LIT("old"), arena), FH_OK);
    assert_int_equal(mkdir(beside, 0700), 0); /* in the way */
    assert_int_equal(fh_file_replace(path, FH_LIT("new"), arena), FH_E_SYSTEM);
    assert_int_equal(errno, EEXIST);
    assert_int_equal(rmdir(beside), 0);
    assert_int_equal(fh_file_read(path, arena, 10, &text), FH_OK);
    assert_text(text, "old");
    assert_int_equal(fh_file_read(dir, arena, 10, &text), FH_E_SYSTEM);
    assert_int_equal(errno, EISDIR);
}

static int make_dir(void **state)
{
    FH_UNUSED(state);
    (void)snprintf(dir, sizeof(dir), "/tmp/fh-file-XXXXXX");
    if (mkdtemp(dir) == NULL) {
        return -1;
    }
    (void)snprintf(path, sizeof(path), "%s/it", dir);
    (void)snprintf(beside, sizeof(beside), "%s/it~", dir);
    return 0;
}

static int remove_dir(void **state)
{
    FH_UNUSED(state);
    (void)unlink(path);
    return rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replace_and_read),
        cmocka_unit_test(test_what_fails_leaves_the_old_one),
    };
    return cmocka_run_group_tests_name("file", tests, make_dir, remove_dir);
}
