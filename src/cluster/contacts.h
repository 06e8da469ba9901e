/* SPDX-License-Identifier: Apache-2.0 */
/* Which nodes are connected, and which should be: the members of the document, nodes that wait to
 * join, and on such a node those that it waits for. */
#ifndef CLUSTER_CONTACTS_H
#define CLUSTER_CONTACTS_H

#include "cluster/limits.h"
#include "model/limits.h"
#include "msg/outbox.h"

struct cluster;

/* A short text that its owner keeps. */
struct text {
    uint8_t len;
    uint8_t data[NAME_BYTES_MAX];
};

static inline struct bytes text_bytes(const struct text *text)
{
    return bytes_of(text->data, text->len);
}

/* False, and nothing is done, when it is too long. */
bool text_set(struct text *text, struct bytes bytes);

struct contact {
    uint64_t node;
    bool up;
    bool wanted;
    struct text at;      /* wanted: where */
    struct text name;    /* up: what the other end said of itself ... */
    struct text address; /* ... and where it says it can be reached */
    uint64_t cluster[2];
    uint64_t lineage;
    uint64_t epoch;
};

struct contacts {
    struct contact *table; /* moves: pointers into it end with the next call that changes it */
    uint32_t count, room;
};

void contacts_done(struct contacts *contacts);

/* NULL when nothing is known of the node. */
const struct contact *contacts_find(const struct contacts *contacts, uint64_t node);

bool contacts_is_up(const struct contacts *contacts, uint64_t node);

/* A node whose end of a link says that it can be reached there, or that was dialled there; 0:
 * none. */
const struct contact *contacts_at(const struct contacts *contacts, struct bytes address);

/* EV_LINK_UP and EV_LINK_DOWN. */
void contacts_up(struct contacts *contacts, const struct event_link *link);
void contacts_down(struct contacts *contacts, uint64_t node);

/* Compares what is wanted with what should be, and tells the host. */
void contacts_wish(struct cluster *c, struct outbox *out);

#endif
