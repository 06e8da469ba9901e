/* SPDX-License-Identifier: Apache-2.0 */
/* What a node lacks because this one could not keep it: a bit in the sum of its hints, which lasts
 * until the node has said that it compares its replicas. Where the objects are this node does not
 * know; the other replicas have them. */
#include "base/check.h"
#include "kv/limits.h"
#include "kv/vnode_int.h"

static void lacks_nothing(struct hints *h, struct outbox *out)
{
    ASSERT(h->sum.lacking);
    h->sum.lacking = false;
    h->lack = 0;
    hints_store_sum(h, out);
}

uint64_t vnodes_lack_due(struct vnodes *vs, const struct view *view, uint64_t now_us,
                         struct outbox *out, uint64_t *ret_token)
{
    MAP_EACH(node, &vs->hints) {
        struct hints *h = CONTAINER_OF(node, struct hints, node);
        if (!h->sum.lacking || h->tell_us > now_us)
            continue;
        uint16_t at = view_index(view, h->target);
        if (at == RING_NOBODY) {
            lacks_nothing(h, out);
            continue;
        }
        if (!view->members[at].up) {
            h->tell_us = UINT64_MAX;
            continue;
        }
        h->tell_us = now_us + (uint64_t)LACK_AGAIN_MS * 1000;
        if (h->lack == 0)
            h->lack = random_u64(&vs->random) | 1;
        outbox_trace(out, TRACE_LACKS, h->target, 0, 0);
        *ret_token = h->lack;
        return h->target;
    }
    return 0;
}

uint64_t vnodes_lack_deadline_us(const struct vnodes *vs)
{
    uint64_t at = UINT64_MAX;

    MAP_EACH(node, &vs->hints) {
        const struct hints *h = CONTAINER_OF(node, struct hints, node);
        if (h->sum.lacking && h->tell_us < at)
            at = h->tell_us;
    }
    return at;
}

void vnodes_lack_heard(struct vnodes *vs, uint64_t node, const struct peer_heard *heard,
                       struct outbox *out)
{
    struct map_node *found = map_find(&vs->hints, node);
    struct hints *h = found == NULL ? NULL : CONTAINER_OF(found, struct hints, node);

    ASSERT(node != 0);
    /* Another lack than the one that was told of is told of again. */
    if (h == NULL || !h->sum.lacking || h->lack == 0 || heard->token != h->lack)
        outbox_trace(out, TRACE_STALE_REPLY, 0, 0, 0);
    else if (heard->err == ERR_OK)
        lacks_nothing(h, out);
}
