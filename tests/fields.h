/*
 * fields.h: vectors of single fields, and the test that each says its field.
 *
 *     == field TOP_K: title      fields.tv: a smallest request that says the field
 *     == field SAYS_CALL: title  fields_reply.tv: a whole answer
 *     {…}
 *
 * A dialect has one for each field of the ledger that its peers can say. Whether a request says a
 * field is asked of fh_settle, with a ledger that takes everything but this field.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "story.h"

struct field_vector {
    enum fh_field field;
    struct fh_slice name, body;
};

/* take_field takes the next section off the front of a file. */
static inline bool take_field(struct fh_slice *text, struct field_vector *v)
{
    struct fh_slice mark = FH_LIT("== field "), next = FH_LIT("\n== field ");
    struct fh_slice head = FH_NONE;
    int field = 0;

    *text = fh_tail(*text, fh_search(*text, mark));
    if (!fh_take(text, mark)) {
        return false;
    }
    assert_true(fh_split(text, '\n', &head));
    assert_true(fh_split(&head, ':', &v->name));
    while (field < FH_FIELDS && !fh_eq(fh_field_row((enum fh_field)field)->name, v->name)) {
        field++;
    }
    assert_true(field < FH_FIELDS);
    v->field = (enum fh_field)field;
    v->body = fh_head(*text, fh_min(fh_search(*text, next) + 1, text->len));
    *text = fh_tail(*text, v->body.len);
    v->body = vector_stripped(v->body);
    return true;
}

/* fields_but makes a ledger that takes everything but one field. */
static inline const struct fh_cell *fields_but(struct fh_arena *arena, enum fh_field field)
{
    struct fh_cell *cells = fh_arena_alloc(arena, FH_FIELDS * sizeof(*cells));

    for (int i = 0; i < FH_FIELDS; i++) {
        cells[i].fate = FH_FATE_MAPPED;
    }
    cells[field] = (struct fh_cell){.fate = (int)field < FH_REQUEST_FIELDS ? FH_FATE_REFUSED
                                                                           : FH_FATE_DROPPED,
                                    .why = "this field"};
    return cells;
}

/* A signature is foreign to one home and not to another. */
static inline bool request_says(struct fh_arena *arena, const struct field_vector *v)
{
    bool said = false;

    for (int home = 0; home < FH_SIGNERS && !said; home++) {
        struct fh_chat_request *req = fh_new(arena, struct fh_chat_request);
        struct fh_loss *loss = fh_new(arena, struct fh_loss);
        struct fh_settling s = story_settling(story_dialect, story_dialect, arena, loss);
        struct fh_complaint why = {0};

        loss->arena = arena;
        s.to = fields_but(arena, v->field);
        s.home = (enum fh_signer)home;
        if (story_dialect->decode_request(req, arena, v->body, &why) != FH_OK) {
            fail_msg("%.*s", FH_ARG(why.message));
        }
        said = fh_settle(&s, req, &why) == FH_E_SUPPORT;
    }
    return said;
}

/* Log probabilities and tiers have no place in the events: they are extras. */
static inline bool extras_say(const struct fh_events *events, struct fh_slice pointer)
{
    struct fh_slice key = pointer;
    struct fh_slice rest = pointer;

    while (fh_split(&rest, '/', &key)) {
    }
    for (size_t i = 0; i < events->count; i++) {
        for (const struct fh_extra *x = events->list[i].extras.first; x != NULL; x = x->next) {
            if (fh_eq(x->key, key)) {
                return true;
            }
        }
    }
    return false;
}

static inline bool reply_says(struct fh_arena *arena, const struct field_vector *v)
{
    struct fh_events events = {.arena = arena, .dialect = story_dialect->id};
    struct fh_settled *seen = fh_new(arena, struct fh_settled);
    struct fh_loss *loss = fh_new(arena, struct fh_loss);
    struct fh_settling s = story_settling(story_dialect, story_dialect, arena, loss);
    struct fh_complaint why = {0};

    loss->arena = arena;
    s.to = fields_but(arena, v->field);
    if (story_dialect->decode_reply(&events, v->body, &why) != FH_OK) {
        fail_msg("%.*s", FH_ARG(why.message));
    }
    bool extra = extras_say(&events, story_dialect->cells[v->field].pointer);

    for (size_t i = 0; i < events.count; i++) {
        events.list[i].extras = (struct fh_extras){0}; /* these are reported in any case */
        (void)!fh_settle_event(&s, seen, &events.list[i]);
    }
    return loss->count > 0 || extra;
}

static inline size_t fields_of(const char *file, bool *covered)
{
    FH_AUTO(fh_arena_free) struct fh_arena *files = fh_arena_new(STORY_ARENA_MAX);
    struct fh_slice text = FH_NONE;
    struct field_vector v;
    char path[1024];
    size_t count = 0;

    (void)snprintf(path, sizeof(path), "%s/%s", story_folder, file);
    assert_true(tap_read_file(path, files, &text));
    for (; take_field(&text, &v); count++) {
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(STORY_ARENA_MAX);

        tap_context("%s: %.*s", file, FH_ARG(v.name));
        assert_true((int)v.field < FH_REQUEST_FIELDS ? request_says(arena, &v)
                                                     : reply_says(arena, &v));
        covered[v.field] = true;
    }
    return count;
}

/* Each vector says its field, and each field that the ledger gives a pointer has a vector. */
static inline void test_fields_are_said(void **state)
{
    bool covered[FH_FIELDS] = {false};

    FH_UNUSED(state);
    size_t count = fields_of("fields.tv", covered) + fields_of("fields_reply.tv", covered);

    (void)printf("# %zu fields\n", count);
    for (int field = 0; field < FH_FIELDS; field++) {
        tap_context("%.*s", FH_ARG(fh_field_row((enum fh_field)field)->name));
        assert_int_equal(covered[field], story_dialect->cells[field].pointer.len > 0);
    }
}
