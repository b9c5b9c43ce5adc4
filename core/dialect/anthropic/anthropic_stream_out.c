/* anthropic_stream_out.c: events become a client's stream.
 *
 * Blocks do not overlap here. Where a provider's do (OpenAI streams parallel calls as it
 * likes), one is open and the others wait, with what was said in them, until it closes; what
 * may wait is bounded. The stop reason waits, too: OpenAI tells usage after it, and
 * message_delta has both.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "dialect/anthropic/anthropic.h"

enum { HELD_MAX = 1 << 20 };

static const char no_counterpart[] = "has no counterpart in anthropic";

/* A block that waits for its turn. */
struct waiting {
    struct waiting *next;
    struct fh_event start; /* its slices copied */
    struct fh_buf said;    /* text, thinking or arguments */
    struct fh_buf signature;
    bool stopped;
};

struct encoder {
    struct fh_arena *arena;
    struct fh_reply_frame frame;
    struct fh_usage usage; /* the sum so far */
    struct fh_usage told;  /* what message_start said of it */
    struct fh_anthropic_said said;
    struct waiting *first, *last;
    size_t held;             /* bytes of all that ever waited */
    uint32_t source_index;   /* of the open block, as the provider counts */
    uint32_t index;          /* of the open block, or of the next, as we count */
    enum fh_block_kind kind; /* of the open block */
    struct fh_slice delta;   /* JSON of message_delta's `delta`; empty until the stop reason */
    struct fh_slice beside;  /* JSON of an object whose members go beside it */
    struct fh_slice usage_extras; /* JSON of an object whose members go into `usage` */
    bool started, open, over;
};

void *fh_anthropic_stream_encoder_new(struct fh_arena *arena,
                                      const struct fh_reply_frame *frame)
{
    struct encoder *enc = fh_new(arena, struct encoder);

    enc->arena = arena;
    enc->frame = *frame;
    return enc;
}

/* What an event is written with. */
struct pen {
    struct encoder *enc;
    struct fh_buf *out;
    struct fh_arena *scratch;
    struct fh_loss *loss;
};

/* write_event prints one event whose data is a tree. */
static void write_event(struct pen *pen, const char *type, const yyjson_mut_val *root)
{
    fh_buf_append(pen->out, FH_LIT("event: "));
    fh_buf_append(pen->out, fh_cstr(type));
    fh_buf_append(pen->out, FH_LIT("\ndata: "));
    fh_json_append(pen->out, pen->scratch, root);
    fh_buf_append(pen->out, FH_LIT("\n\n"));
}

static yyjson_mut_val *new_event(yyjson_mut_doc *doc, const char *type)
{
    yyjson_mut_val *root = yyjson_mut_obj(doc);

    (void)yyjson_mut_obj_add_str(doc, root, "type", type);
    return root;
}

static void fail(struct pen *pen, const struct fh_fault *fault)
{
    fh_anthropic_encode_fault(pen->out, pen->scratch, pen->enc->frame.request_id, fault,
                              FH_FRAMING_SSE);
    pen->enc->over = true;
}

static void fail_with(struct pen *pen, struct fh_slice sentence)
{
    struct fh_fault fault = {.kind = FH_REFUSE_UPSTREAM_FAILED, .message = sentence};

    fail(pen, &fault);
}

static void start_message(struct pen *pen, const struct fh_event *start)
{
    struct encoder *enc = pen->enc;
    yyjson_mut_doc *doc = fh_json_new(pen->scratch);
    yyjson_mut_val *root = new_event(doc, "message_start");
    yyjson_mut_val *content = NULL;
    yyjson_mut_val *message = fh_anthropic_new_message(doc, pen->scratch, &enc->frame, start,
                                                       &start->usage, &content, pen->loss);

    (void)yyjson_mut_obj_add_null(doc, message, "stop_reason");
    (void)yyjson_mut_obj_add_null(doc, message, "stop_sequence");
    (void)yyjson_mut_obj_add_val(doc, root, "message", message);
    write_event(pen, "message_start", root);
    enc->started = true;
    enc->told = start->usage;
    fh_usage_merge(&enc->usage, &start->usage);
}

/* need_start makes up a message_start where a provider never said who it is. */
static void need_start(struct pen *pen)
{
    static const struct fh_event silent = {.kind = FH_EVENT_START};

    if (!pen->enc->started) {
        start_message(pen, &silent);
    }
}

/* write_fragment prints a content_block_delta without a tree: nearly all events are one. */
static void write_fragment(struct pen *pen, struct fh_slice type_and_member,
                           struct fh_slice text)
{
    if (text.len == 0) {
        return;
    }
    fh_buf_append(pen->out, FH_LIT("event: content_block_delta\n"
                                   "data: {\"type\":\"content_block_delta\",\"index\":"));
    fh_buf_u64(pen->out, pen->enc->index);
    fh_buf_append(pen->out, FH_LIT(",\"delta\":{\"type\":"));
    fh_buf_append(pen->out, type_and_member);
    fh_json_quote(pen->out, text);
    fh_buf_append(pen->out, FH_LIT("}}\n\n"));
}

static void write_said(struct pen *pen, struct fh_slice text)
{
    switch (pen->enc->kind) {
    case FH_BLOCK_TOOL_CALL:
        write_fragment(pen, FH_LIT("\"input_json_delta\",\"partial_json\":"), text);
        break;
    case FH_BLOCK_THINKING:
        write_fragment(pen, FH_LIT("\"thinking_delta\",\"thinking\":"), text);
        break;
    case FH_BLOCK_TEXT:
    case FH_BLOCK_REFUSAL:
        write_fragment(pen, FH_LIT("\"text_delta\",\"text\":"), text);
        break;
    case FH_BLOCK_IMAGE:
    case FH_BLOCK_DOCUMENT:
    case FH_BLOCK_AUDIO:
    case FH_BLOCK_VIDEO:
    case FH_BLOCK_KINDS:
    case FH_BLOCK_REDACTED:
    case FH_BLOCK_TOOL_RESULT:
    case FH_BLOCK_OPAQUE:
        break;
    }
}

static void write_signature(struct pen *pen, struct fh_slice text)
{
    write_fragment(pen, FH_LIT("\"signature_delta\",\"signature\":"), text);
}

/* open_block writes a content_block_start. False when this dialect has no such block: then what is
 * said in it is skipped. */
static bool open_block(struct pen *pen, const struct fh_event *start)
{
    struct encoder *enc = pen->enc;
    yyjson_mut_doc *doc = fh_json_new(pen->scratch);
    yyjson_mut_val *root = new_event(doc, "content_block_start");
    yyjson_mut_val *block = fh_anthropic_new_block(doc, start, pen->loss);

    if (block == NULL) {
        return false;
    }
    /* what the block will hold starts empty */
    if (start->block == FH_BLOCK_TEXT || start->block == FH_BLOCK_REFUSAL) {
        (void)yyjson_mut_obj_add_str(doc, block, "text", "");
    } else if (start->block == FH_BLOCK_THINKING) {
        (void)yyjson_mut_obj_add_str(doc, block, "thinking", "");
        (void)yyjson_mut_obj_add_str(doc, block, "signature", "");
    } else if (start->block == FH_BLOCK_TOOL_CALL) {
        (void)yyjson_mut_obj_add_obj(doc, block, "input");
    }
    (void)yyjson_mut_obj_add_uint(doc, root, "index", enc->index);
    (void)yyjson_mut_obj_add_val(doc, root, "content_block", block);
    write_event(pen, "content_block_start", root);
    enc->said.call = enc->said.call || start->block == FH_BLOCK_TOOL_CALL;
    enc->said.refusal = enc->said.refusal || start->block == FH_BLOCK_REFUSAL;
    enc->source_index = start->index;
    enc->kind = start->block;
    enc->open = true;
    return true;
}

static void close_block(struct pen *pen)
{
    fh_buf_append(pen->out, FH_LIT("event: content_block_stop\n"
                                   "data: {\"type\":\"content_block_stop\",\"index\":"));
    fh_buf_u64(pen->out, pen->enc->index);
    fh_buf_append(pen->out, FH_LIT("}\n\n"));
    pen->enc->index++;
    pen->enc->open = false;
}

/* call_next lets waiting blocks take their turn: up to one that is not complete, or all. */
static void call_next(struct pen *pen, bool all)
{
    struct encoder *enc = pen->enc;

    while (!enc->open && enc->first != NULL) {
        struct waiting *w = enc->first;

        enc->first = w->next;
        if (!open_block(pen, &w->start)) {
            continue;
        }
        write_said(pen, fh_buf_slice(&w->said));
        write_signature(pen, fh_buf_slice(&w->signature));
        if (w->stopped || all) {
            close_block(pen);
        }
    }
    enc->last = enc->first == NULL ? NULL : enc->last;
}

static struct waiting *find_waiting(struct encoder *enc, uint32_t source_index)
{
    for (struct waiting *w = enc->first; w != NULL; w = w->next) {
        if (w->start.index == source_index) {
            return w;
        }
    }
    return NULL;
}

/* may_hold counts what waits against its bound. */
static bool may_hold(struct pen *pen, size_t bytes)
{
    if (bytes > HELD_MAX - pen->enc->held) {
        fail_with(pen, FH_LIT("the provider interleaves more blocks than can be put in order"));
        return false;
    }
    pen->enc->held += bytes;
    return true;
}

static void wait_block(struct pen *pen, const struct fh_event *start)
{
    struct encoder *enc = pen->enc;
    struct waiting *w = NULL;

    if (!may_hold(pen, sizeof(*w) + start->id.len + start->name.len + start->text.len)) {
        return;
    }
    w = fh_new(enc->arena, struct waiting);
    w->start = *start;
    w->start.id = fh_dup(enc->arena, start->id);
    w->start.name = fh_dup(enc->arena, start->name);
    w->start.text = fh_dup(enc->arena, start->text);
    w->said = fh_buf_in_arena(enc->arena, HELD_MAX);
    w->signature = fh_buf_in_arena(enc->arena, HELD_MAX);
    if (start->raw != NULL || start->extras.first != NULL) {
        /* they live in memory that goes before the block's turn comes; no dialect that overlaps
         * its blocks has any that we could write */
        fh_loss_add(pen->loss, FH_LIT("/content"), no_counterpart);
        w->start.raw = NULL;
        w->start.extras = (struct fh_extras){0};
    }
    if (enc->last == NULL) {
        enc->first = w;
    } else {
        enc->last->next = w;
    }
    enc->last = w;
}

static void on_block_start(struct pen *pen, const struct fh_event *event)
{
    need_start(pen);
    if (pen->enc->open) {
        wait_block(pen, event);
    } else {
        (void)open_block(pen, event);
    }
}

static void on_fragment(struct pen *pen, const struct fh_event *event)
{
    struct encoder *enc = pen->enc;
    bool signature = event->kind == FH_EVENT_SIGNATURE;

    if (enc->open && enc->source_index == event->index) {
        if (signature) {
            write_signature(pen, event->text);
        } else {
            write_said(pen, event->text);
        }
        return;
    }
    struct waiting *w = find_waiting(enc, event->index);

    if (w != NULL && may_hold(pen, event->text.len)) {
        fh_buf_append(signature ? &w->signature : &w->said, event->text);
    }
}

static void on_block_stop(struct pen *pen, const struct fh_event *event)
{
    struct encoder *enc = pen->enc;

    if (enc->open && enc->source_index == event->index) {
        close_block(pen);
        call_next(pen, false);
        return;
    }
    struct waiting *w = find_waiting(enc, event->index);

    if (w != NULL) {
        w->stopped = true;
    }
}

/* on_extra writes a citation or a delta of our own dialect back. */
static void on_extra(struct pen *pen, const struct fh_event *event)
{
    const struct fh_extra *extra = event->extras.first;
    yyjson_mut_doc *doc = NULL;

    if (event->dialect != FH_DIALECT_ANTHROPIC) {
        fh_extras_lose(&event->extras, pen->loss, no_counterpart);
        return;
    }
    if (extra == NULL || !pen->enc->open || pen->enc->source_index != event->index) {
        return;
    }
    doc = fh_json_new(pen->scratch);
    yyjson_mut_val *root = new_event(doc, "content_block_delta");

    (void)yyjson_mut_obj_add_uint(doc, root, "index", pen->enc->index);
    if (fh_eq(extra->key, FH_LIT("citation"))) {
        yyjson_mut_val *delta = yyjson_mut_obj_add_obj(doc, root, "delta");

        (void)yyjson_mut_obj_add_str(doc, delta, "type", "citations_delta");
        fh_extras_write(&event->extras, doc, delta);
    } else {
        fh_extras_write(&event->extras, doc, root);
    }
    write_event(pen, "content_block_delta", root);
}

/* printed keeps a tree as text for the end of the stream. */
static struct fh_slice printed(struct pen *pen, const yyjson_mut_val *obj)
{
    struct fh_buf text = fh_buf_in_arena(pen->enc->arena, HELD_MAX);

    fh_json_append(&text, pen->scratch, obj);
    return text.failed ? FH_NONE : fh_buf_slice(&text);
}

static void on_usage(struct pen *pen, const struct fh_event *event)
{
    fh_usage_merge(&pen->enc->usage, &event->usage);
    if (event->extras.first == NULL) {
        return;
    }
    if (event->dialect != FH_DIALECT_ANTHROPIC) {
        fh_extras_lose(&event->extras, pen->loss, no_counterpart);
        return;
    }
    yyjson_mut_doc *doc = fh_json_new(pen->scratch);
    yyjson_mut_val *obj = yyjson_mut_obj(doc);

    fh_extras_write(&event->extras, doc, obj);
    pen->enc->usage_extras = printed(pen, obj);
}

static void on_finish(struct pen *pen, const struct fh_event *event)
{
    yyjson_mut_doc *doc = fh_json_new(pen->scratch);
    yyjson_mut_val *delta = yyjson_mut_obj(doc);
    yyjson_mut_val *beside = yyjson_mut_obj(doc);

    need_start(pen);
    if (pen->enc->open) {
        close_block(pen);
    }
    call_next(pen, true);
    fh_anthropic_add_finish(doc, delta, event, &pen->enc->said);
    if (event->dialect == FH_DIALECT_ANTHROPIC) {
        fh_anthropic_extras_under(&event->extras, "/delta", doc, delta);
        fh_anthropic_extras_under(&event->extras, "", doc, beside);
    } else {
        fh_extras_lose(&event->extras, pen->loss, no_counterpart);
    }
    pen->enc->delta = printed(pen, delta);
    pen->enc->beside = yyjson_mut_obj_size(beside) > 0 ? printed(pen, beside) : FH_NONE;
}

/* pour adds the members of an object that was printed before. */
static void pour(struct pen *pen, struct fh_slice json, yyjson_mut_doc *doc,
                 yyjson_mut_val *obj)
{
    yyjson_val *root = NULL;
    struct fh_error error;

    if (json.len > 0 && fh_json_parse(pen->scratch, json, &root, &error) == FH_OK) {
        yyjson_obj_iter iter = yyjson_obj_iter_with(root);

        for (yyjson_val *key = NULL; (key = yyjson_obj_iter_next(&iter)) != NULL;) {
            (void)yyjson_mut_obj_add(obj, yyjson_val_mut_copy(doc, key),
                                     yyjson_val_mut_copy(doc, yyjson_obj_iter_get_val(key)));
        }
    }
}

static bool same_writes(const struct fh_usage *a, const struct fh_usage *b)
{
    return a->count[FH_TOKENS_CACHE_WRITE_5M] == b->count[FH_TOKENS_CACHE_WRITE_5M] &&
           a->count[FH_TOKENS_CACHE_WRITE_1H] == b->count[FH_TOKENS_CACHE_WRITE_1H];
}

static void on_end(struct pen *pen)
{
    struct encoder *enc = pen->enc;

    if (enc->delta.len == 0) {
        fail_with(pen, FH_LIT("the provider's answer ended without a reason to end"));
        return;
    }
    yyjson_mut_doc *doc = fh_json_new(pen->scratch);
    yyjson_mut_val *root = new_event(doc, "message_delta");

    fh_json_add_raw(doc, root, "delta", enc->delta);
    yyjson_mut_val *usage = yyjson_mut_obj_add_obj(doc, root, "usage");

    pour(pen, enc->usage_extras, doc, usage);
    fh_anthropic_fill_usage(doc, usage, &enc->usage, !same_writes(&enc->usage, &enc->told));
    pour(pen, enc->beside, doc, root);
    write_event(pen, "message_delta", root);
    fh_buf_append(pen->out,
                  FH_LIT("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"));
    enc->over = true;
}

void fh_anthropic_encode_stream(void *encoder, struct fh_buf *out, struct fh_arena *scratch,
                                const struct fh_event *event, struct fh_loss *loss)
{
    struct pen pen = {encoder, out, scratch, loss};

    if (pen.enc->over || event->choice != 0) {
        return; /* more than one choice was refused with the request */
    }
    switch (event->kind) {
    case FH_EVENT_START:
        if (!pen.enc->started) {
            start_message(&pen, event);
        }
        break;
    case FH_EVENT_BLOCK_START:
        on_block_start(&pen, event);
        break;
    case FH_EVENT_TEXT:
    case FH_EVENT_THINKING:
    case FH_EVENT_REFUSAL:
    case FH_EVENT_ARGUMENTS:
    case FH_EVENT_SIGNATURE:
        on_fragment(&pen, event);
        break;
    case FH_EVENT_CITATIONS:
    case FH_EVENT_DATA:
    case FH_EVENT_EXTRA:
        on_extra(&pen, event);
        break;
    case FH_EVENT_BLOCK_STOP:
        on_block_stop(&pen, event);
        break;
    case FH_EVENT_FINISH:
        on_finish(&pen, event);
        break;
    case FH_EVENT_USAGE:
        on_usage(&pen, event);
        break;
    case FH_EVENT_ERROR:
        fail(&pen, &event->fault);
        break;
    case FH_EVENT_PING:
        fh_buf_append(out, FH_LIT("event: ping\ndata: {\"type\":\"ping\"}\n\n"));
        break;
    case FH_EVENT_END:
        on_end(&pen);
        break;
    }
}
