/* ledger_names.c: keys, models and routes are few and named in every record; this saves looking
 * each of them up in the database.
 * SPDX-License-Identifier: Apache-2.0 */
#include "control/ledger/ledger_sqlite.h"

#include <stdlib.h>

enum { SLOTS = 4096, FILL_MAX = SLOTS / 2 };

static_assert((SLOTS & (SLOTS - 1)) == 0, "a mask picks the slot");

struct slot {
    int64_t number; /* 0: empty */
    struct fh_slice name[FH_LEDGER_NAMES];
};

struct fh_ledger_names {
    struct fh_arena *arena;
    size_t count;
    struct slot slot[SLOTS];
};

struct fh_ledger_names *fh_ledger_names_new(void)
{
    struct fh_ledger_names *names = calloc(1, sizeof(*names));

    FH_ASSERT(names != NULL);
    names->arena = fh_arena_new(SIZE_MAX);
    return names;
}

void fh_ledger_names_free(struct fh_ledger_names **names)
{
    if (*names != NULL) {
        fh_arena_free(&(*names)->arena);
        free(*names);
        *names = NULL;
    }
}

void fh_ledger_names_clear(struct fh_ledger_names *names)
{
    fh_arena_trim(names->arena);
    memset(names->slot, 0, sizeof(names->slot));
    names->count = 0;
}

static bool equal(const struct fh_slice a[FH_LEDGER_NAMES],
                  const struct fh_slice b[FH_LEDGER_NAMES])
{
    for (size_t i = 0; i < FH_LEDGER_NAMES; i++) {
        if (!fh_eq(a[i], b[i])) {
            return false;
        }
    }
    return true;
}

/* place finds the slot of these names, or the empty one where they would go. */
static size_t place(const struct fh_ledger_names *names,
                    const struct fh_slice name[FH_LEDGER_NAMES])
{
    uint32_t hash = 0;

    for (size_t i = 0; i < FH_LEDGER_NAMES; i++) {
        hash = fh_crc32c(hash, name[i]);
        hash = fh_crc32c(hash, FH_LIT("\0"));
    }
    size_t at = hash & (SLOTS - 1);

    while (names->slot[at].number != 0 && !equal(names->slot[at].name, name)) {
        at = (at + 1) & (SLOTS - 1);
    }
    return at;
}

int64_t fh_ledger_names_find(const struct fh_ledger_names *names,
                             const struct fh_slice name[FH_LEDGER_NAMES])
{
    return names->slot[place(names, name)].number;
}

void fh_ledger_names_add(struct fh_ledger_names *names,
                         const struct fh_slice name[FH_LEDGER_NAMES], int64_t number)
{
    FH_ASSERT(number != 0);
    if (names->count == FILL_MAX) {
        fh_ledger_names_clear(names);
    }
    struct slot *slot = &names->slot[place(names, name)];

    names->count += slot->number == 0;
    slot->number = number;
    for (size_t i = 0; i < FH_LEDGER_NAMES; i++) {
        slot->name[i] = fh_dup(names->arena, name[i]);
    }
}
