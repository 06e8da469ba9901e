/* SPDX-License-Identifier: Apache-2.0 */
#include "msg/peer.h"

#include "base/check.h"

enum peer_class peer_class(const struct peer_msg *msg)
{
    switch (msg->kind) {
    case PEER_CLUSTER: return CLASS_CONTROL;
    case PEER_GET:
    case PEER_GOT:
    case PEER_PUT:
    case PEER_PUT_ACK:
    case PEER_FORWARD:
    case PEER_FORWARDED:
    case PEER_MOVE:
    case PEER_MOVED: return CLASS_DATA;
    case PEER_LIST:
    case PEER_LISTED:
    case PEER_DIGESTS:
    case PEER_DIGESTED:
    case PEER_LACKS:
    case PEER_HEARD: return CLASS_BULK;
    }
    UNREACHABLE();
}
