/* test_store.c: what one process writes, another sees, at once and whole.
 * SPDX-License-Identifier: Apache-2.0 */
#include "control/store/store.h"
#include "gateway/policy_reader.h"
#include "tap.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[64];
static struct fh_store *store;

static const struct fh_config_texts every_model = {0};

/* config reads a config into the arena. */
static struct fh_config config(struct fh_arena *arena, const char *text)
{
    struct fh_findings findings = {.arena = arena, .file = FH_LIT("f.yaml")};
    struct fh_config cfg;
    enum fh_rc rc = fh_config_read(&cfg, &findings, fh_cstr(text), "/state");

    assert_int_equal(rc, FH_OK);
    return cfg;
}

static void publish(const char *text, bool fresh)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 20);
    struct fh_config cfg = config(arena, text);
    enum fh_rc rc = fh_store_publish(store, &cfg, fresh);

    assert_int_equal(rc, FH_OK);
}

static void create(const char *name, struct fh_key_text *text)
{
    enum fh_rc rc =
        fh_store_key_create(store, fh_cstr(name), FH_NONE, every_model, 1760000000000000, text);

    assert_int_equal(rc, FH_OK);
}

/* ---- a worker in a process of its own, which does as it is told and answers ---- */

struct order {
    char
        what; /* k: key, m: model, p: provider, l: limits, g: generation, n: models, o: the order of
                  providers, q: quit */
    char name[64];
};

struct answer {
    enum fh_rc rc;
    uint64_t generation;
    uint64_t number; /* revoked, routes, state, body_max */
    char text[64];
};

static struct {
    pid_t pid;
    int to, from;
} worker;

static void put_text(struct answer *a, struct fh_slice text)
{
    (void)snprintf(a->text, sizeof(a->text), "%.*s", FH_ARG(text));
}

static void list_models(struct fh_policy_reader *reader, struct answer *a)
{
    struct fh_policy_model model = {0};
    size_t len = 0;

    while (fh_policy_reader_next_model(reader, model.name, &model) == FH_OK) {
        len +=
            (size_t)snprintf(a->text + len, sizeof(a->text) - len, "%.*s ", FH_ARG(model.name));
        a->number++;
    }
}

static void list_providers(struct fh_slice names, struct answer *a)
{
    struct fh_slice name = FH_NONE;
    size_t len = 0;

    while (fh_policy_next_name(&names, &name)) {
        len += (size_t)snprintf(a->text + len, sizeof(a->text) - len, "%.*s ", FH_ARG(name));
        a->number++;
    }
}

static struct answer look(struct fh_policy_reader *reader, const struct order *order)
{
    struct answer a = {.rc = fh_policy_reader_begin(reader)};
    struct fh_slice name = fh_cstr(order->name);
    struct fh_policy_limits limits = {0};
    struct fh_provider provider = {0};
    struct fh_policy_model model = {0};
    struct fh_policy_key key = {0};

    if (a.rc != FH_OK) {
        return a;
    }
    a.generation = fh_policy_reader_generation(reader);
    if (order->what == 'k') {
        struct fh_sha256 hash = fh_sha256(name);

        a.rc = fh_policy_reader_key(reader, &hash, &key);
        a.number = key.revoked;
        put_text(&a, key.name);
    } else if (order->what == 'a') {
        a.rc = fh_policy_reader_aws(reader, name, &key);
        put_text(&a, key.aws_secret);
    } else if (order->what == 'm') {
        a.rc = fh_policy_reader_model(reader, name, &model);
        a.number = model.route_count;
        put_text(&a, model.routes[0].model);
    } else if (order->what == 'p') {
        a.rc = fh_policy_reader_provider(reader, name, &provider);
        a.number = provider.state;
        put_text(&a, provider.state_line);
    } else if (order->what == 'l') {
        a.rc = fh_policy_reader_limits(reader, &limits);
        a.number = limits.body_max_bytes;
    } else if (order->what == 'n') {
        list_models(reader, &a);
    } else if (order->what == 'o') {
        a.rc = fh_policy_reader_providers(reader, &name);
        list_providers(name, &a);
    }
    fh_policy_reader_end(reader);
    return a;
}

_Noreturn static void work(int from, int to)
{
    struct fh_policy_reader *reader = fh_policy_reader_new(dir);
    struct order order;

    while (read(from, &order, sizeof(order)) == (ssize_t)sizeof(order) && order.what != 'q') {
        struct answer a = look(reader, &order);

        if (order.what == 'x') {
            enum fh_rc rc = fh_policy_reader_begin(reader);

            _exit(rc == FH_OK ? 0 : 1); /* dies between begin and end */
        }
        if (write(to, &a, sizeof(a)) != (ssize_t)sizeof(a)) {
            break;
        }
    }
    fh_policy_reader_free(&reader);
    _exit(0);
}

static void start_worker(void)
{
    int there[2];
    int back[2];

    assert_int_equal(pipe(there), 0);
    assert_int_equal(pipe(back), 0);
    worker.pid = fork();
    assert_true(worker.pid >= 0);
    if (worker.pid == 0) {
        (void)close(there[1]);
        (void)close(back[0]);
        work(there[0], back[1]);
    }
    (void)close(there[0]);
    (void)close(back[1]);
    worker.to = there[1];
    worker.from = back[0];
}

static void order(char what, const char *name)
{
    struct order o = {.what = what};

    (void)snprintf(o.name, sizeof(o.name), "%s", name);
    assert_int_equal(write(worker.to, &o, sizeof(o)), sizeof(o));
}

static struct answer ask(char what, const char *name)
{
    struct answer a = {0};

    order(what, name);
    assert_int_equal(read(worker.from, &a, sizeof(a)), sizeof(a));
    return a;
}

static void stop_worker(char how)
{
    int status = 0;

    order(how, "");
    assert_int_equal(waitpid(worker.pid, &status, 0), worker.pid);
    assert_int_equal(status, 0);
    (void)close(worker.to);
    (void)close(worker.from);
}

/* ---- tests ---- */

#define LOCAL "providers: {l: {kind: local}}\n"
#define ONE   LOCAL "models: {a: {routes: [{provider: l, model: x}]}}\n"
#define TWO                                                              \
    "providers: {l: {kind: local}, o: {kind: openai, key: \"env:K\"}}\n" \
    "models: {a: {routes: [{provider: o, model: y}, {provider: l}]},\n"  \
    "         b: {routes: [{provider: o}]}}\n"                           \
    "limits: {body_max: 1MiB}\n"

static void test_hot_swap_is_seen_by_another_process(void **state)
{
    struct answer a;
    uint64_t generation;

    FH_UNUSED(state);
    publish(ONE, true);
    a = ask('m', "a");
    assert_int_equal(a.rc, FH_OK);
    assert_int_equal(a.number, 1);
    assert_string_equal(a.text, "x");
    assert_int_equal(ask('m', "b").rc, FH_E_MISSING);
    assert_int_equal(ask('m', "").rc, FH_E_MISSING);
    generation = a.generation;
    assert_true(generation == fh_store_generation(store));

    publish(TWO, false);
    a = ask('m', "a");
    assert_int_equal(a.number, 2);
    assert_string_equal(a.text, "y");
    assert_true(a.generation > generation);
    assert_int_equal(ask('m', "b").rc, FH_OK);
    assert_int_equal(ask('l', "").number, 1 << 20);
    a = ask('n', "");
    assert_int_equal(a.number, 2);
    assert_string_equal(a.text, "a b ");

    generation = ask('g', "").generation;
    publish(TWO, false); /* nothing new: the workers' caches live on */
    assert_true(ask('g', "").generation == generation);

    publish(ONE, false);
    assert_int_equal(ask('m', "b").rc, FH_E_MISSING);
    assert_int_equal(ask('p', "o").rc, FH_E_MISSING);
    assert_int_equal(ask('l', "").number, 32 << 20);
}

static void test_providers_keep_their_order(void **state)
{
    struct answer a;

    FH_UNUSED(state);
    publish("{}\n", true);
    a = ask('o', "");
    assert_int_equal(a.rc, FH_OK);
    assert_int_equal(a.number, 0);
    publish("providers: {z: {kind: local}, b: {kind: openai, key: \"env:K\"},\n"
            "            a: {kind: anthropic, key: \"env:K\"}}\n",
            false);
    assert_string_equal(ask('o', "").text, "z b a ");
    publish(TWO, false);
    assert_string_equal(ask('o', "").text, "l o ");
}

static void test_engine_state_survives_a_publish(void **state)
{
    const struct fh_provider up = {.state = FH_PROVIDER_READY, .state_line = FH_LIT("up")};
    enum fh_rc rc;
    struct answer a;

    FH_UNUSED(state);
    publish(ONE, true);
    assert_int_equal(ask('p', "l").number, FH_PROVIDER_STARTING);
    rc = fh_store_provider_state(store, FH_LIT("l"), &up);
    assert_int_equal(rc, FH_OK);
    a = ask('p', "l");
    assert_int_equal(a.number, FH_PROVIDER_READY);
    assert_string_equal(a.text, "up");
    publish(TWO, false);
    assert_int_equal(ask('p', "l").number, FH_PROVIDER_READY);
    publish(TWO, true);
    assert_int_equal(ask('p', "l").number, FH_PROVIDER_STARTING);
    rc = fh_store_provider_state(store, FH_LIT("nobody"), &up);
    assert_int_equal(rc, FH_E_MISSING);
}

/* What control knows of a provider's credentials is not lost when something else changes. */
static void test_credentials_state_survives_a_publish(void **state)
{
#define BEDROCK "b: {kind: bedrock, region: us-east-1"
#define VERTEX  "b: {kind: vertex, region: us-east1, project: p"
    const struct fh_provider up = {.state = FH_PROVIDER_READY};
    enum fh_rc rc;

    FH_UNUSED(state);
    publish("providers: {" BEDROCK "}}\n", true);
    assert_int_equal(ask('p', "b").number, FH_PROVIDER_STARTING);
    rc = fh_store_provider_state(store, FH_LIT("b"), &up);
    assert_int_equal(rc, FH_OK);
    publish("providers: {" BEDROCK ", connect_timeout: 1s}}\n", false);
    assert_int_equal(ask('p', "b").number, FH_PROVIDER_READY);
    publish("providers: {" VERTEX "}}\n", false); /* another cloud's */
    assert_int_equal(ask('p', "b").number, FH_PROVIDER_STARTING);
    publish("providers: {" VERTEX ", key: \"env:K\"}}\n", false); /* it needs none */
    assert_int_equal(ask('p', "b").number, FH_PROVIDER_READY);
}

static void test_keys(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 20);
    struct fh_key_text ann;
    struct fh_key_text ben;
    struct fh_store_keys keys = {0};
    enum fh_rc rc;
    struct answer a;

    FH_UNUSED(state);
    create("ann", &ann);
    create("ben", &ben);
    a = ask('k', ann.key);
    assert_int_equal(a.rc, FH_OK);
    assert_int_equal(a.number, 0);
    assert_string_equal(a.text, "ann");
    assert_string_equal(ask('a', ann.aws_id).text, ann.aws_secret);
    assert_int_equal(ask('a', "FHAKNOBODY").rc, FH_E_MISSING);
    assert_int_equal(ask('k', "fh-wrong").rc, FH_E_MISSING);
    assert_int_equal(ask('k', "").rc, FH_E_MISSING);

    rc = fh_store_key_create(store, FH_LIT("ann"), FH_NONE, every_model, 1, &ben);
    assert_int_equal(rc, FH_E_CONFLICT);

    rc = fh_store_key_revoke(store, FH_LIT("ann"));
    assert_int_equal(rc, FH_OK);
    assert_int_equal(ask('k', ann.key).number, 1);
    assert_int_equal(ask('k', ben.key).number, 0);
    rc = fh_store_key_revoke(store, FH_LIT("ann"));
    assert_int_equal(rc, FH_E_CONFLICT);
    rc = fh_store_key_revoke(store, FH_LIT("nobody"));
    assert_int_equal(rc, FH_E_MISSING);

    create("ann", &ann); /* the name is free again; the old key stays revoked */
    assert_int_equal(ask('k', ann.key).number, 0);
    rc = fh_store_key_revoke(store, fh_cstr(ann.id));
    assert_int_equal(rc, FH_OK);
    assert_int_equal(ask('k', ann.key).number, 1);

    rc = fh_store_keys(store, arena, &keys);
    assert_int_equal(rc, FH_OK);
    assert_int_equal(keys.count, 3);
    for (size_t i = 0; i < keys.count; i++) {
        assert_int_equal(keys.list[i].aws_secret.len, 0);
    }
}

static void test_ten_thousand_keys(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(16 << 20);
    static char first[64];
    static char last[64];
    struct fh_key_text text;
    struct fh_store_keys keys = {0};
    char name[32];
    enum { COUNT = 10000 };

    FH_UNUSED(state);
    for (int i = 0; i < COUNT; i++) {
        (void)snprintf(name, sizeof(name), "user%d", i);
        create(name, &text);
        if (i == 0) {
            (void)snprintf(first, sizeof(first), "%s", text.key);
        }
    }
    (void)snprintf(last, sizeof(last), "%s", text.key);
    assert_string_equal(ask('k', first).text, "user0");
    assert_string_equal(ask('k', last).text, "user9999");
    assert_int_equal(fh_store_keys(store, arena, &keys), FH_OK);
    assert_int_equal(keys.count, COUNT);
}

static void test_a_reader_that_dies_is_swept(void **state)
{
    FH_UNUSED(state);
    publish(ONE, true);
    assert_int_equal(ask('g', "").rc, FH_OK);
    stop_worker('x');
    assert_int_equal(fh_store_sweep(store), 1);
    assert_int_equal(fh_store_sweep(store), 0);
    start_worker();
}

static void test_only_the_owner_can_read_it(void **state)
{
    struct stat st;
    char path[128];

    FH_UNUSED(state);
    (void)snprintf(path, sizeof(path), "%s/data.mdb", dir);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void test_key_text(void **state)
{
    struct fh_key_text a;
    struct fh_key_text b;
    struct fh_slice aws;

    FH_UNUSED(state);
    fh_key_text_draw(&a);
    fh_key_text_draw(&b);
    assert_string_not_equal(a.key, b.key);
    assert_string_not_equal(a.id, b.id);
    assert_int_equal(strlen(a.id), FH_KEY_ID_LEN);
    assert_int_equal(strlen(a.key), FH_KEY_TEXT_LEN);
    assert_int_equal(strlen(a.aws_id), FH_KEY_AWS_ID_LEN);
    assert_int_equal(strlen(a.aws_secret), FH_KEY_AWS_SECRET_LEN);
    assert_true(fh_starts(fh_cstr(a.key), FH_LIT("fh-")));
    assert_true(fh_starts(fh_cstr(a.id), FH_LIT("key_")));
    aws = fh_cstr(a.aws_id);
    assert_true(fh_starts(aws, FH_LIT("FHAK")));
    for (size_t i = 0; i < aws.len; i++) {
        assert_true((aws.ptr[i] >= 'A' && aws.ptr[i] <= 'Z') ||
                    (aws.ptr[i] >= '2' && aws.ptr[i] <= '7'));
    }
    for (size_t i = 3; i < FH_KEY_TEXT_LEN; i++) {
        assert_true((a.key[i] >= 'A' && a.key[i] <= 'Z') ||
                    (a.key[i] >= 'a' && a.key[i] <= 'z') ||
                    (a.key[i] >= '0' && a.key[i] <= '9'));
    }
}

static int set_up(void **state)
{
    const char *why = "";

    FH_UNUSED(state);
    /* ten thousand commits are ten thousand fsyncs: in memory, if there is such a place */
    (void)snprintf(dir, sizeof(dir), "%s/fh-store-XXXXXX",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (mkdtemp(dir) == NULL) {
        return -1;
    }
    start_worker(); /* before the store is open: LMDB's handles must not cross a fork */
    if (ask('g', "").rc != FH_E_MISSING) {
        return -1; /* there is no store yet, and the worker will find it later */
    }
    return fh_store_open(&store, dir, &why) == FH_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    static const char *const names[] = {"data.mdb", "lock.mdb"};
    char path[128];

    FH_UNUSED(state);
    stop_worker('q');
    fh_store_close(&store);
    for (size_t i = 0; i < FH_LEN(names); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        (void)unlink(path);
    }
    return rmdir(dir);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_hot_swap_is_seen_by_another_process),
        TEST(test_providers_keep_their_order),
        TEST(test_engine_state_survives_a_publish),
        TEST(test_credentials_state_survives_a_publish),
        TEST(test_keys),
        TEST(test_ten_thousand_keys),
        TEST(test_a_reader_that_dies_is_swept),
        TEST(test_only_the_owner_can_read_it),
        cmocka_unit_test(test_key_text),
    };
    return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
