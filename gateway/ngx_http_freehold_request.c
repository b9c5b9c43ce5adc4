/*
 * ngx_http_freehold_request.c: one client request.  Makes an exchange of it, and from then on only
 * carries out what the exchange wants.
 *
 * SPDX-License-Identifier: Apache-2.0
 */

#include "ngx_http_freehold.h"

#include <sys/random.h>


static void ngx_http_freehold_head(ngx_http_request_t *r, struct fh_client_head *head);
static ngx_int_t ngx_http_freehold_fields(ngx_http_request_t *r, struct fh_client_head *head);
static void ngx_http_freehold_cleanup(void *data);
static void ngx_http_freehold_read_body(ngx_http_freehold_ctx_t *ctx, uint64_t max);
static void ngx_http_freehold_body_handler(ngx_http_request_t *r);
static void ngx_http_freehold_carry_out(ngx_http_freehold_ctx_t *ctx, struct fh_want *want);
static void ngx_http_freehold_arm(ngx_http_freehold_ctx_t *ctx);
static void ngx_http_freehold_timer_handler(ngx_event_t *ev);
static ngx_int_t ngx_http_freehold_done(ngx_http_freehold_ctx_t *ctx);


ngx_int_t
ngx_http_freehold_handler(ngx_http_request_t *r)
{
    ngx_int_t                        rc;
    struct timespec                  ts;
    ngx_pool_cleanup_t              *cln;
    struct fh_exchange_setup         setup;
    ngx_http_freehold_ctx_t         *ctx;
    ngx_http_freehold_generation_t  *generation;

    if (r->internal || r->err_status) {
        return ngx_http_freehold_error(r);
    }

    if (r->uri.len > 9 && ngx_strncmp(r->uri.data, "/freehold", 9) == 0) {
        return ngx_http_freehold_status(r);
    }

    generation = ngx_http_freehold_policy_begin(r->connection->log);
    if (generation == NULL) {
        return NGX_HTTP_SERVICE_UNAVAILABLE;
    }

    ctx = ngx_pcalloc(r->pool, sizeof(ngx_http_freehold_ctx_t));
    cln = ngx_pool_cleanup_add(r->pool, 0);

    if (ctx == NULL || cln == NULL) {
        ngx_http_freehold_policy_end();
        ngx_http_freehold_policy_release(generation);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->magic = NGX_HTTP_FREEHOLD_MAGIC;
    ctx->request = r;
    ctx->generation = generation;
    ctx->upstream.magic = NGX_HTTP_FREEHOLD_MAGIC;
    ctx->upstream.ctx = ctx;

    ctx->timer.data = ctx;
    ctx->timer.handler = ngx_http_freehold_timer_handler;
    ctx->timer.log = r->connection->log;

    cln->handler = ngx_http_freehold_cleanup;
    cln->data = ctx;

    ngx_http_set_ctx(r, ctx, ngx_http_freehold_module);

    (void) clock_gettime(CLOCK_REALTIME, &ts);

    ngx_memzero(&setup, sizeof(setup));
    setup.calendar_us = (uint64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
    setup.now_us = ngx_http_freehold_now_us();
    setup.id = ngx_http_freehold_new_id(setup.calendar_us);
    setup.limits = ngx_http_freehold_policy_limits(generation);
    ngx_http_freehold_head(r, &setup.head);

    if (ngx_http_freehold_fields(r, &setup.head) != NGX_OK) {
        ngx_http_freehold_policy_end();
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->exchange = fh_exchange_new(&setup);

    rc = ngx_http_freehold_pump(ctx);

    ngx_http_freehold_policy_end();    /* keys are looked up before the first wait */

    return rc == NGX_AGAIN ? NGX_DONE : rc;
}


static void
ngx_http_freehold_head(ngx_http_request_t *r, struct fh_client_head *head)
{
    ngx_uint_t        i, n;
    ngx_str_t         target;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *header;

    static const struct {
        ngx_str_t     name;
        size_t        offset;
    } wanted[] = {
        { ngx_string("authorization"), offsetof(struct fh_client_head, authorization) },
        { ngx_string("x-api-key"), offsetof(struct fh_client_head, x_api_key) },
        { ngx_string("api-key"), offsetof(struct fh_client_head, api_key) },
        { ngx_string("x-goog-api-key"), offsetof(struct fh_client_head, x_goog_api_key) },
        { ngx_string("anthropic-version"),
          offsetof(struct fh_client_head, anthropic_version) },
        { ngx_string("anthropic-beta"), offsetof(struct fh_client_head, anthropic_beta) },
        { ngx_string("content-type"), offsetof(struct fh_client_head, content_type) },
        { ngx_string("x-freehold-translation"),
          offsetof(struct fh_client_head, translation) },
        { ngx_string("x-freehold-provider"), offsetof(struct fh_client_head, provider) },
    };

    /* what was sent, percent signs and all; a proxy's absolute form is taken apart by nginx */
    target = r->unparsed_uri.len && r->unparsed_uri.data[0] == '/' ? r->unparsed_uri : r->uri;
    head->method = ngx_http_freehold_slice(&r->method_name);
    head->query = ngx_http_freehold_slice(&r->args);
    head->path = ngx_http_freehold_slice(&target);
    head->path = fh_head(head->path, fh_find(head->path, '?'));

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        header = part->elts;

        for (i = 0; i < part->nelts; i++) {
            for (n = 0; n < sizeof(wanted) / sizeof(wanted[0]); n++) {
                if (header[i].key.len == wanted[n].name.len
                    && ngx_memcmp(header[i].lowcase_key, wanted[n].name.data,
                                  wanted[n].name.len) == 0)
                {
                    *(struct fh_slice *) ((u_char *) head + wanted[n].offset) =
                        ngx_http_freehold_slice(&header[i].value);
                    break;
                }
            }
        }
    }
}


/*
 * Lists all fields of a request that is signed: the signature says which of them count.
 */

static ngx_int_t
ngx_http_freehold_fields(ngx_http_request_t *r, struct fh_client_head *head)
{
    ngx_uint_t             i, n;
    ngx_list_part_t       *part;
    ngx_table_elt_t       *header;
    struct fh_http_field  *field;

    if (!fh_exchange_is_signed(head)) {
        return NGX_OK;
    }

    for (n = 0, part = &r->headers_in.headers.part; part; part = part->next) {
        n += part->nelts;
    }

    field = ngx_palloc(r->pool, (n + 1) * sizeof(struct fh_http_field));
    if (field == NULL) {
        return NGX_ERROR;
    }

    for (n = 0, part = &r->headers_in.headers.part; part; part = part->next) {
        header = part->elts;

        for (i = 0; i < part->nelts; i++) {
            field[n].name = ngx_http_freehold_slice(&header[i].key);
            field[n++].value = ngx_http_freehold_slice(&header[i].value);
        }
    }

    head->field = field;
    head->field_count = n;

    if (r->headers_in.host) {
        head->authority = ngx_http_freehold_slice(&r->headers_in.host->value);
    }

    return NGX_OK;
}


struct fh_request_id
ngx_http_freehold_new_id(uint64_t calendar_us)
{
    u_char                      *random;
    ngx_http_freehold_worker_t  *w = &ngx_http_freehold_worker;

    /* one system call for some fifty ids */

    if (w->random_at + FH_REQUEST_ID_RANDOM_LEN > sizeof(w->random)) {
        FH_ASSERT(getrandom(w->random, sizeof(w->random), 0) == (ssize_t) sizeof(w->random));
        w->random_at = 0;
    }

    random = w->random + w->random_at;
    w->random_at += FH_REQUEST_ID_RANDOM_LEN;

    return fh_request_id(calendar_us, random);
}


static void
ngx_http_freehold_cleanup(void *data)
{
    ngx_http_freehold_ctx_t  *ctx = data;

    if (ctx->timer.timer_set) {
        ngx_del_timer(&ctx->timer);
    }

    ngx_http_freehold_upstream_release(ctx, 0);
    ngx_http_freehold_client_free(ctx);
    fh_exchange_free(&ctx->exchange);
    ngx_http_freehold_policy_release(ctx->generation);
}


/*
 * Runs the exchange until it waits, then sends what has come together for the client.
 *
 * Returns NGX_AGAIN while the request goes on; NGX_DONE when it has been finalized and must not be
 * touched again; anything else is for the content handler to return.
 */

ngx_int_t
ngx_http_freehold_pump(ngx_http_freehold_ctx_t *ctx)
{
    struct fh_want  want;

    if (ctx->pumping) {
        return NGX_AGAIN;    /* called from within a want: the loop further out goes on */
    }

    ctx->pumping = 1;

    while (fh_exchange_next(ctx->exchange, &want)) {

        if (want.kind == FH_WANT_DONE) {
            ctx->pumping = 0;
            return ngx_http_freehold_done(ctx);
        }

        ngx_http_freehold_carry_out(ctx, &want);
    }

    ctx->pumping = 0;

    if (ngx_http_freehold_client_flush(ctx) == NGX_ERROR && !ctx->gone) {
        ctx->gone = 1;
        fh_exchange_client_gone(ctx->exchange, ngx_http_freehold_now_us());
        return ngx_http_freehold_pump(ctx);
    }

    ngx_http_freehold_arm(ctx);

    return NGX_AGAIN;
}


static void
ngx_http_freehold_carry_out(ngx_http_freehold_ctx_t *ctx, struct fh_want *want)
{
    enum fh_rc                   rc;
    ngx_http_freehold_worker_t  *w = &ngx_http_freehold_worker;

    switch (want->kind) {

    case FH_WANT_KEY:
        ngx_http_freehold_policy_key(ctx, want);
        break;

    case FH_WANT_BODY:
        ngx_http_freehold_read_body(ctx, want->body_max);
        break;

    case FH_WANT_ROUTE:
        ngx_http_freehold_policy_route(ctx, want->model);
        break;

    case FH_WANT_MODELS:
        ngx_http_freehold_policy_models(ctx);
        break;

    case FH_WANT_PLACES:
        ngx_http_freehold_policy_places(ctx);
        break;

    case FH_WANT_JOURNAL:
        rc = w->journal == NULL ? FH_E_SYSTEM
                                : fh_journal_file_append(w->journal, want->record_type,
                                                         want->record);

        if (rc != FH_OK) {
            ngx_log_error(NGX_LOG_CRIT, ctx->request->connection->log, 0,
                          "freehold: the journal took no record: %s", fh_rc_name(rc));
        }

        fh_exchange_journaled(ctx->exchange, rc == FH_OK);
        break;

    case FH_WANT_CONNECT:
        ngx_http_freehold_upstream_connect(ctx, want->target);
        break;

    case FH_WANT_SEND:
        ngx_http_freehold_upstream_send(ctx, want);
        break;

    case FH_WANT_RELEASE:
        ngx_http_freehold_upstream_release(ctx, want->keep);
        break;

    case FH_WANT_HEAD:
        ngx_http_freehold_client_head(ctx, want);
        break;

    case FH_WANT_CLIENT:
        ngx_http_freehold_client_bytes(ctx, want->bytes);
        break;

    case FH_WANT_END:
        ctx->last = want->clean;
        ctx->rc = want->clean ? NGX_OK : NGX_ERROR;
        break;

    case FH_WANT_DONE:
        break;
    }
}


static ngx_int_t
ngx_http_freehold_done(ngx_http_freehold_ctx_t *ctx)
{
    ngx_int_t            rc;
    ngx_http_request_t  *r = ctx->request;

    if (ctx->timer.timer_set) {
        ngx_del_timer(&ctx->timer);
    }

    if (ctx->gone) {
        rc = NGX_HTTP_CLIENT_CLOSED_REQUEST;

    } else {
        rc = ngx_http_freehold_client_flush(ctx);

        if (ctx->rc == NGX_ERROR) {
            rc = NGX_ERROR;
        }
    }

    if (!ctx->body) {
        return rc;
    }

    ngx_http_finalize_request(r, rc);

    return NGX_DONE;
}


static void
ngx_http_freehold_read_body(ngx_http_freehold_ctx_t *ctx, uint64_t max)
{
    ngx_int_t            rc;
    ngx_http_request_t  *r = ctx->request;

    if (r->headers_in.content_length_n > (off_t) max) {
        fh_exchange_body_failed(ctx->exchange, FH_REFUSE_TOO_LARGE);
        return;
    }

    r->request_body_in_single_buf = 1;
    ctx->body = 1;

    rc = ngx_http_read_client_request_body(r, ngx_http_freehold_body_handler);

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {

        ctx->body = 0;    /* the call did not take its reference: the handler returns */
        r->keepalive = 0;    /* what is left of the body is not the next request */

        if (rc == NGX_HTTP_REQUEST_ENTITY_TOO_LARGE) {
            fh_exchange_body_failed(ctx->exchange, FH_REFUSE_TOO_LARGE);

        } else {
            fh_exchange_body_failed(ctx->exchange, FH_REFUSE_BAD_REQUEST);
        }
    }
}


static void
ngx_http_freehold_body_handler(ngx_http_request_t *r)
{
    size_t                    len;
    u_char                   *p;
    ngx_buf_t                *b;
    ngx_chain_t              *cl;
    struct fh_slice           body;
    ngx_http_freehold_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_freehold_module);

    ngx_http_freehold_client_watch(ctx);

    body = FH_NONE;
    len = 0;

    for (cl = r->request_body->bufs; cl; cl = cl->next) {
        b = cl->buf;

        if (b->in_file) {
            ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                          "freehold: a request body went to a file; "
                          "client_body_buffer_size has to be as large as body_max");
            fh_exchange_body_failed(ctx->exchange, FH_REFUSE_INTERNAL);
            (void) ngx_http_freehold_pump(ctx);
            return;
        }

        len += b->last - b->pos;
    }

    cl = r->request_body->bufs;

    if (cl && cl->next == NULL) {
        body = fh_slice(cl->buf->pos, len);

    } else if (cl) {
        p = ngx_pnalloc(r->pool, len);
        if (p == NULL) {
            fh_exchange_body_failed(ctx->exchange, FH_REFUSE_INTERNAL);
            (void) ngx_http_freehold_pump(ctx);
            return;
        }

        body = fh_slice(p, len);

        for ( /* void */ ; cl; cl = cl->next) {
            p = ngx_cpymem(p, cl->buf->pos, cl->buf->last - cl->buf->pos);
        }
    }

    fh_exchange_body(ctx->exchange, body, ngx_http_freehold_now_us());

    (void) ngx_http_freehold_pump(ctx);
}


/*
 * A deadline that moves further away, as it does with every event of a stream, does not touch the
 * timer: it fires early, finds that it is early, and is set again.
 */

static void
ngx_http_freehold_arm(ngx_http_freehold_ctx_t *ctx)
{
    uint64_t    deadline, now;
    ngx_msec_t  delay;

    deadline = fh_exchange_deadline(ctx->exchange);

    if (deadline == 0) {
        return;
    }

    now = ngx_http_freehold_now_us();
    delay = deadline > now ? (deadline - now) / 1000 + 1 : 1;

    if (ctx->timer.timer_set
        && (ngx_msec_int_t) (ctx->timer.timer.key - (ngx_current_msec + delay)) <= 0)
    {
        return;
    }

    if (ctx->timer.timer_set) {
        ngx_del_timer(&ctx->timer);
    }

    ngx_add_timer(&ctx->timer, delay);
}


static void
ngx_http_freehold_timer_handler(ngx_event_t *ev)
{
    ngx_connection_t         *c;
    ngx_http_freehold_ctx_t  *ctx = ev->data;

    FH_ASSERT(ctx->magic == NGX_HTTP_FREEHOLD_MAGIC);

    c = ctx->request->connection;

    fh_exchange_timeout(ctx->exchange, ngx_http_freehold_now_us());

    (void) ngx_http_freehold_pump(ctx);

    ngx_http_run_posted_requests(c);
}
