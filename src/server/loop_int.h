/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the loop: the turn (loop.c), starting and ending (loop_life.c). */
#ifndef SERVER_LOOP_INT_H
#define SERVER_LOOP_INT_H

#include <uv.h>

#include "server/ballast.h"
#include "server/conn.h"
#include "server/loop.h"
#include "server/peers.h"
#include "server/store.h"
#include "shard/shard.h"

struct loop {
    uv_loop_t uv;
    uv_prepare_t prepare; /* before it sleeps */
    uv_check_t check;     /* after it has polled */
    uv_timer_t deadline;  /* the shard's */
    uv_timer_t second;
    uv_timer_t forced; /* the end of a stop that takes too long */
    uv_async_t stored; /* the store has news */
    uv_signal_t signals[2];
    bool uv_ready;

    struct config config; /* with what was changed since the start */
    struct log *log;
    const char *data_path;
    struct engine *engine;
    struct why why; /* the engine's words that were logged last */
    struct ballast ballast;
    struct shard *shard;
    struct outbox out;
    struct store *store;
    struct conns *conns;
    struct peers *peers;
    struct loop_addresses addresses;

    uint64_t started_us;
    uint64_t armed_us; /* the deadline that the timer is set for */
    bool stepping;
    bool stopping;
    bool halted;
    enum err halt;
};

uint64_t loop_mono_us(void);

/* Stamps the event and runs the step, and those that follow from what is stored already. */
void loop_event(struct loop *loop, struct event *ev);

/* Ends the turn. */
void loop_turn(struct loop *loop);

/* Asks the shard to stop; once. */
void loop_stop(struct loop *loop);

/* EV_HOST. */
void loop_tell_facts(struct loop *loop);

/* The loop's own handles. */
void loop_open_handles(struct loop *loop);
void loop_start_handles(struct loop *loop);
void loop_close_handles(struct loop *loop);

#endif
