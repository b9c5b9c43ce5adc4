/* recorded_dialect.c: recorded requests, replies, streams and errors, through the codec of their
 * dialect and back.
 * SPDX-License-Identifier: Apache-2.0 */
#include "recorded_dialect.h"

#include "tap.h"

enum { ARENA_MAX = 1 << 30, TEXT_MAX = 1 << 26, CUT_IN = 7, CUT_OUT = 11 };

/* One comparison and where its result goes. */
struct check {
    const struct recorded_dialect *d;
    struct fh_arena *arena;
    struct fh_slice source, name;
    struct recorded_tally *tally, *additions;
    struct fh_buf report;
};

static struct check new_check(const struct recorded_dialect *d, struct fh_arena *arena,
                              struct fh_slice source, struct fh_slice name,
                              struct recorded_tally *tally)
{
    return (struct check){.d = d,
                          .arena = arena,
                          .source = source,
                          .name = name,
                          .tally = tally,
                          .report = fh_buf_in_arena(arena, TEXT_MAX)};
}

/* count notes a result, and says what went wrong. */
static void count(struct check *c, const char *what, bool passed)
{
    recorded_count(c->tally, c->source, what, passed);
    if (!passed) {
        print_error("%.*s (%s):\n%.*s\n", FH_ARG(c->name), what,
                    FH_ARG(fh_buf_slice(&c->report)));
    }
    fh_buf_clear(&c->report);
}

/* holds reports a claim that does not. */
static bool holds(struct check *c, bool claim, const char *otherwise)
{
    if (!claim) {
        fh_buf_printf(&c->report, "    %s\n", otherwise);
    }
    return claim;
}

static bool compare(struct check *c, struct fh_slice was, struct fh_slice is)
{
    struct recorded_diff diff = {.arena = c->arena,
                                 .report = &c->report,
                                 .excuses = c->d->excuses,
                                 .additions = c->additions};
    yyjson_val *before = recorded_json(c->arena, was);
    yyjson_val *after = recorded_json(c->arena, is);

    if (before == NULL || after == NULL) {
        fh_buf_printf(&c->report, "    not JSON: %.*s\n", FH_ARG(before == NULL ? was : is));
        return false;
    }
    while (diff.excuse_count < RECORDED_EXCUSES &&
           diff.excuses[diff.excuse_count].pointer != NULL) {
        diff.excuse_count++;
    }
    if (c->d->spell != NULL) {
        c->d->spell(c->arena, before);
        c->d->spell(c->arena, after);
    }
    recorded_compare(&diff, before, after);
    return diff.lost == 0;
}

/* has_flaw says whether a recording is one that somebody changed in this way. */
static const struct recorded_flaw *has_flaw(const struct check *c, enum recorded_flaw_kind kind)
{
    for (const struct recorded_flaw *flaw = c->d->flaws; flaw->part != NULL; flaw++) {
        if (flaw->kind == kind && fh_contains(c->name, fh_cstr(flaw->part))) {
            return flaw;
        }
    }
    return NULL;
}

/* ---- requests ---- */

static bool request_comes_back(struct check *c, struct fh_slice body)
{
    const struct fh_dialect *dialect = c->d->dialect;
    struct fh_chat_request *req = fh_new(c->arena, struct fh_chat_request);
    struct fh_buf out = fh_buf_in_arena(c->arena, TEXT_MAX);
    struct fh_loss loss = {.arena = c->arena};
    struct fh_complaint why = {0};
    bool read = dialect->decode_request(req, c->arena, body, &why) == FH_OK;

    if (read && c->d->place != NULL) {
        c->d->place(req, recorded_json(c->arena, body));
    }
    if (!read || dialect->encode_request(&out, c->arena, req, &loss, &why) != FH_OK) {
        fh_buf_append(&c->report, why.message);
        return false;
    }
    return compare(c, body, fh_buf_slice(&out)) &&
           holds(c, loss.count == 0, "it was said that something is lost");
}

/* ---- what the events of an answer say ---- */

struct passage {
    const struct fh_dialect *dialect;
    struct fh_arena *arena;
    void *decoder, *encoder; /* NULL: a whole reply */
    struct fh_loss loss;
    struct fh_buf out; /* what the client gets */
    struct fh_usage usage;
    struct fh_watch watch;
    enum fh_finish finish; /* the first with a word that we know */
    bool refused;          /* it is no answer */
    bool failed, finished, ended;
    struct fh_slice failure;
};

static struct passage new_passage(const struct check *c)
{
    return (struct passage){.dialect = c->d->dialect,
                            .arena = c->arena,
                            .loss = {.arena = c->arena},
                            .out = fh_buf_in_arena(c->arena, TEXT_MAX)};
}

static struct fh_reply_frame frame_of(const struct fh_dialect *dialect)
{
    return (struct fh_reply_frame){.request_id = FH_LIT("req_test"),
                                   .model = FH_LIT("a-model"),
                                   .created_s = 1,
                                   .include_usage = true,
                                   .framing = dialect->framing};
}

static void note(struct passage *p, const struct fh_event *event)
{
    if (event->kind == FH_EVENT_USAGE) {
        fh_usage_merge(&p->usage, &event->usage);
    }
    if (event->kind == FH_EVENT_FINISH && p->finish == FH_FINISH_UNKNOWN) {
        p->finish = event->finish;
    }
    if (event->kind == FH_EVENT_ERROR) {
        p->failed = true;
        p->failure = fh_dup(p->arena, event->fault.message);
    }
    p->finished = p->finished || event->kind == FH_EVENT_FINISH;
    p->ended = p->ended || event->kind == FH_EVENT_END;
}

static bool same_usage(const struct fh_usage *a, const struct fh_usage *b)
{
    return memcmp(a->count, b->count, sizeof(a->count)) == 0 && a->seen == b->seen;
}

static bool is_tools_or_stop(enum fh_finish finish)
{
    return finish == FH_FINISH_TOOLS || finish == FH_FINISH_STOP;
}

/* scanned: who only looks at the bytes that pass sees the same. */
static bool scanned(struct check *c, const struct passage *p)
{
    bool alike = p->decoder != NULL && c->d->tools_or_stop && is_tools_or_stop(p->finish) &&
                 is_tools_or_stop(p->watch.finish);

    return holds(c, same_usage(&p->usage, &p->watch.usage), "scanning saw another usage") &&
           holds(c, alike || p->finish == p->watch.finish, "scanning saw another finish") &&
           holds(c, p->failed == p->watch.failed, "scanning is of another mind on failure") &&
           holds(c, p->ended == p->watch.ended, "scanning is of another mind on the end");
}

/* ---- whole replies ---- */

static bool adds_up(const struct recorded_dialect *d, yyjson_val *reply,
                    const struct fh_usage *usage)
{
    yyjson_val *reported = d->usage == NULL ? NULL : fh_json_get(reply, fh_cstr(d->usage));
    yyjson_val *said = reported == NULL ? NULL : fh_json_get(reported, fh_cstr(d->total));
    uint64_t total = 0;

    if (said != NULL && !fh_json_u64(said, &total)) {
        return false;
    }
    return reported == NULL || total == fh_usage_input(usage) + usage->count[FH_TOKENS_OUTPUT];
}

static bool reply_comes_back(struct check *c, struct fh_slice body)
{
    const struct fh_dialect *dialect = c->d->dialect;
    const struct fh_reply_frame frame = frame_of(dialect);
    struct fh_events events = {.arena = c->arena, .dialect = dialect->id};
    struct passage p = new_passage(c);
    struct fh_complaint why = {0};
    yyjson_val *reply = recorded_json(c->arena, body);

    if (dialect->decode_reply(&events, body, &why) != FH_OK) {
        fh_buf_append(&c->report, why.message);
        return false;
    }
    for (size_t i = 0; i < events.count; i++) {
        note(&p, &events.list[i]);
    }
    dialect->scan_reply(&p.watch, c->arena, body);
    if (c->d->is_pending != NULL && c->d->is_pending(reply)) {
        return holds(c, p.failed && !p.ended && p.watch.usage.seen == 0, "an answer so soon");
    }
    dialect->encode_reply(&p.out, c->arena, &frame, &events, &p.loss);
    return holds(c, p.finished && p.ended && !p.failed, "did not end") && scanned(c, &p) &&
           holds(c, adds_up(c->d, reply, &p.usage), "tokens do not come to the total") &&
           compare(c, body, fh_buf_slice(&p.out)) &&
           holds(c, p.loss.count == 0, "it was said that something is lost");
}

/* ---- streams ---- */

static void pass_event(struct passage *p, struct fh_arena *scratch,
                       const struct fh_event *event)
{
    note(p, event);
    p->dialect->encode_stream(p->encoder, &p->out, scratch, event, &p->loss);
}

static void pass(struct passage *p, const struct fh_frame *wire)
{
    FH_AUTO(fh_arena_free) struct fh_arena *scratch = fh_arena_new(ARENA_MAX);
    struct fh_events events = {.arena = scratch, .dialect = p->dialect->id};
    struct fh_complaint why = {0};

    p->refused =
        p->dialect->decode_stream(p->decoder, &events, wire, &why) != FH_OK || p->refused;
    for (size_t i = 0; i < events.count; i++) {
        pass_event(p, scratch, &events.list[i]);
    }
    p->dialect->scan_stream(&p->watch, scratch, wire);
}

/* finish takes the end of the bytes for the end of a stream that has no other. */
static void finish(struct passage *p)
{
    const struct fh_event end = {.kind = FH_EVENT_END, .dialect = p->dialect->id};

    if (!p->ended && !p->failed && p->dialect->ends_with_bytes) {
        pass_event(p, p->arena, &end);
    }
}

static struct recorded_fold new_fold(struct check *c, bool ours)
{
    struct recorded_fold fold = {.arena = c->arena, .ours = ours, .report = &c->report};

    fold.doc = fh_json_new(c->arena);
    fold.root = yyjson_mut_obj(fold.doc);
    return fold;
}

static const char *closed(const struct recorded_dialect *d, struct recorded_fold *fold)
{
    return d->close == NULL ? NULL : d->close(fold);
}

static struct fh_slice printed(struct recorded_fold *fold)
{
    struct fh_buf out = fh_buf_in_arena(fold->arena, TEXT_MAX);

    fh_json_append(&out, fold->arena, fold->root);
    return fh_buf_slice(&out);
}

/* read_back folds what our client gets; what is wrong with it, or NULL. */
static const char *read_back(struct check *c, struct recorded_fold *fold, struct fh_slice out)
{
    const struct recorded_call call = {.response = out, .framing = c->d->dialect->framing};
    struct recorded_events events = recorded_events(c->arena, &call, CUT_OUT);
    struct fh_frame wire;
    const char *wrong = NULL;

    while (recorded_events_next(&events, &wire)) {
        const char *now = fold->over ? "an event behind the end" : c->d->take(fold, &wire);

        wrong = wrong == NULL ? now : wrong;
    }
    return wrong == NULL ? closed(c->d, fold) : wrong;
}

/* is_told_again compares a stream that went through the codec with the one that came in. */
static bool is_told_again(struct check *c, const struct passage *p, struct recorded_fold *was)
{
    struct recorded_fold is = new_fold(c, true);
    const char *wrong = read_back(c, &is, fh_buf_slice(&p->out));

    return holds(c, wrong == NULL, wrong) &&
           holds(c, is.finished == was->finished && is.over == was->over, "another end") &&
           holds(c, fh_eq(is.failure, was->failure), "another error") &&
           (has_flaw(c, RECORDED_SHORTENED) != NULL ||
            compare(c, printed(was), printed(&is))) &&
           holds(c, p->loss.count == 0, "it was said that something is lost");
}

/* breaks_off: a stream that is none must not look to our client like one that ended. */
static bool breaks_off(struct check *c, const struct passage *p)
{
    struct recorded_fold is = new_fold(c, true);

    (void)read_back(c, &is, fh_buf_slice(&p->out));
    return holds(c, (p->failed || p->refused) && !p->ended && !is.over, "looks good");
}

/* take_stream goes on to the end of one stream; false when there was nothing of it. */
static bool take_stream(struct check *c, const struct recorded_call *call,
                        struct recorded_events *events, struct passage *p,
                        struct recorded_fold *was, const char **wrong)
{
    struct fh_frame wire;
    bool any = false;

    while (!was->over && recorded_events_next(events, &wire)) {
        if (call->lines && c->d->unline != NULL) {
            c->d->unline(c->arena, &wire);
        }
        const char *now = c->d->take(was, &wire);

        *wrong = *wrong == NULL ? now : *wrong;
        any = any || wire.data.len > 0;
        pass(p, &wire);
    }
    if (call->lines && c->d->done.len > 0) {
        pass(p, &(struct fh_frame){.data = c->d->done});
    }
    *wrong = *wrong == NULL ? closed(c->d, was) : *wrong;
    return any;
}

/* stream_comes_back goes through one stream of a recording. */
static bool stream_comes_back(struct check *c, const struct recorded_call *call,
                              struct recorded_events *events, bool *any)
{
    const struct fh_reply_frame frame = frame_of(c->d->dialect);
    struct recorded_fold was = new_fold(c, false);
    struct passage p = new_passage(c);
    const char *wrong = NULL;

    p.decoder = p.dialect->stream_decoder_new(c->arena);
    p.encoder = p.dialect->stream_encoder_new(c->arena, &frame);
    *any = take_stream(c, call, events, &p, &was, &wrong);
    if (has_flaw(c, RECORDED_BROKEN) != NULL) {
        return breaks_off(c, &p);
    }
    bool seen = scanned(c, &p);

    finish(&p);
    p.ended = p.ended && (p.finished || has_flaw(c, RECORDED_UNFINISHED) != NULL);
    return seen && holds(c, wrong == NULL, wrong) && holds(c, !p.refused, "is no stream") &&
           holds(c, p.failed ? was.failure.len > 0 : p.ended, "did not end") &&
           holds(c, p.finished == was.finished, "another end") &&
           holds(c, fh_eq(p.failure, was.failure), "another error") &&
           is_told_again(c, &p, &was);
}

/* check_streams: some recordings without framing hold the answers to several calls, one after the
 * other. */
static void check_streams(struct check *c, const struct recorded_call *call)
{
    struct recorded_events events = recorded_events(c->arena, call, CUT_IN);
    bool first = true;
    bool any = true;

    while (any) {
        bool good = stream_comes_back(c, call, &events, &any);

        if (any || first) {
            count(c, "streams", good);
        }
        first = false;
    }
}

/* ---- the tests ---- */

static void check_error(struct check *c, const struct recorded_call *call)
{
    yyjson_val *said = fh_json_get(recorded_json(c->arena, call->response), FH_LIT("error"));
    struct fh_fault fault = {0};

    c->d->dialect->decode_fault(&fault, c->arena, call->status, call->response);
    bool good = c->d->understood == NULL ? fh_eq(fault.message, recorded_text(said, "message"))
                                         : c->d->understood(&fault);

    fh_buf_append(&c->report, fault.message);
    count(c, "errors", good && fault.status == call->status && fault.message.len > 0);
}

static void check_request(struct check *c, const char *what, struct fh_slice body)
{
    const struct recorded_flaw *flaw = has_flaw(c, RECORDED_NO_REQUEST);

    if (flaw != NULL) {
        (void)printf("# left out: %.*s: %s\n", FH_ARG(c->name), flaw->why);
    } else {
        count(c, what, request_comes_back(c, body));
    }
}

static void check_call(struct check *c, const struct recorded_call *call)
{
    if (call->request.len > 0) {
        check_request(c, "requests", call->request);
    }
    if (call->response.len == 0) {
        return;
    }
    if (call->status != 200) {
        check_error(c, call);
    } else if (call->stream) {
        check_streams(c, call);
    } else {
        count(c, "replies", reply_comes_back(c, call->response));
    }
}

void recorded_traffic(const struct recorded_dialect *d, const struct recorded_apis *apis)
{
    FH_AUTO(fh_arena_free) struct fh_arena *scratch = fh_arena_new(ARENA_MAX);
    struct recorded_tally tally = {0};
    struct recorded_tally additions = {0};
    bool found = true;

    for (const char *const *api = apis->name; found && *api != NULL; api++) {
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
        struct recorded *rec = recorded_open(arena);
        struct recorded_call call;

        found = rec != NULL;
        while (found && recorded_next(rec, scratch, *api, &call)) {
            struct fh_slice source = apis->by_api ? fh_cstr(*api) : call.source;
            struct check c = new_check(d, scratch, source, call.name, &tally);

            c.additions = apis->additions ? &additions : NULL;
            if (apis->only == NULL || fh_contains(call.request, fh_cstr(apis->only))) {
                check_call(&c, &call);
            }
        }
    }
    recorded_list(&additions);
    assert_true(!found || recorded_print(&tally));
}

static bool is_meant(const struct recorded_sdks *sdks, struct fh_slice target)
{
    return (sdks->target == NULL || fh_contains(target, fh_cstr(sdks->target))) &&
           (sdks->but == NULL || !fh_contains(target, fh_cstr(sdks->but)));
}

void recorded_requests(const struct recorded_dialect *d, const struct recorded_sdks *sdks)
{
    for (const char *const *prefix = sdks->prefix; *prefix != NULL; prefix++) {
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
        FH_AUTO(fh_arena_free) struct fh_arena *scratch = fh_arena_new(ARENA_MAX);
        struct recorded_sdk *sdk = recorded_sdk_open(arena, *prefix);
        struct recorded_tally tally = {0};
        struct recorded_sdk_request request;

        while (sdk != NULL && recorded_sdk_next(sdk, scratch, &request)) {
            struct check c = new_check(d, scratch, request.sdk, request.call, &tally);

            if (is_meant(sdks, request.target)) {
                check_request(&c, "requests", request.body);
            }
        }
        assert_true(sdk == NULL || recorded_print(&tally));
    }
}

/* check_count: an answer has a count, and counting is not using. */
static void check_count(struct check *c, const struct recorded_call *call,
                        const struct recorded_counts *counts)
{
    const struct fh_dialect *dialect = c->d->dialect;
    struct fh_slice chat = call->request;
    struct fh_complaint why = {0};
    struct fh_watch watch = {0};
    uint64_t tokens = 0;
    bool good = call->status == 200;

    if (!good && counts->errors) {
        check_error(c, call);
    }
    assert_int_equal(dialect->decode_count(call->response, c->arena, &tokens), good);
    assert_int_equal(tokens > 0, good);
    dialect->scan_reply(&watch, c->arena, call->response);
    assert_int_equal(watch.usage.seen, 0);
    assert_int_equal(watch.ended, good);
    if (dialect->unwrap_count == NULL ||
        dialect->unwrap_count(&chat, c->arena, call->request, &why) == FH_OK) {
        check_request(c, "count-tokens requests", chat);
    } else {
        fh_buf_append(&c->report, why.message);
        count(c, "count-tokens requests",
              counts->native != NULL && fh_eq(why.pointer, fh_cstr(counts->native)));
    }
}

void recorded_count_calls(const struct recorded_dialect *d,
                          const struct recorded_counts *counts)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    FH_AUTO(fh_arena_free) struct fh_arena *scratch = fh_arena_new(ARENA_MAX);
    struct recorded *rec = recorded_open(arena);
    struct recorded_tally tally = {0};
    struct recorded_call call;

    while (rec != NULL && recorded_next(rec, scratch, counts->api, &call)) {
        struct check c = new_check(d, scratch, call.source, call.name, &tally);

        check_count(&c, &call, counts);
    }
    assert_true(rec == NULL || recorded_print(&tally));
}

/* ---- for folds ---- */

static void put(struct recorded_fold *fold, yyjson_mut_val *obj, struct fh_slice key,
                yyjson_mut_val *val)
{
    (void)yyjson_mut_obj_put(obj, yyjson_mut_strn(fold->doc, (const char *)key.ptr, key.len),
                             val);
}

static yyjson_mut_val *get(yyjson_mut_val *obj, struct fh_slice key)
{
    return yyjson_mut_obj_getn(obj, (const char *)key.ptr, key.len);
}

yyjson_mut_val *recorded_put(struct recorded_fold *fold, yyjson_mut_val *obj,
                             struct fh_slice key, yyjson_val *val)
{
    yyjson_mut_val *copy = yyjson_val_mut_copy(fold->doc, val);

    put(fold, obj, key, copy);
    return copy;
}

void recorded_join(struct recorded_fold *fold, yyjson_mut_val *obj, struct fh_slice key,
                   struct fh_slice more)
{
    yyjson_mut_val *old = get(obj, key);
    struct fh_slice parts[] = {
        old == NULL ? FH_NONE : fh_slice(yyjson_mut_get_str(old), yyjson_mut_get_len(old)),
        more};
    struct fh_slice all = fh_concat(fold->arena, parts, FH_LEN(parts));

    if (more.len > 0) {
        put(fold, obj, key, yyjson_mut_strn(fold->doc, (const char *)all.ptr, all.len));
    }
}

yyjson_mut_val *recorded_list_of(struct recorded_fold *fold, yyjson_mut_val *obj,
                                 struct fh_slice key)
{
    yyjson_mut_val *list = get(obj, key);

    if (list == NULL) {
        list = yyjson_mut_arr(fold->doc);
        put(fold, obj, key, list);
    }
    return list;
}

void recorded_push(struct recorded_fold *fold, yyjson_mut_val *obj, struct fh_slice key,
                   yyjson_val *val)
{
    (void)yyjson_mut_arr_append(recorded_list_of(fold, obj, key),
                                yyjson_val_mut_copy(fold->doc, val));
}

yyjson_mut_val *recorded_numbered(struct recorded_fold *fold, yyjson_mut_val *list,
                                  yyjson_val *number)
{
    yyjson_mut_arr_iter iter = yyjson_mut_arr_iter_with(list);

    for (yyjson_mut_val *item = NULL; (item = yyjson_mut_arr_iter_next(&iter)) != NULL;) {
        yyjson_mut_val *its = yyjson_mut_obj_get(item, "#");

        if (fh_eq(fh_slice(yyjson_mut_get_raw(its), yyjson_mut_get_len(its)),
                  fh_json_number(number))) {
            return item;
        }
    }
    yyjson_mut_val *item = yyjson_mut_arr_add_obj(fold->doc, list);

    (void)recorded_put(fold, item, FH_LIT("#"), number);
    return item;
}
