/* fuzz_base64.c: a text that decodes must be the one that its bytes encode to, and any bytes must
 * come back.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FH_AUTO(fh_buf_fini) struct fh_buf bytes = fh_buf_on_heap(size);
    FH_AUTO(fh_buf_fini) struct fh_buf text = fh_buf_on_heap(2 * size + 4);
    FH_AUTO(fh_buf_fini) struct fh_buf back = fh_buf_on_heap(size);
    struct fh_slice input = {data, size};

    if (fh_base64_decode(&bytes, input) == FH_OK) {
        fh_base64_encode(&text, fh_buf_slice(&bytes), FH_BASE64);
        FH_ASSERT(!text.failed && fh_eq(fh_buf_slice(&text), input));
        fh_buf_clear(&text);
    }
    FH_ASSERT(!bytes.failed);
    fh_base64_encode(&text, input, FH_BASE64);
    FH_ASSERT(fh_base64_decode(&back, fh_buf_slice(&text)) == FH_OK);
    FH_ASSERT(fh_eq(fh_buf_slice(&back), input));
    return 0;
}
