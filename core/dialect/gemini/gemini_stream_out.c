/* gemini_stream_out.c: events become a client's stream: SSE, or a JSON array in pieces.
 *
 *     data: {"candidates":[{"content":{"parts":[{"text":"Hi"}],"role":"model"},"index":0}],…}
 *     [{…},\r\n{…}]
 *
 * Text goes out as it comes. A call, a picture and a signature wait until they are whole, since
 * clients take a part for whole; what may wait is bounded. The reason why it ended waits for the
 * end: to a client it is the end, and the counts may come behind it. The array is closed only
 * behind a proper end or an error.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "dialect/gemini/gemini.h"
#include "wire/frames.h"

enum {
    HELD_MAX = 1 << 20,       /* bytes of a call or of a signature */
    DATA_HELD_MAX = 32 << 20, /* bytes of a picture or of sound, in base64 */
    USAGE_MAX = 1 << 16,
};

/* A block that is open. */
struct held {
    struct held *next;
    uint32_t choice, index;
    struct fh_gemini_said said; /* what it points to is copied */
    struct fh_buf text, signature;
};

/* Why a candidate ended, until it is written. */
struct ending {
    struct ending *next;
    struct fh_event finish;
};

struct encoder {
    struct fh_arena *arena;
    struct fh_reply_frame frame;
    struct fh_slice id, model;
    struct held *held;
    struct ending *endings; /* by number of their candidates */
    struct fh_extras
        start; /* what Google said of the answer at its start, until it is written */
    struct fh_usage usage;
    struct fh_buf own_usage; /* what Google said of it, as JSON; empty: nothing */
    bool usage_due;          /* it was said, and not written since */
    bool begun;              /* LIST: the array is open */
    bool spoke;              /* a chunk was written */
    bool refused, over;
};

void *fh_gemini_stream_encoder_new(struct fh_arena *arena, const struct fh_reply_frame *frame)
{
    struct encoder *enc = fh_new(arena, struct encoder);

    enc->arena = arena;
    enc->frame = *frame;
    enc->id = fh_dup(arena, frame->request_id);
    enc->model = fh_dup(arena, frame->model);
    enc->own_usage = fh_buf_in_arena(arena, USAGE_MAX);
    return enc;
}

/* What an event is written with. */
struct pen {
    struct encoder *enc;
    struct fh_buf *out;
    struct fh_arena *scratch;
    struct fh_loss *loss;
    bool ours; /* Google said it */
};

/* keep copies what Google said beside, to write it later: it lives until the next event. */
static struct fh_extras keep(struct pen *pen, const struct fh_extras *extras)
{
    struct fh_arena *arena = pen->enc->arena;
    struct fh_extras kept = {0};

    for (const struct fh_extra *e = extras->first; e != NULL && pen->ours; e = e->next) {
        struct fh_buf json = fh_buf_in_arena(pen->scratch, HELD_MAX);
        yyjson_val *copy = NULL;
        struct fh_error error;

        fh_json_append_val(&json, pen->scratch, e->value);
        if (!json.failed && fh_json_parse(arena, fh_buf_slice(&json), &copy, &error) == FH_OK) {
            struct fh_extra *extra =
                fh_extra_add(&kept, arena, NULL, fh_dup(arena, e->key), copy);

            extra->pointer = fh_dup(arena, e->pointer);
        }
    }
    return kept;
}

/* ---- chunks ---- */

static void write_frame(struct pen *pen, struct fh_slice json)
{
    if (pen->enc->frame.framing == FH_FRAMING_LIST) {
        fh_buf_append(pen->out, pen->enc->begun ? FH_LIT(",\r\n") : FH_LIT("["));
        fh_buf_append(pen->out, json);
        pen->enc->begun = true;
    } else {
        fh_frame_write(pen->out, FH_FRAMING_SSE, FH_NONE, json);
    }
}

static void write_usage(struct pen *pen, struct fh_gemini_page *page)
{
    struct encoder *enc = pen->enc;
    yyjson_val *own = NULL;
    struct fh_error error;

    if (!enc->usage_due ||
        (enc->own_usage.len > 0 &&
         fh_json_parse(pen->scratch, fh_buf_slice(&enc->own_usage), &own, &error) != FH_OK)) {
        return;
    }
    fh_gemini_write_usage(&page->w, page->root, &enc->usage, own);
    enc->usage_due = false;
}

/* write_chunk finishes a page and sends it. Google's own counts go along with every chunk. */
static void write_chunk(struct pen *pen, struct fh_gemini_page *page)
{
    struct fh_buf json = fh_buf_in_arena(pen->scratch, SIZE_MAX / 4);

    if (pen->ours) {
        write_usage(pen, page);
        fh_gemini_write_beside(page, &pen->enc->start);
        pen->enc->start = (struct fh_extras){0};
    }
    fh_gemini_write_name(page, pen->enc->model, pen->enc->id);
    fh_json_append(&json, pen->scratch, page->root);
    write_frame(pen, fh_buf_slice(&json));
    pen->enc->spoke = true;
}

static void write_said(struct pen *pen, uint32_t choice, const struct fh_gemini_said *said)
{
    struct fh_gemini_page page = fh_gemini_page(pen->scratch, pen->loss, pen->ours);

    fh_gemini_candidate(&page, choice);
    fh_gemini_write_part(&page.w, page.parts, said);
    write_chunk(pen, &page);
}

/* is_of_start says whether extras are of the answer while its first chunk is not written: they are
 * written there. What is said of the prompt is not: it has an event of its own there, too. */
static bool is_of_start(const struct pen *pen, const struct fh_extra *first)
{
    return !pen->enc->spoke && fh_extra_stands_in(first, FH_NONE) &&
           !fh_eq(first->key, FH_LIT("promptFeedback"));
}

static void write_beside(struct pen *pen, const struct fh_event *event)
{
    struct fh_gemini_page page = fh_gemini_page(pen->scratch, pen->loss, pen->ours);
    const struct fh_gemini_said nothing = {.kind = FH_BLOCK_TEXT};

    if (!pen->ours || event->extras.first == NULL) {
        return;
    }
    if (is_of_start(pen, event->extras.first)) {
        const struct fh_extras kept = keep(pen, &event->extras);

        fh_extras_append(&pen->enc->start, &kept);
        return;
    }
    fh_gemini_candidate(&page, event->choice);
    fh_gemini_write_part(&page.w, page.parts, &nothing);
    fh_gemini_write_beside(&page, &event->extras);
    write_chunk(pen, &page);
}

/* fail ends a stream that we cannot go on with. */
static void fail(struct pen *pen, const struct fh_fault *fault)
{
    struct encoder *enc = pen->enc;
    struct fh_buf json = fh_buf_in_arena(pen->scratch, SIZE_MAX / 4);

    fh_gemini_encode_fault(&json, pen->scratch, enc->frame.request_id, fault, FH_FRAMING_NONE);
    write_frame(pen, fh_buf_slice(&json));
    if (enc->frame.framing == FH_FRAMING_LIST) {
        fh_buf_append(pen->out, FH_LIT("]"));
    }
    enc->over = true;
}

static void fail_as_too_long(struct pen *pen)
{
    const struct fh_fault fault = {
        .kind = FH_REFUSE_UPSTREAM_FAILED,
        .message = FH_LIT("a part of the answer is too long to be held until it is whole"),
    };

    fail(pen, &fault);
}

/* ---- blocks ---- */

static bool speaks_at_once(enum fh_block_kind kind)
{
    return kind == FH_BLOCK_TEXT || kind == FH_BLOCK_REFUSAL || kind == FH_BLOCK_THINKING;
}

static struct held **find(struct encoder *enc, const struct fh_event *event)
{
    struct held **link = &enc->held;

    while (*link != NULL &&
           ((*link)->choice != event->choice || (*link)->index != event->index)) {
        link = &(*link)->next;
    }
    return link;
}

/* hold keeps a block until it is whole. */
static void hold(struct pen *pen, const struct fh_event *start)
{
    struct encoder *enc = pen->enc;
    struct held *held = fh_new(enc->arena, struct held);
    bool data = start->block == FH_BLOCK_IMAGE || start->block == FH_BLOCK_AUDIO;

    held->next = enc->held;
    held->choice = start->choice;
    held->index = start->index;
    fh_gemini_begin_said(&held->said, start);
    held->said.id = fh_dup(enc->arena, start->id);
    held->said.name = fh_dup(enc->arena, start->name);
    held->said.media_type = fh_dup(enc->arena, start->media_type);
    held->said.text = fh_dup(enc->arena, held->said.text);
    held->said.extras = keep(pen, &start->extras);
    held->text = fh_buf_in_arena(enc->arena, data ? DATA_HELD_MAX : HELD_MAX);
    held->signature = fh_buf_in_arena(enc->arena, HELD_MAX);
    enc->held = held;
}

static void on_block_start(struct pen *pen, const struct fh_event *event)
{
    struct fh_gemini_said said;

    fh_gemini_begin_said(&said, event);
    pen->enc->refused = pen->enc->refused || event->block == FH_BLOCK_REFUSAL;
    if (event->block == FH_BLOCK_OPAQUE ||
        (event->block == FH_BLOCK_TEXT && pen->ours && event->extras.first != NULL)) {
        write_said(pen, event->choice, &said);
    } else if (event->block != FH_BLOCK_TEXT && event->block != FH_BLOCK_REFUSAL) {
        hold(pen, event);
    }
}

static void on_fragment(struct pen *pen, const struct fh_event *event)
{
    struct held *held = *find(pen->enc, event);

    if (held != NULL && held->said.kind == FH_BLOCK_THINKING) {
        held->said.thought = true;
    }
    if (speaks_at_once(event->block)) {
        const struct fh_gemini_said said = {
            .kind = event->block, .text = event->text, .thought = true};

        if (event->text.len > 0) {
            write_said(pen, event->choice, &said);
        }
        return;
    }
    if (held != NULL) {
        fh_buf_append(&held->text, event->text);
        if (held->text.failed) {
            fail_as_too_long(pen);
        }
    }
}

static void on_signature(struct pen *pen, const struct fh_event *event)
{
    struct held *held = *find(pen->enc, event);

    if (held != NULL) {
        held->said.signer = event->signer;
        fh_buf_append(&held->signature, event->text);
        if (held->signature.failed) {
            fail_as_too_long(pen);
        }
    }
}

/* release writes a block that is whole and did not speak before. */
static void release(struct pen *pen, struct held **link)
{
    struct held *held = *link;

    *link = held->next;
    held->said.signature = fh_buf_slice(&held->signature);
    if (held->said.kind == FH_BLOCK_THINKING && held->said.signature.len == 0) {
        return;
    }
    if (held->text.len > 0) {
        held->said.text = fh_buf_slice(&held->text);
    }
    write_said(pen, held->choice, &held->said);
}

static void on_block_stop(struct pen *pen, const struct fh_event *event)
{
    struct held **link = find(pen->enc, event);

    if (*link != NULL) {
        release(pen, link);
    }
}

/* ---- the end ---- */

static void on_usage(struct pen *pen, const struct fh_event *event)
{
    struct encoder *enc = pen->enc;

    fh_usage_merge(&enc->usage, &event->usage);
    enc->usage_due = true;
    fh_buf_clear(&enc->own_usage);
    /* Google's own words, if they say all that was said before */
    if (pen->ours && event->raw != NULL && event->usage.seen == enc->usage.seen) {
        fh_json_append_val(&enc->own_usage, pen->scratch, event->raw);
    }
    if (enc->own_usage.failed) {
        fh_buf_clear(&enc->own_usage);
    }
}

static void write_ending(struct pen *pen, const struct fh_event *finish, bool last)
{
    struct fh_gemini_page page = fh_gemini_page(pen->scratch, pen->loss, pen->ours);
    const struct fh_gemini_said nothing = {.kind = FH_BLOCK_TEXT};

    if (!fh_gemini_is_blocked(finish)) {
        fh_gemini_candidate(&page, finish->choice);
        fh_gemini_write_part(&page.w, page.parts, &nothing);
    }
    fh_gemini_write_finish(&page, finish, pen->enc->refused);
    if (last) {
        write_usage(pen, &page);
    }
    write_chunk(pen, &page);
}

static void on_finish(struct pen *pen, const struct fh_event *event)
{
    struct encoder *enc = pen->enc;
    struct ending *ending = fh_new(enc->arena, struct ending);
    struct ending **link = &enc->endings;

    while (*link != NULL && (*link)->finish.choice <= event->choice) {
        link = &(*link)->next;
    }
    ending->next = *link;
    ending->finish = *event;
    ending->finish.extras = keep(pen, &event->extras);
    ending->finish.finish_word = fh_dup(enc->arena, event->finish_word);
    *link = ending;
}

static void on_end(struct pen *pen)
{
    struct encoder *enc = pen->enc;

    while (enc->held != NULL) {
        release(pen, &enc->held);
    }
    for (const struct ending *e = enc->endings; e != NULL; e = e->next) {
        pen->ours = e->finish.dialect == FH_DIALECT_GEMINI;
        write_ending(pen, &e->finish, e->next == NULL);
    }
    if (enc->frame.framing == FH_FRAMING_LIST) {
        fh_buf_append(pen->out, enc->begun ? FH_LIT("]") : FH_LIT("[]"));
    }
    enc->over = true;
}

static void on_start(struct pen *pen, const struct fh_event *event)
{
    struct encoder *enc = pen->enc;

    if (event->id.len > 0) {
        enc->id = fh_dup(enc->arena, event->id);
    }
    if (event->model.len > 0) {
        enc->model = fh_dup(enc->arena, event->model);
    }
    enc->start = keep(pen, &event->extras);
}

void fh_gemini_encode_stream(void *encoder, struct fh_buf *out, struct fh_arena *scratch,
                             const struct fh_event *event, struct fh_loss *loss)
{
    struct encoder *enc = encoder;
    struct pen pen = {enc, out, scratch, loss, event->dialect == FH_DIALECT_GEMINI};

    if (enc->over) {
        return;
    }
    switch (event->kind) {
    case FH_EVENT_START:
        on_start(&pen, event);
        break;
    case FH_EVENT_BLOCK_START:
        on_block_start(&pen, event);
        break;
    case FH_EVENT_TEXT:
    case FH_EVENT_THINKING:
    case FH_EVENT_REFUSAL:
    case FH_EVENT_ARGUMENTS:
    case FH_EVENT_DATA:
        on_fragment(&pen, event);
        break;
    case FH_EVENT_SIGNATURE:
        on_signature(&pen, event);
        break;
    case FH_EVENT_CITATIONS:
    case FH_EVENT_EXTRA:
        write_beside(&pen, event);
        break;
    case FH_EVENT_BLOCK_STOP:
        on_block_stop(&pen, event);
        break;
    case FH_EVENT_FINISH:
        on_finish(&pen, event);
        break;
    case FH_EVENT_USAGE:
        on_usage(&pen, event);
        break;
    case FH_EVENT_ERROR:
        fail(&pen, &event->fault);
        break;
    case FH_EVENT_PING:
        fh_gemini_encode_ping(out, enc->frame.framing);
        break;
    case FH_EVENT_END:
        on_end(&pen);
        break;
    }
}
