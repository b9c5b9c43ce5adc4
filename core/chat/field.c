/* field.c: field.def as an array.
 * SPDX-License-Identifier: Apache-2.0 */
#include "chat/field.h"

static const struct fh_field_row rows[] = {
#define X(field, kind, nothing, says) \
    {FH_LIT_INIT(#field), FH_LIT_INIT(says), FH_TYPE_##kind, FH_LIT_INIT(nothing)},
    FH_VALUE_FIELDS(X)
#undef X
#define X(field, says) {FH_LIT_INIT(#field), FH_LIT_INIT(says), FH_TYPE_ANY, FH_LIT_INIT("")},
        FH_REQUEST_TRAITS(X) FH_REPLY_TRAITS(X)
#undef X
};
static_assert(FH_LEN(rows) == FH_FIELDS, "table and enum agree");

const struct fh_field_row *fh_field_row(enum fh_field field)
{
    FH_ASSERT(field < FH_FIELDS);
    return &rows[field];
}

const char *fh_fate_name(enum fh_fate fate)
{
    static const char *const names[] = {"unset", "mapped", "changed", "dropped", "refused"};

    static_assert(FH_LEN(names) == FH_FATES, "each has a name");
    FH_ASSERT(fate < FH_FATES);
    return names[fate];
}
