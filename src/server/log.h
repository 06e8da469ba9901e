/* SPDX-License-Identifier: Apache-2.0 */
/* Lines on standard error: time, level, text; one write each. Traces of the core become lines by
 * the table in msg/trace.h. Of one kind of trace at most LOG_KIND_LINES_MAX lines a second are
 * written; the rest is counted and told when the second is over. Used on the loop's thread only. */
#ifndef SERVER_LOG_H
#define SERVER_LOG_H

#include "base/attr.h"
#include "base/bytes.h"
#include "msg/trace.h"

struct log {
    int fd;
    enum trace_level level;
    uint64_t second;               /* of the window that is counted */
    uint32_t lines[TRACE_KINDS];   /* written in it */
    uint32_t dropped[TRACE_KINDS]; /* not written */
};

void log_init(struct log *log, int fd, enum trace_level level);

/* Whether lines of this level are written. */
bool log_wants(const struct log *log, enum trace_level level);

void log_line(struct log *log, enum trace_level level, const char *format, ...) PRINTF_LIKE(3, 4);

void log_trace(struct log *log, uint64_t wall_us, const struct trace *trace);

/* Once a second: tells what was dropped. */
void log_second(struct log *log, uint64_t wall_us);

/* "debug", "info", "warn" or "error" (Riak's "warning" too); false when it is none. */
bool log_level_parse(struct bytes text, enum trace_level *ret_level);

#endif
