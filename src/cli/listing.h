/* SPDX-License-Identifier: Apache-2.0 */
/* keys, buckets and ping. */
#ifndef CLI_LISTING_H
#define CLI_LISTING_H

#include "cli/cli.h"

extern const struct cli_command command_keys;
extern const struct cli_command command_buckets;
extern const struct cli_command command_ping;

#endif
