/* SPDX-License-Identifier: Apache-2.0 */
/* RpbBucketProps, in both directions. Properties that have no field in it (dvv_enabled,
 * node_confirms, sync_on_write, name, active, claimant, unknown ones) cannot be set this way and
 * are left out when they are shown. */
#ifndef WIRE_PB_PROPS_H
#define WIRE_PB_PROPS_H

#include "model/overlay.h"
#include "wire/pb_wire.h"

/* Reads the properties that a client sets into the arena. Hooks count only when the client says
 * that it means the list: an empty list and none look alike. ERR_MALFORMED when it is no such
 * message, ERR_TOO_LARGE above OVERLAY_HOOKS_MAX hooks. */
enum err pb_props_read(struct arena *arena, struct bytes body, const struct prop **ret_props,
                       uint32_t *ret_count) MUST_CHECK;

/* RpbGetBucketResp, a whole frame; to be called like the functions of wire/pb_encode.h. */
size_t pb_props_put(uint8_t *to, const struct prop *props, uint32_t count);

#endif
