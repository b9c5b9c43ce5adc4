/* provider.c: provider.def as arrays, and what is looked up in them.
 * SPDX-License-Identifier: Apache-2.0 */
#include "provider/provider.h"

#include "wire/url.h"

static const struct fh_provider_preset presets[] = {
#define X(kind, word, at, how, needed, from, wants, says) \
    {.name = FH_LIT_INIT(word),                           \
     .url = FH_LIT_INIT(at),                              \
     .auth = FH_AUTH_##how,                               \
     .key = FH_KEY_##needed,                              \
     .source = FH_CREDENTIALS_##from,                     \
     .need = FH_PROVIDER_NEEDS_##wants,                   \
     .doc = FH_LIT_INIT(says)},
    FH_PROVIDERS(X)
#undef X
};
static_assert(FH_LEN(presets) == FH_PROVIDER_KINDS, "table and enum agree");

/* The quirks by the names of the table. */
enum {
    NONE = 0,
    OLD_MAX_TOKENS = FH_QUIRK_OLD_MAX_TOKENS,
    NO_DEVELOPER = FH_QUIRK_NO_DEVELOPER,
    NO_JSON_SCHEMA = FH_QUIRK_NO_JSON_SCHEMA,
    NO_STREAM_OPTIONS = FH_QUIRK_NO_STREAM_OPTIONS,
    REASONING_DETAILS = FH_QUIRK_REASONING_DETAILS,
};

static const struct fh_provider_chat chats[] = {
#define X(at, speaks, whole, stream, count, frames, wrapped, has, named)    \
    {.kind = FH_PROVIDER_##at,                                              \
     .dialect = FH_DIALECT_##speaks,                                        \
     .path = {FH_LIT_INIT(whole), FH_LIT_INIT(stream), FH_LIT_INIT(count)}, \
     .framing = FH_FRAMING_##frames,                                        \
     .envelope = FH_ENVELOPE_##wrapped,                                     \
     .quirks = (has),                                                       \
     .models = FH_LIT_INIT(named)},
    FH_PROVIDER_CHATS(X)
#undef X
};
static_assert(FH_OPERATION_CHAT == 0 && FH_OPERATION_STREAM == 1 && FH_OPERATION_COUNT == 2 &&
                  FH_OPERATIONS == 3,
              "the table's columns are in this order");

static const struct fh_provider_embedding embeddings[] = {
#define X(at, form, call, named) \
    {.kind = FH_PROVIDER_##at,   \
     .shape = FH_EMBED_##form,   \
     .path = FH_LIT_INIT(call),  \
     .models = FH_LIT_INIT(named)},
    FH_PROVIDER_EMBEDDINGS(X)
#undef X
};

static const struct fh_provider_native natives[] = {
#define X(at, speaks, begins) \
    {.kind = FH_PROVIDER_##at, .dialect = FH_DIALECT_##speaks, .path = FH_LIT_INIT(begins)},
    FH_PROVIDER_NATIVES(X)
#undef X
};

const struct fh_provider_preset *fh_provider_preset(enum fh_provider_kind kind)
{
    FH_ASSERT(kind < FH_PROVIDER_KINDS);
    return &presets[kind];
}

bool fh_provider_kind_by_name(struct fh_slice name, enum fh_provider_kind *out)
{
    for (size_t i = 0; i < FH_LEN(presets); i++) {
        if (fh_eq(presets[i].name, name)) {
            *out = (enum fh_provider_kind)i;
            return true;
        }
    }
    return false;
}

const struct fh_provider_chat *fh_provider_chat(const struct fh_provider *provider,
                                                enum fh_dialect_id client,
                                                struct fh_slice model)
{
    const struct fh_provider_chat *own = NULL;

    for (size_t i = 0; i < FH_LEN(chats); i++) {
        if (chats[i].kind != provider->kind || !fh_contains(model, chats[i].models) ||
            (provider->only < FH_DIALECTS && provider->only != chats[i].dialect)) {
            continue;
        }
        if (chats[i].dialect == client) {
            return &chats[i];
        }
        own = own == NULL ? &chats[i] : own;
    }
    return own;
}

bool fh_provider_speaks(enum fh_provider_kind kind, enum fh_dialect_id dialect)
{
    for (size_t i = 0; i < FH_LEN(chats); i++) {
        if (chats[i].kind == kind && chats[i].dialect == dialect) {
            return true;
        }
    }
    return false;
}

const struct fh_provider_embedding *fh_provider_embedding(const struct fh_provider *provider,
                                                          struct fh_slice model)
{
    for (size_t i = 0; i < FH_LEN(embeddings); i++) {
        if (embeddings[i].kind == provider->kind && fh_contains(model, embeddings[i].models)) {
            return &embeddings[i];
        }
    }
    return NULL;
}

const struct fh_provider_native *fh_provider_native(enum fh_provider_kind kind,
                                                    enum fh_dialect_id dialect)
{
    for (size_t i = 0; i < FH_LEN(natives); i++) {
        if (natives[i].kind == kind && natives[i].dialect == dialect) {
            return &natives[i];
        }
    }
    return NULL;
}

bool fh_provider_keeps(enum fh_provider_kind kind)
{
    for (size_t i = 0; i < FH_LEN(natives); i++) {
        if (natives[i].kind == kind) {
            return true;
        }
    }
    return false;
}

void fh_provider_fill(struct fh_buf *out, struct fh_slice text,
                      const struct fh_provider *provider, struct fh_slice model)
{
    const struct {
        struct fh_slice name, value;
    } blanks[] = {
        {FH_LIT("{model}"), model},
        {FH_LIT("{region}"), provider->region},
        {FH_LIT("{project}"), provider->project},
    };

    while (text.len > 0) {
        size_t at = fh_find(text, '{');

        fh_buf_append(out, fh_head(text, at));
        text = fh_tail(text, at);
        for (size_t i = 0; i < FH_LEN(blanks) && text.len > 0; i++) {
            if (fh_take(&text, blanks[i].name)) {
                fh_url_encode_segment(out, blanks[i].value, FH_LIT("@"));
                break;
            }
            FH_ASSERT(i + 1 < FH_LEN(blanks)); /* a table of ours has no other braces */
        }
    }
}

void fh_provider_path(struct fh_buf *out, const struct fh_provider *provider,
                      struct fh_slice call, struct fh_slice model)
{
    fh_buf_append(out, provider->base_path);
    fh_provider_fill(out, call, provider, model);
}

struct fh_slice fh_provider_state_name(enum fh_provider_state state)
{
    static const struct fh_slice names[] = {FH_LIT_INIT("ready"), FH_LIT_INIT("starting"),
                                            FH_LIT_INIT("failed")};

    static_assert(FH_LEN(names) == FH_PROVIDER_STATES, "each has a name");
    FH_ASSERT(state < FH_PROVIDER_STATES);
    return names[state];
}
