/* SPDX-License-Identifier: Apache-2.0 */
/* Bucket properties as JSON: {"props":{"n_val":3,"allow_mult":false,...}}. A value of the wrong
 * kind is not refused here but kept as the JSON that it is: the rules of model/overlay say what is
 * wrong with it, in Riak's words. */
#ifndef WIRE_HTTP_PROPS_H
#define WIRE_HTTP_PROPS_H

#include "base/buf.h"
#include "model/overlay.h"

/* Writes an object of properties. */
void http_props_write(struct buf *buf, const struct prop *props, uint32_t count);

/* Writes {"name":"reason",...}. */
void http_faults_write(struct buf *buf, const struct prop_fault *faults, uint32_t count);

/* Reads {"props":{...}} into an overlay. ERR_MALFORMED when it is of another form, ERR_TOO_LARGE
 * when there is too much. */
enum err http_props_read(struct arena *arena, struct bytes text, struct bytes *ret_overlay)
    MUST_CHECK;

#endif
