/*
 * state.h: where things are under the state directory. One table; nobody else spells a path.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "base/base.h"

/*  place          path below the state directory   a directory */
#define FH_STATE_PLACES(X)                     \
    X(ROOT, "", true)                          \
    X(POLICY, "policy", true)                  \
    X(JOURNAL, "journal", true)                \
    X(LOG, "log", true)                        \
    X(RUN, "run", true)                        \
    X(CREDENTIALS, "credentials", true)        \
    X(LEDGER, "ledger.db", false)              \
    X(ENGINE_SOCKET, "run/engine.sock", false) \
    X(ENGINE_KEY, "run/engine.key", false)     \
    X(NGINX_CONF, "run/nginx.conf", false)     \
    X(NGINX_PID, "run/nginx.pid", false)       \
    X(NGINX_LOG, "log/nginx.log", false)       \
    X(CONTROL_LOCK, "run/control.lock", false)

enum fh_state_place {
#define X(place, ...) FH_STATE_##place,
    FH_STATE_PLACES(X)
#undef X
        FH_STATE_PLACE_COUNT
};

/* fh_state_path gives the path of a place, as a C string in `arena`. */
const char *fh_state_path(struct fh_arena *arena, const char *state_dir,
                          enum fh_state_place place);

/* fh_state_credential gives the path of the file in which a provider's credential is kept: it
 * has the provider's name, but for characters that the name of a file cannot have. */
const char *fh_state_credential(struct fh_arena *arena, const char *state_dir,
                                struct fh_slice provider);

/* fh_state_make creates the state directory and those in it, for their owner alone.
 *
 * Returns  FH_E_SYSTEM, and `why` says which one and why not, as a C string in `arena`.
 */
enum fh_rc fh_state_make(struct fh_arena *arena, const char *state_dir, const char **why);

/* fh_state_absolute makes a path absolute, from the current directory; it need not exist. */
const char *fh_state_absolute(struct fh_arena *arena, const char *path);
