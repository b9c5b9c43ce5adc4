/* recorded_bedrock.c: what Bedrock and its clients really said in Converse, decoded and re-encoded:
 * every leaf must come back with its value. Streams are compared by what an accumulator, which
 * knows nothing of our codec, makes of both.
 * SPDX-License-Identifier: Apache-2.0 */
#include "recorded.h"
#include "tap.h"

#include "dialect/dialect.h"
#include "wire/frames.h"

enum { ARENA_MAX = 1 << 28, TEXT_MAX = 1 << 26, FRAME_MAX = 1 << 24, BLOCKS_MAX = 64 };

static const struct fh_dialect *const dialect = &fh_dialect_bedrock;

/* What a re-encoding may leave out: what says the same as nothing. */
static const struct recorded_excuse excuses[] = {
    {"/system", "[]", "the default"},
    {"/inferenceConfig", "{}", "the default"},
};

/* Recordings that are none: the body was cut or changed by who recorded it, or written by hand. */
static const struct {
    struct fh_slice part; /* of the file's name */
    const char *why;
} exceptions[] = {
    {FH_LIT_INIT("test_bedrock_model_other_parameters"), "the recorder broke the JSON"},
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

static struct fh_slice text_of(yyjson_val *obj, const char *key)
{
    return fh_json_text(fh_json_get(obj, fh_cstr(key)));
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

static void check_request(const struct check *c, struct fh_slice body)
{
    struct fh_chat_request *req = fh_new(c->arena, struct fh_chat_request);
    struct fh_loss *loss = fh_new(c->arena, struct fh_loss);
    struct fh_buf out = fh_buf_in_arena(c->arena, TEXT_MAX);
    struct fh_buf report = fh_buf_in_arena(c->arena, TEXT_MAX);
    struct fh_complaint why = {0};
    bool good = false;

    loss->arena = c->arena;
    if (dialect->decode_request(req, c->arena, body, &why) != FH_OK ||
        dialect->encode_request(&out, c->arena, req, loss, &why) != FH_OK) {
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

/* adds_up: the total that the provider reports is the sum of the classes. */
static bool adds_up(struct fh_arena *arena, struct fh_slice body, const struct fh_usage *usage)
{
    yyjson_val *reported = fh_json_get(parse(arena, body), FH_LIT("usage"));
    uint64_t total = 0;

    return reported == NULL ||
           (fh_json_u64(fh_json_get(reported, FH_LIT("totalTokens")), &total) &&
            total == fh_usage_input(usage) + usage->count[FH_TOKENS_OUTPUT]);
}

static const struct fh_reply_frame frame = {.request_id = FH_LIT_INIT("req_test"),
                                            .model = FH_LIT_INIT("a-model"),
                                            .framing = FH_FRAMING_EVENTSTREAM};

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
        good = good && adds_up(c->arena, body, &usage);
    }
    count(c, good, fh_buf_slice(&report));
}

/* ---- the accumulator ---- */

/* A message as a client puts it together: what a block is made of under names of its own, since
 * what matters is that both sides come to the same. */
struct message {
    struct fh_arena *arena;
    yyjson_mut_doc *doc;
    yyjson_mut_val *root;
    struct {
        struct fh_buf text, input, thought, signature, redacted;
        yyjson_mut_val *obj;
    } block[BLOCKS_MAX];
    uint64_t order[BLOCKS_MAX]; /* indices in the order in which they came */
    size_t blocks;
    bool stopped;
};

static struct message *new_message(struct fh_arena *arena)
{
    struct message *m = fh_new(arena, struct message);

    m->arena = arena;
    m->doc = fh_json_new(arena);
    m->root = yyjson_mut_obj(m->doc);
    return m;
}

static size_t find_block(struct message *m, yyjson_val *root)
{
    uint64_t index = 0;
    size_t at = 0;

    assert_true(fh_json_u64(fh_json_get(root, FH_LIT("contentBlockIndex")), &index));
    while (at < m->blocks && m->order[at] != index) {
        at++;
    }
    if (at == m->blocks) {
        assert_true(at < BLOCKS_MAX);
        m->order[at] = index;
        m->block[at].obj = yyjson_mut_obj(m->doc);
        m->block[at].text = fh_buf_in_arena(m->arena, TEXT_MAX);
        m->block[at].input = fh_buf_in_arena(m->arena, TEXT_MAX);
        m->block[at].thought = fh_buf_in_arena(m->arena, TEXT_MAX);
        m->block[at].signature = fh_buf_in_arena(m->arena, TEXT_MAX);
        m->block[at].redacted = fh_buf_in_arena(m->arena, TEXT_MAX);
        m->blocks++;
    }
    return at;
}

static void put(struct message *m, yyjson_mut_val *obj, const char *key, yyjson_val *value)
{
    (void)yyjson_mut_obj_add_val(m->doc, obj, key, yyjson_val_mut_copy(m->doc, value));
}

static void take_delta(struct message *m, yyjson_val *root)
{
    size_t at = find_block(m, root);
    yyjson_val *delta = fh_json_get(root, FH_LIT("delta"));
    yyjson_val *thought = fh_json_get(delta, FH_LIT("reasoningContent"));

    fh_buf_append(&m->block[at].text, text_of(delta, "text"));
    fh_buf_append(&m->block[at].input, text_of(fh_json_get(delta, FH_LIT("toolUse")), "input"));
    fh_buf_append(&m->block[at].thought, text_of(thought, "text"));
    fh_buf_append(&m->block[at].signature, text_of(thought, "signature"));
    fh_buf_append(&m->block[at].redacted, text_of(thought, "redactedContent"));
}

static void take_frame(struct message *m, struct fh_slice name, yyjson_val *root)
{
    if (fh_eq(name, FH_LIT("contentBlockStart"))) {
        yyjson_val *start = fh_json_get(root, FH_LIT("start"));
        size_t at = find_block(m, root);

        if (yyjson_obj_size(start) > 0) {
            put(m, m->block[at].obj, "start", start);
        }
    } else if (fh_eq(name, FH_LIT("contentBlockDelta"))) {
        take_delta(m, root);
    } else if (fh_eq(name, FH_LIT("contentBlockStop"))) {
        (void)find_block(m, root);
    } else {
        char *key = fh_dup_cstr(m->arena, name);
        yyjson_mut_val *copy = yyjson_val_mut_copy(m->doc, root);
        yyjson_mut_val *padding = yyjson_mut_obj_remove_key(copy, "p");

        FH_UNUSED(padding);
        (void)yyjson_mut_obj_add_val(m->doc, m->root, key, copy);
        m->stopped = m->stopped || fh_eq(name, FH_LIT("messageStop"));
    }
}

static void add_text(struct message *m, yyjson_mut_val *obj, const char *key,
                     const struct fh_buf *text)
{
    if (text->len > 0) {
        fh_json_add_text(m->doc, obj, key, fh_buf_slice(text));
    }
}

static struct fh_slice whole(struct message *m)
{
    struct fh_buf out = fh_buf_in_arena(m->arena, TEXT_MAX);
    yyjson_mut_val *content = yyjson_mut_obj_add_arr(m->doc, m->root, "content");

    for (size_t i = 0; i < m->blocks; i++) {
        yyjson_mut_val *obj = m->block[i].obj;

        add_text(m, obj, "text", &m->block[i].text);
        /* a call without arguments says {} or nothing */
        if (!fh_eq(fh_buf_slice(&m->block[i].input), FH_LIT("{}"))) {
            add_text(m, obj, "input", &m->block[i].input);
        }
        add_text(m, obj, "thought", &m->block[i].thought);
        add_text(m, obj, "signature", &m->block[i].signature);
        add_text(m, obj, "redacted", &m->block[i].redacted);
        (void)yyjson_mut_arr_append(content, obj);
    }
    fh_json_append(&out, m->arena, m->root);
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
    bool failed, finished, ended;
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

static void pass_event(struct passage *p, struct fh_arena *scratch,
                       const struct fh_event *event)
{
    if (event->kind == FH_EVENT_USAGE) {
        fh_usage_merge(&p->usage, &event->usage);
    }
    p->failed = p->failed || event->kind == FH_EVENT_ERROR;
    p->finished = p->finished || event->kind == FH_EVENT_FINISH;
    p->ended = p->ended || event->kind == FH_EVENT_END;
    dialect->encode_stream(p->encoder, &p->out, scratch, event, p->loss);
}

static void pass(struct passage *p, const struct fh_frame *wire)
{
    FH_AUTO(fh_arena_free) struct fh_arena *scratch = fh_arena_new(ARENA_MAX);
    struct fh_events events = {.arena = scratch};
    struct fh_complaint why = {0};

    p->failed = dialect->decode_stream(p->decoder, &events, wire, &why) != FH_OK || p->failed;
    for (size_t i = 0; i < events.count; i++) {
        pass_event(p, scratch, &events.list[i]);
    }
    dialect->scan_stream(&p->watch, scratch, wire);
}

/* finish takes the end of the bytes for the end where the model came to one. */
static void finish(struct passage *p)
{
    FH_AUTO(fh_arena_free) struct fh_arena *scratch = fh_arena_new(ARENA_MAX);
    const struct fh_event end = {.kind = FH_EVENT_END, .dialect = FH_DIALECT_BEDROCK};

    if (p->finished && !p->ended && !p->failed && dialect->ends_with_bytes) {
        pass_event(p, scratch, &end);
    }
}

/* take_stream reads a stream of either form: frames, or without framing an object of one member a
 * line. */
static void take_stream(struct check *c, const struct recorded_call *call, size_t cut,
                        struct message *m, struct passage *p)
{
    struct fh_slice rest = call->response;
    struct fh_slice line = FH_NONE;
    struct fh_frames *frames = fh_frames_new(c->arena, FH_FRAMING_EVENTSTREAM, FRAME_MAX);
    struct fh_frame wire;

    while (call->lines && fh_split(&rest, '\n', &line)) {
        yyjson_val *root = parse(c->arena, line);
        yyjson_obj_iter iter = yyjson_obj_iter_with(root);
        yyjson_val *key = yyjson_obj_iter_next(&iter);
        struct fh_buf data = fh_buf_in_arena(c->arena, TEXT_MAX);

        if (key != NULL) {
            fh_json_append_val(&data, c->arena, yyjson_obj_iter_get_val(key));
            wire = (struct fh_frame){.name = fh_json_text(key), .data = fh_buf_slice(&data)};
            take_frame(m, wire.name, yyjson_obj_iter_get_val(key));
            pass(p, &wire);
        }
    }
    while (!call->lines && rest.len > 0) {
        fh_frames_feed(frames, fh_head(rest, fh_min(cut, rest.len)));
        rest = fh_tail(rest, fh_min(cut, rest.len));
        while (fh_frames_next(frames, &wire) == FH_STEP_EVENT) {
            take_frame(m, fh_dup(c->arena, wire.name), parse(c->arena, wire.data));
            pass(p, &wire);
        }
    }
    assert_true(fh_frames_at_boundary(frames));
    fh_frames_fini(frames);
    finish(p);
}

/* read_back puts together what our client would. */
static struct fh_slice read_back(struct fh_arena *arena, struct fh_slice stream)
{
    struct fh_frames *frames = fh_frames_new(arena, FH_FRAMING_EVENTSTREAM, FRAME_MAX);
    struct message *m = new_message(arena);
    struct fh_frame wire;

    fh_frames_feed(frames, stream);
    while (fh_frames_next(frames, &wire) == FH_STEP_EVENT) {
        assert_false(wire.fault);
        take_frame(m, wire.name, parse(arena, wire.data));
    }
    assert_true(fh_frames_at_boundary(frames) && m->stopped);
    fh_frames_fini(frames);
    return whole(m);
}

static void check_stream(struct check *c, const struct recorded_call *call)
{
    struct message *theirs = new_message(c->arena);
    struct passage p = new_passage(c->arena);
    struct fh_buf report = fh_buf_in_arena(c->arena, TEXT_MAX);

    take_stream(c, call, 7, theirs, &p);
    bool good =
        p.finished && !p.failed && !p.watch.failed && same_usage(&p.usage, &p.watch.usage);

    if (good) {
        good = compare(c, whole(theirs), read_back(c->arena, fh_buf_slice(&p.out)), &report) &&
               p.loss->count == 0;
    }
    count(c, good, fh_buf_slice(&report));
}

/* ---- calls ---- */

static bool is_exception(struct fh_slice name)
{
    for (size_t i = 0; i < FH_LEN(exceptions); i++) {
        if (fh_contains(name, exceptions[i].part)) {
            (void)printf("# left out: %.*s: %s\n", FH_ARG(name), exceptions[i].why);
            return true;
        }
    }
    return false;
}

static void check_error(struct check *c, const struct recorded_call *call)
{
    struct fh_fault fault = {0};

    c->what = "errors";
    dialect->decode_fault(&fault, c->arena, call->status, call->response);
    count(c,
          fault.message.len > 0 && fault.kind == FH_REFUSE_BAD_REQUEST &&
              !fh_starts(fault.message, FH_LIT("{")),
          fault.message);
}

static void check_call(const struct recorded_call *call, struct fh_arena *arena,
                       struct recorded_tally *tally, struct recorded_tally *additions)
{
    struct check c = {arena, call->source, call->name, "requests", tally, additions};

    if (call->request.len > 0 && !is_exception(call->name)) {
        check_request(&c, call->request);
    }
    if (call->status != 200) {
        check_error(&c, call);
    } else if (call->stream) {
        c.what = "streams";
        check_stream(&c, call);
    } else if (call->response.len > 0) {
        c.what = "replies";
        check_reply(&c, call->response);
    }
}

static void test_recorded_conversations_lose_nothing(void **state)
{
    static const char *const apis[] = {"bedrock-converse", "bedrock-converse-stream"};
    struct recorded_tally tally = {0};
    struct recorded_tally additions = {0};
    bool any = false;

    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(apis); i++) {
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
        FH_AUTO(fh_arena_free) struct fh_arena *scratch = fh_arena_new(ARENA_MAX);
        struct recorded *rec = recorded_open(arena);
        struct recorded_call call;

        any = rec != NULL;
        while (rec != NULL && recorded_next(rec, scratch, apis[i], &call)) {
            check_call(&call, scratch, &tally, &additions);
        }
    }
    recorded_list(&additions);
    assert_true(!any || recorded_print(&tally));
}

static void test_recorded_counts_are_understood(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    FH_AUTO(fh_arena_free) struct fh_arena *scratch = fh_arena_new(ARENA_MAX);
    struct recorded *rec = recorded_open(arena);
    struct recorded_tally tally = {0};
    struct recorded_call call;

    FH_UNUSED(state);
    while (rec != NULL && recorded_next(rec, scratch, "bedrock-count-tokens", &call)) {
        struct check c = {scratch, call.source, call.name, "count-tokens", &tally, NULL};
        struct fh_complaint why = {0};
        struct fh_slice chat = FH_NONE;
        uint64_t tokens = 0;

        if (call.status != 200) {
            check_error(&c, &call);
        } else {
            assert_true(dialect->decode_count(call.response, scratch, &tokens) && tokens > 0);
        }
        c.what = "count-tokens requests";
        if (dialect->unwrap_count(&chat, scratch, call.request, &why) == FH_OK) {
            check_request(&c, chat);
        } else { /* a native body */
            count(&c, fh_eq(why.pointer, FH_LIT("/input/invokeModel")), why.message);
        }
    }
    assert_true(rec == NULL || recorded_print(&tally));
}

static void test_requests_of_sdks_lose_nothing(void **state)
{
    static const char *const sdks[] = {"aws-bedrock-runtime", "ai-sdk-bedrock"};

    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(sdks); i++) {
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
        FH_AUTO(fh_arena_free) struct fh_arena *scratch = fh_arena_new(ARENA_MAX);
        struct recorded_sdk *sdk = recorded_sdk_open(arena, sdks[i]);
        struct recorded_tally tally = {0};
        struct recorded_sdk_request request;

        while (sdk != NULL && recorded_sdk_next(sdk, scratch, &request)) {
            struct check c = {scratch, request.sdk, request.call, "requests", &tally, NULL};

            if (fh_contains(request.target, FH_LIT("/converse"))) {
                check_request(&c, request.body);
            }
        }
        assert_true(sdk == NULL || recorded_print(&tally));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorded_conversations_lose_nothing),
        cmocka_unit_test(test_recorded_counts_are_understood),
        cmocka_unit_test(test_requests_of_sdks_lose_nothing),
    };
    return cmocka_run_group_tests_name("recorded_bedrock", tests, NULL, NULL);
}
