/* bedrock_stream_out.c: events become a client's stream.
 *
 * Blocks do not overlap here (chat/serial.h). A signature and an image are told whole, right before
 * their block stops, since each piece of them would have to be whole by itself. A call's signature
 * has no place: it is told as a thought without words behind the call. `metadata` waits for the
 * end, usage may come in pieces.
 *
 * Of our own dialect, members that nobody knows go back to where they stood, if their event is told
 * when it comes. Disadvantage: those of a signature, of a piece of an image, of redacted thinking,
 * of a contentBlockStop and of an event that says nothing do not.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "chat/serial.h"
#include "dialect/bedrock/bedrock.h"
#include "wire/frames.h"

enum {
    HELD_MAX = 1 << 20,  /* bytes of blocks that wait, of a signature, of metadata */
    IMAGE_MAX = 1 << 25, /* bytes of an image */
};

struct encoder {
    struct fh_arena *arena;
    struct fh_reply_frame frame;
    struct fh_serial *serial;
    struct fh_usage usage;    /* the sum so far */
    struct fh_slice metadata; /* of our own dialect, printed */
    struct fh_buf signature, image;
    enum fh_signer signer;
    uint32_t thoughts; /* blocks that we put in: later ones count on from them */
    bool started, calls, said, finished, over;
};

void *fh_bedrock_stream_encoder_new(struct fh_arena *arena, const struct fh_reply_frame *frame)
{
    struct encoder *enc = fh_new(arena, struct encoder);

    enc->arena = arena;
    enc->frame = *frame;
    enc->serial = fh_serial_new(arena, HELD_MAX);
    enc->signature = fh_buf_in_arena(arena, HELD_MAX);
    enc->image = fh_buf_in_arena(arena, IMAGE_MAX);
    return enc;
}

/* What an event is written with. */
struct quill {
    struct encoder *enc;
    struct fh_buf *out;
    struct fh_writer w;
};

static void fail(struct quill *q, const struct fh_fault *fault)
{
    fh_bedrock_encode_fault(q->out, q->w.scratch, q->enc->frame.request_id, fault,
                            q->enc->frame.framing);
    q->enc->over = true;
}

static void fail_with(struct quill *q, struct fh_slice sentence)
{
    struct fh_fault fault = {.kind = FH_REFUSE_UPSTREAM_FAILED, .message = sentence};

    fail(q, &fault);
}

static void write_data(struct quill *q, struct fh_slice type, const struct fh_buf *data)
{
    if (data->failed) {
        q->out->failed = true;
    } else {
        fh_frame_write(q->out, q->enc->frame.framing, type, fh_buf_slice(data));
    }
}

/* put_back puts a member that nobody knew where it stood, if there still is such an object. */
static void put_back(struct quill *q, const struct fh_extra *extra, yyjson_mut_val *root)
{
    const char *key = (const char *)extra->key.ptr;
    size_t end = extra->pointer.len;

    while (end > 0 && extra->pointer.ptr[end - 1] != '/') {
        end--;
    }
    yyjson_mut_val *obj =
        yyjson_mut_ptr_getn(root, (const char *)extra->pointer.ptr, end > 0 ? end - 1 : 0);

    if (yyjson_mut_is_obj(obj) && yyjson_mut_obj_getn(obj, key, extra->key.len) == NULL) {
        (void)yyjson_mut_obj_add(obj, yyjson_mut_strn(q->w.doc, key, extra->key.len),
                                 yyjson_val_mut_copy(q->w.doc, extra->value));
    }
}

/* write_tree prints one event whose payload is a tree. */
static void write_tree(struct quill *q, struct fh_slice type, const yyjson_mut_val *root)
{
    struct fh_buf data = fh_buf_in_arena(q->w.scratch, SIZE_MAX / 4);

    fh_json_append(&data, q->w.scratch, root);
    write_data(q, type, &data);
}

/* write_whole does so with what else was in the event. */
static void write_whole(struct quill *q, struct fh_slice type, const struct fh_event *event,
                        yyjson_mut_val *root)
{
    for (const struct fh_extra *x = event->extras.first; q->w.ours && x != NULL; x = x->next) {
        put_back(q, x, root);
    }
    write_tree(q, type, root);
}

/* new_event makes a payload that is about a block. */
static yyjson_mut_val *new_event(struct quill *q, const struct fh_event *event)
{
    yyjson_mut_val *root = yyjson_mut_obj(q->w.doc);

    (void)yyjson_mut_obj_add_uint(q->w.doc, root, "contentBlockIndex",
                                  event->index + q->enc->thoughts);
    return root;
}

/* ---- deltas ---- */

/* write_delta prints a contentBlockDelta without a tree: nearly all events are one. `before` and
 * `behind` are what stands around the text. Only where more was in it is there a tree, too. */
static void write_delta(struct quill *q, const struct fh_event *event, struct fh_slice before,
                        struct fh_slice text, struct fh_slice behind)
{
    struct fh_slice type = FH_LIT("contentBlockDelta");
    struct fh_buf data = fh_buf_in_arena(q->w.scratch, SIZE_MAX / 4);
    yyjson_val *read = NULL;
    struct fh_error error;

    fh_buf_append(&data, FH_LIT("{\"contentBlockIndex\":"));
    fh_buf_u64(&data, event->index + q->enc->thoughts);
    fh_buf_append(&data, FH_LIT(",\"delta\":{"));
    fh_buf_append(&data, before);
    fh_json_quote(&data, text);
    fh_buf_append(&data, behind);
    fh_buf_append(&data, FH_LIT("}}"));
    if (event->extras.first != NULL && q->w.ours && !data.failed &&
        fh_json_parse(q->w.scratch, fh_buf_slice(&data), &read, &error) == FH_OK) {
        write_whole(q, type, event, yyjson_val_mut_copy(q->w.doc, read));
    } else {
        write_data(q, type, &data);
    }
    q->enc->said = true;
}

static void write_text(struct quill *q, const struct fh_event *event, struct fh_slice text)
{
    write_delta(q, event, FH_LIT("\"text\":"), text, FH_NONE);
}

static void write_thought(struct quill *q, const struct fh_event *event, struct fh_slice text)
{
    write_delta(q, event, FH_LIT("\"reasoningContent\":{\"text\":"), text, FH_LIT("}"));
}

static void write_signature(struct quill *q, const struct fh_event *event)
{
    struct encoder *enc = q->enc;

    write_delta(q, event, FH_LIT("\"reasoningContent\":{\"signature\":"),
                fh_bedrock_sealed(q->w.scratch, enc->signer, fh_buf_slice(&enc->signature)),
                FH_LIT("}"));
    fh_buf_clear(&enc->signature);
}

static void write_stop(struct quill *q, uint32_t index)
{
    struct fh_buf data = fh_buf_in_arena(q->w.scratch, 64);

    fh_buf_append(&data, FH_LIT("{\"contentBlockIndex\":"));
    fh_buf_u64(&data, index + q->enc->thoughts);
    fh_buf_byte(&data, '}');
    write_data(q, FH_LIT("contentBlockStop"), &data);
}

/* write_own writes back what only our own dialect knows: a citation, a delta. Members of an event
 * that said nothing are left out. */
static void write_own(struct quill *q, const struct fh_event *event)
{
    yyjson_mut_val *root = new_event(q, event);

    if (!q->w.ours || (event->kind == FH_EVENT_EXTRA && event->raw == NULL)) {
        return;
    }
    if (event->kind == FH_EVENT_CITATIONS) {
        fh_extras_write(&event->extras, q->w.doc,
                        yyjson_mut_obj_add_obj(q->w.doc, root, "delta"));
    } else {
        fh_extras_write(&event->extras, q->w.doc, root);
    }
    write_tree(q, FH_LIT("contentBlockDelta"), root);
    q->enc->said = true;
}

/* ---- blocks ---- */

static void start_call(struct quill *q, const struct fh_event *event)
{
    yyjson_mut_val *root = new_event(q, event);
    yyjson_mut_val *start = yyjson_mut_obj_add_obj(q->w.doc, root, "start");
    yyjson_mut_val *call = yyjson_mut_obj_add_obj(q->w.doc, start, "toolUse");

    fh_write_text(&q->w, call, "toolUseId", event->id);
    fh_write_text(&q->w, call, "name", event->name);
    write_whole(q, FH_LIT("contentBlockStart"), event, root);
    q->enc->calls = true;
}

static void start_image(struct quill *q, const struct fh_event *event)
{
    yyjson_mut_val *root = new_event(q, event);
    yyjson_mut_val *start = yyjson_mut_obj_add_obj(q->w.doc, root, "start");
    struct fh_slice format = fh_bedrock_format(FH_BLOCK_IMAGE, event->media_type);

    fh_write_text(&q->w, yyjson_mut_obj_add_obj(q->w.doc, start, "image"), "format",
                  format.len > 0 ? format : FH_LIT("png"));
    write_whole(q, FH_LIT("contentBlockStart"), event, root);
}

/* start_opaque: `name` says in which member of which event it stood. */
static void start_opaque(struct quill *q, const struct fh_event *event)
{
    yyjson_mut_val *root = new_event(q, event);
    bool begins = fh_eq(event->name, FH_LIT("contentBlockStart"));

    if (q->w.ours && event->raw != NULL) {
        fh_write_val(&q->w, root, begins ? "start" : "delta", event->raw);
        write_whole(q, begins ? FH_LIT("contentBlockStart") : FH_LIT("contentBlockDelta"),
                    event, root);
    }
}

static void on_block_start(struct quill *q, const struct fh_event *event)
{
    q->enc->said = false;
    if (event->block == FH_BLOCK_TOOL_CALL) {
        start_call(q, event);
    } else if (event->block == FH_BLOCK_IMAGE) {
        start_image(q, event);
    } else if (event->block == FH_BLOCK_OPAQUE) {
        start_opaque(q, event);
    } else if (event->block == FH_BLOCK_REDACTED) {
        write_delta(q, event, FH_LIT("\"reasoningContent\":{\"redactedContent\":"),
                    fh_bedrock_redacted(q->w.scratch, event->signer, event->text), FH_LIT("}"));
    } /* text and thoughts begin with what they say */
}

static void on_block_stop(struct quill *q, const struct fh_event *event)
{
    struct encoder *enc = q->enc;
    bool text = event->block == FH_BLOCK_TEXT || event->block == FH_BLOCK_REFUSAL;

    if (event->block == FH_BLOCK_THINKING && enc->signature.len > 0) {
        write_signature(q, event);
    } else if (event->block == FH_BLOCK_THINKING && !enc->said) {
        write_thought(q, event, FH_NONE);
    } else if (text && !enc->said) {
        write_text(q, event, FH_NONE);
    } else if (event->block == FH_BLOCK_IMAGE) {
        write_delta(q, event, FH_LIT("\"image\":{\"source\":{\"bytes\":"),
                    fh_buf_slice(&enc->image), FH_LIT("}}"));
        fh_buf_clear(&enc->image);
    }
    write_stop(q, event->index);
    if (event->block == FH_BLOCK_TOOL_CALL && enc->signature.len > 0) {
        enc->thoughts++;
        write_signature(q, event);
        write_stop(q, event->index);
    }
}

static void hold(struct quill *q, struct fh_buf *held, const struct fh_event *event)
{
    fh_buf_append(held, event->text);
    q->enc->signer = event->signer;
    if (held->failed) {
        fail_with(q, FH_LIT("the provider's answer has more in one piece than can be kept"));
    }
}

/* ---- the message ---- */

static void start_message(struct quill *q, const struct fh_extras *extras)
{
    yyjson_mut_val *root = yyjson_mut_obj(q->w.doc);

    if (!q->enc->started) {
        fh_write_word(&q->w, root, "role", "assistant");
        fh_write_extras(&q->w, extras, "", root);
        write_tree(q, FH_LIT("messageStart"), root);
        q->enc->started = true;
    }
}

static void on_finish(struct quill *q, const struct fh_event *event)
{
    yyjson_mut_val *root = yyjson_mut_obj(q->w.doc);

    fh_bedrock_write_finish(&q->w, root, event, q->enc->calls);
    write_tree(q, FH_LIT("messageStop"), root);
    q->enc->finished = true;
}

static void on_usage(struct quill *q, const struct fh_event *event)
{
    struct encoder *enc = q->enc;

    fh_usage_merge(&enc->usage, &event->usage);
    if (q->w.ours) { /* what its extras are made of is gone when the end comes */
        struct fh_buf text = fh_buf_in_arena(enc->arena, HELD_MAX);
        yyjson_mut_val *root = yyjson_mut_obj(q->w.doc);

        fh_bedrock_write_metadata(&q->w, root, &enc->usage, &event->extras);
        fh_json_append(&text, q->w.scratch, root);
        enc->metadata = text.failed ? FH_NONE : fh_buf_slice(&text);
    }
}

static void on_end(struct quill *q)
{
    struct encoder *enc = q->enc;
    yyjson_mut_val *root = yyjson_mut_obj(q->w.doc);
    struct fh_extras none = {NULL, NULL};

    if (!enc->finished) {
        fail_with(q, FH_LIT("the provider's answer ended without a reason to end"));
        return;
    }
    if (enc->metadata.len > 0) {
        fh_frame_write(q->out, enc->frame.framing, FH_LIT("metadata"), enc->metadata);
    } else {
        fh_bedrock_write_metadata(&q->w, root, &enc->usage, &none);
        write_tree(q, FH_LIT("metadata"), root);
    }
    enc->over = true;
}

/* write_event writes an event whose blocks are in order. */
static void write_event(void *teller, const struct fh_event *event)
{
    static const struct fh_extras none = {NULL, NULL};
    struct quill *q = teller;

    if (q->enc->over) {
        return;
    }
    if (event->kind != FH_EVENT_PING && event->kind != FH_EVENT_ERROR &&
        event->kind != FH_EVENT_USAGE && event->kind != FH_EVENT_END) {
        start_message(q, event->kind == FH_EVENT_START ? &event->extras : &none);
    }
    switch (event->kind) {
    case FH_EVENT_START:
        break;
    case FH_EVENT_BLOCK_START:
        on_block_start(q, event);
        break;
    case FH_EVENT_TEXT:
    case FH_EVENT_REFUSAL:
        write_text(q, event, event->text);
        break;
    case FH_EVENT_THINKING:
        write_thought(q, event, event->text);
        break;
    case FH_EVENT_ARGUMENTS:
        write_delta(q, event, FH_LIT("\"toolUse\":{\"input\":"), event->text, FH_LIT("}"));
        break;
    case FH_EVENT_SIGNATURE:
        hold(q, &q->enc->signature, event);
        break;
    case FH_EVENT_DATA:
        hold(q, &q->enc->image, event);
        break;
    case FH_EVENT_CITATIONS:
    case FH_EVENT_EXTRA:
        write_own(q, event);
        break;
    case FH_EVENT_BLOCK_STOP:
        on_block_stop(q, event);
        break;
    case FH_EVENT_FINISH:
        on_finish(q, event);
        break;
    case FH_EVENT_USAGE:
        on_usage(q, event);
        break;
    case FH_EVENT_ERROR:
        fail(q, &event->fault);
        break;
    case FH_EVENT_PING:
        fh_bedrock_encode_ping(q->out, q->enc->frame.framing);
        break;
    case FH_EVENT_END:
        on_end(q);
        break;
    }
}

void fh_bedrock_encode_stream(void *encoder, struct fh_buf *out, struct fh_arena *scratch,
                              const struct fh_event *event, struct fh_loss *loss)
{
    struct quill q = {.enc = encoder,
                      .out = out,
                      .w = {.doc = fh_json_new(scratch),
                            .scratch = scratch,
                            .loss = loss,
                            .ours = event->dialect == FH_DIALECT_BEDROCK}};

    if (!q.enc->over && !fh_serial_put(q.enc->serial, event, write_event, &q)) {
        fail_with(&q, FH_LIT("the provider interleaves more blocks than can be put in order"));
    }
}
