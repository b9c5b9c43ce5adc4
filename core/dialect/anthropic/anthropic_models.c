/* anthropic_models.c: the list of models, and one of them.
 * SPDX-License-Identifier: Apache-2.0 */
#include "dialect/anthropic/anthropic.h"

static void add_model(yyjson_mut_doc *doc, yyjson_mut_val *obj, struct fh_slice name)
{
    (void)yyjson_mut_obj_add_str(doc, obj, "type", "model");
    fh_json_add_text(doc, obj, "id", name);
    fh_json_add_text(doc, obj, "display_name", name);
    /* required by the schema, and nothing a gateway would know */
    (void)yyjson_mut_obj_add_str(doc, obj, "created_at", "1970-01-01T00:00:00Z");
}

static void add_id(yyjson_mut_doc *doc, yyjson_mut_val *obj, const char *key,
                   const struct fh_slice *name)
{
    if (name == NULL) {
        (void)yyjson_mut_obj_add_null(doc, obj, key);
    } else {
        fh_json_add_text(doc, obj, key, *name);
    }
}

void fh_anthropic_encode_models(struct fh_buf *out, struct fh_arena *scratch,
                                const struct fh_listing *list)
{
    yyjson_mut_doc *doc = fh_json_new(scratch);
    yyjson_mut_val *root = yyjson_mut_obj(doc);

    if (list->one) {
        FH_ASSERT(list->count == 1);
        add_model(doc, root, list->names[0]);
        fh_json_append(out, scratch, root);
        return;
    }
    yyjson_mut_val *data = yyjson_mut_obj_add_arr(doc, root, "data");

    for (size_t i = 0; i < list->count; i++) {
        add_model(doc, yyjson_mut_arr_add_obj(doc, data), list->names[i]);
    }
    (void)yyjson_mut_obj_add_bool(doc, root, "has_more", false);
    add_id(doc, root, "first_id", list->count > 0 ? &list->names[0] : NULL);
    add_id(doc, root, "last_id", list->count > 0 ? &list->names[list->count - 1] : NULL);
    fh_json_append(out, scratch, root);
}
