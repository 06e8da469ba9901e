/* SPDX-License-Identifier: Apache-2.0 */
/* Cluster documents at rest, whole and as deltas; the chain of their hashes. */
#include <stdlib.h>

#include "base/attr.h"
#include "base/hash.h"
#include "base/random.h"
#include "model/draft.h"
#include "model/key.h"
#include "model/overlay.h"
#include "record/document.h"
#include "record/seal.h"
#include "record/sys.h"
#include "tap.h"

static const uint64_t cluster[2] = {UINT64_C(0x1111), UINT64_C(0x2222)};
static const uint64_t hash_key[2] = {3, 4};

static struct bytes overlay_of(struct arena *arena, enum prop_id id, uint32_t value)
{
    const struct prop prop = {.id = id, .kind = PROP_NUMBER, .number = value};
    struct bytes overlay = BYTES_NONE;

    CHECK_EQ(overlay_encode(arena, &prop, 1, &overlay), ERR_OK);
    return overlay;
}

static struct document *first(void)
{
    const struct member self = {
        .id = 50, .name = BYTES_LIT("a@h"), .address = BYTES_LIT("h:1"), .weight = 100};
    struct document *d = draft_first(cluster, hash_key, &self, 64, 8, 3);

    document_seal(d);
    return d;
}

/* Three members, two types, two buckets. */
static struct document *rich(void)
{
    const struct member members[] = {
        {.id = 50, .name = BYTES_LIT("a@h"), .address = BYTES_LIT("h:1"), .weight = 100},
        {.id = 60,
         .name = BYTES_LIT("b@h"),
         .address = BYTES_LIT("h:2"),
         .location = BYTES_LIT("rack 1"),
         .weight = 200,
         .state = MEMBER_LEAVING},
        {.id = 70, .name = BYTES_LIT("c@h"), .address = BYTES_LIT("h:3"), .weight = 0}};
    struct document *base = first(), *d = draft_next(base);
    uint16_t place[8 * 3];
    struct arena arena;

    document_free(base);
    arena_init(&arena);
    for (unsigned i = 0; i < 8 * 3; i++)
        place[i] = i % 3 == 2 ? 0xffff : (uint16_t)((i / 3 + i % 3) % 3);
    draft_set_members(d, members, 3, 3, place, NULL);
    d->preparing = 77;
    CHECK_EQ(draft_set_type(d, BYTES_LIT("t"), false, overlay_of(&arena, PROP_N_VAL, 2)), ERR_OK);
    CHECK_EQ(draft_set_bucket(d, BYTES_LIT("t"), BYTES_LIT("b"), overlay_of(&arena, PROP_R, 1)),
             ERR_OK);
    CHECK_EQ(draft_set_bucket(d, TYPE_DEFAULT, BYTES_LIT("b"), overlay_of(&arena, PROP_W, 1)),
             ERR_OK);
    document_seal(d);
    arena_done(&arena);
    return d;
}

static void check_head(const struct document *a, const struct document *b)
{
    CHECK_BYTES(a->cluster, sizeof(a->cluster), b->cluster, sizeof(b->cluster));
    CHECK_EQ(a->lineage, b->lineage);
    CHECK_EQ(a->epoch, b->epoch);
    CHECK_EQ(a->previous, b->previous);
    CHECK_EQ(a->hash, b->hash);
    for (unsigned i = 0; i < DOCUMENT_SECTIONS; i++)
        CHECK_EQ(a->section_hash[i], b->section_hash[i]);
    CHECK_EQ(a->preparing, b->preparing);
    CHECK_BYTES(a->hash_key, sizeof(a->hash_key), b->hash_key, sizeof(b->hash_key));
    CHECK_EQ(a->slots, b->slots);
    CHECK_EQ_FATAL(a->partitions, b->partitions);
    CHECK_EQ_FATAL(a->n_max, b->n_max);
    size_t size = (size_t)a->partitions * a->n_max * sizeof(a->place[0]);
    CHECK_BYTES(a->place, size, b->place, size);
}

static void check_same(const struct document *a, const struct document *b)
{
    check_head(a, b);
    CHECK_EQ_FATAL(a->members_count, b->members_count);
    for (uint32_t i = 0; i < a->members_count; i++) {
        const struct member *m = &a->members[i], *n = &b->members[i];
        CHECK_EQ(m->id, n->id);
        CHECK(bytes_eq(m->name, n->name));
        CHECK(bytes_eq(m->address, n->address));
        CHECK(bytes_eq(m->location, n->location));
        CHECK_EQ(m->weight, n->weight);
        CHECK_EQ(m->state, n->state);
    }
    CHECK_EQ_FATAL(a->types_count, b->types_count);
    for (uint32_t i = 0; i < a->types_count; i++) {
        CHECK(bytes_eq(a->types[i].name, b->types[i].name));
        CHECK_EQ(a->types[i].active, b->types[i].active);
        CHECK(bytes_eq(a->types[i].overlay, b->types[i].overlay));
        CHECK_EQ(a->types[i].props.n_val, b->types[i].props.n_val);
    }
    CHECK_EQ_FATAL(a->buckets_count, b->buckets_count);
    for (uint32_t i = 0; i < a->buckets_count; i++) {
        CHECK(bytes_eq(a->buckets[i].type, b->buckets[i].type));
        CHECK(bytes_eq(a->buckets[i].bucket, b->buckets[i].bucket));
        CHECK(bytes_eq(a->buckets[i].overlay, b->buckets[i].overlay));
        CHECK_EQ(a->buckets[i].props.r, b->buckets[i].props.r);
        CHECK_EQ(a->buckets[i].props.n_val, b->buckets[i].props.n_val);
    }
}

/* The whole document; the caller's to free. */
static struct buf encode(const struct document *d)
{
    struct buf buf;

    buf_init(&buf, DOCUMENT_BYTES_MAX);
    document_put(&buf, d);
    CHECK(!buf.overflow);
    return buf;
}

TEST(what_is_written_is_read)
{
    struct document *documents[] = {first(), rich()};

    for (unsigned i = 0; i < 2; i++) {
        struct buf buf = encode(documents[i]);
        struct document *back = NULL;
        CHECK_EQ(document_decode(buf_bytes(&buf), &back), ERR_OK);
        CHECK_FATAL(back != NULL);
        check_same(documents[i], back);
        struct buf again = encode(back);
        CHECK_BYTES(buf.data, buf.len, again.data, again.len);
        buf_done(&again);
        buf_done(&buf);
        document_free(back);
        document_free(documents[i]);
    }
}

TEST(damage_is_found)
{
    struct document *d = rich(), *back = NULL;
    struct buf buf = encode(d);

    for (size_t len = 0; len < buf.len; len++)
        CHECK_EQ(document_decode(bytes_of(buf.data, len), &back), ERR_CORRUPT);
    for (size_t bit = 0; bit < buf.len * 8; bit++) {
        buf.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        CHECK_EQ(document_decode(buf_bytes(&buf), &back), ERR_CORRUPT);
        buf.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    buf_put_u8(&buf, 0);
    CHECK_EQ(document_decode(buf_bytes(&buf), &back), ERR_CORRUPT);
    CHECK(back == NULL);
    buf_done(&buf);
    document_free(d);
}

/* The example of docs/formats/document.md: a change of these bytes is a change of the format. */
TEST(the_form_stays_as_it_is)
{
    static const uint8_t wanted[] = {
        0x02, 0x4f, 0x6f, 0x71, 0x77, 0x11, 0,    0,    0,    0,    0,    0, 0,    0x22, 0,
        0,    0,    0,    0,    0,    0,    1,    0,    0,    0,    0,    0, 0,    0,    1,
        0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0, 0,    0,    0,
        0x6b, 0x38, 0xd3, 0xa8, 0xac, 0xb0, 0x59, 0x2c, 0x3f, 3,    0,    0, 0,    0,    0,
        0,    0,    4,    0,    0,    0,    0,    0,    0,    0,    0,    0, 0,    0,    0,
        0,    0,    0,    0x40, 8,    1,    1,    0x32, 0,    0,    0,    0, 0,    0,    0,
        3,    'a',  '@',  'h',  3,    'h',  ':',  '1',  0,    0x64, 0x80, 0, 0,    0,    0,
        0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0, 0x0b, 1,    7,
        'd',  'e',  'f',  'a',  'u',  'l',  't',  1,    0,    0x10, 1,    7, 'd',  'e',  'f',
        'a',  'u',  'l',  't',  1,    'b',  4,    1,    0x0e, 1,    1};
    const uint64_t id[2] = {0x11, 0x22};
    const struct member self = {
        .id = 50, .name = BYTES_LIT("a@h"), .address = BYTES_LIT("h:1"), .weight = 100};
    struct document *d = draft_first(id, hash_key, &self, 64, 8, 1);
    struct arena arena;

    arena_init(&arena);
    CHECK_EQ(draft_set_bucket(d, TYPE_DEFAULT, BYTES_LIT("b"), overlay_of(&arena, PROP_N_VAL, 1)),
             ERR_OK);
    document_seal(d);
    struct buf buf = encode(d);
    CHECK_BYTES(buf.data, buf.len, wanted, sizeof(wanted));
    buf_done(&buf);
    arena_done(&arena);
    document_free(d);
}

static void reseal(struct buf *buf)
{
    seal_close(buf->data, buf->len, DOCUMENT_VERSION, SYS_ROW_DOCUMENT);
}

/* The chain of hashes finds what a good checksum hides: a forger has to forge the history. */
TEST(damage_behind_a_good_checksum_is_found)
{
    struct document *d = rich(), *back = NULL;
    struct buf buf = encode(d);

    for (size_t bit = SEAL_BYTES * 8; bit < buf.len * 8; bit++) {
        buf.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        reseal(&buf);
        CHECK_EQ(document_decode(buf_bytes(&buf), &back), ERR_CORRUPT);
        buf.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t len = SEAL_BYTES; len < buf.len; len++) {
        struct buf part;
        buf_init(&part, buf.len);
        buf_put(&part, bytes_of(buf.data, len));
        reseal(&part);
        CHECK_EQ(document_decode(buf_bytes(&part), &back), ERR_CORRUPT);
        buf_done(&part);
    }
    seal_close(buf.data, buf.len, DOCUMENT_VERSION + 1, SYS_ROW_DOCUMENT);
    CHECK_EQ(document_decode(buf_bytes(&buf), &back), ERR_VERSION);
    buf_done(&buf);
    document_free(d);
}

/* The hash covers each part, so equal hashes mean equal documents. */
TEST(the_hash_covers_everything)
{
    struct document *d = first();
    const uint64_t hash = d->hash;
    uint64_t *const words[] = {&d->cluster[0], &d->cluster[1], &d->lineage,     &d->epoch,
                               &d->previous,   &d->preparing,  &d->hash_key[0], &d->hash_key[1]};

    for (unsigned i = 0; i < ARRAY_LEN(words); i++) {
        *words[i] += 1;
        document_seal(d);
        CHECK_NE(d->hash, hash);
        *words[i] -= 1;
        document_seal(d);
        CHECK_EQ(d->hash, hash);
    }
    document_free(d);
}

TEST(a_change_is_of_its_own_section)
{
    struct document *base = rich(), *next = draft_next(base);
    struct arena arena;

    arena_init(&arena);
    document_seal(next);
    for (unsigned i = 0; i < DOCUMENT_SECTIONS; i++)
        CHECK_EQ(next->section_hash[i], base->section_hash[i]);
    CHECK_NE(next->hash, base->hash);
    CHECK_EQ(draft_set_type(next, BYTES_LIT("t"), true, BYTES_NONE), ERR_OK);
    document_seal(next);
    CHECK_EQ(next->section_hash[SECTION_MEMBERS], base->section_hash[SECTION_MEMBERS]);
    CHECK_NE(next->section_hash[SECTION_TYPES], base->section_hash[SECTION_TYPES]);
    CHECK_EQ(next->section_hash[SECTION_BUCKETS], base->section_hash[SECTION_BUCKETS]);
    arena_done(&arena);
    document_free(next);
    document_free(base);
}

/* Applies what differs; returns the bytes that it took. */
static size_t check_delta(const struct document *base, const struct document *next)
{
    struct document *made = NULL;
    struct buf buf;

    buf_init(&buf, DOCUMENT_BYTES_MAX);
    document_delta_put(&buf, base, next);
    CHECK_EQ(document_apply(base, buf_bytes(&buf), &made), ERR_OK);
    if (made != NULL)
        check_same(made, next);
    document_free(made);
    size_t len = buf.len;
    buf_done(&buf);
    return len;
}

TEST(a_delta_and_its_base_make_the_next)
{
    struct document *base = rich(), *next = draft_next(base);
    struct buf whole;
    struct arena arena;

    arena_init(&arena);
    document_seal(next);
    size_t nothing = check_delta(base, next);
    CHECK_EQ(nothing, SEAL_BYTES + 6 * 8 + 3);
    CHECK_EQ(draft_set_bucket(next, TYPE_DEFAULT, BYTES_LIT("c"), overlay_of(&arena, PROP_R, 2)),
             ERR_OK);
    document_seal(next);
    size_t bucket = check_delta(base, next);
    whole = encode(next);
    CHECK(bucket > nothing);
    CHECK(bucket < whole.len);
    buf_done(&whole);
    next->preparing = 0;
    CHECK_EQ(draft_set_type(next, BYTES_LIT("u"), true, BYTES_NONE), ERR_OK);
    document_seal(next);
    whole = encode(next);
    CHECK_EQ(check_delta(base, next), whole.len);
    buf_done(&whole);
    /* Over several epochs, too. */
    struct document *later = draft_next(next);
    document_seal(later);
    (void)check_delta(base, later);
    document_free(later);
    arena_done(&arena);
    document_free(next);
    document_free(base);
}

TEST(a_delta_fits_no_other_base)
{
    struct document *base = rich(), *next = draft_next(base), *made = NULL;
    struct document *other = draft_next(base);
    struct buf buf;

    document_seal(next);
    CHECK_EQ(draft_set_type(other, BYTES_LIT("v"), true, BYTES_NONE), ERR_OK);
    document_seal(other);
    buf_init(&buf, DOCUMENT_BYTES_MAX);
    document_delta_put(&buf, base, next);
    CHECK_EQ(document_apply(other, buf_bytes(&buf), &made), ERR_STALE);
    CHECK_EQ(document_decode(buf_bytes(&buf), &made), ERR_CORRUPT);
    base->cluster[0]++;
    CHECK_EQ(document_apply(base, buf_bytes(&buf), &made), ERR_STALE);
    base->cluster[0]--;
    /* Nor is the next base that of a bucket whose type is gone. */
    struct document *bare = first();
    CHECK_EQ(document_apply(bare, buf_bytes(&buf), &made), ERR_STALE);
    CHECK(made == NULL);
    buf_done(&buf);
    document_free(bare);
    document_free(other);
    document_free(next);
    document_free(base);
}

/* Writes a document whose members' section a forger chose, with all hashes right. */
static enum err decode_forged(const struct document *d, struct bytes members)
{
    struct buf types, buf;
    struct document *back = NULL;
    uint64_t hashes[8] = {d->cluster[0], d->cluster[1], d->lineage, d->epoch, d->previous};
    uint8_t words[64];

    buf_init(&types, 64);
    buf_put_u8(&types, 1);
    buf_put_lenbytes(&types, TYPE_DEFAULT);
    buf_put_u8(&types, 1);
    buf_put_lenbytes(&types, BYTES_NONE);
    hashes[5] = hash_xx(members);
    hashes[6] = hash_xx(buf_bytes(&types));
    hashes[7] = hash_xx(BYTES_LIT("\x00"));
    for (unsigned i = 0; i < 64; i++)
        words[i] = (uint8_t)(hashes[i / 8] >> (8 * (i % 8)));
    buf_init(&buf, DOCUMENT_BYTES_MAX);
    buf_extend(&buf, SEAL_BYTES);
    buf_put(&buf, bytes_of(words, 40));
    buf_put_le64(&buf, hash_xx(bytes_of(words, 64)));
    buf_put_lenbytes(&buf, members);
    buf_put_lenbytes(&buf, buf_bytes(&types));
    buf_put_lenbytes(&buf, BYTES_LIT("\x00"));
    reseal(&buf);
    enum err err = document_decode(buf_bytes(&buf), &back);
    document_free(back);
    buf_done(&buf);
    buf_done(&types);
    return err;
}

struct forgery {
    uint32_t slots, partitions, n_max;
    uint64_t ids[2];
    uint32_t weight;
    uint8_t state;
    uint16_t place[3]; /* of the first partition */
    enum err err;
};

TEST(what_breaks_a_rule_is_refused)
{
    static const struct forgery cases[] = {
        {64, 8, 3, {1, 2}, 100, 0, {0, 1, 0xffff}, ERR_OK},
        {63, 8, 3, {1, 2}, 100, 0, {0, 1, 0xffff}, ERR_CORRUPT},
        {32, 8, 3, {1, 2}, 100, 0, {0, 1, 0xffff}, ERR_CORRUPT},
        {8192, 8, 3, {1, 2}, 100, 0, {0, 1, 0xffff}, ERR_CORRUPT},
        {64, 128, 3, {1, 2}, 100, 0, {0, 1, 0xffff}, ERR_CORRUPT},
        {64, 4, 3, {1, 2}, 100, 0, {0, 1, 0xffff}, ERR_CORRUPT},
        {64, 8, 0, {1, 2}, 100, 0, {0, 1, 0xffff}, ERR_CORRUPT},
        {64, 8, 17, {1, 2}, 100, 0, {0, 1, 0xffff}, ERR_CORRUPT},
        {64, 8, 3, {0, 2}, 100, 0, {0, 1, 0xffff}, ERR_CORRUPT},
        {64, 8, 3, {2, 1}, 100, 0, {0, 1, 0xffff}, ERR_CORRUPT},
        {64, 8, 3, {1, 1}, 100, 0, {0, 1, 0xffff}, ERR_CORRUPT},
        {64, 8, 3, {1, 2}, 1000001, 0, {0, 1, 0xffff}, ERR_CORRUPT},
        {64, 8, 3, {1, 2}, 100, 2, {0, 1, 0xffff}, ERR_CORRUPT},
        {64, 8, 3, {1, 2}, 100, 0, {0, 2, 0xffff}, ERR_CORRUPT},
        {64, 8, 3, {1, 2}, 100, 0, {1, 1, 0xffff}, ERR_CORRUPT},
        {64, 8, 3, {1, 2}, 100, 0, {0, 0xffff, 1}, ERR_CORRUPT},
    };
    struct document *d = first();

    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        const struct forgery *c = &cases[i];
        struct buf buf;
        buf_init(&buf, 65536);
        for (unsigned w = 0; w < 3; w++)
            buf_put_le64(&buf, w);
        buf_put_varint(&buf, c->slots);
        buf_put_varint(&buf, c->partitions);
        buf_put_varint(&buf, c->n_max);
        buf_put_varint(&buf, 2);
        for (unsigned m = 0; m < 2; m++) {
            buf_put_le64(&buf, c->ids[m]);
            for (unsigned text = 0; text < 3; text++)
                buf_put_lenbytes(&buf, BYTES_LIT("x"));
            buf_put_varint(&buf, c->weight);
            buf_put_u8(&buf, (uint8_t)(c->state | 0x80)); /* both vote */
        }
        for (unsigned p = 0; p < c->partitions * c->n_max; p++)
            buf_put_le16(&buf, p < 3 ? c->place[p] : 0xffff);
        enum err err = decode_forged(d, buf_bytes(&buf));
        CHECK_EQ(err, c->err);
        if (err != c->err)
            tap_note("case %u", i);
        buf_done(&buf);
    }
    document_free(d);
}

/* A document at its limits is written and read back. */
TEST(the_largest_documents)
{
    static uint8_t raw[60000];
    const struct prop large = {.id = PROP_OTHER,
                               .kind = PROP_RAW,
                               .name = BYTES_LIT("x"),
                               .text = bytes_of(raw, sizeof(raw))};
    struct document *base = first(), *d = draft_next(base), *back = NULL;
    struct bytes overlay;
    struct arena arena;

    arena_init(&arena);
    CHECK_EQ(overlay_encode(&arena, &large, 1, &overlay), ERR_OK);
    for (unsigned i = 0; i < 2; i++) {
        enum err err = ERR_OK;
        for (unsigned n = 0; err == ERR_OK; n++) {
            uint8_t name = (uint8_t)n;
            err = i == 0 ? draft_set_type(d, bytes_of(&name, 1), true, overlay)
                         : draft_set_bucket(d, TYPE_DEFAULT, bytes_of(&name, 1), overlay);
        }
        CHECK_EQ(err, ERR_FULL);
    }
    document_seal(d);
    struct buf buf = encode(d);
    CHECK(buf.len > 15 * 1024 * 1024);
    CHECK_EQ(document_decode(buf_bytes(&buf), &back), ERR_OK);
    CHECK(back != NULL && back->hash == d->hash);
    document_free(back);
    buf_done(&buf);
    arena_done(&arena);
    document_free(d);
    document_free(base);
}

/* As many types and buckets as there may be: to resolve them must not take their product. */
TEST(many_types_and_buckets)
{
    static struct bucket_type types[BUCKET_TYPES_MAX];
    static struct bucket_override buckets[BUCKET_OVERRIDES_MAX];
    static uint8_t names[BUCKET_OVERRIDES_MAX][2];
    struct document *base = first(), *d = draft_next(base), *back = NULL;
    struct arena arena;

    arena_init(&arena);
    struct bytes r = overlay_of(&arena, PROP_R, 1), w = overlay_of(&arena, PROP_W, 1);
    for (unsigned i = 0; i < ARRAY_LEN(buckets); i++) {
        names[i][0] = (uint8_t)(i >> 8);
        names[i][1] = (uint8_t)i;
    }
    for (unsigned i = 0; i < ARRAY_LEN(types); i++) {
        bool last = i == ARRAY_LEN(types) - 1;
        types[i].name = last ? TYPE_DEFAULT : bytes_of(names[i], 2);
        types[i].active = true;
        types[i].overlay = r;
    }
    for (unsigned i = 0; i < ARRAY_LEN(buckets); i++)
        buckets[i] = (struct bucket_override){types[i / 10].name, bytes_of(names[i], 2), w, {0}};
    d->types = types;
    d->types_count = ARRAY_LEN(types);
    d->buckets = buckets;
    d->buckets_count = ARRAY_LEN(buckets);
    document_seal(d);
    struct buf buf = encode(d);
    CHECK_EQ(document_decode(buf_bytes(&buf), &back), ERR_OK);
    CHECK_FATAL(back != NULL);
    CHECK(arena_total(&back->arena) < 8 * 1024 * 1024);
    for (unsigned i = 0; i < ARRAY_LEN(buckets); i++) {
        const struct props *props = document_props(back, buckets[i].type, buckets[i].bucket);
        CHECK(props->r == 1 && props->w == 1);
    }
    document_free(back);
    buf_done(&buf);
    arena_done(&arena);
    document_free(d);
    document_free(base);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(what_is_written_is_read),
        T(the_form_stays_as_it_is),
        T(damage_is_found),
        T(damage_behind_a_good_checksum_is_found),
        T(the_hash_covers_everything),
        T(a_change_is_of_its_own_section),
        T(a_delta_and_its_base_make_the_next),
        T(a_delta_fits_no_other_base),
        T(what_breaks_a_rule_is_refused),
        T(the_largest_documents),
        T(many_types_and_buckets),
    };

    return tap_main(argc, argv, tests);
}
