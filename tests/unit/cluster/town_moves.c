/* SPDX-License-Identifier: Apache-2.0 */
#include "model/moves.h"
#include "town.h"

static bool in_list(const uint16_t *list, uint32_t n, uint16_t index)
{
    bool found = false;

    for (uint32_t i = 0; i < n; i++)
        found = found || list[i] == index;
    return found;
}

void town_move(struct house *house)
{
    const struct view *view = cluster_view(house->cluster);
    const struct document *d = view->document;
    uint16_t self = view->self_index;

    house->moved_count = 0;
    for (uint32_t p = 0; d != NULL && self != RING_NOBODY && p < d->partitions; p++) {
        struct move next = move_next(d, p);
        size_t at = (size_t)p * d->n_max;
        if (next.kind == MOVE_ONE && next.to == self) {
            uint64_t from = next.from == MOVE_NOBODY ? 0 : d->members[next.from].id;
            house->moved[house->moved_count++] =
                (struct moved){p, next.place, from, d->members[self].id};
            house->holds[p / 8] |= (uint8_t)(house->holds_any ? 1u << p % 8 : 0);
        } else if (!in_list(d->place + at, d->n_max, self) &&
                   !in_list(d->goal + at, d->n_max, self)) {
            house->holds[p / 8] &= (uint8_t) ~(1u << p % 8);
        }
    }
    house->holds_any = false;
    for (uint32_t i = 0; i < sizeof(house->holds); i++)
        house->holds_any = house->holds_any || house->holds[i] != 0;
}
