/* SPDX-License-Identifier: Apache-2.0 */
#include "kv/preflist.h"

#include "base/check.h"

static enum err violation(enum err err, uint32_t have, uint32_t need, struct tally_loss *ret_loss)
{
    *ret_loss = (struct tally_loss){err, have, need};
    return err;
}

static void hold(struct preflist *list, const struct view *view, uint32_t place, uint16_t index)
{
    const struct view_member *member = &view->members[index];

    ASSERT(index < view->members_count);
    ASSERT(place < list->n);
    list->nodes[place] = member->id;
    list->up[place] = member->up || member->id == view->self;
    list->grey[place] = member->grey;
}

/* The next fallback in rendezvous order that holds no place yet; RING_NOBODY when none is left. */
static uint16_t next_fallback(const struct preflist *list, const struct view *view)
{
    uint16_t order[RING_REPLICAS_MAX];
    uint32_t count = ring_fallbacks(&view->ring, list->partition, list->n_val, view->nodes,
                                    view->members_count, order, ARRAY_LEN(order));

    for (uint32_t i = 0; i < count; i++) {
        const struct view_member *member = &view->members[order[i]];
        if ((member->up || member->id == view->self) && preflist_place(list, member->id) < 0)
            return order[i];
    }
    return RING_NOBODY;
}

bool preflist_replace(struct preflist *list, const struct view *view, uint32_t place)
{
    uint64_t primary = list->hint_for[place] == 0 ? list->nodes[place] : list->hint_for[place];

    ASSERT(place < list->n);
    uint16_t index = list->sloppy ? next_fallback(list, view) : RING_NOBODY;
    if (index == RING_NOBODY) {
        list->up[place] = false;
        return false;
    }
    hold(list, view, place, index);
    list->hint_for[place] = primary;
    return true;
}

/* Counts who is up; and fallbacks coordinate only while no primary does. */
static void look(struct preflist *list, uint64_t self)
{
    int at = preflist_place(list, self);

    list->up_count = 0;
    list->primaries_up = 0;
    for (uint32_t i = 0; i < list->n; i++) {
        list->up_count += list->up[i];
        list->primaries_up += list->up[i] && list->hint_for[i] == 0;
    }
    list->self = at >= 0 && (list->hint_for[at] == 0 || list->primaries_up == 0) ? at : -1;
}

enum err preflist_find(const struct view *view, const struct key *key,
                       const struct request_options *options, struct preflist *ret_list,
                       struct tally_loss *ret_loss)
{
    struct preflist list = {.self = -1};
    uint16_t places[RING_REPLICAS_MAX];

    if (view->document == NULL)
        return violation(ERR_ALL_NODES_DOWN, 0, 1, ret_loss);
    list.props = document_props(view->document, key->type, key->bucket);
    if (list.props == NULL)
        return violation(ERR_NO_TYPE, 0, 0, ret_loss);
    list.n_val = options->n_val == 0 ? list.props->n_val : options->n_val;
    if (list.n_val > list.props->n_val)
        return violation(ERR_N_VAL_VIOLATION, 0, list.n_val, ret_loss);
    list.sloppy = options->sloppy_quorum != TRI_FALSE;
    list.slot = ring_slot(&view->ring, key->type, key->bucket, key->key);
    list.partition = ring_partition(&view->ring, list.slot);
    list.n = ring_replicas(&view->ring, list.partition, list.n_val, places);
    if (list.n == 0)
        return violation(ERR_ALL_NODES_DOWN, 0, 1, ret_loss);
    for (uint32_t i = 0; i < list.n; i++)
        hold(&list, view, i, places[i]);
    for (uint32_t i = 0; i < list.n; i++) {
        if (!list.up[i])
            (void)preflist_replace(&list, view, i);
    }
    look(&list, view->self);
    *ret_list = list;
    return ERR_OK;
}

static bool is_symbol(uint32_t value)
{
    return value >= QUORUM_DEFAULT;
}

/* The number that a request's value, or else the bucket's, means. */
static enum err resolve(const struct preflist *list, uint32_t asked, uint32_t bucket,
                        uint32_t *ret_number, struct tally_loss *ret_loss)
{
    uint32_t value = asked == QUORUM_DEFAULT ? bucket : asked;
    uint32_t number = is_symbol(value) ? quorum_number(value, list->n_val) : value;

    ASSERT(value != QUORUM_DEFAULT);
    if (number > list->n_val)
        return violation(ERR_N_VAL_VIOLATION, 0, list->n_val, ret_loss);
    *ret_number = number;
    return ERR_OK;
}

static uint32_t cap(uint32_t value, uint32_t most)
{
    return value < most ? value : most;
}

static uint32_t max_of(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

enum err preflist_put_needs(const struct preflist *list, const struct request_options *options,
                            struct put_needs *ret_needs, struct tally_loss *ret_loss)
{
    const struct props *props = list->props;
    struct put_needs needs;

    TRY(resolve(list, options->w, props->w, &needs.w, ret_loss));
    TRY(resolve(list, options->dw, props->dw, &needs.dw, ret_loss));
    TRY(resolve(list, options->pw, props->pw, &needs.pw, ret_loss));
    TRY(resolve(list, options->node_confirms, props->node_confirms, &needs.node_confirms,
                ret_loss));
    needs.w = cap(needs.w, list->n);
    needs.dw = cap(max_of(needs.dw, 1), list->n);
    needs.pw = cap(needs.pw, list->n);
    if (needs.pw > list->primaries_up)
        return violation(ERR_PW_UNSATISFIED, list->primaries_up, needs.pw, ret_loss);
    if (needs.node_confirms > list->up_count)
        return violation(ERR_INSUFFICIENT_NODES, list->up_count, needs.node_confirms, ret_loss);
    uint32_t most = max_of(needs.w, needs.dw);
    if (most > list->up_count)
        return violation(ERR_INSUFFICIENT_VNODES, list->up_count, most, ret_loss);
    *ret_needs = needs;
    return ERR_OK;
}

static bool tri(enum tristate asked, bool bucket)
{
    return asked == TRI_DEFAULT ? bucket : asked == TRI_TRUE;
}

enum err preflist_get_needs(const struct preflist *list, const struct request_options *options,
                            struct get_needs *ret_needs, struct tally_loss *ret_loss)
{
    const struct props *props = list->props;
    struct get_needs needs = {.basic_quorum = tri(options->basic_quorum, props->basic_quorum),
                              .notfound_ok = tri(options->notfound_ok, props->notfound_ok)};

    TRY(resolve(list, options->r, props->r, &needs.r, ret_loss));
    TRY(resolve(list, options->pr, props->pr, &needs.pr, ret_loss));
    needs.r = cap(max_of(needs.r, 1), list->n);
    needs.pr = cap(needs.pr, list->n);
    /* A read's node_confirms is not checked against n, but against the nodes there are. */
    needs.node_confirms = options->node_confirms;
    if (is_symbol(needs.node_confirms)) {
        uint32_t bucket = options->node_confirms == QUORUM_DEFAULT ? props->node_confirms
                                                                   : options->node_confirms;
        needs.node_confirms = is_symbol(bucket) ? quorum_number(bucket, list->n_val) : bucket;
    }
    if (needs.pr > list->primaries_up)
        return violation(ERR_PR_UNSATISFIED, list->primaries_up, needs.pr, ret_loss);
    if (needs.node_confirms > list->up_count)
        return violation(ERR_INSUFFICIENT_NODES, list->up_count, needs.node_confirms, ret_loss);
    if (needs.r > list->up_count)
        return violation(ERR_INSUFFICIENT_VNODES, list->up_count, needs.r, ret_loss);
    *ret_needs = needs;
    return ERR_OK;
}

int preflist_best(const struct preflist *list, uint64_t salt, uint32_t tried)
{
    int grey = -1;

    if (list->self >= 0 && (tried & 1u << list->self) == 0)
        return list->self;
    for (uint32_t i = 0; i < list->n; i++) {
        uint32_t at = (uint32_t)((salt + i) % list->n);
        bool stands_back = list->hint_for[at] != 0 && list->primaries_up > 0;
        if (!list->up[at] || stands_back || (tried & 1u << at) != 0)
            continue;
        if (!list->grey[at])
            return (int)at;
        grey = (int)at;
    }
    return grey;
}

int preflist_place(const struct preflist *list, uint64_t node)
{
    for (uint32_t i = 0; i < list->n; i++) {
        if (list->nodes[i] == node)
            return (int)i;
    }
    return -1;
}

bool preflist_one_value(const struct preflist *list)
{
    return !list->props->allow_mult || list->props->last_write_wins;
}
