/* SPDX-License-Identifier: Apache-2.0 */
/* What is still to be moved: a pure function of who answers for a partition (`place`) and who shall
 * (`goal`), so that all nodes agree on it without a word, and nobody directs.
 *
 * A partition changes by one place at a time: at most one replica of a key is in motion. Places of
 * nobody, and of members that are gone for good, come first, for they lack a copy; then those whose
 * change leaves no two replicas in one location. When the list has all the members that it shall
 * have, and only then, it becomes the goal as a whole: who is left over goes, and the order is put
 * right. */
#ifndef MODEL_MOVES_H
#define MODEL_MOVES_H

#include "model/document.h"

enum { MOVE_NOBODY = 0xffff };

enum move_kind {
    MOVE_NONE, /* the list is as it shall be */
    MOVE_ONE,  /* `to` takes over `place` from `from` */
    MOVE_LIST, /* no data has to move: the list may become the goal at once */
};

struct move {
    enum move_kind kind;
    uint32_t place;
    uint16_t
        from; /* index of a member that serves; MOVE_NOBODY: the copy is made from the others */
    uint16_t to;
};

/* What the partition's next step is. */
struct move move_next(const struct document *document, uint32_t partition);

/* How many partitions are not as they shall be. */
uint32_t moves_count(const struct document *document);

/* A move of this draft is done: `to` answers for the place from now on. False, and nothing is
 * changed, when it is not the partition's next step. */
bool moves_done(struct document *draft, uint32_t partition, const struct move *move);

/* Makes every list that has all its members the goal, and forgets members that are gone for good
 * and named no more. */
void moves_settle(struct document *draft);

#endif
