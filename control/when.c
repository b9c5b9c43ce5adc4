/* when.c: dates by arithmetic, without a locale or a time zone.
 * SPDX-License-Identifier: Apache-2.0 */
#include "control/when.h"

#include "base/text.h"

#define SECOND_US UINT64_C(1000000)
#define MINUTE_US UINT64_C(60000000)
#define HOUR_US   UINT64_C(3600000000)
#define DAY_US    UINT64_C(86400000000)

enum { DAYS_PER_ERA = 146097, EPOCH_FROM_ERA = 719468, YEAR_MIN = 1970, YEAR_MAX = 9999 };

/* days_of and date_of count days from 1970 in eras of 400 years that begin on 1 March (Howard
 * Hinnant, "chrono-Compatible Low-Level Date Algorithms"). */
static uint64_t days_of(uint64_t year, uint64_t month, uint64_t day)
{
    year -= month <= 2;
    uint64_t era = year / 400;
    uint64_t of_era = year % 400;
    uint64_t of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

    return era * DAYS_PER_ERA + of_era * 365 + of_era / 4 - of_era / 100 + of_year -
           EPOCH_FROM_ERA;
}

struct date {
    uint64_t year, month, day;
};

static struct date date_of(uint64_t days)
{
    days += EPOCH_FROM_ERA;
    uint64_t era = days / DAYS_PER_ERA;
    uint64_t of_era = days % DAYS_PER_ERA;
    uint64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    uint64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    uint64_t from_march = (5 * of_year + 2) / 153;
    struct date date = {
        .year = era * 400 + year,
        .month = from_march < 10 ? from_march + 3 : from_march - 9,
        .day = of_year - (153 * from_march + 2) / 5 + 1,
    };

    date.year += date.month <= 2;
    return date;
}

/* take_number takes `digits` digits from the front, and the separator behind them if it is
 * given. */
static bool take_number(struct fh_slice *s, size_t digits, struct fh_slice separator,
                        uint64_t *out)
{
    struct fh_slice number;

    return fh_read_bytes(s, digits, &number) && fh_parse_u64(number, out) &&
           fh_take(s, separator);
}

static bool parse_date(struct fh_slice *s, uint64_t *us)
{
    struct date date;
    struct date again;

    if (!take_number(s, 4, FH_LIT("-"), &date.year) ||
        !take_number(s, 2, FH_LIT("-"), &date.month) ||
        !take_number(s, 2, FH_NONE, &date.day) || date.year < YEAR_MIN || date.month < 1 ||
        date.month > 12 || date.day < 1 || date.day > 31) {
        return false;
    }
    uint64_t days = days_of(date.year, date.month, date.day);

    again = date_of(days); /* 31 April is 1 May, and no date */
    *us = days * DAY_US;
    return again.month == date.month && again.day == date.day;
}

static bool parse_clock(struct fh_slice s, uint64_t *us)
{
    uint64_t hour = 0;
    uint64_t minute = 0;
    uint64_t second = 0;

    if (!take_number(&s, 2, FH_LIT(":"), &hour) || !take_number(&s, 2, FH_NONE, &minute) ||
        (fh_take(&s, FH_LIT(":")) && !take_number(&s, 2, FH_NONE, &second)) ||
        !fh_eq(s, FH_LIT("Z")) || hour > 23 || minute > 59 || second > 59) {
        return false;
    }
    *us = ((hour * 60 + minute) * 60 + second) * SECOND_US;
    return true;
}

static bool parse_span(struct fh_slice s, uint64_t *us)
{
    static const struct {
        struct fh_slice unit;
        uint64_t us;
    } units[] = {
        {FH_LIT_INIT("min"), MINUTE_US},
        {FH_LIT_INIT("s"), SECOND_US},
        {FH_LIT_INIT("h"), HOUR_US},
        {FH_LIT_INIT("d"), DAY_US},
        {FH_LIT_INIT("w"), UINT64_C(7) * DAY_US},
    };
    uint64_t number = 0;

    for (size_t i = 0; i < FH_LEN(units); i++) {
        if (fh_ends(s, units[i].unit)) {
            return fh_parse_u64(fh_head(s, s.len - units[i].unit.len), &number) &&
                   !__builtin_mul_overflow(number, units[i].us, us);
        }
    }
    return false;
}

bool fh_when_parse(struct fh_slice text, uint64_t now_us, uint64_t *out_us)
{
    uint64_t today = now_us / DAY_US * DAY_US;
    uint64_t date = 0;
    uint64_t clock = 0;
    uint64_t span = 0;

    if (fh_eq(text, FH_LIT("today"))) {
        *out_us = today;
        return true;
    }
    if (fh_eq(text, FH_LIT("yesterday"))) {
        *out_us = today - DAY_US;
        return true;
    }
    if (parse_span(text, &span)) {
        *out_us = span < now_us ? now_us - span : 0;
        return true;
    }
    if (!parse_date(&text, &date) ||
        (text.len > 0 && (!fh_take(&text, FH_LIT("T")) || !parse_clock(text, &clock)))) {
        return false;
    }
    *out_us = date + clock;
    return true;
}

void fh_when_print(struct fh_buf *out, uint64_t us)
{
    struct date date = date_of(us / DAY_US);
    uint64_t clock = us % DAY_US / SECOND_US;

    fh_buf_printf(out, "%04u-%02u-%02uT%02u:%02u:%02u.%06uZ", (unsigned)date.year,
                  (unsigned)date.month, (unsigned)date.day, (unsigned)(clock / 3600),
                  (unsigned)(clock / 60 % 60), (unsigned)(clock % 60),
                  (unsigned)(us % SECOND_US));
}
