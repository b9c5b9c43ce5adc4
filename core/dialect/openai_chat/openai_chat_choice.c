/* openai_chat_choice.c: one element of `choices`, of a whole answer or of a chunk, becomes events.
 *
 * What only this dialect knows is kept as extras, on the last event that came of the same element.
 * Some members say twice what others can be told once (reasoning_details, audio, images): then the
 * events tell it, and the extras keep the provider's own form.
 * SPDX-License-Identifier: Apache-2.0 */
#include "openai_chat.h"

#include "chat/media.h"

/* What is being read: one choice, and where its words go. */
struct listener {
    struct fh_reader r; /* for complaints */
    struct fh_openai_chat_choice *choice;
    struct fh_events *out;
    struct fh_extras *extras; /* of the message or delta */
    uint32_t index;           /* of the choice */
    bool whole;
    bool thought; /* one member has said what was thought, or the details will */
};

/* late answers for words that come when their choice has finished. */
static enum fh_rc late(struct listener *l, const struct fh_path *at, enum fh_rc rc)
{
    if (rc != FH_OK) {
        *l->r.why =
            (struct fh_complaint){FH_REFUSE_UPSTREAM_FAILED,
                                  FH_LIT("the provider went on after its finish_reason"),
                                  fh_path_print(at, FH_NONE, l->out->arena)};
    }
    return rc;
}

static enum fh_rc say(struct listener *l, const struct fh_path *at, enum fh_block_kind kind,
                      struct fh_slice text)
{
    return late(l, at, fh_openai_chat_say(l->choice, l->out, kind, text, FH_NONE));
}

/* keep keeps a member in the provider's own form. `told`: events say the same. */
static void keep(struct listener *l, const struct fh_path *at, yyjson_val *value, bool told)
{
    fh_read_keep(&l->r, l->extras, at, value)->repeats = told;
}

/* keep_others notes what events do not tell of an object that is kept. */
static void keep_others(struct listener *l, const struct fh_path *at, yyjson_val *obj,
                        const struct fh_openai_chat_form *form)
{
    fh_openai_chat_keep_others(l->extras, l->out->arena, at, obj, form);
}

/* attach hangs extras on the last event since `first`, or on one of their own. Citations carry
 * nothing but citations. */
static void attach(struct listener *l, const struct fh_extras *extras, size_t first,
                   enum fh_block_kind kind, uint32_t block)
{
    if (extras->first == NULL) {
        return;
    }
    if (l->out->count == first || l->out->list[l->out->count - 1].kind == FH_EVENT_CITATIONS) {
        struct fh_event *event = fh_event_push(l->out, FH_EVENT_EXTRA);

        event->choice = l->index;
        event->block = kind;
        event->index = block;
    }
    fh_extras_append(&l->out->list[l->out->count - 1].extras, extras);
}

static enum fh_rc read_part(struct listener *l, const struct fh_path *at, yyjson_val *part)
{
    static const struct fh_slice of_text[] = {FH_LIT_INIT("type"), FH_LIT_INIT("text")};
    static const struct fh_openai_chat_form text = {.own = FH_OPENAI_CHAT_NAMES(of_text)};
    struct fh_slice type = fh_json_text(fh_json_get(part, FH_LIT("type")));
    struct fh_openai_chat_detail thought;

    if (fh_eq(type, FH_LIT("text"))) {
        keep_others(l, at, part, &text);
        return late(l, at,
                    fh_openai_chat_say(l->choice, l->out, FH_BLOCK_TEXT,
                                       fh_json_text(fh_json_get(part, FH_LIT("text"))),
                                       FH_LIT("content")));
    }
    if (fh_eq(type, FH_LIT("thinking"))) {
        fh_openai_chat_read_chunk(&thought, l->out->arena, part);
        keep_others(l, at, part, thought.form);
        FH_TRY(late(l, at, fh_openai_chat_think(l->choice, l->out, &thought, true)));
        if (yyjson_is_true(fh_json_get(part, FH_LIT("closed")))) {
            fh_openai_chat_end_thought(l->choice, l->out);
        }
        return FH_OK;
    }
    if (!yyjson_is_obj(part) || fh_openai_chat_is_custom(part)) {
        return fh_read_wrong(&l->r, at, "a list of parts, each of a known shape", part);
    }
    return late(l, at, fh_openai_chat_opaque(l->choice, l->out, part));
}

/* A list of parts, as Mistral has it, is kept whole: events tell what is in it. */
static enum fh_rc read_content(struct listener *l, const struct fh_path *at, yyjson_val *value)
{
    yyjson_arr_iter iter = yyjson_arr_iter_with(value);
    struct fh_path item = {.up = at};

    if (yyjson_is_str(value)) {
        return say(l, at, FH_BLOCK_TEXT, fh_json_text(value));
    }
    if (!yyjson_is_arr(value)) {
        return fh_read_wrong(&l->r, at, "a string, a list of parts or null", value);
    }
    for (yyjson_val *v = NULL; (v = yyjson_arr_iter_next(&iter)) != NULL; item.index++) {
        FH_TRY(read_part(l, &item, v));
    }
    keep(l, at, value, true);
    return FH_OK;
}

static enum fh_rc read_refusal(struct listener *l, const struct fh_path *at, yyjson_val *value)
{
    return yyjson_is_str(value) ? say(l, at, FH_BLOCK_REFUSAL, fh_json_text(value))
                                : fh_read_wrong(&l->r, at, "a string or null", value);
}

/* Providers name it either way, some say both: the second says the same in other words. */
static enum fh_rc read_thinking(struct listener *l, const struct fh_path *at, yyjson_val *value)
{
    if (!yyjson_is_str(value)) {
        return fh_read_wrong(&l->r, at, "a string or null", value);
    }
    if (l->thought) {
        keep(l, at, value, true);
        return FH_OK;
    }
    l->thought = true;
    return late(l, at,
                fh_openai_chat_say(l->choice, l->out, FH_BLOCK_THINKING, fh_json_text(value),
                                   at->key));
}

/* read_details: in a whole answer the details say all that was thought. In a stream their words
 * count where no other member has them, and their signatures always. */
static enum fh_rc read_details(struct listener *l, const struct fh_path *at, yyjson_val *value)
{
    bool words = l->whole || !l->thought;
    yyjson_arr_iter iter = yyjson_arr_iter_with(value);
    struct fh_openai_chat_detail detail;
    struct fh_path item = {.up = at};
    bool all = true;

    if (!fh_openai_chat_has_details(value)) {
        keep(l, at, value, false);
        return FH_OK;
    }
    for (yyjson_val *v = NULL; (v = yyjson_arr_iter_next(&iter)) != NULL; item.index++) {
        bool known = fh_openai_chat_read_detail(&detail, l->out->arena, v);

        if (known) {
            keep_others(l, &item, v, detail.form);
            FH_TRY(late(l, &item, fh_openai_chat_think(l->choice, l->out, &detail, words)));
        }
        all = all && known;
    }
    keep(l, at, value, all);
    return FH_OK;
}

static bool have_words(yyjson_val *details)
{
    yyjson_arr_iter iter = yyjson_arr_iter_with(details);
    bool any = false;

    for (yyjson_val *v = NULL; !any && (v = yyjson_arr_iter_next(&iter)) != NULL;) {
        any = yyjson_get_len(fh_json_get(v, FH_LIT("text"))) > 0 ||
              yyjson_get_len(fh_json_get(v, FH_LIT("summary"))) > 0;
    }
    return any;
}

/* look_at_details sees what the details will say, before the words are read that they are about. */
static void look_at_details(struct listener *l, yyjson_val *said)
{
    yyjson_val *details = fh_json_get(said, FH_LIT("reasoning_details"));
    yyjson_val *number = fh_json_get(yyjson_arr_get_first(details), FH_LIT("index"));
    uint64_t index = 0;

    if (l->whole) {
        l->thought = fh_openai_chat_has_details(details) && have_words(details);
    } else if (fh_json_u64(number, &index)) {
        fh_openai_chat_next_thought(l->choice, l->out, index);
    }
}

static const struct fh_slice of_image[] = {FH_LIT_INIT("type"), FH_LIT_INIT("image_url"),
                                           FH_LIT_INIT("index")};
static const struct fh_slice of_url[] = {FH_LIT_INIT("url")};
static const struct fh_openai_chat_form image_form = {
    .own = FH_OPENAI_CHAT_NAMES(of_image),
    .inner = FH_LIT_INIT("image_url"),
    .in_inner = FH_OPENAI_CHAT_NAMES(of_url),
};

/* read_images: OpenRouter's way to hand images out. */
static enum fh_rc read_images(struct listener *l, const struct fh_path *at, yyjson_val *value)
{
    yyjson_arr_iter iter = yyjson_arr_iter_with(value);
    struct fh_slice type = FH_NONE;
    struct fh_slice data = FH_NONE;
    struct fh_path item = {.up = at};
    bool all = yyjson_is_arr(value);

    for (yyjson_val *v = NULL; (v = yyjson_arr_iter_next(&iter)) != NULL; item.index++) {
        yyjson_val *url = fh_json_get(fh_json_get(v, FH_LIT("image_url")), FH_LIT("url"));

        if (fh_data_url_split(fh_json_text(url), &type, &data)) {
            keep_others(l, &item, v, &image_form);
            FH_TRY(late(l, &item, fh_openai_chat_image(l->choice, l->out, type, data)));
        } else {
            all = false;
        }
    }
    keep(l, at, value, all);
    return FH_OK;
}

static const struct fh_slice of_audio[] = {FH_LIT_INIT("id"), FH_LIT_INIT("data"),
                                           FH_LIT_INIT("transcript"),
                                           FH_LIT_INIT("expires_at")};
static const struct fh_openai_chat_form audio_form = {.own = FH_OPENAI_CHAT_NAMES(of_audio)};

/* read_audio: its words are text to those who have no sound. */
static enum fh_rc read_audio(struct listener *l, const struct fh_path *at, yyjson_val *value)
{
    struct fh_slice data = fh_json_text(fh_json_get(value, FH_LIT("data")));
    struct fh_slice words = fh_json_text(fh_json_get(value, FH_LIT("transcript")));

    if (!yyjson_is_obj(value)) {
        return fh_read_wrong(&l->r, at, "an object or null", value);
    }
    FH_TRY(late(l, at, fh_openai_chat_say(l->choice, l->out, FH_BLOCK_TEXT, words, at->key)));
    if (data.len > 0) {
        FH_TRY(late(l, at, fh_openai_chat_audio(l->choice, l->out, data)));
    }
    keep(l, at, value, true);
    keep_others(l, at, value, &audio_form);
    return FH_OK;
}

static enum fh_rc read_annotations(struct listener *l, const struct fh_path *at,
                                   yyjson_val *value)
{
    struct fh_event *event =
        yyjson_is_arr(value) ? fh_openai_chat_cite(l->choice, l->out) : NULL;

    if (event == NULL) {
        keep(l, at, value, false);
    } else {
        (void)fh_read_keep(&l->r, &event->extras, at, value);
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
               : fh_read_wrong(&l->r, at, "a string, the JSON text of the arguments", value);
}

static const struct fh_slice of_call[] = {FH_LIT_INIT("id"), FH_LIT_INIT("type"),
                                          FH_LIT_INIT("function"), FH_LIT_INIT("extra_content"),
                                          FH_LIT_INIT("index")};
static const struct fh_slice of_function[] = {FH_LIT_INIT("name"), FH_LIT_INIT("arguments")};

/* keep_call notes what a call has beside. */
static void keep_call(struct listener *l, const struct fh_path *at, yyjson_val *value,
                      bool signature_alone, struct fh_extras *extras)
{
    static const struct fh_openai_chat_names inner = {of_function, FH_LEN(of_function)};
    static const struct fh_openai_chat_names call = {of_call, FH_LEN(of_call)};
    struct fh_path index_at = {.up = at, .key = of_call[4]};
    struct fh_path function_at = {.up = at, .key = of_call[2]};
    struct fh_path extra_at = {.up = at, .key = of_call[3]};
    yyjson_val *extra = fh_json_get(value, extra_at.key);
    yyjson_val *index = fh_json_get(value, index_at.key);

    fh_openai_chat_keep(extras, l->out->arena, at, value, &call, l->whole);
    fh_openai_chat_keep(extras, l->out->arena, &function_at, fh_json_get(value, of_call[2]),
                        &inner, l->whole);
    if (extra != NULL && (l->whole || !yyjson_is_null(extra))) {
        fh_read_keep(&l->r, extras, &extra_at, extra)->repeats = signature_alone;
    }
    if (index != NULL && l->whole) { /* its place in the list says the same */
        fh_read_keep(&l->r, extras, &index_at, index)->repeats = true;
    }
}

static enum fh_rc read_call(struct listener *l, const struct fh_path *at, yyjson_val *value)
{
    yyjson_val *function = fh_json_get(value, of_call[2]);
    yyjson_val *index = fh_json_get(value, of_call[4]);
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
    bool alone = false;

    if (!yyjson_is_obj(value)) {
        return fh_read_wrong(&l->r, at, "an object", value);
    }
    if (fh_openai_chat_is_custom(value)) {
        /* to be reported at its own place, from which nothing is written back: the block is */
        (void)fh_extra_add(l->extras, l->out->arena, at, FH_NONE, value);
        return late(l, at, fh_openai_chat_opaque(l->choice, l->out, value));
    }
    if (!l->whole && yyjson_is_raw(index) && !fh_json_u64(index, &fragment.index)) {
        fragment.index = UINT64_MAX;
    }
    FH_TRY(read_arguments(l, &arguments_at, fh_json_get(function, of_function[1]),
                          &fragment.arguments));
    fragment.signature =
        fh_openai_chat_call_signature(l->out->arena, fh_json_get(value, of_call[3]),
                                      &fragment.signer, &alone);
    enum fh_rc rc = fh_openai_chat_call(l->choice, l->out, &fragment, &what);

    if (rc != FH_OK) {
        struct fh_slice parts[] = {FH_LIT("the provider sent "), fh_cstr(what)};

        *l->r.why = (struct fh_complaint){FH_REFUSE_UPSTREAM_FAILED,
                                          fh_concat(l->out->arena, parts, FH_LEN(parts)),
                                          fh_path_print(at, FH_NONE, l->out->arena)};
        return rc;
    }
    keep_call(l, at, value, alone, &extras);
    attach(l, &extras, first, FH_BLOCK_TOOL_CALL, fragment.block);
    return FH_OK;
}

static enum fh_rc read_calls(struct listener *l, const struct fh_path *at, yyjson_val *value)
{
    yyjson_arr_iter iter = yyjson_arr_iter_with(value);
    struct fh_path item = {.up = at};

    if (!yyjson_is_arr(value)) {
        return fh_read_wrong(&l->r, at, "a list of tool calls or null", value);
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

/* Members of a message or delta, in the order in which a model works: thinks, says, calls. */
static const struct fh_slice said_keys[] = {
    FH_LIT_INIT("role"),        FH_LIT_INIT("reasoning_content"),
    FH_LIT_INIT("reasoning"),   FH_LIT_INIT("reasoning_details"),
    FH_LIT_INIT("content"),     FH_LIT_INIT("audio"),
    FH_LIT_INIT("images"),      FH_LIT_INIT("refusal"),
    FH_LIT_INIT("annotations"), FH_LIT_INIT("tool_calls"),
};
typedef enum fh_rc said_fn(struct listener *l, const struct fh_path *at, yyjson_val *value);
static said_fn *const said_by[] = {
    NULL,       read_thinking, read_thinking, read_details,     read_content,
    read_audio, read_images,   read_refusal,  read_annotations, read_calls,
};
static_assert(FH_LEN(said_keys) == FH_LEN(said_by), "a reader for each");

/* read_said reads a message or a delta. Members that are there and say nothing are no blocks; they
 * are kept, so that they can be written as they were, but for null and "" in a stream. */
static enum fh_rc read_said(struct listener *l, const struct fh_path *at, yyjson_val *said)
{
    static const struct fh_openai_chat_names known = {said_keys, FH_LEN(said_keys)};
    struct fh_path role_at = {.up = at, .key = said_keys[0]};
    yyjson_val *role = fh_json_get(said, said_keys[0]);

    look_at_details(l, said);
    for (size_t i = 1; i < FH_LEN(said_keys); i++) {
        struct fh_path here = {.up = at, .key = said_keys[i]};
        yyjson_val *value = fh_json_get(said, said_keys[i]);

        if (value != NULL && !says_nothing(value)) {
            FH_TRY(said_by[i](l, &here, value));
        } else if (value != NULL && (l->whole || yyjson_is_arr(value))) {
            keep(l, &here, value, false);
        }
    }
    if (l->whole && role != NULL && !fh_eq(fh_json_text(role), FH_LIT("assistant"))) {
        keep(l, &role_at, role, false);
    }
    fh_openai_chat_keep(l->extras, l->out->arena, at, said, &known, l->whole);
    return FH_OK;
}

/* read_index finds the choice that an element is about, or begins it. */
static enum fh_rc read_index(struct listener *l, struct fh_openai_chat_turn *turn,
                             const struct fh_path *at, yyjson_val *value)
{
    struct fh_path index_at = {.up = at, .key = FH_LIT("index")};
    yyjson_val *number = fh_json_get(value, index_at.key);
    uint64_t index = l->whole ? at->index : 0;

    if (number != NULL && !yyjson_is_null(number) && !fh_json_u64(number, &index)) {
        return fh_read_wrong(&l->r, &index_at, "a small whole number", number);
    }
    l->choice = fh_openai_chat_choice(turn, index);
    if (l->choice == NULL) {
        (void)fh_read_wrong(&l->r, &index_at, "below 128", number);
        return FH_E_LIMIT;
    }
    if (l->whole && fh_openai_chat_is_finished(l->choice)) {
        return late(l, &index_at, FH_E_CONFLICT); /* of two choices with one index, which? */
    }
    l->index = (uint32_t)index;
    return FH_OK;
}

enum fh_rc fh_openai_chat_read_choice(struct fh_openai_chat_turn *turn, struct fh_events *out,
                                      const struct fh_path *at, yyjson_val *value, bool whole,
                                      struct fh_complaint *why)
{
    const struct fh_slice keys[] = {FH_LIT("index"), FH_LIT("finish_reason"),
                                    whole ? FH_LIT("message") : FH_LIT("delta")};
    const struct fh_openai_chat_names known = {keys, FH_LEN(keys)};
    struct fh_extras extras = {0};
    struct listener l = {
        .r = {.arena = out->arena, .why = why}, .out = out, .extras = &extras, .whole = whole};
    struct fh_path said_at = {.up = at, .key = keys[2]};
    yyjson_val *said = fh_json_get(value, keys[2]);
    yyjson_val *word = fh_json_get(value, keys[1]);
    size_t first = out->count;

    if (!yyjson_is_obj(value)) {
        return fh_read_wrong(&l.r, at, "an object", value);
    }
    if (whole ? !yyjson_is_obj(said)
              : said != NULL && !yyjson_is_obj(said) && !yyjson_is_null(said)) {
        return fh_read_wrong(&l.r, &said_at, "an object", said);
    }
    FH_TRY(read_index(&l, turn, at, value));
    FH_TRY(read_said(&l, &said_at, said));
    if (whole) {
        fh_openai_chat_keep(&extras, out->arena, at, value, &known, whole);
        attach(&l, &extras, out->count, FH_BLOCK_TEXT,
               0); /* one event for all, before the end */
        fh_openai_chat_finish(l.choice, out, fh_json_text(word));
        return FH_OK;
    }
    attach(&l, &extras, first, FH_BLOCK_TEXT, 0);
    extras = (struct fh_extras){0};
    fh_openai_chat_keep(&extras, out->arena, at, value, &known, whole);
    if (yyjson_get_len(word) > 0 && yyjson_is_str(word)) {
        fh_openai_chat_finish(l.choice, out, fh_json_text(word));
    }
    attach(&l, &extras, first, FH_BLOCK_TEXT, 0);
    return FH_OK;
}
