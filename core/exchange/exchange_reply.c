/* exchange_reply.c: what the provider answers becomes what the client gets, and what the books need
 * is read off it on the way.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"
#include "exchange/exchange_state.h"
#include "wire/json_scan.h"

#include <stdio.h>

enum {
    REPLY_GROWTH = 4,     /* a translation may be this much longer … */
    OUT_BASE = 1 << 16,   /* … and this */
    FAULT_MAX = 1 << 16,  /* of a provider's error page, as much as can hold an error */
    TAIL_US = 1000000,    /* for the last chunk of a message whose last event was seen */
    WORK_BASE = 16 << 20, /* to translate an answer takes this and … */
    WORK_PER_BYTE = 16,   /* … this for each of its bytes: real ones take half of it */
};

void fh_x_field(struct fh_exchange *x, const char *name, struct fh_slice value)
{
    if (value.len > 0) {
        FH_ASSERT(x->field_count < FH_EXCHANGE_FIELDS_MAX);
        x->field[x->field_count++] = (struct fh_http_field){fh_cstr(name), value};
    }
}

static struct fh_slice decimal(struct fh_exchange *x, uint64_t number)
{
    struct fh_buf text = fh_buf_in_arena(x->arena, 24);

    fh_buf_u64(&text, number);
    return fh_buf_slice(&text);
}

/* The request id goes out under our name and under the one that the client's SDK reads. */
static const char *const id_header[FH_DIALECTS] = {
    [FH_DIALECT_ANTHROPIC] = "request-id",          [FH_DIALECT_OPENAI_CHAT] = "x-request-id",
    [FH_DIALECT_OPENAI_RESPONSES] = "x-request-id", [FH_DIALECT_BEDROCK] = "x-amzn-requestid",
    [FH_DIALECT_GEMINI] = "x-request-id",           [FH_DIALECT_MISTRAL] = "x-request-id",
};

void fh_x_send_head(struct fh_exchange *x, uint16_t status, struct fh_slice content_type,
                    int64_t content_length)
{
    x->head_sent = true;
    if (x->gone) {
        return;
    }
    fh_x_field(x, "content-type", content_type);
    fh_x_field(x, "x-freehold-request-id", x->frame.request_id);
    fh_x_field(x,
               x->call.envelope == FH_ENVELOPE_BEDROCK ? "x-amzn-requestid"
                                                       : id_header[x->call.dialect],
               x->frame.request_id);
    if (x->attempts > 0) {
        fh_x_field(x, "x-freehold-attempts", decimal(x, x->attempts));
    }
    if (x->dispatched) {
        fh_x_field(x, "x-freehold-route", fh_x_route(x, fh_x_target(x)->model, x->arena));
    }
    fh_x_field(x, "x-freehold-dropped", fh_x_losses(x));
    x->losses_told = x->losses_printed;

    struct fh_want *want = fh_x_want(x, FH_WANT_HEAD);

    want->status = status;
    want->content_length = content_length;
    want->fields = x->field;
    want->field_count = x->field_count;
}

static struct fh_slice content_type_of(const struct fh_http1_head *head)
{
    struct fh_slice value = FH_NONE;
    struct fh_slice type = FH_NONE;

    if (fh_http_field(head, FH_LIT("content-type"), &value) && fh_split(&value, ';', &type)) {
        return fh_trim(type);
    }
    return FH_NONE;
}

static struct fh_slice content_type_for(enum fh_framing framing)
{
    switch (framing) {
    case FH_FRAMING_SSE:
        return FH_LIT("text/event-stream");
    case FH_FRAMING_EVENTSTREAM:
    case FH_FRAMING_CHUNKS:
        return FH_LIT("application/vnd.amazon.eventstream");
    case FH_FRAMING_LIST:
    case FH_FRAMING_NONE:
        break;
    }
    return FH_LIT("application/json");
}

static bool is_stream(const struct fh_exchange *x, const struct fh_http1_head *head)
{
    return fh_eq_nocase(content_type_of(head), content_type_for(x->chat->framing));
}

/* note_retry remembers how long the provider wants to be left alone. A date is not read: the
 * clocks of two machines would have to agree. */
static void note_retry(struct fh_exchange *x, const struct fh_http1_head *head)
{
    struct fh_slice value = FH_NONE;
    uint64_t seconds = 0;

    x->retry_after_s = 0;
    if (fh_http_field(head, FH_LIT("retry-after"), &value) && fh_parse_u64(value, &seconds)) {
        x->retry_after_s = (uint32_t)fh_min(seconds, UINT32_MAX);
    }
}

/* fh_x_reply_head decides how the answer is going to be handled. */
void fh_x_reply_head(struct fh_exchange *x, const struct fh_http1_head *head)
{
    x->status = head->status;
    x->keep_alive = head->keep_alive;
    x->frame.include_usage = x->usage_asked;
    x->first_byte_us = x->now_us;
    note_retry(x, head);
    /* the request is done with: its translation may go while the answer streams */
    if (x->embed != NULL) {
        fh_x_embed_head(x, head);
    } else if (!x->client->repeats_request) {
        fh_arena_free(&x->work);
        x->frame.request = NULL;
    }
    fh_buf_fini(&x->upstream_body);

    if (x->call.call == CALL_NATIVE && fh_x_native_head(x, head)) {
        return;
    }
    if (head->status == 200 && x->streamed && is_stream(x, head)) {
        x->state = STATE_STREAM;
        fh_x_out(x, REPLY_GROWTH * x->setup.limits->event_max_bytes + OUT_BASE);
        x->frames = fh_frames_new(x->arena, x->chat->framing,
                                  (uint32_t)x->setup.limits->event_max_bytes);
        if (!x->passes) {
            x->stream_decoder = x->provider->stream_decoder_new(x->arena);
            x->stream_encoder = x->client->stream_encoder_new(x->arena, &x->frame);
            x->settled = fh_new(x->arena, struct fh_settled);
        }
        return;
    }
    x->state = STATE_WHOLE;
    x->whole =
        fh_buf_on_heap(head->status == 200 ? x->setup.limits->reply_max_bytes : FAULT_MAX);
    x->whole_borrowed = FH_NONE;
    x->whole_len = head->chunked || head->until_close ? UINT64_MAX : head->content_length;
}

/* fh_x_whole_bytes gathers an answer. One that came in one piece is only borrowed. */
void fh_x_whole_bytes(struct fh_exchange *x, struct fh_slice bytes)
{
    if (x->whole.len == 0 && bytes.len == x->whole_len && bytes.len <= x->whole.max) {
        x->whole_borrowed = bytes; /* its end follows at once, from the same bytes */
        return;
    }
    if (x->status != 200) {
        bytes = fh_head(bytes, fh_min(bytes.len, x->whole.max - x->whole.len));
    }
    fh_buf_append(&x->whole, bytes);
    if (x->whole.failed) {
        fh_x_fault(
            x, FH_REFUSE_UPSTREAM_FAILED,
            "The answer of the provider \"%.*s\" is longer than %zu bytes, which is reply_max.",
            FH_ARG(fh_x_target(x)->provider->name), x->whole.max);
        fh_x_release(x, false);
        fh_x_attempt_failed(x, false);
    }
}

/* fh_x_finish_whole is how every answer that came to its end leaves: settled first, sent then. */
void fh_x_finish_whole(struct fh_exchange *x, uint16_t status, struct fh_slice body)
{
    fh_x_status(x, status);
    fh_x_settle(x, status == 200 ? FH_OUTCOME_OK : FH_OUTCOME_REFUSED, body);
    fh_x_send_head(x, status, FH_LIT("application/json"), (int64_t)body.len);
    fh_x_client_bytes(x, body);
    fh_x_release(x, x->keep_alive);
    fh_x_end(x, true);
}

/* Statuses after which another provider may do better. The others blame the request. */
static bool another_may_do(uint16_t status)
{
    static const uint16_t those[] = {401, 402, 403, 404, 408, 409, 425, 429};

    for (size_t i = 0; i < FH_LEN(those); i++) {
        if (status == those[i]) {
            return true;
        }
    }
    return status < 400 || status >= 500;
}

/* provider_fault handles an answer that is an error. */
static void provider_fault(struct fh_exchange *x, struct fh_slice body)
{
    const struct fh_provider *provider = fh_x_target(x)->provider;
    struct fh_json_member error;
    struct fh_error why;
    const struct fh_slice name = FH_LIT("error");

    uint16_t status = x->status;

    x->provider->decode_fault(&x->fault, x->arena, status == 200 ? 0 : status, body);
    x->fault_seen = true;
    if (status == 200) {
        x->watch = (struct fh_watch){0};
        status = fh_x_fault_status(x);
    }
    if (x->fault.retry_after_s == 0) {
        x->fault.retry_after_s = x->retry_after_s;
    }
    if (x->fault.kind == FH_REFUSE_UPSTREAM_DENIED) {
        /* the client's key is fine, and what the provider says of ours is not its business */
        fh_x_fault(
            x, FH_REFUSE_UPSTREAM_DENIED,
            "The provider \"%.*s\" did not accept this gateway's own credentials (status %u). "
            "Whoever runs the gateway has to look at them.",
            FH_ARG(provider->name), status);
    } else if (provider->kind == FH_PROVIDER_LOCAL && status == 503) {
        fh_x_fault(x, FH_REFUSE_STARTING,
                   "The local model is being loaded. Try again in a moment.");
        x->fault.retry_after_s = 2;
    }
    bool more = another_may_do(status) && fh_x_more_targets(x);
    bool own_words =
        x->passes && x->call.envelope != FH_ENVELOPE_BEDROCK &&
        x->fault.kind != FH_REFUSE_UPSTREAM_DENIED && x->fault.kind != FH_REFUSE_STARTING &&
        status >= 400 &&
        fh_json_scan(body, &name, &error, 1, x->setup.limits->depth_max, &why) == FH_OK &&
        error.value.ptr != NULL;

    if (own_words && !more) {
        if (x->fault.retry_after_s > 0) {
            fh_x_field(x, "retry-after", decimal(x, x->fault.retry_after_s));
        }
        fh_x_finish_whole(x, status, body);
        return;
    }
    fh_x_release(x, x->keep_alive);
    fh_x_attempt_failed(x, another_may_do(status));
}

/* no_answer is for a 200 that is none: HTML, half a document, an error in disguise. */
static void no_answer(struct fh_exchange *x, const char *what)
{
    fh_x_fault(x, FH_REFUSE_UPSTREAM_FAILED, "The provider \"%.*s\" answered 200, but %s.",
               FH_ARG(fh_x_target(x)->provider->name), what);
    fh_x_release(x, x->keep_alive);
    fh_x_attempt_failed(x, true);
}

/* work_arena makes an arena to take a whole answer apart in and put it together. Its cap follows
 * from the answer's length, which reply_max bounds: what was received must be readable. */
static struct fh_arena *work_arena(struct fh_slice body)
{
    return fh_arena_new(WORK_BASE + WORK_PER_BYTE * body.len);
}

/* scan_whole looks at an answer that is as long as an event may be in the scratch that is there. */
static void scan_whole(struct fh_exchange *x, struct fh_slice body)
{
    struct fh_arena *arena = NULL;

    if (body.len <= x->setup.limits->event_max_bytes) {
        x->provider->scan_reply(&x->watch, fh_x_scratch(x), body);
        return;
    }
    arena = work_arena(body);
    x->provider->scan_reply(&x->watch, arena, body);
    fh_arena_free(&arena);
}

/* pass_whole scans the answer once: that is its only check, too. */
static void pass_whole(struct fh_exchange *x, struct fh_slice body)
{
    scan_whole(x, body);
    if (x->watch.failed) {
        provider_fault(x, body);
    } else if (x->watch.ended) {
        fh_x_finish_whole(x, 200, body);
    } else {
        no_answer(x, "with something that is not JSON");
    }
}

/* follow keeps the books' view of a reply that is translated. */
static void follow(struct fh_exchange *x, const struct fh_event *event)
{
    switch ((int)event->kind) {
    case FH_EVENT_USAGE:
        fh_usage_merge(&x->watch.usage, &event->usage);
        break;
    case FH_EVENT_FINISH:
        x->watch.finish = event->finish;
        x->finish_seen = true;
        break;
    case FH_EVENT_END:
        x->watch.ended = true;
        break;
    case FH_EVENT_ERROR:
        x->watch.failed = true;
        x->fault = event->fault;
        x->fault_seen = true;
        break;
    default:
        break;
    }
}

/* told says whether the client is to be told of an event, once the ledger has looked at it. */
static bool told(struct fh_exchange *x, struct fh_event *event, struct fh_arena *scratch)
{
    const struct fh_settling s = fh_x_settling(x, x->provider, x->client, scratch);

    return x->client == x->provider || fh_settle_event(&s, x->settled, event);
}

/* translate_count tells the client in its own dialect what a provider counted. */
static void translate_count(struct fh_exchange *x, struct fh_slice body)
{
    uint64_t tokens = 0;

    if (!x->provider->decode_count(body, fh_x_scratch(x), &tokens)) {
        no_answer(x, "with no count of tokens");
        return;
    }
    x->watch.ended = true;
    fh_x_out(x, OUT_BASE);
    x->client->encode_count(&x->out, tokens);
    fh_x_finish_whole(x, 200, fh_buf_slice(&x->out));
}

static void translate_embeddings(struct fh_exchange *x, struct fh_slice body)
{
    struct fh_complaint why = {.kind = FH_REFUSE_UPSTREAM_FAILED};
    char what[512];

    if (fh_x_embed_whole(x, body, &why) != FH_OK) {
        (void)snprintf(what, sizeof(what), "the answer cannot be read: %.*s",
                       FH_ARG(why.message));
        no_answer(x, what);
    } else if (x->watch.failed) {
        provider_fault(x, body);
    } else if (x->out.failed) {
        no_answer(x, "its translation is too large");
    } else {
        fh_x_finish_whole(x, 200, fh_buf_slice(&x->out));
    }
}

static void translate_whole(struct fh_exchange *x, struct fh_slice body)
{
    struct fh_arena *arena = work_arena(body);
    struct fh_events events = {.arena = arena, .dialect = x->provider->id};
    struct fh_complaint why = {.kind = FH_REFUSE_UPSTREAM_FAILED};

    if (x->provider->decode_reply(&events, body, &why) != FH_OK) {
        char what[512];

        (void)snprintf(what, sizeof(what), "the answer cannot be read: %.*s",
                       FH_ARG(why.message));
        no_answer(x, what);
        fh_arena_free(&arena);
        return;
    }
    x->settled = fh_new(x->arena, struct fh_settled);
    size_t kept = 0;

    for (size_t i = 0; i < events.count; i++) {
        follow(x, &events.list[i]);
        if (told(x, &events.list[i], arena)) {
            events.list[kept++] = events.list[i];
        }
    }
    events.count = kept;
    if (x->watch.failed) {
        provider_fault(x, body);
        fh_arena_free(&arena);
        return;
    }
    fh_x_out(x, REPLY_GROWTH * body.len + OUT_BASE);
    x->client->encode_reply(&x->out, arena, &x->frame, &events, x->loss);
    fh_arena_free(&arena);
    if (x->out.failed) {
        no_answer(x, "its translation is too large");
        return;
    }
    fh_x_finish_whole(x, 200, fh_buf_slice(&x->out));
}

/* fh_x_whole handles an answer that has come to its end. */
void fh_x_whole(struct fh_exchange *x)
{
    struct fh_slice body =
        x->whole_borrowed.ptr != NULL ? x->whole_borrowed : fh_buf_slice(&x->whole);

    if (x->status != 200) {
        provider_fault(x, body);
    } else if (x->streamed) {
        /* an error in a 200 keeps its words; anything else is no answer to a request to stream */
        scan_whole(x, body);
        if (x->watch.failed) {
            provider_fault(x, body);
        } else {
            no_answer(x, "not with the stream it was asked for");
        }
    } else if (x->call.call == CALL_NATIVE) {
        fh_x_native_whole(x, body);
    } else if (x->passes) {
        pass_whole(x, body);
    } else if (x->embed != NULL) {
        translate_embeddings(x, body);
    } else if (x->call.call == CALL_COUNT) {
        translate_count(x, body);
    } else {
        translate_whole(x, body);
    }
}

static void open_stream(struct fh_exchange *x)
{
    if (!x->head_sent) {
        fh_x_status(x, 200);
        fh_x_field(x, "cache-control", FH_LIT("no-cache"));
        if (x->call.framing == FH_FRAMING_CHUNKS) {
            fh_x_field(x, "x-amzn-bedrock-content-type", FH_LIT("application/json"));
        }
        fh_x_send_head(x, 200, content_type_for(x->call.framing), -1);
    }
}

/* ended hands out the last bytes of a stream, once they are settled. The HTTP message ends when the
 * provider's does, so that its connection can be kept. */
static void ended(struct fh_exchange *x, struct fh_slice last)
{
    fh_x_status(x, 200);
    fh_x_settle(x, FH_OUTCOME_OK, last);
    open_stream(x);
    fh_x_client_bytes(x, last);
    x->state = STATE_TAIL;
    x->deadline_us = x->now_us + TAIL_US;
}

/* failed_event handles an error that the provider reported in its stream, which ends it. The error
 * event is the end that every SDK of a dialect notices; where there is none the answer is broken
 * off. */
static void failed_event(struct fh_exchange *x, struct fh_slice bytes)
{
    fh_x_release(x, false);
    if (!x->head_sent) {
        fh_x_attempt_failed(x, true);
        return;
    }
    fh_x_settle(x, FH_OUTCOME_CUT, bytes);
    fh_x_client_bytes(x, bytes);
    fh_x_end(x, !x->client->no_error_event);
}

/* reframed is an event as the client's framing has it: its own bytes if it is the same. */
static struct fh_slice reframed(struct fh_exchange *x, const struct fh_frame *event)
{
    if (x->call.framing == x->chat->framing) {
        return event->raw;
    }
    fh_buf_clear(&x->out);
    if (event->data.len > 0) { /* comments of SSE are nobody else's */
        fh_frame_write(&x->out, x->call.framing, event->name, event->data);
    }
    return fh_buf_slice(&x->out);
}

static void fail_passed(struct fh_exchange *x, const struct fh_frame *event)
{
    struct fh_slice bytes = event->raw;

    x->provider->decode_fault(&x->fault, x->arena, 0, event->data);
    x->fault_seen = true;
    if (x->call.framing != x->chat->framing) {
        fh_buf_clear(&x->out);
        fh_x_encode_fault(x, true);
        bytes = fh_buf_slice(&x->out);
    }
    failed_event(x, bytes);
}

static void pass_event(struct fh_exchange *x, const struct fh_frame *event)
{
    x->provider->scan_stream(&x->watch, fh_x_scratch(x), event);
    if (x->watch.failed || event->fault) {
        x->watch.failed = true;
        fail_passed(x, event);
    } else if (x->watch.ended) {
        ended(x, reframed(x, event));
    } else {
        open_stream(x);
        if (!x->watch.usage_only || x->usage_asked) {
            fh_x_client_bytes(x, reframed(x, event));
        }
    }
    if (x->scratch != NULL && fh_arena_used(x->scratch) > 0) {
        fh_arena_trim(x->scratch); /* few events are parsed: a stream holds nothing for them */
    }
}

/* tell_losses says in a stream what its head was too early to say. */
static void tell_losses(struct fh_exchange *x)
{
    if (!x->head_sent || x->losses_told >= fh_loss_listed(x->loss)) {
        return;
    }
    FH_AUTO(fh_buf_fini) struct fh_buf list = fh_buf_on_heap(LOSSES_MAX);
    struct fh_buf remark = fh_buf_in_arena(x->arena, LOSSES_MAX);

    fh_loss_print(x->loss, x->losses_told, &list);
    fh_frame_remark(&remark, x->call.framing, FH_LIT("x-freehold-dropped"),
                    fh_buf_slice(&list));
    fh_x_client_bytes(x, fh_buf_slice(&remark));
    x->losses_told = x->loss->count;
}

static void translate_event(struct fh_exchange *x, const struct fh_frame *event)
{
    struct fh_arena *scratch = fh_x_scratch(x);
    struct fh_events events = {.arena = scratch, .dialect = x->provider->id};
    struct fh_complaint why = {.kind = FH_REFUSE_UPSTREAM_FAILED};

    if (x->provider->decode_stream(x->stream_decoder, &events, event, &why) != FH_OK) {
        char what[512];

        (void)snprintf(what, sizeof(what), "%.*s", FH_ARG(why.message));
        fh_x_stream_cut(x, what);
        return;
    }
    fh_buf_clear(&x->out);
    for (size_t i = 0; i < events.count && !x->watch.failed; i++) {
        follow(x, &events.list[i]);
        if (x->watch.ended && !x->finish_seen) {
            break; /* an end without a reason is none: the encoder must not hear of it */
        }
        if (x->watch.failed) {
            x->fault.message = fh_dup(x->arena, x->fault.message);
            x->fault.type = fh_dup(x->arena, x->fault.type);
        }
        if ((!x->watch.failed || x->head_sent) && told(x, &events.list[i], scratch)) {
            x->client->encode_stream(x->stream_encoder, &x->out, scratch, &events.list[i],
                                     x->loss);
        }
    }
    fh_arena_reset(scratch);
    tell_losses(x);
    if (x->watch.failed) {
        failed_event(x, fh_buf_slice(&x->out));
    } else if (x->out.failed) {
        fh_x_stream_cut(x, "an event is too large when translated");
    } else if (x->watch.ended && !x->finish_seen) {
        fh_x_stream_cut(x, "it ended without a reason to end");
    } else if (x->watch.ended) {
        ended(x, fh_buf_slice(&x->out));
    } else if (x->out.len > 0) {
        open_stream(x);
        fh_x_client_bytes(x, fh_buf_slice(&x->out));
    }
}

/* fh_x_event handles one event of the provider's stream. */
void fh_x_event(struct fh_exchange *x, const struct fh_frame *event)
{
    x->events++;
    if (x->passes) {
        pass_event(x, event);
    } else {
        translate_event(x, event);
    }
}

/* complete ends a stream whose HTTP message ended properly, after the reason why the model stopped
 * but without the dialect's own end: many compatible servers leave out `[DONE]`. */
static void complete(struct fh_exchange *x)
{
    fh_buf_clear(&x->out);
    if (!x->passes) {
        const struct fh_event end = {.kind = FH_EVENT_END};

        x->client->encode_stream(x->stream_encoder, &x->out, fh_x_scratch(x), &end, x->loss);
    }
    ended(x, fh_buf_slice(&x->out));
    fh_x_release(x, x->keep_alive); /* nothing is left to wait for */
    fh_x_end(x, true);
}

/* fh_x_stream_over: the HTTP message ended (`why` NULL), or broke. */
void fh_x_stream_over(struct fh_exchange *x, const char *why)
{
    bool whole_words = fh_frames_at_boundary(x->frames);

    if (why == NULL && whole_words && x->provider->ends_with_bytes &&
        (x->finish_seen || x->watch.finish != FH_FINISH_UNKNOWN)) {
        complete(x);
        return;
    }
    fh_x_stream_cut(x, why != NULL ? why : "it ended before the model did");
}

/* write_cut writes the error that ends a stream which failed. What encodes the stream knows best
 * how it goes on from where it is. */
static void write_cut(struct fh_exchange *x)
{
    const struct fh_event error = {.kind = FH_EVENT_ERROR, .fault = x->fault};

    fh_buf_clear(&x->out);
    if (x->passes || x->call.framing == FH_FRAMING_CHUNKS) {
        fh_x_encode_fault(x, true);
    } else {
        x->client->encode_stream(x->stream_encoder, &x->out, fh_x_scratch(x), &error, x->loss);
    }
}

/* fh_x_stream_cut ends a stream that failed. Never cleanly: with an error event, which every SDK of
 * the client's dialect takes for what it is, or, where there is none, by breaking off. */
void fh_x_stream_cut(struct fh_exchange *x, const char *why)
{
    fh_x_fault(x, FH_REFUSE_UPSTREAM_FAILED,
               "The provider \"%.*s\" broke off in the middle of its answer: %s.",
               FH_ARG(fh_x_target(x)->provider->name), why);
    fh_x_release(x, false);
    if (!x->head_sent) {
        fh_x_attempt_failed(x, true);
        return;
    }
    write_cut(x);
    fh_x_settle(x, FH_OUTCOME_CUT, fh_buf_slice(&x->out));
    fh_x_client_bytes(x, fh_buf_slice(&x->out));
    fh_x_end(x, !x->client->no_error_event);
}

/* fh_x_ping keeps a client's quiet stream alive. */
void fh_x_ping(struct fh_exchange *x)
{
    fh_buf_clear(&x->out);
    if (x->client->encode_ping != NULL) {
        x->client->encode_ping(&x->out, x->call.framing);
    }
    fh_x_client_bytes(x, fh_buf_slice(&x->out));
}
