/* gemini_models.c: the list of models, and counting tokens.
 * SPDX-License-Identifier: Apache-2.0 */
#include "dialect/gemini/gemini.h"
#include "wire/json_scan.h"

enum { DEPTH_MAX = 256 };

/* ---- models ---- */

/* add_model says what a gateway knows of a model: neither its limits nor its version. Vertex names
 * models by their publisher, and says of none what it can do. */
static void add_model(struct fh_writer *w, yyjson_mut_val *obj, struct fh_slice name,
                      bool published)
{
    static const char *const methods[] = {"generateContent", "streamGenerateContent"};
    struct fh_slice parts[] = {
        published ? FH_LIT("publishers/google/models/") : FH_LIT("models/"), name};
    yyjson_mut_val *list = NULL;

    fh_write_text(w, obj, "name", fh_concat(w->scratch, parts, FH_LEN(parts)));
    if (published) {
        return;
    }
    fh_write_text(w, obj, "displayName", name);
    list = yyjson_mut_obj_add_arr(w->doc, obj, "supportedGenerationMethods");
    for (size_t i = 0; i < FH_LEN(methods); i++) {
        (void)yyjson_mut_arr_add_str(w->doc, list, methods[i]);
    }
}

void fh_gemini_encode_models(struct fh_buf *out, struct fh_arena *scratch,
                             const struct fh_listing *list)
{
    struct fh_writer w = {.doc = fh_json_new(scratch), .scratch = scratch};
    yyjson_mut_val *root = yyjson_mut_obj(w.doc);
    bool published = list->kind == FH_LIST_PUBLISHED;

    if (list->one) {
        FH_ASSERT(list->count == 1);
        add_model(&w, root, list->names[0], published);
        fh_json_append(out, scratch, root);
        return;
    }
    yyjson_mut_val *models =
        yyjson_mut_obj_add_arr(w.doc, root, published ? "publisherModels" : "models");

    for (size_t i = 0; i < list->count; i++) {
        add_model(&w, yyjson_mut_arr_add_obj(w.doc, models), list->names[i], published);
    }
    fh_json_append(out, scratch, root);
}

/* ---- counting ---- */

enum fh_rc fh_gemini_unwrap_count(struct fh_slice *chat, struct fh_arena *arena,
                                  struct fh_slice body, struct fh_complaint *why)
{
    static const struct fh_slice names[] = {FH_LIT_INIT("generateContentRequest"),
                                            FH_LIT_INIT("generate_content_request"),
                                            FH_LIT_INIT("contents")};
    struct fh_json_member at[FH_LEN(names)];
    struct fh_error error = {0};

    FH_UNUSED(arena);
    if (fh_json_scan(body, names, at, FH_LEN(names), DEPTH_MAX, &error) != FH_OK) {
        *why = (struct fh_complaint){.kind = FH_REFUSE_BAD_REQUEST,
                                     .message = fh_cstr(error.what)};
        return FH_E_SYNTAX;
    }
    struct fh_slice inner = at[0].value.ptr != NULL ? at[0].value : at[1].value;

    if (inner.ptr != NULL && at[2].value.ptr != NULL) {
        *why = (struct fh_complaint){
            .kind = FH_REFUSE_BAD_REQUEST,
            .message =
                FH_LIT("the body has both contents and generateContentRequest; one is right"),
            .pointer = FH_LIT("/generateContentRequest")};
        return FH_E_CONFLICT;
    }
    *chat = inner.ptr != NULL ? inner : body;
    return FH_OK;
}

/* wrap_count: Google's own API counts `contents`, or a generateContentRequest that names its
 * model; Vertex knows no generateContentRequest. What both take is contents: so instructions are
 * counted as what a user says, and declarations of tools as their text, which is a little more
 * than they are. */
void fh_gemini_wrap_count(struct fh_buf *out, struct fh_arena *scratch, struct fh_slice chat)
{
    static const struct fh_slice names[] = {
        FH_LIT_INIT("contents"), FH_LIT_INIT("systemInstruction"), FH_LIT_INIT("tools")};
    struct fh_json_member at[FH_LEN(names)];
    struct fh_error error;

    FH_UNUSED(scratch);
    if (fh_json_scan(chat, names, at, FH_LEN(names), DEPTH_MAX, &error) != FH_OK) {
        return; /* encode_request wrote it */
    }
    struct fh_slice contents = at[0].value; /* [ … ] */

    FH_ASSERT(contents.len >= 2);
    contents = fh_sub(contents, 1, contents.len - 2);
    fh_buf_append(out, FH_LIT("{\"contents\":["));
    if (at[1].value.ptr != NULL) {
        fh_buf_append(out, at[1].value);
        fh_buf_append(out, at[2].value.ptr != NULL || contents.len > 0 ? FH_LIT(",") : FH_NONE);
    }
    if (at[2].value.ptr != NULL) {
        fh_buf_append(out, FH_LIT("{\"role\":\"user\",\"parts\":[{\"text\":"));
        fh_json_quote(out, at[2].value);
        fh_buf_append(out, contents.len > 0 ? FH_LIT("}]},") : FH_LIT("}]}"));
    }
    fh_buf_append(out, contents);
    fh_buf_append(out, FH_LIT("]}"));
}

bool fh_gemini_decode_count(struct fh_slice body, struct fh_arena *scratch, uint64_t *tokens)
{
    yyjson_val *root = NULL;
    struct fh_error error;

    return fh_json_parse(scratch, body, &root, &error) == FH_OK &&
           fh_json_u64(fh_json_get(root, FH_LIT("totalTokens")), tokens);
}

void fh_gemini_encode_count(struct fh_buf *out, uint64_t tokens)
{
    fh_buf_append(out, FH_LIT("{\"totalTokens\":"));
    fh_buf_u64(out, tokens);
    fh_buf_byte(out, '}');
}
