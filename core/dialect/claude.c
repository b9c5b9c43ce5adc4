/* claude.c: rules of Claude's that requests of other dialects do not know.
 * SPDX-License-Identifier: Apache-2.0 */
#include "dialect/claude.h"

#include "dialect/dialect.h"

enum { BUDGET_MIN = 1024 }; /* of thinking */

static bool is_one(yyjson_val *number)
{
    uint64_t n = 0;

    return fh_json_u64(number, &n) && n == 1;
}

/* may_think says whether Claude takes `thinking` beside the rest: not when a call is forced, and
 * not with sampling of one's own ("thinking is not compatible with temperature, top_p or top_k
 * modifications as well as forced tool use"). */
static bool may_think(const struct fh_chat_request *req)
{
    yyjson_val *temperature = req->value[FH_FIELD_TEMPERATURE];

    return req->tool_choice != FH_CHOICE_ANY && req->tool_choice != FH_CHOICE_NAMED &&
           (temperature == NULL || is_one(temperature)) && req->value[FH_FIELD_TOP_P] == NULL &&
           req->value[FH_FIELD_TOP_K] == NULL;
}

/* is_cut says whether the results of a call are given whose thinking did not come back: then a
 * budget is refused ("a final assistant message must start with a thinking block"), while adaptive
 * thinking is free to begin anew. */
static bool is_cut(const struct fh_chat_request *req)
{
    const struct fh_message *last = NULL;
    bool calls = false;

    for (const struct fh_message *m = req->first_message; m != NULL; m = m->next) {
        last = m->role == FH_ROLE_ASSISTANT ? m : last;
    }
    const struct fh_block *first = last == NULL ? NULL : last->content.first;

    for (const struct fh_block *block = first; block != NULL; block = block->next) {
        calls = calls || block->kind == FH_BLOCK_TOOL_CALL;
    }
    return calls && first->kind != FH_BLOCK_THINKING && first->kind != FH_BLOCK_REDACTED;
}

/* wish_to_think gives what a request comes to before numbers are looked at. */
static enum fh_thinking wish_to_think(const struct fh_chat_request *req, struct fh_loss *loss)
{
    static const char impossible[] =
        "claude does not think where a call is forced or sampling is set";
    enum fh_thinking wish = req->thinking;

    if (wish == FH_THINKING_UNSET && req->effort == FH_EFFORT_NONE) {
        return FH_THINKING_OFF;
    }
    if (wish == FH_THINKING_UNSET &&
        (req->effort >= FH_EFFORT_LOW || req->thinking_shown == 1)) {
        wish = FH_THINKING_ADAPTIVE;
    }
    if (wish == FH_THINKING_UNSET || wish == FH_THINKING_OFF || may_think(req)) {
        return wish;
    }
    if (req->thinking != FH_THINKING_UNSET) {
        fh_dialect_lose(req, loss,
                        wish == FH_THINKING_BUDGET ? FH_FIELD_THINKING_BUDGET
                                                   : FH_FIELD_THINKING_ADAPTIVE,
                        impossible);
    } else if (req->thinking_shown == 1) {
        fh_dialect_lose(req, loss, FH_FIELD_THINKING_SHOWN, impossible);
    }
    return FH_THINKING_UNSET;
}

/* fit_budget keeps a budget between the least there is and the maximum, which holds the thinking as
 * well. */
static struct fh_claude_thinking fit_budget(const struct fh_chat_request *req,
                                            struct fh_loss *loss)
{
    struct fh_claude_thinking fit = {.kind = FH_THINKING_BUDGET};
    uint64_t budget = 0;
    uint64_t most = 0;
    bool bounded = fh_json_u64(req->value[FH_FIELD_MAX_TOKENS], &most);
    const char *why = NULL;

    if (!fh_json_u64(req->thinking_budget, &budget)) {
        return (struct fh_claude_thinking){.kind = FH_THINKING_ADAPTIVE};
    }
    if (is_cut(req)) {
        fit.kind = FH_THINKING_UNSET;
        why = "the thinking before the last call did not come back";
    } else if (bounded && most <= BUDGET_MIN) {
        fit.kind = FH_THINKING_UNSET;
        why = "there is no room for thinking below max_tokens";
    } else {
        fit.budget = fh_max(budget, BUDGET_MIN);
        fit.budget = bounded ? fh_min(fit.budget, most - 1) : fit.budget;
        why = fit.budget == budget ? NULL
                                   : "thinking takes 1024 tokens or more, below max_tokens";
    }
    if (why != NULL) {
        fh_dialect_lose(req, loss, FH_FIELD_THINKING_BUDGET, why);
    }
    return fit;
}

struct fh_claude_thinking fh_claude_think(const struct fh_chat_request *req,
                                          struct fh_loss *loss)
{
    enum fh_thinking wish = wish_to_think(req, loss);

    return wish == FH_THINKING_BUDGET ? fit_budget(req, loss)
                                      : (struct fh_claude_thinking){.kind = wish};
}

bool fh_claude_stops_at(struct fh_slice text)
{
    while (text.len > 0 && fh_find(FH_LIT(" \t\r\n"), text.ptr[0]) < 4) {
        text = fh_tail(text, 1);
    }
    return text.len > 0;
}
