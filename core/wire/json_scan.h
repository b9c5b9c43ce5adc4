/*
 * json_scan.h: one pass over a JSON text that checks it and remembers where some members are.
 *
 * A body that stays in its dialect is not parsed and printed again: it is scanned, and its bytes
 * travel. The scan allocates nothing, does not recurse, and accepts exactly RFC 8259 (JSONTestSuite
 * is its conformance test): one value, white space around it, UTF-8 checked, depth bounded.
 *
 *     static const struct fh_slice names[] = {FH_LIT_INIT("model"), FH_LIT_INIT("stream")};
 *     struct fh_json_member at[FH_LEN(names)];
 *     FH_TRY(fh_json_scan(body, names, at, FH_LEN(names), 64, &why));
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "base/json_string.h"

enum { FH_JSON_DEPTH_MAX = 1024 }; /* the most that a depth_max may be */

/* Where one member of the top-level object is. `value.ptr` is NULL when it is not there. */
struct fh_json_member {
    struct fh_slice value; /* its text, quotes and braces included; points into the input */
    struct fh_slice whole; /* name, colon and value */
};

/* fh_json_scan checks `text` and finds the members `names` of its top-level object.
 *
 * Names are compared after unescaping: {"m\u006fdel": …} has a member `model`, since the provider's
 * parser will see one.
 *
 * Requires `names` that differ; `depth_max` of at most FH_JSON_DEPTH_MAX.
 * Limits   more than `depth_max` objects and arrays inside one another are FH_E_LIMIT.
 * Returns  FH_OK; FH_E_SYNTAX with what and where in `why`; FH_E_TYPE when the top is no object
 *          and names were asked for; FH_E_CONFLICT when a name that was asked for stands twice:
 *          two parsers may take different ones, and we would decide by one and pay for the other.
 *          Then all of `members` are as if not there.
 */
enum fh_rc fh_json_scan(struct fh_slice text, const struct fh_slice *names,
                        struct fh_json_member *members, size_t count, uint32_t depth_max,
                        struct fh_error *why);
