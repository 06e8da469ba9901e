/* SPDX-License-Identifier: Apache-2.0 */
/* Lists, maps and heaps against slow and obvious models of them. */
#include "base/heap.h"
#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/random.h"
#include "tap.h"

enum { THINGS = 200, ROUNDS = 20000 };

struct thing {
    struct list link;
    struct map_node node;
    struct heap_node timer;
    uint64_t key;
    uint64_t order; /* of insertion; 0: outside */
};

TEST(lists)
{
    struct list list;
    struct thing things[5];

    list_init(&list);
    CHECK(list_empty(&list));
    CHECK(list_pop(&list) == NULL);
    for (unsigned i = 0; i < 5; i++) {
        things[i].key = i;
        list_append(&list, &things[i].link);
    }
    list_remove(&things[2].link);
    list_remove(&things[2].link);
    list_insert(&things[1].link, &things[2].link);
    uint64_t seen = 0;
    LIST_EACH(at, &list)
        seen = seen * 10 + CONTAINER_OF(at, struct thing, link)->key;
    CHECK_EQ(seen, 2134);
    seen = 0;
    LIST_EACH_SAFE(at, &list) {
        seen++;
        list_remove(at);
    }
    CHECK_EQ(seen, 5);
    CHECK(list_empty(&list));
    list_append(&list, &things[3].link);
    CHECK(list_pop(&list) == &things[3].link);
    CHECK(list_empty(&list));
}

/* Few hashes, so that many things share one. */
static uint64_t hash_of(uint64_t key)
{
    return key % 37 << 40;
}

static struct thing *map_get(const struct map *map, uint64_t key)
{
    struct map_node *node = map_find(map, hash_of(key));

    for (; node != NULL; node = map_next(node)) {
        struct thing *thing = CONTAINER_OF(node, struct thing, node);
        if (thing->key == key)
            return thing;
    }
    return NULL;
}

TEST(maps_find_what_is_in_them)
{
    struct seed seed = seed_of(7);
    struct random random;
    struct map map;
    struct thing *things = mem_new_array(THINGS, sizeof(*things));
    uint64_t clock = 0;
    size_t count = 0;
    unsigned broken = 0;

    random_init(&random, &seed, 0);
    map_init(&map);
    CHECK(map_find(&map, 5) == NULL);
    CHECK(map_first(&map) == NULL);
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t key = random_below(&random, THINGS);
        struct thing *thing = &things[key];
        broken += map_get(&map, key) != (thing->order != 0 ? thing : NULL);
        thing->key = key;
        if (thing->order != 0) {
            map_remove(&map, &thing->node);
            thing->order = 0;
            count--;
        } else {
            map_add(&map, &thing->node, hash_of(key));
            thing->order = ++clock;
            count++;
        }
        broken += map.count != count;
    }
    uint64_t last = 0;
    size_t visited = 0;
    MAP_EACH(node, &map) {
        struct thing *thing = CONTAINER_OF(node, struct thing, node);
        broken += thing->order <= last;
        last = thing->order;
        visited++;
        map_remove(&map, node);
    }
    CHECK_EQ(visited, count);
    CHECK_EQ(map.count, 0);
    CHECK_EQ(broken, 0);
    map_done(&map);
    mem_free(things);
}

TEST(maps_iterate_in_order_of_insertion)
{
    struct map map;
    struct thing things[100];
    uint64_t at = 0;
    bool right = true;

    map_init(&map);
    for (uint64_t i = 0; i < 100; i++) {
        things[i].key = i;
        map_add(&map, &things[i].node, i * UINT64_C(0x9e3779b97f4a7c15));
    }
    CHECK(map_first(&map) == &things[0].node);
    MAP_EACH(node, &map)
        right = right && CONTAINER_OF(node, struct thing, node)->key == at++;
    CHECK(right);
    CHECK_EQ(at, 100);
    map_done(&map);
    CHECK(map_first(&map) == NULL);
}

/* The smallest by (at, order), found by looking at all. */
static struct thing *slow_peek(struct thing *things)
{
    struct thing *best = NULL;

    for (unsigned i = 0; i < THINGS; i++) {
        struct thing *one = &things[i];
        if (one->order == 0)
            continue;
        if (best == NULL || one->timer.at < best->timer.at ||
            (one->timer.at == best->timer.at && one->order < best->order))
            best = one;
    }
    return best;
}

TEST(heaps_give_the_smallest_first)
{
    struct seed seed = seed_of(8);
    struct random random;
    struct heap heap;
    struct thing *things = mem_new_array(THINGS, sizeof(*things));
    uint64_t clock = 0;
    unsigned broken = 0;

    random_init(&random, &seed, 0);
    heap_init(&heap);
    CHECK(heap_peek(&heap) == NULL);
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct thing *thing = &things[random_below(&random, THINGS)];
        broken += heap_has(&thing->timer) != (thing->order != 0);
        if (random_chance(&random, 1, 3)) {
            heap_remove(&heap, &thing->timer);
            thing->order = 0;
        } else {
            heap_set(&heap, &thing->timer, random_below(&random, 50));
            thing->order = ++clock;
        }
        struct thing *want = slow_peek(things);
        struct heap_node *have = heap_peek(&heap);
        broken += have != (want == NULL ? NULL : &want->timer);
    }
    while (heap_peek(&heap) != NULL) {
        struct thing *want = slow_peek(things);
        broken += heap_peek(&heap) != &want->timer;
        heap_remove(&heap, &want->timer);
        want->order = 0;
    }
    CHECK(slow_peek(things) == NULL);
    CHECK_EQ(broken, 0);
    heap_done(&heap);
    mem_free(things);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(lists),
        T(maps_find_what_is_in_them),
        T(maps_iterate_in_order_of_insertion),
        T(heaps_give_the_smallest_first),
    };
    return tap_main(argc, argv, tests);
}
