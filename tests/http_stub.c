/* http_stub.c: a thread that accepts, reads a request, and answers by a table.
 * SPDX-License-Identifier: Apache-2.0 */
#include "http_stub.h"

#include "base/text.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { RULES_MAX = 64, ASKED_MAX = 64, REQUEST_MAX_LEN = 1 << 17, TURN_MS = 20 };

struct rule {
    const char *request;
    struct stub_answer answer;
};

struct http_stub {
    pthread_t thread;
    pthread_mutex_t lock; /* of all that follows */
    bool stopping;
    struct rule rule[RULES_MAX];
    size_t rule_count;
    struct fh_slice asked[ASKED_MAX];
    size_t asked_count;
    struct fh_arena *arena;

    int listener;
    char url[64];
};

static bool is_stopping(struct http_stub *stub)
{
    (void)pthread_mutex_lock(&stub->lock);
    bool stopping = stub->stopping;

    (void)pthread_mutex_unlock(&stub->lock);
    return stopping;
}

/* wait_for waits until there is something to read, or an end; false when the test is over. */
static bool wait_for(struct http_stub *stub, int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    while (!is_stopping(stub)) {
        if (poll(&p, 1, TURN_MS) > 0) {
            return true;
        }
    }
    return false;
}

/* length_of finds how long the body is that follows the head. */
static size_t length_of(struct fh_slice head)
{
    struct fh_slice line = FH_NONE;
    struct fh_slice name = FH_LIT("content-length:");
    uint64_t len = 0;

    while (fh_split(&head, '\n', &line)) {
        if (line.len > name.len && fh_eq_nocase(fh_head(line, name.len), name)) {
            line = fh_trim(fh_head(line, line.len - 1));
            FH_ASSERT(fh_parse_u64(fh_trim(fh_tail(line, name.len)), &len));
        }
    }
    return (size_t)len;
}

/* read_request reads head and body. */
static bool read_request(struct http_stub *stub, int fd, struct fh_buf *in)
{
    size_t want = SIZE_MAX;

    while (in->len < want) {
        uint8_t *to = fh_buf_reserve(in, 4096);

        FH_ASSERT(to != NULL);
        if (!wait_for(stub, fd)) {
            return false;
        }
        ssize_t n = read(fd, to, 4096);

        if (n <= 0) {
            return false;
        }
        fh_buf_commit(in, (size_t)n);
        struct fh_slice all = fh_buf_slice(in);
        size_t end = fh_search(all, FH_LIT("\r\n\r\n"));

        if (end < all.len) {
            want = end + 4 + length_of(fh_head(all, end + 2));
        }
    }
    return true;
}

/* find gives the latest answer that was set for the request. */
static struct stub_answer find(struct http_stub *stub, struct fh_slice request)
{
    struct fh_slice line = fh_head(request, fh_find(request, '\r'));
    size_t method = fh_find(line, ' ');
    size_t end = method + 1 + fh_find(fh_tail(line, method + 1), ' ');

    line = fh_head(line, end);
    line = fh_head(line, fh_find(line, '?'));
    for (size_t i = stub->rule_count; i > 0; i--) {
        if (fh_eq(fh_cstr(stub->rule[i - 1].request), line)) {
            return stub->rule[i - 1].answer;
        }
    }
    return (struct stub_answer){.status = 404, .body = "there is nothing here"};
}

static void send_all(int fd, struct fh_slice bytes)
{
    while (bytes.len > 0) {
        ssize_t n = send(fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);

        if (n <= 0) {
            return;
        }
        bytes = fh_tail(bytes, (size_t)n);
    }
}

static void answer(struct http_stub *stub, int fd, const struct stub_answer *a)
{
    FH_AUTO(fh_buf_fini) struct fh_buf out = fh_buf_on_heap(1 << 20);
    struct fh_slice body = fh_cstr(a->body);
    uint8_t byte = 0;

    switch (a->how) {
    case STUB_HANGUP:
        return;
    case STUB_NEVER:
        if (wait_for(stub, fd)) {
            (void)!read(fd, &byte, 1);
        }
        return;
    case STUB_GARBAGE:
        send_all(fd, body);
        return;
    case STUB_HALF:
    case STUB_WHOLE:
        fh_buf_printf(&out,
                      "HTTP/1.1 %u OK\r\nContent-Length: %zu\r\nConnection: close\r\n%s\r\n",
                      a->status == 0 ? 200 : a->status, body.len,
                      a->fields == NULL ? "" : a->fields);
        fh_buf_append(&out, a->how == STUB_HALF ? fh_head(body, body.len / 2) : body);
        send_all(fd, fh_buf_slice(&out));
    }
}

static void serve(struct http_stub *stub, int fd)
{
    FH_AUTO(fh_buf_fini) struct fh_buf in = fh_buf_on_heap(REQUEST_MAX_LEN);
    struct stub_answer a;

    if (!read_request(stub, fd, &in)) {
        return;
    }
    (void)pthread_mutex_lock(&stub->lock);
    FH_ASSERT(stub->asked_count < ASKED_MAX);
    stub->asked[stub->asked_count++] = fh_dup(stub->arena, fh_buf_slice(&in));
    a = find(stub, fh_buf_slice(&in));
    (void)pthread_mutex_unlock(&stub->lock);
    answer(stub, fd, &a);
}

static void *run(void *user)
{
    struct http_stub *stub = user;

    while (wait_for(stub, stub->listener)) {
        int fd = accept4(stub->listener, NULL, NULL, SOCK_CLOEXEC);

        if (fd >= 0) {
            serve(stub, fd);
            (void)close(fd);
        }
    }
    return NULL;
}

struct http_stub *http_stub_start(void)
{
    struct http_stub *stub = calloc(1, sizeof(*stub));
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(at);

    FH_ASSERT(stub != NULL);
    stub->arena = fh_arena_new(SIZE_MAX);
    stub->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    FH_ASSERT(stub->listener >= 0);
    FH_ASSERT(bind(stub->listener, (struct sockaddr *)&at, sizeof(at)) == 0);
    FH_ASSERT(listen(stub->listener, 16) == 0);
    FH_ASSERT(getsockname(stub->listener, (struct sockaddr *)&at, &len) == 0);
    (void)snprintf(stub->url, sizeof(stub->url), "http://127.0.0.1:%u", ntohs(at.sin_port));
    FH_ASSERT(pthread_mutex_init(&stub->lock, NULL) == 0);
    FH_ASSERT(pthread_create(&stub->thread, NULL, run, stub) == 0);
    return stub;
}

void http_stub_stop(struct http_stub **stub)
{
    if (*stub == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&(*stub)->lock);
    (*stub)->stopping = true;
    (void)pthread_mutex_unlock(&(*stub)->lock);
    (void)pthread_join((*stub)->thread, NULL);
    (void)pthread_mutex_destroy(&(*stub)->lock);
    (void)close((*stub)->listener);
    fh_arena_free(&(*stub)->arena);
    free(*stub);
    *stub = NULL;
}

const char *http_stub_url(const struct http_stub *stub)
{
    return stub->url;
}

void http_stub_on(struct http_stub *stub, const char *request, struct stub_answer answer)
{
    (void)pthread_mutex_lock(&stub->lock);
    FH_ASSERT(stub->rule_count < RULES_MAX);
    stub->rule[stub->rule_count++] = (struct rule){request, answer};
    (void)pthread_mutex_unlock(&stub->lock);
}

struct fh_slice http_stub_asked(struct http_stub *stub, size_t number)
{
    (void)pthread_mutex_lock(&stub->lock);
    struct fh_slice asked = number < stub->asked_count ? stub->asked[number] : FH_NONE;

    (void)pthread_mutex_unlock(&stub->lock);
    return asked;
}

size_t http_stub_count(struct http_stub *stub)
{
    (void)pthread_mutex_lock(&stub->lock);
    size_t count = stub->asked_count;

    (void)pthread_mutex_unlock(&stub->lock);
    return count;
}

void http_stub_forget(struct http_stub *stub)
{
    (void)pthread_mutex_lock(&stub->lock);
    stub->asked_count = 0;
    stub->rule_count = 0;
    (void)pthread_mutex_unlock(&stub->lock);
}
