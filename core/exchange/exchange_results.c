/* exchange_results.c: the results of a batch, as they pass: a line a request, with its answer and
 * what that used. Each becomes a pair of records of its own, whose id is made of the answer's:
 * what is fetched twice counts once.
 * SPDX-License-Identifier: Apache-2.0 */
#include "exchange/exchange_state.h"

/* How a line is built: the member that holds how a request fared, and in it the one that holds its
 * answer, which is missing when it has none. */
static const struct form {
    struct fh_slice result, answer;
    struct fh_slice mark; /* stands near the start of every line of results */
} forms[FH_DIALECTS] = {
    [FH_DIALECT_ANTHROPIC] = {FH_LIT_INIT("result"), FH_LIT_INIT("message"),
                              FH_LIT_INIT("\"result\"")},
    [FH_DIALECT_OPENAI_CHAT] = {FH_LIT_INIT("response"), FH_LIT_INIT("body"),
                                FH_LIT_INIT("\"response\"")},
};

/* What a line turned out to be. */
enum kind {
    NO_ANSWER,  /* of a request that failed, or no result at all: nothing was used */
    UNREADABLE, /* a result, and what it used is not known */
    ANSWER,
};

static enum fh_rc find(const struct fh_exchange *x, struct fh_slice text,
                       const struct fh_slice *names, struct fh_json_member *at, size_t count)
{
    struct fh_error why;

    return fh_json_scan(text, names, at, count, x->setup.limits->depth_max, &why);
}

static struct fh_slice text_of(struct fh_exchange *x, const struct fh_json_member *member)
{
    struct fh_arena *scratch = fh_x_scratch(x);

    return fh_starts(member->value, FH_LIT("\""))
               ? fh_dup(scratch, fh_json_unescape(member->value, scratch))
               : FH_NONE;
}

/* dialect_of tells OpenAI's answers apart: in a batch may be any of its calls. */
static const struct fh_dialect *dialect_of(const struct fh_exchange *x, struct fh_slice object)
{
    return fh_eq(object, FH_LIT("\"response\"")) ? fh_dialect(FH_DIALECT_OPENAI_RESPONSES)
                                                 : x->client;
}

/* read_answer reads the answer to one request. One without an id has that of its line. */
static enum kind read_answer(struct fh_exchange *x, struct fh_slice answer,
                             struct fh_slice line_id, struct fh_x_result *out)
{
    enum { AT_ID, AT_MODEL, AT_OBJECT, AT_COUNT };
    static const struct fh_slice names[AT_COUNT] = {
        [AT_ID] = FH_LIT_INIT("id"),
        [AT_MODEL] = FH_LIT_INIT("model"),
        [AT_OBJECT] = FH_LIT_INIT("object"),
    };
    struct fh_json_member at[AT_COUNT];

    if (find(x, answer, names, at, AT_COUNT) != FH_OK) {
        return UNREADABLE;
    }
    struct fh_slice id = text_of(x, &at[AT_ID]);

    id = id.len > 0 ? id : line_id;
    *out = (struct fh_x_result){.dialect = dialect_of(x, at[AT_OBJECT].value),
                                .model = text_of(x, &at[AT_MODEL])};
    out->dialect->scan_reply(&out->watch, fh_x_scratch(x), answer);
    if (out->watch.failed) {
        return NO_ANSWER;
    }
    if (out->watch.usage.seen == 0 || id.len == 0) {
        return UNREADABLE;
    }
    out->id = fh_request_id_of(fh_x_target(x)->provider->name, id);
    return ANSWER;
}

static enum kind read_line(struct fh_exchange *x, struct fh_slice line, struct fh_x_result *out)
{
    const struct form *form = &forms[x->call.dialect];
    const struct fh_slice names[] = {FH_LIT("id"), form->result};
    struct fh_json_member at[FH_LEN(names)];
    struct fh_json_member answer;

    if (find(x, line, names, at, FH_LEN(names)) != FH_OK) {
        return UNREADABLE;
    }
    enum fh_rc rc = find(x, at[1].value, &form->answer, &answer, 1);

    if (rc != FH_OK || !fh_starts(answer.value, FH_LIT("{"))) {
        return rc == FH_E_CONFLICT ? UNREADABLE : NO_ANSWER; /* null, or not there */
    }
    return read_answer(x, answer.value, text_of(x, &at[0]), out);
}

/* fh_x_result_line looks at a line of what passes. Files hold anything: a line that begins no JSON
 * object, or has not the member of a result, is nobody's business. */
void fh_x_result_line(struct fh_exchange *x, const struct fh_line *line)
{
    struct fh_x_native *native = x->native;

    if (!fh_starts(line->text, FH_LIT("{")) ||
        !fh_contains(line->text, forms[x->call.dialect].mark)) {
        return;
    }
    fh_arena_trim(fh_x_scratch(x));
    switch (line->cut ? UNREADABLE : read_line(x, line->text, &native->result)) {
    case NO_ANSWER:
        break;
    case UNREADABLE:
        native->unmetered++;
        break;
    case ANSWER:
        x->state = STATE_RESULT;
        fh_x_intend_result(x);
        break;
    }
}

/* fh_x_result_journaled goes on from a result's intent. */
void fh_x_result_journaled(struct fh_exchange *x, bool ok)
{
    if (ok) {
        fh_x_settle_result(x);
    } else {
        x->native->unmetered++;
    }
}
