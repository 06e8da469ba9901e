/* SPDX-License-Identifier: Apache-2.0 */
/* Tells the register what this node's data side has moved, and that it may go.
 *
 * Replicas that have got to where they shall be are gathered for a while, so that one epoch carries
 * many; the more members there are, the longer, since all of them may have something to tell. */
#include "model/moves.h"
#include "base/check.h"
#include "cluster/cluster_int.h"

static void rest(struct cluster *c, const struct event *ev)
{
    uint64_t interval_us = (uint64_t)c->config->gossip_interval_ms * 1000;
    uint64_t chance_us = interval_us * (1 + cluster_document(c)->members_count / 4);

    c->moves_us = ev->mono_us + interval_us / 2 + random_below(&c->random, chance_us);
}

/* Whether what was moved is what its partition waits for. */
static bool is_news(const struct document *d, const struct moved *moved)
{
    struct move next = {.kind = MOVE_NONE};

    if (moved->partition < d->partitions)
        next = move_next(d, moved->partition);
    return next.kind == MOVE_ONE && next.place == moved->place &&
           d->members[next.to].id == moved->to &&
           (next.from == MOVE_NOBODY ? 0 : d->members[next.from].id) == moved->from;
}

static void tell_moved(struct cluster *c, const struct event *ev, struct outbox *out)
{
    struct moved *news = arena_alloc_array(&out->arena, c->facts.moved_count, sizeof(*news));
    struct edit edit = {.kind = EDIT_MOVED, .moved = news};
    struct asker nobody = {ASKER_NOBODY, 0, 0};

    for (uint32_t i = 0; i < c->facts.moved_count; i++) {
        if (is_news(cluster_document(c), &c->facts.moved[i]))
            news[edit.moved_count++] = c->facts.moved[i];
    }
    if (edit.moved_count > 0)
        proposer_submit(c, &edit, OWNER_NOBODY, nobody, ev, out);
}

/* Whether this node leaves, and has nothing any more: no replica, no data, nothing kept for
 * others. */
static bool may_depart(const struct cluster *c)
{
    const struct document *d = cluster_document(c);
    int at = document_member(d, c->self);

    if (at < 0 || d->members[at].state != MEMBER_LEAVING || c->facts.holds_any)
        return false;
    for (size_t i = 0; i < (size_t)d->partitions * d->n_max; i++) {
        if (d->place[i] == at || d->goal[i] == at)
            return false;
    }
    return true;
}

static bool wanted(const struct cluster *c)
{
    return c->facts.moved_count > 0 || may_depart(c);
}

void moves_tick(struct cluster *c, const struct event *ev, struct outbox *out)
{
    struct asker nobody = {ASKER_NOBODY, 0, 0};
    struct edit depart = {.kind = EDIT_DEPART, .node = c->self};

    if (!wanted(c)) {
        c->moves_us = 0;
        return;
    }
    if (c->moves_us == 0)
        rest(c, ev);
    if (c->moves_us > ev->mono_us)
        return;
    rest(c, ev);
    if (!proposer_has(&c->proposer, EDIT_MOVED) && c->facts.moved_count > 0)
        tell_moved(c, ev, out);
    if (!proposer_has(&c->proposer, EDIT_DEPART) && may_depart(c))
        proposer_submit(c, &depart, OWNER_NOBODY, nobody, ev, out);
}

uint64_t moves_deadline_us(const struct cluster *c)
{
    return c->moves_us == 0 ? UINT64_MAX : c->moves_us;
}

uint64_t cluster_known_epoch(const struct cluster *c)
{
    const struct document *d = cluster_document(c);
    uint64_t known = d->epoch;

    for (uint32_t i = 0; i < d->members_count; i++) {
        uint64_t id = d->members[i].id;
        const struct gossip_record *record = detector_record(&c->detector, id);
        if (id == c->self || !member_serves(&d->members[i]))
            continue;
        if (record == NULL || (record->state != LIVE_DOWN && record->epoch < known))
            known = record == NULL ? 0 : record->epoch;
    }
    return known;
}
