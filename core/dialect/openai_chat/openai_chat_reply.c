/* openai_chat_reply.c: a whole answer becomes events.
 * SPDX-License-Identifier: Apache-2.0 */
#include "openai_chat.h"

static void push_start(struct fh_events *out, yyjson_val *root)
{
    static const struct fh_slice keys[] = {FH_LIT_INIT("choices"), FH_LIT_INIT("usage"),
                                           FH_LIT_INIT("id"),      FH_LIT_INIT("model"),
                                           FH_LIT_INIT("object"),  FH_LIT_INIT("created")};
    yyjson_val *usage = fh_json_get(root, keys[1]);
    struct fh_event *start = fh_event_push(out, FH_EVENT_START);
    yyjson_val *object = fh_json_get(root, keys[4]);
    yyjson_val *created = fh_json_get(root, keys[5]);
    const struct fh_openai_chat_names known = {keys, FH_LEN(keys)};

    start->id = fh_json_text(fh_json_get(root, keys[2]));
    start->model = fh_json_text(fh_json_get(root, keys[3]));
    fh_openai_chat_keep(&start->extras, out->arena, NULL, root, &known, true);
    if (created != NULL && !fh_json_u64(created, &start->created_s)) {
        fh_extra_add(&start->extras, out->arena, NULL, keys[5], created);
    }
    if (object != NULL && !fh_eq(fh_json_text(object), FH_LIT("chat.completion"))) {
        fh_extra_add(&start->extras, out->arena, NULL, keys[4], object);
    }
    if (usage != NULL && !yyjson_is_obj(usage)) {
        fh_extra_add(&start->extras, out->arena, NULL, keys[1], usage);
    }
}

enum fh_rc fh_openai_chat_read_reply(const struct fh_openai_chat_flavour *flavour,
                                     struct fh_events *out, struct fh_slice body,
                                     struct fh_complaint *why)
{
    struct fh_reader r = {.arena = out->arena, .why = why};
    struct fh_path choices_at = {.key = FH_LIT("choices")};
    struct fh_path item = {.up = &choices_at};
    yyjson_val *root = NULL;

    out->dialect = flavour->id;
    FH_TRY(fh_read_document(&r, body, &root));
    yyjson_val *choices = fh_json_get(root, choices_at.key);
    yyjson_val *usage = fh_json_get(root, FH_LIT("usage"));
    yyjson_val *fault = fh_openai_chat_error_in(root);

    if (fault != NULL) {
        fh_openai_chat_read_fault(&fh_event_push(out, FH_EVENT_ERROR)->fault, 0, fault);
        return FH_OK;
    }
    if (!yyjson_is_arr(choices)) {
        return fh_read_wrong(&r, &choices_at, "a list", choices);
    }
    struct fh_openai_chat_turn *turn = fh_openai_chat_turn_new(out->arena);
    yyjson_arr_iter iter = yyjson_arr_iter_with(choices);

    push_start(out, root);
    fh_openai_chat_turn_id(turn, fh_json_text(fh_json_get(root, FH_LIT("id"))));
    for (yyjson_val *v = yyjson_arr_iter_next(&iter); v != NULL;
         v = yyjson_arr_iter_next(&iter)) {
        FH_TRY(fh_openai_chat_read_choice(turn, out, &item, v, true, why));
        item.index++;
    }
    if (yyjson_is_obj(usage)) {
        fh_openai_chat_usage_event(out, usage, true);
    }
    (void)fh_event_push(out, FH_EVENT_END);
    return FH_OK;
}
