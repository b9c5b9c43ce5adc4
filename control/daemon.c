/* daemon.c: a loop around one wait for signals, with a glance at the file in between.
 * SPDX-License-Identifier: Apache-2.0 */
#include "control/daemon.h"

#include "control/config/config.h"
#include "control/credentials/credentials.h"
#include "control/follow.h"
#include "control/nginx_conf.h"
#include "control/state.h"
#include "control/store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    TICK_MIN_MS = 10, /* between two looks at the journal: its sync interval within these */
    TICK_MAX_MS = 200,
    LOOK_US = 500000,         /* between two glances at the config */
    SWEEP_US = 60000000,      /* between two sweeps of dead readers */
    CREDENTIALS_RETRY_S = 10, /* what clients are told while there are none */
    CONFIG_ARENA_MAX = 16 << 20,
    PATH_MAX_LEN = 4096,
};

/* By which a file is seen to have changed. */
struct stamp {
    struct timespec mtime;
    off_t size;
    ino_t inode;
};

struct daemon {
    const struct fh_daemon_options *options;
    struct fh_arena *arena; /* for as long as the process runs */
    struct fh_store *store;
    int lock; /* of the state directory */
    struct stamp seen;
    struct fh_slice
        nginx_conf; /* of the config that this process began with, as the next two */
    struct fh_slice ledger_file;
    uint32_t sync_ms;
    struct fh_ledger *ledger;
    struct fh_follow *follow;
    struct fh_credentials *credentials;
    enum fh_rc follows; /* how the last look at the journal ended; news are said once */
    uint64_t look_due_us, sweep_due_us;
};

static uint64_t clock_us(clockid_t clock)
{
    struct timespec now;

    (void)clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

FH_PRINTF(2, 3)
static void say(const struct daemon *d, const char *fmt, ...)
{
    FH_AUTO(fh_buf_fini) struct fh_buf line = fh_buf_on_heap(SIZE_MAX);
    va_list args;

    va_start(args, fmt);
    fh_buf_vprintf(&line, fmt, args);
    va_end(args);
    fh_buf_byte(&line, '\0');
    d->options->say((const char *)line.ptr);
}

/* take_stamp notes how the file looks now. One that is gone for a moment, as editors do it, looks
 * as it did before. */
static struct stamp take_stamp(const struct daemon *d)
{
    struct stat st;

    if (stat(d->options->config_path, &st) != 0) {
        return d->seen;
    }
    return (struct stamp){st.st_mtim, st.st_size, st.st_ino};
}

static bool same_stamp(struct stamp a, struct stamp b)
{
    return a.mtime.tv_sec == b.mtime.tv_sec && a.mtime.tv_nsec == b.mtime.tv_nsec &&
           a.size == b.size && a.inode == b.inode;
}

/* print_fixed gives what nginx fixes at its start, to compare by. */
static struct fh_slice print_fixed(struct fh_arena *arena, const struct fh_config *cfg,
                                   const char *state_dir)
{
    const struct fh_nginx_setup setup = {.module_path = "", .state_dir = state_dir};
    struct fh_buf out = fh_buf_in_arena(arena, 1 << 20);

    fh_nginx_conf(&out, cfg, &setup);
    return fh_buf_slice(&out);
}

/* set_credentials hands on which providers need credentials of a cloud. */
static void set_credentials(struct daemon *d, const struct fh_config *cfg,
                            struct fh_arena *arena)
{
    size_t room = (cfg->providers.count + 1) * sizeof(struct fh_credentials_task);
    struct fh_credentials_task *tasks = fh_arena_alloc(arena, room);
    size_t count = 0;

    for (size_t i = 0; i < cfg->providers.count; i++) {
        const struct fh_config_provider *p = &cfg->providers.list[i];

        if (p->to.source != FH_CREDENTIALS_NONE) {
            tasks[count++] = fh_credentials_of(p, d->options->state_dir, arena);
        }
    }
    fh_credentials_set(d->credentials, tasks, count);
}

/* tell_credentials says what has changed with them, and records which providers can be asked. What
 * is recorded is for everybody; the reason, which names files and accounts, is for the log. */
static void tell_credentials(struct daemon *d)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(CONFIG_ARENA_MAX);
    struct fh_credentials_news news;

    while (fh_credentials_next_news(d->credentials, arena, &news)) {
        bool is_ready = news.state == FH_PROVIDER_READY;
        const struct fh_provider how = {
            .state = news.state,
            .state_line = is_ready ? FH_NONE : FH_LIT("its credentials could not be obtained"),
            .retry_after_s = is_ready ? 0 : CREDENTIALS_RETRY_S,
        };
        enum fh_rc rc = fh_store_provider_state(d->store, news.provider, &how);

        say(d, "%.*s", FH_ARG(news.line));
        if (rc != FH_OK && rc != FH_E_MISSING) { /* it may be gone from the config meanwhile */
            say(d, "that could not be recorded: %s", fh_store_error(d->store));
        }
    }
}

/* publish reads the config and makes it the policy. */
static enum fh_rc publish(struct daemon *d, bool fresh)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(CONFIG_ARENA_MAX);
    FH_AUTO(fh_buf_fini) struct fh_buf report = fh_buf_on_heap(SIZE_MAX);
    const char *state_dir = d->options->state_dir;
    struct fh_findings findings;
    struct fh_config cfg;

    d->seen = take_stamp(d);
    enum fh_rc rc = fh_config_load(&cfg, &findings, arena, d->options->config_path, state_dir);

    fh_findings_print(&findings, &report);
    struct fh_slice rest = fh_buf_slice(&report);
    struct fh_slice line = FH_NONE;

    while (fh_split(&rest, '\n', &line)) {
        say(d, "%.*s", FH_ARG(line));
    }
    FH_TRY(rc);
    rc = fh_store_publish(d->store, &cfg, fresh);
    if (rc != FH_OK) {
        say(d, "the policy could not be written: %s", fh_store_error(d->store));
        return rc;
    }
    set_credentials(d, &cfg, arena);
    struct fh_slice fixed = print_fixed(arena, &cfg, state_dir);

    if (d->nginx_conf.len == 0) {
        d->nginx_conf = fh_dup(d->arena, fixed);
        d->ledger_file = fh_dup(d->arena, cfg.ledger.file);
        d->sync_ms = cfg.journal.sync_ms;
    } else if (!fh_eq(fixed, d->nginx_conf)) {
        say(d,
            "some of this waits for a restart of the gateway: addresses, workers, connections, "
            "name servers, body_max, the size of journal files, new variables for secrets");
    } else if (!fh_eq(cfg.ledger.file, d->ledger_file) || cfg.journal.sync_ms != d->sync_ms) {
        say(d, "some of this waits for a restart of control: ledger.file, journal.sync");
    }
    say(d, "policy %llu is in force: models %zu, providers %zu",
        (unsigned long long)fh_store_generation(d->store), cfg.models.count,
        cfg.providers.count);
    return FH_OK;
}

static void reload(struct daemon *d)
{
    if (publish(d, false) != FH_OK) {
        say(d, "%s was not taken over; the last policy stays in force",
            d->options->config_path);
    }
}

/* take_lock makes sure that there is one of us. The lock goes with the process. */
static enum fh_rc take_lock(struct daemon *d)
{
    const char *path = fh_state_path(d->arena, d->options->state_dir, FH_STATE_CONTROL_LOCK);

    d->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (d->lock < 0) {
        say(d, "%s cannot be opened: %s", path, strerrordesc_np(errno));
        return FH_E_SYSTEM;
    }
    if (flock(d->lock, LOCK_EX | LOCK_NB) != 0) {
        say(d, "another `freehold control` works on %s", d->options->state_dir);
        return FH_E_CONFLICT;
    }
    return FH_OK;
}

/* open_books begins to carry the journal into the ledger.
 *
 * Returns  FH_E_CONFLICT while another process writes it: `freehold usage` does, for a moment.
 */
static enum fh_rc open_books(struct daemon *d)
{
    FH_AUTO(fh_buf_fini) struct fh_buf path = fh_buf_on_heap(PATH_MAX_LEN);
    FH_AUTO(fh_buf_fini) struct fh_buf why = fh_buf_on_heap(PATH_MAX_LEN);
    const struct fh_follow_options follow = {
        .journal_dir = fh_state_path(d->arena, d->options->state_dir, FH_STATE_JOURNAL),
        .sync_us = (uint64_t)d->sync_ms * 1000,
        .deadline_us = FH_FOLLOW_DEADLINE_US,
        .seals = true,
    };

    if (!fh_starts(d->ledger_file, FH_LIT("/"))) {
        fh_buf_printf(&path, "%s/", d->options->state_dir);
    }
    fh_buf_append(&path, d->ledger_file);
    fh_buf_byte(&path, '\0');
    if (path.failed) {
        say(d, "the path of the ledger is too long");
        return FH_E_LIMIT;
    }
    enum fh_rc rc = fh_ledger_open(&d->ledger, (const char *)path.ptr, FH_LEDGER_WRITE, &why);

    if (rc != FH_OK) {
        if (rc != d->follows) {
            say(d, "%.*s", FH_ARG(fh_buf_slice(&why)));
        }
        d->follows = rc;
        return rc;
    }
    d->follow = fh_follow_open(d->ledger, &follow);
    return FH_OK;
}

static void begin_credentials(struct daemon *d)
{
    const struct fh_credentials_options options = {
        .dir = fh_state_path(d->arena, d->options->state_dir, FH_STATE_CREDENTIALS),
        .environment = (const char *const *)environ,
    };

    d->credentials = fh_credentials_new(&options);
}

static enum fh_rc start(struct daemon *d)
{
    const char *state_dir = d->options->state_dir;
    const char *why = "";

    if (fh_state_make(d->arena, state_dir, &why) != FH_OK) {
        say(d, "%s", why);
        return FH_E_SYSTEM;
    }
    FH_TRY(take_lock(d));
    if (fh_store_open(&d->store, fh_state_path(d->arena, state_dir, FH_STATE_POLICY), &why) !=
        FH_OK) {
        say(d, "the policy store cannot be opened: %s", why);
        return FH_E_STORE;
    }
    (void)fh_store_sweep(d->store);
    begin_credentials(d);
    FH_TRY(publish(d, d->options->fresh));
    fh_credentials_start(d->credentials);
    enum fh_rc rc = open_books(d);

    return rc == FH_E_CONFLICT ? FH_OK : rc;
}

/* tell_follow says how the books fare when that has changed. */
static void tell_follow(struct daemon *d, enum fh_rc rc)
{
    struct fh_slice trouble = fh_follow_trouble(d->follow);

    if (rc == d->follows) {
        return;
    }
    d->follows = rc;
    if (rc == FH_OK) {
        say(d, "the books are being kept again");
    } else {
        say(d, "the books wait, nothing is lost: %.*s", FH_ARG(trouble));
    }
}

/* turn does what is due. */
static void turn(struct daemon *d)
{
    uint64_t now_us = clock_us(CLOCK_MONOTONIC);

    if (d->follow != NULL || open_books(d) == FH_OK) {
        tell_follow(d, fh_follow_tick(d->follow, now_us, clock_us(CLOCK_REALTIME)));
    }
    tell_credentials(d);
    if (now_us >= d->look_due_us) {
        d->look_due_us = now_us + LOOK_US;
        if (!same_stamp(take_stamp(d), d->seen)) {
            reload(d);
        }
    }
    if (now_us >= d->sweep_due_us) {
        d->sweep_due_us = now_us + SWEEP_US;
        (void)fh_store_sweep(d->store);
    }
}

/* loop waits for signals, a tick at a time. */
static void loop(struct daemon *d, const sigset_t *signals)
{
    size_t tick_ms = fh_max(TICK_MIN_MS, fh_min(d->sync_ms, TICK_MAX_MS));
    const struct timespec tick = {.tv_nsec = (long)tick_ms * 1000000};
    const struct timespec none = {0};

    for (;;) {
        bool is_behind = d->follow != NULL && fh_follow_is_behind(d->follow);
        int got = sigtimedwait(signals, NULL, is_behind ? &none : &tick);

        if (got == SIGTERM || got == SIGINT) {
            break;
        }
        if (got == SIGHUP) {
            reload(d);
        }
        turn(d);
    }
    if (d->follow != NULL) {
        tell_follow(d, fh_follow_catch_up(d->follow, clock_us(CLOCK_MONOTONIC),
                                          clock_us(CLOCK_REALTIME)));
    }
}

enum fh_rc fh_daemon_run(const struct fh_daemon_options *options)
{
    struct daemon d = {.options = options, .lock = -1};
    sigset_t signals;

    /* before anything else: a signal that comes now waits for the loop */
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigaddset(&signals, SIGINT);
    (void)sigaddset(&signals, SIGHUP);
    (void)sigprocmask(SIG_BLOCK, &signals,
                      NULL); /* NOLINT(concurrency-mt-unsafe): one thread so far */
    pid_t parent = getppid();

    if (options->with_parent && prctl(PR_SET_PDEATHSIG, SIGTERM) == 0 && getppid() != parent) {
        return FH_OK; /* it has ended already */
    }
    (void)umask(S_IRWXG | S_IRWXO); /* SQLite would let everybody read the books */
    d.arena = fh_arena_new(SIZE_MAX);
    enum fh_rc rc = start(&d);

    if (rc == FH_OK) {
        loop(&d, &signals);
    }
    fh_credentials_free(&d.credentials);
    fh_follow_close(&d.follow);
    fh_ledger_close(&d.ledger);
    fh_store_close(&d.store);
    fh_arena_free(&d.arena);
    if (d.lock >= 0) {
        (void)close(d.lock);
    }
    return rc;
}
