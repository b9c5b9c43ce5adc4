/* cmd_doctor.c: `freehold doctor`: is everything here that Freehold needs, and in good order?
 * SPDX-License-Identifier: Apache-2.0 */
#include "cli/capture.h"
#include "cli/cli_store.h"
#include "cli/try_listen.h"
#include "cli/where.h"
#include "control/config/config.h"
#include "control/credentials/credentials.h"
#include "control/nginx_conf.h"
#include "control/state.h"
#include "gateway/secrets.h"

#include "base/secret.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <libfyaml.h>
#include <lmdb.h>
#include <netdb.h>
#include <openssl/crypto.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

enum {
    TEXT_MAX_LEN = 4096,
    SAID_MAX_LEN = 1 << 16,
    JOURNAL_FREE_MIN_MIB = 256,
    YEAR_2025_S = 1735689600,
};

enum verdict {
    OK,
    WARN, /* it will run, and something is worth a look */
    BAD,  /* it will not run */
    VERDICTS,
};

static const char *const verdicts[] = {"ok", "warn", "bad"};
static_assert(FH_LEN(verdicts) == VERDICTS, "each has a word");

struct row {
    struct row *next;
    enum verdict verdict;
    const char *check;
    struct fh_slice found; /* what is there, and what would be right */
};

struct doctor {
    struct fh_cli *cli;
    struct fh_arena *arena;
    const char *state_dir;
    struct row *first, *last;
    uint32_t count[VERDICTS];
    bool has_config;
    struct fh_config cfg;
    struct fh_nginx nginx;
    const char *nginx_path;
};

FH_PRINTF(4, 5)
static void note(struct doctor *d, enum verdict verdict, const char *check, const char *fmt,
                 ...)
{
    struct fh_buf found = fh_buf_in_arena(d->arena, TEXT_MAX_LEN);
    struct row *row = fh_new(d->arena, struct row);
    va_list args;

    va_start(args, fmt);
    fh_buf_vprintf(&found, fmt, args);
    va_end(args);
    *row = (struct row){.verdict = verdict, .check = check, .found = fh_buf_slice(&found)};
    if (d->last == NULL) {
        d->first = row;
    } else {
        d->last->next = row;
    }
    d->last = row;
    d->count[verdict]++;
}

/* ---- config and secrets ---- */

static void look_at_config(struct doctor *d)
{
    struct fh_findings findings;
    enum fh_rc rc =
        fh_config_load(&d->cfg, &findings, d->arena, d->cli->config_path, d->state_dir);

    d->has_config = rc == FH_OK;
    if (rc == FH_E_SYSTEM) {
        note(d, BAD, "config", "%s: %.*s; --config or FREEHOLD_CONFIG names another",
             d->cli->config_path, FH_ARG(findings.first->text));
    } else if (rc != FH_OK) {
        note(d, BAD, "config", "%s has %u errors; `freehold check` lists them",
             d->cli->config_path, findings.errors);
    } else {
        note(d, OK, "config", "%s: models %zu, providers %zu", d->cli->config_path,
             d->cfg.models.count, d->cfg.providers.count);
    }
}

/* look_at_credentials says what control has obtained, or would obtain if it ran here. */
static void look_at_credentials(struct doctor *d)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    for (size_t i = 0; d->has_config && i < d->cfg.providers.count; i++) {
        const struct fh_config_provider *p = &d->cfg.providers.list[i];
        struct fh_buf said = fh_buf_in_arena(d->arena, TEXT_MAX_LEN);

        if (p->to.source == FH_CREDENTIALS_NONE) {
            continue;
        }
        const struct fh_credentials_task task = fh_credentials_of(p, d->state_dir, d->arena);
        enum fh_rc rc = fh_credentials_describe(&said, &task, (const char *const *)environ,
                                                (uint64_t)now.tv_sec * 1000000);

        note(d, rc == FH_OK ? OK : WARN, "credentials", "%.*s: %.*s", FH_ARG(p->to.name),
             FH_ARG(fh_buf_slice(&said)));
    }
}

static void look_at_secrets(struct doctor *d)
{
    for (size_t i = 0; d->has_config && i < d->cfg.providers.count; i++) {
        const struct fh_provider *to = &d->cfg.providers.list[i].to;
        struct fh_buf why = fh_buf_in_arena(d->arena, TEXT_MAX_LEN);
        struct fh_secret secret = FH_SECRET_NONE;

        if (to->key_ref.len == 0 || to->kind == FH_PROVIDER_LOCAL ||
            to->source != FH_CREDENTIALS_NONE) {
            continue;
        }
        if (fh_secrets_resolve(&secret, to->key_ref, &why) == FH_OK) {
            note(d, OK, "secret", "%.*s has its key from %.*s", FH_ARG(to->name),
                 FH_ARG(to->key_ref));
            fh_secret_fini(&secret);
        } else {
            note(d, WARN, "secret", "%.*s: %.*s", FH_ARG(to->name), FH_ARG(fh_buf_slice(&why)));
        }
    }
}

/* ---- nginx ---- */

static void look_at_nginx(struct doctor *d)
{
    struct fh_buf said = fh_buf_in_arena(d->arena, SAID_MAX_LEN);

    d->nginx_path = fh_capture_find(d->arena, "nginx", "/usr/sbin");
    if (d->nginx_path == NULL) {
        note(d, BAD, "nginx",
             "it is not on PATH nor in /usr/sbin; on Debian: apt install nginx");
        return;
    }
    const char *const argv[] = {d->nginx_path, "-V", NULL};

    if (fh_capture(argv, &said) != 0 || !fh_nginx_parse(fh_buf_slice(&said), &d->nginx)) {
        note(d, BAD, "nginx", "%s -V does not say its version", d->nginx_path);
        d->nginx_path = NULL;
        return;
    }
    uint32_t version = d->nginx.version;

    note(d, version < FH_NGINX_MIN ? BAD : OK, "nginx", "%s is %u.%u.%u%s", d->nginx_path,
         version / 1000000, version / 1000 % 1000, version % 1000,
         version < FH_NGINX_MIN ? "; 1.22 or later is needed" : "");
}

/* last_line gives the last thing that was said. */
static struct fh_slice last_line(struct fh_slice text)
{
    struct fh_slice line = FH_NONE;
    struct fh_slice last = FH_NONE;

    while (fh_split(&text, '\n', &line)) {
        last = line.len > 0 ? line : last;
    }
    return last;
}

/* look_at_module lets nginx test the very file that `freehold up` would run, in a directory that
 * goes away again. */
static void look_at_module(struct doctor *d)
{
    struct fh_buf tried = fh_buf_in_arena(d->arena, TEXT_MAX_LEN);
    struct fh_buf said = fh_buf_in_arena(d->arena, SAID_MAX_LEN);
    const char *module = fh_where(d->arena, FH_FILE_MODULE, &tried);
    char dir[] = "/tmp/freehold-doctor-XXXXXX";
    const char *why = "";

    if (module == NULL) {
        note(d, BAD, "module",
             "ngx_http_freehold_module.so is not beside this program; `make` "
             "builds it");
        return;
    }
    if (d->nginx_path == NULL || !d->has_config) {
        return; /* said above */
    }
    if (mkdtemp(dir) == NULL || fh_state_make(d->arena, dir, &why) != FH_OK) {
        note(d, WARN, "module", "it could not be tried: no directory under /tmp");
        return;
    }
    const struct fh_nginx_setup setup = {
        .nginx = d->nginx, .module_path = module, .state_dir = dir};
    const char *conf = fh_state_path(d->arena, dir, FH_STATE_NGINX_CONF);
    const char *const test[] = {d->nginx_path, "-t", "-c", conf, "-e", "stderr", NULL};
    const char *const clean[] = {"/bin/rm", "-rf", "--", dir, NULL};

    if (fh_nginx_conf_write(&d->cfg, setup, d->arena) != FH_OK ||
        fh_capture(test, &said) != 0) {
        note(d, BAD, "module", "nginx does not take %s: %.*s", module,
             FH_ARG(last_line(fh_buf_slice(&said))));
    } else {
        note(d, OK, "module", "%s loads", module);
    }
    (void)fh_capture(clean, &said);
}

/* ---- state ---- */

static void look_at_state(struct doctor *d)
{
    const char *journal = fh_state_path(d->arena, d->state_dir, FH_STATE_JOURNAL);
    struct statvfs fs;
    struct stat st;

    if (stat(d->state_dir, &st) != 0) {
        note(d, errno == ENOENT ? OK : BAD, "state", "%s: %s", d->state_dir,
             errno == ENOENT ? "not there yet; the first start makes it"
                             : strerrordesc_np(errno));
        return;
    }
    if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        note(d, WARN, "state", "%s can be entered by others: chmod 700 it", d->state_dir);
    } else if (access(d->state_dir, W_OK | X_OK) != 0) {
        note(d, BAD, "state", "%s: %s; --state or FREEHOLD_STATE names another", d->state_dir,
             strerrordesc_np(errno));
    } else {
        note(d, OK, "state", "%s is ours alone", d->state_dir);
    }
    if (access(journal, F_OK) != 0) {
        return;
    }
    if (access(journal, W_OK | X_OK) != 0 || statvfs(journal, &fs) != 0) {
        note(d, BAD, "journal", "%s: %s", journal, strerrordesc_np(errno));
        return;
    }
    uint64_t free_mib = (uint64_t)fs.f_bavail * fs.f_frsize >> 20;

    note(d, free_mib < JOURNAL_FREE_MIN_MIB ? WARN : OK, "journal", "%s has %llu MiB free%s",
         journal, (unsigned long long)free_mib,
         free_mib < JOURNAL_FREE_MIN_MIB ? "; a full disk stops all requests" : "");
}

static void look_at_store(struct doctor *d)
{
    const char *dir = fh_state_path(d->arena, d->state_dir, FH_STATE_POLICY);
    struct fh_store *store = NULL;
    struct fh_store_keys keys = {0};
    const char *why = "";
    size_t in_use = 0;

    if (access(dir, F_OK) != 0) {
        return;
    }
    if (fh_store_open(&store, dir, &why) != FH_OK) {
        note(d, BAD, "policy", "%s cannot be opened: %s", dir, why);
        return;
    }
    if (fh_store_keys(store, d->arena, &keys) != FH_OK) {
        note(d, BAD, "policy", "the keys in %s cannot be read: %s", dir, fh_store_error(store));
    } else {
        for (size_t i = 0; i < keys.count; i++) {
            in_use += !keys.list[i].revoked;
        }
        note(d, in_use == 0 ? WARN : OK, "policy", "%zu keys in use%s", in_use,
             in_use == 0 ? "; `freehold key create NAME` makes one" : "");
    }
    fh_store_close(&store);
}

/* ---- this machine ---- */

static void look_at_ports(struct doctor *d)
{
    for (size_t i = 0; d->has_config && i < d->cfg.listen.count; i++) {
        const struct fh_config_listen *at = &d->cfg.listen.list[i];
        int error = fh_try_listen(at);

        if (error == EADDRINUSE) {
            note(d, WARN, "port", "%.*s is taken: by a running Freehold, or by another program",
                 FH_ARG(at->text));
        } else if (error != 0) {
            note(d, BAD, "port", "%.*s: %s", FH_ARG(at->text), strerrordesc_np(error));
        } else {
            note(d, OK, "port", "%.*s is free", FH_ARG(at->text));
        }
    }
}

static void look_at_engine(struct doctor *d)
{
    const char *named = getenv("FREEHOLD_LLAMA_SERVER"); /* NOLINT(concurrency-mt-unsafe) */
    const char *found = fh_capture_find(d->arena, "llama-server", NULL);

    if (!d->has_config || fh_config_local(&d->cfg) == NULL) {
        return;
    }
    if (named != NULL && named[0] != '\0') {
        note(d, access(named, X_OK) == 0 ? OK : BAD, "engine", "FREEHOLD_LLAMA_SERVER=%s%s",
             named, access(named, X_OK) == 0 ? "" : " is no program that can be run");
    } else if (found != NULL) {
        note(d, OK, "engine", "%s", found);
    } else {
        note(d, OK, "engine", "no llama-server on PATH; the first start brings one, once");
    }
}

static void look_at_machine(struct doctor *d)
{
    struct timex clock = {0};
    struct rlimit files;
    time_t now = time(NULL);

    if (now < YEAR_2025_S) {
        note(d, BAD, "clock", "it is years behind; certificates and records need the time");
    } else if (adjtimex(&clock) >= 0 && (clock.status & STA_UNSYNC) != 0) {
        note(d, WARN, "clock", "nothing keeps it right (NTP); records carry its time");
    } else {
        note(d, OK, "clock", "it is kept right");
    }
    if (d->has_config && getrlimit(RLIMIT_NOFILE, &files) == 0 &&
        files.rlim_max < 2 * (rlim_t)d->cfg.connections) {
        note(d, WARN, "files",
             "at most %llu open files, and %u connections may want twice that",
             (unsigned long long)files.rlim_max, d->cfg.connections);
    }
    note(d, OK, "libraries", "yyjson %s, libfyaml %s, %s, SQLite %s, %s, curl %s",
         YYJSON_VERSION_STRING, fy_library_version(), mdb_version(NULL, NULL, NULL),
         sqlite3_libversion(), OpenSSL_version(OPENSSL_VERSION),
         curl_version_info(CURLVERSION_NOW)->version);
}

/* ---- the report ---- */

static void print_rows(const struct doctor *d)
{
    static const char *const titles[] = {"", "CHECK", "FOUND"};
    struct fh_table *table = fh_table_new(d->arena, titles, FH_LEN(titles));

    for (const struct row *row = d->first; row != NULL; row = row->next) {
        fh_table_cell(table, fh_cstr(verdicts[row->verdict]));
        fh_table_cell(table, fh_cstr(row->check));
        fh_table_cell(table, row->found);
    }
    fh_table_print(table);
}

static void print_json(const struct doctor *d)
{
    yyjson_mut_doc *doc = fh_json_new(d->arena);
    yyjson_mut_val *root = yyjson_mut_obj(doc);

    (void)yyjson_mut_obj_add_bool(doc, root, "healthy", d->count[BAD] == 0);
    yyjson_mut_val *list = yyjson_mut_obj_add_arr(doc, root, "checks");

    for (const struct row *row = d->first; row != NULL; row = row->next) {
        yyjson_mut_val *item = yyjson_mut_arr_add_obj(doc, list);

        fh_json_add_text(doc, item, "check", fh_cstr(row->check));
        fh_json_add_text(doc, item, "verdict", fh_cstr(verdicts[row->verdict]));
        fh_json_add_text(doc, item, "found", row->found);
    }
    (void)fh_cli_print_json(d->cli, root);
}

static int doctor(struct fh_cli *cli, int argc, char **argv)
{
    struct doctor d = {
        .cli = cli,
        .arena = cli->arena,
        .state_dir = fh_state_absolute(cli->arena, cli->state_dir),
    };
    static void (*const looks[])(struct doctor *) = {
        look_at_config, look_at_secrets, look_at_credentials, look_at_nginx,  look_at_module,
        look_at_state,  look_at_store,   look_at_ports,       look_at_engine, look_at_machine,
    };

    FH_UNUSED(argc);
    FH_UNUSED(argv);
    for (size_t i = 0; i < FH_LEN(looks); i++) {
        looks[i](&d);
    }
    if (cli->json) {
        print_json(&d);
    } else {
        print_rows(&d);
    }
    return d.count[BAD] == 0 ? FH_EXIT_OK : FH_EXIT_NO;
}

const struct fh_command fh_command_doctor = {
    .name = "doctor",
    .doc = "See whether everything is here that Freehold needs.",
    .help = "Each line is ok, warn (it will run; worth a look) or bad (it will not), and says\n"
            "what would be right. Nothing is changed.\n",
    .run = doctor,
};
