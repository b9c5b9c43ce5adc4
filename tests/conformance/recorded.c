/* recorded.c: the manifest, its files, and leaf by leaf comparison.
 * SPDX-License-Identifier: Apache-2.0 */
#include "recorded.h"

#include "tap.h"

#include "base/text.h"

#include <dirent.h>
#include <fnmatch.h>

/* Relative to the root of the source tree. */
#define FIXTURES "../shared/fixtures"
#define REQUESTS "../shared/wire-requests"

enum { EVENT_MAX = 1 << 24, PATH_BYTES = 4096, CALLS_MAX = 1024 };

/* path prints a file name for libc. */
FH_PRINTF(2, 3) static const char *path(struct fh_arena *arena, const char *fmt, ...)
{
    struct fh_buf out = fh_buf_in_arena(arena, PATH_BYTES);
    va_list args;

    va_start(args, fmt);
    fh_buf_vprintf(&out, fmt, args);
    va_end(args);
    fh_buf_byte(&out, '\0');
    FH_ASSERT(!out.failed);
    return (const char *)out.ptr;
}

struct recorded {
    struct fh_slice manifest; /* lines not read yet */
};

struct recorded *recorded_open(struct fh_arena *arena)
{
    struct recorded *rec = fh_new(arena, struct recorded);

    if (!tap_read_file(FIXTURES "/recorded/MANIFEST.jsonl", arena, &rec->manifest)) {
        (void)printf("# no recorded traffic beside the source tree: nothing to compare\n");
        return NULL;
    }
    return rec;
}

yyjson_val *recorded_json(struct fh_arena *arena, struct fh_slice text)
{
    yyjson_val *root = NULL;
    struct fh_error why;

    return fh_json_parse(arena, text, &root, &why) == FH_OK ? root : NULL;
}

struct fh_slice recorded_text(yyjson_val *obj, const char *key)
{
    return fh_json_text(fh_json_get(obj, fh_cstr(key)));
}

/* body reads the file that a line of the manifest names; ptr NULL when it names none. */
static struct fh_slice body(struct fh_arena *arena, struct fh_slice file)
{
    struct fh_slice bytes = FH_NONE;

    if (file.len == 0 ||
        !tap_read_file(path(arena, FIXTURES "/%.*s", FH_ARG(file)), arena, &bytes)) {
        return FH_NONE;
    }
    return bytes;
}

/* framing_of tells by the API which of Amazon's framings a file has. */
static enum fh_framing framing_of(struct fh_slice response, struct fh_slice api)
{
    if (!fh_ends(response, FH_LIT(".eventstream"))) {
        return FH_FRAMING_SSE;
    }
    return fh_eq(api, FH_LIT("bedrock-invoke-stream")) ? FH_FRAMING_CHUNKS
                                                       : FH_FRAMING_EVENTSTREAM;
}

static void load(struct fh_arena *arena, yyjson_val *line, struct recorded_call *call)
{
    struct fh_slice request = recorded_text(line, "request_file");
    struct fh_slice response = recorded_text(line, "response_file");
    uint64_t status = 0;

    *call = (struct recorded_call){
        .source = recorded_text(line, "source"),
        .name = response.len > 0 ? response : request,
        .stream = yyjson_is_true(fh_json_get(line, FH_LIT("stream"))),
        .lines = fh_ends(response, FH_LIT(".chunks.txt")),
        .framing = framing_of(response, recorded_text(line, "api")),
        .request = body(arena, request),
        .response = body(arena, response),
    };
    if (fh_json_u64(fh_json_get(line, FH_LIT("status")), &status)) {
        call->status = (uint16_t)status;
    }
}

bool recorded_next(struct recorded *rec, struct fh_arena *scratch, const char *api,
                   struct recorded_call *call)
{
    struct fh_slice text = FH_NONE;

    while (fh_split(&rec->manifest, '\n', &text)) {
        fh_arena_reset(scratch);
        yyjson_val *line = recorded_json(scratch, text);

        if (fh_eq(recorded_text(line, "api"), fh_cstr(api))) {
            load(scratch, line, call);
            return true;
        }
    }
    return false;
}

struct recorded_events recorded_events(struct fh_arena *arena, const struct recorded_call *call,
                                       size_t cut)
{
    struct recorded_events events = {.rest = call->response, .cut = cut};

    if (!call->lines) {
        enum fh_framing framing =
            call->framing == FH_FRAMING_NONE ? FH_FRAMING_SSE : call->framing;

        events.may_be_cut = framing == FH_FRAMING_SSE;
        events.frames = fh_frames_new(arena, framing, EVENT_MAX);
    }
    return events;
}

bool recorded_events_next(struct recorded_events *events, struct fh_frame *event)
{
    if (events->frames == NULL) {
        *event = (struct fh_frame){0};
        while (event->data.len == 0 && fh_split(&events->rest, '\n', &event->data)) {
            event->raw = event->data;
        }
        return event->data.len > 0;
    }
    enum fh_step step = fh_frames_next(events->frames, event);

    while (step == FH_STEP_MORE && events->rest.len > 0) {
        size_t n = events->cut == 0 ? events->rest.len : fh_min(events->cut, events->rest.len);

        fh_frames_feed(events->frames, fh_head(events->rest, n));
        events->rest = fh_tail(events->rest, n);
        step = fh_frames_next(events->frames, event);
    }
    if (step != FH_STEP_EVENT) {
        assert_true(events->may_be_cut || fh_frames_at_boundary(events->frames));
        fh_frames_fini(events->frames);
    }
    return step == FH_STEP_EVENT;
}

struct recorded_sdk {
    struct fh_slice file[CALLS_MAX]; /* sdk/call.json */
    size_t count, at;
    yyjson_val *requests; /* of the file at `at` - 1 */
    size_t request;       /* the next of them */
    yyjson_val *root;
};

static int by_name(const void *a, const void *b)
{
    const struct fh_slice *left = a;
    const struct fh_slice *right = b;

    return fh_compare(*left, *right);
}

static void list_calls(struct recorded_sdk *sdk, struct fh_arena *arena, const char *root,
                       const char *name)
{
    DIR *dir = opendir(path(arena, "%s/%s", root, name));

    if (dir == NULL) {
        return;
    }
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        if (fh_ends(fh_cstr(e->d_name), FH_LIT(".json")) && sdk->count < CALLS_MAX) {
            struct fh_slice parts[] = {fh_cstr(name), FH_LIT("/"), fh_cstr(e->d_name)};

            sdk->file[sdk->count++] = fh_concat(arena, parts, FH_LEN(parts));
        }
    }
    (void)closedir(dir);
}

struct recorded_sdk *recorded_sdk_open(struct fh_arena *arena, const char *prefix)
{
    struct recorded_sdk *sdk = fh_new(arena, struct recorded_sdk);
    const char *tree = getenv("FREEHOLD_SOURCE_ROOT");
    const char *root = path(arena, "%s/" REQUESTS, tree == NULL ? "." : tree);
    DIR *dir = opendir(root);

    for (struct dirent *e = dir == NULL ? NULL : readdir(dir); e != NULL; e = readdir(dir)) {
        if (fh_starts(fh_cstr(e->d_name), fh_cstr(prefix))) {
            list_calls(sdk, arena, root, e->d_name);
        }
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
    qsort(sdk->file, sdk->count, sizeof(sdk->file[0]), by_name);
    if (sdk->count == 0) {
        (void)printf("# no requests of %s beside the source tree: nothing to decode\n", prefix);
        return NULL;
    }
    return sdk;
}

bool recorded_sdk_next(struct recorded_sdk *sdk, struct fh_arena *scratch,
                       struct recorded_sdk_request *request)
{
    while (sdk->request < yyjson_arr_size(sdk->requests) || sdk->at < sdk->count) {
        if (sdk->request == yyjson_arr_size(sdk->requests)) {
            struct fh_slice file = sdk->file[sdk->at++];
            struct fh_slice bytes = FH_NONE;

            fh_arena_reset(scratch);
            assert_true(
                tap_read_file(path(scratch, REQUESTS "/%.*s", FH_ARG(file)), scratch, &bytes));
            sdk->root = recorded_json(scratch, bytes);
            sdk->requests = fh_json_get(sdk->root, FH_LIT("requests"));
            sdk->request = 0;
            continue;
        }
        yyjson_val *one = yyjson_arr_get(sdk->requests, sdk->request++);
        yyjson_val *sent = fh_json_get(one, FH_LIT("body"));

        if (yyjson_is_obj(sent)) {
            struct fh_buf out = fh_buf_in_arena(scratch, EVENT_MAX);
            struct fh_slice file = sdk->file[sdk->at - 1];
            struct fh_slice folder = FH_NONE;

            assert_true(fh_split(&file, '/', &folder));
            fh_json_append_val(&out, scratch, sent);
            *request =
                (struct recorded_sdk_request){folder, fh_head(file, fh_find(file, '.')),
                                              recorded_text(one, "target"), fh_buf_slice(&out)};
            return true;
        }
    }
    return false;
}

/* shown prints a value for a report, cut when it is long. */
static struct fh_slice shown(struct fh_arena *arena, yyjson_val *val)
{
    struct fh_buf out = fh_buf_in_arena(arena, EVENT_MAX);

    if (val == NULL) {
        return FH_LIT("nothing");
    }
    fh_json_append_val(&out, arena, val);
    return fh_head(fh_buf_slice(&out), fh_min(out.len, 160));
}

static bool excused(struct recorded_diff *diff, struct fh_slice pointer, yyjson_val *was)
{
    const char *place = path(diff->arena, "%.*s", FH_ARG(pointer));

    for (size_t i = 0; i < diff->excuse_count; i++) {
        const struct recorded_excuse *e = &diff->excuses[i];

        if (fnmatch(e->pointer, place, 0) == 0 &&
            (e->value == NULL || fh_eq(shown(diff->arena, was), fh_cstr(e->value)))) {
            diff->excused++;
            return true;
        }
    }
    return false;
}

static bool same_leaf(yyjson_val *a, yyjson_val *b)
{
    if (yyjson_get_type(a) != yyjson_get_type(b) || yyjson_is_obj(a) || yyjson_is_arr(a)) {
        return yyjson_get_type(a) == yyjson_get_type(b) && yyjson_get_len(b) == 0;
    }
    if (yyjson_is_str(a)) {
        return fh_eq(fh_json_text(a), fh_json_text(b));
    }
    if (yyjson_is_raw(a)) {
        return fh_eq(fh_json_number(a), fh_json_number(b));
    }
    return yyjson_get_tag(a) == yyjson_get_tag(b);
}

/* A walk over one value beside another: `leaf` is called for each leaf of the first. */
struct walk {
    struct recorded_diff *diff;
    void (*leaf)(struct recorded_diff *diff, const struct fh_path *at, yyjson_val *one,
                 yyjson_val *other);
};

static void walk(const struct walk *w, const struct fh_path *at, yyjson_val *one,
                 yyjson_val *other)
{
    yyjson_obj_iter members = yyjson_obj_iter_with(one);
    yyjson_arr_iter items = yyjson_arr_iter_with(one);
    size_t index = 0;

    if (yyjson_get_len(one) == 0 || !yyjson_is_ctn(one)) {
        w->leaf(w->diff, at, one, other);
    }
    for (yyjson_val *key = NULL; (key = yyjson_obj_iter_next(&members)) != NULL;) {
        struct fh_path here = {at, fh_json_text(key), 0};

        walk(w, &here, yyjson_obj_iter_get_val(key), fh_json_get(other, here.key));
    }
    for (yyjson_val *item = NULL; (item = yyjson_arr_iter_next(&items)) != NULL; index++) {
        struct fh_path here = {at, FH_NONE, index};

        walk(w, &here, item, yyjson_arr_get(other, index));
    }
}

static void look_for(struct recorded_diff *diff, const struct fh_path *at, yyjson_val *was,
                     yyjson_val *is)
{
    struct fh_slice pointer = fh_path_print(at, FH_NONE, diff->arena);

    if ((is != NULL && same_leaf(was, is)) || excused(diff, pointer, was)) {
        return;
    }
    diff->lost++;
    fh_buf_printf(diff->report, "    %.*s: was %.*s, is %.*s\n", FH_ARG(pointer),
                  FH_ARG(shown(diff->arena, was)), FH_ARG(shown(diff->arena, is)));
}

/* place_of prints a pointer with `*` for every index, so that the same places count as one. */
static struct fh_slice place_of(struct fh_arena *arena, const struct fh_path *at)
{
    struct fh_slice pointer = fh_path_print(at, FH_NONE, arena);
    struct fh_buf out = fh_buf_in_arena(arena, PATH_BYTES);
    struct fh_slice token = FH_NONE;
    uint64_t index = 0;

    (void)!fh_take(&pointer, FH_LIT("/"));
    while (fh_split(&pointer, '/', &token)) {
        fh_buf_byte(&out, '/');
        fh_buf_append(&out, fh_parse_u64(token, &index) ? FH_LIT("*") : token);
    }
    return fh_buf_slice(&out);
}

static void note_added(struct recorded_diff *diff, const struct fh_path *at, yyjson_val *is,
                       yyjson_val *was)
{
    if (was == NULL) {
        diff->added++;
        if (diff->additions != NULL && diff->additions->count < RECORDED_SETS - 1) {
            recorded_count(diff->additions, place_of(diff->arena, at), "", true);
        }
        fh_buf_printf(diff->report, "  + %.*s: %.*s\n",
                      FH_ARG(fh_path_print(at, FH_NONE, diff->arena)),
                      FH_ARG(shown(diff->arena, is)));
    }
}

void recorded_compare(struct recorded_diff *diff, yyjson_val *was, yyjson_val *is)
{
    const struct walk there = {diff, look_for};
    const struct walk back = {diff, note_added};

    walk(&there, NULL, was, is);
    walk(&back, NULL, is, was);
}

void recorded_count(struct recorded_tally *tally, struct fh_slice source, const char *what,
                    bool passed)
{
    char name[sizeof(tally->set[0].name)];
    size_t i = 0;

    (void)snprintf(name, sizeof(name), "%.*s %s", FH_ARG(source), what);
    while (i < tally->count && strcmp(tally->set[i].name, name) != 0) {
        i++;
    }
    if (i == tally->count) {
        FH_ASSERT(tally->count < RECORDED_SETS);
        memcpy(tally->set[tally->count++].name, name, sizeof(name));
    }
    tally->set[i].total++;
    tally->set[i].passed += passed;
}

void recorded_list(const struct recorded_tally *additions)
{
    for (size_t i = 0; i < additions->count; i++) {
        (void)printf("# added %u times: %s\n", additions->set[i].total, additions->set[i].name);
    }
}

bool recorded_print(const struct recorded_tally *tally)
{
    bool good = tally->count > 0;

    for (size_t i = 0; i < tally->count; i++) {
        (void)printf("# %s: %u/%u\n", tally->set[i].name, tally->set[i].passed,
                     tally->set[i].total);
        good = good && tally->set[i].passed == tally->set[i].total;
    }
    return good;
}
