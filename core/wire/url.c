/* url.c: takes a URL apart from the left, and complains about the first byte that does not fit.
 * SPDX-License-Identifier: Apache-2.0 */
#include "wire/url.h"

#include "base/text.h"

enum { HTTP_PORT = 80, HTTPS_PORT = 443, PORT_MAX = 65535 };
enum { NAME_MAX_LEN = 253, LABEL_MAX_LEN = 63 }; /* RFC 1035, 2.3.4 */
enum { V4_PARTS = 4, V6_GROUPS = 8, V6_GROUP_MAX_LEN = 4 };

static bool is_alnum(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_v4(struct fh_slice host)
{
    size_t parts = 0;
    struct fh_slice part;

    if (fh_ends(host, FH_LIT("."))) {
        return false;
    }
    for (; fh_split(&host, '.', &part); parts++) {
        uint64_t value = 0;

        if (part.len > 3 || !fh_parse_u64(part, &value) || value > UINT8_MAX ||
            (part.len > 1 && part.ptr[0] == '0')) { /* 010 is 8 to some and 10 to others */
            return false;
        }
    }
    return parts == V4_PARTS;
}

/* count_groups counts the groups between colons; the last may be an IPv4 address, worth two.
 * False when one of them is no group. */
static bool count_groups(struct fh_slice s, bool v4_may_end_it, size_t *count)
{
    struct fh_slice group;

    if (fh_ends(s, FH_LIT(":"))) {
        return false;
    }
    while (fh_split(&s, ':', &group)) {
        uint64_t value = 0;

        if (s.len == 0 && v4_may_end_it && is_v4(group)) {
            *count += 2;
        } else if (group.len <= V6_GROUP_MAX_LEN && fh_parse_hex_u64(group, &value)) {
            *count += 1;
        } else {
            return false;
        }
    }
    return true;
}

static bool is_v6(struct fh_slice host)
{
    size_t count = 0;

    for (size_t i = 0; i + 1 < host.len; i++) {
        if (fh_starts(fh_tail(host, i), FH_LIT("::"))) {
            return count_groups(fh_head(host, i), false, &count) &&
                   count_groups(fh_tail(host, i + 2), true, &count) && count < V6_GROUPS;
        }
    }
    return count_groups(host, true, &count) && count == V6_GROUPS;
}

static bool is_name(struct fh_slice host)
{
    struct fh_slice label;

    if (host.len == 0 || host.len > NAME_MAX_LEN || host.ptr[0] == '.') {
        return false;
    }
    while (fh_split(&host, '.', &label)) {
        if (label.len == 0 || label.len > LABEL_MAX_LEN) {
            return false;
        }
        for (size_t i = 0; i < label.len; i++) {
            /* an underscore is in no host name and in many a container's */
            if (!is_alnum(label.ptr[i]) && label.ptr[i] != '-' && label.ptr[i] != '_') {
                return false;
            }
        }
        if (host.len == 0 && label.ptr[0] >= '0' && label.ptr[0] <= '9') {
            return false; /* no top-level domain begins with a digit: a broken address */
        }
    }
    return true;
}

bool fh_url_is_address(struct fh_slice host)
{
    return is_v4(host) || is_v6(host);
}

struct parser {
    struct fh_slice whole, rest;
    struct fh_error *why;
};

static enum fh_rc fail(struct parser *p, enum fh_rc code, const char *what)
{
    *p->why =
        (struct fh_error){.code = code, .what = what, .at = fh_between(p->whole, p->rest).len};
    return code;
}

/* authority_end is where the first "/", "?" or "#" stands. */
static size_t authority_end(struct fh_slice s)
{
    return fh_min(fh_find(s, '/'), fh_min(fh_find(s, '?'), fh_find(s, '#')));
}

static enum fh_rc parse_host(struct parser *p, struct fh_url *url)
{
    if (fh_take(&p->rest, FH_LIT("["))) {
        size_t end = fh_find(p->rest, ']');

        if (end == p->rest.len || !is_v6(fh_head(p->rest, end))) {
            return fail(p, FH_E_SYNTAX, "no IPv6 address between the brackets");
        }
        url->host = fh_head(p->rest, end);
        p->rest = fh_tail(p->rest, end + 1);
        return FH_OK;
    }
    size_t end = fh_min(authority_end(p->rest), fh_find(p->rest, ':'));

    if (end < p->rest.len && p->rest.ptr[end] == ':' &&
        is_v6(fh_head(p->rest, authority_end(p->rest)))) {
        return fail(p, FH_E_SYNTAX, "an IPv6 address needs brackets around it");
    }
    url->host = fh_head(p->rest, end);
    if (end == 0) {
        return fail(p, FH_E_SYNTAX, "the host is missing");
    }
    if (!is_v4(url->host) && !is_name(url->host)) {
        return fail(p, FH_E_SYNTAX, "this is neither a host name nor an address");
    }
    p->rest = fh_tail(p->rest, end);
    return FH_OK;
}

static enum fh_rc parse_port(struct parser *p, struct fh_url *url)
{
    uint64_t port = 0;

    if (!fh_take(&p->rest, FH_LIT(":"))) {
        return FH_OK;
    }
    struct fh_slice digits = fh_head(p->rest, authority_end(p->rest));

    if (!fh_parse_u64(digits, &port) || port < 1 || port > PORT_MAX) {
        return fail(p, FH_E_SYNTAX, "a port is a number between 1 and 65535");
    }
    url->port = (uint16_t)port;
    p->rest = fh_tail(p->rest, digits.len);
    return FH_OK;
}

static enum fh_rc parse_path(struct parser *p, struct fh_url *url)
{
    struct fh_slice path = p->rest;

    for (; p->rest.len > 0; p->rest = fh_tail(p->rest, 1)) {
        uint8_t c = p->rest.ptr[0];

        if (c == '?') {
            return fail(p, FH_E_SUPPORT, "a query cannot be part of a provider's URL");
        }
        if (c == '#') {
            return fail(p, FH_E_SUPPORT, "a fragment never reaches a server");
        }
        if (!is_alnum(c) && fh_find(FH_LIT("-._~%!$&'()*+,;=:@/"), c) == 19) {
            return fail(p, FH_E_SYNTAX, "this character needs percent-encoding");
        }
    }
    while (fh_ends(path, FH_LIT("/"))) {
        path = fh_head(path, path.len - 1);
    }
    url->path = path;
    return FH_OK;
}

enum fh_rc fh_url_parse(struct fh_url *url, struct fh_slice text, struct fh_error *why)
{
    struct parser p = {.whole = text, .rest = text, .why = why};
    struct fh_url out = {0};

    if (text.len >= 8 && fh_eq_nocase(fh_head(text, 8), FH_LIT("https://"))) {
        out.tls = true;
        p.rest = fh_tail(text, 8);
    } else if (text.len >= 7 && fh_eq_nocase(fh_head(text, 7), FH_LIT("http://"))) {
        p.rest = fh_tail(text, 7);
    } else {
        return fail(&p, FH_E_SYNTAX, "it must begin with https:// or http://");
    }
    uint16_t own_port = out.tls ? HTTPS_PORT : HTTP_PORT;
    struct fh_slice from = p.rest;

    if (fh_find(fh_head(from, authority_end(from)), '@') < authority_end(from)) {
        return fail(&p, FH_E_SUPPORT, "a user name or password does not belong into a URL");
    }
    out.port = own_port;
    FH_TRY(parse_host(&p, &out));
    out.authority = fh_between(from, p.rest);
    FH_TRY(parse_port(&p, &out));
    if (out.port != own_port) {
        out.authority = fh_between(from, p.rest);
    }
    if (p.rest.len > 0 && fh_find(FH_LIT("/?#"), p.rest.ptr[0]) == 3) {
        return fail(&p, FH_E_SYNTAX, "only a port or a path can follow the host");
    }
    FH_TRY(parse_path(&p, &out));
    *url = out;
    return FH_OK;
}

enum fh_rc fh_url_decode_segment(struct fh_slice segment, struct fh_arena *arena,
                                 struct fh_slice *out)
{
    struct fh_buf clear = fh_buf_in_arena(arena, segment.len);

    while (segment.len > 0) {
        size_t plain = fh_find(segment, '%');
        uint8_t byte = 0;

        fh_buf_append(&clear, fh_head(segment, plain));
        segment = fh_tail(segment, plain);
        if (segment.len == 0) {
            break;
        }
        if (segment.len < 3 || !fh_parse_unhex(fh_sub(segment, 1, 2), &byte, 1)) {
            return FH_E_SYNTAX;
        }
        fh_buf_byte(&clear, byte);
        segment = fh_tail(segment, 3);
    }
    if (clear.failed) {
        return FH_E_LIMIT;
    }
    if (!fh_utf8_ok(fh_buf_slice(&clear)) ||
        fh_find(fh_buf_slice(&clear), '\0') < fh_buf_slice(&clear).len) {
        return FH_E_SYNTAX;
    }
    *out = fh_buf_slice(&clear);
    return FH_OK;
}

void fh_url_encode_segment(struct fh_buf *out, struct fh_slice segment, struct fh_slice also)
{
    static const char digits[] = "0123456789ABCDEF";

    for (size_t i = 0; i < segment.len; i++) {
        uint8_t c = segment.ptr[i];

        if (is_alnum(c) || fh_find(FH_LIT("-._~"), c) < 4 || fh_find(also, c) < also.len) {
            fh_buf_byte(out, c);
        } else {
            fh_buf_byte(out, '%');
            fh_buf_byte(out, (uint8_t)digits[c >> 4]);
            fh_buf_byte(out, (uint8_t)digits[c & 15]);
        }
    }
}
