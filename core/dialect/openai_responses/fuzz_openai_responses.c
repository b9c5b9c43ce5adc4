/* fuzz_openai_responses.c: placeholder
 * SPDX-License-Identifier: Apache-2.0 */
#include "dialect/dialect.h"
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FH_UNUSED(data);
    FH_UNUSED(size);
    return 0;
}
