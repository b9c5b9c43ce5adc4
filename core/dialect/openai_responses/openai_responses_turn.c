/* openai_responses_turn.c: the items of an answer become blocks, numbered in the order in which
 * they begin.
 *
 * An item is announced, says its parts, and is done; items may overlap. A part of a message is a
 * block. Reasoning is one block, however many parts its summary has: what is encrypted belongs
 * to all of them. Items that we know nothing of are told whole when they are done.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "dialect/openai_responses/openai_responses.h"

enum kind { MESSAGE, CALL, REASONING, IMAGE, OTHER };

static const struct fh_slice types[] = {
    [MESSAGE] = FH_LIT_INIT("message"),
    [CALL] = FH_LIT_INIT("function_call"),
    [REASONING] = FH_LIT_INIT("reasoning"),
    [IMAGE] = FH_LIT_INIT("image_generation_call"),
};

struct fh_responses_item {
    struct fh_responses_item *before;
    struct fh_responses_turn *turn;
    uint64_t index;   /* the provider's */
    uint32_t ordinal; /* how many were announced before it */
    enum kind kind;
    bool done;
    bool open; /* a block of it is, its kind is `saying`, its index `block` */
    enum fh_block_kind saying;
    uint32_t block;
    uint32_t parts;       /* begun so far */
    size_t said;          /* bytes of the part or the arguments */
    uint32_t annotations; /* told of the part */
    bool logged;          /* log probabilities were told of the part */
};

struct fh_responses_turn {
    struct fh_arena *arena;
    struct fh_responses_item *last;
    uint32_t items, blocks;
    bool calls, refused; /* some block was a call, a refusal */
};

struct fh_responses_turn *fh_responses_turn_new(struct fh_arena *arena)
{
    struct fh_responses_turn *turn = fh_new(arena, struct fh_responses_turn);

    turn->arena = arena;
    return turn;
}

static struct fh_slice text_of(yyjson_val *obj, struct fh_slice key)
{
    return fh_json_text(fh_json_get(obj, key));
}

static struct fh_event *push(struct fh_responses_item *item, struct fh_events *out,
                             enum fh_event_kind kind)
{
    struct fh_event *event = fh_event_push(out, kind);

    event->block = item->saying;
    event->index = item->block;
    event->item = item->ordinal;
    return event;
}

static struct fh_event *begin_block(struct fh_responses_item *item, struct fh_events *out,
                                    enum fh_block_kind kind)
{
    item->open = true;
    item->saying = kind;
    item->block = item->turn->blocks++;
    item->said = 0;
    item->annotations = 0;
    item->logged = false;
    item->turn->calls = item->turn->calls || kind == FH_BLOCK_TOOL_CALL;
    item->turn->refused = item->turn->refused || kind == FH_BLOCK_REFUSAL;
    return push(item, out, FH_EVENT_BLOCK_START);
}

static void end_block(struct fh_responses_item *item, struct fh_events *out)
{
    if (item->open) {
        (void)push(item, out, FH_EVENT_BLOCK_STOP);
        item->open = false;
    }
}

/* begin_call waits for a call to have a name and an id. */
static bool begin_call(struct fh_responses_item *item, struct fh_events *out, yyjson_val *val)
{
    struct fh_slice id = text_of(val, FH_LIT("call_id"));
    struct fh_slice name = text_of(val, FH_LIT("name"));

    if (id.len == 0 || name.len == 0) {
        return false;
    }
    struct fh_event *event = begin_block(item, out, FH_BLOCK_TOOL_CALL);

    event->id = id;
    event->name = name;
    return true;
}

struct fh_responses_item *fh_responses_announce(struct fh_responses_turn *turn,
                                                struct fh_events *out, uint64_t index,
                                                yyjson_val *item)
{
    struct fh_responses_item *made = fh_new(turn->arena, struct fh_responses_item);

    FH_ASSERT(turn->last == NULL || index > turn->last->index);
    made->before = turn->last;
    made->turn = turn;
    made->index = index;
    made->ordinal = turn->items++;
    made->kind = (enum kind)fh_read_word(types, FH_LEN(types), text_of(item, FH_LIT("type")));
    turn->last = made;
    struct fh_event *event = fh_event_push(out, FH_EVENT_EXTRA);

    event->item = made->ordinal;
    event->name = FH_LIT("added");
    event->raw = item;
    if (made->kind == CALL) {
        (void)begin_call(made, out, item);
    }
    return made;
}

uint64_t fh_responses_next(const struct fh_responses_turn *turn)
{
    return turn->last == NULL ? 0 : turn->last->index + 1;
}

struct fh_responses_item *fh_responses_item(struct fh_responses_turn *turn, uint64_t index)
{
    struct fh_responses_item *item = turn->last;

    while (item != NULL && item->index > index) {
        item = item->before;
    }
    return item == NULL || item->index != index || item->done ? NULL : item;
}

/* ---- what an item says ---- */

/* say_thoughts begins a part of reasoning, in the list of that name: the block goes on, with a
 * blank line before it. Our own encoder is told the list. */
static void say_thoughts(struct fh_responses_item *item, struct fh_events *out,
                         struct fh_slice list)
{
    if (!item->open) {
        (void)begin_block(item, out, FH_BLOCK_THINKING);
    }
    struct fh_event *event = push(item, out, FH_EVENT_THINKING);

    event->text = item->parts > 0 ? FH_LIT("\n\n") : FH_NONE;
    event->name = list;
    item->parts++;
    item->said = 0;
}

/* may_say says whether text of a kind can be part of an item, and begins the block if need be. */
static bool may_say(struct fh_responses_item *item, struct fh_events *out,
                    enum fh_block_kind kind, const char **what)
{
    static const enum kind homes[FH_BLOCK_KINDS] = {
        [FH_BLOCK_TEXT] = MESSAGE,
        [FH_BLOCK_REFUSAL] = MESSAGE,
        [FH_BLOCK_THINKING] = REASONING,
        [FH_BLOCK_TOOL_CALL] = CALL,
    };

    if (item->kind != homes[kind]) {
        *what = "words of a kind that their item does not have";
        return false;
    }
    if (item->open && item->saying == kind) {
        return true;
    }
    if (kind == FH_BLOCK_THINKING) {
        say_thoughts(item, out, FH_LIT("summary"));
        return true;
    }
    end_block(item, out);
    (void)begin_block(item, out, kind);
    item->parts++;
    return true;
}

/* add_text adds to the block that is open. */
static void add_text(struct fh_responses_item *item, struct fh_events *out,
                     struct fh_slice text)
{
    static const enum fh_event_kind says[FH_BLOCK_KINDS] = {
        [FH_BLOCK_TEXT] = FH_EVENT_TEXT,
        [FH_BLOCK_REFUSAL] = FH_EVENT_REFUSAL,
        [FH_BLOCK_THINKING] = FH_EVENT_THINKING,
        [FH_BLOCK_TOOL_CALL] = FH_EVENT_ARGUMENTS,
    };

    if (text.len > 0) {
        push(item, out, says[item->saying])->text = text;
        item->said += text.len;
    }
}

bool fh_responses_say(struct fh_responses_item *item, struct fh_events *out,
                      enum fh_block_kind kind, struct fh_slice text, const char **what)
{
    if (item->kind == CALL && kind == FH_BLOCK_TOOL_CALL && !item->open) {
        return true; /* without a name or an id: when it is done it is told whole */
    }
    if (!may_say(item, out, kind, what)) {
        return false;
    }
    add_text(item, out, text);
    return true;
}

bool fh_responses_arguments(struct fh_responses_item *item, struct fh_events *out,
                            struct fh_slice arguments, const char **what)
{
    return (item->open && item->said > 0) ||
           fh_responses_say(item, out, FH_BLOCK_TOOL_CALL, arguments, what);
}

static struct fh_event *extra_event(struct fh_responses_item *item, struct fh_events *out,
                                    enum fh_event_kind kind, const struct fh_path *at,
                                    yyjson_val *value)
{
    struct fh_event *event = push(item, out, kind);

    fh_extra_add(&event->extras, out->arena, at->up, at->key, value);
    return event;
}

void fh_responses_cite(struct fh_responses_item *item, struct fh_events *out,
                       const struct fh_path *at, yyjson_val *annotation)
{
    if (annotation != NULL && item->open && item->saying == FH_BLOCK_TEXT) {
        (void)extra_event(item, out, FH_EVENT_CITATIONS, at, annotation);
        item->annotations++;
    }
}

void fh_responses_logprobs(struct fh_responses_item *item, struct fh_events *out,
                           const struct fh_path *at, yyjson_val *logprobs)
{
    if (item->open && yyjson_arr_size(logprobs) > 0) {
        (void)extra_event(item, out, FH_EVENT_EXTRA, at, logprobs);
        item->logged = true;
    }
}

/* begin_part begins a part of a message. */
static void begin_part(struct fh_responses_item *item, struct fh_events *out, yyjson_val *part)
{
    struct fh_slice type = text_of(part, FH_LIT("type"));

    end_block(item, out);
    item->parts++;
    if (fh_eq(type, FH_LIT("output_text"))) {
        (void)begin_block(item, out, FH_BLOCK_TEXT);
        add_text(item, out, text_of(part, FH_LIT("text")));
    } else if (fh_eq(type, FH_LIT("refusal"))) {
        (void)begin_block(item, out, FH_BLOCK_REFUSAL);
        add_text(item, out, text_of(part, FH_LIT("refusal")));
    } else {
        begin_block(item, out, FH_BLOCK_OPAQUE)->raw = part;
    }
}

bool fh_responses_part(struct fh_responses_item *item, struct fh_events *out,
                       struct fh_slice list, yyjson_val *part, const char **what)
{
    if (item->kind == REASONING) {
        say_thoughts(item, out, list);
        add_text(item, out, text_of(part, FH_LIT("text")));
    } else if (item->kind == MESSAGE && fh_eq(list, FH_LIT("content"))) {
        begin_part(item, out, part);
    } else {
        *what = "a part of an item that has none";
        return false;
    }
    return true;
}

void fh_responses_part_extras(const struct fh_responses_item *item, struct fh_events *out,
                              struct fh_slice list, uint64_t index, yyjson_val *part)
{
    uint64_t last = item->parts == 0 ? 0 : item->parts - 1;
    struct fh_path output = {.key = FH_LIT("output")};
    struct fh_path at = {.up = &output, .index = item->ordinal};
    struct fh_path in = {.up = &at, .key = list};
    struct fh_path place = {.up = &in, .index = index == UINT64_MAX ? last : index};
    struct fh_extras extras = {0};

    fh_responses_note(&extras, out->arena, &place,
                      item->kind == REASONING ? FH_RESPONSES_A_THOUGHT : FH_RESPONSES_A_PART,
                      part);
    fh_responses_tell_extras(out, &extras);
}

/* tell_rest tells the annotations and log probabilities of a part that were not told yet. */
static void tell_rest(struct fh_responses_item *item, struct fh_events *out, yyjson_val *part)
{
    struct fh_path output = {.key = FH_LIT("output")};
    struct fh_path at = {.up = &output, .index = item->ordinal};
    struct fh_path content = {.up = &at, .key = FH_LIT("content")};
    struct fh_path place = {.up = &content, .index = item->parts == 0 ? 0 : item->parts - 1};
    struct fh_path list = {.up = &place, .key = FH_LIT("annotations")};
    struct fh_path logs = {.up = &place, .key = FH_LIT("logprobs")};
    yyjson_arr_iter iter = yyjson_arr_iter_with(fh_json_get(part, list.key));
    uint32_t told = item->annotations;

    for (uint32_t i = 0; yyjson_arr_iter_has_next(&iter); i++) {
        yyjson_val *annotation = yyjson_arr_iter_next(&iter);
        struct fh_path one = {.up = &list, .key = FH_LIT("annotation")};

        if (i >= told) {
            fh_responses_cite(item, out, &one, annotation);
        }
    }
    if (!item->logged) {
        fh_responses_logprobs(item, out, &logs, fh_json_get(part, logs.key));
    }
}

void fh_responses_part_done(struct fh_responses_item *item, struct fh_events *out,
                            yyjson_val *part)
{
    bool refusal = item->saying == FH_BLOCK_REFUSAL;
    struct fh_slice text = text_of(part, refusal ? FH_LIT("refusal") : FH_LIT("text"));

    if (!item->open || item->kind == CALL) {
        return;
    }
    if (item->said == 0 && item->saying != FH_BLOCK_OPAQUE) {
        add_text(item, out, text);
    }
    if (item->saying == FH_BLOCK_TEXT) {
        tell_rest(item, out, part);
    }
    if (item->kind == MESSAGE) {
        end_block(item, out);
    }
}

/* ---- an item that is done ---- */

static void finish_message(struct fh_responses_item *item, struct fh_events *out,
                           yyjson_val *whole)
{
    yyjson_arr_iter iter = yyjson_arr_iter_with(fh_json_get(whole, FH_LIT("content")));
    uint32_t begun = item->parts;

    for (uint32_t i = 0; yyjson_arr_iter_has_next(&iter); i++) {
        yyjson_val *part = yyjson_arr_iter_next(&iter);

        if (i >= begun) {
            begin_part(item, out, part);
        }
        if (i + 1 >= begun) {
            fh_responses_part_done(item, out, part);
        }
    }
    end_block(item, out);
}

/* finish_call: what has no name or no id nobody could answer; it is told as a whole. */
static void finish_call(struct fh_responses_item *item, struct fh_events *out,
                        yyjson_val *whole)
{
    if (!item->open && !begin_call(item, out, whole)) {
        begin_block(item, out, FH_BLOCK_OPAQUE)->raw = whole;
    } else if (item->said == 0) {
        add_text(item, out, text_of(whole, FH_LIT("arguments")));
    }
    end_block(item, out);
}

static void finish_reasoning(struct fh_responses_item *item, struct fh_events *out,
                             yyjson_val *whole)
{
    static const struct fh_slice lists[] = {FH_LIT_INIT("summary"), FH_LIT_INIT("content")};
    struct fh_slice encrypted = text_of(whole, FH_LIT("encrypted_content"));
    bool silent = !item->open;

    for (size_t i = 0; i < FH_LEN(lists) && silent; i++) {
        yyjson_arr_iter iter = yyjson_arr_iter_with(fh_json_get(whole, lists[i]));

        for (yyjson_val *part = NULL; (part = yyjson_arr_iter_next(&iter)) != NULL;) {
            say_thoughts(item, out, lists[i]);
            add_text(item, out, text_of(part, FH_LIT("text")));
        }
    }
    if (encrypted.len > 0) {
        struct fh_event *event = item->open ? push(item, out, FH_EVENT_SIGNATURE)
                                            : begin_block(item, out, FH_BLOCK_REDACTED);

        event->text = encrypted;
        event->signer = FH_SIGNER_OPENAI;
    }
    end_block(item, out);
}

static void tell_image(struct fh_responses_item *item, struct fh_events *out, yyjson_val *whole)
{
    struct fh_slice format = text_of(whole, FH_LIT("output_format"));
    struct fh_slice type[] = {FH_LIT("image/"), format.len > 0 ? format : FH_LIT("png")};
    struct fh_slice data = text_of(whole, FH_LIT("result"));

    if (data.len > 0) {
        begin_block(item, out, FH_BLOCK_IMAGE)->media_type =
            fh_concat(out->arena, type, FH_LEN(type));
        push(item, out, FH_EVENT_DATA)->text = data;
        end_block(item, out);
    }
}

static void note_item(const struct fh_responses_item *item, struct fh_extras *extras,
                      struct fh_arena *arena, yyjson_val *val)
{
    struct fh_path output = {.key = FH_LIT("output")};
    struct fh_path at = {.up = &output, .index = item->ordinal};

    fh_responses_note(extras, arena, &at, FH_RESPONSES_AN_ITEM, val);
}

void fh_responses_item_extras(const struct fh_responses_item *item, struct fh_events *out,
                              yyjson_val *val)
{
    struct fh_extras extras = {0};

    note_item(item, &extras, out->arena, val);
    fh_responses_tell_extras(out, &extras);
}

void fh_responses_done(struct fh_responses_item *item, struct fh_events *out, yyjson_val *whole)
{
    switch (item->kind) {
    case MESSAGE:
        finish_message(item, out, whole);
        break;
    case CALL:
        finish_call(item, out, whole);
        break;
    case REASONING:
        finish_reasoning(item, out, whole);
        break;
    case IMAGE:
        tell_image(item, out, whole);
        break;
    case OTHER:
        begin_block(item, out, FH_BLOCK_OPAQUE)->raw = whole;
        end_block(item, out);
        break;
    }
    struct fh_event *event = fh_event_push(out, FH_EVENT_EXTRA);

    item->done = true;
    event->item = item->ordinal;
    event->name = FH_LIT("done");
    event->raw = whole;
    note_item(item, &event->extras, out->arena, whole);
}

/* ---- all of them ---- */

/* find_ordinal finds an item by its place in the list. */
static struct fh_responses_item *find_ordinal(struct fh_responses_turn *turn, uint32_t ordinal)
{
    struct fh_responses_item *item = turn->last;

    while (item->ordinal > ordinal) {
        item = item->before;
    }
    return item;
}

void fh_responses_output(struct fh_responses_turn *turn, struct fh_events *out,
                         yyjson_val *output)
{
    yyjson_arr_iter iter = yyjson_arr_iter_with(output);

    for (uint32_t i = 0; yyjson_arr_iter_has_next(&iter); i++) {
        yyjson_val *whole = yyjson_arr_iter_next(&iter);
        struct fh_responses_item *item =
            i < turn->items ? find_ordinal(turn, i)
                            : fh_responses_announce(turn, out, fh_responses_next(turn), whole);

        if (item->done) {
            fh_responses_item_extras(item, out, whole);
        } else {
            fh_responses_done(item, out, whole);
        }
    }
    for (struct fh_responses_item *item = turn->last; item != NULL; item = item->before) {
        end_block(item, out);
    }
}

bool fh_responses_calls(const struct fh_responses_turn *turn)
{
    return turn->calls;
}

bool fh_responses_refuses(const struct fh_responses_turn *turn)
{
    return turn->refused;
}
