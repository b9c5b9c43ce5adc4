/*
 * turn.h: turns that come back in the pieces in which a stream brought them.
 *
 *     [thinking "Let"] [thinking " me"] [thinking "" signed] [text "Hel"] [text "lo"]
 *     ──▶  [thinking "Let me" signed, text "Hello"]
 *
 * Google's SDKs keep a conversation as the chunks of the stream that it was: each a message of
 * its own, and hundreds to a turn. Their dialect means one turn by it (fh_message.goes_on).
 * Others would read hundreds of answers in a row; and a signature is of the whole thinking, not
 * of its last piece.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "chat/request.h"

/* fh_turns_join makes one message of those that go on, and one block of a text that was parted
 * between two of them.
 *
 * Cost     each text is copied once; nothing where no message goes on.
 */
void fh_turns_join(struct fh_chat_request *req, struct fh_arena *arena);
