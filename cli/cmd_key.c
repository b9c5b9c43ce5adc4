/* cmd_key.c: `freehold key`: the keys that clients authenticate with.
 * SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli_store.h"

#include "base/secret.h"

#include <stdio.h>
#include <time.h>

enum { MODELS_MAX = 256, NAME_MAX_LEN = 128, TIME_MAX_LEN = 64 };

static uint64_t now_us(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* is_name takes what reads well in tables, logs and file names. */
static bool is_name(struct fh_slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] <= ' ' || name.ptr[i] == 0x7F) {
            return false;
        }
    }
    return name.len > 0 && name.len <= NAME_MAX_LEN && fh_utf8_ok(name);
}

/* split_models takes "a,b" apart. */
static bool split_models(struct fh_arena *arena, const char *text, struct fh_config_texts *out)
{
    struct fh_slice rest = fh_cstr(text);
    struct fh_slice name = FH_NONE;

    out->list = fh_arena_alloc(arena, MODELS_MAX * sizeof(out->list[0]));
    while (fh_split(&rest, ',', &name)) {
        name = fh_trim(name);
        if (!is_name(name) || out->count == MODELS_MAX) {
            return false;
        }
        out->list[out->count++] = name;
    }
    return out->count > 0;
}

static void show(struct fh_cli *cli, const char *name, const struct fh_key_text *text)
{
    if (cli->json) {
        yyjson_mut_doc *doc = fh_json_new(cli->arena);
        yyjson_mut_val *root = yyjson_mut_obj(doc);

        fh_json_add_text(doc, root, "id", fh_cstr(text->id));
        fh_json_add_text(doc, root, "name", fh_cstr(name));
        fh_json_add_text(doc, root, "key", fh_cstr(text->key));
        fh_json_add_text(doc, root, "aws_access_key_id", fh_cstr(text->aws_id));
        fh_json_add_text(doc, root, "aws_secret_access_key", fh_cstr(text->aws_secret));
        (void)fh_cli_print_json(cli, root);
        return;
    }
    (void)printf("id                     %s\n"
                 "name                   %s\n"
                 "key                    %s\n"
                 "aws_access_key_id      %s\n"
                 "aws_secret_access_key  %s\n",
                 text->id, name, text->key, text->aws_id, text->aws_secret);
    (void)fflush(stdout);
    (void)fputs("The secrets are shown this once; keep them now.\n", stderr);
}

static int create(struct fh_cli *cli, int argc, char **argv)
{
    const char *models_text = fh_cli_option(cli, "models");
    const char *plan = fh_cli_option(cli, "plan");
    struct fh_config_texts models = {0};
    struct fh_store *store = NULL;
    struct fh_key_text text;

    FH_UNUSED(argc);
    if (!is_name(fh_cstr(argv[0])) || (plan != NULL && !is_name(fh_cstr(plan)))) {
        return fh_cli_wrong(cli, "a name has 1 to %d bytes and no blanks", NAME_MAX_LEN);
    }
    if (models_text != NULL && !split_models(cli->arena, models_text, &models)) {
        return fh_cli_wrong(
            cli, "--models needs up to %d names, such as --models smollm2,gpt-5", MODELS_MAX);
    }
    int status = fh_cli_store(cli, true, &store);

    if (status != FH_EXIT_OK) {
        return status;
    }
    enum fh_rc rc =
        fh_store_key_create(store, fh_cstr(argv[0]), fh_cstr(plan), models, now_us(), &text);

    if (rc == FH_OK) {
        show(cli, argv[0], &text);
        fh_wipe(&text, sizeof(text));
    } else if (rc == FH_E_CONFLICT) {
        (void)fh_cli_failed(
            cli,
            "there is a key called \"%s\" already; `freehold key revoke %s` ends "
            "it, or take another name",
            argv[0], argv[0]);
        status = FH_EXIT_NO;
    } else {
        status = fh_cli_failed(cli, "the key could not be stored: %s",
                               rc == FH_E_STORE ? fh_store_error(store) : fh_rc_name(rc));
    }
    fh_store_close(&store);
    return status;
}

/* ---- list ---- */

static struct fh_slice created(struct fh_arena *arena, const struct fh_policy_key *key)
{
    struct fh_buf out = fh_buf_in_arena(arena, TIME_MAX_LEN);

    fh_cli_time(&out, key->created_us);
    return fh_buf_slice(&out);
}

static void print_list(struct fh_cli *cli, const struct fh_store_keys *keys)
{
    static const char *const titles[] = {"NAME", "ID", "PLAN", "CREATED", "MODELS", "STATE"};
    struct fh_table *table = fh_table_new(cli->arena, titles, FH_LEN(titles));

    for (size_t i = 0; i < keys->count; i++) {
        const struct fh_policy_key *key = &keys->list[i];
        struct fh_buf models = fh_buf_in_arena(cli->arena, SIZE_MAX);
        struct fh_slice rest = key->models;
        struct fh_slice name = FH_NONE;

        while (fh_policy_next_name(&rest, &name)) {
            fh_buf_append(&models, models.len > 0 ? FH_LIT(",") : FH_NONE);
            fh_buf_append(&models, name);
        }
        fh_table_cell(table, key->name);
        fh_table_cell(table, key->id);
        fh_table_cell(table, key->plan.len > 0 ? key->plan : FH_LIT("-"));
        fh_table_cell(table, created(cli->arena, key));
        fh_table_cell(table, key->model_count > 0 ? fh_buf_slice(&models) : FH_LIT("all"));
        fh_table_cell(table, key->revoked ? FH_LIT("revoked") : FH_LIT("in use"));
    }
    fh_table_print(table);
}

static void print_list_json(struct fh_cli *cli, const struct fh_store_keys *keys)
{
    yyjson_mut_doc *doc = fh_json_new(cli->arena);
    yyjson_mut_val *root = yyjson_mut_obj(doc);
    yyjson_mut_val *list = yyjson_mut_obj_add_arr(doc, root, "keys");

    for (size_t i = 0; i < keys->count; i++) {
        const struct fh_policy_key *key = &keys->list[i];
        yyjson_mut_val *item = yyjson_mut_arr_add_obj(doc, list);
        struct fh_slice rest = key->models;
        struct fh_slice name = FH_NONE;

        fh_json_add_text(doc, item, "id", key->id);
        fh_json_add_text(doc, item, "name", key->name);
        fh_json_add_text(doc, item, "plan", key->plan);
        fh_json_add_text(doc, item, "created", created(cli->arena, key));
        (void)yyjson_mut_obj_add_bool(doc, item, "revoked", key->revoked);
        fh_json_add_text(doc, item, "aws_access_key_id", key->aws_id);
        yyjson_mut_val *models = yyjson_mut_obj_add_arr(doc, item, "models"); /* none: all */

        while (fh_policy_next_name(&rest, &name)) {
            (void)yyjson_mut_arr_add_strn(doc, models, (const char *)name.ptr, name.len);
        }
    }
    (void)fh_cli_print_json(cli, root);
}

static int list(struct fh_cli *cli, int argc, char **argv)
{
    struct fh_store *store = NULL;
    struct fh_store_keys keys = {0};
    int status = fh_cli_store(cli, false, &store);

    FH_UNUSED(argc);
    FH_UNUSED(argv);
    if (status != FH_EXIT_OK) {
        return status;
    }
    if (fh_store_keys(store, cli->arena, &keys) != FH_OK) {
        status = fh_cli_failed(cli, "the keys cannot be read: %s", fh_store_error(store));
    } else if (cli->json) {
        print_list_json(cli, &keys);
    } else {
        print_list(cli, &keys);
    }
    fh_store_close(&store);
    return status;
}

/* ---- revoke ---- */

static int revoke(struct fh_cli *cli, int argc, char **argv)
{
    struct fh_store *store = NULL;
    int status = fh_cli_store(cli, false, &store);

    FH_UNUSED(argc);
    if (status != FH_EXIT_OK) {
        return status;
    }
    enum fh_rc rc = fh_store_key_revoke(store, fh_cstr(argv[0]));

    if (rc == FH_E_MISSING || rc == FH_E_CONFLICT) {
        (void)fh_cli_failed(cli,
                            rc == FH_E_MISSING
                                ? "there is no key \"%s\"; `freehold key list` shows them all"
                                : "the key \"%s\" was revoked before",
                            argv[0]);
        status = FH_EXIT_NO;
    } else if (rc != FH_OK) {
        status = fh_cli_failed(cli, "it could not be stored: %s", fh_store_error(store));
    } else if (cli->json) {
        yyjson_mut_doc *doc = fh_json_new(cli->arena);
        yyjson_mut_val *root = yyjson_mut_obj(doc);

        fh_json_add_text(doc, root, "revoked", fh_cstr(argv[0]));
        (void)fh_cli_print_json(cli, root);
    } else {
        (void)printf("%s is revoked, from the next request on.\n", argv[0]);
    }
    fh_store_close(&store);
    return status;
}

/* ---- the commands ---- */

static const struct fh_option create_options[] = {
    {"plan", "PLAN", "The plan that it belongs to."},
    {"models", "NAMES", "The models that it may use, with commas between them; else all."},
};

const struct fh_command fh_command_key_create = {
    .name = "key create",
    .args = "NAME",
    .args_min = 1,
    .args_max = 1,
    .options = create_options,
    .option_count = FH_LEN(create_options),
    .doc = "Make a key for a client and show it, once.",
    .help =
        "The key works from the next request on, without a reload. Freehold keeps only the\n"
        "SHA-256 of it. The AWS-style pair is for SDKs that sign their requests; its secret\n"
        "has to be kept to verify them, in the policy store, which only its owner can read.\n",
    .run = create,
};

const struct fh_command fh_command_key_list = {
    .name = "key list",
    .doc = "List all keys, revoked ones too, without their secrets.",
    .run = list,
};

const struct fh_command fh_command_key_revoke = {
    .name = "key revoke",
    .args = "ID|NAME",
    .args_min = 1,
    .args_max = 1,
    .doc = "End a key; it stays in the books.",
    .run = revoke,
};
