/* SPDX-License-Identifier: Apache-2.0 */
#include "query/list.h"

#include "base/check.h"
#include "base/mem.h"
#include "msg/limits.h"
#include "query/coverage.h"
#include "query/limits.h"

enum list_state { LIST_RUNNING, LIST_DONE };

/* One partition being read. */
struct lane {
    bool busy;
    bool asked;   /* a PEER_LIST is on its way */
    bool last;    /* the chunk that waits is the partition's last */
    uint8_t turn; /* numbers the asks of a lane, so that late answers are known */
    uint32_t partition;
    uint32_t tries;
    uint64_t node;
    struct bytes cursor; /* in own memory */
    struct arena arena;  /* cursor and the chunk that waits */
    struct bytes *names;
    uint32_t names_count; /* 0: no chunk waits */
};

struct bucket_seen {
    struct map_node node;
    struct bytes name;
};

struct listing {
    struct machine m;
    enum list_state state;
    enum list_what what;
    struct key key;
    uint32_t n_val;
    uint32_t partitions, next_partition; /* the next one to begin */
    struct coverage coverage;
    struct lane lanes[LIST_LANES_MAX];
    bool wanted; /* the asker waits for a chunk */
    uint64_t names_total;
    struct map seen; /* buckets already given */
};

static struct listing *listing_of(struct machine *machine)
{
    ASSERT(machine->kind == MACHINE_LIST);
    return CONTAINER_OF(machine, struct listing, m);
}

static void list_end(struct listing *l, enum err err, const struct event *ev, struct outbox *out)
{
    ASSERT(l->state == LIST_RUNNING);
    l->state = LIST_DONE;
    l->m.done = true;
    outbox_trace(out, TRACE_LIST_DONE, ev->mono_us - l->m.started_us, l->names_total,
                 (uint64_t)err);
}

static void list_fail(struct listing *l, enum err err, const struct event *ev, struct outbox *out)
{
    outbox_error(out, l->m.asker, err, 0, 1);
    list_end(l, err, ev, out);
}

/* Asks a live replica for the lane's next chunk; false when there is none. */
static bool lane_ask(struct listing *l, struct lane *lane, const struct list_env *env,
                     struct outbox *out)
{
    uint64_t node = coverage_node(&l->coverage, env->view, lane->partition, l->n_val, lane->tries);

    if (node == 0 || lane->tries >= LIST_PARTITION_TRIES_MAX)
        return false;
    lane->node = node;
    lane->asked = true;
    lane->turn++;
    struct peer_msg *msg = outbox_send(out, node, PEER_LIST);
    unsigned number = (unsigned)(lane - l->lanes) | (unsigned)(lane->turn & 0x1f) << 3;
    msg->u.list = (struct peer_list){
        .token = machine_token(&l->m, number),
        .epoch = view_epoch(env->view),
        .what = l->what,
        .type = l->key.type,
        .bucket = l->key.bucket,
        .partition = lane->partition,
        .after_row = lane->cursor,
    };
    return true;
}

/* Gives a lane its next partition, if one is left; false when it cannot be covered. */
static bool lane_begin(struct listing *l, struct lane *lane, const struct list_env *env,
                       struct outbox *out)
{
    ASSERT(!lane->busy);
    if (l->next_partition == l->partitions)
        return true;
    lane->busy = true;
    lane->partition = l->next_partition++;
    lane->tries = 0;
    lane->cursor = BYTES_NONE;
    return lane_ask(l, lane, env, out);
}

/* Leaves out the buckets that were given before. */
static uint32_t drop_seen(struct listing *l, struct bytes *names, uint32_t count)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < count; i++) {
        uint64_t hash = hash_xx(names[i]);
        struct map_node *node = map_find(&l->seen, hash);
        while (node != NULL &&
               !bytes_eq(CONTAINER_OF(node, struct bucket_seen, node)->name, names[i]))
            node = map_next(node);
        if (node != NULL)
            continue;
        struct bucket_seen *seen = ARENA_NEW(&l->m.arena, struct bucket_seen);
        seen->name = arena_copy(&l->m.arena, names[i]);
        map_add(&l->seen, &seen->node, hash);
        names[kept++] = seen->name;
    }
    return kept;
}

static bool all_idle(const struct listing *l)
{
    for (unsigned i = 0; i < LIST_LANES_MAX; i++) {
        if (l->lanes[i].busy)
            return false;
    }
    return l->next_partition == l->partitions;
}

/* A lane whose chunk is through goes on with its partition, or with another one. */
static bool lane_go_on(struct listing *l, struct lane *lane, const struct list_env *env,
                       struct outbox *out)
{
    ASSERT(lane->names_count == 0);
    ASSERT(!lane->asked);
    if (!lane->last)
        return lane_ask(l, lane, env, out);
    lane->busy = false;
    lane->last = false;
    return lane_begin(l, lane, env, out);
}

static void give(struct listing *l, struct lane *lane, struct outbox *out)
{
    struct bytes *names = arena_alloc_array(&out->arena, lane->names_count, sizeof(*names));

    for (uint32_t i = 0; i < lane->names_count; i++)
        names[i] = arena_copy(&out->arena, lane->names[i]);
    struct reply *reply = outbox_reply(out, l->m.asker, REPLY_NAMES);
    reply->names = names;
    reply->names_count = lane->names_count;
    l->names_total += lane->names_count;
    l->wanted = false;
    lane->names_count = 0;
}

/* Gives a waiting chunk when one is wanted, and the end when all is through. */
static void list_serve(struct listing *l, const struct list_env *env, const struct event *ev,
                       struct outbox *out)
{
    for (unsigned i = 0; i < LIST_LANES_MAX && l->wanted; i++) {
        struct lane *lane = &l->lanes[i];
        if (lane->names_count == 0)
            continue;
        give(l, lane, out);
        if (!lane_go_on(l, lane, env, out)) {
            list_fail(l, ERR_INSUFFICIENT_VNODES, ev, out);
            return;
        }
    }
    if (l->wanted && all_idle(l)) {
        outbox_reply(out, l->m.asker, REPLY_NAMES)->done = true;
        list_end(l, ERR_OK, ev, out);
    }
}

/* The replica did not deliver: another one goes on at the cursor. */
static void lane_failed(struct listing *l, struct lane *lane, const struct list_env *env,
                        const struct event *ev, struct outbox *out)
{
    lane->asked = false;
    lane->tries++;
    if (!lane_ask(l, lane, env, out))
        list_fail(l, ERR_INSUFFICIENT_VNODES, ev, out);
}

static void list_on_listed(struct listing *l, const struct list_env *env, const struct event *ev,
                           struct outbox *out)
{
    const struct peer_listed *listed = &ev->u.peer.msg->u.listed;
    unsigned number = machine_number(listed->token);
    struct lane *lane = &l->lanes[number & 7];

    if (!lane->busy || !lane->asked || number >> 3 != (lane->turn & 0x1fu) ||
        ev->u.peer.from != lane->node)
        return;
    if (listed->err != ERR_OK || (!listed->done && listed->last_row.len == 0)) {
        lane_failed(l, lane, env, ev, out);
        return;
    }
    lane->asked = false;
    lane->last = listed->done;
    arena_reset(&lane->arena);
    lane->cursor = arena_copy(&lane->arena, listed->last_row);
    lane->names = arena_alloc_array(&lane->arena, listed->names_count, sizeof(*lane->names));
    for (uint32_t i = 0; i < listed->names_count; i++)
        lane->names[i] = arena_copy(&lane->arena, listed->names[i]);
    lane->names_count = listed->names_count;
    if (l->what == LIST_BUCKETS)
        lane->names_count = drop_seen(l, lane->names, lane->names_count);
    if (l->seen.count > LIST_BUCKETS_MAX) {
        list_fail(l, ERR_OVERLOAD, ev, out);
        return;
    }
    if (lane->names_count == 0 && !lane_go_on(l, lane, env, out)) {
        list_fail(l, ERR_INSUFFICIENT_VNODES, ev, out);
        return;
    }
    list_serve(l, env, ev, out);
}

static void list_on_link_down(struct listing *l, const struct list_env *env, const struct event *ev,
                              struct outbox *out)
{
    for (unsigned i = 0; i < LIST_LANES_MAX && l->state == LIST_RUNNING; i++) {
        struct lane *lane = &l->lanes[i];
        if (lane->busy && lane->asked && lane->node == ev->u.link.node)
            lane_failed(l, lane, env, ev, out);
    }
}

void list_step(struct machine *machine, const struct list_env *env, const struct event *ev,
               struct outbox *out)
{
    struct listing *l = listing_of(machine);

    ASSERT(l->state == LIST_RUNNING);
    if (ev->kind == EV_DEADLINE) {
        list_fail(l, ERR_TIMEOUT, ev, out);
    } else if (ev->kind == EV_GONE) {
        list_end(l, ERR_TIMEOUT, ev, out);
    } else if (ev->kind == EV_MORE) {
        l->wanted = true;
        list_serve(l, env, ev, out);
    } else if (ev->kind == EV_LINK_DOWN) {
        list_on_link_down(l, env, ev, out);
    } else if (ev->kind == EV_PEER && ev->u.peer.msg->kind == PEER_LISTED) {
        list_on_listed(l, env, ev, out);
    }
}

/* The replicas among which the buckets of a type are found: a bucket may have an n_val of its own,
 * and then the replicas beyond it have none of its keys. */
static uint32_t least_n_val(const struct document *document, const struct props *props,
                            struct bytes type)
{
    uint32_t least = props->n_val;

    for (uint32_t i = 0; i < document->buckets_count; i++) {
        const struct bucket_override *bucket = &document->buckets[i];
        if (bytes_eq(bucket->type, type) && bucket->props.n_val < least)
            least = bucket->props.n_val;
    }
    return least;
}

static void list_admit(struct listing *l, const struct list_env *env, const struct event *ev,
                       struct outbox *out)
{
    const struct props *props =
        env->view->document == NULL
            ? NULL
            : document_props(env->view->document, l->key.type, l->key.bucket);

    if (props == NULL) {
        list_fail(l, env->view->document == NULL ? ERR_ALL_NODES_DOWN : ERR_NO_TYPE, ev, out);
        return;
    }
    l->n_val =
        l->what == LIST_KEYS ? props->n_val : least_n_val(env->view->document, props, l->key.type);
    l->partitions = env->view->ring.partitions;
    coverage_plan(&l->coverage, env->view, l->n_val, l->m.id);
    for (unsigned i = 0; i < LIST_LANES_MAX; i++) {
        if (!lane_begin(l, &l->lanes[i], env, out)) {
            list_fail(l, ERR_INSUFFICIENT_VNODES, ev, out);
            return;
        }
    }
}

struct machine *list_new(const struct list_env *env, uint64_t id, struct asker asker,
                         const struct request *request, const struct event *ev, struct outbox *out)
{
    struct listing *l = mem_new(sizeof(*l));
    uint32_t timeout_ms = request->options.timeout_ms;

    ASSERT(request->kind == REQUEST_LIST_KEYS || request->kind == REQUEST_LIST_BUCKETS);
    ASSERT(id != 0);
    l->m.kind = MACHINE_LIST;
    l->m.id = id;
    l->m.asker = asker;
    l->m.started_us = ev->mono_us;
    l->m.deadline_us =
        ev->mono_us + (uint64_t)(timeout_ms == 0 ? LIST_TIMEOUT_MS : timeout_ms) * 1000;
    arena_init(&l->m.arena);
    map_init(&l->seen);
    for (unsigned i = 0; i < LIST_LANES_MAX; i++)
        arena_init(&l->lanes[i].arena);
    l->what = request->kind == REQUEST_LIST_KEYS ? LIST_KEYS : LIST_BUCKETS;
    l->key = key_copy(&l->m.arena, &request->key);
    l->wanted = true;
    list_admit(l, env, ev, out);
    return &l->m;
}

void list_free(struct machine *machine)
{
    struct listing *l = listing_of(machine);

    for (unsigned i = 0; i < LIST_LANES_MAX; i++)
        arena_done(&l->lanes[i].arena);
    map_done(&l->seen);
    arena_done(&l->m.arena);
    mem_free(l);
}
