/*
 * scripted_provider.c: the far end of every measurement: answers Anthropic's Messages and OpenAI's
 * Chat Completions from bytes that were made beforehand (bench_script.h says which).
 *
 *     bench-provider ANSWERS [PORT]
 *
 * prints the port it listens on, on 127.0.0.1, and serves until it is killed. Three requests are
 * for the one who measures:
 *
 *     GET /stats       {"connections", "anthropic", "openai", "events", "refused"} so far
 *     GET /remember    keep a copy of the next request for a model
 *     GET /remembered  the bytes of that request, head and body
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "bench_net.h"
#include "bench_script.h"

#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    READ_ROOM = 1 << 18,
    REQUEST_MAX = 64 << 20,
    SCRIPTS_MAX = 64,
    EVENTS_ROOM = 256,
    TURN_MAX = 256, /* writes between two looks at the sockets */
};

/* A model of a dialect, and its streams that have a next write: the soonest first. They stay in
 * order by themselves, since all of them wait equally long between writes. */
struct cast {
    struct fh_buf model;
    enum fh_bench_dialect dialect;
    struct fh_bench_script script;
    struct conn *first, *last;
};

struct conn {
    int fd;
    struct fh_buf held;  /* a request that is not complete */
    size_t need;         /* its size, once the head says it */
    struct fh_buf out;   /* what the socket did not take */
    struct cast *stream; /* under way; NULL: none */
    uint32_t written;    /* units of it */
    uint64_t due_ns;     /* of the next one */
    struct conn *next, *prev;
    bool queued;
    bool gone; /* closed; may be used again from the end of the turn on */
};

struct server {
    int epoll, listener;
    struct fh_bench_answer answers[FH_BENCH_DIALECTS];
    struct cast casts[SCRIPTS_MAX];
    size_t cast_count;
    struct fh_arena *arena; /* of all conns */
    struct conn *dead;      /* since the start of the turn, whose events may still name them */
    struct conn *spare;
    uint64_t connections, events, refused;
    uint64_t requests[FH_BENCH_DIALECTS];
    bool remember;
    struct fh_buf remembered;
    uint8_t room[READ_ROOM];
};

struct request {
    struct fh_slice line, body, whole;
};

static void queue(struct conn *c, uint64_t due_ns)
{
    struct cast *cast = c->stream;

    c->due_ns = due_ns;
    c->prev = cast->last;
    c->next = NULL;
    *(cast->last == NULL ? &cast->first : &cast->last->next) = c;
    cast->last = c;
    c->queued = true;
}

static void unqueue(struct conn *c)
{
    if (c->queued) {
        *(c->prev == NULL ? &c->stream->first : &c->prev->next) = c->next;
        *(c->next == NULL ? &c->stream->last : &c->next->prev) = c->prev;
        c->queued = false;
    }
}

static void drop(struct server *s, struct conn *c)
{
    if (c->gone) {
        return;
    }
    unqueue(c);
    (void)close(c->fd);
    fh_buf_fini(&c->held);
    fh_buf_fini(&c->out);
    c->gone = true;
    c->next = s->dead;
    s->dead = c;
}

static void bury(struct server *s)
{
    while (s->dead != NULL) {
        struct conn *c = s->dead;

        s->dead = c->next;
        c->next = s->spare;
        s->spare = c;
    }
}

/* send_bytes writes what the socket takes and keeps the rest for when it takes more. */
static void send_bytes(struct server *s, struct conn *c, struct fh_slice bytes)
{
    if (c->out.len == 0) {
        ssize_t n = send(c->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);

        if (n < 0 && errno != EAGAIN) {
            drop(s, c);
            return;
        }
        bytes = fh_tail(bytes, n < 0 ? 0 : (size_t)n);
    }
    fh_buf_append(&c->out, bytes);
}

/* step sends the next write of a stream, and its end behind the last. */
static void step(struct server *s, struct conn *c, uint64_t now_ns)
{
    struct cast *cast = c->stream;
    struct fh_bench_script *script = &cast->script;

    unqueue(c);
    send_bytes(s, c, fh_bench_script_write(script, c->written, now_ns));
    s->events += script->by;
    c->written++;
    if (c->gone) {
        return;
    }
    if (c->written < script->writes) {
        if (c->out.len == 0) {
            queue(c, c->due_ns + script->every_ns);
        }
    } else if (script->close.len > 0) {
        c->stream = NULL;
        send_bytes(s, c, fh_buf_slice(&script->close));
    }
}

/* flush goes on with what the socket did not take before. */
static void flush(struct server *s, struct conn *c)
{
    if (c->out.len == 0) {
        return;
    }
    ssize_t n = send(c->fd, c->out.ptr, c->out.len, MSG_NOSIGNAL);

    if (n < 0) {
        if (errno != EAGAIN) {
            drop(s, c);
        }
        return;
    }
    fh_buf_cut(&c->out, (size_t)n);
    if (c->out.len == 0 && c->stream != NULL && !c->queued &&
        c->written < c->stream->script.writes) {
        queue(c, fh_bench_now_ns() + c->stream->script.every_ns);
    }
}

static void answer_text(struct server *s, struct conn *c, const char *status,
                        struct fh_slice body)
{
    struct fh_buf out = fh_buf_on_heap(REQUEST_MAX);

    fh_buf_printf(
        &out, "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
        status, body.len);
    fh_buf_append(&out, body);
    send_bytes(s, c, fh_buf_slice(&out));
    fh_buf_fini(&out);
}

static void answer_stats(struct server *s, struct conn *c)
{
    struct fh_buf text = fh_buf_on_heap(256);

    fh_buf_printf(&text,
                  "{\"connections\": %llu, \"anthropic\": %llu, \"openai\": %llu, "
                  "\"events\": %llu, \"refused\": %llu}",
                  (unsigned long long)s->connections,
                  (unsigned long long)s->requests[FH_BENCH_ANTHROPIC],
                  (unsigned long long)s->requests[FH_BENCH_OPENAI],
                  (unsigned long long)s->events, (unsigned long long)s->refused);
    answer_text(s, c, "200 OK", fh_buf_slice(&text));
    fh_buf_fini(&text);
}

/* find_model looks for the first member "model"; the texts that are measured have it up front. */
static bool find_model(struct fh_slice body, struct fh_slice *model)
{
    struct fh_slice before;

    return fh_bench_cut(&body, FH_LIT("\"model\""), &before) &&
           fh_bench_cut(&body, FH_LIT("\""), &before) && fh_split(&body, '"', model);
}

static struct cast *find_cast(struct server *s, enum fh_bench_dialect dialect,
                              struct fh_slice model)
{
    for (size_t i = 0; i < s->cast_count; i++) {
        if (s->casts[i].dialect == dialect && fh_eq(fh_buf_slice(&s->casts[i].model), model)) {
            return &s->casts[i];
        }
    }
    struct cast *cast = &s->casts[s->cast_count];

    if (s->cast_count == SCRIPTS_MAX ||
        !fh_bench_script_init(&cast->script, &s->answers[dialect], model)) {
        return NULL;
    }
    cast->dialect = dialect;
    cast->model = fh_buf_on_heap(model.len);
    fh_buf_append(&cast->model, model);
    s->cast_count++;
    return cast;
}

static void answer_model(struct server *s, struct conn *c, enum fh_bench_dialect dialect,
                         const struct request *req)
{
    struct fh_slice model = FH_NONE;
    struct cast *cast = find_model(req->body, &model) ? find_cast(s, dialect, model) : NULL;

    if (s->remember) {
        s->remember = false;
        fh_buf_clear(&s->remembered);
        fh_buf_append(&s->remembered, req->whole);
    }
    if (cast == NULL) {
        s->refused++;
        answer_text(s, c, "404 Not Found",
                    FH_LIT("{\"error\":{\"type\":\"not_found_error\",\"message\":"
                           "\"no such script; see bench_script.h\"}}"));
        return;
    }
    s->requests[dialect]++;
    send_bytes(s, c, fh_buf_slice(&cast->script.open));
    if (cast->script.writes > 0 && !c->gone) {
        c->stream = cast;
        c->written = 0;
        c->due_ns = fh_bench_now_ns() + cast->script.every_ns;
        queue(c, c->due_ns);
    }
}

static void answer(struct server *s, struct conn *c, const struct request *req)
{
    struct fh_slice rest = req->line;
    struct fh_slice method;
    struct fh_slice path;

    if (c->queued || !fh_split(&rest, ' ', &method) || !fh_split(&rest, ' ', &path)) {
        drop(s, c); /* nobody that is measured sends a request into a stream */
        return;
    }
    c->stream = NULL; /* one that fell silent is over when its client asks again */
    if (fh_ends(path, FH_LIT("/v1/messages"))) {
        answer_model(s, c, FH_BENCH_ANTHROPIC, req);
    } else if (fh_ends(path, FH_LIT("/chat/completions"))) {
        answer_model(s, c, FH_BENCH_OPENAI, req);
    } else if (fh_eq(path, FH_LIT("/stats"))) {
        answer_stats(s, c);
    } else if (fh_eq(path, FH_LIT("/remember"))) {
        s->remember = true;
        answer_text(s, c, "200 OK", FH_LIT("{}"));
    } else if (fh_eq(path, FH_LIT("/remembered"))) {
        answer_text(s, c, "200 OK", fh_buf_slice(&s->remembered));
    } else {
        s->refused++;
        answer_text(s, c, "404 Not Found", FH_LIT("{}"));
    }
}

/* request_size says how long the request at the front of `in` is; 0: its head is not complete. */
static size_t request_size(struct fh_slice in)
{
    struct fh_slice rest = in;
    struct fh_slice head;
    struct fh_slice value;
    uint64_t body = 0;

    if (!fh_bench_cut(&rest, FH_LIT("\r\n\r\n"), &head)) {
        return 0;
    }
    if (fh_bench_field(head, FH_LIT("content-length"), &value) &&
        (!fh_parse_u64(value, &body) || body > REQUEST_MAX)) {
        fh_bench_die("a request with a content-length of \"%.*s\"", FH_ARG(value));
    }
    if (fh_bench_field(head, FH_LIT("transfer-encoding"), &value)) {
        fh_bench_die("a request in chunks: not scripted");
    }
    return head.len + 4 + (size_t)body;
}

/* take_requests answers every complete request at the front of `in` and returns what is left. */
static struct fh_slice take_requests(struct server *s, struct conn *c, struct fh_slice in)
{
    while (in.len > 0 && !c->gone) {
        struct request req = {.whole = in, .body = in};

        c->need = c->need == 0 ? request_size(in) : c->need;
        if (c->need == 0 || in.len < c->need) {
            break;
        }
        req.whole = fh_head(in, c->need);
        req.body = req.whole;
        in = fh_tail(in, c->need);
        c->need = 0;

        struct fh_slice head = FH_NONE;

        if (!fh_bench_cut(&req.body, FH_LIT("\r\n\r\n"), &head) ||
            !fh_split(&head, '\r', &req.line)) {
            drop(s, c);
            break;
        }
        answer(s, c, &req);
    }
    return in;
}

static void take_bytes(struct server *s, struct conn *c, struct fh_slice in)
{
    if (c->held.len == 0) {
        struct fh_slice left = take_requests(s, c, in);

        if (!c->gone) {
            fh_buf_append(&c->held, left);
        }
        return;
    }
    fh_buf_append(&c->held, in);
    if (c->held.len < c->need) {
        return;
    }
    struct fh_slice left = take_requests(s, c, fh_buf_slice(&c->held));

    if (!c->gone) {
        fh_buf_cut(&c->held, c->held.len - left.len);
    }
}

static void read_conn(struct server *s, struct conn *c)
{
    while (!c->gone) {
        ssize_t n = recv(c->fd, s->room, sizeof(s->room), 0);

        if (n == 0 || (n < 0 && errno != EAGAIN)) {
            drop(s, c);
            return;
        }
        if (n < 0) {
            return;
        }
        take_bytes(s, c, fh_slice(s->room, (size_t)n));
        if ((size_t)n < sizeof(s->room)) {
            return; /* edge-triggered: what comes later is announced again */
        }
    }
}

static void accept_all(struct server *s)
{
    int fd = -1;

    while ((fd = fh_bench_accept(s->listener)) >= 0) {
        struct conn *c = s->spare;

        if (c == NULL) {
            c = fh_new(s->arena, struct conn);
        } else {
            s->spare = c->next;
        }
        *c = (struct conn){
            .fd = fd,
            .held = fh_buf_on_heap(REQUEST_MAX),
            .out = fh_buf_on_heap(REQUEST_MAX),
        };
        s->connections++;
        fh_bench_watch(s->epoll, fd, c);
    }
}

/* play sends every write that is due and returns when the next one is. */
static uint64_t play(struct server *s)
{
    uint64_t now_ns = fh_bench_now_ns();
    uint64_t soonest_ns = UINT64_MAX;

    for (size_t i = 0; i < s->cast_count; i++) {
        struct cast *cast = &s->casts[i];

        for (int n = 0; n < TURN_MAX && cast->first != NULL && cast->first->due_ns <= now_ns;
             n++) {
            step(s, cast->first, fh_bench_now_ns());
        }
        if (cast->first != NULL && cast->first->due_ns < soonest_ns) {
            soonest_ns = cast->first->due_ns;
        }
    }
    return soonest_ns <= now_ns ? 0 : soonest_ns;
}

static void serve(struct server *s)
{
    struct epoll_event events[EVENTS_ROOM];

    for (;;) {
        size_t n = fh_bench_wait(s->epoll, events, EVENTS_ROOM, play(s));

        for (size_t i = 0; i < n; i++) {
            struct conn *c = events[i].data.ptr;

            if (c == NULL) {
                accept_all(s);
                continue;
            }
            if ((events[i].events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) {
                read_conn(s, c);
            }
            if (!c->gone && (events[i].events & EPOLLOUT) != 0) {
                flush(s, c);
            }
        }
        bury(s);
    }
}

int main(int argc, char **argv)
{
    static struct server s;
    uint64_t port = 0;

    if (argc < 2 ||
        (argc > 2 && (!fh_parse_u64(fh_cstr(argv[2]), &port) || port > UINT16_MAX))) {
        (void)fprintf(stderr, "usage: bench-provider ANSWERS [PORT]\n");
        return 2;
    }
    uint16_t got = (uint16_t)port;

    fh_bench_setup();
    s.arena = fh_arena_new(0);
    for (int i = 0; i < FH_BENCH_DIALECTS; i++) {
        fh_bench_answer_read(&s.answers[i], argv[1], (enum fh_bench_dialect)i);
    }
    s.remembered = fh_buf_on_heap(REQUEST_MAX);
    s.epoll = epoll_create1(EPOLL_CLOEXEC);
    s.listener = fh_bench_listen(&got);
    fh_bench_watch(s.epoll, s.listener, NULL);
    (void)printf("%u\n", (unsigned)got);
    (void)fflush(stdout);
    serve(&s);
}
