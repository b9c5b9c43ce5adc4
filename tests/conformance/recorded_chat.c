/* recorded_chat.c: leaf by leaf comparison of what was said in a dialect with `choices`. Streams
 * are folded into one object by an accumulator that knows nothing of the codec, and then compared
 * in the same way.
 * SPDX-License-Identifier: Apache-2.0 */
#include "recorded_chat.h"

#include "recorded.h"
#include "tap.h"

enum {
    DOCS_MAX = 1 << 30,
    REPORT_MAX = 1 << 20,
};

static const struct fh_dialect *chat; /* whose traffic is looked at */

static const struct fh_reply_frame frame = {
    .request_id = FH_LIT_INIT("req_1"),
    .model = FH_LIT_INIT("model"),
    .created_s = 1,
    .include_usage = true,
    .framing = FH_FRAMING_SSE,
};

static bool same_usage(const struct fh_usage *a, const struct fh_usage *b)
{
    return a->seen == b->seen && memcmp(a->count, b->count, sizeof(a->count)) == 0;
}

static yyjson_val *parsed(struct fh_arena *arena, struct fh_slice text)
{
    yyjson_val *root = NULL;
    struct fh_error why;

    return fh_json_parse(arena, text, &root, &why) == FH_OK ? root : NULL;
}

/* compare reports what of `was` is not in `is`, and says whether all of it is. */
static bool compare(struct fh_arena *arena, struct fh_slice name, struct fh_slice was,
                    struct fh_slice is)
{
    static const struct recorded_excuse excuses[] = {
        {"/stream_options/include_usage", "false", "the books need the usage of every stream"},
        {"/id", "\"\"", "clients need an id, so an empty one is replaced"},
        {"/model", "\"\"", "so is an empty model"},
        {"/created", "0", "so is the year 1970"},
        {"/choices/*/tool_calls/*/id", "\"\"", "a call without an id could not be answered"},
        {"/choices/*/finish_reason", "\"\"", "an empty word is no reason"},
        {"/choices/*/tool_calls/*/#", NULL, "calls of a stream are numbered from 0"},
        {"/error/*", NULL,
         "an error in a stream is told by its message; that is compared below"},
    };
    struct fh_buf report = fh_buf_in_arena(arena, REPORT_MAX);
    struct recorded_diff diff = {
        .arena = arena, .report = &report, .excuses = excuses, .excuse_count = FH_LEN(excuses)};
    yyjson_val *before = parsed(arena, was);
    yyjson_val *after = parsed(arena, is);

    if (after == NULL) {
        print_message("# %.*s: re-encoded to something that is no JSON\n", FH_ARG(name));
        return false;
    }
    recorded_compare(&diff, before, after);
    if (diff.lost > 0) {
        print_message("# %.*s\n%.*s\n", FH_ARG(name), FH_ARG(fh_buf_slice(&report)));
    }
    return diff.lost == 0;
}

static bool complained(struct fh_slice name, const struct fh_complaint *why)
{
    print_message("# %.*s: %.*s\n", FH_ARG(name), FH_ARG(why->message));
    return false;
}

static bool request_comes_back(struct fh_arena *arena, struct fh_slice name,
                               struct fh_slice body)
{
    struct fh_buf out = fh_buf_in_arena(arena, DOCS_MAX);
    struct fh_loss loss = {.arena = arena};
    struct fh_complaint why = {0};
    struct fh_chat_request req;

    if (chat->decode_request(&req, arena, body, &why) != FH_OK ||
        chat->encode_request(&out, arena, &req, &loss, &why) != FH_OK) {
        return complained(name, &why);
    }
    return compare(arena, name, body, fh_buf_slice(&out)) && loss.count == 0;
}

static bool reply_comes_back(struct fh_arena *arena, struct fh_slice name, struct fh_slice body)
{
    struct fh_buf out = fh_buf_in_arena(arena, DOCS_MAX);
    struct fh_events events = {.arena = arena};
    struct fh_loss loss = {.arena = arena};
    struct fh_complaint why = {0};
    struct fh_watch watch = {0};
    struct fh_usage usage = {0};

    if (chat->decode_reply(&events, body, &why) != FH_OK) {
        return complained(name, &why);
    }
    for (size_t i = 0; i < events.count; i++) {
        if (events.list[i].kind == FH_EVENT_USAGE) {
            fh_usage_merge(&usage, &events.list[i].usage);
        }
    }
    chat->encode_reply(&out, arena, &frame, &events, &loss);
    chat->scan_reply(&watch, arena, body);
    if (!same_usage(&usage, &watch.usage)) {
        print_message("# %.*s: scanned usage differs\n", FH_ARG(name));
        return false;
    }
    return compare(arena, name, body, fh_buf_slice(&out)) && loss.count == 0;
}

static bool fault_is_understood(struct fh_arena *arena, const struct recorded_call *call)
{
    struct fh_fault fault;
    yyjson_val *error = fh_json_get(parsed(arena, call->response), FH_LIT("error"));

    chat->decode_fault(&fault, arena, call->status, call->response);
    return fault.status == call->status &&
           fh_eq(fault.message, fh_json_text(fh_json_get(error, FH_LIT("message"))));
}

/* ---- folding a stream ---- */

struct fold {
    struct fh_arena *arena;
    yyjson_mut_doc *doc;
    yyjson_mut_val *root, *choices;
};

static yyjson_mut_val *key_of(struct fold *f, struct fh_slice key)
{
    return yyjson_mut_strn(f->doc, (const char *)key.ptr, key.len);
}

static yyjson_mut_val *get(yyjson_mut_val *obj, struct fh_slice key)
{
    return yyjson_mut_obj_getn(obj, (const char *)key.ptr, key.len);
}

/* set keeps the last value. */
static void set(struct fold *f, yyjson_mut_val *obj, struct fh_slice key, yyjson_val *val)
{
    (void)yyjson_mut_obj_put(obj, key_of(f, key), yyjson_val_mut_copy(f->doc, val));
}

/* add_text joins strings. */
static void add_text(struct fold *f, yyjson_mut_val *obj, struct fh_slice key, yyjson_val *val)
{
    yyjson_mut_val *old = get(obj, key);
    struct fh_slice parts[] = {
        old == NULL ? FH_NONE : fh_slice(yyjson_mut_get_str(old), yyjson_mut_get_len(old)),
        fh_json_text(val)};
    struct fh_slice all = fh_concat(f->arena, parts, FH_LEN(parts));

    if (all.len > 0) {
        (void)yyjson_mut_obj_put(obj, key_of(f, key),
                                 yyjson_mut_strn(f->doc, (const char *)all.ptr, all.len));
    }
}

/* add_item keeps all values in a list. */
static void add_item(struct fold *f, yyjson_mut_val *obj, struct fh_slice key, yyjson_val *val)
{
    yyjson_mut_val *list = get(obj, key);

    if (list == NULL) {
        list = yyjson_mut_arr(f->doc);
        (void)yyjson_mut_obj_put(obj, key_of(f, key), list);
    }
    (void)yyjson_mut_arr_append(list, yyjson_val_mut_copy(f->doc, val));
}

static yyjson_mut_val *numbered(struct fold *f, yyjson_mut_val *list, yyjson_val *index)
{
    size_t at = 0;
    size_t max = 0;
    yyjson_mut_val *item = NULL;

    yyjson_mut_arr_foreach(list, at, max, item)
    {
        yyjson_mut_val *number = yyjson_mut_obj_get(item, "#");
        if (fh_eq(fh_slice(yyjson_mut_get_raw(number), yyjson_mut_get_len(number)),
                  fh_json_number(index))) {
            return item;
        }
    }
    item = yyjson_mut_arr_add_obj(f->doc, list);
    (void)yyjson_mut_obj_add_val(f->doc, item, "#", yyjson_val_mut_copy(f->doc, index));
    return item;
}

static void fold_calls(struct fold *f, yyjson_mut_val *said, yyjson_val *calls)
{
    size_t at = 0;
    size_t max = 0;
    yyjson_val *call = NULL;
    yyjson_mut_val *list = yyjson_mut_obj_get(said, "tool_calls");

    if (list == NULL) {
        list = yyjson_mut_arr(f->doc);
        (void)yyjson_mut_obj_add_val(f->doc, said, "tool_calls", list);
    }
    yyjson_arr_foreach(calls, at, max, call)
    {
        yyjson_mut_val *sum = numbered(f, list, fh_json_get(call, FH_LIT("index")));
        yyjson_val *function = fh_json_get(call, FH_LIT("function"));
        struct fh_slice id = FH_LIT("id");
        struct fh_slice name = FH_LIT("name");

        if (yyjson_get_len(fh_json_get(call, id)) > 0) {
            set(f, sum, id, fh_json_get(call, id));
        }
        if (yyjson_get_len(fh_json_get(function, name)) > 0) {
            set(f, sum, name, fh_json_get(function, name));
        }
        add_text(f, sum, FH_LIT("arguments"), fh_json_get(function, FH_LIT("arguments")));
    }
}

static void fold_delta(struct fold *f, yyjson_mut_val *sum, yyjson_val *delta)
{
    static const struct fh_slice texts[] = {FH_LIT_INIT("content"), FH_LIT_INIT("refusal"),
                                            FH_LIT_INIT("reasoning"),
                                            FH_LIT_INIT("reasoning_content")};
    size_t at = 0;
    size_t max = 0;
    yyjson_val *key = NULL;
    yyjson_val *val = NULL;

    yyjson_obj_foreach(delta, at, max, key, val)
    {
        bool text = false;

        for (size_t i = 0; i < FH_LEN(texts); i++) {
            text = text || fh_eq(fh_json_text(key), texts[i]);
        }
        if (yyjson_is_null(val)) {
            continue;
        }
        if (fh_eq(fh_json_text(key), FH_LIT("tool_calls"))) {
            fold_calls(f, sum, val);
        } else if (fh_eq(fh_json_text(key), FH_LIT("role"))) {
            set(f, sum, fh_json_text(key), val);
        } else if (text) {
            add_text(f, sum, fh_json_text(key), val);
        } else {
            add_item(f, sum, fh_json_text(key), val);
        }
    }
}

static void fold_choice(struct fold *f, yyjson_val *choice)
{
    yyjson_mut_val *sum = numbered(f, f->choices, fh_json_get(choice, FH_LIT("index")));
    size_t at = 0;
    size_t max = 0;
    yyjson_val *key = NULL;
    yyjson_val *val = NULL;

    yyjson_obj_foreach(choice, at, max, key, val)
    {
        struct fh_slice name = fh_json_text(key);

        if (fh_eq(name, FH_LIT("delta"))) {
            fold_delta(f, sum, val);
        } else if (fh_eq(name, FH_LIT("finish_reason")) && !yyjson_is_null(val)) {
            set(f, sum, name, val);
        } else if (!fh_eq(name, FH_LIT("index")) && !yyjson_is_null(val)) {
            add_item(f, sum, name, val);
        }
    }
}

/* Some change these from chunk to chunk: the first one names the reply. */
static bool is_first_kept(struct fh_slice name)
{
    return fh_eq(name, FH_LIT("id")) || fh_eq(name, FH_LIT("created"));
}

static void fold_chunk(struct fold *f, struct fh_slice data)
{
    yyjson_val *chunk = parsed(f->arena, data);
    size_t at = 0;
    size_t max = 0;
    size_t i = 0;
    size_t n = 0;
    yyjson_val *key = NULL;
    yyjson_val *val = NULL;
    yyjson_val *choice = NULL;

    if (!yyjson_is_obj(chunk)) {
        return; /* [DONE] */
    }
    yyjson_obj_foreach(chunk, at, max, key, val)
    {
        struct fh_slice name = fh_json_text(key);

        if (fh_eq(name, FH_LIT("choices"))) {
            yyjson_arr_foreach(val, i, n, choice)
            {
                fold_choice(f, choice);
            }
        } else if (!yyjson_is_null(val) && !fh_eq(name, FH_LIT("obfuscation")) &&
                   !(yyjson_is_str(val) && yyjson_get_len(val) == 0) &&
                   !(is_first_kept(name) && get(f->root, name) != NULL)) {
            set(f, f->root, name, val);
        }
    }
}

static struct fold fold_new(struct fh_arena *arena)
{
    struct fold f = {.arena = arena, .doc = fh_json_new(arena)};

    f.root = yyjson_mut_obj(f.doc);
    f.choices = yyjson_mut_obj_add_arr(f.doc, f.root, "choices");
    return f;
}

static struct fh_slice folded(struct fold *f)
{
    struct fh_buf out = fh_buf_in_arena(f->arena, DOCS_MAX);

    fh_json_append(&out, f->arena, f->root);
    return fh_buf_slice(&out);
}

/* A stream on its way through the codec. */
struct passage {
    struct fh_arena *arena;
    struct fold was, is;
    void *decoder, *encoder;
    struct fh_buf out;
    struct fh_loss loss;
    struct fh_usage usage;
    struct fh_watch watch;
    enum fh_finish finish;
    bool failed;
    struct fh_slice failure; /* what the provider said */
};

static bool pass(struct passage *p, const struct fh_frame *wire, struct fh_complaint *why)
{
    struct fh_events events = {.arena = p->arena};

    if (wire->data.len > 0) {
        fold_chunk(&p->was, wire->data);
    }
    chat->scan_stream(&p->watch, p->arena, wire);
    if (chat->decode_stream(p->decoder, &events, wire, why) != FH_OK) {
        return false;
    }
    for (size_t i = 0; i < events.count; i++) {
        const struct fh_event *event = &events.list[i];

        chat->encode_stream(p->encoder, &p->out, p->arena, event, &p->loss);
        fh_usage_merge(&p->usage, &event->usage);
        if (event->kind == FH_EVENT_ERROR) {
            p->failed = true;
            p->failure = fh_dup(p->arena, event->fault.message);
        }
        if (event->kind == FH_EVENT_FINISH && p->finish == FH_FINISH_UNKNOWN) {
            p->finish = event->finish;
        }
    }
    return true;
}

static bool stream_comes_back(struct fh_arena *arena, const struct recorded_call *call)
{
    struct recorded_events in = recorded_events(arena, call, 0);
    struct fh_frame wire;
    struct fh_complaint why = {0};
    struct passage p = {.arena = arena,
                        .was = fold_new(arena),
                        .is = fold_new(arena),
                        .decoder = chat->stream_decoder_new(arena),
                        .encoder = chat->stream_encoder_new(arena, &frame),
                        .out = fh_buf_in_arena(arena, DOCS_MAX),
                        .loss = {.arena = arena}};

    while (recorded_events_next(&in, &wire)) {
        if (!pass(&p, &wire, &why)) {
            return complained(call->name, &why);
        }
    }
    if (call->lines) { /* kept without their framing: no [DONE] */
        struct fh_frame done = {.data = FH_LIT("[DONE]")};

        (void)!pass(&p, &done, &why);
    }
    struct recorded_call again = {.response = fh_buf_slice(&p.out), .stream = true};
    struct recorded_events back = recorded_events(arena, &again, 0);

    while (recorded_events_next(&back, &wire)) {
        if (wire.data.len > 0) {
            fold_chunk(&p.is, wire.data);
        }
    }
    if (!same_usage(&p.usage, &p.watch.usage) || p.finish != p.watch.finish ||
        p.failed != p.watch.failed) {
        print_message("# %.*s: scanning saw something else\n", FH_ARG(call->name));
        return false;
    }
    if (p.failed) { /* what it used is for the books; its client is told of the error alone */
        (void)yyjson_mut_obj_remove_key(p.was.root, "usage");
        yyjson_val *error = fh_json_get(parsed(arena, folded(&p.was)), FH_LIT("error"));

        if (!fh_eq(p.failure, fh_json_text(fh_json_get(error, FH_LIT("message"))))) {
            print_message("# %.*s: another error\n", FH_ARG(call->name));
            return false;
        }
    }
    return compare(arena, call->name, folded(&p.was), folded(&p.is)) && p.loss.count == 0;
}

void recorded_chat_traffic(const struct recorded_chat *all)
{
    FH_AUTO(fh_arena_free) struct fh_arena *scratch = fh_arena_new(DOCS_MAX);
    struct recorded_tally tally = {0};
    bool found = false;

    chat = all->dialect;
    for (size_t i = 0; i < all->set_count; i++) {
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(DOCS_MAX);
        struct recorded *rec = recorded_open(arena);
        struct fh_slice set = fh_cstr(all->sets[i]);
        struct recorded_call call;

        if (rec == NULL) {
            break;
        }
        found = true;
        while (recorded_next(rec, scratch, all->sets[i], &call)) {
            if (call.request.ptr != NULL) {
                recorded_count(&tally, set, "requests",
                               request_comes_back(scratch, call.name, call.request));
            }
            if (call.status != 200) {
                recorded_count(&tally, set, "errors", fault_is_understood(scratch, &call));
            } else if (call.stream) {
                recorded_count(&tally, set, "streams", stream_comes_back(scratch, &call));
            } else {
                recorded_count(&tally, set, "replies",
                               reply_comes_back(scratch, call.name, call.response));
            }
        }
    }
    assert_true(!found || recorded_print(&tally));
}

void recorded_chat_requests(const struct recorded_chat *all)
{
    struct recorded_tally tally = {0};
    bool found = false;

    chat = all->dialect;
    for (size_t i = 0; i < all->sdk_count; i++) {
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(DOCS_MAX);
        FH_AUTO(fh_arena_free) struct fh_arena *scratch = fh_arena_new(DOCS_MAX);
        struct recorded_sdk *sdk = recorded_sdk_open(arena, all->sdks[i]);
        struct recorded_sdk_request request;

        while (sdk != NULL && recorded_sdk_next(sdk, scratch, &request)) {
            if (fh_contains(request.target, FH_LIT("/chat/completions"))) {
                found = true;
                recorded_count(&tally, request.sdk, "requests",
                               request_comes_back(scratch, request.call, request.body));
            }
        }
    }
    assert_true(!found || recorded_print(&tally));
}
