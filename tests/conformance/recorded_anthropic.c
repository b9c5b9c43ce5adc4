/* recorded_anthropic.c: what Anthropic's API and its clients really said, decoded and re-encoded:
 * every leaf must come back with its value. Streams are compared by what an accumulator, which
 * knows nothing of our codec, makes of both.
 * SPDX-License-Identifier: Apache-2.0 */
#include "recorded.h"
#include "tap.h"

#include "dialect/dialect.h"

enum { ARENA_MAX = 1 << 28, TEXT_MAX = 1 << 26, BLOCKS_MAX = 256 };

static const struct fh_dialect *const dialect = &fh_dialect_anthropic;

/* What a re-encoding may leave out: what says the same as nothing. */
static const struct recorded_excuse excuses[] = {
    {"/stream", "false", "the default"},
    {"/tools", "[]", "the default"},
    {"/system", "[]", "the default"},
    {"/stop_sequences", "[]", "the default"},
    {"/tools/*/type", "\"custom\"", "what a tool without a type is"},
    {"/messages/*/content/*/content", "[]", "a result without content"},
    {"/content/*/citations", "null", "left out when empty: some clients refuse null"},
    {"/content/*/citations", "[]", "left out when empty"},
};

/* One comparison and where its result goes. */
struct check {
    struct fh_arena *arena;
    struct fh_slice source, name;
    const char *what;
    struct recorded_tally *tally;
    struct recorded_tally *additions;
};

static yyjson_val *parse(struct fh_arena *arena, struct fh_slice text)
{
    yyjson_val *root = NULL;
    struct fh_error why;

    return fh_json_parse(arena, text, &root, &why) == FH_OK ? root : NULL;
}

/* count notes a result, and says what went wrong. */
static void count(const struct check *c, bool passed, struct fh_slice report)
{
    recorded_count(c->tally, c->source, c->what, passed);
    if (!passed) {
        print_error("%.*s (%s):\n%.*s\n", FH_ARG(c->name), c->what, FH_ARG(report));
    }
}

static bool compare(const struct check *c, struct fh_slice was, struct fh_slice is,
                    struct fh_buf *report)
{
    struct recorded_diff diff = {
        .arena = c->arena,
        .report = report,
        .excuses = excuses,
        .excuse_count = FH_LEN(excuses),
        .additions = c->additions,
    };
    yyjson_val *before = parse(c->arena, was);
    yyjson_val *after = parse(c->arena, is);

    if (before == NULL || after == NULL) {
        fh_buf_printf(report, "    not JSON: %.*s\n", FH_ARG(before == NULL ? was : is));
        return false;
    }
    recorded_compare(&diff, before, after);
    return diff.lost == 0;
}

/* same_place has a request written for a place of the kind that it was sent to: what Bedrock and
 * Vertex have in the body is the envelope's. */
static void same_place(struct fh_arena *arena, struct fh_chat_request *req,
                       struct fh_slice body)
{
    yyjson_val *root = parse(arena, body);

    req->envelope.version = fh_json_text(fh_json_get(root, FH_LIT("anthropic_version")));
    req->envelope.without_model = fh_json_get(root, FH_LIT("model")) == NULL;
}

static void check_request(const struct check *c, struct fh_slice body)
{
    struct fh_chat_request *req = fh_new(c->arena, struct fh_chat_request);
    struct fh_loss *loss = fh_new(c->arena, struct fh_loss);
    struct fh_buf out = fh_buf_in_arena(c->arena, TEXT_MAX);
    struct fh_buf report = fh_buf_in_arena(c->arena, TEXT_MAX);
    struct fh_complaint why = {0};
    bool good = false;

    loss->arena = c->arena;
    bool read = dialect->decode_request(req, c->arena, body, &why) == FH_OK;

    same_place(c->arena, req, body);
    if (!read || dialect->encode_request(&out, c->arena, req, loss, &why) != FH_OK) {
        fh_buf_append(&report, why.message);
    } else {
        good = compare(c, body, fh_buf_slice(&out), &report) && loss->count == 0;
    }
    count(c, good, fh_buf_slice(&report));
}

/* sum merges the usage of all events, and looks for the last ones. */
static bool sum(const struct fh_events *events, struct fh_usage *usage)
{
    bool finished = false, ended = false;

    for (size_t i = 0; i < events->count; i++) {
        if (events->list[i].kind == FH_EVENT_USAGE) {
            fh_usage_merge(usage, &events->list[i].usage);
        }
        finished = finished || events->list[i].kind == FH_EVENT_FINISH;
        ended = ended || events->list[i].kind == FH_EVENT_END;
    }
    return finished && ended;
}

static bool same_usage(const struct fh_usage *a, const struct fh_usage *b)
{
    return memcmp(a->count, b->count, sizeof(a->count)) == 0 && a->seen == b->seen;
}

static const struct fh_reply_frame frame = {.request_id = FH_LIT_INIT("req_test"),
                                            .model = FH_LIT_INIT("a-model"),
                                            .framing = FH_FRAMING_SSE};

static void check_reply(const struct check *c, struct fh_slice body)
{
    struct fh_events events = {.arena = c->arena};
    struct fh_loss *loss = fh_new(c->arena, struct fh_loss);
    struct fh_buf out = fh_buf_in_arena(c->arena, TEXT_MAX);
    struct fh_buf report = fh_buf_in_arena(c->arena, TEXT_MAX);
    struct fh_complaint why = {0};
    struct fh_usage usage = {0};
    struct fh_watch watch = {0};
    bool good = false;

    loss->arena = c->arena;
    if (dialect->decode_reply(&events, body, &why) != FH_OK || !sum(&events, &usage)) {
        fh_buf_append(&report, why.message);
    } else {
        dialect->encode_reply(&out, c->arena, &frame, &events, loss);
        dialect->scan_reply(&watch, c->arena, body);
        good = compare(c, body, fh_buf_slice(&out), &report) && loss->count == 0;
        good = good && same_usage(&watch.usage, &usage) && watch.ended && !watch.failed;
    }
    count(c, good, fh_buf_slice(&report));
}

/* ---- the accumulator ---- */

/* A message as a client puts it together. */
struct message {
    yyjson_mut_doc *doc;
    yyjson_mut_val *root, *content;
    struct {
        struct fh_buf text, json, thinking, signature;
        yyjson_mut_val *obj;
    } block[BLOCKS_MAX];
    size_t blocks;
    bool stopped;
};

static struct message *new_message(struct fh_arena *arena)
{
    struct message *m = fh_new(arena, struct message);

    m->doc = fh_json_new(arena);
    m->root = yyjson_mut_obj(m->doc);
    return m;
}

static struct fh_slice text_of(yyjson_val *obj, const char *key)
{
    return fh_json_text(fh_json_get(obj, fh_cstr(key)));
}

/* assign puts the members of `from` into `to`, nulls last of all choices. */
static void assign(struct message *m, yyjson_mut_val *to, yyjson_val *from)
{
    yyjson_obj_iter iter = yyjson_obj_iter_with(from);

    for (yyjson_val *key = NULL; (key = yyjson_obj_iter_next(&iter)) != NULL;) {
        yyjson_val *val = yyjson_obj_iter_get_val(key);
        const char *name = yyjson_get_str(key);

        if (yyjson_mut_obj_get(to, name) == NULL || !yyjson_is_null(val)) {
            (void)yyjson_mut_obj_remove_key(to, name);
            (void)yyjson_mut_obj_add_val(m->doc, to, name, yyjson_val_mut_copy(m->doc, val));
        }
    }
}

static void add_block(struct message *m, struct fh_arena *arena, yyjson_mut_val *obj)
{
    assert_true(m->blocks < BLOCKS_MAX);
    m->block[m->blocks].obj = obj;
    m->block[m->blocks].text = fh_buf_in_arena(arena, TEXT_MAX);
    m->block[m->blocks].json = fh_buf_in_arena(arena, TEXT_MAX);
    m->block[m->blocks].thinking = fh_buf_in_arena(arena, TEXT_MAX);
    m->block[m->blocks].signature = fh_buf_in_arena(arena, TEXT_MAX);
    m->blocks++;
}

static void take_delta(struct message *m, yyjson_val *delta)
{
    struct fh_slice type = text_of(delta, "type");
    yyjson_mut_val *obj = m->block[m->blocks - 1].obj;

    if (fh_eq(type, FH_LIT("citations_delta"))) {
        yyjson_mut_val *list = yyjson_mut_obj_get(obj, "citations");

        list = list == NULL ? yyjson_mut_obj_add_arr(m->doc, obj, "citations") : list;
        (void)yyjson_mut_arr_append(
            list, yyjson_val_mut_copy(m->doc, fh_json_get(delta, FH_LIT("citation"))));
    }
    fh_buf_append(&m->block[m->blocks - 1].text, text_of(delta, "text"));
    fh_buf_append(&m->block[m->blocks - 1].json, text_of(delta, "partial_json"));
    fh_buf_append(&m->block[m->blocks - 1].thinking, text_of(delta, "thinking"));
    fh_buf_append(&m->block[m->blocks - 1].signature, text_of(delta, "signature"));
}

static void take_event(struct message *m, struct fh_arena *arena, struct fh_slice data)
{
    yyjson_val *root = parse(arena, data);
    struct fh_slice type = text_of(root, "type");

    if (fh_eq(type, FH_LIT("message_start"))) {
        assign(m, m->root, fh_json_get(root, FH_LIT("message")));
        m->content = yyjson_mut_obj_get(m->root, "content");
        assert_non_null(m->content);
        for (size_t i = m->blocks; i < yyjson_mut_arr_size(m->content); i++) {
            add_block(m, arena, yyjson_mut_arr_get(m->content, i));
        }
    } else if (fh_eq(type, FH_LIT("content_block_start"))) {
        yyjson_mut_val *obj =
            yyjson_val_mut_copy(m->doc, fh_json_get(root, FH_LIT("content_block")));

        (void)yyjson_mut_arr_append(m->content, obj);
        add_block(m, arena, obj);
    } else if (fh_eq(type, FH_LIT("content_block_delta"))) {
        take_delta(m, fh_json_get(root, FH_LIT("delta")));
    } else if (fh_eq(type, FH_LIT("message_delta"))) {
        yyjson_mut_val *beside = yyjson_val_mut_copy(m->doc, root);
        yyjson_mut_val *usage = yyjson_mut_obj_get(m->root, "usage");

        assign(m, usage, fh_json_get(root, FH_LIT("usage")));
        assign(m, m->root, fh_json_get(root, FH_LIT("delta")));
        (void)yyjson_mut_obj_remove_key(beside, "usage");
        (void)yyjson_mut_obj_remove_key(beside, "delta");
        (void)yyjson_mut_obj_remove_key(beside, "type");
        if (yyjson_mut_obj_size(beside) > 0) {
            (void)yyjson_mut_obj_add_val(m->doc, m->root, "beside", beside);
        }
    } else if (fh_eq(type, FH_LIT("message_stop"))) {
        m->stopped = true;
    }
}

/* join adds what was gathered to what the block began with. */
static void join(struct message *m, yyjson_mut_val *obj, const char *key, struct fh_buf *more)
{
    if (more->len > 0) {
        yyjson_mut_val *was = yyjson_mut_obj_get(obj, key);

        if (was != NULL && yyjson_mut_get_len(was) > 0) {
            fail_msg("%s was said twice", key);
        }
        (void)yyjson_mut_obj_remove_key(obj, key);
        fh_json_add_text(m->doc, obj, key, fh_buf_slice(more));
    }
}

static struct fh_slice whole(struct message *m, struct fh_arena *arena)
{
    struct fh_buf out = fh_buf_in_arena(arena, TEXT_MAX);

    for (size_t i = 0; i < m->blocks; i++) {
        yyjson_mut_val *obj = m->block[i].obj;

        join(m, obj, "text", &m->block[i].text);
        join(m, obj, "thinking", &m->block[i].thinking);
        join(m, obj, "signature", &m->block[i].signature);
        if (m->block[i].json.len > 0) {
            (void)yyjson_mut_obj_remove_key(obj, "input");
            fh_json_add_raw(m->doc, obj, "input", fh_buf_slice(&m->block[i].json));
        }
    }
    fh_json_append(&out, arena, m->root);
    return fh_buf_slice(&out);
}

/* ---- streams ---- */

/* What our codec makes of a stream. */
struct passage {
    struct fh_arena *arena;
    void *decoder, *encoder;
    struct fh_loss *loss;
    struct fh_buf out; /* what the client gets */
    struct fh_usage usage;
    struct fh_watch watch;
    bool failed, ended;
};

static struct passage new_passage(struct fh_arena *arena)
{
    struct passage p = {.arena = arena, .out = fh_buf_in_arena(arena, TEXT_MAX)};

    p.decoder = dialect->stream_decoder_new(arena);
    p.encoder = dialect->stream_encoder_new(arena, &frame);
    p.loss = fh_new(arena, struct fh_loss);
    p.loss->arena = arena;
    return p;
}

static void pass(struct passage *p, const struct fh_frame *wire)
{
    FH_AUTO(fh_arena_free) struct fh_arena *scratch = fh_arena_new(ARENA_MAX);
    struct fh_events events = {.arena = scratch};
    struct fh_complaint why = {0};

    p->failed = dialect->decode_stream(p->decoder, &events, wire, &why) != FH_OK || p->failed;
    for (size_t i = 0; i < events.count; i++) {
        struct fh_event *event = &events.list[i];

        if (event->kind == FH_EVENT_USAGE) {
            fh_usage_merge(&p->usage, &event->usage);
        }
        p->failed = p->failed || event->kind == FH_EVENT_ERROR;
        p->ended = p->ended || event->kind == FH_EVENT_END;
        dialect->encode_stream(p->encoder, &p->out, scratch, event, p->loss);
    }
    dialect->scan_stream(&p->watch, scratch, wire);
}

/* read_back puts together what our client would. */
static struct fh_slice read_back(struct fh_arena *arena, struct fh_slice stream)
{
    struct recorded_call ours = {.response = stream};
    struct recorded_events events = recorded_events(arena, &ours, 11);
    struct message *m = new_message(arena);
    struct fh_frame event;

    while (recorded_events_next(&events, &event)) {
        struct fh_slice type = text_of(parse(arena, event.data), "type");

        assert_true(fh_eq(type, event.name)); /* SDKs drop events without a name */
        take_event(m, arena, event.data);
    }
    assert_true(m->stopped);
    return whole(m, arena);
}

/* Two recordings that are not answers of the API, but a peer's mistakes. */
static bool is_spliced(struct fh_slice name)
{
    return fh_contains(name, FH_LIT("spliced-message-start"));
}

/* check_message compares one message of a recording: some of those without framing hold the
 * answers to several calls, one after the other. False at the end. */
static bool check_message(const struct check *c, struct recorded_events *events)
{
    struct message *theirs = new_message(c->arena);
    struct passage p = new_passage(c->arena);
    struct fh_buf report = fh_buf_in_arena(c->arena, TEXT_MAX);
    struct fh_frame event;
    bool any = false;

    while (!theirs->stopped && recorded_events_next(events, &event)) {
        any = true;
        take_event(theirs, c->arena, event.data);
        pass(&p, &event);
    }
    if (!any) {
        return false;
    }
    bool good = p.ended && !p.failed && p.watch.ended && same_usage(&p.usage, &p.watch.usage);

    if (is_spliced(c->name)) {
        good = p.failed && !fh_contains(fh_buf_slice(&p.out), FH_LIT("message_stop"));
    } else if (good) {
        good = compare(c, whole(theirs, c->arena), read_back(c->arena, fh_buf_slice(&p.out)),
                       &report) &&
               p.loss->count == 0;
    }
    count(c, good, fh_buf_slice(&report));
    return true;
}

static void check_stream(const struct check *c, const struct recorded_call *call)
{
    struct recorded_events events = recorded_events(c->arena, call, 7);

    while (check_message(c, &events)) {
    }
}

static void check_call(const struct recorded_call *call, struct fh_arena *arena,
                       struct recorded_tally *tally, struct recorded_tally *additions)
{
    struct check c = {arena, call->source, call->name, "requests", tally, additions};

    if (call->request.len > 0) {
        check_request(&c, call->request);
    }
    if (call->status != 200) {
        struct fh_fault fault = {0};

        c.what = "errors";
        dialect->decode_fault(&fault, arena, call->status, call->response);
        count(&c, fault.message.len > 0 && fault.kind == FH_REFUSE_NO_SUCH_MODEL,
              fault.message);
    } else if (call->stream) {
        c.what = "streams";
        check_stream(&c, call);
    } else if (call->response.len > 0) {
        c.what = "replies";
        check_reply(&c, call->response);
    }
}

static void test_recorded_messages_lose_nothing(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    FH_AUTO(fh_arena_free) struct fh_arena *scratch = fh_arena_new(ARENA_MAX);
    struct recorded *rec = recorded_open(arena);
    struct recorded_tally tally = {0};
    struct recorded_tally additions = {0};
    struct recorded_call call;

    FH_UNUSED(state);
    while (rec != NULL && recorded_next(rec, scratch, "anthropic-messages", &call)) {
        check_call(&call, scratch, &tally, &additions);
    }
    recorded_list(&additions);
    assert_true(rec == NULL || recorded_print(&tally));
}

/* Claude's messages in Amazon's envelope and framing; other models have another schema. */
static void test_recorded_invocations_lose_nothing(void **state)
{
    static const char *const apis[] = {"bedrock-invoke", "bedrock-invoke-stream"};
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    FH_AUTO(fh_arena_free) struct fh_arena *scratch = fh_arena_new(ARENA_MAX);
    struct recorded_tally tally = {0};
    struct recorded_call call;
    bool any = false;

    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(apis); i++) {
        struct recorded *rec = recorded_open(arena);

        while (rec != NULL && recorded_next(rec, scratch, apis[i], &call)) {
            if (fh_contains(call.request, FH_LIT("\"anthropic_version\""))) {
                check_call(&call, scratch, &tally, NULL);
                any = true;
            }
        }
    }
    assert_true(!any || recorded_print(&tally));
}

static void test_recorded_counts_lose_nothing(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    FH_AUTO(fh_arena_free) struct fh_arena *scratch = fh_arena_new(ARENA_MAX);
    struct recorded *rec = recorded_open(arena);
    struct recorded_tally tally = {0};
    struct recorded_call call;

    FH_UNUSED(state);
    while (rec != NULL && recorded_next(rec, scratch, "anthropic-count-tokens", &call)) {
        struct check c = {scratch, call.source, call.name, "count-tokens requests",
                          &tally,  NULL};
        struct fh_watch watch = {0};

        check_request(&c, call.request);
        dialect->scan_reply(&watch, scratch, call.response);
        assert_int_equal(watch.usage.seen, 0); /* counting is not using */
        assert_true(watch.ended);
    }
    assert_true(rec == NULL || recorded_print(&tally));
}

static void test_requests_of_sdks_lose_nothing(void **state)
{
    static const char *const sdks[] = {
        "anthropic-sdk",         "anthropic-bedrock-sdk", "anthropic-vertex-sdk",
        "anthropic-foundry-sdk", "ai-sdk-anthropic",      "ai-sdk-bedrock-anthropic",
    };

    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(sdks); i++) {
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
        FH_AUTO(fh_arena_free) struct fh_arena *scratch = fh_arena_new(ARENA_MAX);
        struct recorded_sdk *sdk = recorded_sdk_open(arena, sdks[i]);
        struct recorded_tally tally = {0};
        struct recorded_sdk_request request;

        while (sdk != NULL && recorded_sdk_next(sdk, scratch, &request)) {
            struct check c = {scratch, request.sdk, request.call, "requests", &tally, NULL};

            if (!fh_contains(request.target, FH_LIT("/batches"))) { /* lists of requests */
                check_request(&c, request.body);
            }
        }
        assert_true(sdk == NULL || recorded_print(&tally));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorded_messages_lose_nothing),
        cmocka_unit_test(test_recorded_invocations_lose_nothing),
        cmocka_unit_test(test_recorded_counts_lose_nothing),
        cmocka_unit_test(test_requests_of_sdks_lose_nothing),
    };
    return cmocka_run_group_tests_name("recorded_anthropic", tests, NULL, NULL);
}
