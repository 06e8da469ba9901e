/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/net.h"

#include "base/check.h"
#include "base/mem.h"
#include "sim/node.h"
#include "wire/peer.h"

enum { LINK_BEAT_US = 100000, MESSAGE_BYTES_MAX = 64 * 1024 * 1024, CLASSES = 3 };

struct direction {
    bool cut;
    uint64_t clogged_until_us;
    uint64_t last_us[CLASSES]; /* arrivals of a connection are in order */
};

struct wire_link {
    bool up;
    bool coming;      /* a hello is under way */
    unsigned notices; /* ends that have yet to hear that it went down: it stays down until then */
    uint32_t generation;
};

struct network {
    struct timer beat;
    struct wire_link links[SIM_NODES_MAX][SIM_NODES_MAX]; /* [low][high] */
    struct direction ways[SIM_NODES_MAX][SIM_NODES_MAX];
    uint32_t flying; /* messages about data that are on their way */
};

/* A message on its way. */
struct flight {
    struct timer timer;
    unsigned from, to;
    uint32_t generation; /* of the link */
    uint32_t life;       /* of the receiver */
    enum peer_class class;
    struct blob *bytes;
};

/* A hello on its way. */
struct greeting {
    struct timer timer;
    unsigned from, to;
    bool dialed;
    char address[32];
};

static struct wire_link *link_of(struct network *net, unsigned a, unsigned b)
{
    ASSERT(a != b);
    return a < b ? &net->links[a][b] : &net->links[b][a];
}

bool net_linked(const struct world *w, unsigned a, unsigned b)
{
    return link_of(w->network, a, b)->up;
}

bool net_quiet(const struct world *w)
{
    return w->network->flying == 0;
}

static bool can_meet(struct world *w, unsigned a, unsigned b)
{
    struct network *net = w->network;

    return node_up(w->nodes[a]) && node_up(w->nodes[b]) && !net->ways[a][b].cut &&
           !net->ways[b][a].cut;
}

static bool wants(const struct sim_node *node, unsigned other)
{
    for (unsigned i = 0; i < SIM_PEERS_MAX; i++) {
        if (node->peers[i].used && node->peers[i].index == other)
            return true;
    }
    return false;
}

static void say_link_up(struct world *w, unsigned at, unsigned other, const char *dialed)
{
    struct event ev = {.kind = EV_LINK_UP};
    char name[16], address[16];

    if (w->nodes[at]->shard == NULL || w->nodes[other]->shard == NULL)
        return;
    shard_hello(w->nodes[other]->shard, &ev.u.link.hello);
    /* The hello's views live until that shard's next step. */
    memcpy(name, w->nodes[other]->name, sizeof(name));
    memcpy(address, w->nodes[other]->address, sizeof(address));
    ev.u.link.hello.name = bytes_str(name);
    ev.u.link.hello.address = bytes_str(address);
    ev.u.link.node = ev.u.link.hello.node;
    ev.u.link.dialed = bytes_str(dialed);
    node_step(w, w->nodes[at], &ev);
}

/* An end hears that its link went down. Never at once: it may be in the middle of a step. */
struct notice {
    struct timer timer;
    unsigned at;
    unsigned other_index;
    uint32_t life;
    uint64_t other;
};

static void noticed(struct world *w, struct timer *timer)
{
    struct notice *n = CONTAINER_OF(timer, struct notice, timer);
    struct sim_node *node = w->nodes[n->at];
    struct event ev = {.kind = EV_LINK_DOWN};

    if (!w->ending && node_up(node) && node->lives == n->life) {
        if (node_paused(w, node)) {
            world_at(w, timer, node_awake_us(w, node));
            return;
        }
        ev.u.link.node = n->other;
        link_of(w->network, n->at, n->other_index)->notices--;
        node_step(w, node, &ev);
    } else {
        link_of(w->network, n->at, n->other_index)->notices--;
    }
    mem_free(n);
}

static void say_link_down(struct world *w, unsigned at, unsigned other)
{
    struct notice *n = mem_new(sizeof(*n));

    n->timer.run = noticed;
    n->at = at;
    n->life = w->nodes[at]->lives;
    n->other = w->nodes[other]->id;
    n->other_index = other;
    link_of(w->network, at, other)->notices++;
    world_after(w, &n->timer, 1);
}

void net_break(struct world *w, unsigned a, unsigned b)
{
    struct wire_link *link = link_of(w->network, a, b);

    if (!link->up)
        return;
    link->up = false;
    link->generation++;
    world_trace(w, "net", a, "link to %u down", b);
    say_link_down(w, a, b);
    say_link_down(w, b, a);
}

void net_node_gone(struct world *w, unsigned index)
{
    for (unsigned i = 0; i < w->params.nodes; i++) {
        if (i != index)
            net_break(w, index, i);
    }
}

static void greeted(struct world *w, struct timer *timer)
{
    struct greeting *g = CONTAINER_OF(timer, struct greeting, timer);
    struct wire_link *link = link_of(w->network, g->from, g->to);

    link->coming = false;
    if (w->ending) {
        mem_free(g);
        return;
    }
    if (node_paused(w, w->nodes[g->from]) || node_paused(w, w->nodes[g->to]) || link->notices > 0) {
        link->coming = true;
        world_after(w, timer, LINK_BEAT_US);
        return;
    }
    if (!can_meet(w, g->from, g->to)) {
        struct event ev = {.kind = EV_DIAL_FAILED, .u.dial_failed = bytes_str(g->address)};
        if (g->dialed && node_up(w->nodes[g->from]))
            node_step(w, w->nodes[g->from], &ev);
    } else if (link->up) {
        net_break(w, g->from, g->to);
        link->coming = true;
        world_after(w, timer, 100);
        return;
    } else {
        link->up = true;
        link->generation++;
        world_trace(w, "net", g->from, "link to %u up", g->to);
        say_link_up(w, g->from, g->to, g->dialed ? g->address : "");
        if (link->up)
            say_link_up(w, g->to, g->from, "");
    }
    mem_free(g);
}

static void greet(struct world *w, unsigned from, unsigned to, const char *dialed)
{
    struct greeting *g = mem_new(sizeof(*g));

    g->timer.run = greeted;
    g->from = from;
    g->to = to;
    g->dialed = dialed != NULL;
    if (dialed != NULL)
        snprintf(g->address, sizeof(g->address), "%s", dialed);
    link_of(w->network, from, to)->coming = true;
    world_after(w, &g->timer, world_delay(w, w->params.net_min_us, w->params.net_mean_us) * 2);
}

static void dial_failed(struct world *w, struct timer *timer)
{
    struct greeting *g = CONTAINER_OF(timer, struct greeting, timer);
    struct event ev = {.kind = EV_DIAL_FAILED, .u.dial_failed = bytes_str(g->address)};

    if (!w->ending && node_paused(w, w->nodes[g->from])) {
        world_after(w, timer, LINK_BEAT_US);
        return;
    }
    if (!w->ending && node_up(w->nodes[g->from]))
        node_step(w, w->nodes[g->from], &ev);
    mem_free(g);
}

void net_dial(struct world *w, struct sim_node *from, struct bytes address)
{
    struct sim_node *to = node_by_address(w, address);
    char text[32];

    snprintf(text, sizeof(text), "%.*s", (int)address.len, (const char *)address.data);
    if (to != NULL && to != from) {
        greet(w, from->index, to->index, text);
        return;
    }
    struct greeting *g = mem_new(sizeof(*g));
    g->timer.run = dial_failed;
    g->from = from->index;
    memcpy(g->address, text, sizeof(text));
    world_after(w, &g->timer, 1000);
}

/* Links that are wanted and not there are tried again. */
static void beat(struct world *w, struct timer *timer)
{
    if (w->ending)
        return;
    for (unsigned a = 0; a < w->params.nodes; a++) {
        for (unsigned b = a + 1; b < w->params.nodes; b++) {
            struct wire_link *link = link_of(w->network, a, b);
            if (link->up || link->coming || !can_meet(w, a, b))
                continue;
            if (wants(w->nodes[a], b) || wants(w->nodes[b], a))
                greet(w, a, b, NULL);
        }
    }
    world_after(w, timer, LINK_BEAT_US);
}

struct network *net_new(struct world *w)
{
    struct network *net = mem_new(sizeof(*net));

    net->beat.run = beat;
    world_after(w, &net->beat, 1000);
    return net;
}

void net_free(struct network *net)
{
    mem_free(net);
}

/* What was sent before a connection broke may have left the sender: some of it arrives all the
 * same, if the receiver is still the process that it was sent to. */
static bool may_arrive(struct world *w, const struct flight *f)
{
    const struct wire_link *link = link_of(w->network, f->from, f->to);
    const struct sim_node *to = w->nodes[f->to];

    if (!node_up(to) || to->lives != f->life || w->network->ways[f->from][f->to].cut)
        return false;
    return (link->up && link->generation == f->generation) ||
           world_chance(w, w->params.belated_ppm);
}

static void arrive(struct world *w, struct timer *timer)
{
    struct flight *f = CONTAINER_OF(timer, struct flight, timer);
    struct sim_node *to = w->nodes[f->to];
    struct peer_frame frame;
    struct peer_msg msg;
    struct arena arena;

    if (!w->ending && node_paused(w, to)) {
        world_at(w, timer, node_awake_us(w, to));
        return;
    }
    if (!w->ending && may_arrive(w, f)) {
        arena_init(&arena);
        enum peer_framing framing =
            peer_frame_next(blob_bytes(f->bytes), MESSAGE_BYTES_MAX, &frame);
        ASSERT(framing == FRAMING_READY);
        enum err err = peer_decode(&arena, &frame, &msg);
        if (err != ERR_OK)
            world_fail(w, "message of node %u could not be decoded: %s", f->from, err_name(err));
        struct event ev = {.kind = EV_PEER};
        ev.u.peer.from = w->nodes[f->from]->id;
        ev.u.peer.msg = &msg;
        if (err == ERR_OK)
            node_step(w, to, &ev);
        arena_done(&arena);
    } else {
        w->tally.lost++;
    }
    w->network->flying -= f->class != CLASS_CONTROL;
    blob_unref(f->bytes);
    mem_free(f);
}

static void launch(struct world *w, unsigned from, unsigned to, enum peer_class class,
                   struct blob *bytes)
{
    struct direction *way = &w->network->ways[from][to];
    struct flight *f = mem_new(sizeof(*f));
    uint64_t at = w->now_us + world_delay(w, w->params.net_min_us, w->params.net_mean_us);

    f->timer.run = arrive;
    f->from = from;
    f->to = to;
    f->generation = link_of(w->network, from, to)->generation;
    f->life = w->nodes[to]->lives;
    f->class = class;
    f->bytes = blob_ref(bytes);
    w->network->flying += class != CLASS_CONTROL;
    if (at < way->clogged_until_us)
        at = way->clogged_until_us;
    if (world_chance(w, w->params.reorder_ppm)) {
        w->tally.reordered++;
        at += world_delay(w, w->params.net_mean_us, 4 * w->params.net_mean_us);
    } else {
        if (at < way->last_us[class])
            at = way->last_us[class];
        way->last_us[class] = at;
    }
    world_at(w, &f->timer, at);
}

/* Whether the news of documents are kept from a node just now. */
static bool is_deaf(const struct world *w, const struct sim_node *to, const struct peer_msg *msg)
{
    if (!w->faults_on || (w->params.deaf >> to->index & 1) == 0 || msg->kind != PEER_CLUSTER ||
        w->now_us % DEAF_PERIOD_US >= w->params.deaf_us)
        return false;
    enum cluster_talk talk = msg->u.cluster.kind;
    return talk == TALK_DOCUMENT || talk == TALK_GOSSIP || talk == TALK_PULL;
}

void net_send(struct world *w, struct sim_node *from, uint64_t to, const struct peer_msg *msg)
{
    struct sim_node *node = node_by_id(w, to);
    struct buf buf;

    if (node == NULL || node == from || !link_of(w->network, from->index, node->index)->up) {
        w->tally.lost++;
        return;
    }
    buf_init(&buf, MESSAGE_BYTES_MAX);
    enum err err = peer_encode(&buf, PEER_VERSION_MAX, msg);
    if (err != ERR_OK) {
        world_fail(w, "message of node %u could not be encoded: %s", from->index, err_name(err));
        buf_done(&buf);
        return;
    }
    struct blob *bytes = buf_to_blob(&buf);
    buf_done(&buf);
    unsigned copies = 1;
    if (is_deaf(w, node, msg)) {
        w->tally.news_lost++;
        copies = 0;
    } else if (world_chance(w, w->params.loss_ppm)) {
        w->tally.lost++;
        copies = 0;
    } else if (world_chance(w, w->params.duplicate_ppm)) {
        w->tally.duplicated++;
        copies = 2;
    }
    for (unsigned i = 0; i < copies; i++)
        launch(w, from->index, node->index, peer_class(msg), bytes);
    blob_unref(bytes);
}

void net_cut(struct world *w, unsigned from, unsigned to, bool cut)
{
    w->network->ways[from][to].cut = cut;
    world_trace(w, "net", from, "%s to %u", cut ? "cut" : "healed", to);
}

void net_heal(struct world *w)
{
    for (unsigned a = 0; a < SIM_NODES_MAX; a++) {
        for (unsigned b = 0; b < SIM_NODES_MAX; b++) {
            w->network->ways[a][b].cut = false;
            w->network->ways[a][b].clogged_until_us = 0;
        }
    }
    world_trace(w, "net", 0, "all healed");
}

void net_clog(struct world *w, unsigned from, unsigned to, uint64_t until_us)
{
    w->network->ways[from][to].clogged_until_us = until_us;
}
