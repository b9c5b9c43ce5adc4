/*
 * claude.h: what Claude takes, wherever it is served: by Anthropic, or by Amazon's Converse.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "chat/loss.h"
#include "chat/request.h"

/* How a model shall think. */
struct fh_claude_thinking {
    enum fh_thinking kind;
    uint64_t budget; /* in tokens, of FH_THINKING_BUDGET */
};

/* fh_claude_think makes what another dialect's request says of thinking fit what else it says, and
 * reports what does not. Others say effort and mean thinking; and have no rules on what goes
 * together.
 */
struct fh_claude_thinking fh_claude_think(const struct fh_chat_request *req,
                                          struct fh_loss *loss);

/* fh_claude_stops_at says whether Claude takes a text as one to stop at: white space alone is
 * refused. */
FH_NODISCARD bool fh_claude_stops_at(struct fh_slice text);
