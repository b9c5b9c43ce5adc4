/* gemini_parts_out.c: blocks of an answer as parts, and what stands around them.
 * SPDX-License-Identifier: Apache-2.0 */
#include "dialect/gemini/gemini.h"

static const char part_place[] = "/candidates/#/content/parts/#";

void fh_gemini_begin_said(struct fh_gemini_said *said, const struct fh_event *start)
{
    *said = (struct fh_gemini_said){.kind = start->block,
                                    .signer = start->signer,
                                    .id = start->id,
                                    .name = start->name,
                                    .media_type = start->media_type,
                                    .raw = start->raw,
                                    .extras = start->extras};
    if (start->block == FH_BLOCK_REDACTED) {
        said->text = start->text;
    }
}

bool fh_gemini_is_signature(const struct fh_gemini_said *said)
{
    return said->kind == FH_BLOCK_THINKING && !said->thought && said->text.len == 0 &&
           said->signature.len > 0 && said->signer == FH_SIGNER_GEMINI &&
           said->extras.first == NULL;
}

/* write_signature: what Google's model did not sign is sealed, and comes back with its signer. */
static void write_signature(struct fh_writer *w, yyjson_mut_val *part, enum fh_signer signer,
                            struct fh_slice signature)
{
    struct fh_buf sealed = fh_buf_in_arena(w->scratch, SIZE_MAX / 4);

    fh_seal_write(&sealed, FH_SIGNER_GEMINI, signer, signature);
    fh_write_text(w, part, "thoughtSignature", fh_buf_slice(&sealed));
}

static void write_redacted(struct fh_writer *w, yyjson_mut_val *part,
                           const struct fh_gemini_said *said)
{
    struct fh_slice marked[] = {FH_LIT(FH_GEMINI_REDACTED), said->text};
    /* Google redacts nothing: without a seal the mark would not be read */
    enum fh_signer signer = said->signer == FH_SIGNER_GEMINI ? FH_SIGNER_UNKNOWN : said->signer;

    fh_write_word(w, part, "text", "");
    fh_write_bool(w, part, "thought", true);
    write_signature(w, part, signer, fh_concat(w->scratch, marked, FH_LEN(marked)));
}

/* write_call: SDKs hand the arguments to a function as they are, so they must be an object. What a
 * model broke is wrapped, and reported: a check of the arguments fails, where {} might pass. */
static void write_call(struct fh_writer *w, yyjson_mut_val *part,
                       const struct fh_gemini_said *said)
{
    yyjson_mut_val *call = yyjson_mut_obj_add_obj(w->doc, part, "functionCall");

    if (said->id.len > 0) {
        fh_write_text(w, call, "id", said->id);
    }
    fh_write_text(w, call, "name", said->name);
    if (!fh_write_json(w, call, "args", said->text)) {
        fh_write_text(w, yyjson_mut_obj_add_obj(w->doc, call, "args"), "INVALID_JSON",
                      said->text);
        fh_loss_add(w->loss, FH_LIT("/candidates/content/parts/functionCall/args"),
                    "the model's arguments are no JSON object");
    }
    fh_write_extras(w, &said->extras, "/candidates/#/content/parts/#/functionCall", call);
}

static void write_data(struct fh_writer *w, yyjson_mut_val *part,
                       const struct fh_gemini_said *said)
{
    yyjson_mut_val *data = yyjson_mut_obj_add_obj(w->doc, part, "inlineData");
    struct fh_slice guess =
        said->kind == FH_BLOCK_IMAGE ? FH_LIT("image/png") : FH_LIT("audio/wav");

    fh_write_text(w, data, "mimeType", said->media_type.len > 0 ? said->media_type : guess);
    fh_write_text(w, data, "data", said->text);
    fh_write_extras(w, &said->extras, "/candidates/#/content/parts/#/inlineData", data);
}

void fh_gemini_write_part(struct fh_writer *w, yyjson_mut_val *parts,
                          const struct fh_gemini_said *said)
{
    yyjson_mut_val *part = yyjson_mut_obj(w->doc);

    switch (said->kind) {
    case FH_BLOCK_TEXT:
    case FH_BLOCK_REFUSAL:
        fh_write_text(w, part, "text", said->text);
        break;
    case FH_BLOCK_THINKING:
        fh_write_text(w, part, "text", said->text);
        if (!fh_gemini_is_signature(said)) {
            fh_write_bool(w, part, "thought", true);
        }
        break;
    case FH_BLOCK_REDACTED:
        write_redacted(w, part, said);
        break;
    case FH_BLOCK_TOOL_CALL:
        write_call(w, part, said);
        break;
    case FH_BLOCK_IMAGE:
    case FH_BLOCK_AUDIO:
        write_data(w, part, said);
        break;
    case FH_BLOCK_OPAQUE:
        part = said->raw == NULL ? part : yyjson_val_mut_copy(w->doc, said->raw);
        break;
    case FH_BLOCK_DOCUMENT:
    case FH_BLOCK_VIDEO:
    case FH_BLOCK_TOOL_RESULT:
    case FH_BLOCK_KINDS:
        return; /* no answer has them */
    }
    if (said->signature.len > 0) {
        write_signature(w, part, said->signer, said->signature);
    }
    fh_write_extras(w, &said->extras, part_place, part);
    (void)yyjson_mut_arr_append(parts, part);
}

/* ---- around the parts ---- */

struct fh_gemini_page fh_gemini_page(struct fh_arena *scratch, struct fh_loss *loss, bool ours)
{
    yyjson_mut_doc *doc = fh_json_new(scratch);

    return (struct fh_gemini_page){
        .w = {.doc = doc, .scratch = scratch, .loss = loss, .ours = ours},
        .root = yyjson_mut_obj(doc)};
}

void fh_gemini_candidate(struct fh_gemini_page *page, uint32_t choice)
{
    yyjson_mut_doc *doc = page->w.doc;
    yyjson_mut_val *list = yyjson_mut_obj_get(page->root, "candidates");

    if (list == NULL) {
        list = yyjson_mut_obj_add_arr(doc, page->root, "candidates");
    }
    page->candidate = yyjson_mut_arr_add_obj(doc, list);
    yyjson_mut_val *content = yyjson_mut_obj_add_obj(doc, page->candidate, "content");

    page->parts = yyjson_mut_obj_add_arr(doc, content, "parts");
    (void)yyjson_mut_obj_add_str(doc, content, "role", "model");
    (void)yyjson_mut_obj_add_uint(doc, page->candidate, "index", choice);
}

void fh_gemini_write_beside(struct fh_gemini_page *page, const struct fh_extras *extras)
{
    yyjson_mut_val *part = page->parts == NULL ? NULL : yyjson_mut_arr_get_last(page->parts);

    if (!page->w.ours || extras->first == NULL) {
        return;
    }
    fh_write_extras(&page->w, extras, "", page->root);
    if (page->candidate != NULL) {
        fh_write_extras(&page->w, extras, "/candidates/#", page->candidate);
        fh_write_extras(&page->w, extras, "/candidates/#/content",
                        yyjson_mut_obj_get(page->candidate, "content"));
    }
    if (part != NULL) {
        fh_write_extras(&page->w, extras, part_place, part);
    }
}

bool fh_gemini_is_blocked(const struct fh_event *finish)
{
    const struct fh_extra *last = finish->extras.last;

    return finish->dialect == FH_DIALECT_GEMINI && last != NULL &&
           fh_eq(last->key, FH_LIT("promptFeedback"));
}

void fh_gemini_write_finish(struct fh_gemini_page *page, const struct fh_event *finish,
                            bool refused)
{
    struct fh_slice word = fh_gemini_finish_word(finish);

    if (refused && finish->finish == FH_FINISH_STOP) {
        word = FH_LIT("SAFETY"); /* it was declined in words */
    }
    if (word.len > 0 && !fh_gemini_is_blocked(finish)) {
        fh_write_text(&page->w, page->candidate, "finishReason", word);
    }
    fh_gemini_write_beside(page, &finish->extras);
}

void fh_gemini_write_name(struct fh_gemini_page *page, struct fh_slice model,
                          struct fh_slice id)
{
    fh_write_text(&page->w, page->root, "modelVersion", model);
    fh_write_text(&page->w, page->root, "responseId", id);
}
