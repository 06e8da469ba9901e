/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/outcome.h"

/* What must be going on for an error to be understood. */
enum needs { NEEDS_NOTHING, NEEDS_ROT, NEEDS_FULL, NEEDS_EIO, NEEDS_STOPS };

static bool is_met(const struct world *w, enum needs needs)
{
    const struct params *p = &w->params;

    switch (needs) {
    case NEEDS_NOTHING: return true;
    case NEEDS_ROT: return p->corrupt_ppm > 0;
    case NEEDS_FULL: return p->full_ppm > 0;
    case NEEDS_EIO: return p->eio_ppm > 0;
    case NEEDS_STOPS: return p->stop_ppm > 0;
    }
    return false;
}

enum outcome outcome_of_error(const struct world *w, struct bytes error, bool *ret_expected)
{
    static const struct {
        const char *text;
        enum outcome outcome;
        enum needs needs;
    } errors[] = {
        {"timeout", OUTCOME_UNKNOWN, NEEDS_NOTHING},
        {"request timed out", OUTCOME_UNKNOWN, NEEDS_NOTHING},
        {"overload", OUTCOME_NOT_DONE, NEEDS_NOTHING},
        {"all_nodes_down", OUTCOME_NOT_DONE, NEEDS_NOTHING},
        {"{insufficient_vnodes,", OUTCOME_NOT_DONE, NEEDS_NOTHING},
        {"{insufficient_nodes,", OUTCOME_NOT_DONE, NEEDS_NOTHING},
        {"{r_val_unsatisfied,", OUTCOME_UNKNOWN, NEEDS_NOTHING},
        {"{pr_val_unsatisfied,", OUTCOME_UNKNOWN, NEEDS_NOTHING},
        {"{w_val_unsatisfied,", OUTCOME_UNKNOWN, NEEDS_NOTHING},
        {"{dw_val_unsatisfied,", OUTCOME_UNKNOWN, NEEDS_NOTHING},
        {"{pw_val_unsatisfied,", OUTCOME_UNKNOWN, NEEDS_NOTHING},
        {"R-value unsatisfied: ", OUTCOME_UNKNOWN, NEEDS_NOTHING},
        {"PR-value unsatisfied: ", OUTCOME_UNKNOWN, NEEDS_NOTHING},
        {"W-value unsatisfied: ", OUTCOME_UNKNOWN, NEEDS_NOTHING},
        {"DW-value unsatisfied: ", OUTCOME_UNKNOWN, NEEDS_NOTHING},
        {"PW-value unsatisfied: ", OUTCOME_UNKNOWN, NEEDS_NOTHING},
        {"match_found", OUTCOME_NOT_DONE, NEEDS_NOTHING},
        {"modified", OUTCOME_NOT_DONE, NEEDS_NOTHING},
        {"notfound", OUTCOME_NOT_DONE, NEEDS_NOTHING},
        {"{too_many_siblings,", OUTCOME_NOT_DONE, NEEDS_NOTHING},
        {"corrupt", OUTCOME_UNKNOWN, NEEDS_ROT},
        {"enospc", OUTCOME_UNKNOWN, NEEDS_FULL},
        {"disk_full", OUTCOME_NOT_DONE, NEEDS_FULL},
        {"The disk is nearly full", OUTCOME_NOT_DONE, NEEDS_FULL},
        {"eio", OUTCOME_UNKNOWN, NEEDS_EIO},
        {"stopping", OUTCOME_NOT_DONE, NEEDS_STOPS},
        {"this node is stopping", OUTCOME_NOT_DONE, NEEDS_STOPS},
    };

    for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
        if (!bytes_starts(error, bytes_str(errors[i].text)))
            continue;
        *ret_expected = is_met(w, errors[i].needs);
        return errors[i].outcome;
    }
    *ret_expected = false;
    return OUTCOME_UNKNOWN;
}
