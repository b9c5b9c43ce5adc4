/* engine_health.c: one GET /health at a time.
 * SPDX-License-Identifier: Apache-2.0 */
#include "engine/engine_health.h"

#include "engine/engine_child.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    EVERY_US = 100000,
    PATIENCE_US = 2000000, /* for one answer; the server may be busy loading */
};

static const struct fh_slice question = FH_LIT_INIT("GET /health HTTP/1.1\r\n"
                                                    "Host: engine\r\n"
                                                    "Connection: close\r\n\r\n");

/* The beginning of a reply that says all is well; the version is whatever the server likes. */
static const struct fh_slice well = FH_LIT_INIT("HTTP/1.? 200");

static bool is_well(struct fh_slice reply)
{
    size_t minor = fh_find(well, '?');

    return reply.len >= well.len && fh_eq(fh_head(reply, minor), fh_head(well, minor)) &&
           fh_eq(fh_sub(reply, minor + 1, well.len - minor - 1), fh_tail(well, minor + 1));
}

/* ask connects and sends; on a unix socket both are done at once or not at all. */
static bool ask(struct fh_engine_health *health, const char *socket_path)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int len = snprintf(to.sun_path, sizeof(to.sun_path), "%s", socket_path);

    FH_ASSERT(len > 0 && (size_t)len < sizeof(to.sun_path)); /* fh_engine_new has looked */
    health->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (health->fd < 0 || connect(health->fd, (const struct sockaddr *)&to, sizeof(to)) != 0 ||
        send(health->fd, question.ptr, question.len, MSG_NOSIGNAL) != (ssize_t)question.len) {
        return false;
    }
    health->reply_len = 0;
    return true;
}

void fh_engine_health_stop(struct fh_engine_health *health)
{
    fh_engine_close(&health->fd);
}

static enum fh_engine_health_answer finish(struct fh_engine_health *health,
                                           enum fh_engine_health_answer answer, uint64_t now_us)
{
    fh_engine_health_stop(health);
    health->due_us = now_us + EVERY_US;
    return answer;
}

enum fh_engine_health_answer fh_engine_health_poll(struct fh_engine_health *health,
                                                   const char *socket_path, uint64_t now_us)
{
    if (health->fd < 0) {
        if (now_us < health->due_us) {
            return FH_ENGINE_HEALTH_WAITING;
        }
        if (!ask(health, socket_path)) {
            return finish(health, FH_ENGINE_HEALTH_SILENT, now_us);
        }
        health->due_us = now_us + PATIENCE_US;
    }
    while (health->reply_len < well.len) {
        ssize_t n = recv(health->fd, &health->reply[health->reply_len],
                         well.len - health->reply_len, 0);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0 && errno == EAGAIN && now_us < health->due_us) {
            return FH_ENGINE_HEALTH_WAITING;
        }
        if (n <= 0) {
            return finish(health, FH_ENGINE_HEALTH_SILENT, now_us);
        }
        health->reply_len += (size_t)n;
    }
    return finish(health,
                  is_well(fh_slice(health->reply, health->reply_len))
                      ? FH_ENGINE_HEALTH_OK
                      : FH_ENGINE_HEALTH_LOADING,
                  now_us);
}
