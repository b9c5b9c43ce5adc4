/* gemini_calls_out.c: answers of tools, and data, as parts for Google.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"
#include "dialect/gemini/gemini.h"
#include "dialect/gemini/gemini_names.def"

#include <stdlib.h>

/* ---- whose answer it is ---- */

/* A call of the conversation. Google wants an answer to bear the name of its function. */
struct fh_gemini_named {
    struct fh_slice id, name;
    size_t order;
};

static int by_id(const void *a, const void *b)
{
    const struct fh_gemini_named *left = a;
    const struct fh_gemini_named *right = b;
    int ids = fh_compare(left->id, right->id);

    return ids != 0 ? ids : left->order < right->order ? -1 : left->order > right->order;
}

static size_t count_calls(const struct fh_chat_request *req, struct fh_gemini_named *list)
{
    size_t count = 0;

    for (const struct fh_message *m = req->first_message; m != NULL; m = m->next) {
        for (const struct fh_block *b = m->content.first; b != NULL; b = b->next) {
            if (b->kind == FH_BLOCK_TOOL_CALL && list != NULL) {
                list[count] = (struct fh_gemini_named){b->id, b->name, count};
            }
            count += b->kind == FH_BLOCK_TOOL_CALL;
        }
    }
    return count;
}

/* name_of finds the function that an answer is of. An id that several calls have (some clients
 * count anew in each turn) nearly always names the same function; else the last one is as good as
 * any. */
static struct fh_slice name_of(struct fh_gemini_writer *g, struct fh_slice id)
{
    if (g->calls == NULL) {
        g->call_count = count_calls(g->w.req, NULL);
        g->calls =
            fh_arena_alloc(g->w.scratch, (g->call_count + 1) * sizeof(struct fh_gemini_named));
        (void)count_calls(g->w.req, g->calls);
        qsort(g->calls, g->call_count, sizeof(g->calls[0]), by_id);
    }
    size_t low = 0;
    size_t high = g->call_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (fh_compare(g->calls[middle].id, id) <= 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low > 0 && fh_eq(g->calls[low - 1].id, id) ? g->calls[low - 1].name : FH_NONE;
}

/* ---- what it says ---- */

/* texts joins the texts of an answer, a line each: elsewhere they are parts of a list. */
static struct fh_slice texts(struct fh_gemini_writer *g, const struct fh_block *result)
{
    const struct fh_block *only = result->content.first;
    struct fh_buf all = fh_buf_in_arena(g->w.scratch, SIZE_MAX / 4);
    size_t count = 0;

    if (only != NULL && only->next == NULL && only->kind == FH_BLOCK_TEXT) {
        return only->text;
    }
    for (const struct fh_block *b = result->content.first; b != NULL; b = b->next) {
        if (b->kind == FH_BLOCK_TEXT) {
            fh_buf_append(&all, count++ > 0 ? FH_LIT("\n") : FH_NONE);
            fh_buf_append(&all, b->text);
        }
    }
    return fh_buf_slice(&all);
}

/* write_response: an object stays one, anything else is the member `result`, or `error`. */
static void write_response(struct fh_gemini_writer *g, yyjson_mut_val *answer,
                           const struct fh_block *result)
{
    struct fh_slice text = texts(g, result);
    struct fh_writer *w = &g->w;
    yyjson_val *val = NULL;
    struct fh_error error;

    if (w->ours && result->content.first == NULL) {
        return;
    }
    if (result->is_json && fh_json_parse(w->scratch, text, &val, &error) != FH_OK) {
        val = NULL;
    }
    if (yyjson_is_obj(val) && !result->is_error) {
        fh_write_val(w, answer, "response", val);
        return;
    }
    yyjson_mut_val *response = yyjson_mut_obj_add_obj(w->doc, answer, "response");
    const char *key = result->is_error ? "error" : "result";

    if (val != NULL) {
        fh_write_val(w, response, key, val);
    } else {
        fh_write_text(w, response, key, text);
    }
}

/* write_pieces gives back what a client of ours had in the answer beside its object. */
static void write_pieces(struct fh_writer *w, yyjson_mut_val *answer,
                         const struct fh_block *result)
{
    yyjson_mut_val *list = yyjson_mut_arr(w->doc);

    for (const struct fh_block *b = result->content.first; b != NULL; b = b->next) {
        if (b->kind == FH_BLOCK_OPAQUE) {
            (void)yyjson_mut_arr_append(list, yyjson_val_mut_copy(w->doc, b->raw));
        } else if (b->kind != FH_BLOCK_TEXT) {
            fh_gemini_write_media(w, yyjson_mut_arr_add_obj(w->doc, list), b,
                                  "/contents/#/parts/#/functionResponse/parts/#");
        }
    }
    if (yyjson_mut_arr_size(list) > 0) {
        (void)yyjson_mut_obj_add_val(w->doc, answer, "parts", list);
    }
}

enum fh_rc fh_gemini_write_result(struct fh_gemini_writer *g, yyjson_mut_val *parts,
                                  const struct fh_block *block)
{
    struct fh_writer *w = &g->w;
    yyjson_mut_val *part = yyjson_mut_arr_add_obj(w->doc, parts);
    yyjson_mut_val *answer = yyjson_mut_obj_add_obj(w->doc, part, "functionResponse");
    struct fh_slice name = block->name.len > 0 ? block->name : name_of(g, block->id);

    if (name.len == 0) {
        return fh_write_refuse(w, block->pointer,
                               "no call before it has this id, and gemini wants the function's "
                               "name");
    }
    if (block->id.len > 0 && !block->id_made_up) {
        fh_write_text(w, answer, "id", block->id);
    }
    fh_write_text(w, answer, "name", name);
    write_response(g, answer, block);
    if (w->ours) {
        write_pieces(w, answer, block);
    }
    fh_write_extras(w, &block->extras, "/contents/#/parts/#/functionResponse", answer);
    fh_write_extras(w, &block->extras, "/contents/#/parts/#", part);
    return FH_OK;
}

/* ---- data ---- */

/* by_ending guesses the type of what is at a URL. */
static struct fh_slice by_ending(struct fh_slice url)
{
    static const struct {
        struct fh_slice ending, type;
    } media[] = {
#define X(end, of) {FH_LIT_INIT(end), FH_LIT_INIT(of)},
        FH_GEMINI_MEDIA(X)
#undef X
    };

    url = fh_head(url, fh_min(fh_find(url, '?'), fh_find(url, '#')));
    for (size_t i = 0; i < FH_LEN(media); i++) {
        struct fh_slice end = fh_tail(url, url.len - fh_min(url.len, media[i].ending.len));

        if (fh_eq_nocase(end, media[i].ending)) {
            return media[i].type;
        }
    }
    return FH_NONE;
}

void fh_gemini_write_media(struct fh_writer *w, yyjson_mut_val *part,
                           const struct fh_block *block, const char *place)
{
    bool is_file = block->source == FH_SOURCE_URL || block->source == FH_SOURCE_FILE;
    const char *key = is_file ? "fileData" : "inlineData";
    yyjson_mut_val *data = yyjson_mut_obj_add_obj(w->doc, part, key);
    struct fh_slice type = block->media_type;
    struct fh_slice bytes = block->data;

    if (is_file && type.len == 0 && !w->ours) {
        type = by_ending(block->data);
        if (type.len == 0 && block->kind == FH_BLOCK_DOCUMENT) {
            type = FH_LIT("application/pdf"); /* nothing else is a document by URL elsewhere */
        }
    }
    if (block->source == FH_SOURCE_TEXT) {
        struct fh_buf text = fh_buf_in_arena(w->scratch, SIZE_MAX / 4);

        fh_base64_encode(&text, block->data, FH_BASE64);
        bytes = fh_buf_slice(&text);
    }
    fh_write_given(w, data, "mimeType", type);
    fh_write_text(w, data, is_file ? "fileUri" : "data", bytes);
    if (w->ours) {
        fh_write_given(w, data, "displayName", block->name);
        struct fh_slice inner[] = {fh_cstr(place), FH_LIT("/"), fh_cstr(key)};

        fh_write_extras(w, &block->extras,
                        fh_dup_cstr(w->scratch, fh_concat(w->scratch, inner, FH_LEN(inner))),
                        data);
    }
}
