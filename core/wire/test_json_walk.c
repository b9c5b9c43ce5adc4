/* test_json_walk.c: parts of objects and arrays, in order, as they stand.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include "wire/json_scan.h"
#include "wire/json_walk.h"

/* What a walk gives: name=value, each in brackets. */
static const struct {
    const char *text;
    const char *parts;
} rows[] = {
    {"[]", ""},
    {"{}", ""},
    {" [ ] ", ""},
    {"[1]", "[=1]"},
    {"[1,-2.5e3,true,null]", "[=1][=-2.5e3][=true][=null]"},
    {"[ 1 ,\n2\t, \"a b\" ]\r\n", "[=1][=2][=\"a b\"]"},
    {"[[1,[2]],{\"a\":[]},[]]", "[=[1,[2]]][={\"a\":[]}][=[]]"},
    {"{\"a\":1}", "[\"a\"=1]"},
    {"{ \"a\" : 1 , \"b\" : { } }", "[\"a\"=1][\"b\"={ }]"},
    {"{\"\":\"\"}", "[\"\"=\"\"]"},
    {"{\"a\\\"]\":\"}\\\\\",\"\\u0022\":\"[\\u005d\"}",
     "[\"a\\\"]\"=\"}\\\\\"][\"\\u0022\"=\"[\\u005d\"]"},
    {"[\"],[\",{\"}\":\"{\"}]", "[=\"],[\"][={\"}\":\"{\"}]"},
    {"[\"\xc3\xa9\xf0\x9f\x9a\x80 and more than sixteen bytes\"]",
     "[=\"\xc3\xa9\xf0\x9f\x9a\x80 and more than sixteen bytes\"]"},
};

static void walk_all(struct fh_slice text, struct fh_buf *out)
{
    struct fh_json_walk walk;
    struct fh_json_part part;

    assert_true(fh_json_walk_begin(&walk, text));
    while (fh_json_walk_next(&walk, &part)) {
        fh_buf_printf(out, "[%.*s=%.*s]", FH_ARG(part.name), FH_ARG(part.value));
    }
    assert_false(fh_json_walk_next(&walk, &part)); /* an end is an end */
}

static void test_parts_come_in_order(void **state)
{
    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(rows); i++) {
        FH_AUTO(fh_buf_fini) struct fh_buf out = fh_buf_on_heap(4096);
        struct fh_error why;

        tap_context("%s", rows[i].text);
        assert_int_equal(fh_json_scan(fh_cstr(rows[i].text), NULL, NULL, 0, 64, &why), FH_OK);
        walk_all(fh_cstr(rows[i].text), &out);
        assert_text(fh_buf_slice(&out), rows[i].parts);
    }
}

static void test_scalars_have_no_parts(void **state)
{
    static const char *const texts[] = {"", " ", "1", "\"[\"", "null", "]", "}"};
    struct fh_json_walk walk;

    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(texts); i++) {
        tap_context("%s", texts[i]);
        assert_false(fh_json_walk_begin(&walk, fh_cstr(texts[i])));
    }
}

/* Nobody should walk what was not accepted; who does gets pieces of it, and an end. */
static void test_every_cut_ends(void **state)
{
    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(rows); i++) {
        struct fh_slice text = fh_cstr(rows[i].text);

        for (size_t len = 0; len < text.len; len++) {
            FH_AUTO(fh_buf_fini) struct fh_buf exact = fh_buf_on_heap(len);
            struct fh_json_walk walk;
            struct fh_json_part part;
            size_t sum = 0;

            fh_buf_append(&exact, fh_head(text, len));
            for (bool more = fh_json_walk_begin(&walk, fh_buf_slice(&exact)); more;
                 more = fh_json_walk_next(&walk, &part)) {
                assert_true(sum++ <= len);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts_come_in_order),
        cmocka_unit_test(test_scalars_have_no_parts),
        cmocka_unit_test(test_every_cut_ends),
    };
    return cmocka_run_group_tests_name("json_walk", tests, NULL, NULL);
}
