/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of peer links: one connection (`struct channel`, channel.c and channel_greet.c), the
 * node that it leads to (`struct peer`, peer.c), and all of them (peers.c). */
#ifndef SERVER_PEERS_INT_H
#define SERVER_PEERS_INT_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/list.h"
#include "base/map.h"
#include "base/random.h"
#include "server/peers.h"
#include "wire/peer.h"

enum { CLASSES = 3 };

/* dialled:   RESOLVE -> CONNECT -> GREET -> PROVE -> OPEN
 * accepted:                        GREET -> PROVE -> OPEN      any -> DEAD */
enum channel_state {
    CHANNEL_RESOLVE, /* the name of the host is being looked up */
    CHANNEL_CONNECT,
    CHANNEL_GREET, /* waits for the other end's greeting */
    CHANNEL_PROVE, /* waits for the other end's proof */
    CHANNEL_OPEN,
    CHANNEL_DEAD, /* being closed; nobody looks at it any more */
};

struct channel {
    struct list all;
    struct list dirty; /* has something to write */
    struct peers *peers;
    enum channel_state state;
    enum peer_class class;
    bool dialled;
    uint8_t version;      /* of the messages */
    bool stranger;        /* accepted, and counted as one */
    bool held;            /* messages wait in `in` until the link is up */
    uint64_t deadline_ms; /* of the handshake, or of its last moments; 0: none */
    uint64_t opened_ms;
    uint64_t call; /* the dialling end's number for it */

    uv_tcp_t tcp;
    uv_connect_t connect;
    uv_getaddrinfo_t resolve;
    uv_write_t write;
    bool resolving; /* the request is under way: the memory must stay */
    bool tcp_ready; /* `tcp` was given to the loop and must be closed */
    bool writing;
    bool last_words; /* closes when what is written has left */

    char address[ADDRESS_BYTES_MAX]; /* dialled */
    struct addrinfo *found, *trying;

    struct buf in;      /* the beginning of a frame */
    struct buf sending; /* what the loop is writing */
    struct buf said;    /* handshake: what is to be written */
    struct buf ours;    /* handshake: the payloads of both greetings */
    struct buf theirs;
    struct peer_greeting greeting; /* theirs; its views point into `theirs` */

    struct peer *peer; /* whose connection it is, or was; or for whom it was dialled */
    struct dial *dial; /* for which OUT_DIAL it was made */
};

/* A node that the shard wants or that is linked. */
struct peer {
    struct map_node node;
    struct list work; /* something is to be done at the end of the turn */
    struct peers *peers;
    uint64_t id;
    bool wanted;     /* OUT_PEER */
    bool up;         /* EV_LINK_UP was told */
    bool unlink;     /* OUT_UNLINK came */
    bool complained; /* that it cannot be reached was logged */
    uint64_t instance;
    struct channel *channels[CLASSES];
    struct channel *dialling[CLASSES];
    struct buf gather[CLASSES]; /* of this turn, and what could not be written before */
    char address[ADDRESS_BYTES_MAX];
    char dialled[ADDRESS_BYTES_MAX]; /* an OUT_DIAL led here and was not told yet */
    uint64_t dial_at_ms;
    uint64_t backoff_ms;
};

/* An OUT_DIAL that has not come to anything. */
struct dial {
    struct list node;
    char address[ADDRESS_BYTES_MAX];
    struct channel *channel; /* NULL before the end of the turn */
};

struct peers {
    uv_loop_t *uv;
    struct log *log;
    struct sink sink;
    struct secret secret;
    uint64_t instance;
    void (*hello)(void *context, struct peer_hello *ret_hello);
    void *context;

    struct listener listener;
    struct map by_id;
    struct list channels;
    struct list dirty;
    struct list work;
    struct list dials;
    uint32_t strangers; /* accepted and not yet open */
    uint64_t calls;     /* made by this process */
    uint64_t self;      /* this node's id at the last look */
    uv_timer_t timer;
    bool timer_ready;
    bool stopping;
    bool events;
    struct random jitter;
    struct arena arena; /* of the message being told */
    uint8_t *read_space;
    struct peers_counts counts;
};

/* peer.c */

/* NULL when there is none. */
struct peer *peer_find(const struct peers *peers, uint64_t id);

/* Makes it when there is none. */
struct peer *peer_make(struct peers *peers, uint64_t id);

/* Ends its connections and forgets it; tells nobody. */
void peer_free(struct peer *peer);

/* Something is to be looked at when the turn ends. */
void peer_note(struct peer *peer);

/* Sets the time of the next attempt: later each time, never at the same moment as others'. */
void peer_back_off(struct peer *peer);

/* The same for the first attempt: the greater id calls, the other waits to be called. */
void peer_wait_turn(struct peer *peer);

/* Ends all its connections; what was gathered is lost. The shard hears of it if it was up. */
void peer_go_down(struct peer *peer);

/* An OUT_DIAL that had led here came to nothing, if there was one. */
void peer_forget_dial(struct peer *peer);

/* Brings an event to the shard. */
void peers_tell(struct peers *peers, struct event *ev);

/* channel.c */

/* Dials, for a peer or for an OUT_DIAL, which points to the channel from now on until
 * peers_channel_open or peers_channel_dead, which may come at once. */
void channel_dial(struct peers *peers, const char *address, enum peer_class class,
                  struct peer *peer, struct dial *dial);

/* Takes over a connection that the listener has. */
void channel_accept(struct peers *peers, uv_stream_t *server);

/* Closes. Tells nobody. */
void channel_kill(struct channel *channel);

/* It failed by itself: tells peers_channel_dead, then closes. */
void channel_fail(struct channel *channel, const char *reason);

/* It is no stranger any more. */
void channel_known(struct channel *channel);

/* Says why first, where that is possible. */
void channel_refuse(struct channel *channel, enum peer_refusal refusal);

/* Writes what the peer has gathered for this connection. False: it failed and must be killed. */
bool channel_flush(struct channel *channel);

/* Messages that came before the link was up are read now. */
void channel_resume(struct channel *channel);

/* At the end of the turn. */
void channel_mark_dirty(struct channel *channel);

/* channel_greet.c: the handshake. */

/* Connected, or accepted: says our greeting if we dialled. */
void channel_greet(struct channel *channel);

/* A frame of a connection that is not open yet. */
void channel_greeted(struct channel *channel, const struct peer_frame *frame);

/* peer.c: what connections tell. */

/* The handshake is over. It may be dead afterwards. */
void peers_channel_open(struct peers *peers, struct channel *channel);

/* A message came. */
void peers_channel_message(struct peers *peers, struct channel *channel,
                           const struct peer_frame *frame);

/* It failed, for this reason; it is killed by the caller afterwards. */
void peers_channel_dead(struct peers *peers, struct channel *channel, const char *reason);

#endif
