/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/faults.h"

#include "base/check.h"
#include "base/mem.h"
#include "record/hint.h"
#include "sim/net.h"
#include "sim/node.h"

enum { LONG_PAUSE_US = 60000000 };

struct faults {
    struct timer beat;
    struct timer mend; /* the present cut or clog ends */
    bool cut;
    unsigned victim; /* whose rows may rot */
};

static struct sim_node *some_node(struct world *w)
{
    return w->nodes[random_below(&w->random, w->params.nodes)];
}

static unsigned nodes_down(struct world *w)
{
    unsigned count = 0;

    for (unsigned i = 0; i < w->params.nodes; i++)
        count += !node_up(w->nodes[i]);
    return count;
}

static void stall(struct world *w, struct sim_node *node, bool commits, bool reads)
{
    uint64_t until = w->now_us + random_range(&w->random, 10000, 2000000);

    if (commits)
        node->disk.stalled_until_us = until;
    if (reads)
        node->disk.reads_stalled_until_us = until;
    w->tally.stalls++;
    world_trace(w, "disk", node->index, "stalls for %llu us%s",
                (unsigned long long)(until - w->now_us), commits ? "" : ", but writes");
}

/* Commits, reads, or both. */
static void stall_some(struct world *w, struct sim_node *node)
{
    uint64_t form = random_below(&w->random, 3);

    stall(w, node, form != 0, form != 1);
}

static void crash(struct world *w)
{
    struct sim_node *node = some_node(w);

    if (!node_up(node) || nodes_down(w) > w->params.nodes / 2)
        return;
    /* Some die in the middle of a commit, after its copies have left, and are back at once. Where
     * the disk stalls first, the copies may even be acknowledged before. */
    node->doomed = world_chance(w, w->params.doomed_permille * 1000);
    if (node->doomed && world_chance(w, 500000))
        stall(w, node, true, false);
    if (node->doomed)
        return;
    node_crash(w, node);
    world_after(w, &node->restart, random_range(&w->random, 10000, 8000000));
}

/* One of: a one-way cut, a pair, one node alone, two halves. */
static void cut(struct world *w)
{
    uint64_t sides = random_u64(&w->random);
    uint64_t form = random_below(&w->random, 4);
    unsigned a = (unsigned)random_below(&w->random, w->params.nodes);
    unsigned b = (unsigned)random_below(&w->random, w->params.nodes);

    if (w->params.nodes < 2)
        return;
    w->tally.cuts++;
    for (unsigned i = 0; i < w->params.nodes; i++) {
        for (unsigned j = 0; j < w->params.nodes; j++) {
            bool apart = (form == 0 && i == a && j == b) ||
                         (form == 1 && ((i == a && j == b) || (i == b && j == a))) ||
                         (form == 2 && (i == a || j == a)) ||
                         (form == 3 && (sides >> i & 1) != (sides >> j & 1));
            if (i != j && apart)
                net_cut(w, i, j, true);
        }
    }
    /* Half of the time the connections notice. */
    for (unsigned i = 0; i < w->params.nodes; i++) {
        for (unsigned j = i + 1; j < w->params.nodes; j++) {
            if (w->params.nodes > 1 && world_chance(w, 300000))
                net_break(w, i, j);
        }
    }
}

static void clog_way(struct world *w)
{
    uint64_t until = w->now_us + random_range(&w->random, 100000, 5000000);
    unsigned a = (unsigned)random_below(&w->random, w->params.nodes);
    unsigned b = (unsigned)random_below(&w->random, w->params.nodes);

    if (a == b)
        return;
    w->tally.clogs++;
    net_clog(w, a, b, until);
    world_trace(w, "net", a, "clogged to %u", b);
}

/* The row key at a place of a family. */
struct nth {
    uint64_t left;
    struct bytes key; /* malloc'd */
};

static bool count_row(void *context, struct bytes key, struct bytes value)
{
    struct nth *nth = context;

    (void)value;
    if (nth->left-- > 0)
        return true;
    uint8_t *copy = mem_new(key.len);
    memcpy(copy, key.data, key.len);
    nth->key = bytes_of(copy, key.len);
    return false;
}

/* Whether another node has the key, and keeps it: the last copy of anything is never harmed. */
static bool elsewhere(struct world *w, unsigned victim, struct bytes key)
{
    for (unsigned i = 0; i < w->params.nodes; i++) {
        struct blob *row = NULL;
        if (i != victim &&
            engine_get(w->nodes[i]->disk.engine, FAMILY_OBJECT, key, true, &row) == ERR_OK) {
            blob_unref(row);
            disk_sync(&w->nodes[i]->disk);
            return true;
        }
    }
    return false;
}

static void rot(struct world *w, struct faults *f)
{
    struct disk *disk = &w->nodes[f->victim]->disk;
    static const enum store_family families[] = {FAMILY_OBJECT, FAMILY_META, FAMILY_HINT};
    enum store_family family = families[random_below(&w->random, ARRAY_LEN(families))];
    uint64_t place = random_below(&w->random, w->params.keys);
    struct nth nth = {place, BYTES_NONE};

    /* Where the others remove what has expired, a row of which object and digest rot may become the
     * last one: nobody knows that it is over, and it stays in quarantine. */
    if (w->params.expires && family == FAMILY_META)
        return;
    disk_each(disk, family, count_row, &nth);
    struct bytes key = nth.key;
    uint64_t target;
    if (family == FAMILY_HINT && hint_key_decode(nth.key, &target, &key) != ERR_OK)
        key = BYTES_NONE;
    if (key.len > 0 && elsewhere(w, f->victim, key) &&
        engine_mem_corrupt(disk->engine, family, place, (uint32_t)random_below(&w->random, 4096))) {
        w->tally.corruptions++;
        world_trace(w, "disk", f->victim, "a row rots");
    }
    mem_free((void *)(uintptr_t)nth.key.data);
}

/* There is room; or so little that the node takes no new data; or none. */
static void fill(struct world *w, struct sim_node *node)
{
    static const char *const words[] = {"has space", "is nearly full", "is full"};
    struct disk *disk = &node->disk;
    uint64_t form = random_below(&w->random, ARRAY_LEN(words));
    const uint64_t free_bytes[] = {DISK_BYTES / 2, w->config.free_min / 2, 0};

    if (disk->broken == ERR_IO)
        return;
    disk->broken = form == 2 ? ERR_NO_SPACE : ERR_OK;
    disk->free_bytes = free_bytes[form];
    w->tally.full += form != 0;
    world_trace(w, "disk", node->index, "%s", words[form]);
}

/* Some for longer than it takes until the others hold it for dead, and have done with it. */
static void pause_some(struct world *w)
{
    uint64_t us = random_range(&w->random, 50000, w->params.pause_max_us);

    w->tally.long_pauses += us > LONG_PAUSE_US;
    node_pause(w, some_node(w), w->now_us + us);
}

/* Somebody sets a clock: to about the right time, or not. */
static void jump(struct world *w)
{
    struct sim_node *node = some_node(w);
    bool right = world_chance(w, 300000);
    uint64_t by = random_below(&w->random, 2 * w->params.jump_us + 1);

    node->skew_us = right ? 0 : (int64_t)by - (int64_t)w->params.jump_us;
    w->tally.jumps++;
    world_trace(w, "clock", node->index, "is now off by %lld us", (long long)node->skew_us);
}

static void disk_trouble(struct world *w)
{
    struct sim_node *node = some_node(w);

    if (!node_up(node))
        return;
    if (world_chance(w, w->params.stall_ppm))
        stall_some(w, node);
    if (world_chance(w, w->params.full_ppm)) {
        fill(w, node);
    } else if (world_chance(w, w->params.eio_ppm)) {
        node->disk.broken = ERR_IO;
        w->tally.eio++;
        world_trace(w, "disk", node->index, "writes fail");
    }
}

static void mend(struct world *w, struct timer *timer)
{
    struct faults *f = CONTAINER_OF(timer, struct faults, mend);

    if (w->ending)
        return;
    f->cut = false;
    net_heal(w);
}

static void beat(struct world *w, struct timer *timer)
{
    struct faults *f = CONTAINER_OF(timer, struct faults, beat);

    if (w->ending || !w->faults_on)
        return;
    if (world_chance(w, w->params.crash_ppm))
        crash(w);
    if (world_chance(w, w->params.stop_ppm))
        node_stop(w, some_node(w), (uint32_t)random_below(&w->random, 5000));
    if (world_chance(w, w->params.pause_ppm))
        pause_some(w);
    if (world_chance(w, w->params.jump_ppm))
        jump(w);
    if (!f->cut && world_chance(w, w->params.cut_ppm)) {
        f->cut = true;
        cut(w);
        world_after(w, &f->mend, random_range(&w->random, 200000, 12000000));
    }
    if (world_chance(w, w->params.clog_ppm))
        clog_way(w);
    if (world_chance(w, w->params.corrupt_ppm))
        rot(w, f);
    disk_trouble(w);
    world_after(w, timer, w->params.beat_us);
}

struct faults *faults_new(struct world *w)
{
    struct faults *f = mem_new(sizeof(*f));

    f->beat.run = beat;
    f->mend.run = mend;
    f->victim = (unsigned)random_below(&w->random, w->params.nodes);
    w->faults_on = true;
    w->healed_us = 0;
    world_after(w, &f->beat, w->params.beat_us);
    return f;
}

void faults_free(struct world *w, struct faults *f)
{
    if (f == NULL)
        return;
    world_cancel(w, &f->beat);
    world_cancel(w, &f->mend);
    mem_free(f);
}

void faults_end(struct world *w)
{
    w->faults_on = false;
    w->healed_us = w->now_us;
    net_heal(w);
    w->params.loss_ppm = 0;
    w->params.duplicate_ppm = 0;
    w->params.disk_slow_ppm = 0;
    for (unsigned i = 0; i < w->params.nodes; i++) {
        struct sim_node *node = w->nodes[i];
        node->disk.stalled_until_us = 0;
        node->disk.reads_stalled_until_us = 0;
        if (node->disk.broken == ERR_NO_SPACE)
            node->disk.broken = ERR_OK;
        node->disk.free_bytes = DISK_BYTES / 2;
        if (node->disk.broken == ERR_IO)
            node_crash(w, node);
        if (node_paused(w, node))
            node->paused_until_us = w->now_us;
        if (!node_up(node))
            world_after(w, &node->restart, 1000);
        else
            world_at(w, &node->wake, w->now_us);
    }
}
