/* SPDX-License-Identifier: Apache-2.0 */
/* What must always hold in a town, and what it comes to in the end. */
#include "base/check.h"
#include "base/mem.h"
#include "model/moves.h"
#include "town.h"

void town_wrong(struct town *town, const char *what)
{
    if (town->wrong == NULL)
        town->wrong = what;
}

const struct document *town_document(const struct town *town, unsigned house)
{
    const struct house *h = &town->houses[house];

    return h->cluster == NULL ? NULL : cluster_view(h->cluster)->document;
}

unsigned town_house(const struct town *town, uint64_t id)
{
    for (unsigned i = 0; i < town->houses_count; i++) {
        if (town->houses[i].id == id)
            return i;
    }
    return TOWN_NODES;
}

static const struct seen *seen_find(const struct town *town, uint64_t cluster, uint64_t epoch)
{
    for (uint32_t i = 0; i < town->seen_count; i++) {
        if (town->seen[i].cluster == cluster && town->seen[i].epoch == epoch)
            return &town->seen[i];
    }
    return NULL;
}

static bool held(const struct town *town, const struct seen *seen, uint32_t partition)
{
    for (uint32_t i = 0; i < seen->n_max; i++) {
        unsigned at = town_house(town, seen->lists[partition * seen->n_max + i]);
        if (at != TOWN_NODES && (town->houses[at].holds[partition / 8] >> partition % 8 & 1) != 0)
            return true;
    }
    return false;
}

static uint32_t newcomers(const struct seen *before, const struct seen *now, uint32_t partition)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < now->n_max; i++) {
        uint64_t node = now->lists[partition * now->n_max + i];
        bool old = node == 0;
        for (uint32_t j = 0; j < before->n_max; j++)
            old = old || before->lists[partition * before->n_max + j] == node;
        count += !old;
    }
    return count;
}

static void check_lists(struct town *town, const struct seen *before, const struct seen *now)
{
    for (uint32_t p = 0; p < now->partitions; p++) {
        if (newcomers(before, now, p) > 1 && held(town, before, p))
            town_wrong(town, "a list of replicas that hold data changed in two places");
    }
}

static void see(struct town *town, const struct document *d)
{
    ASSERT(town->seen_count < TOWN_EPOCHS);
    struct seen *seen = &town->seen[town->seen_count++];
    size_t places = (size_t)d->partitions * d->n_max;

    *seen = (struct seen){.cluster = d->cluster[0],
                          .epoch = d->epoch,
                          .hash = d->hash,
                          .lists = mem_new_array(places, sizeof(uint64_t)),
                          .partitions = d->partitions,
                          .n_max = d->n_max};
    for (size_t i = 0; i < places; i++)
        seen->lists[i] = d->place[i] == RING_NOBODY ? 0 : d->members[d->place[i]].id;
    const struct seen *before = seen_find(town, seen->cluster, seen->epoch - 1);
    if (before != NULL)
        check_lists(town, before, seen);
}

void town_check(struct town *town, struct house *house)
{
    const struct document *d =
        house->cluster == NULL ? NULL : cluster_view(house->cluster)->document;

    if (d == NULL)
        return;
    if (house->last_cluster != 0 && house->last_cluster != d->cluster[0] && house->holds_any)
        town_wrong(town, "a node that holds data went to another cluster");
    house->last_cluster = d->cluster[0];
    const struct seen *seen = seen_find(town, d->cluster[0], d->epoch);
    if (seen == NULL)
        see(town, d);
    else if (seen->hash != d->hash)
        town_wrong(town, "an epoch has two documents");
}

void town_write(struct town *town, unsigned at, uint32_t partition)
{
    struct house *house = &town->houses[at];
    const struct view *view = cluster_view(house->cluster);

    if (view->document == NULL || view->self_index == RING_NOBODY ||
        cluster_frozen(house->cluster, partition, town->now_us) ||
        !ring_owns(&view->ring, partition, view->ring.n_max, view->self_index))
        return;
    house->holds[partition / 8] |= (uint8_t)(1u << partition % 8);
    house->holds_any = true;
}

/* ---- conditions ---- */

bool town_agrees(struct town *town)
{
    const struct document *first = NULL;

    for (unsigned i = 0; i < town->houses_count; i++) {
        const struct document *d = town_document(town, i);
        if (town->houses[i].cluster == NULL)
            continue;
        if (d == NULL || (first != NULL && d->hash != first->hash))
            return false;
        first = d;
    }
    return first != NULL;
}

bool town_moved(struct town *town)
{
    const struct document *d = town_document(town, 0);

    for (uint32_t i = 0; d != NULL && i < d->members_count; i++) {
        if (d->members[i].state != MEMBER_VALID)
            return false;
    }
    return d != NULL && d->preparing == 0 && moves_count(d) == 0;
}

bool town_all_reach(struct town *town)
{
    if (!town_agrees(town))
        return false;
    for (unsigned i = 0; i < town->houses_count; i++) {
        if (town->houses[i].cluster == NULL)
            continue;
        const struct view *view = cluster_view(town->houses[i].cluster);
        for (uint32_t j = 0; j < view->members_count; j++) {
            if (!view->members[j].up)
                return false;
        }
    }
    return true;
}

bool town_join_all(struct town *town, unsigned first, unsigned last)
{
    for (unsigned i = first; i <= last; i++) {
        if (town_do(town, i, ADMIN_JOIN, town->houses[0].address, NULL)->err != ERR_OK)
            return false;
    }
    town_run(town, 1000000);
    if (town_do(town, 0, ADMIN_PLAN, NULL, NULL)->plan == 0)
        return false;
    return town_do(town, 0, ADMIN_COMMIT, NULL, NULL)->err == ERR_OK;
}
