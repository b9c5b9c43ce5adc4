/*
 * openai_chat.h: what the files of this dialect share. Nothing outside this folder includes it but
 * Mistral's dialect, which is a flavour of this one.
 *
 *     client body → request                           request → provider's body
 *       openai_chat_request.c   the top level           openai_chat_body.c
 *       openai_chat_message.c   messages                openai_chat_body_messages.c
 *       openai_chat_part.c      parts of their content
 *
 *     provider's answer → events                      events → client's answer
 *       openai_chat_reply.c     whole                   openai_chat_answer.c
 *       openai_chat_stream.c    chunks                  openai_chat_stream_out.c
 *       openai_chat_choice.c    one of `choices`        openai_chat_chunk.c   one chunk
 *       openai_chat_turn.c      its pieces → blocks     openai_chat_prefix.c  what all of them have
 *                               with indices            openai_chat_calls.c, openai_chat_held.c
 *
 *     openai_chat_details.c     signatures, both ways
 *     openai_chat_usage.c       token counts, both ways
 *     openai_chat_scan.c        looking for them in passing bytes
 *     openai_chat_fault.c       errors, both ways
 *     openai_chat_ledger.def    what becomes of each field
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "chat/read.h"
#include "chat/write.h"
#include "dialect/dialect.h"

/* openai_chat_ledger.c: the cells of openai_chat_ledger.def. */
extern const struct fh_cell fh_openai_chat_cells[FH_FIELDS];

/* ---- flavours ---- */

/* A kind of part in a message's content. */
struct fh_openai_chat_part {
    struct fh_slice type;
    enum fh_block_kind kind;
    struct fh_shape shape;
};

/* A word of one dialect, and what it is called in the other. */
struct fh_openai_chat_word {
    struct fh_slice theirs, ours;
};

extern const struct fh_shape fh_openai_chat_body_shape;

/* What differs between dialects that are otherwise this one. */
struct fh_openai_chat_flavour {
    enum fh_dialect_id id;
    const struct fh_cell *cells;

    /* requests, in */
    const struct fh_shape *body; /* members of the top level; values are found by the ledger */
    const struct fh_openai_chat_part *parts; /* kinds that differ, or that only it has */
    size_t part_count;

    /* requests, out */
    const char *any;      /* the tool choice that demands a call */
    const char *thinking; /* where a way of thinking stands, as its own clients say it */
    const struct fh_openai_chat_word *tiers;
    size_t tier_count;
    bool no_developer; /* its roles are system, user, assistant and tool */
    bool no_stream_options;
    bool media_in_results; /* a tool's answer may hold images and files */
    bool prefix;           /* an assistant's last message is gone on with where it says so */
    bool
        closes_results; /* between a tool's answer and a user's words an assistant has to speak */
    struct fh_slice (*call_id)(struct fh_arena *arena, struct fh_slice id); /* NULL: as it is */

    /* write_part adds kinds of parts that differ to `parts`; false for any other kind. */
    bool (*write_part)(struct fh_writer *w, const struct fh_block *block,
                       yyjson_mut_val *parts);

    /* answers, out */
    const struct fh_slice *finish; /* words by enum fh_finish */
    bool thinks_in_content; /* thinking is a part of the content, not a member beside it */
    bool whole_calls;       /* a call comes in one chunk, name and arguments in it */
    bool always_usage;      /* it is always told, in a stream with the last chunk of a choice */
    bool bare; /* no refusal, no logprobs, no images, no sound: members of ours alone */
};

extern const struct fh_openai_chat_flavour fh_openai_chat_itself;

/* ---- requests ---- */

/* fh_openai_chat_read_request is decode_request of a flavour. */
enum fh_rc fh_openai_chat_read_request(const struct fh_openai_chat_flavour *flavour,
                                       struct fh_chat_request *req, struct fh_arena *arena,
                                       struct fh_slice body, struct fh_complaint *why);

/* fh_openai_chat_flavour_of is for readers of its parts. */
const struct fh_openai_chat_flavour *fh_openai_chat_flavour_of(const struct fh_reader *r);

enum fh_rc fh_openai_chat_read_message(struct fh_reader *r, void *into,
                                       const struct fh_path *at, yyjson_val *value);
enum fh_rc fh_openai_chat_read_part(struct fh_reader *r, void *into, const struct fh_path *at,
                                    yyjson_val *value);

/* fh_openai_chat_join_thoughts puts together the words of thoughts that came in pieces. */
void fh_openai_chat_join_thoughts(struct fh_arena *arena, struct fh_blocks *list);

/* Readers of members of the top level, for the tables of flavours. */
fh_member_fn fh_openai_chat_read_messages;
fh_member_fn fh_openai_chat_read_stop;
fh_member_fn fh_openai_chat_read_tools;
fh_member_fn fh_openai_chat_read_tool_choice;
fh_member_fn fh_openai_chat_read_format;
fh_member_fn fh_openai_chat_read_effort;

/* fh_openai_chat_read_url reads what is an object with a URL in it, or a bare URL, into a block. */
fh_member_fn fh_openai_chat_read_url;

/* fh_openai_chat_write_request is encode_request of a flavour. */
enum fh_rc fh_openai_chat_write_request(const struct fh_openai_chat_flavour *flavour,
                                        struct fh_buf *out, struct fh_arena *scratch,
                                        const struct fh_chat_request *req, struct fh_loss *loss,
                                        struct fh_complaint *why);
void fh_openai_chat_write_messages(struct fh_writer *w, yyjson_mut_val *root);

static inline const struct fh_openai_chat_flavour *fh_openai_chat_flavour_in(
    const struct fh_writer *w)
{
    return w->own;
}

/* fh_openai_chat_write_plain writes a plain text document as a part of text. */
void fh_openai_chat_write_plain(struct fh_writer *w, const struct fh_block *block,
                                yyjson_mut_val *part);

/* fh_openai_chat_url_of is where a block's bytes are, or a data: URL with them in it; data that
 * came without a type goes back without one. */
struct fh_slice fh_openai_chat_url_of(struct fh_writer *w, const struct fh_block *block);

/* fh_openai_chat_quirk says whether the server that is asked has a quirk (FH_QUIRK_…). */
static inline bool fh_openai_chat_quirk(const struct fh_writer *w, uint32_t quirk)
{
    return (w->req->envelope.quirks & quirk) != 0;
}

/* fh_openai_chat_find finds an extra that stood in `object`, NULL where none did; `object` is as in
 * fh_extra_stands_in. */
const struct fh_extra *fh_openai_chat_find(const struct fh_extras *list, struct fh_slice object,
                                           struct fh_slice key);
bool fh_openai_chat_any(const struct fh_extras *list, struct fh_slice object);

/* ---- what is kept whole ---- */

/* Names of members, for those who leave them out. */
struct fh_openai_chat_names {
    const struct fh_slice *name;
    size_t count;
};

/* What is known of an object that is kept as it came, since fields or events tell what is in it;
 * and of the objects in one of its members. */
struct fh_openai_chat_form {
    struct fh_openai_chat_names own;
    struct fh_slice inner; /* that member: an object, or a list of them; empty: none is one */
    struct fh_openai_chat_names in_inner;
};

/* Rows of a form. */
#define FH_OPENAI_CHAT_NAMES(list) \
    {                              \
        (list), FH_LEN(list)       \
    }

/* fh_openai_chat_keep_others notes what nothing tells of such an object. Who writes the whole of it
 * back has these as well: they stand deeper than anything that is put back by itself. */
void fh_openai_chat_keep_others(struct fh_extras *list, struct fh_arena *arena,
                                const struct fh_path *at, yyjson_val *obj,
                                const struct fh_openai_chat_form *form);

/* ---- signatures ---- */

/* An element of reasoning_details. */
struct fh_openai_chat_detail {
    const struct fh_openai_chat_form *form; /* of what was read */
    enum fh_block_kind kind;                /* thinking or redacted */
    enum fh_signer signer;
    struct fh_slice text, signature, data;
    bool has_index;
    uint64_t index;
};

/* fh_openai_chat_has_details says whether a list is one of reasoning details. */
bool fh_openai_chat_has_details(yyjson_val *list);

/* fh_openai_chat_read_detail reads one; false when it is of a kind that we do not know. */
FH_NODISCARD bool fh_openai_chat_read_detail(struct fh_openai_chat_detail *detail,
                                             struct fh_arena *arena, yyjson_val *value);

/* fh_openai_chat_read_chunk reads Mistral's form, a part of the content: {"type": "thinking",
 * "thinking": [{"type": "text", …}], "signature": …}. */
void fh_openai_chat_read_chunk(struct fh_openai_chat_detail *detail, struct fh_arena *arena,
                               yyjson_val *chunk);

/* fh_openai_chat_call_signature finds the signature in the `extra_content` of a call; `alone` says
 * that nothing else is in there. */
struct fh_slice fh_openai_chat_call_signature(struct fh_arena *arena, yyjson_val *extra_content,
                                              enum fh_signer *signer, bool *alone);

/* What a model thought in one choice, as far as it is known. Start it zeroed. */
struct fh_openai_chat_thoughts {
    struct fh_openai_chat_thought *first, *last;
    uint32_t count;
    bool sign; /* one of them bears a signature, or cannot be read: clients must send it back */
    bool failed; /* it was too much to hold */
};

/* fh_openai_chat_note_thought gathers thinking, signatures and redacted blocks. */
void fh_openai_chat_note_thought(struct fh_openai_chat_thoughts *all, struct fh_arena *arena,
                                 const struct fh_event *event);

/* fh_openai_chat_print_detail appends one detail. */
void fh_openai_chat_print_detail(struct fh_buf *out,
                                 const struct fh_openai_chat_detail *detail);

/* fh_openai_chat_print_thoughts appends the list reasoning_details. */
void fh_openai_chat_print_thoughts(struct fh_buf *out,
                                   const struct fh_openai_chat_thoughts *all);

/* fh_openai_chat_print_chunk and fh_openai_chat_print_chunks append a detail, and all of them with
 * commas between, as parts of the content in Mistral's form. `closed`: nothing follows. */
void fh_openai_chat_print_chunk(struct fh_buf *out, const struct fh_openai_chat_detail *detail,
                                bool closed);
void fh_openai_chat_print_chunks(struct fh_buf *out, const struct fh_openai_chat_thoughts *all);

/* fh_openai_chat_print_call_signature appends the object `extra_content` of a call. */
void fh_openai_chat_print_call_signature(struct fh_buf *out, const struct fh_event *event);

/* ---- answers ---- */

/* Members beside `choices` that OpenAI repeats in every chunk, such as system_fingerprint: short,
 * plain values, and not many. They are told once, and repeated by the encoder. */
enum { FH_OPENAI_CHAT_REPEATED_MAX = 8 };
bool fh_openai_chat_is_repeated(const struct fh_extra *extra);

/* The words for roles and efforts, by enum. */
enum { FH_OPENAI_CHAT_ROLES = FH_ROLE_TOOL + 1 };
extern const struct fh_slice fh_openai_chat_roles[FH_OPENAI_CHAT_ROLES];
extern const struct fh_slice fh_openai_chat_efforts[FH_EFFORTS];

/* Finish reasons. Within the dialect the word of the provider is kept. */
enum fh_finish fh_openai_chat_finish_of(struct fh_slice word);
struct fh_slice fh_openai_chat_finish_word(const struct fh_openai_chat_flavour *flavour,
                                           const struct fh_event *finish);

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
    struct fh_slice signature;
    enum fh_signer signer;
    uint32_t block; /* out: the index of its block, once it has begun */
};

struct fh_openai_chat_turn *fh_openai_chat_turn_new(struct fh_arena *arena);

/* fh_openai_chat_turn_id remembers the reply's id, from which calls that have none get theirs. */
void fh_openai_chat_turn_id(struct fh_openai_chat_turn *turn, struct fh_slice id);

/* fh_openai_chat_choice finds the choice, or begins it. NULL beyond the limit. */
struct fh_openai_chat_choice *fh_openai_chat_choice(struct fh_openai_chat_turn *turn,
                                                    uint64_t index);

bool fh_openai_chat_is_finished(const struct fh_openai_chat_choice *choice);

/* fh_openai_chat_say adds text, thinking or refusal; a block begins where another kind was. Empty
 * text is nothing. `member` is where it was said, when that matters to who writes it back. Returns
 * FH_E_CONFLICT after the choice has finished. */
enum fh_rc fh_openai_chat_say(struct fh_openai_chat_choice *choice, struct fh_events *out,
                              enum fh_block_kind kind, struct fh_slice text,
                              struct fh_slice member);

/* What is said beside: of each a provider's own form is kept as an extra. */

/* fh_openai_chat_next_thought ends the thought that is open, unless it has the provider's number
 * `index`. */
void fh_openai_chat_next_thought(struct fh_openai_chat_choice *choice, struct fh_events *out,
                                 uint64_t index);
void fh_openai_chat_end_thought(struct fh_openai_chat_choice *choice, struct fh_events *out);

/* fh_openai_chat_think reads one of reasoning_details. `text` says whether its words count: else
 * another member has said them. */
enum fh_rc fh_openai_chat_think(struct fh_openai_chat_choice *choice, struct fh_events *out,
                                const struct fh_openai_chat_detail *detail, bool text);
enum fh_rc fh_openai_chat_image(struct fh_openai_chat_choice *choice, struct fh_events *out,
                                struct fh_slice media_type, struct fh_slice data);
enum fh_rc fh_openai_chat_audio(struct fh_openai_chat_choice *choice, struct fh_events *out,
                                struct fh_slice data);

/* fh_openai_chat_cite adds citations of the text so far, whose extras are for the caller to fill;
 * NULL after the choice has finished. */
struct fh_event *fh_openai_chat_cite(struct fh_openai_chat_choice *choice,
                                     struct fh_events *out);

/* fh_openai_chat_is_echo says whether an event of a provider of this dialect tells what an extra
 * has in the provider's own form: where extras are written back, such an event is not. */
bool fh_openai_chat_is_echo(const struct fh_event *event);

/* fh_openai_chat_call adds a piece of a tool call. `what` says what is wrong with it otherwise. */
enum fh_rc fh_openai_chat_call(struct fh_openai_chat_choice *choice, struct fh_events *out,
                               struct fh_openai_chat_fragment *fragment, const char **what);

/* fh_openai_chat_opaque adds a block that only this dialect knows. */
enum fh_rc fh_openai_chat_opaque(struct fh_openai_chat_choice *choice, struct fh_events *out,
                                 yyjson_val *raw);

/* fh_openai_chat_is_custom tells such blocks apart: a tool call, else a part of the content. */
bool fh_openai_chat_is_custom(yyjson_val *raw);

/* fh_openai_chat_finish closes the choice's blocks and says why it ended; only once. */
void fh_openai_chat_finish(struct fh_openai_chat_choice *choice, struct fh_events *out,
                           struct fh_slice word);

/* fh_openai_chat_close closes the blocks of every choice. */
void fh_openai_chat_close(struct fh_openai_chat_turn *turn, struct fh_events *out);

/* fh_openai_chat_keep notes members of `obj` that `known` does not list. In streams (`!whole`)
 * nulls are left out: a chunk that says null says nothing. */
void fh_openai_chat_keep(struct fh_extras *list, struct fh_arena *arena,
                         const struct fh_path *path, yyjson_val *obj,
                         const struct fh_openai_chat_names *known, bool whole);

/* openai_chat_choice.c: one element of `choices`, whole or a delta. */
enum fh_rc fh_openai_chat_read_choice(struct fh_openai_chat_turn *turn, struct fh_events *out,
                                      const struct fh_path *at, yyjson_val *value, bool whole,
                                      struct fh_complaint *why);

/* openai_chat_usage.c: fh_openai_chat_read_usage reads a `usage` object. Never fails: what is no
 * count is not seen. With `event`, what the classes cannot give back goes to its extras. */
void fh_openai_chat_read_usage(struct fh_usage *usage, yyjson_val *obj);
void fh_openai_chat_usage_event(struct fh_events *out, yyjson_val *obj, bool whole);

/* fh_openai_chat_write_usage makes the object, extras of the provider's own included. */
yyjson_mut_val *fh_openai_chat_write_usage(struct fh_writer *w, const struct fh_usage *usage,
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

/* ---- openai_chat_prefix.c: what all chunks of an answer have in common ---- */

struct fh_openai_chat_prefix;

struct fh_openai_chat_prefix *fh_openai_chat_prefix_new(struct fh_arena *arena);

/* fh_openai_chat_prefix_begin prints it from the answer's start; `ours` where the provider's extras
 * are written back. */
void fh_openai_chat_prefix_begin(struct fh_openai_chat_prefix *prefix, struct fh_arena *scratch,
                                 const struct fh_reply_frame *frame,
                                 const struct fh_event *start, bool ours);
bool fh_openai_chat_prefix_begun(const struct fh_openai_chat_prefix *prefix);

/* fh_openai_chat_prefix_note: a member that an event changes is from then on said by each chunk for
 * itself; one that a usage changes, at the end, when fh_openai_chat_prefix_end is called. */
void fh_openai_chat_prefix_note(struct fh_openai_chat_prefix *prefix, struct fh_arena *scratch,
                                const struct fh_event *event);
void fh_openai_chat_prefix_end(struct fh_openai_chat_prefix *prefix);

/* What is appended to a chunk: the prefix, up to the opening bracket of `choices`; behind the
 * choices what the first chunk alone has, or what an event had there beside what is repeated; and
 * one member, behind a comma where one is needed. */
void fh_openai_chat_add_prefix(struct fh_buf *out, const struct fh_openai_chat_prefix *prefix);
void fh_openai_chat_add_start_extras(const struct fh_openai_chat_prefix *prefix,
                                     struct fh_buf *out, struct fh_arena *scratch,
                                     const struct fh_event *start);
void fh_openai_chat_add_top_extras(struct fh_openai_chat_prefix *prefix, struct fh_buf *out,
                                   struct fh_arena *scratch, const struct fh_event *event);
void fh_openai_chat_add_member(struct fh_buf *out, struct fh_arena *scratch,
                               const struct fh_extra *extra);

/* ---- openai_chat_calls.c: the tool calls of a stream ---- */

struct fh_openai_chat_calls;

struct fh_openai_chat_calls *fh_openai_chat_calls_new(struct fh_arena *arena);

/* fh_openai_chat_call_begins numbers a call within its choice, fh_openai_chat_call_number knows the
 * number again. */
uint32_t fh_openai_chat_call_begins(struct fh_openai_chat_calls *calls,
                                    const struct fh_event *event);
uint32_t fh_openai_chat_call_number(const struct fh_openai_chat_calls *calls,
                                    const struct fh_event *event);

/* fh_openai_chat_call_hold gathers a call, to be told whole by fh_openai_chat_add_call, which gives
 * false where there is none. `ours`: extras are written back. */
void fh_openai_chat_call_hold(struct fh_openai_chat_calls *calls, struct fh_arena *scratch,
                              const struct fh_event *event, bool ours);
FH_NODISCARD bool fh_openai_chat_add_call(struct fh_buf *out,
                                          const struct fh_openai_chat_calls *calls,
                                          const struct fh_event *event);

/* ---- openai_chat_held.c: what a stream's client is told right before the finish ---- */

struct fh_openai_chat_held;

struct fh_openai_chat_held *fh_openai_chat_held_new(struct fh_arena *arena);

/* fh_openai_chat_hold takes an event of thinking, of redacted thinking or of an image. */
void fh_openai_chat_hold(struct fh_openai_chat_held *held, const struct fh_event *event);

/* fh_openai_chat_holds says whether there is something to tell of a choice; what was too much to be
 * held is lost. */
bool fh_openai_chat_holds(struct fh_openai_chat_held *held, uint32_t choice,
                          struct fh_loss *loss);

/* fh_openai_chat_add_held appends it, as members of a delta. */
void fh_openai_chat_add_held(struct fh_buf *out, struct fh_arena *scratch,
                             const struct fh_openai_chat_held *held, uint32_t choice);

/* ---- what the table in openai_chat.c is made of; see dialect.h ---- */

enum fh_rc fh_openai_chat_read_reply(const struct fh_openai_chat_flavour *flavour,
                                     struct fh_events *out, struct fh_slice body,
                                     struct fh_complaint *why);
void fh_openai_chat_write_reply(const struct fh_openai_chat_flavour *flavour,
                                struct fh_buf *out, struct fh_arena *scratch,
                                const struct fh_reply_frame *frame,
                                const struct fh_events *events, struct fh_loss *loss);
void *fh_openai_chat_decoder_new(const struct fh_openai_chat_flavour *flavour,
                                 struct fh_arena *arena);
enum fh_rc fh_openai_chat_decode_stream(void *decoder, struct fh_events *out,
                                        const struct fh_frame *wire, struct fh_complaint *why);
void *fh_openai_chat_encoder_new(const struct fh_openai_chat_flavour *flavour,
                                 struct fh_arena *arena, const struct fh_reply_frame *frame);
void fh_openai_chat_encode_stream(void *encoder, struct fh_buf *out, struct fh_arena *scratch,
                                  const struct fh_event *event, struct fh_loss *loss);
void fh_openai_chat_encode_ping(struct fh_buf *out, enum fh_framing framing);
void fh_openai_chat_encode_models(struct fh_buf *out, struct fh_arena *scratch,
                                  const struct fh_listing *list);
