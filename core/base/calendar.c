/* calendar.c: days by eras of 400 years, the rest by division.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/calendar.h"

#include "base/text.h"

enum {
    DAYS_PER_ERA = 146097,
    EPOCH_FROM_ERA = 719468,
    YEAR_MIN = 1970,
    YEAR_MAX = 9999,
    DIGITS_MAX = 9, /* in what fh_take_number takes: fits uint32_t */
};

/* days_of and date_of count days from 1970 in eras of 400 years that begin on 1 March (Howard
 * Hinnant, "chrono-Compatible Low-Level Date Algorithms"). */
static uint64_t days_of(const struct fh_date *date)
{
    uint64_t year = date->year - (date->month <= 2);
    uint64_t era = year / 400;
    uint64_t of_era = year % 400;
    uint64_t from_march = date->month > 2 ? date->month - 3 : date->month + 9;
    uint64_t of_year = (153 * from_march + 2) / 5 + date->day - 1;

    return era * DAYS_PER_ERA + of_era * 365 + of_era / 4 - of_era / 100 + of_year -
           EPOCH_FROM_ERA;
}

static struct fh_date date_of(uint64_t days)
{
    days += EPOCH_FROM_ERA;
    uint64_t era = days / DAYS_PER_ERA;
    uint64_t of_era = days % DAYS_PER_ERA;
    uint64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    uint64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    uint64_t from_march = (5 * of_year + 2) / 153;
    uint64_t month = from_march < 10 ? from_march + 3 : from_march - 9;

    return (struct fh_date){
        .year = (uint32_t)(era * 400 + year + (month <= 2)),
        .month = (uint32_t)month,
        .day = (uint32_t)(of_year - (153 * from_march + 2) / 5 + 1),
    };
}

struct fh_date_time fh_date_time(uint64_t us)
{
    uint32_t second = (uint32_t)(us % FH_DAY_US / FH_SECOND_US);

    return (struct fh_date_time){
        .date = date_of(us / FH_DAY_US),
        .hour = second / 3600,
        .minute = second / 60 % 60,
        .second = second % 60,
    };
}

bool fh_date_time_us(const struct fh_date_time *at, uint64_t *us)
{
    const struct fh_date *date = &at->date;

    if (date->year < YEAR_MIN || date->year > YEAR_MAX || date->month < 1 || date->month > 12 ||
        date->day < 1 || date->day > 31 || at->hour > 23 || at->minute > 59 ||
        at->second > 59) {
        return false;
    }
    uint64_t days = days_of(date);

    if (date_of(days).day != date->day) {
        return false; /* 31 April counts as 1 May */
    }
    *us = days * FH_DAY_US + at->hour * FH_HOUR_US + at->minute * FH_MINUTE_US +
          at->second * FH_SECOND_US;
    return true;
}

/* print_digits writes the last `count` digits. Not by printf: signing a request does it often. */
static void print_digits(struct fh_buf *out, uint32_t number, size_t count)
{
    uint8_t digits[4];

    FH_ASSERT(count <= sizeof(digits));
    for (size_t i = count; i > 0; i--) {
        digits[i - 1] = (uint8_t)('0' + number % 10);
        number /= 10;
    }
    fh_buf_append(out, fh_slice(digits, count));
}

void fh_date_print_basic(struct fh_buf *out, const struct fh_date *date)
{
    print_digits(out, date->year, 4);
    print_digits(out, date->month, 2);
    print_digits(out, date->day, 2);
}

void fh_date_time_print_basic(struct fh_buf *out, uint64_t us)
{
    struct fh_date_time at = fh_date_time(us);

    fh_date_print_basic(out, &at.date);
    fh_buf_byte(out, 'T');
    print_digits(out, at.hour, 2);
    print_digits(out, at.minute, 2);
    print_digits(out, at.second, 2);
    fh_buf_byte(out, 'Z');
}

bool fh_take_number(struct fh_slice *s, size_t digits, struct fh_slice separator, uint32_t *out)
{
    struct fh_slice rest = *s;
    struct fh_slice number;
    uint64_t value = 0;

    FH_ASSERT(digits <= DIGITS_MAX);
    if (!fh_read_bytes(&rest, digits, &number) || !fh_parse_u64(number, &value) ||
        !fh_take(&rest, separator)) {
        return false;
    }
    *s = rest;
    *out = (uint32_t)value;
    return true;
}

bool fh_date_time_parse_basic(struct fh_slice text, uint64_t *us)
{
    struct fh_date_time at = {0};

    return fh_take_number(&text, 4, FH_NONE, &at.date.year) &&
           fh_take_number(&text, 2, FH_NONE, &at.date.month) &&
           fh_take_number(&text, 2, FH_LIT("T"), &at.date.day) &&
           fh_take_number(&text, 2, FH_NONE, &at.hour) &&
           fh_take_number(&text, 2, FH_NONE, &at.minute) &&
           fh_take_number(&text, 2, FH_LIT("Z"), &at.second) && text.len == 0 &&
           fh_date_time_us(&at, us);
}

/* take_name takes one of the names of three letters that stand in `names` side by side, and counts
 * it from 1. */
static bool take_name(struct fh_slice *s, struct fh_slice names, struct fh_slice separator,
                      uint32_t *out)
{
    struct fh_slice name;

    for (uint32_t number = 1; fh_read_bytes(&names, 3, &name); number++) {
        if (fh_take(s, name)) {
            *out = number;
            return fh_take(s, separator);
        }
    }
    return false;
}

bool fh_date_time_parse_http(struct fh_slice text, uint64_t *us)
{
    struct fh_date_time at = {0};
    uint32_t weekday = 0;

    return take_name(&text, FH_LIT("MonTueWedThuFriSatSun"), FH_LIT(", "), &weekday) &&
           fh_take_number(&text, 2, FH_LIT(" "), &at.date.day) &&
           take_name(&text, FH_LIT("JanFebMarAprMayJunJulAugSepOctNovDec"), FH_LIT(" "),
                     &at.date.month) &&
           fh_take_number(&text, 4, FH_LIT(" "), &at.date.year) &&
           fh_take_number(&text, 2, FH_LIT(":"), &at.hour) &&
           fh_take_number(&text, 2, FH_LIT(":"), &at.minute) &&
           fh_take_number(&text, 2, FH_LIT(" GMT"), &at.second) && text.len == 0 &&
           fh_date_time_us(&at, us);
}
