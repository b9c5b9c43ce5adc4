/* anthropic_reply_in.c: a provider's whole message becomes events, and so do the pieces that its
 * stream has in common with it.
 * SPDX-License-Identifier: Apache-2.0 */
#include "dialect/anthropic/anthropic.h"

/* A block while it is read. */
struct reading {
    struct fh_events *out;
    const struct fh_path *at; /* of the block */
    yyjson_val *block;
    enum fh_block_kind kind;
    uint32_t index;
    struct fh_complaint *why;
};

static struct fh_event *push(const struct reading *r, enum fh_event_kind kind,
                             struct fh_slice text)
{
    struct fh_event *event = fh_event_push(r->out, kind);

    event->block = r->kind;
    event->index = r->index;
    event->text = text;
    return event;
}

/* push_said pushes the text of a member that has some. */
static void push_said(const struct reading *r, enum fh_event_kind kind, struct fh_slice member)
{
    struct fh_slice text = fh_json_text(fh_json_get(r->block, member));

    if (text.len > 0) {
        push(r, kind, text)->signer =
            kind == FH_EVENT_SIGNATURE ? FH_SIGNER_CLAUDE : FH_SIGNER_UNKNOWN;
    }
}

static void push_citations(const struct reading *r)
{
    struct fh_path at = {r->at, FH_LIT("citations"), 0};
    yyjson_arr_iter iter = yyjson_arr_iter_with(fh_json_get(r->block, FH_LIT("citations")));

    for (yyjson_val *one = NULL; (one = yyjson_arr_iter_next(&iter)) != NULL;) {
        struct fh_event *event = push(r, FH_EVENT_CITATIONS, FH_NONE);

        fh_extra_add(&event->extras, r->out->arena, &at, FH_LIT("citation"), one);
    }
}

/* Blocks that a model writes and that other dialects know: their members, of which those behind the
 * type that are `needed` must be there and be strings. */
enum { BLOCK_MEMBERS = 4 };

static const struct form {
    enum fh_block_kind kind;
    struct fh_slice type;
    struct fh_slice members[BLOCK_MEMBERS];
    size_t count, needed;
} forms[] = {
    {FH_BLOCK_TEXT,
     FH_LIT_INIT("text"),
     {FH_LIT_INIT("type"), FH_LIT_INIT("text"), FH_LIT_INIT("citations")},
     3,
     1},
    {FH_BLOCK_THINKING,
     FH_LIT_INIT("thinking"),
     {FH_LIT_INIT("type"), FH_LIT_INIT("thinking"), FH_LIT_INIT("signature")},
     3,
     1},
    {FH_BLOCK_REDACTED,
     FH_LIT_INIT("redacted_thinking"),
     {FH_LIT_INIT("type"), FH_LIT_INIT("data")},
     2,
     1},
    {FH_BLOCK_TOOL_CALL,
     FH_LIT_INIT("tool_use"),
     {FH_LIT_INIT("type"), FH_LIT_INIT("id"), FH_LIT_INIT("name"), FH_LIT_INIT("input")},
     4,
     2},
};

static const struct form *form_of(struct fh_slice type)
{
    for (size_t i = 0; i < FH_LEN(forms); i++) {
        if (fh_eq(forms[i].type, type)) {
            return &forms[i];
        }
    }
    return NULL;
}

static enum fh_rc wrong(struct fh_events *out, struct fh_complaint *why,
                        const struct fh_path *at, const char *what, yyjson_val *got)
{
    return fh_anthropic_complain(why, out->arena, at, FH_E_TYPE,
                                 "%s belongs here, and the provider sent %s", what,
                                 fh_json_kind(got));
}

static enum fh_rc need_texts(const struct reading *r, const struct form *form)
{
    for (size_t i = 1; i <= form->needed; i++) {
        struct fh_path place = {r->at, form->members[i], 0};
        yyjson_val *needed = fh_json_get(r->block, form->members[i]);

        if (!yyjson_is_str(needed)) {
            return wrong(r->out, r->why, &place, "a string", needed);
        }
    }
    return FH_OK;
}

/* push_content pushes what an opened block of a known form says at once. */
static enum fh_rc push_content(const struct reading *r)
{
    yyjson_val *input = fh_json_get(r->block, FH_LIT("input"));

    if (r->kind == FH_BLOCK_TEXT) {
        push_said(r, FH_EVENT_TEXT, FH_LIT("text"));
        push_citations(r);
    } else if (r->kind == FH_BLOCK_THINKING) {
        push_said(r, FH_EVENT_THINKING, FH_LIT("thinking"));
        push_said(r, FH_EVENT_SIGNATURE, FH_LIT("signature"));
    } else if (r->kind == FH_BLOCK_TOOL_CALL && input != NULL && !yyjson_is_obj(input)) {
        struct fh_path place = {r->at, FH_LIT("input"), 0};

        return wrong(r->out, r->why, &place, "an object", input);
    } else if (r->kind == FH_BLOCK_TOOL_CALL && yyjson_obj_size(input) > 0) {
        (void)push(r, FH_EVENT_ARGUMENTS, fh_json_printed(r->out->arena, input));
    }
    return FH_OK;
}

enum fh_rc fh_anthropic_open_block(struct fh_events *out, uint32_t index,
                                   const struct fh_path *at, yyjson_val *block,
                                   enum fh_block_kind *kind, bool *has_arguments,
                                   struct fh_complaint *why)
{
    struct reading r = {out, at, block, FH_BLOCK_OPAQUE, index, why};
    yyjson_val *type = fh_json_get(block, FH_LIT("type"));

    if (!yyjson_is_obj(block) || !yyjson_is_str(type)) {
        return wrong(out, why, at, "a block with a type", block);
    }
    const struct form *form = form_of(fh_json_text(type));

    *has_arguments = false;
    *kind = r.kind = form == NULL ? FH_BLOCK_OPAQUE : form->kind;
    if (form == NULL) {
        push(&r, FH_EVENT_BLOCK_START, FH_NONE)->raw = block;
        return FH_OK;
    }
    FH_TRY(need_texts(&r, form));
    struct fh_event *event = push(&r, FH_EVENT_BLOCK_START, FH_NONE);

    fh_extras_keep(&event->extras, out->arena, at, block, form->members, form->count);
    if (r.kind == FH_BLOCK_TOOL_CALL) {
        event->id = fh_json_text(fh_json_get(block, FH_LIT("id")));
        event->name = fh_json_text(fh_json_get(block, FH_LIT("name")));
        *has_arguments = yyjson_obj_size(fh_json_get(block, FH_LIT("input"))) > 0;
    } else if (r.kind == FH_BLOCK_REDACTED) {
        event->text = fh_json_text(fh_json_get(block, FH_LIT("data")));
        event->signer = FH_SIGNER_CLAUDE;
    }
    return push_content(&r);
}

void fh_anthropic_close_block(struct fh_events *out, uint32_t index, enum fh_block_kind kind,
                              bool has_arguments)
{
    struct reading r = {.out = out, .kind = kind, .index = index};

    if (kind == FH_BLOCK_TOOL_CALL && !has_arguments) {
        (void)push(&r, FH_EVENT_ARGUMENTS, FH_LIT("{}"));
    }
    (void)push(&r, FH_EVENT_BLOCK_STOP, FH_NONE);
}

enum fh_rc fh_anthropic_read_blocks(struct fh_events *out, const struct fh_path *at,
                                    yyjson_val *content, uint32_t *count,
                                    struct fh_complaint *why)
{
    yyjson_arr_iter iter = yyjson_arr_iter_with(content);
    struct fh_path item = {.up = at};
    uint32_t index = 0;

    for (yyjson_val *block = NULL; (block = yyjson_arr_iter_next(&iter)) != NULL; index++) {
        enum fh_block_kind kind = FH_BLOCK_OPAQUE;
        bool has_arguments = false;

        item.index = index;
        FH_TRY(fh_anthropic_open_block(out, index, &item, block, &kind, &has_arguments, why));
        fh_anthropic_close_block(out, index, kind, has_arguments);
    }
    *count = index;
    return FH_OK;
}

void fh_anthropic_read_head(struct fh_usage *sum, yyjson_val *message, struct fh_arena *arena,
                            const struct fh_path *at, struct fh_extras *extras)
{
    static const struct fh_slice known[] = {
        FH_LIT_INIT("id"),    FH_LIT_INIT("type"),          FH_LIT_INIT("role"),
        FH_LIT_INIT("model"), FH_LIT_INIT("content"),       FH_LIT_INIT("stop_reason"),
        FH_LIT_INIT("usage"), FH_LIT_INIT("stop_sequence"),
    };
    struct fh_path usage = {at, FH_LIT("usage"), 0};

    fh_extras_keep(extras, arena, at, message, known, FH_LEN(known));
    fh_anthropic_read_usage(sum, fh_json_get(message, FH_LIT("usage")), arena, &usage, extras);
}

void fh_anthropic_read_start(struct fh_events *out, const struct fh_path *at,
                             yyjson_val *message, struct fh_usage *sum)
{
    struct fh_event *start = fh_event_push(out, FH_EVENT_START);

    start->id = fh_json_text(fh_json_get(message, FH_LIT("id")));
    start->model = fh_json_text(fh_json_get(message, FH_LIT("model")));
    fh_anthropic_read_head(sum, message, out->arena, at, &start->extras);
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
        return fh_anthropic_complain(why, out->arena, NULL, error.code,
                                     "the provider's answer is not JSON: %s at byte %llu",
                                     error.what, (unsigned long long)error.at);
    }
    struct fh_fault fault = {0};

    if (fh_anthropic_read_fault(&fault, root)) {
        fh_event_push(out, FH_EVENT_ERROR)->fault = fault;
        return FH_OK;
    }
    yyjson_val *content = fh_json_get(root, FH_LIT("content"));

    if (!yyjson_is_arr(content)) {
        return wrong(out, why, &at, "the list of blocks of a message", content);
    }
    fh_anthropic_read_start(out, NULL, root, &sum);
    FH_TRY(fh_anthropic_read_blocks(out, &at, content, &blocks, why));
    (void)fh_anthropic_push_finish(out, root);
    (void)fh_event_push(out, FH_EVENT_END);
    return FH_OK;
}

struct fh_event *fh_anthropic_push_finish(struct fh_events *out, yyjson_val *from)
{
    struct fh_event *finish = fh_event_push(out, FH_EVENT_FINISH);

    finish->finish_word = fh_json_text(fh_json_get(from, FH_LIT("stop_reason")));
    finish->finish = fh_anthropic_finish(finish->finish_word);
    finish->stop_sequence = fh_json_text(fh_json_get(from, FH_LIT("stop_sequence")));
    return finish;
}
