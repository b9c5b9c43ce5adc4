/*
 * ledger.h: the loss ledger as a whole: what becomes of each field between each two dialects.
 *
 *     36 pairs = 6 ledgers: a row of the pair (from, to) is the pointer in from's cell and the fate
 *     in to's cell, for each field that `from` can say.
 *
 * docs/translation.md is printed by it, and the tests walk it row by row.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "dialect/dialect.h"

struct fh_ledger_row {
    enum fh_field field;
    struct fh_slice from; /* where the source says it */
    struct fh_slice to;   /* where the target says it; empty: nowhere, or it is meant anyway */
    struct fh_slice also; /* or there */
    enum fh_fate fate;
    bool some;       /* mapped, but for values or models of which `why` speaks */
    const char *why; /* NULL: there is nothing to say */
};

/* fh_ledger_row gives the row of a field. False when `from` cannot say it: then there is none. In
 * answers `from` is the provider's dialect, in requests the client's. */
FH_NODISCARD bool fh_ledger_row(const struct fh_dialect *from, const struct fh_dialect *to,
                                enum fh_field field, struct fh_ledger_row *row);

/* fh_ledger_print appends the whole ledger as Markdown. */
void fh_ledger_print(struct fh_buf *out);
