/* exchange_recognise.c: which call of which dialect a request is, and where its key stands.
 * SPDX-License-Identifier: Apache-2.0 */
#include "exchange/exchange_state.h"

/* A prefix always decides; without one the path has to be unambiguous. */
static const struct {
    struct fh_slice prefix;
    enum fh_dialect_id dialect;
} prefixes[] = {
    {FH_LIT_INIT("/anthropic"), FH_DIALECT_ANTHROPIC},
    {FH_LIT_INIT("/openai"), FH_DIALECT_OPENAI_CHAT},
};

static const struct {
    struct fh_slice path;
    struct fh_slice method;
    enum fh_call call;
    enum fh_dialect_id dialect; /* FH_DIALECTS: both have it, see `guess` */
} calls[] = {
    {FH_LIT_INIT("/v1/messages"), FH_LIT_INIT("POST"), CALL_CHAT, FH_DIALECT_ANTHROPIC},
    {FH_LIT_INIT("/v1/messages/count_tokens"), FH_LIT_INIT("POST"), CALL_COUNT,
     FH_DIALECT_ANTHROPIC},
    {FH_LIT_INIT("/v1/chat/completions"), FH_LIT_INIT("POST"), CALL_CHAT,
     FH_DIALECT_OPENAI_CHAT},
    {FH_LIT_INIT("/v1/models"), FH_LIT_INIT("GET"), CALL_MODELS, FH_DIALECTS},
};

/* guess tells the dialect of a client by the header that only Anthropic's SDKs send. */
static enum fh_dialect_id guess(const struct fh_client_head *head)
{
    return head->anthropic_version.len > 0 ? FH_DIALECT_ANTHROPIC : FH_DIALECT_OPENAI_CHAT;
}

static const struct fh_slice one_model = FH_LIT_INIT("/v1/models/");

struct fh_recognised fh_x_recognise(const struct fh_client_head *head)
{
    struct fh_recognised found = {.dialect = FH_DIALECTS, .fault = FH_REFUSE_NO_SUCH_PATH};
    struct fh_slice path = head->path;

    for (size_t i = 0; i < FH_LEN(prefixes); i++) {
        if (fh_take(&path, prefixes[i].prefix)) {
            found.dialect = prefixes[i].dialect;
            break;
        }
    }
    if (fh_starts(path, one_model) && path.len > one_model.len) {
        found.model = fh_tail(path, one_model.len);
        path = FH_LIT("/v1/models");
    }
    for (size_t i = 0; i < FH_LEN(calls); i++) {
        bool fits = found.dialect == FH_DIALECTS || calls[i].dialect == FH_DIALECTS ||
                    calls[i].dialect == found.dialect;

        if (fits && fh_eq(path, calls[i].path)) {
            found.call = calls[i].call;
            found.known = fh_eq(head->method, calls[i].method);
            found.fault = FH_REFUSE_BAD_METHOD;
            found.dialect = calls[i].dialect == FH_DIALECTS ? found.dialect : calls[i].dialect;
            break;
        }
    }
    if (found.dialect == FH_DIALECTS) {
        found.dialect = guess(head);
    }
    return found;
}

/* bearer_token finds the token of `Authorization: Bearer <token>`. */
static bool bearer_token(struct fh_slice header, struct fh_slice *token)
{
    struct fh_slice scheme;

    if (!fh_split(&header, ' ', &scheme) || !fh_eq_nocase(scheme, FH_LIT("bearer"))) {
        return false;
    }
    *token = fh_trim(header);
    return token->len > 0;
}

/* Some clients fill two of the three places, one of them with a key that is not ours. */
bool fh_x_client_key(const struct fh_client_head *head, struct fh_slice *key)
{
    struct fh_slice places[3] = {FH_NONE, head->x_api_key, head->api_key};

    (void)!bearer_token(head->authorization, &places[0]);
    *key = FH_NONE;
    for (size_t i = 0; i < FH_LEN(places); i++) {
        if (fh_starts(places[i], FH_LIT("fh-"))) {
            *key = places[i];
            return true;
        }
        *key = key->len > 0 ? *key : places[i];
    }
    return key->len > 0;
}
