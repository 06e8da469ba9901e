/* SPDX-License-Identifier: Apache-2.0 */
/* One side of a conversation with a node: a connection, the questions that were sent and not yet
 * answered, in order, and a clock that gives up on them. Clients, operators and scenarios each have
 * one; what is asked and what the answers mean is theirs. */
#ifndef SIM_CALLER_H
#define SIM_CALLER_H

#include "base/arena.h"
#include "base/buf.h"
#include "sim/question.h"
#include "sim/socket.h"

enum { CALLER_QUESTIONS_MAX = 16 };

/* What is remembered of a question that was sent. */
struct asked {
    enum ask ask;
    void *note; /* the asker's own */
    uint64_t at_us;
};

struct caller;

/* An answer to the first open question. NULL: contact was lost, or patience; that is said of each
 * open question, first to last. */
typedef void caller_heard_fn(struct world *w, struct caller *caller, void *note,
                             const struct answer *answer);

struct caller {
    struct socket_user user;
    struct socket *socket; /* NULL: not connected */
    enum conn_kind kind;
    unsigned node;
    struct timer give_up;
    uint64_t patience_us;
    caller_heard_fn *heard;
    struct buf stream;
    struct asked questions[CALLER_QUESTIONS_MAX];
    uint32_t first, count;
    const char *who; /* for the trace */
    unsigned number;
    struct answer answer; /* large, so not on the stack */
};

void caller_init(struct caller *caller, const char *who, unsigned number, caller_heard_fn *heard);
void caller_done(struct world *w, struct caller *caller);

/* Connects to a node; false when it is down. A connection that was open is dropped. */
bool caller_connect(struct world *w, struct caller *caller, unsigned node, enum conn_kind kind);

/* Goes; open questions are lost. `abrupt`: some of what was sent may not arrive. */
void caller_drop(struct world *w, struct caller *caller, bool abrupt);

/* Asks; there must be a connection and room for the question. `part`: only the beginning of it is
 * sent, and it will never be answered. */
void caller_ask(struct world *w, struct caller *caller, const struct question *question, void *note,
                bool part);

bool caller_busy(const struct caller *caller);

#endif
