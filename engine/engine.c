/* engine.c: obtains llama-server and its weights, starts it, watches it, starts it again.
 * SPDX-License-Identifier: Apache-2.0 */
#include "engine/engine.h"

#include "engine/engine_answer.h"
#include "engine/engine_child.h"
#include "engine/engine_health.h"
#include "engine/engine_key.h"
#include "engine/engine_log.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    LINE_MAX_LEN = 300,
    SAID_MAX = 4096,     /* one line of `obtain` */
    ANSWER_MAX = 16384,  /* its standard output */
    READS_AT_ONCE = 16,  /* of SAID_MAX each: a chatty child does not hold up the loop */
    ARENA_MAX = 1 << 20, /* nothing in it is sized by a peer */
    OBTAIN_COULD_NOT = 3,
    THREADS_MAX = 8,
    PAUSE_MAX_US = 30000000,
    DOUBLINGS_MAX = 16,
    WATCH_US = 10000000,       /* how often the log is looked at */
    WITHOUT_PIDFD_US = 200000, /* how often a child is, on a kernel that does not tell */
    ARGS_MAX = FH_ENGINE_WORDS_MAX + 24,
};

#define SOCKET_PATH_MAX (sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1)

/* What our model's template makes of tools; see smollm2.jinja. */
static const struct fh_slice our_call_prefix = FH_LIT_INIT("<tool_call>");

/* Settings that a server too old to know them passes over: no page for browsers, to each slot
 * its own context (when a shared one is full, all answers under way fail), a prompt cache that
 * does not grow to gigabytes, nobody's prompts on show. */
static const char *const settings[] = {
    "LLAMA_ARG_UI=0",
    "LLAMA_ARG_NO_WEBUI=1",
    "LLAMA_ARG_KV_UNIFIED=0",
    "LLAMA_ARG_CACHE_RAM=256",
    "LLAMA_ARG_ENDPOINT_SLOTS=0",
    "LLAMA_ARG_JINJA=1",
    "LLAMA_ARG_LOG_COLORS=off",
    NULL,
};

enum phase {
    PHASE_PAUSE,     /* until due_us; also the first, with no pause */
    PHASE_OBTAINING, /* the child is `obtain` */
    PHASE_STARTING,  /* the child is llama-server */
    PHASE_READY,
    PHASE_STOPPING, /* either child got SIGTERM */
    PHASE_OVER,
};

struct fh_engine {
    struct fh_engine_options options; /* strings in `arena` */
    struct fh_arena *arena;           /* as long as the engine */
    struct fh_arena *run;             /* from one start to the next */

    enum phase phase;
    struct fh_engine_child child;
    uint64_t due_us;   /* of the phase: end of a pause, of patience, next look at the log */
    uint64_t look_us;  /* when to look after a child that the kernel will not tell about */
    uint64_t since_us; /* ready since */
    uint32_t failures; /* in a row */

    struct fh_buf said;   /* unfinished line of `obtain` */
    struct fh_buf answer; /* its standard output */
    struct fh_engine_answer found;
    struct fh_engine_health health;
    struct fh_engine_log log;

    enum fh_engine_state state;
    uint64_t changes;
    char line[2][LINE_MAX_LEN]; /* the present one is line[changes % 2] */
};

/* --- state ----------------------------------------------------------------------------- */

/* clean makes a line fit for a terminal and for JSON: programs that we did not write had a part in
 * it, and it may have been cut in the middle of a letter. */
static void clean(char *line)
{
    bool is_utf8 = fh_utf8_ok(fh_cstr(line));

    for (; *line != '\0'; line++) {
        unsigned char c = (unsigned char)*line;

        if (c < ' ' || c == 0x7f || (c > 0x7f && !is_utf8)) {
            *line = c == '\t' ? ' ' : '?';
        }
    }
}

/* enter says how things stand; saying the same again is no change. */
FH_PRINTF(3, 4)
static void enter(struct fh_engine *e, enum fh_engine_state state, const char *fmt, ...)
{
    char *next = e->line[(e->changes + 1) % 2];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(next, LINE_MAX_LEN, fmt, args);
    va_end(args);
    clean(next);
    if (state != e->state || !fh_eq(fh_cstr(next), fh_cstr(e->line[e->changes % 2]))) {
        e->state = state;
        e->changes++;
    }
}

static uint64_t after(uint64_t now_us, uint32_t ms)
{
    return now_us + (uint64_t)ms * 1000;
}

/* give_up ends it for good; the line has been said. */
static void give_up(struct fh_engine *e)
{
    e->phase = PHASE_OVER;
    e->due_us = UINT64_MAX;
}

/* how_it_ended puts an exit status in words. */
static const char *how_it_ended(struct fh_arena *arena, int status)
{
    struct fh_buf text = fh_buf_in_arena(arena, LINE_MAX_LEN);

    if (status == -1) {
        fh_buf_append(&text, FH_LIT("ended"));
    } else if (WIFSIGNALED(status)) {
        const char *name = sigdescr_np(WTERMSIG(status));

        fh_buf_printf(&text, "was killed by signal %d (%s)", WTERMSIG(status),
                      name == NULL ? "unknown" : name);
    } else {
        fh_buf_printf(&text, "ended with status %d", WEXITSTATUS(status));
    }
    fh_buf_byte(&text, '\0');
    FH_ASSERT(!text.failed);
    return (const char *)text.ptr;
}

/* --- llama-server ---------------------------------------------------------------------- */

FH_PRINTF(2, 3) static char *print(struct fh_arena *arena, const char *fmt, ...)
{
    struct fh_buf text = fh_buf_in_arena(arena, ANSWER_MAX);
    va_list args;

    va_start(args, fmt);
    fh_buf_vprintf(&text, fmt, args);
    va_end(args);
    fh_buf_byte(&text, '\0');
    FH_ASSERT(
        !text.failed); /* an answer was shorter as a whole, and what we were given is a path */
    return (char *)text.ptr;
}

/* command_of makes the command line of llama-server: words of `obtain`, then ours. */
static char **command_of(struct fh_engine *e)
{
    const struct fh_engine_options *o = &e->options;
    const struct fh_engine_answer *found = &e->found;
    char **args = fh_arena_alloc(e->run, ARGS_MAX * sizeof(*args));
    size_t n = 0;
    const char *const pairs[][2] = {
        {"--model", found->model},
        {"--host", o->socket_path},
        {"--api-key-file", o->key_path},
        {"--alias", o->model_name},
        {"--ctx-size", print(e->run, "%u", o->context_tokens)},
        {"--parallel", print(e->run, "%u", o->slots)},
        {"--threads", print(e->run, "%u", o->threads)},
        {"--chat-template-file", found->template},
    };

    for (size_t i = 0; i < found->word_count; i++) {
        args[n++] = found->words[i];
    }
    args[n++] = print(e->run, "--offline");
    for (size_t i = 0; i < FH_LEN(pairs); i++) {
        if (pairs[i][1] != NULL) {
            args[n++] = print(e->run, "%s", pairs[i][0]);
            args[n++] = print(e->run, "%s", pairs[i][1]);
        }
    }
    FH_ASSERT(n < ARGS_MAX);
    return args;
}

static void start_server(struct fh_engine *e, uint64_t now_us)
{
    struct fh_engine_command command = {.is_server = true};

    (void)unlink(e->options.socket_path); /* of a run that could not clear up */
    if (fh_engine_log_begin(&e->log, e->options.log_path) != FH_OK) {
        enter(e, FH_ENGINE_FAILED, "%s cannot be written: %s", e->options.log_path,
              strerrordesc_np(errno));
        give_up(e);
        return;
    }
    command.argv = command_of(e);
    command.env = fh_engine_environment(e->run, true, settings);
    command.log = e->log.fd;
    if (fh_engine_child_start(&e->child, &command) != FH_OK) {
        enter(e, FH_ENGINE_FAILED, "llama-server cannot be started: %s",
              strerrordesc_np(errno));
        give_up(e);
        return;
    }
    e->phase = PHASE_STARTING;
    e->due_us = after(now_us, e->options.start_timeout_ms);
    e->health = FH_ENGINE_NO_HEALTH;
    enter(e, FH_ENGINE_STARTING, "llama-server is loading %s", e->found.model);
}

/* try_again counts a failure: a pause, longer each time, or the end. */
FH_PRINTF(3, 4)
static void try_again(struct fh_engine *e, uint64_t now_us, const char *fmt, ...)
{
    char why[LINE_MAX_LEN];
    uint64_t pause_us = 0;
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(why, sizeof(why), fmt, args);
    va_end(args);
    (void)unlink(e->options.socket_path);
    e->failures++;
    if (e->failures >= e->options.tries) {
        enter(e, FH_ENGINE_FAILED, "given up after %u starts: llama-server %s", e->failures,
              why);
        give_up(e);
        return;
    }
    pause_us = after(0, e->options.pause_ms) << fh_min(e->failures - 1, DOUBLINGS_MAX);
    if (pause_us > PAUSE_MAX_US) {
        pause_us = PAUSE_MAX_US;
    }
    e->phase = PHASE_PAUSE;
    e->due_us = now_us + pause_us;
    enter(e, FH_ENGINE_STARTING, "llama-server %s; start %u of %u follows", why,
          e->failures + 1, e->options.tries);
}

/* server_ended notices that llama-server has ended by itself. */
static bool server_ended(struct fh_engine *e, uint64_t now_us)
{
    int status = 0;
    struct fh_slice reason;

    if (!fh_engine_child_ended(&e->child, &status)) {
        return false;
    }
    fh_engine_health_stop(&e->health);
    if (e->phase == PHASE_READY && now_us - e->since_us >= after(0, e->options.steady_ms)) {
        e->failures = 0;
    }
    /* what was said last has little to do with a signal from outside */
    reason = fh_engine_log_reason(&e->log, e->run, status == -1 || !WIFSIGNALED(status));
    try_again(e, now_us, "%s%s%.*s", how_it_ended(e->run, status), reason.len > 0 ? ": " : "",
              FH_ARG(reason));
    return true;
}

static void poll_starting(struct fh_engine *e, uint64_t now_us)
{
    if (server_ended(e, now_us)) {
        return;
    }
    if (fh_engine_health_poll(&e->health, e->options.socket_path, now_us) ==
        FH_ENGINE_HEALTH_OK) {
        e->phase = PHASE_READY;
        e->since_us = now_us;
        e->due_us = now_us + WATCH_US;
        enter(e, FH_ENGINE_READY, "%s is ready", e->options.model_name);
    } else if (now_us >= e->due_us) {
        fh_engine_health_stop(&e->health);
        fh_engine_child_kill(&e->child);
        try_again(e, now_us, "was not ready after %u s", e->options.start_timeout_ms / 1000);
    }
}

static void poll_ready(struct fh_engine *e, uint64_t now_us)
{
    if (!server_ended(e, now_us) && now_us >= e->due_us) {
        fh_engine_log_trim(&e->log);
        e->due_us = now_us + WATCH_US;
    }
}

/* --- obtain ---------------------------------------------------------------------------- */

/* tell makes a line the one of the state, and passes it on. */
static void tell(struct fh_engine *e, struct fh_slice line)
{
    if (line.len == 0 || e->phase != PHASE_OBTAINING) {
        return;
    }
    enter(e, FH_ENGINE_OBTAINING, "%.*s", FH_ARG(line));
    if (e->options.progress != NULL) {
        e->options.progress(e->options.user, fh_cstr(e->line[e->changes % 2]));
    }
}

/* tell_lines passes on what is complete of what was said. A line that does not end in time goes
 * as it is. */
static void tell_lines(struct fh_engine *e, bool at_end)
{
    for (;;) {
        struct fh_slice said = fh_buf_slice(&e->said);
        size_t end = fh_find(said, '\n');

        if (end < said.len) {
            tell(e, fh_head(said, end));
            fh_buf_cut(&e->said, end + 1);
        } else if (at_end || said.len == SAID_MAX) {
            tell(e, said);
            fh_buf_clear(&e->said);
            return;
        } else {
            return;
        }
    }
}

/* take_from reads once from a pipe and closes it at its end. What does not fit is dropped: nothing
 * that we know to read is so long. False: nothing there. */
static bool take_from(int *fd, struct fh_buf *into)
{
    uint8_t bytes[SAID_MAX];
    size_t room = fh_min(sizeof(bytes), into->max - into->len);
    ssize_t n = *fd < 0 ? -1 : read(*fd, bytes, room == 0 ? sizeof(bytes) : room);

    if (n > 0) {
        fh_buf_append(into, fh_slice(bytes, fh_min((size_t)n, room)));
    } else if (n == 0) {
        fh_engine_close(fd);
    }
    return n > 0;
}

/* hear takes what `obtain` has said by now. */
static void hear(struct fh_engine *e)
{
    for (int i = 0; i < READS_AT_ONCE && take_from(&e->child.out, &e->answer); i++) {
    }
    for (int i = 0; i < READS_AT_ONCE && take_from(&e->child.err, &e->said); i++) {
        tell_lines(e, false);
    }
}

static void start_obtain(struct fh_engine *e)
{
    static const char *const none[] = {NULL};
    struct fh_engine_command command = {.log = -1};
    char *argv[2] = {NULL, NULL};

    fh_arena_reset(e->run);
    e->found = (struct fh_engine_answer){0};
    fh_buf_clear(&e->said);
    fh_buf_clear(&e->answer);
    argv[0] = print(e->run, "%s", e->options.obtain);
    command.argv = argv;
    command.env = fh_engine_environment(e->run, false, none);
    if (fh_engine_child_start(&e->child, &command) != FH_OK) {
        enter(e, FH_ENGINE_FAILED, "%s cannot be started: %s", e->options.obtain,
              strerrordesc_np(errno));
        give_up(e);
        return;
    }
    e->phase = PHASE_OBTAINING;
    e->due_us = UINT64_MAX;
    if (e->failures == 0) {
        enter(e, FH_ENGINE_OBTAINING, "looking for llama-server and its weights");
    }
}

static void poll_obtaining(struct fh_engine *e, uint64_t now_us)
{
    int status = 0;

    hear(e);
    if (!fh_engine_child_ended(&e->child, &status)) {
        return;
    }
    hear(e);
    tell_lines(e, true);
    fh_engine_child_close(&e->child);
    if (status != 0) {
        const char *said = e->line[e->changes % 2];

        if (WIFEXITED(status) && WEXITSTATUS(status) == OBTAIN_COULD_NOT) {
            enter(e, FH_ENGINE_FAILED, "%s", said); /* what is missing and how to bring it */
        } else {
            enter(e, FH_ENGINE_FAILED, "%s %s: %s", e->options.obtain,
                  how_it_ended(e->run, status), said);
        }
        give_up(e);
    } else if (e->answer.len == ANSWER_MAX ||
               fh_engine_answer_parse(fh_buf_slice(&e->answer), e->run, &e->found) != FH_OK) {
        enter(e, FH_ENGINE_FAILED, "%s named no server and model on its standard output",
              e->options.obtain);
        give_up(e);
    } else {
        start_server(e, now_us);
    }
}

/* --- the whole ------------------------------------------------------------------------- */

static void poll_stopping(struct fh_engine *e, uint64_t now_us)
{
    int status = 0;

    hear(e); /* so that `obtain` does not block on a full pipe */
    if (!fh_engine_child_ended(&e->child, &status)) {
        if (now_us >= e->due_us) {
            fh_engine_child_signal(&e->child, SIGKILL);
            e->due_us = after(now_us, e->options.stop_timeout_ms);
        }
        return;
    }
    fh_engine_child_close(&e->child);
    (void)unlink(e->options.socket_path);
    enter(e, FH_ENGINE_STOPPED, "stopped");
    give_up(e);
}

void fh_engine_poll(struct fh_engine *e, uint64_t now_us)
{
    switch (e->phase) {
    case PHASE_PAUSE:
        if (now_us >= e->due_us) {
            start_obtain(e);
        }
        break;
    case PHASE_OBTAINING:
        poll_obtaining(e, now_us);
        break;
    case PHASE_STARTING:
        poll_starting(e, now_us);
        break;
    case PHASE_READY:
        poll_ready(e, now_us);
        break;
    case PHASE_STOPPING:
        poll_stopping(e, now_us);
        break;
    case PHASE_OVER:
        break;
    }
    e->look_us =
        e->child.pid != 0 && e->child.pidfd < 0 ? now_us + WITHOUT_PIDFD_US : UINT64_MAX;
}

size_t fh_engine_fds(const struct fh_engine *e, struct pollfd *fds)
{
    const int all[FH_ENGINE_FDS_MAX + 1] = {e->child.pidfd, e->child.out, e->child.err,
                                            e->health.fd};
    size_t n = 0;

    for (size_t i = 0; i < FH_LEN(all); i++) {
        if (all[i] >= 0) {
            FH_ASSERT(n <
                      FH_ENGINE_FDS_MAX); /* llama-server has no pipes, `obtain` no health */
            fds[n++] = (struct pollfd){.fd = all[i], .events = POLLIN};
        }
    }
    return n;
}

uint64_t fh_engine_due_us(const struct fh_engine *e)
{
    uint64_t due_us = e->due_us < e->look_us ? e->due_us : e->look_us;

    return e->phase == PHASE_STARTING && e->health.due_us < due_us ? e->health.due_us : due_us;
}

void fh_engine_stop(struct fh_engine *e, uint64_t now_us)
{
    if (e->phase == PHASE_OVER || e->phase == PHASE_STOPPING) {
        return;
    }
    fh_engine_health_stop(&e->health);
    if (e->child.pid == 0) {
        enter(e, FH_ENGINE_STOPPED, "stopped");
        give_up(e);
        return;
    }
    fh_engine_child_signal(&e->child, SIGTERM);
    e->phase = PHASE_STOPPING;
    e->due_us = after(now_us, e->options.stop_timeout_ms);
}

enum fh_engine_state fh_engine_state(const struct fh_engine *e, struct fh_slice *line)
{
    if (line != NULL) {
        *line = fh_cstr(e->line[e->changes % 2]);
    }
    return e->state;
}

const char *fh_engine_state_name(enum fh_engine_state state)
{
    static const char *const names[] = {
        [FH_ENGINE_OBTAINING] = "obtaining", [FH_ENGINE_STARTING] = "starting",
        [FH_ENGINE_READY] = "ready",         [FH_ENGINE_FAILED] = "failed",
        [FH_ENGINE_STOPPED] = "stopped",
    };

    FH_ASSERT(state < FH_LEN(names));
    return names[state];
}

uint64_t fh_engine_changes(const struct fh_engine *e)
{
    return e->changes;
}

pid_t fh_engine_pid(const struct fh_engine *e)
{
    return e->child.pid;
}

struct fh_slice fh_engine_call_prefix(const struct fh_engine *e)
{
    return e->found.template == NULL ? FH_NONE : our_call_prefix;
}

/* --- birth and death ------------------------------------------------------------------- */

static uint32_t or_normal(uint32_t given, uint32_t normal)
{
    return given == 0 ? normal : given;
}

/* spare_processors leaves one to everything else. Not out of kindness: the server's threads
 * wait for each other by spinning, so one that has lost its processor stalls them all. With all
 * processors of a busy machine it was measured to be ten times slower than with all but one. */
static uint32_t spare_processors(void)
{
    cpu_set_t set;
    size_t all = sched_getaffinity(0, sizeof(set), &set) == 0 ? (size_t)CPU_COUNT(&set) : 1;

    return all <= 2 ? 1 : (uint32_t)fh_min(all - 1, THREADS_MAX);
}

/* fault says what is wrong with the options; NULL: nothing. */
static const char *fault(struct fh_engine *e)
{
    const struct fh_engine_options *o = &e->options;

    if (o->obtain == NULL) {
        return "the script `obtain`, which finds llama-server, is not where this program looks "
               "for it";
    }
    if (fh_cstr(o->socket_path).len > SOCKET_PATH_MAX) {
        return print(e->arena,
                     "%s is too long for a socket, which may have %zu bytes: a shorter state "
                     "directory would do",
                     o->socket_path, SOCKET_PATH_MAX);
    }
    if (!fh_ends(fh_cstr(o->socket_path), FH_LIT(".sock"))) {
        return print(e->arena, "%s does not end in .sock, as llama-server wants it",
                     o->socket_path);
    }
    if (fh_engine_key_write(o->key_path, e->arena) != FH_OK) {
        return print(e->arena, "%s cannot be written: %s", o->key_path, strerrordesc_np(errno));
    }
    return NULL;
}

struct fh_engine *fh_engine_new(const struct fh_engine_options *options)
{
    struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    struct fh_engine *e = fh_new(arena, struct fh_engine);
    struct fh_engine_options *o = &e->options;
    const char *wrong = NULL;

    e->arena = arena;
    e->run = fh_arena_new(ARENA_MAX);
    e->child = FH_ENGINE_NO_CHILD;
    e->health = FH_ENGINE_NO_HEALTH;
    e->log = FH_ENGINE_NO_LOG;
    e->said = fh_buf_on_heap(SAID_MAX);
    e->answer = fh_buf_on_heap(ANSWER_MAX);
    *o = *options;
    o->obtain = options->obtain == NULL ? NULL : print(arena, "%s", options->obtain);
    o->socket_path = print(arena, "%s", options->socket_path);
    o->key_path = print(arena, "%s", options->key_path);
    o->log_path = print(arena, "%s", options->log_path);
    o->model_name =
        print(arena, "%s", options->model_name == NULL ? "local" : options->model_name);
    o->context_tokens = or_normal(options->context_tokens, 16384);
    o->slots = or_normal(options->slots, 2);
    o->threads = or_normal(options->threads, spare_processors());
    o->tries = or_normal(options->tries, 5);
    o->start_timeout_ms = or_normal(options->start_timeout_ms, 600000);
    o->stop_timeout_ms = or_normal(options->stop_timeout_ms, 3000);
    o->pause_ms = or_normal(options->pause_ms, 500);
    o->steady_ms = or_normal(options->steady_ms, 60000);
    enter(e, FH_ENGINE_OBTAINING, "not started yet");
    wrong = fault(e);
    if (wrong != NULL) {
        enter(e, FH_ENGINE_FAILED, "%s", wrong);
        give_up(e);
    }
    return e;
}

void fh_engine_free(struct fh_engine **engine)
{
    struct fh_engine *e = *engine;
    struct fh_arena *arena = NULL;

    if (e == NULL) {
        return;
    }
    fh_engine_health_stop(&e->health);
    fh_engine_child_kill(&e->child);
    fh_engine_log_close(&e->log);
    (void)unlink(e->options.socket_path);
    (void)unlink(e->options.key_path);
    fh_buf_fini(&e->said);
    fh_buf_fini(&e->answer);
    fh_arena_free(&e->run);
    arena = e->arena;
    fh_arena_free(&arena);
    *engine = NULL;
}
