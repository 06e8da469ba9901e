/* SPDX-License-Identifier: Apache-2.0 */
/* The nearest of some names to what somebody wrote, for "did you mean". */
#ifndef BASE_NEAREST_H
#define BASE_NEAREST_H

#include "base/bytes.h"

enum { NEAREST_BYTES_MAX = 64 }; /* longer names are never near */

struct nearest {
    struct bytes wanted;
    struct bytes best; /* empty: nothing is near enough */
    uint32_t distance; /* of the best: wrong, missing and superfluous letters */
};

/* `wanted` is what was written; the view must outlive the search, as those of the offers. */
void nearest_init(struct nearest *nearest, struct bytes wanted);

/* Takes a name when it is nearer than those before. A third of its letters may be wrong; or what
 * was written is the beginning of the name, or its last part after a dot. */
void nearest_offer(struct nearest *nearest, struct bytes name);

#endif
