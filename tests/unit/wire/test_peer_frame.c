/* SPDX-License-Identifier: Apache-2.0 */
/* Frames between nodes: cut anywhere, flipped anywhere, and what the two ends say first. */
#include "tap.h"

#include "base/encode.h"
#include "base/random.h"
#include "msg/limits.h"
#include "wire/peer_err.h"
#include "wire/peer_frame.h"

enum { BUF_MAX = 1 << 20 };

static struct peer_greeting greeting_sample(void)
{
    struct peer_greeting g = {
        .version_min = 1,
        .version_max = 3,
        .class = CLASS_BULK,
        .secret = true,
        .instance = 0x1122334455667788,
        .call = 0x99,
        .hello = {.node = 0xaabbccdd, .cluster = {5, 6}, .lineage = 7, .epoch = 8},
    };

    for (uint8_t i = 0; i < PEER_CHALLENGE_BYTES; i++)
        g.challenge[i] = (uint8_t)(i * 3);
    g.hello.name = BYTES_LIT("dassie1");
    g.hello.address = BYTES_LIT("[::1]:8099");
    return g;
}

TEST(a_frame_is_ready_when_its_last_byte_is_there)
{
    struct peer_greeting sample = greeting_sample();
    struct peer_frame frame;
    struct buf buf;

    buf_init(&buf, BUF_MAX);
    CHECK_EQ(peer_greeting_encode(&buf, &sample), ERR_OK);
    CHECK_EQ(peer_proof_encode(&buf, BYTES_NONE), ERR_OK);
    size_t first = buf.len - PEER_HEADER_BYTES;
    for (size_t len = 0; len < first; len++) {
        enum peer_framing framing =
            peer_frame_next(bytes_of(buf.data, len), PEER_GREETING_BYTES_MAX, &frame);
        CHECK_EQ(framing, FRAMING_SHORT);
        CHECK_EQ(frame.size, len < PEER_HEADER_BYTES ? (size_t)PEER_HEADER_BYTES : first);
    }
    /* What follows the first frame does not disturb it, and is the second. */
    CHECK_EQ(peer_frame_next(buf_bytes(&buf), PEER_GREETING_BYTES_MAX, &frame), FRAMING_READY);
    CHECK_EQ(frame.kind, FRAME_GREETING);
    CHECK_EQ(frame.size, first);
    buf_consume(&buf, frame.size);
    CHECK_EQ(peer_frame_next(buf_bytes(&buf), PEER_GREETING_BYTES_MAX, &frame), FRAMING_READY);
    CHECK_EQ(frame.kind, FRAME_PROOF);
    CHECK_EQ(frame.payload.len, 0);
    CHECK_EQ(frame.size, buf.len);
    buf_done(&buf);
}

TEST(no_flipped_bit_goes_unseen)
{
    struct peer_greeting sample = greeting_sample();
    struct peer_frame frame;
    struct buf buf;

    buf_init(&buf, BUF_MAX);
    CHECK_EQ(peer_greeting_encode(&buf, &sample), ERR_OK);
    for (size_t bit = 0; bit < buf.len * 8; bit++) {
        buf.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        CHECK_EQ(peer_frame_next(buf_bytes(&buf), PEER_GREETING_BYTES_MAX, &frame), FRAMING_BAD);
        buf.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    CHECK_EQ(peer_frame_next(buf_bytes(&buf), PEER_GREETING_BYTES_MAX, &frame), FRAMING_READY);
    buf_done(&buf);
}

TEST(a_large_payload_is_refused_by_its_header)
{
    struct peer_frame frame;
    struct buf buf;

    buf_init(&buf, BUF_MAX);
    size_t start = peer_frame_open(&buf, 1, FRAME_MESSAGE + 1);
    memset(buf_extend(&buf, 5000), 0, 5000);
    CHECK_EQ(peer_frame_close(&buf, start), ERR_OK);
    struct bytes header = bytes_of(buf.data, PEER_HEADER_BYTES);
    CHECK_EQ(peer_frame_next(header, 4999, &frame), FRAMING_BAD);
    CHECK_EQ(peer_frame_next(header, 5000, &frame), FRAMING_SHORT);
    CHECK_EQ(peer_frame_next(buf_bytes(&buf), 5000, &frame), FRAMING_READY);
    CHECK_EQ(frame.kind, FRAME_MESSAGE);
    CHECK_EQ(frame.message, 1);
    buf_done(&buf);
}

TEST(what_does_not_fit_leaves_no_trace)
{
    struct buf buf;

    buf_init(&buf, 100);
    CHECK_EQ(peer_proof_encode(&buf, BYTES_NONE), ERR_OK);
    CHECK_EQ(buf.len, PEER_HEADER_BYTES);
    size_t start = peer_frame_open(&buf, 1, FRAME_MESSAGE);
    CHECK(buf_extend(&buf, 61) == NULL);
    CHECK_EQ(peer_frame_close(&buf, start), ERR_TOO_LARGE);
    CHECK_EQ(buf.len, PEER_HEADER_BYTES);
    CHECK(!buf.overflow);
    CHECK_EQ(peer_proof_encode(&buf, BYTES_NONE), ERR_OK);
    CHECK_EQ(buf.len, 2 * PEER_HEADER_BYTES);
    buf_done(&buf);
}

TEST(greetings_say_everything)
{
    struct peer_greeting sample = greeting_sample(), got;
    struct peer_frame frame;
    struct buf buf;

    buf_init(&buf, BUF_MAX);
    CHECK_EQ(peer_greeting_encode(&buf, &sample), ERR_OK);
    CHECK_EQ_FATAL(peer_frame_next(buf_bytes(&buf), PEER_GREETING_BYTES_MAX, &frame),
                   FRAMING_READY);
    CHECK_EQ_FATAL(peer_greeting_decode(&frame, &got), ERR_OK);
    CHECK_EQ(got.version_min, 1);
    CHECK_EQ(got.version_max, 3);
    CHECK_EQ(got.class, CLASS_BULK);
    CHECK_EQ(got.secret, true);
    CHECK_EQ(got.instance, sample.instance);
    CHECK_EQ(got.call, 0x99);
    CHECK_BYTES(got.challenge, PEER_CHALLENGE_BYTES, sample.challenge, PEER_CHALLENGE_BYTES);
    CHECK_EQ(got.hello.node, 0xaabbccdd);
    CHECK_EQ(got.hello.cluster[0], 5);
    CHECK_EQ(got.hello.cluster[1], 6);
    CHECK_EQ(got.hello.lineage, 7);
    CHECK_EQ(got.hello.epoch, 8);
    CHECK(bytes_eq(got.hello.name, sample.hello.name));
    CHECK(bytes_eq(got.hello.address, sample.hello.address));

    /* Later releases may say more; less, or nonsense, is malformed. */
    struct bytes whole = frame.payload;
    for (size_t len = 0; len < whole.len; len++) {
        frame.payload = bytes_of(whole.data, len);
        CHECK_EQ(peer_greeting_decode(&frame, &got), ERR_MALFORMED);
    }
    frame.payload = whole;
    frame.kind = FRAME_PROOF;
    CHECK_EQ(peer_greeting_decode(&frame, &got), ERR_MALFORMED);
    buf_done(&buf);
}

TEST(the_first_frame_of_all_releases_looks_like_this)
{
    struct peer_greeting sample = greeting_sample();
    struct buf buf, hex;

    buf_init(&buf, BUF_MAX);
    buf_init(&hex, BUF_MAX);
    CHECK_EQ(peer_greeting_encode(&buf, &sample), ERR_OK);
    hex_put(&hex, buf_bytes(&buf));
    static const char expected[] =
        "d55e0101000000005f0000002ca52f0851145a47"
        "0103020188776655443322119900000000000000"
        "00030609"
        "0c0f1215181b1e2124272a2dddccbbaa00000000050000000000000006000000"
        "0000000007000000000000000800000000000000"
        "07646173736965310a5b3a3a315d3a38303939";
    CHECK_BYTES(hex.data, hex.len, expected, sizeof(expected) - 1);
    buf_done(&hex);
    buf_done(&buf);
}

TEST(versions_overlap_or_not)
{
    struct peer_greeting a = {.version_min = 2, .version_max = 4};
    struct peer_greeting b = {.version_min = 3, .version_max = 9};
    uint8_t version = 0;

    CHECK_EQ(peer_version_choose(&a, &b, &version), ERR_OK);
    CHECK_EQ(version, 4);
    CHECK_EQ(peer_version_choose(&b, &a, &version), ERR_OK);
    CHECK_EQ(version, 4);
    b.version_min = 5;
    CHECK_EQ(peer_version_choose(&a, &b, &version), ERR_VERSION);
}

TEST(proofs_and_refusals)
{
    uint8_t proof[PEER_PROOF_BYTES] = {1, 2, 3};
    struct bytes got = BYTES_NONE;
    enum peer_refusal refusal = REFUSAL_FULL;
    struct peer_frame frame;
    struct buf buf;

    buf_init(&buf, BUF_MAX);
    CHECK_EQ(peer_proof_encode(&buf, bytes_of(proof, sizeof(proof))), ERR_OK);
    CHECK_EQ_FATAL(peer_frame_next(buf_bytes(&buf), 100, &frame), FRAMING_READY);
    CHECK_EQ(peer_proof_decode(&frame, &got), ERR_OK);
    CHECK_BYTES(got.data, got.len, proof, sizeof(proof));
    frame.payload.len--;
    CHECK_EQ(peer_proof_decode(&frame, &got), ERR_MALFORMED);
    CHECK_EQ(peer_refusal_decode(&frame, &refusal), ERR_MALFORMED);

    for (int i = REFUSAL_VERSION; i <= REFUSAL_FULL; i++) {
        buf_reset(&buf);
        CHECK_EQ(peer_refusal_encode(&buf, (enum peer_refusal)i), ERR_OK);
        CHECK_EQ_FATAL(peer_frame_next(buf_bytes(&buf), 100, &frame), FRAMING_READY);
        CHECK_EQ(peer_refusal_decode(&frame, &refusal), ERR_OK);
        CHECK_EQ(refusal, i);
        CHECK(strlen(peer_refusal_text(refusal)) > 0);
    }
    buf_done(&buf);
}

TEST(errors_keep_their_numbers)
{
    enum err errs[256];
    int known = 0;

    for (int i = 0; i < 256; i++) {
        errs[i] = peer_err_of((uint8_t)i);
        if (peer_err_number(errs[i]) == i)
            known++;
        else
            CHECK_EQ(errs[i], ERR_UNKNOWN);
    }
#define ERR_ONE(name, text) +1
    CHECK_EQ(known, 0 ERR_LIST(ERR_ONE));
#undef ERR_ONE
    CHECK_EQ(peer_err_number(ERR_OK), 0);
    CHECK_EQ(peer_err_number(ERR_NOT_FOUND), 1);
    CHECK_EQ(peer_err_number(ERR_WRONG_OWNER), 27);
    CHECK_EQ(peer_err_number(ERR_VERSION), 40);
}

TEST(noise_is_no_frame)
{
    struct seed seed = seed_of(3);
    struct random random;
    struct peer_frame frame;
    uint8_t noise[64];

    random_init(&random, &seed, 0);
    for (int i = 0; i < 20000; i++) {
        random_bytes(&random, noise, sizeof(noise));
        noise[0] = 0xd5;
        noise[1] = 0x5e;
        CHECK_EQ(peer_frame_next(bytes_of(noise, sizeof(noise)), PEER_FRAME_BYTES_MAX, &frame),
                 FRAMING_BAD);
    }
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(a_frame_is_ready_when_its_last_byte_is_there),
        T(no_flipped_bit_goes_unseen),
        T(a_large_payload_is_refused_by_its_header),
        T(what_does_not_fit_leaves_no_trace),
        T(greetings_say_everything),
        T(the_first_frame_of_all_releases_looks_like_this),
        T(versions_overlap_or_not),
        T(proofs_and_refusals),
        T(errors_keep_their_numbers),
        T(noise_is_no_frame),
    };
    return tap_main(argc, argv, tests);
}
