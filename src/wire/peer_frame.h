/* SPDX-License-Identifier: Apache-2.0 */
/* Frames between nodes, and what the two ends of a connection say before the first message. All
 * numbers are little-endian. The layout of the header never changes; `version` says how to read the
 * payload. Both checksums are verified before a byte is believed, under TLS too: they also catch
 * what our own memory did.
 *
 *   offset  size  field
 *   0       2     magic, 0xd5 0x5e
 *   2       1     version of the payload
 *   3       1     kind
 *   4       4     flags, 0
 *   8       4     payload length
 *   12      4     CRC-32C of the payload
 *   16      4     CRC-32C of the 16 bytes before
 *   20      n     payload
 *
 * The beginning of a connection; `->` is said by the end that dialled:
 *
 *   -> greeting
 *   <- greeting, proof
 *   -> proof, then messages       <- messages, once the proof is good
 *
 * A proof is empty, or with a shared secret the HMAC-SHA-256 of both greetings as they were sent,
 * the own one first. Either end may say a refusal instead, and then closes. */
#ifndef WIRE_PEER_FRAME_H
#define WIRE_PEER_FRAME_H

#include "base/arena.h"
#include "base/buf.h"
#include "msg/peer.h"

enum {
    PEER_VERSION_MIN = 1, /* of the payloads that this release can read ... */
    PEER_VERSION_MAX = 1, /* ... and write */
    PEER_HEADER_BYTES = 20,
    PEER_GREETING_BYTES_MAX = 2048,
    PEER_CHALLENGE_BYTES = 16,
    PEER_PROOF_BYTES = 32,
};

enum peer_frame_kind {
    FRAME_GREETING = 1,
    FRAME_PROOF = 2,
    FRAME_REFUSAL = 3,
    FRAME_MESSAGE = 4, /* and all above: the kind of message is `kind` minus this */
};

struct peer_frame {
    enum peer_frame_kind kind;
    uint8_t message; /* FRAME_MESSAGE: which, as a number on the wire */
    uint8_t version;
    struct bytes payload;
    size_t size; /* of the whole frame */
};

enum peer_framing {
    FRAMING_READY, /* a frame; it ends after ret_frame->size bytes */
    FRAMING_SHORT, /* it needs at least ret_frame->size bytes */
    FRAMING_BAD,   /* no frame, or a damaged one: the connection cannot go on */
};

/* Looks for one frame at the beginning of `input`; its payload is a view of it. A payload above
 * `payload_max` is bad as soon as the header is there. */
enum peer_framing peer_frame_next(struct bytes input, size_t payload_max,
                                  struct peer_frame *ret_frame);

/* Opens a frame at the end of the buffer; the payload is what is appended before the close. */
size_t peer_frame_open(struct buf *buf, uint8_t version, uint8_t kind);

/* Fills in length and checksums of the frame that was opened at `start`. When the buffer has
 * overflowed, or the payload is too large, nothing of the frame is left: ERR_TOO_LARGE. */
enum err peer_frame_close(struct buf *buf, size_t start) MUST_CHECK;

/* What an end of a connection says of itself and of the connection. */
struct peer_greeting {
    uint8_t version_min, version_max;
    enum peer_class class;
    bool secret;       /* the proof will not be empty */
    uint64_t instance; /* random, one for each start of a process */
    uint64_t call;     /* of the end that dialled: ascending in an instance; 0 from the other */
    uint8_t challenge[PEER_CHALLENGE_BYTES];
    struct peer_hello hello;
};

enum err peer_greeting_encode(struct buf *buf, const struct peer_greeting *greeting) MUST_CHECK;

/* Views point into the frame. What a later version may append is ignored. ERR_MALFORMED. */
enum err peer_greeting_decode(const struct peer_frame *frame, struct peer_greeting *ret_greeting)
    MUST_CHECK;

/* The highest version that both can speak; ERR_VERSION when there is none. */
enum err peer_version_choose(const struct peer_greeting *a, const struct peer_greeting *b,
                             uint8_t *ret_version) MUST_CHECK;

/* `proof` is empty or PEER_PROOF_BYTES long. */
enum err peer_proof_encode(struct buf *buf, struct bytes proof) MUST_CHECK;
enum err peer_proof_decode(const struct peer_frame *frame, struct bytes *ret_proof) MUST_CHECK;

/* Why a connection is not wanted. */
enum peer_refusal {
    REFUSAL_VERSION = 1,   /* no common version */
    REFUSAL_SECRET = 2,    /* wrong secret, or only one end has one */
    REFUSAL_DUPLICATE = 3, /* another connection between the same two serves */
    REFUSAL_STOPPING = 4,
    REFUSAL_SELF = 5, /* both ends are one node */
    REFUSAL_FULL = 6, /* no room for one more */
};

enum err peer_refusal_encode(struct buf *buf, enum peer_refusal refusal) MUST_CHECK;
enum err peer_refusal_decode(const struct peer_frame *frame, enum peer_refusal *ret_refusal)
    MUST_CHECK;

/* The reason in words, a constant. */
const char *peer_refusal_text(enum peer_refusal refusal);

#endif
