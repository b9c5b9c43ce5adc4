/* openai_responses_stream_in.c: the events of a provider's stream.
 *
 *     CREATED   ──created──▶   RUNNING   ──completed, incomplete, failed, error──▶   OVER
 *
 * Events of which we know nothing are of tools that the provider runs, or of a later day: they are
 * passed over wherever they stand.
 *
 * Nearly every event is a delta. Its members are found by a scan; a tree is built of the others
 * only.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"
#include "dialect/openai_responses/openai_responses.h"
#include "wire/json_scan.h"

enum { DEPTH_MAX = 256, ITEMS_MAX = 4096 };

enum state {
    CREATED, /* waiting for response.created */
    RUNNING,
    OVER, /* the client was told the end: what follows has no meaning */
};

struct decoder {
    struct fh_responses_turn *turn;
    enum state state;
};

/* One event while it is read. */
struct reading {
    struct decoder *dec;
    struct fh_events *out;
    struct fh_complaint *why;
    const char *what; /* is wrong with it */
    yyjson_val *root; /* not of a delta */
    struct fh_slice delta, response;
    uint64_t index; /* of the item; UINT64_MAX: not said */
};

void *fh_responses_stream_decoder_new(struct fh_arena *arena)
{
    struct decoder *dec = fh_new(arena, struct decoder);

    dec->turn = fh_responses_turn_new(arena);
    return dec;
}

/* refuse says that the stream has something that it must not have. */
static enum fh_rc refuse(struct reading *e, enum fh_rc rc)
{
    struct fh_slice sentence[] = {FH_LIT("the provider's stream has "), fh_cstr(e->what)};

    *e->why = (struct fh_complaint){
        .kind = FH_REFUSE_UPSTREAM_FAILED,
        .message = fh_concat(e->out->arena, sentence, FH_LEN(sentence)),
    };
    return rc;
}

/* ---- deltas ---- */

static bool is_between(uint8_t c)
{
    return c == ',' || c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* covers says whether the members that a scan found are all that there are: then nothing stands
 * between them but commas and white space. Costs no allocation, and a few comparisons a member. */
static bool covers(struct fh_slice data, const struct fh_json_member *at, size_t count)
{
    struct fh_slice rest = fh_tail(data, fh_find(data, '{') + 1);

    while (rest.len > 0 && rest.ptr[0] != '}') {
        size_t i = 0;

        if (is_between(rest.ptr[0])) {
            rest = fh_tail(rest, 1);
            continue;
        }
        while (i < count && at[i].whole.ptr != rest.ptr) {
            i++;
        }
        if (i == count) {
            return false;
        }
        rest = fh_tail(rest, at[i].whole.len);
    }
    return true;
}

/* tell_extras tells what nobody knows of the event itself, which stands nowhere in an answer. */
static void tell_extras(struct reading *e, yyjson_val *root)
{
    struct fh_extras extras = {0};

    fh_responses_note(&extras, e->out->arena, NULL, FH_RESPONSES_AN_EVENT, root);
    fh_responses_tell_extras(e->out, &extras);
}

/* look_closer builds a tree of an event that otherwise needs none. */
static void look_closer(struct reading *e, struct fh_slice data)
{
    yyjson_val *root = NULL;
    struct fh_error ignored;

    if (fh_json_parse(e->out->arena, data, &root, &ignored) == FH_OK) {
        tell_extras(e, root);
    }
}

/* on_other passes over an event of a tool that the provider runs, or of a later day. */
static void on_other(struct reading *e, struct fh_slice data)
{
    struct fh_json_member at[FH_RESPONSES_MEMBERS];
    struct fh_error ignored;

    if (fh_json_scan(data, fh_responses_members, at, FH_RESPONSES_MEMBERS, DEPTH_MAX,
                     &ignored) != FH_OK ||
        !covers(data, at, FH_RESPONSES_MEMBERS)) {
        look_closer(e, data);
    }
}

static struct fh_responses_item *find(struct reading *e)
{
    struct fh_responses_item *item = fh_responses_item(e->dec->turn, e->index);

    if (item == NULL) {
        e->what = "something about an item that is not being told";
    }
    return item;
}

static bool on_delta(struct reading *e, enum fh_block_kind kind, struct fh_slice logprobs)
{
    struct fh_path at = {.key = FH_LIT("logprobs")};
    struct fh_responses_item *item = find(e);
    yyjson_val *list = NULL;
    struct fh_error never;

    if (item == NULL || !fh_responses_say(item, e->out, kind, e->delta, &e->what)) {
        return false;
    }
    if (logprobs.len > FH_LIT("[]").len &&
        fh_json_parse(e->out->arena, logprobs, &list, &never) == FH_OK) {
        fh_responses_logprobs(item, e->out, &at, list);
    }
    return true;
}

/* ---- the others ---- */

static bool on_added(struct reading *e)
{
    yyjson_val *item = fh_json_get(e->root, FH_LIT("item"));

    if (!yyjson_is_obj(item) || e->index >= ITEMS_MAX) {
        e->what = "an item that is none, or has no index, or one that no answer reaches";
        return false;
    }
    if (e->index < fh_responses_next(e->dec->turn)) {
        e->what = "an item whose index does not follow that of the item before";
        return false;
    }
    fh_responses_item_extras(fh_responses_announce(e->dec->turn, e->out, e->index, item),
                             e->out, item);
    return true;
}

static bool on_done(struct reading *e)
{
    struct fh_responses_item *item = find(e);

    if (item != NULL) {
        fh_responses_done(item, e->out, fh_json_get(e->root, FH_LIT("item")));
    }
    return item != NULL;
}

static bool on_part(struct reading *e, enum fh_responses_event type)
{
    bool summary =
        type == FH_RESPONSES_SUMMARY_PART_ADDED || type == FH_RESPONSES_SUMMARY_PART_DONE;
    struct fh_slice list = summary ? FH_LIT("summary") : FH_LIT("content");
    struct fh_slice number = summary ? FH_LIT("summary_index") : FH_LIT("content_index");
    yyjson_val *part = fh_json_get(e->root, FH_LIT("part"));
    struct fh_responses_item *item = find(e);
    uint64_t index = UINT64_MAX;

    if (item == NULL) { /* the end of a summary's part says nothing that must be told */
        return type == FH_RESPONSES_SUMMARY_PART_DONE;
    }
    if (type == FH_RESPONSES_PART_DONE) {
        fh_responses_part_done(item, e->out, part);
    } else if (type != FH_RESPONSES_SUMMARY_PART_DONE &&
               !fh_responses_part(item, e->out, list, part, &e->what)) {
        return false;
    }
    (void)!fh_json_u64(fh_json_get(e->root, number), &index);
    fh_responses_part_extras(item, e->out, list, index, part);
    return true;
}

static bool on_annotation(struct reading *e)
{
    struct fh_path at = {.key = FH_LIT("annotation")};
    struct fh_responses_item *item = find(e);

    if (item != NULL) {
        fh_responses_cite(item, e->out, &at, fh_json_get(e->root, at.key));
    }
    return item != NULL;
}

/* on_arguments: some servers give the arguments of a call only here. */
static bool on_arguments(struct reading *e)
{
    struct fh_responses_item *item = find(e);

    return item != NULL &&
           fh_responses_arguments(
               item, e->out, fh_json_text(fh_json_get(e->root, FH_LIT("arguments"))), &e->what);
}

static bool on_created(struct reading *e)
{
    yyjson_val *response = fh_json_get(e->root, FH_LIT("response"));

    if (e->dec->state != CREATED || !yyjson_is_obj(response)) {
        e->what = "a response that begins twice, or is none";
        return false;
    }
    e->dec->state = RUNNING;
    fh_responses_begin(e->out, response);
    fh_responses_snapshot(e->out, response);
    return true;
}

static bool on_end(struct reading *e, enum fh_responses_event type)
{
    bool failed = type == FH_RESPONSES_FAILED || type == FH_RESPONSES_CANCELLED;
    yyjson_val *response = fh_json_get(e->root, FH_LIT("response"));

    if (!fh_responses_is_sound(e->response)) {
        e->what = "an end without its response, or with one that says something twice";
        return false;
    }
    if (e->dec->state == CREATED && !failed) { /* some have nothing to say but the end */
        fh_responses_begin(e->out, response);
    }
    e->dec->state = OVER;
    fh_responses_end(e->dec->turn, e->out, response, failed);
    return true;
}

static bool on_error(struct reading *e)
{
    yyjson_val *error = fh_json_get(e->root, FH_LIT("error"));
    struct fh_event *event = fh_event_push(e->out, FH_EVENT_ERROR);

    e->dec->state = OVER;
    fh_responses_read_fault(&event->fault, e->out->arena,
                            yyjson_is_obj(error) || yyjson_get_len(error) > 0 ? error
                                                                              : e->root);
    return true;
}

static bool on_event(struct reading *e, enum fh_responses_event type)
{
    switch (type) {
    case FH_RESPONSES_CREATED:
        return on_created(e);
    case FH_RESPONSES_ITEM_ADDED:
        return on_added(e);
    case FH_RESPONSES_ITEM_DONE:
        return on_done(e);
    case FH_RESPONSES_PART_ADDED:
    case FH_RESPONSES_PART_DONE:
    case FH_RESPONSES_SUMMARY_PART_ADDED:
    case FH_RESPONSES_SUMMARY_PART_DONE:
        return on_part(e, type);
    case FH_RESPONSES_ANNOTATION:
        return on_annotation(e);
    case FH_RESPONSES_ARGUMENTS_DONE:
        return on_arguments(e);
    case FH_RESPONSES_COMPLETED:
    case FH_RESPONSES_INCOMPLETE:
    case FH_RESPONSES_FAILED:
    case FH_RESPONSES_CANCELLED:
        return on_end(e, type);
    case FH_RESPONSES_ERROR:
        return on_error(e);
    case FH_RESPONSES_QUEUED:
    case FH_RESPONSES_KEEPALIVE:
        (void)fh_event_push(e->out, FH_EVENT_PING);
        fh_responses_snapshot(e->out, fh_json_get(e->root, FH_LIT("response")));
        break;
    case FH_RESPONSES_IN_PROGRESS:
        fh_responses_snapshot(e->out, fh_json_get(e->root, FH_LIT("response")));
        break;
    case FH_RESPONSES_TEXT_DELTA:
    case FH_RESPONSES_REFUSAL_DELTA:
    case FH_RESPONSES_ARGUMENTS_DELTA:
    case FH_RESPONSES_SUMMARY_DELTA:
    case FH_RESPONSES_REASONING_DELTA:
    case FH_RESPONSES_OTHER:
        break;
    }
    return true;
}

/* block_of tells what a delta adds to; false for what is none. */
static bool block_of(enum fh_responses_event type, enum fh_block_kind *kind)
{
    static const struct {
        enum fh_responses_event type;
        enum fh_block_kind kind;
    } deltas[] = {
        {FH_RESPONSES_TEXT_DELTA, FH_BLOCK_TEXT},
        {FH_RESPONSES_REFUSAL_DELTA, FH_BLOCK_REFUSAL},
        {FH_RESPONSES_ARGUMENTS_DELTA, FH_BLOCK_TOOL_CALL},
        {FH_RESPONSES_SUMMARY_DELTA, FH_BLOCK_THINKING},
        {FH_RESPONSES_REASONING_DELTA, FH_BLOCK_THINKING},
    };

    for (size_t i = 0; i < FH_LEN(deltas); i++) {
        if (deltas[i].type == type) {
            *kind = deltas[i].kind;
            return true;
        }
    }
    return false;
}

/* comes_early says whether an event may stand before response.created. */
static bool comes_early(enum fh_responses_event type)
{
    return type == FH_RESPONSES_CREATED || type == FH_RESPONSES_KEEPALIVE ||
           fh_responses_is_last(type);
}

static enum fh_rc read_event(struct reading *e, struct fh_slice data)
{
    struct fh_json_member at[FH_RESPONSES_HOT];
    enum fh_block_kind kind = FH_BLOCK_TEXT;
    struct fh_error error;
    struct fh_slice name = FH_NONE;

    if (fh_json_scan(data, fh_responses_members, at, FH_RESPONSES_HOT, DEPTH_MAX, &error) !=
        FH_OK) {
        e->what = "an event that is no JSON object, or says something twice";
        return refuse(e, error.code);
    }
    if (fh_starts(at[FH_RESPONSES_AT_TYPE].value, FH_LIT("\""))) {
        name = fh_json_unescape(at[FH_RESPONSES_AT_TYPE].value, e->out->arena);
    }
    enum fh_responses_event type = fh_responses_event(name);

    if (fh_starts(at[FH_RESPONSES_AT_ERROR].value, FH_LIT("{")) &&
        (name.len == 0 || fh_responses_is_last(type))) {
        type = FH_RESPONSES_ERROR;
    }
    if (type == FH_RESPONSES_OTHER) {
        on_other(e, data);
        return FH_OK;
    }
    if (e->dec->state == CREATED && !comes_early(type)) {
        e->what = "something before response.created";
        return refuse(e, FH_E_CONFLICT);
    }
    e->response = at[FH_RESPONSES_AT_RESPONSE].value;
    e->index = UINT64_MAX;
    (void)!fh_parse_u64(at[FH_RESPONSES_AT_INDEX].value, &e->index);
    if (block_of(type, &kind) && fh_starts(at[FH_RESPONSES_AT_DELTA].value, FH_LIT("\""))) {
        e->delta = fh_json_unescape(at[FH_RESPONSES_AT_DELTA].value, e->out->arena);
        if (!covers(data, at, FH_RESPONSES_HOT)) {
            look_closer(e, data);
        }
        return on_delta(e, kind, at[FH_RESPONSES_AT_LOGPROBS].value) ? FH_OK
                                                                     : refuse(e, FH_E_CONFLICT);
    }
    if (fh_json_parse(e->out->arena, data, &e->root, &error) != FH_OK) {
        e->what = "an event that needs more memory than one may take";
        return refuse(e, error.code);
    }
    if (type != FH_RESPONSES_ERROR) { /* whose words are kept */
        tell_extras(e, e->root);
    }
    return on_event(e, type) ? FH_OK : refuse(e, FH_E_CONFLICT);
}

enum fh_rc fh_responses_decode_stream(void *decoder, struct fh_events *out,
                                      const struct fh_frame *wire, struct fh_complaint *why)
{
    struct reading e = {.dec = decoder, .out = out, .why = why};

    if (wire->data.len == 0 || e.dec->state == OVER || fh_eq(wire->data, FH_LIT("[DONE]"))) {
        return FH_OK; /* a comment; or what only the older API has */
    }
    return read_event(&e, wire->data);
}
