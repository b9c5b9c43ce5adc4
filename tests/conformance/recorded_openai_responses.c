/* recorded_openai_responses.c: what OpenAI and those compatible with it really said, decoded and
 * re-encoded: every leaf must come back. A stream of ours must be one that the official helper
 * would accept, and say at its end what it said on the way.
 * SPDX-License-Identifier: Apache-2.0 */
#include "recorded.h"
#include "tap.h"

#include "dialect/dialect.h"

enum { DOCS_MAX = 1 << 30, REPORT_MAX = 1 << 20, ITEMS_MAX = 256 };

static const struct fh_dialect *const responses = &fh_dialect_openai_responses;

static const struct fh_reply_frame frame = {
    .request_id = FH_LIT_INIT("req_1"),
    .model = FH_LIT_INIT("model"),
    .created_s = 1,
    .framing = FH_FRAMING_SSE,
};

static const char *const sets[] = {
    "openai-responses",
    "azure-responses",
    "bedrock-openai-responses",
    "compat-deepseek-responses",
    "compat-openresponses-responses",
    "compat-openrouter-responses",
    "compat-xai-responses",
};

/* Recordings that somebody shortened or broke by hand, and what is then to be expected. */
static const struct {
    struct fh_slice name;
    bool fails; /* it must not look like a stream that ended */
    const char *why;
} altered[] = {
    {FH_LIT_INIT("openai-phase.1.chunks.txt"), false,
     "most deltas were cut out, the texts at the end were not"},
    {FH_LIT_INIT("openai-shell-container.1.chunks.txt"), false,
     "most deltas were cut out, the texts at the end were not"},
    {FH_LIT_INIT("parallel-tool-call-wrapper.1.chunks.txt"), true, "it is no JSON"},
};

static size_t altered_at(struct fh_slice name)
{
    size_t i = 0;

    while (i < FH_LEN(altered) && !fh_ends(name, altered[i].name)) {
        i++;
    }
    return i;
}

static bool same_usage(const struct fh_usage *a, const struct fh_usage *b)
{
    bool same = a->seen == b->seen;

    for (int kind = 0; kind < FH_TOKENS_KINDS; kind++) {
        same = same && a->count[kind] == b->count[kind];
    }
    return same;
}

static yyjson_val *parsed(struct fh_arena *arena, struct fh_slice text)
{
    yyjson_val *root = NULL;
    struct fh_error why;

    return fh_json_parse(arena, text, &root, &why) == FH_OK ? root : NULL;
}

static struct fh_slice text_of(yyjson_val *obj, const char *key)
{
    return fh_json_text(fh_json_get(obj, fh_cstr(key)));
}

static bool complain(struct fh_slice name, const char *what)
{
    print_message("# %.*s: %s\n", FH_ARG(name), what);
    return false;
}

static bool complained(struct fh_slice name, struct fh_slice why)
{
    print_message("# %.*s: %.*s\n", FH_ARG(name), FH_ARG(why));
    return false;
}

/* What a provider says otherwise at the end of a stream than it said before. The first is so for an
 * item that is done, too; what that says beside is compared with no excuse. */
static const struct recorded_excuse at_the_end[] = {
    {"*/logprobs/*/logprob", NULL, "OpenAI rounds them behind the deltas"},
    {"/output/*/encrypted_content", NULL, "OpenAI encrypts anew what it says again"},
    {"/output/*/id", NULL, "GitHub's gateway has another id for an item in each event"},
};

/* compare reports what of `was` is not in `is`, and says whether all of it is. */
static bool compare(struct recorded_diff diff, struct fh_slice name, yyjson_val *was,
                    yyjson_val *is)
{
    struct fh_buf report = fh_buf_in_arena(diff.arena, REPORT_MAX);

    if (is == NULL) {
        return complain(name, "re-encoded to something that is no JSON");
    }
    diff.report = &report;
    recorded_compare(&diff, was, is);
    return diff.lost == 0 || complained(name, fh_buf_slice(&report));
}

static bool comes_back(struct fh_arena *arena, struct fh_slice name, struct fh_slice was,
                       struct fh_slice is)
{
    return compare((struct recorded_diff){.arena = arena}, name, parsed(arena, was),
                   parsed(arena, is));
}

static bool request_comes_back(struct fh_arena *arena, struct fh_slice name,
                               struct fh_slice body)
{
    struct fh_buf out = fh_buf_in_arena(arena, DOCS_MAX);
    struct fh_loss loss = {.arena = arena};
    struct fh_complaint why = {0};
    struct fh_chat_request req;

    if (responses->decode_request(&req, arena, body, &why) != FH_OK ||
        responses->encode_request(&out, arena, &req, &loss, &why) != FH_OK) {
        return complained(name, why.message);
    }
    return comes_back(arena, name, body, fh_buf_slice(&out)) && loss.count == 0;
}

/* The reply is no answer yet: its client asked for it in the background. */
static bool is_queued(yyjson_val *response)
{
    return fh_eq(text_of(response, "status"), FH_LIT("queued"));
}

static bool reply_comes_back(struct fh_arena *arena, struct fh_slice name, struct fh_slice body)
{
    struct fh_buf out = fh_buf_in_arena(arena, DOCS_MAX);
    struct fh_events events = {.arena = arena, .dialect = responses->id};
    struct fh_loss loss = {.arena = arena};
    struct fh_complaint why = {0};
    struct fh_watch watch = {0};
    struct fh_usage usage = {0};
    enum fh_finish finish = FH_FINISH_UNKNOWN;

    if (responses->decode_reply(&events, body, &why) != FH_OK) {
        return complained(name, why.message);
    }
    responses->scan_reply(&watch, arena, body);
    if (is_queued(parsed(arena, body))) {
        return events.list[events.count - 1].kind == FH_EVENT_ERROR && watch.usage.seen == 0;
    }
    for (size_t i = 0; i < events.count; i++) {
        fh_usage_merge(&usage, &events.list[i].usage);
        finish = events.list[i].kind == FH_EVENT_FINISH ? events.list[i].finish : finish;
    }
    responses->encode_reply(&out, arena, &frame, &events, &loss);
    if (!same_usage(&usage, &watch.usage) || finish != watch.finish || !watch.ended) {
        return complain(name, "scanning saw something else");
    }
    return comes_back(arena, name, body, fh_buf_slice(&out)) && loss.count == 0;
}

static bool fault_is_understood(struct fh_arena *arena, const struct recorded_call *call)
{
    yyjson_val *error = fh_json_get(parsed(arena, call->response), FH_LIT("error"));
    struct fh_fault fault;

    responses->decode_fault(&fault, arena, call->status, call->response);
    return fault.status == call->status && fh_eq(fault.message, text_of(error, "message"));
}

/* ---- what the official helper demands of a stream ---- */

struct item {
    struct fh_buf said; /* deltas of the part that is being told */
    yyjson_val *done;
};

struct story {
    struct fh_arena *arena;
    struct item item[ITEMS_MAX];
    uint64_t items, events;
    yyjson_val *last; /* the response at the end */
};

static struct item *item_at(struct story *s, yyjson_val *event)
{
    uint64_t index = 0;

    return fh_json_u64(fh_json_get(event, FH_LIT("output_index")), &index) && index < s->items
               ? &s->item[index]
               : NULL;
}

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
    struct item *item = item_at(s, event);
    const char *whole = whole_of(type);

    if (item == NULL || item->done != NULL) {
        return "an event about an item that is not there";
    }
    if (fh_ends(type, FH_LIT("part.added"))) {
        fh_buf_clear(&item->said);
    } else if (fh_ends(type, FH_LIT(".delta"))) {
        fh_buf_append(&item->said, text_of(event, "delta"));
    } else if (whole != NULL && !fh_eq(text_of(event, whole), fh_buf_slice(&item->said))) {
        return "a text that is not what its deltas were";
    } else if (fh_eq(type, FH_LIT("response.output_item.done"))) {
        item->done = fh_json_get(event, FH_LIT("item"));
    }
    return NULL;
}

static const char *see_end(struct story *s, yyjson_val *event)
{
    yyjson_val *output = fh_json_get(fh_json_get(event, FH_LIT("response")), FH_LIT("output"));

    s->last = fh_json_get(event, FH_LIT("response"));
    if (yyjson_arr_size(output) != s->items) {
        return "an end with other items than were told";
    }
    for (size_t i = 0; i < s->items; i++) {
        if (!compare((struct recorded_diff){.arena = s->arena}, FH_LIT("the end"),
                     s->item[i].done, yyjson_arr_get(output, i))) {
            return "an end that says something else";
        }
    }
    return NULL;
}

/* see takes one event; what is wrong with it, or NULL. */
static const char *see(struct story *s, const struct fh_frame *wire)
{
    yyjson_val *event = parsed(s->arena, wire->data);
    struct fh_slice type = text_of(event, "type");
    uint64_t number = 0;

    if (!fh_eq(type, wire->name) || s->last != NULL) {
        return "an event with another name, or behind the end";
    }
    if (!fh_json_u64(fh_json_get(event, FH_LIT("sequence_number")), &number) ||
        number != s->events++) {
        return "a number out of sequence";
    }
    if ((number == 0) != fh_eq(type, FH_LIT("response.created"))) {
        return "a beginning that is none";
    }
    if (fh_eq(type, FH_LIT("response.output_item.added"))) {
        s->item[s->items++].said = fh_buf_in_arena(s->arena, DOCS_MAX);
        return item_at(s, event) == &s->item[s->items - 1] && s->items < ITEMS_MAX
                   ? NULL
                   : "an item with another index";
    }
    if (fh_eq(type, FH_LIT("response.completed")) ||
        fh_eq(type, FH_LIT("response.incomplete"))) {
        return see_end(s, event);
    }
    return fh_json_get(event, FH_LIT("output_index")) != NULL ? see_item(s, type, event) : NULL;
}

/* ---- streams ---- */

/* A stream on its way through the codec. */
struct passage {
    struct fh_arena *arena;
    void *decoder, *encoder;
    struct fh_buf out;
    struct fh_loss loss;
    struct fh_usage usage;
    struct fh_watch watch;
    enum fh_finish finish;
    yyjson_val *last; /* their response at the end */
    yyjson_val
        *items[ITEMS_MAX];     /* their items when they were done, by the order of beginning */
    uint64_t index[ITEMS_MAX]; /* their own numbers */
    size_t count;
    bool ended, failed;
};

static struct passage new_passage(struct fh_arena *arena)
{
    return (struct passage){.arena = arena,
                            .decoder = responses->stream_decoder_new(arena),
                            .encoder = responses->stream_encoder_new(arena, &frame),
                            .out = fh_buf_in_arena(arena, DOCS_MAX),
                            .loss = {.arena = arena}};
}

/* remember keeps what the provider said of its items. */
static void remember(struct passage *p, const struct fh_frame *wire)
{
    yyjson_val *event = parsed(p->arena, wire->data);
    struct fh_slice type = text_of(event, "type");
    uint64_t index = 0;

    (void)!fh_json_u64(fh_json_get(event, FH_LIT("output_index")), &index);
    if (fh_eq(type, FH_LIT("response.output_item.added")) && p->count < ITEMS_MAX) {
        p->index[p->count++] = index;
    }
    for (size_t i = 0; i < p->count && fh_eq(type, FH_LIT("response.output_item.done")); i++) {
        if (p->index[i] == index) {
            p->items[i] = fh_json_get(event, FH_LIT("item"));
        }
    }
    if (p->ended && p->last == NULL) {
        p->last = fh_json_get(event, FH_LIT("response"));
    }
}

static void pass(struct passage *p, const struct fh_frame *wire)
{
    struct fh_events events = {.arena = p->arena, .dialect = responses->id};
    struct fh_complaint why = {0};

    responses->scan_stream(&p->watch, p->arena, wire);
    p->failed = responses->decode_stream(p->decoder, &events, wire, &why) != FH_OK || p->failed;
    if (why.message.len > 0) {
        print_message("# %.*s\n", FH_ARG(why.message));
    }
    for (size_t i = 0; i < events.count; i++) {
        const struct fh_event *event = &events.list[i];

        responses->encode_stream(p->encoder, &p->out, p->arena, event, &p->loss);
        fh_usage_merge(&p->usage, &event->usage);
        p->finish = event->kind == FH_EVENT_FINISH ? event->finish : p->finish;
        p->failed = p->failed || event->kind == FH_EVENT_ERROR;
        p->ended = p->ended || event->kind == FH_EVENT_END;
    }
    remember(p, wire);
}

/* says_the_same compares what came in with what went out, item by item and at the end. */
static bool says_the_same(struct passage *p, struct fh_slice name, const struct story *story)
{
    struct recorded_diff item = {.arena = p->arena, .excuses = at_the_end, .excuse_count = 1};
    struct recorded_diff whole = {
        .arena = p->arena, .excuses = at_the_end, .excuse_count = FH_LEN(at_the_end)};

    for (size_t i = 0; i < p->count; i++) {
        if (p->items[i] != NULL && !compare(item, name, p->items[i], story->item[i].done)) {
            return false;
        }
    }
    return p->count == story->items && compare(whole, name, p->last, story->last);
}

static bool stream_is_good(struct passage *p, struct fh_slice name)
{
    struct recorded_call ours = {.response = fh_buf_slice(&p->out), .stream = true};
    struct recorded_events events = recorded_events(p->arena, &ours, 13);
    struct story *story = fh_new(p->arena, struct story);
    struct fh_frame wire;

    story->arena = p->arena;
    if (!p->ended || p->failed || p->loss.count > 0) {
        return complain(name, "did not end");
    }
    while (recorded_events_next(&events, &wire)) {
        const char *wrong = see(story, &wire);

        if (wrong != NULL) {
            return complain(name, wrong);
        }
    }
    if (!same_usage(&p->usage, &p->watch.usage) || p->finish != p->watch.finish ||
        !p->watch.ended) {
        return complain(name, "scanning saw something else");
    }
    return altered_at(name) < FH_LEN(altered) || says_the_same(p, name, story);
}

/* check_stream goes through a recording, which may hold several streams one after the other. */
static void check_stream(struct fh_arena *arena, const struct recorded_call *call,
                         struct recorded_tally *tally, const char *set)
{
    struct recorded_events in = recorded_events(arena, call, 7);
    size_t alteration = altered_at(call->name);
    bool fails = alteration < FH_LEN(altered) && altered[alteration].fails;
    struct fh_frame wire;
    bool more = recorded_events_next(&in, &wire);

    while (more) {
        struct passage p = new_passage(arena);

        while (more && !p.ended && !p.failed) {
            pass(&p, &wire);
            more = recorded_events_next(&in, &wire);
        }
        while (more && (p.failed || wire.data.len == 0)) {
            more = recorded_events_next(&in, &wire);
        }
        recorded_count(tally, fh_cstr(set), "streams",
                       fails ? p.failed && !p.ended : stream_is_good(&p, call->name));
    }
}

static void test_everything_recorded_comes_back(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *scratch = fh_arena_new(DOCS_MAX);
    struct recorded_tally tally = {0};
    bool found = false;

    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(sets); i++) {
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(DOCS_MAX);
        struct recorded *rec = recorded_open(arena);
        struct recorded_call call;

        if (rec == NULL) {
            break;
        }
        found = true;
        while (recorded_next(rec, scratch, sets[i], &call)) {
            if (call.request.len > 0) {
                recorded_count(&tally, fh_cstr(sets[i]), "requests",
                               request_comes_back(scratch, call.name, call.request));
            }
            if (call.response.len == 0) {
                continue;
            }
            if (call.status != 200) {
                recorded_count(&tally, fh_cstr(sets[i]), "errors",
                               fault_is_understood(scratch, &call));
            } else if (call.stream) {
                check_stream(scratch, &call, &tally, sets[i]);
            } else {
                recorded_count(&tally, fh_cstr(sets[i]), "replies",
                               reply_comes_back(scratch, call.name, call.response));
            }
        }
    }
    assert_true(!found || recorded_print(&tally));
}

static void test_what_sdks_send_comes_back(void **state)
{
    static const char *const sdks[] = {"openai-sdk", "ai-sdk-openai", "azure-openai-sdk",
                                       "openai-bedrock-sdk", "ai-sdk-azure"};
    struct recorded_tally tally = {0};
    bool found = false;

    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(sdks); i++) {
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(DOCS_MAX);
        FH_AUTO(fh_arena_free) struct fh_arena *scratch = fh_arena_new(DOCS_MAX);
        struct recorded_sdk *sdk = recorded_sdk_open(arena, sdks[i]);
        struct recorded_sdk_request request;

        while (sdk != NULL && recorded_sdk_next(sdk, scratch, &request)) {
            if (fh_contains(request.target, FH_LIT("/responses"))) {
                found = true;
                recorded_count(&tally, request.sdk, "requests",
                               request_comes_back(scratch, request.call, request.body));
            }
        }
    }
    assert_true(!found || recorded_print(&tally));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything_recorded_comes_back),
        cmocka_unit_test(test_what_sdks_send_comes_back),
    };
    return cmocka_run_group_tests_name("recorded_openai_responses", tests, NULL, NULL);
}
