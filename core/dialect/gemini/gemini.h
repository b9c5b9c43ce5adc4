/*
 * gemini.h: what the files of Google's dialect share. Not for others: they include
 * dialect/dialect.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "chat/read.h"
#include "chat/write.h"
#include "dialect/dialect.h"

/* The ledger: gemini_ledger.def. */
extern const struct fh_cell fh_gemini_cells[FH_FIELDS];

/* The entries of struct fh_dialect: see there. */
enum fh_rc fh_gemini_decode_request(struct fh_chat_request *req, struct fh_arena *arena,
                                    struct fh_slice body, struct fh_complaint *why);
enum fh_rc fh_gemini_encode_request(struct fh_buf *out, struct fh_arena *scratch,
                                    const struct fh_chat_request *req, struct fh_loss *loss,
                                    struct fh_complaint *why);
enum fh_rc fh_gemini_decode_reply(struct fh_events *out, struct fh_slice body,
                                  struct fh_complaint *why);
void fh_gemini_encode_reply(struct fh_buf *out, struct fh_arena *scratch,
                            const struct fh_reply_frame *frame, const struct fh_events *events,
                            struct fh_loss *loss);
void *fh_gemini_stream_decoder_new(struct fh_arena *arena);
enum fh_rc fh_gemini_decode_stream(void *decoder, struct fh_events *out,
                                   const struct fh_frame *wire, struct fh_complaint *why);
void *fh_gemini_stream_encoder_new(struct fh_arena *arena, const struct fh_reply_frame *frame);
void fh_gemini_encode_stream(void *encoder, struct fh_buf *out, struct fh_arena *scratch,
                             const struct fh_event *event, struct fh_loss *loss);
void fh_gemini_encode_fault(struct fh_buf *out, struct fh_arena *scratch,
                            struct fh_slice request_id, const struct fh_fault *fault,
                            enum fh_framing framing);
uint16_t fh_gemini_fault_status(const struct fh_fault *fault);
void fh_gemini_decode_fault(struct fh_fault *fault, struct fh_arena *arena, uint16_t status,
                            struct fh_slice body);
void fh_gemini_encode_models(struct fh_buf *out, struct fh_arena *scratch,
                             const struct fh_listing *list);
enum fh_rc fh_gemini_unwrap_count(struct fh_slice *chat, struct fh_arena *arena,
                                  struct fh_slice body, struct fh_complaint *why);
void fh_gemini_wrap_count(struct fh_buf *out, struct fh_arena *scratch, struct fh_slice chat);
bool fh_gemini_decode_count(struct fh_slice body, struct fh_arena *scratch, uint64_t *tokens);
void fh_gemini_encode_count(struct fh_buf *out, uint64_t tokens);
void fh_gemini_encode_ping(struct fh_buf *out, enum fh_framing framing);
void fh_gemini_scan_reply(struct fh_watch *watch, struct fh_arena *scratch,
                          struct fh_slice body);
void fh_gemini_scan_stream(struct fh_watch *watch, struct fh_arena *scratch,
                           const struct fh_frame *wire);

/* ---- words ---- */

/* fh_gemini_finish_said and fh_gemini_modality_said give the word of an enum: clients of Vertex can
 * ask for numbers in their place (`$alt=json;enum-encoding=int`); one that we do not know is the
 * first word, which says nothing. FH_NONE when it is neither. */
struct fh_slice fh_gemini_finish_said(yyjson_val *value);
struct fh_slice fh_gemini_modality_said(yyjson_val *value);

/* fh_gemini_finish reads a finishReason; fh_gemini_finish_word gives the one for what an event
 * says: its own, if Google said it. */
enum fh_finish fh_gemini_finish(struct fh_slice word);
struct fh_slice fh_gemini_finish_word(const struct fh_event *event);

/* fh_gemini_call_id makes up the id of a call that has none: call_OWN_NUMBER, in letters that all
 * dialects take. */
struct fh_slice fh_gemini_call_id(struct fh_arena *arena, struct fh_slice own, uint64_t number);

/* ---- requests, in ---- */

/* A call that waits for its answer, while a conversation is read. */
struct fh_gemini_call {
    struct fh_gemini_call *next;
    struct fh_slice name, id;
};

/* Calls of one turn that are looked through for an answer without an id. Nobody calls more at
 * once. */
enum { FH_GEMINI_CALLS_MAX = 256 };

/* struct fh_reader's `own` */
struct fh_gemini_reading {
    struct fh_gemini_call *first, *last; /* waiting, oldest first */
    size_t count;
    size_t made_up; /* ids so far */
};

/* fh_gemini_read_object is fh_read_object for members that may be in snake_case: those it knows are
 * in camelCase afterwards, in the tree as well. */
enum fh_rc fh_gemini_read_object(struct fh_reader *r, const struct fh_shape *shape, void *into,
                                 struct fh_extras *extras, const struct fh_path *at,
                                 yyjson_val *obj);
void fh_gemini_camel(yyjson_val *obj);

/* fh_gemini_read_many is fh_read_list for a list of one that may come without its brackets, as
 * Google's own examples have `parts`. */
enum fh_rc fh_gemini_read_many(struct fh_reader *r, void *into, const struct fh_path *at,
                               yyjson_val *value, fh_member_fn *read);

/* Readers of members of the body; `into` is the request. */
enum fh_rc fh_gemini_read_contents(struct fh_reader *r, void *into, const struct fh_path *at,
                                   yyjson_val *value);
enum fh_rc fh_gemini_read_system(struct fh_reader *r, void *into, const struct fh_path *at,
                                 yyjson_val *value);
enum fh_rc fh_gemini_read_tools(struct fh_reader *r, void *into, const struct fh_path *at,
                                yyjson_val *value);
enum fh_rc fh_gemini_read_tool_config(struct fh_reader *r, void *into, const struct fh_path *at,
                                      yyjson_val *value);

/* fh_gemini_read_call and fh_gemini_read_response read `functionCall` and `functionResponse`;
 * `into` is the block. */
enum fh_rc fh_gemini_read_call(struct fh_reader *r, struct fh_block *block,
                               const struct fh_path *at, yyjson_val *value);
enum fh_rc fh_gemini_read_response(struct fh_reader *r, struct fh_block *block,
                                   const struct fh_path *at, yyjson_val *value);

/* fh_gemini_add_media adds what `inlineData` or `fileData` is: an image, a document, … , or an
 * opaque block of `part` when nobody else would know it. */
enum fh_rc fh_gemini_add_media(struct fh_reader *r, struct fh_blocks *list,
                               const struct fh_path *at, yyjson_val *data, yyjson_val *part);

/* ---- requests, out ---- */

struct fh_gemini_writer {
    struct fh_writer w;
    struct fh_gemini_named *calls; /* of the conversation, sorted by id; made when needed */
    size_t call_count;
};

enum fh_rc fh_gemini_write_contents(struct fh_gemini_writer *g, yyjson_mut_val *root);
void fh_gemini_write_system(struct fh_gemini_writer *g, yyjson_mut_val *root);
void fh_gemini_write_tools(struct fh_writer *w, yyjson_mut_val *root);
void fh_gemini_write_tool_config(struct fh_writer *w, yyjson_mut_val *root);

/* fh_gemini_write_result adds a functionResponse to `parts`. */
enum fh_rc fh_gemini_write_result(struct fh_gemini_writer *g, yyjson_mut_val *parts,
                                  const struct fh_block *block);

/* fh_gemini_write_media puts inlineData or fileData into `part`, which is at `place` for extras. */
void fh_gemini_write_media(struct fh_writer *w, yyjson_mut_val *part,
                           const struct fh_block *block, const char *place);

/* What stands in place of the data of thinking that only its provider can read: behind this, in a
 * sealed signature. No signature begins like that. */
#define FH_GEMINI_REDACTED "redacted:"

/* ---- answers, in ---- */

enum { FH_GEMINI_CHOICES_MAX = 8 }; /* candidateCount is no larger */

/* What was told of one candidate. */
struct fh_gemini_choice {
    bool open; /* a block is, `kind` */
    bool called, finished;
    bool waits; /* it is finished, and others are not: that is told when all are */
    struct fh_slice word;
    enum fh_block_kind kind;
    uint32_t next; /* index of the next block */
};

/* An answer as it comes: whole, or chunk by chunk. Start it zeroed. */
struct fh_gemini_answer {
    struct fh_arena *arena; /* lives as long as the answer */
    bool whole;             /* in one piece: parts are not fragments of one another */
    bool started;
    bool finished; /* a candidate is */
    struct fh_slice id;
    struct fh_usage usage;             /* told last */
    uint32_t calls;                    /* so far, for ids */
    struct fh_slice told[FH_LOSS_MAX]; /* pointers of extras; what does not fit is told again */
    size_t told_count;
    struct fh_gemini_choice choice[FH_GEMINI_CHOICES_MAX];
};

/* fh_gemini_read_answer tells what a GenerateContentResponse says: all of an answer or a chunk. */
enum fh_rc fh_gemini_read_answer(struct fh_gemini_answer *a, struct fh_events *out,
                                 yyjson_val *root, struct fh_complaint *why);

/* fh_gemini_read_part tells what a part says, and fh_gemini_close ends the block that is open. */
enum fh_rc fh_gemini_read_part(struct fh_gemini_answer *a, struct fh_events *out,
                               uint32_t choice, const struct fh_path *at, yyjson_val *part,
                               struct fh_reader *r);
void fh_gemini_close(struct fh_gemini_answer *a, struct fh_events *out, uint32_t choice);

/* fh_gemini_read_usage sets what usageMetadata counts; members that no class holds become extras,
 * those of its details as well, if `extras` is not NULL. */
void fh_gemini_read_usage(struct fh_usage *usage, yyjson_val *metadata, struct fh_arena *arena,
                          struct fh_extras *extras);

/* ---- answers, out ---- */

/* fh_gemini_write_usage adds usageMetadata. `own` is what Google itself said; NULL: another did. */
void fh_gemini_write_usage(struct fh_writer *w, yyjson_mut_val *root,
                           const struct fh_usage *usage, yyjson_val *own);

/* A block of an answer, put together. */
struct fh_gemini_said {
    enum fh_block_kind kind;
    enum fh_signer signer;
    struct fh_slice id, name, media_type;
    struct fh_slice text; /* or base64, or arguments */
    struct fh_slice signature;
    yyjson_val *raw;
    bool thought; /* thinking whose words were written before */
    struct fh_extras extras;
};

/* fh_gemini_begin_said takes what a BLOCK_START says. */
void fh_gemini_begin_said(struct fh_gemini_said *said, const struct fh_event *start);

/* fh_gemini_write_part adds a part to `parts`; what was said is borrowed until the tree is
 * printed. */
void fh_gemini_write_part(struct fh_writer *w, yyjson_mut_val *parts,
                          const struct fh_gemini_said *said);

/* fh_gemini_is_signature says whether a block is nothing but the signature of the part before it.
 * */
bool fh_gemini_is_signature(const struct fh_gemini_said *said);

/* What an answer, or a chunk, is written to. */
struct fh_gemini_page {
    struct fh_writer w;
    yyjson_mut_val *root, *candidate, *parts; /* the latter two NULL: of none so far */
};

/* fh_gemini_page starts one; `ours`: Google said it, and extras are written. */
struct fh_gemini_page fh_gemini_page(struct fh_arena *scratch, struct fh_loss *loss, bool ours);

/* fh_gemini_candidate makes the candidate `choice` the one that is written to, at the end of the
 * list. */
void fh_gemini_candidate(struct fh_gemini_page *page, uint32_t choice);

/* fh_gemini_write_beside puts extras of an event to where they stood: into the answer, the
 * candidate, its content or its last part. */
void fh_gemini_write_beside(struct fh_gemini_page *page, const struct fh_extras *extras);

/* fh_gemini_write_finish writes why a candidate ended; nothing of one that there never was since
 * the prompt was blocked (fh_gemini_is_blocked). */
void fh_gemini_write_finish(struct fh_gemini_page *page, const struct fh_event *finish,
                            bool refused);
bool fh_gemini_is_blocked(const struct fh_event *finish);

/* fh_gemini_write_name says whose answer it is: at the end of each answer and chunk. */
void fh_gemini_write_name(struct fh_gemini_page *page, struct fh_slice model,
                          struct fh_slice id);

/* ---- errors ---- */

/* fh_gemini_error_in gives the `error` object of an answer, bare or in a list; NULL: none. */
yyjson_val *fh_gemini_error_in(yyjson_val *root);

/* fh_gemini_read_fault reads it. Slices borrow from the tree. */
void fh_gemini_read_fault(struct fh_fault *fault, yyjson_val *error);
