/* anthropic_stream_out.c: events become a client's stream.
 *
 *     block 0 ──▶ open ──▶ written as it comes
 *     block 1 ──▶ waiting, with what was said in it, until block 0 closes
 *
 * Blocks do not overlap here. Where a provider's do (OpenAI streams parallel calls as it
 * likes), one is open and the others wait; what may wait is bounded. A call of another dialect
 * waits until something is said in it: its signature belongs into its start. The stop reason
 * waits, too: OpenAI tells usage after it, and message_delta has both.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "dialect/anthropic/anthropic.h"
#include "wire/frames.h"

enum { HELD_MAX = 1 << 20 };

/* A block that waits for its turn. */
struct waiting {
    struct waiting *next;
    struct fh_event start;   /* its slices copied */
    struct fh_buf said;      /* text, thinking or arguments */
    struct fh_buf signature; /* as the client gets it */
    bool stopped;
};

struct encoder {
    struct fh_arena *arena;
    struct fh_reply_frame frame;
    struct fh_usage usage; /* the sum so far */
    struct fh_usage told;  /* what message_start said of it */
    struct fh_anthropic_said said;
    struct waiting *first, *last;
    size_t held;             /* bytes that waited so far, the blocks themselves included */
    enum fh_block_kind kind; /* of the open block */
    uint32_t source_index;   /* of the open block, as the provider counts */
    uint32_t index;          /* of the open block, else of the next */
    struct fh_slice delta;   /* message_delta's, once the reason is known */
    struct fh_slice beside;  /* what stood beside it, or empty */
    struct fh_slice usage_extras;
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

static void write_data(struct pen *pen, struct fh_slice type, const struct fh_buf *data)
{
    if (data->failed) {
        pen->out->failed = true;
    } else {
        fh_frame_write(pen->out, pen->enc->frame.framing, type, fh_buf_slice(data));
    }
}

/* write_event prints one event whose data is a tree. */
static void write_event(struct pen *pen, struct fh_slice type, const yyjson_mut_val *root)
{
    struct fh_buf data = fh_buf_in_arena(pen->scratch, SIZE_MAX / 4);

    fh_json_append(&data, pen->scratch, root);
    write_data(pen, type, &data);
}

static yyjson_mut_val *new_event(struct fh_writer *w, const char *type)
{
    yyjson_mut_val *root = yyjson_mut_obj(w->doc);

    fh_write_word(w, root, "type", type);
    return root;
}

static void fail(struct pen *pen, const struct fh_fault *fault)
{
    fh_anthropic_encode_fault(pen->out, pen->scratch, pen->enc->frame.request_id, fault,
                              pen->enc->frame.framing);
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
    struct fh_writer w = fh_anthropic_writer(pen->scratch, pen->loss);
    yyjson_mut_val *root = new_event(&w, "message_start");
    yyjson_mut_val *content = NULL;
    yyjson_mut_val *message =
        fh_anthropic_new_message(&w, &enc->frame, start, &start->usage, &content);

    (void)yyjson_mut_obj_add_null(w.doc, message, "stop_reason");
    (void)yyjson_mut_obj_add_null(w.doc, message, "stop_sequence");
    (void)yyjson_mut_obj_add_val(w.doc, root, "message", message);
    fh_write_extras(&w, &start->extras, "", root);
    write_event(pen, FH_LIT("message_start"), root);
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

/* ---- blocks ---- */

/* write_beside prints those extras whose place was a member of `object`, each behind a comma. */
static void write_beside(struct pen *pen, struct fh_buf *data, const struct fh_extras *list,
                         struct fh_slice object)
{
    for (const struct fh_extra *x = list->first; x != NULL; x = x->next) {
        if (fh_extra_stands_in(x, object)) {
            fh_buf_append(data, FH_LIT(","));
            fh_json_quote(data, x->key);
            fh_buf_append(data, FH_LIT(":"));
            fh_json_append_val(data, pen->scratch, x->value);
        }
    }
}

static const struct fh_extras nothing;

/* write_fragment prints a content_block_delta without a tree: nearly all events are one. */
static void write_fragment(struct pen *pen, struct fh_slice type_and_member,
                           struct fh_slice text, const struct fh_extras *extras)
{
    struct fh_buf data = fh_buf_in_arena(pen->scratch, SIZE_MAX / 4);

    if (text.len == 0) {
        return;
    }
    fh_buf_append(&data, FH_LIT("{\"type\":\"content_block_delta\",\"index\":"));
    fh_buf_u64(&data, pen->enc->index);
    fh_buf_append(&data, FH_LIT(",\"delta\":{\"type\":"));
    fh_buf_append(&data, type_and_member);
    fh_json_quote(&data, text);
    write_beside(pen, &data, extras, FH_LIT("/delta"));
    fh_buf_append(&data, FH_LIT("}"));
    write_beside(pen, &data, extras, FH_NONE);
    fh_buf_append(&data, FH_LIT("}"));
    write_data(pen, FH_LIT("content_block_delta"), &data);
}

static void write_said(struct pen *pen, struct fh_slice text, const struct fh_extras *extras)
{
    switch ((int)pen->enc->kind) {
    case FH_BLOCK_TOOL_CALL:
        write_fragment(pen, FH_LIT("\"input_json_delta\",\"partial_json\":"), text, extras);
        break;
    case FH_BLOCK_THINKING:
        write_fragment(pen, FH_LIT("\"thinking_delta\",\"thinking\":"), text, extras);
        break;
    case FH_BLOCK_TEXT:
    case FH_BLOCK_REFUSAL:
        write_fragment(pen, FH_LIT("\"text_delta\",\"text\":"), text, extras);
        break;
    default:
        break;
    }
}

/* write_signature: `text` is as the client gets it. Once a call has begun, it cannot be signed. */
static void write_signature(struct pen *pen, struct fh_slice text,
                            const struct fh_extras *extras)
{
    if (pen->enc->kind == FH_BLOCK_THINKING) {
        write_fragment(pen, FH_LIT("\"signature_delta\",\"signature\":"), text, extras);
    } else if (text.len > 0) {
        fh_loss_add(pen->loss, FH_LIT("/content"), "a signature that follows its call");
    }
}

/* open_block writes a content_block_start. False when this dialect has no such block: then what is
 * said in it is skipped. */
static bool open_block(struct pen *pen, const struct fh_event *start, struct fh_slice signature)
{
    struct encoder *enc = pen->enc;
    struct fh_writer w = fh_anthropic_writer(pen->scratch, pen->loss);
    yyjson_mut_val *root = new_event(&w, "content_block_start");
    yyjson_mut_val *block = fh_anthropic_new_block(&w, start);

    if (block == NULL) {
        return false;
    }
    /* what the block will hold starts empty */
    if (start->block == FH_BLOCK_TEXT || start->block == FH_BLOCK_REFUSAL) {
        fh_write_word(&w, block, "text", "");
    } else if (start->block == FH_BLOCK_THINKING) {
        fh_write_word(&w, block, "thinking", "");
        fh_write_word(&w, block, "signature", "");
    } else if (start->block == FH_BLOCK_TOOL_CALL) {
        (void)yyjson_mut_obj_add_obj(w.doc, block, "input");
        fh_write_given(&w, block, "signature", signature);
    }
    (void)yyjson_mut_obj_add_uint(w.doc, root, "index", enc->index);
    (void)yyjson_mut_obj_add_val(w.doc, root, "content_block", block);
    fh_write_extras(&w, &start->extras, "", root);
    write_event(pen, FH_LIT("content_block_start"), root);
    enc->said.call = enc->said.call || start->block == FH_BLOCK_TOOL_CALL;
    enc->said.refusal = enc->said.refusal || start->block == FH_BLOCK_REFUSAL;
    enc->source_index = start->index;
    enc->kind = start->block;
    enc->open = true;
    return true;
}

static void close_block(struct pen *pen, const struct fh_extras *extras)
{
    struct fh_buf data = fh_buf_in_arena(pen->scratch, SIZE_MAX / 4);

    fh_buf_append(&data, FH_LIT("{\"type\":\"content_block_stop\",\"index\":"));
    fh_buf_u64(&data, pen->enc->index);
    write_beside(pen, &data, extras, FH_NONE);
    fh_buf_append(&data, FH_LIT("}"));
    write_data(pen, FH_LIT("content_block_stop"), &data);
    pen->enc->index++;
    pen->enc->open = false;
}

/* call_next lets waiting blocks take their turn: up to one that is not complete, or all. */
static void call_next(struct pen *pen, bool all)
{
    struct encoder *enc = pen->enc;

    while (!enc->open && enc->first != NULL) {
        struct waiting *w = enc->first;
        struct fh_slice signature = fh_buf_slice(&w->signature);

        enc->first = w->next;
        if (!open_block(pen, &w->start, signature)) {
            continue;
        }
        write_said(pen, fh_buf_slice(&w->said), &nothing);
        write_signature(pen, enc->kind == FH_BLOCK_TOOL_CALL ? FH_NONE : signature, &nothing);
        if (w->stopped || all) {
            close_block(pen, &nothing);
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

/* wait_block keeps a block of another dialect; ours never overlap, and need not wait. */
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
    w->start.raw = NULL;
    w->start.extras = (struct fh_extras){0};
    w->said = fh_buf_in_arena(enc->arena, HELD_MAX);
    w->signature = fh_buf_in_arena(enc->arena, (size_t)2 * HELD_MAX); /* sealed, it grows */
    if (enc->last == NULL) {
        enc->first = w;
    } else {
        enc->last->next = w;
    }
    enc->last = w;
}

static void on_block_start(struct pen *pen, const struct fh_event *event)
{
    bool may_be_signed =
        event->dialect != FH_DIALECT_ANTHROPIC && event->block == FH_BLOCK_TOOL_CALL;

    need_start(pen);
    call_next(pen, false);
    if (pen->enc->open || may_be_signed) {
        wait_block(pen, event);
    } else {
        (void)open_block(pen, event, FH_NONE);
    }
}

static void on_said(struct pen *pen, const struct fh_event *event)
{
    struct encoder *enc = pen->enc;

    if (!enc->open && enc->first != NULL && enc->first->start.index == event->index) {
        call_next(pen, false);
    }
    if (enc->open && enc->source_index == event->index) {
        write_said(pen, event->text, &event->extras);
        return;
    }
    struct waiting *w = find_waiting(enc, event->index);

    if (w != NULL && may_hold(pen, event->text.len)) {
        fh_buf_append(&w->said, event->text);
    }
}

static void on_signature(struct pen *pen, const struct fh_event *event)
{
    struct encoder *enc = pen->enc;

    if (enc->open && enc->source_index == event->index) {
        write_signature(pen, fh_anthropic_sealed(pen->scratch, event->signer, event->text),
                        &event->extras);
        return;
    }
    struct waiting *w = find_waiting(enc, event->index);

    if (w != NULL && may_hold(pen, event->text.len)) {
        fh_seal_write(&w->signature, FH_SIGNER_CLAUDE, event->signer, event->text);
    }
}

static void on_block_stop(struct pen *pen, const struct fh_event *event)
{
    struct encoder *enc = pen->enc;

    if (enc->open && enc->source_index == event->index) {
        close_block(pen, &event->extras);
        call_next(pen, false);
        return;
    }
    struct waiting *w = find_waiting(enc, event->index);

    if (w != NULL) {
        w->stopped = true;
        call_next(pen, false);
    }
}

/* on_extra writes a citation or a delta of our own dialect back. An extra that is no delta stood in
 * an event that we do not write. */
static void on_extra(struct pen *pen, const struct fh_event *event)
{
    bool cites = event->kind == FH_EVENT_CITATIONS;

    if (event->extras.first == NULL || !pen->enc->open ||
        pen->enc->source_index != event->index || !(cites || event->raw != NULL)) {
        return;
    }
    struct fh_writer w = fh_anthropic_writer(pen->scratch, pen->loss);
    yyjson_mut_val *root = new_event(&w, "content_block_delta");

    (void)yyjson_mut_obj_add_uint(w.doc, root, "index", pen->enc->index);
    if (cites) {
        yyjson_mut_val *delta = yyjson_mut_obj_add_obj(w.doc, root, "delta");

        fh_write_word(&w, delta, "type", "citations_delta");
        fh_extras_write(&event->extras, w.doc, delta);
    } else {
        fh_extras_write(&event->extras, w.doc, root);
    }
    write_event(pen, FH_LIT("content_block_delta"), root);
}

/* ---- the end ---- */

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
    if (event->extras.first != NULL) {
        yyjson_mut_doc *doc = fh_json_new(pen->scratch);
        yyjson_mut_val *obj = yyjson_mut_obj(doc);

        fh_extras_write(&event->extras, doc, obj);
        pen->enc->usage_extras = printed(pen, obj);
    }
}

static void on_finish(struct pen *pen, const struct fh_event *event)
{
    struct fh_writer w = fh_anthropic_writer(pen->scratch, pen->loss);
    yyjson_mut_val *delta = yyjson_mut_obj(w.doc);
    yyjson_mut_val *beside = yyjson_mut_obj(w.doc);

    need_start(pen);
    if (pen->enc->open) {
        close_block(pen, &nothing);
    }
    call_next(pen, true);
    fh_anthropic_add_finish(&w, delta, event, &pen->enc->said);
    fh_write_extras(&w, &event->extras, "/delta", delta);
    fh_write_extras(&w, &event->extras, "", beside);
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

static void on_end(struct pen *pen, const struct fh_event *end)
{
    struct encoder *enc = pen->enc;

    if (enc->delta.len == 0) {
        fail_with(pen, FH_LIT("the provider's answer ended without a reason to end"));
        return;
    }
    struct fh_writer w = fh_anthropic_writer(pen->scratch, pen->loss);
    yyjson_mut_val *root = new_event(&w, "message_delta");

    fh_json_add_raw(w.doc, root, "delta", enc->delta);
    yyjson_mut_val *usage = yyjson_mut_obj_add_obj(w.doc, root, "usage");

    pour(pen, enc->usage_extras, w.doc, usage);
    fh_anthropic_fill_usage(w.doc, usage, &enc->usage, !same_writes(&enc->usage, &enc->told));
    pour(pen, enc->beside, w.doc, root);
    write_event(pen, FH_LIT("message_delta"), root);
    root = new_event(&w, "message_stop");
    fh_write_extras(&w, &end->extras, "", root);
    write_event(pen, FH_LIT("message_stop"), root);
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
        on_said(&pen, event);
        break;
    case FH_EVENT_SIGNATURE:
        on_signature(&pen, event);
        break;
    case FH_EVENT_CITATIONS:
    case FH_EVENT_EXTRA:
        on_extra(&pen, event);
        break;
    case FH_EVENT_DATA: /* there is no block that it could be of */
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
        fh_anthropic_encode_ping(out, pen.enc->frame.framing);
        break;
    case FH_EVENT_END:
        on_end(&pen, event);
        break;
    }
}
