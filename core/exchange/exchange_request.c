/* exchange_request.c: reads the client's body as far as it must, and makes what goes upstream: the
 * same bytes with another model name, or a translation.
 * SPDX-License-Identifier: Apache-2.0 */
#include "exchange/exchange_state.h"
#include "wire/json_scan.h"

enum {
    HEAD_MAX = 16384,
    WORK_BASE = 1 << 20, /* a translation may take this and … */
    WORK_PER_BYTE = 8,   /* … this for each byte of the body: real ones take half of it */
    BODY_GROWTH = 4,     /* escapes and longer member names */
};

enum member { MEMBER_MODEL, MEMBER_STREAM, MEMBER_OPTIONS, MEMBER_CHOICE, MEMBERS };

static const struct fh_slice names[MEMBERS] = {
    [MEMBER_MODEL] = FH_LIT_INIT("model"),
    [MEMBER_STREAM] = FH_LIT_INIT("stream"),
    [MEMBER_OPTIONS] = FH_LIT_INIT("stream_options"),
    [MEMBER_CHOICE] = FH_LIT_INIT("tool_choice"),
};

static const struct fh_slice include_usage = FH_LIT_INIT("include_usage");

/* explain turns what the scan found wrong into a sentence. */
static void explain(struct fh_exchange *x, const struct fh_error *why)
{
    unsigned long long at = why->at;

    switch ((int)why->code) {
    case FH_E_LIMIT:
        fh_x_fault(x, FH_REFUSE_BAD_REQUEST,
                   "The body is nested more than %u levels deep, at byte %llu.",
                   x->setup.limits->depth_max, at);
        break;
    case FH_E_CONFLICT:
        fh_x_fault(
            x, FH_REFUSE_BAD_REQUEST,
            "The body has the same member twice, at byte %llu: %s. Leave one of them out.", at,
            why->what);
        break;
    case FH_E_TYPE:
        fh_x_fault(x, FH_REFUSE_BAD_REQUEST,
                   "The body has to be a JSON object, with a \"model\".");
        break;
    default:
        fh_x_fault(x, FH_REFUSE_BAD_REQUEST, "The body is not JSON: %s, at byte %llu of %zu.",
                   why->what, at, x->body.len);
    }
}

/* fh_x_read_request finds model and stream in the body. Of everything else it only checks that it
 * is JSON: what the members mean is the provider's business, or the translation's. */
enum fh_rc fh_x_read_request(struct fh_exchange *x)
{
    struct fh_json_member member[MEMBERS];
    struct fh_error why;
    enum fh_rc rc =
        fh_json_scan(x->body, names, member, MEMBERS, x->setup.limits->depth_max, &why);

    if (rc != FH_OK) {
        explain(x, &why);
        return rc;
    }
    x->model_text = member[MEMBER_MODEL].value;
    x->options_text = member[MEMBER_OPTIONS].value;
    x->choice_text = member[MEMBER_CHOICE].value;
    if (x->model_text.len < 2 || x->model_text.ptr[0] != '"') {
        fh_x_fault(x, FH_REFUSE_BAD_REQUEST,
                   "\"model\" has to be a string: the name of a model this gateway has.");
        x->fault.param = FH_LIT("model");
        return FH_E_TYPE;
    }
    x->model = fh_json_unescape(x->model_text, x->arena);
    x->streamed = fh_eq(member[MEMBER_STREAM].value, FH_LIT("true"));
    return FH_OK;
}

/* A stretch of the client's body that goes out as something else. */
struct edit {
    struct fh_slice old; /* lies in the body; empty: an insertion in front of old.ptr */
    struct fh_slice text;
};

/* add_piece puts bytes on the list of what is sent; empty ones are left out. */
static void add_piece(struct fh_exchange *x, struct fh_slice bytes)
{
    if (bytes.len > 0) {
        FH_ASSERT(x->piece_count < FH_EXCHANGE_PIECES_MAX);
        x->piece[x->piece_count++] = bytes;
    }
}

/* ask_for_usage makes an OpenAI stream end with its usage, which the books need. The extra chunk is
 * kept from a client that did not ask for it. */
static size_t ask_for_usage(struct fh_exchange *x, struct edit *edit)
{
    static const struct fh_slice whole =
        FH_LIT_INIT("\"stream_options\":{\"include_usage\":true},");
    struct fh_slice options = x->options_text;
    struct fh_json_member member;
    struct fh_error why;

    if (options.ptr == NULL) {
        size_t brace = fh_find(x->body, '{');

        *edit = (struct edit){fh_sub(x->body, brace + 1, 0), whole};
        edit->old.ptr = fh_tail(x->body, brace + 1).ptr;
        return 1;
    }
    if (fh_json_scan(options, &include_usage, &member, 1, x->setup.limits->depth_max, &why) !=
        FH_OK) {
        /* null, or something the provider will complain about: that is its business */
        *edit = (struct edit){options, FH_LIT("{\"include_usage\":true}")};
        return fh_eq(options, FH_LIT("null")) ? 1 : 0;
    }
    if (fh_eq(member.value, FH_LIT("true"))) {
        x->usage_asked = true;
        return 0;
    }
    if (member.value.ptr != NULL) {
        *edit = (struct edit){member.value, FH_LIT("true")};
        return 1;
    }
    bool empty = fh_find(options, '"') == options.len;

    edit->old = fh_slice(fh_tail(options, 1).ptr, 0);
    edit->text = empty ? FH_LIT("\"include_usage\":true") : FH_LIT("\"include_usage\":true,");
    return 1;
}

/* name_model makes the provider's name for the model the one in the body. */
static size_t name_model(struct fh_exchange *x, struct edit *edit)
{
    struct fh_slice name = fh_x_target(x)->model;

    if (fh_eq(name, x->model)) {
        return 0;
    }
    struct fh_buf text = fh_buf_in_arena(x->arena, 6 * name.len + 2);

    fh_json_quote(&text, name);
    *edit = (struct edit){x->model_text, fh_buf_slice(&text)};
    return 1;
}

/* pass lists the client's own bytes with the edits between them.
 *
 * Returns  how many bytes that makes.
 */
static size_t pass(struct fh_exchange *x)
{
    struct edit edit[2];
    size_t count = name_model(x, &edit[0]);
    struct fh_slice rest = x->body;
    size_t total = x->body.len;

    if (x->streamed && x->provider->id == FH_DIALECT_OPENAI_CHAT) {
        count += ask_for_usage(x, &edit[count]);
    }
    if (count == 2 && edit[1].old.ptr < edit[0].old.ptr) {
        struct edit first = edit[1];

        edit[1] = edit[0];
        edit[0] = first;
    }
    for (size_t i = 0; i < count; i++) {
        size_t before = (size_t)(edit[i].old.ptr - rest.ptr);

        add_piece(x, fh_head(rest, before));
        add_piece(x, edit[i].text);
        rest = fh_tail(rest, before + edit[i].old.len);
        total = total - edit[i].old.len + edit[i].text.len;
    }
    add_piece(x, rest);
    return total;
}

/* complain makes the client's fault of what a decoder or encoder had to say. */
static void complain(struct fh_exchange *x, const struct fh_complaint *why)
{
    fh_x_fault(x, why->kind, "%.*s", FH_ARG(why->message));
    x->fault.param = fh_dup(x->arena, why->pointer);
}

/* too_lossy refuses what strict mode does not allow. */
static bool too_lossy(struct fh_exchange *x)
{
    if (!x->strict || x->loss->count == 0) {
        return false;
    }
    FH_AUTO(fh_buf_fini) struct fh_buf list = fh_buf_on_heap(8192);

    fh_loss_print(x->loss, &list);
    fh_x_fault(
        x, FH_REFUSE_LOSSY,
        "x-freehold-translation is strict, and the provider \"%.*s\" cannot be told: %.*s.",
        FH_ARG(fh_x_target(x)->provider->name), FH_ARG(fh_buf_slice(&list)));
    return true;
}

/* fh_x_helps_call says whether the request demands a tool call of a model that has to be helped to
 * one: then even a client of the same dialect is translated. */
bool fh_x_helps_call(const struct fh_exchange *x)
{
    static const struct fh_slice free_choice[] = {FH_LIT_INIT("\"auto\""),
                                                  FH_LIT_INIT("\"none\""), FH_LIT_INIT("null")};

    for (size_t i = 0; i < FH_LEN(free_choice); i++) {
        if (fh_eq(x->choice_text, free_choice[i])) {
            return false;
        }
    }
    return fh_x_target(x)->provider->call_prefix.len > 0 && x->choice_text.ptr != NULL;
}

/* keep_tool leaves only the tools of that name. */
static void keep_tool(struct fh_chat_request *req, struct fh_slice name)
{
    struct fh_tool **link = &req->first_tool;

    req->last_tool = NULL;
    while (*link != NULL) {
        if (fh_eq((*link)->name, name)) {
            req->last_tool = *link;
            link = &(*link)->next;
        } else {
            *link = (*link)->next;
        }
    }
}

/* help_call: llama-server takes a demanded call for free choice when it is named, and lets the
 * model talk first when it is not. An answer that has already begun with a call can only go on as
 * one. */
static void help_call(struct fh_chat_request *req, struct fh_arena *arena,
                      struct fh_slice prefix)
{
    if (req->tool_choice != FH_CHOICE_ANY && req->tool_choice != FH_CHOICE_NAMED) {
        return;
    }
    if (req->tool_choice == FH_CHOICE_NAMED) {
        keep_tool(req, req->tool_choice_name);
        req->tool_choice = FH_CHOICE_ANY;
    }
    struct fh_message *begun = fh_message_add(req, arena, FH_ROLE_ASSISTANT);
    struct fh_block *text = fh_block_add(&begun->content, arena, FH_BLOCK_TEXT);

    text->text = prefix;
    text->from_string = true;
}

static enum fh_rc translate(struct fh_exchange *x)
{
    struct fh_chat_request *req = NULL;
    struct fh_complaint why = {.kind = FH_REFUSE_BAD_REQUEST};
    size_t cap = WORK_BASE + WORK_PER_BYTE * x->body.len;

    x->work = fh_arena_new(cap);
    req = fh_new(x->work, struct fh_chat_request);
    x->upstream_body = fh_buf_on_heap(WORK_BASE + BODY_GROWTH * x->body.len);
    if (x->loss == NULL) {
        x->loss = fh_new(x->arena, struct fh_loss);
        x->loss->arena = x->arena;
    }

    enum fh_rc rc = x->client->decode_request(req, x->work, x->body, &why);
    if (rc == FH_OK) {
        req->model = fh_x_target(x)->model;
        x->usage_asked = req->include_usage == 1;
        if (fh_x_target(x)->provider->call_prefix.len > 0) {
            help_call(req, x->work, fh_x_target(x)->provider->call_prefix);
        }
        rc = x->provider->encode_request(&x->upstream_body, x->work, req, x->loss, &why);
    }
    if (rc != FH_OK) {
        complain(x, &why);
        return rc;
    }
    if (x->upstream_body.failed) {
        fh_x_fault(x, FH_REFUSE_TOO_LARGE, "The translated body is larger than %zu bytes.",
                   x->upstream_body.max);
        return FH_E_LIMIT;
    }
    return too_lossy(x) ? FH_E_SUPPORT : FH_OK;
}

bool fh_x_token(const struct fh_target *target, struct fh_credential *out)
{
    return fh_credential_parse(out, target->secret) == FH_OK &&
           out->kind == FH_CREDENTIAL_TOKEN;
}

static void add_auth(struct fh_buf *out, const struct fh_target *target)
{
    enum fh_auth auth = fh_provider_preset(target->provider->kind)->auth;
    struct fh_credential credential;

    if (auth == FH_AUTH_NONE || target->secret.len == 0) {
        return;
    }
    bool ok = fh_x_token(target, &credential);

    FH_ASSERT(ok); /* else the target was not usable */
    /* what a cloud lends is a bearer token, whatever field the place takes its own keys in */
    fh_buf_append(out, auth == FH_AUTH_BEARER || credential.from.len > 0
                           ? FH_LIT("Authorization: Bearer ")
                           : FH_LIT("x-api-key: "));
    fh_buf_append(out, credential.token);
    fh_buf_append(out, FH_LIT("\r\n"));
}

static void add_field(struct fh_buf *out, struct fh_slice name, struct fh_slice value)
{
    if (value.len > 0) {
        fh_buf_append(out, name);
        fh_buf_append(out, FH_LIT(": "));
        fh_buf_append(out, value);
        fh_buf_append(out, FH_LIT("\r\n"));
    }
}

/* add_version sends Anthropic's two headers: the client's own when it speaks that dialect, else
 * the version whose schema our encoder writes. */
static void add_version(struct fh_exchange *x, struct fh_buf *out)
{
    const struct fh_client_head *head = &x->setup.head;
    bool own = x->client->id == FH_DIALECT_ANTHROPIC;
    bool told = own && head->anthropic_version.len > 0;

    if (x->provider->id == FH_DIALECT_ANTHROPIC) {
        add_field(out, FH_LIT("anthropic-version"),
                  told ? head->anthropic_version : FH_LIT("2023-06-01"));
        add_field(out, FH_LIT("anthropic-beta"), own ? head->anthropic_beta : FH_NONE);
    }
}

/* Inbound credentials never travel on, and no other header of the client's does, except those
 * named here. */
static struct fh_slice request_head(struct fh_exchange *x, size_t body_len)
{
    const struct fh_target *target = fh_x_target(x);
    struct fh_buf out = fh_buf_in_arena(x->arena, HEAD_MAX);

    fh_buf_append(&out, FH_LIT("POST "));
    fh_provider_path(target->provider,
                     x->call.call == CALL_COUNT ? FH_OPERATION_COUNT_TOKENS : FH_OPERATION_CHAT,
                     &out);
    if (x->passes && x->setup.head.query.len > 0) {
        fh_buf_byte(&out, '?');
        fh_buf_append(&out, x->setup.head.query);
    }
    fh_buf_append(&out, FH_LIT(" HTTP/1.1\r\nHost: "));
    fh_buf_append(&out, target->provider->host);
    fh_buf_append(&out, FH_LIT("\r\nContent-Type: application/json\r\n"
                               "Accept: application/json\r\nUser-Agent: freehold\r\n"));
    add_auth(&out, target);
    add_version(x, &out);
    fh_buf_append(&out, FH_LIT("Content-Length: "));
    fh_buf_u64(&out, body_len);
    fh_buf_append(&out, FH_LIT("\r\n\r\n"));
    return out.failed ? FH_NONE : fh_buf_slice(&out);
}

/* What one provider could not be told says nothing about the next. */
static void forget_losses(struct fh_exchange *x)
{
    if (x->loss != NULL) {
        x->loss->count = 0;
    }
    x->losses = FH_NONE;
    x->losses_printed = 0;
}

/* fh_x_build_request lists the pieces to send to the target in use. */
enum fh_rc fh_x_build_request(struct fh_exchange *x)
{
    size_t body_len = 0;

    forget_losses(x);
    x->piece_count = 1; /* the head's place: its content-length comes last */
    if (x->passes) {
        body_len = pass(x);
    } else {
        FH_TRY(translate(x));
        add_piece(x, fh_buf_slice(&x->upstream_body));
        body_len = x->upstream_body.len;
    }
    x->piece[0] = request_head(x, body_len);
    if (x->piece[0].len == 0) {
        fh_x_fault(x, FH_REFUSE_BAD_REQUEST,
                   "The request's headers and query are longer than %d bytes.", HEAD_MAX);
        return FH_E_LIMIT;
    }
    return FH_OK;
}
