/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/keys.h"

#include "base/check.h"
#include "sim/node.h"

enum { LATE_EVERY = 5 };

bool key_one_value(const struct world *w, uint32_t key)
{
    return key >= w->params.keys - w->params.keys / 4;
}

bool key_late(const struct world *w, uint32_t key)
{
    return w->params.opens && !key_one_value(w, key) && key % LATE_EVERY == LATE_EVERY - 1;
}

bool key_brief(const struct world *w, uint32_t key)
{
    return w->params.expires && !key_one_value(w, key) && !key_late(w, key) &&
           key % 2 == w->params.brief_odd;
}

struct bytes key_bucket(const struct world *w, uint32_t key)
{
    if (key_late(w, key))
        return BUCKET_LATE;
    if (key_brief(w, key))
        return BUCKET_BRIEF;
    return key_one_value(w, key) ? BUCKET_SINGLE : BUCKET_TWINS;
}

bool key_late_known(const struct sim_node *node)
{
    const struct document *document = node_up(node) ? shard_view(node->shard)->document : NULL;

    if (document == NULL)
        return false;
    const struct props *props = document_props(document, TYPE_DEFAULT, BUCKET_LATE);
    return props != NULL && props->allow_mult;
}

struct bytes key_name(uint32_t key, char name[KEY_NAME_BYTES])
{
    snprintf(name, KEY_NAME_BYTES, "k%u", key);
    return bytes_str(name);
}

bool key_of_name(const struct world *w, struct bytes bucket, struct bytes name, uint32_t *ret_key)
{
    uint64_t number;

    if (name.len < 2 || name.data[0] != 'k' ||
        !bytes_to_u64(bytes_sub(name, 1, name.len), &number) || number >= w->params.keys ||
        !bytes_eq(bucket, key_bucket(w, (uint32_t)number)))
        return false;
    *ret_key = (uint32_t)number;
    return true;
}

uint32_t key_replicas(const struct world *w, const struct sim_node *node, uint32_t key)
{
    const struct view *view = shard_view(node->shard);
    uint16_t replicas[RING_REPLICAS_MAX];
    char name[KEY_NAME_BYTES];

    ASSERT(view->document != NULL);
    uint32_t slot = ring_slot(&view->ring, TYPE_DEFAULT, key_bucket(w, key), key_name(key, name));
    return ring_replicas(&view->ring, ring_partition(&view->ring, slot), SIM_N_VAL, replicas);
}

bool key_sight(struct world *w, uint32_t key, uint64_t asked_us, const struct answer *answer,
               uint32_t ids[ANSWER_VALUES_MAX], struct sight *ret_sight)
{
    *ret_sight = (struct sight){key, key_one_value(w, key), ids, 0, asked_us, w->now_us};
    for (uint32_t i = 0; i < answer->count; i++) {
        uint32_t id, of;
        if (answer->deleted[i])
            continue;
        if (!value_read(answer->values[i], &id, &of) || of != key) {
            world_fail(w, "a value of key %u was read that nobody wrote", key);
            return false;
        }
        ids[ret_sight->count++] = id;
    }
    return true;
}
