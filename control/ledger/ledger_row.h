/*
 * ledger_row.h: the row of one request in the ledger, and how records fold into it.
 *
 * Pure, and the same whatever database keeps the row. The records of a request may come in any
 * order and any number of times, and the row is the same in the end: the state moves by the card of
 * journal/posting.h, and where two records say different things about one matter, which of them
 * counts follows from the records alone: of intents the highest attempt (their order of dispatch),
 * of settles and of voids the earliest. What contradicts itself, a settle beside a void or two
 * settles that differ, is marked; but the result of a batch is settled each time it is fetched, and
 * counts as it was the first time. Spend is never dropped: beside a void the settle stands.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "journal/posting.h"
#include "journal/record.h"

/* Bits, kept in ledgers: add, never change. */
enum {
    FH_ROW_CONFLICT = 1, /* its records contradict each other */
    FH_ROW_ABSURD = 2,   /* a token count above FH_ROW_TOKENS_MAX was cut to it */
};

/* No request has more tokens than this (a million million); a provider that says so is wrong, and
 * sums of such numbers would leave their type. */
#define FH_ROW_TOKENS_MAX (UINT64_C(1) << 40)

/* Which of several records it is. An `at_us` of 0 with a `crc` of 0 is none at all. */
struct fh_stamp {
    uint64_t at_us;
    uint32_t crc; /* of the record */
};

/* The names that many rows share; kept once. */
struct fh_asker {
    struct fh_slice key_id, key_name, model, dialect;
};

struct fh_row_route {
    struct fh_slice name, provider, upstream_model, dialect;
};

struct fh_ledger_row {
    struct fh_request_id id;
    enum fh_posting state;
    unsigned marks;
    bool has_intent, has_settle, has_void;

    bool streamed;
    uint32_t attempt; /* the highest that was journaled */
    struct fh_stamp intent;
    struct fh_asker asker;
    struct fh_row_route tried; /* by that attempt */
    uint64_t body_bytes;
    enum fh_service service;

    struct fh_stamp settle;
    struct fh_row_route answered; /* empty name: the settle does not say */
    struct fh_usage usage;
    uint64_t first_byte_us, duration_us, bytes_in, bytes_out;
    struct fh_slice losses;
    enum fh_outcome outcome;
    uint32_t status, attempts, finish, loss_count;

    enum fh_void_reason reason;
    struct fh_stamp voided;
};

/* fh_ledger_row_at_ms is when a request began, calendar: the time in its id, else of the first of
 * its records that counts. */
uint64_t fh_ledger_row_at_ms(const struct fh_ledger_row *row);

/* fh_ledger_row_apply folds a record into a row, which starts zeroed but for its id.
 *
 * Requires the record's id is the row's.
 * Borrows  texts from the record.
 * Returns  whether the row changed.
 */
bool fh_ledger_row_apply(struct fh_ledger_row *row, const struct fh_record *record,
                         uint32_t crc);
