/* openai_responses_items.c: messages and blocks become items. The blocks of an item of our own go
 * back into one item; from elsewhere, what is said side by side is one message, and thinking, calls
 * and answers of tools are items beside it, in the order in which they were.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"
#include "chat/media.h"
#include "dialect/openai_responses/openai_responses.h"

struct scribe {
    struct fh_writer *w;
    yyjson_mut_val *list;
    yyjson_mut_val *message, *content; /* that is being written; NULL: none is */
    bool string;                       /* its one text is to be a string */
};

static const char part_place[] = "/input/#/content/#";
static const char output_place[] = "/input/#/output/#";
static const char item_place[] = "/input/#";

/* ---- parts ---- */

static struct fh_slice text_data(struct fh_writer *w, const struct fh_block *block)
{
    struct fh_buf data = fh_buf_in_arena(w->scratch, SIZE_MAX / 4);

    fh_base64_encode(&data, block->data, FH_BASE64);
    return fh_data_url(w->scratch, block->media_type, fh_buf_slice(&data));
}

static void write_image(struct fh_writer *w, const struct fh_block *block, yyjson_mut_val *part)
{
    fh_write_word(w, part, "type", "input_image");
    if (block->source == FH_SOURCE_FILE) {
        fh_write_text(w, part, "file_id", block->data);
    } else if (block->source == FH_SOURCE_BASE64) {
        fh_write_text(w, part, "image_url",
                      fh_data_url(w->scratch, block->media_type, block->data));
    } else {
        fh_write_text(w, part, "image_url", block->data);
    }
    fh_write_given(w, part, "detail", block->detail);
}

/* file_data gives the data: URL of a document. Our own clients may send bare base64. */
static struct fh_slice file_data(struct fh_writer *w, const struct fh_block *block)
{
    if (block->media_type.len > 0) {
        return fh_data_url(w->scratch, block->media_type, block->data);
    }
    return w->ours ? block->data
                   : fh_data_url(w->scratch, FH_LIT("application/pdf"), block->data);
}

static void write_file(struct fh_writer *w, const struct fh_block *block, yyjson_mut_val *part)
{
    struct fh_slice name = block->name;

    fh_write_word(w, part, "type", "input_file");
    switch (block->source) {
    case FH_SOURCE_URL:
        fh_write_text(w, part, "file_url", block->data);
        break;
    case FH_SOURCE_FILE:
        fh_write_text(w, part, "file_id", block->data);
        break;
    case FH_SOURCE_TEXT:
        fh_write_text(w, part, "file_data", text_data(w, block));
        break;
    case FH_SOURCE_NONE:
    case FH_SOURCE_BASE64:
        fh_write_text(w, part, "file_data", file_data(w, block));
        /* openai/responses "input_file": bytes without a name are refused */
        name = name.ptr == NULL && !w->ours ? FH_LIT("document.pdf") : name;
        break;
    }
    fh_write_given(w, part, "filename", name);
}

/* write_plain writes a document of another dialect that is text: it needs no file here. */
static void write_plain(struct fh_writer *w, const struct fh_block *block, yyjson_mut_val *part)
{
    struct fh_slice title[] = {block->pointer, FH_LIT("/title")};

    fh_write_word(w, part, "type", "input_text");
    fh_write_text(w, part, "text", block->data);
    if (block->name.len > 0) {
        fh_loss_add(w->loss, fh_concat(w->scratch, title, FH_LEN(title)),
                    "a plain text document becomes a text, which has no title");
    }
}

static void write_words(struct fh_writer *w, const struct fh_block *block, bool by_model,
                        yyjson_mut_val *part)
{
    struct fh_slice type = by_model ? FH_LIT("output_text") : FH_LIT("input_text");

    if (block->kind == FH_BLOCK_REFUSAL) {
        fh_write_word(w, part, "type", "refusal");
        fh_write_text(w, part, "refusal", block->text);
        return;
    }
    if (w->ours && block->raw != NULL) { /* a client may have its own word for it */
        type = fh_json_text(fh_json_get(block->raw, FH_LIT("type")));
    }
    fh_write_text(w, part, "type", type);
    fh_write_text(w, part, "text", block->text);
    fh_write_val(w, part, "annotations", block->citations);
}

/* write_part writes a block as part of a message or of a tool's answer. */
static void write_part(struct fh_writer *w, const struct fh_block *block, bool by_model,
                       const char *place, yyjson_mut_val *list)
{
    if (block->kind == FH_BLOCK_OPAQUE) {
        (void)yyjson_mut_arr_append(list, yyjson_val_mut_copy(w->doc, block->raw));
        return;
    }
    yyjson_mut_val *part = yyjson_mut_arr_add_obj(w->doc, list);

    if (block->kind == FH_BLOCK_IMAGE) {
        write_image(w, block, part);
    } else if (block->kind == FH_BLOCK_DOCUMENT && block->source == FH_SOURCE_TEXT &&
               !w->ours) {
        write_plain(w, block, part);
    } else if (block->kind == FH_BLOCK_DOCUMENT) {
        write_file(w, block, part);
    } else {
        write_words(w, block, by_model, part);
    }
    if (block->cache != FH_CACHE_NONE) {
        fh_write_word(w, fh_write_in(w, part, "prompt_cache_breakpoint"), "mode", "explicit");
    }
    fh_write_extras(w, &block->extras, place, part);
}

/* is_bare says whether a block can be a string. */
static bool is_bare(const struct fh_writer *w, const struct fh_block *block)
{
    if (w->ours) {
        return block->from_string;
    }
    return block->kind == FH_BLOCK_TEXT && block->citations == NULL;
}

/* add_content writes what is a string or a list of parts: every server reads a string. */
static void add_content(struct fh_writer *w, yyjson_mut_val *obj, const char *key,
                        yyjson_mut_val *parts, bool string)
{
    yyjson_mut_val *text = yyjson_mut_obj_get(yyjson_mut_arr_get_first(parts), "text");

    if (string && yyjson_mut_arr_size(parts) == 1 && text != NULL) {
        /* the value moves: the part that held it is left out */
        (void)yyjson_mut_obj_add_val(w->doc, obj, key, text);
    } else {
        (void)yyjson_mut_obj_add_val(w->doc, obj, key, parts);
    }
}

/* ---- items ---- */

/* add_item begins an item, with what one of our own said of itself. */
static yyjson_mut_val *add_item(struct scribe *s, const struct fh_block *block,
                                const char *type)
{
    struct fh_writer *w = s->w;
    yyjson_mut_val *obj = yyjson_mut_arr_add_obj(w->doc, s->list);

    if (w->ours && block != NULL && block->item != NULL) {
        fh_write_val(w, obj, "type", fh_json_get(block->item, FH_LIT("type")));
        fh_write_val(w, obj, "id", fh_json_get(block->item, FH_LIT("id")));
        fh_write_val(w, obj, "status", fh_json_get(block->item, FH_LIT("status")));
    } else {
        fh_write_word(w, obj, "type", type);
    }
    return obj;
}

/* end_message writes the content of the message that was being written. */
static void end_message(struct scribe *s)
{
    if (s->message != NULL) {
        add_content(s->w, s->message, "content", s->content, s->string);
    }
    s->message = NULL;
}

static struct fh_slice word_of(const struct fh_writer *w, enum fh_role role)
{
    bool old = role == FH_ROLE_DEVELOPER && !w->ours &&
               (w->req->envelope.quirks & FH_QUIRK_NO_DEVELOPER) != 0;

    return fh_responses_roles[old ? FH_ROLE_SYSTEM : role];
}

static void say(struct scribe *s, const struct fh_block *block, enum fh_role role)
{
    if (block->item != NULL) {
        end_message(s);
    }
    if (s->message == NULL) {
        s->message = add_item(s, block, "message");
        s->content = yyjson_mut_arr(s->w->doc);
        s->string = true;
        fh_write_text(s->w, s->message, "role", word_of(s->w, role));
        fh_write_extras(s->w, &block->extras, item_place, s->message);
    }
    s->string = s->string && is_bare(s->w, block);
    write_part(s->w, block, role == FH_ROLE_ASSISTANT, part_place, s->content);
}

static struct fh_slice sealed(struct fh_writer *w, enum fh_responses_proof proof,
                              const struct fh_block *block)
{
    struct fh_buf text = fh_buf_in_arena(w->scratch, SIZE_MAX / 4);
    bool hidden = proof == FH_RESPONSES_REDACTED;

    fh_responses_seal(&text, w->scratch, proof, block->id, block->signer,
                      hidden ? block->data : block->signature);
    return fh_buf_slice(&text);
}

static void add_summary(struct fh_writer *w, yyjson_mut_val *item, const struct fh_block *block)
{
    yyjson_mut_val *list = yyjson_mut_obj_add_arr(w->doc, item, "summary");

    if (block->kind == FH_BLOCK_THINKING) {
        yyjson_mut_val *part = yyjson_mut_arr_add_obj(w->doc, list);

        fh_write_word(w, part, "type", "summary_text");
        fh_write_text(w, part, "text", block->text);
    }
}

/* add_thinking writes a reasoning item. Without an id: OpenAI goes by what is encrypted. */
static void add_thinking(struct scribe *s, const struct fh_block *block)
{
    struct fh_writer *w = s->w;
    yyjson_mut_val *item = add_item(s, block, "reasoning");
    bool hidden = block->kind == FH_BLOCK_REDACTED;

    if (w->ours) {
        fh_write_val(w, item, "summary", fh_json_get(block->item, FH_LIT("summary")));
        fh_write_val(w, item, "content", fh_json_get(block->item, FH_LIT("content")));
    } else {
        add_summary(w, item, block);
    }
    if (hidden || block->signature.len > 0) {
        fh_write_text(w, item, "encrypted_content",
                      sealed(w, hidden ? FH_RESPONSES_REDACTED : FH_RESPONSES_SIGNATURE,
                             block));
    }
    fh_write_extras(w, &block->extras, item_place, item);
}

static void add_call(struct scribe *s, const struct fh_block *block)
{
    struct fh_writer *w = s->w;
    yyjson_mut_val *item = add_item(s, block, "function_call");
    bool silent = block->arguments.len == 0 && !w->ours;

    fh_write_text(w, item, "call_id", block->id);
    fh_write_text(w, item, "name", block->name);
    fh_write_given(w, item, "arguments", silent ? FH_LIT("{}") : block->arguments);
    fh_write_extras(w, &block->extras, item_place, item);
    if (block->signature.len > 0) {
        yyjson_mut_val *beside = add_item(s, NULL, "reasoning");

        (void)yyjson_mut_obj_add_arr(w->doc, beside, "summary");
        fh_write_text(w, beside, "encrypted_content", sealed(w, FH_RESPONSES_CALL, block));
    }
}

static void add_answer(struct scribe *s, const struct fh_block *block)
{
    struct fh_writer *w = s->w;
    yyjson_mut_val *item = add_item(s, block, "function_call_output");
    yyjson_mut_val *parts = yyjson_mut_arr(w->doc);
    bool string = true;

    fh_write_text(w, item, "call_id", block->id);
    for (const struct fh_block *b = block->content.first; b != NULL; b = b->next) {
        string = string && is_bare(w, b);
        write_part(w, b, false, output_place, parts);
    }
    if (block->content.first == NULL && !w->ours) {
        fh_write_word(w, item, "output", "");
    } else if (block->content.first != NULL) {
        add_content(w, item, "output", parts, string);
    }
    fh_write_extras(w, &block->extras, item_place, item);
}

static void write_block(struct scribe *s, const struct fh_block *block, enum fh_role role)
{
    switch (block->kind) {
    case FH_BLOCK_THINKING:
    case FH_BLOCK_REDACTED:
        end_message(s);
        add_thinking(s, block);
        break;
    case FH_BLOCK_TOOL_CALL:
        end_message(s);
        add_call(s, block);
        break;
    case FH_BLOCK_TOOL_RESULT:
        end_message(s);
        add_answer(s, block);
        break;
    case FH_BLOCK_OPAQUE:
        if (block->raw == block->item) { /* an item of its own, else a part */
            end_message(s);
            (void)yyjson_mut_arr_append(s->list, yyjson_val_mut_copy(s->w->doc, block->raw));
            break;
        }
        say(s, block, role);
        break;
    case FH_BLOCK_TEXT:
    case FH_BLOCK_IMAGE:
    case FH_BLOCK_DOCUMENT:
    case FH_BLOCK_REFUSAL:
        say(s, block, role);
        break;
    case FH_BLOCK_AUDIO: /* refused */
    case FH_BLOCK_VIDEO:
    case FH_BLOCK_KINDS:
        break;
    }
}

/* write_silent is for a message of our own in which nothing stands. */
static void write_silent(struct scribe *s, const struct fh_message *m)
{
    yyjson_mut_val *item = add_item(s, NULL, "message");

    fh_write_text(s->w, item, "role", fh_responses_roles[m->role]);
    fh_write_extras(s->w, &m->extras, item_place, item);
}

/* add_system writes instructions that are more than one text: `instructions` is a string. */
static void add_system(struct scribe *s)
{
    const struct fh_block *block = s->w->req->system.first;

    for (bool one = block == NULL || block->next == NULL; block != NULL && !one;
         block = block->next) {
        write_block(s, block, FH_ROLE_SYSTEM);
    }
    end_message(s);
}

void fh_responses_write_input(struct fh_writer *w, yyjson_mut_val *list)
{
    struct scribe s = {.w = w, .list = list};

    add_system(&s);
    for (const struct fh_message *m = w->req->first_message; m != NULL; m = m->next) {
        enum fh_role role = m->role == FH_ROLE_TOOL ? FH_ROLE_USER : m->role;

        for (const struct fh_block *b = m->content.first; b != NULL; b = b->next) {
            write_block(&s, b, role);
        }
        end_message(&s);
        if (w->ours && m->content.first == NULL && m->extras.first != NULL) {
            write_silent(&s, m);
        }
    }
}
