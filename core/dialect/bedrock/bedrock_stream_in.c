/* bedrock_stream_in.c: a provider's stream becomes events.
 *
 *     messageStart  (contentBlockStart?  contentBlockDelta*  contentBlockStop)*
 *                   messageStop  metadata                   exceptions at any point
 *
 * Only calls have a contentBlockStart; text and thoughts begin with their first delta, and say by
 * it what they are. Indices rise, blocks do not overlap. A stream that breaks this gives
 * FH_EVENT_ERROR and nothing after it: half of what it says could not be put anywhere. What is
 * merely missing (a messageStart, the stop of a block before the next) is made up. Event types that
 * we do not know are skipped, as the official SDKs do, and so is the padding `p`, which hides how
 * long an event is.
 *
 * Members that we do not know, and all of an event that we do not know, are kept: with the last
 * event that came of theirs, or alone as an EXTRA.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"
#include "dialect/bedrock/bedrock.h"

enum { HELD_MAX = 1 << 20 }; /* bytes of redacted thinking that waits for its end */

struct decoder {
    struct fh_usage usage;
    uint64_t source_index;   /* of the last block, as the provider counts */
    uint32_t index;          /* of the open block, or of the next, as we count */
    enum fh_block_kind kind; /* of the open block; FH_BLOCK_KINDS: it has said nothing yet */
    struct fh_buf held;      /* redacted thinking, its bytes */
    size_t first;            /* of the events that come of this call and are about its block */
    bool started, any, open, has_arguments, ended_image, finished, over;
};

void *fh_bedrock_stream_decoder_new(struct fh_arena *arena)
{
    struct decoder *dec = fh_new(arena, struct decoder);

    dec->held = fh_buf_in_arena(arena, HELD_MAX);
    return dec;
}

/* What a handler works on. */
struct arrival {
    struct decoder *dec;
    struct fh_events *out;
    yyjson_val *root;
};

/* broken ends the stream with a fault: the provider does not keep to its own rules. */
FH_PRINTF(2, 3) static void broken(const struct arrival *a, const char *fmt, ...)
{
    struct fh_buf sentence = fh_buf_in_arena(a->out->arena, 512);
    va_list args;

    fh_buf_append(&sentence, FH_LIT("the provider's stream is out of order: "));
    va_start(args, fmt);
    fh_buf_vprintf(&sentence, fmt, args);
    va_end(args);
    struct fh_event *event = fh_event_push(a->out, FH_EVENT_ERROR);

    event->fault.kind = FH_REFUSE_UPSTREAM_FAILED;
    event->fault.message = fh_buf_slice(&sentence);
    a->dec->over = true;
}

static struct fh_event *push(const struct arrival *a, enum fh_event_kind kind)
{
    struct fh_event *event = fh_event_push(a->out, kind);

    event->index = a->dec->index;
    event->block = a->dec->kind;
    return event;
}

static void need_start(const struct arrival *a)
{
    if (!a->dec->started) {
        (void)fh_event_push(a->out, FH_EVENT_START);
        a->dec->started = true;
    }
}

/* ---- what nobody knows ---- */

/* bearer gives the event that unknown members go with: not citations, whose extras are what they
 * say. */
static struct fh_event *bearer(const struct arrival *a)
{
    struct fh_event *last =
        a->out->count > a->dec->first ? &a->out->list[a->out->count - 1] : NULL;

    return last != NULL && last->kind != FH_EVENT_CITATIONS ? last : push(a, FH_EVENT_EXTRA);
}

/* keep notes what is not known of an object. Nearly always there is nothing. */
static void keep(const struct arrival *a, const struct fh_path *at, yyjson_val *obj,
                 const struct fh_bedrock_known *known, size_t count)
{
    struct fh_extras unknown = {NULL, NULL};

    fh_bedrock_keep(&unknown, a->out->arena, at, obj, known, count);
    if (unknown.first != NULL && !a->dec->over) {
        fh_extras_append(&bearer(a)->extras, &unknown);
    }
}

/* keep_beside notes what is not known of the member `key` of an event. */
static void keep_beside(const struct arrival *a, struct fh_slice key,
                        const struct fh_bedrock_known *known)
{
    struct fh_path at = {.key = key};

    keep(a, &at, fh_json_get(a->root, key), known, 1);
}

/* ---- blocks ---- */

static struct fh_event *begin_kind(const struct arrival *a, enum fh_block_kind kind)
{
    a->dec->kind = kind;
    return push(a, FH_EVENT_BLOCK_START);
}

/* begin_opaque: `where` is the event in which it stood. */
static void begin_opaque(const struct arrival *a, struct fh_slice where, yyjson_val *raw)
{
    struct fh_event *start = begin_kind(a, FH_BLOCK_OPAQUE);

    start->name = where;
    start->raw = raw;
}

/* tell_redacted tells of thinking that only its provider can read, once it is complete. What is no
 * text a model of another family wrote: opaque. */
static void tell_redacted(const struct arrival *a)
{
    struct decoder *dec = a->dec;
    struct fh_slice data = FH_NONE;
    enum fh_signer signer = FH_SIGNER_CLAUDE;

    if (fh_bedrock_open_redacted(a->out->arena, fh_buf_slice(&dec->held), &data, &signer)) {
        struct fh_event *start = push(a, FH_EVENT_BLOCK_START);

        start->text = fh_dup(a->out->arena, data);
        start->signer = signer;
    } else {
        struct fh_buf raw = fh_buf_in_arena(a->out->arena, SIZE_MAX / 4);
        yyjson_val *root = NULL;
        struct fh_error error;

        fh_buf_append(&raw, FH_LIT("{\"reasoningContent\":{\"redactedContent\":\""));
        fh_base64_encode(&raw, fh_buf_slice(&dec->held), FH_BASE64);
        fh_buf_append(&raw, FH_LIT("\"}}"));
        if (fh_json_parse(a->out->arena, fh_buf_slice(&raw), &root, &error) == FH_OK) {
            begin_opaque(a, FH_LIT("contentBlockDelta"), root);
        }
    }
    fh_buf_clear(&dec->held);
}

/* end_block ends the open block. */
static void end_block(const struct arrival *a)
{
    struct decoder *dec = a->dec;

    if (dec->kind == FH_BLOCK_KINDS) { /* it never said what it is: empty text */
        (void)begin_kind(a, FH_BLOCK_TEXT);
    } else if (dec->kind == FH_BLOCK_REDACTED) {
        tell_redacted(a);
    } else if (dec->kind == FH_BLOCK_TOOL_CALL && !dec->has_arguments) {
        push(a, FH_EVENT_ARGUMENTS)->text = FH_LIT("{}"); /* a call without arguments */
    }
    if (!dec->over) {
        (void)push(a, FH_EVENT_BLOCK_STOP);
    }
    dec->open = false;
    dec->index++;
}

/* enter finds the block that an event is about, and opens it if it is a new one. False when there
 * cannot be such a block. */
static bool enter(const struct arrival *a, const char *what, bool begins)
{
    struct decoder *dec = a->dec;
    uint64_t index = 0;

    if (!fh_json_u64(fh_json_get(a->root, FH_LIT("contentBlockIndex")), &index)) {
        broken(a, "%s without an index", what);
        return false;
    }
    if (dec->finished) {
        broken(a, "%s after messageStop", what);
        return false;
    }
    if (dec->open && index == dec->source_index && !begins) {
        return true;
    }
    if (dec->any && index <= dec->source_index) {
        broken(a, "%s for block %llu, which %s", what, (unsigned long long)index,
               dec->open && index == dec->source_index ? "is open" : "is over");
        return false;
    }
    need_start(a);
    if (dec->open) {
        end_block(a);
    }
    dec->source_index = index;
    dec->kind = FH_BLOCK_KINDS;
    dec->has_arguments = dec->ended_image = false;
    dec->any = dec->open = true;
    dec->first = a->out->count;
    return !dec->over;
}

/* Each begins a block of the kind that its member in `start` names. */
static void start_call(const struct arrival *a, yyjson_val *call)
{
    static const struct fh_bedrock_known inner[] = {
        FH_BEDROCK_KNOWN("toolUseId"), FH_BEDROCK_KNOWN("name"), FH_BEDROCK_KNOWN("type")};
    static const struct fh_bedrock_known known = FH_BEDROCK_KNOWN_IN("toolUse", inner);
    struct fh_path up = {.key = FH_LIT("start")};
    struct fh_path at = {.up = &up, .key = known.key};
    yyjson_val *type = fh_json_get(call, FH_LIT("type"));
    yyjson_val *id = fh_json_get(call, FH_LIT("toolUseId"));
    yyjson_val *name = fh_json_get(call, FH_LIT("name"));

    if (type != NULL && !fh_eq(fh_json_text(type), FH_LIT("tool_use"))) {
        begin_opaque(a, FH_LIT("contentBlockStart"), fh_json_get(a->root, FH_LIT("start")));
        return;
    }
    if (!yyjson_is_str(id) || !yyjson_is_str(name)) {
        broken(a, "a call without id or name");
        return;
    }
    struct fh_event *start = begin_kind(a, FH_BLOCK_TOOL_CALL);

    start->id = fh_json_text(id);
    start->name = fh_json_text(name);
    keep_beside(a, up.key, &known);
    if (type != NULL) { /* what every call is */
        fh_extra_add(&start->extras, a->out->arena, &at, FH_LIT("type"), type)->repeats = true;
    }
}

static void on_block_start(const struct arrival *a)
{
    static const struct fh_bedrock_known inner[] = {FH_BEDROCK_KNOWN("format")};
    static const struct fh_bedrock_known image = FH_BEDROCK_KNOWN_IN("image", inner);
    yyjson_val *start = fh_json_get(a->root, FH_LIT("start"));
    yyjson_val *call = fh_json_get(start, FH_LIT("toolUse"));
    struct fh_slice format =
        fh_json_text(fh_json_get(fh_json_get(start, FH_LIT("image")), FH_LIT("format")));
    struct fh_slice media_type = fh_bedrock_media_type(FH_BLOCK_IMAGE, format);

    if (!enter(a, "contentBlockStart", true)) {
        return;
    }
    if (call != NULL) {
        start_call(a, call);
    } else if (media_type.len > 0) {
        begin_kind(a, FH_BLOCK_IMAGE)->media_type = media_type;
        keep_beside(a, FH_LIT("start"), &image);
    } else if (yyjson_obj_size(start) > 0) {
        begin_opaque(a, FH_LIT("contentBlockStart"), start);
    }
}

/* is says whether the open block is of a kind, which it becomes if it has said nothing yet. */
static bool is(const struct arrival *a, enum fh_block_kind kind)
{
    if (a->dec->kind == FH_BLOCK_KINDS) {
        a->dec->kind = kind;
        if (kind != FH_BLOCK_REDACTED) { /* which is told when it is complete */
            (void)push(a, FH_EVENT_BLOCK_START);
        }
    }
    if (a->dec->kind != kind) {
        broken(a, "a delta in a block of another kind");
    }
    return a->dec->kind == kind;
}

/* say pushes what a delta says, unless it is nothing. */
static struct fh_event *say(const struct arrival *a, enum fh_event_kind kind, yyjson_val *text)
{
    struct fh_event *event = NULL;

    if (!yyjson_is_str(text)) {
        broken(a, "a delta whose text is %s", fh_json_kind(text));
    } else if (yyjson_get_len(text) > 0) {
        event = push(a, kind);
        event->text = fh_json_text(text);
    }
    return event;
}

static void on_text(const struct arrival *a, yyjson_val *text)
{
    if (is(a, FH_BLOCK_TEXT)) {
        (void)say(a, FH_EVENT_TEXT, text);
    }
}

static void on_arguments(const struct arrival *a, yyjson_val *call)
{
    if (a->dec->kind == FH_BLOCK_KINDS) {
        broken(a, "arguments of a call that never began");
    } else if (is(a, FH_BLOCK_TOOL_CALL) &&
               say(a, FH_EVENT_ARGUMENTS, fh_json_get(call, FH_LIT("input"))) != NULL) {
        a->dec->has_arguments = true;
    }
}

static void on_redacted(const struct arrival *a, yyjson_val *redacted)
{
    if (is(a, FH_BLOCK_REDACTED) &&
        fh_base64_decode(&a->dec->held, fh_json_text(redacted)) != FH_OK) {
        broken(a, a->dec->held.failed ? "more redacted thinking than can be kept"
                                      : "redactedContent that is no base64");
    }
}

static void on_thought(const struct arrival *a, yyjson_val *text)
{
    if (is(a, FH_BLOCK_THINKING)) {
        (void)say(a, FH_EVENT_THINKING, text);
    }
}

static void on_signature(const struct arrival *a, yyjson_val *signature)
{
    struct fh_event *event = NULL;

    if (is(a, FH_BLOCK_THINKING) && (event = say(a, FH_EVENT_SIGNATURE, signature)) != NULL) {
        event->signer = FH_SIGNER_CLAUDE;
    }
}

/* on_other: thinking that says nothing we know. */
static void on_other(const struct arrival *a, yyjson_val *reasoning)
{
    FH_UNUSED(a);
    FH_UNUSED(reasoning);
}

static void on_citation(const struct arrival *a, yyjson_val *citation)
{
    struct fh_path at = {.key = FH_LIT("delta")};

    if (is(a, FH_BLOCK_TEXT)) {
        (void)fh_extra_add(&push(a, FH_EVENT_CITATIONS)->extras, a->out->arena, &at,
                           FH_LIT("citation"), citation);
    }
}

/* on_image: each delta is base64 by itself, and only one without padding can be gone on from. */
static void on_image(const struct arrival *a, yyjson_val *image)
{
    struct fh_slice bytes =
        fh_json_text(fh_json_get(fh_json_get(image, FH_LIT("source")), FH_LIT("bytes")));

    if (a->dec->kind == FH_BLOCK_KINDS || a->dec->ended_image) {
        broken(a, "a piece of an image that cannot be joined");
    } else if (bytes.len > 0 && is(a, FH_BLOCK_IMAGE)) {
        push(a, FH_EVENT_DATA)->text = bytes;
        a->dec->ended_image = fh_ends(bytes, FH_LIT("=")) || bytes.len % 4 != 0;
    }
}

/* What a delta says, first come, first served: what stands beside it is not known. */
static const struct fh_bedrock_known in_call[] = {FH_BEDROCK_KNOWN("input")};
static const struct fh_bedrock_known in_redacted[] = {FH_BEDROCK_KNOWN("redactedContent")};
static const struct fh_bedrock_known in_thought[] = {FH_BEDROCK_KNOWN("text")};
static const struct fh_bedrock_known in_signature[] = {FH_BEDROCK_KNOWN("signature")};
static const struct fh_bedrock_known in_source[] = {FH_BEDROCK_KNOWN("bytes")};
static const struct fh_bedrock_known in_image[] = {FH_BEDROCK_KNOWN_IN("source", in_source)};

static const struct delta {
    struct fh_bedrock_known known;
    struct fh_slice inner; /* the member inside that makes it this one; empty: none has to */
    void (*on)(const struct arrival *a, yyjson_val *value); /* of that member */
} deltas[] = {
    {FH_BEDROCK_KNOWN("text"), FH_LIT_INIT(""), on_text},
    {FH_BEDROCK_KNOWN_IN("toolUse", in_call), FH_LIT_INIT(""), on_arguments},
    {FH_BEDROCK_KNOWN_IN("reasoningContent", in_redacted), FH_LIT_INIT("redactedContent"),
     on_redacted},
    {FH_BEDROCK_KNOWN_IN("reasoningContent", in_thought), FH_LIT_INIT("text"), on_thought},
    {FH_BEDROCK_KNOWN_IN("reasoningContent", in_signature), FH_LIT_INIT("signature"),
     on_signature},
    {FH_BEDROCK_KNOWN_IN("reasoningContent", in_thought), FH_LIT_INIT(""), on_other},
    {FH_BEDROCK_KNOWN("citation"), FH_LIT_INIT(""), on_citation},
    {FH_BEDROCK_KNOWN_IN("image", in_image), FH_LIT_INIT(""), on_image},
};

static bool read_delta(const struct arrival *a, yyjson_val *delta)
{
    for (size_t i = 0; i < FH_LEN(deltas); i++) {
        const struct delta *row = &deltas[i];
        yyjson_val *value = fh_json_get(delta, row->known.key);

        value = row->inner.len > 0 ? fh_json_get(value, row->inner) : value;
        if (value != NULL) {
            row->on(a, value);
            keep_beside(a, FH_LIT("delta"), &row->known);
            return true;
        }
    }
    return false;
}

static void on_block_delta(const struct arrival *a)
{
    yyjson_val *delta = fh_json_get(a->root, FH_LIT("delta"));

    if (!enter(a, "contentBlockDelta", false) ||
        (a->dec->kind != FH_BLOCK_OPAQUE && read_delta(a, delta))) {
        return;
    }
    if (a->dec->kind == FH_BLOCK_KINDS) {
        begin_opaque(a, FH_LIT("contentBlockDelta"), yyjson_is_obj(delta) ? delta : a->root);
    } else if (delta != NULL) {
        struct fh_event *extra = push(a, FH_EVENT_EXTRA);

        extra->raw = delta; /* so an encoder knows it from what only stood in an event */
        (void)fh_extra_add(&extra->extras, a->out->arena, NULL, FH_LIT("delta"), delta);
    }
}

static void on_block_stop(const struct arrival *a)
{
    if (enter(a, "contentBlockStop", false)) {
        end_block(a);
    }
}

/* ---- messages ---- */

static void on_message_start(const struct arrival *a)
{
    if (a->dec->started) {
        broken(a, "messageStart in the middle of a message");
        return;
    }
    a->dec->started = true;
    (void)fh_event_push(a->out, FH_EVENT_START);
}

static void on_message_stop(const struct arrival *a)
{
    struct decoder *dec = a->dec;

    if (dec->finished || !yyjson_is_str(fh_json_get(a->root, FH_LIT("stopReason")))) {
        broken(a, dec->finished ? "messageStop twice" : "messageStop without a stopReason");
        return;
    }
    need_start(a);
    if (dec->open) {
        end_block(a);
    }
    if (!dec->over) {
        (void)fh_bedrock_read_finish(a->out, a->root);
        dec->finished = true;
    }
}

/* on_metadata: it comes last, and is the end; but tokens were used whenever it comes. */
static void on_metadata(const struct arrival *a)
{
    static const struct fh_slice known[] = {FH_LIT_INIT("p")};

    need_start(a);
    fh_bedrock_read_metadata(a->out, a->root, &a->dec->usage, known, FH_LEN(known));
    if (a->dec->finished) {
        (void)fh_event_push(a->out, FH_EVENT_END);
        a->dec->over = true;
    }
}

static void on_ping(const struct arrival *a)
{
    (void)fh_event_push(a->out, FH_EVENT_PING);
}

/* What is known of each event. Of metadata everything is kept that says something. */
static const struct fh_bedrock_known in_delta[] = {
    FH_BEDROCK_KNOWN("contentBlockIndex"), FH_BEDROCK_KNOWN("delta"), FH_BEDROCK_KNOWN("p")};
static const struct fh_bedrock_known in_start[] = {
    FH_BEDROCK_KNOWN("contentBlockIndex"), FH_BEDROCK_KNOWN("start"), FH_BEDROCK_KNOWN("p")};
static const struct fh_bedrock_known in_stop[] = {FH_BEDROCK_KNOWN("contentBlockIndex"),
                                                  FH_BEDROCK_KNOWN("p")};
static const struct fh_bedrock_known in_message[] = {FH_BEDROCK_KNOWN("role"),
                                                     FH_BEDROCK_KNOWN("p")};
static const struct fh_bedrock_known in_finish[] = {
    FH_BEDROCK_KNOWN("stopReason"), FH_BEDROCK_KNOWN("additionalModelResponseFields"),
    FH_BEDROCK_KNOWN("p")};
static const struct fh_bedrock_known in_ping[] = {FH_BEDROCK_KNOWN("p")};

static const struct handler {
    struct fh_slice type;
    void (*on)(const struct arrival *a);
    const struct fh_bedrock_known *known; /* NULL: it sees to the rest itself */
    size_t count;
} handlers[] = {
    {FH_LIT_INIT("contentBlockDelta"), on_block_delta, in_delta, FH_LEN(in_delta)},
    {FH_LIT_INIT("contentBlockStart"), on_block_start, in_start, FH_LEN(in_start)},
    {FH_LIT_INIT("contentBlockStop"), on_block_stop, in_stop, FH_LEN(in_stop)},
    {FH_LIT_INIT("messageStart"), on_message_start, in_message, FH_LEN(in_message)},
    {FH_LIT_INIT("messageStop"), on_message_stop, in_finish, FH_LEN(in_finish)},
    {FH_LIT_INIT("metadata"), on_metadata, NULL, 0},
    {FH_LIT_INIT("ping"), on_ping, in_ping, FH_LEN(in_ping)},
};

static enum fh_rc unreadable(struct decoder *dec, struct fh_events *out,
                             const struct fh_error *error, struct fh_complaint *why)
{
    struct fh_buf text = fh_buf_in_arena(out->arena, 256);

    fh_buf_printf(&text, "an event of the provider's stream is not JSON: %s at byte %llu",
                  error->what, (unsigned long long)error->at);
    *why = (struct fh_complaint){FH_REFUSE_UPSTREAM_FAILED, fh_buf_slice(&text), FH_NONE};
    dec->over = true;
    return error->code;
}

static const struct handler *find_handler(struct fh_slice type)
{
    size_t i = 0;

    while (i < FH_LEN(handlers) && !fh_eq(handlers[i].type, type)) {
        i++;
    }
    return i < FH_LEN(handlers) ? &handlers[i] : NULL;
}

enum fh_rc fh_bedrock_decode_stream(void *decoder, struct fh_events *out,
                                    const struct fh_frame *wire, struct fh_complaint *why)
{
    struct arrival a = {decoder, out, NULL};
    struct fh_error error;

    out->dialect = FH_DIALECT_BEDROCK;
    if (a.dec->over) {
        return FH_OK;
    }
    if (wire->fault) {
        struct fh_fault fault;

        fh_bedrock_read_fault(&fault, out->arena, wire->name, wire->data);
        fh_event_push(out, FH_EVENT_ERROR)->fault = fault;
        a.dec->over = true;
        return FH_OK;
    }
    const struct handler *handler = find_handler(wire->name);

    if (fh_json_parse(out->arena, wire->data, &a.root, &error) != FH_OK) {
        return handler == NULL ? FH_OK : unreadable(a.dec, out, &error, why);
    }
    a.dec->first = out->count;
    if (handler == NULL) {
        keep(&a, NULL, a.root, in_stop, FH_LEN(in_stop));
        return FH_OK;
    }
    handler->on(&a);
    if (handler->known != NULL) {
        keep(&a, NULL, a.root, handler->known, handler->count);
    }
    return FH_OK;
}
