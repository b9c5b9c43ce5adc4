/* test_lines.c: how the bytes were cut into reads must never show.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include "wire/lines.h"

enum { LINE_MAX_BYTES = 8 };

static const struct {
    const char *name;
    struct fh_slice wire;
    struct fh_slice want; /* each line in brackets, a cut one with a ~, the last behind a | */
} rows[] = {
    {"nothing", FH_LIT_INIT(""), FH_LIT_INIT("")},
    {"one line", FH_LIT_INIT("abc\n"), FH_LIT_INIT("[abc]")},
    {"two, and one without an end", FH_LIT_INIT("a\nbc\ndef"), FH_LIT_INIT("[a][bc]|[def]")},
    {"empty ones", FH_LIT_INIT("\n\na\n\n"), FH_LIT_INIT("[][][a][]")},
    {"a carriage return is the reader's business", FH_LIT_INIT("a\r\nb\r"),
     FH_LIT_INIT("[a\r]|[b\r]")},
    {"seven bytes", FH_LIT_INIT("1234567\nx\n"), FH_LIT_INIT("[1234567][x]")},
    {"eight bytes", FH_LIT_INIT("12345678\nx\n"), FH_LIT_INIT("[12345678][x]")},
    {"nine bytes", FH_LIT_INIT("123456789\nx\n"), FH_LIT_INIT("[12345678~][x]")},
    {"many", FH_LIT_INIT("123456789012345678901234567890\n\n"), FH_LIT_INIT("[12345678~][]")},
    {"too long at the end", FH_LIT_INIT("x\n1234567890"), FH_LIT_INIT("[x]|[12345678~]")},
    {"too long, twice", FH_LIT_INIT("1234567890\n1234567890\n"),
     FH_LIT_INIT("[12345678~][12345678~]")},
    {"as long as may be, at the end", FH_LIT_INIT("12345678"), FH_LIT_INIT("|[12345678]")},
    {"a NUL is a byte", FH_LIT_INIT("a\0b\n"), FH_LIT_INIT("[a\0b]")},
};

static void note(struct fh_buf *out, const struct fh_line *line)
{
    fh_buf_byte(out, '[');
    fh_buf_append(out, line->text);
    fh_buf_append(out, line->cut ? FH_LIT("~]") : FH_LIT("]"));
}

static struct fh_slice story(struct fh_arena *arena, struct fh_slice wire, size_t step)
{
    struct fh_buf out = fh_buf_in_arena(arena, 4096);
    struct fh_lines *lines = fh_lines_new(arena, LINE_MAX_BYTES);
    struct fh_line line;

    while (wire.len > 0) {
        size_t n = fh_min(step, wire.len);

        fh_lines_feed(lines, fh_head(wire, n));
        wire = fh_tail(wire, n);
        while (fh_lines_next(lines, &line)) {
            note(&out, &line);
        }
    }
    if (fh_lines_last(lines, &line)) {
        fh_buf_byte(&out, '|');
        note(&out, &line);
    }
    assert_false(fh_lines_last(lines, &line));
    fh_lines_fini(lines);
    return fh_buf_slice(&out);
}

static void test_every_cut_gives_the_same_lines(void **state)
{
    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(rows); i++) {
        for (size_t step = 1; step <= fh_max(rows[i].wire.len, 1); step++) {
            FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 20);

            tap_context("%s, in pieces of %zu", rows[i].name, step);
            if (!fh_eq(story(arena, rows[i].wire, step), rows[i].want)) {
                fail_msg("%s", tap_where);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_cut_gives_the_same_lines),
    };
    return cmocka_run_group_tests_name("lines", tests, NULL, NULL);
}
