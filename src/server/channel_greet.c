/* SPDX-License-Identifier: Apache-2.0 */
/* The handshake of a peer connection (wire/peer_frame.h draws it): who are you, do we speak a
 * common version, do you know the secret. */
#include <sys/random.h>

#include "base/check.h"
#include "server/peers_int.h"

static void say_greeting(struct channel *channel)
{
    struct peers *peers = channel->peers;
    struct peer_greeting g = {
        .version_min = PEER_VERSION_MIN,
        .version_max = PEER_VERSION_MAX,
        .class = channel->class,
        .secret = peers->secret.len > 0,
        .instance = peers->instance,
        .call = channel->dialled ? channel->call : 0,
    };
    size_t start = channel->said.len;

    ssize_t got = getrandom(g.challenge, sizeof(g.challenge), 0);
    ASSERT(got == (ssize_t)sizeof(g.challenge));
    peers->hello(peers->context, &g.hello);
    enum err err = peer_greeting_encode(&channel->said, &g);
    ASSERT(err == ERR_OK);
    start += PEER_HEADER_BYTES;
    buf_reset(&channel->ours);
    buf_put(&channel->ours, bytes_sub(buf_bytes(&channel->said), start, channel->said.len));
    channel_mark_dirty(channel);
}

static void say_proof(struct channel *channel)
{
    uint8_t space[PEER_PROOF_BYTES];
    struct bytes proof = secret_prove(&channel->peers->secret, buf_bytes(&channel->ours),
                                      buf_bytes(&channel->theirs), space);

    enum err err = peer_proof_encode(&channel->said, proof);
    ASSERT(err == ERR_OK);
    channel_mark_dirty(channel);
}

void channel_greet(struct channel *channel)
{
    if (channel->dialled)
        say_greeting(channel);
}

/* Keeps the greeting, which must outlive the bytes it was read from. */
static bool keep_greeting(struct channel *channel, const struct peer_frame *frame)
{
    struct peer_frame kept = *frame;

    buf_reset(&channel->theirs);
    buf_put(&channel->theirs, frame->payload);
    kept.payload = buf_bytes(&channel->theirs);
    return peer_greeting_decode(&kept, &channel->greeting) == ERR_OK;
}

/* Why we do not want them; 0 when we do. */
static int objection(const struct channel *channel)
{
    const struct peer_greeting *theirs = &channel->greeting;
    struct peer_greeting ours = {.version_min = PEER_VERSION_MIN, .version_max = PEER_VERSION_MAX};
    struct peer_hello hello;
    uint8_t version = 0;

    channel->peers->hello(channel->peers->context, &hello);
    if (theirs->instance == channel->peers->instance || theirs->hello.node == hello.node)
        return REFUSAL_SELF;
    if (peer_version_choose(&ours, theirs, &version) != ERR_OK)
        return REFUSAL_VERSION;
    if (theirs->secret != (channel->peers->secret.len > 0))
        return REFUSAL_SECRET;
    return channel->peers->stopping ? REFUSAL_STOPPING : 0;
}

/* We object: both ends get to know why. */
static void object(struct channel *channel, enum peer_refusal refusal)
{
    log_line(channel->peers->log, TRACE_WARN, "a peer connection %s %s failed: %s",
             channel->dialled ? "to" : "from", channel->dialled ? channel->address : "another node",
             peer_refusal_text(refusal));
    peers_channel_dead(channel->peers, channel, peer_refusal_text(refusal));
    channel_refuse(channel, refusal);
}

static void on_greeting(struct channel *channel, const struct peer_frame *frame)
{
    struct peer_greeting ours = {.version_min = PEER_VERSION_MIN, .version_max = PEER_VERSION_MAX};

    if (!keep_greeting(channel, frame)) {
        channel_fail(channel, "what it sent is no greeting");
        return;
    }
    int why = objection(channel);
    if (why != 0) {
        object(channel, (enum peer_refusal)why);
        return;
    }
    enum err err = peer_version_choose(&ours, &channel->greeting, &channel->version);
    ASSERT(err == ERR_OK);
    if (channel->dialled && channel->greeting.class != channel->class) {
        channel_fail(channel, "it answered for another class");
        return;
    }
    channel->class = channel->greeting.class;
    if (!channel->dialled)
        channel->call = channel->greeting.call;
    channel->state = CHANNEL_PROVE;
    if (!channel->dialled) {
        say_greeting(channel);
        say_proof(channel);
    }
}

static void on_proof(struct channel *channel, const struct peer_frame *frame)
{
    struct bytes proof = BYTES_NONE;

    if (peer_proof_decode(frame, &proof) != ERR_OK) {
        channel_fail(channel, "what it sent is no proof");
        return;
    }
    if (!secret_accepts(&channel->peers->secret, proof, buf_bytes(&channel->theirs),
                        buf_bytes(&channel->ours))) {
        object(channel, REFUSAL_SECRET);
        return;
    }
    if (channel->dialled)
        say_proof(channel);
    channel->state = CHANNEL_OPEN;
    channel->deadline_ms = 0;
    channel_known(channel);
    peers_channel_open(channel->peers, channel);
}

static void on_refusal(struct channel *channel, const struct peer_frame *frame)
{
    enum peer_refusal refusal = REFUSAL_FULL;

    if (peer_refusal_decode(frame, &refusal) != ERR_OK)
        channel_fail(channel, "it refused, for a reason unknown to this release");
    else
        channel_fail(channel, peer_refusal_text(refusal));
}

void channel_greeted(struct channel *channel, const struct peer_frame *frame)
{
    ASSERT(channel->state == CHANNEL_GREET || channel->state == CHANNEL_PROVE);
    if (frame->kind == FRAME_REFUSAL)
        on_refusal(channel, frame);
    else if (channel->state == CHANNEL_GREET)
        on_greeting(channel, frame);
    else
        on_proof(channel, frame);
}
