/* openai_responses_stream_out.c: events become an answer, and the events of a stream that tell
 * how it grows.
 *
 *     created, in_progress,
 *     (item added, (part added, delta*, text done, part done)*, item done)*,
 *     completed
 *
 * Blocks that overlap become items that overlap: each event names its item. Texts side by side are
 * parts of one message, which is done when something else begins. A whole answer goes the same way
 * without a stream.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "dialect/openai_responses/openai_responses_tell.h"

static struct fh_responses_encoder *new_encoder(struct fh_arena *arena,
                                                const struct fh_reply_frame *frame)
{
    struct fh_responses_encoder *enc = fh_new(arena, struct fh_responses_encoder);

    fh_responses_answer_init(&enc->answer, arena, frame);
    enc->data = fh_buf_in_arena(arena, SIZE_MAX / 4);
    return enc;
}

void *fh_responses_stream_encoder_new(struct fh_arena *arena,
                                      const struct fh_reply_frame *frame)
{
    return new_encoder(arena, frame);
}

/* ---- failing, starting ---- */

static void fail(struct fh_responses_pen *pen, const struct fh_fault *fault)
{
    pen->enc->over = true;
    if (pen->out != NULL) {
        fh_responses_print_error(pen->out, pen->scratch, pen->enc->number++, fault);
    } else {
        pen->enc->fault = *fault;
        pen->enc->failed = true;
    }
}

static void fail_with(struct fh_responses_pen *pen, struct fh_slice sentence)
{
    fail(pen, &(struct fh_fault){.kind = FH_REFUSE_UPSTREAM_FAILED, .message = sentence});
}

void fh_responses_fail_long(struct fh_responses_pen *pen)
{
    fail_with(pen, FH_LIT("the provider's answer is longer than what can be said again at its "
                          "end, as this API has it"));
}

static void on_start(struct fh_responses_pen *pen, const struct fh_event *event)
{
    static const struct fh_slice said[] = {FH_LIT_INIT("output"), FH_LIT_INIT("usage")};
    struct fh_responses_answer *answer = &pen->enc->answer;

    if (pen->enc->started) {
        return;
    }
    pen->enc->started = true;
    fh_responses_start(answer, event);
    if (answer->ours) {
        answer->members =
            fh_responses_keep(answer, pen->scratch, event->raw, said, FH_LEN(said));
    }
    fh_responses_tell_response(pen, FH_LIT("response.created"), false);
    fh_responses_tell_response(pen, FH_LIT("response.in_progress"), false);
}

/* need_start: some streams begin with what they say. */
static void need_start(struct fh_responses_pen *pen)
{
    if (!pen->enc->started) {
        on_start(pen, &(struct fh_event){.dialect = FH_DIALECTS});
    }
}

/* ---- items and pieces ---- */

struct fh_responses_out *fh_responses_new_item(struct fh_responses_pen *pen,
                                               enum fh_responses_kind kind)
{
    struct fh_responses_out *item = fh_responses_add(&pen->enc->answer, kind);

    if (item == NULL) {
        fail_with(pen, FH_LIT("the provider's answer has more items than can be told"));
    }
    return item;
}

/* say adds to the last piece of an item. */
static void say(struct fh_responses_pen *pen, struct fh_responses_out *item,
                struct fh_slice text)
{
    struct fh_slice escaped = FH_NONE;

    if (text.len == 0) {
        return;
    }
    if (!fh_responses_hold(&pen->enc->answer, item, text, &escaped)) {
        fh_responses_fail_long(pen);
        return;
    }
    fh_responses_tell_delta(pen, item, escaped);
}

static void begin_piece(struct fh_responses_pen *pen, struct fh_responses_out *item,
                        enum fh_block_kind kind, bool raw)
{
    (void)fh_responses_add_piece(&pen->enc->answer, item, kind, raw);
    fh_responses_tell_piece(pen, item, false);
}

/* end_piece ends what is being said. A call without arguments has none: {}. */
static void end_piece(struct fh_responses_pen *pen, struct fh_responses_out *item)
{
    bool told = item->members.ptr != NULL;

    if (item->kind == FH_RESPONSES_ITEM_CALL && !told && item->last->said.len == 0) {
        say(pen, item, FH_LIT("{}"));
    }
    if (item->last != NULL && !pen->enc->over) {
        fh_responses_tell_said(pen, item);
        fh_responses_tell_piece(pen, item, true);
    }
}

/* sign_call puts the signature of a call into a reasoning item behind it: there it comes back. */
static void sign_call(struct fh_responses_pen *pen, const struct fh_responses_out *call)
{
    struct fh_responses_out *item = fh_responses_new_item(pen, FH_RESPONSES_ITEM_REASONING);
    struct fh_buf sealed = fh_buf_in_arena(pen->enc->answer.arena, FH_RESPONSES_HELD_MAX);

    if (item == NULL) {
        return;
    }
    fh_responses_tell_item(pen, item, false);
    fh_responses_seal(&sealed, pen->scratch, FH_RESPONSES_CALL, call->call_id, call->signer,
                      call->signature);
    item->encrypted = fh_buf_slice(&sealed); /* base64: nothing to escape */
    item->done = true;
    fh_responses_tell_item(pen, item, true);
}

void fh_responses_end_item(struct fh_responses_pen *pen, struct fh_responses_out *item)
{
    if (item->done || pen->enc->over) {
        return;
    }
    if (item->open) {
        end_piece(pen, item);
        item->open = false;
    }
    item->done = true;
    fh_responses_tell_item(pen, item, true);
    if (item->signature.len > 0) {
        sign_call(pen, item);
    }
}

/* end_message ends the message that is still open for another part, if there is one. */
static void end_message(struct fh_responses_pen *pen)
{
    struct fh_responses_out *last = pen->enc->answer.last;

    if (last != NULL && last->kind == FH_RESPONSES_ITEM_MESSAGE && !last->open &&
        last->members.ptr == NULL) {
        fh_responses_end_item(pen, last);
    }
}

struct fh_responses_out *fh_responses_find_open(struct fh_responses_pen *pen, uint32_t block)
{
    struct fh_responses_out *last = pen->enc->answer.last;

    if (last != NULL && last->open && last->block == block) {
        return last; /* nearly always */
    }
    for (struct fh_responses_out *item = pen->enc->answer.first; item != NULL;
         item = item->next) {
        if (item->open && item->block == block) {
            return item;
        }
    }
    return NULL;
}

static enum fh_responses_kind kind_of(enum fh_block_kind block)
{
    switch (block) {
    case FH_BLOCK_TEXT:
    case FH_BLOCK_REFUSAL:
        return FH_RESPONSES_ITEM_MESSAGE;
    case FH_BLOCK_THINKING:
    case FH_BLOCK_REDACTED:
        return FH_RESPONSES_ITEM_REASONING;
    case FH_BLOCK_TOOL_CALL:
        return FH_RESPONSES_ITEM_CALL;
    case FH_BLOCK_IMAGE:
        return FH_RESPONSES_ITEM_IMAGE;
    case FH_BLOCK_DOCUMENT:
    case FH_BLOCK_AUDIO:
    case FH_BLOCK_VIDEO:
    case FH_BLOCK_TOOL_RESULT:
    case FH_BLOCK_OPAQUE:
    case FH_BLOCK_KINDS:
        break;
    }
    return FH_RESPONSES_ITEM_OTHER;
}

/* seal_into gives an item its encrypted content. */
static void seal_into(struct fh_responses_pen *pen, struct fh_responses_out *item,
                      enum fh_responses_proof proof, const struct fh_event *event)
{
    struct fh_buf sealed = fh_buf_in_arena(pen->scratch, SIZE_MAX / 4);
    struct fh_buf quoted = fh_buf_in_arena(pen->scratch, SIZE_MAX / 4);

    fh_responses_seal(&sealed, pen->scratch, proof, FH_NONE, event->signer, event->text);
    fh_json_quote(&quoted, fh_buf_slice(&sealed));
    if (!fh_responses_count(&pen->enc->answer, quoted.len)) {
        fh_responses_fail_long(pen);
        return;
    }
    item->encrypted =
        fh_dup(pen->enc->answer.arena, fh_sub(fh_buf_slice(&quoted), 1, quoted.len - 2));
}

/* begin_item makes the item of a block of another dialect. */
static struct fh_responses_out *begin_item(struct fh_responses_pen *pen,
                                           const struct fh_event *event)
{
    struct fh_arena *arena = pen->enc->answer.arena;
    struct fh_responses_out *item = fh_responses_new_item(pen, kind_of(event->block));

    if (item == NULL) {
        return NULL;
    }
    item->call_id = fh_dup(arena, event->id);
    item->name = fh_dup(arena, event->name);
    item->media_type = fh_dup(arena, event->media_type);
    if (event->block == FH_BLOCK_REDACTED) {
        seal_into(pen, item, FH_RESPONSES_REDACTED, event);
    }
    fh_responses_tell_item(pen, item, false);
    return item;
}

/* item_for gives the item that a block is part of. */
static struct fh_responses_out *item_for(struct fh_responses_pen *pen,
                                         const struct fh_event *event)
{
    struct fh_responses_out *last = pen->enc->answer.last;
    bool words = kind_of(event->block) == FH_RESPONSES_ITEM_MESSAGE;

    if (pen->enc->answer.ours) {
        struct fh_responses_out *item = fh_responses_find_announced(pen, event->item);

        if (item != NULL && event->block == FH_BLOCK_REDACTED) {
            seal_into(pen, item, FH_RESPONSES_REDACTED, event);
        }
        return item;
    }
    if (words && last != NULL && last->kind == FH_RESPONSES_ITEM_MESSAGE && !last->done &&
        !last->open) {
        return last;
    }
    end_message(pen);
    return pen->enc->over ? NULL : begin_item(pen, event);
}

static void on_block_start(struct fh_responses_pen *pen, const struct fh_event *event)
{
    bool ours = pen->enc->answer.ours;

    if (event->block == FH_BLOCK_OPAQUE && ours) {
        return; /* its item says it all */
    }
    struct fh_responses_out *item = item_for(pen, event);

    if (item == NULL || pen->enc->over) {
        return;
    }
    item->open = true;
    item->block = event->index;
    pen->enc->answer.refused = pen->enc->answer.refused || event->block == FH_BLOCK_REFUSAL;
    if (event->block == FH_BLOCK_REDACTED || (ours && event->block == FH_BLOCK_THINKING)) {
        return; /* there is no text to it; or its parts are announced one by one */
    }
    begin_piece(pen, item, event->block, false);
}

static void on_thoughts(struct fh_responses_pen *pen, struct fh_responses_out *item,
                        const struct fh_event *event)
{
    if (!pen->enc->answer.ours || event->name.len == 0) {
        say(pen, item, event->text);
        return;
    }
    if (item->last != NULL) {
        end_piece(pen, item);
    }
    begin_piece(pen, item, FH_BLOCK_THINKING, fh_eq(event->name, FH_LIT("content")));
}

static void on_fragment(struct fh_responses_pen *pen, const struct fh_event *event)
{
    struct fh_responses_out *item = fh_responses_find_open(pen, event->index);

    if (item == NULL) {
        return;
    }
    if (event->kind == FH_EVENT_SIGNATURE && event->block == FH_BLOCK_TOOL_CALL) {
        item->signature = fh_dup(pen->enc->answer.arena, event->text);
        item->signer = event->signer;
    } else if (event->kind == FH_EVENT_SIGNATURE) {
        seal_into(pen, item, FH_RESPONSES_SIGNATURE, event);
    } else if (event->kind == FH_EVENT_THINKING) {
        on_thoughts(pen, item, event);
    } else if (item->last != NULL) {
        say(pen, item, event->text);
    }
}

static void on_block_stop(struct fh_responses_pen *pen, const struct fh_event *event)
{
    struct fh_responses_out *item = fh_responses_find_open(pen, event->index);

    if (item == NULL) {
        return;
    }
    bool message = item->kind == FH_RESPONSES_ITEM_MESSAGE;

    end_piece(pen, item);
    item->open = false;
    if (!pen->enc->answer.ours && (!message || item != pen->enc->answer.last)) {
        fh_responses_end_item(pen, item); /* a message stays open for a part that may follow */
    }
}

/* ---- the end ---- */

static void on_usage(struct fh_responses_pen *pen, const struct fh_event *event)
{
    struct fh_responses_answer *answer = &pen->enc->answer;

    fh_usage_merge(&answer->usage, &event->usage);
    if (answer->ours) {
        struct fh_buf json = fh_buf_in_arena(answer->arena, FH_RESPONSES_HELD_MAX);

        fh_responses_print_usage(&json, pen->scratch, &answer->usage, &event->extras);
        answer->usage_json = fh_buf_slice(&json);
    }
}

static void on_finish(struct fh_responses_pen *pen, const struct fh_event *event)
{
    struct fh_responses_answer *answer = &pen->enc->answer;
    bool cut = event->finish == FH_FINISH_LENGTH || event->finish == FH_FINISH_CONTEXT;

    need_start(pen);
    if (answer->last != NULL && !answer->last->done) {
        answer->last->cut = cut;
    }
    for (struct fh_responses_out *item = answer->first; item != NULL; item = item->next) {
        fh_responses_end_item(pen, item);
    }
    fh_responses_stop(answer, pen->scratch, event);
}

static void on_end(struct fh_responses_pen *pen)
{
    struct fh_responses_answer *answer = &pen->enc->answer;

    need_start(pen);
    if (!answer->finished && pen->out == NULL) {
        answer->incomplete = true; /* all of it is there, and nobody said why it ended */
        return;
    }
    if (!answer->finished) {
        fail_with(pen, FH_LIT("the provider's answer ended without a reason to end"));
        return;
    }
    fh_responses_tell_response(
        pen, answer->incomplete ? FH_LIT("response.incomplete") : FH_LIT("response.completed"),
        true);
    pen->enc->over = true;
}

static void encode(struct fh_responses_pen *pen, const struct fh_event *event)
{
    switch (event->kind) {
    case FH_EVENT_START:
        on_start(pen, event);
        break;
    case FH_EVENT_BLOCK_START:
        need_start(pen);
        on_block_start(pen, event);
        break;
    case FH_EVENT_TEXT:
    case FH_EVENT_THINKING:
    case FH_EVENT_REFUSAL:
    case FH_EVENT_ARGUMENTS:
    case FH_EVENT_DATA:
    case FH_EVENT_SIGNATURE:
        on_fragment(pen, event);
        break;
    case FH_EVENT_CITATIONS:
        fh_responses_on_citation(pen, event);
        break;
    case FH_EVENT_EXTRA:
        fh_responses_on_extra(pen, event);
        break;
    case FH_EVENT_BLOCK_STOP:
        on_block_stop(pen, event);
        break;
    case FH_EVENT_FINISH:
        on_finish(pen, event);
        break;
    case FH_EVENT_USAGE:
        on_usage(pen, event);
        break;
    case FH_EVENT_ERROR:
        fail(pen, &event->fault);
        break;
    case FH_EVENT_PING:
        if (pen->out != NULL) {
            fh_responses_encode_ping(pen->out, pen->enc->answer.frame->framing);
        }
        break;
    case FH_EVENT_END:
        on_end(pen);
        break;
    }
}

void fh_responses_encode_stream(void *encoder, struct fh_buf *out, struct fh_arena *scratch,
                                const struct fh_event *event, struct fh_loss *loss)
{
    struct fh_responses_pen pen = {encoder, out, scratch};

    FH_UNUSED(loss); /* fh_settle_event said it all */
    if (!pen.enc->over && event->choice == 0) {
        encode(&pen, event);
    }
}

void fh_responses_encode_ping(struct fh_buf *out, enum fh_framing framing)
{
    FH_UNUSED(framing); /* server-sent events alone */
    fh_buf_append(out, FH_LIT(": ping\n\n"));
}

void fh_responses_encode_reply(struct fh_buf *out, struct fh_arena *scratch,
                               const struct fh_reply_frame *frame,
                               const struct fh_events *events, struct fh_loss *loss)
{
    struct fh_responses_pen pen = {new_encoder(scratch, frame), NULL, scratch};

    FH_UNUSED(loss);
    for (size_t i = 0; i < events->count && !pen.enc->over; i++) {
        const struct fh_event *event = &events->list[i];

        if (event->kind == FH_EVENT_ERROR) {
            fh_responses_encode_fault(out, scratch, frame->request_id, &event->fault,
                                      FH_FRAMING_NONE);
            return;
        }
        if (event->choice == 0) {
            encode(&pen, event);
        }
    }
    if (pen.enc->failed) {
        fh_responses_encode_fault(out, scratch, frame->request_id, &pen.enc->fault,
                                  FH_FRAMING_NONE);
        return;
    }
    fh_responses_print_response(out, &pen.enc->answer, scratch, true);
}
