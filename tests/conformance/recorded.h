/*
 * recorded.h: recorded traffic of real providers and SDKs, for tests, where the folder with it is.
 *
 *     recorded_open ──▶ recorded_next ──▶ request, response ──▶ the codec ──▶ recorded_compare
 *
 * The traffic is third-party data and no part of the source tree: it lies beside it, and a test
 * that finds no folder says so and succeeds.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "base/json.h"
#include "chat/loss.h"
#include "wire/frames.h"

/* One call of the manifest. Everything borrows from the walk until its next step. */
struct recorded_call {
    struct fh_slice source; /* who recorded it, such as "pydantic-ai" */
    struct fh_slice name; /* of the file that holds the response (or the request), for people */
    uint16_t status;
    bool stream;
    bool lines;               /* a stream without its framing: the data of one event a line */
    enum fh_framing framing;  /* of a stream; NONE is SSE, too */
    struct fh_slice request;  /* body; ptr NULL: none was recorded */
    struct fh_slice response; /* body; ptr NULL: none was recorded */
};

struct recorded;

/* recorded_open reads the manifest. NULL, and a line that says so, when the folder is absent. */
struct recorded *recorded_open(struct fh_arena *arena);

/* recorded_next goes to the next call of `api`, such as "anthropic-messages". `scratch` is reset
 * and then holds what `call` points to. */
FH_NODISCARD bool recorded_next(struct recorded *rec, struct fh_arena *scratch, const char *api,
                                struct recorded_call *call);

/* The events of a recorded stream, framed or not. `cut` is the size of the pieces it is fed in; 0
 * feeds it whole. */
struct recorded_events {
    struct fh_frames *frames; /* NULL: lines */
    struct fh_slice rest;
    size_t cut;
    bool may_be_cut; /* SSE: some were recorded without their last line */
};

struct recorded_events recorded_events(struct fh_arena *arena, const struct recorded_call *call,
                                       size_t cut);
FH_NODISCARD bool recorded_events_next(struct recorded_events *events, struct fh_frame *event);

/* A request that an SDK really sent. */
struct recorded_sdk_request {
    struct fh_slice sdk, call, target; /* "anthropic-sdk", "messages-tools", "/v1/messages" */
    struct fh_slice body;              /* JSON text */
};

struct recorded_sdk;

/* recorded_sdk_open lists the calls of every SDK whose folder name starts with `prefix`. NULL, and
 * a line that says so, when there are none. */
struct recorded_sdk *recorded_sdk_open(struct fh_arena *arena, const char *prefix);

/* recorded_sdk_next goes to the next request with a JSON body. `scratch` is reset when a file is
 * opened, by this call alone; it holds what `request` points to. */
FH_NODISCARD bool recorded_sdk_next(struct recorded_sdk *sdk, struct fh_arena *scratch,
                                    struct recorded_sdk_request *request);

/* recorded_json parses; NULL when it is no JSON. recorded_text is a string member, or empty. */
yyjson_val *recorded_json(struct fh_arena *arena, struct fh_slice text);
struct fh_slice recorded_text(yyjson_val *obj, const char *key);

/* passed/total per set, for the last lines of a test. */
enum { RECORDED_SETS = 64 };

struct recorded_tally {
    struct {
        char name[96];
        uint32_t passed, total;
    } set[RECORDED_SETS];
    size_t count;
};

/* A leaf that a re-encoding may leave out, and why that is right. */
struct recorded_excuse {
    const char *pointer; /* a pattern: `*` is any run of characters, slashes too */
    const char *value;   /* JSON text of the leaf that may go; NULL: whatever it is */
    const char *why;     /* one clause, for whoever reads the table */
};

/* How two JSON values differ. Zero it, set what it needs, hand it to recorded_compare. */
struct recorded_diff {
    struct fh_arena *arena;
    struct fh_buf *report; /* a line for each leaf lost, changed or (with +) added */
    const struct recorded_excuse *excuses;
    size_t excuse_count;
    struct recorded_tally *additions; /* NULL, or where added leaves are counted by place */
    uint32_t lost, added, excused;
};

/* recorded_compare looks for every leaf of `was` (scalars, empty lists, empty objects) in `is`: at
 * the same place, with the same value, numbers digit by digit. Members may stand in any order.
 * Leaves that only `is` has count as `added`. */
void recorded_compare(struct recorded_diff *diff, yyjson_val *was, yyjson_val *is);

/* recorded_count adds one result to the set named `source`, space, `what`. */
void recorded_count(struct recorded_tally *tally, struct fh_slice source, const char *what,
                    bool passed);

/* recorded_list prints how often leaves were added where. */
void recorded_list(const struct recorded_tally *additions);

/* recorded_print prints a line for each set.
 *
 * Returns  true when all passed and there was at least one.
 */
FH_NODISCARD bool recorded_print(const struct recorded_tally *tally);
