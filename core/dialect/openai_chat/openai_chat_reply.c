/* openai_chat_reply.c: whole answers, both ways; and one element of `choices`, which chunks have,
 * too.
 * SPDX-License-Identifier: Apache-2.0 */
#include "openai_chat.h"

/* What is being read: one choice, and where its words go. */
struct listener {
    struct fh_openai_chat_choice *choice;
    struct fh_events *out;
    struct fh_complaint *why;
    uint32_t index; /* of the choice */
    bool whole;
};

static enum fh_rc wrong(struct listener *l, const struct fh_path *at, const char *right,
                        yyjson_val *got)
{
    return fh_openai_chat_wrong(l->why, l->out->arena, at, right, got);
}

/* say adds text, and answers for its being late. */
static enum fh_rc say(struct listener *l, const struct fh_path *at, enum fh_block_kind kind,
                      struct fh_slice text)
{
    enum fh_rc rc = fh_openai_chat_say(l->choice, l->out, kind, text);

    if (rc != FH_OK) {
        *l->why = (struct fh_complaint){FH_REFUSE_UPSTREAM_FAILED,
                                        FH_LIT("the provider went on after its finish_reason"),
                                        fh_path_print(at, FH_NONE, l->out->arena)};
    }
    return rc;
}

static void move(struct fh_extras *to, const struct fh_extras *from)
{
    if (to->last == NULL) {
        *to = *from;
    } else {
        to->last->next = from->first;
        to->last = from->last;
    }
}

/* attach hangs extras on the last event since `first`, or on one of their own. */
static void attach(struct listener *l, const struct fh_extras *extras, size_t first,
                   uint32_t block)
{
    if (extras->first == NULL) {
        return;
    }
    if (l->out->count == first) {
        struct fh_event *event = fh_event_push(l->out, FH_EVENT_EXTRA);

        event->choice = l->index;
        event->index = block;
    }
    move(&l->out->list[l->out->count - 1].extras, extras);
}

/* read_thought finds the words of Mistral's thinking chunk: {"thinking": [{"text": …}]}. */
static enum fh_rc read_thought(struct listener *l, const struct fh_path *at, yyjson_val *part)
{
    yyjson_arr_iter iter = yyjson_arr_iter_with(fh_json_get(part, FH_LIT("thinking")));

    for (yyjson_val *v = yyjson_arr_iter_next(&iter); v != NULL;
         v = yyjson_arr_iter_next(&iter)) {
        FH_TRY(say(l, at, FH_BLOCK_THINKING, fh_json_text(fh_json_get(v, FH_LIT("text")))));
    }
    return FH_OK;
}

static enum fh_rc read_content(struct listener *l, const struct fh_path *at, yyjson_val *value)
{
    yyjson_arr_iter iter = yyjson_arr_iter_with(value);

    if (yyjson_is_str(value)) {
        return say(l, at, FH_BLOCK_TEXT, fh_json_text(value));
    }
    if (!yyjson_is_arr(value)) {
        return wrong(l, at, "a string, a list of parts or null", value);
    }
    for (yyjson_val *v = yyjson_arr_iter_next(&iter); v != NULL;
         v = yyjson_arr_iter_next(&iter)) {
        struct fh_slice type = fh_json_text(fh_json_get(v, FH_LIT("type")));

        if (fh_eq(type, FH_LIT("text"))) {
            FH_TRY(say(l, at, FH_BLOCK_TEXT, fh_json_text(fh_json_get(v, FH_LIT("text")))));
        } else if (fh_eq(type, FH_LIT("thinking"))) {
            FH_TRY(read_thought(l, at, v));
        } else if (yyjson_is_obj(v) && !fh_openai_chat_is_custom(v)) {
            fh_openai_chat_opaque(l->choice, l->out, v);
        } else {
            return wrong(l, at, "a list of parts, each of a known shape", v);
        }
    }
    return FH_OK;
}

static enum fh_rc read_refusal(struct listener *l, const struct fh_path *at, yyjson_val *value)
{
    return yyjson_is_str(value) ? say(l, at, FH_BLOCK_REFUSAL, fh_json_text(value))
                                : wrong(l, at, "a string or null", value);
}

static enum fh_rc read_thinking(struct listener *l, const struct fh_path *at, yyjson_val *value)
{
    if (!yyjson_is_str(value)) {
        return wrong(l, at, "a string or null", value);
    }
    FH_TRY(say(l, at, FH_BLOCK_THINKING, fh_json_text(value)));
    if (yyjson_get_len(value) > 0) {
        l->out->list[l->out->count - 1].name = at->key; /* providers differ */
    }
    return FH_OK;
}

/* read_arguments takes the text, or prints what some servers send as an object. */
static enum fh_rc read_arguments(struct listener *l, const struct fh_path *at,
                                 yyjson_val *value, struct fh_slice *arguments)
{
    if (yyjson_is_obj(value)) {
        struct fh_buf text = fh_buf_in_arena(l->out->arena, SIZE_MAX / 2);

        fh_json_append_val(&text, l->out->arena, value);
        *arguments = fh_buf_slice(&text);
        return FH_OK;
    }
    *arguments = fh_json_text(value);
    return value == NULL || yyjson_is_null(value) || yyjson_is_str(value)
               ? FH_OK
               : wrong(l, at, "a string, the JSON text of the arguments", value);
}

static enum fh_rc read_call(struct listener *l, const struct fh_path *at, yyjson_val *value)
{
    static const struct fh_slice of_call[] = {FH_LIT_INIT("id"), FH_LIT_INIT("type"),
                                              FH_LIT_INIT("function"), FH_LIT_INIT("index")};
    static const struct fh_slice of_function[] = {FH_LIT_INIT("name"),
                                                  FH_LIT_INIT("arguments")};
    const struct fh_openai_chat_names call = {of_call, l->whole ? 3 : 4};
    static const struct fh_openai_chat_names inner = {of_function, FH_LEN(of_function)};
    yyjson_val *function = fh_json_get(value, FH_LIT("function"));
    yyjson_val *index = fh_json_get(value, FH_LIT("index"));
    struct fh_path function_at = {.up = at, .key = of_call[2]};
    struct fh_path arguments_at = {.up = &function_at, .key = of_function[1]};
    struct fh_openai_chat_fragment fragment = {
        .has_index = l->whole || yyjson_is_raw(index),
        .index = at->index,
        .id = fh_json_text(fh_json_get(value, of_call[0])),
        .name = fh_json_text(fh_json_get(function, of_function[0])),
    };
    struct fh_extras extras = {0};
    size_t first = l->out->count;
    const char *what = NULL;

    if (!yyjson_is_obj(value)) {
        return wrong(l, at, "an object", value);
    }
    if (fh_openai_chat_is_custom(value)) {
        fh_openai_chat_opaque(l->choice, l->out, value);
        return FH_OK;
    }
    if (!l->whole && yyjson_is_raw(index) && !fh_json_u64(index, &fragment.index)) {
        fragment.index = UINT64_MAX;
    }
    FH_TRY(read_arguments(l, &arguments_at, fh_json_get(function, of_function[1]),
                          &fragment.arguments));
    enum fh_rc rc = fh_openai_chat_call(l->choice, l->out, &fragment, &what);

    if (rc != FH_OK) {
        struct fh_slice parts[] = {FH_LIT("the provider sent "), fh_cstr(what)};

        *l->why = (struct fh_complaint){FH_REFUSE_UPSTREAM_FAILED,
                                        fh_concat(l->out->arena, parts, FH_LEN(parts)),
                                        fh_path_print(at, FH_NONE, l->out->arena)};
        return rc;
    }
    fh_openai_chat_keep(&extras, l->out->arena, at, value, &call, l->whole);
    fh_openai_chat_keep(&extras, l->out->arena, &function_at, function, &inner, l->whole);
    attach(l, &extras, first, fragment.block);
    return FH_OK;
}

static enum fh_rc read_calls(struct listener *l, const struct fh_path *at, yyjson_val *value)
{
    yyjson_arr_iter iter = yyjson_arr_iter_with(value);
    struct fh_path item = {.up = at};

    if (!yyjson_is_arr(value)) {
        return wrong(l, at, "a list of tool calls or null", value);
    }
    for (yyjson_val *v = yyjson_arr_iter_next(&iter); v != NULL;
         v = yyjson_arr_iter_next(&iter)) {
        FH_TRY(read_call(l, &item, v));
        item.index++;
    }
    return FH_OK;
}

static bool says_nothing(yyjson_val *value)
{
    return yyjson_is_null(value) || (yyjson_is_str(value) && yyjson_get_len(value) == 0) ||
           (yyjson_is_arr(value) && yyjson_arr_size(value) == 0);
}

/* read_said reads a message or a delta. Members that are there and say nothing ("" and null) are
 * no blocks; of a whole message they are kept, so that it can be written as it was. */
static enum fh_rc read_said(struct listener *l, const struct fh_path *at, yyjson_val *obj,
                            struct fh_extras *extras)
{
    static const struct {
        struct fh_slice key;
        enum fh_rc (*read)(struct listener *l, const struct fh_path *at, yyjson_val *value);
    } members[] = {
        /* in the order in which a model works: thinks, says, calls */
        {FH_LIT_INIT("reasoning_content"), read_thinking},
        {FH_LIT_INIT("reasoning"), read_thinking},
        {FH_LIT_INIT("content"), read_content},
        {FH_LIT_INIT("refusal"), read_refusal},
        {FH_LIT_INIT("tool_calls"), read_calls},
    };
    static const struct fh_slice keys[] = {
        FH_LIT_INIT("role"),    FH_LIT_INIT("reasoning_content"), FH_LIT_INIT("reasoning"),
        FH_LIT_INIT("content"), FH_LIT_INIT("refusal"),           FH_LIT_INIT("tool_calls")};
    static const struct fh_openai_chat_names known = {keys, FH_LEN(keys)};
    yyjson_val *role = fh_json_get(obj, keys[0]);
    bool thought = false;

    for (size_t i = 0; i < FH_LEN(members); i++) {
        yyjson_val *value = fh_json_get(obj, members[i].key);
        struct fh_path here = {.up = at, .key = members[i].key};
        bool second = thought && members[i].read == read_thinking;

        if (value != NULL && !says_nothing(value) && !second) {
            FH_TRY(members[i].read(l, &here, value));
            thought = thought || members[i].read == read_thinking;
        } else if (value != NULL && second && !says_nothing(value)) {
            /* the same in other words: it stays beside the first */
            fh_extra_add(&l->out->list[l->out->count - 1].extras, l->out->arena, at,
                         members[i].key, value);
        } else if (value != NULL && l->whole) {
            fh_extra_add(extras, l->out->arena, at, members[i].key, value);
        }
    }
    if (l->whole && role != NULL && !fh_eq(fh_json_text(role), FH_LIT("assistant"))) {
        fh_extra_add(extras, l->out->arena, at, keys[0], role);
    }
    fh_openai_chat_keep(extras, l->out->arena, at, obj, &known, l->whole);
    return FH_OK;
}

enum fh_rc fh_openai_chat_read_choice(struct fh_openai_chat_turn *turn, struct fh_events *out,
                                      const struct fh_path *at, yyjson_val *value, bool whole,
                                      struct fh_complaint *why)
{
    const struct fh_slice keys[] = {FH_LIT_INIT("index"), FH_LIT_INIT("finish_reason"),
                                    whole ? FH_LIT("message") : FH_LIT("delta")};
    const struct fh_openai_chat_names known = {keys, FH_LEN(keys)};
    struct listener l = {.out = out, .why = why, .whole = whole};
    struct fh_path said_at = {.up = at, .key = keys[2]};
    struct fh_path index_at = {.up = at, .key = keys[0]};
    yyjson_val *said = fh_json_get(value, keys[2]);
    yyjson_val *word = fh_json_get(value, keys[1]);
    yyjson_val *number = fh_json_get(value, keys[0]);
    uint64_t index = whole ? at->index : 0;
    struct fh_extras extras = {0};
    size_t first = out->count;

    if (!yyjson_is_obj(value)) {
        return wrong(&l, at, "an object", value);
    }
    if (whole ? !yyjson_is_obj(said)
              : said != NULL && !yyjson_is_obj(said) && !yyjson_is_null(said)) {
        return wrong(&l, &said_at, "an object", said);
    }
    if (number != NULL && !yyjson_is_null(number) && !fh_json_u64(number, &index)) {
        return wrong(&l, &index_at, "a small whole number", number);
    }
    l.choice = fh_openai_chat_choice(turn, index);
    if (l.choice == NULL) {
        (void)!wrong(&l, &index_at, "below 128", number);
        return FH_E_LIMIT;
    }
    l.index = (uint32_t)index;
    FH_TRY(read_said(&l, &said_at, said, &extras));
    if (whole) {
        fh_openai_chat_keep(&extras, out->arena, at, value, &known, whole);
        attach(&l, &extras, out->count, 0); /* one event for all of them, before the end */
        fh_openai_chat_finish(l.choice, out, fh_json_text(word));
        return FH_OK;
    }
    attach(&l, &extras, first, 0);
    extras = (struct fh_extras){0};
    fh_openai_chat_keep(&extras, out->arena, at, value, &known, whole);
    if (yyjson_get_len(word) > 0 && yyjson_is_str(word)) {
        fh_openai_chat_finish(l.choice, out, fh_json_text(word));
    }
    attach(&l, &extras, first, 0);
    return FH_OK;
}

/* ---- a whole answer ---- */

static void push_start(struct fh_events *out, yyjson_val *root)
{
    static const struct fh_slice keys[] = {FH_LIT_INIT("choices"), FH_LIT_INIT("usage"),
                                           FH_LIT_INIT("id"),      FH_LIT_INIT("model"),
                                           FH_LIT_INIT("object"),  FH_LIT_INIT("created")};
    yyjson_val *usage = fh_json_get(root, keys[1]);
    struct fh_event *start = fh_event_push(out, FH_EVENT_START);
    yyjson_val *object = fh_json_get(root, keys[4]);
    yyjson_val *created = fh_json_get(root, keys[5]);
    const struct fh_openai_chat_names known = {keys, FH_LEN(keys)};

    start->id = fh_json_text(fh_json_get(root, keys[2]));
    start->model = fh_json_text(fh_json_get(root, keys[3]));
    fh_openai_chat_keep(&start->extras, out->arena, NULL, root, &known, true);
    if (created != NULL && !fh_json_u64(created, &start->created_s)) {
        fh_extra_add(&start->extras, out->arena, NULL, keys[5], created);
    }
    if (object != NULL && !fh_eq(fh_json_text(object), FH_LIT("chat.completion"))) {
        fh_extra_add(&start->extras, out->arena, NULL, keys[4], object);
    }
    if (usage != NULL && !yyjson_is_obj(usage)) {
        fh_extra_add(&start->extras, out->arena, NULL, keys[1], usage);
    }
}

enum fh_rc fh_openai_chat_decode_reply(struct fh_events *out, struct fh_slice body,
                                       struct fh_complaint *why)
{
    struct fh_path choices_at = {.key = FH_LIT("choices")};
    struct fh_path item = {.up = &choices_at};
    struct fh_error error = {0};
    yyjson_val *root = NULL;

    out->dialect = FH_DIALECT_OPENAI_CHAT;
    if (fh_json_parse(out->arena, body, &root, &error) != FH_OK) {
        return fh_openai_chat_bad_json(why, out->arena, &error);
    }
    yyjson_val *choices = fh_json_get(root, choices_at.key);
    yyjson_val *usage = fh_json_get(root, FH_LIT("usage"));
    yyjson_val *fault = fh_openai_chat_error_in(root);

    if (fault != NULL) {
        fh_openai_chat_read_fault(&fh_event_push(out, FH_EVENT_ERROR)->fault, 0, fault);
        return FH_OK;
    }
    if (!yyjson_is_arr(choices)) {
        return fh_openai_chat_wrong(why, out->arena, &choices_at, "a list", choices);
    }
    struct fh_openai_chat_turn *turn = fh_openai_chat_turn_new(out->arena);
    yyjson_arr_iter iter = yyjson_arr_iter_with(choices);

    push_start(out, root);
    fh_openai_chat_turn_id(turn, fh_json_text(fh_json_get(root, FH_LIT("id"))));
    for (yyjson_val *v = yyjson_arr_iter_next(&iter); v != NULL;
         v = yyjson_arr_iter_next(&iter)) {
        FH_TRY(fh_openai_chat_read_choice(turn, out, &item, v, true, why));
        item.index++;
    }
    if (yyjson_is_obj(usage)) {
        fh_openai_chat_usage_event(out, usage, true);
    }
    (void)fh_event_push(out, FH_EVENT_END);
    return FH_OK;
}

/* ---- and back ---- */

struct call {
    struct call *next;
    uint32_t block;
    yyjson_mut_val *obj, *function;
    struct fh_buf arguments;
};

/* A choice while its pieces are gathered. */
struct spoken {
    struct spoken *next;
    uint32_t index;
    yyjson_mut_val *choice, *message; /* members that only this dialect knows */
    yyjson_mut_val *calls, *parts;    /* parts: of the content, of kinds that only we know */
    struct fh_buf text, thinking, refusal;
    const char *thinking_key;
    struct call *first_call;
    const struct fh_event *finish;
};

struct scribe {
    yyjson_mut_doc *doc;
    struct fh_arena *scratch;
    struct fh_loss *loss;
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
    spoken = fh_new(s->scratch, struct spoken);
    spoken->index = index;
    spoken->choice = yyjson_mut_obj(s->doc);
    spoken->message = yyjson_mut_obj(s->doc);
    spoken->calls = yyjson_mut_arr(s->doc);
    spoken->parts = yyjson_mut_arr(s->doc);
    spoken->text = fh_buf_in_arena(s->scratch, SIZE_MAX / 2);
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

static void lose(struct scribe *s, const struct fh_event *event, const char *member,
                 const char *why)
{
    struct fh_buf pointer = fh_buf_in_arena(s->scratch, 128);

    fh_buf_printf(&pointer, "/content/%u%s", event->index, member);
    fh_loss_add(s->loss, fh_buf_slice(&pointer), why);
}

static void begin_block(struct scribe *s, struct spoken *spoken, const struct fh_event *event)
{
    bool ours = event->dialect == FH_DIALECT_OPENAI_CHAT;

    if (event->block == FH_BLOCK_OPAQUE && ours) {
        (void)yyjson_mut_arr_append(fh_openai_chat_is_custom(event->raw) ? spoken->calls
                                                                         : spoken->parts,
                                    yyjson_val_mut_copy(s->doc, event->raw));
    } else if (event->block == FH_BLOCK_OPAQUE || event->block == FH_BLOCK_REDACTED) {
        lose(s, event, "", "has no counterpart in openai_chat");
    } else if (event->block == FH_BLOCK_TOOL_CALL) {
        struct call *call = fh_new(s->scratch, struct call);

        call->next = spoken->first_call;
        spoken->first_call = call;
        call->block = event->index;
        call->arguments = fh_buf_in_arena(s->scratch, SIZE_MAX / 2);
        call->obj = yyjson_mut_arr_add_obj(s->doc, spoken->calls);
        fh_json_add_text(s->doc, call->obj, "id", event->id);
        (void)yyjson_mut_obj_add_str(s->doc, call->obj, "type", "function");
        call->function = yyjson_mut_obj_add_obj(s->doc, call->obj, "function");
        fh_json_add_text(s->doc, call->function, "name", event->name);
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

/* put_extras puts what a choice's event brought along back to where it stood. */
static void put_extras(struct scribe *s, struct spoken *spoken, const struct fh_event *event)
{
    const struct fh_extras *list = &event->extras;
    struct call *call = call_of(spoken, event->index);

    if (list->first == NULL) {
        return;
    }
    if (event->dialect != FH_DIALECT_OPENAI_CHAT) {
        fh_extras_lose(list, s->loss, "has no counterpart in openai_chat");
        return;
    }
    fh_openai_chat_put(list, FH_NONE, s->doc, s->root);
    fh_openai_chat_put(list, FH_LIT("/choices/#"), s->doc, spoken->choice);
    fh_openai_chat_put(list, FH_LIT("/choices/#/message"), s->doc, spoken->message);
    fh_openai_chat_put(list, FH_LIT("/choices/#/delta"), s->doc, spoken->message);
    if (call != NULL) {
        fh_openai_chat_put(list, FH_LIT("/choices/#/message/tool_calls/#"), s->doc, call->obj);
        fh_openai_chat_put(list, FH_LIT("/choices/#/message/tool_calls/#/function"), s->doc,
                           call->function);
    }
}

static void write_down(struct scribe *s, const struct fh_event *event)
{
    struct spoken *spoken = spoken_of(s, event->choice);
    struct call *call = NULL;

    switch (event->kind) {
    case FH_EVENT_BLOCK_START:
        begin_block(s, spoken, event);
        break;
    case FH_EVENT_TEXT:
        fh_buf_append(&spoken->text, event->text);
        break;
    case FH_EVENT_THINKING:
        fh_buf_append(&spoken->thinking, event->text);
        if (fh_eq(event->name, FH_LIT("reasoning"))) {
            spoken->thinking_key = "reasoning";
        }
        break;
    case FH_EVENT_REFUSAL:
        fh_buf_append(&spoken->refusal, event->text);
        break;
    case FH_EVENT_ARGUMENTS:
        call = call_of(spoken, event->index);
        if (call != NULL) {
            fh_buf_append(&call->arguments, event->text);
        }
        break;
    case FH_EVENT_SIGNATURE:
        lose(s, event, "/signature", "has no counterpart in openai_chat");
        break;
    case FH_EVENT_FINISH:
        spoken->finish = event;
        if (event->stop_sequence.len > 0) {
            fh_loss_add(s->loss, FH_LIT("/stop_sequence"), "is not named in openai_chat");
        }
        break;
    case FH_EVENT_DATA:
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
    put_extras(s, spoken, event);
}

/* add_or_take adds what an extra says about `key`, else `ours`. */
static void add_or_take(struct scribe *s, yyjson_mut_val *obj, yyjson_mut_val *extras,
                        const char *key, yyjson_mut_val *ours)
{
    yyjson_mut_val *theirs = yyjson_mut_obj_remove_key(extras, key);

    (void)yyjson_mut_obj_add_val(s->doc, obj, key, theirs != NULL ? theirs : ours);
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
    return text->len == 0 ? yyjson_mut_null(s->doc)
                          : yyjson_mut_strn(s->doc, (const char *)text->ptr, text->len);
}

/* content_of is a string, or a list where there is more than text. */
static yyjson_mut_val *content_of(struct scribe *s, const struct spoken *spoken)
{
    yyjson_mut_val *text = yyjson_mut_obj(s->doc);

    if (yyjson_mut_arr_size(spoken->parts) == 0) {
        return text_or_null(s, &spoken->text);
    }
    if (spoken->text.len > 0) {
        (void)yyjson_mut_obj_add_str(s->doc, text, "type", "text");
        fh_json_add_text(s->doc, text, "text", fh_buf_slice(&spoken->text));
        (void)yyjson_mut_arr_prepend(spoken->parts, text);
    }
    return spoken->parts;
}

static yyjson_mut_val *write_message(struct scribe *s, struct spoken *spoken)
{
    yyjson_mut_val *message = yyjson_mut_obj(s->doc);
    yyjson_mut_val *extras = spoken->message;

    add_or_take(s, message, extras, "role", yyjson_mut_str(s->doc, "assistant"));
    add_or_take(s, message, extras, "content", content_of(s, spoken));
    add_or_take(s, message, extras, "refusal", text_or_null(s, &spoken->refusal));
    if (spoken->thinking.len > 0) {
        fh_json_add_text(s->doc, message, spoken->thinking_key,
                         fh_buf_slice(&spoken->thinking));
    }
    for (struct call *call = spoken->first_call; call != NULL; call = call->next) {
        if (yyjson_mut_obj_get(call->function, "arguments") == NULL) {
            fh_json_add_text(s->doc, call->function, "arguments",
                             fh_buf_slice(&call->arguments));
        }
    }
    if (yyjson_mut_arr_size(spoken->calls) > 0) {
        (void)yyjson_mut_obj_add_val(s->doc, message, "tool_calls", spoken->calls);
    }
    take_rest(message, extras);
    return message;
}

static void write_choice(struct scribe *s, struct spoken *spoken, yyjson_mut_val *choices)
{
    yyjson_mut_val *choice = yyjson_mut_arr_add_obj(s->doc, choices);
    struct fh_slice word =
        spoken->finish == NULL ? FH_NONE : fh_openai_chat_finish_word(spoken->finish);

    (void)yyjson_mut_obj_add_uint(s->doc, choice, "index", spoken->index);
    (void)yyjson_mut_obj_add_val(s->doc, choice, "message", write_message(s, spoken));
    add_or_take(s, choice, spoken->choice, "logprobs", yyjson_mut_null(s->doc));
    if (word.len > 0) {
        fh_json_add_text(s->doc, choice, "finish_reason", word);
    } else {
        (void)yyjson_mut_obj_add_null(s->doc, choice, "finish_reason");
    }
    take_rest(choice, spoken->choice);
}

/* write_top writes the members of the reply itself. */
static void write_top(struct scribe *s, const struct fh_reply_frame *frame)
{
    static const struct fh_event no_start = {.kind = FH_EVENT_START};
    static const struct fh_extras none = {0};
    const struct fh_event *start = s->start == NULL ? &no_start : s->start;
    bool ours = start->dialect == FH_DIALECT_OPENAI_CHAT;
    bool known_usage =
        s->usage_event != NULL && s->usage_event->dialect == FH_DIALECT_OPENAI_CHAT;

    fh_json_add_text(s->doc, s->root, "id", fh_openai_chat_reply_id(start, frame, s->scratch));
    if (ours) {
        fh_openai_chat_put(&start->extras, FH_NONE, s->doc, s->root);
    } else {
        fh_extras_lose(&start->extras, s->loss, "has no counterpart in openai_chat");
    }
    if (yyjson_mut_obj_get(s->root, "object") == NULL) {
        (void)yyjson_mut_obj_add_str(s->doc, s->root, "object", "chat.completion");
    }
    if (yyjson_mut_obj_get(s->root, "created") == NULL) {
        (void)yyjson_mut_obj_add_uint(s->doc, s->root, "created",
                                      start->created_s > 0 ? start->created_s
                                                           : frame->created_s);
    }
    if (yyjson_mut_obj_get(s->root, "model") == NULL) {
        fh_json_add_text(s->doc, s->root, "model",
                         start->model.len > 0 ? start->model : frame->model);
    }
    if (s->usage_event != NULL) {
        if (!known_usage) {
            fh_extras_lose(&s->usage_event->extras, s->loss,
                           "has no counterpart in openai_chat");
        }
        (void)yyjson_mut_obj_add_val(
            s->doc, s->root, "usage",
            fh_openai_chat_write_usage(s->doc, &s->usage,
                                       known_usage ? &s->usage_event->extras : &none));
    }
}

void fh_openai_chat_encode_reply(struct fh_buf *out, struct fh_arena *scratch,
                                 const struct fh_reply_frame *frame,
                                 const struct fh_events *events, struct fh_loss *loss)
{
    struct scribe s = {.doc = fh_json_new(scratch), .scratch = scratch, .loss = loss};
    yyjson_mut_val *choices = yyjson_mut_arr(s.doc);

    s.root = yyjson_mut_obj(s.doc);
    for (size_t i = 0; i < events->count; i++) {
        const struct fh_event *event = &events->list[i];

        if (event->kind == FH_EVENT_START) {
            s.start = event;
        } else if (event->kind == FH_EVENT_USAGE) {
            fh_usage_merge(&s.usage, &event->usage);
            s.usage_event = event;
            if (event->dialect == FH_DIALECT_OPENAI_CHAT) {
                fh_openai_chat_put(&event->extras, FH_NONE, s.doc, s.root);
            }
        } else if (event->kind != FH_EVENT_END && event->kind != FH_EVENT_PING) {
            write_down(&s, event);
        }
    }
    write_top(&s, frame);
    for (struct spoken *spoken = s.first; spoken != NULL; spoken = spoken->next) {
        write_choice(&s, spoken, choices);
    }
    (void)yyjson_mut_obj_add_val(s.doc, s.root, "choices", choices);
    fh_json_append(out, scratch, s.root);
}
