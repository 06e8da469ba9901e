/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/direct.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"

enum { STEP_US = 1000 };

struct direct {
    struct caller caller;
    struct arena arena; /* of the answer */
    struct answer answer;
    bool answered;
};

/* Adds what came to what came before. */
static void keep(struct direct *d, const struct answer *answer)
{
    struct answer *own = &d->answer;

    own->failed = answer->failed;
    own->not_found = answer->not_found;
    own->big_vclock = answer->big_vclock;
    own->status = answer->status;
    own->error = arena_copy(&d->arena, answer->error);
    own->vclock = arena_copy(&d->arena, answer->vclock);
    own->body = arena_copy(&d->arena, answer->body);
    own->count = answer->count;
    for (uint32_t i = 0; i < answer->count; i++) {
        own->values[i] = arena_copy(&d->arena, answer->values[i]);
        own->deleted[i] = answer->deleted[i];
    }
    for (uint32_t i = 0; i < answer->names_count; i++) {
        ASSERT(own->names_count < ANSWER_NAMES_MAX);
        own->names[own->names_count++] = arena_copy(&d->arena, answer->names[i]);
    }
}

static void heard(struct world *w, struct caller *caller, void *note, const struct answer *answer)
{
    struct direct *d = CONTAINER_OF(caller, struct direct, caller);

    (void)w;
    (void)note;
    if (answer == NULL)
        return;
    keep(d, answer);
    d->answered = !answer->more;
}

struct direct *direct_new(struct world *w)
{
    struct direct *d = mem_new(sizeof(*d));

    (void)w;
    caller_init(&d->caller, "judge", 0, heard);
    arena_init(&d->arena);
    return d;
}

void direct_free(struct world *w, struct direct *d)
{
    if (d == NULL)
        return;
    caller_drop(w, &d->caller, false);
    caller_done(w, &d->caller);
    arena_done(&d->arena);
    mem_free(d);
}

void direct_begin(struct world *w, struct direct *d, unsigned node, enum conn_kind kind,
                  const struct question *question)
{
    struct caller *caller = &d->caller;
    bool there = caller->socket != NULL && caller->node == node && caller->kind == kind;

    ASSERT(!caller_busy(caller));
    arena_reset(&d->arena);
    d->answered = false;
    d->answer.names_count = 0;
    d->answer.count = 0;
    if (there || caller_connect(w, caller, node, kind))
        caller_ask(w, caller, question, NULL, false);
}

const struct answer *direct_wait(struct world *w, struct direct *d)
{
    while (caller_busy(&d->caller) && !w->failed)
        world_run(w, w->now_us + STEP_US);
    return d->answered && !w->failed ? &d->answer : NULL;
}

const struct answer *direct_ask(struct world *w, struct direct *d, unsigned node,
                                enum conn_kind kind, const struct question *question)
{
    direct_begin(w, d, node, kind, question);
    return direct_wait(w, d);
}
