/*
 * refusal.h: the answers that Freehold makes itself, and how providers' errors are told apart.
 *
 * A refusal is a kind (a row of refusal.def) and a sentence that helps: what was wrong and what
 * would be right. The dialect turns both into bytes. A provider's error becomes the kind with the
 * same meaning; its own words are kept in `message`, its own code in `code`.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "base/base.h"
#include "chat/refusal.def"

enum fh_refusal {
#define X(what, ...) FH_REFUSE_##what,
    FH_REFUSALS(X)
#undef X
        FH_REFUSAL_COUNT
};

/* What one client's dialect says for a kind. */
struct fh_refusal_shape {
    uint16_t status;
    struct fh_slice type;
    struct fh_slice code; /* empty where the dialect has none */
};

struct fh_refusal_row {
    struct fh_slice name; /* as in metrics and the journal, such as "NO_SUCH_MODEL" */
    bool retry;           /* the same request may succeed later */
    struct fh_refusal_shape anthropic, openai, bedrock, gemini;
};

/* One error on its way to the client. Slices borrow from the exchange. */
struct fh_fault {
    enum fh_refusal kind;
    struct fh_slice message; /* a sentence for people */
    struct fh_slice param;   /* the field at fault, as a JSON pointer or a name; may be empty */
    struct fh_slice type;    /* the provider's own word for it; empty when the fault is ours */
    uint16_t status;         /* the provider's own status; 0 when the fault is ours */
    uint32_t retry_after_s;  /* 0: not said */
};

/* fh_refusal_row gives the table's row. */
const struct fh_refusal_row *fh_refusal_row(enum fh_refusal kind);

/* fh_refusal_of_status gives the kind that means what a provider's HTTP status means. */
enum fh_refusal fh_refusal_of_status(uint16_t status);

/* fh_fault_line finds what can be said of an error's body that is no error of the dialect (HTML,
 * plain text): the start of its first line that is not empty, in `arena`. */
struct fh_slice fh_fault_line(struct fh_arena *arena, struct fh_slice body);
