/* fuzz_bedrock.c: what fuzz_dialect.h wants of every dialect. A stream is a line an event: a type,
 * a blank, a payload; `!` before an exception: no mutation would find checksums that agree. Beside
 * that, a request that another dialect takes, or that comes from one, must be something there, and
 * so must a count.
 * SPDX-License-Identifier: Apache-2.0 */
#include "fuzz_dialect.h"

#include "wire/eventstream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct fh_dialect *const dialect = &fh_dialect_bedrock;

/* try_elsewhere takes a request to another dialect. */
static void try_elsewhere(struct fh_slice body, const struct fh_dialect *from,
                          const struct fh_dialect *to)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(FUZZ_ARENA_MAX);
    struct fh_chat_request *req = fh_new(arena, struct fh_chat_request);
    struct fh_loss *loss = fh_new(arena, struct fh_loss);
    struct fh_buf out = fh_buf_in_arena(arena, FUZZ_TEXT_MAX);
    struct fh_buf once;
    struct fh_complaint why = {0};
    uint32_t lost = 0;
    const struct fh_settling s = {.from = from->cells,
                                  .to = to->cells,
                                  .to_name = to->name,
                                  .home = to->home,
                                  .arena = arena,
                                  .loss = loss};

    loss->arena = arena;
    if (from->decode_request(req, arena, body, &why) != FH_OK ||
        fh_settle(&s, req, &why) != FH_OK ||
        to->encode_request(&out, arena, req, loss, &why) != FH_OK) {
        FH_ASSERT(why.message.len > 0);
        return;
    }
    FH_ASSERT(!out.failed && fh_utf8_ok(fh_buf_slice(&out)));
    FH_ASSERT(fuzz_again(to, arena, fh_buf_slice(&out), &once, &lost));
}

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
    static const struct fh_dialect *const others[] = {&fh_dialect_anthropic,
                                                      &fh_dialect_openai_chat};
    struct fh_slice in = fuzz_section(fh_slice(data, size));

    if (size == 0 || size > FUZZ_INPUT_MAX) {
        return 0;
    }
    fuzz_request(dialect, in);
    for (size_t i = 0; i < FH_LEN(others); i++) {
        try_elsewhere(in, dialect, others[i]);
        try_elsewhere(in, others[i], dialect);
    }
    try_count(in);
    fuzz_reply(dialect, in);
    try_stream(in, 1 + (size_t)data[size - 1] % 32);
    fuzz_fault(dialect, in, (uint16_t)(400 + data[0]));
    return 0;
}
