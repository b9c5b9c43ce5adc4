/* test_exchange.c: whole exchanges under a scripted shell, which answers every want from a table
 * and writes down what was wanted. What a provider sends comes in pieces of every size: the story
 * must be the same.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include "exchange/exchange.h"

enum { ATTEMPTS_MAX = 3, STORY_MAX = 1 << 16 };
#define NOW_US UINT64_C(1764000000000000)

/* What one attempt meets: a refusal to connect, or an answer and how it ends. */
struct attempt {
    const char *refused; /* why no connection was had */
    uint16_t status;     /* 0: 200 */
    const char *json;    /* a whole answer with content-length … */
    const char *sse;     /* … or a chunked stream, an event a chunk … */
    const char *raw;     /* … or these very bytes */
    const char
        *ends; /* "cut" no last chunk; "close", "reset", "silence": that, and no last chunk */
};

enum gone { STAYS, LEAVES_EARLY, LEAVES_LATE };

struct row {
    const char *name;
    const char *path, *method, *key; /* default: /v1/messages, POST, fh-good */
    const char *body, *translation;
    const char *query, *type, *version; /* content-type, anthropic-version */
    const char *provider;               /* x-freehold-provider */
    bool of_google;                     /* the key is in x-goog-api-key */
    const char *sent;                   /* what is sent, with `*` for anything */
    /* A anthropic, O openai_chat, H openai_chat that is helped to tool calls, S starting, X gone,
     * T anthropic with a token that a cloud lent, P with a pair of keys for signing */
    const char *targets;
    const char *places; /* letters as above, and L local: all that keep things */
    size_t event_max;
    bool limited, signed_as_aws;
    struct attempt attempt[ATTEMPTS_MAX];
    bool journal_full, no_results; /* takes no records; takes none of results */
    enum gone gone;
    const char *want;
};

#define KEY FH_LIT("sk-provider")
#define LENT                                                                       \
    FH_LIT("freehold-credential 1\nkind token\nfrom a cloud\nexpires 1769862605\n" \
           "token ya29.sk-provider\n")
#define PAIR                                                                     \
    FH_LIT("freehold-credential 1\nkind aws\nfrom a cloud\naccess_key_id AKID\n" \
           "secret_access_key sk-provider\n")

#define ASK \
    "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"
#define ASK_SSE                                                                           \
    "{\"model\":\"m\",\"stream\":true,\"max_tokens\":9,\"messages\":[{\"role\":\"user\"," \
    "\"content\":\"hi\"}]}"

#define A_REPLY                                                                      \
    "{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"u\"," \
    "\"content\":"                                                                   \
    "[{\"type\":\"text\",\"text\":\"Hello\"}],\"stop_reason\":\"end_turn\","         \
    "\"stop_sequence\":null,\"usage\":{\"input_tokens\":12,\"output_tokens\":7}}"
#define O_REPLY                                                                                \
    "{\"id\":\"c1\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"u\",\"choices\":" \
    "[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"Hello\"},"                \
    "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":7,"    \
    "\"total_tokens\":19}}"

#define A_START                                                                              \
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\"," \
    "\"type\":\"message\",\"role\":\"assistant\",\"model\":\"u\",\"content\":[],"            \
    "\"stop_reason\":null,\"usage\":{\"input_tokens\":12,\"output_tokens\":1}}}\n\n"         \
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,"       \
    "\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n"
#define A_DELTA                                                \
    "event: content_block_delta\ndata: "                       \
    "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":" \
    "{\"type\":\"text_delta\",\"text\":\"Hello\"}}\n\n"
#define A_STOP                                                                            \
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n"  \
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":" \
    "\"end_turn\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":7}}\n\n"           \
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"
#define A_ERROR                                                                         \
    "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"," \
    "\"message\":\"busy\"}}\n\n"

#define O_DELTA                                                                                \
    "data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"u\"," \
    "\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"Hello\"},"      \
    "\"finish_reason\":null}]}\n\n"
#define O_MOOD                                                                                 \
    "data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"u\"," \
    "\"choices\":[{\"index\":0,\"delta\":{\"content\":\"!\",\"mood\":\"high\"},"               \
    "\"finish_reason\":null}]}\n\n"
#define O_FINISH                                                                               \
    "data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"u\"," \
    "\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
#define O_USAGE                                                                                \
    "data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"u\"," \
    "\"choices\":[],\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":7,"                  \
    "\"total_tokens\":19}}\n\n"
#define O_DONE "data: [DONE]\n\n"

/* like matches with `*` for anything. */
static bool like(struct fh_slice text, struct fh_slice pattern)
{
    struct fh_slice part = FH_NONE;
    bool first = true;

    while (fh_find(pattern, '*') < pattern.len) {
        assert_true(fh_split(&pattern, '*', &part) || part.len == 0);
        size_t at = first ? (fh_starts(text, part) ? 0 : text.len + 1) : fh_search(text, part);

        if (part.len > 0 && at >= text.len) {
            return false;
        }
        text = part.len == 0 ? text : fh_tail(text, at + part.len);
        first = false;
    }
    return first ? fh_eq(text, pattern) : fh_ends(text, pattern);
}

struct shell {
    const struct row *row;
    struct fh_arena *arena;
    struct fh_exchange *x;
    struct fh_buf story, client;
    struct fh_buf ids; /* of the results that were booked */
    struct fh_provider provider[ATTEMPTS_MAX];
    struct fh_policy_limits limits;
    uint64_t now_us;
    size_t attempt;
    uint64_t bytes_out; /* as the books have it */
    int64_t content_length;
    bool head, done, connected, sent, settled;
};

FH_PRINTF(2, 3) static void note(struct shell *sh, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    fh_buf_vprintf(&sh->story, fmt, args);
    va_end(args);
}

/* note_result writes down a result's records: its intent and, at once behind it, its settle. */
static void note_result(struct shell *sh, const struct fh_record *record)
{
    const struct fh_usage *usage = &record->settle.usage;
    char id[FH_REQUEST_ID_TEXT_LEN + 1];

    fh_request_id_print(fh_record_id(record), id);
    if (record->type == FH_RECORD_INTENT) {
        assert_int_equal(record->intent.service, FH_SERVICE_BATCH);
        assert_text(record->intent.key_id, "key_1");
        fh_buf_printf(&sh->ids, "%s ", id);
        note(sh, "result %.*s %.*s ", FH_ARG(record->intent.client_dialect),
             FH_ARG(record->intent.route));
        return;
    }
    assert_int_equal(record->type, FH_RECORD_SETTLE);
    assert_true(fh_ends(fh_head(fh_buf_slice(&sh->ids), sh->ids.len - 1), fh_cstr(id)));
    note(sh, "%llu+%llu; ", (unsigned long long)usage->count[FH_TOKENS_INPUT],
         (unsigned long long)usage->count[FH_TOKENS_OUTPUT]);
}

static void note_record(struct shell *sh, const struct fh_want *want)
{
    struct fh_record record;

    assert_int_equal(fh_decode_record(want->record_type, want->record, &record), FH_OK);
    if (!fh_request_id_has_time(fh_record_id(&record))) {
        note_result(sh, &record);
        return;
    }
    switch (want->record_type) {
    case FH_RECORD_INTENT:
        note(sh, "intent %u %.*s; ", record.intent.attempt, FH_ARG(record.intent.route));
        break;
    case FH_RECORD_SETTLE:
        sh->settled = true;
        sh->bytes_out = record.settle.bytes_out;
        note(sh, "settle %.*s %u %llu+%llu%s; ", FH_ARG(fh_outcome_name(record.settle.outcome)),
             record.settle.status,
             (unsigned long long)record.settle.usage.count[FH_TOKENS_INPUT],
             (unsigned long long)record.settle.usage.count[FH_TOKENS_OUTPUT],
             record.settle.usage.estimated ? "~" : "");
        if (record.settle.unmetered > 0) {
            assert_int_equal(record.settle.usage.seen, 0);
            note(sh, "unmetered %u; ", record.settle.unmetered);
        }
        break;
    case FH_RECORD_VOID:
        note(sh, "void %.*s; ", FH_ARG(fh_void_reason_name(record.voided.reason)));
        break;
    }
}

/* target makes the place of a letter. */
static struct fh_target target_of(struct shell *sh, size_t at, char letter)
{
    struct fh_provider *p = &sh->provider[at];
    bool openai = letter == 'O' || letter == 'H';

    *p = (struct fh_provider){
        .name = openai          ? FH_LIT("oai")
                : letter == 'L' ? FH_LIT("loc")
                                : FH_LIT("ant"),
        .kind = openai          ? FH_PROVIDER_OPENAI
                : letter == 'L' ? FH_PROVIDER_LOCAL
                                : FH_PROVIDER_ANTHROPIC,
        .only = FH_DIALECTS,
        .host = FH_LIT("h"),
        .base_path = openai ? FH_LIT("/v1") : FH_LIT("/base"),
        .connect_timeout_ms = 1000,
        .first_byte_timeout_ms = 10000,
        .idle_timeout_ms = 5000,
        .state = letter == 'S' ? FH_PROVIDER_STARTING : FH_PROVIDER_READY,
        .state_line = FH_LIT("loading"),
        .call_prefix = letter == 'H' ? FH_LIT("<call>") : FH_NONE,
    };
    return (struct fh_target){.provider = letter == 'X' ? NULL : p,
                              .model = FH_LIT("u"),
                              .secret = letter == 'T'   ? LENT
                                        : letter == 'P' ? PAIR
                                                        : KEY};
}

static void answer_route(struct shell *sh, struct fh_slice model)
{
    const char *letters = sh->row->targets == NULL ? "A" : sh->row->targets;
    struct fh_target target[ATTEMPTS_MAX] = {0};
    size_t count = 0;

    for (; fh_eq(model, FH_LIT("m")) && letters[count] != '\0'; count++) {
        target[count] = target_of(sh, count, letters[count]);
    }
    fh_exchange_route(sh->x, target, count);
}

static void answer_places(struct shell *sh)
{
    const char *letters = sh->row->places;
    struct fh_target target[ATTEMPTS_MAX] = {0};
    size_t count = 0;

    for (; letters[count] != '\0'; count++) {
        target[count] = target_of(sh, count, letters[count]);
    }
    fh_exchange_places(sh->x, target, count);
}

static void note_head(struct shell *sh, const struct fh_want *want)
{
    static const struct fh_slice shown[] = {FH_LIT_INIT("retry-after"),
                                            FH_LIT_INIT("x-should-retry"),
                                            FH_LIT_INIT("x-freehold-dropped"),
                                            FH_LIT_INIT("x-freehold-attempts"),
                                            FH_LIT_INIT("x-freehold-estimated")};

    assert_false(sh->head);
    sh->head = true;
    sh->content_length = want->content_length;
    note(sh, "head %u", want->status);
    for (size_t i = 0; i < want->field_count; i++) {
        for (size_t n = 0; n < FH_LEN(shown); n++) {
            if (fh_eq(want->fields[i].name, shown[n])) {
                note(sh, " %.*s=%.*s", FH_ARG(shown[n]), FH_ARG(want->fields[i].value));
            }
        }
    }
    note(sh, "; ");
}

static void note_sent(struct shell *sh, const struct fh_want *want)
{
    struct fh_slice all = fh_concat(sh->arena, want->pieces, want->piece_count);

    assert_true(fh_contains(all, FH_LIT("sk-provider")));
    assert_false(fh_contains(all, FH_LIT("fh-good"))); /* the client's key never travels on */
    if (sh->row->sent != NULL) {
        note(sh, "send; ");
        if (!like(all, fh_cstr(sh->row->sent))) {
            fail_msg("%s\nsent\n%.*s", sh->row->name, FH_ARG(all));
        }
        return;
    }
    assert_true(fh_contains(all, FH_LIT("\"model\":\"u\"")));
    note(sh, "send%s%s%s; ",
         fh_contains(all, FH_LIT("Authorization: Bearer ya29.sk-provider\r\n")) ? " +lent" : "",
         fh_contains(all, FH_LIT("\"include_usage\":true")) ? " +usage" : "",
         fh_contains(all, FH_LIT("{\"role\":\"assistant\",\"content\":\"<call>\"}]")) &&
                 fh_contains(all, FH_LIT("\"tool_choice\":\"required\"")) &&
                 !fh_contains(all, FH_LIT("other"))
             ? " +call"
             : "");
}

static void carry_out(struct shell *sh, const struct fh_want *want)
{
    const struct row *row = sh->row;
    struct fh_policy_key key = {.id = FH_LIT("key_1"), .name = FH_LIT("k")};
    struct fh_sha256 good = fh_sha256(FH_LIT("fh-good"));
    struct fh_sha256 revoked = fh_sha256(FH_LIT("fh-revoked"));
    bool is_good = memcmp(&good, &want->key_hash, sizeof(good)) == 0;

    switch (want->kind) {
    case FH_WANT_KEY:
        key.revoked = memcmp(&revoked, &want->key_hash, sizeof(revoked)) == 0;
        key.model_count = row->limited ? 1 : 0;
        is_good = is_good || fh_eq(want->access_key, FH_LIT("AKID"));
        fh_exchange_key(sh->x, is_good || key.revoked ? &key : NULL);
        break;
    case FH_WANT_BODY:
        fh_exchange_body(sh->x, fh_cstr(row->body == NULL ? ASK : row->body), sh->now_us);
        break;
    case FH_WANT_ROUTE:
        answer_route(sh, want->model);
        break;
    case FH_WANT_MODELS: {
        const struct fh_slice names[] = {FH_LIT("m"), FH_LIT("n")};
        fh_exchange_models(sh->x, names, FH_LEN(names));
        break;
    }
    case FH_WANT_PLACES:
        answer_places(sh);
        break;
    case FH_WANT_JOURNAL:
        note_record(sh, want);
        fh_exchange_journaled(sh->x, !row->journal_full && !(row->no_results && sh->head));
        break;
    case FH_WANT_CONNECT:
        if (row->gone == LEAVES_EARLY) {
            fh_exchange_client_gone(sh->x, sh->now_us);
        } else if (row->attempt[sh->attempt].refused != NULL) {
            note(sh, "refused; ");
            fh_exchange_connect_failed(sh->x, row->attempt[sh->attempt++].refused, sh->now_us);
        } else {
            sh->connected = true;
            fh_exchange_connected(sh->x, sh->now_us);
        }
        break;
    case FH_WANT_SEND:
        sh->sent = true;
        note_sent(sh, want);
        break;
    case FH_WANT_RELEASE:
        note(sh, "%s; ", want->keep ? "keep" : "drop");
        if (sh->connected) {
            sh->attempt++;
        }
        sh->connected = false;
        break;
    case FH_WANT_HEAD:
        note_head(sh, want);
        break;
    case FH_WANT_CLIENT:
        assert_true(sh->head);
        fh_buf_append(&sh->client, want->bytes);
        /* what is settled is settled before the client has its last byte */
        assert_true(!sh->sent || sh->settled || (int64_t)sh->client.len != sh->content_length);
        break;
    case FH_WANT_END:
        note(sh, "end%s; ", want->clean ? "" : " broken");
        break;
    case FH_WANT_DONE:
        sh->done = true;
        break;
    }
}

static void run(struct shell *sh)
{
    struct fh_want want;

    while (!sh->done && fh_exchange_next(sh->x, &want)) {
        carry_out(sh, &want);
    }
}

/* wire puts the answer of an attempt into HTTP. */
static struct fh_slice wire(struct shell *sh, const struct attempt *a)
{
    struct fh_buf out = fh_buf_in_arena(sh->arena, 1 << 16);
    struct fh_slice events = fh_cstr(a->sse);

    if (a->raw != NULL) {
        return fh_cstr(a->raw);
    }
    fh_buf_printf(&out, "HTTP/1.1 %u X\r\ncontent-type: %s\r\n",
                  a->status == 0 ? 200 : a->status,
                  a->sse != NULL ? "text/event-stream" : "application/json");
    if (a->json != NULL) {
        fh_buf_printf(&out, "content-length: %zu\r\nretry-after: 3\r\n\r\n%s",
                      fh_cstr(a->json).len, a->json);
        return fh_buf_slice(&out);
    }
    fh_buf_printf(&out, "transfer-encoding: chunked\r\n\r\n");
    while (events.len > 0) {
        size_t n = fh_min(fh_search(events, FH_LIT("\n\n")) + 2, events.len);

        fh_buf_printf(&out, "%zx\r\n%.*s\r\n", n, FH_ARG(fh_head(events, n)));
        events = fh_tail(events, n);
    }
    fh_buf_append(&out, a->ends == NULL ? FH_LIT("0\r\n\r\n") : FH_NONE);
    return fh_buf_slice(&out);
}

static void end_attempt(struct shell *sh, const char *how)
{
    if (how == NULL) {
        return;
    }
    if (strcmp(how, "silence") == 0) {
        sh->now_us = fh_exchange_deadline(sh->x);
        fh_exchange_timeout(sh->x, sh->now_us);
    } else if (strcmp(how, "close") == 0 || strcmp(how, "reset") == 0) {
        fh_exchange_upstream_closed(sh->x, how[0] == 'r' ? "the connection was reset" : NULL,
                                    sh->now_us);
    }
    run(sh);
}

/* play feeds the attempts in pieces of `step` bytes. */
static void play(struct shell *sh, size_t step)
{
    run(sh);
    while (!sh->done && sh->attempt < ATTEMPTS_MAX) {
        size_t now = sh->attempt;
        const struct attempt *a = &sh->row->attempt[now];
        struct fh_slice bytes = wire(sh, a);

        for (bool half = true; bytes.len > 0 && !sh->done && sh->attempt == now; half = false) {
            size_t n = fh_min(step, bytes.len);

            if (half && sh->row->gone == LEAVES_LATE) {
                fh_exchange_client_gone(sh->x, sh->now_us);
                run(sh);
            }
            sh->now_us += 10;
            fh_exchange_upstream_bytes(sh->x, fh_head(bytes, n), sh->now_us);
            bytes = fh_tail(bytes, n);
            run(sh);
        }
        if (!sh->done && sh->attempt == now) {
            end_attempt(sh, a->ends == NULL || strcmp(a->ends, "cut") == 0 ? "close" : a->ends);
        }
        assert_true(sh->done || sh->attempt > now);
    }
}

static const struct fh_http_field signature[] = {
    {FH_LIT_INIT("authorization"),
     FH_LIT_INIT("AWS4-HMAC-SHA256 Credential=AKID/20251124/eu-north-1/bedrock/aws4_request, "
                 "SignedHeaders=host;x-amz-date, Signature="
                 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef")},
    {FH_LIT_INIT("host"), FH_LIT_INIT("gw")},
    {FH_LIT_INIT("x-amz-date"), FH_LIT_INIT("20251124T160000Z")},
};

/* story plays a row in pieces of `step` bytes and gives a line of what was wanted, and behind it
 * what the client got; `ids`, of the results that were booked, unless it is NULL. */
static struct fh_slice story(struct fh_arena *arena, const struct row *row, size_t step,
                             uint64_t calendar_us, struct fh_slice *ids)
{
    struct shell sh = {.row = row, .arena = arena, .now_us = 1000};
    struct fh_exchange_setup setup = {.now_us = 1000, .calendar_us = calendar_us};

    sh.limits = fh_policy_limits_normal();
    sh.story = fh_buf_in_arena(arena, STORY_MAX);
    sh.client = fh_buf_in_arena(arena, STORY_MAX);
    sh.ids = fh_buf_in_arena(arena, STORY_MAX);
    setup.limits = &sh.limits;
    setup.head.method = fh_cstr(row->method == NULL ? "POST" : row->method);
    setup.head.path = fh_cstr(row->path == NULL ? "/v1/messages" : row->path);
    setup.head.x_api_key = fh_cstr(row->key == NULL ? "fh-good" : row->key);
    setup.head.translation = fh_cstr(row->translation);
    setup.head.query = fh_cstr(row->query);
    setup.head.content_type = fh_cstr(row->type);
    setup.head.anthropic_version = fh_cstr(row->version);
    setup.head.provider = fh_cstr(row->provider);
    if (row->of_google) {
        setup.head.x_goog_api_key = setup.head.x_api_key;
        setup.head.x_api_key = FH_NONE;
    }
    if (row->signed_as_aws) {
        setup.head.x_api_key = FH_NONE;
        setup.head.authorization = signature[0].value;
        setup.head.field = signature;
        setup.head.field_count = FH_LEN(signature);
    }
    if (row->event_max > 0) {
        sh.limits.event_max_bytes = row->event_max;
    }
    sh.x = fh_exchange_new(&setup);
    play(&sh, step);
    assert_true(sh.done);
    assert_false(sh.connected); /* no connection is left behind */
    assert_true(!sh.settled || sh.bytes_out == sh.client.len);
    fh_exchange_free(&sh.x);
    if (ids != NULL) {
        *ids = fh_buf_slice(&sh.ids);
    }
    fh_buf_byte(&sh.story, '\n');
    fh_buf_append(&sh.story, fh_buf_slice(&sh.client));
    return fh_buf_slice(&sh.story);
}

#define SENT_A "intent 1 ant/u; send; "
#define SENT_O "intent 1 oai/u; send; "
#define OPENAI "/v1/chat/completions"
#define ID     "req_01dbqmk9000000000000000000"

#define E16       "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
#define E128      E16 E16 E16 E16 E16 E16 E16 E16
#define E1024     E128 E128 E128 E128 E128 E128 E128 E128
#define LONG_PATH "/" E1024 E1024 E1024
#define LONG_WANT "head 404*; end; \n*nothing at /" E1024 "*\xc3\xa9\"*"

#define RESULTS_PATH "/anthropic/v1/messages/batches/msgbatch_1/results"
#define SENT_NATIVE  "intent 1 ant; send; "
#define SENT_OAI     "intent 1 oai; send; "
#define HEAD_NATIVE  "head 200 x-freehold-attempts=1; "

#define A_RESULT(id, usage)                                                                 \
    "{\"custom_id\":\"" id                                                                  \
    "\",\"result\":{\"type\":\"succeeded\",\"message\":{\"id\":\"msg_" id                   \
    "\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"claude-x\",\"content\":[]," \
    "\"stop_reason\":\"end_turn\",\"usage\":" usage "}}}\n"
#define RESULTS                                               \
    A_RESULT("a", "{\"input_tokens\":1,\"output_tokens\":2}") \
    A_RESULT("b", "{\"input_tokens\":3,\"output_tokens\":4}") \
    A_RESULT("c", "{\"input_tokens\":5,\"output_tokens\":6}")
#define BOOKED                                                               \
    "result anthropic ant/claude-x 1+2; result anthropic ant/claude-x 3+4; " \
    "result anthropic ant/claude-x 5+6; "

#define O_RESULT(id, status, body)                                                         \
    "{\"id\":\"batch_req_" id "\",\"custom_id\":\"" id                                     \
    "\",\"response\":{\"status_code\":" status ",\"request_id\":\"r\",\"body\":" body "}," \
    "\"error\":null}\n"
#define O_RESULTS                                                                          \
    O_RESULT("1", "200", O_REPLY)                                                          \
    O_RESULT("2", "200",                                                                   \
             "{\"id\":\"resp_1\",\"object\":\"response\",\"status\":\"completed\","        \
             "\"model\":\"v\",\"output\":[],\"usage\":{\"input_tokens\":8,"                \
             "\"output_tokens\":9,\"total_tokens\":17}}")                                  \
    O_RESULT("3", "400",                                                                   \
             "{\"error\":{\"message\":\"no\",\"type\":\"invalid_request_error\"}}")        \
    O_RESULT(                                                                              \
        "4", "200",                                                                        \
        "{\"object\":\"list\",\"data\":[],\"model\":\"e\",\"usage\":{\"prompt_tokens\":5," \
        "\"total_tokens\":5}}")

#define BATCH(id, url) \
    "{\"id\":\"" id "\", \"type\":\"message_batch\",\"results_url\": " url ",\"x\":1.50}"
#define BATCH_URL "\"https://api.anthropic.com/base/v1/messages/batches/b1/results\""

static const struct row rows[] = {
    {.name = "passed, whole",
     .attempt = {{.json = A_REPLY}},
     .want =
         SENT_A "settle ok 200 12+7; head 200 x-freehold-attempts=1; keep; end; \n" A_REPLY},
    {.name = "passed, a stream",
     .body = ASK_SSE,
     .attempt = {{.sse = A_START A_DELTA A_STOP}},
     .want = SENT_A
     "head 200 x-freehold-attempts=1; settle ok 200 12+7; keep; end; \n" A_START A_DELTA
         A_STOP},
    {.name = "passed, a stream that is cut",
     .body = ASK_SSE,
     .attempt = {{.sse = A_START A_DELTA, .ends = "cut"}},
     .want = SENT_A
     "head 200 x-freehold-attempts=1; drop; settle cut 200 12+3~; end; \n" A_START A_DELTA
     "*broke off in the middle of its answer*"},
    {.name = "a stream that ends before the model did",
     .body = ASK_SSE,
     .attempt = {{.sse = A_START A_DELTA}},
     .want = SENT_A
     "head 200 x-freehold-attempts=1; drop; settle cut 200 12+3~; end; \n" A_START A_DELTA
     "*it ended before the model did*"},
    {.name = "a stream that falls silent",
     .body = ASK_SSE,
     .attempt = {{.sse = A_START, .ends = "silence"}},
     .want =
         SENT_A "head 200 x-freehold-attempts=1; drop; settle cut 200 12+2~; end; \n" A_START
                "*it fell silent*"},
    {.name = "an error in mid-stream keeps its words",
     .body = ASK_SSE,
     .attempt = {{.sse = A_START A_ERROR}},
     .want = SENT_A
     "head 200 x-freehold-attempts=1; drop; settle cut 200 12+3~; end; \n" A_START A_ERROR},
    {.name = "an error as the first event goes to the next provider",
     .body = ASK_SSE,
     .targets = "AA",
     .attempt = {{.sse = A_ERROR}, {.sse = A_START A_STOP}},
     .want = SENT_A
     "drop; intent 2 ant/u; send; head 200 x-freehold-attempts=2; settle ok 200 12+7; "
     "keep; end; \n" A_START A_STOP},
    {.name = "openai: usage is asked for and kept from who did not ask",
     .path = OPENAI,
     .body = ASK_SSE,
     .targets = "O",
     .attempt = {{.sse = O_DELTA O_FINISH O_USAGE O_DONE}},
     .want = "intent 1 oai/u; send +usage; head 200 x-freehold-attempts=1; settle ok 200 12+7; "
             "keep; end; \n" O_DELTA O_FINISH O_DONE},
    {.name = "openai: who asked gets it",
     .path = OPENAI,
     .targets = "O",
     .body = "{\"model\":\"m\",\"stream\":true,\"stream_options\":{\"include_usage\":true},"
             "\"messages\":[]}",
     .attempt = {{.sse = O_DELTA O_FINISH O_USAGE O_DONE}},
     .want = "intent 1 oai/u; send +usage; head 200 x-freehold-attempts=1; settle ok 200 12+7; "
             "keep; end; \n" O_DELTA O_FINISH O_USAGE O_DONE},
    {.name = "openai: a stream without [DONE]",
     .path = OPENAI,
     .targets = "O",
     .body = ASK_SSE,
     .attempt = {{.sse = O_DELTA O_FINISH O_USAGE}},
     .want = "intent 1 oai/u; send +usage; head 200 x-freehold-attempts=1; settle ok 200 12+7; "
             "keep; end; \n" O_DELTA O_FINISH},
    {.name = "translated, whole",
     .targets = "O",
     .attempt = {{.json = O_REPLY}},
     .want = SENT_O
     "settle ok 200 12+7; head 200 x-freehold-attempts=1; keep; end; \n*\"text\":\"Hello\"*"},
    {.name = "translated, a stream",
     .body = ASK_SSE,
     .targets = "O",
     .attempt = {{.sse = O_DELTA O_FINISH O_USAGE O_DONE}},
     .want = "intent 1 oai/u; send +usage; head 200 x-freehold-attempts=1; settle ok 200 12+7; "
             "keep; end; \n"
             "*text_delta\",\"text\":\"Hello\"*message_stop*"},
    {.name = "translated, a stream that says too late what cannot be carried",
     .body = ASK_SSE,
     .targets = "O",
     .attempt = {{.sse = O_DELTA O_MOOD O_MOOD O_FINISH O_USAGE O_DONE}},
     .want = "intent 1 oai/u; send +usage; head 200 x-freehold-attempts=1; settle ok 200 12+7; "
             "keep; end; \n"
             "*\"text\":\"Hello\"*\n\n: x-freehold-dropped: /choices/0/delta/mood\n\n"
             "event: content_block_delta\n*\"text\":\"!\"}}\n\n"
             "event: content_block_delta\n*message_stop*"},
    {.name = "translated, a stream that ends without a reason",
     .body = ASK_SSE,
     .targets = "O",
     .attempt = {{.sse = O_DELTA O_DONE}},
     .want = "intent 1 oai/u; send +usage; head 200 x-freehold-attempts=1; drop; settle cut "
             "200 *~; end; \n*event: error*it ended without a reason to end*"},
    {.name = "translated, a stream that is cut",
     .body = ASK_SSE,
     .targets = "O",
     .attempt = {{.sse = O_DELTA, .ends = "reset"}},
     .want = "intent 1 oai/u; send +usage; head 200 x-freehold-attempts=1; drop; settle cut "
             "200 *~; end; \n"
             "*text_delta\",\"text\":\"Hello\"*event: error*the connection was reset*"},
    {.name = "translated the other way",
     .path = OPENAI,
     .attempt = {{.json = A_REPLY}},
     .want = SENT_A "settle ok 200 12+7; head 200 x-freehold-attempts=1; keep; end; "
                    "\n*\"content\":\"Hello\"*"},
    {.name = "a named call is demanded in words that the server understands",
     .path = OPENAI,
     .targets = "H",
     .body =
         "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"tools\":["
         "{\"type\":\"function\",\"function\":{\"name\":\"other\"}},"
         "{\"type\":\"function\",\"function\":{\"name\":\"f\"}}],"
         "\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"f\"}}}",
     .attempt = {{.json = O_REPLY}},
     .want = "intent 1 oai/u; send +call; settle ok 200 12+7; head 200 x-freehold-attempts=1; "
             "keep; "
             "end; \n*Hello*"},
    {.name = "the help is no loss of a client's of another dialect",
     .targets = "H",
     .body = "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":"
             "\"hi\"}],\"tools\":[{\"name\":\"f\",\"input_schema\":{}}],\"tool_choice\":{"
             "\"type\":\"any\"}}",
     .attempt = {{.json = O_REPLY}},
     .want = "intent 1 oai/u; send +call; settle ok 200 12+7; head 200 x-freehold-attempts=1; "
             "keep; end; \n*Hello*"},
    {.name = "what another model signed is not sent to this one",
     .targets = "A",
     .body =
         "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":"
         "\"hi\"},{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":"
         "\"\","
         "\"signature\":\"ZmgxOmdlbWluaTp4\"},{\"type\":\"text\",\"text\":\"a\"}]},{\"role\":"
         "\"user\",\"content\":\"and?\"}]}",
     .attempt = {{.json = A_REPLY}},
     .want = SENT_A "settle ok 200 12+7; head 200 x-freehold-attempts=1 "
                    "x-freehold-dropped=/messages/1/content/0; keep; end; \n*Hello*"},
    {.name = "a free choice passes as it is",
     .path = OPENAI,
     .targets = "H",
     .body = "{\"model\":\"m\",\"messages\":[],\"tool_choice\":\"auto\"}",
     .attempt = {{.json = O_REPLY}},
     .want =
         SENT_O "settle ok 200 12+7; head 200 x-freehold-attempts=1; keep; end; \n" O_REPLY},
    {.name = "what cannot be carried is named",
     .targets = "O",
     .body = "{\"model\":\"m\",\"max_tokens\":9,\"top_k\":3,\"messages\":[{\"role\":\"user\","
             "\"content\":\"hi\"}]}",
     .attempt = {{.json = O_REPLY}},
     .want =
         SENT_O "settle ok 200 12+7; head 200 x-freehold-attempts=1 x-freehold-dropped=/top_k; "
                "keep; end; \n*"},
    {.name = "strict refuses to lose it",
     .targets = "O",
     .translation = "strict",
     .body = "{\"model\":\"m\",\"max_tokens\":9,\"top_k\":3,\"messages\":[{\"role\":\"user\","
             "\"content\":\"hi\"}]}",
     .want = "head 400 x-should-retry=false*; end; \n*/top_k*"},
    {.name = "strict goes on to who can carry it, and nothing is lost",
     .targets = "OA",
     .translation = "strict",
     .body = "{\"model\":\"m\",\"max_tokens\":9,\"top_k\":3,\"messages\":[{\"role\":\"user\","
             "\"content\":\"hi\"}]}",
     .attempt = {{.json = A_REPLY}},
     .want =
         SENT_A "settle ok 200 12+7; head 200 x-freehold-attempts=1; keep; end; \n" A_REPLY},
    {.name = "refused, then the next",
     .targets = "AA",
     .attempt = {{.refused = "connection refused"}, {.json = A_REPLY}},
     .want = "intent 1 ant/u; refused; intent 2 ant/u; send; settle ok 200 12+7; head 200 "
             "x-freehold-attempts=2; keep; end; \n" A_REPLY},
    {.name = "503, then another dialect",
     .targets = "AO",
     .attempt =
         {{.status = 503,
           .json = "{\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"x\"}}"},
          {.json = O_REPLY}},
     .want = SENT_A
     "keep; intent 2 oai/u; send; settle ok 200 12+7; head 200 x-freehold-attempts=2; "
     "keep; end; \n*Hello*"},
    {.name = "429, then nobody: who answered is heard",
     .targets = "AO",
     .attempt = {{.status = 429,
                  .json = "{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\","
                          "\"message\":\"slow\"}}"},
                 {.refused = "connection refused"}},
     .want = SENT_A "keep; intent 2 oai/u; refused; settle refused 429 0+0; head 429 "
                    "retry-after=3 x-should-retry=true x-freehold-attempts=2; end; \n*slow*"},
    {.name = "silence, then the next",
     .targets = "AA",
     .attempt = {{.raw = "", .ends = "silence"}, {.json = A_REPLY}},
     .want = SENT_A
     "drop; intent 2 ant/u; send; settle ok 200 12+7; head 200 x-freehold-attempts=2; "
     "keep; end; \n" A_REPLY},
    {.name = "400 is the client's business and goes no further",
     .targets = "AA",
     .attempt = {{.status = 400,
                  .json = "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\","
                          "\"message\":\"no\"}}"}},
     .want = SENT_A
     "settle refused 400 0+0; head 400 retry-after=3 x-freehold-attempts=1; keep; end; \n"
     "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"no\"}}"},
    {.name = "429 of the last keeps its retry-after",
     .attempt = {{.status = 429,
                  .json = "{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\","
                          "\"message\":\"slow\"}}"}},
     .want = SENT_A "settle refused 429 0+0; head 429 retry-after=3*; keep; end; \n*slow*"},
    {.name = "our credentials are our business",
     .attempt = {{.status = 401,
                  .json = "{\"type\":\"error\",\"error\":{\"type\":\"authentication_error\","
                          "\"message\":\"sk-secret\"}}"}},
     .want = SENT_A "keep; settle refused 502 0+0; head 502 x-should-retry=false*; end; \n"
                    "*did not accept this gateway's own credentials*"},
    {.name = "html",
     .attempt = {{.json = "<html>oops</html>"}},
     .want = SENT_A "keep; settle failed 502 0+0; head 502*; end; \n*not JSON*"},
    {.name = "an error page",
     .attempt = {{.status = 500, .json = "<html>oops</html>"}},
     .want = SENT_A "keep; settle refused 5*; head 5*; end; \n*oops*"},
    {.name = "half a body",
     .attempt = {{.raw = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"id\":",
                  .ends = "close"}},
     .want = SENT_A "drop; settle failed 502 *; head 502*; end; \n*gave no whole answer*"},
    {.name = "no http at all",
     .attempt = {{.raw = "SSH-2.0-OpenSSH_9.2\r\n", .ends = "close"}},
     .want = SENT_A "drop; settle failed 502 0+0; head 502*; end; \n*gave no whole answer*"},
    {.name = "200 with an error inside",
     .attempt = {{.json = "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\","
                          "\"message\":\"busy\"}}"}},
     .want = SENT_A "*head 529*; end; \n*busy*"},
    {.name = "the model is being loaded",
     .targets = "S",
     .want = "head 503 retry-after=2 x-should-retry=true; end; \n*is starting: loading*"},
    {.name = "a token that a cloud lent goes where those go",
     .targets = "T",
     .attempt = {{.json = A_REPLY}},
     .want = "intent 1 ant/u; send +lent; *head 200*; end; \n*Hello*"},
    {.name = "a pair of keys where nothing is signed",
     .targets = "P",
     .want = "head 502*; end; \n*credentials*cannot be used*"},
    {.name = "a route to nowhere", .targets = "X", .want = "head 500*; end; \n*is gone*"},
    {.name = "no connection at all",
     .attempt = {{.refused = "no route to host"}},
     .want = "intent 1 ant/u; refused; void unreachable; head 502 x-should-retry=true*; end; \n"
             "*cannot be reached: no route to host*"},
    {.name = "a full journal lets nothing out",
     .journal_full = true,
     .want = "intent 1 ant/u; head 500 retry-after=5*; end; \n*takes no records*"},
    {.name = "the client leaves before anything was sent",
     .gone = LEAVES_EARLY,
     .want = "intent 1 ant/u; drop; void client_gone; \n"},
    {.name = "the client leaves in the answer, which is read on",
     .gone = LEAVES_LATE,
     .body = ASK_SSE,
     .attempt = {{.sse = A_START A_DELTA A_STOP}},
     .want = SENT_A "settle client_gone 0 12+7; keep; \n"},
    {.name = "the client leaves, the answer takes too long",
     .gone = LEAVES_LATE,
     .body = ASK_SSE,
     .attempt = {{.sse = A_START A_DELTA, .ends = "silence"}},
     .want = SENT_A "drop; settle cut 0 12+3~; \n"},
    {.name = "unknown key",
     .key = "fh-bad",
     .want = "head 401 x-should-retry=false; end; \n*does not know the key*"},
    {.name = "revoked key",
     .key = "fh-revoked",
     .want = "head 401 x-should-retry=false; end; \n*has been revoked*"},
    {.name = "no key",
     .key = "",
     .want = "head 401 x-should-retry=false; end; \n*no key in the request*"},
    {.name = "wrong path",
     .path = "/v2/messages",
     .want = "head 404*; end; \n*nothing at /v2/messages*"},
    {.name = "a path that is no UTF-8",
     .path = "/v1/\xc3(\xff",
     .want = "head 404*; end; \n*nothing at /v1/?(?.*"},
    {.name = "a path that is longer than a sentence", .path = LONG_PATH, .want = LONG_WANT},
    {.name = "wrong method",
     .method = "GET",
     .want = "head 405*; end; \n*does not take this method*"},
    {.name = "not json", .body = "{\"model\":", .want = "head 400*; end; \n*not JSON*"},
    {.name = "the model twice",
     .body = "{\"model\":\"m\",\"model\":\"n\"}",
     .want = "head 400*; end; \n*twice*"},
    {.name = "no model", .body = "{}", .want = "head 400*; end; \n*has to be a string*"},
    {.name = "a model that is no string",
     .body = "{\"model\":7}",
     .want = "head 400*; end; \n*has to be a string*"},
    {.name = "unknown model",
     .body = "{\"model\":\"z\"}",
     .want = "head 404*; end; \n*no model \\\"z\\\"*"},
    {.name = "a list of models",
     .path = "/v1/models",
     .method = "GET",
     .want = "head 200; end; \n*\"id\":\"m\"*\"id\":\"n\"*"},
    {.name = "a list of models, for Google's client",
     .path = "/v1/models",
     .method = "GET",
     .of_google = true,
     .want = "head 200; end; \n{\"models\":[{\"name\":\"models/m\"*"},
    {.name = "a list of models, at Google's door",
     .path = "/gemini/v1/models",
     .method = "GET",
     .want = "head 200; end; \n{\"models\":[{\"name\":\"models/m\"*"},
    {.name = "a list of models, as Vertex has it",
     .path = "/v1beta1/publishers/google/models",
     .method = "GET",
     .want = "head 200; end; \n{\"publisherModels\":[{\"name\":"
             "\"publishers/google/models/m\"}*"},
    {.name = "one model, as Vertex has it",
     .path = "/vertex/v1/publishers/google/models/n",
     .method = "GET",
     .want = "head 200; end; \n{\"name\":\"publishers/google/models/n\"}"},
    {.name = "one model",
     .path = "/openai/v1/models/n",
     .method = "GET",
     .want = "head 200; end; \n{\"id\":\"n\"*"},
    {.name = "one model, whose name has a slash",
     .path = "/v1/models/lab%2Fn",
     .method = "GET",
     .want = "head 404*; end; \n*no model \\\"lab/n\\\"*"},
    {.name = "a model that is not there",
     .path = "/v1/models/z",
     .method = "GET",
     .want = "head 404*; end; \n*"},
    {.name = "tokens are counted where they can be",
     .path = "/v1/messages/count_tokens",
     .targets = "OA",
     .attempt = {{.json = "{\"input_tokens\":3}"}},
     .want = SENT_A
     "settle ok 200 *; head 200 x-freehold-attempts=1; keep; end; \n{\"input_tokens\":3}"},
    {.name = "an upload passes as it is",
     .path = "/v1/files",
     .type = "multipart/form-data; boundary=b",
     .body =
         "--b\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n--b--\r\n",
     .places = "LAO",
     .sent = "POST /v1/files HTTP/1.1\r\nHost: h\r\nContent-Type: multipart/form-data; "
             "boundary=b\r\nAccept: *\r\nAuthorization: Bearer sk-provider\r\n"
             "Content-Length: 69\r\n\r\n--b\r\nContent-Disposition: form-data; "
             "name=\"purpose\"\r\n\r\nbatch\r\n--b--\r\n",
     .attempt = {{.json = "{\"id\":\"file-1\",\"object\":\"file\"}"}},
     .want = SENT_OAI HEAD_NATIVE
     "settle ok 200 0+0; keep; end; \n{\"id\":\"file-1\",\"object\":\"file\"}"},
    {.name = "the header decides whose files they are, and the query passes but for the key",
     .path = "/v1/files",
     .method = "GET",
     .version = "2026-10-21",
     .key = "",
     .query = "limit=2&key=fh-good&after_id=a%2Fb",
     .body = "",
     .places = "OA",
     .sent =
         "GET /base/v1/files?limit=2&after_id=a%2Fb HTTP/1.1\r\nHost: h\r\nAccept: *x-api-key: "
         "sk-provider\r\nanthropic-version: 2026-10-21\r\n*",
     .attempt = {{.json = "{\"data\":[]}"}},
     .want = SENT_NATIVE HEAD_NATIVE "settle ok 200 0+0; keep; end; \n{\"data\":[]}"},
    {.name = "as Azure's clients ask",
     .path = "/openai/responses/resp_1",
     .method = "DELETE",
     .query = "api-version=2026-01-01",
     .body = "",
     .places = "O",
     .sent = "DELETE /v1/responses/resp_1 HTTP/1.1\r\n*",
     .attempt = {{.json = "{\"deleted\":true}"}},
     .want = SENT_OAI HEAD_NATIVE "settle ok 200 0+0; keep; end; \n{\"deleted\":true}"},
    {.name = "the named place",
     .path = "/openai/v1/responses/resp_1/cancel",
     .provider = "oai",
     .body = "",
     .places = "OO",
     .sent = "POST /v1/responses/resp_1/cancel HTTP/1.1\r\n*Content-Length: 0\r\n\r\n",
     .attempt = {{.json = "{}"}},
     .want = SENT_OAI HEAD_NATIVE "settle ok 200 0+0; keep; end; \n{}"},
    {.name = "results are booked one by one",
     .path = RESULTS_PATH,
     .method = "GET",
     .body = "",
     .places = "A",
     .sent = "GET /base/v1/messages/batches/msgbatch_1/results HTTP/1.1\r\n*",
     .attempt = {{.json = RESULTS}},
     .want = SENT_NATIVE HEAD_NATIVE BOOKED "settle ok 200 0+0; keep; end; \n" RESULTS},
    {.name = "results in chunks, the last without an end of its line",
     .path = RESULTS_PATH,
     .method = "GET",
     .body = "",
     .places = "A",
     .sent = "*",
     .attempt = {{.raw = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
                         "5\r\n{\"cus\r\n"
                         "94\r\ntom_id\":\"a\",\"result\":{\"type\":\"succeeded\",\"message\":{"
                         "\"id\":\"msg_a\",\"type\":\"message\",\"model\":\"claude-x\","
                         "\"usage\":{\"input_tokens\":1,\"output_tokens\":2}}}}\r\n0\r\n\r\n"}},
     .want = SENT_NATIVE HEAD_NATIVE
     "result anthropic ant/claude-x 1+2; settle ok 200 0+0; keep; end; \n{\"custom_id\"*"},
    {.name = "results of requests that failed are none",
     .path = RESULTS_PATH,
     .method = "GET",
     .body = "",
     .places = "A",
     .sent = "*",
     .attempt = {{.json = "{\"custom_id\":\"a\",\"result\":{\"type\":\"errored\",\"error\":{"
                          "\"type\":\"error\",\"error\":{\"type\":\"api_error\"}}}}\n"
                          "{\"custom_id\":\"b\",\"result\":{\"type\":\"canceled\"}}\n"
                          "{\"custom_id\":\"c\",\"result\":{\"type\":\"expired\"}}\n"}},
     .want = SENT_NATIVE HEAD_NATIVE "settle ok 200 0+0; keep; end; \n*"},
    {.name = "what cannot be read passes, and is counted",
     .path = RESULTS_PATH,
     .method = "GET",
     .body = "",
     .places = "A",
     .sent = "*",
     .event_max = 250,
     .attempt = {{.json =
                      "{\"custom_id\":\"x\",\"result\":{\"type\":\"succeeded\",\"message\":{"
                      "\"id\":\"msg_x\"}}}\n"              /* no usage */
                      "{\"custom_id\":\"y\",\"result\":\n" /* half a line */
                      "{\"custom_id\":\"z\",\"result\":{},\"result\":{}}\n" A_RESULT(
                          "a", "{\"input_tokens\":1,\"output_tokens\":2}")
                          A_RESULT("b", "{\"input_tokens\":3,\"output_tokens\":4,"
                                        "\"x\":\"01234567890123456789012345678901234567890123"
                                        "456789012345678901234567890123456789\"}")}},
     .want = SENT_NATIVE HEAD_NATIVE "result anthropic ant/claude-x 1+2; settle ok 200 0+0; "
                                     "unmetered 4; keep; end; \n*msg_b*"},
    {.name = "a journal that takes no results",
     .path = RESULTS_PATH,
     .method = "GET",
     .body = "",
     .places = "A",
     .sent = "*",
     .no_results = true,
     .attempt = {{.json = RESULTS}},
     .want = SENT_NATIVE HEAD_NATIVE
     "result anthropic ant/claude-x result anthropic ant/claude-x result anthropic "
     "ant/claude-x settle ok 200 0+0; unmetered 3; keep; end; \n" RESULTS},
    {.name = "openai's results stand in a file",
     .path = "/v1/files/file-1/content",
     .method = "GET",
     .body = "",
     .places = "O",
     .sent = "*",
     .attempt = {{.json = O_RESULTS}},
     .want = SENT_OAI HEAD_NATIVE
     "result openai_chat oai/u 12+7; result openai_responses oai/v 8+9; "
     "result openai_chat oai/e 5+0; settle ok 200 0+0; keep; end; \n" O_RESULTS},
    {.name = "a file that holds something else",
     .path = "/v1/files/file-1/content",
     .method = "GET",
     .body = "",
     .places = "O",
     .sent = "*",
     .event_max = 16,
     .attempt = {{.raw = "HTTP/1.1 200 OK\r\ncontent-type: image/png\r\n\r\n\x89PNG\r\n{\"a\n"
                         "{\"messages\":[{\"role\":\"user\"}]}\n\"response\"\n"}},
     .want = SENT_OAI HEAD_NATIVE "settle ok 200 0+0; drop; end; \n*"},
    {.name = "results that are cut",
     .path = RESULTS_PATH,
     .method = "GET",
     .body = "",
     .places = "A",
     .sent = "*",
     .attempt = {{.raw = "HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n" RESULTS "{\"cu",
                  .ends = "close"}},
     .want = SENT_NATIVE HEAD_NATIVE BOOKED "drop; settle cut 200 0+0; end broken; \n" RESULTS
                                            "{\"cu"},
    {.name = "results that stop coming",
     .path = RESULTS_PATH,
     .method = "GET",
     .body = "",
     .places = "A",
     .sent = "*",
     .attempt = {{.raw = "HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n" RESULTS,
                  .ends = "silence"}},
     .want = SENT_NATIVE HEAD_NATIVE BOOKED "drop; settle cut 200 0+0; end broken; \n" RESULTS},
    {.name = "the client leaves its results, which are read on",
     .path = RESULTS_PATH,
     .method = "GET",
     .body = "",
     .places = "A",
     .sent = "*",
     .gone = LEAVES_LATE,
     .attempt = {{.json = RESULTS}},
     .want = SENT_NATIVE BOOKED "settle client_gone 0 0+0; keep; \n"},
    {.name = "a batch says where its results are, here",
     .path = "/v1/messages/batches/b1",
     .method = "GET",
     .body = "",
     .places = "A",
     .sent = "*",
     .attempt = {{.json = BATCH("b1", BATCH_URL)}},
     .want =
         SENT_NATIVE "settle ok 200 0+0; head 200 x-freehold-attempts=1; keep; end; \n" BATCH(
             "b1", "\"/v1/messages/batches/b1/results\"")},
    {.name = "and so does a list of them",
     .path = "/v1/messages/batches",
     .method = "GET",
     .query = "limit=2",
     .body = "",
     .places = "A",
     .sent = "*",
     .attempt = {{.json = "{\"data\":[" BATCH("b1", BATCH_URL) ", " BATCH(
                      "b2", "null") "],\"has_more\":false}"}},
     .want = SENT_NATIVE
     "settle ok 200 0+0; head 200 x-freehold-attempts=1; keep; end; \n{\"data\":[" BATCH(
         "b1",
         "\"/v1/messages/batches/b1/results\"") "," BATCH("b2",
                                                          "null") "],\"has_more\":false}"},
    {.name = "a batch that cannot be read passes",
     .path = "/v1/messages/batches",
     .places = "A",
     .sent = "*",
     .attempt = {{.json = "not JSON"}},
     .want = SENT_NATIVE
     "settle ok 200 0+0; head 200 x-freehold-attempts=1; keep; end; \nnot JSON"},
    {.name = "the provider's error keeps its words",
     .path = "/v1/batches/batch_1",
     .method = "GET",
     .body = "",
     .places = "OO",
     .sent = "*",
     .attempt = {{.status = 404, .json = "{\"error\":{\"message\":\"no such batch\"}}"}},
     .want = SENT_OAI "settle refused 404 0+0; head 404 *; keep; end; \n"
                      "{\"error\":{\"message\":\"no such batch\"}}"},
    {.name = "but for what it says of our key",
     .path = "/v1/batches",
     .places = "O",
     .sent = "*",
     .attempt = {{.status = 401, .json = "{\"error\":{\"message\":\"sk-provider is bad\"}}"}},
     .want = SENT_OAI "keep; settle refused 502 0+0; head 502 *; end; \n*own credentials*"},
    {.name = "no second place is asked",
     .path = "/v1/batches",
     .places = "OO",
     .attempt = {{.refused = "connection refused"}, {.json = "{}"}},
     .want = "intent 1 oai; refused; void unreachable; head 502 *; end; \n*cannot be reached*"},
    {.name = "a key that may use certain models only",
     .path = "/v1/batches",
     .limited = true,
     .places = "O",
     .want = "head 403 *; end; \n*need a key that may use all*"},
    {.name = "a signature instead of a key",
     .path = "/v1/messages/batches",
     .signed_as_aws = true,
     .places = "A",
     .want = "head 401 *; end; \n*take a key, not a signature*"},
    {.name = "a query that would begin a head of its own",
     .path = "/v1/batches",
     .method = "GET",
     .query = "a=b HTTP/1.1\r\nx: y",
     .places = "O",
     .want = "head 400 *; end; \n*cannot stand there*"},
    {.name = "a content type that would",
     .path = "/v1/files",
     .type = "text/plain\r\nx: y",
     .places = "O",
     .want = "head 400 *; end; \n*cannot stand there*"},
    {.name = "no such provider",
     .path = "/v1/batches",
     .provider = "oia",
     .places = "O",
     .want =
         "head 400 *; end; \n*no provider \\\"oia\\\" of the kind openai or azure_openai.*"},
    {.name = "a provider of another dialect",
     .path = "/v1/batches",
     .provider = "ant",
     .places = "AO",
     .want =
         "head 400 *; end; \n*no provider \\\"ant\\\" of the kind openai or azure_openai.*"},
    {.name = "no provider that could",
     .path = "/v1/messages/batches",
     .places = "OL",
     .want =
         "head 400 *; end; \n*of the kind anthropic or anthropic_compatible, and this gateway "
         "has none*"},
    {.name = "one that is not ready",
     .path = "/v1/messages/batches",
     .places = "S",
     .want = "head 503 retry-after=2 *; end; \n*is starting*"},
    {.name = "a method that such a call has not",
     .path = "/v1/files/file-1/content",
     .method = "DELETE",
     .want = "head 405*; end; \n*does not take this method*"},
    {.name = "an id that would lead elsewhere",
     .path = "/v1/files/..",
     .method = "DELETE",
     .want = "head 404*; end; \n*nothing at*"},
    {.name = "and one in disguise",
     .path = "/v1/responses/%2e%2e%2fmodels",
     .method = "DELETE",
     .want = "head 404*; end; \n*nothing at*"},
    {.name = "else they are estimated, and it says so",
     .path = "/v1/messages/count_tokens",
     .targets = "O",
     .want = "head 200 x-freehold-estimated=input_tokens; end; \n{\"input_tokens\":18}"},
};

/* check plays one row in pieces of every size, and says at which its story differs. */
static bool check(const struct row *row)
{
    for (size_t step = 1; step <= 4096; step += 1 + step / 8) {
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 22);
        struct fh_slice got = story(arena, row, step, NOW_US, NULL);

        if (!like(got, fh_cstr(row->want))) {
            (void)fprintf(stderr, "# %s, in pieces of %zu\n#  got  %.*s\n#  want %s\n",
                          row->name, step, FH_ARG(got), row->want);
            return false;
        }
    }
    return true;
}

/* Whoever fetches results again, later, books them under the same ids. */
static void test_results_fetched_again_have_the_same_ids(void **state)
{
    static const struct row fetch = {.name = "results",
                                     .path =
                                         "/anthropic/v1/messages/batches/msgbatch_1/results",
                                     .method = "GET",
                                     .body = "",
                                     .places = "A",
                                     .sent = "*",
                                     .attempt = {{.json = RESULTS}}};
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 22);
    struct fh_slice first = FH_NONE;
    struct fh_slice again = FH_NONE;

    FH_UNUSED(state);
    (void)story(arena, &fetch, 7, NOW_US, &first);
    (void)story(arena, &fetch, 4096, NOW_US + 86400000000, &again);
    assert_int_equal(first.len, 3 * (FH_REQUEST_ID_TEXT_LEN + 1));
    assert_true(fh_eq(first, again));
    assert_false(fh_eq(fh_head(first, 31), fh_sub(first, 31, 31)));
}

static void test_every_cut_tells_the_same_story(void **state)
{
    size_t wrong = 0;

    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(rows); i++) {
        wrong += !check(&rows[i]);
    }
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_cut_tells_the_same_story),
        cmocka_unit_test(test_results_fetched_again_have_the_same_ids),
    };
    return cmocka_run_group_tests_name("exchange", tests, NULL, NULL);
}
