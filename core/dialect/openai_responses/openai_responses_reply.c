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
static void response_extras(struct fh_event *event, struct fh_arena *arena,
                            yyjson_val *response)
{
    static const struct fh_slice known[] = {
#define X(name) FH_LIT_INIT(name),
        FH_RESPONSES_KNOWN(X)
#undef X
#define X(name, otherwise) FH_LIT_INIT(name),
            FH_RESPONSES_REPEATED(X)
#undef X
    };
    struct fh_slice tier = text_of(response, FH_LIT("service_tier"));
    yyjson_obj_iter iter = yyjson_obj_iter_with(response);

    for (yyjson_val *key = NULL; (key = yyjson_obj_iter_next(&iter)) != NULL;) {
        struct fh_slice name = fh_json_text(key);
        bool plain = fh_eq(tier, FH_LIT("default")) || fh_eq(tier, FH_LIT("auto"));
        bool news = fh_read_word(known, FH_LEN(known), name) == FH_LEN(known);

        if (news || (fh_eq(name, FH_LIT("service_tier")) && !plain)) {
            fh_extra_add(&event->extras, arena, NULL, name, yyjson_obj_iter_get_val(key));
        }
    }
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

/* tell_failure gives the error of a response that has none of an answer. */
static bool tell_failure(struct fh_events *out, yyjson_val *response)
{
    static const struct fh_slice failures[] = {FH_LIT_INIT("failed"), FH_LIT_INIT("cancelled"),
                                               FH_LIT_INIT("queued"),
                                               FH_LIT_INIT("in_progress")};
    struct fh_slice status = text_of(response, FH_LIT("status"));
    yyjson_val *error = fh_json_get(response, FH_LIT("error"));

    if (fh_read_word(failures, FH_LEN(failures), status) == FH_LEN(failures)) {
        return false;
    }
    struct fh_event *event = fh_event_push(out, FH_EVENT_ERROR);
    struct fh_slice sentence[] = {FH_LIT("the provider's answer is no answer: its status is "),
                                  status};

    fh_responses_read_fault(&event->fault, out->arena, error);
    if (!yyjson_is_obj(error)) {
        event->fault.message = fh_concat(out->arena, sentence, FH_LEN(sentence));
    }
    return true;
}

bool fh_responses_end(struct fh_responses_turn *turn, struct fh_events *out,
                      yyjson_val *response, const char **what)
{
    yyjson_val *usage = fh_json_get(response, FH_LIT("usage"));
    struct fh_event *event = NULL;

    if (tell_failure(out, response)) {
        return true;
    }
    if (!fh_responses_output(turn, out, fh_json_get(response, FH_LIT("output")), what)) {
        return false;
    }
    if (yyjson_is_obj(usage)) {
        event = fh_event_push(out, FH_EVENT_USAGE);
        fh_responses_read_usage(&event->usage, usage, out->arena, &event->extras);
    }
    event = fh_event_push(out, FH_EVENT_FINISH);
    event->finish = fh_responses_finish(
        text_of(response, FH_LIT("status")),
        text_of(fh_json_get(response, FH_LIT("incomplete_details")), FH_LIT("reason")),
        fh_responses_calls(turn), fh_responses_refuses(turn), &event->finish_word);
    event->raw = response;
    response_extras(event, out->arena, response);
    (void)fh_event_push(out, FH_EVENT_END);
    return true;
}

enum fh_rc fh_responses_decode_reply(struct fh_events *out, struct fh_slice body,
                                     struct fh_complaint *why)
{
    struct fh_reader r = {.arena = out->arena, .why = why};
    yyjson_val *root = NULL;
    const char *what = NULL;

    FH_TRY(fh_read_document(&r, body, &root));
    if (yyjson_is_obj(fh_json_get(root, FH_LIT("error"))) &&
        fh_json_get(root, FH_LIT("status")) == NULL) {
        struct fh_event *event = fh_event_push(out, FH_EVENT_ERROR);

        fh_responses_read_fault(&event->fault, out->arena, fh_json_get(root, FH_LIT("error")));
        return FH_OK;
    }
    if (!yyjson_is_arr(fh_json_get(root, FH_LIT("output"))) &&
        fh_json_get(root, FH_LIT("status")) == NULL) {
        return fh_read_missing(&r, NULL, "an output, a list of items");
    }
    if (tell_failure(out, root)) {
        return FH_OK;
    }
    fh_responses_begin(out, root);
    if (!fh_responses_end(fh_responses_turn_new(out->arena), out, root, &what)) {
        out->count = 0;
        return fh_read_refuse(&r, NULL, "has %s", what);
    }
    return FH_OK;
}
