/* cmd_usage.c: `freehold usage`: what was used, by whom, of what.
 * SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include "control/config/config.h"
#include "control/follow.h"
#include "control/state.h"
#include "control/when.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { WHY_MAX = 4096, PATH_LEN_MAX = 4096, NUMBER_MAX = 40 };

/* What --by can name; the columns of names in the order of the table. */
static const struct dimension {
    unsigned by;
    const char *name; /* also the member in JSON */
    const char *title;
    size_t offset; /* of the text in struct fh_usage_line */
} dimensions[] = {
    {FH_USAGE_BY_DAY, "day", "DAY", offsetof(struct fh_usage_line, day)},
    {FH_USAGE_BY_KEY, "key", "KEY", offsetof(struct fh_usage_line, key)},
    {FH_USAGE_BY_MODEL, "model", "MODEL", offsetof(struct fh_usage_line, model)},
    {FH_USAGE_BY_ROUTE, "route", "ROUTE", offsetof(struct fh_usage_line, route)},
    {FH_USAGE_BY_PROVIDER, "provider", "PROVIDER", offsetof(struct fh_usage_line, provider)},
};

/* The numbers of a line. Those without a title are for programs, and in the notes for people. */
static const struct count {
    const char *name;
    const char *title;
    size_t offset;
} counts[] = {
    {"requests", ">REQUESTS", offsetof(struct fh_usage_line, requests)},
    {"input_tokens", ">INPUT", offsetof(struct fh_usage_line, input)},
    {"cache_read_tokens", ">CACHE READ", offsetof(struct fh_usage_line, cache_read)},
    {"cache_write_tokens", ">CACHE WRITE", offsetof(struct fh_usage_line, cache_write)},
    {"output_tokens", ">OUTPUT", offsetof(struct fh_usage_line, output)},
    {"estimated", NULL, offsetof(struct fh_usage_line, estimated)},
    {"unreported", NULL, offsetof(struct fh_usage_line, unreported)},
    {"pending", NULL, offsetof(struct fh_usage_line, pending)},
    {"unknown", NULL, offsetof(struct fh_usage_line, unknown)},
    {"void", NULL, offsetof(struct fh_usage_line, voided)},
    {"conflicts", NULL, offsetof(struct fh_usage_line, conflicts)},
};

enum {
    USUAL_BY = FH_USAGE_BY_KEY | FH_USAGE_BY_MODEL | FH_USAGE_BY_ROUTE | FH_USAGE_BY_PROVIDER
};

static struct fh_slice text_at(const struct fh_usage_line *line, size_t offset)
{
    struct fh_slice text;

    memcpy(&text, (const uint8_t *)line + offset, sizeof(text));
    return text;
}

static uint64_t number_at(const struct fh_usage_line *line, size_t offset)
{
    uint64_t number = 0;

    memcpy(&number, (const uint8_t *)line + offset, sizeof(number));
    return number;
}

/* parse_by reads a list such as "key,day". */
static bool parse_by(struct fh_slice list, unsigned *by)
{
    struct fh_slice word;

    *by = 0;
    while (fh_split(&list, ',', &word)) {
        unsigned bit = 0;

        for (size_t i = 0; i < FH_LEN(dimensions); i++) {
            if (fh_eq(word, fh_cstr(dimensions[i].name))) {
                bit = dimensions[i].by;
            }
        }
        if (bit == 0) {
            return false;
        }
        *by |= bit;
    }
    return *by != 0;
}

static uint64_t clock_us(clockid_t which)
{
    struct timespec ts;

    (void)clock_gettime(which, &ts);
    return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* parse_when reads the option `name` if it was given. */
static bool parse_when(const struct fh_cli *cli, const char *name, uint64_t *us)
{
    const char *text = fh_cli_option(cli, name);

    return text == NULL || fh_when_parse(fh_cstr(text), clock_us(CLOCK_REALTIME), us);
}

/* catch_up books what is in the journal and not yet in the ledger. */
static enum fh_rc catch_up(struct fh_cli *cli, struct fh_ledger *ledger, struct fh_buf *why)
{
    const struct fh_follow_options options = {
        .journal_dir = fh_state_path(cli->arena, cli->state_dir, FH_STATE_JOURNAL),
        .deadline_us = FH_FOLLOW_DEADLINE_US,
    };
    struct fh_follow *follow = fh_follow_open(ledger, &options);
    enum fh_rc rc =
        fh_follow_catch_up(follow, clock_us(CLOCK_MONOTONIC), clock_us(CLOCK_REALTIME));

    if (rc != FH_OK) {
        fh_buf_append(why, fh_follow_trouble(follow));
    } else if (fh_follow_trouble(follow).len > 0) {
        (void)fprintf(stderr, "freehold usage: %.*s (`freehold journal verify` says more)\n",
                      FH_ARG(fh_follow_trouble(follow)));
    }
    fh_follow_close(&follow);
    return rc;
}

/* ledger_path is where the config puts the ledger, as control reads it; without a config, or
 * with one that has errors, where it usually is. */
static const char *ledger_path(struct fh_cli *cli)
{
    struct fh_buf path = fh_buf_in_arena(cli->arena, PATH_LEN_MAX);
    struct fh_findings findings;
    struct fh_config cfg;

    if (access(cli->config_path, F_OK) != 0) {
        return fh_state_path(cli->arena, cli->state_dir, FH_STATE_LEDGER);
    }
    if (fh_config_load(&cfg, &findings, cli->arena, cli->config_path, cli->state_dir) !=
        FH_OK) {
        (void)fprintf(
            stderr,
            "freehold usage: %s has errors (`freehold check` names them); this is the "
            "ledger of %s\n",
            cli->config_path, cli->state_dir);
        return fh_state_path(cli->arena, cli->state_dir, FH_STATE_LEDGER);
    }
    if (!fh_starts(cfg.ledger.file, FH_LIT("/"))) {
        fh_buf_printf(&path, "%s/", cli->state_dir);
    }
    fh_buf_append(&path, cfg.ledger.file);
    fh_buf_byte(&path, '\0');
    return path.failed ? "" : (const char *)path.ptr;
}

/* open_ledger opens the ledger up to date: whoever can write it catches up first, and when another
 * process writes, that one keeps it so. */
static enum fh_rc open_ledger(struct fh_cli *cli, struct fh_ledger **ledger, struct fh_buf *why)
{
    const char *path = ledger_path(cli);
    const char *journal = fh_state_path(cli->arena, cli->state_dir, FH_STATE_JOURNAL);

    if (access(path, F_OK) != 0 && access(journal, F_OK) != 0) {
        return FH_E_MISSING; /* nothing has run here: do not make files */
    }
    enum fh_rc rc = fh_ledger_open(ledger, path, FH_LEDGER_WRITE, why);

    if (rc == FH_OK) {
        return catch_up(cli, *ledger, why);
    }
    if (rc == FH_E_CONFLICT || rc == FH_E_SYSTEM) {
        fh_buf_clear(why);
        rc = fh_ledger_open(ledger, path, FH_LEDGER_READ, why);
    }
    return rc;
}

static yyjson_mut_val *json_line(yyjson_mut_doc *doc, const struct fh_usage_line *line,
                                 bool is_total, unsigned by)
{
    yyjson_mut_val *obj = yyjson_mut_obj(doc);

    for (size_t i = 0; !is_total && i < FH_LEN(dimensions); i++) {
        const struct dimension *d = &dimensions[i];

        if ((by & d->by) != 0) {
            fh_json_add_text(doc, obj, d->name, text_at(line, d->offset));
        } else if (d->by != FH_USAGE_BY_DAY) {
            (void)yyjson_mut_obj_add_null(doc, obj, d->name);
        }
    }
    if (!is_total && (by & FH_USAGE_BY_KEY) != 0) {
        fh_json_add_text(doc, obj, "key_id", line->key_id);
    }
    for (size_t i = 0; i < FH_LEN(counts); i++) {
        (void)yyjson_mut_obj_add_uint(doc, obj, counts[i].name,
                                      number_at(line, counts[i].offset));
    }
    /* no prices yet: unpriced, which is not 0 */
    (void)yyjson_mut_obj_add_null(doc, obj, "cost");
    return obj;
}

static int print_json(struct fh_cli *cli, const struct fh_usage_report *report, unsigned by)
{
    yyjson_mut_doc *doc = fh_json_new(cli->arena);
    yyjson_mut_val *root = yyjson_mut_obj(doc);
    yyjson_mut_val *rows = yyjson_mut_obj_add_arr(doc, root, "rows");

    for (size_t i = 0; i < report->count; i++) {
        (void)yyjson_mut_arr_append(rows, json_line(doc, &report->line[i], false, by));
    }
    (void)yyjson_mut_obj_add_val(doc, root, "total", json_line(doc, &report->total, true, by));
    return fh_cli_print_json(cli, root);
}

/* add_number fills a cell with 1,234,567. */
static void add_number(struct fh_table *table, uint64_t number)
{
    char reversed[NUMBER_MAX];
    char text[NUMBER_MAX];
    size_t len = 0;

    for (size_t digit = 0; number > 0 || digit == 0; digit++, number /= 10) {
        if (digit > 0 && digit % 3 == 0) {
            reversed[len++] = ',';
        }
        reversed[len++] = (char)('0' + number % 10);
    }
    for (size_t i = 0; i < len; i++) {
        text[i] = reversed[len - 1 - i];
    }
    fh_table_cell(table, fh_slice(text, len));
}

static void add_line(struct fh_table *table, const struct fh_usage_line *line, bool is_total,
                     unsigned by)
{
    bool first = true;

    for (size_t i = 0; i < FH_LEN(dimensions); i++) {
        if ((by & dimensions[i].by) == 0) {
            continue;
        }
        struct fh_slice text = text_at(line, dimensions[i].offset);

        if (is_total) {
            text = first ? FH_LIT("total") : FH_NONE;
        } else if (text.len == 0) {
            text = FH_LIT("-");
        }
        fh_table_cell(table, text);
        first = false;
    }
    for (size_t i = 0; i < FH_LEN(counts); i++) {
        if (counts[i].title != NULL) {
            add_number(table, number_at(line, counts[i].offset));
        }
    }
    fh_table_cell(table, FH_LIT("unpriced"));
}

/* note says what the sums leave out, if there is any of it. */
static void note(uint64_t count, const char *what)
{
    if (count > 0) {
        (void)printf("%llu %s %s\n", (unsigned long long)count,
                     count == 1 ? "request" : "requests", what);
    }
}

static void print_notes(const struct fh_usage_line *total)
{
    note(total->pending, "pending: sent, and not yet at the end");
    note(total->unknown, "unknown: sent, and no end came before the deadline; they may cost");
    note(total->voided, "void: nothing reached a provider");
    note(total->estimated, "estimated: counted here, since the provider reported no usage");
    note(total->unreported,
         "answered without any usage known: their tokens are not in the sums");
    note(total->conflicts, "with records that contradict each other");
}

static void print_table(struct fh_cli *cli, const struct fh_usage_report *report, unsigned by)
{
    const char *titles[FH_LEN(dimensions) + FH_LEN(counts) + 1];
    size_t columns = 0;

    for (size_t i = 0; i < FH_LEN(dimensions); i++) {
        if ((by & dimensions[i].by) != 0) {
            titles[columns++] = dimensions[i].title;
        }
    }
    for (size_t i = 0; i < FH_LEN(counts); i++) {
        if (counts[i].title != NULL) {
            titles[columns++] = counts[i].title;
        }
    }
    titles[columns++] = ">COST";
    struct fh_table *table = fh_table_new(cli->arena, titles, columns);

    for (size_t i = 0; i < report->count; i++) {
        add_line(table, &report->line[i], false, by);
    }
    add_line(table, &report->total, true, by);
    fh_table_print(table);
    print_notes(&report->total);
}

static int usage(struct fh_cli *cli, int argc, char **argv)
{
    FH_AUTO(fh_buf_fini) struct fh_buf why = fh_buf_on_heap(WHY_MAX);
    FH_AUTO(fh_ledger_close) struct fh_ledger *ledger = NULL;
    struct fh_usage_query query = {.by = USUAL_BY};
    struct fh_usage_report report = {0};
    const char *by = fh_cli_option(cli, "by");

    FH_UNUSED(argc);
    FH_UNUSED(argv);
    if (by != NULL && !parse_by(fh_cstr(by), &query.by)) {
        return fh_cli_wrong(cli,
                            "--by takes key, model, route, provider, day, or several with "
                            "commas between; not \"%s\"",
                            by);
    }
    if (!parse_when(cli, "since", &query.since_us) ||
        !parse_when(cli, "until", &query.until_us)) {
        return fh_cli_wrong(cli,
                            "--since and --until take 2026-01-31, 2026-01-31T12:30Z, today, "
                            "yesterday, or a span such as 24h or 7d");
    }
    enum fh_rc rc = open_ledger(cli, &ledger, &why);

    if (rc != FH_OK && rc != FH_E_MISSING) {
        return fh_cli_failed(cli, "%.*s", FH_ARG(fh_buf_slice(&why)));
    }
    if (rc == FH_OK && fh_ledger_usage(ledger, cli->arena, &query, &report) != FH_OK) {
        return fh_cli_failed(cli, "the ledger: %s", fh_ledger_why(ledger));
    }
    if (cli->json) {
        return print_json(cli, &report, query.by);
    }
    if (report.count == 0) {
        (void)printf("No usage%s.\n",
                     query.since_us > 0 || query.until_us > 0 ? " then" : " yet");
        return FH_EXIT_OK;
    }
    print_table(cli, &report, query.by);
    return FH_EXIT_OK;
}

static const struct fh_option options[] = {
    {"by", "WHAT", "Lines by key, model, route, provider, day; several with commas between."},
    {"since", "WHEN", "Only requests that began then or later."},
    {"until", "WHEN", "Only requests that began before."},
};

const struct fh_command fh_command_usage = {
    .name = "usage",
    .options = options,
    .option_count = FH_LEN(options),
    .doc = "Show what was used, by key, model, route and provider.",
    .help =
        "WHEN is 2026-01-31, 2026-01-31T12:30Z, today, yesterday, or a span: 24h, 7d, 4w.\n"
        "Days are UTC.\n"
        "\n"
        "INPUT is what no cache held; CACHE READ and CACHE WRITE are input, too. Sums are of\n"
        "what providers reported and, marked as estimated, of what was counted here where "
        "they\n"
        "did not. Requests whose end is not known are not in the sums; they are counted below\n"
        "them.\n"
        "\n"
        "What is in the journal and not yet in the ledger is booked first, unless `freehold\n"
        "control` runs: then the ledger is at most a moment behind.\n",
    .run = usage,
};
