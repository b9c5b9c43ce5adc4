/* bedrock_known.c: finds what no table of ours has, in answers and where requests are read by
 * hand.
 * SPDX-License-Identifier: Apache-2.0 */
#include "dialect/bedrock/bedrock.h"

static const struct fh_bedrock_known *find(const struct fh_bedrock_known *known, size_t count,
                                           struct fh_slice key)
{
    size_t i = 0;

    while (i < count && !fh_eq(known[i].key, key)) {
        i++;
    }
    return i < count ? &known[i] : NULL;
}

static void keep_inside(struct fh_extras *list, struct fh_arena *arena,
                        const struct fh_path *at, yyjson_val *value,
                        const struct fh_bedrock_known *known)
{
    yyjson_arr_iter iter = yyjson_arr_iter_with(value);
    struct fh_path item = {.up = at};

    fh_bedrock_keep(list, arena, at, value, known->inside, known->count);
    for (yyjson_val *one = NULL; (one = yyjson_arr_iter_next(&iter)) != NULL; item.index++) {
        fh_bedrock_keep(list, arena, &item, one, known->inside, known->count);
    }
}

/* This goes as deep as the tables do, and no deeper. */
void fh_bedrock_keep(struct fh_extras *list, struct fh_arena *arena, const struct fh_path *path,
                     yyjson_val *obj, const struct fh_bedrock_known *known, size_t count)
{
    yyjson_obj_iter iter = yyjson_obj_iter_with(obj);

    for (yyjson_val *key = NULL; (key = yyjson_obj_iter_next(&iter)) != NULL;) {
        struct fh_path at = {.up = path, .key = fh_json_text(key)};
        const struct fh_bedrock_known *row = find(known, count, at.key);
        yyjson_val *value = yyjson_obj_iter_get_val(key);

        if (row == NULL) {
            (void)fh_extra_add(list, arena, path, at.key, value);
        } else if (row->inside != NULL) {
            keep_inside(list, arena, &at, value, row);
        }
    }
}
