/* test_json_edit.c: members replaced, removed and put in front, wherever they stand.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include "wire/json_edit.h"
#include "wire/json_scan.h"

enum { DEPTH_MAX = 16 };

static const struct fh_slice names[] = {FH_LIT_INIT("a"), FH_LIT_INIT("b"), FH_LIT_INIT("c")};

struct row {
    const char *body;
    const char *remove;  /* names of members, a letter each */
    const char *replace; /* the same: by 0 */
    const char *front;   /* a member, or NULL */
    const char *want;
};

static const struct row rows[] = {
    {"{\"a\":1,\"b\":2,\"c\":3}", "", "", NULL, "{\"a\":1,\"b\":2,\"c\":3}"},
    {"{\"a\":1,\"b\":2,\"c\":3}", "a", "", NULL, "{\"b\":2,\"c\":3}"},
    {"{\"a\":1,\"b\":2,\"c\":3}", "b", "", NULL, "{\"a\":1,\"c\":3}"},
    {"{\"a\":1,\"b\":2,\"c\":3}", "c", "", NULL, "{\"a\":1,\"b\":2}"},
    {"{\"a\":1,\"b\":2,\"c\":3}", "bc", "", NULL, "{\"a\":1}"},
    {"{\"a\":1,\"b\":2,\"c\":3}", "ab", "", NULL, "{\"c\":3}"},
    {"{\"a\":1,\"b\":2,\"c\":3}", "ac", "", NULL, "{\"b\":2}"},
    {"{\"a\":1,\"b\":2,\"c\":3}", "abc", "", NULL, "{}"},
    {" { \"a\" : 1 , \"b\" : 2 , \"x\" : 0 } ", "ab", "", NULL, " {   \"x\" : 0 } "},
    {"{\"x\":0 , \"b\":2 , \"c\":3 }", "bc", "", NULL, "{\"x\":0  }"},
    {"{\"a\":1}", "", "", "\"v\":9", "{\"v\":9,\"a\":1}"},
    {"{\"a\":1}", "a", "", "\"v\":9", "{\"v\":9}"},
    {"{ }", "", "", "\"v\":9", "{\"v\":9 }"},
    {"{\"a\":1,\"b\":2}", "ab", "", "\"v\":9", "{\"v\":9}"},
    {"{\"a\":1,\"x\":{},\"b\":2}", "ab", "", "\"v\":9", "{\"v\":9,\"x\":{}}"},
    {"{\"a\":1,\"b\":2,\"c\":3}", "b", "ac", "\"v\":9", "{\"v\":9,\"a\":0,\"c\":0}"},
    {"{\"a\":{\"b\":1},\"b\":[1,2]}", "b", "a", NULL, "{\"a\":0}"},
};

static void test_members_go_and_come(void **state)
{
    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(rows); i++) {
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 16);
        struct fh_json_edits edits = {.body = fh_cstr(rows[i].body)};
        struct fh_slice piece[FH_JSON_PIECES_MAX];
        struct fh_json_member member[FH_LEN(names)];
        struct fh_error why;

        tap_context("row %zu: %s", i, rows[i].body);
        assert_int_equal(
            fh_json_scan(edits.body, names, member, FH_LEN(names), DEPTH_MAX, &why), FH_OK);
        for (const char *c = rows[i].replace; *c != '\0'; c++) {
            fh_json_replace(&edits, member[*c - 'a'].value, FH_LIT("0"));
        }
        for (const char *c = rows[i].remove; *c != '\0'; c++) {
            fh_json_remove(&edits, member[*c - 'a'].whole);
        }
        if (rows[i].front != NULL) {
            fh_json_put_front(&edits, fh_cstr(rows[i].front));
        }
        size_t count = fh_json_pieces(&edits, piece);
        struct fh_slice got = fh_concat(arena, piece, count);

        assert_text(got, rows[i].want);
        assert_int_equal(fh_json_scan(got, names, member, FH_LEN(names), DEPTH_MAX, &why),
                         FH_OK);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members_go_and_come),
    };
    return cmocka_run_group_tests_name("json_edit", tests, NULL, NULL);
}
