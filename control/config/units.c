/* units.c: two tables, largest unit first.
 * SPDX-License-Identifier: Apache-2.0 */
#include "control/config/units.h"

#include "base/text.h"

struct unit {
    struct fh_slice name;
    uint64_t worth;
};

/* The smallest is last; its name ends the others' names, so it is looked for last. */
static const struct unit sizes[] = {
    {FH_LIT_INIT("GiB"), 1 << 30},
    {FH_LIT_INIT("MiB"), 1 << 20},
    {FH_LIT_INIT("KiB"), 1 << 10},
    {FH_LIT_INIT("B"), 1},
};
static const struct unit times[] = {
    {FH_LIT_INIT("h"), 3600000},
    {FH_LIT_INIT("min"), 60000},
    {FH_LIT_INIT("ms"), 1},
    {FH_LIT_INIT("s"), 1000},
};

static bool parse(struct fh_slice text, const struct unit *units, size_t count, uint64_t *out)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t number = 0;

        if (fh_ends(text, units[i].name)) {
            text = fh_trim(fh_head(text, text.len - units[i].name.len));
            return fh_parse_u64(text, &number) &&
                   !__builtin_mul_overflow(number, units[i].worth, out);
        }
    }
    return false;
}

static void print(struct fh_buf *out, uint64_t value, const struct unit *units, size_t count)
{
    const struct unit *best = NULL;

    for (size_t i = 0; i < count; i++) {
        if (value % units[i].worth == 0 && (value > 0 || units[i].worth == 1) &&
            (best == NULL || units[i].worth > best->worth)) {
            best = &units[i];
        }
    }
    FH_ASSERT(best != NULL); /* each table has a unit worth 1 */
    fh_buf_u64(out, value / best->worth);
    fh_buf_append(out, best->name);
}

bool fh_units_parse_bytes(struct fh_slice text, uint64_t *bytes)
{
    return parse(text, sizes, FH_LEN(sizes), bytes);
}

bool fh_units_parse_ms(struct fh_slice text, uint64_t *ms)
{
    return parse(text, times, FH_LEN(times), ms);
}

void fh_units_print_bytes(struct fh_buf *out, uint64_t bytes)
{
    print(out, bytes, sizes, FH_LEN(sizes));
}

void fh_units_print_ms(struct fh_buf *out, uint64_t ms)
{
    print(out, ms, times, FH_LEN(times));
}
