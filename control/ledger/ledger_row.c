/* ledger_row.c: each fold is the choice of a least or greatest record, so order cannot show.
 * SPDX-License-Identifier: Apache-2.0 */
#include "control/ledger/ledger_row.h"

static bool same(struct fh_stamp a, struct fh_stamp b)
{
    return a.at_us == b.at_us && a.crc == b.crc;
}

static bool earlier(struct fh_stamp a, struct fh_stamp b)
{
    return a.at_us != b.at_us ? a.at_us < b.at_us : a.crc < b.crc;
}

static bool apply_intent(struct fh_ledger_row *row, const struct fh_intent *intent,
                         uint32_t crc)
{
    struct fh_stamp stamp = {intent->at_us, crc};
    bool counts = !row->has_intent || intent->attempt > row->attempt ||
                  (intent->attempt == row->attempt && earlier(stamp, row->intent));

    if (!counts) {
        return false;
    }
    enum fh_rc rc = fh_posting_next(&row->state, FH_POSTING_ON_INTENT);

    FH_ASSERT(rc == FH_OK); /* an intent contradicts nothing */
    row->has_intent = true;
    row->intent = stamp;
    row->attempt = intent->attempt;
    row->asker = (struct fh_asker){intent->key_id, intent->key_name, intent->model,
                                   intent->client_dialect};
    row->tried = (struct fh_row_route){intent->route, intent->provider, intent->upstream_model,
                                       intent->provider_dialect};
    row->streamed = intent->streamed;
    row->body_bytes = intent->body_bytes;
    row->service = intent->service;
    return true;
}

/* bounded cuts what no provider can mean. */
static struct fh_usage bounded(struct fh_ledger_row *row, struct fh_usage usage)
{
    for (enum fh_tokens kind = 0; kind < FH_TOKENS_KINDS; kind++) {
        if (usage.count[kind] > FH_ROW_TOKENS_MAX) {
            usage.count[kind] = FH_ROW_TOKENS_MAX;
            row->marks |= FH_ROW_ABSURD;
        }
    }
    return usage;
}

static void take_settle(struct fh_ledger_row *row, const struct fh_settle *settle)
{
    row->answered = (struct fh_row_route){
        .name = settle->route,
        .provider = settle->provider,
        .upstream_model = settle->upstream_model,
    };
    row->outcome = settle->outcome;
    row->status = settle->status;
    row->attempts = settle->attempts;
    row->finish = settle->finish;
    row->loss_count = settle->loss_count;
    row->losses = settle->losses;
    row->marks &= ~(unsigned)FH_ROW_ABSURD;
    row->usage = bounded(row, settle->usage);
    row->first_byte_us = settle->first_byte_us;
    row->duration_us = settle->duration_us;
    row->bytes_in = settle->bytes_in;
    row->bytes_out = settle->bytes_out;
}

static bool apply_settle(struct fh_ledger_row *row, const struct fh_settle *settle,
                         uint32_t crc)
{
    struct fh_stamp stamp = {settle->at_us, crc};

    if (row->has_settle && same(stamp, row->settle)) {
        return false;
    }
    if ((row->has_settle && fh_request_id_has_time(&row->id)) || row->has_void) {
        row->marks |= FH_ROW_CONFLICT;
    }
    if (!row->has_settle || earlier(stamp, row->settle)) {
        row->settle = stamp;
        take_settle(row, settle);
    }
    row->has_settle = true;
    if (fh_posting_next(&row->state, FH_POSTING_ON_SETTLE) != FH_OK) {
        row->state = FH_POSTING_SETTLED; /* beside a void: it is marked, and the spend stands */
    }
    return true;
}

static bool apply_void(struct fh_ledger_row *row, const struct fh_void *voided, uint32_t crc)
{
    struct fh_stamp stamp = {voided->at_us, crc};

    if (row->has_void && same(stamp, row->voided)) {
        return false;
    }
    if (row->has_void || row->has_settle) {
        row->marks |= FH_ROW_CONFLICT;
    }
    if (!row->has_void || earlier(stamp, row->voided)) {
        row->voided = stamp;
        row->reason = voided->reason;
    }
    row->has_void = true;
    (void)!fh_posting_next(&row->state, FH_POSTING_ON_VOID); /* a conflict is marked above */
    return true;
}

uint64_t fh_ledger_row_at_ms(const struct fh_ledger_row *row)
{
    uint64_t us = fh_request_id_us(&row->id);

    if (!fh_request_id_has_time(&row->id)) {
        us = row->has_intent   ? row->intent.at_us
             : row->has_settle ? row->settle.at_us
                               : row->voided.at_us;
    }
    return us / 1000;
}

bool fh_ledger_row_apply(struct fh_ledger_row *row, const struct fh_record *record,
                         uint32_t crc)
{
    FH_ASSERT(memcmp(row->id.bytes, fh_record_id(record)->bytes, FH_REQUEST_ID_LEN) == 0);
    switch (record->type) {
    case FH_RECORD_INTENT:
        return apply_intent(row, &record->intent, crc);
    case FH_RECORD_SETTLE:
        return apply_settle(row, &record->settle, crc);
    case FH_RECORD_VOID:
        break;
    }
    return apply_void(row, &record->voided, crc);
}
