/* SPDX-License-Identifier: Apache-2.0 */
/* When rows whose history has ended are looked for. The earliest end of those that stay is known:
 * it is noted as rows are met by a pass, and as they are written. So a store in which nothing
 * expires is passed through once, after the start. */
#include "base/check.h"
#include "kv/limits.h"
#include "kv/vnode_int.h"
#include "model/expiry.h"

static uint64_t mono_after(const struct event *ev, uint32_t wait_ms)
{
    return ev->mono_us + (uint64_t)wait_ms * 1000;
}

static uint32_t first_ms(const struct config *config)
{
    return config->expiry_interval_ms < EXPIRE_FIRST_MS ? config->expiry_interval_ms
                                                        : EXPIRE_FIRST_MS;
}

void ends_note(struct vnodes *vs, uint64_t ends_us)
{
    if (ends_us != 0 && ends_us < vs->ends.next_us)
        vs->ends.next_us = ends_us;
}

uint64_t vnodes_removal_us(const struct vnodes *vs, const struct event *ev)
{
    const struct config *config = vs->config;

    return expiry_cutoff_us(ev->wall_us, config->expiry_skew_ms + config->expiry_grace_ms);
}

bool vnodes_expire_due(struct vnodes *vs, const struct event *ev)
{
    struct ends *ends = &vs->ends;
    uint64_t cutoff_us = vnodes_removal_us(vs, ev);

    if (ends->passing || ends->rest_until_us > ev->mono_us)
        return false;
    if (ends->rest_until_us == 0) {
        ends->rest_until_us = mono_after(ev, first_ms(vs->config));
        return false;
    }
    if (ends->next_us <= cutoff_us)
        return true;
    /* The wall clock may be set meanwhile: it is asked again and again. */
    ends->rest_until_us = mono_after(ev, vs->config->expiry_interval_ms);
    if (ends->next_us - cutoff_us < ends->rest_until_us - ev->mono_us)
        ends->rest_until_us = ev->mono_us + (ends->next_us - cutoff_us);
    return false;
}

uint64_t vnodes_expire_deadline_us(const struct vnodes *vs)
{
    bool nothing = vs->ends.next_us == UINT64_MAX;

    return vs->ends.passing || nothing ? UINT64_MAX : vs->ends.rest_until_us;
}

void vnodes_expire_begin(struct vnodes *vs)
{
    ASSERT(!vs->ends.passing);
    vs->ends.passing = true;
    vs->ends.next_us = UINT64_MAX;
}

void vnodes_expire_met(struct vnodes *vs, uint64_t ends_us)
{
    ASSERT(vs->ends.passing);
    ends_note(vs, ends_us);
}

void vnodes_expire_end(struct vnodes *vs, bool whole, const struct event *ev)
{
    ASSERT(vs->ends.passing);
    vs->ends.passing = false;
    vs->ends.rest_until_us = mono_after(ev, vs->config->expiry_interval_ms);
    if (!whole)
        vs->ends.next_us = 0;
}
