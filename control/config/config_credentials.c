/* config_credentials.c: `credentials` of a provider: one word, or a word and its details.
 * SPDX-License-Identifier: Apache-2.0 */
#include "control/config/loader.h"
#include "control/suggest.h"

enum { KNOWN_MAX_LEN = 1024 };

/* Whose detail a key is. */
static const struct {
    const char *key;
    enum fh_credential_source source;
} details[] = {
    {"profile", FH_CREDENTIALS_AWS},     {"role_arn", FH_CREDENTIALS_AWS},
    {"file", FH_CREDENTIALS_GOOGLE},     {"tenant", FH_CREDENTIALS_ENTRA},
    {"client_id", FH_CREDENTIALS_ENTRA}, {"client_secret", FH_CREDENTIALS_ENTRA},
};

static bool read_source(struct fh_loader *ld, const struct fh_trail *trail, struct fh_place at,
                        struct fh_slice word, enum fh_credential_source *out)
{
    struct fh_suggest suggest = fh_suggest_for(word);
    struct fh_buf known = fh_buf_in_arena(ld->arena, KNOWN_MAX_LEN);

    if (fh_credential_source_by_name(word, out)) {
        return true;
    }
    for (unsigned i = 0; i < FH_CREDENTIAL_SOURCE_COUNT; i++) {
        struct fh_slice name = fh_credential_source_name((enum fh_credential_source)i);

        fh_suggest_offer(&suggest, name);
        fh_buf_append(&known, i == 0 ? FH_NONE : FH_LIT(", "));
        fh_buf_append(&known, name);
    }
    if (suggest.best.len > 0) {
        fh_loader_complain(ld, trail, at, "there is no such source; did you mean %.*s?",
                           FH_ARG(suggest.best));
    } else {
        fh_loader_complain(ld, trail, at, "there is no such source; there are %.*s",
                           FH_ARG(fh_buf_slice(&known)));
    }
    return false;
}

static void check_details(struct fh_loader *ld, const struct fh_trail *trail,
                          const struct fh_given *given, enum fh_credential_source source)
{
    for (size_t i = 0; i < FH_LEN(details); i++) {
        struct fh_trail end = {.up = trail, .name = fh_cstr(details[i].key)};

        if (details[i].source != source &&
            fh_given_at(given, &fh_config_credentials, details[i].key, &end.at)) {
            fh_loader_complain(ld, &end, end.at, "can never matter: it is for the source %.*s",
                               FH_ARG(fh_credential_source_name(details[i].source)));
        }
    }
}

bool fh_loader_credentials(struct fh_loader *ld, const struct fh_trail *trail,
                           struct fy_node *node, struct fh_credential_settings *out)
{
    struct fh_trail end = {.up = trail, .name = FH_LIT("source"), .at = trail->at};
    struct fh_config_raw_credentials raw = {0};
    struct fh_given given = {0};
    struct fh_slice word = FH_NONE;

    if (fh_loader_scalar(node, &word)) {
        return read_source(ld, trail, fh_loader_place(node, trail->at), word, &out->source);
    }
    fh_loader_map(ld, trail, node, &fh_config_credentials, &raw, &given);
    if (!fy_node_is_mapping(node)) {
        return false; /* that was complained of */
    }
    if (!fh_given_at(&given, &fh_config_credentials, "source", &end.at)) {
        fh_loader_complain(ld, &end, end.at, "is missing; it is one of aws, google, entra");
        return false;
    }
    if (!read_source(ld, &end, end.at, raw.source, &out->source)) {
        return false;
    }
    check_details(ld, trail, &given, out->source);
    out->profile = raw.profile;
    out->role_arn = raw.role_arn;
    out->file = raw.file;
    out->tenant = raw.tenant;
    out->client_id = raw.client_id;
    out->client_secret = raw.client_secret;
    return true;
}
