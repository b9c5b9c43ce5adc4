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

/* add_text puts the text of `more`, which stands behind `block`, to its text. */
static void add_text(struct turn *t, struct fh_block *block, const struct fh_block *more)
{
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

/* is_parted says whether a message ended within the text with which the next one begins. */
static bool is_parted(const struct fh_block *last, const struct fh_block *first)
{
    return last != NULL && first != NULL && last->kind == FH_BLOCK_TEXT &&
           first->kind == FH_BLOCK_TEXT && last->citations == NULL &&
           last->cache == FH_CACHE_NONE;
}

static void add_message(struct turn *t, struct fh_message *more)
{
    struct fh_blocks *content = &t->message->content;
    struct fh_block *first = more->content.first;

    if (is_parted(content->last, first)) {
        add_text(t, content->last, first);
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

/* join_thoughts: a thought that nobody signed goes on in the one behind it. */
static void join_thoughts(struct turn *t, struct fh_blocks *content)
{
    for (struct fh_block *b = content->first; b != NULL; b = b->next) {
        while (b->kind == FH_BLOCK_THINKING && b->signature.len == 0 && b->next != NULL &&
               b->next->kind == FH_BLOCK_THINKING) {
            add_text(t, b, b->next);
            b->next = b->next->next;
        }
        close_text(t);
        content->last = b;
    }
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
        join_thoughts(&turn, &m->content);
        req->last_message = m;
    }
}
