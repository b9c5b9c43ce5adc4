/*
 * openai_responses_answer.h: an answer for a client as it grows, for the encoder of this dialect.
 *
 *     block ──▶ part of an item ──▶ item ──▶ output ──▶ the whole response
 *
 * The API's streams end with an event that says everything again. So all of an answer is held,
 * once, as the text that goes between the quotes of a JSON string; what else a done event
 * repeats is printed from it. A whole answer is the same, without the events.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "dialect/openai_responses/openai_responses.h"

/* What an answer may hold: its client wants all of it again at the end. */
enum { FH_RESPONSES_HELD_MAX = 32 << 20, FH_RESPONSES_ITEMS_MAX = 4096 };

enum fh_responses_kind {
    FH_RESPONSES_ITEM_MESSAGE,
    FH_RESPONSES_ITEM_CALL,
    FH_RESPONSES_ITEM_REASONING,
    FH_RESPONSES_ITEM_IMAGE,
    FH_RESPONSES_ITEM_OTHER, /* of our own client: it is what it was */
};

struct fh_responses_piece {
    struct fh_responses_piece *next;
    enum fh_block_kind kind; /* text, refusal, thinking, call, image; opaque: `said` is JSON */
    bool raw;                /* thinking: reasoning_text, not summary_text */
    uint32_t place;          /* among those of its item that are listed together */
    uint32_t cited;          /* how many annotations there are */
    struct fh_buf said;      /* escaped, without quotes */
    struct fh_buf annotations; /* JSON values, comma between */
    struct fh_buf logprobs;    /* the same */
};

/* An item of the output. */
struct fh_responses_out {
    struct fh_responses_out *next;
    enum fh_responses_kind kind;
    uint32_t index;   /* in the output */
    uint32_t ordinal; /* of one that was announced: its number among those */
    uint32_t block;   /* that is open, if `open` */
    bool open, done;
    bool cut; /* the output limit was reached in it */
    struct fh_slice id, call_id, name, media_type;
    struct fh_slice encrypted; /* escaped */
    struct fh_slice signature; /* of a call: its reasoning item follows it */
    enum fh_signer signer;
    struct fh_slice
        members; /* of one that was announced: what its pieces do not say, as JSON */
    struct fh_responses_piece *first, *last;
    uint32_t plain, raw; /* how many pieces of either sort */
};

struct fh_responses_answer {
    struct fh_arena *arena;
    const struct fh_reply_frame *frame;
    bool ours; /* the provider speaks this dialect, too */
    struct fh_slice id, model;
    uint64_t created_s;
    struct fh_responses_out *first, *last;
    uint32_t count;
    size_t held; /* bytes */
    struct fh_usage usage;
    struct fh_slice usage_json; /* of our own: printed, with what no class is for */
    enum fh_finish finish;
    bool finished;
    bool incomplete;         /* its end is told as such */
    bool refused;            /* in words of its own */
    struct fh_slice members; /* of a response of our own: what the rest does not say, as JSON */
    struct fh_slice repeated; /* what was asked, printed once */
    struct fh_buf text;       /* that is being printed or escaped */
};

/* fh_responses_answer_init begins an answer. `frame` is borrowed for as long. */
void fh_responses_answer_init(struct fh_responses_answer *answer, struct fh_arena *arena,
                              const struct fh_reply_frame *frame);

/* fh_responses_start takes what a START says. */
void fh_responses_start(struct fh_responses_answer *answer, const struct fh_event *start);

/* fh_responses_add makes an item at the end of the output. NULL when there are too many. */
struct fh_responses_out *fh_responses_add(struct fh_responses_answer *answer,
                                          enum fh_responses_kind kind);

/* fh_responses_add_piece makes one at the end of an item. */
struct fh_responses_piece *fh_responses_add_piece(struct fh_responses_answer *answer,
                                                  struct fh_responses_out *item,
                                                  enum fh_block_kind kind, bool raw);

/* fh_responses_count takes that much of what may be held; false when there is not so much left. */
FH_NODISCARD bool fh_responses_count(struct fh_responses_answer *answer, size_t bytes);

/* fh_responses_add_value adds a JSON value to a list without brackets, which is in the answer. */
FH_NODISCARD bool fh_responses_add_value(struct fh_responses_answer *answer,
                                         struct fh_arena *scratch, struct fh_buf *list,
                                         yyjson_val *value);

/* fh_responses_hold adds text to the last piece of an item, and gives it escaped: borrowed from
 * `text` until that is used again.
 *
 * Returns  false when the answer would hold too much.
 */
FH_NODISCARD bool fh_responses_hold(struct fh_responses_answer *answer,
                                    struct fh_responses_out *item, struct fh_slice text,
                                    struct fh_slice *escaped);

/* fh_responses_stop takes what a FINISH says. */
void fh_responses_stop(struct fh_responses_answer *answer, struct fh_arena *scratch,
                       const struct fh_event *finish);

/* fh_responses_keep prints the members of an object of our own, without those that are `said`. */
struct fh_slice fh_responses_keep(struct fh_responses_answer *answer, struct fh_arena *scratch,
                                  yyjson_val *obj, const struct fh_slice *said, size_t count);

/* fh_responses_print_piece prints a part, `full` or as it begins; fh_responses_print_item an item,
 * fh_responses_print_response all of it. */
void fh_responses_print_piece(struct fh_buf *out, const struct fh_responses_piece *piece,
                              bool full);
void fh_responses_print_item(struct fh_buf *out, const struct fh_responses_out *item,
                             bool full);
void fh_responses_print_response(struct fh_buf *out, struct fh_responses_answer *answer,
                                 struct fh_arena *scratch, bool full);
