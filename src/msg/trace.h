/* SPDX-License-Identifier: Apache-2.0 */
/* What the core tells of itself: an enum and three numbers. One table turns a record into log text,
 * a counter and a column of the simulator. In the text %0 %1 %2 stand for the numbers, and for ids
 * %x0 %x1 %x2: these are written as everywhere, in hexadecimal digits. */
#ifndef MSG_TRACE_H
#define MSG_TRACE_H

#include <stdint.h>

enum trace_level { TRACE_DEBUG, TRACE_INFO, TRACE_WARN, TRACE_ERROR };

#define TRACE_LIST(X)                                                                              \
    X(GET_DONE, DEBUG, "get done in %0 us, err %1, siblings %2")                                   \
    X(GET_OBJECT, DEBUG, "the object of a get has %0 bytes, %1 siblings")                          \
    X(PUT_DONE, DEBUG, "put done in %0 us, err %1, bytes %2")                                      \
    X(DELETE_DONE, DEBUG, "delete done in %0 us, err %1")                                          \
    X(FORWARD, DEBUG, "request forwarded to node %x0")                                             \
    X(SIBLINGS, DEBUG, "object now has %0 siblings")                                               \
    X(SIBLINGS_MANY, WARN, "an object of partition %0 now has %1 siblings")                        \
    X(OBJECT_LARGE, WARN, "an object of partition %0 now has %1 bytes")                            \
    X(RESOLVED, DEBUG, "%0 concurrent values dropped: the bucket keeps one")                       \
    X(READ_REPAIR, DEBUG, "read repair of partition %0 at node %x1")                               \
    X(HOT, DEBUG, "operation on a key in flight starts from its newest object")                    \
    X(STALE_REPLY, DEBUG, "late or duplicate answer ignored")                                      \
    X(WRONG_OWNER, INFO, "node %x1 asked for partition %0, which is not here")                     \
    X(CORRUPT_ROW, ERROR, "corrupt row in partition %0 quarantined")                               \
    X(REFETCHED, WARN, "quarantined row of partition %0 refetched from the other replicas")        \
    X(COMMIT_FAILED, ERROR, "commit failed: err %0")                                               \
    X(DISK_FULL, ERROR, "no room for new data: %0 bytes are free, %1 are needed")                  \
    X(DISK_ROOM, WARN, "room for new data again: %0 bytes are free")                               \
    X(DISK_REFUSED, DEBUG, "new data for partition %0 refused: there is no room")                  \
    X(DISK_SLOW, WARN, "the disk is slow: a commit took %0 us; other nodes are asked first")       \
    X(DISK_QUICK, INFO, "the disk is no longer slow")                                              \
    X(OVERLOAD, WARN, "request refused: %0 in flight")                                             \
    X(INCARNATION, INFO, "partition %0: new incarnation %x1")                                      \
    X(LEASE_WAIT, DEBUG, "partition %0 waits for its counter lease")                               \
    X(HINT_KEPT, DEBUG, "an object of partition %1 is kept for node %0, which is away")            \
    X(HINT_GIVEN, DEBUG, "an object of partition %1 that was kept for node %0 was handed over")    \
    X(HINT_MOVED, DEBUG, "an object kept for node %0 goes to the replicas of partition %1")        \
    X(FALLBACK_WRITE, INFO, "no replica of partition %0 is up: this node coordinates a write")     \
    X(HINT_LOST, ERROR, "an object kept for node %0 cannot be read")                               \
    X(HINTS_FULL, WARN, "no more room to keep objects for node %0: %1 bytes are kept")             \
    X(LACKS, INFO, "node %x0 is told that it lacks what could not be kept for it")                 \
    X(HINTS_OVER, INFO, "handed over what was kept for node %0: %1 objects; %2 remain")            \
    X(MOVE_AWAY, INFO, "the replica of partition %0 is given to node %x1")                         \
    X(MOVE_READY, INFO, "the replica of partition %0, place %2, was taken over from node %x1")     \
    X(PARTITION_DROPPED, INFO, "what was stored of partition %0 is deleted: it belongs elsewhere") \
    X(EXCHANGE, DEBUG, "partition %0 compared with node %x1, err %2")                              \
    X(EXCHANGE_MOVED, INFO, "partition %0: %2 objects made up between this node and node %x1")     \
    X(EXCHANGE_LEFT, WARN, "partition %0: %2 objects still differ between this node and node %x1") \
    X(EXPIRED_REMOVED, DEBUG, "an expired object was removed")                                     \
    X(EXPIRE_OVER, INFO, "%0 expired objects removed, of %1 objects looked at")                    \
    X(EXPIRED_HIDDEN, DEBUG, "%0 expired values hidden from a client")                             \
    X(LIST_DONE, DEBUG, "listing done in %0 us, %1 names, err %2")                                 \
    X(SESSION_OPENED, DEBUG, "client connected")                                                   \
    X(SESSION_CLOSED, DEBUG, "client gone")                                                        \
    X(PROTOCOL_ERROR, INFO, "client sent what is no request: err %0")                              \
    X(EPOCH, INFO, "cluster document is now epoch %0")                                             \
    X(NODE_SUSPECT, INFO, "node %x0 suspected")                                                    \
    X(NODE_DOWN, WARN, "node %x0 is unreachable")                                                  \
    X(NODE_UP, INFO, "node %x0 is reachable")                                                      \
    X(NODE_DOUBTS, WARN, "this node hears the others badly: it may be slow itself")                \
    X(NODE_TRUSTS, INFO, "this node hears the others well again")                                  \
    X(JOINED, INFO, "this node is now a member of cluster %x0")                                    \
    X(PLAN_COMMITTED, INFO, "plan %x0 committed as epoch %1")                                      \
    X(PLAN_REFUSED, WARN, "plan %x0 refused: err %1")                                              \
    X(STRANGER, WARN, "node %x0 is not a member and was refused")                                  \
    X(BALLOT_CONFLICT, INFO, "a proposal lost to another ballot")                                  \
    X(CLUSTER_FORK, ERROR, "epoch %0 exists twice: node %x1 has another")                          \
    X(BAD_PEER_MESSAGE, WARN, "message from node %x0 could not be read: err %1")

#define TRACE_ENUM(name, level, text) TRACE_##name,
enum trace_kind { TRACE_LIST(TRACE_ENUM) };
#undef TRACE_ENUM

#define TRACE_COUNT(name, level, text) +1
enum { TRACE_KINDS = 0 TRACE_LIST(TRACE_COUNT) };
#undef TRACE_COUNT

struct trace {
    enum trace_kind kind;
    uint64_t numbers[3];
};

struct trace_info {
    const char *name;
    enum trace_level level;
    const char *text;
};

/* The table's row for a kind. */
const struct trace_info *trace_info(enum trace_kind kind);

#endif
