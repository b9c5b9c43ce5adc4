/* recorded_embeddings.c: what clients really asked of embeddings, and what came back. A request is
 * written again leaf by leaf, and asks any other shape for the same texts; an answer passes byte
 * for byte, and gives any other client the same numbers, packed or not, to the bit.
 * SPDX-License-Identifier: Apache-2.0 */
#include "recorded.h"
#include "tap.h"

#include "dialect/embeddings/embeddings.h"

enum { ARENA_MAX = 1 << 28, TEXT_MAX = 1 << 26 };

static const struct fh_reply_frame frame = {.request_id = FH_LIT_INIT("req_test"),
                                            .model = FH_LIT_INIT("a-model")};

/* One comparison and where its result goes. */
struct check {
    struct fh_arena *arena;
    struct fh_slice source;
    struct fh_slice name;
    const char *what;
    struct recorded_tally *tally;
};

static void count(const struct check *c, bool passed, struct fh_slice report)
{
    recorded_count(c->tally, c->source, c->what, passed);
    if (!passed) {
        print_error("%.*s (%s):\n%.*s\n", FH_ARG(c->name), c->what, FH_ARG(report));
    }
}

static struct fh_loss *new_loss(struct fh_arena *arena)
{
    struct fh_loss *loss = fh_new(arena, struct fh_loss);

    loss->arena = arena;
    return loss;
}

static bool has(struct fh_arena *arena, struct fh_slice body, const char *member)
{
    return fh_json_get(recorded_json(arena, body), fh_cstr(member)) != NULL;
}

/* ---- requests ---- */

/* same_texts writes a request for another shape and reads it there. What is refused must be token
 * ids, media, or too many. */
static bool same_texts(struct fh_arena *arena, const struct fh_embed_request *req,
                       enum fh_embed_shape to, struct fh_buf *report)
{
    struct fh_buf out = fh_buf_in_arena(arena, TEXT_MAX);
    struct fh_embed_request other;
    struct fh_complaint why = {0};
    bool single = to == FH_EMBED_GEMINI_ONE || to == FH_EMBED_TITAN;

    if (fh_embed_encode_request(&out, arena, to, req, new_loss(arena), &why) != FH_OK) {
        fh_buf_append(report, why.message);
        return req->inputs[0].kind != FH_EMBED_TEXT || (single && req->count > 1);
    }
    if (fh_embed_decode_request(&other, arena, to, fh_buf_slice(&out), &why) != FH_OK) {
        fh_buf_append(report, why.message);
        return false;
    }
    bool same = other.count == req->count;

    for (size_t i = 0; same && i < req->count; i++) {
        same = fh_eq(other.inputs[i].text, req->inputs[i].text);
    }
    return same;
}

static bool decode_request(const struct check *c, enum fh_embed_shape shape,
                           struct fh_slice body, struct fh_embed_request *req)
{
    struct fh_buf out = fh_buf_in_arena(c->arena, TEXT_MAX);
    struct fh_buf report = fh_buf_in_arena(c->arena, TEXT_MAX);
    struct recorded_diff diff = {.arena = c->arena, .report = &report};
    struct fh_loss *loss = new_loss(c->arena);
    struct fh_complaint why = {0};

    if (fh_embed_decode_request(req, c->arena, shape, body, &why) != FH_OK ||
        fh_embed_encode_request(&out, c->arena, shape, req, loss, &why) != FH_OK) {
        count(c, false, why.message);
        return false;
    }
    recorded_compare(&diff, recorded_json(c->arena, body),
                     recorded_json(c->arena, fh_buf_slice(&out)));
    bool good =
        diff.lost == 0 && diff.added == 0 && loss->count == 0 && req->extras.first == NULL;

    req->model = req->model.len > 0 ? req->model : FH_LIT("a-model");
    for (int to = 0; to < FH_EMBED_SHAPES; to++) {
        good = good && same_texts(c->arena, req, (enum fh_embed_shape)to, &report);
    }
    count(c, good, fh_buf_slice(&report));
    return good;
}

/* ---- answers ---- */

/* A client of another shape, with as many texts. */
static bool question(struct fh_embed_request *asked, struct fh_arena *arena,
                     enum fh_embed_shape shape, size_t texts, bool packed)
{
    struct fh_embed_wish *wish = &asked->wish[FH_EMBED_SLOT_ENCODING];

    *asked = (struct fh_embed_request){.shape = shape, .count = texts};
    asked->inputs = fh_arena_alloc(arena, texts * sizeof(*asked->inputs));
    if (packed) {
        wish->value = recorded_json(arena, FH_LIT("\"base64\""));
        wish->field = FH_EMBED_FIELD_ENCODING_BASE64;
    }
    return texts == 1 || (shape != FH_EMBED_GEMINI_ONE && shape != FH_EMBED_TITAN);
}

static bool told(struct fh_arena *arena, enum fh_embed_shape from,
                 const struct fh_embed_request *asked, struct fh_slice body,
                 struct fh_slice *out)
{
    struct fh_buf text = fh_buf_in_arena(arena, TEXT_MAX);
    struct fh_embed_reply reply;
    struct fh_complaint why = {0};

    if (fh_embed_decode_reply(&reply, arena, from, asked, body, &why) != FH_OK) {
        return false;
    }
    fh_embed_encode_reply(&text, arena, &frame, asked, &reply, new_loss(arena));
    *out = fh_buf_slice(&text);
    return !text.failed;
}

/* bits packs the vectors of an answer: what is packed alike is alike to the bit. */
static bool bits(struct fh_arena *arena, enum fh_embed_shape shape, struct fh_slice body,
                 size_t texts, struct fh_slice *out)
{
    struct fh_embed_request packed;

    (void)question(&packed, arena, FH_EMBED_MISTRAL, texts, true);
    if (shape != FH_EMBED_MISTRAL) {
        return told(arena, shape, &packed, body, out);
    }
    (void)question(&packed, arena, FH_EMBED_OPENAI, texts, true);
    return told(arena, shape, &packed, body, out);
}

/* vectors_of cuts the vectors out of what bits() gave; ids, models and tokens differ. */
static struct fh_slice vectors_of(struct fh_arena *arena, struct fh_slice body)
{
    struct fh_buf out = fh_buf_in_arena(arena, TEXT_MAX);

    fh_json_append_val(&out, arena, fh_json_get(recorded_json(arena, body), FH_LIT("data")));
    return fh_buf_slice(&out);
}

static bool same_numbers(struct fh_arena *arena, const struct fh_embed_reply *reply,
                         enum fh_embed_shape to)
{
    struct fh_embed_request asked;
    struct fh_slice theirs = FH_NONE;
    struct fh_slice ours = FH_NONE;
    struct fh_slice answer = FH_NONE;

    if (!question(&asked, arena, to, reply->count, false)) {
        return true;
    }
    return bits(arena, reply->shape, reply->body, reply->count, &theirs) &&
           told(arena, reply->shape, &asked, reply->body, &answer) &&
           bits(arena, to, answer, reply->count, &ours) &&
           fh_eq(vectors_of(arena, theirs), vectors_of(arena, ours));
}

static void check_reply(const struct check *c, enum fh_embed_shape shape, struct fh_slice body,
                        size_t texts)
{
    struct fh_embed_request asked;
    struct fh_embed_reply reply;
    struct fh_slice again = FH_NONE;
    struct fh_complaint why = {0};
    struct fh_watch watch = {0};
    enum fh_embed_form form = fh_embed_scan_reply(&watch, c->arena, shape, body);

    if (fh_embed_decode_reply(&reply, c->arena, shape, NULL, body, &why) != FH_OK) {
        count(c, false, why.message);
        return;
    }
    (void)question(&asked, c->arena, shape, reply.count,
                   reply.vectors[0].form == FH_EMBED_PACKED);
    bool good = !reply.failed && watch.ended && form == reply.vectors[0].form &&
                (texts == 0 || texts == reply.count) && watch.usage.seen == reply.usage.seen &&
                fh_usage_input(&watch.usage) == fh_usage_input(&reply.usage) &&
                (shape == FH_EMBED_GEMINI || shape == FH_EMBED_COHERE ||
                 fh_usage_input(&reply.usage) > 0) &&
                told(c->arena, shape, &asked, body, &again) && fh_eq(again, body);

    for (int to = 0; good && to < FH_EMBED_SHAPES; to++) {
        good = same_numbers(c->arena, &reply, (enum fh_embed_shape)to);
    }
    count(c, good, FH_LIT("    not the same again"));
}

/* ---- recorded calls ---- */

/* An API of the manifest, the shapes in which it is asked, and a member by which to tell them. */
static const struct {
    const char *api;
    enum fh_embed_shape shape;
    const char *member;
} apis[] = {
    {"openai-embeddings", FH_EMBED_OPENAI, "input"},
    {"azure-embeddings", FH_EMBED_OPENAI, "input"},
    {"mistral-embeddings", FH_EMBED_MISTRAL, "input"},
    {"gemini-embed", FH_EMBED_GEMINI, "requests"},
    {"gemini-embed", FH_EMBED_GEMINI_ONE, "content"},
    {"vertex-embed", FH_EMBED_GEMINI_ONE, "content"},
    {"bedrock-invoke", FH_EMBED_TITAN, "inputText"},
    {"bedrock-invoke", FH_EMBED_COHERE, "texts"},
};

static void check_call(const struct recorded_call *call, size_t api, struct fh_arena *arena,
                       struct recorded_tally *tally)
{
    struct check c = {arena, call->source, call->name, "", tally};
    struct fh_embed_request req = {0};
    char what[64];

    if (call->request.len > 0) {
        (void)snprintf(what, sizeof(what), "%s requests", apis[api].api);
        c.what = what;
        (void)decode_request(&c, apis[api].shape, call->request, &req);
    }
    if (call->status == 200 && call->response.len > 0) {
        (void)snprintf(what, sizeof(what), "%s answers", apis[api].api);
        c.what = what;
        check_reply(&c, apis[api].shape, call->response, req.count);
    }
}

/* is_asked says whether a call is one of the row's. Text generation by Titan has an inputText,
 * too; without a request the answer tells. */
static bool is_asked(struct fh_arena *arena, const struct recorded_call *call, size_t api)
{
    return call->request.len > 0 ? has(arena, call->request, apis[api].member) &&
                                       !has(arena, call->request, "textGenerationConfig")
                                 : apis[api].shape == FH_EMBED_OPENAI;
}

static void test_recorded_embeddings_lose_nothing(void **state)
{
    struct recorded_tally tally = {0};
    bool found = true;

    FH_UNUSED(state);
    for (size_t api = 0; found && api < FH_LEN(apis); api++) {
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
        FH_AUTO(fh_arena_free) struct fh_arena *scratch = fh_arena_new(ARENA_MAX);
        struct recorded *rec = recorded_open(arena);
        struct recorded_call call;

        found = rec != NULL;
        while (found && recorded_next(rec, scratch, apis[api].api, &call)) {
            if (is_asked(scratch, &call, api)) {
                check_call(&call, api, scratch, &tally);
            }
        }
    }
    assert_true(!found || recorded_print(&tally));
}

/* ---- requests of SDKs ---- */

/* Which shape a call has, by its path. */
static const struct {
    const char *end;
    enum fh_embed_shape shape;
} targets[] = {
    {":batchEmbedContents", FH_EMBED_GEMINI},
    {":embedContent", FH_EMBED_GEMINI_ONE},
    {"titan-embed-text-v2%3A0/invoke", FH_EMBED_TITAN},
    {"/embeddings", FH_EMBED_OPENAI},
};

static bool shape_of(const struct recorded_sdk_request *request, enum fh_embed_shape *shape)
{
    struct fh_slice path = fh_head(request->target, fh_find(request->target, '?'));

    for (size_t i = 0; i < FH_LEN(targets); i++) {
        if (fh_ends(path, fh_cstr(targets[i].end))) {
            *shape = fh_contains(request->sdk, FH_LIT("mistral")) ? FH_EMBED_MISTRAL
                                                                  : targets[i].shape;
            return true;
        }
    }
    return false;
}

static void test_requests_of_sdks_lose_nothing(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    FH_AUTO(fh_arena_free) struct fh_arena *scratch = fh_arena_new(ARENA_MAX);
    struct recorded_sdk *sdk = recorded_sdk_open(arena, "");
    struct recorded_tally tally = {0};
    struct recorded_sdk_request request;
    struct fh_embed_request req;

    FH_UNUSED(state);
    while (sdk != NULL && recorded_sdk_next(sdk, scratch, &request)) {
        struct check c = {scratch, request.sdk, request.call, "requests", &tally};
        enum fh_embed_shape shape = FH_EMBED_OPENAI;

        if (shape_of(&request, &shape)) {
            (void)decode_request(&c, shape, request.body, &req);
        }
    }
    assert_true(sdk == NULL || recorded_print(&tally));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorded_embeddings_lose_nothing),
        cmocka_unit_test(test_requests_of_sdks_lose_nothing),
    };
    return cmocka_run_group_tests_name("recorded_embeddings", tests, NULL, NULL);
}
