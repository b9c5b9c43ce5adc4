/* books.c: ledger and follower together, and complaints without repetition.
 * SPDX-License-Identifier: Apache-2.0 */
#include "control/books.h"

#include "control/state.h"

#include <stdlib.h>

enum { RETRY_US = 500000, LINE_MAX_LEN = 1024 };

struct fh_books {
    struct fh_arena *arena;
    const char *ledger_path, *journal_dir;
    void (*say)(const char *line);
    struct fh_ledger *ledger; /* NULL until it can be had */
    struct fh_follow *follow;
    uint64_t retry_at_us;
    struct fh_buf said; /* the last complaint */
};

struct fh_books *fh_books_new(const char *state_dir, void (*say)(const char *line))
{
    struct fh_books *b = calloc(1, sizeof(*b));

    FH_ASSERT(b != NULL);
    b->arena = fh_arena_new(SIZE_MAX);
    b->ledger_path = fh_state_path(b->arena, state_dir, FH_STATE_LEDGER);
    b->journal_dir = fh_state_path(b->arena, state_dir, FH_STATE_JOURNAL);
    b->say = say;
    b->said = fh_buf_on_heap(LINE_MAX_LEN);
    return b;
}

void fh_books_free(struct fh_books **books)
{
    struct fh_books *b = *books;

    if (b == NULL) {
        return;
    }
    fh_follow_close(&b->follow);
    fh_ledger_close(&b->ledger);
    fh_buf_fini(&b->said);
    fh_arena_free(&b->arena);
    free(b);
    *books = NULL;
}

/* complain says something that was not the last thing said. */
static void complain(struct fh_books *b, struct fh_slice what)
{
    char line[LINE_MAX_LEN];

    if (what.len == 0 || fh_eq(what, fh_buf_slice(&b->said))) {
        return;
    }
    what = fh_head(what, fh_min(what.len, sizeof(line) - 1));
    fh_buf_clear(&b->said);
    fh_buf_append(&b->said, what);
    memcpy(line, what.ptr, what.len);
    line[what.len] = '\0';
    b->say(line);
}

/* open_ledger tries to get the ledger; while somebody else writes it, that one books. */
static bool open_ledger(struct fh_books *b, uint64_t now_us)
{
    FH_AUTO(fh_buf_fini) struct fh_buf why = fh_buf_on_heap(LINE_MAX_LEN);
    const struct fh_follow_options options = {
        .journal_dir = b->journal_dir,
        .sync_us = FH_FOLLOW_SYNC_US,
        .deadline_us = FH_FOLLOW_DEADLINE_US,
        .seals = true,
    };

    if (now_us < b->retry_at_us) {
        return false;
    }
    b->retry_at_us = now_us + RETRY_US;
    enum fh_rc rc = fh_ledger_open(&b->ledger, b->ledger_path, FH_LEDGER_WRITE, &why);

    if (rc != FH_OK) {
        if (rc != FH_E_CONFLICT) {
            complain(b, fh_buf_slice(&why));
        }
        return false;
    }
    b->follow = fh_follow_open(b->ledger, &options);
    return true;
}

bool fh_books_tick(struct fh_books *b, uint64_t now_us, uint64_t calendar_us)
{
    if (b->ledger == NULL && !open_ledger(b, now_us)) {
        return false;
    }
    enum fh_rc rc = fh_follow_tick(b->follow, now_us, calendar_us);

    complain(b, fh_follow_trouble(b->follow));
    return rc == FH_OK && fh_follow_is_behind(b->follow);
}

const struct fh_follow_stats *fh_books_stats(const struct fh_books *b)
{
    return b->follow == NULL ? NULL : fh_follow_stats(b->follow);
}
