/*
 * trace_exchange.h: a scripted shell, which answers every want of an exchange from a row, and
 * writes down what was wanted.
 *
 *     row ──▶ story ──▶ "intent 1 ant/u; send; settle ok 200 12+7; head 200 …; end; " and the bytes
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

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
