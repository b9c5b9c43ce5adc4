/* settle_event.c: looks at one event of an answer and asks the two ledgers about it.
 * SPDX-License-Identifier: Apache-2.0 */
#include "chat/settle.h"

const char *fh_no_counterpart(const struct fh_settling *s)
{
    struct fh_slice sentence[] = {FH_LIT("has no counterpart in "), s->to_name};

    return fh_dup_cstr(s->loss->arena, fh_concat(s->arena, sentence, FH_LEN(sentence)));
}

static const enum fh_field block_fields[FH_BLOCK_KINDS] = {
    [FH_BLOCK_TEXT] = FH_FIELD_SAYS_TEXT,          [FH_BLOCK_IMAGE] = FH_FIELD_SAYS_IMAGE,
    [FH_BLOCK_DOCUMENT] = FH_FIELD_SAYS_OPAQUE,    [FH_BLOCK_AUDIO] = FH_FIELD_SAYS_AUDIO,
    [FH_BLOCK_VIDEO] = FH_FIELD_SAYS_OPAQUE,       [FH_BLOCK_THINKING] = FH_FIELD_SAYS_THINKING,
    [FH_BLOCK_REDACTED] = FH_FIELD_SAYS_REDACTED,  [FH_BLOCK_TOOL_CALL] = FH_FIELD_SAYS_CALL,
    [FH_BLOCK_TOOL_RESULT] = FH_FIELD_SAYS_OPAQUE, [FH_BLOCK_REFUSAL] = FH_FIELD_SAYS_REFUSAL,
    [FH_BLOCK_OPAQUE] = FH_FIELD_SAYS_OPAQUE,
};

static const enum fh_field finish_fields[FH_FINISHES] = {
    [FH_FINISH_UNKNOWN] = FH_FIELD_ENDS_STOP,
    [FH_FINISH_STOP] = FH_FIELD_ENDS_STOP,
    [FH_FINISH_STOP_SEQUENCE] = FH_FIELD_ENDS_STOP_SEQUENCE,
    [FH_FINISH_LENGTH] = FH_FIELD_ENDS_LENGTH,
    [FH_FINISH_CONTEXT] = FH_FIELD_ENDS_CONTEXT,
    [FH_FINISH_TOOLS] = FH_FIELD_ENDS_TOOLS,
    [FH_FINISH_REFUSAL] = FH_FIELD_ENDS_REFUSAL,
    [FH_FINISH_PAUSE] = FH_FIELD_ENDS_PAUSE,
    [FH_FINISH_MALFORMED] = FH_FIELD_ENDS_MALFORMED,
};

/* where puts the numbers of choice, or item, and block into the ledger's pointer. */
static struct fh_slice where(const struct fh_settling *s, enum fh_field field,
                             const struct fh_event *event)
{
    struct fh_slice rest = s->from[field].pointer;
    struct fh_buf out = fh_buf_in_arena(s->arena, rest.len + 32);
    uint32_t next = event->index;

    if (fh_starts(rest, FH_LIT("/choices/#")) || fh_starts(rest, FH_LIT("/candidates/#"))) {
        next = event->choice;
    } else if (fh_starts(rest, FH_LIT("/output/#"))) {
        next = event->item;
    }
    while (rest.len > 0) {
        size_t n = fh_find(rest, '#');

        fh_buf_append(&out, fh_head(rest, n));
        if (n < rest.len) {
            fh_buf_u64(&out, next);
            next = event->index;
            n++;
        }
        rest = fh_tail(rest, n);
    }
    return fh_buf_slice(&out);
}

/* tell reports a field of an answer once a block, and says whether it may be told. */
static bool tell(const struct fh_settling *s, struct fh_settled *seen, enum fh_field field,
                 const struct fh_event *event)
{
    const struct fh_cell *to = &s->to[field];
    uint32_t *index = &seen->index[field - FH_REQUEST_FIELDS];

    if (to->fate == FH_FATE_MAPPED) {
        return true;
    }
    if (*index != event->index + 1) {
        *index = event->index + 1;
        fh_loss_add(s->loss, where(s, field, event), to->why);
    }
    return to->fate == FH_FATE_CHANGED;
}

static bool is_dropped(const struct fh_settling *s, enum fh_field field)
{
    return s->to[field].fate != FH_FATE_MAPPED && s->to[field].fate != FH_FATE_CHANGED;
}

static void tell_usage(const struct fh_settling *s, struct fh_settled *seen,
                       struct fh_event *event)
{
    static const enum fh_field fields[FH_TOKENS_KINDS] = {
        [FH_TOKENS_INPUT] = FH_FIELD_USES_INPUT,
        [FH_TOKENS_CACHE_READ] = FH_FIELD_USES_CACHE_READ,
        [FH_TOKENS_CACHE_WRITE_5M] = FH_FIELD_USES_CACHE_WRITE,
        [FH_TOKENS_CACHE_WRITE_1H] = FH_FIELD_USES_CACHE_WRITE,
        [FH_TOKENS_OUTPUT] = FH_FIELD_USES_OUTPUT,
        [FH_TOKENS_REASONING] = FH_FIELD_USES_REASONING,
        [FH_TOKENS_AUDIO_IN] = FH_FIELD_USES_AUDIO,
        [FH_TOKENS_AUDIO_OUT] = FH_FIELD_USES_AUDIO,
    };

    for (int kind = 0; kind < FH_TOKENS_KINDS; kind++) {
        if (fh_usage_has(&event->usage, (enum fh_tokens)kind) && event->usage.count[kind] > 0) {
            (void)!tell(s, seen, fields[kind], event);
        }
    }
    if (fh_usage_has(&event->usage, FH_TOKENS_CACHE_WRITE_1H) &&
        event->usage.count[FH_TOKENS_CACHE_WRITE_1H] > 0) {
        (void)!tell(s, seen, FH_FIELD_USES_CACHE_TTL, event);
    }
}

static bool tell_finish(const struct fh_settling *s, struct fh_settled *seen,
                        struct fh_event *event)
{
    (void)!tell(s, seen, finish_fields[event->finish], event);
    if (event->stop_sequence.len > 0 && !tell(s, seen, FH_FIELD_SAYS_STOP_SEQUENCE, event)) {
        event->stop_sequence = FH_NONE;
    }
    return true;
}

/* A counter that counted nothing says nothing: usage is full of them. */
static void pass_over_zeros(const struct fh_extras *list)
{
    for (struct fh_extra *extra = list->first; extra != NULL; extra = extra->next) {
        extra->repeats = extra->repeats ||
                         (yyjson_is_num(extra->value) && yyjson_get_num(extra->value) == 0);
    }
}

static void lose_event_extras(const struct fh_settling *s, struct fh_settled *seen,
                              struct fh_event *event)
{
    if (event->extras.first != NULL) {
        if (event->kind == FH_EVENT_USAGE) {
            pass_over_zeros(&event->extras);
        }
        seen->no_counterpart =
            seen->no_counterpart == NULL ? fh_no_counterpart(s) : seen->no_counterpart;
        fh_extras_lose(&event->extras, s->loss, seen->no_counterpart);
        event->extras = (struct fh_extras){0};
    }
}

bool fh_settle_event(const struct fh_settling *s, struct fh_settled *seen,
                     struct fh_event *event)
{
    if (event->choice > 0 && is_dropped(s, FH_FIELD_SAYS_CHOICES)) {
        return tell(s, seen, FH_FIELD_SAYS_CHOICES, event);
    }
    if (event->kind != FH_EVENT_CITATIONS) {
        lose_event_extras(s, seen, event);
    }
    switch (event->kind) {
    case FH_EVENT_BLOCK_START:
        return tell(s, seen, block_fields[event->block], event);
    case FH_EVENT_TEXT:
    case FH_EVENT_THINKING:
    case FH_EVENT_ARGUMENTS:
    case FH_EVENT_REFUSAL:
    case FH_EVENT_DATA:
    case FH_EVENT_BLOCK_STOP:
        return !is_dropped(s, block_fields[event->block]);
    case FH_EVENT_SIGNATURE:
        return tell(s, seen,
                    event->block == FH_BLOCK_TOOL_CALL ? FH_FIELD_SAYS_CALL_SIGNATURE
                                                       : FH_FIELD_SAYS_SIGNATURE,
                    event) &&
               !is_dropped(s, block_fields[event->block]);
    case FH_EVENT_CITATIONS:
        return tell(s, seen, FH_FIELD_SAYS_CITATIONS, event);
    case FH_EVENT_EXTRA:
        return false;
    case FH_EVENT_FINISH:
        return tell_finish(s, seen, event);
    case FH_EVENT_USAGE:
        tell_usage(s, seen, event);
        return true;
    case FH_EVENT_START:
    case FH_EVENT_ERROR:
    case FH_EVENT_PING:
    case FH_EVENT_END:
        break;
    }
    return true;
}
