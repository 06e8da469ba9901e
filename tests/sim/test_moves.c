/* SPDX-License-Identifier: Apache-2.0 */
/* Members leave, are replaced and die, while what they have is written; and whoever gives a replica
 * away, or takes it over, dies in the middle of it. */
#include <stdio.h>
#include <string.h>

#include "record/sys.h"
#include "sim/direct.h"
#include "sim/keys.h"
#include "sim/net.h"
#include "sim/node.h"
#include "sim/scenario.h"
#include "tap.h"

#define KEY BYTES_LIT("k")

enum {
    WRITERS = 4,
    VALUES_MAX = 48, /* all of them are siblings of one key */
    INSTANT_US = 20, /* less than any message or commit takes */
    PATIENCE_US = 60000000,
    SETTLED_MS = 60000,
    BODY_BYTES_MAX = 100,
};

/* ---- what operators ask ---- */

static bool change(struct world *w, unsigned at, const char *path, unsigned of)
{
    char body[BODY_BYTES_MAX];

    snprintf(body, sizeof(body), "{\"name\":\"%s\"}", w->nodes[of]->name);
    return scenario_admin(w, at, path, body);
}

static bool replace(struct world *w, unsigned at, const char *path, unsigned of, unsigned by)
{
    char body[BODY_BYTES_MAX];

    snprintf(body, sizeof(body), "{\"name\":\"%s\",\"by\":\"%s\"}", w->nodes[of]->name,
             w->nodes[by]->name);
    return scenario_admin(w, at, path, body);
}

static bool join(struct world *w, unsigned joiner, unsigned at)
{
    char body[BODY_BYTES_MAX];

    snprintf(body, sizeof(body), "{\"address\":\"%s\"}", w->nodes[at]->address);
    return scenario_admin(w, joiner, "cluster/join", body);
}

static uint32_t members(struct world *w, unsigned by)
{
    return shard_view(w->nodes[by]->shard)->document->members_count;
}

static bool wait_members(struct world *w, unsigned by, uint32_t count)
{
    for (uint32_t ms = 0; ms < SETTLED_MS && members(w, by) != count; ms += 100)
        scenario_run_ms(w, 100);
    return members(w, by) == count;
}

/* ---- writers that do not wait for one another: no value replaces another ---- */

struct stream {
    struct direct *writers[WRITERS];
    char values[VALUES_MAX][8];
    uint32_t asked, acknowledged;
};

static struct stream stream_new(struct world *w)
{
    struct stream s = {.asked = 0};

    for (unsigned i = 0; i < WRITERS; i++)
        s.writers[i] = direct_new(w);
    return s;
}

/* One value by each writer, each at one of the nodes. */
static void stream_begin(struct world *w, struct stream *s, const unsigned nodes[WRITERS])
{
    for (unsigned i = 0; i < WRITERS; i++) {
        char *value = s->values[s->asked];
        snprintf(value, sizeof(s->values[0]), "v%u", s->asked++);
        const struct question question = {
            .ask = ASK_PUT, .bucket = BUCKET_TWINS, .key = KEY, .value = bytes_str(value)};
        direct_begin(w, s->writers[i], nodes[i], CONN_PB, &question);
    }
}

static void stream_wait(struct world *w, struct stream *s)
{
    for (unsigned i = 0; i < WRITERS; i++) {
        const struct answer *answer = direct_wait(w, s->writers[i]);
        s->acknowledged += answer != NULL && !answer->failed;
    }
}

static void stream_write(struct world *w, struct stream *s, const unsigned nodes[WRITERS])
{
    stream_begin(w, s, nodes);
    stream_wait(w, s);
}

static void stream_free(struct world *w, struct stream *s)
{
    for (unsigned i = 0; i < WRITERS; i++)
        direct_free(w, s->writers[i]);
}

/* ---- moments ---- */

/* All that a node has goes to the only one that has no replica of the key; one at a time. */
struct retreat {
    struct world *w;
    unsigned from, to, stays, also;
    uint32_t partition;
};

static struct retreat retreat_new(void)
{
    struct world *w = scenario_new(4);
    struct retreat r = {.w = w};

    w->config.transfers_max = 1;
    r.from = scenario_replica(w, BUCKET_TWINS, KEY, 0);
    r.stays = scenario_replica(w, BUCKET_TWINS, KEY, 1);
    r.also = scenario_replica(w, BUCKET_TWINS, KEY, 2);
    r.to = scenario_stranger(w, BUCKET_TWINS, KEY, 0);
    r.partition = scenario_partition(w, r.stays, BUCKET_TWINS, KEY);
    CHECK(scenario_put(w, r.stays, BUCKET_TWINS, KEY, "before"));
    CHECK(scenario_set_weight(w, r.stays, r.from, 0));
    return r;
}

static bool find_row(void *partition, struct bytes key, struct bytes value)
{
    uint32_t *wanted = partition, of;

    (void)value;
    if (sys_move_row(key, &of) && of == *wanted)
        *wanted = UINT32_MAX;
    return true;
}

/* Whether the row which says that the replica was given away is written, maybe not yet synced. */
static bool row_written(const struct retreat *r)
{
    uint32_t partition = r->partition;

    disk_each(&r->w->nodes[r->from]->disk, FAMILY_SYS, find_row, &partition);
    return partition == UINT32_MAX;
}

static uint64_t told(const struct retreat *r, enum trace_kind kind)
{
    return r->w->tally.traces[kind];
}

/* Until the row is written. */
static bool run_until_given(struct retreat *r)
{
    uint64_t until = r->w->now_us + PATIENCE_US;

    while (!row_written(r) && r->w->now_us < until)
        world_run(r->w, r->w->now_us + INSTANT_US);
    return r->w->now_us < until;
}

/* Until the row is on stable storage, and nobody but its node knows. */
static bool run_until_away(struct retreat *r)
{
    struct world *w = r->w;
    uint64_t until = w->now_us + PATIENCE_US;

    if (!run_until_given(r))
        return false;
    uint64_t away = told(r, TRACE_MOVE_AWAY);
    while (told(r, TRACE_MOVE_AWAY) == away && w->now_us < until)
        world_run(w, w->now_us + INSTANT_US);
    return w->now_us < until;
}

/* Until the new owner knows it too, and has told nobody. */
static bool run_until_ready(struct retreat *r)
{
    uint64_t until = r->w->now_us + PATIENCE_US;

    if (!run_until_away(r))
        return false;
    uint64_t ready = told(r, TRACE_MOVE_READY);
    while (told(r, TRACE_MOVE_READY) == ready && r->w->now_us < until)
        world_run(r->w, r->w->now_us + INSTANT_US);
    return r->w->now_us < until;
}

/* Until the new owner copies: its disk stands still, so the copy does not come to its end. */
static bool run_until_copying(struct retreat *r)
{
    struct world *w = r->w;

    w->nodes[r->to]->disk.stalled_until_us = w->now_us + 3000000;
    scenario_run_ms(w, 300);
    return shard_moves(w->nodes[r->to]->shard) && !row_written(r);
}

/* Which replicas answer for the place: the list names the old owner still. */
static bool listed(const struct retreat *r, unsigned node)
{
    for (uint32_t i = 0; i < SIM_N_VAL; i++) {
        if (scenario_replica(r->w, BUCKET_TWINS, KEY, i) == node)
            return true;
    }
    return false;
}

static void ends_moved(struct retreat *r, uint32_t values)
{
    struct world *w = r->w;

    CHECK(scenario_ends_well(w));
    CHECK(listed(r, r->to));
    CHECK(!listed(r, r->from));
    CHECK_EQ(scenario_read_all(w, r->stays, BUCKET_TWINS, KEY), values);
    CHECK_EQ(scenario_read_all(w, r->from, BUCKET_TWINS, KEY), values);
    CHECK(scenario_ends_well(w));
    scenario_free(w);
}

static bool run_until_moved(struct retreat *r)
{
    uint64_t until = r->w->now_us + PATIENCE_US;

    while (!listed(r, r->to) && r->w->now_us < until)
        scenario_run_ms(r->w, 1);
    return r->w->now_us < until;
}

/* ---- members that go ---- */

TEST(a_member_leaves_under_writes_and_is_gone)
{
    struct world *w = scenario_new(4);
    struct stream s = stream_new(w);
    unsigned leaver = scenario_replica(w, BUCKET_TWINS, KEY, 0);
    unsigned stays = scenario_replica(w, BUCKET_TWINS, KEY, 1);
    const unsigned first[WRITERS] = {leaver, stays, 0, 3};
    const unsigned rest[WRITERS] = {stays, stays, (leaver + 1) % 4, (leaver + 2) % 4};

    stream_write(w, &s, first);
    CHECK(change(w, stays, "cluster/leave", leaver));
    CHECK(scenario_commit(w, stays));
    for (unsigned i = 0; i < 5; i++) {
        stream_write(w, &s, first);
        scenario_run_ms(w, 2);
    }
    CHECK(wait_members(w, stays, 3));
    scenario_run_ms(w, 1000);
    CHECK(node_gone(w, w->nodes[leaver]));
    stream_write(w, &s, rest);
    CHECK_EQ(s.acknowledged, s.asked);
    CHECK(!scenario_put(w, leaver, BUCKET_TWINS, KEY, "by nobody"));
    CHECK(scenario_ends_well(w));
    CHECK_EQ(scenario_read_all(w, stays, BUCKET_TWINS, KEY), s.acknowledged);
    stream_free(w, &s);
    scenario_free(w);
}

TEST(a_member_is_replaced_by_a_joiner)
{
    struct world *w = scenario_new_late(4, 1);
    struct stream s = stream_new(w);
    const unsigned all[WRITERS] = {0, 1, 2, 0}, rest[WRITERS] = {1, 2, 3, 3};

    stream_write(w, &s, all);
    CHECK(join(w, 3, 1));
    CHECK(replace(w, 1, "cluster/replace", 0, 3));
    CHECK(scenario_commit(w, 1));
    CHECK_EQ(members(w, 1), 4);
    for (unsigned i = 0; i < 5; i++)
        stream_write(w, &s, all);
    CHECK(wait_members(w, 1, 3));
    scenario_run_ms(w, 1000);
    CHECK(node_gone(w, w->nodes[0]));
    CHECK(node_serves(w, w->nodes[3]));
    stream_write(w, &s, rest);
    CHECK_EQ(s.acknowledged, s.asked);
    CHECK(scenario_ends_well(w));
    CHECK_EQ(scenario_read_all(w, 3, BUCKET_TWINS, KEY), s.acknowledged);
    stream_free(w, &s);
    scenario_free(w);
}

TEST(a_member_whose_disk_is_lost_is_replaced_by_force)
{
    struct world *w = scenario_new_late(4, 1);
    struct stream s = stream_new(w);
    const unsigned all[WRITERS] = {0, 1, 2, 0}, rest[WRITERS] = {1, 2, 1, 2};
    const unsigned dead = 0;

    stream_write(w, &s, all);
    scenario_wipe(w, dead);
    CHECK(scenario_kill(w, &dead, 1));
    stream_write(w, &s, rest);
    CHECK(join(w, 3, 1));
    CHECK(replace(w, 1, "cluster/force-replace", dead, 3));
    CHECK(scenario_commit(w, 1));
    for (unsigned i = 0; i < 5; i++)
        stream_write(w, &s, rest);
    CHECK(wait_members(w, 1, 3));
    CHECK_EQ(s.acknowledged, s.asked);
    CHECK(scenario_ends_well(w));
    for (unsigned node = 1; node < 4; node++)
        CHECK_EQ(scenario_read_all(w, node, BUCKET_TWINS, KEY), s.acknowledged);
    CHECK(scenario_ends_well(w));
    stream_free(w, &s);
    scenario_free(w);
}

/* It has what was deleted meanwhile, and a document that names it. */
TEST(a_removed_node_comes_back_and_is_refused)
{
    struct world *w = scenario_new(4);
    unsigned removed = scenario_replica(w, BUCKET_TWINS, KEY, 0);
    unsigned stays = scenario_replica(w, BUCKET_TWINS, KEY, 1);
    const struct question read = {.ask = ASK_GET, .bucket = BUCKET_TWINS, .key = KEY};
    const struct question one_copy = {.ask = ASK_GET, .bucket = BUCKET_TWINS, .key = KEY, .r = 1};
    const struct question by_nobody = {.ask = ASK_PUT,
                                       .bucket = BUCKET_TWINS,
                                       .key = KEY,
                                       .value = BYTES_LIT("by nobody"),
                                       .w = 1,
                                       .dw = 1};
    struct question delete = {.ask = ASK_DELETE, .bucket = BUCKET_TWINS, .key = KEY};
    uint8_t context[100];

    CHECK(scenario_put(w, stays, BUCKET_TWINS, KEY, "old"));
    scenario_run_ms(w, 100);
    CHECK(scenario_kill(w, &removed, 1));
    CHECK(change(w, stays, "cluster/force-remove", removed));
    CHECK(scenario_commit(w, stays));
    CHECK(wait_members(w, stays, 3));
    const struct answer *answer = scenario_ask(w, stays, &read);
    CHECK(answer != NULL && answer->count == 1 && answer->vclock.len <= sizeof(context));
    delete.vclock = bytes_of(context, answer->vclock.len);
    memcpy(context, answer->vclock.data, answer->vclock.len);
    answer = scenario_ask(w, stays, &delete);
    CHECK(answer != NULL && !answer->failed);

    node_start(w, w->nodes[removed]);
    scenario_run_ms(w, 20000);
    CHECK_EQ(members(w, stays), 3);
    CHECK(node_gone(w, w->nodes[removed]));
    answer = scenario_ask(w, removed, &one_copy);
    CHECK(answer == NULL || answer->failed);
    answer = scenario_ask(w, removed, &by_nobody);
    CHECK(answer == NULL || answer->failed);
    CHECK_EQ(scenario_read_all(w, stays, BUCKET_TWINS, KEY), 0);
    CHECK(scenario_ends_well(w));
    answer = scenario_ask(w, stays, &read);
    CHECK(answer != NULL && !answer->failed && answer->count == 0);
    scenario_free(w);
}

/* ---- deaths in the middle of a move ---- */

TEST(the_old_owner_dies_while_it_is_copied)
{
    struct retreat r = retreat_new();

    CHECK(scenario_commit(r.w, r.stays));
    CHECK(run_until_copying(&r));
    CHECK(scenario_put(r.w, r.also, BUCKET_TWINS, KEY, "relayed"));
    CHECK(scenario_kill(r.w, &r.from, 1));
    CHECK(scenario_put(r.w, r.stays, BUCKET_TWINS, KEY, "missed"));
    CHECK(listed(&r, r.from));
    CHECK(scenario_revive(r.w));
    ends_moved(&r, 3);
}

TEST(the_old_owner_dies_when_it_has_given_it_away)
{
    struct retreat r = retreat_new();

    CHECK(scenario_commit(r.w, r.stays));
    CHECK(run_until_away(&r));
    node_crash(r.w, r.w->nodes[r.from]);
    CHECK(row_written(&r));
    node_start(r.w, r.w->nodes[r.from]);
    CHECK(scenario_put(r.w, r.also, BUCKET_TWINS, KEY, "after"));
    ends_moved(&r, 2);
}

TEST(the_new_owner_dies_while_it_copies)
{
    struct retreat r = retreat_new();

    CHECK(scenario_commit(r.w, r.stays));
    CHECK(run_until_copying(&r));
    CHECK(scenario_put(r.w, r.also, BUCKET_TWINS, KEY, "relayed"));
    CHECK(scenario_kill(r.w, &r.to, 1));
    CHECK(scenario_put(r.w, r.from, BUCKET_TWINS, KEY, "missed"));
    CHECK(!row_written(&r));
    CHECK(scenario_revive(r.w));
    ends_moved(&r, 3);
}

TEST(the_new_owner_dies_before_the_epoch_names_it)
{
    struct retreat r = retreat_new();

    CHECK(scenario_commit(r.w, r.stays));
    CHECK(run_until_ready(&r));
    node_crash(r.w, r.w->nodes[r.to]);
    CHECK(listed(&r, r.from));
    CHECK(scenario_put(r.w, r.stays, BUCKET_TWINS, KEY, "meanwhile"));
    CHECK(scenario_revive(r.w));
    /* What was handed on to the dead is lost; two others have it, and a read brings it. */
    CHECK(run_until_moved(&r));
    CHECK_EQ(scenario_read_all(r.w, r.stays, BUCKET_TWINS, KEY), 2);
    scenario_run_ms(r.w, 1000);
    ends_moved(&r, 2);
}

/* ---- moves that are not wanted any more ---- */

/* What the new owner knows does not get beyond one other, who is no majority with it; so the epoch
 * that names it is not decided, and writes go by way of the old owner. Then the plan is taken
 * back. */
TEST(what_was_given_away_is_taken_back)
{
    struct retreat r = retreat_new();
    struct world *w = r.w;
    const struct question write = {.ask = ASK_PUT,
                                   .bucket = BUCKET_TWINS,
                                   .key = KEY,
                                   .value = BYTES_LIT("taken by the new owner"),
                                   .w = 2,
                                   .dw = 2,
                                   .no_fallbacks = true};

    CHECK(scenario_commit(w, r.stays));
    CHECK(run_until_ready(&r));
    net_cut(w, r.to, r.from, true);
    net_cut(w, r.to, r.also, true);
    w->nodes[r.also]->disk.stalled_until_us = w->now_us + 200000;
    const struct answer *answer = scenario_ask(w, r.stays, &write);
    CHECK(answer != NULL && !answer->failed);
    CHECK(w->now_us < w->nodes[r.also]->disk.stalled_until_us);
    CHECK(listed(&r, r.from));
    uint32_t epochs = w->epochs_count;
    CHECK(scenario_set_weight(w, r.stays, r.from, 100));
    CHECK(scenario_set_weight(w, r.stays, r.to, 0));
    CHECK(scenario_commit(w, r.stays));
    CHECK(w->epochs_count > epochs);
    CHECK(row_written(&r));
    net_heal(w);
    CHECK(scenario_ends_well(w));
    CHECK(listed(&r, r.from));
    CHECK(!row_written(&r));
    CHECK_EQ(scenario_read_all(w, r.stays, BUCKET_TWINS, KEY), 2);
    CHECK_EQ(told(&r, TRACE_READ_REPAIR), 0);
    scenario_free(w);
}

/* It is written while the replica is copied, while its old owner waits for what is in flight, when
 * that has given it away and no epoch says so, and after that. */
TEST(a_stream_of_writes_during_a_take_over_loses_nothing)
{
    struct retreat r = retreat_new();
    struct world *w = r.w;
    struct stream s = stream_new(w);
    const unsigned nodes[WRITERS] = {r.from, r.stays, r.also, r.to};
    uint64_t until = w->now_us + PATIENCE_US;

    CHECK(scenario_commit(w, r.stays));
    CHECK(run_until_copying(&r));
    for (unsigned i = 0; i < 4; i++)
        stream_write(w, &s, nodes);
    CHECK(!row_written(&r));
    uint64_t stalled_until = w->nodes[r.to]->disk.stalled_until_us;
    CHECK(w->now_us < stalled_until);
    /* The relays wait for the disk, and the old owner for them. */
    stream_begin(w, &s, nodes);
    world_run(w, stalled_until);
    while (!row_written(&r) && w->now_us < until && s.asked + 3 * WRITERS < VALUES_MAX) {
        stream_wait(w, &s);
        stream_begin(w, &s, nodes);
        world_run(w, w->now_us + 10 * INSTANT_US);
    }
    CHECK(run_until_given(&r));
    CHECK(listed(&r, r.from));
    stream_wait(w, &s);
    stream_write(w, &s, nodes);
    CHECK(listed(&r, r.from));
    CHECK(run_until_moved(&r));
    stream_write(w, &s, nodes);
    CHECK_EQ(s.acknowledged, s.asked);
    stream_free(w, &s);
    ends_moved(&r, s.acknowledged + 1);
}

/* A write that one replica alone has is in flight there when the replica is taken over, and what is
 * relayed of it does not get to the other's disk. Who reads from all must find it at any time. */
TEST(a_write_in_flight_holds_the_take_over)
{
    struct retreat r = retreat_new();
    struct world *w = r.w;
    struct direct *writer = direct_new(w);
    const struct question alone = {.ask = ASK_PUT,
                                   .bucket = BUCKET_TWINS,
                                   .key = KEY,
                                   .value = BYTES_LIT("alone"),
                                   .w = 1,
                                   .dw = 1};

    w->config.transfers_max = 16;
    CHECK(scenario_commit(w, r.stays));
    CHECK(run_until_copying(&r));
    struct disk *from = &w->nodes[r.from]->disk, *to = &w->nodes[r.to]->disk;
    uint64_t copied_us = to->stalled_until_us;
    world_run(w, copied_us - 20000);
    net_cut(w, r.from, r.stays, true);
    net_cut(w, r.from, r.also, true);
    from->stalled_until_us = copied_us + 100000;
    direct_begin(w, writer, r.from, CONN_PB, &alone);
    world_run(w, copied_us + 50000);
    to->stalled_until_us = copied_us + 2000000;
    const struct answer *answer = direct_wait(w, writer);
    CHECK(answer != NULL && !answer->failed);
    scenario_run_ms(w, 20);
    CHECK(w->now_us < to->stalled_until_us);
    node_crash(w, w->nodes[r.to]);
    node_start(w, w->nodes[r.to]);
    net_heal(w);
    scenario_run_ms(w, 500);
    CHECK_EQ(scenario_read_all(w, r.stays, BUCKET_TWINS, KEY), 2);
    direct_free(w, writer);
    ends_moved(&r, 2);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(a_member_leaves_under_writes_and_is_gone),
        T(a_member_is_replaced_by_a_joiner),
        T(a_member_whose_disk_is_lost_is_replaced_by_force),
        T(a_removed_node_comes_back_and_is_refused),
        T(the_old_owner_dies_while_it_is_copied),
        T(the_old_owner_dies_when_it_has_given_it_away),
        T(the_new_owner_dies_while_it_copies),
        T(the_new_owner_dies_before_the_epoch_names_it),
        T(what_was_given_away_is_taken_back),
        T(a_stream_of_writes_during_a_take_over_loses_nothing),
        T(a_write_in_flight_holds_the_take_over),
    };
    return tap_main(argc, argv, tests);
}
