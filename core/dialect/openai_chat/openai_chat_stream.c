/* openai_chat_stream.c: chunks of a stream become events. Each chunk is parsed once.
 * SPDX-License-Identifier: Apache-2.0 */
#include "openai_chat.h"

#include "base/hash.h"

enum {
    HELD_MAX = 1 << 14 /* bytes of a first chunk that does not name the reply yet */
};

/* A member that every chunk repeats, as checksums. */
struct told {
    uint32_t key, all;
};

struct decoder {
    const struct fh_openai_chat_flavour *flavour;
    struct fh_arena *arena;
    struct fh_openai_chat_turn *turn;
    struct fh_slice held; /* Azure's first chunk: no id, no model, no choices */
    struct told told[FH_OPENAI_CHAT_REPEATED_MAX];
    uint32_t told_count;
    bool started;
    bool ended; /* nothing of meaning follows */
};

static const struct fh_slice top_keys[] = {
    FH_LIT_INIT("choices"),     FH_LIT_INIT("usage"),   FH_LIT_INIT("id"),
    FH_LIT_INIT("model"),       FH_LIT_INIT("created"), FH_LIT_INIT("object"),
    FH_LIT_INIT("obfuscation"), /* padding: it hides the length of this chunk alone */
};
static const struct fh_openai_chat_names top = {top_keys, FH_LEN(top_keys)};

void *fh_openai_chat_decoder_new(const struct fh_openai_chat_flavour *flavour,
                                 struct fh_arena *arena)
{
    struct decoder *dec = fh_new(arena, struct decoder);

    dec->flavour = flavour;
    dec->arena = arena;
    dec->turn = fh_openai_chat_turn_new(arena);
    return dec;
}

static struct told sums_of(const struct fh_extra *extra)
{
    uint8_t type = yyjson_get_tag(extra->value);
    struct told t = {.key = fh_crc32c(0, extra->key)};

    t.all = fh_crc32c(fh_crc32c(t.key, fh_slice(&type, 1)), yyjson_is_raw(extra->value)
                                                                ? fh_json_number(extra->value)
                                                                : fh_json_text(extra->value));
    return t;
}

/* is_told says whether the start has said the same. A member that changes is no longer repeated:
 * from then on each chunk speaks for itself. */
static bool is_told(struct decoder *dec, const struct fh_extra *extra)
{
    struct told sums = sums_of(extra);

    for (uint32_t i = 0; i < dec->told_count; i++) {
        if (dec->told[i].key == sums.key) {
            bool same = fh_openai_chat_is_repeated(extra) && dec->told[i].all == sums.all;

            if (!same) {
                dec->told[i] = dec->told[--dec->told_count];
            }
            return same;
        }
    }
    return false;
}

/* drop_told leaves out what the start has said and every chunk repeats. */
static void drop_told(struct decoder *dec, struct fh_extras *extras)
{
    struct fh_extra *extra = extras->first;

    *extras = (struct fh_extras){0};
    while (extra != NULL) {
        struct fh_extra *next = extra->next;

        if (!is_told(dec, extra)) {
            extra->next = NULL;
            if (extras->last == NULL) {
                extras->first = extra;
            } else {
                extras->last->next = extra;
            }
            extras->last = extra;
        }
        extra = next;
    }
}

static void remember_told(struct decoder *dec, const struct fh_extras *extras)
{
    for (const struct fh_extra *e = extras->first; e != NULL; e = e->next) {
        struct told sums = sums_of(e);
        bool known = !fh_openai_chat_is_repeated(e);

        for (uint32_t i = 0; i < dec->told_count; i++) {
            known = known || dec->told[i].key == sums.key;
        }
        if (!known && dec->told_count < FH_OPENAI_CHAT_REPEATED_MAX) {
            dec->told[dec->told_count++] = sums;
        }
    }
}

/* hold puts off the start until a chunk names the reply. False when this chunk must start it. */
static bool hold(struct decoder *dec, struct fh_slice data, yyjson_val *root)
{
    bool nameless = fh_json_text(fh_json_get(root, FH_LIT("id"))).len == 0 &&
                    yyjson_arr_size(fh_json_get(root, FH_LIT("choices"))) == 0 &&
                    !yyjson_is_obj(fh_json_get(root, FH_LIT("usage")));

    if (!nameless || dec->held.len > 0 || data.len > HELD_MAX) {
        return false;
    }
    dec->held = fh_dup(dec->arena, data);
    return true;
}

static void start(struct decoder *dec, struct fh_events *out, yyjson_val *root)
{
    struct fh_event *event = fh_event_push(out, FH_EVENT_START);
    yyjson_val *held = NULL;
    struct fh_error why;

    dec->started = true;
    event->id = fh_json_text(fh_json_get(root, FH_LIT("id")));
    event->model = fh_json_text(fh_json_get(root, FH_LIT("model")));
    (void)!fh_json_u64(fh_json_get(root, FH_LIT("created")), &event->created_s);
    fh_openai_chat_turn_id(dec->turn, event->id);
    fh_openai_chat_keep(&event->extras, out->arena, NULL, root, &top, false);
    if (dec->held.len > 0 && fh_json_parse(out->arena, dec->held, &held, &why) == FH_OK) {
        fh_openai_chat_keep(&event->extras, out->arena, NULL, held, &top, false);
    }
    remember_told(dec, &event->extras);
}

/* bearer finds the event that takes what a chunk holds beside its choices: the last one, but
 * citations carry nothing else, and a client who cannot be told of a choice learns nothing that
 * comes with it. */
static struct fh_event *bearer(struct fh_events *out, size_t before)
{
    for (size_t i = out->count; i > before; i--) {
        struct fh_event *event = &out->list[i - 1];

        if (event->choice == 0 && event->kind != FH_EVENT_CITATIONS) {
            return event;
        }
    }
    return fh_event_push(out, FH_EVENT_EXTRA);
}

/* read_chunk reads one chunk. */
static enum fh_rc read_chunk(struct decoder *dec, struct fh_events *out, yyjson_val *root,
                             struct fh_complaint *why)
{
    struct fh_path choices_at = {.key = FH_LIT("choices")};
    struct fh_path item = {.up = &choices_at};
    yyjson_val *choices = fh_json_get(root, choices_at.key);
    yyjson_val *usage = fh_json_get(root, FH_LIT("usage"));
    yyjson_arr_iter iter = yyjson_arr_iter_with(choices);
    struct fh_reader r = {.arena = out->arena, .why = why};
    struct fh_extras extras = {0};
    bool first = !dec->started;

    if (choices != NULL && !yyjson_is_arr(choices) && !yyjson_is_null(choices)) {
        return fh_read_wrong(&r, &choices_at, "a list", choices);
    }
    if (first) {
        start(dec, out, root);
    }
    size_t before = out->count;

    for (yyjson_val *v = yyjson_arr_iter_next(&iter); v != NULL;
         v = yyjson_arr_iter_next(&iter)) {
        FH_TRY(fh_openai_chat_read_choice(dec->turn, out, &item, v, false, why));
        item.index++;
    }
    if (yyjson_is_obj(usage)) {
        fh_openai_chat_usage_event(out, usage, false);
    }
    if (first) {
        return FH_OK;
    }
    fh_openai_chat_keep(&extras, out->arena, NULL, root, &top, false);
    drop_told(dec, &extras);
    if (extras.first != NULL) {
        fh_extras_append(&bearer(out, before)->extras, &extras);
    }
    return FH_OK;
}

enum fh_rc fh_openai_chat_decode_stream(void *decoder, struct fh_events *out,
                                        const struct fh_frame *wire, struct fh_complaint *why)
{
    struct decoder *dec = decoder;
    struct fh_reader r = {.arena = out->arena, .why = why};
    yyjson_val *root = NULL;

    out->dialect = dec->flavour->id;
    if (dec->ended) {
        return FH_OK;
    }
    if (wire->data.len == 0) { /* a comment: the provider is alive */
        (void)fh_event_push(out, FH_EVENT_PING);
        return FH_OK;
    }
    if (fh_eq(wire->data, FH_LIT("[DONE]"))) {
        dec->ended = true;
        fh_openai_chat_close(dec->turn, out);
        (void)fh_event_push(out, FH_EVENT_END);
        return FH_OK;
    }
    FH_TRY(fh_read_document(&r, wire->data, &root));
    yyjson_val *fault = fh_openai_chat_error_in(root);

    if (fault == NULL && fh_eq(wire->name, FH_LIT("error"))) {
        fault = root;
    }
    if (fault != NULL) {
        yyjson_val *usage = fh_json_get(root, FH_LIT("usage"));

        if (!dec->started && yyjson_get_len(fh_json_get(root, FH_LIT("id"))) > 0) {
            start(dec, out, root);
        }
        if (yyjson_is_obj(usage)) { /* OpenRouter bills what came before */
            fh_openai_chat_usage_event(out, usage, false);
        }
        fh_openai_chat_read_fault(&fh_event_push(out, FH_EVENT_ERROR)->fault, 0, fault);
        return FH_OK;
    }
    if (!dec->started && hold(dec, wire->data, root)) {
        return FH_OK;
    }
    return read_chunk(dec, out, root, why);
}
