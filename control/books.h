/*
 * books.h: the ledger of a state directory, kept up to date; what control's loop turns.
 *
 * Opens the ledger when it can be had (a `freehold usage` may hold it for a moment), follows the
 * journal into it, and says what goes wrong once, not with every tick.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "control/follow.h"

struct fh_books;

/* fh_books_new starts the books of `state_dir`. `say` gets one line for people now and then.
 *
 * Requires that the calling process is the only control of this directory.
 */
struct fh_books *fh_books_new(const char *state_dir, void (*say)(const char *line));

/* fh_books_free ends them. Takes NULL. What is not booked then is booked after the next start. */
void fh_books_free(struct fh_books **books);

/* fh_books_tick books what is new. Call it every 50 ms or so; `now_us` is monotonic.
 *
 * Returns  whether there is more: then call it again at once.
 */
bool fh_books_tick(struct fh_books *books, uint64_t now_us, uint64_t calendar_us);

/* fh_books_stats says what was done; NULL while there is no ledger. */
const struct fh_follow_stats *fh_books_stats(const struct fh_books *books);
