/* nginx_conf.c: one directive a line, each with its reason where it has one.
 * SPDX-License-Identifier: Apache-2.0 */
#include "control/nginx_conf.h"

#include "control/file.h"
#include "control/state.h"

#include "base/text.h"
#include "wire/url.h"

#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    RESOLVERS_MAX = 3,
    PATH_MAX_LEN = 8192,
    CONF_MAX_LEN = 1 << 20,
    SMALL_FILE_MAX = 1 << 16
};

/* ---- nginx itself ---- */

bool fh_nginx_parse(struct fh_slice text, struct fh_nginx *out)
{
    static const struct fh_slice mark = FH_LIT_INIT("nginx/");
    struct fh_slice rest = text;
    struct fh_slice part = FH_NONE;
    uint64_t number[3] = {0};

    while (rest.len > 0 && !fh_starts(rest, mark)) {
        rest = fh_tail(rest, 1);
    }
    if (!fh_take(&rest, mark)) {
        return false;
    }
    size_t len = 0;

    while (len < rest.len &&
           (rest.ptr[len] == '.' || (rest.ptr[len] >= '0' && rest.ptr[len] <= '9'))) {
        len++;
    }
    rest = fh_head(rest, len);
    for (size_t i = 0; i < FH_LEN(number); i++) {
        if (!fh_split(&rest, '.', &part) || !fh_parse_u64(part, &number[i]) ||
            number[i] > 999) {
            return false;
        }
    }
    out->version = (uint32_t)(number[0] * 1000000 + number[1] * 1000 + number[2]);
    out->text = text;
    return true;
}

bool fh_nginx_serves_both(const struct fh_nginx *nginx)
{
    return nginx->version >= FH_NGINX_BOTH;
}

/* has_module says whether the optional module was left in. */
static bool has_module(const struct fh_nginx *nginx, const char *name)
{
    FH_AUTO(fh_buf_fini) struct fh_buf without = fh_buf_on_heap(64);

    fh_buf_printf(&without, "--without-http_%s_module", name);
    return !fh_contains(nginx->text, fh_buf_slice(&without));
}

/* ---- pieces ---- */

/* print_quoted writes a path so that nginx takes it as one word. */
static void print_quoted(struct fh_buf *out, const char *text)
{
    fh_buf_byte(out, '"');
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\') {
            fh_buf_byte(out, '\\');
        }
        fh_buf_byte(out, (uint8_t)*text);
    }
    fh_buf_byte(out, '"');
}

/* print_place writes a path below the state directory. */
FH_PRINTF(3, 4)
static void print_place(struct fh_buf *out, const char *state_dir, const char *fmt, ...)
{
    FH_AUTO(fh_buf_fini) struct fh_buf path = fh_buf_on_heap(PATH_MAX_LEN);
    va_list args;

    fh_buf_printf(&path, "%s/", state_dir);
    va_start(args, fmt);
    fh_buf_vprintf(&path, fmt, args);
    va_end(args);
    fh_buf_byte(&path, '\0');
    FH_ASSERT(!path.failed);
    print_quoted(out, (const char *)path.ptr);
}

/* print_env keeps the variables that providers' secrets are in: nginx drops all others. */
static void print_env(struct fh_buf *out, const struct fh_config *cfg)
{
    for (size_t i = 0; i < cfg->providers.count; i++) {
        struct fh_slice name = cfg->providers.list[i].to.key_ref;
        bool is_new = fh_starts(name, FH_LIT("env:"));

        for (size_t k = 0; k < i && is_new; k++) {
            is_new = !fh_eq(cfg->providers.list[k].to.key_ref, name);
        }
        if (is_new && fh_take(&name, FH_LIT("env:"))) {
            fh_buf_printf(out, "env %.*s;\n", FH_ARG(name));
        }
    }
}

/* next_nameserver finds the next one in the text of a resolv.conf. */
static bool next_nameserver(struct fh_slice *text, struct fh_slice *address)
{
    struct fh_slice line = FH_NONE;

    while (fh_split(text, '\n', &line)) {
        line = fh_trim(line);
        if (!fh_take(&line, FH_LIT("nameserver"))) {
            continue;
        }
        line = fh_trim(line);
        *address = fh_head(line, fh_min(fh_find(line, ' '), fh_find(line, '\t')));
        /* it may have a zone (fe80::1%eth0), and such an address nginx cannot use */
        if (fh_url_is_address(*address)) {
            return true;
        }
    }
    return false;
}

/* print_resolver takes the name servers of the config, else those of the system: nginx does not
 * look into resolv.conf by itself. When there is none the directive is left out. */
static void print_resolver(struct fh_buf *out, const struct fh_config *cfg,
                           struct fh_slice resolv_conf)
{
    FH_AUTO(fh_buf_fini) struct fh_buf list = fh_buf_on_heap(PATH_MAX_LEN);
    struct fh_slice address = FH_NONE;

    for (size_t i = 0; i < cfg->resolver.count; i++) {
        fh_buf_printf(&list, " %.*s", FH_ARG(cfg->resolver.list[i]));
    }
    for (size_t i = 0; cfg->resolver.count == 0 && i < RESOLVERS_MAX &&
                       next_nameserver(&resolv_conf, &address);
         i++) {
        bool is_v6 = fh_find(address, ':') < address.len;

        fh_buf_printf(&list, " %s%.*s%s", is_v6 ? "[" : "", FH_ARG(address), is_v6 ? "]" : "");
    }
    if (list.len > 0) {
        fh_buf_printf(out, "    resolver%.*s;\n    resolver_timeout 5s;\n",
                      FH_ARG(fh_buf_slice(&list)));
    }
}

/* print_temp_paths keeps nginx out of the system's directories, which not everybody can write. */
static void print_temp_paths(struct fh_buf *out, const struct fh_nginx_setup *setup)
{
    static const char *const modules[] = {"proxy", "fastcgi", "uwsgi", "scgi"};

    fh_buf_append(out, FH_LIT("    client_body_temp_path "));
    print_place(out, setup->state_dir, "run/body");
    fh_buf_append(out, FH_LIT(";\n"));
    for (size_t i = 0; i < FH_LEN(modules); i++) {
        if (has_module(&setup->nginx, modules[i])) {
            fh_buf_printf(out, "    %s_temp_path ", modules[i]);
            print_place(out, setup->state_dir, "run/%s", modules[i]);
            fh_buf_append(out, FH_LIT(";\n"));
        }
    }
}

static void print_listens(struct fh_buf *out, const struct fh_config *cfg,
                          const struct fh_nginx *nginx)
{
    for (size_t i = 0; i < cfg->listen.count; i++) {
        fh_buf_printf(out, "        listen %.*s;\n", FH_ARG(cfg->listen.list[i].text));
    }
    for (size_t i = 0; i < cfg->listen_http2.count; i++) {
        fh_buf_printf(out, "        listen %.*s%s;\n", FH_ARG(cfg->listen_http2.list[i].text),
                      fh_nginx_serves_both(nginx) ? "" : " http2");
    }
    if (fh_nginx_serves_both(nginx)) {
        fh_buf_append(out, FH_LIT("        http2 on;\n"));
    }
}

static void print_process(struct fh_buf *out, const struct fh_config *cfg,
                          const struct fh_nginx_setup *setup)
{
    uint64_t files = 2 * (uint64_t)cfg->connections + 64;

    fh_buf_append(out, FH_LIT("# Written by Freehold at each start; changes here are lost.\n"
                              "load_module "));
    print_quoted(out, setup->module_path);
    fh_buf_append(out, FH_LIT(";\ndaemon off;\n"));
    if (setup->user.len > 0) {
        fh_buf_printf(out, "user %.*s;\n", FH_ARG(setup->user));
    }
    if (cfg->workers == 0) {
        fh_buf_append(out, FH_LIT("worker_processes auto;\n"));
    } else {
        fh_buf_printf(out, "worker_processes %u;\n", cfg->workers);
    }
    fh_buf_printf(out, "worker_rlimit_nofile %" PRIu64 ";\n",
                  files < setup->files_max ? files : setup->files_max);
    fh_buf_append(out, FH_LIT("pid "));
    print_place(out, setup->state_dir, "run/nginx.pid");
    fh_buf_append(out, FH_LIT(";\nerror_log "));
    print_place(out, setup->state_dir, "log/nginx.log");
    fh_buf_append(out, FH_LIT(" notice;\n"));
    print_env(out, cfg);
    fh_buf_printf(out, "\nevents {\n    worker_connections %u;\n}\n", cfg->connections);
}

void fh_nginx_conf(struct fh_buf *out, const struct fh_config *cfg,
                   const struct fh_nginx_setup *setup)
{
    print_process(out, cfg, setup);
    fh_buf_append(out, FH_LIT("\nhttp {\n"
                              "    access_log off;\n"
                              "    server_tokens off;\n"
                              "    tcp_nodelay on;\n"
                              "    keepalive_requests 1000000;\n"
                              "    lingering_close on;\n"
                              "    merge_slashes off;\n"
                              "    underscores_in_headers off;\n"
                              "    client_header_buffer_size 2k;\n"
                              "    large_client_header_buffers 8 16k;\n"));
    /* a body larger than its buffer would go to a file */
    fh_buf_printf(out,
                  "    client_max_body_size %" PRIu64 ";\n"
                  "    client_body_buffer_size %" PRIu64 ";\n",
                  cfg->limits.body_max_bytes, cfg->limits.body_max_bytes);
    print_temp_paths(out, setup);
    print_resolver(out, cfg, setup->resolv_conf);
    fh_buf_append(out, FH_LIT("    freehold_state "));
    print_quoted(out, setup->state_dir);
    fh_buf_printf(out, ";\n    freehold_journal_segment %" PRIu64 ";\n",
                  cfg->journal.segment_bytes);
    fh_buf_append(out, FH_LIT("\n    server {\n"));
    print_listens(out, cfg, &setup->nginx);
    /* what nginx itself finds wrong comes to the module as well, which says it as JSON */
    fh_buf_append(
        out, FH_LIT("        error_page 400 404 405 408 411 413 414 431 494 495 496 497 500 "
                    "501 502 503 504 505 /freehold/error;\n"
                    "        location / {\n"
                    "            freehold on;\n"
                    "        }\n"
                    "    }\n"
                    "}\n"));
}

/* ---- writing it ---- */

/* owner gives "name group" of who owns the state directory: workers must be able to enter it. */
static struct fh_slice owner(const char *state_dir, struct fh_arena *arena)
{
    struct fh_buf out = fh_buf_in_arena(arena, 1024);
    struct stat st;

    if (geteuid() != 0 || stat(state_dir, &st) != 0) {
        return FH_NONE;
    }
    /* NOLINTBEGIN(concurrency-mt-unsafe): there is one thread */
    struct passwd *user = getpwuid(st.st_uid);
    struct group *group = getgrgid(st.st_gid);
    /* NOLINTEND(concurrency-mt-unsafe) */

    if (user == NULL || group == NULL) {
        return FH_NONE;
    }
    fh_buf_printf(&out, "%s %s", user->pw_name, group->gr_name);
    return fh_buf_slice(&out);
}

static struct fh_slice read_small(const char *path, struct fh_arena *arena)
{
    uint8_t *bytes = fh_arena_raw(arena, SMALL_FILE_MAX);
    FILE *file = fopen(path, "rbe");

    if (file == NULL) {
        return FH_NONE;
    }
    size_t len = fread(bytes, 1, SMALL_FILE_MAX, file);

    (void)fclose(file);
    return fh_slice(bytes, len);
}

enum fh_rc fh_nginx_conf_write(const struct fh_config *cfg, struct fh_nginx_setup setup,
                               struct fh_arena *arena)
{
    struct fh_buf out = fh_buf_in_arena(arena, CONF_MAX_LEN);
    struct rlimit files = {.rlim_max = 1024};

    (void)getrlimit(RLIMIT_NOFILE, &files);
    setup.files_max = files.rlim_max;
    setup.user = owner(setup.state_dir, arena);
    setup.resolv_conf = read_small("/etc/resolv.conf", arena);
    fh_nginx_conf(&out, cfg, &setup);
    if (out.failed) {
        errno = EFBIG;
        return FH_E_SYSTEM;
    }
    return fh_file_replace(fh_state_path(arena, setup.state_dir, FH_STATE_NGINX_CONF),
                           fh_buf_slice(&out), arena);
}
