/* SPDX-License-Identifier: Apache-2.0 */
#include "msg/request.h"

void request_options_init(struct request_options *options)
{
    *options = (struct request_options){
        .r = QUORUM_DEFAULT,
        .w = QUORUM_DEFAULT,
        .pr = QUORUM_DEFAULT,
        .pw = QUORUM_DEFAULT,
        .dw = QUORUM_DEFAULT,
        .rw = QUORUM_DEFAULT,
        .node_confirms = QUORUM_DEFAULT,
    };
}
