/* SPDX-License-Identifier: Apache-2.0 */
#include "record/document.h"

#include "base/check.h"
#include "base/hash.h"
#include "model/draft.h"
#include "model/key.h"
#include "model/overlay.h"
#include "record/seal.h"
#include "record/sys.h"

enum { SECTION_BYTES_MAX = 16 * 1024 * 1024, WEIGHT_MAX = 1000000 };

/* The state of a member in the low bits of its byte, and whether it votes. */
enum { MEMBER_VOTES = 0x80 };

static bool same_lists(const struct document *d)
{
    return memcmp(d->place, d->goal, (size_t)d->partitions * d->n_max * sizeof(*d->place)) == 0;
}

static void put_lists(struct buf *buf, const struct document *d, const uint16_t *lists)
{
    for (size_t i = 0; i < (size_t)d->partitions * d->n_max; i++)
        buf_put_le16(buf, lists[i]);
}

static void put_members(struct buf *buf, const struct document *d)
{
    buf_put_le64(buf, d->hash_key[0]);
    buf_put_le64(buf, d->hash_key[1]);
    buf_put_le64(buf, d->preparing);
    buf_put_varint(buf, d->slots);
    buf_put_varint(buf, d->partitions);
    buf_put_varint(buf, d->n_max);
    buf_put_varint(buf, d->members_count);
    for (uint32_t i = 0; i < d->members_count; i++) {
        const struct member *m = &d->members[i];
        buf_put_le64(buf, m->id);
        buf_put_lenbytes(buf, m->name);
        buf_put_lenbytes(buf, m->address);
        buf_put_lenbytes(buf, m->location);
        buf_put_varint(buf, m->weight);
        buf_put_u8(buf, (uint8_t)(m->state | (m->votes ? MEMBER_VOTES : 0)));
    }
    put_lists(buf, d, d->place);
    if (!same_lists(d))
        put_lists(buf, d, d->goal);
}

static void put_types(struct buf *buf, const struct document *d)
{
    buf_put_varint(buf, d->types_count);
    for (uint32_t i = 0; i < d->types_count; i++) {
        buf_put_lenbytes(buf, d->types[i].name);
        buf_put_u8(buf, d->types[i].active);
        buf_put_lenbytes(buf, d->types[i].overlay);
    }
}

static void put_buckets(struct buf *buf, const struct document *d)
{
    buf_put_varint(buf, d->buckets_count);
    for (uint32_t i = 0; i < d->buckets_count; i++) {
        buf_put_lenbytes(buf, d->buckets[i].type);
        buf_put_lenbytes(buf, d->buckets[i].bucket);
        buf_put_lenbytes(buf, d->buckets[i].overlay);
    }
}

static void put_section(struct buf *buf, const struct document *d, enum document_section section)
{
    switch (section) {
    case SECTION_MEMBERS: put_members(buf, d); break;
    case SECTION_TYPES: put_types(buf, d); break;
    case SECTION_BUCKETS: put_buckets(buf, d); break;
    }
    ASSERT(!buf->overflow);
}

static uint64_t chain_hash(const struct document *d)
{
    struct buf buf;

    buf_init(&buf, 256);
    buf_put_le64(&buf, d->cluster[0]);
    buf_put_le64(&buf, d->cluster[1]);
    buf_put_le64(&buf, d->lineage);
    buf_put_le64(&buf, d->epoch);
    buf_put_le64(&buf, d->previous);
    for (unsigned i = 0; i < DOCUMENT_SECTIONS; i++)
        buf_put_le64(&buf, d->section_hash[i]);
    uint64_t hash = hash_xx(buf_bytes(&buf));
    buf_done(&buf);
    return hash;
}

void document_seal(struct document *document)
{
    for (unsigned i = 0; i < DOCUMENT_SECTIONS; i++) {
        struct buf buf;
        buf_init(&buf, SECTION_BYTES_MAX);
        put_section(&buf, document, (enum document_section)i);
        document->section_hash[i] = hash_xx(buf_bytes(&buf));
        buf_done(&buf);
    }
    document->hash = chain_hash(document);
}

static void put_head(struct buf *buf, const struct document *d)
{
    buf_extend(buf, SEAL_BYTES);
    buf_put_le64(buf, d->cluster[0]);
    buf_put_le64(buf, d->cluster[1]);
    buf_put_le64(buf, d->lineage);
    buf_put_le64(buf, d->epoch);
    buf_put_le64(buf, d->previous);
    buf_put_le64(buf, d->hash);
}

/* Appends all sections, or those that the base has not. */
static void put_document(struct buf *buf, const struct document *base, const struct document *d)
{
    size_t start = buf->len;

    ASSERT(d->hash != 0);
    put_head(buf, d);
    for (unsigned i = 0; i < DOCUMENT_SECTIONS; i++) {
        struct buf section;
        if (base != NULL && base->section_hash[i] == d->section_hash[i]) {
            buf_put_varint(buf, 0);
            continue;
        }
        buf_init(&section, SECTION_BYTES_MAX);
        put_section(&section, d, (enum document_section)i);
        buf_put_lenbytes(buf, buf_bytes(&section));
        buf_done(&section);
    }
    if (!buf->overflow)
        seal_close(buf->data + start, buf->len - start, DOCUMENT_VERSION, SYS_ROW_DOCUMENT);
}

void document_put(struct buf *buf, const struct document *document)
{
    put_document(buf, NULL, document);
}

void document_delta_put(struct buf *buf, const struct document *base,
                        const struct document *document)
{
    put_document(buf, base, document);
}

static struct bytes read_text(struct document *d, struct reader *r, size_t max)
{
    return arena_copy(&d->arena, reader_lenbytes(r, max));
}

static bool power_between(uint64_t value, uint64_t low, uint64_t high)
{
    return value >= low && value <= high && (value & (value - 1)) == 0;
}

static bool read_shape(struct document *d, struct reader *r)
{
    d->hash_key[0] = reader_le64(r);
    d->hash_key[1] = reader_le64(r);
    d->preparing = reader_le64(r);
    uint64_t slots = reader_varint(r);
    uint64_t partitions = reader_varint(r);
    uint64_t n_max = reader_varint(r);
    if (!r->ok || !power_between(slots, SLOTS_MIN, SLOTS_MAX) ||
        !power_between(partitions, PARTITIONS_MIN, slots) || n_max < 1 || n_max > REPLICAS_MAX)
        return false;
    d->slots = (uint32_t)slots;
    d->partitions = (uint32_t)partitions;
    d->n_max = (uint32_t)n_max;
    return true;
}

static const uint16_t *read_lists(struct document *d, struct reader *r)
{
    size_t count = (size_t)d->partitions * d->n_max;

    if (r->rest.len < count * 2)
        return NULL;
    uint16_t *lists = arena_alloc_array(&d->arena, count, sizeof(*lists));
    for (size_t i = 0; i < count; i++) {
        lists[i] = reader_le16(r);
        if (lists[i] != 0xffff && lists[i] >= d->members_count)
            return NULL;
        for (size_t j = i - i % d->n_max; j < i; j++) {
            if (lists[i] != 0xffff && (lists[j] == lists[i] || lists[j] == 0xffff))
                return NULL;
        }
    }
    return lists;
}

static bool read_placement(struct document *d, struct reader *r)
{
    d->place = read_lists(d, r);
    d->goal = d->place;
    if (d->place == NULL || r->rest.len == 0)
        return d->place != NULL && reader_end(r);
    d->goal = read_lists(d, r);
    return d->goal != NULL && !same_lists(d) && reader_end(r);
}

static bool read_members(struct document *d, struct reader *r)
{
    if (!read_shape(d, r))
        return false;
    size_t count = reader_count(r, NODES_MAX, 13);
    uint32_t voters = 0;
    struct member *members = arena_alloc_array(&d->arena, count, sizeof(*members));
    for (size_t i = 0; i < count; i++) {
        struct member *m = &members[i];
        m->id = reader_le64(r);
        m->name = read_text(d, r, NAME_BYTES_MAX);
        m->address = read_text(d, r, NAME_BYTES_MAX);
        m->location = read_text(d, r, NAME_BYTES_MAX);
        uint64_t weight = reader_varint(r);
        uint8_t state = reader_u8(r);
        m->votes = (state & MEMBER_VOTES) != 0;
        state = (uint8_t)(state & ~MEMBER_VOTES);
        if (!r->ok || weight > WEIGHT_MAX || state > MEMBER_REMOVED || m->id == 0 ||
            (m->votes && state == MEMBER_REMOVED) || (i > 0 && members[i - 1].id >= m->id))
            return false;
        voters += m->votes;
        m->weight = (uint32_t)weight;
        m->state = (enum member_state)state;
    }
    d->members = members;
    d->members_count = (uint32_t)count;
    return r->ok && voters > 0 && voters <= VOTERS_MAX && read_placement(d, r);
}

/* What it decodes to takes many times its bytes: it must not stay in the document's arena. */
static bool valid_overlay(struct bytes overlay)
{
    struct arena arena;
    const struct prop *props;
    uint32_t count;

    arena_init(&arena);
    bool valid = overlay_decode(&arena, overlay, &props, &count) == ERR_OK;
    arena_done(&arena);
    return valid;
}

static bool read_types(struct document *d, struct reader *r)
{
    size_t count = reader_count(r, BUCKET_TYPES_MAX, 3);
    struct bucket_type *types = arena_alloc_array(&d->arena, count, sizeof(*types));

    for (size_t i = 0; i < count; i++) {
        types[i].name = read_text(d, r, TYPE_BYTES_MAX);
        uint8_t active = reader_u8(r);
        types[i].active = active == 1;
        types[i].overlay = read_text(d, r, OVERLAY_BYTES_MAX);
        if (!r->ok || active > 1 || !valid_overlay(types[i].overlay) ||
            (i > 0 && bytes_cmp(types[i - 1].name, types[i].name) >= 0))
            return false;
    }
    d->types = types;
    d->types_count = (uint32_t)count;
    const struct bucket_type *standard = document_type(d, TYPE_DEFAULT);
    return reader_end(r) && standard != NULL && standard->active;
}

static bool read_buckets(struct document *d, struct reader *r)
{
    size_t count = reader_count(r, BUCKET_OVERRIDES_MAX, 3);
    struct bucket_override *buckets = arena_alloc_array(&d->arena, count, sizeof(*buckets));

    for (size_t i = 0; i < count; i++) {
        struct bucket_override *b = &buckets[i];
        b->type = read_text(d, r, TYPE_BYTES_MAX);
        b->bucket = read_text(d, r, BUCKET_BYTES_MAX);
        b->overlay = read_text(d, r, OVERLAY_BYTES_MAX);
        if (!r->ok || b->overlay.len == 0 || !valid_overlay(b->overlay) ||
            document_type(d, b->type) == NULL)
            return false;
        int order = i == 0 ? -1 : bytes_cmp(buckets[i - 1].type, b->type);
        if (order > 0 || (order == 0 && bytes_cmp(buckets[i - 1].bucket, b->bucket) >= 0))
            return false;
    }
    d->buckets = buckets;
    d->buckets_count = (uint32_t)count;
    return reader_end(r);
}

static bool read_section(struct document *d, enum document_section section, struct bytes bytes)
{
    struct reader r = reader_of(bytes);

    d->section_hash[section] = hash_xx(bytes);
    switch (section) {
    case SECTION_MEMBERS: return read_members(d, &r);
    case SECTION_TYPES: return read_types(d, &r);
    case SECTION_BUCKETS: return read_buckets(d, &r);
    }
    return false;
}

static bool read_head(struct document *d, struct reader *r)
{
    d->cluster[0] = reader_le64(r);
    d->cluster[1] = reader_le64(r);
    d->lineage = reader_le64(r);
    d->epoch = reader_le64(r);
    d->previous = reader_le64(r);
    d->hash = reader_le64(r);
    return r->ok && d->epoch > 0 && (d->cluster[0] | d->cluster[1]) != 0;
}

/* Reads into `d`; sections of length 0 are taken from `base`. */
static enum err read_document(struct document *d, const struct document *base, struct reader *r)
{
    if (!read_head(d, r))
        return ERR_CORRUPT;
    if (base != NULL && (base->cluster[0] != d->cluster[0] || base->cluster[1] != d->cluster[1]))
        return ERR_STALE;
    for (unsigned i = 0; i < DOCUMENT_SECTIONS; i++) {
        struct bytes section = reader_lenbytes(r, SECTION_BYTES_MAX);
        struct buf own;
        if (!r->ok)
            return ERR_CORRUPT;
        if (section.len > 0) {
            if (!read_section(d, (enum document_section)i, section))
                return ERR_CORRUPT;
            continue;
        }
        if (base == NULL)
            return ERR_CORRUPT;
        buf_init(&own, SECTION_BYTES_MAX);
        put_section(&own, base, (enum document_section)i);
        bool read = read_section(d, (enum document_section)i, buf_bytes(&own));
        buf_done(&own);
        if (!read)
            return ERR_STALE;
    }
    if (!reader_end(r))
        return ERR_CORRUPT;
    if (chain_hash(d) != d->hash)
        return base == NULL ? ERR_CORRUPT : ERR_STALE;
    draft_resolve(d);
    return ERR_OK;
}

static enum err decode(const struct document *base, struct bytes bytes,
                       struct document **ret_document)
{
    struct reader r;

    if (bytes.len > DOCUMENT_BYTES_MAX)
        return ERR_CORRUPT;
    TRY(seal_open(bytes, DOCUMENT_VERSION, SYS_ROW_DOCUMENT, &r));
    struct document *d = document_new();
    enum err err = read_document(d, base, &r);
    if (err == ERR_OK)
        *ret_document = d;
    else
        document_free(d);
    return err;
}

enum err document_decode(struct bytes bytes, struct document **ret_document)
{
    return decode(NULL, bytes, ret_document);
}

enum err document_apply(const struct document *base, struct bytes delta,
                        struct document **ret_document)
{
    ASSERT(base != NULL);
    return decode(base, delta, ret_document);
}
