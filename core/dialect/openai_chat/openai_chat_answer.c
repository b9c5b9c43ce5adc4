/* openai_chat_answer.c: events become a whole answer for a client.
 * SPDX-License-Identifier: Apache-2.0 */
#include "openai_chat.h"

#include "chat/media.h"

struct call {
    struct call *next;
    uint32_t block;
    yyjson_mut_val *obj, *function;
    struct fh_buf arguments;
};

/* An image, or the sound of an answer. */
struct medium {
    struct medium *next;
    uint32_t block;
    struct fh_slice media_type;
    struct fh_buf data;
};

/* A choice while its pieces are gathered. */
struct spoken {
    struct spoken *next;
    uint32_t index;
    yyjson_mut_val *choice, *message; /* members that only this dialect knows */
    yyjson_mut_val *calls;
    struct fh_buf text, thinking, refusal;
    const char *thinking_key;
    struct fh_openai_chat_thoughts thoughts;
    struct medium *images, *sound; /* images: the newest first */
    struct call *first_call;
    const struct fh_event *finish;
};

struct scribe {
    struct fh_writer w;
    const struct fh_openai_chat_flavour *flavour;
    enum fh_dialect_id ours;
    struct spoken *first, *last;
    const struct fh_event *start, *usage_event;
    struct fh_usage usage;
    yyjson_mut_val *root;
};

static struct spoken *spoken_of(struct scribe *s, uint32_t index)
{
    struct spoken *spoken = s->first;

    while (spoken != NULL && spoken->index != index) {
        spoken = spoken->next;
    }
    if (spoken != NULL) {
        return spoken;
    }
    spoken = fh_new(s->w.scratch, struct spoken);
    spoken->index = index;
    spoken->choice = yyjson_mut_obj(s->w.doc);
    spoken->message = yyjson_mut_obj(s->w.doc);
    spoken->calls = yyjson_mut_arr(s->w.doc);
    spoken->text = fh_buf_in_arena(s->w.scratch, SIZE_MAX / 2);
    spoken->thinking = spoken->text;
    spoken->refusal = spoken->text;
    spoken->thinking_key = "reasoning_content";
    if (s->last == NULL) {
        s->first = spoken;
    } else {
        s->last->next = spoken;
    }
    s->last = spoken;
    return spoken;
}

static void begin_call(struct scribe *s, struct spoken *spoken, const struct fh_event *event)
{
    struct call *call = fh_new(s->w.scratch, struct call);

    call->next = spoken->first_call;
    spoken->first_call = call;
    call->block = event->index;
    call->arguments = fh_buf_in_arena(s->w.scratch, SIZE_MAX / 2);
    call->obj = yyjson_mut_arr_add_obj(s->w.doc, spoken->calls);
    fh_write_text(&s->w, call->obj, "id", event->id);
    fh_write_word(&s->w, call->obj, "type", "function");
    call->function = fh_write_in(&s->w, call->obj, "function");
    fh_write_text(&s->w, call->function, "name", event->name);
}

static struct medium *begin_medium(struct scribe *s, struct medium *next,
                                   const struct fh_event *event)
{
    struct medium *medium = fh_new(s->w.scratch, struct medium);

    *medium = (struct medium){.next = next,
                              .block = event->index,
                              .media_type = event->media_type,
                              .data = fh_buf_in_arena(s->w.scratch, SIZE_MAX / 2)};
    return medium;
}

static void begin_block(struct scribe *s, struct spoken *spoken, const struct fh_event *event)
{
    if (event->block == FH_BLOCK_OPAQUE && event->dialect == s->ours) { /* a custom call */
        (void)yyjson_mut_arr_append(spoken->calls, yyjson_val_mut_copy(s->w.doc, event->raw));
    } else if (event->block == FH_BLOCK_TOOL_CALL) {
        begin_call(s, spoken, event);
    } else if (event->block == FH_BLOCK_REDACTED || event->block == FH_BLOCK_THINKING) {
        fh_openai_chat_note_thought(&spoken->thoughts, s->w.scratch, event);
    } else if (event->block == FH_BLOCK_IMAGE) {
        spoken->images = begin_medium(s, spoken->images, event);
    } else if (event->block == FH_BLOCK_AUDIO) {
        spoken->sound = begin_medium(s, spoken->sound, event);
    }
}

static struct call *call_of(const struct spoken *spoken, uint32_t block)
{
    struct call *call = spoken->first_call;

    while (call != NULL && call->block != block) {
        call = call->next;
    }
    return call;
}

static void add_data(struct spoken *spoken, const struct fh_event *event)
{
    struct medium *medium = event->block == FH_BLOCK_IMAGE ? spoken->images : spoken->sound;

    while (medium != NULL && medium->block != event->index) {
        medium = medium->next;
    }
    if (medium != NULL) {
        fh_buf_append(&medium->data, event->text);
    }
}

static void add_thinking(struct scribe *s, struct spoken *spoken, const struct fh_event *event)
{
    fh_buf_append(&spoken->thinking, event->text);
    if (event->dialect == s->ours && fh_eq(event->name, FH_LIT("reasoning"))) {
        spoken->thinking_key = "reasoning";
    }
    fh_openai_chat_note_thought(&spoken->thoughts, s->w.scratch, event);
}

static void add_signature(struct scribe *s, struct spoken *spoken, const struct fh_event *event)
{
    struct call *call = call_of(spoken, event->index);
    struct fh_buf text = fh_buf_in_arena(s->w.scratch, SIZE_MAX / 2);

    if (event->block == FH_BLOCK_THINKING) {
        fh_openai_chat_note_thought(&spoken->thoughts, s->w.scratch, event);
    } else if (call != NULL) {
        fh_openai_chat_print_call_signature(&text, event);
        fh_json_add_raw(s->w.doc, call->obj, "extra_content", fh_buf_slice(&text));
    }
}

/* put_extras puts what a choice's event brought along back to where it stood. */
static void put_extras(struct scribe *s, struct spoken *spoken, const struct fh_event *event)
{
    const struct fh_extras *list = &event->extras;
    struct call *call = call_of(spoken, event->index);

    if (list->first == NULL || event->dialect != s->ours) {
        return;
    }
    fh_write_extras(&s->w, list, "", s->root);
    fh_write_extras(&s->w, list, "/choices/#", spoken->choice);
    fh_write_extras(&s->w, list, "/choices/#/message", spoken->message);
    fh_write_extras(&s->w, list, "/choices/#/delta", spoken->message);
    if (call != NULL) {
        fh_write_extras(&s->w, list, "/choices/#/message/tool_calls/#", call->obj);
        fh_write_extras(&s->w, list, "/choices/#/message/tool_calls/#/function",
                        call->function);
    }
}

static void write_down(struct scribe *s, struct spoken *spoken, const struct fh_event *event)
{
    struct call *call = NULL;

    switch (event->kind) {
    case FH_EVENT_BLOCK_START:
        begin_block(s, spoken, event);
        break;
    case FH_EVENT_TEXT:
        fh_buf_append(&spoken->text, event->text);
        break;
    case FH_EVENT_THINKING:
        add_thinking(s, spoken, event);
        break;
    case FH_EVENT_SIGNATURE:
        add_signature(s, spoken, event);
        break;
    case FH_EVENT_REFUSAL:
        fh_buf_append(s->flavour->bare ? &spoken->text : &spoken->refusal, event->text);
        break;
    case FH_EVENT_DATA:
        add_data(spoken, event);
        break;
    case FH_EVENT_ARGUMENTS:
        call = call_of(spoken, event->index);
        if (call != NULL) {
            fh_buf_append(&call->arguments, event->text);
        }
        break;
    case FH_EVENT_FINISH:
        spoken->finish = event;
        break;
    case FH_EVENT_CITATIONS:
    case FH_EVENT_EXTRA:
    case FH_EVENT_BLOCK_STOP:
    case FH_EVENT_START:
    case FH_EVENT_USAGE:
    case FH_EVENT_ERROR:
    case FH_EVENT_PING:
    case FH_EVENT_END:
        break;
    }
}

/* add_or_take adds what an extra says about `key`, else `ours`. */
static void add_or_take(struct scribe *s, yyjson_mut_val *obj, yyjson_mut_val *extras,
                        const char *key, yyjson_mut_val *ours)
{
    yyjson_mut_val *theirs = yyjson_mut_obj_remove_key(extras, key);

    (void)yyjson_mut_obj_add_val(s->w.doc, obj, key, theirs != NULL ? theirs : ours);
}

/* take_rest moves what is left of the extras. */
static void take_rest(yyjson_mut_val *obj, yyjson_mut_val *extras)
{
    while (yyjson_mut_obj_size(extras) > 0) {
        yyjson_mut_obj_iter iter = yyjson_mut_obj_iter_with(extras);
        yyjson_mut_val *key = yyjson_mut_obj_iter_next(&iter);
        yyjson_mut_val *val = yyjson_mut_obj_iter_remove(&iter);

        (void)yyjson_mut_obj_add(obj, key, val);
    }
}

/* text_or_null: nothing said is null. */
static yyjson_mut_val *text_or_null(struct scribe *s, const struct fh_buf *text)
{
    return text->len == 0 ? yyjson_mut_null(s->w.doc)
                          : yyjson_mut_strn(s->w.doc, (const char *)text->ptr, text->len);
}

/* content_of is what was said; a list where thinking is a part of it. */
static yyjson_mut_val *content_of(struct scribe *s, const struct spoken *spoken)
{
    struct fh_buf chunks = fh_buf_in_arena(s->w.scratch, SIZE_MAX / 2);

    if (!s->flavour->thinks_in_content || spoken->thoughts.first == NULL) {
        return text_or_null(s, &spoken->text);
    }
    fh_buf_byte(&chunks, '[');
    fh_openai_chat_print_chunks(&chunks, &spoken->thoughts);
    if (spoken->text.len > 0) {
        fh_buf_append(&chunks, FH_LIT(",{\"type\":\"text\",\"text\":"));
        fh_json_quote(&chunks, fh_buf_slice(&spoken->text));
        fh_buf_byte(&chunks, '}');
    }
    fh_buf_byte(&chunks, ']');
    return yyjson_mut_rawn(s->w.doc, (const char *)chunks.ptr, chunks.len);
}

/* Once and as a whole: that is how images reach a client of OpenRouter. */
static void write_images(struct scribe *s, const struct spoken *spoken, yyjson_mut_val *message)
{
    yyjson_mut_val *images = yyjson_mut_arr(s->w.doc);
    uint64_t count = 0;

    for (const struct medium *m = spoken->images; m != NULL; m = m->next) {
        count++;
    }
    for (const struct medium *m = spoken->images; m != NULL; m = m->next) {
        yyjson_mut_val *image = yyjson_mut_obj(s->w.doc);

        (void)yyjson_mut_arr_prepend(images, image);
        fh_write_word(&s->w, image, "type", "image_url");
        fh_write_text(&s->w, fh_write_in(&s->w, image, "image_url"), "url",
                      fh_data_url(s->w.scratch, m->media_type, fh_buf_slice(&m->data)));
        (void)yyjson_mut_obj_add_uint(s->w.doc, image, "index", --count);
    }
    if (spoken->images != NULL) {
        (void)yyjson_mut_obj_add_val(s->w.doc, message, "images", images);
    }
}

static void write_sound(struct scribe *s, const struct spoken *spoken, yyjson_mut_val *message,
                        const struct fh_reply_frame *frame)
{
    struct fh_slice id[] = {FH_LIT("audio_"), frame->request_id};

    if (spoken->sound != NULL) {
        yyjson_mut_val *audio = fh_write_in(&s->w, message, "audio");

        fh_write_text(&s->w, audio, "id", fh_concat(s->w.scratch, id, FH_LEN(id)));
        fh_write_text(&s->w, audio, "data", fh_buf_slice(&spoken->sound->data));
        fh_write_word(&s->w, audio, "transcript", "");
        /* nobody keeps it: it cannot be referred to afterwards */
        (void)yyjson_mut_obj_add_uint(s->w.doc, audio, "expires_at", frame->created_s);
    }
}

/* write_details shows the clients what they have to send back with the next request. */
static void write_details(struct scribe *s, const struct spoken *spoken,
                          yyjson_mut_val *message)
{
    struct fh_buf text = fh_buf_in_arena(s->w.scratch, SIZE_MAX / 2);

    if (spoken->thoughts.failed) {
        fh_loss_add(s->w.loss, FH_LIT("/choices/#/message/reasoning_details"),
                    "too much was thought to hold its signatures");
    } else if (spoken->thoughts.sign && !s->flavour->thinks_in_content) {
        fh_openai_chat_print_thoughts(&text, &spoken->thoughts);
        fh_json_add_raw(s->w.doc, message, "reasoning_details", fh_buf_slice(&text));
    }
}

static yyjson_mut_val *write_message(struct scribe *s, struct spoken *spoken,
                                     const struct fh_reply_frame *frame)
{
    yyjson_mut_val *message = yyjson_mut_obj(s->w.doc);
    yyjson_mut_val *extras = spoken->message;

    add_or_take(s, message, extras, "role", yyjson_mut_str(s->w.doc, "assistant"));
    add_or_take(s, message, extras, "content", content_of(s, spoken));
    if (!s->flavour->bare) {
        add_or_take(s, message, extras, "refusal", text_or_null(s, &spoken->refusal));
    }
    if (spoken->thinking.len > 0 && !s->flavour->thinks_in_content) {
        fh_write_text(&s->w, message, spoken->thinking_key, fh_buf_slice(&spoken->thinking));
    }
    write_details(s, spoken, message);
    write_images(s, spoken, message);
    write_sound(s, spoken, message, frame);
    for (struct call *call = spoken->first_call; call != NULL; call = call->next) {
        if (yyjson_mut_obj_get(call->function, "arguments") == NULL) {
            fh_write_text(&s->w, call->function, "arguments", fh_buf_slice(&call->arguments));
        }
    }
    if (yyjson_mut_arr_size(spoken->calls) > 0) {
        (void)yyjson_mut_obj_add_val(s->w.doc, message, "tool_calls", spoken->calls);
    }
    take_rest(message, extras);
    return message;
}

static void write_choice(struct scribe *s, struct spoken *spoken, yyjson_mut_val *choices,
                         const struct fh_reply_frame *frame)
{
    yyjson_mut_val *choice = yyjson_mut_arr_add_obj(s->w.doc, choices);
    struct fh_slice word = spoken->finish == NULL
                               ? FH_NONE
                               : fh_openai_chat_finish_word(s->flavour, spoken->finish);

    (void)yyjson_mut_obj_add_uint(s->w.doc, choice, "index", spoken->index);
    (void)yyjson_mut_obj_add_val(s->w.doc, choice, "message", write_message(s, spoken, frame));
    if (!s->flavour->bare) {
        add_or_take(s, choice, spoken->choice, "logprobs", yyjson_mut_null(s->w.doc));
    }
    if (word.len > 0) {
        fh_write_text(&s->w, choice, "finish_reason", word);
    } else {
        (void)yyjson_mut_obj_add_null(s->w.doc, choice, "finish_reason");
    }
    take_rest(choice, spoken->choice);
}

/* write_top writes the members of the reply itself. */
static void write_top(struct scribe *s, const struct fh_reply_frame *frame)
{
    static const struct fh_event no_start = {.kind = FH_EVENT_START};
    static const struct fh_extras none = {0};
    const struct fh_event *start = s->start == NULL ? &no_start : s->start;

    fh_write_text(&s->w, s->root, "id", fh_openai_chat_reply_id(start, frame, s->w.scratch));
    if (start->dialect == s->ours) {
        fh_write_extras(&s->w, &start->extras, "", s->root);
    }
    if (yyjson_mut_obj_get(s->root, "object") == NULL) {
        fh_write_word(&s->w, s->root, "object", "chat.completion");
    }
    if (yyjson_mut_obj_get(s->root, "created") == NULL) {
        (void)yyjson_mut_obj_add_uint(s->w.doc, s->root, "created",
                                      start->created_s > 0 ? start->created_s
                                                           : frame->created_s);
    }
    if (yyjson_mut_obj_get(s->root, "model") == NULL) {
        fh_write_text(&s->w, s->root, "model",
                      start->model.len > 0 ? start->model : frame->model);
    }
    if (s->usage_event != NULL || s->flavour->always_usage) {
        bool known = s->usage_event != NULL && s->usage_event->dialect == s->ours;

        (void)yyjson_mut_obj_add_val(s->w.doc, s->root, "usage",
                                     fh_openai_chat_write_usage(&s->w, &s->usage,
                                                                known ? &s->usage_event->extras
                                                                      : &none));
    }
}

void fh_openai_chat_write_reply(const struct fh_openai_chat_flavour *flavour,
                                struct fh_buf *out, struct fh_arena *scratch,
                                const struct fh_reply_frame *frame,
                                const struct fh_events *events, struct fh_loss *loss)
{
    struct scribe s = {
        .w = {.doc = fh_json_new(scratch), .scratch = scratch, .loss = loss, .ours = true},
        .flavour = flavour,
        .ours = flavour->id};
    yyjson_mut_val *choices = yyjson_mut_arr(s.w.doc);

    s.root = yyjson_mut_obj(s.w.doc);
    for (size_t i = 0; i < events->count; i++) {
        const struct fh_event *event = &events->list[i];
        bool ours = event->dialect == s.ours;

        if (event->kind == FH_EVENT_START) {
            s.start = event;
        } else if (event->kind == FH_EVENT_USAGE) {
            fh_usage_merge(&s.usage, &event->usage);
            s.usage_event = event;
            if (ours) {
                fh_write_extras(&s.w, &event->extras, "", s.root);
            }
        } else if (event->kind != FH_EVENT_END && event->kind != FH_EVENT_PING) {
            struct spoken *spoken = spoken_of(&s, event->choice);

            if (!ours || !fh_openai_chat_is_echo(event)) {
                write_down(&s, spoken, event);
            }
            put_extras(&s, spoken, event);
        }
    }
    write_top(&s, frame);
    for (struct spoken *spoken = s.first; spoken != NULL; spoken = spoken->next) {
        write_choice(&s, spoken, choices, frame);
    }
    (void)yyjson_mut_obj_add_val(s.w.doc, s.root, "choices", choices);
    fh_json_append(out, scratch, s.root);
}
