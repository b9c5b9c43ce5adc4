/* anthropic_reply.c: whole replies, both ways, and the pieces that streams have in common with
 * them.
 * SPDX-License-Identifier: Apache-2.0 */
#include "dialect/anthropic/anthropic.h"

static const char no_counterpart[] = "has no counterpart in anthropic";

/* ---- a provider's message becomes events ---- */

static bool is_one_of(struct fh_slice key, const struct fh_slice *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (fh_eq(names[i], key)) {
            return true;
        }
    }
    return false;
}

/* keep_others notes the members of `obj` that are not among `names`. */
static void keep_others(struct fh_extras *extras, struct fh_arena *arena,
                        const struct fh_path *at, yyjson_val *obj, const struct fh_slice *names,
                        size_t count)
{
    yyjson_obj_iter iter = yyjson_obj_iter_with(obj);

    for (yyjson_val *key = NULL; (key = yyjson_obj_iter_next(&iter)) != NULL;) {
        if (!is_one_of(fh_json_text(key), names, count)) {
            fh_extra_add(extras, arena, at, fh_json_text(key), yyjson_obj_iter_get_val(key));
        }
    }
}

static struct fh_event *push(struct fh_events *out, enum fh_event_kind kind, uint32_t index,
                             struct fh_slice text)
{
    struct fh_event *event = fh_event_push(out, kind);

    event->index = index;
    event->text = text;
    return event;
}

/* push_said pushes text that has some. */
static void push_said(struct fh_events *out, enum fh_event_kind kind, uint32_t index,
                      struct fh_slice text)
{
    if (text.len > 0) {
        (void)push(out, kind, index, text);
    }
}

static void push_citations(struct fh_events *out, uint32_t index, const struct fh_path *at,
                           yyjson_val *list)
{
    struct fh_path citations = {at, FH_LIT("citations"), 0};
    yyjson_arr_iter iter = yyjson_arr_iter_with(list);

    for (yyjson_val *one = NULL; (one = yyjson_arr_iter_next(&iter)) != NULL;) {
        struct fh_event *event = push(out, FH_EVENT_EXTRA, index, FH_NONE);

        fh_extra_add(&event->extras, out->arena, &citations, FH_LIT("citation"), one);
    }
}

/* Blocks that a model writes and that other dialects know: their members, of which the second must
 * be there and be a string. */
enum { BLOCK_MEMBERS = 4 };

static const struct shape {
    enum fh_block_kind kind;
    struct fh_slice type;
    struct fh_slice members[BLOCK_MEMBERS];
    size_t count;
} shapes[] = {
    {FH_BLOCK_TEXT,
     FH_LIT_INIT("text"),
     {FH_LIT_INIT("type"), FH_LIT_INIT("text"), FH_LIT_INIT("citations")},
     3},
    {FH_BLOCK_THINKING,
     FH_LIT_INIT("thinking"),
     {FH_LIT_INIT("type"), FH_LIT_INIT("thinking"), FH_LIT_INIT("signature")},
     3},
    {FH_BLOCK_REDACTED,
     FH_LIT_INIT("redacted_thinking"),
     {FH_LIT_INIT("type"), FH_LIT_INIT("data")},
     2},
    {FH_BLOCK_TOOL_CALL,
     FH_LIT_INIT("tool_use"),
     {FH_LIT_INIT("type"), FH_LIT_INIT("id"), FH_LIT_INIT("name"), FH_LIT_INIT("input")},
     4},
};

static const struct shape *shape_of(struct fh_slice type)
{
    for (size_t i = 0; i < FH_LEN(shapes); i++) {
        if (fh_eq(shapes[i].type, type)) {
            return &shapes[i];
        }
    }
    return NULL;
}

static enum fh_rc wrong(struct fh_events *out, struct fh_complaint *why,
                        const struct fh_path *at, const char *what, yyjson_val *got)
{
    return fh_anthropic_complain(why, out->arena, at, FH_REFUSE_UPSTREAM_FAILED, FH_E_TYPE,
                                 "%s belongs here, and the provider sent %s", what,
                                 fh_anthropic_kind(got));
}

/* push_content pushes what an opened block of a known shape says at once. */
static enum fh_rc push_content(struct fh_events *out, uint32_t index, const struct fh_path *at,
                               yyjson_val *block, enum fh_block_kind kind,
                               struct fh_complaint *why)
{
    yyjson_val *input = fh_json_get(block, FH_LIT("input"));

    if (kind == FH_BLOCK_TEXT) {
        push_said(out, FH_EVENT_TEXT, index, fh_json_text(fh_json_get(block, FH_LIT("text"))));
        push_citations(out, index, at, fh_json_get(block, FH_LIT("citations")));
    } else if (kind == FH_BLOCK_THINKING) {
        push_said(out, FH_EVENT_THINKING, index,
                  fh_json_text(fh_json_get(block, FH_LIT("thinking"))));
        push_said(out, FH_EVENT_SIGNATURE, index,
                  fh_json_text(fh_json_get(block, FH_LIT("signature"))));
    } else if (kind == FH_BLOCK_TOOL_CALL && input != NULL && !yyjson_is_obj(input)) {
        struct fh_path place = {at, FH_LIT("input"), 0};

        return wrong(out, why, &place, "an object", input);
    } else if (kind == FH_BLOCK_TOOL_CALL && yyjson_obj_size(input) > 0) {
        struct fh_buf text = fh_buf_in_arena(out->arena, SIZE_MAX / 4);

        fh_json_append_val(&text, out->arena, input);
        push_said(out, FH_EVENT_ARGUMENTS, index, fh_buf_slice(&text));
    }
    return FH_OK;
}

enum fh_rc fh_anthropic_open_block(struct fh_events *out, uint32_t index,
                                   const struct fh_path *at, yyjson_val *block,
                                   enum fh_block_kind *kind, bool *has_arguments,
                                   struct fh_complaint *why)
{
    yyjson_val *type = fh_json_get(block, FH_LIT("type"));

    if (!yyjson_is_obj(block) || !yyjson_is_str(type)) {
        return wrong(out, why, at, "a block with a type", block);
    }
    const struct shape *shape = shape_of(fh_json_text(type));
    struct fh_event *event = push(out, FH_EVENT_BLOCK_START, index, FH_NONE);

    *has_arguments = false;
    *kind = event->block = shape == NULL ? FH_BLOCK_OPAQUE : shape->kind;
    if (shape == NULL) {
        event->raw = block;
        return FH_OK;
    }
    yyjson_val *needed = fh_json_get(block, shape->members[1]);

    if (!yyjson_is_str(needed)) {
        struct fh_path place = {at, shape->members[1], 0};

        return wrong(out, why, &place, "a string", needed);
    }
    keep_others(&event->extras, out->arena, at, block, shape->members, shape->count);
    if (event->block == FH_BLOCK_TOOL_CALL) {
        event->id = fh_json_text(needed);
        event->name = fh_json_text(fh_json_get(block, FH_LIT("name")));
        *has_arguments = yyjson_obj_size(fh_json_get(block, FH_LIT("input"))) > 0;
    } else if (event->block == FH_BLOCK_REDACTED) {
        event->text = fh_json_text(needed);
    }
    return push_content(out, index, at, block, *kind, why);
}

enum fh_rc fh_anthropic_read_blocks(struct fh_events *out, const struct fh_path *at,
                                    yyjson_val *content, uint32_t *count,
                                    struct fh_complaint *why)
{
    yyjson_arr_iter iter = yyjson_arr_iter_with(content);
    struct fh_path item = {at, FH_NONE, 0};
    uint32_t index = 0;

    for (yyjson_val *block = NULL; (block = yyjson_arr_iter_next(&iter)) != NULL; index++) {
        enum fh_block_kind kind = FH_BLOCK_OPAQUE;
        bool has_arguments = false;

        item.index = index;
        FH_TRY(fh_anthropic_open_block(out, index, &item, block, &kind, &has_arguments, why));
        if (kind == FH_BLOCK_TOOL_CALL && !has_arguments) {
            (void)push(out, FH_EVENT_ARGUMENTS, index, FH_LIT("{}"));
        }
        (void)push(out, FH_EVENT_BLOCK_STOP, index, FH_NONE);
    }
    *count = index;
    return FH_OK;
}

void fh_anthropic_read_start(struct fh_events *out, const struct fh_path *at,
                             yyjson_val *message, struct fh_usage *sum)
{
    static const struct fh_slice known[] = {
        FH_LIT_INIT("id"),    FH_LIT_INIT("type"),          FH_LIT_INIT("role"),
        FH_LIT_INIT("model"), FH_LIT_INIT("content"),       FH_LIT_INIT("stop_reason"),
        FH_LIT_INIT("usage"), FH_LIT_INIT("stop_sequence"),
    };
    struct fh_path usage = {at, FH_LIT("usage"), 0};
    struct fh_event *start = fh_event_push(out, FH_EVENT_START);

    start->id = fh_json_text(fh_json_get(message, FH_LIT("id")));
    start->model = fh_json_text(fh_json_get(message, FH_LIT("model")));
    keep_others(&start->extras, out->arena, at, message, known, FH_LEN(known));
    fh_anthropic_read_usage(sum, fh_json_get(message, FH_LIT("usage")), out->arena, &usage,
                            &start->extras);
    start->usage = *sum;
    fh_event_push(out, FH_EVENT_USAGE)->usage = *sum;
}

enum fh_rc fh_anthropic_decode_reply(struct fh_events *out, struct fh_slice body,
                                     struct fh_complaint *why)
{
    struct fh_path at = {NULL, FH_LIT("content"), 0};
    struct fh_usage sum = {0};
    yyjson_val *root = NULL;
    struct fh_error error;
    uint32_t blocks = 0;

    out->dialect = FH_DIALECT_ANTHROPIC;
    if (fh_json_parse(out->arena, body, &root, &error) != FH_OK) {
        return fh_anthropic_complain(why, out->arena, NULL, FH_REFUSE_UPSTREAM_FAILED,
                                     error.code,
                                     "the provider's answer is not JSON: %s at byte %llu",
                                     error.what, (unsigned long long)error.at);
    }
    struct fh_fault fault = {0};

    if (fh_anthropic_read_fault(&fault, root)) {
        fh_event_push(out, FH_EVENT_ERROR)->fault = fault;
        return FH_OK;
    }
    yyjson_val *content = fh_json_get(root, FH_LIT("content"));
    yyjson_val *word = fh_json_get(root, FH_LIT("stop_reason"));

    if (!yyjson_is_arr(content)) {
        return wrong(out, why, &at, "the list of blocks of a message", content);
    }
    fh_anthropic_read_start(out, NULL, root, &sum);
    FH_TRY(fh_anthropic_read_blocks(out, &at, content, &blocks, why));
    struct fh_event *finish = fh_event_push(out, FH_EVENT_FINISH);

    finish->finish_word = fh_json_text(word);
    finish->finish = fh_anthropic_finish(finish->finish_word);
    finish->stop_sequence = fh_json_text(fh_json_get(root, FH_LIT("stop_sequence")));
    (void)fh_event_push(out, FH_EVENT_END);
    return FH_OK;
}

/* ---- events become a message for a client ---- */

static void add_word(yyjson_mut_doc *doc, yyjson_mut_val *obj, const char *key,
                     const char *word)
{
    (void)yyjson_mut_obj_add_str(doc, obj, key, word);
}

static bool ours(const struct fh_event *event)
{
    return event->dialect == FH_DIALECT_ANTHROPIC;
}

yyjson_mut_val *fh_anthropic_new_block(yyjson_mut_doc *doc, const struct fh_event *start,
                                       struct fh_loss *loss)
{
    yyjson_mut_val *obj = yyjson_mut_obj(doc);

    FH_ASSERT(obj != NULL);
    switch (start->block) {
    case FH_BLOCK_TEXT:
    case FH_BLOCK_REFUSAL: /* the client learns by stop_reason that it is one */
        add_word(doc, obj, "type", "text");
        break;
    case FH_BLOCK_THINKING:
        add_word(doc, obj, "type", "thinking");
        break;
    case FH_BLOCK_REDACTED:
        add_word(doc, obj, "type", "redacted_thinking");
        fh_json_add_text(doc, obj, "data", start->text);
        break;
    case FH_BLOCK_TOOL_CALL:
        add_word(doc, obj, "type", "tool_use");
        fh_json_add_text(doc, obj, "id", start->id);
        fh_json_add_text(doc, obj, "name", start->name);
        break;
    case FH_BLOCK_OPAQUE:
        if (ours(start) && start->raw != NULL) {
            return yyjson_val_mut_copy(doc, start->raw);
        }
        [[fallthrough]];
    case FH_BLOCK_IMAGE:
    case FH_BLOCK_DOCUMENT:
    case FH_BLOCK_AUDIO:
    case FH_BLOCK_VIDEO:
    case FH_BLOCK_KINDS:
    case FH_BLOCK_TOOL_RESULT:
        fh_loss_add(loss, FH_LIT("/content"), no_counterpart);
        return NULL;
    }
    if (ours(start)) {
        fh_extras_write(&start->extras, doc, obj);
    } else {
        fh_extras_lose(&start->extras, loss, no_counterpart);
    }
    return obj;
}

yyjson_mut_val *fh_anthropic_new_message(yyjson_mut_doc *doc, struct fh_arena *arena,
                                         const struct fh_reply_frame *frame,
                                         const struct fh_event *start,
                                         const struct fh_usage *usage, yyjson_mut_val **content,
                                         struct fh_loss *loss)
{
    yyjson_mut_val *message = yyjson_mut_obj(doc);
    struct fh_slice made[] = {FH_LIT("msg_"), frame->request_id};

    fh_json_add_text(doc, message, "id",
                     start->id.len > 0 ? start->id : fh_concat(arena, made, FH_LEN(made)));
    add_word(doc, message, "type", "message");
    add_word(doc, message, "role", "assistant");
    fh_json_add_text(doc, message, "model", start->model.len > 0 ? start->model : frame->model);
    *content = yyjson_mut_obj_add_arr(doc, message, "content");
    yyjson_mut_val *counts = yyjson_mut_obj_add_obj(doc, message, "usage");

    if (ours(start)) {
        /* in a stream the message is a member of its event */
        fh_anthropic_extras_under(&start->extras, "", doc, message);
        fh_anthropic_extras_under(&start->extras, "/message", doc, message);
        fh_anthropic_extras_under(&start->extras, "/usage", doc, counts);
        fh_anthropic_extras_under(&start->extras, "/message/usage", doc, counts);
    } else {
        fh_extras_lose(&start->extras, loss, no_counterpart);
    }
    fh_anthropic_fill_usage(doc, counts, usage, true);
    return message;
}

void fh_anthropic_add_finish(yyjson_mut_doc *doc, yyjson_mut_val *obj,
                             const struct fh_event *finish,
                             const struct fh_anthropic_said *said)
{
    enum fh_finish why = finish->finish;

    if (why == FH_FINISH_STOP && !ours(finish)) {
        why = said->call ? FH_FINISH_TOOLS : said->refusal ? FH_FINISH_REFUSAL : why;
    }
    fh_json_add_text(doc, obj, "stop_reason",
                     fh_anthropic_stop_reason(why, finish->finish_word));
    if (finish->stop_sequence.ptr != NULL) {
        fh_json_add_text(doc, obj, "stop_sequence", finish->stop_sequence);
    } else {
        (void)yyjson_mut_obj_add_null(doc, obj, "stop_sequence");
    }
}

/* A block while its fragments are gathered. */
struct gathered {
    struct fh_buf text, signature, arguments;
    yyjson_mut_val *citations; /* NULL: none */
};

static void gather(struct gathered *g, yyjson_mut_doc *doc, const struct fh_event *event,
                   struct fh_loss *loss)
{
    const struct fh_extra *extra = event->extras.first;

    switch (event->kind) {
    case FH_EVENT_TEXT:
    case FH_EVENT_THINKING:
    case FH_EVENT_REFUSAL:
        fh_buf_append(&g->text, event->text);
        break;
    case FH_EVENT_SIGNATURE:
        fh_buf_append(&g->signature, event->text);
        break;
    case FH_EVENT_ARGUMENTS:
        fh_buf_append(&g->arguments, event->text);
        break;
    case FH_EVENT_CITATIONS:
    case FH_EVENT_DATA:
    case FH_EVENT_EXTRA:
        if (!ours(event)) {
            fh_extras_lose(&event->extras, loss, no_counterpart);
        } else if (extra != NULL && fh_eq(extra->key, FH_LIT("citation"))) {
            g->citations = g->citations == NULL ? yyjson_mut_arr(doc) : g->citations;
            (void)yyjson_mut_arr_append(g->citations, yyjson_val_mut_copy(doc, extra->value));
        } else if (extra != NULL) { /* a fragment of a server tool's input */
            fh_buf_append(&g->arguments,
                          fh_json_text(fh_json_get(extra->value, FH_LIT("partial_json"))));
        }
        break;
    case FH_EVENT_START:
    case FH_EVENT_BLOCK_START:
    case FH_EVENT_BLOCK_STOP:
    case FH_EVENT_FINISH:
    case FH_EVENT_USAGE:
    case FH_EVENT_ERROR:
    case FH_EVENT_PING:
    case FH_EVENT_END:
        break;
    }
}

/* add_input: a client's SDK hands `input` to a function as it is, so it must be an object. What
 * a model broke is wrapped in the way Anthropic's own documentation has it, and reported: the
 * client's check of the arguments fails, where {} might pass. */
static void add_input(yyjson_mut_doc *doc, yyjson_mut_val *obj, struct fh_arena *scratch,
                      struct fh_slice text, struct fh_loss *loss)
{
    yyjson_val *input = NULL;
    struct fh_error error;

    if (fh_trim(text).len == 0) {
        (void)yyjson_mut_obj_add_obj(doc, obj, "input");
    } else if (fh_json_parse(scratch, text, &input, &error) == FH_OK && yyjson_is_obj(input)) {
        (void)yyjson_mut_obj_add_val(doc, obj, "input", yyjson_val_mut_copy(doc, input));
    } else {
        fh_json_add_text(doc, yyjson_mut_obj_add_obj(doc, obj, "input"), "INVALID_JSON", text);
        fh_loss_add(loss, FH_LIT("/content/input"), "the model's arguments are no JSON object");
    }
}

static void finish_block(struct gathered *g, yyjson_mut_doc *doc, yyjson_mut_val *obj,
                         const struct fh_event *start, struct fh_arena *scratch,
                         struct fh_loss *loss)
{
    switch (start->block) {
    case FH_BLOCK_TEXT:
    case FH_BLOCK_REFUSAL:
        fh_json_add_text(doc, obj, "text", fh_buf_slice(&g->text));
        if (g->citations != NULL) {
            (void)yyjson_mut_obj_add_val(doc, obj, "citations", g->citations);
        }
        break;
    case FH_BLOCK_THINKING:
        fh_json_add_text(doc, obj, "thinking", fh_buf_slice(&g->text));
        fh_json_add_text(doc, obj, "signature", fh_buf_slice(&g->signature));
        break;
    case FH_BLOCK_TOOL_CALL:
        add_input(doc, obj, scratch, fh_buf_slice(&g->arguments), loss);
        break;
    case FH_BLOCK_OPAQUE:
        if (g->arguments.len > 0) {
            (void)yyjson_mut_obj_remove_key(obj, "input");
            add_input(doc, obj, scratch, fh_buf_slice(&g->arguments), loss);
        }
        break;
    case FH_BLOCK_REDACTED:
    case FH_BLOCK_IMAGE:
    case FH_BLOCK_DOCUMENT:
    case FH_BLOCK_AUDIO:
    case FH_BLOCK_VIDEO:
    case FH_BLOCK_KINDS:
    case FH_BLOCK_TOOL_RESULT:
        break;
    }
}

/* add_block writes the block that starts at event `at`; its fragments are found by its index. */
static void add_block(yyjson_mut_doc *doc, yyjson_mut_val *content,
                      const struct fh_events *events, size_t at, struct fh_arena *scratch,
                      struct fh_loss *loss)
{
    const struct fh_event *start = &events->list[at];
    yyjson_mut_val *obj = fh_anthropic_new_block(doc, start, loss);
    struct gathered g = {
        .text = fh_buf_in_arena(scratch, SIZE_MAX / 4),
        .signature = fh_buf_in_arena(scratch, SIZE_MAX / 4),
        .arguments = fh_buf_in_arena(scratch, SIZE_MAX / 4),
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
        gather(&g, doc, event, loss);
    }
    finish_block(&g, doc, obj, start, scratch, loss);
    (void)yyjson_mut_arr_append(content, obj);
}

void fh_anthropic_encode_reply(struct fh_buf *out, struct fh_arena *scratch,
                               const struct fh_reply_frame *frame,
                               const struct fh_events *events, struct fh_loss *loss)
{
    static const struct fh_event silent = {.kind = FH_EVENT_START};
    const struct fh_event *start = &silent;
    const struct fh_event *finish = NULL;
    yyjson_mut_doc *doc = fh_json_new(scratch);
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
    yyjson_mut_val *message =
        fh_anthropic_new_message(doc, scratch, frame, start, &usage, &content, loss);

    for (size_t i = 0; i < events->count; i++) {
        const struct fh_event *event = &events->list[i];

        if (event->kind == FH_EVENT_BLOCK_START && event->choice == 0) {
            said.call = said.call || event->block == FH_BLOCK_TOOL_CALL;
            said.refusal = said.refusal || event->block == FH_BLOCK_REFUSAL;
            add_block(doc, content, events, i, scratch, loss);
        }
    }
    if (finish != NULL) {
        fh_anthropic_add_finish(doc, message, finish, &said);
        if (ours(finish)) {
            fh_extras_write(&finish->extras, doc, message);
        } else {
            fh_extras_lose(&finish->extras, loss, no_counterpart);
        }
    }
    fh_json_append(out, scratch, message);
}
