/* SPDX-License-Identifier: Apache-2.0 */
/* Bucket types and properties as changes of the document: pure functions. Riak's rules: a type is
 * created inactive, may be created anew until it is activated, and serves from then on; only what a
 * client names changes. */
#ifndef CLUSTER_PROPS_H
#define CLUSTER_PROPS_H

#include "base/buf.h"
#include "base/err.h"
#include "model/document.h"
#include "msg/request.h"

/* Applies the change to a draft of the next epoch. ERR_BAD_PROPERTY with the reason in `why`;
 * ERR_NO_TYPE, ERR_NOT_ACTIVE, ERR_REFUSED (a type that is active cannot be created), ERR_FULL. */
enum err props_apply(struct document *draft, enum props_verb verb, struct bytes type,
                     struct bytes bucket, struct bytes overlay, struct buf *why) MUST_CHECK;

#endif
