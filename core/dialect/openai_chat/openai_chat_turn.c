/* openai_chat_turn.c: the pieces of an answer become blocks, numbered in order of appearance. Whole
 * messages go through here as well, so both give the same events.
 *
 * A choice has at most one block open that says something (text, thinking, refusal): another kind
 * closes it. Tool calls stay open until the choice finishes, since their fragments may interleave.
 * SPDX-License-Identifier: Apache-2.0 */
#include "openai_chat.h"

#include "base/hash.h"

enum {
    CHOICES_MAX = 128, /* openai/chat "n" */
    CALLS_MAX = 128,   /* openai/chat "tools": at most 128 functions */
    INDEX_MAX = 4096,  /* of a call: some providers count all blocks, or from 1 */
    ID_MAX = 64,       /* bytes of the reply's id that make a call's id */
    MADE_ID_MAX = 128, /* bytes of such an id */
    CALL_ID_MAX = 256, /* bytes kept of an id that comes before its name */
};

struct call {
    uint32_t index; /* the provider's own number for it */
    uint32_t block;
    uint32_t id_sum; /* checksum of its id: enough to see that another call begins */
    bool begun;      /* BLOCK_START was given; until then its name is awaited */
    struct fh_slice id;
};

struct fh_openai_chat_choice {
    struct fh_openai_chat_choice *next;
    struct fh_openai_chat_turn *turn;
    uint32_t index;
    uint32_t blocks; /* begun so far */
    bool saying;     /* a block of `said` is open, its index is `said_at` */
    bool finished;
    enum fh_block_kind said;
    uint32_t said_at;
    uint32_t text_at; /* the last block of text */
    uint64_t thought; /* the provider's number of the detail that is being thought */
    bool sounding; /* a block of sound is open, its index is `sound_at`; words go on beside */
    uint32_t sound_at;
    struct call *calls;
    uint32_t call_count, call_room;
};

struct fh_openai_chat_turn {
    struct fh_arena *arena;
    struct fh_openai_chat_choice *first, *last;
    uint8_t id[ID_MAX];
    size_t id_len;
};

struct fh_openai_chat_turn *fh_openai_chat_turn_new(struct fh_arena *arena)
{
    struct fh_openai_chat_turn *turn = fh_new(arena, struct fh_openai_chat_turn);

    turn->arena = arena;
    return turn;
}

void fh_openai_chat_turn_id(struct fh_openai_chat_turn *turn, struct fh_slice id)
{
    turn->id_len = fh_min(id.len, ID_MAX);
    for (size_t i = 0; i < turn->id_len; i++) {
        turn->id[i] = id.ptr[i];
    }
}

struct fh_openai_chat_choice *fh_openai_chat_choice(struct fh_openai_chat_turn *turn,
                                                    uint64_t index)
{
    struct fh_openai_chat_choice *choice = turn->first;

    while (choice != NULL && choice->index != index) {
        choice = choice->next;
    }
    if (choice != NULL || index >= CHOICES_MAX) {
        return choice;
    }
    choice = fh_new(turn->arena, struct fh_openai_chat_choice);
    choice->index = (uint32_t)index;
    choice->turn = turn;
    if (turn->last == NULL) {
        turn->first = choice;
    } else {
        turn->last->next = choice;
    }
    turn->last = choice;
    return choice;
}

bool fh_openai_chat_is_finished(const struct fh_openai_chat_choice *choice)
{
    return choice->finished;
}

static struct fh_event *push(struct fh_openai_chat_choice *choice, struct fh_events *out,
                             enum fh_event_kind kind, enum fh_block_kind block, uint32_t index)
{
    struct fh_event *event = fh_event_push(out, kind);

    event->choice = choice->index;
    event->block = block;
    event->index = index;
    return event;
}

static void stop_saying(struct fh_openai_chat_choice *choice, struct fh_events *out)
{
    if (choice->saying) {
        (void)push(choice, out, FH_EVENT_BLOCK_STOP, choice->said, choice->said_at);
        choice->saying = false;
    }
}

static void start_saying(struct fh_openai_chat_choice *choice, struct fh_events *out,
                         enum fh_block_kind kind)
{
    if (!choice->saying || choice->said != kind) {
        stop_saying(choice, out);
        choice->saying = true;
        choice->said = kind;
        choice->said_at = choice->blocks++;
        choice->text_at = kind == FH_BLOCK_TEXT ? choice->said_at : choice->text_at;
        (void)push(choice, out, FH_EVENT_BLOCK_START, kind, choice->said_at);
    }
}

enum fh_rc fh_openai_chat_say(struct fh_openai_chat_choice *choice, struct fh_events *out,
                              enum fh_block_kind kind, struct fh_slice text,
                              struct fh_slice member)
{
    static const enum fh_event_kind says[] = {
        [FH_BLOCK_TEXT] = FH_EVENT_TEXT,
        [FH_BLOCK_THINKING] = FH_EVENT_THINKING,
        [FH_BLOCK_REFUSAL] = FH_EVENT_REFUSAL,
    };

    if (text.len == 0) {
        return FH_OK;
    }
    if (choice->finished) {
        return FH_E_CONFLICT;
    }
    start_saying(choice, out, kind);
    struct fh_event *event = push(choice, out, says[kind], kind, choice->said_at);

    event->text = text;
    event->name = member;
    return FH_OK;
}

/* whole adds a block that comes at once; its start is for the caller to fill. */
static struct fh_event *whole(struct fh_openai_chat_choice *choice, struct fh_events *out,
                              enum fh_block_kind kind)
{
    stop_saying(choice, out);
    return push(choice, out, FH_EVENT_BLOCK_START, kind, choice->blocks++);
}

void fh_openai_chat_next_thought(struct fh_openai_chat_choice *choice, struct fh_events *out,
                                 uint64_t index)
{
    if (choice->said == FH_BLOCK_THINKING && choice->thought != index) {
        stop_saying(choice, out);
    }
    choice->thought = index;
}

void fh_openai_chat_end_thought(struct fh_openai_chat_choice *choice, struct fh_events *out)
{
    if (choice->said == FH_BLOCK_THINKING) {
        stop_saying(choice, out);
    }
}

enum fh_rc fh_openai_chat_think(struct fh_openai_chat_choice *choice, struct fh_events *out,
                                const struct fh_openai_chat_detail *detail, bool text)
{
    struct fh_event *event = NULL;

    if (choice->finished) {
        return FH_E_CONFLICT;
    }
    if (detail->has_index) {
        fh_openai_chat_next_thought(choice, out, detail->index);
    }
    if (detail->kind == FH_BLOCK_REDACTED) {
        event = whole(choice, out, FH_BLOCK_REDACTED);
        event->text = detail->data;
        event->signer = detail->signer;
        (void)push(choice, out, FH_EVENT_BLOCK_STOP, FH_BLOCK_REDACTED, choice->blocks - 1);
        return FH_OK;
    }
    if (text) {
        FH_TRY(fh_openai_chat_say(choice, out, FH_BLOCK_THINKING, detail->text,
                                  FH_LIT("reasoning_details")));
    }
    if (detail->signature.len > 0) { /* it ends the thought; Gemini's come without words */
        start_saying(choice, out, FH_BLOCK_THINKING);
        event = push(choice, out, FH_EVENT_SIGNATURE, FH_BLOCK_THINKING, choice->said_at);
        event->text = detail->signature;
        event->signer = detail->signer;
        stop_saying(choice, out);
    }
    return FH_OK;
}

enum fh_rc fh_openai_chat_image(struct fh_openai_chat_choice *choice, struct fh_events *out,
                                struct fh_slice media_type, struct fh_slice data)
{
    if (choice->finished) {
        return FH_E_CONFLICT;
    }
    whole(choice, out, FH_BLOCK_IMAGE)->media_type = media_type;
    push(choice, out, FH_EVENT_DATA, FH_BLOCK_IMAGE, choice->blocks - 1)->text = data;
    (void)push(choice, out, FH_EVENT_BLOCK_STOP, FH_BLOCK_IMAGE, choice->blocks - 1);
    return FH_OK;
}

enum fh_rc fh_openai_chat_audio(struct fh_openai_chat_choice *choice, struct fh_events *out,
                                struct fh_slice data)
{
    if (choice->finished) {
        return FH_E_CONFLICT;
    }
    if (!choice->sounding) {
        choice->sounding = true;
        choice->sound_at = choice->blocks++;
        (void)push(choice, out, FH_EVENT_BLOCK_START, FH_BLOCK_AUDIO, choice->sound_at);
    }
    push(choice, out, FH_EVENT_DATA, FH_BLOCK_AUDIO, choice->sound_at)->text = data;
    return FH_OK;
}

struct fh_event *fh_openai_chat_cite(struct fh_openai_chat_choice *choice,
                                     struct fh_events *out)
{
    return choice->finished
               ? NULL
               : push(choice, out, FH_EVENT_CITATIONS, FH_BLOCK_TEXT, choice->text_at);
}

bool fh_openai_chat_is_echo(const struct fh_event *event)
{
    static const struct fh_slice kept[] = {FH_LIT_INIT("reasoning_details"),
                                           FH_LIT_INIT("audio"), FH_LIT_INIT("content")};
    bool says = event->kind == FH_EVENT_THINKING || event->kind == FH_EVENT_TEXT;

    switch (event->block) {
    case FH_BLOCK_REDACTED:
    case FH_BLOCK_IMAGE:
    case FH_BLOCK_AUDIO:
        return true;
    case FH_BLOCK_OPAQUE: /* a part of the content; custom calls are written by themselves */
        return !fh_openai_chat_is_custom(event->raw);
    case FH_BLOCK_TEXT:
    case FH_BLOCK_DOCUMENT:
    case FH_BLOCK_VIDEO:
    case FH_BLOCK_THINKING:
    case FH_BLOCK_TOOL_CALL:
    case FH_BLOCK_TOOL_RESULT:
    case FH_BLOCK_REFUSAL:
    case FH_BLOCK_KINDS:
        break;
    }
    return event->kind == FH_EVENT_SIGNATURE ||
           (says && fh_read_word(kept, FH_LEN(kept), event->name) < FH_LEN(kept));
}

enum fh_rc fh_openai_chat_opaque(struct fh_openai_chat_choice *choice, struct fh_events *out,
                                 yyjson_val *raw)
{
    if (choice->finished) {
        return FH_E_CONFLICT;
    }
    whole(choice, out, FH_BLOCK_OPAQUE)->raw = raw;
    (void)push(choice, out, FH_EVENT_BLOCK_STOP, FH_BLOCK_OPAQUE, choice->blocks - 1);
    return FH_OK;
}

bool fh_openai_chat_is_custom(yyjson_val *raw)
{
    return fh_json_get(raw, FH_LIT("function")) == NULL &&
           fh_json_get(raw, FH_LIT("custom")) != NULL;
}

/* made_id gives a call without an id one that this reply alone will have. */
static struct fh_slice made_id(struct fh_openai_chat_choice *choice, uint32_t block,
                               struct fh_arena *arena)
{
    struct fh_openai_chat_turn *turn = choice->turn;
    struct fh_buf id = fh_buf_in_arena(arena, MADE_ID_MAX);

    fh_buf_printf(&id, "call_%u_%u_", choice->index, block);
    fh_buf_append(&id, fh_slice(turn->id, turn->id_len));
    return fh_buf_slice(&id);
}

static struct call *add_call(struct fh_openai_chat_choice *choice, uint32_t index)
{
    if (choice->call_count == CALLS_MAX) {
        return NULL;
    }
    if (choice->call_count == choice->call_room) {
        uint32_t room = choice->call_room == 0 ? 4 : choice->call_room * 2;
        struct call *calls = fh_arena_alloc(choice->turn->arena, room * sizeof(*calls));

        if (choice->call_count > 0) {
            memcpy(calls, choice->calls, choice->call_count * sizeof(*calls));
        }
        choice->calls = calls;
        choice->call_room = room;
    }
    struct call *call = &choice->calls[choice->call_count++];

    *call = (struct call){.index = index};
    return call;
}

/* find_call tells which call a fragment belongs to; NULL when it begins another.
 *
 * The index decides. But some providers give index 0 to every parallel call: a new id with a name
 * is a new call. And some give no index: then the id decides, a name begins a new call, and what
 * has neither goes on with the last one. */
static struct call *find_call(struct fh_openai_chat_choice *choice,
                              const struct fh_openai_chat_fragment *f)
{
    uint32_t sum = fh_crc32c(0, f->id);

    for (uint32_t i = choice->call_count; i > 0; i--) { /* the newest of that index */
        struct call *call = &choice->calls[i - 1];
        bool same_id = call->id_sum == sum;

        if (f->has_index ? call->index == f->index : f->id.len > 0 && same_id) {
            bool another = f->id.len > 0 && !same_id && f->name.len > 0 && call->begun;

            return another ? NULL : call;
        }
    }
    if (f->has_index || f->name.len > 0 || f->id.len > 0 || choice->call_count == 0) {
        return NULL;
    }
    return &choice->calls[choice->call_count - 1];
}

static void begin_call(struct fh_openai_chat_choice *choice, struct fh_events *out,
                       struct call *call, struct fh_slice id, struct fh_slice name)
{
    call->begun = true;
    call->block = choice->blocks++;
    stop_saying(choice, out);
    struct fh_event *event =
        push(choice, out, FH_EVENT_BLOCK_START, FH_BLOCK_TOOL_CALL, call->block);

    event->id = id.len > 0 ? id : made_id(choice, call->block, out->arena);
    event->name = name;
}

enum fh_rc fh_openai_chat_call(struct fh_openai_chat_choice *choice, struct fh_events *out,
                               struct fh_openai_chat_fragment *fragment, const char **what)
{
    struct call *call = find_call(choice, fragment);

    if (choice->finished) {
        *what = "a call behind the end of its choice";
        return FH_E_CONFLICT;
    }
    if (call == NULL) {
        if (fragment->has_index && fragment->index > INDEX_MAX) {
            *what = "an index that no list of calls reaches";
            return FH_E_LIMIT;
        }
        call = add_call(choice,
                        fragment->has_index ? (uint32_t)fragment->index : choice->call_count);
        if (call == NULL) {
            *what = "more calls than a model may make at once";
            return FH_E_LIMIT;
        }
    }
    if (fragment->id.len > 0 && call->id_sum == 0) {
        call->id_sum = fh_crc32c(0, fragment->id);
        /* the name may come in the next chunk; an id is short, but a peer wrote it */
        call->id = call->begun || fragment->name.len > 0
                       ? FH_NONE
                       : fh_dup(choice->turn->arena,
                                fh_head(fragment->id, fh_min(fragment->id.len, CALL_ID_MAX)));
    }
    if (!call->begun && fragment->name.len > 0) {
        begin_call(choice, out, call, fragment->id.len > 0 ? fragment->id : call->id,
                   fragment->name);
    }
    fragment->block = call->block;
    if (!call->begun && fragment->arguments.len + fragment->signature.len > 0) {
        *what = "arguments of a call that has no name yet";
        return FH_E_MISSING;
    }
    if (fragment->arguments.len > 0) {
        push(choice, out, FH_EVENT_ARGUMENTS, FH_BLOCK_TOOL_CALL, call->block)->text =
            fragment->arguments;
    }
    if (fragment->signature.len > 0) {
        struct fh_event *event =
            push(choice, out, FH_EVENT_SIGNATURE, FH_BLOCK_TOOL_CALL, call->block);

        event->text = fragment->signature;
        event->signer = fragment->signer;
    }
    return FH_OK;
}

static void close_choice(struct fh_openai_chat_choice *choice, struct fh_events *out)
{
    stop_saying(choice, out);
    if (choice->sounding) {
        (void)push(choice, out, FH_EVENT_BLOCK_STOP, FH_BLOCK_AUDIO, choice->sound_at);
        choice->sounding = false;
    }
    for (uint32_t i = 0; i < choice->call_count && !choice->finished; i++) {
        if (choice->calls[i].begun) {
            (void)push(choice, out, FH_EVENT_BLOCK_STOP, FH_BLOCK_TOOL_CALL,
                       choice->calls[i].block);
        }
    }
}

void fh_openai_chat_finish(struct fh_openai_chat_choice *choice, struct fh_events *out,
                           struct fh_slice word)
{
    if (choice->finished) {
        return; /* some say it again beside the usage */
    }
    close_choice(choice, out);
    choice->finished = true;
    struct fh_event *event = push(choice, out, FH_EVENT_FINISH, FH_BLOCK_TEXT, 0);

    event->finish = fh_openai_chat_finish_of(word);
    event->finish_word = word;
}

void fh_openai_chat_close(struct fh_openai_chat_turn *turn, struct fh_events *out)
{
    for (struct fh_openai_chat_choice *c = turn->first; c != NULL; c = c->next) {
        close_choice(c, out);
        c->finished = true;
    }
}
