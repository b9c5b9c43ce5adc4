/* exchange.c: the machine. Every step either makes a row of wants or says that it waits.
 * SPDX-License-Identifier: Apache-2.0 */
#include "exchange/exchange.h"

#include "exchange/exchange_state.h"
#include "wire/url.h"

#include <stdio.h>

enum {
    PING_US =
        15000000, /* of silence towards the client of a stream: far below what any waits */
    ARENA_FIRST = 6144,  /* holds the exchange and what a plain request needs beside it */
    ARENA_MAX = 1 << 20, /* heads, names and records of one exchange */
    FAULT_MAX = 1 << 16,
    US_PER_MS = 1000,
};

/* refuse answers with `fault`. */
static void refuse(struct fh_exchange *x)
{
    struct fh_fault *fault = &x->fault;
    const struct fh_refusal_row *row = fh_refusal_row(fault->kind);
    struct fh_buf retry = fh_buf_in_arena(x->arena, 16);

    if (row->retry && fault->retry_after_s > 0) {
        fh_buf_u64(&retry, fault->retry_after_s);
        fh_x_field(x, "retry-after", fh_buf_slice(&retry));
    }
    fh_x_field(x, "x-should-retry", row->retry ? FH_LIT("true") : FH_LIT("false"));
    fh_x_field(x, "x-amzn-errortype", fh_x_fault_name(x));
    fh_x_status(x, fh_x_fault_status(x));
    fh_x_out(x, FAULT_MAX);
    fh_x_encode_fault(x, false);
    if (x->dispatched) {
        fh_x_settle(x, x->status >= 400 ? FH_OUTCOME_REFUSED : FH_OUTCOME_FAILED,
                    fh_buf_slice(&x->out));
    } else {
        fh_x_void(x, x->attempts > 0 ? FH_VOID_UNREACHABLE : FH_VOID_REFUSED);
    }
    fh_x_release(x, false);
    fh_x_send_head(x, fh_x_fault_status(x), FH_LIT("application/json"), (int64_t)x->out.len);
    fh_x_client_bytes(x, fh_buf_slice(&x->out));
    fh_x_end(x, true);
}

/* usable says whether a request can be sent to the target now; if not, `fault` says why. */
static bool usable(struct fh_exchange *x, const struct fh_target *target)
{
    const struct fh_provider *provider = target->provider;

    if (provider == NULL) {
        fh_x_fault(x, FH_REFUSE_INTERNAL,
                   "A route of the model \"%.*s\" names a provider that is gone.",
                   FH_ARG(x->model));
        return false;
    }
    if (provider->state != FH_PROVIDER_READY) {
        fh_x_fault(x, FH_REFUSE_STARTING, "The provider \"%.*s\" is %s: %.*s.",
                   FH_ARG(provider->name),
                   provider->state == FH_PROVIDER_STARTING ? "starting" : "not available",
                   FH_ARG(provider->state_line));
        x->fault.retry_after_s = provider->retry_after_s > 0 ? provider->retry_after_s : 2;
        return false;
    }
    if (target->secret_error != NULL) {
        fh_x_fault(
            x, FH_REFUSE_UPSTREAM_DENIED,
            "This gateway's key for the provider \"%.*s\" could not be read. Whoever runs the "
            "gateway finds the reason in its log.",
            FH_ARG(provider->name));
        return false;
    }
    return true;
}

/* chat_place looks up in which dialect the target in use is asked. */
static bool chat_place(struct fh_exchange *x)
{
    const struct fh_target *target = fh_x_target(x);

    x->chat = fh_provider_chat(target->provider, x->call.dialect, target->model);
    if (x->chat == NULL) {
        fh_x_fault(x, FH_REFUSE_UNSUPPORTED,
                   "The provider \"%.*s\" does not chat with the model \"%.*s\".",
                   FH_ARG(target->provider->name), FH_ARG(target->model));
        return false;
    }
    x->provider = x->call.call == CALL_NATIVE ? x->client : fh_dialect(x->chat->dialect);
    /* a list has its brackets, and another model's signatures mean nothing to this one: then it is
     * made anew even of the same dialect */
    x->passes = x->provider == x->client && !fh_x_helps_call(x) &&
                x->call.framing != FH_FRAMING_LIST && !fh_seal_maybe_in(x->body);
    return true;
}

/* prepare_attempt readies the target in use: what is sent, and the intent that comes before it. */
static bool prepare_attempt(struct fh_exchange *x)
{
    if (!(x->call.call == CALL_EMBED ? fh_x_embed_place(x) : chat_place(x)) ||
        fh_x_build_request(x) != FH_OK) {
        return false;
    }
    x->attempts++;
    x->intent_open = true;
    x->state = STATE_INTENT;
    fh_x_intend(x);
    return true;
}

static void drop_attempt(struct fh_exchange *x)
{
    fh_arena_free(&x->work);
    fh_buf_fini(&x->upstream_body);
    fh_buf_fini(&x->whole);
    fh_buf_fini(&x->out);
    if (x->frames != NULL) {
        fh_frames_fini(x->frames);
        x->frames = NULL;
    }
    if (x->native != NULL) {
        fh_x_native_drop(x);
    }
    x->http = NULL;
    x->whole_borrowed = FH_NONE;
    x->closed = false;
    x->finish_seen = false;
    x->events = 0;
    x->deadline_us = 0;
}

/* begin_attempt takes the target in use or the first usable one behind it. When there is none the
 * client gets the last fault: the one of the provider that got furthest. */
static void begin_attempt(struct fh_exchange *x)
{
    for (; x->target_at < x->target_count && x->attempts < x->setup.limits->attempts_max;
         x->target_at++) {
        struct fh_fault before = x->fault;
        bool reached = x->dispatched;

        if (usable(x, fh_x_target(x)) && prepare_attempt(x)) {
            return;
        }
        drop_attempt(x);
        if (reached) {
            x->fault = before; /* what a provider said tells more than who could not be asked */
        }
    }
    x->target_at = x->last_tried;
    refuse(x);
}

/* fh_x_more_targets says whether another attempt is possible. */
bool fh_x_more_targets(const struct fh_exchange *x)
{
    return x->target_at + 1 < x->target_count && x->attempts < x->setup.limits->attempts_max &&
           !x->gone;
}

/* fh_x_attempt_failed goes on to the next provider, or tells the client. */
void fh_x_attempt_failed(struct fh_exchange *x, bool another_may_do)
{
    FH_ASSERT(!x->head_sent);
    if (another_may_do && fh_x_more_targets(x)) {
        drop_attempt(x);
        x->target_at++;
        begin_attempt(x);
        return;
    }
    x->target_at = x->dispatched ? x->last_tried : x->target_at;
    refuse(x);
}

/* not_asked goes on from a provider that got no connection. */
static void not_asked(struct fh_exchange *x, const struct fh_fault *before)
{
    if (x->dispatched) {
        x->fault = *before; /* what another one said tells more */
    }
    fh_x_attempt_failed(x, true);
}

static void ask_for_key(struct fh_exchange *x, struct fh_sha256 hash,
                        struct fh_slice access_key)
{
    struct fh_want *want = fh_x_want(x, FH_WANT_KEY);

    x->state = STATE_KEY;
    want->key_hash = hash;
    want->access_key = access_key;
}

/* ask_for_signer wants the key of whoever a signed request says it is from. */
static void ask_for_signer(struct fh_exchange *x)
{
    if (fh_x_read_claim(x)) {
        ask_for_key(x, (struct fh_sha256){0}, x->claim->claim.access_key);
    } else {
        refuse(x);
    }
}

static void start(struct fh_exchange *x)
{
    struct fh_slice key;

    x->call = fh_x_recognise(&x->setup.head);
    x->client = fh_dialect(x->call.dialect);
    x->frame.framing = x->call.framing;
    if (!x->call.known) {
        fh_x_fault(x, x->call.fault,
                   x->call.fault == FH_REFUSE_BAD_METHOD
                       ? "%.*s does not take this method."
                       : "There is nothing at %.*s. This gateway serves the paths of the "
                         "official SDKs, such as /v1/messages, /v1/chat/completions, "
                         "/v1/responses, /model/MODEL/converse, "
                         "/v1beta/models/MODEL:generateContent and /v1/models.",
                   FH_ARG(x->setup.head.path));
        refuse(x);
        return;
    }
    /* a name whose percent signs are wrong stays as it is, and will not be found */
    (void)!fh_url_decode_segment(x->call.model, x->arena, &x->call.model);
    x->strict = fh_eq_nocase(x->setup.head.translation, FH_LIT("strict"));
    if (fh_exchange_is_signed(&x->setup.head)) {
        ask_for_signer(x);
        return;
    }
    if (!fh_x_client_key(&x->setup.head, &key)) {
        fh_x_fault(x, FH_REFUSE_NO_KEY,
                   "There is no key in the request. Send one as `authorization: Bearer KEY` or "
                   "`x-api-key: KEY`; `freehold key create NAME` makes one.");
        refuse(x);
        return;
    }
    ask_for_key(x, fh_sha256(key), FH_NONE);
}

enum fh_dialect_id fh_exchange_dialect(const struct fh_client_head *head)
{
    return fh_x_recognise(head).dialect;
}

struct fh_exchange *fh_exchange_new(const struct fh_exchange_setup *setup)
{
    struct fh_arena *arena = fh_arena_new_sized(ARENA_FIRST, ARENA_MAX);
    struct fh_exchange *x = fh_new(arena, struct fh_exchange);

    x->arena = arena;
    x->setup = *setup;
    x->now_us = setup->now_us;
    fh_request_id_print(&setup->id, x->id_text);
    x->frame.request_id = fh_cstr(x->id_text);
    x->frame.created_s = setup->calendar_us / 1000000;
    return x;
}

void fh_exchange_free(struct fh_exchange **x)
{
    if (*x == NULL) {
        return;
    }
    struct fh_arena *arena = (*x)->arena;

    if ((*x)->claim != NULL) {
        fh_wipe(&(*x)->claim->key, sizeof((*x)->claim->key));
    }
    drop_attempt(*x);
    fh_arena_free(&(*x)->scratch);
    fh_arena_free(&arena);
    *x = NULL;
}

void fh_exchange_key(struct fh_exchange *x, const struct fh_policy_key *key)
{
    FH_ASSERT(x->state == STATE_KEY);
    if (key == NULL && x->claim != NULL) {
        fh_x_fault(x, FH_REFUSE_BAD_KEY,
                   "The security token included in the request is invalid.");
        refuse(x);
        return;
    }
    if (key == NULL) {
        fh_x_fault(
            x, FH_REFUSE_BAD_KEY,
            "This gateway does not know the key. `freehold key list` shows those it knows.");
        refuse(x);
        return;
    }
    if (key->revoked) {
        fh_x_fault(x, FH_REFUSE_BAD_KEY, "The key \"%.*s\" has been revoked.",
                   FH_ARG(key->name));
        refuse(x);
        return;
    }
    x->key = *key;
    x->key.id = fh_dup(x->arena, key->id);
    x->key.name = fh_dup(x->arena, key->name);
    x->key.models = fh_dup(x->arena, key->models);
    x->key.aws_secret = FH_NONE;
    if (x->claim != NULL) {
        fh_x_take_secret(x, key);
    }
    if (x->call.call == CALL_NATIVE && !fh_x_native_may(x)) {
        refuse(x);
        return;
    }
    if (x->call.call == CALL_MODELS) {
        if (x->claim != NULL && !fh_x_verify(x)) { /* without a body all is there */
            refuse(x);
            return;
        }
        x->state = STATE_MODELS;
        (void)fh_x_want(x, FH_WANT_MODELS);
        return;
    }
    x->state = STATE_BODY;
    fh_x_want(x, FH_WANT_BODY)->body_max = x->setup.limits->body_max_bytes;
}

void fh_exchange_body(struct fh_exchange *x, struct fh_slice body, uint64_t now_us)
{
    FH_ASSERT(x->state == STATE_BODY);
    x->now_us = now_us;
    x->body = body;
    if (x->call.call == CALL_NATIVE) {
        x->state = STATE_PLACES;
        (void)fh_x_want(x, FH_WANT_PLACES);
        return;
    }
    if ((x->claim != NULL && !fh_x_verify(x)) || fh_x_read_request(x) != FH_OK) {
        refuse(x);
        return;
    }
    if (!fh_policy_allows(&x->key, x->model)) {
        fh_x_fault(x, FH_REFUSE_NOT_ALLOWED, "The key \"%.*s\" may not use the model \"%.*s\".",
                   FH_ARG(x->key.name), FH_ARG(x->model));
        refuse(x);
        return;
    }
    x->frame.model = x->model;
    x->state = STATE_ROUTE;
    fh_x_want(x, FH_WANT_ROUTE)->model = x->model;
}

void fh_exchange_body_failed(struct fh_exchange *x, enum fh_refusal why)
{
    FH_ASSERT(x->state == STATE_BODY);
    switch ((int)why) {
    case FH_REFUSE_TOO_LARGE:
        fh_x_fault(x, why,
                   "The body is larger than %llu bytes, which is this gateway's body_max.",
                   (unsigned long long)x->setup.limits->body_max_bytes);
        break;
    case FH_REFUSE_CLIENT_TIMEOUT:
        fh_x_fault(x, why, "The body did not arrive in time.");
        break;
    default:
        fh_x_fault(x, why, "The body could not be read.");
    }
    refuse(x);
}

void fh_exchange_route(struct fh_exchange *x, const struct fh_target *targets, size_t count)
{
    FH_ASSERT(x->state == STATE_ROUTE);
    FH_ASSERT(count <= TARGETS_MAX);
    if (count == 0) {
        fh_x_fault(x, FH_REFUSE_NO_SUCH_MODEL,
                   "This gateway has no model \"%.*s\". GET /v1/models lists those it has.",
                   FH_ARG(x->model));
        x->fault.param = FH_LIT("model");
        refuse(x);
        return;
    }
    memcpy(x->target, targets, count * sizeof(*targets));
    x->target_count = count;
    if (x->call.call == CALL_COUNT && fh_x_count_here(x)) {
        return;
    }
    begin_attempt(x);
}

void fh_exchange_models(struct fh_exchange *x, const struct fh_slice *names, size_t count)
{
    FH_ASSERT(x->state == STATE_MODELS);
    if (!fh_x_list_models(x, names, count)) {
        refuse(x);
    }
}

void fh_exchange_places(struct fh_exchange *x, const struct fh_target *places, size_t count)
{
    FH_ASSERT(x->state == STATE_PLACES);
    if (fh_x_native_place(x, places, count)) {
        begin_attempt(x);
    } else {
        refuse(x);
    }
}

void fh_exchange_journaled(struct fh_exchange *x, bool ok)
{
    if (x->state == STATE_RESULT) {
        x->state = STATE_PASS;
        fh_x_result_journaled(x, ok);
        return;
    }
    if (x->state != STATE_INTENT) {
        return; /* a settle or a void that was not taken: the intent stands and will be unknown */
    }
    if (!ok) {
        x->intent_open = x->attempts > 1;
        x->attempts--;
        fh_x_fault(
            x, FH_REFUSE_INTERNAL,
            "The journal takes no records at present, and no request leaves without one.");
        x->fault.retry_after_s = 5;
        refuse(x);
        return;
    }
    x->state = STATE_CONNECT;
    x->deadline_us =
        x->now_us + (uint64_t)fh_x_target(x)->provider->connect_timeout_ms * US_PER_MS;
    x->connected = true; /* or about to be: RELEASE ends the attempt to connect as well */
    fh_x_want(x, FH_WANT_CONNECT)->target = fh_x_target(x);
}

void fh_exchange_connected(struct fh_exchange *x, uint64_t now_us)
{
    FH_ASSERT(x->state == STATE_CONNECT);
    x->now_us = now_us;
    x->state = STATE_HEAD;
    x->deadline_us =
        now_us + (uint64_t)fh_x_target(x)->provider->first_byte_timeout_ms * US_PER_MS;
    x->dispatched = true;
    x->last_tried = x->target_at;
    x->watch = (struct fh_watch){0};
    x->status = 0;
    x->first_byte_us = 0;
    x->http = fh_http1_decoder_new(x->arena, (uint32_t)x->setup.limits->head_max_bytes);

    struct fh_want *want = fh_x_want(x, FH_WANT_SEND);
    want->pieces = x->piece;
    want->piece_count = x->piece_count;
}

void fh_exchange_connect_failed(struct fh_exchange *x, const char *why, uint64_t now_us)
{
    const struct fh_fault before = x->fault;

    FH_ASSERT(x->state == STATE_CONNECT);
    x->now_us = now_us;
    x->connected = false;
    fh_x_fault(x, FH_REFUSE_UPSTREAM_FAILED, "The provider \"%.*s\" cannot be reached: %s.",
               FH_ARG(fh_x_target(x)->provider->name), why);
    not_asked(x, &before);
}

/* waiting_for_upstream: the states in which bytes of the provider mean something. */
static bool waiting_for_upstream(const struct fh_exchange *x)
{
    return x->state == STATE_HEAD || x->state == STATE_WHOLE || x->state == STATE_STREAM ||
           x->state == STATE_PASS || x->state == STATE_TAIL;
}

void fh_exchange_upstream_bytes(struct fh_exchange *x, struct fh_slice bytes, uint64_t now_us)
{
    if (!waiting_for_upstream(x)) {
        return;
    }
    x->now_us = now_us;
    x->upstream_bytes += bytes.len;
    x->drained += x->gone ? bytes.len : 0;
    if (x->state != STATE_TAIL) {
        x->deadline_us =
            now_us + (uint64_t)fh_x_target(x)->provider->idle_timeout_ms * US_PER_MS;
    }
    fh_http1_feed(x->http, bytes);
}

void fh_exchange_upstream_closed(struct fh_exchange *x, const char *why, uint64_t now_us)
{
    if (!waiting_for_upstream(x)) {
        return;
    }
    x->now_us = now_us;
    x->closed = true;
    (void)snprintf(x->closed_why, sizeof(x->closed_why), "%s", why == NULL ? "" : why);
}

/* silent says what did not come in time. */
static void silent(struct fh_exchange *x)
{
    const struct fh_provider *provider = fh_x_target(x)->provider;
    const struct fh_fault before = x->fault;
    bool asked = x->state != STATE_CONNECT;

    if (x->state == STATE_STREAM) {
        fh_x_stream_cut(x, "it fell silent");
        return;
    }
    if (x->state == STATE_PASS) {
        fh_x_native_cut(x);
        return;
    }
    fh_x_fault(x, FH_REFUSE_UPSTREAM_TIMEOUT, "The provider \"%.*s\" %s.",
               FH_ARG(provider->name),
               !asked                   ? "did not accept a connection in time"
               : x->state == STATE_HEAD ? "did not begin to answer in time"
                                        : "stopped in the middle of its answer");
    fh_x_release(x, false);
    if (asked) {
        fh_x_attempt_failed(x, true);
    } else {
        not_asked(x, &before);
    }
}

/* abandon ends an exchange whose client is gone and whose answer will not be read any further. */
static void abandon(struct fh_exchange *x)
{
    fh_x_release(x, false);
    if (x->dispatched) {
        fh_x_settle(x, FH_OUTCOME_CLIENT_GONE, FH_NONE);
    } else {
        fh_x_void(x, FH_VOID_CLIENT_GONE);
    }
    fh_x_end(x, false);
}

/* ping_due is when a client whose stream is quiet wants a sign of life; 0: it does not. */
static uint64_t ping_due(const struct fh_exchange *x)
{
    return x->state == STATE_STREAM && x->told_us > 0 && !x->gone ? x->told_us + PING_US : 0;
}

void fh_exchange_timeout(struct fh_exchange *x, uint64_t now_us)
{
    uint64_t deadline = fh_exchange_deadline(x);

    if (x->state == STATE_DONE || deadline == 0 || now_us < deadline) {
        return;
    }
    x->now_us = now_us;
    if (x->drain_until_us > 0 && now_us >= x->drain_until_us) {
        abandon(x);
    } else if (ping_due(x) > 0 && now_us >= ping_due(x)) {
        fh_x_ping(x);
        x->told_us = now_us;
    } else if (x->deadline_us == 0 || now_us < x->deadline_us) {
        return;
    } else if (x->state == STATE_TAIL) {
        fh_x_release(x, false);
        fh_x_end(x, true);
    } else {
        silent(x);
    }
}

void fh_exchange_client_gone(struct fh_exchange *x, uint64_t now_us)
{
    if (x->gone || x->state == STATE_DONE) {
        return;
    }
    x->gone = true;
    x->now_us = now_us;
    x->drain_until_us = now_us + (uint64_t)x->setup.limits->drain_ms * US_PER_MS;
    if (!waiting_for_upstream(x) && x->state != STATE_RESULT) {
        x->want_count = 0; /* nothing that was still to be done is worth it */
        abandon(x);
    }
}

uint64_t fh_exchange_deadline(const struct fh_exchange *x)
{
    uint64_t first = x->deadline_us;
    const uint64_t others[] = {x->drain_until_us, ping_due(x)};

    if (x->state == STATE_DONE || x->state == STATE_RESULT) {
        return 0;
    }
    for (size_t i = 0; i < FH_LEN(others); i++) {
        if (others[i] > 0 && (first == 0 || others[i] < first)) {
            first = others[i];
        }
    }
    return first;
}

/* over handles the proper end of the provider's message. */
static void over(struct fh_exchange *x)
{
    switch ((int)x->state) {
    case STATE_WHOLE:
        fh_x_whole(x);
        break;
    case STATE_STREAM:
        fh_x_stream_over(x, NULL);
        break;
    case STATE_PASS:
        x->native->over = true;
        break;
    case STATE_TAIL:
        fh_x_release(x, x->keep_alive);
        fh_x_end(x, true);
        break;
    default:
        break;
    }
}

/* broken handles an answer that stops before its end, or is no HTTP. */
static void broken(struct fh_exchange *x, const char *why)
{
    switch ((int)x->state) {
    case STATE_TAIL:
        fh_x_release(x, false);
        fh_x_end(x, true);
        break;
    case STATE_STREAM:
        fh_x_stream_over(x, why);
        break;
    case STATE_PASS:
        fh_x_native_cut(x);
        break;
    default:
        fh_x_fault(x, FH_REFUSE_UPSTREAM_FAILED,
                   "The provider \"%.*s\" gave no whole answer: %s.",
                   FH_ARG(fh_x_target(x)->provider->name), why);
        fh_x_release(x, false);
        fh_x_attempt_failed(x, true);
    }
}

/* next_event draws on the stream's decoder. */
static bool next_event(struct fh_exchange *x)
{
    struct fh_frame event;

    if (x->state != STATE_STREAM) {
        return false;
    }
    switch (fh_frames_next(x->frames, &event)) {
    case FH_STEP_EVENT:
        fh_x_event(x, &event);
        return true;
    case FH_STEP_ERROR:
        fh_x_stream_cut(x, fh_frames_error(x->frames).what);
        return true;
    case FH_STEP_MORE:
        break;
    }
    return false;
}

static void take_part(struct fh_exchange *x, const struct fh_http1_event *part)
{
    switch (part->kind) {
    case FH_HTTP1_HEAD:
        fh_x_reply_head(x, part->head);
        break;
    case FH_HTTP1_BODY:
        if (x->state == STATE_WHOLE) {
            fh_x_whole_bytes(x, part->body);
        } else if (x->state == STATE_STREAM) {
            fh_frames_feed(x->frames, part->body);
        } else if (x->state == STATE_PASS) {
            fh_x_native_bytes(x, part->body);
        }
        break;
    case FH_HTTP1_END:
        over(x);
        break;
    }
}

/* advance makes the next step.
 *
 * Returns  false when it waits.
 */
static bool advance(struct fh_exchange *x)
{
    struct fh_http1_event part;

    if (x->state == STATE_NEW) {
        start(x);
        return true;
    }
    if (!waiting_for_upstream(x)) {
        return false;
    }
    if (next_event(x) || (x->state == STATE_PASS && fh_x_native_step(x))) {
        return true;
    }
    switch (fh_http1_next(x->http, &part)) {
    case FH_STEP_EVENT:
        take_part(x, &part);
        return true;
    case FH_STEP_ERROR:
        broken(x, fh_http1_error(x->http).what);
        return true;
    case FH_STEP_MORE:
        break;
    }
    if (x->state == STATE_PASS && fh_x_native_hand_on(x)) {
        return true;
    }
    if (x->closed) {
        x->closed = false;
        if (x->closed_why[0] != '\0') {
            broken(x, x->closed_why);
        } else if (fh_http1_eof(x->http)) {
            over(x);
        } else {
            broken(x, fh_http1_error(x->http).what);
        }
        return true;
    }
    if (x->gone && x->drained > x->setup.limits->drain_max_bytes) {
        abandon(x);
        return true;
    }
    return false;
}

bool fh_exchange_next(struct fh_exchange *x, struct fh_want *want)
{
    while (x->want_count == 0) {
        if (!advance(x)) {
            return false;
        }
    }
    *want = x->wants[x->want_at];
    x->want_at = (x->want_at + 1) % WANTS_MAX;
    x->want_count--;
    return true;
}
