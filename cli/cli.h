/*
 * cli.h: the frame of the `freehold` command: what a command is, and what it can lean on.
 *
 * A command is a row, a `struct fh_command`, that its file exports and main.c lists. The row is
 * the manual: parsing, `--help`, hints and man pages are made from it. main.c parses the options
 * and counts the arguments before it calls `run`, so that a command starts with good ones.
 *
 *     const struct fh_command fh_command_usage = {.name = "usage", .run = fh_cmd_usage, …};
 *
 * Every command prints a table for people and, with --json, one JSON document for programs, on
 * standard output; complaints go to standard error. Long work shows progress there, too, when it is
 * a terminal.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "base/json.h"

enum fh_exit {
    FH_EXIT_OK = 0,
    FH_EXIT_NO = 1,     /* the answer is no: invalid config, broken journal, … */
    FH_EXIT_WRONG = 2,  /* wrong use */
    FH_EXIT_FAILED = 3, /* could not: no such file, store locked, … */
};

enum { FH_CLI_OPTIONS_MAX = 16 };

struct fh_option {
    const char *name; /* without the dashes */
    const char *arg;  /* what it takes, such as "FILE"; NULL: a flag */
    const char *doc;  /* one sentence */
};

struct fh_cli;

struct fh_command {
    const char *name; /* one or two words: "check", "key create" */
    const char *args; /* as the synopsis shows them: "NAME", "[FILE]"; NULL: none */
    int args_min, args_max;
    const struct fh_option *options; /* beside those that every command has */
    size_t option_count;
    const char *doc;  /* one sentence */
    const char *help; /* paragraphs, wrapped at 80; may be NULL */
    int (*run)(struct fh_cli *cli, int argc, char **argv); /* argv: the arguments alone */
};

/* What a command is called with. */
struct fh_cli {
    const struct fh_command *command;
    struct fh_arena *arena;  /* for the whole run */
    const char *program;     /* this executable, as argv[0] had it */
    const char *config_path; /* --config, FREEHOLD_CONFIG, ./freehold.yaml, /etc/freehold/… */
    const char *state_dir;   /* --state, FREEHOLD_STATE, the XDG default; may not exist yet */
    bool json;               /* --json */
    const char *values[FH_CLI_OPTIONS_MAX]; /* of the command's options; NULL: not given */
};

/* fh_cli_option gives the value of one of the command's options: NULL when it was not given, ""
 * for a flag that was. */
const char *fh_cli_option(const struct fh_cli *cli, const char *name);

/* fh_cli_wrong complains about how the command was used; fh_cli_failed says what could not be
 * done. Both print one line to standard error and return the exit status to leave with. */
FH_PRINTF(2, 3) int fh_cli_wrong(const struct fh_cli *cli, const char *fmt, ...);
FH_PRINTF(2, 3) int fh_cli_failed(const struct fh_cli *cli, const char *fmt, ...);

/* fh_cli_print_json prints one document and a line end. Returns FH_EXIT_OK. */
int fh_cli_print_json(const struct fh_cli *cli, const yyjson_mut_val *root);

/* A table for people: columns as wide as what is in them. Cells are copied. */
struct fh_table;

/* fh_table_new makes a table; a column whose title begins with ">" is aligned to the right. */
struct fh_table *fh_table_new(struct fh_arena *arena, const char *const *titles,
                              size_t columns);

/* fh_table_cell fills the next cell, row by row. */
void fh_table_cell(struct fh_table *table, struct fh_slice text);
FH_PRINTF(2, 3) void fh_table_cellf(struct fh_table *table, const char *fmt, ...);

/* fh_table_print prints titles and rows to standard output. */
void fh_table_print(const struct fh_table *table);

/* The commands, in the order of `freehold --help`; each is in the file cmd_<first word>.c. */
extern const struct fh_command fh_command_up;
extern const struct fh_command fh_command_check;
extern const struct fh_command fh_command_key_create;
extern const struct fh_command fh_command_key_list;
extern const struct fh_command fh_command_key_revoke;
extern const struct fh_command fh_command_usage;
extern const struct fh_command fh_command_journal_verify;
extern const struct fh_command fh_command_journal_cat;
extern const struct fh_command fh_command_control;
extern const struct fh_command fh_command_doctor;
