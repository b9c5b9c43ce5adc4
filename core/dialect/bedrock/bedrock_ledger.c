/* bedrock_ledger.c: the cells of bedrock_ledger.def.
 * SPDX-License-Identifier: Apache-2.0 */
#include "dialect/bedrock/bedrock.h"

#define LEDGER "dialect/bedrock/bedrock_ledger.def"
#define CELLS  fh_bedrock_cells
#include "chat/cells.inc"
