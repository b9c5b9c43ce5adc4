/* test_sse.c: how the bytes were cut into reads must never show.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include "wire/sse.h"

struct row {
    const char *name;
    struct fh_slice wire;
    const char *want; /* events as name=data; comments-only blocks as ~ */
};

enum { EVENT_MAX = 64 };

static const struct row rows[] = {
    {"one event", FH_LIT_INIT("data: hi\n\n"), "=hi end"},
    {"named", FH_LIT_INIT("event: ping\ndata: {}\n\n"), "ping={} end"},
    {"no space behind the colon", FH_LIT_INIT("event:a\ndata:b\n\n"), "a=b end"},
    {"only one space goes", FH_LIT_INIT("data:  b\n\n"), "= b end"},
    {"crlf", FH_LIT_INIT("event: a\r\ndata: b\r\n\r\ndata: c\r\n\r\n"), "a=b =c end"},
    {"cr", FH_LIT_INIT("data: a\r\rdata: b\r\r\n\n"), "=a =b ~ end"},
    {"mixed ends", FH_LIT_INIT("data: a\r\n\ndata: b\n\r\n"), "=a =b end"},
    {"several data lines", FH_LIT_INIT("data: a\ndata: b\ndata:\ndata: c\n\n"), "=a|b||c end"},
    {"empty data", FH_LIT_INIT("data\n\n"), "= end"},
    {"comment", FH_LIT_INIT(": keep-alive\n\ndata: x\n\n"), "~ =x end"},
    {"comment inside", FH_LIT_INIT("event: e\n: c\ndata: x\n\n"), "e=x end"},
    {"unknown fields", FH_LIT_INIT("id: 7\nretry: 10\ndata: x\n\n"), "=x end"},
    {"last name counts", FH_LIT_INIT("event: a\nevent: b\ndata: x\n\n"), "b=x end"},
    {"byte order mark",
     FH_LIT_INIT("\xef\xbb\xbf"
                 "data: x\n\n"),
     "=x end"},
    {"utf-8 in the middle of a cut", FH_LIT_INIT("data: \xe2\x82\xac\n\n"),
     "=\xe2\x82\xac end"},
    {"empty lines alone", FH_LIT_INIT("\n\n"), "~ ~ end"},
    {"nothing", FH_LIT_INIT(""), "end"},
    {"stops inside an event", FH_LIT_INIT("data: a\n\ndata: b\n"), "=a cut"},
    {"stops inside a line", FH_LIT_INIT("data: a"), "cut"},
    {"stops behind a bare cr", FH_LIT_INIT("data: a\r\r"), "cut"},
    {"64 bytes fit",
     FH_LIT_INIT("data: 0123456789012345678901234567890123456789012345678901234_\n\n"
                 "data: x\n\n"),
     "=0123456789012345678901234567890123456789012345678901234_ =x end"},
    {"65 bytes do not",
     FH_LIT_INIT("data: 0123456789012345678901234567890123456789012345678901234__\n\n"),
     "event longer than event_max@0"},
    {"too long and never ending",
     FH_LIT_INIT("data: a\n\ndata: "
                 "01234567890123456789012345678901234567890123456789012345678901234567"),
     "=a event longer than event_max@9"},
};

/* story feeds `wire` in pieces of `step` bytes and writes down what came out. */
static struct fh_slice story(struct fh_arena *arena, struct fh_slice wire, size_t step)
{
    struct fh_buf out = fh_buf_in_arena(arena, 4096);
    struct fh_sse_decoder *dec = fh_sse_decoder_new(arena, EVENT_MAX);
    struct fh_frame event;
    enum fh_step got = FH_STEP_MORE;
    size_t passed = 0;
    size_t total = wire.len;

    while (wire.len > 0 && got != FH_STEP_ERROR) {
        size_t n = fh_min(step, wire.len);

        fh_sse_feed(dec, fh_head(wire, n));
        wire = fh_tail(wire, n);
        while ((got = fh_sse_next(dec, &event)) == FH_STEP_EVENT) {
            passed += event.raw.len;
            FH_ASSERT(event.name.ptr != NULL || event.name.len == 0);
            if (event.name.ptr == NULL && event.data.ptr == NULL) {
                fh_buf_append(&out, FH_LIT("~ "));
                continue;
            }
            fh_buf_append(&out, event.name);
            fh_buf_byte(&out, '=');
            while (event.data.len > 0) {
                struct fh_slice line = FH_NONE;
                bool more = fh_find(event.data, '\n') < event.data.len;

                assert_true(fh_split(&event.data, '\n', &line));
                fh_buf_append(&out, line);
                fh_buf_append(&out, more ? FH_LIT("|") : FH_NONE);
            }
            fh_buf_byte(&out, ' ');
        }
    }
    if (got == FH_STEP_ERROR) {
        struct fh_error e = fh_sse_error(dec);

        fh_buf_printf(&out, "%s@%llu", e.what, (unsigned long long)e.at);
        assert_int_equal(fh_sse_next(dec, &event), FH_STEP_ERROR);
    } else if (fh_sse_at_boundary(dec)) {
        fh_buf_append(&out, FH_LIT("end"));
        assert_int_equal(passed, total); /* raw covers every byte */
    } else {
        fh_buf_append(&out, FH_LIT("cut"));
    }
    fh_sse_decoder_fini(dec);
    return fh_buf_slice(&out);
}

static void test_every_cut_tells_the_same_story(void **state)
{
    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(rows); i++) {
        for (size_t step = 1; step <= fh_max(rows[i].wire.len, 1); step++) {
            FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 20);

            tap_context("%s, in pieces of %zu", rows[i].name, step);
            assert_text(story(arena, rows[i].wire, step), rows[i].want);
        }
    }
}

static void test_writes_what_it_reads(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 20);
    struct fh_buf out = fh_buf_in_arena(arena, 1024);

    FH_UNUSED(state);
    fh_sse_write(&out, FH_LIT("ping"), FH_LIT("{}"));
    fh_sse_write(&out, FH_NONE, FH_LIT("[DONE]"));
    assert_text(fh_buf_slice(&out), "event: ping\ndata: {}\n\ndata: [DONE]\n\n");
    assert_text(story(arena, fh_buf_slice(&out), 5), "ping={} =[DONE] end");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_cut_tells_the_same_story),
        cmocka_unit_test(test_writes_what_it_reads),
    };
    return cmocka_run_group_tests_name("sse", tests, NULL, NULL);
}
