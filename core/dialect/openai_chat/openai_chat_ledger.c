/* openai_chat_ledger.c: the cells of openai_chat_ledger.def.
 * SPDX-License-Identifier: Apache-2.0 */
#include "openai_chat.h"

#define LEDGER "dialect/openai_chat/openai_chat_ledger.def"
#define CELLS  fh_openai_chat_cells
#include "chat/cells.inc"
