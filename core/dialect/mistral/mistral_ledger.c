/* mistral_ledger.c: the cells of mistral_ledger.def.
 * SPDX-License-Identifier: Apache-2.0 */
#include "mistral.h"

#define LEDGER "dialect/mistral/mistral_ledger.def"
#define CELLS  fh_mistral_cells
#include "chat/cells.inc"
