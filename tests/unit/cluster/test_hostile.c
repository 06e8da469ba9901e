/* SPDX-License-Identifier: Apache-2.0 */
/* A node to which anybody says anything: messages that are well formed and make no sense, from
 * members and strangers. It may refuse, and call a fork a fork; it must not fall. */
#include "base/check.h"
#include "cluster/cluster.h"
#include "model/draft.h"
#include "msg/token.h"
#include "record/document.h"
#include "tap.h"

enum { SEEDS = 150, MESSAGES = 400, ROWS_MAX = 8, PEERS = 4 };

struct victim {
    struct config config;
    struct cluster *cluster;
    struct random random;
    struct arena arena; /* of one message */
    uint64_t now_us;
    uint64_t self;
    uint64_t peers[PEERS];
    uint8_t holds[512];
    uint64_t token; /* of the commit under way, 0: none */
    uint32_t answered;
    struct document *last; /* the last that was seen */
};

static uint64_t below(struct victim *v, uint64_t bound)
{
    return random_below(&v->random, bound);
}

static void run(struct victim *v, struct event *ev);

static void execute(struct victim *v, struct outbox *out)
{
    for (size_t i = 0; i < out->count; i++) {
        struct output output = out->items[i];
        if (output.kind == OUT_SEND && output.u.send.to == v->self) {
            struct event own = {.kind = EV_PEER, .mono_us = v->now_us};
            own.u.peer.from = v->self;
            own.u.peer.msg = &output.u.send.msg;
            cluster_step(v->cluster, &own, out);
        } else if (output.kind == OUT_STORE) {
            CHECK_EQ(v->token, 0);
            v->token = output.u.store.token;
        } else if (output.kind == OUT_REPLY) {
            v->answered++;
        }
    }
}

static void run(struct victim *v, struct event *ev)
{
    struct outbox out;

    ev->mono_us = v->now_us;
    outbox_init(&out);
    cluster_set_facts(v->cluster, &(struct cluster_facts){.holds = v->holds,
                                                          .holds_any = v->holds[0] != 0,
                                                          .hints = {.any = v->holds[1] != 0},
                                                          .slow = v->holds[2] != 0});
    cluster_step(v->cluster, ev, &out);
    execute(v, &out);
    outbox_done(&out);
}

static const struct document *document_of(struct victim *v)
{
    return cluster_view(v->cluster)->document;
}

/* A number that might mean something. */
static uint64_t number(struct victim *v)
{
    const struct document *d = document_of(v);
    uint64_t pool[] = {0,
                       1,
                       2,
                       d->epoch,
                       d->epoch + 1,
                       d->epoch + 2,
                       d->hash,
                       d->previous,
                       UINT64_MAX,
                       UINT64_MAX / 2,
                       (uint64_t)1 << 24,
                       v->self,
                       v->peers[below(v, PEERS)],
                       random_u64(&v->random),
                       d->preparing};

    return pool[below(v, ARRAY_LEN(pool))];
}

static struct bytes text(struct victim *v)
{
    static const char *const pool[] = {"", "n0", "peer1", "host:1", "x"};

    return bytes_str(pool[below(v, ARRAY_LEN(pool))]);
}

/* A document that is none, the present one, a sound successor, or one with somebody else in it. */
static struct bytes document_any(struct victim *v)
{
    const struct document *d = document_of(v);
    struct document *draft = below(v, 3) == 0 ? draft_next(v->last) : draft_next(d);
    struct member members[3] = {d->members[0]};
    uint16_t place[16 * 3];
    struct buf buf;

    buf_init(&buf, DOCUMENT_BYTES_MAX);
    if (below(v, 3) == 0)
        draft->previous = number(v);
    if (below(v, 4) == 0)
        draft->epoch = number(v) | 1;
    if (below(v, 4) == 0)
        draft->preparing = number(v);
    if (below(v, 8) == 0)
        draft->lineage++;
    if (below(v, 3) == 0) {
        uint32_t count = 2 + (uint32_t)below(v, 2);
        for (uint32_t i = 1; i < count; i++)
            members[i] = (struct member){.id = v->peers[i],
                                         .name = bytes_str(i == 1 ? "peer1" : "peer2"),
                                         .address = bytes_str(i == 1 ? "p:1" : "p:2"),
                                         .weight = 100};
        if (below(v, 5) == 0)
            members[0].id = v->peers[0];
        for (uint32_t i = 0; i < 16 * 3; i++)
            place[i] = (uint16_t)(i % 3 < count ? i % 3 : RING_NOBODY);
        draft_set_members(draft, members, count, 3, place, NULL);
    }
    document_seal(draft);
    document_put(&buf, draft);
    struct bytes bytes = arena_copy(&v->arena, buf_bytes(&buf));
    buf_done(&buf);
    document_free(draft);
    return below(v, 8) == 0 ? bytes_sub(bytes, 0, below(v, bytes.len)) : bytes;
}

static struct ballot ballot(struct victim *v, uint64_t from)
{
    uint64_t counter = below(v, 2) == 0 ? below(v, 5) << 24 : number(v);

    return (struct ballot){counter, below(v, 3) > 0 ? from : number(v)};
}

static const struct gossip_record *records_any(struct victim *v, uint32_t *ret_count)
{
    struct gossip_record *records = arena_alloc_array(&v->arena, 4, sizeof(*records));

    for (int i = 0; i < 4; i++)
        records[i] = (struct gossip_record){number(v),   number(v), (enum liveness)below(v, 3),
                                            number(v),   number(v), below(v, 2),
                                            below(v, 2), number(v)};
    *ret_count = (uint32_t)below(v, 5);
    return records;
}

static void gossip(struct victim *v, struct talk_gossip *m)
{
    struct intent *intents = arena_alloc_array(&v->arena, 4, sizeof(*intents));

    for (int i = 0; i < 4; i++) {
        intents[i] = (struct intent){
            number(v), number(v),  number(v), below(v, 2), (enum intent_kind)below(v, 7),
            number(v), text(v),    text(v),   text(v),     (uint32_t)number(v),
            number(v), below(v, 2)};
    }
    *m = (struct talk_gossip){.step = (enum gossip_step)below(v, 4),
                              .epoch = number(v),
                              .hash = number(v),
                              .active = number(v),
                              .digest = number(v),
                              .intents = intents,
                              .intents_count = (uint32_t)below(v, 5)};
    m->records = records_any(v, &m->records_count);
    /* Else nothing but the document would ever be compared. */
    if (below(v, 2) == 0) {
        m->epoch = document_of(v)->epoch;
        m->hash = document_of(v)->hash;
    }
}

static void fill(struct victim *v, uint64_t from, struct peer_cluster *m)
{
    switch (m->kind) {
    case TALK_PREPARE:
    case TALK_PROMISE:
    case TALK_ACCEPT:
    case TALK_ACCEPTED:
    case TALK_REFUSED:
        m->u.reg = (struct talk_register){number(v), ballot(v, from), ballot(v, from), number(v),
                                          document_any(v)};
        break;
    case TALK_PULL:
    case TALK_DOCUMENT:
    case TALK_STORED:
        m->u.document = (struct talk_document){number(v), number(v), below(v, 3) ? 0 : number(v),
                                               number(v), document_any(v)};
        break;
    case TALK_GOSSIP: gossip(v, &m->u.gossip); break;
    case TALK_PING:
    case TALK_PING_FOR:
    case TALK_ACK:
    case TALK_NACK:
        m->u.probe = (struct talk_probe){number(v), number(v), NULL, 0};
        m->u.probe.records = records_any(v, &m->u.probe.records_count);
        break;
    case TALK_JOIN:
        m->u.join = (struct talk_join){
            number(v), (enum join_wish)below(v, 3), text(v), text(v), text(v), 100, number(v)};
        break;
    case TALK_JOIN_ANSWER:
        m->u.join_answer = (struct talk_join_answer){number(v), below(v, 2) ? ERR_OK : ERR_REFUSED,
                                                     text(v), document_any(v)};
        break;
    case TALK_FENCE: m->u.fence = (struct talk_fence){number(v), number(v)}; break;
    case TALK_FENCED:
        m->u.fenced = (struct talk_fenced){number(v), number(v), below(v, 2) ? ERR_OK : ERR_STALE,
                                           bytes_of(v->holds, below(v, 40)), below(v, 2) == 1};
        break;
    case TALK_ADMIN:
        m->u.admin.seq = number(v);
        m->u.admin.request =
            (struct admin_request){(enum admin_verb)below(v, 8), text(v), text(v), below(v, 2)};
        break;
    case TALK_ADMIN_ANSWER:
        m->u.admin_answer = (struct talk_admin_answer){number(v), ERR_STALE, text(v), NULL};
        break;
    }
}

static void say_anything(struct victim *v)
{
    const struct document *d = document_of(v);
    uint64_t from = v->peers[below(v, PEERS)];
    struct event ev = {.kind = EV_PEER};
    struct peer_msg msg = {.kind = PEER_CLUSTER};
    struct peer_cluster *m = &msg.u.cluster;

    *m = (struct peer_cluster){.kind = (enum cluster_talk)below(v, TALK_ADMIN_ANSWER + 1),
                               .cluster = {d->cluster[0], d->cluster[1]},
                               .lineage = d->lineage};
    if (below(v, 10) == 0)
        m->cluster[0] = 77;
    fill(v, from, m);
    ev.u.peer.from = from;
    ev.u.peer.msg = &msg;
    run(v, &ev);
}

static void do_anything(struct victim *v)
{
    struct event ev = {.kind = EV_TIME};

    switch (below(v, 12)) {
    case 0:
        ev.kind = EV_LINK_UP;
        ev.u.link.node = v->peers[below(v, PEERS)];
        ev.u.link.hello = (struct peer_hello){.node = ev.u.link.node,
                                              .cluster = {number(v), number(v)},
                                              .lineage = 1,
                                              .epoch = number(v),
                                              .name = text(v),
                                              .address = text(v)};
        ev.u.link.dialed = below(v, 2) ? bytes_str("host:1") : BYTES_NONE;
        break;
    case 1:
        ev.kind = EV_LINK_DOWN;
        ev.u.link.node = v->peers[below(v, PEERS)];
        break;
    case 2:
        ev.kind = EV_DIAL_FAILED;
        ev.u.dial_failed = bytes_str("host:1");
        break;
    case 3:
    case 4:
    case 5: v->now_us += below(v, 900000); break;
    default: say_anything(v); return; /* not an enum */
    }
    run(v, &ev);
}

static void ask_anything(struct victim *v)
{
    struct request request = {.kind = REQUEST_ADMIN};
    struct event ev = {.kind = EV_TIME, .mono_us = v->now_us};
    struct outbox out;

    request.u.admin.verb = (enum admin_verb)below(v, ADMIN_FORCE_REPLACE + 1);
    request.u.admin.target = text(v);
    request.u.admin.value = below(v, 2) ? bytes_str("7") : text(v);
    outbox_init(&out);
    cluster_request(v->cluster, (struct asker){ASKER_SESSION, 1, 1}, &request, &ev, &out);
    execute(v, &out);
    outbox_done(&out);
}

static void complete(struct victim *v)
{
    struct event ev = {.kind = EV_STORED};

    ev.u.stored.token = v->token;
    ev.u.stored.err = below(v, 10) == 0 ? ERR_NO_SPACE : ERR_OK;
    v->token = 0;
    run(v, &ev);
}

static void keep_last(struct victim *v)
{
    if (v->last != NULL && v->last->hash == document_of(v)->hash)
        return;
    document_free(v->last);
    v->last = draft_next(document_of(v));
    v->last->epoch--;
    v->last->previous = document_of(v)->previous;
    document_seal(v->last);
}

static void torment(uint64_t seed)
{
    struct victim v = {.now_us = 1000, .peers = {11, 22, 33, 44}};
    struct event start = {.kind = EV_START, .mono_us = 1000};
    struct seed root = seed_of(seed);
    struct peer_hello hello;
    struct outbox out;

    config_init(&v.config);
    v.config.ring_size = 16;
    v.config.slots = 64;
    random_init(&v.random, &root, 9);
    arena_init(&v.arena);
    v.cluster = cluster_new(
        &(struct cluster_options){&v.config, root, bytes_str("n0"), bytes_str("host0:1")});
    outbox_init(&out);
    CHECK_EQ(cluster_start(v.cluster, NULL, 0, &start, &out), ERR_OK);
    cluster_hello(v.cluster, &hello);
    v.self = hello.node;
    execute(&v, &out);
    outbox_done(&out);
    while (document_of(&v) == NULL) {
        struct event later = {.kind = EV_TIME};
        v.now_us += 1000000;
        if (v.token != 0)
            complete(&v);
        else
            run(&v, &later);
    }
    for (int i = 0; i < MESSAGES; i++) {
        keep_last(&v);
        if (v.token != 0 && below(&v, 3) == 0)
            complete(&v);
        if (below(&v, 10) == 0)
            ask_anything(&v);
        do_anything(&v);
        arena_reset(&v.arena);
    }
    CHECK(document_of(&v)->epoch >= 1);
    CHECK(v.answered > 0);
    document_free(v.last);
    cluster_free(v.cluster);
    arena_done(&v.arena);
}

TEST(nothing_that_is_said_fells_a_node)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        torment(seed);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {T(nothing_that_is_said_fells_a_node)};

    return tap_main(argc, argv, tests);
}
