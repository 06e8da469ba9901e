/* SPDX-License-Identifier: Apache-2.0 */
/* `dassie demo`: a cluster on this machine in a second, to try things on. */
#ifndef CLI_DEMO_H
#define CLI_DEMO_H

#include "cli/cli.h"

extern const struct cli_command command_demo;

#endif
