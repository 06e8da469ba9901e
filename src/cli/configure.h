/* SPDX-License-Identifier: Apache-2.0 */
/* `dassie config ...`: what may be set, and what a set of files and settings comes to. */
#ifndef CLI_CONFIGURE_H
#define CLI_CONFIGURE_H

#include "cli/cli.h"

extern const struct cli_command command_config_describe;
extern const struct cli_command command_config_effective;

#endif
