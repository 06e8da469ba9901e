/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/date.h"

#include "base/check.h"

enum { DAY_S = 86400, DATE_WORDS = 6, YEAR_MAX = 9999 };

static const char day_names[7][4] = {"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"};
static const char month_names[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
static const uint16_t days_before[12] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
static const uint8_t days_in[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

static bool leap(uint64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Days from the first of January 1970 to that of `year`. */
static uint64_t days_to_year(uint64_t year)
{
    ASSERT(year >= 1970);
    uint64_t before = year - 1;
    uint64_t leaps =
        before / 4 - before / 100 + before / 400 - (1969 / 4 - 1969 / 100 + 1969 / 400);

    return (year - 1970) * 365 + leaps;
}

static uint64_t days_to_month(uint64_t year, unsigned month)
{
    ASSERT(month < 12);
    return days_before[month] + (month > 1 && leap(year) ? 1u : 0u);
}

void date_put(struct buf *buf, uint64_t time_s)
{
    uint64_t days = time_s / DAY_S;
    uint64_t second = time_s % DAY_S;
    uint64_t year = 1970 + days / 366;
    unsigned month = 0;

    while (days_to_year(year + 1) <= days)
        year++;
    uint64_t day = days - days_to_year(year);
    while (month < 11 && days_to_month(year, month + 1) <= day)
        month++;
    day -= days_to_month(year, month);
    ASSERT(day < 31);
    buf_printf(buf, "%s, %02u %s %04u %02u:%02u:%02u GMT", day_names[days % 7], (unsigned)day + 1,
               month_names[month], (unsigned)year, (unsigned)(second / 3600),
               (unsigned)(second / 60 % 60), (unsigned)(second % 60));
}

static bool is_gap(uint8_t c)
{
    return c == ' ' || c == ',' || c == '-';
}

/* Cuts at blanks, commas and hyphens; returns how many words, 0 when there are too many. */
static size_t cut(struct bytes text, struct bytes words[DATE_WORDS])
{
    size_t count = 0;

    for (size_t at = 0; at < text.len;) {
        size_t from = at;
        while (at < text.len && !is_gap(text.data[at]))
            at++;
        if (at > from) {
            if (count == DATE_WORDS)
                return 0;
            words[count++] = bytes_sub(text, from, at - from);
        }
        at++;
    }
    return count;
}

static bool read_month(struct bytes word, unsigned *ret_month)
{
    for (unsigned m = 0; m < 12; m++) {
        if (bytes_eq_nocase(word, bytes_str(month_names[m]))) {
            *ret_month = m;
            return true;
        }
    }
    return false;
}

/* HH:MM:SS; a leap second counts as the second after. */
static bool read_clock(struct bytes word, uint64_t *ret_second)
{
    uint64_t h, m, s;

    if (word.len != 8 || word.data[2] != ':' || word.data[5] != ':')
        return false;
    if (!bytes_to_u64(bytes_sub(word, 0, 2), &h) || !bytes_to_u64(bytes_sub(word, 3, 2), &m) ||
        !bytes_to_u64(bytes_sub(word, 6, 2), &s))
        return false;
    *ret_second = h * 3600 + m * 60 + s;
    return h < 24 && m < 60 && s <= 60;
}

bool date_read(struct bytes text, uint64_t *ret_time_s)
{
    struct bytes words[DATE_WORDS];
    size_t count = cut(text, words);
    bool asctime = count == 5; /* Sun Nov  6 08:49:37 1994 */
    unsigned month;
    uint64_t day, year, second;

    if (count != 5 && !(count == 6 && bytes_eq_nocase(words[5], BYTES_LIT("GMT"))))
        return false;
    if (!read_month(words[asctime ? 1 : 2], &month) ||
        !bytes_to_u64(words[asctime ? 2 : 1], &day) ||
        !bytes_to_u64(words[asctime ? 4 : 3], &year) ||
        !read_clock(words[asctime ? 3 : 4], &second))
        return false;
    if (words[asctime ? 4 : 3].len == 2)
        year += year < 70 ? 2000 : 1900;
    if (year < 1970 || year > YEAR_MAX)
        return false;
    if (day < 1 || day > days_in[month] + (month == 1 && leap(year) ? 1u : 0u))
        return false;
    *ret_time_s = (days_to_year(year) + days_to_month(year, month) + day - 1) * DAY_S + second;
    return true;
}
