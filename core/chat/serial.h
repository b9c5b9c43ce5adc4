/*
 * serial.h: the blocks of a streamed answer, one after the other.
 *
 *     block 0 ──▶ open ──▶ told as it comes
 *     block 1 ──▶ waiting, with what was said in it, until block 0 stops
 *
 * Some providers stream the calls of an answer side by side; clients of dialects in which blocks do
 * not overlap get one whole before the next. Blocks are told in the order in which they began,
 * numbered anew from 0 without gaps. What was said of a waiting block is told in one piece, its
 * signature behind it. Disadvantage: the second of two calls reaches the client only when the first
 * is known to be complete.
 *
 * Extras and citations of a waiting block are not kept: no dialect that overlaps its blocks has any
 * that another could tell.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "chat/event.h"

struct fh_serial;

/* fh_serial_new makes one for a stream, in `arena`. At most `held_max` bytes wait in all. */
struct fh_serial *fh_serial_new(struct fh_arena *arena, size_t held_max);

/* Who is told. */
typedef void fh_serial_fn(void *teller, const struct fh_event *event);

/* fh_serial_put has `tell` told what may be told now: nothing, the event, or several. A finish
 * stops whatever is open and tells whatever waits, before it is told itself. Events of other
 * choices than the first are not told at all.
 *
 * Returns  false when more would wait than may; then nothing more is to be put.
 */
FH_NODISCARD bool fh_serial_put(struct fh_serial *serial, const struct fh_event *event,
                                fh_serial_fn *tell, void *teller);
