/* bedrock_reply_out.c: events become a client's whole answer.
 * SPDX-License-Identifier: Apache-2.0 */
#include "dialect/bedrock/bedrock.h"

/* What was said in one block. */
struct gathered {
    struct fh_buf text, signature, arguments;
    enum fh_signer signer;
    yyjson_mut_val *citations;
};

static bool ours(const struct fh_event *event)
{
    return event->dialect == FH_DIALECT_BEDROCK;
}

static void gather(struct gathered *g, struct fh_writer *w, const struct fh_event *event)
{
    const struct fh_extra *extra = event->extras.first;

    switch (event->kind) {
    case FH_EVENT_TEXT:
    case FH_EVENT_THINKING:
    case FH_EVENT_REFUSAL:
    case FH_EVENT_DATA:
        fh_buf_append(&g->text, event->text);
        break;
    case FH_EVENT_SIGNATURE:
        fh_buf_append(&g->signature, event->text);
        g->signer = event->signer;
        break;
    case FH_EVENT_ARGUMENTS:
        fh_buf_append(&g->arguments, event->text);
        break;
    case FH_EVENT_CITATIONS:
        if (ours(event) && extra != NULL) {
            g->citations = g->citations == NULL ? yyjson_mut_arr(w->doc) : g->citations;
            (void)yyjson_mut_arr_append(g->citations,
                                        yyjson_val_mut_copy(w->doc, extra->value));
        }
        break;
    case FH_EVENT_EXTRA:
    case FH_EVENT_START:
    case FH_EVENT_BLOCK_START:
    case FH_EVENT_BLOCK_STOP:
    case FH_EVENT_FINISH:
    case FH_EVENT_USAGE:
    case FH_EVENT_ERROR:
    case FH_EVENT_PING:
    case FH_EVENT_END:
        break;
    }
}

/* write_thought: a signature goes sealed where the client's other models could not read it. */
static void write_thought(struct fh_writer *w, yyjson_mut_val *element,
                          const struct gathered *g, struct fh_slice text)
{
    yyjson_mut_val *outer = yyjson_mut_obj_add_obj(w->doc, element, "reasoningContent");
    yyjson_mut_val *thought = yyjson_mut_obj_add_obj(w->doc, outer, "reasoningText");

    fh_write_text(w, thought, "text", text);
    if (g->signature.len > 0) {
        fh_write_text(w, thought, "signature",
                      fh_bedrock_sealed(w->scratch, g->signer, fh_buf_slice(&g->signature)));
    }
}

/* write_input: a client's SDK hands `input` to a function as it is, so it must be an object. What a
 * model broke is wrapped, and reported: the client's check of the arguments fails, where {} might
 * pass. */
static void write_input(struct fh_writer *w, yyjson_mut_val *call, struct fh_slice text,
                        uint32_t index)
{
    struct fh_path path[] = {{.key = FH_LIT("output")},
                             {.up = &path[0], .key = FH_LIT("message")},
                             {.up = &path[1], .key = FH_LIT("content")},
                             {.up = &path[2], .index = index},
                             {.up = &path[3], .key = FH_LIT("toolUse")}};

    if (!fh_write_json(w, call, "input", text)) {
        fh_write_text(w, fh_write_in(w, call, "input"), "INVALID_JSON", text);
        fh_loss_add(w->loss, fh_path_print(&path[4], FH_LIT("input"), w->scratch),
                    "the model's arguments are no JSON object");
    }
}

static void write_call(struct fh_writer *w, yyjson_mut_val *content, yyjson_mut_val *element,
                       const struct fh_event *start, const struct gathered *g)
{
    yyjson_mut_val *call = yyjson_mut_obj_add_obj(w->doc, element, "toolUse");

    fh_write_text(w, call, "toolUseId", start->id);
    fh_write_text(w, call, "name", start->name);
    write_input(w, call, fh_buf_slice(&g->arguments), start->index);
    fh_write_extras(w, &start->extras, "/output/message/content/#/toolUse", call);
    fh_write_extras(w, &start->extras, "/start/toolUse", call);
    if (g->signature.len > 0) { /* no place for one: it stands in a thought behind the call */
        write_thought(w, yyjson_mut_arr_add_obj(w->doc, content), g, FH_LIT(""));
    }
}

static void write_text(struct fh_writer *w, yyjson_mut_val *element, const struct gathered *g)
{
    if (g->citations == NULL) {
        fh_write_text(w, element, "text", fh_buf_slice(&g->text));
        return;
    }
    yyjson_mut_val *cited = yyjson_mut_obj_add_obj(w->doc, element, "citationsContent");
    yyjson_mut_val *list = yyjson_mut_obj_add_arr(w->doc, cited, "content");

    fh_write_text(w, yyjson_mut_arr_add_obj(w->doc, list), "text", fh_buf_slice(&g->text));
    (void)yyjson_mut_obj_add_val(w->doc, cited, "citations", g->citations);
}

static void write_image(struct fh_writer *w, yyjson_mut_val *element,
                        const struct fh_event *start, const struct gathered *g)
{
    struct fh_slice format = fh_bedrock_format(FH_BLOCK_IMAGE, start->media_type);
    yyjson_mut_val *image = yyjson_mut_obj_add_obj(w->doc, element, "image");

    fh_write_text(w, image, "format", format.len > 0 ? format : FH_LIT("png"));
    fh_write_text(w, yyjson_mut_obj_add_obj(w->doc, image, "source"), "bytes",
                  fh_buf_slice(&g->text));
    fh_write_extras(w, &start->extras, "/output/message/content/#/image", image);
}

/* write_whole writes an opaque element, or generated text with citations, as it came. */
static bool write_whole(struct fh_writer *w, yyjson_mut_val *content,
                        const struct fh_event *start)
{
    yyjson_mut_val *element = NULL;

    if (start->block == FH_BLOCK_OPAQUE && w->ours && start->raw != NULL) {
        (void)yyjson_mut_arr_append(content, yyjson_val_mut_copy(w->doc, start->raw));
        return true;
    }
    for (const struct fh_extra *x = start->extras.first; w->ours && x != NULL; x = x->next) {
        if (fh_eq(x->key, FH_LIT("citationsContent"))) {
            element = yyjson_mut_arr_add_obj(w->doc, content);
            fh_write_extras(w, &start->extras, "/output/message/content/#", element);
            return true;
        }
    }
    return start->block == FH_BLOCK_OPAQUE;
}

/* write_beside puts back what stood beside and inside an element's one member. */
static void write_beside(struct fh_writer *w, yyjson_mut_val *element,
                         const struct fh_event *start)
{
    yyjson_mut_val *reasoning = yyjson_mut_obj_get(element, "reasoningContent");

    fh_write_extras(w, &start->extras, "/output/message/content/#", element);
    if (reasoning != NULL) {
        fh_write_extras(w, &start->extras, "/output/message/content/#/reasoningContent",
                        reasoning);
        fh_write_extras(w, &start->extras,
                        "/output/message/content/#/reasoningContent/reasoningText",
                        yyjson_mut_obj_get(reasoning, "reasoningText"));
    }
}

static void write_element(struct fh_writer *w, yyjson_mut_val *content,
                          const struct fh_event *start, const struct gathered *g)
{
    if (write_whole(w, content, start)) {
        return;
    }
    yyjson_mut_val *element = yyjson_mut_arr_add_obj(w->doc, content);

    if (start->block == FH_BLOCK_TOOL_CALL) {
        write_call(w, content, element, start, g);
    } else if (start->block == FH_BLOCK_THINKING) {
        write_thought(w, element, g, fh_buf_slice(&g->text));
    } else if (start->block == FH_BLOCK_REDACTED) {
        fh_write_text(w, yyjson_mut_obj_add_obj(w->doc, element, "reasoningContent"),
                      "redactedContent",
                      fh_bedrock_redacted(w->scratch, start->signer, start->text));
    } else if (start->block == FH_BLOCK_IMAGE) {
        write_image(w, element, start, g);
    } else {
        write_text(w, element, g);
    }
    write_beside(w, element, start);
}

/* write_block writes the block that starts at event `at`; what is said in it is found by its
 * index. */
static void write_block(struct fh_writer *w, yyjson_mut_val *content,
                        const struct fh_events *events, size_t at)
{
    const struct fh_event *start = &events->list[at];
    struct gathered g = {
        .text = fh_buf_in_arena(w->scratch, SIZE_MAX / 4),
        .signature = fh_buf_in_arena(w->scratch, SIZE_MAX / 4),
        .arguments = fh_buf_in_arena(w->scratch, SIZE_MAX / 4),
    };

    for (size_t i = at + 1; i < events->count; i++) {
        const struct fh_event *event = &events->list[i];

        if (event->choice != start->choice || event->index != start->index) {
            continue;
        }
        if (event->kind == FH_EVENT_BLOCK_STOP || event->kind == FH_EVENT_BLOCK_START) {
            break;
        }
        gather(&g, w, event);
    }
    write_element(w, content, start, &g);
}

/* The events of an answer that are not about a block. */
struct about {
    const struct fh_event *start, *finish;
    struct fh_usage usage;
    struct fh_extras extras; /* of the last usage that has any */
    const struct fh_event *fault;
    bool calls;
};

static struct about find(const struct fh_events *events)
{
    struct about a = {0};

    for (size_t i = 0; i < events->count; i++) {
        const struct fh_event *event = &events->list[i];

        a.start = event->kind == FH_EVENT_START ? event : a.start;
        a.fault = event->kind == FH_EVENT_ERROR ? event : a.fault;
        a.finish = event->kind == FH_EVENT_FINISH && event->choice == 0 ? event : a.finish;
        a.calls = a.calls || (event->kind == FH_EVENT_BLOCK_START && event->choice == 0 &&
                              event->block == FH_BLOCK_TOOL_CALL);
        if (event->kind == FH_EVENT_USAGE) {
            fh_usage_merge(&a.usage, &event->usage);
            a.extras = event->extras.first != NULL ? event->extras : a.extras;
        }
    }
    return a;
}

void fh_bedrock_encode_reply(struct fh_buf *out, struct fh_arena *scratch,
                             const struct fh_reply_frame *frame, const struct fh_events *events,
                             struct fh_loss *loss)
{
    static const struct fh_event silent = {.kind = FH_EVENT_FINISH, .finish = FH_FINISH_STOP};
    struct fh_writer w = {.doc = fh_json_new(scratch),
                          .scratch = scratch,
                          .loss = loss,
                          .ours = events->dialect == FH_DIALECT_BEDROCK};
    yyjson_mut_val *root = yyjson_mut_obj(w.doc);
    struct about a = find(events);

    if (a.fault != NULL) {
        fh_bedrock_encode_fault(out, scratch, frame->request_id, &a.fault->fault,
                                FH_FRAMING_NONE);
        return;
    }
    yyjson_mut_val *output = yyjson_mut_obj_add_obj(w.doc, root, "output");
    yyjson_mut_val *message = yyjson_mut_obj_add_obj(w.doc, output, "message");
    yyjson_mut_val *content = NULL;

    fh_write_word(&w, message, "role", "assistant");
    content = yyjson_mut_obj_add_arr(w.doc, message, "content");
    for (size_t i = 0; i < events->count; i++) {
        if (events->list[i].kind == FH_EVENT_BLOCK_START && events->list[i].choice == 0) {
            write_block(&w, content, events, i);
        }
    }
    if (a.start != NULL) {
        fh_write_extras(&w, &a.start->extras, "/output", output);
        fh_write_extras(&w, &a.start->extras, "/output/message", message);
    }
    fh_bedrock_write_finish(&w, root, a.finish == NULL ? &silent : a.finish, a.calls);
    fh_bedrock_write_metadata(&w, root, &a.usage, &a.extras);
    fh_json_append(out, scratch, root);
}
