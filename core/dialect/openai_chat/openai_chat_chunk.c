/* openai_chat_chunk.c: events become chunks of a stream. This is the hot path of translated
 * streams: what all chunks of an answer have in common is printed once, and no tree is built.
 *
 * What a client sends back with its next request, signatures and images, it gets once and whole, in
 * a delta right before the finish: no other form is kept by each SDK (README.md, "Streams").
 * SPDX-License-Identifier: Apache-2.0 */
#include "openai_chat.h"

#include "wire/frames.h"

enum {
    CHUNK_MAX = 1 << 26, /* bytes of a chunk */
    USAGE_MAX = 1 << 14,
    CHOICES = 128, /* whose role we keep track of */
};

/* A tool call of a choice: clients count calls, not blocks. */
struct ordinal {
    uint32_t choice, block, number;
};

struct encoder {
    const struct fh_openai_chat_flavour *flavour;
    struct fh_arena *arena;
    struct fh_reply_frame frame;
    struct fh_openai_chat_prefix *prefix;
    struct fh_buf line;  /* the chunk that is written */
    struct fh_buf usage; /* the usage object as last known, and what stood beside it */
    struct fh_usage counts;
    bool has_usage;
    uint64_t greeted[CHOICES / 64]; /* choices whose role was sent */
    struct fh_openai_chat_held *held;
    struct ordinal *calls;
    uint32_t call_count, call_room;
};

/* One event on its way. */
struct telling {
    struct encoder *enc;
    struct fh_buf *out;
    struct fh_arena *scratch;
    const struct fh_event *event;
    struct fh_loss *loss;
    bool ours; /* it came in the dialect that is written: extras go back to where they stood */
};

static const struct fh_slice call_at = FH_LIT_INIT("/choices/#/delta/tool_calls/#");
static const struct fh_slice function_at =
    FH_LIT_INIT("/choices/#/delta/tool_calls/#/function");

void *fh_openai_chat_encoder_new(const struct fh_openai_chat_flavour *flavour,
                                 struct fh_arena *arena, const struct fh_reply_frame *frame)
{
    struct encoder *enc = fh_new(arena, struct encoder);

    enc->flavour = flavour;
    enc->arena = arena;
    enc->frame = *frame;
    enc->prefix = fh_openai_chat_prefix_new(arena);
    enc->held = fh_openai_chat_held_new(arena);
    enc->line = fh_buf_in_arena(arena, CHUNK_MAX);
    enc->usage = fh_buf_in_arena(arena, USAGE_MAX);
    return enc;
}

/* ---- a chunk ---- */

/* add_extras writes those that stood in `object`, each behind a comma where one is needed. */
static void add_extras(struct telling *t, struct fh_slice object)
{
    const struct fh_extra *extra = t->ours ? t->event->extras.first : NULL;

    for (; extra != NULL; extra = extra->next) {
        if (fh_extra_stands_in(extra, object)) {
            fh_openai_chat_add_member(&t->enc->line, t->scratch, extra);
        }
    }
}

/* open_chunk writes everything up to the members of the delta. */
static void open_chunk(struct telling *t)
{
    struct encoder *enc = t->enc;
    uint32_t which = t->event->choice < CHOICES ? t->event->choice : CHOICES - 1;
    uint64_t bit = (uint64_t)1 << which % 64;

    fh_buf_clear(&enc->line);
    fh_openai_chat_add_prefix(&enc->line, enc->prefix);
    fh_buf_append(&enc->line, FH_LIT("{\"index\":"));
    fh_buf_u64(&enc->line, t->event->choice);
    fh_buf_append(&enc->line, FH_LIT(",\"delta\":{"));
    if ((enc->greeted[which / 64] & bit) == 0) {
        /* openai "stream()": the first delta of a choice has its role */
        enc->greeted[which / 64] |= bit;
        fh_buf_append(&enc->line, FH_LIT("\"role\":\"assistant\""));
    }
}

/* add_key begins a member of the delta: `key` with its quotes and colon. */
static void add_key(struct telling *t, struct fh_slice key)
{
    struct fh_buf *line = &t->enc->line;

    fh_buf_append(line,
                  line->len > 0 && line->ptr[line->len - 1] != '{' ? FH_LIT(",") : FH_NONE);
    fh_buf_append(line, key);
}

static void send(struct encoder *enc, struct fh_buf *out)
{
    if (enc->line.failed) {
        out->failed = true;
    } else {
        fh_frame_write(out, enc->frame.framing, FH_NONE, fh_buf_slice(&enc->line));
    }
}

static void close_chunk(struct telling *t, struct fh_slice finish)
{
    struct fh_buf *line = &t->enc->line;
    bool more = t->event->extras.first != NULL && t->ours;

    if (more) {
        add_extras(t, FH_LIT("/choices/#/delta"));
        add_extras(t, FH_LIT("/choices/#/message"));
    }
    if (finish.len > 0) {
        fh_buf_append(line, FH_LIT("},\"finish_reason\":"));
        fh_json_quote(line, finish);
    } else {
        fh_buf_append(line, FH_LIT("},\"finish_reason\":null"));
    }
    if (more) {
        add_extras(t, FH_LIT("/choices/#"));
    }
    fh_buf_append(line, FH_LIT("}]"));
    if (more && t->event->kind == FH_EVENT_START) {
        fh_openai_chat_add_start_extras(t->enc->prefix, line, t->scratch, t->event);
    } else if (more) {
        fh_openai_chat_add_top_extras(t->enc->prefix, line, t->scratch, t->event);
    }
    fh_buf_byte(line, '}');
    send(t->enc, t->out);
}

static void say(struct telling *t, struct fh_slice key)
{
    open_chunk(t);
    add_key(t, key);
    fh_json_quote(&t->enc->line, t->event->text);
    close_chunk(t, FH_NONE);
}

/* ---- tool calls ---- */

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

/* open_call begins a chunk about the call of that number. */
static void open_call(struct telling *t, uint32_t number)
{
    open_chunk(t);
    add_key(t, FH_LIT("\"tool_calls\":[{\"index\":"));
    fh_buf_u64(&t->enc->line, number);
}

/* close_call closes a call that has a function in it. */
static void close_call(struct telling *t)
{
    add_extras(t, function_at);
    fh_buf_byte(&t->enc->line, '}');
    add_extras(t, call_at);
    fh_buf_append(&t->enc->line, FH_LIT("}]"));
    close_chunk(t, FH_NONE);
}

static void begin_call(struct telling *t)
{
    struct fh_buf *line = &t->enc->line;

    open_call(t, add_ordinal(t->enc, t->event));
    fh_buf_append(line, FH_LIT(",\"id\":"));
    fh_json_quote(line, t->event->id);
    fh_buf_append(line, FH_LIT(",\"type\":\"function\",\"function\":{\"name\":"));
    fh_json_quote(line, t->event->name);
    fh_buf_append(line, FH_LIT(",\"arguments\":\"\""));
    close_call(t);
}

static void go_on_with_call(struct telling *t)
{
    open_call(t, ordinal_of(t->enc, t->event));
    fh_buf_append(&t->enc->line, FH_LIT(",\"function\":{\"arguments\":"));
    fh_json_quote(&t->enc->line, t->event->text);
    close_call(t);
}

static void sign_call(struct telling *t)
{
    open_call(t, ordinal_of(t->enc, t->event));
    fh_buf_append(&t->enc->line, FH_LIT(",\"extra_content\":"));
    fh_openai_chat_print_call_signature(&t->enc->line, t->event);
    fh_buf_append(&t->enc->line, FH_LIT("}]"));
    close_chunk(t, FH_NONE);
}

/* show_held tells what was held of the choice, if there is anything. */
static void show_held(struct telling *t)
{
    const struct fh_event plain = {.choice = t->event->choice};
    struct telling held = {t->enc, t->out, t->scratch, &plain, t->loss, false};

    if (fh_openai_chat_holds(t->enc->held, t->event->choice, t->loss)) {
        open_chunk(&held);
        add_key(&held, FH_NONE);
        fh_openai_chat_add_held(&t->enc->line, t->scratch, t->enc->held, t->event->choice);
        close_chunk(&held, FH_NONE);
    }
}

/* ---- sound ---- */

static void begin_sound(struct telling *t)
{
    struct fh_buf *line = &t->enc->line;
    struct fh_slice id[] = {FH_LIT("audio_"), t->enc->frame.request_id};

    open_chunk(t);
    add_key(t, FH_LIT("\"audio\":{\"id\":"));
    fh_json_quote(line, fh_concat(t->scratch, id, FH_LEN(id)));
    /* nobody keeps it: it cannot be referred to afterwards */
    fh_buf_append(line, FH_LIT(",\"transcript\":\"\",\"expires_at\":"));
    fh_buf_u64(line, t->enc->frame.created_s);
    fh_buf_byte(line, '}');
    close_chunk(t, FH_NONE);
}

static void go_on_with_sound(struct telling *t)
{
    open_chunk(t);
    add_key(t, FH_LIT("\"audio\":{\"data\":"));
    fh_json_quote(&t->enc->line, t->event->text);
    fh_buf_byte(&t->enc->line, '}');
    close_chunk(t, FH_NONE);
}

/* ---- blocks, usage, end ---- */

static void begin_opaque(struct telling *t)
{
    open_chunk(t);
    add_key(t, fh_openai_chat_is_custom(t->event->raw) ? FH_LIT("\"tool_calls\":[")
                                                       : FH_LIT("\"content\":["));
    fh_json_append_val(&t->enc->line, t->scratch, t->event->raw);
    fh_buf_byte(&t->enc->line, ']');
    close_chunk(t, FH_NONE);
}

static void begin_block(struct telling *t)
{
    switch (t->event->block) {
    case FH_BLOCK_TOOL_CALL:
        begin_call(t);
        break;
    case FH_BLOCK_OPAQUE:
        if (t->ours) {
            begin_opaque(t);
        }
        break;
    case FH_BLOCK_THINKING:
    case FH_BLOCK_REDACTED:
    case FH_BLOCK_IMAGE:
        fh_openai_chat_hold(t->enc->held, t->event);
        break;
    case FH_BLOCK_AUDIO:
        begin_sound(t);
        break;
    case FH_BLOCK_TEXT:
    case FH_BLOCK_DOCUMENT:
    case FH_BLOCK_VIDEO:
    case FH_BLOCK_TOOL_RESULT:
    case FH_BLOCK_REFUSAL:
    case FH_BLOCK_KINDS:
        break; /* nobody is told */
    }
}

static void think(struct telling *t)
{
    bool short_name =
        t->ours && fh_eq(t->event->name, FH_LIT("reasoning")); /* providers differ */

    if (!t->ours) {
        fh_openai_chat_hold(t->enc->held, t->event);
    }
    say(t, short_name ? FH_LIT("\"reasoning\":") : FH_LIT("\"reasoning_content\":"));
}

/* note_usage prints the usage as it is now known. It is shown once, at the end, where clients
 * expect it. */
static void note_usage(struct telling *t)
{
    static const struct fh_extras none = {0};
    struct encoder *enc = t->enc;

    fh_usage_merge(&enc->counts, &t->event->usage);
    enc->has_usage = true;
    if (!enc->frame.include_usage) {
        return;
    }
    for (int with_extras = t->ours; with_extras >= 0; with_extras--) {
        struct fh_writer w = {
            .doc = fh_json_new(t->scratch), .scratch = t->scratch, .ours = true};

        fh_buf_clear(&enc->usage);
        fh_json_append(&enc->usage, t->scratch,
                       fh_openai_chat_write_usage(&w, &enc->counts,
                                                  with_extras > 0 ? &t->event->extras : &none));
        if (with_extras > 0) {
            fh_openai_chat_add_top_extras(enc->prefix, &enc->usage, t->scratch, t->event);
        }
        if (!enc->usage.failed) {
            return; /* else again, without what the provider added */
        }
    }
}

static void end(struct encoder *enc, struct fh_buf *out)
{
    if (enc->has_usage && enc->frame.include_usage) {
        fh_openai_chat_prefix_end(enc->prefix);
        fh_buf_clear(&enc->line);
        fh_openai_chat_add_prefix(&enc->line, enc->prefix);
        fh_buf_append(&enc->line, FH_LIT("],\"usage\":"));
        fh_buf_append(&enc->line, fh_buf_slice(&enc->usage));
        fh_buf_byte(&enc->line, '}');
        send(enc, out);
    }
    fh_frame_write(out, enc->frame.framing, FH_NONE, FH_LIT("[DONE]"));
}

/* add_extra writes a chunk that holds nothing but extras. */
static void add_extra(struct telling *t)
{
    bool in_call = fh_openai_chat_any(&t->event->extras, call_at);
    bool in_function = fh_openai_chat_any(&t->event->extras, function_at);

    if (!t->ours || t->event->extras.first == NULL) {
        return;
    }
    if (!in_call && !in_function) {
        open_chunk(t);
        close_chunk(t, FH_NONE);
        return;
    }
    open_call(t, ordinal_of(t->enc, t->event));
    if (in_function) {
        fh_buf_append(&t->enc->line, FH_LIT(",\"function\":{"));
        add_extras(t, function_at);
        fh_buf_byte(&t->enc->line, '}');
    }
    add_extras(t, call_at);
    fh_buf_append(&t->enc->line, FH_LIT("}]"));
    close_chunk(t, FH_NONE);
}

static void tell(struct telling *t)
{
    switch (t->event->kind) {
    case FH_EVENT_START:
        open_chunk(t);
        add_key(t, FH_LIT("\"content\":\"\""));
        close_chunk(t, FH_NONE);
        break;
    case FH_EVENT_BLOCK_START:
        begin_block(t);
        break;
    case FH_EVENT_TEXT:
        say(t, FH_LIT("\"content\":"));
        break;
    case FH_EVENT_THINKING:
        think(t);
        break;
    case FH_EVENT_REFUSAL:
        say(t, FH_LIT("\"refusal\":"));
        break;
    case FH_EVENT_ARGUMENTS:
        go_on_with_call(t);
        break;
    case FH_EVENT_SIGNATURE:
        if (t->event->block == FH_BLOCK_TOOL_CALL) {
            sign_call(t);
        } else {
            fh_openai_chat_hold(t->enc->held, t->event);
        }
        break;
    case FH_EVENT_DATA:
        if (t->event->block == FH_BLOCK_AUDIO) {
            go_on_with_sound(t);
        } else {
            fh_openai_chat_hold(t->enc->held, t->event);
        }
        break;
    case FH_EVENT_EXTRA:
    case FH_EVENT_CITATIONS:
    case FH_EVENT_BLOCK_STOP: /* nobody is told: the next block or the finish shows it */
        add_extra(t);
        break;
    case FH_EVENT_FINISH:
        show_held(t);
        open_chunk(t);
        close_chunk(t, fh_openai_chat_finish_word(t->event, t->ours));
        break;
    case FH_EVENT_USAGE:
        note_usage(t);
        break;
    case FH_EVENT_ERROR:
        fh_openai_chat_encode_fault(t->out, t->scratch, t->enc->frame.request_id,
                                    &t->event->fault, t->enc->frame.framing);
        break;
    case FH_EVENT_END:
        end(t->enc, t->out);
        break;
    case FH_EVENT_PING:
        break;
    }
}

void fh_openai_chat_encode_stream(void *encoder, struct fh_buf *out, struct fh_arena *scratch,
                                  const struct fh_event *event, struct fh_loss *loss)
{
    static const struct fh_event no_start = {.kind = FH_EVENT_START};
    struct encoder *enc = encoder;
    struct telling t = {enc, out, scratch, event, loss, event->dialect == enc->flavour->id};

    if (event->kind == FH_EVENT_PING) { /* may come before the start */
        fh_openai_chat_encode_ping(out, enc->frame.framing);
        return;
    }
    if (!fh_openai_chat_prefix_begun(enc->prefix)) {
        fh_openai_chat_prefix_begin(enc->prefix, scratch, &enc->frame,
                                    event->kind == FH_EVENT_START ? event : &no_start, t.ours);
    }
    if (t.ours && event->kind != FH_EVENT_START) {
        fh_openai_chat_prefix_note(enc->prefix, scratch, event);
    }
    if (t.ours && fh_openai_chat_is_echo(event)) {
        add_extra(&t);
    } else {
        tell(&t);
    }
}
