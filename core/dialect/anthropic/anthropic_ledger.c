/* anthropic_ledger.c: the cells of anthropic_ledger.def.
 * SPDX-License-Identifier: Apache-2.0 */
#include "dialect/anthropic/anthropic.h"

#define LEDGER "dialect/anthropic/anthropic_ledger.def"
#define CELLS  fh_anthropic_cells
#include "chat/cells.inc"
