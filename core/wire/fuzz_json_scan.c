/* fuzz_json_scan.c: what the scan accepts, yyjson accepts, and the other way round; it finds the
 * members that yyjson finds, and a walk the parts; what is escaped comes back unescaped. Two
 * differences are meant: the scan bounds the depth, and lets a lone surrogate pass, which is in RFC
 * 8259's grammar.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"
#include "wire/json_scan.h"
#include "wire/json_walk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { DEPTH_MAX = 100 };

static const struct fh_slice names[] = {FH_LIT_INIT("model"), FH_LIT_INIT("stream"),
                                        FH_LIT_INIT("a")};

/* same says whether two texts mean the same, by printing what yyjson reads. */
static bool same(struct fh_arena *arena, struct fh_slice text, const yyjson_val *want)
{
    struct fh_buf a = fh_buf_in_arena(arena, SIZE_MAX / 2);
    struct fh_buf b = fh_buf_in_arena(arena, SIZE_MAX / 2);
    yyjson_val *got = NULL;
    struct fh_error why;

    if (fh_json_parse(arena, text, &got, &why) != FH_OK) {
        return false;
    }
    fh_json_append_val(&a, arena, got);
    fh_json_append_val(&b, arena, want);
    FH_ASSERT(!a.failed && !b.failed);
    return fh_eq(fh_buf_slice(&a), fh_buf_slice(&b));
}

static size_t count_members(yyjson_val *root, struct fh_slice name, yyjson_val **last)
{
    size_t i = 0;
    size_t max = 0;
    size_t found = 0;
    yyjson_val *key = NULL;
    yyjson_val *value = NULL;

    yyjson_obj_foreach(root, i, max, key, value)
    {
        if (fh_eq(fh_json_text(key), name)) {
            found++;
            *last = value;
        }
    }
    return found;
}

static void check_member(struct fh_arena *arena, struct fh_slice found, yyjson_val *want)
{
    struct fh_error why;

    FH_ASSERT((found.ptr != NULL) == (want != NULL));
    if (want == NULL) {
        return;
    }
    FH_ASSERT(fh_json_scan(found, NULL, NULL, 0, DEPTH_MAX, &why) == FH_OK);
    FH_ASSERT(same(arena, found, want));
    if (yyjson_is_str(want)) {
        FH_ASSERT(fh_eq(fh_json_unescape(found, arena), fh_json_text(want)));
    }
}

static void check_members(struct fh_arena *arena, struct fh_slice text, yyjson_val *root)
{
    struct fh_json_member at[FH_LEN(names)];
    yyjson_val *value[FH_LEN(names)] = {NULL};
    enum fh_rc want = yyjson_is_obj(root) ? FH_OK : FH_E_TYPE;
    struct fh_error why;

    for (size_t i = 0; i < FH_LEN(names); i++) {
        want = count_members(root, names[i], &value[i]) > 1 ? FH_E_CONFLICT : want;
    }
    FH_ASSERT(fh_json_scan(text, names, at, FH_LEN(names), DEPTH_MAX, &why) == want);
    for (size_t i = 0; i < FH_LEN(names); i++) {
        if (want == FH_OK) {
            check_member(arena, at[i].value, value[i]);
        } else {
            FH_ASSERT(at[i].value.ptr == NULL);
        }
    }
}

/* check_parts walks an object or array beside yyjson. */
static void check_parts(struct fh_arena *arena, struct fh_slice text, yyjson_val *root)
{
    struct fh_json_walk walk;
    struct fh_json_part part;
    yyjson_val *at = unsafe_yyjson_get_first(root);
    size_t count = 0;

    FH_ASSERT(fh_json_walk_begin(&walk, text) == yyjson_is_ctn(root));
    while (yyjson_is_ctn(root) && fh_json_walk_next(&walk, &part)) {
        FH_ASSERT(count++ < yyjson_get_len(root));
        FH_ASSERT((part.name.len > 0) == yyjson_is_obj(root));
        if (part.name.len > 0) {
            FH_ASSERT(fh_eq(fh_json_unescape(part.name, arena), fh_json_text(at)));
            at = unsafe_yyjson_get_next(at);
        }
        FH_ASSERT(same(arena, part.value, at));
        at = unsafe_yyjson_get_next(at);
    }
    FH_ASSERT(count == (yyjson_is_ctn(root) ? yyjson_get_len(root) : 0));
}

/* walk_anything: a text that nobody accepted gives pieces of it, and an end. */
static void walk_anything(struct fh_slice text)
{
    struct fh_json_walk walk;
    struct fh_json_part part;

    for (bool more = fh_json_walk_begin(&walk, text); more;
         more = fh_json_walk_next(&walk, &part)) {
    }
}

static void check_text(struct fh_arena *arena, struct fh_slice text)
{
    struct fh_error why;
    struct fh_error other = {.what = NULL};
    yyjson_val *root = NULL;
    enum fh_rc rc = fh_json_scan(text, NULL, NULL, 0, DEPTH_MAX, &why);

    FH_ASSERT(rc == FH_OK || (why.code == rc && why.at <= text.len));
    if (rc == FH_OK && text.ptr[0] == '"' && text.ptr[text.len - 1] == '"') {
        FH_ASSERT(fh_utf8_ok(fh_json_unescape(text, arena)));
    }
    if (rc == FH_E_LIMIT) {
        return;
    }
    if (fh_json_parse(arena, text, &root, &other) != FH_OK) {
        FH_ASSERT(rc == FH_E_SYNTAX ||
                  fh_contains(fh_cstr(other.what), FH_LIT("surrogate in string")));
        return;
    }
    FH_ASSERT(rc == FH_OK);
    check_members(arena, text, root);
    check_parts(arena, text, root);
}

static void check_escape(struct fh_arena *arena, struct fh_slice bytes)
{
    struct fh_buf out = fh_buf_in_arena(arena, SIZE_MAX / 2);
    struct fh_error why;
    yyjson_val *root = NULL;

    fh_json_quote(&out, bytes);
    FH_ASSERT(!out.failed);
    FH_ASSERT(fh_json_scan(fh_buf_slice(&out), NULL, NULL, 0, 0, &why) == FH_OK);
    FH_ASSERT(fh_eq(fh_json_unescape(fh_buf_slice(&out), arena), bytes));
    FH_ASSERT(fh_json_parse(arena, fh_buf_slice(&out), &root, &why) == FH_OK);
    FH_ASSERT(fh_eq(fh_json_text(root), bytes));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1U << 28);
    struct fh_slice bytes = {data, size};

    check_text(arena, bytes);
    walk_anything(bytes);
    if (fh_utf8_ok(bytes)) {
        check_escape(arena, bytes);
    }
    return 0;
}
