/* SPDX-License-Identifier: Apache-2.0 */
/* What a range of seeds did, added up. "Sometimes" assertions: over a range, every kind of
 * trouble and every path worth testing must have been met, or the range proved less than it seems
 * to. */
#ifndef SIM_REPORT_H
#define SIM_REPORT_H

#include "sim/run.h"

struct report;

struct report *report_new(void);
void report_free(struct report *report);
void report_add(struct report *report, const struct run_result *result);
void report_print(const struct report *report, FILE *to);

/* Whether all that must be met was met; says what was not. */
bool report_complete(const struct report *report, FILE *to);

#endif
