/*
 * credentials.h: credentials of clouds, obtained and renewed ahead of time.
 *
 *     config ──set──▶ tasks ──turn──▶ a chain (chain.h) ──▶ STATE/credentials/PROVIDER ──▶ workers
 *                                └──▶ news ──▶ the log, the policy store
 *
 * Workers never ask a cloud: they read the file, and see when it is another one
 * (gateway/secrets.h).
 *
 * What expires is renewed when a quarter of its time is left, at least five minutes, a little
 * earlier by chance so that many nodes do not all come at once. What does not expire is looked
 * up anew every five minutes: its owner may have changed it. A failure is retried with growing
 * pauses, and the old credential stays as long as it is good; then its file is removed, so that
 * nothing is sent that would be refused, and requests go to the next place at once. A file of
 * an earlier run is taken over if it is for the same settings. Files that belong to no task are
 * removed.
 *
 * No secret is kept in memory: between two renewals there is only the file.
 *
 * Thread   set, next_news from one thread, turn from one (another, or the same): start makes
 *          one that does nothing else, so that nobody waits for a cloud.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "control/config/config.h"

/* One provider whose credentials are to be obtained. */
struct fh_credentials_task {
    struct fh_slice provider; /* its name */
    const char *path;         /* of the file for workers: fh_state_credential */
    struct fh_credential_settings settings;
};

/* fh_credentials_of makes the task of a provider that the config has a source for. Borrows from the
 * config; the path lies in `arena`. */
struct fh_credentials_task fh_credentials_of(const struct fh_config_provider *provider,
                                             const char *state_dir, struct fh_arena *arena);

struct fh_credentials_options {
    const char *dir;                /* holds the files, and nothing else; exists */
    const char *const *environment; /* borrowed: "NAME=value", NULL behind the last */
    uint32_t timeout_ms;            /* of one call, for tests; 0: the normal one */
};

/* What has changed. Copied into the arena of whoever asks. */
struct fh_credentials_news {
    struct fh_slice provider;
    enum fh_provider_state state; /* READY: there is a credential; FAILED: there is none */
    struct fh_slice line;         /* for the log; names files and accounts, no secret */
};

struct fh_credentials;

struct fh_credentials *fh_credentials_new(const struct fh_credentials_options *options);

/* fh_credentials_free ends the thread, if there is one, within a second or so. */
void fh_credentials_free(struct fh_credentials **credentials);

/* fh_credentials_set replaces the tasks, at the next turn. Copies all of it. */
void fh_credentials_set(struct fh_credentials *credentials,
                        const struct fh_credentials_task *tasks, size_t count);

/* fh_credentials_turn does what is due at `now_us` (calendar), and waits for it.
 *
 * Returns  when the next thing is due, or half a minute later if that is sooner.
 */
uint64_t fh_credentials_turn(struct fh_credentials *credentials, uint64_t now_us);

/* fh_credentials_start makes a thread that turns, until free. */
void fh_credentials_start(struct fh_credentials *credentials);

/* fh_credentials_next_news takes the next thing that has changed; false when there is none. */
FH_NODISCARD bool fh_credentials_next_news(struct fh_credentials *credentials,
                                           struct fh_arena *arena,
                                           struct fh_credentials_news *news);

/* fh_credentials_describe says in one line where credentials come from and how long they are good:
 * those in the file, else those that a search finds here and now, which are not kept.
 *
 * Returns  FH_OK; else there are none, and `out` says why.
 */
enum fh_rc fh_credentials_describe(struct fh_buf *out, const struct fh_credentials_task *task,
                                   const char *const *environment, uint64_t now_us);
