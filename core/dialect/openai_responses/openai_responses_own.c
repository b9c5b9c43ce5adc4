/* openai_responses_own.c: what an encoder is told by a decoder of this dialect, and by no
 * other: items as they begin and end, and what only this dialect's texts have.
 * SPDX-License-Identifier: Apache-2.0 */
#include "dialect/openai_responses/openai_responses_tell.h"

/* What the pieces of an item say, by its kind; a member that they have nothing of is kept. */
static struct fh_slice members_of(struct fh_responses_pen *pen, struct fh_responses_out *item,
                                  yyjson_val *raw)
{
    static const struct fh_slice content[] = {FH_LIT_INIT("content")};
    static const struct fh_slice arguments[] = {FH_LIT_INIT("arguments")};
    struct fh_slice said[3];
    size_t count = 0;

    switch (item->kind) {
    case FH_RESPONSES_ITEM_MESSAGE:
        return fh_responses_keep(&pen->enc->answer, pen->scratch, raw, content,
                                 item->first == NULL ? 0 : 1);
    case FH_RESPONSES_ITEM_CALL:
        return fh_responses_keep(&pen->enc->answer, pen->scratch, raw, arguments, 1);
    case FH_RESPONSES_ITEM_REASONING:
        for (const struct fh_responses_piece *p = item->first; p != NULL; p = p->next) {
            struct fh_slice name = p->raw ? content[0] : FH_LIT("summary");

            if (fh_read_word(said, count, name) == count) {
                said[count++] = name;
            }
        }
        if (item->encrypted.len > 0) {
            said[count++] = FH_LIT("encrypted_content");
        }
        return fh_responses_keep(&pen->enc->answer, pen->scratch, raw, said, count);
    case FH_RESPONSES_ITEM_IMAGE:
    case FH_RESPONSES_ITEM_OTHER:
        break;
    }
    return fh_responses_keep(&pen->enc->answer, pen->scratch, raw, NULL, 0);
}

static void on_announced(struct fh_responses_pen *pen, const struct fh_event *event)
{
    static const struct {
        struct fh_slice type;
        enum fh_responses_kind kind;
    } known[] = {
        {FH_LIT_INIT("message"), FH_RESPONSES_ITEM_MESSAGE},
        {FH_LIT_INIT("function_call"), FH_RESPONSES_ITEM_CALL},
        {FH_LIT_INIT("reasoning"), FH_RESPONSES_ITEM_REASONING},
    };
    struct fh_slice type = fh_json_text(fh_json_get(event->raw, FH_LIT("type")));
    struct fh_slice id = fh_json_text(fh_json_get(event->raw, FH_LIT("id")));
    enum fh_responses_kind kind = FH_RESPONSES_ITEM_OTHER;

    for (size_t i = 0; i < FH_LEN(known); i++) {
        kind = fh_eq(known[i].type, type) ? known[i].kind : kind;
    }
    struct fh_responses_out *item = fh_responses_new_item(pen, kind);

    if (item == NULL) {
        return;
    }
    item->ordinal = event->item;
    item->id = fh_dup(pen->enc->answer.arena, id);
    item->name =
        fh_dup(pen->enc->answer.arena, fh_json_text(fh_json_get(event->raw, FH_LIT("name"))));
    item->members = members_of(pen, item, event->raw);
    fh_responses_tell_item(pen, item, false);
}

struct fh_responses_out *fh_responses_find_announced(struct fh_responses_pen *pen,
                                                     uint32_t ordinal)
{
    struct fh_responses_out *item = pen->enc->answer.first;

    while (item != NULL && (item->done || item->ordinal != ordinal)) {
        item = item->next;
    }
    return item;
}

static void on_completed(struct fh_responses_pen *pen, const struct fh_event *event)
{
    struct fh_responses_out *item = fh_responses_find_announced(pen, event->item);

    if (item != NULL) {
        item->members = members_of(pen, item, event->raw);
        fh_responses_end_item(pen, item);
    }
}

static void on_logprobs(struct fh_responses_pen *pen, struct fh_responses_out *item,
                        yyjson_val *list)
{
    yyjson_arr_iter iter = yyjson_arr_iter_with(list);

    for (yyjson_val *one = NULL; (one = yyjson_arr_iter_next(&iter)) != NULL;) {
        if (!fh_responses_add_value(&pen->enc->answer, pen->scratch, &item->last->logprobs,
                                    one)) {
            fh_responses_fail_long(pen);
            return;
        }
    }
}

/* on_extra: items as they begin and end, and log probabilities. What else is there the objects
 * say for themselves. */
void fh_responses_on_extra(struct fh_responses_pen *pen, const struct fh_event *event)
{
    const struct fh_extra *extra = event->extras.first;
    struct fh_responses_out *item = NULL;

    if (!pen->enc->answer.ours) {
        return;
    }
    if (fh_eq(event->name, FH_LIT("added"))) {
        on_announced(pen, event);
    } else if (fh_eq(event->name, FH_LIT("done"))) {
        on_completed(pen, event);
    } else if (extra != NULL && fh_eq(extra->key, FH_LIT("logprobs")) &&
               (item = fh_responses_find_open(pen, event->index)) != NULL &&
               item->last != NULL) {
        on_logprobs(pen, item, extra->value);
    }
}

void fh_responses_on_citation(struct fh_responses_pen *pen, const struct fh_event *event)
{
    struct fh_responses_out *item = fh_responses_find_open(pen, event->index);
    const struct fh_extra *extra = event->extras.first;

    if (!pen->enc->answer.ours || item == NULL || item->last == NULL || extra == NULL) {
        return;
    }
    if (!fh_responses_add_value(&pen->enc->answer, pen->scratch, &item->last->annotations,
                                extra->value)) {
        fh_responses_fail_long(pen);
        return;
    }
    if (fh_responses_begin_at(pen, FH_LIT("response.output_text.annotation.added"), item)) {
        fh_responses_add_number(pen, FH_LIT(",\"content_index\":"), item->last->place);
        fh_responses_add_number(pen, FH_LIT(",\"annotation_index\":"), item->last->cited++);
        fh_responses_add_json(pen, FH_LIT(",\"annotation\":"));
        fh_json_append_val(&pen->enc->data, pen->scratch, extra->value);
        fh_responses_end_event(pen);
    }
}
