/* main.c: finds the command, parses its options, counts its arguments, runs it.
 * SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include "control/suggest.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { ARENA_MAX = 64 << 20, PATH_MAX_LEN = 4096, COMPLAINT_MAX_LEN = 1 << 16 };

static const struct fh_command *const commands[] = {
    &fh_command_up,
    &fh_command_check,
    &fh_command_key_create,
    &fh_command_key_list,
    &fh_command_key_revoke,
    &fh_command_usage,
    &fh_command_journal_verify,
    &fh_command_journal_cat,
    &fh_command_control,
    &fh_command_doctor,
};

/* What every command has. */
static const struct fh_option common[] = {
    {"json", NULL, "Print one JSON document instead of a table."},
    {"config", "FILE",
     "The config; else FREEHOLD_CONFIG, ./freehold.yaml, /etc/freehold/freehold.yaml."},
    {"state", "DIR", "Where keys, journal and ledger live; else FREEHOLD_STATE or a default."},
    {"help", NULL, "Show this help."},
};

static const char exit_statuses[] =
    "Exit status: 0 fine, 1 the answer is no, 2 wrong use, 3 could not.\n";

/* ---- help ---- */

static void print_option(FILE *to, const struct fh_option *option)
{
    char left[64];

    (void)snprintf(left, sizeof(left), "--%s%s%s", option->name, option->arg == NULL ? "" : " ",
                   option->arg == NULL ? "" : option->arg);
    (void)fprintf(to, "  %-20s %s\n", left, option->doc);
}

static void print_command(FILE *to, const struct fh_command *c)
{
    (void)fprintf(to, "usage: freehold %s%s%s [OPTIONS]\n\n%s\n", c->name,
                  c->args == NULL ? "" : " ", c->args == NULL ? "" : c->args, c->doc);
    if (c->help != NULL) {
        (void)fprintf(to, "\n%s", c->help);
    }
    (void)fputs("\nOptions:\n", to);
    for (size_t i = 0; i < c->option_count; i++) {
        print_option(to, &c->options[i]);
    }
    for (size_t i = 0; i < FH_LEN(common); i++) {
        print_option(to, &common[i]);
    }
    (void)fprintf(to, "\n%s", exit_statuses);
}

/* print_commands lists those whose name begins with `group`; "" is the beginning of all. */
static void print_commands(FILE *to, const char *group)
{
    for (size_t i = 0; i < FH_LEN(commands); i++) {
        const struct fh_command *c = commands[i];
        char left[64];

        if (!fh_starts(fh_cstr(c->name), fh_cstr(group))) {
            continue;
        }
        (void)snprintf(left, sizeof(left), "%s%s%s", c->name, c->args == NULL ? "" : " ",
                       c->args == NULL ? "" : c->args);
        (void)fprintf(to, "  %-26s %s\n", left, c->doc);
    }
}

static void print_overview(FILE *to)
{
    (void)fputs(
        "freehold: the layer between software and foundation models that its user owns.\n"
        "\n"
        "usage: freehold COMMAND [ARGUMENTS] [OPTIONS]\n"
        "\n"
        "Commands:\n",
        to);
    print_commands(to, "");
    (void)fprintf(to,
                  "\n"
                  "Every command takes --json, --config FILE, --state DIR and --help.\n"
                  "%s",
                  exit_statuses);
}

/* ---- what commands call ---- */

FH_PRINTF(2, 0)
static void print_complaint(const struct fh_cli *cli, const char *fmt, va_list args)
{
    (void)fprintf(stderr, "freehold %s: ", cli->command->name);
    (void)vfprintf(stderr, fmt, args);
    (void)fputc('\n', stderr);
}

int fh_cli_wrong(const struct fh_cli *cli, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    print_complaint(cli, fmt, args);
    va_end(args);
    (void)fprintf(stderr, "`freehold %s --help` shows how it is used.\n", cli->command->name);
    return FH_EXIT_WRONG;
}

int fh_cli_failed(const struct fh_cli *cli, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    print_complaint(cli, fmt, args);
    va_end(args);
    return FH_EXIT_FAILED;
}

const char *fh_cli_option(const struct fh_cli *cli, const char *name)
{
    for (size_t i = 0; i < cli->command->option_count; i++) {
        if (strcmp(cli->command->options[i].name, name) == 0) {
            return cli->values[i];
        }
    }
    FH_ASSERT(false && "the command has such an option");
    return NULL;
}

int fh_cli_print_json(const struct fh_cli *cli, const yyjson_mut_val *root)
{
    FH_AUTO(fh_buf_fini) struct fh_buf out = fh_buf_on_heap(SIZE_MAX);

    fh_json_append(&out, cli->arena, root);
    FH_ASSERT(!out.failed);
    (void)printf("%.*s\n", FH_ARG(fh_buf_slice(&out)));
    return FH_EXIT_OK;
}

/* ---- where things are ---- */

static const char *join(struct fh_arena *arena, const char *dir, const char *name)
{
    struct fh_buf path = fh_buf_in_arena(arena, PATH_MAX_LEN);

    fh_buf_printf(&path, "%s/%s", dir, name);
    fh_buf_byte(&path, '\0');
    return path.failed ? name : (const char *)path.ptr;
}

static const char *given(const char *name)
{
    const char *value = getenv(name); /* NOLINT(concurrency-mt-unsafe): there is one thread */

    return value == NULL || value[0] == '\0' ? NULL : value;
}

static const char *default_config(void)
{
    static const char *const places[] = {"freehold.yaml", "/etc/freehold/freehold.yaml"};

    if (given("FREEHOLD_CONFIG") != NULL) {
        return given("FREEHOLD_CONFIG");
    }
    for (size_t i = 0; i < FH_LEN(places); i++) {
        if (access(places[i], R_OK) == 0) {
            return places[i];
        }
    }
    return places[0];
}

static const char *default_state(struct fh_arena *arena)
{
    static const char system_wide[] = "/var/lib/freehold";

    if (given("FREEHOLD_STATE") != NULL) {
        return given("FREEHOLD_STATE");
    }
    if (geteuid() == 0 && (access(system_wide, W_OK) == 0 || access("/var/lib", W_OK) == 0)) {
        return system_wide;
    }
    if (given("XDG_STATE_HOME") != NULL) {
        return join(arena, given("XDG_STATE_HOME"), "freehold");
    }
    return join(arena, given("HOME") == NULL ? "." : given("HOME"), ".local/state/freehold");
}

/* ---- parsing ---- */

static int no_such_command(const char *word)
{
    struct fh_suggest suggest = fh_suggest_for(fh_cstr(word));

    for (size_t i = 0; i < FH_LEN(commands); i++) {
        struct fh_slice rest = fh_cstr(commands[i]->name);
        struct fh_slice first = FH_NONE;

        if (fh_split(&rest, ' ', &first)) {
            fh_suggest_offer(&suggest, first);
        }
    }
    (void)fprintf(stderr, "freehold: there is no command \"%s\"", word);
    if (suggest.best.len > 0) {
        (void)fprintf(stderr, "; did you mean \"%.*s\"?", FH_ARG(suggest.best));
    }
    (void)fputs("\n`freehold --help` lists them all.\n", stderr);
    return FH_EXIT_WRONG;
}

/* find_command matches one word or two; `words` is how many belong to the name. */
static bool find_command(int argc, char **argv, const struct fh_command **out, int *words)
{
    for (size_t i = 0; i < FH_LEN(commands); i++) {
        struct fh_slice rest = fh_cstr(commands[i]->name);
        struct fh_slice word = FH_NONE;
        int n = 0;

        while (n < argc && fh_split(&rest, ' ', &word) && fh_eq(word, fh_cstr(argv[n]))) {
            n++;
            if (rest.len == 0) {
                *words = n;
                *out = commands[i];
                return true;
            }
        }
    }
    return false;
}

/* is_group says whether the word begins a command of two words. */
static bool is_group(const char *word)
{
    for (size_t i = 0; i < FH_LEN(commands); i++) {
        struct fh_slice rest = fh_cstr(commands[i]->name);
        struct fh_slice first = FH_NONE;

        if (fh_split(&rest, ' ', &first) && rest.len > 0 && fh_eq(first, fh_cstr(word))) {
            return true;
        }
    }
    return false;
}

static int run_group(const char *word, int argc, char **argv)
{
    bool asked = argc > 0 && strcmp(argv[0], "--help") == 0;
    FILE *to = asked ? stdout : stderr;

    if (!asked && argc > 0) {
        (void)fprintf(to, "freehold %s: there is no \"%s\"; there are:\n", word, argv[0]);
    } else {
        (void)fprintf(to, "usage: freehold %s …\n\n", word);
    }
    print_commands(to, word);
    return asked ? FH_EXIT_OK : FH_EXIT_WRONG;
}

static int unknown_option(const struct fh_cli *cli, struct fh_slice name)
{
    struct fh_suggest suggest = fh_suggest_for(name);

    for (size_t i = 0; i < cli->command->option_count; i++) {
        fh_suggest_offer(&suggest, fh_cstr(cli->command->options[i].name));
    }
    for (size_t i = 0; i < FH_LEN(common); i++) {
        fh_suggest_offer(&suggest, fh_cstr(common[i].name));
    }
    if (suggest.best.len > 0) {
        return fh_cli_wrong(cli, "there is no option --%.*s; did you mean --%.*s?",
                            FH_ARG(name), FH_ARG(suggest.best));
    }
    return fh_cli_wrong(cli, "there is no option --%.*s", FH_ARG(name));
}

static const struct fh_option *find_option(const struct fh_option *list, size_t count,
                                           struct fh_slice name)
{
    FH_ASSERT(list != NULL || count == 0);
    for (size_t i = 0; i < count; i++) {
        if (fh_eq(fh_cstr(list[i].name), name)) {
            return &list[i];
        }
    }
    return NULL;
}

static void set_common(struct fh_cli *cli, const struct fh_option *option, const char *value)
{
    if (strcmp(option->name, "json") == 0) {
        cli->json = true;
    } else if (strcmp(option->name, "config") == 0) {
        cli->config_path = value;
    } else if (strcmp(option->name, "state") == 0) {
        cli->state_dir = value;
    }
}

/* take_option reads the option at argv[*at] and its value, which may be the next word. */
static int take_option(struct fh_cli *cli, int argc, char **argv, int *at)
{
    struct fh_slice rest = fh_cstr(argv[*at] + 2);
    struct fh_slice name = FH_NONE;
    bool has_value = fh_find(rest, '=') < rest.len;
    const char *value = has_value ? argv[*at] + 2 + fh_find(rest, '=') + 1 : "";
    const struct fh_command *c = cli->command;

    (void)!fh_split(&rest, '=', &name);
    const struct fh_option *own = find_option(c->options, c->option_count, name);
    const struct fh_option *option =
        own != NULL ? own : find_option(common, FH_LEN(common), name);

    if (option == NULL) {
        return unknown_option(cli, name);
    }
    if (option->arg == NULL && has_value) {
        return fh_cli_wrong(cli, "--%s takes no value", option->name);
    }
    if (option->arg != NULL && !has_value) {
        if (*at + 1 >= argc) {
            return fh_cli_wrong(cli, "--%s needs %s", option->name, option->arg);
        }
        value = argv[++*at];
    }
    if (own != NULL) {
        cli->values[own - c->options] = value;
    } else {
        set_common(cli, option, value);
    }
    return FH_EXIT_OK;
}

/* parse leaves the arguments at the front of `argv` and their number in `*argc`. */
static int parse(struct fh_cli *cli, int *argc, char **argv)
{
    int kept = 0;
    bool options_end = false;

    for (int i = 0; i < *argc; i++) {
        if (options_end || strncmp(argv[i], "--", 2) != 0) {
            if (!options_end && argv[i][0] == '-' && argv[i][1] != '\0') {
                return fh_cli_wrong(cli, "options begin with two dashes, unlike %s", argv[i]);
            }
            argv[kept++] = argv[i];
        } else if (argv[i][2] == '\0') {
            options_end = true;
        } else {
            int status = take_option(cli, *argc, argv, &i);

            if (status != FH_EXIT_OK) {
                return status;
            }
        }
    }
    *argc = kept;
    if (kept < cli->command->args_min) {
        return fh_cli_wrong(cli, "it needs %s", cli->command->args);
    }
    if (kept > cli->command->args_max) {
        return fh_cli_wrong(cli, "\"%s\" is one argument too many",
                            argv[cli->command->args_max]);
    }
    return FH_EXIT_OK;
}

static bool wants_help(int argc, char **argv)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            return true;
        }
    }
    return false;
}

static int run(const struct fh_command *command, const char *program, int argc, char **argv)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    struct fh_cli cli = {.command = command, .arena = arena, .program = program};

    FH_ASSERT(command->option_count <= FH_CLI_OPTIONS_MAX);
    if (wants_help(argc, argv)) {
        print_command(stdout, command);
        return FH_EXIT_OK;
    }
    int status = parse(&cli, &argc, argv);

    if (status != FH_EXIT_OK) {
        return status;
    }
    if (cli.config_path == NULL) {
        cli.config_path = default_config();
    }
    if (cli.state_dir == NULL) {
        cli.state_dir = default_state(arena);
    }
    return command->run(&cli, argc, argv);
}

int main(int argc, char **argv)
{
    const char *program = argv[0];
    int words = 0;

    argc--;
    argv++;
    if (argc == 0) {
        print_overview(stderr);
        return FH_EXIT_WRONG;
    }
    if (strcmp(argv[0], "--version") == 0) {
        (void)puts("freehold " FH_VERSION);
        return FH_EXIT_OK;
    }
    if (strcmp(argv[0], "--help") == 0 || (strcmp(argv[0], "help") == 0 && argc == 1)) {
        print_overview(stdout);
        return FH_EXIT_OK;
    }
    bool help = strcmp(argv[0], "help") == 0; /* `freehold help key create` */
    const struct fh_command *command = NULL;

    if (!find_command(argc - help, argv + help, &command, &words)) {
        return is_group(argv[help]) ? run_group(argv[help], argc - help - 1, argv + help + 1)
                                    : no_such_command(argv[help]);
    }
    if (help) {
        print_command(stdout, command);
        return FH_EXIT_OK;
    }
    return run(command, program, argc - words, argv + words);
}
