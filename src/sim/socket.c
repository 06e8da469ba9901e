/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/socket.h"

#include "base/check.h"
#include "base/mem.h"
#include "session/limits.h"
#include "sim/node.h"

enum {
    WAY_US = 500,             /* longest way of a packet */
    SLOW_PIECE_BYTES = 32768, /* what a slow client reads at once */
    SLOW_US = 20000,          /* longest wait of a slow client between two pieces */
    READ_AGAIN_US = 500,
    UNSENT_SLACK = 64 * 1024 * 1024, /* one answer may be as large as its siblings together */
};

enum parcel_kind { PARCEL_OPEN, PARCEL_BYTES, PARCEL_CLOSE };

struct parcel {
    struct list list;
    enum parcel_kind kind;
    uint64_t at_us;
    struct bytes bytes; /* a view of the blob */
    struct blob *blob;
};

/* One direction: parcels in the order of their arrival. */
struct lane {
    struct timer timer; /* of the first */
    struct list parcels;
    uint64_t last_us;
};

struct socket {
    struct list list;         /* of the world */
    struct socket_user *user; /* NULL: the client has let go */
    uint64_t conn;
    unsigned node;
    uint32_t life; /* of the node's process */
    enum conn_kind kind;
    struct lane up, down; /* to the node, to the client */
    struct timer writable;
    uint64_t unsent; /* given by the shard and not yet read by the client */
    uint64_t given;  /* by the shard, since EV_WRITABLE */
    bool slow;
    bool known;   /* the shard was told of it, and not yet of its end */
    bool closing; /* OUT_CLOSE came */
    bool stuffed; /* too much is unsent: nothing is read */
    bool running; /* a lane is being run */
};

static struct sim_node *node_of(struct world *w, const struct socket *s)
{
    struct sim_node *node = w->nodes[s->node];

    return node_up(node) && node->lives == s->life ? node : NULL;
}

static void parcel_free(struct parcel *parcel)
{
    list_remove(&parcel->list);
    blob_unref(parcel->blob);
    mem_free(parcel);
}

static void lane_clear(struct world *w, struct lane *lane)
{
    LIST_EACH_SAFE(at, &lane->parcels)
        parcel_free(CONTAINER_OF(at, struct parcel, list));
    world_cancel(w, &lane->timer);
}

static void socket_free(struct world *w, struct socket *s)
{
    ASSERT(!s->running);
    lane_clear(w, &s->up);
    lane_clear(w, &s->down);
    world_cancel(w, &s->writable);
    list_remove(&s->list);
    mem_free(s);
}

static bool is_over(struct world *w, const struct socket *s)
{
    return s->user == NULL && !s->running &&
           (node_of(w, s) == NULL || (!s->known && list_empty(&s->up.parcels)));
}

static void reap(struct world *w)
{
    LIST_EACH_SAFE(at, &w->sockets) {
        struct socket *s = CONTAINER_OF(at, struct socket, list);
        if (is_over(w, s))
            socket_free(w, s);
    }
}

static void lane_arm(struct world *w, struct lane *lane)
{
    if (list_empty(&lane->parcels))
        world_cancel(w, &lane->timer);
    else
        world_at(w, &lane->timer, CONTAINER_OF(lane->parcels.next, struct parcel, list)->at_us);
}

static void lane_add(struct world *w, struct lane *lane, enum parcel_kind kind, struct blob *blob,
                     struct bytes bytes, uint64_t delay_us)
{
    struct parcel *parcel = mem_new(sizeof(*parcel));
    uint64_t at = w->now_us + delay_us;

    parcel->kind = kind;
    parcel->blob = blob_ref(blob);
    parcel->bytes = bytes;
    parcel->at_us = at > lane->last_us ? at : lane->last_us + 1;
    lane->last_us = parcel->at_us;
    list_append(&lane->parcels, &parcel->list);
    lane_arm(w, lane);
}

static uint64_t way(struct world *w)
{
    return 10 + random_below(&w->random, WAY_US);
}

/* ---- the node's end ---- */

static void balance(struct world *w, struct socket *s)
{
    if (s->unsent > SESSION_OUTPUT_MAX)
        s->stuffed = true;
    else if (s->unsent <= SESSION_OUTPUT_LOW)
        s->stuffed = false;
    if (s->known && s->given >= SESSION_OUTPUT_LOW && s->unsent <= SESSION_OUTPUT_LOW &&
        !heap_has(&s->writable.node))
        world_after(w, &s->writable, 1);
}

static void say_writable(struct world *w, struct timer *timer)
{
    struct socket *s = CONTAINER_OF(timer, struct socket, writable);
    struct sim_node *node = node_of(w, s);
    struct event ev = {.kind = EV_WRITABLE, .conn = s->conn};

    if (w->ending || node == NULL || !s->known)
        return;
    if (node_paused(w, node)) {
        world_at(w, timer, node_awake_us(w, node));
        return;
    }
    if (s->unsent > SESSION_OUTPUT_LOW)
        return;
    ev.u.room = SESSION_OUTPUT_MAX - s->unsent;
    s->given = 0;
    w->tally.writable++;
    node_step(w, node, &ev);
}

static void to_node(struct world *w, struct socket *s, struct sim_node *node,
                    const struct parcel *parcel)
{
    struct event ev = {.conn = s->conn};

    switch (parcel->kind) {
    case PARCEL_OPEN:
        ev.kind = EV_OPENED;
        ev.u.opened = (struct event_opened){s->kind, true};
        s->known = true;
        break;
    case PARCEL_BYTES:
        if (!s->known || s->closing)
            return;
        ev.kind = EV_BYTES;
        ev.u.bytes = parcel->bytes;
        break;
    case PARCEL_CLOSE:
        if (!s->known)
            return;
        ev.kind = EV_CLOSED;
        s->known = false;
        break;
    }
    node_step(w, node, &ev);
}

static void run_up(struct world *w, struct timer *timer)
{
    struct socket *s = CONTAINER_OF(timer, struct socket, up.timer);
    struct parcel *parcel = CONTAINER_OF(s->up.parcels.next, struct parcel, list);
    struct sim_node *node = node_of(w, s);

    if (w->ending)
        return;
    if (node == NULL) {
        lane_clear(w, &s->up);
        return;
    }
    if (node_paused(w, node)) {
        world_at(w, timer, node_awake_us(w, node));
        return;
    }
    if (s->stuffed && parcel->kind == PARCEL_BYTES && s->known && !s->closing) {
        world_after(w, timer, READ_AGAIN_US);
        return;
    }
    list_remove(&parcel->list);
    s->running = true;
    to_node(w, s, node, parcel);
    s->running = false;
    parcel_free(parcel);
    lane_arm(w, &s->up);
}

/* The process closes, once all is sent: the client hears of it, and so does the shard. */
static void end(struct world *w, struct socket *s)
{
    struct socket_user *user = s->user;

    lane_clear(w, &s->up);
    lane_add(w, &s->up, PARCEL_CLOSE, NULL, BYTES_NONE, 1);
    s->user = NULL;
    if (user != NULL)
        user->closed(w, user);
}

static void run_down(struct world *w, struct timer *timer)
{
    struct socket *s = CONTAINER_OF(timer, struct socket, down.timer);
    struct parcel *parcel = CONTAINER_OF(s->down.parcels.next, struct parcel, list);

    if (w->ending)
        return;
    list_remove(&parcel->list);
    ASSERT(s->unsent >= parcel->bytes.len);
    s->unsent -= parcel->bytes.len;
    s->running = true;
    if (parcel->kind == PARCEL_CLOSE)
        end(w, s);
    else if (s->user != NULL)
        s->user->bytes(w, s->user, parcel->bytes);
    s->running = false;
    parcel_free(parcel);
    balance(w, s);
    lane_arm(w, &s->down);
}

static struct socket *find(struct world *w, uint64_t conn)
{
    LIST_EACH(at, &w->sockets) {
        struct socket *s = CONTAINER_OF(at, struct socket, list);
        if (s->conn == conn)
            return s;
    }
    return NULL;
}

void socket_from_node(struct world *w, uint64_t conn, struct blob *blob)
{
    struct socket *s = find(w, conn);
    struct bytes left = blob_bytes(blob);

    if (s == NULL || !s->known || s->closing)
        return;
    s->given += left.len;
    /* Who has gone takes nothing, and is in nobody's way. */
    if (s->user == NULL)
        return;
    s->unsent += left.len;
    if (s->unsent > SESSION_OUTPUT_MAX + UNSENT_SLACK)
        world_fail(w, "node %u has %llu unsent bytes for one client", s->node,
                   (unsigned long long)s->unsent);
    while (left.len > 0) {
        size_t most = s->slow ? SLOW_PIECE_BYTES : left.len;
        struct bytes piece = bytes_sub(left, 0, most);
        uint64_t delay = way(w);
        if (s->slow && s->down.last_us > w->now_us)
            delay += s->down.last_us - w->now_us + random_below(&w->random, SLOW_US);
        lane_add(w, &s->down, PARCEL_BYTES, blob, piece, delay);
        left = bytes_sub(left, piece.len, left.len);
    }
    balance(w, s);
}

void socket_end(struct world *w, uint64_t conn)
{
    struct socket *s = find(w, conn);

    if (s == NULL || s->closing)
        return;
    s->closing = true;
    lane_add(w, &s->down, PARCEL_CLOSE, NULL, BYTES_NONE, way(w));
}

/* ---- the client's end ---- */

struct socket *socket_open(struct world *w, unsigned node, enum conn_kind kind,
                           struct socket_user *user)
{
    struct socket *s = mem_new(sizeof(*s));

    ASSERT(node_up(w->nodes[node]));
    reap(w);
    s->user = user;
    s->conn = w->next_conn++;
    s->node = node;
    s->life = w->nodes[node]->lives;
    s->kind = kind;
    s->slow = world_chance(w, w->params.slow_reader_ppm);
    s->up.timer.run = run_up;
    s->down.timer.run = run_down;
    s->writable.run = say_writable;
    list_init(&s->up.parcels);
    list_init(&s->down.parcels);
    list_append(&w->sockets, &s->list);
    lane_add(w, &s->up, PARCEL_OPEN, NULL, BYTES_NONE, way(w));
    return s;
}

void socket_send(struct world *w, struct socket *s, struct bytes bytes)
{
    struct blob *blob = blob_copy(bytes);
    struct bytes left = blob_bytes(blob);

    ASSERT(s->user != NULL);
    while (left.len > 0) {
        size_t most = world_chance(w, 50000) ? 1 + random_below(&w->random, left.len) : left.len;
        lane_add(w, &s->up, PARCEL_BYTES, blob, bytes_sub(left, 0, most), way(w));
        left = bytes_sub(left, most, left.len);
    }
    blob_unref(blob);
}

void socket_drop(struct world *w, struct socket *s, bool abrupt)
{
    ASSERT(s->user != NULL);
    s->user = NULL;
    lane_clear(w, &s->down);
    s->unsent = 0;
    if (s->closing) {
        end(w, s);
        return;
    }
    if (abrupt && !list_empty(&s->up.parcels))
        parcel_free(CONTAINER_OF(s->up.parcels.prev, struct parcel, list));
    lane_add(w, &s->up, PARCEL_CLOSE, NULL, BYTES_NONE, way(w));
    balance(w, s);
}

void sockets_node_gone(struct world *w, unsigned node)
{
    LIST_EACH_SAFE(at, &w->sockets) {
        struct socket *s = CONTAINER_OF(at, struct socket, list);
        struct socket_user *user = s->user;
        if (s->node != node)
            continue;
        s->known = false;
        s->user = NULL;
        lane_clear(w, &s->down);
        world_cancel(w, &s->writable);
        if (user != NULL)
            user->closed(w, user);
    }
}

bool sockets_quiet(const struct world *w)
{
    LIST_EACH(at, &w->sockets) {
        if (!list_empty(&CONTAINER_OF(at, struct socket, list)->up.parcels))
            return false;
    }
    return true;
}

void sockets_free(struct world *w)
{
    LIST_EACH_SAFE(at, &w->sockets)
        socket_free(w, CONTAINER_OF(at, struct socket, list));
}
