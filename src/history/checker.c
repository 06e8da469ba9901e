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
    case FAULT_TWINS: return "two values returned by a bucket that keeps one";
    case FAULT_EXPIRED: return "value returned that had expired";
    }
    UNREACHABLE();
}

static const struct history_key *writes_of(const struct history *h, uint32_t key)
{
    static const struct history_key none = {NULL, 0, 0};

    return key < h->keys_count ? &h->keys[key] : &none;
}

static bool returned(const struct sight *sight, uint32_t id)
{
    for (uint32_t i = 0; i < sight->count; i++) {
        if (sight->ids[i] == id)
            return true;
    }
    return false;
}

struct verdict check_read(const struct history *h, const struct sight *sight)
{
    for (uint32_t i = 0; i < sight->count; i++) {
        uint32_t id = sight->ids[i];
        if (id >= h->count || h->writes[id].key != sight->key || h->writes[id].deleted ||
            h->writes[id].outcome == OUTCOME_NOT_DONE)
            return (struct verdict){FAULT_INVENTED, id, 0};
        if (h->writes[id].gone < sight->asked)
            return (struct verdict){FAULT_EXPIRED, id, 0};
    }
    for (uint32_t i = 0; i < sight->count; i++) {
        for (uint32_t j = 0; j < sight->count; j++) {
            if (history_covers(h, sight->ids[j], sight->ids[i]))
                return (struct verdict){FAULT_FALSE_TWIN, sight->ids[i], sight->ids[j]};
        }
    }
    if (sight->one_value && sight->count > 1)
        return (struct verdict){FAULT_TWINS, sight->ids[0], 0};
    return (struct verdict){FAULT_NONE, 0, 0};
}

/* Whether a write, if it took effect, need not be seen any more: a tombstone never is. */
static bool is_hidden(const struct history_write *write, uint64_t heard)
{
    return write->deleted || write->fades <= heard;
}

/* Which writes of the key, by place, are accounted for: returned, or in the past of one that took
 * effect. What is not returned took effect only if it is accounted for itself; a tombstone is never
 * returned, nor what has expired, so one that may have been written counts. */
static uint8_t *account(const struct history *h, const struct sight *sight)
{
    const struct history_key *own = writes_of(h, sight->key);
    uint8_t *accounted = mem_new(own->count + 1);

    for (uint32_t at = own->count; at-- > 0;) {
        const struct history_write *write = &h->writes[own->writes[at]];
        if (write->outcome == OUTCOME_NOT_DONE ||
            (!is_hidden(write, sight->heard) && !accounted[at] && !returned(sight, write->id)))
            continue;
        accounted[at] = 1;
        for (uint32_t i = 0; i < at; i++)
            accounted[i] |= (uint8_t)history_covers(h, write->id, own->writes[i]);
    }
    return accounted;
}

/* The writes that a judgement is about: acknowledged by so many replicas, before that answer. */
struct known {
    uint64_t answers;
    uint32_t copies;
};

static bool is_known(const struct history_write *write, const struct known *known)
{
    return write->outcome == OUTCOME_DONE && write->copies >= known->copies &&
           write->answered < known->answers;
}

static struct verdict find_lost(const struct history *h, const struct sight *sight,
                                const struct known *known)
{
    const struct history_key *own = writes_of(h, sight->key);
    struct verdict verdict = {FAULT_NONE, 0, 0};
    uint8_t *accounted = account(h, sight);

    for (uint32_t at = 0; at < own->count && verdict.kind == FAULT_NONE; at++) {
        const struct history_write *write = &h->writes[own->writes[at]];
        if (is_known(write, known) && !is_hidden(write, sight->heard) && !accounted[at])
            verdict = (struct verdict){FAULT_LOST, write->id, 0};
    }
    mem_free(accounted);
    return verdict;
}

bool check_must_be_listed(const struct history *h, uint32_t key, uint64_t answers, uint32_t copies,
                          uint64_t heard)
{
    const struct history_key *own = writes_of(h, key);
    const struct known known = {answers, copies};
    bool must = false;

    for (uint32_t at = 0; at < own->count; at++) {
        const struct history_write *write = &h->writes[own->writes[at]];
        if (is_hidden(write, heard) && write->outcome != OUTCOME_NOT_DONE)
            return false;
        must = must || is_known(write, &known);
    }
    return must;
}

bool check_may_not_be_listed(const struct history *h, uint32_t key, uint64_t asked)
{
    const struct history_key *own = writes_of(h, key);

    for (uint32_t at = 0; at < own->count; at++) {
        const struct history_write *write = &h->writes[own->writes[at]];
        if (write->outcome != OUTCOME_NOT_DONE && !write->deleted && write->gone >= asked)
            return false;
    }
    return true;
}

static struct verdict find_nothing(const struct history *h, const struct sight *sight,
                                   const struct known *known)
{
    if (sight->count > 0 ||
        !check_must_be_listed(h, sight->key, known->answers, known->copies, sight->heard))
        return (struct verdict){FAULT_NONE, 0, 0};

    const struct history_key *own = writes_of(h, sight->key);
    ASSERT(own->writes != NULL); /* else nothing had to be there */
    return (struct verdict){FAULT_LOST, own->writes[0], 0};
}

static struct verdict find_stale(const struct history *h, const struct sight *sight,
                                 const struct known *known)
{
    const struct history_key *own = writes_of(h, sight->key);

    for (uint32_t at = 0; at < own->count; at++) {
        const struct history_write *write = &h->writes[own->writes[at]];
        if (!is_known(write, known))
            continue;
        for (uint32_t i = 0; i < sight->count; i++) {
            if (history_covers(h, write->id, sight->ids[i]))
                return (struct verdict){FAULT_STALE, sight->ids[i], write->id};
        }
    }
    return (struct verdict){FAULT_NONE, 0, 0};
}

static struct verdict judge(const struct history *h, const struct sight *sight,
                            const struct known *known)
{
    struct verdict verdict = check_read(h, sight);

    if (verdict.kind == FAULT_NONE)
        verdict = sight->one_value ? find_nothing(h, sight, known) : find_lost(h, sight, known);
    if (verdict.kind == FAULT_NONE)
        verdict = find_stale(h, sight, known);
    return verdict;
}

struct verdict check_quorum_read(const struct history *h, const struct sight *sight,
                                 uint64_t answers, uint32_t r, uint32_t n)
{
    const struct known known = {answers, r > n ? 1 : n - r + 1};

    ASSERT(r > 0);
    return judge(h, sight, &known);
}

struct verdict check_final(const struct history *h, const struct sight *sight)
{
    const struct known known = {UINT64_MAX, 0};

    return judge(h, sight, &known);
}
