/*
 * vector.h: text files of cases.
 *
 *     # what the file is about
 *     == kind: what the case shows
 *     the wire, to the line before the next mark
 *     == gives
 *     what it becomes, up to an empty line before the next case
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "tap.h"

struct vector {
    struct fh_slice kind, name, wire, want;
};

/* take_case takes the next case off the front of a file. */
static inline bool take_case(struct fh_slice *text, struct vector *v)
{
    struct fh_slice gives = FH_LIT("== gives\n"), next = FH_LIT("\n\n== "), head = FH_NONE;
    size_t at = fh_search(*text, FH_LIT("== "));

    *text = fh_tail(*text, at);
    if (!fh_take(text, FH_LIT("== "))) {
        return false;
    }
    assert_true(fh_split(text, '\n', &head));
    assert_true(fh_split(&head, ':', &v->kind));
    v->name = fh_trim(head);
    at = fh_search(*text, gives);
    assert_true(at < text->len);
    v->wire = fh_head(*text, at);
    *text = fh_tail(*text, at + gives.len);
    at = fh_search(*text, next);
    v->want = fh_head(*text, fh_min(at + 1, text->len));
    *text = fh_tail(*text, v->want.len);
    return true;
}
