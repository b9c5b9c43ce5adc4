/* exchange_wants.c: what every step of an exchange is made of: the row of wants, bytes for the
 * client, the end, and the sentence that says why.
 * SPDX-License-Identifier: Apache-2.0 */
#include "exchange/exchange_state.h"

#include <stdarg.h>
#include <stdio.h>

enum {
    SCRATCH_BASE = 1 << 16,
    SCRATCH_PER_EVENT = 16, /* of an event's longest, to take it apart and put it together */
    MESSAGE_MAX = 2048,
};

struct fh_want *fh_x_want(struct fh_exchange *x, enum fh_want_kind kind)
{
    FH_ASSERT(x->want_count < WANTS_MAX);

    struct fh_want *want = &x->wants[(x->want_at + x->want_count++) % WANTS_MAX];

    want->kind = kind;
    return want;
}

struct fh_arena *fh_x_scratch(struct fh_exchange *x)
{
    if (x->scratch == NULL) {
        x->scratch =
            fh_arena_new(SCRATCH_BASE + SCRATCH_PER_EVENT * x->setup.limits->event_max_bytes);
    }
    return x->scratch;
}

const struct fh_target *fh_x_target(const struct fh_exchange *x)
{
    FH_ASSERT(x->target_at < x->target_count);
    return &x->target[x->target_at];
}

/* fh_x_client_bytes sends to a client that is still there. */
void fh_x_client_bytes(struct fh_exchange *x, struct fh_slice bytes)
{
    if (!x->gone && bytes.len > 0) {
        fh_x_want(x, FH_WANT_CLIENT)->bytes = bytes;
        x->client_bytes += bytes.len;
        x->told_us = x->now_us;
    }
}

/* fh_x_status notes what a client that is still there is answered. */
void fh_x_status(struct fh_exchange *x, uint16_t status)
{
    x->client_status = x->gone ? x->client_status : status;
}

/* fh_x_out empties the buffer for what is made here, and says how long it may get. */
void fh_x_out(struct fh_exchange *x, size_t max)
{
    fh_buf_fini(&x->out);
    x->out = fh_buf_on_heap(max);
}

/* fh_x_release gives the upstream connection back, if there is one. */
void fh_x_release(struct fh_exchange *x, bool keep)
{
    if (x->connected) {
        keep = keep && x->http != NULL && fh_http1_reset(x->http);
        fh_x_want(x, FH_WANT_RELEASE)->keep = keep;
        x->connected = false;
    }
}

/* fh_x_end is the end of everything. */
void fh_x_end(struct fh_exchange *x, bool clean)
{
    if (!x->gone) {
        fh_x_want(x, FH_WANT_END)->clean = clean;
    }
    (void)fh_x_want(x, FH_WANT_DONE);
    x->state = STATE_DONE;
    x->deadline_us = 0;
}

/* sentence makes the first `len` bytes of `text` fit to be said. Names and paths that a client sent
 * stand in them: one may be longer than a sentence, or no UTF-8. */
static struct fh_slice sentence(char *text, size_t len)
{
    if (len >= MESSAGE_MAX) {
        len = MESSAGE_MAX - 1;
        while (len > 0 && ((uint8_t)text[len - 1] & 0xc0) == 0x80) {
            len--;
        }
        len -= len > 0 && (uint8_t)text[len - 1] >= 0xc0 ? 1 : 0; /* its first byte as well */
    }
    if (!fh_utf8_ok(fh_slice(text, len))) {
        for (size_t i = 0; i < len; i++) {
            if ((uint8_t)text[i] >= 0x80) {
                text[i] = '?';
            }
        }
    }
    return fh_slice(text, len);
}

/* fh_x_fault says what the client will be told if nothing better comes. */
void fh_x_fault(struct fh_exchange *x, enum fh_refusal kind, const char *fmt, ...)
{
    char text[MESSAGE_MAX];
    va_list args;

    va_start(args, fmt);
    int len = vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    FH_ASSERT(len >= 0);
    x->fault = (struct fh_fault){.kind = kind,
                                 .message = fh_dup(x->arena, sentence(text, (size_t)len))};
    x->fault_seen = true;
}

/* fh_x_route names a model at the place in use, or only the place. */
struct fh_slice fh_x_route(const struct fh_exchange *x, struct fh_slice model,
                           struct fh_arena *arena)
{
    struct fh_slice parts[] = {fh_x_target(x)->provider->name, FH_LIT("/"), model};

    return fh_concat(arena, parts, model.len > 0 ? FH_LEN(parts) : 1);
}

/* fh_x_settling is what the ledger needs to judge what goes from one dialect to the other. */
struct fh_settling fh_x_settling(const struct fh_exchange *x, const struct fh_dialect *from,
                                 const struct fh_dialect *to, struct fh_arena *arena)
{
    return (struct fh_settling){.from = from->cells,
                                .to = to->cells,
                                .to_name = to->name,
                                .home = to->home,
                                .arena = arena,
                                .loss = x->loss};
}

/* speaks_faults is the dialect in which the client is told what went wrong: who asks by InvokeModel
 * speaks a model's dialect, but its SDK is AWS's. */
static const struct fh_dialect *speaks_faults(const struct fh_exchange *x)
{
    return x->call.envelope == FH_ENVELOPE_BEDROCK ? fh_dialect(FH_DIALECT_BEDROCK) : x->client;
}

/* fh_x_encode_fault writes `fault` for the client, as a body or as the end of its stream. */
void fh_x_encode_fault(struct fh_exchange *x, bool stream)
{
    speaks_faults(x)->encode_fault(&x->out, fh_x_scratch(x), x->frame.request_id, &x->fault,
                                   stream ? x->call.framing : FH_FRAMING_NONE);
}

uint16_t fh_x_fault_status(const struct fh_exchange *x)
{
    return speaks_faults(x)->fault_status(&x->fault);
}

struct fh_slice fh_x_fault_name(const struct fh_exchange *x)
{
    const struct fh_dialect *speaks = speaks_faults(x);

    return speaks->fault_name == NULL ? FH_NONE : speaks->fault_name(&x->fault);
}
