/* SPDX-License-Identifier: Apache-2.0 */
/* A replica that has got to where it shall be: what the data side tells the cluster. */
#ifndef MSG_MOVED_H
#define MSG_MOVED_H

#include <stdint.h>

struct moved {
    uint32_t partition, place;
    uint64_t from; /* who had it; 0: nobody who serves */
    uint64_t to;
};

#endif
