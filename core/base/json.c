/* json.c: yyjson over an arena.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include "base/text.h"

enum { LEVELS_MIN = 16 };

/* yyjson frees and resizes through these. A resize grows in place when it can; a free is nothing,
 * the arena goes as a whole. */
static void *try_malloc(void *ctx, size_t size)
{
    return fh_arena_try(ctx, size);
}

static void *try_realloc(void *ctx, void *ptr, size_t old_size, size_t size)
{
    return fh_arena_resize(ctx, ptr, old_size, size);
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

/* What a peer sent is read within the arena's cap. */
static yyjson_alc capped(struct fh_arena *arena)
{
    return (yyjson_alc){try_malloc, try_realloc, no_free, arena};
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
    yyjson_alc alc = capped(arena);
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

static void append(struct fh_buf *out, const char *text, size_t len)
{
    if (text == NULL) {
        out->failed = true;
        return;
    }
    fh_buf_append(out, fh_slice(text, len));
}

/* What is being printed: an object or a list, and how far. */
struct level {
    bool is_object, first;
    union {
        yyjson_mut_arr_iter arr;
        yyjson_mut_obj_iter obj;
    } at;
};

struct levels {
    struct fh_arena *scratch;
    struct level *list;
    size_t count, room;
};

static void enter(struct levels *levels, yyjson_mut_val *val)
{
    if (levels->count == levels->room) {
        size_t room = levels->room == 0 ? LEVELS_MIN : levels->room * 2;

        levels->list =
            fh_arena_grow(levels->scratch, levels->list, levels->room * sizeof(*levels->list),
                          room * sizeof(*levels->list));
        levels->room = room;
    }
    struct level *level = &levels->list[levels->count++];

    *level = (struct level){.is_object = yyjson_mut_is_obj(val), .first = true};
    if (level->is_object) {
        (void)yyjson_mut_obj_iter_init(val, &level->at.obj);
    } else {
        (void)yyjson_mut_arr_iter_init(val, &level->at.arr);
    }
}

static void print_string(struct fh_buf *out, yyjson_mut_val *val)
{
    fh_json_quote(out, fh_slice(yyjson_mut_get_str(val), yyjson_mut_get_len(val)));
}

/* print_scalar prints what is no object and no list. */
static void print_scalar(struct fh_buf *out, struct fh_arena *scratch, yyjson_mut_val *val)
{
    if (yyjson_mut_is_str(val)) {
        print_string(out, val);
    } else if (yyjson_mut_is_raw(val)) {
        fh_buf_append(out, fh_slice(yyjson_mut_get_raw(val), yyjson_mut_get_len(val)));
    } else if (yyjson_mut_is_uint(val)) {
        fh_buf_u64(out, yyjson_mut_get_uint(val));
    } else if (yyjson_mut_is_bool(val)) {
        fh_buf_append(out, yyjson_mut_get_bool(val) ? FH_LIT("true") : FH_LIT("false"));
    } else if (yyjson_mut_is_null(val)) {
        fh_buf_append(out, FH_LIT("null"));
    } else { /* other numbers: seldom */
        yyjson_alc alc = uncapped(scratch);
        size_t len = 0;
        char *text = yyjson_mut_val_write_opts(val, YYJSON_WRITE_NOFLAG, &alc, &len, NULL);

        append(out, text, len);
    }
}

/* next gives the next value of the innermost object or list, its comma and its name printed; NULL
 * at its end. */
static yyjson_mut_val *next(struct fh_buf *out, struct level *level)
{
    yyjson_mut_val *val = level->is_object ? yyjson_mut_obj_iter_next(&level->at.obj)
                                           : yyjson_mut_arr_iter_next(&level->at.arr);

    if (val == NULL) {
        return NULL;
    }
    fh_buf_append(out, level->first ? FH_NONE : FH_LIT(","));
    level->first = false;
    if (level->is_object) {
        print_string(out, val);
        fh_buf_append(out, FH_LIT(":"));
        val = yyjson_mut_obj_iter_get_val(val);
    }
    return val;
}

/* fh_json_append goes from value to value with a stack of its own. yyjson's printer would need a
 * text of its own first, with room for six bytes for each of a string: for a long prompt that is
 * most of what a translation costs. */
void fh_json_append(struct fh_buf *out, struct fh_arena *scratch, const yyjson_mut_val *root)
{
    struct levels levels = {.scratch = scratch};
    /* the iterators want a tree that may change; nothing here changes it
     * NOLINTNEXTLINE(performance-no-int-to-ptr) */
    yyjson_mut_val *val = (yyjson_mut_val *)(uintptr_t)root;

    do {
        if (val != NULL && yyjson_mut_is_ctn(val)) {
            fh_buf_append(out, yyjson_mut_is_obj(val) ? FH_LIT("{") : FH_LIT("["));
            enter(&levels, val);
        } else if (val != NULL) {
            print_scalar(out, scratch, val);
        }
        while (levels.count > 0 && (val = next(out, &levels.list[levels.count - 1])) == NULL) {
            fh_buf_append(out,
                          levels.list[--levels.count].is_object ? FH_LIT("}") : FH_LIT("]"));
        }
    } while (levels.count > 0);
}

void fh_json_append_val(struct fh_buf *out, struct fh_arena *scratch, const yyjson_val *val)
{
    yyjson_alc alc = uncapped(scratch);
    size_t len = 0;

    char *text = yyjson_val_write_opts(val, YYJSON_WRITE_NOFLAG, &alc, &len, NULL);

    append(out, text, len);
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
