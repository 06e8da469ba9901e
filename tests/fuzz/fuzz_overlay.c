/* SPDX-License-Identifier: Apache-2.0 */
/* Overlays of properties. The first byte says what is set, and the second how long the overlay
 * below is; then that overlay, then the one to be set. What decodes encodes to the same bytes. */
#include "base/check.h"
#include "model/key.h"
#include "model/overlay.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool valid(struct arena *arena, struct bytes overlay)
{
    const struct prop *props;
    struct bytes again;
    uint32_t count;

    if (overlay_decode(arena, overlay, &props, &count) != ERR_OK)
        return false;
    ASSERT(count <= OVERLAY_PROPS_MAX);
    ASSERT(overlay_encode(arena, props, count, &again) == ERR_OK);
    ASSERT(bytes_eq(overlay, again));
    return true;
}

/* Both overlays over the defaults, by the bytes and by the list that is shown. */
static void check_effect(struct arena *arena, struct bytes type, struct bytes under,
                         struct bytes over)
{
    struct props one_by_one = props_default(!bytes_eq(type, TYPE_DEFAULT));
    struct props at_once = one_by_one;
    const struct prop *shown;
    struct bytes merged;

    uint32_t count =
        overlay_effective(arena, type, BYTES_LIT("b"), under, over, true, BYTES_LIT("n"), &shown);
    for (uint32_t i = 1; i < count; i++)
        ASSERT(bytes_cmp(shown[i - 1].name, shown[i].name) <= 0);
    overlay_apply(&one_by_one, under);
    overlay_apply(&one_by_one, over);
    if (overlay_merge(arena, under, over, &merged) != ERR_OK)
        return;
    ASSERT(valid(arena, merged));
    overlay_apply(&at_once, merged);
    /* A value of the wrong kind hides the right one below it: only a mistake would set it. */
    const struct prop_fault *faults;
    if (overlay_faults(arena, over, under, TARGET_BUCKET, true, &faults) == 0)
        ASSERT(at_once.n_val == one_by_one.n_val);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct prop_fault *faults;
    struct arena arena;

    if (size < 2)
        return 0;
    arena_init(&arena);
    struct bytes rest = bytes_of(data + 2, size - 2);
    struct bytes under = bytes_sub(rest, 0, data[1]);
    struct bytes over = bytes_sub(rest, data[1], rest.len);
    enum overlay_target target = (enum overlay_target)(data[0] % 3);
    uint32_t count = overlay_faults(&arena, over, under, target, data[0] & 4, &faults);
    for (uint32_t i = 0; i < count; i++)
        ASSERT(faults[i].reason.len > 0);
    if (valid(&arena, under) && valid(&arena, over))
        check_effect(&arena, data[0] & 8 ? TYPE_DEFAULT : BYTES_LIT("t"), under, over);
    arena_done(&arena);
    return 0;
}
