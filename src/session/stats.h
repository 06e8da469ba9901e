/* SPDX-License-Identifier: Apache-2.0 */
/* What a node counts, in the two forms in which the world asks for it: Riak's /stats, with Riak's
 * names, and OpenMetrics.
 *
 * Riak's names are many, and tools look for some that only a Riak can fill. All names that a Riak
 * 3.2 has are there; what is not measured here is 0, and the versions of Erlang's parts are
 * "none". */
#ifndef SESSION_STATS_H
#define SESSION_STATS_H

#include "base/buf.h"
#include "session/session.h"

/* One JSON object, on one line, or one member a line. */
void stats_json_put(struct buf *buf, const struct session_env *env, bool lines);

/* The whole exposition, with its end mark. */
void stats_metrics_put(struct buf *buf, const struct session_env *env);

#endif
