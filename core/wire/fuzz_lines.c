/* fuzz_lines.c: the same bytes whole and cut up must give the same lines. The first byte picks the
 * cut.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"
#include "wire/lines.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LINE_MAX_BYTES = 16 };

static void note(uint32_t *sum, const struct fh_line *line)
{
    FH_ASSERT(line->text.len <= LINE_MAX_BYTES);
    FH_ASSERT(!line->cut || line->text.len == LINE_MAX_BYTES);
    FH_ASSERT(fh_find(line->text, '\n') == line->text.len);
    *sum = fh_crc32c(*sum, line->text);
    *sum = fh_crc32c(*sum, line->cut ? FH_LIT("~\n") : FH_LIT("\n"));
}

static uint32_t digest(struct fh_slice wire, size_t step)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 20);
    struct fh_lines *lines = fh_lines_new(arena, LINE_MAX_BYTES);
    struct fh_line line;
    uint32_t sum = 0;

    while (wire.len > 0) {
        size_t n = fh_min(step, wire.len);

        fh_lines_feed(lines, fh_head(wire, n));
        wire = fh_tail(wire, n);
        while (fh_lines_next(lines, &line)) {
            note(&sum, &line);
        }
    }
    if (fh_lines_last(lines, &line)) {
        note(&sum, &line);
    }
    fh_lines_fini(lines);
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
