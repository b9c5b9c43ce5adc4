/* bench_script.c: from a model's name and a few files to the bytes of an answer.
 * SPDX-License-Identifier: Apache-2.0 */
#include "bench_script.h"

#include "bench_net.h"

#include "base/text.h"

#include <stdio.h>

enum {
    ANSWER_MAX = 1 << 20,
    EVENTS_MAX = 1000000,
    INPUT_TOKENS = 214, /* as the files say */
};

#define STAMP "@0000000000000000"

static const struct fh_slice words[FH_BENCH_WORDS] = {
    FH_LIT_INIT(" the"),   FH_LIT_INIT(" connection"), FH_LIT_INIT(" is"),
    FH_LIT_INIT(" kept"),  FH_LIT_INIT(" open"),       FH_LIT_INIT(" while"),
    FH_LIT_INIT(" it"),    FH_LIT_INIT(" can"),        FH_LIT_INIT(" serve"),
    FH_LIT_INIT(" more"),  FH_LIT_INIT(" requests"),   FH_LIT_INIT(","),
    FH_LIT_INIT(" which"), FH_LIT_INIT(" saves"),      FH_LIT_INIT(" handshakes"),
    FH_LIT_INIT("."),
};

static const char *const dialect_names[FH_BENCH_DIALECTS] = {
    [FH_BENCH_ANTHROPIC] = "anthropic",
    [FH_BENCH_OPENAI] = "openai",
};

static void read_file(struct fh_buf *out, const char *folder, const char *name,
                      const char *suffix)
{
    char path[1024];

    (void)snprintf(path, sizeof(path), "%s/%s.%s", folder, name, suffix);
    *out = fh_buf_on_heap(ANSWER_MAX);

    FILE *file = fopen(path, "rb");
    uint8_t *to = fh_buf_reserve(out, ANSWER_MAX);

    if (file == NULL || to == NULL) {
        fh_bench_die_errno(path);
    }
    fh_buf_commit(out, fread(to, 1, ANSWER_MAX, file));
    (void)fclose(file);
}

void fh_bench_answer_read(struct fh_bench_answer *answer, const char *path,
                          enum fh_bench_dialect dialect)
{
    const char *name = dialect_names[dialect];

    read_file(&answer->fields, path, name, "fields");
    read_file(&answer->reply, path, name, "json");
    read_file(&answer->stream, path, name, "sse");
}

/* fill appends `text` with every {{mark}} in it replaced. */
static void fill(struct fh_buf *out, struct fh_slice text, struct fh_slice mark,
                 struct fh_slice value)
{
    struct fh_slice before;

    while (fh_bench_cut(&text, mark, &before)) {
        fh_buf_append(out, before);
        fh_buf_append(out, value);
    }
    fh_buf_append(out, text);
}

static void append_head(struct fh_buf *out, const char *content_type, struct fh_slice fields)
{
    struct fh_slice line;

    fh_buf_printf(out, "HTTP/1.1 200 OK\r\nContent-Type: %s\r\n", content_type);
    while (fh_split(&fields, '\n', &line)) {
        fh_buf_append(out, line);
        fh_buf_append(out, FH_LIT("\r\n"));
    }
}

static void append_chunk(struct fh_buf *out, struct fh_slice event)
{
    fh_buf_printf(out, "%zx\r\n", event.len);
    fh_buf_append(out, event);
    fh_buf_append(out, FH_LIT("\r\n"));
}

/* append_events makes a chunk of each event, with the usage that `tokens` events of text cause. */
static void append_events(struct fh_buf *out, struct fh_slice events, uint64_t tokens)
{
    struct fh_slice event;

    while (fh_bench_cut(&events, FH_LIT("\n\n"), &event)) {
        struct fh_buf tokens_text = fh_buf_on_heap(32);
        struct fh_buf total_text = fh_buf_on_heap(32);
        struct fh_buf half = fh_buf_on_heap(ANSWER_MAX);
        struct fh_buf whole = fh_buf_on_heap(ANSWER_MAX);

        fh_buf_u64(&tokens_text, tokens);
        fh_buf_u64(&total_text, tokens + INPUT_TOKENS);
        fill(&half, event, FH_LIT("{{tokens}}"), fh_buf_slice(&tokens_text));
        fill(&whole, fh_buf_slice(&half), FH_LIT("{{total}}"), fh_buf_slice(&total_text));
        fh_buf_append(&whole, FH_LIT("\n\n"));
        append_chunk(out, fh_buf_slice(&whole));
        fh_buf_fini(&whole);
        fh_buf_fini(&half);
        fh_buf_fini(&total_text);
        fh_buf_fini(&tokens_text);
    }
}

/* make_unit repeats the event of text `by` times, each with another word and room for a stamp. */
static void make_unit(struct fh_bench_unit *unit, struct fh_slice event, size_t first,
                      uint32_t by)
{
    unit->bytes = fh_buf_on_heap(ANSWER_MAX);
    for (uint32_t i = 0; i < by; i++) {
        struct fh_buf text = fh_buf_on_heap(64);
        struct fh_buf whole = fh_buf_on_heap(ANSWER_MAX);

        fh_buf_append(&text, FH_LIT(STAMP));
        fh_buf_append(&text, words[(first * by + i) % FH_BENCH_WORDS]);
        fill(&whole, event, FH_LIT("{{text}}"), fh_buf_slice(&text));

        size_t before = unit->bytes.len;
        append_chunk(&unit->bytes, fh_buf_slice(&whole));

        struct fh_slice added = fh_tail(fh_buf_slice(&unit->bytes), before);
        unit->stamp_at[i] = before + fh_find(added, '@') + 1;
        fh_buf_fini(&whole);
        fh_buf_fini(&text);
    }
}

/* make_stream parts the file at the event of text and builds the writes of the stream. */
static void make_stream(struct fh_bench_script *script, const struct fh_bench_answer *answer)
{
    struct fh_slice rest = fh_buf_slice(&answer->stream);
    struct fh_slice all = rest;
    struct fh_slice event;
    bool found = false;

    while (!found && fh_bench_cut(&rest, FH_LIT("\n\n"), &event)) {
        found = fh_contains(event, FH_LIT("{{text}}"));
    }
    if (!found) {
        fh_bench_die("an answer's stream has no event with {{text}}");
    }
    append_head(&script->open, "text/event-stream; charset=utf-8",
                fh_buf_slice(&answer->fields));
    fh_buf_append(&script->open, FH_LIT("Transfer-Encoding: chunked\r\n\r\n"));
    append_events(&script->open, fh_head(all, all.len - (event.len + 2 + rest.len)), 0);
    for (size_t i = 0; i < FH_BENCH_WORDS; i++) {
        make_unit(&script->units[i], fh_slice(event.ptr, event.len + 2), i, script->by);
    }
    append_events(&script->close, rest, (uint64_t)script->writes * script->by);
    fh_buf_append(&script->close, FH_LIT("0\r\n\r\n"));
}

static void make_reply(struct fh_bench_script *script, const struct fh_bench_answer *answer)
{
    struct fh_slice body = FH_NONE;
    struct fh_slice file = fh_buf_slice(&answer->reply);

    if (!fh_split(&file, '\n', &body)) {
        fh_bench_die("an answer's reply is empty");
    }
    append_head(&script->open, "application/json", fh_buf_slice(&answer->fields));
    fh_buf_printf(&script->open, "Content-Length: %zu\r\n\r\n", body.len);
    fh_buf_append(&script->open, body);
}

/* next_number takes a number and the dash behind it off the front; what is left out is `normal`. */
static bool next_number(struct fh_slice *name, uint64_t normal, uint64_t max, uint64_t *out)
{
    struct fh_slice word;

    *out = normal;
    return !fh_split(name, '-', &word) || (fh_parse_u64(word, out) && *out <= max);
}

static bool parse_stream(struct fh_bench_script *script, struct fh_slice name)
{
    uint64_t events = 0;
    uint64_t every_us = 0;
    uint64_t by = 0;

    if (!next_number(&name, 0, EVENTS_MAX, &events) || events == 0 ||
        !next_number(&name, 0, UINT32_MAX, &every_us) ||
        !next_number(&name, 1, FH_BENCH_BY_MAX, &by) || by == 0 || events % by != 0 ||
        name.len != 0) {
        return false;
    }
    script->writes = (uint32_t)(events / by);
    script->by = (uint32_t)by;
    script->every_ns = every_us * 1000;
    return true;
}

bool fh_bench_script_init(struct fh_bench_script *script, const struct fh_bench_answer *answer,
                          struct fh_slice model)
{
    *script = (struct fh_bench_script){
        .open = fh_buf_on_heap(ANSWER_MAX),
        .close = fh_buf_on_heap(ANSWER_MAX),
    };
    if (fh_eq(model, FH_LIT("bench-reply"))) {
        make_reply(script, answer);
        return true;
    }
    if (fh_eq(model, FH_LIT("bench-idle"))) {
        script->writes = 1;
        script->by = 1;
        make_stream(script, answer);
        fh_buf_clear(&script->close);
        return true;
    }
    if (!fh_take(&model, FH_LIT("bench-stream-")) || !parse_stream(script, model)) {
        return false;
    }
    make_stream(script, answer);
    return true;
}

struct fh_slice fh_bench_script_write(struct fh_bench_script *script, uint32_t n,
                                      uint64_t now_ns)
{
    static const char digits[] = "0123456789abcdef";
    struct fh_bench_unit *unit = &script->units[n % FH_BENCH_WORDS];

    for (uint32_t i = 0; i < script->by; i++) {
        uint8_t *to = unit->bytes.ptr + unit->stamp_at[i];

        for (int digit = 0; digit < FH_BENCH_STAMP_DIGITS; digit++) {
            to[digit] = (uint8_t)digits[now_ns >> (60 - 4 * digit) & 15];
        }
    }
    return fh_buf_slice(&unit->bytes);
}
