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
    return !dec->over;
}

/* Each begins a block of the kind that its member in `start` names. */
static void start_call(const struct arrival *a, yyjson_val *call)
{
    static const struct fh_slice known[] = {FH_LIT_INIT("toolUseId"), FH_LIT_INIT("name"),
                                            FH_LIT_INIT("type")};
    struct fh_path up = {.key = FH_LIT("start")};
    struct fh_path at = {.up = &up, .key = FH_LIT("toolUse")};
    yyjson_val *type = fh_json_get(call, known[2]);
    yyjson_val *id = fh_json_get(call, known[0]);
    yyjson_val *name = fh_json_get(call, known[1]);

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
    fh_extras_keep(&start->extras, a->out->arena, &at, call, known, FH_LEN(known));
    if (type != NULL) { /* what every call is */
        fh_extra_add(&start->extras, a->out->arena, &at, known[2], type)->repeats = true;
    }
}

static void on_block_start(const struct arrival *a)
{
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

static void on_reasoning(const struct arrival *a, yyjson_val *reasoning)
{
    yyjson_val *text = fh_json_get(reasoning, FH_LIT("text"));
    yyjson_val *signature = fh_json_get(reasoning, FH_LIT("signature"));
    yyjson_val *redacted = fh_json_get(reasoning, FH_LIT("redactedContent"));
    struct fh_event *event = NULL;

    if (redacted != NULL) {
        if (is(a, FH_BLOCK_REDACTED) &&
            fh_base64_decode(&a->dec->held, fh_json_text(redacted)) != FH_OK) {
            broken(a, a->dec->held.failed ? "more redacted thinking than can be kept"
                                          : "redactedContent that is no base64");
        }
    } else if (text != NULL && is(a, FH_BLOCK_THINKING)) {
        (void)say(a, FH_EVENT_THINKING, text);
    } else if (signature != NULL && is(a, FH_BLOCK_THINKING) &&
               (event = say(a, FH_EVENT_SIGNATURE, signature)) != NULL) {
        event->signer = FH_SIGNER_CLAUDE;
    }
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

static const struct {
    struct fh_slice key;
    void (*on)(const struct arrival *a, yyjson_val *value);
} deltas[] = {
    {FH_LIT_INIT("text"), on_text},
    {FH_LIT_INIT("toolUse"), on_arguments},
    {FH_LIT_INIT("reasoningContent"), on_reasoning},
    {FH_LIT_INIT("citation"), on_citation},
    {FH_LIT_INIT("image"), on_image},
};

static void on_block_delta(const struct arrival *a)
{
    yyjson_val *delta = fh_json_get(a->root, FH_LIT("delta"));

    if (!enter(a, "contentBlockDelta", false)) {
        return;
    }
    for (size_t i = 0; a->dec->kind != FH_BLOCK_OPAQUE && i < FH_LEN(deltas); i++) {
        yyjson_val *value = fh_json_get(delta, deltas[i].key);

        if (value != NULL) {
            deltas[i].on(a, value);
            return;
        }
    }
    if (a->dec->kind == FH_BLOCK_KINDS) {
        begin_opaque(a, FH_LIT("contentBlockDelta"), yyjson_is_obj(delta) ? delta : a->root);
    } else if (delta != NULL) {
        (void)fh_extra_add(&push(a, FH_EVENT_EXTRA)->extras, a->out->arena, NULL,
                           FH_LIT("delta"), delta);
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
    static const struct fh_slice known[] = {FH_LIT_INIT("role"), FH_LIT_INIT("p")};

    if (a->dec->started) {
        broken(a, "messageStart in the middle of a message");
        return;
    }
    a->dec->started = true;
    fh_extras_keep(&fh_event_push(a->out, FH_EVENT_START)->extras, a->out->arena, NULL, a->root,
                   known, FH_LEN(known));
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

static const struct handler {
    struct fh_slice type;
    void (*on)(const struct arrival *a);
} handlers[] = {
    {FH_LIT_INIT("contentBlockDelta"), on_block_delta},
    {FH_LIT_INIT("contentBlockStart"), on_block_start},
    {FH_LIT_INIT("contentBlockStop"), on_block_stop},
    {FH_LIT_INIT("messageStart"), on_message_start},
    {FH_LIT_INIT("messageStop"), on_message_stop},
    {FH_LIT_INIT("metadata"), on_metadata},
    {FH_LIT_INIT("ping"), on_ping},
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
    for (size_t i = 0; i < FH_LEN(handlers); i++) {
        if (!fh_eq(handlers[i].type, wire->name)) {
            continue;
        }
        if (fh_json_parse(out->arena, wire->data, &a.root, &error) != FH_OK) {
            return unreadable(a.dec, out, &error, why);
        }
        handlers[i].on(&a);
        return FH_OK;
    }
    return FH_OK;
}
