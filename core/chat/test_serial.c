/* test_serial.c: blocks that overlap come out one after the other, and what waits is bounded.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"
#include "trace.h"

#include "chat/serial.h"

enum { ARENA_MAX = 1 << 20, HELD_MAX = 4096 };

/* Events as letters: b begins block N as a call, a says arguments in it, s signs it, x stops it;
 * F is a finish, U a usage, E the end, c a block of another choice. */
static const struct {
    const char *name, *events, *want;
} rows[] = {
    {"one after the other", "b0 a0 a0 x0 b1 a1 x1 F E",
     "block 0 call id name\narguments 0 \"0\"\narguments 0 \"0\"\nstop 0\n"
     "block 1 call id name\narguments 1 \"1\"\nstop 1\nfinish stop \nend\n"},
    {"side by side", "b0 b1 a1 a0 a1 s1 x1 a0 x0 F",
     "block 0 call id name\narguments 0 \"0\"\narguments 0 \"0\"\nstop 0\n"
     "block 1 call id name\narguments 1 \"11\"\nsignature 1 \"1\" gemini\nstop 1\n"
     "finish stop \n"},
    {"the second goes on once it is open", "b0 b1 a1 x0 a1 s1 x1",
     "block 0 call id name\nstop 0\nblock 1 call id name\narguments 1 \"1\"\n"
     "arguments 1 \"1\"\nsignature 1 \"1\" gemini\nstop 1\n"},
    {"a finish ends all", "b0 b1 b2 a2 F",
     "block 0 call id name\nstop 0\nblock 1 call id name\nstop 1\n"
     "block 2 call id name\narguments 2 \"2\"\nstop 2\nfinish stop \n"},
    {"gaps are closed", "b3 x3 b7 a7 x7",
     "block 0 call id name\nstop 0\nblock 1 call id name\narguments 1 \"7\"\nstop 1\n"},
    {"what is of no block goes by", "b0 U a0 x0 U",
     "block 0 call id name\nusage output=1\narguments 0 \"0\"\nstop 0\nusage output=1\n"},
    {"of other choices nothing is told", "c0 b0 x0", "block 0 call id name\nstop 0\n"},
    {"of unknown blocks nothing is told", "a5 x5 s5", ""},
};

static struct fh_event event_of(char letter, char digit, const char *text)
{
    static const struct {
        char letter;
        enum fh_event_kind kind;
    } kinds[] = {
        {'b', FH_EVENT_BLOCK_START}, {'c', FH_EVENT_BLOCK_START}, {'a', FH_EVENT_ARGUMENTS},
        {'s', FH_EVENT_SIGNATURE},   {'x', FH_EVENT_BLOCK_STOP},  {'F', FH_EVENT_FINISH},
        {'U', FH_EVENT_USAGE},       {'E', FH_EVENT_END},
    };
    struct fh_event event = {.block = FH_BLOCK_TOOL_CALL,
                             .id = FH_LIT("id"),
                             .name = FH_LIT("name"),
                             .finish = FH_FINISH_STOP,
                             .choice = letter == 'c' ? 1 : 0};

    for (size_t i = 0; i < FH_LEN(kinds); i++) {
        event.kind = kinds[i].letter == letter ? kinds[i].kind : event.kind;
    }
    if (digit >= '0' && digit <= '9') {
        event.index = (uint32_t)(digit - '0');
        event.text = fh_slice(text, 1);
    }
    event.signer = event.kind == FH_EVENT_SIGNATURE ? FH_SIGNER_GEMINI : FH_SIGNER_UNKNOWN;
    if (event.kind == FH_EVENT_USAGE) {
        fh_usage_set(&event.usage, FH_TOKENS_OUTPUT, 1);
    }
    return event;
}

struct listener {
    struct fh_arena *arena;
    struct fh_buf heard;
};

static void hear(void *teller, const struct fh_event *event)
{
    struct listener *l = teller;

    trace_event(&l->heard, l->arena, event);
}

static void test_blocks_come_one_after_the_other(void **state)
{
    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(rows); i++) {
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
        struct fh_serial *serial = fh_serial_new(arena, HELD_MAX);
        struct listener l = {arena, fh_buf_in_arena(arena, ARENA_MAX)};

        tap_context("%s", rows[i].name);
        for (const char *at = rows[i].events; *at != '\0'; at++) {
            struct fh_event event = event_of(at[0], at[1], &at[1]);

            if (*at >= 'A') {
                assert_true(fh_serial_put(serial, &event, hear, &l));
            }
        }
        assert_text(fh_buf_slice(&l.heard), rows[i].want);
    }
}

/* held says whether a second block may say `bytes` bytes while the first is open. */
static bool held(size_t bytes)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    struct fh_serial *serial = fh_serial_new(arena, HELD_MAX);
    struct listener l = {arena, fh_buf_in_arena(arena, ARENA_MAX)};
    struct fh_event first = event_of('b', '0', "0");
    struct fh_event second = event_of('b', '1', "1");
    struct fh_event said = event_of('a', '1', "1");

    assert_true(fh_serial_put(serial, &first, hear, &l));
    assert_true(fh_serial_put(serial, &second, hear, &l));
    said.text = fh_slice(fh_arena_alloc(arena, bytes), bytes);
    return fh_serial_put(serial, &said, hear, &l);
}

static void test_what_waits_is_bounded(void **state)
{
    size_t fits = 0;

    FH_UNUSED(state);
    while (held(fits + 1)) {
        fits++;
    }
    assert_true(fits > HELD_MAX / 4 && fits < HELD_MAX); /* the block itself counts, too */
    assert_true(held(fits));
    assert_false(held(fits + 1));
    assert_false(held(HELD_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks_come_one_after_the_other),
        cmocka_unit_test(test_what_waits_is_bounded),
    };
    return cmocka_run_group_tests_name("serial", tests, NULL, NULL);
}
