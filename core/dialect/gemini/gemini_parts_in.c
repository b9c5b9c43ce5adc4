/* gemini_parts_in.c: the parts of an answer become blocks.
 *
 * A signature beside a thought or a call is that block's. Beside any other part it is a block of
 * its own behind it: thinking without words, which other dialects have a place for, and which the
 * writers of this one put back to the part before.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "dialect/gemini/gemini.h"

struct part {
    struct fh_slice text, signature;
    yyjson_val *thought, *call, *data;
};

static const struct fh_member part_members[] = {
    FH_MEMBER("text", TEXT, struct part, text),
    FH_MEMBER("thought", ANY, struct part, thought),
    FH_MEMBER("thoughtSignature", TEXT, struct part, signature),
    FH_MEMBER("functionCall", OBJECT, struct part, call),
    FH_MEMBER("inlineData", OBJECT, struct part, data),
};

struct data {
    struct fh_slice type, bytes;
};

static const struct fh_member data_members[] = {
    FH_MEMBER("mimeType", TEXT, struct data, type),
    FH_MEMBER("data", TEXT, struct data, bytes),
};

struct call {
    struct fh_slice id, name;
    yyjson_val *args, *pieces, *more;
};

static const struct fh_member call_members[] = {
    FH_MEMBER("id", TEXT, struct call, id),
    FH_MEMBER("name", TEXT, struct call, name),
    FH_MEMBER("args", OBJECT, struct call, args),
    FH_MEMBER("partialArgs", ANY, struct call, pieces),
    FH_MEMBER("willContinue", ANY, struct call, more),
};

/* What tells it all to whom. */
struct telling {
    struct fh_gemini_answer *a;
    struct fh_events *out;
    struct fh_gemini_choice *c;
    uint32_t choice;
};

static struct fh_event *push(const struct telling *t, enum fh_event_kind kind,
                             struct fh_slice text)
{
    struct fh_event *event = fh_event_push(t->out, kind);

    event->choice = t->choice;
    event->index = t->c->next - 1;
    event->block = t->c->kind;
    event->text = text;
    return event;
}

void fh_gemini_close(struct fh_gemini_answer *a, struct fh_events *out, uint32_t choice)
{
    const struct telling t = {a, out, &a->choice[choice], choice};

    if (t.c->open) {
        (void)push(&t, FH_EVENT_BLOCK_STOP, FH_NONE);
        t.c->open = false;
    }
}

/* begin opens a block. The event is gone with the next push. */
static struct fh_event *begin(const struct telling *t, enum fh_block_kind kind)
{
    fh_gemini_close(t->a, t->out, t->choice);
    t->c->open = true;
    t->c->kind = kind;
    t->c->next++;
    return push(t, FH_EVENT_BLOCK_START, FH_NONE);
}

static void push_signature(const struct telling *t, struct fh_slice signature)
{
    if (signature.len > 0) {
        push(t, FH_EVENT_SIGNATURE, signature)->signer = FH_SIGNER_GEMINI;
    }
}

/* go_on continues the block that is open if it is of this kind, else it begins one. */
static void go_on(const struct telling *t, enum fh_block_kind kind,
                  const struct fh_extras *extras)
{
    if (!t->c->open || t->c->kind != kind) {
        begin(t, kind)->extras = *extras;
    } else if (extras->first != NULL) {
        push(t, FH_EVENT_EXTRA, FH_NONE)->extras = *extras;
    }
}

/* sign_part tells the signature of a part that is neither a thought nor a call. */
static void sign_part(const struct telling *t, struct fh_slice signature)
{
    if (signature.len > 0) {
        (void)begin(t, FH_BLOCK_THINKING);
        push_signature(t, signature);
        fh_gemini_close(t->a, t->out, t->choice);
    }
}

static void tell_text(const struct telling *t, const struct part *part,
                      const struct fh_extras *extras)
{
    if (part->text.len > 0 || extras->first != NULL) {
        go_on(t, FH_BLOCK_TEXT, extras);
    }
    if (part->text.len > 0) {
        (void)push(t, FH_EVENT_TEXT, part->text);
    }
    sign_part(t, part->signature);
}

static void tell_thought(const struct telling *t, const struct fh_path *at,
                         const struct part *part, struct fh_extras *extras)
{
    if (part->text.len == 0 && part->signature.len > 0) {
        /* for our own writers: this signature is a thought's, not that of the part before */
        fh_extra_add(extras, t->out->arena, at, FH_LIT("thought"), part->thought)->repeats =
            true;
    }
    if (part->text.len > 0 || extras->first != NULL) {
        go_on(t, FH_BLOCK_THINKING, extras);
    }
    if (part->text.len > 0) {
        (void)push(t, FH_EVENT_THINKING, part->text);
    }
    if (part->signature.len > 0) {
        push_signature(t, part->signature);
        fh_gemini_close(t->a, t->out, t->choice);
    }
}

static void tell_call(const struct telling *t, const struct call *call, const struct part *part,
                      const struct fh_extras *extras)
{
    /* a made up id is unlike those of other answers, if this one has an id itself: clients put
     * answers together to a conversation */
    struct fh_slice own = t->a->id.len > 0 ? t->a->id : call->name;
    struct fh_event *event = begin(t, FH_BLOCK_TOOL_CALL);
    struct fh_buf args = fh_buf_in_arena(t->out->arena, SIZE_MAX / 4);

    event->name = call->name;
    event->id =
        call->id.len > 0 ? call->id : fh_gemini_call_id(t->out->arena, own, t->a->calls++);
    event->extras = *extras;
    push_signature(t, part->signature);
    if (call->args == NULL) {
        (void)push(t, FH_EVENT_ARGUMENTS, FH_LIT("{}"));
    } else {
        fh_json_append_val(&args, t->out->arena, call->args);
        (void)push(t, FH_EVENT_ARGUMENTS, fh_buf_slice(&args));
    }
    fh_gemini_close(t->a, t->out, t->choice);
    t->c->called = true;
}

/* tell_opaque: what a part of a known kind has beside is told by its name as well, since the block
 * is reported by its number, which need not be that of the part. */
static void tell_opaque(const struct telling *t, const struct part *part,
                        const struct fh_extras *extras, yyjson_val *value)
{
    struct fh_event *event = begin(t, FH_BLOCK_OPAQUE);

    event->raw = value;
    if (part->call != NULL || part->data != NULL) {
        event->extras = *extras;
    }
    fh_gemini_close(t->a, t->out, t->choice);
}

static bool tell_data(const struct telling *t, const struct data *data, const struct part *part,
                      const struct fh_extras *extras)
{
    bool image = fh_starts(data->type, FH_LIT("image/"));
    struct fh_event *event = NULL;

    if (!image && !fh_starts(data->type, FH_LIT("audio/"))) {
        return false;
    }
    event = begin(t, image ? FH_BLOCK_IMAGE : FH_BLOCK_AUDIO);
    event->media_type = data->type;
    event->extras = *extras;
    (void)push(t, FH_EVENT_DATA, data->bytes);
    fh_gemini_close(t->a, t->out, t->choice);
    sign_part(t, part->signature);
    return true;
}

/* tell_inner tells of what is an object in its part. Arguments that come in fragments of their own
 * form (partialArgs) are for the clients that asked for them alone. */
static enum fh_rc tell_inner(const struct telling *t, const struct fh_path *at,
                             const struct part *part, struct fh_reader *r,
                             struct fh_extras *extras, yyjson_val *value)
{
    struct fh_path place = {.up = at};
    struct call call = {0};
    struct data data = {0};

    if (part->thought != NULL) { /* Google's models draw while they think */
        (void)fh_extra_add(extras, t->out->arena, at, FH_LIT("thought"), part->thought);
    }

    if (part->call != NULL) {
        place.key = FH_LIT("functionCall");
        FH_TRY(fh_read_object(r, &FH_SHAPE(call_members), &call, extras, &place, part->call));
        if (call.name.len > 0 && call.pieces == NULL && call.more == NULL) {
            tell_call(t, &call, part, extras);
            return FH_OK;
        }
    } else if (part->data != NULL) {
        place.key = FH_LIT("inlineData");
        FH_TRY(fh_read_object(r, &FH_SHAPE(data_members), &data, extras, &place, part->data));
        if (tell_data(t, &data, part, extras)) {
            return FH_OK;
        }
    }
    tell_opaque(t, part, extras, value);
    return FH_OK;
}

enum fh_rc fh_gemini_read_part(struct fh_gemini_answer *a, struct fh_events *out,
                               uint32_t choice, const struct fh_path *at, yyjson_val *part,
                               struct fh_reader *r)
{
    const struct telling t = {a, out, &a->choice[choice], choice};
    struct fh_extras extras = {0};
    struct part said = {0};

    FH_TRY(fh_read_object(r, &FH_SHAPE(part_members), &said, &extras, at, part));
    bool inner = said.call != NULL || said.data != NULL;
    bool empty =
        said.text.len == 0 && said.signature.len == 0 && !inner && extras.first == NULL;

    if (empty && said.text.ptr != NULL) {
        return FH_OK; /* the last chunk of many a stream */
    }
    if (t.c->finished || (a->finished && !a->whole)) {
        return fh_read_refuse(r, at, "comes behind the end of the answer");
    }
    bool texts = said.text.ptr != NULL || (extras.first == NULL && said.signature.len > 0);

    if (inner || !texts || (said.thought != NULL && !yyjson_is_bool(said.thought))) {
        return tell_inner(&t, at, &said, r, &extras, part);
    }
    if (yyjson_is_true(said.thought)) {
        tell_thought(&t, at, &said, &extras);
    } else {
        tell_text(&t, &said, &extras);
    }
    return FH_OK;
}
