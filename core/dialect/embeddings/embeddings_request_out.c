/* embeddings_request_out.c: a provider's body. Within a shape it is the client's own; between
 * shapes the ledger is asked about every wish before anything is written.
 * SPDX-License-Identifier: Apache-2.0 */
#include "embeddings_table.h"

#include "chat/write.h"

/* What Cohere is told when nobody said what the texts are for: it insists on a word. */
#define COHERE_TASK "search_document"

/* One translation. */
struct writing {
    struct fh_writer w;
    const struct fh_embed_request *req;
    enum fh_embed_shape shape;
};

static yyjson_mut_val *text_val(const struct writing *t, struct fh_slice text)
{
    return yyjson_mut_strn(t->w.doc, text.len == 0 ? "" : (const char *)text.ptr, text.len);
}

/* ---- what the ledger says ---- */

/* refuse says why a field cannot be left out: "/input: mistral takes texts, no token ids". */
static enum fh_rc refuse(struct writing *t, struct fh_slice pointer, const char *why)
{
    struct fh_slice parts[] = {fh_embed_shape_name(t->shape), FH_LIT(" "), fh_cstr(why)};
    struct fh_slice sentence = fh_concat(t->w.scratch, parts, FH_LEN(parts));

    return fh_write_refuse(&t->w, pointer, fh_dup_cstr(t->w.scratch, sentence));
}

/* settle_trait refuses what the target's cell of a trait refuses. */
static enum fh_rc settle_trait(struct writing *t, enum fh_embed_field field)
{
    const struct fh_embed_row *row = fh_embed_row(field);

    return row->cell[t->shape].fate != FH_FATE_REFUSED
               ? FH_OK
               : refuse(t, row->cell[t->req->shape].pointer, row->cell[t->shape].why);
}

static enum fh_rc settle_inputs(struct writing *t)
{
    const struct fh_embed_row *media = fh_embed_row(FH_EMBED_FIELD_MEDIA);

    for (size_t i = 0; i < t->req->count; i++) {
        const struct fh_embed_input *input = &t->req->inputs[i];

        if (input->kind == FH_EMBED_TOKENS) {
            FH_TRY(settle_trait(t, FH_EMBED_FIELD_TOKENS));
        } else if (input->kind == FH_EMBED_MEDIA) {
            return refuse(t, input->pointer, media->cell[t->shape].why);
        }
    }
    return FH_OK;
}

static enum fh_rc settle_count(struct writing *t)
{
    return t->req->count > 1 ? settle_trait(t, FH_EMBED_FIELD_TEXTS) : FH_OK;
}

/* is_packed_type: what packed numbers of another type look like, nobody says. */
static bool is_packed_type(const struct fh_embed_request *req)
{
    const struct fh_embed_wish *encoding = &req->wish[FH_EMBED_SLOT_ENCODING];
    const struct fh_embed_wish *type = &req->wish[FH_EMBED_SLOT_TYPE];

    return encoding->value != NULL && encoding->field == FH_EMBED_FIELD_ENCODING_BASE64 &&
           type->value != NULL && type->field != FH_EMBED_FIELD_TYPE_FLOAT;
}

static enum fh_rc settle_wish(struct writing *t, const struct fh_embed_wish *wish)
{
    const struct fh_embed_row *row = fh_embed_row(wish->field);
    const struct fh_cell *cell = &row->cell[t->shape];

    if (row->nothing) {
        return FH_OK;
    }
    if (cell->fate == FH_FATE_REFUSED) {
        return refuse(t, wish->pointer, cell->why);
    }
    if (cell->fate != FH_FATE_MAPPED) {
        fh_loss_add(t->w.loss, wish->pointer, cell->why);
    }
    return FH_OK;
}

static enum fh_rc settle(struct writing *t)
{
    FH_TRY(settle_inputs(t));
    FH_TRY(settle_count(t));
    FH_TRY(t->req->mixed ? settle_trait(t, FH_EMBED_FIELD_MIXED) : FH_OK);
    for (int slot = 0; slot < FH_EMBED_SLOTS; slot++) {
        if (t->req->wish[slot].value != NULL) {
            FH_TRY(settle_wish(t, &t->req->wish[slot]));
        }
    }
    if (is_packed_type(t->req)) {
        return refuse(t, t->req->wish[FH_EMBED_SLOT_TYPE].pointer, "packs no such numbers");
    }
    fh_extras_lose(&t->req->extras, t->w.loss, "only its own shape knows it");
    return FH_OK;
}

/* ---- between shapes ---- */

/* wish_val is a wish as the target says it; NULL when it does not. */
static yyjson_mut_val *wish_val(struct writing *t, enum fh_embed_slot slot)
{
    const struct fh_embed_wish *wish = &t->req->wish[slot];
    const struct fh_embed_row *row = fh_embed_row(wish->field);
    enum fh_fate fate = row->cell[t->shape].fate;

    if (row->nothing || fate == FH_FATE_DROPPED ||
        (fate == FH_FATE_MAPPED && row->cell[t->shape].pointer.len == 0)) {
        return NULL;
    }
    if (fh_embed_look(slot) != FH_EMBED_LOOK_WORD) {
        return yyjson_val_mut_copy(t->w.doc, wish->value);
    }
    yyjson_mut_val *word = text_val(t, fh_embed_word(t->shape, wish->field));

    if (fh_embed_is_listed(t->shape, slot)) {
        yyjson_mut_val *list = yyjson_mut_arr(t->w.doc);

        (void)yyjson_mut_arr_append(list, word);
        return list;
    }
    return word;
}

/* write_wishes puts all wishes into the object that has them. */
static void write_wishes(struct writing *t, yyjson_mut_val *obj)
{
    for (int slot = 0; slot < FH_EMBED_SLOTS; slot++) {
        yyjson_mut_val *val =
            t->req->wish[slot].value == NULL ? NULL : wish_val(t, (enum fh_embed_slot)slot);

        if (val != NULL) {
            fh_write_at(&t->w, obj,
                        fh_embed_place(t->shape, (enum fh_embed_slot)slot, t->req->model), val);
        }
    }
}

static void write_texts(struct writing *t, yyjson_mut_val *root, const char *key)
{
    yyjson_mut_val *list = yyjson_mut_obj_add_arr(t->w.doc, root, key);

    for (size_t i = 0; i < t->req->count; i++) {
        (void)yyjson_mut_arr_append(list, text_val(t, t->req->inputs[i].text));
    }
}

static void write_openai(struct writing *t, yyjson_mut_val *root)
{
    fh_write_text(&t->w, root, "model", t->req->model);
    if (t->req->single) {
        fh_write_text(&t->w, root, "input", t->req->inputs[0].text);
    } else {
        write_texts(t, root, "input");
    }
    write_wishes(t, root);
}

static void write_titan(struct writing *t, yyjson_mut_val *root)
{
    fh_write_text(&t->w, root, "inputText", t->req->inputs[0].text);
    write_wishes(t, root);
}

static void write_cohere(struct writing *t, yyjson_mut_val *root)
{
    write_texts(t, root, "texts");
    write_wishes(t, root);
    if (yyjson_mut_obj_get(root, "input_type") == NULL) {
        fh_write_word(&t->w, root, "input_type", COHERE_TASK);
    }
}

/* write_model names the model in Gemini's way. A name with a path is one already. */
static void write_model(struct writing *t, yyjson_mut_val *obj)
{
    bool whole = t->req->model_is_bare && fh_embed_is_gemini(t->req->shape);
    bool path = fh_find(t->req->model, '/') < t->req->model.len;
    struct fh_slice parts[] = {whole || path ? FH_NONE : FH_LIT("models/"), t->req->model};

    (void)yyjson_mut_obj_put(obj, yyjson_mut_str(t->w.doc, "model"),
                             text_val(t, fh_concat(t->w.scratch, parts, FH_LEN(parts))));
}

static void write_content(struct writing *t, yyjson_mut_val *obj, struct fh_slice text)
{
    yyjson_mut_val *content = yyjson_mut_obj_add_obj(t->w.doc, obj, "content");
    yyjson_mut_val *parts = yyjson_mut_obj_add_arr(t->w.doc, content, "parts");

    fh_write_text(&t->w, yyjson_mut_arr_add_obj(t->w.doc, parts), "text", text);
}

static void write_gemini_one(struct writing *t, yyjson_mut_val *root)
{
    write_model(t, root);
    write_content(t, root, t->req->inputs[0].text);
    write_wishes(t, root);
}

static void write_gemini(struct writing *t, yyjson_mut_val *root)
{
    yyjson_mut_val *requests = yyjson_mut_obj_add_arr(t->w.doc, root, "requests");

    for (size_t i = 0; i < t->req->count; i++) {
        yyjson_mut_val *one = yyjson_mut_arr_add_obj(t->w.doc, requests);

        write_model(t, one);
        write_content(t, one, t->req->inputs[i].text);
        write_wishes(t, one);
    }
}

/* ---- within a shape ---- */

/* again copies an EmbedContentRequest; its model is the one that is asked now. */
static yyjson_mut_val *again(struct writing *t, const struct fh_embed_input *input, bool named)
{
    yyjson_mut_val *obj = yyjson_val_mut_copy(t->w.doc, input->whole);

    if (named || yyjson_mut_obj_get(obj, "model") != NULL) {
        write_model(t, obj);
    }
    return obj;
}

/* lose_batch_members reports what stands beside the requests; what stands in them goes along. */
static void lose_batch_members(struct writing *t)
{
    for (const struct fh_extra *e = t->req->extras.first; e != NULL; e = e->next) {
        if (!fh_starts(e->pointer, FH_LIT("/requests/"))) {
            fh_loss_add(t->w.loss, e->pointer, "only a batch knows it");
        }
    }
}

/* write_gemini_again: both calls of Gemini are made of the same objects. */
static void write_gemini_again(struct writing *t, yyjson_mut_val **root)
{
    bool was_batch = t->req->shape == FH_EMBED_GEMINI;
    yyjson_mut_val *list = yyjson_mut_arr(t->w.doc);

    if (t->shape == FH_EMBED_GEMINI_ONE) {
        *root = again(t, &t->req->inputs[0], false);
        if (was_batch) {
            lose_batch_members(t);
        }
        return;
    }
    for (size_t i = 0; i < t->req->count; i++) {
        (void)yyjson_mut_arr_append(list, again(t, &t->req->inputs[i], true));
    }
    *root = was_batch ? yyjson_val_mut_copy(t->w.doc, t->req->root) : yyjson_mut_obj(t->w.doc);
    (void)yyjson_mut_obj_put(*root, yyjson_mut_str(t->w.doc, "requests"), list);
}

static yyjson_mut_val *write_same(struct writing *t)
{
    yyjson_mut_val *root = yyjson_val_mut_copy(t->w.doc, t->req->root);

    if (t->shape == FH_EMBED_OPENAI || t->shape == FH_EMBED_MISTRAL) {
        (void)yyjson_mut_obj_put(root, yyjson_mut_str(t->w.doc, "model"),
                                 text_val(t, t->req->model));
    }
    return root;
}

enum fh_rc fh_embed_encode_request(struct fh_buf *out, struct fh_arena *scratch,
                                   enum fh_embed_shape shape,
                                   const struct fh_embed_request *req, struct fh_loss *loss,
                                   struct fh_complaint *why)
{
    static void (*const write[])(struct writing *, yyjson_mut_val *) = {
        [FH_EMBED_OPENAI] = write_openai, [FH_EMBED_MISTRAL] = write_openai,
        [FH_EMBED_GEMINI] = write_gemini, [FH_EMBED_GEMINI_ONE] = write_gemini_one,
        [FH_EMBED_TITAN] = write_titan,   [FH_EMBED_COHERE] = write_cohere,
    };
    struct writing t = {
        .w = {.doc = fh_json_new(scratch), .scratch = scratch, .loss = loss, .why = why},
        .req = req,
        .shape = shape};
    yyjson_mut_val *root = NULL;

    FH_ASSERT(shape < FH_EMBED_SHAPES && req->count > 0);
    if (fh_embed_is_gemini(shape) && fh_embed_is_gemini(req->shape)) {
        FH_TRY(settle_count(&t));
        write_gemini_again(&t, &root);
    } else if (shape == req->shape) {
        root = write_same(&t);
    } else {
        FH_TRY(settle(&t));
        root = yyjson_mut_obj(t.w.doc);
        write[shape](&t, root);
    }
    fh_json_append(out, scratch, root);
    return FH_OK;
}
