/* findings.c: a list that stays in the order of the file.
 * SPDX-License-Identifier: Apache-2.0 */
#include "control/config/findings.h"

enum { TEXT_MAX_LEN = 4096 };

static bool is_behind(struct fh_place a, struct fh_place b)
{
    return a.line != b.line ? a.line > b.line : a.column > b.column;
}

void fh_findings_vadd(struct fh_findings *list, struct fh_place at, struct fh_slice key,
                      bool is_note, const char *fmt, va_list args)
{
    struct fh_buf text = fh_buf_in_arena(list->arena, TEXT_MAX_LEN);
    struct fh_finding *f = fh_new(list->arena, struct fh_finding);
    struct fh_finding **link = &list->first;

    fh_buf_vprintf(&text, fmt, args);
    *f = (struct fh_finding){.at = at,
                             .key = fh_dup(list->arena, key),
                             .text = fh_buf_slice(&text),
                             .is_note = is_note};
    while (*link != NULL && !is_behind((*link)->at, at)) {
        link = &(*link)->next;
    }
    f->next = *link;
    *link = f;
    list->errors += is_note ? 0 : 1;
    list->notes += is_note ? 1 : 0;
}

void fh_findings_add(struct fh_findings *list, struct fh_place at, struct fh_slice key,
                     bool is_note, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    fh_findings_vadd(list, at, key, is_note, fmt, args);
    va_end(args);
}

void fh_findings_print(const struct fh_findings *list, struct fh_buf *out)
{
    for (const struct fh_finding *f = list->first; f != NULL; f = f->next) {
        fh_buf_append(out, list->file);
        fh_buf_printf(out, ":%u:%u: ", f->at.line, f->at.column);
        if (f->key.len > 0) {
            fh_buf_append(out, f->key);
            fh_buf_append(out, FH_LIT(": "));
        }
        fh_buf_append(out, f->is_note ? FH_LIT("note: ") : FH_NONE);
        fh_buf_append(out, f->text);
        fh_buf_byte(out, '\n');
    }
}
