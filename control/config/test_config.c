/* test_config.c: good configs say what will run; bad ones say all that is wrong, and where.
 * SPDX-License-Identifier: Apache-2.0 */
#include "control/config/config.h"
#include "control/config/units.h"
#include "tap.h"

/* report reads the text and gives what is said of it. */
static struct fh_slice report(struct fh_arena *arena, const char *text, struct fh_config *cfg)
{
    struct fh_findings findings = {.arena = arena, .file = FH_LIT("f.yaml")};
    struct fh_buf out = fh_buf_in_arena(arena, 1 << 20);
    enum fh_rc rc = fh_config_read(cfg, &findings, fh_cstr(text), "/state");

    assert_int_equal(rc, findings.errors == 0 ? FH_OK : FH_E_SYNTAX);
    fh_findings_print(&findings, &out);
    return fh_buf_slice(&out);
}

struct bad {
    const char *text;
    const char *want;
};

#define LOCAL "providers: {l: {kind: local}}\n"
#define MODEL "models: {m: {routes: [{provider: l}]}}\n"
#define SIZES " (units: B, KiB, MiB, GiB)\n"
#define KINDS                                                                                  \
    "anthropic, openai, azure_openai, azure_foundry, bedrock, vertex, gemini, mistral, "       \
    "deepseek, "                                                                               \
    "groq, xai, openrouter, together, vllm, ollama, anthropic_compatible, openai_compatible, " \
    "local"
#define LISTEN "needs an address and a port, such as 127.0.0.1:8080, [::1]:8080 or *:8080\n"

static const struct bad bad[] = {
    /* no YAML */
    {"", "f.yaml:1:1: the file is empty; examples/freehold.yaml is a beginning\n"},
    {"# a comment\n", "f.yaml:1:1: the file is empty; examples/freehold.yaml is a beginning\n"},
    {"a: \"x\nb: 2\n", "f.yaml:1:4: this is no YAML: wrongly indented double-quoted scalar\n"},
    {"listen: [1, 2\nworkers: 1\n",
     "f.yaml:3:1: this is no YAML: flow sequence without a closing bracket\n"},
    {"a: 1\nb: \xff\n", "f.yaml:2:1: there are bytes in this line that are no text (UTF-8)\n"},
    {"- a\n- b\n", "f.yaml:1:3: needs keys and values, such as listen: …\n"},
    {"hello\n", "f.yaml:1:1: needs keys and values, such as listen: …\n"},

    /* keys */
    {LOCAL MODEL "worker: 2\n",
     "f.yaml:3:1: worker: there is no such key; did you mean workers?\n"},
    {LOCAL MODEL "frobnicate: 2\n",
     "f.yaml:3:1: frobnicate: there is no such key; there are listen, listen_http2, workers, "
     "connections, resolver, providers, models, limits, journal, ledger\n"},
    {LOCAL MODEL "workers: 2\nworkers: 3\n",
     "f.yaml:4:1: workers: stands here twice, first in line 3\n"},
    {LOCAL MODEL "limits:\n  body_max: 1MiB\n  bodymax: 2MiB\n",
     "f.yaml:5:3: limits.bodymax: there is no such key; did you mean body_max?\n"},
    {LOCAL MODEL "limits: 5\n",
     "f.yaml:3:9: limits: needs keys and values, such as body_max: …\n"},
    {LOCAL MODEL "? [a, b]\n: c\n", "f.yaml:3:4: a key is a plain word\n"},

    /* numbers and units */
    {LOCAL MODEL "limits: {body_max: 32}\n",
     "f.yaml:3:20: limits.body_max: needs a number and a unit, such as 32MiB" SIZES},
    {LOCAL MODEL "limits: {body_max: 32MB, event_max: -1KiB}\n",
     "f.yaml:3:20: limits.body_max: needs a number and a unit, such as 32MiB" SIZES
     "f.yaml:3:37: limits.event_max: needs a number and a unit, such as 1MiB" SIZES},
    {LOCAL MODEL "limits: {body_max: 1023B}\n",
     "f.yaml:3:20: limits.body_max: must lie between 1KiB and 256MiB\n"},
    {LOCAL MODEL "limits: {body_max: 257MiB}\n",
     "f.yaml:3:20: limits.body_max: must lie between 1KiB and 256MiB\n"},
    {LOCAL MODEL "limits: {body_max: 99999999999GiB}\n",
     "f.yaml:3:20: limits.body_max: needs a number and a unit, such as 32MiB" SIZES},
    {LOCAL MODEL "journal: {sync: 2 minutes, segment: [8MiB]}\n",
     "f.yaml:3:17: journal.sync: needs a number and a unit, such as 50ms (units: ms, s, min, "
     "h)\n"
     "f.yaml:3:38: journal.segment: needs a single value (size)\n"},
    {LOCAL MODEL "workers: many\n",
     "f.yaml:3:10: workers: needs a whole number or auto, such as 1\n"},
    {LOCAL MODEL "workers: 0\n", "f.yaml:3:10: workers: must lie between 1 and 256\n"},
    {LOCAL MODEL "limits: {depth_max: 5000, attempts_max: x}\n",
     "f.yaml:3:21: limits.depth_max: must lie between 16 and 1024\n"
     "f.yaml:3:41: limits.attempts_max: needs a whole number, such as 4\n"},

    /* addresses */
    {LOCAL MODEL "listen: 8080\n", "f.yaml:3:9: listen: " LISTEN},
    {LOCAL MODEL "listen: [\"::1:8080\", 127.0.0.1, \"127.0.0.1:99999\", \"a b:1\"]\n",
     "f.yaml:3:10: listen: " LISTEN "f.yaml:3:22: listen: " LISTEN
     "f.yaml:3:33: listen: " LISTEN "f.yaml:3:52: listen: " LISTEN},
    {LOCAL MODEL "listen: [127.0.0.1:1, 127.0.0.1:1]\n",
     "f.yaml:3:23: listen: is listed twice\n"},
    {LOCAL MODEL "listen: []\n", "f.yaml:3:1: listen: needs between 1 and 16 addresses\n"},
    {LOCAL MODEL "resolver: dns.example\n",
     "f.yaml:3:11: resolver: needs system, or addresses such as 10.0.0.2, 10.0.0.2:5353 or "
     "[2001:db8::2]\n"},

    /* providers */
    {"providers: {p: {kind: openia, key: \"env:K\"}}\n",
     "f.yaml:1:23: providers.p.kind: there is no such kind; did you mean openai?\n"},
    {"providers: {p: {}}\n",
     "f.yaml:1:13: providers.p.kind: is missing; it is one of " KINDS "\n"},
    {"providers: {p: }\n",
     "f.yaml:1:13: providers.p.kind: is missing; it is one of " KINDS "\n"},
    {"providers: {p: local}\n",
     "f.yaml:1:16: providers.p: needs keys and values, such as kind: …\n"},
    {"providers: [local]\n", "f.yaml:1:13: providers: needs names with their settings, such as "
                             "claude: {kind: anthropic, "
                             "key: \"env:NAME\"}\n"},
    {"providers: {p: {kind: anthropic}}\n",
     "f.yaml:1:13: providers.p.key: is missing; anthropic needs one, such as "
     "\"env:PROVIDER_API_KEY\" or \"file:/etc/freehold/provider.key\"\n"},
    {"providers: {p: {kind: openai, key: sk-proj-verysecret}}\n",
     "f.yaml:1:36: providers.p.key: a secret must not stand in the config (what stands here is "
     "not repeated); say where it is: \"env:NAME\" or \"file:PATH\"\n"},
    {"providers: {p: {kind: openai, key: \"env:MY-KEY\"}}\n",
     "f.yaml:1:36: providers.p.key: needs the name of a variable behind env:, such as "
     "env:PROVIDER_API_KEY\n"},
    {"providers: {p: {kind: openai, key: \"file:\"}}\n",
     "f.yaml:1:36: providers.p.key: needs a path behind file:, such as "
     "file:/etc/freehold/x.key\n"},
    {"providers: {p: {kind: openai_compatible}}\n",
     "f.yaml:1:13: providers.p.url: is missing; openai_compatible has none of its own\n"},
    {"providers: {p: {kind: openai_compatible, url: \"http://me:secret@h\"}}\n",
     "f.yaml:1:47: providers.p.url: a user name or password does not belong into a URL (byte "
     "8), "
     "such as https://llm.example.com/v1\n"},
    {"providers: {p: {kind: openai_compatible, url: h/v1, connect_timeout: 1h}}\n",
     "f.yaml:1:47: providers.p.url: it must begin with https:// or http:// (byte 1), such as "
     "https://llm.example.com/v1\n"
     "f.yaml:1:70: providers.p.connect_timeout: must lie between 100ms and 1min\n"},
    {"providers: {p: {kind: openai_compatible, url: \"http://localhost/v1\", ca: x.pem}}\n",
     "f.yaml:1:74: providers.p.ca: can never matter: the URL is not https\n"},
    {"providers: {a: {kind: local, key: \"env:X\"}, b: {kind: local}}\n",
     "f.yaml:1:35: providers.a.key: has no place here: Freehold starts the local engine and "
     "knows "
     "where it is; for a server of your own use kind openai_compatible\n"
     "f.yaml:1:55: providers.b.kind: there is already a local engine, \"a\" in line 1\n"},
    {"providers:\n  p: {kind: local}\n  p: {kind: local}\n",
     "f.yaml:3:3: providers.p: is already the name of the one in line 2\n"},
    {"providers: {\"a b\": {kind: local}}\n",
     "f.yaml:1:13: providers.a b: a name has 1 to 128 letters, digits and -._:/@+\n"},

/* credentials */
#define BEDROCK "providers: {b: {kind: bedrock, region: us-east-1, credentials: "
    {BEDROCK "amazon}}\n", "f.yaml:1:64: providers.b.credentials: there is no such source; "
                           "there are none, aws, google, "
                           "entra\n"},
    {BEDROCK "gogle}}\n",
     "f.yaml:1:64: providers.b.credentials: there is no such source; did you mean google?\n"},
    {BEDROCK "[aws]}}\n",
     "f.yaml:1:65: providers.b.credentials: needs keys and values, such as source: …\n"},
    {BEDROCK "{profile: dev}}}\n", "f.yaml:1:65: providers.b.credentials.source: is missing; "
                                   "it is one of aws, google, entra\n"},
    {BEDROCK "{source: aws, profil: dev, tenant: t, client_secret: S3CRET}}}\n",
     "f.yaml:1:78: providers.b.credentials.profil: there is no such key; did you mean "
     "profile?\n"
     "f.yaml:1:99: providers.b.credentials.tenant: can never matter: it is for the source "
     "entra\n"
     "f.yaml:1:117: providers.b.credentials.client_secret: a secret must not stand in the "
     "config "
     "(what stands here is not repeated); say where it is: \"env:NAME\" or \"file:PATH\"\n"
     "f.yaml:1:117: providers.b.credentials.client_secret: can never matter: it is for the "
     "source entra\n"},
    {BEDROCK "aws, key: \"env:K\"}}\n", "f.yaml:1:64: providers.b.credentials: has no place "
                                        "beside `key`: a provider is shown one or "
                                        "the other\n"},
    {"providers: {p: {kind: anthropic, key: \"env:K\"}, q: {kind: openai, credentials: "
     "entra}}\n",
     "f.yaml:1:49: providers.q.key: is missing; openai needs one, such as "
     "\"env:PROVIDER_API_KEY\" or \"file:/etc/freehold/provider.key\"\n"
     "f.yaml:1:80: providers.q.credentials: can never matter: openai takes keys only\n"},
    {"providers: {p: {kind: openai_compatible, url: \"https://h/v1\", credentials: aws}}\n",
     "f.yaml:1:76: providers.p.credentials: openai_compatible has no use for aws: requests are "
     "signed for kind bedrock only\n"},
    {"providers: {l: {kind: local, credentials: google}}\n",
     "f.yaml:1:43: providers.l.credentials: has no place here: Freehold starts the local "
     "engine and "
     "knows where it is; for a server of your own use kind openai_compatible\n"},

    /* models */
    {LOCAL "models: {m: {}, n: {routes: []}, o: }\n",
     "f.yaml:2:10: models.m.routes: needs at least one route, such as [{provider: local, "
     "model: "
     "NAME}]\n"
     "f.yaml:2:21: models.n.routes: needs at least one route, such as [{provider: local, "
     "model: "
     "NAME}]\n"
     "f.yaml:2:34: models.o.routes: needs at least one route, such as [{provider: local, "
     "model: "
     "NAME}]\n"},
    {"providers: {local: {kind: local}}\nmodels: {m: {routes: [{provider: locla}]}}\n",
     "f.yaml:2:34: models.m.routes[0].provider: no provider is called \"locla\"; did you mean "
     "\"local\"?\n"},
    {LOCAL "models: {m: {routes: [{model: x}, {provider: zzzzzz}, {provider: l, modle: y}]}}\n",
     "f.yaml:2:24: models.m.routes[0].provider: is missing; it names one of `providers`\n"
     "f.yaml:2:46: models.m.routes[1].provider: no provider is called \"zzzzzz\"\n"
     "f.yaml:2:69: models.m.routes[2].modle: there is no such key; did you mean model?\n"},
    {LOCAL "models: {m: {routes: [{provider: l}, {provider: l, model: m}]}}\n",
     "f.yaml:2:39: models.m.routes[1]: can never be reached: it is the same as routes[0]\n"},
    {LOCAL "models:\n  m: {routes: [{provider: l}]}\n  m: {routes: [{provider: l}]}\n",
     "f.yaml:4:3: models.m: is already the name of the one in line 3\n"},
    {LOCAL "models: {m: {route: [{provider: l}]}}\n",
     "f.yaml:2:10: models.m.routes: needs at least one route, such as [{provider: local, "
     "model: "
     "NAME}]\n"
     "f.yaml:2:14: models.m.route: there is no such key; did you mean routes?\n"},
    {LOCAL "x: &a {routes: [{provider: l}]}\nmodels: {m: *a}\n",
     "f.yaml:2:1: x: there is no such key; there are listen, listen_http2, workers, "
     "connections, resolver, providers, models, limits, journal, ledger\n"
     "f.yaml:3:14: models.m: needs keys and values, such as routes: …\n"},
};

static void test_bad_files(void **state)
{
    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(bad); i++) {
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(4 << 20);
        struct fh_config cfg;

        tap_context("%s", bad[i].text);
        assert_text(report(arena, bad[i].text, &cfg), bad[i].want);
    }
}

static void test_no_secret_is_repeated(void **state)
{
    static const char *const texts[] = {
        "providers: {p: {kind: openai, key: SECRET}}\n",
        "providers: {p: {kind: openai, key: [SECRET]}}\n",
        "providers: {p: {kind: openai, api_key: SECRET}}\n",
        "providers: {p: {kind: openai_compatible, url: \"https://u:SECRET@h\"}}\n",
        "providers: {p: {kind: openai_compatible, url: \"https://h/?k=SECRET\"}}\n",
        "providers: {p: {kind: SECRET}}\n",
        "key: \"SECRET\n",
    };

    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(texts); i++) {
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(4 << 20);
        struct fh_config cfg;

        tap_context("%s", texts[i]);
        assert_false(fh_contains(report(arena, texts[i], &cfg), FH_LIT("SECRET")));
    }
}

static const char everything[] =
    "listen: [127.0.0.1:8080, \"[::1]:8080\", \"*:9000\"]\n"
    "listen_http2: 127.0.0.1:8081\n"
    "workers: auto\n"
    "resolver: [10.0.0.2, \"[2001:db8::2]:5353\"]\n"
    "providers:\n"
    "  local: {kind: local}\n"
    "  claude: {kind: anthropic, key: \"env:ANTHROPIC_API_KEY\"}\n"
    "  gpt: {kind: openai, key: \"file:keys/openai\"}\n"
    "  lab: {kind: openai_compatible, url: \"https://10.0.0.5:8000/v1/\", tls_name: "
    "lab.example,\n"
    "        ca: /etc/lab.pem, connect_timeout: 500ms, first_byte_timeout: 1min, idle_timeout: "
    "}\n"
    "models:\n"
    "  smollm2:\n"
    "    routes:\n"
    "      - {provider: local, model: SmolLM2-135M-Instruct}\n"
    "  claude: {routes: [{provider: claude}, {provider: lab, model: other}, {provider: gpt}]}\n"
    "limits: {body_max: 1MiB, drain_time: 0s}\n"
    "journal: {segment: 16MiB}\n"
    "ledger:\n";

static void test_good_file(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(4 << 20);
    struct fh_config cfg;
    const struct fh_provider *lab;
    const struct fh_provider *local;
    const struct fh_provider *gpt;

    FH_UNUSED(state);
    tap_context("a good file");
    assert_text(report(arena, everything, &cfg),
                "f.yaml:1:40: listen: note: other machines can connect, and keys then travel "
                "unencrypted unless something in front of Freehold does TLS\n");
    assert_int_equal(cfg.listen.count, 3);
    assert_text(cfg.listen.list[1].host, "::1");
    assert_text(cfg.listen.list[2].text, "*:9000");
    assert_text(cfg.listen.list[2].host, "*");
    assert_int_equal(cfg.listen.list[2].port, 9000);
    assert_int_equal(cfg.listen_http2.list[0].port, 8081);
    assert_int_equal(cfg.workers, 0);
    assert_int_equal(cfg.resolver.count, 2);
    assert_int_equal(cfg.limits.body_max_bytes, 1 << 20);
    assert_int_equal(cfg.limits.drain_ms, 0);
    assert_int_equal(cfg.limits.event_max_bytes, 1 << 20);
    assert_int_equal(cfg.journal.segment_bytes, 16 << 20);
    assert_int_equal(cfg.journal.sync_ms, 50);
    assert_text(cfg.ledger.file, "ledger.db");

    assert_int_equal(cfg.providers.count, 4);
    local = &fh_config_local(&cfg)->to;
    assert_text(local->unix_path, "/state/run/engine.sock");
    assert_text(local->key_ref, "file:/state/run/engine.key");
    assert_text(local->base_path, "/v1");
    assert_int_equal(local->state, FH_PROVIDER_STARTING);
    gpt = &fh_config_provider(&cfg, FH_LIT("gpt"))->to;
    assert_true(gpt->tls);
    assert_text(gpt->host, "api.openai.com");
    assert_text(gpt->base_path, "/v1");
    assert_text(gpt->key_ref, "file:keys/openai");
    lab = &fh_config_provider(&cfg, FH_LIT("lab"))->to;
    assert_int_equal(lab->kind, FH_PROVIDER_OPENAI_COMPATIBLE);
    assert_text(lab->host, "10.0.0.5:8000");
    assert_text(lab->address, "10.0.0.5");
    assert_int_equal(lab->port, 8000);
    assert_text(lab->base_path, "/v1");
    assert_text(lab->tls_name, "lab.example");
    assert_int_equal(lab->connect_timeout_ms, 500);
    assert_int_equal(lab->idle_timeout_ms, 120000);

    assert_int_equal(cfg.models.count, 2);
    assert_int_equal(cfg.models.list[1].serves.route_count, 3);
    assert_text(cfg.models.list[1].serves.routes[0].model, "claude");
    assert_text(cfg.models.list[1].serves.routes[1].model, "other");
}

static const char lent[] =
    "providers:\n"
    "  plain: {kind: bedrock, region: eu-central-1}\n"
    "  keyed: {kind: bedrock, region: eu-central-1, key: \"env:K\"}\n"
    "  behind: {kind: bedrock, region: eu-central-1, credentials: none}\n"
    "  pro/d: {kind: bedrock, region: eu-central-1, credentials: {source: aws, profile: dev,\n"
    "          role_arn: \"arn:aws:iam::1:role/r\"}}\n"
    "  vertex: {kind: vertex, region: europe-west1, project: p,\n"
    "           credentials: {source: google, file: sa.json}}\n"
    "  azure: {kind: azure_openai, url: \"https://r.openai.azure.com/openai/v1\", "
    "credentials:\n"
    "          {source: entra, tenant: t, client_id: c, client_secret: \"file:secret\"}}\n"
    "  own: {kind: openai_compatible, url: \"https://h/v1\", credentials: google}\n"
    "models: {m: {routes: [{provider: plain}, {provider: keyed}, {provider: behind},\n"
    "  {provider: pro/d}, {provider: vertex}, {provider: azure}, {provider: own}]}}\n";

static void test_credentials(void **state)
{
    static const struct {
        const char *name, *ref;
        enum fh_credential_source source;
    } rows[] = {
        {"plain", "state:/state/credentials/plain", FH_CREDENTIALS_AWS},
        {"keyed", "env:K", FH_CREDENTIALS_NONE},
        {"behind", "", FH_CREDENTIALS_NONE},
        {"pro/d", "state:/state/credentials/pro,d", FH_CREDENTIALS_AWS},
        {"vertex", "state:/state/credentials/vertex", FH_CREDENTIALS_GOOGLE},
        {"azure", "state:/state/credentials/azure", FH_CREDENTIALS_ENTRA},
        {"own", "state:/state/credentials/own", FH_CREDENTIALS_GOOGLE},
    };
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(4 << 20);
    const struct fh_credential_settings *c;
    struct fh_config cfg;

    FH_UNUSED(state);
    tap_context("credentials");
    assert_text(report(arena, lent, &cfg), "");
    for (size_t i = 0; i < FH_LEN(rows); i++) {
        const struct fh_config_provider *p = fh_config_provider(&cfg, fh_cstr(rows[i].name));

        tap_context("credentials of %s", rows[i].name);
        assert_text(p->to.key_ref, rows[i].ref);
        assert_int_equal(p->to.source, rows[i].source);
        assert_int_equal(p->credentials.source, rows[i].source);
        assert_int_equal(p->to.state, rows[i].source == FH_CREDENTIALS_NONE
                                          ? FH_PROVIDER_READY
                                          : FH_PROVIDER_STARTING);
    }
    c = &fh_config_provider(&cfg, FH_LIT("pro/d"))->credentials;
    assert_text(c->profile, "dev");
    assert_text(c->role_arn, "arn:aws:iam::1:role/r");
    assert_text(c->region, "eu-central-1");
    c = &fh_config_provider(&cfg, FH_LIT("vertex"))->credentials;
    assert_text(c->file, "sa.json");
    c = &fh_config_provider(&cfg, FH_LIT("azure"))->credentials;
    assert_text(c->tenant, "t");
    assert_text(c->client_id, "c");
    assert_text(c->client_secret, "file:secret");
}

static void test_normal_values_are_those_of_the_core(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(4 << 20);
    struct fh_buf a = fh_buf_in_arena(arena, 256);
    struct fh_buf b = fh_buf_in_arena(arena, 256);
    struct fh_policy_limits normal = fh_policy_limits_normal();
    struct fh_config cfg;

    FH_UNUSED(state);
    tap_context("an almost empty file");
    assert_text(report(arena, LOCAL MODEL, &cfg), "");
    fh_policy_encode_limits(&a, &cfg.limits);
    fh_policy_encode_limits(&b, &normal);
    assert_true(fh_eq(fh_buf_slice(&a), fh_buf_slice(&b)));
    assert_text(cfg.listen.list[0].text, "127.0.0.1:8080");
    assert_int_equal(cfg.workers, 1);
    assert_int_equal(cfg.resolver.count, 0);
}

static void test_notes(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(4 << 20);
    struct fh_config cfg;

    FH_UNUSED(state);
    tap_context("notes");
    assert_text(report(arena, LOCAL, &cfg),
                "f.yaml:1:1: models: note: there are none, so every request will be refused\n"
                "f.yaml:1:13: providers.l: note: no model has a route to it\n");
    assert_text(
        report(arena,
               "providers: {p: {kind: openai_compatible, url: \"http://h/v1\", key: "
               "\"env:K\"}}\nmodels: {m: {routes: [{provider: p}]}}\n",
               &cfg),
        "f.yaml:1:67: providers.p.key: note: travels unencrypted: the URL is not https\n");
}

static void test_the_example_and_the_manual(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(4 << 20);
    struct fh_buf manual = fh_buf_in_arena(arena, 1 << 16);
    struct fh_slice text = FH_NONE;
    struct fh_config cfg = {0};
    struct fh_buf example;

    FH_UNUSED(state);
    tap_context("examples/freehold.yaml");
    assert_true(tap_read_file("examples/freehold.yaml", arena, &text));
    example = fh_buf_in_arena(arena, 1 << 16);
    fh_buf_append(&example, text);
    fh_buf_byte(&example, '\0');
    assert_text(report(arena, (const char *)example.ptr, &cfg), "");
    assert_text(cfg.models.list[0].serves.name, "smollm2");

    fh_config_manual(&manual);
    assert_true(tap_read_file("docs/configuration.md", arena, &text));
    if (!fh_contains(text, fh_buf_slice(&manual))) {
        fail_msg(
            "docs/configuration.md is behind: `freehold check --manual` prints its tables");
    }
}

static void test_a_file_that_is_not_there(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(4 << 20);
    struct fh_buf out = fh_buf_in_arena(arena, 4096);
    struct fh_findings findings;
    struct fh_config cfg;

    FH_UNUSED(state);
    tap_context("no file");
    assert_int_equal(fh_config_load(&cfg, &findings, arena, "/nowhere.yaml", "/s"),
                     FH_E_SYSTEM);
    fh_findings_print(&findings, &out);
    assert_text(fh_buf_slice(&out),
                "/nowhere.yaml:1:1: it cannot be read: No such file or directory\n");
    assert_int_equal(fh_config_load(&cfg, &findings, arena, "/", "/s"), FH_E_SYSTEM);
}

static void test_units(void **state)
{
    static const struct {
        const char *text;
        bool is_time, ok;
        uint64_t value;
        const char *printed;
    } rows[] = {
        {"32MiB", false, true, 32 << 20, "32MiB"},
        {"1024KiB", false, true, 1 << 20, "1MiB"},
        {"5 KiB", false, true, 5120, "5KiB"},
        {"0B", false, true, 0, "0B"},
        {"1000B", false, true, 1000, "1000B"},
        {"KiB", false, false, 0, NULL},
        {"1kB", false, false, 0, NULL},
        {"1.5MiB", false, false, 0, NULL},
        {"50ms", true, true, 50, "50ms"},
        {"90s", true, true, 90000, "90s"},
        {"120s", true, true, 120000, "2min"},
        {"1h", true, true, 3600000, "1h"},
        {"0s", true, true, 0, "0ms"},
        {"5m", true, false, 0, NULL},
        {"", true, false, 0, NULL},
    };

    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(rows); i++) {
        FH_AUTO(fh_buf_fini) struct fh_buf out = fh_buf_on_heap(64);
        struct fh_slice text = fh_cstr(rows[i].text);
        uint64_t value = 0;

        tap_context("%s", rows[i].text);
        assert_int_equal(rows[i].is_time ? fh_units_parse_ms(text, &value)
                                         : fh_units_parse_bytes(text, &value),
                         rows[i].ok);
        if (rows[i].ok) {
            assert_true(value == rows[i].value);
            (rows[i].is_time ? fh_units_print_ms : fh_units_print_bytes)(&out, value);
            assert_text(fh_buf_slice(&out), rows[i].printed);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_files),
        cmocka_unit_test(test_no_secret_is_repeated),
        cmocka_unit_test(test_good_file),
        cmocka_unit_test(test_credentials),
        cmocka_unit_test(test_normal_values_are_those_of_the_core),
        cmocka_unit_test(test_notes),
        cmocka_unit_test(test_the_example_and_the_manual),
        cmocka_unit_test(test_a_file_that_is_not_there),
        cmocka_unit_test(test_units),
    };
    return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
