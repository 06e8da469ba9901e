/* SPDX-License-Identifier: Apache-2.0 */
/* A few nodes that consist of nothing but their cluster machines, a network between them that may
 * lose, repeat and reorder messages and be cut, disks that may lose what is not complete, and time
 * that passes only here. All of it follows from a seed.
 *
 * After every step it is checked that no two nodes ever have different documents of one epoch of
 * one cluster, that a list of replicas of which one holds data gets at most one newcomer in an
 * epoch, and that no node that holds data goes to another cluster. */
#ifndef TESTS_CLUSTER_TOWN_H
#define TESTS_CLUSTER_TOWN_H

#include "base/heap.h"
#include "base/random.h"
#include "cluster/cluster.h"
#include "msg/status.h"

enum {
    TOWN_NODES = 128,
    TOWN_ROWS = 8,
    TOWN_ANSWERS = 64,
    TOWN_EPOCHS = 512,
    TOWN_TEXT = 512,
};

/* The end of a request. */
struct answer {
    bool came;
    enum err err;
    char text[TOWN_TEXT];
    bool has_status;
    uint64_t epoch, plan;
    uint32_t members, staged;
    bool refused; /* the plan */
    char verdict[TOWN_TEXT];
    char joining[64];
};

struct row {
    char key[16];
    struct blob *value;
};

/* A commit that is under way. */
struct pending {
    struct pending *next;
    uint64_t token;
    struct row rows[TOWN_ROWS];
    uint32_t count;
};

struct house {
    struct town *town;
    struct cluster *cluster; /* NULL: it is down */
    uint64_t id;
    unsigned life;
    char name[16], address[16];
    uint64_t seed;
    struct row disk[TOWN_ROWS];
    uint32_t disk_count;
    struct pending *commits; /* oldest first */
    uint8_t holds[512];
    bool holds_any;
    struct moved moved[SLOTS_MAX]; /* what it has taken over, until the document says so */
    uint32_t moved_count;
    char wants[TOWN_NODES][16]; /* by house: the address at which a link is wanted */
    struct answer answers[TOWN_ANSWERS];
    uint32_t asked;
    uint64_t last_cluster;
};

struct town {
    struct config config;
    struct random random;
    uint64_t now_us;
    uint32_t houses_count;
    struct house *houses;
    struct heap queue;
    bool up[TOWN_NODES][TOWN_NODES];
    bool cut[TOWN_NODES][TOWN_NODES];
    uint32_t generation[TOWN_NODES][TOWN_NODES];
    uint32_t lose, repeat, reorder; /* of 1000 messages */
    uint64_t beat_us;
    uint64_t steps;
    uint32_t crash_step; /* that many steps from now the house `crash_house` crashes; 0: never */
    unsigned crash_house;
    uint64_t traces[64];
    struct seen {
        uint64_t cluster, epoch, hash;
        uint64_t *lists; /* who has a replica: partitions * n_max node ids, 0: nobody */
        uint32_t partitions, n_max;
    } seen[TOWN_EPOCHS]; /* every document that some node ever had */
    uint32_t seen_count;
    const char *wrong; /* what was found by the checks; NULL: nothing */
};

void town_init(struct town *town, uint64_t seed, uint32_t houses);
/* The same, but they are one cluster from the start; the last few were removed from it, and do not
 * know it yet. */
void town_init_given(struct town *town, uint64_t seed, uint32_t houses, uint32_t removed);
void town_done(struct town *town);

/* Starts a house from what its disk holds; stops it with what is complete, and by chance some of
 * what is under way. */
void town_start(struct town *town, unsigned house);
void town_crash(struct town *town, unsigned house);

/* Lets time pass. */
void town_run(struct town *town, uint64_t us);

/* The same until the condition holds; false when it does not in time. */
bool town_until(struct town *town, bool (*holds)(struct town *), uint64_t us);

/* A node takes the first object of a partition, if it may. */
void town_write(struct town *town, unsigned house, uint32_t partition);

/* Puts a request; returns its number for town_answer. */
uint32_t town_ask(struct town *town, unsigned house, enum admin_verb verb, const char *target,
                  const char *value);
uint32_t town_set_n_val(struct town *town, unsigned house, enum props_verb verb, const char *type,
                        const char *bucket, uint32_t n_val);
/* Runs until the answer is there; fails the town when it never comes. */
const struct answer *town_answer(struct town *town, unsigned house, uint32_t number);

/* Both at once. */
const struct answer *town_do(struct town *town, unsigned house, enum admin_verb verb,
                             const char *target, const char *value);

/* Cuts the network between a set of houses (bits; none from the 65th on) and the others; 0 heals
 * it. */
void town_cut(struct town *town, uint64_t set);

/* Lets every house of the set join the first and commits; whether all are members then. */
bool town_join_all(struct town *town, unsigned first, unsigned last);

const struct document *town_document(const struct town *town, unsigned house);
bool town_agrees(struct town *town); /* all that are up have one document ... */
bool town_all_reach(struct town *town);

/* Data moves in no time: what this house shall take over it has, and what belongs elsewhere is
 * gone. */
void town_move(struct house *house);

/* Everything is where it shall be, and who leaves is gone. */
bool town_moved(struct town *town); /* ... and each sees all members up */

/* For the parts of the town itself. */
void town_prepare(struct town *town, uint64_t seed, uint32_t houses); /* nobody is started */
unsigned town_house(const struct town *town, uint64_t id); /* TOWN_NODES: none has this id */
void town_wrong(struct town *town, const char *what);
void town_check(struct town *town, struct house *house); /* after each of its steps */

#endif
