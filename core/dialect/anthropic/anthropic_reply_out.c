/* anthropic_reply_out.c: events become a whole message for a client, and the pieces that its stream
 * has in common with it. What we cannot say, of another dialect's answer, does not get here.
 * SPDX-License-Identifier: Apache-2.0 */
#include "dialect/anthropic/anthropic.h"

struct fh_writer fh_anthropic_writer(struct fh_arena *scratch, struct fh_loss *loss)
{
    return (struct fh_writer){
        .doc = fh_json_new(scratch), .scratch = scratch, .loss = loss, .ours = true};
}

struct fh_slice fh_anthropic_sealed(struct fh_arena *arena, enum fh_signer signer,
                                    struct fh_slice text)
{
    struct fh_buf out = fh_buf_in_arena(arena, SIZE_MAX / 4);

    if (signer == FH_SIGNER_CLAUDE) {
        return text;
    }
    fh_seal_write(&out, FH_SIGNER_CLAUDE, signer, text);
    return fh_buf_slice(&out);
}

yyjson_mut_val *fh_anthropic_new_block(struct fh_writer *w, const struct fh_event *start)
{
    yyjson_mut_val *obj = yyjson_mut_obj(w->doc);

    FH_ASSERT(obj != NULL);
    switch (start->block) {
    case FH_BLOCK_TEXT:
    case FH_BLOCK_REFUSAL: /* the client learns by stop_reason that it is one */
        fh_write_word(w, obj, "type", "text");
        break;
    case FH_BLOCK_THINKING:
        fh_write_word(w, obj, "type", "thinking");
        break;
    case FH_BLOCK_REDACTED:
        fh_write_word(w, obj, "type", "redacted_thinking");
        fh_write_text(w, obj, "data",
                      fh_anthropic_sealed(w->scratch, start->signer, start->text));
        break;
    case FH_BLOCK_TOOL_CALL:
        fh_write_word(w, obj, "type", "tool_use");
        fh_write_text(w, obj, "id", start->id);
        fh_write_text(w, obj, "name", start->name);
        break;
    case FH_BLOCK_OPAQUE:
        return start->raw == NULL ? NULL : yyjson_val_mut_copy(w->doc, start->raw);
    case FH_BLOCK_IMAGE:
    case FH_BLOCK_DOCUMENT:
    case FH_BLOCK_AUDIO:
    case FH_BLOCK_VIDEO:
    case FH_BLOCK_KINDS:
    case FH_BLOCK_TOOL_RESULT:
        return NULL;
    }
    /* what stands at the top of a stream's event is not the block's */
    fh_write_extras(w, &start->extras, "/content/#", obj);
    fh_write_extras(w, &start->extras, "/content_block", obj);
    fh_write_extras(w, &start->extras, "/message/content/#", obj);
    return obj;
}

yyjson_mut_val *fh_anthropic_new_message(struct fh_writer *w,
                                         const struct fh_reply_frame *frame,
                                         const struct fh_event *start,
                                         const struct fh_usage *usage, yyjson_mut_val **content)
{
    yyjson_mut_val *message = yyjson_mut_obj(w->doc);
    struct fh_slice made[] = {FH_LIT("msg_"), frame->request_id};

    fh_write_text(w, message, "id",
                  start->id.len > 0 ? start->id : fh_concat(w->scratch, made, FH_LEN(made)));
    fh_write_word(w, message, "type", "message");
    fh_write_word(w, message, "role", "assistant");
    fh_write_text(w, message, "model", start->model.len > 0 ? start->model : frame->model);
    *content = yyjson_mut_obj_add_arr(w->doc, message, "content");
    yyjson_mut_val *counts = yyjson_mut_obj_add_obj(w->doc, message, "usage");

    /* in a stream the message is a member of its event */
    fh_write_extras(w, &start->extras, "/message", message);
    fh_write_extras(w, &start->extras, "/usage", counts);
    fh_write_extras(w, &start->extras, "/message/usage", counts);
    fh_anthropic_fill_usage(w->doc, counts, usage, true);
    return message;
}

/* Another dialect says "stop" for what has a word of its own here, and a call that the model broke
 * so badly that it is none must not look like one that waits for its result. */
static enum fh_finish fit(const struct fh_event *finish, const struct fh_anthropic_said *said)
{
    enum fh_finish why = finish->finish;

    if (finish->dialect == FH_DIALECT_ANTHROPIC) {
        return why;
    }
    if (why == FH_FINISH_STOP) {
        return said->call ? FH_FINISH_TOOLS : said->refusal ? FH_FINISH_REFUSAL : why;
    }
    return why == FH_FINISH_MALFORMED && !said->call ? FH_FINISH_STOP : why;
}

void fh_anthropic_add_finish(struct fh_writer *w, yyjson_mut_val *obj,
                             const struct fh_event *finish,
                             const struct fh_anthropic_said *said)
{
    fh_write_text(w, obj, "stop_reason",
                  fh_anthropic_stop_reason(fit(finish, said), finish->finish_word));
    if (finish->stop_sequence.ptr != NULL) {
        fh_write_text(w, obj, "stop_sequence", finish->stop_sequence);
    } else {
        (void)yyjson_mut_obj_add_null(w->doc, obj, "stop_sequence");
    }
}

/* A block while its fragments are gathered. */
struct gathered {
    struct fh_buf text, signature, arguments;
    yyjson_mut_val *citations; /* NULL: none */
};

static void gather_citation(struct gathered *g, struct fh_writer *w,
                            const struct fh_extra *citation)
{
    if (citation != NULL) {
        g->citations = g->citations == NULL ? yyjson_mut_arr(w->doc) : g->citations;
        (void)yyjson_mut_arr_append(g->citations, yyjson_val_mut_copy(w->doc, citation->value));
    }
}

static void gather(struct gathered *g, struct fh_writer *w, const struct fh_event *event)
{
    switch ((int)event->kind) {
    case FH_EVENT_TEXT:
    case FH_EVENT_THINKING:
    case FH_EVENT_REFUSAL:
        fh_buf_append(&g->text, event->text);
        break;
    case FH_EVENT_SIGNATURE:
        fh_seal_write(&g->signature, FH_SIGNER_CLAUDE, event->signer, event->text);
        break;
    case FH_EVENT_ARGUMENTS:
        fh_buf_append(&g->arguments, event->text);
        break;
    case FH_EVENT_CITATIONS:
        gather_citation(g, w, event->extras.first);
        break;
    case FH_EVENT_EXTRA: /* a fragment of a server tool's input */
        fh_buf_append(&g->arguments,
                      fh_json_text(fh_json_get(event->raw, FH_LIT("partial_json"))));
        break;
    default:
        break;
    }
}

/* add_input: a client's SDK hands `input` to a function as it is, so it must be an object. What
 * a model broke is wrapped in the way Anthropic's own documentation has it, and reported: the
 * client's check of the arguments fails, where {} might pass. */
static void add_input(struct fh_writer *w, yyjson_mut_val *obj, struct fh_slice text)
{
    if (!fh_write_json(w, obj, "input", text)) {
        fh_write_text(w, yyjson_mut_obj_add_obj(w->doc, obj, "input"), "INVALID_JSON", text);
        fh_loss_add(w->loss, FH_LIT("/content/input"),
                    "the model's arguments are no JSON object");
    }
}

static void finish_block(struct gathered *g, struct fh_writer *w, yyjson_mut_val *obj,
                         enum fh_block_kind kind)
{
    switch ((int)kind) {
    case FH_BLOCK_TEXT:
    case FH_BLOCK_REFUSAL:
        fh_write_text(w, obj, "text", fh_buf_slice(&g->text));
        if (g->citations != NULL) {
            (void)yyjson_mut_obj_add_val(w->doc, obj, "citations", g->citations);
        }
        break;
    case FH_BLOCK_THINKING:
        fh_write_text(w, obj, "thinking", fh_buf_slice(&g->text));
        fh_write_text(w, obj, "signature", fh_buf_slice(&g->signature));
        break;
    case FH_BLOCK_TOOL_CALL:
        add_input(w, obj, fh_buf_slice(&g->arguments));
        if (g->signature.len > 0) {
            fh_write_text(w, obj, "signature", fh_buf_slice(&g->signature));
        }
        break;
    case FH_BLOCK_OPAQUE:
        if (g->arguments.len > 0) {
            (void)yyjson_mut_obj_remove_key(obj, "input");
            add_input(w, obj, fh_buf_slice(&g->arguments));
        }
        break;
    default:
        break;
    }
}

/* add_block writes the block that starts at event `at`; its fragments are found by its index. */
static void add_block(struct fh_writer *w, yyjson_mut_val *content,
                      const struct fh_events *events, size_t at)
{
    const struct fh_event *start = &events->list[at];
    yyjson_mut_val *obj = fh_anthropic_new_block(w, start);
    struct gathered g = {
        .text = fh_buf_in_arena(w->scratch, SIZE_MAX / 4),
        .signature = fh_buf_in_arena(w->scratch, SIZE_MAX / 4),
        .arguments = fh_buf_in_arena(w->scratch, SIZE_MAX / 4),
    };

    if (obj == NULL) {
        return;
    }
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
    finish_block(&g, w, obj, start->block);
    (void)yyjson_mut_arr_append(content, obj);
}

void fh_anthropic_encode_reply(struct fh_buf *out, struct fh_arena *scratch,
                               const struct fh_reply_frame *frame,
                               const struct fh_events *events, struct fh_loss *loss)
{
    static const struct fh_event silent = {.kind = FH_EVENT_START};
    struct fh_writer w = fh_anthropic_writer(scratch, loss);
    const struct fh_event *start = &silent;
    const struct fh_event *finish = NULL;
    yyjson_mut_val *content = NULL;
    struct fh_anthropic_said said = {0};
    struct fh_usage usage = {0};

    for (size_t i = 0; i < events->count; i++) {
        const struct fh_event *event = &events->list[i];

        if (event->kind == FH_EVENT_ERROR) {
            fh_anthropic_encode_fault(out, scratch, frame->request_id, &event->fault,
                                      FH_FRAMING_NONE);
            return;
        }
        start = event->kind == FH_EVENT_START ? event : start;
        finish = event->kind == FH_EVENT_FINISH && event->choice == 0 ? event : finish;
        if (event->kind == FH_EVENT_USAGE) {
            fh_usage_merge(&usage, &event->usage);
        }
    }
    yyjson_mut_val *message = fh_anthropic_new_message(&w, frame, start, &usage, &content);

    fh_write_extras(&w, &start->extras, "", message);
    for (size_t i = 0; i < events->count; i++) {
        const struct fh_event *event = &events->list[i];

        if (event->kind == FH_EVENT_BLOCK_START && event->choice == 0) {
            said.call = said.call || event->block == FH_BLOCK_TOOL_CALL;
            said.refusal = said.refusal || event->block == FH_BLOCK_REFUSAL;
            add_block(&w, content, events, i);
        }
    }
    if (finish != NULL) {
        fh_anthropic_add_finish(&w, message, finish, &said);
        fh_extras_write(&finish->extras, w.doc, message);
    }
    fh_json_append(out, scratch, message);
}
