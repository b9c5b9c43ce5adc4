/*
 * suggest.h: "did you mean …?"
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "base/base.h"

/* The best candidate so far. Start it with the word that was not understood. */
struct fh_suggest {
    struct fh_slice word;
    struct fh_slice best; /* empty: nothing is near enough */
    size_t distance;
};

struct fh_suggest fh_suggest_for(struct fh_slice word);

/* fh_suggest_offer proposes a candidate; it is kept if it is nearer than all before it and near
 * enough to have been meant. */
void fh_suggest_offer(struct fh_suggest *s, struct fh_slice candidate);
