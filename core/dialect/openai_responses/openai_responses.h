/*
 * openai_responses.h: what the files of this dialect share. Nothing outside this folder
 * includes it.
 *
 *     …_request_in.c  …_input.c      client body → request: the top level, the items
 *     …_request_out.c …_items.c      request → provider body: the top level, the items
 *     …_reply.c   …_turn.c           answers → events, whole and streamed: items become blocks
 *     …_stream_in.c                  events of a stream → events
 *     …_known.c                      what else stands in any of these: extras
 *     …_answer.c  …_stream_out.c     events → an answer that grows, and the events that tell of it
 *     …_usage.c …_fault.c …_scan.c …_count.c
 *
 * Conversation and answer are lists of items here: messages with parts, reasoning, calls,
 * answers of tools. An item or a part with something in it becomes a block; the items of an
 * assistant's turn, one after the other, become one message, and a message of ours becomes as
 * many items as it needs.
 *
 * For its own clients an encoder gives back what no block says. Of a request that is what
 * fh_block's `item` holds (id, status); of an answer, FH_EVENT_EXTRA with the item in `raw`,
 * named "added" before its blocks and "done" behind them: no other dialect's encoder ever sees
 * these. START and FINISH have the response in `raw`, and where a part of reasoning begins,
 * FH_EVENT_THINKING has the name of its list in `name`.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "chat/read.h"
#include "chat/write.h"
#include "dialect/dialect.h"
#include "dialect/openai_responses/openai_responses_names.def"

extern const struct fh_cell fh_responses_cells[FH_FIELDS];

enum fh_responses_event {
#define X(name, type) FH_RESPONSES_##name,
    FH_RESPONSES_EVENTS(X)
#undef X
        FH_RESPONSES_OTHER,
};

/* fh_responses_event tells a type; FH_RESPONSES_OTHER when it is none of the table. */
enum fh_responses_event fh_responses_event(struct fh_slice type);

/* fh_responses_is_last says whether an event ends the stream. */
FH_NODISCARD bool fh_responses_is_last(enum fh_responses_event event);

/* fh_responses_is_sound says whether a response is an object in which no member that the books need
 * stands twice: what is decoded and what is scanned would differ. */
FH_NODISCARD bool fh_responses_is_sound(struct fh_slice response);

/* The words for roles and efforts, by enum; a tool has no role here. */
enum { FH_RESPONSES_ROLES = FH_ROLE_ASSISTANT + 1 };
extern const struct fh_slice fh_responses_roles[FH_RESPONSES_ROLES];
extern const struct fh_slice fh_responses_efforts[FH_EFFORTS];

/* What `encrypted_content` of a reasoning item holds. The provider's own is opaque; sealed ones
 * (chat/seal.h) are ours, and say more than whose they are:
 *
 *     EpgBCk…                 the signature of the thinking in the summary
 *     !EpgBCk…                thinking that only the provider can read: there is no text to it
 *     @4:toolEpgBCk…          the signature of the call `tool`: 4 is the length of its id
 */
enum fh_responses_proof {
    FH_RESPONSES_SIGNATURE,
    FH_RESPONSES_REDACTED,
    FH_RESPONSES_CALL,
};

/* fh_responses_seal appends encrypted content. `call` is the id of a call, or empty. */
void fh_responses_seal(struct fh_buf *out, struct fh_arena *scratch,
                       enum fh_responses_proof proof, struct fh_slice call,
                       enum fh_signer signer, struct fh_slice signature);

/* fh_responses_unseal takes it apart; what is not sealed is OpenAI's own. */
struct fh_slice fh_responses_unseal(struct fh_arena *arena, struct fh_slice text,
                                    enum fh_responses_proof *proof, struct fh_slice *call,
                                    enum fh_signer *signer);

/* ---- requests ---- */

/* Where the parts of a message or of a tool's answer go. */
struct fh_responses_content {
    struct fh_blocks *blocks;
    struct fh_extras extras; /* of whatever has the content */
};

/* fh_responses_read_content reads what is a string or a list of parts. */
enum fh_rc fh_responses_read_content(struct fh_reader *r, struct fh_responses_content *content,
                                     const struct fh_path *at, yyjson_val *value);

/* fh_responses_add_block adds a block that knows where it stood. */
struct fh_block *fh_responses_add_block(struct fh_reader *r, struct fh_blocks *list,
                                        enum fh_block_kind kind, const struct fh_path *at);

/* The input while it is read: `own` of the reader. */
struct fh_responses_input;

/* fh_responses_input_new begins. fh_responses_read_input is for the member `input`. */
struct fh_responses_input *fh_responses_input_new(struct fh_arena *arena);
enum fh_rc fh_responses_read_input(struct fh_reader *r, void *into, const struct fh_path *at,
                                   yyjson_val *value);

/* fh_responses_write_input writes the items of the conversation into `list`. */
void fh_responses_write_input(struct fh_writer *w, yyjson_mut_val *list);

enum fh_rc fh_responses_decode_request(struct fh_chat_request *req, struct fh_arena *arena,
                                       struct fh_slice body, struct fh_complaint *why);
enum fh_rc fh_responses_encode_request(struct fh_buf *out, struct fh_arena *scratch,
                                       const struct fh_chat_request *req, struct fh_loss *loss,
                                       struct fh_complaint *why);

/* ---- answers of providers ---- */

/* Objects of an answer, and what is known to stand in them. */
enum fh_responses_object {
    FH_RESPONSES_AN_EVENT,   /* its own members; what they hold has rows of its own */
    FH_RESPONSES_A_RESPONSE, /* without its output and usage */
    FH_RESPONSES_AN_ITEM,    /* and its parts */
    FH_RESPONSES_A_PART,     /* of a message */
    FH_RESPONSES_A_THOUGHT,  /* a part of reasoning */
};

/* fh_responses_note notes what nobody knows in `val`, and in what stands in it. Nothing of what is
 * told as an opaque block. */
void fh_responses_note(struct fh_extras *extras, struct fh_arena *arena,
                       const struct fh_path *at, enum fh_responses_object what,
                       yyjson_val *val);

/* fh_responses_tell_extras gives an event for them alone, if there are any. */
void fh_responses_tell_extras(struct fh_events *out, const struct fh_extras *extras);

/* The members that events have: those of deltas, then all others. */
enum {
#define X(name, key) FH_RESPONSES_AT_##name,
    FH_RESPONSES_HOT_MEMBERS(X) FH_RESPONSES_HOT,
#undef X
};
enum {
#define X(name, key) FH_RESPONSES_MEMBER_##name,
    FH_RESPONSES_HOT_MEMBERS(X) FH_RESPONSES_COLD_MEMBERS(X) FH_RESPONSES_MEMBERS,
#undef X
};
extern const struct fh_slice fh_responses_members[FH_RESPONSES_MEMBERS];

/* An answer of a provider as it comes in. Items are announced, filled and done; what an item says
 * when it is done, and did not say before, is said then. So a whole answer is items that are
 * announced and done at once. */
struct fh_responses_turn;
struct fh_responses_item;

struct fh_responses_turn *fh_responses_turn_new(struct fh_arena *arena);

/* fh_responses_announce begins the item at `index`, which is at least that of fh_responses_next. */
struct fh_responses_item *fh_responses_announce(struct fh_responses_turn *turn,
                                                struct fh_events *out, uint64_t index,
                                                yyjson_val *item);
uint64_t fh_responses_next(const struct fh_responses_turn *turn);

/* fh_responses_item finds one that is not done; NULL when there is none. */
struct fh_responses_item *fh_responses_item(struct fh_responses_turn *turn, uint64_t index);

/* fh_responses_part begins a part of an item: of the `content` of a message or of reasoning, or
 * of the `summary` of that. */
FH_NODISCARD bool fh_responses_part(struct fh_responses_item *item, struct fh_events *out,
                                    struct fh_slice list, yyjson_val *part, const char **what);

/* fh_responses_say adds text to what is being said; `kind` is what the provider calls it. */
FH_NODISCARD bool fh_responses_say(struct fh_responses_item *item, struct fh_events *out,
                                   enum fh_block_kind kind, struct fh_slice text,
                                   const char **what);

/* fh_responses_arguments gives the arguments of a call whole, if none of them were said. */
FH_NODISCARD bool fh_responses_arguments(struct fh_responses_item *item, struct fh_events *out,
                                         struct fh_slice arguments, const char **what);

/* fh_responses_cite and fh_responses_logprobs add to the text that is being said. */
void fh_responses_cite(struct fh_responses_item *item, struct fh_events *out,
                       const struct fh_path *at, yyjson_val *annotation);
void fh_responses_logprobs(struct fh_responses_item *item, struct fh_events *out,
                           const struct fh_path *at, yyjson_val *logprobs);

/* fh_responses_part_done and fh_responses_done end a part and an item, which are given whole. */
void fh_responses_part_done(struct fh_responses_item *item, struct fh_events *out,
                            yyjson_val *part);
void fh_responses_done(struct fh_responses_item *item, struct fh_events *out,
                       yyjson_val *whole);

/* fh_responses_item_extras and fh_responses_part_extras tell what nobody knows in an item, in a
 * part: number `index` of the list of that name, or the last one if that is not said
 * (UINT64_MAX). */
void fh_responses_item_extras(const struct fh_responses_item *item, struct fh_events *out,
                              yyjson_val *val);
void fh_responses_part_extras(const struct fh_responses_item *item, struct fh_events *out,
                              struct fh_slice list, uint64_t index, yyjson_val *part);

/* fh_responses_output tells those items of a response's output that were not announced or not
 * done; of the others what nobody knows. */
void fh_responses_output(struct fh_responses_turn *turn, struct fh_events *out,
                         yyjson_val *output);

/* Whether there was a call, a refusal in words. */
FH_NODISCARD bool fh_responses_calls(const struct fh_responses_turn *turn);
FH_NODISCARD bool fh_responses_refuses(const struct fh_responses_turn *turn);

/* fh_responses_begin gives the START of a response. */
void fh_responses_begin(struct fh_events *out, yyjson_val *response);

/* fh_responses_snapshot tells what nobody knows in a response that is not at its end. */
void fh_responses_snapshot(struct fh_events *out, yyjson_val *response);

/* fh_responses_end ends the turn by the whole response: what of it was not told yet, usage, finish,
 * and the end; or its error, if it has one or is said to have `failed`. */
void fh_responses_end(struct fh_responses_turn *turn, struct fh_events *out,
                      yyjson_val *response, bool failed);

/* fh_responses_is_failure says whether a response of this status is no answer. In a `whole` one
 * there may be none yet. */
FH_NODISCARD bool fh_responses_is_failure(struct fh_slice status, bool whole);

enum fh_rc fh_responses_decode_reply(struct fh_events *out, struct fh_slice body,
                                     struct fh_complaint *why);
void *fh_responses_stream_decoder_new(struct fh_arena *arena);
enum fh_rc fh_responses_decode_stream(void *decoder, struct fh_events *out,
                                      const struct fh_frame *wire, struct fh_complaint *why);

/* fh_responses_finish says why a response ended, by its status, the reason in its
 * incomplete_details, and whether there are calls or a refusal in it. `word` is the provider's
 * own. */
enum fh_finish fh_responses_finish(struct fh_slice status, struct fh_slice reason, bool calls,
                                   bool refused, struct fh_slice *word);

/* fh_responses_read_usage reads a usage object. What it has no class for goes to `extras`,
 * which may be NULL. */
void fh_responses_read_usage(struct fh_usage *usage, yyjson_val *obj, struct fh_arena *arena,
                             struct fh_extras *extras);

/* fh_responses_print_usage appends one; extras of our own, if there are any, are put back. */
void fh_responses_print_usage(struct fh_buf *out, struct fh_arena *scratch,
                              const struct fh_usage *usage, const struct fh_extras *extras);

/* ---- answers to clients ---- */

void fh_responses_encode_reply(struct fh_buf *out, struct fh_arena *scratch,
                               const struct fh_reply_frame *frame,
                               const struct fh_events *events, struct fh_loss *loss);
void *fh_responses_stream_encoder_new(struct fh_arena *arena,
                                      const struct fh_reply_frame *frame);
void fh_responses_encode_stream(void *encoder, struct fh_buf *out, struct fh_arena *scratch,
                                const struct fh_event *event, struct fh_loss *loss);
void fh_responses_encode_ping(struct fh_buf *out, enum fh_framing framing);

/* ---- errors, lists, counts, scans ---- */

/* fh_responses_read_fault reads an error object: that of an event, or of a response that failed. */
void fh_responses_read_fault(struct fh_fault *fault, struct fh_arena *arena, yyjson_val *error);

/* fh_responses_print_error writes the error event of a stream, whole. */
void fh_responses_print_error(struct fh_buf *out, struct fh_arena *scratch, uint64_t number,
                              const struct fh_fault *fault);

void fh_responses_encode_fault(struct fh_buf *out, struct fh_arena *scratch,
                               struct fh_slice request_id, const struct fh_fault *fault,
                               enum fh_framing framing);
uint16_t fh_responses_fault_status(const struct fh_fault *fault);
void fh_responses_decode_fault(struct fh_fault *fault, struct fh_arena *arena, uint16_t status,
                               struct fh_slice body);
void fh_responses_encode_models(struct fh_buf *out, struct fh_arena *scratch,
                                const struct fh_listing *list);
enum fh_rc fh_responses_unwrap_count(struct fh_slice *chat, struct fh_arena *arena,
                                     struct fh_slice body, struct fh_complaint *why);
void fh_responses_wrap_count(struct fh_buf *out, struct fh_arena *scratch,
                             struct fh_slice chat);
bool fh_responses_decode_count(struct fh_slice body, struct fh_arena *scratch,
                               uint64_t *tokens);
void fh_responses_encode_count(struct fh_buf *out, uint64_t tokens);
void fh_responses_scan_reply(struct fh_watch *watch, struct fh_arena *scratch,
                             struct fh_slice body);
void fh_responses_scan_stream(struct fh_watch *watch, struct fh_arena *scratch,
                              const struct fh_frame *wire);
