/*
 * ngx_http_freehold_policy.c: what the policy store says, as a worker uses it.
 *
 * Keys are looked up in the store, one by one.  Models, providers with their secrets, and
 * limits are few and needed by every request: they are copied once per generation of the store,
 * and again when control has renewed a credential.  A request holds the generation it began with,
 * so a change never pulls anything away from under it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */

#include "ngx_http_freehold.h"

#include "gateway/secrets.h"


#define NGX_HTTP_FREEHOLD_PROVIDERS_MAX  1024


typedef struct {
    struct fh_slice       name;
    struct fh_target      target[FH_POLICY_ROUTES_MAX];
    size_t                count;
} ngx_http_freehold_model_t;


struct ngx_http_freehold_generation_s {
    ngx_uint_t                  refs;
    uint64_t                    number;
    struct fh_arena            *arena;      /* holds all that follows */
    struct fh_policy_limits     limits;

    ngx_http_freehold_model_t  *models;     /* sorted by name */
    size_t                      nmodels;

    struct fh_provider        **providers;
    size_t                      nproviders;

    struct fh_target           *places;     /* those that keep things, in the config's order */
    size_t                      nplaces;

    struct fh_secrets          *secrets;
    struct fh_slice            *keys;       /* of the providers, lent by secrets */
    const char                **errors;
};


static ngx_http_freehold_generation_t *ngx_http_freehold_policy_load(
    struct fh_policy_reader *reader, ngx_log_t *log);
static void ngx_http_freehold_policy_load_models(ngx_http_freehold_generation_t *g,
    struct fh_policy_reader *reader, ngx_log_t *log);
static void ngx_http_freehold_policy_load_places(ngx_http_freehold_generation_t *g,
    struct fh_policy_reader *reader, ngx_log_t *log);
static void ngx_http_freehold_policy_target(ngx_http_freehold_generation_t *g, size_t provider,
    struct fh_target *target);
static ssize_t ngx_http_freehold_policy_provider(ngx_http_freehold_generation_t *g,
    struct fh_policy_reader *reader, struct fh_slice name, ngx_log_t *log);


/*
 * Opens the store for the rest of this turn of the event loop (policy_end closes it), and takes a
 * reference to its generation.
 */

ngx_http_freehold_generation_t *
ngx_http_freehold_policy_begin(ngx_log_t *log)
{
    enum fh_rc                       rc;
    ngx_http_freehold_worker_t      *w = &ngx_http_freehold_worker;
    ngx_http_freehold_generation_t  *g;

    rc = fh_policy_reader_begin(w->policy);

    if (rc != FH_OK) {
        ngx_log_error(NGX_LOG_ERR, log, 0, "freehold: the policy store: %s",
                      fh_policy_reader_error(w->policy));
        return NULL;
    }

    g = w->generation;

    if (g == NULL || g->number != fh_policy_reader_generation(w->policy)
        || fh_secrets_are_old(g->secrets, ngx_http_freehold_now_us()))
    {

        g = ngx_http_freehold_policy_load(w->policy, log);

        if (g == NULL) {
            fh_policy_reader_end(w->policy);
            return NULL;
        }

        if (w->generation) {
            ngx_http_freehold_policy_release(w->generation);
        }

        w->generation = g;    /* takes over the first reference */
    }

    g->refs++;

    return g;
}


void
ngx_http_freehold_policy_end(void)
{
    fh_policy_reader_end(ngx_http_freehold_worker.policy);
}


void
ngx_http_freehold_policy_release(ngx_http_freehold_generation_t *g)
{
    struct fh_arena  *arena;

    FH_ASSERT(g->refs > 0);

    if (--g->refs) {
        return;
    }

    fh_secrets_free(&g->secrets);

    arena = g->arena;
    fh_arena_free(&arena);
}


static ngx_http_freehold_generation_t *
ngx_http_freehold_policy_load(struct fh_policy_reader *reader, ngx_log_t *log)
{
    struct fh_arena                 *arena;
    ngx_http_freehold_generation_t  *g;

    arena = fh_arena_new(64 << 20);
    g = fh_new(arena, ngx_http_freehold_generation_t);

    g->refs = 1;
    g->arena = arena;
    g->number = fh_policy_reader_generation(reader);
    g->secrets = fh_secrets_new();

    if (fh_policy_reader_limits(reader, &g->limits) != FH_OK) {
        g->limits = fh_policy_limits_normal();
    }

    g->providers = fh_arena_alloc(arena, NGX_HTTP_FREEHOLD_PROVIDERS_MAX * sizeof(*g->providers));
    g->keys = fh_arena_alloc(arena, NGX_HTTP_FREEHOLD_PROVIDERS_MAX * sizeof(*g->keys));
    g->errors = fh_arena_alloc(arena, NGX_HTTP_FREEHOLD_PROVIDERS_MAX * sizeof(*g->errors));

    ngx_http_freehold_policy_load_models(g, reader, log);
    ngx_http_freehold_policy_load_places(g, reader, log);

    return g;
}


static void
ngx_http_freehold_policy_load_models(ngx_http_freehold_generation_t *g,
    struct fh_policy_reader *reader, ngx_log_t *log)
{
    size_t                      i, n;
    ssize_t                     p;
    struct fh_slice             after;
    struct fh_policy_model      model;
    ngx_http_freehold_model_t  *m;

    for (n = 0, after = FH_NONE;
         fh_policy_reader_next_model(reader, after, &model) == FH_OK;
         n++)
    {
        after = model.name;
    }

    g->models = fh_arena_alloc(g->arena, (n + 1) * sizeof(*g->models));

    for (after = FH_NONE;
         g->nmodels < n && fh_policy_reader_next_model(reader, after, &model) == FH_OK;
         after = model.name)
    {
        m = &g->models[g->nmodels++];
        m->name = fh_dup(g->arena, model.name);

        for (i = 0; i < model.route_count; i++) {
            p = ngx_http_freehold_policy_provider(g, reader, model.routes[i].provider, log);

            m->target[i].model = fh_dup(g->arena, model.routes[i].model);

            if (p >= 0) {
                ngx_http_freehold_policy_target(g, p, &m->target[i]);
            }
        }

        m->count = model.route_count;
    }
}


/*
 * Lists the providers to which calls go that name no model.  They may have routes as well, or none.
 */

static void
ngx_http_freehold_policy_load_places(ngx_http_freehold_generation_t *g,
    struct fh_policy_reader *reader, ngx_log_t *log)
{
    size_t              n;
    ssize_t             p;
    struct fh_slice     names, name, rest;
    struct fh_provider  found;

    if (fh_policy_reader_providers(reader, &names) != FH_OK) {
        return;
    }

    for (n = 0, rest = names; fh_policy_next_name(&rest, &name); n++) { /* void */ }

    g->places = fh_arena_alloc(g->arena, (n + 1) * sizeof(*g->places));

    while (fh_policy_next_name(&names, &name)) {

        if (fh_policy_reader_provider(reader, name, &found) != FH_OK
            || !fh_provider_keeps(found.kind))
        {
            continue;
        }

        p = ngx_http_freehold_policy_provider(g, reader, name, log);

        if (p >= 0) {
            ngx_http_freehold_policy_target(g, p, &g->places[g->nplaces++]);
        }
    }
}


static void
ngx_http_freehold_policy_target(ngx_http_freehold_generation_t *g, size_t provider,
    struct fh_target *target)
{
    target->provider = g->providers[provider];
    target->secret = g->keys[provider];
    target->secret_error = g->errors[provider];
}


/*
 * Finds the provider among those that are loaded, or loads it.  -1 when there is none.
 */

static ssize_t
ngx_http_freehold_policy_provider(ngx_http_freehold_generation_t *g,
    struct fh_policy_reader *reader, struct fh_slice name, ngx_log_t *log)
{
    size_t              i, n;
    struct fh_buf       why;
    struct fh_slice    *s;
    struct fh_provider  found, *p;

    static const size_t  texts[] = {
        offsetof(struct fh_provider, name), offsetof(struct fh_provider, host),
        offsetof(struct fh_provider, address), offsetof(struct fh_provider, unix_path),
        offsetof(struct fh_provider, base_path), offsetof(struct fh_provider, tls_name),
        offsetof(struct fh_provider, ca_file), offsetof(struct fh_provider, key_ref),
        offsetof(struct fh_provider, state_line), offsetof(struct fh_provider, call_prefix),
    };

    for (n = 0; n < g->nproviders; n++) {
        if (fh_eq(g->providers[n]->name, name)) {
            return n;
        }
    }

    if (n == NGX_HTTP_FREEHOLD_PROVIDERS_MAX
        || fh_policy_reader_provider(reader, name, &found) != FH_OK)
    {
        ngx_log_error(NGX_LOG_ERR, log, 0, "freehold: no provider \"%*s\": %s", name.len,
                      name.ptr, fh_policy_reader_error(reader));
        return -1;
    }

    p = fh_new(g->arena, struct fh_provider);
    *p = found;

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        s = (struct fh_slice *) ((u_char *) p + texts[i]);
        *s = fh_dup(g->arena, *s);
    }

    g->providers[n] = p;
    g->nproviders = n + 1;

    if (p->key_ref.len == 0) {
        return n;
    }

    why = fh_buf_on_heap(1024);

    if (fh_secrets_get(g->secrets, p->key_ref, &g->keys[n], &why) != FH_OK) {
        ngx_log_error(NGX_LOG_ERR, log, 0, "freehold: the key of provider \"%*s\": %*s",
                      p->name.len, p->name.ptr, why.len, why.ptr);
        g->errors[n] = "it could not be read";
    }

    fh_buf_fini(&why);

    return n;
}


const struct fh_policy_limits *
ngx_http_freehold_policy_limits(ngx_http_freehold_generation_t *g)
{
    return &g->limits;
}


void
ngx_http_freehold_policy_key(ngx_http_freehold_ctx_t *ctx, const struct fh_want *want)
{
    enum fh_rc                   rc;
    struct fh_policy_key         key;
    ngx_http_freehold_worker_t  *w = &ngx_http_freehold_worker;

    if (want->access_key.len) {
        rc = fh_policy_reader_aws(w->policy, want->access_key, &key);

    } else {
        rc = fh_policy_reader_key(w->policy, &want->key_hash, &key);
    }

    if (rc != FH_OK && rc != FH_E_MISSING) {
        ngx_log_error(NGX_LOG_ERR, ctx->request->connection->log, 0,
                      "freehold: a key's record cannot be read: %s",
                      fh_policy_reader_error(w->policy));
    }

    fh_exchange_key(ctx->exchange, rc == FH_OK ? &key : NULL);
}


void
ngx_http_freehold_policy_route(ngx_http_freehold_ctx_t *ctx, struct fh_slice model)
{
    int                              order;
    size_t                           low, high, mid;
    ngx_http_freehold_generation_t  *g = ctx->generation;

    low = 0;
    high = g->nmodels;

    while (low < high) {
        mid = low + (high - low) / 2;
        order = fh_compare(model, g->models[mid].name);

        if (order == 0) {
            fh_exchange_route(ctx->exchange, g->models[mid].target, g->models[mid].count);
            return;
        }

        if (order < 0) {
            high = mid;

        } else {
            low = mid + 1;
        }
    }

    fh_exchange_route(ctx->exchange, NULL, 0);
}


void
ngx_http_freehold_policy_models(ngx_http_freehold_ctx_t *ctx)
{
    size_t                           i;
    struct fh_slice                 *names;
    ngx_http_freehold_generation_t  *g = ctx->generation;

    names = ngx_palloc(ctx->request->pool, (g->nmodels + 1) * sizeof(struct fh_slice));

    if (names == NULL) {
        fh_exchange_models(ctx->exchange, NULL, 0);
        return;
    }

    for (i = 0; i < g->nmodels; i++) {
        names[i] = g->models[i].name;
    }

    fh_exchange_models(ctx->exchange, names, g->nmodels);
}


void
ngx_http_freehold_policy_places(ngx_http_freehold_ctx_t *ctx)
{
    ngx_http_freehold_generation_t  *g = ctx->generation;

    fh_exchange_places(ctx->exchange, g->places, g->nplaces);
}


/*
 * Writes what /freehold/ready says.
 *
 * Returns NGX_OK when requests can be served: there is a policy, a journal, and a provider that is
 * ready.
 */

ngx_int_t
ngx_http_freehold_policy_ready(struct fh_buf *json)
{
    size_t                           i;
    ngx_int_t                        ready;
    struct fh_buf                    list;
    struct fh_provider              *p;
    ngx_http_freehold_worker_t      *w = &ngx_http_freehold_worker;
    ngx_http_freehold_generation_t  *g;

    g = ngx_http_freehold_policy_begin(ngx_cycle->log);

    if (g == NULL) {
        fh_buf_append(json, FH_LIT("{\"ready\":false,\"policy\":false,\"journal\":"));
        fh_buf_append(json, w->journal ? FH_LIT("true") : FH_LIT("false"));
        fh_buf_append(json, FH_LIT(",\"providers\":[]}\n"));
        return NGX_DECLINED;
    }

    ngx_http_freehold_policy_end();

    ready = NGX_DECLINED;
    list = fh_buf_on_heap(1 << 20);

    for (i = 0; i < g->nproviders; i++) {
        p = g->providers[i];

        fh_buf_append(&list, i ? FH_LIT(",{\"name\":") : FH_LIT("{\"name\":"));
        fh_json_quote(&list, p->name);
        fh_buf_append(&list, FH_LIT(",\"state\":"));
        fh_json_quote(&list, fh_provider_state_name(p->state));
        fh_buf_append(&list, FH_LIT(",\"line\":"));
        fh_json_quote(&list, p->state_line);
        fh_buf_append(&list, FH_LIT("}"));

        if (p->state == FH_PROVIDER_READY && w->journal) {
            ready = NGX_OK;
        }
    }

    fh_buf_append(json, ready == NGX_OK ? FH_LIT("{\"ready\":true") : FH_LIT("{\"ready\":false"));
    fh_buf_append(json, FH_LIT(",\"policy\":true,\"journal\":"));
    fh_buf_append(json, w->journal ? FH_LIT("true") : FH_LIT("false"));
    fh_buf_append(json, FH_LIT(",\"providers\":["));
    fh_buf_append(json, fh_buf_slice(&list));
    fh_buf_append(json, FH_LIT("]}\n"));

    fh_buf_fini(&list);
    ngx_http_freehold_policy_release(g);

    return ready;
}
