/*
 * ngx_http_freehold_status.c: answers that need no exchange: /freehold/health, /freehold/ready, and
 * the errors that nginx finds before a request gets as far as a handler.
 *
 * SPDX-License-Identifier: Apache-2.0
 */

#include "ngx_http_freehold.h"

#include "dialect/dialect.h"


static ngx_int_t ngx_http_freehold_answer(ngx_http_request_t *r, ngx_uint_t status,
    struct fh_slice json);


/*
 * health: this worker answers.  ready: it has a policy and a journal, and at least one provider
 * that can be asked.
 */

ngx_int_t
ngx_http_freehold_status(ngx_http_request_t *r)
{
    ngx_int_t       rc, ready;
    struct fh_buf   json;

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return NGX_HTTP_NOT_ALLOWED;
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    if (r->uri.len == sizeof("/freehold/health") - 1
        && ngx_strncmp(r->uri.data, "/freehold/health", r->uri.len) == 0)
    {
        return ngx_http_freehold_answer(r, NGX_HTTP_OK, FH_LIT("{\"status\":\"ok\"}\n"));
    }

    if (r->uri.len == sizeof("/freehold/ready") - 1
        && ngx_strncmp(r->uri.data, "/freehold/ready", r->uri.len) == 0)
    {
        json = fh_buf_on_heap(1 << 20);
        ready = ngx_http_freehold_policy_ready(&json);

        rc = ngx_http_freehold_answer(r,
                                      ready == NGX_OK ? NGX_HTTP_OK
                                                      : NGX_HTTP_SERVICE_UNAVAILABLE,
                                      fh_buf_slice(&json));
        fh_buf_fini(&json);

        return rc;
    }

    return NGX_HTTP_NOT_FOUND;
}


/*
 * What went wrong before there was an exchange, in the shape that the client's SDK expects.
 */

ngx_int_t
ngx_http_freehold_error(ngx_http_request_t *r)
{
    size_t                    i;
    ngx_int_t                 rc;
    struct fh_buf             json;
    struct fh_arena          *arena;
    struct fh_fault           fault;
    struct fh_slice           line;
    struct timespec           ts;
    struct fh_request_id      id;
    struct fh_client_head     head;
    const struct fh_dialect  *dialect;
    char                      text[FH_REQUEST_ID_TEXT_LEN + 1];

    static const struct {
        ngx_uint_t            status;
        enum fh_refusal       kind;
        struct fh_slice       message;
    } known[] = {
        { 400, FH_REFUSE_BAD_REQUEST,
          FH_LIT_INIT("The request's first line or its headers are malformed or too long.") },
        { 404, FH_REFUSE_NO_SUCH_PATH, FH_LIT_INIT("There is nothing at this path.") },
        { 405, FH_REFUSE_BAD_METHOD, FH_LIT_INIT("This path does not take this method.") },
        { 408, FH_REFUSE_CLIENT_TIMEOUT, FH_LIT_INIT("The request did not arrive in time.") },
        { 411, FH_REFUSE_BAD_REQUEST,
          FH_LIT_INIT("The request has a body and does not say how long it is.") },
        { 413, FH_REFUSE_TOO_LARGE,
          FH_LIT_INIT("The body is larger than this gateway's body_max.") },
        { 414, FH_REFUSE_BAD_REQUEST, FH_LIT_INIT("The path and its query are too long.") },
        { 501, FH_REFUSE_BAD_REQUEST,
          FH_LIT_INIT("This transfer encoding is not known here: send the body's length.") },
        { 505, FH_REFUSE_BAD_REQUEST, FH_LIT_INIT("This version of HTTP is not known here.") },
        { 503, FH_REFUSE_STARTING,
          FH_LIT_INIT("The gateway has no policy yet: its control is starting or not running.") },
    };

    ngx_memzero(&fault, sizeof(struct fh_fault));
    fault.kind = FH_REFUSE_INTERNAL;
    fault.message = FH_LIT("The gateway could not handle the request. Its log says why.");

    for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (known[i].status == r->err_status) {
            fault.kind = known[i].kind;
            fault.message = known[i].message;
        }
    }

    /* there is none when its first line could not be read */

    ngx_memzero(&head, sizeof(head));
    line = ngx_http_freehold_slice(&r->request_line);

    if (fh_split(&line, ' ', &head.method) && fh_split(&line, ' ', &head.path)) {
        head.path = fh_head(head.path, fh_find(head.path, '?'));
    }

    dialect = fh_dialect(fh_exchange_dialect(&head));

    arena = fh_arena_new(1 << 16);
    json = fh_buf_on_heap(1 << 16);

    (void) clock_gettime(CLOCK_REALTIME, &ts);
    id = ngx_http_freehold_new_id((uint64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000);
    fh_request_id_print(&id, text);

    dialect->encode_fault(&json, arena, fh_cstr(text), &fault, FH_FRAMING_NONE);

    rc = ngx_http_freehold_answer(r, r->err_status, fh_buf_slice(&json));

    fh_buf_fini(&json);
    fh_arena_free(&arena);

    return rc;
}


static ngx_int_t
ngx_http_freehold_answer(ngx_http_request_t *r, ngx_uint_t status, struct fh_slice json)
{
    ngx_int_t    rc;
    ngx_buf_t   *b;
    ngx_chain_t  out;

    b = ngx_create_temp_buf(r->pool, json.len);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->last = ngx_cpymem(b->last, json.ptr, json.len);
    b->last_buf = 1;
    b->last_in_chain = 1;

    r->headers_out.status = status;
    r->headers_out.content_length_n = json.len;
    ngx_str_set(&r->headers_out.content_type, "application/json");
    r->headers_out.content_type_len = r->headers_out.content_type.len;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}
