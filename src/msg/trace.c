/* SPDX-License-Identifier: Apache-2.0 */
#include "msg/trace.h"

#include "base/check.h"

const struct trace_info *trace_info(enum trace_kind kind)
{
    static const struct trace_info table[] = {
#define TRACE_ROW(name, level, text) {#name, TRACE_##level, text},
        TRACE_LIST(TRACE_ROW)
#undef TRACE_ROW
    };

    ASSERT((unsigned)kind < TRACE_KINDS);
    return &table[kind];
}
