/*
 * trace.h: what a decoder said, one line an event, for vectors, tests and fuzz targets of all
 * dialects.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "dialect/dialect.h"

static const char *const trace_blocks[FH_BLOCK_KINDS] = {
    [FH_BLOCK_TEXT] = "text",          [FH_BLOCK_IMAGE] = "image",
    [FH_BLOCK_DOCUMENT] = "document",  [FH_BLOCK_AUDIO] = "audio",
    [FH_BLOCK_VIDEO] = "video",        [FH_BLOCK_THINKING] = "thinking",
    [FH_BLOCK_REDACTED] = "redacted",  [FH_BLOCK_TOOL_CALL] = "call",
    [FH_BLOCK_TOOL_RESULT] = "result", [FH_BLOCK_REFUSAL] = "refusal",
    [FH_BLOCK_OPAQUE] = "opaque",
};

static const char *const trace_finishes[FH_FINISHES] = {
    "unknown", "stop",    "stop_sequence", "length",    "context",
    "tools",   "refusal", "pause",         "malformed",
};

static const char *const trace_signers[FH_SIGNERS] = {"", " claude", " gemini", " openai"};

static inline void trace_at(struct fh_buf *out, const struct fh_event *e)
{
    if (e->choice > 0) {
        fh_buf_printf(out, "%u/", e->choice);
    }
    fh_buf_printf(out, "%u", e->index);
}

static inline void trace_text(struct fh_buf *out, const char *word, const struct fh_event *e)
{
    fh_buf_printf(out, "%s ", word);
    trace_at(out, e);
    fh_buf_byte(out, ' ');
    fh_json_quote(out, e->text);
}

static inline void trace_usage(struct fh_buf *out, const struct fh_usage *u)
{
    static const char *const names[FH_TOKENS_KINDS] = {
        "input", "read", "write5m", "write1h", "output", "reasoning", "audio_in", "audio_out",
    };

    for (int kind = 0; kind < FH_TOKENS_KINDS; kind++) {
        if (fh_usage_has(u, (enum fh_tokens)kind)) {
            fh_buf_printf(out, " %s=%llu", names[kind], (unsigned long long)u->count[kind]);
        }
    }
}

static inline void trace_extras(struct fh_buf *out, struct fh_arena *scratch,
                                const struct fh_extras *extras)
{
    for (const struct fh_extra *x = extras->first; x != NULL; x = x->next) {
        fh_buf_append(out, FH_LIT(" "));
        fh_buf_append(out, x->pointer);
        fh_buf_append(out, FH_LIT("="));
        fh_json_append_val(out, scratch, x->value);
    }
}

static inline void trace_block(struct fh_buf *out, struct fh_arena *scratch,
                               const struct fh_event *e)
{
    fh_buf_printf(out, "block ");
    trace_at(out, e);
    fh_buf_printf(out, " %s", trace_blocks[e->block]);
    if (e->block == FH_BLOCK_TOOL_CALL) {
        fh_buf_printf(out, " %.*s %.*s", FH_ARG(e->id), FH_ARG(e->name));
    } else if (e->block == FH_BLOCK_REDACTED) {
        fh_buf_printf(out, " %.*s%s", FH_ARG(e->text), trace_signers[e->signer]);
    } else if (e->media_type.len > 0) {
        fh_buf_printf(out, " %.*s", FH_ARG(e->media_type));
    } else if (e->block == FH_BLOCK_OPAQUE && e->raw != NULL) {
        fh_buf_append(out, FH_LIT(" "));
        fh_json_append_val(out, scratch, e->raw);
    }
}

static inline void trace_finish(struct fh_buf *out, const struct fh_event *e)
{
    fh_buf_printf(out, "finish ");
    if (e->choice > 0) {
        fh_buf_printf(out, "%u/ ", e->choice);
    }
    fh_buf_printf(out, "%s %.*s", trace_finishes[e->finish], FH_ARG(e->finish_word));
    if (e->stop_sequence.ptr != NULL) {
        fh_json_quote(out, e->stop_sequence);
    }
}

/* trace_event appends the line of one event. */
static inline void trace_event(struct fh_buf *out, struct fh_arena *scratch,
                               const struct fh_event *e)
{
    static const char *const words[] = {
        [FH_EVENT_TEXT] = "text",           [FH_EVENT_THINKING] = "thinking",
        [FH_EVENT_SIGNATURE] = "signature", [FH_EVENT_ARGUMENTS] = "arguments",
        [FH_EVENT_REFUSAL] = "refusal",     [FH_EVENT_DATA] = "data",
    };

    switch (e->kind) {
    case FH_EVENT_START:
        fh_buf_printf(out, "start %.*s %.*s", FH_ARG(e->id), FH_ARG(e->model));
        break;
    case FH_EVENT_BLOCK_START:
        trace_block(out, scratch, e);
        break;
    case FH_EVENT_TEXT:
    case FH_EVENT_THINKING:
    case FH_EVENT_SIGNATURE:
    case FH_EVENT_ARGUMENTS:
    case FH_EVENT_REFUSAL:
    case FH_EVENT_DATA:
        trace_text(out, words[e->kind], e);
        fh_buf_append(out, e->kind == FH_EVENT_SIGNATURE ? fh_cstr(trace_signers[e->signer])
                                                         : FH_NONE);
        break;
    case FH_EVENT_CITATIONS:
        fh_buf_printf(out, "citations %u", e->index);
        break;
    case FH_EVENT_EXTRA:
        fh_buf_printf(out, "extra %u%s%.*s", e->name.len > 0 ? e->item : e->index,
                      e->name.len > 0 ? " " : "", FH_ARG(e->name));
        break;
    case FH_EVENT_BLOCK_STOP:
        fh_buf_printf(out, "stop ");
        trace_at(out, e);
        break;
    case FH_EVENT_FINISH:
        trace_finish(out, e);
        break;
    case FH_EVENT_USAGE:
        fh_buf_append(out, FH_LIT("usage"));
        trace_usage(out, &e->usage);
        break;
    case FH_EVENT_ERROR:
        fh_buf_printf(out, "error %.*s: %.*s", FH_ARG(fh_refusal_row(e->fault.kind)->name),
                      FH_ARG(e->fault.message));
        break;
    case FH_EVENT_PING:
        fh_buf_append(out, FH_LIT("ping"));
        break;
    case FH_EVENT_END:
        fh_buf_append(out, FH_LIT("end"));
        break;
    }
    trace_extras(out, scratch, &e->extras);
    fh_buf_byte(out, '\n');
}
