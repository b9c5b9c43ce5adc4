/*
 * request.h: a conversation turn as every dialect can say it.
 *
 *     body ──decode──▶ struct fh_chat_request ──encode──▶ body, and a list of what was lost
 *
 * What all dialects share has a field here. What only its own dialect knows is kept as an `extra`:
 * the member as it was read, and where it stood. An encoder of the same dialect writes extras back;
 * any other reports each one. So a field that nobody thought of is never lost silently.
 *
 * Everything lives in the arena of the decode and points into its document. Slices that hold JSON
 * (`arguments`, `schema`) are well-formed JSON text unless said otherwise.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "base/json.h"
#include "chat/field.h"
#include "chat/loss.h"
#include "chat/refusal.h"
#include "chat/seal.h"

enum fh_dialect_id {
    FH_DIALECT_ANTHROPIC,
    FH_DIALECT_OPENAI_CHAT,
    FH_DIALECT_OPENAI_RESPONSES,
    FH_DIALECT_BEDROCK,
    FH_DIALECT_GEMINI,
    FH_DIALECT_MISTRAL,
    FH_DIALECTS,
};

/* A member that only the source dialect knows. */
struct fh_extra {
    struct fh_extra *next;
    struct fh_slice key;
    yyjson_val *value;
    struct fh_slice pointer; /* of the member in the source body */
    bool repeats;            /* it says again what fields say: others need no report of it */
};

/* A list of extras, in the order in which they were read. */
struct fh_extras {
    struct fh_extra *first, *last;
};

/* fh_extra_add notes the member `key` of the object at `path`. */
struct fh_extra *fh_extra_add(struct fh_extras *list, struct fh_arena *arena,
                              const struct fh_path *path, struct fh_slice key,
                              yyjson_val *value);

/* fh_extras_append moves what `more` has to the end of `list`. */
void fh_extras_append(struct fh_extras *list, const struct fh_extras *more);

/* fh_extras_keep notes those members of `obj` that are not among `names`. */
void fh_extras_keep(struct fh_extras *list, struct fh_arena *arena, const struct fh_path *path,
                    yyjson_val *obj, const struct fh_slice *names, size_t count);

/* fh_extras_write puts the members back into `obj` (same dialect). */
void fh_extras_write(const struct fh_extras *list, yyjson_mut_doc *doc, yyjson_mut_val *obj);

/* fh_extras_lose reports each of them (any other dialect), but for null, "", [] and {}, which say
 * that nothing was given, and for those that repeat what fields say. */
void fh_extras_lose(const struct fh_extras *list, struct fh_loss *loss, const char *why);

enum fh_role {
    FH_ROLE_SYSTEM,
    FH_ROLE_DEVELOPER, /* OpenAI's newer name for system */
    FH_ROLE_USER,
    FH_ROLE_ASSISTANT,
    FH_ROLE_TOOL, /* OpenAI: a message of its own; elsewhere a block in a user message */
};

enum fh_block_kind {
    FH_BLOCK_TEXT,
    FH_BLOCK_IMAGE,
    FH_BLOCK_DOCUMENT, /* PDF, plain text, file */
    FH_BLOCK_AUDIO,
    FH_BLOCK_VIDEO,
    FH_BLOCK_THINKING, /* text and signature, preserved byte for byte */
    FH_BLOCK_REDACTED, /* thinking that only the provider can read: `data` */
    FH_BLOCK_TOOL_CALL,
    FH_BLOCK_TOOL_RESULT,
    FH_BLOCK_REFUSAL, /* the model declined, in its own words: `text` */
    FH_BLOCK_OPAQUE,  /* a kind only the source dialect knows: `raw` */
    FH_BLOCK_KINDS,
};

enum fh_source {
    FH_SOURCE_NONE,
    FH_SOURCE_BASE64, /* `data`, `media_type` */
    FH_SOURCE_URL,    /* `data` */
    FH_SOURCE_FILE,   /* `data` is the provider's id of an uploaded file; opaque: of whatever it
                         is that the provider keeps */
    FH_SOURCE_TEXT,   /* `data` is the document itself */
};

enum fh_cache {
    FH_CACHE_NONE,
    FH_CACHE_DEFAULT, /* a breakpoint without a lifetime */
    FH_CACHE_5M,
    FH_CACHE_1H,
};

struct fh_blocks {
    struct fh_block *first, *last;
};

struct fh_block {
    struct fh_block *next;
    enum fh_block_kind kind;
    enum fh_source source;
    enum fh_cache cache;
    bool is_error;              /* tool result */
    bool from_string;           /* the source had a bare string here, not a list of parts */
    bool is_json;               /* tool result: its one text is a JSON value, not words */
    bool cited;                 /* document: the answer shall cite it */
    bool id_made_up;            /* tool call, tool result: the source named none */
    enum fh_signer signer;      /* of `signature` and of redacted `data` */
    struct fh_slice text;       /* text, thinking, refusal */
    struct fh_slice signature;  /* thinking, tool call; opaque text, as its signer wrote it */
    struct fh_slice data;       /* image, document, audio, video, redacted thinking */
    struct fh_slice media_type; /* image, document, audio, video */
    struct fh_slice detail;     /* image: how closely to look, in the source's word */
    struct fh_slice name;       /* tool call: function; document: title or file name */
    struct fh_slice id;         /* tool call, tool result: the call's id */
    struct fh_slice
        arguments; /* tool call: text of the arguments, as the model wrote it; it may be
                                   broken JSON, a model made it */
    struct fh_blocks content; /* tool result */
    yyjson_val *raw;          /* opaque: the whole block */
    yyjson_val *item; /* Responses: what begins with this block; its id, status and type mean
                         nothing elsewhere */
    yyjson_val *citations;   /* text: of an earlier answer, as the source has them */
    struct fh_slice pointer; /* of the block in the source body */
    struct fh_slice
        cache_at; /* pointer of the breakpoint, where it does not stand in the block */
    struct fh_extras extras;
};

struct fh_message {
    struct fh_message *next;
    enum fh_role role;
    struct fh_blocks content;
    bool content_null;       /* OpenAI: an assistant's content may be null */
    bool goes_on;            /* the same turn as the message before, in pieces: turn.h */
    struct fh_slice name;    /* of who speaks */
    struct fh_slice pointer; /* of the message in the source body */
    struct fh_extras extras;
};

struct fh_tool {
    struct fh_tool *next;
    struct fh_slice name;
    struct fh_slice description; /* ptr NULL: not given */
    yyjson_val *schema;          /* NULL: not given */
    bool schema_is_openapi;      /* it is in OpenAPI's words: openapi.h */
    int8_t strict;               /* -1 not given, 0, 1 */
    enum fh_cache cache;
    yyjson_val *raw; /* not NULL: a tool of the provider's own (web search, …), whole */
    struct fh_slice pointer;
    struct fh_slice cache_at; /* as in a block */
    struct fh_extras extras;
};

enum fh_tool_choice {
    FH_CHOICE_UNSET,
    FH_CHOICE_AUTO,
    FH_CHOICE_NONE,
    FH_CHOICE_ANY, /* "required" in OpenAI's words */
    FH_CHOICE_NAMED,
    FH_CHOICE_OPAQUE, /* a form only the source knows: `tool_choice_raw` */
};

enum fh_format {
    FH_FORMAT_UNSET,
    FH_FORMAT_TEXT,
    FH_FORMAT_JSON, /* any JSON object */
    FH_FORMAT_JSON_SCHEMA,
};

enum fh_thinking {
    FH_THINKING_UNSET,
    FH_THINKING_OFF,
    FH_THINKING_BUDGET,   /* at most `thinking_budget` tokens */
    FH_THINKING_ADAPTIVE, /* as much as the model sees fit */
    FH_THINKING_OPAQUE,   /* `thinking_raw` */
};

/* Effort, from the names that providers use. */
enum fh_effort {
    FH_EFFORT_UNSET,
    FH_EFFORT_NONE,
    FH_EFFORT_MINIMAL,
    FH_EFFORT_LOW,
    FH_EFFORT_MEDIUM,
    FH_EFFORT_HIGH,
    FH_EFFORT_XHIGH,
    FH_EFFORT_MAX,
    FH_EFFORTS,
};

/* What some servers of a dialect do not take as it is documented, or take beside it. */
enum {
    FH_QUIRK_OLD_MAX_TOKENS = 1 << 0, /* knows max_tokens alone, not max_completion_tokens */
    FH_QUIRK_NO_DEVELOPER = 1 << 1,   /* knows no role "developer": it is "system" there */
    FH_QUIRK_NO_JSON_SCHEMA = 1 << 2, /* takes json_object, but no schema */
    FH_QUIRK_NO_STREAM_OPTIONS =
        1 << 3, /* sends usage without being asked, refuses to be asked */
    FH_QUIRK_REASONING_DETAILS = 1 << 4, /* takes earlier thinking back, with its signatures */
};

/* What of a body is said elsewhere at some providers: Claude on Bedrock and Vertex has its model in
 * the path and its version in the body. */
struct fh_envelope {
    uint32_t quirks; /* of the server that is asked */
    bool without_model;
    bool without_stream;
    struct fh_slice version; /* not empty: anthropic_version in the body */
};

struct fh_chat_request {
    enum fh_dialect_id dialect; /* of the source */
    yyjson_val *body;           /* Responses: all of it; its answers repeat what was asked */
    struct fh_slice model;
    struct fh_envelope envelope; /* of the target */
    struct fh_slice betas;   /* for the envelope: names of betas, comma between; may be empty */
    struct fh_blocks system; /* Anthropic's top-level field; OpenAI's is a message */
    struct fh_message *first_message, *last_message;
    struct fh_tool *first_tool, *last_tool;

    enum fh_tool_choice tool_choice;
    struct fh_slice tool_choice_name;
    yyjson_val *tool_choice_raw;
    int8_t parallel_tools; /* -1 not given, 0, 1 */

    bool stream;
    int8_t include_usage; /* OpenAI stream_options.include_usage: -1 not given, 0, 1 */

    yyjson_val *value[FH_VALUES]; /* as they were written; NULL: not given */
    bool max_tokens_is_old;       /* OpenAI: came as max_tokens, not as max_completion_tokens */
    struct fh_slice *stop;
    size_t stop_count;
    bool stop_was_string;

    enum fh_thinking thinking;
    yyjson_val *thinking_budget;
    yyjson_val *thinking_raw;
    int8_t thinking_shown; /* thoughts come back, in full or summed up: -1 not given, 0, 1 */
    enum fh_effort effort;

    enum fh_format format;
    struct fh_slice format_name; /* OpenAI wants one; may be empty */
    struct fh_slice format_description;
    int8_t format_strict;
    yyjson_val *format_schema;
    bool format_schema_is_openapi;

    struct fh_slice user; /* Anthropic metadata.user_id, OpenAI user or safety_identifier */
    bool user_is_safety;  /* OpenAI: came as safety_identifier */
    struct fh_slice service_tier;

    struct fh_extras extras; /* of the top level, and of objects that the fields above were in:
                                their pointers say where they stood */
};

/* fh_chat_request_init makes `req` empty: what has a "not given" other than zero has it. */
void fh_chat_request_init(struct fh_chat_request *req, enum fh_dialect_id dialect);

/* fh_message_add and its kin put a zeroed element at the end of its list. */
struct fh_message *fh_message_add(struct fh_chat_request *req, struct fh_arena *arena,
                                  enum fh_role role);
struct fh_block *fh_block_add(struct fh_blocks *list, struct fh_arena *arena,
                              enum fh_block_kind kind);
struct fh_tool *fh_tool_add(struct fh_chat_request *req, struct fh_arena *arena);

/* Why a body was not accepted: a sentence for the client, and the field it is about. */
struct fh_complaint {
    enum fh_refusal kind;
    struct fh_slice message;
    struct fh_slice pointer;
};
