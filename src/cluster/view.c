/* SPDX-License-Identifier: Apache-2.0 */
#include "base/check.h"
#include "cluster/cluster_int.h"

static void add_member(struct cluster *c, uint32_t at, const struct document *d)
{
    uint64_t id = d->members[at].id;
    bool up = member_serves(&d->members[at]) && detector_reaches(&c->detector, id);

    c->view_members[at] = (struct view_member){
        .id = id,
        .up = up,
        .grey = detector_grey(&c->detector, id),
    };
    c->view_nodes[at] = (struct ring_node){
        .id = id,
        .location = plan_location(d->members, d->members_count, at),
        .live = up,
    };
}

void view_build(struct cluster *c)
{
    const struct document *d = cluster_document(c);
    bool settled = c->vault.stable >= c->first_stable;

    c->view = (struct view){.self = c->self, .self_index = RING_NOBODY};
    if (d == NULL || !settled)
        return;
    ASSERT(d->members_count <= NODES_MAX);
    for (uint32_t i = 0; i < d->members_count; i++) {
        add_member(c, i, d);
        if (d->members[i].id == c->self && member_serves(&d->members[i]))
            c->view.self_index = (uint16_t)i;
    }
    c->view.document = d;
    c->view.ring = (struct ring){
        .key = {d->hash_key[0], d->hash_key[1]},
        .slots = d->slots,
        .partitions = d->partitions,
        .n_max = d->n_max,
        .place = d->place,
    };
    c->view.members = c->view_members;
    c->view.nodes = c->view_nodes;
    c->view.members_count = (uint16_t)d->members_count;
    ASSERT(c->view.self_index == RING_NOBODY || c->view_members[c->view.self_index].up);
}
