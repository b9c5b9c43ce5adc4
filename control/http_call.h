/*
 * http_call.h: one HTTP call from control to the outside, made and waited for.
 *
 * What control asks are services that hand out secrets, so this is narrow: https only, but in clear
 * to addresses that never leave the machine or its host (loopback, link-local, the names and
 * addresses at which clouds serve metadata); certificates are verified; no redirect is followed; a
 * proxy of the environment is used for https only; time and answer are bounded.
 *
 * Whoever waits is a thread that may: a call takes up to its time-out. It can be called off.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "wire/http1.h"

#include <stdatomic.h>

enum {
    FH_HTTP_CALL_FIELDS_MAX = 8,
    FH_HTTP_CALL_ANSWER_MAX = 1 << 16, /* bytes of a body */
};

struct fh_http_call {
    const char *method; /* "GET", "POST" or "PUT"; only POST has a body */
    const char *url;
    struct fh_http_field field[FH_HTTP_CALL_FIELDS_MAX];
    size_t field_count;
    struct fh_slice body;
    struct fh_slice wanted; /* name of the one field of the answer that matters; may be empty */
    uint32_t connect_timeout_ms, timeout_ms;
    const atomic_bool *stop; /* true: give up now, within a second; may be NULL */
};

struct fh_http_answer {
    unsigned status;
    struct fh_slice body;
    struct fh_slice field; /* the one that was wanted; empty: it was not there */
};

/* fh_http_call_field adds a field to what is sent. */
void fh_http_call_field(struct fh_http_call *call, struct fh_slice name, struct fh_slice value);

/* fh_http_call makes the call.
 *
 * Owns     `arena` holds the answer, and copies of what is sent.
 * Returns  FH_OK whatever the status is. FH_E_SUPPORT when such a URL is not asked, FH_E_SYNTAX
 *          when a field would break out of its line, FH_E_SYSTEM when there is no answer in time,
 *          FH_E_LIMIT when it is too long: then `why` says so, and names the place as
 *          fh_http_call_place does.
 */
enum fh_rc fh_http_call(const struct fh_http_call *call, struct fh_arena *arena,
                        struct fh_http_answer *out, struct fh_buf *why);

/* fh_http_call_place is the URL for people: without a query, which may be long or secret. */
struct fh_slice fh_http_call_place(const char *url);

/* fh_http_form_add appends name=value as application/x-www-form-urlencoded wants it, with "&" in
 * front of all but the first. */
void fh_http_form_add(struct fh_buf *form, struct fh_slice name, struct fh_slice value);
