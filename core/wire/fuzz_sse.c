/* fuzz_sse.c: the same bytes whole and cut up must give the same events. The first byte picks the
 * cut. A difference is a bug even when nothing crashes.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"
#include "wire/sse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t digest(struct fh_slice wire, size_t step)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 20);
    struct fh_sse_decoder *dec = fh_sse_decoder_new(arena, 1 << 10);
    enum fh_step got = FH_STEP_MORE;
    uint32_t sum = 0;

    while (wire.len > 0 && got != FH_STEP_ERROR) {
        size_t n = fh_min(step, wire.len);
        struct fh_frame event;

        fh_sse_feed(dec, fh_head(wire, n));
        wire = fh_tail(wire, n);
        while ((got = fh_sse_next(dec, &event)) == FH_STEP_EVENT) {
            sum = fh_crc32c(sum, event.name);
            sum = fh_crc32c(sum, event.data);
            sum = fh_crc32c(sum, event.raw);
        }
    }
    sum ^= (uint32_t)fh_sse_error(dec).code << 24 ^ (uint32_t)fh_sse_at_boundary(dec);
    fh_sse_decoder_fini(dec);
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    struct fh_slice wire = {data + 1, size - 1};

    FH_ASSERT(digest(wire, 1 + (size_t)data[0]) == digest(wire, wire.len));
    return 0;
}
