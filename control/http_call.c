/* http_call.c: libcurl, with everything but the call itself turned off.
 * SPDX-License-Identifier: Apache-2.0 */
#include "control/http_call.h"

#include "base/secret.h"
#include "wire/url.h"

#include <curl/curl.h>

enum { FIELD_MAX_LEN = 16384, LINE_MAX_LEN = FIELD_MAX_LEN + 64 };

#define CALL_MAGIC 0x6c6c6163U /* "call" */

/* What libcurl's callbacks are given. */
struct call {
    uint32_t magic;
    CURL *curl;
    CURLU *url;
    struct curl_slist *lines;
    struct fh_buf body;
    const atomic_bool *stop;
    char error[CURL_ERROR_SIZE];
};

static void end(struct call *c)
{
    for (struct curl_slist *line = c->lines; line != NULL; line = line->next) {
        fh_wipe(line->data, fh_cstr(line->data).len); /* there may be a token in it */
    }
    curl_slist_free_all(c->lines);
    curl_easy_cleanup(c->curl);
    curl_url_cleanup(c->url);
}

struct fh_slice fh_http_call_place(const char *url)
{
    struct fh_slice all = fh_cstr(url);

    return fh_head(all, fh_find(all, '?'));
}

/* ---- where to ---- */

/* Where clouds serve what belongs to a machine, in clear; the first two as EKS and EC2 have it. */
static const struct fh_slice metadata_hosts[] = {
    FH_LIT_INIT("[fd00:ec2::23]"),
    FH_LIT_INIT("[fd00:ec2::254]"),
    FH_LIT_INIT("metadata.google.internal"),
    FH_LIT_INIT("localhost"),
    FH_LIT_INIT("[::1]"),
};

static bool may_be_in_clear(struct fh_slice host)
{
    for (size_t i = 0; i < FH_LEN(metadata_hosts); i++) {
        if (fh_eq_nocase(metadata_hosts[i], host)) {
            return true;
        }
    }
    return fh_url_is_address(host) &&
           (fh_starts(host, FH_LIT("127.")) || fh_starts(host, FH_LIT("169.254.")));
}

static struct fh_slice part_of(CURLU *url, CURLUPart part, struct fh_arena *arena)
{
    char *text = NULL;

    if (curl_url_get(url, part, &text, 0) != CURLUE_OK) {
        return FH_NONE;
    }
    struct fh_slice copy = fh_dup(arena, fh_cstr(text));

    curl_free(text);
    return copy;
}

/* check_url sees to it that secrets travel to where they may, and says whether they do in clear. */
static enum fh_rc check_url(struct call *c, const char *url, struct fh_arena *arena,
                            bool *in_clear, struct fh_buf *why)
{
    if (curl_url_set(c->url, CURLUPART_URL, url, 0) != CURLUE_OK) {
        fh_buf_printf(why, "\"%.*s\" is no URL", FH_ARG(fh_http_call_place(url)));
        return FH_E_SUPPORT;
    }
    struct fh_slice scheme = part_of(c->url, CURLUPART_SCHEME, arena);
    struct fh_slice host = part_of(c->url, CURLUPART_HOST, arena);

    *in_clear = fh_eq(scheme, FH_LIT("http"));
    if (part_of(c->url, CURLUPART_USER, arena).len > 0 ||
        (!fh_eq(scheme, FH_LIT("https")) && !(*in_clear && may_be_in_clear(host)))) {
        fh_buf_printf(why,
                      "%.*s is not asked: it must be https, or http on this machine or at its "
                      "cloud's own metadata address, without a user name",
                      FH_ARG(fh_http_call_place(url)));
        return FH_E_SUPPORT;
    }
    return FH_OK;
}

/* ---- what is sent ---- */

void fh_http_call_field(struct fh_http_call *call, struct fh_slice name, struct fh_slice value)
{
    FH_ASSERT(call->field_count < FH_HTTP_CALL_FIELDS_MAX);
    call->field[call->field_count++] = (struct fh_http_field){name, value};
}

static enum fh_rc add_line(struct call *c, const struct fh_http_field *field,
                           struct fh_arena *arena)
{
    struct fh_buf line = fh_buf_in_arena(arena, LINE_MAX_LEN);

    for (size_t i = 0; i < field->value.len; i++) {
        if (field->value.ptr[i] < 0x20 || field->value.ptr[i] == 0x7F) {
            return FH_E_SYNTAX;
        }
    }
    fh_buf_append(&line, field->name);
    fh_buf_append(&line, FH_LIT(": "));
    fh_buf_append(&line, field->value);
    fh_buf_byte(&line, '\0');
    if (line.failed) {
        return FH_E_SYNTAX;
    }
    struct curl_slist *more = curl_slist_append(c->lines, (const char *)line.ptr);

    FH_ASSERT(more != NULL);
    c->lines = more;
    return FH_OK;
}

void fh_http_form_add(struct fh_buf *form, struct fh_slice name, struct fh_slice value)
{
    fh_buf_append(form, form->len == 0 ? FH_NONE : FH_LIT("&"));
    fh_buf_append(form, name);
    fh_buf_byte(form, '=');
    for (size_t i = 0; i < value.len; i++) {
        uint8_t c = value.ptr[i];

        if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
            fh_find(FH_LIT("-._~"), c) < 4) {
            fh_buf_byte(form, c);
        } else {
            fh_buf_printf(form, "%%%02X", c);
        }
    }
}

/* ---- what comes back ---- */

static struct call *call_of(void *user)
{
    struct call *c = user;

    FH_ASSERT(c->magic == CALL_MAGIC);
    return c;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *user)
{
    struct call *c = call_of(user);

    fh_buf_append(&c->body, fh_slice(bytes, size * count)); /* size is always 1 */
    return c->body.failed ? 0 : size * count;               /* 0: libcurl gives up */
}

/* on_progress is called at least once a second. */
static int on_progress(void *user, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
                       curl_off_t up)
{
    const struct call *c = call_of(user);

    FH_UNUSED(down_total);
    FH_UNUSED(down);
    FH_UNUSED(up_total);
    FH_UNUSED(up);
    return c->stop != NULL && atomic_load(c->stop);
}

/* ---- the call ---- */

/* Options can only be refused for lack of memory. */
static void must(CURLcode code)
{
    FH_ASSERT(code == CURLE_OK);
}

static void set_bounds(struct call *c, const struct fh_http_call *call, bool in_clear)
{
    CURL *curl = c->curl;

    must(curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L)); /* there are threads */
    must(curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https"));
    must(curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L));
    must(curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2));
    must(curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)call->connect_timeout_ms));
    must(curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)call->timeout_ms));
    /* do not wait for a look-up of a name when called off */
    must(curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L));
    if (in_clear) {
        must(curl_easy_setopt(curl, CURLOPT_NOPROXY, "*"));
    }
    must(curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body));
    must(curl_easy_setopt(curl, CURLOPT_WRITEDATA, c));
    must(curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress));
    must(curl_easy_setopt(curl, CURLOPT_XFERINFODATA, c));
    must(curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L));
    must(curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, c->error));
}

static void set_request(struct call *c, const struct fh_http_call *call)
{
    CURL *curl = c->curl;

    must(curl_easy_setopt(curl, CURLOPT_CURLU, c->url));
    must(curl_easy_setopt(curl, CURLOPT_USERAGENT, "freehold"));
    must(curl_easy_setopt(curl, CURLOPT_HTTPHEADER, c->lines));
    if (fh_eq(fh_cstr(call->method), FH_LIT("POST"))) {
        must(curl_easy_setopt(curl, CURLOPT_POST, 1L));
        must(curl_easy_setopt(curl, CURLOPT_POSTFIELDS,
                              call->body.len == 0 ? "" : (const char *)call->body.ptr));
        must(curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)call->body.len));
    } else {
        FH_ASSERT(call->body.len == 0);
        /* a GET by another name, if it is none */
        must(curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, call->method));
    }
}

static struct fh_slice wanted_field(struct call *c, struct fh_slice name,
                                    struct fh_arena *arena)
{
    struct curl_header *header = NULL;

    if (name.len == 0 || curl_easy_header(c->curl, fh_dup_cstr(arena, name), 0, CURLH_HEADER,
                                          -1, &header) != CURLHE_OK) {
        return FH_NONE;
    }
    return fh_dup(arena, fh_cstr(header->value));
}

static enum fh_rc perform(struct call *c, const struct fh_http_call *call,
                          struct fh_arena *arena, struct fh_http_answer *out,
                          struct fh_buf *why)
{
    struct fh_slice place = fh_http_call_place(call->url);
    CURLcode code = curl_easy_perform(c->curl);
    long status = 0;

    if (c->body.failed) {
        fh_buf_printf(why, "%.*s gave an answer of more than %d bytes", FH_ARG(place),
                      FH_HTTP_CALL_ANSWER_MAX);
        return FH_E_LIMIT;
    }
    if (code == CURLE_ABORTED_BY_CALLBACK) {
        fh_buf_printf(why, "%.*s: the call was called off", FH_ARG(place));
        return FH_E_SYSTEM;
    }
    if (code != CURLE_OK) {
        fh_buf_printf(why, "%.*s gave no answer: %s", FH_ARG(place),
                      c->error[0] != '\0' ? c->error : curl_easy_strerror(code));
        return FH_E_SYSTEM;
    }
    must(curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status));
    *out = (struct fh_http_answer){
        .status = (unsigned)status,
        .body = fh_buf_slice(&c->body),
        .field = wanted_field(c, call->wanted, arena),
    };
    return FH_OK;
}

enum fh_rc fh_http_call(const struct fh_http_call *call, struct fh_arena *arena,
                        struct fh_http_answer *out, struct fh_buf *why)
{
    FH_AUTO(end)
    struct call c = {
        .magic = CALL_MAGIC,
        .curl = curl_easy_init(),
        .url = curl_url(),
        .body = fh_buf_in_arena(arena, FH_HTTP_CALL_ANSWER_MAX),
        .stop = call->stop,
    };
    bool in_clear = false;

    FH_ASSERT(c.curl != NULL && c.url != NULL);
    FH_TRY(check_url(&c, call->url, arena, &in_clear, why));
    for (size_t i = 0; i < call->field_count; i++) {
        if (add_line(&c, &call->field[i], arena) != FH_OK) {
            fh_buf_printf(why, "the field %.*s for %.*s is too long or not one line",
                          FH_ARG(call->field[i].name), FH_ARG(fh_http_call_place(call->url)));
            return FH_E_SYNTAX;
        }
    }
    set_bounds(&c, call, in_clear);
    set_request(&c, call);
    return perform(&c, call, arena, out, why);
}
