/* embeddings_reply_out.c: the answer for a client. Within a shape the provider's bytes, with
 * vectors in another form where they have to be; between shapes a small tree, with the vectors
 * lent to it as text.
 * SPDX-License-Identifier: Apache-2.0 */
#include "embeddings_table.h"

#include "chat/write.h"

/* One answer. */
struct writing {
    struct fh_writer w;
    const struct fh_reply_frame *frame;
    const struct fh_embed_request *asked;
    const struct fh_embed_reply *reply;
    uint64_t tokens; /* 0 where nobody knows */
};

/* ---- between shapes ---- */

static yyjson_mut_val *vector_val(struct writing *t, size_t i)
{
    const struct fh_embed_vector *vector = &t->reply->vectors[i];
    const char *text = vector->text.len == 0 ? "" : (const char *)vector->text.ptr;

    return vector->form == FH_EMBED_PACKED ? yyjson_mut_strn(t->w.doc, text, vector->text.len)
                                           : yyjson_mut_rawn(t->w.doc, text, vector->text.len);
}

static void write_count(struct writing *t, yyjson_mut_val *obj, const char *key)
{
    (void)yyjson_mut_obj_add_uint(t->w.doc, obj, key, t->tokens);
}

static void write_openai(struct writing *t, yyjson_mut_val *root)
{
    bool mistral = t->asked->shape == FH_EMBED_MISTRAL;

    if (mistral) {
        fh_write_text(&t->w, root, "id", t->frame->request_id);
    }
    fh_write_word(&t->w, root, "object", "list");
    yyjson_mut_val *data = yyjson_mut_obj_add_arr(t->w.doc, root, "data");

    for (size_t i = 0; i < t->reply->count; i++) {
        yyjson_mut_val *datum = yyjson_mut_arr_add_obj(t->w.doc, data);

        fh_write_word(&t->w, datum, "object", "embedding");
        (void)yyjson_mut_obj_add_uint(t->w.doc, datum, "index", i);
        (void)yyjson_mut_obj_add_val(t->w.doc, datum, "embedding", vector_val(t, i));
    }
    fh_write_text(&t->w, root, "model",
                  t->reply->model.len > 0 ? t->reply->model : t->frame->model);
    yyjson_mut_val *usage = yyjson_mut_obj_add_obj(t->w.doc, root, "usage");

    write_count(t, usage, "prompt_tokens");
    write_count(t, usage, "total_tokens");
    if (mistral) {
        (void)yyjson_mut_obj_add_uint(t->w.doc, usage, "completion_tokens", 0);
    }
}

/* write_usage_metadata leaves out what is not known: Gemini's own answers often do. */
static void write_usage_metadata(struct writing *t, yyjson_mut_val *root)
{
    if (fh_usage_has(&t->reply->usage, FH_TOKENS_INPUT)) {
        yyjson_mut_val *usage = yyjson_mut_obj_add_obj(t->w.doc, root, "usageMetadata");

        write_count(t, usage, "promptTokenCount");
        write_count(t, usage, "totalTokenCount");
    }
}

static void write_gemini(struct writing *t, yyjson_mut_val *root)
{
    yyjson_mut_val *list = yyjson_mut_obj_add_arr(t->w.doc, root, "embeddings");

    for (size_t i = 0; i < t->reply->count; i++) {
        yyjson_mut_val *one = yyjson_mut_arr_add_obj(t->w.doc, list);

        (void)yyjson_mut_obj_add_val(t->w.doc, one, "values", vector_val(t, i));
    }
    write_usage_metadata(t, root);
}

static void write_gemini_one(struct writing *t, yyjson_mut_val *root)
{
    yyjson_mut_val *one = yyjson_mut_obj_add_obj(t->w.doc, root, "embedding");

    (void)yyjson_mut_obj_add_val(t->w.doc, one, "values", vector_val(t, 0));
    write_usage_metadata(t, root);
}

/* write_titan names types when the client did: then it looks for them. */
static void write_titan(struct writing *t, yyjson_mut_val *root)
{
    (void)yyjson_mut_obj_add_val(t->w.doc, root, "embedding", vector_val(t, 0));
    if (t->asked->wish[FH_EMBED_SLOT_TYPE].value != NULL) {
        yyjson_mut_val *types = yyjson_mut_obj_add_obj(t->w.doc, root, "embeddingsByType");

        (void)yyjson_mut_obj_add_val(t->w.doc, types, "float", vector_val(t, 0));
    }
    write_count(t, root, "inputTextTokenCount");
}

/* type_asked is the name of the type that a client of Cohere's gets its vectors under; empty where
 * it gets a mere list. That was so before its fourth version, unless a type was asked for. */
static struct fh_slice type_asked(const struct writing *t)
{
    const struct fh_embed_wish *wish = &t->asked->wish[FH_EMBED_SLOT_TYPE];

    if (wish->value != NULL) {
        return fh_embed_word(FH_EMBED_COHERE, wish->field);
    }
    return fh_contains(t->frame->model, FH_LIT("embed-v4")) ? FH_LIT("float") : FH_NONE;
}

static void write_cohere(struct writing *t, yyjson_mut_val *root)
{
    struct fh_slice type = type_asked(t);
    yyjson_mut_val *list = yyjson_mut_arr(t->w.doc);
    yyjson_mut_val *texts = NULL;

    for (size_t i = 0; i < t->reply->count; i++) {
        (void)yyjson_mut_arr_append(list, vector_val(t, i));
    }
    fh_write_text(&t->w, root, "id", t->frame->request_id);
    texts = yyjson_mut_obj_add_arr(t->w.doc, root, "texts");
    for (size_t i = 0; i < t->asked->count; i++) {
        struct fh_slice text = t->asked->inputs[i].text;

        (void)yyjson_mut_arr_add_strn(t->w.doc, texts,
                                      text.len == 0 ? "" : (const char *)text.ptr, text.len);
    }
    if (type.len == 0) {
        (void)yyjson_mut_obj_add_val(t->w.doc, root, "embeddings", list);
        fh_write_word(&t->w, root, "response_type", "embeddings_floats");
        return;
    }
    yyjson_mut_val *types = yyjson_mut_obj_add_obj(t->w.doc, root, "embeddings");

    (void)yyjson_mut_obj_add(types, yyjson_mut_strn(t->w.doc, (const char *)type.ptr, type.len),
                             list);
    fh_write_word(&t->w, root, "response_type", "embeddings_by_type");
}

/* ---- within a shape ---- */

/* write_vector writes a vector as it is now: as it stood, or in its new form. */
static void write_vector(struct fh_buf *out, const struct fh_embed_vector *vector)
{
    bool was_packed = fh_starts(vector->where, FH_LIT("\""));
    bool packed = vector->form == FH_EMBED_PACKED;

    if (packed == was_packed) {
        fh_buf_append(out, vector->where);
        return;
    }
    fh_buf_append(out, packed ? FH_LIT("\"") : FH_NONE);
    fh_buf_append(out, vector->text);
    fh_buf_append(out, packed ? FH_LIT("\"") : FH_NONE);
}

/* write_same gives the provider's bytes, each vector in its place. */
static void write_same(struct fh_buf *out, struct fh_arena *scratch,
                       const struct fh_embed_reply *reply)
{
    const struct fh_embed_vector **at =
        fh_arena_alloc(scratch, reply->count * sizeof(const struct fh_embed_vector *));
    struct fh_slice rest = reply->body;

    for (size_t i = 0; i < reply->count; i++) {
        at[reply->vectors[i].place] = &reply->vectors[i];
    }
    for (size_t i = 0; i < reply->count; i++) {
        size_t before = (size_t)(at[i]->where.ptr - rest.ptr);

        fh_buf_append(out, fh_head(rest, before));
        write_vector(out, at[i]);
        rest = fh_tail(rest, before + at[i]->where.len);
    }
    fh_buf_append(out, rest);
}

void fh_embed_encode_reply(struct fh_buf *out, struct fh_arena *scratch,
                           const struct fh_reply_frame *frame,
                           const struct fh_embed_request *asked,
                           const struct fh_embed_reply *reply, struct fh_loss *loss)
{
    static void (*const write[])(struct writing *, yyjson_mut_val *) = {
        [FH_EMBED_OPENAI] = write_openai, [FH_EMBED_MISTRAL] = write_openai,
        [FH_EMBED_GEMINI] = write_gemini, [FH_EMBED_GEMINI_ONE] = write_gemini_one,
        [FH_EMBED_TITAN] = write_titan,   [FH_EMBED_COHERE] = write_cohere,
    };
    struct writing t = {.w = {.doc = fh_json_new(scratch), .scratch = scratch, .loss = loss},
                        .frame = frame,
                        .asked = asked,
                        .reply = reply,
                        .tokens = fh_usage_input(&reply->usage)};

    FH_ASSERT(!reply->failed && reply->count > 0);
    if (asked->shape == reply->shape) {
        write_same(out, scratch, reply);
        return;
    }
    FH_ASSERT(reply->count == asked->count);
    yyjson_mut_val *root = yyjson_mut_obj(t.w.doc);

    write[asked->shape](&t, root);
    fh_extras_lose(&reply->extras, loss, "only its own shape knows it");
    fh_json_append(out, scratch, root);
}
