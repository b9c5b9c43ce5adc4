/* refusal.c: refusal.def as an array.
 * SPDX-License-Identifier: Apache-2.0 */
#include "chat/refusal.h"

static const struct fh_refusal_row rows[] = {
#define X(what, again, as, at, os, ot, oc, bs, bn, gs, gn)  \
    {.name = FH_LIT_INIT(#what),                            \
     .retry = (again),                                      \
     .anthropic = {(as), FH_LIT_INIT(at), FH_LIT_INIT("")}, \
     .openai = {(os), FH_LIT_INIT(ot), FH_LIT_INIT(oc)},    \
     .bedrock = {(bs), FH_LIT_INIT(bn), FH_LIT_INIT("")},   \
     .gemini = {(gs), FH_LIT_INIT(gn), FH_LIT_INIT("")}},
    FH_REFUSALS(X)
#undef X
};
static_assert(FH_LEN(rows) == FH_REFUSAL_COUNT, "table and enum agree");

const struct fh_refusal_row *fh_refusal_row(enum fh_refusal kind)
{
    FH_ASSERT(kind < FH_REFUSAL_COUNT);
    return &rows[kind];
}

enum fh_refusal fh_refusal_of_status(uint16_t status)
{
    static const struct {
        uint16_t status;
        enum fh_refusal kind;
    } known[] = {
        {400, FH_REFUSE_BAD_REQUEST},      {401, FH_REFUSE_UPSTREAM_DENIED},
        {402, FH_REFUSE_OVER_BUDGET},      {403, FH_REFUSE_UPSTREAM_DENIED},
        {404, FH_REFUSE_NO_SUCH_MODEL},    {408, FH_REFUSE_UPSTREAM_TIMEOUT},
        {413, FH_REFUSE_TOO_LARGE},        {422, FH_REFUSE_BAD_REQUEST},
        {429, FH_REFUSE_RATE_LIMITED},     {503, FH_REFUSE_OVERLOADED},
        {504, FH_REFUSE_UPSTREAM_TIMEOUT}, {529, FH_REFUSE_OVERLOADED},
    };

    for (size_t i = 0; i < FH_LEN(known); i++) {
        if (known[i].status == status) {
            return known[i].kind;
        }
    }
    return status >= 400 && status < 500 ? FH_REFUSE_BAD_REQUEST : FH_REFUSE_UPSTREAM_FAILED;
}

enum { LINE_MAX_BYTES = 300 };

struct fh_slice fh_fault_line(struct fh_arena *arena, struct fh_slice body)
{
    struct fh_slice line = FH_NONE;

    while (line.len == 0 && fh_split(&body, '\n', &line)) {
        line = fh_trim(line);
    }
    line = fh_utf8_head(line, LINE_MAX_BYTES);
    return line.len == 0 || !fh_utf8_ok(line)
               ? FH_LIT("the provider reported an error and did not say which")
               : fh_dup(arena, line);
}
