/* ledger.c: two cells make a row.
 * SPDX-License-Identifier: Apache-2.0 */
#include "dialect/ledger.h"

bool fh_ledger_row(const struct fh_dialect *from, const struct fh_dialect *to,
                   enum fh_field field, struct fh_ledger_row *row)
{
    const struct fh_cell *source = &from->cells[field];
    const struct fh_cell *target = &to->cells[field];

    if (source->pointer.len == 0) {
        return false;
    }
    bool meant = target->fate == FH_FATE_MAPPED && target->why != NULL && !target->some;
    bool arrives = !meant && target->fate != FH_FATE_DROPPED && target->fate != FH_FATE_REFUSED;

    *row = (struct fh_ledger_row){.field = field,
                                  .from = source->pointer,
                                  .to = arrives ? target->pointer : FH_NONE,
                                  .also = arrives ? target->also : FH_NONE,
                                  .fate = target->fate,
                                  .some = target->some,
                                  .why = target->why};
    return true;
}

/* code prints a pointer as Markdown code, or nothing. */
static void code(struct fh_buf *out, struct fh_slice pointer)
{
    if (pointer.len > 0) {
        fh_buf_printf(out, "`%.*s`", FH_ARG(pointer));
    }
}

static void print_row(struct fh_buf *out, const struct fh_ledger_row *row)
{
    fh_buf_printf(out, "| %.*s | ", FH_ARG(fh_field_row(row->field)->doc));
    code(out, row->from);
    fh_buf_printf(out, " | %s%s | ", fh_fate_name(row->fate), row->some ? ", some" : "");
    code(out, row->to);
    fh_buf_append(out, row->also.len > 0 ? FH_LIT(" or ") : FH_NONE);
    code(out, row->also);
    fh_buf_printf(out, "%s%s |\n", row->to.len > 0 && row->why != NULL ? ": " : "",
                  row->why == NULL ? "" : row->why);
}

static void print_fields(struct fh_buf *out, const struct fh_dialect *from,
                         const struct fh_dialect *to, int first, int end)
{
    struct fh_ledger_row row;

    fh_buf_append(out, FH_LIT("| what | there | fate | here |\n| --- | --- | --- | --- |\n"));
    for (int field = first; field < end; field++) {
        if (fh_ledger_row(from, to, (enum fh_field)field, &row)) {
            print_row(out, &row);
        }
    }
}

static void print_pair(struct fh_buf *out, const struct fh_dialect *from,
                       const struct fh_dialect *to)
{
    fh_buf_printf(out, "\n## %.*s → %.*s\n\n### requests of %.*s clients\n\n",
                  FH_ARG(from->name), FH_ARG(to->name), FH_ARG(from->name));
    print_fields(out, from, to, 0, FH_REQUEST_FIELDS);
    fh_buf_printf(out, "\n### answers of %.*s providers\n\n", FH_ARG(from->name));
    print_fields(out, from, to, FH_REQUEST_FIELDS, FH_FIELDS);
}

/* print_summary counts: how much of what one dialect can say arrives in another. */
static void print_summary(struct fh_buf *out)
{
    fh_buf_append(out, FH_LIT("| from, to |"));
    for (int to = 0; to < FH_DIALECTS; to++) {
        fh_buf_printf(out, " %.*s |", FH_ARG(fh_dialect((enum fh_dialect_id)to)->name));
    }
    fh_buf_append(out, FH_LIT("\n| --- |"));
    for (int to = 0; to < FH_DIALECTS; to++) {
        fh_buf_append(out, FH_LIT(" --- |"));
    }
    for (int from = 0; from < FH_DIALECTS; from++) {
        const struct fh_dialect *source = fh_dialect((enum fh_dialect_id)from);

        fh_buf_printf(out, "\n| %.*s |", FH_ARG(source->name));
        for (int to = 0; to < FH_DIALECTS; to++) {
            unsigned count[FH_FATES] = {0};
            struct fh_ledger_row row;

            for (int field = 0; field < FH_FIELDS; field++) {
                if (fh_ledger_row(source, fh_dialect((enum fh_dialect_id)to),
                                  (enum fh_field)field, &row)) {
                    count[row.fate]++;
                }
            }
            if (from == to) {
                fh_buf_append(out, FH_LIT(" passed |"));
            } else {
                fh_buf_printf(out, " %u/%u/%u/%u |", count[FH_FATE_MAPPED],
                              count[FH_FATE_CHANGED], count[FH_FATE_DROPPED],
                              count[FH_FATE_REFUSED]);
            }
        }
    }
    fh_buf_byte(out, '\n');
}

void fh_ledger_print(struct fh_buf *out)
{
    fh_buf_append(
        out,
        FH_LIT("# Translation\n\n"
               "What becomes of each field between each two dialects. Printed from the loss "
               "ledger\n"
               "(`freehold check --translation`), which the code itself goes by; a test walks "
               "every "
               "row.\n\n"
               "* **mapped**: arrives as what it was; *some*: what does not is reported, or "
               "refused.\n"
               "* **changed**: arrives in another form, "
               "and is "
               "reported.\n"
               "* **dropped**: does not arrive, and is reported. * **refused**: without it the "
               "request would mean something else.\n\n"
               "Reports name the JSON pointer of the field in what was sent, in the header\n"
               "`x-freehold-dropped`, in the journal and in streams; `x-freehold-translation: "
               "strict` turns the first report into a\n"
               "refusal. A member that no row names is dropped and reported by its own "
               "pointer. In "
               "pointers `#` is any index.\n"
               "Where both sides speak one dialect the bytes pass, and nothing is lost.\n\n"
               "How many fields are mapped/changed/dropped/refused:\n\n"));
    print_summary(out);
    for (int from = 0; from < FH_DIALECTS; from++) {
        for (int to = 0; to < FH_DIALECTS; to++) {
            if (from != to) {
                print_pair(out, fh_dialect((enum fh_dialect_id)from),
                           fh_dialect((enum fh_dialect_id)to));
            }
        }
    }
}
