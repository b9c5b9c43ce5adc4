/* openai_chat.c: the dialect's table, and the small things that its files share.
 * SPDX-License-Identifier: Apache-2.0 */
#include "openai_chat.h"

enum { REPEATED_LEN = 64 }; /* bytes of a key, and of a value */

const struct fh_extra *fh_openai_chat_find(const struct fh_extras *list, struct fh_slice object,
                                           struct fh_slice key)
{
    for (const struct fh_extra *extra = list->first; extra != NULL; extra = extra->next) {
        if (fh_eq(extra->key, key) && fh_extra_stands_in(extra, object)) {
            return extra;
        }
    }
    return NULL;
}

bool fh_openai_chat_any(const struct fh_extras *list, struct fh_slice object)
{
    for (const struct fh_extra *extra = list->first; extra != NULL; extra = extra->next) {
        if (fh_extra_stands_in(extra, object)) {
            return true;
        }
    }
    return false;
}

void fh_openai_chat_keep(struct fh_extras *list, struct fh_arena *arena,
                         const struct fh_path *path, yyjson_val *obj,
                         const struct fh_openai_chat_names *known, bool whole)
{
    yyjson_obj_iter iter = yyjson_obj_iter_with(obj);

    for (yyjson_val *key = yyjson_obj_iter_next(&iter); key != NULL;
         key = yyjson_obj_iter_next(&iter)) {
        yyjson_val *value = yyjson_obj_iter_get_val(key);
        struct fh_slice name = fh_json_text(key);
        bool listed = !whole && yyjson_is_null(value);

        for (size_t i = 0; i < known->count && !listed; i++) {
            listed = fh_eq(known->name[i], name);
        }
        if (!listed) {
            fh_extra_add(list, arena, path, name, value);
        }
    }
}

void fh_openai_chat_keep_others(struct fh_extras *list, struct fh_arena *arena,
                                const struct fh_path *at, yyjson_val *obj,
                                const struct fh_openai_chat_form *form)
{
    struct fh_path inner_at = {.up = at, .key = form->inner};
    struct fh_path item = {.up = &inner_at};
    const struct fh_openai_chat_names *in = &form->in_inner;

    fh_extras_keep(list, arena, at, obj, form->own.name, form->own.count);
    if (form->inner.len == 0) {
        return;
    }
    yyjson_val *inner = fh_json_get(obj, form->inner);
    yyjson_arr_iter iter = yyjson_arr_iter_with(inner); /* of what is no list: nothing */

    fh_extras_keep(list, arena, &inner_at, inner, in->name, in->count);
    for (yyjson_val *v = NULL; (v = yyjson_arr_iter_next(&iter)) != NULL; item.index++) {
        fh_extras_keep(list, arena, &item, v, in->name, in->count);
    }
}

bool fh_openai_chat_is_repeated(const struct fh_extra *extra)
{
    return !yyjson_is_ctn(extra->value) && yyjson_get_len(extra->value) <= REPEATED_LEN &&
           extra->key.len <= REPEATED_LEN;
}

const struct fh_slice fh_openai_chat_roles[FH_OPENAI_CHAT_ROLES] = {
    [FH_ROLE_SYSTEM] = FH_LIT_INIT("system"), [FH_ROLE_DEVELOPER] = FH_LIT_INIT("developer"),
    [FH_ROLE_USER] = FH_LIT_INIT("user"),     [FH_ROLE_ASSISTANT] = FH_LIT_INIT("assistant"),
    [FH_ROLE_TOOL] = FH_LIT_INIT("tool"),
};

const struct fh_slice fh_openai_chat_efforts[FH_EFFORTS] = {
    [FH_EFFORT_NONE] = FH_LIT_INIT("none"), [FH_EFFORT_MINIMAL] = FH_LIT_INIT("minimal"),
    [FH_EFFORT_LOW] = FH_LIT_INIT("low"),   [FH_EFFORT_MEDIUM] = FH_LIT_INIT("medium"),
    [FH_EFFORT_HIGH] = FH_LIT_INIT("high"), [FH_EFFORT_XHIGH] = FH_LIT_INIT("xhigh"),
    [FH_EFFORT_MAX] = FH_LIT_INIT("max"),
};

static const struct {
    struct fh_slice word;
    enum fh_finish finish;
} finishes[] = {
    {FH_LIT_INIT("stop"), FH_FINISH_STOP},
    {FH_LIT_INIT("length"), FH_FINISH_LENGTH},
    {FH_LIT_INIT("tool_calls"), FH_FINISH_TOOLS},
    {FH_LIT_INIT("content_filter"), FH_FINISH_REFUSAL},
    {FH_LIT_INIT("function_call"), FH_FINISH_TOOLS},
    {FH_LIT_INIT("model_length"), FH_FINISH_CONTEXT}, /* Mistral's */
};

enum fh_finish fh_openai_chat_finish_of(struct fh_slice word)
{
    for (size_t i = 0; i < FH_LEN(finishes); i++) {
        if (fh_eq(finishes[i].word, word)) {
            return finishes[i].finish;
        }
    }
    return FH_FINISH_UNKNOWN;
}

struct fh_slice fh_openai_chat_finish_word(const struct fh_openai_chat_flavour *flavour,
                                           const struct fh_event *finish)
{
    bool ours = finish->dialect == flavour->id;

    return ours || finish->finish == FH_FINISH_UNKNOWN ? finish->finish_word
                                                       : flavour->finish[finish->finish];
}

struct fh_slice fh_openai_chat_reply_id(const struct fh_event *start,
                                        const struct fh_reply_frame *frame,
                                        struct fh_arena *arena)
{
    struct fh_slice parts[] = {FH_LIT("chatcmpl-"), frame->request_id};

    return start != NULL && start->id.len > 0 ? start->id
                                              : fh_concat(arena, parts, FH_LEN(parts));
}

void fh_openai_chat_encode_ping(struct fh_buf *out, enum fh_framing framing)
{
    FH_ASSERT(framing == FH_FRAMING_SSE);
    fh_buf_append(out, FH_LIT(": ping\n\n"));
}

/* ---- the dialect itself ---- */

static const struct fh_slice finish_words[FH_FINISHES] = {
    [FH_FINISH_STOP] = FH_LIT_INIT("stop"),
    [FH_FINISH_STOP_SEQUENCE] = FH_LIT_INIT("stop"),
    [FH_FINISH_LENGTH] = FH_LIT_INIT("length"),
    [FH_FINISH_CONTEXT] = FH_LIT_INIT("length"),
    [FH_FINISH_TOOLS] = FH_LIT_INIT("tool_calls"),
    [FH_FINISH_REFUSAL] = FH_LIT_INIT("content_filter"),
    [FH_FINISH_PAUSE] = FH_LIT_INIT("stop"),
    [FH_FINISH_MALFORMED] = FH_LIT_INIT("tool_calls"),
};

static const struct fh_openai_chat_word tiers[] = {
    {FH_LIT_INIT("auto"), FH_LIT_INIT("auto")},
    {FH_LIT_INIT("default"), FH_LIT_INIT("default")},
    {FH_LIT_INIT("standard_only"), FH_LIT_INIT("default")},
    {FH_LIT_INIT("flex"), FH_LIT_INIT("flex")},
    {FH_LIT_INIT("priority"), FH_LIT_INIT("priority")},
    {FH_LIT_INIT("scale"), FH_LIT_INIT("scale")},
};

const struct fh_openai_chat_flavour fh_openai_chat_itself = {
    .id = FH_DIALECT_OPENAI_CHAT,
    .cells = fh_openai_chat_cells,
    .body = &fh_openai_chat_body_shape,
    .any = "required",
    .thinking = "thinking",
    .tiers = tiers,
    .tier_count = FH_LEN(tiers),
    .finish = finish_words,
};

static enum fh_rc decode_request(struct fh_chat_request *req, struct fh_arena *arena,
                                 struct fh_slice body, struct fh_complaint *why)
{
    return fh_openai_chat_read_request(&fh_openai_chat_itself, req, arena, body, why);
}

static enum fh_rc encode_request(struct fh_buf *out, struct fh_arena *scratch,
                                 const struct fh_chat_request *req, struct fh_loss *loss,
                                 struct fh_complaint *why)
{
    return fh_openai_chat_write_request(&fh_openai_chat_itself, out, scratch, req, loss, why);
}

static enum fh_rc decode_reply(struct fh_events *out, struct fh_slice body,
                               struct fh_complaint *why)
{
    return fh_openai_chat_read_reply(&fh_openai_chat_itself, out, body, why);
}

static void *decoder_new(struct fh_arena *arena)
{
    return fh_openai_chat_decoder_new(&fh_openai_chat_itself, arena);
}

static void encode_reply(struct fh_buf *out, struct fh_arena *scratch,
                         const struct fh_reply_frame *frame, const struct fh_events *events,
                         struct fh_loss *loss)
{
    fh_openai_chat_write_reply(&fh_openai_chat_itself, out, scratch, frame, events, loss);
}

static void *encoder_new(struct fh_arena *arena, const struct fh_reply_frame *frame)
{
    return fh_openai_chat_encoder_new(&fh_openai_chat_itself, arena, frame);
}

const struct fh_dialect fh_dialect_openai_chat = {
    .id = FH_DIALECT_OPENAI_CHAT,
    .name = FH_LIT_INIT("openai_chat"),
    .cells = fh_openai_chat_cells,
    .home = FH_SIGNER_UNKNOWN,
    .framing = FH_FRAMING_SSE,
    .ends_with_bytes = true, /* some servers never send [DONE] */
    .decode_request = decode_request,
    .encode_request = encode_request,
    .decode_reply = decode_reply,
    .stream_decoder_new = decoder_new,
    .decode_stream = fh_openai_chat_decode_stream,
    .encode_reply = encode_reply,
    .stream_encoder_new = encoder_new,
    .encode_stream = fh_openai_chat_encode_stream,
    .encode_fault = fh_openai_chat_encode_fault,
    .fault_status = fh_openai_chat_fault_status,
    .decode_fault = fh_openai_chat_decode_fault,
    .encode_models = fh_openai_chat_encode_models,
    .encode_ping = fh_openai_chat_encode_ping,
    .scan_reply = fh_openai_chat_scan_reply,
    .scan_stream = fh_openai_chat_scan_stream,
};
