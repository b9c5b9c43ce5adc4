/* fuzz_eventstream.c: the same bytes whole and cut up must give the same messages, and a message
 * written again must be the bytes that it came from. The first byte picks the cut; its top bit has
 * the checksums put right first, which no mutation would find.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"
#include "wire/eventstream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FRAME_MAX = 1 << 12, MEND = 0x80 };

/* mend copies frames with the checksums that they should have. */
static void mend(struct fh_buf *out, struct fh_slice wire)
{
    uint32_t total = 0;

    while (wire.len >= 16) {
        struct fh_slice head = fh_head(wire, 8);
        size_t start = out->len;

        fh_buf_append(out, head);
        fh_buf_u32be(out, fh_crc32(0, head));
        if (!fh_read_u32be(&head, &total) || total < 16 || total > wire.len) {
            wire = fh_tail(wire, 12);
            break;
        }
        fh_buf_append(out, fh_sub(wire, 12, total - 16));
        fh_buf_u32be(out, fh_crc32(0, fh_tail(fh_buf_slice(out), start)));
        wire = fh_tail(wire, total);
    }
    fh_buf_append(out, wire);
}

static void check_message(const struct fh_es_message *msg, uint32_t *sum)
{
    FH_AUTO(fh_buf_fini) struct fh_buf again = fh_buf_on_heap(FRAME_MAX);
    struct fh_es_header list[FH_ES_HEADERS_MAX];
    struct fh_es_header h;
    struct fh_slice headers = msg->headers;
    struct fh_slice text = FH_NONE;
    size_t count = 0;

    while (fh_es_header_next(&headers, &h)) {
        FH_ASSERT(count < FH_LEN(list));
        list[count++] = h;
        FH_ASSERT(fh_es_header_text(msg->headers, h.name, &text) == (h.type == FH_ES_STRING));
        FH_ASSERT(h.type != FH_ES_STRING || fh_eq(text, h.value));
        *sum = fh_crc32c(*sum, h.name) ^ (uint32_t)h.type;
        *sum = fh_crc32c(*sum, h.value);
    }
    FH_ASSERT(headers.len == 0);
    *sum = fh_crc32c(*sum, msg->payload);
    fh_es_write(&again, list, count, msg->payload);
    FH_ASSERT(!again.failed && fh_eq(fh_buf_slice(&again), msg->raw));
}

static uint32_t digest(struct fh_slice wire, size_t step)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 20);
    struct fh_es_decoder *dec = fh_es_decoder_new(arena, FRAME_MAX);
    enum fh_step got = FH_STEP_MORE;
    uint32_t sum = 0;

    while (wire.len > 0 && got != FH_STEP_ERROR) {
        size_t n = fh_min(step, wire.len);
        struct fh_es_message msg;

        fh_es_feed(dec, fh_head(wire, n));
        wire = fh_tail(wire, n);
        while ((got = fh_es_next(dec, &msg)) == FH_STEP_EVENT) {
            check_message(&msg, &sum);
        }
    }
    struct fh_error error = fh_es_error(dec);

    FH_ASSERT((got == FH_STEP_ERROR) == (error.code != FH_OK));
    sum ^=
        (uint32_t)error.code << 24 ^ (uint32_t)error.at << 1 ^ (uint32_t)fh_es_at_boundary(dec);
    fh_es_decoder_fini(dec);
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    FH_AUTO(fh_buf_fini) struct fh_buf mended = fh_buf_on_heap(2 * size);
    struct fh_slice wire = {data + 1, size - 1};

    if ((data[0] & MEND) != 0) {
        mend(&mended, wire);
        FH_ASSERT(!mended.failed);
        wire = fh_buf_slice(&mended);
    }
    FH_ASSERT(digest(wire, 1 + (size_t)(data[0] & ~MEND)) == digest(wire, wire.len));
    return 0;
}
