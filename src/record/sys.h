/* SPDX-License-Identifier: Apache-2.0 */
/* The system rows of a store: few, all loaded at start. Each value begins with a seal
 * (record/seal.h), which covers the row key.
 *
 *   row key                            value after the seal                       who writes it
 *   "node"                             node id (8, little-endian), varint length
 *                                      and name                                   cluster/
 *   "doc"                              the cluster document                       cluster/
 *   "acceptor"                         the register's acceptor state              cluster/
 *   "join"                             the cluster that this node waits to join   cluster/
 *   "inc/", partition (2, big-endian)  actor (8), leased counter (8), closed (1),
 *                                      little-endian                              kv/
 *   "move/", partition (2, big-endian) node (8, little-endian): the replica here was
 *                                      given to that node and answers no more     kv/
 *   "hints/", target                   record/hint.h                              kv/ */
#ifndef RECORD_SYS_H
#define RECORD_SYS_H

#include "base/blob.h"
#include "base/err.h"
#include "model/clock.h"

#define SYS_ROW_NODE     BYTES_LIT("node")
#define SYS_ROW_DOCUMENT BYTES_LIT("doc")
#define SYS_ROW_ACCEPTOR BYTES_LIT("acceptor")

struct incarnation {
    uint64_t actor;  /* never zero */
    uint64_t leased; /* counters up to and with this one may have been issued */
    bool closed;     /* a clean stop: all that was issued is in the store, up to `leased` */
};

/* The row key of a partition's incarnation. */
struct bytes sys_incarnation_key(struct arena *arena, uint32_t partition);

/* Whether the row key is one of those, and of which partition. */
bool sys_incarnation_row(struct bytes row, uint32_t *ret_partition);

struct blob *sys_incarnation_blob(struct bytes row, const struct incarnation *incarnation);
enum err sys_incarnation_decode(struct bytes row, struct bytes record,
                                struct incarnation *ret_incarnation) MUST_CHECK;

/* The row key of a replica that was given away; whether a row key is one of those. */
struct bytes sys_move_key(struct arena *arena, uint32_t partition);
bool sys_move_row(struct bytes row, uint32_t *ret_partition);

struct blob *sys_move_blob(struct bytes row, uint64_t node);
enum err sys_move_decode(struct bytes row, struct bytes record, uint64_t *ret_node) MUST_CHECK;

struct sys_node {
    uint64_t id;       /* never zero */
    struct bytes name; /* at most NAME_BYTES_MAX */
};

struct blob *sys_node_blob(const struct sys_node *node);

/* The name is a view of the record. */
enum err sys_node_decode(struct bytes record, struct sys_node *ret_node) MUST_CHECK;

#endif
