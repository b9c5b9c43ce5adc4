/* openai_chat_prefix.c: what all chunks of a streamed answer have in common is printed once: the
 * answer's id, its model, and members that the provider repeats in each chunk.
 * SPDX-License-Identifier: Apache-2.0 */
#include "openai_chat.h"

enum { PREFIX_MAX = 1 << 14 };

/* A member that every chunk repeats: its key, and the whole of it as text. */
struct fh_openai_chat_repeated {
    struct fh_slice key, member;
    const struct fh_extra *source; /* only while the start is encoded */
    bool stopped;                  /* it changed: each chunk says it for itself */
    bool stops_at_end; /* the usage, which is shown at the end, says another value */
};

struct fh_openai_chat_prefix {
    struct fh_arena *arena;
    struct fh_slice head; /* up to what is repeated */
    struct fh_openai_chat_repeated repeated[FH_OPENAI_CHAT_REPEATED_MAX];
    size_t count;
    struct fh_buf text; /* up to the opening bracket of `choices` */
};

struct fh_openai_chat_prefix *fh_openai_chat_prefix_new(struct fh_arena *arena)
{
    struct fh_openai_chat_prefix *prefix = fh_new(arena, struct fh_openai_chat_prefix);

    prefix->arena = arena;
    prefix->text = fh_buf_in_arena(arena, PREFIX_MAX);
    return prefix;
}

bool fh_openai_chat_prefix_begun(const struct fh_openai_chat_prefix *prefix)
{
    return prefix->text.len > 0 || prefix->text.failed;
}

void fh_openai_chat_add_prefix(struct fh_buf *out, const struct fh_openai_chat_prefix *prefix)
{
    /* an id of kilobytes: no provider's, and not ours to shorten */
    out->failed = out->failed || prefix->text.failed;
    fh_buf_append(out, fh_buf_slice(&prefix->text));
}

void fh_openai_chat_add_member(struct fh_buf *out, struct fh_arena *scratch,
                               const struct fh_extra *extra)
{
    bool first = out->len > 0 && out->ptr[out->len - 1] == '{';

    fh_buf_append(out, first ? FH_NONE : FH_LIT(","));
    fh_json_quote(out, extra->key);
    fh_buf_byte(out, ':');
    fh_json_append_val(out, scratch, extra->value);
}

static void print(struct fh_openai_chat_prefix *prefix)
{
    fh_buf_clear(&prefix->text);
    fh_buf_append(&prefix->text, prefix->head);
    for (size_t i = 0; i < prefix->count; i++) {
        fh_buf_append(&prefix->text,
                      prefix->repeated[i].stopped ? FH_NONE : prefix->repeated[i].member);
    }
    fh_buf_append(&prefix->text, FH_LIT(",\"choices\":["));
}

/* repeat notes a member for every chunk, if it is short and there is room. */
static void repeat(struct fh_openai_chat_prefix *prefix, struct fh_arena *scratch,
                   const struct fh_extra *extra)
{
    struct fh_buf member = fh_buf_in_arena(scratch, PREFIX_MAX);
    bool fits =
        fh_openai_chat_is_repeated(extra) && prefix->count < FH_OPENAI_CHAT_REPEATED_MAX;

    for (size_t i = 0; i < prefix->count && fits; i++) {
        fits = !fh_eq(prefix->repeated[i].key, extra->key);
    }
    if (!fits) {
        return;
    }
    fh_openai_chat_add_member(&member, scratch, extra);
    prefix->repeated[prefix->count++] =
        (struct fh_openai_chat_repeated){.key = fh_dup(prefix->arena, extra->key),
                                         .member = fh_dup(prefix->arena, fh_buf_slice(&member)),
                                         .source = extra};
}

void fh_openai_chat_prefix_begin(struct fh_openai_chat_prefix *prefix, struct fh_arena *scratch,
                                 const struct fh_reply_frame *frame,
                                 const struct fh_event *start, bool ours)
{
    struct fh_slice model = start->model.len > 0 ? start->model : frame->model;
    const struct fh_extra *extra = ours ? start->extras.first : NULL;
    struct fh_buf text = fh_buf_in_arena(scratch, PREFIX_MAX);

    fh_buf_append(&text, FH_LIT("{\"id\":"));
    fh_json_quote(&text, fh_openai_chat_reply_id(start, frame, scratch));
    fh_buf_append(&text, FH_LIT(",\"object\":\"chat.completion.chunk\",\"created\":"));
    fh_buf_u64(&text, start->created_s > 0 ? start->created_s : frame->created_s);
    fh_buf_append(&text, FH_LIT(",\"model\":"));
    fh_json_quote(&text, model);
    prefix->head = fh_dup(prefix->arena, fh_buf_slice(&text));
    prefix->text.failed = text.failed;
    for (; extra != NULL; extra = extra->next) {
        repeat(prefix, scratch, extra);
    }
    if (!text.failed) {
        print(prefix);
    }
}

void fh_openai_chat_add_start_extras(const struct fh_openai_chat_prefix *prefix,
                                     struct fh_buf *out, struct fh_arena *scratch,
                                     const struct fh_event *start)
{
    for (const struct fh_extra *e = start->extras.first; e != NULL; e = e->next) {
        bool repeated = false;

        for (size_t i = 0; i < prefix->count; i++) {
            repeated = repeated || prefix->repeated[i].source == e;
        }
        if (!repeated) {
            fh_openai_chat_add_member(out, scratch, e);
        }
    }
}

/* slot_of finds where a member of the top level is repeated; NULL where it is not. `same` says
 * whether with this value. */
static struct fh_openai_chat_repeated *slot_of(struct fh_openai_chat_prefix *prefix,
                                               struct fh_arena *scratch,
                                               const struct fh_extra *extra, bool *same)
{
    struct fh_buf member = fh_buf_in_arena(scratch, PREFIX_MAX);

    for (size_t i = 0; i < prefix->count; i++) {
        struct fh_openai_chat_repeated *r = &prefix->repeated[i];

        if (!r->stopped && fh_eq(r->key, extra->key) && fh_extra_stands_in(extra, FH_NONE)) {
            fh_openai_chat_add_member(&member, scratch, extra);
            *same = !member.failed && fh_eq(fh_buf_slice(&member), r->member);
            return r;
        }
    }
    return NULL;
}

void fh_openai_chat_prefix_note(struct fh_openai_chat_prefix *prefix, struct fh_arena *scratch,
                                const struct fh_event *event)
{
    bool usage = event->kind == FH_EVENT_USAGE, changed = false, same = false;

    for (size_t i = 0; i < prefix->count && usage; i++) {
        prefix->repeated[i].stops_at_end = false; /* the last usage counts */
    }
    for (const struct fh_extra *e = event->extras.first; e != NULL; e = e->next) {
        struct fh_openai_chat_repeated *r = slot_of(prefix, scratch, e, &same);

        if (r != NULL && !same) {
            r->stops_at_end = usage;
            r->stopped = !usage;
            changed = changed || !usage;
        }
    }
    if (changed) {
        print(prefix);
    }
}

void fh_openai_chat_add_top_extras(struct fh_openai_chat_prefix *prefix, struct fh_buf *out,
                                   struct fh_arena *scratch, const struct fh_event *event)
{
    bool same = false;

    for (const struct fh_extra *e = event->extras.first; e != NULL; e = e->next) {
        if (fh_extra_stands_in(e, FH_NONE) &&
            !(slot_of(prefix, scratch, e, &same) != NULL && same)) {
            fh_openai_chat_add_member(out, scratch, e);
        }
    }
}

void fh_openai_chat_prefix_end(struct fh_openai_chat_prefix *prefix)
{
    for (size_t i = 0; i < prefix->count; i++) {
        struct fh_openai_chat_repeated *r = &prefix->repeated[i];

        r->stopped = r->stopped || r->stops_at_end;
    }
    print(prefix);
}
