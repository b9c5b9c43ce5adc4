/* keys.c: every key of freehold.yaml, one row each.
 * SPDX-License-Identifier: Apache-2.0 */
#include "control/config/keys.h"

#include "control/config/config.h"

#define FIELD(f)    offsetof(struct fh_config, f)
#define PROVIDER(f) offsetof(struct fh_config_raw_provider, f)
#define LENT(f)     offsetof(struct fh_config_raw_credentials, f)
#define ROUTE(f)    offsetof(struct fh_config_raw_route, f)
#define TABLE(title, keys)            \
    {                                 \
        (title), (keys), FH_LEN(keys) \
    }

static const struct fh_config_key limits_keys[] = {
    {"body_max", FH_CONFIG_BYTES, FIELD(limits.body_max_bytes), "1KiB", "256MiB", "32MiB",
     "Largest request body accepted from a client.", NULL},
    {"reply_max", FH_CONFIG_BYTES, FIELD(limits.reply_max_bytes), "1KiB", "256MiB", "32MiB",
     "Largest answer of a provider that is not streamed.", NULL},
    {"event_max", FH_CONFIG_BYTES, FIELD(limits.event_max_bytes), "4KiB", "16MiB", "1MiB",
     "Largest single event of a streamed answer.", NULL},
    {"head_max", FH_CONFIG_BYTES, FIELD(limits.head_max_bytes), "4KiB", "1MiB", "32KiB",
     "Largest status line and header of a provider's answer.", NULL},
    {"depth_max", FH_CONFIG_COUNT, FIELD(limits.depth_max), "16", "1024", "128",
     "Deepest nesting of a JSON body.", NULL},
    {"attempts_max", FH_CONFIG_COUNT, FIELD(limits.attempts_max), "1", "8", "4",
     "Most providers that are asked for one request.", NULL},
    {"drain_time", FH_CONFIG_MILLIS, FIELD(limits.drain_ms), "0s", "10min", "60s",
     "How long an answer is still read after its client has left, to learn what it cost.",
     NULL},
    {"drain_bytes", FH_CONFIG_BYTES, FIELD(limits.drain_max_bytes), "0B", "1GiB", "8MiB",
     "How much of such an answer is still read.", NULL},
};
static const struct fh_config_table limits_table = TABLE("limits", limits_keys);

static const struct fh_config_key journal_keys[] = {
    {"segment", FH_CONFIG_BYTES, FIELD(journal.segment_bytes), "1MiB", "1GiB", "8MiB",
     "Size of one journal file; each worker fills its own.", NULL},
    {"sync", FH_CONFIG_MILLIS, FIELD(journal.sync_ms), "1ms", "10s", "50ms",
     "Longest time until a record is on disk: what a power cut can cost.", NULL},
};
static const struct fh_config_table journal_table = TABLE("journal", journal_keys);

static const struct fh_config_key ledger_keys[] = {
    {"file", FH_CONFIG_TEXT, FIELD(ledger.file), NULL, NULL, "ledger.db",
     "The SQLite database of the books, from the state directory if relative.", NULL},
};
static const struct fh_config_table ledger_table = TABLE("ledger", ledger_keys);

static const struct fh_config_key credentials_keys[] = {
    {"source", FH_CONFIG_TEXT, LENT(source), NULL, NULL, NULL,
     "Whose they are: aws, google, entra, or none.", NULL},
    {"profile", FH_CONFIG_TEXT, LENT(profile), NULL, NULL, NULL,
     "aws: the profile to use, and nothing else.", NULL},
    {"role_arn", FH_CONFIG_TEXT, LENT(role_arn), NULL, NULL, NULL,
     "aws: the role to assume with whatever was found.", NULL},
    {"file", FH_CONFIG_FILE, LENT(file), NULL, NULL, NULL,
     "google: a service account or an authorized user, in JSON.", NULL},
    {"tenant", FH_CONFIG_TEXT, LENT(tenant), NULL, NULL, NULL,
     "entra: the tenant, by its id or a domain.", NULL},
    {"client_id", FH_CONFIG_TEXT, LENT(client_id), NULL, NULL, NULL,
     "entra: the application, or one of several managed identities.", NULL},
    {"client_secret", FH_CONFIG_SECRET, LENT(client_secret), NULL, NULL, NULL,
     "entra: where the application's secret is found: env:NAME or file:PATH.", NULL},
};
const struct fh_config_table fh_config_credentials =
    TABLE("providers.NAME.credentials", credentials_keys);

static const struct fh_config_key provider_keys[] = {
    {"kind", FH_CONFIG_PROVIDER, PROVIDER(kind), NULL, NULL, NULL,
     "What kind of place it is; see the list of kinds.", NULL},
    {"url", FH_CONFIG_URL, PROVIDER(url), NULL, NULL, NULL,
     "Where it is, with the path that comes before the calls; needed where the kind has none.",
     NULL},
    {"dialect", FH_CONFIG_TEXT, PROVIDER(dialect), NULL, NULL, NULL,
     "The only dialect it is asked in, where its kind speaks several, such as "
     "openai_responses.",
     NULL},
    {"region", FH_CONFIG_TEXT, PROVIDER(region), NULL, NULL, NULL,
     "The region of its cloud, such as us-east-1; needed by bedrock and vertex.", NULL},
    {"project", FH_CONFIG_TEXT, PROVIDER(project), NULL, NULL, NULL,
     "The Google Cloud project; needed by vertex.", NULL},
    {"key", FH_CONFIG_SECRET, PROVIDER(key), NULL, NULL, NULL,
     "Where its secret is found: env:NAME or file:PATH, never the secret itself.", NULL},
    {"credentials", FH_CONFIG_CREDENTIALS, 0, NULL, NULL, NULL,
     "Instead of a key: what its cloud lends, by a word (aws, google, entra, none) or with "
     "details; see credentials.md.",
     &fh_config_credentials},
    {"tls_name", FH_CONFIG_TEXT, PROVIDER(tls_name), NULL, NULL, NULL,
     "The name its certificate must have, when it is not the host of the URL.", NULL},
    {"ca", FH_CONFIG_FILE, PROVIDER(ca), NULL, NULL, NULL,
     "Certificates to trust for it (PEM), instead of the system's.", NULL},
    {"connect_timeout", FH_CONFIG_MILLIS, PROVIDER(connect_timeout_ms), "100ms", "1min", "5s",
     "Longest wait for a connection, before the next route is tried.", NULL},
    {"first_byte_timeout", FH_CONFIG_MILLIS, PROVIDER(first_byte_timeout_ms), "1s", "1h",
     "5min", "Longest wait for the first byte of the answer.", NULL},
    {"idle_timeout", FH_CONFIG_MILLIS, PROVIDER(idle_timeout_ms), "1s", "1h", "2min",
     "Longest silence in the middle of an answer.", NULL},
};
const struct fh_config_table fh_config_providers = TABLE("providers.NAME", provider_keys);

static const struct fh_config_key route_keys[] = {
    {"provider", FH_CONFIG_TEXT, ROUTE(provider), NULL, NULL, NULL,
     "The provider that is asked, by its name above.", NULL},
    {"model", FH_CONFIG_TEXT, ROUTE(model), NULL, NULL, NULL,
     "What the provider calls the model; the name above it when missing.", NULL},
};
const struct fh_config_table fh_config_routes = TABLE("models.NAME.routes[]", route_keys);

static const struct fh_config_key model_keys[] = {
    {"routes", FH_CONFIG_ROUTES, 0, "1", "8", NULL,
     "The places that serve it, in the order in which they are tried.", &fh_config_routes},
};
const struct fh_config_table fh_config_models = TABLE("models.NAME", model_keys);

static const struct fh_config_key root_keys[] = {
    {"listen", FH_CONFIG_LISTENS, FIELD(listen), NULL, NULL, "127.0.0.1:8080",
     "Address and port for clients; one, or a list.", NULL},
    {"listen_http2", FH_CONFIG_LISTENS, FIELD(listen_http2), NULL, NULL, NULL,
     "More ports, for HTTP/2 without TLS: nginx before 1.25.1 cannot tell it from HTTP/1.1.",
     NULL},
    {"workers", FH_CONFIG_WORKERS, FIELD(workers), "1", "256", "1",
     "Worker processes of the gateway, or auto for one per processor.", NULL},
    {"connections", FH_CONFIG_COUNT, FIELD(connections), "64", "65536", "4096",
     "Connections of one worker, to clients and to providers together.", NULL},
    {"resolver", FH_CONFIG_RESOLVER, FIELD(resolver), NULL, NULL, "system",
     "Name servers for the names of providers: system, an address, or a list.", NULL},
    {"providers", FH_CONFIG_PROVIDERS, FIELD(providers), NULL, NULL, NULL,
     "The places that serve models, by names of your own.", &fh_config_providers},
    {"models", FH_CONFIG_MODELS, FIELD(models), NULL, NULL, NULL,
     "The models that clients may name, and where each is served.", &fh_config_models},
    {"limits", FH_CONFIG_SECTION, 0, NULL, NULL, NULL,
     "Bounds on whatever a peer could make large or slow.", &limits_table},
    {"journal", FH_CONFIG_SECTION, 0, NULL, NULL, NULL,
     "The record of every request, from which the books are made.", &journal_table},
    {"ledger", FH_CONFIG_SECTION, 0, NULL, NULL, NULL, "The books.", &ledger_table},
};
const struct fh_config_table fh_config_root = TABLE("the top level", root_keys);

static_assert(FH_LEN(root_keys) <= FH_CONFIG_KEYS_MAX, "a mask has room for all");
static_assert(FH_LEN(provider_keys) <= FH_CONFIG_KEYS_MAX, "a mask has room for all");
static_assert(FH_LEN(limits_keys) <= FH_CONFIG_KEYS_MAX, "a mask has room for all");

const char *fh_config_kind_doc(enum fh_config_kind kind)
{
    static const char *const docs[] = {
        [FH_CONFIG_BYTES] = "size",
        [FH_CONFIG_MILLIS] = "time",
        [FH_CONFIG_COUNT] = "number",
        [FH_CONFIG_WORKERS] = "number or auto",
        [FH_CONFIG_TEXT] = "text",
        [FH_CONFIG_FILE] = "path",
        [FH_CONFIG_SECRET] = "reference",
        [FH_CONFIG_URL] = "URL",
        [FH_CONFIG_PROVIDER] = "kind",
        [FH_CONFIG_LISTENS] = "address or list",
        [FH_CONFIG_RESOLVER] = "address or list",
        [FH_CONFIG_SECTION] = "mapping",
        [FH_CONFIG_PROVIDERS] = "mapping",
        [FH_CONFIG_MODELS] = "mapping",
        [FH_CONFIG_CREDENTIALS] = "word or mapping",
        [FH_CONFIG_ROUTES] = "list",
    };

    static_assert(FH_LEN(docs) == FH_CONFIG_KINDS, "each has a word");
    FH_ASSERT(kind < FH_CONFIG_KINDS);
    return docs[kind];
}
