/* gemini_contents_out.c: messages and blocks as contents and parts for Google.
 * SPDX-License-Identifier: Apache-2.0 */
#include "dialect/gemini/gemini.h"

/* What Google documents for a call that its own model did not make: Gemini 3 refuses a turn whose
 * first call bears no signature. base64 of "skip_thought_signature_validator". */
#define NOT_SIGNED "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I="

static const char contents_place[] = "/contents/#/parts/#";
static const char system_place[] = "/systemInstruction/parts/#";

/* What is written to: the parts of one content, or of the instructions. */
struct parts {
    struct fh_gemini_writer *g;
    yyjson_mut_val *list;
    const char *place;  /* of a part, for extras */
    bool unsigned_call; /* the next call has to say that it is not signed */
};

static yyjson_mut_val *add_part(struct parts *p)
{
    return yyjson_mut_arr_add_obj(p->g->w.doc, p->list);
}

static void write_text(struct parts *p, const struct fh_block *block)
{
    struct fh_writer *w = &p->g->w;

    if (block->text.len > 0 ||
        w->ours) { /* Google refuses empty text, and says nothing by it */
        yyjson_mut_val *part = add_part(p);

        fh_write_text(w, part, "text", block->text);
        fh_write_extras(w, &block->extras, p->place, part);
    }
}

/* is_foreign says whether a signature, or redacted thinking, is not Google's: only a client that
 * was answered by several providers sends such to Google in its own dialect. */
static bool is_foreign(const struct fh_block *block)
{
    return block->signer != FH_SIGNER_GEMINI &&
           (block->signature.len > 0 || block->kind == FH_BLOCK_REDACTED);
}

static void lose_signature(struct fh_writer *w, const struct fh_block *block)
{
    fh_loss_add(w->loss, block->pointer, fh_gemini_cells[FH_FIELD_SIGNATURE_FOREIGN].why);
}

/* write_signature gives a signature that stands alone to the part before it, which it is of. */
static void write_signature(struct parts *p, const struct fh_block *block,
                            const struct fh_block *before)
{
    struct fh_writer *w = &p->g->w;
    yyjson_mut_val *part = yyjson_mut_arr_get_last(p->list);
    bool its = before != NULL && part != NULL &&
               (w->ours ? fh_eq(before->pointer, block->pointer)
                        : before->kind == FH_BLOCK_TEXT || before->kind == FH_BLOCK_IMAGE ||
                              before->kind == FH_BLOCK_AUDIO);

    if (!its || yyjson_mut_obj_get(part, "thoughtSignature") != NULL) {
        part = add_part(p);
        fh_write_word(w, part, "text", "");
    }
    fh_write_text(w, part, "thoughtSignature", block->signature);
}

static void write_thinking(struct parts *p, const struct fh_block *block,
                           const struct fh_block *before)
{
    struct fh_writer *w = &p->g->w;
    bool foreign = is_foreign(block);
    bool alone = block->text.ptr == NULL || (!w->ours && block->text.len == 0);

    if (foreign) {
        lose_signature(w, block);
    }
    if (alone && !foreign && block->signature.len > 0) {
        write_signature(p, block, before);
        return;
    }
    if (block->text.len == 0 && (foreign || !w->ours)) {
        return;
    }
    yyjson_mut_val *part = add_part(p);

    fh_write_text(w, part, "text", block->text);
    fh_write_bool(w, part, "thought", true);
    if (!foreign && block->signature.len > 0) {
        fh_write_text(w, part, "thoughtSignature", block->signature);
    }
    fh_write_extras(w, &block->extras, p->place, part);
}

static enum fh_rc write_call(struct parts *p, const struct fh_block *block)
{
    struct fh_writer *w = &p->g->w;
    yyjson_mut_val *part = add_part(p);
    yyjson_mut_val *call = yyjson_mut_obj_add_obj(w->doc, part, "functionCall");

    if (block->id.len > 0 && !block->id_made_up) {
        fh_write_text(w, call, "id", block->id);
    }
    fh_write_text(w, call, "name", block->name);
    if (!fh_write_json(w, call, "args", block->arguments)) {
        return fh_write_refuse(w, block->pointer,
                               "the arguments of a call have to be a JSON object in gemini");
    }
    fh_write_extras(w, &block->extras, "/contents/#/parts/#/functionCall", call);
    if (is_foreign(block)) {
        lose_signature(w, block);
        p->unsigned_call = true;
    } else if (block->signature.len > 0) {
        fh_write_text(w, part, "thoughtSignature", block->signature);
    }
    if (p->unsigned_call) {
        fh_write_word(w, part, "thoughtSignature", NOT_SIGNED);
        p->unsigned_call = false;
    }
    fh_write_extras(w, &block->extras, p->place, part);
    return FH_OK;
}

static void write_media(struct parts *p, const struct fh_block *block)
{
    struct fh_writer *w = &p->g->w;
    yyjson_mut_val *part = add_part(p);

    if (block->source == FH_SOURCE_TEXT && !w->ours) {
        fh_write_text(w, part, "text", block->data);
        return;
    }
    fh_gemini_write_media(w, part, block, p->place);
    fh_write_extras(w, &block->extras, p->place, part);
}

static enum fh_rc write_block(struct parts *p, const struct fh_block *block,
                              const struct fh_block *before)
{
    struct fh_writer *w = &p->g->w;

    switch (block->kind) {
    case FH_BLOCK_TEXT:
    case FH_BLOCK_REFUSAL:
        write_text(p, block);
        break;
    case FH_BLOCK_THINKING:
        write_thinking(p, block, before);
        break;
    case FH_BLOCK_TOOL_CALL:
        return write_call(p, block);
    case FH_BLOCK_TOOL_RESULT:
        return fh_gemini_write_result(p->g, p->list, block);
    case FH_BLOCK_IMAGE:
    case FH_BLOCK_DOCUMENT:
    case FH_BLOCK_AUDIO:
    case FH_BLOCK_VIDEO:
        write_media(p, block);
        break;
    case FH_BLOCK_OPAQUE:
        (void)yyjson_mut_arr_append(p->list, yyjson_val_mut_copy(w->doc, block->raw));
        break;
    case FH_BLOCK_REDACTED: /* sealed, so it is another's */
        lose_signature(w, block);
        break;
    case FH_BLOCK_KINDS:
        break;
    }
    return FH_OK;
}

static enum fh_rc write_blocks(struct parts *p, const struct fh_blocks *blocks)
{
    const struct fh_block *before = NULL;

    for (const struct fh_block *block = blocks->first; block != NULL; block = block->next) {
        FH_TRY(write_block(p, block, before));
        before = block;
    }
    return FH_OK;
}

/* write_given writes the images and documents that tools gave, behind all of their answers:
 * Google counts that each call of the turn before is answered, and models before Gemini 3 take
 * them nowhere else. */
static void write_given(struct parts *p, const struct fh_blocks *blocks)
{
    for (const struct fh_block *block = blocks->first; block != NULL; block = block->next) {
        const struct fh_block *piece =
            block->kind == FH_BLOCK_TOOL_RESULT ? block->content.first : NULL;

        for (; piece != NULL; piece = piece->next) {
            if (piece->kind != FH_BLOCK_TEXT) {
                write_media(p, piece);
            }
        }
    }
}

/* lacks_signature says whether a turn calls, and Google signed none of it. */
static bool lacks_signature(const struct fh_message *message)
{
    bool calls = false;

    for (const struct fh_block *b = message->content.first; b != NULL; b = b->next) {
        if (b->kind == FH_BLOCK_TOOL_CALL) {
            if (b->signature.len > 0 && b->signer == FH_SIGNER_GEMINI) {
                return false;
            }
            calls = true;
        }
    }
    return calls;
}

static bool instructs(const struct fh_message *message)
{
    return message->role == FH_ROLE_SYSTEM || message->role == FH_ROLE_DEVELOPER;
}

static const char *role_word(const struct fh_writer *w, enum fh_role role)
{
    if (role == FH_ROLE_ASSISTANT) {
        return "model";
    }
    return w->ours && role == FH_ROLE_TOOL ? "function" : "user";
}

/* write_turn writes one content. Answers of tools that are messages of their own elsewhere are one
 * turn here. Gives the message behind it. */
static enum fh_rc write_turn(struct fh_gemini_writer *g, yyjson_mut_val *contents,
                             const struct fh_message **at)
{
    const struct fh_message *first = *at;
    struct parts p = {.g = g, .list = yyjson_mut_arr(g->w.doc), .place = contents_place};
    const struct fh_message *m = first;

    p.unsigned_call = !g->w.ours && lacks_signature(first);
    do {
        FH_TRY(write_blocks(&p, &m->content));
        m = m->next;
    } while (m != NULL && !g->w.ours && first->role == FH_ROLE_TOOL && m->role == FH_ROLE_TOOL);
    for (const struct fh_message *again = first; again != m && !g->w.ours;
         again = again->next) {
        write_given(&p, &again->content);
    }
    *at = m;
    if (yyjson_mut_arr_size(p.list) > 0 || g->w.ours) {
        yyjson_mut_val *content = yyjson_mut_arr_add_obj(g->w.doc, contents);

        (void)yyjson_mut_obj_add_val(g->w.doc, content, "parts", p.list);
        fh_write_word(&g->w, content, "role", role_word(&g->w, first->role));
        fh_write_extras(&g->w, &first->extras, "/contents/#", content);
    }
    return FH_OK;
}

enum fh_rc fh_gemini_write_contents(struct fh_gemini_writer *g, yyjson_mut_val *root)
{
    yyjson_mut_val *contents = yyjson_mut_obj_add_arr(g->w.doc, root, "contents");

    for (const struct fh_message *m = g->w.req->first_message; m != NULL;) {
        if (instructs(m)) {
            m = m->next;
        } else {
            FH_TRY(write_turn(g, contents, &m));
        }
    }
    return FH_OK;
}

/* fh_gemini_write_system gathers instructions from wherever they stood. */
void fh_gemini_write_system(struct fh_gemini_writer *g, yyjson_mut_val *root)
{
    struct parts p = {.g = g, .list = yyjson_mut_arr(g->w.doc), .place = system_place};
    yyjson_mut_val *system = yyjson_mut_obj(g->w.doc);

    /* instructions are text: nothing in them can be refused */
    (void)!write_blocks(&p, &g->w.req->system);
    for (const struct fh_message *m = g->w.req->first_message; m != NULL; m = m->next) {
        if (instructs(m)) {
            (void)!write_blocks(&p, &m->content);
        }
    }
    if (yyjson_mut_arr_size(p.list) > 0) {
        (void)yyjson_mut_obj_add_val(g->w.doc, system, "parts", p.list);
    }
    fh_write_extras(&g->w, &g->w.req->extras, "/systemInstruction", system);
    if (yyjson_mut_obj_size(system) > 0) {
        (void)yyjson_mut_obj_add_val(g->w.doc, root, "systemInstruction", system);
    }
}
