/*
 * supervisor.h: gateway, control and engine under one roof: what `freehold up` runs.
 *
 *     start ──▶ [ gateway: nginx | control: freehold control | engine: llama-server ] ──▶ stop
 *
 * Each part is a child process that ends with us, however we end. One that dies is started again
 * after a pause; one that dies at once, again and again, ends the whole. The gateway answers while
 * the engine is still on its way; the policy store says so to clients.
 *
 * Thread   one, with one poll loop.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "control/config/config.h"
#include "control/store/store.h"

enum fh_part {
    FH_PART_GATEWAY,
    FH_PART_CONTROL,
    FH_PART_ENGINE,
    FH_PARTS,
};

/* What happened, for people and for programs. */
struct fh_supervisor_sink {
    /* a part has something to say: a state such as "starting", and a line about it */
    void (*line)(void *user, enum fh_part part, const char *state, struct fh_slice line);
    /* start-up has ended: the gateway answers, the engine is ready or has been given up */
    void (*ready)(void *user);
    void *user;
};

struct fh_supervisor_options {
    const struct fh_config *config;
    const char *config_path, *state_dir; /* absolute */
    const char *program, *module, *obtain;
    const char *nginx; /* path */
    struct fh_store *store;
    struct fh_supervisor_sink sink;
};

/* fh_supervise runs everything until SIGINT or SIGTERM.
 *
 * Returns  FH_OK when it was asked to stop and did; FH_E_SYSTEM when a part could not be kept
 *          running: its lines said why.
 */
enum fh_rc fh_supervise(const struct fh_supervisor_options *options);

/* fh_part_name gives "gateway", "control" or "engine". */
const char *fh_part_name(enum fh_part part);
