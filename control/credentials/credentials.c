/* credentials.c: a list of tasks, each with the time when it is due.
 * SPDX-License-Identifier: Apache-2.0 */
#include "control/credentials/credentials.h"

#include "control/file.h"
#include "control/state.h"

#include "base/hash.h"
#include "base/secret.h"

#include <curl/curl.h>
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define SECOND_US UINT64_C(1000000)
#define MINUTE_US (60 * SECOND_US)

#define AHEAD_MIN_US   (5 * MINUTE_US) /* before it expires, it is renewed */
#define REREAD_US      (5 * MINUTE_US) /* what does not expire */
#define PAUSE_MIN_US   (2 * SECOND_US) /* after a failure; doubled each time */
#define PAUSE_MAX_US   MINUTE_US
#define RENEW_PAUSE_US (10 * SECOND_US) /* when a renewal gives what was there before */
#define IDLE_US        (30 * SECOND_US)

enum {
    WHY_MAX_LEN = 4096,
    LINE_MAX_LEN = 8192,
    PATH_MAX_LEN = 8192,
    WORK_ARENA_MAX = 16 << 20,
    MARK_LEN = 16, /* hexadecimal digits of a fingerprint */
    DOUBLINGS_MAX = 10,
};

/* A task, and how it stands. */
struct entry {
    struct fh_credentials_task task;
    struct fh_slice mark;     /* a fingerprint of its settings */
    bool has;                 /* there is a credential in the file, and it is good */
    struct fh_sha256 written; /* of the file's content */
    uint64_t expires_us;      /* 0: never, or not known */
    uint64_t seen_us; /* when it was last looked at: earlier than that, the clock was set */
    uint64_t due_us;
    uint32_t failures;  /* in a row */
    struct fh_buf told; /* on the heap: what was last said */
};

struct plan {
    struct fh_arena *arena;
    struct entry *list;
    size_t count;
};

struct news {
    struct news *next;
    struct fh_credentials_news what;
};

struct fh_credentials {
    struct fh_arena *arena;
    struct fh_credentials_options options;
    struct plan *plan; /* of the thread that turns */
    uint64_t random;
    pthread_t thread;
    bool has_thread;
    atomic_bool stop;

    pthread_mutex_t lock; /* of all that follows */
    pthread_cond_t changed;
    struct plan *pending; /* to be taken over by the next turn */
    struct fh_arena *news_arena;
    struct news *first, *last;
};

struct fh_credentials_task fh_credentials_of(const struct fh_config_provider *provider,
                                             const char *state_dir, struct fh_arena *arena)
{
    FH_ASSERT(provider->credentials.source != FH_CREDENTIALS_NONE);
    return (struct fh_credentials_task){
        .provider = provider->to.name,
        .path = fh_state_credential(arena, state_dir, provider->to.name),
        .settings = provider->credentials,
    };
}

/* ---- plans ---- */

static struct plan *plan_new(void)
{
    struct fh_arena *arena = fh_arena_new(SIZE_MAX);
    struct plan *plan = fh_new(arena, struct plan);

    plan->arena = arena;
    return plan;
}

static void plan_free(struct plan **plan)
{
    if (*plan == NULL) {
        return;
    }
    struct fh_arena *arena = (*plan)->arena;

    for (size_t i = 0; i < (*plan)->count; i++) {
        fh_buf_fini(&(*plan)->list[i].told);
    }
    fh_arena_free(&arena);
    *plan = NULL;
}

/* copy_settings copies all texts, and adds them to a text that is different for other settings. */
static struct fh_credential_settings copy_settings(struct fh_arena *arena, struct fh_buf *all,
                                                   const struct fh_credential_settings *from)
{
    struct fh_credential_settings to = *from;
    struct fh_slice *const texts[] = {&to.profile, &to.region,    &to.role_arn,     &to.file,
                                      &to.tenant,  &to.client_id, &to.client_secret};

    fh_buf_printf(all, "%u", (unsigned)from->source);
    for (size_t i = 0; i < FH_LEN(texts); i++) {
        *texts[i] = fh_dup(arena, *texts[i]);
        fh_buf_printf(all, " %zu ", texts[i]->len);
        fh_buf_append(all, *texts[i]);
    }
    return to;
}

static void add_entry(struct plan *plan, const struct fh_credentials_task *task)
{
    struct entry *e = &plan->list[plan->count++];
    struct fh_buf all = fh_buf_in_arena(plan->arena, SIZE_MAX);
    struct fh_buf mark = fh_buf_in_arena(plan->arena, MARK_LEN);

    *e = (struct entry){
        .task = {.provider = fh_dup(plan->arena, task->provider),
                 .path = fh_dup_cstr(plan->arena, fh_cstr(task->path)),
                 .settings = copy_settings(plan->arena, &all, &task->settings)},
        .told = fh_buf_on_heap(LINE_MAX_LEN),
    };
    struct fh_sha256 hash = fh_sha256(fh_buf_slice(&all));

    fh_buf_hex(&mark, fh_slice(hash.bytes, MARK_LEN / 2));
    e->mark = fh_buf_slice(&mark);
}

void fh_credentials_set(struct fh_credentials *c, const struct fh_credentials_task *tasks,
                        size_t count)
{
    struct plan *plan = plan_new();

    plan->list = fh_arena_alloc(plan->arena, (count + 1) * sizeof(plan->list[0]));
    for (size_t i = 0; i < count; i++) {
        add_entry(plan, &tasks[i]);
    }
    (void)pthread_mutex_lock(&c->lock);
    plan_free(&c->pending);
    c->pending = plan;
    (void)pthread_cond_signal(&c->changed);
    (void)pthread_mutex_unlock(&c->lock);
}

/* ---- news ---- */

/* tell says something unless it is what was last said: `key` is what counts. */
FH_PRINTF(5, 6)
static void tell(struct fh_credentials *c, struct entry *e, enum fh_provider_state state,
                 struct fh_slice key, const char *fmt, ...)
{
    FH_AUTO(fh_buf_fini) struct fh_buf told = fh_buf_on_heap(LINE_MAX_LEN);
    FH_AUTO(fh_buf_fini) struct fh_buf line = fh_buf_on_heap(LINE_MAX_LEN);
    va_list args;

    fh_buf_byte(&told, (uint8_t)state);
    fh_buf_append(&told, key);
    if (fh_eq(fh_buf_slice(&told), fh_buf_slice(&e->told))) {
        return;
    }
    fh_buf_clear(&e->told);
    fh_buf_append(&e->told, fh_buf_slice(&told));
    va_start(args, fmt);
    fh_buf_vprintf(&line, fmt, args);
    va_end(args);
    (void)pthread_mutex_lock(&c->lock);
    struct news *news = fh_new(c->news_arena, struct news);

    news->what = (struct fh_credentials_news){
        .provider = fh_dup(c->news_arena, e->task.provider),
        .state = state,
        .line = fh_dup(c->news_arena, fh_buf_slice(&line)),
    };
    if (c->last == NULL) {
        c->first = news;
    } else {
        c->last->next = news;
    }
    c->last = news;
    (void)pthread_mutex_unlock(&c->lock);
}

bool fh_credentials_next_news(struct fh_credentials *c, struct fh_arena *arena,
                              struct fh_credentials_news *news)
{
    (void)pthread_mutex_lock(&c->lock);
    struct news *first = c->first;

    if (first != NULL) {
        *news = (struct fh_credentials_news){
            .provider = fh_dup(arena, first->what.provider),
            .state = first->what.state,
            .line = fh_dup(arena, first->what.line),
        };
        c->first = first->next;
        if (c->first == NULL) {
            c->last = NULL;
            fh_arena_trim(c->news_arena);
        }
    }
    (void)pthread_mutex_unlock(&c->lock);
    return first != NULL;
}

/* print_left writes how long something is still good, as people say it. */
static void print_left(struct fh_buf *out, uint64_t expires_us, uint64_t now_us)
{
    uint64_t left_s = expires_us > now_us ? (expires_us - now_us) / SECOND_US : 0;

    if (expires_us == 0) {
        fh_buf_append(out, FH_LIT("do not expire"));
    } else if (left_s < 120) {
        fh_buf_printf(out, "expire in %llu s", (unsigned long long)left_s);
    } else if (left_s < 7200) {
        fh_buf_printf(out, "expire in %llu min", (unsigned long long)(left_s / 60));
    } else {
        fh_buf_printf(out, "expire in %llu h", (unsigned long long)(left_s / 3600));
    }
}

static struct fh_slice left_of(struct fh_arena *arena, const struct entry *e, uint64_t now_us)
{
    struct fh_buf left = fh_buf_in_arena(arena, LINE_MAX_LEN);

    print_left(&left, e->expires_us, now_us);
    return fh_buf_slice(&left);
}

/* ---- when ---- */

/* by_chance gives a number below `end`. It spreads load; nobody must not be able to guess it. */
static uint64_t by_chance(struct fh_credentials *c, uint64_t end)
{
    c->random ^= c->random << 13;
    c->random ^= c->random >> 7;
    c->random ^= c->random << 17;
    return end == 0 ? 0 : c->random % end;
}

/* renew_at says when a credential that was got now is to be renewed. */
static uint64_t renew_at(struct fh_credentials *c, uint64_t expires_us, uint64_t now_us)
{
    if (expires_us == 0) {
        return now_us + REREAD_US;
    }
    uint64_t left_us = expires_us - now_us;
    uint64_t ahead_us = left_us / 4 < AHEAD_MIN_US ? AHEAD_MIN_US : left_us / 4;

    if (ahead_us > left_us / 2) {
        ahead_us = left_us / 2; /* a short one */
    }
    ahead_us += by_chance(c, ahead_us / 10 + 1);
    uint64_t due_us = expires_us - ahead_us;

    return due_us < now_us + RENEW_PAUSE_US ? now_us + RENEW_PAUSE_US : due_us;
}

static uint64_t retry_at(struct fh_credentials *c, uint32_t failures, uint64_t now_us)
{
    uint32_t doublings = failures - 1 < DOUBLINGS_MAX ? failures - 1 : DOUBLINGS_MAX;
    uint64_t pause_us = PAUSE_MIN_US << doublings;

    pause_us = pause_us > PAUSE_MAX_US ? PAUSE_MAX_US : pause_us;
    return now_us + pause_us - by_chance(c, pause_us / 10 + 1);
}

/* ---- one credential ---- */

/* drop takes a credential away that is of no use, or for something else. */
static void drop(struct entry *e)
{
    (void)unlink(e->task.path);
    e->has = false;
    e->expires_us = 0;
}

static void wipe(struct fh_arena **arena)
{
    fh_arena_wipe(*arena);
    fh_arena_free(arena);
}

/* read_file looks at what an earlier run has left.
 *
 * Returns  false when there is nothing that is of use.
 */
static bool read_file(const struct fh_credentials_task *task, struct fh_arena *arena,
                      uint64_t now_us, struct fh_credential *out, struct fh_slice *text)
{
    return fh_file_read(task->path, arena, FH_CREDENTIAL_MAX_BYTES, text) == FH_OK &&
           fh_credential_parse(out, *text) == FH_OK &&
           (out->expires_s == 0 || out->expires_s * SECOND_US > now_us);
}

/* take_over makes the file of an earlier run the entry's, or removes it. */
static void take_over(struct fh_credentials *c, struct entry *e, uint64_t now_us)
{
    FH_AUTO(wipe) struct fh_arena *arena = fh_arena_new(WORK_ARENA_MAX);
    struct fh_credential found;
    struct fh_slice text = FH_NONE;

    e->due_us = now_us; /* a new one is got all the same: what is here may be almost over */
    e->seen_us = now_us;
    if (!read_file(&e->task, arena, now_us, &found, &text) || !fh_eq(found.settings, e->mark)) {
        drop(e);
        return;
    }
    e->has = true;
    e->expires_us = found.expires_s * SECOND_US;
    e->written = fh_sha256(text);
    tell(c, e, FH_PROVIDER_READY, found.from, "%.*s has credentials from before: %.*s, %.*s",
         FH_ARG(e->task.provider), FH_ARG(found.from), FH_ARG(left_of(arena, e, now_us)));
}

static bool same_hash(const struct fh_sha256 *a, const struct fh_sha256 *b)
{
    return fh_eq(fh_slice(a->bytes, FH_SHA256_LEN), fh_slice(b->bytes, FH_SHA256_LEN));
}

/* keep writes what was obtained, unless it is there already: workers would read it again. */
static enum fh_rc keep(struct entry *e, struct fh_chain_work *work, struct fh_credential *found)
{
    struct fh_buf text = fh_buf_in_arena(work->arena, SIZE_MAX);

    found->settings = e->mark;
    enum fh_rc rc = fh_credential_print(&text, found);

    if (rc != FH_OK) {
        return fh_chain_fail(work, rc, "what %.*s gave cannot stand in a request (%s)",
                             FH_ARG(found->from), fh_rc_name(rc));
    }
    struct fh_sha256 hash = fh_sha256(fh_buf_slice(&text));

    if (e->has && same_hash(&hash, &e->written)) {
        return FH_OK;
    }
    if (fh_file_replace(e->task.path, fh_buf_slice(&text), work->arena) != FH_OK) {
        return fh_chain_fail(work, FH_E_SYSTEM, "%s cannot be written: %s", e->task.path,
                             strerrordesc_np(errno));
    }
    e->written = hash;
    return FH_OK;
}

static void renew(struct fh_credentials *c, struct entry *e, uint64_t now_us)
{
    FH_AUTO(wipe) struct fh_arena *arena = fh_arena_new(WORK_ARENA_MAX);
    struct fh_buf why = fh_buf_in_arena(arena, WHY_MAX_LEN);
    struct fh_chain_work work = {
        .settings = &e->task.settings,
        .environment = c->options.environment,
        .arena = arena,
        .now_us = now_us,
        .why = &why,
        .stop = &c->stop,
        .timeout_ms = c->options.timeout_ms,
    };
    struct fh_credential found;
    enum fh_rc rc = fh_chain_obtain(&work, &found);

    if (atomic_load(&c->stop)) {
        return; /* called off: that is no failure */
    }
    if (rc == FH_OK) {
        rc = keep(e, &work, &found);
    }
    e->seen_us = now_us;
    if (rc == FH_OK) {
        e->has = true;
        e->failures = 0;
        e->expires_us = found.expires_s * SECOND_US;
        e->due_us = renew_at(c, e->expires_us, now_us);
        tell(c, e, FH_PROVIDER_READY, found.from, "%.*s has credentials: %.*s, %.*s",
             FH_ARG(e->task.provider), FH_ARG(found.from), FH_ARG(left_of(arena, e, now_us)));
        return;
    }
    e->failures++;
    e->due_us = retry_at(c, e->failures, now_us);
    if (e->has) {
        tell(c, e, FH_PROVIDER_READY, fh_buf_slice(&why),
             "%.*s: its credentials cannot be renewed for now, and those at hand %.*s: %.*s",
             FH_ARG(e->task.provider), FH_ARG(left_of(arena, e, now_us)),
             FH_ARG(fh_buf_slice(&why)));
    } else {
        tell(c, e, FH_PROVIDER_FAILED, fh_buf_slice(&why), "%.*s has no credentials: %.*s",
             FH_ARG(e->task.provider), FH_ARG(fh_buf_slice(&why)));
    }
}

/* ---- all of them ---- */

static struct entry *find(struct plan *plan, const struct entry *like)
{
    for (size_t i = 0; plan != NULL && i < plan->count; i++) {
        if (fh_eq(plan->list[i].task.provider, like->task.provider) &&
            fh_eq(plan->list[i].mark, like->mark)) {
            return &plan->list[i];
        }
    }
    return NULL;
}

/* carry_on lets an entry of the new plan go on where the same one of the old plan stood. */
static void carry_on(struct entry *to, struct entry *from)
{
    struct fh_buf told = to->told;

    to->has = from->has;
    to->written = from->written;
    to->expires_us = from->expires_us;
    to->seen_us = from->seen_us;
    to->due_us = from->due_us;
    to->failures = from->failures;
    to->told = from->told;
    from->told = told;
}

static bool belongs(const struct plan *plan, const char *path)
{
    for (size_t i = 0; i < plan->count; i++) {
        if (fh_eq(fh_cstr(plan->list[i].task.path), fh_cstr(path))) {
            return true;
        }
    }
    return false;
}

static void close_dir(DIR **dir)
{
    if (*dir != NULL) {
        (void)closedir(*dir);
    }
}

/* tidy removes the files that belong to nobody (any more). */
static void tidy(struct fh_credentials *c)
{
    FH_AUTO(close_dir) DIR *dir = opendir(c->options.dir);

    for (struct dirent *entry = dir == NULL ? NULL : readdir(dir); entry != NULL;
         entry = readdir(dir)) {
        FH_AUTO(fh_buf_fini) struct fh_buf path = fh_buf_on_heap(PATH_MAX_LEN);

        fh_buf_printf(&path, "%s/%s", c->options.dir, entry->d_name);
        fh_buf_byte(&path, '\0');
        if (entry->d_name[0] != '.' && !path.failed &&
            !belongs(c->plan, (const char *)path.ptr)) {
            (void)unlink((const char *)path.ptr);
        }
    }
}

/* adopt takes over the tasks that were set since the last turn. */
static void adopt(struct fh_credentials *c, uint64_t now_us)
{
    (void)pthread_mutex_lock(&c->lock);
    struct plan *plan = c->pending;

    c->pending = NULL;
    (void)pthread_mutex_unlock(&c->lock);
    if (plan == NULL) {
        return;
    }
    struct plan *old = c->plan;

    c->plan = plan;
    for (size_t i = 0; i < plan->count; i++) {
        struct entry *same = find(old, &plan->list[i]);

        if (same != NULL) {
            carry_on(&plan->list[i], same);
        } else {
            take_over(c, &plan->list[i], now_us);
        }
    }
    plan_free(&old);
    tidy(c);
}

static void attend(struct fh_credentials *c, struct entry *e, uint64_t now_us)
{
    if (now_us >= e->due_us || now_us < e->seen_us) {
        renew(c, e, now_us);
    }
    if (e->has && e->expires_us > 0 && e->expires_us <= now_us) {
        drop(e);
        tell(c, e, FH_PROVIDER_FAILED, FH_LIT("expired"),
             "%.*s has no credentials any more: they have expired, and could not be renewed",
             FH_ARG(e->task.provider));
    }
}

uint64_t fh_credentials_turn(struct fh_credentials *c, uint64_t now_us)
{
    uint64_t next_us = now_us + IDLE_US;

    adopt(c, now_us);
    for (size_t i = 0; c->plan != NULL && i < c->plan->count && !atomic_load(&c->stop); i++) {
        struct entry *e = &c->plan->list[i];

        attend(c, e, now_us);
        next_us = e->due_us < next_us ? e->due_us : next_us;
        if (e->has && e->expires_us > 0 && e->expires_us < next_us) {
            next_us = e->expires_us;
        }
    }
    return next_us;
}

/* ---- the thread ---- */

static uint64_t clock_us(clockid_t clock)
{
    struct timespec now;

    (void)clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * SECOND_US + (uint64_t)now.tv_nsec / 1000;
}

/* rest waits for the time, for new tasks, or for the end. */
static void rest(struct fh_credentials *c, uint64_t pause_us)
{
    uint64_t until_us = clock_us(CLOCK_MONOTONIC) + pause_us;
    const struct timespec until = {.tv_sec = (time_t)(until_us / SECOND_US),
                                   .tv_nsec = (long)(until_us % SECOND_US * 1000)};

    (void)pthread_mutex_lock(&c->lock);
    while (!atomic_load(&c->stop) && c->pending == NULL &&
           pthread_cond_timedwait(&c->changed, &c->lock, &until) == 0) {
        /* woken for nothing, or for what the condition sees */
    }
    (void)pthread_mutex_unlock(&c->lock);
}

static void *run(void *user)
{
    struct fh_credentials *c = user;

    while (!atomic_load(&c->stop)) {
        uint64_t now_us = clock_us(CLOCK_REALTIME);
        uint64_t next_us = fh_credentials_turn(c, now_us);

        rest(c, next_us > now_us ? next_us - now_us : 0);
    }
    return NULL;
}

void fh_credentials_start(struct fh_credentials *c)
{
    sigset_t all;
    sigset_t before;

    FH_ASSERT(!c->has_thread);
    /* signals are for the other thread, and a peer that hangs up must not end the process */
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&c->thread, NULL, run, c);

    FH_ASSERT(error == 0);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    c->has_thread = true;
}

struct fh_credentials *fh_credentials_new(const struct fh_credentials_options *options)
{
    struct fh_arena *arena = fh_arena_new(SIZE_MAX);
    struct fh_credentials *c = fh_new(arena, struct fh_credentials);
    pthread_condattr_t attributes;

    *c = (struct fh_credentials){
        .arena = arena,
        .options = *options,
        .random = clock_us(CLOCK_MONOTONIC) | 1,
        .news_arena = fh_arena_new(SIZE_MAX),
    };
    (void)!getrandom(&c->random, sizeof(c->random), 0);
    c->random |= 1; /* it must not be 0 */
    c->options.dir = fh_dup_cstr(arena, fh_cstr(options->dir));
    CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT); /* while there is one thread */

    FH_ASSERT(code == CURLE_OK);
    FH_ASSERT(pthread_mutex_init(&c->lock, NULL) == 0);
    FH_ASSERT(pthread_condattr_init(&attributes) == 0);
    FH_ASSERT(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
    FH_ASSERT(pthread_cond_init(&c->changed, &attributes) == 0);
    (void)pthread_condattr_destroy(&attributes);
    return c;
}

void fh_credentials_free(struct fh_credentials **credentials)
{
    struct fh_credentials *c = *credentials;

    if (c == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&c->lock);
    atomic_store(&c->stop, true);
    (void)pthread_cond_signal(&c->changed);
    (void)pthread_mutex_unlock(&c->lock);
    if (c->has_thread) {
        (void)pthread_join(c->thread, NULL);
    }
    plan_free(&c->plan);
    plan_free(&c->pending);
    (void)pthread_cond_destroy(&c->changed);
    (void)pthread_mutex_destroy(&c->lock);
    fh_arena_free(&c->news_arena);
    curl_global_cleanup();
    struct fh_arena *arena = c->arena;

    fh_arena_free(&arena);
    *credentials = NULL;
}

/* ---- for people ---- */

enum fh_rc fh_credentials_describe(struct fh_buf *out, const struct fh_credentials_task *task,
                                   const char *const *environment, uint64_t now_us)
{
    FH_AUTO(wipe) struct fh_arena *arena = fh_arena_new(WORK_ARENA_MAX);
    struct fh_buf why = fh_buf_in_arena(arena, WHY_MAX_LEN);
    struct fh_chain_work work = {
        .settings = &task->settings,
        .environment = environment,
        .arena = arena,
        .now_us = now_us,
        .why = &why,
    };
    struct fh_credential found;
    struct fh_slice text = FH_NONE;
    bool is_kept = read_file(task, arena, now_us, &found, &text);
    enum fh_rc rc = is_kept ? FH_OK : fh_chain_obtain(&work, &found);

    if (rc != FH_OK) {
        fh_buf_printf(out, "no credentials: %.*s", FH_ARG(fh_buf_slice(&why)));
        return rc;
    }
    fh_buf_printf(out, "credentials from %.*s, ", FH_ARG(found.from));
    print_left(out, found.expires_s * SECOND_US, now_us);
    if (!is_kept) {
        fh_buf_append(out,
                      FH_LIT(" (found just now; a running `freehold control` keeps them)"));
    }
    return FH_OK;
}
