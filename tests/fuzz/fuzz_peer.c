/* SPDX-License-Identifier: Apache-2.0 */
/* Frames and messages between nodes. An even first byte: the rest is what a socket gives. An odd
 * one: the rest is a kind of message and its payload behind a good checksum; what can be read must
 * be written and read again. */
#include "base/check.h"
#include "msg/limits.h"
#include "wire/peer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_greetings(const struct peer_frame *frame)
{
    struct peer_greeting greeting;
    enum peer_refusal refusal;
    struct bytes proof;

    if (peer_greeting_decode(frame, &greeting) == ERR_OK)
        ASSERT(greeting.hello.node != 0);
    if (peer_proof_decode(frame, &proof) == ERR_OK)
        ASSERT(proof.len == 0 || proof.len == PEER_PROOF_BYTES);
    if (peer_refusal_decode(frame, &refusal) == ERR_OK)
        ASSERT(peer_refusal_text(refusal) != NULL);
}

static void read_message(struct arena *arena, const struct peer_frame *frame)
{
    struct peer_msg msg, again;
    struct peer_frame copy;
    struct buf buf;

    if (peer_decode(arena, frame, &msg) != ERR_OK)
        return;
    buf_init(&buf, PEER_FRAME_BYTES_MAX);
    enum err err = peer_encode(&buf, 1, &msg);
    ASSERT(err == ERR_OK);
    enum peer_framing framing = peer_frame_next(buf_bytes(&buf), PEER_FRAME_BYTES_MAX, &copy);
    ASSERT(framing == FRAMING_READY);
    err = peer_decode(arena, &copy, &again);
    ASSERT(err == ERR_OK);
    ASSERT(again.kind == msg.kind);
    buf_done(&buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct peer_frame frame = {.version = PEER_VERSION_MAX, .kind = FRAME_MESSAGE};
    struct arena arena;

    if (size < 2)
        return 0;
    arena_init(&arena);
    if (data[0] % 2 == 1) {
        frame.message = data[1];
        frame.payload = bytes_of(data + 2, size - 2);
        read_message(&arena, &frame);
        for (int kind = FRAME_GREETING; kind <= FRAME_REFUSAL; kind++) {
            frame.kind = (enum peer_frame_kind)kind;
            read_greetings(&frame);
        }
    } else {
        struct bytes rest = bytes_of(data + 1, size - 1);
        while (peer_frame_next(rest, PEER_FRAME_BYTES_MAX, &frame) == FRAMING_READY) {
            read_message(&arena, &frame);
            read_greetings(&frame);
            rest = bytes_sub(rest, frame.size, rest.len - frame.size);
        }
    }
    arena_done(&arena);
    return 0;
}
