/*
 * json_edit.h: a JSON object's own bytes with some members replaced, removed or put in front.
 *
 *     {"model":"a","stream":true,"x":1}  ──▶  {"version":"2",  +  "x":1}
 *
 * For bodies that travel as they are but for a few members, found by fh_json_scan: nothing is
 * parsed again and nothing copied, what comes out is a list of pieces. Commas are seen to.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "base/base.h"

enum {
    FH_JSON_EDITS_MAX = 8,
    FH_JSON_FRONTS_MAX = 4,
    FH_JSON_PIECES_MAX = 2 * (FH_JSON_EDITS_MAX + FH_JSON_FRONTS_MAX) + 2,
};

struct fh_json_edit {
    size_t at, len; /* of what goes, in the body */
    struct fh_slice text;
    bool removes; /* a whole member, and a comma with it */
};

struct fh_json_edits {
    struct fh_slice body; /* one JSON object, and blanks around it */
    struct fh_json_edit edit[FH_JSON_EDITS_MAX];
    size_t count;
    struct fh_slice
        front[FH_JSON_FRONTS_MAX]; /* members that come first, `"name":value` each */
    size_t front_count;
};

/* fh_json_replace puts `text` where `old`, a part of the body, stands; an empty `old` inserts. */
void fh_json_replace(struct fh_json_edits *edits, struct fh_slice old, struct fh_slice text);

/* fh_json_remove takes out a member: `whole` of struct fh_json_member. Nothing if it is empty. */
void fh_json_remove(struct fh_json_edits *edits, struct fh_slice whole);

/* fh_json_put_front puts a member before all others. */
void fh_json_put_front(struct fh_json_edits *edits, struct fh_slice member);

/* fh_json_pieces lists what is left and what is new, in order, without empty pieces.
 *
 * Requires that no edit overlaps another.
 * Returns  how many pieces there are; they borrow from the body and the texts.
 */
size_t fh_json_pieces(struct fh_json_edits *edits, struct fh_slice piece[FH_JSON_PIECES_MAX]);
