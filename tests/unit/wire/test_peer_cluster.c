/* SPDX-License-Identifier: Apache-2.0 */
/* The cluster's talk: what goes in comes out, field by field; what is cut is refused; counts are
 * bounded before anything is allocated. */
#include "tap.h"

#include "base/encode.h"
#include "base/random.h"
#include "model/limits.h"
#include "msg/limits.h"
#include "wire/peer_cluster.h"

enum { ROUNDS = 300, BUF_MAX = 1 << 20, KINDS = TALK_ADMIN_ANSWER + 1 };

static struct random random;
static struct arena arena;

static uint64_t below(uint64_t bound)
{
    return random_below(&random, bound);
}

static uint64_t any(void)
{
    return random_u64(&random) >> below(64);
}

static bool coin(void)
{
    return below(2) == 1;
}

static struct bytes text(size_t max)
{
    size_t len = below(max + 1);
    uint8_t *data = arena_alloc(&arena, len + 1);

    random_bytes(&random, data, len);
    return bytes_of(data, len);
}

static enum err err_any(void)
{
    static const enum err errs[] = {ERR_STALE, ERR_REFUSED, ERR_UNREACHABLE, ERR_FULL};

    return errs[below(ARRAY_LEN(errs))];
}

static struct cluster_status *status_any(void)
{
    struct cluster_status *s = ARENA_NEW(&arena, struct cluster_status);
    struct status_member *members = arena_alloc_array(&arena, 3, sizeof(*members));
    struct status_staged *staged = arena_alloc_array(&arena, 2, sizeof(*staged));
    struct status_share *shares = arena_alloc_array(&arena, 3, sizeof(*shares));
    struct bytes *warnings = arena_alloc_array(&arena, 2, sizeof(*warnings));

    *s = (struct cluster_status){
        .cluster = {any(), any()},
        .lineage = any(),
        .epoch = any(),
        .hash = any(),
        .node = any(),
        .name = text(40),
        .joining = text(40),
        .active = coin(),
        .preparing = coin(),
        .forked = coin(),
        .slots = (uint32_t)below(5000),
        .partitions = (uint32_t)below(5000),
        .n_max = (uint32_t)below(17),
        .replicas = (uint32_t)below(17),
        .hints = {true, any(), any(), 100 + (uint32_t)below(100), (uint32_t)below(100)},
        .members = members,
        .members_count = (uint32_t)below(4),
        .staged = staged,
        .staged_count = (uint32_t)below(3),
    };
    for (int i = 0; i < 3; i++) {
        members[i] = (struct status_member){any(),
                                            text(50),
                                            text(50),
                                            text(NAME_BYTES_MAX),
                                            (uint32_t)below(1000),
                                            (enum status_state)below(4),
                                            coin(),
                                            coin(),
                                            coin(),
                                            (uint32_t)below(100000),
                                            (uint32_t)below(100000),
                                            any()};
        shares[i] = (struct status_share){any(), text(30), (uint32_t)below(99), (uint32_t)any()};
    }
    for (int i = 0; i < 2; i++) {
        staged[i] = (struct status_staged){
            (enum intent_kind)below(7), any(), text(20), text(20), text(20), (uint32_t)below(999)};
        warnings[i] = text(300);
    }
    s->plan = (struct status_plan){any(),    (uint32_t)any(),    shares, (uint32_t)below(4),
                                   warnings, (uint32_t)below(3), coin(), text(300)};
    return s;
}

static const struct gossip_record *records_any(uint32_t *ret_count)
{
    uint32_t count = (uint32_t)below(8);
    struct gossip_record *records = arena_alloc_array(&arena, count, sizeof(*records));

    for (uint32_t i = 0; i < count; i++)
        records[i] = (struct gossip_record){
            any(), any(), (enum liveness)below(3), any(), any(), coin(), coin(), any()};
    *ret_count = count;
    return records;
}

static void gossip_any(struct talk_gossip *m)
{
    uint32_t intents_count = (uint32_t)below(5);
    struct intent *intents = arena_alloc_array(&arena, intents_count, sizeof(*intents));

    for (uint32_t i = 0; i < intents_count; i++)
        intents[i] =
            (struct intent){any(), any(),    any(),    coin(),   (enum intent_kind)below(7),
                            any(), text(20), text(20), text(20), (uint32_t)any(),
                            any(), coin()};
    *m = (struct talk_gossip){.step = (enum gossip_step)below(4),
                              .epoch = any(),
                              .hash = any(),
                              .active = any(),
                              .digest = any(),
                              .intents = intents,
                              .intents_count = intents_count};
    m->records = records_any(&m->records_count);
}

static struct peer_cluster message_any(enum cluster_talk kind)
{
    struct peer_cluster m;

    memset(&m, 0, sizeof(m));
    m.kind = kind;
    m.cluster[0] = any();
    m.cluster[1] = any();
    m.lineage = any();
    switch (kind) {
    case TALK_PREPARE:
    case TALK_PROMISE:
    case TALK_ACCEPT:
    case TALK_ACCEPTED:
    case TALK_REFUSED:
        m.u.reg = (struct talk_register){any(), {any(), any()}, {any(), any()}, any(), text(3000)};
        break;
    case TALK_PULL:
    case TALK_DOCUMENT:
    case TALK_STORED:
        m.u.document = (struct talk_document){any(), any(), any(), any(), text(3000)};
        break;
    case TALK_GOSSIP: gossip_any(&m.u.gossip); break;
    case TALK_PING:
    case TALK_PING_FOR:
    case TALK_ACK:
    case TALK_NACK:
        m.u.probe = (struct talk_probe){any(), any(), NULL, 0};
        m.u.probe.records = records_any(&m.u.probe.records_count);
        break;
    case TALK_JOIN:
        m.u.join = (struct talk_join){any(),    (enum join_wish)below(3), text(20), text(20),
                                      text(20), (uint32_t)any(),          any()};
        break;
    case TALK_JOIN_ANSWER:
        m.u.join_answer = (struct talk_join_answer){any(), err_any(), text(200), text(900)};
        break;
    case TALK_FENCE: m.u.fence = (struct talk_fence){any(), any()}; break;
    case TALK_FENCED:
        m.u.fenced =
            (struct talk_fenced){any(), any(), err_any(), text(SLOTS_MAX / 8), any() % 2 == 1};
        break;
    case TALK_ADMIN:
        m.u.admin.seq = any();
        m.u.admin.request =
            (struct admin_request){(enum admin_verb)below(8), text(50), text(50), coin()};
        break;
    case TALK_ADMIN_ANSWER:
        m.u.admin_answer = (struct talk_admin_answer){any(), err_any(), text(200), NULL};
        if (coin()) {
            m.u.admin_answer.err = ERR_OK;
            m.u.admin_answer.status = status_any();
        }
        break;
    }
    return m;
}

static void encoded(struct buf *buf, const struct peer_cluster *m)
{
    buf_init(buf, BUF_MAX);
    peer_cluster_encode(buf, m);
    CHECK(!buf->overflow);
}

static enum err read_again(struct bytes bytes, struct peer_cluster *ret_msg)
{
    struct reader r = reader_of(bytes);
    enum err err = peer_cluster_decode(&arena, &r, ret_msg);

    return err == ERR_OK && !reader_end(&r) ? ERR_MALFORMED : err;
}

TEST(every_kind_comes_out_as_it_went_in)
{
    arena_init(&arena);
    random_init(&random, &(struct seed){{1}}, 0);
    for (int round = 0; round < ROUNDS; round++) {
        struct peer_cluster m = message_any((enum cluster_talk)(round % KINDS)), again;
        struct buf a, b;
        encoded(&a, &m);
        CHECK_EQ_FATAL(read_again(buf_bytes(&a), &again), ERR_OK);
        CHECK_EQ(again.kind, m.kind);
        encoded(&b, &again);
        CHECK_BYTES(a.data, a.len, b.data, b.len);
        buf_done(&a);
        buf_done(&b);
        arena_reset(&arena);
    }
    arena_done(&arena);
}

TEST(what_is_cut_is_refused)
{
    arena_init(&arena);
    random_init(&random, &(struct seed){{2}}, 0);
    for (int kind = 0; kind < KINDS; kind++) {
        struct peer_cluster m = message_any((enum cluster_talk)kind), again;
        struct buf a;
        encoded(&a, &m);
        size_t accepted = 0;
        for (size_t len = 0; len < a.len; len++)
            accepted += read_again(bytes_of(a.data, len), &again) == ERR_OK;
        CHECK_EQ(accepted, 0);
        buf_done(&a);
    }
    arena_done(&arena);
}

TEST(fields_of_the_register)
{
    struct peer_cluster m = {.kind = TALK_PROMISE, .cluster = {7, 8}, .lineage = 9}, again;
    struct buf a;

    arena_init(&arena);
    m.u.reg = (struct talk_register){1, {2, 3}, {4, 5}, 6, BYTES_LIT("value")};
    encoded(&a, &m);
    CHECK_EQ_FATAL(read_again(buf_bytes(&a), &again), ERR_OK);
    CHECK_EQ(again.cluster[0], 7);
    CHECK_EQ(again.cluster[1], 8);
    CHECK_EQ(again.lineage, 9);
    CHECK_EQ(again.u.reg.epoch, 1);
    CHECK_EQ(again.u.reg.ballot.counter, 2);
    CHECK_EQ(again.u.reg.ballot.node, 3);
    CHECK_EQ(again.u.reg.other.counter, 4);
    CHECK_EQ(again.u.reg.other.node, 5);
    CHECK_EQ(again.u.reg.known, 6);
    CHECK(bytes_eq(again.u.reg.document, BYTES_LIT("value")));
    buf_done(&a);
    arena_done(&arena);
}

TEST(fields_of_gossip)
{
    struct gossip_record record = {11, 12, LIVE_SUSPECT, 13, 14, true, false, 15};
    struct intent intent = {
        21, 22, 23,  true, INTENT_WEIGHT, 24, BYTES_LIT("n"), BYTES_LIT("a"), BYTES_LIT("l"),
        25, 26, true};
    struct peer_cluster m = {.kind = TALK_GOSSIP}, again;
    struct buf a;

    arena_init(&arena);
    m.u.gossip = (struct talk_gossip){GOSSIP_WHOLE, 1, 2, 3, 4, &record, 1, &intent, 1};
    encoded(&a, &m);
    CHECK_EQ_FATAL(read_again(buf_bytes(&a), &again), ERR_OK);
    const struct gossip_record *r = again.u.gossip.records;
    const struct intent *i = again.u.gossip.intents;
    CHECK_EQ(again.u.gossip.step, GOSSIP_WHOLE);
    CHECK_EQ(again.u.gossip.digest, 4);
    CHECK_EQ(again.u.gossip.epoch, 1);
    CHECK_EQ(again.u.gossip.hash, 2);
    CHECK_EQ(again.u.gossip.active, 3);
    CHECK(r->node == 11 && r->incarnation == 12 && r->state == LIVE_SUSPECT);
    CHECK(r->version == 13 && r->epoch == 14 && r->holds && !r->slow && r->accuser == 15);
    CHECK(i->tag == 21 && i->base == 22 && i->order == 23 && i->withdrawn);
    CHECK(i->kind == INTENT_WEIGHT && i->node == 24 && i->weight == 25);
    CHECK(i->other == 26 && i->force);
    CHECK(bytes_eq(i->name, intent.name) && bytes_eq(i->address, intent.address));
    CHECK(bytes_eq(i->location, intent.location));
    buf_done(&a);
    arena_done(&arena);
}

TEST(fields_of_a_nack)
{
    struct gossip_record record = {11, 12, LIVE_DOWN, 13, 14, false, true, 15};
    struct peer_cluster m = {.kind = TALK_NACK}, again;
    struct buf a;

    arena_init(&arena);
    m.u.probe = (struct talk_probe){1, 2, &record, 1};
    encoded(&a, &m);
    CHECK_EQ(a.data[0], 19);
    CHECK_EQ_FATAL(read_again(buf_bytes(&a), &again), ERR_OK);
    CHECK_EQ(again.kind, TALK_NACK);
    CHECK(again.u.probe.seq == 1 && again.u.probe.node == 2);
    CHECK_EQ_FATAL(again.u.probe.records_count, 1);
    const struct gossip_record *r = again.u.probe.records;
    CHECK(r->node == 11 && r->incarnation == 12 && r->state == LIVE_DOWN);
    CHECK(r->version == 13 && r->epoch == 14 && !r->holds && r->slow && r->accuser == 15);
    buf_done(&a);
    arena_done(&arena);
}

/* tests/unit/cluster/crowd.c reckons with these. */
TEST(sizes_of_what_detectors_say)
{
    struct gossip_record records[3] = {{.node = 1}, {.node = 2}, {.node = 3}};
    struct peer_cluster gossip = {.kind = TALK_GOSSIP}, probe = {.kind = TALK_ACK};

    for (uint32_t count = 0; count <= 3; count++) {
        struct buf a, b;
        gossip.u.gossip = (struct talk_gossip){.records = records, .records_count = count};
        probe.u.probe = (struct talk_probe){1, 2, records, count};
        encoded(&a, &gossip);
        encoded(&b, &probe);
        CHECK_EQ(a.len, 25 + 33 + 1 + 1 + 42 * count);
        CHECK_EQ(b.len, 25 + 16 + 1 + 42 * count);
        buf_done(&a);
        buf_done(&b);
    }
}

/* The layout is frozen: other releases read it. */
TEST(layout_of_a_fence)
{
    struct peer_cluster m = {.kind = TALK_FENCE, .cluster = {1, 2}, .lineage = 3};
    static const uint8_t want[] = {15, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0,
                                   0,  0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0};
    struct buf a;

    m.u.fence = (struct talk_fence){4, 5};
    encoded(&a, &m);
    CHECK_BYTES(a.data, a.len, want, sizeof(want));
    buf_done(&a);
}

TEST(counts_are_bounded_before_memory_is_taken)
{
    struct peer_cluster again;
    struct buf a;

    arena_init(&arena);
    buf_init(&a, BUF_MAX);
    buf_put_u8(&a, 9);
    for (int i = 0; i < 3; i++)
        buf_put_le64(&a, 1);
    buf_put_u8(&a, GOSSIP_NEWS);
    for (int i = 0; i < 4; i++)
        buf_put_le64(&a, 1);
    buf_put_varint(&a, UINT64_C(1) << 60);
    CHECK_EQ(read_again(buf_bytes(&a), &again), ERR_MALFORMED);
    CHECK(arena_total(&arena) < 4096);
    buf_reset(&a);
    buf_put_u8(&a, 10);
    for (int i = 0; i < 5; i++)
        buf_put_le64(&a, 1);
    buf_put_varint(&a, 1);
    CHECK_EQ(read_again(buf_bytes(&a), &again), ERR_MALFORMED);
    CHECK(arena_total(&arena) < 4096);
    buf_reset(&a);
    buf_put_u8(&a, 200);
    CHECK_EQ(read_again(buf_bytes(&a), &again), ERR_MALFORMED);
    buf_done(&a);
    arena_done(&arena);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(every_kind_comes_out_as_it_went_in),
        T(what_is_cut_is_refused),
        T(fields_of_the_register),
        T(fields_of_gossip),
        T(fields_of_a_nack),
        T(sizes_of_what_detectors_say),
        T(layout_of_a_fence),
        T(counts_are_bounded_before_memory_is_taken),
    };
    return tap_main(argc, argv, tests);
}
