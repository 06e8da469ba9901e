/* SPDX-License-Identifier: Apache-2.0 */
/* One other node: its connections come and go, and it is up or down. */
#include "base/check.h"
#include "base/hash.h"
#include "base/mem.h"
#include "server/peers_int.h"

static const size_t gather_max[CLASSES] = {PEER_CONTROL_BYTES_MAX, PEER_DATA_BYTES_MAX,
                                           PEER_BULK_BYTES_MAX};

enum { SIMULTANEOUS_MS = 3000 }; /* both called each other at once, and not one after the other */

void peers_tell(struct peers *peers, struct event *ev)
{
    peers->events = true;
    sink_event(&peers->sink, ev);
}

struct peer *peer_find(const struct peers *peers, uint64_t id)
{
    struct map_node *node = map_find(&peers->by_id, hash_mix(0, id));

    for (; node != NULL; node = map_next(node)) {
        struct peer *peer = CONTAINER_OF(node, struct peer, node);
        if (peer->id == id)
            return peer;
    }
    return NULL;
}

struct peer *peer_make(struct peers *peers, uint64_t id)
{
    struct peer *peer = peer_find(peers, id);

    if (peer != NULL)
        return peer;
    peer = mem_new(sizeof(*peer));
    peer->peers = peers;
    peer->id = id;
    list_init(&peer->work);
    for (int i = 0; i < CLASSES; i++)
        buf_init(&peer->gather[i], gather_max[i]);
    map_add(&peers->by_id, &peer->node, hash_mix(0, id));
    return peer;
}

/* All connections that serve it, or did until another took their place. */
static void kill_channels(struct peer *peer)
{
    LIST_EACH_SAFE(node, &peer->peers->channels) {
        struct channel *channel = CONTAINER_OF(node, struct channel, all);
        if (channel->peer == peer)
            channel_kill(channel);
    }
    for (int i = 0; i < CLASSES; i++) {
        peer->channels[i] = NULL;
        peer->dialling[i] = NULL;
    }
}

void peer_free(struct peer *peer)
{
    map_remove(&peer->peers->by_id, &peer->node);
    list_remove(&peer->work);
    kill_channels(peer);
    for (int i = 0; i < CLASSES; i++)
        buf_done(&peer->gather[i]);
    mem_free(peer);
}

void peer_note(struct peer *peer)
{
    if (list_empty(&peer->work))
        list_append(&peer->peers->work, &peer->work);
}

void peer_back_off(struct peer *peer)
{
    struct peers *peers = peer->peers;
    uint64_t backoff = peer->backoff_ms * 2;

    if (backoff < PEER_BACKOFF_MIN_MS)
        backoff = PEER_BACKOFF_MIN_MS;
    if (backoff > PEER_BACKOFF_MAX_MS)
        backoff = PEER_BACKOFF_MAX_MS;
    peer->backoff_ms = backoff;
    peer->dial_at_ms = uv_now(peers->uv) + backoff / 2 + random_below(&peers->jitter, backoff);
    peer_note(peer);
}

void peer_wait_turn(struct peer *peer)
{
    struct peers *peers = peer->peers;
    struct peer_hello own;

    /* Asked anew: before the first turn ends, `self` is not known yet. */
    peers->hello(peers->context, &own);
    peer->dial_at_ms = uv_now(peers->uv) + (own.node > peer->id ? 0 : PEER_CALLED_WAIT_MS);
    peer_note(peer);
}

static void dial_failed(struct peers *peers, const char *address)
{
    struct event ev = {.kind = EV_DIAL_FAILED, .u.dial_failed = bytes_str(address)};

    peers_tell(peers, &ev);
}

void peer_go_down(struct peer *peer)
{
    struct event ev = {.kind = EV_LINK_DOWN, .u.link = {.node = peer->id}};
    bool was_up = peer->up;

    kill_channels(peer);
    for (int i = 0; i < CLASSES; i++)
        buf_done(&peer->gather[i]);
    peer->up = false;
    peer->instance = 0;
    peer_note(peer);
    if (was_up)
        peers_tell(peer->peers, &ev);
}

void peer_forget_dial(struct peer *peer)
{
    char address[ADDRESS_BYTES_MAX];

    if (peer->dialled[0] == '\0')
        return;
    memcpy(address, peer->dialled, sizeof(address));
    peer->dialled[0] = '\0';
    dial_failed(peer->peers, address);
}

static void tell_up(struct peer *peer)
{
    struct event ev = {.kind = EV_LINK_UP};
    char dialled[ADDRESS_BYTES_MAX];

    memcpy(dialled, peer->dialled, sizeof(dialled));
    peer->dialled[0] = '\0';
    ev.u.link.node = peer->id;
    ev.u.link.hello = peer->channels[CLASS_CONTROL]->greeting.hello;
    ev.u.link.dialed = bytes_str(dialled);
    peers_tell(peer->peers, &ev);
}

/* Control and data stand: the shard hears of it, and then what was held back. */
static void look_up(struct peer *peer)
{
    bool complete = peer->channels[CLASS_CONTROL] != NULL && peer->channels[CLASS_DATA] != NULL;

    if (!complete || (peer->up && peer->dialled[0] == '\0'))
        return;
    if (!peer->up) {
        struct bytes name = peer->channels[CLASS_CONTROL]->greeting.hello.name;
        log_line(peer->peers->log, TRACE_INFO, "linked to node %016llx (%.*s)",
                 (unsigned long long)peer->id, (int)name.len, (const char *)name.data);
    }
    peer->up = true;
    peer->complained = false;
    peer->backoff_ms = 0;
    tell_up(peer);
    for (int i = 0; i < CLASSES && peer->up; i++) {
        if (peer->channels[i] != NULL)
            channel_resume(peer->channels[i]);
    }
}

/* The OUT_DIAL of this connection has found its node. */
static void settle_dial(struct peer *peer, struct channel *channel)
{
    struct dial *dial = channel->dial;

    channel->dial = NULL;
    if (dial == NULL)
        return;
    peer_forget_dial(peer);
    memcpy(peer->dialled, dial->address, sizeof(peer->dialled));
    if (!peer->wanted)
        memcpy(peer->address, dial->address, sizeof(peer->address));
    list_remove(&dial->node);
    mem_free(dial);
}

/* Whether the new connection takes the place of the old one of its class. When both nodes called at
 * the same time both ends decide alike; later on the old one is likely to be broken. */
static bool replaces(const struct peer *peer, const struct channel *fresh,
                     const struct channel *old)
{
    if (old == NULL)
        return true;
    if (old->dialled == fresh->dialled)
        return fresh->call > old->call;
    if (uv_now(peer->peers->uv) - old->opened_ms > SIMULTANEOUS_MS)
        return true;
    return fresh->dialled == (peer->peers->self > peer->id);
}

/* Nothing is sent on it any more; what the other end sent before it knew is still read. */
static void retire(struct channel *channel)
{
    channel->deadline_ms = uv_now(channel->peers->uv) + PEER_RETIRED_MS;
    list_remove(&channel->dirty);
    if (channel->said.len > 0)
        channel_mark_dirty(channel);
}

static void attach(struct peer *peer, struct channel *channel)
{
    struct channel *old = peer->channels[channel->class];

    channel->peer = peer;
    channel->opened_ms = uv_now(peer->peers->uv);
    if (!replaces(peer, channel, old)) {
        retire(channel);
        return;
    }
    if (old != NULL)
        retire(old);
    peer->channels[channel->class] = channel;
    if (!channel->dialled)
        peer->dial_at_ms = uv_now(peer->peers->uv) + PEER_CALLED_WAIT_MS;
    if (peer->gather[channel->class].len > 0)
        channel_mark_dirty(channel);
}

/* It was dialled for one node; false when another one lives at that address. */
static bool is_meant(struct peers *peers, struct channel *channel)
{
    struct peer *meant = channel->peer;
    uint64_t id = channel->greeting.hello.node;

    if (meant == NULL)
        return true;
    ASSERT(meant->dialling[channel->class] == channel);
    meant->dialling[channel->class] = NULL;
    channel->peer = NULL;
    if (meant->id == id)
        return true;
    if (!meant->complained)
        log_line(peers->log, TRACE_WARN, "at %s is node %016llx, not %016llx", channel->address,
                 (unsigned long long)id, (unsigned long long)meant->id);
    meant->complained = true;
    peer_back_off(meant);
    return false;
}

void peers_channel_open(struct peers *peers, struct channel *channel)
{
    if (!is_meant(peers, channel)) {
        channel_refuse(channel, REFUSAL_DUPLICATE);
        return;
    }
    struct peer *peer = peer_make(peers, channel->greeting.hello.node);
    if (peer->instance != channel->greeting.instance) {
        /* It was started anew, perhaps before its old connections were seen to break. */
        if (peer->instance != 0)
            peer_go_down(peer);
        peer->instance = channel->greeting.instance;
    }
    settle_dial(peer, channel);
    attach(peer, channel);
    peer_note(peer);
    look_up(peer);
}

void peers_channel_message(struct peers *peers, struct channel *channel,
                           const struct peer_frame *frame)
{
    struct event ev = {.kind = EV_PEER};
    struct peer_msg msg;

    ASSERT(channel->peer != NULL && channel->peer->up);
    arena_reset(&peers->arena);
    enum err err = peer_decode(&peers->arena, frame, &msg);
    if (err != ERR_OK) {
        log_line(peers->log, TRACE_WARN, "a message of node %016llx could not be read: %s",
                 (unsigned long long)channel->peer->id, err_name(err));
        channel_fail(channel, "what it sent is no message");
        return;
    }
    ev.u.peer.from = channel->peer->id;
    ev.u.peer.msg = &msg;
    peers_tell(peers, &ev);
}

static void complain(struct peer *peer, const struct channel *channel, const char *reason)
{
    if (!peer->complained)
        log_line(peer->peers->log, TRACE_INFO, "node %016llx cannot be reached at %s: %s",
                 (unsigned long long)peer->id, channel->address, reason);
    peer->complained = true;
}

/* An OUT_DIAL found nobody. */
static void dial_dead(struct peers *peers, struct dial *dial, const char *reason)
{
    log_line(peers->log, TRACE_INFO, "no node at %s: %s", dial->address, reason);
    list_remove(&dial->node);
    dial_failed(peers, dial->address);
    mem_free(dial);
}

void peers_channel_dead(struct peers *peers, struct channel *channel, const char *reason)
{
    struct dial *dial = channel->dial;
    struct peer *peer = channel->peer;

    channel->dial = NULL;
    channel->peer = NULL;
    if (dial != NULL)
        dial_dead(peers, dial, reason);
    if (peer == NULL)
        return;
    if (peer->dialling[channel->class] == channel) {
        peer->dialling[channel->class] = NULL;
        peer_back_off(peer);
        if (!peer->up) {
            complain(peer, channel, reason);
            peer_forget_dial(peer);
        }
    } else if (peer->channels[channel->class] == channel) {
        peer->channels[channel->class] = NULL;
        peer_back_off(peer);
        if (channel->class == CLASS_BULK)
            return;
        log_line(peers->log, TRACE_INFO, "the link to node %016llx is lost: %s",
                 (unsigned long long)peer->id, reason);
        peer_wait_turn(peer);
        peer_go_down(peer);
        peer_forget_dial(peer);
    }
}
