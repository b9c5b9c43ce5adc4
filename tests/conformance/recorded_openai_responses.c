/* recorded_openai_responses.c: what OpenAI and those compatible with it really said in Responses. A
 * stream of ours must be one that the official helper would accept, and say at its end what it
 * said on the way.
 * SPDX-License-Identifier: Apache-2.0 */
#include "recorded_dialect.h"
#include "tap.h"

enum { ITEMS_MAX = 256, SAID_MAX = 1 << 26 };

/* The items of an answer, in the order of beginning. */
struct story {
    struct {
        yyjson_mut_val *sum; /* in the fold */
        yyjson_val *done;
        uint64_t index;     /* the provider's number */
        struct fh_buf said; /* deltas of the part that is being told */
    } item[ITEMS_MAX];
    uint64_t items, events;
};

/* ---- what the official helper demands of a stream ---- */

/* The member that says again what the deltas of a kind said. */
static const char *whole_of(struct fh_slice type)
{
    static const struct {
        struct fh_slice type;
        const char *member;
    } rows[] = {
        {FH_LIT_INIT("response.output_text.done"), "text"},
        {FH_LIT_INIT("response.refusal.done"), "refusal"},
        {FH_LIT_INIT("response.reasoning_summary_text.done"), "text"},
        {FH_LIT_INIT("response.reasoning_text.done"), "text"},
        {FH_LIT_INIT("response.function_call_arguments.done"), "arguments"},
    };

    for (size_t i = 0; i < FH_LEN(rows); i++) {
        if (fh_eq(rows[i].type, type)) {
            return rows[i].member;
        }
    }
    return NULL;
}

static const char *see_item(struct story *s, struct fh_slice type, yyjson_val *event)
{
    const char *whole = whole_of(type);
    uint64_t index = 0;

    if (!fh_json_u64(fh_json_get(event, FH_LIT("output_index")), &index) || index >= s->items ||
        s->item[index].done != NULL) {
        return "an event about an item that is not there";
    }
    if (fh_ends(type, FH_LIT("part.added"))) {
        fh_buf_clear(&s->item[index].said);
    } else if (fh_ends(type, FH_LIT(".delta"))) {
        fh_buf_append(&s->item[index].said, recorded_text(event, "delta"));
    } else if (whole != NULL &&
               !fh_eq(recorded_text(event, whole), fh_buf_slice(&s->item[index].said))) {
        return "a text that is not what its deltas were";
    }
    return NULL;
}

static const char *see_end(struct recorded_fold *f, struct story *s, yyjson_val *event)
{
    yyjson_val *output = fh_json_get(fh_json_get(event, FH_LIT("response")), FH_LIT("output"));
    struct recorded_diff diff = {.arena = f->arena, .report = f->report};

    if (yyjson_arr_size(output) != s->items) {
        return "an end with other items than were told";
    }
    for (size_t i = 0; i < s->items; i++) {
        recorded_compare(&diff, s->item[i].done, yyjson_arr_get(output, i));
    }
    return diff.lost > 0 ? "an end that says something else" : NULL;
}

static bool is_end(struct fh_slice type)
{
    return fh_eq(type, FH_LIT("response.completed")) ||
           fh_eq(type, FH_LIT("response.incomplete"));
}

/* see looks at one event of ours. */
static const char *see(struct recorded_fold *f, const struct fh_frame *wire, yyjson_val *event)
{
    struct story *s = f->own;
    struct fh_slice type = recorded_text(event, "type");
    uint64_t number = 0;

    if (!fh_eq(type, wire->name)) {
        return "an event with another name";
    }
    if (!fh_json_u64(fh_json_get(event, FH_LIT("sequence_number")), &number) ||
        number != s->events++) {
        return "a number out of sequence";
    }
    if ((number == 0) != fh_eq(type, FH_LIT("response.created"))) {
        return "a beginning that is none";
    }
    if (fh_eq(type, FH_LIT("response.output_item.added"))) {
        return fh_json_u64(fh_json_get(event, FH_LIT("output_index")), &number) &&
                       number == s->items
                   ? NULL
                   : "an item with another index";
    }
    if (is_end(type)) {
        return see_end(f, s, event);
    }
    return fh_json_get(event, FH_LIT("output_index")) != NULL ? see_item(s, type, event) : NULL;
}

/* ---- the fold: items when they were done, and the response at the end ---- */

static void add_item(struct recorded_fold *f, struct story *s, uint64_t index)
{
    yyjson_mut_val *list = recorded_list_of(f, f->root, FH_LIT("items"));

    assert_true(s->items < ITEMS_MAX);
    s->item[s->items].sum = yyjson_mut_arr_add_obj(f->doc, list);
    s->item[s->items].index = index;
    s->item[s->items].said = fh_buf_in_arena(f->arena, SAID_MAX);
    (void)yyjson_mut_obj_add_bool(f->doc, s->item[s->items].sum, "begun", true);
    s->items++;
}

static const char *take(struct recorded_fold *f, const struct fh_frame *wire)
{
    yyjson_val *event = recorded_json(f->arena, wire->data);
    yyjson_val *item = fh_json_get(event, FH_LIT("item"));
    struct fh_slice type = recorded_text(event, "type");
    struct story *s = f->own == NULL ? fh_new(f->arena, struct story) : f->own;
    uint64_t index = 0;

    f->own = s;
    const char *wrong = f->ours ? see(f, wire, event) : NULL;

    (void)!fh_json_u64(fh_json_get(event, FH_LIT("output_index")), &index);
    if (fh_eq(type, FH_LIT("response.output_item.added"))) {
        add_item(f, s, index);
    }
    for (size_t i = 0; i < s->items && fh_eq(type, FH_LIT("response.output_item.done")); i++) {
        if (s->item[i].index == index) {
            s->item[i].done = item;
            (void)recorded_put(f, s->item[i].sum, FH_LIT("item"), item);
        }
    }
    if (is_end(type)) {
        (void)recorded_put(f, f->root, FH_LIT("response"),
                           fh_json_get(event, FH_LIT("response")));
        f->finished = f->over = true;
    }
    return wrong;
}

/* A comparison finds what is missing; with their number it finds an item too many. */
static const char *count_items(struct recorded_fold *f)
{
    const struct story *s = f->own;

    (void)yyjson_mut_obj_add_uint(f->doc, f->root, "count", s == NULL ? 0 : s->items);
    return NULL;
}

/* The reply is no answer yet: its client asked for it in the background. */
static bool is_queued(yyjson_val *reply)
{
    return fh_eq(recorded_text(reply, "status"), FH_LIT("queued"));
}

static const struct recorded_dialect responses = {
    .dialect = &fh_dialect_openai_responses,
    /* What a provider says otherwise at the end of a stream than it said before. */
    .excuses =
        {
            {"/items/*/item/*/logprobs/*/logprob", NULL,
             "OpenAI rounds them behind the deltas"},
            {"/response/*/logprobs/*/logprob", NULL, "and at the end"},
            {"/response/output/*/encrypted_content", NULL,
             "OpenAI encrypts anew what it says again"},
            {"/response/output/*/id", NULL,
             "GitHub's gateway has another id for an item in each event"},
        },
    .flaws =
        {
            {"openai-phase.1.chunks.txt", RECORDED_SHORTENED,
             "most deltas were cut out, the texts at the end were not"},
            {"openai-shell-container.1.chunks.txt", RECORDED_SHORTENED,
             "most deltas were cut out, the texts at the end were not"},
            {"parallel-tool-call-wrapper.1.chunks.txt", RECORDED_BROKEN, "it is no JSON"},
        },
    .take = take,
    .close = count_items,
    .is_pending = is_queued,
};

static const struct recorded_apis apis = {
    {
        "openai-responses",
        "azure-responses",
        "bedrock-openai-responses",
        "compat-deepseek-responses",
        "compat-openresponses-responses",
        "compat-openrouter-responses",
        "compat-xai-responses",
    },
    .by_api = true,
};

static void test_everything_recorded_comes_back(void **state)
{
    FH_UNUSED(state);
    recorded_traffic(&responses, &apis);
}

static void test_what_sdks_send_comes_back(void **state)
{
    FH_UNUSED(state);
    recorded_requests(
        &responses, &(struct recorded_sdks){{"openai-sdk", "ai-sdk-openai", "azure-openai-sdk",
                                             "openai-bedrock-sdk", "ai-sdk-azure"},
                                            .target = "/responses"});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything_recorded_comes_back),
        cmocka_unit_test(test_what_sdks_send_comes_back),
    };
    return cmocka_run_group_tests_name("recorded_openai_responses", tests, NULL, NULL);
}
