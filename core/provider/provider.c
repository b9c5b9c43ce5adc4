/* provider.c: provider.def as an array.
 * SPDX-License-Identifier: Apache-2.0 */
#include "provider/provider.h"

static const struct fh_provider_preset presets[] = {
#define X(kind, word, speaks, at, how, need, chat, count, models, says)    \
    {.name = FH_LIT_INIT(word),                                            \
     .dialect = FH_DIALECT_##speaks,                                       \
     .url = FH_LIT_INIT(at),                                               \
     .auth = FH_AUTH_##how,                                                \
     .key = FH_KEY_##need,                                                 \
     .path = {FH_LIT_INIT(chat), FH_LIT_INIT(count), FH_LIT_INIT(models)}, \
     .doc = FH_LIT_INIT(says)},
    FH_PROVIDERS(X)
#undef X
};
static_assert(FH_LEN(presets) == FH_PROVIDER_KINDS, "table and enum agree");
static_assert(FH_OPERATION_CHAT == 0 && FH_OPERATION_COUNT_TOKENS == 1 &&
                  FH_OPERATION_MODELS == 2 && FH_OPERATIONS == 3,
              "the table's columns are in this order");

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

bool fh_provider_can(const struct fh_provider *provider, enum fh_operation operation)
{
    FH_ASSERT(operation < FH_OPERATIONS);
    return fh_provider_preset(provider->kind)->path[operation].len > 0;
}

void fh_provider_path(const struct fh_provider *provider, enum fh_operation operation,
                      struct fh_buf *out)
{
    FH_ASSERT(fh_provider_can(provider, operation));
    fh_buf_append(out, provider->base_path);
    fh_buf_append(out, fh_provider_preset(provider->kind)->path[operation]);
}

struct fh_slice fh_provider_state_name(enum fh_provider_state state)
{
    static const struct fh_slice names[] = {FH_LIT_INIT("ready"), FH_LIT_INIT("starting"),
                                            FH_LIT_INIT("failed")};

    static_assert(FH_LEN(names) == FH_PROVIDER_STATES, "each has a name");
    FH_ASSERT(state < FH_PROVIDER_STATES);
    return names[state];
}
