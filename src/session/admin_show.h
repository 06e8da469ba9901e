/* SPDX-License-Identifier: Apache-2.0 */
/* The cluster in JSON, as the admin API shows it. Field names are a promise to scripts; they are
 * listed in docs/manual/admin-api.md. */
#ifndef SESSION_ADMIN_SHOW_H
#define SESSION_ADMIN_SHOW_H

#include "base/buf.h"
#include "model/overlay.h"
#include "msg/status.h"
#include "session/session.h"

/* Which part of the status is wanted. */
enum admin_form {
    ADMIN_FORM_DONE,
    ADMIN_FORM_STATUS,
    ADMIN_FORM_MEMBERS,
    ADMIN_FORM_RING,
    ADMIN_FORM_TRANSFERS,
    ADMIN_FORM_PLAN,
    ADMIN_FORM_SWEEP,
};

void admin_show(struct buf *buf, enum admin_form form, const struct cluster_status *status,
                const struct session_env *env);

/* How the node's replicas were compared with others. */
void admin_show_sweep(struct buf *buf, const struct sweep_status *sweep);

/* All bucket types, or the one of a name. */
void admin_show_types(struct buf *buf, const struct document *document, struct bytes name,
                      struct arena *arena);

/* {"error":..., "properties":{name: reason}} */
void admin_show_faults(struct buf *buf, const struct prop_fault *faults, uint32_t count);

#endif
