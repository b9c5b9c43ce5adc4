/* openai_chat.c: the dialect's table, and the small things that its files share.
 * SPDX-License-Identifier: Apache-2.0 */
#include "openai_chat.h"

enum {
    SENTENCE_MAX = 2048,
    REPEATED_LEN = 64, /* bytes of a key, and of a value */
};

static const char *kind_of(yyjson_val *val)
{
    switch (yyjson_get_type(val)) {
    case YYJSON_TYPE_NULL:
        return "null";
    case YYJSON_TYPE_BOOL:
        return yyjson_is_true(val) ? "true" : "false";
    case YYJSON_TYPE_RAW:
    case YYJSON_TYPE_NUM:
        return "a number";
    case YYJSON_TYPE_STR:
        return "a string";
    case YYJSON_TYPE_ARR:
        return "a list";
    case YYJSON_TYPE_OBJ:
        return "an object";
    default:
        return "nothing";
    }
}

enum fh_rc fh_openai_chat_wrong(struct fh_complaint *why, struct fh_arena *arena,
                                const struct fh_path *at, const char *right, yyjson_val *got)
{
    struct fh_buf text = fh_buf_in_arena(arena, SENTENCE_MAX);
    struct fh_slice pointer = fh_path_print(at, FH_NONE, arena);

    fh_buf_append(&text, pointer.len == 0 ? FH_LIT("the body") : pointer);
    fh_buf_printf(&text, " must be %s, not %s", right, kind_of(got));
    *why = (struct fh_complaint){FH_REFUSE_BAD_REQUEST, fh_buf_slice(&text), pointer};
    return FH_E_TYPE;
}

enum fh_rc fh_openai_chat_missing(struct fh_complaint *why, struct fh_arena *arena,
                                  const struct fh_path *object, const char *what)
{
    struct fh_buf text = fh_buf_in_arena(arena, SENTENCE_MAX);
    struct fh_slice pointer = fh_path_print(object, FH_NONE, arena);

    fh_buf_append(&text, pointer.len == 0 ? FH_LIT("the body") : pointer);
    fh_buf_printf(&text, " must have %s", what);
    *why = (struct fh_complaint){FH_REFUSE_BAD_REQUEST, fh_buf_slice(&text), pointer};
    return FH_E_MISSING;
}

enum fh_rc fh_openai_chat_bad_json(struct fh_complaint *why, struct fh_arena *arena,
                                   const struct fh_error *error)
{
    struct fh_buf text = fh_buf_in_arena(arena, SENTENCE_MAX);

    if (error->code == FH_E_LIMIT) {
        *why = (struct fh_complaint){FH_REFUSE_TOO_LARGE,
                                     FH_LIT("the body needs more memory than one may take"),
                                     FH_NONE};
        return error->code;
    }
    fh_buf_printf(&text, "the body must be JSON: %s at byte %llu", error->what,
                  (unsigned long long)error->at);
    *why = (struct fh_complaint){FH_REFUSE_BAD_REQUEST, fh_buf_slice(&text), FH_NONE};
    return error->code;
}

static struct fh_slice take_token(struct fh_slice *pointer)
{
    struct fh_slice token = fh_head(*pointer, fh_find(*pointer, '/'));

    *pointer = fh_tail(*pointer, token.len);
    return token;
}

static bool is_index(struct fh_slice token)
{
    return token.len > 0 && token.ptr[0] >= '0' && token.ptr[0] <= '9';
}

bool fh_openai_chat_stands_in(const struct fh_extra *extra, struct fh_slice object)
{
    struct fh_slice pointer = extra->pointer;

    while (object.len > 0) {
        if (!fh_take(&object, FH_LIT("/")) || !fh_take(&pointer, FH_LIT("/"))) {
            return false;
        }
        struct fh_slice want = take_token(&object);
        struct fh_slice token = take_token(&pointer);

        if (fh_eq(want, FH_LIT("#")) ? !is_index(token) : !fh_eq(want, token)) {
            return false;
        }
    }
    return fh_take(&pointer, FH_LIT("/")) && fh_find(pointer, '/') == pointer.len;
}

const struct fh_extra *fh_openai_chat_find(const struct fh_extras *list, struct fh_slice object,
                                           struct fh_slice key)
{
    for (const struct fh_extra *extra = list->first; extra != NULL; extra = extra->next) {
        if (fh_eq(extra->key, key) && fh_openai_chat_stands_in(extra, object)) {
            return extra;
        }
    }
    return NULL;
}

bool fh_openai_chat_any(const struct fh_extras *list, struct fh_slice object)
{
    for (const struct fh_extra *extra = list->first; extra != NULL; extra = extra->next) {
        if (fh_openai_chat_stands_in(extra, object)) {
            return true;
        }
    }
    return false;
}

/* has_own looks among the first `count` members, so that the cost does not grow with what a peer
 * sent. */
static bool has_own(yyjson_mut_val *obj, size_t count, struct fh_slice key)
{
    yyjson_mut_obj_iter iter = yyjson_mut_obj_iter_with(obj);

    for (size_t i = 0; i < count; i++) {
        yyjson_mut_val *own = yyjson_mut_obj_iter_next(&iter);

        if (fh_eq(fh_slice(yyjson_mut_get_str(own), yyjson_mut_get_len(own)), key)) {
            return true;
        }
    }
    return false;
}

void fh_openai_chat_put(const struct fh_extras *list, struct fh_slice object,
                        yyjson_mut_doc *doc, yyjson_mut_val *obj)
{
    size_t own = yyjson_mut_obj_size(obj);

    for (const struct fh_extra *extra = list->first; extra != NULL; extra = extra->next) {
        if (fh_openai_chat_stands_in(extra, object) && !has_own(obj, own, extra->key)) {
            (void)yyjson_mut_obj_add(
                obj, yyjson_mut_strn(doc, (const char *)extra->key.ptr, extra->key.len),
                yyjson_val_mut_copy(doc, extra->value));
        }
    }
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

/* The first word of a meaning is the one we say ourselves. */
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
    /* what this dialect has no word of its own for */
    {FH_LIT_INIT("stop"), FH_FINISH_STOP_SEQUENCE},
    {FH_LIT_INIT("length"), FH_FINISH_CONTEXT},
    {FH_LIT_INIT("stop"), FH_FINISH_PAUSE},
    {FH_LIT_INIT("tool_calls"), FH_FINISH_MALFORMED},
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

struct fh_slice fh_openai_chat_finish_word(const struct fh_event *finish)
{
    if (finish->dialect == FH_DIALECT_OPENAI_CHAT || finish->finish == FH_FINISH_UNKNOWN) {
        return finish->finish_word;
    }
    if (finish->finish == FH_FINISH_CONTEXT) {
        return FH_LIT("length"); /* "model_length" is known to Mistral's clients alone */
    }
    for (size_t i = 0; i < FH_LEN(finishes); i++) {
        if (finishes[i].finish == finish->finish) {
            return finishes[i].word;
        }
    }
    return FH_LIT("stop");
}

struct fh_slice fh_openai_chat_reply_id(const struct fh_event *start,
                                        const struct fh_reply_frame *frame,
                                        struct fh_arena *arena)
{
    struct fh_slice parts[] = {FH_LIT("chatcmpl-"), frame->request_id};

    return start != NULL && start->id.len > 0 ? start->id
                                              : fh_concat(arena, parts, FH_LEN(parts));
}

const struct fh_dialect fh_dialect_openai_chat = {
    .id = FH_DIALECT_OPENAI_CHAT,
    .name = FH_LIT_INIT("openai_chat"),
    .cells = fh_openai_chat_cells,
    .home = FH_SIGNER_UNKNOWN,
    .framing = FH_FRAMING_SSE,
    .ends_with_bytes = true, /* some servers never send [DONE] */
    .decode_request = fh_openai_chat_decode_request,
    .encode_request = fh_openai_chat_encode_request,
    .decode_reply = fh_openai_chat_decode_reply,
    .stream_decoder_new = fh_openai_chat_decoder_new,
    .decode_stream = fh_openai_chat_decode_stream,
    .encode_reply = fh_openai_chat_encode_reply,
    .stream_encoder_new = fh_openai_chat_encoder_new,
    .encode_stream = fh_openai_chat_encode_stream,
    .encode_fault = fh_openai_chat_encode_fault,
    .fault_status = fh_openai_chat_fault_status,
    .decode_fault = fh_openai_chat_decode_fault,
    .encode_models = fh_openai_chat_encode_models,
    .scan_reply = fh_openai_chat_scan_reply,
    .scan_stream = fh_openai_chat_scan_stream,
};
