/* anthropic_scan.c: what the books need of bytes that pass as they are.
 *
 * Nearly every event of a stream is a content_block_delta and has nothing for the books: it is told
 * by its name, or by the first bytes of its data, and not parsed. Of a whole reply only the members
 * that count are.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/json_string.h"
#include "dialect/anthropic/anthropic.h"
#include "wire/json_scan.h"

/* no_news says whether an event has nothing for the books, at the price of a few comparisons. The
 * data decides like the decoder does; it starts with its type wherever the API wrote it. */
static bool no_news(const struct fh_frame *wire)
{
    static const struct fh_slice dull[] = {
        FH_LIT_INIT("{\"type\":\"content_block"),
        FH_LIT_INIT("{\"type\": \"content_block"),
        FH_LIT_INIT("{\"type\":\"ping"),
        FH_LIT_INIT("{\"type\": \"ping"),
    };

    for (size_t i = 0; i < FH_LEN(dull); i++) {
        if (fh_starts(wire->data, dull[i])) {
            return true;
        }
    }
    return wire->data.len == 0;
}

/* see_finish: a word that we do not know is a reason as well. */
static void see_finish(struct fh_watch *watch, yyjson_val *word)
{
    if (yyjson_is_str(word) && watch->finish == FH_FINISH_UNKNOWN) {
        enum fh_finish finish = fh_anthropic_finish(fh_json_text(word));

        watch->finish = finish == FH_FINISH_UNKNOWN ? FH_FINISH_STOP : finish;
    }
}

static void see_fault(struct fh_watch *watch, yyjson_val *root)
{
    struct fh_fault fault = {.kind = FH_REFUSE_UPSTREAM_FAILED};

    (void)!fh_anthropic_read_fault(&fault, root);
    watch->failed = true;
    watch->failure = fault.kind;
}

void fh_anthropic_scan_stream(struct fh_watch *watch, struct fh_arena *scratch,
                              const struct fh_frame *wire)
{
    yyjson_val *root = NULL;
    struct fh_error error;

    if (wire->fault && !watch->ended && !watch->failed) {
        struct fh_fault fault;

        fh_anthropic_read_exception(&fault, scratch, wire);
        watch->failed = true;
        watch->failure = fault.kind;
        return;
    }
    if (watch->ended || watch->failed || no_news(wire) ||
        fh_json_parse(scratch, wire->data, &root, &error) != FH_OK) {
        return;
    }
    yyjson_val *type = fh_json_get(root, FH_LIT("type"));
    struct fh_slice name = type == NULL ? wire->name : fh_json_text(type);

    if (fh_eq(name, FH_LIT("message_start"))) {
        yyjson_val *message = fh_json_get(root, FH_LIT("message"));

        fh_anthropic_read_usage(&watch->usage, fh_json_get(message, FH_LIT("usage")), scratch,
                                NULL, NULL);
        see_finish(watch, fh_json_get(message, FH_LIT("stop_reason")));
    } else if (fh_eq(name, FH_LIT("message_delta"))) {
        yyjson_val *delta = fh_json_get(root, FH_LIT("delta"));

        fh_anthropic_read_usage(&watch->usage, fh_json_get(root, FH_LIT("usage")), scratch,
                                NULL, NULL);
        see_finish(watch, fh_json_get(delta, FH_LIT("stop_reason")));
    } else if (fh_eq(name, FH_LIT("message_stop"))) {
        watch->ended = watch->finish != FH_FINISH_UNKNOWN; /* without a reason it is no end */
    } else if (fh_eq(name, FH_LIT("error"))) {
        see_fault(watch, root);
    }
}

enum { AT_USAGE, AT_STOP_REASON, AT_ERROR, AT_COUNT };

enum { DEPTH_MAX = 256 };

static const struct fh_slice names[AT_COUNT] = {
    [AT_USAGE] = FH_LIT_INIT("usage"),
    [AT_STOP_REASON] = FH_LIT_INIT("stop_reason"),
    [AT_ERROR] = FH_LIT_INIT("error"),
};

static yyjson_val *parse(struct fh_arena *scratch, struct fh_slice json)
{
    yyjson_val *root = NULL;
    struct fh_error error;

    return json.ptr != NULL && fh_json_parse(scratch, json, &root, &error) == FH_OK ? root
                                                                                    : NULL;
}

/* A reply may be some hundred KiB of text, and what counts is in a few dozen bytes of it. */
void fh_anthropic_scan_reply(struct fh_watch *watch, struct fh_arena *scratch,
                             struct fh_slice body)
{
    struct fh_json_member at[AT_COUNT];
    struct fh_slice word;
    struct fh_error ignored;

    if (fh_json_scan(body, names, at, AT_COUNT, DEPTH_MAX, &ignored) != FH_OK) {
        return;
    }
    yyjson_val *error = parse(scratch, at[AT_ERROR].value);

    if (yyjson_is_obj(error)) {
        watch->failed = true;
        watch->failure = FH_REFUSE_UPSTREAM_FAILED;
        (void)!fh_anthropic_error_kind(fh_json_text(fh_json_get(error, FH_LIT("type"))),
                                       &watch->failure);
        return;
    }
    fh_anthropic_read_usage(&watch->usage, parse(scratch, at[AT_USAGE].value), scratch, NULL,
                            NULL);
    word = at[AT_STOP_REASON].value;
    if (fh_starts(word, FH_LIT("\""))) {
        watch->finish = fh_anthropic_finish(fh_json_unescape(word, scratch));
    }
    watch->ended = true;
}
