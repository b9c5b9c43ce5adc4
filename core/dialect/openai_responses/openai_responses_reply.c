/* openai_responses_reply.c: a response, as a whole answer is one and as a stream ends with one.
 * SPDX-License-Identifier: Apache-2.0 */
#include "dialect/openai_responses/openai_responses.h"

static struct fh_slice text_of(yyjson_val *obj, struct fh_slice key)
{
    return fh_json_text(fh_json_get(obj, key));
}

void fh_responses_begin(struct fh_events *out, yyjson_val *response)
{
    struct fh_event *event = fh_event_push(out, FH_EVENT_START);

    event->id = text_of(response, FH_LIT("id"));
    event->model = text_of(response, FH_LIT("model"));
    event->raw = response;
    (void)!fh_json_u64(fh_json_get(response, FH_LIT("created_at")), &event->created_s);
}

/* response_extras lists members of which no other dialect has anything. */
static void response_extras(struct fh_extras *extras, struct fh_arena *arena,
                            yyjson_val *response)
{
    struct fh_slice key = FH_LIT("service_tier");
    struct fh_slice tier = text_of(response, key);

    if (tier.len > 0 && !fh_eq(tier, FH_LIT("default")) && !fh_eq(tier, FH_LIT("auto"))) {
        fh_extra_add(extras, arena, NULL, key, fh_json_get(response, key));
    }
    fh_responses_note(extras, arena, NULL, FH_RESPONSES_A_RESPONSE, response);
}

void fh_responses_snapshot(struct fh_events *out, yyjson_val *response)
{
    struct fh_path output = {.key = FH_LIT("output")};
    struct fh_path at = {.up = &output};
    yyjson_arr_iter iter = yyjson_arr_iter_with(fh_json_get(response, output.key));
    struct fh_extras extras = {0};

    response_extras(&extras, out->arena, response);
    for (; yyjson_arr_iter_has_next(&iter); at.index++) {
        fh_responses_note(&extras, out->arena, &at, FH_RESPONSES_AN_ITEM,
                          yyjson_arr_iter_next(&iter));
    }
    fh_responses_tell_extras(out, &extras);
}

enum fh_finish fh_responses_finish(struct fh_slice status, struct fh_slice reason, bool calls,
                                   bool refused, struct fh_slice *word)
{
    *word = status;
    if (fh_eq(status, FH_LIT("incomplete"))) {
        *word = reason.len > 0 ? reason : status;
        if (fh_eq(reason, FH_LIT("max_output_tokens"))) {
            return FH_FINISH_LENGTH;
        }
        return fh_eq(reason, FH_LIT("content_filter")) ? FH_FINISH_REFUSAL : FH_FINISH_UNKNOWN;
    }
    if (status.len > 0 && !fh_eq(status, FH_LIT("completed"))) {
        return FH_FINISH_UNKNOWN;
    }
    if (calls) {
        return FH_FINISH_TOOLS;
    }
    return refused ? FH_FINISH_REFUSAL : FH_FINISH_STOP;
}

bool fh_responses_is_failure(struct fh_slice status, bool whole)
{
    static const struct fh_slice failures[] = {FH_LIT_INIT("failed"), FH_LIT_INIT("cancelled"),
                                               FH_LIT_INIT("queued"),
                                               FH_LIT_INIT("in_progress")};
    /* an answer that is still being worked at is one for the client who asked for that */
    size_t count = whole ? 2 : FH_LEN(failures);

    return fh_read_word(failures, count, status) < count;
}

static void tell_usage(struct fh_events *out, yyjson_val *response)
{
    yyjson_val *usage = fh_json_get(response, FH_LIT("usage"));

    if (yyjson_is_obj(usage)) {
        struct fh_event *event = fh_event_push(out, FH_EVENT_USAGE);

        fh_responses_read_usage(&event->usage, usage, out->arena, &event->extras);
    }
}

/* tell_failure gives the error of a response that has none of an answer. */
static void tell_failure(struct fh_events *out, yyjson_val *response)
{
    struct fh_slice status = text_of(response, FH_LIT("status"));
    yyjson_val *error = fh_json_get(response, FH_LIT("error"));
    struct fh_event *event = NULL;
    struct fh_slice sentence[] = {FH_LIT("the provider's answer is no answer: its status is "),
                                  status};

    tell_usage(out, response);
    event = fh_event_push(out, FH_EVENT_ERROR);
    fh_responses_read_fault(&event->fault, out->arena, error);
    if (!yyjson_is_obj(error) && status.len > 0) {
        event->fault.message = fh_concat(out->arena, sentence, FH_LEN(sentence));
    }
}

static bool is_failed(yyjson_val *response)
{
    return fh_responses_is_failure(text_of(response, FH_LIT("status")), false) ||
           yyjson_is_obj(fh_json_get(response, FH_LIT("error")));
}

void fh_responses_end(struct fh_responses_turn *turn, struct fh_events *out,
                      yyjson_val *response, bool failed)
{
    struct fh_event *event = NULL;

    if (failed || is_failed(response)) {
        tell_failure(out, response);
        return;
    }
    fh_responses_output(turn, out, fh_json_get(response, FH_LIT("output")));
    tell_usage(out, response);
    event = fh_event_push(out, FH_EVENT_FINISH);
    event->finish = fh_responses_finish(
        text_of(response, FH_LIT("status")),
        text_of(fh_json_get(response, FH_LIT("incomplete_details")), FH_LIT("reason")),
        fh_responses_calls(turn), fh_responses_refuses(turn), &event->finish_word);
    event->raw = response;
    response_extras(&event->extras, out->arena, response);
    (void)fh_event_push(out, FH_EVENT_END);
}

enum fh_rc fh_responses_decode_reply(struct fh_events *out, struct fh_slice body,
                                     struct fh_complaint *why)
{
    struct fh_reader r = {.arena = out->arena, .why = why};
    yyjson_val *root = NULL;

    FH_TRY(fh_read_document(&r, body, &root));
    if (!fh_responses_is_sound(body)) {
        return fh_read_refuse(&r, NULL, "says something twice, or is nested too deeply");
    }
    if (is_failed(root)) {
        tell_failure(out, root);
        return FH_OK;
    }
    if (!yyjson_is_arr(fh_json_get(root, FH_LIT("output"))) &&
        fh_json_get(root, FH_LIT("status")) == NULL) {
        return fh_read_missing(&r, NULL, "an output, a list of items");
    }
    fh_responses_begin(out, root);
    fh_responses_end(fh_responses_turn_new(out->arena), out, root, false);
    return FH_OK;
}
