/* SPDX-License-Identifier: Apache-2.0 */
/* System rows: names, round trips, damage. */
#include "model/limits.h"
#include "record/sys.h"
#include "tap.h"

TEST(incarnations_come_back)
{
    struct arena arena;
    struct incarnation back = {0, 0, false};

    arena_init(&arena);
    for (uint32_t partition = 0; partition < SLOTS_MAX; partition += 97) {
        struct incarnation one = {UINT64_MAX - partition, partition * UINT64_C(100000),
                                  partition % 2 == 1};
        struct bytes row = sys_incarnation_key(&arena, partition);
        struct blob *blob = sys_incarnation_blob(row, &one);
        uint32_t found = UINT32_MAX;
        CHECK(sys_incarnation_row(row, &found));
        CHECK_EQ(found, partition);
        CHECK_EQ(sys_incarnation_decode(row, blob_bytes(blob), &back), ERR_OK);
        CHECK_EQ(back.actor, one.actor);
        CHECK_EQ(back.leased, one.leased);
        CHECK_EQ(back.closed, one.closed);
        struct bytes other = sys_incarnation_key(&arena, (partition + 1) % SLOTS_MAX);
        CHECK_EQ(sys_incarnation_decode(other, blob_bytes(blob), &back), ERR_CORRUPT);
        blob_unref(blob);
    }
    arena_done(&arena);
}

TEST(only_incarnation_rows_are_taken_for_some)
{
    uint32_t partition = 5;

    CHECK(!sys_incarnation_row(SYS_ROW_NODE, &partition));
    CHECK(!sys_incarnation_row(SYS_ROW_DOCUMENT, &partition));
    CHECK(!sys_incarnation_row(SYS_ROW_ACCEPTOR, &partition));
    CHECK(!sys_incarnation_row(BYTES_NONE, &partition));
    CHECK(!sys_incarnation_row(BYTES_LIT("inc/"), &partition));
    CHECK(!sys_incarnation_row(BYTES_LIT("inc/\0"), &partition));
    CHECK(!sys_incarnation_row(BYTES_LIT("inc/\0\0\0"), &partition));
    CHECK(!sys_incarnation_row(BYTES_LIT("inc/\xff\xff"), &partition));
    CHECK_EQ(partition, 5);
    CHECK(sys_incarnation_row(BYTES_LIT("inc/\x01\x02"), &partition));
    CHECK_EQ(partition, 0x102);
}

TEST(nodes_come_back)
{
    static const uint8_t letters[NAME_BYTES_MAX] = {'n', 'o', 'd', 'e'};
    struct sys_node back = {0, BYTES_NONE};

    for (size_t len = 0; len <= NAME_BYTES_MAX; len++) {
        struct sys_node node = {len + 1, bytes_of(letters, len)};
        struct blob *blob = sys_node_blob(&node);
        CHECK_EQ(sys_node_decode(blob_bytes(blob), &back), ERR_OK);
        CHECK_EQ(back.id, node.id);
        CHECK(bytes_eq(back.name, node.name));
        blob_unref(blob);
    }
}

TEST(damage_is_found)
{
    struct sys_node node = {77, BYTES_LIT("one")};
    struct incarnation one = {7, 8, true};
    struct sys_node node_back = {0, BYTES_NONE};
    struct incarnation one_back = {0, 0, false};
    const struct bytes row = BYTES_LIT("inc/\0\x03");
    struct blob *blobs[] = {sys_node_blob(&node), sys_incarnation_blob(row, &one)};

    for (unsigned i = 0; i < 2; i++) {
        struct blob *blob = blobs[i];
        for (size_t bit = 0; bit < blob->len * 8; bit++) {
            blob->data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
            CHECK_EQ(i == 0 ? sys_node_decode(blob_bytes(blob), &node_back)
                            : sys_incarnation_decode(row, blob_bytes(blob), &one_back),
                     ERR_CORRUPT);
            blob->data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        }
        for (size_t len = 0; len < blob->len; len++) {
            struct bytes part = bytes_of(blob->data, len);
            CHECK_EQ(i == 0 ? sys_node_decode(part, &node_back)
                            : sys_incarnation_decode(row, part, &one_back),
                     ERR_CORRUPT);
        }
        blob_unref(blob);
    }
    CHECK_EQ(node_back.id, 0);
    CHECK_EQ(one_back.actor, 0);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(incarnations_come_back),
        T(only_incarnation_rows_are_taken_for_some),
        T(nodes_come_back),
        T(damage_is_found),
    };
    return tap_main(argc, argv, tests);
}
