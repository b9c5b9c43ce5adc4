/* test_embeddings.c: vectors of all shapes, the ledger row by row between all pairs, answers
 * between all pairs to the bit, limits, and what text cannot say.
 *
 *     == request SHAPE: title              the body written again in its shape, or its refusal
 *     == request SHAPE to SHAPE: title     the body in the other shape, losses below
 *     == reply SHAPE: title                what is read of an answer, one thing a line
 *     == reply SHAPE to SHAPE: title       first line what was asked; its answer, losses below
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"
#include "vector.h"

#include "base/base64.h"
#include "base/float32.h"
#include "base/text.h"
#include "dialect/embeddings/embeddings.h"

enum { ARENA_MAX = 1 << 26, TEXT_MAX = 1 << 24 };

static const struct fh_reply_frame frame = {.request_id = FH_LIT_INIT("req_1"),
                                            .model = FH_LIT_INIT("a-model")};

static enum fh_embed_shape shape_named(struct fh_slice name)
{
    int shape = 0;

    while (shape < FH_EMBED_SHAPES &&
           !fh_eq(fh_embed_shape_name((enum fh_embed_shape)shape), name)) {
        shape++;
    }
    assert_true(shape < FH_EMBED_SHAPES);
    return (enum fh_embed_shape)shape;
}

/* ---- one translation ---- */

static void print_refusal(struct fh_buf *out, const struct fh_complaint *why)
{
    fh_buf_printf(out, "%.*s %.*s", FH_ARG(fh_refusal_row(why->kind)->name),
                  FH_ARG(why->message));
}

static void print_losses(struct fh_buf *out, const struct fh_loss *loss)
{
    for (uint32_t i = 0; i < fh_loss_listed(loss); i++) {
        fh_buf_printf(out, "\nlost %.*s: %s", FH_ARG(loss->entry[i].pointer),
                      loss->entry[i].why);
    }
}

static struct fh_loss *new_loss(struct fh_arena *arena)
{
    struct fh_loss *loss = fh_new(arena, struct fh_loss);

    loss->arena = arena;
    return loss;
}

/* A model as the exchange fills it in where only the path names it. */
static void name_model(struct fh_embed_request *req)
{
    req->model = req->model.len > 0 ? req->model : FH_LIT("path-model");
}

static void on_request(struct fh_buf *out, struct fh_arena *arena, enum fh_embed_shape from,
                       enum fh_embed_shape to, struct fh_slice body)
{
    struct fh_loss *loss = new_loss(arena);
    struct fh_embed_request req;
    struct fh_complaint why = {0};

    if (fh_embed_decode_request(&req, arena, from, body, &why) != FH_OK) {
        print_refusal(out, &why);
        return;
    }
    if (from != to) {
        name_model(&req);
    }
    if (fh_embed_encode_request(out, arena, to, &req, loss, &why) != FH_OK) {
        print_refusal(out, &why);
        return;
    }
    print_losses(out, loss);
}

static void print_reply(struct fh_buf *out, const struct fh_embed_reply *reply)
{
    static const char *const forms[] = {"any", "numbers", "packed"};

    if (reply->failed) {
        fh_buf_printf(out, "failed %.*s %.*s\n",
                      FH_ARG(fh_refusal_row(reply->fault.kind)->name),
                      FH_ARG(reply->fault.message));
    }
    if (reply->model.len > 0) {
        fh_buf_printf(out, "model %.*s\n", FH_ARG(reply->model));
    }
    if (fh_usage_has(&reply->usage, FH_TOKENS_INPUT)) {
        fh_buf_printf(out, "input %llu\n",
                      (unsigned long long)reply->usage.count[FH_TOKENS_INPUT]);
    }
    for (size_t i = 0; i < reply->count; i++) {
        fh_buf_printf(out, "%zu %s %.*s\n", i, forms[reply->vectors[i].form],
                      FH_ARG(reply->vectors[i].text));
    }
    for (const struct fh_extra *e = reply->extras.first; e != NULL; e = e->next) {
        fh_buf_printf(out, "beside %.*s\n", FH_ARG(e->pointer));
    }
}

static void on_reply(struct fh_buf *out, struct fh_arena *arena, enum fh_embed_shape shape,
                     struct fh_slice body)
{
    struct fh_embed_reply reply;
    struct fh_complaint why = {0};

    if (fh_embed_decode_reply(&reply, arena, shape, NULL, body, &why) != FH_OK) {
        fh_buf_printf(out, "refused: %.*s", FH_ARG(why.message));
        return;
    }
    print_reply(out, &reply);
}

static void on_answer(struct fh_buf *out, struct fh_arena *arena, enum fh_embed_shape from,
                      enum fh_embed_shape to, struct fh_slice wire)
{
    struct fh_loss *loss = new_loss(arena);
    struct fh_embed_request asked;
    struct fh_embed_reply reply;
    struct fh_complaint why = {0};
    struct fh_slice question = FH_NONE;

    assert_true(fh_split(&wire, '\n', &question));
    assert_int_equal(fh_embed_decode_request(&asked, arena, to, question, &why), FH_OK);
    if (fh_embed_decode_reply(&reply, arena, from, &asked, wire, &why) != FH_OK) {
        fh_buf_printf(out, "refused: %.*s", FH_ARG(why.message));
        return;
    }
    if (reply.failed) {
        print_reply(out, &reply);
        return;
    }
    fh_embed_encode_reply(out, arena, &frame, &asked, &reply, loss);
    print_losses(out, loss);
}

/* ---- vectors ---- */

static size_t each_vector(vector_fn *fn)
{
    return vector_each("core/dialect/embeddings/vectors", fn);
}

/* split_kind parts "reply openai to titan". */
static bool split_kind(struct fh_slice kind, struct fh_slice *what, enum fh_embed_shape *from,
                       enum fh_embed_shape *to)
{
    struct fh_slice word = FH_NONE;

    assert_true(fh_split(&kind, ' ', what) && fh_split(&kind, ' ', &word));
    *from = shape_named(word);
    *to = *from;
    if (kind.len == 0) {
        return false;
    }
    assert_true(fh_take(&kind, FH_LIT("to ")));
    *to = shape_named(kind);
    return true;
}

static void check_vector(struct fh_arena *arena, const struct vector *v)
{
    struct fh_buf out = fh_buf_in_arena(arena, TEXT_MAX);
    struct fh_slice want[] = {vector_stripped(v->want), FH_LIT("\0")};
    enum fh_embed_shape from = FH_EMBED_OPENAI;
    enum fh_embed_shape to = FH_EMBED_OPENAI;
    struct fh_slice what = FH_NONE;
    bool translated = split_kind(v->kind, &what, &from, &to);

    if (fh_eq(what, FH_LIT("request"))) {
        on_request(&out, arena, from, to, v->wire);
    } else if (translated) {
        on_answer(&out, arena, from, to, v->wire);
    } else {
        assert_true(fh_eq(what, FH_LIT("reply")));
        on_reply(&out, arena, from, v->wire);
    }
    assert_text(vector_stripped(fh_buf_slice(&out)),
                (const char *)fh_concat(arena, want, FH_LEN(want)).ptr);
}

static void test_vectors(void **state)
{
    FH_UNUSED(state);
    size_t count = each_vector(check_vector);

    (void)printf("# %zu vectors\n", count);
    assert_true(count > 30);
}

/* A scan of bytes that pass counts what the decoder counts. */
static void check_scan(struct fh_arena *arena, const struct vector *v)
{
    enum fh_embed_shape from = FH_EMBED_OPENAI;
    enum fh_embed_shape to = FH_EMBED_OPENAI;
    struct fh_embed_reply reply;
    struct fh_complaint why = {0};
    struct fh_watch watch = {0};
    struct fh_slice what = FH_NONE;

    if (split_kind(v->kind, &what, &from, &to) || !fh_eq(what, FH_LIT("reply"))) {
        return;
    }
    enum fh_embed_form form = fh_embed_scan_reply(&watch, arena, from, v->wire);

    if (fh_embed_decode_reply(&reply, arena, from, NULL, v->wire, &why) == FH_OK) {
        assert_memory_equal(watch.usage.count, reply.usage.count, sizeof(watch.usage.count));
        assert_int_equal(watch.usage.seen, reply.usage.seen);
        assert_int_equal(watch.failed, reply.failed);
        assert_int_equal(watch.ended, !reply.failed);
        assert_true(reply.failed ? watch.failure == reply.fault.kind
                                 : form == reply.vectors[0].form);
    }
}

static void test_scans_see_what_decoders_see(void **state)
{
    FH_UNUSED(state);
    assert_true(each_vector(check_scan) > 0);
}

/* No part of a body is a body. */
static void check_cuts(struct fh_arena *arena, const struct vector *v)
{
    enum fh_embed_shape from = FH_EMBED_OPENAI;
    enum fh_embed_shape to = FH_EMBED_OPENAI;
    struct fh_slice what = FH_NONE;
    struct fh_slice body = vector_stripped(v->wire);
    bool translated = split_kind(v->kind, &what, &from, &to);
    bool request = fh_eq(what, FH_LIT("request"));

    for (size_t len = 0; len < body.len && (request || !translated); len++) {
        struct fh_embed_request req;
        struct fh_embed_reply reply;
        struct fh_complaint why = {0};
        struct fh_watch watch = {0};
        struct fh_slice part = fh_head(body, len);

        assert_true((request ? fh_embed_decode_request(&req, arena, from, part, &why)
                             : fh_embed_decode_reply(&reply, arena, from, NULL, part, &why)) !=
                    FH_OK);
        assert_true(why.message.len > 0);
        (void)fh_embed_scan_reply(&watch, arena, from, part);
        assert_false(watch.ended || watch.failed);
        fh_arena_reset(arena);
    }
}

static void test_no_part_of_a_body_is_one(void **state)
{
    FH_UNUSED(state);
    assert_true(each_vector(check_cuts) > 0);
}

/* However little an arena may hold, the outcome is a limit or the truth. */
static void check_arenas(struct fh_arena *arena, const struct vector *v)
{
    enum fh_embed_shape from = FH_EMBED_OPENAI;
    enum fh_embed_shape to = FH_EMBED_OPENAI;
    struct fh_slice what = FH_NONE;

    FH_UNUSED(arena);
    if (split_kind(v->kind, &what, &from, &to)) {
        return;
    }
    for (size_t cap = 64; cap < 4096; cap += 64) {
        FH_AUTO(fh_arena_free) struct fh_arena *small = fh_arena_new(cap);
        FH_AUTO(fh_arena_free) struct fh_arena *large = fh_arena_new(ARENA_MAX);
        struct fh_embed_request req;
        struct fh_embed_reply reply;
        struct fh_complaint why = {0};
        bool request = fh_eq(what, FH_LIT("request"));
        enum fh_rc rc = request
                            ? fh_embed_decode_request(&req, small, from, v->wire, &why)
                            : fh_embed_decode_reply(&reply, small, from, NULL, v->wire, &why);
        enum fh_rc truth =
            request ? fh_embed_decode_request(&req, large, from, v->wire, &why)
                    : fh_embed_decode_reply(&reply, large, from, NULL, v->wire, &why);

        assert_true(rc == FH_E_LIMIT || rc == truth);
    }
}

static void test_small_arenas_are_a_limit(void **state)
{
    FH_UNUSED(state);
    assert_true(each_vector(check_arenas) > 0);
}

/* ---- the ledger, row by row ---- */

/* A body that says one row and nothing beside, of vectors/fields.tv:
 *
 *     == field SHAPE ROW:
 *     the body
 */
struct saying {
    enum fh_embed_shape shape;
    enum fh_embed_field field;
    struct fh_slice body;
};

static enum fh_embed_field field_named(struct fh_slice name)
{
    int field = 0;

    while (field < FH_EMBED_FIELDS &&
           !fh_eq(fh_embed_row((enum fh_embed_field)field)->name, name)) {
        field++;
    }
    assert_true(field < FH_EMBED_FIELDS);
    return (enum fh_embed_field)field;
}

/* take_saying takes the next one off the front of the file. */
static bool take_saying(struct fh_slice *text, struct saying *saying)
{
    struct fh_slice head = FH_LIT("== field ");
    struct fh_slice shape = FH_NONE;
    struct fh_slice field = FH_NONE;

    *text = fh_tail(*text, fh_search(*text, head));
    if (!fh_take(text, head)) {
        return false;
    }
    assert_true(fh_split(text, ' ', &shape) && fh_split(text, ':', &field) &&
                fh_take(text, FH_LIT("\n")) && fh_split(text, '\n', &saying->body));
    saying->shape = shape_named(shape);
    saying->field = field_named(field);
    tap_context("%.*s of %.*s", FH_ARG(field), FH_ARG(shape));
    return true;
}

static struct fh_slice all_sayings(struct fh_arena *arena)
{
    struct fh_slice text = FH_NONE;

    assert_true(tap_read_file("core/dialect/embeddings/vectors/fields.tv", arena, &text));
    return text;
}

static void test_every_row_has_a_body_that_says_it(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    bool said[FH_EMBED_FIELDS][FH_EMBED_SHAPES] = {0};
    struct fh_slice text = all_sayings(arena);
    struct saying saying = {0};

    FH_UNUSED(state);
    while (take_saying(&text, &saying)) {
        assert_false(said[saying.field][saying.shape]);
        said[saying.field][saying.shape] = true;
    }
    for (int field = 0; field < FH_EMBED_FIELD_SAYS_VECTOR; field++) {
        const struct fh_embed_row *row = fh_embed_row((enum fh_embed_field)field);

        assert_true(row->doc.len > 0);
        for (int shape = 0; shape < FH_EMBED_SHAPES; shape++) {
            if (said[field][shape] != (row->cell[shape].pointer.len > 0)) {
                fail_msg("%.*s of %.*s", FH_ARG(row->name),
                         FH_ARG(fh_embed_shape_name((enum fh_embed_shape)shape)));
            }
        }
    }
}

/* says finds out whether a request says what a row is about. */
static bool says(const struct fh_embed_request *req, enum fh_embed_field field)
{
    const struct fh_embed_row *row = fh_embed_row(field);

    if (row->slot != FH_EMBED_SLOT_NONE) {
        return req->wish[row->slot].value != NULL && req->wish[row->slot].field == field;
    }
    return (field == FH_EMBED_FIELD_MODEL && req->model.len > 0) ||
           (field == FH_EMBED_FIELD_TEXT && req->inputs[0].kind == FH_EMBED_TEXT) ||
           (field == FH_EMBED_FIELD_TEXTS && req->count > 1) ||
           (field == FH_EMBED_FIELD_TOKENS && req->inputs[0].kind == FH_EMBED_TOKENS) ||
           (field == FH_EMBED_FIELD_MEDIA && req->inputs[0].kind == FH_EMBED_MEDIA) ||
           (field == FH_EMBED_FIELD_MIXED && req->mixed);
}

/* stands_at compares a pointer with a cell's, in which "#" is the first. */
static bool stands_at(struct fh_slice pointer, struct fh_slice cell)
{
    struct fh_slice a = FH_NONE;
    struct fh_slice b = FH_NONE;

    while (fh_split(&cell, '/', &b)) {
        if (!fh_split(&pointer, '/', &a) || !(fh_eq(b, FH_LIT("#")) || fh_eq(a, b))) {
            return false;
        }
    }
    return true; /* media stand deeper than where they are said to be */
}

static bool is_family(enum fh_embed_shape a, enum fh_embed_shape b)
{
    return a == b || (a == FH_EMBED_GEMINI && b == FH_EMBED_GEMINI_ONE) ||
           (a == FH_EMBED_GEMINI_ONE && b == FH_EMBED_GEMINI);
}

/* check_row holds a translation to what the row says. */
static void check_row(const struct saying *saying, enum fh_embed_shape to)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    const struct fh_embed_row *row = fh_embed_row(saying->field);
    const struct fh_cell *cell = &row->cell[to];
    struct fh_slice there = row->cell[saying->shape].pointer;
    struct fh_buf out = fh_buf_in_arena(arena, TEXT_MAX);
    struct fh_loss *loss = new_loss(arena);
    struct fh_embed_request req;
    struct fh_embed_request other;
    struct fh_complaint why = {0};

    assert_int_equal(fh_embed_decode_request(&req, arena, saying->shape, saying->body, &why),
                     FH_OK);
    assert_true(says(&req, saying->field));
    assert_null(req.extras.first);
    name_model(&req);
    enum fh_rc rc = fh_embed_encode_request(&out, arena, to, &req, loss, &why);

    if (is_family(saying->shape, to)) {
        assert_true(rc == FH_OK ||
                    (rc == FH_E_SUPPORT && cell->fate == FH_FATE_REFUSED && req.count > 1));
        assert_int_equal(loss->count, 0);
        return;
    }
    if (cell->fate == FH_FATE_REFUSED) {
        assert_int_equal(rc, FH_E_SUPPORT);
        assert_int_equal(why.kind, FH_REFUSE_UNSUPPORTED);
        assert_true(req.count > 1 || stands_at(why.pointer, there));
        return;
    }
    assert_int_equal(rc, FH_OK);
    assert_int_equal(fh_embed_decode_request(&other, arena, to, fh_buf_slice(&out), &why),
                     FH_OK);
    assert_int_equal(other.count, req.count);
    assert_null(other.extras.first);
    bool reported = cell->fate == FH_FATE_DROPPED || cell->fate == FH_FATE_CHANGED;

    assert_int_equal(loss->count, reported && !row->nothing);
    if (loss->count > 0) {
        assert_true(stands_at(loss->entry[0].pointer, there));
        assert_ptr_equal(loss->entry[0].why, cell->why);
    }
    if (cell->fate == FH_FATE_CHANGED) {
        assert_non_null(other.wish[row->slot].value);
    } else if (cell->fate == FH_FATE_MAPPED && cell->pointer.len > 0) {
        assert_true(row->nothing || says(&other, saying->field));
    } else if (row->slot != FH_EMBED_SLOT_NONE && row->slot != FH_EMBED_SLOT_TASK) {
        assert_null(other.wish[row->slot].value);
    }
}

static void test_every_row_between_all_shapes(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    struct fh_slice text = all_sayings(arena);
    struct saying saying = {0};
    size_t count = 0;

    FH_UNUSED(state);
    while (take_saying(&text, &saying)) {
        for (int to = 0; to < FH_EMBED_SHAPES; to++) {
            check_row(&saying, (enum fh_embed_shape)to);
            count++;
        }
    }
    (void)printf("# %zu rows between shapes\n", count);
}

static void test_the_ledger_is_printed(void **state)
{
    FH_AUTO(fh_buf_fini) struct fh_buf out = fh_buf_on_heap(TEXT_MAX);
    struct fh_slice text = FH_NONE;
    struct fh_slice line = FH_NONE;
    size_t count = 0;

    FH_UNUSED(state);
    fh_embed_print(&out);
    text = fh_buf_slice(&out);
    while (fh_split(&text, '\n', &line)) {
        size_t bars = 0;

        for (size_t i = 0; i < line.len; i++) {
            bars += line.ptr[i] == '|';
        }
        tap_context("%.*s", FH_ARG(line));
        assert_int_equal(bars, FH_EMBED_SHAPES + 2);
        count++;
    }
    assert_int_equal(count, FH_EMBED_FIELDS + 2);
    assert_true(fh_contains(
        fh_buf_slice(&out),
        FH_LIT("| an id of the client's user | `/user` | dropped: is not told of users |")));
}

/* ---- answers between all shapes ---- */

/* What a client asks about so many texts and what a provider answers, of vectors/fields_talks.tv:
 *
 *     == talk SHAPE COUNT:
 *     the question
 *     the answer
 */
struct talk {
    enum fh_embed_shape shape;
    uint64_t count;
    struct fh_slice question;
    struct fh_slice answer;
};

enum { TALKS_MAX = 32 };

static size_t read_talks(struct fh_arena *arena, struct talk talks[TALKS_MAX])
{
    struct fh_slice head = FH_LIT("== talk ");
    struct fh_slice text = FH_NONE;
    struct fh_slice shape = FH_NONE;
    struct fh_slice digits = FH_NONE;
    size_t count = 0;

    assert_true(tap_read_file("core/dialect/embeddings/vectors/fields_talks.tv", arena, &text));
    for (text = fh_tail(text, fh_search(text, head)); fh_take(&text, head);
         text = fh_tail(text, fh_search(text, head))) {
        struct talk *talk = &talks[count++];

        assert_true(count <= TALKS_MAX && fh_split(&text, ' ', &shape) &&
                    fh_split(&text, ':', &digits) && fh_take(&text, FH_LIT("\n")) &&
                    fh_split(&text, '\n', &talk->question) &&
                    fh_split(&text, '\n', &talk->answer) && fh_parse_u64(digits, &talk->count));
        talk->shape = shape_named(shape);
    }
    return count;
}

static const float numbers[2][4] = {{0.1F, -0.0025F, 1e-3F, 16777216.0F},
                                    {1e-45F, -0.0F, 0.3F, 3.4028235e38F}};

/* check_vector_bits compares a vector, in whatever form, with the numbers that it must have. */
static void check_vector_bits(struct fh_arena *arena, const struct fh_embed_vector *vector,
                              const float want[4])
{
    struct fh_buf bytes = fh_buf_in_arena(arena, 64);
    struct fh_slice rest = vector->text;
    struct fh_slice number = FH_NONE;
    uint32_t bits = 0;
    float value = 0;

    if (vector->form == FH_EMBED_PACKED) {
        assert_int_equal(fh_base64_decode(&bytes, vector->text), FH_OK);
    } else {
        assert_true(fh_take(&rest, FH_LIT("[")) && fh_ends(rest, FH_LIT("]")));
        rest = fh_head(rest, rest.len - 1);
        while (fh_split(&rest, ',', &number)) {
            assert_true(fh_float32_parse(fh_trim(number), &value));
            fh_buf_u32le(&bytes, fh_float32_bits(value));
        }
    }
    assert_int_equal(bytes.len, 4 * sizeof(bits));
    rest = fh_buf_slice(&bytes);
    for (int i = 0; i < 4; i++) {
        assert_true(fh_read_u32le(&rest, &bits));
        assert_int_equal(bits, fh_float32_bits(want[i]));
    }
}

static void check_talk(const struct talk *provider, const struct talk *client)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    enum fh_embed_shape from = provider->shape;
    enum fh_embed_shape to = client->shape;
    struct fh_buf out = fh_buf_in_arena(arena, TEXT_MAX);
    struct fh_loss *loss = new_loss(arena);
    struct fh_embed_request asked;
    struct fh_embed_reply reply;
    struct fh_embed_reply told;
    struct fh_complaint why = {0};

    assert_int_equal(fh_embed_decode_request(&asked, arena, to, client->question, &why), FH_OK);
    assert_int_equal(fh_embed_decode_reply(&reply, arena, from, &asked, provider->answer, &why),
                     FH_OK);
    if (from == FH_EMBED_COHERE) {
        fh_usage_set(&reply.usage, FH_TOKENS_INPUT, 7); /* from the header */
    }
    fh_embed_encode_reply(&out, arena, &frame, &asked, &reply, loss);
    assert_int_equal(loss->count, 0);
    assert_int_equal(fh_embed_decode_reply(&told, arena, to, NULL, fh_buf_slice(&out), &why),
                     FH_OK);
    assert_true(from == to || told.extras.first == NULL);
    assert_int_equal(told.count, client->count);
    if (to != FH_EMBED_COHERE) {
        assert_int_equal(told.usage.count[FH_TOKENS_INPUT], 7);
    }
    for (size_t i = 0; i < told.count; i++) {
        assert_int_equal(told.vectors[i].form, fh_embed_form_wanted(&asked));
        check_vector_bits(arena, &told.vectors[i], numbers[i]);
        if (reply.vectors[i].where.ptr == reply.vectors[i].text.ptr) { /* digits stay */
            assert_true(fh_eq(told.vectors[i].text, reply.vectors[i].where));
        }
    }
}

static void test_answers_between_all_shapes(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    struct talk talks[TALKS_MAX] = {0};
    size_t all = read_talks(arena, talks);
    size_t count = 0;

    FH_UNUSED(state);
    for (size_t provider = 0; provider < all; provider++) {
        for (size_t client = 0; client < all; client++) {
            if (talks[provider].count == talks[client].count) {
                tap_context("%.*s for %.*s", FH_ARG(talks[provider].answer),
                            FH_ARG(talks[client].question));
                check_talk(&talks[provider], &talks[client]);
                count++;
            }
        }
    }
    (void)printf("# %zu answers between shapes\n", count);
    assert_true(count > 36);
}

/* What the client wants already passes byte for byte. */
static void test_an_answer_within_a_shape_is_the_same_bytes(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *files = fh_arena_new(ARENA_MAX);
    struct talk talks[TALKS_MAX] = {0};
    size_t all = read_talks(files, talks);

    FH_UNUSED(state);
    for (size_t i = 0; i < all; i++) {
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
        struct fh_embed_request asked = {.shape = talks[i].shape, .count = talks[i].count};
        struct fh_buf out = fh_buf_in_arena(arena, TEXT_MAX);
        struct fh_embed_reply reply;
        struct fh_complaint why = {0};

        tap_context("%.*s", FH_ARG(talks[i].answer));
        assert_int_equal(fh_embed_decode_reply(&reply, arena, talks[i].shape, NULL,
                                               talks[i].answer, &why),
                         FH_OK);
        fh_embed_encode_reply(&out, arena, &frame, &asked, &reply, new_loss(arena));
        assert_true(fh_eq(fh_buf_slice(&out), talks[i].answer));
    }
}

/* ---- limits ---- */

/* many prints `count` times `one`, comma between, between `head` and `tail`. */
static struct fh_slice many(struct fh_arena *arena, const char *head, const char *one,
                            size_t count, const char *tail)
{
    struct fh_buf out = fh_buf_in_arena(arena, TEXT_MAX);

    fh_buf_append(&out, fh_cstr(head));
    for (size_t i = 0; i < count; i++) {
        fh_buf_append(&out, i > 0 ? FH_LIT(",") : FH_NONE);
        fh_buf_append(&out, fh_cstr(one));
    }
    fh_buf_append(&out, fh_cstr(tail));
    return fh_buf_slice(&out);
}

static const struct {
    enum fh_embed_shape shape;
    const char *head, *one, *tail;
} lists[] = {
    {FH_EMBED_OPENAI, "{\"model\":\"m\",\"input\":[", "\"a\"", "]}"},
    {FH_EMBED_OPENAI, "{\"model\":\"m\",\"input\":[", "[1]", "]}"},
    {FH_EMBED_GEMINI, "{\"requests\":[", "{\"content\":{\"parts\":[{\"text\":\"a\"}]}}", "]}"},
    {FH_EMBED_COHERE, "{\"texts\":[", "\"a\"", "]}"},
    {FH_EMBED_COHERE, "{\"inputs\":[", "{\"content\":[]}", "]}"},
};

static void test_requests_have_a_limit_of_texts(void **state)
{
    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(lists); i++) {
        for (size_t count = FH_EMBED_TEXTS_MAX - 1; count <= FH_EMBED_TEXTS_MAX + 1; count++) {
            FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
            bool over = count > FH_EMBED_TEXTS_MAX;
            struct fh_slice body =
                many(arena, lists[i].head, lists[i].one, count, lists[i].tail);
            struct fh_embed_request req;
            struct fh_complaint why = {0};
            enum fh_rc rc = fh_embed_decode_request(&req, arena, lists[i].shape, body, &why);

            tap_context("%s: %zu", lists[i].one, count);
            assert_int_equal(rc, over ? FH_E_TYPE : FH_OK);
            assert_true(over ? fh_contains(why.message, FH_LIT("2048")) : req.count == count);
        }
    }
}

static void test_answers_have_a_limit_of_vectors(void **state)
{
    FH_UNUSED(state);
    for (size_t count = FH_EMBED_TEXTS_MAX - 1; count <= FH_EMBED_TEXTS_MAX + 1; count++) {
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
        bool over = count > FH_EMBED_TEXTS_MAX;
        struct fh_slice body =
            many(arena, "{\"embeddings\":[", "{\"values\":[1]}", count, "]}");
        struct fh_embed_reply reply;
        struct fh_complaint why = {0};
        enum fh_rc rc = fh_embed_decode_reply(&reply, arena, FH_EMBED_GEMINI, NULL, body, &why);

        assert_int_equal(rc, over ? FH_E_TYPE : FH_OK);
        assert_true(over || reply.count == count);
    }
}

/* What is read of an answer does not grow with its numbers: they stay in the body. */
static void test_numbers_take_no_memory(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *bodies = fh_arena_new(ARENA_MAX);
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    struct fh_slice body =
        many(bodies, "{\"embedding\":{\"values\":[", "-0.0123456789", 100000, "]}}");
    struct fh_embed_reply reply;
    struct fh_complaint why = {0};

    FH_UNUSED(state);
    assert_int_equal(
        fh_embed_decode_reply(&reply, arena, FH_EMBED_GEMINI_ONE, NULL, body, &why), FH_OK);
    assert_true(fh_arena_used(arena) < 4096);
}

static void test_no_vector_without_its_text(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    struct fh_embed_request asked = {.shape = FH_EMBED_OPENAI, .count = 2};
    struct fh_embed_reply reply;
    struct fh_complaint why = {0};

    FH_UNUSED(state);
    assert_int_equal(fh_embed_decode_reply(&reply, arena, FH_EMBED_COHERE, &asked,
                                           FH_LIT("{\"embeddings\":[[1],[2]]}"), &why),
                     FH_OK);
    assert_int_equal(fh_embed_decode_reply(&reply, arena, FH_EMBED_COHERE, &asked,
                                           FH_LIT("{\"embeddings\":[[1],[2],[3]]}"), &why),
                     FH_E_TYPE);
    assert_text(why.message, "the body must have 2 vectors, not 3");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_scans_see_what_decoders_see),
        cmocka_unit_test(test_no_part_of_a_body_is_one),
        cmocka_unit_test(test_small_arenas_are_a_limit),
        cmocka_unit_test(test_every_row_has_a_body_that_says_it),
        cmocka_unit_test(test_every_row_between_all_shapes),
        cmocka_unit_test(test_the_ledger_is_printed),
        cmocka_unit_test(test_answers_between_all_shapes),
        cmocka_unit_test(test_an_answer_within_a_shape_is_the_same_bytes),
        cmocka_unit_test(test_requests_have_a_limit_of_texts),
        cmocka_unit_test(test_answers_have_a_limit_of_vectors),
        cmocka_unit_test(test_numbers_take_no_memory),
        cmocka_unit_test(test_no_vector_without_its_text),
    };
    return cmocka_run_group_tests_name("embeddings", tests, NULL, NULL);
}
