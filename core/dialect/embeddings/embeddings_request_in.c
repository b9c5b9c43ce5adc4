/* embeddings_request_in.c: a client's body, read by tables: what stands where in each shape, and
 * the rows of the ledger for all that is wished beside.
 * SPDX-License-Identifier: Apache-2.0 */
#include "embeddings_table.h"

#include "chat/read.h"

/* What is being read. */
struct reading {
    struct fh_embed_request *req;
    uint32_t seen;                /* slots that the object at hand has named: a bit each */
    size_t given[FH_EMBED_SLOTS]; /* how many of the batch's requests name it */
    size_t room;                  /* of req->inputs */
};
static_assert(FH_EMBED_SLOTS <= 32, "one bit each in `seen`");

static struct reading *reading_of(const struct fh_reader *r)
{
    return r->own;
}

/* ---- what vectors are wanted of ---- */

static enum fh_rc add_input(struct fh_reader *r, const struct fh_path *at,
                            struct fh_embed_input input)
{
    struct reading *d = reading_of(r);
    struct fh_embed_request *req = d->req;

    if (req->count == FH_EMBED_TEXTS_MAX) {
        return fh_read_refuse(r, at, "is one text too many; %d in one call are the most",
                              FH_EMBED_TEXTS_MAX);
    }
    if (req->count == d->room) {
        size_t room = fh_max(2 * d->room, 4);
        struct fh_embed_input *more =
            fh_arena_resize(r->arena, req->inputs, d->room * sizeof(input),
                            room * sizeof(input));

        if (more == NULL) {
            return fh_read_too_much(r, at);
        }
        req->inputs = more;
        d->room = room;
    }
    req->inputs[req->count++] = input;
    return FH_OK;
}

static enum fh_rc add_text(struct fh_reader *r, const struct fh_path *at, yyjson_val *value)
{
    return add_input(
        r, at, (struct fh_embed_input){.kind = FH_EMBED_TEXT, .text = fh_json_text(value)});
}

static enum fh_rc add_media(struct fh_reader *r, const struct fh_path *at, yyjson_val *value)
{
    return add_input(r, at,
                     (struct fh_embed_input){.kind = FH_EMBED_MEDIA,
                                             .raw = value,
                                             .pointer = fh_path_print(at, FH_NONE, r->arena)});
}

static enum fh_rc read_token(struct fh_reader *r, void *into, const struct fh_path *at,
                             yyjson_val *value)
{
    FH_UNUSED(into);
    return yyjson_is_raw(value) ? FH_OK : fh_read_wrong(r, at, "a token id", value);
}

static enum fh_rc add_tokens(struct fh_reader *r, const struct fh_path *at, yyjson_val *value)
{
    FH_TRY(fh_read_list(r, NULL, at, value, read_token));
    return add_input(r, at, (struct fh_embed_input){.kind = FH_EMBED_TOKENS, .raw = value});
}

/* read_element reads one of OpenAI's or Mistral's list. Servers beside OpenAI take objects,
 * too. */
static enum fh_rc read_element(struct fh_reader *r, void *into, const struct fh_path *at,
                               yyjson_val *value)
{
    FH_UNUSED(into);
    if (yyjson_is_str(value)) {
        return add_text(r, at, value);
    }
    if (yyjson_is_arr(value) && yyjson_arr_size(value) > 0) {
        return add_tokens(r, at, value);
    }
    if (yyjson_is_obj(value)) {
        return add_media(r, at, value);
    }
    return fh_read_wrong(r, at, "a text or a list of token ids", value);
}

/* read_input: a text, token ids, or a list of either. */
static enum fh_rc read_input(struct fh_reader *r, void *into, const struct fh_path *at,
                             yyjson_val *value)
{
    struct reading *d = reading_of(r);

    d->req->single = !yyjson_is_arr(value) || yyjson_is_raw(yyjson_arr_get_first(value));
    if (yyjson_is_arr(value) && d->req->single) {
        return add_tokens(r, at, value);
    }
    return yyjson_is_arr(value) ? fh_read_list(r, into, at, value, read_element)
                                : read_element(r, into, at, value);
}

/* read_one_text reads Titan's only text. */
static enum fh_rc read_one_text(struct fh_reader *r, void *into, const struct fh_path *at,
                                yyjson_val *value)
{
    struct reading *d = reading_of(r);

    FH_UNUSED(into);
    if (!yyjson_is_str(value)) {
        return fh_read_wrong(r, at, "a string", value);
    }
    d->req->single = true;
    return d->req->count > 0 ? FH_OK : add_text(r, at, value); /* beside an image: one vector */
}

static enum fh_rc read_one_image(struct fh_reader *r, void *into, const struct fh_path *at,
                                 yyjson_val *value)
{
    struct reading *d = reading_of(r);

    FH_UNUSED(into);
    d->req->single = true;
    d->req->count = 0; /* a text beside it is part of the same vector */
    return add_media(r, at, value);
}

/* ---- Cohere ---- */

static enum fh_rc read_text(struct fh_reader *r, void *into, const struct fh_path *at,
                            yyjson_val *value)
{
    FH_UNUSED(into);
    return yyjson_is_str(value) ? add_text(r, at, value)
                                : fh_read_wrong(r, at, "a string", value);
}

static enum fh_rc read_texts(struct fh_reader *r, void *into, const struct fh_path *at,
                             yyjson_val *value)
{
    return fh_read_list(r, into, at, value, read_text);
}

static enum fh_rc read_medium(struct fh_reader *r, void *into, const struct fh_path *at,
                              yyjson_val *value)
{
    FH_UNUSED(into);
    return add_media(r, at, value);
}

static enum fh_rc read_media(struct fh_reader *r, void *into, const struct fh_path *at,
                             yyjson_val *value)
{
    return fh_read_list(r, into, at, value, read_medium);
}

/* only_part gives the only element of a list when it is an object. */
static yyjson_val *only_part(yyjson_val *list)
{
    yyjson_val *part = yyjson_arr_size(list) == 1 ? yyjson_arr_get_first(list) : NULL;

    return yyjson_is_obj(part) ? part : NULL;
}

/* read_mixture reads one of Cohere's `inputs`: parts, of which a single text is a text. */
static enum fh_rc read_mixture(struct fh_reader *r, void *into, const struct fh_path *at,
                               yyjson_val *value)
{
    yyjson_val *part = only_part(fh_json_get(value, FH_LIT("content")));
    yyjson_val *text = fh_json_get(part, FH_LIT("text"));

    FH_UNUSED(into);
    return yyjson_obj_size(value) == 1 && yyjson_obj_size(part) == 2 && yyjson_is_str(text) &&
                   fh_json_says(part, FH_LIT("type"), FH_LIT("text"))
               ? add_text(r, at, text)
               : add_media(r, at, value);
}

static enum fh_rc read_mixtures(struct fh_reader *r, void *into, const struct fh_path *at,
                                yyjson_val *value)
{
    return fh_read_list(r, into, at, value, read_mixture);
}

/* ---- Gemini ---- */

/* An EmbedContentRequest as it is read. */
struct content_request {
    struct fh_slice model;
    yyjson_val *content;
};

/* text_of_content finds the text of a Content that is one text and no more; its role says nothing
 * here. NULL: it is more. */
static yyjson_val *text_of_content(yyjson_val *content)
{
    yyjson_val *part = only_part(fh_json_get(content, FH_LIT("parts")));
    yyjson_val *text = fh_json_get(part, FH_LIT("text"));
    size_t known = 1 + (fh_json_get(content, FH_LIT("role")) != NULL);

    return yyjson_obj_size(content) == known && yyjson_obj_size(part) == 1 &&
                   yyjson_is_str(text)
               ? text
               : NULL;
}

/* name_model takes the model that a request names; all of a batch name the same. */
static enum fh_rc name_model(struct fh_reader *r, const struct fh_path *at,
                             struct fh_slice model)
{
    struct fh_embed_request *req = reading_of(r)->req;
    bool bare = !fh_take(&model, FH_LIT("models/")) && model.len > 0;

    if (req->count > 1 && !fh_eq(model, req->model)) {
        return fh_read_refuse(r, at, "must name the model that the first request names");
    }
    req->model = model;
    req->model_is_bare = bare;
    return FH_OK;
}

static enum fh_rc read_content_request(struct fh_reader *r, void *into,
                                       const struct fh_path *at, yyjson_val *value)
{
    static const struct fh_member members[] = {
        FH_MEMBER("model", TEXT, struct content_request, model),
        FH_MEMBER_NEEDED("content", OBJECT, struct content_request, content),
    };
    static const struct fh_shape shape = {members, FH_LEN(members)};
    struct reading *d = reading_of(r);
    struct content_request one = {0};
    struct fh_path content = {.up = at, .key = FH_LIT("content")};

    FH_UNUSED(into);
    d->seen = 0;
    FH_TRY(fh_read_object(r, &shape, &one, &d->req->extras, at, value));
    yyjson_val *text = text_of_content(one.content);

    FH_TRY(text != NULL ? add_text(r, &content, text) : add_media(r, &content, one.content));
    d->req->inputs[d->req->count - 1].whole = value;
    return name_model(r, at, one.model);
}

static enum fh_rc read_requests(struct fh_reader *r, void *into, const struct fh_path *at,
                                yyjson_val *value)
{
    return fh_read_list(r, into, at, value, read_content_request);
}

/* ---- wishes ---- */

static bool looks_right(struct reading *d, enum fh_embed_slot slot, yyjson_val *value)
{
    switch (fh_embed_look(slot)) {
    case FH_EMBED_LOOK_NUMBER:
        return yyjson_is_raw(value);
    case FH_EMBED_LOOK_TEXT:
        return yyjson_is_str(value);
    case FH_EMBED_LOOK_WORD:
        return yyjson_is_str(value) || yyjson_is_bool(value) ||
               (yyjson_is_arr(value) && fh_embed_is_listed(d->req->shape, slot));
    }
    return false;
}

/* same_scalar compares what looks right; lists stand in no batch. */
static bool same_scalar(yyjson_val *a, yyjson_val *b)
{
    return yyjson_get_tag(a) == yyjson_get_tag(b) && fh_eq(fh_json_text(a), fh_json_text(b)) &&
           fh_eq(fh_json_number(a), fh_json_number(b));
}

static enum fh_rc take_wish(struct fh_reader *r, enum fh_embed_slot slot,
                            const struct fh_path *at, yyjson_val *value)
{
    static const char *const looks[] = {[FH_EMBED_LOOK_NUMBER] = "a number",
                                        [FH_EMBED_LOOK_TEXT] = "a string",
                                        [FH_EMBED_LOOK_WORD] = "one of its words"};
    struct reading *d = reading_of(r);
    struct fh_embed_wish *wish = &d->req->wish[slot];
    uint32_t bit = 1U << slot;

    if (!looks_right(d, slot, value)) {
        return fh_read_wrong(r, at, looks[fh_embed_look(slot)], value);
    }
    if ((d->seen & bit) != 0) {
        return fh_read_refuse(r, at, "says what was said before; once would be right");
    }
    d->seen |= bit;
    if (d->given[slot]++ == 0) {
        *wish = (struct fh_embed_wish){.value = value,
                                       .field = fh_embed_field_of(d->req->shape, slot, value),
                                       .pointer = fh_path_print(at, FH_NONE, r->arena)};
    } else if (slot != FH_EMBED_SLOT_TITLE && !same_scalar(wish->value, value)) {
        d->req->mixed = true;
    }
    return FH_OK;
}

/* read_wish is asked about every member that the tables above do not have. */
static enum fh_rc read_wish(struct fh_reader *r, void *into, const struct fh_path *at,
                            yyjson_val *value)
{
    static const struct fh_shape nothing = {NULL, 0};
    struct reading *d = reading_of(r);
    enum fh_embed_slot slot = fh_embed_slot_at(d->req->shape, at);

    if (slot != FH_EMBED_SLOT_NONE) {
        return take_wish(r, slot, at, value);
    }
    if (yyjson_is_obj(value) && fh_embed_leads_on(d->req->shape, at)) {
        return fh_read_object(r, &nothing, into, &d->req->extras, at, value);
    }
    return FH_E_SUPPORT;
}

/* ---- bodies ---- */

static const struct fh_member openai[] = {
    FH_MEMBER_NEEDED("model", TEXT, struct fh_embed_request, model),
    FH_MEMBER_NEEDED_BY("input", read_input),
};

static const struct fh_member gemini[] = {
    FH_MEMBER_NEEDED_BY("requests", read_requests),
};

static const struct fh_member titan[] = {
    FH_MEMBER_BY("inputText", read_one_text),
    FH_MEMBER_BY("inputImage", read_one_image),
};

static const struct fh_member cohere[] = {
    FH_MEMBER_BY("texts", read_texts),
    FH_MEMBER_BY("images", read_media),
    FH_MEMBER_BY("inputs", read_mixtures),
};

/* The members that each body begins with, and what to say when there is nothing to embed. */
static const struct {
    struct fh_shape shape;
    const char *lack;
} bodies[] = {
    [FH_EMBED_OPENAI] = {{openai, FH_LEN(openai)}, "at least one text in `input`"},
    [FH_EMBED_MISTRAL] = {{openai, FH_LEN(openai)}, "at least one text in `input`"},
    [FH_EMBED_GEMINI] = {{gemini, FH_LEN(gemini)}, "at least one request in `requests`"},
    [FH_EMBED_GEMINI_ONE] = {{NULL, 0}, "a `content`"},
    [FH_EMBED_TITAN] = {{titan, FH_LEN(titan)}, "an `inputText`"},
    [FH_EMBED_COHERE] = {{cohere, FH_LEN(cohere)}, "at least one text in `texts`"},
};
static_assert(FH_LEN(bodies) == FH_EMBED_SHAPES, "table and enum agree");

/* settle_mixture: a wish that only some requests of a batch have is not one of the batch. */
static void settle_mixture(struct reading *d)
{
    for (int slot = 0; slot < FH_EMBED_SLOTS; slot++) {
        if (d->req->shape == FH_EMBED_GEMINI && slot != FH_EMBED_SLOT_TITLE &&
            d->given[slot] > 0 && d->given[slot] < d->req->count) {
            d->req->mixed = true;
        }
    }
}

enum fh_rc fh_embed_decode_request(struct fh_embed_request *req, struct fh_arena *arena,
                                   enum fh_embed_shape shape, struct fh_slice body,
                                   struct fh_complaint *why)
{
    struct reading d = {.req = req};
    struct fh_reader r = {.arena = arena, .why = why, .own = &d, .beside = read_wish};

    *req = (struct fh_embed_request){.shape = shape};
    FH_TRY(fh_read_document(&r, body, &req->root));
    if (shape == FH_EMBED_GEMINI_ONE) {
        req->single = true;
        FH_TRY(read_content_request(&r, NULL, NULL, req->root));
    } else {
        FH_TRY(fh_read_object(&r, &bodies[shape].shape, req, &req->extras, NULL, req->root));
    }
    if (req->count == 0) {
        return fh_read_missing(&r, NULL, bodies[shape].lack);
    }
    settle_mixture(&d);
    return FH_OK;
}
