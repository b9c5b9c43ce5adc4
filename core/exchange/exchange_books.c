/* exchange_books.c: the exchange's records: an intent before each attempt, a settle or a void at
 * the end.
 * SPDX-License-Identifier: Apache-2.0 */
#include "exchange/exchange_state.h"

enum {
    BYTES_PER_TOKEN = 4, /* of English and of code, roughly: for estimates only */
};

/* write hands a record to the shell. What a record holds is bounded below FH_RECORD_MAX. */
static void write(struct fh_exchange *x, enum fh_record_type type, const struct fh_buf *payload)
{
    FH_ASSERT(!payload->failed);

    struct fh_want *want = fh_x_want(x, FH_WANT_JOURNAL);

    want->record_type = type;
    want->record = fh_buf_slice(payload);
}

static uint64_t calendar_us(const struct fh_exchange *x)
{
    return x->setup.calendar_us + (x->now_us - x->setup.now_us);
}

/* fh_x_intend records that the request is about to go to the target in use. */
void fh_x_intend(struct fh_exchange *x)
{
    const struct fh_target *target = fh_x_target(x);
    struct fh_buf payload = fh_buf_in_arena(x->arena, FH_RECORD_MAX);
    const struct fh_intent intent = {
        .id = x->setup.id,
        .at_us = calendar_us(x),
        .attempt = x->attempts,
        .streamed = x->streamed,
        .key_id = x->key.id,
        .key_name = x->key.name,
        .model = x->model,
        .route = fh_x_route(x, target->model, x->arena),
        .provider = target->provider->name,
        .upstream_model = target->model,
        .client_dialect = x->client->name,
        .provider_dialect = x->provider->name,
        .body_bytes = x->body.len,
    };

    fh_encode_intent(&payload, &intent);
    write(x, FH_RECORD_INTENT, &payload);
}

/* estimate fills in what the provider did not come to say, and marks it as ours: an event of a
 * stream is about a token, and so are four bytes of a prompt. */
static void estimate(struct fh_exchange *x, enum fh_outcome outcome)
{
    struct fh_usage *usage = &x->watch.usage;

    if (x->call.call != CALL_CHAT || x->status != 200 || outcome == FH_OUTCOME_REFUSED ||
        outcome == FH_OUTCOME_FAILED ||
        (fh_usage_has(usage, FH_TOKENS_OUTPUT) && x->watch.ended) ||
        (fh_usage_has(usage, FH_TOKENS_OUTPUT) && outcome == FH_OUTCOME_OK)) {
        return;
    }
    if (!fh_usage_has(usage, FH_TOKENS_INPUT)) {
        fh_usage_set(usage, FH_TOKENS_INPUT, x->body.len / BYTES_PER_TOKEN);
    }
    if (!fh_usage_has(usage, FH_TOKENS_OUTPUT) || usage->count[FH_TOKENS_OUTPUT] < x->events) {
        fh_usage_set(usage, FH_TOKENS_OUTPUT, x->events);
    }
    usage->estimated = true;
}

/* own_usage says what a call used itself that only passes what others used. What they used has
 * records of its own; where one has none it is not known, and nothing is said. */
static void own_usage(struct fh_exchange *x, enum fh_outcome outcome)
{
    if (x->native != NULL && x->native->unmetered == 0 && outcome != FH_OUTCOME_REFUSED &&
        outcome != FH_OUTCOME_FAILED) {
        fh_usage_set(&x->watch.usage, FH_TOKENS_INPUT, 0);
        fh_usage_set(&x->watch.usage, FH_TOKENS_OUTPUT, 0);
    }
}

/* fh_x_losses lists what the translation could not carry, as the header and the journal have it. */
struct fh_slice fh_x_losses(struct fh_exchange *x)
{
    if (x->loss != NULL && x->loss->count > x->losses_printed) {
        struct fh_buf list = fh_buf_in_arena(x->arena, LOSSES_MAX);

        fh_loss_print(x->loss, 0, &list);
        x->losses = fh_buf_slice(&list);
        x->losses_printed = x->loss->count;
    }
    return x->losses;
}

/* fh_x_settle records how a request that reached a provider ended. Once. `last` is what the client
 * will be handed next: it is counted, and goes out only after its record. */
void fh_x_settle(struct fh_exchange *x, enum fh_outcome outcome, struct fh_slice last)
{
    if (!x->intent_open) {
        return;
    }
    x->intent_open = false;
    estimate(x, outcome);
    own_usage(x, outcome);

    const struct fh_target *target = fh_x_target(x);
    struct fh_buf payload = fh_buf_in_arena(x->arena, FH_RECORD_MAX);

    const struct fh_settle settle = {
        .id = x->setup.id,
        .at_us = calendar_us(x),
        .outcome = x->gone && outcome == FH_OUTCOME_OK ? FH_OUTCOME_CLIENT_GONE : outcome,
        .status = x->client_status,
        .attempts = x->attempts,
        .route = fh_x_route(x, target->model, x->arena),
        .provider = target->provider->name,
        .upstream_model = target->model,
        .usage = x->watch.usage,
        .first_byte_us = x->first_byte_us > 0 ? x->first_byte_us - x->setup.now_us : 0,
        .duration_us = x->now_us - x->setup.now_us,
        .bytes_in = x->upstream_bytes,
        .bytes_out = x->client_bytes + (x->gone ? 0 : last.len),
        .finish = x->watch.finish,
        .loss_count = x->loss == NULL ? 0 : x->loss->count,
        .losses = fh_x_losses(x),
        .unmetered = x->native == NULL ? 0 : x->native->unmetered,
    };
    fh_encode_settle(&payload, &settle);
    write(x, FH_RECORD_SETTLE, &payload);
}

/* fh_x_void records that nothing of the request reached a provider. */
void fh_x_void(struct fh_exchange *x, enum fh_void_reason reason)
{
    struct fh_buf payload = fh_buf_in_arena(x->arena, FH_RECORD_MAX);
    const struct fh_void voided = {
        .id = x->setup.id, .at_us = calendar_us(x), .reason = reason};

    if (!x->intent_open) {
        return;
    }
    x->intent_open = false;
    fh_encode_void(&payload, &voided);
    write(x, FH_RECORD_VOID, &payload);
}

/* fh_x_intend_result and fh_x_settle_result book one result of a batch: as asked by whoever fetched
 * it, when he did. Their memory is the scratch: there may be a million of them. */
void fh_x_intend_result(struct fh_exchange *x)
{
    const struct fh_x_result *result = &x->native->result;
    struct fh_buf payload = fh_buf_in_arena(fh_x_scratch(x), FH_RECORD_MAX);
    const struct fh_intent intent = {
        .id = result->id,
        .at_us = calendar_us(x),
        .attempt = 1,
        .key_id = x->key.id,
        .key_name = x->key.name,
        .model = result->model,
        .route = fh_x_route(x, result->model, fh_x_scratch(x)),
        .provider = fh_x_target(x)->provider->name,
        .upstream_model = result->model,
        .client_dialect = result->dialect->name,
        .provider_dialect = result->dialect->name,
        .service = FH_SERVICE_BATCH,
    };

    fh_encode_intent(&payload, &intent);
    write(x, FH_RECORD_INTENT, &payload);
}

void fh_x_settle_result(struct fh_exchange *x)
{
    const struct fh_x_result *result = &x->native->result;
    struct fh_buf payload = fh_buf_in_arena(fh_x_scratch(x), FH_RECORD_MAX);
    const struct fh_settle settle = {
        .id = result->id,
        .at_us = calendar_us(x),
        .outcome = FH_OUTCOME_OK,
        .status = x->status,
        .attempts = 1,
        .route = fh_x_route(x, result->model, fh_x_scratch(x)),
        .provider = fh_x_target(x)->provider->name,
        .upstream_model = result->model,
        .usage = result->watch.usage,
        .finish = result->watch.finish,
    };

    fh_encode_settle(&payload, &settle);
    write(x, FH_RECORD_SETTLE, &payload);
}
