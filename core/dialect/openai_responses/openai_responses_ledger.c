/* openai_responses_ledger.c: the cells of openai_responses_ledger.def.
 * SPDX-License-Identifier: Apache-2.0 */
#include "dialect/openai_responses/openai_responses.h"

#define LEDGER "dialect/openai_responses/openai_responses_ledger.def"
#define CELLS  fh_responses_cells
#include "chat/cells.inc"
