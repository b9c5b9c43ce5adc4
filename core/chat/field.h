/*
 * field.h: the fields of the loss ledger, and what one dialect's cell says of one.
 *
 *                        cell of the source                      cell of the target
 *     field TOP_K        AT("/top_k")                ──▶         DROP("openai has no top_k")
 *                        where its peers say it                  what becomes of it, going there
 *
 * A dialect has one cell for each field of field.def. A cell has two halves: the pointer at which
 * this dialect says the field (empty: it never does), which counts where the dialect is the source;
 * and the fate of the field on its way into this dialect. So 6 ledgers are 36 tables.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "base/base.h"
#include "chat/field.def"

enum fh_field {
#define X(name, ...) FH_FIELD_##name,
    FH_VALUE_FIELDS(X) FH_REQUEST_TRAITS(X) FH_REPLY_TRAITS(X)
#undef X
        FH_FIELDS
};

/* How many of them are values, which come first. */
enum {
#define X(name, ...) FH_VALUE_##name,
    FH_VALUE_FIELDS(X) FH_VALUES,
#undef X
};
enum {
#define X(name, ...) FH_OF_REQUESTS_##name,
    FH_VALUE_FIELDS(X) FH_REQUEST_TRAITS(X) FH_REQUEST_FIELDS,
#undef X
};

enum fh_value_type {
    FH_TYPE_NUMBER,
    FH_TYPE_TEXT,
    FH_TYPE_FLAG,
    FH_TYPE_LIST,
    FH_TYPE_OBJECT,
    FH_TYPE_ANY,
};

struct fh_field_row {
    struct fh_slice name;        /* "TOP_K" */
    struct fh_slice doc;         /* what it is */
    enum fh_value_type type;     /* of a value; else FH_TYPE_ANY */
    struct fh_slice for_nothing; /* of a value: the JSON text that asks for nothing */
};

/* fh_field_row gives the table's row. */
const struct fh_field_row *fh_field_row(enum fh_field field);

enum fh_fate {
    FH_FATE_UNSET,   /* no cell: the ledgers do not compile with one */
    FH_FATE_MAPPED,  /* arrives as what it was */
    FH_FATE_CHANGED, /* arrives as something like it; reported */
    FH_FATE_DROPPED, /* does not arrive; reported */
    FH_FATE_REFUSED, /* without it the request would mean something else: refused */
    FH_FATES,
};

struct fh_cell {
    struct fh_slice pointer; /* "#" stands for any index; in a trait of a block or a tool, what
                                follows the last "#" is reported behind the block's own pointer */
    enum fh_fate fate;
    bool by_code;    /* of a value: the dialect's own code reads and writes it */
    const char *why; /* NULL where it is mapped and there is nothing to say */
    bool some;       /* mapped, but not with every value or to every model: `why` says which */
    struct fh_slice also; /* another place where it may be told; empty: none */
};

/* fh_fate_name gives "mapped", "changed", "dropped" or "refused". */
const char *fh_fate_name(enum fh_fate fate);
