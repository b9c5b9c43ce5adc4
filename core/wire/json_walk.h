/*
 * json_walk.h: the parts of a JSON text that was accepted, one after the other, without a tree.
 *
 *     {"a":1,"b":[2,3]}  ──next──▶  "a" 1  ──next──▶  "b" [2,3]
 *
 * For answers that are long lists of numbers: a tree of them takes many times their bytes, and all
 * that is wanted of them is where they stand.
 *
 * Requires that fh_json_scan accepted the whole text. Of any other a walk gives pieces that mean
 * nothing, but ends, and stays within the text.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "base/json_string.h"

struct fh_json_walk {
    struct fh_slice rest;
    bool object;
};

/* One part. Both point into the text. */
struct fh_json_part {
    struct fh_slice name; /* of a member, with its quotes, escapes and all; empty in an array */
    struct fh_slice value; /* its text, quotes and braces included */
};

/* fh_json_walk_begin starts at the first part of an object or an array.
 *
 * Returns  false when `text` is neither.
 */
FH_NODISCARD bool fh_json_walk_begin(struct fh_json_walk *walk, struct fh_slice text);

/* fh_json_walk_next gives the next part; false at the end.
 *
 * Cost     less than half a nanosecond a byte.
 */
FH_NODISCARD bool fh_json_walk_next(struct fh_json_walk *walk, struct fh_json_part *part);
