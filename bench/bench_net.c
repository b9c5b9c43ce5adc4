/* bench_net.c: clock, sockets and the little HTTP that both ends of a measurement need.
 * SPDX-License-Identifier: Apache-2.0 */
#include "bench_net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S 1000000000ULL

enum { BACKLOG = 4096 };

uint64_t fh_bench_now_ns(void)
{
    struct timespec now;

    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0) {
        fh_bench_die_errno("no monotonic clock");
    }
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

void fh_bench_die(const char *fmt, ...)
{
    va_list args;

    (void)fprintf(stderr, "%s: ", program_invocation_short_name);
    va_start(args, fmt);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): started above */
    (void)vfprintf(stderr, fmt, args);
    va_end(args);
    (void)fputc('\n', stderr);
    exit(3);
}

void fh_bench_die_errno(const char *what)
{
    fh_bench_die("%s: %s", what, strerrordesc_np(errno));
}

void fh_bench_setup(void)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE,
                        &files); /* what is not allowed shows when it is needed */
    }
    (void)prctl(PR_SET_TIMERSLACK, 1UL); /* else the kernel rounds waits up by 50 us */
    (void)signal(SIGPIPE, SIG_IGN);
}

static struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET,
        .sin_port = htons(port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
}

/* prepare makes a connected socket fit for an event loop. */
static int prepare(int fd)
{
    int on = 1;

    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0 ||
        fcntl(fd, F_SETFL, O_NONBLOCK) != 0) {
        fh_bench_die_errno("cannot prepare a socket");
    }
    return fd;
}

int fh_bench_listen(uint16_t *port)
{
    struct sockaddr_in at = loopback(*port);
    socklen_t size = sizeof(at);
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(fd, (const struct sockaddr *)&at, sizeof(at)) != 0 || listen(fd, BACKLOG) != 0 ||
        getsockname(fd, (struct sockaddr *)&at, &size) != 0) {
        fh_bench_die("cannot listen on port %u: %s", (unsigned)*port, strerrordesc_np(errno));
    }
    *port = ntohs(at.sin_port);
    return fd;
}

int fh_bench_accept(int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

    if (fd < 0) {
        if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR) {
            fh_bench_die_errno("cannot accept");
        }
        return -1;
    }
    return prepare(fd);
}

int fh_bench_connect(uint16_t port)
{
    struct sockaddr_in to = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        fh_bench_die_errno("cannot make a socket");
    }
    if (connect(fd, (const struct sockaddr *)&to, sizeof(to)) != 0) {
        (void)close(fd);
        return -1;
    }
    return prepare(fd);
}

void fh_bench_watch(int epoll, int fd, void *who)
{
    struct epoll_event event = {
        .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
        .data.ptr = who,
    };

    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
        fh_bench_die_errno("cannot watch a socket");
    }
}

size_t fh_bench_wait(int epoll, struct epoll_event *events, size_t room, uint64_t until_ns)
{
    struct timespec left = {0};

    if (until_ns != UINT64_MAX && until_ns != 0) {
        uint64_t now = fh_bench_now_ns();
        uint64_t wait = until_ns > now ? until_ns - now : 0;

        left.tv_sec = (time_t)(wait / NS_PER_S);
        left.tv_nsec = (long)(wait % NS_PER_S);
    }
    int n = epoll_pwait2(epoll, events, (int)room, until_ns == UINT64_MAX ? NULL : &left, NULL);

    if (n < 0 && errno != EINTR) {
        fh_bench_die_errno("cannot wait");
    }
    return n < 0 ? 0 : (size_t)n;
}

bool fh_bench_cut(struct fh_slice *s, struct fh_slice mark, struct fh_slice *before)
{
    if (s->len < mark.len) {
        return false;
    }
    const uint8_t *hit = memmem(s->ptr, s->len, mark.ptr, mark.len);

    if (hit == NULL) {
        return false;
    }
    *before = fh_head(*s, (size_t)(hit - s->ptr));
    *s = fh_tail(*s, before->len + mark.len);
    return true;
}

bool fh_bench_field(struct fh_slice head, struct fh_slice name, struct fh_slice *value)
{
    struct fh_slice line;

    if (!fh_split(&head, '\n', &line)) {
        return false;
    }
    while (fh_split(&head, '\n', &line)) {
        if (line.len > name.len && line.ptr[name.len] == ':' &&
            fh_eq_nocase(fh_head(line, name.len), name)) {
            struct fh_slice rest = fh_tail(line, name.len + 1);

            if (rest.len > 0 && rest.ptr[rest.len - 1] == '\r') {
                rest = fh_head(rest, rest.len - 1);
            }
            *value = fh_trim(rest);
            return true;
        }
    }
    return false;
}
