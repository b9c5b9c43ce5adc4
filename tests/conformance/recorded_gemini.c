/* recorded_gemini.c: what Google's API and its clients really said, decoded and re-encoded: every
 * leaf must come back with its value. Streams are compared by what an accumulator, which knows
 * nothing of our codec, makes of both. Keys are compared without regard to camelCase or
 * snake_case.
 * SPDX-License-Identifier: Apache-2.0 */
#include "recorded.h"
#include "tap.h"

#include "dialect/dialect.h"

enum { ARENA_MAX = 1 << 28, TEXT_MAX = 1 << 26 };

static const struct fh_dialect *const dialect = &fh_dialect_gemini;

/* What a re-encoding may leave out: what says the same as nothing. */
static const struct recorded_excuse excuses[] = {
    {"/candidates/*/content/parts/*/text", "\"\"", "a last part with nothing in it"},
    {"/candidates/*/content", "{}", "a candidate that said nothing"},
    {"/model", NULL, "the path has it"},
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

/* ---- keys ---- */

struct place {
    struct place *next;
    yyjson_val *val;
};

/* camel spells a key without its underscores. */
static void camel(struct fh_arena *arena, yyjson_val *key)
{
    struct fh_slice name = fh_json_text(key);
    struct fh_buf out = fh_buf_in_arena(arena, name.len);
    bool upper = false;

    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.ptr[i];
        bool up = upper && c >= 'a' && c <= 'z';

        upper = c == '_' && i > 0;
        if (!upper) {
            fh_buf_byte(&out, (uint8_t)(up ? c - ('a' - 'A') : c));
        }
    }
    (void)yyjson_set_strn(key, (const char *)out.ptr, out.len);
}

static void push(struct fh_arena *arena, struct place **stack, yyjson_val *val)
{
    struct place *place = fh_new(arena, struct place);

    *place = (struct place){*stack, val};
    *stack = place;
}

/* in_one_spelling changes all keys of a tree. */
static yyjson_val *in_one_spelling(struct fh_arena *arena, yyjson_val *root)
{
    struct place *stack = NULL;

    push(arena, &stack, root);
    while (stack != NULL) {
        yyjson_val *val = stack->val;
        yyjson_obj_iter members = yyjson_obj_iter_with(val);
        yyjson_arr_iter items = yyjson_arr_iter_with(val);
        yyjson_val *one = NULL;

        stack = stack->next;
        while ((one = yyjson_obj_iter_next(&members)) != NULL) {
            camel(arena, one);
            push(arena, &stack, yyjson_obj_iter_get_val(one));
        }
        while ((one = yyjson_arr_iter_next(&items)) != NULL) {
            push(arena, &stack, one);
        }
    }
    return root;
}

/* ---- results ---- */

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
    recorded_compare(&diff, in_one_spelling(c->arena, before),
                     in_one_spelling(c->arena, after));
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

/* ---- whole answers ---- */

static const struct fh_reply_frame frame = {.request_id = FH_LIT_INIT("req_test"),
                                            .model = FH_LIT_INIT("a-model"),
                                            .framing = FH_FRAMING_SSE};

/* sum merges the usage of all events, and looks for the last ones. */
static bool sum(const struct fh_events *events, struct fh_usage *usage)
{
    bool finished = false;
    bool ended = false;

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

/* sane: what Google says all of it comes to is what our classes come to. */
static bool sane(struct fh_arena *arena, const struct fh_usage *usage, yyjson_val *metadata)
{
    uint64_t total = 0;

    FH_UNUSED(arena);
    return !fh_json_u64(fh_json_get(metadata, FH_LIT("totalTokenCount")), &total) ||
           total == fh_usage_input(usage) + usage->count[FH_TOKENS_OUTPUT];
}

static void check_reply(const struct check *c, struct fh_slice body)
{
    struct fh_events events = {.arena = c->arena, .dialect = dialect->id};
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
        good = good && sane(c->arena, &usage,
                            fh_json_get(parse(c->arena, body), FH_LIT("usageMetadata")));
    }
    count(c, good, fh_buf_slice(&report));
}

/* ---- the accumulator ---- */

/* An answer as a client puts it together: parts of one candidate, and the last of all else. */
struct answer {
    struct fh_arena *arena;
    yyjson_mut_doc *doc;
    yyjson_mut_val *root, *candidate, *parts;
    bool finished;
};

static struct answer *new_answer(struct fh_arena *arena)
{
    struct answer *a = fh_new(arena, struct answer);

    a->arena = arena;
    a->doc = fh_json_new(arena);
    a->root = yyjson_mut_obj(a->doc);
    a->candidate = yyjson_mut_obj_add_obj(a->doc, a->root, "candidate");
    a->parts = yyjson_mut_obj_add_arr(a->doc, a->candidate, "parts");
    return a;
}

/* assign puts the members of `from` into `to`, but for one. */
static void assign(struct answer *a, yyjson_mut_val *to, yyjson_val *from, const char *but)
{
    yyjson_obj_iter iter = yyjson_obj_iter_with(from);

    for (yyjson_val *key = NULL; (key = yyjson_obj_iter_next(&iter)) != NULL;) {
        const char *name = yyjson_get_str(key);

        if (strcmp(name, but) != 0) {
            (void)yyjson_mut_obj_remove_key(to, name);
            (void)yyjson_mut_obj_add_val(
                a->doc, to, name, yyjson_val_mut_copy(a->doc, yyjson_obj_iter_get_val(key)));
        }
    }
}

static bool is_thought(yyjson_mut_val *part)
{
    return yyjson_mut_is_true(yyjson_mut_obj_get(part, "thought"));
}

/* take_text continues a text of the same kind. */
static void take_text(struct answer *a, yyjson_val *text, yyjson_val *thought)
{
    yyjson_mut_val *last = yyjson_mut_arr_get_last(a->parts);
    yyjson_mut_val *was = yyjson_mut_obj_get(last, "text");
    bool thinks = yyjson_is_true(thought);
    struct fh_slice parts[] = {FH_NONE, fh_json_text(text)};

    if (was == NULL || is_thought(last) != thinks ||
        yyjson_mut_obj_get(last, "thoughtSignature") != NULL) {
        last = yyjson_mut_arr_add_obj(a->doc, a->parts);
        if (thinks) {
            (void)yyjson_mut_obj_add_bool(a->doc, last, "thought", true);
        }
    } else {
        parts[0] = fh_slice(yyjson_mut_get_str(was), yyjson_mut_get_len(was));
    }
    (void)yyjson_mut_obj_remove_key(last, "text");
    fh_json_add_text(a->doc, last, "text", fh_concat(a->arena, parts, FH_LEN(parts)));
}

static void take_part(struct answer *a, yyjson_val *part)
{
    yyjson_val *text = fh_json_get(part, FH_LIT("text"));
    yyjson_val *thought = fh_json_get(part, FH_LIT("thought"));
    yyjson_val *signature = fh_json_get(part, FH_LIT("thoughtSignature"));

    if (text == NULL) {
        (void)yyjson_mut_arr_append(a->parts, yyjson_val_mut_copy(a->doc, part));
        return;
    }
    if (yyjson_get_len(text) > 0) {
        take_text(a, text, thought);
    }
    if (signature != NULL) {
        yyjson_mut_val *alone = yyjson_mut_arr_add_obj(a->doc, a->parts);

        (void)yyjson_mut_obj_add_str(a->doc, alone, "text", "");
        (void)yyjson_mut_obj_add_val(a->doc, alone, "thoughtSignature",
                                     yyjson_val_mut_copy(a->doc, signature));
    }
}

static void take_chunk(struct answer *a, struct fh_slice data)
{
    yyjson_val *root = parse(a->arena, data);
    yyjson_val *candidate = yyjson_arr_get_first(fh_json_get(root, FH_LIT("candidates")));
    yyjson_val *content = fh_json_get(candidate, FH_LIT("content"));
    yyjson_arr_iter iter = yyjson_arr_iter_with(fh_json_get(content, FH_LIT("parts")));

    assert_non_null(root);
    for (yyjson_val *part = NULL; (part = yyjson_arr_iter_next(&iter)) != NULL;) {
        take_part(a, part);
    }
    assign(a, a->candidate, candidate, "content");
    assign(a, a->root, root, "candidates");
    a->finished = a->finished || fh_json_get(candidate, FH_LIT("finishReason")) != NULL;
}

static struct fh_slice printed(struct answer *a)
{
    struct fh_buf out = fh_buf_in_arena(a->arena, TEXT_MAX);

    fh_json_append(&out, a->arena, a->root);
    return fh_buf_slice(&out);
}

/* ---- streams ---- */

/* What our codec makes of a stream. */
struct passage {
    void *decoder, *encoder;
    struct fh_loss *loss;
    struct fh_buf out; /* what the client gets */
    struct fh_usage usage;
    struct fh_watch watch;
    bool failed, finished;
};

static struct passage new_passage(struct fh_arena *arena)
{
    struct passage p = {.out = fh_buf_in_arena(arena, TEXT_MAX)};

    p.decoder = dialect->stream_decoder_new(arena);
    p.encoder = dialect->stream_encoder_new(arena, &frame);
    p.loss = fh_new(arena, struct fh_loss);
    p.loss->arena = arena;
    return p;
}

static void pass(struct passage *p, const struct fh_frame *wire)
{
    FH_AUTO(fh_arena_free) struct fh_arena *scratch = fh_arena_new(ARENA_MAX);
    struct fh_events events = {.arena = scratch, .dialect = dialect->id};
    struct fh_complaint why = {0};

    p->failed = dialect->decode_stream(p->decoder, &events, wire, &why) != FH_OK || p->failed;
    for (size_t i = 0; i < events.count; i++) {
        struct fh_event *event = &events.list[i];

        fh_usage_merge(&p->usage, &event->usage);
        p->failed = p->failed || event->kind == FH_EVENT_ERROR;
        p->finished = p->finished || event->kind == FH_EVENT_FINISH;
        dialect->encode_stream(p->encoder, &p->out, scratch, event, p->loss);
    }
    dialect->scan_stream(&p->watch, scratch, wire);
}

static void check_stream(const struct check *c, const struct recorded_call *call)
{
    FH_AUTO(fh_arena_free) struct fh_arena *scratch = fh_arena_new(ARENA_MAX);
    const struct fh_event end = {.kind = FH_EVENT_END};
    struct recorded_events theirs = recorded_events(c->arena, call, 7);
    struct answer *before = new_answer(c->arena);
    struct answer *after = new_answer(c->arena);
    struct passage p = new_passage(c->arena);
    struct fh_buf report = fh_buf_in_arena(c->arena, TEXT_MAX);
    struct fh_frame chunk;

    while (recorded_events_next(&theirs, &chunk)) {
        take_chunk(before, chunk.data);
        pass(&p, &chunk);
    }
    dialect->encode_stream(p.encoder, &p.out, scratch, &end, p.loss);

    struct recorded_call sent = {.response = fh_buf_slice(&p.out)};
    struct recorded_events ours = recorded_events(c->arena, &sent, 11);

    while (recorded_events_next(&ours, &chunk)) {
        assert_int_equal(chunk.name.len, 0); /* SDKs drop events with a name */
        take_chunk(after, chunk.data);
    }
    bool good = !p.failed && p.finished == before->finished &&
                (p.watch.finish != FH_FINISH_UNKNOWN) == before->finished &&
                same_usage(&p.usage, &p.watch.usage) &&
                compare(c, printed(before), printed(after), &report) && p.loss->count == 0;

    count(c, good, fh_buf_slice(&report));
}

/* ---- the tests ---- */

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
        count(&c, fault.kind == FH_REFUSE_RATE_LIMITED && fault.retry_after_s == 35,
              fault.message);
    } else if (call->stream) {
        c.what = "streams";
        check_stream(&c, call);
    } else if (call->response.len > 0) {
        c.what = "replies";
        check_reply(&c, call->response);
    }
}

static void test_recorded_answers_lose_nothing(void **state)
{
    static const char *const apis[] = {"gemini-generate", "gemini-stream"};

    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(apis); i++) {
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
        FH_AUTO(fh_arena_free) struct fh_arena *scratch = fh_arena_new(ARENA_MAX);
        struct recorded *rec = recorded_open(arena);
        struct recorded_tally tally = {0};
        struct recorded_tally additions = {0};
        struct recorded_call call;

        while (rec != NULL && recorded_next(rec, scratch, apis[i], &call)) {
            check_call(&call, scratch, &tally, &additions);
        }
        recorded_list(&additions);
        assert_true(rec == NULL || recorded_print(&tally));
    }
}

static void test_recorded_counts_are_read(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    FH_AUTO(fh_arena_free) struct fh_arena *scratch = fh_arena_new(ARENA_MAX);
    struct recorded *rec = recorded_open(arena);
    struct recorded_tally tally = {0};
    struct recorded_call call;

    FH_UNUSED(state);
    while (rec != NULL && recorded_next(rec, scratch, "gemini-count-tokens", &call)) {
        struct check c = {scratch, call.source, call.name, "count-tokens requests",
                          &tally,  NULL};
        struct fh_complaint why = {0};
        struct fh_slice chat = FH_NONE;
        uint64_t tokens = 0;

        assert_int_equal(dialect->unwrap_count(&chat, scratch, call.request, &why), FH_OK);
        check_request(&c, chat);
        assert_int_equal(dialect->decode_count(call.response, scratch, &tokens),
                         call.status == 200);
        assert_int_equal(tokens > 0, call.status == 200);
    }
    assert_true(rec == NULL || recorded_print(&tally));
}

/* asks_to_chat: their other calls have bodies of other forms. */
static bool asks_to_chat(struct fh_slice target)
{
    return fh_contains(target, FH_LIT("enerateContent")) &&
           !fh_contains(target, FH_LIT("batch"));
}

static void test_requests_of_sdks_lose_nothing(void **state)
{
    static const char *const sdks[] = {"google-genai", "ai-sdk-google"};

    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(sdks); i++) {
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
        FH_AUTO(fh_arena_free) struct fh_arena *scratch = fh_arena_new(ARENA_MAX);
        struct recorded_sdk *sdk = recorded_sdk_open(arena, sdks[i]);
        struct recorded_tally tally = {0};
        struct recorded_sdk_request request;

        while (sdk != NULL && recorded_sdk_next(sdk, scratch, &request)) {
            struct check c = {scratch, request.sdk, request.call, "requests", &tally, NULL};

            if (asks_to_chat(request.target)) {
                check_request(&c, request.body);
            }
        }
        assert_true(sdk == NULL || recorded_print(&tally));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorded_answers_lose_nothing),
        cmocka_unit_test(test_recorded_counts_are_read),
        cmocka_unit_test(test_requests_of_sdks_lose_nothing),
    };
    return cmocka_run_group_tests_name("recorded_gemini", tests, NULL, NULL);
}
