/* test_unknown_members.c: a member that no schema of ours has, put into every object of every
 * vector in turn, is never lost silently on its way into another dialect: it arrives, or it is
 * reported, or what it stands in is.
 * SPDX-License-Identifier: Apache-2.0 */
#include "story.h"

#define UNKNOWN "zz_unknown"

static const struct fh_dialect *target;
static size_t planted, lost; /* of one dialect */

/* plant puts the member into the object that comes as number `*left` in `val`, and says where. */
static bool plant(yyjson_mut_doc *doc, yyjson_mut_val *val, size_t *left,
                  struct fh_buf *pointer)
{
    size_t end = pointer->len;
    yyjson_mut_val *key = NULL;
    yyjson_mut_val *inner = NULL;
    size_t i = 0;
    size_t n = 0;

    if (yyjson_mut_is_obj(val) && (*left)-- == 0) {
        yyjson_mut_obj_add_int(doc, val, UNKNOWN, 1);
        fh_buf_append(pointer, FH_LIT("/" UNKNOWN));
        return true;
    }
    if (yyjson_mut_is_obj(val)) {
        yyjson_mut_obj_foreach(val, i, n, key, inner)
        {
            fh_buf_printf(pointer, "/%s", yyjson_mut_get_str(key));
            if (plant(doc, inner, left, pointer)) {
                return true;
            }
            pointer->len = end;
        }
    } else if (yyjson_mut_is_arr(val)) {
        yyjson_mut_arr_foreach(val, i, n, inner)
        {
            fh_buf_printf(pointer, "/%zu", i);
            if (plant(doc, inner, left, pointer)) {
                return true;
            }
            pointer->len = end;
        }
    }
    return false;
}

/* with_member is `json` with the member in its object number `left`. False: there are fewer. */
static bool with_member(struct fh_arena *arena, struct fh_slice json, size_t left,
                        struct fh_slice *out, struct fh_buf *pointer)
{
    struct fh_error why;
    yyjson_val *root = NULL;
    struct fh_buf text = fh_buf_in_arena(arena, STORY_TEXT_MAX);

    if (fh_json_parse(arena, json, &root, &why) != FH_OK) {
        return false;
    }
    yyjson_mut_doc *doc = fh_json_new(arena);
    yyjson_mut_val *copy = yyjson_val_mut_copy(doc, root);

    if (!plant(doc, copy, &left, pointer)) {
        return false;
    }
    fh_json_append(&text, arena, copy);
    *out = fh_buf_slice(&text);
    return true;
}

/* Places that are reported under another name than they have in the piece of JSON: the ledger names
 * a field by its place in a whole answer. */
static const struct {
    struct fh_slice stands;   /* how the pointer of the member begins */
    struct fh_slice where;    /* what the piece has in it, else the row is not for it */
    struct fh_slice reported; /* "#" is the piece's own index */
} places[] = {
    {FH_LIT_INIT("/content_block/"), FH_LIT_INIT("content_block_start"),
     FH_LIT_INIT("/content/#/")},
    {FH_LIT_INIT("/delta/citation/"), FH_LIT_INIT("citations_delta"),
     FH_LIT_INIT("/content/#/citations/")},
    {FH_LIT_INIT("/start/"), FH_LIT_INIT("contentBlockIndex"),
     FH_LIT_INIT("/output/message/content/#/")},
    /* blocks are counted without gaps */
    {FH_LIT_INIT("/start/"), FH_LIT_INIT("\"contentBlockIndex\":4"),
     FH_LIT_INIT("/output/message/content/2/")},
    {FH_LIT_INIT("/delta/citation/"), FH_LIT_INIT("contentBlockIndex"),
     FH_LIT_INIT("/output/message/content/#/citationsContent/citations/")},
    {FH_LIT_INIT("/choices/0/delta/"), FH_LIT_INIT("\"delta\""),
     FH_LIT_INIT("/choices/0/message/")},
    /* chunks come one by one: the number of a choice is its index */
    {FH_LIT_INIT("/choices/0/"), FH_LIT_INIT("\"choices\":[{\"index\":1,"),
     FH_LIT_INIT("/choices/1/")},
    {FH_LIT_INIT("/candidates/0/"), FH_LIT_INIT("[{\"text\":\"y\""),
     FH_LIT_INIT("/candidates/1/")},
    /* a thought goes on from the part before it, and is named by where it began */
    {FH_LIT_INIT("/contents/0/parts/1/"), FH_LIT_INIT("\"hm\""),
     FH_LIT_INIT("/contents/0/parts/0/")},
};

/* reported_at puts the index of a piece into a row's pointer, and the rest behind it. */
static struct fh_slice reported_at(struct fh_arena *arena, struct fh_slice json,
                                   struct fh_slice pattern, struct fh_slice rest)
{
    struct fh_buf out = fh_buf_in_arena(arena, 4096);
    size_t mark = fh_find(pattern, '#');
    yyjson_val *root = NULL;
    struct fh_error why;
    uint64_t index = 0;

    fh_buf_append(&out, fh_head(pattern, mark));
    if (mark < pattern.len && fh_json_parse(arena, json, &root, &why) == FH_OK &&
        (fh_json_u64(fh_json_get(root, FH_LIT("index")), &index) ||
         fh_json_u64(fh_json_get(root, FH_LIT("contentBlockIndex")), &index))) {
        fh_buf_u64(&out, index);
        mark++;
    }
    fh_buf_append(&out, fh_tail(pattern, mark));
    fh_buf_append(&out, rest);
    return fh_buf_slice(&out);
}

/* is_in says whether an entry of the list is about something that holds what stands at
 * `pointer`. Bedrock's thought is one member, which is all of its block. */
static bool is_in(struct fh_arena *arena, struct fh_slice json, struct fh_slice pointer,
                  struct fh_slice entry)
{
    struct fh_slice block = entry;
    bool in = entry.len > 0 && fh_starts(pointer, entry);

    if (fh_ends(entry, FH_LIT("/reasoningContent"))) {
        block.len -= FH_LIT("reasoningContent").len;
        in = in || fh_starts(pointer, block);
    }
    for (size_t i = 0; i < FH_LEN(places) && entry.len > 0 && !in; i++) {
        struct fh_slice rest = pointer;

        in = fh_take(&rest, places[i].stands) && fh_contains(json, places[i].where) &&
             fh_starts(reported_at(arena, json, places[i].reported, rest), entry);
    }
    return in;
}

/* said says whether anything was said of what stands at `pointer` in `json`. */
static bool said(struct fh_arena *arena, struct fh_slice out, const struct fh_loss *loss,
                 struct fh_slice json, struct fh_slice pointer)
{
    for (uint32_t i = 0; i < fh_loss_listed(loss); i++) {
        struct fh_slice entry = loss->entry[i].pointer;

        if (fh_contains(entry, FH_LIT(UNKNOWN)) || is_in(arena, json, pointer, entry)) {
            return true;
        }
    }
    return fh_contains(out, FH_LIT(UNKNOWN));
}

/* Where nothing names the member, and why that is right. */
static const struct spared {
    const struct fh_dialect *from;
    struct fh_slice vector, pointer; /* what their names contain; empty: any */
    enum fh_field told;              /* the ledger has to have told this; FH_FIELDS: nothing */
    const char *why;
} spared[] = {
    {&fh_dialect_openai_responses, FH_LIT_INIT(""), FH_LIT_INIT("/annotation"),
     FH_FIELD_SAYS_CITATIONS, "annotations are kept verbatim, and dropped as a list"},
    {&fh_dialect_openai_responses, FH_LIT_INIT("tools that the provider runs overlap"),
     FH_LIT_INIT("/item/"), FH_FIELD_SAYS_OPAQUE, "an opaque item is dropped whole"},
    {&fh_dialect_openai_responses, FH_LIT_INIT("what comes behind the end means nothing"),
     FH_LIT_INIT(""), FH_FIELDS, "the client was told the end, and has gone"},
    {&fh_dialect_openai_responses, FH_LIT_INIT(""), FH_LIT_INIT("/metadata/"), FH_FIELDS,
     "the client's own words, said back to it"},
};

/* was_told says whether the ledger reported a field. */
static bool was_told(const struct fh_loss *loss, enum fh_field field)
{
    for (uint32_t i = 0; i < fh_loss_listed(loss); i++) {
        if (field < FH_FIELDS && loss->entry[i].why == target->cells[field].why) {
            return true;
        }
    }
    return field == FH_FIELDS;
}

static bool is_spared(const struct fh_loss *loss, struct fh_slice pointer)
{
    for (size_t i = 0; i < FH_LEN(spared); i++) {
        const struct spared *row = &spared[i];

        if (row->from == story_dialect && fh_contains(fh_cstr(tap_where), row->vector) &&
            fh_contains(pointer, row->pointer) && was_told(loss, row->told)) {
            return true;
        }
    }
    return false;
}

/* says_error says whether an answer is an error: what else is in one is kept with its words. */
static bool says_error(struct fh_arena *arena, struct fh_slice reply)
{
    struct fh_watch watch = {0};

    story_dialect->scan_reply(&watch, arena, reply);
    return watch.failed;
}

/* run translates; false when it was refused, or is an error. */
static bool run(struct fh_arena *arena, struct fh_slice kind, struct fh_slice wire,
                struct fh_buf *out, struct fh_loss *loss)
{
    if (fh_eq(kind, FH_LIT("request"))) {
        return story_translate(out, arena, story_dialect, target, wire, loss);
    }
    if (fh_eq(kind, FH_LIT("reply"))) {
        story_reply(out, arena, story_dialect, target, wire, loss);
        return !fh_starts(fh_buf_slice(out), FH_LIT("refused: ")) && !says_error(arena, wire);
    }
    struct story_stream t = story_run(arena, story_dialect, target,
                                      story_wire(story_dialect, arena, wire), SIZE_MAX, loss);

    fh_buf_append(out, fh_buf_slice(&t.wire));
    return !t.failed && t.ended;
}

/* probe plants the member in object number `nth` of a piece of the vector, from `at` to `end`. */
static bool probe(const struct vector *v, size_t at, size_t end, size_t nth)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(STORY_ARENA_MAX);
    struct fh_loss *loss = fh_new(arena, struct fh_loss);
    struct fh_buf out = fh_buf_in_arena(arena, STORY_TEXT_MAX);
    struct fh_buf pointer = fh_buf_in_arena(arena, 4096);
    struct fh_slice json = FH_NONE;

    if (!with_member(arena, fh_head(fh_tail(v->wire, at), end - at), nth, &json, &pointer)) {
        return false;
    }
    struct fh_slice parts[] = {fh_head(v->wire, at), json, fh_tail(v->wire, end)};
    struct fh_slice wire = fh_concat(arena, parts, FH_LEN(parts));

    planted++;
    if (run(arena, v->kind, wire, &out, loss) &&
        !said(arena, fh_buf_slice(&out), loss, json, fh_buf_slice(&pointer)) &&
        !is_spared(loss, fh_buf_slice(&pointer))) {
        lost++;
        (void)printf("# %s, to %.*s: at %.*s of %.*s\n", tap_where, FH_ARG(target->name),
                     FH_ARG(fh_buf_slice(&pointer)),
                     FH_ARG(fh_head(json, fh_min(json.len, 300))));
    }
    return true;
}

/* Vectors in which objects stand that are no part of an answer. */
static const struct {
    const char *name, *why;
} not_of_answers[] = {
    {"nothing after the end counts", "what follows the end of an answer is not read"},
};

static bool is_of_answer(const struct vector *v)
{
    size_t i = 0;

    while (i < FH_LEN(not_of_answers) && !fh_eq(v->name, fh_cstr(not_of_answers[i].name))) {
        i++;
    }
    return i == FH_LEN(not_of_answers);
}

/* Streams have an object a line, behind "data: " or an event's name; the others are one. */
static void probe_vector(struct fh_arena *arena, const struct vector *v)
{
    bool stream = fh_eq(v->kind, FH_LIT("stream"));
    struct fh_loss *loss = fh_new(arena, struct fh_loss);
    struct fh_buf out = fh_buf_in_arena(arena, STORY_TEXT_MAX);

    if (!(stream || fh_eq(v->kind, FH_LIT("request")) || fh_eq(v->kind, FH_LIT("reply"))) ||
        !is_of_answer(v) || !run(arena, v->kind, v->wire, &out, loss)) {
        return;
    }
    for (size_t at = 0; at < v->wire.len;) {
        struct fh_slice rest = fh_tail(v->wire, at);
        size_t line = stream ? fh_find(rest, '\n') : rest.len;
        size_t brace = fh_find(fh_head(rest, line), '{');

        for (size_t nth = 0; brace < line && probe(v, at + brace, at + line, nth); nth++) {
        }
        at += line + 1;
    }
}

static void probe_dialect(void **state, const struct fh_dialect *from, const char *folder)
{
    FH_UNUSED(state);
    story_dialect = from;
    story_folder = folder;
    planted = lost = 0;
    for (int to = 0; to < FH_DIALECTS; to++) {
        target = fh_dialect((enum fh_dialect_id)to);
        if (target != from) {
            (void)story_each(probe_vector);
        }
    }
    (void)printf("# %.*s: %zu members planted, %zu lost\n", FH_ARG(from->name), planted, lost);
    assert_true(planted > 500); /* else nothing was looked at */
    assert_int_equal(lost, 0);
}

#define DIALECTS(X)     \
    X(anthropic)        \
    X(openai_chat)      \
    X(openai_responses) \
    X(bedrock)          \
    X(gemini)           \
    X(mistral)

#define X(name)                                                                     \
    static void test_##name(void **state)                                           \
    {                                                                               \
        probe_dialect(state, &fh_dialect_##name, "core/dialect/" #name "/vectors"); \
    }
DIALECTS(X)
#undef X

int main(void)
{
#define X(name) cmocka_unit_test(test_##name),
    const struct CMUnitTest tests[] = {DIALECTS(X)};
#undef X

    return cmocka_run_group_tests(tests, NULL, NULL);
}
