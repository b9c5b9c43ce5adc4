/* gemini_ledger.c: the cells of gemini_ledger.def.
 * SPDX-License-Identifier: Apache-2.0 */
#include "dialect/gemini/gemini.h"

#define LEDGER "dialect/gemini/gemini_ledger.def"
#define CELLS  fh_gemini_cells
#include "chat/cells.inc"
