/* SPDX-License-Identifier: Apache-2.0 */
#include "server/peers.h"

#include "base/check.h"
#include "base/mem.h"
#include "server/peers_int.h"

static struct peer *peer_of(struct map_node *node)
{
    return CONTAINER_OF(node, struct peer, node);
}

struct peers *peers_new(const struct peers_options *options)
{
    struct peers *peers = mem_new(sizeof(*peers));
    struct seed seed = seed_of(options->jitter_seed);

    peers->uv = options->uv;
    peers->log = options->log;
    peers->sink = options->sink;
    peers->secret = options->secret;
    peers->instance = options->instance;
    peers->hello = options->hello;
    peers->context = options->context;
    random_init(&peers->jitter, &seed, 0);
    map_init(&peers->by_id);
    list_init(&peers->channels);
    list_init(&peers->dirty);
    list_init(&peers->work);
    list_init(&peers->dials);
    arena_init(&peers->arena);
    peers->read_space = mem_resize(NULL, PEER_READ_BYTES);
    int error = uv_timer_init(peers->uv, &peers->timer);
    ASSERT(error == 0);
    peers->timer.data = peers;
    return peers;
}

static void on_connection(uv_stream_t *server, int status)
{
    struct peers *peers = server->data;

    if (status == 0)
        channel_accept(peers, server);
}

enum exit_status peers_listen(struct peers *peers, const char *address,
                              const struct listener **ret_listener, struct why *ret_why)
{
    *ret_listener = &peers->listener;
    return listener_open(&peers->listener, peers->uv, address, on_connection, peers, ret_why);
}

void peers_stop_accepting(struct peers *peers)
{
    peers->stopping = true;
    listener_close(&peers->listener);
}

void peers_close_all(struct peers *peers)
{
    peers_stop_accepting(peers);
    MAP_EACH(node, &peers->by_id)
        peer_free(peer_of(node));
    for (struct list *node = list_pop(&peers->dials); node != NULL; node = list_pop(&peers->dials))
        mem_free(CONTAINER_OF(node, struct dial, node));
    LIST_EACH_SAFE(node, &peers->channels)
        channel_kill(CONTAINER_OF(node, struct channel, all));
    if (!uv_is_closing((const uv_handle_t *)&peers->timer))
        uv_close((uv_handle_t *)&peers->timer, NULL);
}

void peers_free(struct peers *peers)
{
    if (peers == NULL)
        return;
    ASSERT(list_empty(&peers->channels));
    map_done(&peers->by_id);
    arena_done(&peers->arena);
    mem_free(peers->read_space);
    mem_free(peers);
}

void peers_want(struct peers *peers, uint64_t node, struct bytes address)
{
    if (node == 0 || address.len >= ADDRESS_BYTES_MAX)
        return;
    if (address.len == 0) {
        struct peer *known = peer_find(peers, node);
        if (known != NULL) {
            known->wanted = false;
            peer_note(known);
        }
        return;
    }
    struct peer *peer = peer_make(peers, node);
    bool same = bytes_eq(bytes_str(peer->address), address);
    if (peer->wanted && same)
        return;
    memcpy(peer->address, address.data, address.len);
    peer->address[address.len] = '\0';
    peer->wanted = true;
    peer->backoff_ms = 0;
    peer->complained = false;
    peer_wait_turn(peer);
}

void peers_dial(struct peers *peers, struct bytes address)
{
    struct dial *dial = mem_new(sizeof(*dial));
    size_t len = address.len < ADDRESS_BYTES_MAX ? address.len : 0;

    if (len > 0)
        memcpy(dial->address, address.data, len);
    list_append(&peers->dials, &dial->node);
}

void peers_unlink(struct peers *peers, uint64_t node)
{
    struct peer *peer = peer_find(peers, node);

    if (peer == NULL)
        return;
    peer->unlink = true;
    peer_note(peer);
}

void peers_send(struct peers *peers, uint64_t to, const struct peer_msg *msg)
{
    struct peer *peer = peer_find(peers, to);
    enum peer_class class = peer_class(msg);

    if (peer == NULL || !peer->up)
        return;
    struct channel *channel = peer->channels[class];
    uint8_t version = channel != NULL ? channel->version : peer->channels[CLASS_CONTROL]->version;
    if (peer_encode(&peer->gather[class], version, msg) != ERR_OK) {
        peers->counts.dropped++;
        return;
    }
    if (channel != NULL)
        channel_mark_dirty(channel);
}

/* Whether it is for us to make the connections that are missing. */
static bool should_dial(const struct peer *peer)
{
    if (peer->peers->stopping || peer->address[0] == '\0' || peer->id == peer->peers->self)
        return false;
    if (peer->wanted || peer->dialled[0] != '\0')
        return true;
    return peer->channels[CLASS_CONTROL] != NULL && peer->channels[CLASS_CONTROL]->dialled;
}

static void dial_missing(struct peer *peer)
{
    if (!should_dial(peer) || peer->dial_at_ms > uv_now(peer->peers->uv))
        return;
    for (int i = 0; i < CLASSES; i++) {
        if (peer->channels[i] == NULL && peer->dialling[i] == NULL)
            channel_dial(peer->peers, peer->address, (enum peer_class)i, peer, NULL);
    }
}

static bool useless(const struct peer *peer)
{
    if (peer->wanted || peer->dialled[0] != '\0')
        return false;
    for (int i = 0; i < CLASSES; i++) {
        if (peer->channels[i] != NULL || peer->dialling[i] != NULL)
            return false;
    }
    return true;
}

static void do_work(struct peer *peer)
{
    if (peer->unlink) {
        peer->unlink = false;
        peer_back_off(peer);
        peer_go_down(peer);
        peer_forget_dial(peer);
    }
    dial_missing(peer);
    if (useless(peer))
        peer_free(peer);
}

static void do_all_work(struct peers *peers)
{
    struct list turn;

    list_init(&turn);
    for (struct list *node = list_pop(&peers->work); node != NULL; node = list_pop(&peers->work))
        list_append(&turn, node);
    for (struct list *node = list_pop(&turn); node != NULL; node = list_pop(&turn))
        do_work(CONTAINER_OF(node, struct peer, work));
}

static void start_dials(struct peers *peers)
{
    LIST_EACH_SAFE(node, &peers->dials) {
        struct dial *dial = CONTAINER_OF(node, struct dial, node);
        if (dial->channel == NULL)
            channel_dial(peers, dial->address, CLASS_CONTROL, NULL, dial);
    }
}

/* A node that joins another cluster gets a new id: its old links belong to nobody. */
static void look_at_self(struct peers *peers)
{
    struct peer_hello hello;

    peers->hello(peers->context, &hello);
    if (hello.node == peers->self)
        return;
    if (peers->self != 0) {
        MAP_EACH(node, &peers->by_id)
            peer_go_down(peer_of(node));
    }
    peers->self = hello.node;
}

static void on_timer(uv_timer_t *timer)
{
    struct peers *peers = timer->data;

    MAP_EACH(node, &peers->by_id)
        peer_note(peer_of(node));
}

/* Wakes when the first of those that wait for their turn may dial. */
static void set_timer(struct peers *peers)
{
    uint64_t now = uv_now(peers->uv), first = UINT64_MAX;

    MAP_EACH(node, &peers->by_id) {
        const struct peer *peer = peer_of(node);
        bool missing = false;
        for (int i = 0; i < CLASSES; i++)
            missing = missing || (peer->channels[i] == NULL && peer->dialling[i] == NULL);
        if (missing && should_dial(peer) && peer->dial_at_ms < first)
            first = peer->dial_at_ms;
    }
    if (first == UINT64_MAX)
        uv_timer_stop(&peers->timer);
    else
        uv_timer_start(&peers->timer, on_timer, first > now ? first - now : 1, 0);
}

static void flush_channels(struct peers *peers)
{
    struct list turn;

    list_init(&turn);
    for (struct list *node = list_pop(&peers->dirty); node != NULL; node = list_pop(&peers->dirty))
        list_append(&turn, node);
    for (struct list *node = list_pop(&turn); node != NULL; node = list_pop(&turn)) {
        struct channel *channel = CONTAINER_OF(node, struct channel, dirty);
        if (!channel_flush(channel))
            channel_fail(channel, "it closed the connection");
    }
}

bool peers_flush(struct peers *peers)
{
    peers->events = false;
    look_at_self(peers);
    start_dials(peers);
    if (!list_empty(&peers->work)) {
        do_all_work(peers);
        set_timer(peers);
    }
    flush_channels(peers);
    return peers->events || !list_empty(&peers->work) || !list_empty(&peers->dirty);
}

void peers_second(struct peers *peers)
{
    uint64_t now = uv_now(peers->uv);

    LIST_EACH_SAFE(node, &peers->channels) {
        struct channel *channel = CONTAINER_OF(node, struct channel, all);
        if (channel->deadline_ms != 0 && channel->deadline_ms <= now)
            channel_fail(channel, "it took too long");
    }
}

struct peers_counts peers_counts(const struct peers *peers)
{
    return peers->counts;
}
