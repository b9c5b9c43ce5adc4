/* fuzz_embeddings.c: a request written again is the same request; written for another shape it asks
 * for the same texts. An answer written in its own shape is the same bytes; written for another
 * shape it has the same vectors, packed or not. The first byte says from which shape to which.
 * SPDX-License-Identifier: Apache-2.0 */
#include "dialect/embeddings/embeddings.h"
#include "wire/json_scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ARENA_MAX = 1 << 28, DEPTH_MAX = 64 };

static const struct fh_reply_frame frame = {.request_id = FH_LIT_INIT("r"),
                                            .model = FH_LIT_INIT("m")};

static struct fh_loss *new_loss(struct fh_arena *arena)
{
    struct fh_loss *loss = fh_new(arena, struct fh_loss);

    loss->arena = arena;
    return loss;
}

/* ---- requests ---- */

static struct fh_slice written(struct fh_arena *arena, enum fh_embed_shape to,
                               const struct fh_embed_request *req)
{
    struct fh_buf out = fh_buf_in_arena(arena, SIZE_MAX / 2);
    struct fh_complaint why = {0};

    if (fh_embed_encode_request(&out, arena, to, req, new_loss(arena), &why) != FH_OK) {
        FH_ASSERT(why.message.len > 0 && to != req->shape);
        return FH_NONE;
    }
    FH_ASSERT(out.len > 0);
    return fh_buf_slice(&out);
}

static void check_request(struct fh_arena *arena, enum fh_embed_shape from,
                          enum fh_embed_shape to, struct fh_slice body)
{
    struct fh_embed_request req;
    struct fh_embed_request again;
    struct fh_complaint why = {0};

    if (fh_embed_decode_request(&req, arena, from, body, &why) != FH_OK) {
        FH_ASSERT(why.message.len > 0);
        return;
    }
    FH_ASSERT(req.count > 0 && req.count <= FH_EMBED_TEXTS_MAX);
    struct fh_slice own = written(arena, from, &req);

    FH_ASSERT(fh_embed_decode_request(&again, arena, from, own, &why) == FH_OK);
    FH_ASSERT(fh_eq(written(arena, from, &again), own));

    req.model = req.model.len > 0 ? req.model : FH_LIT("m");
    struct fh_slice other = written(arena, to, &req);

    if (other.len == 0) {
        return;
    }
    FH_ASSERT(fh_embed_decode_request(&again, arena, to, other, &why) == FH_OK);
    FH_ASSERT(again.count == req.count);
    for (size_t i = 0; i < req.count; i++) {
        FH_ASSERT(again.inputs[i].kind == req.inputs[i].kind);
        FH_ASSERT(fh_eq(again.inputs[i].text, req.inputs[i].text));
    }
    FH_ASSERT(fh_eq(written(arena, to, &again), other));
}

/* ---- answers ---- */

/* A client's question that such an answer could be for. */
static bool question(struct fh_embed_request *asked, struct fh_arena *arena,
                     enum fh_embed_shape shape, size_t count, enum fh_embed_form form)
{
    struct fh_embed_wish *wish = &asked->wish[FH_EMBED_SLOT_ENCODING];
    bool packs = shape == FH_EMBED_OPENAI || shape == FH_EMBED_MISTRAL;

    *asked = (struct fh_embed_request){.shape = shape, .count = count};
    asked->inputs = fh_arena_alloc(arena, count * sizeof(*asked->inputs));
    if (form == FH_EMBED_PACKED) {
        static yyjson_val given; /* that it is there is all that counts */

        wish->value = &given;
        wish->field = FH_EMBED_FIELD_ENCODING_BASE64;
    }
    return (packs || form == FH_EMBED_NUMBERS) &&
           (count == 1 || (shape != FH_EMBED_GEMINI_ONE && shape != FH_EMBED_TITAN));
}

/* told is what a client gets; empty when the vectors are not float32. */
static struct fh_slice told(struct fh_arena *arena, enum fh_embed_shape from,
                            const struct fh_embed_request *asked, struct fh_slice body)
{
    struct fh_buf out = fh_buf_in_arena(arena, SIZE_MAX / 2);
    struct fh_embed_reply reply;
    struct fh_complaint why = {0};

    if (fh_embed_decode_reply(&reply, arena, from, asked, body, &why) != FH_OK) {
        FH_ASSERT(fh_contains(why.message, FH_LIT("float32")));
        return FH_NONE;
    }
    fh_embed_encode_reply(&out, arena, &frame, asked, &reply, new_loss(arena));
    return fh_buf_slice(&out);
}

/* same_vectors compares what two answers of one shape hold, not how they escape it. */
static bool same_vectors(struct fh_arena *arena, enum fh_embed_shape shape, struct fh_slice one,
                         struct fh_slice other)
{
    struct fh_embed_reply a;
    struct fh_embed_reply b;
    struct fh_complaint why = {0};

    FH_ASSERT(fh_embed_decode_reply(&a, arena, shape, NULL, one, &why) == FH_OK);
    FH_ASSERT(fh_embed_decode_reply(&b, arena, shape, NULL, other, &why) == FH_OK);
    FH_ASSERT(a.count == b.count);
    for (size_t i = 0; i < a.count; i++) {
        if (a.vectors[i].form != b.vectors[i].form ||
            !fh_eq(a.vectors[i].text, b.vectors[i].text)) {
            return false;
        }
    }
    return true;
}

static void check_answer(struct fh_arena *arena, const struct fh_embed_reply *reply,
                         enum fh_embed_shape to, enum fh_embed_form form)
{
    struct fh_embed_request asked;
    struct fh_embed_reply again;
    struct fh_complaint why = {0};

    if (!question(&asked, arena, to, reply->count, form)) {
        return;
    }
    struct fh_slice text = told(arena, reply->shape, &asked, reply->body);

    if (text.len == 0) {
        return;
    }
    FH_ASSERT(fh_embed_decode_reply(&again, arena, to, NULL, text, &why) == FH_OK);
    FH_ASSERT(again.count == reply->count && !again.failed);
    for (size_t i = 0; i < again.count; i++) {
        FH_ASSERT(again.vectors[i].form == form);
        FH_ASSERT(reply->vectors[i].form != form ||
                  fh_eq(again.vectors[i].text, reply->vectors[i].text));
    }
    FH_ASSERT(fh_eq(told(arena, to, &asked, text), text));
    if (form == FH_EMBED_PACKED) { /* to numbers and back, to the bit */
        struct fh_embed_request numbers;

        FH_ASSERT(question(&numbers, arena, to, reply->count, FH_EMBED_NUMBERS));
        struct fh_slice decimal = told(arena, to, &numbers, text);

        FH_ASSERT(decimal.len == 0 ||
                  same_vectors(arena, to, told(arena, to, &asked, decimal), text));
    }
}

static void check_reply(struct fh_arena *arena, enum fh_embed_shape from,
                        enum fh_embed_shape to, struct fh_slice body)
{
    struct fh_buf out = fh_buf_in_arena(arena, SIZE_MAX / 2);
    struct fh_embed_request asked;
    struct fh_embed_reply reply;
    struct fh_complaint why = {0};
    struct fh_watch watch = {0};
    enum fh_embed_form form = fh_embed_scan_reply(&watch, arena, from, body);

    if (fh_embed_decode_reply(&reply, arena, from, NULL, body, &why) != FH_OK) {
        FH_ASSERT(why.message.len > 0);
        return;
    }
    FH_ASSERT(watch.failed == reply.failed && watch.ended != watch.failed);
    FH_ASSERT(watch.usage.seen == reply.usage.seen &&
              fh_usage_input(&watch.usage) == fh_usage_input(&reply.usage));
    if (reply.failed) {
        return;
    }
    FH_ASSERT(reply.count > 0 && reply.count <= FH_EMBED_TEXTS_MAX);
    FH_ASSERT(form == FH_EMBED_FORM_ANY || form == FH_EMBED_NUMBERS || form == FH_EMBED_PACKED);
    (void)question(&asked, arena, from, reply.count, FH_EMBED_NUMBERS);
    fh_embed_encode_reply(&out, arena, &frame, &asked, &reply, new_loss(arena));
    FH_ASSERT(fh_eq(fh_buf_slice(&out), body));
    check_answer(arena, &reply, to, FH_EMBED_NUMBERS);
    check_answer(arena, &reply, to, FH_EMBED_PACKED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    struct fh_error why;

    if (size == 0) {
        return 0;
    }
    enum fh_embed_shape from = data[0] % FH_EMBED_SHAPES;
    enum fh_embed_shape to = data[0] / FH_EMBED_SHAPES % FH_EMBED_SHAPES;
    struct fh_slice body = fh_tail(fh_slice(data, size), 1);

    if (fh_json_scan(body, NULL, NULL, 0, DEPTH_MAX, &why) ==
        FH_OK) { /* as the exchange does */
        check_request(arena, from, to, body);
    }
    check_reply(arena, from, to, body);
    return 0;
}
