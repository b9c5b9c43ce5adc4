/* embeddings_reply_in.c: a provider's answer. Vectors are found by walking the text, and stay in
 * it; only what is small is made a tree of.
 * SPDX-License-Identifier: Apache-2.0 */
#include "embeddings_table.h"

#include "chat/read.h"
#include "wire/json_scan.h"
#include "wire/json_walk.h"

/* What is being read. */
struct reading {
    struct fh_embed_reply *reply;
    struct fh_reader r;    /* for complaints, and its arena */
    size_t room;           /* of reply->vectors */
    bool found;            /* the member that holds the vectors was there */
    struct fh_slice error; /* the member `error`; empty: not there, or it says nothing */
};

/* A member that a shape knows, and what reads it; NULL: it says nothing beside. */
typedef enum fh_rc member_fn(struct reading *d, const struct fh_path *at,
                             struct fh_slice value);

struct member {
    struct fh_slice name;
    member_fn *read;
};

struct members {
    const struct member *list;
    size_t count;
};

#define MEMBERS(rows) ((struct members){(rows), FH_LEN(rows)})

/* ---- objects and lists ---- */

static enum fh_rc too_much(struct reading *d, const struct fh_path *at)
{
    return fh_read_too_much(&d->r, at);
}

static enum fh_rc parse(struct reading *d, const struct fh_path *at, struct fh_slice text,
                        yyjson_val **value)
{
    struct fh_error error;
    enum fh_rc rc = fh_json_parse(d->r.arena, text, value, &error);

    return rc == FH_E_SYNTAX ? fh_read_refuse(&d->r, at, "cannot be read: %s", error.what)
           : rc != FH_OK     ? too_much(d, at)
                             : FH_OK;
}

/* keep makes an extra of a member that nobody knows. */
static enum fh_rc keep(struct reading *d, const struct fh_path *at, struct fh_slice text)
{
    yyjson_val *value = NULL;

    FH_TRY(parse(d, at, text, &value));
    (void)fh_read_keep(&d->r, &d->reply->extras, at, value);
    return FH_OK;
}

/* read_member: null counts as not there. A member that is read must not stand twice: another
 * parser may take the other. */
static enum fh_rc read_member(struct reading *d, const struct members *known, uint64_t *seen,
                              const struct fh_path *at, struct fh_slice value)
{
    size_t i = 0;

    while (i < known->count && !fh_eq(known->list[i].name, at->key)) {
        i++;
    }
    if (i == known->count) {
        return keep(d, at, value);
    }
    if (known->list[i].read == NULL) {
        return FH_OK;
    }
    if ((*seen >> i & 1U) != 0) {
        return fh_read_refuse(&d->r, at, "stands twice in its object; once would be right");
    }
    *seen |= (uint64_t)1 << i;
    return fh_eq(value, FH_LIT("null")) ? FH_OK : known->list[i].read(d, at, value);
}

static enum fh_rc read_object(struct reading *d, const struct members *known,
                              const struct fh_path *at, struct fh_slice text)
{
    struct fh_json_walk walk;
    struct fh_json_part part;
    uint64_t seen = 0;

    if (!fh_json_walk_begin(&walk, text) || !walk.object) {
        return fh_read_refuse(&d->r, at, "must be an object");
    }
    while (fh_json_walk_next(&walk, &part)) {
        struct fh_path member = {.up = at, .key = fh_json_unescape(part.name, d->r.arena)};

        if (fh_arena_try(d->r.arena, 1) == NULL) {
            return too_much(d, &member);
        }
        FH_TRY(read_member(d, known, &seen, &member, part.value));
    }
    return FH_OK;
}

static enum fh_rc read_list(struct reading *d, const struct fh_path *at, struct fh_slice text,
                            member_fn *read)
{
    struct fh_path item = {.up = at};
    struct fh_json_walk walk;
    struct fh_json_part part;

    if (!fh_json_walk_begin(&walk, text) || walk.object) {
        return fh_read_refuse(&d->r, at, "must be a list");
    }
    for (; fh_json_walk_next(&walk, &part); item.index++) {
        FH_TRY(read(d, &item, part.value));
    }
    return FH_OK;
}

/* ---- vectors ---- */

/* add_vector makes room for one more. */
static enum fh_rc add_vector(struct reading *d, const struct fh_path *at)
{
    struct fh_embed_reply *reply = d->reply;

    if (reply->count == FH_EMBED_TEXTS_MAX) {
        return fh_read_refuse(&d->r, at, "is one vector too many; %d are the most",
                              FH_EMBED_TEXTS_MAX);
    }
    if (reply->count == d->room) {
        size_t room = fh_max(2 * d->room, 4);
        size_t size = sizeof(*reply->vectors);
        struct fh_embed_vector *more =
            fh_arena_resize(d->r.arena, reply->vectors, d->room * size, room * size);

        if (more == NULL) {
            return too_much(d, at);
        }
        reply->vectors = more;
        d->room = room;
    }
    reply->vectors[reply->count] = (struct fh_embed_vector){.place = reply->count};
    reply->count++;
    return FH_OK;
}

/* is_numbers says whether a JSON list holds nothing but numbers. */
static bool is_numbers(struct fh_slice list)
{
    static const bool in_number[256] = {
        ['0'] = true, ['1'] = true, ['2'] = true,  ['3'] = true,  ['4'] = true,
        ['5'] = true, ['6'] = true, ['7'] = true,  ['8'] = true,  ['9'] = true,
        ['.'] = true, ['-'] = true, ['+'] = true,  ['e'] = true,  ['E'] = true,
        [','] = true, [' '] = true, ['\t'] = true, ['\n'] = true, ['\r'] = true,
    };

    if (!fh_take(&list, FH_LIT("[")) || !fh_ends(list, FH_LIT("]"))) {
        return false;
    }
    for (size_t i = 0; i + 1 < list.len; i++) {
        if (!in_number[list.ptr[i]]) {
            return false;
        }
    }
    return true;
}

/* take_vector reads a list of numbers, or their base64, into the last vector. */
static enum fh_rc take_vector(struct reading *d, const struct fh_path *at, struct fh_slice text)
{
    struct fh_embed_vector *vector = &d->reply->vectors[d->reply->count - 1];
    bool packed = fh_starts(text, FH_LIT("\""));

    if (!packed && !is_numbers(text)) {
        return fh_read_refuse(&d->r, at, "must be a list of numbers");
    }
    vector->form = packed ? FH_EMBED_PACKED : FH_EMBED_NUMBERS;
    vector->where = text;
    vector->text = packed ? fh_json_unescape(text, d->r.arena) : text;
    return FH_OK;
}

static enum fh_rc read_vector(struct reading *d, const struct fh_path *at, struct fh_slice text)
{
    FH_TRY(add_vector(d, at));
    return take_vector(d, at, text);
}

/* ---- OpenAI, Mistral ---- */

static enum fh_rc read_index(struct reading *d, const struct fh_path *at, struct fh_slice text)
{
    yyjson_val *value = NULL;
    uint64_t index = 0;

    FH_TRY(parse(d, at, text, &value));
    if (!fh_json_u64(value, &index) || index >= FH_EMBED_TEXTS_MAX) {
        return fh_read_refuse(&d->r, at, "must say which text it is about");
    }
    d->reply->vectors[d->reply->count - 1].place = index; /* until all are there */
    return FH_OK;
}

static enum fh_rc read_datum(struct reading *d, const struct fh_path *at, struct fh_slice text)
{
    static const struct member members[] = {{FH_LIT_INIT("embedding"), take_vector},
                                            {FH_LIT_INIT("index"), read_index},
                                            {FH_LIT_INIT("object"), NULL}};
    static const struct members known = {members, FH_LEN(members)};

    FH_TRY(add_vector(d, at));
    FH_TRY(read_object(d, &known, at, text));
    return d->reply->vectors[d->reply->count - 1].where.ptr != NULL
               ? FH_OK
               : fh_read_missing(&d->r, at, "an `embedding`");
}

static enum fh_rc read_data(struct reading *d, const struct fh_path *at, struct fh_slice text)
{
    return read_list(d, at, text, read_datum);
}

/* put_in_order sorts the vectors by the texts that they are of; `place` becomes what it is to
 * be. */
static enum fh_rc put_in_order(struct reading *d)
{
    struct fh_embed_reply *reply = d->reply;
    struct fh_embed_vector *sorted = NULL;
    bool in_order = true;

    for (size_t i = 0; i < reply->count; i++) {
        in_order = in_order && reply->vectors[i].place == i;
    }
    if (in_order) {
        return FH_OK;
    }
    sorted = fh_arena_alloc(d->r.arena, reply->count * sizeof(*sorted));
    for (size_t i = 0; i < reply->count; i++) {
        size_t of = reply->vectors[i].place;

        if (of >= reply->count || sorted[of].where.ptr != NULL) {
            return fh_read_refuse(&d->r, NULL, "must have one vector of each text");
        }
        sorted[of] = reply->vectors[i];
        sorted[of].place = i;
    }
    reply->vectors = sorted;
    return FH_OK;
}

/* ---- Gemini ---- */

static enum fh_rc read_content_embedding(struct reading *d, const struct fh_path *at,
                                         struct fh_slice text)
{
    static const struct member members[] = {{FH_LIT_INIT("values"), take_vector}};
    static const struct members known = {members, FH_LEN(members)};

    FH_TRY(add_vector(d, at));
    FH_TRY(read_object(d, &known, at, text));
    return d->reply->vectors[d->reply->count - 1].where.ptr != NULL
               ? FH_OK
               : fh_read_missing(&d->r, at, "`values`");
}

static enum fh_rc read_embeddings(struct reading *d, const struct fh_path *at,
                                  struct fh_slice text)
{
    return read_list(d, at, text, read_content_embedding);
}

static enum fh_rc read_embedding(struct reading *d, const struct fh_path *at,
                                 struct fh_slice text)
{
    return read_content_embedding(d, at, text);
}

/* ---- Titan, Cohere ---- */

/* read_titan reads `embedding`, which is the vector; where it is missing, `embeddingsByType` has
 * one of each type, and the first is taken. */
static enum fh_rc read_titan(struct reading *d, const struct fh_path *at, struct fh_slice text)
{
    d->reply->count = 0;
    return read_vector(d, at, text);
}

static enum fh_rc read_by_type(struct reading *d, const struct fh_path *at,
                               struct fh_slice text)
{
    struct fh_json_walk walk;
    struct fh_json_part part;

    if (!fh_json_walk_begin(&walk, text) || !walk.object) {
        return fh_read_refuse(&d->r, at, "must be an object");
    }
    return d->reply->count == 0 && fh_json_walk_next(&walk, &part)
               ? read_vector(d, at, part.value)
               : FH_OK;
}

/* read_cohere reads a list of vectors, or an object with a list for each type, of which the first
 * is taken: who asks from another shape asks for one. */
static enum fh_rc read_cohere(struct reading *d, const struct fh_path *at, struct fh_slice text)
{
    struct fh_json_walk walk;
    struct fh_json_part part;

    if (fh_json_walk_begin(&walk, text) && walk.object) {
        text = fh_json_walk_next(&walk, &part) ? part.value : FH_LIT("[]");
    }
    return read_list(d, at, text, read_vector);
}

/* ---- what is said beside ---- */

static enum fh_rc read_model(struct reading *d, const struct fh_path *at, struct fh_slice text)
{
    FH_UNUSED(at);
    if (fh_starts(text, FH_LIT("\""))) {
        d->reply->model = fh_json_unescape(text, d->r.arena);
    }
    return FH_OK;
}

static enum fh_rc read_error(struct reading *d, const struct fh_path *at, struct fh_slice text)
{
    FH_UNUSED(at);
    if (fh_starts(text, FH_LIT("{")) || (fh_starts(text, FH_LIT("\"")) && text.len > 2)) {
        d->error = text;
    }
    return FH_OK;
}

static enum fh_rc read_usage(struct reading *d, const struct fh_path *at, struct fh_slice text)
{
    static const struct fh_slice counts[] = {FH_LIT_INIT("prompt_tokens"),
                                             FH_LIT_INIT("completion_tokens"),
                                             FH_LIT_INIT("total_tokens"),
                                             FH_LIT_INIT("promptTokenCount"),
                                             FH_LIT_INIT("totalTokenCount")};
    yyjson_val *value = NULL;

    FH_TRY(parse(d, at, text, &value));
    fh_embed_read_usage(&d->reply->usage, d->reply->shape, value);
    if (yyjson_is_obj(value)) {
        fh_extras_keep(&d->reply->extras, d->r.arena, at, value, counts, FH_LEN(counts));
    }
    return FH_OK;
}

/* ---- bodies ---- */

static const struct member openai[] = {
    {FH_LIT_INIT("data"), read_data},   {FH_LIT_INIT("model"), read_model},
    {FH_LIT_INIT("usage"), read_usage}, {FH_LIT_INIT("error"), read_error},
    {FH_LIT_INIT("object"), NULL},      {FH_LIT_INIT("id"), NULL},
};

static const struct member gemini[] = {
    {FH_LIT_INIT("embeddings"), read_embeddings},
    {FH_LIT_INIT("usageMetadata"), read_usage},
    {FH_LIT_INIT("error"), read_error},
};

static const struct member gemini_one[] = {
    {FH_LIT_INIT("embedding"), read_embedding},
    {FH_LIT_INIT("usageMetadata"), read_usage},
    {FH_LIT_INIT("error"), read_error},
};

static const struct member titan[] = {
    {FH_LIT_INIT("embedding"), read_titan},
    {FH_LIT_INIT("embeddingsByType"), read_by_type},
    {FH_LIT_INIT("inputTextTokenCount"), read_usage},
    {FH_LIT_INIT("error"), read_error},
};

static const struct member cohere[] = {
    {FH_LIT_INIT("embeddings"), read_cohere},
    {FH_LIT_INIT("id"), NULL},
    {FH_LIT_INIT("texts"), NULL},
    {FH_LIT_INIT("response_type"), NULL},
    {FH_LIT_INIT("error"), read_error},
};

static const struct members bodies[] = {
    [FH_EMBED_OPENAI] = {openai, FH_LEN(openai)},
    [FH_EMBED_MISTRAL] = {openai, FH_LEN(openai)},
    [FH_EMBED_GEMINI] = {gemini, FH_LEN(gemini)},
    [FH_EMBED_GEMINI_ONE] = {gemini_one, FH_LEN(gemini_one)},
    [FH_EMBED_TITAN] = {titan, FH_LEN(titan)},
    [FH_EMBED_COHERE] = {cohere, FH_LEN(cohere)},
};
static_assert(FH_LEN(bodies) == FH_EMBED_SHAPES, "table and enum agree");

/* ---- forms ---- */

enum fh_embed_form fh_embed_form_wanted(const struct fh_embed_request *asked)
{
    const struct fh_embed_wish *wish = &asked->wish[FH_EMBED_SLOT_ENCODING];

    if (wish->value == NULL) {
        return FH_EMBED_NUMBERS;
    }
    return wish->field == FH_EMBED_FIELD_ENCODING_BASE64  ? FH_EMBED_PACKED
           : wish->field == FH_EMBED_FIELD_ENCODING_OTHER ? FH_EMBED_FORM_ANY
                                                          : FH_EMBED_NUMBERS;
}

/* is_float says whether the vectors that were asked for hold numbers of 32 bits. What other types
 * look like when they are packed, nobody says: they stay as they are. */
static bool is_float(const struct fh_embed_request *asked)
{
    const struct fh_embed_wish *wish = &asked->wish[FH_EMBED_SLOT_TYPE];

    return wish->value == NULL || wish->field == FH_EMBED_FIELD_TYPE_FLOAT;
}

/* convert gives all vectors the form that the client wants. */
static enum fh_rc convert(struct reading *d, enum fh_embed_form wanted)
{
    struct fh_embed_draft draft = {.bytes = fh_buf_in_arena(d->r.arena, SIZE_MAX / 2),
                                   .text = fh_buf_in_arena(d->r.arena, SIZE_MAX / 2)};

    for (size_t i = 0; i < d->reply->count; i++) {
        struct fh_embed_vector *vector = &d->reply->vectors[i];

        if (vector->form == wanted) {
            continue;
        }
        if (fh_arena_try(d->r.arena, 1) == NULL) {
            return too_much(d, NULL);
        }
        enum fh_rc rc = wanted == FH_EMBED_PACKED
                            ? fh_embed_pack(vector->text, &draft, &vector->text)
                            : fh_embed_unpack(vector->text, &draft, &vector->text);

        if (rc != FH_OK) {
            return fh_read_refuse(&d->r, NULL, "holds a vector that is not made of float32");
        }
        vector->form = wanted;
    }
    return FH_OK;
}

/* fail makes the reply an error, as servers of OpenAI's shape have them in answers that say 200.
 * Whatever vectors stand beside are not to be trusted. */
static void fail(struct reading *d)
{
    fh_dialect_openai_chat.decode_fault(&d->reply->fault, d->r.arena, 0, d->reply->body);
    d->reply->failed = true;
    d->reply->count = 0;
}

static enum fh_rc decode(struct reading *d, const struct fh_embed_request *asked)
{
    struct fh_embed_reply *reply = d->reply;
    struct fh_error error;

    if (fh_json_scan(reply->body, NULL, NULL, 0, FH_EMBED_DEPTH_MAX, &error) != FH_OK) {
        (void)fh_read_refuse(&d->r, NULL, "must be JSON: %s at byte %llu", error.what,
                             (unsigned long long)error.at);
        return FH_E_SYNTAX;
    }
    FH_TRY(read_object(d, &bodies[reply->shape], NULL, reply->body));
    if (d->error.len > 0) {
        fail(d);
        return FH_OK;
    }
    if (reply->count == 0) {
        return fh_read_missing(&d->r, NULL, "a vector");
    }
    FH_TRY(put_in_order(d));
    if (asked == NULL) {
        return FH_OK;
    }
    if (reply->count != asked->count) {
        return fh_read_refuse(&d->r, NULL, "must have %zu vectors, not %zu", asked->count,
                              reply->count);
    }
    enum fh_embed_form wanted = fh_embed_form_wanted(asked);

    return wanted != FH_EMBED_FORM_ANY && is_float(asked) ? convert(d, wanted) : FH_OK;
}

enum fh_rc fh_embed_decode_reply(struct fh_embed_reply *reply, struct fh_arena *arena,
                                 enum fh_embed_shape shape,
                                 const struct fh_embed_request *asked, struct fh_slice body,
                                 struct fh_complaint *why)
{
    struct reading d = {.reply = reply, .r = {.arena = arena, .why = why}};

    FH_ASSERT(shape < FH_EMBED_SHAPES);
    *reply = (struct fh_embed_reply){.shape = shape, .body = body};
    return decode(&d, asked);
}
