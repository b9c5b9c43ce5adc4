/* fuzz_record.c: what is decoded is encoded to the same bytes, unless a later version's fields were
 * skipped; then to a record that says the same. The first byte is the type.
 * SPDX-License-Identifier: Apache-2.0 */
#include "journal/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct fh_slice encoded(struct fh_arena *arena, const struct fh_record *r)
{
    struct fh_buf out = fh_buf_in_arena(arena, FH_RECORD_MAX);

    switch (r->type) {
    case FH_RECORD_INTENT:
        fh_encode_intent(&out, &r->intent);
        break;
    case FH_RECORD_SETTLE:
        fh_encode_settle(&out, &r->settle);
        break;
    case FH_RECORD_VOID:
        fh_encode_void(&out, &r->voided);
        break;
    }
    FH_ASSERT(!out.failed);
    return fh_buf_slice(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 20);
    struct fh_record record;
    struct fh_record again;

    if (size < 1 ||
        fh_decode_record(data[0], fh_tail(fh_slice(data, size), 1), &record) != FH_OK) {
        return 0;
    }
    struct fh_slice first = encoded(arena, &record);

    FH_ASSERT(first.len <= size - 1);
    FH_ASSERT(first.len < size - 1 || fh_eq(first, fh_tail(fh_slice(data, size), 1)));
    FH_ASSERT(fh_decode_record((uint16_t)record.type, first, &again) == FH_OK);
    FH_ASSERT(fh_eq(first, encoded(arena, &again)));
    return 0;
}
