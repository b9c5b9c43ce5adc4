/* test_engine.c: the supervisor of the local model against servers that start slowly, die, hang and
 * refuse. They are this program itself: see play_server.
 * SPDX-License-Identifier: Apache-2.0 */
#include "engine/engine.h"
#include "engine/engine_answer.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PATH_ROOM = 512, STORY_ROOM = 2048, PATIENCE_MS = 20000 };

/* --- a llama-server of our own ---------------------------------------------------------- */

/* What play_server does, by name. */
struct part {
    const char *name;
    int loading;      /* answers 503 so often before the first 200; -1: for ever */
    int lives_ms;     /* then it ends with status 7; 0: until told */
    bool is_mute;     /* takes questions and answers none */
    bool is_stubborn; /* does not end when told */
    bool listens;
};

static const struct part parts[] = {
    {.name = "well", .listens = true},
    {.name = "slow", .loading = 3, .listens = true},
    {.name = "loading", .loading = -1, .listens = true},
    {.name = "mute", .is_mute = true, .listens = true},
    {.name = "stubborn", .is_stubborn = true, .listens = true},
    {.name = "short", .lives_ms = 300, .listens = true},
    {.name = "dead", .listens = false},
};

static const char *option(int argc, char **argv, const char *name)
{
    for (int i = 0; i + 1 < argc; i++) {
        if (fh_eq(fh_cstr(argv[i]), fh_cstr(name))) {
            return argv[i + 1];
        }
    }
    return NULL;
}

/* confess writes down what the server was given: its arguments, environment and directory. */
static void confess(int argc, char **argv, const char *host)
{
    char path[PATH_ROOM];
    char here[PATH_ROOM];
    FILE *file = NULL;

    (void)snprintf(path, sizeof(path), "%s.given", host);
    file = fopen(path, "w");
    if (file == NULL) {
        _exit(9);
    }
    for (int i = 0; i < argc; i++) {
        (void)fprintf(file, "arg %s\n", argv[i]);
    }
    for (char **e = environ; *e != NULL; e++) {
        (void)fprintf(file, "env %s\n", *e);
    }
    (void)fprintf(file, "dir %s\n", getcwd(here, sizeof(here)));
    for (int fd = 3; fd < 64; fd++) {
        if (fcntl(fd, F_GETFD) >= 0 && fd != fileno(file)) {
            (void)fprintf(file, "fd %d\n", fd);
        }
    }
    (void)fclose(file);
}

_Noreturn static void serve(const struct part *part, int listener)
{
    int asked = 0;
    int lives_ms = part->lives_ms == 0 ? -1 : part->lives_ms;

    for (;;) {
        struct pollfd wait = {.fd = listener, .events = POLLIN};
        char question[256];
        const char *answer = "HTTP/1.1 503 Service Unavailable\r\n\r\n";
        int client = -1;

        if (poll(&wait, 1, lives_ms) == 0) {
            (void)fprintf(stderr, "0.01 E main: an error that explains it\n");
            _exit(7);
        }
        client = accept(listener, NULL, NULL);
        if (client < 0 || part->is_mute) {
            continue;
        }
        (void)!read(client, question, sizeof(question));
        if (part->loading >= 0 && asked >= part->loading) {
            answer = "HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{\"status\":\"ok\"}";
        }
        asked++;
        (void)!write(client, answer, fh_cstr(answer).len);
        (void)close(client);
    }
}

/* play_server is main when the program was started as `test_engine play NAME …`. */
_Noreturn static void play_server(int argc, char **argv)
{
    const char *host = option(argc, argv, "--host");
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int listener = -1;

    confess(argc, argv, host);
    for (size_t i = 0; i < FH_LEN(parts); i++) {
        if (!fh_eq(fh_cstr(parts[i].name), fh_cstr(argv[2]))) {
            continue;
        }
        if (!parts[i].listens) {
            (void)fprintf(stderr, "loading\n0.02 E load: no such weights\nbye\n");
            _exit(7);
        }
        if (parts[i].is_stubborn) {
            (void)signal(SIGTERM, SIG_IGN);
        }
        listener = socket(AF_UNIX, SOCK_STREAM, 0);
        (void)snprintf(at.sun_path, sizeof(at.sun_path), "%s", host);
        if (bind(listener, (struct sockaddr *)&at, sizeof(at)) != 0 ||
            listen(listener, 8) != 0) {
            _exit(8);
        }
        serve(&parts[i], listener);
    }
    _exit(9);
}

/* --- a place and an engine in it -------------------------------------------------------- */

static char self[PATH_ROOM];

struct world {
    char dir[PATH_ROOM];
    char obtain[PATH_ROOM], socket[PATH_ROOM], key[PATH_ROOM], log[PATH_ROOM];
    char heard[STORY_ROOM]; /* lines of `obtain`, each in brackets */
    struct fh_engine_options options;
};

static void hear(void *user, struct fh_slice line)
{
    struct world *w = user;
    size_t len = fh_cstr(w->heard).len;

    (void)snprintf(w->heard + len, sizeof(w->heard) - len, "[%.*s]", FH_ARG(line));
}

FH_PRINTF(3, 4) static void write_file(const char *path, mode_t mode, const char *fmt, ...)
{
    FILE *file = fopen(path, "w");
    va_list args;

    assert_non_null(file);
    va_start(args, fmt);
    (void)vfprintf(file, fmt, args); /* NOLINT(clang-analyzer-valist.Uninitialized): it is */
    va_end(args);
    (void)fclose(file);
    assert_int_equal(chmod(path, mode), 0);
}

/* begin makes a place whose `obtain` names a server that plays `part`. */
static void begin(struct world *w, const char *part)
{
    *w = (struct world){.dir = "/tmp/freehold-engine-XXXXXX"};
    assert_non_null(mkdtemp(w->dir));
    (void)snprintf(w->obtain, sizeof(w->obtain), "%.400s/obtain", w->dir);
    (void)snprintf(w->socket, sizeof(w->socket), "%.400s/engine.sock", w->dir);
    (void)snprintf(w->key, sizeof(w->key), "%.400s/engine.key", w->dir);
    (void)snprintf(w->log, sizeof(w->log), "%.400s/engine.log", w->dir);
    write_file(w->obtain, 0700,
               "#!/bin/sh\necho 'looking around' >&2\n"
               "echo \"server '%s' play %s\"\necho 'model /the/weights.gguf'\n",
               self, part);
    w->options = (struct fh_engine_options){
        .obtain = w->obtain,
        .socket_path = w->socket,
        .key_path = w->key,
        .log_path = w->log,
        .start_timeout_ms = PATIENCE_MS,
        .stop_timeout_ms = 300,
        .pause_ms = 10,
        .tries = 3,
        .progress = hear,
        .user = w,
    };
}

static void end(struct world *w)
{
    char command[PATH_ROOM + 16];

    (void)snprintf(command, sizeof(command), "rm -rf '%s'", w->dir);
    assert_int_equal(system(command), 0); /* NOLINT: our own path */
}

static uint64_t now_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* turn is one round of the loop that an engine lives in. */
static void turn(struct fh_engine *e)
{
    struct pollfd fds[FH_ENGINE_FDS_MAX];
    size_t n = fh_engine_fds(e, fds);
    uint64_t now = now_us();
    uint64_t due = fh_engine_due_us(e);
    int timeout_ms = due <= now ? 0 : (int)fh_min((due - now) / 1000 + 1, 50);

    (void)poll(fds, n, timeout_ms);
    fh_engine_poll(e, now_us());
}

/* run_to goes on until the engine is in that state. */
static void run_to(struct fh_engine *e, enum fh_engine_state want)
{
    uint64_t end_us = now_us() + (uint64_t)PATIENCE_MS * 1000;

    while (fh_engine_state(e, NULL) != want) {
        struct fh_slice line;

        if (now_us() > end_us) {
            (void)fh_engine_state(e, &line);
            fail_msg("%s: still %s: %.*s", tap_where,
                     fh_engine_state_name(fh_engine_state(e, NULL)), FH_ARG(line));
        }
        turn(e);
    }
}

static struct fh_slice line_of(const struct fh_engine *e)
{
    struct fh_slice line;

    (void)fh_engine_state(e, &line);
    return line;
}

static void assert_has(struct fh_slice text, const char *part)
{
    if (!fh_contains(text, fh_cstr(part))) {
        fail_msg("%s: no \"%s\" in: %.*s", tap_where, part, FH_ARG(text));
    }
}

static void assert_lacks(struct fh_slice text, const char *part)
{
    if (fh_contains(text, fh_cstr(part))) {
        fail_msg("%s: \"%s\" in: %.*s", tap_where, part, FH_ARG(text));
    }
}

/* --- tests ------------------------------------------------------------------------------ */

static void test_answers_of_obtain(void **state)
{
    static const struct {
        const char *name, *lines, *want;
    } rows[] = {
        {"bare", "server /a/b\nmodel /m\n", "ok </a/b> /m -"},
        {"words", "server ld.so --library-path /l x\nmodel /m\n",
         "ok <ld.so><--library-path></l><x> /m -"},
        {"quoted", "server '/a b/it'\\''s' '' c\nmodel /m m\n", "ok </a b/it's><><c> /m m -"},
        {"template", "model /m\nserver s\ntemplate /t t", "ok <s> /m /t t"},
        {"unknown lines", "hello\nserver s\nmodel /m\nmore 1\n", "ok <s> /m -"},
        {"no server", "model /m\n", "missing"},
        {"no model", "server s\n", "missing"},
        {"nothing", "", "missing"},
        {"open quote", "server 'a\nmodel /m\n", "syntax"},
        {"nothing behind a backslash", "server a\\\nmodel /m\n", "syntax"},
        {"16 words", "server 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\nmodel /m\n",
         "ok <1><2><3><4><5><6><7><8><9><10><11><12><13><14><15><16> /m -"},
        {"17 words", "server 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17\nmodel /m\n", "limit"},
    };

    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(rows); i++) {
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 16);
        struct fh_buf got = fh_buf_in_arena(arena, STORY_ROOM);
        struct fh_engine_answer answer;
        enum fh_rc rc = fh_engine_answer_parse(fh_cstr(rows[i].lines), arena, &answer);

        tap_context("%s", rows[i].name);
        fh_buf_printf(&got, "%s", fh_rc_name(rc));
        if (rc == FH_OK) {
            fh_buf_byte(&got, ' ');
            for (size_t k = 0; k < answer.word_count; k++) {
                fh_buf_printf(&got, "<%s>", answer.words[k]);
            }
            fh_buf_printf(&got, " %s %s", answer.model,
                          answer.template == NULL ? "-" : answer.template);
        }
        assert_text(fh_buf_slice(&got), rows[i].want);
    }
}

static void test_a_slow_server_becomes_ready(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 20);
    struct world w;
    struct fh_engine *e = NULL;
    struct fh_slice given = FH_NONE;
    struct fh_slice key = FH_NONE;
    char path[PATH_ROOM + 8];
    struct stat st;

    FH_UNUSED(state);
    tap_context("slow");
    begin(&w, "slow");
    /* NOLINTBEGIN(concurrency-mt-unsafe): one thread */
    (void)setenv("LLAMA_ARG_HOST", "0.0.0.0", 1);
    (void)setenv("SOME_API_KEY", "hush", 1);
    (void)setenv("PLAIN", "kept", 1);
    /* NOLINTEND(concurrency-mt-unsafe) */
    e = fh_engine_new(&w.options);
    assert_int_equal(fh_engine_state(e, NULL), FH_ENGINE_OBTAINING);
    run_to(e, FH_ENGINE_STARTING);
    assert_text(line_of(e), "llama-server is loading /the/weights.gguf");
    run_to(e, FH_ENGINE_READY);
    assert_text(line_of(e), "local is ready");
    assert_string_equal(w.heard, "[looking around]");

    assert_int_equal(stat(w.key, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(stat(w.socket, &st), 0);
    assert_int_equal(st.st_mode & 077, 0);
    assert_true(tap_read_path(w.key, arena, &key));
    assert_int_equal(key.len, 64);

    (void)snprintf(path, sizeof(path), "%s.given", w.socket);
    assert_true(tap_read_path(path, arena, &given));
    assert_has(given, "arg --offline\narg --model\narg /the/weights.gguf\narg --host\n");
    assert_has(given, "arg --parallel\narg 2\n");
    assert_has(given, "env LLAMA_ARG_CACHE_RAM=256\n");
    assert_has(given, "env PLAIN=kept\n");
    assert_has(given, "dir /\n");
    assert_lacks(given, "0.0.0.0");
    assert_lacks(given, "hush");
    assert_lacks(given, "--chat-template-file");
    assert_lacks(given, "fd ");
    {
        char text[65];

        (void)snprintf(text, sizeof(text), "%.*s", FH_ARG(key));
        assert_lacks(given, text);
    }
    assert_int_equal(fh_engine_call_prefix(e).len, 0);

    fh_engine_stop(e, now_us());
    run_to(e, FH_ENGINE_STOPPED);
    assert_int_not_equal(stat(w.socket, &st), 0);
    assert_int_equal(fh_engine_pid(e), 0);
    fh_engine_free(&e);
    assert_null(e);
    assert_int_not_equal(stat(w.key, &st), 0);
    end(&w);
}

/* Whatever goes wrong at the start, it is tried again so often and no more, and the line says
 * what it was. */
static void test_starts_that_fail_are_counted(void **state)
{
    static const struct {
        const char *part;
        uint32_t start_timeout_ms;
        const char *want;
    } rows[] = {
        {"dead", 20000,
         "given up after 3 starts: llama-server ended with status 7: load: no such weights"},
        {"mute", 200, "given up after 3 starts: llama-server was not ready after 0 s"},
        {"loading", 400, "given up after 3 starts: llama-server was not ready after 0 s"},
        {"short", 20000,
         "given up after 3 starts: llama-server ended with status 7: main: an error that "
         "explains "
         "it"},
    };

    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(rows); i++) {
        struct world w;
        struct fh_engine *e = NULL;

        tap_context("%s", rows[i].part);
        begin(&w, rows[i].part);
        w.options.start_timeout_ms = rows[i].start_timeout_ms;
        e = fh_engine_new(&w.options);
        run_to(e, FH_ENGINE_FAILED);
        assert_text(line_of(e), rows[i].want);
        assert_string_equal(w.heard, "[looking around][looking around][looking around]");
        assert_int_equal(fh_engine_pid(e), 0);
        assert_int_equal(fh_engine_due_us(e), UINT64_MAX);
        fh_engine_stop(e, now_us());
        assert_int_equal(fh_engine_state(e, NULL), FH_ENGINE_FAILED);
        fh_engine_free(&e);
        end(&w);
    }
}

static void test_a_server_that_dies_later_is_started_again(void **state)
{
    struct world w;
    struct fh_engine *e = NULL;
    pid_t first = 0;

    FH_UNUSED(state);
    tap_context("dies later");
    begin(&w, "well");
    w.options.steady_ms = 1; /* a run of that length is no failure */
    e = fh_engine_new(&w.options);
    for (int i = 0; i < 5; i++) {
        uint64_t before = fh_engine_changes(e);

        run_to(e, FH_ENGINE_READY);
        assert_int_not_equal(fh_engine_pid(e), first);
        first = fh_engine_pid(e);
        (void)usleep(5000);
        (void)kill(first, SIGKILL);
        run_to(e, FH_ENGINE_STARTING);
        assert_has(line_of(e), "llama-server was killed by signal 9 (Killed)");
        assert_has(line_of(e), "start 2 of 3 follows");
        assert_true(fh_engine_changes(e) > before);
    }
    fh_engine_free(&e);
    end(&w);
}

static void test_without_files_it_says_what_is_missing(void **state)
{
    static const struct {
        const char *name, *script, *want, *heard;
    } rows[] = {
        {"could not", "echo one >&2; echo 'no weights: X brings them' >&2; exit 3",
         "no weights: X brings them", "[one][no weights: X brings them]"},
        {"dirt", "printf 'a\\033[1mb\\377\\tc\\n' >&2; exit 3", "a?[1mb? c", "[a?[1mb? c]"},
        {"no line end", "printf 'a\\n\\nb' >&2; exit 3", "b", "[a][b]"},
        {"killed", "echo so far >&2; kill -9 $$", " was killed by signal 9 (Killed): so far",
         "[so far]"},
        {"no answer", "echo server s", " named no server and model on its standard output", ""},
        {"endless answer", "head -c 100000 /dev/zero", " named no server and model", ""},
        {"much", "head -c 100000 /dev/zero | tr '\\0' x; echo done >&2; exit 3", "done",
         "[done]"},
    };

    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(rows); i++) {
        struct world w;
        struct fh_engine *e = NULL;

        tap_context("%s", rows[i].name);
        begin(&w, "well");
        write_file(w.obtain, 0700, "#!/bin/sh\n%s\n", rows[i].script);
        e = fh_engine_new(&w.options);
        run_to(e, FH_ENGINE_FAILED);
        assert_has(line_of(e), rows[i].want);
        assert_string_equal(w.heard, rows[i].heard);
        fh_engine_free(&e);
        end(&w);
    }
}

static void test_options_that_cannot_work_are_said(void **state)
{
    static const char deep[] = "0123456789012345678901234567890123456789";
    struct world w;
    struct fh_engine *e = NULL;
    char path[PATH_ROOM];

    FH_UNUSED(state);
    tap_context("options");
    begin(&w, "well");

    (void)snprintf(path, sizeof(path), "/%s/%s/%s/e.sock", deep, deep, deep);
    w.options.socket_path = path;
    e = fh_engine_new(&w.options);
    assert_int_equal(fh_engine_state(e, NULL), FH_ENGINE_FAILED);
    assert_has(line_of(e), "is too long for a socket, which may have 107 bytes");
    fh_engine_free(&e);

    w.options.socket_path = "/nowhere/engine";
    e = fh_engine_new(&w.options);
    assert_has(line_of(e), "/nowhere/engine does not end in .sock");
    fh_engine_free(&e);

    w.options.socket_path = w.socket;
    w.options.key_path = "/nowhere/engine.key";
    e = fh_engine_new(&w.options);
    assert_text(line_of(e), "/nowhere/engine.key cannot be written: No such file or directory");
    fh_engine_free(&e);

    w.options.key_path = w.key;
    w.options.obtain = NULL;
    e = fh_engine_new(&w.options);
    assert_has(line_of(e), "the script `obtain`, which finds llama-server, is not where");
    fh_engine_free(&e);

    w.options.obtain = "/nowhere/obtain";
    e = fh_engine_new(&w.options);
    run_to(e, FH_ENGINE_FAILED);
    assert_text(line_of(e), "/nowhere/obtain ended with status 127: /nowhere/obtain: cannot be "
                            "run: No such file or directory");
    fh_engine_free(&e);

    w.options.obtain = w.obtain;
    w.options.log_path = "/nowhere/engine.log";
    e = fh_engine_new(&w.options);
    run_to(e, FH_ENGINE_FAILED);
    assert_text(line_of(e), "/nowhere/engine.log cannot be written: No such file or directory");
    fh_engine_free(&e);
    end(&w);
}

/* is_alive does not count one that only waits for its parent to take note. */
static bool is_alive(pid_t pid)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 20);
    struct fh_slice stat = FH_NONE;
    char path[64];

    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    return tap_read_path(path, arena, &stat) && stat.len > 0 &&
           !fh_contains(stat, FH_LIT(") Z "));
}

/* wait_for_file reads the number that a script left, once it is there. */
static pid_t wait_for_number(struct fh_engine *e, const char *path)
{
    for (uint64_t end_us = now_us() + (uint64_t)PATIENCE_MS * 1000; now_us() < end_us;) {
        FILE *file = fopen(path, "r");
        int number = 0;

        if (file != NULL) {
            int n = fscanf(file, "%d", &number); /* NOLINT(cert-err34-c): our own file */

            (void)fclose(file);
            if (n == 1) {
                return number;
            }
        }
        if (e != NULL) {
            turn(e);
        } else {
            (void)usleep(10000);
        }
    }
    fail_msg("%s: no %s", tap_where, path);
    return 0;
}

static void wait_for_death(pid_t pid)
{
    for (uint64_t end_us = now_us() + (uint64_t)PATIENCE_MS * 1000; is_alive(pid);) {
        if (now_us() > end_us) {
            fail_msg("%s: %d is still alive", tap_where, (int)pid);
        }
        (void)usleep(10000);
    }
}

static void test_stop_ends_all_that_was_started(void **state)
{
    struct world w;
    struct fh_engine *e = NULL;
    char path[PATH_ROOM + 8];
    pid_t grandchild = 0;
    pid_t server = 0;

    FH_UNUSED(state);
    tap_context("stop while obtaining");
    begin(&w, "well");
    (void)snprintf(path, sizeof(path), "%s/number", w.dir);
    write_file(w.obtain, 0700, "#!/bin/sh\nsleep 1000 &\necho $! >'%s'\nwait\n", path);
    e = fh_engine_new(&w.options);
    turn(e);
    grandchild = wait_for_number(e, path);
    fh_engine_stop(e, now_us());
    run_to(e, FH_ENGINE_STOPPED);
    wait_for_death(grandchild);
    fh_engine_free(&e);
    end(&w);

    tap_context("stop a server that does not listen to SIGTERM");
    begin(&w, "stubborn");
    e = fh_engine_new(&w.options);
    run_to(e, FH_ENGINE_READY);
    server = fh_engine_pid(e);
    fh_engine_stop(e, now_us());
    run_to(e, FH_ENGINE_STOPPED);
    wait_for_death(server);
    fh_engine_free(&e);

    tap_context("free without stop");
    e = fh_engine_new(&w.options);
    run_to(e, FH_ENGINE_READY);
    server = fh_engine_pid(e);
    fh_engine_free(&e);
    wait_for_death(server);

    tap_context("stop before the first poll, and in a pause");
    e = fh_engine_new(&w.options);
    fh_engine_stop(e, now_us());
    assert_int_equal(fh_engine_state(e, NULL), FH_ENGINE_STOPPED);
    fh_engine_free(&e);
    end(&w);
}

static void test_the_server_dies_with_its_parent(void **state)
{
    struct world w;
    char path[PATH_ROOM + 8];
    pid_t parent = 0;
    pid_t server = 0;

    FH_UNUSED(state);
    tap_context("parent is killed");
    begin(&w, "stubborn");
    (void)snprintf(path, sizeof(path), "%s/number", w.dir);
    parent = fork();
    if (parent == 0) {
        struct fh_engine *e = fh_engine_new(&w.options);

        run_to(e, FH_ENGINE_READY);
        write_file(path, 0600, "%d\n", (int)fh_engine_pid(e));
        for (;;) {
            turn(e);
        }
    }
    server = wait_for_number(NULL, path);
    assert_true(is_alive(server));
    (void)kill(parent, SIGKILL);
    (void)waitpid(parent, NULL, 0);
    wait_for_death(server);
    end(&w);
}

static void test_the_log_stays_short(void **state)
{
    struct world w;
    struct fh_engine *e = NULL;
    char path[PATH_ROOM + 8];
    struct stat st;
    FILE *file = NULL;

    FH_UNUSED(state);
    tap_context("log");
    begin(&w, "dead");
    file = fopen(w.log, "w");
    assert_non_null(file);
    for (int i = 0; i < (5 << 20) / 32; i++) {
        (void)fprintf(file, "%31d\n", i);
    }
    (void)fclose(file);
    w.options.tries = 1;
    e = fh_engine_new(&w.options);
    run_to(e, FH_ENGINE_FAILED);
    assert_has(line_of(e), "no such weights");
    fh_engine_free(&e);
    assert_int_equal(stat(w.log, &st), 0);
    assert_true(st.st_size < 4096);
    (void)snprintf(path, sizeof(path), "%s.1", w.log);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 5 << 20);
    end(&w);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers_of_obtain),
        cmocka_unit_test(test_a_slow_server_becomes_ready),
        cmocka_unit_test(test_starts_that_fail_are_counted),
        cmocka_unit_test(test_a_server_that_dies_later_is_started_again),
        cmocka_unit_test(test_without_files_it_says_what_is_missing),
        cmocka_unit_test(test_options_that_cannot_work_are_said),
        cmocka_unit_test(test_stop_ends_all_that_was_started),
        cmocka_unit_test(test_the_server_dies_with_its_parent),
        cmocka_unit_test(test_the_log_stays_short),
    };

    if (argc > 2 && fh_eq(fh_cstr(argv[1]), FH_LIT("play"))) {
        play_server(argc, argv);
    }
    if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0) {
        return 1;
    }
    return cmocka_run_group_tests_name("engine", tests, NULL, NULL);
}
