/*
 * bedrock.h: the parts of the Converse dialect, as its files see each other.
 *
 * The dialect's one public name is fh_dialect_bedrock, in dialect.h. README.md says what the wire
 * looks like and where it is stranger than documented.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "chat/read.h"
#include "chat/write.h"
#include "dialect/claude.h"
#include "dialect/dialect.h"

extern const struct fh_cell fh_bedrock_cells[FH_FIELDS];

/* The entries of struct fh_dialect: see there. */
enum fh_rc fh_bedrock_decode_request(struct fh_chat_request *req, struct fh_arena *arena,
                                     struct fh_slice body, struct fh_complaint *why);
enum fh_rc fh_bedrock_encode_request(struct fh_buf *out, struct fh_arena *scratch,
                                     const struct fh_chat_request *req, struct fh_loss *loss,
                                     struct fh_complaint *why);
enum fh_rc fh_bedrock_decode_reply(struct fh_events *out, struct fh_slice body,
                                   struct fh_complaint *why);
void *fh_bedrock_stream_decoder_new(struct fh_arena *arena);
enum fh_rc fh_bedrock_decode_stream(void *decoder, struct fh_events *out,
                                    const struct fh_frame *wire, struct fh_complaint *why);
void fh_bedrock_encode_reply(struct fh_buf *out, struct fh_arena *scratch,
                             const struct fh_reply_frame *frame, const struct fh_events *events,
                             struct fh_loss *loss);
void *fh_bedrock_stream_encoder_new(struct fh_arena *arena, const struct fh_reply_frame *frame);
void fh_bedrock_encode_stream(void *encoder, struct fh_buf *out, struct fh_arena *scratch,
                              const struct fh_event *event, struct fh_loss *loss);
void fh_bedrock_encode_fault(struct fh_buf *out, struct fh_arena *scratch,
                             struct fh_slice request_id, const struct fh_fault *fault,
                             enum fh_framing framing);
struct fh_slice fh_bedrock_fault_name(const struct fh_fault *fault);
uint16_t fh_bedrock_fault_status(const struct fh_fault *fault);
void fh_bedrock_decode_fault(struct fh_fault *fault, struct fh_arena *arena, uint16_t status,
                             struct fh_slice body);
void fh_bedrock_encode_models(struct fh_buf *out, struct fh_arena *scratch,
                              const struct fh_listing *list);
enum fh_rc fh_bedrock_unwrap_count(struct fh_slice *chat, struct fh_arena *arena,
                                   struct fh_slice body, struct fh_complaint *why);
void fh_bedrock_wrap_count(struct fh_buf *out, struct fh_arena *scratch, struct fh_slice chat);
bool fh_bedrock_decode_count(struct fh_slice body, struct fh_arena *scratch, uint64_t *tokens);
void fh_bedrock_encode_count(struct fh_buf *out, uint64_t tokens);
void fh_bedrock_encode_ping(struct fh_buf *out, enum fh_framing framing);
void fh_bedrock_scan_reply(struct fh_watch *watch, struct fh_arena *scratch,
                           struct fh_slice body);
void fh_bedrock_scan_stream(struct fh_watch *watch, struct fh_arena *scratch,
                            const struct fh_frame *wire);

/* ---- words ---- */

/* fh_bedrock_finish gives the meaning of a stopReason, fh_bedrock_stop_reason the word for one:
 * `own_word`, a provider's own, where it has no meaning to us. */
enum fh_finish fh_bedrock_finish(struct fh_slice word);
struct fh_slice fh_bedrock_stop_reason(enum fh_finish finish, struct fh_slice own_word);

/* fh_bedrock_effort gives an effort's number; FH_EFFORT_UNSET when it is no word for one. */
enum fh_effort fh_bedrock_effort(struct fh_slice word);
const char *fh_bedrock_effort_word(enum fh_effort effort);

/* What models of one family take beside Converse's own members. */
struct fh_bedrock_family {
    struct fh_slice part; /* of the model's name */
    bool claude;          /* it takes what Anthropic's own API does */
    const char *top_k_in, *top_k;
    const char *effort_in, *effort; /* "" where Converse's own member has to do */
    enum fh_effort most;
    uint8_t id_max; /* of a call; those of nine characters are letters and digits alone */
};

/* fh_bedrock_family tells a model's family by its name. */
const struct fh_bedrock_family *fh_bedrock_family(struct fh_slice model);

/* fh_bedrock_media_type gives the media type of a block's format, fh_bedrock_format the way back,
 * parameters of the type aside. Empty when there is none. */
struct fh_slice fh_bedrock_media_type(enum fh_block_kind kind, struct fh_slice format);
struct fh_slice fh_bedrock_format(enum fh_block_kind kind, struct fh_slice media_type);

/* fh_bedrock_read_redacted takes thinking that only its provider can read out of redactedContent:
 * the bytes are the text that Anthropic has in `data`, sealed if another's.
 *
 * Returns  false when they are no such text: a model of another family wrote them.
 */
FH_NODISCARD bool fh_bedrock_read_redacted(struct fh_arena *arena, struct fh_slice content,
                                           struct fh_slice *data, enum fh_signer *signer);

/* fh_bedrock_open_redacted does so with the bytes themselves; `data` may be a part of them. */
FH_NODISCARD bool fh_bedrock_open_redacted(struct fh_arena *arena, struct fh_slice bytes,
                                           struct fh_slice *data, enum fh_signer *signer);

/* fh_bedrock_redacted is the way back; in `arena`. */
struct fh_slice fh_bedrock_redacted(struct fh_arena *arena, enum fh_signer signer,
                                    struct fh_slice data);

/* fh_bedrock_sealed is a signature as clients get it; in `arena`. */
struct fh_slice fh_bedrock_sealed(struct fh_arena *arena, enum fh_signer signer,
                                  struct fh_slice signature);

/* ---- what nobody knows ---- */

/* A member that is known, and what is known inside it. */
struct fh_bedrock_known {
    struct fh_slice key;
    const struct fh_bedrock_known
        *inside; /* of it, or of each element of its list; NULL: all */
    size_t count;
};

/* Rows of a table. */
#define FH_BEDROCK_KNOWN(name)     \
    {                              \
        FH_LIT_INIT(name), NULL, 0 \
    }
#define FH_BEDROCK_KNOWN_IN(name, rows)       \
    {                                         \
        FH_LIT_INIT(name), rows, FH_LEN(rows) \
    }

/* fh_bedrock_keep notes the members of `obj` that no row of `known` has, and so on inside. */
void fh_bedrock_keep(struct fh_extras *list, struct fh_arena *arena, const struct fh_path *path,
                     yyjson_val *obj, const struct fh_bedrock_known *known, size_t count);

/* ---- requests ---- */

/* fh_bedrock_read_block reads one element of a list of content into the struct fh_blocks `into`;
 * fh_bedrock_read_system one of the instructions. A cache point becomes the breakpoint of what
 * stands before it. */
enum fh_rc fh_bedrock_read_block(struct fh_reader *r, void *into, const struct fh_path *at,
                                 yyjson_val *value);

/* fh_bedrock_read_cache reads a cachePoint. False when there is other or more in it than there is
 * a field for. */
FH_NODISCARD bool fh_bedrock_read_cache(yyjson_val *point, enum fh_cache *cache);

/* fh_bedrock_read_native reads additionalModelRequestFields: what of them has a field of the
 * request goes there, unless it is set; the rest is MODEL_FIELDS. */
enum fh_rc fh_bedrock_read_native(struct fh_reader *r, void *into, const struct fh_path *at,
                                  yyjson_val *value);

/* What a request is written with. */
struct fh_bedrock_pen {
    struct fh_writer w;
    const struct fh_bedrock_family *family;
    yyjson_mut_val
        *native; /* additionalModelRequestFields; in the tree when it holds something */
    struct fh_slice name[32]; /* of documents that were written: they must differ */
    size_t documents;         /* how many there were */
};

/* fh_bedrock_write_block adds a block to a list of content, and a cache point behind it. */
enum fh_rc fh_bedrock_write_block(struct fh_bedrock_pen *pen, yyjson_mut_val *list,
                                  const struct fh_block *block);

/* fh_bedrock_write_cache adds a cache point to a list, unless there is none. */
void fh_bedrock_write_cache(struct fh_bedrock_pen *pen, yyjson_mut_val *list,
                            enum fh_cache cache);

/* fh_bedrock_write_native fills pen->native with what this model's family takes there of another
 * dialect's request, or `root` where it takes it as Converse has it, and reports what it does not
 * take. */
void fh_bedrock_write_native(struct fh_bedrock_pen *pen, yyjson_mut_val *root);

/* fh_bedrock_write_tools writes toolConfig, and what of it is native. */
void fh_bedrock_write_tools(struct fh_bedrock_pen *pen, yyjson_mut_val *root);

/* fh_bedrock_call_id gives the id of a call as this model takes it: itself, where it is one. */
struct fh_slice fh_bedrock_call_id(const struct fh_bedrock_pen *pen, struct fh_slice id);

/* ---- answers ---- */

/* fh_bedrock_read_usage merges a `usage` object into `sum`. Members that the sum has no class for
 * go to `extras`, when that is not NULL. */
void fh_bedrock_read_usage(struct fh_usage *sum, yyjson_val *usage, struct fh_arena *arena,
                           struct fh_extras *extras);

/* fh_bedrock_write_usage adds the `usage` object, with those extras that stood in one. Input,
 * output and total are always there. */
void fh_bedrock_write_usage(struct fh_writer *w, yyjson_mut_val *root,
                            const struct fh_usage *usage, const struct fh_extras *extras);

/* fh_bedrock_read_finish pushes FINISH of an object that holds stopReason. */
struct fh_event *fh_bedrock_read_finish(struct fh_events *out, yyjson_val *root);

/* fh_bedrock_read_metadata pushes USAGE with usage, metrics, trace and what stands beside them in
 * `root`, but for members in `known`. `sum` is what was used up to then. */
void fh_bedrock_read_metadata(struct fh_events *out, yyjson_val *root, struct fh_usage *sum,
                              const struct fh_slice *known, size_t count);

/* fh_bedrock_write_metadata adds usage, metrics and what stands beside them. */
void fh_bedrock_write_metadata(struct fh_writer *w, yyjson_mut_val *root,
                               const struct fh_usage *usage, const struct fh_extras *extras);

/* fh_bedrock_write_finish adds stopReason and additionalModelResponseFields. `calls`: the answer
 * has calls in it; other dialects may say "stop" for that. */
void fh_bedrock_write_finish(struct fh_writer *w, yyjson_mut_val *root,
                             const struct fh_event *finish, bool calls);

/* fh_bedrock_read_fault reads an exception's payload or an error body. */
void fh_bedrock_read_fault(struct fh_fault *fault, struct fh_arena *arena, struct fh_slice name,
                           struct fh_slice payload);
