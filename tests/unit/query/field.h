/* SPDX-License-Identifier: Apache-2.0 */
/* A field of nodes that list what they hold: the coordinator's machine on the first one, the real
 * listers on all, rows that every replica of a partition has, and messages that go when the test
 * says. */
#ifndef TESTS_QUERY_FIELD_H
#define TESTS_QUERY_FIELD_H

#include "query/coverage.h"
#include "query/list.h"
#include "query/lister.h"

enum { FIELD_NODES_MAX = 8, FIELD_PENDING_MAX = 256, FIELD_SLOTS = 64, FIELD_PARTITIONS = 16 };

struct field_row {
    struct bytes key;
    struct bytes value;
};

enum pending_kind { PENDING_ASK, PENDING_SCAN, PENDING_ANSWER };

struct pending {
    enum pending_kind kind;
    uint64_t node; /* who was asked, scans, or answers */
    struct peer_list ask;
    struct store_op scan;
    struct peer_listed answer;
};

struct field {
    struct config config;
    uint64_t expires_us; /* of what is added; 0: never */
    struct document *document;
    uint32_t nodes;
    struct view_member members[FIELD_NODES_MAX];
    struct ring_node ring_nodes[FIELD_NODES_MAX];
    struct view views[FIELD_NODES_MAX]; /* of node i + 1 */
    struct listers *listers[FIELD_NODES_MAX];
    struct arena arena;
    struct field_row *rows; /* sorted */
    uint32_t rows_count;
    bool sorted;
    struct outbox out;
    uint64_t now_us;

    struct machine *list;
    struct pending pending[FIELD_PENDING_MAX];
    uint32_t pending_count;

    /* What the asker got. */
    struct bytes *names;
    uint32_t names_count;
    uint32_t replies; /* chunks, and the end or the error */
    bool ended;       /* done was said */
    enum err err;
    bool wants; /* a chunk came that was not the last: EV_MORE is the asker's turn */
};

/* Members 1 to `nodes`; replica i of partition p is at member (p + i) % nodes, n_max of them. */
void field_begin(struct field *f, uint32_t nodes, uint32_t n_max);
void field_end(struct field *f);

/* Stores the digest row of a key, a tombstone's if it was deleted. */
void field_add(struct field *f, struct bytes type, struct bytes bucket, struct bytes key,
               bool deleted);

/* Begins a listing at the first node. */
void field_list(struct field *f, enum request_kind kind, struct bytes type, struct bytes bucket);

/* Lets the n-th pending thing happen. */
void field_happen(struct field *f, uint32_t n);

/* The same, but an asked node answers with an error, or what was sent is lost. */
void field_refuse(struct field *f, uint32_t n, enum err err);
void field_lose(struct field *f, uint32_t n);

/* The asker wants the next chunk. */
void field_more(struct field *f);

/* Another event comes to the machine: EV_DEADLINE, EV_GONE. */
void field_event(struct field *f, enum event_kind kind);

/* A node can no longer be reached; what it was asked is lost. */
void field_down(struct field *f, uint64_t node);

/* Lets all happen until the listing has ended. */
void field_run(struct field *f);

/* Whether the asker got exactly these many names, none twice. */
bool field_got_each_once(struct field *f, uint32_t count);
bool field_got(struct field *f, struct bytes name);

#endif
