/*
 * trace_chain.h: for tests of chains: a row is a world (variables, files, services) and what comes
 * out of it.
 *
 * In variables, files and settings @URL is the address of the stub, @DIR the directory of the
 * files.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "control/credentials/chain.h"
#include "control/file.h"
#include "http_stub.h"
#include "tap.h"

#include <sys/stat.h>
#include <unistd.h>

enum { ROW_ENV_MAX = 8, ROW_FILES_MAX = 3, ROW_ANSWERS_MAX = 5, ROW_ASKED_MAX = 4 };

#define NOW_S UINT64_C(1767225600) /* 2026-01-01T00:00:00Z */

struct row_file {
    const char *name, *text;
};

struct row_answer {
    const char *request;
    struct stub_answer answer;
};

struct row {
    const char *name;
    struct fh_credential_settings settings; /* the source is the table's */
    const char *env[ROW_ENV_MAX];
    struct row_file file[ROW_FILES_MAX];
    struct row_answer on[ROW_ANSWERS_MAX];
    const char *want;
    const char *asked[ROW_ASKED_MAX]; /* part of each request, in order */
    uint32_t timeout_ms;              /* where somebody never answers */
};

/* The world that a row is tried in. */
struct world {
    struct fh_arena *arena;
    struct http_stub *stub;
    char dir[64];
    const char *environment[ROW_ENV_MAX + 2];
    struct fh_credential_settings settings;
};

/* filled puts the stub and the directory in. */
static inline struct fh_slice filled(struct world *w, struct fh_slice text)
{
    struct fh_buf out = fh_buf_in_arena(w->arena, 1 << 20);

    while (text.len > 0) {
        if (fh_take(&text, FH_LIT("@URL"))) {
            fh_buf_append(&out, fh_cstr(http_stub_url(w->stub)));
        } else if (fh_take(&text, FH_LIT("@HOST"))) {
            fh_buf_append(&out,
                          fh_tail(fh_cstr(http_stub_url(w->stub)), FH_LIT("http://").len));
        } else if (fh_take(&text, FH_LIT("@DIR"))) {
            fh_buf_append(&out, fh_cstr(w->dir));
        } else {
            fh_buf_byte(&out, text.ptr[0]);
            text = fh_tail(text, 1);
        }
    }
    return fh_buf_slice(&out);
}

/* emptied is the inverse, for what is said. */
static inline struct fh_slice emptied(struct world *w, struct fh_slice text)
{
    struct fh_buf out = fh_buf_in_arena(w->arena, 1 << 20);
    struct fh_slice url = fh_cstr(http_stub_url(w->stub));

    while (text.len > 0) {
        if (fh_take(&text, url)) {
            fh_buf_append(&out, FH_LIT("@URL"));
        } else if (fh_take(&text, fh_tail(url, FH_LIT("http://").len))) {
            fh_buf_append(&out, FH_LIT("@HOST"));
        } else if (fh_take(&text, fh_cstr(w->dir))) {
            fh_buf_append(&out, FH_LIT("@DIR"));
        } else {
            fh_buf_byte(&out, text.ptr[0]);
            text = fh_tail(text, 1);
        }
    }
    return fh_buf_slice(&out);
}

static inline const char *path_in(struct world *w, const char *name)
{
    struct fh_slice parts[] = {fh_cstr(w->dir), FH_LIT("/"), fh_cstr(name)};

    return fh_dup_cstr(w->arena, fh_concat(w->arena, parts, FH_LEN(parts)));
}

/* world_begin makes the row's world; HOME is its directory. */
static inline void world_begin(struct world *w, const struct row *row)
{
    size_t count = 0;

    *w = (struct world){.arena = fh_arena_new(SIZE_MAX), .stub = http_stub_start()};
    (void)snprintf(w->dir, sizeof(w->dir), "/tmp/fh-chain-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    w->settings = row->settings;
    w->settings.file = filled(w, w->settings.file);
    w->settings.client_secret = filled(w, w->settings.client_secret);
    for (; count < ROW_ENV_MAX && row->env[count] != NULL; count++) {
        w->environment[count] = fh_dup_cstr(w->arena, filled(w, fh_cstr(row->env[count])));
    }
    w->environment[count] = fh_dup_cstr(w->arena, filled(w, FH_LIT("HOME=@DIR")));
    for (size_t i = 0; i < ROW_FILES_MAX && row->file[i].name != NULL; i++) {
        assert_int_equal(fh_file_replace(path_in(w, row->file[i].name),
                                         filled(w, fh_cstr(row->file[i].text)), w->arena),
                         FH_OK);
    }
    for (size_t i = 0; i < ROW_ANSWERS_MAX && row->on[i].request != NULL; i++) {
        struct stub_answer answer = row->on[i].answer;

        if (answer.body != NULL) {
            answer.body = fh_dup_cstr(w->arena, filled(w, fh_cstr(answer.body)));
        }
        http_stub_on(w->stub, row->on[i].request, answer);
    }
}

static inline void world_end(struct world *w, const struct row *row)
{
    for (size_t i = 0; i < ROW_FILES_MAX && row->file[i].name != NULL; i++) {
        assert_int_equal(unlink(path_in(w, row->file[i].name)), 0);
    }
    assert_int_equal(rmdir(w->dir), 0);
    http_stub_stop(&w->stub);
    fh_arena_free(&w->arena);
}

static inline void tell(struct fh_buf *out, const char *name, struct fh_slice value)
{
    if (value.len > 0) {
        fh_buf_printf(out, " %s=%.*s", name, FH_ARG(value));
    }
}

/* obtain tells what came of it. */
static inline struct fh_slice obtain(struct world *w, uint32_t timeout_ms)
{
    struct fh_buf why = fh_buf_in_arena(w->arena, 1 << 16);
    struct fh_buf out = fh_buf_in_arena(w->arena, 1 << 16);
    struct fh_credential c = {.kind = FH_CREDENTIAL_KINDS};
    struct fh_chain_work work = {
        .settings = &w->settings,
        .environment = w->environment,
        .arena = w->arena,
        .now_us = NOW_S * 1000000,
        .why = &why,
        .timeout_ms = timeout_ms > 0 ? timeout_ms : 20000,
        .container_host = http_stub_url(w->stub),
    };
    enum fh_rc rc = fh_chain_obtain(&work, &c);

    assert_false(why.failed);
    assert_true(fh_find(fh_buf_slice(&why), '\n') == why.len); /* one line */
    if (rc != FH_OK) {
        assert_int_equal(c.kind, FH_CREDENTIAL_KINDS); /* untouched */
        fh_buf_printf(&out, "%s: %.*s", fh_rc_name(rc), FH_ARG(fh_buf_slice(&why)));
        return emptied(w, fh_buf_slice(&out));
    }
    assert_int_equal(why.len, 0);
    fh_buf_append(&out, c.kind == FH_CREDENTIAL_AWS ? FH_LIT("aws") : FH_LIT("token"));
    tell(&out, "token", c.token);
    tell(&out, "id", c.access_key_id);
    tell(&out, "secret", c.secret_access_key);
    tell(&out, "session", c.session_token);
    tell(&out, "region", c.region);
    if (c.expires_s > 0) {
        fh_buf_printf(&out, " expires=+%llu", (unsigned long long)(c.expires_s - NOW_S));
    }
    tell(&out, "from", c.from);
    return emptied(w, fh_buf_slice(&out));
}

/* assert_story compares; "…" at the end of what is wanted stands for anything: the words of
 * libcurl and of the C library are not ours. */
static inline void assert_story(struct fh_slice got, const char *want)
{
    struct fh_slice start = fh_cstr(want);
    struct fh_slice dots = FH_LIT("…");

    if (fh_ends(start, dots) && fh_starts(got, fh_head(start, start.len - dots.len))) {
        return;
    }
    assert_text(got, want);
}

/* try_rows tries each row, and then that no secret of its files and answers is said when it fails:
 * whatever has "S3CRET" in it. */
static inline void try_rows(const struct row *rows, size_t count,
                            enum fh_credential_source source)
{
    for (size_t i = 0; i < count; i++) {
        struct world w;

        tap_context("%s", rows[i].name);
        world_begin(&w, &rows[i]);
        w.settings.source = source;
        struct fh_slice story = obtain(&w, rows[i].timeout_ms);

        assert_story(story, rows[i].want);
        assert_true(fh_starts(story, FH_LIT("aws")) || fh_starts(story, FH_LIT("token")) ||
                    !fh_contains(story, FH_LIT("S3CRET")));
        for (size_t n = 0; n < ROW_ASKED_MAX && rows[i].asked[n] != NULL; n++) {
            struct fh_slice asked = http_stub_asked(w.stub, n);

            if (!fh_contains(asked, filled(&w, fh_cstr(rows[i].asked[n])))) {
                assert_text(asked, rows[i].asked[n]); /* shows both */
            }
        }
        world_end(&w, &rows[i]);
    }
}
