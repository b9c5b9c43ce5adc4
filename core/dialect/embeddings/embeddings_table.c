/* embeddings_table.c: the ledger's rows, and how they are found.
 * SPDX-License-Identifier: Apache-2.0 */
#include "embeddings_table.h"

#include "chat/cell_words.inc"
#include "chat/read.h"

#define X(name, text) static const char name[] = text;
FH_EMBED_REASON_ROWS(X)
#undef X

enum weight { ASKS, NOTHING };

/* NOLINTBEGIN(bugprone-macro-parentheses): cells are initialisers in braces */
#define X(field, slot_of, weight_of, what, openai, mistral, gemini, gemini_one, titan, cohere) \
    {.name = FH_LIT_INIT(#field),                                                              \
     .doc = FH_LIT_INIT(what),                                                                 \
     .slot = FH_EMBED_SLOT_##slot_of,                                                          \
     .nothing = (weight_of) == NOTHING,                                                        \
     .cell = {[FH_EMBED_OPENAI] = openai,                                                      \
              [FH_EMBED_MISTRAL] = mistral,                                                    \
              [FH_EMBED_GEMINI] = gemini,                                                      \
              [FH_EMBED_GEMINI_ONE] = gemini_one,                                              \
              [FH_EMBED_TITAN] = titan,                                                        \
              [FH_EMBED_COHERE] = cohere}},
static const struct fh_embed_row rows[] = {FH_EMBED_FIELD_ROWS(X)};
#undef X
/* NOLINTEND(bugprone-macro-parentheses) */

/* The spellings of a field, blanks between them. */
struct spelling {
    struct fh_slice of[FH_EMBED_SHAPES];
};

#define X(name, openai, mistral, gemini, titan, cohere)                      \
    [FH_EMBED_FIELD_##name] = {{[FH_EMBED_OPENAI] = FH_LIT_INIT(openai),     \
                                [FH_EMBED_MISTRAL] = FH_LIT_INIT(mistral),   \
                                [FH_EMBED_GEMINI] = FH_LIT_INIT(gemini),     \
                                [FH_EMBED_GEMINI_ONE] = FH_LIT_INIT(gemini), \
                                [FH_EMBED_TITAN] = FH_LIT_INIT(titan),       \
                                [FH_EMBED_COHERE] = FH_LIT_INIT(cohere)}},
static const struct spelling spellings[FH_EMBED_FIELDS] = {FH_EMBED_WORD_ROWS(X)};
#undef X

static const struct {
    enum fh_embed_look look;
    enum fh_embed_field other; /* what a word is that no row has */
} slots[] = {
#define X(name, look, other) \
    [FH_EMBED_SLOT_##name] = {FH_EMBED_LOOK_##look, FH_EMBED_FIELD_##other},
    FH_EMBED_SLOT_ROWS(X)
#undef X
};
static_assert(FH_LEN(slots) == FH_EMBED_SLOTS, "table and enum agree");

static const struct {
    enum fh_embed_shape shape;
    enum fh_embed_slot slot;
    struct fh_slice pointer;
    struct fh_slice models;
} places[] = {
#define X(shape, slot, pointer, models) \
    {FH_EMBED_##shape, FH_EMBED_SLOT_##slot, FH_LIT_INIT(pointer), FH_LIT_INIT(models)},
    FH_EMBED_PLACE_ROWS(X)
#undef X
};

static const struct {
    struct fh_slice name;
    enum fh_dialect_id dialect;
} shapes[] = {
    [FH_EMBED_OPENAI] = {FH_LIT_INIT("openai"), FH_DIALECT_OPENAI_CHAT},
    [FH_EMBED_MISTRAL] = {FH_LIT_INIT("mistral"), FH_DIALECT_MISTRAL},
    [FH_EMBED_GEMINI] = {FH_LIT_INIT("gemini"), FH_DIALECT_GEMINI},
    [FH_EMBED_GEMINI_ONE] = {FH_LIT_INIT("gemini_one"), FH_DIALECT_GEMINI},
    [FH_EMBED_TITAN] = {FH_LIT_INIT("titan"), FH_DIALECT_BEDROCK},
    [FH_EMBED_COHERE] = {FH_LIT_INIT("cohere"), FH_DIALECT_BEDROCK},
};
static_assert(FH_LEN(shapes) == FH_EMBED_SHAPES, "table and enum agree");

const struct fh_embed_row *fh_embed_row(enum fh_embed_field field)
{
    FH_ASSERT(field < FH_EMBED_FIELDS);
    return &rows[field];
}

static void print_cell(struct fh_buf *out, const struct fh_cell *cell)
{
    const char *between = cell->pointer.len > 0 ? "; " : "";

    if (cell->pointer.len > 0) {
        fh_buf_printf(out, "`%.*s`", FH_ARG(cell->pointer));
    }
    if (cell->fate != FH_FATE_MAPPED) {
        fh_buf_printf(out, "%s%s: %s", between, fh_fate_name(cell->fate), cell->why);
    } else if (cell->why != NULL) {
        fh_buf_printf(out, "%s%s", between, cell->why);
    }
}

void fh_embed_print(struct fh_buf *out)
{
    fh_buf_append(out, FH_LIT("| what |"));
    for (int shape = 0; shape < FH_EMBED_SHAPES; shape++) {
        fh_buf_printf(out, " %.*s |", FH_ARG(shapes[shape].name));
    }
    fh_buf_append(out, FH_LIT("\n| --- | --- | --- | --- | --- | --- | --- |\n"));
    for (size_t i = 0; i < FH_LEN(rows); i++) {
        fh_buf_printf(out, "| %.*s |", FH_ARG(rows[i].doc));
        for (int shape = 0; shape < FH_EMBED_SHAPES; shape++) {
            fh_buf_byte(out, ' ');
            print_cell(out, &rows[i].cell[shape]);
            fh_buf_append(out, FH_LIT(" |"));
        }
        fh_buf_byte(out, '\n');
    }
}

struct fh_slice fh_embed_shape_name(enum fh_embed_shape shape)
{
    FH_ASSERT(shape < FH_EMBED_SHAPES);
    return shapes[shape].name;
}

enum fh_dialect_id fh_embed_dialect(enum fh_embed_shape shape)
{
    FH_ASSERT(shape < FH_EMBED_SHAPES);
    return shapes[shape].dialect;
}

enum fh_embed_look fh_embed_look(enum fh_embed_slot slot)
{
    return slots[slot].look;
}

bool fh_embed_is_listed(enum fh_embed_shape shape, enum fh_embed_slot slot)
{
    return slot == FH_EMBED_SLOT_TYPE && (shape == FH_EMBED_TITAN || shape == FH_EMBED_COHERE);
}

/* is_read says whether clients of a shape say a field, at the pointer of its cell. */
static bool is_read(const struct fh_embed_row *row, enum fh_embed_shape shape)
{
    return row->slot != FH_EMBED_SLOT_NONE && row->cell[shape].pointer.len > 0;
}

enum fh_embed_slot fh_embed_slot_at(enum fh_embed_shape shape, const struct fh_path *at)
{
    for (size_t i = 0; i < FH_LEN(rows); i++) {
        if (is_read(&rows[i], shape) && fh_path_is(at, rows[i].cell[shape].pointer)) {
            return rows[i].slot;
        }
    }
    for (size_t i = 0; i < FH_LEN(places); i++) {
        if (places[i].shape == shape && fh_path_is(at, places[i].pointer)) {
            return places[i].slot;
        }
    }
    return FH_EMBED_SLOT_NONE;
}

/* parent takes the last token off a pointer. */
static struct fh_slice parent(struct fh_slice pointer)
{
    while (pointer.len > 0 && pointer.ptr[pointer.len - 1] != '/') {
        pointer = fh_head(pointer, pointer.len - 1);
    }
    return fh_head(pointer, pointer.len - (pointer.len > 0));
}

bool fh_embed_leads_on(enum fh_embed_shape shape, const struct fh_path *at)
{
    for (size_t i = 0; i < FH_LEN(places); i++) {
        if (places[i].shape == shape && fh_path_is(at, parent(places[i].pointer))) {
            return true;
        }
    }
    return false;
}

struct fh_slice fh_embed_place(enum fh_embed_shape shape, enum fh_embed_slot slot,
                               struct fh_slice model)
{
    struct fh_slice pointer = FH_NONE;

    for (size_t i = 0; i < FH_LEN(rows) && pointer.len == 0; i++) {
        if (rows[i].slot == slot) {
            pointer = rows[i].cell[shape].pointer;
        }
    }
    for (size_t i = 0; i < FH_LEN(places); i++) {
        if (places[i].shape == shape && places[i].slot == slot && places[i].models.len > 0 &&
            fh_contains(model, places[i].models)) {
            pointer = places[i].pointer;
        }
    }
    (void)!fh_take(&pointer, FH_LIT("/requests/#"));
    return pointer;
}

/* word_of is what a value says as one word; ptr NULL when it says none. */
static struct fh_slice word_of(yyjson_val *value)
{
    if (yyjson_is_arr(value) && yyjson_arr_size(value) == 1) {
        value = yyjson_arr_get_first(value);
    }
    if (yyjson_is_bool(value)) {
        return yyjson_is_true(value) ? FH_LIT("true") : FH_LIT("false");
    }
    return fh_json_text(value);
}

static bool spells(struct fh_slice spelling, struct fh_slice word)
{
    struct fh_slice one = FH_NONE;

    while (fh_split(&spelling, ' ', &one)) {
        if (fh_eq(one, word)) {
            return true;
        }
    }
    return false;
}

enum fh_embed_field fh_embed_field_of(enum fh_embed_shape shape, enum fh_embed_slot slot,
                                      yyjson_val *value)
{
    struct fh_slice word = word_of(value);

    for (size_t i = 0; i < FH_LEN(rows); i++) {
        if (rows[i].slot == slot && is_read(&rows[i], shape) &&
            spells(spellings[i].of[shape], word)) {
            return (enum fh_embed_field)i;
        }
    }
    return slots[slot].other;
}

struct fh_slice fh_embed_word(enum fh_embed_shape shape, enum fh_embed_field field)
{
    struct fh_slice spelling = spellings[field].of[shape];
    struct fh_slice word = FH_NONE;

    (void)!fh_split(&spelling, ' ', &word);
    return word;
}
