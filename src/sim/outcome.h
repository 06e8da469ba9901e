/* SPDX-License-Identifier: Apache-2.0 */
/* What an error tells a client of its write, and whether a client may be told it at all: an error
 * that nothing in this world explains fails the run. */
#ifndef SIM_OUTCOME_H
#define SIM_OUTCOME_H

#include "sim/world.h"

/* `ret_expected`: false when no fault that this world knows can lead to it. */
enum outcome outcome_of_error(const struct world *w, struct bytes error, bool *ret_expected);

#endif
