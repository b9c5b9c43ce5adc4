/* bedrock_scan.c: what the books need of bytes that pass as they are.
 *
 * Nearly every event of a stream is a contentBlockDelta and has nothing for the books: it is told
 * by its name and not parsed. Of a whole reply only the members that count are.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "dialect/bedrock/bedrock.h"
#include "wire/json_scan.h"

enum { DEPTH_MAX = 256 };

static yyjson_val *parse(struct fh_arena *scratch, struct fh_slice json)
{
    yyjson_val *root = NULL;
    struct fh_error error;

    return json.ptr != NULL && fh_json_parse(scratch, json, &root, &error) == FH_OK ? root
                                                                                    : NULL;
}

/* see_stop: a reason that we do not know is one, too: behind it comes the end. */
static void see_stop(struct fh_watch *watch, yyjson_val *word)
{
    if (yyjson_is_str(word)) {
        watch->finish = fh_bedrock_finish(fh_json_text(word));
        watch->finish = watch->finish == FH_FINISH_UNKNOWN ? FH_FINISH_STOP : watch->finish;
    }
}

void fh_bedrock_scan_stream(struct fh_watch *watch, struct fh_arena *scratch,
                            const struct fh_frame *wire)
{
    if (watch->ended || watch->failed) {
        return;
    }
    if (wire->fault) {
        struct fh_fault fault;

        fh_bedrock_read_fault(&fault, scratch, wire->name, wire->data);
        watch->failed = true;
        watch->failure = fault.kind;
    } else if (fh_eq(wire->name, FH_LIT("messageStop"))) {
        see_stop(watch, fh_json_get(parse(scratch, wire->data), FH_LIT("stopReason")));
    } else if (fh_eq(wire->name, FH_LIT("metadata"))) {
        yyjson_val *root = parse(scratch, wire->data);

        fh_bedrock_read_usage(&watch->usage, fh_json_get(root, FH_LIT("usage")), scratch, NULL);
        watch->ended = root != NULL && watch->finish != FH_FINISH_UNKNOWN;
    }
}

enum { AT_USAGE, AT_STOP_REASON, AT_OUTPUT, AT_MESSAGE, AT_TYPE, AT_COUNT };

static const struct fh_slice names[AT_COUNT] = {
    [AT_USAGE] = FH_LIT_INIT("usage"),   [AT_STOP_REASON] = FH_LIT_INIT("stopReason"),
    [AT_OUTPUT] = FH_LIT_INIT("output"), [AT_MESSAGE] = FH_LIT_INIT("message"),
    [AT_TYPE] = FH_LIT_INIT("__type"),
};

/* A reply may be some hundred KiB of text, and what counts is in a few dozen bytes of it. */
void fh_bedrock_scan_reply(struct fh_watch *watch, struct fh_arena *scratch,
                           struct fh_slice body)
{
    struct fh_json_member at[AT_COUNT];
    struct fh_error ignored;

    if (fh_json_scan(body, names, at, AT_COUNT, DEPTH_MAX, &ignored) != FH_OK) {
        return;
    }
    if (at[AT_OUTPUT].value.ptr == NULL &&
        (at[AT_MESSAGE].value.ptr != NULL || at[AT_TYPE].value.ptr != NULL)) {
        struct fh_fault fault; /* an error in disguise */

        fh_bedrock_read_fault(&fault, scratch, FH_NONE, body);
        watch->failed = true;
        watch->failure = fault.kind;
        return;
    }
    fh_bedrock_read_usage(&watch->usage, parse(scratch, at[AT_USAGE].value), scratch, NULL);
    if (fh_starts(at[AT_STOP_REASON].value, FH_LIT("\""))) {
        watch->finish = fh_bedrock_finish(fh_json_unescape(at[AT_STOP_REASON].value, scratch));
    }
    watch->ended = true;
}
