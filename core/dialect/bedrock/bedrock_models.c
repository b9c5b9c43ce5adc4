/* bedrock_models.c: the lists of the control plane: foundation models and inference profiles.
 *
 * Of most members a gateway knows nothing; those that SDKs want are there and say the least that is
 * true. Names of resources are made up in the form that Amazon's have: they can be asked for again.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/calendar.h"
#include "dialect/bedrock/bedrock.h"

static struct fh_slice region_of(const struct fh_listing *list)
{
    return list->region.len > 0 ? list->region : FH_LIT("us-east-1");
}

static struct fh_slice arn(struct fh_arena *scratch, const struct fh_listing *list,
                           struct fh_slice kind, struct fh_slice name)
{
    struct fh_slice parts[] = {FH_LIT("arn:aws:bedrock:"), region_of(list), kind, name};

    return fh_concat(scratch, parts, FH_LEN(parts));
}

static struct fh_slice model_arn(struct fh_arena *scratch, const struct fh_listing *list,
                                 struct fh_slice name)
{
    return arn(scratch, list, FH_LIT("::foundation-model/"), name);
}

static void add_words(yyjson_mut_doc *doc, yyjson_mut_val *obj, const char *key,
                      const char *word)
{
    yyjson_mut_val *list = yyjson_mut_obj_add_arr(doc, obj, key);

    if (word != NULL) {
        (void)yyjson_mut_arr_add_str(doc, list, word);
    }
}

static void fill_model(yyjson_mut_doc *doc, struct fh_arena *scratch, yyjson_mut_val *obj,
                       const struct fh_listing *list, struct fh_slice name)
{
    fh_json_add_text(doc, obj, "modelArn", model_arn(scratch, list, name));
    fh_json_add_text(doc, obj, "modelId", name);
    fh_json_add_text(doc, obj, "modelName", name);
    (void)yyjson_mut_obj_add_str(doc, obj, "providerName", "freehold");
    add_words(doc, obj, "inputModalities", "TEXT");
    add_words(doc, obj, "outputModalities", "TEXT");
    (void)yyjson_mut_obj_add_bool(doc, obj, "responseStreamingSupported", true);
    add_words(doc, obj, "customizationsSupported", NULL);
    add_words(doc, obj, "inferenceTypesSupported", "ON_DEMAND");
    (void)yyjson_mut_obj_add_str(doc, yyjson_mut_obj_add_obj(doc, obj, "modelLifecycle"),
                                 "status", "ACTIVE");
}

static void add_time(yyjson_mut_doc *doc, struct fh_arena *scratch, yyjson_mut_val *obj,
                     const char *key, uint64_t time_s)
{
    struct fh_buf text = fh_buf_in_arena(scratch, 64);
    struct fh_date_time at = fh_date_time(time_s * FH_SECOND_US);

    fh_buf_printf(&text, "%04u-%02u-%02uT%02u:%02u:%02uZ", at.date.year, at.date.month,
                  at.date.day, at.hour, at.minute, at.second);
    fh_json_add_text(doc, obj, key, fh_buf_slice(&text));
}

static void fill_profile(yyjson_mut_doc *doc, struct fh_arena *scratch, yyjson_mut_val *obj,
                         const struct fh_listing *list, struct fh_slice name)
{
    yyjson_mut_val *models = NULL;

    fh_json_add_text(doc, obj, "inferenceProfileName", name);
    fh_json_add_text(doc, obj, "inferenceProfileId", name);
    fh_json_add_text(doc, obj, "inferenceProfileArn",
                     arn(scratch, list, FH_LIT(":000000000000:inference-profile/"), name));
    models = yyjson_mut_obj_add_arr(doc, obj, "models");
    fh_json_add_text(doc, yyjson_mut_arr_add_obj(doc, models), "modelArn",
                     model_arn(scratch, list, name));
    (void)yyjson_mut_obj_add_str(doc, obj, "status", "ACTIVE");
    (void)yyjson_mut_obj_add_str(doc, obj, "type", "SYSTEM_DEFINED");
    add_time(doc, scratch, obj, "createdAt", list->created_s);
    add_time(doc, scratch, obj, "updatedAt", list->created_s);
}

void fh_bedrock_encode_models(struct fh_buf *out, struct fh_arena *scratch,
                              const struct fh_listing *list)
{
    bool models = list->kind == FH_LIST_MODELS;
    yyjson_mut_doc *doc = fh_json_new(scratch);
    yyjson_mut_val *root = yyjson_mut_obj(doc);

    if (list->one) {
        FH_ASSERT(list->count == 1);
        if (models) {
            fill_model(doc, scratch, yyjson_mut_obj_add_obj(doc, root, "modelDetails"), list,
                       list->names[0]);
        } else {
            fill_profile(doc, scratch, root, list, list->names[0]);
        }
        fh_json_append(out, scratch, root);
        return;
    }
    yyjson_mut_val *all =
        yyjson_mut_obj_add_arr(doc, root,
                               models ? "modelSummaries" : "inferenceProfileSummaries");

    for (size_t i = 0; i < list->count; i++) {
        yyjson_mut_val *obj = yyjson_mut_arr_add_obj(doc, all);

        if (models) {
            fill_model(doc, scratch, obj, list, list->names[i]);
        } else {
            fill_profile(doc, scratch, obj, list, list->names[i]);
        }
    }
    fh_json_append(out, scratch, root);
}
