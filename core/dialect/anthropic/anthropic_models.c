/* anthropic_models.c: the list of models, and one of them.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/calendar.h"
#include "dialect/anthropic/anthropic.h"

enum { TIME_MAX = 32 };

/* created_at is required by the schema, and nothing that a gateway would know of a model. */
static struct fh_slice created_at(struct fh_arena *scratch, uint64_t created_s)
{
    struct fh_date_time at = fh_date_time(created_s * FH_SECOND_US);
    struct fh_buf text = fh_buf_in_arena(scratch, TIME_MAX);

    fh_buf_printf(&text, "%04u-%02u-%02uT%02u:%02u:%02uZ", at.date.year, at.date.month,
                  at.date.day, at.hour, at.minute, at.second);
    return fh_buf_slice(&text);
}

static void add_model(yyjson_mut_doc *doc, yyjson_mut_val *obj, struct fh_slice name,
                      struct fh_slice created)
{
    (void)yyjson_mut_obj_add_str(doc, obj, "type", "model");
    fh_json_add_text(doc, obj, "id", name);
    fh_json_add_text(doc, obj, "display_name", name);
    fh_json_add_text(doc, obj, "created_at", created);
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
    struct fh_slice created = created_at(scratch, list->created_s);

    if (list->one) {
        FH_ASSERT(list->count == 1);
        add_model(doc, root, list->names[0], created);
        fh_json_append(out, scratch, root);
        return;
    }
    yyjson_mut_val *data = yyjson_mut_obj_add_arr(doc, root, "data");

    for (size_t i = 0; i < list->count; i++) {
        add_model(doc, yyjson_mut_arr_add_obj(doc, data), list->names[i], created);
    }
    (void)yyjson_mut_obj_add_bool(doc, root, "has_more", false);
    add_id(doc, root, "first_id", list->count > 0 ? &list->names[0] : NULL);
    add_id(doc, root, "last_id", list->count > 0 ? &list->names[list->count - 1] : NULL);
    fh_json_append(out, scratch, root);
}
