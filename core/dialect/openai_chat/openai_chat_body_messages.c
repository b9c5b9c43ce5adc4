/* openai_chat_body_messages.c: messages of blocks become messages of this dialect.
 * SPDX-License-Identifier: Apache-2.0 */
#include "openai_chat.h"

#include "chat/breakpoint.h"
#include "chat/media.h"

/* ---- parts ---- */

static void write_part_cache(struct fh_writer *w, const struct fh_block *block,
                             yyjson_mut_val *part)
{
    if (block->cache_at.ptr != NULL) {
        fh_write_word(w, fh_write_in(w, part, "prompt_cache_breakpoint"), "mode", "explicit");
    } else {
        fh_breakpoint_write(w, part, "cache_control", block->cache);
    }
}

struct fh_slice fh_openai_chat_url_of(struct fh_writer *w, const struct fh_block *block)
{
    return block->source == FH_SOURCE_BASE64 && block->media_type.len > 0
               ? fh_data_url(w->scratch, block->media_type, block->data)
               : block->data;
}

static void write_url(struct fh_writer *w, const struct fh_block *block, yyjson_mut_val *part,
                      const char *key)
{
    fh_write_word(w, part, "type", key);
    if (w->ours && block->from_string) {
        fh_write_text(w, part, key, fh_openai_chat_url_of(w, block));
        return;
    }
    yyjson_mut_val *image = fh_write_in(w, part, key);

    fh_write_text(w, image, "url", fh_openai_chat_url_of(w, block));
    fh_write_given(w, image, "detail", block->detail);
    fh_write_extras(w, &block->extras,
                    block->kind == FH_BLOCK_IMAGE ? "/messages/#/content/#/image_url"
                                                  : "/messages/#/content/#/video_url",
                    image);
}

static void write_audio(struct fh_writer *w, const struct fh_block *block, yyjson_mut_val *part)
{
    struct fh_slice format = block->media_type;

    (void)!fh_take(&format, FH_LIT("audio/"));
    fh_write_word(w, part, "type", "input_audio");
    yyjson_mut_val *audio = fh_write_in(w, part, "input_audio");

    fh_write_text(w, audio, "data", block->data);
    fh_write_text(w, audio, "format", format);
    fh_write_extras(w, &block->extras, "/messages/#/content/#/input_audio", audio);
}

/* Files are PDFs here; plain text is just text. */
void fh_openai_chat_write_plain(struct fh_writer *w, const struct fh_block *block,
                                yyjson_mut_val *part)
{
    fh_write_word(w, part, "type", "text");
    fh_write_text(w, part, "text", block->data);
    if (block->name.len > 0) {
        fh_loss_add(w->loss, block->pointer, "its title: a text part has none");
    }
}

static void write_file(struct fh_writer *w, const struct fh_block *block, yyjson_mut_val *part)
{
    if (block->source == FH_SOURCE_TEXT) {
        fh_openai_chat_write_plain(w, block, part);
        return;
    }
    fh_write_word(w, part, "type", "file");
    yyjson_mut_val *file = fh_write_in(w, part, "file");

    if (block->source == FH_SOURCE_FILE) {
        fh_write_text(w, file, "file_id", block->data);
    } else {
        fh_write_text(w, file, "file_data", fh_openai_chat_url_of(w, block));
    }
    /* openai/chat "file": bytes without a name are refused */
    fh_write_given(w, file, "filename",
                   block->name.ptr == NULL && !w->ours ? FH_LIT("document.pdf") : block->name);
    fh_write_extras(w, &block->extras, "/messages/#/content/#/file", file);
}

static void write_words(struct fh_writer *w, const struct fh_block *block, yyjson_mut_val *part)
{
    const char *word = block->kind == FH_BLOCK_REFUSAL ? "refusal" : "text";

    fh_write_word(w, part, "type", word);
    fh_write_text(w, part, word, block->text);
}

static void write_part(struct fh_writer *w, const struct fh_block *block, yyjson_mut_val *parts)
{
    const struct fh_openai_chat_flavour *flavour = fh_openai_chat_flavour_in(w);
    yyjson_mut_val *part = yyjson_mut_obj(w->doc);

    if (block->kind == FH_BLOCK_OPAQUE) {
        (void)yyjson_mut_arr_append(parts, yyjson_val_mut_copy(w->doc, block->raw));
        return;
    }
    if (flavour->write_part != NULL && flavour->write_part(w, block, parts)) {
        return;
    }
    (void)yyjson_mut_arr_append(parts, part);
    if (block->kind == FH_BLOCK_IMAGE) {
        write_url(w, block, part, "image_url");
    } else if (block->kind == FH_BLOCK_VIDEO) {
        write_url(w, block, part, "video_url");
    } else if (block->kind == FH_BLOCK_DOCUMENT) {
        write_file(w, block, part);
    } else if (block->kind == FH_BLOCK_AUDIO) {
        write_audio(w, block, part);
    } else {
        write_words(w, block, part);
    }
    write_part_cache(w, block, part);
    fh_write_extras(w, &block->extras, "/messages/#/content/#", part);
}

/* ---- messages ---- */

/* write_content writes the member `content`: a string where it was one, or where one text is all
 * there is (every compatible server reads that), else a list of parts. */
static void write_content(struct fh_writer *w, yyjson_mut_val *message, yyjson_mut_val *parts,
                          bool string)
{
    yyjson_mut_val *text = yyjson_mut_obj_get(yyjson_mut_arr_get_first(parts), "text");

    if (yyjson_mut_arr_size(parts) == 1 && string && text != NULL) {
        /* the value moves: the part that held it is left out */
        (void)yyjson_mut_obj_add_val(w->doc, message, "content", text);
    } else if (yyjson_mut_arr_size(parts) > 0) {
        (void)yyjson_mut_obj_add_val(w->doc, message, "content", parts);
    }
}

static bool wants_string(const struct fh_writer *w, const struct fh_blocks *content)
{
    return !w->ours || (content->first != NULL && content->first->from_string);
}

static yyjson_mut_val *add_message(struct fh_writer *w, yyjson_mut_val *messages,
                                   enum fh_role role)
{
    yyjson_mut_val *message = yyjson_mut_arr_add_obj(w->doc, messages);

    if (role == FH_ROLE_DEVELOPER && (fh_openai_chat_quirk(w, FH_QUIRK_NO_DEVELOPER) ||
                                      fh_openai_chat_flavour_in(w)->no_developer)) {
        role = FH_ROLE_SYSTEM;
    }
    fh_write_text(w, message, "role", fh_openai_chat_roles[role]);
    return message;
}

/* call_id: a call that came from elsewhere may have an id that its provider would not take. */
static struct fh_slice call_id(struct fh_writer *w, struct fh_slice id)
{
    const struct fh_openai_chat_flavour *flavour = fh_openai_chat_flavour_in(w);

    return w->ours || flavour->call_id == NULL ? id : flavour->call_id(w->scratch, id);
}

static void write_call(struct fh_writer *w, const struct fh_block *block, yyjson_mut_val *calls)
{
    if (block->kind == FH_BLOCK_OPAQUE) {
        (void)yyjson_mut_arr_append(calls, yyjson_val_mut_copy(w->doc, block->raw));
        return;
    }
    yyjson_mut_val *call = yyjson_mut_arr_add_obj(w->doc, calls);

    fh_write_given(w, call, "id", call_id(w, block->id));
    fh_write_word(w, call, "type", "function");
    yyjson_mut_val *function = fh_write_in(w, call, "function");

    fh_write_text(w, function, "name", block->name);
    if (!w->ours || block->arguments.ptr != NULL) {
        fh_write_text(w, function, "arguments", block->arguments);
    }
    fh_write_extras(w, &block->extras, "/messages/#/tool_calls/#/function", function);
    fh_write_extras(w, &block->extras, "/messages/#/tool_calls/#", call);
}

/* write_result writes a tool's answer as a message of its own. What is no text cannot stand in it
 * and follows in the user's message, `beside`. */
static void write_result(struct fh_writer *w, const struct fh_block *block,
                         yyjson_mut_val *messages, yyjson_mut_val *beside,
                         const struct fh_extras *extras)
{
    yyjson_mut_val *message = add_message(w, messages, FH_ROLE_TOOL);
    yyjson_mut_val *parts = yyjson_mut_arr(w->doc);

    fh_write_text(w, message, "tool_call_id", call_id(w, block->id));
    for (const struct fh_block *b = block->content.first; b != NULL; b = b->next) {
        bool text = b->kind == FH_BLOCK_TEXT || b->source == FH_SOURCE_TEXT;
        bool stays = text || w->ours || fh_openai_chat_flavour_in(w)->media_in_results;

        write_part(w, b, stays ? parts : beside);
    }
    write_content(w, message, parts, wants_string(w, &block->content));
    if (!w->ours && yyjson_mut_arr_size(parts) == 0) {
        fh_write_word(w, message, "content", "");
    }
    fh_write_extras(w, extras, "/messages/#", message);
}

/* Where a block of an assistant's message goes. */
enum place {
    IN_CONTENT,
    IN_CALLS,
    IN_DETAILS,
    AS_MEMBER, /* of the message itself */
};

static enum place place_of(const struct fh_writer *w, const struct fh_block *block)
{
    struct fh_extra here = {.pointer = block->pointer};

    switch (block->kind) {
    case FH_BLOCK_TOOL_CALL:
        return IN_CALLS;
    case FH_BLOCK_THINKING:
    case FH_BLOCK_REDACTED:
        if (fh_openai_chat_flavour_in(w)->thinks_in_content) {
            return IN_CONTENT;
        }
        return block->raw != NULL || !w->ours ? IN_DETAILS : AS_MEMBER;
    case FH_BLOCK_REFUSAL:
        return block->from_string && !fh_openai_chat_flavour_in(w)->bare ? AS_MEMBER
                                                                         : IN_CONTENT;
    case FH_BLOCK_OPAQUE:
        if (fh_extra_stands_in(&here, FH_LIT("/messages/#/reasoning_details"))) {
            return IN_DETAILS;
        }
        return fh_extra_stands_in(&here, FH_LIT("/messages/#/tool_calls")) ? IN_CALLS
                                                                           : IN_CONTENT;
    case FH_BLOCK_TEXT:
    case FH_BLOCK_IMAGE:
    case FH_BLOCK_DOCUMENT:
    case FH_BLOCK_AUDIO:
    case FH_BLOCK_VIDEO:
    case FH_BLOCK_TOOL_RESULT:
    case FH_BLOCK_KINDS:
        break;
    }
    return IN_CONTENT;
}

static void write_member(struct fh_writer *w, const struct fh_block *block,
                         yyjson_mut_val *message)
{
    if (block->kind == FH_BLOCK_REFUSAL) {
        fh_write_text(w, message, "refusal", block->text);
    } else if (fh_eq(block->name, FH_LIT("reasoning"))) { /* providers differ */
        fh_write_text(w, message, "reasoning", block->text);
    } else {
        fh_write_text(w, message, "reasoning_content", block->text);
    }
}

/* write_detail: servers that take earlier thinking back take it so (FH_QUIRK_REASONING_DETAILS). */
static void write_detail(struct fh_writer *w, const struct fh_block *block,
                         yyjson_mut_val *details)
{
    const struct fh_openai_chat_detail detail = {.kind = block->kind,
                                                 .signer = block->signer,
                                                 .text = block->text,
                                                 .signature = block->signature,
                                                 .data = block->data,
                                                 .index = yyjson_mut_arr_size(details)};
    struct fh_buf text = fh_buf_in_arena(w->scratch, SIZE_MAX / 4);

    if (w->ours) {
        (void)yyjson_mut_arr_append(details, yyjson_val_mut_copy(w->doc, block->raw));
        return;
    }
    fh_openai_chat_print_detail(&text, &detail);
    (void)yyjson_mut_arr_append(details,
                                yyjson_mut_rawn(w->doc, (const char *)text.ptr, text.len));
}

static void write_list(struct fh_writer *w, yyjson_mut_val *message, const char *key,
                       yyjson_mut_val *list)
{
    if (yyjson_mut_arr_size(list) > 0) {
        (void)yyjson_mut_obj_add_val(w->doc, message, key, list);
    }
}

static void write_assistant(struct fh_writer *w, const struct fh_message *m,
                            yyjson_mut_val *messages)
{
    yyjson_mut_val *details = yyjson_mut_arr(w->doc);
    yyjson_mut_val *parts = yyjson_mut_arr(w->doc);
    yyjson_mut_val *calls = yyjson_mut_arr(w->doc);
    yyjson_mut_val *message = NULL;
    bool string = !w->ours;

    if (!w->ours && m->content.first == NULL) {
        return; /* nothing is left of it, and each block was reported */
    }
    message = add_message(w, messages, m->role);
    for (const struct fh_block *b = m->content.first; b != NULL; b = b->next) {
        switch (place_of(w, b)) {
        case IN_CONTENT:
            string = string || b->from_string;
            write_part(w, b, parts);
            break;
        case IN_CALLS:
            write_call(w, b, calls);
            break;
        case IN_DETAILS:
            write_detail(w, b, details);
            break;
        case AS_MEMBER:
            write_member(w, b, message);
            break;
        }
    }
    write_content(w, message, parts, string);
    if (yyjson_mut_arr_size(parts) == 0 && !w->ours) {
        (void)yyjson_mut_obj_add_val(w->doc, message, "content",
                                     yyjson_mut_arr_size(calls) > 0
                                         ? yyjson_mut_null(w->doc)
                                         : yyjson_mut_str(w->doc, ""));
    }
    write_list(w, message, "reasoning_details", details);
    write_list(w, message, "tool_calls", calls);
    if (m->next == NULL && !w->ours && fh_openai_chat_flavour_in(w)->prefix) {
        fh_write_bool(w, message, "prefix", true);
    }
    fh_write_given(w, message, "name", m->name);
    fh_write_extras(w, &m->extras, "/messages/#", message);
}

/* Messages as they are written. What of tools' answers is no text is held until all of them are
 * there: nothing may stand between the calls and their answers. */
struct writing {
    struct fh_writer *w;
    yyjson_mut_val *messages;
    yyjson_mut_val *held; /* parts for the next message of the user */
    bool answered;        /* the last message is a tool's answer */
};

static void write_results(struct writing *m, const struct fh_message *message)
{
    for (const struct fh_block *b = message->content.first; b != NULL; b = b->next) {
        if (b->kind == FH_BLOCK_TOOL_RESULT) {
            write_result(m->w, b, m->messages, m->held, &message->extras);
            m->answered = true;
        }
    }
}

static bool has_words(const struct fh_message *message)
{
    bool empty = message->content.first == NULL;

    for (const struct fh_block *b = message->content.first; b != NULL; b = b->next) {
        if (b->kind != FH_BLOCK_TOOL_RESULT) {
            return true;
        }
    }
    return empty;
}

/* close_results: at Mistral's a user's words may not follow a tool's answer. An assistant says that
 * it has seen it, as pydantic-ai has it say. */
static void close_results(struct writing *m)
{
    if (m->answered && !m->w->ours && fh_openai_chat_flavour_in(m->w)->closes_results) {
        fh_write_word(m->w, add_message(m->w, m->messages, FH_ROLE_ASSISTANT), "content", "OK");
    }
    m->answered = false;
}

/* let_go writes what is held as a message of its own, when no message of the user follows. */
static void let_go(struct writing *m)
{
    if (yyjson_mut_arr_size(m->held) > 0) {
        close_results(m);
        write_content(m->w, add_message(m->w, m->messages, FH_ROLE_USER), m->held, false);
        m->held = yyjson_mut_arr(m->w->doc);
    }
}

/* write_words_of writes what system, developer, user or tool says, but for tools' answers. */
static void write_words_of(struct writing *m, const struct fh_message *message)
{
    struct fh_writer *w = m->w;
    bool string = wants_string(w, &message->content);

    if (message->role != FH_ROLE_USER) {
        let_go(m);
    }
    for (const struct fh_block *b = message->content.first; b != NULL; b = b->next) {
        if (b->kind == FH_BLOCK_TOOL_CALL) {
            fh_loss_add(w->loss, b->pointer, "only an assistant calls tools");
        } else if (b->kind != FH_BLOCK_TOOL_RESULT) {
            write_part(w, b, m->held);
        }
    }
    if (yyjson_mut_arr_size(m->held) == 0 && !w->ours) {
        return; /* nothing is left of it, and each block was reported */
    }
    enum fh_role role = message->role == FH_ROLE_TOOL ? FH_ROLE_USER : message->role;

    if (role == FH_ROLE_USER) {
        close_results(m);
    }
    yyjson_mut_val *obj = add_message(w, m->messages, role);

    write_content(w, obj, m->held, string);
    fh_write_given(w, obj, "name", message->name);
    fh_write_extras(w, &message->extras, "/messages/#", obj);
    m->held = yyjson_mut_arr(w->doc);
}

static void write_message(struct writing *m, const struct fh_message *message)
{
    const struct fh_block *first = message->content.first;

    if (m->w->ours && first != NULL && first->kind == FH_BLOCK_OPAQUE &&
        fh_eq(first->pointer, message->pointer)) { /* of a kind that only we know */
        (void)yyjson_mut_arr_append(m->messages, yyjson_val_mut_copy(m->w->doc, first->raw));
    } else if (message->role == FH_ROLE_ASSISTANT) {
        let_go(m);
        m->answered = false;
        write_assistant(m->w, message, m->messages);
    } else {
        write_results(m, message);
        if (has_words(message)) {
            write_words_of(m, message);
        }
    }
}

void fh_openai_chat_write_messages(struct fh_writer *w, yyjson_mut_val *root)
{
    const struct fh_message system = {.role = FH_ROLE_SYSTEM, .content = w->req->system};
    struct writing m = {.w = w,
                        .messages = yyjson_mut_obj_add_arr(w->doc, root, "messages"),
                        .held = yyjson_mut_arr(w->doc)};

    if (system.content.first != NULL) {
        write_message(&m, &system);
    }
    for (const struct fh_message *message = w->req->first_message; message != NULL;
         message = message->next) {
        write_message(&m, message);
    }
    let_go(&m);
}
