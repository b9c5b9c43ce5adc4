/*
 * ngx_http_freehold.h: the nginx module, a shell around core/exchange.
 *
 *     ngx_http_freehold_module.c    directives, start of a worker
 *     ngx_http_freehold_request.c   one request: carries out what its exchange wants
 *     ngx_http_freehold_client.c    bytes to the client, and whether it is still there
 *     ngx_http_freehold_policy.c    keys, models and providers, from the policy store
 *     ngx_http_freehold_upstream.c  one connection to a provider: name, socket, TLS, bytes
 *     ngx_http_freehold_keep.c      connections that are kept for the next request
 *     ngx_http_freehold_status.c    /freehold/health, /freehold/ready, nginx's own errors
 *
 * This file knows nothing about providers, and core/ knows nothing about nginx.  Upstream
 * connections are the module's own and not ngx_http_upstream's: the exchange decides about every
 * attempt anew, an idle stream has no buffer, and the answer is read on when the client has left.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "exchange/exchange.h"
#include "gateway/journal_file.h"
#include "gateway/policy_reader.h"


#define NGX_HTTP_FREEHOLD_READ_SIZE  65536    /* a worker's one read buffer */

#define NGX_HTTP_FREEHOLD_MAGIC      0x46524545


typedef struct ngx_http_freehold_ctx_s         ngx_http_freehold_ctx_t;
typedef struct ngx_http_freehold_upstream_s    ngx_http_freehold_upstream_t;
typedef struct ngx_http_freehold_generation_s  ngx_http_freehold_generation_t;


typedef struct {
    ngx_str_t                        state;           /* directory */
    size_t                           journal_segment;
    ngx_uint_t                       keep;            /* idle connections a worker keeps */
    ngx_msec_t                       keep_timeout;
} ngx_http_freehold_main_conf_t;


typedef struct {
    ngx_flag_t                       enabled;
} ngx_http_freehold_loc_conf_t;


/* what a worker has once; made in init_process */

typedef struct {
    ngx_http_freehold_main_conf_t   *conf;
    struct fh_journal_file          *journal;
    struct fh_policy_reader         *policy;
    ngx_http_freehold_generation_t  *generation;      /* the newest; holds a reference */
    u_char                          *buffer;          /* READ_SIZE, for one read at a time */

    u_char                           random[512];     /* unused bytes behind random_at */
    size_t                           random_at;
} ngx_http_freehold_worker_t;


/* one connection to a provider, or the attempt to get one */

struct ngx_http_freehold_upstream_s {
    uint32_t                         magic;
    ngx_http_freehold_ctx_t         *ctx;
    const struct fh_provider        *provider;
    ngx_peer_connection_t            peer;            /* connection: NULL if none */
    ngx_resolver_ctx_t              *resolving;
    ngx_resolver_addr_t             *addrs;           /* in the request's pool */
    ngx_uint_t                       naddrs;
    ngx_uint_t                       next_addr;

    ngx_sockaddr_t                   sockaddr;        /* the one in use */
    socklen_t                        socklen;
    ngx_str_t                        name;            /* of it, for the log */

    ngx_buf_t                        bufs[FH_EXCHANGE_PIECES_MAX];
    ngx_chain_t                      links[FH_EXCHANGE_PIECES_MAX];
    ngx_chain_t                     *unsent;

    unsigned                         kept:1;          /* came from the keep */
    unsigned                         sending:1;
};


struct ngx_http_freehold_ctx_s {
    uint32_t                         magic;
    ngx_http_request_t              *request;
    struct fh_exchange              *exchange;
    ngx_http_freehold_generation_t  *generation;      /* holds a reference */
    ngx_http_freehold_upstream_t     upstream;
    ngx_event_t                      timer;

    ngx_chain_t                     *free;            /* bufs that are sent */
    ngx_chain_t                     *busy;
    ngx_buf_t                       *pending;         /* bytes since the last flush */

    ngx_int_t                        rc;              /* to finalize with */

    unsigned                         body:1;          /* the body is or was being read */
    unsigned                         blocked:1;       /* the client does not take more */
    unsigned                         gone:1;
    unsigned                         header_sent:1;
    unsigned                         last:1;          /* the pending bytes are the last */
    unsigned                         pumping:1;
};


extern ngx_module_t                 ngx_http_freehold_module;
extern ngx_http_freehold_worker_t   ngx_http_freehold_worker;


static ngx_inline uint64_t
ngx_http_freehold_now_us(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}


static ngx_inline struct fh_slice
ngx_http_freehold_slice(const ngx_str_t *s)
{
    return fh_slice(s->data, s->len);
}


/* request */

ngx_int_t ngx_http_freehold_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_freehold_pump(ngx_http_freehold_ctx_t *ctx);
struct fh_request_id ngx_http_freehold_new_id(uint64_t calendar_us);

/* client */

void ngx_http_freehold_client_head(ngx_http_freehold_ctx_t *ctx, const struct fh_want *want);
void ngx_http_freehold_client_bytes(ngx_http_freehold_ctx_t *ctx, struct fh_slice bytes);
ngx_int_t ngx_http_freehold_client_flush(ngx_http_freehold_ctx_t *ctx);
void ngx_http_freehold_client_watch(ngx_http_freehold_ctx_t *ctx);
void ngx_http_freehold_client_free(ngx_http_freehold_ctx_t *ctx);

/* policy */

ngx_http_freehold_generation_t *ngx_http_freehold_policy_begin(ngx_log_t *log);
void ngx_http_freehold_policy_end(void);
void ngx_http_freehold_policy_release(ngx_http_freehold_generation_t *g);
const struct fh_policy_limits *ngx_http_freehold_policy_limits(
    ngx_http_freehold_generation_t *g);
void ngx_http_freehold_policy_key(ngx_http_freehold_ctx_t *ctx, const struct fh_want *want);
void ngx_http_freehold_policy_route(ngx_http_freehold_ctx_t *ctx, struct fh_slice model);
void ngx_http_freehold_policy_models(ngx_http_freehold_ctx_t *ctx);
void ngx_http_freehold_policy_places(ngx_http_freehold_ctx_t *ctx);
ngx_int_t ngx_http_freehold_policy_ready(struct fh_buf *json);

/* upstream */

void ngx_http_freehold_upstream_connect(ngx_http_freehold_ctx_t *ctx,
    const struct fh_target *target);
void ngx_http_freehold_upstream_send(ngx_http_freehold_ctx_t *ctx, const struct fh_want *want);
void ngx_http_freehold_upstream_release(ngx_http_freehold_ctx_t *ctx, ngx_uint_t keep);
void ngx_http_freehold_upstream_read(ngx_http_freehold_ctx_t *ctx);

/* keep */

ngx_int_t ngx_http_freehold_keep_init(ngx_cycle_t *cycle, ngx_uint_t max, ngx_msec_t timeout);
ngx_connection_t *ngx_http_freehold_keep_take(ngx_http_freehold_upstream_t *u);
ngx_int_t ngx_http_freehold_keep_put(ngx_http_freehold_upstream_t *u);
void ngx_http_freehold_close(ngx_connection_t *c);

/* status */

ngx_int_t ngx_http_freehold_status(ngx_http_request_t *r);
ngx_int_t ngx_http_freehold_error(ngx_http_request_t *r);
