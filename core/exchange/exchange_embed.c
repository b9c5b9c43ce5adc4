/* exchange_embed.c: embeddings: one question, one answer, in the shape of whoever asks.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"
#include "exchange/exchange_state.h"

enum {
    REPLY_GROWTH = 6, /* four packed bytes may become a number of a dozen digits */
    OUT_BASE = 1 << 16,
    WORK_BASE = 1 << 20,
    WORK_PER_BYTE = 8,
};

/* fh_x_embed_place looks up how the target in use is asked; false when it makes no vectors, and
 * `fault` says so. */
bool fh_x_embed_place(struct fh_exchange *x)
{
    const struct fh_target *target = fh_x_target(x);
    const struct fh_provider_embedding *how =
        fh_provider_embedding(target->provider, target->model);

    if (how == NULL) {
        fh_x_fault(x, FH_REFUSE_UNSUPPORTED,
                   "The provider \"%.*s\" makes no embeddings with the model \"%.*s\".",
                   FH_ARG(target->provider->name), FH_ARG(target->model));
        return false;
    }
    if (x->embed == NULL) {
        x->embed = fh_new(x->arena, struct fh_x_embed);
    }
    x->embed->how = how;
    x->embed->counted = UINT64_MAX;
    x->provider = fh_dialect(fh_embed_dialect(how->shape));
    x->passes = false;
    return true;
}

/* fh_x_embed_build writes the provider's body. The client's request stays until the answer is
 * there: it says in which form the vectors are wanted. */
enum fh_rc fh_x_embed_build(struct fh_exchange *x, struct fh_complaint *why)
{
    struct fh_embed_request *asked = fh_new(x->work, struct fh_embed_request);

    x->embed->asked = asked;
    FH_TRY(fh_embed_decode_request(asked, x->work, x->call.shape, x->body, why));
    asked->model = fh_x_target(x)->model;
    return fh_embed_encode_request(&x->upstream_body, x->work, x->embed->how->shape, asked,
                                   x->loss, why);
}

/* fh_x_embed_head notes what Bedrock says of usage in the head. */
void fh_x_embed_head(struct fh_exchange *x, const struct fh_http1_head *head)
{
    struct fh_slice value = FH_NONE;

    if (!fh_http_field(head, FH_LIT(FH_EMBED_COUNT_HEADER), &value) ||
        !fh_parse_u64(value, &x->embed->counted)) {
        x->embed->counted = UINT64_MAX;
    }
}

/* tell_count writes that field for clients whose body has no usage. */
static void tell_count(struct fh_exchange *x)
{
    struct fh_buf text = fh_buf_in_arena(x->arena, 24);

    if (x->call.shape == FH_EMBED_COHERE && fh_usage_has(&x->watch.usage, FH_TOKENS_INPUT)) {
        fh_buf_u64(&text, x->watch.usage.count[FH_TOKENS_INPUT]);
        fh_x_field(x, FH_EMBED_COUNT_HEADER, fh_buf_slice(&text));
    }
}

/* fh_x_embed_whole turns the provider's answer into the client's, in `out`.
 *
 * Returns  FH_OK, with `watch` filled in (failed: `fault` has the error in disguise); else `why`
 *          says why it is no answer.
 */
enum fh_rc fh_x_embed_whole(struct fh_exchange *x, struct fh_slice body,
                            struct fh_complaint *why)
{
    struct fh_arena *arena = fh_arena_new(WORK_BASE + WORK_PER_BYTE * body.len);
    struct fh_embed_reply reply = {0};
    enum fh_rc rc =
        fh_embed_decode_reply(&reply, arena, x->embed->how->shape, x->embed->asked, body, why);

    why->message = fh_dup(x->arena, why->message);
    if (rc == FH_OK && reply.failed) {
        x->watch.failed = true;
    } else if (rc == FH_OK) {
        x->watch.usage = reply.usage;
        x->watch.ended = true;
        if (x->embed->counted != UINT64_MAX) {
            fh_usage_set(&x->watch.usage, FH_TOKENS_INPUT, x->embed->counted);
        }
        reply.usage = x->watch.usage;
        tell_count(x);
        fh_x_out(x, REPLY_GROWTH * body.len + OUT_BASE);
        fh_embed_encode_reply(&x->out, arena, &x->frame, x->embed->asked, &reply, x->loss);
    }
    fh_arena_free(&arena);
    return rc;
}
