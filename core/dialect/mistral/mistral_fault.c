/* mistral_fault.c: errors and models, as Mistral's clients expect them.
 * SPDX-License-Identifier: Apache-2.0 */
#include "mistral.h"

#include "wire/frames.h"

static void write_or_null(struct fh_writer *w, yyjson_mut_val *obj, const char *key,
                          struct fh_slice text)
{
    if (text.len > 0) {
        fh_write_text(w, obj, key, text);
    } else {
        (void)yyjson_mut_obj_add_null(w->doc, obj, key);
    }
}

/* {"object": "error", …}, with the status in it. A stream has no error event that the SDK
 * understands: it stumbles over this one, and the exchange breaks the connection behind it. */
void fh_mistral_encode_fault(struct fh_buf *out, struct fh_arena *scratch,
                             struct fh_slice request_id, const struct fh_fault *fault,
                             enum fh_framing framing)
{
    const struct fh_refusal_shape *shape = &fh_refusal_row(fault->kind)->openai;
    struct fh_writer w = {.doc = fh_json_new(scratch), .scratch = scratch};
    struct fh_buf line = fh_buf_in_arena(scratch, SIZE_MAX / 4);
    yyjson_mut_val *root = yyjson_mut_obj(w.doc);

    FH_UNUSED(request_id); /* this dialect has it in a header alone */
    fh_write_word(&w, root, "object", "error");
    fh_write_text(&w, root, "message", fault->message);
    fh_write_text(&w, root, "type", shape->type);
    write_or_null(&w, root, "param", fault->param);
    write_or_null(&w, root, "code", shape->code.len > 0 ? shape->code : fault->type);
    (void)yyjson_mut_obj_add_uint(w.doc, root, "raw_status_code", shape->status);
    if (framing == FH_FRAMING_NONE) {
        fh_json_append(out, scratch, root);
        return;
    }
    fh_json_append(&line, scratch, root);
    fh_frame_write(out, framing, FH_NONE, fh_buf_slice(&line));
}

static void add_model(struct fh_writer *w, yyjson_mut_val *card, const struct fh_listing *list,
                      struct fh_slice name)
{
    fh_write_text(w, card, "id", name);
    fh_write_word(w, card, "object", "model");
    (void)yyjson_mut_obj_add_uint(w->doc, card, "created", list->created_s);
    fh_write_word(w, card, "owned_by", "freehold");
    yyjson_mut_val *can = fh_write_in(w, card, "capabilities");

    fh_write_bool(w, can, "completion_chat", true);
    fh_write_bool(w, can, "function_calling", true);
    fh_write_bool(w, can, "completion_fim", false);
    fh_write_bool(w, can, "fine_tuning", false);
    fh_write_text(w, card, "name", name);
    fh_write_word(w, card, "type", "base");
}

void fh_mistral_encode_models(struct fh_buf *out, struct fh_arena *scratch,
                              const struct fh_listing *list)
{
    struct fh_writer w = {.doc = fh_json_new(scratch), .scratch = scratch};
    yyjson_mut_val *root = yyjson_mut_obj(w.doc);

    if (list->one) {
        FH_ASSERT(list->count == 1);
        add_model(&w, root, list, list->names[0]);
        fh_json_append(out, scratch, root);
        return;
    }
    fh_write_word(&w, root, "object", "list");
    yyjson_mut_val *data = yyjson_mut_obj_add_arr(w.doc, root, "data");

    for (size_t i = 0; i < list->count; i++) {
        add_model(&w, yyjson_mut_arr_add_obj(w.doc, data), list, list->names[i]);
    }
    fh_json_append(out, scratch, root);
}
