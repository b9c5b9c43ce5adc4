/*
 * ngx_http_freehold_keep.c: connections to providers that wait for their next request.
 *
 * A kept connection is taken only by a request for the same address, with the same TLS name checked
 * against the same authorities.  The oldest goes when there are too many.
 *
 * SPDX-License-Identifier: Apache-2.0
 */

#include "ngx_http_freehold.h"


#define NGX_HTTP_FREEHOLD_KEEP_NAME   256
#define NGX_HTTP_FREEHOLD_KEEP_FRESH  500     /* ms */


typedef struct {
    ngx_queue_t        queue;        /* in kept, newest first, or in unused */
    ngx_connection_t  *connection;
    ngx_msec_t         since;
    ngx_sockaddr_t     sockaddr;
    socklen_t          socklen;
    size_t             len;          /* of what: TLS name, a zero byte, file of authorities */
    u_char             what[NGX_HTTP_FREEHOLD_KEEP_NAME];
} ngx_http_freehold_kept_t;


static void ngx_http_freehold_keep_drop(ngx_http_freehold_kept_t *k);
static void ngx_http_freehold_keep_read(ngx_event_t *ev);
static void ngx_http_freehold_keep_write(ngx_event_t *ev);


static ngx_queue_t  ngx_http_freehold_kept;
static ngx_queue_t  ngx_http_freehold_unused;
static ngx_msec_t   ngx_http_freehold_keep_timeout;


ngx_int_t
ngx_http_freehold_keep_init(ngx_cycle_t *cycle, ngx_uint_t max, ngx_msec_t timeout)
{
    ngx_uint_t                 i;
    ngx_http_freehold_kept_t  *k;

    ngx_queue_init(&ngx_http_freehold_kept);
    ngx_queue_init(&ngx_http_freehold_unused);

    ngx_http_freehold_keep_timeout = timeout;

    k = ngx_pcalloc(cycle->pool, ngx_max(max, 1) * sizeof(ngx_http_freehold_kept_t));
    if (k == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < max; i++) {
        ngx_queue_insert_head(&ngx_http_freehold_unused, &k[i].queue);
    }

    return NGX_OK;
}


static size_t
ngx_http_freehold_keep_what(const struct fh_provider *provider, u_char *what)
{
    size_t  len;

    if (!provider->tls) {
        return 0;
    }

    len = provider->tls_name.len + 1 + provider->ca_file.len;

    if (len > NGX_HTTP_FREEHOLD_KEEP_NAME) {
        return NGX_HTTP_FREEHOLD_KEEP_NAME + 1;
    }

    what = ngx_cpymem(what, provider->tls_name.ptr, provider->tls_name.len);
    *what++ = '\0';
    ngx_memcpy(what, provider->ca_file.ptr, provider->ca_file.len);

    return len;
}


/*
 * Takes a connection to the address and name that `u` is about to connect to.
 *
 * A provider that has closed it meanwhile is found out by looking: a request must not be lost to a
 * connection that was dead all along.  Nobody gives a connection up within half a second.
 */

ngx_connection_t *
ngx_http_freehold_keep_take(ngx_http_freehold_upstream_t *u)
{
    int                        n;
    char                       byte;
    u_char                     what[NGX_HTTP_FREEHOLD_KEEP_NAME];
    size_t                     len;
    ngx_queue_t               *q, *next;
    ngx_connection_t          *c;
    ngx_http_freehold_kept_t  *k;

    len = ngx_http_freehold_keep_what(u->provider, what);

    for (q = ngx_queue_head(&ngx_http_freehold_kept);
         q != ngx_queue_sentinel(&ngx_http_freehold_kept);
         q = next)
    {
        next = ngx_queue_next(q);
        k = ngx_queue_data(q, ngx_http_freehold_kept_t, queue);

        if (k->len != len || k->socklen != u->socklen
            || ngx_memcmp(&k->sockaddr, &u->sockaddr, u->socklen) != 0
            || ngx_memcmp(k->what, what, len) != 0)
        {
            continue;
        }

        c = k->connection;
        ngx_http_freehold_keep_drop(k);

        if (ngx_current_msec - k->since > NGX_HTTP_FREEHOLD_KEEP_FRESH) {

            n = recv(c->fd, &byte, 1, MSG_PEEK);

            if (n != -1 || ngx_socket_errno != NGX_EAGAIN) {
                ngx_http_freehold_close(c);
                continue;
            }
        }

        if (c->read->timer_set) {
            ngx_del_timer(c->read);
        }

        c->idle = 0;
        c->sent = 0;

        return c;
    }

    return NULL;
}


/*
 * Keeps the connection of `u`, whose answer was read to its very end.
 *
 * Returns NGX_DECLINED when it cannot be kept: it is then still the caller's.
 */

ngx_int_t
ngx_http_freehold_keep_put(ngx_http_freehold_upstream_t *u)
{
    size_t                     len;
    u_char                     what[NGX_HTTP_FREEHOLD_KEEP_NAME];
    ngx_queue_t               *q;
    ngx_connection_t          *c, *old;
    ngx_http_freehold_kept_t  *k;

    c = u->peer.connection;
    len = ngx_http_freehold_keep_what(u->provider, what);

    if (len > NGX_HTTP_FREEHOLD_KEEP_NAME || ngx_terminate || ngx_exiting
        || c->read->eof || c->read->error || c->write->error || c->buffered)
    {
        return NGX_DECLINED;
    }

    if (ngx_queue_empty(&ngx_http_freehold_unused)) {

        if (ngx_queue_empty(&ngx_http_freehold_kept)) {
            return NGX_DECLINED;
        }

        q = ngx_queue_last(&ngx_http_freehold_kept);
        k = ngx_queue_data(q, ngx_http_freehold_kept_t, queue);
        old = k->connection;

        ngx_http_freehold_keep_drop(k);
        ngx_http_freehold_close(old);
    }

    if (ngx_handle_read_event(c->read, 0) != NGX_OK) {
        return NGX_DECLINED;
    }

    q = ngx_queue_head(&ngx_http_freehold_unused);
    ngx_queue_remove(q);
    k = ngx_queue_data(q, ngx_http_freehold_kept_t, queue);

    ngx_queue_insert_head(&ngx_http_freehold_kept, q);

    k->connection = c;
    k->since = ngx_current_msec;
    k->socklen = u->socklen;
    ngx_memcpy(&k->sockaddr, &u->sockaddr, u->socklen);
    k->len = len;
    ngx_memcpy(k->what, what, len);

    c->data = k;
    c->idle = 1;
    c->log = ngx_cycle->log;
    c->read->log = ngx_cycle->log;
    c->write->log = ngx_cycle->log;

    if (c->pool) {
        c->pool->log = ngx_cycle->log;
    }

    c->read->handler = ngx_http_freehold_keep_read;
    c->write->handler = ngx_http_freehold_keep_write;

    if (c->write->timer_set) {
        ngx_del_timer(c->write);
    }

    ngx_add_timer(c->read, ngx_http_freehold_keep_timeout);

    if (c->read->ready) {
        ngx_http_freehold_keep_read(c->read);
    }

    return NGX_OK;
}


static void
ngx_http_freehold_keep_drop(ngx_http_freehold_kept_t *k)
{
    ngx_queue_remove(&k->queue);
    ngx_queue_insert_head(&ngx_http_freehold_unused, &k->queue);

    k->connection = NULL;
}


/*
 * A kept connection has nothing to say: whatever comes, it is closed.
 */

static void
ngx_http_freehold_keep_read(ngx_event_t *ev)
{
    int                        n;
    char                       byte;
    ngx_connection_t          *c = ev->data;
    ngx_http_freehold_kept_t  *k = c->data;

    if (!c->close && !ev->timedout) {

        n = recv(c->fd, &byte, 1, MSG_PEEK);

        if (n == -1 && ngx_socket_errno == NGX_EAGAIN) {
            ev->ready = 0;

            if (ngx_handle_read_event(ev, 0) == NGX_OK) {
                return;
            }
        }
    }

    ngx_http_freehold_keep_drop(k);
    ngx_http_freehold_close(c);
}


static void
ngx_http_freehold_keep_write(ngx_event_t *ev)
{
    /* nothing is waiting to be sent */
}


void
ngx_http_freehold_close(ngx_connection_t *c)
{
    ngx_pool_t  *pool = c->pool;

#if (NGX_SSL)
    if (c->ssl) {
        /* no farewell: nothing that it would protect is on its way */
        c->ssl->no_wait_shutdown = 1;
        c->ssl->no_send_shutdown = 1;
        (void) ngx_ssl_shutdown(c);
    }
#endif

    c->pool = NULL;
    ngx_close_connection(c);

    if (pool) {
        ngx_destroy_pool(pool);
    }
}
