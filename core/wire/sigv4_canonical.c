/* sigv4_canonical.c: one text for all forms in which a request can arrive.
 * SPDX-License-Identifier: Apache-2.0 */
#include "wire/sigv4_canonical.h"

#include "base/text.h"

#include <stdlib.h>

static bool is_unreserved(uint8_t c) /* RFC 3986, 2.3 */
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '-' || c == '.' || c == '_' || c == '~';
}

static void append_escape(struct fh_buf *out, uint8_t c)
{
    static const uint8_t digits[] = "0123456789ABCDEF";
    const uint8_t escape[] = {'%', digits[c >> 4], digits[c & 15]};

    fh_buf_append(out, fh_slice(escape, sizeof(escape)));
}

/* ---- the path ---- */

/* append_encoded encodes whatever is not unreserved, but for slashes. */
static void append_encoded(struct fh_buf *out, struct fh_slice s)
{
    while (s.len > 0) {
        size_t plain = 0;

        while (plain < s.len && (is_unreserved(s.ptr[plain]) || s.ptr[plain] == '/')) {
            plain++;
        }
        fh_buf_append(out, fh_head(s, plain));
        s = fh_tail(s, plain);
        if (s.len > 0) {
            append_escape(out, s.ptr[0]);
            s = fh_tail(s, 1);
        }
    }
}

/* append_normalized leaves empty segments and "." out, and with each ".." the one before it. */
static void append_normalized(struct fh_buf *out, struct fh_slice path, struct fh_arena *arena)
{
    struct fh_slice *kept = fh_arena_raw(arena, (path.len / 2 + 1) * sizeof(*kept));
    bool slash_at_end = fh_ends(path, FH_LIT("/"));
    struct fh_slice segment;
    size_t count = 0;

    while (fh_split(&path, '/', &segment)) {
        if (fh_eq(segment, FH_LIT(".."))) {
            count -= count > 0;
        } else if (segment.len > 0 && !fh_eq(segment, FH_LIT("."))) {
            kept[count++] = segment;
        }
    }
    for (size_t i = 0; i < count; i++) {
        fh_buf_byte(out, '/');
        append_encoded(out, kept[i]);
    }
    if (slash_at_end || count == 0) {
        fh_buf_byte(out, '/');
    }
}

static void append_path(struct fh_buf *out, const struct fh_sigv4_request *req,
                        struct fh_arena *arena)
{
    if (req->path.len == 0) {
        fh_buf_byte(out, '/');
    } else if (req->normalize) {
        append_normalized(out, req->path, arena);
    } else {
        append_encoded(out, req->path);
    }
}

/* ---- the query ---- */

/* append_recoded decodes and encodes again: `%7e` and `~` are the same. False when a "%" lacks its
 * two digits: to take it for itself would make `%zz` and `%25zz` the same as well. */
static bool append_recoded(struct fh_buf *out, struct fh_slice s)
{
    while (s.len > 0) {
        uint8_t c = s.ptr[0];
        size_t width = 1;

        if (c == '%') {
            width = 3;
            if (s.len < width || !fh_parse_unhex(fh_sub(s, 1, 2), &c, 1)) {
                return false;
            }
        }
        if (is_unreserved(c)) {
            fh_buf_byte(out, c);
        } else {
            append_escape(out, c);
        }
        s = fh_tail(s, width);
    }
    return true;
}

/* By name, then by value. To order whole pairs would be wrong: "a-=" stands before "a=". */
static int compare_params(const void *a, const void *b)
{
    const struct fh_sigv4_param *left = a;
    const struct fh_sigv4_param *right = b;
    int order = fh_compare(left->name, right->name);

    return order != 0 ? order : fh_compare(left->value, right->value);
}

static size_t count_bytes(struct fh_slice s, uint8_t c)
{
    size_t count = 0;

    for (size_t i = 0; i < s.len; i++) {
        count += s.ptr[i] == c;
    }
    return count;
}

enum fh_rc fh_sigv4_params_read(struct fh_sigv4_params *out, struct fh_slice query,
                                struct fh_arena *arena)
{
    struct fh_buf text = fh_buf_in_arena(arena, FH_SIGV4_CANONICAL_MAX);
    size_t room = fh_min(count_bytes(query, '&') + 1, FH_SIGV4_PARAMS_MAX);
    struct fh_slice pair;

    *out = (struct fh_sigv4_params){0};
    if (query.len == 0) {
        return FH_OK;
    }
    if (query.len > FH_SIGV4_CANONICAL_MAX / 3 ||
        fh_buf_reserve(&text, query.len * 3) == NULL) { /* so that it never moves */
        return FH_E_LIMIT;
    }
    out->param = fh_arena_raw(arena, room * sizeof(*out->param));
    while (fh_split(&query, '&', &pair)) {
        size_t equal = fh_find(pair, '=');
        size_t from = text.len;
        size_t parted = 0;

        if (pair.len == 0) {
            continue;
        }
        if (out->count == room) {
            return FH_E_LIMIT;
        }
        if (!append_recoded(&text, fh_head(pair, equal))) {
            return FH_E_SYNTAX;
        }
        parted = text.len;
        if (!append_recoded(&text, fh_tail(pair, fh_min(equal + 1, pair.len)))) {
            return FH_E_SYNTAX;
        }
        out->param[out->count++] = (struct fh_sigv4_param){
            fh_sub(fh_buf_slice(&text), from, parted - from),
            fh_tail(fh_buf_slice(&text), parted),
        };
    }
    qsort(out->param, out->count, sizeof(*out->param), compare_params);
    return FH_OK;
}

static enum fh_rc append_query(struct fh_buf *out, struct fh_slice query,
                               struct fh_arena *arena)
{
    struct fh_sigv4_params params;
    bool any = false;

    FH_TRY(fh_sigv4_params_read(&params, query, arena));
    for (size_t i = 0; i < params.count; i++) {
        if (fh_eq(params.param[i].name, FH_LIT("X-Amz-Signature"))) {
            continue;
        }
        if (any) {
            fh_buf_byte(out, '&');
        }
        any = true;
        fh_buf_append(out, params.param[i].name);
        fh_buf_byte(out, '=');
        fh_buf_append(out, params.param[i].value);
    }
    return FH_OK;
}

/* ---- the fields ---- */

size_t fh_sigv4_field(const struct fh_sigv4_request *req, struct fh_slice name,
                      struct fh_slice *value)
{
    size_t count = 0;

    for (size_t i = 0; i < req->field_count; i++) {
        if (fh_eq_nocase(req->field[i].name, name)) {
            if (count == 0) {
                *value = req->field[i].value;
            }
            count++;
        }
    }
    return count;
}

/* What SDKs take for white space when they collapse it: that of their languages' regular
 * expressions. A line break can only be there in what was never sent. */
static bool is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* append_collapsed writes the words of a value with one space between them. */
static void append_collapsed(struct fh_buf *out, struct fh_slice value)
{
    bool any = false;

    while (value.len > 0) {
        size_t end = 0;

        while (end < value.len && !is_space(value.ptr[end])) {
            end++;
        }
        if (end > 0) {
            if (any) {
                fh_buf_byte(out, ' ');
            }
            any = true;
            fh_buf_append(out, fh_head(value, end));
        }
        value = fh_tail(value, fh_min(end + 1, value.len));
    }
}

/* append_values joins the values of all fields of that name; false when there is none. */
static bool append_values(struct fh_buf *out, const struct fh_sigv4_request *req,
                          struct fh_slice name)
{
    bool any = false;

    for (size_t i = 0; i < req->field_count; i++) {
        if (fh_eq_nocase(req->field[i].name, name)) {
            if (any) {
                fh_buf_byte(out, ',');
            }
            any = true;
            append_collapsed(out, req->field[i].value);
        }
    }
    return any;
}

static bool append_authority(struct fh_buf *out, const struct fh_sigv4_request *req)
{
    append_collapsed(out, req->authority);
    return req->authority.len > 0;
}

static bool append_field(struct fh_buf *out, const struct fh_sigv4_request *req,
                         struct fh_slice name)
{
    bool there = false;

    fh_buf_append(out, name);
    fh_buf_byte(out, ':');
    if (fh_eq(name, FH_LIT(":authority"))) {
        there = append_authority(out, req) || append_values(out, req, FH_LIT("host"));
    } else {
        there = append_values(out, req, name) ||
                (fh_eq(name, FH_LIT("host")) && append_authority(out, req));
    }
    fh_buf_byte(out, '\n');
    return there;
}

/* ---- all of it ---- */

enum fh_rc fh_sigv4_canonical(struct fh_buf *out, const struct fh_sigv4_request *req,
                              struct fh_slice signed_names, struct fh_arena *arena)
{
    struct fh_slice names = signed_names;
    struct fh_slice name;

    if (req->field_count > FH_SIGV4_FIELDS_MAX) {
        return FH_E_LIMIT;
    }
    fh_buf_append(out, req->method);
    fh_buf_byte(out, '\n');
    append_path(out, req, arena);
    fh_buf_byte(out, '\n');
    FH_TRY(append_query(out, req->query, arena));
    fh_buf_byte(out, '\n');
    while (fh_split(&names, ';', &name)) {
        if (!append_field(out, req, name)) {
            return FH_E_MISSING;
        }
    }
    fh_buf_byte(out, '\n');
    fh_buf_append(out, signed_names);
    fh_buf_byte(out, '\n');
    fh_buf_hex(out, fh_slice(req->body.bytes, sizeof(req->body.bytes)));
    return out->failed ? FH_E_LIMIT : FH_OK;
}

void fh_sigv4_scope(struct fh_buf *out, uint64_t at_us, struct fh_slice region,
                    struct fh_slice service)
{
    struct fh_date_time at = fh_date_time(at_us);

    fh_date_print_basic(out, &at.date);
    fh_buf_byte(out, '/');
    fh_buf_append(out, region);
    fh_buf_byte(out, '/');
    fh_buf_append(out, service);
    fh_buf_append(out, FH_LIT("/" FH_SIGV4_TERM));
}

void fh_sigv4_string_to_sign(struct fh_buf *out, uint64_t at_us, struct fh_slice region,
                             struct fh_slice service, struct fh_slice canonical)
{
    struct fh_sha256 hash = fh_sha256(canonical);

    fh_buf_append(out, FH_LIT(FH_SIGV4_ALGORITHM "\n"));
    fh_date_time_print_basic(out, at_us);
    fh_buf_byte(out, '\n');
    fh_sigv4_scope(out, at_us, region, service);
    fh_buf_byte(out, '\n');
    fh_buf_hex(out, fh_slice(hash.bytes, sizeof(hash.bytes)));
}
