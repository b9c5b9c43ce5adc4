/*
 * json.h: the one door to yyjson.
 *
 * Documents live in an arena: nobody frees one, out of memory aborts. Numbers are read raw, so
 * `1.10e+2` and a 23-digit integer come out as they went in; fh_json_u64 and its kin read them
 * when a value is wanted. Strings are UTF-8, have a length and may hold NUL.
 *
 * Depth is bounded by wire/json_scan.h, which every body that comes from outside passes first; it
 * also refuses a body in which a field that we decide by stands twice. yyjson itself neither
 * recurses nor counts. Of duplicate keys fh_json_get gives the first.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "base/base.h"
#include "base/json_string.h"

#include <yyjson.h>

/* fh_json_parse reads `text` into a document in `arena`.
 *
 * Borrows  nothing: strings are copied into the arena.
 * Returns  FH_E_SYNTAX, with what and where in `why`; FH_E_LIMIT when the arena's cap is reached.
 */
enum fh_rc fh_json_parse(struct fh_arena *arena, struct fh_slice text, yyjson_val **root,
                         struct fh_error *why);

/* fh_json_new starts a document to write in `arena`. */
yyjson_mut_doc *fh_json_new(struct fh_arena *arena);

/* fh_json_append prints a tree, without white space, at the end of `out`. What does not fit
 * latches out->failed. Strings in the tree must be UTF-8: decoders saw to that. */
void fh_json_append(struct fh_buf *out, struct fh_arena *scratch, const yyjson_mut_val *root);

/* fh_json_append_val prints a value that was read, without white space. */
void fh_json_append_val(struct fh_buf *out, struct fh_arena *scratch, const yyjson_val *val);

/* fh_json_printed is a value as text in the arena, no longer than it has to be. */
struct fh_slice fh_json_printed(struct fh_arena *arena, const yyjson_val *val);

/* fh_json_get finds a member of an object; NULL when `obj` is no object or has none. */
static inline yyjson_val *fh_json_get(yyjson_val *obj, struct fh_slice key)
{
    return yyjson_obj_getn(obj, (const char *)key.ptr, key.len);
}

/* fh_json_text borrows a string's bytes; empty when `val` is NULL or no string. */
static inline struct fh_slice fh_json_text(yyjson_val *val)
{
    return yyjson_is_str(val) ? fh_slice(yyjson_get_str(val), yyjson_get_len(val)) : FH_NONE;
}

/* fh_json_number borrows a number's text as it was written; empty when `val` is no number. */
static inline struct fh_slice fh_json_number(yyjson_val *val)
{
    return yyjson_is_raw(val) ? fh_slice(yyjson_get_raw(val), yyjson_get_len(val)) : FH_NONE;
}

/* fh_json_u64 reads a whole number; `12.0` is whole, too. False for anything else,
 * negative numbers among them. */
FH_NODISCARD bool fh_json_u64(yyjson_val *val, uint64_t *out);

/* fh_json_add_text lends the slice to the tree: it must outlive the call that prints the tree. */
static inline void fh_json_add_text(yyjson_mut_doc *doc, yyjson_mut_val *obj, const char *key,
                                    struct fh_slice text)
{
    (void)yyjson_mut_obj_add_strn(doc, obj, key, text.len == 0 ? "" : (const char *)text.ptr,
                                  text.len);
}

/* fh_json_add_raw puts JSON text that is known to be well-formed into the tree, as it is. */
static inline void fh_json_add_raw(yyjson_mut_doc *doc, yyjson_mut_val *obj, const char *key,
                                   struct fh_slice json)
{
    (void)yyjson_mut_obj_add_val(doc, obj, key,
                                 yyjson_mut_rawn(doc, (const char *)json.ptr, json.len));
}
