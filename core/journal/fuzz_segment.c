/* fuzz_segment.c: any bytes are scanned to an end, and a cut gives the beginning of what the whole
 * gives. The first two bytes pick the cut.
 * SPDX-License-Identifier: Apache-2.0 */
#include "journal/record.h"
#include "journal/segment.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* scan_all takes every record up to the first error, and says where it stood then. */
static uint64_t scan_all(struct fh_slice bytes, size_t limit, uint32_t *digest, size_t *count)
{
    struct fh_segment_scan scan = fh_segment_scan(bytes, 0);
    struct fh_segment_record record;
    struct fh_record decoded;

    while (*count < limit && fh_segment_next(&scan, &record) == FH_STEP_EVENT) {
        FH_ASSERT(scan.at > record.at && scan.at <= bytes.len);
        *digest = fh_crc32c(*digest, record.payload);
        (void)!fh_decode_record(record.type, record.payload, &decoded);
        (*count)++;
    }
    return scan.at;
}

/* copy gives the bytes alone and aligned, so that a sanitizer sees a read behind them. */
static uint8_t *copy(const uint8_t *data, size_t size)
{
    uint8_t *bytes = malloc(fh_max(size, 1));

    FH_ASSERT(bytes != NULL);
    if (size > 0) {
        memcpy(bytes, data, size);
    }
    return bytes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint32_t digest = 0;
    uint32_t digest_cut = 0;
    size_t count = 0;
    size_t count_cut = 0;
    struct fh_segment_info info;
    struct fh_error why;

    if (size < 2) {
        return 0;
    }
    uint8_t *whole = copy(data + 2, size - 2);
    size_t cut = ((size_t)data[0] << 8 | data[1]) % (size - 1);
    uint8_t *part = copy(data + 2, cut);

    if (fh_segment_read(fh_slice(whole, size - 2), &info, &why) == FH_OK) {
        (void)!fh_segment_seal_holds(fh_slice(whole, size - 2), &info);
    }
    uint64_t end = scan_all(fh_slice(part, cut), SIZE_MAX, &digest_cut, &count_cut);

    FH_ASSERT(scan_all(fh_slice(whole, size - 2), count_cut, &digest, &count) <= end);
    FH_ASSERT(count == count_cut && digest == digest_cut);
    free(whole);
    free(part);
    return 0;
}
