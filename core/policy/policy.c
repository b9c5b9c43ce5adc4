/* policy.c: records to bytes and back, field by field in one order.
 * SPDX-License-Identifier: Apache-2.0 */
#include "policy/policy.h"

#include "wire/json_scan.h"

enum { MIB = 1 << 20 };

/* The first byte of each record. */
enum record {
    RECORD_KEY = 'K',
    RECORD_MODEL = 'M',
    RECORD_PROVIDER = 'P',
    RECORD_LIMITS = 'L',
};

struct fh_policy_limits fh_policy_limits_normal(void)
{
    return (struct fh_policy_limits){
        .body_max_bytes = 32 * (uint64_t)MIB,
        .reply_max_bytes = 32 * (uint64_t)MIB,
        .event_max_bytes = MIB,
        .head_max_bytes = 32768,
        .drain_max_bytes = 8 * (uint64_t)MIB,
        .drain_ms = 60000,
        .depth_max = 128,
        .attempts_max = 4,
    };
}

/* ---- writing ---- */

/* version_of a kind of record. Keys outlive programs; control writes the others anew. */
static uint8_t version_of(enum record kind)
{
    return kind == RECORD_PROVIDER ? 2 : 1;
}

static void put_head(struct fh_buf *out, enum record kind)
{
    fh_buf_byte(out, (uint8_t)kind);
    fh_buf_byte(out, version_of(kind));
}

static void put_text(struct fh_buf *out, struct fh_slice text)
{
    FH_ASSERT(text.len <= FH_POLICY_TEXT_MAX); /* whoever made the record saw to it */
    fh_buf_u16le(out, (uint16_t)text.len);
    fh_buf_append(out, text);
}

void fh_policy_encode_names(struct fh_buf *out, const struct fh_slice *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        put_text(out, names[i]);
    }
}

void fh_policy_encode_key(struct fh_buf *out, const struct fh_policy_key *key)
{
    put_head(out, RECORD_KEY);
    put_text(out, key->id);
    put_text(out, key->name);
    put_text(out, key->plan);
    fh_buf_byte(out, key->revoked ? 1 : 0);
    fh_buf_u64le(out, key->created_us);
    put_text(out, key->aws_id);
    put_text(out, key->aws_secret);
    fh_buf_u16le(out, key->model_count);
    fh_buf_append(out, key->models);
}

void fh_policy_encode_model(struct fh_buf *out, const struct fh_policy_model *model)
{
    FH_ASSERT(model->route_count >= 1 && model->route_count <= FH_POLICY_ROUTES_MAX);
    put_head(out, RECORD_MODEL);
    put_text(out, model->name);
    fh_buf_byte(out, model->route_count);
    for (size_t i = 0; i < model->route_count; i++) {
        put_text(out, model->routes[i].provider);
        put_text(out, model->routes[i].model);
    }
}

void fh_policy_encode_provider(struct fh_buf *out, const struct fh_provider *provider)
{
    put_head(out, RECORD_PROVIDER);
    put_text(out, provider->name);
    fh_buf_byte(out, (uint8_t)provider->kind);
    fh_buf_byte(out, (uint8_t)provider->source);
    fh_buf_byte(out, (uint8_t)provider->only);
    fh_buf_byte(out, provider->tls ? 1 : 0);
    fh_buf_u16le(out, provider->port);
    put_text(out, provider->host);
    put_text(out, provider->address);
    put_text(out, provider->unix_path);
    put_text(out, provider->base_path);
    put_text(out, provider->tls_name);
    put_text(out, provider->ca_file);
    put_text(out, provider->key_ref);
    put_text(out, provider->region);
    put_text(out, provider->project);
    fh_buf_u32le(out, provider->connect_timeout_ms);
    fh_buf_u32le(out, provider->first_byte_timeout_ms);
    fh_buf_u32le(out, provider->idle_timeout_ms);
    fh_buf_byte(out, (uint8_t)provider->state);
    put_text(out, provider->state_line);
    fh_buf_u32le(out, provider->retry_after_s);
    put_text(out, provider->call_prefix);
}

void fh_policy_encode_limits(struct fh_buf *out, const struct fh_policy_limits *limits)
{
    put_head(out, RECORD_LIMITS);
    fh_buf_u64le(out, limits->body_max_bytes);
    fh_buf_u64le(out, limits->reply_max_bytes);
    fh_buf_u64le(out, limits->event_max_bytes);
    fh_buf_u64le(out, limits->head_max_bytes);
    fh_buf_u64le(out, limits->drain_max_bytes);
    fh_buf_u32le(out, limits->drain_ms);
    fh_buf_u32le(out, limits->depth_max);
    fh_buf_u32le(out, limits->attempts_max);
}

/* ---- reading ---- */

/* What is left of a record. Readers below give zeroes once one of them has failed, so a record is
 * read from end to end and looked at once. */
struct reader {
    struct fh_slice rest;
    bool failed;
};

static enum fh_rc open_record(struct reader *r, struct fh_slice bytes, enum record kind)
{
    uint8_t got = 0;
    uint8_t version = 0;

    if (!fh_read_u8(&bytes, &got) || !fh_read_u8(&bytes, &version)) {
        return FH_E_SYNTAX;
    }
    *r = (struct reader){.rest = bytes};
    return got == kind && version == version_of(kind) ? FH_OK : FH_E_SUPPORT;
}

static enum fh_rc close_record(const struct reader *r)
{
    return r->failed || r->rest.len > 0 ? FH_E_SYNTAX : FH_OK;
}

static struct fh_slice get_text(struct reader *r)
{
    struct fh_slice text = FH_NONE;
    uint16_t len = 0;

    if (r->failed || !fh_read_u16le(&r->rest, &len) || len > FH_POLICY_TEXT_MAX ||
        !fh_read_bytes(&r->rest, len, &text) || !fh_utf8_ok(text)) {
        r->failed = true;
        return FH_NONE;
    }
    return text;
}

/* get_name is a text that cannot be empty. */
static struct fh_slice get_name(struct reader *r)
{
    struct fh_slice name = get_text(r);

    r->failed = r->failed || name.len == 0;
    return name;
}

/* get_byte reads a number below `end`. */
static uint8_t get_byte(struct reader *r, unsigned end)
{
    uint8_t value = 0;

    if (r->failed || !fh_read_u8(&r->rest, &value) || value >= end) {
        r->failed = true;
        return 0;
    }
    return value;
}

static uint16_t get_u16(struct reader *r)
{
    uint16_t value = 0;

    r->failed = r->failed || !fh_read_u16le(&r->rest, &value);
    return r->failed ? 0 : value;
}

static uint32_t get_u32(struct reader *r)
{
    uint32_t value = 0;

    r->failed = r->failed || !fh_read_u32le(&r->rest, &value);
    return r->failed ? 0 : value;
}

static uint64_t get_u64(struct reader *r)
{
    uint64_t value = 0;

    r->failed = r->failed || !fh_read_u64le(&r->rest, &value);
    return r->failed ? 0 : value;
}

enum fh_rc fh_policy_decode_key(struct fh_policy_key *out, struct fh_slice bytes)
{
    struct fh_policy_key key = {0};
    struct reader r;

    FH_TRY(open_record(&r, bytes, RECORD_KEY));
    key.id = get_name(&r);
    key.name = get_name(&r);
    key.plan = get_text(&r);
    key.revoked = get_byte(&r, 2) == 1;
    key.created_us = get_u64(&r);
    key.aws_id = get_text(&r);
    key.aws_secret = get_text(&r);
    key.model_count = get_u16(&r);
    key.models = r.rest;
    for (size_t i = 0; i < key.model_count && !r.failed; i++) {
        (void)get_name(&r);
    }
    FH_TRY(close_record(&r));
    *out = key;
    return FH_OK;
}

enum fh_rc fh_policy_decode_model(struct fh_policy_model *out, struct fh_slice bytes)
{
    struct fh_policy_model model = {0};
    struct reader r;

    FH_TRY(open_record(&r, bytes, RECORD_MODEL));
    model.name = get_name(&r);
    model.route_count = get_byte(&r, FH_POLICY_ROUTES_MAX + 1);
    r.failed = r.failed || model.route_count == 0;
    for (size_t i = 0; i < model.route_count; i++) {
        model.routes[i].provider = get_name(&r);
        model.routes[i].model = get_name(&r);
    }
    FH_TRY(close_record(&r));
    *out = model;
    return FH_OK;
}

enum fh_rc fh_policy_decode_provider(struct fh_provider *out, struct fh_slice bytes)
{
    struct fh_provider p = {0};
    struct reader r;

    FH_TRY(open_record(&r, bytes, RECORD_PROVIDER));
    p.name = get_name(&r);
    p.kind = (enum fh_provider_kind)get_byte(&r, FH_PROVIDER_KINDS);
    p.source = (enum fh_credential_source)get_byte(&r, FH_CREDENTIAL_SOURCE_COUNT);
    p.only = (enum fh_dialect_id)get_byte(&r, FH_DIALECTS + 1);
    p.tls = get_byte(&r, 2) == 1;
    p.port = get_u16(&r);
    p.host = get_name(&r);
    p.address = get_text(&r);
    p.unix_path = get_text(&r);
    p.base_path = get_text(&r);
    p.tls_name = get_text(&r);
    p.ca_file = get_text(&r);
    p.key_ref = get_text(&r);
    p.region = get_text(&r);
    p.project = get_text(&r);
    p.connect_timeout_ms = get_u32(&r);
    p.first_byte_timeout_ms = get_u32(&r);
    p.idle_timeout_ms = get_u32(&r);
    p.state = (enum fh_provider_state)get_byte(&r, FH_PROVIDER_STATES);
    p.state_line = get_text(&r);
    p.retry_after_s = get_u32(&r);
    p.call_prefix = get_text(&r);
    FH_TRY(close_record(&r));
    *out = p;
    return FH_OK;
}

enum fh_rc fh_policy_decode_limits(struct fh_policy_limits *out, struct fh_slice bytes)
{
    struct fh_policy_limits limits = {0};
    struct reader r;

    FH_TRY(open_record(&r, bytes, RECORD_LIMITS));
    limits.body_max_bytes = get_u64(&r);
    limits.reply_max_bytes = get_u64(&r);
    limits.event_max_bytes = get_u64(&r);
    limits.head_max_bytes = get_u64(&r);
    limits.drain_max_bytes = get_u64(&r);
    limits.drain_ms = get_u32(&r);
    limits.depth_max = get_u32(&r);
    limits.attempts_max = get_u32(&r);
    FH_TRY(close_record(&r));
    if (limits.depth_max == 0 || limits.depth_max > FH_JSON_DEPTH_MAX) {
        return FH_E_SYNTAX; /* the scan would take it for a bug of ours */
    }
    *out = limits;
    return FH_OK;
}

bool fh_policy_next_name(struct fh_slice *names, struct fh_slice *name)
{
    uint16_t len = 0;
    struct fh_slice rest = *names;

    if (!fh_read_u16le(&rest, &len) || !fh_read_bytes(&rest, len, name)) {
        return false;
    }
    *names = rest;
    return true;
}

bool fh_policy_allows(const struct fh_policy_key *key, struct fh_slice model)
{
    struct fh_slice rest = key->models;
    struct fh_slice name;

    while (fh_policy_next_name(&rest, &name)) {
        if (fh_eq(name, model)) {
            return true;
        }
    }
    return key->model_count == 0;
}
