/* gemini_scan.c: what the books need of bytes that pass as they are.
 *
 * Every chunk says the counts of all that came before; the text between is passed over, and
 * parsed only where a finishReason is.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "dialect/gemini/gemini.h"
#include "wire/json_scan.h"

enum { AT_USAGE, AT_CANDIDATES, AT_FEEDBACK, AT_ERROR, AT_COUNT };

enum { DEPTH_MAX = 256 };

static const struct fh_slice names[AT_COUNT] = {
    [AT_USAGE] = FH_LIT_INIT("usageMetadata"),
    [AT_CANDIDATES] = FH_LIT_INIT("candidates"),
    [AT_FEEDBACK] = FH_LIT_INIT("promptFeedback"),
    [AT_ERROR] = FH_LIT_INIT("error"),
};

static yyjson_val *parse(struct fh_arena *scratch, struct fh_slice json)
{
    yyjson_val *root = NULL;
    struct fh_error error;

    return json.ptr != NULL && fh_json_parse(scratch, json, &root, &error) == FH_OK ? root
                                                                                    : NULL;
}

static void see_fault(struct fh_watch *watch, yyjson_val *error)
{
    struct fh_fault fault = {0};

    fh_gemini_read_fault(&fault, error);
    watch->failed = true;
    watch->failure = fault.kind;
}

/* calls says whether a candidate calls a function: its STOP means that then. */
static bool calls(yyjson_val *candidate)
{
    yyjson_val *content = fh_json_get(candidate, FH_LIT("content"));
    yyjson_arr_iter iter = yyjson_arr_iter_with(fh_json_get(content, FH_LIT("parts")));
    bool found = false;

    for (yyjson_val *part = NULL; !found && (part = yyjson_arr_iter_next(&iter)) != NULL;) {
        found = fh_json_get(part, FH_LIT("functionCall")) != NULL;
    }
    return found;
}

/* see_candidates takes the finish of the first candidate by number. */
static void see_candidates(struct fh_watch *watch, yyjson_val *candidates)
{
    yyjson_arr_iter iter = yyjson_arr_iter_with(candidates);
    uint64_t first = UINT64_MAX;
    uint64_t place = 0;
    bool said = watch->finish != FH_FINISH_UNKNOWN; /* by an earlier chunk */

    for (yyjson_val *one = NULL; !said && (one = yyjson_arr_iter_next(&iter)) != NULL;
         place++) {
        struct fh_slice word = fh_gemini_finish_said(fh_json_get(one, FH_LIT("finishReason")));
        uint64_t number = place;

        (void)!fh_json_u64(fh_json_get(one, FH_LIT("index")), &number);
        if (word.len > 0 && number < first) {
            first = number;
            watch->finish = fh_gemini_finish(word);
            if (watch->finish == FH_FINISH_STOP && calls(one)) {
                watch->finish = FH_FINISH_TOOLS;
            }
        }
    }
}

/* see looks at an answer or a chunk. False when it is neither. */
static bool see(struct fh_watch *watch, struct fh_arena *scratch, struct fh_slice body)
{
    struct fh_json_member at[AT_COUNT];
    struct fh_error ignored;

    if (fh_json_scan(body, names, at, AT_COUNT, DEPTH_MAX, &ignored) != FH_OK) {
        return false;
    }
    yyjson_val *error = parse(scratch, at[AT_ERROR].value);

    if (yyjson_is_obj(error)) {
        see_fault(watch, error);
        return true;
    }
    fh_gemini_read_usage(&watch->usage, parse(scratch, at[AT_USAGE].value), scratch, NULL);
    if (at[AT_CANDIDATES].value.ptr != NULL &&
        fh_contains(at[AT_CANDIDATES].value, FH_LIT("\"finishReason\""))) {
        see_candidates(watch, parse(scratch, at[AT_CANDIDATES].value));
    } else if (at[AT_CANDIDATES].value.ptr == NULL && at[AT_FEEDBACK].value.ptr != NULL &&
               fh_json_text(
                   fh_json_get(parse(scratch, at[AT_FEEDBACK].value), FH_LIT("blockReason")))
                       .len > 0) {
        watch->finish = FH_FINISH_REFUSAL;
    }
    return true;
}

/* see_list looks at the chunks of a stream that came as an array. */
static bool see_list(struct fh_watch *watch, struct fh_arena *scratch, struct fh_slice body)
{
    yyjson_val *root = parse(scratch, body);
    yyjson_arr_iter iter = yyjson_arr_iter_with(root);

    for (yyjson_val *chunk = NULL; (chunk = yyjson_arr_iter_next(&iter)) != NULL;) {
        if (fh_gemini_error_in(chunk) != NULL) {
            see_fault(watch, fh_gemini_error_in(chunk));
        }
        fh_gemini_read_usage(&watch->usage, fh_json_get(chunk, FH_LIT("usageMetadata")),
                             scratch, NULL);
        see_candidates(watch, fh_json_get(chunk, FH_LIT("candidates")));
    }
    return yyjson_is_arr(root);
}

/* The end of a stream is that of its bytes, which who passes them sees. */
void fh_gemini_scan_stream(struct fh_watch *watch, struct fh_arena *scratch,
                           const struct fh_frame *wire)
{
    if (wire->data.len > 0 && !watch->failed) {
        (void)!see(watch, scratch, wire->data);
    }
}

void fh_gemini_scan_reply(struct fh_watch *watch, struct fh_arena *scratch,
                          struct fh_slice body)
{
    bool whole = see(watch, scratch, body) || see_list(watch, scratch, body);

    watch->ended = whole && !watch->failed;
}
