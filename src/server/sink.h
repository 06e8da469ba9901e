/* SPDX-License-Identifier: Apache-2.0 */
/* Where the host's parts bring what happened. Never called while an outbox is executed: what comes
 * up then is kept until the end of the turn. */
#ifndef SERVER_SINK_H
#define SERVER_SINK_H

#include "msg/event.h"

struct sink {
    void (*event)(void *context, struct event *ev); /* stamps the time, runs the step */
    void *context;
};

static inline void sink_event(const struct sink *sink, struct event *ev)
{
    sink->event(sink->context, ev);
}

#endif
