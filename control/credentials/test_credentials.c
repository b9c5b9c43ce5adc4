/* test_credentials.c: obtained, renewed ahead of time, kept while they are good, and taken
 * away; by a clock of the test's own.
 * SPDX-License-Identifier: Apache-2.0 */
#include "control/credentials/credentials.h"
#include "control/file.h"
#include "control/state.h"
#include "http_stub.h"
#include "tap.h"

#include <sys/stat.h>
#include <unistd.h>

#define SECOND UINT64_C(1000000)
#define MINUTE (60 * SECOND)
#define START  (UINT64_C(1767225600) * SECOND) /* 2026-01-01T00:00:00Z */

#define TOKEN(token, seconds) \
    "{\"access_token\":\"" token "\",\"expires_in\":" seconds ",\"token_type\":\"Bearer\"}"
#define DENIED "{\"error\":\"invalid_grant\"}"

/* A state directory, a service, and who asks it. */
struct bench {
    struct fh_arena *arena;
    struct http_stub *stub;
    char dir[64];
    const char *environment[4];
    struct fh_credentials *credentials;
    const char *user; /* path of a file with a user of Google's */
};

static const char *print(struct bench *b, const char *fmt, const char *text)
{
    struct fh_buf out = fh_buf_in_arena(b->arena, 4096);

    fh_buf_append(&out, fh_cstr(b->dir));
    fh_buf_append(&out, fh_cstr(fmt));
    fh_buf_append(&out, fh_cstr(text));
    fh_buf_byte(&out, '\0');
    return (const char *)out.ptr;
}

static const char *path_of(struct bench *b, const char *provider)
{
    return fh_state_credential(b->arena, b->dir, fh_cstr(provider));
}

/* restart is control, started anew. */
static void restart(struct bench *b)
{
    const struct fh_credentials_options options = {
        .dir = fh_state_path(b->arena, b->dir, FH_STATE_CREDENTIALS),
        .environment = b->environment,
        .timeout_ms = 20000,
    };

    fh_credentials_free(&b->credentials);
    b->credentials = fh_credentials_new(&options);
}

static void bench_begin(struct bench *b)
{
    struct fh_buf user = fh_buf_in_arena(b->arena = fh_arena_new(SIZE_MAX), 4096);
    const char *why = "";

    b->stub = http_stub_start();
    b->credentials = NULL;
    (void)snprintf(b->dir, sizeof(b->dir), "/tmp/fh-credentials-XXXXXX");
    assert_non_null(mkdtemp(b->dir));
    assert_int_equal(fh_state_make(b->arena, b->dir, &why), FH_OK);
    b->user = print(b, "/user.json", "");
    fh_buf_printf(&user,
                  "{\"type\":\"authorized_user\",\"client_id\":\"i\",\"client_secret\":\"s\","
                  "\"refresh_token\":\"r\",\"token_uri\":\"%s/token\"}",
                  http_stub_url(b->stub));
    assert_int_equal(fh_file_replace(b->user, fh_buf_slice(&user), b->arena), FH_OK);
    b->environment[0] = "AWS_ACCESS_KEY_ID=AKID";
    b->environment[1] = "AWS_SECRET_ACCESS_KEY=SECRET";
    b->environment[2] = "AWS_CONFIG_FILE=/nowhere";
    b->environment[3] = NULL;
    restart(b);
}

static void bench_end(struct bench *b)
{
    FH_AUTO(fh_buf_fini) struct fh_buf command = fh_buf_on_heap(4096);

    fh_credentials_free(&b->credentials);
    http_stub_stop(&b->stub);
    fh_buf_printf(&command, "rm -rf %s%c", b->dir, '\0');
    assert_int_equal(system((const char *)command.ptr), 0); /* NOLINT(cert-env33-c) */
    fh_arena_free(&b->arena);
}

static void answer(struct bench *b, unsigned status, const char *body)
{
    http_stub_on(b->stub, "POST /token", (struct stub_answer){.status = status, .body = body});
}

static struct fh_credentials_task google(struct bench *b, const char *provider)
{
    return (struct fh_credentials_task){
        .provider = fh_cstr(provider),
        .path = path_of(b, provider),
        .settings = {.source = FH_CREDENTIALS_GOOGLE, .file = fh_cstr(b->user)},
    };
}

static struct fh_credentials_task aws(struct bench *b, const char *provider)
{
    return (struct fh_credentials_task){
        .provider = fh_cstr(provider),
        .path = path_of(b, provider),
        .settings = {.source = FH_CREDENTIALS_AWS, .region = FH_LIT("eu-central-1")},
    };
}

/* kept gives what is in a provider's file: the token, or the access key; "nothing". */
static struct fh_slice kept(struct bench *b, const char *provider)
{
    struct fh_credential c;
    struct fh_slice text = FH_NONE;

    if (fh_file_read(path_of(b, provider), b->arena, FH_CREDENTIAL_MAX_BYTES, &text) != FH_OK) {
        return FH_LIT("nothing");
    }
    assert_int_equal(fh_credential_parse(&c, text), FH_OK);
    return c.kind == FH_CREDENTIAL_AWS ? c.access_key_id : c.token;
}

/* news gives all that has changed, with the directory and the stub taken out. */
static struct fh_slice news(struct bench *b)
{
    struct fh_buf out = fh_buf_in_arena(b->arena, 1 << 16);
    struct fh_credentials_news one;

    while (fh_credentials_next_news(b->credentials, b->arena, &one)) {
        struct fh_slice line = one.line;

        fh_buf_printf(&out, "%.*s %.*s: ", FH_ARG(one.provider),
                      FH_ARG(fh_provider_state_name(one.state)));
        while (line.len > 0) {
            if (fh_take(&line, fh_cstr(b->dir))) {
                fh_buf_append(&out, FH_LIT("@DIR"));
            } else if (fh_take(&line, fh_cstr(http_stub_url(b->stub)))) {
                fh_buf_append(&out, FH_LIT("@URL"));
            } else {
                fh_buf_byte(&out, line.ptr[0]);
                line = fh_tail(line, 1);
            }
        }
        fh_buf_byte(&out, '\n');
    }
    return fh_buf_slice(&out);
}

#define HAS     "g ready: g has credentials: the user in @DIR/user.json, expire in "
#define ADVICE  "; `gcloud auth application-default login` makes a new one\n"
#define REFUSED "the credentials file: @URL/token answered 400 invalid_grant" ADVICE

static void test_obtained_and_renewed_ahead_of_time(void **state)
{
    struct bench b;
    struct stat st;
    uint64_t due = 0;

    FH_UNUSED(state);
    tap_context("obtained and renewed");
    bench_begin(&b);
    const struct fh_credentials_task task = google(&b, "g");

    answer(&b, 200, TOKEN("one", "3600"));
    assert_int_equal(fh_credentials_turn(b.credentials, START), START + 30 * SECOND); /* idle */
    fh_credentials_set(b.credentials, &task, 1);
    (void)fh_credentials_turn(b.credentials, START);
    assert_text(kept(&b, "g"), "one");
    assert_text(news(&b), HAS "60 min\n");
    assert_int_equal(stat(path_of(&b, "g"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(stat(fh_state_path(b.arena, b.dir, FH_STATE_CREDENTIALS), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);

    /* a quarter of an hour before its end, or up to a tenth of that earlier */
    answer(&b, 200, TOKEN("two", "3600"));
    due = fh_credentials_turn(b.credentials, START + 43 * MINUTE);
    assert_text(kept(&b, "g"), "one");
    assert_true(due <= START + 43 * MINUTE + 30 * SECOND); /* it looks again soon */
    (void)fh_credentials_turn(b.credentials, START + 45 * MINUTE);
    assert_text(kept(&b, "g"), "two");
    assert_text(news(&b), ""); /* as it should be: nothing to say */
    assert_int_equal(http_stub_count(b.stub), 2);
    bench_end(&b);
}

static void test_short_ones_and_those_that_do_not_change(void **state)
{
    struct bench b;
    uint64_t due = 0;

    FH_UNUSED(state);
    tap_context("short ones");
    bench_begin(&b);
    const struct fh_credentials_task task = google(&b, "g");

    /* six minutes: half of it, not five minutes */
    answer(&b, 200, TOKEN("one", "360"));
    fh_credentials_set(b.credentials, &task, 1);
    (void)fh_credentials_turn(b.credentials, START);
    (void)fh_credentials_turn(b.credentials, START + 2 * MINUTE);
    assert_int_equal(http_stub_count(b.stub), 1);

    /* a service that gives the same until it is over is not asked without a pause */
    answer(&b, 200, TOKEN("one", "4"));
    due = fh_credentials_turn(b.credentials, START + 3 * MINUTE);
    assert_int_equal(http_stub_count(b.stub), 2);
    assert_true(due == START + 3 * MINUTE + 4 * SECOND); /* its end comes first */
    bench_end(&b);
}

static void test_a_failure_keeps_the_old_one_while_it_is_good(void **state)
{
    struct bench b;
    uint64_t now = START + 50 * MINUTE;

    FH_UNUSED(state);
    tap_context("failures");
    bench_begin(&b);
    const struct fh_credentials_task task = google(&b, "g");

    answer(&b, 200, TOKEN("one", "3600"));
    fh_credentials_set(b.credentials, &task, 1);
    (void)fh_credentials_turn(b.credentials, START);
    (void)news(&b);

    /* pauses grow, up to a minute; by chance they are a little shorter */
    answer(&b, 400, DENIED);
    for (uint64_t last = now, gap = 0; now < START + 60 * MINUTE; now += SECOND) {
        size_t before = http_stub_count(b.stub);

        assert_true(fh_credentials_turn(b.credentials, now) <= now + 30 * SECOND);
        assert_text(kept(&b, "g"), "one");
        if (http_stub_count(b.stub) > before && now > last) {
            assert_true(now - last <= MINUTE);
            assert_true(now - last >= fh_min(gap * 3 / 2, 54 * SECOND));
            gap = now - last;
            last = now;
        }
    }
    assert_in_range(http_stub_count(b.stub), 10, 20);
    assert_text(news(&b),
                "g ready: g: its credentials cannot be renewed for now, and those at hand "
                "expire in 10 min: " REFUSED); /* once */

    /* it expires */
    (void)fh_credentials_turn(b.credentials, START + 60 * MINUTE);
    assert_text(kept(&b, "g"), "nothing");
    assert_text(news(&b),
                "g failed: g has no credentials any more: they have expired, and could "
                "not be renewed\n");
    (void)fh_credentials_turn(b.credentials, START + 62 * MINUTE);
    assert_text(news(&b), "g failed: g has no credentials: " REFUSED);

    /* and comes back */
    answer(&b, 200, TOKEN("two", "3600"));
    (void)fh_credentials_turn(b.credentials, START + 64 * MINUTE);
    assert_text(kept(&b, "g"), "two");
    assert_text(news(&b), HAS "60 min\n");
    bench_end(&b);
}

static void test_no_credentials_from_the_start(void **state)
{
    struct bench b;
    uint64_t due = 0;

    FH_UNUSED(state);
    tap_context("none");
    bench_begin(&b);
    const struct fh_credentials_task task = google(&b, "g");

    answer(&b, 400, DENIED);
    fh_credentials_set(b.credentials, &task, 1);
    due = fh_credentials_turn(b.credentials, START);
    assert_true(due > START && due <= START + 2 * SECOND);
    assert_text(kept(&b, "g"), "nothing");
    assert_text(news(&b), "g failed: g has no credentials: " REFUSED);
    (void)fh_credentials_turn(b.credentials, START + MINUTE);
    assert_text(news(&b), ""); /* the same again */
    answer(&b, 200, TOKEN("a b", "3600"));
    (void)fh_credentials_turn(b.credentials, START + 2 * MINUTE);
    assert_text(kept(&b, "g"), "nothing");
    assert_text(news(&b),
                "g failed: g has no credentials: what the user in @DIR/user.json gave "
                "cannot stand in a request (syntax)\n");
    bench_end(&b);
}

static ino_t inode_of(struct bench *b, const char *provider)
{
    struct stat st;

    assert_int_equal(stat(path_of(b, provider), &st), 0);
    return st.st_ino;
}

static void test_what_does_not_expire_is_looked_up_and_left_alone(void **state)
{
    struct bench b;
    ino_t inode = 0;

    FH_UNUSED(state);
    tap_context("lasting ones");
    bench_begin(&b);
    const struct fh_credentials_task task = aws(&b, "a");

    fh_credentials_set(b.credentials, &task, 1);
    (void)fh_credentials_turn(b.credentials, START);
    assert_text(kept(&b, "a"), "AKID");
    assert_text(news(&b),
                "a ready: a has credentials: AWS_ACCESS_KEY_ID in the environment, do "
                "not expire\n");
    inode = inode_of(&b, "a");
    (void)fh_credentials_turn(b.credentials, START + 5 * MINUTE);
    assert_int_equal(inode_of(&b, "a"), inode); /* workers have nothing to read again */
    b.environment[0] = "AWS_ACCESS_KEY_ID=AKID2";
    (void)fh_credentials_turn(b.credentials, START + 9 * MINUTE);
    assert_text(kept(&b, "a"), "AKID");
    (void)fh_credentials_turn(b.credentials, START + 10 * MINUTE);
    assert_text(kept(&b, "a"), "AKID2");
    bench_end(&b);
}

static void test_another_config(void **state)
{
    struct bench b;

    FH_UNUSED(state);
    tap_context("another config");
    bench_begin(&b);
    struct fh_credentials_task tasks[] = {google(&b, "g"), aws(&b, "a"), aws(&b, "x/y")};

    answer(&b, 200, TOKEN("one", "3600"));
    fh_credentials_set(b.credentials, tasks, 3);
    (void)fh_credentials_turn(b.credentials, START);
    assert_text(kept(&b, "x/y"), "AKID");
    assert_int_equal(fh_file_replace(print(&b, "/credentials/", "a~"), FH_LIT("half"), b.arena),
                     FH_OK);
    (void)news(&b);

    /* the first goes on as it was; the second is for another account now, and what is there
     * must not be used for it; the third is gone */
    tasks[1].settings.profile = FH_LIT("prod");
    fh_credentials_set(b.credentials, tasks, 2);
    (void)fh_credentials_turn(b.credentials, START + MINUTE);
    assert_text(kept(&b, "g"), "one");
    assert_int_equal(http_stub_count(b.stub), 1);
    assert_text(kept(&b, "a"), "nothing");
    assert_text(kept(&b, "x/y"), "nothing");
    assert_int_not_equal(access(print(&b, "/credentials/", "a~"), F_OK), 0);
    assert_true(
        fh_starts(news(&b), FH_LIT("a failed: a has no credentials: the profile: there is "
                                   "no profile \"prod\" in ")));

    /* two configs between two turns: the last one counts */
    fh_credentials_set(b.credentials, tasks, 0);
    fh_credentials_set(b.credentials, tasks, 1);
    (void)fh_credentials_turn(b.credentials, START + 2 * MINUTE);
    assert_text(kept(&b, "g"), "one");
    fh_credentials_set(b.credentials, tasks, 0);
    (void)fh_credentials_turn(b.credentials, START + 3 * MINUTE);
    assert_text(kept(&b, "g"), "nothing");
    bench_end(&b);
}

static void test_after_a_restart(void **state)
{
    struct bench b;

    FH_UNUSED(state);
    tap_context("restart");
    bench_begin(&b);
    struct fh_credentials_task task = google(&b, "g");

    answer(&b, 200, TOKEN("one", "3600"));
    fh_credentials_set(b.credentials, &task, 1);
    (void)fh_credentials_turn(b.credentials, START);

    /* the service is gone: what is there is still good */
    restart(&b);
    answer(&b, 400, DENIED);
    fh_credentials_set(b.credentials, &task, 1);
    (void)fh_credentials_turn(b.credentials, START + 10 * MINUTE);
    assert_text(kept(&b, "g"), "one");
    assert_text(
        news(&b),
        "g ready: g has credentials from before: the user in @DIR/user.json, expire in 50 "
        "min\n"
        "g ready: g: its credentials cannot be renewed for now, and those at hand expire in "
        "50 min: " REFUSED);

    /* for other settings it is not */
    restart(&b);
    task.settings.file = fh_cstr(print(&b, "/./user.json", ""));
    fh_credentials_set(b.credentials, &task, 1);
    (void)fh_credentials_turn(b.credentials, START + 20 * MINUTE);
    assert_text(kept(&b, "g"), "nothing");

    /* nor when it has expired meanwhile */
    answer(&b, 200, TOKEN("two", "3600"));
    (void)fh_credentials_turn(b.credentials, START + 30 * MINUTE);
    assert_text(kept(&b, "g"), "two");
    restart(&b);
    answer(&b, 400, DENIED);
    fh_credentials_set(b.credentials, &task, 1);
    (void)fh_credentials_turn(b.credentials, START + 90 * MINUTE);
    assert_text(kept(&b, "g"), "nothing");
    bench_end(&b);
}

/* Who sets a clock back makes all that is known of times worthless. */
static void test_the_clock_is_set_back(void **state)
{
    struct bench b;

    FH_UNUSED(state);
    tap_context("clock");
    bench_begin(&b);
    const struct fh_credentials_task task = google(&b, "g");

    answer(&b, 200, TOKEN("one", "3600"));
    fh_credentials_set(b.credentials, &task, 1);
    (void)fh_credentials_turn(b.credentials, START);
    answer(&b, 200, TOKEN("two", "3600"));
    (void)fh_credentials_turn(b.credentials, START - 1);
    assert_text(kept(&b, "g"), "two");
    bench_end(&b);
}

/* What the thread does is the same; here only that it does it, and that it ends. */
static void test_the_thread(void **state)
{
    struct bench b;

    FH_UNUSED(state);
    tap_context("thread");
    bench_begin(&b);
    const struct fh_credentials_task tasks[] = {google(&b, "g"), google(&b, "h")};

    answer(&b, 200, TOKEN("one", "3600"));
    fh_credentials_start(b.credentials);
    fh_credentials_set(b.credentials, tasks, 1);
    while (fh_eq(kept(&b, "g"), FH_LIT("nothing"))) {
        (void)usleep(10000);
    }
    assert_text(kept(&b, "g"), "one");

    /* it is in the middle of a call that nobody answers */
    http_stub_on(b.stub, "POST /token", (struct stub_answer){.how = STUB_NEVER});
    fh_credentials_set(b.credentials, tasks, 2);
    while (http_stub_count(b.stub) < 2) {
        (void)usleep(10000);
    }
    fh_credentials_free(&b.credentials);
    assert_text(kept(&b, "g"), "one"); /* and what is there stays */
    bench_end(&b);
}

static struct fh_slice describe(struct bench *b, const struct fh_credentials_task *task,
                                uint64_t now_us, enum fh_rc want)
{
    struct fh_buf out = fh_buf_in_arena(b->arena, 1 << 14);

    assert_int_equal(fh_credentials_describe(&out, task, b->environment, now_us), want);
    return fh_buf_slice(&out);
}

static void test_describe(void **state)
{
    struct bench b;

    FH_UNUSED(state);
    tap_context("describe");
    bench_begin(&b);
    const struct fh_credentials_task a = aws(&b, "a");
    struct fh_credentials_task g = google(&b, "g");

    assert_text(
        describe(&b, &a, START, FH_OK),
        "credentials from AWS_ACCESS_KEY_ID in the environment, do not expire (found just "
        "now; a running `freehold control` keeps them)");
    assert_text(kept(&b, "a"), "nothing");
    answer(&b, 200, TOKEN("one", "3600"));
    fh_credentials_set(b.credentials, &g, 1);
    (void)fh_credentials_turn(b.credentials, START);
    assert_true(fh_ends(describe(&b, &g, START + 8 * MINUTE, FH_OK),
                        FH_LIT("/user.json, expire in 52 min")));
    assert_true(
        fh_ends(describe(&b, &g, START + 59 * MINUTE, FH_OK), FH_LIT(", expire in 60 s")));
    assert_int_equal(http_stub_count(b.stub), 1);
    answer(&b, 200, TOKEN("two", "86400"));
    assert_true(fh_contains(describe(&b, &g, START + 61 * MINUTE, FH_OK),
                            FH_LIT(", expire in 24 h (found just now")));
    g.settings.file = FH_LIT("/nowhere.json");
    assert_text(describe(&b, &g, START + 61 * MINUTE, FH_E_SYSTEM),
                "no credentials: the credentials file: there is no /nowhere.json");
    bench_end(&b);
}

static void test_names_of_files(void **state)
{
    static const struct {
        const char *provider, *want;
    } rows[] = {
        {"claude", "/s/credentials/claude"}, {"a/b:c@d+e._-", "/s/credentials/a,b:c@d+e._-"},
        {"..", "/s/credentials/=."},         {".", "/s/credentials/="},
        {"/etc/x", "/s/credentials/,etc,x"},
    };
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(SIZE_MAX);

    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(rows); i++) {
        tap_context("%s", rows[i].provider);
        assert_text(fh_cstr(fh_state_credential(arena, "/s", fh_cstr(rows[i].provider))),
                    rows[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_obtained_and_renewed_ahead_of_time),
        cmocka_unit_test(test_short_ones_and_those_that_do_not_change),
        cmocka_unit_test(test_a_failure_keeps_the_old_one_while_it_is_good),
        cmocka_unit_test(test_no_credentials_from_the_start),
        cmocka_unit_test(test_what_does_not_expire_is_looked_up_and_left_alone),
        cmocka_unit_test(test_another_config),
        cmocka_unit_test(test_after_a_restart),
        cmocka_unit_test(test_the_clock_is_set_back),
        cmocka_unit_test(test_the_thread),
        cmocka_unit_test(test_describe),
        cmocka_unit_test(test_names_of_files),
    };
    return cmocka_run_group_tests_name("credentials", tests, NULL, NULL);
}
