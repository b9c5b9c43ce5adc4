/* fuzz_bedrock.c: what fuzz_dialect.h wants of every dialect, and counts. A stream is a line an
 * event: a type, a blank, a payload; `!` before an exception: no mutation would find checksums that
 * agree.
 * SPDX-License-Identifier: Apache-2.0 */
#include "fuzz_dialect.h"

#include "wire/eventstream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct fh_dialect *const dialect = &fh_dialect_bedrock;

static void try_count(struct fh_slice body)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(FUZZ_ARENA_MAX);
    struct fh_buf out = fh_buf_in_arena(arena, FUZZ_TEXT_MAX);
    struct fh_slice chat = FH_NONE;
    struct fh_complaint why = {0};

    if (dialect->unwrap_count(&chat, arena, body, &why) != FH_OK) {
        FH_ASSERT(why.message.len > 0);
        return;
    }
    dialect->wrap_count(&out, arena, chat);
    FH_ASSERT(dialect->unwrap_count(&chat, arena, fh_buf_slice(&out), &why) == FH_OK);
}

static void try_stream(struct fh_slice lines, size_t step)
{
    FH_AUTO(fh_buf_fini) struct fh_buf wire = fh_buf_on_heap(FUZZ_TEXT_MAX);
    struct fh_slice line = FH_NONE;

    while (fh_split(&lines, '\n', &line)) {
        struct fh_slice name = FH_NONE;
        bool exception = fh_take(&line, FH_LIT("!"));

        /* headers are text */
        if (!fh_split(&line, ' ', &name) || !fh_utf8_ok(name) || name.len > 255) {
            continue;
        }
        if (exception) {
            fh_es_write_exception(&wire, name, line);
        } else {
            fh_es_write_event(&wire, name, line);
        }
    }
    fuzz_stream(dialect, fh_buf_slice(&wire), step);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fh_slice in = fuzz_section(fh_slice(data, size));

    if (size == 0 || size > FUZZ_INPUT_MAX) {
        return 0;
    }
    fuzz_request(dialect, in);
    try_count(in);
    fuzz_reply(dialect, in);
    try_stream(in, 1 + (size_t)data[size - 1] % 32);
    fuzz_fault(dialect, in, (uint16_t)(400 + data[0]));
    return 0;
}
