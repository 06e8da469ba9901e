/* SPDX-License-Identifier: Apache-2.0 */
/* Many failure detectors, and between them a network that delays and loses what they say. Nodes are
 * dead for a while, or slow, or have hosts that do not call them; time passes only here. All of it
 * follows from a seed. Links stay up unless a test takes them down: what is tried is the detector,
 * which TCP could only help. */
#ifndef TESTS_CLUSTER_CROWD_H
#define TESTS_CLUSTER_CROWD_H

#include "base/heap.h"
#include "cluster/detector.h"

enum { CROWD_MAX = 100, MS = 1000, SECOND = 1000000 };

struct fellow {
    struct heap_node timer;
    struct detector detector;
    uint64_t id;
    bool dead;            /* neither hears nor says anything */
    uint32_t slow_ms;     /* what it hears and what it says takes so much longer */
    uint64_t stalled_us;  /* its host does not call it until then; what comes meanwhile waits */
    uint64_t bytes, said; /* frames that it sent */
    uint64_t suspected;   /* how often it took a node that is alive for suspect ... */
    uint64_t condemned;   /* ... and for down */
};

struct crowd {
    struct config config;
    struct random random;
    uint64_t now_us;
    uint32_t count;
    struct fellow *fellows;
    struct heap queue;  /* of messages */
    struct heap timers; /* of fellows */
    uint32_t lose;      /* of 1000 messages */
    bool (*healthy)(const struct crowd *crowd,
                    uint32_t fellow); /* whose death would be a mistake */
    uint64_t most_records;            /* that were ever in one message that is not a whole one */
};

void crowd_init(struct crowd *crowd, uint64_t seed, uint32_t count);
void crowd_done(struct crowd *crowd);

void crowd_run(struct crowd *crowd, uint64_t us);

/* The process dies, and another one takes its place, which knows nothing. */
void crowd_restart(struct crowd *crowd, uint32_t fellow);

void crowd_link(struct crowd *crowd, uint32_t a, uint32_t b, bool up);

enum liveness crowd_believes(const struct crowd *crowd, uint32_t who, uint32_t of);

/* How many of those that are alive and quick believe this of a fellow. */
uint32_t crowd_believers(const struct crowd *crowd, uint32_t of, enum liveness state);

/* Whether all that are alive take all that are alive for up, and believe the same of everybody. */
bool crowd_agrees(const struct crowd *crowd);

/* Runs until that is so; the time it took, or UINT64_MAX. */
uint64_t crowd_settles(struct crowd *crowd, uint64_t most_us);

#endif
