/* supervisor.c: one poll loop over three children and the signals that end them.
 * SPDX-License-Identifier: Apache-2.0 */
#include "cli/supervisor.h"

#include "control/state.h"
#include "engine/engine.h"
#include "engine/engine_child.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum {
    RETRY_STARTING_S = 3,
    RETRY_FAILED_S = 60,
    TICK_MS = 200,
    US_PER_MS = 1000,
    PAUSE_US = 1000000,   /* before a part that died is started again */
    STEADY_US = 10000000, /* a part that ran for so long may die again */
    DEATHS_MAX = 5,       /* in a row */
    GRACE_US = 5000000,   /* for requests under way, once we are asked to stop */
    CHILDREN = 2,         /* gateway and control; the engine looks after its own */
    ARENA_MAX = 1 << 20,
};

struct part {
    struct fh_engine_child child;
    char *argv[8];
    uint64_t started_us, again_us; /* again_us: when to start it; 0: it runs */
    uint32_t deaths;
    int log;
};

struct supervisor {
    const struct fh_supervisor_options *options;
    struct fh_arena *arena;
    struct part part[CHILDREN];
    struct fh_engine *engine; /* NULL: no local model */
    uint64_t engine_changes;
    int signals;
    bool answers;     /* the gateway does */
    bool ready;       /* the sink was told */
    uint64_t stop_us; /* when we were asked to stop; 0: not yet */
    bool hurry;
    bool failed;
};

const char *fh_part_name(enum fh_part part)
{
    static const char *const names[] = {"gateway", "control", "engine"};

    static_assert(FH_LEN(names) == FH_PARTS, "table and enum agree");
    return names[part];
}

static uint64_t now_us(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static void say(const struct supervisor *sup, enum fh_part part, const char *state,
                struct fh_slice line)
{
    const struct fh_supervisor_sink *sink = &sup->options->sink;

    sink->line(sink->user, part, state, line);
}

/* ---- children: nginx and control ---- */

static void start_part(struct supervisor *sup, enum fh_part which)
{
    struct part *part = &sup->part[which];
    const struct fh_engine_command command = {
        .argv = part->argv, .env = environ, .log = part->log};

    part->started_us = now_us();
    part->again_us = 0;
    if (fh_engine_child_start(&part->child, &command) != FH_OK) {
        say(sup, which, "failed", fh_cstr(strerror(errno)));
        sup->failed = true;
    }
}

/* signal_part sends a signal to a part, unless it has just died. */
static void signal_part(const struct part *part, int signo)
{
    if (part->child.pid != 0) {
        fh_engine_child_signal(&part->child, signo);
    }
}

/* last_words gives the end of a part's log, where the reason stands. */
static struct fh_slice last_words(struct supervisor *sup, const struct part *part)
{
    enum { WORDS = 1024 };
    uint8_t *text = fh_arena_raw(sup->arena, WORDS);
    struct stat st;

    if (fstat(part->log, &st) != 0 || st.st_size == 0) {
        return FH_LIT("it ended without a word");
    }
    off_t from = st.st_size > WORDS ? st.st_size - WORDS : 0;
    ssize_t n = pread(part->log, text, WORDS, from);
    struct fh_slice words = fh_slice(text, n > 0 ? (size_t)n : 0);

    while (words.len > 0 && words.ptr[words.len - 1] == '\n') {
        words = fh_head(words, words.len - 1);
    }
    for (size_t at = words.len; at > 0; at--) {
        if (words.ptr[at - 1] == '\n') {
            return fh_tail(words, at); /* the last line */
        }
    }
    return words;
}

static void look_after(struct supervisor *sup, enum fh_part which)
{
    struct part *part = &sup->part[which];
    uint64_t now = now_us();
    int status = 0;

    if (part->child.pid != 0 && fh_engine_child_ended(&part->child, &status)) {
        if (sup->stop_us > 0) {
            return;
        }
        part->deaths = now - part->started_us > STEADY_US ? 1 : part->deaths + 1;
        part->again_us = now + PAUSE_US;
        say(sup, which, part->deaths < DEATHS_MAX ? "ended" : "failed", last_words(sup, part));
        sup->failed = sup->failed || part->deaths >= DEATHS_MAX;
    }
    if (part->again_us > 0 && now >= part->again_us && sup->stop_us == 0) {
        start_part(sup, which);
    }
}

static int open_log(struct supervisor *sup, enum fh_state_place place, const char *name)
{
    struct fh_buf path = fh_buf_in_arena(sup->arena, 4096);

    fh_buf_printf(&path, "%s/%s", fh_state_path(sup->arena, sup->options->state_dir, place),
                  name);
    fh_buf_byte(&path, '\0');
    return open((const char *)path.ptr, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static char *word(struct supervisor *sup, const char *text)
{
    return fh_dup_cstr(sup->arena, fh_cstr(text));
}

static void prepare_parts(struct supervisor *sup)
{
    const struct fh_supervisor_options *o = sup->options;
    const char *const gateway[] = {o->nginx,
                                   "-p",
                                   o->state_dir,
                                   "-c",
                                   fh_state_path(sup->arena, o->state_dir, FH_STATE_NGINX_CONF),
                                   "-e",
                                   fh_state_path(sup->arena, o->state_dir, FH_STATE_NGINX_LOG)};
    const char *const control[] = {o->program,     "control", "--config",
                                   o->config_path, "--state", o->state_dir};

    for (size_t i = 0; i < FH_LEN(gateway); i++) {
        sup->part[FH_PART_GATEWAY].argv[i] = word(sup, gateway[i]);
    }
    for (size_t i = 0; i < FH_LEN(control); i++) {
        sup->part[FH_PART_CONTROL].argv[i] = word(sup, control[i]);
    }
    sup->part[FH_PART_GATEWAY].log = open_log(sup, FH_STATE_LOG, "gateway.log");
    sup->part[FH_PART_CONTROL].log = open_log(sup, FH_STATE_LOG, "control.log");
    for (enum fh_part part = 0; part < FH_PART_ENGINE; part++) {
        sup->part[part].child = FH_ENGINE_NO_CHILD;
    }
}

/* ---- the engine ---- */

static void prepare_engine(struct supervisor *sup)
{
    const struct fh_supervisor_options *o = sup->options;
    const struct fh_config_provider *local = fh_config_local(o->config);

    if (local == NULL || !local->used) {
        return;
    }
    struct fh_buf log = fh_buf_in_arena(sup->arena, 4096);

    fh_buf_printf(&log, "%s/engine.log", fh_state_path(sup->arena, o->state_dir, FH_STATE_LOG));
    fh_buf_byte(&log, '\0');
    const struct fh_engine_options engine = {
        .obtain = o->obtain,
        .socket_path = fh_state_path(sup->arena, o->state_dir, FH_STATE_ENGINE_SOCKET),
        .key_path = fh_state_path(sup->arena, o->state_dir, FH_STATE_ENGINE_KEY),
        .log_path = (const char *)log.ptr,
    };
    sup->engine = fh_engine_new(&engine);
}

/* tell_store lets clients know how the engine fares. */
static void tell_store(struct supervisor *sup, enum fh_engine_state state, struct fh_slice line)
{
    const struct fh_config_provider *local = fh_config_local(sup->options->config);
    struct fh_provider how = {
        .state = FH_PROVIDER_STARTING, .state_line = line, .retry_after_s = RETRY_STARTING_S};

    if (state == FH_ENGINE_READY) {
        how.state = FH_PROVIDER_READY;
        how.retry_after_s = 0;
        how.call_prefix = fh_engine_call_prefix(sup->engine);
    } else if (state == FH_ENGINE_FAILED) {
        how.state = FH_PROVIDER_FAILED;
        how.retry_after_s = RETRY_FAILED_S;
    }
    if (fh_store_provider_state(sup->options->store, local->to.name, &how) != FH_OK) {
        say(sup, FH_PART_ENGINE, "unknown", fh_cstr(fh_store_error(sup->options->store)));
    }
}

static void look_after_engine(struct supervisor *sup)
{
    struct fh_slice line = FH_NONE;

    if (sup->engine == NULL) {
        return;
    }
    fh_engine_poll(sup->engine, now_us());
    if (fh_engine_changes(sup->engine) == sup->engine_changes) {
        return;
    }
    sup->engine_changes = fh_engine_changes(sup->engine);

    enum fh_engine_state state = fh_engine_state(sup->engine, &line);

    say(sup, FH_PART_ENGINE, fh_engine_state_name(state), line);
    if (sup->stop_us == 0) {
        tell_store(sup, state, line);
    }
}

/* ---- is it up? ---- */

/* asks the gateway for its health; a time-out of a blink, since it is next door. */
static bool gateway_answers(const struct fh_config_listen *listen)
{
    static const char question[] = "GET /freehold/health HTTP/1.0\r\n\r\n";
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    const struct timeval patience = {.tv_usec = (suseconds_t)TICK_MS * US_PER_MS};
    struct addrinfo *list = NULL;
    char host[256];
    char port[8];
    char answer[16] = {0};

    (void)snprintf(host, sizeof(host), "%.*s", FH_ARG(listen->host));
    (void)snprintf(port, sizeof(port), "%u", listen->port);
    if (getaddrinfo(strcmp(host, "*") == 0 ? "127.0.0.1" : host, port, &hints, &list) != 0) {
        return false;
    }
    int fd = socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok = fd >= 0 &&
              setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0 &&
              connect(fd, list->ai_addr, list->ai_addrlen) == 0 &&
              send(fd, question, sizeof(question) - 1, MSG_NOSIGNAL) > 0 &&
              recv(fd, answer, sizeof(answer) - 1, MSG_WAITALL) > 0 &&
              strncmp(answer + 8, " 200", 4) == 0;

    freeaddrinfo(list);
    if (fd >= 0) {
        (void)close(fd);
    }
    return ok;
}

static bool engine_settled(const struct supervisor *sup)
{
    enum fh_engine_state state =
        sup->engine == NULL ? FH_ENGINE_READY : fh_engine_state(sup->engine, NULL);

    return state == FH_ENGINE_READY || state == FH_ENGINE_FAILED;
}

static void look_for_ready(struct supervisor *sup)
{
    const struct fh_supervisor_options *o = sup->options;

    if (!sup->answers && gateway_answers(&o->config->listen.list[0])) {
        sup->answers = true;
        say(sup, FH_PART_GATEWAY, "ready", o->config->listen.list[0].text);
        say(sup, FH_PART_CONTROL, "ready", fh_cstr(o->state_dir));
    }
    if (sup->answers && !sup->ready && engine_settled(sup)) {
        sup->ready = true;
        o->sink.ready(o->sink.user);
    }
}

/* ---- the end ---- */

static void stop(struct supervisor *sup)
{
    if (sup->stop_us == 0) {
        sup->stop_us = now_us();
        /* requests under way may end; nothing new is taken */
        signal_part(&sup->part[FH_PART_GATEWAY], SIGQUIT);
        return;
    }
    sup->hurry = true; /* asked twice */
}

/* wind_down goes from the front to the back: the gateway first, so that control sees its last
 * records and the engine its last requests.
 *
 * Returns  true when all have ended.
 */
static bool wind_down(struct supervisor *sup)
{
    uint64_t now = now_us();
    struct part *gateway = &sup->part[FH_PART_GATEWAY];
    struct part *control = &sup->part[FH_PART_CONTROL];
    bool over = sup->hurry || now - sup->stop_us > GRACE_US;

    if (gateway->child.pid != 0) {
        if (over) {
            signal_part(gateway, SIGTERM);
        }
        return false;
    }
    if (sup->engine != NULL && fh_engine_state(sup->engine, NULL) != FH_ENGINE_STOPPED &&
        fh_engine_state(sup->engine, NULL) != FH_ENGINE_FAILED) {
        fh_engine_stop(sup->engine, now);
        return false;
    }
    if (control->child.pid != 0) {
        if (now - sup->stop_us > 2 * (uint64_t)GRACE_US) {
            fh_engine_child_kill(&control->child);
        } else {
            signal_part(control, SIGTERM);
        }
        return false;
    }
    return true;
}

static void take_signal(struct supervisor *sup)
{
    struct signalfd_siginfo info;

    while (read(sup->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo == SIGHUP) {
            signal_part(&sup->part[FH_PART_CONTROL], SIGHUP);
        } else {
            stop(sup);
        }
    }
}

/* ---- the loop ---- */

static int open_signals(void)
{
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGHUP);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

static void wait_for_something(struct supervisor *sup)
{
    struct pollfd fds[1 + CHILDREN + FH_ENGINE_FDS_MAX] = {
        {.fd = sup->signals, .events = POLLIN}};
    nfds_t count = 1;
    int timeout_ms = TICK_MS;

    for (enum fh_part part = 0; part < FH_PART_ENGINE; part++) {
        fds[count++] = (struct pollfd){.fd = sup->part[part].child.pidfd, .events = POLLIN};
    }
    if (sup->engine != NULL) {
        uint64_t due = fh_engine_due_us(sup->engine);
        uint64_t now = now_us();

        count += fh_engine_fds(sup->engine, &fds[count]);
        if (due != UINT64_MAX) {
            uint64_t wait_ms = due > now ? (due - now) / US_PER_MS + 1 : 0;

            timeout_ms = wait_ms < TICK_MS ? (int)wait_ms : TICK_MS;
        }
    }
    (void)poll(fds, count, timeout_ms);
}

static void run(struct supervisor *sup)
{
    for (;;) {
        wait_for_something(sup);
        take_signal(sup);
        for (enum fh_part part = 0; part < FH_PART_ENGINE; part++) {
            look_after(sup, part);
        }
        look_after_engine(sup);
        if (sup->failed && sup->stop_us == 0) {
            stop(sup);
        }
        if (sup->stop_us > 0) {
            if (wind_down(sup)) {
                return;
            }
        } else if (!sup->ready) {
            look_for_ready(sup);
        }
    }
}

enum fh_rc fh_supervise(const struct fh_supervisor_options *options)
{
    struct supervisor sup = {.options = options, .arena = fh_arena_new(ARENA_MAX)};

    sup.signals = open_signals();
    prepare_parts(&sup);
    prepare_engine(&sup);
    start_part(&sup, FH_PART_GATEWAY);
    start_part(&sup, FH_PART_CONTROL);
    run(&sup);
    fh_engine_free(&sup.engine);
    (void)close(sup.signals);
    for (enum fh_part part = 0; part < FH_PART_ENGINE; part++) {
        (void)close(sup.part[part].log);
    }
    fh_arena_free(&sup.arena);
    return sup.failed ? FH_E_SYSTEM : FH_OK;
}
