/* json_scan.c: a loop over tokens, with a bit per level where others recurse. Its cursor is an
 * offset, not a slice: a name or a comma is one byte to look at, and there are thousands of them.
 * SPDX-License-Identifier: Apache-2.0 */
#include "wire/json_scan.h"

/* What may come next. */
enum expect {
    VALUE,        /* at the start, behind a colon, behind a comma in an array */
    VALUE_OR_END, /* behind [ */
    NAME,         /* behind a comma in an object */
    NAME_OR_END,  /* behind { */
    NEXT,         /* behind a value: a comma, or the end of what it stands in */
};

struct scan {
    struct fh_slice text;
    size_t at;
    enum expect expect;
    uint32_t depth; /* objects and arrays that are open */
    uint32_t depth_max;
    bool in_object;                           /* whether the innermost of them is an object */
    uint64_t objects[FH_JSON_DEPTH_MAX / 64]; /* the same for all of them, a bit each */
    const struct fh_slice *names;
    struct fh_json_member *members;
    size_t count;
    struct fh_json_member *member; /* whose value is being read, or NULL */
    size_t value_at;               /* where that value starts */
    size_t name_at;                /* where the name of that member starts */
    struct fh_error *why;
};

/* ---- tokens ---- */

static enum fh_rc fail_as(struct scan *s, enum fh_rc code, size_t at, const char *what)
{
    *s->why = (struct fh_error){.code = code, .what = what, .at = at};
    return code;
}

static enum fh_rc fail(struct scan *s, const char *what)
{
    return fail_as(s, FH_E_SYNTAX, s->at, what);
}

static bool at_end(const struct scan *s)
{
    return s->at == s->text.len;
}

/* byte is the one at the cursor, or NUL at the end, which no token begins with or goes on with. */
static uint8_t byte(const struct scan *s)
{
    return at_end(s) ? 0 : s->text.ptr[s->at];
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static void skip_blanks(struct scan *s)
{
    size_t at = s->at;

    while (at < s->text.len && is_blank(s->text.ptr[at])) {
        at++;
    }
    s->at = at;
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(uint8_t c)
{
    return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

static enum fh_rc read_escape(struct scan *s)
{
    s->at++;
    if (byte(s) != 'u') {
        return fail(s, at_end(s) ? "the text ends inside a string"
                                 : "no such escape in a string; \\\" \\\\ \\/ \\b \\f \\n \\r "
                                   "\\t and \\u0000 are the ones");
    }
    s->at++;
    for (int i = 0; i < 4; i++, s->at++) {
        if (!is_hex(byte(s))) {
            return fail(s, at_end(s) ? "the text ends inside a string"
                                     : "expected four hexadecimal digits behind \\u");
        }
    }
    return FH_OK;
}

static enum fh_rc read_string(struct scan *s)
{
    size_t from = s->at;
    bool high = false;

    s->at++;
    for (;;) {
        s->at += fh_json_string_skip(fh_tail(s->text, s->at), &high);
        if (byte(s) == '"') {
            break;
        }
        if (byte(s) != '\\') {
            return fail(s, at_end(s) ? "the text ends inside a string"
                                     : "control character in a string, must be escaped");
        }
        FH_TRY(read_escape(s));
    }
    s->at++;
    if (high && !fh_utf8_ok(fh_sub(s->text, from, s->at - from))) {
        return fail_as(s, FH_E_SYNTAX, from, "a string that is not UTF-8 starts here");
    }
    return FH_OK;
}

/* skip_digits wants one at least. */
static bool skip_digits(struct scan *s)
{
    size_t from = s->at;

    while (is_digit(byte(s))) {
        s->at++;
    }
    return s->at > from;
}

static enum fh_rc fail_number(struct scan *s)
{
    return fail(s, at_end(s) ? "the text ends inside a number" : "expected a digit");
}

static enum fh_rc read_number(struct scan *s)
{
    s->at += byte(s) == '-' ? 1 : 0;
    if (byte(s) == '0') {
        s->at++;
        if (is_digit(byte(s))) {
            return fail(s, "a number must not start with a zero and more digits");
        }
    } else if (!skip_digits(s)) {
        return fail_number(s);
    }
    if (byte(s) == '.') {
        s->at++;
        if (!skip_digits(s)) {
            return fail_number(s);
        }
    }
    if (byte(s) == 'e' || byte(s) == 'E') {
        s->at++;
        s->at += byte(s) == '+' || byte(s) == '-' ? 1 : 0;
        if (!skip_digits(s)) {
            return fail_number(s);
        }
    }
    return FH_OK;
}

static enum fh_rc read_literal(struct scan *s, struct fh_slice word)
{
    struct fh_slice rest = fh_tail(s->text, s->at);

    if (fh_starts(rest, word)) {
        s->at += word.len;
        return FH_OK;
    }
    if (fh_starts(word, rest)) {
        s->at = s->text.len;
        return fail(s, "the text ends inside true, false or null");
    }
    return fail(s, "expected true, false or null");
}

/* ---- members ---- */

/* find_member sets the member whose name was just read, if it was asked for. */
static enum fh_rc find_member(struct scan *s, size_t from)
{
    struct fh_slice name = fh_sub(s->text, from + 1, s->at - from - 2);
    bool escaped = fh_find(name, '\\') < name.len;

    for (size_t i = 0; i < s->count; i++) {
        if (!(escaped ? fh_json_string_is(name, s->names[i]) : fh_eq(name, s->names[i]))) {
            continue;
        }
        if (s->members[i].value.ptr != NULL) {
            return fail_as(s, FH_E_CONFLICT, from, "a member that we decide by stands twice");
        }
        s->member = &s->members[i];
        return FH_OK;
    }
    return FH_OK;
}

static enum fh_rc read_name(struct scan *s)
{
    size_t from = s->at;

    if (byte(s) != '"') {
        return fail(s, byte(s) == '}' ? "a comma before }" : "expected a name in quotes");
    }
    FH_TRY(read_string(s));
    if (s->depth == 1) {
        s->name_at = from;
        FH_TRY(find_member(s, from));
    }
    skip_blanks(s);
    if (byte(s) != ':') {
        return fail(s, at_end(s) ? "the text ends behind a name"
                                 : "expected a colon behind a name");
    }
    s->at++;
    s->expect = VALUE;
    return FH_OK;
}

/* ---- structure ---- */

/* value_ends notes where the value of a member that was asked for lies. */
static void value_ends(struct scan *s)
{
    if (s->depth == 1 && s->member != NULL) {
        s->member->value = fh_sub(s->text, s->value_at, s->at - s->value_at);
        s->member->whole = fh_sub(s->text, s->name_at, s->at - s->name_at);
        s->member = NULL;
    }
    s->expect = NEXT;
}

static enum fh_rc enter(struct scan *s, bool object)
{
    uint64_t *word = &s->objects[s->depth / 64];
    uint64_t bit = (uint64_t)1 << s->depth % 64;

    if (s->depth == s->depth_max) {
        return fail_as(s, FH_E_LIMIT, s->at, "nested deeper than the limit");
    }
    if (s->depth % 64 == 0) {
        *word = 0; /* nobody wrote here before */
    }
    *word = object ? *word | bit : *word & ~bit;
    s->depth++;
    s->at++;
    s->in_object = object;
    s->expect = object ? NAME_OR_END : VALUE_OR_END;
    return FH_OK;
}

static void leave(struct scan *s)
{
    FH_ASSERT(s->depth > 0);
    s->depth--;
    s->at++;
    if (s->depth > 0) {
        s->in_object = (s->objects[(s->depth - 1) / 64] >> (s->depth - 1) % 64 & 1) != 0;
    }
    value_ends(s);
}

static enum fh_rc read_scalar(struct scan *s)
{
    switch (byte(s)) {
    case '"':
        return read_string(s);
    case 't':
        return read_literal(s, FH_LIT("true"));
    case 'f':
        return read_literal(s, FH_LIT("false"));
    case 'n':
        return read_literal(s, FH_LIT("null"));
    case '-':
        return read_number(s);
    case ']':
        return fail(s, s->depth > 0 && !s->in_object ? "a comma before ]" : "expected a value");
    case '\'':
        return fail(s, "a string must stand in double quotes");
    case 0xef:
        return fail(s, s->at == 0 ? "a byte order mark must not stand before the value"
                                  : "expected a value");
    default:
        return is_digit(byte(s)) ? read_number(s) : fail(s, "expected a value");
    }
}

static enum fh_rc read_value(struct scan *s)
{
    if (s->depth == 1) {
        s->value_at = s->at;
    }
    if (byte(s) == '{' || byte(s) == '[') {
        return enter(s, byte(s) == '{');
    }
    FH_TRY(read_scalar(s));
    value_ends(s);
    return FH_OK;
}

static enum fh_rc read_next(struct scan *s)
{
    if (s->depth == 0) {
        return fail(s, "something stands behind the value");
    }
    if (byte(s) == ',') {
        s->at++;
        s->expect = s->in_object ? NAME : VALUE;
        return FH_OK;
    }
    if (byte(s) == (s->in_object ? '}' : ']')) {
        leave(s);
        return FH_OK;
    }
    return fail(s, s->in_object ? "expected a comma or } behind a member"
                                : "expected a comma or ] behind an element");
}

static enum fh_rc read_token(struct scan *s)
{
    switch (s->expect) {
    case NAME_OR_END:
        if (byte(s) == '}') {
            leave(s);
            return FH_OK;
        }
        [[fallthrough]];
    case NAME:
        return read_name(s);
    case VALUE_OR_END:
        if (byte(s) == ']') {
            leave(s);
            return FH_OK;
        }
        [[fallthrough]];
    case VALUE:
        return read_value(s);
    case NEXT:
        return read_next(s);
    }
    fh_assert_failed("one of the states", __FILE__, __LINE__);
}

/* read_text takes one token a turn. That the value is no object is told last: when the text is no
 * JSON at all, that is the better complaint. */
static enum fh_rc read_text(struct scan *s)
{
    size_t top = 0;

    skip_blanks(s);
    if (at_end(s)) {
        return fail(s, "there is no value");
    }
    top = s->at;
    while (!at_end(s)) {
        FH_TRY(read_token(s));
        skip_blanks(s);
    }
    if (s->depth > 0 || s->expect != NEXT) {
        return fail(s, "the text ends before its value does");
    }
    if (s->count > 0 && s->text.ptr[top] != '{') {
        return fail_as(s, FH_E_TYPE, top, "the value must be an object");
    }
    return FH_OK;
}

static void forget(struct scan *s)
{
    for (size_t i = 0; i < s->count; i++) {
        s->members[i] = (struct fh_json_member){0};
    }
}

enum fh_rc fh_json_scan(struct fh_slice text, const struct fh_slice *names,
                        struct fh_json_member *members, size_t count, uint32_t depth_max,
                        struct fh_error *why)
{
    struct scan s; /* not zeroed whole: `objects` is written before it is read */

    FH_ASSERT(depth_max <= FH_JSON_DEPTH_MAX);
    s.text = text;
    s.at = 0;
    s.expect = VALUE;
    s.depth = 0;
    s.depth_max = depth_max;
    s.in_object = false;
    s.names = names;
    s.members = members;
    s.count = count;
    s.member = NULL;
    s.value_at = 0;
    s.name_at = 0;
    s.why = why;
    forget(&s);

    enum fh_rc rc = read_text(&s);

    if (rc != FH_OK) {
        forget(&s);
    }
    return rc;
}
