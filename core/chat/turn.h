/*
 * turn.h: turns that come back in the pieces in which a stream brought them.
 *
 *     [thinking "Let"] [thinking " me"] [thinking "" signed] [text "Hel"] [text "lo"]
 *     ──▶  [thinking "Let me" signed, text "Hello"]
 *
 * Google's SDKs keep a conversation as the chunks of the stream that it was: each a message of
 * its own, and hundreds to a turn. Their dialect means one turn by it (fh_message.goes_on).
 * Others would read hundreds of answers in a row. Who keeps the parts of the chunks in one message
 * has its texts whole enough, but not its thoughts: a signature is of the whole thinking, not of
 * its last piece.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "chat/request.h"

/* fh_turns_join makes one message of those that go on, one block of a text that was parted
 * between two of them, and one of thoughts without a signature and what follows them.
 *
 * Cost     each text that is put together is copied once; others are looked at.
 */
void fh_turns_join(struct fh_chat_request *req, struct fh_arena *arena);
