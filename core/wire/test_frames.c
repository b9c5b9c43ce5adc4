/* test_frames.c: frames of every framing at every cut, and written again.
 * SPDX-License-Identifier: Apache-2.0 */
#include "frame_lines.h"
#include "tap.h"

enum { FRAME_MAX = 512, ARENA_MAX = 1 << 24, TEXT_MAX = 1 << 16 };

static const struct row {
    const char *name;
    enum fh_framing framing;
    const char *wire; /* event streams: as frame_lines.h has it */
    const char *want; /* a line a frame, then how it ended */
} rows[] = {
    {"server-sent events", FH_FRAMING_SSE, "event: a\ndata: {}\n\ndata: x\n\n",
     "a {}\n x\nend\n"},
    {"half an event", FH_FRAMING_SSE, "data: x\n\ndata:", " x\ncut\n"},
    {"nothing", FH_FRAMING_EVENTSTREAM, "", "end\n"},
    {"events", FH_FRAMING_EVENTSTREAM,
     "messageStart {\"role\":\"assistant\"}\ncontentBlockStop {\"contentBlockIndex\":0}\n",
     "messageStart {\"role\":\"assistant\"}\ncontentBlockStop "
     "{\"contentBlockIndex\":0}\nend\n"},
    {"an exception", FH_FRAMING_EVENTSTREAM, "a {}\n!throttlingException {\"message\":\"m\"}\n",
     "a {}\n!throttlingException {\"message\":\"m\"}\nend\n"},
    {"an error", FH_FRAMING_EVENTSTREAM, "!!500 it broke\n", "!500 it broke\nend\n"},
    {"an event called chunk", FH_FRAMING_EVENTSTREAM, "chunk {\"bytes\":\"e30=\"}\n",
     "chunk {\"bytes\":\"e30=\"}\nend\n"},
    {"chunks", FH_FRAMING_CHUNKS,
     "chunk {\"bytes\":\"eyJ0eXBlIjoicGluZyJ9\",\"p\":\"abc\"}\n"
     "chunk {\"p\":\"abcd\",\"bytes\":\"eyJ0eXBlIjoibWVzc2FnZV9zdG9wIiwiYSI6MX0=\"}\n",
     "ping {\"type\":\"ping\"}\nmessage_stop {\"type\":\"message_stop\",\"a\":1}\nend\n"},
    {"a chunk with escapes, and escapes in its type", FH_FRAMING_CHUNKS,
     "chunk {\"bytes\":\"ey\\u004a0eXBlIjoicFx1MDA2OW5nIiwicyI6ImE\\/Pz4ifQ==\"}\n",
     "ping {\"type\":\"p\\u0069ng\",\"s\":\"a?\?>\"}\nend\n"},
    {"a chunk whose event has no type", FH_FRAMING_CHUNKS,
     "chunk {\"bytes\":\"eyJhIjoxfQ==\"}\n", " {\"a\":1}\nend\n"},
    {"a chunk whose type is no text", FH_FRAMING_CHUNKS,
     "chunk {\"bytes\":\"eyJ0eXBlIjoxfQ==\"}\n", " {\"type\":1}\nend\n"},
    {"a chunk that holds no JSON", FH_FRAMING_CHUNKS, "chunk {\"bytes\":\"aGk=\"}\n",
     " hi\nend\n"},
    {"an empty chunk", FH_FRAMING_CHUNKS, "chunk {\"bytes\":\"\"}\n", " \nend\n"},
    {"exceptions between chunks are no chunks", FH_FRAMING_CHUNKS,
     "!modelTimeoutException {\"message\":\"m\"}\n!chunk {}\n",
     "!modelTimeoutException {\"message\":\"m\"}\n!chunk {}\nend\n"},
    {"other events between chunks", FH_FRAMING_CHUNKS, "ping {}\n", "ping {}\nend\n"},
    {"a chunk without bytes", FH_FRAMING_CHUNKS, "ping {}\nchunk {}\n",
     "ping {}\nsyntax: chunk without an event in base64 @92\n"},
    {"bytes that are no text", FH_FRAMING_CHUNKS, "chunk {\"bytes\":7}\n",
     "syntax: chunk without an event in base64 @0\n"},
    {"bytes twice", FH_FRAMING_CHUNKS, "chunk {\"bytes\":\"e30=\",\"bytes\":\"e30=\"}\n",
     "syntax: chunk without an event in base64 @0\n"},
    {"bytes that are no base64", FH_FRAMING_CHUNKS, "chunk {\"bytes\":\"e30\"}\nping {}\n",
     "syntax: chunk without an event in base64 @0\n"},
    {"a chunk that is no JSON", FH_FRAMING_CHUNKS, "chunk bytes\n",
     "syntax: chunk without an event in base64 @0\n"},
};

static struct fh_slice wire_of(const struct row *row, struct fh_arena *arena)
{
    struct fh_slice text = fh_cstr(row->wire);

    return row->framing == FH_FRAMING_SSE ? text : frame_lines_wire(arena, text);
}

/* story feeds `wire` in pieces of `step` bytes and writes down what came out. */
static struct fh_slice story(struct fh_arena *arena, enum fh_framing framing,
                             struct fh_slice wire, size_t step)
{
    struct fh_frames *frames = fh_frames_new(arena, framing, FRAME_MAX);
    struct fh_buf out = fh_buf_in_arena(arena, TEXT_MAX);
    struct fh_buf raw = fh_buf_in_arena(arena, TEXT_MAX);
    struct fh_buf piece = fh_buf_in_arena(arena, step);
    enum fh_step got = FH_STEP_MORE;
    struct fh_slice rest = wire;
    struct fh_frame frame;

    while (rest.len > 0 && got != FH_STEP_ERROR) {
        size_t n = fh_min(step, rest.len);

        fh_buf_clear(&piece);
        fh_buf_append(&piece, fh_head(rest, n));
        rest = fh_tail(rest, n);
        fh_frames_feed(frames, fh_buf_slice(&piece));
        while ((got = fh_frames_next(frames, &frame)) == FH_STEP_EVENT) {
            frame_lines_add(&out, &frame);
            fh_buf_append(&raw, frame.raw);
        }
        memset(piece.ptr, 0xa5, n); /* it was lent, and is not any more */
    }
    if (got == FH_STEP_ERROR) {
        struct fh_error e = fh_frames_error(frames);

        fh_buf_printf(&out, "%s: %s @%llu\n", fh_rc_name(e.code), e.what,
                      (unsigned long long)e.at);
        assert_int_equal(fh_frames_next(frames, &frame), FH_STEP_ERROR);
        assert_false(fh_frames_at_boundary(frames));
    } else if (fh_frames_at_boundary(frames)) {
        fh_buf_append(&out, FH_LIT("end\n"));
        assert_true(fh_eq(fh_buf_slice(&raw), wire)); /* raw covers every byte */
    } else {
        fh_buf_append(&out, FH_LIT("cut\n"));
    }
    fh_frames_fini(frames);
    return fh_buf_slice(&out);
}

static void test_every_cut_tells_the_same_story(void **state)
{
    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(rows); i++) {
        FH_AUTO(fh_arena_free) struct fh_arena *file = fh_arena_new(ARENA_MAX);
        struct fh_slice wire = wire_of(&rows[i], file);

        for (size_t step = 1; step <= fh_max(wire.len, 1); step++) {
            FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);

            tap_context("%s, in pieces of %zu", rows[i].name, step);
            assert_text(story(arena, rows[i].framing, wire, step), rows[i].want);
        }
    }
}

/* written writes an event of `len` bytes of data and reads it back. */
static struct fh_slice written(struct fh_arena *arena, enum fh_framing framing, size_t len)
{
    struct fh_buf data = fh_buf_in_arena(arena, len);
    struct fh_buf wire = fh_buf_in_arena(arena, TEXT_MAX);

    for (size_t i = 0; i < len; i++) {
        fh_buf_byte(&data, 'x');
    }
    fh_frame_write(&wire, framing, FH_LIT("name"), fh_buf_slice(&data));
    assert_false(wire.failed);
    return story(arena, framing, fh_buf_slice(&wire), 3);
}

static void test_what_is_written_is_read(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    struct fh_buf wire = fh_buf_in_arena(arena, TEXT_MAX);

    FH_UNUSED(state);
    assert_text(written(arena, FH_FRAMING_SSE, 3), "name xxx\nend\n");
    assert_text(written(arena, FH_FRAMING_EVENTSTREAM, 3), "name xxx\nend\n");
    assert_text(written(arena, FH_FRAMING_CHUNKS, 3), " xxx\nend\n");
    fh_frame_write(&wire, FH_FRAMING_CHUNKS, FH_NONE, FH_LIT("{\"type\":\"ping\"}"));
    assert_text(story(arena, FH_FRAMING_CHUNKS, fh_buf_slice(&wire), 1),
                "ping {\"type\":\"ping\"}\nend\n");
    assert_text(frame_lines_shown(arena, fh_buf_slice(&wire)),
                "chunk {\"bytes\":\"eyJ0eXBlIjoicGluZyJ9\"}\n");
}

static void test_remarks_are_nothing_to_a_client(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    static const struct {
        enum fh_framing framing, read_as;
        const char *story;
    } remarks[] = {
        {FH_FRAMING_SSE, FH_FRAMING_SSE, " \nend\n"},
        {FH_FRAMING_EVENTSTREAM, FH_FRAMING_EVENTSTREAM, "said {\"said\":\"/a%20b\"}\nend\n"},
        {FH_FRAMING_CHUNKS, FH_FRAMING_EVENTSTREAM, "said {\"said\":\"/a%20b\"}\nend\n"},
        {FH_FRAMING_LIST, FH_FRAMING_SSE, "end\n"},
    };

    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(remarks); i++) {
        struct fh_buf wire = fh_buf_in_arena(arena, TEXT_MAX);

        tap_context("row %zu", i);
        fh_frame_remark(&wire, remarks[i].framing, FH_LIT("said"), FH_LIT("/a%20b"));
        assert_text(story(arena, remarks[i].read_as, fh_buf_slice(&wire), 1), remarks[i].story);
    }
}

/* A frame of `FRAME_MAX` bytes is the largest. */
static void test_frames_are_bounded(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    size_t around = frame_lines_wire(arena, FH_LIT("name \n")).len;
    struct fh_slice fits = written(arena, FH_FRAMING_EVENTSTREAM, FRAME_MAX - around);

    FH_UNUSED(state);
    assert_true(fh_ends(fits, FH_LIT("x\nend\n")));
    assert_text(written(arena, FH_FRAMING_EVENTSTREAM, FRAME_MAX - around + 1),
                "limit: frame longer than frame_max_bytes @0\n");
    assert_text(written(arena, FH_FRAMING_CHUNKS, FRAME_MAX),
                "limit: frame longer than frame_max_bytes @0\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_cut_tells_the_same_story),
        cmocka_unit_test(test_what_is_written_is_read),
        cmocka_unit_test(test_remarks_are_nothing_to_a_client),
        cmocka_unit_test(test_frames_are_bounded),
    };
    return cmocka_run_group_tests_name("frames", tests, NULL, NULL);
}
