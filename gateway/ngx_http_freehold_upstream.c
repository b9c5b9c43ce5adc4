/*
 * ngx_http_freehold_upstream.c: one connection to a provider.
 *
 *     name ──▶ addresses ──▶ kept connection, or socket [──▶ TLS] ──▶ request ──▶ answer's bytes
 *
 * A body is written to one connection.  Another one is taken only when a kept connection proves
 * dead before a single byte of it was written: sending twice costs money.
 *
 * SPDX-License-Identifier: Apache-2.0
 */

#include "ngx_http_freehold.h"

#include <openssl/x509v3.h>


typedef struct ngx_http_freehold_tls_s  ngx_http_freehold_tls_t;

/* a TLS context per file of authorities, made when it is first needed */

struct ngx_http_freehold_tls_s {
    ngx_http_freehold_tls_t  *next;
    ngx_ssl_t                 ssl;
    ngx_str_t                 authorities;
};


static ngx_int_t ngx_http_freehold_upstream_literal(ngx_http_freehold_upstream_t *u);
static void ngx_http_freehold_upstream_resolve(ngx_http_freehold_upstream_t *u);
static void ngx_http_freehold_upstream_resolved(ngx_resolver_ctx_t *rctx);
static ngx_int_t ngx_http_freehold_upstream_addrs(ngx_http_freehold_upstream_t *u,
    ngx_resolver_ctx_t *rctx);
static void ngx_http_freehold_upstream_next(ngx_http_freehold_upstream_t *u);
static ngx_int_t ngx_http_freehold_upstream_open(ngx_http_freehold_upstream_t *u,
    ngx_uint_t fresh);
static void ngx_http_freehold_upstream_opened(ngx_event_t *ev);
static void ngx_http_freehold_upstream_tls(ngx_http_freehold_upstream_t *u);
static void ngx_http_freehold_upstream_tls_done(ngx_connection_t *c);
static void ngx_http_freehold_upstream_tls_result(ngx_http_freehold_upstream_t *u);
static void ngx_http_freehold_upstream_established(ngx_http_freehold_upstream_t *u);
static void ngx_http_freehold_upstream_failed(ngx_http_freehold_upstream_t *u,
    const char *why);
static void ngx_http_freehold_upstream_write(ngx_http_freehold_upstream_t *u);
static void ngx_http_freehold_upstream_event(ngx_event_t *ev);
static void ngx_http_freehold_upstream_ignore(ngx_event_t *ev);


static ngx_http_freehold_tls_t  *ngx_http_freehold_tls_contexts;


void
ngx_http_freehold_upstream_connect(ngx_http_freehold_ctx_t *ctx,
    const struct fh_target *target)
{
    ngx_http_freehold_upstream_t  *u = &ctx->upstream;

    ngx_memzero(&u->peer, sizeof(ngx_peer_connection_t));
    u->provider = target->provider;
    u->unsent = NULL;
    u->naddrs = 0;
    u->next_addr = 0;
    u->kept = 0;

    switch (ngx_http_freehold_upstream_literal(u)) {

    case NGX_OK:
        ngx_http_freehold_upstream_next(u);
        return;

    case NGX_DECLINED:
        ngx_http_freehold_upstream_resolve(u);
        return;

    default:
        ngx_http_freehold_upstream_failed(u, "its address cannot be used");
        return;
    }
}


/*
 * Fills in the one address of a provider that is named by it.
 *
 * Returns NGX_DECLINED when it is named by name.
 */

static ngx_int_t
ngx_http_freehold_upstream_literal(ngx_http_freehold_upstream_t *u)
{
    ngx_addr_t                 addr;
    ngx_pool_t                *pool = u->ctx->request->pool;
    struct fh_slice            host;
    struct sockaddr_un        *saun;
    const struct fh_provider  *provider = u->provider;

    if (provider->unix_path.len) {

        if (provider->unix_path.len >= sizeof(saun->sun_path)) {
            return NGX_ERROR;
        }

        saun = (struct sockaddr_un *) &u->sockaddr;
        ngx_memzero(saun, sizeof(struct sockaddr_un));
        saun->sun_family = AF_UNIX;
        ngx_memcpy(saun->sun_path, provider->unix_path.ptr, provider->unix_path.len);
        u->socklen = sizeof(struct sockaddr_un);

    } else {
        host = provider->address;

        /* never a question for a name server (RFC 6761, 6.3) */

        if (fh_eq_nocase(host, FH_LIT("localhost"))
            || (host.len > 10 && fh_eq_nocase(fh_tail(host, host.len - 10),
                                              FH_LIT(".localhost"))))
        {
            host = FH_LIT("127.0.0.1");
        }

        switch (ngx_parse_addr(pool, &addr, (u_char *) host.ptr, host.len)) {

        case NGX_OK:
            break;

        case NGX_DECLINED:
            return NGX_DECLINED;

        default:
            return NGX_ERROR;
        }

        ngx_memcpy(&u->sockaddr, addr.sockaddr, addr.socklen);
        u->socklen = addr.socklen;
        ngx_inet_set_port(&u->sockaddr.sockaddr, provider->port);
    }

    u->naddrs = 1;
    u->addrs = NULL;

    return NGX_OK;
}


static void
ngx_http_freehold_upstream_resolve(ngx_http_freehold_upstream_t *u)
{
    ngx_str_t                  name;
    ngx_resolver_ctx_t        *rctx, temp;
    ngx_http_request_t        *r = u->ctx->request;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    /* the resolver lower-cases the name in place */

    name.len = u->provider->address.len;
    name.data = ngx_pnalloc(r->pool, name.len);
    if (name.data == NULL) {
        ngx_http_freehold_upstream_failed(u, "out of memory");
        return;
    }

    ngx_memcpy(name.data, u->provider->address.ptr, name.len);
    temp.name = name;

    rctx = ngx_resolve_start(clcf->resolver, &temp);

    if (rctx == NULL) {
        ngx_http_freehold_upstream_failed(u, "out of memory");
        return;
    }

    if (rctx == NGX_NO_RESOLVER) {
        ngx_http_freehold_upstream_failed(u, "no name server is configured (resolver)");
        return;
    }

    rctx->name = name;
    rctx->handler = ngx_http_freehold_upstream_resolved;
    rctx->data = u;
    rctx->timeout = clcf->resolver_timeout;

    u->resolving = rctx;

    /* a name that is known calls back within this call */

    if (ngx_resolve_name(rctx) != NGX_OK) {
        u->resolving = NULL;
        ngx_http_freehold_upstream_failed(u, "its name cannot be looked up");
    }
}


static void
ngx_http_freehold_upstream_resolved(ngx_resolver_ctx_t *rctx)
{
    ngx_connection_t              *c;
    ngx_http_freehold_upstream_t  *u = rctx->data;
    ngx_http_freehold_ctx_t       *ctx = u->ctx;

    FH_ASSERT(u->magic == NGX_HTTP_FREEHOLD_MAGIC);

    c = ctx->request->connection;
    u->resolving = NULL;

    if (rctx->state || ngx_http_freehold_upstream_addrs(u, rctx) != NGX_OK) {
        ngx_log_error(NGX_LOG_ERR, c->log, 0, "freehold: %V could not be resolved (%i: %s)",
                      &rctx->name, rctx->state, ngx_resolver_strerror(rctx->state));

        ngx_resolve_name_done(rctx);
        ngx_http_freehold_upstream_failed(u, "its name is not known to the name server");

    } else {
        ngx_resolve_name_done(rctx);
        ngx_http_freehold_upstream_next(u);
    }

    if (ctx->pumping) {
        return;
    }

    (void) ngx_http_freehold_pump(ctx);

    ngx_http_run_posted_requests(c);
}


static ngx_int_t
ngx_http_freehold_upstream_addrs(ngx_http_freehold_upstream_t *u, ngx_resolver_ctx_t *rctx)
{
    ngx_uint_t            i;
    ngx_pool_t           *pool = u->ctx->request->pool;
    ngx_resolver_addr_t  *addrs;

    addrs = ngx_pcalloc(pool, rctx->naddrs * sizeof(ngx_resolver_addr_t));

    if (addrs == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < rctx->naddrs; i++) {
        addrs[i] = rctx->addrs[i];
        addrs[i].sockaddr = ngx_pnalloc(pool, rctx->addrs[i].socklen);

        if (addrs[i].sockaddr == NULL) {
            return NGX_ERROR;
        }

        ngx_memcpy(addrs[i].sockaddr, rctx->addrs[i].sockaddr, rctx->addrs[i].socklen);
        ngx_inet_set_port(addrs[i].sockaddr, u->provider->port);
    }

    u->addrs = addrs;
    u->naddrs = i;

    return NGX_OK;
}


/*
 * Tries the addresses in turn until one takes the connection or is on its way to.
 */

static void
ngx_http_freehold_upstream_next(ngx_http_freehold_upstream_t *u)
{
    ngx_resolver_addr_t  *addr;

    while (u->next_addr < u->naddrs) {

        if (u->addrs) {
            addr = &u->addrs[u->next_addr];
            ngx_memcpy(&u->sockaddr, addr->sockaddr, addr->socklen);
            u->socklen = addr->socklen;
        }

        u->next_addr++;

        if (ngx_http_freehold_upstream_open(u, 0) == NGX_OK) {
            return;
        }
    }

    ngx_http_freehold_upstream_failed(u, "the connection was refused");
}


/*
 * Takes a kept connection, unless it has to be a fresh one, or opens one.
 *
 * Returns NGX_ERROR when that failed at once.
 */

static ngx_int_t
ngx_http_freehold_upstream_open(ngx_http_freehold_upstream_t *u, ngx_uint_t fresh)
{
    ngx_int_t          rc;
    ngx_connection_t  *c;

    c = fresh ? NULL : ngx_http_freehold_keep_take(u);

    if (c) {
        u->peer.connection = c;
        u->kept = 1;

        c->data = u;
        c->log = u->ctx->request->connection->log;
        c->read->log = c->log;
        c->write->log = c->log;

        if (c->pool) {
            c->pool->log = c->log;
        }

        ngx_http_freehold_upstream_established(u);

        return NGX_OK;
    }

    u->kept = 0;
    ngx_str_set(&u->name, "provider");

    u->peer.sockaddr = &u->sockaddr.sockaddr;
    u->peer.socklen = u->socklen;
    u->peer.name = &u->name;
    u->peer.get = ngx_event_get_peer;
    u->peer.log = u->ctx->request->connection->log;
    u->peer.log_error = NGX_ERROR_ERR;

    rc = ngx_event_connect_peer(&u->peer);

    if (rc == NGX_ERROR || rc == NGX_BUSY || rc == NGX_DECLINED) {

        if (u->peer.connection) {
            ngx_http_freehold_close(u->peer.connection);
            u->peer.connection = NULL;
        }

        return NGX_ERROR;
    }

    c = u->peer.connection;
    c->data = u;
    c->read->handler = ngx_http_freehold_upstream_opened;
    c->write->handler = ngx_http_freehold_upstream_opened;

    if (u->sockaddr.sockaddr.sa_family != AF_UNIX && ngx_tcp_nodelay(c) != NGX_OK) {
        ngx_http_freehold_close(c);
        u->peer.connection = NULL;
        return NGX_ERROR;
    }

    if (rc == NGX_OK) {
        ngx_http_freehold_upstream_tls(u);
    }

    return NGX_OK;
}


static void
ngx_http_freehold_upstream_opened(ngx_event_t *ev)
{
    int                            err;
    socklen_t                      len;
    ngx_connection_t              *c = ev->data;
    ngx_connection_t              *client;
    ngx_http_freehold_upstream_t  *u = c->data;
    ngx_http_freehold_ctx_t       *ctx = u->ctx;

    FH_ASSERT(u->magic == NGX_HTTP_FREEHOLD_MAGIC);

    client = ctx->request->connection;
    err = 0;
    len = sizeof(int);

    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, (void *) &err, &len) == -1) {
        err = ngx_socket_errno;
    }

    if (err) {
        ngx_log_error(NGX_LOG_ERR, client->log, err,
                      "freehold: connect() to provider \"%*s\" failed",
                      u->provider->name.len, u->provider->name.ptr);

        ngx_http_freehold_close(c);
        u->peer.connection = NULL;
        ngx_http_freehold_upstream_next(u);

    } else {
        ngx_http_freehold_upstream_tls(u);
    }

    (void) ngx_http_freehold_pump(ctx);

    ngx_http_run_posted_requests(client);
}


static ngx_ssl_t *
ngx_http_freehold_tls_context(const struct fh_provider *provider, ngx_log_t *log)
{
    ngx_str_t                 file;
    ngx_http_freehold_tls_t  *t;

    for (t = ngx_http_freehold_tls_contexts; t; t = t->next) {
        if (fh_eq(ngx_http_freehold_slice(&t->authorities), provider->ca_file)) {
            return &t->ssl;
        }
    }

    /* they live as long as the worker: there is one per file named in the configuration */

    t = ngx_calloc(sizeof(ngx_http_freehold_tls_t) + provider->ca_file.len + 1, log);
    if (t == NULL) {
        return NULL;
    }

    file.data = (u_char *) t + sizeof(ngx_http_freehold_tls_t);
    file.len = provider->ca_file.len;
    ngx_memcpy(file.data, provider->ca_file.ptr, file.len);

    t->authorities = file;
    t->ssl.log = ngx_cycle->log;

    if (ngx_ssl_create(&t->ssl, NGX_SSL_TLSv1_2|NGX_SSL_TLSv1_3, NULL) != NGX_OK) {
        ngx_free(t);
        return NULL;
    }

    if ((file.len
         ? SSL_CTX_load_verify_locations(t->ssl.ctx, (char *) file.data, NULL)
         : SSL_CTX_set_default_verify_paths(t->ssl.ctx))
        != 1)
    {
        ngx_ssl_error(NGX_LOG_ERR, log, 0, "freehold: certificates of \"%V\" cannot be read",
                      &file);
        SSL_CTX_free(t->ssl.ctx);
        ngx_free(t);
        return NULL;
    }

    SSL_CTX_set_verify(t->ssl.ctx, SSL_VERIFY_PEER, NULL);

    t->next = ngx_http_freehold_tls_contexts;
    ngx_http_freehold_tls_contexts = t;

    return &t->ssl;
}


/*
 * The name is sent (SNI) and the certificate has to be for it; an address is only checked.
 */

static ngx_int_t
ngx_http_freehold_tls_name(ngx_connection_t *c, struct fh_slice name)
{
    char               text[256];
    X509_VERIFY_PARAM  *param;

    if (name.len == 0 || name.len >= sizeof(text)) {
        return NGX_ERROR;
    }

    ngx_memcpy(text, name.ptr, name.len);
    text[name.len] = '\0';

    param = SSL_get0_param(c->ssl->connection);

    if (X509_VERIFY_PARAM_set1_ip_asc(param, text) == 1) {
        return NGX_OK;
    }

    if (SSL_set_tlsext_host_name(c->ssl->connection, text) != 1
        || SSL_set1_host(c->ssl->connection, text) != 1)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_http_freehold_upstream_tls(ngx_http_freehold_upstream_t *u)
{
    ngx_int_t          rc;
    ngx_ssl_t         *ssl;
    ngx_connection_t  *c = u->peer.connection;

    if (!u->provider->tls) {
        ngx_http_freehold_upstream_established(u);
        return;
    }

    ssl = ngx_http_freehold_tls_context(u->provider, c->log);

    if (c->pool == NULL) {
        c->pool = ngx_create_pool(512, c->log);
    }

    if (ssl == NULL || c->pool == NULL
        || ngx_ssl_create_connection(ssl, c, NGX_SSL_BUFFER|NGX_SSL_CLIENT) != NGX_OK
        || ngx_http_freehold_tls_name(c, u->provider->tls_name) != NGX_OK)
    {
        ngx_http_freehold_upstream_failed(u, "TLS could not be set up, the log says why");
        return;
    }

    c->sendfile = 0;

    rc = ngx_ssl_handshake(c);

    if (rc == NGX_AGAIN) {
        c->ssl->handler = ngx_http_freehold_upstream_tls_done;
        return;
    }

    /* a provider that is quick, or a worker that is slow */

    ngx_http_freehold_upstream_tls_result(u);
}


static void
ngx_http_freehold_upstream_tls_done(ngx_connection_t *c)
{
    ngx_connection_t              *client;
    ngx_http_freehold_upstream_t  *u = c->data;
    ngx_http_freehold_ctx_t       *ctx = u->ctx;

    FH_ASSERT(u->magic == NGX_HTTP_FREEHOLD_MAGIC);

    client = ctx->request->connection;

    ngx_http_freehold_upstream_tls_result(u);

    (void) ngx_http_freehold_pump(ctx);

    ngx_http_run_posted_requests(client);
}


/*
 * Whom the handshake led to, if to anybody.
 */

static void
ngx_http_freehold_upstream_tls_result(ngx_http_freehold_upstream_t *u)
{
    long               verified;
    ngx_connection_t  *c = u->peer.connection;
    ngx_connection_t  *client = u->ctx->request->connection;

    verified = SSL_get_verify_result(c->ssl->connection);

    if (c->ssl->handshaked && verified == X509_V_OK) {
        ngx_http_freehold_upstream_established(u);

    } else if (verified != X509_V_OK) {
        ngx_log_error(NGX_LOG_ERR, client->log, 0,
                      "freehold: the certificate of provider \"%*s\" is not accepted: %s",
                      u->provider->name.len, u->provider->name.ptr,
                      X509_verify_cert_error_string(verified));
        ngx_http_freehold_upstream_failed(u, "its certificate is not accepted");

    } else {
        ngx_http_freehold_upstream_failed(u, "the TLS handshake failed");
    }
}


static void
ngx_http_freehold_upstream_established(ngx_http_freehold_upstream_t *u)
{
    ngx_connection_t  *c = u->peer.connection;

    c->read->handler = ngx_http_freehold_upstream_event;
    c->write->handler = ngx_http_freehold_upstream_ignore;

    if (u->unsent) {
        ngx_http_freehold_upstream_write(u);    /* in place of a kept one that had died */
        return;
    }

    fh_exchange_connected(u->ctx->exchange, ngx_http_freehold_now_us());
}


static void
ngx_http_freehold_upstream_failed(ngx_http_freehold_upstream_t *u, const char *why)
{
    if (u->peer.connection) {
        ngx_http_freehold_close(u->peer.connection);
        u->peer.connection = NULL;
    }

    if (u->unsent) {
        u->unsent = NULL;
        fh_exchange_upstream_closed(u->ctx->exchange, why, ngx_http_freehold_now_us());
        return;
    }

    fh_exchange_connect_failed(u->ctx->exchange, why, ngx_http_freehold_now_us());
}


void
ngx_http_freehold_upstream_send(ngx_http_freehold_ctx_t *ctx, const struct fh_want *want)
{
    size_t                         i;
    ngx_buf_t                     *b;
    ngx_http_freehold_upstream_t  *u = &ctx->upstream;

    for (i = 0; i < want->piece_count; i++) {
        b = &u->bufs[i];

        ngx_memzero(b, sizeof(ngx_buf_t));
        b->start = b->pos = (u_char *) want->pieces[i].ptr;
        b->end = b->last = b->pos + want->pieces[i].len;
        b->memory = 1;

        u->links[i].buf = b;
        u->links[i].next = i + 1 < want->piece_count ? &u->links[i + 1] : NULL;
    }

    b = &u->bufs[want->piece_count - 1];
    b->flush = 1;
    b->last_buf = 1;

    u->unsent = u->links;

    ngx_http_freehold_upstream_write(u);
}


static void
ngx_http_freehold_upstream_write(ngx_http_freehold_upstream_t *u)
{
    ngx_chain_t       *left;
    ngx_connection_t  *c = u->peer.connection;

    left = c->send_chain(c, u->unsent, 0);

    if (left == NGX_CHAIN_ERROR) {

        if (u->kept && c->sent == 0) {

            /* it died while it was kept: nothing has been written, so nothing is sent twice */

            ngx_http_freehold_close(c);
            u->peer.connection = NULL;

            if (ngx_http_freehold_upstream_open(u, 1) != NGX_OK) {
                ngx_http_freehold_upstream_next(u);
            }

            return;
        }

        fh_exchange_upstream_closed(u->ctx->exchange, "it broke while the request was sent",
                                    ngx_http_freehold_now_us());
        return;
    }

    u->unsent = left;

    if (left == NULL && !c->buffered) {
        c->write->handler = ngx_http_freehold_upstream_ignore;
        return;
    }

    c->write->handler = ngx_http_freehold_upstream_event;

    if (ngx_handle_write_event(c->write, 0) != NGX_OK) {
        fh_exchange_upstream_closed(u->ctx->exchange, "its socket cannot be watched",
                                    ngx_http_freehold_now_us());
    }
}


/*
 * Something can be read or written.
 */

static void
ngx_http_freehold_upstream_event(ngx_event_t *ev)
{
    ngx_connection_t              *c = ev->data;
    ngx_connection_t              *client;
    ngx_http_freehold_upstream_t  *u = c->data;
    ngx_http_freehold_ctx_t       *ctx = u->ctx;

    FH_ASSERT(u->magic == NGX_HTTP_FREEHOLD_MAGIC);

    client = ctx->request->connection;

    if (ev->write) {
        ngx_http_freehold_upstream_write(u);
        (void) ngx_http_freehold_pump(ctx);

    } else {
        ngx_http_freehold_upstream_read(ctx);
    }

    ngx_http_run_posted_requests(client);
}


static void
ngx_http_freehold_upstream_ignore(ngx_event_t *ev)
{
    /* everything has been written */
}


/*
 * Reads what is there, unless the client has not taken what it has yet.
 */

void
ngx_http_freehold_upstream_read(ngx_http_freehold_ctx_t *ctx)
{
    ssize_t                        n;
    ngx_connection_t              *c;
    ngx_http_freehold_worker_t    *w = &ngx_http_freehold_worker;
    ngx_http_freehold_upstream_t  *u = &ctx->upstream;

    for ( ;; ) {
        c = u->peer.connection;

        if (c == NULL || ctx->blocked || c->read->handler != ngx_http_freehold_upstream_event) {
            return;
        }

        if (!c->read->ready) {
            if (ngx_handle_read_event(c->read, 0) != NGX_OK) {
                fh_exchange_upstream_closed(ctx->exchange, "its socket cannot be watched",
                                            ngx_http_freehold_now_us());
                (void) ngx_http_freehold_pump(ctx);
            }

            return;
        }

        n = c->recv(c, w->buffer, NGX_HTTP_FREEHOLD_READ_SIZE);

        if (n == NGX_AGAIN) {
            continue;    /* not ready any more */
        }

        if (n > 0) {
            fh_exchange_upstream_bytes(ctx->exchange, fh_slice(w->buffer, n),
                                       ngx_http_freehold_now_us());

        } else {
            fh_exchange_upstream_closed(ctx->exchange,
                                        n == 0 ? NULL : "the connection was reset",
                                        ngx_http_freehold_now_us());
        }

        if (ngx_http_freehold_pump(ctx) != NGX_AGAIN || n <= 0) {
            return;
        }
    }
}


void
ngx_http_freehold_upstream_release(ngx_http_freehold_ctx_t *ctx, ngx_uint_t keep)
{
    ngx_connection_t              *c;
    ngx_http_freehold_upstream_t  *u = &ctx->upstream;

    if (u->resolving) {
        ngx_resolve_name_done(u->resolving);
        u->resolving = NULL;
    }

    c = u->peer.connection;

    if (c == NULL) {
        return;
    }

    if (!keep || u->unsent || ngx_http_freehold_keep_put(u) != NGX_OK) {
        ngx_http_freehold_close(c);
    }

    u->peer.connection = NULL;
}
