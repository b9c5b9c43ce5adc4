/* openai_chat_scan.c: looks at bytes that pass, for what the books need.
 * SPDX-License-Identifier: Apache-2.0 */
#include "openai_chat.h"

#include "wire/json_scan.h"

static void note_error(struct fh_watch *watch, yyjson_val *error)
{
    struct fh_fault fault = {0};

    fh_openai_chat_read_fault(&fault, 0, error);
    watch->failed = true;
    watch->failure = fault.kind;
}

/* note looks at one object, a whole reply or a chunk. */
static void note(struct fh_watch *watch, yyjson_val *root)
{
    yyjson_val *usage = fh_json_get(root, FH_LIT("usage"));
    yyjson_val *choices = fh_json_get(root, FH_LIT("choices"));
    yyjson_val *error = fh_openai_chat_error_in(root);
    yyjson_arr_iter iter = yyjson_arr_iter_with(choices);

    if (yyjson_is_obj(usage)) {
        struct fh_usage news = {0};

        fh_openai_chat_read_usage(&news, usage);
        fh_usage_merge(&watch->usage, &news);
        watch->usage_only = yyjson_arr_size(choices) == 0;
    }
    if (error != NULL) {
        note_error(watch, error);
        return;
    }
    for (yyjson_val *v = yyjson_arr_iter_next(&iter); v != NULL;
         v = yyjson_arr_iter_next(&iter)) {
        struct fh_slice word = fh_json_text(fh_json_get(v, FH_LIT("finish_reason")));

        if (word.len > 0 && watch->finish == FH_FINISH_UNKNOWN) {
            watch->finish = fh_openai_chat_finish_of(word);
        }
    }
}

enum { PARSE_MAX = 1 << 16, DEPTH_MAX = 256 };

/* note_large looks only for what an answer used: one of that size is no error, and parsing it would
 * cost a multiple of its bytes. */
static bool note_large(struct fh_watch *watch, struct fh_arena *scratch, struct fh_slice body)
{
    static const struct fh_slice name = FH_LIT_INIT("usage");
    struct fh_json_member at;
    struct fh_usage news = {0};
    struct fh_error error;
    yyjson_val *usage = NULL;

    if (fh_json_scan(body, &name, &at, 1, DEPTH_MAX, &error) != FH_OK) {
        return false;
    }
    if (at.value.ptr != NULL && fh_json_parse(scratch, at.value, &usage, &error) == FH_OK &&
        yyjson_is_obj(usage)) {
        fh_openai_chat_read_usage(&news, usage);
        fh_usage_merge(&watch->usage, &news);
    }
    return true;
}

void fh_openai_chat_scan_reply(struct fh_watch *watch, struct fh_arena *scratch,
                               struct fh_slice body)
{
    yyjson_val *root = NULL;
    struct fh_error error;

    if (body.len > PARSE_MAX) {
        watch->ended = note_large(watch, scratch, body);
    } else if (fh_json_parse(scratch, body, &root, &error) == FH_OK && yyjson_is_obj(root)) {
        note(watch, root);
        watch->usage_only = false;
        watch->ended = !watch->failed;
    }
}

static struct fh_slice skip_blanks(struct fh_slice s)
{
    size_t n = 0;

    while (n < s.len && (s.ptr[n] == ' ' || s.ptr[n] == '\t' || s.ptr[n] == '\n')) {
        n++;
    }
    return fh_tail(s, n);
}

/* says_more tells whether `data` has the member `key` (quotes included) with a value other than
 * null. It looks at bytes alone and may say yes to a member of that name further down; whoever
 * parses then sees. It never says no to one that is there: inside a JSON string a quote is written
 * \" , so the bytes "usage" followed by a colon are always a member's name, never text. */
static bool says_more(struct fh_slice data, struct fh_slice key)
{
    for (size_t at = fh_search(data, key); at < data.len; at = fh_search(data, key)) {
        data = skip_blanks(fh_tail(data, at + key.len));
        if (fh_take(&data, FH_LIT(":"))) {
            data = skip_blanks(data);
            if (!fh_starts(data, FH_LIT("null"))) {
                return true;
            }
        }
    }
    return false;
}

enum { ERROR_NEAR = 64 }; /* bytes: an error is the first member, or behind a short one */

void fh_openai_chat_scan_stream(struct fh_watch *watch, struct fh_arena *scratch,
                                const struct fh_frame *wire)
{
    struct fh_slice start = fh_head(wire->data, fh_min(wire->data.len, ERROR_NEAR));
    yyjson_val *root = NULL;
    struct fh_error error;

    watch->usage_only = false;
    if (watch->ended) {
        return; /* nothing of meaning follows */
    }
    if (fh_eq(wire->data, FH_LIT("[DONE]"))) {
        watch->ended = true;
        return;
    }
    if (fh_eq(wire->name, FH_LIT("error")) ||
        says_more(wire->data, FH_LIT("\"finish_reason\"")) ||
        says_more(wire->data, FH_LIT("\"usage\"")) || fh_contains(start, FH_LIT("\"error\""))) {
        if (fh_json_parse(scratch, wire->data, &root, &error) == FH_OK) {
            note(watch, root);
        }
    }
}
