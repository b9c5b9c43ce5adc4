/* openai_chat_chunk.c: events become chunks of a stream. This is the hot path of translated
 * streams: what all chunks of a reply have in common is printed once, and no tree is built.
 * SPDX-License-Identifier: Apache-2.0 */
#include "openai_chat.h"

enum {
    PREFIX_MAX = 1 << 14,
    USAGE_MAX = 1 << 14,
    REPEAT_MAX =
        64,        /* bytes of an extra that every chunk repeats, such as system_fingerprint */
    CHOICES = 128, /* whose role we keep track of */
};

/* A tool call of a choice: clients count calls, not blocks. */
struct ordinal {
    uint32_t choice, block, number;
};

/* A member that every chunk repeats: its key, and the whole of it as text. */
struct repeated {
    struct fh_slice key, member;
    const struct fh_extra *source; /* only while the start is encoded */
    bool stopped;                  /* it changed: each chunk says it for itself */
    bool stops_at_end; /* the usage, which is shown at the end, says another value */
};

struct encoder {
    struct fh_arena *arena;
    struct fh_reply_frame frame;
    struct fh_slice head; /* the prefix up to what is repeated */
    struct repeated repeated[FH_OPENAI_CHAT_REPEATED_MAX];
    size_t repeated_count;
    struct fh_buf prefix; /* up to the opening bracket of `choices` */
    struct fh_buf usage;  /* the usage object as last known, and what stood beside it */
    struct fh_usage counts;
    bool has_usage;
    bool signature_lost;            /* and reported */
    uint64_t greeted[CHOICES / 64]; /* choices whose role was sent */
    struct ordinal *calls;
    uint32_t call_count, call_room;
};

#define NO_COUNTERPART "has no counterpart in openai_chat"

static const struct fh_slice call_at = FH_LIT_INIT("/choices/#/delta/tool_calls/#");
static const struct fh_slice function_at =
    FH_LIT_INIT("/choices/#/delta/tool_calls/#/function");

void *fh_openai_chat_encoder_new(struct fh_arena *arena, const struct fh_reply_frame *frame)
{
    struct encoder *enc = fh_new(arena, struct encoder);

    enc->arena = arena;
    enc->frame = *frame;
    enc->prefix = fh_buf_in_arena(arena, PREFIX_MAX);
    enc->usage = fh_buf_in_arena(arena, USAGE_MAX);
    return enc;
}

static bool is_ours(const struct fh_event *event)
{
    return event->dialect == FH_DIALECT_OPENAI_CHAT;
}

static void add_member(struct fh_buf *out, struct fh_arena *scratch,
                       const struct fh_extra *extra)
{
    bool first = out->len > 0 && out->ptr[out->len - 1] == '{';

    fh_buf_append(out, first ? FH_NONE : FH_LIT(","));
    fh_json_quote(out, extra->key);
    fh_buf_byte(out, ':');
    fh_json_append_val(out, scratch, extra->value);
}

/* add_extras writes those that stood in `object`, each behind a comma where one is needed. */
static void add_extras(struct fh_buf *out, struct fh_arena *scratch,
                       const struct fh_event *event, struct fh_slice object)
{
    const struct fh_extra *extra = is_ours(event) ? event->extras.first : NULL;

    for (; extra != NULL; extra = extra->next) {
        if (fh_openai_chat_stands_in(extra, object)) {
            add_member(out, scratch, extra);
        }
    }
}

/* print_prefix puts together what all chunks have in common. */
static void print_prefix(struct encoder *enc)
{
    fh_buf_clear(&enc->prefix);
    fh_buf_append(&enc->prefix, enc->head);
    for (size_t i = 0; i < enc->repeated_count; i++) {
        fh_buf_append(&enc->prefix,
                      enc->repeated[i].stopped ? FH_NONE : enc->repeated[i].member);
    }
    fh_buf_append(&enc->prefix, FH_LIT(",\"choices\":["));
}

/* repeat notes a member for every chunk, if it is short and there is room. */
static void repeat(struct encoder *enc, struct fh_arena *scratch, const struct fh_extra *extra)
{
    struct fh_buf member = fh_buf_in_arena(scratch, PREFIX_MAX);
    bool fits =
        fh_openai_chat_is_repeated(extra) && enc->repeated_count < FH_OPENAI_CHAT_REPEATED_MAX;

    for (size_t i = 0; i < enc->repeated_count && fits; i++) {
        fits = !fh_eq(enc->repeated[i].key, extra->key);
    }
    if (!fits) {
        return;
    }
    add_member(&member, scratch, extra);
    enc->repeated[enc->repeated_count++] =
        (struct repeated){.key = fh_dup(enc->arena, extra->key),
                          .member = fh_dup(enc->arena, fh_buf_slice(&member)),
                          .source = extra};
}

static void begin(struct encoder *enc, struct fh_arena *scratch, const struct fh_event *start)
{
    struct fh_slice model = start->model.len > 0 ? start->model : enc->frame.model;
    const struct fh_extra *extra = is_ours(start) ? start->extras.first : NULL;
    struct fh_buf text = fh_buf_in_arena(scratch, PREFIX_MAX);

    fh_buf_append(&text, FH_LIT("data: {\"id\":"));
    fh_json_quote(&text, fh_openai_chat_reply_id(start, &enc->frame, scratch));
    fh_buf_append(&text, FH_LIT(",\"object\":\"chat.completion.chunk\",\"created\":"));
    fh_buf_u64(&text, start->created_s > 0 ? start->created_s : enc->frame.created_s);
    fh_buf_append(&text, FH_LIT(",\"model\":"));
    fh_json_quote(&text, model);
    enc->head = fh_dup(enc->arena, fh_buf_slice(&text));
    enc->prefix.failed = text.failed;
    for (; extra != NULL; extra = extra->next) {
        repeat(enc, scratch, extra);
    }
    if (!text.failed) {
        print_prefix(enc);
    }
}

/* slot_of finds where a member of the top level is repeated; NULL where it is not. `same` says
 * whether with this value. */
static struct repeated *slot_of(struct encoder *enc, struct fh_arena *scratch,
                                const struct fh_extra *extra, bool *same)
{
    struct fh_buf member = fh_buf_in_arena(scratch, PREFIX_MAX);

    for (size_t i = 0; i < enc->repeated_count; i++) {
        struct repeated *r = &enc->repeated[i];

        if (!r->stopped && fh_eq(r->key, extra->key) &&
            fh_openai_chat_stands_in(extra, FH_NONE)) {
            add_member(&member, scratch, extra);
            *same = !member.failed && fh_eq(fh_buf_slice(&member), r->member);
            return r;
        }
    }
    return NULL;
}

/* stop_repeating: a member that changed is from now on said by each chunk for itself. */
static void stop_repeating(struct encoder *enc, struct fh_arena *scratch,
                           const struct fh_event *event)
{
    bool usage = event->kind == FH_EVENT_USAGE, changed = false, same = false;

    for (size_t i = 0; i < enc->repeated_count && usage; i++) {
        enc->repeated[i].stops_at_end = false; /* the last usage counts */
    }
    for (const struct fh_extra *e = event->extras.first; e != NULL; e = e->next) {
        struct repeated *r = slot_of(enc, scratch, e, &same);

        if (r != NULL && !same) {
            r->stops_at_end = usage;
            r->stopped = !usage;
            changed = changed || !usage;
        }
    }
    if (changed) {
        print_prefix(enc);
    }
}

/* add_top_extras writes what stood beside `choices`, but for what the prefix says already. */
static void add_top_extras(struct encoder *enc, struct fh_buf *out, struct fh_arena *scratch,
                           const struct fh_event *event)
{
    bool same = false;

    for (const struct fh_extra *e = event->extras.first; e != NULL; e = e->next) {
        if (fh_openai_chat_stands_in(e, FH_NONE) &&
            !(slot_of(enc, scratch, e, &same) != NULL && same)) {
            add_member(out, scratch, e);
        }
    }
}

/* open_chunk writes everything up to the members of the delta. */
static void open_chunk(struct encoder *enc, struct fh_buf *out, uint32_t choice)
{
    uint32_t which = choice < CHOICES ? choice : CHOICES - 1;
    uint64_t bit = (uint64_t)1 << which % 64;

    if (enc->prefix.failed) { /* an id of kilobytes: no provider's, and not ours to shorten */
        out->failed = true;
    }
    fh_buf_append(out, fh_buf_slice(&enc->prefix));
    fh_buf_append(out, FH_LIT("{\"index\":"));
    fh_buf_u64(out, choice);
    fh_buf_append(out, FH_LIT(",\"delta\":{"));
    if ((enc->greeted[which / 64] & bit) == 0) {
        /* openai "stream()": the first delta of a choice has its role */
        enc->greeted[which / 64] |= bit;
        fh_buf_append(out, FH_LIT("\"role\":\"assistant\""));
    }
}

/* next_member writes the comma between members of a delta, where one is needed. */
static void next_member(struct fh_buf *out)
{
    if (out->len > 0 && out->ptr[out->len - 1] != '{') {
        fh_buf_byte(out, ',');
    }
}

/* add_start_extras writes what the first chunk alone has: all that is not in the prefix. */
static void add_start_extras(const struct encoder *enc, struct fh_buf *out,
                             struct fh_arena *scratch, const struct fh_event *start)
{
    for (const struct fh_extra *e = start->extras.first; e != NULL; e = e->next) {
        bool repeated = false;

        for (size_t i = 0; i < enc->repeated_count; i++) {
            repeated = repeated || enc->repeated[i].source == e;
        }
        if (!repeated) {
            add_member(out, scratch, e);
        }
    }
}

static void close_chunk(struct encoder *enc, struct fh_buf *out, struct fh_arena *scratch,
                        const struct fh_event *event, struct fh_slice finish)
{
    bool more = event->extras.first != NULL && is_ours(event);

    if (more) {
        add_extras(out, scratch, event, FH_LIT("/choices/#/delta"));
        add_extras(out, scratch, event, FH_LIT("/choices/#/message"));
    }
    if (finish.len > 0) {
        fh_buf_append(out, FH_LIT("},\"finish_reason\":"));
        fh_json_quote(out, finish);
    } else {
        fh_buf_append(out, FH_LIT("},\"finish_reason\":null"));
    }
    if (more) {
        add_extras(out, scratch, event, FH_LIT("/choices/#"));
    }
    fh_buf_append(out, FH_LIT("}]"));
    if (more && event->kind == FH_EVENT_START) {
        add_start_extras(enc, out, scratch, event);
    } else if (more) {
        add_top_extras(enc, out, scratch, event);
    }
    fh_buf_append(out, FH_LIT("}\n\n"));
}

static void say(struct encoder *enc, struct fh_buf *out, struct fh_arena *scratch,
                const struct fh_event *event, struct fh_slice key)
{
    open_chunk(enc, out, event->choice);
    next_member(out);
    fh_buf_append(out, key);
    fh_json_quote(out, event->text);
    close_chunk(enc, out, scratch, event, FH_NONE);
}

static uint32_t add_ordinal(struct encoder *enc, const struct fh_event *event)
{
    uint32_t number = 0;

    if (enc->call_count == enc->call_room) {
        uint32_t room = enc->call_room == 0 ? 4 : enc->call_room * 2;
        struct ordinal *calls = fh_arena_raw(enc->arena, room * sizeof(*calls));

        if (enc->call_count > 0) {
            memcpy(calls, enc->calls, enc->call_count * sizeof(*calls));
        }
        enc->calls = calls;
        enc->call_room = room;
    }
    for (uint32_t i = 0; i < enc->call_count; i++) {
        number += enc->calls[i].choice == event->choice;
    }
    enc->calls[enc->call_count++] = (struct ordinal){event->choice, event->index, number};
    return number;
}

static uint32_t ordinal_of(const struct encoder *enc, const struct fh_event *event)
{
    for (uint32_t i = enc->call_count; i > 0; i--) {
        const struct ordinal *call = &enc->calls[i - 1];

        if (call->choice == event->choice && call->block == event->index) {
            return call->number;
        }
    }
    return 0;
}

static void close_call(struct encoder *enc, struct fh_buf *out, struct fh_arena *scratch,
                       const struct fh_event *event)
{
    add_extras(out, scratch, event, function_at);
    fh_buf_byte(out, '}');
    add_extras(out, scratch, event, call_at);
    fh_buf_append(out, FH_LIT("}]"));
    close_chunk(enc, out, scratch, event, FH_NONE);
}

static void begin_call(struct encoder *enc, struct fh_buf *out, struct fh_arena *scratch,
                       const struct fh_event *event)
{
    open_chunk(enc, out, event->choice);
    next_member(out);
    fh_buf_append(out, FH_LIT("\"tool_calls\":[{\"index\":"));
    fh_buf_u64(out, add_ordinal(enc, event));
    fh_buf_append(out, FH_LIT(",\"id\":"));
    fh_json_quote(out, event->id);
    fh_buf_append(out, FH_LIT(",\"type\":\"function\",\"function\":{\"name\":"));
    fh_json_quote(out, event->name);
    fh_buf_append(out, FH_LIT(",\"arguments\":\"\""));
    close_call(enc, out, scratch, event);
}

static void go_on_with_call(struct encoder *enc, struct fh_buf *out, struct fh_arena *scratch,
                            const struct fh_event *event)
{
    open_chunk(enc, out, event->choice);
    next_member(out);
    fh_buf_append(out, FH_LIT("\"tool_calls\":[{\"index\":"));
    fh_buf_u64(out, ordinal_of(enc, event));
    fh_buf_append(out, FH_LIT(",\"function\":{\"arguments\":"));
    fh_json_quote(out, event->text);
    close_call(enc, out, scratch, event);
}

static void lose_block(const struct fh_event *event, struct fh_arena *scratch,
                       const char *member, struct fh_loss *loss)
{
    struct fh_buf pointer = fh_buf_in_arena(scratch, 128);

    fh_buf_printf(&pointer, "/content/%u%s", event->index, member);
    fh_loss_add(loss, fh_buf_slice(&pointer), NO_COUNTERPART);
}

static void begin_block(struct encoder *enc, struct fh_buf *out, struct fh_arena *scratch,
                        const struct fh_event *event, struct fh_loss *loss)
{
    if (event->block == FH_BLOCK_TOOL_CALL) {
        begin_call(enc, out, scratch, event);
    } else if (event->block == FH_BLOCK_OPAQUE && is_ours(event)) {
        open_chunk(enc, out, event->choice);
        next_member(out);
        fh_buf_append(out, fh_openai_chat_is_custom(event->raw) ? FH_LIT("\"tool_calls\":[")
                                                                : FH_LIT("\"content\":["));
        fh_json_append_val(out, scratch, event->raw);
        fh_buf_byte(out, ']');
        close_chunk(enc, out, scratch, event, FH_NONE);
    } else if (event->block == FH_BLOCK_OPAQUE || event->block == FH_BLOCK_REDACTED) {
        lose_block(event, scratch, "", loss);
    }
}

/* note_usage prints the usage as it is now known. It is shown once, at the end, where clients
 * expect it. */
static void note_usage(struct encoder *enc, struct fh_arena *scratch,
                       const struct fh_event *event)
{
    static const struct fh_extras none = {0};

    fh_usage_merge(&enc->counts, &event->usage);
    enc->has_usage = true;
    if (!enc->frame.include_usage) {
        return;
    }
    for (int with_extras = is_ours(event); with_extras >= 0; with_extras--) {
        yyjson_mut_doc *doc = fh_json_new(scratch);

        fh_buf_clear(&enc->usage);
        fh_json_append(&enc->usage, scratch,
                       fh_openai_chat_write_usage(doc, &enc->counts,
                                                  with_extras > 0 ? &event->extras : &none));
        if (with_extras > 0) {
            add_top_extras(enc, &enc->usage, scratch, event);
        }
        if (!enc->usage.failed) {
            return; /* else again, without what the provider added */
        }
    }
}

static void end(struct encoder *enc, struct fh_buf *out)
{
    if (enc->has_usage && enc->frame.include_usage) {
        for (size_t i = 0; i < enc->repeated_count; i++) {
            enc->repeated[i].stopped =
                enc->repeated[i].stopped || enc->repeated[i].stops_at_end;
        }
        print_prefix(enc);
        fh_buf_append(out, fh_buf_slice(&enc->prefix));
        fh_buf_append(out, FH_LIT("],\"usage\":"));
        fh_buf_append(out, fh_buf_slice(&enc->usage));
        fh_buf_append(out, FH_LIT("}\n\n"));
    }
    fh_buf_append(out, FH_LIT("data: [DONE]\n\n"));
}

/* add_extra writes a chunk that holds nothing but extras. */
static void add_extra(struct encoder *enc, struct fh_buf *out, struct fh_arena *scratch,
                      const struct fh_event *event)
{
    bool in_call = fh_openai_chat_any(&event->extras, call_at);
    bool in_function = fh_openai_chat_any(&event->extras, function_at);

    if (!is_ours(event)) {
        return;
    }
    open_chunk(enc, out, event->choice);
    if (in_call || in_function) {
        next_member(out);
        fh_buf_append(out, FH_LIT("\"tool_calls\":[{\"index\":"));
        fh_buf_u64(out, ordinal_of(enc, event));
        if (in_function) {
            fh_buf_append(out, FH_LIT(",\"function\":{"));
            add_extras(out, scratch, event, function_at);
            fh_buf_byte(out, '}');
        }
        add_extras(out, scratch, event, call_at);
        fh_buf_append(out, FH_LIT("}]"));
    }
    close_chunk(enc, out, scratch, event, FH_NONE);
}

static void finish(struct encoder *enc, struct fh_buf *out, struct fh_arena *scratch,
                   const struct fh_event *event, struct fh_loss *loss)
{
    if (event->stop_sequence.len > 0) {
        fh_loss_add(loss, FH_LIT("/stop_sequence"), "is not named in openai_chat");
    }
    open_chunk(enc, out, event->choice);
    close_chunk(enc, out, scratch, event, fh_openai_chat_finish_word(event));
}

void fh_openai_chat_encode_stream(void *encoder, struct fh_buf *out, struct fh_arena *scratch,
                                  const struct fh_event *event, struct fh_loss *loss)
{
    static const struct fh_event no_start = {.kind = FH_EVENT_START};
    struct encoder *enc = encoder;

    if (event->kind == FH_EVENT_PING) { /* may come before the start */
        fh_buf_append(out, FH_LIT(": ping\n\n"));
        return;
    }
    if (enc->prefix.len == 0 && !enc->prefix.failed) {
        begin(enc, scratch, event->kind == FH_EVENT_START ? event : &no_start);
    }
    if (!is_ours(event)) {
        fh_extras_lose(&event->extras, loss, NO_COUNTERPART);
    } else if (event->kind != FH_EVENT_START) {
        stop_repeating(enc, scratch, event);
    }
    switch (event->kind) {
    case FH_EVENT_START:
        open_chunk(enc, out, 0);
        fh_buf_append(out, FH_LIT(",\"content\":\"\""));
        close_chunk(enc, out, scratch, event, FH_NONE);
        break;
    case FH_EVENT_BLOCK_START:
        begin_block(enc, out, scratch, event, loss);
        break;
    case FH_EVENT_TEXT:
        say(enc, out, scratch, event, FH_LIT("\"content\":"));
        break;
    case FH_EVENT_THINKING:
        say(enc, out, scratch, event,
            fh_eq(event->name, FH_LIT("reasoning")) ? FH_LIT("\"reasoning\":")
                                                    : FH_LIT("\"reasoning_content\":"));
        break;
    case FH_EVENT_REFUSAL:
        say(enc, out, scratch, event, FH_LIT("\"refusal\":"));
        break;
    case FH_EVENT_ARGUMENTS:
        go_on_with_call(enc, out, scratch, event);
        break;
    case FH_EVENT_SIGNATURE:
        if (!enc->signature_lost) {
            lose_block(event, scratch, "/signature", loss);
            enc->signature_lost = true;
        }
        break;
    case FH_EVENT_EXTRA:
        add_extra(enc, out, scratch, event);
        break;
    case FH_EVENT_FINISH:
        finish(enc, out, scratch, event, loss);
        break;
    case FH_EVENT_USAGE:
        note_usage(enc, scratch, event);
        break;
    case FH_EVENT_ERROR:
        fh_openai_chat_encode_fault(out, scratch, enc->frame.request_id, &event->fault,
                                    FH_FRAMING_SSE);
        break;
    case FH_EVENT_END:
        end(enc, out);
        break;
    case FH_EVENT_DATA:
    case FH_EVENT_CITATIONS:
    case FH_EVENT_PING:
    case FH_EVENT_BLOCK_STOP:
        break; /* nobody is told: the next block or the finish shows it */
    }
}
