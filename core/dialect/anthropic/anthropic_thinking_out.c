/* anthropic_thinking_out.c: how much a model shall think and say: numbers that depend on one
 * another here, and elsewhere do not.
 * SPDX-License-Identifier: Apache-2.0 */
#include "dialect/anthropic/anthropic.h"

/* It is required here; every model of the API gives as much. */
enum { MAX_TOKENS_DEFAULT = 4096 };

struct fh_anthropic_measure fh_anthropic_measure(struct fh_writer *w)
{
    struct fh_anthropic_measure m = {.thinking = w->req->thinking};

    if (w->ours) {
        return m;
    }
    const struct fh_claude_thinking thinking = fh_claude_think(w->req, w->loss);

    m.thinking = thinking.kind;
    m.budget = thinking.budget;
    if (w->req->value[FH_FIELD_MAX_TOKENS] == NULL &&
        __builtin_add_overflow(m.budget, MAX_TOKENS_DEFAULT, &m.max_tokens)) {
        m.max_tokens = UINT64_MAX;
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
