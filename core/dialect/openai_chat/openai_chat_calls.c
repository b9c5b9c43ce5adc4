/* openai_chat_calls.c: tool calls of a stream: clients count calls, not blocks, and some want each
 * whole.
 * SPDX-License-Identifier: Apache-2.0 */
#include "openai_chat.h"

enum { ARGUMENTS_MAX = 1 << 26 };

static const struct fh_slice call_at = FH_LIT_INIT("/choices/#/delta/tool_calls/#");
static const struct fh_slice function_at =
    FH_LIT_INIT("/choices/#/delta/tool_calls/#/function");

struct fh_openai_chat_told_call {
    uint32_t choice, block;
    uint32_t number;                    /* among the calls of its choice */
    struct fh_slice id, name;           /* while it is held */
    struct fh_buf arguments;            /* the same */
    struct fh_buf in_function, in_call; /* members of the provider's own, as they are written */
};

struct fh_openai_chat_calls {
    struct fh_arena *arena;
    struct fh_openai_chat_told_call *list;
    uint32_t count, room;
};

struct fh_openai_chat_calls *fh_openai_chat_calls_new(struct fh_arena *arena)
{
    struct fh_openai_chat_calls *calls = fh_new(arena, struct fh_openai_chat_calls);

    calls->arena = arena;
    return calls;
}

static struct fh_openai_chat_told_call *find(const struct fh_openai_chat_calls *calls,
                                             const struct fh_event *event)
{
    for (uint32_t i = calls->count; i > 0; i--) {
        struct fh_openai_chat_told_call *call = &calls->list[i - 1];

        if (call->choice == event->choice && call->block == event->index) {
            return call;
        }
    }
    return NULL;
}

static struct fh_openai_chat_told_call *add(struct fh_openai_chat_calls *calls,
                                            const struct fh_event *event)
{
    uint32_t number = 0;

    if (calls->count == calls->room) {
        uint32_t room = calls->room == 0 ? 4 : calls->room * 2;

        calls->list =
            fh_arena_grow(calls->arena, calls->list, calls->count * sizeof(*calls->list),
                          room * sizeof(*calls->list));
        calls->room = room;
    }
    for (uint32_t i = 0; i < calls->count; i++) {
        number += calls->list[i].choice == event->choice;
    }
    struct fh_openai_chat_told_call *call = &calls->list[calls->count++];

    *call = (struct fh_openai_chat_told_call){
        .choice = event->choice, .block = event->index, .number = number};
    return call;
}

uint32_t fh_openai_chat_call_begins(struct fh_openai_chat_calls *calls,
                                    const struct fh_event *event)
{
    return add(calls, event)->number;
}

uint32_t fh_openai_chat_call_number(const struct fh_openai_chat_calls *calls,
                                    const struct fh_event *event)
{
    const struct fh_openai_chat_told_call *call = find(calls, event);

    return call == NULL ? 0 : call->number;
}

/* hold_extras prints what the provider had beside: it is gone with the event. */
static void hold_extras(struct fh_openai_chat_told_call *call, struct fh_arena *scratch,
                        const struct fh_event *event)
{
    for (const struct fh_extra *e = event->extras.first; e != NULL; e = e->next) {
        if (fh_extra_stands_in(e, function_at)) {
            fh_openai_chat_add_member(&call->in_function, scratch, e);
        } else if (fh_extra_stands_in(e, call_at)) {
            fh_openai_chat_add_member(&call->in_call, scratch, e);
        }
    }
}

void fh_openai_chat_call_hold(struct fh_openai_chat_calls *calls, struct fh_arena *scratch,
                              const struct fh_event *event, bool ours)
{
    struct fh_openai_chat_told_call *call = NULL;

    if (event->kind == FH_EVENT_BLOCK_START) {
        call = add(calls, event);
        call->id = fh_dup(calls->arena, event->id);
        call->name = fh_dup(calls->arena, event->name);
        call->arguments = fh_buf_in_arena(calls->arena, ARGUMENTS_MAX);
        call->in_function = call->arguments;
        call->in_call = call->arguments;
    } else {
        call = find(calls, event);
    }
    if (call != NULL && event->kind == FH_EVENT_ARGUMENTS) {
        fh_buf_append(&call->arguments, event->text);
    }
    if (call != NULL && ours) {
        hold_extras(call, scratch, event);
    }
}

bool fh_openai_chat_add_call(struct fh_buf *out, const struct fh_openai_chat_calls *calls,
                             const struct fh_event *event)
{
    const struct fh_openai_chat_told_call *call = find(calls, event);

    if (call == NULL) {
        return false;
    }
    fh_buf_append(out, FH_LIT("{\"index\":"));
    fh_buf_u64(out, call->number);
    fh_buf_append(out, FH_LIT(",\"id\":"));
    fh_json_quote(out, call->id);
    fh_buf_append(out, FH_LIT(",\"type\":\"function\",\"function\":{\"name\":"));
    fh_json_quote(out, call->name);
    fh_buf_append(out, FH_LIT(",\"arguments\":"));
    fh_json_quote(out, fh_buf_slice(&call->arguments));
    fh_buf_append(out, fh_buf_slice(&call->in_function));
    fh_buf_byte(out, '}');
    fh_buf_append(out, fh_buf_slice(&call->in_call));
    fh_buf_byte(out, '}');
    out->failed = out->failed || call->arguments.failed;
    return true;
}
