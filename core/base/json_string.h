/*
 * json_string.h: what stands between the quotes of a JSON string, and what it means.
 *
 *     "m\u006fdel"  ──unescape──▶  model  ──escape──▶  "model"
 *
 * Cost     16 bytes a step where the processor has SSE2 or NEON, 8 elsewhere.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "base/base.h"

/* fh_json_unescape turns a string's text, quotes included, into its bytes: borrowed from `text`
 * when there is no escape in it, else made in `arena`.
 *
 * Requires a string that fh_json_scan accepted. A lone surrogate becomes U+FFFD.
 */
struct fh_slice fh_json_unescape(struct fh_slice text, struct fh_arena *arena);

/* fh_json_quote appends `bytes`, which are UTF-8, as a JSON string, quotes included. */
void fh_json_quote(struct fh_buf *out, struct fh_slice bytes);

/* fh_json_string_skip counts the bytes at the start of `rest`, which begins inside a string, up to
 * the first that must be looked at: a quote, a control character, or a backslash with which no
 * escape of two bytes begins. Sets `high` when some of them are not ASCII: then, and only then,
 * they need a check that they are UTF-8. */
size_t fh_json_string_skip(struct fh_slice rest, bool *high);

/* fh_json_flat_skip counts the bytes at the start of `rest`, which begins outside of strings, up to
 * the first quote, bracket or brace: all that matters to who looks for the end of a value. */
size_t fh_json_flat_skip(struct fh_slice rest);

/* fh_json_string_is compares the content of a string that was accepted, its quotes gone, with what
 * it may mean. Nothing is allocated. */
FH_NODISCARD bool fh_json_string_is(struct fh_slice escaped, struct fh_slice bytes);
