/* translate.c: what it costs to translate a long prompt, for each ordered pair of dialects:
 * processor time, and memory beside the body itself.
 *
 *     translate [KB]        a table; `--json` one line a pair
 *
 * Scan, decode, ledger and encode, as the exchange does them. Times are the least of many runs;
 * memory is what the process has grown by, the body itself counted once.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "chat/settle.h"
#include "dialect/dialect.h"
#include "wire/json_scan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { KB = 1024, TURN_BYTES = 4096, RUNS = 40, DEPTH_MAX = 128 };

static const char sentence[] = "The quick brown fox says \\\"jump\\\" over the lazy dog;\\n"
                               "it costs 12.50 \xe2\x82\xac a time, and nobody minds. ";

/* prompt writes a conversation of about `size` bytes in Anthropic's dialect. */
static void prompt(struct fh_buf *out, size_t size)
{
    fh_buf_append(out, FH_LIT("{\"model\":\"m\",\"max_tokens\":1000,\"system\":\"Be brief.\","
                              "\"messages\":["));
    for (size_t turn = 0; out->len < size || turn % 2 == 0; turn++) {
        fh_buf_printf(out, "%s{\"role\":\"%s\",\"content\":\"", turn == 0 ? "" : ",",
                      turn % 2 == 0 ? "user" : "assistant");
        for (size_t end = out->len + TURN_BYTES; out->len < end;) {
            fh_buf_append(out, fh_cstr(sentence));
        }
        fh_buf_append(out, FH_LIT("\"}"));
    }
    fh_buf_append(out, FH_LIT(",{\"role\":\"user\",\"content\":\"Go on.\"}]}"));
}

static double now(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

/* resident is how much memory of its own the process really has: no files, no code. */
static size_t resident(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    char line[128] = "";
    char *at = line;

    if (file != NULL && fgets(line, sizeof(line), file) == NULL) {
        line[0] = 0;
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    (void)strtoul(at, &at, 10); /* the address space */
    unsigned long pages = strtoul(at, &at, 10);
    unsigned long shared = strtoul(at, &at, 10);

    return (size_t)(pages - shared) * (size_t)sysconf(_SC_PAGESIZE);
}

/* translate is one translation; by how much the process had grown at its end goes to `held`. */
static bool translate(struct fh_buf *out, const struct fh_dialect *from,
                      const struct fh_dialect *to, struct fh_slice body, size_t *held)
{
    static const struct fh_slice names[] = {FH_LIT_INIT("model"), FH_LIT_INIT("stream")};
    struct fh_json_member member[FH_LEN(names)];
    struct fh_error error;
    struct fh_arena *arena = fh_arena_new((size_t)1 << 30);
    struct fh_chat_request *req = fh_new(arena, struct fh_chat_request);
    struct fh_loss *loss = fh_new(arena, struct fh_loss);
    struct fh_complaint why = {0};
    const struct fh_settling s = {.from = from->cells,
                                  .to = to->cells,
                                  .to_name = to->name,
                                  .home = to->home,
                                  .arena = arena,
                                  .loss = loss};

    loss->arena = arena;
    bool ok = fh_json_scan(body, names, member, FH_LEN(names), DEPTH_MAX, &error) == FH_OK &&
              from->decode_request(req, arena, body, &why) == FH_OK &&
              (from == to || fh_settle(&s, req, &why) == FH_OK);

    req->model = FH_LIT("m");
    ok = ok && to->encode_request(out, arena, req, loss, &why) == FH_OK && !out->failed;
    *held = resident();
    fh_arena_free(&arena);
    if (!ok) {
        (void)fprintf(stderr, "%.*s to %.*s: %.*s\n", FH_ARG(from->name), FH_ARG(to->name),
                      FH_ARG(why.message));
    }
    return ok;
}

/* measure prints the row of one pair. It runs in a process of its own: what an earlier pair gave
 * back to the heap would else be there already. */
static void measure(const struct fh_dialect *from, const struct fh_dialect *to,
                    struct fh_slice body, bool json)
{
    size_t before = resident();
    size_t most = 0;
    double best = 1e9;

    for (int run = 0; run < RUNS; run++) {
        FH_AUTO(fh_buf_fini) struct fh_buf out = fh_buf_on_heap((size_t)1 << 30);
        double start = now();
        size_t held = 0;

        if (!translate(&out, from, to, body, &held)) {
            return;
        }
        double took = now() - start;

        best = took < best ? took : best;
        most = run == 0 ? held - fh_min(held, before) : most;
    }
    (void)printf(json ? "{\"from\":\"%.*s\",\"to\":\"%.*s\",\"bytes\":%zu,\"cpu_ms\":%.3f,"
                        "\"memory_ratio\":%.2f}\n"
                      : "%-17.*s %-17.*s %8zu bytes %7.3f ms  %5.2f x the body\n",
                 FH_ARG(from->name), FH_ARG(to->name), body.len, best,
                 (double)(most + body.len) / (double)body.len);
    (void)fflush(stdout);
}

int main(int argc, char **argv)
{
    bool json = argc > 1 && strcmp(argv[argc - 1], "--json") == 0;
    size_t kb = argc > 1 && argv[1][0] != '-' ? strtoul(argv[1], NULL, 10) : 400;
    FH_AUTO(fh_buf_fini) struct fh_buf first = fh_buf_on_heap((size_t)1 << 30);
    size_t held = 0;

    prompt(&first, kb * KB);
    for (int pair = 0; pair < FH_DIALECTS * FH_DIALECTS; pair++) {
        const struct fh_dialect *from = fh_dialect((enum fh_dialect_id)(pair / FH_DIALECTS));
        const struct fh_dialect *to = fh_dialect((enum fh_dialect_id)(pair % FH_DIALECTS));
        FH_AUTO(fh_buf_fini) struct fh_buf body = fh_buf_on_heap((size_t)1 << 30);

        if (!translate(&body, fh_dialect(FH_DIALECT_ANTHROPIC), from, fh_buf_slice(&first),
                       &held)) {
            return 1;
        }
        pid_t child = fork();

        if (child == 0) {
            measure(from, to, fh_buf_slice(&body), json);
            _exit(0);
        }
        (void)waitpid(child, NULL, 0);
    }
    return 0;
}
