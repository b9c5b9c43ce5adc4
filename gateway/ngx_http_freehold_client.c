/*
 * ngx_http_freehold_client.c: what goes to the client, and whether it is still there.
 *
 * Bytes are gathered while the exchange runs and sent in one go when it waits.  Their memory is
 * given back as soon as they are sent, so an idle stream has none.
 *
 * SPDX-License-Identifier: Apache-2.0
 */

#include "ngx_http_freehold.h"


#define NGX_HTTP_FREEHOLD_PENDING_MIN  512


static ngx_buf_t *ngx_http_freehold_client_buf(ngx_http_freehold_ctx_t *ctx);
static void ngx_http_freehold_client_recycle(ngx_http_freehold_ctx_t *ctx);
static void ngx_http_freehold_client_writable(ngx_http_request_t *r);
static void ngx_http_freehold_client_readable(ngx_http_request_t *r);
static void ngx_http_freehold_client_left(ngx_http_freehold_ctx_t *ctx);


void
ngx_http_freehold_client_head(ngx_http_freehold_ctx_t *ctx, const struct fh_want *want)
{
    size_t                       i;
    ngx_int_t                    rc;
    ngx_table_elt_t             *h;
    ngx_http_request_t          *r = ctx->request;
    const struct fh_http_field  *f;

    if (!ctx->body) {
        rc = ngx_http_discard_request_body(r);

        if (rc != NGX_OK) {
            r->keepalive = 0;
        }
    }

    r->headers_out.status = want->status;
    r->headers_out.content_length_n = want->content_length;

    for (i = 0; i < want->field_count; i++) {
        f = &want->fields[i];

        if (fh_eq(f->name, FH_LIT("content-type"))) {
            r->headers_out.content_type.data = (u_char *) f->value.ptr;
            r->headers_out.content_type.len = f->value.len;
            r->headers_out.content_type_len = f->value.len;
            continue;
        }

        h = ngx_list_push(&r->headers_out.headers);
        if (h == NULL) {
            ctx->rc = NGX_ERROR;
            return;
        }

        ngx_memzero(h, sizeof(ngx_table_elt_t));
        h->hash = 1;
        h->key.data = (u_char *) f->name.ptr;
        h->key.len = f->name.len;
        h->value.data = (u_char *) f->value.ptr;
        h->value.len = f->value.len;
    }

    rc = ngx_http_send_header(r);

    ctx->header_sent = 1;

    if (rc == NGX_ERROR) {
        ctx->rc = NGX_ERROR;
    }
}


void
ngx_http_freehold_client_bytes(ngx_http_freehold_ctx_t *ctx, struct fh_slice bytes)
{
    size_t      room, used;
    u_char     *p;
    ngx_buf_t  *b;

    if (ctx->request->header_only) {
        return;    /* HEAD: a body would be taken for the next answer */
    }

    b = ctx->pending;

    if (b == NULL) {
        b = ngx_http_freehold_client_buf(ctx);
        if (b == NULL) {
            ctx->rc = NGX_ERROR;
            return;
        }

        ctx->pending = b;
    }

    used = b->last - b->start;

    if ((size_t) (b->end - b->last) < bytes.len) {
        room = ngx_max(ngx_max(2 * (size_t) (b->end - b->start), used + bytes.len),
                       NGX_HTTP_FREEHOLD_PENDING_MIN);

        p = ngx_alloc(room, ctx->request->connection->log);
        if (p == NULL) {
            ctx->rc = NGX_ERROR;
            return;
        }

        if (b->start) {
            ngx_memcpy(p, b->start, used);
            ngx_free(b->start);
        }

        b->start = b->pos = p;
        b->last = p + used;
        b->end = p + room;
    }

    b->last = ngx_cpymem(b->last, bytes.ptr, bytes.len);
}


static ngx_buf_t *
ngx_http_freehold_client_buf(ngx_http_freehold_ctx_t *ctx)
{
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    cl = ngx_chain_get_free_buf(ctx->request->pool, &ctx->free);
    if (cl == NULL) {
        return NULL;
    }

    b = cl->buf;
    ngx_free_chain(ctx->request->pool, cl);

    ngx_memzero(b, sizeof(ngx_buf_t));
    b->temporary = 1;
    b->tag = (ngx_buf_tag_t) &ngx_http_freehold_module;

    return b;
}


/*
 * Sends what is pending, the end of the answer with it if it has come.
 */

ngx_int_t
ngx_http_freehold_client_flush(ngx_http_freehold_ctx_t *ctx)
{
    ngx_int_t            rc;
    ngx_buf_t           *b;
    ngx_chain_t          out, *chain;
    ngx_http_request_t  *r = ctx->request;

    if (ctx->gone || ctx->rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (ctx->request->header_only) {
        return NGX_OK;    /* the header was the last there is */
    }

    b = ctx->pending;
    ctx->pending = NULL;

    if (b == NULL && ctx->last) {
        b = ngx_http_freehold_client_buf(ctx);
        if (b == NULL) {
            return NGX_ERROR;
        }

        b->temporary = 0;
        b->sync = 1;
    }

    if (b == NULL || !ctx->header_sent) {
        return NGX_OK;
    }

    b->flush = 1;
    b->last_buf = ctx->last;
    b->last_in_chain = ctx->last;
    ctx->last = 0;

    out.buf = b;
    out.next = NULL;

    rc = ngx_http_output_filter(r, &out);

    chain = ngx_alloc_chain_link(r->pool);
    if (chain == NULL) {
        return NGX_ERROR;
    }

    chain->buf = b;
    chain->next = NULL;

    ngx_chain_update_chains(r->pool, &ctx->free, &ctx->busy, &chain,
                            (ngx_buf_tag_t) &ngx_http_freehold_module);
    ngx_http_freehold_client_recycle(ctx);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_AGAIN || r->buffered || r->connection->buffered) {
        ctx->blocked = 1;
        r->write_event_handler = ngx_http_freehold_client_writable;

        if (!r->connection->write->timer_set) {
            ngx_http_core_loc_conf_t  *clcf;

            clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);
            ngx_add_timer(r->connection->write, clcf->send_timeout);
        }

        if (ngx_handle_write_event(r->connection->write, 0) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/*
 * ngx_chain_update_chains sets pos and last of a free buf to its start: what is left to do is to
 * give the memory back.
 */

static void
ngx_http_freehold_client_recycle(ngx_http_freehold_ctx_t *ctx)
{
    ngx_chain_t  *cl;

    for (cl = ctx->free; cl && cl->buf->start; cl = cl->next) {
        ngx_free(cl->buf->start);
        cl->buf->start = cl->buf->pos = cl->buf->last = cl->buf->end = NULL;
    }
}


void
ngx_http_freehold_client_free(ngx_http_freehold_ctx_t *ctx)
{
    ngx_chain_t  *cl;

    for (cl = ctx->busy; cl; cl = cl->next) {
        if (cl->buf->start) {
            ngx_free(cl->buf->start);
            cl->buf->start = NULL;
        }
    }

    if (ctx->pending && ctx->pending->start) {
        ngx_free(ctx->pending->start);
        ctx->pending->start = NULL;
    }
}


static void
ngx_http_freehold_client_writable(ngx_http_request_t *r)
{
    ngx_int_t                 rc;
    ngx_chain_t              *none;
    ngx_connection_t         *c = r->connection;
    ngx_http_freehold_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_freehold_module);

    if (c->write->timedout || c->error) {
        c->timedout = c->write->timedout;
        ngx_http_freehold_client_left(ctx);
        return;
    }

    rc = ngx_http_output_filter(r, NULL);

    none = NULL;
    ngx_chain_update_chains(r->pool, &ctx->free, &ctx->busy, &none,
                            (ngx_buf_tag_t) &ngx_http_freehold_module);
    ngx_http_freehold_client_recycle(ctx);

    if (rc == NGX_ERROR) {
        ngx_http_freehold_client_left(ctx);
        return;
    }

    if (rc == NGX_AGAIN || r->buffered || c->buffered) {
        if (ngx_handle_write_event(c->write, 0) != NGX_OK) {
            ngx_http_freehold_client_left(ctx);
        }

        return;
    }

    if (c->write->timer_set) {
        ngx_del_timer(c->write);
    }

    ctx->blocked = 0;
    r->write_event_handler = ngx_http_request_empty_handler;

    ngx_http_freehold_upstream_read(ctx);
}


/*
 * From here on the request's read events mean only one thing: the client closed its side.
 */

void
ngx_http_freehold_client_watch(ngx_http_freehold_ctx_t *ctx)
{
    ctx->request->read_event_handler = ngx_http_freehold_client_readable;
    ctx->request->write_event_handler = ngx_http_request_empty_handler;
}


static void
ngx_http_freehold_client_readable(ngx_http_request_t *r)
{
    int                       n;
    char                      byte;
    ngx_err_t                 err;
    ngx_connection_t         *c = r->connection;
    ngx_http_freehold_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_freehold_module);

    if (ctx->gone) {
        return;
    }

    if (c->error) {
        ngx_http_freehold_client_left(ctx);
        return;
    }

#if (NGX_HTTP_V2)
    if (r->stream) {
        return;
    }
#endif

    n = recv(c->fd, &byte, 1, MSG_PEEK);
    err = ngx_socket_errno;

    if (n > 0 || (n == -1 && err == NGX_EAGAIN)) {

        /* the next request of a client that does not wait, or nothing */

        if ((ngx_event_flags & NGX_USE_LEVEL_EVENT) && c->read->active) {
            (void) ngx_del_event(c->read, NGX_READ_EVENT, 0);
        }

        return;
    }

    c->read->eof = 1;
    c->error = 1;

    ngx_log_error(NGX_LOG_INFO, c->log, n == 0 ? 0 : err,
                  "freehold: the client left; its answer is read on to know what it costs");

    ngx_http_freehold_client_left(ctx);
}


static void
ngx_http_freehold_client_left(ngx_http_freehold_ctx_t *ctx)
{
    ngx_connection_t  *c = ctx->request->connection;

    if (ctx->gone) {
        return;
    }

    ctx->gone = 1;
    ctx->blocked = 0;

    if (c->write->timer_set) {
        ngx_del_timer(c->write);
    }

    ctx->request->read_event_handler = ngx_http_block_reading;
    ctx->request->write_event_handler = ngx_http_request_empty_handler;

    fh_exchange_client_gone(ctx->exchange, ngx_http_freehold_now_us());

    if (ngx_http_freehold_pump(ctx) == NGX_AGAIN) {
        ngx_http_freehold_upstream_read(ctx);    /* it may have waited for the client */
    }
}
