/* manual.c: the reference of freehold.yaml, from the tables that also read it.
 * SPDX-License-Identifier: Apache-2.0 */
#include "control/config/config.h"
#include "control/config/keys.h"

static const char *or_none(const char *text)
{
    return text == NULL ? "" : text;
}

static void print_table(struct fh_buf *out, const struct fh_config_table *table)
{
    fh_buf_printf(out, "\n### %s\n\n", table->title);
    fh_buf_append(out, FH_LIT("| key | value | normal | from | to | |\n"
                              "| --- | --- | --- | --- | --- | --- |\n"));
    for (size_t i = 0; i < table->count; i++) {
        const struct fh_config_key *key = &table->keys[i];

        fh_buf_printf(out, "| `%s` | %s | %s | %s | %s | %s |\n", key->name,
                      fh_config_kind_doc(key->kind), or_none(key->normal), or_none(key->min),
                      or_none(key->max), key->doc);
    }
}

static void print_kinds(struct fh_buf *out)
{
    static const char *const needs[] = {
        [FH_KEY_NONE] = "none", [FH_KEY_OPTIONAL] = "optional", [FH_KEY_REQUIRED] = "needed"};

    fh_buf_append(out, FH_LIT("\n### kinds of providers\n\n"
                              "| kind | URL | key | credentials | |\n"
                              "| --- | --- | --- | --- | --- |\n"));
    for (unsigned i = 0; i < FH_PROVIDER_KINDS; i++) {
        const struct fh_provider_preset *row = fh_provider_preset((enum fh_provider_kind)i);
        struct fh_slice url = row->url.len == 0 ? FH_LIT("needed") : row->url;

        if (i == FH_PROVIDER_LOCAL) {
            url = FH_LIT("none");
        }
        fh_buf_printf(out, "| `%.*s` | %.*s | %s | %.*s | %.*s |\n", FH_ARG(row->name),
                      FH_ARG(url), needs[row->key],
                      FH_ARG(fh_credential_source_name(row->source)), FH_ARG(row->doc));
    }
}

static void print_sources(struct fh_buf *out)
{
    fh_buf_append(out, FH_LIT("\n### sources of credentials\n\n"
                              "| source | what control does |\n"
                              "| --- | --- |\n"));
    for (unsigned i = 0; i < FH_CREDENTIAL_SOURCE_COUNT; i++) {
        enum fh_credential_source source = (enum fh_credential_source)i;

        fh_buf_printf(out, "| `%.*s` | %.*s |\n", FH_ARG(fh_credential_source_name(source)),
                      FH_ARG(fh_credential_source_doc(source)));
    }
}

void fh_config_manual(struct fh_buf *out)
{
    print_table(out, &fh_config_root);
    print_table(out, &fh_config_providers);
    print_table(out, &fh_config_credentials);
    print_sources(out);
    print_kinds(out);
    print_table(out, &fh_config_models);
    print_table(out, &fh_config_routes);
    for (size_t i = 0; i < fh_config_root.count; i++) {
        if (fh_config_root.keys[i].kind == FH_CONFIG_SECTION) {
            print_table(out, fh_config_root.keys[i].table);
        }
    }
}
