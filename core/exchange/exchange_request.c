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
    BETAS_MAX = 4096,
};

enum member {
    MEMBER_MODEL,
    MEMBER_STREAM,
    MEMBER_OPTIONS,
    MEMBER_CHOICE,
    MEMBER_VERSION,
    MEMBER_BETAS,
    MEMBER_TITAN, /* what bodies of embeddings have by which InvokeModel can tell */
    MEMBER_COHERE,
    MEMBERS
};

static const struct fh_slice names[MEMBERS] = {
    [MEMBER_MODEL] = FH_LIT_INIT("model"),
    [MEMBER_STREAM] = FH_LIT_INIT("stream"),
    [MEMBER_OPTIONS] = FH_LIT_INIT("stream_options"),
    [MEMBER_CHOICE] = FH_LIT_INIT("tool_choice"),
    [MEMBER_VERSION] = FH_LIT_INIT("anthropic_version"),
    [MEMBER_BETAS] = FH_LIT_INIT("anthropic_beta"),
    [MEMBER_TITAN] = FH_LIT_INIT("inputText"),
    [MEMBER_COHERE] = FH_LIT_INIT("texts"),
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

/* name_asked takes the model from the path, where it stands there, else from the body. */
static enum fh_rc name_asked(struct fh_exchange *x)
{
    struct fh_slice text = x->member.model.value;

    if (x->call.model.len > 0) {
        x->model = x->call.model;
        return FH_OK;
    }
    if (text.len < 2 || text.ptr[0] != '"') {
        fh_x_fault(x, FH_REFUSE_BAD_REQUEST,
                   "\"model\" has to be a string: the name of a model this gateway has.");
        x->fault.param = FH_LIT("model");
        return FH_E_TYPE;
    }
    x->model = fh_json_unescape(text, x->arena);
    return FH_OK;
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
    x->member.model = member[MEMBER_MODEL];
    x->member.stream = member[MEMBER_STREAM];
    x->member.options = member[MEMBER_OPTIONS];
    x->member.choice = member[MEMBER_CHOICE];
    x->member.version = member[MEMBER_VERSION];
    x->member.betas = member[MEMBER_BETAS];
    if (x->call.call == CALL_INVOKE) {
        bool titan = member[MEMBER_TITAN].value.ptr != NULL;

        x->call.call =
            titan || member[MEMBER_COHERE].value.ptr != NULL ? CALL_EMBED : CALL_CHAT;
        x->call.shape = titan ? FH_EMBED_TITAN : FH_EMBED_COHERE;
        if (x->call.call == CALL_EMBED) {
            x->client = fh_dialect(FH_DIALECT_BEDROCK);
        }
    }
    x->streamed = x->call.streamed == STREAMED_YES ||
                  (x->call.streamed == STREAMED_BODY &&
                   fh_eq(member[MEMBER_STREAM].value, FH_LIT("true")));
    return name_asked(x);
}

/* ask_for_usage makes an OpenAI stream end with its usage, which the books need. The extra chunk is
 * kept from a client that did not ask for it. */
static void ask_for_usage(struct fh_exchange *x, struct fh_json_edits *edits)
{
    struct fh_slice options = x->member.options.value;
    struct fh_json_member member;
    struct fh_error why;

    if (options.ptr == NULL) {
        fh_json_put_front(edits, FH_LIT("\"stream_options\":{\"include_usage\":true}"));
        return;
    }
    if (fh_json_scan(options, &include_usage, &member, 1, x->setup.limits->depth_max, &why) !=
        FH_OK) {
        /* null, or something the provider will complain about: that is its business */
        if (fh_eq(options, FH_LIT("null"))) {
            fh_json_replace(edits, options, FH_LIT("{\"include_usage\":true}"));
        }
        return;
    }
    if (fh_eq(member.value, FH_LIT("true"))) {
        x->usage_asked = true;
        return;
    }
    if (member.value.ptr != NULL) {
        fh_json_replace(edits, member.value, FH_LIT("true"));
        return;
    }
    bool empty = fh_find(options, '"') == options.len;

    fh_json_replace(edits, fh_slice(fh_tail(options, 1).ptr, 0),
                    empty ? FH_LIT("\"include_usage\":true")
                          : FH_LIT("\"include_usage\":true,"));
}

/* quoted makes a JSON string of a text. */
static struct fh_slice quoted(struct fh_exchange *x, struct fh_slice text)
{
    struct fh_buf out = fh_buf_in_arena(x->arena, 6 * text.len + 2);

    fh_json_quote(&out, text);
    return fh_buf_slice(&out);
}

/* member_of writes `"name":value`. */
static struct fh_slice member_of(struct fh_exchange *x, struct fh_slice name,
                                 struct fh_slice json)
{
    struct fh_slice parts[] = {FH_LIT("\""), name, FH_LIT("\":"), json};

    return fh_concat(x->arena, parts, FH_LEN(parts));
}

/* name_model makes the provider's name for the model the one in the body, or takes it out where the
 * path has it. */
static void name_model(struct fh_exchange *x, struct fh_json_edits *edits)
{
    struct fh_slice name = fh_x_target(x)->model;
    struct fh_slice old = x->member.model.value;

    if (x->envelope.without_model) {
        fh_json_remove(edits, x->member.model.whole);
    } else if (old.ptr == NULL) {
        fh_json_put_front(edits, member_of(x, FH_LIT("model"), quoted(x, name)));
    } else if (!fh_eq(name, x->model) || x->call.model.len > 0) {
        fh_json_replace(edits, old, quoted(x, name));
    }
}

/* fit_envelope moves what one place of Claude's has in the body and another in path or header. */
static void fit_envelope(struct fh_exchange *x, struct fh_json_edits *edits)
{
    bool said = x->member.version.value.ptr != NULL;

    if (x->provider->id != FH_DIALECT_ANTHROPIC) {
        return;
    }
    if (x->envelope.without_stream) {
        fh_json_remove(edits, x->member.stream.whole);
    } else if (x->streamed && x->member.stream.value.ptr == NULL) {
        fh_json_put_front(edits, FH_LIT("\"stream\":true"));
    }
    if (x->envelope.version.len == 0) {
        fh_json_remove(edits, x->member.version.whole);
    } else if (!said) {
        fh_json_put_front(edits, member_of(x, FH_LIT("anthropic_version"),
                                           quoted(x, x->envelope.version)));
    } else {
        fh_json_replace(edits, x->member.version.value, quoted(x, x->envelope.version));
    }
    if (!x->betas_in_body) {
        fh_json_remove(edits, x->member.betas.whole);
    } else if (x->member.betas.value.ptr == NULL && x->betas.len > 0) {
        struct fh_buf list = fh_buf_in_arena(x->arena, 8 * x->betas.len + 64);
        struct fh_slice rest = x->betas;
        struct fh_slice beta;

        fh_buf_append(&list, FH_LIT("\"anthropic_beta\":["));
        for (bool first = true; fh_split(&rest, ',', &beta); first = false) {
            fh_buf_append(&list, first ? FH_NONE : FH_LIT(","));
            fh_json_quote(&list, fh_trim(beta));
        }
        fh_buf_append(&list, FH_LIT("]"));
        fh_json_put_front(edits, fh_buf_slice(&list));
    }
}

/* add_piece puts bytes on the list of what is sent; empty ones are left out. */
static void add_piece(struct fh_exchange *x, struct fh_slice bytes)
{
    if (bytes.len > 0) {
        FH_ASSERT(x->piece_count < FH_EXCHANGE_PIECES_MAX);
        x->piece[x->piece_count++] = bytes;
    }
}

/* pass lists the client's own bytes with the edits between them. */
static void pass(struct fh_exchange *x)
{
    struct fh_json_edits edits = {.body = x->body};

    if (x->named_in_body || x->provider->id == FH_DIALECT_ANTHROPIC) {
        name_model(x, &edits);
    }
    fit_envelope(x, &edits);
    if (x->streamed && x->provider->id == FH_DIALECT_OPENAI_CHAT) {
        ask_for_usage(x, &edits);
    }
    x->piece_count += fh_json_pieces(&edits, &x->piece[x->piece_count]);
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
    const struct fh_loss_entry *first = &x->loss->entry[0];
    FH_AUTO(fh_buf_fini) struct fh_buf list = fh_buf_on_heap(8192);

    fh_loss_print(x->loss, 0, &list);
    fh_x_fault(
        x, FH_REFUSE_LOSSY,
        "x-freehold-translation is strict, and the provider \"%.*s\" cannot be told: %.*s. "
        "Why not %.*s: %s.",
        FH_ARG(fh_x_target(x)->provider->name), FH_ARG(fh_buf_slice(&list)),
        FH_ARG(first->pointer), first->why);
    x->fault.param = first->pointer;
    return true;
}

/* fh_x_helps_call says whether the request demands a tool call of a model that has to be helped to
 * one: then even a client of the same dialect is translated. */
bool fh_x_helps_call(const struct fh_exchange *x)
{
    static const struct fh_slice free_choice[] = {FH_LIT_INIT("\"auto\""),
                                                  FH_LIT_INIT("\"none\""), FH_LIT_INIT("null")};
    struct fh_slice choice = x->member.choice.value;

    for (size_t i = 0; i < FH_LEN(free_choice); i++) {
        if (fh_eq(choice, free_choice[i])) {
            return false;
        }
    }
    return fh_x_target(x)->provider->call_prefix.len > 0 && choice.ptr != NULL;
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

/* decode reads the client's body; that of a count has the request in it. */
static enum fh_rc decode(struct fh_exchange *x, struct fh_chat_request *req,
                         struct fh_complaint *why)
{
    struct fh_slice body = x->body;

    if (x->call.call == CALL_COUNT && x->client->unwrap_count != NULL) {
        FH_TRY(x->client->unwrap_count(&body, x->work, body, why));
    }
    return x->client->decode_request(req, x->work, body, why);
}

/* encode writes the provider's body, after the ledger has taken out what it cannot say. */
static enum fh_rc encode(struct fh_exchange *x, struct fh_chat_request *req,
                         struct fh_complaint *why)
{
    const struct fh_settling s = fh_x_settling(x, x->client, x->provider, x->work);
    struct fh_buf *out = &x->upstream_body;

    if (x->client != x->provider) {
        FH_TRY(fh_settle(&s, req, why));
    }
    if (fh_x_target(x)->provider->call_prefix.len > 0) { /* ours, and no loss of the client's */
        help_call(req, x->work, fh_x_target(x)->provider->call_prefix);
    }
    if (x->call.call != CALL_COUNT || x->provider->wrap_count == NULL) {
        return x->provider->encode_request(out, x->work, req, x->loss, why);
    }
    FH_AUTO(fh_buf_fini) struct fh_buf chat = fh_buf_on_heap(out->max);

    FH_TRY(x->provider->encode_request(&chat, x->work, req, x->loss, why));
    x->provider->wrap_count(out, x->work, fh_buf_slice(&chat));
    return FH_OK;
}

/* share_betas joins the betas of a client's header or member, and those that its dialect has
 * elsewhere in the body; then they go into the body, or into the header, as the target wants it. */
static void share_betas(struct fh_exchange *x, struct fh_chat_request *req)
{
    bool in_header = x->provider->id == FH_DIALECT_ANTHROPIC && !x->betas_in_body;

    if (x->betas.len == 0 && req->betas.len > 0) {
        x->betas = fh_dup(x->arena, req->betas);
    }
    req->betas = in_header ? FH_NONE : x->betas;
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

    enum fh_rc rc = x->embed != NULL ? fh_x_embed_build(x, &why) : decode(x, req, &why);
    if (rc == FH_OK && x->embed == NULL) {
        req->model = fh_x_target(x)->model;
        req->stream = x->streamed;
        req->envelope = x->envelope;
        share_betas(x, req);
        x->usage_asked = req->include_usage == 1;
        x->frame.request = req;
        rc = encode(x, req, &why);
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

/* ---- the head ---- */

static void add_field(struct fh_buf *out, struct fh_slice name, struct fh_slice value)
{
    if (value.len > 0) {
        fh_buf_append(out, name);
        fh_buf_append(out, FH_LIT(": "));
        fh_buf_append(out, value);
        fh_buf_append(out, FH_LIT("\r\n"));
    }
}

/* add_key sends a key as the kind of place has it. */
static void add_key(struct fh_buf *out, const struct fh_target *target, struct fh_slice key)
{
    static const struct fh_slice fields[] = {
        [FH_AUTH_BEARER] = FH_LIT_INIT("Authorization"),
        [FH_AUTH_X_API_KEY] = FH_LIT_INIT("x-api-key"),
        [FH_AUTH_API_KEY] = FH_LIT_INIT("api-key"),
        [FH_AUTH_GOOG_KEY] = FH_LIT_INIT("x-goog-api-key"),
    };
    enum fh_auth auth = fh_provider_preset(target->provider->kind)->auth;

    fh_buf_append(out, fields[auth]);
    fh_buf_append(out, auth == FH_AUTH_BEARER ? FH_LIT(": Bearer ") : FH_LIT(": "));
    fh_buf_append(out, key);
    fh_buf_append(out, FH_LIT("\r\n"));
}

static void add_bearer(struct fh_buf *out, struct fh_slice token)
{
    fh_buf_append(out, FH_LIT("Authorization: Bearer "));
    fh_buf_append(out, token);
    fh_buf_append(out, FH_LIT("\r\n"));
}

/* add_auth proves who asks: by a key, by a token that control obtained, or by a signature. */
static enum fh_rc add_auth(struct fh_exchange *x, const struct fh_target *target,
                           struct fh_slice path, struct fh_buf *out)
{
    bool signs = fh_provider_preset(target->provider->kind)->source == FH_CREDENTIALS_AWS;
    struct fh_credential credential;

    if (target->secret.len == 0) {
        return FH_OK;
    }
    if (fh_credential_parse(&credential, target->secret) != FH_OK ||
        (credential.kind == FH_CREDENTIAL_AWS &&
         (!signs || fh_x_sign(x, &credential, path, out) != FH_OK))) {
        fh_x_fault(
            x, FH_REFUSE_UPSTREAM_DENIED,
            "This gateway's credentials for the provider \"%.*s\" cannot be used. Whoever "
            "runs the gateway finds the reason by `freehold doctor`.",
            FH_ARG(target->provider->name));
        return FH_E_MISSING;
    }
    if (credential.kind == FH_CREDENTIAL_TOKEN && credential.from.len > 0) {
        add_bearer(out,
                   credential.token); /* lent by a cloud, wherever the place takes its keys */
    } else if (credential.kind == FH_CREDENTIAL_TOKEN) {
        add_key(out, target, credential.token);
    }
    return FH_OK;
}

/* add_version sends Anthropic's two headers. */
static void add_version(struct fh_exchange *x, struct fh_buf *out)
{
    if (x->provider->id == FH_DIALECT_ANTHROPIC) {
        add_field(out, FH_LIT("anthropic-version"), x->version);
        add_field(out, FH_LIT("anthropic-beta"), x->betas_in_body ? FH_NONE : x->betas);
    }
}

/* add_path writes the call's path. Of clients' queries only Anthropic's travels (beta=true): others
 * choose a version of Azure's or a framing. */
static void add_path(struct fh_exchange *x, struct fh_buf *out)
{
    const struct fh_target *target = fh_x_target(x);
    enum fh_operation operation = x->call.call == CALL_COUNT ? FH_OPERATION_COUNT
                                  : x->streamed              ? FH_OPERATION_STREAM
                                                             : FH_OPERATION_CHAT;
    struct fh_slice query = x->setup.head.query;

    if (x->call.call == CALL_NATIVE) {
        fh_x_native_path(x, out);
        return;
    }
    if (x->embed != NULL) {
        fh_provider_path(out, target->provider, x->embed->how->path, target->model);
        return;
    }
    fh_provider_path(out, target->provider, x->chat->path[operation], target->model);
    if (x->passes && query.len > 0 && x->provider->id == FH_DIALECT_ANTHROPIC &&
        x->call.envelope == FH_ENVELOPE_PLAIN && x->chat->envelope == FH_ENVELOPE_PLAIN) {
        fh_buf_byte(out, '?');
        fh_buf_append(out, query);
    }
}

static struct fh_slice accepts(const struct fh_exchange *x)
{
    if (x->call.call == CALL_NATIVE) {
        return FH_LIT("*/*"); /* a file may be anything */
    }
    bool frames = x->streamed && (x->chat->framing == FH_FRAMING_EVENTSTREAM ||
                                  x->chat->framing == FH_FRAMING_CHUNKS);

    return frames ? FH_LIT("application/vnd.amazon.eventstream") : FH_LIT("application/json");
}

/* Inbound credentials never travel on, and no other header of the client's does, except those
 * named here. */
static enum fh_rc request_head(struct fh_exchange *x, size_t body_len)
{
    const struct fh_target *target = fh_x_target(x);
    struct fh_buf out = fh_buf_in_arena(x->arena, HEAD_MAX);
    struct fh_buf path = fh_buf_in_arena(x->arena, HEAD_MAX / 2);

    bool native = x->call.call == CALL_NATIVE;

    add_path(x, &path);
    fh_buf_append(&out, native ? x->setup.head.method : FH_LIT("POST"));
    fh_buf_byte(&out, ' ');
    fh_buf_append(&out, fh_buf_slice(&path));
    fh_buf_append(&out, FH_LIT(" HTTP/1.1\r\n"));
    add_field(&out, FH_LIT("Host"), target->provider->host);
    add_field(&out, FH_LIT("Content-Type"),
              native ? x->setup.head.content_type : FH_LIT("application/json"));
    add_field(&out, FH_LIT("Accept"), accepts(x));
    add_field(&out, FH_LIT("User-Agent"), FH_LIT("freehold"));
    FH_TRY(add_auth(x, target, fh_buf_slice(&path), &out));
    add_version(x, &out);
    fh_buf_append(&out, FH_LIT("Content-Length: "));
    fh_buf_u64(&out, body_len);
    fh_buf_append(&out, FH_LIT("\r\n\r\n"));
    x->piece[0] = fh_buf_slice(&out);
    if (out.failed || path.failed) {
        fh_x_fault(x, FH_REFUSE_BAD_REQUEST,
                   "The request's headers and query are longer than %d bytes.", HEAD_MAX);
        return FH_E_LIMIT;
    }
    return FH_OK;
}

/* ---- what places of one dialect have in different places ---- */

/* own_version takes what the client said of its version, wherever it said it. */
static struct fh_slice own_version(struct fh_exchange *x)
{
    struct fh_slice text = x->member.version.value;

    if (x->client->id != FH_DIALECT_ANTHROPIC) {
        return FH_NONE;
    }
    return text.len > 2 && text.ptr[0] == '"' ? fh_json_unescape(text, x->arena)
                                              : x->setup.head.anthropic_version;
}

/* own_betas takes the betas that the client asked for, from its header or from its body. */
static struct fh_slice own_betas(struct fh_exchange *x)
{
    struct fh_slice list = x->member.betas.value;
    struct fh_buf out = fh_buf_in_arena(x->arena, BETAS_MAX);
    yyjson_val *root = NULL;
    struct fh_error why;

    if (x->client->id != FH_DIALECT_ANTHROPIC || list.ptr == NULL || list.len > BETAS_MAX ||
        fh_json_parse(x->arena, list, &root, &why) != FH_OK) {
        return x->client->id == FH_DIALECT_ANTHROPIC ? x->setup.head.anthropic_beta : FH_NONE;
    }
    yyjson_arr_iter iter = yyjson_arr_iter_with(root);

    for (yyjson_val *v = NULL; (v = yyjson_arr_iter_next(&iter)) != NULL;) {
        fh_buf_append(&out, out.len > 0 ? FH_LIT(",") : FH_NONE);
        fh_buf_append(&out, fh_json_text(v));
    }
    return out.failed ? FH_NONE : fh_buf_slice(&out);
}

/* set_envelope decides what of a body of Claude's goes elsewhere at the target in use. */
static void set_envelope(struct fh_exchange *x)
{
    static const struct fh_slice versions[] = {
        [FH_ENVELOPE_PLAIN] = FH_LIT_INIT("2023-06-01"),
        [FH_ENVELOPE_BEDROCK] = FH_LIT_INIT("bedrock-2023-05-31"),
        [FH_ENVELOPE_VERTEX] = FH_LIT_INIT("vertex-2023-10-16"),
    };
    enum fh_provider_envelope envelope = x->chat->envelope;
    bool plain = envelope == FH_ENVELOPE_PLAIN;
    struct fh_slice told = own_version(x);

    /* versions since 2026 have one name everywhere; each place had one of its own before */
    bool same = told.len > 0 &&
                (envelope == x->call.envelope ||
                 (fh_starts(told, FH_LIT("20")) && fh_compare(told, FH_LIT("2026")) > 0));

    x->version = same ? told : versions[envelope];
    x->betas = own_betas(x);
    x->betas_in_body = envelope == FH_ENVELOPE_BEDROCK;
    x->envelope = (struct fh_envelope){
        .quirks = x->chat->quirks,
        .without_model = !plain,
        .without_stream = envelope == FH_ENVELOPE_BEDROCK,
        .version = plain ? FH_NONE : x->version,
    };
    x->named_in_body =
        fh_find(x->chat->path[FH_OPERATION_CHAT], '{') == x->chat->path[FH_OPERATION_CHAT].len;
}

/* What one provider could not be told says nothing about the next. */
static void forget_losses(struct fh_exchange *x)
{
    if (x->loss != NULL) {
        x->loss->count = 0;
    }
    x->losses = FH_NONE;
    x->losses_printed = 0;
    x->losses_told = 0;
}

/* fh_x_build_request lists the pieces to send to the target in use. */
enum fh_rc fh_x_build_request(struct fh_exchange *x)
{
    size_t body_len = 0;

    forget_losses(x);
    if (x->embed == NULL) {
        set_envelope(x);
    }
    x->piece_count = 1; /* the head's place: its content-length comes last */
    if (x->call.call == CALL_NATIVE) {
        add_piece(x, x->body);
    } else if (x->passes) {
        pass(x);
    } else {
        FH_TRY(translate(x));
        add_piece(x, fh_buf_slice(&x->upstream_body));
    }
    for (size_t i = 1; i < x->piece_count; i++) {
        body_len += x->piece[i].len;
    }
    return request_head(x, body_len);
}
