/*
 * settle.h: what becomes of each field on its way into another dialect, decided before anything is
 * encoded.
 *
 *     decode ──▶ request ──fh_settle──▶ request that the target can say, losses ──▶ encode
 *     decode ──▶ event ──fh_settle_event──▶ event that the client can be told, losses ──▶ encode
 *
 * The ledgers of the two dialects decide (field.h); this walks what is there, looks the cells up,
 * takes out what is dropped, reports it by its pointer in the source, and stops at what is refused.
 * Extras of another dialect are reported, but for those that say nothing (null, "", [], {}). Turns
 * that came in pieces are put together (turn.h), schemas in OpenAPI's words become JSON Schema.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "chat/event.h"

struct fh_settling {
    const struct fh_cell *from, *to; /* the cells of both dialects, FH_FIELDS each */
    struct fh_slice to_name;         /* "gemini" */
    enum fh_signer home;             /* whose signatures the target takes; UNKNOWN: nobody's */
    struct fh_arena *arena;
    struct fh_loss *loss;
};

/* fh_settle takes out of `req` what its target cannot be told.
 *
 * Returns  FH_OK; FH_E_SUPPORT, with `why`, when something must not be left out.
 */
enum fh_rc fh_settle(const struct fh_settling *s, struct fh_chat_request *req,
                     struct fh_complaint *why);

/* What was reported of a stream: each field once a block. Start it zeroed. */
struct fh_settled {
    uint32_t index[FH_FIELDS - FH_REQUEST_FIELDS]; /* of the last block reported, plus 1 */
    const char *no_counterpart; /* what is said of extras, once it is needed */
};

/* fh_settle_event decides about one event of an answer; extras that another dialect made are
 * reported here and are not to be written.
 *
 * Returns  false when the event is not to be encoded.
 */
FH_NODISCARD bool fh_settle_event(const struct fh_settling *s, struct fh_settled *seen,
                                  struct fh_event *event);

/* fh_no_counterpart makes the sentence about extras; it lives as long as the list of losses. */
const char *fh_no_counterpart(const struct fh_settling *s);
