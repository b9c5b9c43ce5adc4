/* bedrock_reply_in.c: a provider's whole answer becomes the events that its stream would have
 * given.
 * SPDX-License-Identifier: Apache-2.0 */
#include "dialect/bedrock/bedrock.h"

struct reply {
    struct fh_events *out;
    struct fh_complaint *why;
};

FH_PRINTF(3, 4)
static enum fh_rc broken(struct reply *r, const struct fh_path *at, const char *fmt, ...)
{
    struct fh_buf text = fh_buf_in_arena(r->out->arena, 512);
    struct fh_slice pointer = fh_path_print(at, FH_NONE, r->out->arena);
    va_list args;

    fh_buf_append(&text, FH_LIT("the provider's answer "));
    fh_buf_append(&text, pointer);
    va_start(args, fmt);
    fh_buf_vprintf(&text, fmt, args);
    va_end(args);
    *r->why = (struct fh_complaint){FH_REFUSE_UPSTREAM_FAILED, fh_buf_slice(&text), pointer};
    return FH_E_TYPE;
}

static struct fh_slice text_of(yyjson_val *obj, const char *key)
{
    return fh_json_text(fh_json_get(obj, fh_cstr(key)));
}

/* An element of content, and where its events go. */
struct element {
    struct reply *r;
    uint32_t index;
    const struct fh_path *at;
    yyjson_val *whole;
};

static struct fh_event *push(const struct element *e, enum fh_event_kind kind,
                             enum fh_block_kind block)
{
    struct fh_event *event = fh_event_push(e->r->out, kind);

    event->index = e->index;
    event->block = block;
    return event;
}

/* push_said pushes what a block says, unless it is nothing. */
static struct fh_event *push_said(const struct element *e, enum fh_event_kind kind,
                                  enum fh_block_kind block, struct fh_slice text)
{
    struct fh_event *event = NULL;

    if (text.len > 0) {
        event = push(e, kind, block);
        event->text = text;
    }
    return event;
}

/* Each reads the one member of an element and returns false when it has no form that we know; then
 * the element is opaque. Nothing is pushed before that is known. */
typedef bool element_fn(const struct element *e, const struct fh_path *at, yyjson_val *value);

/* begin pushes BLOCK_START with what stands beside the member that is known, and inside it. */
static struct fh_event *begin(const struct element *e, enum fh_block_kind block,
                              const struct fh_bedrock_known *member)
{
    struct fh_event *start = push(e, FH_EVENT_BLOCK_START, block);

    fh_bedrock_keep(&start->extras, e->r->out->arena, e->at, e->whole, member, 1);
    return start;
}

static bool read_text(const struct element *e, const struct fh_path *at, yyjson_val *value)
{
    static const struct fh_bedrock_known known = FH_BEDROCK_KNOWN("text");

    FH_UNUSED(at);
    if (!yyjson_is_str(value)) {
        return false;
    }
    (void)begin(e, FH_BLOCK_TEXT, &known);
    (void)push_said(e, FH_EVENT_TEXT, FH_BLOCK_TEXT, fh_json_text(value));
    return true;
}

static bool read_thought(const struct element *e, yyjson_val *value)
{
    static const struct fh_bedrock_known inner[] = {FH_BEDROCK_KNOWN("text"),
                                                    FH_BEDROCK_KNOWN("signature")};
    static const struct fh_bedrock_known outer[] = {
        FH_BEDROCK_KNOWN_IN("reasoningText", inner)};
    static const struct fh_bedrock_known known = FH_BEDROCK_KNOWN_IN("reasoningContent", outer);
    yyjson_val *thought = fh_json_get(value, FH_LIT("reasoningText"));
    struct fh_event *event = NULL;

    if (!yyjson_is_str(fh_json_get(thought, FH_LIT("text")))) {
        return false;
    }
    (void)begin(e, FH_BLOCK_THINKING, &known);
    (void)push_said(e, FH_EVENT_THINKING, FH_BLOCK_THINKING, text_of(thought, "text"));
    event = push_said(e, FH_EVENT_SIGNATURE, FH_BLOCK_THINKING, text_of(thought, "signature"));
    if (event != NULL) {
        event->signer = FH_SIGNER_CLAUDE;
    }
    return true;
}

static bool read_reasoning(const struct element *e, const struct fh_path *at, yyjson_val *value)
{
    static const struct fh_bedrock_known inner[] = {FH_BEDROCK_KNOWN("redactedContent")};
    static const struct fh_bedrock_known known = FH_BEDROCK_KNOWN_IN("reasoningContent", inner);
    enum fh_signer signer = FH_SIGNER_CLAUDE;
    struct fh_slice data = FH_NONE;

    FH_UNUSED(at);
    if (!fh_bedrock_read_redacted(e->r->out->arena, text_of(value, "redactedContent"), &data,
                                  &signer)) {
        return read_thought(e, value);
    }
    struct fh_event *start = begin(e, FH_BLOCK_REDACTED, &known);

    start->text = data;
    start->signer = signer;
    return true;
}

static bool read_call(const struct element *e, const struct fh_path *at, yyjson_val *value)
{
    static const struct fh_bedrock_known inner[] = {FH_BEDROCK_KNOWN("toolUseId"),
                                                    FH_BEDROCK_KNOWN("name"),
                                                    FH_BEDROCK_KNOWN("input"),
                                                    FH_BEDROCK_KNOWN("type")};
    static const struct fh_bedrock_known known = FH_BEDROCK_KNOWN_IN("toolUse", inner);
    yyjson_val *id = fh_json_get(value, FH_LIT("toolUseId"));
    yyjson_val *name = fh_json_get(value, FH_LIT("name"));
    yyjson_val *type = fh_json_get(value, FH_LIT("type"));
    yyjson_val *input = fh_json_get(value, FH_LIT("input"));
    struct fh_buf arguments = fh_buf_in_arena(e->r->out->arena, SIZE_MAX / 4);
    bool usual = fh_eq(fh_json_text(type), FH_LIT("tool_use"));

    if (!yyjson_is_str(id) || (type != NULL && !usual) || !yyjson_is_str(name)) {
        return false; /* or a call that the provider runs itself */
    }
    struct fh_event *start = begin(e, FH_BLOCK_TOOL_CALL, &known);

    start->id = fh_json_text(id);
    start->name = fh_json_text(name);
    if (usual) { /* what every call is */
        fh_extra_add(&start->extras, e->r->out->arena, at, FH_LIT("type"), type)->repeats =
            true;
    }
    if (input != NULL) {
        fh_json_append_val(&arguments, e->r->out->arena, input);
    }
    (void)push_said(e, FH_EVENT_ARGUMENTS, FH_BLOCK_TOOL_CALL,
                    input == NULL ? FH_LIT("{}") : fh_buf_slice(&arguments));
    return true;
}

/* push_citations has each citation told by itself, as a stream does. */
static void push_citations(const struct element *e, yyjson_val *citations)
{
    yyjson_arr_iter iter = yyjson_arr_iter_with(citations);

    for (yyjson_val *one = NULL; (one = yyjson_arr_iter_next(&iter)) != NULL;) {
        struct fh_event *event = push(e, FH_EVENT_CITATIONS, FH_BLOCK_TEXT);

        (void)fh_extra_add(&event->extras, e->r->out->arena, e->at, FH_LIT("citation"), one);
    }
}

/* read_cited reads generated text with citations as text; it is also kept whole, since the text may
 * be in several pieces. */
static bool read_cited(const struct element *e, const struct fh_path *at, yyjson_val *value)
{
    static const struct fh_bedrock_known piece_known[] = {FH_BEDROCK_KNOWN("text")};
    static const struct fh_bedrock_known inner[] = {FH_BEDROCK_KNOWN_IN("content", piece_known),
                                                    FH_BEDROCK_KNOWN("citations")};
    static const struct fh_bedrock_known known = FH_BEDROCK_KNOWN_IN("citationsContent", inner);
    yyjson_val *content = fh_json_get(value, FH_LIT("content"));
    yyjson_arr_iter iter = yyjson_arr_iter_with(content);
    struct fh_buf text = fh_buf_in_arena(e->r->out->arena, SIZE_MAX / 4);

    if (!yyjson_is_arr(content)) {
        return false;
    }
    for (yyjson_val *piece = NULL; (piece = yyjson_arr_iter_next(&iter)) != NULL;) {
        fh_buf_append(&text, text_of(piece, "text"));
    }
    struct fh_event *start = begin(e, FH_BLOCK_TEXT, &known);

    fh_extra_add(&start->extras, e->r->out->arena, e->at, at->key, value)->repeats = true;
    (void)push_said(e, FH_EVENT_TEXT, FH_BLOCK_TEXT, fh_buf_slice(&text));
    push_citations(e, fh_json_get(value, FH_LIT("citations")));
    return true;
}

static bool read_image(const struct element *e, const struct fh_path *at, yyjson_val *value)
{
    static const struct fh_bedrock_known inner[] = {FH_BEDROCK_KNOWN("format"),
                                                    FH_BEDROCK_KNOWN("source")};
    static const struct fh_bedrock_known known = FH_BEDROCK_KNOWN_IN("image", inner);
    yyjson_val *source = fh_json_get(value, FH_LIT("source"));
    struct fh_slice bytes = text_of(source, "bytes");
    struct fh_slice type = fh_bedrock_media_type(FH_BLOCK_IMAGE, text_of(value, "format"));

    FH_UNUSED(at);
    if (type.len == 0 || bytes.len == 0 || yyjson_obj_size(source) != 1) {
        return false;
    }
    struct fh_event *start = begin(e, FH_BLOCK_IMAGE, &known);

    start->media_type = type;
    (void)push_said(e, FH_EVENT_DATA, FH_BLOCK_IMAGE, bytes);
    return true;
}

static const struct {
    struct fh_slice key;
    element_fn *read;
} elements[] = {
    {FH_LIT_INIT("text"), read_text},
    {FH_LIT_INIT("toolUse"), read_call},
    {FH_LIT_INIT("reasoningContent"), read_reasoning},
    {FH_LIT_INIT("citationsContent"), read_cited},
    {FH_LIT_INIT("image"), read_image},
};

static enum fh_rc read_element(const struct element *e)
{
    enum fh_block_kind block = FH_BLOCK_OPAQUE;
    size_t first = e->r->out->count;
    bool known = false;

    if (!yyjson_is_obj(e->whole)) {
        return broken(e->r, e->at, " is %s", fh_json_kind(e->whole));
    }
    for (size_t i = 0; i < FH_LEN(elements) && !known; i++) {
        struct fh_path at = {.up = e->at, .key = elements[i].key};
        yyjson_val *value = fh_json_get(e->whole, at.key);

        known = value != NULL && elements[i].read(e, &at, value);
    }
    if (known) {
        block = e->r->out->list[first].block;
    } else {
        push(e, FH_EVENT_BLOCK_START, FH_BLOCK_OPAQUE)->raw = e->whole;
    }
    (void)push(e, FH_EVENT_BLOCK_STOP, block);
    return FH_OK;
}

static enum fh_rc read_content(struct reply *r, const struct fh_path *at, yyjson_val *list)
{
    yyjson_arr_iter iter = yyjson_arr_iter_with(list);
    struct fh_path item = {.up = at};

    if (!yyjson_is_arr(list)) {
        return broken(r, at, " is %s", list == NULL ? "missing" : fh_json_kind(list));
    }
    for (yyjson_val *one = NULL; (one = yyjson_arr_iter_next(&iter)) != NULL; item.index++) {
        struct element e = {r, (uint32_t)item.index, &item, one};

        FH_TRY(read_element(&e));
    }
    return FH_OK;
}

/* read_disguised: an error body that came with status 200. */
static bool read_disguised(struct reply *r, yyjson_val *root, struct fh_slice body)
{
    struct fh_fault fault;

    if (fh_json_get(root, FH_LIT("output")) != NULL ||
        (fh_json_get(root, FH_LIT("message")) == NULL &&
         fh_json_get(root, FH_LIT("__type")) == NULL)) {
        return false;
    }
    fh_bedrock_read_fault(&fault, r->out->arena, FH_NONE, body);
    fh_event_push(r->out, FH_EVENT_ERROR)->fault = fault;
    return true;
}

enum fh_rc fh_bedrock_decode_reply(struct fh_events *out, struct fh_slice body,
                                   struct fh_complaint *why)
{
    static const struct fh_slice top[] = {FH_LIT_INIT("output"), FH_LIT_INIT("stopReason"),
                                          FH_LIT_INIT("additionalModelResponseFields")};
    static const struct fh_bedrock_known inner[] = {FH_BEDROCK_KNOWN("role"),
                                                    FH_BEDROCK_KNOWN("content")};
    static const struct fh_bedrock_known known[] = {FH_BEDROCK_KNOWN_IN("message", inner)};
    struct fh_path output = {.key = top[0]};
    struct fh_path at = {.up = &output, .key = known[0].key};
    struct fh_path list = {.up = &at, .key = FH_LIT("content")};
    struct reply r = {out, why};
    struct fh_usage usage = {0};
    yyjson_val *root = NULL;
    struct fh_error error;

    out->dialect = FH_DIALECT_BEDROCK;
    if (fh_json_parse(out->arena, body, &root, &error) != FH_OK) {
        (void)broken(&r, NULL, "is not JSON: %s at byte %llu", error.what,
                     (unsigned long long)error.at);
        return FH_E_SYNTAX;
    }
    if (read_disguised(&r, root, body)) {
        return FH_OK;
    }
    yyjson_val *message = fh_json_get(fh_json_get(root, top[0]), at.key);

    if (!yyjson_is_obj(message)) {
        return broken(&r, &at, " is %s", message == NULL ? "missing" : fh_json_kind(message));
    }
    struct fh_event *start = fh_event_push(out, FH_EVENT_START);

    fh_bedrock_keep(&start->extras, out->arena, &output, fh_json_get(root, output.key), known,
                    FH_LEN(known));
    FH_TRY(read_content(&r, &list, fh_json_get(message, list.key)));
    (void)fh_bedrock_read_finish(out, root);
    fh_bedrock_read_metadata(out, root, &usage, top, FH_LEN(top));
    (void)fh_event_push(out, FH_EVENT_END);
    return FH_OK;
}
