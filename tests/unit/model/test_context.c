/* SPDX-License-Identifier: Apache-2.0 */
/* Contexts: they come back, and nothing damaged or foreign is taken for one. */
#include "base/hash.h"
#include "base/mem.h"
#include "base/random.h"
#include "model/context.h"
#include "model/limits.h"
#include "tap.h"

static struct clock random_clock(struct random *random, struct arena *arena, uint32_t max)
{
    uint32_t count = (uint32_t)random_range(random, 1, max);
    struct dot *entries = arena_alloc_array(arena, count, sizeof(*entries));
    uint64_t actor = 0;

    for (uint32_t i = 0; i < count; i++) {
        actor += 1 + random_u64(random) / (max + 1);
        entries[i] = (struct dot){actor, 1 + random_u64(random) / 2};
    }
    return (struct clock){entries, count, random_u64(random),
                          count > 0 && random_chance(random, 1, 2) ? random_u64(random) | 1 : 0};
}

/* Seals a body as a context with a right checksum. */
static struct bytes sealed(struct buf *buf, struct bytes body)
{
    buf_reset(buf);
    buf_put(buf, body);
    buf_put_le32(buf, crc32c(0, body));
    return buf_bytes(buf);
}

TEST(contexts_come_back)
{
    struct seed seed = seed_of(3);
    struct random random;
    struct arena arena;
    struct buf buf;
    unsigned broken = 0;

    random_init(&random, &seed, 0);
    arena_init(&arena);
    buf_init(&buf, CONTEXT_BYTES_MAX);
    for (unsigned round = 0; round < 5000; round++) {
        arena_reset(&arena);
        buf_reset(&buf);
        struct clock clock = random_clock(&random, &arena, 20);
        struct clock back = CLOCK_NONE;
        context_put(&buf, clock);
        enum err err = context_decode(&arena, buf_bytes(&buf), &back);
        broken += err != ERR_OK || clock_compare(clock, back) != CLOCK_EQUAL ||
                  back.hlc_us != clock.hlc_us || back.ends_us != clock.ends_us;
    }
    CHECK_EQ(broken, 0);
    buf_done(&buf);
    arena_done(&arena);
}

TEST(nothing_is_the_empty_context)
{
    struct dot one = {1, 1};
    struct clock clock = {&one, 1, 9, 0};
    struct arena arena;
    struct buf buf;

    arena_init(&arena);
    buf_init(&buf, CONTEXT_BYTES_MAX);
    CHECK_EQ(context_decode(&arena, BYTES_NONE, &clock), ERR_OK);
    CHECK_EQ(clock.count, 0);
    CHECK_EQ(clock.hlc_us, 0);
    context_put(&buf, CLOCK_NONE);
    clock = (struct clock){&one, 1, 9, 0};
    CHECK_EQ(context_decode(&arena, buf_bytes(&buf), &clock), ERR_OK);
    CHECK_EQ(clock.count, 0);
    buf_done(&buf);
    arena_done(&arena);
}

TEST(the_documented_example)
{
    static const uint8_t want[] = {0x01, 0x40, 0x42, 0x0f, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01,
                                   0x08, 0x07, 0x06, 0x05, 0x04, 0x03, 0x02, 0x01, 0xac, 0x02};
    struct dot entry = {UINT64_C(0x0102030405060708), 300};
    struct buf buf;

    buf_init(&buf, CONTEXT_BYTES_MAX);
    buf_put_str(&buf, "in front");
    context_put(&buf, (struct clock){&entry, 1, 1000000, 0});
    CHECK_BYTES(buf.data + 8, buf.len - 12, want, sizeof(want));
    struct buf again;
    buf_init(&again, CONTEXT_BYTES_MAX);
    struct bytes whole = sealed(&again, bytes_of(want, sizeof(want)));
    CHECK_BYTES(buf.data + 8, buf.len - 8, whole.data, whole.len);
    buf_done(&again);
    buf_done(&buf);
}

/* A history that ends says so in another version; one that does not is not of it. */
TEST(the_end_of_a_history)
{
    static const uint8_t want[] = {0x02, 0x40, 0x42, 0x0f, 0x00, 0x00, 0x00, 0x00, 0x00,
                                   0x80, 0x84, 0x1e, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01,
                                   0x08, 0x07, 0x06, 0x05, 0x04, 0x03, 0x02, 0x01, 0x01};
    uint8_t other[sizeof(want)];
    struct dot entry = {UINT64_C(0x0102030405060708), 1};
    struct clock clock = {&entry, 1, 1000000, 2000000};
    struct arena arena;
    struct buf buf, again;

    arena_init(&arena);
    buf_init(&buf, CONTEXT_BYTES_MAX);
    buf_init(&again, CONTEXT_BYTES_MAX);
    context_put(&buf, clock);
    CHECK_BYTES(buf.data, buf.len - 4, want, sizeof(want));
    CHECK_EQ(context_decode(&arena, buf_bytes(&buf), &clock), ERR_OK);
    CHECK_EQ(clock.ends_us, 2000000);
    memcpy(other, want, sizeof(want));
    memset(other + 9, 0, 8);
    struct bytes never = sealed(&again, bytes_of(other, sizeof(other)));
    CHECK_EQ(context_decode(&arena, never, &clock), ERR_BAD_CONTEXT);
    memcpy(other, want, sizeof(want));
    other[17] = 0;
    struct bytes empty = sealed(&again, bytes_of(other, 18));
    CHECK_EQ(context_decode(&arena, empty, &clock), ERR_BAD_CONTEXT);
    other[0] = 3;
    struct bytes newer = sealed(&again, bytes_of(other, sizeof(other)));
    CHECK_EQ(context_decode(&arena, newer, &clock), ERR_BAD_CONTEXT);
    buf_done(&again);
    buf_done(&buf);
    arena_done(&arena);
}

TEST(every_truncation_and_bit_flip_is_found)
{
    struct seed seed = seed_of(4);
    struct random random;
    struct arena arena;
    struct buf buf;
    unsigned unseen = 0;

    random_init(&random, &seed, 0);
    arena_init(&arena);
    buf_init(&buf, CONTEXT_BYTES_MAX);
    for (unsigned round = 0; round < 100; round++) {
        struct clock clock = random_clock(&random, &arena, 6);
        struct clock back = CLOCK_NONE;
        buf_reset(&buf);
        context_put(&buf, clock);
        for (size_t len = 1; len < buf.len; len++) {
            struct bytes part = bytes_of(buf.data, len);
            unseen += context_decode(&arena, part, &back) != ERR_BAD_CONTEXT;
        }
        for (size_t bit = 0; bit < buf.len * 8; bit++) {
            buf.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
            unseen += context_decode(&arena, buf_bytes(&buf), &back) != ERR_BAD_CONTEXT;
            buf.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        }
        CHECK(back.entries == NULL);
        arena_reset(&arena);
    }
    CHECK_EQ(unseen, 0);
    buf_done(&buf);
    arena_done(&arena);
}

TEST(only_the_canonical_form_is_taken)
{
    static const struct {
        const char *why;
        const char *body;
        size_t len;
    } bad[] = {
        {"version", "\2\0\0\0\0\0\0\0\0\0", 10},
        {"zero actor", "\1\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\0\1", 19},
        {"zero counter", "\1\0\0\0\0\0\0\0\0\1\1\0\0\0\0\0\0\0\0", 19},
        {"long varint", "\1\0\0\0\0\0\0\0\0\1\1\0\0\0\0\0\0\0\x81\0", 20},
        {"long count", "\1\0\0\0\0\0\0\0\0\x81\0\1\0\0\0\0\0\0\0\1", 20},
        {"bytes after", "\1\0\0\0\0\0\0\0\0\1\1\0\0\0\0\0\0\0\1\0", 20},
        {"count too large", "\1\0\0\0\0\0\0\0\0\2\1\0\0\0\0\0\0\0\1", 19},
        {"hybrid clock of nothing", "\1\1\0\0\0\0\0\0\0\0", 10},
        {"twice",
         "\1\0\0\0\0\0\0\0\0\2\1\0\0\0\0\0\0\0\1"
         "\1\0\0\0\0\0\0\0\2",
         28},
        {"unsorted",
         "\1\0\0\0\0\0\0\0\0\2\2\0\0\0\0\0\0\0\1"
         "\1\0\0\0\0\0\0\0\1",
         28},
    };
    struct clock clock = CLOCK_NONE;
    struct arena arena;
    struct buf buf;

    arena_init(&arena);
    buf_init(&buf, CONTEXT_BYTES_MAX);
    struct bytes good = sealed(&buf, bytes_of("\1\0\0\0\0\0\0\0\0\1\1\0\0\0\0\0\0\0\1", 19));
    CHECK_EQ(context_decode(&arena, good, &clock), ERR_OK);
    CHECK_EQ(clock.count, 1);
    clock = CLOCK_NONE;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct bytes context = sealed(&buf, bytes_of(bad[i].body, bad[i].len));
        enum err err = context_decode(&arena, context, &clock);
        if (err != ERR_BAD_CONTEXT)
            tap_note("%s", bad[i].why);
        CHECK_EQ(err, ERR_BAD_CONTEXT);
    }
    CHECK(clock.entries == NULL);
    buf_done(&buf);
    arena_done(&arena);
}

TEST(length_is_capped)
{
    struct dot *entries = mem_new_array(CLOCK_ENTRIES_MAX + 1, sizeof(*entries));
    struct clock back = CLOCK_NONE;
    struct arena arena;
    struct buf buf;

    arena_init(&arena);
    buf_init(&buf, 2 * CONTEXT_BYTES_MAX);
    for (uint32_t i = 0; i <= CLOCK_ENTRIES_MAX; i++)
        entries[i] = (struct dot){i + 1, 1000};
    context_put(&buf, (struct clock){entries, CLOCK_ENTRIES_MAX, 1, 0});
    CHECK_EQ(context_decode(&arena, buf_bytes(&buf), &back), ERR_OK);
    CHECK_EQ(back.count, CLOCK_ENTRIES_MAX);
    buf_reset(&buf);
    context_put(&buf, (struct clock){entries, CLOCK_ENTRIES_MAX + 1, 1, 0});
    CHECK_EQ(context_decode(&arena, buf_bytes(&buf), &back), ERR_BAD_CONTEXT);
    buf_reset(&buf);
    for (uint32_t i = 0; i < CLOCK_ENTRIES_MAX; i++)
        entries[i].counter = UINT64_MAX;
    context_put(&buf, (struct clock){entries, CLOCK_ENTRIES_MAX, 1, 0});
    CHECK(buf.len > CONTEXT_BYTES_MAX);
    CHECK_EQ(context_decode(&arena, buf_bytes(&buf), &back), ERR_BAD_CONTEXT);
    buf_done(&buf);
    buf_init(&buf, 20);
    context_put(&buf, (struct clock){entries, CLOCK_ENTRIES_MAX, 1, 0});
    CHECK(buf.overflow);
    buf_done(&buf);
    mem_free(entries);
    arena_done(&arena);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(contexts_come_back),
        T(nothing_is_the_empty_context),
        T(the_documented_example),
        T(the_end_of_a_history),
        T(every_truncation_and_bit_flip_is_found),
        T(only_the_canonical_form_is_taken),
        T(length_is_capped),
    };
    return tap_main(argc, argv, tests);
}
