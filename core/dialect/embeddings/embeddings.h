/*
 * embeddings.h: vectors of texts, in the six shapes in which clients ask for them and providers
 * give them.
 *
 *     client body  ──decode_request──▶ request ──encode_request──▶ provider body
 *     client reply ◀──encode_reply──── reply   ◀──decode_reply──── provider reply
 *
 * This is a schema of its own beside the dialects of conversations: one question, one answer, no
 * streams. Its ledger is embeddings_fields.def, with a column a shape. Errors are those of the
 * dialect that a shape belongs to (fh_embed_dialect).
 *
 * Vectors are never made a tree of: they are lent from the body as text, and stay the digits that
 * they were. Only when a client wants them packed and gets numbers, or the other way round, are
 * they written anew, and then to the bit. When both ends have the same shape the bytes may travel,
 * and fh_embed_scan_reply looks at them; but see there about servers that do not pack.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

/* Where Bedrock says what a request of Cohere's used: not in the body. Who exchanges messages sets
 * FH_TOKENS_INPUT from it, and writes it for clients of that shape. */
#define FH_EMBED_COUNT_HEADER "x-amzn-bedrock-input-token-count"

#include "dialect/dialect.h"
#include "dialect/embeddings/embeddings_fields.def"

enum fh_embed_shape {
    FH_EMBED_OPENAI,
    FH_EMBED_MISTRAL,
    FH_EMBED_GEMINI,     /* batchEmbedContents */
    FH_EMBED_GEMINI_ONE, /* embedContent */
    FH_EMBED_TITAN,      /* Amazon's, by InvokeModel */
    FH_EMBED_COHERE,     /* Cohere's on Bedrock, by InvokeModel */
    FH_EMBED_SHAPES,
};

enum { FH_EMBED_TEXTS_MAX = 2048 }; /* in one call: OpenAI's own limit, the largest of all */

/* ---- the ledger ---- */

enum fh_embed_field {
#define X(name, ...) FH_EMBED_FIELD_##name,
    FH_EMBED_FIELD_ROWS(X)
#undef X
        FH_EMBED_FIELDS
};

enum fh_embed_slot {
#define X(name, ...) FH_EMBED_SLOT_##name,
    FH_EMBED_SLOT_ROWS(X)
#undef X
        FH_EMBED_SLOTS,
    FH_EMBED_SLOT_NONE = FH_EMBED_SLOTS, /* the shapes' own code reads and writes it */
};

struct fh_embed_row {
    struct fh_slice name; /* "DIMENSIONS" */
    struct fh_slice doc;  /* what it is */
    enum fh_embed_slot slot;
    bool nothing; /* it asks for what is done anyway */
    struct fh_cell cell[FH_EMBED_SHAPES];
};

/* fh_embed_row gives the row of a field. */
const struct fh_embed_row *fh_embed_row(enum fh_embed_field field);

/* fh_embed_print appends the ledger as a table of Markdown, for docs/translation.md. */
void fh_embed_print(struct fh_buf *out);

/* fh_embed_shape_name gives "openai", "gemini_one", …. */
struct fh_slice fh_embed_shape_name(enum fh_embed_shape shape);

/* fh_embed_dialect gives the dialect whose errors and models go with a shape. */
enum fh_dialect_id fh_embed_dialect(enum fh_embed_shape shape);

/* ---- requests ---- */

enum fh_embed_kind {
    FH_EMBED_TEXT,   /* `text` */
    FH_EMBED_TOKENS, /* `raw` is a list of token ids */
    FH_EMBED_MEDIA,  /* `raw` is an image, or parts: whatever is more than one text */
};

/* What one vector is wanted of. */
struct fh_embed_input {
    enum fh_embed_kind kind;
    struct fh_slice text;
    yyjson_val *raw;         /* tokens, media */
    struct fh_slice pointer; /* media: where in the body */
    yyjson_val *whole;       /* Gemini: the whole EmbedContentRequest */
};

/* One member that asks for something. */
struct fh_embed_wish {
    yyjson_val *value;         /* as it was written; NULL: not given */
    enum fh_embed_field field; /* which row of the slot it is */
    struct fh_slice pointer;   /* in the body; of the first text, where each has one */
};

struct fh_embed_request {
    enum fh_embed_shape shape; /* of the source */
    struct fh_slice model; /* without Gemini's "models/"; empty where only the path has it */
    bool model_is_bare;    /* Gemini: came without "models/" */
    struct fh_embed_input *inputs;
    size_t count;
    bool single; /* came as one, not as a list of one */
    bool mixed;  /* Gemini: not every request of the batch wishes the same, titles aside */
    struct fh_embed_wish wish[FH_EMBED_SLOTS];
    struct fh_extras extras; /* members that no row has */
    yyjson_val *root;        /* the whole body */
};

/* fh_embed_decode_request reads a client's body (JSON already scanned: wire/json_scan.h).
 *
 * Returns  FH_OK; else `why` says what is wrong where, for the client.
 * Limits   FH_EMBED_TEXTS_MAX; what `arena` may take.
 */
enum fh_rc fh_embed_decode_request(struct fh_embed_request *req, struct fh_arena *arena,
                                   enum fh_embed_shape shape, struct fh_slice body,
                                   struct fh_complaint *why);

/* fh_embed_encode_request writes the body for a provider of `shape`; `req->model` is already the
 * provider's name for it. In the shape that it came in, or the other of Gemini's, everything is
 * given back. In any other the ledger decides: what is dropped goes to `loss`, each wish by the
 * pointer at which it first stands.
 *
 * Returns  FH_OK; FH_E_SUPPORT, with `why`, when something must not be left out: token ids, media,
 *          more texts than one, types of numbers.
 */
enum fh_rc fh_embed_encode_request(struct fh_buf *out, struct fh_arena *scratch,
                                   enum fh_embed_shape shape,
                                   const struct fh_embed_request *req, struct fh_loss *loss,
                                   struct fh_complaint *why);

/* ---- replies ---- */

/* How a vector is written. */
enum fh_embed_form {
    FH_EMBED_FORM_ANY, /* not said, not known */
    FH_EMBED_NUMBERS,  /* a JSON list */
    FH_EMBED_PACKED,   /* base64 of its numbers, 32 bits each, lowest byte first */
};

struct fh_embed_vector {
    enum fh_embed_form form;
    struct fh_slice text;  /* the list, or the base64 without quotes */
    struct fh_slice where; /* the value that stands for it in the reply's body */
    size_t place;          /* how many stand before it in the body */
};

struct fh_embed_reply {
    enum fh_embed_shape shape;       /* of the source */
    struct fh_slice model;           /* empty: not named */
    struct fh_embed_vector *vectors; /* in the order of the texts */
    size_t count;
    struct fh_usage usage;
    bool failed; /* it is an error in disguise: `fault`, and no vectors */
    struct fh_fault fault;
    struct fh_extras extras; /* members that no row has */
    struct fh_slice body;
};

/* fh_embed_form_wanted gives the form in which a client's request wants its vectors. */
enum fh_embed_form fh_embed_form_wanted(const struct fh_embed_request *asked);

/* fh_embed_decode_reply reads a provider's whole answer (status 200). With `asked`, the client's
 * request, there must be a vector for each of its texts, and they come out in the form that it
 * wants; without (NULL) they stay as they are.
 *
 * Borrows  `body`, for as long as `reply` is used.
 * Returns  FH_OK; FH_E_SYNTAX, FH_E_TYPE, FH_E_MISSING or FH_E_LIMIT, with `why`, when it is no
 *          answer to that.
 * Limits   FH_EMBED_TEXTS_MAX vectors; what `arena` may take.
 */
enum fh_rc fh_embed_decode_reply(struct fh_embed_reply *reply, struct fh_arena *arena,
                                 enum fh_embed_shape shape,
                                 const struct fh_embed_request *asked, struct fh_slice body,
                                 struct fh_complaint *why);

/* fh_embed_encode_reply writes the answer for the client that asked, in its shape. In the shape
 * that it came in it is the provider's own bytes, but for vectors in another form. A count of
 * tokens that a shape cannot do without and nobody knows is 0 there.
 *
 * Requires a reply that was decoded for `asked`, and has not failed.
 */
void fh_embed_encode_reply(struct fh_buf *out, struct fh_arena *scratch,
                           const struct fh_reply_frame *frame,
                           const struct fh_embed_request *asked,
                           const struct fh_embed_reply *reply, struct fh_loss *loss);

/* fh_embed_scan_reply looks at a whole reply that is to pass byte for byte: usage, failure, end.
 * The bytes need not be right; well-formed JSON has `ended` or `failed` afterwards.
 *
 * Returns  the form of the first vector. When a client wants packed vectors and these are not, the
 *          reply must be decoded and encoded instead: many servers that speak OpenAI's shape do not
 *          pack, and OpenAI's own client then takes each number for a byte.
 */
enum fh_embed_form fh_embed_scan_reply(struct fh_watch *watch, struct fh_arena *scratch,
                                       enum fh_embed_shape shape, struct fh_slice body);
