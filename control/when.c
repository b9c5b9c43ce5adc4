/* when.c: the forms in which people write a point in time.
 * SPDX-License-Identifier: Apache-2.0 */
#include "control/when.h"

#include "base/calendar.h"
#include "base/text.h"

static bool parse_date(struct fh_slice *s, struct fh_date *date)
{
    return fh_take_number(s, 4, FH_LIT("-"), &date->year) &&
           fh_take_number(s, 2, FH_LIT("-"), &date->month) &&
           fh_take_number(s, 2, FH_NONE, &date->day);
}

static bool parse_clock(struct fh_slice s, struct fh_date_time *at)
{
    return fh_take_number(&s, 2, FH_LIT(":"), &at->hour) &&
           fh_take_number(&s, 2, FH_NONE, &at->minute) &&
           (!fh_take(&s, FH_LIT(":")) || fh_take_number(&s, 2, FH_NONE, &at->second)) &&
           fh_eq(s, FH_LIT("Z"));
}

static bool parse_span(struct fh_slice s, uint64_t *us)
{
    static const struct {
        struct fh_slice unit;
        uint64_t us;
    } units[] = {
        {FH_LIT_INIT("min"), FH_MINUTE_US},
        {FH_LIT_INIT("s"), FH_SECOND_US},
        {FH_LIT_INIT("h"), FH_HOUR_US},
        {FH_LIT_INIT("d"), FH_DAY_US},
        {FH_LIT_INIT("w"), UINT64_C(7) * FH_DAY_US},
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
    uint64_t today = now_us / FH_DAY_US * FH_DAY_US;
    struct fh_date_time at = {0};
    uint64_t span = 0;

    if (fh_eq(text, FH_LIT("today"))) {
        *out_us = today;
        return true;
    }
    if (fh_eq(text, FH_LIT("yesterday"))) {
        *out_us = today - FH_DAY_US;
        return true;
    }
    if (parse_span(text, &span)) {
        *out_us = span < now_us ? now_us - span : 0;
        return true;
    }
    return parse_date(&text, &at.date) &&
           (text.len == 0 || (fh_take(&text, FH_LIT("T")) && parse_clock(text, &at))) &&
           fh_date_time_us(&at, out_us);
}

void fh_when_print(struct fh_buf *out, uint64_t us)
{
    struct fh_date_time at = fh_date_time(us);

    fh_buf_printf(out, "%04u-%02u-%02uT%02u:%02u:%02u.%06uZ", at.date.year, at.date.month,
                  at.date.day, at.hour, at.minute, at.second, (unsigned)(us % FH_SECOND_US));
}
