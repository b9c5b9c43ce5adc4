/* json.c: yyjson over an arena.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include "base/text.h"

enum { LEVELS_MIN = 16 };

/* yyjson frees and resizes through these. A resize grows in place when it can; a free is nothing,
 * the arena goes as a whole. */
struct capped {
    struct fh_arena *arena;
    size_t last_size; /* of the piece asked for last */
};

static void *try_malloc(void *ctx, size_t size)
{
    struct capped *capped = ctx;

    capped->last_size = size;
    return fh_arena_try(capped->arena, size);
}

static void *try_realloc(void *ctx, void *ptr, size_t old_size, size_t size)
{
    struct capped *capped = ctx;

    capped->last_size = size;
    return fh_arena_resize(capped->arena, ptr, old_size, size);
}

static void *must_malloc(void *ctx, size_t size)
{
    return fh_arena_raw(ctx, size);
}

static void *must_realloc(void *ctx, void *ptr, size_t old_size, size_t size)
{
    void *fresh = size > old_size ? fh_arena_raw(ctx, size) : ptr;

    return fresh == ptr ? ptr : memcpy(fresh, ptr, old_size);
}

static void no_free(void *ctx, void *ptr)
{
    FH_UNUSED(ctx);
    FH_UNUSED(ptr);
}

/* give_back shrinks a document to what is in it: yyjson guesses how many values a text has, and
 * makes room for far more than a text of long strings needs. The document is the last piece it
 * asked for. */
static void give_back(const struct capped *capped, yyjson_doc *doc)
{
    const uint8_t *end = (const uint8_t *)unsafe_yyjson_get_next(yyjson_doc_get_root(doc));

    fh_arena_shrink(capped->arena, doc, capped->last_size,
                    (size_t)(end - (const uint8_t *)doc));
}

/* What we write was bounded when it was read, and an encoder does not look at each call's result:
 * a member that was left out for want of memory would be lost silently. So this one aborts. */
static yyjson_alc uncapped(struct fh_arena *arena)
{
    return (yyjson_alc){must_malloc, must_realloc, no_free, arena};
}

enum fh_rc fh_json_parse(struct fh_arena *arena, struct fh_slice text, yyjson_val **root,
                         struct fh_error *why)
{
    struct capped capped = {.arena = arena}; /* what a peer sent is read within the cap */
    yyjson_alc alc = {try_malloc, try_realloc, no_free, &capped};
    yyjson_read_err err;
    /* without YYJSON_READ_INSITU the input is not written to, the cast takes nothing away
     * NOLINTNEXTLINE(performance-no-int-to-ptr) */
    yyjson_doc *doc = yyjson_read_opts((char *)(uintptr_t)text.ptr, text.len,
                                       YYJSON_READ_NUMBER_AS_RAW, &alc, &err);

    if (doc == NULL) {
        bool full = err.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION;

        *why = (struct fh_error){full ? FH_E_LIMIT : FH_E_SYNTAX, err.msg, err.pos};
        return why->code;
    }
    give_back(&capped, doc);
    *root = yyjson_doc_get_root(doc);
    return FH_OK;
}

yyjson_mut_doc *fh_json_new(struct fh_arena *arena)
{
    yyjson_alc alc = uncapped(arena);
    yyjson_mut_doc *doc = yyjson_mut_doc_new(&alc);

    FH_ASSERT(doc != NULL);
    return doc;
}

/* Text is printed where it belongs, at the end of the buffer: it may be most of what there is.
 * The printer asks for more than it needs in the end; where that would pass the buffer's max,
 * the text is printed aside first. */
static void *end_malloc(void *ctx, size_t size)
{
    return fh_buf_reserve(ctx, size);
}

static void *end_realloc(void *ctx, void *ptr, size_t old_size, size_t size)
{
    FH_UNUSED(ptr);
    FH_UNUSED(old_size);
    return fh_buf_reserve(ctx, size); /* what stands in a buffer's room moves with it */
}

static yyjson_alc at_end(struct fh_buf *out)
{
    return (yyjson_alc){end_malloc, end_realloc, no_free, out};
}

static void append(struct fh_buf *out, const char *text, size_t len)
{
    if (text == NULL) {
        out->failed = true;
        return;
    }
    fh_buf_append(out, fh_slice(text, len));
}

void fh_json_append(struct fh_buf *out, struct fh_arena *scratch, const yyjson_mut_val *root)
{
    yyjson_alc direct = at_end(out);
    yyjson_alc aside = uncapped(scratch);
    size_t len = 0;

    if (out->failed) {
        return;
    }
    if (yyjson_mut_val_write_opts(root, YYJSON_WRITE_NOFLAG, &direct, &len, NULL) != NULL) {
        fh_buf_commit(out, len);
        return;
    }
    out->failed = false;
    char *text = yyjson_mut_val_write_opts(root, YYJSON_WRITE_NOFLAG, &aside, &len, NULL);

    append(out, text, len);
}

void fh_json_append_val(struct fh_buf *out, struct fh_arena *scratch, const yyjson_val *val)
{
    yyjson_alc direct = at_end(out);
    yyjson_alc aside = uncapped(scratch);
    size_t len = 0;

    if (out->failed) {
        return;
    }
    if (yyjson_val_write_opts(val, YYJSON_WRITE_NOFLAG, &direct, &len, NULL) != NULL) {
        fh_buf_commit(out, len);
        return;
    }
    out->failed = false;
    char *text = yyjson_val_write_opts(val, YYJSON_WRITE_NOFLAG, &aside, &len, NULL);

    append(out, text, len);
}

struct fh_slice fh_json_printed(struct fh_arena *arena, const yyjson_val *val)
{
    FH_AUTO(fh_buf_fini) struct fh_buf text = fh_buf_on_heap(SIZE_MAX / 4);

    fh_json_append_val(&text, arena, val);
    return fh_dup(arena, fh_buf_slice(&text));
}

bool fh_json_u64(yyjson_val *val, uint64_t *out)
{
    struct fh_slice digits = fh_json_number(val);

    if (fh_parse_u64(digits, out)) {
        return true;
    }
    /* `12.0` is whole as well: some serialisers write every number that way */
    struct fh_slice whole;

    return fh_split(&digits, '.', &whole) && fh_eq(digits, FH_LIT("0")) &&
           fh_parse_u64(whole, out);
}
