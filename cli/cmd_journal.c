/* cmd_journal.c: `freehold journal verify|cat`: is it whole, and what is in it?
 * SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include "control/state.h"
#include "control/verify.h"
#include "control/when.h"

#include "journal/record.h"

#include <errno.h>
#include <stdio.h>

enum { LINE_MAX_LEN = 1 << 16, HASH_SHOWN = 12 };

static const char *const states[] = {
    [FH_VERIFY_OPEN] = "open",
    [FH_VERIFY_LEFT] = "left",
    [FH_VERIFY_SEALED] = "sealed",
    [FH_VERIFY_DAMAGED] = "damaged",
};

static const char *journal_dir(const struct fh_cli *cli)
{
    return fh_state_path(cli->arena, cli->state_dir, FH_STATE_JOURNAL);
}

static struct fh_slice hex(struct fh_arena *arena, const struct fh_sha256 *hash)
{
    struct fh_buf out = fh_buf_in_arena(arena, sizeof(hash->bytes) * 2);

    fh_buf_hex(&out, fh_slice(hash->bytes, sizeof(hash->bytes)));
    return fh_buf_slice(&out);
}

static void print_report(struct fh_cli *cli, const struct fh_verify_report *report)
{
    static const char *const titles[] = {"SEGMENT", ">RECORDS", ">BYTES", "STATE", "SEAL"};
    struct fh_table *table = fh_table_new(cli->arena, titles, FH_LEN(titles));

    for (size_t i = 0; i < report->segments; i++) {
        const struct fh_verify_segment *seg = &report->segment[i];

        fh_table_cell(table, fh_cstr(seg->name));
        fh_table_cellf(table, "%llu", (unsigned long long)seg->records);
        fh_table_cellf(table, "%llu", (unsigned long long)seg->bytes);
        fh_table_cell(table, fh_cstr(states[seg->state]));
        fh_table_cell(table, seg->sealed ? fh_head(hex(cli->arena, &seg->hash), HASH_SHOWN)
                                         : FH_LIT("-"));
    }
    if (report->segments > 0) {
        fh_table_print(table);
    }
    for (size_t i = 0; i < report->findings; i++) {
        const struct fh_verify_finding *f = &report->finding[i];

        (void)printf("%s:%llu: %s%s\n", f->name, (unsigned long long)f->at,
                     f->wrong ? "" : "note: ", f->what);
    }
    (void)printf("%zu %s, %llu %s: ", report->segments,
                 report->segments == 1 ? "segment" : "segments",
                 (unsigned long long)report->records,
                 report->records == 1 ? "record" : "records");
    if (report->wrong == 0) {
        (void)printf("all is as it was written\n");
    } else {
        (void)printf("%llu %s wrong\n", (unsigned long long)report->wrong,
                     report->wrong == 1 ? "thing is" : "things are");
    }
}

static void print_report_json(struct fh_cli *cli, const struct fh_verify_report *report)
{
    yyjson_mut_doc *doc = fh_json_new(cli->arena);
    yyjson_mut_val *root = yyjson_mut_obj(doc);

    (void)yyjson_mut_obj_add_bool(doc, root, "ok", report->wrong == 0);
    (void)yyjson_mut_obj_add_uint(doc, root, "records", report->records);
    yyjson_mut_val *segments = yyjson_mut_obj_add_arr(doc, root, "segments");

    for (size_t i = 0; i < report->segments; i++) {
        const struct fh_verify_segment *seg = &report->segment[i];
        yyjson_mut_val *obj = yyjson_mut_arr_add_obj(doc, segments);

        fh_json_add_text(doc, obj, "file", fh_cstr(seg->name));
        (void)yyjson_mut_obj_add_uint(doc, obj, "records", seg->records);
        (void)yyjson_mut_obj_add_uint(doc, obj, "bytes", seg->bytes);
        fh_json_add_text(doc, obj, "state", fh_cstr(states[seg->state]));
        if (seg->sealed) {
            fh_json_add_text(doc, obj, "sha256", hex(cli->arena, &seg->hash));
        } else {
            (void)yyjson_mut_obj_add_null(doc, obj, "sha256");
        }
    }
    yyjson_mut_val *findings = yyjson_mut_obj_add_arr(doc, root, "findings");

    for (size_t i = 0; i < report->findings; i++) {
        const struct fh_verify_finding *f = &report->finding[i];
        yyjson_mut_val *obj = yyjson_mut_arr_add_obj(doc, findings);

        fh_json_add_text(doc, obj, "file", fh_cstr(f->name));
        (void)yyjson_mut_obj_add_uint(doc, obj, "offset", f->at);
        (void)yyjson_mut_obj_add_bool(doc, obj, "wrong", f->wrong);
        fh_json_add_text(doc, obj, "what", fh_cstr(f->what));
    }
    (void)fh_cli_print_json(cli, root);
}

static int failed(const struct fh_cli *cli, const char *which)
{
    return fh_cli_failed(cli, "%s: %s", which, strerrordesc_np(errno));
}

static int verify(struct fh_cli *cli, int argc, char **argv)
{
    struct fh_verify_report report;
    const char *which = NULL;

    FH_UNUSED(argc);
    FH_UNUSED(argv);
    if (fh_verify(cli->arena, journal_dir(cli), &report, &which) != FH_OK) {
        return failed(cli, which);
    }
    if (cli->json) {
        print_report_json(cli, &report);
    } else {
        print_report(cli, &report);
    }
    return report.wrong == 0 ? FH_EXIT_OK : FH_EXIT_NO;
}

/* ---- cat ---- */

static const char *const token_names[] = {
    [FH_TOKENS_INPUT] = "input_tokens",
    [FH_TOKENS_CACHE_READ] = "cache_read_tokens",
    [FH_TOKENS_CACHE_WRITE_5M] = "cache_write_5m_tokens",
    [FH_TOKENS_CACHE_WRITE_1H] = "cache_write_1h_tokens",
    [FH_TOKENS_OUTPUT] = "output_tokens",
    [FH_TOKENS_REASONING] = "reasoning_tokens",
    [FH_TOKENS_AUDIO_IN] = "audio_in_tokens",
    [FH_TOKENS_AUDIO_OUT] = "audio_out_tokens",
};
static_assert(FH_LEN(token_names) == FH_TOKENS_KINDS, "table and enum agree");

/* One record as a line of JSON, and the same members as words for people. */
struct line {
    bool json;
    yyjson_mut_doc *doc;
    yyjson_mut_val *obj;
    struct fh_buf out;
};

static void say_text(struct line *line, const char *name, struct fh_slice text)
{
    if (text.len == 0) {
        return;
    }
    if (line->json) {
        fh_json_add_text(line->doc, line->obj, name, text);
    } else {
        fh_buf_printf(&line->out, " %s=%.*s", name, FH_ARG(text));
    }
}

static void say_number(struct line *line, const char *name, uint64_t number)
{
    if (line->json) {
        (void)yyjson_mut_obj_add_uint(line->doc, line->obj, name, number);
    } else {
        fh_buf_printf(&line->out, " %s=%llu", name, (unsigned long long)number);
    }
}

static void say_flag(struct line *line, const char *name, bool flag)
{
    if (line->json) {
        (void)yyjson_mut_obj_add_bool(line->doc, line->obj, name, flag);
    } else if (flag) {
        fh_buf_printf(&line->out, " %s", name);
    }
}

static void say_intent(struct line *line, const struct fh_intent *intent)
{
    say_number(line, "attempt", intent->attempt);
    say_text(line, "key_id", intent->key_id);
    say_text(line, "key", intent->key_name);
    say_text(line, "model", intent->model);
    say_text(line, "route", intent->route);
    say_text(line, "provider", intent->provider);
    say_text(line, "upstream_model", intent->upstream_model);
    say_text(line, "client_dialect", intent->client_dialect);
    say_text(line, "provider_dialect", intent->provider_dialect);
    say_number(line, "body_bytes", intent->body_bytes);
    say_flag(line, "streamed", intent->streamed);
    if (intent->service != FH_SERVICE_STANDARD) {
        say_text(line, "service", fh_service_name(intent->service));
    }
}

static void say_settle(struct line *line, const struct fh_settle *settle)
{
    say_text(line, "outcome", fh_outcome_name(settle->outcome));
    say_number(line, "status", settle->status);
    say_number(line, "attempts", settle->attempts);
    say_text(line, "route", settle->route);
    say_text(line, "provider", settle->provider);
    say_text(line, "upstream_model", settle->upstream_model);
    for (enum fh_tokens kind = 0; kind < FH_TOKENS_KINDS; kind++) {
        if (fh_usage_has(&settle->usage, kind)) {
            say_number(line, token_names[kind], settle->usage.count[kind]);
        }
    }
    say_flag(line, "estimated", settle->usage.estimated);
    say_number(line, "first_byte_us", settle->first_byte_us);
    say_number(line, "duration_us", settle->duration_us);
    say_number(line, "bytes_in", settle->bytes_in);
    say_number(line, "bytes_out", settle->bytes_out);
    if (settle->loss_count > 0) {
        say_number(line, "loss_count", settle->loss_count);
        say_text(line, "losses", settle->losses);
    }
    if (settle->unmetered > 0) {
        say_number(line, "unmetered", settle->unmetered);
    }
}

static uint64_t time_of(const struct fh_record *record)
{
    switch (record->type) {
    case FH_RECORD_INTENT:
        return record->intent.at_us;
    case FH_RECORD_SETTLE:
        return record->settle.at_us;
    case FH_RECORD_VOID:
        break;
    }
    return record->voided.at_us;
}

static const char *type_name(enum fh_record_type type)
{
    switch (type) {
    case FH_RECORD_INTENT:
        return "intent";
    case FH_RECORD_SETTLE:
        return "settle";
    case FH_RECORD_VOID:
        break;
    }
    return "void";
}

/* begin_line writes when, what and of which request. */
static void begin_line(struct line *line, struct fh_arena *arena,
                       const struct fh_record *record)
{
    struct fh_buf when = fh_buf_in_arena(arena, 64);
    char id[FH_REQUEST_ID_TEXT_LEN + 1];

    fh_when_print(&when, time_of(record));
    fh_request_id_print(fh_record_id(record), id);
    if (line->json) {
        struct fh_slice kept = fh_dup(arena, fh_cstr(id));

        fh_json_add_text(line->doc, line->obj, "type", fh_cstr(type_name(record->type)));
        fh_json_add_text(line->doc, line->obj, "at", fh_buf_slice(&when));
        fh_json_add_text(line->doc, line->obj, "id", kept);
    } else {
        fh_buf_printf(&line->out, "%.*s %-6s %s", FH_ARG(fh_buf_slice(&when)),
                      type_name(record->type), id);
    }
}

/* print_record prints one line. `each` is the command with an arena for this line alone. */
static void print_record(struct fh_cli *each, const struct fh_record *record)
{
    struct line line = {.json = each->json, .out = fh_buf_in_arena(each->arena, LINE_MAX_LEN)};

    if (line.json) {
        line.doc = fh_json_new(each->arena);
        line.obj = yyjson_mut_obj(line.doc);
    }
    begin_line(&line, each->arena, record);
    switch (record->type) {
    case FH_RECORD_INTENT:
        say_intent(&line, &record->intent);
        break;
    case FH_RECORD_SETTLE:
        say_settle(&line, &record->settle);
        break;
    case FH_RECORD_VOID:
        say_text(&line, "reason", fh_void_reason_name(record->voided.reason));
        break;
    }
    if (line.json) {
        (void)fh_cli_print_json(each, line.obj);
    } else {
        (void)printf("%.*s\n", FH_ARG(fh_buf_slice(&line.out)));
    }
}

/* print_segment prints what can be read of a segment; what cannot is said on standard error. */
static uint64_t print_segment(struct fh_cli *each, const char *name, struct fh_slice bytes)
{
    struct fh_segment_scan scan = fh_segment_scan(bytes, 0);
    struct fh_segment_record at;
    struct fh_record record;
    enum fh_step step = FH_STEP_MORE;
    uint64_t wrong = 0;

    while (!scan.stuck && (step = fh_segment_next(&scan, &at)) != FH_STEP_MORE) {
        if (step == FH_STEP_ERROR) {
            (void)fprintf(stderr, "%s:%llu: %s\n", name, (unsigned long long)scan.error.at,
                          scan.error.what);
            wrong++;
        } else if (fh_decode_record(at.type, at.payload, &record) == FH_OK) {
            print_record(each, &record);
            fh_arena_reset(each->arena);
        } else {
            (void)fprintf(stderr, "%s:%llu: not a record that this version reads\n", name,
                          (unsigned long long)at.at);
            wrong++;
        }
    }
    return wrong;
}

static int cat(struct fh_cli *cli, int argc, char **argv)
{
    FH_AUTO(fh_arena_free) struct fh_arena *file = fh_arena_new(SIZE_MAX);
    FH_AUTO(fh_arena_free) struct fh_arena *line = fh_arena_new(SIZE_MAX);
    struct fh_cli each = *cli;
    struct fh_journal_entry *list = NULL;
    size_t count = 0;
    uint64_t wrong = 0;

    FH_UNUSED(argc);
    FH_UNUSED(argv);
    each.arena = line;
    if (fh_journal_list(cli->arena, journal_dir(cli), &list, &count) != FH_OK) {
        return failed(cli, journal_dir(cli));
    }
    for (size_t i = 0; i < count; i++) {
        struct fh_slice bytes = FH_NONE;
        struct fh_segment_info info;
        struct fh_error why;
        bool writer_lives = false;

        fh_arena_trim(file);
        if (fh_journal_read(file, journal_dir(cli), list[i].name, &bytes, &writer_lives) !=
            FH_OK) {
            return failed(cli, list[i].name);
        }
        enum fh_rc rc = fh_segment_read(bytes, &info, &why);

        if (rc == FH_OK) {
            wrong += print_segment(&each, list[i].name, bytes);
        } else if (rc != FH_E_MISSING) {
            (void)fprintf(stderr, "%s:%llu: %s\n", list[i].name, (unsigned long long)why.at,
                          why.what);
            wrong++;
        }
    }
    return wrong == 0 ? FH_EXIT_OK : FH_EXIT_NO;
}

const struct fh_command fh_command_journal_verify = {
    .name = "journal verify",
    .doc = "Check every record, seal and link of the journal.",
    .help =
        "Each segment of the journal is sealed with a hash of its content and of the segment\n"
        "before it, once nobody writes it. What is wrong is named as FILE:OFFSET, and the "
        "exit\n"
        "status is then 1. Notes are not wrong: a writer that was killed leaves a torn "
        "record,\n"
        "which was never acknowledged, and segments that were archived leave a gap.\n"
        "\n"
        "States: open (being written), left (its writer is gone, to be sealed), sealed,\n"
        "damaged.\n",
    .run = verify,
};

const struct fh_command fh_command_journal_cat = {
    .name = "journal cat",
    .doc = "Print the journal, a line for each record.",
    .help = "With --json each line is one JSON document. Segments come one after the other:\n"
            "records of one worker are in order, those of different workers are not.\n",
    .run = cat,
};
