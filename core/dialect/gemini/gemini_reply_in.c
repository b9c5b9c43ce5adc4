/* gemini_reply_in.c: what Google answers becomes events, whole or chunk by chunk.
 *
 * A chunk is a GenerateContentResponse as a whole answer is one; its parts are fragments: text
 * goes on with the block that is open if that is of its kind. There is no word for the end of a
 * stream but the end of its bytes, behind a finishReason.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "dialect/gemini/gemini.h"

struct candidate {
    yyjson_val *finish_reason;
    yyjson_val *content, *index, *grounding;
};

static const struct fh_member candidate_members[] = {
    FH_MEMBER("content", OBJECT, struct candidate, content),
    FH_MEMBER("index", NUMBER, struct candidate, index),
    FH_MEMBER("finishReason", ANY, struct candidate, finish_reason),
    FH_MEMBER("groundingMetadata", ANY, struct candidate, grounding),
};

struct content {
    struct fh_slice role;
    yyjson_val *parts;
};

static const struct fh_member content_members[] = {
    FH_MEMBER("role", TEXT, struct content, role),
    FH_MEMBER("parts", LIST, struct content, parts),
};

struct answer {
    struct fh_slice id, model;
    yyjson_val *candidates, *usage, *feedback;
};

static const struct fh_member answer_members[] = {
    FH_MEMBER("responseId", TEXT, struct answer, id),
    FH_MEMBER("modelVersion", TEXT, struct answer, model),
    FH_MEMBER("candidates", LIST, struct answer, candidates),
    FH_MEMBER("usageMetadata", OBJECT, struct answer, usage),
    FH_MEMBER("promptFeedback", OBJECT, struct answer, feedback),
};

/* was_told says whether a member was told before, and remembers that it is now. */
static bool was_told(struct fh_gemini_answer *a, struct fh_slice pointer)
{
    bool told = fh_read_word(a->told, a->told_count, pointer) < a->told_count;

    if (!told && a->told_count < FH_LEN(a->told)) {
        a->told[a->told_count++] = fh_dup(a->arena, pointer);
    }
    return told;
}

/* mark_told: a stream says the same members chunk by chunk, and what was told once needs to be
 * reported once. Says whether one of them is new. */
static bool mark_told(struct fh_gemini_answer *a, const struct fh_extras *extras)
{
    bool news = false;

    for (struct fh_extra *e = extras->first; e != NULL; e = e->next) {
        e->repeats = yyjson_is_null(e->value) || was_told(a, e->pointer);
        news = news || !e->repeats;
    }
    return news;
}

/* current is the block that something beside the parts is about. */
static uint32_t current(const struct fh_gemini_choice *c)
{
    return c->next > 0 ? c->next - 1 : 0;
}

static struct fh_event *push_for(struct fh_gemini_answer *a, struct fh_events *out,
                                 enum fh_event_kind kind, uint32_t choice)
{
    struct fh_event *event = fh_event_push(out, kind);

    event->choice = choice;
    event->index = current(&a->choice[choice]);
    event->block = a->choice[choice].kind;
    return event;
}

/* push_citations: where an answer comes from, said of all of it so far. What citationMetadata
 * says, whose words the model repeats, is an extra: else it would be reported as grounding. */
static void push_citations(struct fh_gemini_answer *a, struct fh_events *out, uint32_t choice,
                           const struct fh_path *at, yyjson_val *grounding)
{
    if (grounding != NULL) {
        struct fh_event *event = push_for(a, out, FH_EVENT_CITATIONS, choice);

        (void)fh_extra_add(&event->extras, out->arena, at, FH_LIT("groundingMetadata"),
                           grounding);
    }
}

static struct fh_event *push_finish(struct fh_gemini_answer *a, struct fh_events *out,
                                    uint32_t choice, struct fh_slice word)
{
    struct fh_gemini_choice *c = &a->choice[choice];
    struct fh_event *event = NULL;

    fh_gemini_close(a, out, choice);
    event = push_for(a, out, FH_EVENT_FINISH, choice);
    event->finish = fh_gemini_finish(word);
    event->finish_word = word;
    if (event->finish == FH_FINISH_STOP && c->called) {
        event->finish = FH_FINISH_TOOLS;
    }
    c->finished = true;
    a->finished = true;
    return event;
}

static bool all_finished(const struct fh_gemini_answer *a)
{
    for (size_t i = 0; i < FH_GEMINI_CHOICES_MAX; i++) {
        if (a->choice[i].next > 0 && !a->choice[i].finished) {
            return false;
        }
    }
    return true;
}

/* finish tells why a candidate ended, once all that have begun did: the end of the bytes behind a
 * finish is the end of the answer, and must not be where one candidate is still speaking. */
static void finish(struct fh_gemini_answer *a, struct fh_events *out, uint32_t choice,
                   struct fh_slice word, const struct fh_extras *extras)
{
    struct fh_gemini_choice *c = &a->choice[choice];

    c->finished = true;
    c->waits = true;
    c->word = fh_dup(a->arena, word);
    if (!all_finished(a)) {
        if (extras->first != NULL) { /* they live no longer than this chunk */
            push_for(a, out, FH_EVENT_EXTRA, choice)->extras = *extras;
        }
        fh_gemini_close(a, out, choice);
        return;
    }
    fh_gemini_close(a, out, choice);
    for (uint32_t i = 0; i < FH_GEMINI_CHOICES_MAX; i++) {
        if (a->choice[i].waits) {
            struct fh_event *event = push_finish(a, out, i, a->choice[i].word);

            event->extras = i == choice ? *extras : event->extras;
            a->choice[i].waits = false;
        }
    }
}

static enum fh_rc read_parts(struct fh_gemini_answer *a, struct fh_events *out, uint32_t choice,
                             const struct fh_path *at, yyjson_val *list, struct fh_reader *r)
{
    struct fh_path parts = {.up = at, .key = FH_LIT("parts")};
    struct fh_path part = {.up = &parts};
    yyjson_arr_iter iter = yyjson_arr_iter_with(list);

    for (yyjson_val *one = NULL; (one = yyjson_arr_iter_next(&iter)) != NULL; part.index++) {
        FH_TRY(fh_gemini_read_part(a, out, choice, &part, one, r));
        if (a->whole) {
            fh_gemini_close(a, out, choice);
        }
    }
    return FH_OK;
}

/* read_number finds out which candidate it is that stands at `at`. */
static enum fh_rc read_number(struct fh_reader *r, const struct fh_path *at, yyjson_val *value,
                              uint32_t *choice)
{
    struct fh_path index = {.up = at, .key = FH_LIT("index")};
    yyjson_val *said = fh_json_get(value, index.key);
    uint64_t number = at->index;

    if (said != NULL && !yyjson_is_null(said) && !fh_json_u64(said, &number)) {
        return fh_read_wrong(r, &index, "a number of a candidate", said);
    }
    if (number >= FH_GEMINI_CHOICES_MAX) {
        return fh_read_refuse(r, at, "is candidate %llu; there are at most %d",
                              (unsigned long long)number, FH_GEMINI_CHOICES_MAX);
    }
    *choice = (uint32_t)number;
    return FH_OK;
}

static enum fh_rc read_finish(struct fh_reader *r, const struct fh_path *at, yyjson_val *said,
                              struct fh_slice *word)
{
    struct fh_path place = {.up = at, .key = FH_LIT("finishReason")};

    *word = fh_gemini_finish_said(said);
    if (word->ptr == NULL && said != NULL && !yyjson_is_null(said)) {
        return fh_read_wrong(r, &place, "a reason to finish", said);
    }
    return FH_OK;
}

/* read_candidate: a chunk lists those that go on, so pointers have the number of a candidate and
 * not its place. */
static enum fh_rc read_candidate(struct fh_gemini_answer *a, struct fh_events *out,
                                 const struct fh_path *place, yyjson_val *value,
                                 struct fh_reader *r)
{
    struct fh_path at = *place;
    struct fh_path content = {.up = &at, .key = FH_LIT("content")};
    struct candidate said = {0};
    struct content inner = {0};
    struct fh_extras extras = {0};
    struct fh_slice word = FH_NONE;
    uint32_t choice = 0;

    FH_TRY(read_number(r, place, value, &choice));
    at.index = choice;
    FH_TRY(fh_read_object(r, &FH_SHAPE(candidate_members), &said, &extras, &at, value));
    if (said.content != NULL) {
        FH_TRY(fh_read_object(r, &FH_SHAPE(content_members), &inner, &extras, &content,
                              said.content));
        FH_TRY(read_parts(a, out, choice, &content, inner.parts, r));
    }
    push_citations(a, out, choice, &at, said.grounding);
    (void)mark_told(a, &extras);
    FH_TRY(read_finish(r, &at, said.finish_reason, &word));
    if (word.len > 0 && a->choice[choice].finished) {
        return fh_read_refuse(r, &at, "is finished twice");
    }
    if (word.len > 0) {
        finish(a, out, choice, word, &extras);
    } else if (extras.first != NULL) {
        push_for(a, out, FH_EVENT_EXTRA, choice)->extras = extras;
    }
    return FH_OK;
}

/* ---- beside the candidates ---- */

static void start(struct fh_gemini_answer *a, struct fh_events *out, const struct answer *said,
                  const struct fh_extras *extras)
{
    struct fh_event *event = NULL;

    if (a->started) { /* all of it comes again with every chunk */
        return;
    }
    a->started = true;
    a->id = fh_dup(a->arena, said->id);
    event = fh_event_push(out, FH_EVENT_START);
    event->id = said->id;
    event->model = said->model;
    event->extras = *extras;
}

/* push_news tells what a later chunk says of the answer and none before it did. */
static void push_news(struct fh_gemini_answer *a, struct fh_events *out,
                      const struct fh_extras *extras)
{
    struct fh_extras news = {0};

    for (struct fh_extra *e = extras->first, *next = NULL; e != NULL; e = next) {
        next = e->next;
        e->next = NULL;
        if (!e->repeats) {
            fh_extras_append(&news, &(struct fh_extras){e, e});
        }
    }
    push_for(a, out, FH_EVENT_EXTRA, 0)->extras = news;
}

static bool same_usage(const struct fh_usage *a, const struct fh_usage *b)
{
    bool same = a->seen == b->seen;

    for (int kind = 0; kind < FH_TOKENS_KINDS && same; kind++) {
        same = a->count[kind] == b->count[kind];
    }
    return same;
}

static void push_usage(struct fh_gemini_answer *a, struct fh_events *out, yyjson_val *metadata,
                       bool last)
{
    struct fh_usage usage = {0};
    struct fh_extras extras = {0};

    if (metadata == NULL) {
        return;
    }
    fh_gemini_read_usage(&usage, metadata, out->arena, &extras);
    bool news = mark_told(a, &extras);

    if (last || news || !same_usage(&usage, &a->usage)) {
        struct fh_event *event = fh_event_push(out, FH_EVENT_USAGE);

        event->usage = usage;
        event->raw = metadata;
        event->extras = extras;
        a->usage = usage;
    }
}

/* push_feedback: a prompt that was blocked has no candidates, and that is the answer. The finish
 * says so; what else is said of it is reported member by member. */
static void push_feedback(struct fh_gemini_answer *a, struct fh_events *out,
                          yyjson_val *feedback, bool alone)
{
    static const struct fh_slice finish_says[] = {FH_LIT_INIT("blockReason")};
    struct fh_path at = {.key = FH_LIT("promptFeedback")};
    struct fh_slice reason = fh_json_text(fh_json_get(feedback, FH_LIT("blockReason")));
    struct fh_event *event = NULL;

    if (feedback == NULL) {
        return;
    }
    if (reason.len > 0 && alone && !a->choice[0].finished) {
        event = push_finish(a, out, 0, reason);
        event->finish = FH_FINISH_REFUSAL;
        fh_extras_keep(&event->extras, out->arena, &at, feedback, finish_says,
                       FH_LEN(finish_says));
    } else {
        event = push_for(a, out, FH_EVENT_EXTRA, 0);
    }
    struct fh_extra *extra = fh_extra_add(&event->extras, out->arena, NULL, at.key, feedback);

    extra->repeats = event->kind == FH_EVENT_FINISH;
}

static enum fh_rc read_answer(struct fh_gemini_answer *a, struct fh_events *out,
                              yyjson_val *root, struct fh_reader *r)
{
    struct fh_path list = {.key = FH_LIT("candidates")};
    struct fh_path at = {.up = &list};
    struct answer said = {0};
    struct fh_extras extras = {0};
    bool last = a->whole;
    bool goes_on = a->started;

    FH_TRY(fh_read_object(r, &FH_SHAPE(answer_members), &said, &extras, NULL, root));
    bool news = mark_told(a, &extras);
    yyjson_arr_iter iter = yyjson_arr_iter_with(said.candidates);

    start(a, out, &said, &extras);
    for (size_t i = 0; i < yyjson_arr_size(said.candidates); i++) {
        yyjson_val *one = yyjson_arr_iter_next(&iter);

        last = last || fh_json_get(one, FH_LIT("finishReason")) != NULL;
    }
    push_usage(a, out, said.usage, last || yyjson_arr_size(said.candidates) == 0);
    iter = yyjson_arr_iter_with(said.candidates);
    for (yyjson_val *one = NULL; (one = yyjson_arr_iter_next(&iter)) != NULL; at.index++) {
        FH_TRY(read_candidate(a, out, &at, one, r));
    }
    if (goes_on && news) {
        push_news(a, out, &extras);
    }
    push_feedback(a, out, said.feedback, yyjson_arr_size(said.candidates) == 0);
    return FH_OK;
}

enum fh_rc fh_gemini_read_answer(struct fh_gemini_answer *a, struct fh_events *out,
                                 yyjson_val *root, struct fh_complaint *why)
{
    struct fh_reader r = {.arena = out->arena, .why = why};
    enum fh_rc rc = read_answer(a, out, root, &r);

    why->kind = FH_REFUSE_UPSTREAM_FAILED; /* not the client's fault */
    return rc;
}

/* ---- a whole answer ---- */

static void push_error(struct fh_events *out, yyjson_val *error)
{
    fh_gemini_read_fault(&fh_event_push(out, FH_EVENT_ERROR)->fault, error);
}

/* finish_all ends candidates that nobody ended: whole, they came to their end. */
static void finish_all(struct fh_gemini_answer *a, struct fh_events *out)
{
    for (uint32_t i = 0; i < FH_GEMINI_CHOICES_MAX; i++) {
        struct fh_gemini_choice *c = &a->choice[i];

        if (c->waits || (!c->finished && c->next > 0)) {
            (void)push_finish(a, out, i, c->word);
            c->waits = false;
        }
    }
}

enum fh_rc fh_gemini_decode_reply(struct fh_events *out, struct fh_slice body,
                                  struct fh_complaint *why)
{
    struct fh_gemini_answer *a = fh_new(out->arena, struct fh_gemini_answer);
    struct fh_reader r = {.arena = out->arena, .why = why};
    yyjson_val *root = NULL;
    struct fh_error error;

    why->kind = FH_REFUSE_UPSTREAM_FAILED;
    if (fh_json_parse(out->arena, body, &root, &error) != FH_OK) {
        why->message = FH_LIT("the answer is no JSON");
        return FH_E_SYNTAX;
    }
    if (fh_gemini_error_in(root) != NULL) {
        push_error(out, fh_gemini_error_in(root));
        return FH_OK;
    }
    a->arena = out->arena;
    a->whole = !yyjson_is_arr(root);
    yyjson_arr_iter iter = yyjson_arr_iter_with(root);
    yyjson_val *chunk = a->whole ? root : yyjson_arr_iter_next(&iter);

    for (; chunk != NULL; chunk = a->whole ? NULL : yyjson_arr_iter_next(&iter)) {
        FH_TRY(fh_gemini_read_answer(a, out, chunk, why));
    }
    if (a->whole) {
        finish_all(a, out);
    }
    if (!a->finished) {
        (void)fh_read_missing(&r, NULL, "candidates, or a reason why there are none");
        why->kind = FH_REFUSE_UPSTREAM_FAILED;
        return FH_E_MISSING;
    }
    (void)fh_event_push(out, FH_EVENT_END);
    return FH_OK;
}
