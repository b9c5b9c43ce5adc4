/* json_edit.c: edits by their place, in order; commas last.
 * SPDX-License-Identifier: Apache-2.0 */
#include "wire/json_edit.h"

static void add(struct fh_json_edits *edits, struct fh_json_edit edit)
{
    size_t i = edits->count++;

    FH_ASSERT(i < FH_JSON_EDITS_MAX);
    FH_ASSERT(edit.at <= edits->body.len && edit.len <= edits->body.len - edit.at);
    for (; i > 0 && edits->edit[i - 1].at > edit.at; i--) {
        edits->edit[i] = edits->edit[i - 1];
    }
    edits->edit[i] = edit;
}

static size_t place(const struct fh_json_edits *edits, struct fh_slice part)
{
    FH_ASSERT(part.ptr >= edits->body.ptr);
    return (size_t)(part.ptr - edits->body.ptr);
}

void fh_json_replace(struct fh_json_edits *edits, struct fh_slice old, struct fh_slice text)
{
    add(edits, (struct fh_json_edit){place(edits, old), old.len, text, false});
}

void fh_json_remove(struct fh_json_edits *edits, struct fh_slice whole)
{
    if (whole.len > 0) {
        add(edits, (struct fh_json_edit){place(edits, whole), whole.len, FH_NONE, true});
    }
}

void fh_json_put_front(struct fh_json_edits *edits, struct fh_slice member)
{
    FH_ASSERT(edits->front_count < FH_JSON_FRONTS_MAX);
    edits->front[edits->front_count++] = member;
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static size_t skip_blanks(struct fh_slice body, size_t at)
{
    while (at < body.len && is_blank(body.ptr[at])) {
        at++;
    }
    return at;
}

/* take_comma lets a removal take the comma behind it; the last member has none, and takes the one
 * before it, or before the removals that it follows. */
static void take_comma(struct fh_json_edits *edits, size_t i)
{
    struct fh_json_edit *edit = &edits->edit[i];
    size_t end = skip_blanks(edits->body, edit->at + edit->len);

    if (edits->body.ptr[end] == ',') {
        edit->len = end + 1 - edit->at;
        return;
    }
    while (i > 0) { /* those before it, as long as nothing but blanks lies between */
        struct fh_json_edit *before = &edits->edit[i - 1];

        if (!before->removes || skip_blanks(edits->body, before->at + before->len) < edit->at) {
            break;
        }
        edit->len += edit->at - before->at;
        edit->at = before->at;
        before->len = 0;
        i--;
    }
    size_t start = edit->at;

    while (start > 0 && is_blank(edits->body.ptr[start - 1])) {
        start--;
    }
    if (start > 0 && edits->body.ptr[start - 1] == ',') {
        edit->len += edit->at - (start - 1);
        edit->at = start - 1;
    }
}

/* nothing_left says whether the object is empty once all is removed. */
static bool nothing_left(const struct fh_json_edits *edits, size_t at)
{
    for (size_t i = 0; i < edits->count; i++) {
        at = skip_blanks(edits->body, at);
        if (edits->edit[i].removes && edits->edit[i].len > 0 && edits->edit[i].at == at) {
            at += edits->edit[i].len;
        }
    }
    at = skip_blanks(edits->body, at);
    return edits->body.ptr[at] == '}';
}

static size_t put(struct fh_slice *piece, size_t count, struct fh_slice bytes)
{
    if (bytes.len > 0) {
        piece[count++] = bytes;
    }
    return count;
}

size_t fh_json_pieces(struct fh_json_edits *edits, struct fh_slice piece[FH_JSON_PIECES_MAX])
{
    size_t brace = fh_find(edits->body, '{') + 1;
    size_t count = 0;
    size_t at = 0;

    for (size_t i = 0; i < edits->count; i++) {
        if (edits->edit[i].removes) {
            take_comma(edits, i);
        }
    }
    if (edits->front_count > 0) {
        count = put(piece, count, fh_head(edits->body, brace));
        at = brace;
    }
    for (size_t i = 0; i < edits->front_count; i++) {
        bool last = i + 1 == edits->front_count && nothing_left(edits, brace);

        count = put(piece, count, edits->front[i]);
        count = put(piece, count, last ? FH_NONE : FH_LIT(","));
    }
    for (size_t i = 0; i < edits->count; i++) {
        const struct fh_json_edit *edit = &edits->edit[i];

        if (edit->removes && edit->len == 0) {
            continue; /* went with a later one */
        }
        FH_ASSERT(edit->at >= at);
        count = put(piece, count, fh_sub(edits->body, at, edit->at - at));
        count = put(piece, count, edit->text);
        at = edit->at + edit->len;
    }
    return put(piece, count, fh_tail(edits->body, at));
}
