/* test_exchange.c: whole exchanges under a scripted shell, which answers every want from a table
 * and writes down what was wanted. What a provider sends comes in pieces of every size: the story
 * must be the same.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include "exchange/exchange.h"

enum { ATTEMPTS_MAX = 3, STORY_MAX = 1 << 16 };

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
    /* A anthropic, O openai_chat, H openai_chat that is helped to tool calls, S starting, X gone,
     * T anthropic with a token that a cloud lent, P with a pair of keys for signing */
    const char *targets;
    struct attempt attempt[ATTEMPTS_MAX];
    bool journal_full;
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
#define O_FINISH                                                                               \
    "data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"u\"," \
    "\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
#define O_USAGE                                                                                \
    "data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"u\"," \
    "\"choices\":[],\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":7,"                  \
    "\"total_tokens\":19}}\n\n"
#define O_DONE "data: [DONE]\n\n"

struct shell {
    const struct row *row;
    struct fh_arena *arena;
    struct fh_exchange *x;
    struct fh_buf story, client;
    struct fh_provider provider[ATTEMPTS_MAX];
    struct fh_policy_limits limits;
    uint64_t now_us;
    size_t attempt;
    uint64_t bytes_out; /* as the books have it */
    bool head, done, connected, settled;
};

FH_PRINTF(2, 3) static void note(struct shell *sh, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    fh_buf_vprintf(&sh->story, fmt, args);
    va_end(args);
}

static void note_record(struct shell *sh, const struct fh_want *want)
{
    struct fh_record record;

    assert_int_equal(fh_decode_record(want->record_type, want->record, &record), FH_OK);
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
        break;
    case FH_RECORD_VOID:
        note(sh, "void %.*s; ", FH_ARG(fh_void_reason_name(record.voided.reason)));
        break;
    }
}

static void answer_route(struct shell *sh, struct fh_slice model)
{
    const char *letters = sh->row->targets == NULL ? "A" : sh->row->targets;
    struct fh_target target[ATTEMPTS_MAX] = {0};
    size_t count = 0;

    if (!fh_eq(model, FH_LIT("m"))) {
        fh_exchange_route(sh->x, target, 0);
        return;
    }
    for (; letters[count] != '\0'; count++) {
        struct fh_provider *p = &sh->provider[count];
        bool openai = letters[count] == 'O' || letters[count] == 'H';

        *p = (struct fh_provider){
            .name = openai ? FH_LIT("oai") : FH_LIT("ant"),
            .kind = openai ? FH_PROVIDER_OPENAI : FH_PROVIDER_ANTHROPIC,
            .only = FH_DIALECTS,
            .host = FH_LIT("h"),
            .connect_timeout_ms = 1000,
            .first_byte_timeout_ms = 10000,
            .idle_timeout_ms = 5000,
            .state = letters[count] == 'S' ? FH_PROVIDER_STARTING : FH_PROVIDER_READY,
            .state_line = FH_LIT("loading"),
            .call_prefix = letters[count] == 'H' ? FH_LIT("<call>") : FH_NONE,
        };
        target[count] = (struct fh_target){.provider = letters[count] == 'X' ? NULL : p,
                                           .model = FH_LIT("u"),
                                           .secret = letters[count] == 'T'   ? LENT
                                                     : letters[count] == 'P' ? PAIR
                                                                             : KEY};
    }
    fh_exchange_route(sh->x, target, count);
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
    case FH_WANT_JOURNAL:
        note_record(sh, want);
        fh_exchange_journaled(sh->x, !row->journal_full);
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

static struct fh_slice story(struct fh_arena *arena, const struct row *row, size_t step)
{
    struct shell sh = {.row = row, .arena = arena, .now_us = 1000};
    struct fh_exchange_setup setup = {.now_us = 1000, .calendar_us = 1764000000000000};

    sh.limits = fh_policy_limits_normal();
    sh.story = fh_buf_in_arena(arena, STORY_MAX);
    sh.client = fh_buf_in_arena(arena, STORY_MAX);
    setup.limits = &sh.limits;
    setup.head.method = fh_cstr(row->method == NULL ? "POST" : row->method);
    setup.head.path = fh_cstr(row->path == NULL ? "/v1/messages" : row->path);
    setup.head.x_api_key = fh_cstr(row->key == NULL ? "fh-good" : row->key);
    setup.head.translation = fh_cstr(row->translation);
    sh.x = fh_exchange_new(&setup);
    play(&sh, step);
    assert_true(sh.done);
    assert_false(sh.connected); /* no connection is left behind */
    assert_true(!sh.settled || sh.bytes_out == sh.client.len);
    fh_exchange_free(&sh.x);
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
    {.name = "else they are estimated, and it says so",
     .path = "/v1/messages/count_tokens",
     .targets = "O",
     .want = "head 200 x-freehold-estimated=input_tokens; end; \n{\"input_tokens\":18}"},
};

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

/* check plays one row in pieces of every size, and says at which its story differs. */
static bool check(const struct row *row)
{
    for (size_t step = 1; step <= 4096; step += 1 + step / 8) {
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 22);
        struct fh_slice got = story(arena, row, step);

        if (!like(got, fh_cstr(row->want))) {
            (void)fprintf(stderr, "# %s, in pieces of %zu\n#  got  %.*s\n#  want %s\n",
                          row->name, step, FH_ARG(got), row->want);
            return false;
        }
    }
    return true;
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
    };
    return cmocka_run_group_tests_name("exchange", tests, NULL, NULL);
}
