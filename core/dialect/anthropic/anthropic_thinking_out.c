/* anthropic_thinking_out.c: how much a model shall think and say: numbers that depend on one
 * another here, and elsewhere do not.
 * SPDX-License-Identifier: Apache-2.0 */
#include "dialect/anthropic/anthropic.h"

enum {
    MAX_TOKENS_DEFAULT = 4096, /* it is required here; every model of the API gives as much */
    BUDGET_MIN = 1024,         /* of thinking */
};

void fh_anthropic_lose(struct fh_writer *w, enum fh_field field, const char *why)
{
    fh_loss_add(w->loss, fh_dialect(w->req->dialect)->cells[field].pointer, why);
}

static bool is_one(yyjson_val *number)
{
    uint64_t n = 0;

    return fh_json_u64(number, &n) && n == 1;
}

/* may_think says whether the API takes `thinking` beside the rest: not when a call is forced, and
 * not with sampling of one's own ("thinking is not compatible with temperature, top_p or top_k
 * modifications as well as forced tool use"). */
static bool may_think(const struct fh_chat_request *req)
{
    yyjson_val *temperature = req->value[FH_FIELD_TEMPERATURE];

    return req->tool_choice != FH_CHOICE_ANY && req->tool_choice != FH_CHOICE_NAMED &&
           (temperature == NULL || is_one(temperature)) && req->value[FH_FIELD_TOP_P] == NULL &&
           req->value[FH_FIELD_TOP_K] == NULL;
}

/* is_cut says whether the results of a call are given whose thinking did not come back: then the
 * API refuses a budget ("a final assistant message must start with a thinking block"), while
 * adaptive thinking is free to begin anew. */
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

/* wish_to_think gives what a request of another dialect comes to. */
static enum fh_thinking wish_to_think(struct fh_writer *w)
{
    static const char impossible[] =
        "anthropic does not think where a call is forced or sampling is set";
    const struct fh_chat_request *req = w->req;
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
        fh_anthropic_lose(w,
                          wish == FH_THINKING_BUDGET ? FH_FIELD_THINKING_BUDGET
                                                     : FH_FIELD_THINKING_ADAPTIVE,
                          impossible);
    } else if (req->thinking_shown == 1) {
        fh_anthropic_lose(w, FH_FIELD_THINKING_SHOWN, impossible);
    }
    return FH_THINKING_UNSET;
}

/* fit_budget keeps a budget between the least there is and the maximum, which holds the thinking as
 * well. */
static void fit_budget(struct fh_writer *w, struct fh_anthropic_measure *m)
{
    uint64_t budget = 0;
    uint64_t most = 0;
    bool bounded = fh_json_u64(w->req->value[FH_FIELD_MAX_TOKENS], &most);

    if (!fh_json_u64(w->req->thinking_budget, &budget)) {
        m->thinking = FH_THINKING_ADAPTIVE;
        return;
    }
    if (is_cut(w->req)) {
        fh_anthropic_lose(w, FH_FIELD_THINKING_BUDGET,
                          "the thinking before the last call did not come back");
        m->thinking = FH_THINKING_UNSET;
        return;
    }
    if (bounded && most <= BUDGET_MIN) {
        fh_anthropic_lose(w, FH_FIELD_THINKING_BUDGET,
                          "there is no room for thinking below max_tokens");
        m->thinking = FH_THINKING_UNSET;
        return;
    }
    m->budget = fh_max(budget, BUDGET_MIN);
    m->budget = bounded ? fh_min(m->budget, most - 1) : m->budget;
    if (m->budget != budget) {
        fh_anthropic_lose(w, FH_FIELD_THINKING_BUDGET,
                          "thinking takes 1024 tokens or more, below max_tokens");
    }
    if (m->max_tokens > 0 &&
        __builtin_add_overflow(m->budget, MAX_TOKENS_DEFAULT, &m->max_tokens)) {
        m->max_tokens = UINT64_MAX;
    }
}

struct fh_anthropic_measure fh_anthropic_measure(struct fh_writer *w)
{
    struct fh_anthropic_measure m = {.thinking = w->req->thinking};

    if (w->ours) {
        return m;
    }
    m.thinking = wish_to_think(w);
    m.max_tokens = w->req->value[FH_FIELD_MAX_TOKENS] == NULL ? MAX_TOKENS_DEFAULT : 0;
    if (m.thinking == FH_THINKING_BUDGET) {
        fit_budget(w, &m);
    }
    return m;
}

void fh_anthropic_add_thinking(struct fh_writer *w, yyjson_mut_val *root,
                               const struct fh_anthropic_measure *m)
{
    static const char *const types[] = {
        [FH_THINKING_OFF] = "disabled",
        [FH_THINKING_BUDGET] = "enabled",
        [FH_THINKING_ADAPTIVE] = "adaptive",
    };
    const struct fh_chat_request *req = w->req;

    if (m->thinking == FH_THINKING_OPAQUE) {
        fh_write_val(w, root, "thinking", req->thinking_raw);
        return;
    }
    if (m->thinking == FH_THINKING_UNSET) {
        return;
    }
    yyjson_mut_val *obj = yyjson_mut_obj_add_obj(w->doc, root, "thinking");

    fh_write_word(w, obj, "type", types[m->thinking]);
    if (m->budget > 0) {
        (void)yyjson_mut_obj_add_uint(w->doc, obj, "budget_tokens", m->budget);
    } else if (m->thinking == FH_THINKING_BUDGET) {
        fh_write_val(w, obj, "budget_tokens", req->thinking_budget);
    }
    if (req->thinking_shown >= 0 && (w->ours || m->thinking != FH_THINKING_OFF)) {
        fh_write_word(w, obj, "display", req->thinking_shown == 1 ? "summarized" : "omitted");
    }
    fh_write_extras(w, &req->extras, "/thinking", obj);
}
