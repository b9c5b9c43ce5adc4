/*
 * nginx_conf.h: the nginx.conf that `freehold up` runs, from the config.
 *
 * What is hot-swapped (models, providers, keys, limits in use) is not in it: that is the policy
 * store's. In it is what nginx fixes at its start.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "control/config/config.h"

/* An nginx, by what `nginx -V` says of itself. */
struct fh_nginx {
    uint32_t version;     /* 1022001 for 1.22.1, as nginx's own headers have it */
    struct fh_slice text; /* all of what it said */
};

/* fh_nginx_parse reads the output of `nginx -V` (or -v). False when there is no version in it.
 *
 * Borrows  `text` for as long as `out` is used.
 */
FH_NODISCARD bool fh_nginx_parse(struct fh_slice text, struct fh_nginx *out);

/* fh_nginx_serves_both says whether one port can take HTTP/1.1 and cleartext HTTP/2. */
bool fh_nginx_serves_both(const struct fh_nginx *nginx);

enum {
    FH_NGINX_MIN = 1022000,  /* the oldest that the gateway's module is built for */
    FH_NGINX_BOTH = 1025001, /* `http2 on` */
};

struct fh_nginx_setup {
    struct fh_nginx nginx;
    const char *module_path; /* ngx_http_freehold_module.so; absolute */
    const char *state_dir;   /* absolute */
    struct fh_slice user; /* "name group" that workers run as; empty unless started as root */
    struct fh_slice resolv_conf; /* content of /etc/resolv.conf; may be empty */
    uint64_t files_max;          /* open files that this process may have */
};

/* fh_nginx_conf appends the whole file. */
void fh_nginx_conf(struct fh_buf *out, const struct fh_config *cfg,
                   const struct fh_nginx_setup *setup);

/* fh_nginx_conf_write fills in user, resolv_conf and files_max from this machine and writes
 * run/nginx.conf under the state directory, which exists (fh_state_make).
 *
 * Returns  FH_E_SYSTEM: errno says why.
 */
enum fh_rc fh_nginx_conf_write(const struct fh_config *cfg, struct fh_nginx_setup setup,
                               struct fh_arena *arena);
