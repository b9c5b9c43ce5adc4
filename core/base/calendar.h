/*
 * calendar.h: dates and times of day in UTC, from and to microseconds since 1970.
 *
 * Arithmetic only: no locale, no time zone, no leap seconds (as POSIX counts).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "base/base.h"

#define FH_SECOND_US UINT64_C(1000000)
#define FH_MINUTE_US UINT64_C(60000000)
#define FH_HOUR_US   UINT64_C(3600000000)
#define FH_DAY_US    UINT64_C(86400000000)

struct fh_date {
    uint32_t year, month, day; /* month and day from 1 */
};

struct fh_date_time {
    struct fh_date date;
    uint32_t hour, minute, second;
};

/* fh_date_time gives the whole second in which `us` lies. */
struct fh_date_time fh_date_time(uint64_t us);

/* fh_date_time_us is its inverse.
 *
 * Returns  false when there is no such day or time of day, 31 April or a 60th second, and outside
 *          the years from 1970 to 9999.
 */
FH_NODISCARD bool fh_date_time_us(const struct fh_date_time *at, uint64_t *us);

/* fh_date_print_basic appends 20260131, fh_date_time_print_basic 20260131T123005Z: the basic format
 * of ISO 8601. */
void fh_date_print_basic(struct fh_buf *out, const struct fh_date *date);
void fh_date_time_print_basic(struct fh_buf *out, uint64_t us);

/* fh_date_time_parse_basic reads what fh_date_time_print_basic writes, and nothing else. */
FH_NODISCARD bool fh_date_time_parse_basic(struct fh_slice text, uint64_t *us);

/* fh_date_time_parse_http reads `Sat, 31 Jan 2026 12:30:05 GMT` (RFC 9110, 5.6.7), none of the
 * obsolete forms. The day of the week must be one, but may be wrong. */
FH_NODISCARD bool fh_date_time_parse_http(struct fh_slice text, uint64_t *us);

/* fh_take_number takes `digits` decimal digits, at most 9, off the front, and `separator` behind
 * them. */
FH_NODISCARD bool fh_take_number(struct fh_slice *s, size_t digits, struct fh_slice separator,
                                 uint32_t *out);
