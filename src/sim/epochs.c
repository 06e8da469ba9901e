/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/epochs.h"

#include "base/check.h"
#include "sim/node.h"

static struct epoch_seen *find(struct world *w, const uint64_t cluster[2], uint64_t epoch)
{
    for (uint32_t i = 0; i < w->epochs_count; i++) {
        struct epoch_seen *seen = &w->epochs[i];
        if (seen->epoch == epoch && seen->cluster[0] == cluster[0] &&
            seen->cluster[1] == cluster[1])
            return seen;
    }
    return NULL;
}

bool epochs_has(const struct world *w, uint64_t epoch)
{
    for (uint32_t i = 0; i < w->epochs_count; i++) {
        const struct epoch_seen *seen = &w->epochs[i];
        if (seen->epoch == epoch && seen->cluster[0] == w->cluster[0] &&
            seen->cluster[1] == w->cluster[1])
            return true;
    }
    return false;
}

static void check(struct world *w, const struct sim_node *node, const struct document *document)
{
    const struct epoch_seen *same = find(w, document->cluster, document->epoch);
    const struct epoch_seen *before = find(w, document->cluster, document->epoch - 1);
    const struct epoch_seen *after = find(w, document->cluster, document->epoch + 1);

    if (same != NULL && (same->hash != document->hash || same->previous != document->previous))
        world_fail(w, "epoch %llu exists twice, once at node %u",
                   (unsigned long long)document->epoch, node->index);
    if (before != NULL && before->hash != document->previous)
        world_fail(w, "epoch %llu at node %u does not follow the one before",
                   (unsigned long long)document->epoch, node->index);
    if (after != NULL && after->previous != document->hash)
        world_fail(w, "epoch %llu at node %u is not the one that the next follows",
                   (unsigned long long)document->epoch, node->index);
}

static void note(struct world *w, const struct document *document)
{
    if (find(w, document->cluster, document->epoch) != NULL)
        return;
    ASSERT(w->epochs_count < SIM_EPOCHS_MAX);
    w->epochs[w->epochs_count++] = (struct epoch_seen){
        .cluster = {document->cluster[0], document->cluster[1]},
        .epoch = document->epoch,
        .hash = document->hash,
        .previous = document->previous,
    };
}

void epochs_look(struct world *w, struct sim_node *node)
{
    const struct document *document = shard_view(node->shard)->document;
    struct epoch_seen *own = &node->epoch;

    if (document == NULL || (document->hash == own->hash && document->epoch == own->epoch))
        return;
    bool moved = document->cluster[0] != own->cluster[0] || document->cluster[1] != own->cluster[1];
    if (!moved && document->epoch < own->epoch)
        world_fail(w, "node %u went back to epoch %llu", node->index,
                   (unsigned long long)document->epoch);
    check(w, node, document);
    note(w, document);
    own->cluster[0] = document->cluster[0];
    own->cluster[1] = document->cluster[1];
    own->epoch = document->epoch;
    own->hash = document->hash;
}
