/* SPDX-License-Identifier: Apache-2.0 */
#include "base/nearest.h"

#include "base/check.h"

enum { NEAREST_PART_DISTANCE = 2 }; /* of a name of which a part was written */

static uint32_t least_of(uint32_t a, uint32_t b, uint32_t c)
{
    uint32_t least = a < b ? a : b;

    return least < c ? least : c;
}

/* Insertions, deletions and replacements of one byte that lead from one word to the other
 * (Levenshtein, 1966). */
static uint32_t edit_distance(struct bytes a, struct bytes b)
{
    uint32_t row[NEAREST_BYTES_MAX + 1];

    ASSERT(a.len <= NEAREST_BYTES_MAX);
    ASSERT(b.len <= NEAREST_BYTES_MAX);
    for (uint32_t j = 0; j <= b.len; j++)
        row[j] = j;
    for (uint32_t i = 1; i <= a.len; i++) {
        uint32_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            uint32_t above = row[j];
            row[j] =
                least_of(above + 1, row[j - 1] + 1, diagonal + (a.data[i - 1] != b.data[j - 1]));
            diagonal = above;
        }
    }
    return row[b.len];
}

/* Whether `wanted` is the begin of the name or its last part after a dot. */
static bool is_part(struct bytes wanted, struct bytes name)
{
    if (wanted.len < 2 || wanted.len > name.len)
        return false;
    size_t rest = name.len - wanted.len;
    return bytes_starts(name, wanted) || (rest > 0 && name.data[rest - 1] == '.' &&
                                          bytes_eq(bytes_sub(name, rest, wanted.len), wanted));
}

void nearest_init(struct nearest *nearest, struct bytes wanted)
{
    *nearest = (struct nearest){.wanted = wanted};
}

void nearest_offer(struct nearest *nearest, struct bytes name)
{
    if (nearest->wanted.len > NEAREST_BYTES_MAX || name.len > NEAREST_BYTES_MAX)
        return;
    uint32_t distance = edit_distance(nearest->wanted, name);
    if (is_part(nearest->wanted, name))
        distance = distance < NEAREST_PART_DISTANCE ? distance : NEAREST_PART_DISTANCE;
    else if (distance > 1 + name.len / 3)
        return;
    if (nearest->best.len == 0 || distance < nearest->distance) {
        nearest->best = name;
        nearest->distance = distance;
    }
}
