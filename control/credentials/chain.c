/* chain.c: the walk along a chain, and what its links have in common.
 * SPDX-License-Identifier: Apache-2.0 */
#include "control/credentials/chain.h"

#include "control/file.h"
#include "control/when.h"

#include "base/text.h"
#include "wire/json_scan.h"

#include <errno.h>
#include <string.h>

enum {
    WHY_MAX_LEN = 4096,
    TEXT_MAX_LEN = 1 << 16,
    FILE_MAX_BYTES = 1 << 20,
    WORDS_MAX_LEN = 300, /* of what a service says of itself */
    DEPTH_MAX = 32,
    CONNECT_TIMEOUT_MS = 5000,
    TIMEOUT_MS = 15000,
};

/* ---- the walk ---- */

static const struct fh_chain *chain_of(enum fh_credential_source source)
{
    static const struct fh_chain *const all[] = {
        [FH_CREDENTIALS_NONE] = NULL,
        [FH_CREDENTIALS_AWS] = &fh_chain_aws,
        [FH_CREDENTIALS_GOOGLE] = &fh_chain_google,
        [FH_CREDENTIALS_ENTRA] = &fh_chain_entra,
    };

    static_assert(FH_LEN(all) == FH_CREDENTIAL_SOURCE_COUNT, "each has a row");
    FH_ASSERT(source < FH_CREDENTIAL_SOURCE_COUNT && all[source] != NULL);
    return all[source];
}

/* check_time refuses what is of no use any more: clocks that differ, or a helper with a stale
 * cache. */
static enum fh_rc check_time(struct fh_chain_work *work, const struct fh_credential *c)
{
    if (c->expires_s > 0 && c->expires_s <= work->now_us / 1000000) {
        return fh_chain_fail(work, FH_E_SYSTEM,
                             "%.*s gave credentials that have expired, %llu s ago; is this "
                             "machine's clock right?",
                             FH_ARG(c->from),
                             (unsigned long long)(work->now_us / 1000000 - c->expires_s));
    }
    return FH_OK;
}

/* settle makes sense of what a link gave. */
static enum fh_rc settle(struct fh_chain_work *work, const struct fh_chain *chain,
                         struct fh_credential *found)
{
    FH_TRY(check_time(work, found));
    if (chain->finish != NULL) {
        FH_TRY(chain->finish(work, found));
        FH_TRY(check_time(work, found));
    }
    return FH_OK;
}

enum fh_rc fh_chain_obtain(struct fh_chain_work *work, struct fh_credential *out)
{
    const struct fh_chain *chain = chain_of(work->settings->source);
    struct fh_buf tried = fh_buf_in_arena(work->arena, WHY_MAX_LEN);
    struct fh_buf *why = work->why;

    for (size_t i = 0; i < chain->count; i++) {
        struct fh_buf said = fh_buf_in_arena(work->arena, WHY_MAX_LEN);
        struct fh_credential found = {.kind = FH_CREDENTIAL_TOKEN};

        work->why = &said;
        enum fh_rc rc = chain->list[i].fetch(work, &found);

        if (rc == FH_OK) {
            rc = settle(work, chain, &found);
        }
        work->why = why;
        if (rc == FH_OK) {
            *out = found;
            return FH_OK;
        }
        if (rc != FH_E_MISSING) {
            fh_buf_printf(why, "%s: %.*s", chain->list[i].name, FH_ARG(fh_buf_slice(&said)));
            return rc;
        }
        fh_buf_printf(&tried, "%s%s: %.*s", i == 0 ? "" : "; ", chain->list[i].name,
                      FH_ARG(fh_buf_slice(&said)));
    }
    fh_buf_printf(why, "none are set up here (%.*s)", FH_ARG(fh_buf_slice(&tried)));
    return FH_E_MISSING;
}

/* ---- for the links ---- */

enum fh_rc fh_chain_fail(struct fh_chain_work *work, enum fh_rc rc, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    fh_buf_vprintf(work->why, fmt, args);
    va_end(args);
    return rc;
}

struct fh_slice fh_chain_print(struct fh_chain_work *work, const char *fmt, ...)
{
    struct fh_buf text = fh_buf_in_arena(work->arena, TEXT_MAX_LEN);
    va_list args;

    va_start(args, fmt);
    fh_buf_vprintf(&text, fmt, args);
    va_end(args);
    fh_buf_byte(&text, '\0');
    /* what is too long becomes nothing, which no service and no file is called */
    return text.failed ? FH_LIT("") : fh_head(fh_buf_slice(&text), text.len - 1);
}

struct fh_slice fh_chain_env(const struct fh_chain_work *work, const char *name)
{
    for (const char *const *e = work->environment; *e != NULL; e++) {
        struct fh_slice value = fh_cstr(*e);

        if (fh_take(&value, fh_cstr(name)) && fh_take(&value, FH_LIT("="))) {
            return value;
        }
    }
    return FH_NONE;
}

struct fh_slice fh_chain_home(struct fh_chain_work *work, struct fh_slice path,
                              const char *below)
{
    struct fh_slice home = fh_chain_env(work, "HOME");
    struct fh_slice rest = path;

    if (path.len == 0) {
        return fh_chain_print(work, "%.*s/%s", FH_ARG(home), below);
    }
    if (fh_take(&rest, FH_LIT("~/"))) {
        return fh_chain_print(work, "%.*s/%.*s", FH_ARG(home), FH_ARG(rest));
    }
    return fh_chain_print(work, "%.*s", FH_ARG(path));
}

enum fh_rc fh_chain_file(struct fh_chain_work *work, struct fh_slice path,
                         struct fh_slice *text)
{
    const char *name = fh_dup_cstr(work->arena, path);

    if (fh_file_read(name, work->arena, FILE_MAX_BYTES, text) == FH_OK) {
        return FH_OK;
    }
    if (errno == ENOENT || errno == ENOTDIR) {
        return fh_chain_fail(work, FH_E_MISSING, "there is no %s", name);
    }
    return fh_chain_fail(work, FH_E_SYSTEM, "%s cannot be read: %s", name,
                         strerrordesc_np(errno));
}

enum fh_rc fh_chain_token_file(struct fh_chain_work *work, struct fh_slice path,
                               struct fh_slice *token)
{
    struct fh_slice text = FH_NONE;
    enum fh_rc rc = fh_chain_file(work, path, &text);

    if (rc != FH_OK) {
        return rc == FH_E_MISSING ? FH_E_SYSTEM : rc;
    }
    text = fh_head(text, fh_find(text, '\n'));
    text = fh_trim(fh_head(text, fh_find(text, '\r')));
    if (text.len == 0) {
        return fh_chain_fail(work, FH_E_SYNTAX, "%.*s is empty", FH_ARG(path));
    }
    *token = text;
    return FH_OK;
}

enum fh_rc fh_chain_call(struct fh_chain_work *work, struct fh_http_call *call,
                         struct fh_http_answer *answer)
{
    if (call->timeout_ms == 0) {
        call->timeout_ms = TIMEOUT_MS;
        call->connect_timeout_ms = CONNECT_TIMEOUT_MS;
    }
    if (work->timeout_ms > 0) {
        call->timeout_ms = work->timeout_ms;
        call->connect_timeout_ms = work->timeout_ms;
    }
    call->stop = work->stop;
    return fh_http_call(call, work->arena, answer, work->why);
}

/* add_words adds what a service said, if it is a line of text, up to its first line's end. */
static void add_words(struct fh_buf *out, struct fh_slice before, struct fh_slice words)
{
    words = fh_head(words, fh_find(words, '\n'));
    words = fh_trim(fh_head(words, fh_find(words, '\r')));
    words = fh_head(words, fh_min(words.len, WORDS_MAX_LEN));
    while (words.len > 0 && !fh_utf8_ok(words)) {
        words =
            fh_head(words, words.len - 1); /* cut in the middle of a character, or no text */
    }
    if (words.len == 0) {
        return;
    }
    fh_buf_append(out, before);
    for (size_t i = 0; i < words.len; i++) {
        fh_buf_byte(out, words.ptr[i] < 0x20 || words.ptr[i] == 0x7F ? ' ' : words.ptr[i]);
    }
}

enum fh_rc fh_chain_refused(struct fh_chain_work *work, const char *url, unsigned status,
                            struct fh_slice code, struct fh_slice message, const char *advice)
{
    fh_buf_printf(work->why, "%.*s answered %u", FH_ARG(fh_http_call_place(url)), status);
    add_words(work->why, FH_LIT(" "), code);
    add_words(work->why, FH_LIT(": "), message);
    if (advice[0] != '\0') {
        fh_buf_printf(work->why, "; %s", advice);
    }
    return FH_E_SYSTEM;
}

enum fh_rc fh_chain_json(struct fh_chain_work *work, struct fh_slice what, struct fh_slice text,
                         yyjson_val **root)
{
    struct fh_error why = {0};
    yyjson_val *found = NULL;

    if (fh_json_scan(text, NULL, NULL, 0, DEPTH_MAX, &why) != FH_OK ||
        fh_json_parse(work->arena, text, &found, &why) != FH_OK) {
        return fh_chain_fail(work, FH_E_SYNTAX,
                             "%.*s is no JSON that can be read (%s at byte %llu)", FH_ARG(what),
                             why.what, (unsigned long long)why.at + 1);
    }
    if (!yyjson_is_obj(found)) {
        return fh_chain_fail(work, FH_E_SYNTAX, "%.*s is JSON, but no object", FH_ARG(what));
    }
    *root = found;
    return FH_OK;
}

struct fh_slice fh_chain_member(yyjson_val *object, const char *name)
{
    return fh_json_text(fh_json_get(object, fh_cstr(name)));
}

/* ---- time ---- */

/* take_offset takes "Z" or "+01:30", in seconds to subtract. */
static bool take_offset(struct fh_slice text, int64_t *offset_s)
{
    struct fh_slice hours = FH_NONE;
    uint64_t hour = 0;
    uint64_t minute = 0;
    bool east = fh_take(&text, FH_LIT("+"));

    if (!east && !fh_take(&text, FH_LIT("-"))) {
        *offset_s = 0;
        return fh_eq(text, FH_LIT("Z"));
    }
    if (!fh_read_bytes(&text, 2, &hours) || !fh_parse_u64(hours, &hour)) {
        return false;
    }
    (void)!fh_take(&text, FH_LIT(":"));
    if (text.len != 2 || !fh_parse_u64(text, &minute) || hour > 23 || minute > 59) {
        return false;
    }
    *offset_s = (int64_t)(hour * 3600 + minute * 60) * (east ? 1 : -1);
    return true;
}

bool fh_chain_time(struct fh_slice text, uint64_t *seconds)
{
    enum { WHOLE_LEN = 19 }; /* of 2026-01-31T12:30:05 */
    FH_AUTO(fh_buf_fini) struct fh_buf whole = fh_buf_on_heap(WHOLE_LEN + 1);
    struct fh_slice head = FH_NONE;
    int64_t offset_s = 0;
    uint64_t us = 0;

    if (!fh_read_bytes(&text, WHOLE_LEN, &head)) {
        return false;
    }
    fh_buf_append(&whole, head);
    fh_buf_byte(&whole, 'Z');
    if (fh_take(&text, FH_LIT("."))) {
        while (text.len > 0 && text.ptr[0] >= '0' && text.ptr[0] <= '9') {
            text = fh_tail(text, 1);
        }
    }
    if (!take_offset(text, &offset_s) || !fh_when_parse(fh_buf_slice(&whole), 0, &us) ||
        (int64_t)(us / 1000000) < offset_s) {
        return false;
    }
    *seconds = (uint64_t)((int64_t)(us / 1000000) - offset_s);
    return true;
}
