/* bench_journal.c: what a record costs a worker, and how many control books in a second.
 *
 *     bench_journal [DIRECTORY]        where to keep the files; default /tmp
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "control/ledger/ledger.h"
#include "gateway/journal_file.h"

#include "journal/record.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { REQUESTS = 500000, BATCH = 4096, ROUNDS = 5, MEMORY = 1 << 20 };

static uint64_t now_ns(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static struct fh_request_id id_of(uint64_t number)
{
    uint8_t random[FH_REQUEST_ID_RANDOM_LEN] = {0};

    memcpy(random, &number, sizeof(number));
    return fh_request_id(UINT64_C(1767225600000000) + number * 50, random);
}

static struct fh_slice an_intent(struct fh_buf *out, uint64_t number)
{
    struct fh_intent intent = {
        .id = id_of(number),
        .at_us = 1767225600000000 + number * 50,
        .attempt = 1,
        .streamed = true,
        .key_id = number % 2 == 0 ? FH_LIT("key_01kdvdna3vvtpv") : FH_LIT("key_01kdvdna3vvtpw"),
        .key_name = number % 2 == 0 ? FH_LIT("build farm") : FH_LIT("support"),
        .model = FH_LIT("claude-sonnet"),
        .route = FH_LIT("anthropic/claude-sonnet-4-5"),
        .provider = FH_LIT("anthropic"),
        .upstream_model = FH_LIT("claude-sonnet-4-5-20250929"),
        .client_dialect = FH_LIT("anthropic"),
        .provider_dialect = FH_LIT("anthropic"),
        .body_bytes = 1536,
    };

    fh_buf_clear(out);
    fh_encode_intent(out, &intent);
    return fh_buf_slice(out);
}

static struct fh_slice a_settle(struct fh_buf *out, uint64_t number)
{
    struct fh_settle settle = {
        .id = id_of(number),
        .at_us = 1767225601000000 + number * 50,
        .status = 200,
        .attempts = 1,
        .route = FH_LIT("anthropic/claude-sonnet-4-5"),
        .provider = FH_LIT("anthropic"),
        .upstream_model = FH_LIT("claude-sonnet-4-5-20250929"),
        .first_byte_us = 300000,
        .duration_us = 950000,
        .bytes_in = 5000,
        .bytes_out = 5000,
        .finish = 1,
    };

    fh_usage_set(&settle.usage, FH_TOKENS_INPUT, 1200 + number % 100);
    fh_usage_set(&settle.usage, FH_TOKENS_CACHE_READ, 0);
    fh_usage_set(&settle.usage, FH_TOKENS_CACHE_WRITE_5M, 0);
    fh_usage_set(&settle.usage, FH_TOKENS_OUTPUT, 256);
    fh_buf_clear(out);
    fh_encode_settle(out, &settle);
    return fh_buf_slice(out);
}

/* bench_memory times encoding, and appending to memory that is there. */
static void bench_memory(struct fh_buf *out)
{
    uint8_t *memory = aligned_alloc(64, MEMORY);
    const struct fh_segment_info birth = {.worker = 1, .sequence = 1};
    uint64_t encode_ns = UINT64_MAX;
    uint64_t append_ns = UINT64_MAX;
    size_t bytes = 0;

    FH_ASSERT(memory != NULL);
    for (int round = 0; round < ROUNDS; round++) {
        struct fh_segment seg;
        uint64_t count = 0;
        uint64_t start = now_ns();

        for (uint64_t i = 0; i < BATCH; i++) {
            bytes = an_intent(out, i).len;
        }
        uint64_t took = (now_ns() - start) / BATCH;

        encode_ns = took < encode_ns ? took : encode_ns;
        memset(memory, 0, MEMORY);
        fh_segment_init(&seg, memory, MEMORY, &birth);
        start = now_ns();
        while (fh_segment_append(&seg, FH_RECORD_INTENT, fh_buf_slice(out)) == FH_OK) {
            count++;
        }
        took = (now_ns() - start) / count;
        append_ns = took < append_ns ? took : append_ns;
    }
    (void)printf("encode an intent of %zu bytes     %6llu ns\n", bytes,
                 (unsigned long long)encode_ns);
    (void)printf("append it to memory              %6llu ns\n", (unsigned long long)append_ns);
    free(memory);
}

/* bench_file times both records of a request with encoding, rotation and page faults. */
static void bench_file(struct fh_buf *out, const char *dir)
{
    struct fh_journal_file *j = NULL;
    enum fh_rc rc = fh_journal_file_open(&j, dir, 0, FH_JOURNAL_SEGMENT_BYTES);

    FH_ASSERT(rc == FH_OK);
    uint64_t start = now_ns();

    for (uint64_t i = 0; i < REQUESTS; i++) {
        if (fh_journal_file_append(j, FH_RECORD_INTENT, an_intent(out, i)) != FH_OK ||
            fh_journal_file_append(j, FH_RECORD_SETTLE, a_settle(out, i)) != FH_OK) {
            (void)printf("the journal takes no more\n");
            break;
        }
    }
    (void)printf("both records of a request, files  %6llu ns\n",
                 (unsigned long long)((now_ns() - start) / REQUESTS));
    fh_journal_file_close(&j);
}

/* bench_ledger books intent and settle of each request, as they come from one worker that has
 * `open` requests at a time. */
static void bench_ledger(const char *path, uint64_t open)
{
    FH_AUTO(fh_buf_fini) struct fh_buf why = fh_buf_on_heap(1024);
    static struct fh_segment_record records[BATCH];
    struct fh_arena *arena = fh_arena_new(1 << 24);
    struct fh_ledger *led = NULL;
    struct fh_ledger_applied applied = {0};
    uint64_t ns = 0;

    if (fh_ledger_open(&led, path, FH_LEDGER_WRITE, &why) != FH_OK) {
        (void)printf("%.*s\n", FH_ARG(fh_buf_slice(&why)));
        return;
    }
    for (uint64_t at = 0; at < REQUESTS; at += BATCH / 2) {
        for (uint64_t i = 0; i < BATCH; i++) {
            struct fh_buf out = fh_buf_in_arena(arena, FH_RECORD_MAX);
            bool settle = i % 2 == 1 && at + i / 2 >= open;
            struct fh_slice payload =
                settle ? a_settle(&out, at + i / 2 - open) : an_intent(&out, at + i / 2);

            records[i] = (struct fh_segment_record){
                .type = settle ? FH_RECORD_SETTLE : FH_RECORD_INTENT,
                .crc = fh_crc32c(0, payload),
                .payload = payload,
            };
        }
        uint64_t start = now_ns();
        enum fh_rc rc = fh_ledger_apply(led, records, BATCH, NULL, 0, &applied);

        FH_ASSERT(rc == FH_OK);
        ns += now_ns() - start;
        fh_arena_reset(arena);
    }
    (void)printf("booked, %5llu open at a time      %6llu records/s\n",
                 (unsigned long long)open,
                 (unsigned long long)(applied.records * 1000000000 / ns));
    struct fh_usage_query query = {.by = FH_USAGE_BY_KEY | FH_USAGE_BY_MODEL};
    struct fh_usage_report report;
    uint64_t start = now_ns();
    enum fh_rc rc = fh_ledger_usage(led, arena, &query, &report);

    FH_ASSERT(rc == FH_OK);
    (void)printf("usage of %llu requests           %6llu ms\n",
                 (unsigned long long)report.total.requests,
                 (unsigned long long)((now_ns() - start) / 1000000));
    fh_arena_free(&arena);
    fh_ledger_close(&led);
}

int main(int argc, char **argv)
{
    FH_AUTO(fh_buf_fini) struct fh_buf out = fh_buf_on_heap(FH_RECORD_MAX);
    char dir[4096];
    char path[4200];

    (void)snprintf(dir, sizeof(dir), "%s/freehold-bench-XXXXXX", argc > 1 ? argv[1] : "/tmp");
    if (mkdtemp(dir) == NULL) {
        perror(dir);
        return 1;
    }
    bench_memory(&out);
    bench_file(&out, dir);
    for (uint64_t open = 0; open <= 1000; open += 1000) {
        (void)snprintf(path, sizeof(path), "%s/ledger-%d.db", dir, (int)open);
        bench_ledger(path, open);
    }
    (void)printf("files are in %s\n", dir);
    return 0;
}
