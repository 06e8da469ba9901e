/* SPDX-License-Identifier: Apache-2.0 */
/* Errors as numbers between nodes: `enum err` may be reordered in any release, these stay. */
#ifndef WIRE_PEER_ERR_H
#define WIRE_PEER_ERR_H

#include "base/err.h"

#include <stdint.h>

uint8_t peer_err_number(enum err err);

/* A number that this release does not know is ERR_UNKNOWN: a newer peer failed in a newer way. */
enum err peer_err_of(uint8_t number);

#endif
