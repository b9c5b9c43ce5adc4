/* fuzz_mistral.c: looks for wrong answers, as fuzz_dialect.h has them.
 * SPDX-License-Identifier: Apache-2.0 */
#include "fuzz_dialect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_dialect(&fh_dialect_mistral, data, size);
    return 0;
}
