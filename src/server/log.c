/* SPDX-License-Identifier: Apache-2.0 */
#include "server/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/err.h"
#include "server/limits.h"

#define ERR_ONE(name, text) +1
enum { US_PER_S = 1000000, LEVELS = 4, ERRS = 0 ERR_LIST(ERR_ONE) };
#undef ERR_ONE

static const char *const level_names[LEVELS] = {"debug", "info", "warn", "error"};

void log_init(struct log *log, int fd, enum trace_level level)
{
    *log = (struct log){.fd = fd, .level = level};
}

bool log_wants(const struct log *log, enum trace_level level)
{
    return level >= log->level;
}

static uint64_t wall_now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * US_PER_S + (uint64_t)now.tv_nsec / 1000;
}

/* One write, whole lines: lines of several processes on one terminal do not mix. What cannot be
 * written is lost, the log must not stop the server. */
static void write_all(int fd, const char *line, size_t len)
{
    while (len > 0) {
        ssize_t done = write(fd, line, len);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return;
        line += done;
        len -= (size_t)done;
    }
}

static void write_line(struct log *log, enum trace_level level, uint64_t wall_us, const char *text)
{
    time_t seconds = (time_t)(wall_us / US_PER_S);
    char line[LOG_LINE_BYTES_MAX + 64];
    struct tm utc;

    gmtime_r(&seconds, &utc);
    size_t at = strftime(line, sizeof(line), "%Y-%m-%dT%H:%M:%S", &utc);
    int len = snprintf(line + at, sizeof(line) - at, ".%03uZ %-5s %s",
                       (unsigned)(wall_us / 1000 % 1000), level_names[level], text);
    ASSERT(len > 0);
    at += (size_t)len;
    if (at > sizeof(line) - 2)
        at = sizeof(line) - 2;
    line[at++] = '\n';
    write_all(log->fd, line, at);
}

void log_line(struct log *log, enum trace_level level, const char *format, ...)
{
    char text[LOG_LINE_BYTES_MAX];
    va_list args;

    if (!log_wants(log, level))
        return;
    va_start(args, format);
    int len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    ASSERT(len >= 0);
    /* What peers and files say may hold anything; a line stays one line. */
    for (char *c = text; *c != '\0'; c++) {
        if ((unsigned char)*c < ' ' || *c == 127)
            *c = '?';
    }
    write_line(log, level, wall_now_us(), text);
}

/* A number as it reads: where the text says "err" it is an error, and has a name. */
static int put_number(char *to, size_t size, uint64_t number, bool is_id, bool is_error)
{
    if (is_error && number < ERRS)
        return snprintf(to, size, "%s", err_name((enum err)number));
    return snprintf(to, size, is_id ? "%016llx" : "%llu", (unsigned long long)number);
}

/* Puts the numbers in the places of %0 %1 %2 and the ids in those of %x0 %x1 %x2. */
static void expand(const struct trace *trace, const char *from, char *to, size_t size)
{
    size_t at = 0;

    for (; *from != '\0' && at + 1 < size; from++) {
        if (*from != '%') {
            to[at++] = *from;
            continue;
        }
        bool is_id = from[1] == 'x';
        bool is_error = at >= 4 && memcmp(to + at - 4, "err ", 4) == 0;
        from += is_id ? 2 : 1;
        ASSERT(*from >= '0' && *from <= '2');
        int len = put_number(to + at, size - at, trace->numbers[*from - '0'], is_id, is_error);
        ASSERT(len > 0);
        at += (size_t)len < size - at ? (size_t)len : size - at - 1;
    }
    to[at] = '\0';
}

void log_second(struct log *log, uint64_t wall_us)
{
    if (wall_us / US_PER_S == log->second)
        return;
    log->second = wall_us / US_PER_S;
    for (int i = 0; i < TRACE_KINDS; i++) {
        char text[LOG_LINE_BYTES_MAX];

        log->lines[i] = 0;
        if (log->dropped[i] == 0)
            continue;
        const struct trace_info *info = trace_info((enum trace_kind)i);
        int len = snprintf(text, sizeof(text), "%u more lines in a second like: %s",
                           log->dropped[i], info->text);
        ASSERT(len > 0);
        log->dropped[i] = 0;
        write_line(log, info->level, wall_us, text);
    }
}

void log_trace(struct log *log, uint64_t wall_us, const struct trace *trace)
{
    const struct trace_info *info = trace_info(trace->kind);
    char text[LOG_LINE_BYTES_MAX];

    if (!log_wants(log, info->level))
        return;
    log_second(log, wall_us);
    if (log->lines[trace->kind] == LOG_KIND_LINES_MAX && info->level > TRACE_DEBUG) {
        log->dropped[trace->kind]++;
        return;
    }
    log->lines[trace->kind]++;
    expand(trace, info->text, text, sizeof(text));
    write_line(log, info->level, wall_us, text);
}

bool log_level_parse(struct bytes text, enum trace_level *ret_level)
{
    if (bytes_eq_nocase(text, BYTES_LIT("warning"))) {
        *ret_level = TRACE_WARN;
        return true;
    }
    for (int i = 0; i < LEVELS; i++) {
        if (bytes_eq_nocase(text, bytes_str(level_names[i]))) {
            *ret_level = (enum trace_level)i;
            return true;
        }
    }
    return false;
}
