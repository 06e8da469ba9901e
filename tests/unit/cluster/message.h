/* SPDX-License-Identifier: Apache-2.0 */
/* Messages between clusters outlive the step that made them. */
#ifndef TESTS_CLUSTER_MESSAGE_H
#define TESTS_CLUSTER_MESSAGE_H

#include "base/arena.h"
#include "msg/peer_cluster.h"

/* A deep copy. */
struct peer_cluster message_copy(struct arena *arena, const struct peer_cluster *msg);

#endif
