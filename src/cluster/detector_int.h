/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the detector share: beliefs (detector.c), probes (detector_probe.c) and what is
 * told (detector_tell.c). */
#ifndef CLUSTER_DETECTOR_INT_H
#define CLUSTER_DETECTOR_INT_H

#include "cluster/detector.h"

/* NULL of a stranger. */
struct detector_peer *detector_find(struct detector *d, uint64_t node);

/* This node found by itself that a member is silent. */
void detector_accuse(struct detector *d, uint64_t node, uint64_t now_us,
                     struct detector_news *news);

/* The record is to be told again: as often as a cluster of this size needs. */
uint32_t detector_tells(const struct detector *d);

/* ---- probes ---- */

/* A probe through others only, for a link was lost. */
void probe_others(struct detector *d, uint64_t node, uint64_t now_us);

void probe_tick(struct detector *d, uint64_t now_us, struct random *random,
                struct detector_news *news);
uint64_t probe_deadline_us(const struct detector *d);

/* This node was not awake for so long: answers may have come that it has not seen yet. */
void probe_shift(struct detector *d, uint64_t us);

/* More doubts of the own health, or one less. */
void probe_doubt(struct detector *d, uint32_t doubts);
void probe_trust(struct detector *d);

/* ---- gossip ---- */

void tell_start(struct detector *d, uint64_t now_us);
void tell_tick(struct detector *d, uint64_t now_us, struct random *random,
               struct detector_news *news);
uint64_t tell_deadline_us(const struct detector *d);

static inline uint64_t sooner(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

#endif
