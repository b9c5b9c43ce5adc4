/* test_loss_ledger.c: every row of the loss ledger, for every ordered pair of dialects: what the
 * ledger says becomes of a field is what becomes of it.
 *
 * Each dialect brings a smallest body for each field that it can say, and no more than it needs:
 * vectors/fields.tv for requests, vectors/fields_reply.tv for whole answers.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "story.h"

#include "dialect/ledger.h"

enum { FILES_MAX = 1 << 20 };

/* A smallest body that says one field. */
struct sample {
    struct fh_slice body;
};

static struct sample samples[FH_DIALECTS][FH_FIELDS];

/* Rows that are not so. Each is told where it is found, so that one run shows all of them. */
static unsigned wrong;

/* Output of cmocka's is on stderr, too. */
#define WRONG(...) ((void)fprintf(stderr, "# " __VA_ARGS__), (void)fputc('\n', stderr), wrong++)

static const char *const files[] = {"fields", "fields_reply"};

static int field_of(struct fh_slice name)
{
    for (int field = 0; field < FH_FIELDS; field++) {
        if (fh_eq(fh_field_row((enum fh_field)field)->name, name)) {
            return field;
        }
    }
    fail_msg("no field is called %.*s", FH_ARG(name));
    return 0;
}

/* load_file reads `== field NAME: title` and the body below it, up to the next. */
static void load_file(struct fh_arena *arena, enum fh_dialect_id id, const char *file)
{
    struct fh_slice text = FH_NONE;
    struct fh_slice head = FH_NONE;
    char path[256];

    (void)snprintf(path, sizeof(path), "core/dialect/%.*s/vectors/%s.tv",
                   FH_ARG(fh_dialect(id)->name), file);
    tap_context("%s", path);
    assert_true(tap_read_file(path, arena, &text));
    text = fh_tail(text, fh_search(text, FH_LIT("== field ")));
    while (fh_take(&text, FH_LIT("== field "))) {
        assert_true(fh_split(&text, '\n', &head));
        struct fh_slice name = fh_trim(fh_head(head, fh_find(head, ':')));
        size_t end = fh_search(text, FH_LIT("\n== field "));

        samples[id][field_of(name)].body = fh_head(text, end);
        text = fh_tail(text, fh_min(end + 1, text.len));
    }
}

/* matches says whether a pointer is of a pattern, or one is part of the other: a tool of Google's
 * is a member, "/tools/0/googleSearch". */
static bool matches(struct fh_slice pointer, struct fh_slice pattern)
{
    struct fh_slice token = FH_NONE;
    struct fh_slice want = FH_NONE;

    while (fh_split(&pointer, '/', &token)) {
        if (!fh_split(&pattern, '/', &want)) {
            return true;
        }
        bool index = token.len > 0 && token.ptr[0] >= '0' && token.ptr[0] <= '9';

        if (!fh_eq(token, want) && !(fh_eq(want, FH_LIT("#")) && index)) {
            return false;
        }
    }
    return true;
}

static bool is_reported(const struct fh_loss *loss, struct fh_slice pattern)
{
    for (uint32_t i = 0; i < fh_loss_listed(loss); i++) {
        if (matches(loss->entry[i].pointer, pattern)) {
            return true;
        }
    }
    return false;
}

/* stands says whether something stands at a pattern in a body. Recursion is by the pattern, ours.
 * */
static bool stands(yyjson_val *val, struct fh_slice pattern)
{
    if (pattern.len == 0) {
        return val != NULL;
    }
    pattern = fh_tail(pattern, 1);
    struct fh_slice token = fh_head(pattern, fh_find(pattern, '/'));
    pattern = fh_tail(pattern, token.len);
    if (yyjson_is_arr(val) && fh_eq(token, FH_LIT("0"))) {
        return stands(yyjson_arr_get_first(val), pattern);
    }
    if (!fh_eq(token, FH_LIT("#"))) {
        return stands(fh_json_get(val, token), pattern);
    }
    yyjson_arr_iter iter = yyjson_arr_iter_with(val);

    for (yyjson_val *item = NULL; (item = yyjson_arr_iter_next(&iter)) != NULL;) {
        if (stands(item, pattern)) {
            return true;
        }
    }
    return false;
}

static bool arrived(const struct fh_ledger_row *row, struct fh_arena *arena,
                    struct fh_slice body)
{
    yyjson_val *root = NULL;
    struct fh_error why;

    assert_int_equal(fh_json_parse(arena, body, &root, &why), FH_OK);
    return row->to.len == 0 || stands(root, row->to) ||
           (row->also.len > 0 && stands(root, row->also));
}

/* check_row holds what was written and reported against the row. Nothing is lost in silence: of
 * what some values do, it is one or the other. */
static void check_row(const struct fh_ledger_row *row, const struct fh_loss *loss,
                      struct fh_arena *arena, struct fh_slice body)
{
    bool reported = is_reported(loss, row->from);
    bool wanted = row->fate == FH_FATE_DROPPED || row->fate == FH_FATE_CHANGED;

    if (row->some) {
        wanted = !arrived(row, arena, body);
    } else if (!arrived(row, arena, body)) {
        WRONG("%s: nothing stands at %.*s in %.*s", tap_where, FH_ARG(row->to), FH_ARG(body));
    }
    if (reported != wanted) {
        WRONG("%s: %s, and %.*s is %sreported", tap_where, fh_fate_name(row->fate),
              FH_ARG(row->from), wanted ? "not " : "");
    }
}

/* sign makes the signatures of a sample those of a model whose signatures the target takes, or, for
 * the row about them, of one whose it does not. */
static void sign(struct fh_blocks *list, enum fh_field field, enum fh_signer home)
{
    enum fh_signer other = home == FH_SIGNER_OPENAI ? FH_SIGNER_CLAUDE : FH_SIGNER_OPENAI;

    for (struct fh_block *block = list->first; block != NULL; block = block->next) {
        if (block->signature.len > 0 || block->kind == FH_BLOCK_REDACTED) {
            block->signer = field == FH_FIELD_SIGNATURE_FOREIGN ? other : home;
        }
    }
}

/* Models of which each dialect's ledger speaks: where a family of models decides, the newest that
 * takes most. */
static struct fh_slice model_of(const struct fh_dialect *to)
{
    static const struct fh_slice models[FH_DIALECTS] = {
        [FH_DIALECT_ANTHROPIC] = FH_LIT_INIT("claude-opus-4-6"),
        [FH_DIALECT_OPENAI_CHAT] = FH_LIT_INIT("gpt-5.2"),
        [FH_DIALECT_OPENAI_RESPONSES] = FH_LIT_INIT("gpt-5.2"),
        [FH_DIALECT_BEDROCK] = FH_LIT_INIT("anthropic.claude-opus-4-6-v1"),
        [FH_DIALECT_GEMINI] = FH_LIT_INIT("gemini-3-pro-preview"),
        [FH_DIALECT_MISTRAL] = FH_LIT_INIT("magistral-medium-latest"),
    };
    return models[to->id];
}

static void check_request(const struct fh_ledger_row *row, const struct fh_dialect *from,
                          const struct fh_dialect *to)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(STORY_ARENA_MAX);
    struct fh_buf out = fh_buf_in_arena(arena, STORY_TEXT_MAX);
    struct fh_loss *loss = fh_new(arena, struct fh_loss);
    struct fh_chat_request *req = fh_new(arena, struct fh_chat_request);
    struct fh_settling s = story_settling(from, to, arena, loss);
    struct fh_complaint why = {0};

    loss->arena = arena;
    assert_int_equal(from->decode_request(req, arena, samples[from->id][row->field].body, &why),
                     FH_OK);
    req->model = model_of(to);
    for (struct fh_message *m = req->first_message; m != NULL; m = m->next) {
        sign(&m->content, row->field, to->home);
    }
    bool sent = fh_settle(&s, req, &why) == FH_OK &&
                to->encode_request(&out, arena, req, loss, &why) == FH_OK;

    if (sent != (row->fate != FH_FATE_REFUSED) && (sent || !row->some)) {
        WRONG("%s: %s, and got %.*s %.*s", tap_where, fh_fate_name(row->fate),
              FH_ARG(fh_refusal_row(why.kind)->name), FH_ARG(why.message));
    }
    if (sent) {
        check_row(row, loss, arena, fh_buf_slice(&out));
    }
}

static void check_reply(const struct fh_ledger_row *row, const struct fh_dialect *from,
                        const struct fh_dialect *to)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(STORY_ARENA_MAX);
    struct fh_buf out = fh_buf_in_arena(arena, STORY_TEXT_MAX);
    struct fh_loss *loss = fh_new(arena, struct fh_loss);

    story_reply(&out, arena, from, to, samples[from->id][row->field].body, loss);
    check_row(row, loss, arena, fh_buf_slice(&out));
}

/* walk visits each row of all ordered pairs in [first, end). */
static unsigned walk(int first, int end,
                     void (*check)(const struct fh_ledger_row *row,
                                   const struct fh_dialect *from, const struct fh_dialect *to))
{
    unsigned rows = 0;

    wrong = 0;
    for (int pair = 0; pair < FH_DIALECTS * FH_DIALECTS; pair++) {
        const struct fh_dialect *from = fh_dialect((enum fh_dialect_id)(pair / FH_DIALECTS));
        const struct fh_dialect *to = fh_dialect((enum fh_dialect_id)(pair % FH_DIALECTS));
        struct fh_ledger_row row;

        for (int field = first; field < end && from != to; field++) {
            if (!fh_ledger_row(from, to, (enum fh_field)field, &row)) {
                continue;
            }
            tap_context("%.*s -> %.*s %.*s", FH_ARG(from->name), FH_ARG(to->name),
                        FH_ARG(fh_field_row((enum fh_field)field)->name));
            if (samples[from->id][field].body.len == 0) {
                WRONG("%s: %.*s says no sample of it", tap_where, FH_ARG(from->name));
                continue;
            }
            check(&row, from, to);
            rows++;
        }
    }
    assert_int_equal(wrong, 0);
    return rows;
}

static void test_every_row_of_requests(void **state)
{
    FH_UNUSED(state);
    (void)printf("# %u rows\n", walk(0, FH_REQUEST_FIELDS, check_request));
}

static void test_every_row_of_answers(void **state)
{
    FH_UNUSED(state);
    (void)printf("# %u rows\n", walk(FH_REQUEST_FIELDS, FH_FIELDS, check_reply));
}

static void test_the_page_is_up_to_date(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(STORY_ARENA_MAX);
    struct fh_buf want = fh_buf_in_arena(arena, 1 << 23);
    struct fh_slice page = FH_NONE;

    FH_UNUSED(state);
    fh_ledger_print(&want);
    assert_true(tap_read_file("docs/translation.md", arena, &page));
    if (!fh_eq(page, fh_buf_slice(&want))) {
        fail_msg("docs/translation.md is behind: `freehold check --translation` prints it");
    }
}

int main(void)
{
    static struct fh_arena *arena;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_row_of_requests),
        cmocka_unit_test(test_every_row_of_answers),
        cmocka_unit_test(test_the_page_is_up_to_date),
    };

    arena = fh_arena_new(FILES_MAX);
    for (int id = 0; id < FH_DIALECTS; id++) {
        for (size_t i = 0; i < FH_LEN(files); i++) {
            load_file(arena, (enum fh_dialect_id)id, files[i]);
        }
    }
    int failed = cmocka_run_group_tests_name("loss_ledger", tests, NULL, NULL);

    fh_arena_free(&arena);
    return failed;
}
