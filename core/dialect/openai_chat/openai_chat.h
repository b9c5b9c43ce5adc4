/*
 * openai_chat.h: what the files of this dialect share. Nothing outside this folder includes it.
 *
 *     openai_chat_request.c   client body → request        openai_chat_body.c   request → body
 *     openai_chat_reply.c     whole answers, both ways
 *     openai_chat_stream.c    chunks → events              openai_chat_chunk.c  events → chunks
 *     openai_chat_turn.c      pieces of a message → blocks with indices (whole and streamed)
 *     openai_chat_usage.c     token counts, both ways, and looking for them in passing bytes
 *     openai_chat_fault.c     errors, both ways
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "dialect/dialect.h"

/* openai_chat_ledger.c: the cells of openai_chat_ledger.def. */
extern const struct fh_cell fh_openai_chat_cells[FH_FIELDS];

/* fh_openai_chat_wrong says that the value at `at` is of the wrong kind, and what would be right:
 * "/messages/0/content must be a string, not a number". */
enum fh_rc fh_openai_chat_wrong(struct fh_complaint *why, struct fh_arena *arena,
                                const struct fh_path *at, const char *right, yyjson_val *got);

/* fh_openai_chat_missing says that something required is not there. */
enum fh_rc fh_openai_chat_missing(struct fh_complaint *why, struct fh_arena *arena,
                                  const struct fh_path *object, const char *what);

/* fh_openai_chat_bad_json says why `body` could not be parsed. */
enum fh_rc fh_openai_chat_bad_json(struct fh_complaint *why, struct fh_arena *arena,
                                   const struct fh_error *error);

/* Extras of one element may have stood in the element or in an object inside it; their pointers
 * tell. `object` is a pattern for the pointer of that object, `#` in it is any index:
 * "/messages/#/content/#/image_url". The empty pattern is the top level. */
bool fh_openai_chat_stands_in(const struct fh_extra *extra, struct fh_slice object);
const struct fh_extra *fh_openai_chat_find(const struct fh_extras *list, struct fh_slice object,
                                           struct fh_slice key);
bool fh_openai_chat_any(const struct fh_extras *list, struct fh_slice object);

/* fh_openai_chat_put writes the extras that stood in `object` into `obj`, but for members that it
 * has already. */
void fh_openai_chat_put(const struct fh_extras *list, struct fh_slice object,
                        yyjson_mut_doc *doc, yyjson_mut_val *obj);

/* Members beside `choices` that OpenAI repeats in every chunk, such as system_fingerprint: short,
 * plain values, and not many. They are told once, and repeated by the encoder. */
enum { FH_OPENAI_CHAT_REPEATED_MAX = 8 };
bool fh_openai_chat_is_repeated(const struct fh_extra *extra);

/* The words for roles and efforts, by enum. */
enum { FH_OPENAI_CHAT_ROLES = FH_ROLE_TOOL + 1 };
extern const struct fh_slice fh_openai_chat_roles[FH_OPENAI_CHAT_ROLES];
extern const struct fh_slice fh_openai_chat_efforts[FH_EFFORTS];

/* Finish reasons. The word of the provider is kept when it means the same. */
enum fh_finish fh_openai_chat_finish_of(struct fh_slice word);
struct fh_slice fh_openai_chat_finish_word(const struct fh_event *finish);

/* Where a reply came from, when the frame must say it. */
struct fh_slice fh_openai_chat_reply_id(const struct fh_event *start,
                                        const struct fh_reply_frame *frame,
                                        struct fh_arena *arena);

/* openai_chat_turn.c: an answer as it grows, of any number of choices. */
struct fh_openai_chat_turn;
struct fh_openai_chat_choice;

/* A piece of a tool call, or the whole of it. */
struct fh_openai_chat_fragment {
    bool has_index;
    uint64_t index;
    struct fh_slice id, name, arguments;
    uint32_t block; /* out: the index of its block, once it has begun */
};

struct fh_openai_chat_turn *fh_openai_chat_turn_new(struct fh_arena *arena);

/* fh_openai_chat_turn_id remembers the reply's id, from which calls that have none get theirs. */
void fh_openai_chat_turn_id(struct fh_openai_chat_turn *turn, struct fh_slice id);

/* fh_openai_chat_choice finds the choice, or begins it. NULL beyond the limit. */
struct fh_openai_chat_choice *fh_openai_chat_choice(struct fh_openai_chat_turn *turn,
                                                    uint64_t index);

/* fh_openai_chat_say adds text, thinking or refusal; a block begins where another kind was. Empty
 * text is nothing. Returns FH_E_CONFLICT after the choice has finished. */
enum fh_rc fh_openai_chat_say(struct fh_openai_chat_choice *choice, struct fh_events *out,
                              enum fh_block_kind kind, struct fh_slice text);

/* fh_openai_chat_call adds a piece of a tool call. `what` says what is wrong with it otherwise. */
enum fh_rc fh_openai_chat_call(struct fh_openai_chat_choice *choice, struct fh_events *out,
                               struct fh_openai_chat_fragment *fragment, const char **what);

/* fh_openai_chat_opaque adds a block that only this dialect knows. */
void fh_openai_chat_opaque(struct fh_openai_chat_choice *choice, struct fh_events *out,
                           yyjson_val *raw);

/* fh_openai_chat_is_custom tells such blocks apart: a tool call, else a part of the content. */
bool fh_openai_chat_is_custom(yyjson_val *raw);

/* fh_openai_chat_finish closes the choice's blocks and says why it ended; only once. */
void fh_openai_chat_finish(struct fh_openai_chat_choice *choice, struct fh_events *out,
                           struct fh_slice word);

/* fh_openai_chat_close closes the blocks of every choice. */
void fh_openai_chat_close(struct fh_openai_chat_turn *turn, struct fh_events *out);

/* Names of members, for those who leave them out. */
struct fh_openai_chat_names {
    const struct fh_slice *name;
    size_t count;
};

/* fh_openai_chat_keep notes members of `obj` that `known` does not list. In streams (`!whole`)
 * nulls are left out: a chunk that says null says nothing. */
void fh_openai_chat_keep(struct fh_extras *list, struct fh_arena *arena,
                         const struct fh_path *path, yyjson_val *obj,
                         const struct fh_openai_chat_names *known, bool whole);

/* openai_chat_reply.c: one element of `choices`, whole or a delta. */
enum fh_rc fh_openai_chat_read_choice(struct fh_openai_chat_turn *turn, struct fh_events *out,
                                      const struct fh_path *at, yyjson_val *value, bool whole,
                                      struct fh_complaint *why);

/* openai_chat_usage.c: fh_openai_chat_read_usage reads a `usage` object. Never fails: what is no
 * count is not seen. With `event`, what the classes cannot give back goes to its extras. */
void fh_openai_chat_read_usage(struct fh_usage *usage, yyjson_val *obj);
void fh_openai_chat_usage_event(struct fh_events *out, yyjson_val *obj, bool whole);

/* fh_openai_chat_write_usage makes the object, extras of the provider's own included. */
yyjson_mut_val *fh_openai_chat_write_usage(yyjson_mut_doc *doc, const struct fh_usage *usage,
                                           const struct fh_extras *extras);

void fh_openai_chat_scan_reply(struct fh_watch *watch, struct fh_arena *scratch,
                               struct fh_slice body);
void fh_openai_chat_scan_stream(struct fh_watch *watch, struct fh_arena *scratch,
                                const struct fh_frame *wire);

/* openai_chat_fault.c: fh_openai_chat_read_fault reads an `error` member, or a whole body that is
 * an error. `status` is 0 where the transport had none to say. */
void fh_openai_chat_read_fault(struct fh_fault *fault, uint16_t status, yyjson_val *error);

/* fh_openai_chat_error_in finds the error in an object that should have been an answer; NULL when
 * it is none. */
yyjson_val *fh_openai_chat_error_in(yyjson_val *obj);

void fh_openai_chat_encode_fault(struct fh_buf *out, struct fh_arena *scratch,
                                 struct fh_slice request_id, const struct fh_fault *fault,
                                 enum fh_framing framing);
uint16_t fh_openai_chat_fault_status(const struct fh_fault *fault);
void fh_openai_chat_decode_fault(struct fh_fault *fault, struct fh_arena *arena,
                                 uint16_t status, struct fh_slice body);

/* The rest of the table in openai_chat.c; see dialect.h. */
enum fh_rc fh_openai_chat_decode_request(struct fh_chat_request *req, struct fh_arena *arena,
                                         struct fh_slice body, struct fh_complaint *why);
enum fh_rc fh_openai_chat_encode_request(struct fh_buf *out, struct fh_arena *scratch,
                                         const struct fh_chat_request *req,
                                         struct fh_loss *loss, struct fh_complaint *why);
enum fh_rc fh_openai_chat_decode_reply(struct fh_events *out, struct fh_slice body,
                                       struct fh_complaint *why);
void fh_openai_chat_encode_reply(struct fh_buf *out, struct fh_arena *scratch,
                                 const struct fh_reply_frame *frame,
                                 const struct fh_events *events, struct fh_loss *loss);
void *fh_openai_chat_decoder_new(struct fh_arena *arena);
enum fh_rc fh_openai_chat_decode_stream(void *decoder, struct fh_events *out,
                                        const struct fh_frame *wire, struct fh_complaint *why);
void *fh_openai_chat_encoder_new(struct fh_arena *arena, const struct fh_reply_frame *frame);
void fh_openai_chat_encode_stream(void *encoder, struct fh_buf *out, struct fh_arena *scratch,
                                  const struct fh_event *event, struct fh_loss *loss);
void fh_openai_chat_encode_models(struct fh_buf *out, struct fh_arena *scratch,
                                  const struct fh_listing *list);
