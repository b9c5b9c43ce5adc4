/* bench_reader.c: HTTP framing undone and content checked, as it comes.
 * SPDX-License-Identifier: Apache-2.0 */
#include "bench_reader.h"

#include "bench_net.h"

#include "base/text.h"

enum {
    LINE_MAX_BYTES = 1 << 16,
    TAIL_MIN = 256,
    TAIL_MAX = 16 * TAIL_MIN,
};

struct fh_bench_reader fh_bench_reader_init(const struct fh_bench_expect *expect)
{
    return (struct fh_bench_reader){
        .expect = expect,
        .line = fh_buf_on_heap(LINE_MAX_BYTES),
        .tail = fh_buf_on_heap(TAIL_MAX),
    };
}

void fh_bench_reader_start(struct fh_bench_reader *r)
{
    fh_buf_clear(&r->line);
    fh_buf_clear(&r->tail);
    r->phase = FH_BENCH_AT_HEAD;
    r->left = r->body_bytes = r->events = 0;
    r->status = 0;
    r->stamp_digits = 0;
    r->close = r->differs = false;
}

static void keep_tail(struct fh_bench_reader *r, struct fh_slice in)
{
    if (in.len >= TAIL_MIN) {
        fh_buf_clear(&r->tail);
        in = fh_tail(in, in.len - TAIL_MIN);
    } else if (r->tail.len + in.len > TAIL_MAX) {
        fh_buf_cut(&r->tail, r->tail.len - TAIL_MIN);
    }
    fh_buf_append(&r->tail, in);
}

static void find_stamps(struct fh_bench_reader *r, struct fh_slice in, uint64_t now_ns,
                        struct fh_bench_histogram *age)
{
    while (in.len > 0) {
        if (r->stamp_digits == 0) {
            size_t at = fh_find(in, '@');

            if (at == in.len) {
                return;
            }
            in = fh_tail(in, at + 1);
            r->stamp_digits = FH_BENCH_STAMP_DIGITS;
            r->stamp = 0;
            continue;
        }
        uint8_t c = in.ptr[0];

        r->stamp = r->stamp << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
        in = fh_tail(in, 1);
        if (--r->stamp_digits == 0) {
            r->events++;
            fh_bench_histogram_add(age, now_ns > r->stamp ? now_ns - r->stamp : 0);
        }
    }
}

static void take_body(struct fh_bench_reader *r, struct fh_slice in, uint64_t now_ns,
                      struct fh_bench_histogram *age)
{
    struct fh_slice same = r->expect->same;

    if (same.len > 0) {
        r->differs = r->differs || in.len > same.len - fh_min(r->body_bytes, same.len) ||
                     !fh_eq(fh_sub(same, r->body_bytes, in.len), in);
    }
    if (r->expect->events > 0) {
        find_stamps(r, in, now_ns, age);
    }
    keep_tail(r, in);
    r->body_bytes += in.len;
}

/* take_line gathers everything up to `mark`; false: it wants more. */
static bool take_line(struct fh_bench_reader *r, struct fh_slice *in, struct fh_slice mark,
                      struct fh_slice *line)
{
    size_t held = r->line.len;

    if (held == 0 && fh_bench_cut(in, mark, line)) {
        return true;
    }
    fh_buf_append(&r->line, *in);

    struct fh_slice all = fh_buf_slice(&r->line);

    if (!fh_bench_cut(&all, mark, line)) {
        *in = FH_NONE;
        return false;
    }
    *in = fh_tail(*in, line->len + mark.len - held);
    fh_buf_clear(&r->line); /* the bytes stay until the next append */
    return true;
}

static bool take_head(struct fh_bench_reader *r, struct fh_slice head)
{
    struct fh_slice value;
    struct fh_slice status = head;
    struct fh_slice version = FH_NONE;
    struct fh_slice code = FH_NONE;
    uint64_t number = 0;

    if (!fh_split(&status, ' ', &version) || !fh_split(&status, ' ', &code) ||
        !fh_parse_u64(fh_head(code, fh_min(code.len, 3)), &number)) {
        return false;
    }
    r->status = (uint16_t)number;
    r->close = fh_bench_field(head, FH_LIT("connection"), &value) &&
               fh_eq_nocase(value, FH_LIT("close"));
    if (fh_bench_field(head, FH_LIT("transfer-encoding"), &value)) {
        r->phase = FH_BENCH_AT_CHUNK_SIZE;
        return fh_eq_nocase(value, FH_LIT("chunked"));
    }
    r->phase = FH_BENCH_AT_BODY;
    return fh_bench_field(head, FH_LIT("content-length"), &value) &&
           fh_parse_u64(value, &r->left);
}

static bool take_chunk_size(struct fh_bench_reader *r, struct fh_slice line)
{
    r->phase = FH_BENCH_AT_CHUNK;
    if (!fh_parse_hex_u64(fh_head(line, fh_find(line, ';')), &r->left)) {
        return false;
    }
    if (r->left == 0) {
        r->phase = FH_BENCH_AT_TRAILER;
    }
    return true;
}

static enum fh_bench_verdict judge(const struct fh_bench_reader *r)
{
    struct fh_slice tail = fh_buf_slice(&r->tail);

    if (r->status != 200) {
        return FH_BENCH_BAD_STATUS;
    }
    if (r->expect->events > 0 && r->events != r->expect->events) {
        return FH_BENCH_BAD_EVENTS;
    }
    if (r->differs || (r->expect->same.len > 0 && r->body_bytes != r->expect->same.len) ||
        !fh_contains(fh_tail(tail, tail.len - fh_min(tail.len, TAIL_MIN)), r->expect->ends)) {
        return FH_BENCH_BAD_CONTENT;
    }
    return FH_BENCH_GOOD;
}

/* take_data takes what there is of the `left` bytes and moves on to `then` behind them. */
static void take_data(struct fh_bench_reader *r, struct fh_slice *in, enum fh_bench_phase then,
                      uint64_t now_ns, struct fh_bench_histogram *age)
{
    size_t n = fh_min(in->len, r->left);

    take_body(r, fh_head(*in, n), now_ns, age);
    *in = fh_tail(*in, n);
    r->left -= n;
    r->phase = r->left == 0 ? then : r->phase;
}

/* step goes as far as one phase reaches; false: the framing is broken. */
static bool step(struct fh_bench_reader *r, struct fh_slice *in, uint64_t now_ns,
                 struct fh_bench_histogram *age)
{
    struct fh_slice line;

    switch (r->phase) {
    case FH_BENCH_AT_HEAD:
        return !take_line(r, in, FH_LIT("\r\n\r\n"), &line) || take_head(r, line);
    case FH_BENCH_AT_BODY:
        take_data(r, in, FH_BENCH_AT_END, now_ns, age);
        return true;
    case FH_BENCH_AT_CHUNK_SIZE:
        return !take_line(r, in, FH_LIT("\r\n"), &line) || take_chunk_size(r, line);
    case FH_BENCH_AT_CHUNK:
        take_data(r, in, FH_BENCH_AT_CHUNK_END, now_ns, age);
        return true;
    case FH_BENCH_AT_CHUNK_END:
        if (take_line(r, in, FH_LIT("\r\n"), &line)) {
            r->phase = FH_BENCH_AT_CHUNK_SIZE;
            return line.len == 0;
        }
        return true;
    case FH_BENCH_AT_TRAILER:
        if (take_line(r, in, FH_LIT("\r\n"), &line) && line.len == 0) {
            r->phase = FH_BENCH_AT_END;
        }
        return true;
    case FH_BENCH_AT_END:
        return false; /* bytes that nobody asked for */
    }
    return false;
}

enum fh_bench_verdict fh_bench_reader_feed(struct fh_bench_reader *r, struct fh_slice in,
                                           uint64_t now_ns, struct fh_bench_histogram *age)
{
    while (in.len > 0) {
        if (!step(r, &in, now_ns, age) || r->line.failed) {
            return FH_BENCH_BAD_FRAMING;
        }
        if (r->phase == FH_BENCH_AT_BODY && r->left == 0) {
            r->phase = FH_BENCH_AT_END;
        }
    }
    return r->phase == FH_BENCH_AT_END ? judge(r) : FH_BENCH_MORE;
}

const char *fh_bench_verdict_name(enum fh_bench_verdict verdict)
{
    static const char *const names[FH_BENCH_VERDICTS] = {
        [FH_BENCH_MORE] = "more",           [FH_BENCH_GOOD] = "good",
        [FH_BENCH_BAD_STATUS] = "status",   [FH_BENCH_BAD_SHORT] = "short",
        [FH_BENCH_BAD_FRAMING] = "framing", [FH_BENCH_BAD_CONTENT] = "content",
        [FH_BENCH_BAD_EVENTS] = "events",
    };

    return names[verdict];
}
