/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/edit.h"

#include "base/check.h"
#include "cluster/plan.h"
#include "cluster/props.h"
#include "model/draft.h"
#include "model/moves.h"
#include "record/document.h"

struct edit edit_copy(struct arena *arena, const struct edit *edit)
{
    struct edit copy = *edit;
    struct intent *intents = arena_alloc_array(arena, edit->intents_count, sizeof(*intents));

    copy.type = arena_copy(arena, edit->type);
    copy.bucket = arena_copy(arena, edit->bucket);
    copy.overlay = arena_copy(arena, edit->overlay);
    copy.name = arena_copy(arena, edit->name);
    copy.address = arena_copy(arena, edit->address);
    for (uint32_t i = 0; i < edit->intents_count; i++) {
        intents[i] = edit->intents[i];
        intents[i].name = arena_copy(arena, intents[i].name);
        intents[i].address = arena_copy(arena, intents[i].address);
        intents[i].location = arena_copy(arena, intents[i].location);
    }
    copy.intents = intents;
    struct moved *moved = arena_alloc_array(arena, edit->moved_count, sizeof(*moved));
    if (edit->moved_count > 0)
        memcpy(moved, edit->moved, edit->moved_count * sizeof(*moved));
    copy.moved = moved;
    return copy;
}

static enum err apply_prepare(const struct edit *edit, const struct document *base,
                              struct document *draft, struct buf *why)
{
    ASSERT(edit->plan != 0);
    if (base->preparing != 0 && base->preparing != edit->plan) {
        buf_put_str(why, "another plan is being committed");
        return ERR_BUSY;
    }
    if (plan_base(base) != edit->base)
        return ERR_STALE;
    draft->preparing = edit->plan;
    return ERR_OK;
}

static uint16_t index_of(const struct document *d, uint64_t node)
{
    int at = node == 0 ? -1 : document_member(d, node);

    return at < 0 ? MOVE_NOBODY : (uint16_t)at;
}

/* Who took a place over is in the list; who has none any more, and is gone for good, is forgotten.
 * One who serves may be named as nobody: it was gone for good when the move began. */
static void apply_moved(const struct edit *edit, struct document *draft)
{
    for (uint32_t i = 0; i < edit->moved_count; i++) {
        const struct moved *moved = &edit->moved[i];
        struct move move = {
            .kind = MOVE_ONE,
            .place = moved->place,
            .from = index_of(draft, moved->from),
            .to = index_of(draft, moved->to),
        };
        if (moved->partition < draft->partitions && move.to != MOVE_NOBODY)
            (void)moves_done(draft, moved->partition, &move);
    }
    moves_settle(draft);
}

static void apply_depart(const struct edit *edit, struct document *draft)
{
    uint16_t at = index_of(draft, edit->node);
    struct member member;

    if (at == MOVE_NOBODY || draft->members[at].state != MEMBER_LEAVING)
        return;
    member = draft->members[at];
    member.state = MEMBER_REMOVED;
    draft_set_member(draft, at, &member);
    moves_settle(draft);
}

/* The plan is made again, from the document that it is applied to. */
static enum err apply_switch(const struct edit *edit, const struct document *base,
                             struct document **draft)
{
    struct arena arena;
    struct plan plan;
    enum err err = ERR_STALE;

    arena_init(&arena);
    plan_make(&arena, base, edit->intents, edit->intents_count, &plan);
    /* Who joins has said that it is empty, and waits; and so have all where nothing has to move. */
    bool behind = base->preparing == edit->plan || (plan.joiners_count == 0 && !edit->at_once);
    if (plan.id == edit->plan && plan.base == edit->base && behind) {
        ASSERT(plan.next->epoch == base->epoch + 1);
        ASSERT(plan.next->preparing == 0);
        if (edit->at_once)
            plan_at_once(&arena, plan.next);
        document_free(*draft);
        *draft = plan.next;
        plan.next = NULL;
        err = ERR_OK;
    }
    plan_done(&plan);
    arena_done(&arena);
    return err;
}

static enum err apply_self(const struct edit *edit, struct document *draft, struct buf *why)
{
    uint16_t at = index_of(draft, edit->node);

    if (at == MOVE_NOBODY)
        return ERR_NOT_FOUND;
    for (uint32_t i = 0; i < draft->members_count; i++) {
        const struct member *other = &draft->members[i];
        if (i == at)
            continue;
        if (bytes_eq(other->name, edit->name) || bytes_eq(other->address, edit->address)) {
            buf_put_str(why, "another member has this name or address");
            return ERR_REFUSED;
        }
    }
    struct member member = draft->members[at];
    member.name = edit->name;
    member.address = edit->address;
    draft_set_member(draft, at, &member);
    return ERR_OK;
}

static enum err apply(const struct edit *edit, const struct document *base, struct document **draft,
                      struct buf *why)
{
    switch (edit->kind) {
    case EDIT_PROPS:
        return props_apply(*draft, edit->verb, edit->type, edit->bucket, edit->overlay, why);
    case EDIT_PREPARE: return apply_prepare(edit, base, *draft, why);
    case EDIT_SWITCH: return apply_switch(edit, base, draft);
    case EDIT_CANCEL:
        if (base->preparing == edit->plan)
            (*draft)->preparing = 0;
        return ERR_OK;
    case EDIT_MOVED: apply_moved(edit, *draft); return ERR_OK;
    case EDIT_DEPART: apply_depart(edit, *draft); return ERR_OK;
    case EDIT_SELF: return apply_self(edit, *draft, why);
    case EDIT_RESOLVE: return ERR_OK;
    }
    UNREACHABLE();
}

static bool same_content(const struct document *a, const struct document *b)
{
    for (unsigned i = 0; i < DOCUMENT_SECTIONS; i++) {
        if (a->section_hash[i] != b->section_hash[i])
            return false;
    }
    return true;
}

enum err edit_apply(const struct edit *edit, const struct document *base,
                    struct document **ret_next, struct buf *why)
{
    struct document *draft = draft_next(base);
    enum err err = apply(edit, base, &draft, why);

    if (err == ERR_OK) {
        ASSERT(draft->epoch == base->epoch + 1);
        document_seal(draft);
    }
    if (err != ERR_OK || same_content(draft, base)) {
        document_free(draft);
        draft = NULL;
    }
    if (err == ERR_OK)
        *ret_next = draft;
    return err;
}
