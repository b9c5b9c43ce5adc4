/* openai_responses_known.c: what the objects of an answer are known to have. Whatever else stands
 * in one is noted at its place in the whole answer, also where an event of a stream said it: so
 * what several events repeat has one name.
 *
 * What these tables do not know at all, an item or a part of a new type, is told whole as an opaque
 * block, and is not looked into.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "dialect/openai_responses/openai_responses.h"

/* An object, or one of several that a `type` tells apart. */
struct object {
    struct fh_slice type; /* empty: any */
    const struct fh_slice *names;
    size_t count;
    const struct inside *inside; /* what stands in it, or in lists in it */
    size_t insides;
};

struct inside {
    struct fh_slice name;
    const struct object *objects;
    size_t count;
};

#define NAMES(list)  .names = (list), .count = FH_LEN(list)
#define INSIDE(rows) .inside = (rows), .insides = FH_LEN(rows)

/* ---- items and their parts ---- */

static const struct fh_slice text_names[] = {
    FH_LIT_INIT("type"),
    FH_LIT_INIT("text"),
    FH_LIT_INIT("annotations"), /* told as they are, see fh_responses_cite */
    FH_LIT_INIT("logprobs"),
};
static const struct fh_slice refusal_names[] = {FH_LIT_INIT("type"), FH_LIT_INIT("refusal")};
static const struct fh_slice thought_names[] = {FH_LIT_INIT("type"), FH_LIT_INIT("text")};
static const struct object parts[] = {
    {.type = FH_LIT_INIT("output_text"), NAMES(text_names)},
    {.type = FH_LIT_INIT("refusal"), NAMES(refusal_names)},
};
static const struct object thoughts[] = {{NAMES(thought_names)}};

static const struct fh_slice message_names[] = {
    FH_LIT_INIT("type"), FH_LIT_INIT("id"),      FH_LIT_INIT("status"),
    FH_LIT_INIT("role"), FH_LIT_INIT("content"),
};
static const struct fh_slice call_names[] = {
    FH_LIT_INIT("type"),    FH_LIT_INIT("id"),   FH_LIT_INIT("status"),
    FH_LIT_INIT("call_id"), FH_LIT_INIT("name"), FH_LIT_INIT("arguments"),
};
static const struct fh_slice reasoning_names[] = {
    FH_LIT_INIT("type"),    FH_LIT_INIT("id"),      FH_LIT_INIT("status"),
    FH_LIT_INIT("summary"), FH_LIT_INIT("content"), FH_LIT_INIT("encrypted_content"),
};
/* How an image was drawn was asked for, but for what the model made of the prompt. */
static const struct fh_slice image_names[] = {
    FH_LIT_INIT("type"),   FH_LIT_INIT("id"),         FH_LIT_INIT("status"),
    FH_LIT_INIT("result"), FH_LIT_INIT("background"), FH_LIT_INIT("output_format"),
    FH_LIT_INIT("size"),   FH_LIT_INIT("quality"),    FH_LIT_INIT("action"),
};
static const struct inside in_message[] = {{FH_LIT_INIT("content"), parts, FH_LEN(parts)}};
static const struct inside in_reasoning[] = {
    {FH_LIT_INIT("summary"), thoughts, FH_LEN(thoughts)},
    {FH_LIT_INIT("content"), thoughts, FH_LEN(thoughts)},
};
static const struct object items[] = {
    {.type = FH_LIT_INIT("message"), NAMES(message_names), INSIDE(in_message)},
    {.type = FH_LIT_INIT("function_call"), NAMES(call_names)},
    {.type = FH_LIT_INIT("reasoning"), NAMES(reasoning_names), INSIDE(in_reasoning)},
    {.type = FH_LIT_INIT("image_generation_call"), NAMES(image_names)},
};

/* ---- the response, without its output and usage ---- */

static const struct fh_slice response_names[] = {
#define X(name) FH_LIT_INIT(name),
    FH_RESPONSES_KNOWN(X)
#undef X
#define X(name, otherwise) FH_LIT_INIT(name),
        FH_RESPONSES_REPEATED(X)
#undef X
};
static const struct fh_slice details_names[] = {FH_LIT_INIT("reason")};
static const struct fh_slice billing_names[] = {FH_LIT_INIT("payer")};
static const struct fh_slice asked_reasoning_names[] = {
    FH_LIT_INIT("effort"), FH_LIT_INIT("summary"), FH_LIT_INIT("generate_summary"),
    FH_LIT_INIT("mode"),   FH_LIT_INIT("context"),
};
static const struct fh_slice format_names[] = {
    FH_LIT_INIT("type"),   FH_LIT_INIT("name"),   FH_LIT_INIT("description"),
    FH_LIT_INIT("schema"), FH_LIT_INIT("strict"),
};
static const struct fh_slice asked_text_names[] = {FH_LIT_INIT("format"),
                                                   FH_LIT_INIT("verbosity")};
static const struct object details[] = {{NAMES(details_names)}};
static const struct object billing[] = {{NAMES(billing_names)}};
static const struct object asked_reasoning[] = {{NAMES(asked_reasoning_names)}};
static const struct object format[] = {{NAMES(format_names)}};
static const struct inside in_text[] = {{FH_LIT_INIT("format"), format, FH_LEN(format)}};
static const struct object asked_text[] = {{NAMES(asked_text_names), INSIDE(in_text)}};
static const struct inside in_response[] = {
    {FH_LIT_INIT("incomplete_details"), details, FH_LEN(details)},
    {FH_LIT_INIT("billing"), billing, FH_LEN(billing)},
    {FH_LIT_INIT("reasoning"), asked_reasoning, FH_LEN(asked_reasoning)},
    {FH_LIT_INIT("text"), asked_text, FH_LEN(asked_text)},
};
static const struct object responses[] = {{NAMES(response_names), INSIDE(in_response)}};

/* ---- events ---- */

const struct fh_slice fh_responses_members[FH_RESPONSES_MEMBERS] = {
#define X(name, key) FH_LIT_INIT(key),
    FH_RESPONSES_HOT_MEMBERS(X) FH_RESPONSES_COLD_MEMBERS(X)
#undef X
};
static const struct object events[] = {{NAMES(fh_responses_members)}};

static const struct inside known[] = {
    [FH_RESPONSES_AN_EVENT] = {FH_LIT_INIT(""), events, FH_LEN(events)},
    [FH_RESPONSES_A_RESPONSE] = {FH_LIT_INIT(""), responses, FH_LEN(responses)},
    [FH_RESPONSES_AN_ITEM] = {FH_LIT_INIT(""), items, FH_LEN(items)},
    [FH_RESPONSES_A_PART] = {FH_LIT_INIT(""), parts, FH_LEN(parts)},
    [FH_RESPONSES_A_THOUGHT] = {FH_LIT_INIT(""), thoughts, FH_LEN(thoughts)},
};

/* ---- what else is there ---- */

static const struct object *choose(const struct inside *one, yyjson_val *val)
{
    for (size_t i = 0; i < one->count; i++) {
        const struct object *object = &one->objects[i];

        if (object->type.len == 0 || fh_json_says(val, FH_LIT("type"), object->type)) {
            return object;
        }
    }
    return NULL;
}

static void note(struct fh_extras *extras, struct fh_arena *arena, const struct fh_path *at,
                 yyjson_val *val, const struct inside *one);

static void note_all(struct fh_extras *extras, struct fh_arena *arena, const struct fh_path *at,
                     yyjson_val *val, const struct inside *one)
{
    yyjson_arr_iter iter = yyjson_arr_iter_with(val);
    struct fh_path place = {.up = at};

    if (!yyjson_is_arr(val)) {
        note(extras, arena, at, val, one);
    }
    for (; yyjson_arr_iter_has_next(&iter); place.index++) {
        note(extras, arena, &place, yyjson_arr_iter_next(&iter), one);
    }
}

/* note goes as deep as the tables do, whatever a peer sent. */
static void note(struct fh_extras *extras, struct fh_arena *arena, const struct fh_path *at,
                 yyjson_val *val, const struct inside *one)
{
    const struct object *object = yyjson_is_obj(val) ? choose(one, val) : NULL;

    if (object == NULL) {
        return;
    }
    fh_extras_keep(extras, arena, at, val, object->names, object->count);
    for (size_t i = 0; i < object->insides; i++) {
        const struct inside *next = &object->inside[i];
        struct fh_path place = {.up = at, .key = next->name};

        note_all(extras, arena, &place, fh_json_get(val, next->name), next);
    }
}

void fh_responses_note(struct fh_extras *extras, struct fh_arena *arena,
                       const struct fh_path *at, enum fh_responses_object what, yyjson_val *val)
{
    note(extras, arena, at, val, &known[what]);
}

void fh_responses_tell_extras(struct fh_events *out, const struct fh_extras *extras)
{
    if (extras->first != NULL) {
        fh_event_push(out, FH_EVENT_EXTRA)->extras = *extras;
    }
}
