/* openai_chat_models.c: the list of models, and one of them.
 * SPDX-License-Identifier: Apache-2.0 */
#include "openai_chat.h"

static void add_model(yyjson_mut_doc *doc, yyjson_mut_val *obj, const struct fh_listing *list,
                      struct fh_slice name)
{
    fh_json_add_text(doc, obj, "id", name);
    (void)yyjson_mut_obj_add_str(doc, obj, "object", "model");
    (void)yyjson_mut_obj_add_uint(doc, obj, "created", list->created_s);
    (void)yyjson_mut_obj_add_str(doc, obj, "owned_by", "freehold");
}

void fh_openai_chat_encode_models(struct fh_buf *out, struct fh_arena *scratch,
                                  const struct fh_listing *list)
{
    yyjson_mut_doc *doc = fh_json_new(scratch);
    yyjson_mut_val *root = yyjson_mut_obj(doc);

    if (list->one) {
        FH_ASSERT(list->count == 1);
        add_model(doc, root, list, list->names[0]);
        fh_json_append(out, scratch, root);
        return;
    }
    (void)yyjson_mut_obj_add_str(doc, root, "object", "list");
    yyjson_mut_val *data = yyjson_mut_obj_add_arr(doc, root, "data");

    for (size_t i = 0; i < list->count; i++) {
        add_model(doc, yyjson_mut_arr_add_obj(doc, data), list, list->names[i]);
    }
    fh_json_append(out, scratch, root);
}
