/* places.c: providers and models, and whether the ones lead to the others.
 * SPDX-License-Identifier: Apache-2.0 */
#include "control/config/loader.h"
#include "control/state.h"
#include "control/suggest.h"

#include "dialect/dialect.h"
#include "wire/url.h"

enum { PATH_MAX_LEN = 4096, NAMES_MAX = 4096 };

struct fh_config_provider *fh_config_provider(const struct fh_config *cfg, struct fh_slice name)
{
    for (size_t i = 0; i < cfg->providers.count; i++) {
        if (fh_eq(cfg->providers.list[i].to.name, name)) {
            return &cfg->providers.list[i];
        }
    }
    return NULL;
}

const struct fh_config_provider *fh_config_local(const struct fh_config *cfg)
{
    for (size_t i = 0; i < cfg->providers.count; i++) {
        if (cfg->providers.list[i].to.kind == FH_PROVIDER_LOCAL) {
            return &cfg->providers.list[i];
        }
    }
    return NULL;
}

/* ---- one provider ---- */

/* What one provider's mapping is read into. */
struct draft {
    struct fh_config_raw_provider raw;
    struct fh_given given;
    const struct fh_trail *trail;
    struct fy_node *credentials; /* NULL: not given */
    bool is_mapping; /* or nothing, which is an empty one; what else it is was complained of */
};

static bool was_given(const struct draft *d, const char *key, struct fh_place *at)
{
    return fh_given_at(&d->given, &fh_config_providers, key, at);
}

/* complain_of files an error about one key of the provider. */
FH_PRINTF(4, 5)
static void complain_of(struct fh_loader *ld, const struct draft *d, const char *key,
                        const char *fmt, ...)
{
    struct fh_trail end = {.up = d->trail, .name = fh_cstr(key), .at = d->trail->at};
    struct fh_buf text = fh_buf_in_arena(ld->arena, PATH_MAX_LEN);
    va_list args;

    (void)!was_given(d, key, &end.at);
    va_start(args, fmt);
    fh_buf_vprintf(&text, fmt, args);
    va_end(args);
    fh_loader_complain(ld, &end, end.at, "%.*s", FH_ARG(fh_buf_slice(&text)));
}

static void check_kind(struct fh_loader *ld, const struct draft *d, struct fh_provider *to)
{
    struct fh_place at;

    if (!fh_provider_kind_by_name(d->raw.kind, &to->kind) && !was_given(d, "kind", &at) &&
        d->is_mapping) {
        struct fh_buf known = fh_buf_in_arena(ld->arena, PATH_MAX_LEN);

        for (unsigned i = 0; i < FH_PROVIDER_KINDS; i++) {
            fh_buf_append(&known, i == 0 ? FH_NONE : FH_LIT(", "));
            fh_buf_append(&known, fh_provider_preset((enum fh_provider_kind)i)->name);
        }
        complain_of(ld, d, "kind", "is missing; it is one of %.*s",
                    FH_ARG(fh_buf_slice(&known)));
    }
}

/* check_url takes the URL apart into `to`. What a bad one says is not repeated: people write
 * passwords into URLs. */
static bool check_url(struct fh_loader *ld, const struct draft *d, struct fh_slice text,
                      struct fh_provider *to)
{
    struct fh_url url = {0};
    struct fh_error why = {0};

    if (fh_url_parse(&url, text, &why) != FH_OK) {
        complain_of(ld, d, "url", "%s (byte %u), such as https://llm.example.com/v1", why.what,
                    (unsigned)why.at + 1);
        return false;
    }
    to->tls = url.tls;
    to->port = url.port;
    to->host = url.authority;
    to->address = url.host;
    to->base_path = url.path;
    to->tls_name = url.tls ? url.host : FH_NONE;
    return true;
}

static void check_tls(struct fh_loader *ld, const struct draft *d, struct fh_provider *to)
{
    static const char *const keys[] = {"tls_name", "ca"};
    struct fh_place at;

    for (size_t i = 0; i < FH_LEN(keys); i++) {
        if (was_given(d, keys[i], &at) && !to->tls) {
            complain_of(ld, d, keys[i], "can never matter: the URL is not https");
        }
    }
    if (d->raw.tls_name.len > 0) {
        to->tls_name = d->raw.tls_name;
    }
    to->ca_file = d->raw.ca;
}

static bool is_private(struct fh_slice host)
{
    return fh_starts(host, FH_LIT("127.")) || fh_eq(host, FH_LIT("::1")) ||
           fh_eq(host, FH_LIT("localhost"));
}

static void check_key(struct fh_loader *ld, const struct draft *d, struct fh_provider *to)
{
    const struct fh_provider_preset *preset = fh_provider_preset(to->kind);
    struct fh_place at = d->trail->at;
    bool given = was_given(d, "key", &at);

    if (preset->key == FH_KEY_REQUIRED && !given) {
        complain_of(ld, d, "key",
                    "is missing; %.*s needs one, such as \"env:PROVIDER_API_KEY\" or "
                    "\"file:/etc/freehold/provider.key\"",
                    FH_ARG(preset->name));
    }
    if (d->raw.key.len > 0 && !to->tls && to->host.len > 0 && !is_private(to->address)) {
        struct fh_trail end = {.up = d->trail, .name = FH_LIT("key")};

        fh_loader_note(ld, &end, at, "travels unencrypted: the URL is not https");
    }
    to->key_ref = d->raw.key;
}

/* check_cloud looks at what the places of a cloud are found by. */
static void check_cloud(struct fh_loader *ld, const struct draft *d, struct fh_provider *to)
{
    enum fh_provider_need need = fh_provider_preset(to->kind)->need;
    const struct {
        const char *key, *example;
        bool needed;
        struct fh_slice value;
    } keys[] = {
        {"region", "us-east-1", need >= FH_PROVIDER_NEEDS_REGION, d->raw.region},
        {"project", "my-project", need >= FH_PROVIDER_NEEDS_PROJECT, d->raw.project},
    };

    for (size_t i = 0; i < FH_LEN(keys); i++) {
        struct fh_place at;
        bool given = was_given(d, keys[i].key, &at);

        if (keys[i].needed && keys[i].value.len == 0) {
            complain_of(ld, d, keys[i].key, "is missing; %.*s needs one, such as %s",
                        FH_ARG(fh_provider_preset(to->kind)->name), keys[i].example);
        } else if (given && !keys[i].needed) {
            complain_of(ld, d, keys[i].key, "can never matter: %.*s has none",
                        FH_ARG(fh_provider_preset(to->kind)->name));
        }
    }
    to->region = d->raw.region;
    to->project = d->raw.project;
}

/* check_dialect looks at the one dialect that somebody wants a place to be asked in. */
static void check_dialect(struct fh_loader *ld, const struct draft *d, struct fh_provider *to)
{
    const struct fh_dialect *dialect = fh_dialect_by_name(d->raw.dialect);
    struct fh_buf known = fh_buf_in_arena(ld->arena, PATH_MAX_LEN);

    to->only = FH_DIALECTS;
    if (d->raw.dialect.len == 0) {
        return;
    }
    if (dialect != NULL && fh_provider_speaks(to->kind, dialect->id)) {
        to->only = dialect->id;
        return;
    }
    for (int id = 0; id < FH_DIALECTS; id++) {
        if (fh_provider_speaks(to->kind, (enum fh_dialect_id)id)) {
            fh_buf_append(&known, known.len > 0 ? FH_LIT(", ") : FH_NONE);
            fh_buf_append(&known, fh_dialect((enum fh_dialect_id)id)->name);
        }
    }
    complain_of(ld, d, "dialect", "is none that %.*s speaks: %.*s",
                FH_ARG(fh_provider_preset(to->kind)->name), FH_ARG(fh_buf_slice(&known)));
}

/* own_url is that of the kind, with the region filled in. */
static struct fh_slice own_url(struct fh_loader *ld, const struct fh_provider *to)
{
    struct fh_buf url = fh_buf_in_arena(ld->arena, PATH_MAX_LEN);

    fh_provider_fill(&url, fh_provider_preset(to->kind)->url, to, FH_NONE);
    return fh_buf_slice(&url);
}

/* check_credentials looks whether what a cloud lends is of use there.
 *
 * Returns  the source that counts.
 */
static enum fh_credential_source check_credentials(struct fh_loader *ld, const struct draft *d,
                                                   const struct fh_provider *to,
                                                   enum fh_credential_source source)
{
    const struct fh_provider_preset *preset = fh_provider_preset(to->kind);
    struct fh_slice name = fh_credential_source_name(source);
    struct fh_place at;

    if (source == FH_CREDENTIALS_NONE) {
        return source;
    }
    if (was_given(d, "key", &at)) {
        complain_of(ld, d, "credentials",
                    "has no place beside `key`: a provider is shown one or the other");
    } else if (preset->key == FH_KEY_REQUIRED) {
        complain_of(ld, d, "credentials", "can never matter: %.*s takes keys only",
                    FH_ARG(preset->name));
    } else if (source == FH_CREDENTIALS_AWS && preset->source != source) {
        complain_of(ld, d, "credentials",
                    "%.*s has no use for %.*s: requests are signed for kind bedrock only",
                    FH_ARG(preset->name), FH_ARG(name));
    }
    return source;
}

/* set_source: what has no key gets credentials that control obtains. */
static void set_source(struct fh_loader *ld, const struct draft *d,
                       struct fh_config_provider *p)
{
    struct fh_trail end = {.up = d->trail, .name = FH_LIT("credentials")};
    struct fh_slice ref[] = {FH_LIT("state:"), FH_NONE};
    struct fh_provider *to = &p->to;

    p->credentials.source =
        to->key_ref.len > 0 ? FH_CREDENTIALS_NONE : fh_provider_preset(to->kind)->source;
    if (was_given(d, "credentials", &end.at)) {
        struct fh_credential_settings lent = {.source = FH_CREDENTIALS_NONE};

        if (fh_loader_credentials(ld, &end, d->credentials, &lent)) {
            p->credentials = lent;
            p->credentials.source = check_credentials(ld, d, to, lent.source);
        }
    }
    to->source = p->credentials.source;
    if (to->source != FH_CREDENTIALS_NONE) {
        p->credentials.region = to->region;
        ref[1] = fh_cstr(fh_state_credential(ld->arena, ld->state_dir, d->trail->name));
        to->key_ref = fh_concat(ld->arena, ref, FH_LEN(ref));
        to->state = FH_PROVIDER_STARTING;
        to->state_line = FH_LIT("its credentials have not been obtained yet");
        to->retry_after_s = 2;
    }
}

static void check_local(struct fh_loader *ld, const struct draft *d, struct fh_provider *to)
{
    static const char *const keys[] = {"url", "key", "credentials", "tls_name", "ca"};
    const struct fh_config_provider *other = fh_config_local(ld->cfg);
    struct fh_place at;

    for (size_t i = 0; i < FH_LEN(keys); i++) {
        if (was_given(d, keys[i], &at)) {
            complain_of(
                ld, d, keys[i],
                "has no place here: Freehold starts the local engine and knows where it "
                "is; for a server of your own use kind openai_compatible");
        }
    }
    if (other != NULL) {
        complain_of(ld, d, "kind", "there is already a local engine, \"%.*s\" in line %u",
                    FH_ARG(other->to.name), other->at.line);
    }
    struct fh_slice key_ref[] = {
        FH_LIT("file:"),
        fh_cstr(fh_state_path(ld->arena, ld->state_dir, FH_STATE_ENGINE_KEY)),
    };

    to->unix_path = fh_cstr(fh_state_path(ld->arena, ld->state_dir, FH_STATE_ENGINE_SOCKET));
    to->key_ref = fh_concat(ld->arena, key_ref, FH_LEN(key_ref));
    to->state = FH_PROVIDER_STARTING;
    to->state_line = FH_LIT("the local engine has not been started yet");
    to->retry_after_s = 5;
}

static void finish_provider(struct fh_loader *ld, const struct draft *d)
{
    struct fh_config_provider p = {.at = d->trail->at};

    p.to.kind = FH_PROVIDER_KINDS;
    check_kind(ld, d, &p.to);
    if (p.to.kind == FH_PROVIDER_KINDS) {
        /* still listed, so that its routes are not called wrong, too */
        p.to.kind = FH_PROVIDER_OPENAI_COMPATIBLE;
    } else {
        const struct fh_provider_preset *preset = fh_provider_preset(p.to.kind);

        check_cloud(ld, d, &p.to);
        check_dialect(ld, d, &p.to);
        p.url = d->raw.url.len > 0 ? d->raw.url : own_url(ld, &p.to);
        if (preset->need != FH_PROVIDER_NEEDS_NOTHING && p.to.region.len == 0) {
            /* complained of already, and without one there is no URL to take apart */
        } else if (p.url.len == 0) {
            complain_of(ld, d, "url", "is missing; %.*s has none of its own",
                        FH_ARG(preset->name));
        } else if (check_url(ld, d, p.url, &p.to) && p.to.kind != FH_PROVIDER_LOCAL) {
            check_tls(ld, d, &p.to);
        }
        if (p.to.kind == FH_PROVIDER_LOCAL) {
            check_local(ld, d, &p.to);
        } else {
            check_key(ld, d, &p.to);
            set_source(ld, d, &p);
        }
    }
    p.key_at = p.at;
    (void)!was_given(d, "key", &p.key_at);
    p.to.name = d->trail->name;
    p.to.connect_timeout_ms = d->raw.connect_timeout_ms;
    p.to.first_byte_timeout_ms = d->raw.first_byte_timeout_ms;
    p.to.idle_timeout_ms = d->raw.idle_timeout_ms;
    ld->cfg->providers.list[ld->cfg->providers.count++] = p;
}

/* ---- names to mappings ---- */

/* open_names sees to it that `node` is a mapping of a bearable size. */
static size_t open_names(struct fh_loader *ld, const struct fh_trail *trail,
                         struct fy_node *node, const char *example)
{
    if (!fy_node_is_mapping(node)) {
        fh_loader_complain(ld, trail, fh_loader_place(node, trail->at),
                           "needs names with their settings, such as %s", example);
        return 0;
    }
    int count = fy_node_mapping_item_count(node);

    if (count > NAMES_MAX) {
        fh_loader_complain(ld, trail, trail->at, "cannot have more than %d entries", NAMES_MAX);
        return 0;
    }
    return (size_t)count;
}

/* next_name steps to the next entry whose name is usable; `name` is then the trail to it. */
static struct fy_node *next_name(struct fh_loader *ld, struct fy_node *node, void **at,
                                 struct fh_trail *name)
{
    for (struct fy_node_pair *pair; (pair = fy_node_mapping_iterate(node, at)) != NULL;) {
        struct fh_slice text = FH_NONE;

        name->at = fh_loader_place(fy_node_pair_key(pair), name->up->at);
        name->name = FH_NONE;
        if (!fh_loader_scalar(fy_node_pair_key(pair), &text)) {
            fh_loader_complain(ld, name->up, name->at, "a name is a plain word");
            continue;
        }
        name->name = fh_dup(ld->arena, text);
        if (fh_loader_name(ld, name)) {
            return fy_node_pair_value(pair);
        }
    }
    return NULL;
}

/* find_in digs out of a mapping what is read here, not by the table: routes are checked against
 * their model, credentials against their provider. */
static struct fy_node *find_in(struct fy_node *node, const char *key)
{
    return fy_node_is_mapping(node) ? fy_node_mapping_lookup_by_string(node, key, FY_NT) : NULL;
}

void fh_loader_providers(struct fh_loader *ld, const struct fh_trail *trail,
                         struct fy_node *node)
{
    size_t count = open_names(ld, trail, node, "claude: {kind: anthropic, key: \"env:NAME\"}");
    struct fh_trail name = {.up = trail};
    void *at = NULL;

    if (count == 0) {
        return;
    }
    ld->cfg->providers.list =
        fh_arena_alloc(ld->arena, count * sizeof(ld->cfg->providers.list[0]));
    for (struct fy_node *value; (value = next_name(ld, node, &at, &name)) != NULL;) {
        const struct fh_config_provider *twin = fh_config_provider(ld->cfg, name.name);
        struct draft draft = {.trail = &name};

        if (twin != NULL) {
            fh_loader_complain(ld, &name, name.at, "is already the name of the one in line %u",
                               twin->at.line);
            continue;
        }
        draft.is_mapping = fy_node_is_mapping(value) || fh_loader_is_absent(value);
        draft.credentials = find_in(value, "credentials");
        fh_loader_map(ld, &name, value, &fh_config_providers, &draft.raw, &draft.given);
        finish_provider(ld, &draft);
    }
}

/* ---- models ---- */

static void check_provider(struct fh_loader *ld, const struct fh_trail *trail,
                           struct fh_place at, struct fh_slice name)
{
    struct fh_config_provider *provider = fh_config_provider(ld->cfg, name);
    struct fh_suggest suggest = fh_suggest_for(name);

    if (provider != NULL) {
        provider->used = true;
        return;
    }
    for (size_t i = 0; i < ld->cfg->providers.count; i++) {
        fh_suggest_offer(&suggest, ld->cfg->providers.list[i].to.name);
    }
    if (suggest.best.len > 0) {
        fh_loader_complain(ld, trail, at,
                           "no provider is called \"%.*s\"; did you mean \"%.*s\"?",
                           FH_ARG(name), FH_ARG(suggest.best));
    } else {
        fh_loader_complain(ld, trail, at, "no provider is called \"%.*s\"", FH_ARG(name));
    }
}

static void add_route(struct fh_loader *ld, const struct fh_trail *trail, struct fy_node *node,
                      struct fh_policy_model *model)
{
    struct fh_config_raw_route raw = {0};
    struct fh_given given = {0};
    struct fh_trail provider = {.up = trail, .name = FH_LIT("provider"), .at = trail->at};

    fh_loader_map(ld, trail, node, &fh_config_routes, &raw, &given);
    (void)!fh_given_at(&given, &fh_config_routes, "provider", &provider.at);
    if (raw.provider.len == 0) {
        fh_loader_complain(ld, &provider, provider.at,
                           "is missing; it names one of `providers`");
        return;
    }
    check_provider(ld, &provider, provider.at, raw.provider);
    if (raw.model.len == 0) {
        raw.model = model->name;
    }
    for (size_t i = 0; i < model->route_count; i++) {
        if (fh_eq(model->routes[i].provider, raw.provider) &&
            fh_eq(model->routes[i].model, raw.model)) {
            fh_loader_complain(ld, trail, trail->at,
                               "can never be reached: it is the same as routes[%zu]", i);
            return;
        }
    }
    model->routes[model->route_count++] = (struct fh_policy_route){raw.provider, raw.model};
}

static void read_routes(struct fh_loader *ld, const struct fh_trail *trail,
                        struct fy_node *node, struct fh_policy_model *model)
{
    struct fh_trail item = {.up = trail, .at = trail->at};
    void *at = NULL;

    if (node == NULL || !fy_node_is_sequence(node) || fy_node_sequence_item_count(node) < 1) {
        fh_loader_complain(
            ld, trail, trail->at,
            "needs at least one route, such as [{provider: local, model: NAME}]");
        return;
    }
    if (fy_node_sequence_item_count(node) > FH_POLICY_ROUTES_MAX) {
        fh_loader_complain(ld, trail, trail->at, "cannot have more than %d routes",
                           FH_POLICY_ROUTES_MAX);
        return;
    }
    for (struct fy_node *route; (route = fy_node_sequence_iterate(node, &at)) != NULL;) {
        item.at = fh_loader_place(route, trail->at);
        add_route(ld, &item, route, model);
        item.index++;
    }
}

void fh_loader_models(struct fh_loader *ld, const struct fh_trail *trail, struct fy_node *node)
{
    size_t count = open_names(ld, trail, node, "smollm2: {routes: [{provider: local}]}");
    struct fh_trail name = {.up = trail};
    void *at = NULL;

    if (count == 0) {
        return;
    }
    ld->cfg->models.list = fh_arena_alloc(ld->arena, count * sizeof(ld->cfg->models.list[0]));
    for (struct fy_node *value; (value = next_name(ld, node, &at, &name)) != NULL;) {
        struct fh_config_model *model = &ld->cfg->models.list[ld->cfg->models.count];
        struct fh_trail routes = {.up = &name, .name = FH_LIT("routes"), .at = name.at};
        struct fh_given given = {0};
        bool is_twin = false;

        for (size_t i = 0; i < ld->cfg->models.count && !is_twin; i++) {
            is_twin = fh_eq(ld->cfg->models.list[i].serves.name, name.name);
            if (is_twin) {
                fh_loader_complain(ld, &name, name.at,
                                   "is already the name of the one in line %u",
                                   ld->cfg->models.list[i].at.line);
            }
        }
        if (is_twin) {
            continue;
        }
        *model = (struct fh_config_model){.serves = {.name = name.name}, .at = name.at};
        ld->cfg->models.count++;
        fh_loader_map(ld, &name, value, &fh_config_models, model, &given);
        if (!fy_node_is_mapping(value) && !fh_loader_is_absent(value)) {
            continue; /* that was complained of */
        }
        (void)!fh_given_at(&given, &fh_config_models, "routes", &routes.at);
        read_routes(ld, &routes, find_in(value, "routes"), &model->serves);
    }
}
