/* openai_responses_scan.c: what the books need of bytes that pass as they are.
 *
 * All of it is in the last event of a stream. Any other is told by the first bytes of its data,
 * where the API has its type, and is not looked at further. Of the response only the members
 * that count are parsed.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "dialect/openai_responses/openai_responses.h"
#include "wire/json_scan.h"

enum { DEPTH_MAX = 256 };

enum { AT_STATUS, AT_USAGE, AT_ERROR, AT_DETAILS, AT_OUTPUT, AT_MEMBERS };

static const struct fh_slice members[AT_MEMBERS] = {
    [AT_STATUS] = FH_LIT_INIT("status"), [AT_USAGE] = FH_LIT_INIT("usage"),
    [AT_ERROR] = FH_LIT_INIT("error"),   [AT_DETAILS] = FH_LIT_INIT("incomplete_details"),
    [AT_OUTPUT] = FH_LIT_INIT("output"),
};

static yyjson_val *parse(struct fh_arena *scratch, struct fh_slice json)
{
    yyjson_val *root = NULL;
    struct fh_error error;

    return json.len > 0 && fh_json_parse(scratch, json, &root, &error) == FH_OK ? root : NULL;
}

static void see_fault(struct fh_watch *watch, struct fh_arena *scratch, yyjson_val *error)
{
    struct fh_fault fault = {.kind = FH_REFUSE_UPSTREAM_FAILED};

    fh_responses_read_fault(&fault, scratch, error);
    watch->failed = true;
    watch->failure = fault.kind;
}

/* has_kind says whether an item or a part of some type is in the output. The text is searched
 * before anything is parsed: in a string of the answer its quotes would be escaped. */
static bool has_kind(struct fh_arena *scratch, struct fh_slice output, struct fh_slice type,
                     bool part)
{
    struct fh_slice quoted[] = {FH_LIT("\""), type, FH_LIT("\"")};

    if (!fh_contains(output, fh_concat(scratch, quoted, FH_LEN(quoted)))) {
        return false;
    }
    yyjson_arr_iter items = yyjson_arr_iter_with(parse(scratch, output));

    for (yyjson_val *item = NULL; (item = yyjson_arr_iter_next(&items)) != NULL;) {
        yyjson_arr_iter parts = yyjson_arr_iter_with(fh_json_get(item, FH_LIT("content")));

        if (!part && fh_eq(fh_json_text(fh_json_get(item, FH_LIT("type"))), type)) {
            return true;
        }
        for (yyjson_val *p = NULL; part && (p = yyjson_arr_iter_next(&parts)) != NULL;) {
            if (fh_eq(fh_json_text(fh_json_get(p, FH_LIT("type"))), type)) {
                return true;
            }
        }
    }
    return false;
}

bool fh_responses_is_sound(struct fh_slice response)
{
    struct fh_json_member at[AT_MEMBERS];
    struct fh_error ignored;

    return fh_json_scan(response, members, at, AT_MEMBERS, DEPTH_MAX, &ignored) == FH_OK;
}

bool fh_responses_is_last(enum fh_responses_event event)
{
    return event == FH_RESPONSES_COMPLETED || event == FH_RESPONSES_INCOMPLETE ||
           event == FH_RESPONSES_FAILED || event == FH_RESPONSES_CANCELLED ||
           event == FH_RESPONSES_ERROR;
}

/* is_last says so of a type. */
static bool is_last(struct fh_slice type)
{
    return fh_responses_is_last(fh_responses_event(type));
}

/* see_response looks at a response: a whole answer, or that at the end of a stream. */
static void see_response(struct fh_watch *watch, struct fh_arena *scratch, struct fh_slice json,
                         bool whole)
{
    struct fh_json_member at[AT_MEMBERS];
    struct fh_slice word = FH_NONE;
    struct fh_error ignored;

    if (fh_json_scan(json, members, at, AT_MEMBERS, DEPTH_MAX, &ignored) != FH_OK) {
        return;
    }
    yyjson_val *error = parse(scratch, at[AT_ERROR].value);
    struct fh_slice status = fh_json_text(parse(scratch, at[AT_STATUS].value));

    fh_responses_read_usage(&watch->usage, parse(scratch, at[AT_USAGE].value), scratch, NULL);
    if (yyjson_is_obj(error) || fh_responses_is_failure(status, whole)) {
        see_fault(watch, scratch, error);
        return;
    }
    watch->finish = fh_responses_finish(
        status,
        fh_json_text(fh_json_get(parse(scratch, at[AT_DETAILS].value), FH_LIT("reason"))),
        has_kind(scratch, at[AT_OUTPUT].value, FH_LIT("function_call"), false),
        has_kind(scratch, at[AT_OUTPUT].value, FH_LIT("refusal"), true), &word);
    watch->ended = true;
}

void fh_responses_scan_reply(struct fh_watch *watch, struct fh_arena *scratch,
                             struct fh_slice body)
{
    see_response(watch, scratch, body, true);
}

/* ---- streams ---- */

enum { AT_TYPE, AT_RESPONSE, AT_FAULT, AT_COUNT };

static const struct fh_slice names[AT_COUNT] = {
    [AT_TYPE] = FH_LIT_INIT("type"),
    [AT_RESPONSE] = FH_LIT_INIT("response"),
    [AT_FAULT] = FH_LIT_INIT("error"),
};

/* no_news says whether an event has nothing for the books, at the price of a few comparisons. */
static bool no_news(struct fh_slice data)
{
    struct fh_slice type = FH_NONE;

    if (data.len == 0 || !fh_take(&data, FH_LIT("{\"type\":"))) {
        return data.len == 0;
    }
    (void)!fh_take(&data, FH_LIT(" "));
    return fh_take(&data, FH_LIT("\"")) && fh_split(&data, '"', &type) && !is_last(type);
}

void fh_responses_scan_stream(struct fh_watch *watch, struct fh_arena *scratch,
                              const struct fh_frame *wire)
{
    struct fh_json_member at[AT_COUNT];
    struct fh_error ignored;

    if (watch->ended || watch->failed || no_news(wire->data) ||
        fh_json_scan(wire->data, names, at, AT_COUNT, DEPTH_MAX, &ignored) != FH_OK) {
        return;
    }
    struct fh_slice type = fh_json_text(parse(scratch, at[AT_TYPE].value));
    yyjson_val *error = parse(scratch, at[AT_FAULT].value);
    enum fh_responses_event event = fh_responses_event(type);
    bool faulty = yyjson_is_obj(error) && (type.len == 0 || is_last(type));

    if (faulty || event == FH_RESPONSES_ERROR) {
        see_fault(watch, scratch, faulty ? error : parse(scratch, wire->data));
    } else if (is_last(type)) {
        see_response(watch, scratch, at[AT_RESPONSE].value, false);
        if (watch->ended && (event == FH_RESPONSES_FAILED || event == FH_RESPONSES_CANCELLED)) {
            see_fault(watch, scratch, NULL);
            watch->ended = false;
        }
    }
}
