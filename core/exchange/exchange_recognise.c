/* exchange_recognise.c: which call of which dialect a request is, and where its key stands.
 * SPDX-License-Identifier: Apache-2.0 */
#include "exchange/exchange_paths.def"
#include "exchange/exchange_state.h"

/* Where a path may begin: bits. */
enum door {
    BARE = 1 << 0,
    ANTHROPIC = 1 << 1,
    OPENAI = 1 << 2,
    BEDROCK = 1 << 3,
    GEMINI = 1 << 4,
    VERTEX = 1 << 5,
    MISTRAL = 1 << 6,
};

/* Longer names first where one begins another. Azure's clients say /openai themselves, mostly. */
static const struct {
    struct fh_slice prefix;
    enum door door;
    enum fh_dialect_id dialect; /* in which one is told that there is nothing */
} doors[] = {
    {FH_LIT_INIT("/anthropic"), ANTHROPIC, FH_DIALECT_ANTHROPIC},
    {FH_LIT_INIT("/azure/openai"), OPENAI, FH_DIALECT_OPENAI_CHAT},
    {FH_LIT_INIT("/azure"), OPENAI, FH_DIALECT_OPENAI_CHAT},
    {FH_LIT_INIT("/openai"), OPENAI, FH_DIALECT_OPENAI_CHAT},
    {FH_LIT_INIT("/bedrock"), BEDROCK, FH_DIALECT_BEDROCK},
    {FH_LIT_INIT("/gemini"), GEMINI, FH_DIALECT_GEMINI},
    {FH_LIT_INIT("/vertex"), VERTEX, FH_DIALECT_GEMINI},
    {FH_LIT_INIT("/mistral"), MISTRAL, FH_DIALECT_MISTRAL},
};

/* What the column "call" means. */
enum path_call {
    PATH_CHAT,
    PATH_INVOKE, /* a chat or embeddings: the body tells */
    PATH_COUNT,
    PATH_MODELS,
    PATH_PROFILES,
    PATH_PUBLISHED,
    PATH_OPENAI_EMBED,
    PATH_MISTRAL_EMBED,
    PATH_GEMINI_EMBED,
    PATH_GEMINI_EMBED_ONE,
};

static const struct {
    enum fh_call call;
    enum fh_list_kind list;
    enum fh_embed_shape shape;
} meaning[] = {
    [PATH_CHAT] = {.call = CALL_CHAT},
    [PATH_INVOKE] = {.call = CALL_INVOKE},
    [PATH_COUNT] = {.call = CALL_COUNT},
    [PATH_MODELS] = {.call = CALL_MODELS, .list = FH_LIST_MODELS},
    [PATH_PROFILES] = {.call = CALL_MODELS, .list = FH_LIST_PROFILES},
    [PATH_PUBLISHED] = {.call = CALL_MODELS, .list = FH_LIST_PUBLISHED},
    [PATH_OPENAI_EMBED] = {.call = CALL_EMBED, .shape = FH_EMBED_OPENAI},
    [PATH_MISTRAL_EMBED] = {.call = CALL_EMBED, .shape = FH_EMBED_MISTRAL},
    [PATH_GEMINI_EMBED] = {.call = CALL_EMBED, .shape = FH_EMBED_GEMINI},
    [PATH_GEMINI_EMBED_ONE] = {.call = CALL_EMBED, .shape = FH_EMBED_GEMINI_ONE},
};

enum { FH_DIALECT_GUESS = FH_DIALECTS };

static const struct path {
    struct fh_slice method, pattern;
    unsigned doors;
    enum path_call call;
    int dialect; /* FH_DIALECT_GUESS: see `guess` */
    enum fh_streamed streamed;
    enum fh_framing framing;
    enum fh_provider_envelope envelope;
} paths[] = {
#define X(from, verb, at, asks, speaks, streams, frames, wrapped) \
    {.method = FH_LIT_INIT(verb),                                 \
     .pattern = FH_LIT_INIT(at),                                  \
     .doors = (from),                                             \
     .call = PATH_##asks,                                         \
     .dialect = (int)FH_DIALECT_##speaks,                         \
     .streamed = STREAMED_##streams,                              \
     .framing = FH_FRAMING_##frames,                              \
     .envelope = FH_ENVELOPE_##wrapped},
    FH_EXCHANGE_PATHS(X)
#undef X
};

static const struct native {
    unsigned doors;
    struct fh_slice methods, pattern;
    int dialect; /* FH_DIALECT_GUESS: the door's, or `guess` */
    enum fh_x_reading reading;
} natives[] = {
#define X(from, verbs, at, speaks, reads) \
    {.doors = (from),                     \
     .methods = FH_LIT_INIT(verbs),       \
     .pattern = FH_LIT_INIT(at),          \
     .dialect = (int)FH_DIALECT_##speaks, \
     .reading = READING_##reads},
    FH_EXCHANGE_NATIVES(X)
#undef X
};

enum { ID_MAX = 256 };

/* guess tells the dialect of a client by a header that only Anthropic's or Google's SDKs send. */
static enum fh_dialect_id guess(const struct fh_client_head *head)
{
    if (head->x_goog_api_key.len > 0) {
        return FH_DIALECT_GEMINI;
    }
    return head->anthropic_version.len > 0 ? FH_DIALECT_ANTHROPIC : FH_DIALECT_OPENAI_CHAT;
}

/* take_pattern matches the part of a pattern before {model}, or all of it. */
static bool take_pattern(struct fh_slice *path, struct fh_slice pattern)
{
    while (pattern.len > 0) {
        size_t star = fh_find(pattern, '*');

        if (!fh_take(path, fh_head(pattern, star))) {
            return false;
        }
        pattern = fh_tail(pattern, star);
        if (pattern.len > 0) {
            size_t segment = fh_find(*path, '/');

            if (segment == 0 || segment == path->len) {
                return false;
            }
            *path = fh_tail(*path, segment);
            pattern = fh_tail(pattern, 1);
        }
    }
    return true;
}

/* fits says whether a path is of a pattern, and which model it names. */
static bool fits(struct fh_slice path, struct fh_slice pattern, struct fh_slice *model)
{
    static const struct fh_slice blank = FH_LIT_INIT("{model}");
    size_t at = fh_search(pattern, blank);

    if (!take_pattern(&path, fh_head(pattern, at))) {
        return false;
    }
    if (at == pattern.len) {
        return path.len == 0;
    }
    struct fh_slice behind = fh_tail(pattern, at + blank.len);

    if (path.len <= behind.len || !fh_ends(path, behind)) {
        return false;
    }
    *model = fh_head(path, path.len - behind.len);
    return true;
}

/* Gemini's clients choose the framing by a parameter. */
static bool asks_for_sse(struct fh_slice query)
{
    struct fh_slice part;

    while (fh_split(&query, '&', &part)) {
        if (fh_eq(part, FH_LIT("alt=sse"))) {
            return true;
        }
    }
    return false;
}

static void take_row(struct fh_recognised *found, const struct path *row,
                     const struct fh_client_head *head)
{
    found->call = meaning[row->call].call;
    found->list = meaning[row->call].list;
    found->shape = meaning[row->call].shape;
    found->dialect =
        row->dialect == (int)FH_DIALECT_GUESS ? guess(head) : (enum fh_dialect_id)row->dialect;
    found->streamed = row->streamed;
    found->framing = row->framing == FH_FRAMING_LIST && asks_for_sse(head->query)
                         ? FH_FRAMING_SSE
                         : row->framing;
    found->envelope = row->envelope;
}

/* is_id says whether a segment can be an id: it travels on as it is, and may not lead elsewhere. */
static bool is_id(struct fh_slice segment)
{
    for (size_t i = 0; i < segment.len; i++) {
        uint8_t c = segment.ptr[i];
        uint8_t letter = c | 0x20;

        if (!((letter >= 'a' && letter <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
              c == '_' || (c == '.' && i > 0))) {
            return false;
        }
    }
    return segment.len > 0 && segment.len <= ID_MAX;
}

static bool fits_ids(struct fh_slice path, struct fh_slice pattern)
{
    struct fh_slice want;
    struct fh_slice got;

    while (fh_split(&pattern, '/', &want)) {
        if (!fh_split(&path, '/', &got) ||
            !(fh_eq(want, FH_LIT("*")) ? is_id(got) : fh_eq(got, want))) {
            return false;
        }
    }
    return path.len == 0;
}

static bool has_word(struct fh_slice words, struct fh_slice word)
{
    struct fh_slice next;

    while (fh_split(&words, ' ', &next)) {
        if (fh_eq(next, word)) {
            return true;
        }
    }
    return false;
}

/* find_native looks for a call that passes as it is. `spoken` is the door's dialect, or a guess. */
static void find_native(struct fh_recognised *found, const struct fh_client_head *head,
                        struct fh_slice rest, enum door door, enum fh_dialect_id spoken)
{
    if (!fh_take(&rest, FH_LIT("/v1")) && door != OPENAI) {
        return;
    }
    for (size_t i = 0; i < FH_LEN(natives) && !found->known; i++) {
        const struct native *row = &natives[i];

        if ((row->doors & door) != 0 && fits_ids(rest, row->pattern)) {
            found->call = CALL_NATIVE;
            found->dialect = row->dialect == (int)FH_DIALECT_GUESS
                                 ? spoken
                                 : (enum fh_dialect_id)row->dialect;
            found->reading = row->reading;
            found->rest = rest;
            found->known = has_word(row->methods, head->method);
            found->fault = FH_REFUSE_BAD_METHOD;
        }
    }
}

struct fh_recognised fh_x_recognise(const struct fh_client_head *head)
{
    struct fh_recognised found = {.dialect = guess(head), .fault = FH_REFUSE_NO_SUCH_PATH};
    struct fh_slice path = head->path;
    enum door door = BARE;

    for (size_t i = 0; i < FH_LEN(doors); i++) {
        struct fh_slice rest = path;

        if (fh_take(&rest, doors[i].prefix) && fh_starts(rest, FH_LIT("/"))) {
            path = rest;
            door = doors[i].door;
            found.dialect = doors[i].dialect;
            break;
        }
    }
    const enum fh_dialect_id spoken = found.dialect;

    for (size_t i = 0; i < FH_LEN(paths); i++) {
        struct fh_slice model = FH_NONE;

        if ((paths[i].doors & door) == 0 || !fits(path, paths[i].pattern, &model)) {
            continue;
        }
        take_row(&found, &paths[i], head);
        found.model = model;
        found.known = fh_eq(head->method, paths[i].method);
        found.fault = FH_REFUSE_BAD_METHOD;
        if (found.known) {
            return found; /* else another row may have the path with this method */
        }
    }
    find_native(&found, head, path, door, spoken);
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

/* Google's curl examples have the key in the query; its SDKs do not. */
static struct fh_slice query_key(struct fh_slice query)
{
    struct fh_slice part;

    while (fh_split(&query, '&', &part)) {
        if (fh_take(&part, FH_LIT("key="))) {
            return part;
        }
    }
    return FH_NONE;
}

/* Some clients fill two of these places, one of them with a key that is not ours. */
bool fh_x_client_key(const struct fh_client_head *head, struct fh_slice *key)
{
    struct fh_slice places[] = {FH_NONE, head->x_api_key, head->api_key, head->x_goog_api_key,
                                query_key(head->query)};

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
