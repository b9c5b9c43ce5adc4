/*
 * ngx_http_freehold_module.c: directives, and what a worker needs from its first request on.
 *
 * SPDX-License-Identifier: Apache-2.0
 */

#include "ngx_http_freehold.h"

#include <malloc.h>


/*
 * A long prompt and its translation are a few blocks of some hundred KiB that live for one request.
 * glibc maps and unmaps such blocks anew each time, or does not, by what was freed before; the page
 * faults cost as much as the rest of the request.  So blocks up to the first bound come from the
 * heap, and as much of it as the second stays when it is free.
 */

#define NGX_HTTP_FREEHOLD_HEAP_BLOCK  (4 * 1024 * 1024)
#define NGX_HTTP_FREEHOLD_HEAP_KEPT   (8 * 1024 * 1024)


static void *ngx_http_freehold_create_main_conf(ngx_conf_t *cf);
static char *ngx_http_freehold_init_main_conf(ngx_conf_t *cf, void *conf);
static void *ngx_http_freehold_create_loc_conf(ngx_conf_t *cf);
static char *ngx_http_freehold_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child);
static char *ngx_http_freehold_on(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
static ngx_int_t ngx_http_freehold_init_process(ngx_cycle_t *cycle);
static ngx_int_t ngx_http_freehold_open(ngx_cycle_t *cycle);
static void ngx_http_freehold_exit_process(ngx_cycle_t *cycle);


ngx_http_freehold_worker_t  ngx_http_freehold_worker;


static ngx_command_t  ngx_http_freehold_commands[] = {

    /* the directory that holds policy store and journal */
    { ngx_string("freehold_state"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_freehold_main_conf_t, state),
      NULL },

    { ngx_string("freehold_journal_segment"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_freehold_main_conf_t, journal_segment),
      NULL },

    /* how many idle connections to providers a worker keeps */
    { ngx_string("freehold_keepalive"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_freehold_main_conf_t, keep),
      NULL },

    { ngx_string("freehold_keepalive_timeout"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_freehold_main_conf_t, keep_timeout),
      NULL },

    { ngx_string("freehold"),
      NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_http_freehold_on,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_freehold_loc_conf_t, enabled),
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_freehold_module_ctx = {
    NULL,                                  /* preconfiguration */
    NULL,                                  /* postconfiguration */

    ngx_http_freehold_create_main_conf,    /* create main configuration */
    ngx_http_freehold_init_main_conf,      /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_freehold_create_loc_conf,     /* create location configuration */
    ngx_http_freehold_merge_loc_conf       /* merge location configuration */
};


ngx_module_t  ngx_http_freehold_module = {
    NGX_MODULE_V1,
    &ngx_http_freehold_module_ctx,         /* module context */
    ngx_http_freehold_commands,            /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    ngx_http_freehold_init_process,        /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_http_freehold_exit_process,        /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static void *
ngx_http_freehold_create_main_conf(ngx_conf_t *cf)
{
    ngx_http_freehold_main_conf_t  *fmcf;

    fmcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_freehold_main_conf_t));
    if (fmcf == NULL) {
        return NULL;
    }

    fmcf->journal_segment = NGX_CONF_UNSET_SIZE;
    fmcf->keep = NGX_CONF_UNSET_UINT;
    fmcf->keep_timeout = NGX_CONF_UNSET_MSEC;

    return fmcf;
}


static char *
ngx_http_freehold_init_main_conf(ngx_conf_t *cf, void *conf)
{
    ngx_http_freehold_main_conf_t  *fmcf = conf;

    ngx_conf_init_size_value(fmcf->journal_segment, 8 * 1024 * 1024);
    ngx_conf_init_uint_value(fmcf->keep, 256);
    ngx_conf_init_msec_value(fmcf->keep_timeout, 60000);

    if (fmcf->state.len == 0) {
        return NGX_CONF_OK;
    }

    if (ngx_conf_full_name(cf->cycle, &fmcf->state, 0) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static void *
ngx_http_freehold_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_freehold_loc_conf_t  *flcf;

    flcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_freehold_loc_conf_t));
    if (flcf == NULL) {
        return NULL;
    }

    flcf->enabled = NGX_CONF_UNSET;

    return flcf;
}


static char *
ngx_http_freehold_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_freehold_loc_conf_t  *prev = parent;
    ngx_http_freehold_loc_conf_t  *conf = child;

    ngx_conf_merge_value(conf->enabled, prev->enabled, 0);

    return NGX_CONF_OK;
}


static char *
ngx_http_freehold_on(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char                           *rv;
    ngx_http_core_loc_conf_t       *clcf;
    ngx_http_freehold_loc_conf_t   *flcf = conf;
    ngx_http_freehold_main_conf_t  *fmcf;

    rv = ngx_conf_set_flag_slot(cf, cmd, conf);
    if (rv != NGX_CONF_OK || !flcf->enabled) {
        return rv;
    }

    fmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_freehold_module);

    if (fmcf->state.len == 0) {
        return "needs \"freehold_state DIRECTORY;\" in the http block before it";
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_http_freehold_handler;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_freehold_init_process(ngx_cycle_t *cycle)
{
    ngx_http_freehold_worker_t     *w = &ngx_http_freehold_worker;
    ngx_http_freehold_main_conf_t  *fmcf;

    fmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_freehold_module);

    if (fmcf == NULL || fmcf->state.len == 0
        || (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE))
    {
        return NGX_OK;
    }

    (void) mallopt(M_MMAP_THRESHOLD, NGX_HTTP_FREEHOLD_HEAP_BLOCK);
    (void) mallopt(M_TRIM_THRESHOLD, NGX_HTTP_FREEHOLD_HEAP_KEPT);

    w->conf = fmcf;
    w->random_at = sizeof(w->random);

    w->buffer = ngx_palloc(cycle->pool, NGX_HTTP_FREEHOLD_READ_SIZE);
    if (w->buffer == NULL) {
        return NGX_ERROR;
    }

    if (ngx_http_freehold_keep_init(cycle, fmcf->keep, fmcf->keep_timeout) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_freehold_open(cycle);
}


/*
 * A worker without a journal lets no request out, and says so to whoever asks: that is better than
 * one that is started again and again.
 */

static ngx_int_t
ngx_http_freehold_open(ngx_cycle_t *cycle)
{
    u_char                       dir[NGX_MAX_PATH];
    ngx_http_freehold_worker_t  *w = &ngx_http_freehold_worker;

    if (w->conf->state.len + sizeof("/policy") > sizeof(dir)) {
        return NGX_ERROR;
    }

    (void) ngx_sprintf(dir, "%V%Z", &w->conf->state);

    if (fh_journal_file_open(&w->journal, (char *) dir, ngx_worker,
                             w->conf->journal_segment)
        != FH_OK)
    {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, ngx_errno,
                      "freehold: no journal can be opened in \"%s/journal\"", dir);
    }

    (void) ngx_sprintf(dir, "%V/policy%Z", &w->conf->state);

    w->policy = fh_policy_reader_new((char *) dir);

    return NGX_OK;
}


static void
ngx_http_freehold_exit_process(ngx_cycle_t *cycle)
{
    ngx_http_freehold_worker_t  *w = &ngx_http_freehold_worker;

    fh_journal_file_close(&w->journal);

    if (w->generation) {
        ngx_http_freehold_policy_release(w->generation);
        w->generation = NULL;
    }

    fh_policy_reader_free(&w->policy);
}
