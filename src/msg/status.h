/* SPDX-License-Identifier: Apache-2.0 */
/* The cluster as an operator sees it: the answer to every admin request. */
#ifndef MSG_STATUS_H
#define MSG_STATUS_H

#include "base/bytes.h"

struct cluster_status {
    uint64_t epoch;
};

#endif
