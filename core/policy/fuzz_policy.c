/* fuzz_policy.c: whatever decodes must encode to the very bytes that it came from.
 * SPDX-License-Identifier: Apache-2.0 */
#include "policy/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FH_AUTO(fh_buf_fini) struct fh_buf out = fh_buf_on_heap(size);
    struct fh_slice bytes = {data, size};
    struct fh_policy_key key;
    struct fh_policy_model model;
    struct fh_provider provider;
    struct fh_policy_limits limits;

    if (fh_policy_decode_key(&key, bytes) == FH_OK) {
        fh_policy_encode_key(&out, &key);
        (void)fh_policy_allows(&key, FH_LIT("m"));
    } else if (fh_policy_decode_model(&model, bytes) == FH_OK) {
        fh_policy_encode_model(&out, &model);
    } else if (fh_policy_decode_provider(&provider, bytes) == FH_OK) {
        fh_policy_encode_provider(&out, &provider);
    } else if (fh_policy_decode_limits(&limits, bytes) == FH_OK) {
        fh_policy_encode_limits(&out, &limits);
    } else {
        return 0;
    }
    FH_ASSERT(!out.failed && fh_eq(fh_buf_slice(&out), bytes));
    return 0;
}
