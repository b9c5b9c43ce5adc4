/* fuzz_http1.c: the same bytes whole and cut up must give the same answers; a difference is where
 * two parsers would disagree about the end of a message. The first byte picks the cut. What stands
 * behind a separator is fed after the next request was made, as on a kept-alive connection.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"
#include "wire/http1.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEAD_MAX = 512 };

#define SEPARATOR FH_LIT("\n====\n")

/* What came out, without the places of the cuts in it. */
struct sum {
    uint32_t heads;
    uint32_t bodies;
    uint64_t body_len;
    uint32_t ends;
};

static void add_event(struct sum *sum, const struct fh_http1_event *event)
{
    const struct fh_http1_head *head = event->head;

    switch (event->kind) {
    case FH_HTTP1_HEAD:
        FH_ASSERT(head->status >= 200 && head->status <= 599);
        FH_ASSERT(head->field_count <= FH_HTTP1_FIELDS_MAX);
        FH_ASSERT(!(head->chunked && head->until_close));
        FH_ASSERT(!(head->until_close && head->keep_alive));
        for (size_t i = 0; i < head->field_count; i++) {
            sum->heads = fh_crc32c(sum->heads, head->field[i].name);
            sum->heads = fh_crc32c(sum->heads, head->field[i].value);
        }
        sum->heads ^= head->status ^ (uint32_t)head->keep_alive << 16 ^
                      (uint32_t)head->chunked << 17 ^ (uint32_t)head->until_close << 18 ^
                      (uint32_t)head->content_length;
        return;
    case FH_HTTP1_BODY:
        FH_ASSERT(event->body.len > 0);
        sum->bodies = fh_crc32c(sum->bodies, event->body);
        sum->body_len += event->body.len;
        return;
    case FH_HTTP1_END:
        FH_ASSERT(head->chunked || sum->body_len == head->content_length);
        sum->body_len = 0;
        sum->ends++;
        return;
    }
}

static enum fh_step feed(struct fh_http1_decoder *dec, struct fh_slice wire, size_t step,
                         struct sum *sum)
{
    enum fh_step got = FH_STEP_MORE;

    while (wire.len > 0 && got != FH_STEP_ERROR) {
        size_t n = fh_min(step, wire.len);
        struct fh_http1_event event;

        fh_http1_feed(dec, fh_head(wire, n));
        wire = fh_tail(wire, n);
        while ((got = fh_http1_next(dec, &event)) == FH_STEP_EVENT) {
            add_event(sum, &event);
        }
    }
    return got;
}

/* next_wire takes what lies in front of the next separator. */
static struct fh_slice next_wire(struct fh_slice *rest)
{
    struct fh_slice wire = *rest;

    while (rest->len > 0) {
        struct fh_slice before = fh_between(wire, *rest);

        if (fh_take(rest, SEPARATOR)) {
            return before;
        }
        *rest = fh_tail(*rest, 1);
    }
    return wire;
}

static uint32_t digest(struct fh_slice input, size_t step)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 20);
    struct fh_http1_decoder *dec = fh_http1_decoder_new(arena, HEAD_MAX);
    struct sum sum = {.heads = 0};
    enum fh_step got = FH_STEP_MORE;
    uint32_t resets = 0;

    while (input.len > 0 && got != FH_STEP_ERROR) {
        got = feed(dec, next_wire(&input), step, &sum);
        if (input.len > 0 && fh_http1_reset(dec)) {
            resets++;
        }
    }
    bool whole = fh_http1_eof(dec);
    struct fh_error error = fh_http1_error(dec);

    FH_ASSERT(whole == (error.code == FH_OK));
    return sum.heads ^ sum.bodies ^ sum.ends << 8 ^ resets << 16 ^ (uint32_t)error.code << 24 ^
           (uint32_t)error.at;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    struct fh_slice input = {data + 1, size - 1};

    FH_ASSERT(digest(input, 1 + (size_t)data[0]) == digest(input, input.len));
    return 0;
}
