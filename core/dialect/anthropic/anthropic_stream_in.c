/* anthropic_stream_in.c: a provider's stream becomes events.
 *
 *     message_start  (content_block_start  content_block_delta*  content_block_stop)*
 *                    message_delta+  message_stop            ping and error at any point
 *
 * Blocks have dense indices and do not overlap. A stream that breaks this gives FH_EVENT_ERROR and
 * nothing after it: half of what it says could not be put anywhere. Event types that we do not know
 * are skipped, as the official SDKs do; so is the "[DONE]" that some gateways add. Members that we
 * do not know are extras of what their event becomes; where it becomes nothing, an extra by itself.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "dialect/anthropic/anthropic.h"

struct decoder {
    struct fh_arena *arena;
    struct fh_usage usage;   /* the sum so far */
    uint32_t next_index;     /* of the block after those that were begun */
    enum fh_block_kind kind; /* of the open block */
    enum fh_finish finish;   /* told by message_start already: replies to a tool's program */
    struct fh_slice finish_word; /* its word; in `arena` */
    struct fh_slice stop_sequence;
    bool started, open, has_arguments, finished, over;
};

void *fh_anthropic_stream_decoder_new(struct fh_arena *arena)
{
    struct decoder *dec = fh_new(arena, struct decoder);

    dec->arena = arena;
    return dec;
}

/* broken ends the stream with a fault: the provider does not keep to its own rules. */
FH_PRINTF(3, 4)
static enum fh_rc broken(struct decoder *dec, struct fh_events *out, const char *fmt, ...)
{
    struct fh_buf sentence = fh_buf_in_arena(out->arena, 512);
    struct fh_event *event = fh_event_push(out, FH_EVENT_ERROR);
    va_list args;

    fh_buf_append(&sentence, FH_LIT("the provider's stream is out of order: "));
    va_start(args, fmt);
    fh_buf_vprintf(&sentence, fmt, args);
    va_end(args);
    event->fault.kind = FH_REFUSE_UPSTREAM_FAILED;
    event->fault.message = fh_buf_slice(&sentence);
    dec->over = true;
    return FH_OK;
}

/* What a handler works on. */
struct arrival {
    struct decoder *dec;
    struct fh_events *out;
    yyjson_val *root;
    struct fh_complaint *why;
    struct fh_extras beside; /* what nobody knows of the event, until an event takes it */
};

/* take_beside gives an event what nobody knows of that which it is made of. */
static void take_beside(struct arrival *a, struct fh_event *event)
{
    fh_extras_append(&event->extras, &a->beside);
    a->beside = (struct fh_extras){0};
}

static enum fh_rc on_message_start(struct arrival *a)
{
    struct fh_path at = {NULL, FH_LIT("message"), 0};
    struct fh_path list = {&at, FH_LIT("content"), 0};
    yyjson_val *message = fh_json_get(a->root, FH_LIT("message"));
    struct fh_slice word = fh_json_text(fh_json_get(message, FH_LIT("stop_reason")));
    struct fh_slice sequence = fh_json_text(fh_json_get(message, FH_LIT("stop_sequence")));
    struct decoder *dec = a->dec;

    if (!yyjson_is_obj(message)) {
        return broken(dec, a->out, "message_start without a message");
    }
    if (dec->next_index > 0 || dec->finished) {
        return broken(dec, a->out, "message_start in the middle of a message");
    }
    if (dec->started) { /* said twice in a row: seen in the field, and harmless */
        fh_anthropic_read_head(&dec->usage, message, a->out->arena, &at, &a->beside);
        fh_event_push(a->out, FH_EVENT_USAGE)->usage = dec->usage;
        return FH_OK;
    }
    size_t start = a->out->count;

    dec->started = true;
    fh_anthropic_read_start(a->out, &at, message, &dec->usage);
    take_beside(a, &a->out->list[start]);
    if (word.len > 0) {
        dec->finish = fh_anthropic_finish(word);
        dec->finish_word = fh_dup(dec->arena, word);
        dec->stop_sequence = sequence.ptr == NULL ? FH_NONE : fh_dup(dec->arena, sequence);
    }
    return fh_anthropic_read_blocks(a->out, &list, fh_json_get(message, FH_LIT("content")),
                                    &dec->next_index, a->why);
}

static bool index_of(yyjson_val *root, uint64_t *index)
{
    return fh_json_u64(fh_json_get(root, FH_LIT("index")), index);
}

static enum fh_rc on_block_start(struct arrival *a)
{
    struct fh_path at = {NULL, FH_LIT("content_block"), 0};
    struct decoder *dec = a->dec;
    uint64_t index = 0;

    if (!dec->started || dec->finished) {
        return broken(dec, a->out, "content_block_start %s",
                      dec->started ? "after the stop reason" : "before message_start");
    }
    if (dec->open) {
        return broken(dec, a->out, "content_block_start while block %u is open",
                      dec->next_index - 1);
    }
    if (!index_of(a->root, &index) || index != dec->next_index) {
        return broken(dec, a->out, "content_block_start with an index that is not %u",
                      dec->next_index);
    }
    size_t start = a->out->count;

    dec->open = true;
    dec->next_index++;
    FH_TRY(fh_anthropic_open_block(a->out, (uint32_t)index, &at,
                                   fh_json_get(a->root, FH_LIT("content_block")), &dec->kind,
                                   &dec->has_arguments, a->why));
    take_beside(a, &a->out->list[start]);
    return FH_OK;
}

/* Deltas that are a fragment of a known block: where the fragment is, and what it becomes. */
static const struct fragment {
    struct fh_slice type, member;
    enum fh_block_kind block;
    enum fh_event_kind event;
} fragments[] = {
    {FH_LIT_INIT("text_delta"), FH_LIT_INIT("text"), FH_BLOCK_TEXT, FH_EVENT_TEXT},
    {FH_LIT_INIT("input_json_delta"), FH_LIT_INIT("partial_json"), FH_BLOCK_TOOL_CALL,
     FH_EVENT_ARGUMENTS},
    {FH_LIT_INIT("thinking_delta"), FH_LIT_INIT("thinking"), FH_BLOCK_THINKING,
     FH_EVENT_THINKING},
    {FH_LIT_INIT("signature_delta"), FH_LIT_INIT("signature"), FH_BLOCK_THINKING,
     FH_EVENT_SIGNATURE},
};

static const struct fh_path delta_path = {NULL, FH_LIT_INIT("delta"), 0};

/* keep_rest keeps what a delta has beside its type and the member that it is for, which it has. */
static void keep_rest(struct arrival *a, yyjson_val *delta, struct fh_slice member)
{
    struct fh_slice known[] = {FH_LIT_INIT("type"), member};

    if (yyjson_obj_size(delta) > FH_LEN(known)) { /* else, as nearly always, there is no rest */
        fh_extras_keep(&a->beside, a->out->arena, &delta_path, delta, known, FH_LEN(known));
    }
}

/* push_delta passes on, as it is, what only this dialect knows. */
static enum fh_rc push_delta(struct arrival *a, yyjson_val *delta)
{
    struct fh_event *event = fh_event_push(a->out, FH_EVENT_EXTRA);

    event->block = a->dec->kind;
    event->index = a->dec->next_index - 1;
    event->raw = delta;
    fh_extra_add(&event->extras, a->out->arena, NULL, FH_LIT("delta"), delta);
    take_beside(a, event);
    return FH_OK;
}

/* push_citation: what stands beside it is not reported with it, so it is left for others. */
static enum fh_rc push_citation(struct arrival *a, yyjson_val *delta)
{
    struct fh_slice member = FH_LIT("citation");
    struct fh_event *event = fh_event_push(a->out, FH_EVENT_CITATIONS);

    event->block = a->dec->kind;
    event->index = a->dec->next_index - 1;
    fh_extra_add(&event->extras, a->out->arena, &delta_path, member,
                 fh_json_get(delta, member));
    keep_rest(a, delta, member);
    return FH_OK;
}

static enum fh_rc push_fragment(struct arrival *a, const struct fragment *f, yyjson_val *delta)
{
    yyjson_val *text = fh_json_get(delta, f->member);
    struct decoder *dec = a->dec;

    if (dec->kind != f->block) {
        return broken(dec, a->out, "%.*s in a block of another kind", FH_ARG(f->type));
    }
    if (!yyjson_is_str(text)) {
        return broken(dec, a->out, "%.*s without its string \"%.*s\"", FH_ARG(f->type),
                      FH_ARG(f->member));
    }
    keep_rest(a, delta, f->member);
    if (yyjson_get_len(text) == 0) {
        return FH_OK;
    }
    struct fh_event *event = fh_event_push(a->out, f->event);

    event->block = f->block;
    event->index = dec->next_index - 1;
    event->text = fh_json_text(text);
    event->signer = f->event == FH_EVENT_SIGNATURE ? FH_SIGNER_CLAUDE : FH_SIGNER_UNKNOWN;
    take_beside(a, event);
    dec->has_arguments = true;
    return FH_OK;
}

static enum fh_rc on_block_delta(struct arrival *a)
{
    yyjson_val *delta = fh_json_get(a->root, FH_LIT("delta"));
    struct fh_slice type = fh_json_text(fh_json_get(delta, FH_LIT("type")));
    struct decoder *dec = a->dec;
    uint64_t index = 0;

    if (!index_of(a->root, &index) || !dec->open || index != dec->next_index - 1) {
        return broken(dec, a->out, "content_block_delta for a block that is not open");
    }
    if (type.len == 0) {
        return broken(dec, a->out, "content_block_delta without a type");
    }
    if (dec->kind == FH_BLOCK_OPAQUE) {
        return push_delta(a, delta);
    }
    for (size_t i = 0; i < FH_LEN(fragments); i++) {
        if (fh_eq(fragments[i].type, type)) {
            return push_fragment(a, &fragments[i], delta);
        }
    }
    if (fh_eq(type, FH_LIT("citations_delta")) && dec->kind == FH_BLOCK_TEXT &&
        fh_json_get(delta, FH_LIT("citation")) != NULL) {
        return push_citation(a, delta);
    }
    return push_delta(a, delta);
}

static enum fh_rc on_block_stop(struct arrival *a)
{
    struct decoder *dec = a->dec;
    uint64_t index = 0;

    if (!index_of(a->root, &index) || !dec->open || index != dec->next_index - 1) {
        return broken(dec, a->out, "content_block_stop for a block that is not open");
    }
    dec->open = false;
    fh_anthropic_close_block(a->out, (uint32_t)index, dec->kind, dec->has_arguments);
    take_beside(a, &a->out->list[a->out->count - 1]);
    return FH_OK;
}

static enum fh_rc on_message_delta(struct arrival *a)
{
    static const struct fh_slice known[] = {FH_LIT_INIT("stop_reason"),
                                            FH_LIT_INIT("stop_sequence")};
    struct fh_path usage = {NULL, FH_LIT("usage"), 0};
    struct fh_extras inner = {0};
    yyjson_val *delta = fh_json_get(a->root, FH_LIT("delta"));
    yyjson_val *word = fh_json_get(delta, FH_LIT("stop_reason"));
    struct decoder *dec = a->dec;

    struct fh_event *counted = fh_event_push(a->out, FH_EVENT_USAGE);

    /* tokens were used, whatever is wrong with the rest */
    fh_anthropic_read_usage(&dec->usage, fh_json_get(a->root, FH_LIT("usage")), a->out->arena,
                            &usage, &counted->extras);
    counted->usage = dec->usage;
    if (!dec->started || dec->open) {
        return broken(dec, a->out, "message_delta %s",
                      dec->open ? "while a block is open" : "before message_start");
    }
    fh_extras_keep(&inner, a->out->arena, &delta_path, delta, known, FH_LEN(known));
    fh_extras_append(&inner, &a->beside);
    a->beside = inner;
    if (!yyjson_is_str(word) || dec->finished) {
        return FH_OK;
    }
    take_beside(a, fh_anthropic_push_finish(a->out, delta));
    dec->finished = true;
    return FH_OK;
}

#define METRICS "amazon-bedrock-invocationMetrics"

/* keep_metrics: what Bedrock counts says again what usage says, or is about Bedrock alone. */
static void keep_metrics(struct arrival *a)
{
    static const struct fh_slice known[] = {
        FH_LIT_INIT("inputTokenCount"),          FH_LIT_INIT("outputTokenCount"),
        FH_LIT_INIT("cacheReadInputTokenCount"), FH_LIT_INIT("cacheWriteInputTokenCount"),
        FH_LIT_INIT("invocationLatency"),        FH_LIT_INIT("firstByteLatency"),
    };
    struct fh_path at = {NULL, FH_LIT(METRICS), 0};

    fh_extras_keep(&a->beside, a->out->arena, &at, fh_json_get(a->root, at.key), known,
                   FH_LEN(known));
}

static enum fh_rc on_message_stop(struct arrival *a)
{
    struct decoder *dec = a->dec;

    if (!dec->finished && dec->finish_word.len > 0 && !dec->open) {
        struct fh_event *finish = fh_event_push(a->out, FH_EVENT_FINISH);

        finish->finish = dec->finish;
        finish->finish_word = dec->finish_word;
        finish->stop_sequence = dec->stop_sequence;
        dec->finished = true;
    }
    if (!dec->finished) {
        return broken(dec, a->out, "message_stop without a stop reason");
    }
    keep_metrics(a);
    take_beside(a, fh_event_push(a->out, FH_EVENT_END));
    dec->over = true;
    return FH_OK;
}

static enum fh_rc on_ping(struct arrival *a)
{
    (void)fh_event_push(a->out, FH_EVENT_PING);
    return FH_OK;
}

static enum fh_rc on_error(struct arrival *a)
{
    struct fh_fault fault = {.kind = FH_REFUSE_UPSTREAM_FAILED,
                             .message = FH_LIT("the provider reported an error in its stream")};

    (void)!fh_anthropic_read_fault(&fault, a->root);
    fh_event_push(a->out, FH_EVENT_ERROR)->fault = fault;
    a->dec->over = true;
    return FH_OK;
}

static enum fh_rc on_unknown(struct arrival *a)
{
    FH_UNUSED(a);
    return FH_OK;
}

/* Events, and the members that each is known to have beside its type. Those of an error are not
 * looked at. */
enum { EVENT_MEMBERS = 2 };

static const struct handler {
    struct fh_slice type;
    enum fh_rc (*on)(struct arrival *a);
    struct fh_slice known[EVENT_MEMBERS];
} handlers[] = {
    {FH_LIT_INIT("content_block_delta"),
     on_block_delta,
     {FH_LIT_INIT("index"), FH_LIT_INIT("delta")}},
    {FH_LIT_INIT("content_block_start"),
     on_block_start,
     {FH_LIT_INIT("index"), FH_LIT_INIT("content_block")}},
    {FH_LIT_INIT("content_block_stop"), on_block_stop, {FH_LIT_INIT("index")}},
    {FH_LIT_INIT("message_start"), on_message_start, {FH_LIT_INIT("message")}},
    {FH_LIT_INIT("message_delta"),
     on_message_delta,
     {FH_LIT_INIT("delta"), FH_LIT_INIT("usage")}},
    {FH_LIT_INIT("message_stop"), on_message_stop, {FH_LIT_INIT(METRICS)}},
    {FH_LIT_INIT("ping"), on_ping, {{0}}},
    {FH_LIT_INIT("error"), on_error, {{0}}},
};

static const struct handler unknown = {FH_LIT_INIT(""), on_unknown, {{0}}};

static const struct handler *handler_of(struct fh_slice type)
{
    for (size_t i = 0; i < FH_LEN(handlers); i++) {
        if (fh_eq(handlers[i].type, type)) {
            return &handlers[i];
        }
    }
    return &unknown;
}

/* arrive handles an event. What nobody knows of it, and no event of ours took, is one by itself. */
static enum fh_rc arrive(struct arrival *a, const struct handler *handler)
{
    const struct fh_slice known[] = {FH_LIT_INIT("type"), handler->known[0], handler->known[1]};

    fh_extras_keep(&a->beside, a->out->arena, NULL, a->root, known, FH_LEN(known));
    FH_TRY(handler->on(a));
    if (a->beside.first != NULL && !a->dec->over) {
        take_beside(a, fh_event_push(a->out, FH_EVENT_EXTRA));
    }
    return FH_OK;
}

static enum fh_rc unreadable(struct decoder *dec, struct fh_events *out,
                             const struct fh_error *error, struct fh_complaint *why)
{
    dec->over = true;
    return fh_anthropic_complain(
        why, out->arena, NULL, error->code,
        "an event of the provider's stream is not JSON: %s at byte %llu", error->what,
        (unsigned long long)error->at);
}

enum fh_rc fh_anthropic_decode_stream(void *decoder, struct fh_events *out,
                                      const struct fh_frame *wire, struct fh_complaint *why)
{
    struct arrival a = {.dec = decoder, .out = out, .why = why};
    struct fh_error error;

    out->dialect = FH_DIALECT_ANTHROPIC;
    if (wire->fault && !a.dec->over) {
        a.dec->over = true;
        fh_anthropic_read_exception(&fh_event_push(out, FH_EVENT_ERROR)->fault, out->arena,
                                    wire);
        return FH_OK;
    }
    if (a.dec->over || wire->data.len == 0 || fh_eq(wire->data, FH_LIT("[DONE]"))) {
        return FH_OK;
    }
    if (fh_json_parse(out->arena, wire->data, &a.root, &error) != FH_OK) {
        return unreadable(a.dec, out, &error, why);
    }
    yyjson_val *type = fh_json_get(a.root, FH_LIT("type"));
    struct fh_slice name = type == NULL ? wire->name : fh_json_text(type);

    enum fh_rc rc = arrive(&a, handler_of(name));

    a.dec->over = a.dec->over || rc != FH_OK;
    return rc;
}
