/*
 * http_stub.h: an HTTP server on the loopback interface that says what a test wants it to.
 *
 *     struct http_stub *stub = http_stub_start();
 *     http_stub_on(stub, "PUT /latest/api/token", (struct stub_answer){.body = "TOKEN"});
 *     … ask http_stub_url(stub) …
 *     assert_true(fh_contains(http_stub_asked(stub, 0), FH_LIT("ttl-seconds: 60")));
 *     http_stub_stop(&stub);
 *
 * One request a connection, one connection at a time, in a thread of its own.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "base/base.h"

enum stub_how {
    STUB_WHOLE,   /* status, fields, body */
    STUB_HALF,    /* hangs up in the middle of the body */
    STUB_GARBAGE, /* the body alone, which is no HTTP */
    STUB_NEVER,   /* takes the request and says nothing until the client hangs up */
    STUB_HANGUP,  /* closes at once */
};

struct stub_answer {
    unsigned status;    /* 0: 200 */
    const char *fields; /* "name: value\r\n…"; may be NULL */
    const char *body;   /* may be NULL */
    enum stub_how how;
};

struct http_stub;

struct http_stub *http_stub_start(void);
void http_stub_stop(struct http_stub **stub);

/* http_stub_url is "http://127.0.0.1:PORT". */
const char *http_stub_url(const struct http_stub *stub);

/* http_stub_on says what to answer to "METHOD /path", whatever query follows, from now on. All else
 * is answered 404. The strings of `answer` are lent until the stub stops. */
void http_stub_on(struct http_stub *stub, const char *request, struct stub_answer answer);

/* http_stub_asked gives a request that came, head and body, counted from 0; empty when there was
 * none. */
struct fh_slice http_stub_asked(struct http_stub *stub, size_t number);
size_t http_stub_count(struct http_stub *stub);

/* http_stub_forget forgets what it was told, and begins to count anew. */
void http_stub_forget(struct http_stub *stub);
