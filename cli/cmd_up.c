/* cmd_up.c: `freehold up`: gateway, control and engine together, from one config.
 * SPDX-License-Identifier: Apache-2.0 */
#include "cli/capture.h"
#include "cli/cli.h"
#include "cli/supervisor.h"
#include "cli/try_listen.h"
#include "cli/where.h"
#include "control/nginx_conf.h"
#include "control/state.h"

#include "base/secret.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

static const char key_name[] = "up"; /* of the key that lives as long as this process */

enum { OUTPUT_MAX = 1 << 16, FOUND_MAX = 4096, PORTS_TRIED = 16 };

struct up {
    struct fh_cli *cli;
    struct fh_config config;
    struct fh_key_text key;
    const char *url;
    const char *http2_url; /* for clients that speak HTTP/2 in clear; NULL: none was free */
    bool has_local;
};

/* ---- what people and programs see ---- */

static void print_json_line(struct up *up, const char *part, const char *state,
                            struct fh_slice line)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(OUTPUT_MAX);
    FH_AUTO(fh_buf_fini) struct fh_buf out = fh_buf_on_heap(OUTPUT_MAX);
    yyjson_mut_doc *doc = fh_json_new(arena);
    yyjson_mut_val *root = yyjson_mut_obj(doc);

    FH_UNUSED(up);
    (void)yyjson_mut_obj_add_str(doc, root, "part", part);
    (void)yyjson_mut_obj_add_str(doc, root, "state", state);
    fh_json_add_text(doc, root, "line", line);
    fh_json_append(&out, arena, root);
    (void)printf("%.*s\n", FH_ARG(fh_buf_slice(&out)));
    (void)fflush(stdout);
}

static void on_line(void *user, enum fh_part part, const char *state, struct fh_slice line)
{
    struct up *up = user;

    if (up->cli->json) {
        print_json_line(up, fh_part_name(part), state, line);
        return;
    }
    (void)printf("  %-8s %-9s %.*s\n", fh_part_name(part), state, FH_ARG(line));
    (void)fflush(stdout);
}

/* example_model names the first model, which the commands below ask. */
static struct fh_slice example_model(const struct up *up)
{
    return up->config.models.count > 0 ? up->config.models.list[0].serves.name
                                       : FH_LIT("MODEL");
}

static void print_examples(const struct up *up)
{
    struct fh_slice model = example_model(up);
    const char *url = up->url;
    const char *key = up->key.key;

    (void)printf("\nTry it:\n\n"
                 "  curl %s/v1/messages -H 'x-api-key: %s' \\\n"
                 "    -d '{\"model\":\"%.*s\",\"max_tokens\":64,\"messages\":"
                 "[{\"role\":\"user\",\"content\":\"Say hello.\"}]}'\n\n",
                 url, key, FH_ARG(model));
    (void)printf("Anthropic's SDK:\n\n"
                 "  import Anthropic from '@anthropic-ai/sdk'\n"
                 "  const client = new Anthropic({ baseURL: '%s', apiKey: '%s' })\n"
                 "  const stream = client.messages.stream({ model: '%.*s', max_tokens: 64,\n"
                 "    messages: [{ role: 'user', content: 'Say hello.' }] })\n"
                 "  stream.on('text', (text) => process.stdout.write(text))\n\n",
                 url, key, FH_ARG(model));
    (void)printf("OpenAI's SDK:\n\n"
                 "  import OpenAI from 'openai'\n"
                 "  const client = new OpenAI({ baseURL: '%s/v1', apiKey: '%s' })\n"
                 "  const reply = await client.chat.completions.create({ model: '%.*s',\n"
                 "    messages: [{ role: 'user', content: 'Say hello.' }] })\n\n",
                 url, key, FH_ARG(model));
    if (up->http2_url != NULL) {
        (void)printf("AWS's SDK for Bedrock, which speaks HTTP/2 in clear:\n\n"
                     "  new BedrockRuntimeClient({ endpoint: '%s', region: 'any',\n"
                     "    token: { token: '%s' } })\n\n",
                     up->http2_url, key);
    }
    (void)printf(
        "The key lives as long as this runs; `freehold key create NAME` makes a lasting one.\n"
        "`freehold usage` shows what was used. Ctrl-C stops everything.\n\n");
}

static void on_ready(void *user)
{
    struct up *up = user;

    if (!up->cli->json) {
        print_examples(up);
    }
    if (up->http2_url != NULL && up->cli->json) {
        print_json_line(up, fh_part_name(FH_PART_GATEWAY), "http2", fh_cstr(up->http2_url));
    } else if (up->http2_url != NULL) {
        (void)printf("http2 %s\n", up->http2_url);
    }
    (void)printf("ready %s %s\n", up->url, up->key.key);
    (void)fflush(stdout);
}

/* ---- before anything runs ---- */

/* load reads the config and prints what is wrong with it. */
static int load(struct up *up)
{
    struct fh_cli *cli = up->cli;
    struct fh_findings findings = {0};
    FH_AUTO(fh_buf_fini) struct fh_buf text = fh_buf_on_heap(OUTPUT_MAX);
    enum fh_rc rc =
        fh_config_load(&up->config, &findings, cli->arena, cli->config_path, cli->state_dir);

    fh_findings_print(&findings, &text);
    (void)fprintf(stderr, "%.*s", FH_ARG(fh_buf_slice(&text)));
    return rc == FH_OK ? FH_EXIT_OK : rc == FH_E_SYNTAX ? FH_EXIT_NO : FH_EXIT_FAILED;
}

/* listen_elsewhere lets --listen take the place of the config's addresses. */
static int listen_elsewhere(struct up *up)
{
    const char *option = fh_cli_option(up->cli, "listen");
    struct fh_slice text = fh_cstr(option);
    struct fh_slice port = text;
    uint64_t number = 0;

    if (option == NULL) {
        return FH_EXIT_OK;
    }
    while (fh_find(port, ':') < port.len) {
        port = fh_tail(port, fh_find(port, ':') + 1);
    }
    if (port.len == text.len || !fh_parse_u64(port, &number) || number == 0 || number > 65535) {
        return fh_cli_wrong(
            up->cli, "--listen needs ADDRESS:PORT, such as 127.0.0.1:8080, not \"%s\"", option);
    }
    struct fh_config_listen *listen = fh_new(up->cli->arena, struct fh_config_listen);

    *listen = (struct fh_config_listen){
        .text = text, .host = fh_head(text, text.len - port.len - 1), .port = (uint16_t)number};
    if (fh_starts(listen->host, FH_LIT("[")) && fh_ends(listen->host, FH_LIT("]"))) {
        listen->host = fh_sub(listen->host, 1, listen->host.len - 2);
    }
    up->config.listen = (struct fh_config_listens){listen, 1};
    return FH_EXIT_OK;
}

static const char *cstring(struct fh_arena *arena, struct fh_buf *text)
{
    fh_buf_byte(text, '\0');
    return (const char *)fh_dup(arena, fh_buf_slice(text)).ptr;
}

static const char *url_of(struct fh_arena *arena, const struct fh_config_listen *listen)
{
    struct fh_buf url = fh_buf_in_arena(arena, 512);
    bool any = fh_eq(listen->host, FH_LIT("*"));
    bool six = fh_find(listen->host, ':') < listen->host.len;

    fh_buf_printf(&url, six ? "http://[%.*s]:%u" : "http://%.*s:%u",
                  FH_ARG(any ? FH_LIT("127.0.0.1") : listen->host), listen->port);
    return cstring(arena, &url);
}

/* ask_nginx runs `nginx -V`. */
static bool ask_nginx(struct fh_arena *arena, const char *path, struct fh_nginx *nginx)
{
    struct fh_buf said = fh_buf_in_arena(arena, OUTPUT_MAX);
    const char *const argv[] = {path, "-V", NULL};

    return fh_capture(argv, &said) == 0 && fh_nginx_parse(fh_buf_slice(&said), nginx);
}

/* can_listen looks before nginx does: it would try five times and then say so in its log. */
static int can_listen(const struct up *up)
{
    for (size_t i = 0; i < up->config.listen.count; i++) {
        const struct fh_config_listen *place = &up->config.listen.list[i];
        int error = fh_try_listen(place);

        if (error != 0) {
            return fh_cli_failed(
                up->cli, "cannot listen on %.*s: %s; --listen ADDRESS:PORT takes another",
                FH_ARG(place->text), strerror(error));
        }
    }
    return FH_EXIT_OK;
}

/* lock makes sure that one state directory is run by one `freehold up`. It holds as long as the
 * process. */
static bool lock(struct fh_arena *arena, const char *state_dir)
{
    struct fh_buf path = fh_buf_in_arena(arena, PATH_MAX);

    fh_buf_printf(&path, "%s/up.lock", fh_state_path(arena, state_dir, FH_STATE_RUN));
    int fd = open(cstring(arena, &path), O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0;
}

static uint64_t calendar_us(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_REALTIME, &ts);
    return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* open_store publishes the config and makes the key that is printed. */
static int open_store(struct up *up, struct fh_store **store)
{
    struct fh_cli *cli = up->cli;
    const char *why = "";
    const struct fh_config_texts all_models = {0};

    if (fh_store_open(store, fh_state_path(cli->arena, cli->state_dir, FH_STATE_POLICY),
                      &why) != FH_OK) {
        return fh_cli_failed(cli, "the policy store in %s/policy cannot be opened: %s",
                             cli->state_dir, why);
    }
    (void)!fh_store_key_revoke(*store, fh_cstr(key_name)); /* of a run that was killed */
    if (fh_store_publish(*store, &up->config, true) != FH_OK ||
        fh_store_key_create(*store, fh_cstr(key_name), FH_NONE, all_models, calendar_us(),
                            &up->key) != FH_OK) {
        return fh_cli_failed(cli, "the policy store takes nothing: %s", fh_store_error(*store));
    }
    return FH_EXIT_OK;
}

/* find_files fills in what the supervisor runs. */
static int find_files(struct up *up, struct fh_supervisor_options *options)
{
    struct fh_cli *cli = up->cli;
    FH_AUTO(fh_buf_fini) struct fh_buf tried = fh_buf_on_heap(FOUND_MAX);
    const char *module = fh_cli_option(cli, "module");

    options->nginx = fh_capture_find(cli->arena, "nginx", "/usr/sbin");
    if (options->nginx == NULL) {
        return fh_cli_failed(
            cli, "nginx is not installed: apt install nginx-core (any of 1.22 to 1.30)");
    }
    options->program = fh_where(cli->arena, FH_FILE_PROGRAM, &tried);
    options->obtain = fh_where(cli->arena, FH_FILE_OBTAIN, NULL);
    options->module = module != NULL ? fh_state_absolute(cli->arena, module)
                                     : fh_where(cli->arena, FH_FILE_MODULE, &tried);
    if (options->module == NULL || options->program == NULL) {
        return fh_cli_failed(
            cli,
            "nginx's module is not where it was looked for; --module FILE says where:\n%.*s",
            FH_ARG(fh_buf_slice(&tried)));
    }
    return FH_EXIT_OK;
}

/* http2_place finds where HTTP/2 without TLS is spoken: at the one port, where nginx can tell it
 * from HTTP/1.1; else at the config's; else at the next port that is free. */
static void http2_place(struct up *up, const struct fh_nginx *nginx)
{
    struct fh_config *cfg = &up->config;
    struct fh_arena *arena = up->cli->arena;

    if (fh_nginx_serves_both(nginx)) {
        up->http2_url = url_of(arena, &cfg->listen.list[0]);
        return;
    }
    for (unsigned more = 1; more <= PORTS_TRIED && cfg->listen_http2.count == 0; more++) {
        struct fh_config_listen *place = fh_new(arena, struct fh_config_listen);
        bool six = fh_find(cfg->listen.list[0].host, ':') < cfg->listen.list[0].host.len;
        struct fh_buf text = fh_buf_in_arena(arena, 512);

        *place = cfg->listen.list[0];
        place->port = (uint16_t)(place->port + more);
        fh_buf_printf(&text, six ? "[%.*s]:%u" : "%.*s:%u", FH_ARG(place->host), place->port);
        place->text = fh_buf_slice(&text);
        if (place->port > more && fh_try_listen(place) == 0) {
            cfg->listen_http2 = (struct fh_config_listens){place, 1};
        }
    }
    if (cfg->listen_http2.count > 0) {
        up->http2_url = url_of(arena, &cfg->listen_http2.list[0]);
    }
}

static int write_conf(struct up *up, const struct fh_supervisor_options *options)
{
    struct fh_cli *cli = up->cli;
    struct fh_nginx_setup setup = {.module_path = options->module,
                                   .state_dir = options->state_dir};

    if (!ask_nginx(cli->arena, options->nginx, &setup.nginx)) {
        return fh_cli_failed(cli, "%s does not say which version it is", options->nginx);
    }
    http2_place(up, &setup.nginx);
    if (fh_nginx_conf_write(&up->config, setup, cli->arena) != FH_OK) {
        return fh_cli_failed(cli, "%s/run/nginx.conf cannot be written: %s", cli->state_dir,
                             strerror(errno));
    }
    return FH_EXIT_OK;
}

static int fh_cmd_up(struct fh_cli *cli, int argc, char **argv)
{
    struct up up = {.cli = cli};
    struct fh_supervisor_options options = {.config = &up.config};
    const char *why = "";
    int rc = FH_EXIT_OK;

    FH_UNUSED(argc);
    FH_UNUSED(argv);
    cli->state_dir = fh_state_absolute(cli->arena, cli->state_dir);
    if ((rc = load(&up)) != FH_EXIT_OK || (rc = listen_elsewhere(&up)) != FH_EXIT_OK) {
        return rc;
    }
    if (fh_state_make(cli->arena, cli->state_dir, &why) != FH_OK) {
        return fh_cli_failed(cli, "%s", why);
    }
    if (!lock(cli->arena, cli->state_dir)) {
        return fh_cli_failed(
            cli,
            "another `freehold up` runs with the state in %s; --state DIR takes "
            "another directory",
            cli->state_dir);
    }
    if ((rc = can_listen(&up)) != FH_EXIT_OK) {
        return rc;
    }
    options.config_path = fh_state_absolute(cli->arena, cli->config_path);
    options.state_dir = cli->state_dir;
    if ((rc = find_files(&up, &options)) != FH_EXIT_OK ||
        (rc = write_conf(&up, &options)) != FH_EXIT_OK ||
        (rc = open_store(&up, &options.store)) != FH_EXIT_OK) {
        fh_store_close(&options.store);
        return rc;
    }
    up.url = url_of(cli->arena, &up.config.listen.list[0]);
    options.sink = (struct fh_supervisor_sink){.line = on_line, .ready = on_ready, .user = &up};
    if (!cli->json) {
        (void)printf("Freehold %s on %s\n\n", FH_VERSION, up.url);
    }
    enum fh_rc ended = fh_supervise(&options);

    (void)!fh_store_key_revoke(options.store, fh_cstr(key_name));
    fh_wipe(&up.key, sizeof(up.key));
    fh_store_close(&options.store);
    return ended == FH_OK ? FH_EXIT_OK : FH_EXIT_FAILED;
}

static const struct fh_option options[] = {
    {"listen", "ADDRESS:PORT", "Listen here instead of where the config says."},
    {"module", "FILE", "nginx's module, when it is not where it was installed."},
};

const struct fh_command fh_command_up = {
    .name = "up",
    .options = options,
    .option_count = FH_LEN(options),
    .doc = "Run gateway, control and engine together, from one config.",
    .help = "Runs in the foreground; Ctrl-C stops everything it started. Start-up ends with "
            "the line\n"
            "\"ready URL KEY\"; the key lives as long as this runs. A line \"http2 URL\" "
            "before it\n"
            "says where HTTP/2 without TLS is spoken. The gateway answers at "
            "once; while\n"
            "the local model is on its way, requests for it get 503 with retry-after.\n",
    .run = fh_cmd_up,
};
