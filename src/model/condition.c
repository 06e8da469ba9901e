/* SPDX-License-Identifier: Apache-2.0 */
#include "model/condition.h"

#include "base/check.h"

enum { US_PER_S = 1000000 };

bool condition_any(const struct condition *condition)
{
    return condition->if_none_match_any || condition->if_not_modified || condition->if_match_any ||
           condition->if_match_count > 0 || condition->if_none_match_count > 0 ||
           condition->if_unmodified_since_s > 0;
}

static bool tag_among(struct bytes tag, const struct bytes *tags, uint32_t count)
{
    ASSERT(count == 0 || tags != NULL);
    for (uint32_t i = 0; i < count; i++) {
        if (bytes_eq(tags[i], tag))
            return true;
    }
    return false;
}

/* The conditions when nothing is there: all that ask for an object fail, the others hold. */
static enum err absent_holds(const struct condition *condition)
{
    if (condition->if_match_any || condition->if_match_count > 0)
        return ERR_PRECONDITION;
    return condition->if_not_modified ? ERR_NOT_FOUND : ERR_OK;
}

enum err condition_holds(const struct condition *condition, const struct object *object)
{
    ASSERT(clock_valid(condition->context));
    if (object == NULL || object_deleted(object))
        return absent_holds(condition);

    char text[VTAG_BYTES_MAX];
    struct bytes tag = object_etag(object, text);
    ASSERT(tag.len > 0);
    if (condition->if_match_count > 0 &&
        !tag_among(tag, condition->if_match, condition->if_match_count))
        return ERR_PRECONDITION;
    if (condition->if_unmodified_since_s > 0 &&
        object_hlc_us(object) / US_PER_S > condition->if_unmodified_since_s)
        return ERR_PRECONDITION;
    if (tag_among(tag, condition->if_none_match, condition->if_none_match_count))
        return ERR_PRECONDITION;
    if (condition->if_none_match_any)
        return ERR_MATCH_FOUND;
    if (condition->if_not_modified &&
        clock_compare(condition->context, object->clock) != CLOCK_EQUAL)
        return ERR_MODIFIED;
    return ERR_OK;
}

static const struct bytes *tags_copy(struct arena *arena, const struct bytes *tags, uint32_t count)
{
    struct bytes *copy = arena_alloc_array(arena, count, sizeof(*copy));

    for (uint32_t i = 0; i < count; i++)
        copy[i] = arena_copy(arena, tags[i]);
    return copy;
}

struct condition condition_copy(struct arena *arena, const struct condition *condition)
{
    struct condition copy = *condition;

    copy.context = clock_copy(arena, condition->context);
    copy.if_match = tags_copy(arena, condition->if_match, condition->if_match_count);
    copy.if_none_match = tags_copy(arena, condition->if_none_match, condition->if_none_match_count);
    return copy;
}
