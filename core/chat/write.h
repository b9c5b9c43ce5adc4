/*
 * write.h: the pieces that every encoder of a request or an answer is made of.
 *
 * A tree is built in the scratch arena and printed once. Numbers and values go in as they were
 * written; text is lent and must outlive the print. After fh_settle an encoder has nothing left to
 * decide about what its dialect cannot say; what it may still find is a value that does not fit
 * (arguments that are no JSON object, a data: URL that is none): fh_write_refuse.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "chat/request.h"

struct fh_writer {
    yyjson_mut_doc *doc;
    struct fh_arena *scratch;
    struct fh_loss *loss;
    struct fh_complaint *why;          /* of a request */
    const struct fh_chat_request *req; /* of a request */
    bool ours; /* it came in the dialect that is written: extras go back to where they stood */
    const void *own; /* what the dialect's own functions want beside */
};

void fh_write_word(struct fh_writer *w, yyjson_mut_val *obj, const char *key, const char *word);
void fh_write_text(struct fh_writer *w, yyjson_mut_val *obj, const char *key,
                   struct fh_slice text);

/* fh_write_given leaves out what is not given: a slice without a pointer, a NULL, a flag of -1. */
void fh_write_given(struct fh_writer *w, yyjson_mut_val *obj, const char *key,
                    struct fh_slice text);
void fh_write_val(struct fh_writer *w, yyjson_mut_val *obj, const char *key, yyjson_val *val);
void fh_write_flag(struct fh_writer *w, yyjson_mut_val *obj, const char *key, int flag);
void fh_write_bool(struct fh_writer *w, yyjson_mut_val *obj, const char *key, bool value);

/* fh_write_in gives the member object `key` of `obj`, made if it is not there. */
yyjson_mut_val *fh_write_in(struct fh_writer *w, yyjson_mut_val *obj, const char *key);

/* fh_write_json puts the object that `text` is into `obj` (the arguments of a call).
 *
 * Returns  false when `text` is no JSON object; empty text is {}.
 */
FH_NODISCARD bool fh_write_json(struct fh_writer *w, yyjson_mut_val *obj, const char *key,
                                struct fh_slice text);

/* fh_write_at puts a value at a pointer of members, objects on the way made as needed. The
 * pointer's text is lent: it must outlive the print. */
void fh_write_at(struct fh_writer *w, yyjson_mut_val *obj, struct fh_slice pointer,
                 yyjson_mut_val *val);

/* fh_write_values puts each value of the request at the pointer of the target's cell, objects on
 * the way made as needed; not those that the dialect's own code writes. */
void fh_write_values(struct fh_writer *w, const struct fh_cell *cells, yyjson_mut_val *root);

/* fh_write_extras puts back those extras whose place was a member of `object` ("" is the top of
 * the body, "#" any index), unless a member of that name is there. Nothing if not ours. */
void fh_write_extras(struct fh_writer *w, const struct fh_extras *list, const char *object,
                     yyjson_mut_val *obj);

/* fh_write_refuse fills w->why: "POINTER: sentence", UNSUPPORTED. */
enum fh_rc fh_write_refuse(struct fh_writer *w, struct fh_slice pointer, const char *sentence);

/* fh_extra_stands_in says whether an extra's place was a member of `object`. */
bool fh_extra_stands_in(const struct fh_extra *extra, struct fh_slice object);
