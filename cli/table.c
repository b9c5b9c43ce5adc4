/* table.c: columns as wide as their widest cell, two blanks between them.
 * SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <stdio.h>

enum { COLUMNS_MAX = 16, CELL_MAX_LEN = 4096 };

struct cell {
    struct cell *next;
    struct fh_slice text;
};

struct fh_table {
    struct fh_arena *arena;
    size_t columns;
    struct fh_slice title[COLUMNS_MAX];
    bool to_right[COLUMNS_MAX];
    size_t width[COLUMNS_MAX];
    struct cell *first, *last;
    size_t count;
};

/* width counts characters, not bytes. (Wide ones count as one.) */
static size_t width(struct fh_slice text)
{
    size_t count = 0;

    for (size_t i = 0; i < text.len; i++) {
        count += (text.ptr[i] & 0xC0U) != 0x80U;
    }
    return count;
}

struct fh_table *fh_table_new(struct fh_arena *arena, const char *const *titles, size_t columns)
{
    struct fh_table *t = fh_new(arena, struct fh_table);

    FH_ASSERT(columns >= 1 && columns <= COLUMNS_MAX);
    t->arena = arena;
    t->columns = columns;
    for (size_t i = 0; i < columns; i++) {
        t->title[i] = fh_cstr(titles[i]);
        t->to_right[i] = fh_take(&t->title[i], FH_LIT(">"));
        t->width[i] = width(t->title[i]);
    }
    return t;
}

void fh_table_cell(struct fh_table *t, struct fh_slice text)
{
    struct cell *cell = fh_new(t->arena, struct cell);
    size_t column = t->count % t->columns;

    cell->text = fh_dup(t->arena, text);
    if (t->last == NULL) {
        t->first = cell;
    } else {
        t->last->next = cell;
    }
    t->last = cell;
    t->width[column] = fh_max(t->width[column], width(text));
    t->count++;
}

void fh_table_cellf(struct fh_table *t, const char *fmt, ...)
{
    struct fh_buf text = fh_buf_in_arena(t->arena, CELL_MAX_LEN);
    va_list args;

    va_start(args, fmt);
    fh_buf_vprintf(&text, fmt, args);
    va_end(args);
    fh_table_cell(t, fh_buf_slice(&text));
}

static void print_cell(const struct fh_table *t, size_t column, struct fh_slice text)
{
    int blanks = (int)(t->width[column] - width(text));
    bool is_last = column + 1 == t->columns;

    if (t->to_right[column]) {
        (void)printf("%*s%.*s", blanks, "", FH_ARG(text));
    } else {
        (void)printf("%.*s%*s", FH_ARG(text), is_last ? 0 : blanks, "");
    }
    (void)fputs(is_last ? "\n" : "  ", stdout);
}

void fh_table_print(const struct fh_table *t)
{
    size_t column = 0;

    FH_ASSERT(t->count % t->columns == 0);
    for (size_t i = 0; i < t->columns; i++) {
        print_cell(t, i, t->title[i]);
    }
    for (const struct cell *cell = t->first; cell != NULL; cell = cell->next) {
        print_cell(t, column, cell->text);
        column = (column + 1) % t->columns;
    }
}
