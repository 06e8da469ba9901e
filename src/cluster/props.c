/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/props.h"

#include "base/check.h"
#include "cluster/plan.h"
#include "model/draft.h"
#include "model/key.h"
#include "model/overlay.h"

/* Overlays of a type are over the defaults of types that operators made, or of "default". */
static bool created(struct bytes type)
{
    return !bytes_eq(type, TYPE_DEFAULT);
}

static enum err check(struct arena *arena, struct bytes type, struct bytes overlay,
                      struct bytes under, enum overlay_target target, struct buf *why)
{
    const struct prop_fault *faults;
    bool dvv = props_default(created(type)).dvv_enabled;
    uint32_t count = overlay_faults(arena, overlay, under, target, dvv, &faults);

    if (count == 0)
        return ERR_OK;
    buf_put(why, faults[0].name);
    buf_put_str(why, ": ");
    buf_put(why, faults[0].reason);
    return ERR_BAD_PROPERTY;
}

/* The answer names the type. */
static enum err no_type(struct bytes type, struct buf *why)
{
    buf_put(why, type);
    return ERR_NO_TYPE;
}

static enum err set_bucket(struct document *draft, struct bytes type, struct bytes bucket,
                           struct bytes overlay, struct buf *why)
{
    const struct bucket_type *of = document_type(draft, type);
    const struct bucket_override *own = document_override(draft, type, bucket);
    struct bytes under, merged;

    if (of == NULL || !of->active)
        return no_type(type, why);
    struct bytes before = own == NULL ? BYTES_NONE : own->overlay;
    TRY(overlay_merge(&draft->arena, of->overlay, before, &under));
    TRY(check(&draft->arena, type, overlay, under, TARGET_BUCKET, why));
    TRY(overlay_merge(&draft->arena, before, overlay, &merged));
    return draft_set_bucket(draft, type, bucket, merged);
}

static enum err set_type(struct document *draft, struct bytes type, struct bytes overlay,
                         struct buf *why)
{
    const struct bucket_type *of = document_type(draft, type);
    struct bytes merged;

    if (of == NULL)
        return no_type(type, why);
    if (!of->active)
        return ERR_NOT_ACTIVE;
    TRY(check(&draft->arena, type, overlay, of->overlay, TARGET_OLD_TYPE, why));
    TRY(overlay_merge(&draft->arena, of->overlay, overlay, &merged));
    return draft_set_type(draft, type, true, merged);
}

static enum err create_type(struct document *draft, struct bytes type, struct bytes overlay,
                            struct buf *why)
{
    const struct bucket_type *of = document_type(draft, type);

    if (of != NULL && of->active) {
        buf_put_str(why, "the type is active already: it can only be updated");
        return ERR_REFUSED;
    }
    if (type.len == 0 || type.len > TYPE_BYTES_MAX) {
        buf_put_str(why, "name: not_valid");
        return ERR_BAD_PROPERTY;
    }
    TRY(check(&draft->arena, type, overlay, BYTES_NONE, TARGET_NEW_TYPE, why));
    return draft_set_type(draft, type, false, overlay);
}

static enum err activate_type(struct document *draft, struct bytes type, struct buf *why)
{
    const struct bucket_type *of = document_type(draft, type);

    if (of == NULL)
        return no_type(type, why);
    return draft_set_type(draft, type, true, of->overlay);
}

static enum err apply(struct document *draft, enum props_verb verb, struct bytes type,
                      struct bytes bucket, struct bytes overlay, struct buf *why)
{
    switch (verb) {
    case PROPS_SET_BUCKET: return set_bucket(draft, type, bucket, overlay, why);
    case PROPS_RESET_BUCKET:
        if (document_type(draft, type) == NULL)
            return no_type(type, why);
        return draft_set_bucket(draft, type, bucket, BYTES_NONE);
    case PROPS_SET_TYPE: return set_type(draft, type, overlay, why);
    case PROPS_CREATE_TYPE: return create_type(draft, type, overlay, why);
    case PROPS_ACTIVATE_TYPE: return activate_type(draft, type, why);
    }
    UNREACHABLE();
}

enum err props_apply(struct document *draft, enum props_verb verb, struct bytes type,
                     struct bytes bucket, struct bytes overlay, struct buf *why)
{
    struct arena arena;

    if (overlay.len > OVERLAY_BYTES_MAX)
        return ERR_TOO_LARGE;
    TRY(apply(draft, verb, type, bucket, overlay, why));
    /* More replicas than any list has places for: the lists shall grow. */
    uint32_t n = plan_replicas(draft);
    if (n > draft->n_max) {
        arena_init(&arena);
        plan_widen(&arena, draft, n);
        arena_done(&arena);
    }
    return ERR_OK;
}
