/*
 * anthropic.h: the parts of Anthropic's dialect, as its files see each other.
 *
 * The dialect's one public name is fh_dialect_anthropic, in dialect.h. README.md says what the wire
 * looks like and where it is stranger than documented.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "dialect/dialect.h"

/* The ledger: anthropic_ledger.def. */
extern const struct fh_cell fh_anthropic_cells[FH_FIELDS];

/* The entries of struct fh_dialect: see there. */
enum fh_rc fh_anthropic_decode_request(struct fh_chat_request *req, struct fh_arena *arena,
                                       struct fh_slice body, struct fh_complaint *why);
enum fh_rc fh_anthropic_encode_request(struct fh_buf *out, struct fh_arena *scratch,
                                       const struct fh_chat_request *req, struct fh_loss *loss,
                                       struct fh_complaint *why);
enum fh_rc fh_anthropic_decode_reply(struct fh_events *out, struct fh_slice body,
                                     struct fh_complaint *why);
void *fh_anthropic_stream_decoder_new(struct fh_arena *arena);
enum fh_rc fh_anthropic_decode_stream(void *decoder, struct fh_events *out,
                                      const struct fh_frame *wire, struct fh_complaint *why);
void fh_anthropic_encode_reply(struct fh_buf *out, struct fh_arena *scratch,
                               const struct fh_reply_frame *frame,
                               const struct fh_events *events, struct fh_loss *loss);
void *fh_anthropic_stream_encoder_new(struct fh_arena *arena,
                                      const struct fh_reply_frame *frame);
void fh_anthropic_encode_stream(void *encoder, struct fh_buf *out, struct fh_arena *scratch,
                                const struct fh_event *event, struct fh_loss *loss);
void fh_anthropic_encode_fault(struct fh_buf *out, struct fh_arena *scratch,
                               struct fh_slice request_id, const struct fh_fault *fault,
                               enum fh_framing framing);
uint16_t fh_anthropic_fault_status(const struct fh_fault *fault);
void fh_anthropic_decode_fault(struct fh_fault *fault, struct fh_arena *arena, uint16_t status,
                               struct fh_slice body);
void fh_anthropic_encode_models(struct fh_buf *out, struct fh_arena *scratch,
                                const struct fh_listing *list);
void fh_anthropic_scan_reply(struct fh_watch *watch, struct fh_arena *scratch,
                             struct fh_slice body);
void fh_anthropic_scan_stream(struct fh_watch *watch, struct fh_arena *scratch,
                              const struct fh_frame *wire);

/* fh_anthropic_finish gives the meaning of a stop_reason, fh_anthropic_stop_reason the word for
 * what an event says: a provider's own where it has no meaning to us. */
enum fh_finish fh_anthropic_finish(struct fh_slice word);
struct fh_slice fh_anthropic_stop_reason(enum fh_finish finish, struct fh_slice own_word);

/* fh_anthropic_read_usage merges a `usage` object into the sum of those before it: reports are
 * cumulative, and a bare total of cache writes after one with lifetimes is the same tokens again.
 * What is no whole number was not seen. Members that the sum has no class for go to `extras`, when
 * that is not NULL. */
void fh_anthropic_read_usage(struct fh_usage *sum, yyjson_val *usage, struct fh_arena *arena,
                             const struct fh_path *at, struct fh_extras *extras);

/* fh_anthropic_fill_usage fills a `usage` object, in which extras may stand already. Input and
 * output are always there, 0 when not known; other classes only if seen, lifetimes of cache writes
 * only `with_lifetimes`. */
void fh_anthropic_fill_usage(yyjson_mut_doc *doc, yyjson_mut_val *out,
                             const struct fh_usage *usage, bool with_lifetimes);

/* fh_anthropic_read_fault reads the error object of a body or of an event. False when `root` holds
 * none; then `fault` is as it was. */
FH_NODISCARD bool fh_anthropic_read_fault(struct fh_fault *fault, yyjson_val *root);

/* fh_anthropic_error_kind finds what an error's type means. */
FH_NODISCARD bool fh_anthropic_error_kind(struct fh_slice type, enum fh_refusal *kind);

/* fh_anthropic_extras_under writes those extras whose place was a member of the object at `parent`
 * ("" is the top of the body). */
void fh_anthropic_extras_under(const struct fh_extras *extras, const char *parent,
                               yyjson_mut_doc *doc, yyjson_mut_val *obj);

/* fh_anthropic_open_block pushes the BLOCK_START of a reply's `block`, and what it says at once:
 * all of it in a whole reply, mostly nothing in a stream.
 *
 * Returns  FH_E_TYPE, with `why`, when it is no block; else `kind` of it, and whether the arguments
 *          of a call were there.
 */
enum fh_rc fh_anthropic_open_block(struct fh_events *out, uint32_t index,
                                   const struct fh_path *at, yyjson_val *block,
                                   enum fh_block_kind *kind, bool *has_arguments,
                                   struct fh_complaint *why);

/* fh_anthropic_read_blocks pushes the whole blocks of a `content` list; `count` is how many. */
enum fh_rc fh_anthropic_read_blocks(struct fh_events *out, const struct fh_path *at,
                                    yyjson_val *content, uint32_t *count,
                                    struct fh_complaint *why);

/* fh_anthropic_read_start pushes START and USAGE for a message: the whole one at the top of a
 * reply, or that of message_start. `sum` starts with what the message says. */
void fh_anthropic_read_start(struct fh_events *out, const struct fh_path *at,
                             yyjson_val *message, struct fh_usage *sum);

/* fh_anthropic_new_block makes the object of a block: all of a redacted or opaque one, an empty one
 * of another kind. NULL, and a loss, when this dialect has no such block. */
yyjson_mut_val *fh_anthropic_new_block(yyjson_mut_doc *doc, const struct fh_event *start,
                                       struct fh_loss *loss);

/* fh_anthropic_new_message makes the message object of a START: id, model, role, extras, usage.
 * `content` gives its list of blocks. */
yyjson_mut_val *fh_anthropic_new_message(yyjson_mut_doc *doc, struct fh_arena *arena,
                                         const struct fh_reply_frame *frame,
                                         const struct fh_event *start,
                                         const struct fh_usage *usage, yyjson_mut_val **content,
                                         struct fh_loss *loss);

/* What an answer had in it: OpenAI's dialect says "stop" for what this one has words of its own. */
struct fh_anthropic_said {
    bool call, refusal;
};

/* fh_anthropic_add_finish adds stop_reason and stop_sequence. */
void fh_anthropic_add_finish(yyjson_mut_doc *doc, yyjson_mut_val *obj,
                             const struct fh_event *finish,
                             const struct fh_anthropic_said *said);

/* fh_anthropic_complain fills `why` with the place and a sentence, and passes `rc` on. */
FH_PRINTF(6, 7)
enum fh_rc fh_anthropic_complain(struct fh_complaint *why, struct fh_arena *arena,
                                 const struct fh_path *at, enum fh_refusal kind, enum fh_rc rc,
                                 const char *fmt, ...);

/* fh_anthropic_shown cuts what a peer wrote to a length that fits into a sentence. */
struct fh_slice fh_anthropic_shown(struct fh_slice text);

/* fh_anthropic_kind names the JSON type of a value, for sentences: "a string". */
const char *fh_anthropic_kind(yyjson_val *val);
