/* cmd_check.c: `freehold check`: is the config right, and what will run with it?
 * SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include "control/config/config.h"
#include "control/state.h"

#include "dialect/ledger.h"

#include <stdio.h>

static void print_listens(const struct fh_config *cfg)
{
    for (size_t i = 0; i < cfg->listen.count; i++) {
        (void)printf("%s%.*s", i == 0 ? "listens on " : ", ", FH_ARG(cfg->listen.list[i].text));
    }
    if (cfg->workers == 0) {
        (void)puts(", one worker per processor");
    } else {
        (void)printf(", %u worker%s\n", cfg->workers, cfg->workers == 1 ? "" : "s");
    }
}

/* key_of says what shows the provider who asks. */
static struct fh_slice key_of(const struct fh_cli *cli, const struct fh_config_provider *p)
{
    struct fh_slice lent[] = {fh_credential_source_name(p->to.source), FH_LIT(" credentials")};

    if (p->to.kind == FH_PROVIDER_LOCAL) {
        return FH_LIT("its own");
    }
    return p->to.source == FH_CREDENTIALS_NONE ? p->to.key_ref
                                               : fh_concat(cli->arena, lent, FH_LEN(lent));
}

/* print_routes says for each model who is asked, in which order, where, and with which secret. */
static void print_routes(const struct fh_cli *cli, const struct fh_config *cfg)
{
    static const char *const titles[] = {"MODEL", ">", "PROVIDER", "ITS MODEL", "WHERE", "KEY"};
    struct fh_table *table = fh_table_new(cli->arena, titles, FH_LEN(titles));

    for (size_t i = 0; i < cfg->models.count; i++) {
        const struct fh_policy_model *model = &cfg->models.list[i].serves;

        for (size_t k = 0; k < model->route_count; k++) {
            const struct fh_config_provider *p =
                fh_config_provider(cfg, model->routes[k].provider);
            bool is_local = p->to.kind == FH_PROVIDER_LOCAL;

            fh_table_cell(table, k == 0 ? model->name : FH_NONE);
            fh_table_cellf(table, "%zu", k + 1);
            fh_table_cell(table, p->to.name);
            fh_table_cell(table, model->routes[k].model);
            fh_table_cell(table, is_local ? FH_LIT("this machine") : p->url);
            fh_table_cell(table, key_of(cli, p));
        }
    }
    fh_table_print(table);
}

static void print_plan(const struct fh_cli *cli, const struct fh_config *cfg)
{
    (void)printf("%s is valid.\n\n", cli->config_path);
    print_listens(cfg);
    (void)printf("keeps its state in %s\n\n", cli->state_dir);
    print_routes(cli, cfg);
}

/* ---- the same as JSON ---- */

static void add_findings(yyjson_mut_doc *doc, yyjson_mut_val *root, const char *name,
                         const struct fh_findings *findings, bool notes)
{
    yyjson_mut_val *list = yyjson_mut_obj_add_arr(doc, root, name);

    for (const struct fh_finding *f = findings->first; f != NULL; f = f->next) {
        if (f->is_note == notes) {
            yyjson_mut_val *item = yyjson_mut_arr_add_obj(doc, list);

            (void)yyjson_mut_obj_add_uint(doc, item, "line", f->at.line);
            (void)yyjson_mut_obj_add_uint(doc, item, "column", f->at.column);
            fh_json_add_text(doc, item, "key", f->key);
            fh_json_add_text(doc, item, "message", f->text);
        }
    }
}

static void add_plan(yyjson_mut_doc *doc, yyjson_mut_val *root, const struct fh_config *cfg)
{
    yyjson_mut_val *listen = yyjson_mut_obj_add_arr(doc, root, "listen");
    yyjson_mut_val *models = yyjson_mut_obj_add_arr(doc, root, "models");

    for (size_t i = 0; i < cfg->listen.count; i++) {
        (void)yyjson_mut_arr_add_strn(doc, listen, (const char *)cfg->listen.list[i].text.ptr,
                                      cfg->listen.list[i].text.len);
    }
    (void)yyjson_mut_obj_add_uint(doc, root, "workers",
                                  cfg->workers); /* 0: one per processor */
    for (size_t i = 0; i < cfg->models.count; i++) {
        const struct fh_policy_model *model = &cfg->models.list[i].serves;
        yyjson_mut_val *item = yyjson_mut_arr_add_obj(doc, models);

        fh_json_add_text(doc, item, "name", model->name);
        yyjson_mut_val *routes = yyjson_mut_obj_add_arr(doc, item, "routes");

        for (size_t k = 0; k < model->route_count; k++) {
            const struct fh_config_provider *p =
                fh_config_provider(cfg, model->routes[k].provider);
            yyjson_mut_val *route = yyjson_mut_arr_add_obj(doc, routes);

            fh_json_add_text(doc, route, "provider", p->to.name);
            fh_json_add_text(doc, route, "kind", fh_provider_preset(p->to.kind)->name);
            fh_json_add_text(doc, route, "model", model->routes[k].model);
            fh_json_add_text(doc, route, "url",
                             p->to.kind == FH_PROVIDER_LOCAL ? FH_NONE : p->url);
            fh_json_add_text(doc, route, "key",
                             p->to.source == FH_CREDENTIALS_NONE ? p->to.key_ref : FH_NONE);
            fh_json_add_text(doc, route, "credentials",
                             fh_credential_source_name(p->to.source));
        }
    }
}

static void print_json(const struct fh_cli *cli, const struct fh_config *cfg,
                       const struct fh_findings *findings)
{
    yyjson_mut_doc *doc = fh_json_new(cli->arena);
    yyjson_mut_val *root = yyjson_mut_obj(doc);

    (void)yyjson_mut_obj_add_bool(doc, root, "valid", findings->errors == 0);
    fh_json_add_text(doc, root, "file", findings->file);
    add_findings(doc, root, "errors", findings, false);
    add_findings(doc, root, "notes", findings, true);
    if (findings->errors == 0) {
        add_plan(doc, root, cfg);
    }
    (void)fh_cli_print_json(cli, root);
}

static int check(struct fh_cli *cli, int argc, char **argv)
{
    struct fh_buf text = fh_buf_in_arena(cli->arena, SIZE_MAX);
    struct fh_findings findings;
    struct fh_config cfg;

    bool keys = fh_cli_option(cli, "manual") != NULL;

    if (keys || fh_cli_option(cli, "translation") != NULL) {
        (keys ? fh_config_manual : fh_ledger_print)(&text);
        (void)printf("%.*s", FH_ARG(fh_buf_slice(&text)));
        return FH_EXIT_OK;
    }
    if (argc > 0) {
        cli->config_path = argv[0];
    }
    const char *state = fh_state_absolute(cli->arena, cli->state_dir);
    enum fh_rc rc = fh_config_load(&cfg, &findings, cli->arena, cli->config_path, state);

    if (cli->json) {
        print_json(cli, &cfg, &findings);
    } else {
        fh_findings_print(&findings, &text);
        (void)fprintf(stderr, "%.*s", FH_ARG(fh_buf_slice(&text)));
        if (rc == FH_OK) {
            print_plan(cli, &cfg);
        } else if (rc == FH_E_SYNTAX) {
            (void)fprintf(stderr, "%u thing%s to put right\n", findings.errors,
                          findings.errors == 1 ? "" : "s");
        }
    }
    if (rc == FH_E_SYSTEM) {
        return FH_EXIT_FAILED;
    }
    return rc == FH_OK ? FH_EXIT_OK : FH_EXIT_NO;
}

static const struct fh_option options[] = {
    {"manual", NULL, "Print the reference of all keys (Markdown) and do nothing else."},
    {"translation", NULL, "Print what is lost between which dialects (Markdown), likewise."},
};

const struct fh_command fh_command_check = {
    .name = "check",
    .args = "[FILE]",
    .args_max = 1,
    .options = options,
    .option_count = FH_LEN(options),
    .doc = "Validate the config and explain what will run.",
    .help = "All that is wrong is said at once, each with file:line:column. A note is worth\n"
            "knowing and stops nothing. Whether the secrets are there and the ports free\n"
            "depends on the machine: `freehold doctor` looks at that.\n",
    .run = check,
};
