/* recorded_eventstream.c: the official vectors of event streams, and every stream that was
 * recorded: what decodes must be written again byte for byte.
 * SPDX-License-Identifier: Apache-2.0 */
#include "recorded.h"
#include "tap.h"

#include "base/base64.h"
#include "base/text.h"
#include "wire/eventstream.h"

#include <fts.h>

enum { ARENA_MAX = 1 << 28, FRAME_MAX = 1 << 24, TEXT_MAX = 1 << 24, MESSAGES_MAX = 1024 };

#define FIXTURES "../shared/fixtures"

/* ---- files ---- */

struct file {
    struct fh_slice path; /* from FIXTURES on */
    struct fh_slice stem; /* the whole path without its ending */
    struct fh_slice bytes;
};

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return fh_compare(fh_cstr((*a)->fts_name), fh_cstr((*b)->fts_name));
}

/* walk_open starts at a folder of the fixtures; NULL, and a line that says so, without it. */
static FTS *walk_open(struct fh_arena *arena, const char *folder)
{
    const char *root = getenv("FREEHOLD_SOURCE_ROOT");
    struct fh_slice parts[] = {fh_cstr(root == NULL ? "." : root), FH_LIT("/" FIXTURES "/"),
                               fh_cstr(folder), FH_LIT("\0")};
    char *paths[] = {fh_dup_cstr(arena, fh_concat(arena, parts, FH_LEN(parts))), NULL};
    FTS *walk = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
    FTSENT *first = walk == NULL ? NULL : fts_read(walk);

    assert_non_null(walk);
    if (first == NULL || first->fts_info != FTS_D) {
        (void)printf("# no %s beside the source tree: nothing to read\n", folder);
        (void)fts_close(walk);
        return NULL;
    }
    return walk;
}

/* walk_next reads the next file whose name has the ending. */
static bool walk_next(FTS *walk, struct fh_arena *scratch, struct fh_slice ending,
                      struct file *file)
{
    for (FTSENT *e = fts_read(walk); e != NULL; e = fts_read(walk)) {
        struct fh_slice path = fh_cstr(e->fts_path);

        if (e->fts_info == FTS_F && fh_ends(path, ending)) {
            fh_arena_reset(scratch);
            assert_true(tap_read_path(e->fts_path, scratch, &file->bytes));
            file->stem = fh_dup(scratch, fh_head(path, path.len - ending.len));
            file->path = fh_dup(scratch, fh_tail(path, fh_search(path, FH_LIT(FIXTURES)) +
                                                           FH_LIT(FIXTURES "/").len));
            return true;
        }
    }
    (void)fts_close(walk);
    return false;
}

/* set_of is the first two folders of a path. */
static struct fh_slice set_of(struct fh_slice path)
{
    struct fh_slice rest = path;
    struct fh_slice folder = FH_NONE;

    assert_true(fh_split(&rest, '/', &folder));
    assert_true(fh_split(&rest, '/', &folder));
    return fh_head(path, fh_between(path, rest).len - 1);
}

/* ---- decoding ---- */

struct stream {
    struct fh_es_message message[MESSAGES_MAX]; /* copied into the arena */
    size_t count;
    struct fh_error error;
    bool whole; /* it ends at a boundary */
};

static struct stream *decode(struct fh_arena *arena, struct fh_slice wire, size_t step)
{
    struct stream *s = fh_new(arena, struct stream);
    struct fh_es_decoder *dec = fh_es_decoder_new(arena, FRAME_MAX);
    enum fh_step got = FH_STEP_MORE;
    struct fh_es_message msg;

    while (wire.len > 0 && got != FH_STEP_ERROR) {
        size_t n = fh_min(step, wire.len);

        fh_es_feed(dec, fh_head(wire, n));
        wire = fh_tail(wire, n);
        while ((got = fh_es_next(dec, &msg)) == FH_STEP_EVENT) {
            assert_true(s->count < MESSAGES_MAX);
            s->message[s->count++] =
                (struct fh_es_message){fh_dup(arena, msg.headers), fh_dup(arena, msg.payload),
                                       fh_dup(arena, msg.raw)};
        }
    }
    s->error = fh_es_error(dec);
    s->whole = fh_es_at_boundary(dec);
    fh_es_decoder_fini(dec);
    return s;
}

static bool same(const struct stream *a, const struct stream *b)
{
    bool good = a->count == b->count && a->whole == b->whole && a->error.at == b->error.at &&
                a->error.code == b->error.code;

    for (size_t i = 0; good && i < a->count; i++) {
        good = fh_eq(a->message[i].raw, b->message[i].raw) &&
               fh_eq(a->message[i].headers, b->message[i].headers) &&
               fh_eq(a->message[i].payload, b->message[i].payload);
    }
    return good;
}

/* written_again says whether the encoder makes the same bytes of what was decoded. */
static bool written_again(struct fh_arena *arena, const struct fh_es_message *msg)
{
    struct fh_es_header list[FH_ES_HEADERS_MAX];
    struct fh_slice headers = msg->headers;
    struct fh_buf out = fh_buf_in_arena(arena, FRAME_MAX);
    size_t count = 0;

    while (fh_es_header_next(&headers, &list[count])) {
        count++;
    }
    fh_es_write(&out, list, count, msg->payload);
    return headers.len == 0 && fh_eq(fh_buf_slice(&out), msg->raw);
}

/* ---- official vectors ---- */

/* int_of is a header's number, whose sign is its first bit. */
static int64_t int_of(struct fh_slice value)
{
    int64_t number = value.len > 0 && value.ptr[0] >= 0x80 ? -1 : 0;

    for (size_t i = 0; i < value.len; i++) {
        number = number * 256 + value.ptr[i];
    }
    return number;
}

static bool same_value(const struct fh_es_header *h, yyjson_val *want)
{
    if (yyjson_is_str(want)) {
        return fh_eq(h->value, fh_json_text(want));
    }
    struct fh_slice digits = fh_json_number(want);
    bool negative = fh_take(&digits, FH_LIT("-"));
    uint64_t number = 0;

    return h->value.len <= 8 && fh_parse_u64(digits, &number) &&
           int_of(h->value) == (negative ? -(int64_t)number : (int64_t)number);
}

/* same_headers compares with {name: value, …} or [{name, type, value}, …]. */
static bool same_headers(struct fh_slice headers, yyjson_val *want)
{
    struct fh_es_header h;
    size_t count = 0;

    for (; fh_es_header_next(&headers, &h); count++) {
        yyjson_val *one = yyjson_arr_get(want, count);
        yyjson_val *value = fh_json_get(one, FH_LIT("value"));
        uint64_t type = 0;

        if (one == NULL) {
            value = fh_json_get(want, h.name);
        } else if (!fh_json_u64(fh_json_get(one, FH_LIT("type")), &type) || type != h.type ||
                   !fh_eq(fh_json_text(fh_json_get(one, FH_LIT("name"))), h.name)) {
            return false;
        }
        if (value == NULL || !same_value(&h, value)) {
            return false;
        }
    }
    return headers.len == 0 && count == yyjson_get_len(want);
}

/* payload_of reads a payload in one of the ways in which the three sets write it. */
static struct fh_slice payload_of(struct fh_arena *arena, yyjson_val *want)
{
    struct fh_slice base64 = fh_json_text(fh_json_get(want, FH_LIT("payload")));
    struct fh_slice hex = fh_json_text(fh_json_get(want, FH_LIT("payload_hex")));
    struct fh_buf out = fh_buf_in_arena(arena, TEXT_MAX);

    if (hex.len == 0) {
        hex = fh_json_text(fh_json_get(fh_json_get(want, FH_LIT("payload")), FH_LIT("hex")));
    }
    uint8_t *to = fh_buf_reserve(&out, hex.len / 2);

    assert_true(to != NULL && fh_parse_unhex(hex, to, hex.len / 2));
    fh_buf_commit(&out, hex.len / 2);
    assert_int_equal(fh_base64_decode(&out, base64), FH_OK);
    return fh_buf_slice(&out);
}

/* want_of parses what lies beside a vector: NULL when it must not decode. */
static yyjson_val *want_of(struct fh_arena *arena, const struct file *file)
{
    struct fh_slice parts[] = {file->stem, FH_LIT(".json"), FH_LIT("\0")};
    struct fh_slice text = FH_NONE;
    struct fh_error why;
    yyjson_val *root = NULL;

    if (!tap_read_path((const char *)fh_concat(arena, parts, FH_LEN(parts)).ptr, arena,
                       &text)) {
        return NULL; /* then a .txt says why */
    }
    assert_int_equal(fh_json_parse(arena, text, &root, &why), FH_OK);
    yyjson_val *expect = fh_json_get(root, FH_LIT("expect"));

    return expect == NULL || fh_eq(fh_json_text(expect), FH_LIT("ok")) ? root : NULL;
}

static bool good_vector(struct fh_arena *arena, const struct stream *got, yyjson_val *want)
{
    yyjson_val *list = fh_json_get(want, FH_LIT("messages"));
    bool good = got->whole && got->count == (list == NULL ? 1 : yyjson_arr_size(list));

    for (size_t i = 0; good && i < got->count; i++) {
        yyjson_val *one = list == NULL ? want : yyjson_arr_get(list, i);

        good = same_headers(got->message[i].headers, fh_json_get(one, FH_LIT("headers"))) &&
               fh_eq(got->message[i].payload, payload_of(arena, one)) &&
               written_again(arena, &got->message[i]);
    }
    return good;
}

static void test_official_vectors(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
    FH_AUTO(fh_arena_free) struct fh_arena *scratch = fh_arena_new(ARENA_MAX);
    FTS *walk = walk_open(arena, "eventstream");
    struct recorded_tally tally = {0};
    struct file file;

    FH_UNUSED(state);
    while (walk != NULL && walk_next(walk, scratch, FH_LIT(".bin"), &file)) {
        struct stream *got = decode(scratch, file.bytes, file.bytes.len);
        yyjson_val *want = want_of(scratch, &file);
        bool passed = same(got, decode(scratch, file.bytes, 1));

        passed = passed &&
                 (want == NULL ? got->error.code != FH_OK : good_vector(scratch, got, want));
        recorded_count(&tally, set_of(file.path), want == NULL ? "bad" : "good", passed);
        if (!passed) {
            print_error("%.*s: %zu messages, %s at %llu\n", FH_ARG(file.path), got->count,
                        got->error.what == NULL ? "nothing wrong" : got->error.what,
                        (unsigned long long)got->error.at);
        }
    }
    assert_true(walk == NULL || recorded_print(&tally));
}

/* ---- recordings ---- */

/* check_event: where the headers are those of an event with JSON, fh_es_write_event makes the same
 * bytes: it keeps to Bedrock's order. */
static void check_event(struct fh_arena *arena, struct recorded_tally *tally,
                        struct fh_slice set, const struct fh_es_message *msg)
{
    struct fh_buf out = fh_buf_in_arena(arena, FRAME_MAX);
    struct fh_slice type = FH_NONE;
    struct fh_slice content = FH_NONE;

    if (fh_es_header_text(msg->headers, FH_LIT(":event-type"), &type) &&
        fh_es_header_text(msg->headers, FH_LIT(":content-type"), &content)) {
        fh_es_write_event(&out, type, msg->payload);
        recorded_count(tally, set, "events in Bedrock's order",
                       fh_eq(fh_buf_slice(&out), msg->raw));
    }
}

static void check_recording(struct fh_arena *arena, struct recorded_tally *tally,
                            const struct file *file)
{
    struct stream *got = decode(arena, file->bytes, file->bytes.len);
    struct fh_slice set = set_of(file->path);
    bool corrupt = fh_contains(file->path, FH_LIT("corrupt-crc"));
    bool passed = same(got, decode(arena, file->bytes, 7));

    if (corrupt) {
        passed = passed && got->error.code == FH_E_CHECKSUM && got->count == 0;
    } else {
        passed = passed && got->whole && got->count > 0;
    }
    recorded_count(tally, set, corrupt ? "streams that must fail" : "streams", passed);
    if (!passed) {
        print_error("%.*s: %zu messages, %s at %llu\n", FH_ARG(file->path), got->count,
                    got->error.what == NULL ? "nothing wrong" : got->error.what,
                    (unsigned long long)got->error.at);
    }
    for (size_t i = 0; i < got->count; i++) {
        recorded_count(tally, set, "frames written again",
                       written_again(arena, &got->message[i]));
        check_event(arena, tally, set, &got->message[i]);
    }
}

static void test_recorded_streams_are_written_again(void **state)
{
    static const char *const folders[] = {"recorded", "errors"};

    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(folders); i++) {
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(ARENA_MAX);
        FH_AUTO(fh_arena_free) struct fh_arena *scratch = fh_arena_new(ARENA_MAX);
        FTS *walk = walk_open(arena, folders[i]);
        struct recorded_tally tally = {0};
        struct file file;

        while (walk != NULL && walk_next(walk, scratch, FH_LIT(".eventstream"), &file)) {
            check_recording(scratch, &tally, &file);
        }
        assert_true(walk == NULL || recorded_print(&tally));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_official_vectors),
        cmocka_unit_test(test_recorded_streams_are_written_again),
    };
    return cmocka_run_group_tests_name("recorded_eventstream", tests, NULL, NULL);
}
