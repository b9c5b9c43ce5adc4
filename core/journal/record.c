/* record.c: one table per record; encoder and decoder walk it.
 * SPDX-License-Identifier: Apache-2.0 */
#include "journal/record.h"

#include "base/hash.h"

enum { VERSION = 1, NUMBER_LEN_MAX = 8 };

/* Crockford's: no i, l, o, u. */
static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";

enum { DIGIT_BITS = 5, DIGIT_COUNT = 26, PREFIX_LEN = 4 };
static_assert(DIGIT_COUNT * DIGIT_BITS >= FH_REQUEST_ID_LEN * 8, "all bits have a digit");
static_assert(PREFIX_LEN + DIGIT_COUNT == FH_REQUEST_ID_TEXT_LEN, "text is prefix and digits");

struct fh_request_id fh_request_id(uint64_t calendar_us,
                                   const uint8_t random[FH_REQUEST_ID_RANDOM_LEN])
{
    struct fh_request_id id;
    uint64_t ms = calendar_us / 1000;

    for (size_t i = 0; i < 6; i++) {
        id.bytes[i] = (uint8_t)(ms >> (40 - 8 * i));
    }
    for (size_t i = 0; i < FH_REQUEST_ID_RANDOM_LEN; i++) {
        id.bytes[6 + i] = random[i];
    }
    return id;
}

/* The first byte of an id without a time. One with a time has it after the year 10800. */
enum { NO_TIME = 0xff };

struct fh_request_id fh_request_id_of(struct fh_slice provider, struct fh_slice theirs)
{
    struct fh_request_id id = {.bytes = {NO_TIME}};
    struct fh_sha256_run run;

    fh_sha256_begin(&run);
    fh_sha256_add(&run, provider);
    fh_sha256_add(&run, fh_slice("", 1)); /* a NUL: no name has one */
    fh_sha256_add(&run, theirs);
    struct fh_sha256 hash = fh_sha256_end(&run);

    for (size_t i = 1; i < FH_REQUEST_ID_LEN; i++) {
        id.bytes[i] = hash.bytes[i];
    }
    return id;
}

bool fh_request_id_has_time(const struct fh_request_id *id)
{
    return id->bytes[0] != NO_TIME;
}

uint64_t fh_request_id_us(const struct fh_request_id *id)
{
    uint64_t ms = 0;

    for (size_t i = 0; i < 6; i++) {
        ms = ms << 8 | id->bytes[i];
    }
    return ms * 1000;
}

void fh_request_id_print(const struct fh_request_id *id, char out[FH_REQUEST_ID_TEXT_LEN + 1])
{
    uint32_t held = 0;
    unsigned bits = 2; /* 26 digits have room for 130 bits: the first two are 0 */
    size_t at = 0;

    for (const char *p = "req_"; *p != '\0'; p++) {
        out[at++] = *p;
    }
    for (size_t i = 0; i < FH_REQUEST_ID_LEN; i++) {
        held = held << 8 | id->bytes[i];
        for (bits += 8; bits >= DIGIT_BITS; bits -= DIGIT_BITS) {
            out[at++] = digits[held >> (bits - DIGIT_BITS) & 31U];
        }
    }
    FH_ASSERT(bits == 0 && at == FH_REQUEST_ID_TEXT_LEN);
    out[at] = '\0';
}

static int digit_value(uint8_t c)
{
    if (c >= 'A' && c <= 'Z') {
        c = (uint8_t)(c | 0x20);
    }
    const char *hit = c == '\0' ? NULL : strchr(digits, c);

    return hit == NULL ? -1 : (int)(hit - digits);
}

bool fh_request_id_parse(struct fh_slice text, struct fh_request_id *out)
{
    struct fh_request_id id = {0};
    uint32_t held = 0;
    unsigned bits = 0;
    size_t at = 0;

    if (!fh_take(&text, FH_LIT("req_")) || text.len != DIGIT_COUNT || text.ptr[0] > '7') {
        return false;
    }
    for (size_t i = 0; i < DIGIT_COUNT; i++) {
        int value = digit_value(text.ptr[i]);

        if (value < 0) {
            return false;
        }
        held = held << DIGIT_BITS | (uint32_t)value;
        bits += i == 0 ? DIGIT_BITS - 2 : DIGIT_BITS;
        if (bits >= 8) {
            bits -= 8;
            id.bytes[at++] = (uint8_t)(held >> bits);
        }
    }
    FH_ASSERT(at == FH_REQUEST_ID_LEN);
    *out = id;
    return true;
}

static const struct fh_slice outcome_names[] = {
    [FH_OUTCOME_OK] = FH_LIT_INIT("ok"),
    [FH_OUTCOME_REFUSED] = FH_LIT_INIT("refused"),
    [FH_OUTCOME_FAILED] = FH_LIT_INIT("failed"),
    [FH_OUTCOME_CUT] = FH_LIT_INIT("cut"),
    [FH_OUTCOME_CLIENT_GONE] = FH_LIT_INIT("client_gone"),
};
static_assert(FH_LEN(outcome_names) == FH_OUTCOMES, "table and enum agree");

static const struct fh_slice void_names[] = {
    [FH_VOID_UNREACHABLE] = FH_LIT_INIT("unreachable"),
    [FH_VOID_CLIENT_GONE] = FH_LIT_INIT("client_gone"),
    [FH_VOID_REFUSED] = FH_LIT_INIT("refused"),
    [FH_VOID_STOPPED] = FH_LIT_INIT("stopped"),
};
static_assert(FH_LEN(void_names) == FH_VOID_REASONS, "table and enum agree");

static const struct fh_slice service_names[] = {
    [FH_SERVICE_STANDARD] = FH_LIT_INIT("standard"),
    [FH_SERVICE_BATCH] = FH_LIT_INIT("batch"),
};
static_assert(FH_LEN(service_names) == FH_SERVICES, "table and enum agree");

struct fh_slice fh_outcome_name(enum fh_outcome outcome)
{
    FH_ASSERT(outcome < FH_OUTCOMES);
    return outcome_names[outcome];
}

struct fh_slice fh_void_reason_name(enum fh_void_reason reason)
{
    FH_ASSERT(reason < FH_VOID_REASONS);
    return void_names[reason];
}

struct fh_slice fh_service_name(enum fh_service service)
{
    FH_ASSERT(service < FH_SERVICES);
    return service_names[service];
}

enum kind {
    TEXT,   /* struct fh_slice, at most `max` bytes */
    FLAG,   /* bool; there means true */
    WORD,   /* uint32_t or enum, at most `max` */
    NUMBER, /* uint64_t */
    TOKENS, /* one class of a struct fh_usage; there means seen */
};

/* A row per field; `tag` is part of the file format: add, never change, keep them ascending. */
struct field {
    uint8_t tag;
    enum kind kind;
    size_t offset;
    uint32_t max;
    enum fh_tokens class;
};

#define INTENT(f) offsetof(struct fh_intent, f)
#define SETTLE(f) offsetof(struct fh_settle, f)

static const struct field intent_fields[] = {
    {.tag = 1, WORD, INTENT(attempt), .max = UINT32_MAX},
    {.tag = 2, FLAG, INTENT(streamed)},
    {.tag = 3, TEXT, INTENT(key_id), .max = FH_RECORD_TEXT_MAX},
    {.tag = 4, TEXT, INTENT(key_name), .max = FH_RECORD_TEXT_MAX},
    {.tag = 5, TEXT, INTENT(model), .max = FH_RECORD_TEXT_MAX},
    {.tag = 6, TEXT, INTENT(route), .max = FH_RECORD_TEXT_MAX},
    {.tag = 7, TEXT, INTENT(provider), .max = FH_RECORD_TEXT_MAX},
    {.tag = 8, TEXT, INTENT(upstream_model), .max = FH_RECORD_TEXT_MAX},
    {.tag = 9, TEXT, INTENT(client_dialect), .max = FH_RECORD_TEXT_MAX},
    {.tag = 10, TEXT, INTENT(provider_dialect), .max = FH_RECORD_TEXT_MAX},
    {.tag = 11, NUMBER, INTENT(body_bytes)},
    {.tag = 12, WORD, INTENT(service), .max = FH_SERVICES - 1},
};

static const struct field settle_fields[] = {
    {.tag = 1, WORD, SETTLE(outcome), .max = FH_OUTCOMES - 1},
    {.tag = 2, WORD, SETTLE(status), .max = UINT32_MAX},
    {.tag = 3, WORD, SETTLE(attempts), .max = UINT32_MAX},
    {.tag = 4, TEXT, SETTLE(route), .max = FH_RECORD_TEXT_MAX},
    {.tag = 5, TEXT, SETTLE(provider), .max = FH_RECORD_TEXT_MAX},
    {.tag = 6, TEXT, SETTLE(upstream_model), .max = FH_RECORD_TEXT_MAX},
    {.tag = 7, NUMBER, SETTLE(first_byte_us)},
    {.tag = 8, NUMBER, SETTLE(duration_us)},
    {.tag = 9, NUMBER, SETTLE(bytes_in)},
    {.tag = 10, NUMBER, SETTLE(bytes_out)},
    {.tag = 11, WORD, SETTLE(finish), .max = UINT32_MAX},
    {.tag = 12, WORD, SETTLE(loss_count), .max = UINT32_MAX},
    {.tag = 13, TEXT, SETTLE(losses), .max = FH_RECORD_LOSSES_MAX},
    {.tag = 14, FLAG, SETTLE(usage.estimated)},
    {.tag = 15, WORD, SETTLE(unmetered), .max = UINT32_MAX},
    {.tag = 32, TOKENS, SETTLE(usage), .class = FH_TOKENS_INPUT},
    {.tag = 33, TOKENS, SETTLE(usage), .class = FH_TOKENS_CACHE_READ},
    {.tag = 34, TOKENS, SETTLE(usage), .class = FH_TOKENS_CACHE_WRITE_5M},
    {.tag = 35, TOKENS, SETTLE(usage), .class = FH_TOKENS_CACHE_WRITE_1H},
    {.tag = 36, TOKENS, SETTLE(usage), .class = FH_TOKENS_OUTPUT},
    {.tag = 37, TOKENS, SETTLE(usage), .class = FH_TOKENS_REASONING},
    {.tag = 38, TOKENS, SETTLE(usage), .class = FH_TOKENS_AUDIO_IN},
    {.tag = 39, TOKENS, SETTLE(usage), .class = FH_TOKENS_AUDIO_OUT},
};

static const struct field void_fields[] = {
    {.tag = 1, WORD, offsetof(struct fh_void, reason), .max = FH_VOID_REASONS - 1},
};

static_assert(sizeof(enum fh_outcome) == sizeof(uint32_t), "a WORD");
static_assert(sizeof(enum fh_void_reason) == sizeof(uint32_t), "a WORD");
static_assert(sizeof(enum fh_service) == sizeof(uint32_t), "a WORD");

struct fields {
    const struct field *row;
    size_t count;
};

static const struct fields intent_all = {intent_fields, FH_LEN(intent_fields)};
static const struct fields settle_all = {settle_fields, FH_LEN(settle_fields)};
static const struct fields void_all = {void_fields, FH_LEN(void_fields)};

/* clip cuts text to what a field holds, between characters. What is not UTF-8 would make the
 * record unreadable, and losing a record is worse than losing a name. */
static struct fh_slice clip(struct fh_slice text, size_t max)
{
    text = fh_utf8_head(text, max);
    return fh_utf8_ok(text) ? text : FH_LIT("?");
}

static void put_field(struct fh_buf *out, uint8_t tag, struct fh_slice value)
{
    fh_buf_byte(out, tag);
    fh_buf_byte(out, (uint8_t)value.len);
    fh_buf_byte(out, (uint8_t)(value.len >> 8));
    fh_buf_append(out, value);
}

static void put_number(struct fh_buf *out, uint8_t tag, uint64_t number)
{
    uint8_t bytes[NUMBER_LEN_MAX];
    size_t len = 0;

    for (; number > 0; number >>= 8) {
        bytes[len++] = (uint8_t)number;
    }
    put_field(out, tag, fh_slice(bytes, len));
}

/* The members that tables point to. A record is one of our structs, so `offset` lies in it. */
static const void *member(const void *record, const struct field *f)
{
    return (const uint8_t *)record + f->offset;
}

static void put(struct fh_buf *out, const void *record, const struct field *f)
{
    struct fh_slice text;
    uint64_t number = 0;
    uint32_t word = 0;

    switch (f->kind) {
    case TEXT:
        memcpy(&text, member(record, f), sizeof(text));
        if (text.len > 0) {
            put_field(out, f->tag, clip(text, f->max));
        }
        break;
    case FLAG:
        if (*(const bool *)member(record, f)) {
            put_field(out, f->tag, FH_NONE);
        }
        break;
    case WORD:
        memcpy(&word, member(record, f), sizeof(word));
        FH_ASSERT(word <= f->max);
        if (word > 0) {
            put_number(out, f->tag, word);
        }
        break;
    case NUMBER:
        memcpy(&number, member(record, f), sizeof(number));
        if (number > 0) {
            put_number(out, f->tag, number);
        }
        break;
    case TOKENS: {
        const struct fh_usage *usage = member(record, f);

        if (fh_usage_has(usage, f->class)) {
            put_number(out, f->tag, usage->count[f->class]);
        }
        break;
    }
    }
}

static void encode(struct fh_buf *out, const void *record, const struct fh_request_id *id,
                   uint64_t at_us, struct fields fields)
{
    fh_buf_byte(out, VERSION);
    fh_buf_append(out, fh_slice(id->bytes, sizeof(id->bytes)));
    fh_buf_u64le(out, at_us);
    for (size_t i = 0; i < fields.count; i++) {
        put(out, record, &fields.row[i]);
    }
}

void fh_encode_intent(struct fh_buf *out, const struct fh_intent *intent)
{
    FH_ASSERT(intent->attempt > 0);
    encode(out, intent, &intent->id, intent->at_us, intent_all);
}

void fh_encode_settle(struct fh_buf *out, const struct fh_settle *settle)
{
    encode(out, settle, &settle->id, settle->at_us, settle_all);
}

void fh_encode_void(struct fh_buf *out, const struct fh_void *voided)
{
    encode(out, voided, &voided->id, voided->at_us, void_all);
}

/* read_number takes a number that is written as short as it can be. */
static bool read_number(struct fh_slice value, uint64_t *out)
{
    uint64_t number = 0;

    if (value.len > NUMBER_LEN_MAX || (value.len > 0 && value.ptr[value.len - 1] == 0)) {
        return false;
    }
    for (size_t i = value.len; i > 0; i--) {
        number = number << 8 | value.ptr[i - 1];
    }
    *out = number;
    return true;
}

static bool get(void *record, const struct field *f, struct fh_slice value)
{
    void *to = (uint8_t *)record + f->offset;
    uint64_t number = 0;
    uint32_t word = 0;

    switch (f->kind) {
    case TEXT:
        if (value.len == 0 || value.len > f->max || !fh_utf8_ok(value)) {
            return false;
        }
        memcpy(to, &value, sizeof(value));
        return true;
    case FLAG:
        *(bool *)to = true;
        return value.len == 0;
    case WORD:
        if (value.len == 0 || !read_number(value, &number) || number > f->max) {
            return false;
        }
        word = (uint32_t)number;
        memcpy(to, &word, sizeof(word));
        return true;
    case NUMBER:
        if (value.len == 0 || !read_number(value, &number)) {
            return false;
        }
        memcpy(to, &number, sizeof(number));
        return true;
    case TOKENS:
        if (!read_number(value, &number)) {
            return false;
        }
        fh_usage_set(to, f->class, number);
        return true;
    }
    return false;
}

/* read_fields walks the tail of a payload and the table side by side. */
static bool read_fields(struct fh_slice in, void *record, struct fields fields)
{
    size_t at = 0;
    int last = 0; /* tags ascend from 1 */

    while (in.len > 0) {
        struct fh_slice value;
        uint8_t tag = 0;
        uint16_t len = 0;

        if (!fh_read_u8(&in, &tag) || !fh_read_u16le(&in, &len) ||
            !fh_read_bytes(&in, len, &value) || tag <= last) {
            return false;
        }
        last = tag;
        while (at < fields.count && fields.row[at].tag < tag) {
            at++;
        }
        if (at < fields.count && fields.row[at].tag == tag &&
            !get(record, &fields.row[at], value)) {
            return false;
        }
    }
    return true;
}

static enum fh_rc decode(struct fh_slice in, void *record, struct fh_request_id *id,
                         uint64_t *at_us, struct fields fields)
{
    struct fh_slice id_bytes;
    uint8_t version = 0;

    if (in.len > FH_RECORD_MAX || !fh_read_u8(&in, &version)) {
        return FH_E_SYNTAX;
    }
    if (version != VERSION) {
        return FH_E_SUPPORT;
    }
    if (!fh_read_bytes(&in, sizeof(id->bytes), &id_bytes) || !fh_read_u64le(&in, at_us)) {
        return FH_E_SYNTAX;
    }
    memcpy(id->bytes, id_bytes.ptr, sizeof(id->bytes));
    return read_fields(in, record, fields) ? FH_OK : FH_E_SYNTAX;
}

enum fh_rc fh_decode_record(uint16_t type, struct fh_slice payload, struct fh_record *out)
{
    struct fh_record r = {.type = (enum fh_record_type)type};

    switch (r.type) {
    case FH_RECORD_INTENT:
        FH_TRY(decode(payload, &r.intent, &r.intent.id, &r.intent.at_us, intent_all));
        if (r.intent.attempt == 0) {
            return FH_E_SYNTAX;
        }
        break;
    case FH_RECORD_SETTLE:
        FH_TRY(decode(payload, &r.settle, &r.settle.id, &r.settle.at_us, settle_all));
        break;
    case FH_RECORD_VOID:
        FH_TRY(decode(payload, &r.voided, &r.voided.id, &r.voided.at_us, void_all));
        break;
    default: /* a later version's; the caller skips it */
        return FH_E_SUPPORT;
    }
    *out = r;
    return FH_OK;
}

bool fh_intent_is_first(struct fh_slice payload)
{
    /* the field with the lowest tag, which is never left out: tag 1, one byte, the number 1 */
    size_t at = 1 + FH_REQUEST_ID_LEN + sizeof(uint64_t);

    return payload.len > at && fh_starts(fh_tail(payload, at), FH_LIT("\1\1\0\1"));
}

const struct fh_request_id *fh_record_id(const struct fh_record *record)
{
    switch (record->type) {
    case FH_RECORD_INTENT:
        return &record->intent.id;
    case FH_RECORD_SETTLE:
        return &record->settle.id;
    case FH_RECORD_VOID:
        break;
    }
    return &record->voided.id;
}
