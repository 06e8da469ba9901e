/* SPDX-License-Identifier: Apache-2.0 */
/* What the cluster machines of two nodes say to each other. */
#ifndef MSG_PEER_CLUSTER_H
#define MSG_PEER_CLUSTER_H

#include "base/bytes.h"
#include "base/err.h"

struct peer_cluster {
    int kind;
};

#endif
