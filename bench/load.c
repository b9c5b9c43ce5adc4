/*
 * load.c: the near end of every measurement: sends one request many times and times the answers.
 *
 *     bench-load --port N --request FILE [options]
 *
 * Closed loop by default: each connection sends its next request when the answer to the last one
 * is complete. With --rate it is an open loop: requests are due at fixed times whatever comes
 * back, and latency counts from the time a request was due, so that a gateway that stalls cannot
 * hide the requests that waited (no coordinated omission).
 *
 * It prints one JSON object on one line; times are in microseconds. Exit status 0 when every answer
 * was right, 1 when one was not, 2 for wrong use, 3 when it could not.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "bench_histogram.h"
#include "bench_net.h"
#include "bench_reader.h"

#include "base/text.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define NS_PER_MS 1000000ULL

enum {
    READ_ROOM = 1 << 18,
    FILE_MAX_BYTES = 64 << 20,
    EVENTS_ROOM = 512,
    ERRORS_MAX = 100, /* more make no further point */
    EXCERPT_MAX = 300,
};

enum {
    OPT_PORT,
    OPT_REQUEST,
    OPT_CONNECTIONS,
    OPT_FOR_MS,
    OPT_COUNT,
    OPT_RATE,
    OPT_SPREAD_MS,
    OPT_LIMIT_MS,
    OPT_EVENTS,
    OPT_SAME,
    OPT_ENDS,
    OPT_HOLD,
    OPTIONS,
};

static const struct option options[] = {
    [OPT_PORT] = {"port", required_argument, NULL, OPT_PORT},
    [OPT_REQUEST] = {"request", required_argument, NULL, OPT_REQUEST},
    [OPT_CONNECTIONS] = {"connections", required_argument, NULL, OPT_CONNECTIONS},
    [OPT_FOR_MS] = {"for-ms", required_argument, NULL, OPT_FOR_MS},
    [OPT_COUNT] = {"count", required_argument, NULL, OPT_COUNT},
    [OPT_RATE] = {"rate", required_argument, NULL, OPT_RATE},
    [OPT_SPREAD_MS] = {"spread-ms", required_argument, NULL, OPT_SPREAD_MS},
    [OPT_LIMIT_MS] = {"limit-ms", required_argument, NULL, OPT_LIMIT_MS},
    [OPT_EVENTS] = {"events", required_argument, NULL, OPT_EVENTS},
    [OPT_SAME] = {"same", required_argument, NULL, OPT_SAME},
    [OPT_ENDS] = {"ends", required_argument, NULL, OPT_ENDS},
    [OPT_HOLD] = {"hold", no_argument, NULL, OPT_HOLD},
    [OPTIONS] = {0},
};

static const char usage[] =
    "usage: bench-load --port N --request FILE [options]\n"
    "  --request FILE     head and body, as they are sent\n"
    "  --connections N    at once (1)\n"
    "  --for-ms N         go on for so long (1000; with --count or --hold 60000)\n"
    "  --count N          stop after so many requests\n"
    "  --rate N           open loop: requests per second\n"
    "  --spread-ms N      closed loop: spread the first requests over so long (0)\n"
    "  --limit-ms N       count what is then unfinished as errors (--for-ms and 10000)\n"
    "  --same FILE        every body must be this\n"
    "  --ends TEXT        the last 256 bytes of every body must contain this\n"
    "  --events N         every body must have so many stamps\n"
    "  --hold             say when every stream had its first event, then hold them until\n"
    "                     standard input ends\n";

struct conn {
    int fd; /* -1: closed, opened again when it is needed */
    bool busy;
    bool opened_before;
    bool answered; /* the first bytes of the answer have come */
    size_t sent;   /* bytes of the request */
    uint64_t due_ns;
    struct fh_bench_reader reader;
};

struct load {
    uint64_t number[OPTIONS]; /* of the options that are numbers */
    struct fh_buf request, same;
    struct fh_bench_expect expect;

    int epoll;
    struct conn *conns;
    struct conn **idle; /* a ring: who waited longest goes first */
    size_t idle_first, idle_count;
    uint64_t start_ns, stop_ns, limit_ns;
    uint64_t total; /* requests at most */
    uint64_t issued, finished;
    uint64_t last_ns; /* when the last answer was complete */

    uint64_t good, reconnects, bytes, events, ready, unfinished;
    uint64_t bad[FH_BENCH_VERDICTS];
    uint64_t errors;
    char excerpt[EXCERPT_MAX]; /* of the first wrong answer */
    struct fh_bench_histogram latency, first, age;
    uint8_t room[READ_ROOM];
};

static void push_idle(struct load *l, struct conn *c)
{
    size_t conns = l->number[OPT_CONNECTIONS];

    c->busy = false;
    l->idle[(l->idle_first + l->idle_count) % conns] = c;
    l->idle_count++;
}

static struct conn *pop_idle(struct load *l)
{
    struct conn *c = l->idle[l->idle_first];

    l->idle_first = (l->idle_first + 1) % l->number[OPT_CONNECTIONS];
    l->idle_count--;
    return c;
}

static void hang_up(struct conn *c)
{
    if (c->fd >= 0) {
        (void)close(c->fd);
        c->fd = -1;
    }
}

static bool open_conn(struct load *l, struct conn *c)
{
    c->fd = fh_bench_connect((uint16_t)l->number[OPT_PORT]);
    if (c->fd < 0) {
        return false;
    }
    l->reconnects += c->opened_before;
    c->opened_before = true;
    fh_bench_watch(l->epoll, c->fd, c);
    return true;
}

/* keep_excerpt remembers the first wrong answer in characters that JSON needs not escape. */
static void keep_excerpt(struct load *l, enum fh_bench_verdict verdict,
                         const struct fh_bench_reader *r)
{
    int n = snprintf(l->excerpt, sizeof(l->excerpt),
                     "%s: status %u, %llu bytes, %llu events: ", fh_bench_verdict_name(verdict),
                     (unsigned)r->status, (unsigned long long)r->body_bytes,
                     (unsigned long long)r->events);
    size_t at = n < 0 ? 0 : fh_min((size_t)n, sizeof(l->excerpt) - 1);
    struct fh_slice tail = fh_buf_slice(&r->tail);

    for (size_t i = 0; i < tail.len && at < sizeof(l->excerpt) - 1; i++, at++) {
        uint8_t b = tail.ptr[i];

        l->excerpt[at] = (char)(b == '"' ? '\'' : b < ' ' || b > '~' || b == '\\' ? '.' : b);
    }
    l->excerpt[at] = '\0';
}

static void fail(struct load *l, struct conn *c, enum fh_bench_verdict verdict)
{
    if (l->errors == 0) {
        keep_excerpt(l, verdict, &c->reader);
    }
    l->errors++;
    l->bad[verdict]++;
    l->finished++;
    hang_up(c);
    push_idle(l, c);
}

static void send_request(struct load *l, struct conn *c)
{
    struct fh_slice rest = fh_tail(fh_buf_slice(&l->request), c->sent);

    if (rest.len == 0) {
        return;
    }
    ssize_t n = send(c->fd, rest.ptr, rest.len, MSG_NOSIGNAL);

    if (n >= 0) {
        c->sent += (size_t)n;
    } else if (errno != EAGAIN) {
        fail(l, c, FH_BENCH_BAD_SHORT);
    }
}

static void start(struct load *l, struct conn *c, uint64_t due_ns)
{
    l->issued++;
    c->busy = true;
    c->answered = false;
    c->sent = 0;
    c->due_ns = due_ns;
    fh_bench_reader_start(&c->reader);
    if (c->fd < 0 && !open_conn(l, c)) {
        fail(l, c, FH_BENCH_BAD_SHORT);
        return;
    }
    send_request(l, c);
}

static void finish(struct load *l, struct conn *c, uint64_t now_ns)
{
    fh_bench_histogram_add(&l->latency, now_ns - c->due_ns);
    l->good++;
    l->finished++;
    l->last_ns = now_ns;
    if (c->reader.close) {
        hang_up(c);
    }
    push_idle(l, c);
}

static void take_bytes(struct load *l, struct conn *c, struct fh_slice in)
{
    uint64_t now_ns = fh_bench_now_ns();
    uint64_t events_before = c->reader.events;

    if (!c->busy) { /* bytes that no request asked for */
        l->errors++;
        l->bad[FH_BENCH_BAD_FRAMING]++;
        hang_up(c);
        return;
    }
    if (!c->answered) {
        c->answered = true;
        fh_bench_histogram_add(&l->first, now_ns - c->due_ns);
    }
    enum fh_bench_verdict verdict = fh_bench_reader_feed(&c->reader, in, now_ns, &l->age);

    l->bytes += in.len;
    l->events += c->reader.events - events_before;
    l->ready += events_before == 0 && c->reader.events > 0;
    if (verdict == FH_BENCH_GOOD) {
        finish(l, c, now_ns);
    } else if (verdict != FH_BENCH_MORE) {
        fail(l, c, verdict);
    }
}

static void read_conn(struct load *l, struct conn *c)
{
    while (c->fd >= 0) {
        ssize_t n = recv(c->fd, l->room, sizeof(l->room), 0);

        if (n < 0 && errno == EAGAIN) {
            return;
        }
        if (n > 0) {
            take_bytes(l, c, fh_slice(l->room, (size_t)n));
            if ((size_t)n < sizeof(l->room)) {
                return; /* edge-triggered: what comes later is announced again */
            }
        } else if (c->busy) {
            fail(l, c, FH_BENCH_BAD_SHORT);
        } else {
            hang_up(c);
        }
    }
}

/* next_due says when the next request is to be sent; UINT64_MAX: none any more. */
static uint64_t next_due(const struct load *l, uint64_t now_ns)
{
    uint64_t conns = l->number[OPT_CONNECTIONS];
    uint64_t rate = l->number[OPT_RATE];

    if (l->issued >= l->total || l->errors >= ERRORS_MAX) {
        return UINT64_MAX;
    }
    if (rate > 0) {
        return l->start_ns + l->issued * 1000 * NS_PER_MS / rate;
    }
    if (now_ns >= l->stop_ns) {
        return UINT64_MAX;
    }
    if (l->issued < conns) {
        return l->start_ns + l->issued * l->number[OPT_SPREAD_MS] * NS_PER_MS / conns;
    }
    return l->start_ns;
}

/* issue sends what is due on connections that are free and returns when to look again. */
static uint64_t issue(struct load *l)
{
    uint64_t now_ns = fh_bench_now_ns();
    uint64_t due_ns = next_due(l, now_ns);

    while (l->idle_count > 0 && due_ns <= now_ns) {
        start(l, pop_idle(l), l->number[OPT_RATE] > 0 ? due_ns : now_ns);
        now_ns = fh_bench_now_ns();
        due_ns = next_due(l, now_ns);
    }
    return l->idle_count > 0 && due_ns < l->limit_ns ? due_ns : l->limit_ns;
}

static bool over(const struct load *l)
{
    uint64_t now_ns = fh_bench_now_ns();

    return now_ns >= l->limit_ns ||
           (l->finished == l->issued && next_due(l, now_ns) == UINT64_MAX);
}

/* turn waits once and deals with what came. */
static void turn(struct load *l, uint64_t until_ns)
{
    struct epoll_event events[EVENTS_ROOM];
    size_t n = fh_bench_wait(l->epoll, events, EVENTS_ROOM, until_ns);

    for (size_t i = 0; i < n; i++) {
        struct conn *c = events[i].data.ptr;

        if ((events[i].events & EPOLLOUT) != 0 && c->busy && c->fd >= 0) {
            send_request(l, c);
        }
        if ((events[i].events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) {
            read_conn(l, c);
        }
    }
}

/* hold opens every stream, says so, and keeps them until standard input ends. */
static void hold(struct load *l)
{
    char c = 0;

    while (l->ready < l->number[OPT_CONNECTIONS] && l->errors == 0 && !over(l)) {
        turn(l, issue(l));
    }
    (void)printf("{\"ready\": %llu}\n", (unsigned long long)l->ready);
    (void)fflush(stdout);
    while (read(STDIN_FILENO, &c, 1) > 0) {
    }
    turn(l, 0);
    l->good = l->issued - l->finished; /* those that are still open, as they should be */
    l->finished = l->issued;
    l->last_ns = fh_bench_now_ns();
}

static void run(struct load *l)
{
    uint64_t conns = l->number[OPT_CONNECTIONS];

    struct fh_arena *arena = fh_arena_new(0); /* it lives as long as the program */

    l->conns = fh_arena_alloc(arena, conns * sizeof(*l->conns));
    l->idle = fh_arena_alloc(arena, conns * sizeof(struct conn *));
    for (uint64_t i = 0; i < conns; i++) {
        l->conns[i] = (struct conn){.fd = -1, .reader = fh_bench_reader_init(&l->expect)};
        push_idle(l, &l->conns[i]);
        if (l->number[OPT_HOLD] == 0 && !open_conn(l, &l->conns[i])) {
            fh_bench_die_errno("cannot connect");
        }
    }
    l->start_ns = fh_bench_now_ns() + NS_PER_MS;
    l->stop_ns = l->start_ns + l->number[OPT_FOR_MS] * NS_PER_MS;
    l->limit_ns = l->start_ns + l->number[OPT_LIMIT_MS] * NS_PER_MS;
    if (l->number[OPT_HOLD] != 0) {
        hold(l);
        return;
    }
    while (!over(l)) {
        turn(l, issue(l));
    }
    l->unfinished = l->issued - l->finished;
}

static void print_result(const struct load *l)
{
    double seconds = l->last_ns > l->start_ns ? (double)(l->last_ns - l->start_ns) / 1e9 : 0;

    (void)printf("{\"requests\": %llu, \"good\": %llu, \"seconds\": %.6f, \"rps\": %.1f, "
                 "\"bytes\": %llu, \"events\": %llu, \"reconnects\": %llu, \"errors\": {",
                 (unsigned long long)l->issued, (unsigned long long)l->good, seconds,
                 seconds > 0 ? (double)l->good / seconds : 0.0, (unsigned long long)l->bytes,
                 (unsigned long long)l->events, (unsigned long long)l->reconnects);
    for (int v = FH_BENCH_BAD_STATUS; v < FH_BENCH_VERDICTS; v++) {
        (void)printf("\"%s\": %llu, ", fh_bench_verdict_name((enum fh_bench_verdict)v),
                     (unsigned long long)l->bad[v]);
    }
    (void)printf("\"unfinished\": %llu}, \"first_error\": \"%s\", \"latency_us\": ",
                 (unsigned long long)l->unfinished, l->excerpt);
    fh_bench_histogram_print(&l->latency, stdout);
    (void)printf(", \"first_byte_us\": ");
    fh_bench_histogram_print(&l->first, stdout);
    (void)printf(", \"event_us\": ");
    fh_bench_histogram_print(&l->age, stdout);
    (void)printf("}\n");
}

static void read_file(struct fh_buf *out, const char *path)
{
    FILE *file = fopen(path, "rb");
    size_t n = 1;

    if (file == NULL) {
        fh_bench_die_errno(path);
    }
    *out = fh_buf_on_heap(FILE_MAX_BYTES);
    while (n > 0) {
        uint8_t *to = fh_buf_reserve(out, READ_ROOM);

        if (to == NULL) {
            fh_bench_die("%s is too large", path);
        }
        n = fread(to, 1, READ_ROOM, file);
        fh_buf_commit(out, n);
    }
    (void)fclose(file);
}

static _Noreturn void wrong_use(void)
{
    (void)fputs(usage, stderr);
    exit(2); /* NOLINT(concurrency-mt-unsafe): there is one thread */
}

static void take_option(struct load *l, int opt, const char *value)
{
    switch (opt) {
    case OPT_REQUEST:
        read_file(&l->request, value);
        break;
    case OPT_SAME:
        read_file(&l->same, value);
        l->expect.same = fh_buf_slice(&l->same);
        break;
    case OPT_ENDS:
        l->expect.ends = fh_cstr(value);
        break;
    case OPT_HOLD:
        l->number[OPT_HOLD] = 1;
        break;
    default:
        if (opt < 0 || opt >= OPTIONS || !fh_parse_u64(fh_cstr(value), &l->number[opt])) {
            wrong_use();
        }
    }
}

static void take_options(struct load *l, int argc, char **argv)
{
    int opt = 0;

    l->number[OPT_CONNECTIONS] = 1;
    l->number[OPT_COUNT] = UINT64_MAX;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread */
    while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
        take_option(l, opt, optarg);
    }
    if (optind != argc || l->request.len == 0 || l->number[OPT_CONNECTIONS] == 0 ||
        l->number[OPT_CONNECTIONS] > UINT16_MAX || l->number[OPT_PORT] == 0 ||
        l->number[OPT_PORT] > UINT16_MAX) {
        wrong_use();
    }
    if (l->number[OPT_FOR_MS] == 0) {
        bool timed = l->number[OPT_COUNT] == UINT64_MAX && l->number[OPT_HOLD] == 0;

        l->number[OPT_FOR_MS] = timed ? 1000 : 60000;
    }
    if (l->number[OPT_LIMIT_MS] == 0) {
        l->number[OPT_LIMIT_MS] = l->number[OPT_FOR_MS] + 10000;
    }
    l->expect.events = l->number[OPT_EVENTS];
    l->total = l->number[OPT_COUNT];
    if (l->number[OPT_RATE] > 0) {
        l->total = fh_min(l->total, l->number[OPT_RATE] * l->number[OPT_FOR_MS] / 1000);
    }
    if (l->number[OPT_HOLD] != 0) {
        l->total = l->number[OPT_CONNECTIONS];
    }
}

int main(int argc, char **argv)
{
    static struct load l;

    take_options(&l, argc, argv);
    fh_bench_setup();
    l.epoll = epoll_create1(EPOLL_CLOEXEC);
    run(&l);
    print_result(&l);
    return l.errors > 0 || l.unfinished > 0 ? 1 : 0;
}
