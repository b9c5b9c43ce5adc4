/*
 * engine_health.h: asks llama-server whether it is ready: GET /health on its unix socket, without
 * blocking, one question at a time.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "base/base.h"

enum fh_engine_health_answer {
    FH_ENGINE_HEALTH_WAITING, /* asked, or about to */
    FH_ENGINE_HEALTH_SILENT,  /* nobody listens, or nobody answers */
    FH_ENGINE_HEALTH_LOADING, /* it listens and said something else than 200 */
    FH_ENGINE_HEALTH_OK,
};

struct fh_engine_health {
    int fd;          /* -1: not asking */
    uint64_t due_us; /* not asking: when to ask next; asking: when to give the question up */
    uint8_t reply[16];
    size_t reply_len;
};

#define FH_ENGINE_NO_HEALTH ((struct fh_engine_health){.fd = -1})

/* fh_engine_health_poll goes on with the question, or asks the next one when it is time.
 *
 * Returns  what came of a question, once for each; else FH_ENGINE_HEALTH_WAITING.
 */
enum fh_engine_health_answer fh_engine_health_poll(struct fh_engine_health *health,
                                                   const char *socket_path, uint64_t now_us);

/* fh_engine_health_stop drops a question. */
void fh_engine_health_stop(struct fh_engine_health *health);
