/* json_walk.c: finds where values end by counting brackets, strings left out.
 * SPDX-License-Identifier: Apache-2.0 */
#include "wire/json_walk.h"

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static struct fh_slice skip_blanks(struct fh_slice text)
{
    size_t n = 0;

    while (n < text.len && is_blank(text.ptr[n])) {
        n++;
    }
    return fh_tail(text, n);
}

/* string_end gives the offset behind the string that starts at `at`. */
static size_t string_end(struct fh_slice text, size_t at)
{
    bool high = false;

    at++;
    while (at < text.len) {
        at += fh_json_string_skip(fh_tail(text, at), &high);
        if (at < text.len && text.ptr[at++] == '"') {
            return at;
        }
    }
    return text.len;
}

/* What a byte does to the depth. */
enum { PLAIN, OPENS, CLOSES, QUOTES };

static const uint8_t role[256] = {
    ['{'] = OPENS, ['['] = OPENS, ['}'] = CLOSES, [']'] = CLOSES, ['"'] = QUOTES};

/* container_end gives the offset behind the object or array that `text` starts with. */
static size_t container_end(struct fh_slice text)
{
    size_t depth = 0;
    size_t at = 0;

    while (at < text.len) {
        switch (role[text.ptr[at]]) {
        case OPENS:
            depth++;
            break;
        case CLOSES:
            if (--depth == 0) {
                return at + 1;
            }
            break;
        case QUOTES:
            at = string_end(text, at);
            continue;
        default:
            at += fh_json_flat_skip(fh_tail(text, at));
            continue;
        }
        at++;
    }
    return text.len;
}

static size_t scalar_end(struct fh_slice text)
{
    size_t n = 0;

    while (n < text.len && !is_blank(text.ptr[n]) && text.ptr[n] != ',' && text.ptr[n] != ':' &&
           role[text.ptr[n]] != CLOSES) {
        n++;
    }
    return n;
}

static struct fh_slice take_value(struct fh_slice *rest)
{
    struct fh_slice text = skip_blanks(*rest);
    uint8_t first = text.len == 0 ? PLAIN : role[text.ptr[0]];
    size_t n = first == QUOTES  ? string_end(text, 0)
               : first == OPENS ? container_end(text)
                                : scalar_end(text);

    *rest = skip_blanks(fh_tail(text, n));
    return fh_head(text, n);
}

bool fh_json_walk_begin(struct fh_json_walk *walk, struct fh_slice text)
{
    text = skip_blanks(text);
    *walk = (struct fh_json_walk){.object = fh_take(&text, FH_LIT("{"))};
    if (!walk->object && !fh_take(&text, FH_LIT("["))) {
        return false;
    }
    walk->rest = skip_blanks(text);
    return true;
}

bool fh_json_walk_next(struct fh_json_walk *walk, struct fh_json_part *part)
{
    struct fh_slice name = walk->object ? take_value(&walk->rest) : FH_NONE;

    (void)!fh_take(&walk->rest, FH_LIT(":"));
    struct fh_slice value = take_value(&walk->rest);

    (void)!fh_take(&walk->rest, FH_LIT(","));
    if (value.len == 0) {
        walk->rest = FH_NONE;
        return false;
    }
    *part = (struct fh_json_part){name, value};
    return true;
}
