/* try_listen.c: listens for a moment.
 * SPDX-License-Identifier: Apache-2.0 */
#include "cli/try_listen.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

int fh_try_listen(const struct fh_config_listen *place)
{
    struct addrinfo hints = {.ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    char host[256];
    char port[8];
    int one = 1;
    int error = 0;
    bool any = fh_eq(place->host, FH_LIT("*"));

    (void)snprintf(host, sizeof(host), "%.*s", FH_ARG(place->host));
    (void)snprintf(port, sizeof(port), "%u", place->port);
    if (getaddrinfo(any ? "0.0.0.0" : host, port, &hints, &found) != 0) {
        return EADDRNOTAVAIL;
    }
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0 ||
        bind(fd, found->ai_addr, found->ai_addrlen) != 0 || listen(fd, 1) != 0) {
        error = errno;
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    freeaddrinfo(found);
    return error;
}
