/* openai_responses_tell.c: writes the events of a stream: each about the response, an item, or
 * a piece of an item.
 * SPDX-License-Identifier: Apache-2.0 */
#include "dialect/openai_responses/openai_responses_tell.h"

#include "wire/frames.h"

/* begin starts an event; false when there is no stream. */
static bool begin(struct fh_responses_pen *pen, struct fh_slice name)
{
    struct fh_responses_encoder *enc = pen->enc;

    if (pen->out == NULL) {
        return false;
    }
    enc->name = name;
    fh_buf_clear(&enc->data);
    fh_buf_append(&enc->data, FH_LIT("{\"type\":\""));
    fh_buf_append(&enc->data, name);
    fh_buf_append(&enc->data, FH_LIT("\",\"sequence_number\":"));
    fh_buf_u64(&enc->data, enc->number++);
    return true;
}

void fh_responses_end_event(struct fh_responses_pen *pen)
{
    struct fh_responses_encoder *enc = pen->enc;

    fh_buf_byte(&enc->data, '}');
    fh_frame_write(pen->out, enc->answer.frame->framing, enc->name, fh_buf_slice(&enc->data));
}

void fh_responses_add_json(struct fh_responses_pen *pen, struct fh_slice json)
{
    fh_buf_append(&pen->enc->data, json);
}

void fh_responses_add_number(struct fh_responses_pen *pen, struct fh_slice member,
                             uint64_t number)
{
    fh_responses_add_json(pen, member);
    fh_buf_u64(&pen->enc->data, number);
}

static void add_escaped(struct fh_responses_pen *pen, struct fh_slice member,
                        struct fh_slice text)
{
    fh_responses_add_json(pen, member);
    fh_buf_byte(&pen->enc->data, '"');
    fh_responses_add_json(pen, text);
    fh_buf_byte(&pen->enc->data, '"');
}

/* begin_at starts an event about an item. */
bool fh_responses_begin_at(struct fh_responses_pen *pen, struct fh_slice name,
                           const struct fh_responses_out *item)
{
    if (!begin(pen, name)) {
        return false;
    }
    fh_responses_add_json(pen, FH_LIT(",\"item_id\":"));
    fh_json_quote(&pen->enc->data, item->id);
    fh_responses_add_number(pen, FH_LIT(",\"output_index\":"), item->index);
    return true;
}

void fh_responses_tell_response(struct fh_responses_pen *pen, struct fh_slice name, bool full)
{
    if (begin(pen, name)) {
        fh_responses_add_json(pen, FH_LIT(",\"response\":"));
        fh_responses_print_response(&pen->enc->data, &pen->enc->answer, pen->scratch, full);
        fh_responses_end_event(pen);
    }
}

void fh_responses_tell_item(struct fh_responses_pen *pen, const struct fh_responses_out *item,
                            bool full)
{
    if (begin(pen, full ? FH_LIT("response.output_item.done")
                        : FH_LIT("response.output_item.added"))) {
        fh_responses_add_number(pen, FH_LIT(",\"output_index\":"), item->index);
        fh_responses_add_json(pen, FH_LIT(",\"item\":"));
        fh_responses_print_item(&pen->enc->data, item, full);
        fh_responses_end_event(pen);
    }
}

/* How the pieces of an item are told: the types of events, and the members that they have. */
static const struct telling {
    struct fh_slice added, delta, said, done;
    struct fh_slice place;  /* which number of the item's the piece has */
    struct fh_slice member; /* the whole text in `said` */
    struct fh_slice beside; /* what else a delta and a `said` must have */
} tellings[] = {
    [FH_BLOCK_TEXT] = {FH_LIT_INIT("response.content_part.added"),
                       FH_LIT_INIT("response.output_text.delta"),
                       FH_LIT_INIT("response.output_text.done"),
                       FH_LIT_INIT("response.content_part.done"),
                       FH_LIT_INIT(",\"content_index\":"), FH_LIT_INIT(",\"text\":"),
                       FH_LIT_INIT(",\"logprobs\":[]")},
    [FH_BLOCK_REFUSAL] = {FH_LIT_INIT("response.content_part.added"),
                          FH_LIT_INIT("response.refusal.delta"),
                          FH_LIT_INIT("response.refusal.done"),
                          FH_LIT_INIT("response.content_part.done"),
                          FH_LIT_INIT(",\"content_index\":"), FH_LIT_INIT(",\"refusal\":"),
                          FH_LIT_INIT("")},
    [FH_BLOCK_THINKING] = {FH_LIT_INIT("response.reasoning_summary_part.added"),
                           FH_LIT_INIT("response.reasoning_summary_text.delta"),
                           FH_LIT_INIT("response.reasoning_summary_text.done"),
                           FH_LIT_INIT("response.reasoning_summary_part.done"),
                           FH_LIT_INIT(",\"summary_index\":"), FH_LIT_INIT(",\"text\":"),
                           FH_LIT_INIT("")},
    [FH_BLOCK_TOOL_CALL] = {FH_LIT_INIT(""),
                            FH_LIT_INIT("response.function_call_arguments.delta"),
                            FH_LIT_INIT("response.function_call_arguments.done"),
                            FH_LIT_INIT(""), FH_LIT_INIT(""), FH_LIT_INIT(",\"arguments\":"),
                            FH_LIT_INIT("")},
    [FH_BLOCK_KINDS] = {.place = FH_LIT_INIT("")}, /* others, such as images, come at once */
};

static const struct telling raw_reasoning = {
    FH_LIT_INIT("response.content_part.added"),
    FH_LIT_INIT("response.reasoning_text.delta"),
    FH_LIT_INIT("response.reasoning_text.done"),
    FH_LIT_INIT("response.content_part.done"),
    FH_LIT_INIT(",\"content_index\":"),
    FH_LIT_INIT(",\"text\":"),
    FH_LIT_INIT(""),
};

static const struct telling *telling_of(const struct fh_responses_piece *piece)
{
    return piece->raw ? &raw_reasoning : &tellings[piece->kind];
}

static void add_place(struct fh_responses_pen *pen, const struct fh_responses_out *item,
                      const struct telling *how)
{
    if (how->place.len > 0) {
        fh_responses_add_number(pen, how->place, item->last->place);
    }
}

void fh_responses_tell_piece(struct fh_responses_pen *pen, const struct fh_responses_out *item,
                             bool full)
{
    const struct telling *how = telling_of(item->last);

    if (how->added.len > 0 && fh_responses_begin_at(pen, full ? how->done : how->added, item)) {
        add_place(pen, item, how);
        fh_responses_add_json(pen, FH_LIT(",\"part\":"));
        fh_responses_print_piece(&pen->enc->data, item->last, full);
        fh_responses_end_event(pen);
    }
}

void fh_responses_tell_delta(struct fh_responses_pen *pen, const struct fh_responses_out *item,
                             struct fh_slice escaped)
{
    const struct telling *how = telling_of(item->last);

    if (how->delta.len > 0 && fh_responses_begin_at(pen, how->delta, item)) {
        add_place(pen, item, how);
        add_escaped(pen, FH_LIT(",\"delta\":"), escaped);
        fh_responses_add_json(pen, how->beside);
        fh_responses_end_event(pen);
    }
}

void fh_responses_tell_said(struct fh_responses_pen *pen, const struct fh_responses_out *item)
{
    const struct telling *how = telling_of(item->last);

    if (how->said.len > 0 && fh_responses_begin_at(pen, how->said, item)) {
        add_place(pen, item, how);
        if (item->kind == FH_RESPONSES_ITEM_CALL) {
            fh_responses_add_json(pen, FH_LIT(",\"name\":"));
            fh_json_quote(&pen->enc->data, item->name);
        }
        add_escaped(pen, how->member, fh_buf_slice(&item->last->said));
        fh_responses_add_json(pen, how->beside);
        fh_responses_end_event(pen);
    }
}
