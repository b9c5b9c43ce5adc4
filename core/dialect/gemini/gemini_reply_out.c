/* gemini_reply_out.c: events become the whole answer that a client gets.
 * SPDX-License-Identifier: Apache-2.0 */
#include "dialect/gemini/gemini.h"

/* A block, while its events are gathered. */
struct block {
    struct fh_gemini_said said;
    struct fh_buf more; /* its text from the second fragment on: with the first */
    bool begun;
};

struct choice {
    struct block *block;
    size_t count;
    const struct fh_event *finish;
    bool refused;
};

struct gathered {
    struct fh_arena *scratch;
    struct choice *choice;
    size_t count;
    const struct fh_event *start;
    struct fh_usage usage;
    yyjson_val *own_usage;
};

/* make_room counts candidates and blocks: their numbers are dense, as far as nothing was dropped.
 * */
static void make_room(struct gathered *g, const struct fh_events *events)
{
    for (size_t i = 0; i < events->count; i++) {
        g->count = fh_max(g->count, (size_t)events->list[i].choice + 1);
    }
    g->choice = fh_arena_alloc(g->scratch, (g->count + 1) * sizeof(struct choice));
    for (size_t i = 0; i < events->count; i++) {
        const struct fh_event *e = &events->list[i];
        struct choice *c = &g->choice[e->choice];

        if (e->kind == FH_EVENT_BLOCK_START) {
            c->count = fh_max(c->count, (size_t)e->index + 1);
        }
    }
    for (size_t i = 0; i < g->count; i++) {
        g->choice[i].block =
            fh_arena_alloc(g->scratch, (g->choice[i].count + 1) * sizeof(struct block));
    }
}

/* block_of gives the block that an event is about; NULL when it did not begin. */
static struct block *block_of(struct gathered *g, const struct fh_event *e)
{
    if (e->index >= g->choice[e->choice].count) {
        return NULL;
    }
    struct block *block = &g->choice[e->choice].block[e->index];

    return block->begun || e->kind == FH_EVENT_BLOCK_START ? block : NULL;
}

static void add_text(struct gathered *g, struct block *block, struct fh_slice text)
{
    struct fh_slice *said = &block->said.text;

    if (said->len == 0) {
        *said = text;
        return;
    }
    if (block->more.arena == NULL) {
        block->more = fh_buf_in_arena(g->scratch, SIZE_MAX / 4);
        fh_buf_append(&block->more, *said);
    }
    fh_buf_append(&block->more, text);
    *said = fh_buf_slice(&block->more);
}

static void gather_in_block(struct gathered *g, const struct fh_event *e)
{
    struct block *block = block_of(g, e);

    if (block == NULL) {
        return;
    }
    switch ((int)e->kind) {
    case FH_EVENT_BLOCK_START:
        fh_gemini_begin_said(&block->said, e);
        block->begun = true;
        g->choice[e->choice].refused =
            g->choice[e->choice].refused || e->block == FH_BLOCK_REFUSAL;
        break;
    case FH_EVENT_SIGNATURE: {
        struct fh_slice parts[] = {block->said.signature, e->text};

        block->said.signature = fh_concat(g->scratch, parts, FH_LEN(parts));
        block->said.signer = e->signer;
        break;
    }
    case FH_EVENT_TEXT:
    case FH_EVENT_THINKING:
    case FH_EVENT_ARGUMENTS:
    case FH_EVENT_REFUSAL:
    case FH_EVENT_DATA:
        add_text(g, block, e->text);
        break;
    default:
        break;
    }
}

static void gather(struct gathered *g, const struct fh_event *e)
{
    switch ((int)e->kind) {
    case FH_EVENT_START:
        g->start = e;
        break;
    case FH_EVENT_USAGE:
        fh_usage_merge(&g->usage, &e->usage);
        g->own_usage =
            e->dialect == FH_DIALECT_GEMINI && e->usage.seen == g->usage.seen ? e->raw : NULL;
        break;
    case FH_EVENT_FINISH:
        g->choice[e->choice].finish = e;
        break;
    default:
        gather_in_block(g, e);
        break;
    }
}

/* ---- out ---- */

/* signs_before says whether a block is the signature of the part that was just written. */
static bool signs_before(const struct fh_gemini_page *page, const struct block *before,
                         const struct fh_gemini_said *said)
{
    yyjson_mut_val *part = yyjson_mut_arr_get_last(page->parts);

    return fh_gemini_is_signature(said) && before != NULL && part != NULL &&
           (before->said.kind == FH_BLOCK_TEXT || before->said.kind == FH_BLOCK_IMAGE ||
            before->said.kind == FH_BLOCK_AUDIO) &&
           yyjson_mut_obj_get(part, "thoughtSignature") == NULL;
}

static void write_choice(struct gathered *g, struct fh_gemini_page *page, uint32_t number,
                         const struct fh_events *events)
{
    const struct choice *c = &g->choice[number];
    const struct block *before = NULL;

    fh_gemini_candidate(page, number);
    for (size_t i = 0; i < c->count; i++) {
        const struct block *block = &c->block[i];

        if (!block->begun) {
            continue;
        }
        if (signs_before(page, before, &block->said)) {
            fh_write_text(&page->w, yyjson_mut_arr_get_last(page->parts), "thoughtSignature",
                          block->said.signature);
        } else {
            fh_gemini_write_part(&page->w, page->parts, &block->said);
        }
        before = block;
    }
    if (yyjson_mut_arr_size(page->parts) ==
        0) { /* SDKs take a content without parts for broken */
        const struct fh_gemini_said nothing = {.kind = FH_BLOCK_TEXT};

        fh_gemini_write_part(&page->w, page->parts, &nothing);
    }
    for (size_t i = 0; i < events->count; i++) {
        const struct fh_event *e = &events->list[i];

        if (e->choice == number &&
            (e->kind == FH_EVENT_EXTRA || e->kind == FH_EVENT_CITATIONS)) {
            fh_gemini_write_beside(page, &e->extras);
        }
    }
    if (c->finish != NULL) {
        fh_gemini_write_finish(page, c->finish, c->refused);
    }
}

void fh_gemini_encode_reply(struct fh_buf *out, struct fh_arena *scratch,
                            const struct fh_reply_frame *frame, const struct fh_events *events,
                            struct fh_loss *loss)
{
    bool ours = events->count > 0 && events->list[0].dialect == FH_DIALECT_GEMINI;
    struct fh_gemini_page page = fh_gemini_page(scratch, loss, ours);
    struct gathered g = {.scratch = scratch};
    struct fh_slice id = FH_NONE;
    struct fh_slice model = FH_NONE;

    make_room(&g, events);
    for (size_t i = 0; i < events->count; i++) {
        gather(&g, &events->list[i]);
    }
    for (uint32_t i = 0; i < g.count; i++) {
        const struct choice *c = &g.choice[i];

        if (c->finish != NULL && fh_gemini_is_blocked(c->finish)) {
            fh_gemini_write_finish(&page, c->finish, false);
        } else if (c->count > 0 || c->finish != NULL) {
            write_choice(&g, &page, i, events);
        }
    }
    fh_gemini_write_usage(&page.w, page.root, &g.usage, g.own_usage);
    if (g.start != NULL) {
        id = g.start->id;
        model = g.start->model;
        page.candidate = NULL;
    }
    fh_gemini_write_name(&page, model.len > 0 ? model : frame->model,
                         id.len > 0 ? id : frame->request_id);
    if (g.start != NULL) {
        fh_gemini_write_beside(&page, &g.start->extras);
    }
    fh_json_append(out, scratch, page.root);
}
