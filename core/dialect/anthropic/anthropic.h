/*
 * anthropic.h: the parts of Anthropic's dialect, as its files see each other.
 *
 * The dialect's one public name is fh_dialect_anthropic, in dialect.h. README.md says what the wire
 * looks like and where it is stranger than documented.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "chat/read.h"
#include "chat/write.h"
#include "dialect/claude.h"
#include "dialect/dialect.h"

#define FH_ANTHROPIC_AUTOMATIC "cache_control" /* at the top: behind whatever comes last */

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
void fh_anthropic_wrap_count(struct fh_buf *out, struct fh_arena *scratch,
                             struct fh_slice chat);
bool fh_anthropic_decode_count(struct fh_slice body, struct fh_arena *scratch,
                               uint64_t *tokens);
void fh_anthropic_encode_count(struct fh_buf *out, uint64_t tokens);
void fh_anthropic_encode_ping(struct fh_buf *out, enum fh_framing framing);
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

/* fh_anthropic_read_exception reads what breaks off a stream of events with a framing of its
 * own. */
void fh_anthropic_read_exception(struct fh_fault *fault, struct fh_arena *arena,
                                 const struct fh_frame *wire);

/* fh_anthropic_error_kind finds what an error's type means. */
FH_NODISCARD bool fh_anthropic_error_kind(struct fh_slice type, enum fh_refusal *kind);

/* fh_anthropic_read_content reads what is a string or a list of blocks. */
enum fh_rc fh_anthropic_read_content(struct fh_reader *r, struct fh_blocks *list,
                                     const struct fh_path *at, yyjson_val *val);

/* fh_anthropic_add_blocks writes a list of blocks; fh_anthropic_is_bare says whether it is one
 * string instead. */
enum fh_rc fh_anthropic_add_blocks(struct fh_writer *w, yyjson_mut_val *list,
                                   const struct fh_blocks *blocks);
FH_NODISCARD bool fh_anthropic_is_bare(const struct fh_writer *w, const struct fh_blocks *list);

/* How much is thought and said. */
struct fh_anthropic_measure {
    enum fh_thinking thinking;
    uint64_t budget;     /* where it is not as it was written; else 0 */
    uint64_t max_tokens; /* the same */
};

/* fh_anthropic_measure makes thinking, its budget and max_tokens fit together, and reports what
 * changes. */
struct fh_anthropic_measure fh_anthropic_measure(struct fh_writer *w);

void fh_anthropic_add_thinking(struct fh_writer *w, yyjson_mut_val *root,
                               const struct fh_anthropic_measure *m);

/* fh_anthropic_last_cacheable finds the block that a breakpoint for the whole request is put
 * behind; NULL when there is none. */
struct fh_block *fh_anthropic_last_cacheable(const struct fh_chat_request *req);

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

/* fh_anthropic_close_block pushes its BLOCK_STOP, and {} before it for a call that came without
 * arguments. */
void fh_anthropic_close_block(struct fh_events *out, uint32_t index, enum fh_block_kind kind,
                              bool has_arguments);

/* fh_anthropic_read_head reads the usage of a message, and keeps those of its members that nobody
 * knows. */
void fh_anthropic_read_head(struct fh_usage *sum, yyjson_val *message, struct fh_arena *arena,
                            const struct fh_path *at, struct fh_extras *extras);

/* fh_anthropic_read_start pushes START and USAGE for a message: the whole one at the top of a
 * reply, or that of message_start. `sum` starts with what the message says. */
void fh_anthropic_read_start(struct fh_events *out, const struct fh_path *at,
                             yyjson_val *message, struct fh_usage *sum);

/* fh_anthropic_push_finish pushes the FINISH that an object with stop_reason tells. */
struct fh_event *fh_anthropic_push_finish(struct fh_events *out, yyjson_val *from);

/* fh_anthropic_writer starts a document of an answer. */
struct fh_writer fh_anthropic_writer(struct fh_arena *scratch, struct fh_loss *loss);

/* fh_anthropic_sealed gives a signature as our clients get it. */
struct fh_slice fh_anthropic_sealed(struct fh_arena *arena, enum fh_signer signer,
                                    struct fh_slice text);

/* fh_anthropic_new_block makes the object of a block: all of a redacted or opaque one, an empty one
 * of another kind. NULL when this dialect has no such block. */
yyjson_mut_val *fh_anthropic_new_block(struct fh_writer *w, const struct fh_event *start);

/* fh_anthropic_new_message makes the message object of a START: id, model, role, extras, usage.
 * `content` gives its list of blocks. */
yyjson_mut_val *fh_anthropic_new_message(struct fh_writer *w,
                                         const struct fh_reply_frame *frame,
                                         const struct fh_event *start,
                                         const struct fh_usage *usage,
                                         yyjson_mut_val **content);

/* What an answer had in it: OpenAI's dialect says "stop" for what this one has words of its own. */
struct fh_anthropic_said {
    bool call, refusal;
};

/* fh_anthropic_add_finish adds stop_reason and stop_sequence. */
void fh_anthropic_add_finish(struct fh_writer *w, yyjson_mut_val *obj,
                             const struct fh_event *finish,
                             const struct fh_anthropic_said *said);

/* fh_anthropic_complain fills `why` with the place and a sentence about a provider's answer, and
 * passes `rc` on. */
FH_PRINTF(5, 6)
enum fh_rc fh_anthropic_complain(struct fh_complaint *why, struct fh_arena *arena,
                                 const struct fh_path *at, enum fh_rc rc, const char *fmt, ...);
