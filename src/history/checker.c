/* SPDX-License-Identifier: Apache-2.0 */
#include "history/checker.h"

#include "base/check.h"
#include "base/mem.h"

const char *fault_name(enum fault_kind kind)
{
    switch (kind) {
    case FAULT_NONE: return "none";
    case FAULT_LOST: return "acknowledged write lost";
    case FAULT_STALE: return "value returned that an acknowledged write covers";
    case FAULT_FALSE_TWIN: return "two values returned of which one covers the other";
    case FAULT_INVENTED: return "value returned that nobody wrote there";
    }
    UNREACHABLE();
}

/* Contexts name older writes only, so numbers grow along happened-before. One pass from `late` down
 * marks its whole past. */
static void mark_past(const struct history *h, uint32_t late, uint8_t *marks)
{
    memset(marks, 0, h->count);
    for (uint32_t i = 0; i < h->writes[late].seen_count; i++)
        marks[h->writes[late].seen[i]] = 1;
    for (uint32_t id = late; id-- > 0;) {
        if (!marks[id])
            continue;
        for (uint32_t i = 0; i < h->writes[id].seen_count; i++)
            marks[h->writes[id].seen[i]] = 1;
    }
}

static bool among(const uint32_t *ids, uint32_t count, uint32_t id)
{
    for (uint32_t i = 0; i < count; i++) {
        if (ids[i] == id)
            return true;
    }
    return false;
}

struct verdict check_read(const struct history *h, uint32_t key, const uint32_t *ids,
                          uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (ids[i] >= h->count || h->writes[ids[i]].key != key || h->writes[ids[i]].deleted ||
            h->writes[ids[i]].outcome == OUTCOME_NOT_DONE)
            return (struct verdict){FAULT_INVENTED, ids[i], 0};
    }
    return (struct verdict){FAULT_NONE, 0, 0};
}

/* Which writes of the key are accounted for: returned, or in the past of one that took effect. What
 * is not returned took effect only if it is accounted for itself; a tombstone is never returned, so
 * one that may have been written counts. */
static void account(const struct history *h, uint32_t key, const uint32_t *ids, uint32_t count,
                    uint8_t *accounted, uint8_t *past)
{
    memset(accounted, 0, h->count);
    for (uint32_t id = h->count; id-- > 0;) {
        const struct history_write *write = &h->writes[id];
        if (write->key != key || write->outcome == OUTCOME_NOT_DONE)
            continue;
        if (!write->deleted && !accounted[id] && !among(ids, count, id))
            continue;
        accounted[id] = 1;
        mark_past(h, id, past);
        for (uint32_t i = 0; i < id; i++)
            accounted[i] = accounted[i] || past[i];
    }
}

static struct verdict check_maximal(const struct history *h, uint32_t key, const uint32_t *ids,
                                    uint32_t count, uint8_t *past)
{
    for (uint32_t id = 0; id < h->count; id++) {
        const struct history_write *write = &h->writes[id];
        bool returned = among(ids, count, id);
        if (write->key != key || (write->outcome != OUTCOME_DONE && !returned))
            continue;
        mark_past(h, id, past);
        for (uint32_t i = 0; i < count; i++) {
            if (!past[ids[i]])
                continue;
            return (struct verdict){returned ? FAULT_FALSE_TWIN : FAULT_STALE, ids[i], id};
        }
    }
    return (struct verdict){FAULT_NONE, 0, 0};
}

struct verdict check_final(const struct history *h, uint32_t key, const uint32_t *ids,
                           uint32_t count)
{
    struct verdict verdict = check_read(h, key, ids, count);

    if (verdict.kind != FAULT_NONE || h->count == 0)
        return verdict;
    uint8_t *accounted = mem_new(h->count);
    uint8_t *past = mem_new(h->count);
    account(h, key, ids, count, accounted, past);
    for (uint32_t id = 0; id < h->count && verdict.kind == FAULT_NONE; id++) {
        const struct history_write *write = &h->writes[id];
        if (write->key == key && write->outcome == OUTCOME_DONE && !write->deleted &&
            !accounted[id])
            verdict = (struct verdict){FAULT_LOST, id, 0};
    }
    if (verdict.kind == FAULT_NONE)
        verdict = check_maximal(h, key, ids, count, past);
    mem_free(accounted);
    mem_free(past);
    return verdict;
}

struct verdict check_final_single(const struct history *h, uint32_t key, const uint32_t *ids,
                                  uint32_t count)
{
    struct verdict verdict = check_read(h, key, ids, count);
    bool deleted = false;

    if (verdict.kind != FAULT_NONE || count > 0)
        return verdict;
    for (uint32_t id = 0; id < h->count; id++)
        deleted = deleted || (h->writes[id].key == key && h->writes[id].deleted &&
                              h->writes[id].outcome != OUTCOME_NOT_DONE);
    for (uint32_t id = 0; id < h->count && !deleted; id++) {
        if (h->writes[id].key == key && h->writes[id].outcome == OUTCOME_DONE)
            return (struct verdict){FAULT_LOST, id, 0};
    }
    return verdict;
}
