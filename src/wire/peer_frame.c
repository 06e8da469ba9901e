/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/peer_frame.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/reader.h"
#include "model/limits.h"
#include "msg/limits.h"

enum {
    MAGIC = 0x5ed5,
    HEADER_CHECKED_BYTES = 16,
    AT_LENGTH = 8,
    AT_PAYLOAD_CRC = 12,
    AT_HEADER_CRC = 16,
    GREETING_SECRET = 1, /* a flag */
};

static bool kind_split(uint8_t kind, struct peer_frame *frame)
{
    if (kind == 0)
        return false;
    frame->kind = kind < FRAME_MESSAGE ? (enum peer_frame_kind)kind : FRAME_MESSAGE;
    frame->message = kind < FRAME_MESSAGE ? 0 : (uint8_t)(kind - FRAME_MESSAGE);
    return true;
}

enum peer_framing peer_frame_next(struct bytes input, size_t payload_max,
                                  struct peer_frame *ret_frame)
{
    struct peer_frame frame = {.size = PEER_HEADER_BYTES};

    ASSERT(payload_max <= PEER_FRAME_BYTES_MAX);
    if (input.len < PEER_HEADER_BYTES) {
        ret_frame->size = PEER_HEADER_BYTES;
        return FRAMING_SHORT;
    }
    struct reader r = reader_of(bytes_sub(input, 0, PEER_HEADER_BYTES));
    uint16_t magic = reader_le16(&r);
    frame.version = reader_u8(&r);
    uint8_t kind = reader_u8(&r);
    uint32_t flags = reader_le32(&r);
    uint32_t length = reader_le32(&r);
    uint32_t payload_crc = reader_le32(&r);
    uint32_t header_crc = reader_le32(&r);
    ASSERT(reader_end(&r));
    if (magic != MAGIC || header_crc != crc32c(0, bytes_sub(input, 0, HEADER_CHECKED_BYTES)))
        return FRAMING_BAD;
    if (flags != 0 || length > payload_max || !kind_split(kind, &frame))
        return FRAMING_BAD;
    frame.size = PEER_HEADER_BYTES + (size_t)length;
    if (input.len < frame.size) {
        ret_frame->size = frame.size;
        return FRAMING_SHORT;
    }
    frame.payload = bytes_sub(input, PEER_HEADER_BYTES, length);
    if (crc32c(0, frame.payload) != payload_crc)
        return FRAMING_BAD;
    *ret_frame = frame;
    return FRAMING_READY;
}

size_t peer_frame_open(struct buf *buf, uint8_t version, uint8_t kind)
{
    size_t start = buf->len;

    ASSERT(kind != 0);
    ASSERT(!buf->overflow);
    buf_put_le16(buf, MAGIC);
    buf_put_u8(buf, version);
    buf_put_u8(buf, kind);
    buf_put_le32(buf, 0);
    buf_put_le32(buf, 0);
    buf_put_le32(buf, 0);
    buf_put_le32(buf, 0);
    return start;
}

static void set_le32(uint8_t *at, uint32_t v)
{
    for (unsigned i = 0; i < 4; i++)
        at[i] = (uint8_t)(v >> (8 * i));
}

enum err peer_frame_close(struct buf *buf, size_t start)
{
    ASSERT(start <= buf->len);
    size_t len = buf->len - start;
    if (buf->overflow || len - PEER_HEADER_BYTES > PEER_FRAME_BYTES_MAX) {
        buf->len = start;
        buf->overflow = false;
        return ERR_TOO_LARGE;
    }
    ASSERT(len >= PEER_HEADER_BYTES);
    uint8_t *header = buf->data + start;
    struct bytes payload = bytes_of(header + PEER_HEADER_BYTES, len - PEER_HEADER_BYTES);
    set_le32(header + AT_LENGTH, (uint32_t)payload.len);
    set_le32(header + AT_PAYLOAD_CRC, crc32c(0, payload));
    set_le32(header + AT_HEADER_CRC, crc32c(0, bytes_of(header, HEADER_CHECKED_BYTES)));
    return ERR_OK;
}

enum err peer_greeting_encode(struct buf *buf, const struct peer_greeting *greeting)
{
    const struct peer_hello *hello = &greeting->hello;
    size_t start = peer_frame_open(buf, PEER_VERSION_MIN, FRAME_GREETING);

    ASSERT(greeting->version_min <= greeting->version_max);
    ASSERT(hello->name.len <= NAME_BYTES_MAX && hello->address.len <= NAME_BYTES_MAX);
    buf_put_u8(buf, greeting->version_min);
    buf_put_u8(buf, greeting->version_max);
    buf_put_u8(buf, (uint8_t)greeting->class);
    buf_put_u8(buf, greeting->secret ? GREETING_SECRET : 0);
    buf_put_le64(buf, greeting->instance);
    buf_put_le64(buf, greeting->call);
    buf_put(buf, bytes_of(greeting->challenge, PEER_CHALLENGE_BYTES));
    buf_put_le64(buf, hello->node);
    buf_put_le64(buf, hello->cluster[0]);
    buf_put_le64(buf, hello->cluster[1]);
    buf_put_le64(buf, hello->lineage);
    buf_put_le64(buf, hello->epoch);
    buf_put_lenbytes(buf, hello->name);
    buf_put_lenbytes(buf, hello->address);
    return peer_frame_close(buf, start);
}

enum err peer_greeting_decode(const struct peer_frame *frame, struct peer_greeting *ret_greeting)
{
    struct peer_greeting g = {.version_min = 0};
    struct reader r = reader_of(frame->payload);

    if (frame->kind != FRAME_GREETING)
        return ERR_MALFORMED;
    g.version_min = reader_u8(&r);
    g.version_max = reader_u8(&r);
    uint8_t class = reader_u8(&r);
    g.secret = (reader_u8(&r) & GREETING_SECRET) != 0;
    g.instance = reader_le64(&r);
    g.call = reader_le64(&r);
    struct bytes challenge = reader_take(&r, PEER_CHALLENGE_BYTES);
    g.hello.node = reader_le64(&r);
    g.hello.cluster[0] = reader_le64(&r);
    g.hello.cluster[1] = reader_le64(&r);
    g.hello.lineage = reader_le64(&r);
    g.hello.epoch = reader_le64(&r);
    g.hello.name = reader_lenbytes(&r, NAME_BYTES_MAX);
    g.hello.address = reader_lenbytes(&r, NAME_BYTES_MAX);
    if (!r.ok || class > CLASS_BULK || g.version_min > g.version_max || g.hello.node == 0)
        return ERR_MALFORMED;
    memcpy(g.challenge, challenge.data, PEER_CHALLENGE_BYTES);
    g.class = (enum peer_class) class;
    *ret_greeting = g;
    return ERR_OK;
}

enum err peer_version_choose(const struct peer_greeting *a, const struct peer_greeting *b,
                             uint8_t *ret_version)
{
    uint8_t max = a->version_max < b->version_max ? a->version_max : b->version_max;
    uint8_t min = a->version_min > b->version_min ? a->version_min : b->version_min;

    if (max < min)
        return ERR_VERSION;
    *ret_version = max;
    return ERR_OK;
}

enum err peer_proof_encode(struct buf *buf, struct bytes proof)
{
    size_t start = peer_frame_open(buf, PEER_VERSION_MIN, FRAME_PROOF);

    ASSERT(proof.len == 0 || proof.len == PEER_PROOF_BYTES);
    buf_put(buf, proof);
    return peer_frame_close(buf, start);
}

enum err peer_proof_decode(const struct peer_frame *frame, struct bytes *ret_proof)
{
    if (frame->kind != FRAME_PROOF)
        return ERR_MALFORMED;
    if (frame->payload.len != 0 && frame->payload.len != PEER_PROOF_BYTES)
        return ERR_MALFORMED;
    *ret_proof = frame->payload;
    return ERR_OK;
}

enum err peer_refusal_encode(struct buf *buf, enum peer_refusal refusal)
{
    size_t start = peer_frame_open(buf, PEER_VERSION_MIN, FRAME_REFUSAL);

    buf_put_u8(buf, (uint8_t)refusal);
    return peer_frame_close(buf, start);
}

enum err peer_refusal_decode(const struct peer_frame *frame, enum peer_refusal *ret_refusal)
{
    if (frame->kind != FRAME_REFUSAL || frame->payload.len < 1)
        return ERR_MALFORMED;
    uint8_t refusal = frame->payload.data[0];
    if (refusal < REFUSAL_VERSION || refusal > REFUSAL_FULL)
        return ERR_VERSION;
    *ret_refusal = (enum peer_refusal)refusal;
    return ERR_OK;
}

const char *peer_refusal_text(enum peer_refusal refusal)
{
    switch (refusal) {
    case REFUSAL_VERSION: return "no common protocol version";
    case REFUSAL_SECRET: return "the cluster secrets differ";
    case REFUSAL_DUPLICATE: return "another connection serves";
    case REFUSAL_STOPPING: return "stopping";
    case REFUSAL_SELF: return "the address leads back to this node";
    case REFUSAL_FULL: return "no room for another connection";
    }
    UNREACHABLE();
}
