/* serial.c: one block is open, those that begin meanwhile wait in a list.
 * SPDX-License-Identifier: Apache-2.0 */
#include "chat/serial.h"

/* A block that waits for its turn. */
struct waiting {
    struct waiting *next;
    struct fh_event start;        /* its slices copied */
    enum fh_event_kind said_kind; /* of what is said in it: a block says one kind of thing */
    struct fh_buf said, signature;
    enum fh_signer signer;
    bool stopped;
};

struct fh_serial {
    struct fh_arena *arena;
    struct waiting *first, *last;
    size_t held, held_max;
    struct fh_event open_start; /* of the open block: block and dialect alone */
    uint32_t source_index;      /* of the open block, as the provider counts */
    uint32_t index;             /* of the open block, else of the next */
    bool open;
};

/* A call of `put`. */
struct telling {
    struct fh_serial *serial;
    fh_serial_fn *tell;
    void *teller;
};

struct fh_serial *fh_serial_new(struct fh_arena *arena, size_t held_max)
{
    struct fh_serial *serial = fh_new(arena, struct fh_serial);

    serial->arena = arena;
    serial->held_max = held_max;
    return serial;
}

/* tell_it passes an event on with the number that its block has for the client. */
static void tell_it(const struct telling *t, const struct fh_event *event)
{
    struct fh_event told = *event;

    told.index = t->serial->index;
    t->tell(t->teller, &told);
}

static void open_block(const struct telling *t, const struct fh_event *start)
{
    struct fh_serial *s = t->serial;

    s->source_index = start->index;
    s->open_start = (struct fh_event){.dialect = start->dialect, .block = start->block};
    s->open = true;
    tell_it(t, start);
}

/* tell_piece tells something of the open block that was not an event by itself. */
static void tell_piece(const struct telling *t, enum fh_event_kind kind, struct fh_slice text,
                       enum fh_signer signer)
{
    struct fh_event event = t->serial->open_start;

    event.kind = kind;
    event.text = text;
    event.signer = signer;
    tell_it(t, &event);
}

static void close_block(const struct telling *t)
{
    tell_piece(t, FH_EVENT_BLOCK_STOP, FH_NONE, FH_SIGNER_UNKNOWN);
    t->serial->index++;
    t->serial->open = false;
}

/* call_next lets waiting blocks take their turn: up to one that is not complete, or all. */
static void call_next(const struct telling *t, bool all)
{
    struct fh_serial *s = t->serial;

    while (!s->open && s->first != NULL) {
        struct waiting *w = s->first;

        s->first = w->next;
        open_block(t, &w->start);
        if (w->said.len > 0) {
            tell_piece(t, w->said_kind, fh_buf_slice(&w->said), FH_SIGNER_UNKNOWN);
        }
        if (w->signature.len > 0) {
            tell_piece(t, FH_EVENT_SIGNATURE, fh_buf_slice(&w->signature), w->signer);
        }
        if (w->stopped || all) {
            close_block(t);
        }
    }
    s->last = s->first == NULL ? NULL : s->last;
}

static struct waiting *find_waiting(struct fh_serial *s, uint32_t source_index)
{
    struct waiting *w = s->first;

    while (w != NULL && w->start.index != source_index) {
        w = w->next;
    }
    return w;
}

/* may_hold counts what waits against its bound. */
static bool may_hold(struct fh_serial *s, size_t bytes)
{
    if (bytes > s->held_max - s->held) {
        return false;
    }
    s->held += bytes;
    return true;
}

static bool wait_block(struct fh_serial *s, const struct fh_event *start)
{
    struct waiting *w = NULL;

    if (!may_hold(s, sizeof(*w) + start->id.len + start->name.len + start->text.len +
                         start->media_type.len)) {
        return false;
    }
    w = fh_new(s->arena, struct waiting);
    w->start = *start;
    w->start.id = fh_dup(s->arena, start->id);
    w->start.name = fh_dup(s->arena, start->name);
    w->start.text = fh_dup(s->arena, start->text);
    w->start.media_type = fh_dup(s->arena, start->media_type);
    w->start.raw = NULL;
    w->start.extras = (struct fh_extras){0};
    w->said = fh_buf_in_arena(s->arena, s->held_max);
    w->signature = fh_buf_in_arena(s->arena, s->held_max);
    if (s->last == NULL) {
        s->first = w;
    } else {
        s->last->next = w;
    }
    s->last = w;
    return true;
}

static bool on_said(const struct telling *t, const struct fh_event *event)
{
    struct fh_serial *s = t->serial;

    if (s->open && s->source_index == event->index) {
        tell_it(t, event);
        return true;
    }
    struct waiting *w = find_waiting(s, event->index);

    if (w == NULL || event->kind == FH_EVENT_CITATIONS || event->kind == FH_EVENT_EXTRA) {
        return true;
    }
    if (!may_hold(s, event->text.len)) {
        return false;
    }
    if (event->kind == FH_EVENT_SIGNATURE) {
        w->signer = event->signer;
        fh_buf_append(&w->signature, event->text);
    } else {
        w->said_kind = event->kind;
        fh_buf_append(&w->said, event->text);
    }
    return true;
}

static void on_stop(const struct telling *t, const struct fh_event *event)
{
    struct fh_serial *s = t->serial;

    if (s->open && s->source_index == event->index) {
        close_block(t);
        call_next(t, false);
        return;
    }
    struct waiting *w = find_waiting(s, event->index);

    if (w != NULL) {
        w->stopped = true;
    }
}

static void on_finish(const struct telling *t, const struct fh_event *event)
{
    if (t->serial->open) {
        close_block(t);
    }
    call_next(t, true);
    t->tell(t->teller, event);
}

bool fh_serial_put(struct fh_serial *serial, const struct fh_event *event, fh_serial_fn *tell,
                   void *teller)
{
    const struct telling t = {serial, tell, teller};

    if (event->choice != 0) {
        return true;
    }
    switch (event->kind) {
    case FH_EVENT_BLOCK_START:
        if (serial->open) {
            return wait_block(serial, event);
        }
        open_block(&t, event);
        return true;
    case FH_EVENT_TEXT:
    case FH_EVENT_THINKING:
    case FH_EVENT_SIGNATURE:
    case FH_EVENT_ARGUMENTS:
    case FH_EVENT_REFUSAL:
    case FH_EVENT_DATA:
    case FH_EVENT_CITATIONS:
    case FH_EVENT_EXTRA:
        return on_said(&t, event);
    case FH_EVENT_BLOCK_STOP:
        on_stop(&t, event);
        return true;
    case FH_EVENT_FINISH:
        on_finish(&t, event);
        return true;
    case FH_EVENT_START:
    case FH_EVENT_USAGE:
    case FH_EVENT_ERROR:
    case FH_EVENT_PING:
    case FH_EVENT_END:
        tell(teller, event);
        break;
    }
    return true;
}
