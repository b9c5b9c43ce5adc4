/* exchange_local.c: calls that need no provider: the list of models, and a count of tokens where no
 * provider counts them.
 * SPDX-License-Identifier: Apache-2.0 */
#include "exchange/exchange_state.h"

enum { BYTES_PER_TOKEN = 4, MODELS_MAX = 1 << 22 };

static void answer(struct fh_exchange *x)
{
    fh_x_status(x, 200);
    fh_x_send_head(x, 200, FH_LIT("application/json"), (int64_t)x->out.len);
    fh_x_client_bytes(x, fh_buf_slice(&x->out));
    fh_x_end(x, true);
}

/* fh_x_list_models answers with all models the key may use, or with the one that was asked for.
 *
 * Returns  false when that one is not there, and why in `fault`.
 */
bool fh_x_list_models(struct fh_exchange *x, const struct fh_slice *names, size_t count)
{
    struct fh_slice *shown = fh_arena_alloc(x->arena, (count + 1) * sizeof(*shown));
    size_t shown_count = 0;
    bool one = x->call.model.len > 0;

    for (size_t i = 0; i < count; i++) {
        if (fh_policy_allows(&x->key, names[i]) && (!one || fh_eq(names[i], x->call.model))) {
            shown[shown_count++] = names[i];
        }
    }
    if (one && shown_count == 0) {
        fh_x_fault(x, FH_REFUSE_NO_SUCH_MODEL,
                   "This gateway has no model \"%.*s\". GET /v1/models lists those it has.",
                   FH_ARG(x->call.model));
        x->fault.param = FH_LIT("model");
        return false;
    }
    fh_x_out(x, MODELS_MAX);
    const struct fh_listing list = {
        .names = shown,
        .count = shown_count,
        .one = one,
        .kind = x->call.list,
        .created_s = x->frame.created_s,
        .region = x->claim == NULL ? FH_NONE : x->claim->claim.region,
    };

    x->client->encode_models(&x->out, fh_x_scratch(x), &list);
    answer(x);
    return true;
}

/* counts says whether a place counts the tokens of such a request. */
static bool counts(const struct fh_provider *provider, enum fh_dialect_id client,
                   struct fh_slice model)
{
    const struct fh_provider_chat *chat = fh_provider_chat(provider, client, model);

    return chat != NULL && chat->path[FH_OPERATION_COUNT].len > 0 &&
           fh_dialect(chat->dialect)->decode_count != NULL;
}

/* fh_x_count_here keeps only the targets that count tokens, in whatever dialect. When there are
 * none it answers with an estimate, and says so.
 *
 * Returns  whether it answered.
 */
bool fh_x_count_here(struct fh_exchange *x)
{
    size_t kept = 0;

    for (size_t i = 0; i < x->target_count; i++) {
        const struct fh_provider *provider = x->target[i].provider;

        if (provider != NULL && counts(provider, x->call.dialect, x->target[i].model)) {
            x->target[kept++] = x->target[i];
        }
    }
    if (kept > 0) {
        x->target_count = kept;
        return false;
    }
    fh_x_out(x, 256);
    x->client->encode_count(&x->out, fh_max(x->body.len / BYTES_PER_TOKEN, 1));
    fh_x_field(x, "x-freehold-estimated", FH_LIT("input_tokens"));
    answer(x);
    return true;
}
