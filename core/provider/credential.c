/* credential.c: lines of a name and a value, by one table.
 * SPDX-License-Identifier: Apache-2.0 */
#include "provider/credential.h"

#include "base/text.h"

#define MAGIC    FH_LIT("freehold-credential ")
#define FIRST    FH_LIT("freehold-credential 1\n")
#define FIELD(f) offsetof(struct fh_credential, f)

enum { EXPIRES_MAX_S_DIGITS = 11 }; /* to the year 5138 */

enum shape {
    WORD, /* printable ASCII without blanks: it may stand in a field of a request */
    TEXT, /* one line of UTF-8 */
};

/* In the order in which they are printed: what a kind needs comes last. */
static const struct field {
    struct fh_slice name;
    size_t offset;
    enum shape shape;
    uint8_t kinds; /* bit: has it */
    uint8_t needs; /* bit: cannot be without it */
} fields[] = {
    {FH_LIT_INIT("from"), FIELD(from), TEXT, 1 << FH_CREDENTIAL_TOKEN | 1 << FH_CREDENTIAL_AWS,
     0},
    {FH_LIT_INIT("settings"), FIELD(settings), WORD,
     1 << FH_CREDENTIAL_TOKEN | 1 << FH_CREDENTIAL_AWS, 0},
    {FH_LIT_INIT("region"), FIELD(region), WORD, 1 << FH_CREDENTIAL_AWS, 0},
    {FH_LIT_INIT("session_token"), FIELD(session_token), WORD, 1 << FH_CREDENTIAL_AWS, 0},
    {FH_LIT_INIT("access_key_id"), FIELD(access_key_id), WORD, 1 << FH_CREDENTIAL_AWS,
     1 << FH_CREDENTIAL_AWS},
    {FH_LIT_INIT("secret_access_key"), FIELD(secret_access_key), WORD, 1 << FH_CREDENTIAL_AWS,
     1 << FH_CREDENTIAL_AWS},
    {FH_LIT_INIT("token"), FIELD(token), WORD, 1 << FH_CREDENTIAL_TOKEN,
     1 << FH_CREDENTIAL_TOKEN},
};

static const struct fh_slice kind_names[] = {
    [FH_CREDENTIAL_TOKEN] = FH_LIT_INIT("token"),
    [FH_CREDENTIAL_AWS] = FH_LIT_INIT("aws"),
};
static_assert(FH_LEN(kind_names) == FH_CREDENTIAL_KINDS, "each has a word");

static const struct {
    struct fh_slice name, doc;
} sources[] = {
#define X(source, word, says) {FH_LIT_INIT(word), FH_LIT_INIT(says)},
    FH_CREDENTIAL_SOURCES(X)
#undef X
};
static_assert(FH_LEN(sources) == FH_CREDENTIAL_SOURCE_COUNT, "table and enum agree");

struct fh_slice fh_credential_source_name(enum fh_credential_source source)
{
    FH_ASSERT(source < FH_CREDENTIAL_SOURCE_COUNT);
    return sources[source].name;
}

struct fh_slice fh_credential_source_doc(enum fh_credential_source source)
{
    FH_ASSERT(source < FH_CREDENTIAL_SOURCE_COUNT);
    return sources[source].doc;
}

bool fh_credential_source_by_name(struct fh_slice name, enum fh_credential_source *out)
{
    for (unsigned i = 0; i < FH_CREDENTIAL_SOURCE_COUNT; i++) {
        if (fh_eq(sources[i].name, name)) {
            *out = (enum fh_credential_source)i;
            return true;
        }
    }
    return false;
}

static struct fh_slice *slice_at(struct fh_credential *credential, const struct field *field)
{
    return (struct fh_slice *)(void *)((uint8_t *)credential + field->offset);
}

static struct fh_slice value_of(const struct fh_credential *credential,
                                const struct field *field)
{
    return *(const struct fh_slice *)(const void *)((const uint8_t *)credential +
                                                    field->offset);
}

static bool fits(struct fh_slice value, enum shape shape)
{
    for (size_t i = 0; i < value.len; i++) {
        uint8_t c = value.ptr[i];

        if (c < 0x20 || c == 0x7F || (shape == WORD && (c == ' ' || c > 0x7E))) {
            return false;
        }
    }
    return value.len > 0 && (shape == WORD || fh_utf8_ok(value));
}

/* ---- reading ---- */

static enum fh_rc read_kind(struct fh_slice value, struct fh_credential *c, bool *has_kind)
{
    for (unsigned i = 0; i < FH_CREDENTIAL_KINDS && !*has_kind; i++) {
        if (fh_eq(kind_names[i], value)) {
            c->kind = (enum fh_credential_kind)i;
            *has_kind = true;
            return FH_OK;
        }
    }
    return *has_kind ? FH_E_SYNTAX : FH_E_SUPPORT;
}

static enum fh_rc read_line(struct fh_slice line, struct fh_credential *c, bool *has_kind)
{
    struct fh_slice name = fh_head(line, fh_find(line, ' '));
    struct fh_slice value = fh_tail(line, name.len);

    if (!fh_take(&value, FH_LIT(" "))) {
        return FH_E_SYNTAX;
    }
    if (fh_eq(name, FH_LIT("kind"))) {
        return read_kind(value, c, has_kind);
    }
    if (fh_eq(name, FH_LIT("expires"))) {
        /* one form for each number: no 0 in front, so none for "not known" either */
        return c->expires_s == 0 && value.len <= EXPIRES_MAX_S_DIGITS &&
                       !fh_starts(value, FH_LIT("0")) && fh_parse_u64(value, &c->expires_s)
                   ? FH_OK
                   : FH_E_SYNTAX;
    }
    for (size_t i = 0; i < FH_LEN(fields); i++) {
        struct fh_slice *slot = slice_at(c, &fields[i]);

        if (fh_eq(fields[i].name, name)) {
            if (slot->len > 0 || !fits(value, fields[i].shape)) {
                return FH_E_SYNTAX;
            }
            *slot = value;
            return FH_OK;
        }
    }
    return FH_E_SYNTAX;
}

/* check looks whether all is there that the kind needs, and nothing that it does not have. */
static enum fh_rc check(const struct fh_credential *c)
{
    for (size_t i = 0; i < FH_LEN(fields); i++) {
        bool is_there = value_of(c, &fields[i]).len > 0;

        if (is_there && (fields[i].kinds >> c->kind & 1) == 0) {
            return FH_E_SYNTAX;
        }
        if (!is_there && (fields[i].needs >> c->kind & 1) != 0) {
            return FH_E_MISSING;
        }
    }
    return FH_OK;
}

enum fh_rc fh_credential_parse(struct fh_credential *out, struct fh_slice text)
{
    struct fh_credential c = {.kind = FH_CREDENTIAL_TOKEN};
    struct fh_slice line = FH_NONE;
    bool has_kind = false;

    if (text.len > FH_CREDENTIAL_MAX_BYTES) {
        return FH_E_LIMIT;
    }
    if (!fh_starts(text, MAGIC)) {
        if (!fits(text, WORD)) {
            return FH_E_SYNTAX;
        }
        c.token = text;
        *out = c;
        return FH_OK;
    }
    if (!fh_take(&text, FIRST)) {
        return FH_E_SUPPORT;
    }
    if (!fh_ends(text, FH_LIT("\n"))) {
        return text.len == 0 ? FH_E_MISSING : FH_E_SYNTAX;
    }
    while (fh_split(&text, '\n', &line)) {
        FH_TRY(read_line(line, &c, &has_kind));
    }
    if (!has_kind) {
        return FH_E_MISSING;
    }
    FH_TRY(check(&c));
    *out = c;
    return FH_OK;
}

/* ---- writing ---- */

/* print_text makes one line of what may be more. */
static void print_text(struct fh_buf *out, struct fh_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];

        fh_buf_byte(out, c < 0x20 || c == 0x7F ? ' ' : c);
    }
}

static bool is_printable(const struct field *field, struct fh_slice value)
{
    return field->shape == WORD ? fits(value, WORD) : fh_utf8_ok(value);
}

enum fh_rc fh_credential_print(struct fh_buf *out, const struct fh_credential *credential)
{
    FH_ASSERT(credential->kind < FH_CREDENTIAL_KINDS);
    size_t before = out->len;

    FH_TRY(check(credential));
    for (size_t i = 0; i < FH_LEN(fields); i++) {
        struct fh_slice value = value_of(credential, &fields[i]);

        if (value.len > 0 && !is_printable(&fields[i], value)) {
            return FH_E_SYNTAX;
        }
    }
    fh_buf_append(out, FIRST);
    fh_buf_printf(out, "kind %.*s\n", FH_ARG(kind_names[credential->kind]));
    if (credential->expires_s > 0) {
        fh_buf_printf(out, "expires %llu\n", (unsigned long long)credential->expires_s);
    }
    for (size_t i = 0; i < FH_LEN(fields); i++) {
        struct fh_slice value = value_of(credential, &fields[i]);

        if (value.len > 0) {
            fh_buf_append(out, fields[i].name);
            fh_buf_byte(out, ' ');
            print_text(out, value);
            fh_buf_byte(out, '\n');
        }
    }
    return out->failed || out->len - before > FH_CREDENTIAL_MAX_BYTES ? FH_E_LIMIT : FH_OK;
}
