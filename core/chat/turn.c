/* turn.c: the pieces of a turn become one message.
 * SPDX-License-Identifier: Apache-2.0 */
#include "chat/turn.h"

/* A turn that grows, and the text of its last block while more of it comes. */
struct turn {
    struct fh_arena *arena;
    struct fh_message *message;
    struct fh_buf text;
    struct fh_block *open; /* whose text is in `text`; NULL: nobody's */
};

static void close_text(struct turn *t)
{
    if (t->open != NULL) {
        t->open->text = fh_buf_slice(&t->text);
        t->open = NULL;
    }
}

/* continues says whether `more` is the same text as `block`, which stands before it. */
static bool continues(const struct fh_block *block, const struct fh_block *more)
{
    if (block->kind != more->kind) {
        return false;
    }
    if (block->kind == FH_BLOCK_THINKING) {
        return block->signature.len == 0;
    }
    return block->kind == FH_BLOCK_TEXT && block->citations == NULL &&
           block->cache == FH_CACHE_NONE;
}

static void add_text(struct turn *t, const struct fh_block *more)
{
    struct fh_block *block = t->message->content.last;

    if (t->open == NULL) {
        t->text = fh_buf_in_arena(t->arena, SIZE_MAX / 4);
        fh_buf_append(&t->text, block->text);
        t->open = block;
    }
    fh_buf_append(&t->text, more->text);
    block->signature = more->signature;
    block->signer = more->signer;
    block->citations = more->citations;
    block->cache = more->cache;
    block->cache_at = more->cache_at;
    fh_extras_append(&block->extras, &more->extras);
}

static void add_message(struct turn *t, struct fh_message *more)
{
    struct fh_blocks *content = &t->message->content;
    struct fh_block *first = more->content.first;

    if (first != NULL && content->last != NULL && continues(content->last, first)) {
        add_text(t, first);
        first = first->next;
    }
    if (first != NULL) {
        close_text(t);
        if (content->last == NULL) {
            content->first = first;
        } else {
            content->last->next = first;
        }
        content->last = more->content.last;
    }
    fh_extras_append(&t->message->extras, &more->extras);
}

void fh_turns_join(struct fh_chat_request *req, struct fh_arena *arena)
{
    struct turn turn = {.arena = arena};

    for (struct fh_message *m = req->first_message; m != NULL; m = m->next) {
        turn.message = m;
        while (m->next != NULL && m->next->goes_on) {
            add_message(&turn, m->next);
            m->next = m->next->next;
        }
        close_text(&turn);
        req->last_message = m;
    }
}
