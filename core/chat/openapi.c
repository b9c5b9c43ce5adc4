/* openapi.c: walks a schema, schema by schema, and changes what OpenAPI says in its own way.
 * SPDX-License-Identifier: Apache-2.0 */
#include "chat/openapi.h"

#include "base/text.h"

enum { WORD_MAX = 16 }; /* bytes of a type's name */

/* What a member of a schema holds. */
enum holds {
    HOLDS_SCHEMA,
    HOLDS_SCHEMAS, /* a list of them */
    HOLDS_NAMED,   /* an object with a schema for each name */
};

static const struct {
    const char *key;
    enum holds holds;
} inner[] = {
    {"properties", HOLDS_NAMED},
    {"items", HOLDS_SCHEMA},
    {"anyOf", HOLDS_SCHEMAS},
    {"oneOf", HOLDS_SCHEMAS},
    {"allOf", HOLDS_SCHEMAS},
    {"prefixItems", HOLDS_SCHEMAS},
    {"$defs", HOLDS_NAMED},
    {"additionalProperties", HOLDS_SCHEMA},
    {"patternProperties", HOLDS_NAMED},
};

/* Protocol buffers write 64-bit numbers as strings. */
static const char *const counts[] = {"minItems",  "maxItems",      "minLength",
                                     "maxLength", "minProperties", "maxProperties"};

/* A schema that waits to be looked at. */
struct waiting {
    struct waiting *next;
    yyjson_mut_val *schema;
};

struct walk {
    struct fh_arena *arena;
    yyjson_mut_doc *doc;
    struct waiting *first;
    bool changed;
};

static void wait_for(struct walk *w, yyjson_mut_val *schema)
{
    if (yyjson_mut_is_obj(schema)) {
        struct waiting *one = fh_new(w->arena, struct waiting);

        *one = (struct waiting){w->first, schema};
        w->first = one;
    }
}

static void wait_for_inner(struct walk *w, yyjson_mut_val *schema)
{
    for (size_t i = 0; i < FH_LEN(inner); i++) {
        yyjson_mut_val *member = yyjson_mut_obj_get(schema, inner[i].key);
        yyjson_mut_obj_iter named = yyjson_mut_obj_iter_with(member);
        yyjson_mut_arr_iter list = yyjson_mut_arr_iter_with(member);
        yyjson_mut_val *one = NULL;

        if (inner[i].holds == HOLDS_SCHEMA) {
            wait_for(w, member);
        }
        while (inner[i].holds == HOLDS_NAMED &&
               (one = yyjson_mut_obj_iter_next(&named)) != NULL) {
            wait_for(w, yyjson_mut_obj_iter_get_val(one));
        }
        while (inner[i].holds == HOLDS_SCHEMAS &&
               (one = yyjson_mut_arr_iter_next(&list)) != NULL) {
            wait_for(w, one);
        }
    }
}

static void put(struct walk *w, yyjson_mut_val *schema, const char *key, yyjson_mut_val *val)
{
    (void)yyjson_mut_obj_put(schema, yyjson_mut_str(w->doc, key), val);
    w->changed = true;
}

static yyjson_mut_val *take(struct walk *w, yyjson_mut_val *schema, const char *key)
{
    yyjson_mut_val *val = yyjson_mut_obj_remove_key(schema, key);

    w->changed = w->changed || val != NULL;
    return val;
}

static struct fh_slice text_of(yyjson_mut_val *val)
{
    return yyjson_mut_is_str(val) ? fh_slice(yyjson_mut_get_str(val), yyjson_mut_get_len(val))
                                  : FH_NONE;
}

static void lower_type(struct walk *w, yyjson_mut_val *schema)
{
    struct fh_slice type = text_of(yyjson_mut_obj_get(schema, "type"));
    uint8_t word[WORD_MAX];
    bool upper = type.len > 0 && type.len <= sizeof(word);

    if (fh_eq(type, FH_LIT("TYPE_UNSPECIFIED"))) {
        (void)take(w, schema, "type");
        return;
    }
    for (size_t i = 0; upper && i < type.len; i++) {
        upper = type.ptr[i] >= 'A' && type.ptr[i] <= 'Z';
        word[i] = (uint8_t)(type.ptr[i] + ('a' - 'A'));
    }
    if (upper) {
        put(w, schema, "type", yyjson_mut_strncpy(w->doc, (const char *)word, type.len));
    }
}

static void write_counts(struct walk *w, yyjson_mut_val *schema)
{
    for (size_t i = 0; i < FH_LEN(counts); i++) {
        struct fh_slice digits = text_of(yyjson_mut_obj_get(schema, counts[i]));
        uint64_t count = 0;

        if (fh_parse_u64(digits, &count)) {
            put(w, schema, counts[i], yyjson_mut_uint(w->doc, count));
        }
    }
}

static void allow_null(struct walk *w, yyjson_mut_val *schema)
{
    yyjson_mut_val *type = yyjson_mut_obj_get(schema, "type");
    yyjson_mut_val *any = yyjson_mut_obj_get(schema, "anyOf");
    yyjson_mut_val *words = yyjson_mut_obj_get(schema, "enum");

    if (yyjson_mut_is_str(type)) {
        yyjson_mut_val *both = yyjson_mut_arr(w->doc);
        struct fh_slice word = text_of(type);

        (void)yyjson_mut_arr_add_strn(w->doc, both, (const char *)word.ptr, word.len);
        (void)yyjson_mut_arr_add_str(w->doc, both, "null");
        put(w, schema, "type", both);
    }
    if (yyjson_mut_is_arr(any)) {
        yyjson_mut_val *null = yyjson_mut_arr_add_obj(w->doc, any);

        (void)yyjson_mut_obj_add_str(w->doc, null, "type", "null");
    }
    if (yyjson_mut_is_arr(words)) {
        (void)yyjson_mut_arr_add_null(w->doc, words);
    }
}

static void change(struct walk *w, yyjson_mut_val *schema)
{
    yyjson_mut_val *example = NULL;

    lower_type(w, schema);
    write_counts(w, schema);
    if (yyjson_mut_is_true(take(w, schema, "nullable"))) {
        allow_null(w, schema);
    }
    (void)take(w, schema, "propertyOrdering");
    if (fh_eq(text_of(yyjson_mut_obj_get(schema, "format")), FH_LIT("enum"))) {
        (void)take(w, schema, "format");
    }
    if ((example = take(w, schema, "example")) != NULL) {
        yyjson_mut_val *list = yyjson_mut_arr(w->doc);

        (void)yyjson_mut_arr_append(list, example);
        put(w, schema, "examples", list);
    }
}

yyjson_val *fh_openapi_schema(struct fh_arena *arena, yyjson_val *schema)
{
    struct walk w = {arena, fh_json_new(arena), NULL, false};
    struct fh_buf text = fh_buf_in_arena(arena, SIZE_MAX / 4);
    yyjson_mut_val *root = yyjson_val_mut_copy(w.doc, schema);
    yyjson_val *changed = NULL;
    struct fh_error error;

    wait_for(&w, root);
    while (w.first != NULL) {
        yyjson_mut_val *next = w.first->schema;

        w.first = w.first->next;
        change(&w, next);
        wait_for_inner(&w, next);
    }
    if (!w.changed) {
        return schema;
    }
    fh_json_append(&text, arena, root);
    return fh_json_parse(arena, fh_buf_slice(&text), &changed, &error) == FH_OK ? changed
                                                                                : NULL;
}
