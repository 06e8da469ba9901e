/* SPDX-License-Identifier: Apache-2.0 */
/* Arenas: zeroed, aligned, never overlapping, and warm after a reset. */
#include "base/arena.h"
#include "base/mem.h"
#include "base/random.h"
#include "tap.h"

enum { PIECES = 2000 };

static bool zeroed(const uint8_t *piece, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (piece[i] != 0)
            return false;
    }
    return true;
}

TEST(pieces_are_zero_aligned_and_apart)
{
    struct seed seed = seed_of(6);
    struct random random;
    struct arena arena;
    uint8_t *pieces[PIECES];
    size_t sizes[PIECES];
    unsigned broken = 0;

    random_init(&random, &seed, 0);
    arena_init(&arena);
    for (unsigned round = 0; round < 20; round++) {
        size_t total = 0;
        for (unsigned i = 0; i < PIECES; i++) {
            sizes[i] = (size_t)random_below(&random, random_chance(&random, 1, 50) ? 20000 : 100);
            pieces[i] = arena_alloc(&arena, sizes[i]);
            broken += (uintptr_t)pieces[i] % 16 != 0 || !zeroed(pieces[i], sizes[i]);
            memset(pieces[i], (int)(i % 255 + 1), sizes[i]);
            total += sizes[i];
        }
        for (unsigned i = 0; i < PIECES; i++) {
            for (size_t j = 0; j < sizes[i]; j++)
                broken += pieces[i][j] != i % 255 + 1;
        }
        broken += arena_total(&arena) < total;
        arena_reset(&arena);
        broken += arena_total(&arena) != 0;
    }
    CHECK_EQ(broken, 0);
    arena_done(&arena);
}

TEST(a_warm_arena_keeps_its_block)
{
    struct arena arena;

    arena_init(&arena);
    arena_reset(&arena);
    uint8_t *first = arena_alloc(&arena, 100);
    arena_reset(&arena);
    CHECK(arena_alloc(&arena, 100) == first);
    arena_alloc(&arena, 1 << 20);
    arena_reset(&arena);
    CHECK(arena.head == NULL);
    CHECK(arena_alloc(&arena, 1) != NULL);
    arena_done(&arena);
    arena_done(&arena);
}

TEST(copies)
{
    char text[] = "text";
    struct arena arena;

    arena_init(&arena);
    struct bytes copy = arena_copy(&arena, bytes_of(text, 4));
    text[0] = 'T';
    CHECK(bytes_eq(copy, BYTES_LIT("text")));
    CHECK(arena_copy(&arena, BYTES_NONE).data == NULL);
    CHECK(arena_alloc_array(&arena, 0, 8) != NULL);
    uint64_t *numbers = arena_alloc_array(&arena, 100, sizeof(*numbers));
    CHECK(zeroed((uint8_t *)numbers, 800));
    arena_done(&arena);
}

TEST(memory)
{
    uint8_t *piece = mem_new(100);

    CHECK(zeroed(piece, 100));
    memset(piece, 7, 100);
    piece = mem_resize(piece, 1000);
    CHECK_EQ(piece[99], 7);
    mem_free(piece);
    piece = mem_new_array(10, 10);
    CHECK(zeroed(piece, 100));
    mem_free(piece);
    mem_free(mem_new(0));
    mem_free(mem_resize(NULL, 0));
    mem_free(NULL);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(pieces_are_zero_aligned_and_apart),
        T(a_warm_arena_keeps_its_block),
        T(copies),
        T(memory),
    };
    return tap_main(argc, argv, tests);
}
