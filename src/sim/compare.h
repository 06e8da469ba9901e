/* SPDX-License-Identifier: Apache-2.0 */
/* Looks at the disks themselves, past every cache and repair: after all keys were read from all
 * their replicas, every replica of a key must hold the same bytes, digests must tell of their
 * objects, and nobody else may hold the key. */
#ifndef SIM_COMPARE_H
#define SIM_COMPARE_H

#include "sim/world.h"

void compare_replicas(struct world *w);

#endif
