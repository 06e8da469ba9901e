/* SPDX-License-Identifier: Apache-2.0 */
/* Dots: never one twice, none beyond a durable lease, none that would cover a lost one; over
 * crashes, failed commits, clean stops and stores that were rolled back. */
#include <string.h>

#include "base/check.h"
#include "model/limits.h"
#include "record/keys.h"
#include "record/object.h"
#include "record/sys.h"
#include "stage.h"
#include "tap.h"

static struct stage stage;

static void put(uint64_t token, const char *name, struct clock context, const char *value)
{
    struct key key = stage_key(name);
    struct content content = {.value = bytes_str(value)};
    struct event ev = stage_event(&stage, EV_TIME);
    struct vnode_write write = {
        .token = token,
        .partition = stage_partition(&stage, &key),
        .slot = stage_slot(&stage, &key),
        .key = key,
        .context = &context,
        .content = &content,
    };

    stage_step(&stage);
    vnodes_write(stage.vnodes, &write, &ev, &stage.out);
    stage_took(&stage);
}

static struct object *stored(const char *name)
{
    struct key key = stage_key(name);
    struct stage_row *row = stage_row(&stage, FAMILY_OBJECT, stage_row_key(&stage, &key));

    return row == NULL || row->value == NULL ? NULL
                                             : stage_decode(&stage, &key, blob_bytes(row->value));
}

/* The incarnation row of a key's partition. */
static struct incarnation incarnation(const char *name)
{
    struct key key = stage_key(name);
    struct bytes row_key = sys_incarnation_key(&stage.arena, stage_partition(&stage, &key));
    struct stage_row *row = stage_row(&stage, FAMILY_SYS, row_key);
    struct incarnation inc = {0, 0, false};

    if (row != NULL) {
        enum err err = sys_incarnation_decode(row_key, blob_bytes(row->value), &inc);
        CHECK_EQ(err, ERR_OK);
    }
    return inc;
}

/* The dot of the last write of an actor to a key. */
static uint64_t counter_of(const char *name, uint64_t actor)
{
    struct object *object = stored(name);

    return object == NULL ? 0 : clock_get(object->clock, actor);
}

static void close_cleanly(void)
{
    stage_step(&stage);
    CHECK(vnodes_close(stage.vnodes, &stage.out));
    stage_took(&stage);
    CHECK(!vnodes_closed(stage.vnodes));
    stage_settle(&stage);
    CHECK(vnodes_closed(stage.vnodes));
}

TEST(a_crash_ends_the_incarnation)
{
    stage_begin(&stage, 3, 3);
    put(1, "k", CLOCK_NONE, "a");
    stage_settle(&stage);
    uint64_t actor = incarnation("k").actor;
    stage_restart(&stage, 2);
    put(2, "k", CLOCK_NONE, "b");
    stage_settle(&stage);
    CHECK_NE(incarnation("k").actor, actor);
    CHECK_EQ(counter_of("k", actor), 1);
    CHECK_EQ(stored("k")->clock.count, 2);
    stage_end(&stage);
}

TEST(a_clean_stop_keeps_the_incarnation)
{
    stage_begin(&stage, 3, 3);
    put(1, "k", CLOCK_NONE, "a");
    stage_settle(&stage);
    uint64_t actor = incarnation("k").actor;
    close_cleanly();
    CHECK(incarnation("k").closed);
    CHECK_EQ(incarnation("k").leased, 1);
    stage_restart(&stage, 2);
    put(2, "k", CLOCK_NONE, "b");
    stage_complete(&stage, 0, ERR_OK); /* the read */
    /* Before the row says that it is open again there is no dot. */
    CHECK_EQ(stage_count(&stage, OUT_VNODE), 0);
    CHECK_EQ(stage.ops_count, 1);
    stage_complete(&stage, 0, ERR_OK);
    CHECK(!incarnation("k").closed);
    CHECK_EQ(stage_count(&stage, OUT_VNODE), 1);
    stage_settle(&stage);
    CHECK_EQ(incarnation("k").actor, actor);
    CHECK_EQ(counter_of("k", actor), 2);
    /* And then a crash ends it like any other. */
    stage_restart(&stage, 3);
    put(3, "k", CLOCK_NONE, "c");
    stage_settle(&stage);
    CHECK_EQ(counter_of("k", actor), 2);
    CHECK_EQ(stored("k")->clock.count, 2);
    stage_end(&stage);
}

TEST(nothing_to_close)
{
    stage_begin(&stage, 3, 3);
    stage_step(&stage);
    CHECK(!vnodes_close(stage.vnodes, &stage.out));
    CHECK_EQ(stage.out.count, 0);
    stage_end(&stage);
}

TEST(a_store_that_was_rolled_back)
{
    struct key key = stage_key("k");

    stage_begin(&stage, 3, 3);
    put(1, "k", CLOCK_NONE, "a");
    stage_settle(&stage);
    uint64_t actor = incarnation("k").actor;
    close_cleanly();
    /* Another replica has seen more of this actor than this store remembers. */
    struct object *ahead = stage_object(&stage, actor, 5, 1, "ahead");
    struct bytes record = stage_record(&stage, &key, ahead);
    stage_restart(&stage, 2);
    stage_merge(&stage, &key, record, 0, 0);
    stage_settle(&stage);
    put(2, "k", CLOCK_NONE, "b");
    stage_settle(&stage);
    CHECK_NE(incarnation("k").actor, actor);
    CHECK_EQ(counter_of("k", actor), 5);
    CHECK_EQ(stored("k")->count, 2); /* "b", and "ahead", which knew of "a" */
    stage_end(&stage);
}

TEST(a_context_that_knows_more_than_was_issued)
{
    stage_begin(&stage, 3, 3);
    put(1, "k", CLOCK_NONE, "a");
    stage_settle(&stage);
    uint64_t actor = incarnation("k").actor;
    struct dot claimed = {actor, 40};
    put(2, "k", (struct clock){&claimed, 1, 0, 0}, "b");
    stage_settle(&stage);
    struct object *object = stored("k");
    CHECK_EQ_FATAL(object->count, 1);
    CHECK_NE(object->siblings[0].dot.actor, actor);
    CHECK_EQ(clock_get(object->clock, actor), 40);
    stage_end(&stage);
}

TEST(damaged_incarnation_rows_stop_the_start)
{
    struct incarnation inc = {7, 8, false};
    struct seed seed = seed_of(1);
    struct arena arena;

    arena_init(&arena);
    stage_begin(&stage, 3, 3);
    struct bytes key = sys_incarnation_key(&arena, 3);
    struct blob *blob = sys_incarnation_blob(key, &inc);
    for (size_t bit = 0; bit < blob->len * 8; bit++) {
        struct vnodes *vnodes = vnodes_new(&stage.config, &seed);
        struct stored_row row = {key, blob_bytes(blob)};
        blob->data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        CHECK_NE(vnodes_start(vnodes, &row, 1), ERR_OK);
        blob->data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        vnodes_free(vnodes);
    }
    blob_unref(blob);
    stage_end(&stage);
    arena_done(&arena);
}

/* The long story: what is remembered across the lives of one store. */
enum { KEYS = 3, DOTS_MAX = 20000 };
static const char *const names[KEYS] = {"a", "b", "c"};

struct memory {
    struct random random;
    struct dot issued[DOTS_MAX]; /* and told to others, maybe */
    uint32_t issued_count;
    struct {
        uint64_t token;
        uint32_t key;
        struct dot dot;
    } flying[STAGE_OPS_MAX * 2];
    uint32_t flying_count;
    struct {
        uint32_t key;
        struct dot dot;
    } acked[DOTS_MAX];
    uint32_t acked_count;
    struct {
        uint32_t key;
        struct dot dot;
    } lost[DOTS_MAX]; /* issued, and not in the store */
    uint32_t lost_count;
    uint64_t next_token;
    bool twice, beyond;
};

/* A new dot: the newest of its actor in the record that was told. */
static void on_applied(struct memory *m, const struct event_vnode *news)
{
    struct key key;
    uint32_t slot, at = 0;
    enum err err = row_key_decode(&stage.arena, news->row_key, &slot, &key);

    ASSERT(err == ERR_OK);
    while (!bytes_eq(bytes_str(names[at]), key.key))
        at++;
    struct object *object = stage_decode(&stage, &key, blob_bytes(news->record));
    ASSERT(object != NULL);
    /* The values are the tokens, so the new sibling is known by its value. */
    for (uint32_t i = 0; i < object->count; i++) {
        uint64_t token;
        if (!bytes_to_u64(object->siblings[i].content.value, &token) || token != news->token)
            continue;
        struct dot dot = object->siblings[i].dot;
        struct incarnation inc = incarnation(names[at]);
        for (uint32_t k = 0; k < m->issued_count; k++)
            m->twice = m->twice || dot_eq(m->issued[k], dot);
        m->beyond = m->beyond || inc.actor != dot.actor || inc.leased < dot.counter || inc.closed;
        ASSERT(m->issued_count < DOTS_MAX);
        m->issued[m->issued_count++] = dot;
        ASSERT(m->flying_count < ARRAY_LEN(m->flying));
        m->flying[m->flying_count].token = news->token;
        m->flying[m->flying_count].key = at;
        m->flying[m->flying_count++].dot = dot;
    }
}

/* A write that was told to others and is not in the store here. */
static void on_lost(struct memory *m, uint32_t key, struct dot dot)
{
    if (counter_of(names[key], dot.actor) >= dot.counter)
        return;
    m->lost[m->lost_count].key = key;
    m->lost[m->lost_count++].dot = dot;
}

static void on_committed(struct memory *m, const struct event_vnode *news)
{
    for (uint32_t i = 0; i < m->flying_count; i++) {
        if (m->flying[i].token != news->token)
            continue;
        if (news->err == ERR_OK) {
            m->acked[m->acked_count].key = m->flying[i].key;
            m->acked[m->acked_count++].dot = m->flying[i].dot;
        } else {
            on_lost(m, m->flying[i].key, m->flying[i].dot);
        }
        m->flying[i] = m->flying[--m->flying_count];
        return;
    }
}

static void listen(struct memory *m)
{
    for (size_t i = 0; i < stage.out.count; i++) {
        if (stage.out.items[i].kind != OUT_VNODE)
            continue;
        struct event_vnode news = stage.out.items[i].u.vnode.news;
        if (stage.out.items[i].u.vnode.kind == EV_APPLIED)
            on_applied(m, &news);
        else
            on_committed(m, &news);
    }
}

/* Completes the next commit, or a read at any place before it. */
static void complete(struct memory *m, enum err err)
{
    uint32_t n = (uint32_t)random_below(&m->random, stage.ops_count);

    while (n > 0 && stage.ops[n].op.verb == STORE_COMMIT)
        n--;
    if (stage.ops[n].op.verb != STORE_COMMIT || n == 0)
        stage_complete(&stage, n, stage.ops[n].op.verb == STORE_COMMIT ? err : ERR_OK);
    listen(m);
}

/* Everything in flight fails, as it does when one commit failed. */
static void fail_all(struct memory *m)
{
    uint32_t count = stage.ops_count;

    for (uint32_t i = 0; i < count; i++) {
        if (stage.ops[0].op.verb != STORE_COMMIT)
            stage_complete(&stage, 0, ERR_OK);
        else
            stage_complete(&stage, 0, ERR_NO_SPACE);
        listen(m);
    }
}

static void write_one(struct memory *m)
{
    const char *name = names[random_below(&m->random, KEYS)];
    struct object *object = stored(name);
    char value[24];
    size_t len = 0;
    uint64_t token = m->next_token++;
    struct buf text;

    buf_init(&text, sizeof(value) - 1);
    buf_put_dec(&text, token);
    len = text.len;
    memcpy(value, text.data, len);
    value[len] = '\0';
    buf_done(&text);
    bool informed = object != NULL && random_below(&m->random, 2) == 0;
    put(token, name, informed ? object->clock : CLOCK_NONE, value);
    listen(m);
}

/* The process dies: what was in flight may have been told to other replicas, and is lost here. */
static void die(struct memory *m, uint64_t seed)
{
    for (uint32_t i = 0; i < m->flying_count; i++)
        on_lost(m, m->flying[i].key, m->flying[i].dot);
    m->flying_count = 0;
    stage_restart(&stage, seed);
}

/* Every acknowledged write is in the store, or superseded by one that is; and no lost one is
 * claimed to be known, for then it would be dropped where it got to. */
static bool all_there(const struct memory *m)
{
    for (uint32_t i = 0; i < m->lost_count; i++) {
        if (counter_of(names[m->lost[i].key], m->lost[i].dot.actor) >= m->lost[i].dot.counter)
            return false;
    }

    for (uint32_t i = 0; i < m->acked_count; i++) {
        struct object *object = stored(names[m->acked[i].key]);
        if (object == NULL || !clock_covers(object->clock, m->acked[i].dot))
            return false;
    }
    return true;
}

static void live(struct memory *m, uint64_t number)
{
    struct seed seed = seed_of(number);

    random_init(&m->random, &seed, 9);
    stage_begin(&stage, 3, 3);
    stage.config.counter_lease = (uint32_t)random_range(&m->random, 2, 9);
    stage.config.siblings_max = 1000;
    m->next_token = 1;
    for (uint32_t step = 0; step < 600; step++) {
        uint64_t dice = random_below(&m->random, 100);
        if (dice < 1) {
            die(m, number * 1000 + step);
            CHECK(all_there(m));
        } else if (dice < 2) {
            fail_all(m);
        } else if (dice < 3 && vnodes_waiting(stage.vnodes) == 0 && stage.ops_count == 0) {
            stage_step(&stage);
            if (vnodes_close(stage.vnodes, &stage.out))
                stage_took(&stage);
            if (random_below(&m->random, 2) == 0)
                stage_settle(&stage);
            die(m, number * 1000 + step);
        } else if (dice < 40 && stage.ops_count < 30) {
            write_one(m);
        } else if (stage.ops_count > 0) {
            complete(m, ERR_OK);
        }
    }
    while (stage.ops_count > 0)
        complete(m, ERR_OK);
    CHECK(all_there(m));
    CHECK(!m->twice);
    CHECK(!m->beyond);
    stage_end(&stage);
}

TEST(many_lives)
{
    static struct memory memory;
    uint32_t acked = 0, lost = 0;

    for (uint64_t number = 1; number <= 40; number++) {
        memset(&memory, 0, sizeof(memory));
        live(&memory, number);
        acked += memory.acked_count;
        lost += memory.lost_count;
    }
    CHECK(acked > 1000);
    CHECK(lost > 100);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(a_crash_ends_the_incarnation),
        T(a_clean_stop_keeps_the_incarnation),
        T(nothing_to_close),
        T(a_store_that_was_rolled_back),
        T(a_context_that_knows_more_than_was_issued),
        T(damaged_incarnation_rows_stop_the_start),
        T(many_lives),
    };

    return tap_main(argc, argv, tests);
}
